//! ftpnat-checks(7) and the table in the README: the doc comments of the checks.

use ftpnat::check::{CHECKS, Check, Judge, Severity, sections};

use crate::roff::{filled, prose};

/// The whole page.
pub(crate) fn page() -> String {
    let checks: String = CHECKS.iter().map(entry).collect();
    filled(
        &crate::read(&crate::root().join("man/ftpnat-checks.7.in")),
        &[("VERSION", env!("CARGO_PKG_VERSION")), ("CHECKS", &checks)],
    )
}

fn entry(check: &Check) -> String {
    let mut text = format!(
        ".SS {} {} ({})\n",
        check.id,
        check.id.name().replace('-', "\\-"),
        severity(check)
    );
    for section in sections(check.page) {
        let mut paragraphs = section.paragraphs.iter();
        if !section.head.is_empty() {
            let head = prose(&format!("`{}`", section.head));
            let first = paragraphs.next().expect("a section says something");
            text = text + ".TP\n" + &head + &paragraph(first);
        }
        for more in paragraphs {
            // The sentence under the head of the page begins it without a break.
            let begin = if section.head.is_empty() { "" } else { ".IP\n" };
            text = text + begin + &paragraph(more);
        }
    }
    text
}

/// groff reads ASCII; the pages have no other character but dots.
fn paragraph(text: &str) -> String {
    prose(&text.replace('…', "..."))
}

fn severity(check: &Check) -> &'static str {
    match check.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The README's table, a line a check.
pub(crate) fn table() -> String {
    let mut table = "| check | | finds |\n|---|---|---|\n".to_owned();
    for check in CHECKS {
        let fault = &sections(check.page)[0].paragraphs[0];
        let by = match check.judge {
            Judge::Profile(_) | Judge::Host { .. } | Judge::Blame { .. } => "",
            Judge::Wire => " (`ftpnat probe`)",
        };
        table.extend([
            format!("| {} {} ", check.id, check.id.name()),
            format!("| {} | {fault}{by} |\n", severity(check)),
        ]);
    }
    table
}
