//! Whether a change would lock out who administers the host: what lets SSH in before it and
//! would not afterwards. Pure; `sys::administrator` looks.

use std::net::{IpAddr, SocketAddr};

use crate::facts::Facts;
use crate::facts::sockets::{Listener, Process, connections_to, listeners};
use crate::model::net::Family;
use crate::ruleset::eval::{
    Axis, Direction, Evaluation, Flow, Outcome, Packet, Path, Piece, Place, Prepared, Region,
    Translations, Where,
};

/// Programs that administrators come in by.
const DAEMONS: [&str; 3] = ["sshd", "dropbear", "sshd-session"];
/// Where one of them listens though process 1 holds its socket (`ssh.socket`).
const USUAL_PORT: u16 = 22;
/// Pieces that one question may fall into.
const PIECES: usize = 256;
/// Connections that are looked at one by one.
const SESSIONS: usize = 16;
/// Ports that clients open connections from.
const SOURCES: (u128, u128) = (1024, 65_535);

/// By what administrators come in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Who is connected now, and where: the one who runs this first, where that is known.
    pub sessions: Vec<(SocketAddr, SocketAddr)>,
    /// Who listens for more of them.
    pub listeners: Vec<Listener>,
}

/// Somebody would be locked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedOut {
    /// The address that comes in now; `None`: some of those that may.
    pub client: Option<IpAddr>,
    /// Where to.
    pub server: SocketAddr,
    /// The rule or policy that would be in the way; `None` where it is none.
    pub by: Option<Place>,
    /// Whether it would not be dropped, but led elsewhere.
    pub is_led_away: bool,
}

impl Access {
    /// What the sources tell: `SSH_CONNECTION` (ssh(1)), `/proc/net/tcp` and `tcp6`, and who
    /// holds which listening socket.
    #[must_use]
    pub fn of(connection: Option<&str>, sockets: [&str; 2], owners: &str) -> Self {
        let tables = [
            ("/proc/net/tcp", sockets[0]),
            ("/proc/net/tcp6", sockets[1]),
        ];
        let is_ssh = |listener: &Listener| {
            let is_one = |p: &Process| DAEMONS.contains(&p.name.as_str());
            listener.port == USUAL_PORT || listener.process.as_ref().is_some_and(is_one)
        };
        let mut listeners = listeners(&tables, owners).unwrap_or_default();
        listeners.retain(|l| is_ssh(l) && !l.address.is_loopback());
        let ports: Vec<u16> = listeners.iter().map(|l| l.port).collect();
        let mut sessions: Vec<_> = connection.and_then(session).into_iter().collect();
        let others = connections_to(&tables, |port| ports.contains(&port));
        sessions.extend(others.into_iter().filter(|(c, _)| !c.ip().is_loopback()));
        sessions.truncate(SESSIONS);
        Self {
            sessions,
            listeners,
        }
    }

    /// The first way in that is open before and not after, on the host that `facts` tell of.
    #[must_use]
    pub fn lost<'a>(
        &self,
        facts: &Facts,
        before: &Prepared<'a>,
        after: &Prepared<'a>,
    ) -> Option<LockedOut> {
        let interface = |address: IpAddr| {
            let own = facts.addresses.as_deref().unwrap_or_default();
            let own = own.iter().find(|a| a.net.addr() == address)?;
            Some(own.interface.clone())
        };
        let judge = Judge { before, after };
        let session = |(client, server): &(SocketAddr, SocketAddr)| {
            let input = interface(server.ip());
            judge.session(*client, *server, input.as_deref())
        };
        let own = facts.addresses.as_deref().unwrap_or_default();
        let v6only = facts.v6only();
        let listening = self.listeners.iter().flat_map(|listener| {
            let served = own
                .iter()
                .filter(|a| !a.net.addr().is_loopback() && listener.serves(a.net.addr(), v6only));
            served.map(|a| (SocketAddr::new(a.net.addr(), listener.port), &a.interface))
        });
        let mut sessions = self.sessions.iter();
        sessions.find_map(session).or_else(|| {
            listening
                .into_iter()
                .find_map(|(to, by)| judge.anyone(to, by))
        })
    }
}

/// `ADDRESS PORT ADDRESS PORT`, the client's and the server's; an address may have a zone.
fn session(words: &str) -> Option<(SocketAddr, SocketAddr)> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let [client, client_port, server, port] = words[..] else {
        return None;
    };
    let address = |text: &str| text.split('%').next()?.parse::<IpAddr>().ok();
    let canonical = |address: IpAddr| address.to_canonical();
    Some((
        SocketAddr::new(canonical(address(client)?), client_port.parse().ok()?),
        SocketAddr::new(canonical(address(server)?), port.parse().ok()?),
    ))
}

struct Judge<'a, 'b> {
    before: &'a Prepared<'b>,
    after: &'a Prepared<'b>,
}

impl Judge<'_, '_> {
    /// The connection as it is, and a new one of the same client.
    fn session(
        &self,
        client: SocketAddr,
        server: SocketAddr,
        input: Option<&str>,
    ) -> Option<LockedOut> {
        if Family::of(client.ip()) != Family::of(server.ip()) {
            return None;
        }
        let flow = Flow::tcp((client.ip(), client.port()), (server.ip(), server.port()));
        let opening = Packet::arriving(flow, input);
        let none = Translations::default();
        let mut more = opening.later(Direction::Original, none, Path::Arrives);
        more.input = input.map(str::to_owned);
        more.connection_mark = None;
        let mut reply = opening.later(Direction::Reply, none, Path::Leaves);
        reply.connection_mark = None;
        let point = flow.region();
        let again = point.clone().with(Axis::SourcePort, SOURCES.0, SOURCES.1);
        let lost = self
            .lost(&opening, &again, None)
            .or_else(|| self.lost(&more, &point, None))
            .or_else(|| self.lost(&reply, &point, None))?;
        Some(LockedOut {
            client: Some(client.ip()),
            server,
            ..lost
        })
    }

    /// New connections of whomever.
    fn anyone(&self, server: SocketAddr, interface: &str) -> Option<LockedOut> {
        let family = Family::of(server.ip());
        let flow = Flow::tcp((server.ip(), 1024), (server.ip(), server.port()));
        let region = flow.region().any_source(family);
        let region = region.with(Axis::SourcePort, SOURCES.0, SOURCES.1);
        let opening = Packet::arriving(flow.at(&region), Some(interface));
        self.lost(&opening, &region, Some(Axis::Source))
    }

    fn lost(&self, packet: &Packet, region: &Region, general: Option<Axis>) -> Option<LockedOut> {
        let pieces = |prepared: &Prepared, region: &Region| -> Vec<Piece> {
            let packet = Packet {
                flow: packet.flow.at(region),
                ..packet.clone()
            };
            match general {
                Some(axis) => prepared.partition_in_general(&packet, region, PIECES, axis),
                None => prepared.partition(&packet, region, PIECES),
            }
        };
        let is_incoming = packet.path == Path::Arrives;
        let open = pieces(self.before, region).into_iter();
        for was in open.filter(|p| p.evaluation.may_pass && arrives(&p.evaluation, is_incoming)) {
            let is_sure = was.evaluation.outcome == Outcome::Accept;
            for is in pieces(self.after, &was.region) {
                let found = &is.evaluation;
                let passes = if is_sure {
                    found.outcome == Outcome::Accept || found.is_beyond()
                } else {
                    found.may_pass
                };
                let is_led_away = passes && !arrives(found, is_incoming);
                if !passes || is_led_away {
                    return Some(LockedOut {
                        client: None,
                        server: SocketAddr::new(
                            packet.flow.destination.0,
                            packet.flow.destination.1,
                        ),
                        by: if is_led_away {
                            found.nat.known().and_then(|nat| nat.destination_by)
                        } else {
                            rule(&found.outcome)
                        },
                        is_led_away,
                    });
                }
            }
        }
        None
    }
}

/// Whether it comes to this host as it was sent, where it gets through.
fn arrives(evaluation: &Evaluation, is_incoming: bool) -> bool {
    let is_translated = evaluation
        .nat
        .known()
        .is_some_and(|nat| nat.destination_by.is_some());
    let is_out = matches!(evaluation.to, Some(Where::Out(_)));
    !is_incoming || !(is_translated || is_out)
}

fn rule(outcome: &Outcome) -> Option<Place> {
    match outcome {
        Outcome::Drop { by } => *by,
        Outcome::Reject { by, .. } | Outcome::Elsewhere { by, .. } => Some(*by),
        Outcome::Undecided(doubt) => doubt.at,
        Outcome::Accept => None,
    }
}
