//! The identity of a check: its number and its name, both fixed for ever.

use std::fmt;

use serde::{Serialize, Serializer};

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
/// A predicted transfer needs the helper, and no rule assigns it.
pub const HELPER_NOT_ASSIGNED: CheckId = CheckId::new(
    203,
    "helper-not-assigned",
    "the client's PORT/EPRT needs the ftp helper, and no rule assigns it",
);
/// Inside clients use the external address and nothing turns them back.
pub const HAIRPIN_MISSING: CheckId = CheckId::new(
    311,
    "hairpin-missing",
    "inside clients are sent to the external address, and nothing turns them back",
);
/// The server's data connection to the client is not let through.
pub const ACTIVE_DATA_BLOCKED: CheckId = CheckId::new(
    318,
    "active-data-blocked",
    "the server's connection to a high port of the client is not let in",
);
/// The server refuses a data connection from another address than the control's.
pub const DATA_SOURCE_REJECTED: CheckId = CheckId::new(
    420,
    "data-source-rejected",
    "the data connection reaches the server from another address than the control connection",
);
