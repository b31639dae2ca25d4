//! Faults, and what only looks like one.

use crate::draft::{BOTH, Draft, Ending, NEW};
use crate::firewall::{Does, Hook, Rule, Source};
use crate::pair::Mode;
use crate::support::dice::Dice;

impl Draft {
    /// Does some harm, or what looks like it, and says what.
    pub(crate) fn harm(&mut self, dice: &mut Dice) -> &'static str {
        let part = self.part(dice);
        let stop = if dice.chance() {
            Does::Drop
        } else {
            Does::Reject
        };
        match dice.count(0, 23) {
            number @ 0..8 => self.harm_accepts(number, part),
            number @ 8..14 => self.harm_way(number, dice, stop, part),
            number @ 14..19 if self.mode == Mode::Dnat => self.harm_translation(number, part),
            14 | 15 => self.answers_only(),
            16 | 17 => {
                self.notrack.push(Rule::tcp(Does::Notrack, &[part]));
                "a part of the range untracked"
            }
            18 | 19 => {
                self.ending = Ending::Policy;
                "policy drop"
            }
            20 | 21 => {
                self.helps = !self.helps;
                "helper the other way"
            }
            22 => {
                self.ahead.push(self.accept(&[(1024, 65535)]));
                "everything high accepted"
            }
            _ => {
                self.first.push(Rule::of(Does::Accept));
                "everything accepted first"
            }
        }
    }

    /// One end of the range, or a half or a quarter of it.
    fn part(&self, dice: &mut Dice) -> (u16, u16) {
        let (first, last) = self.range;
        let middle = first + (last - first) / 2;
        match dice.count(0, 3) {
            0 => (first, first),
            1 => (last, last),
            2 => (first, middle),
            _ => (middle, middle + (last - middle) / 2),
        }
    }

    fn harm_accepts(&mut self, number: u64, part: (u16, u16)) -> &'static str {
        let (control, range) = ((self.control, self.control), self.range);
        match number {
            0 => {
                self.accepts.retain(|r| !r.ports.contains(&control));
                "no accept of the control port"
            }
            1 => {
                self.accepts.retain(|r| !r.ports.contains(&range));
                "no accept of the range"
            }
            2 | 3 => {
                self.accept_instead(part);
                "accept of a part of the range"
            }
            4 => {
                self.accept_instead((range.0 + 1, range.1.saturating_add(1)));
                "accept of a range that is one off"
            }
            5 => {
                let accepts = self.accepts.iter_mut();
                for rule in accepts.filter(|r| r.does == Does::Accept) {
                    rule.from = Source::Near;
                }
                "accepts of near clients only"
            }
            6 => {
                self.states = &[];
                "no accept of established"
            }
            _ => {
                self.states = &["established"];
                "no accept of related"
            }
        }
    }

    /// In place of the range.
    fn accept_instead(&mut self, wanted: (u16, u16)) {
        for ports in self.accepts.iter_mut().flat_map(|r| &mut r.ports) {
            if *ports == self.range {
                *ports = wanted;
            }
        }
    }

    fn harm_way(
        &mut self,
        number: u64,
        dice: &mut Dice,
        stop: Does,
        part: (u16, u16),
    ) -> &'static str {
        match number {
            8 => {
                self.ahead.push(Rule::tcp(stop, &[part]));
                "a drop ahead of a part of the range"
            }
            9 => {
                self.first.push(Rule::tcp(stop, &[part]).in_states(NEW));
                "a drop of a part of the range before all"
            }
            10 => {
                self.ahead.push(Rule::tcp(Does::Return, &[part]));
                "a return ahead of a part of the range"
            }
            11 => {
                let at = usize::from(dice.chance()).min(self.accepts.len());
                self.accepts.insert(at, Rule::of(stop));
                "a drop of all among the accepts"
            }
            12 => {
                let rules = vec![Rule::tcp(stop, &[part])];
                self.second = Some(self.second_with(dice, rules, false));
                "second table drops a part of the range"
            }
            _ => {
                let rules = vec![
                    Rule::of(Does::Accept).in_states(BOTH),
                    self.accept(&[(self.control, self.control)]),
                ];
                self.second = Some(self.second_with(dice, rules, true));
                "second table accepts the control port only"
            }
        }
    }

    fn harm_translation(&mut self, number: u64, part: (u16, u16)) -> &'static str {
        let range = self.range;
        match number {
            14 => {
                self.dnat.retain(|r| !r.ports.contains(&range));
                "no DNAT of the range"
            }
            15 => {
                if let Some(rule) = self.dnat.last_mut() {
                    rule.ports = vec![part];
                }
                "DNAT of a part of the range"
            }
            16 => {
                let moved = (range.0.saturating_sub(1000), range.1.saturating_sub(1000));
                for rule in self.dnat.iter_mut().filter(|r| r.ports.contains(&range)) {
                    rule.does = Does::Dnat(Some(moved));
                }
                "DNAT of the range to other ports"
            }
            17 => {
                let away = Rule {
                    to: Some("198.51.100.1"),
                    ..Rule::tcp(Does::DnatAway, &[part])
                };
                self.dnat.insert(0, away);
                "DNAT of a part to another host"
            }
            _ => {
                self.snat.insert(0, Rule::of(Does::Masquerade));
                "masquerade of everything"
            }
        }
    }

    /// A server that lets out what its control port answers.
    fn answers_only(&mut self) -> &'static str {
        if self.hook() == Hook::Input {
            let by_port = Rule {
                by_source_port: true,
                ..Rule::tcp(Does::Accept, &[(self.control, self.control)])
            };
            self.output = Some(vec![by_port]);
        }
        "answers of the control port only"
    }
}
