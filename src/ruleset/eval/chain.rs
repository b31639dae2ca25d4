//! Chains: rules in order, verdicts, policies (`nf_tables_core.c`).

use super::super::live::table::{Hook, Maker, Policy};
use super::device::Device;
use super::names::Next;
use super::outcome::{Met, Outcome, Place};
use super::routine::Routine;
use super::run::{Flow, Run};

/// Jumps within jumps that `nf_tables` allows (`NFT_JUMP_STACK_SIZE`).
const DEEPEST: usize = 16;
/// Rules that one packet may meet: more than any ruleset that the kernel would load makes
/// it meet is one that loops.
const MOST_RULES: usize = 1_000_000;

/// What a base chain comes to.
enum ChainEnd {
    /// The packet goes on.
    Pass(Option<Place>),
    /// It does not.
    End(Option<Place>, Outcome),
}

impl<'r> Run<'_, 'r> {
    pub(super) fn base_chain(&mut self, number: usize, priority: i32) -> Result<(), Outcome> {
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
            Device::Unknown | Device::Foreign => {
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
    fn run_chain(&mut self, base: usize, routine: &Routine<'r>) -> ChainEnd {
        let prepared = self.prepared;
        let policy = routine.place(None);
        let mut chain = base;
        let mut next = 0;
        let mut stack: Vec<(usize, usize)> = Vec::new();
        let deepest = self.deepest(routine.table);
        loop {
            let verdict = match prepared.chains.get(chain) {
                Some(current) if next < current.source.rules.len() => {
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
                Next::Return => {
                    let Some(caller) = stack.pop() else {
                        return match routine.policy {
                            Policy::Accept => ChainEnd::Pass(Some(policy)),
                            Policy::Drop if self.ignored.contains(&policy) => {
                                ChainEnd::Pass(Some(policy))
                            }
                            Policy::Drop => {
                                ChainEnd::End(Some(policy), Outcome::Drop { by: Some(policy) })
                            }
                        };
                    };
                    (chain, next) = caller;
                }
                Next::Jump(target) => {
                    if stack.len() >= deepest {
                        return ChainEnd::End(self.at, Outcome::Drop { by: self.at });
                    }
                    stack.push((chain, next));
                    (chain, next) = (target, 0);
                }
                Next::Goto(target) => (chain, next) = (target, 0),
            }
        }
    }

    /// iptables-legacy has room for all chains of a table (`xt_jumpstack_alloc`).
    fn deepest(&self, table: usize) -> usize {
        match self.prepared.ruleset.tables.get(table) {
            Some(table) if table.maker == Maker::IptablesLegacy => table.chains.len(),
            Some(_) | None => DEEPEST,
        }
    }

    fn lost(&self, why: &'static str) -> ChainEnd {
        ChainEnd::End(self.at, Outcome::Undecided(self.doubt(why)))
    }

    fn rule(&mut self, routine: &Routine<'r>, number: usize) -> Flow {
        let Some(rule) = self.prepared.rules(routine).get(number) else {
            return Flow::Break;
        };
        if rule.steps.is_empty() {
            return Flow::Break;
        }
        let place = routine.place(Some(number));
        if self.ignored.contains(&place) || self.is_ruled_out(&rule.steps) {
            return Flow::Break;
        }
        self.at = Some(place);
        for (expression, step) in &rule.steps {
            self.expression = Some(*expression);
            match self.step(step) {
                Flow::On => {}
                end => return end,
            }
        }
        Flow::On
    }
}
