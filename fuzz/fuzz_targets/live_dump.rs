//! Dumps of `nf_tables`, as the model: whatever they are. The input stands for every
//! dump; a message counts in each as far as its attributes are of that kind.
#![no_main]

use ftpnat::ruleset::live::decode::{Dump, decode};
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
});
