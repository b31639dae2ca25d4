//! As much as there is, in one batch.

use ftpnat::ruleset::change::Operation;
use ftpnat::ruleset::live::Table;
use ftpnat::ruleset::live::table::{Element, Key, Value};
use libtest_mimic::Trial;

use crate::host::{Host, replaced};
use crate::support::server;

pub(crate) fn trials() -> Vec<Trial> {
    let large = Trial::test("large::3000 rules and 20000 elements", || {
        all_of_it_is_there();
        Ok(())
    });
    // In a user namespace nobody may send as much at once (`SO_SNDBUFFORCE`).
    vec![large.with_ignored_flag(!server::has_other_users())]
}

const RULES: usize = 3000;
const ELEMENTS: u32 = 20_000;
/// Of concatenations of ranges: the kernel takes much longer to put them in.
const RANGES: u32 = 1000;

/// A rule and an element of each kind, to be multiplied.
const SEED: &str = "table inet ftpnat {
	map servers {
		type ipv4_addr . inet_service : ipv4_addr . inet_service
		elements = { 192.0.2.1 . 21 comment \"ftpnat:p:control\" : 10.77.0.1 . 2121 }
	}
	map ranges {
		type ipv4_addr . inet_service : ipv4_addr
		flags interval
		elements = { 192.0.2.1 . 50000-50010 : 10.77.0.1 }
	}
	set clients {
		type ipv4_addr
		flags interval
		elements = { 10.77.0.0/30 }
	}
	chain pre {
		type nat hook prerouting priority -110; policy accept;
		ip daddr 192.0.2.1 tcp dport 21 dnat ip to 10.77.0.1:2121 comment \"ftpnat:p:control\"
		dnat ip to ip daddr . tcp dport map @servers comment \"ftpnat:p:control\"
		ip saddr { 192.0.2.1, 192.0.2.9 } accept
	}
}
";

pub(crate) fn large(table: &Table) -> Table {
    let mut table = table.clone();
    for set in &mut table.sets {
        if set.flags.anonymous {
            continue;
        }
        let seed = set.elements.remove(0);
        let count = if set.flags.concat { RANGES } else { ELEMENTS };
        set.elements = (0..count).map(|n| another(&seed, n)).collect();
    }
    let rules = &mut table.chains[0].rules;
    let seed = rules.remove(0);
    rules.extend(std::iter::repeat_n(seed, RULES - 2));
    table
}

/// The first part of its key is another address of 10.0.0.0/8, four addresses wide where it
/// is a range.
fn another(seed: &Element, number: u32) -> Element {
    let address = |from: &[u8], offset: u32| {
        let mut bytes = from.to_vec();
        bytes[..4].copy_from_slice(&(0x0a00_0000 + number * 8 + offset).to_be_bytes());
        bytes.into_boxed_slice()
    };
    let key = match &seed.key {
        Key::One(key) => Key::One(address(key, 0)),
        Key::Range(first, last) if first.len() == 4 => {
            Key::Range(address(first, 0), address(last, 3))
        }
        Key::Range(first, last) => Key::Range(address(first, 0), address(last, 0)),
        Key::CatchAll => Key::CatchAll,
    };
    let value = seed.value.clone().map(|value| match value {
        Value::Data(data) => Value::Data(address(&data, 1)),
        other => other,
    });
    Element {
        key,
        value,
        ..seed.clone()
    }
}

fn all_of_it_is_there() {
    let seed = Host::with(SEED).tables().remove(0);
    let host = Host::new();
    let planned = large(&seed);
    for _ in 0..2 {
        let (_, generation) = host.read();
        let change = replaced(vec![planned.clone()]);
        host.try_out(&change, generation).expect("a trial");
        host.commit(&change, generation).expect("a commit");
        let read = host.tables().remove(0);
        assert_eq!(read.chains[0].rules.len(), RULES);
        for set in read.sets.iter().filter(|set| !set.flags.anonymous) {
            let as_planned = planned.sets.iter().find(|p| p.name == set.name);
            assert_eq!(
                Some(&set.elements),
                as_planned.map(|p| &p.elements),
                "{}",
                set.name
            );
        }
    }
    let delete = Operation::DeleteTable {
        family: planned.family,
        name: planned.name,
    };
    let (_, generation) = host.read();
    host.commit(&[delete], generation).expect("a commit");
    assert_eq!(host.listing(), "");
}
