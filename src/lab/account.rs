//! What came of a rehearsal, as it is told: between processes, and to people.

use serde::{Deserialize, Serialize};

use super::play::{Attempt, Came, Seen, What};
use super::rehearsal::Report;
use super::scene::Scene;
use super::verdict::is_opened;

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// In the order of the predictions.
    pub cells: Vec<CellSeen>,
    /// What is to stay out.
    pub kept: Vec<KeptSeen>,
    /// What `apply` said on the way.
    pub notes: String,
}

/// What became of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellSeen {
    /// What clients saw before.
    pub before: Seen,
    /// And with the plan.
    pub after: Seen,
    /// Whether that is what was predicted.
    pub agrees: bool,
    /// Whether a rule of the host's own keeps the client out, and was not predicted.
    pub is_kept_out: bool,
    /// The session that showed it, where it did not work before.
    pub showed: Option<Shown>,
    /// The session that shows it, where it does not work.
    pub shows: Option<Shown>,
}

/// A session that did not come through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The machine of the client.
    pub client: String,
    /// The client's address, where it has one of its own.
    pub source: Option<String>,
    /// What it called.
    pub called: String,
    /// The data port that the server picked, where it was asked to.
    pub data: Option<u16>,
    /// How far it came.
    pub stage: String,
    /// What happened.
    pub words: String,
}

/// A port, or a machine, that is to stay out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSeen {
    /// Who knocked.
    pub source: Option<String>,
    /// The address.
    pub called: String,
    /// The port.
    pub port: u16,
    /// Whether the source is one of the clients.
    pub is_client: bool,
    /// What it saw before.
    pub before: Seen,
    /// And with the plan.
    pub after: Seen,
}

impl Account {
    /// Whether everything is as predicted.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.cells.iter().all(|cell| cell.agrees) && self.opened().next().is_none()
    }

    /// What the plan opened that is to stay out.
    pub fn opened(&self) -> impl Iterator<Item = &KeptSeen> {
        self.kept
            .iter()
            .filter(|kept| is_opened(kept.before, kept.after))
    }

    /// The same as what is said between processes. `notes`: what `apply` said on the way.
    #[must_use]
    pub fn of(report: &Report, scene: &Scene, notes: String) -> Self {
        let cells = report.cells.iter().map(|judged| CellSeen {
            before: judged.before,
            after: judged.after,
            agrees: judged.agrees,
            is_kept_out: judged.is_kept_out,
            showed: judged.showed.as_ref().map(|showed| shown(showed, scene)),
            shows: judged.shows.as_ref().map(|shows| shown(shows, scene)),
        });
        let kept = report
            .kept
            .iter()
            .filter_map(|kept| match kept.attempt.what {
                What::Listing { .. } => None,
                What::Knock { port } => Some(KeptSeen {
                    source: kept.attempt.seat.source.map(|source| source.to_string()),
                    called: kept.attempt.seat.called.to_string(),
                    port,
                    is_client: scene.seats.contains(&kept.attempt.seat),
                    before: kept.before.seen,
                    after: kept.after.seen,
                }),
            });
        Self {
            cells: cells.collect(),
            kept: kept.collect(),
            notes,
        }
    }
}

fn shown((attempt, came): &(Attempt, Came), scene: &Scene) -> Shown {
    let (control, data) = match attempt.what {
        What::Listing { control, data, .. } => (control, data),
        What::Knock { port } => (port, None),
    };
    Shown {
        client: scene.hosts[attempt.seat.host].name.clone(),
        source: attempt.seat.source.map(|source| source.to_string()),
        called: std::net::SocketAddr::new(attempt.seat.called, control).to_string(),
        data,
        stage: came.stage.to_string(),
        words: came.words.clone(),
    }
}
