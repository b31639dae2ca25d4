//! The bytes of `nf_tables` netlink: requests made, answers taken apart.
//!
//! Pure functions over bytes: `sys` carries them to the kernel and back.
//! Layouts: netlink(7), `linux/netfilter/nfnetlink.h`, `linux/netfilter/nf_tables.h`.

use super::live::table::TableFamily;

/// Why a ruleset was not read that other programs change without pause.
pub const KEPT_CHANGING: &str = "the ruleset kept changing while it was read";

/// `NFNL_SUBSYS_NFTABLES` in the high byte of a message type.
const SUBSYSTEM: u16 = 10 << 8;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// `NLM_F_DUMP_INTR`: the ruleset changed under the dump.
const INTERRUPTED: u16 = 0x10;
/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// `NLMSG_DONE`.
const DONE: u16 = 3;
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
    /// Flowtables (`NFT_MSG_GETFLOWTABLE`).
    Flowtables,
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
                Self::Flowtables => 23,
            }
    }
}

impl TableFamily {
    /// Its number in messages (`NFPROTO_*`).
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Ip => 2,
            Self::Arp => 3,
            Self::Netdev => 5,
            Self::Bridge => 7,
            Self::Ip6 => 10,
        }
    }
}

/// A request to dump a list of one family (`NFPROTO_IPV4` 2, `NFPROTO_IPV6` 10), or of
/// all (`NFPROTO_UNSPEC` 0).
#[must_use]
pub fn dump_request(list: List, family: u8, sequence: u32) -> Vec<u8> {
    request(list.request_type(), DUMP, family, sequence, &[])
}

/// A request to dump the elements of a set (`NFT_MSG_GETSETELEM`), which the kernel lists
/// for one set at a time. `table` and `set` are names without a NUL.
#[must_use]
pub fn elements_request(family: u8, table: &[u8], set: &[u8], sequence: u32) -> Vec<u8> {
    // NFTA_SET_ELEM_LIST_TABLE 1, NFTA_SET_ELEM_LIST_SET 2.
    request_of(SUBSYSTEM | 0x0d, family, [table, set], sequence)
}

/// A request to dump the rules of one chain (`NFT_MSG_GETRULE`; kernels before 4.9 list all
/// rules nevertheless). `table` and `chain` are names without a NUL.
#[must_use]
pub fn rules_request(family: u8, table: &[u8], chain: &[u8], sequence: u32) -> Vec<u8> {
    // NFTA_RULE_TABLE 1, NFTA_RULE_CHAIN 2.
    request_of(List::Rules.request_type(), family, [table, chain], sequence)
}

/// A request to dump what is named by attributes 1 and 2.
fn request_of(kind: u16, family: u8, names: [&[u8]; 2], sequence: u32) -> Vec<u8> {
    let mut attributes = Vec::with_capacity(names[0].len() + names[1].len() + 16);
    for (kind, name) in [1_u16, 2].into_iter().zip(names) {
        let length = u16::try_from(name.len() + 5).unwrap_or_default();
        attributes.extend(length.to_ne_bytes());
        attributes.extend(kind.to_ne_bytes());
        attributes.extend(name);
        attributes.push(0);
        attributes.resize(aligned(attributes.len()), 0);
    }
    request(kind, DUMP, family, sequence, &attributes)
}

/// Family, table and name of each set in a dump of [`List::Sets`] (`NFTA_SET_TABLE` 1,
/// `NFTA_SET_NAME` 2), as [`elements_request`] takes them.
pub fn set_names(dump: &[u8]) -> impl Iterator<Item = (u8, &[u8], &[u8])> {
    names(dump, 2)
}

/// Family, table and name of each chain in a dump of [`List::Chains`] (`NFTA_CHAIN_TABLE` 1,
/// `NFTA_CHAIN_NAME` 3), as [`rules_request`] takes them.
pub fn chain_names(dump: &[u8]) -> impl Iterator<Item = (u8, &[u8], &[u8])> {
    names(dump, 3)
}

/// `named`: the attribute with the name.
fn names(dump: &[u8], named: u16) -> impl Iterator<Item = (u8, &[u8], &[u8])> {
    objects(dump).filter_map(move |object| {
        let name = |kind| {
            let bytes = attribute(object.attributes, kind)?;
            bytes.split(|byte| *byte == 0).next()
        };
        Some((object.family, name(1)?, name(named)?))
    })
}

/// A request for the number of the ruleset's generation (`NFT_MSG_GETGEN`), which each
/// change raises.
#[must_use]
pub fn generation_request(sequence: u32) -> Vec<u8> {
    // NLM_F_REQUEST.
    request(SUBSYSTEM | 0x10, 1, 0, sequence, &[])
}

/// A request to forget all connections, and what their helpers expect
/// (`IPCTNL_MSG_CT_DELETE` of `NFNL_SUBSYS_CTNETLINK`, of no one in particular).
#[must_use]
pub fn forget_request(sequence: u32) -> Vec<u8> {
    // NLM_F_REQUEST | NLM_F_ACK.
    request(1 << 8 | 2, 5, 0, sequence, &[])
}

/// The number in the answer to [`generation_request`] (`NFTA_GEN_ID` 1).
#[must_use]
pub fn generation(answer: &[u8]) -> Option<u32> {
    let first = objects(answer).next()?;
    attribute(first.attributes, 1).and_then(number)
}

fn request(kind: u16, flags: u16, family: u8, sequence: u32, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + FAMILY_HEADER + attributes.len()).unwrap_or_default();
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend([family, 0, 0, 0]);
    bytes.extend(attributes);
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
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    framed(bytes).flat_map(|(header, body)| {
        let interrupted = (header.flags & INTERRUPTED != 0).then_some(Message::Interrupted);
        let message = match header.kind {
            // NLMSG_ERROR and NLMSG_DONE both carry a negative errno first.
            ERROR => Message::Refused(errno(body)),
            DONE if errno(body) != 0 => Message::Refused(errno(body)),
            DONE => Message::Done,
            _ => Message::Object(body.get(FAMILY_HEADER..).unwrap_or_default()),
        };
        interrupted.into_iter().chain([message])
    })
}

/// An object of an answer with the family it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<'a> {
    /// `nfgen_family` of `struct nfgenmsg` (`NFPROTO_*`).
    pub family: u8,
    /// Its attributes.
    pub attributes: &'a [u8],
}

/// The objects of an answer, without what netlink says about the dump itself. Bytes that
/// are no message end them.
pub fn objects(bytes: &[u8]) -> impl Iterator<Item = Object<'_>> {
    framed(bytes)
        .filter(|(header, _)| header.kind != ERROR && header.kind != DONE)
        .filter_map(|(_, body)| object(body))
}

fn object(body: &[u8]) -> Option<Object<'_>> {
    Some(Object {
        family: *body.first()?,
        attributes: body.get(FAMILY_HEADER..)?,
    })
}

/// A dump with those objects alone that are `wanted`, in their order, and with what netlink
/// says about it.
#[must_use]
pub fn kept(dump: &[u8], wanted: impl Fn(Object) -> bool) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut frames = framed(dump);
    let mut rest = dump;
    while let Some((header, body)) = frames.next() {
        let length = rest.len() - frames.rest.len();
        let (frame, behind) = rest.split_at(length);
        rest = behind;
        if header.kind == DONE || object(body).is_some_and(&wanted) {
            kept.extend_from_slice(frame);
        }
    }
    kept
}

/// Whether a dump is there to its end: no byte, or whole messages up to a `NLMSG_DONE`.
#[must_use]
pub fn is_whole(dump: &[u8]) -> bool {
    let mut frames = framed(dump);
    let mut last = DONE;
    for (header, _) in frames.by_ref() {
        last = header.kind;
    }
    frames.rest.is_empty() && last == DONE
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
fn framed(bytes: &[u8]) -> Framed<'_> {
    Framed { rest: bytes }
}

struct Framed<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Framed<'a> {
    type Item = (Header, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(u32_at(self.rest, 0)?).ok()?;
        let header = Header {
            kind: u16_at(self.rest, 4)?,
            flags: u16_at(self.rest, 6)?,
            sequence: u32_at(self.rest, 8)?,
        };
        let body = self.rest.get(HEADER..length)?;
        self.rest = self.rest.get(aligned(length)..).unwrap_or_default();
        Some((header, body))
    }
}

/// The attributes of a message or of a nested attribute: type and value, in order. Bytes
/// that are no attribute end them.
#[must_use]
pub fn attributes(bytes: &[u8]) -> Attributes<'_> {
    Attributes { rest: bytes }
}

/// What [`attributes`] gives.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        /// `NLA_TYPE_MASK`: without the nested and byte-order flags.
        const TYPE: u16 = 0x3fff;
        let length = usize::from(u16_at(self.rest, 0)?);
        let kind = u16_at(self.rest, 2)?;
        let value = self.rest.get(4..length)?;
        self.rest = self.rest.get(aligned(length)..).unwrap_or_default();
        Some((kind & TYPE, value))
    }
}

/// The value of the first attribute of that type.
#[must_use]
pub fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes)
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

/// The same of eight bytes.
#[must_use]
pub fn long_number(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

/// The same of two bytes.
#[must_use]
pub fn short_number(value: &[u8]) -> Option<u16> {
    value.try_into().ok().map(u16::from_be_bytes)
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
mod tests;
