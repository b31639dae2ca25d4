//! All checks.

use super::definition::Check;
use super::{host, profile, ruleset, wire};

/// Every check, in the order of their numbers.
pub const CHECKS: &[Check] = &[
    profile::PASSIVE_RANGE_TOO_SMALL,
    profile::ADVERTISE_MISSING,
    profile::ADVERTISE_NOT_PUBLIC,
    profile::ADVERTISE_DIFFERS_FROM_EXTERNAL,
    host::HELPER_CONFLICTS_WITH_ADVERTISE,
    profile::HELPER_USELESS_UNDER_TLS,
    profile::ACTIVE_WITH_TLS_BEHIND_NAT,
    profile::PASSWORDS_IN_PLAIN,
    host::PROFILES_OVERLAP,
    host::CONNTRACK_HELPER_MISSING,
    host::NAT_HELPER_MISSING,
    ruleset::HELPER_NOT_ASSIGNED,
    ruleset::HELPER_ASSIGNED_TOO_EARLY,
    ruleset::HELPER_ASSIGNED_AFTER_DNAT,
    host::IP_FORWARDING_OFF,
    host::PASSIVE_RANGE_IN_EPHEMERAL_RANGE,
    host::FOREIGN_LISTENER_IN_PASSIVE_RANGE,
    host::CONTROL_PORT_NOT_LISTENING,
    host::CONNTRACK_TABLE_NEARLY_FULL,
    host::MODULES_NOT_PERSISTENT,
    host::ASYMMETRIC_RETURN_PATH,
    host::STRICT_RP_FILTER,
    host::SELINUX_DENIES_PASSIVE_RANGE,
    ruleset::CONTROL_PORT_BLOCKED,
    ruleset::PASSIVE_RANGE_BLOCKED,
    ruleset::ESTABLISHED_NOT_ACCEPTED,
    ruleset::RELATED_NOT_ACCEPTED,
    ruleset::ACCEPT_OVERRULED_BY_LATER_DROP,
    ruleset::RELATED_ACCEPTED_TOO_WIDELY,
    ruleset::ACCEPT_AFTER_DROP,
    ruleset::DNAT_MISSING,
    ruleset::DNAT_SHIFTS_PORTS,
    ruleset::FORWARD_BLOCKED,
    ruleset::HAIRPIN_MISSING,
    ruleset::INBOUND_SNAT_HIDES_CLIENTS,
    ruleset::LEGACY_AND_NFT_BOTH_IN_FORCE,
    ruleset::RANGE_OPEN_WIDER_THAN_NEEDED,
    ruleset::IPV6_DIFFERS_FROM_IPV4,
    ruleset::CONNECTION_LIMIT_CUTS_DATA,
    ruleset::INSTALLED_RULES_DRIFTED,
    ruleset::ACTIVE_DATA_BLOCKED,
    ruleset::ACCEPT_MATCHES_SOURCE_PORT,
    ruleset::TRAFFIC_UNTRACKED,
    ruleset::SNAT_MISSING_FOR_ACTIVE,
    ruleset::DNAT_TAKEN_BY_ANOTHER_RULE,
    ruleset::ICMP_NEEDED_FOR_PMTU_DROPPED,
    ruleset::PACKET_PATH_NOT_VISIBLE,
    wire::CONTROL_REFUSED,
    wire::CONTROL_SILENT,
    wire::GREETING_NOT_READY,
    wire::AUTH_TLS_REFUSED,
    wire::AUTH_TLS_CUT,
    wire::TLS_TOO_OLD,
    wire::CERTIFICATE_EXPIRED,
    wire::CERTIFICATE_NAME_DIFFERS,
    wire::CERTIFICATE_UNTRUSTED,
    wire::LOGIN_REFUSED,
    wire::PASV_PRIVATE_ADDRESS,
    wire::PASV_OTHER_ADDRESS,
    wire::DATA_PORT_OUTSIDE_RANGE,
    wire::DATA_SILENT,
    wire::DATA_REFUSED,
    wire::DATA_PEER_DIFFERS,
    wire::REPLY_REWRITTEN,
    wire::TLS_SESSION_REUSE_DEMANDED,
    wire::EPSV_NOT_OFFERED,
    wire::DATA_SOURCE_REJECTED,
    wire::TRANSFER_NEVER_COMPLETES,
    wire::ACTIVE_REFUSED,
    wire::IDLE_CONTROL_CUT,
    wire::PART_OF_RANGE_BLOCKED,
    wire::DATA_REJECTED_BY_ICMP,
    wire::CONTROL_REJECTED_BY_ICMP,
    wire::DATA_STALLS_AFTER_CONNECT,
];

/// The check of a number (`FN206`, `206`) or a name (`ip-forwarding-off`).
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Check> {
    let name = name.to_ascii_lowercase();
    CHECKS.iter().find(|check| {
        let number = check.id.to_string().to_ascii_lowercase();
        name == check.id.name()
            || name == number
            || Some(name.as_str()) == number.strip_prefix("fn")
    })
}
