//! What an FTP server answers to each command, as real ones do: a line goes in, what to do
//! comes out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::model::ftp::Tls;
use crate::model::host_port::{host_port, parse_extended, parse_host_port};
use crate::probe::course::DATA_PORT;

/// What becomes of a data connection from another address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OtherPeer {
    /// It is as good as any.
    #[default]
    Taken,
    /// It is refused, and the client is told so.
    Refused,
    /// It is closed without a word, and another one is waited for.
    Ignored,
}

/// How the server is set; by default it serves nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Its control ports.
    pub control: Vec<(u16, Tls)>,
    /// The data ports that it picks from; never empty where there is a control port.
    pub data: Vec<u16>,
    /// What `227` names; `None`: the address that was called, as it knows it.
    pub announced: Option<Ipv4Addr>,
    /// Whether it serves PORT and EPRT.
    pub active: bool,
    /// What it does with data connections from another address than control came from.
    pub other_peer: OtherPeer,
    /// Whether the data connection must resume the TLS session of the control connection.
    pub reuse: bool,
}

/// What to do after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Say this line.
    Say(String),
    /// Say this line, then take part in a TLS handshake.
    Secure(String),
    /// Send the listing.
    List(Data),
    /// Say this line and hang up.
    Bye(String),
}

/// Where the data connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// The client comes to the port that was named.
    Passive,
    /// The server goes there.
    Active(SocketAddr),
}

/// A control connection's state.
#[derive(Debug)]
pub(super) struct Dialogue<'a> {
    behaviour: &'a Behaviour,
    tls: Tls,
    /// Both ends, as the server sees them.
    own: SocketAddr,
    peer: IpAddr,
    /// What tells its data connections from those of others.
    word: String,
    is_secure: bool,
    is_known: bool,
    /// Whether `PROT P` was agreed on.
    is_protected: bool,
    port: u16,
    active_from: u16,
    data: Option<Data>,
}

impl<'a> Dialogue<'a> {
    /// A connection that has just come, to a control port that is set so.
    pub(super) fn new(
        behaviour: &'a Behaviour,
        tls: Tls,
        own: SocketAddr,
        peer: IpAddr,
        word: String,
    ) -> Self {
        Self {
            behaviour,
            tls,
            own: SocketAddr::new(own.ip().to_canonical(), own.port()),
            peer: peer.to_canonical(),
            word,
            is_secure: tls == Tls::Implicit,
            is_known: false,
            is_protected: false,
            port: behaviour.data.first().copied().unwrap_or_default(),
            active_from: 0,
            data: None,
        }
    }

    /// The port that active data leaves from; 0: any.
    pub(super) fn active_from(&self) -> u16 {
        self.active_from
    }

    /// Whether data connections are under TLS.
    pub(super) fn is_protected(&self) -> bool {
        self.is_protected
    }

    /// The answer to a line.
    pub(super) fn answer(&mut self, line: &str) -> Answer {
        if let Some(port) = line.strip_prefix(DATA_PORT) {
            return self.pick(port.trim());
        }
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command.to_ascii_uppercase().as_str() {
            "AUTH" if self.tls == Tls::None => no("502 No TLS here."),
            "AUTH" if self.is_secure => no("503 It is under TLS."),
            "AUTH" => {
                self.is_secure = true;
                Answer::Secure("234 Go ahead with TLS.".to_owned())
            }
            "USER" if self.tls == Tls::Required && !self.is_secure => {
                no("550 SSL/TLS required on the control channel")
            }
            "USER" => no("331 Any password will do."),
            "PASS" => {
                self.is_known = true;
                no("230 Logged in.")
            }
            "QUIT" => Answer::Bye("221 Goodbye.".to_owned()),
            "NOOP" => no("200 Nothing done."),
            "FEAT" => no("211-Features:\r\n EPSV\r\n EPRT\r\n PBSZ\r\n PROT\r\n211 End"),
            _ if !self.is_known => no("530 Please log in."),
            "PBSZ" | "PROT" if !self.is_secure => no("503 AUTH comes first."),
            "PBSZ" => no("200 PBSZ=0"),
            "PROT" => {
                self.is_protected = rest.eq_ignore_ascii_case("P");
                no("200 So be it.")
            }
            "TYPE" => no("200 So be it."),
            "PWD" => no("257 \"/\""),
            "PASV" => self.passive(),
            "EPSV" => {
                self.data = Some(Data::Passive);
                let port = self.port;
                Answer::Say(format!("229 Entering Extended Passive Mode (|||{port}|)"))
            }
            "PORT" => self.active(parse_host_port(rest).map(SocketAddrV4::into)),
            "EPRT" => self.active(parse_extended(rest)),
            // vsftpd's and ProFTPD's own rule: no data in plain where TLS is enforced.
            "LIST" | "NLST" if self.must_protect() && !self.is_protected => {
                no("522 PROT P is required.")
            }
            "LIST" | "NLST" => match self.data.take() {
                Some(data) => Answer::List(data),
                None => no("425 Use PORT or PASV first."),
            },
            _ => no("500 What?"),
        }
    }

    fn must_protect(&self) -> bool {
        matches!(self.tls, Tls::Required | Tls::Implicit)
    }

    fn pick(&mut self, port: &str) -> Answer {
        match port.parse() {
            Ok(port) if self.behaviour.data.contains(&port) => {
                self.port = port;
                Answer::Say(format!("200 {}", self.word))
            }
            // Of active data.
            Ok(port) if port == self.own.port().saturating_sub(1) => {
                self.active_from = port;
                Answer::Say(format!("200 {}", self.word))
            }
            _ => no("501 That is none of the data ports."),
        }
    }

    fn passive(&mut self) -> Answer {
        let IpAddr::V4(own) = self.own.ip() else {
            return no("522 PASV is of IPv4; use EPSV.");
        };
        self.data = Some(Data::Passive);
        let named = SocketAddrV4::new(self.behaviour.announced.unwrap_or(own), self.port);
        Answer::Say(format!("227 Entering Passive Mode ({}).", host_port(named)))
    }

    /// Nobody's else address, and no port that a server of another kind has: otherwise this
    /// server could be sent to others (RFC 2577, section 3).
    fn active(&mut self, to: Option<SocketAddr>) -> Answer {
        if !self.behaviour.active {
            return no("502 Active mode is not served.");
        }
        match to {
            None => no("501 No address can be read there."),
            Some(to) if to.ip() != self.peer || to.port() < 1024 => no("500 Illegal PORT command."),
            Some(to) => {
                self.data = Some(Data::Active(to));
                no("200 PORT command successful.")
            }
        }
    }
}

fn no(line: &str) -> Answer {
    Answer::Say(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaviour() -> Behaviour {
        Behaviour {
            control: vec![(21, Tls::Required)],
            data: vec![50000, 50010],
            announced: Some(Ipv4Addr::new(203, 0, 113, 10)),
            active: true,
            other_peer: OtherPeer::Refused,
            reuse: true,
        }
    }

    fn said(dialogue: &mut Dialogue, line: &str) -> String {
        match dialogue.answer(line) {
            Answer::Say(line) | Answer::Secure(line) | Answer::Bye(line) => line,
            Answer::List(data) => format!("{data:?}"),
        }
    }

    #[test]
    fn it_answers_as_it_is_set() {
        let behaviour = behaviour();
        let own = "[::ffff:10.77.0.21]:21".parse().expect("an address");
        let peer = "::ffff:198.51.100.10".parse().expect("an address");
        let mut all = Dialogue::new(&behaviour, Tls::Required, own, peer, "s1".to_owned());
        for (line, reply) in [
            ("PASV", "530 Please log in."),
            ("USER ftp", "550 SSL/TLS required on the control channel"),
            ("AUTH TLS", "234 Go ahead with TLS."),
            ("USER ftp", "331 Any password will do."),
            ("PASS x", "230 Logged in."),
            ("LIST", "522 PROT P is required."),
            ("PROT P", "200 So be it."),
            ("LIST", "425 Use PORT or PASV first."),
            (
                "SITE DATA-PORT 50001",
                "501 That is none of the data ports.",
            ),
            ("SITE DATA-PORT 50010", "200 s1"),
            ("PASV", "227 Entering Passive Mode (203,0,113,10,195,90)."),
            ("LIST", "Passive"),
            ("EPSV", "229 Entering Extended Passive Mode (|||50010|)"),
            ("PORT 198,51,100,11,156,64", "500 Illegal PORT command."),
            ("PORT 198,51,100,10,0,25", "500 Illegal PORT command."),
            ("PORT 198,51,100,10,156,64", "200 PORT command successful."),
            ("LIST", "Active(198.51.100.10:40000)"),
            ("STOR x", "500 What?"),
            ("QUIT", "221 Goodbye."),
        ] {
            assert_eq!(said(&mut all, line), reply, "{line}");
        }
    }
}
