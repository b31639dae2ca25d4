//! `ftpnat plan`: what profiles need, why, and what clients will see.

use crate::check::profile_findings;
use crate::cli::{Output, Profiles};
use crate::output;
use crate::plan;
use crate::sys::terminal::{Color, write_stdout};

/// Plans the profiles and prints the plan.
pub(super) fn run(named: &Profiles, format: Output, color: Color) -> anyhow::Result<()> {
    let mut profiles = super::profiles::read(&named.profiles)?;
    profiles.sort_by(|a, b| a.name.cmp(&b.name));
    let plan = plan::plan(&profiles, &super::profiles::facts());
    let parts = profiles.iter().zip(&plan.profiles).map(|(profile, part)| {
        let findings = profile_findings(profile, part);
        match format {
            Output::Human => output::human::plan(profile, part, &findings),
            Output::Json => output::json::plan(part, &findings),
        }
    });
    let separator = if format == Output::Human { "\n" } else { "" };
    write_stdout(&parts.collect::<Vec<_>>().join(separator), color)?;
    Ok(())
}
