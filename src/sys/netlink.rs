//! Dumps of `nf_tables` over netlink. Listing needs `CAP_NET_ADMIN`.

use std::io;

use mnl::{Bus, Socket};

use crate::ruleset::live::decode::Dump;
use crate::ruleset::native::Dumps;
use crate::ruleset::netlink::{
    List, Message, dump_request, elements_request, generation, generation_request, messages,
    set_names,
};

/// How often a dump that the ruleset changed under is asked for again.
const ATTEMPTS: u32 = 8;
/// A dump comes in pieces of at most this (`nf_tables` fills pages, up to 32 KiB).
const BUFFER: usize = 64 * 1024;

/// Everything of one family (`NFPROTO_IPV4` 2, `NFPROTO_IPV6` 10).
///
/// # Errors
/// `PermissionDenied` without `CAP_NET_ADMIN`; `Unsupported` where the kernel has
/// no `nf_tables`; others as the kernel says.
pub fn dump(family: u8) -> io::Result<Dumps> {
    let socket = Socket::new(Bus::Netfilter)?;
    Ok(Dumps {
        tables: list(&socket, List::Tables, family)?,
        chains: list(&socket, List::Chains, family)?,
        rules: list(&socket, List::Rules, family)?,
        sets: list(&socket, List::Sets, family)?,
        objects: list(&socket, List::Objects, family)?,
    })
}

/// Everything of all families, elements of sets too, as it was at one moment: the ruleset's
/// generation is the same before and after, and no dump was interrupted.
///
/// # Errors
/// As [`dump`]; `Interrupted` where the ruleset kept changing.
pub fn dump_everything() -> io::Result<Dump> {
    let socket = Socket::new(Bus::Netfilter)?;
    let mut buffer = Buffer::new();
    for attempt in 1..=ATTEMPTS {
        let before = generation_of(&socket, &mut buffer, attempt)?;
        let dump = everything(&socket, &mut buffer, attempt);
        let is_same = generation_of(&socket, &mut buffer, attempt)? == before;
        match dump {
            Ok(Some(dump)) if is_same => return Ok(dump),
            // A set that went away is refused; that was a change.
            Err(error) if is_same => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Err(kept_changing())
}

fn everything(socket: &Socket, buffer: &mut Buffer, sequence: u32) -> io::Result<Option<Dump>> {
    /// `NFPROTO_UNSPEC`.
    const ALL: u8 = 0;
    let mut list = |list| -> io::Result<Option<Vec<u8>>> {
        socket.send(&dump_request(list, ALL, sequence))?;
        let mut bytes = Vec::new();
        let is_whole = receive(socket, buffer, &mut bytes)?;
        bytes.shrink_to_fit();
        Ok(is_whole.then_some(bytes))
    };
    let (Some(tables), Some(chains), Some(rules), Some(sets), Some(objects), Some(flowtables)) = (
        list(List::Tables)?,
        list(List::Chains)?,
        list(List::Rules)?,
        list(List::Sets)?,
        list(List::Objects)?,
        list(List::Flowtables)?,
    ) else {
        return Ok(None);
    };
    let mut elements = Vec::new();
    for (family, table, set) in set_names(&sets) {
        socket.send(&elements_request(family, table, set, sequence))?;
        if !receive(socket, buffer, &mut elements)? {
            return Ok(None);
        }
    }
    elements.shrink_to_fit();
    Ok(Some(Dump {
        tables,
        chains,
        rules,
        sets,
        elements,
        objects,
        flowtables,
    }))
}

fn generation_of(socket: &Socket, buffer: &mut Buffer, sequence: u32) -> io::Result<u32> {
    socket.send(&generation_request(sequence))?;
    let length = socket.recv_raw(buffer.aligned())?;
    let answer = &buffer.aligned()[..length];
    if let Some(Message::Refused(errno)) = messages(answer).next() {
        return Err(io::Error::from_raw_os_error(errno));
    }
    generation(answer).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the kernel did not say the ruleset's generation",
        )
    })
}

fn list(socket: &Socket, list: List, family: u8) -> io::Result<Vec<u8>> {
    let mut buffer = Buffer::new();
    for attempt in 1..=ATTEMPTS {
        socket.send(&dump_request(list, family, attempt))?;
        let mut dump = Vec::new();
        if receive(socket, &mut buffer, &mut dump)? {
            return Ok(dump);
        }
    }
    Err(kept_changing())
}

fn kept_changing() -> io::Error {
    io::Error::new(
        io::ErrorKind::Interrupted,
        "the ruleset kept changing while it was read",
    )
}

/// Adds the answer to one request to `dump`; false where it was interrupted.
fn receive(socket: &Socket, buffer: &mut Buffer, dump: &mut Vec<u8>) -> io::Result<bool> {
    let mut interrupted = false;
    loop {
        let length = socket.recv_raw(buffer.aligned())?;
        let part = &buffer.aligned()[..length];
        dump.extend_from_slice(part);
        for message in messages(part) {
            match message {
                Message::Done => return Ok(!interrupted),
                Message::Refused(errno) => return Err(io::Error::from_raw_os_error(errno)),
                Message::Interrupted => interrupted = true,
                Message::Object(_) => {}
            }
        }
    }
}

/// Room for one piece of an answer. libmnl wants it aligned as a message header is.
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn new() -> Self {
        let bytes = vec![0; BUFFER + align_of::<u64>()];
        let start = bytes.as_ptr().align_offset(align_of::<u64>());
        Self { bytes, start }
    }

    fn aligned(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + BUFFER]
    }
}
