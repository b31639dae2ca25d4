//! Why something between a client and a server did not come about.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::reply::Malformed;

/// Why something did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing came in this time.
    Silent(Duration),
    /// The other end, or who answers for it, reset the attempt to connect.
    Refused,
    /// A box on the way, or the host, answered with ICMP.
    Rejected {
        /// Who answered; `None`: the kernel does not tell.
        by: Option<IpAddr>,
        /// What it said.
        said: String,
    },
    /// Nobody on this host's own network answers for the address (ARP, neighbour discovery).
    Nobody,
    /// This host does not even try: it has no way there.
    NoWay(String),
    /// The connection came to its orderly end.
    Ended,
    /// The connection was reset.
    Reset,
    /// The TLS handshake failed.
    Tls(TlsTrouble),
    /// What came is no reply of FTP.
    Malformed(Malformed),
    /// The time of the whole is over.
    Late,
    /// Anything else, in the words of this system.
    Other(String),
}

/// What ICMP says where a host answers and no program: what most rules that reject say, too.
pub const PORT_UNREACHABLE: &str = "port unreachable";

/// Why a TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsTrouble {
    /// The other end speaks no version or cipher that is in use: what it said.
    TooOld(String),
    /// The other end wants to see a certificate of the client's: what it said.
    WantsCertificate(String),
    /// What came is no TLS.
    Garbage(String),
    /// The other end said no, or spoke TLS wrongly.
    Broken(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(after) => write!(f, "no answer in {}", seconds(*after)),
            Self::Refused => f.write_str("refused"),
            Self::Rejected { by: Some(by), said } => write!(f, "{by} answered by ICMP: {said}"),
            Self::Rejected { by: None, said } => write!(f, "rejected by ICMP: {said}"),
            Self::Nobody => f.write_str("nobody on this network answers for the address"),
            Self::NoWay(said) => write!(f, "this host has no way there: {said}"),
            Self::Ended => f.write_str("the server ended the connection"),
            Self::Reset => f.write_str("the connection was reset"),
            Self::Tls(TlsTrouble::TooOld(said)) => write!(f, "no TLS in common: {said}"),
            Self::Tls(TlsTrouble::WantsCertificate(said)) => {
                write!(f, "a certificate of the client is demanded: {said}")
            }
            Self::Tls(TlsTrouble::Garbage(said)) => write!(f, "no TLS came: {said}"),
            Self::Tls(TlsTrouble::Broken(said)) => write!(f, "TLS failed: {said}"),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Late => f.write_str("the time of the probe is over"),
            Self::Other(said) => f.write_str(said),
        }
    }
}

/// A time as people say it: `5 s`, `1.5 s`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} s"),
        (whole, part) => format!("{whole}.{part} s"),
    }
}
