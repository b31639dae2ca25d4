//! Real rulesets, taken down and laid again in another namespace as `rehearse` does it: their
//! own tools print the same of both.

use std::fmt::Write as _;

use ftpnat::facts::snapshot::Snapshot;
use ftpnat::lab::live::Live;
use ftpnat::sys::ruleset::record_into;
use libtest_mimic::{Failed, Trial};

use crate::held::Held;
use crate::real::{folders, loaded};
use crate::support::netns::succeed;

pub(crate) fn trials() -> Vec<Trial> {
    folders()
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().expect("a name").to_string_lossy();
            Trial::test(format!("replayed::{name}"), move || {
                let host = loaded(&folder);
                let live = host.namespace.inside(|| {
                    let mut snapshot = Snapshot::default();
                    record_into(&mut snapshot, true);
                    Live::of_host(&snapshot)
                })?;
                let lab = Held::new();
                lab.namespace.ip("link add eth0 type veth peer name far0\n\
                     link add eth1 type veth peer name far1");
                lab.namespace.inside(move || live.lay_here())?;
                same(&host, &lab)
            })
        })
        .collect()
}

/// The programs that print what is in force, without what differs from moment to moment.
const PRINTERS: [&str; 6] = [
    "nft --stateless list ruleset",
    "iptables-nft-save",
    "ip6tables-nft-save",
    "iptables-legacy-save",
    "ip6tables-legacy-save",
    "ipset save",
];

fn same(host: &Held, lab: &Held) -> Result<(), Failed> {
    for line in PRINTERS {
        let [was, is] = [host, lab].map(|held| printed(held, line));
        let first = was.lines().zip(is.lines()).find(|(was, is)| was != is);
        if was != is {
            return Err(
                format!("{line}: first {first:?}\non the host\n{was}\nin the lab\n{is}").into(),
            );
        }
    }
    Ok(())
}

/// Without comments, which have the time, and counters. What the order of does not matter is
/// put in order: tables, chains, ipsets.
fn printed(held: &Held, line: &str) -> String {
    let mut words = line.split(' ');
    let program = words.next().expect("a program");
    let arguments: Vec<&str> = words.collect();
    let text = succeed(line, &held.namespace.feed(program, &arguments, ""));
    let text = with_sorted_elements(&text);
    let (mut table, mut block) = (String::new(), String::new());
    let mut lines: Vec<(String, String, String)> = Vec::new();
    let is_said = |line: &&str| !line.starts_with('#') && !["", "}", "\t}"].contains(line);
    for line in text.lines().filter(is_said) {
        if line.starts_with("table ") || line.starts_with('*') {
            line.clone_into(&mut table);
            block.clear();
        } else if line.starts_with("\tchain ") || line.starts_with("\tset ") {
            line.clone_into(&mut block);
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let chain = rest.split(' ').next().unwrap_or_default();
            chain.clone_into(&mut block);
        } else if line.starts_with(':') || line.starts_with("create ") || line.starts_with("add ") {
            block = line.split(' ').take(3).collect();
        }
        let shown = match line.split_once(" [") {
            Some((chain, _)) if line.starts_with(':') => chain,
            // Elements have what is left of their time.
            _ if program == "ipset" => line.split(" timeout ").next().unwrap_or(line),
            _ => line,
        };
        lines.push((table.clone(), block.clone(), shown.to_owned()));
    }
    lines.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let lines: Vec<String> = lines.into_iter().map(|(_, _, line)| line).collect();
    lines.join("\n")
}

/// The elements of each set of nft, in order, on one line.
fn with_sorted_elements(text: &str) -> String {
    let mut parts = text.split("elements = {");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inside, rest) = part.split_once('}').unwrap_or((part, ""));
        let mut elements: Vec<&str> = inside.split(',').map(str::trim).collect();
        elements.sort_unstable();
        // Writing to a string cannot fail.
        let _ = write!(all, "elements = {{{}}}{rest}", elements.join(", "));
    }
    all
}
