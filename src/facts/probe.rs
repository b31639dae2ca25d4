//! What a scratch network namespace showed of the kernel's FTP helpers, as values and
//! as the text that `sys::scratch` writes and a snapshot keeps.

use std::fmt;

/// What a probe found of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// The kernel did it.
    Works,
    /// The kernel does not have it and could not load it; what showed that.
    Missing(String),
    /// The probe could not tell; why.
    Unknown(String),
}

/// What the probes found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    /// How the namespace was made (`made`, `made in a user namespace`), or why there
    /// was none to probe in: then nothing else is known.
    pub namespace: Result<String, String>,
    /// `nf_tables`: takes a table and a chain.
    pub nf_tables: Probed,
    /// `nft_ct`: takes a rule with `ct state`.
    pub nft_ct: Probed,
    /// `nf_conntrack_ftp`: takes a `ct helper` object.
    pub conntrack_ftp: Probed,
    /// `nf_nat_ftp`: the address in a 227 reply was rewritten.
    pub nat_ftp: Probed,
}

/// What each line begins with.
const NAMESPACE: &str = "namespace";
const NF_TABLES: &str = "nf_tables";
const NFT_CT: &str = "nft_ct";
const CONNTRACK_FTP: &str = "nf_conntrack_ftp";
const NAT_FTP: &str = "nf_nat_ftp";

/// How a line goes on.
const MADE: &str = "made";
const REFUSED: &str = "refused";
const WORKS: &str = "works";
const MISSING: &str = "missing";
const UNKNOWN: &str = "unknown";

impl ProbeReport {
    /// Reads the text form: one `key: value` a line, in any order. `None` where a part
    /// is absent, said twice, or not in that form. Lines of other keys are passed over:
    /// a later version may probe more.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self {
            namespace: namespace(only(text, NAMESPACE)?)?,
            nf_tables: Probed::parse(only(text, NF_TABLES)?)?,
            nft_ct: Probed::parse(only(text, NFT_CT)?)?,
            conntrack_ftp: Probed::parse(only(text, CONNTRACK_FTP)?)?,
            nat_ftp: Probed::parse(only(text, NAT_FTP)?)?,
        })
    }

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
}

impl Probed {
    fn parse(value: &str) -> Option<Self> {
        match word(value) {
            (WORKS, "") => Some(Self::Works),
            (MISSING, reason) => Some(Self::Missing(one_line(reason))),
            (UNKNOWN, reason) => Some(Self::Unknown(one_line(reason))),
            _ => None,
        }
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Ok(how) => writeln!(f, "{NAMESPACE}: {}", one_line(how))?,
            Err(reason) => writeln!(f, "{NAMESPACE}: {}", said(REFUSED, reason))?,
        }
        for (key, found) in [
            (NF_TABLES, &self.nf_tables),
            (NFT_CT, &self.nft_ct),
            (CONNTRACK_FTP, &self.conntrack_ftp),
            (NAT_FTP, &self.nat_ftp),
        ] {
            writeln!(f, "{key}: {found}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str(WORKS),
            Self::Missing(reason) => f.write_str(&said(MISSING, reason)),
            Self::Unknown(reason) => f.write_str(&said(UNKNOWN, reason)),
        }
    }
}

/// The value of the one line with this key.
fn only<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut values = text.lines().filter_map(|line| {
        let (before, value) = line.split_once(':')?;
        (before.trim() == key).then(|| value.trim())
    });
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

fn namespace(value: &str) -> Option<Result<String, String>> {
    match word(value) {
        (MADE, _) => Some(Ok(one_line(value))),
        (REFUSED, reason) => Some(Err(one_line(reason))),
        _ => None,
    }
}

/// The first word, and what follows it.
fn word(value: &str) -> (&str, &str) {
    let (word, rest) = value.split_once(' ').unwrap_or((value, ""));
    (word, rest.trim())
}

fn said(word: &str, reason: &str) -> String {
    match one_line(reason) {
        reason if reason.is_empty() => word.to_owned(),
        reason => format!("{word} {reason}"),
    }
}

/// A reason may be anybody's words: it gets no line of its own, nor a terminal's ear.
fn one_line(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
namespace: made in a user namespace
nf_tables: works
nft_ct: works
nf_conntrack_ftp: missing the kernel refused ct helper ftp: No such file or directory
nf_nat_ftp: unknown no answer
";

    #[test]
    fn the_text_form_is_read_and_written() {
        let report = ProbeReport::parse(TEXT).expect("a report");
        assert_eq!(report.namespace.as_deref(), Ok("made in a user namespace"));
        assert_eq!(report.nf_tables, Probed::Works);
        assert_eq!(
            report.conntrack_ftp,
            Probed::Missing(
                "the kernel refused ct helper ftp: No such file or directory".to_owned()
            )
        );
        assert_eq!(report.nat_ftp, Probed::Unknown("no answer".to_owned()));
        assert_eq!(report.to_string(), TEXT);
    }

    #[test]
    fn nothing_found_out_is_a_report_too() {
        let report = ProbeReport::unknown("it took\nlonger than 3 s");
        let text = report.to_string();
        assert!(text.starts_with("namespace: refused it took longer than 3 s\n"));
        let again = ProbeReport::parse(&text).expect("a report");
        assert_eq!(again.to_string(), text);
    }

    #[test]
    fn a_report_is_whole_or_none() {
        for (from, to) in [
            ("nft_ct: works\n", ""),
            ("nft_ct: works\n", "nft_ct: works\nnft_ct: missing\n"),
            ("nft_ct: works\n", "nft_ct: works well\n"),
            ("nft_ct: works\n", "nft_ct: perhaps\n"),
            ("namespace: made in", "namespace: found in"),
        ] {
            assert_eq!(ProbeReport::parse(&TEXT.replace(from, to)), None, "{to}");
        }
        let more = format!("nf_nat_sip: works\n\nnot a line of it\n{TEXT}");
        assert_eq!(ProbeReport::parse(&more), ProbeReport::parse(TEXT));
    }

    proptest! {
        #[test]
        fn hostile_text_is_no_report_or_one_of_five_lines(
            values in proptest::array::uniform5("(made|refused|works|missing|unknown)?\\PC{0,20}[\\r\\n\\x1b: ]{0,2}\\PC{0,9}"),
        ) {
            let keys = [NAMESPACE, NF_TABLES, NFT_CT, CONNTRACK_FTP, NAT_FTP];
            let lines = keys.iter().zip(&values);
            let lines: Vec<String> = lines.map(|(key, value)| format!("{key}: {value}")).collect();
            let text = lines.join("\n");
            if let Some(report) = ProbeReport::parse(&text) {
                let written = report.to_string();
                prop_assert_eq!(written.lines().count(), 5);
                prop_assert!(written.chars().all(|c| c == '\n' || !c.is_control()));
                prop_assert_eq!(ProbeReport::parse(&written), Some(report));
            }
        }

        #[test]
        fn any_reason_comes_back_as_one_line(reason in any::<String>()) {
            let report = ProbeReport {
                namespace: Err(reason.clone()),
                nf_tables: Probed::Missing(reason),
                ..ProbeReport::unknown("")
            };
            let written = report.to_string();
            let again = ProbeReport::parse(&written);
            prop_assert_eq!(again.map(|a| a.to_string()), Some(written));
        }
    }
}
