//! The options of targets that no other rule depends on, as iptables' `extensions/libxt_*.c`,
//! `libipt_TTL.c` and `libip6t_HL.c` save them.

use super::blob::Blob;

/// The options; none where the name, the revision or a value is not known: what the rule
/// does to a packet is the same.
pub(super) fn words(name: &str, revision: u8, blob: Blob) -> String {
    known(name, revision, blob).unwrap_or_default()
}

fn known(name: &str, revision: u8, blob: Blob) -> Option<String> {
    match (name, revision) {
        // XT_CHECKSUM_OP_FILL
        ("CHECKSUM", 0) => (blob.u8(0)? & 1 != 0).then(|| "--checksum-fill".to_owned()),
        ("CLASSIFY", 0) => {
            let class = blob.u32(0)?;
            let (major, minor) = (class >> 16, class & 0xffff);
            Some(format!("--set-class {major:04x}:{minor:04x}"))
        }
        ("DSCP", 0) => Some(format!("--set-dscp 0x{:02x}", blob.u8(0)?)),
        ("TOS", 1) => {
            let (value, mask) = (blob.u8(0)?, blob.u8(1)?);
            Some(format!("--set-tos 0x{value:02x}/0x{mask:02x}"))
        }
        ("TTL" | "HL", 0) => {
            let how = ["set", "inc", "dec"];
            let how = how.get(usize::from(blob.u8(0)?))?;
            let option = name.to_lowercase();
            Some(format!("--{option}-{how} {}", blob.u8(1)?))
        }
        ("AUDIT", 0) => {
            let kinds = ["accept", "drop", "reject"];
            let kind = kinds.get(usize::from(blob.u8(0)?))?;
            Some(format!("--type {kind}"))
        }
        ("TEE", 1) => {
            let device = blob.text(16, 16)?;
            let gateway = format!("--gateway {}", blob.address(0)?);
            Some(match device.as_str() {
                "" => gateway,
                device => format!("{gateway} --oif {device}"),
            })
        }
        _ => None,
    }
}
