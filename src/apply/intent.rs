//! What to do, as a value: from the ruleset that is in force to the one that a plan
//! wants.

use crate::facts::Facts;
use crate::model::net::Family;
use crate::plan::placed::{Dropped, dropped};
use crate::plan::{Plan, ProfilePlan};
use crate::profile::Profile;
use crate::render::native;
use crate::render::restore::step::{self, Step};
use crate::render::restore::{self, Onto};
use crate::ruleset::change::Operation;
use crate::ruleset::difference::differences;
use crate::ruleset::eval::{HostFacts, Prepared, Route};
use crate::ruleset::live::saved;
use crate::ruleset::live::table::{Maker, TableFamily};
use crate::ruleset::live::{Ruleset, Table};
use crate::ruleset::save::Save;

use super::guests::{self, NoPlace};
use super::managers::{self, Fleeting, NoPlaceInOwned};
use super::ours::{has_ours, is_own_table, without_ours};
use super::record::Backend;

/// Whose tables a back end's rules stand in.
#[must_use]
pub fn maker(back_end: Backend) -> Maker {
    match back_end {
        Backend::Nft => Maker::Nft,
        Backend::IptablesNft => Maker::IptablesNft,
        Backend::IptablesLegacy => Maker::IptablesLegacy,
    }
}

/// The tables of one iptables program: one back end's, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Program {
    /// [`Maker::IptablesNft`] or [`Maker::IptablesLegacy`].
    pub maker: Maker,
    /// IPv4 or IPv6.
    pub family: Family,
}

impl Program {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::new(Maker::IptablesNft, Family::Ipv4),
        Self::new(Maker::IptablesNft, Family::Ipv6),
        Self::new(Maker::IptablesLegacy, Family::Ipv4),
        Self::new(Maker::IptablesLegacy, Family::Ipv6),
    ];

    const fn new(maker: Maker, family: Family) -> Self {
        Self { maker, family }
    }

    /// Its name with the back end, such as `ip6tables-legacy`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match (self.maker, self.family) {
            (Maker::IptablesLegacy, Family::Ipv4) => "iptables-legacy",
            (Maker::IptablesLegacy, Family::Ipv6) => "ip6tables-legacy",
            (Maker::Nft | Maker::IptablesNft, Family::Ipv4) => "iptables-nft",
            (Maker::Nft | Maker::IptablesNft, Family::Ipv6) => "ip6tables-nft",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }

    /// Whether a table is one of its.
    #[must_use]
    pub fn has(self, table: &Table) -> bool {
        let family = match self.family {
            Family::Ipv4 => TableFamily::Ip,
            Family::Ipv6 => TableFamily::Ip6,
        };
        table.maker == self.maker && table.family == family
    }
}

/// The firewall and the host that a plan is put on.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// What is in force.
    pub ruleset: &'a Ruleset,
    /// The host, as packets meet it.
    pub host: &'a HostFacts,
    /// The host.
    pub facts: &'a Facts,
    /// The interface by which clients in general come, where it is known.
    pub outside: Option<&'a str>,
}

impl<'a> Host<'a> {
    fn routes(&self) -> &'a [Route] {
        self.host.routes.as_deref().unwrap_or_default()
    }
}

/// What a plan needs, before the tables of iptables are looked at as their programs save
/// them.
pub struct Needs<'a> {
    plan: &'a Plan,
    leaving: &'a [String],
    host: Host<'a>,
    back_end: Backend,
    others: Ruleset,
    guests: Vec<guests::Guests>,
    owned: Option<NoPlaceInOwned>,
    programs: Vec<Program>,
}

/// What one iptables program is to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loading {
    /// The program.
    pub program: Program,
    /// What it saved.
    pub before: Save,
    /// What it is to load, and what comes of that.
    pub step: Step,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The batch of `nf_tables`; empty: nothing to do there.
    pub operations: Vec<Operation>,
    /// What each iptables program is to load.
    pub steps: Vec<Loading>,
    /// The ruleset as it is then.
    pub after: Ruleset,
    /// Whether iptables goes first: where a back end of iptables takes over, so that our
    /// own table goes only after that.
    pub iptables_first: bool,
    /// Sentences for the administrator.
    pub warnings: Vec<String>,
    /// Guests that do not last.
    pub fleeting: Option<Fleeting>,
    /// What a table of another program's own drops, as far as packets come there that this
    /// host did not translate.
    pub owned: Option<NoPlaceInOwned>,
}

impl Intent {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.steps.is_empty()
    }
}

/// Why a plan cannot be put on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A native chain drops what is needed, and no place in it is right.
    NoPlace(Box<NoPlace>),
    /// The same of a chain of iptables.
    NoPlaceInIptables(Program, Box<restore::NoPlace>),
    /// A table that drops what is needed belongs to a program that forbids others to
    /// change it, or would lose what they change.
    Owned(Box<NoPlaceInOwned>),
}

/// Finds what a plan needs on a host; the plan is that of all profiles that are to be
/// installed. `leaving`: profiles that may have rules there, and are to have none.
///
/// # Errors
/// [`Refusal`] where a native chain drops what is needed and cannot be helped.
pub fn needs<'a>(
    plan: &'a Plan,
    leaving: &'a [String],
    back_end: Backend,
    host: Host<'a>,
) -> Result<Needs<'a>, Refusal> {
    let others = without_ours(host.ruleset);
    let prepared = Prepared::new(&others, host.host);
    let outside = |profile: &str| restore::outside(plan, profile, host.outside);
    let dropped = dropped(plan.rules(), &others, &prepared, &outside, host.routes());
    let (dropped, owned) = managers::owned(dropped, &others).map_err(Refusal::Owned)?;
    let guests = guests::wanted(&dropped, &others).map_err(Refusal::NoPlace)?;
    let programs = programs(plan, back_end, host.ruleset, &others, &dropped);
    Ok(Needs {
        plan,
        leaving,
        host,
        back_end,
        others,
        guests,
        owned,
        programs,
    })
}

/// What to do for our own table alone: where a chain of others cannot be helped, that is
/// still known.
pub(super) fn own_table(plan: &Plan, back_end: Backend, host: Host) -> Intent {
    let operations = own_tables(plan, back_end, host.ruleset);
    Intent {
        after: host.ruleset.changed_by(&operations),
        operations,
        steps: Vec::new(),
        iptables_first: false,
        warnings: Vec::new(),
        fleeting: None,
        owned: None,
    }
}

/// The iptables programs whose tables change, or may.
fn programs(
    plan: &Plan,
    back_end: Backend,
    ruleset: &Ruleset,
    others: &Ruleset,
    dropped: &[Dropped],
) -> Vec<Program> {
    let is_concerned = |program: &Program| {
        let is_own = program.maker == maker(back_end)
            && plan.rules().any(|r| r.families.contains(&program.family));
        let has_ours = ruleset.tables.iter().any(|t| program.has(t) && has_ours(t));
        let drops = dropped.iter().any(|d| {
            d.family == program.family
                && others.tables.get(d.base.0).is_some_and(|t| program.has(t))
        });
        is_own || has_ours || drops
    };
    Program::ALL.into_iter().filter(is_concerned).collect()
}

impl Needs<'_> {
    /// The programs whose tables must be looked at as they save them.
    #[must_use]
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// What to do, given what each of [`Needs::programs`] saves.
    ///
    /// # Errors
    /// [`Refusal`] where a chain of iptables drops what is needed and cannot be helped.
    pub fn intend(&self, saves: &[(Program, Save)]) -> Result<Intent, Refusal> {
        let mut operations = own_tables(self.plan, self.back_end, self.host.ruleset);
        operations.extend(guests::operations(
            self.host.ruleset,
            &self.others,
            &self.guests,
        ));
        let mut after = self.host.ruleset.changed_by(&operations);
        let mut steps = Vec::new();
        let mut warnings = Vec::new();
        for (program, save) in saves {
            let Some(mut step) = self.step(*program, save)? else {
                continue;
            };
            warnings.append(&mut step.warnings);
            put_in(&mut after, *program, &step.after);
            steps.push(Loading {
                program: *program,
                before: save.clone(),
                step,
            });
        }
        Ok(Intent {
            operations,
            steps,
            fleeting: managers::fleeting(self.plan, &after),
            owned: self.owned.clone(),
            after,
            iptables_first: self.back_end != Backend::Nft,
            warnings,
        })
    }

    fn step(&self, program: Program, save: &Save) -> Result<Option<Step>, Refusal> {
        let known = Onto {
            outside: self.host.outside,
            every_table: false,
            routes: self.host.routes(),
        };
        let refused = |e| Refusal::NoPlaceInIptables(program, Box::new(e));
        let mut plan = self.plan.clone();
        let leaving = self
            .leaving
            .iter()
            .map(|n| ProfilePlan::of_nothing(n.clone()));
        plan.profiles.extend(leaving);
        if program.maker == maker(self.back_end) {
            step::own(save, &plan, program.family, known).map_err(refused)
        } else {
            step::guests(save, &plan, program.family, known).map_err(refused)
        }
    }
}

/// The steps of `nf_tables` by which ours is what it was `before`.
pub(super) fn put_back(now: &Ruleset, before: &Ruleset) -> Vec<Operation> {
    fn own(ruleset: &Ruleset) -> impl Iterator<Item = &Table> {
        ruleset.tables.iter().filter(|t| is_own_table(t))
    }
    let mut operations = Vec::new();
    for table in own(now) {
        if !own(before).any(|old| old.family == table.family) {
            operations.push(Operation::DeleteTable {
                family: table.family,
                name: table.name.clone(),
            });
        }
    }
    for old in own(before) {
        if !own(now).any(|t| t.family == old.family && differences(old, t).is_empty()) {
            operations.push(Operation::ReplaceTable(old.clone()));
        }
    }
    operations.extend(guests::put_back(now, before));
    operations
}

/// Ours replaced where they differ, and taken out where they are not wanted.
pub(super) fn own_tables(plan: &Plan, back_end: Backend, ruleset: &Ruleset) -> Vec<Operation> {
    let wanted = match back_end {
        Backend::Nft if plan.rules().next().is_some() => native::own_tables(plan),
        _ => Vec::new(),
    };
    let present = || ruleset.tables.iter().filter(|t| is_own_table(t));
    let is_wanted = |t: &Table| wanted.iter().any(|w| w.family == t.family);
    let unwanted = present().filter(|t| !is_wanted(t));
    let deletions = unwanted.map(|table| Operation::DeleteTable {
        family: table.family,
        name: table.name.clone(),
    });
    let mut operations: Vec<Operation> = deletions.collect();
    for table in wanted {
        if !present().any(|is| is.family == table.family && differences(&table, is).is_empty()) {
            operations.push(Operation::ReplaceTable(table));
        }
    }
    operations
}

/// Puts the tables that a program saves into the model, in place of those it had.
pub(super) fn put_in(ruleset: &mut Ruleset, program: Program, save: &Save) {
    let read = saved::read(save, program.family, program.maker);
    for table in read.tables {
        let known = ruleset
            .tables
            .iter_mut()
            .find(|t| program.has(t) && t.name == table.name);
        match known {
            Some(known) => *known = table,
            None => ruleset.tables.push(table),
        }
    }
    ruleset.unread.extend(read.unread);
}

/// Whether every profile that rules of ours are of is among these.
#[must_use]
pub fn strangers(ruleset: &Ruleset, profiles: &[Profile]) -> Vec<String> {
    let known = |name: &String| profiles.iter().any(|p| p.name == *name);
    super::ours::profiles(ruleset)
        .into_iter()
        .filter(|name| !known(name))
        .collect()
}
