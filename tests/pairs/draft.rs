//! A firewall that lets in what a profile needs, in one of the ways that people have.

use ftpnat::plan::plan;
use ftpnat::profile::Profile;

use crate::firewall::{Chain, Does, Hook, Rule};
use crate::pair::Mode;
use crate::support::dice::Dice;

/// How the chain ends that packets must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its policy drops.
    Policy,
    /// Its last rule does.
    Rule(Does),
    /// What no rule drops gets through.
    Open,
}

/// A firewall in the making.
pub(crate) struct Draft {
    pub(crate) mode: Mode,
    pub(crate) control: u16,
    pub(crate) range: (u16, u16),
    pub(crate) active: bool,
    /// The states that the first accept lets through; none: it is not there.
    pub(crate) states: &'static [&'static str],
    /// Rules before that accept, behind it, and behind those of FTP.
    pub(crate) first: Vec<Rule>,
    pub(crate) ahead: Vec<Rule>,
    pub(crate) accepts: Vec<Rule>,
    pub(crate) in_own_chain: bool,
    pub(crate) output: Option<Vec<Rule>>,
    pub(crate) helps: bool,
    pub(crate) notrack: Vec<Rule>,
    pub(crate) second: Option<Chain>,
    pub(crate) dnat: Vec<Rule>,
    pub(crate) snat: Vec<Rule>,
    pub(crate) ending: Ending,
}

pub(crate) const NEW: &[&str] = &["new"];
pub(crate) const BOTH: &[&str] = &["established", "related"];

impl Draft {
    /// One that lets in what the profile needs, in one of the ways that people have.
    pub(crate) fn healthy(dice: &mut Dice, mode: Mode, profile: &Profile) -> Self {
        let control = profile.control[0].port;
        let range = profile.passive.ports;
        let range = (range.first(), range.last());
        let planned = plan(
            std::slice::from_ref(profile),
            &ftpnat::facts::Facts::default(),
        );
        let helps = planned.profiles[0]
            .rules
            .iter()
            .any(|r| r.name.contains("helper"));
        let mut draft = Self {
            mode,
            control,
            range,
            active: profile.active,
            states: BOTH,
            first: Vec::new(),
            ahead: Vec::new(),
            accepts: Vec::new(),
            in_own_chain: dice.percent(25),
            output: None,
            helps,
            notrack: Vec::new(),
            second: None,
            dnat: Vec::new(),
            snat: Vec::new(),
            ending: Ending::Policy,
        };
        if dice.percent(20) {
            draft.ending = match dice.count(0, 2) {
                0 => Ending::Rule(Does::Drop),
                1 => Ending::Rule(Does::Reject),
                _ => Ending::Open,
            };
        }
        if dice.percent(30) {
            draft
                .ahead
                .push(Rule::of(Does::Drop).in_states(&["invalid"]));
        }
        if dice.percent(15) {
            draft
                .first
                .push(Rule::tcp(Does::Drop, &[(23, 23), (3306, 3306)]));
        }
        draft.ahead.push(Rule::tcp(Does::Accept, &[(22, 22)]));
        if dice.percent(30) {
            draft
                .ahead
                .push(Rule::tcp(Does::Drop, &[(135, 139), (445, 445)]));
        }
        let states: &'static [&'static str] = if dice.chance() { NEW } else { &[] };
        let accepted = |ports: &[(u16, u16)]| accept(mode, ports).in_states(states);
        draft.accepts = if dice.chance() {
            vec![accepted(&[(control, control)]), accepted(&[range])]
        } else {
            vec![accepted(&[(control, control), range])]
        };
        if draft.active && mode == Mode::Dnat {
            draft.accepts.push(Rule {
                input: Some("eth1"),
                output: Some("eth0"),
                ..Rule::tcp(Does::Accept, &[(1024, 65535)]).in_states(NEW)
            });
        }
        if matches!(mode, Mode::None | Mode::Upstream) && dice.percent(15) {
            let mut rules = vec![
                Rule::of(Does::Accept).in_states(BOTH),
                Rule::tcp(Does::Accept, &[(53, 53), (80, 80), (443, 443)]),
            ];
            if draft.active {
                rules.push(Rule::tcp(Does::Accept, &[(1024, 65535)]).in_states(NEW));
            }
            draft.output = Some(rules);
        }
        draft.translate(dice);
        draft
    }

    fn translate(&mut self, dice: &mut Dice) {
        let to = Some("198.51.100.1");
        let out = || Rule {
            output: Some("eth0"),
            ..Rule::of(Does::Masquerade)
        };
        match self.mode {
            Mode::None | Mode::Upstream => {}
            Mode::Dnat => {
                let input = dice.chance().then_some("eth0");
                let of = |ports: (u16, u16)| Rule {
                    to,
                    input,
                    ..Rule::tcp(Does::Dnat(None), &[ports])
                };
                self.dnat = vec![of((self.control, self.control)), of(self.range)];
                if self.active || dice.chance() {
                    self.snat.push(out());
                }
            }
            Mode::Masquerade => self.snat.push(out()),
        }
    }

    pub(crate) fn accept(&self, ports: &[(u16, u16)]) -> Rule {
        accept(self.mode, ports)
    }

    pub(crate) fn second_with(&self, dice: &mut Dice, rules: Vec<Rule>, drops: bool) -> Chain {
        let priority = if dice.chance() { -10 } else { 10 };
        let mut all = rules;
        if drops && self.hook() == Hook::Input {
            all.insert(0, icmp());
        }
        Chain {
            hook: Hook::Second(self.hook_word(), priority),
            drops,
            rules: all,
        }
    }

    pub(crate) fn harmless_second(&self, dice: &mut Dice) -> Chain {
        let noise = vec![Rule::tcp(Does::Drop, &[(23, 23), (3306, 3306)])];
        self.second_with(dice, noise, false)
    }

    pub(crate) fn hook(&self) -> Hook {
        match self.mode {
            Mode::None | Mode::Upstream => Hook::Input,
            Mode::Dnat | Mode::Masquerade => Hook::Forward,
        }
    }

    fn hook_word(&self) -> &'static str {
        match self.hook() {
            Hook::Input => "input",
            _ => "forward",
        }
    }

    pub(crate) fn chains(&self) -> Vec<Chain> {
        let chain = |hook, drops, rules| Chain { hook, drops, rules };
        let mut all = Vec::new();
        let mut main = self.first.clone();
        main.push(icmp());
        if self.hook() == Hook::Input {
            main.push(Rule {
                input: Some("lo"),
                ..Rule::of(Does::Accept)
            });
        }
        if !self.states.is_empty() {
            main.push(Rule::of(Does::Accept).in_states(self.states));
        }
        let ftp: Vec<Rule> = self.ahead.iter().chain(&self.accepts).cloned().collect();
        if self.in_own_chain {
            all.push(chain(Hook::Own, false, ftp));
            main.push(Rule::of(Does::Jump));
        } else {
            main.extend(ftp);
        }
        if let Ending::Rule(does) = self.ending {
            main.push(Rule::of(does));
        }
        all.push(chain(self.hook(), self.ending == Ending::Policy, main));
        if let Some(output) = &self.output {
            let mut rules = vec![icmp()];
            rules.extend(output.iter().cloned());
            all.push(chain(Hook::Output, true, rules));
        }
        if !self.notrack.is_empty() {
            all.push(chain(Hook::Raw, false, self.notrack.clone()));
        }
        if self.helps {
            let port = (self.control, self.control);
            let rules = vec![Rule::tcp(Does::Help, &[port])];
            all.push(chain(Hook::Helper, false, rules));
        }
        if !self.dnat.is_empty() {
            all.push(chain(Hook::Dnat, false, self.dnat.clone()));
        }
        if !self.snat.is_empty() {
            all.push(chain(Hook::Snat, false, self.snat.clone()));
        }
        all.extend(self.second.clone());
        all
    }

    /// The ends of all ports that rules name, and those beside them.
    pub(crate) fn edges(&self) -> Vec<u16> {
        let second = self.second.iter().flat_map(|c| &c.rules);
        let output = self.output.iter().flatten();
        let rules = self.first.iter().chain(&self.ahead).chain(&self.accepts);
        let rules = rules.chain(&self.dnat).chain(&self.notrack);
        let ports = rules.chain(second).chain(output).flat_map(|r| &r.ports);
        let mut edges: Vec<u16> = ports
            .flat_map(|(a, b)| [a.saturating_sub(1), *a, *b, b.saturating_add(1)])
            .collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}

pub(crate) fn accept(mode: Mode, ports: &[(u16, u16)]) -> Rule {
    Rule {
        input: (mode == Mode::Masquerade).then_some("eth1"),
        ..Rule::tcp(Does::Accept, ports)
    }
}

/// What IPv6 cannot do without.
pub(crate) fn icmp() -> Rule {
    Rule {
        icmp: true,
        ..Rule::of(Does::Accept)
    }
}
