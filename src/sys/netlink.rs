//! Dumps of `nf_tables` over netlink. Listing needs `CAP_NET_ADMIN`.

use std::io;

use mnl::{Bus, Socket};

use crate::ruleset::native::Dumps;
use crate::ruleset::netlink::{List, Message, dump_request, messages};

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

fn list(socket: &Socket, list: List, family: u8) -> io::Result<Vec<u8>> {
    for attempt in 1..=ATTEMPTS {
        socket.send(&dump_request(list, family, attempt))?;
        if let Some(dump) = receive(socket)? {
            return Ok(dump);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::Interrupted,
        "the ruleset kept changing while it was read",
    ))
}

/// The answer to one request; `None` where it was interrupted.
fn receive(socket: &Socket) -> io::Result<Option<Vec<u8>>> {
    let mut dump = Vec::new();
    let mut bytes = vec![0; BUFFER + align_of::<u64>()];
    // libmnl wants the buffer aligned as a message header is.
    let start = bytes.as_ptr().align_offset(align_of::<u64>());
    let buffer = &mut bytes[start..start + BUFFER];
    let mut interrupted = false;
    loop {
        let length = socket.recv_raw(buffer)?;
        let part = &buffer[..length];
        dump.extend_from_slice(part);
        for message in messages(part) {
            match message {
                Message::Done if interrupted => return Ok(None),
                Message::Done => return Ok(Some(dump)),
                Message::Refused(errno) => return Err(io::Error::from_raw_os_error(errno)),
                Message::Interrupted => interrupted = true,
                Message::Object(_) => {}
            }
        }
    }
}
