//! Random rulesets and the segments to try them with, seeded.
//!
//! Everything is drawn from small pools, so that rules and probes meet.

mod iptables;
mod nft;
mod nft_match;
mod nft_verdict;

use std::net::SocketAddr;

use crate::lab::{Load, Probe};
use crate::packet::{ACK, Data, FIN, SYN, Segment};
use crate::support::dice::Dice;
use crate::wire::Side;

/// Probes for a ruleset.
pub(crate) const PROBES: u64 = 40;

/// A ruleset and its probes.
pub(crate) struct Generated {
    /// Whence it was drawn.
    pub(crate) seed: u64,
    /// The rules.
    pub(crate) load: Load,
    /// The segments.
    pub(crate) probes: Vec<Probe>,
    /// How many rules there are.
    pub(crate) rules: Count,
}

/// Rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// All.
    pub(crate) all: usize,
    /// Those with something that nobody can foresee, such as a rate.
    pub(crate) unforeseen: usize,
}

/// Draws rules.
struct Draw {
    dice: Dice,
    /// Of a hundred rules, so many have something that nobody can foresee.
    unforeseen: u64,
    count: Count,
}

/// Ports of servers.
const PORTS: &[&str] = &[
    "21", "80", "443", "990", "2121", "50000", "50005", "50010", "50011", "51000",
];

/// Ranges of ports, of sources too.
const PORT_RANGES: &[&str] = &[
    "50000-50010",
    "1-1023",
    "1024-65535",
    "21-80",
    "50005-51000",
    "20000-29999",
    "40000-40100",
];

/// Hosts of each side, by family; those of the router are its addresses.
const HOSTS: [[&[&str]; 3]; 2] = [
    [
        &["10.77.1.2", "10.77.1.3", "10.77.1.9", "10.77.1.70"],
        &["10.77.2.2", "10.77.2.3", "10.77.2.9"],
        &["10.77.1.1", "10.77.1.4", "10.77.2.1"],
    ],
    [
        &["2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::70"],
        &["2001:db8:2::2", "2001:db8:2::3", "2001:db8:2::9"],
        &["2001:db8:1::1", "2001:db8:2::1"],
    ],
];

/// Networks, by family.
const NETS: [&[&str]; 2] = [
    &[
        "10.77.1.0/24",
        "10.77.1.0/29",
        "10.77.2.0/24",
        "10.77.2.2/31",
        "10.77.0.0/16",
        "10.77.1.0/26",
    ],
    &[
        "2001:db8:1::/64",
        "2001:db8:1::/126",
        "2001:db8:2::/64",
        "2001:db8:2::2/127",
        "2001:db8::/32",
    ],
];

/// Ranges of addresses, by family.
const RANGES: [&[&str]; 2] = [
    &[
        "10.77.1.2-10.77.1.8",
        "10.77.1.3-10.77.2.2",
        "10.77.2.3-10.77.2.9",
        "10.77.0.0-10.77.1.1",
    ],
    &[
        "2001:db8:1::2-2001:db8:1::8",
        "2001:db8:1::3-2001:db8:2::2",
        "2001:db8:2::3-2001:db8:2::9",
    ],
];

/// Ranges of addresses to translate to, all with a route and of one side, by family.
const TARGETS: [&[&str]; 2] = [
    &[
        "10.77.1.8-10.77.1.11",
        "10.77.2.8-10.77.2.15",
        "10.77.2.2-10.77.2.3",
        "10.77.2.3-10.77.2.9",
    ],
    &[
        "2001:db8:1::8-2001:db8:1::b",
        "2001:db8:2::8-2001:db8:2::f",
        "2001:db8:2::3-2001:db8:2::9",
    ],
];

/// Gives control connections their helper.
const ASSIGN: &str = "table inet assign {
ct helper ftp {
type \"ftp\" protocol tcp;
}
chain c {
type filter hook prerouting priority -160;
tcp dport { 21, 2121 } ct helper set \"ftp\"
}
}
";

/// The ruleset and probes of a seed. Half of the seeds have iptables; of `legacy` ones
/// all, of either back end.
pub(crate) fn generate(seed: u64, legacy: bool) -> Generated {
    let mut draw = Draw {
        dice: Dice(seed),
        unforeseen: 0,
        count: Count::default(),
    };
    // The unforeseen keep together, so that what they spoil is little.
    if draw.dice.percent(12) {
        draw.unforeseen = 25;
    }
    let mut load = Load::default();
    let with_nft = draw.dice.percent(if legacy { 40 } else { 80 });
    if with_nft {
        load.nft = draw.nft();
        if draw.dice.percent(40) {
            load.nft += ASSIGN;
        }
    }
    let with_nft_back_end = !legacy && (!with_nft || draw.dice.percent(35));
    for (number, v6) in [false, true].into_iter().enumerate() {
        if with_nft_back_end && draw.dice.percent(75) {
            load.iptables_nft[number] = draw.iptables(v6);
        }
        if legacy && draw.dice.percent(75) {
            load.iptables_legacy[number] = draw.iptables(v6);
        } else if legacy && draw.dice.percent(30) {
            load.iptables_nft[number] = draw.iptables(v6);
        }
    }
    let probes = (0..PROBES).map(|id| draw.probe(id)).collect();
    Generated {
        seed,
        load,
        probes,
        rules: draw.count,
    }
}

impl Draw {
    /// Counts a rule, and says whether it shall have something unforeseen.
    fn rule_is_unforeseen(&mut self) -> bool {
        let unforeseen = self.dice.percent(self.unforeseen);
        self.count.all += 1;
        self.count.unforeseen += usize::from(unforeseen);
        unforeseen
    }

    fn host(&mut self, v6: bool, side: Side) -> &'static str {
        self.dice.one(HOSTS[usize::from(v6)][side as usize])
    }

    /// A host of any side.
    fn any_host(&mut self, v6: bool) -> &'static str {
        let side = match self.dice.next() % 5 {
            0 | 1 => Side::Client,
            2 | 3 => Side::Server,
            _ => Side::Router,
        };
        self.host(v6, side)
    }

    fn port(&mut self) -> &'static str {
        self.dice.one(PORTS)
    }

    fn port_range(&mut self) -> &'static str {
        self.dice.one(PORT_RANGES)
    }

    fn net(&mut self, v6: bool) -> &'static str {
        self.dice.one(NETS[usize::from(v6)])
    }

    fn range(&mut self, v6: bool) -> &'static str {
        self.dice.one(RANGES[usize::from(v6)])
    }

    fn targets(&mut self, v6: bool) -> &'static str {
        self.dice.one(TARGETS[usize::from(v6)])
    }

    /// `!=` one time in five.
    fn sign(&mut self) -> &'static str {
        if self.dice.percent(20) { "!= " } else { "" }
    }

    fn probe(&mut self, id: u64) -> Probe {
        let v6 = self.dice.percent(35);
        let (from, to) = match self.dice.next() % 20 {
            0..=7 => (Side::Client, Side::Server),
            8..=12 => (Side::Client, Side::Router),
            13 | 14 => (Side::Server, Side::Client),
            15 => (Side::Server, Side::Router),
            16 | 17 => (Side::Router, Side::Server),
            18 => (Side::Router, Side::Client),
            _ => (Side::Router, Side::Router),
        };
        // The router's own address is that which its routes prefer; any would do.
        let source = if from == Side::Router {
            HOSTS[usize::from(v6)][2][0]
        } else {
            self.host(v6, from)
        };
        let destination = self.host(v6, to);
        let band = [1024, 20_000, 40_000, 50_000, 60_000];
        let source_port = band[usize::try_from(self.dice.next() % 5).expect("small")] + id;
        let port = self.port();
        let number = u32::try_from(id).expect("small") << 8;
        // ACK alone is picked up as NEW (`nf_conntrack_tcp_loose`); SYN with FIN is INVALID.
        let flags = match self.dice.next() % 25 {
            0 => ACK,
            1 => SYN | FIN,
            _ => SYN,
        };
        let address =
            |address: &str, port: u16| SocketAddr::new(address.parse().expect("an address"), port);
        Probe {
            from,
            segment: Segment {
                source: address(source, u16::try_from(source_port).expect("a port")),
                destination: address(destination, port.parse().expect("a port")),
                flags,
                sequence: 0x4654_0000 + number,
                acknowledged: if flags == ACK {
                    0x4143_0000 + number
                } else {
                    0
                },
                data: Data::None,
            },
        }
    }
}
