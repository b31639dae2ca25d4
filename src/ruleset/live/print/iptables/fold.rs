//! A rule of iptables put together from what it is made of: iptables-nft writes headers,
//! and the `tcp`, `udp`, `mark`, `limit` matches and `NFLOG` as native expressions
//! (`iptables/nft.c`, `nft-shared.c`), other matches and targets as blobs.

use std::fmt::Write;

use super::folder::{Folded, Folder, Loaded};
use crate::ruleset::live::expression::{BitwiseOp, Expression, Limit, Register};
use crate::ruleset::live::table::{Rule, TableFamily};
use crate::ruleset::live::xt::{Header, Match, Target};
use crate::ruleset::live::xt_blob::rate;
use crate::ruleset::live::xt_names::quoted;

/// `NFT_META_NFTRACE`
const NFTRACE: u32 = 12;

/// The rule of a table of iptables; `None` where it has an expression that iptables does
/// not write.
#[must_use]
pub fn fold(rule: &Rule, family: TableFamily) -> Option<Folded> {
    let mut state = Folder {
        family,
        folded: Folded {
            header: Header::default(),
            matches: Vec::new(),
            target: Target::Verdict(super::NO_TARGET),
        },
        loaded: Vec::new(),
        pending: None,
    };
    for expression in &rule.expressions {
        state.add(expression)?;
    }
    // Half of a range is no match of iptables.
    state.pending.is_none().then_some(())?;
    let mut folded = state.folded;
    let is_comment = |m: &Match| matches!(m, Match::Comment(_));
    if let Some(text) = &rule.comment
        && !folded.matches.iter().any(is_comment)
    {
        folded.matches.push(Match::Comment(text.clone()));
    }
    Some(folded)
}

impl Folder {
    fn add(&mut self, expression: &Expression) -> Option<()> {
        match expression {
            Expression::Payload {
                base,
                offset,
                length,
                to,
            } => self.load(*to, Loaded::payload(*base, *offset, *length)),
            Expression::Meta { key, to } => self.load(*to, Loaded::meta(*key)),
            Expression::Bitwise {
                from,
                to,
                op: BitwiseOp::MaskXor { mask, xor },
                ..
            } if xor.iter().all(|byte| *byte == 0) => {
                let loaded = self.loaded(*from)?.clone().masked(mask)?;
                self.load(*to, loaded);
            }
            Expression::Cmp { from, op, data } => {
                let loaded = self.loaded(*from)?.clone();
                self.compare(&loaded, *op, data)?;
            }
            Expression::Range {
                from,
                negated,
                first,
                last,
            } => {
                let loaded = self.loaded(*from)?.clone();
                self.range(&loaded, *negated, first, last)?;
            }
            Expression::Limit(limit) => {
                let limit = limit_of(limit)?;
                self.folded.matches.push(limit);
            }
            Expression::Log {
                prefix,
                group: Some(group),
                level: None,
                flags: None,
                snaplen,
                threshold,
            } => {
                let words = nflog(prefix.as_deref(), *group, *snaplen, *threshold);
                let name = "NFLOG".to_owned();
                self.folded.target = Target::Log { name, words };
            }
            Expression::Counter { .. } => {}
            // `-j TRACE` sets the trace bit from a register.
            Expression::Immediate { data, .. } if **data == [1] => {}
            Expression::MetaSet { key: NFTRACE, .. } => {
                self.folded.target = Target::Passes {
                    name: "TRACE".to_owned(),
                    words: String::new(),
                };
            }
            Expression::Verdict(verdict) => {
                self.folded.target = Target::Verdict(verdict.clone());
            }
            Expression::Match(Match::Header(header)) => {
                self.folded.header = Header::clone(header);
            }
            Expression::Match(other) => self.folded.matches.push(other.clone()),
            Expression::Target(target) => self.folded.target = target.clone(),
            _ => return None,
        }
        Some(())
    }

    fn load(&mut self, to: Register, loaded: Loaded) {
        self.loaded.retain(|(register, _)| *register != to);
        self.loaded.push((to, loaded));
    }

    fn loaded(&self, from: Register) -> Option<&Loaded> {
        let mut all = self.loaded.iter();
        all.find(|(register, _)| *register == from)
            .map(|(_, loaded)| loaded)
    }
}

/// A native limit as the match `limit` (`nft_parse_limit`, and `limit_save` of
/// `libxt_limit.c`).
fn limit_of(limit: &Limit) -> Option<Match> {
    /// `XT_LIMIT_SCALE`
    const SCALE: u64 = 10_000;
    if limit.over || limit.bytes {
        return None;
    }
    let period = SCALE.checked_mul(limit.unit)?.checked_div(limit.rate)?;
    let (text, _) = rate(period, SCALE)?;
    let mut words = format!("--limit {text}");
    if limit.burst != 5 {
        // Writing to a string cannot fail.
        let _ = write!(words, " --limit-burst {}", limit.burst);
    }
    let name = "limit".to_owned();
    Some(Match::Unforeseen { name, words })
}

/// A native log to a group as the target `NFLOG` (`nft_parse_log`, and `nflog_print` of
/// `libxt_NFLOG.c`).
fn nflog(prefix: Option<&str>, group: u16, snaplen: Option<u32>, threshold: Option<u16>) -> String {
    let mut words = Vec::new();
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        words.push(format!("--nflog-prefix {}", quoted(prefix)));
    }
    if group != 0 {
        words.push(format!("--nflog-group {group}"));
    }
    if let Some(length) = snaplen.filter(|length| *length != 0) {
        words.push(format!("--nflog-size {length}"));
    }
    if let Some(threshold) = threshold.filter(|threshold| *threshold > 1) {
        words.push(format!("--nflog-threshold {threshold}"));
    }
    words.join(" ")
}
