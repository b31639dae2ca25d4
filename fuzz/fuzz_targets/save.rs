//! Text of iptables-save: read or refused.
#![no_main]

use ftpnat::ruleset::save::Save;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| drop(Save::parse(text)));
