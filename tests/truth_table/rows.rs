//! The two tables: rulesets and what becomes of each session.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ftpnat::model::ftp::ClientMode::{Epsv, Pasv, Port};
use libtest_mimic::{Failed, Trial};

use crate::rulesets::{AND_RANGE, CONTROL, EARLIER_TABLE, HELPER, gateway, input};
use crate::support::client::Session;
use crate::support::client::SessionTls::{Cleared, Explicit, Plain};
use crate::support::outcome::Outcome::{Hangs, Refused, Unreachable, Works};
use crate::support::outcome::Stage::{Control, Data};
use crate::support::outcome::{Outcome, Stage};
use crate::support::scene::PUBLIC;

/// A ruleset and what its sessions come to.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) rules: String,
    /// `MasqueradeAddress`.
    pub(crate) advertise: Option<Ipv4Addr>,
    /// How far a session comes that does not work.
    pub(crate) fails_at: Stage,
    pub(crate) cells: Vec<Cell>,
}

pub(crate) type Cell = (&'static str, Session, Outcome);

impl Row {
    /// One trial for each cell, each in a scene of its own.
    pub(crate) fn trials(self, play: fn(&Row, &Cell) -> Result<(), Failed>) -> Vec<Trial> {
        let row = Arc::new(self);
        (0..row.cells.len())
            .map(|index| {
                let row = Arc::clone(&row);
                let name = format!("{}/{}", row.name, row.cells[index].0);
                Trial::test(name, move || play(&row, &row.cells[index]))
            })
            .collect()
    }
}

/// The columns of both tables. Clients are strict but where the name says
/// `lenient`: those connect to the control connection's peer instead of the
/// address that 227 names.
fn cell(column: &'static str, expected: Outcome) -> Cell {
    let (mode, tls, lenient) = match column {
        "plain-epsv" => (Epsv, Plain, false),
        "plain-pasv" => (Pasv, Plain, false),
        "plain-pasv-lenient" => (Pasv, Plain, true),
        "plain-port" => (Port, Plain, false),
        "tls-epsv" => (Epsv, Explicit, false),
        "tls-pasv" => (Pasv, Explicit, false),
        "tls-pasv-lenient" => (Pasv, Explicit, true),
        "tls-port" => (Port, Explicit, false),
        "tls-ccc" => (Epsv, Cleared, false),
        _ => unreachable!("no column {column}"),
    };
    let mut session = Session::new(mode, tls, PUBLIC);
    session.ignores_announced_address = lenient;
    (column, session, expected)
}

/// The firewall on the server itself, no NAT.
pub(crate) fn server_rows() -> Vec<Row> {
    let row = |name, rules: String, fails_at, cells| Row {
        name,
        rules,
        advertise: None,
        fails_at,
        cells,
    };
    vec![
        row(
            "server/established",
            input(&["tcp dport 21 accept"]),
            Data,
            vec![
                cell("plain-epsv", Hangs),
                cell("plain-pasv", Hangs),
                cell("plain-port", Works),
                cell("tls-epsv", Hangs),
                cell("tls-pasv", Hangs),
            ],
        ),
        row(
            "server/helper",
            input(&["tcp dport 21 accept"]) + HELPER,
            Data,
            vec![
                cell("plain-epsv", Works),
                cell("plain-pasv", Works),
                cell("plain-port", Works),
                cell("tls-epsv", Hangs),
                cell("tls-pasv", Hangs),
                cell("tls-ccc", Works),
            ],
        ),
        row(
            "server/range-new",
            input(&[
                "tcp dport 21 accept",
                "ct state new tcp dport 50000-50010 accept",
            ]),
            Data,
            vec![
                cell("plain-epsv", Works),
                cell("plain-pasv", Works),
                cell("plain-port", Works),
                cell("tls-epsv", Works),
                cell("tls-pasv", Works),
                cell("tls-port", Works),
            ],
        ),
        // An accept ends its own base chain only; the packet goes on to the next.
        row(
            "server/accepted-in-another-table",
            input(&[]) + EARLIER_TABLE,
            Control,
            passive_cells(&Hangs),
        ),
        row(
            "server/range-in-another-table",
            input(&["tcp dport 21 accept"]) + EARLIER_TABLE,
            Data,
            passive_cells(&Hangs),
        ),
    ]
}

/// The firewall is a gateway that DNATs; the server announces its own address
/// or, where the row's name says so, the gateway's.
pub(crate) fn gateway_rows() -> Vec<Row> {
    let row = |name, rules: String, advertise, cells| Row {
        name,
        rules,
        advertise,
        fails_at: Data,
        cells,
    };
    let public = Some(Ipv4Addr::new(198, 51, 100, 1));
    vec![
        row(
            "gateway/control-only",
            gateway(CONTROL, CONTROL),
            None,
            vec![
                cell("plain-epsv", Refused),
                cell("plain-pasv", Unreachable),
                cell("plain-pasv-lenient", Refused),
                cell("tls-epsv", Refused),
                cell("tls-pasv", Unreachable),
                cell("tls-pasv-lenient", Refused),
            ],
        ),
        row(
            "gateway/helper",
            gateway(CONTROL, CONTROL) + HELPER,
            None,
            vec![
                cell("plain-epsv", Works),
                cell("plain-pasv", Works), // 227 is rewritten
                cell("tls-epsv", Refused),
                cell("tls-pasv", Unreachable),
                cell("tls-pasv-lenient", Refused),
                cell("plain-port", Works),
            ],
        ),
        row(
            "gateway/range",
            gateway(AND_RANGE, AND_RANGE),
            None,
            vec![
                cell("plain-epsv", Works),
                cell("plain-pasv", Unreachable),
                cell("plain-pasv-lenient", Works),
                cell("tls-epsv", Works),
                cell("tls-pasv", Unreachable),
                cell("tls-pasv-lenient", Works),
            ],
        ),
        row(
            "gateway/range/announces-public",
            gateway(AND_RANGE, AND_RANGE),
            public,
            passive_cells(&Works),
        ),
        row(
            "gateway/helper/announces-public",
            gateway(CONTROL, CONTROL) + HELPER,
            public,
            vec![
                cell("plain-epsv", Works),
                cell("plain-pasv", Refused), // 227 is not recorded
                cell("tls-epsv", Refused),
                cell("tls-pasv", Refused),
            ],
        ),
        row(
            "gateway/range-helper/announces-public",
            gateway(AND_RANGE, AND_RANGE) + HELPER,
            public,
            {
                let mut cells = passive_cells(&Works);
                cells.push(cell("plain-port", Works));
                cells
            },
        ),
    ]
}

/// The four passive columns, all with one outcome.
fn passive_cells(outcome: &Outcome) -> Vec<Cell> {
    ["plain-epsv", "plain-pasv", "tls-epsv", "tls-pasv"]
        .map(|column| cell(column, outcome.clone()))
        .into()
}
