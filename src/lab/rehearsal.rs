//! A profile, rehearsed: before, the plan, after.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use crate::facts::Facts;
use crate::model::net::Family;
use crate::plan::predict::predictions;
use crate::plan::reach::reach;
use crate::plan::{Cell, Outcome};
use crate::probe::course::Stage as StageOf;
use crate::profile::Profile;
use crate::ruleset::eval::{Axis, HostFacts, Prepared, number};
use crate::sys::collect::{self, About};
use crate::sys::namespace::{Namespace, Started};
use crate::sys::nft;
use crate::sys::{clock, netlink, ruleset};

use super::machines::{Machines, Unmade, forward};
use super::play::{Attempt, Came, Login, Seen, What, listings, play};
use super::rules::Firewall;
use super::scene::{Known, Scene, Seat, Unbuildable, data_ports, ports_beside, scene};
use super::server::{self, Behaviour, Server, is_up};
use super::verdict::{self, Beyond, Judged, Kept, judged};

/// A client that hears nothing for so long hangs: packets take microseconds here, and a SYN
/// that is lost comes again after a second.
const HANG: Duration = Duration::from_millis(900);
/// The same for one that is expected to come through, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sessions at once, with the lab's own server: all of them.
const AT_ONCE: usize = 512;
/// Sessions at once with a real server, which may serve few from one address.
const AT_ONCE_REAL: usize = 4;
/// So many sessions that are otherwise than predicted when played by themselves leave no doubt
/// of the rest.
const ENOUGH: usize = 3;
/// How long a real server may take to start.
const START: Duration = Duration::from_secs(20);

/// What a rehearsal is about.
pub struct Rehearsal<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// What is known of the host that it is for.
    pub known: Known,
    /// The numbers of that host's interfaces.
    pub numbers: Vec<(u32, String)>,
    /// A command line that starts a real server in place of the lab's own.
    pub server: Option<String>,
    /// Who logs in there.
    pub login: Login,
}

/// A rehearsal that did not take place.
#[derive(Debug, Error)]
pub enum Failed {
    /// There is no scene for that profile.
    #[error(transparent)]
    Scene(#[from] Unbuildable),
    /// This system does not make the machines.
    #[error(transparent)]
    Machines(#[from] Unmade),
    /// The firewall before cannot be had.
    #[error("the firewall that is there before cannot be had in the lab: {0}")]
    Before(String),
    /// The plan was not put into the lab's firewall; a message of `apply`.
    #[error("{0}")]
    Plan(String),
    /// The server did not start.
    #[error("the FTP server did not start: {0}")]
    Server(String),
    /// It lets the client not in.
    #[error("the FTP server refuses the login, so nothing can be listed: {0}")]
    Login(String),
}

/// The machines of a rehearsal, with a server that runs.
pub struct Stage {
    /// The scene.
    pub scene: Scene,
    /// Its machines.
    pub machines: Machines,
    cells: Vec<Cell>,
    /// What stays out, with the port that is knocked at.
    knocks: Vec<Attempt>,
    login: Login,
    is_real: bool,
    data: Vec<u16>,
    server: Option<Server>,
    real: Option<Started>,
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Report {
    /// Cell by cell.
    pub cells: Vec<Judged>,
    /// What is to stay out.
    pub kept: Vec<Kept>,
}

impl Report {
    /// Whether everything is as predicted.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.cells.iter().all(|judged| judged.agrees) && !self.kept.iter().any(Kept::is_opened)
    }
}

impl Stage {
    /// Makes the machines and starts the server.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn set(rehearsal: &Rehearsal<'_>) -> Result<Self, Failed> {
        let profile = rehearsal.profile;
        let scene = scene(profile, &rehearsal.known)?;
        let machines = Machines::of(&scene, &rehearsal.numbers)?;
        let cells = predictions(profile);
        let data = data_ports(profile.passive.ports);
        let beside = ports_beside(profile);
        let mut stage = Self {
            // A real server has its ports open only while it waits for data.
            knocks: match &rehearsal.server {
                None => knocks(profile, &scene, &data, &beside),
                Some(_) => knocks(profile, &scene, &[], &beside),
            },
            scene,
            machines,
            cells,
            login: rehearsal.login.clone(),
            is_real: rehearsal.server.is_some(),
            data,
            server: None,
            real: None,
        };
        let failed = |error: io::Error| Failed::Server(error.to_string());
        let host = stage.machines.host(stage.scene.server);
        match &rehearsal.server {
            None => {
                let announced = stage.scene.announced;
                let behaviour = Behaviour::of(profile, announced, stage.data.clone());
                stage.server = Some(server::start(host, behaviour, &beside).map_err(failed)?);
            }
            Some(command) => {
                let nothing = Behaviour::default();
                stage.server = Some(server::start(host, nothing, &beside).map_err(failed)?);
                let started = host.start(command).map_err(failed)?;
                let started = stage.real.insert(started);
                let to = SocketAddr::new(stage.scene.server_addresses[0], profile.control[0].port);
                wait_for(host, started, to)?;
            }
        }
        Ok(stage)
    }

    /// Whether a real server lets clients log in, who come that far.
    ///
    /// # Errors
    /// [`Failed::Login`], with its words.
    pub fn require_login(&self, played: &[(Attempt, Came)]) -> Result<(), Failed> {
        let is_refused = |came: &&Came| came.stage == StageOf::Login && came.seen == Seen::Refused;
        let refused = played.iter().map(|(_, came)| came).find(is_refused);
        match refused.filter(|_| self.is_real) {
            Some(came) => Err(Failed::Login(came.words.clone())),
            None => Ok(()),
        }
    }

    /// The firewall under test.
    #[must_use]
    pub fn firewall(&self) -> &Namespace {
        self.machines.host(self.scene.firewall)
    }

    /// Puts a firewall there, as it is before ftpnat comes.
    ///
    /// # Errors
    /// [`Failed::Before`].
    pub fn lay(&self, firewall: Firewall, profile: &Profile) -> Result<(), Failed> {
        let operations = firewall.operations(profile, &self.scene);
        let host = self.firewall();
        let is_gateway = self.scene.firewall != self.scene.server;
        let laid = host.inside(|| {
            if is_gateway && firewall.forwards() {
                forward(host)?;
            }
            nft::commit(&operations, 0).map_err(io::Error::other)
        });
        laid.map_err(|error| Failed::Before(error.to_string()))
    }

    /// What earlier sessions left with conntrack is nothing to later ones: what the helper
    /// expects of one that failed keeps the same port from the next (`nf_conntrack_ftp.c`,
    /// `nf_ct_expect_related`). Kernels that do not forget on demand are left as they are.
    fn forget(&self) {
        drop(self.firewall().inside(netlink::forget_connections));
    }

    /// Plays everything once, with nothing expected.
    #[must_use]
    pub fn play(&self, profile: &Profile) -> Vec<(Attempt, Came)> {
        self.played(profile, |_| HANG)
    }

    /// Plays everything; what is otherwise than predicted, once more and by itself, with
    /// more patience: a busy machine is no fault, nor a rule that counts connections.
    #[must_use]
    pub fn play_expecting(&self, profile: &Profile, beyond: &Beyond) -> Vec<(Attempt, Came)> {
        let patience = |attempt: &Attempt| match self.cell(attempt) {
            _ if beyond.keeps_out.contains(&attempt.seat) => HANG,
            Some(cell) if cell.outcome == Outcome::Works => PATIENCE,
            _ => HANG,
        };
        let mut played = self.played(profile, patience);
        // Where some of a cell's sessions fail as predicted, the others may get through.
        let failing: Vec<usize> = played
            .iter()
            .filter(|(_, came)| came.seen != Seen::Works)
            .filter_map(|(attempt, _)| attempt.cell())
            .collect();
        let is_odd = |attempt: &Attempt, came: &Came| match self.cell(attempt) {
            Some(cell) if cell.outcome == Outcome::Fails && came.seen == Seen::Works => {
                let fails_elsewhere = attempt.cell().is_some_and(|cell| failing.contains(&cell));
                !fails_elsewhere && !verdict::agrees(cell, came, beyond.lets_in)
            }
            _ if beyond.keeps_out.contains(&attempt.seat) => false,
            Some(cell) => !verdict::agrees(cell, came, beyond.lets_in),
            None => false,
        };
        let mut certain = 0;
        for (attempt, came) in &mut played {
            if certain < ENOUGH && is_odd(attempt, came) {
                self.forget();
                let again = std::slice::from_ref(attempt);
                let again = play(again, &self.machines, &self.login, 1, |_| PATIENCE);
                if let Some(again) = again.into_iter().next() {
                    certain += usize::from(is_odd(attempt, &again));
                    *came = again;
                }
            }
        }
        played
    }

    fn cell(&self, attempt: &Attempt) -> Option<&Cell> {
        self.cells.get(attempt.cell()?)
    }

    fn played(
        &self,
        profile: &Profile,
        patience: impl Fn(&Attempt) -> Duration + Sync,
    ) -> Vec<(Attempt, Came)> {
        self.forget();
        let data = if self.is_real { &[][..] } else { &self.data };
        let mut attempts = listings(profile, &self.cells, &self.scene, data);
        attempts.extend(self.knocks.iter().cloned());
        let at_once = if self.is_real { AT_ONCE_REAL } else { AT_ONCE };
        let came = play(&attempts, &self.machines, &self.login, at_once, patience);
        attempts.into_iter().zip(came).collect()
    }

    /// What a host's own firewall does that ftpnat does not say: it may let in more, and
    /// rules that are its administrator's will may keep clients out. To be asked with the
    /// plan in force.
    ///
    /// # Errors
    /// Where the namespace cannot be entered.
    pub fn beyond(&self, profile: &Profile) -> io::Result<Beyond> {
        let reached = self.firewall().inside(|| {
            let snapshot = collect::snapshot(About::Change { helper: false });
            let ruleset = ruleset::read(&snapshot, true);
            let facts = Facts::of(snapshot);
            let known = HostFacts::of(&facts);
            Ok(reach(profile, &facts, &Prepared::new(&ruleset, &known)))
        })?;
        let is_kept_out = |seat: &&Seat| {
            let of_seat = reached.iter().filter(|r| {
                let family = Family::of(r.connections.opening.flow.destination.0);
                (r.connections.from, family) == (seat.from, seat.family)
            });
            let mut stopped = of_seat
                .flat_map(|r| &r.parts)
                .filter(|(_, by)| by.is_some());
            stopped.any(|(part, _)| {
                let sources = part.region.span(Axis::Source);
                seat.source
                    .is_none_or(|source| sources.contains(number(source)))
            })
        };
        Ok(Beyond {
            lets_in: true,
            keeps_out: self
                .scene
                .seats
                .iter()
                .filter(is_kept_out)
                .copied()
                .collect(),
        })
    }

    /// What came of both.
    #[must_use]
    pub fn report(
        &self,
        before: &[(Attempt, Came)],
        after: &[(Attempt, Came)],
        beyond: &Beyond,
    ) -> Report {
        let kept = before
            .iter()
            .zip(after)
            .filter(|((attempt, _), _)| matches!(attempt.what, What::Knock { .. }));
        Report {
            cells: judged(&self.cells, before, after, beyond),
            kept: kept
                .map(|((attempt, before), (_, after))| Kept {
                    attempt: attempt.clone(),
                    before: before.clone(),
                    after: after.clone(),
                })
                .collect(),
        }
    }
}

/// Ports beside the range, for clients; the range and the control ports, for others.
fn knocks(profile: &Profile, scene: &Scene, data: &[u16], beside: &[u16]) -> Vec<Attempt> {
    let knock = |seat: &Seat, port: u16| Attempt {
        seat: *seat,
        what: What::Knock { port },
    };
    let outside = scene
        .seats
        .iter()
        .filter(|s| s.from == crate::plan::From::Outside);
    let mut all: Vec<Attempt> = outside
        .flat_map(|seat| beside.iter().map(move |port| knock(seat, *port)))
        .collect();
    for seat in &scene.outsiders {
        let control = profile.control.iter().map(|c| seat.port.unwrap_or(c.port));
        all.extend(
            control
                .chain(data.iter().copied())
                .map(|port| knock(seat, port)),
        );
    }
    all
}

/// Waits until somebody answers on the control port.
fn wait_for(host: &Namespace, server: &mut Started, to: SocketAddr) -> Result<(), Failed> {
    let deadline = clock::since_boot() + START;
    loop {
        let is_up = host.inside(|| Ok(is_up(to)));
        if is_up.is_ok_and(|is_up| is_up) {
            return Ok(());
        }
        let status = server.ended();
        // One that goes into the background ends well.
        let failed = status.is_some_and(|status| !status.success());
        if failed || clock::since_boot() > deadline {
            return Err(Failed::Server(why(server, status.is_some(), to)));
        }
        clock::sleep(Duration::from_millis(20));
    }
}

fn why(server: &Started, has_ended: bool, to: SocketAddr) -> String {
    let words = server.last_words();
    match (has_ended, words.is_empty()) {
        (true, true) => "it ended, and said nothing".to_owned(),
        (true, false) => format!("it ended: {words}"),
        (false, true) => format!("nobody answers on {to}"),
        (false, false) => format!("nobody answers on {to}; it says: {words}"),
    }
}
