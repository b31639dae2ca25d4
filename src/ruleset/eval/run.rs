//! One packet on its way through the hooks.

use crate::model::net::Family;

use super::super::live::table::{Hook, Policy, TableFamily};
use super::choice::Choices;
use super::conntrack::{Connection, Tracking};
use super::hooks::{Call, Level};
use super::outcome::{Assigned, Doubt, Met, Nat, Outcome, Place, Rejection, Where};
use super::packet::{Packet, Path};
use super::prepare::{Next, Prepared, Routine};
use super::region::Space;
use super::value::{Field, Registers};

/// Jumps within jumps that the kernel allows (`NFT_JUMP_STACK_SIZE`).
const DEEPEST: usize = 16;
/// Rules that one packet may meet: more than any ruleset that the kernel would load makes
/// it meet is one that loops.
const MOST_RULES: usize = 4_000_000;

/// A packet's addresses and ports as they are now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) source: Field,
    pub(super) source_port: Field,
    pub(super) destination: Field,
    pub(super) destination_port: Field,
}

/// The device at one side of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Device<'p> {
    /// There is none at this hook.
    None,
    /// This one.
    Named(&'p str),
    /// It is not known which.
    Unknown,
}

/// A run of one packet, with one answer to each question that nobody can answer.
pub(super) struct Run<'p, 'r> {
    pub(super) prepared: &'p Prepared<'r>,
    pub(super) packet: &'p Packet,
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
    rules_met: usize,
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

/// What a base chain comes to.
enum ChainEnd {
    /// The packet goes on.
    Pass(Option<Place>),
    /// It does not.
    End(Option<Place>, Outcome),
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

    /// All hooks on the packet's path.
    pub(super) fn path(&mut self) -> Result<(), Outcome> {
        if self.prepared.unread {
            return Err(Outcome::Undecided(Doubt {
                at: None,
                expression: None,
                why: "a part of the firewall could not be read",
            }));
        }
        match self.packet.path {
            Path::Arrives => {
                self.input = named_or_not(self.packet.input.as_deref());
                self.arrive(false)
            }
            Path::Leaves => {
                self.leave(false)?;
                // The output hook may have turned it to this host itself.
                if self.output == Device::Named("lo") {
                    self.come_back()
                } else {
                    Ok(())
                }
            }
            Path::Loops => {
                self.leave(true)?;
                self.come_back()
            }
        }
    }

    /// By `lo`.
    fn come_back(&mut self) -> Result<(), Outcome> {
        self.input = Device::Named("lo");
        self.output = Device::None;
        self.arrive(true)
    }

    fn arrive(&mut self, loops: bool) -> Result<(), Outcome> {
        self.hook(Hook::Ingress)?;
        self.hook(Hook::Prerouting)?;
        let to = if loops { None } else { self.route_arrived()? };
        match to {
            None => {
                self.to = Some(Where::Local);
                self.hook(Hook::Input)
            }
            Some(device) => {
                self.output = device;
                self.to = Some(out_by(device));
                self.hook(Hook::Forward)?;
                self.hook(Hook::Postrouting)?;
                self.hook(Hook::Egress)
            }
        }
    }

    fn leave(&mut self, loops: bool) -> Result<(), Outcome> {
        let lo = Device::Named("lo");
        self.output = if loops { lo } else { self.route_leaving() };
        let before = self.ends.destination;
        self.hook(Hook::Output)?;
        // ip_route_me_harder: a new destination is routed anew.
        if !loops && before != self.ends.destination {
            self.output = self.route_leaving();
        }
        self.to = Some(out_by(self.output));
        self.hook(Hook::Postrouting)?;
        self.hook(Hook::Egress)?;
        self.connection.confirm();
        Ok(())
    }

    /// Everything that one hook calls.
    fn hook(&mut self, hook: Hook) -> Result<(), Outcome> {
        let prepared = self.prepared;
        let hooks = match self.family {
            Family::Ipv4 => &prepared.ipv4,
            Family::Ipv6 => &prepared.ipv6,
        };
        let Some(calls) = hooks.at(hook) else {
            return Ok(());
        };
        self.hook = hook;
        self.at = None;
        self.expression = None;
        for level in &calls.levels {
            self.level(level, &calls.nat, false)?;
        }
        Ok(())
    }

    /// What is called at one priority, in one of the orders that may be.
    fn level(&mut self, level: &Level, nat: &[Level], of_nat: bool) -> Result<(), Outcome> {
        let idle = |run: &Self, call: Call| match call {
            Call::Nat => !run.connection.may_translate(!nat.is_empty()),
            Call::Conntrack | Call::Chain(_) => false,
        };
        if let [strand] = &level.strands[..] {
            for &call in strand {
                self.call(call, level.priority, nat)?;
                if of_nat && self.connection.is_bound(self.hook) {
                    break;
                }
            }
            return Ok(());
        }
        let mut left: Vec<&[Call]> = level
            .strands
            .iter()
            .map(|strand| &strand[..])
            .filter(|strand| !(strand.len() == 1 && idle(self, strand[0])))
            .collect();
        while !left.is_empty() {
            let at = if left.len() == 1 {
                0
            } else {
                self.at = None;
                self.expression = None;
                self.choose(
                    left.len(),
                    "base chains of the same priority, whose order is not known",
                )
            };
            if let [first, rest @ ..] = left[at] {
                self.call(*first, level.priority, nat)?;
                if of_nat && self.connection.is_bound(self.hook) {
                    break;
                }
                left[at] = rest;
            }
            if left[at].is_empty() {
                left.remove(at);
            }
        }
        Ok(())
    }

    fn call(&mut self, call: Call, priority: i32, nat: &[Level]) -> Result<(), Outcome> {
        match call {
            Call::Chain(chain) => self.base_chain(chain, priority),
            Call::Conntrack => {
                self.track();
                Ok(())
            }
            Call::Nat => self.call_nat(nat),
        }
    }

    /// `nf_nat_inet_fn`: the NAT chains see a connection's first packet, and the first of
    /// them that maps it ends the search.
    fn call_nat(&mut self, nat: &[Level]) -> Result<(), Outcome> {
        if !self.connection.is_tracked() {
            return Ok(());
        }
        if self.connection.asks_nat_chains(self.hook) {
            for level in nat {
                self.level(level, &[], true)?;
                if self.connection.is_bound(self.hook) {
                    break;
                }
            }
            self.connection.bind(self.hook);
        }
        self.translate();
        Ok(())
    }

    fn base_chain(&mut self, number: usize, priority: i32) -> Result<(), Outcome> {
        let prepared = self.prepared;
        let Some(chain) = prepared.chains.get(number) else {
            return Ok(());
        };
        let Some(base) = chain.source.base.as_ref() else {
            return Ok(());
        };
        if !self.sees_device(&base.devices) {
            return Ok(());
        }
        self.priority = priority;
        self.table = chain.family;
        let end = self.run_chain(number, chain);
        let (by, passed) = match &end {
            ChainEnd::Pass(by) => (*by, true),
            ChainEnd::End(by, _) => (*by, false),
        };
        self.trail.push(Met {
            by: by.unwrap_or(chain.place(None)),
            base: chain.chain,
            hook: self.hook,
            priority,
            passed,
        });
        match end {
            ChainEnd::Pass(_) => Ok(()),
            ChainEnd::End(_, outcome) => Err(outcome),
        }
    }

    /// Whether a chain of devices sees the packet's.
    fn sees_device(&mut self, devices: &[String]) -> bool {
        let device = match self.hook {
            Hook::Ingress => self.input,
            Hook::Egress => self.output,
            _ => return true,
        };
        match device {
            Device::Named(name) => devices.iter().any(|d| d == name),
            Device::None => false,
            Device::Unknown => {
                self.at = None;
                self.expression = None;
                self.choose(
                    2,
                    "the interface is not known, nor so whether this chain sees it",
                ) == 1
            }
        }
    }

    /// `nft_do_chain`.
    fn run_chain(&mut self, base: usize, routine: &Routine<'_>) -> ChainEnd {
        let prepared = self.prepared;
        let policy = (routine.place(None), routine.policy);
        let mut chain = base;
        let mut next = 0;
        let mut stack: Vec<(usize, usize)> = Vec::new();
        loop {
            let verdict = match prepared.chains.get(chain) {
                Some(current) if next < current.rules.len() => {
                    self.rules_met += 1;
                    if self.rules_met > MOST_RULES {
                        return self.lost("more rules than a packet can meet");
                    }
                    let number = next;
                    next += 1;
                    match self.rule(current, number) {
                        Flow::On | Flow::Break | Flow::Verdict(Next::Continue) => continue,
                        Flow::Verdict(verdict) => verdict,
                        Flow::End(Outcome::Accept) => return ChainEnd::Pass(self.at),
                        Flow::End(outcome) => return ChainEnd::End(self.at, outcome),
                    }
                }
                _ => Next::Return,
            };
            match verdict {
                Next::Accept => return ChainEnd::Pass(self.at),
                Next::Drop => return ChainEnd::End(self.at, Outcome::Drop { by: self.at }),
                Next::Queue => return self.lost("a program of the host decides"),
                Next::Unknown => return self.lost("a verdict that is not known"),
                Next::Continue => {}
                Next::Return => match stack.pop() {
                    Some((caller, at)) => (chain, next) = (caller, at),
                    None => {
                        let (place, policy) = policy;
                        return match policy {
                            Policy::Accept => ChainEnd::Pass(Some(place)),
                            Policy::Drop => {
                                ChainEnd::End(Some(place), Outcome::Drop { by: Some(place) })
                            }
                        };
                    }
                },
                Next::Jump(target) => {
                    if stack.len() >= DEEPEST {
                        return ChainEnd::End(self.at, Outcome::Drop { by: self.at });
                    }
                    stack.push((chain, next));
                    (chain, next) = (target, 0);
                }
                Next::Goto(target) => (chain, next) = (target, 0),
            }
        }
    }

    fn lost(&self, why: &'static str) -> ChainEnd {
        ChainEnd::End(self.at, Outcome::Undecided(self.doubt(why)))
    }

    fn rule(&mut self, routine: &Routine<'_>, number: usize) -> Flow {
        let Some(rule) = routine.rules.get(number) else {
            return Flow::Break;
        };
        if rule.steps.is_empty() {
            return Flow::Break;
        }
        self.at = Some(routine.place(Some(number)));
        for (expression, step) in &rule.steps {
            self.expression = Some(*expression);
            match self.step(step) {
                Flow::On => {}
                end => return end,
            }
        }
        Flow::On
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
        }
    }

    /// Whether conntrack sees the packet at all, from here on.
    pub(super) fn tracking(&self) -> Tracking {
        self.connection.tracking
    }
}

/// A device that may not be known.
pub(super) fn named_or_not(name: Option<&str>) -> Device<'_> {
    name.map_or(Device::Unknown, Device::Named)
}

fn out_by(device: Device<'_>) -> Where {
    match device {
        Device::Named(name) => Where::Out(Some(name.to_owned())),
        Device::None | Device::Unknown => Where::Out(None),
    }
}

/// A field of a value that may not be known.
pub(super) fn known_or_not(value: Option<u128>, width: u8) -> Field {
    value.map_or(Field::unknown(width), |value| Field::constant(value, width))
}
