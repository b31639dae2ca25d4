//! Checks that need no more than the profile and its plan.

mod announce;
mod sessions;

use crate::profile::Profile;

use super::{Evidence, Remedy};

pub(super) use announce::{
    ADVERTISE_DIFFERS_FROM_EXTERNAL, ADVERTISE_MISSING, ADVERTISE_NOT_PUBLIC,
};
pub(super) use sessions::{
    ACTIVE_WITH_TLS_BEHIND_NAT, HELPER_USELESS_UNDER_TLS, PASSIVE_RANGE_TOO_SMALL,
    PASSWORDS_IN_PLAIN,
};

/// Lines for the profile's own file.
pub(super) fn in_profile(profile: &Profile, text: &str) -> Remedy {
    Remedy::Config {
        file: Some(profile.file.clone()),
        text: text.to_owned(),
    }
}

/// What stands in the profile.
pub(super) fn evidence(profile: &Profile, text: &str) -> Evidence {
    Evidence {
        source: profile.file.clone(),
        text: text.to_owned(),
    }
}
