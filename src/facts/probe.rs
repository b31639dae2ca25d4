//! What functional probes found: the text in which the probing process reports, and
//! which a snapshot keeps.

use std::fmt;

/// What a probe found of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It was seen at work.
    Works,
    /// The kernel has none: what it said.
    Missing(String),
    /// It could not be told: why.
    Unknown(String),
}

/// What the functional probes found in a scratch network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    /// How the namespace was made, or why it could not be.
    pub namespace: Result<String, String>,
    /// Whether a table loads.
    pub nf_tables: Probed,
    /// Whether a rule with `ct state` loads: where it does not, a missing helper would
    /// look the same.
    pub nft_ct: Probed,
    /// Whether a `ct helper` object of type `ftp` loads.
    pub conntrack_ftp: Probed,
    /// Whether a 227 reply is rewritten on its way through DNAT.
    pub nat_ftp: Probed,
}

impl ProbeReport {
    /// A report in which nothing could be told, for one reason.
    #[must_use]
    pub fn unknown(why: &str) -> Self {
        let unknown = || Probed::Unknown(why.to_owned());
        Self {
            namespace: Err(why.to_owned()),
            nf_tables: unknown(),
            nft_ct: unknown(),
            conntrack_ftp: unknown(),
            nat_ftp: unknown(),
        }
    }

    /// Reads the text that `Display` writes; `None` where it is another.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let of = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
        };
        let namespace = of("namespace")?;
        Some(Self {
            namespace: match after(namespace, "refused") {
                Some(why) => Err(why),
                None => Ok(namespace.to_owned()),
            },
            nf_tables: probed(of("nf_tables")?)?,
            nft_ct: probed(of("nft_ct")?)?,
            conntrack_ftp: probed(of("nf_conntrack_ftp")?)?,
            nat_ftp: probed(of("nf_nat_ftp")?)?,
        })
    }
}

fn probed(text: &str) -> Option<Probed> {
    if text == "works" {
        Some(Probed::Works)
    } else {
        let missing = after(text, "missing").map(Probed::Missing);
        missing.or_else(|| after(text, "unknown").map(Probed::Unknown))
    }
}

fn after(text: &str, word: &str) -> Option<String> {
    text.strip_prefix(word)?
        .strip_prefix(' ')
        .map(str::to_owned)
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::Missing(why) => write!(f, "missing {why}"),
            Self::Unknown(why) => write!(f, "unknown {why}"),
        }
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Ok(how) => writeln!(f, "namespace: {how}")?,
            Err(why) => writeln!(f, "namespace: refused {why}")?,
        }
        writeln!(f, "nf_tables: {}", self.nf_tables)?;
        writeln!(f, "nft_ct: {}", self.nft_ct)?;
        writeln!(f, "nf_conntrack_ftp: {}", self.conntrack_ftp)?;
        writeln!(f, "nf_nat_ftp: {}", self.nat_ftp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report = ProbeReport {
            namespace: Ok("made in a user namespace".to_owned()),
            nf_tables: Probed::Works,
            nft_ct: Probed::Works,
            conntrack_ftp: Probed::Missing("No such file or directory (os error 2)".to_owned()),
            nat_ftp: Probed::Unknown("no helper reads the connection".to_owned()),
        };
        assert_eq!(ProbeReport::parse(&report.to_string()), Some(report));
        let refused = ProbeReport::unknown("Operation not permitted (os error 1)");
        assert_eq!(ProbeReport::parse(&refused.to_string()), Some(refused));
        assert_eq!(
            ProbeReport::parse("namespace: made\nnf_tables: maybe\n"),
            None
        );
    }

    proptest! {
        #[test]
        fn hostile_text_does_no_harm(text in ".{0,200}") {
            let _ = ProbeReport::parse(&text);
            let _ = ProbeReport::parse(&format!("namespace: {text}\nnf_tables: {text}\n"));
        }
    }
}
