//! The base `live` for nft: our own table, and guests in the native tables of this host.

use crate::apply::intent::strangers;
use crate::apply::ours::{of_others, without_ours};
use crate::apply::record::Backend;
use crate::apply::sight::{Error, Sight};
use crate::output::{self, Failure, one_line, refusal};
use crate::plan;
use crate::profile::Profile;
use crate::render::nftables;
use crate::render::restore::Restore;
use crate::sys::collect::{self, About};

/// What `apply` would write by netlink, as a text for `nft -f`.
pub(super) fn onto_live(profiles: &[Profile]) -> anyhow::Result<Restore> {
    let sight = Sight::of_host(&collect::snapshot(About::Change { helper: true }), false);
    if let Some(failure) = refusal::unread(&sight.ruleset) {
        return Err(failure
            .help("run as root where the rules are loaded, or give --base none")
            .into());
    }
    if let Some(other) = strangers(&sight.ruleset, profiles).first() {
        return Err(Failure::cannot(format!(
            "the profile {other} is installed too, and this text replaces our table whole"
        ))
        .help("name its profile too, or use `ftpnat apply`, which keeps it")
        .into());
    }
    if let Some(table) = of_others(&sight.ruleset) {
        return Err(refusal::table_of_others(table).into());
    }
    let plan = plan::plan(profiles, &sight.facts);
    let failed = |error: Error| refusal::failure(&error, &without_ours(&sight.ruleset));
    let intent = sight.intend(&plan, &[], Backend::Nft).map_err(failed)?;
    if let Some(loading) = intent.steps.first() {
        let program = loading.program.name();
        return Err(Failure::cannot(format!(
            "tables of {program} drop what is needed, and rules of nft do not belong there: \
             {program}-save would lose them, or open every port"
        ))
        .help(format!(
            "use `ftpnat apply`; or load this with `{program}-restore --noflush`, and our own \
             table by --base none:\n{}",
            loading.step.text.trim_end()
        ))
        .into());
    }
    if let Some(at) = intent.operations.iter().find_map(nftables::unsayable) {
        return Err(Failure::cannot(format!(
            "nft has no words for a rule in table {} {}, chain {}: these names are not ones that \
             it could have given",
            at.family.name(),
            one_line(&at.table),
            one_line(&at.chain)
        ))
        .help("use `ftpnat apply`, which writes to the kernel itself")
        .into());
    }
    let others = sight.judge(profiles, &intent).map_err(failed)?;
    Ok(Restore {
        text: nftables::onto(&plan, &intent.operations, &sight.ruleset),
        warnings: output::apply::remarks(&others, &intent.after),
    })
}
