//! `ftpnat status`: what is installed, and what became of it.

use crate::apply::difference::{difference, listing};
use crate::apply::drift::{Drift, drift};
use crate::apply::ours;
use crate::apply::sight::{Error, Sight};
use crate::cli::{self, Output};
use crate::output::{self, refusal};
use crate::plan;
use crate::plan::reach::Blocked;
use crate::sys::collect::{self, About};
use crate::sys::terminal::Color;

use super::{installation, told};

/// Compares what is there with what was installed; status 1 where it differs.
pub(super) fn run(asked: &cli::Status, format: Output, color: Color) -> anyhow::Result<u8> {
    let sub_state = installation::sub_state(&asked.state)?;
    let installed = installation::read(&sub_state)?;
    let sight = Sight::of_host(&collect::snapshot(About::Change { helper: true }), false);
    if let Some(failure) = refusal::unread(&sight.ruleset) {
        return Err(failure.into());
    }
    let strangers: Vec<String> = ours::profiles(&sight.ruleset)
        .into_iter()
        .filter(|name| !installed.installed().iter().any(|p| p.name == *name))
        .collect();
    let found = match installed.back_end() {
        None => Vec::new(),
        Some(back_end) => drifted(&installed, &sight, back_end)?,
    };
    told::status(&installed, &found, &strangers, format, color)?;
    Ok(u8::from(!found.is_empty() || !strangers.is_empty()))
}

fn drifted(
    installed: &installation::Installation,
    sight: &Sight,
    back_end: crate::apply::record::Backend,
) -> anyhow::Result<Vec<Drift>> {
    let profiles = installed.others(&[])?;
    let plan = plan::plan(&profiles, &sight.facts);
    let others = || ours::without_ours(&sight.ruleset);
    let intent = match sight.intend(&plan, &[], back_end) {
        Ok(intent) => intent,
        // A drop came where no guest may pass it: evaluation names it.
        Err(Error::Refused(_)) => sight.intend_own_table(&plan, back_end),
        Err(error) => return Err(refusal::failure(&error, &others()).into()),
    };
    let blocked: Vec<Blocked> = match sight.judge_as_it_is(&profiles) {
        Ok(_) => Vec::new(),
        Err(Error::Blocked(found, _)) => found,
        Err(error) => return Err(refusal::failure(&error, &others()).into()),
    };
    let differing = difference(&listing(&sight.ruleset), &listing(&intent.after));
    Ok(drift(&differing, &blocked, |at| {
        output::apply::place(&sight.ruleset, at)
    }))
}
