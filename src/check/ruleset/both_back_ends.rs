//! Whether rules of iptables-legacy and of `nf_tables` are in force at once.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, Severity};
use crate::model::check::LEGACY_AND_NFT_BOTH_IN_FORCE as ID;
use crate::model::net::Family;
use crate::plan::served_families;
use crate::ruleset::live::table::{Base, Maker, Policy, TableFamily};
use crate::ruleset::live::{Chain, Table, print};

use super::unread;

check! {
    /// Rules of iptables-legacy and of `nf_tables` are in force at once.
    ///
    /// ## What happens
    /// A rule that accepts is there, in the listing that you look at, and packets are dropped all
    /// the same; or the other way round.
    ///
    /// ## Why
    /// The kernel has two packet filters: the older one that `iptables-legacy` writes to, and
    /// `nf_tables`, that `nft` and `iptables-nft` write to. Each packet passes both, and has to be
    /// accepted by both. `iptables -S` and `nft list ruleset` show one of them only; which one
    /// `iptables` is, `iptables --version` says.
    ///
    /// ## How it is judged
    /// By what both hold of a family that the profile serves, as the kernel says it: rules in a
    /// base chain, or a policy that drops. Empty tables do not count, nor do dormant ones. FTP may
    /// work all the same: the other checks send packets through both.
    ///
    /// ## Cure
    /// None is needed. To see everything in one place, move the older rules over, and let the
    /// programs that load them at boot use `iptables-nft` (Debian: `update-alternatives --set
    /// iptables /usr/sbin/iptables-nft`). Where both hold rules in a table of one name, that is
    /// work by hand: today a packet has to be accepted twice, in one chain once is enough.
    LEGACY_AND_NFT_BOTH_IN_FORCE, Note, moot by &[], Judge::Host {
        applies: |_| true,
        needs: &[],
        find: both,
    }
}

fn both(subject: &Subject) -> Verdict {
    if let Some(why) = subject.facts.snapshot.why_blind() {
        return Verdict::Unknown(why.to_owned());
    }
    let tables = &subject.firewall.ruleset.tables;
    let families = served_families(subject.profile);
    let found = families.into_iter().find_map(|family| {
        let of = |legacy: bool| {
            let of_back_end = |table: &&Table| (table.maker == Maker::IptablesLegacy) == legacy;
            let seen = tables.iter().filter(of_back_end);
            seen.filter(|table| sees(table, family) && is_in_force(table))
                .collect()
        };
        let (legacy, nft): (Vec<&Table>, Vec<&Table>) = (of(true), of(false));
        (!legacy.is_empty() && !nft.is_empty()).then(|| finding(family, &legacy, &nft))
    });
    match (found, unread(subject)) {
        (Some(finding), _) => Verdict::Found(finding),
        (None, Some(unknown)) => unknown,
        (None, None) => Verdict::Fine,
    }
}

/// Whether packets of a family come to a table by the hooks of IP.
fn sees(table: &Table, family: Family) -> bool {
    match table.family {
        TableFamily::Inet => true,
        TableFamily::Ip => family == Family::Ipv4,
        TableFamily::Ip6 => family == Family::Ipv6,
        TableFamily::Arp | TableFamily::Bridge | TableFamily::Netdev => false,
    }
}

/// Whether packets meet a rule there, or a policy that drops them.
pub(super) fn is_in_force(table: &Table) -> bool {
    let acts = |chain: &Chain| {
        let drops = |base: &Base| base.policy == Policy::Drop || !chain.rules.is_empty();
        chain.base.as_ref().is_some_and(drops)
    };
    !table.dormant && table.chains.iter().any(acts)
}

fn finding(family: Family, legacy: &[&Table], nft: &[&Table]) -> Finding {
    let of_nft = match fullest(nft).map(|table| table.maker) {
        Some(Maker::IptablesNft) => "of iptables-nft",
        _ => "of nf_tables",
    };
    Finding {
        id: ID,
        severity: Severity::Note,
        summary: format!(
            "{family} packets pass rules of iptables-legacy and rules {of_nft}: no one program \
             lists both"
        ),
        evidence: [legacy, nft]
            .into_iter()
            .filter_map(fullest)
            .map(counted)
            .collect(),
        remedy: remedy(family, legacy, nft),
    }
}

/// The one with the most rules.
fn fullest<'a>(tables: &[&'a Table]) -> Option<&'a Table> {
    tables.iter().copied().max_by_key(|table| rules(table))
}

fn rules(table: &Table) -> usize {
    table.chains.iter().map(|chain| chain.rules.len()).sum()
}

/// How much a table holds, as evidence.
pub(super) fn counted(table: &Table) -> Evidence {
    let count = match rules(table) {
        1 => "1 rule".to_owned(),
        many => format!("{many} rules"),
    };
    let is_closed = |chain: &&Chain| {
        let base = chain.base.as_ref();
        base.is_some_and(|base| base.policy == Policy::Drop)
    };
    let closed: Vec<&str> = table
        .chains
        .iter()
        .filter(is_closed)
        .map(|chain| chain.name.as_str())
        .collect();
    let policies = match closed[..] {
        [] => String::new(),
        _ => format!(", policy drop in {}", closed.join(", ")),
    };
    Evidence {
        source: print::table(table),
        text: count + &policies,
    }
}

/// How to see both, and how to come to one: in an order that opens nothing on the way.
fn remedy(family: Family, legacy: &[&Table], nft: &[&Table]) -> Vec<Remedy> {
    let program = match family {
        Family::Ipv4 => "iptables",
        Family::Ipv6 => "ip6tables",
    };
    let look = format!("{program}-legacy-save; nft list ruleset   # both, as they are");
    let is_twin = |table: &&Table| {
        let of_iptables = |other: &&&Table| other.maker == Maker::IptablesNft;
        let mut others = nft.iter().filter(of_iptables);
        others.any(|other| other.name == table.name)
    };
    // In one chain an accept of the one would end what the other drops now.
    if let Some(twin) = legacy.iter().find(|table| is_twin(table)) {
        let text = format!(
            "to have one: the rules of both tables {} by hand, in the order that they should \
             have in one chain",
            twin.name
        );
        return vec![Remedy::Command(look), Remedy::Config { file: None, text }];
    }
    let mut commands = vec![
        look,
        format!("{program}-legacy-save | {program}-nft-restore --noflush   # to have one: a copy"),
    ];
    for table in legacy {
        // Before the rules go that accept.
        for chain in &table.chains {
            if chain.base.as_ref().map(|base| base.policy) == Some(Policy::Drop) {
                let (table, chain) = (&table.name, &chain.name);
                commands.push(format!("{program}-legacy -t {table} -P {chain} ACCEPT"));
            }
        }
        commands.push(format!("{program}-legacy -t {} -F", table.name));
    }
    commands.into_iter().map(Remedy::Command).collect()
}
