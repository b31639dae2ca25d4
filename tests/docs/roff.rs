//! The little of man(7) that the generators write.

use clap_mangen::roff::{Roff, bold, roman};

/// `text` as a paragraph's line, with words in backticks in bold.
pub(crate) fn prose(text: &str) -> String {
    let mut page = Roff::new();
    let inlines: Vec<_> = text
        .split('`')
        .enumerate()
        .map(
            |(at, part)| {
                if at % 2 == 0 { roman(part) } else { bold(part) }
            },
        )
        .collect();
    page.text(inlines);
    page.to_roff()
}

/// A tagged paragraph in one indentation.
pub(crate) fn tagged(tag: &str, text: &str) -> String {
    format!(".TP\n{}{}", prose(tag), prose(&sentence(text)))
}

/// clap takes the full stop off a text of one paragraph.
pub(crate) fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?', ':']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

/// Lines that are shown as they are.
pub(crate) fn literal(text: &str) -> String {
    let lines: Vec<String> = text
        .trim_end()
        .lines()
        .map(|line| {
            let line = line.replace('\\', "\\e").replace('-', "\\-");
            let line = line.replace('\'', "\\(aq");
            if line.starts_with('.') {
                format!("\\&{line}")
            } else {
                line
            }
        })
        .collect();
    lines.join("\n")
}

/// The lines between `.EX` and `.EE`, as they are shown.
pub(crate) fn examples(page: &str) -> Vec<String> {
    let mut shown = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        match line {
            ".EX" => shown = true,
            ".EE" => shown = false,
            line if shown => lines.push(line.replace("\\-", "-").replace("\\(aq", "'")),
            _ => {}
        }
    }
    lines
}

/// Puts texts in the place of `@NAME@` lines and words; every one must be there.
pub(crate) fn filled(template: &str, texts: &[(&str, &str)]) -> String {
    let page = texts
        .iter()
        .fold(template.to_owned(), |page, (name, text)| {
            let place = format!("@{name}@");
            assert!(page.contains(&place), "no {place} in the template");
            page.replace(&place, text.trim_end())
        });
    format!(
        ".\\\" Made of its .in file by tests/docs: change that, then run the test with\n\
         .\\\" UPDATE_DOCS=1.\n{page}"
    )
}
