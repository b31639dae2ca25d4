//! The whole problem in small: hand-written rules, real `ProFTPD`, real clients.
//!
//! Every row is a ruleset, every cell a session through it. This is what the
//! kernel does; predictions and generated rules are measured against it.

mod rows;
mod rulesets;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};

use rows::{Cell, Row, gateway_rows, server_rows};
use rulesets::{AND_RANGE, HELPER, gateway, input};
use support::client;
use support::netns::Namespace;
use support::outcome::Outcome::Works;
use support::outcome::Stage::Data;
use support::proftpd;
use support::rules::{Reach, nft, reach};
use support::scene::{BehindGateway, Direct, Forwarding, PUBLIC};
use support::server::Config;

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
    let proftpd = proftpd::start(
        server,
        &Config {
            advertise: row.advertise,
            ..Config::default()
        },
    );
    let stage = if *expected == Works {
        Data
    } else {
        row.fails_at
    };
    client::expect(client, &proftpd, session, expected, stage)
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
