//! Packet-filter rules, without a back end: what nft(8) and iptables(8) share.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::net::{Family, InterfaceName, PortRange};

/// Where a packet meets a base chain (netfilter hooks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Before routing, every packet that arrives.
    Prerouting,
    /// Packets for this host.
    Input,
    /// Packets that this host routes.
    Forward,
    /// Packets that this host makes.
    Output,
    /// After routing, every packet that leaves.
    Postrouting,
}

impl Hook {
    /// The built-in chain of iptables there.
    #[must_use]
    pub fn built_in(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}

/// What a base chain of ours is for; it decides the priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Assigns the conntrack helper: after conntrack, before DNAT (nft -150,
    /// iptables `raw`), because a helper assigned after DNAT lacks the sequence
    /// adjustment on kernels before 6.18 (`nft_ct`: add seqadj extension).
    Helper,
    /// Translates addresses (nft nat chains, iptables `nat`).
    Nat,
    /// Accepts (nft filter chains, iptables `filter`).
    Filter,
}

/// What begins the names of chains of ours in the tables of iptables.
pub const CHAIN_PREFIX: &str = "FTPNAT-";

/// A base chain of ours: a purpose at a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain {
    /// What for.
    pub purpose: Purpose,
    /// Where.
    pub hook: Hook,
}

impl Chain {
    /// Helper assignment of packets that arrive.
    pub const HELPER_PREROUTING: Self = Self {
        purpose: Purpose::Helper,
        hook: Hook::Prerouting,
    };
    /// Helper assignment of packets that this host makes.
    pub const HELPER_OUTPUT: Self = Self {
        purpose: Purpose::Helper,
        hook: Hook::Output,
    };
    /// DNAT of packets that arrive.
    pub const NAT_PREROUTING: Self = Self {
        purpose: Purpose::Nat,
        hook: Hook::Prerouting,
    };
    /// DNAT of packets that this host makes.
    pub const NAT_OUTPUT: Self = Self {
        purpose: Purpose::Nat,
        hook: Hook::Output,
    };
    /// SNAT and masquerade.
    pub const NAT_POSTROUTING: Self = Self {
        purpose: Purpose::Nat,
        hook: Hook::Postrouting,
    };
    /// Accepts for this host.
    pub const FILTER_INPUT: Self = Self {
        purpose: Purpose::Filter,
        hook: Hook::Input,
    };
    /// Accepts for what this host routes.
    pub const FILTER_FORWARD: Self = Self {
        purpose: Purpose::Filter,
        hook: Hook::Forward,
    };
    /// Accepts for what this host makes.
    pub const FILTER_OUTPUT: Self = Self {
        purpose: Purpose::Filter,
        hook: Hook::Output,
    };

    /// The table in which iptables has it.
    #[must_use]
    pub fn iptables_table(self) -> &'static str {
        match self.purpose {
            // Before conntrack: the CT target prepares the connection to come.
            Purpose::Helper => "raw",
            Purpose::Nat => "nat",
            Purpose::Filter => "filter",
        }
    }

    /// Its name there, where a rule of the built-in chain leads to it.
    #[must_use]
    pub fn iptables_chain(self) -> String {
        format!("{CHAIN_PREFIX}{}", self.hook.built_in())
    }
}

/// A conntrack state that a rule may name (`ct state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtState {
    /// The connection's first packet.
    New,
    /// Packets have gone both ways.
    Established,
    /// Expected by a helper, or an ICMP error about a connection.
    Related,
}

/// One condition of a rule. All conditions of a rule must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Match {
    /// Arrives on one of these interfaces (`iifname`).
    InputInterface(Vec<InterfaceName>),
    /// Leaves by one of these interfaces (`oifname`).
    OutputInterface(Vec<InterfaceName>),
    /// Source address in one of these networks, all of one family.
    Source(Vec<IpNet>),
    /// Destination address in one of these networks, all of one family.
    Destination(Vec<IpNet>),
    /// Destination address in none of these networks, all of one family.
    NotDestination(Vec<IpNet>),
    /// Destination address is one of this host's own (`fib daddr type local`).
    DestinationIsLocal,
    /// TCP, destination port in one of these ranges.
    TcpDestinationPort(Vec<PortRange>),
    /// TCP, source port in one of these ranges.
    TcpSourcePort(Vec<PortRange>),
    /// ICMP or `ICMPv6`, as the rule's family has it.
    Icmp,
    /// The connection is in one of these states.
    CtState(Vec<CtState>),
    /// The packet goes in the connection's reply direction.
    CtReply,
    /// The connection's destination was translated (`ct status dnat`).
    CtDnat,
    /// The connection was expected by the kernel's `ftp` helper.
    CtHelperFtp,
}

/// What a rule does with a packet that meets its conditions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Statement {
    /// Let it through this base chain.
    Accept,
    /// Assign the kernel's `ftp` conntrack helper.
    AssignHelper,
    /// Translate the destination address, and the port where given.
    Dnat {
        /// The new destination.
        to: IpAddr,
        /// The new port; `None` keeps the packet's.
        port: Option<u16>,
    },
    /// Translate the source address.
    Snat {
        /// The new source.
        to: IpAddr,
    },
    /// Translate the source to the address of the interface it leaves by.
    Masquerade,
}

/// Whether a rule is the profile's own demand, or only repairs a chain that
/// drops what a connection already accepted sends back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// Always planned.
    Always,
    /// Only where the chain would drop it; never opens a new connection
    /// from outside.
    WhereDropped,
}

/// A packet-filter rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The profile that it serves; with `name` it is the comment in the kernel.
    pub profile: String,
    /// Its intention, `[a-z0-9-]`; rules that differ only in address share it.
    pub name: &'static str,
    /// Why it is needed, one sentence for people.
    pub why: String,
    /// The base chain that it stands in.
    pub chain: Chain,
    /// The families it is for; never empty. Addresses in `matches` and
    /// `statement` are of that family, so a rule with an address has one.
    pub families: Vec<Family>,
    /// Its conditions, in the order they are written.
    pub matches: Vec<Match>,
    /// What it does.
    pub statement: Statement,
    /// When it is needed.
    pub demand: Demand,
}

impl Rule {
    /// Whether FTP fails without it. ICMP errors are needed on narrow paths only, and an
    /// administrator may let them in at a rate: where they have no place, that is said.
    #[must_use]
    pub fn is_required(&self) -> bool {
        !self.matches.contains(&Match::Icmp)
    }

    /// The comment that travels into the kernel and by which ours are
    /// recognised: `ftpnat:PROFILE:RULE`, at most 120 bytes.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("ftpnat:{}:{}", self.profile, self.name)
    }
}
