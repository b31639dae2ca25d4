//! Limits that passive data has to pass.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, Severity};
use crate::model::check::CONNECTION_LIMIT_CUTS_DATA as ID;
use crate::plan::From;
use crate::plan::flows::Purpose;
use crate::plan::reach::{Reached, Stopped};
use crate::ruleset::eval::{Outcome, Place, Prepared};
use crate::ruleset::live::expression::{Expression, Limit as Rate, ObjectRef, Verdict as Says};
use crate::ruleset::live::table::ObjectKind;
use crate::ruleset::live::xt::{Match, Target};
use crate::ruleset::live::{Rule, Table, print};

use super::narrower::{self, Left};
use super::{place, unread};

check! {
    /// A limit on connections counts data connections too, and drops what exceeds it.
    ///
    /// ## What happens
    /// Single transfers work. A client that transfers many files, or several at once, hangs after
    /// some of them; a minute later it goes on.
    ///
    /// ## Why
    /// FTP opens a connection for every listing and every file. `connlimit`, `ct count`, `limit`,
    /// `hashlimit` or `recent` that is meant for logins or floods counts them all, where the rule
    /// does not ask for a port.
    ///
    /// ## How it is judged
    /// Passive data connections are sent through the live ruleset. It is said where what becomes
    /// of them depends on such a limit, but not where that is as high as `transfers` (or as the
    /// range, where that is not given), or 50 a second. A limit on the control port alone does
    /// not touch data.
    ///
    /// ## Look
    /// `nft list ruleset | grep -e "ct count" -e limit`; `iptables-save | grep -e limit -e recent`.
    ///
    /// ## Cure
    /// A limit that does not count the passive range, or a higher one. It is the administrator's
    /// will, so ftpnat overrules none.
    CONNECTION_LIMIT_CUTS_DATA, Warning, moot by &[], Judge::Host {
        applies: |_| true,
        needs: &[],
        find,
    }
}

/// Rules that may hide a limit behind them.
const ROUNDS: usize = 4;

/// New connections in a second, of which no client of FTP makes more: each takes some round
/// trips on the control connection. A flood of SYNs is more.
const IN_SECOND: u64 = 50;

/// What a rule lets through at most.
enum Limit {
    /// Connections that are there at once.
    Connections { most: u64, of_each: bool },
    /// New ones in a time, in the rule's own words; so many in a second at least.
    Rate { words: String, in_second: u64 },
}

/// A rule and what it lets through.
struct Limited {
    at: Place,
    expression: usize,
    limit: Limit,
}

fn find(subject: &Subject) -> Verdict {
    let is_any = subject.firewall.ruleset.tables.iter().any(|table| {
        let mut rules = table.chains.iter().flat_map(|chain| &chain.rules);
        rules.any(|rule| has_limit(table, rule))
    });
    let mut found: Vec<Limited> = Vec::new();
    let is_data = |reached: &&Reached| {
        let c = &reached.connections;
        (c.purpose, c.from) == (Purpose::PassiveData, From::Outside)
    };
    if is_any {
        for reached in subject.traffic.iter().filter(is_data) {
            for limited in limits(subject, reached) {
                if found.iter().all(|other| other.at != limited.at) {
                    found.push(limited);
                }
            }
        }
    }
    found.retain(|limited| !is_enough(subject, &limited.limit));
    let Some(first) = found.first() else {
        return unread(subject).unwrap_or(Verdict::Fine);
    };
    Verdict::Found(Finding {
        id: ID,
        severity: Severity::Warning,
        summary: summary(subject, &first.limit),
        evidence: found.iter().map(|l| place(subject, l.at)).collect(),
        remedy: found.iter().flat_map(|l| remedy(subject, l)).collect(),
    })
}

/// Whether a rule lets through at a rate, or up to an amount of connections.
pub(super) fn is_at(prepared: &Prepared, at: Place) -> bool {
    let found = prepared.chain(at).zip(prepared.rule(at));
    found.is_some_and(|((table, _), rule)| has_limit(table, rule))
}

fn has_limit(table: &Table, rule: &Rule) -> bool {
    let mut expressions = rule.expressions.iter();
    expressions.any(|expression| limit_of(table, expression).is_some())
}

/// As many as are ever wanted.
fn wanted(subject: &Subject) -> u64 {
    let range = subject.profile.passive.ports.count();
    subject.profile.transfers.unwrap_or(range).into()
}

fn is_enough(subject: &Subject, limit: &Limit) -> bool {
    match limit {
        Limit::Connections { most, .. } => *most >= wanted(subject),
        Limit::Rate { in_second, .. } => *in_second >= IN_SECOND || *in_second >= wanted(subject),
    }
}

fn summary(subject: &Subject, limit: &Limit) -> String {
    let wanted = match subject.profile.transfers {
        Some(transfers) => format!("; the profile has {transfers} transfers at once"),
        None => String::new(),
    };
    match limit {
        Limit::Connections {
            most,
            of_each: true,
        } => format!(
            "a client has at most {} at once, and each of its transfers is one of them{wanted}",
            connections(*most)
        ),
        Limit::Connections {
            most,
            of_each: false,
        } => format!(
            "all clients together have at most {} at once, and each transfer is one of \
             them{wanted}",
            connections(*most)
        ),
        Limit::Rate { words, .. } => format!(
            "a limit on new connections ({words}) counts every transfer: what exceeds it is \
             dropped{wanted}"
        ),
    }
}

fn connections(count: u64) -> String {
    match count {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}

/// The limits that decide what becomes of connections, also those behind other rules that
/// nobody can foresee.
fn limits(subject: &Subject, passive: &Reached) -> Vec<Limited> {
    let mut found = Vec::new();
    for (part, stopped) in &passive.parts {
        let Some(Stopped::Unknown(doubt)) = stopped else {
            continue;
        };
        let mut opening = passive.connections.opening.clone();
        opening.flow = opening.flow.at(&part.region);
        let mut ignored = Vec::new();
        let mut doubt = *doubt;
        while let (Some(at), Some(expression)) = (doubt.at, doubt.expression) {
            found.extend(limited(subject, at, expression));
            ignored.push(at);
            let prepared = &subject.firewall.prepared;
            let next = prepared.evaluate_without(&opening, &ignored).outcome;
            doubt = match next {
                Outcome::Undecided(next) if ignored.len() < ROUNDS => next,
                _ => break,
            };
        }
    }
    found
}

fn limited(subject: &Subject, at: Place, expression: usize) -> Option<Limited> {
    let (table, _) = subject.firewall.prepared.chain(at)?;
    let rule = subject.firewall.prepared.rule(at)?;
    let limit = limit_of(table, rule.expressions.get(expression)?)?;
    Some(Limited {
        at,
        expression,
        limit,
    })
}

fn limit_of(table: &Table, expression: &Expression) -> Option<Limit> {
    match expression {
        Expression::Connlimit { count, .. } => Some(Limit::Connections {
            most: (*count).into(),
            of_each: false,
        }),
        Expression::Limit(rate) => of_rate(rate),
        Expression::Dynset { expressions, .. } => {
            let inner = expressions.iter().find_map(|e| limit_of(table, e));
            inner.map(of_each)
        }
        Expression::Lookup { set, .. } => {
            let set = table.sets.iter().find(|s| s.name == *set)?;
            let elements = set.elements.iter().flat_map(|e| &e.expressions);
            let mut all = set.expressions.iter().chain(elements);
            all.find_map(|e| limit_of(table, e)).map(of_each)
        }
        Expression::Object {
            which: ObjectRef::Name(name),
            ..
        } => table.objects.iter().find_map(|o| match &o.what {
            ObjectKind::Limit(rate) if o.name == *name => of_rate(rate),
            _ => None,
        }),
        Expression::Match(Match::Unforeseen { name, words }) => of_match(name, words),
        _ => None,
    }
}

/// Of bytes it makes transfers slow, and cuts none.
fn of_rate(rate: &Rate) -> Option<Limit> {
    let unit = match rate.unit {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        3600 => "hour".to_owned(),
        86400 => "day".to_owned(),
        seconds => format!("{seconds} seconds"),
    };
    (!rate.bytes).then(|| Limit::Rate {
        words: format!("{} a {unit}", rate.rate),
        in_second: rate.rate / rate.unit.max(1),
    })
}

fn of_each(limit: Limit) -> Limit {
    match limit {
        Limit::Connections { most, .. } => Limit::Connections {
            most,
            of_each: true,
        },
        Limit::Rate { words, in_second } => Limit::Rate {
            words: words + " from one client",
            in_second,
        },
    }
}

/// A match of iptables, in the words of `iptables-save`.
fn of_match(name: &str, words: &str) -> Option<Limit> {
    let value = |option: &str| {
        let mut words = words.split(' ').skip_while(move |word| *word != option);
        words.nth(1)
    };
    match name {
        "connlimit" => {
            let most = value("--connlimit-above").or_else(|| value("--connlimit-upto"))?;
            Some(Limit::Connections {
                most: most.parse().ok()?,
                of_each: value("--connlimit-mask") != Some("0"),
            })
        }
        "limit" | "hashlimit" => {
            let rate = ["--limit", "--hashlimit-upto", "--hashlimit-above"];
            let rate = rate.into_iter().find_map(value)?;
            // A rate of bytes ends in b/s.
            let (count, unit) = rate.split_once('/')?;
            let count: u64 = count.parse().ok()?;
            let in_second = if unit.starts_with('s') {
                count
            } else {
                count / 60
            };
            Some(Limit::Rate {
                words: rate.to_owned(),
                in_second,
            })
        }
        "recent" => {
            let (hits, seconds) = (value("--hitcount")?, value("--seconds"));
            let seconds = seconds.map(|s| format!(" in {s} seconds"));
            Some(Limit::Rate {
                words: format!("{hits}{} from one client", seconds.unwrap_or_default()),
                in_second: 0,
            })
        }
        _ => None,
    }
}

/// The administrator's will: what to write is said, and nothing is done.
fn remedy(subject: &Subject, limited: &Limited) -> Vec<Remedy> {
    let Evidence { source, text } = place(subject, limited.at);
    let config = |text: String| Remedy::Config { file: None, text };
    match exempt(subject, limited) {
        Some((rule, true)) => vec![config(format!(
            "{source}: before `{text}`, which then no longer counts passive data: {rule}"
        ))],
        Some((rule, false)) => vec![config(format!(
            "{source}: in the place of `{text}`, so that passive data is not counted: {rule}"
        ))],
        None => vec![config(format!(
            "{source}: a higher limit, or one that leaves out ports {}: {text}",
            subject.profile.passive.ports
        ))],
    }
}

/// A rule that leaves passive data uncounted, and whether it comes before the limit.
fn exempt(subject: &Subject, limited: &Limited) -> Option<(String, bool)> {
    let (table, chain) = subject.firewall.prepared.chain(limited.at)?;
    let rule = subject.firewall.prepared.rule(limited.at)?;
    let range = subject.profile.passive.ports;
    let print = |rule: &Rule| print::rule(rule, &chain.name, table);
    let accepts = rule.expressions.iter().any(|e| {
        matches!(
            e,
            Expression::Verdict(Says::Accept) | Expression::Target(Target::Verdict(Says::Accept))
        )
    });
    if !accepts {
        let but = narrower::not_to(table, rule, (range.first(), range.last()))?;
        return Some((print(&but), false));
    }
    let mut unlimited = rule.clone();
    unlimited.expressions.remove(limited.expression);
    unlimited.line = String::new();
    match narrower::to_range(table, &unlimited, range)? {
        Left::Rule(rule, None) => Some((print(&rule), true)),
        Left::Rule(..) | Left::Nothing => None,
    }
}
