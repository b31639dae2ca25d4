//! Changes for a namespace's ruleset, and what they have to be pasted there.

use std::net::{IpAddr, SocketAddr};

use ftpnat::check::{Guest, Own, Remedy, RuleAt, RuleChange};
use ftpnat::facts::Facts;
use ftpnat::facts::snapshot::Snapshot;
use ftpnat::model::filter::{Demand, Rule};
use ftpnat::output::cure::{PasteKind, pastes};
use ftpnat::plan::plan;
use ftpnat::profile::parse;
use ftpnat::ruleset::live::Ruleset;
use ftpnat::ruleset::live::table::{Maker, TableFamily};
use ftpnat::sys::ruleset::read;
use libtest_mimic::Failed;

use crate::host::Kind;
use crate::support::BackEnd;
use crate::support::netns::Namespace;
use crate::support::rules::{Reach, connect, reach};

/// A chain of a table, by family, table and chain, of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain<'a> {
    pub(crate) kind: Kind,
    pub(crate) family: TableFamily,
    pub(crate) table: &'a str,
    pub(crate) name: &'a str,
}

impl Chain<'_> {
    /// Its table's and its own number.
    pub(crate) fn numbers(self, ruleset: &Ruleset) -> Result<(usize, usize), Failed> {
        let tables = &ruleset.tables;
        let table = tables.iter().position(|t| {
            t.maker == maker(self.kind) && t.family == self.family && t.name == self.table
        });
        let table = table.ok_or_else(|| format!("no table for {self:?}: {ruleset:#?}"))?;
        let mut chains = tables[table].chains.iter();
        let chain = chains.position(|c| c.name == self.name);
        let chain = chain.ok_or_else(|| format!("no chain for {self:?}: {ruleset:#?}"))?;
        Ok((table, chain))
    }

    pub(crate) fn at(self, ruleset: &Ruleset, index: usize) -> Result<RuleAt, Failed> {
        let at = RuleAt::of(ruleset, self.numbers(ruleset)?, index);
        at.ok_or_else(|| "no such place".into())
    }

    pub(crate) fn guest(
        self,
        ruleset: &Ruleset,
        rule: &Rule,
        index: usize,
    ) -> Result<RuleChange, Failed> {
        let guest = Guest::new(ruleset, rule.clone(), self.numbers(ruleset)?, index);
        let guest = guest.ok_or("no such place")?;
        Ok(RuleChange::Guest(Box::new(guest)))
    }
}

pub(crate) fn maker(kind: Kind) -> Maker {
    match kind {
        Kind::Native => Maker::Nft,
        Kind::Iptables(BackEnd::Nft) => Maker::IptablesNft,
        Kind::Iptables(BackEnd::Legacy) => Maker::IptablesLegacy,
    }
}

/// What is in force in a namespace.
pub(crate) fn ruleset(host: &Namespace) -> Ruleset {
    let ruleset = host.inside(|| read(&Snapshot::default(), true));
    assert_eq!(ruleset.unread, []);
    ruleset
}

/// The rules that a profile always needs.
pub(crate) fn rules(profile: &str) -> Result<Vec<Rule>, Failed> {
    let profile = parse("a.yaml", profile.as_bytes()).map_err(|e| e.render(false))?;
    let plan = plan(&[profile], &Facts::default());
    let rules = plan.rules().filter(|rule| rule.demand == Demand::Always);
    Ok(rules.cloned().collect())
}

/// The one of them with that name.
pub(crate) fn rule(profile: &str, name: &str) -> Result<Rule, Failed> {
    let rule = rules(profile)?.into_iter().find(|rule| rule.name == name);
    rule.ok_or_else(|| format!("no rule {name}").into())
}

/// A rule of the plan as ours.
pub(crate) fn own(ruleset: &Ruleset, rule: &Rule, kind: Kind, inet_nat: bool) -> RuleChange {
    let own = Own::new(ruleset, rule.clone(), maker(kind), inet_nat);
    RuleChange::Own(Box::new(own))
}

/// What changes come to, all of it commands.
pub(crate) fn commands(changes: Vec<RuleChange>) -> Result<String, Failed> {
    let pastes = pastes(&Remedy::Rules(changes));
    match &pastes[..] {
        [paste] if paste.kind == PasteKind::Command => Ok(paste.text.clone()),
        _ => Err(format!("not a block of commands: {pastes:#?}").into()),
    }
}

/// What they come to where none of it is a command.
pub(crate) fn advice(changes: Vec<RuleChange>) -> Result<String, Failed> {
    let pastes = pastes(&Remedy::Rules(changes));
    match &pastes[..] {
        [paste] if paste.kind == PasteKind::Config => Ok(paste.text.clone()),
        _ => Err(format!("not advice: {pastes:#?}").into()),
    }
}

/// Pastes changes into a shell; each command must succeed and have nothing to say.
pub(crate) fn paste(host: &Namespace, changes: Vec<RuleChange>) -> Result<String, Failed> {
    let text = commands(changes)?;
    let output = host.feed("sh", &["-e", "-c", &text], "");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && said.is_empty() {
        Ok(text)
    } else {
        Err(format!("{text}\n{}: {said}", output.status).into())
    }
}

/// What a client meets at ports where `server` listens.
pub(crate) fn expect(
    client: &Namespace,
    to: IpAddr,
    server: &Namespace,
    ports: &[(u16, Reach)],
) -> Result<(), Failed> {
    for (port, expected) in ports {
        let seen = match expected {
            Reach::Open | Reach::Silent => reach(client, to, server, *port),
            _ => connect(client, SocketAddr::new(to, *port)),
        };
        if seen != *expected {
            let rules = server.run("nft list ruleset");
            return Err(format!("{to} port {port}: {seen:?}, not {expected:?}\n{rules}").into());
        }
    }
    Ok(())
}
