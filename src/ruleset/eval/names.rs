//! The names of chains and sets, and what a verdict with such a name comes to.

use std::collections::HashMap;

use super::super::live::expression::Verdict;

/// A verdict with its chain resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Accept,
    Drop,
    Queue,
    Continue,
    Return,
    Jump(usize),
    Goto(usize),
    /// A verdict, or a chain, that is not known.
    Unknown,
}

/// The names of one table.
pub(super) struct Names<'r> {
    pub(super) chains: HashMap<&'r str, usize>,
    pub(super) sets: HashMap<&'r str, usize>,
}

impl Names<'_> {
    /// A verdict with its chain resolved.
    pub(super) fn next(&self, verdict: &Verdict) -> Next {
        let chain = |name: &String| self.chains.get(name.as_str()).copied();
        match verdict {
            Verdict::Accept => Next::Accept,
            Verdict::Drop => Next::Drop,
            Verdict::Queue => Next::Queue,
            Verdict::Continue => Next::Continue,
            Verdict::Return => Next::Return,
            Verdict::Jump(name) => chain(name).map_or(Next::Unknown, Next::Jump),
            Verdict::Goto(name) => chain(name).map_or(Next::Unknown, Next::Goto),
            Verdict::Other(_) => Next::Unknown,
        }
    }
}
