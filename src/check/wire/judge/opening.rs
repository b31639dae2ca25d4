//! Whether passive data connections open, and how they do not.

use crate::check::{Evidence, Finding};
use crate::model::check as id;
use crate::model::ftp::ClientMode;
use crate::probe::seen::{Sitting, Trouble, Try};

use super::data::passive;
use super::{Bench, error, who};

impl Bench<'_> {
    pub(super) fn opening(&self) -> Option<Finding> {
        let there = |tried: &&Try| {
            let to = tried.to.map(|to| to.ip().to_canonical());
            tried.opened.is_some() && to == Some(self.called())
        };
        let (open, shut): (Vec<&Try>, Vec<&Try>) = self
            .passive()
            .filter(there)
            .partition(|tried| matches!(tried.opened, Some(Ok(_))));
        let trouble = shut.first()?.opened.as_ref()?.as_ref().err()?;
        if matches!(trouble, Trouble::Late) {
            return None;
        }
        let evidence = self.evidence(&open, &shut);
        let by_mode = divided(&open, &shut);
        if !open.is_empty() && by_mode.is_none() {
            return Some(self.half_open(&open, &shut, evidence));
        }
        let otherwise = self.opens_over_the_other().unwrap_or_default();
        let ports = ports(&shut);
        let (what, why) = match by_mode {
            None => ("data connections".to_owned(), otherwise.to_owned()),
            Some((open, shut)) => (
                format!("data connections by {shut}"),
                format!(
                    "; those by {open} open: what is on the way reads the replies to {open}, and \
                     not those to {shut}"
                ),
            ),
        };
        Some(match trouble {
            Trouble::Refused | Trouble::Reset | Trouble::Ended => error(
                id::DATA_REFUSED,
                format!("{what} are refused ({ports}), while the control port answers{why}"),
                evidence,
                self.on_the_firewall(
                    "on the gateway: DNAT of the whole passive range to the server, to the same \
                     ports. A firewall that rejects with tcp-reset looks the same",
                ),
            ),
            Trouble::Rejected { by, said } => {
                let by = who(*by);
                error(
                    id::DATA_REJECTED_BY_ICMP,
                    format!("{by} rejects {what} ({ports}): {said}{why}"),
                    evidence,
                    self.on_the_firewall(&format!(
                        "on {by}: accept NEW connections to {} before the rule that rejects",
                        self.range_words()
                    )),
                )
            }
            _ => error(
                id::DATA_SILENT,
                match self.opens_in_plain() {
                    None => format!("{what} get no answer ({ports}): a firewall drops them{why}"),
                    Some(_) => format!(
                        "under TLS {what} get no answer ({ports}), and in plain they open: a \
                         firewall lets in what its FTP helper reads, and under TLS it reads nothing"
                    ),
                },
                evidence,
                self.on_the_firewall(&format!(
                    "accept NEW connections to {} on every firewall on the way, cloud groups \
                     included",
                    self.range_words()
                )),
            ),
        })
    }

    fn half_open(&self, open: &[&Try], shut: &[&Try], evidence: Vec<Evidence>) -> Finding {
        error(
            id::PART_OF_RANGE_BLOCKED,
            format!(
                "of the ports that the server picked {} get through ({}) and {} do not ({})",
                open.len(),
                ports(open),
                shut.len(),
                ports(shut)
            ),
            evidence,
            self.on_the_firewall(
                "the same passive range in the server and on every firewall on the way; `ftpnat \
                 answer` on the server and `ftpnat probe --sweep` find every closed port",
            ),
        )
    }

    /// How ports do not open, those of one kind together; and what shows that it is not the
    /// server.
    fn evidence(&self, open: &[&Try], shut: &[&Try]) -> Vec<Evidence> {
        let mut kinds: Vec<(String, Vec<&Try>)> = Vec::new();
        for tried in shut {
            let Some(Err(trouble)) = &tried.opened else {
                continue;
            };
            let words = trouble.to_string();
            match kinds.iter_mut().find(|(kind, _)| *kind == words) {
                Some((_, same)) => same.push(tried),
                None => kinds.push((words, vec![tried])),
            }
        }
        let kinds = kinds.iter();
        let mut evidence: Vec<Evidence> = kinds
            .map(|(kind, tries)| self.seen(format!("{}: {kind}", ports(tries))))
            .collect();
        if !open.is_empty() {
            evidence.push(self.seen(format!("{}: open", ports(open))));
        } else if let Some(plain) = self.opens_in_plain() {
            evidence.push(Evidence {
                source: format!("plain session with {}", plain.called),
                text: "data connections open".to_owned(),
            });
        }
        evidence
    }

    /// The plain session beside this one, where data connections open in it and not here.
    fn opens_in_plain(&self) -> Option<&Sitting> {
        let plain = self.beside().filter(|_| self.sitting.is_secured())?;
        let mut tries = passive(plain);
        tries
            .any(|tried| matches!(tried.opened, Some(Ok(_))))
            .then_some(plain)
    }

    /// What shows that it is one version of IP alone.
    fn opens_over_the_other(&self) -> Option<&'static str> {
        let is_open = |tried: &Try| matches!(tried.opened, Some(Ok(_)));
        let mine = self.called().is_ipv4();
        let mut others = self.account.sittings.iter();
        let is_other = |other: &&Sitting| other.called.ip().to_canonical().is_ipv4() != mine;
        others.find(|other| is_other(other) && passive(other).any(is_open))?;
        Some(if mine {
            "; over IPv6 they open"
        } else {
            "; over IPv4 they open, and IPv6 has firewall rules of its own"
        })
    }

    fn range_words(&self) -> String {
        match self.profile {
            Some(profile) => format!("the passive range {}", profile.passive.ports),
            None => "the server's passive range".to_owned(),
        }
    }
}

/// How often a mode is tried before its failing is no chance.
const ENOUGH: usize = 3;

/// The one mode of the connections that open, and the one of those that do not, where each has
/// one of its own.
fn divided(open: &[&Try], shut: &[&Try]) -> Option<(ClientMode, ClientMode)> {
    let one_of = |tries: &[&Try]| {
        let mode = tries.first()?.mode;
        let is_its_own = tries.iter().all(|tried| tried.mode == mode);
        (is_its_own && tries.len() >= ENOUGH).then_some(mode)
    };
    let both = (one_of(open)?, one_of(shut)?);
    (both.0 != both.1).then_some(both)
}

/// The ports of data connections, as `port 50001` or `ports 50001, 50007`.
fn ports(tries: &[&Try]) -> String {
    let mut ports: Vec<u16> = tries
        .iter()
        .filter_map(|t| t.to.map(|to| to.port()))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    let words: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let word = if words.len() == 1 { "port" } else { "ports" };
    format!("{word} {}", words.join(", "))
}
