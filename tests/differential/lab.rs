//! A router between two networks: rulesets into it, segments through it.

use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ftpnat::ruleset::eval::HostFacts;
use nix::net::if_::if_nametoindex;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::judge::host_facts;
use crate::packet::{ACK, FIN, RST, Received, SYN, Segment};
use crate::support::netns::Namespace;
use crate::support::{command, directory, wait_until};
use crate::wire::{Side, Wire, forget_connections};

/// The router's addresses, by interface; the first of each family is its primary one.
pub(crate) const ADDRESSES: &[(&str, &[&str])] = &[
    ("cli", &["10.77.1.1/24", "10.77.1.4/24", "2001:db8:1::1/64"]),
    ("srv", &["10.77.2.1/24", "2001:db8:2::1/64"]),
];

/// What is loaded. Empty parts are not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// For `nft -f`.
    pub(crate) nft: String,
    /// For `iptables-nft-restore` and `ip6tables-nft-restore`.
    pub(crate) iptables_nft: [String; 2],
    /// For `iptables-legacy-restore` and `ip6tables-legacy-restore`.
    pub(crate) iptables_legacy: [String; 2],
}

/// One segment and where it leaves from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Where it leaves from.
    pub(crate) from: Side,
    /// The segment; no two of a batch have the same sequence number.
    pub(crate) segment: Segment,
}

/// What became of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It came out.
    Arrived {
        /// Where.
        side: Side,
        /// Its source then.
        source: SocketAddr,
        /// Its destination then.
        destination: SocketAddr,
    },
    /// A refusal came back.
    Refused(Refusal),
    /// Nothing.
    Silent,
}

/// How a packet is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `RST`
    Reset,
    /// An ICMP error.
    Icmp {
        /// `ICMPv6`.
        v6: bool,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
}

/// The namespaces, and the sockets in them. Made and used on one thread, which it moves
/// into the router's namespace and onto one CPU.
pub(crate) struct Lab {
    wire: Wire,
    dir: TempDir,
    /// iptables-legacy has been used here; its tables do not go away.
    legacy: bool,
    facts: HostFacts,
}

impl Lab {
    /// Runs `work` with a new lab, on a thread of its own.
    pub(crate) fn with<T: Send + 'static>(work: impl FnOnce(&mut Self) -> T + Send + 'static) -> T {
        let dir = directory();
        let router = Namespace::new("router", dir.path());
        let outside = Namespace::new("outside", dir.path());
        wire_up(&router, &outside);
        let wire = Wire::new(&outside, &router);
        router.inside(move || {
            stay_on_this_cpu();
            let facts = host_facts(interfaces());
            work(&mut Self {
                wire,
                dir,
                legacy: false,
                facts,
            })
        })
    }

    /// Replaces the rules and forgets all connections.
    ///
    /// # Errors
    /// What the program said that refused its text.
    pub(crate) fn load(&mut self, load: &Load) -> Result<(), String> {
        self.feed("nft", &["-f", "-"], &format!("flush ruleset\n{}", load.nft))?;
        for (program, text) in ["iptables-nft-restore", "ip6tables-nft-restore"]
            .iter()
            .zip(&load.iptables_nft)
        {
            if !text.is_empty() {
                self.feed(program, &[], text)?;
            }
        }
        for (program, text) in ["iptables-legacy-restore", "ip6tables-legacy-restore"]
            .iter()
            .zip(&load.iptables_legacy)
        {
            self.legacy |= !text.is_empty();
            if self.legacy {
                // Tables that the text does not have keep their rules, else.
                let absent: String = EMPTY
                    .split_inclusive("COMMIT\n")
                    .filter(|table| !text.contains(table.lines().next().unwrap_or_default()))
                    .collect();
                self.feed(program, &[], &(absent + text))?;
            }
        }
        forget_connections();
        Ok(())
    }

    /// Sends all and says what became of each.
    pub(crate) fn play(&self, probes: &[Probe]) -> Vec<Seen> {
        for probe in probes {
            self.wire.send(probe.from, &probe.segment);
        }
        let received = self.wire.collect();
        probes.iter().map(|probe| probe.seen(&received)).collect()
    }

    /// What is known of the router besides its rules.
    pub(crate) fn facts(&self) -> &HostFacts {
        &self.facts
    }

    fn feed(&self, program: &str, arguments: &[&str], text: &str) -> Result<(), String> {
        let file: PathBuf = self.dir.path().join("rules");
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let output = command(program)
            .args(arguments)
            .env("XTABLES_LOCKFILE", self.dir.path().join("xtables.lock"))
            .stdin(std::fs::File::open(&file).map_err(|error| error.to_string())?)
            .stdout(Stdio::piped())
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        if output.status.success() {
            Ok(())
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            let first: String = said.split_inclusive('\n').take(6).collect();
            Err(format!("{program}: {first}"))
        }
    }
}

/// All four tables of iptables, empty.
const EMPTY: &str = "*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
COMMIT
";

impl Probe {
    fn seen(&self, received: &[(Side, Received)]) -> Seen {
        let sent = &self.segment;
        let arrived = received.iter().find_map(|(side, received)| match received {
            Received::Segment(segment)
                if segment.sequence == sent.sequence && segment.flags == sent.flags =>
            {
                Some(Seen::Arrived {
                    side: *side,
                    source: segment.source,
                    destination: segment.destination,
                })
            }
            _ => None,
        });
        let refused = received.iter().find_map(|(_, received)| match *received {
            Received::Segment(segment) if self.is_reset(&segment) => {
                Some(Seen::Refused(Refusal::Reset))
            }
            Received::Error {
                v6,
                kind,
                code,
                sequence,
            } if sequence == sent.sequence => Some(Seen::Refused(Refusal::Icmp { v6, kind, code })),
            _ => None,
        });
        // What arrived at the router's own closed port is answered as well.
        arrived.or(refused).unwrap_or(Seen::Silent)
    }

    /// Whether a `RST` answers this (RFC 9293, 3.10.7.1).
    fn is_reset(&self, segment: &Segment) -> bool {
        let sent = &self.segment;
        let length = u32::from(sent.flags & SYN != 0) + u32::from(sent.flags & FIN != 0);
        segment.flags & RST != 0
            && if sent.flags & ACK == 0 {
                segment.acknowledged == sent.sequence.wrapping_add(length)
            } else {
                segment.sequence == sent.acknowledged
            }
    }
}

fn wire_up(router: &Namespace, outside: &Namespace) {
    // No ARP: the far ends have no stack that would answer. A packet goes out to the
    // router's own link address, and the packet socket there sees it all the same.
    router.ip(&format!(
        "link add cli address 02:00:00:00:01:01 type veth peer name c0 netns {0}
         link add srv address 02:00:00:00:02:01 type veth peer name s0 netns {0}
         link set cli arp off
         link set srv arp off",
        outside.path()
    ));
    // Quiet ends: no duplicate detection, no router solicitation, no multicast reports.
    outside.sysctl("net.ipv6.conf.all.disable_ipv6", "1");
    outside.ip("link set c0 up\nlink set s0 up");
    for (key, value) in [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv6.conf.all.forwarding", "1"),
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.ipv4.conf.default.rp_filter", "0"),
        ("net.ipv4.conf.all.send_redirects", "0"),
        ("net.ipv4.conf.default.send_redirects", "0"),
        ("net.ipv4.conf.cli.send_redirects", "0"),
        ("net.ipv4.conf.srv.send_redirects", "0"),
        ("net.ipv4.conf.cli.rp_filter", "0"),
        ("net.ipv4.conf.srv.rp_filter", "0"),
        // A refusal for each: no rate (`icmpv4_mask_allow`, `icmpv6_mask_allow`).
        ("net.ipv4.icmp_ratemask", "0"),
        // A type that no error has; nothing at all cannot be written.
        ("net.ipv6.icmp.ratemask", "127"),
    ] {
        router.sysctl(key, value);
    }
    let mut batch = String::new();
    for (device, addresses) in ADDRESSES {
        let _ = writeln!(
            batch,
            "link set {device} addrgenmode none\nlink set {device} up"
        );
        for address in *addresses {
            let nodad = if address.contains(':') { " nodad" } else { "" };
            let _ = writeln!(batch, "addr add {address} dev {device}{nodad}");
        }
    }
    router.ip(&batch);
    let local = router.inside(|| wait_until(Duration::from_secs(10), has_local_routes));
    assert!(local, "the IPv6 addresses do not become local");
}

/// Whether each IPv6 address has its local route: duplicate detection, even none, ends on
/// a work queue (`addrconf_dad_work`).
fn has_local_routes() -> bool {
    let routes = std::fs::read_to_string("/proc/thread-self/net/ipv6_route").unwrap_or_default();
    ADDRESSES
        .iter()
        .flat_map(|(_, nets)| *nets)
        .filter_map(|net| net.split('/').next()?.parse::<Ipv6Addr>().ok())
        .all(|address| {
            let line = format!("{:032x} 80 ", u128::from(address));
            routes.lines().any(|route| route.starts_with(&line))
        })
}

/// The interfaces and their numbers.
fn interfaces() -> Vec<(u32, String)> {
    ["lo", "cli", "srv"]
        .into_iter()
        .map(|name| {
            (
                if_nametoindex(name).expect("the interface"),
                name.to_owned(),
            )
        })
        .collect()
}

/// Keeps this thread, and the programs that it starts, on the CPU that it is on.
fn stay_on_this_cpu() {
    let mut one = CpuSet::new();
    one.set(sched_getcpu().expect("this CPU")).expect("a CPU");
    sched_setaffinity(Pid::from_raw(0), &one).expect("one CPU");
}
