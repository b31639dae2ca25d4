//! A profile and a firewall, by chance: a healthy one, and up to three faults in it.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use ftpnat::profile::{Profile, parse};

use crate::draft::{BOTH, Draft, icmp};
use crate::firewall::{Chain, Does, Networks, Rule, Source, Way};
use crate::support::BackEnd;
use crate::support::dice::Dice;

/// Where the firewall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    None,
    Upstream,
    Dnat,
    Masquerade,
}

impl Mode {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Upstream => "upstream",
            Self::Dnat => "dnat",
            Self::Masquerade => "masquerade",
        }
    }
}

/// A pair.
pub(crate) struct Pair {
    pub(crate) mode: Mode,
    pub(crate) way: Way,
    pub(crate) text: String,
    pub(crate) profile: Profile,
    pub(crate) chains: Vec<Chain>,
    /// What `ip6tables` has, where that differs.
    pub(crate) chains6: Option<Vec<Chain>>,
    pub(crate) networks: Networks,
    /// What was done to a healthy firewall.
    pub(crate) faults: Vec<&'static str>,
    pub(crate) announced: Option<Ipv4Addr>,
    /// Whether somebody wants the clients of the far network kept out.
    pub(crate) bans_far: bool,
    /// Ports that rules tell apart.
    pub(crate) edges: Vec<u16>,
}

const OUTSIDE: Networks = Networks {
    near: ["198.51.100.0/24", "2001:db8:51::/64"],
    far: ["192.0.2.0/24", "2001:db8:52::/64"],
};
const INSIDE: Networks = Networks {
    near: ["10.77.0.48/29", "2001:db8:77::50/126"],
    far: ["10.77.0.56/29", "2001:db8:77::60/126"],
};

impl Pair {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mode = match dice.count(0, 99) {
            0..40 => Mode::None,
            40..52 => Mode::Upstream,
            52..88 => Mode::Dnat,
            _ => Mode::Masquerade,
        };
        let way = match dice.count(0, 9) {
            0..5 => Way::Nft,
            5 | 6 => Way::Iptables(BackEnd::Nft),
            7 | 8 => Way::Iptables(BackEnd::Legacy),
            _ => Way::Both(BackEnd::BOTH[usize::from(dice.chance())]),
        };
        let (text, announced) = profile(&mut dice, mode);
        let profile = parse("pair", text.as_bytes()).expect("a profile");
        let mut draft = Draft::healthy(&mut dice, mode, &profile);
        let mut faults = Vec::new();
        let count =
            [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3][usize::try_from(dice.count(0, 10)).expect("small")];
        for _ in 0..count {
            faults.push(draft.harm(&mut dice));
        }
        let bans_far = dice.percent(6);
        if bans_far {
            draft.ahead.push(Rule::of(Does::Drop).from(Source::Far));
        }
        let may_have_second = matches!(way, Way::Nft | Way::Both(_));
        if !may_have_second {
            draft.second = None;
        } else if draft.second.is_none() && (dice.percent(15) || matches!(way, Way::Both(_))) {
            draft.second = Some(draft.harmless_second(&mut dice));
        }
        faults.sort_unstable();
        faults.dedup();
        faults.retain(|f| may_have_second || !f.starts_with("second"));
        let edges = draft.edges();
        let closed = Chain {
            hook: draft.hook(),
            drops: true,
            rules: vec![icmp(), Rule::of(Does::Accept).in_states(BOTH)],
        };
        let chains6 = (matches!(way, Way::Iptables(_)) && dice.percent(8)).then(|| vec![closed]);
        if chains6.is_some() {
            faults.push("nothing for IPv6");
        }
        Self {
            mode,
            way,
            chains: draft.chains(),
            chains6,
            networks: if mode == Mode::Masquerade {
                INSIDE
            } else {
                OUTSIDE
            },
            faults,
            announced,
            bans_far,
            edges,
            text,
            profile,
        }
    }
}

fn profile(dice: &mut Dice, mode: Mode) -> (String, Option<Ipv4Addr>) {
    let mut text = "name: pair\n".to_owned();
    let is_dual = dice.percent(35);
    let (server, announced) = match mode {
        Mode::None if is_dual => ("[ 198.51.100.1, \"2001:db8:51::1\" ]", None),
        Mode::None => ("198.51.100.1", None),
        Mode::Upstream => ("10.77.0.21", Some(Ipv4Addr::new(203, 0, 113, 10))),
        Mode::Dnat if is_dual => (
            "[ 10.77.0.21, \"2001:db8:77::21\" ]",
            Some(Ipv4Addr::new(198, 51, 100, 1)),
        ),
        Mode::Dnat => ("10.77.0.21", Some(Ipv4Addr::new(198, 51, 100, 1))),
        Mode::Masquerade => (dice.one(&["", "198.51.100.10"]), None),
    };
    // Where the helper reads along, it corrects a server that names its inside address.
    let announced = announced.filter(|_| dice.percent(75));
    if !server.is_empty() {
        let _ = writeln!(text, "server: {{ address: {server}, software: proftpd }}");
    }
    let port = dice.one(&["21", "21", "21", "2121"]);
    let tls = dice.one(&["none", "optional", "required", "required"]);
    let _ = writeln!(text, "control: {{ port: {port}, tls: {tls} }}");
    let ports = dice.one(&["50000-50009", "50000-50003", "50000-51000", "60000"]);
    if mode != Mode::Masquerade || dice.chance() {
        let named = announced.map(|a| format!(", advertise: {a}"));
        let _ = writeln!(
            text,
            "passive: {{ ports: {ports}{} }}",
            named.unwrap_or_default()
        );
    }
    let _ = writeln!(text, "active: {}", dice.percent(25));
    let helper = dice.one(&["auto", "auto", "auto", "always", "never"]);
    let _ = writeln!(text, "helper: {helper}");
    if mode != Mode::Masquerade && dice.percent(15) {
        text.push_str("clients: [ 198.51.100.0/24, \"2001:db8:51::/64\" ]\n");
    }
    text.push_str(match mode {
        Mode::None => "nat: { mode: none }\n",
        Mode::Upstream => "nat: { mode: upstream, external: { address: 203.0.113.10 } }\n",
        Mode::Dnat => {
            "nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n  internal: { interface: eth1, networks: [ 10.77.0.0/24, \"2001:db8:77::/64\" ] }\n"
        }
        Mode::Masquerade => {
            "nat:\n  mode: masquerade\n  external: { interface: eth0 }\n  internal: { interface: eth1, networks: 10.77.0.0/24 }\n"
        }
    });
    (text, announced)
}
