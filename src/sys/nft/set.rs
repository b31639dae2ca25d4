//! Sets and maps, and what is in them.

use super::batch::{Error, Part};
use super::expression::anonymous_name;
use super::held::{Cannot, comment, data, name};
use super::libnftnl::{ADD_ELEMENTS, ADD_SET, Element, Held, LONGEST, Parts, Set, UserData};
use super::write::{Place, Writer};
use crate::ruleset::live::table::{self, Key, SetFlags, Value};

/// `libnftnl/udata.h`: items of a set's user data.
const KEY_ORDER: u8 = 0;
const DATA_ORDER: u8 = 1;
const DATA_INTERVAL: u8 = 6;
const SET_COMMENT: u8 = 7;
/// `NFT_SET_ELEM_INTERVAL_END`, `NFT_SET_ELEM_CATCHALL`.
const INTERVAL_END: u32 = 1;
const CATCH_ALL: u32 = 2;

/// nft's `enum byteorder`; a concatenation has none of its own.
#[derive(Debug, Clone, Copy)]
enum Order {
    None = 0,
    Host = 1,
    Wire = 2,
}

/// nft's types by their numbers (`enum datatypes` of its `datatype.h`): bytes of a value,
/// and in which order.
const TYPES: [(u32, u32, Order); 18] = [
    // nf_proto
    (2, 1, Order::Host),
    // ipv4_addr, ipv6_addr, ether_addr, ether_type
    (7, 4, Order::Wire),
    (8, 16, Order::Wire),
    (9, 6, Order::Wire),
    (10, 2, Order::Wire),
    // inet_proto, inet_service, icmp_type
    (12, 1, Order::Wire),
    (13, 2, Order::Wire),
    (14, 1, Order::Wire),
    // mark, iface_index, iface_type
    (19, 4, Order::Host),
    (20, 4, Order::Host),
    (21, 2, Order::Host),
    // uid, gid, ct_state, ct_dir, ct_status
    (24, 4, Order::Host),
    (25, 4, Order::Host),
    (26, 4, Order::Host),
    (27, 1, Order::Host),
    (28, 4, Order::Host),
    // icmpv6_type, ifname
    (29, 1, Order::Wire),
    (41, 16, Order::Host),
];

/// The types that a type is made of: each has six bits of its number (`TYPE_BITS`).
fn parts(mut number: u32) -> Vec<u32> {
    let mut parts = Vec::new();
    while number != 0 {
        parts.push(number & 0x3f);
        number >>= 6;
    }
    parts.reverse();
    parts
}

fn order(number: u32) -> Order {
    match parts(number)[..] {
        [one] => TYPES
            .iter()
            .find(|known| known.0 == one)
            .map_or(Order::None, |known| known.2),
        _ => Order::None,
    }
}

/// Bytes of a value; the parts of a concatenation begin at full registers.
fn length(number: u32) -> Option<u32> {
    let parts = parts(number);
    let one = |part: &u32| TYPES.iter().find(|known| known.0 == *part).map(|k| k.1);
    match &parts[..] {
        [] => None,
        [part] => one(part),
        many => many.iter().map(|p| Some(one(p)?.next_multiple_of(4))).sum(),
    }
}

impl Writer {
    /// Makes a set, without what is in it. `id`: its number in the batch.
    pub(super) fn set(&mut self, set: &table::Set, at: Place, id: u32) -> Result<(), Error> {
        let what = format!("{} of {at}", shown(set));
        let made = declaration(set, at, id).map_err(|cannot| cannot.about(&what))?;
        self.add(&made, &ADD_SET, at, Part::Set, what)
    }

    /// Puts its elements in, in as many messages as it takes.
    pub(super) fn elements(&mut self, set: &table::Set, at: Place, id: u32) -> Result<(), Error> {
        // `first` and `next` count from 0, people from 1.
        let about = |first: usize, next: usize| {
            format!("elements {} to {next} of {} of {at}", first + 1, shown(set))
        };
        let empty = || head(set, at, id).map_err(|cannot| cannot.about(&shown(set)));
        let mut chunk = empty()?;
        let mut first = 0;
        for (index, element) in set.elements.iter().enumerate() {
            let made = entries(set, element);
            let made = made.map_err(|cannot| cannot.about(&about(index, index + 1)))?;
            let room: usize = made.iter().map(Held::room).sum();
            if chunk.room().saturating_add(room) > LONGEST && index > first {
                self.add(
                    &chunk,
                    &ADD_ELEMENTS,
                    at,
                    Part::Elements,
                    about(first, index),
                )?;
                chunk = empty()?;
                first = index;
            }
            for entry in made {
                chunk.add(entry);
            }
        }
        if set.elements.is_empty() {
            return Ok(());
        }
        let what = about(first, set.elements.len());
        self.add(&chunk, &ADD_ELEMENTS, at, Part::Elements, what)
    }
}

fn shown(set: &table::Set) -> String {
    let kind = if is_map(set) { "map" } else { "set" };
    if set.flags.anonymous {
        format!("an anonymous {kind}")
    } else {
        format!("{kind} {}", set.name)
    }
}

fn is_map(set: &table::Set) -> bool {
    set.flags.map || set.flags.object
}

/// What names it.
fn head(set: &table::Set, at: Place, id: u32) -> Result<Held<Set>, Cannot> {
    let mut head = Held::<Set>::new();
    head.set(&Set::TABLE, &name(at.table)?);
    let named = if set.flags.anonymous {
        anonymous_name(&set.name)
    } else {
        &set.name
    };
    head.set(&Set::NAME, &name(named)?);
    head.set(&Set::ID, &id);
    Ok(head)
}

fn declaration(set: &table::Set, at: Place, id: u32) -> Result<Held<Set>, Cannot> {
    if let Some(why) = &set.unread {
        return Err(Cannot::new(format!("its elements are not known: {why}")));
    }
    if !set.expressions.is_empty() {
        return Err(Cannot::new("its elements carry expressions"));
    }
    let mut made = head(set, at, id)?;
    made.set(&Set::FLAGS, &bits(set.flags));
    made.set(&Set::KEY_TYPE, &set.key_type);
    made.set(&Set::KEY_LENGTH, &set.key_length);
    if let Some(timeout) = set.timeout {
        made.set(&Set::TIMEOUT, &timeout);
    }
    if let Some(size) = set.size.or_else(|| foreseen_size(set)) {
        made.set(&Set::SIZE, &size);
    }
    if !set.parts.is_empty() {
        let parts = Parts::new(&set.parts).ok_or_else(|| Cannot::new("its parts are too many"))?;
        made.set(&Set::PARTS, &parts);
    }
    // As nft writes it, and in that order.
    let item = |data: UserData, kind: u8, value: u32| {
        let with = data.with(kind, &value.to_ne_bytes());
        with.ok_or_else(|| Cannot::new("its user data are too long"))
    };
    let mut user_data = item(UserData::default(), KEY_ORDER, order(set.key_type) as u32)?;
    if let Some(object_type) = set.object_type {
        made.set(&Set::OBJECT_TYPE, &object_type);
    } else if is_map(set) {
        let (kind, length) = value_of(set)?;
        made.set(&Set::DATA_TYPE, &kind);
        made.set(&Set::DATA_LENGTH, &length);
        user_data = item(user_data, DATA_ORDER, order(kind) as u32)?;
        let is_interval = self::length(kind).is_some_and(|one| length == one * 2);
        user_data = item(user_data, DATA_INTERVAL, u32::from(is_interval))?;
    }
    if let Some(text) = &set.comment {
        user_data = comment(user_data, SET_COMMENT, text)?;
    }
    made.set(&Set::USER_DATA, &user_data);
    Ok(made)
}

/// An anonymous set never changes: it has a size, by which the kernel chooses how to keep
/// it. Of ranges it would count starts and ends, and keeps them in one way only.
fn foreseen_size(set: &table::Set) -> Option<u32> {
    let is_of_pairs = set.flags.interval && !set.flags.concat;
    let is_foreseen = set.flags.anonymous && !is_of_pairs && !set.elements.is_empty();
    u32::try_from(set.elements.len())
        .ok()
        .filter(|_| is_foreseen)
}

/// The type of a map's values, and how many bytes they have.
fn value_of(set: &table::Set) -> Result<(u32, u32), Cannot> {
    let kind = set
        .data_type
        .ok_or_else(|| Cannot::new("the type of its values is not known"))?;
    let first = set
        .elements
        .iter()
        .find_map(|element| match &element.value {
            Some(Value::Data(bytes)) => u32::try_from(bytes.len()).ok(),
            _ => None,
        });
    let length = first.or_else(|| length(kind));
    let length = length.ok_or_else(|| Cannot::new("the length of its values is not known"))?;
    Ok((kind, length))
}

/// `enum nft_set_flags`.
fn bits(flags: SetFlags) -> u32 {
    [
        flags.anonymous,
        flags.constant,
        flags.interval,
        flags.map,
        flags.timeout,
        flags.dynamic,
        flags.object,
        flags.concat,
    ]
    .iter()
    .rev()
    .fold(0, |bits, flag| bits << 1 | u32::from(*flag))
}

/// What the kernel takes for an element: where a set has ranges that are no
/// concatenations, a start and an end, which is the first key behind.
fn entries(set: &table::Set, element: &table::Element) -> Result<Vec<Held<Element>>, Cannot> {
    if !element.expressions.is_empty() {
        return Err(Cannot::new("it carries expressions"));
    }
    let mut made = Held::<Element>::new();
    let mut end = None;
    match &element.key {
        Key::CatchAll => made.set(&Element::FLAGS, &CATCH_ALL),
        Key::One(key) => made.set(&Element::KEY, &data(key)?),
        Key::Range(first, _) => made.set(&Element::KEY, &data(first)?),
    }
    match &element.key {
        Key::One(last) | Key::Range(_, last) if set.flags.interval => {
            if set.flags.concat {
                made.set(&Element::KEY_END, &data(last)?);
            } else if let Some(key) = behind(last) {
                let mut made = Held::<Element>::new();
                made.set(&Element::KEY, &data(&key)?);
                made.set(&Element::FLAGS, &INTERVAL_END);
                end = Some(made);
            }
        }
        Key::Range(..) => return Err(Cannot::new("it is a range in a set without ranges")),
        Key::One(_) | Key::CatchAll => {}
    }
    match &element.value {
        None => {}
        Some(Value::Data(bytes)) => made.set(&Element::DATA, &data(bytes)?),
        Some(Value::Object(object)) => made.set(&Element::OBJECT, &name(object)?),
        Some(Value::Verdict(_)) => return Err(Cannot::new("its value is a verdict")),
    }
    if let Some(timeout) = element.timeout {
        made.set(&Element::TIMEOUT, &timeout);
    }
    if let Some(text) = &element.comment {
        // NFTNL_UDATA_SET_ELEM_COMMENT.
        made.set(&Element::USER_DATA, &comment(UserData::default(), 0, text)?);
    }
    Ok([Some(made), end].into_iter().flatten().collect())
}

/// The key behind this one; `None` behind the last.
fn behind(key: &[u8]) -> Option<Vec<u8>> {
    let mut key = key.to_vec();
    for byte in key.iter_mut().rev() {
        let (more, carries) = byte.overflowing_add(1);
        *byte = more;
        if !carries {
            return Some(key);
        }
    }
    None
}
