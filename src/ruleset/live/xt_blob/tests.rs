//! Revisions that no program of the lab writes, and bytes of an attacker. Those that they
//! write are compared with saved text in `tests/live_ruleset/`.

use proptest::prelude::*;

use super::{read_match, read_target};
use crate::ruleset::live::table::TableFamily;
use crate::ruleset::live::xt::{Conntrack, Match, Sign, Target};

/// Every name that is read.
const NAMES: [&str; 44] = [
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "multiport",
    "conntrack",
    "state",
    "comment",
    "addrtype",
    "iprange",
    "mark",
    "connmark",
    "pkttype",
    "mac",
    "helper",
    "set",
    "limit",
    "hashlimit",
    "recent",
    "connlimit",
    "owner",
    "physdev",
    "socket",
    "string",
    "time",
    "statistic",
    "LOG",
    "NFLOG",
    "REJECT",
    "SNAT",
    "DNAT",
    "MASQUERADE",
    "REDIRECT",
    "NETMAP",
    "MARK",
    "CONNMARK",
    "TCPMSS",
    "CT",
    "NOTRACK",
    "TPROXY",
    "NFQUEUE",
    "SET",
    "TRACE",
    "nobody",
];

#[test]
fn the_old_state_match_has_untracked_where_conntrack_has_snat() {
    let read = read_match("state", 0, &66_u32.to_ne_bytes(), TableFamily::Ip);
    assert_eq!(
        read,
        Match::Conntrack(Box::new(Conntrack {
            is_state: true,
            states: Some(Sign {
                negated: false,
                value: 256 | 2
            }),
            ..Conntrack::default()
        }))
    );
}

#[test]
fn the_first_conntrack_revision_has_states_in_a_byte_and_ports_as_on_the_wire() {
    let mut info = [0; 152];
    info[140..142].copy_from_slice(&21_u16.to_be_bytes());
    info[146..148].copy_from_slice(&(1_u16 | 1 << 9).to_ne_bytes());
    info[148..150].copy_from_slice(&(1_u16 << 9).to_ne_bytes());
    info[150] = 8;
    let read = read_match("conntrack", 1, &info, TableFamily::Ip);
    let Match::Conntrack(conntrack) = read else {
        panic!("{read:?}");
    };
    let port = conntrack.original_destination_port;
    assert_eq!(port.map(|p| (p.negated, p.value)), Some((true, (21, 21))));
    assert_eq!(conntrack.states.map(|s| s.value), Some(8));
    assert_eq!(conntrack.status, None);
}

#[test]
fn too_few_bytes_unknown_revisions_and_other_families_are_opaque() {
    for (name, revision, info, family) in [
        ("tcp", 0, &[0; 11][..], TableFamily::Ip),
        ("tcp", 1, &[0; 16], TableFamily::Ip),
        ("conntrack", 3, &[0; 158], TableFamily::Ip),
        ("icmp6", 0, &[0; 8], TableFamily::Ip),
        ("limit", 0, &[1; 64], TableFamily::Bridge),
    ] {
        let read = read_match(name, revision, info, family);
        let revision = Some(revision);
        assert!(
            matches!(&read, Match::Opaque { revision: r, .. } if *r == revision),
            "{read:?}"
        );
    }
    // A zone by mark, a shift, and a revision of tomorrow.
    let zone = [&16_u16.to_ne_bytes()[..], &[0; 62]].concat();
    let shift = [&[0; 13][..], &[1, 0, 0]].concat();
    for (name, revision, info) in [
        ("CT", 2, zone),
        ("CONNMARK", 2, shift),
        ("MARK", 3, vec![0; 8]),
    ] {
        let read = read_target(name, revision, &info, TableFamily::Ip);
        assert!(matches!(read, Target::Opaque { .. }), "{read:?}");
    }
}

proptest! {
    #[test]
    fn hostile_blobs_do_not_panic(
        name in proptest::sample::select(&NAMES[..]),
        revision in 0..6_u8,
        v6 in any::<bool>(),
        info in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let family = if v6 { TableFamily::Ip6 } else { TableFamily::Ip };
        let _ = read_match(name, revision, &info, family);
        let _ = read_target(name, revision, &info, family);
    }
}
