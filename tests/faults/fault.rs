//! A fault: what is loaded, what `check` must say of it, and how the client meets it.

use std::net::IpAddr;

use ftpnat::model::ftp::{ClientMode, Tls};

use crate::support::BackEnd;
use crate::support::client::SessionTls;
use crate::support::outcome::Stage as At;
use crate::support::scene::PUBLIC;

/// A row of the table.
pub(crate) struct Fault {
    /// Its name, by which a trial is found.
    pub(crate) name: &'static str,
    /// The network, and which host of it has the firewall.
    pub(crate) scene: Scene,
    /// The profile's text.
    pub(crate) profile: &'static str,
    /// What is loaded there, in this order.
    pub(crate) firewall: &'static [Rules],
    /// The FTP server.
    pub(crate) serves: Serves,
    /// What `check` must say.
    pub(crate) says: Says,
    /// What the evidence of the first finding must name, in this order.
    pub(crate) names: &'static [&'static str],
    /// What its summary or evidence must name, such as the ports.
    pub(crate) tells: &'static [&'static str],
    /// The session that shows it.
    pub(crate) play: Play,
    /// How that ends.
    pub(crate) ends: Ends,
    /// Sessions that list, fault or not.
    pub(crate) meanwhile: &'static [Play],
    /// The twin without the fault.
    pub(crate) cure: Cure,
    /// What `ftpnat apply` does with it.
    pub(crate) applied: Applied,
}

/// A network, and the host that the firewall is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// The server itself, with a public address: mode none.
    Server,
    /// The server itself, behind a box that translates one to one: mode upstream.
    Upstream,
    /// A gateway before the server: mode dnat.
    Gateway,
    /// A gateway of the FTP clients: mode masquerade. The server is outside.
    Clients,
}

/// Rules as they are loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rules {
    /// Text of nft.
    Nft(&'static str),
    /// The rules of an input chain of nft whose policy is drop, in `table inet theirs`.
    Input(&'static str),
    /// The same of a forward chain.
    Forward(&'static str),
    /// Text for `iptables-restore`.
    Ip(BackEnd, &'static str),
    /// Text for `ip6tables-restore`.
    Ip6(BackEnd, &'static str),
    /// Text for `ipset restore`.
    Ipset(&'static str),
}

/// An FTP server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Serves {
    /// vsftpd, which needs other users than root; else `ProFTPD`.
    pub(crate) needs_users: bool,
    /// TLS on port 21.
    pub(crate) tls: Tls,
    /// Its passive range: the ports that the fault is about, so that each session meets it.
    pub(crate) ports: (u16, u16),
    /// Whether PASV names the external address.
    pub(crate) announces: bool,
}

/// What `check` says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says {
    /// This error first; of the others only those, each a cause of its own.
    Error(&'static str, &'static [&'static str]),
    /// No error; this first.
    Warning(&'static str),
    /// Neither error nor warning; this note.
    Note(&'static str),
    /// Neither error nor warning.
    Nothing,
}

/// Who plays a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// The client on the Internet; of masquerade the one behind the gateway.
    Client,
    /// A client beside the server.
    Inside,
    /// The host with the firewall.
    Itself,
    /// Behind the client, on a narrow path.
    Far,
}

/// A session of a strict client on port 21.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Play {
    /// Who.
    pub(crate) seat: Seat,
    /// The address called.
    pub(crate) to: IpAddr,
    /// How data is asked for.
    pub(crate) mode: ClientMode,
    /// TLS.
    pub(crate) tls: SessionTls,
}

impl Play {
    /// The usual session: TLS, EPSV, from outside.
    pub(crate) const EPSV: Self = Self {
        seat: Seat::Client,
        to: PUBLIC,
        mode: ClientMode::Epsv,
        tls: SessionTls::Explicit,
    };
    /// The same by PASV.
    pub(crate) const PASV: Self = Self {
        mode: ClientMode::Pasv,
        ..Self::EPSV
    };
    /// Without TLS.
    pub(crate) const PLAIN: Self = Self {
        tls: SessionTls::Plain,
        ..Self::EPSV
    };

    pub(crate) const fn from(self, seat: Seat) -> Self {
        Self { seat, ..self }
    }

    pub(crate) const fn to(self, to: IpAddr) -> Self {
        Self { to, ..self }
    }

    pub(crate) const fn by(self, mode: ClientMode) -> Self {
        Self { mode, ..self }
    }
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The listing arrives.
    Lists,
    /// Silence.
    Hangs(At),
    /// RST.
    Refused(At),
    /// ICMP.
    Unreachable(At),
    /// The server says no, with a line that holds this.
    Rejected(&'static str),
}

/// How a fault's twin without it comes to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cure {
    /// By the commands that the finding has; a warning may have words only.
    Pasted,
    /// The same; where it has words only, this is loaded in its place.
    Repaired(&'static [Rules]),
}

/// What becomes of `ftpnat apply` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It cures.
    Cures,
    /// Status 3: no rule of ours overrules that.
    Refused,
    /// It is not about that.
    NotTried,
}
