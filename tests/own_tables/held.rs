//! What the kernel holds of our text is what the plan was lowered to.

use ftpnat::facts::Facts;
use ftpnat::plan::{Plan, plan};
use ftpnat::profile::Profile;
use ftpnat::render::native::own_tables;
use ftpnat::render::nftables::own_table;
use ftpnat::ruleset::live::Table;
use ftpnat::ruleset::live::decode::decode;
use ftpnat::sys::netlink::dump_everything;
use libtest_mimic::{Failed, Trial};

use crate::support::directory;
use crate::support::netns::Namespace;
use crate::support::profiles;
use crate::support::rules::nft;
use crate::{SHIPPED, read, servers, shipped};

/// Profiles a trial.
const EACH: u64 = 20;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = SHIPPED
        .into_iter()
        .map(|name| Trial::test(format!("held/{name}"), move || alike(&shipped(&[name])?)))
        .collect();
    trials.push(Trial::test("held/two-servers", || {
        alike(&shipped(&["two-servers-a", "two-servers-b"])?)
    }));
    for block in 0..4 {
        let seeds = block * EACH..(block + 1) * EACH;
        let of = seeds.clone();
        trials.push(Trial::test(format!("held/any-{block}"), move || {
            of.into_iter().try_for_each(|seed| {
                alike(&[read(&profiles::any(seed))?]).map_err(|e| seeded(seed, &e))
            })
        }));
        trials.push(Trial::test(format!("held/servers-{block}"), move || {
            seeds
                .into_iter()
                .try_for_each(|seed| alike(&servers(seed)?).map_err(|e| seeded(seed, &e)))
        }));
    }
    trials
}

fn seeded(seed: u64, failed: &Failed) -> Failed {
    format!("seed {seed}: {}", failed.message().unwrap_or_default()).into()
}

/// On a kernel of today, on one without maps for several servers, and on one without NAT
/// in `inet`.
fn alike(profiles: &[Profile]) -> Result<(), Failed> {
    let plan = plan(profiles, &Facts::default());
    for (inet_nat, maps) in [(true, true), (true, false), (false, false)] {
        let plan = Plan {
            inet_nat,
            maps,
            ..plan.clone()
        };
        let text = own_table(&plan);
        let wanted = own_tables(&plan);
        let dir = directory();
        let host = Namespace::new("host", dir.path());
        // Twice: it replaces itself.
        nft(&host, &text);
        nft(&host, &text);
        same(&wanted, held(&host)?, &text)?;
    }
    Ok(())
}

/// What the kernel holds, without what it counts itself.
pub(crate) fn held(host: &Namespace) -> Result<Vec<Table>, Failed> {
    let dump = host.inside(|| dump_everything().expect("a dump of everything"));
    let ruleset = decode(&dump);
    if !ruleset.unread.is_empty() {
        return Err(format!("{:?}", ruleset.unread).into());
    }
    Ok(ruleset.tables.into_iter().map(without_handles).collect())
}

fn without_handles(mut table: Table) -> Table {
    table.handle = 0;
    for chain in &mut table.chains {
        chain.handle = 0;
        for rule in &mut chain.rules {
            rule.handle = 0;
        }
    }
    for set in &mut table.sets {
        set.handle = 0;
    }
    for object in &mut table.objects {
        object.handle = 0;
    }
    table
}

pub(crate) fn same(wanted: &[Table], found: Vec<Table>, text: &str) -> Result<(), Failed> {
    if wanted.len() != found.len() {
        return Err(format!("{} tables, not {}\n{text}", found.len(), wanted.len()).into());
    }
    for (wanted, found) in wanted.iter().zip(found) {
        for (ours, theirs) in wanted.chains.iter().zip(&found.chains) {
            for (ours, theirs) in ours.rules.iter().zip(&theirs.rules) {
                differ("rule", ours, theirs, text)?;
            }
        }
        for (ours, theirs) in wanted.sets.iter().zip(&found.sets) {
            differ("set", ours, theirs, text)?;
        }
        differ("table", wanted, &found, text)?;
    }
    Ok(())
}

fn differ<T: PartialEq + std::fmt::Debug>(
    what: &str,
    ours: &T,
    theirs: &T,
    text: &str,
) -> Result<(), Failed> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{what}: lowered to {ours:#?}\nheld as {theirs:#?}\n{text}").into())
}
