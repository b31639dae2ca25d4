//! Changes of the rules in force that cure a finding, without the words of any program.

use crate::model::filter::Rule;
use crate::model::net::Family;
use crate::ruleset::change::ChainAt;
use crate::ruleset::live::expression::Expression;
use crate::ruleset::live::table::{Maker, TableFamily};
use crate::ruleset::live::{self, Chain, Ruleset, Set, Table};
use crate::ruleset::owner::{Manager, leads_to, manager, way_in};

/// A change of the rules in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChange {
    /// An accept of the plan comes to stand in somebody else's chain.
    Guest(Box<Guest>),
    /// A rule of the plan comes to stand in a table of ftpnat's own, or in chains of its
    /// own in the tables of an iptables.
    Own(Box<Own>),
    /// A rule goes.
    Delete(RuleAt),
    /// A rule becomes another.
    Replace(RuleAt, Box<Replacement>),
}

/// An accept of the plan, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The rule; of its families those that the place is right for.
    pub rule: Rule,
    /// The rule that it comes before; the end of the chain where there is none.
    pub before: RuleAt,
}

impl Guest {
    /// An accept before the rule with that number in a chain, given by the numbers of its
    /// table and itself. What would stand in a chain that Docker writes stands behind the
    /// bans in `DOCKER-USER`, where there is one: packets meet that before, and Docker
    /// leaves it alone. `None`: there is no such chain.
    #[must_use]
    pub fn new(
        ruleset: &Ruleset,
        rule: Rule,
        (table, chain): (usize, usize),
        index: usize,
    ) -> Option<Self> {
        let before = RuleAt::of(ruleset, (table, chain), index)?;
        if before.manager != Some(Manager::Docker) {
            return Some(Self { rule, before });
        }
        let chains = &ruleset.tables.get(table)?.chains;
        let Some(users) = chains.iter().position(|c| c.name == "DOCKER-USER") else {
            return Some(Self { rule, before });
        };
        let index = before_the_return(chains.get(users)?);
        let before = RuleAt::of(ruleset, (table, users), index)?;
        Some(Self { rule, before })
    }
}

/// Docker before 26.1 ends `DOCKER-USER` with a RETURN of everything.
fn before_the_return(chain: &Chain) -> usize {
    use crate::ruleset::live::expression::Verdict::Return;
    use crate::ruleset::live::xt::Target;
    let is_general = |rule: &live::Rule| {
        let mut told = rule
            .expressions
            .iter()
            .filter(|e| !matches!(e, Expression::Counter { .. }));
        matches!(
            (told.next(), told.next()),
            (
                Some(Expression::Verdict(Return) | Expression::Target(Target::Verdict(Return))),
                None
            )
        )
    };
    let count = chain.rules.len();
    count - usize::from(chain.rules.last().is_some_and(is_general))
}

/// A rule of the plan in a table of ftpnat's own, or in chains of its own in the tables of
/// an iptables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// The rule.
    pub rule: Rule,
    /// Whose tables.
    pub maker: Maker,
    /// Whether the kernel has NAT chains in tables of family `inet`
    /// ([`crate::facts::Facts::inet_nat`]); asked for [`Maker::Nft`] only.
    pub inet_nat: bool,
    /// The families in whose tables of that iptables packets are led to the rule's chain
    /// of ftpnat's own already.
    pub led_there: Vec<Family>,
}

impl Own {
    /// A rule for a host with this ruleset.
    #[must_use]
    pub fn new(ruleset: &Ruleset, rule: Rule, maker: Maker, inet_nat: bool) -> Self {
        let is_led = |family: &Family| {
            let of = match family {
                Family::Ipv4 => TableFamily::Ip,
                Family::Ipv6 => TableFamily::Ip6,
            };
            let mut tables = ruleset.tables.iter();
            let table = tables.find(|t| {
                t.maker == maker && t.family == of && t.name == rule.chain.iptables_table()
            });
            let own = rule.chain.iptables_chain();
            let leads = |chain: &Chain| chain.rules.iter().any(|r| leads_to(r) == Some(&own));
            table.is_some_and(|table: &Table| table.chains.iter().any(leads))
        };
        let led_there = rule.families.iter().copied().filter(is_led).collect();
        Self {
            rule,
            maker,
            inet_nat,
            led_there,
        }
    }
}

/// What a rule becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The rule, as its expressions have it: its line as it was saved is not looked at.
    pub rule: live::Rule,
    /// The sets of its table that it looks into.
    pub sets: Vec<Set>,
}

impl Replacement {
    /// A rule for the table with that number, with the sets that it looks into there.
    #[must_use]
    pub fn new(ruleset: &Ruleset, rule: live::Rule, table: usize) -> Self {
        let looks_into = |set: &&Set| {
            let mut expressions = rule.expressions.iter();
            expressions
                .any(|e| matches!(e, Expression::Lookup { set: name, .. } if *name == set.name))
        };
        let table = ruleset.tables.get(table);
        let sets = table.map(|table| table.sets.iter().filter(looks_into).cloned().collect());
        Self {
            sets: sets.unwrap_or_default(),
            rule,
        }
    }
}

/// A rule in its chain, or the end of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAt {
    /// The chain.
    pub chain: ChainAt,
    /// Which program its table belongs to.
    pub maker: Maker,
    /// Who manages the chain, and takes out what others put there.
    pub manager: Option<Manager>,
    /// Who is to be asked for an accept in this place: who manages the chain, or the one
    /// whose chains packets have passed before.
    pub way_in: Option<Manager>,
    /// How many rules come before it in the chain.
    pub index: usize,
    /// Its handle in `nf_tables`; `None` at the end of the chain.
    pub handle: Option<u64>,
}

impl RuleAt {
    /// The rule with that number in a chain, given by the numbers of its table and itself;
    /// behind the last rule the end of the chain. `None`: there is no such chain.
    #[must_use]
    pub fn of(ruleset: &Ruleset, (table, chain): (usize, usize), index: usize) -> Option<Self> {
        let table = ruleset.tables.get(table)?;
        let chain = table.chains.get(chain)?;
        Some(Self {
            chain: ChainAt {
                family: table.family,
                table: table.name.clone(),
                chain: chain.name.clone(),
            },
            maker: table.maker,
            manager: manager(table, chain),
            way_in: way_in(table, chain, index),
            index: index.min(chain.rules.len()),
            handle: chain.rules.get(index).map(|rule| rule.handle),
        })
    }
}
