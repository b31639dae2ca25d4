//! The server stands behind a gateway that translates.

use libtest_mimic::{Failed, Trial};

use crate::pair::{Profile, closed, expect, swept};
use crate::support::rules::nft;
use crate::support::scene::{BehindGateway, Forwarding};

/// The server's own view of it.
const PROFILE: &str = "name: office\npassive: { ports: 50000-51000 }\n\
                       server: { address: 10.77.0.21 }\n\
                       nat:\n  mode: upstream\n  external: { address: 198.51.100.1 }\n";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("translated/part", || {
            translated(
                "tcp dport 50000-50499 dnat to 10.77.0.21",
                &["50500-51000: refused"],
            )
        }),
        Trial::test("translated/shifted", || {
            translated(
                "tcp dport 50100-50102 dnat to 10.77.0.21 : tcp dport map \
                 { 50100 : 50101, 50101 : 50102, 50102 : 50103 }
                 tcp dport 50000-51000 dnat to 10.77.0.21",
                &["50100-50102: arrives at the port 1 higher"],
            )
        }),
        Trial::test("translated/elsewhere", || {
            translated(
                "tcp dport 50700 dnat to 10.77.0.50
                 tcp dport 50000-51000 dnat to 10.77.0.21",
                &["50700: something else answers than `ftpnat answer`"],
            )
        }),
    ]
}

fn translated(rules: &str, wanted: &[&str]) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    nft(
        &scene.gateway,
        &format!(
            "table ip nat {{ chain prerouting {{
                type nat hook prerouting priority -100;
                {rules}
            }}\n}}\n"
        ),
    );
    let beside = scene
        .inside
        .inside(|| std::net::TcpListener::bind("0.0.0.0:50700"));
    let beside = beside.expect("a listener beside the server");
    // It greets, as servers do.
    std::thread::spawn(move || {
        use std::io::Write as _;
        for stream in beside.incoming().flatten() {
            let _ = (&stream).write_all(b"220 another server\r\n");
        }
    });
    let profile = Profile::of(PROFILE);
    let report = swept((&scene.client, &scene.server), "198.51.100.1", &profile, 1)?;
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    expect(&closed(&report), &wanted)
}
