//! What became of an FTP session, read from what its client said.

use std::fmt;

use ftpnat::model::ftp::ClientMode;

/// What became of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The listing arrived, by the mode asked for, and the session ended well.
    Works,
    /// Silence.
    Hangs,
    /// RST.
    Refused,
    /// ICMP, or no route.
    Unreachable,
    /// The server said no, or another fault: the line that tells.
    Rejected(String),
}

/// How far a session came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the data connection was agreed on.
    Control,
    /// After it.
    Data,
}

/// A session and its dialogue.
pub(crate) struct Report {
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// How far it came.
    pub(crate) stage: Stage,
    /// Everything that the client said of it.
    pub(crate) dialogue: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:?} at {:?}:\n{}",
            self.outcome, self.stage, self.dialogue
        )
    }
}

/// A client program's run: whether it ended, and well, and its lines.
pub(crate) struct Watched {
    /// `None`: it was silent for too long.
    pub(crate) success: Option<bool>,
    /// Its stdout.
    pub(crate) stdout: String,
    /// Its stdout and stderr.
    pub(crate) dialogue: String,
}

/// What a client's words mean.
pub(crate) fn judge(mode: ClientMode, listing: &str, watched: &Watched) -> Report {
    // What follows a fallback is not of the mode asked for.
    let fallback = match mode {
        ClientMode::Epsv => Some("> PASV"),
        ClientMode::Eprt => Some("> PORT"),
        ClientMode::Pasv | ClientMode::Port => None,
    };
    let own = fallback
        .and_then(|line| watched.dialogue.split_once(line))
        .map(|(before, _)| before);
    let fell_back = own.is_some();
    let own = own.unwrap_or(&watched.dialogue);

    let agreed = replies(own).any(|reply| {
        let agreements = ["227 ", "229 ", "200 PORT", "200 EPRT"];
        agreements.iter().any(|start| reply.starts_with(start))
    });
    let stage = if agreed { Stage::Data } else { Stage::Control };
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| own.contains(phrase));
    let arrived = watched
        .stdout
        .lines()
        .any(|line| line.trim_end() == listing);

    let outcome = if !fell_back && arrived && watched.success == Some(true) {
        Outcome::Works
    } else if says(&["Connection refused"]) {
        Outcome::Refused
    } else if says(&[
        "No route to host",
        "Host is unreachable",
        "Network is unreachable",
        "Permission denied",
    ]) {
        Outcome::Unreachable
    } else if watched.success.is_none() || says(&["timed out"]) {
        Outcome::Hangs
    } else {
        Outcome::Rejected(refusal(own))
    };
    Report {
        outcome,
        stage,
        dialogue: watched.dialogue.clone(),
    }
}

/// The server's lines as curl and lftp show them.
fn replies(dialogue: &str) -> impl DoubleEndedIterator<Item = &str> {
    dialogue.lines().filter_map(|line| {
        line.strip_prefix("< ")
            .or_else(|| line.strip_prefix("<--- "))
    })
}

/// The last reply of the server that says no; else the client's last words.
fn refusal(dialogue: &str) -> String {
    let no = replies(dialogue).rfind(|reply| reply.starts_with(['4', '5']));
    no.or_else(|| dialogue.lines().last())
        .unwrap_or("")
        .trim()
        .to_owned()
}
