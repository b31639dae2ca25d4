//! Answers of `nf_tables`: taken apart, whatever they are.
#![no_main]

use ftpnat::model::net::Family;
use ftpnat::ruleset::native::{Dumps, native_things, tables_with_chains, tables_with_rules};
use ftpnat::ruleset::netlink::acknowledgements;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let dumps = Dumps {
        tables: data.to_vec(),
        chains: data.to_vec(),
        rules: data.to_vec(),
        sets: data.to_vec(),
        objects: data.to_vec(),
    };
    let tables = tables_with_chains(&dumps);
    let names: Vec<&str> = tables.iter().map(String::as_str).collect();
    let _ = native_things(&dumps, Family::Ipv4, &names);
    let _ = tables_with_rules(&dumps);
    let _ = acknowledgements(data);
});
