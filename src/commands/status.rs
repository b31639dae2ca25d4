//! `ftpnat status`: what is installed, and what became of it.

use crate::apply::difference::{difference, listing};
use crate::apply::drift::drift;
use crate::apply::ours;
use crate::apply::record::Backend;
use crate::apply::sight::{Error, Sight};
use crate::cli::{self, Output};
use crate::facts::installed::{Drift, Installed};
use crate::output::{self, Failure, refusal};
use crate::plan;
use crate::plan::reach::Blocked;
use crate::sys::collect::{self, About};
use crate::sys::terminal::Color;

use super::history::Open;
use super::installation::{self, Installation};
use super::told;

/// Compares what is there with what was installed; status 1 where it differs.
pub(super) fn run(asked: &cli::Status, format: Output, color: Color) -> anyhow::Result<u8> {
    let sub_state = installation::sub_state(&asked.state)?;
    let installation = installation::read(&sub_state)?;
    let sight = Sight::of_host(&collect::snapshot(About::Change { helper: true }), false);
    let installed = look(&installation, &sight)?;
    let strangers: Vec<String> = ours::profiles(&sight.ruleset)
        .into_iter()
        .filter(|name| !installed.profiles.contains(name))
        .collect();
    let open = Open::of(&sub_state)?;
    told::status(&installation, &installed, &strangers, &open, format, color)?;
    let is_as_it_was = installed.drift.is_empty() && strangers.is_empty() && !open.is_wrong();
    Ok(u8::from(!is_as_it_was))
}

/// What is installed, and what became of it.
pub(super) fn look(installation: &Installation, sight: &Sight) -> Result<Installed, Failure> {
    if let Some(failure) = refusal::unread(&sight.ruleset) {
        return Err(failure);
    }
    let names = installation.installed().iter().map(|p| p.name.clone());
    Ok(Installed {
        profiles: names.collect(),
        drift: match installation.back_end() {
            None => Vec::new(),
            Some(back_end) => drifted(installation, sight, back_end)?,
        },
    })
}

fn drifted(
    installation: &Installation,
    sight: &Sight,
    back_end: Backend,
) -> Result<Vec<Drift>, Failure> {
    let profiles = installation.others(&[])?;
    let plan = plan::plan(&profiles, &sight.facts);
    let failed = |error: &Error| refusal::failure(error, &ours::without_ours(&sight.ruleset));
    let intent = match sight.intend(&plan, &[], back_end) {
        Ok(intent) => intent,
        // A drop came where no guest may pass it: evaluation names it.
        Err(Error::Refused(_)) => sight.intend_own_table(&plan, back_end),
        Err(error) => return Err(failed(&error)),
    };
    let blocked: Vec<Blocked> = match sight.judge_as_it_is(&profiles) {
        Ok(_) => Vec::new(),
        Err(Error::Blocked(found, _)) => found,
        Err(error) => return Err(failed(&error)),
    };
    let differing = difference(&listing(&sight.ruleset), &listing(&intent.after));
    Ok(drift(&differing, &blocked, |at| {
        output::place::place(&sight.ruleset, at)
    }))
}
