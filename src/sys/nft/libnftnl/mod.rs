//! libnftnl's things in safe hands: tables, chains, rules, expressions, sets, elements,
//! objects, and the messages made of them. No pointer leaves this folder but to libnftnl.
//!
//! libnftnl takes the value of an attribute as a pointer and reads from there as many
//! bytes as it thinks that the attribute has. So an attribute here has a type: of what
//! it is an attribute, and what its value is.

mod kinds;
mod value;

pub(super) use kinds::*;
pub(super) use value::{Data, Name, Parts, UserData, Value};

use std::ffi::{c_char, c_void};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr::NonNull;

use nftnl::nftnl_sys::{self as sys, libc};
use nftnl::{MsgType, NlMsg};

/// One of libnftnl's structs.
///
/// # Safety
/// Its functions are those that libnftnl has for that struct.
pub(super) unsafe trait Kind: 'static {
    /// The struct.
    type Raw;
    /// A new one, or null where there is no memory.
    fn allocate() -> *mut Self::Raw;
    /// # Safety
    /// It is live, and nobody uses it again.
    unsafe fn free(raw: *mut Self::Raw);
    /// Whether libnftnl took it.
    ///
    /// # Safety
    /// It is live, the attribute is one that it has, and at `data` are `length` bytes of
    /// the type that the attribute has.
    unsafe fn set(raw: *mut Self::Raw, attribute: u16, data: *const c_void, length: u32) -> bool;
}

/// An attribute of a `K` with a value of type `V`.
pub(super) struct Attribute<K, V>(u16, PhantomData<fn() -> (K, V)>);

/// What makes a message of a `K`.
pub(super) struct Request<K: Kind> {
    kind: u16,
    flags: u16,
    build: unsafe fn(*mut libc::nlmsghdr, *mut K::Raw),
}

/// The longest message that is made here. libnftnl has room for one attribute of 64 KiB
/// and a page (`nftnl::nft_nlmsg_maxsize`), and does not see where its end is; an
/// attribute's length has 16 bits.
pub(super) const LONGEST: usize = 65_000;
/// The room that a thing takes itself: the header of its message, or the attributes that
/// it is nested in and its name.
const ITSELF: usize = 64;

/// Something of libnftnl's that is ours alone.
#[derive(Debug)]
pub(super) struct Held<K: Kind> {
    raw: NonNull<K::Raw>,
    /// How long its message is at most.
    room: usize,
    /// Whether libnftnl took all that it was given.
    is_whole: bool,
}

impl<K: Kind> Held<K> {
    pub(super) fn new() -> Self {
        // Without memory for a few bytes the program ends, as Rust's own allocations do
        // and nftnl's.
        let raw = NonNull::new(K::allocate()).unwrap_or_else(|| std::process::abort());
        Self {
            raw,
            room: ITSELF,
            is_whole: true,
        }
    }

    /// How long its message is at most.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn set<V: Value>(&mut self, attribute: &Attribute<K, V>, value: &V) {
        let (data, length) = value.place();
        self.room = self.room.saturating_add(value.room());
        // No value is as long.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        // SAFETY: it is live and ours, the attribute is of this kind, and the value is of
        // its type and promises the bytes; libnftnl copies them.
        let taken = unsafe { K::set(self.raw.as_ptr(), attribute.0, data, length) };
        self.is_whole &= taken;
    }

    /// For a holder that frees it.
    fn given_away(self) -> *mut K::Raw {
        ManuallyDrop::new(self).raw.as_ptr()
    }

    /// The message, in a table of this family (`NFPROTO_*`).
    pub(super) fn message(
        &self,
        request: &'static Request<K>,
        family: u8,
    ) -> Result<Message<'_, K>, &'static str> {
        if !self.is_whole {
            return Err("libnftnl did not take all of it");
        }
        if self.room > LONGEST {
            return Err("it is too long for one message");
        }
        Ok(Message {
            of: self,
            request,
            family,
        })
    }
}

impl<K: Kind> Drop for Held<K> {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it, nothing else holds it, and it is freed once.
        unsafe { K::free(self.raw.as_ptr()) };
    }
}

impl Held<Rule> {
    /// Adds an expression behind the others.
    pub(super) fn add<K: Expression>(&mut self, expression: Held<K>) {
        self.room = self.room.saturating_add(expression.room);
        self.is_whole &= expression.is_whole;
        // SAFETY: both are live; the rule frees the expression from now on.
        unsafe { sys::nftnl_rule_add_expr(self.raw.as_ptr(), expression.given_away()) };
    }
}

impl Held<Set> {
    /// Adds an element behind the others.
    pub(super) fn add(&mut self, element: Held<Element>) {
        self.room = self.room.saturating_add(element.room);
        self.is_whole &= element.is_whole;
        // SAFETY: both are live; the set frees the element from now on.
        unsafe { sys::nftnl_set_elem_add(self.raw.as_ptr(), element.given_away()) };
    }
}

/// A message to be added to a batch.
pub(super) struct Message<'a, K: Kind> {
    of: &'a Held<K>,
    request: &'static Request<K>,
    family: u8,
}

// SAFETY: `Held::message` made sure that it is no longer than `LONGEST`: each thing, each
// value and each thing added to another counted what it takes at most.
unsafe impl<K: Kind> NlMsg for Message<'_, K> {
    /// The request says what is done, not the batch.
    unsafe fn write(&self, buffer: *mut c_void, sequence: u32, _: MsgType) {
        let Request { kind, flags, build } = *self.request;
        let family = self.family.into();
        // SAFETY: the caller gives a buffer for the largest message, as the trait demands;
        // the thing is live, and of the kind that the request is for.
        unsafe {
            let header =
                sys::nftnl_nlmsg_build_hdr(buffer.cast::<c_char>(), kind, family, flags, sequence);
            build(header, self.of.raw.as_ptr());
        }
    }
}

/// The socket's descriptor, for what mnl has no functions for.
pub(super) fn descriptor(socket: &mnl::Socket) -> BorrowedFd<'_> {
    // SAFETY: the socket owns it, and is not closed while it is borrowed.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}
