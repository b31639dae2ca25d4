//! `ftpnat explain`: the page of a check, or what an error message comes from.

use crate::check::symptom::{LONGEST, like};
use crate::check::{CHECKS, by_name};
use crate::output::{self, Failure, one_line};
use crate::sys::terminal::{Color, write_stdout};

/// Prints the page, or the causes.
pub(super) fn run(asked: &[String], color: Color) -> anyhow::Result<()> {
    // What a clipboard holds may be a whole log; the beginning tells which message it is.
    let asked: String = asked.join(" ").chars().take(LONGEST).collect();
    let asked = asked.trim();
    let text = if let Some(check) = by_name(asked) {
        output::check::page(check) + &also(asked)
    } else {
        let found = like(asked);
        if found.is_empty() {
            return Err(unknown(asked).into());
        }
        output::symptom::explanation(&found)
    };
    write_stdout(&text, color)?;
    Ok(())
}

/// The number of a check may be a reply of FTP servers.
fn also(asked: &str) -> String {
    let found = if asked.parse::<u16>().is_ok() {
        like(asked)
    } else {
        Vec::new()
    };
    let Some(first) = found.first() else {
        return String::new();
    };
    let text = first.symptom.texts[first.text];
    format!("\n{asked} is a reply of FTP servers too: ftpnat explain \"{text}\"\n")
}

fn unknown(asked: &str) -> Failure {
    let beginning: String = asked.chars().take(100).collect();
    let mut shown = one_line(&beginning);
    if beginning.len() < asked.len() {
        shown.push_str("...");
    }
    let near = CHECKS
        .iter()
        .map(|check| check.id)
        .max_by(|a, b| closeness(asked, a.name()).total_cmp(&closeness(asked, b.name())))
        .filter(|id| closeness(asked, id.name()) > 0.7);
    let help = match near {
        Some(id) => format!("did you mean {id} {}? ", id.name()),
        None => String::new(),
    };
    Failure::usage(format!(
        "there is no check `{shown}`, and no message like it is known"
    ))
    .help(format!(
        "{help}ftpnat-checks(7) lists the checks; `ftpnat probe HOST` looks at the server itself"
    ))
}

fn closeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(&a.to_ascii_lowercase(), b)
}
