//! The prediction table: what each kind of client will see once the plan is in
//! force and the server set as the plan says.
//!
//! The client is strict: it obeys the address in a 227 reply. Whatever no rule
//! accepts is taken to be dropped. `rehearse` and the tests play the same cells
//! with packets; where they differ, the prediction is wrong.

mod dnat;
mod masquerade;
mod server_side;

pub(super) use dnat::serves_own_clients;

use std::fmt;

use serde::Serialize;

use crate::model::check::CheckId;
use crate::model::ftp::ClientMode;
use crate::model::net::Family;
use crate::profile::{Control, HelperPolicy, Nat, Profile};

use super::families::{are_clients, served_families};

/// One kind of session and its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// How the client asks for data connections.
    pub client: ClientMode,
    /// Whether control and data connections are under TLS.
    pub tls: bool,
    /// Over which IP version.
    pub family: Family,
    /// Where the client is and which address it calls.
    pub from: From,
    /// The port that this client calls.
    pub control_port: u16,
    /// What happens.
    pub outcome: Outcome,
    /// Why, where it fails.
    pub because: Option<CheckId>,
}

/// Where a client is and which address of the server it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// Outside, by the address that the world uses.
    Outside,
    /// In the inside network, by the external address.
    InsideExternal,
    /// In the inside network, by the server's own address.
    InsideDirect,
    /// On the gateway itself.
    Gateway,
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outside => "outside",
            Self::InsideExternal => "inside, external address",
            Self::InsideDirect => "inside, server's address",
            Self::Gateway => "on this gateway",
        })
    }
}

/// What a client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The listing arrives.
    Works,
    /// It does not.
    Fails,
    /// The server does not serve such a client.
    NotOffered,
}

/// A session that is offered, to be judged.
#[derive(Debug, Clone, Copy)]
struct Session {
    client: ClientMode,
    tls: bool,
    family: Family,
    from: From,
    control: Control,
    /// The port that this client calls to get there.
    called: u16,
}

/// `Ok`: the listing arrives; `Err`: the check that says why not.
type Judgement = Result<(), CheckId>;

/// All cells of a profile, ordered by origin, control port, TLS and family.
#[must_use]
pub fn predictions(profile: &Profile) -> Vec<Cell> {
    let mut cells = Vec::new();
    for family in served_families(profile) {
        for from in origins(profile, family) {
            for control in &profile.control {
                for control_port in ports_called(profile, *control, family, from) {
                    for tls in [false, true] {
                        for client in ClientMode::ALL {
                            let session = Session {
                                client,
                                tls,
                                family,
                                from,
                                control: *control,
                                called: control_port,
                            };
                            cells.push(cell(profile, session));
                        }
                    }
                }
            }
        }
    }
    cells
}

/// The cells of a profile that work, and would not without the conntrack helper.
#[must_use]
pub fn needs_of_helper(profile: &Profile) -> Vec<Cell> {
    let mut without = profile.clone();
    without.helper = HelperPolicy::Never;
    let works = |cell: &Cell| cell.outcome == Outcome::Works;
    predictions(profile)
        .into_iter()
        .zip(predictions(&without))
        .filter(|(with, without)| works(with) && !works(without))
        .map(|(with, _)| with)
        .collect()
}

fn cell(profile: &Profile, session: Session) -> Cell {
    let (outcome, because) = if is_offered(profile, session) {
        match judge(profile, session) {
            Ok(()) => (Outcome::Works, None),
            Err(check) => (Outcome::Fails, Some(check)),
        }
    } else {
        (Outcome::NotOffered, None)
    };
    let Session {
        client,
        tls,
        family,
        from,
        called: control_port,
        ..
    } = session;
    Cell {
        client,
        tls,
        family,
        from,
        control_port,
        outcome,
        because,
    }
}

fn is_offered(profile: &Profile, session: Session) -> bool {
    let tls = session.control.tls;
    let encryption = if session.tls {
        tls.offers_tls()
    } else {
        tls.offers_plain()
    };
    let mode = !session.client.is_active() || profile.active;
    let address = session.family == Family::Ipv4 || !session.client.is_ipv4_only();
    encryption && mode && address
}

fn judge(profile: &Profile, session: Session) -> Judgement {
    match &profile.nat {
        Nat::None | Nat::Upstream { .. } => server_side::judge(profile, session),
        Nat::Dnat {
            external,
            internal,
            hairpin,
        } => dnat::judge(profile, external, internal.as_ref(), *hairpin, session),
        Nat::Masquerade { .. } => masquerade::judge(profile, session),
    }
}

/// From where clients come, as far as the profile describes it.
fn origins(profile: &Profile, family: Family) -> Vec<From> {
    match &profile.nat {
        Nat::None | Nat::Upstream { internal: None, .. } => vec![From::Outside],
        // Whether the translator turns inside clients back is not this host's to say.
        Nat::Upstream {
            internal: Some(inside),
            ..
        } => {
            let inside = inside.networks_of(family);
            if are_clients(profile, family, &inside) {
                vec![From::Outside, From::InsideDirect]
            } else {
                vec![From::Outside]
            }
        }
        Nat::Dnat {
            external,
            internal,
            hairpin,
        } => dnat::origins(profile, external, internal.as_ref(), *hairpin, family),
        Nat::Masquerade { .. } => vec![From::InsideDirect, From::Gateway],
    }
}

/// The ports by which a client of this origin reaches `control`.
fn ports_called(profile: &Profile, control: Control, family: Family, from: From) -> Vec<u16> {
    let (Nat::Upstream { external, .. } | Nat::Dnat { external, .. }) = &profile.nat else {
        return vec![control.port];
    };
    if from == From::InsideDirect || !super::translated(profile, family) {
        return vec![control.port];
    }
    let mut ports: Vec<u16> = super::families::externals_of(external, family)
        .map(|e| e.port.unwrap_or(control.port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}
