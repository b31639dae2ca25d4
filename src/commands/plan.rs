//! `ftpnat plan`: what profiles need, why, what clients will see, and what this host lacks.

use crate::check::profile_findings;
use crate::cli::{Output, Profiles};
use crate::facts::Facts;
use crate::output;
use crate::output::host::Now;
use crate::plan;
use crate::plan::missing::{InForce, missing, unfiltered};
use crate::plan::reach::{reach, standings};
use crate::render::restore;
use crate::ruleset::eval::{HostFacts, Prepared};
use crate::sys::collect::{self, About};
use crate::sys::terminal::{Color, write_stdout};
use crate::sys::{host, ruleset};

/// Plans the profiles and prints the plan.
pub(super) fn run(named: &Profiles, format: Output, color: Color) -> anyhow::Result<()> {
    let mut profiles = super::profiles::read(&named.profiles)?;
    profiles.sort_by(|a, b| a.name.cmp(&b.name));
    let snapshot = collect::snapshot(About::Change { helper: true });
    let ruleset = ruleset::read(&snapshot, false);
    let facts = Facts::of(snapshot);
    let plan = plan::plan(&profiles, &facts);
    let known = HostFacts::of(&facts);
    let prepared = Prepared::new(&ruleset, &known);
    let unfiltered = unfiltered(&ruleset);
    let unfiltered = Prepared::new(&unfiltered, &known);
    let in_force = InForce {
        facts: &facts,
        prepared: &prepared,
        unfiltered: &unfiltered,
        routes: known.routes.as_deref().unwrap_or_default(),
    };
    let way_out = host::default_interface();
    let parts = profiles.iter().zip(&plan.profiles).map(|(profile, part)| {
        let findings = profile_findings(profile, part);
        let standings = standings(&reach(profile, &facts, &prepared));
        let outside = restore::outside(&plan, &part.name, way_out.as_deref());
        let missing = if standings.is_empty() || !ruleset.unread.is_empty() {
            Vec::new()
        } else {
            missing(profile, part, in_force, outside)
        };
        let now = Now {
            standings: &standings,
            missing: &missing,
            ruleset: &ruleset,
            facts: &facts,
        };
        match format {
            Output::Human => output::human::plan(profile, part, &findings, now),
            Output::Json => output::json::plan(part, &findings, now),
        }
    });
    let separator = if format == Output::Human { "\n" } else { "" };
    write_stdout(&parts.collect::<Vec<_>>().join(separator), color)?;
    Ok(())
}
