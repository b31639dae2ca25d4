//! Text that others wrote, such as names of files, on its way to a terminal.

use std::fmt::Write as _;

/// Without what a terminal would obey, but with its line breaks.
#[must_use]
pub(super) fn harmless(text: &str) -> String {
    escaped(text, |c| is_unsafe(c) && c != '\n')
}

/// The same on one line: a line break in a name must not begin a line of ours.
#[must_use]
pub fn one_line(text: &str) -> String {
    escaped(text, is_unsafe)
}

/// A word that a shell takes as this text; where it holds what a terminal would
/// obey, in the `$'…'` of bash, ksh and zsh.
#[must_use]
pub(super) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    if text.chars().any(is_unsafe) {
        let text = text.chars().fold(String::new(), |mut all, c| {
            match c {
                '\'' | '\\' => all.extend(['\\', c]),
                c if is_unsafe(c) => {
                    let mut bytes = [0; 4];
                    for byte in c.encode_utf8(&mut bytes).bytes() {
                        // Writing to a string cannot fail.
                        let _ = write!(all, "\\x{byte:02x}");
                    }
                }
                c => all.push(c),
            }
            all
        });
        format!("$'{text}'")
    } else if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Whether a terminal shows this as it is, on one line.
#[must_use]
pub(super) fn is_plain(text: &str) -> bool {
    !text.chars().any(is_unsafe)
}

/// Control characters, and those that turn the writing direction.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, what: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::new(), |mut all, c| {
        if what(c) {
            all.extend(c.escape_default());
        } else {
            all.push(c);
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        assert_eq!(shell_word("profiles/a-1.yaml"), "profiles/a-1.yaml");
        assert_eq!(shell_word("it's $(x)"), r"'it'\''s $(x)'");
        assert_eq!(shell_word("~/a"), "'~/a'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a'\u{1b}b"), r"$'a\'\x1bb'");
        assert_eq!(shell_word("\u{9b}"), r"$'\xc2\x9b'");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(harmless("a\n\u{1b}[2Jé"), "a\n\\u{1b}[2Jé");
        assert_eq!(one_line("a\n\u{202e}b"), "a\\n\\u{202e}b");
    }
}
