//! Dumps of `nf_tables` over netlink. Listing needs `CAP_NET_ADMIN`.

use std::io;

use mnl::{Bus, Socket};

use crate::ruleset::live::Ruleset;
use crate::ruleset::live::decode::{Decoder, Dump};
use crate::ruleset::native::Dumps;
use crate::ruleset::netlink::{
    KEPT_CHANGING, List, Message, acknowledgements, chain_names, dump_request, elements_request,
    forget_request, generation, generation_request, messages, rules_request, set_names,
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
    let (mut dump, _) = dump_of(|_, _| true, |_, _, _| true)?;
    dump.rules.shrink_to_fit();
    Ok(dump)
}

/// Makes conntrack forget all connections of this thread's network namespace, and what their
/// helpers expect.
///
/// # Errors
/// `PermissionDenied` without `CAP_NET_ADMIN`; others as the kernel says, which may lack
/// `nf_conntrack_netlink`.
pub fn forget_connections() -> io::Result<()> {
    let socket = Socket::new(Bus::Netfilter)?;
    socket.send(&forget_request(1))?;
    let mut buffer = Buffer::new();
    let length = socket.recv_raw(buffer.aligned())?;
    match acknowledgements(&buffer.aligned()[..length]).first() {
        Some(answer) if answer.errno != 0 => Err(io::Error::from_raw_os_error(answer.errno)),
        _ => Ok(()),
    }
}

/// The same with the elements of the sets of those tables alone that `is_table` names, and
/// the rules of those chains that `is_chain` does, each by family, table and name; and with
/// the number of the ruleset's generation.
///
/// # Errors
/// As [`dump_everything`].
pub fn dump_of(
    is_table: impl Fn(u8, &[u8]) -> bool,
    is_chain: impl Fn(u8, &[u8], &[u8]) -> bool,
) -> io::Result<(Dump, u32)> {
    at_one_moment(|asking| {
        let Some(mut dump) = asking.all_but_rules(&is_table)? else {
            return Ok(None);
        };
        let Dump { chains, rules, .. } = &mut dump;
        let is_whole = asking.rules(chains, &is_chain, |part| rules.extend_from_slice(part))?;
        Ok(is_whole.then_some(dump))
    })
}

/// The same decoded, without holding the rules' bytes, with the number of the ruleset's
/// generation.
///
/// # Errors
/// As [`dump_everything`].
pub fn read_everything() -> io::Result<(Ruleset, u32)> {
    at_one_moment(|asking| {
        let Some(dump) = asking.all_but_rules(|_, _| true)? else {
            return Ok(None);
        };
        let mut decoder = Decoder::new(&dump);
        let is_whole = asking.rules(&dump.chains, |_, _, _| true, |part| decoder.rules(part))?;
        Ok(is_whole.then(|| decoder.finish()))
    })
}

/// What is read where nothing changed meanwhile, with the generation; `None` of `read`
/// says that a dump was interrupted.
fn at_one_moment<T>(
    mut read: impl FnMut(&mut Asking) -> io::Result<Option<T>>,
) -> io::Result<(T, u32)> {
    let mut asking = Asking {
        socket: Socket::new(Bus::Netfilter)?,
        buffer: Buffer::new(),
        sequence: 0,
    };
    for attempt in 1..=ATTEMPTS {
        asking.sequence = attempt;
        let before = asking.generation()?;
        let found = read(&mut asking);
        let is_same = asking.generation()? == before;
        match found {
            Ok(Some(found)) if is_same => return Ok((found, before)),
            // A set that went away is refused; that was a change.
            Err(error) if is_same => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Err(kept_changing())
}

/// `NFPROTO_UNSPEC`.
const ALL: u8 = 0;

/// A socket, and the number of the present attempt.
struct Asking {
    socket: Socket,
    buffer: Buffer,
    sequence: u32,
}

impl Asking {
    fn request(&self, request: &[u8]) -> io::Result<()> {
        self.socket.send(request).map(|_| ())
    }

    /// One part of a dump; `None` where it was interrupted.
    fn list(&mut self, list: List) -> io::Result<Option<Vec<u8>>> {
        self.request(&dump_request(list, ALL, self.sequence))?;
        let mut bytes = Vec::new();
        let is_whole = self.receive_into(&mut bytes)?;
        bytes.shrink_to_fit();
        Ok(is_whole.then_some(bytes))
    }

    /// The rules of the chains that are wanted, piece by piece; false where a dump was interrupted. Each
    /// chain is asked for by itself: for each piece of a dump the kernel counts through
    /// all rules before it (`nf_tables_dump_rules`).
    fn rules(
        &mut self,
        chains: &[u8],
        wanted: impl Fn(u8, &[u8], &[u8]) -> bool,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<bool> {
        for (family, table, chain) in chain_names(chains) {
            if !wanted(family, table, chain) {
                continue;
            }
            self.request(&rules_request(family, table, chain, self.sequence))?;
            if !receive(&self.socket, &mut self.buffer, &mut take)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn receive_into(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        receive(&self.socket, &mut self.buffer, |part| {
            bytes.extend_from_slice(part);
        })
    }

    /// Of sets the elements of those in the tables that are wanted.
    fn all_but_rules(&mut self, wanted: impl Fn(u8, &[u8]) -> bool) -> io::Result<Option<Dump>> {
        let (Some(tables), Some(chains), Some(sets), Some(objects), Some(flowtables)) = (
            self.list(List::Tables)?,
            self.list(List::Chains)?,
            self.list(List::Sets)?,
            self.list(List::Objects)?,
            self.list(List::Flowtables)?,
        ) else {
            return Ok(None);
        };
        let mut elements = Vec::new();
        for (family, table, set) in set_names(&sets).filter(|(f, table, _)| wanted(*f, table)) {
            self.request(&elements_request(family, table, set, self.sequence))?;
            if !self.receive_into(&mut elements)? {
                return Ok(None);
            }
        }
        elements.shrink_to_fit();
        Ok(Some(Dump {
            tables,
            chains,
            rules: Vec::new(),
            sets,
            elements,
            objects,
            flowtables,
        }))
    }

    fn generation(&mut self) -> io::Result<u32> {
        self.request(&generation_request(self.sequence))?;
        let length = self.socket.recv_raw(self.buffer.aligned())?;
        let answer = &self.buffer.aligned()[..length];
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
}

fn list(socket: &Socket, list: List, family: u8) -> io::Result<Vec<u8>> {
    let mut buffer = Buffer::new();
    for attempt in 1..=ATTEMPTS {
        socket.send(&dump_request(list, family, attempt))?;
        let mut dump = Vec::new();
        if receive(socket, &mut buffer, |part| dump.extend_from_slice(part))? {
            return Ok(dump);
        }
    }
    Err(kept_changing())
}

fn kept_changing() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, KEPT_CHANGING)
}

/// Takes in the answer to one request, piece by piece; false where it was interrupted.
fn receive(socket: &Socket, buffer: &mut Buffer, mut take: impl FnMut(&[u8])) -> io::Result<bool> {
    let mut interrupted = false;
    loop {
        let length = socket.recv_raw(buffer.aligned())?;
        let part = &buffer.aligned()[..length];
        take(part);
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
