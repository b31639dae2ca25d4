//! What is wrong with a profile, where, and what would be right.

use std::fmt::{self, Write as _};
use std::ops::Range;

/// One fault of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The bytes of [`ProfileErrors::text`] that it is about.
    pub span: Range<usize>,
    /// What it collides with, such as the first of two equal keys.
    pub related: Option<Related>,
    /// What is wrong, with the value in it.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// What a fault collides with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The bytes of [`ProfileErrors::text`].
    pub span: Range<usize>,
    /// What they are to the fault, a word or two.
    pub label: &'static str,
}

/// Every fault of a profile, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileErrors {
    file: String,
    text: String,
    errors: Vec<ProfileError>,
}

impl ProfileErrors {
    /// The faults, in the order of the file; never empty.
    #[must_use]
    pub fn errors(&self) -> &[ProfileError] {
        &self.errors
    }

    /// The file, as the user named it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text that the spans point into. It ends at the first byte that is
    /// not UTF-8, and is empty where the file is too large to be read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ProfileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            let ProfileError {
                line,
                column,
                message,
                ..
            } = error;
            write!(f, "{}:{line}:{column}: {message}", escape(&self.file))?;
        }
        Ok(())
    }
}

impl std::error::Error for ProfileErrors {}

/// The witness that a fault was reported: only [`Faults::refuse`] makes one,
/// so a value that is missing for no stated reason cannot be expressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused(());

/// A value of the profile, or the fact that it was refused.
pub(super) type Read<T> = Result<T, Refused>;

/// Faults as they are found.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

#[derive(Debug)]
struct Fault {
    span: Range<usize>,
    related: Option<Related>,
    message: String,
    help: Option<String>,
}

impl Faults {
    /// Reports a fault, and what would be right.
    pub(super) fn refuse(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Refused {
        self.push(span, None, message.into(), Some(help.into()))
    }

    /// Reports a fault whose message says all there is to say.
    pub(super) fn refuse_bare(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> Refused {
        self.push(span, None, message.into(), None)
    }

    /// Reports a collision of two places; `label` says what the other one is.
    pub(super) fn refuse_second(
        &mut self,
        span: &Range<usize>,
        (other, label): (&Range<usize>, &'static str),
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Refused {
        let related = Related {
            span: other.clone(),
            label,
        };
        self.push(span, Some(related), message.into(), Some(help.into()))
    }

    fn push(
        &mut self,
        span: &Range<usize>,
        related: Option<Related>,
        message: String,
        help: Option<String>,
    ) -> Refused {
        self.0.push(Fault {
            span: span.clone(),
            related,
            message,
            help,
        });
        Refused(())
    }

    /// Whether nothing was refused.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults with their lines and columns in `text`, in the order of the
    /// file.
    pub(super) fn locate(self, file: &str, text: &str) -> ProfileErrors {
        let mut faults = self.0;
        faults.sort_by_key(|fault| fault.span.start);
        let mut errors = Vec::with_capacity(faults.len());
        // Counted on from fault to fault: a line can be as long as the file.
        let (mut line, mut column, mut seen) = (1, 1, 0);
        for Fault {
            span,
            related,
            message,
            help,
        } in faults
        {
            for c in text[seen..span.start].chars() {
                (line, column) = if c == '\n' {
                    (line + 1, 1)
                } else {
                    (line, column + 1)
                };
            }
            seen = span.start;
            errors.push(ProfileError {
                line,
                column,
                span,
                related,
                message,
                help,
            });
        }
        ProfileErrors {
            file: file.to_owned(),
            text: text.to_owned(),
            errors,
        }
    }
}

/// A user's text for a message: quoted, without anything that a terminal would
/// obey or a reader would take for more than text, and not too long to read.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("\"{}\"", shown.replace("\\'", "'"))
}

/// Text without control characters, and without those that turn the writing
/// direction.
pub(super) fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            if matches!(c, '"' | '\'' | '\\') {
                out.push(c);
            } else {
                out.extend(c.escape_debug());
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_cannot_reach_the_terminal() {
        assert_eq!(quote("\u{1b}[2J"), r#""\u{1b}[2J""#);
        assert_eq!(quote("a\u{202e}b"), r#""a\u{202e}b""#);
        assert_eq!(quote("it's \"x\"\n"), r#""it's \"x\"\n""#);
        assert_eq!(quote(&"x".repeat(41)), format!("\"{}…\"", "x".repeat(40)));
    }

    #[test]
    fn columns_count_characters() {
        let text = "a: é\n\tb: ü x\n";
        let mut faults = Faults::default();
        let at = text.find('x').expect("there");
        faults.refuse_bare(&(at..at + 1), "second");
        faults.refuse_bare(&(0..1), "first");
        let errors = faults.locate("f", text);
        let places: Vec<_> = errors.errors().iter().map(|e| (e.line, e.column)).collect();
        assert_eq!(places, [(1, 1), (2, 7)]);
        assert_eq!(errors.to_string(), "f:1:1: first\nf:2:7: second");
    }
}
