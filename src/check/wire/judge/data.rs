//! Data connections: what the passive ones are called, whether they open, what they carry; and
//! the active ones.

use std::net::IpAddr;

use crate::check::Finding;
use crate::probe::seen::{Sitting, Try};

use super::Bench;

impl Bench<'_> {
    pub(super) fn data(&self) -> Vec<Finding> {
        let mut found = self.naming();
        found.extend(self.opening());
        found.extend(self.transfers());
        found.extend(self.active());
        found
    }

    /// The passive data connections.
    pub(super) fn passive(&self) -> impl Iterator<Item = &Try> {
        passive(self.sitting)
    }

    /// The session under TLS that this plain one stands beside, or the other way round.
    pub(super) fn beside(&self) -> Option<&Sitting> {
        let others = self.account.sittings.iter();
        let mut same = others.filter(|other| {
            other.called == self.sitting.called && other.is_compared != self.sitting.is_compared
        });
        same.next()
    }

    /// The address that was called, as an IPv4 one where it is one.
    pub(super) fn called(&self) -> IpAddr {
        self.sitting.called.ip().to_canonical()
    }
}

/// The passive data connections of a session.
pub(super) fn passive(sitting: &Sitting) -> impl Iterator<Item = &Try> {
    sitting.tries.iter().filter(|tried| !tried.mode.is_active())
}

/// The reply to a command, as evidence has it.
pub(super) fn said(tried: &Try) -> String {
    match &tried.asked {
        Ok(reply) => format!("{}: `{}`", tried.mode, reply.line()),
        Err(trouble) => format!("{}: {trouble}", tried.mode),
    }
}
