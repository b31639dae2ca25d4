//! What clients, servers and kernels print when a transfer fails, and what it comes from.
//!
//! The table is what people reported, row by row, with the thread or page that it was seen in.

mod active;
mod address;
mod helper;
mod matching;
mod network;
#[cfg(test)]
mod tests;
mod tls;

use crate::model::check::CheckId;

pub use matching::{LONGEST, Likeness, like};

/// A text that somebody printed.
#[derive(Debug, Clone, Copy)]
pub struct Symptom {
    /// How it is printed; more than one where programs differ.
    /// Numbers in it are examples, but for the reply code.
    pub texts: &'static [&'static str],
    /// What it comes from, the likeliest first.
    pub causes: &'static [&'static str],
    /// Whether a firewall or NAT has anything to do with it.
    pub is_network: bool,
    /// What to do, and lines to set.
    pub cure: &'static [&'static str],
    /// The checks that find the cause, the likeliest first.
    pub checks: &'static [CheckId],
    /// What to run next.
    pub next: &'static [&'static str],
    /// Where it was seen.
    pub source: &'static str,
}

/// All of them. Of those that are equally like a text the first is told first, so what is
/// taken for a firewall, and is none, stands before what is one.
pub fn all() -> impl Iterator<Item = &'static Symptom> {
    let parts = [
        tls::SYMPTOMS,
        address::SYMPTOMS,
        network::SYMPTOMS,
        helper::SYMPTOMS,
        active::SYMPTOMS,
    ];
    parts.into_iter().flatten()
}

/// Looks at a server as its clients see it.
const PROBE: &str = "ftpnat probe HOST --user NAME";
/// Looks at a host with a firewall.
const CHECK: &str = "ftpnat check --profile P";
/// Says what a server needs.
const PLAN: &str = "ftpnat plan --profile P";
/// Tries every port of the range.
const SWEEP: &str = "ftpnat probe --sweep --token T HOST --profile P";
