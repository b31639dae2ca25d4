//! Rules on the server itself: `nat.mode` none and upstream.

use crate::model::filter::{Chain, Match, Rule, Statement};
use crate::model::net::PortRange;
use crate::profile::Profile;

use super::helper::helper_ports;
use super::parts::{
    Scope, control_ports, expected_by_helper, from, from_ports, from_range, new_and_established,
    replies, to, to_address, to_ports, to_range, words,
};

/// The rules of one family on the server's own firewall.
pub(super) fn rules(scope: Scope<'_>) -> Vec<Rule> {
    let mut rules = vec![
        accept_control(scope),
        accept_passive_range(scope),
        scope.accept_related_icmp(Chain::FILTER_INPUT),
    ];
    rules.extend(accept_replies(scope));
    if !helper_ports(scope.profile, scope.family).is_empty() {
        rules.push(assign_helper(scope));
        rules.push(accept_expected_passive(scope));
    }
    if scope.profile.active {
        rules.extend(accept_active(scope));
    }
    rules
}

fn accept_control(scope: Scope<'_>) -> Rule {
    let ports = control_ports(scope.profile);
    scope.accept(
        Chain::FILTER_INPUT,
        "control",
        format!("clients log in on port {}", words(&ports)),
        vec![
            from(&scope.clients()),
            to_address(scope.server()),
            to_ports(&ports),
            new_and_established(),
        ],
    )
}

/// The rule that TLS makes necessary: no helper can read the port out of an
/// encrypted 227 or 229 reply, so each data connection is NEW.
fn accept_passive_range(scope: Scope<'_>) -> Rule {
    scope.accept(
        Chain::FILTER_INPUT,
        "passive-range",
        passive_range_why(scope.profile),
        vec![
            from(&scope.clients()),
            to_address(scope.server()),
            to_range(scope.profile.passive.ports),
            new_and_established(),
        ],
    )
}

/// Why the range is accepted as NEW, in the profile's own terms.
pub(super) fn passive_range_why(profile: &Profile) -> String {
    if profile.control.iter().any(|c| c.tls.offers_tls()) {
        "TLS hides the 227/229 reply, so each data connection is NEW, not RELATED".to_owned()
    } else {
        "each data connection is NEW where no helper reads the 227/229 reply".to_owned()
    }
}

fn accept_replies(scope: Scope<'_>) -> Vec<Rule> {
    let ports = control_ports(scope.profile);
    [
        (
            "control-replies",
            "what the server answers on its control connections",
            from_ports(&ports),
        ),
        (
            "passive-replies",
            "what the server sends on passive data connections",
            from_range(scope.profile.passive.ports),
        ),
    ]
    .into_iter()
    .map(|(name, why, sport)| {
        let [established, reply] = replies();
        scope.accept_where_dropped(
            Chain::FILTER_OUTPUT,
            name,
            why,
            vec![to(&scope.clients()), sport, established, reply],
        )
    })
    .collect()
}

fn assign_helper(scope: Scope<'_>) -> Rule {
    let here = to_address(scope.server()).or(Some(Match::DestinationIsLocal));
    scope.rule(
        Chain::HELPER_PREROUTING,
        "helper",
        "no kernel since 6.0 assigns the ftp helper by itself",
        vec![
            from(&scope.clients()),
            here,
            to_ports(&helper_ports(scope.profile, scope.family)),
        ],
        Statement::AssignHelper,
    )
}

fn accept_expected_passive(scope: Scope<'_>) -> Rule {
    let [related, helper] = expected_by_helper();
    scope.accept(
        Chain::FILTER_INPUT,
        "related",
        "with the helper assigned, plain data connections are RELATED, not NEW",
        vec![
            from(&scope.clients()),
            to_address(scope.server()),
            to_range(scope.profile.passive.ports),
            related,
            helper,
        ],
    )
}

/// Active data leaves from any source port: `ProFTPD` since 1.3.7 does not use 20
/// (`data.c`), so the client's port, 1024 or higher, is all there is to match.
fn accept_active(scope: Scope<'_>) -> Vec<Rule> {
    let clients = scope.clients();
    let [established, reply] = replies();
    let mut rules = vec![
        scope.accept_where_dropped(
            Chain::FILTER_OUTPUT,
            "active-data",
            "the server opens active data connections itself, from any source port",
            vec![
                to(&clients),
                to_range(PortRange::UNPRIVILEGED),
                new_and_established(),
            ],
        ),
        scope.accept_where_dropped(
            Chain::FILTER_INPUT,
            "active-replies",
            "what clients send on active data connections",
            vec![
                from(&clients),
                from_range(PortRange::UNPRIVILEGED),
                established,
                reply,
            ],
        ),
    ];
    if !helper_ports(scope.profile, scope.family).is_empty() {
        let [related, helper] = expected_by_helper();
        rules.push(scope.accept_where_dropped(
            Chain::FILTER_OUTPUT,
            "active-related",
            "with the helper assigned, plain active data connections are RELATED, not NEW",
            vec![
                to(&clients),
                to_range(PortRange::UNPRIVILEGED),
                related,
                helper,
            ],
        ));
    }
    rules
}
