//! Targets.

use std::net::IpAddr;

use super::blob::Blob;
use super::passes;
use super::target_words;
use crate::model::net::Family;
use crate::ruleset::live::xt::{ConnmarkOp, Nat, NatKind, Target};
use crate::ruleset::live::xt_names::PASSES;

/// `None` where name, revision or flags are unknown here.
pub(super) fn read(name: &str, revision: u8, blob: Blob) -> Option<Target> {
    match (name, revision) {
        ("LOG", 0) => Some(Target::Log {
            name: name.to_owned(),
            words: target_words::log(blob)?,
        }),
        ("NFLOG", 0) => Some(Target::Log {
            name: name.to_owned(),
            words: target_words::nflog(blob)?,
        }),
        ("REJECT", 0) => Some(Target::Reject {
            v6: blob.family == Family::Ipv6,
            with: blob.u32(0)?,
        }),
        ("SNAT", 0..=2) => nat(NatKind::Snat, revision, blob),
        ("DNAT", 0..=2) => nat(NatKind::Dnat, revision, blob),
        ("MASQUERADE", 0) => nat(NatKind::Masquerade, family_revision(blob), blob),
        ("REDIRECT", 0) => nat(NatKind::Redirect, family_revision(blob), blob),
        ("NETMAP", 0) => nat(NatKind::Netmap, family_revision(blob), blob),
        ("MARK", 2) => Some(Target::Mark {
            value: blob.u32(0)?,
            mask: blob.u32(4)?,
        }),
        ("CONNMARK", 1 | 2) => connmark(revision, blob),
        ("TCPMSS", 0) => Some(Target::Tcpmss {
            // XT_TCPMSS_CLAMP_PMTU.
            size: Some(blob.u16(0)?).filter(|size| *size != 0xffff),
        }),
        ("CT", 0..=2) => ct(revision, blob),
        ("NOTRACK", 0) => Some(Target::Ct {
            notrack: true,
            helper: None,
            zone: 0,
            words: String::new(),
        }),
        ("TPROXY", 0 | 1) => tproxy(revision, blob),
        ("NFQUEUE", 0..=3) => nfqueue(revision, blob),
        ("SET", 1..=3) => Some(Target::Set {
            words: target_words::set(revision, blob)?,
        }),
        (name, _) if PASSES.contains(&name) => Some(Target::Passes {
            name: name.to_owned(),
            words: passes::words(name, revision, blob),
        }),
        _ => None,
    }
}

/// Those targets that have one revision: the old struct for IPv4, the newer one for IPv6.
fn family_revision(blob: Blob) -> u8 {
    match blob.family {
        Family::Ipv4 => 0,
        Family::Ipv6 => 1,
    }
}

/// `struct nf_nat_ipv4_multi_range_compat` (0), `struct nf_nat_range` (1),
/// `struct nf_nat_range2` (2); ports are as on the wire.
fn nat(kind: NatKind, revision: u8, blob: Blob) -> Option<Target> {
    let (flags, addresses, ports, base) = if revision == 0 {
        (blob.family == Family::Ipv4 && blob.u32(0)? == 1).then_some(())?;
        let addresses = (IpAddr::V4(blob.v4(8)?), IpAddr::V4(blob.v4(12)?));
        (blob.u32(4)?, addresses, (blob.be16(16)?, blob.be16(18)?), 0)
    } else {
        let base = if revision == 2 { blob.be16(40)? } else { 0 };
        let addresses = (blob.address(4)?, blob.address(20)?);
        (
            blob.u32(0)?,
            addresses,
            (blob.be16(36)?, blob.be16(38)?),
            base,
        )
    };
    let has = |bit: u32| flags & bit != 0;
    // NF_NAT_RANGE_MASK.
    (flags & !0x7f == 0).then_some(())?;
    Some(Target::Nat(Nat {
        kind,
        addresses: has(1).then_some(addresses),
        ports: has(2).then_some(ports),
        base: has(32).then_some(base),
        random: has(4),
        fully_random: has(16),
        persistent: has(8),
    }))
}

/// `struct xt_connmark_tginfo1` and 2; a shift cannot be said in the model.
fn connmark(revision: u8, blob: Blob) -> Option<Target> {
    let mode = match revision {
        1 => blob.u8(12)?,
        _ if blob.u8(13)? != 0 => return None,
        _ => blob.u8(14)?,
    };
    Some(Target::Connmark {
        op: match mode {
            0 => ConnmarkOp::Set,
            1 => ConnmarkOp::Save,
            2 => ConnmarkOp::Restore,
            _ => return None,
        },
        value: blob.u32(0)?,
        ct_mask: blob.u32(4)?,
        packet_mask: blob.u32(8)?,
    })
}

/// `struct xt_ct_target_info`, `struct xt_ct_target_info_v1`. Zones of one direction or
/// by mark (flags 4, 8, 16) cannot be said in the model.
fn ct(revision: u8, blob: Blob) -> Option<Target> {
    let flags = blob.u16(0)?;
    (flags & !3 == 0).then_some(())?;
    Some(Target::Ct {
        notrack: flags & 1 != 0,
        helper: blob.text(12, 16).filter(|helper| !helper.is_empty()),
        zone: blob.u16(2)?,
        words: target_words::ct(revision, blob)?,
    })
}

/// `struct xt_tproxy_target_info`, `struct xt_tproxy_target_info_v1`.
fn tproxy(revision: u8, blob: Blob) -> Option<Target> {
    let (address, port) = match revision {
        0 => (IpAddr::V4(blob.v4(8)?), blob.be16(12)?),
        _ => (blob.address(8)?, blob.be16(24)?),
    };
    Some(Target::Tproxy {
        address,
        port,
        value: blob.u32(4)?,
        mask: blob.u32(0)?,
    })
}

/// `struct xt_NFQ_info`, `_v1` to `_v3`.
fn nfqueue(revision: u8, blob: Blob) -> Option<Target> {
    Some(Target::Nfqueue {
        first: blob.u16(0)?,
        total: if revision == 0 { 1 } else { blob.u16(2)? },
        bypass: revision >= 2 && blob.u16(4)? & 1 != 0,
    })
}
