//! Faults as people read them: the line, a marker, and what would be right.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};

use super::error::{ProfileError, ProfileErrors, escape};

/// The width that messages are folded to and lines are cut to.
const WIDTH: usize = 80;

/// More faults than this are not read; most of them have one cause.
const SHOWN: usize = 50;

/// As many bytes behind a fault are looked at: far more than [`WIDTH`] shows.
const FAR: usize = 4096;

/// More source than this is not gone through: a line can be as long as a file.
const WORK: usize = 256 * 1024;

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
        let (mut shown, mut work) = (0, 0);
        for error in self.errors().iter().take(SHOWN) {
            if work > WORK {
                break;
            }
            if shown > 0 {
                out.push('\n');
            }
            let (source, snippet) = self.excerpt(error);
            let title = fold(&error.message, WIDTH - "error: ".len());
            let mut group = Level::ERROR
                .primary_title(title)
                .element(snippet.path(file.as_str()));
            if let Some(help) = &error.help {
                let gutter = error.line.to_string().len() + "  = help: ".len();
                let help = fold(help, WIDTH - gutter);
                group = group.element(Level::HELP.message(help));
            }
            out.push_str(&renderer.render(&[group]));
            out.push('\n');
            shown += 1;
            work += source;
        }
        if let Some(rest @ 1..) = self.errors().len().checked_sub(shown) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "\nand {rest} more");
        }
        out
    }

    /// The lines that a fault is about, with its markers, and their length.
    fn excerpt(&self, error: &ProfileError) -> (usize, Snippet<'static, Annotation<'static>>) {
        let text = self.text();
        // A value can be as long as a file; its beginning is enough to be marked.
        let span = &(error.span.start..cut(text, &error.span));
        // The other place is left out where it is too far away to be shown.
        let related = error
            .related
            .as_ref()
            .filter(|related| related.span.start.abs_diff(span.start) <= FAR)
            .map(|related| (related.span.start..cut(text, &related.span), related.label));
        let (first, last) = related
            .as_ref()
            .map_or((span.start, span.end), |(other, _)| {
                (span.start.min(other.start), span.end.max(other.end))
            });
        let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
        let end = text[last..]
            .char_indices()
            .find(|(at, c)| *at >= FAR || matches!(c, '\r' | '\n'))
            .map_or(text.len(), |(at, _)| last + at);
        let window = start..end;
        let inside = |span: &Range<usize>| span.start - window.start..span.end - window.start;
        let above = text[window.start..span.start].matches('\n').count();
        let snippet =
            Snippet::source(tame(&text[window.clone()]))
                .line_start(error.line - above)
                .annotation(AnnotationKind::Primary.span(inside(span)))
                .annotations(related.map(|(other, label)| {
                    AnnotationKind::Context.span(inside(&other)).label(label)
                }));
        (window.len(), snippet)
    }
}

/// Where `span` ends, or some [`FAR`] bytes behind its start.
fn cut(text: &str, span: &Range<usize>) -> usize {
    let end = span.end.min(span.start + FAR);
    (span.start..=end)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(span.start)
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
