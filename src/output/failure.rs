//! How a verb ends when it does not end well.

use thiserror::Error;

/// A failure with its exit status and everything that is to be said.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit status, 1 to 5.
    pub status: u8,
    /// What was tried, on what, what happened, and what to do.
    pub message: String,
    /// What to do about it, in a line or more of its own.
    pub help: Option<String>,
    /// The same for people, with source lines, where there is more to show.
    pub rendered: Option<String>,
    /// Where in which file.
    pub places: Vec<Place>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong there.
    pub text: String,
}

impl Failure {
    /// Bad usage or an invalid profile: status 2.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::with_status(2, message)
    }

    /// Could not look or act: status 3.
    #[must_use]
    pub fn cannot(message: impl Into<String>) -> Self {
        Self::with_status(3, message)
    }

    /// The change failed, and the host is as it was: status 4.
    #[must_use]
    pub fn undone(message: impl Into<String>) -> Self {
        Self::with_status(4, message)
    }

    /// The change failed, and so did its undoing: status 5.
    #[must_use]
    pub fn left(message: impl Into<String>) -> Self {
        Self::with_status(5, message)
    }

    /// The same with words on what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    fn with_status(status: u8, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            help: None,
            rendered: None,
            places: Vec::new(),
        }
    }
}
