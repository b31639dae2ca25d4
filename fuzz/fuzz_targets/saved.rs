//! Text of iptables-save, as the model: every rule of it is there, or said to be not.
#![no_main]

use ftpnat::model::net::Family;
use ftpnat::ruleset::live::saved::read;
use ftpnat::ruleset::live::table::Maker;
use ftpnat::ruleset::save::Save;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(save) = Save::parse(text) else {
        return;
    };
    for family in [Family::Ipv4, Family::Ipv6] {
        let ruleset = read(&save, family, Maker::IptablesLegacy);
        let rules = |table: &ftpnat::ruleset::live::Table| {
            table.chains.iter().map(|c| c.rules.len()).sum::<usize>()
        };
        let read: usize = ruleset.tables.iter().map(rules).sum();
        let saved: usize = save.tables.iter().map(|t| t.rules.len()).sum();
        assert!(read <= saved && read + ruleset.unread.len() >= saved);
    }
});
