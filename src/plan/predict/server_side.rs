//! Predictions where the server runs on this host.

use crate::model::check::{
    ADVERTISE_DIFFERS_FROM_EXTERNAL, ADVERTISE_MISSING, ADVERTISE_NOT_PUBLIC, HAIRPIN_MISSING,
};
use crate::model::ftp::ClientMode;
use crate::plan::announce::{Announced, announced};
use crate::plan::families::translated;
use crate::profile::Profile;

use super::{From, Judgement, Session};

/// The rules open all four modes; only the announced address can still be wrong.
pub(super) fn judge(profile: &Profile, session: Session) -> Judgement {
    if session.client != ClientMode::Pasv {
        return Ok(());
    }
    let behind_nat = translated(profile, session.family);
    match (announced(profile), session.from) {
        // The reply sends an inside client out to an address that, for all this
        // host knows, does not come back in.
        (Announced::External, From::InsideDirect) if behind_nat => Err(HAIRPIN_MISSING),
        (Announced::External, _) | (Announced::Inside, From::InsideDirect) => Ok(()),
        (Announced::Inside, _) if profile.passive.advertise.is_none() => Err(ADVERTISE_MISSING),
        (Announced::Inside | Announced::Private, _) => Err(ADVERTISE_NOT_PUBLIC),
        (Announced::Other, _) => Err(ADVERTISE_DIFFERS_FROM_EXTERNAL),
    }
}
