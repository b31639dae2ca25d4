//! FTP as RFC 959, RFC 2428 (EPSV, EPRT) and RFC 4217 (TLS) name it.

use std::fmt;

use serde::Serialize;

/// What a control port offers of TLS (RFC 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tls {
    /// No TLS: every session is plain.
    None,
    /// `AUTH TLS` is offered; plain sessions are served too.
    Optional,
    /// `AUTH TLS` is enforced before login.
    Required,
    /// TLS from the first byte, as on port 990.
    Implicit,
}

impl Tls {
    /// Whether a session without TLS is served.
    #[must_use]
    pub fn offers_plain(self) -> bool {
        matches!(self, Self::None | Self::Optional)
    }

    /// Whether a session with TLS is served.
    #[must_use]
    pub fn offers_tls(self) -> bool {
        self != Self::None
    }
}

/// The command by which a client asks for a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientMode {
    /// `PASV`: the server names an IPv4 address and a port (RFC 959).
    Pasv,
    /// `EPSV`: the server names a port only (RFC 2428).
    Epsv,
    /// `PORT`: the client names an IPv4 address and a port (RFC 959).
    Port,
    /// `EPRT`: the client names an address of either family and a port (RFC 2428).
    Eprt,
}

impl ClientMode {
    /// All four, passive first.
    pub const ALL: [Self; 4] = [Self::Pasv, Self::Epsv, Self::Port, Self::Eprt];

    /// Whether the server opens the data connection (active mode).
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Port | Self::Eprt)
    }

    /// Whether the command can name an address of IPv4 only.
    #[must_use]
    pub fn is_ipv4_only(self) -> bool {
        matches!(self, Self::Pasv | Self::Port)
    }
}

impl fmt::Display for ClientMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pasv => "PASV",
            Self::Epsv => "EPSV",
            Self::Port => "PORT",
            Self::Eprt => "EPRT",
        })
    }
}

/// The FTP server program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Software {
    /// `ProFTPD`.
    Proftpd,
    /// vsftpd.
    Vsftpd,
    /// Pure-FTPd.
    PureFtpd,
    /// `FileZilla` Server.
    Filezilla,
    /// Any other; its settings are described in words.
    Other,
}

impl Software {
    /// Whether it refuses a data connection whose peer is not the control
    /// connection's peer (vsftpd.conf(5) `pasv_promiscuous=NO`; Pure-FTPd
    /// and `FileZilla` always by default; `ProFTPD` only where told to).
    #[must_use]
    pub fn rejects_other_peer(self) -> bool {
        match self {
            Self::Proftpd => false,
            Self::Vsftpd | Self::PureFtpd | Self::Filezilla | Self::Other => true,
        }
    }
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proftpd => "ProFTPD",
            Self::Vsftpd => "vsftpd",
            Self::PureFtpd => "Pure-FTPd",
            Self::Filezilla => "FileZilla Server",
            Self::Other => "the FTP server",
        })
    }
}
