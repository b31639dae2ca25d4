//! The whole problem in small: hand-written rules, real `ProFTPD`, real clients.
//!
//! Every row is a ruleset, every cell a session through it. This is what the
//! kernel does; predictions and generated rules are measured against it.

mod support;

use std::net::Ipv4Addr;
use std::process::ExitCode;

use ftpnat::model::ftp::ClientMode::{Epsv, Pasv, Port};
use libtest_mimic::{Failed, Trial};

use support::client::SessionTls::{Cleared, Explicit, Plain};
use support::client::{self, Session};
use support::netns::Namespace;
use support::outcome::Outcome::{Hangs, Refused, Unreachable, Works};
use support::outcome::Stage::{Control, Data};
use support::outcome::{Outcome, Stage};
use support::proftpd::{Config, Proftpd};
use support::rules::{Reach, nft, reach};
use support::scene::{BehindGateway, Direct, Forwarding, PUBLIC};

fn main() -> ExitCode {
    support::enter();
    let mut trials = Vec::new();
    for row in server_rows() {
        trials.extend(row.trials(play_on_server));
    }
    for row in gateway_rows() {
        trials.extend(row.trials(play_through_gateway));
    }
    trials.push(Trial::test(
        "server/range-new/beside-the-range",
        beside_the_range_of_the_server,
    ));
    trials.push(Trial::test(
        "gateway/range-helper/beside-the-range",
        beside_the_range_of_the_gateway,
    ));
    support::play(trials)
}

/// A ruleset and what its sessions come to.
struct Row {
    name: &'static str,
    rules: String,
    /// `MasqueradeAddress`.
    advertise: Option<Ipv4Addr>,
    /// How far a session comes that does not work.
    fails_at: Stage,
    cells: Vec<Cell>,
}

type Cell = (&'static str, Session, Outcome);

impl Row {
    /// One trial for each cell, each in a scene of its own.
    fn trials(self, play: fn(&Row, &Cell) -> Result<(), Failed>) -> Vec<Trial> {
        let row = std::sync::Arc::new(self);
        (0..row.cells.len())
            .map(|index| {
                let row = std::sync::Arc::clone(&row);
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
fn server_rows() -> Vec<Row> {
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
fn gateway_rows() -> Vec<Row> {
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

/// A server's input chain that drops what `accepts` do not name.
fn input(accepts: &[&str]) -> String {
    format!(
        "table inet filter {{
            chain input {{
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                {}
            }}
        }}
        ",
        accepts.join("\n                ")
    )
}

/// Assigns the helper, between conntrack and DNAT.
const HELPER: &str = r#"
table inet helper {
    ct helper ftp-standard {
        type "ftp" protocol tcp
    }
    chain prerouting {
        type filter hook prerouting priority -150;
        tcp dport 21 ct helper set "ftp-standard"
    }
}
"#;

/// What administrators try first: an accept in a table of its own.
const EARLIER_TABLE: &str = "
table inet earlier {
    chain input {
        type filter hook input priority -10; policy accept;
        ct state new tcp dport { 21, 50000-50010 } accept
    }
}
";

const CONTROL: &str = "21";
const AND_RANGE: &str = "{ 21, 50000-50010 }";

/// A gateway that translates and lets through these ports.
fn gateway(translated: &str, accepted: &str) -> String {
    format!(
        r#"table inet nat {{
            chain prerouting {{
                type nat hook prerouting priority -100;
                iifname "eth0" ip daddr 198.51.100.1 tcp dport {translated} dnat ip to 10.77.0.21
            }}
        }}
        table inet filter {{
            chain forward {{
                type filter hook forward priority 0; policy drop;
                ct state established,related accept
                iifname "eth0" ip daddr 10.77.0.21 tcp dport {accepted} ct state new accept
            }}
        }}
        "#
    )
}

fn play_on_server(row: &Row, cell: &Cell) -> Result<(), Failed> {
    let scene = Direct::new();
    nft(&scene.server, &row.rules);
    play(&scene.client, &scene.server, row, cell)
}

fn play_through_gateway(row: &Row, cell: &Cell) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    nft(&scene.gateway, &row.rules);
    play(&scene.client, &scene.server, row, cell)
}

fn play(client: &Namespace, server: &Namespace, row: &Row, cell: &Cell) -> Result<(), Failed> {
    let (_, session, expected) = cell;
    let proftpd = Proftpd::start(
        server,
        &Config {
            advertise: row.advertise,
            ..Config::default()
        },
    );
    let report = client::play(client, &proftpd, session, expected);
    let stage = if *expected == Works {
        Data
    } else {
        row.fails_at
    };
    if report.outcome == *expected && report.stage == stage {
        return Ok(());
    }
    Err(format!(
        "{expected:?} at {stage:?} expected, seen: {report}server:\n{}",
        proftpd.log()
    )
    .into())
}

/// The range is open to its last port and not one further.
fn beside_the_range_of_the_server() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(
        &scene.server,
        &input(&[
            "tcp dport 21 accept",
            "ct state new tcp dport 50000-50010 accept",
        ]),
    );
    expect_reach(&scene.client, &scene.server, Reach::Silent)
}

/// The gateway itself answers for ports that it does not translate.
fn beside_the_range_of_the_gateway() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    nft(&scene.gateway, &(gateway(AND_RANGE, AND_RANGE) + HELPER));
    expect_reach(&scene.client, &scene.server, Reach::Refused)
}

fn expect_reach(client: &Namespace, server: &Namespace, beside: Reach) -> Result<(), Failed> {
    for (port, expected) in [
        (49999, beside),
        (50000, Reach::Open),
        (50010, Reach::Open),
        (50011, beside),
    ] {
        let seen = reach(client, PUBLIC, server, port);
        if seen != expected {
            return Err(format!("port {port}: {expected:?} expected, {seen:?} seen").into());
        }
    }
    Ok(())
}
