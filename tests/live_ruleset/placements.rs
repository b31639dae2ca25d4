//! Where the accepts of two profiles go in every real ruleset, as a table to be read.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ftpnat::facts::Facts;
use ftpnat::model::filter::{Purpose, Rule};
use ftpnat::model::net::Family;
use ftpnat::plan::plan;
use ftpnat::profile::parse;
use ftpnat::ruleset::eval::{Flow, HostFacts, Outcome, OwnAddress, Packet, Place, Prepared, Route};
use ftpnat::ruleset::live::expression::{CmpOp, Expression, PayloadBase, Register, Verdict};
use ftpnat::ruleset::live::{Rule as LiveRule, Ruleset, print};
use ftpnat::ruleset::placement::{Placement, Wanted, base_chains, is_will, place};
use libtest_mimic::Trial;
use snapbox::data::DataFormat;
use snapbox::{Data, assert_data_eq};

use crate::real::{folders, loaded};

/// The profile of that name, at ports that no ruleset opens.
const OTHER_PORTS: &str = "own-firewall at other ports";

/// The first that a ruleset names is taken for the interface to the outside.
const OUTSIDE: [&str; 3] = ["pppoe-wan", "wan", "eth0"];

pub(crate) fn trial() -> Trial {
    Trial::test("real::placements", || {
        let mut table = String::from(HEAD);
        for folder in folders() {
            let held = loaded(&folder);
            let name = folder.file_name().expect("a name").to_string_lossy();
            let _ = writeln!(table, "\n{name}");
            let ruleset = held.recorded();
            write_placements(&ruleset, &mut table);
            opens_what_is_no_will(&ruleset, &name);
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rulesets/placements.txt");
        let wanted = Data::read_from(&path, Some(DataFormat::Text));
        assert_data_eq!(table, wanted.raw());
        Ok(())
    })
}

const HEAD: &str = "\
Where the accepts of two profiles stand in each ruleset of tests/data/rulesets/real: which
base chain drops what they are for, and before which rule they go. Base chains that drop
none of it are not listed. `?` before a rule: it may take clients away before ours.
";

fn write_placements(ruleset: &Ruleset, table: &mut String) {
    let text: String = rules_of(ruleset).collect::<Vec<_>>().join("\n");
    let named = OUTSIDE.into_iter().find(|name| names(&text, name));
    let facts = HostFacts {
        routes: Some(vec![
            route("0.0.0.0/0", named.unwrap_or("eth0")),
            route("10.77.0.0/24", "eth1"),
        ]),
        ..HostFacts::default()
    };
    let prepared = Prepared::new(ruleset, &facts);
    for profile in ["own-firewall", OTHER_PORTS, "gateway"] {
        let mut found = Vec::new();
        // The gateway says by which interface clients come; the other host may not know.
        let ways: &[Option<&str>] = match profile {
            "gateway" => &[Some(named.unwrap_or("eth0"))],
            _ => &[None, named],
        };
        for &outside in ways {
            let mut answers = String::new();
            for rules in by_answer(&prepared, ruleset, profile, outside) {
                let _ = writeln!(answers, "    {}", rules.1.join(", "));
                let _ = write!(answers, "{}", rules.0);
            }
            if !found.contains(&answers) {
                let by = outside.map_or(String::new(), |name| format!(", clients by {name}"));
                let _ = writeln!(table, "  {profile}{by}");
                table.push_str(&answers);
                found.push(answers);
            }
        }
    }
}

fn route(to: &str, interface: &str) -> Route {
    Route {
        to: to.parse().expect("a network"),
        interface: Some(interface.to_owned()),
    }
}

/// Whether a name stands in a text as a word.
fn names(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    text.split(|c| !part(c)).any(|word| word == name)
}

fn rules_of(ruleset: &Ruleset) -> impl Iterator<Item = String> {
    ruleset.tables.iter().flat_map(|table| {
        table.chains.iter().flat_map(move |chain| {
            let rules = chain.rules.iter();
            rules.map(move |rule| print::rule(rule, &chain.name, table))
        })
    })
}

/// The rules of a profile with where they go: those that go to the same places together.
fn by_answer(
    prepared: &Prepared<'_>,
    ruleset: &Ruleset,
    profile: &str,
    outside: Option<&str>,
) -> Vec<(String, Vec<String>)> {
    let name = profile.split(' ').next().expect("a name");
    let path = format!("{}/profiles/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("a profile");
    let mut text = text.replace("eth0", outside.unwrap_or("eth0"));
    if profile == OTHER_PORTS {
        text = text.replace("port: 21", "port: 2121");
        text = text.replace("50000-51000", "61000-61999");
    }
    let parsed = parse(&path, text.as_bytes()).expect("a profile");
    let plan = plan(&[parsed], &Facts::default());
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for rule in plan.rules().filter(|r| r.chain.purpose == Purpose::Filter) {
        let mut answers: BTreeMap<String, Vec<Family>> = BTreeMap::new();
        for &family in &rule.families {
            let answer = answer(prepared, ruleset, rule, family, outside);
            answers.entry(answer).or_default().push(family);
        }
        for (answer, families) in answers {
            if answer.is_empty() {
                continue;
            }
            let of = match &families[..] {
                [one] if rule.families.len() > 1 => format!(" ({one})"),
                _ => String::new(),
            };
            let name = format!("{}{of}", rule.name);
            match all.iter_mut().find(|(known, _)| *known == answer) {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => all.push((answer, vec![name])),
            }
        }
    }
    all
}

/// Where a rule goes: a line for each base chain that drops what it is for.
fn answer(
    prepared: &Prepared<'_>,
    ruleset: &Ruleset,
    rule: &Rule,
    family: Family,
    outside: Option<&str>,
) -> String {
    let wanted = Wanted::of_rule(rule, family, outside);
    let mut text = String::new();
    for base in base_chains(ruleset, rule.chain.hook, family) {
        let (table, chain) = (
            &ruleset.tables[base.0],
            &ruleset.tables[base.0].chains[base.1],
        );
        let name = format!("{:?} {} {}", table.family, table.name, chain.name).to_lowercase();
        match place(prepared, base, &wanted) {
            Ok(found) if found.dropped => {
                let _ = writeln!(text, "      {name}: {}", stands(ruleset, &found));
                for place in found.unsure {
                    let _ = writeln!(text, "        ? {}", line(ruleset, place));
                }
            }
            Ok(_) => {}
            Err(why) => {
                let _ = writeln!(text, "      {name}: NO PLACE: {why}");
            }
        }
    }
    text
}

fn stands(ruleset: &Ruleset, found: &Placement) -> String {
    let at = found.position;
    let table = &ruleset.tables[at.table];
    let chain = &table.chains[at.chain];
    let line = match chain.rules.get(at.index) {
        Some(rule) => print::rule(rule, &chain.name, table),
        None => "the end".to_owned(),
    };
    format!("{} {}, before {line}", chain.name, at.index)
}

fn line(ruleset: &Ruleset, place: Place) -> String {
    let table = &ruleset.tables[place.table];
    let chain = &table.chains[place.chain];
    let rule = place.rule.and_then(|rule| chain.rules.get(rule));
    rule.map_or_else(String::new, |rule| print::rule(rule, &chain.name, table))
}

/// A port that no ruleset opens.
const PORT: u16 = 2121;

/// With an accept in every place that is found for it, nobody gets in whom the
/// administrator keeps out, and no general drop keeps clients out any longer.
fn opens_what_is_no_will(ruleset: &Ruleset, name: &str) {
    let text: String = rules_of(ruleset).collect::<Vec<_>>().join("\n");
    let named = OUTSIDE.into_iter().find(|name| names(&text, name));
    let outside = named.unwrap_or("eth0");
    let facts = host(outside);
    let before = Prepared::new(ruleset, &facts);
    let rule = to_port();
    let wanted = Wanted::of_rule(&rule, Family::Ipv4, Some(outside));
    let mut changed = ruleset.clone();
    for base in base_chains(ruleset, rule.chain.hook, Family::Ipv4) {
        match place(&before, base, &wanted) {
            Ok(found) if found.dropped => {
                let at = found.position;
                let rules = &mut changed.tables[at.table].chains[at.chain].rules;
                rules.insert(at.index, accept_of_port());
            }
            Ok(_) => {}
            // Nothing is loaded then.
            Err(_) => return,
        }
    }
    let after = Prepared::new(&changed, &facts);
    let client = ("198.51.100.77".parse().expect("an address"), 40000);
    let server = ("203.0.113.10".parse().expect("an address"), PORT);
    let flow = Flow::tcp(client, server);
    let packet = Packet::arriving(flow, Some(outside));
    let everyone = flow.region().any_source(Family::Ipv4);
    for piece in after.partition(&packet, &everyone, MOST_PIECES) {
        if piece.evaluation.outcome != Outcome::Accept {
            continue;
        }
        for piece in before.partition(&packet, &piece.region, MOST_PIECES) {
            if let Some(by) = dropped_by(&piece.evaluation.outcome) {
                assert!(!is_will(&before, by), "{name}: {}", line(ruleset, by));
            }
        }
    }
    if let Some(by) = dropped_by(&after.evaluate(&packet).outcome) {
        assert!(is_will(&after, by), "{name}: {}", line(&changed, by));
    }
}

/// Parts of the clients that a ruleset may tell apart here.
const MOST_PIECES: usize = 4096;

fn dropped_by(outcome: &Outcome) -> Option<Place> {
    match outcome {
        Outcome::Drop { by } => *by,
        Outcome::Reject { by, .. } => Some(*by),
        _ => None,
    }
}

fn host(outside: &str) -> HostFacts {
    let own = |interface: &str, net: &str| OwnAddress {
        interface: interface.to_owned(),
        net: net.parse().expect("a network"),
    };
    HostFacts {
        addresses: Some(vec![
            own("lo", "127.0.0.1/8"),
            own(outside, "203.0.113.10/24"),
            own("eth1", "10.77.0.1/24"),
        ]),
        routes: Some(vec![
            route("0.0.0.0/0", outside),
            route("203.0.113.0/24", outside),
            route("10.77.0.0/24", "eth1"),
        ]),
        interfaces: None,
    }
}

fn to_port() -> Rule {
    let text = format!("name: x\ncontrol: {{ port: {PORT} }}\npassive: {{ ports: 61000-61999 }}\n");
    let profile = parse("x.yaml", text.as_bytes()).expect("a profile");
    let plan = plan(&[profile], &Facts::default());
    let mut rules = plan.rules();
    let rule = rules.find(|rule| rule.name == "control");
    rule.expect("the rule").clone()
}

/// `meta l4proto tcp tcp dport PORT accept`
fn accept_of_port() -> LiveRule {
    let to = Register(0);
    let equal = |data: &[u8]| Expression::Cmp {
        from: to,
        op: CmpOp::Equal,
        data: data.into(),
    };
    LiveRule {
        handle: 0,
        comment: None,
        expressions: vec![
            Expression::Meta { key: 16, to },
            equal(&[6]),
            Expression::Payload {
                base: PayloadBase::Transport,
                offset: 2,
                length: 2,
                to,
            },
            equal(&PORT.to_be_bytes()),
            Expression::Verdict(Verdict::Accept),
        ],
        line: String::new(),
    }
}
