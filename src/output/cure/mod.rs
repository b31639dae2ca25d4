//! Remedies in words: what to paste, in the words of who owns the chain.

mod iptables;
mod managed;
mod nft;
mod rules;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::check::Remedy;

use super::terminal::shell_word;

/// Something to paste.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paste {
    /// A command for a shell, or lines for a file.
    pub kind: PasteKind,
    /// The file, for lines.
    pub file: Option<String>,
    /// What to paste; commands one a line, to be given in this order.
    pub text: String,
}

/// What is pasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasteKind {
    /// A command for a shell.
    Command,
    /// Lines for a file.
    Config,
}

/// What a remedy has to be pasted.
#[must_use]
pub fn pastes(remedy: &Remedy) -> Vec<Paste> {
    match remedy {
        Remedy::Command(text) => vec![command(text.clone())],
        Remedy::Config { file, text } => vec![config(file.clone(), text.clone())],
        Remedy::Apply(file) => {
            vec![command(format!(
                "ftpnat apply --profile {}",
                shell_word(file)
            ))]
        }
        Remedy::Rules(changes) => rules::pastes(changes),
    }
}

fn command(text: String) -> Paste {
    Paste {
        kind: PasteKind::Command,
        file: None,
        text,
    }
}

fn config(file: Option<String>, text: String) -> Paste {
    Paste {
        kind: PasteKind::Config,
        file,
        text,
    }
}
