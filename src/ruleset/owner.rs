//! Whose a table or a chain is, told from what stands in it.
//!
//! What was measured of those who manage a firewall (`tests/managers/`):
//!
//! - firewalld loads its tables anew whenever it is asked to, and keeps nothing in them
//!   that it did not write: there it must itself open what is needed.
//! - ufw empties its own chains when it starts anew, and leaves `INPUT` and `FORWARD` as
//!   they are, where its jumps stand: a guest among those keeps its place until the next
//!   boot. A rule that ufw is told comes back then, too.
//! - Docker puts its jumps at the head of `FORWARD` again when it starts, that to
//!   `DOCKER-USER` before all others, and empties neither: a guest before the general drop
//!   stays behind both, and behind who is banned in `DOCKER-USER`.

use super::live::expression::{Expression, Verdict};
use super::live::table::{Maker, TableFamily};
use super::live::xt::Target;
use super::live::{Chain, Rule, Table};

/// Whether a table is firewalld's, of either of its back ends.
#[must_use]
pub fn is_firewalld(table: &Table) -> bool {
    if table.maker == Maker::Nft {
        table.family == TableFamily::Inet && table.name == "firewalld"
    } else {
        table.chains.iter().any(|chain| chain.name == "INPUT_ZONES")
    }
}

/// Whether nothing may be put into a table, or would last there.
#[must_use]
pub fn is_owned(table: &Table) -> bool {
    table.owned || is_firewalld(table)
}

/// Who has a chain, or a table, to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manager {
    /// It loads its tables anew, without what others put there.
    Firewalld,
    /// It empties its own chains when it starts anew.
    Ufw,
    /// It writes its own chains anew; `DOCKER-USER` is the administrator's.
    Docker,
    /// kube-proxy and the network plugins write theirs anew all the time.
    Kubernetes,
    /// The program that made the table: the kernel lets nobody else change it
    /// (`NFT_TABLE_F_OWNER`).
    Owner,
}

/// What the names of their chains begin with, in the tables of iptables.
const CHAINS: [(&str, Manager); 10] = [
    ("ufw-", Manager::Ufw),
    ("ufw6-", Manager::Ufw),
    ("DOCKER-", Manager::Docker),
    ("KUBE-", Manager::Kubernetes),
    ("cali-", Manager::Kubernetes),
    ("CILIUM_", Manager::Kubernetes),
    ("OLD_CILIUM_", Manager::Kubernetes),
    ("FLANNEL-", Manager::Kubernetes),
    ("WEAVE-", Manager::Kubernetes),
    ("ANTREA-", Manager::Kubernetes),
];

/// The tables that they make natively.
const TABLES: [(&str, Manager); 3] = [
    ("docker-bridges", Manager::Docker),
    ("kube-proxy", Manager::Kubernetes),
    ("calico", Manager::Kubernetes),
];

/// Who manages a chain, and takes out what others put there; `None`: nobody is known to.
#[must_use]
pub fn manager(table: &Table, chain: &Chain) -> Option<Manager> {
    let name = chain.name.as_str();
    if is_firewalld(table) {
        return Some(Manager::Firewalld);
    }
    if table.owned {
        return Some(Manager::Owner);
    }
    let known = if table.maker == Maker::Nft {
        TABLES.into_iter().find(|(of, _)| *of == table.name)
    } else if name == "DOCKER" {
        return Some(Manager::Docker);
    } else if name == "DOCKER-USER" {
        return None;
    } else {
        CHAINS.into_iter().find(|(of, _)| name.starts_with(of))
    };
    known.map(|(_, manager)| manager)
}

/// Who is to be asked for an accept before the rule with that number: who manages the
/// chain; or ufw, where packets have been led through its chains before, since what it is
/// told lasts longer than a rule among its jumps.
#[must_use]
pub fn way_in(table: &Table, chain: &Chain, index: usize) -> Option<Manager> {
    manager(table, chain).or_else(|| {
        let is_ufw = |name: &String| {
            let mut chains = table.chains.iter();
            let chain = chains.find(|chain| chain.name == *name);
            chain.and_then(|chain| manager(table, chain)) == Some(Manager::Ufw)
        };
        let mut before = chain.rules.iter().take(index);
        before
            .any(|rule| leads_to(rule).is_some_and(is_ufw))
            .then_some(Manager::Ufw)
    })
}

/// The chain that a rule jumps or goes to.
#[must_use]
pub fn leads_to(rule: &Rule) -> Option<&String> {
    rule.expressions
        .iter()
        .find_map(|expression| match expression {
            Expression::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain))
            | Expression::Target(Target::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain))) => {
                Some(chain)
            }
            _ => None,
        })
}
