//! Predictions where this host is the gateway of the clients.

use crate::model::check::{ACTIVE_DATA_BLOCKED, ACTIVE_WITH_TLS_BEHIND_NAT, HELPER_NOT_ASSIGNED};
use crate::plan::families::translated;
use crate::plan::helper::helper_ports;
use crate::profile::Profile;

use super::{From, Judgement, Session};

/// Passive data is accepted outward; active data only where the helper expects
/// it, which it can read in plain sessions alone.
pub(super) fn judge(profile: &Profile, session: Session) -> Judgement {
    if !session.client.is_active() {
        return Ok(());
    }
    let helped = helper_ports(profile, session.family).contains(&session.control.port);
    let hidden = session.from == From::InsideDirect && translated(profile, session.family);
    match (hidden, session.tls, helped) {
        (_, false, true) => Ok(()),
        (true, true, _) => Err(ACTIVE_WITH_TLS_BEHIND_NAT),
        (true, false, false) => Err(HELPER_NOT_ASSIGNED),
        (false, _, _) => Err(ACTIVE_DATA_BLOCKED),
    }
}
