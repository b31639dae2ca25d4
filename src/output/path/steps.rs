//! One way, step by step: a line a base chain, and the rule that ended it below.

use crate::apply::difference::words;
use crate::plan::flows::{Connections, Part};
use crate::plan::reach::Stopped;
use crate::ruleset::eval::{
    Address, Doubt, Evaluation, Met, Outcome, Path, Place, Port, Prepared, Rejection, Told,
    Translation, Where,
};
use crate::ruleset::live::print;
use crate::ruleset::live::table::Hook;
use crate::ruleset::placement::leads_to;

use super::super::terminal::one_line;
use super::addresses;
use super::sheet::{Mark, Sheet};

/// The way of the packet that opens the first connection of a part, and of what follows where
/// that does not get through.
pub(super) fn drawn(
    connections: &Connections,
    part: &Part,
    by: Option<Stopped>,
    prepared: &Prepared,
) -> String {
    let opening = &part.opening;
    let flow = connections.opening.flow.at(&part.region);
    let from = match connections.opening.path {
        Path::Arrives => arrival(connections.opening.input.as_deref()),
        Path::Leaves | Path::Loops => "sent by this host".to_owned(),
    };
    let mut way = Way {
        prepared,
        port: flow.destination.1,
        is_led_away: by.is_some() && part.outcome() == &Outcome::Accept,
        sheet: Sheet::default(),
    };
    way.sheet.say(Mark::On, &from);
    if connections.opening.settled.is_some() {
        way.sheet.say(
            Mark::On,
            "expected by the helper, and translated as its master was",
        );
    }
    way.draw(opening, by);
    if opening.outcome != Outcome::Accept || way.is_led_away {
        return way.sheet.text;
    }
    let Some(answer) = &part.answer else {
        way.sheet.note("what becomes of its answer cannot be told");
        return way.sheet.text;
    };
    let (failing, what, from) = match &part.later {
        _ if answer.outcome != Outcome::Accept => {
            let back = match &opening.to {
                Some(Where::Out(interface)) => arrival(interface.as_deref()),
                Some(Where::Local) | None => "sent by this host".to_owned(),
            };
            (answer, "but its answer does not come back:", back)
        }
        Some(later) if later.outcome != Outcome::Accept => {
            (later, "but what follows does not get through:", from)
        }
        Some(_) | None => {
            way.sheet.note("so do its answer and what follows");
            return way.sheet.text;
        }
    };
    way.sheet.note(what);
    way.sheet.say(Mark::On, &from);
    way.draw(failing, None);
    way.sheet.text
}

fn arrival(interface: Option<&str>) -> String {
    match interface {
        Some(name) => format!("in by {}", one_line(name)),
        None => "in by an interface that is not known".to_owned(),
    }
}

struct Way<'p, 'r> {
    prepared: &'p Prepared<'r>,
    /// The port that the connection comes to before any translation.
    port: u16,
    /// It gets through, and not to the server.
    is_led_away: bool,
    sheet: Sheet,
}

impl Way<'_, '_> {
    fn draw(&mut self, seen: &Evaluation, by: Option<Stopped>) {
        let doubtful = match &seen.outcome {
            Outcome::Undecided(doubt) => Some(self.place_of(seen, *doubt)),
            _ => None,
        };
        let known = match doubtful {
            Some(Some(at)) => at,
            _ => seen.trail.len(),
        };
        let mut hook = None;
        for met in &seen.trail[..known] {
            if doubtful.is_some() && !met.passed {
                break;
            }
            self.route(seen, hook, met.hook);
            self.chain(seen, met, hook);
            hook = Some(met.hook);
        }
        match (
            &seen.outcome,
            doubtful.flatten().and_then(|at| seen.trail.get(at)),
        ) {
            (Outcome::Undecided(doubt), Some(met)) => {
                self.route(seen, hook, met.hook);
                let what = format!("{}: {}", self.doubtful(*doubt, met), doubt.why);
                self.step(Mark::Unknown, met, hook, &what);
                self.rule(Mark::Unknown, doubt.at);
            }
            (Outcome::Undecided(doubt), None) => {
                self.sheet
                    .say(Mark::Unknown, &format!("CANNOT TELL: {}", doubt.why));
                self.rule(Mark::Unknown, doubt.at);
                if !seen.trail.is_empty() {
                    self.sheet.note("above is one way that it may take");
                }
            }
            (Outcome::Accept, _) => self.arrive(seen, by.filter(|_| self.is_led_away)),
            (Outcome::Drop { by: None }, _) => {
                self.sheet.say(
                    Mark::End,
                    "DROPPED by the kernel itself, as without a route",
                );
            }
            (Outcome::Drop { .. } | Outcome::Reject { .. } | Outcome::Elsewhere { .. }, _) => {}
        }
        match by {
            _ if seen.outcome == Outcome::Accept => {}
            Some(Stopped::Astray(None)) => self.sheet.note("no rule leads it to the server"),
            Some(Stopped::Astray(Some(_))) => self.sheet.note("and it does not go to the server"),
            _ => {}
        }
    }

    /// Where routing sent it, before the first chain behind that.
    fn route(&mut self, seen: &Evaluation, before: Option<Hook>, next: Hook) {
        let is_behind = |hook| matches!(hook, Hook::Input | Hook::Forward);
        if !is_behind(next) || before.is_some_and(is_behind) {
            return;
        }
        let words = match &seen.to {
            Some(Where::Local) => "routed to this host".to_owned(),
            Some(Where::Out(Some(name))) => format!("routed out by {}", one_line(name)),
            Some(Where::Out(None)) | None => "routed, where to is not known".to_owned(),
        };
        self.sheet.say(Mark::On, &words);
    }

    /// What a base chain did.
    fn chain(&mut self, seen: &Evaluation, met: &Met, before: Option<Hook>) {
        let (mark, did) = self.did(seen, met);
        self.step(mark, met, before, &did);
        self.rule(mark, met.by.rule.map(|_| met.by));
        if let Told::Known(Some(assigned)) = &seen.helper
            && (assigned.hook, assigned.priority) == (met.hook, met.priority)
            && self.is_in(assigned.by, met)
        {
            self.sheet.beside(
                mark,
                &format!("assigns the helper {}:", one_line(&assigned.helper)),
            );
            self.rule(mark, Some(assigned.by));
        }
        if let Told::Known(Some(at)) = seen.notrack
            && at != met.by
            && self.is_in(at, met)
        {
            self.sheet.beside(mark, "keeps it untracked:");
            self.rule(mark, Some(at));
        }
    }

    fn did(&self, seen: &Evaluation, met: &Met) -> (Mark, String) {
        let by = self.by(met);
        if met.passed {
            let nat = seen.nat.known().copied().unwrap_or_default();
            let is_by = |at: Option<Place>| at == Some(met.by);
            let words = if is_by(nat.destination_by) {
                format!(
                    "destination {}, {by}",
                    self.becomes(nat.translations.destination)
                )
            } else if is_by(nat.source_by) {
                format!("source {}, {by}", self.becomes(nat.translations.source))
            } else if met.by.rule.is_some() {
                format!("accepted, {by}")
            } else {
                "passed".to_owned()
            };
            return (Mark::On, words);
        }
        let how = match &seen.outcome {
            Outcome::Reject { kind, .. } => format!("REJECTED ({}), {by}", rejection(*kind)),
            Outcome::Elsewhere { name, .. } => format!("HANDED to {name}, {by}"),
            _ => format!("DROPPED, {by}"),
        };
        (Mark::End, how)
    }

    /// The rule that ended a base chain, by its number, or the policy.
    fn by(&self, met: &Met) -> String {
        let Some(rule) = met.by.rule else {
            return "its policy".to_owned();
        };
        let number = rule + 1;
        match self.prepared.chain(met.by) {
            Some((_, chain)) if met.by.chain != met.base => {
                format!("rule {number} of {}", one_line(&chain.name))
            }
            _ => format!("rule {number}"),
        }
    }

    fn doubtful(&self, doubt: Doubt, met: &Met) -> String {
        match doubt.at {
            Some(at) => format!("CANNOT TELL, {}", self.by(&Met { by: at, ..*met })),
            None => "CANNOT TELL".to_owned(),
        }
    }

    fn becomes(&self, translation: Translation) -> String {
        let port = match translation.port {
            Port::Same => None,
            Port::Within(first, last) if first == last => Some(first.to_string()),
            Port::Within(first, last) => Some(format!("{first}-{last}")),
            Port::Moved(by) => Some(self.port.wrapping_add(by).to_string()),
        };
        let port = port.map(|port| format!("port {port}"));
        let address = match translation.address {
            Address::Same => None,
            Address::Within(first, last) => Some(addresses(first, last)),
            Address::Moved(_) => Some("one in another network".to_owned()),
            Address::Unknown => Some("an address that is not known".to_owned()),
        };
        match (address, port) {
            (None, None) => "stays".to_owned(),
            (Some(address), Some(port)) => format!("becomes {address} {port}"),
            (Some(words), None) | (None, Some(words)) => format!("becomes {words}"),
        }
    }

    /// Behind the last chain; `led`: what leads it elsewhere than to the server.
    fn arrive(&mut self, seen: &Evaluation, led: Option<Stopped>) {
        let words = match &seen.to {
            Some(Where::Local) => "reaches this host".to_owned(),
            Some(Where::Out(Some(name))) => format!("leaves by {}", one_line(name)),
            Some(Where::Out(None)) | None => "leaves this host".to_owned(),
        };
        match led {
            None => self.sheet.say(Mark::Through, &words),
            Some(Stopped::Astray(None)) => {
                let words = format!("{words}: no rule leads it to the server");
                self.sheet.say(Mark::End, &words);
            }
            Some(_) => {
                let words = format!("{words}, and does not go to the server");
                self.sheet.say(Mark::End, &words);
            }
        }
    }

    /// The step of the trail in which a doubt arose.
    fn place_of(&self, seen: &Evaluation, doubt: Doubt) -> Option<usize> {
        let at = doubt.at?;
        seen.trail.iter().position(|met| self.is_in(at, met))
    }

    /// Whether a rule stands in a base chain, or in a chain that it leads to.
    fn is_in(&self, at: Place, met: &Met) -> bool {
        let Some((table, _)) = self.prepared.chain(at) else {
            return false;
        };
        at.table == met.by.table && leads_to(table, met.base, at.chain)
    }

    fn step(&mut self, mark: Mark, met: &Met, before: Option<Hook>, did: &str) {
        let base = Place {
            table: met.by.table,
            chain: met.base,
            rule: None,
        };
        let place = self.prepared.chain(base).map_or_else(
            || "a chain".to_owned(),
            |(table, chain)| {
                let table = print::table(table);
                let table = table.strip_prefix("table ").unwrap_or(&table);
                format!("{table} {}", chain.name)
            },
        );
        let hook = match before {
            Some(before) if before == met.hook && mark == Mark::On => "",
            _ => hook_name(met.hook),
        };
        let words = one_line(&format!("{place}: {did}"));
        self.sheet.step(mark, hook, met.priority, &words);
    }

    fn rule(&mut self, mark: Mark, at: Option<Place>) {
        let Some(at) = at else { return };
        let Some((table, chain)) = self.prepared.chain(at) else {
            return;
        };
        let Some(rule) = self.prepared.rule(at) else {
            return;
        };
        let words = one_line(&words(rule, &chain.name, table));
        self.sheet.rule(mark, &words);
    }
}

fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Ingress => "ingress",
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
        Hook::Egress => "egress",
        Hook::Other(_) => "a hook",
    }
}

fn rejection(kind: Rejection) -> String {
    match kind {
        Rejection::Reset => "TCP reset".to_owned(),
        Rejection::Icmp { kind, code } => format!("ICMP type {kind} code {code}"),
    }
}
