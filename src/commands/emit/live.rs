//! The base `live`: what the iptables in `PATH` has loaded on this host.

use std::io;

use crate::facts::Facts;
use crate::model::net::Family;
use crate::output::Failure;
use crate::plan::Plan;
use crate::render::restore::{self, Onto, Restore};
use crate::ruleset::eval::HostFacts;
use crate::ruleset::native::{Dumps, native_things, tables_with_chains, tables_with_rules};
use crate::ruleset::save::{Save, SaveError};
use crate::sys::collect::{self, About};
use crate::sys::{host, netlink, process};

/// The choices where the live rules cannot be had.
const CHOICES: &str = "run as root where the rules are loaded; or give a saved text with --base \
                       FILE or `iptables-save -c | ftpnat emit … --base -`; or --base none for \
                       our rules alone";

/// `iptables`, `ip6tables-save` and their like.
pub(super) fn program(family: Family, verb: &str) -> String {
    let name = match family {
        Family::Ipv4 => "iptables",
        Family::Ipv6 => "ip6tables",
    };
    if verb.is_empty() {
        name.to_owned()
    } else {
        format!("{name}-{verb}")
    }
}

/// The live ruleset with the plan's rules in their place, for the tables that
/// change.
pub(super) fn merge(plan: &Plan, family: Family) -> anyhow::Result<Restore> {
    let outside = (family == Family::Ipv4)
        .then(host::default_interface)
        .flatten();
    let save_program = program(family, "save");
    let back_end = BackEnd::in_path(&save_program)?;
    let save = saved(&save_program)?;
    let changed = restore::changed_tables(&save, plan, family);
    let dumps = native_rules(family, back_end)?;
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    if back_end == BackEnd::Nft {
        refuse_native(&dumps, family, &save, &changed, &save_program)?;
    }
    let on = HostFacts::of(&Facts::of(collect::snapshot(About::Change {
        helper: false,
    })));
    let known = Onto {
        outside: outside.as_deref(),
        every_table: false,
        routes: on.routes.as_deref().unwrap_or_default(),
    };
    let mut merged =
        restore::onto(&save, plan, family, known).map_err(|e| super::no_place(&e, family))?;
    merged
        .warnings
        .extend(other_back_end(back_end, family, &dumps));
    merged.warnings.push(format!(
        "rules that change between now and the load are lost: load this at once, with `{} -c`",
        program(family, "restore")
    ));
    Ok(merged)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BackEnd {
    Nft,
    Legacy,
}

impl BackEnd {
    /// `iptables-save -V` prints `iptables-save v1.8.9 (nf_tables)` or `(legacy)`;
    /// before 1.8 there was legacy alone, and nothing in brackets.
    fn in_path(save_program: &str) -> anyhow::Result<Self> {
        let version = process::run(save_program, &["-V"]).map_err(|e| missing(save_program, &e))?;
        let is_nft = String::from_utf8_lossy(&version.stdout).contains("nf_tables");
        Ok(if is_nft { Self::Nft } else { Self::Legacy })
    }
}

fn missing(program: &str, error: &io::Error) -> Failure {
    Failure::cannot(format!("cannot run {program}: {error}"))
        .help(format!("install iptables, or {CHOICES}"))
}

fn saved(program: &str) -> Result<Save, Failure> {
    let finished = process::run(program, &["-c"]).map_err(|e| missing(program, &e))?;
    if !finished.success {
        let why = if finished.stderr.is_empty() {
            finished.status
        } else {
            finished.stderr
        };
        return Err(Failure::cannot(format!("`{program} -c` failed: {why}")).help(CHOICES));
    }
    let text = String::from_utf8(finished.stdout).map_err(|_| {
        Failure::cannot(format!("`{program} -c` printed bytes that are no UTF-8"))
            .help("rename the chain or change the comment that has them")
    })?;
    Save::parse(&text).map_err(|e| {
        let help = match e {
            SaveError::Incompatible { .. } => {
                "rules or chains that nft made stand among those of iptables (`nft list \
                 ruleset` shows them): remove them from these tables, or add ours with nft \
                 by hand"
            }
            SaveError::CutOff { .. } | SaveError::Foreign { .. } | SaveError::Empty => {
                "a rule's comment may hold a line break: `iptables -S` shows it"
            }
        };
        Failure::cannot(format!(
            "`{program} -c` did not print the whole ruleset: {e}"
        ))
        .help(help)
    })
}

/// What `nf_tables` holds for the family. A legacy host may have no `nf_tables`,
/// or forbid the look: then there is nothing to compare with, and nothing needed.
fn native_rules(family: Family, back_end: BackEnd) -> Result<Dumps, Failure> {
    let number = match family {
        Family::Ipv4 => 2,
        Family::Ipv6 => 10,
    };
    match (netlink::dump(number), back_end) {
        (Ok(dumps), _) => Ok(dumps),
        (Err(_), BackEnd::Legacy) => Ok(Dumps::default()),
        (Err(error), BackEnd::Nft) => Err(Failure::cannot(format!(
            "cannot list the live ruleset over netlink: {error}"
        ))
        .help(CHOICES)),
    }
}

fn refuse_native(
    dumps: &Dumps,
    family: Family,
    save: &Save,
    changed: &[&str],
    program: &str,
) -> Result<(), Failure> {
    let native = native_things(dumps, family, changed);
    if let Some(first) = native.first() {
        let more = match native.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        return Err(Failure::cannot(format!(
            "table {} holds what iptables did not make: {}{more}; {program} leaves it out or \
             prints it wrong, so a saved text would change the host",
            first.table, first.what
        ))
        .help("move native rules to a table of their own, or add ours with nft by hand"));
    }
    // The save and the kernel must tell of the same tables.
    let unsaved = tables_with_chains(dumps)
        .into_iter()
        .find(|t| changed.contains(&t.as_str()) && save.table(t).is_none());
    match unsaved {
        Some(table) => Err(Failure::cannot(format!(
            "the kernel has a table {table} that {program} does not print"
        ))
        .help(CHOICES)),
        None => Ok(()),
    }
}

/// Rules of both back ends are in force at once; only one of them is in this text.
fn other_back_end(back_end: BackEnd, family: Family, dumps: &Dumps) -> Option<String> {
    let (other, tables) = match back_end {
        BackEnd::Nft => {
            let file = match family {
                Family::Ipv4 => "/proc/net/ip_tables_names",
                Family::Ipv6 => "/proc/net/ip6_tables_names",
            };
            ("iptables-legacy", host::legacy_tables(file))
        }
        BackEnd::Legacy => {
            let iptables = ["raw", "mangle", "nat", "filter", "security"];
            let mut tables = tables_with_rules(dumps);
            tables.retain(|t| iptables.contains(&t.as_str()));
            ("iptables-nft", tables)
        }
    };
    (!tables.is_empty()).then(|| {
        format!(
            "{other} has tables in force too ({}); a drop there is not overruled by these rules",
            tables.join(", ")
        )
    })
}
