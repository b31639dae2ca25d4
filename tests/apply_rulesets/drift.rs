//! What becomes of ours behind our back: `status` finds it and names it, `apply` puts it
//! right.

use libtest_mimic::{Failed, Trial};

use crate::host::{Host, read_profile};
use crate::texts::{OFFICE, dropping};

/// What is done to a host whose profile `office` is installed, and what `status` says of
/// it then.
struct Case {
    name: &'static str,
    back_end: &'static str,
    act: fn(&Host),
    /// The state, and a rule that has it; empty: one that is not ours.
    says: (&'static str, &'static str),
    /// Whether `apply` can put it right.
    curable: bool,
}

const CASES: &[Case] = &[
    Case {
        name: "our-table-deleted",
        back_end: "nft",
        act: |host| nft(host, "delete table inet ftpnat"),
        says: ("missing", "passive-range"),
        curable: true,
    },
    Case {
        name: "rule-deleted",
        back_end: "nft",
        act: |host| {
            let (chain, handle, _) = found(host, "inet ftpnat", "ftpnat:office:control");
            nft(
                host,
                &format!("delete rule inet ftpnat {chain} handle {handle}"),
            );
        },
        says: ("missing", "control"),
        curable: true,
    },
    Case {
        name: "rule-edited",
        back_end: "nft",
        act: |host| {
            let (chain, handle, _) = found(host, "inet ftpnat", "ftpnat:office:control");
            nft(
                host,
                &format!(
                    "replace rule inet ftpnat {chain} handle {handle} tcp dport 2121 counter \
                     accept comment \"ftpnat:office:control\""
                ),
            );
        },
        says: ("changed", "control"),
        curable: true,
    },
    Case {
        name: "rule-added",
        back_end: "nft",
        act: |host| {
            let (chain, ..) = found(host, "inet ftpnat", "ftpnat:office:control");
            nft(
                host,
                &format!("add rule inet ftpnat {chain} tcp dport 23 accept"),
            );
        },
        says: ("changed", ""),
        curable: true,
    },
    Case {
        name: "guest-deleted",
        back_end: "nft",
        act: |host| {
            let (chain, handle, _) = found(host, "inet filter", "ftpnat:office:passive-range");
            nft(
                host,
                &format!("delete rule inet filter {chain} handle {handle}"),
            );
        },
        says: ("missing", "passive-range"),
        curable: true,
    },
    Case {
        name: "guest-behind-the-drop",
        back_end: "nft",
        act: |host| {
            let (chain, handle, text) = found(host, "inet filter", "ftpnat:office:passive-range");
            nft(
                host,
                &format!(
                    "delete rule inet filter {chain} handle {handle}\n\
                     add rule inet filter {chain} {text}"
                ),
            );
        },
        says: ("shadowed", "passive-range"),
        curable: true,
    },
    Case {
        name: "guest-moved",
        back_end: "nft",
        act: |host| {
            let (chain, handle, text) = found(host, "inet filter", "ftpnat:office:passive-range");
            let (_, before, _) = found(host, "inet filter", "tcp dport 22 accept");
            nft(
                host,
                &format!(
                    "delete rule inet filter {chain} handle {handle}\n\
                     insert rule inet filter {chain} position {before} {text}"
                ),
            );
        },
        says: ("moved", "passive-range"),
        curable: true,
    },
    Case {
        name: "a-drop-before-the-guest",
        back_end: "nft",
        act: |host| {
            let (chain, before, _) = found(host, "inet filter", "tcp dport 22 accept");
            nft(
                host,
                &format!(
                    "insert rule inet filter {chain} position {before} tcp dport 50000-51000 drop"
                ),
            );
        },
        says: ("shadowed", "passive-range"),
        curable: true,
    },
    // An accept before that drop would let in whom the ban behind it keeps out.
    Case {
        name: "a-drop-before-a-ban",
        back_end: "nft",
        act: |host| {
            nft(
                host,
                "insert rule inet filter input tcp dport 50000-51000 drop",
            );
        },
        says: ("shadowed", "passive-range"),
        curable: false,
    },
    Case {
        // It is a guest that it needs now.
        name: "another-chain-drops",
        back_end: "nft",
        act: |host| {
            nft(
                host,
                "table inet other { chain in { type filter hook input priority 10; \
                 policy drop; ct state established accept; tcp dport 22 accept; }; }",
            );
        },
        says: ("missing", "passive-range"),
        curable: true,
    },
    Case {
        name: "jump-deleted",
        back_end: "iptables-nft",
        act: |host| run(host, &without_jump("iptables-nft")),
        says: ("missing", "jump"),
        curable: true,
    },
    Case {
        name: "jump-deleted",
        back_end: "iptables-legacy",
        act: |host| run(host, &without_jump("iptables-legacy")),
        says: ("missing", "jump"),
        curable: true,
    },
    Case {
        name: "chain-flushed",
        back_end: "iptables-nft",
        act: |host| run(host, "iptables-nft -F FTPNAT-INPUT"),
        says: ("missing", "passive-range"),
        curable: true,
    },
    Case {
        name: "chain-flushed",
        back_end: "iptables-legacy",
        act: |host| run(host, "iptables-legacy -F FTPNAT-INPUT"),
        says: ("missing", "passive-range"),
        curable: true,
    },
    Case {
        name: "rule-added",
        back_end: "iptables-nft",
        act: |host| added("iptables-nft", host),
        says: ("changed", ""),
        curable: true,
    },
    Case {
        name: "rule-added",
        back_end: "iptables-legacy",
        act: |host| added("iptables-legacy", host),
        says: ("changed", ""),
        curable: true,
    },
    Case {
        name: "jump-behind-the-drop",
        back_end: "iptables-nft",
        act: |host| jump_last("iptables-nft", host),
        says: ("shadowed", "passive-range"),
        curable: true,
    },
    Case {
        name: "jump-behind-the-drop",
        back_end: "iptables-legacy",
        act: |host| jump_last("iptables-legacy", host),
        says: ("shadowed", "passive-range"),
        curable: true,
    },
];

fn nft(host: &Host, text: &str) {
    host.load("nft -f -", text);
}

/// The chain, the handle and the words of the rule of a table that has these words.
fn found(host: &Host, table: &str, words: &str) -> (String, u64, String) {
    let listing = host.namespace.run(&format!("nft -a list table {table}"));
    let mut chain = "";
    for line in listing.lines() {
        if let Some(name) = line.trim().strip_prefix("chain ") {
            chain = name.split(' ').next().unwrap_or_default();
        }
        if let Some((text, handle)) = line.trim().split_once(" # handle ")
            && text.contains(words)
            && !text.ends_with('{')
        {
            let handle = handle.parse().expect("a handle");
            return (chain.to_owned(), handle, text.to_owned());
        }
    }
    panic!("no {words} in\n{listing}")
}

fn run(host: &Host, line: &str) {
    host.namespace.run(line);
}

fn without_jump(program: &str) -> String {
    format!("{program} -D INPUT -m comment --comment ftpnat::jump -j FTPNAT-INPUT")
}

fn jump_last(program: &str, host: &Host) {
    let line = without_jump(program);
    host.namespace.run(&line);
    host.namespace.run(&line.replace("-D INPUT", "-A INPUT"));
}

fn added(program: &str, host: &Host) {
    host.namespace.run(&format!(
        "{program} -A FTPNAT-INPUT -p tcp --dport 23 -j ACCEPT"
    ));
}

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |case: &'static Case| {
        let name = format!("drift/{}/{}", case.name, case.back_end);
        Trial::test(name, move || played(case))
    };
    CASES.iter().map(trial).collect()
}

fn played(case: &Case) -> Result<(), Failed> {
    let (_, profile) = read_profile("own-firewall")?;
    let host = Host::new(&profile);
    for (program, text) in dropping(case.back_end) {
        host.load(&program, text);
    }
    let apply = [
        "apply",
        "--yes",
        "--profile",
        "-",
        "--backend",
        case.back_end,
    ];
    let installed = host.done(&[&apply[..], &["--output", "json"]].concat(), OFFICE)?;
    shape(&installed.stdout, "ftpnat.apply/1", case.back_end, true)?;
    let healthy = host.done(&["status", "--output", "json"], "")?;
    shape(&healthy.stdout, "ftpnat.status/1", case.back_end, false)?;
    if !healthy.stdout.contains("\"drift\":[]") {
        return Err(format!("drift at once: {healthy:?}").into());
    }

    (case.act)(&host);
    let json = host.ftpnat(&["status", "--output", "json"], "");
    let (state, rule) = case.says;
    let drift: serde_json::Value = serde_json::from_str(&json.stdout)?;
    let told = drift["profiles"][0]["drift"]
        .as_array()
        .into_iter()
        .flatten();
    let is_said =
        |d: &&serde_json::Value| d["state"] == state && d["rule"] == rule && d["text"] != "";
    if json.status != 1 || told.filter(is_said).count() == 0 {
        return Err(format!("{state} {rule} is not said: {json:?}").into());
    }
    let human = host.ftpnat(&["status"], "");
    let word = match case.says {
        ("shadowed", _) => "a drop comes before it",
        (_, "") => "not ftpnat's",
        (state, _) => state,
    };
    if human.status != 1 || !human.stdout.contains(word) {
        return Err(format!("{word} is not said: {human:?}").into());
    }

    let before = host.seen();
    let again = host.ftpnat(&apply, OFFICE);
    if case.curable && again.status != 0 || !case.curable && again.status != 3 {
        return Err(format!("apply again: {again:?}").into());
    }
    if case.curable {
        host.done(&["status"], "")?;
    } else {
        before.is_as(&host.seen(), "after a refusal")?;
    }
    // What was done to the host in between, and nothing of ours, is there after `remove`.
    host.done(&["remove"], "")?;
    let left = host.seen();
    for (program, text) in &left.listings {
        if text.to_lowercase().contains("ftpnat") {
            return Err(format!("{program}:\n{text}").into());
        }
    }
    Ok(())
}

/// The shape of design §9, every key there and none more.
fn shape(line: &str, format: &str, back_end: &str, changed: bool) -> Result<(), Failed> {
    let expected = serde_json::json!({
        "format": format,
        "profiles": [{
            "name": "office",
            "backend": back_end,
            "changed": changed,
            "pending_confirm": null,
            "drift": [],
        }],
    });
    let found: serde_json::Value = serde_json::from_str(line)?;
    if found == expected && line.ends_with('\n') && line.lines().count() == 1 {
        return Ok(());
    }
    Err(format!("{found:#}\nis not\n{expected:#}").into())
}
