//! Sessions and knocks from every seat of a scene, many at once.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};

use crate::model::ftp::{ClientMode, Tls};
use crate::plan::{Cell, From, Outcome};
use crate::probe::course::{Fault, Listed, Stage, Wanted, list};
use crate::probe::engine::Engine;
use crate::probe::runner::{Caller, drive};
use crate::probe::seen::{Encryption, PORT_UNREACHABLE, Trouble};
use crate::profile::{Control, Profile};
use crate::sys::clock;
use crate::sys::connect::call_from;

use super::machines::Machines;
use super::scene::{Scene, Seat};
use super::server::LISTING;

/// What a client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// The listing arrives.
    Works,
    /// Silence.
    Hangs,
    /// Somebody says no: a reset, or the server's own words.
    Refused,
    /// ICMP says that there is no way.
    Unreachable,
    /// The server does not serve such a client.
    NotOffered,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Works => "works",
            Self::Hangs => "hangs",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::NotOffered => "-",
        })
    }
}

/// Who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// How often, and after what time, a server that has too many connections is tried again.
const BUSY_TRIES: u32 = 60;
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// Something to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Who, and from where.
    pub seat: Seat,
    /// What.
    pub what: What,
}

impl Attempt {
    /// The place of its cell; `None` where it is of none.
    #[must_use]
    pub fn cell(&self) -> Option<usize> {
        match self.what {
            What::Listing { cell, .. } => Some(cell),
            What::Knock { .. } => None,
        }
    }
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A listing, as a cell of the predictions has it.
    Listing {
        /// The place of the cell.
        cell: usize,
        /// How data is asked for.
        mode: ClientMode,
        /// TLS.
        encryption: Encryption,
        /// The control port that is called.
        control: u16,
        /// The port that the server is to pick for its end of the data connection.
        data: Option<u16>,
    },
    /// A connection to a port, and nothing more.
    Knock {
        /// The port.
        port: u16,
    },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// In a word.
    pub seen: Seen,
    /// How far it came.
    pub stage: Stage,
    /// What happened, for people; empty where it works.
    pub words: String,
}

/// Every session of the cells that are offered: from each seat that fits, at each data port
/// (none: as the server picks).
#[must_use]
pub fn listings(profile: &Profile, cells: &[Cell], scene: &Scene, data: &[u16]) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        if cell.outcome == Outcome::NotOffered {
            continue;
        }
        // Behind another outside port there is one control port only.
        let control = profile.control.iter().find(|c| c.port == cell.control_port);
        let control = control.unwrap_or(&profile.control[0]);
        let encryption = encryption(cell, *control);
        let ports: Vec<Option<u16>> = match (data, cell.client.is_active()) {
            ([], _) => vec![None],
            (data, false) => data.iter().copied().map(Some).collect(),
            // Active data leaves from any port, and from the one below the control port
            // (RFC 959, section 3.2).
            (_, true) => {
                let below = control.port.checked_sub(1).filter(|port| *port > 0);
                vec![None, below].into_iter().chain(None).collect()
            }
        };
        for seat in scene
            .seats
            .iter()
            .filter(|seat| sits(seat, cell, profile, scene))
        {
            attempts.extend(ports.iter().map(|data| Attempt {
                seat: *seat,
                what: What::Listing {
                    cell: place,
                    mode: cell.client,
                    encryption,
                    control: cell.control_port,
                    data: *data,
                },
            }));
        }
    }
    attempts
}

/// Whether a session of a cell is played from that seat.
fn sits(seat: &Seat, cell: &Cell, profile: &Profile, scene: &Scene) -> bool {
    let is_of = seat.from == cell.from && seat.family == cell.family;
    let by_port = match seat.port {
        Some(port) => port == cell.control_port,
        None => profile.control.iter().any(|c| c.port == cell.control_port),
    };
    is_of && by_port && !is_led_astray(seat, cell, scene)
}

/// A host with several ways to the Internet announces the address of one of them. Clients in
/// the lab have one way each, so those of another way are not sent there.
fn is_led_astray(seat: &Seat, cell: &Cell, scene: &Scene) -> bool {
    let Some(announced) = scene.announced.filter(|_| cell.client == ClientMode::Pasv) else {
        return false;
    };
    let announced = std::net::IpAddr::from(announced);
    let mut outside = scene.seats.iter().filter(|s| s.from == From::Outside);
    let by = outside.find(|s| s.called == announced);
    seat.from == From::Outside && by.is_some_and(|by| by.host != seat.host)
}

fn encryption(cell: &Cell, control: Control) -> Encryption {
    match (cell.tls, control.tls) {
        (false, _) => Encryption::Plain,
        (true, Tls::Implicit) => Encryption::Implicit,
        (true, _) => Encryption::Explicit,
    }
}

/// Tries all of them, so many at once, each with its patience. What came of each is in its
/// place.
#[must_use]
pub fn play(
    attempts: &[Attempt],
    machines: &Machines,
    login: &Login,
    at_once: usize,
    patience: impl Fn(&Attempt) -> Duration + Sync,
) -> Vec<Came> {
    let next = AtomicUsize::new(0);
    let came: Vec<Mutex<Option<Came>>> = attempts.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..at_once.min(attempts.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(attempt) = attempts.get(place) else {
                        return;
                    };
                    let one = one(attempt, machines, login, patience(attempt));
                    *came[place].lock().unwrap_or_else(PoisonError::into_inner) = Some(one);
                }
            });
        }
    });
    let of = |cell: Mutex<Option<Came>>| cell.into_inner().unwrap_or_else(PoisonError::into_inner);
    came.into_iter()
        .map(|cell| of(cell).unwrap_or_else(unplayed))
        .collect()
}

fn unplayed() -> Came {
    Came {
        seen: Seen::Unreachable,
        stage: Stage::Connect,
        words: "it was not played".to_owned(),
    }
}

fn one(attempt: &Attempt, machines: &Machines, login: &Login, patience: Duration) -> Came {
    let host = machines.host(attempt.seat.host);
    let played = host.inside(|| Ok(tried(attempt, login, patience)));
    played.unwrap_or_else(|error| Came {
        words: format!("the client's namespace cannot be entered: {error}"),
        ..unplayed()
    })
}

fn tried(attempt: &Attempt, login: &Login, patience: Duration) -> Came {
    let seat = attempt.seat;
    match attempt.what {
        What::Knock { port } => {
            let to = SocketAddr::new(seat.called, port);
            let from = seat.source.map(|source| SocketAddr::new(source, 0));
            match call_from(from, to, patience) {
                Ok(_) => works(Stage::Connect),
                Err(error) => Came {
                    seen: seen(&error),
                    stage: Stage::Connect,
                    words: error.to_string(),
                },
            }
        }
        What::Listing {
            mode,
            encryption,
            control,
            data,
            ..
        } => {
            let wanted = Wanted {
                mode,
                encryption,
                called: SocketAddr::new(seat.called, control),
                user: login.user.clone(),
                password: login.password.clone(),
                data_port: data,
                patience,
            };
            let mut listed = listing(&wanted, seat.source);
            for _ in 0..BUSY_TRIES {
                if !is_busy(&listed) {
                    break;
                }
                clock::sleep(BUSY_PAUSE);
                listed = listing(&wanted, seat.source);
            }
            came(listed, data)
        }
    }
}

/// "421 Too many connections" (RFC 959, section 4.2.1) is no word about firewalls.
fn is_busy(listed: &Listed) -> bool {
    let is_421 = |fault: &Fault| matches!(fault, Fault::Says(reply) if reply.code == 421);
    listed.stage <= Stage::Login && listed.listing.as_ref().err().is_some_and(is_421)
}

/// A listing from this thread's network namespace, from that address. Whose server it is is no
/// question here.
fn listing(wanted: &Wanted, source: Option<IpAddr>) -> Listed {
    let caller = Caller {
        name: ServerName::from(wanted.called.ip()),
        trust: None,
        source,
        whole: Duration::MAX,
    };
    let engine = Engine::new(|asker| list(asker, wanted.clone()));
    drive(engine, &caller, &mut |_| {}).unwrap_or_else(|error| {
        let trouble = Trouble::Other(error.to_string());
        Listed {
            stage: Stage::Connect,
            listing: Err(Fault::Trouble("setting up TLS".to_owned(), trouble)),
        }
    })
}

fn came(listed: Listed, data: Option<u16>) -> Came {
    let Listed { stage, listing } = listed;
    match listing {
        // A server that picks its port itself may have nothing to list.
        Ok(listing) if data.is_none() || listing == LISTING.as_bytes() => works(stage),
        Ok(listing) => Came {
            seen: Seen::Refused,
            stage,
            words: format!("the listing has {} bytes, and not all", listing.len()),
        },
        Err(fault) => Came {
            seen: match &fault {
                Fault::Trouble(_, trouble) => trouble_seen(trouble),
                Fault::Says(_) | Fault::NoAddress(_) => Seen::Refused,
            },
            stage,
            words: fault.to_string(),
        },
    }
}

fn works(stage: Stage) -> Came {
    Came {
        seen: Seen::Works,
        stage,
        words: String::new(),
    }
}

/// What a trouble is to a client who reads the error of its socket: a port that ICMP calls
/// unreachable is refused.
fn trouble_seen(trouble: &Trouble) -> Seen {
    match trouble {
        Trouble::Silent(_) | Trouble::Late => Seen::Hangs,
        Trouble::Rejected { said, .. } if said == PORT_UNREACHABLE => Seen::Refused,
        Trouble::Rejected { .. } | Trouble::Nobody | Trouble::NoWay(_) => Seen::Unreachable,
        _ => Seen::Refused,
    }
}

/// What an error of a socket is to a client. A REJECT as RHEL has it gives `EHOSTUNREACH`
/// over IPv4 and `EACCES` over IPv6.
fn seen(error: &io::Error) -> Seen {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Seen::Hangs,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::AddrNotAvailable => Seen::Unreachable,
        _ => Seen::Refused,
    }
}
