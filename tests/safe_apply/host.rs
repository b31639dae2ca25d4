//! A gateway with a firewall of its own, and ftpnat's hands on it.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::seen::Seen;
use crate::support::netns::Namespace;
use crate::support::rules::{nft, restore};
use crate::support::{BackEnd, Run, directory};

/// What an administrator has in nft: it drops, counts, bans, and translates.
const NATIVE: &str = "
table inet filter {
  set banned { type ipv4_addr; elements = { 192.0.2.66, 192.0.2.67 } }
  chain input {
    type filter hook input priority 0; policy drop;
    ip saddr @banned counter drop
    ct state established,related accept
    iif lo accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport 22 counter accept
    counter comment \"the rest\"
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related counter accept
    ip saddr 10.77.0.0/24 tcp dport 443 accept
    counter drop
  }
}
table ip web {
  chain prerouting {
    type nat hook prerouting priority -100;
    iif eth0 tcp dport 8080 dnat to 10.77.0.80:80
  }
}
";

/// The same in iptables, of one family.
fn iptables(web: &str) -> String {
    format!(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         :POSTROUTING ACCEPT [0:0]\n\
         -A PREROUTING -i eth0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination {web}\nCOMMIT\n\
         *filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:BANS - [0:0]\n\
         -A INPUT -j BANS\n\
         -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A INPUT -i lo -j ACCEPT\n\
         -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n\
         -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A FORWARD -i eth1 -p tcp -m tcp --dport 443 -j ACCEPT\n\
         -A BANS -s {} -j DROP\nCOMMIT\n",
        if web.starts_with('[') {
            "2001:db8:66::/48"
        } else {
            "192.0.2.66/32"
        }
    )
}

/// A server here and one behind: rules of every kind, and sysctls.
const PROFILES: &str = "name: here
control: { port: 2121, tls: required }
passive: { ports: 40000-40100 }
nat: { mode: none }
";
const BEHIND: &str = "name: behind
server: { address: [ 10.77.0.21, 2001:db8:77::21 ] }
control: { port: 21, tls: required }
passive: { ports: 50000-50999, advertise: 198.51.100.1 }
nat:
  mode: dnat
  external: { address: 198.51.100.1, interface: eth0 }
  internal: { interface: eth1, networks: [ 10.77.0.0/24, \"2001:db8:77::/64\" ] }
  hairpin: true
";

/// Sysctls that ftpnat sets, or that the kernel sets with them.
pub(crate) const SYSCTLS: [&str; 6] = [
    "net/ipv4/ip_forward",
    "net/ipv4/ip_local_reserved_ports",
    "net/ipv4/conf/all/accept_redirects",
    "net/ipv4/conf/eth0/forwarding",
    "net/ipv6/conf/all/forwarding",
    "net/ipv6/conf/eth0/forwarding",
];

/// What rules stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nft,
    Iptables(BackEnd),
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [
        Self::Nft,
        Self::Iptables(BackEnd::Nft),
        Self::Iptables(BackEnd::Legacy),
    ];

    /// As `--backend` has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Iptables(BackEnd::Nft) => "iptables-nft",
            Self::Iptables(BackEnd::Legacy) => "iptables-legacy",
        }
    }
}

/// The gateway.
pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    pub(crate) kind: Kind,
    dir: TempDir,
}

impl Host {
    pub(crate) fn new(kind: Kind) -> Self {
        let dir = directory();
        let namespace = Namespace::new("gateway", dir.path());
        namespace.ip("link add eth0 type veth peer name peer0\n\
                      link add eth1 type veth peer name peer1\n\
                      link set peer0 up\nlink set peer1 up\n\
                      link set eth0 up\nlink set eth1 up\n\
                      address add 198.51.100.1/24 dev eth0\n\
                      address add 10.77.0.1/24 dev eth1\n\
                      address add 2001:db8:51::1/64 dev eth0\n\
                      address add 2001:db8:77::1/64 dev eth1\n\
                      route add default via 198.51.100.254\n\
                      route add default via 2001:db8:51::fe");
        match kind {
            Kind::Nft => nft(&namespace, NATIVE),
            Kind::Iptables(back_end) => {
                for (program, web) in [
                    ("iptables", "10.77.0.80:80"),
                    ("ip6tables", "[2001:db8:77::80]:80"),
                ] {
                    let program = back_end.program(program, "restore");
                    restore(&namespace, &program, &[], &iptables(web));
                }
            }
        }
        let profiles = dir.path().join("profiles");
        std::fs::create_dir(&profiles).expect("a folder");
        let host = Self {
            namespace,
            kind,
            dir,
        };
        host.profile("here", PROFILES);
        host.profile("behind", BEHIND);
        host
    }

    /// The folder of this host's files.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Writes a profile into the folder of those that are applied.
    pub(crate) fn profile(&self, name: &str, text: &str) {
        let path = self.dir.path().join(format!("profiles/{name}.yaml"));
        std::fs::write(path, text).expect("a profile");
    }

    /// The other range of the profile `behind`, or the first again.
    pub(crate) fn other_range(&self, is_other: bool) {
        let text = if is_other {
            BEHIND.replace("50000-50999", "51000-51499")
        } else {
            BEHIND.to_owned()
        };
        self.profile("behind", &text);
    }

    pub(crate) fn state(&self) -> String {
        self.dir.path().join("state").display().to_string()
    }

    /// Any program on this host.
    pub(crate) fn command(&self, program: &str) -> Command {
        let beside = match self.kind {
            Kind::Nft => BackEnd::Nft,
            Kind::Iptables(back_end) => back_end,
        };
        let mut command = self.namespace.command(program);
        command.env("PATH", beside.search_path());
        command
    }

    /// ftpnat, to be run with its state here.
    pub(crate) fn ftpnat(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_ftpnat"));
        command
            .args(arguments)
            .args(["--state-dir", &self.state()])
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finished(&mut self.ftpnat(arguments))
    }

    /// The arguments of an apply of all profiles.
    pub(crate) fn apply<'a>(&self, more: &[&'a str], folder: &'a str) -> Vec<&'a str> {
        let own = ["apply", "--backend", self.kind.word(), "--profile", folder];
        [&own, more].concat()
    }

    pub(crate) fn folder(&self) -> String {
        self.dir.path().join("profiles").display().to_string()
    }

    /// `ftpnat apply` with these arguments besides.
    pub(crate) fn run_apply(&self, more: &[&str]) -> Run {
        let folder = self.folder();
        self.run(&self.apply(more, &folder))
    }

    /// Everything that is there.
    pub(crate) fn seen(&self) -> Seen {
        Seen::of(self)
    }

    /// The file of that name in the state, wherever its sub-state is.
    pub(crate) fn file(&self, name: &str) -> Option<std::path::PathBuf> {
        let folders = std::fs::read_dir(self.state()).ok()?;
        let mut paths = folders.flatten().map(|folder| folder.path().join(name));
        paths.find(|path| path.exists())
    }

    /// Waits until nobody holds the lock any more: what a killed ftpnat started may go on.
    pub(crate) fn settle(&self) {
        if let Some(lock) = self.file("lock") {
            let flock = Command::new("flock")
                .args(["-w", "20"])
                .arg(lock)
                .arg("true")
                .status();
            assert!(flock.expect("flock runs").success(), "somebody holds it");
        }
    }
}

/// The run of a command to its end.
pub(crate) fn finished(command: &mut Command) -> Run {
    let output = command.output().expect("it runs");
    Run {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
