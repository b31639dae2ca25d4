//! What the evaluation says of a probe, held against what became of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use ftpnat::model::net::Family;
use ftpnat::ruleset::eval::{
    Address, Axis, Direction, Evaluation, Flow, HostFacts, Outcome, OwnAddress, Packet, Path,
    Place, Port, Prepared, Rejection, Route, State, Told, Translation, Translations, Where,
    address, number,
};
use ftpnat::ruleset::live::Ruleset;
use ipnet::IpNet;

use crate::lab::{ADDRESSES, Probe, Refusal, Seen};
use crate::packet::{ACK, Data, FIN, PSH, SYN, Segment};
use crate::support::dice::Dice;
use crate::wire::Side;

/// How an evaluation and the kernel compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same.
    Agrees(Kind),
    /// The evaluation does not say.
    Undecided(&'static str),
    /// Not the same: what was expected.
    Differs(String),
}

/// What both say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It came out untranslated.
    Accepted,
    /// It came out translated.
    Translated,
    /// Nothing came.
    Dropped,
    /// It was refused so.
    Rejected,
    /// It was refused, and the refusal did not come: rules may drop it as well.
    RejectedUnseen,
}

/// The router's addresses, routes and interfaces (with their numbers).
pub(crate) fn host_facts(interfaces: Vec<(u32, String)>) -> HostFacts {
    let mut addresses = Vec::new();
    let mut routes = Vec::new();
    let loopback = [("lo", &["127.0.0.1/8", "::1/128"][..])];
    for (interface, nets) in ADDRESSES.iter().chain(&loopback) {
        for net in *nets {
            let net: IpNet = net.parse().expect("an address");
            addresses.push(OwnAddress {
                interface: (*interface).to_owned(),
                net,
            });
            routes.push(Route {
                to: net.trunc(),
                interface: Some((*interface).to_owned()),
            });
        }
    }
    HostFacts {
        addresses: Some(addresses),
        routes: Some(routes),
        interfaces: Some(interfaces),
    }
}

/// A probe, and the packet of the evaluation that it is.
#[derive(Debug, Clone)]
pub(crate) struct Trying {
    /// What is sent.
    pub(crate) probe: Probe,
    /// What is evaluated.
    pub(crate) packet: Packet,
    /// Its source and destination where it arrives, if that was settled before.
    settled: Option<(SocketAddr, SocketAddr)>,
}

/// The first packet of a connection.
pub(crate) fn first(probe: Probe) -> Trying {
    let segment = &probe.segment;
    let end = |end: SocketAddr| (end.ip(), end.port());
    let flow = Flow::tcp(end(segment.source), end(segment.destination));
    let mut packet = match probe.from {
        Side::Client => Packet::arriving(flow, Some("cli")),
        Side::Server => Packet::arriving(flow, Some("srv")),
        Side::Router => Packet::leaving(flow),
    };
    packet.tcp_flags = Some(segment.flags);
    if segment.flags == SYN | FIN {
        // `tcp_error`: no such combination.
        packet.state = State::Invalid;
    }
    Trying {
        probe,
        packet,
        settled: None,
    }
}

impl Trying {
    /// The same segment from, or to, another end of the region for which `evaluation`
    /// says the same; `None` where there is no other that could be sent. `used` has the
    /// source ports that are taken.
    pub(crate) fn corner(
        &self,
        evaluation: &Evaluation,
        dice: &mut Dice,
        used: &mut BTreeSet<u16>,
    ) -> Option<Self> {
        let mut probe = self.probe;
        let segment = &mut probe.segment;
        let end = |dice: &mut Dice, axis: Axis, now: u128, least: u128, most: u128| {
            let span = evaluation.region.span(axis);
            let (first, last) = (span.first.max(least), span.last.min(most));
            match dice.next() % 3 {
                0 if first <= last => first,
                1 if first <= last => last,
                _ => now,
            }
        };
        let port = |dice: &mut Dice, axis: Axis, now: u16| {
            u16::try_from(end(dice, axis, now.into(), 1, u16::MAX.into())).expect("a port")
        };
        let host = |dice: &mut Dice, axis: Axis, now: IpAddr| {
            // Hosts of the same network: packets back to others would go astray.
            let (least, most) = match now {
                IpAddr::V4(_) => (number(now) & !0xff | 0x05, number(now) & !0xff | 0xfe),
                IpAddr::V6(_) => (number(now) & !0xffff | 0x05, number(now) | 0xffff),
            };
            address(end(dice, axis, number(now), least, most), Family::of(now))
        };
        if probe.from != Side::Router {
            segment
                .source
                .set_ip(host(dice, Axis::Source, segment.source.ip()));
        }
        let destination = host(dice, Axis::Destination, segment.destination.ip());
        segment.destination.set_ip(destination);
        let to = port(dice, Axis::DestinationPort, segment.destination.port());
        segment.destination.set_port(to);
        let from = port(dice, Axis::SourcePort, segment.source.port());
        if used.insert(from) {
            segment.source.set_port(from);
        }
        (probe != self.probe).then(|| first(probe))
    }

    /// The answer to a SYN that arrived beside the router. One to the router's own port
    /// was answered by its kernel.
    pub(crate) fn answer(&self, seen: &Seen) -> Option<Self> {
        let sent = &self.probe.segment;
        let Seen::Arrived {
            side,
            source,
            destination,
        } = *seen
        else {
            return None;
        };
        if side == Side::Router || sent.flags != SYN {
            return None;
        }
        let probe = Probe {
            from: side,
            segment: Segment {
                source: destination,
                destination: source,
                flags: SYN | ACK,
                sequence: sent.sequence + 0x1000_0000,
                acknowledged: sent.sequence + 1,
                data: Data::None,
            },
        };
        let settled = (sent.destination, sent.source);
        Some(self.later(Direction::Reply, probe, (source, destination), settled))
    }

    /// What follows on the answer (`self`), by who sent the SYN.
    pub(crate) fn acknowledge(&self, syn: &Self, seen: &Seen) -> Option<Self> {
        let sent = &self.probe.segment;
        // The router has no socket: its kernel refuses the answer.
        if syn.probe.from == Side::Router || !matches!(seen, Seen::Arrived { .. }) {
            return None;
        }
        let probe = Probe {
            from: syn.probe.from,
            segment: Segment {
                flags: ACK,
                sequence: sent.acknowledged,
                acknowledged: sent.sequence + 1,
                ..syn.probe.segment
            },
        };
        let settled = (sent.destination, sent.source);
        Some(syn.later(Direction::Original, probe, settled, settled))
    }

    /// The server's first line; `self` is its answer to the SYN. Until a line has passed,
    /// the helper reads none.
    pub(crate) fn greet(&self) -> Self {
        self.say(1, Data::Greeting)
    }

    /// Its answer to EPSV.
    pub(crate) fn offer(&self) -> Self {
        let after = Data::Greeting.bytes().len();
        let after = u32::try_from(after).expect("a short line");
        self.say(1 + after, Data::Passive(self.data_port()))
    }

    fn say(&self, after: u32, data: Data) -> Self {
        let mut said = self.clone();
        let segment = &mut said.probe.segment;
        segment.flags = PSH | ACK;
        segment.sequence += after;
        segment.data = data;
        said.packet.tcp_flags = Some(PSH | ACK);
        said
    }

    /// The port that the server offers, another one on each connection.
    fn data_port(&self) -> u16 {
        let number = u16::try_from(self.probe.segment.sequence >> 8 & 0xff).expect("small");
        50_000 + number
    }

    /// The data connection that the server's answer to EPSV has expected; `self` is the
    /// SYN of the control connection, `answer` the server's answer to it.
    pub(crate) fn transfer(&self, answer: &Self) -> Self {
        let mut probe = self.probe;
        let port = answer.data_port();
        probe.segment.destination.set_port(port);
        let from = 10_000 + port - 50_000;
        probe.segment.source.set_port(from);
        probe.segment.sequence += 0x2000_0000;
        let mut data = first(probe);
        data.packet.state = State::Related;
        data.packet.master_helper = Some("ftp".to_owned());
        // That of its master (init_conntrack), which is not told.
        data.packet.connection_mark = None;
        // nf_nat_follow_master; without NAT on the control connection NAT chains are asked.
        let Translations {
            source,
            destination,
        } = answer.packet.settled.unwrap_or_default();
        if !(source.is_none() && destination.is_none()) {
            let address = |of: Translation| Translation {
                address: of.address,
                port: Port::Same,
            };
            data.packet.settled = Some(Translations {
                source: address(source),
                destination: address(destination),
            });
            let server = &answer.probe.segment;
            data.settled = Some((
                SocketAddr::new(server.destination.ip(), from),
                SocketAddr::new(server.source.ip(), port),
            ));
        }
        data
    }

    /// A packet of a connection whose original direction arrives as `translated`.
    fn later(
        &self,
        direction: Direction,
        probe: Probe,
        translated: (SocketAddr, SocketAddr),
        settled: (SocketAddr, SocketAddr),
    ) -> Self {
        let exactly = |before: (IpAddr, u16), after: SocketAddr| Translation {
            address: if before.0 == after.ip() {
                Address::Same
            } else {
                Address::Within(after.ip(), after.ip())
            },
            port: if before.1 == after.port() {
                Port::Same
            } else {
                Port::Within(after.port(), after.port())
            },
        };
        let flow = self.packet.flow;
        let translations = Translations {
            source: exactly(flow.source, translated.0),
            destination: exactly(flow.destination, translated.1),
        };
        let mut packet = self.packet.later(direction, translations, Path::Arrives);
        packet.tcp_flags = Some(probe.segment.flags);
        packet.input = match probe.from {
            Side::Client => Some("cli".to_owned()),
            Side::Server => Some("srv".to_owned()),
            Side::Router => None,
        };
        // What rules made of it on the way of the first is not told.
        packet.connection_mark = None;
        Self {
            probe,
            packet,
            settled: Some(settled),
        }
    }

    /// Compares the evaluation with what became of the probe.
    pub(crate) fn compare(&self, evaluation: &Evaluation, lossy: bool, seen: &Seen) -> Verdict {
        match (&evaluation.outcome, seen) {
            (Outcome::Undecided(doubt), _) => Verdict::Undecided(doubt.why),
            (
                Outcome::Accept,
                &Seen::Arrived {
                    side,
                    source,
                    destination,
                },
            ) => self.arrived(evaluation, side, source, destination),
            (Outcome::Drop { .. }, Seen::Silent) => Verdict::Agrees(Kind::Dropped),
            (Outcome::Reject { kind, .. }, Seen::Refused(refusal)) if same(*kind, *refusal) => {
                Verdict::Agrees(Kind::Rejected)
            }
            (Outcome::Reject { .. }, Seen::Silent) if lossy => {
                Verdict::Agrees(Kind::RejectedUnseen)
            }
            _ => differs(evaluation),
        }
    }

    fn arrived(
        &self,
        evaluation: &Evaluation,
        side: Side,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Verdict {
        let there = match &evaluation.to {
            Some(Where::Local) => Side::Router,
            Some(Where::Out(Some(device))) if device == "cli" => Side::Client,
            Some(Where::Out(Some(device))) if device == "srv" => Side::Server,
            Some(Where::Out(_)) | None => return Verdict::Undecided("where it goes"),
        };
        let nat = match &evaluation.nat {
            Told::Known(nat) => nat.translations,
            Told::Undecided(doubt) => return Verdict::Undecided(doubt.why),
        };
        let untracked = match &evaluation.notrack {
            Told::Known(by) => by.is_some(),
            Told::Undecided(doubt) => return Verdict::Undecided(doubt.why),
        };
        let fits = match self.settled {
            // Nothing turns it back.
            Some(_) if untracked => {
                (self.probe.segment.source, self.probe.segment.destination) == (source, destination)
            }
            Some(settled) => settled == (source, destination),
            None => {
                fits(nat.source, self.probe.segment.source, source)
                    && fits(nat.destination, self.probe.segment.destination, destination)
            }
        };
        if there != side || !fits {
            differs(evaluation)
        } else if nat.source.is_none() && nat.destination.is_none() {
            Verdict::Agrees(Kind::Accepted)
        } else {
            Verdict::Agrees(Kind::Translated)
        }
    }
}

fn differs(evaluation: &Evaluation) -> Verdict {
    Verdict::Differs(format!("{:?}", evaluation.outcome))
}

/// An evaluation in words, for who has to find out which side is wrong.
pub(crate) fn told(evaluation: &Evaluation, prepared: &Prepared, ruleset: &Ruleset) -> String {
    let place = |place: Place| {
        let table = &ruleset.tables[place.table];
        let rule = prepared.rule(place).map_or_else(
            || "policy".to_owned(),
            |rule| format!("rule {:?} {rule:?}", place.rule),
        );
        let chain = &table.chains[place.chain].name;
        format!("{:?} {} {chain} {rule}", table.maker, table.name)
    };
    let mut text = format!("  {:?}", evaluation.outcome);
    for axis in Axis::ALL {
        let span = evaluation.region.span(axis);
        let _ = write!(text, ", {axis:?} {:x} to {:x}", span.first, span.last);
    }
    for met in &evaluation.trail {
        let _ = write!(
            text,
            "\n  {:?} {}: {}",
            met.hook,
            met.priority,
            place(met.by)
        );
    }
    if let Told::Known(nat) = &evaluation.nat {
        let _ = write!(
            text,
            "\n  source {:?} by {:?}\n  destination {:?} by {:?}",
            nat.translations.source,
            nat.source_by.map(place),
            nat.translations.destination,
            nat.destination_by.map(place),
        );
    }
    text
}

fn same(kind: Rejection, refusal: Refusal) -> bool {
    match (kind, refusal) {
        (Rejection::Reset, Refusal::Reset) => true,
        (
            Rejection::Icmp { kind, code },
            Refusal::Icmp {
                kind: seen_kind,
                code: seen_code,
                ..
            },
        ) => kind == seen_kind && code == seen_code,
        _ => false,
    }
}

/// Whether a translation may have made `after` of `before`.
fn fits(translation: Translation, before: SocketAddr, after: SocketAddr) -> bool {
    let same_address = match translation.address {
        Address::Same => before.ip() == after.ip(),
        Address::Within(first, last) => first <= after.ip() && after.ip() <= last,
        Address::Moved(by) => number(before.ip()).wrapping_add(by) == number(after.ip()),
        Address::Unknown => true,
    };
    let same_port = match translation.port {
        Port::Same => before.port() == after.port(),
        Port::Within(first, last) => first <= after.port() && after.port() <= last,
        Port::Moved(by) => before.port().wrapping_add(by) == after.port(),
    };
    same_address && same_port
}
