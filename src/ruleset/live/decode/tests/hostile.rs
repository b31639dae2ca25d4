//! Bytes of an attacker, and dumps that were damaged on their way.

use proptest::prelude::*;

use super::super::{Dump, decode};
use super::{attribute, dumped, expression, message, nested, number, one_rule, text};

/// A whole dump, to be damaged.
fn sample() -> Dump {
    let data = nested(3, &[attribute(1, &[0, 21])]);
    let dynset = expression(
        "dynset",
        &[
            text(1, "s"),
            number(3, 0),
            number(4, 1),
            nested(10, &[expression("counter", &[attribute(1, &[0; 8])])]),
        ],
    );
    let mut dump = one_rule(&[
        expression(
            "payload",
            &[number(1, 1), number(2, 2), number(3, 2), number(4, 2)],
        ),
        expression("cmp", &[number(1, 1), number(2, 0), data]),
        expression(
            "match",
            &[text(1, "conntrack"), number(2, 3), attribute(3, &[9; 168])],
        ),
        expression(
            "target",
            &[text(1, "DNAT"), number(2, 2), attribute(3, &[3; 48])],
        ),
        dynset,
    ]);
    let names = [text(1, "t"), text(2, "s")];
    let key = nested(1, &[attribute(1, &[0, 21])]);
    dump.sets = dumped(&[message(
        9,
        &[&names[..], &[number(3, 4), number(5, 2)]].concat(),
    )]);
    dump.elements = dumped(&[message(
        12,
        &[&names[..], &[nested(3, &[nested(1, &[key])])]].concat(),
    )]);
    dump
}

proptest! {
    #[test]
    fn hostile_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let part = || dumped(std::slice::from_ref(&bytes));
        let dump = Dump {
            tables: part(),
            chains: part(),
            rules: part(),
            sets: part(),
            elements: part(),
            objects: part(),
            flowtables: part(),
        };
        let _ = decode(&dump);
        for name in ["cmp", "dynset", "match", "nat", "immediate", "bitwise", "lookup"] {
            let inner = nested(2, std::slice::from_ref(&bytes));
            let _ = decode(&one_rule(&[nested(1, &[text(1, name), inner])]));
        }
    }

    #[test]
    fn damaged_and_truncated_dumps_do_not_panic(
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut dump = sample();
        for part in [&mut dump.rules, &mut dump.sets, &mut dump.elements, &mut dump.chains] {
            let place = at.index(part.len());
            part[place] = byte;
            part.truncate(cut.index(part.len() * 3));
        }
        let _ = decode(&dump);
    }
}
