//! `ftpnat emit`: rules on standard output for another program to load.
//!
//! Nothing is printed before the whole text exists: half a ruleset in a pipe is a
//! host cut off.

use crate::cli::{Emit, Format};
use crate::model::net::Family;
use crate::output::{self, Failure, one_line};
use crate::plan::{self, Plan};
use crate::profile::Profile;
use crate::render::nftables;
use crate::render::restore::{self, Onto, Restore};
use crate::ruleset::save::Save;
use crate::sys::terminal::{Color, stdout_is_terminal, write_stderr, write_stdout};

mod live;
mod nft;

/// Prints the rules, and what must be said about them on standard error.
pub(super) fn run(emit: &Emit, color: Color) -> anyhow::Result<()> {
    if emit.base == "-" && emit.profiles.profiles.iter().any(|p| p == "-") {
        return Err(
            Failure::usage("--profile - and --base - both ask for standard input")
                .help("give one of them as a file")
                .into(),
        );
    }
    let profiles = super::profiles::read(&emit.profiles.profiles)?;
    let plan = plan::plan(&profiles, &super::profiles::facts());
    let restore = match emit.format {
        Format::Nft => for_nft(&profiles, &plan, &emit.base)?,
        Format::Iptables => for_iptables(&plan, Family::Ipv4, &emit.base)?,
        Format::Ip6tables => for_iptables(&plan, Family::Ipv6, &emit.base)?,
    };
    for warning in &restore.warnings {
        write_stderr(&output::human::warning(warning), color);
    }
    write_stdout(&restore.text, Color::Never)?;
    Ok(())
}

fn for_nft(profiles: &[Profile], plan: &Plan, base: &str) -> anyhow::Result<Restore> {
    match base {
        "none" => Ok(Restore {
            text: nftables::own_table(plan),
            warnings: piped(
                "accepts in table ftpnat do not overrule a drop in another table; where one \
                 drops, --base live places them there",
            ),
        }),
        "live" => nft::onto_live(profiles),
        _ => Err(Failure::usage(format!(
            "`emit nft` takes --base live or none, not {}: saved texts are for iptables and \
             ip6tables",
            one_line(base)
        ))
        .into()),
    }
}

fn for_iptables(plan: &Plan, family: Family, base: &str) -> anyhow::Result<Restore> {
    let serves = plan.rules().any(|r| r.families.contains(&family));
    let mut restored = match base {
        "none" => Restore {
            text: restore::alone(plan, family),
            warnings: piped(&format!(
                "this is a fragment: load it once, with `{} --noflush`; loaded bare it replaces \
                 whole tables",
                live::program(family, "restore")
            )),
        },
        "live" => live::merge(plan, family)?,
        saved => {
            let save = read_save(saved)?;
            // The text may be another host's: its way to the world is not known.
            let known = Onto {
                outside: None,
                every_table: true,
                routes: &[],
            };
            restore::onto(&save, plan, family, known).map_err(|e| no_place(&e, family))?
        }
    };
    if !serves {
        restored.warnings.push(format!(
            "the profile serves no {family}: no rule of ours is in this text"
        ));
    }
    Ok(restored)
}

fn read_save(base: &str) -> anyhow::Result<Save> {
    let (label, text) = super::saved::read(base, "the base")?;
    let save = Save::parse(&text).and_then(Save::require_tables);
    save.map_err(|e| {
        Failure::cannot(format!("{label} is not a whole saved ruleset: {e}"))
            .help("give what `iptables-save -c` prints; for a host without any rules: --base live")
            .into()
    })
}

/// A warning for who pipes the text on without reading it.
fn piped(warning: &str) -> Vec<String> {
    if stdout_is_terminal() {
        Vec::new()
    } else {
        vec![warning.to_owned()]
    }
}

fn no_place(error: &restore::NoPlace, family: Family) -> Failure {
    let needed: Vec<String> = error
        .needed
        .iter()
        .map(|body| {
            format!(
                "  {} -I {} N {body}",
                live::program(family, ""),
                error.chain
            )
        })
        .collect();
    Failure::cannot(format!("{error}: {}", error.why)).help(format!(
        "these rules are needed; put each where it is right, behind your bans:\n{}",
        needed.join("\n")
    ))
}
