//! One packet on its way through the hooks.

use crate::model::net::Family;

use super::super::live::table::{Hook, TableFamily};
use super::choice::Choices;
use super::conntrack::{Connection, Ends, Tracking};
use super::device::Device;
use super::field::{Field, known_or_not};
use super::names::Next;
use super::outcome::{Assigned, Doubt, Met, Nat, Outcome, Place, Rejection, Where};
use super::packet::Packet;
use super::prepare::Prepared;
use super::region::Space;
use super::registers::Registers;

/// A run of one packet, with one answer to each question that nobody can answer.
pub(super) struct Run<'p, 'r> {
    pub(super) prepared: &'p Prepared<'r>,
    pub(super) packet: &'p Packet,
    /// Rules that are taken to be gone, and policies that are taken to accept.
    pub(super) ignored: &'p [Place],
    pub(super) family: Family,
    pub(super) space: Space,
    pub(super) choices: &'p mut Choices,
    pub(super) registers: Registers,
    pub(super) ends: Ends,
    pub(super) connection: Connection,
    pub(super) mark: Field,
    pub(super) input: Device<'p>,
    pub(super) output: Device<'p>,
    pub(super) hook: Hook,
    pub(super) priority: i32,
    /// The family of the table whose chain runs.
    pub(super) table: TableFamily,
    /// The rule and expression that run.
    pub(super) at: Option<Place>,
    pub(super) expression: Option<usize>,
    pub(super) nat: Nat,
    pub(super) helper: Option<Assigned>,
    pub(super) notrack: Option<Place>,
    pub(super) to: Option<Where>,
    pub(super) trail: Vec<Met>,
    pub(super) rules_met: usize,
    /// The sets that the packet's rules added to, or deleted from.
    pub(super) changed_sets: Vec<usize>,
    /// What kinds its source's and its destination's address are (`RTN_*`), where the hook
    /// tells.
    pub(super) kinds_here: Option<(u32, u32)>,
    /// Named sets are taken to hold what they may hold, not what they hold now.
    pub(super) sets_may_change: bool,
}

/// What an expression, a rule or a chain comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next expression.
    On,
    /// The rule does not match (`NFT_BREAK`).
    Break,
    /// A verdict.
    Verdict(Next),
    /// The packet ends here, in another way than by a drop.
    End(Outcome),
}

impl<'p, 'r> Run<'p, 'r> {
    /// Why the present expression cannot be told.
    pub(super) fn doubt(&self, why: &'static str) -> Doubt {
        Doubt {
            at: self.at,
            expression: self.expression,
            why,
        }
    }

    /// Ends the packet: nothing can be said of it.
    pub(super) fn undecided(&self, why: &'static str) -> Flow {
        Flow::End(Outcome::Undecided(self.doubt(why)))
    }

    /// One way of several, none of which is known to be the right one.
    pub(super) fn choose(&mut self, of: usize, why: &'static str) -> usize {
        let doubt = self.doubt(why);
        self.choices.choose(of, doubt)
    }

    /// Goes on where `holds`, else breaks; where that is not known either may be.
    pub(super) fn test(&mut self, holds: Option<bool>, why: &'static str) -> Flow {
        let holds = holds.unwrap_or_else(|| self.choose(2, why) == 1);
        if holds { Flow::On } else { Flow::Break }
    }

    /// Ends the packet by a rejection.
    pub(super) fn reject(&self, kind: Rejection) -> Flow {
        match self.at {
            Some(by) => Flow::End(Outcome::Reject { by, kind }),
            None => Flow::Verdict(Next::Drop),
        }
    }

    /// Ends the packet's way through this host's packet filter.
    pub(super) fn elsewhere(&self, name: &'static str) -> Flow {
        match self.at {
            Some(by) => Flow::End(Outcome::Elsewhere { by, name }),
            None => Flow::Verdict(Next::Drop),
        }
    }

    /// `nft_tproxy_eval`, `tproxy_tg4`: to a listening socket, `without` one not.
    pub(super) fn tproxy(&mut self, name: &'static str, without: Flow) -> Flow {
        if self.choose(2, "whether a transparent proxy listens") == 0 {
            without
        } else {
            self.elsewhere(name)
        }
    }

    /// A run's start.
    pub(super) fn new(
        prepared: &'p Prepared<'r>,
        packet: &'p Packet,
        space: Space,
        choices: &'p mut Choices,
    ) -> Self {
        let mut space = space;
        let (connection, ends) = Connection::new(packet, &mut space);
        Self {
            prepared,
            packet,
            ignored: &[],
            family: packet.flow.family(),
            space,
            choices,
            registers: Registers::new(),
            ends,
            connection,
            mark: known_or_not(packet.mark.map(u128::from), 4),
            input: Device::None,
            output: Device::None,
            hook: Hook::Prerouting,
            priority: 0,
            table: TableFamily::Inet,
            at: None,
            expression: None,
            nat: Nat::default(),
            helper: None,
            notrack: None,
            to: None,
            trail: Vec::new(),
            rules_met: 0,
            changed_sets: Vec::new(),
            kinds_here: None,
            sets_may_change: false,
        }
    }

    /// The zone of its connection, or that in which one is looked for; `None` where that
    /// is not known.
    pub(super) fn zone(&self) -> Option<u16> {
        let zone = self.connection.zone;
        (zone.unknown == 0).then(|| u16::try_from(zone.value).unwrap_or(0))
    }

    /// Whether conntrack sees the packet at all, from here on.
    pub(super) fn tracking(&self) -> Tracking {
        self.connection.tracking
    }
}
