//! The bytes of `nf_tables` netlink: requests made, answers taken apart.
//!
//! Pure functions over bytes: `sys` carries them to the kernel and back.
//! Layouts: netlink(7), `linux/netfilter/nfnetlink.h`, `linux/netfilter/nf_tables.h`.

/// `NFNL_SUBSYS_NFTABLES` in the high byte of a message type.
const SUBSYSTEM: u16 = 10 << 8;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// `NLM_F_DUMP_INTR`: the ruleset changed under the dump.
const INTERRUPTED: u16 = 0x10;
/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// `NLMSG_HDRLEN`.
const HEADER: usize = 16;
/// `sizeof(struct nfgenmsg)`.
const FAMILY_HEADER: usize = 4;

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Tables (`NFT_MSG_GETTABLE`).
    Tables,
    /// Chains (`NFT_MSG_GETCHAIN`).
    Chains,
    /// Rules (`NFT_MSG_GETRULE`).
    Rules,
    /// Sets and maps (`NFT_MSG_GETSET`).
    Sets,
    /// Stateful objects (`NFT_MSG_GETOBJ`).
    Objects,
}

impl List {
    fn request_type(self) -> u16 {
        SUBSYSTEM
            | match self {
                Self::Tables => 1,
                Self::Chains => 4,
                Self::Rules => 7,
                Self::Sets => 10,
                Self::Objects => 19,
            }
    }
}

/// A request to dump a list of one family (`NFPROTO_IPV4` 2, `NFPROTO_IPV6` 10).
#[must_use]
pub fn dump_request(list: List, family: u8, sequence: u32) -> Vec<u8> {
    let length = u32::try_from(HEADER + FAMILY_HEADER).unwrap_or_default();
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(list.request_type().to_ne_bytes());
    bytes.extend(DUMP.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend([family, 0, 0, 0]);
    bytes
}

/// One message of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// An object: its attributes.
    Object(&'a [u8]),
    /// The end of the dump.
    Done,
    /// The kernel refused, with this `errno`.
    Refused(i32),
    /// The ruleset changed during the dump; ask again.
    Interrupted,
}

/// Takes an answer apart. Bytes that are no message end it.
#[must_use]
pub fn messages(bytes: &[u8]) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    for (header, body) in framed(bytes) {
        if header.flags & INTERRUPTED != 0 {
            messages.push(Message::Interrupted);
        }
        messages.push(match header.kind {
            // NLMSG_ERROR and NLMSG_DONE both carry a negative errno first.
            ERROR => Message::Refused(errno(body)),
            3 if errno(body) != 0 => Message::Refused(errno(body)),
            3 => Message::Done,
            _ => Message::Object(body.get(FAMILY_HEADER..).unwrap_or_default()),
        });
    }
    messages
}

/// The kernel's word on one message that it was sent (`NLMSG_ERROR`, netlink(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The number that the message was sent with.
    pub sequence: u32,
    /// 0 where it was taken, else why not, as errno(3) has it.
    pub errno: i32,
}

/// Takes the answers to a batch apart. Bytes that are no message end them.
#[must_use]
pub fn acknowledgements(bytes: &[u8]) -> Vec<Acknowledgement> {
    framed(bytes)
        .into_iter()
        .filter(|(header, _)| header.kind == ERROR)
        .map(|(header, body)| Acknowledgement {
            sequence: header.sequence,
            errno: errno(body),
        })
        .collect()
}

/// What is used of `struct nlmsghdr`.
struct Header {
    kind: u16,
    flags: u16,
    sequence: u32,
}

/// Headers and what follows each. Bytes that are no message end them.
fn framed(bytes: &[u8]) -> Vec<(Header, &[u8])> {
    let mut framed = Vec::new();
    let mut rest = bytes;
    while let (Some(length), Some(kind), Some(flags), Some(sequence)) = (
        u32_at(rest, 0),
        u16_at(rest, 4),
        u16_at(rest, 6),
        u32_at(rest, 8),
    ) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(body) = rest.get(HEADER..length) else {
            break;
        };
        let header = Header {
            kind,
            flags,
            sequence,
        };
        framed.push((header, body));
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    framed
}

/// The attributes of a message or of a nested attribute: type and value, in order.
#[must_use]
pub fn attributes(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    /// `NLA_TYPE_MASK`: without the nested and byte-order flags.
    const TYPE: u16 = 0x3fff;
    let mut attributes = Vec::new();
    let mut rest = bytes;
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let length = usize::from(length);
        let Some(value) = rest.get(4..length) else {
            break;
        };
        attributes.push((kind & TYPE, value));
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    attributes
}

/// The value of the first attribute of that type.
#[must_use]
pub fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes)
        .into_iter()
        .find(|(k, _)| *k == kind)
        .map(|(_, value)| value)
}

/// A string attribute, up to its NUL.
#[must_use]
pub fn text(value: &[u8]) -> String {
    let end = value.iter().position(|b| *b == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// A number in network byte order, as `nf_tables` writes them.
#[must_use]
pub fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

fn errno(body: &[u8]) -> i32 {
    body.get(..4)
        .and_then(|b| b.try_into().ok())
        .map_or(0, |b| i32::from_ne_bytes(b).saturating_neg())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_ne_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at + 2)?
        .try_into()
        .ok()
        .map(u16::from_ne_bytes)
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_error_answer_carries_its_errno() {
        let mut bytes = 36_u32.to_ne_bytes().to_vec();
        bytes.extend(2_u16.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend((-1_i32).to_ne_bytes());
        bytes.extend([0; 16]);
        assert_eq!(messages(&bytes), [Message::Refused(1)]);
    }

    #[test]
    fn each_answer_to_a_batch_names_its_message() {
        let mut bytes = Vec::new();
        for (sequence, errno) in [(3_u32, 0_i32), (7, -2)] {
            bytes.extend(36_u32.to_ne_bytes());
            bytes.extend(2_u16.to_ne_bytes());
            bytes.extend(0_u16.to_ne_bytes());
            bytes.extend(sequence.to_ne_bytes());
            bytes.extend([0; 4]);
            bytes.extend(errno.to_ne_bytes());
            bytes.extend([0; 16]);
        }
        let answers = acknowledgements(&bytes).into_iter();
        let answers: Vec<_> = answers.map(|a| (a.sequence, a.errno)).collect();
        assert_eq!(answers, [(3, 0), (7, 2)]);
    }

    proptest! {
        #[test]
        fn hostile_bytes_end_the_reading(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for message in messages(&bytes) {
                if let Message::Object(body) = message {
                    let _ = attributes(body);
                }
            }
            let _ = attributes(&bytes);
            let _ = acknowledgements(&bytes);
        }
    }
}
