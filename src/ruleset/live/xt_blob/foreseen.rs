//! Matches whose outcome a packet and its connection decide.

use crate::model::net::Family;
use crate::ruleset::live::xt::{Conntrack, Match, MultiportSide, Net, Ports, SetSide, Sign};

use super::blob::Blob;
use super::header;
use crate::ruleset::live::xt_names::OTHER_HEADERS;

/// `None` where name, revision or flags are unknown here.
pub(super) fn read(name: &str, revision: u8, blob: Blob) -> Option<Match> {
    match (name, revision) {
        ("tcp", 0) => tcp(blob),
        ("udp", 0) => udp(blob),
        ("icmp", 0) if blob.family == Family::Ipv4 => icmp(blob),
        ("icmp6", 0) if blob.family == Family::Ipv6 => icmp(blob),
        ("multiport", 0 | 1) => multiport(revision, blob),
        ("conntrack", 1..=3) => conntrack(revision, blob),
        ("state", 0) => state(blob),
        ("comment", 0) => blob.text(0, 256).map(Match::Comment),
        ("addrtype", 0 | 1) => addrtype(revision, blob),
        ("iprange", 1) => iprange(blob),
        ("mark", 1) => Some(Match::Mark {
            value: blob.u32(0)?,
            mask: blob.u32(4)?,
            negated: blob.u8(8)? != 0,
        }),
        ("connmark", 1) => Some(Match::Connmark {
            value: blob.u32(0)?,
            mask: blob.u32(4)?,
            negated: blob.u8(8)? != 0,
        }),
        ("pkttype", 0) => Some(Match::Pkttype {
            kind: blob.u32(0)?,
            negated: blob.u32(4)? != 0,
        }),
        ("mac", 0) => Some(Match::Mac {
            source: blob.slice(0, 6)?.try_into().ok()?,
            negated: blob.u32(8)? != 0,
        }),
        ("helper", 0) => Some(Match::Helper {
            name: blob.text(4, 30)?,
            negated: blob.u32(0)? != 0,
        }),
        ("set", 1..=4) => set(blob),
        // Each of them has one revision.
        (name, 0) if OTHER_HEADERS.contains(&name) => Some(Match::OtherHeader {
            name: name.to_owned(),
            words: match name {
                "rt" => header::routing(blob)?,
                _ => String::new(),
            },
        }),
        _ => None,
    }
}

fn sign<T>(negated: bool, value: T) -> Sign<T> {
    Sign { negated, value }
}

/// Two `__u16` in the host's order.
fn ports(blob: Blob, at: usize, negated: bool) -> Option<Ports> {
    Some(sign(negated, (blob.u16(at)?, blob.u16(at + 2)?)))
}

/// `struct xt_tcp`.
fn tcp(blob: Blob) -> Option<Match> {
    let inverted = blob.u8(11)?;
    (inverted & !0x0f == 0).then_some(())?;
    let option = blob.u8(8)?;
    let flags = (blob.u8(9)?, blob.u8(10)?);
    let asks_flags = flags != (0, 0) || inverted & 4 != 0;
    Some(Match::Tcp {
        source: ports(blob, 0, inverted & 1 != 0)?,
        destination: ports(blob, 4, inverted & 2 != 0)?,
        flags: asks_flags.then(|| sign(inverted & 4 != 0, flags)),
        // The kernel asks for an option only where it is not 0 (`xt_tcpudp.c`).
        option: (option != 0).then(|| sign(inverted & 8 != 0, option)),
    })
}

/// `struct xt_udp`.
fn udp(blob: Blob) -> Option<Match> {
    let inverted = blob.u8(8)?;
    (inverted & !3 == 0).then_some(())?;
    Some(Match::Udp {
        source: ports(blob, 0, inverted & 1 != 0)?,
        destination: ports(blob, 4, inverted & 2 != 0)?,
    })
}

/// `struct ipt_icmp`, `struct ip6t_icmp`.
fn icmp(blob: Blob) -> Option<Match> {
    let inverted = blob.u8(3)?;
    (inverted & !1 == 0).then_some(())?;
    Some(Match::Icmp {
        v6: blob.family == Family::Ipv6,
        kind: blob.u8(0)?,
        codes: (blob.u8(1)?, blob.u8(2)?),
        negated: inverted & 1 != 0,
    })
}

/// `struct xt_multiport`, `struct xt_multiport_v1`: where the flag of a port is set, it
/// begins a range that the next port ends.
fn multiport(revision: u8, blob: Blob) -> Option<Match> {
    let side = match blob.u8(0)? {
        0 => MultiportSide::Source,
        1 => MultiportSide::Destination,
        2 => MultiportSide::Either,
        _ => return None,
    };
    let count = usize::from(blob.u8(1)?);
    (count <= 15).then_some(())?;
    let port = |index: usize| blob.u16(2 + 2 * index);
    let begins_range = |index: usize| Some(revision == 1 && blob.u8(32 + index)? != 0);
    let mut ranges = Vec::new();
    let mut index = 0;
    while index < count {
        let first = port(index)?;
        if begins_range(index)? {
            index += 1;
            (index < count).then_some(())?;
        }
        ranges.push((first, port(index)?));
        index += 1;
    }
    Some(Match::Multiport {
        side,
        ranges,
        negated: revision == 1 && blob.u8(47)? != 0,
    })
}

/// `struct xt_conntrack_mtinfo1` to 3. Bits of both flags: state 0, protocol 1, addresses
/// 2 to 5, status 6, expires 7, ports 8 to 11, direction 12; the alias `state` 13.
fn conntrack(revision: u8, blob: Blob) -> Option<Match> {
    let (asked, inverted) = (blob.u16(146)?, blob.u16(148)?);
    (asked & !0x3fff == 0).then_some(())?;
    let is_asked = |bit: u16| asked & (1 << bit) != 0;
    let is_inverted = |bit: u16| inverted & (1 << bit) != 0;
    let (states, seen) = if revision == 1 {
        (u16::from(blob.u8(150)?), u16::from(blob.u8(151)?))
    } else {
        (blob.u16(150)?, blob.u16(152)?)
    };
    let net = |bit: u16, at: usize| -> Option<Option<Sign<Net>>> {
        let net = blob.net(at)?;
        Some(is_asked(bit).then(|| sign(is_inverted(bit), net)))
    };
    // Revision 3 has ranges in the host's order, the others one port as on the wire.
    let port = |bit: u16, low: usize, high: usize| -> Option<Option<Ports>> {
        let range = match revision {
            3 => (blob.u16(low)?, blob.u16(high)?),
            _ => (blob.be16(low)?, blob.be16(low)?),
        };
        Some(is_asked(bit).then(|| sign(is_inverted(bit), range)))
    };
    let protocol = blob.u16(136)?;
    let expires = (blob.u32(128)?, blob.u32(132)?);
    Some(Match::Conntrack(Box::new(Conntrack {
        is_state: is_asked(13),
        states: is_asked(0).then(|| sign(is_inverted(0), states)),
        protocol: is_asked(1).then(|| sign(is_inverted(1), protocol)),
        original_source: net(2, 0)?,
        original_destination: net(3, 32)?,
        reply_source: net(4, 64)?,
        reply_destination: net(5, 96)?,
        status: is_asked(6).then(|| sign(is_inverted(6), seen)),
        expires: is_asked(7).then(|| sign(is_inverted(7), expires)),
        original_source_port: port(8, 138, 154)?,
        original_destination_port: port(9, 140, 156)?,
        reply_source_port: port(10, 142, 158)?,
        reply_destination_port: port(11, 144, 160)?,
        // Inverted is the reply's: `--ctdir` has no sign of its own.
        reply: is_asked(12).then(|| is_inverted(12)),
    })))
}

/// `struct xt_state_info`: as in conntrack, but UNTRACKED is the bit that is SNAT there.
fn state(blob: Blob) -> Option<Match> {
    const UNTRACKED: u16 = 64;
    let mask = u16::try_from(blob.u32(0)?).ok()?;
    (mask & !(0x0f | UNTRACKED) == 0).then_some(())?;
    let untracked = if mask & UNTRACKED != 0 { 256 } else { 0 };
    Some(Match::Conntrack(Box::new(Conntrack {
        is_state: true,
        states: Some(sign(false, mask & 0x0f | untracked)),
        ..Conntrack::default()
    })))
}

/// `struct xt_addrtype_info`, `struct xt_addrtype_info_v1`. A mask of 0 is not asked for.
fn addrtype(revision: u8, blob: Blob) -> Option<Match> {
    let flags = match revision {
        0 => u32::from(blob.u32(4)? != 0) | u32::from(blob.u32(8)? != 0) << 1,
        _ => blob.u32(4)?,
    };
    (flags & !0x0f == 0).then_some(())?;
    let types = |at: usize, bit: u32| -> Option<Option<Sign<u16>>> {
        let mask = blob.u16(at)?;
        Some((mask != 0).then(|| sign(flags & bit != 0, mask)))
    };
    Some(Match::Addrtype {
        source: types(0, 1)?,
        destination: types(2, 2)?,
        limit_in: flags & 4 != 0,
        limit_out: flags & 8 != 0,
    })
}

/// `struct xt_iprange_mtinfo`.
fn iprange(blob: Blob) -> Option<Match> {
    let flags = blob.u8(64)?;
    (flags & !0x33 == 0).then_some(())?;
    let range = |at: usize, bit: u8| -> Option<_> {
        let range = (blob.address(at)?, blob.address(at + 16)?);
        Some((flags & bit != 0).then(|| sign(flags & (bit << 4) != 0, range)))
    };
    Some(Match::Iprange {
        source: range(0, 1)?,
        destination: range(32, 2)?,
    })
}

/// `struct xt_set_info`, which all revisions begin with: number, dimensions, flags, in
/// which bit 0 inverts and the bits of the dimensions from 1 on are those of `src`.
fn set(blob: Blob) -> Option<Match> {
    let flags = blob.u8(3)?;
    Some(Match::Set {
        name: blob.u16(0)?.to_string(),
        sides: set_sides(blob, 0)?,
        negated: flags & 1 != 0,
    })
}

/// The dimensions of the `struct xt_set_info` at an offset.
pub(super) fn set_sides(blob: Blob, at: usize) -> Option<Vec<SetSide>> {
    let (dimensions, flags) = (blob.u8(at + 2)?, blob.u8(at + 3)?);
    // IPSET_DIM_MAX.
    (dimensions <= 6).then_some(())?;
    Some(
        (1..=dimensions)
            .map(|dimension| match flags & (1 << dimension) {
                0 => SetSide::Destination,
                _ => SetSide::Source,
            })
            .collect(),
    )
}
