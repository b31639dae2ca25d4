//! What is installed here, as a source among a host's others: for `check` and `snapshot`.

use crate::apply::sight::Sight;
use crate::cli::StateDirectory;
use crate::facts::installed::Installed;
use crate::facts::snapshot::{Snapshot, State};
use crate::facts::sources::Asked;
use crate::output::Failure;
use crate::ruleset::live::Ruleset;
use crate::sys::state::SubState;

use super::{installation, status};

/// Puts it into the host's sources, of which the others are there. `rules` gives the rules
/// in force, and is asked only where something is installed. Makes nothing; what cannot be
/// read is said in the source.
pub(super) fn record_into(
    snapshot: &mut Snapshot,
    asked: &StateDirectory,
    rules: impl FnOnce(&Snapshot) -> Ruleset,
) {
    let state = match look(snapshot, asked, rules) {
        Ok(None) => State::Absent,
        Ok(Some(installed)) => State::Held(installed.to_text()),
        Err(failure) => State::Unreadable(failure.message.replace(char::is_control, " ")),
    };
    snapshot.insert(Asked::Installed.to_string(), state);
}

fn look(
    snapshot: &Snapshot,
    asked: &StateDirectory,
    rules: impl FnOnce(&Snapshot) -> Ruleset,
) -> Result<Option<Installed>, Failure> {
    let sub_state = installation::sub_state(asked)?;
    let installation = installation::read(&sub_state)?;
    if installation.record.is_none() {
        return if may_be_hidden(snapshot, &sub_state) {
            Err(Failure::cannot(
                "whose network namespace this is cannot be told, and something is installed \
                 in another one",
            ))
        } else {
            Ok(None)
        };
    }
    let sight = Sight::with_rules(snapshot, rules(snapshot));
    status::look(&installation, &sight).map(Some)
}

/// Who may not look at process 1 does not find the host's own record, and takes it for that
/// of another network namespace.
fn may_be_hidden(snapshot: &Snapshot, sub_state: &SubState) -> bool {
    let namespaces = snapshot.text(&Asked::Namespaces.to_string());
    let is_told = namespaces.is_some_and(|text| !text.lines().any(|line| line == "net unknown"));
    !is_told && sub_state.others().map_or(true, |others| !others.is_empty())
}
