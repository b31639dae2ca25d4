//! Dumps of `nf_tables`, as the model: whatever they are; and packets sent through that.
//! The input stands for every dump; a message counts in each as far as its attributes are
//! of that kind.
#![no_main]

use ftpnat::ruleset::eval::{Axis, Flow, HostFacts, Packet, Prepared};
use ftpnat::ruleset::live::decode::{Dump, decode};
use ftpnat::ruleset::live::print;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let ruleset = decode(&Dump {
        tables: data,
        chains: data,
        rules: data,
        sets: data,
        elements: data,
        objects: data,
        flowtables: data,
    });
    // No more than a message each.
    assert!(ruleset.tables.len() <= data.len() / 16);
    let host = HostFacts::default();
    let prepared = Prepared::new(&ruleset, &host);
    for (from, to) in [("192.0.2.1", "203.0.113.10"), ("2001:db8::1", "2001:db8:113::10")] {
        let address = |text: &str| text.parse().expect("an address");
        let flow = Flow::tcp((address(from), 1024), (address(to), 50000));
        let packet = Packet::arriving(flow, Some("eth0"));
        let region = flow.region().with(Axis::DestinationPort, 50000, 51000);
        let pieces = prepared.partition(&packet, &region, 16);
        assert!(!pieces.is_empty());
        let _ = prepared.evaluate(&Packet::leaving(flow));
    }
    for table in &ruleset.tables {
        for chain in &table.chains {
            for rule in &chain.rules {
                let _ = print::rule(rule, &chain.name, table);
            }
        }
    }
});
