//! Whether connections are tracked at all: the kernel tracks those of an IP version in a
//! network namespace only while something there wants it (`nf_ct_netns_get`).

use crate::model::net::Family;

use super::super::live::Ruleset;
use super::super::live::expression::Expression;
use super::super::live::table::TableFamily;
use super::super::live::xt::{Match, Target};

/// Whether a rule surely has the connections of a family tracked. Where none does, other
/// parts of the kernel still may, such as IPVS.
pub(super) fn tracks(ruleset: &Ruleset, family: Family) -> bool {
    let tables = ruleset.tables.iter().filter(|table| match table.family {
        TableFamily::Ip => family == Family::Ipv4,
        TableFamily::Ip6 => family == Family::Ipv6,
        TableFamily::Inet => true,
        TableFamily::Arp | TableFamily::Bridge | TableFamily::Netdev => false,
    });
    tables
        .flat_map(|table| &table.chains)
        .flat_map(|chain| &chain.rules)
        .flat_map(|rule| &rule.expressions)
        .any(wants_tracking)
}

/// Calls `nf_ct_netns_get` when it is loaded. `notrack` does not, nor on all kernels does
/// a helper's object.
fn wants_tracking(expression: &Expression) -> bool {
    match expression {
        Expression::Ct { .. }
        | Expression::CtSet { .. }
        | Expression::Connlimit { .. }
        | Expression::Nat(_)
        | Expression::Synproxy
        | Expression::FlowOffload(_)
        | Expression::Match(Match::Conntrack(_) | Match::Connmark { .. } | Match::Helper { .. })
        | Expression::Target(
            Target::Nat(_) | Target::Connmark { .. } | Target::Ct { notrack: false, .. },
        ) => true,
        Expression::Match(Match::Unforeseen { name, .. }) => name == "connlimit",
        _ => false,
    }
}
