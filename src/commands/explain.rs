//! `ftpnat explain`: the page of a check.

use crate::check::{CHECKS, by_name};
use crate::output::{self, Failure, one_line};
use crate::sys::terminal::{Color, write_stdout};

/// Prints the page.
pub(super) fn run(name: &str, color: Color) -> anyhow::Result<()> {
    let Some(check) = by_name(name) else {
        return Err(unknown(name).into());
    };
    write_stdout(&output::check::page(check), color)?;
    Ok(())
}

fn unknown(name: &str) -> Failure {
    let near = CHECKS
        .iter()
        .map(|check| check.id)
        .max_by(|a, b| closeness(name, a.name()).total_cmp(&closeness(name, b.name())))
        .filter(|id| closeness(name, id.name()) > 0.7);
    let help = match near {
        Some(id) => format!("did you mean {id} {}? ", id.name()),
        None => String::new(),
    };
    Failure::usage(format!("there is no check `{}`", one_line(name)))
        .help(format!("{help}ftpnat-checks(7) lists them all"))
}

fn closeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(&a.to_ascii_lowercase(), b)
}
