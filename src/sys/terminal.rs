//! Standard output and standard error.

use std::io::{self, BufRead as _, IsTerminal, Read as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};

use anstream::{AutoStream, ColorChoice};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, tcgetattr, tcsetattr};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    fn choice(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }
}

/// Writes `text` to standard output, with its colours or without. A reader that
/// closed the pipe has had enough: no error.
///
/// # Errors
/// As `Write`, such as a full disk.
pub fn write_stdout(text: &str, color: Color) -> io::Result<()> {
    let stdout = io::stdout();
    quiet_pipe(write(AutoStream::new(stdout.lock(), color.choice()), text))
}

/// Writes `text` to standard error. Where that fails there is nobody left to tell.
pub fn write_stderr(text: &str, color: Color) {
    let stderr = io::stderr();
    drop(write(AutoStream::new(stderr.lock(), color.choice()), text));
}

/// Whether standard output is a terminal.
#[must_use]
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

fn quiet_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Whether a person can be asked: standard input and standard error are a terminal.
#[must_use]
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error, and gives the line that is typed, without its end; `None` at
/// the end of the input.
///
/// # Errors
/// As `Read`.
pub fn ask(question: &str, color: Color) -> io::Result<Option<String>> {
    write_stderr(question, color);
    let mut line = String::new();
    let length = io::stdin().lock().take(1024).read_line(&mut line)?;
    Ok((length > 0).then(|| line.trim().to_owned()))
}

/// Asks for a secret on standard error: what is typed is not shown. `None` where it is broken
/// off, by Ctrl-C or the end of the input.
///
/// # Errors
/// As `tcsetattr(3)`: where it would be shown, nothing is asked.
pub fn ask_secret(question: &str, color: Color) -> io::Result<Option<String>> {
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    // Ctrl-C comes as a character: ended by it, the terminal would stay without its echo.
    hidden
        .local_flags
        .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
    hidden.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
    hidden.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden)?;
    write_stderr(question, color);
    let typed = secret_line(stdin.lock());
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &shown)?;
    write_stderr("\n", color);
    typed
}

/// A line of a terminal that neither edits nor shows it.
fn secret_line(from: impl io::BufRead) -> io::Result<Option<String>> {
    const MOST: usize = 1024;
    let mut typed = Vec::new();
    for byte in from.bytes() {
        match byte? {
            b'\r' | b'\n' => return Ok(Some(String::from_utf8_lossy(&typed).into_owned())),
            // Ctrl-C, Ctrl-D, Ctrl-\.
            3 | 4 | 28 => return Ok(None),
            // Backspace takes a character, which may have many bytes; Ctrl-U the line.
            8 | 127 => {
                let text = String::from_utf8_lossy(&typed).into_owned();
                let end = text.char_indices().next_back().map_or(0, |(at, _)| at);
                typed.truncate(end);
            }
            21 => typed.clear(),
            byte if typed.len() < MOST => typed.push(byte),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether an answer is yes.
#[must_use]
pub fn is_yes(answer: &str) -> bool {
    ["y", "Y", "yes"].contains(&answer)
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A line, without its end.
    Line(String),
    /// Nothing will be typed any more.
    End,
}

/// Standard input, to be waited for.
#[must_use]
pub fn stdin() -> io::Stdin {
    io::stdin()
}

/// Its descriptor.
#[must_use]
pub fn fd(stdin: &io::Stdin) -> BorrowedFd<'_> {
    stdin.as_fd()
}

/// The line that is there.
#[must_use]
pub fn typed() -> Typed {
    let mut line = String::new();
    match io::stdin().lock().take(1024).read_line(&mut line) {
        Ok(1..) => Typed::Line(line.trim().to_owned()),
        Ok(0) | Err(_) => Typed::End,
    }
}

/// Says on standard error what is being done, in place of what was said so before; nothing:
/// takes it away. Only on a terminal.
pub fn show_progress(what: &str, color: Color) {
    if io::stderr().is_terminal() {
        let words = if what.is_empty() { "" } else { "ftpnat: " };
        let dots = if what.is_empty() { "" } else { " ..." };
        // "Erase in line" (ECMA-48, EL).
        write_stderr(&format!("\r\x1b[K{words}{what}{dots}"), color);
    }
}

/// The password that this user gave; `None` where there is none. Programs that are started do
/// not get it.
#[must_use]
pub fn secret() -> Option<String> {
    std::env::var("FTPNAT_PASSWORD").ok()
}

/// Ends the line that a question stands on.
pub fn end_line(is_open: bool, color: Color) {
    if is_open {
        write_stderr("\n", color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_edited_by_hand_and_can_be_broken_off() {
        let line = |typed: &[u8]| secret_line(typed).expect("no error");
        assert_eq!(line(b"secret\n"), Some("secret".to_owned()));
        assert_eq!(
            line("geh\u{fc}\x7feim\r".as_bytes()),
            Some("geheim".to_owned())
        );
        assert_eq!(line(b"wrong\x15right\n"), Some("right".to_owned()));
        assert_eq!(line(b"\x7f\n"), Some(String::new()));
        for broken_off in [&b"se\x03cret\n"[..], b"\x04", b"secret"] {
            assert_eq!(line(broken_off), None);
        }
    }
}
