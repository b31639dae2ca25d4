//! What becomes of a packet.

use super::super::live::table::Hook;
use super::packet::{State, Translations};
use super::region::Region;

/// A rule, a policy or a chain, by its place in the ruleset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The number of the table in [`super::super::live::Ruleset::tables`].
    pub table: usize,
    /// The number of the chain in the table.
    pub chain: usize,
    /// The number of the rule in the chain; `None` for the chain's policy.
    pub rule: Option<usize>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It reaches its socket, or leaves this host.
    Accept,
    /// It goes nowhere, and nobody is told.
    Drop {
        /// The rule or policy; `None` where the kernel itself drops, as without a route.
        by: Option<Place>,
    },
    /// It goes nowhere, and its sender is told.
    Reject {
        /// The rule.
        by: Place,
        /// How.
        kind: Rejection,
    },
    /// It leaves the packet filter's sight: to another device, to a program, to a
    /// transparent proxy.
    Elsewhere {
        /// The rule.
        by: Place,
        /// The expression's or target's name.
        name: &'static str,
    },
    /// It cannot be told.
    Undecided(Doubt),
}

/// How a sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// By a TCP reset.
    Reset,
    /// By ICMP, or `ICMPv6`, of this type and code.
    Icmp {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
}

/// Why something cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Doubt {
    /// The rule; `None` where it is none.
    pub at: Option<Place>,
    /// The number of the expression in the rule.
    pub expression: Option<usize>,
    /// Why, in words.
    pub why: &'static str,
}

/// A thing that a rule did, where it can be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Told<T> {
    /// It.
    Known(T),
    /// It depends on something that is not known.
    Undecided(Doubt),
}

impl<T> Told<T> {
    /// It, where it can be told.
    #[must_use]
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Undecided(_) => None,
        }
    }
}

/// A base chain that a packet met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Met {
    /// The rule that ended it, or the policy.
    pub by: Place,
    /// The number of the base chain in the table.
    pub base: usize,
    /// Where.
    pub hook: Hook,
    /// Its priority.
    pub priority: i32,
    /// Whether the packet went on after it.
    pub passed: bool,
}

/// A helper that a rule assigned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Assigned {
    /// Its name, such as `ftp`.
    pub helper: String,
    /// The rule.
    pub by: Place,
    /// Where.
    pub hook: Hook,
    /// At which priority.
    pub priority: i32,
}

/// What NAT made of a connection, and by which rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Nat {
    /// What it made of it.
    pub translations: Translations,
    /// The rule for the destination.
    pub destination_by: Option<Place>,
    /// The rule for the source.
    pub source_by: Option<Place>,
}

/// Where a packet went in the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Where {
    /// To this host.
    Local,
    /// Out by an interface; `None` where it is not known which.
    Out(Option<String>),
}

/// All that is known of what became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it may get through, by some answer to what is not known.
    pub may_pass: bool,
    /// The flows for which all of this holds, the evaluated one among them.
    pub region: Region,
    /// What NAT made of it.
    pub nat: Told<Nat>,
    /// The helper that its connection got.
    pub helper: Told<Option<Assigned>>,
    /// The rule that kept it from being tracked.
    pub notrack: Told<Option<Place>>,
    /// Its mark in the end; `None` where not known.
    pub mark: Option<u32>,
    /// The zone that conntrack looks it up in; `None` where not known.
    pub zone: Option<u16>,
    /// What conntrack said of it in the end; `None` where it did not see it.
    pub state: Option<State>,
    /// Where it went; `None` where it did not get to routing, or that is not known.
    pub to: Option<Where>,
    /// The base chains that it met, in order. Where some test is not known and makes no
    /// difference, those it meets if that test fails.
    pub trail: Vec<Met>,
}
