//! What each expression of a rule does (`net/netfilter/nft_*.c`).

use super::super::live::expression::{Expression, LookupTo};
use super::super::live::table::ObjectKind;
use super::compare;
use super::compute;
use super::conntrack::Tracking;
use super::names::Next;
use super::outcome::Assigned;
use super::routine::{ObjectStep, Step};
use super::run::{Flow, Run};
use super::sets::{Found, Gives, Member, too_many};

impl Run<'_, '_> {
    /// Runs one step of a rule.
    pub(super) fn step(&mut self, step: &Step<'_>) -> Flow {
        match step {
            Step::Quick(quick) => self
                .quick(quick)
                .unwrap_or_else(|| self.one_by_one(quick.plain)),
            Step::Plain(expression) => self.plain(expression),
            Step::Match(found) => self.xt_match(found),
            Step::Target(target) => self.xt_target(target),
            Step::Verdict(next) => Flow::Verdict(*next),
            Step::Lookup {
                set,
                from,
                to,
                negated,
            } => self.lookup(*set, *from, *to, *negated),
            Step::Dynset {
                set,
                op,
                negated,
                carried,
            } => self.dynset(*set, *op, *negated, carried),
            Step::Object(object) => self.object(object),
        }
    }

    /// Expressions that stand together.
    fn one_by_one(&mut self, expressions: &[Expression]) -> Flow {
        let first = self.expression.unwrap_or(0);
        for (number, expression) in expressions.iter().enumerate() {
            self.expression = Some(first + number);
            match self.plain(expression) {
                Flow::On => {}
                end => return end,
            }
        }
        Flow::On
    }

    fn plain(&mut self, expression: &Expression) -> Flow {
        match expression {
            Expression::Payload { .. }
            | Expression::Meta { .. }
            | Expression::Ct { .. }
            | Expression::Bitwise { .. }
            | Expression::Byteorder { .. }
            | Expression::Immediate { .. }
            | Expression::Fib { .. }
            | Expression::Unforeseen { .. }
            | Expression::Exthdr { .. }
            | Expression::Rt { .. } => self.load(expression),
            Expression::PayloadSet {
                base,
                offset,
                length,
                from,
            } => self.write_payload(*base, *offset, *length, from.0),
            Expression::MetaSet { key, from } => self.set_meta(*key, from.0),
            Expression::CtSet { key, from, .. } => self.set_ct(*key, from.0),
            Expression::Cmp { from, op, data } => {
                let view = self.registers.view(from.0, data.len(), &mut self.space);
                let holds = compare::compare(&view, *op, data, &mut self.space);
                self.test(holds, "it compares something that is not known")
            }
            Expression::Range {
                from,
                negated,
                first,
                last,
            } => {
                let view = self.registers.view(from.0, first.len(), &mut self.space);
                let inside = compare::within(&view, first, last, &mut self.space);
                self.test(
                    inside.map(|inside| inside != *negated),
                    "it compares something that is not known",
                )
            }
            Expression::Limit(_) => self.test(None, "a rate"),
            Expression::Quota { .. } => self.test(None, "a quota"),
            Expression::Connlimit { .. } => self.test(None, "a number of connections"),
            Expression::Notrack => {
                self.untrack();
                Flow::On
            }
            Expression::Queue { .. } => self.undecided("a program of the host decides"),
            Expression::Reject { kind, code } => self.nft_reject(*kind, *code),
            Expression::Nat(nat) => self.nft_nat(nat),
            Expression::Tproxy { .. } => self.tproxy("tproxy", Flow::Break),
            Expression::Elsewhere { name } if name == "fwd" => self.elsewhere("fwd"),
            Expression::Synproxy => self.undecided("a SYN proxy answers"),
            Expression::Lookup { .. } | Expression::Dynset { .. } => {
                self.undecided("a set that was not read")
            }
            Expression::Opaque { .. } => self.undecided("an expression that is not understood"),
            Expression::Counter { .. }
            | Expression::Last
            | Expression::Log { .. }
            | Expression::FlowOffload(_)
            | Expression::Elsewhere { .. }
            | Expression::Verdict(_)
            | Expression::Object { .. }
            | Expression::Match(_)
            | Expression::Target(_) => Flow::On,
        }
    }

    /// Expressions that only fill registers.
    fn load(&mut self, expression: &Expression) -> Flow {
        match expression {
            Expression::Payload {
                base,
                offset,
                length,
                to,
            } => return self.load_payload(*base, *offset, *length, to.0),
            Expression::Meta { key, to } => return self.load_meta(*key, to.0),
            Expression::Ct { key, direction, to } => return self.load_ct(*key, *direction, to.0),
            Expression::Fib { result, flags, to } => return self.load_fib(*result, *flags, to.0),
            Expression::Exthdr {
                to, length, flags, ..
            } => return self.exthdr(to.map(|to| to.0), *length, *flags),
            Expression::Bitwise {
                from,
                to,
                length,
                op,
            } => {
                let (registers, space) = (&mut self.registers, &mut self.space);
                compute::bitwise(registers, from.0, to.0, bytes(*length), op, space);
            }
            Expression::Byteorder {
                from,
                to,
                length,
                size,
            } => {
                let (registers, space) = (&mut self.registers, &mut self.space);
                let (length, size) = (bytes(*length), bytes(*size));
                compute::byteorder(registers, from.0, to.0, length, size, space);
            }
            Expression::Immediate { to, data } => self.registers.store(to.0, data),
            Expression::Unforeseen { to, .. } | Expression::Rt { to, .. } => {
                self.registers.store_unknown(to.0, 16);
            }
            _ => {}
        }
        Flow::On
    }

    /// `nft_lookup_eval`, and for verdict maps the verdict.
    fn lookup(&mut self, set: usize, from: u8, to: Option<LookupTo>, negated: bool) -> Flow {
        let prepared = self.prepared;
        let Some(members) = prepared.members.get(set) else {
            return self.undecided("a set that was not read");
        };
        if members.unread {
            return self.undecided("a set whose elements could not be read");
        }
        if self.sets_may_change && members.named && to.is_none() {
            return self.test(None, "a named set, which may change");
        }
        if self.changed_sets.contains(&set) {
            if to.is_some() {
                return self.undecided("a set that a rule before changed");
            }
            return self.test(None, "a set that a rule before changed");
        }
        let view = self
            .registers
            .view(from, members.key_length(), &mut self.space);
        let found = members.find(&view, &mut self.space);
        let element = match found {
            Found::Element(element) => Some(element),
            Found::Nothing => None,
            Found::Unsure(_) if to.is_none() => {
                let holds = self.choose(2, "it looks up something that is not known") == 1;
                return if holds { Flow::On } else { Flow::Break };
            }
            Found::Unsure(candidates) if too_many(&candidates) => {
                return self.undecided("it looks up something that is not known");
            }
            Found::Unsure(candidates) => {
                let of = candidates.len() + 1;
                match self.choose(of, "it looks up something that is not known") {
                    0 => None,
                    number => candidates.get(number - 1).copied(),
                }
            }
        };
        let element = element.and_then(|element| members.elements.get(element));
        let element = element.filter(|element| {
            !element.conditional || self.choose(2, "an element that matches only at times") == 1
        });
        match (element, to) {
            (None, _) if negated => Flow::On,
            (None, _) => Flow::Break,
            (Some(_), None) => {
                if negated {
                    Flow::Break
                } else {
                    Flow::On
                }
            }
            (Some(element), Some(LookupTo::Register(to))) => match element.gives {
                Gives::Data(data) => {
                    self.registers.store(to.0, data);
                    Flow::On
                }
                _ => self.undecided("a map whose value is not understood"),
            },
            (Some(element), Some(LookupTo::Verdict)) => match element.gives {
                Gives::Verdict(Next::Continue) => Flow::On,
                Gives::Verdict(next) => Flow::Verdict(next),
                _ => self.undecided("a map whose value is not understood"),
            },
        }
    }

    /// `nft_objref_eval`, `nft_objref_map_eval`.
    fn object(&mut self, object: &ObjectStep<'_>) -> Flow {
        let kind = match object {
            ObjectStep::One(kind) => *kind,
            ObjectStep::Missing => return self.undecided("an object that was not read"),
            ObjectStep::Map { set, from } => {
                let prepared = self.prepared;
                let Some(members) = prepared.members.get(*set).filter(|m| !m.unread) else {
                    return self.undecided("a set whose elements could not be read");
                };
                let view = self
                    .registers
                    .view(*from, members.key_length(), &mut self.space);
                match members.find(&view, &mut self.space) {
                    Found::Nothing => return Flow::Break,
                    Found::Unsure(_) => {
                        return self.undecided("it looks up something that is not known");
                    }
                    Found::Element(element) => match members.elements.get(element) {
                        Some(Member {
                            gives: Gives::Object(Some(kind)),
                            ..
                        }) => *kind,
                        _ => return self.undecided("an object that was not read"),
                    },
                }
            }
        };
        match kind {
            ObjectKind::Helper {
                helper,
                family,
                protocol,
            } => {
                let family = *family;
                self.assign_helper(helper, family, *protocol);
                Flow::On
            }
            ObjectKind::Quota { .. } => self.test(None, "a quota"),
            ObjectKind::Limit(_) => self.test(None, "a rate"),
            ObjectKind::Synproxy => self.undecided("a SYN proxy answers"),
            ObjectKind::Other(_) => self.undecided("an object that is not understood"),
            ObjectKind::Counter
            | ObjectKind::Timeout
            | ObjectKind::Expectation
            | ObjectKind::Secmark
            | ObjectKind::Tunnel => Flow::On,
        }
    }

    /// `nft_ct_helper_obj_eval`: only a connection that is tracked and not yet confirmed
    /// gets a helper, and keeps its first.
    fn assign_helper(&mut self, helper: &str, family: u16, protocol: u8) {
        /// `NFPROTO_INET`, `NFPROTO_IPV4`, `NFPROTO_IPV6`
        const INET: u16 = 1;
        const IPV4: u16 = 2;
        const IPV6: u16 = 10;
        let fits = match family {
            INET | 0 => true,
            IPV4 => self.family == crate::model::net::Family::Ipv4,
            IPV6 => self.family == crate::model::net::Family::Ipv6,
            _ => false,
        };
        let tracked = matches!(self.tracking(), Tracking::Tracked(_));
        if fits
            && tracked
            && !self.connection.confirmed
            && self.packet.flow.protocol == protocol
            && self.helper.is_none()
        {
            self.helper = self.assigned(helper);
        }
    }

    /// A helper, as the present rule assigns it.
    pub(super) fn assigned(&self, helper: &str) -> Option<Assigned> {
        Some(Assigned {
            helper: helper.to_owned(),
            by: self.at?,
            hook: self.hook,
            priority: self.priority,
        })
    }

    /// `nft_notrack_eval`, xt `CT --notrack`: only a packet that has no connection yet.
    pub(super) fn untrack(&mut self) {
        if self.tracking() == Tracking::Not {
            self.connection.tracking = Tracking::Untracked;
            self.notrack = self.at;
        }
    }

    /// `nft_dynset_eval`: an element is added or refreshed, and what it carries is
    /// evaluated.
    fn dynset(&mut self, set: usize, op: u32, negated: bool, carried: &[Expression]) -> Flow {
        /// `NFT_DYNSET_OP_DELETE`
        const DELETE: u32 = 2;
        if !self.changed_sets.contains(&set) {
            self.changed_sets.push(set);
        }
        if op == DELETE {
            return Flow::On;
        }
        let has_room = self
            .prepared
            .members
            .get(set)
            .is_some_and(|members| members.has_room);
        let plain = carried
            .iter()
            .all(|e| matches!(e, Expression::Counter { .. } | Expression::Last));
        if has_room && plain {
            return if negated { Flow::Break } else { Flow::On };
        }
        self.test(
            None,
            "what a set that rules add to holds, or its elements carry",
        )
    }
}

fn bytes(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
