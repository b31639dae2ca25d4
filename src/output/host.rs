//! What the rules of this host do now with what a profile needs, and which rules it lacks.

use std::fmt::Write as _;

use serde::Serialize;

use crate::facts::Facts;
use crate::model::filter::Rule;
use crate::model::net::Family;
use crate::plan::flows::Purpose;
use crate::plan::reach::{Standing, State, Stopped};
use crate::plan::{From, served_families};
use crate::profile::{Nat, Profile};
use crate::render::nftables;
use crate::ruleset::eval::Place;
use crate::ruleset::live::Ruleset;

use super::check::lacking;
use super::path::{unread, whence};
use super::place::place;
use super::terminal::one_line;
use super::words::{BAD, BOLD, CAREFUL, GOOD, dimmed, hanging, heading};

/// A host as a profile's connections meet it.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// How each kind of connection stands; empty where this host has no address that clients
    /// would call.
    pub standings: &'a [Standing],
    /// The rules of the plan that it lacks.
    pub missing: &'a [&'a Rule],
    /// The rules in force.
    pub ruleset: &'a Ruleset,
    /// The host.
    pub facts: &'a Facts,
}

#[derive(Serialize)]
pub(super) struct StandingV1 {
    connections: &'static str,
    family: Family,
    from: From,
    ports: String,
    state: &'static str,
    by: Option<ByV1>,
    why: Option<String>,
}

#[derive(Serialize)]
struct ByV1 {
    source: String,
    text: String,
}

impl Now<'_> {
    /// Whether anything could be told.
    fn is_known(&self) -> bool {
        self.ruleset.unread.is_empty() && !self.standings.is_empty()
    }

    /// How the connections stand, for programs.
    pub(super) fn standings_json(&self) -> Vec<StandingV1> {
        let of = |standing: &Standing| {
            let end = End::of(standing.state);
            StandingV1 {
                connections: match standing.purpose {
                    Purpose::Control => "control",
                    Purpose::PassiveData => "passive-data",
                    Purpose::ActiveData => "active-data",
                },
                family: standing.family,
                from: standing.from,
                ports: standing.ports.to_string(),
                state: match standing.state {
                    State::Open { .. } => "open",
                    State::Blocked { .. } => "blocked",
                    State::Unknown(_) => "unknown",
                },
                by: end.by.map(|at| {
                    let (source, text) = place(self.ruleset, at);
                    ByV1 { source, text }
                }),
                why: unread(self.ruleset).or(end.why.map(str::to_owned)),
            }
        };
        self.standings.iter().map(of).collect()
    }

    /// The names of the rules that are missing, each once; `None` where that is not known.
    pub(super) fn missing_json(&self) -> Option<Vec<&'static str>> {
        let mut names: Vec<&str> = Vec::new();
        for rule in self.missing {
            if !names.contains(&rule.name) {
                names.push(rule.name);
            }
        }
        self.is_known().then_some(names)
    }
}

/// A state in words, and the rule that makes it so.
struct End {
    words: &'static str,
    why: Option<&'static str>,
    by: Option<Place>,
}

impl End {
    fn of(state: State) -> Self {
        let (words, why, by) = match state {
            State::Open { except: None } => ("open", None, None),
            State::Open { except } => ("open, but for clients that this keeps out", None, except),
            State::Blocked { by, everyone } => {
                let words = if everyone {
                    "blocked"
                } else {
                    "blocked, but for clients that a rule lets in"
                };
                let (why, at) = cause(by);
                (words, why, at)
            }
            State::Unknown(by) => {
                let (why, at) = cause(by);
                ("cannot tell", why, at)
            }
        };
        Self { words, why, by }
    }
}

/// Why connections end, where the rule alone does not say it, and the rule.
fn cause(by: Stopped) -> (Option<&'static str>, Option<Place>) {
    match by {
        Stopped::General(at) | Stopped::Will(at) => (None, Some(at)),
        Stopped::Astray(Some(at)) => (Some("led elsewhere than to the server"), Some(at)),
        Stopped::Astray(None) => (Some("no rule leads them to the server"), None),
        Stopped::Kernel => (
            Some("the kernel itself drops them, as without a route"),
            None,
        ),
        Stopped::Elsewhere(at) => (Some("a program decides"), Some(at)),
        Stopped::Unknown(doubt) => (Some(doubt.why), doubt.at),
    }
}

/// The section of a plan about this host.
#[must_use]
pub fn host(profile: &Profile, now: Now) -> String {
    let mut text = heading("This host", "what its rules do now");
    if let Some(why) = unread(now.ruleset) {
        text.push_str(&hanging("  ", "    ", &why));
        if let Some(hint) = lacking(now.facts) {
            text.push_str(&hanging("  to see more: ", "    ", hint));
        }
        return text;
    }
    if now.standings.is_empty() {
        let words = "it has no address that clients of this profile would call: not judged";
        return text + &hanging("  ", "    ", words);
    }
    let mut kept_out: Vec<Option<Place>> = Vec::new();
    for (standing, families) in merged(now.standings) {
        let end = End::of(standing.state);
        let style = match standing.state {
            State::Open { .. } => GOOD,
            State::Blocked { .. } => BAD,
            State::Unknown(_) => CAREFUL,
        };
        let who = who(profile, standing, &families);
        let is_repeated = end.by.is_some() && kept_out.contains(&end.by);
        let words = match end.why {
            _ if is_repeated => "open, but for the same clients".to_owned(),
            Some(why) => format!("{} ({why})", end.words),
            None => end.words.to_owned(),
        };
        let words = format!("{who}: {words}");
        for line in hanging("  ", "    ", &words).lines() {
            let _ = writeln!(text, "{style}{line}{style:#}");
        }
        if let Some(at) = end.by.filter(|_| !is_repeated) {
            let (place, rule) = place(now.ruleset, at);
            let words = one_line(&format!("{place}: {rule}"));
            text.push_str(&dimmed(&hanging("    ", "      ", &words)));
        }
        if matches!(standing.state, State::Open { .. }) {
            kept_out.push(end.by);
        }
    }
    text + &missing(now)
}

/// Standings that differ in the family only as one.
fn merged(standings: &[Standing]) -> Vec<(&Standing, Vec<Family>)> {
    let mut merged: Vec<(&Standing, Vec<Family>)> = Vec::new();
    for standing in standings {
        let is_twin = |(known, _): &&mut (&Standing, Vec<Family>)| {
            (known.purpose, known.from) == (standing.purpose, standing.from)
                && (known.ports, known.state) == (standing.ports, standing.state)
        };
        match merged.iter_mut().find(is_twin) {
            Some((_, families)) => families.push(standing.family),
            None => merged.push((standing, vec![standing.family])),
        }
    }
    merged
}

fn who(profile: &Profile, standing: &Standing, families: &[Family]) -> String {
    let word = match (standing.purpose, standing.ports.count()) {
        (Purpose::Control, 1) => "control port",
        (Purpose::Control, _) => "control ports",
        (Purpose::PassiveData, 1) => "passive port",
        (Purpose::PassiveData, _) => "passive ports",
        (Purpose::ActiveData, _) => "active data to ports",
    };
    let is_masquerade = matches!(profile.nat, Nat::Masquerade { .. });
    let from = match (standing.purpose, standing.from) {
        (Purpose::ActiveData, _) => "from the server",
        (_, From::Outside) if is_masquerade => "from clients inside",
        (_, from) => whence(from),
    };
    let from = from.strip_prefix("from ").unwrap_or(from);
    let one_of = match families {
        [one] if served_families(profile).len() > 1 => format!(", {one}"),
        _ => String::new(),
    };
    format!("{word} {}, from {from}{one_of}", standing.ports)
}

fn missing(now: Now) -> String {
    if now.missing.is_empty() {
        let is = |of: fn(&State) -> bool| now.standings.iter().any(|s| of(&s.state));
        let words = if is(|state| matches!(state, State::Blocked { .. })) {
            "no rule of this plan would cure that: `ftpnat check` says what does"
        } else if is(|state| matches!(state, State::Unknown(_))) {
            "nothing is known to be missing"
        } else {
            "nothing is missing"
        };
        return hanging("  ", "    ", words);
    }
    let mut text = "  missing, of what `ftpnat apply` adds:\n".to_owned();
    for rule in now.missing {
        let name = format!("    {}: ", rule.name);
        let lines = hanging(&name, "        ", &nftables::rule_text(rule));
        // Colours take no column.
        let bold = format!("    {BOLD}{}{BOLD:#}: ", rule.name);
        text.push_str(&lines.replacen(&name, &bold, 1));
    }
    text
}
