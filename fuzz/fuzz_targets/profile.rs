//! A profile: valid or refused with places, and a valid one can be planned.
#![no_main]

use ftpnat::facts::Facts;
use ftpnat::{plan, profile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match profile::parse("fuzz.yaml", data) {
        Ok(profile) => drop(plan::plan(&[profile], &Facts::default())),
        Err(errors) => assert!(!errors.render(false).is_empty()),
    }
});
