//! The identity of a check: its number and its name, both fixed for ever.

mod wire;

use std::fmt;

use serde::{Serialize, Serializer};

pub use wire::*;

/// A check's number and kebab-case name; the name states the fault. Neither is
/// ever reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId {
    number: u16,
    name: &'static str,
    cause: &'static str,
}

impl CheckId {
    const fn new(number: u16, name: &'static str, cause: &'static str) -> Self {
        Self {
            number,
            name,
            cause,
        }
    }

    /// The kebab-case name, such as `advertise-missing`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Why transfers fail by it: one sentence for people, no full stop.
    #[must_use]
    pub fn cause(self) -> &'static str {
        self.cause
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FN{}", self.number)
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The passive range has fewer ports than the peak of transfers needs.
pub const PASSIVE_RANGE_TOO_SMALL: CheckId = CheckId::new(
    101,
    "passive-range-too-small",
    "at the peak of transfers the server finds no free port in the range",
);
/// The server stands behind a translation and announces its inside address.
pub const ADVERTISE_MISSING: CheckId = CheckId::new(
    102,
    "advertise-missing",
    "PASV replies name the server's inside address, which outside clients cannot reach",
);
/// The announced address cannot be reached from outside the private network.
pub const ADVERTISE_NOT_PUBLIC: CheckId = CheckId::new(
    103,
    "advertise-not-public",
    "PASV replies name a private address, which outside clients cannot reach",
);
/// The announced address is not one that clients are translated from.
pub const ADVERTISE_DIFFERS_FROM_EXTERNAL: CheckId = CheckId::new(
    104,
    "advertise-differs-from-external",
    "PASV replies name another address than the one that is translated",
);
/// The helper and the announced address work against one another.
pub const HELPER_CONFLICTS_WITH_ADVERTISE: CheckId = CheckId::new(
    105,
    "helper-conflicts-with-advertise",
    "the helper does not follow a PASV reply that names another address than the server's",
);
/// The helper cannot read a control connection under TLS.
pub const HELPER_USELESS_UNDER_TLS: CheckId = CheckId::new(
    106,
    "helper-useless-under-tls",
    "no helper can read an encrypted control connection",
);
/// No box can translate a PORT or EPRT that TLS hides.
pub const ACTIVE_WITH_TLS_BEHIND_NAT: CheckId = CheckId::new(
    107,
    "active-with-tls-behind-nat",
    "TLS hides the client's private address in PORT/EPRT, so nothing can translate it",
);
/// Passwords cross the network in plain text.
pub const PASSWORDS_IN_PLAIN: CheckId = CheckId::new(
    108,
    "passwords-in-plain",
    "without TLS passwords cross the network as they are typed",
);
/// Another profile of this host claims the same ports.
pub const PROFILES_OVERLAP: CheckId = CheckId::new(
    109,
    "profiles-overlap",
    "two profiles of this host claim the same ports of one address",
);
/// The kernel has no `ftp` conntrack helper, or cannot load it.
pub const CONNTRACK_HELPER_MISSING: CheckId = CheckId::new(
    201,
    "conntrack-helper-missing",
    "this kernel has no ftp conntrack helper to assign",
);
/// Nothing in the kernel translates what the helper reads.
pub const NAT_HELPER_MISSING: CheckId = CheckId::new(
    202,
    "nat-helper-missing",
    "without nf_nat_ftp the address in PORT and 227 is not translated",
);
/// A predicted transfer needs the helper, and no rule assigns it.
pub const HELPER_NOT_ASSIGNED: CheckId = CheckId::new(
    203,
    "helper-not-assigned",
    "PASV replies or PORT commands name an inside address that only the ftp helper translates",
);
/// The helper is assigned before conntrack knows the connection.
pub const HELPER_ASSIGNED_TOO_EARLY: CheckId = CheckId::new(
    204,
    "helper-assigned-too-early",
    "the rule that assigns the helper runs before conntrack, so it does nothing",
);
/// The helper is assigned after DNAT, on a kernel that then breaks the session.
pub const HELPER_ASSIGNED_AFTER_DNAT: CheckId = CheckId::new(
    205,
    "helper-assigned-after-dnat",
    "the helper is assigned after DNAT, and this kernel then loses count of what it rewrites",
);
/// This host must route and does not.
pub const IP_FORWARDING_OFF: CheckId = CheckId::new(
    206,
    "ip-forwarding-off",
    "this host does not route, so packets between clients and server end here",
);
/// Outgoing connections may take ports of the passive range.
pub const PASSIVE_RANGE_IN_EPHEMERAL_RANGE: CheckId = CheckId::new(
    207,
    "passive-range-in-ephemeral-range",
    "this host's outgoing connections take ports of the range away from the server",
);
/// Another program listens on a port of the passive range.
pub const FOREIGN_LISTENER_IN_PASSIVE_RANGE: CheckId = CheckId::new(
    208,
    "foreign-listener-in-passive-range",
    "another program listens in the range: clients are sent to it, and the world reaches it",
);
/// Nothing listens on the control port.
pub const CONTROL_PORT_NOT_LISTENING: CheckId = CheckId::new(
    209,
    "control-port-not-listening",
    "no server listens on the control port",
);
/// The connection tracking table has little room left.
pub const CONNTRACK_TABLE_NEARLY_FULL: CheckId = CheckId::new(
    210,
    "conntrack-table-nearly-full",
    "the connection tracking table is nearly full; once it is, new connections are dropped",
);
/// A module that works now is gone after the next boot.
pub const MODULES_NOT_PERSISTENT: CheckId = CheckId::new(
    211,
    "modules-not-persistent",
    "the module is loaded now, and nothing loads it at boot",
);
/// Answers leave by another interface than the one that clients come in by.
pub const ASYMMETRIC_RETURN_PATH: CheckId = CheckId::new(
    212,
    "asymmetric-return-path",
    "answers leave by another interface than the one that clients come in by",
);
/// The kernel drops what comes in by another interface than answers leave by.
pub const STRICT_RP_FILTER: CheckId = CheckId::new(
    213,
    "strict-rp-filter",
    "strict reverse path filtering drops what comes in by another way than answers leave",
);
/// `SELinux` does not let the server bind the passive range.
pub const SELINUX_DENIES_PASSIVE_RANGE: CheckId = CheckId::new(
    214,
    "selinux-denies-passive-range",
    "SELinux does not let the server bind ports of the range",
);
/// The control port of the server on this host is not let in.
pub const CONTROL_PORT_BLOCKED: CheckId = CheckId::new(
    301,
    "control-port-blocked",
    "this host's firewall drops new connections to the control port",
);
/// Ports of the passive range are not let in to the server on this host.
pub const PASSIVE_RANGE_BLOCKED: CheckId = CheckId::new(
    302,
    "passive-range-blocked",
    "this host's firewall drops data connections; under TLS each of them is NEW, and no helper announces it",
);
/// What follows the first packet of a connection is dropped.
pub const ESTABLISHED_NOT_ACCEPTED: CheckId = CheckId::new(
    303,
    "established-not-accepted",
    "the first packet is let in, and what follows it, or the answer, is dropped",
);
/// Data connections that the helper expects are not let through.
pub const RELATED_NOT_ACCEPTED: CheckId = CheckId::new(
    304,
    "related-not-accepted",
    "the helper announces the data connection as RELATED, and no rule accepts that",
);
/// A later base chain drops what one accepted.
pub const ACCEPT_OVERRULED_BY_LATER_DROP: CheckId = CheckId::new(
    305,
    "accept-overruled-by-later-drop",
    "accept ends one base chain only: a later one drops the packet all the same",
);
/// Whoever can make the helper expect a connection opens ports that nobody meant to open.
pub const RELATED_ACCEPTED_TOO_WIDELY: CheckId = CheckId::new(
    306,
    "related-accepted-too-widely",
    "RELATED is accepted to any port: what the helper expects opens ports that were meant to be shut",
);
/// A rule accepts what a rule before it in the chain has dropped.
pub const ACCEPT_AFTER_DROP: CheckId = CheckId::new(
    307,
    "accept-after-drop",
    "rules are asked in order: the accept stands behind the drop, so no packet comes to it",
);
/// Nothing on this gateway leads connections to the server.
pub const DNAT_MISSING: CheckId = CheckId::new(
    308,
    "dnat-missing",
    "this gateway does not translate these ports, so it answers for them itself",
);
/// DNAT leads connections to other ports than they were made to.
pub const DNAT_SHIFTS_PORTS: CheckId = CheckId::new(
    309,
    "dnat-shifts-ports",
    "the server is asked at another port than it listens on: passive ports must stay what they are",
);
/// This gateway does not forward what the profile needs.
pub const FORWARD_BLOCKED: CheckId = CheckId::new(
    310,
    "forward-blocked",
    "this gateway's firewall drops what it should forward to the server",
);
/// Inside clients use the external address and nothing turns them back.
pub const HAIRPIN_MISSING: CheckId = CheckId::new(
    311,
    "hairpin-missing",
    "inside clients are sent to the external address, and nothing turns them back",
);
/// The server sees this gateway's address in place of its clients'.
pub const INBOUND_SNAT_HIDES_CLIENTS: CheckId = CheckId::new(
    312,
    "inbound-snat-hides-clients",
    "the source of inbound connections is translated too, so the server does not see who calls",
);
/// Rules of iptables-legacy and of `nf_tables` are in force at once.
pub const LEGACY_AND_NFT_BOTH_IN_FORCE: CheckId = CheckId::new(
    313,
    "legacy-and-nft-both-in-force",
    "two rulesets see each packet, and each program shows one of them only",
);
/// More is open than the profile needs.
pub const RANGE_OPEN_WIDER_THAN_NEEDED: CheckId = CheckId::new(
    314,
    "range-open-wider-than-needed",
    "the rule that opens the passive range opens more than the server uses",
);
/// Over IPv6 the firewall does not let through what it does over IPv4.
pub const IPV6_DIFFERS_FROM_IPV4: CheckId = CheckId::new(
    315,
    "ipv6-differs-from-ipv4",
    "each family has its own rules, and those of IPv6 do not let this through",
);
/// A limit of connections or of their rate counts data connections.
pub const CONNECTION_LIMIT_CUTS_DATA: CheckId = CheckId::new(
    316,
    "connection-limit-cuts-data",
    "each listing and each file is a connection of its own, and the rule counts them all",
);
/// What `apply` installed is not there any more as it was.
pub const INSTALLED_RULES_DRIFTED: CheckId = CheckId::new(
    317,
    "installed-rules-drifted",
    "rules that ftpnat installed are gone, changed, or stand behind a drop",
);
/// The server's data connection to the client is not let through.
pub const ACTIVE_DATA_BLOCKED: CheckId = CheckId::new(
    318,
    "active-data-blocked",
    "the server's connection to a high port of the client is not let in",
);
/// A rule accepts by the source port, which the client picks.
pub const ACCEPT_MATCHES_SOURCE_PORT: CheckId = CheckId::new(
    319,
    "accept-matches-source-port",
    "whoever picks that source port reaches every port of this host",
);
/// A rule keeps the connections from being tracked.
pub const TRAFFIC_UNTRACKED: CheckId = CheckId::new(
    320,
    "traffic-untracked",
    "untracked packets are never NEW, ESTABLISHED or RELATED, and are not translated",
);
/// The server's active data connections leave with its inside address.
pub const SNAT_MISSING_FOR_ACTIVE: CheckId = CheckId::new(
    321,
    "snat-missing-for-active",
    "the client expects the data connection from the address that it called",
);
/// Another rule leads the connections somewhere else.
pub const DNAT_TAKEN_BY_ANOTHER_RULE: CheckId = CheckId::new(
    322,
    "dnat-taken-by-another-rule",
    "an earlier rule translates these connections to another host",
);
/// ICMP errors that tell the path's packet size are dropped.
pub const ICMP_NEEDED_FOR_PMTU_DROPPED: CheckId = CheckId::new(
    323,
    "icmp-needed-for-pmtu-dropped",
    "senders are not told that their packets are too big: transfers start, and stall",
);
/// Packets meet something that this program cannot look into.
pub const PACKET_PATH_NOT_VISIBLE: CheckId = CheckId::new(
    324,
    "packet-path-not-visible",
    "something besides the rules that were read may drop or turn these packets",
);
