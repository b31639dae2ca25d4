//! A dump is of one moment, however the ruleset changes meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ftpnat::ruleset::live::decode::decode;
use ftpnat::sys::netlink::dump_everything;
use libtest_mimic::Trial;

use crate::held::Held;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("moments::each dump is of one", || {
        each_dump_is_of_one();
        Ok(())
    })]
}

/// Every transaction leaves as many rules as the set has elements.
fn each_dump_is_of_one() {
    let held = Held::new();
    let ruleset = |count: usize| {
        let rules = "accept\n".repeat(count);
        let elements: Vec<String> = (1..=count).map(|port| port.to_string()).collect();
        format!(
            "table ip t {{}}\ndelete table ip t\ntable ip t {{\nset s {{ type inet_service\n\
             elements = {{ {} }}\n}}\nchain c {{\n{rules}}}\n}}\n",
            elements.join(", ")
        )
    };
    held.load("nft", &ruleset(1));
    let done = Arc::new(AtomicBool::new(false));
    let namespace = held.namespace.clone();
    let ended = Arc::clone(&done);
    let changer = std::thread::spawn(move || {
        for count in (1..400).cycle() {
            if ended.load(Ordering::Relaxed) {
                break;
            }
            namespace.feed("nft", &["-f", "-"], &ruleset(count * 7 % 400 + 1));
        }
    });
    let mut sizes = BTreeSet::new();
    for _ in 0..1000 {
        if sizes.len() > 20 {
            break;
        }
        // A ruleset that keeps changing is refused; that is an answer too.
        let Ok(dump) = held.namespace.inside(dump_everything) else {
            continue;
        };
        let ruleset = decode(&dump);
        assert_eq!(ruleset.unread, []);
        let table = &ruleset.tables[0];
        assert_eq!(table.sets[0].unread, None);
        assert_eq!(table.chains[0].rules.len(), table.sets[0].elements.len());
        sizes.insert(table.sets[0].elements.len());
    }
    done.store(true, Ordering::Relaxed);
    changer.join().expect("the changes end");
    assert!(sizes.len() > 5, "it hardly changed: {sizes:?}");
}
