//! What nft loads: each ruleset in `tests/data/live/` beside the model that it must give.

use libtest_mimic::Trial;
use snapbox::data::DataFormat;
use snapbox::{Data, assert_data_eq};

use crate::agreement::agree;
use crate::held::{Held, written};

/// Every expression that this kernel has; every kind of set; every family.
const RULESETS: [&str; 3] = ["expressions", "sets", "families"];

pub(crate) fn trials() -> Vec<Trial> {
    let trials = RULESETS.into_iter();
    trials
        .map(|name| {
            Trial::test(format!("native::{name}"), move || {
                read(name);
                Ok(())
            })
        })
        .collect()
}

fn read(name: &str) {
    let path = format!("{}/tests/data/live/{name}", env!("CARGO_MANIFEST_DIR"));
    let held = Held::new();
    let loaded = std::fs::read_to_string(format!("{path}.nft")).expect("a ruleset");
    held.load("nft", &loaded);
    let wanted = Data::read_from(format!("{path}.txt").as_ref(), Some(DataFormat::Text));
    let ruleset = held.understood();
    assert_data_eq!(written(&ruleset), wanted.raw());
    agree(&held, &ruleset, name);
}
