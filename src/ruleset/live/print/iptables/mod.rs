//! Rules of iptables as `iptables-save` prints them.

mod fold;
mod folder;
mod header;
mod matches;
mod native;
mod targets;
mod words;

pub use fold::fold;
pub use folder::Folded;

use std::fmt::Write;

use crate::ruleset::live::expression::Verdict;
use crate::ruleset::live::table::{Rule, TableFamily};

/// A rule without a target.
const NO_TARGET: Verdict = Verdict::Continue;

/// The rule's line from `-A` on; `None` where it has an expression that iptables does not
/// write, as a rule that `nft` put into a table of iptables may.
pub(super) fn rule(rule: &Rule, chain: &str, family: TableFamily) -> Option<String> {
    let folded = fold(rule, family)?;
    let mut line = String::from("-A ");
    words::text(&mut line, chain);
    header::print(&mut line, &folded.header);
    for each in &folded.matches {
        let (name, options) = matches::options(each);
        if !name.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(line, " -m {name}");
        }
        words::append(&mut line, &options);
    }
    targets::print(&mut line, &folded.target);
    Some(line)
}
