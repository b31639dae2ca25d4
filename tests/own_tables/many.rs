//! Ten thousand servers: as many rules as for ten, as many elements as servers, in time
//! that grows with their number.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use ftpnat::facts::Facts;
use ftpnat::plan::{Plan, plan};
use ftpnat::profile::Profile;
use ftpnat::render::native::own_tables;
use ftpnat::render::nftables::own_table;
use ftpnat::ruleset::live::Table;
use libtest_mimic::{Failed, Trial};

use crate::held::{held, same};
use crate::read;
use crate::support::directory;
use crate::support::netns::Namespace;
use crate::support::rules::nft;
use crate::support::server;

const MANY: u64 = 10_000;
/// Of those that have nothing in common; and ten times as many.
const FEW_UNLIKE: u64 = 300;

pub(crate) fn trials() -> Vec<Trial> {
    // In a user namespace nft may not send as much at once (`SO_SNDBUFFORCE`).
    let ignored = !server::has_other_users();
    vec![
        Trial::test("many/of-their-own-address", || constant(own_address, MANY))
            .with_ignored_flag(ignored),
        Trial::test("many/of-one-address", || constant(one_address, MANY))
            .with_ignored_flag(ignored),
        Trial::test("many/unlike-each-other", linear),
    ]
}

fn planned(make: fn(u64) -> String, count: u64) -> Result<Plan, Failed> {
    let profiles: Result<Vec<Profile>, Failed> = (0..count).map(|n| read(&make(n))).collect();
    Ok(plan(&profiles?, &Facts::default()))
}

fn server(number: u64) -> String {
    format!("10.77.{}.{}", number / 250, number % 250 + 1)
}

/// Each behind an external address, all with the same ports.
fn own_address(number: u64) -> String {
    let (net, host) = (number / 250, number % 250 + 1);
    let ways = "internal: { interface: eth1, networks: 10.77.0.0/16 }, hairpin: true";
    format!(
        "name: s{number}\nserver: {{ address: {} }}\ncontrol: {{ port: 21, tls: none }}\nactive: true\n\
         passive: {{ ports: 50000-51000 }}\nnat: {{ mode: dnat, external: {{ address: 198.51.{net}.{host} }}, {ways} }}\n",
        server(number)
    )
}

/// All behind one address, each with a port and a range of its own.
fn one_address(number: u64) -> String {
    let first = 20_000 + number * 4;
    format!(
        "name: s{number}\nserver: {{ address: {} }}\npassive: {{ ports: {first}-{} }}\n\
         nat: {{ mode: dnat, external: {{ address: 198.51.100.1, port: {} }} }}\n",
        server(number),
        first + 3,
        number + 1
    )
}

/// Each with clients of its own.
fn unlike(number: u64) -> String {
    let (net, host) = (number / 250, number % 250 + 1);
    format!("{}clients: 203.0.{net}.{host}\n", own_address(number))
}

/// Rules and elements of each chain and set.
fn sizes(table: &Table) -> (BTreeMap<&str, usize>, BTreeMap<&str, usize>) {
    let rules = table
        .chains
        .iter()
        .map(|c| (c.name.as_str(), c.rules.len()));
    let named = table.sets.iter().filter(|set| !set.flags.anonymous);
    let sets = named.map(|s| (s.name.as_str(), s.elements.len()));
    (rules.collect(), sets.collect())
}

fn constant(make: fn(u64) -> String, many: u64) -> Result<(), Failed> {
    let few = own_tables(&planned(make, 10)?);
    let plan = planned(make, many)?;
    let started = Instant::now();
    let tables = own_tables(&plan);
    let lowered = started.elapsed();
    let text = own_table(&plan);
    println!(
        "{many} servers: lowered in {lowered:?}, with their text of {} bytes {:?}",
        text.len(),
        started.elapsed()
    );
    let ((few_rules, few_elements), (rules, elements)) = (sizes(&few[0]), sizes(&tables[0]));
    let mut fault = String::new();
    if few_rules != rules {
        let _ = writeln!(fault, "rules: {few_rules:?}, and of many {rules:?}");
    }
    if rules.values().sum::<usize>() > 24 {
        let _ = writeln!(fault, "too many rules: {rules:?}");
    }
    let factor = usize::try_from(many / 10)?;
    for (set, count) in &few_elements {
        if elements.get(set) != Some(&(count * factor)) {
            let _ = writeln!(fault, "{set}: {count}, of many {:?}", elements.get(set));
        }
    }
    if few_elements.len() < 4 || few_elements.len() != elements.len() {
        let _ = writeln!(fault, "sets: {few_elements:?}, and of many {elements:?}");
    }
    if !fault.is_empty() {
        return Err(fault.into());
    }
    loaded(&tables, &text)
}

/// The kernel takes them, and holds what they were lowered to.
fn loaded(tables: &[Table], text: &str) -> Result<(), Failed> {
    let dir = directory();
    let host = Namespace::new("host", dir.path());
    let started = Instant::now();
    nft(&host, text);
    println!("nft -f takes {:?}", started.elapsed());
    same(tables, held(&host)?, "")
}

/// Rules that cannot be shared are as many as the servers; what looks for others that they
/// could share with does not compare each with each.
fn linear() -> Result<(), Failed> {
    let time = |count: u64| -> Result<Duration, Failed> {
        let plan = planned(unlike, count)?;
        let started = Instant::now();
        let tables = own_tables(&plan);
        let rules: usize = tables[0].chains.iter().map(|c| c.rules.len()).sum();
        if u64::try_from(rules)? < 3 * count {
            return Err(format!("{rules} rules of {count} that are unlike").into());
        }
        Ok(started.elapsed())
    };
    let (few, many) = (time(FEW_UNLIKE)?, time(FEW_UNLIKE * 10)?);
    println!("{FEW_UNLIKE} unlike servers take {few:?}, ten times as many {many:?}");
    // Each with each, it would be a hundred times as long.
    if many < few * 40 {
        Ok(())
    } else {
        Err(format!("{many:?}, and a tenth of them {few:?}").into())
    }
}
