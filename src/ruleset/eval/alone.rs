//! One rule by itself, and the packets that come to it at its hook: what it does with
//! them, whatever chain led there.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::Family;

use super::super::live::expression::{CmpOp, Expression};
use super::super::live::table::Hook;
use super::choice::Choices;
use super::conntrack::{DST_NAT, SRC_NAT, Tracking, Tuple};
use super::device::Device;
use super::field::Field;
use super::names::Next;
use super::outcome::{Doubt, Outcome, Place};
use super::packet::{self, Direction, Packet, State};
use super::prepare::Prepared;
use super::region::{Axis, Region, Space, Span, number};
use super::routes::{LOCAL, UNICAST};
use super::routine::{Routine, Step};
use super::run::{Flow, Run};

/// Runs of one rule, with different answers, before nothing is said of it.
const MOST_RUNS: usize = 64;
/// Parts of the flows that a rule may tell apart before nothing is said of the others.
const MOST_PIECES: usize = 64;

/// Packets as they are at a hook, after what was translated before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Midway {
    /// Their family.
    pub family: Family,
    /// `IPPROTO_*`
    pub protocol: u8,
    /// The hook.
    pub hook: Hook,
    /// Which way they go.
    pub direction: Direction,
    /// What conntrack says of them.
    pub state: State,
    /// The helper that expected their connection.
    pub helper: Option<String>,
    /// The interface that they came in by; `None`: one that is not `lo`.
    pub input: Option<String>,
    /// The interface that they leave by; `None` where it is not known but by the routes.
    pub output: Option<String>,
    /// Their source; `None`: whoever.
    pub source: Option<IpNet>,
    /// Their source ports; `None` where nothing is known of them.
    pub source_ports: Option<(u16, u16)>,
    /// Their destination, from the first address to the last.
    pub destination: (IpAddr, IpAddr),
    /// Their destination ports.
    pub destination_ports: (u16, u16),
    /// Whether the connection's destination was translated; `None` where not known.
    pub translated: Option<bool>,
}

/// What a rule does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Does {
    /// Its conditions do not hold, or it goes on to the next rule.
    Nothing,
    /// Accepts it in this base chain.
    Accept,
    /// Drops or rejects it.
    Drop,
    /// Leaves the chain.
    Return,
    /// Into this chain of the table, and back.
    Jump(usize),
    /// Into this chain of the table, and not back.
    Goto(usize),
    /// Something else that may keep the packet: a queue, a proxy, an expression that is
    /// not understood.
    Elsewhere,
}

/// What a rule does with the packets of a part of the flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which part: source ports, destinations and their ports; the source is none of it.
    pub region: Region,
    /// What it does: one thing, or several where that depends on what is not known.
    pub does: Vec<Does>,
    /// What it depends on.
    pub doubts: Vec<Doubt>,
}

impl Prepared<'_> {
    /// What the rule at a place does with packets. `may_change`: lookups in named sets,
    /// but for verdicts, count as not known.
    #[must_use]
    pub fn alone(&self, place: Place, packets: &Midway, may_change: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = vec![packets.region()];
        while let Some(next) = rest.pop() {
            let piece = if pieces.len() < MOST_PIECES {
                self.piece(place, packets, next.clone(), may_change)
            } else {
                lost(next.clone())
            };
            next.without(&piece.region, &mut rest);
            pieces.push(piece);
        }
        pieces
    }

    fn piece(&self, place: Place, packets: &Midway, region: Region, may_change: bool) -> Piece {
        let packet = packets.packet(&region);
        let point = region.spans.map(|span| span.first);
        let mut choices = Choices::default();
        let mut piece = Piece {
            region,
            does: Vec::new(),
            doubts: Vec::new(),
        };
        for _ in 0..MOST_RUNS {
            let space = Space {
                point,
                region: piece.region.clone(),
                in_general: None,
            };
            let mut run = Run::new(self, &packet, space, &mut choices);
            run.sets_may_change = may_change;
            packets.set_up(&mut run, &packet);
            let (does, doubt) = run.alone(place);
            piece.region = run.space.region.clone();
            piece.does.push(does);
            piece.doubts.extend(doubt);
            piece.doubts.extend(choices.doubts());
            if choices.advance().is_none() {
                piece.tidy();
                return piece;
            }
        }
        lost(piece.region)
    }

    /// The chain at a place, by its number among all.
    fn number_of(&self, place: Place) -> usize {
        let before = self.ruleset.tables.iter().take(place.table);
        before.map(|table| table.chains.len()).sum::<usize>() + place.chain
    }
}

impl Piece {
    fn tidy(&mut self) {
        self.does.sort_unstable();
        self.does.dedup();
        self.doubts
            .sort_unstable_by_key(|doubt| (doubt.at, doubt.expression));
        self.doubts
            .dedup_by_key(|doubt| (doubt.at, doubt.expression));
    }
}

/// A part of which nothing is said.
fn lost(region: Region) -> Piece {
    Piece {
        region,
        does: vec![Does::Nothing, Does::Elsewhere],
        doubts: vec![Doubt {
            at: None,
            expression: None,
            why: "the rule tells too much apart",
        }],
    }
}

impl Midway {
    /// All of them; the source stands still, it is not told apart.
    fn region(&self) -> Region {
        let (first, last) = self.source_ports.unwrap_or((0, 0));
        let ports = self.destination_ports;
        Region {
            spans: [
                Span::one(0),
                span(first.into(), last.into()),
                span(number(self.destination.0), number(self.destination.1)),
                span(ports.0.into(), ports.1.into()),
            ],
        }
    }

    fn packet(&self, region: &Region) -> Packet {
        let none = match self.family {
            Family::Ipv4 => IpAddr::from([0; 4]),
            Family::Ipv6 => IpAddr::from([0; 16]),
        };
        let flow = packet::Flow {
            protocol: self.protocol,
            source: (none, 0),
            destination: (none, 0),
        };
        // What follows from who opened a connection acknowledges; of the answers one has SYN
        // as well.
        let flags = match (self.state, self.direction) {
            (State::New | State::Related, _) => Some(2),
            (State::Established, Direction::Original) => Some(16),
            _ => None,
        };
        Packet {
            direction: self.direction,
            state: self.state,
            master_helper: self.helper.clone(),
            tcp_flags: flags.filter(|_| self.protocol == packet::TCP),
            mark: None,
            connection_mark: None,
            zone: None,
            ..Packet::arriving(flow.at(region), None)
        }
    }

    /// Puts a run to the hook, with what is known of the packet there.
    fn set_up<'p, 'r: 'p>(&'p self, run: &mut Run<'p, 'r>, packet: &Packet) {
        let width = match self.family {
            Family::Ipv4 => 4,
            Family::Ipv6 => 16,
        };
        let unknown = Field::unknown(width);
        let axis = |axis: Axis, width| Field::axis(run.space.point[axis as usize], width, axis);
        run.ends.source = self.source.map_or(unknown, |net| {
            Field::within(number(net.network()), number(net.broadcast()), width)
        });
        run.ends.source_port = match self.source_ports {
            Some(_) => axis(Axis::SourcePort, 2),
            None => Field::unknown(2),
        };
        run.ends.destination = axis(Axis::Destination, width);
        run.ends.destination_port = axis(Axis::DestinationPort, 2);
        let there = Tuple {
            source: run.ends.source,
            source_port: run.ends.source_port,
            destination: run.ends.destination,
            destination_port: run.ends.destination_port,
        };
        let back = Tuple {
            source: there.destination,
            source_port: there.destination_port,
            destination: there.source,
            destination_port: there.source_port,
        };
        let (mut original, mut reply) = match packet.direction {
            Direction::Original => (there, back),
            Direction::Reply => (back, there),
        };
        // What DNAT made of it is known, what it was before is not.
        if self.hook == Hook::Forward {
            (original.destination, original.destination_port) = (unknown, Field::unknown(2));
            (reply.destination, reply.destination_port) = (unknown, Field::unknown(2));
        }
        run.connection.original = original;
        run.connection.reply = reply;
        run.connection.tracking = Tracking::Tracked(self.state);
        match self.translated {
            Some(true) => run.connection.status |= DST_NAT,
            Some(false) => {}
            None => run.connection.status_unknown |= DST_NAT,
        }
        run.connection.status_unknown |= SRC_NAT;
        run.hook = self.hook;
        run.kinds_here = Some(match self.hook {
            Hook::Input => (UNICAST, LOCAL),
            Hook::Output => (LOCAL, UNICAST),
            _ => (UNICAST, UNICAST),
        });
        run.input = match self.hook {
            Hook::Output | Hook::Postrouting => Device::None,
            _ => match &self.input {
                Some(name) => Device::Named(name),
                None => Device::Foreign,
            },
        };
        run.output = match self.hook {
            Hook::Input | Hook::Prerouting => Device::None,
            _ => match &self.output {
                Some(name) => Device::Named(name),
                None => run.way_out(),
            },
        };
    }
}

fn span(first: u128, last: u128) -> Span {
    Span { first, last }
}

impl<'p, 'r: 'p> Run<'p, 'r> {
    /// The interface that all of these packets leave by, where routes tell.
    fn way_out(&mut self) -> Device<'p> {
        let before = self.space.region.clone();
        let device = self.route_leaving();
        let of_all = self.space.region == before;
        self.space.region = before;
        if of_all { device } else { Device::Unknown }
    }

    /// Runs one rule; also why, where that is not understood.
    fn alone(&mut self, place: Place) -> (Does, Option<Doubt>) {
        let prepared = self.prepared;
        let nothing = (Does::Nothing, None);
        let (Some(chain), Some(number)) =
            (prepared.chains.get(prepared.number_of(place)), place.rule)
        else {
            return nothing;
        };
        self.table = chain.family;
        let local = |number: usize| prepared.chains.get(number).map(|chain| chain.chain);
        match self.steps(chain, number) {
            Flow::On | Flow::Break => nothing,
            Flow::End(Outcome::Accept) => (Does::Accept, None),
            Flow::End(Outcome::Drop { .. } | Outcome::Reject { .. }) => (Does::Drop, None),
            Flow::End(Outcome::Elsewhere { .. }) => (Does::Elsewhere, None),
            Flow::End(Outcome::Undecided(doubt)) => (Does::Elsewhere, Some(doubt)),
            Flow::Verdict(next) => {
                let does = match next {
                    Next::Accept => Does::Accept,
                    Next::Drop => Does::Drop,
                    Next::Continue => Does::Nothing,
                    Next::Return => Does::Return,
                    Next::Jump(chain) => local(chain).map_or(Does::Elsewhere, Does::Jump),
                    Next::Goto(chain) => local(chain).map_or(Does::Elsewhere, Does::Goto),
                    Next::Queue | Next::Unknown => Does::Elsewhere,
                };
                (does, None)
            }
        }
    }
    fn steps(&mut self, routine: &Routine<'r>, number: usize) -> Flow {
        let prepared = self.prepared;
        let rule = prepared.rules(routine).get(number);
        let steps = rule.map_or(&[][..], |rule| &rule.steps);
        self.at = Some(routine.place(Some(number)));
        let mut before = None;
        for (expression, step) in steps {
            self.expression = Some(*expression);
            let flow = match (self.input, lo_by_number(before, step)) {
                (Device::Foreign, Some(op)) => self.test(Some(op == CmpOp::NotEqual), ""),
                _ => self.step(step),
            };
            if flow != Flow::On {
                return flow;
            }
            before = Some(step);
        }
        // What only tests does nothing.
        Flow::Break
    }
}

/// How two steps compare the number of the interface that a packet came in by with that of
/// `lo`, which is always 1.
fn lo_by_number(before: Option<&Step<'_>>, step: &Step<'_>) -> Option<CmpOp> {
    /// `NFT_META_IIF`
    const IIF: u32 = 4;
    match (before, step) {
        (
            Some(Step::Plain(Expression::Meta { key: IIF, to })),
            Step::Plain(Expression::Cmp {
                from,
                op: op @ (CmpOp::Equal | CmpOp::NotEqual),
                data,
            }),
        ) if from == to && data[..] == 1_u32.to_ne_bytes() => Some(*op),
        _ => None,
    }
}
