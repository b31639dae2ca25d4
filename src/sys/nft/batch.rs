//! A batch: messages of which all take effect, or none.

use std::io;
use std::os::fd::AsRawFd as _;

use mnl::{Bus, Socket};
use nftnl::{MsgType, NlMsg};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, getsockopt, recv, setsockopt, sockopt};

use super::libnftnl::descriptor;
use crate::ruleset::netlink::acknowledgements;

/// `NLM_F_ACK`.
const ACK: u16 = 4;
/// `NLMSG_HDRLEN`.
const HEADER: usize = 16;
/// A header and `struct nfgenmsg`: the messages that begin and end a batch.
const BORDER: usize = HEADER + 4;
/// An answer repeats the message that it is about, and no message is longer than one
/// attribute and a page (libnftnl, `nftnl_batch_alloc`).
const BUFFER: usize = 128 * 1024;

/// Messages to be sent together.
///
/// They are numbered from 1; 0 is the batch as a whole. See `kernel` sources,
/// `nfnetlink_rcv_skb_batch` in `net/netfilter/nfnetlink.c`.
pub(super) struct Batch {
    messages: nftnl::Batch,
    /// What each message is about, for whoever reads of its refusal.
    about: Vec<About>,
}

/// What a message is about.
pub(super) struct About {
    /// The number of its operation, from 0.
    pub(super) operation: usize,
    /// What it makes or deletes.
    pub(super) part: Part,
    /// The same in words.
    pub(super) what: String,
}

/// What an operation is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// No part of an operation, but the batch as a whole.
    Batch,
    /// A table.
    Table,
    /// A stateful object.
    Object,
    /// A set or a map.
    Set,
    /// Elements of it.
    Elements,
    /// A chain.
    Chain,
    /// A rule.
    Rule,
    /// The deletion of a table or a rule.
    Deletion,
}

/// The kernel refused a part of an operation, and with it all of them: nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the kernel refused {what}: {}", .errno.desc())]
pub struct Refused {
    /// The number of the operation, from 0; `None` for the batch as a whole.
    pub operation: Option<usize>,
    /// The part of it.
    pub part: Part,
    /// Why.
    pub errno: Errno,
    /// What was refused, in words.
    pub what: String,
}

impl Refused {
    /// Whether `CAP_NET_ADMIN` is missing. A table that another program owns gives
    /// `EPERM` too, but for its own part.
    #[must_use]
    pub fn lacks_privilege(&self) -> bool {
        self.errno == Errno::EPERM && self.part == Part::Batch
    }

    /// Whether this kernel has no such thing: expression, chain type or helper (`ENOENT`
    /// where something is made: all else that it names is there or made before it);
    /// `nf_tables`; `nfnetlink`.
    #[must_use]
    pub fn lacks_feature(&self) -> bool {
        match self.errno {
            Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT => true,
            Errno::ENOENT => self.part != Part::Deletion,
            _ => false,
        }
    }
}

/// Why operations were not committed, or are not known to be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ruleset is of another generation than was said; nothing changed.
    #[error("the ruleset changed meanwhile")]
    Stale,
    /// The kernel refused it; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It has something that is not written here; nothing was sent.
    #[error("cannot write {what}: {why}")]
    Unwritable {
        /// What.
        what: String,
        /// Why not.
        why: String,
    },
    /// It could not be handed to the kernel; nothing changed.
    #[error("cannot send to nf_tables")]
    Send(#[source] io::Error),
    /// The kernel's answers could not be read: it may be committed or not.
    #[error("cannot read what nf_tables answers")]
    Receive(#[source] io::Error),
    /// The kernel did not read the batch to its last message; nothing changed.
    #[error("nf_tables left messages of the batch unread")]
    Unread,
}

/// What becomes of a batch that the kernel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It takes effect.
    Commit,
    /// It does not. The kernel looks at all of a batch that has no end, and takes it back
    /// (`NFNL_ABORT_VALIDATE`).
    TakeBack,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            messages: nftnl::Batch::new(),
            about: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, message: &impl NlMsg, about: About) {
        // Of what kind it is says the message.
        self.messages.add(message, MsgType::Add);
        self.about.push(about);
    }

    /// Sends it, in the network namespace of the calling thread.
    pub(super) fn send(self, generation: u32, end: End) -> Result<(), Error> {
        if self.about.is_empty() {
            return Ok(());
        }
        let bytes = self.messages.finalize().iter().flatten().copied().collect();
        transmit(bytes, &self.about, generation, end)
    }
}

/// Sends a batch that is in bytes: the message that begins it, those that `about` tells of,
/// and the one that ends it.
pub(super) fn transmit(
    mut bytes: Vec<u8>,
    about: &[About],
    generation: u32,
    end: End,
) -> Result<(), Error> {
    let last = u32::try_from(about.len()).unwrap_or(u32::MAX);
    let socket = Socket::new(Bus::Netfilter).map_err(no_socket)?;
    // One buffer, one send: a batch in two datagrams is two halves, of which the
    // kernel commits neither and complains of none.
    number(&mut bytes, last);
    if end == End::TakeBack {
        bytes.truncate(bytes.len().saturating_sub(BORDER));
    }
    demand(&mut bytes, generation);
    make_room(&socket, bytes.len());
    socket.send(&bytes).map_err(Error::Send)?;
    judge(&received(&socket)?, last, about)
}

/// A kernel without `nfnetlink` has no such socket to give, and so takes no batch.
fn no_socket(error: io::Error) -> Error {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno @ Errno::EPROTONOSUPPORT) => Error::Refused(Refused {
            operation: None,
            part: Part::Batch,
            errno,
            what: "a netfilter socket".to_owned(),
        }),
        _ => Error::Send(error),
    }
}

/// Numbers the messages from 0, the one that begins the batch, and has the kernel
/// acknowledge `last` alone.
///
/// Every refusal is answered, asked for or not. To ask for all answers fills the
/// socket's buffer on a large batch, to ask for none leaves a batch that was cut short
/// looking like one that was committed. The message that ends the batch would be the
/// one to ask for, but kernels before 6.10 do not acknowledge it.
fn number(bytes: &mut [u8], last: u32) {
    let mut at = 0;
    let mut sequence = 0;
    while let Some(header) = bytes.get_mut(at..at + HEADER) {
        let mut flags = u16::from_ne_bytes([header[6], header[7]]) & !ACK;
        if sequence == last {
            flags |= ACK;
        }
        header[6..8].copy_from_slice(&flags.to_ne_bytes());
        header[8..12].copy_from_slice(&sequence.to_ne_bytes());
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        at = at.saturating_add(length.max(HEADER).saturating_add(3) & !3);
        sequence += 1;
    }
}

/// Has the kernel compare the generation first: `NFNL_BATCH_GENID`, behind the rest of
/// the message that begins the batch. 0 is no generation, and nothing is compared.
fn demand(bytes: &mut Vec<u8>, generation: u32) {
    const BEGIN: usize = BORDER + 8;
    let attribute = [8_u16.to_ne_bytes(), 1_u16.to_ne_bytes()].concat();
    let number = generation.to_be_bytes();
    bytes.splice(BORDER..BORDER, attribute.into_iter().chain(number));
    let length = u32::try_from(BEGIN).unwrap_or_default();
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
}

/// Lets the socket send so many bytes at once. Where that is refused (`wmem_max`, and no
/// privilege to exceed it), so is the sending: nothing is lost.
fn make_room(socket: &Socket, bytes: usize) {
    let socket = descriptor(socket);
    // The kernel keeps 32 bytes for itself (`netlink_sendmsg`).
    let wanted = bytes.saturating_add(32);
    if getsockopt(&socket, sockopt::SndBuf).is_ok_and(|has| has >= wanted) {
        return;
    }
    if setsockopt(&socket, sockopt::SndBufForce, &wanted).is_err() {
        let _ = setsockopt(&socket, sockopt::SndBuf, &wanted);
    }
}

/// All answers. They are there when the send returns: the kernel works through a
/// batch within it (`netlink_unicast_kernel`), so none is waited for.
fn received(socket: &Socket) -> Result<Vec<u8>, Error> {
    let mut answers = Vec::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(length) => answers.extend_from_slice(&buffer[..length]),
            Err(Errno::EAGAIN) => return Ok(answers),
            // Too many refusals for the socket's buffer; the first of them are in it.
            Err(Errno::ENOBUFS | Errno::EINTR) => {}
            Err(errno) => return Err(Error::Receive(errno.into())),
        }
    }
}

fn judge(answers: &[u8], last: u32, about: &[About]) -> Result<(), Error> {
    let answers = acknowledgements(answers);
    if let Some(refusal) = answers.iter().find(|answer| answer.errno != 0) {
        let index = usize::try_from(refusal.sequence).unwrap_or(usize::MAX);
        let named = index.checked_sub(1).and_then(|index| about.get(index));
        let errno = Errno::from_raw(refusal.errno);
        if errno == Errno::ERESTART && named.is_none() {
            return Err(Error::Stale);
        }
        return Err(Error::Refused(Refused {
            operation: named.map(|about| about.operation),
            part: named.map_or(Part::Batch, |about| about.part),
            errno,
            what: named.map_or_else(|| "the batch".to_owned(), |about| about.what.clone()),
        }));
    }
    if answers.iter().any(|answer| answer.sequence == last) {
        Ok(())
    } else {
        Err(Error::Unread)
    }
}
