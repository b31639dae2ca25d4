//! A dump of `nf_tables` as messages that make the same ruleset in another network namespace.
//!
//! Attributes are carried over as they are: what this program does not understand is made all
//! the same. Left out is what the kernel gives by itself (handles, counts of users), and what
//! binds a table to the process that made it. Layouts: `linux/netfilter/nf_tables.h`,
//! `net/netfilter/nf_tables_api.c`.

use super::live::decode::Dump;
use super::live::table::TableFamily;
use super::netlink::{Object, attribute, attributes, number, objects, text};

/// A table by family (`NFPROTO_*`) and name.
pub type TableAt = (u8, String);

/// One message: its type without the subsystem (`NFT_MSG_*`), its family, its attributes, and
/// what it makes, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `NFT_MSG_NEW*`.
    pub kind: u8,
    /// `NFPROTO_*`.
    pub family: u8,
    /// Attributes.
    pub attributes: Vec<u8>,
    /// Such as `rule of chain input of table inet filter`.
    pub what: String,
}

/// The most bytes of elements in one message: the length of an attribute has 16 bits.
const MOST_ELEMENTS: usize = 32 * 1024;

/// The tables of a dump, in their order.
#[must_use]
pub fn tables(dump: &Dump) -> Vec<TableAt> {
    objects(&dump.tables)
        .filter_map(|object| table_of(object))
        .collect()
}

/// The messages that make one table, in order: the table, chains without rules, objects,
/// flowtables, sets with their elements, rules. `number`: the last number that was given to a
/// set; sets in one batch have different ones.
#[must_use]
pub fn messages(dump: &Dump, table: &TableAt, numbers: &mut u32) -> Vec<Message> {
    let mut made = Vec::new();
    let (family, name) = table;
    let of_table = |bytes| objects(bytes).filter(|o| table_of(*o).as_ref() == Some(table));
    let place = format!("table {} {name}", family_name(*family));
    let mut push = |kind: Kind, attributes: Vec<u8>, what: String| {
        made.push(Message {
            kind: kind as u8,
            family: *family,
            attributes,
            what,
        });
    };
    for object in of_table(&dump.tables) {
        push(
            Kind::Table,
            kept(object.attributes, table_part),
            place.clone(),
        );
    }
    for object in of_table(&dump.chains) {
        let chain = named(object, 3);
        let what = format!("chain {chain} of {place}");
        push(Kind::Chain, kept(object.attributes, chain_part), what);
    }
    for object in of_table(&dump.objects) {
        let what = format!("object {} of {place}", named(object, 2));
        push(Kind::Object, kept(object.attributes, object_part), what);
    }
    for object in of_table(&dump.flowtables) {
        let what = format!("flowtable {} of {place}", named(object, 2));
        push(
            Kind::Flowtable,
            kept(object.attributes, flowtable_part),
            what,
        );
    }
    for object in of_table(&dump.sets) {
        *numbers += 1;
        let mut attributes = kept(object.attributes, set_part);
        // NFTA_SET_ID: the kernel wants one, and nothing else of it here.
        put(&mut attributes, 10, &numbers.to_be_bytes());
        let set = named(object, 2);
        push(Kind::Set, attributes, format!("set {set} of {place}"));
        for elements in elements(of_table(&dump.elements), &set, is_of_intervals(object)) {
            let mut attributes = Vec::new();
            for (kind, name) in [(1, name), (2, &set)] {
                put(&mut attributes, kind, format!("{name}\0").as_bytes());
            }
            // NFTA_SET_ELEM_LIST_ELEMENTS, nested.
            put(&mut attributes, 3 | NESTED, &elements);
            push(
                Kind::Elements,
                attributes,
                format!("elements of set {set} of {place}"),
            );
        }
    }
    for object in of_table(&dump.rules) {
        let what = format!("a rule of chain {} of {place}", named(object, 2));
        push(Kind::Rule, kept(object.attributes, rule_part), what);
    }
    made
}

/// `NFT_MSG_NEW*`.
#[derive(Clone, Copy)]
enum Kind {
    Table = 0,
    Chain = 3,
    Rule = 6,
    Set = 9,
    Elements = 12,
    Object = 18,
    Flowtable = 22,
}

/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

fn table_of(object: Object) -> Option<TableAt> {
    // NFTA_*_TABLE, and NFTA_TABLE_NAME.
    Some((object.family, attribute(object.attributes, 1).map(text)?))
}

fn named(object: Object, kind: u16) -> String {
    attribute(object.attributes, kind)
        .map(text)
        .unwrap_or_default()
}

fn family_name(number: u8) -> &'static str {
    let all = [
        TableFamily::Inet,
        TableFamily::Ip,
        TableFamily::Ip6,
        TableFamily::Arp,
        TableFamily::Bridge,
        TableFamily::Netdev,
    ];
    let found = all.into_iter().find(|family| family.number() == number);
    found.map_or("of another family", TableFamily::name)
}

/// What becomes of an attribute.
enum Part {
    /// It is carried over.
    Same,
    /// It is carried over with another value.
    Other(Vec<u8>),
    /// It is left out.
    Out,
}

/// Attributes, as `part` says of each.
fn kept(attributes: &[u8], part: fn(u16, &[u8]) -> Part) -> Vec<u8> {
    let mut all = Vec::new();
    for (kind, header, value) in raw(attributes) {
        match part(kind, value) {
            Part::Same => put(&mut all, header, value),
            Part::Other(value) => put(&mut all, header, &value),
            Part::Out => {}
        }
    }
    all
}

/// NAME 1, FLAGS 2, USERDATA 6. `NFT_TABLE_F_OWNER` and `NFT_TABLE_F_PERSIST` are of the
/// process that holds the table.
fn table_part(kind: u16, value: &[u8]) -> Part {
    const DORMANT: u32 = 1;
    match kind {
        1 | 6 => Part::Same,
        2 => {
            let flags = number(value).unwrap_or_default() & DORMANT;
            Part::Other(flags.to_be_bytes().to_vec())
        }
        _ => Part::Out,
    }
}

/// TABLE 1, NAME 3, HOOK 4, POLICY 5, TYPE 7, FLAGS 10, USERDATA 12.
fn chain_part(kind: u16, _: &[u8]) -> Part {
    match kind {
        1 | 3 | 4 | 5 | 7 | 10 | 12 => Part::Same,
        _ => Part::Out,
    }
}

/// TABLE 1, CHAIN 2, EXPRESSIONS 4, COMPAT 5, USERDATA 7.
fn rule_part(kind: u16, value: &[u8]) -> Part {
    match kind {
        1 | 2 | 5 | 7 => Part::Same,
        4 => Part::Other(expressions(value)),
        _ => Part::Out,
    }
}

/// Expressions as they were, but for what the kernel says of one and does not take: the flags
/// of an `exthdr` that writes (`nft_exthdr_tcp_set_init`).
fn expressions(list: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for (_, header, expression) in raw(list) {
        // NFTA_EXPR_NAME 1, NFTA_EXPR_DATA 2; NFTA_EXTHDR_SREG 7.
        let is_exthdr = attribute(expression, 1).is_some_and(|name| text(name) == "exthdr");
        let writes = attribute(expression, 2).is_some_and(|data| attribute(data, 7).is_some());
        if is_exthdr && writes {
            put(&mut all, header, &kept(expression, written_part));
        } else {
            put(&mut all, header, expression);
        }
    }
    all
}

/// `NFTA_EXPR_DATA` of an `exthdr` that writes, without `NFTA_EXTHDR_FLAGS`.
fn written_part(kind: u16, value: &[u8]) -> Part {
    let without_flags = |kind, _: &[u8]| if kind == 5 { Part::Out } else { Part::Same };
    match kind {
        2 => Part::Other(kept(value, without_flags)),
        _ => Part::Same,
    }
}

/// TABLE 1 to DESC 9, TIMEOUT 11, `GC_INTERVAL` 12, USERDATA 13, `OBJ_TYPE` 15, EXPR 17,
/// EXPRESSIONS 18.
fn set_part(kind: u16, _: &[u8]) -> Part {
    match kind {
        1..=9 | 11 | 12 | 13 | 15 | 17 | 18 => Part::Same,
        _ => Part::Out,
    }
}

/// TABLE 1, NAME 2, TYPE 3, DATA 4, USERDATA 8.
fn object_part(kind: u16, _: &[u8]) -> Part {
    match kind {
        1..=4 | 8 => Part::Same,
        _ => Part::Out,
    }
}

/// TABLE 1, NAME 2, HOOK 3, FLAGS 7.
fn flowtable_part(kind: u16, _: &[u8]) -> Part {
    match kind {
        1..=3 | 7 => Part::Same,
        _ => Part::Out,
    }
}

/// Whether intervals in a set are two elements each, in a tree (`nft_set_rbtree.c`). Of
/// concatenations an element is a whole box (`nft_set_pipapo.c`).
fn is_of_intervals(set: Object) -> bool {
    // NFTA_SET_FLAGS 3; NFT_SET_INTERVAL, NFT_SET_CONCAT.
    let flags = attribute(set.attributes, 3)
        .and_then(number)
        .unwrap_or_default();
    flags & 4 != 0 && flags & 0x80 == 0
}

/// The elements of a set in the order in which the kernel takes them, in pieces. Of intervals
/// the end of one comes before the beginning of the next; boxes come as they did, since one
/// that lies in another has to come first.
fn elements<'a>(
    of_table: impl Iterator<Item = Object<'a>>,
    set: &str,
    is_of_intervals: bool,
) -> Vec<Vec<u8>> {
    let mut all: Vec<(Vec<u8>, bool, Vec<u8>)> = Vec::new();
    for object in of_table.filter(|o| named(*o, 2) == set) {
        let list = attribute(object.attributes, 3).unwrap_or_default();
        for (_, header, element) in raw(list) {
            // NFTA_SET_ELEM_KEY 1 holds NFTA_DATA_VALUE 1; NFT_SET_ELEM_INTERVAL_END 1.
            let key = attribute(element, 1).and_then(|key| attribute(key, 1));
            let flags = attribute(element, 3).and_then(number).unwrap_or_default();
            let mut whole = Vec::new();
            put(&mut whole, header, element);
            let is_start = flags & 1 == 0;
            all.push((key.unwrap_or_default().to_vec(), is_start, whole));
        }
    }
    if is_of_intervals {
        all.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    }
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for (_, _, element) in all {
        match pieces.last_mut() {
            Some(piece) if piece.len() + element.len() <= MOST_ELEMENTS => piece.extend(element),
            _ => pieces.push(element),
        }
    }
    pieces
}

/// Attributes with their type, their header's type with its flags, and their value.
fn raw(bytes: &[u8]) -> impl Iterator<Item = (u16, u16, &[u8])> {
    let mut rest = bytes;
    attributes(bytes).map(move |(kind, value)| {
        let header = rest
            .get(2..4)
            .map_or(kind, |b| u16::from_ne_bytes([b[0], b[1]]));
        rest = rest.get(aligned(value.len() + 4)..).unwrap_or_default();
        (kind, header, value)
    })
}

fn put(bytes: &mut Vec<u8>, header: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(header.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(aligned(bytes.len()), 0);
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// Messages as one batch of bytes, between those that begin and end it (`nfnetlink.h`),
/// numbered from 0.
#[must_use]
pub fn batch(messages: &[Message]) -> Vec<u8> {
    // NFNL_MSG_BATCH_BEGIN 0x10 and _END 0x11, of subsystem NFNL_SUBSYS_NFTABLES 10.
    let mut bytes = Vec::new();
    let border = |bytes: &mut Vec<u8>, kind: u16, sequence| {
        frame(bytes, kind, 1, [0, 0, 0, 10], sequence, &[]);
    };
    border(&mut bytes, 0x10, 0);
    let mut sequence = 0;
    for message in messages {
        sequence += 1;
        // NLM_F_REQUEST | NLM_F_CREATE; rules are appended (NLM_F_APPEND).
        let flags = if message.kind == Kind::Rule as u8 {
            0xc01
        } else {
            0x401
        };
        let kind = 10 << 8 | u16::from(message.kind);
        let header = [message.family, 0, 0, 0];
        frame(
            &mut bytes,
            kind,
            flags,
            header,
            sequence,
            &message.attributes,
        );
    }
    border(&mut bytes, 0x11, sequence + 1);
    bytes
}

fn frame(
    bytes: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    family: [u8; 4],
    sequence: u32,
    attributes: &[u8],
) {
    let length = u32::try_from(20 + attributes.len()).unwrap_or_default();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(family);
    bytes.extend(attributes);
    bytes.resize(aligned(bytes.len()), 0);
}
