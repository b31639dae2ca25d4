//! Faults as people read them: the line, a marker, and what would be right.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};

use super::error::{ProfileError, ProfileErrors, Related, escape};

/// The width that messages are folded to and lines are cut to.
const WIDTH: usize = 80;

/// More faults than this are not read; most of them have one cause.
const SHOWN: usize = 50;

impl ProfileErrors {
    /// The faults, each with its place, its line, and what would be right;
    /// ends in a line break. Safe for a terminal whatever the profile holds.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.term_width(WIDTH);
        let file = escape(self.file());
        let mut out = String::new();
        for (index, error) in self.errors().iter().take(SHOWN).enumerate() {
            if index > 0 {
                out.push('\n');
            }
            let title = fold(&error.message, WIDTH - "error: ".len());
            let help = error
                .help
                .as_ref()
                .map(|help| fold(help, WIDTH - "     = help: ".len()));
            let (lines, first_line) = self.lines_around(error);
            let snippet = Snippet::source(tame(&self.text()[lines.clone()]))
                .path(file.as_str())
                .line_start(first_line)
                .annotations(annotations(error, lines.start));
            let mut group = Level::ERROR.primary_title(title).element(snippet);
            if let Some(help) = help {
                group = group.element(Level::HELP.message(help));
            }
            out.push_str(&renderer.render(&[group]));
            out.push('\n');
        }
        if let Some(rest @ 1..) = self.errors().len().checked_sub(SHOWN) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "\nand {rest} more");
        }
        out
    }

    /// The whole lines that a fault is about and the number of the first, so
    /// that a large file is not gone through for each of its faults.
    fn lines_around(&self, error: &ProfileError) -> (Range<usize>, usize) {
        let text = self.text();
        let (mut first, mut last) = (error.span.start, error.span.end);
        if let Some(Related { span, .. }) = &error.related {
            (first, last) = (first.min(span.start), last.max(span.end));
        }
        let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
        let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
        let above = text[start..error.span.start].matches('\n').count();
        (start..end, error.line - above)
    }
}

/// The markers of a fault, in a text that begins at byte `start`.
fn annotations(error: &ProfileError, start: usize) -> Vec<Annotation<'static>> {
    let inside = |span: &Range<usize>| span.start - start..span.end - start;
    let fault = AnnotationKind::Primary.span(inside(&error.span));
    let other = error.related.as_ref().map(|related| {
        AnnotationKind::Context
            .span(inside(&related.span))
            .label(related.label)
    });
    std::iter::once(fault).chain(other).collect()
}

/// Source text for a terminal. annotate-snippets replaces the control characters
/// of ASCII, not those of Latin-1, one of which begins an escape sequence
/// (U+009B). The stand-in has as many bytes, so that spans stay right.
fn tame(source: &str) -> String {
    source.replace(|c: char| ('\u{80}'..='\u{9f}').contains(&c), "\u{b7}")
}

/// `text` in lines of at most `width`, broken at blanks.
fn fold(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_folded_at_blanks() {
        assert_eq!(fold("a bc def", 4), "a bc\ndef");
        assert_eq!(fold("abcdef g", 4), "abcdef\ng");
        assert_eq!(fold("", 4), "");
    }
}
