//! A batch: messages of which all take effect, or none.

use std::io;
use std::os::fd::AsRawFd as _;

use mnl::{Bus, Socket};
use nftnl::{MsgType, NlMsg};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use crate::ruleset::netlink::acknowledgements;

/// `NLM_F_ACK`.
const ACK: u16 = 4;
/// `NLMSG_HDRLEN`.
const HEADER: usize = 16;
/// An answer repeats the message that it is about, and no message is longer than one
/// attribute and a page (libnftnl, `nftnl_batch_alloc`).
const BUFFER: usize = 128 * 1024;

/// Messages to be sent together.
///
/// They are numbered from 1; 0 is the batch as a whole. See `kernel` sources,
/// `nfnetlink_rcv_skb_batch` in `net/netfilter/nfnetlink.c`.
pub struct Batch {
    messages: nftnl::Batch,
    /// What each message is about, for whoever reads of its refusal.
    about: Vec<String>,
}

/// The kernel refused a message, and with it the batch: nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the kernel refused {what}: {}", .errno.desc())]
pub struct Refused {
    /// The number of the first message refused; 0 for the batch as a whole.
    pub sequence: u32,
    /// Why.
    pub errno: Errno,
    /// What the message was about.
    pub what: String,
}

/// Why a batch was not committed, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused it; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refused),
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

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// A batch without a message.
    #[must_use]
    pub fn new() -> Self {
        Self {
            messages: nftnl::Batch::new(),
            about: Vec::new(),
        }
    }

    /// Adds a message that makes something, and gives its number.
    pub(super) fn add(&mut self, message: &impl NlMsg, about: String) -> u32 {
        self.messages.add(message, MsgType::Add);
        self.about.push(about);
        self.last()
    }

    /// Has the kernel commit it, in the network namespace of the calling thread.
    /// Needs `CAP_NET_ADMIN` there. May make the kernel load modules: `nfnetlink`,
    /// `nf_tables`, and those of the batch's expressions, chain types and objects.
    ///
    /// # Errors
    /// The first message refused, with its number; see [`Error`] for the rest.
    pub fn send(self) -> Result<(), Error> {
        let last = self.last();
        if last == 0 {
            return Ok(());
        }
        let socket = Socket::new(Bus::Netfilter).map_err(no_socket)?;
        // One buffer, one send: a batch in two datagrams is two halves, of which the
        // kernel commits neither and complains of none.
        let mut bytes: Vec<u8> = self.messages.finalize().iter().flatten().copied().collect();
        number(&mut bytes, last);
        socket.send(&bytes).map_err(Error::Send)?;
        judge(&received(&socket)?, last, &self.about)
    }

    fn last(&self) -> u32 {
        u32::try_from(self.about.len()).unwrap_or(u32::MAX)
    }
}

/// A kernel without `nfnetlink` has no such socket to give, and so takes no batch.
fn no_socket(error: io::Error) -> Error {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno @ Errno::EPROTONOSUPPORT) => Error::Refused(Refused {
            sequence: 0,
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

fn judge(answers: &[u8], last: u32, about: &[String]) -> Result<(), Error> {
    let answers = acknowledgements(answers);
    if let Some(refusal) = answers.iter().find(|answer| answer.errno != 0) {
        let index = usize::try_from(refusal.sequence).unwrap_or(usize::MAX);
        let named = index.checked_sub(1).and_then(|index| about.get(index));
        return Err(Error::Refused(Refused {
            sequence: refusal.sequence,
            errno: Errno::from_raw(refusal.errno),
            what: named.map_or_else(|| "the batch".to_owned(), String::clone),
        }));
    }
    if answers.iter().any(|answer| answer.sequence == last) {
        Ok(())
    } else {
        Err(Error::Unread)
    }
}
