//! The rulesets that are there before ours.

use std::fs;
use std::path::{Path, PathBuf};

use ftpnat::model::net::Family;

/// A ruleset of one family.
#[derive(Debug, Clone, Default)]
pub(crate) struct Base {
    pub(crate) name: String,
    /// For iptables-restore; empty: nothing was ever loaded.
    pub(crate) text: String,
    /// For `ipset restore`.
    pub(crate) sets: String,
    /// Made up for these tests, not recorded.
    pub(crate) is_made_here: bool,
}

/// All that there are for the family.
pub(crate) fn all(family: Family) -> Vec<Base> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rulesets");
    let mut bases = vec![
        base("empty", String::new()),
        base("bans-and-policy", bans(family)),
        base("reject-last", rejecting(family)),
    ];
    let recorded: &[&str] = match family {
        Family::Ipv4 => &["ufw.save", "docker.save"],
        Family::Ipv6 => &["ufw6.save"],
    };
    bases.extend(
        recorded
            .iter()
            .map(|name| base(name, read(folder.join(name)))),
    );
    let files = match family {
        Family::Ipv4 => ["iptables.save", "iptables-legacy.save"],
        Family::Ipv6 => ["ip6tables.save", "ip6tables-legacy.save"],
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(folder.join("real"))
        .expect("the rulesets")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    for folder in folders {
        let Some(file) = files.iter().map(|f| folder.join(f)).find(|f| f.exists()) else {
            continue;
        };
        let name = folder.file_name().expect("a name").to_string_lossy();
        bases.push(Base {
            sets: fs::read_to_string(folder.join("ipset.save")).unwrap_or_default(),
            is_made_here: false,
            ..base(&name, read(file))
        });
    }
    bases
}

fn base(name: &str, text: String) -> Base {
    Base {
        name: name.to_owned(),
        text,
        sets: String::new(),
        is_made_here: true,
    }
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(path).expect("a recorded ruleset")
}

pub(crate) fn banning(family: Family) -> Base {
    base("bans-and-policy", bans(family))
}

/// Nothing comes in.
pub(crate) fn closed() -> Base {
    let text = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n\
                :f2b-ftp - [0:0]\nCOMMIT\n";
    base("closed", text.to_owned())
}

/// Bans, a chain that drops, policies that drop, and counters of the past.
fn bans(family: Family) -> String {
    let (banned, net) = match family {
        Family::Ipv4 => ("198.51.100.66/32", "203.0.113.0/24"),
        Family::Ipv6 => ("2001:db8::66/128", "2001:db8:66::/48"),
    };
    format!(
        "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n\
         :OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
         [3:120] -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\n\
         COMMIT\n\
         *filter\n:INPUT DROP [17:1020]\n:FORWARD DROP [4:240]\n:OUTPUT ACCEPT [0:0]\n\
         :f2b-ftp - [0:0]\n\
         [9:540] -A INPUT -p tcp -m multiport --dports 21,990,50000:51000 -j f2b-ftp\n\
         [5:300] -A INPUT -i lo -j ACCEPT\n\
         [7:420] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         [2:120] -A INPUT -s {net} -j DROP\n\
         [1:60] -A INPUT -m limit --limit 3/min -j LOG --log-prefix \"in: \"\n\
         [6:360] -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         [1:40] -A f2b-ftp -s {banned} -j DROP\n\
         [8:480] -A f2b-ftp -j RETURN\nCOMMIT\n"
    )
}

/// As RHEL has it: nothing by policy, everything by a last rule.
fn rejecting(family: Family) -> String {
    let with = match family {
        Family::Ipv4 => "icmp-host-prohibited",
        Family::Ipv6 => "icmp6-adm-prohibited",
    };
    format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [5:300]\n\
         -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n\
         -A INPUT -i lo -j ACCEPT\n\
         -A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT\n\
         -A INPUT -j REJECT --reject-with {with}\n\
         -A FORWARD -j REJECT --reject-with {with}\nCOMMIT\n"
    )
}
