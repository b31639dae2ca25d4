//! Rules on the server itself: `nat.mode` none and upstream.

use crate::model::filter::{Chain, Match, Rule, Statement};
use crate::model::net::{Family, PortRange};
use crate::profile::Profile;

use super::helper::helper_ports;
use super::parts::{
    control_ports, expected_by_helper, from, from_ports, from_range, new_and_established,
    related_icmp, replies, rule, to, to_address, to_ports, to_range, where_dropped, words,
};

/// The rules of one family on the server's own firewall.
pub(super) fn rules(profile: &Profile, family: Family) -> Vec<Rule> {
    let mut rules = vec![
        accept_control(profile, family),
        accept_passive_range(profile, family),
        related_icmp(profile, family, Chain::FILTER_INPUT),
    ];
    rules.extend(accept_replies(profile, family));
    if !helper_ports(profile, family).is_empty() {
        rules.push(assign_helper(profile, family));
        rules.push(accept_expected_passive(profile, family));
    }
    if profile.active {
        rules.extend(accept_active(profile, family));
    }
    rules
}

fn accept_control(profile: &Profile, family: Family) -> Rule {
    let ports = control_ports(profile);
    rule(
        profile,
        family,
        Chain::FILTER_INPUT,
        "control",
        format!("clients log in on port {}", words(&ports)),
        vec![
            from(&profile.clients_of(family)),
            to_address(profile.server_address(family)),
            to_ports(&ports),
            new_and_established(),
        ],
        Statement::Accept,
    )
}

/// The rule that TLS makes necessary: no helper can read the port out of an
/// encrypted 227 or 229 reply, so each data connection is NEW.
fn accept_passive_range(profile: &Profile, family: Family) -> Rule {
    rule(
        profile,
        family,
        Chain::FILTER_INPUT,
        "passive-range",
        passive_range_why(profile),
        vec![
            from(&profile.clients_of(family)),
            to_address(profile.server_address(family)),
            to_range(profile.passive.ports),
            new_and_established(),
        ],
        Statement::Accept,
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

fn accept_replies(profile: &Profile, family: Family) -> Vec<Rule> {
    let ports = control_ports(profile);
    [
        (
            "control-replies",
            "what the server answers on its control connections",
            from_ports(&ports),
        ),
        (
            "passive-replies",
            "what the server sends on passive data connections",
            from_range(profile.passive.ports),
        ),
    ]
    .into_iter()
    .map(|(name, why, sport)| {
        let [established, reply] = replies();
        where_dropped(rule(
            profile,
            family,
            Chain::FILTER_OUTPUT,
            name,
            why,
            vec![to(&profile.clients_of(family)), sport, established, reply],
            Statement::Accept,
        ))
    })
    .collect()
}

fn assign_helper(profile: &Profile, family: Family) -> Rule {
    let here = to_address(profile.server_address(family)).or(Some(Match::DestinationIsLocal));
    rule(
        profile,
        family,
        Chain::HELPER_PREROUTING,
        "helper",
        "no kernel since 6.0 assigns the ftp helper by itself",
        vec![
            from(&profile.clients_of(family)),
            here,
            to_ports(&helper_ports(profile, family)),
        ],
        Statement::AssignHelper,
    )
}

fn accept_expected_passive(profile: &Profile, family: Family) -> Rule {
    let [related, helper] = expected_by_helper();
    rule(
        profile,
        family,
        Chain::FILTER_INPUT,
        "related",
        "with the helper assigned, plain data connections are RELATED, not NEW",
        vec![
            from(&profile.clients_of(family)),
            to_address(profile.server_address(family)),
            to_range(profile.passive.ports),
            related,
            helper,
        ],
        Statement::Accept,
    )
}

/// Active data leaves from any source port: `ProFTPD` since 1.3.7 does not use 20
/// (kernel.md §8), so the client's port, 1024 or higher, is all there is to match.
fn accept_active(profile: &Profile, family: Family) -> Vec<Rule> {
    let clients = profile.clients_of(family);
    let [established, reply] = replies();
    let mut rules = vec![
        where_dropped(rule(
            profile,
            family,
            Chain::FILTER_OUTPUT,
            "active-data",
            "the server opens active data connections itself, from any source port",
            vec![
                to(&clients),
                to_range(PortRange::UNPRIVILEGED),
                new_and_established(),
            ],
            Statement::Accept,
        )),
        where_dropped(rule(
            profile,
            family,
            Chain::FILTER_INPUT,
            "active-replies",
            "what clients send on active data connections",
            vec![
                from(&clients),
                from_range(PortRange::UNPRIVILEGED),
                established,
                reply,
            ],
            Statement::Accept,
        )),
    ];
    if !helper_ports(profile, family).is_empty() {
        let [related, helper] = expected_by_helper();
        rules.push(where_dropped(rule(
            profile,
            family,
            Chain::FILTER_OUTPUT,
            "active-related",
            "with the helper assigned, plain active data connections are RELATED, not NEW",
            vec![
                to(&clients),
                to_range(PortRange::UNPRIVILEGED),
                related,
                helper,
            ],
            Statement::Accept,
        )));
    }
    rules
}
