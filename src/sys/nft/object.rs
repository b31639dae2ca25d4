//! What nftnl has no safe functions for: `ct helper` objects, and rules that refer
//! to them. No pointer leaves this file but to libnftnl.

use std::ffi::{c_char, c_void};
use std::ptr::NonNull;

use nftnl::expr::Expression;
use nftnl::nftnl_sys::{self as sys, libc};
use nftnl::{MsgType, NlMsg, Rule};

use super::{CtHelper, IPPROTO_TCP, Table};

/// `NFT_OBJECT_CT_HELPER` (`linux/netfilter/nf_tables.h`).
const CT_HELPER: u32 = 3;
/// `NFPROTO_IPV4` (`linux/netfilter.h`).
const IPV4: u16 = 2;

/// An attribute's number: bindgen makes all constants 32 bits wide, libnftnl's
/// functions take 16.
const fn attribute(number: u32) -> u16 {
    assert!(number <= u16::MAX as u32);
    #[expect(clippy::cast_possible_truncation, reason = "the line above")]
    {
        number as u16
    }
}

/// A `ct helper` object, ready to be written.
pub(super) struct CtHelperObject {
    object: NonNull<sys::nftnl_obj>,
}

impl CtHelperObject {
    pub(super) fn new(helper: CtHelper<'_>) -> Self {
        const TABLE: u16 = attribute(sys::NFTNL_OBJ_TABLE);
        const NAME: u16 = attribute(sys::NFTNL_OBJ_NAME);
        const TYPE: u16 = attribute(sys::NFTNL_OBJ_TYPE);
        const HELPER: u16 = attribute(sys::NFTNL_OBJ_CT_HELPER_NAME);
        const L3PROTO: u16 = attribute(sys::NFTNL_OBJ_CT_HELPER_L3PROTO);
        const L4PROTO: u16 = attribute(sys::NFTNL_OBJ_CT_HELPER_L4PROTO);
        // SAFETY: it takes nothing, and gives null where there is no memory.
        let object = allocated(unsafe { sys::nftnl_obj_alloc() });
        let pointer = object.as_ptr();
        // SAFETY: the object is live and ours alone. The strings end in NUL and are
        // copied. The type stands before the attributes of that type, which libnftnl
        // stores by it.
        unsafe {
            sys::nftnl_obj_set_str(pointer, TABLE, helper.table.name.as_ptr());
            sys::nftnl_obj_set_str(pointer, NAME, helper.name.as_ptr());
            sys::nftnl_obj_set_u32(pointer, TYPE, CT_HELPER);
            sys::nftnl_obj_set_str(pointer, HELPER, helper.helper.as_ptr());
            sys::nftnl_obj_set_u16(pointer, L3PROTO, IPV4);
            sys::nftnl_obj_set_u8(pointer, L4PROTO, IPPROTO_TCP);
        }
        Self { object }
    }
}

// SAFETY: the message holds the three names and a few numbers. Each name is at most as
// long as one attribute, 64 KiB, of which the kernel takes 256 bytes; those that this
// module is given are constants of a few bytes.
unsafe impl NlMsg for CtHelperObject {
    unsafe fn write(&self, buffer: *mut c_void, sequence: u32, message: MsgType) {
        const fn kind(number: libc::c_int) -> u16 {
            attribute(number.unsigned_abs())
        }
        let (kind, flags) = match message {
            MsgType::Add => (kind(libc::NFT_MSG_NEWOBJ), kind(libc::NLM_F_CREATE)),
            MsgType::Del => (kind(libc::NFT_MSG_DELOBJ), 0),
        };
        let family = attribute(Table::FAMILY as u32);
        // SAFETY: the caller gives a buffer for the largest message, as the trait
        // demands; the object is live.
        unsafe {
            let header =
                sys::nftnl_nlmsg_build_hdr(buffer.cast::<c_char>(), kind, family, flags, sequence);
            sys::nftnl_obj_nlmsg_build_payload(header, self.object.as_ptr());
        }
    }
}

impl Drop for CtHelperObject {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it, nothing else holds it, and it is freed once.
        unsafe { sys::nftnl_obj_free(self.object.as_ptr()) };
    }
}

/// The expression by which a rule applies an object (`objref`).
pub(super) struct ObjectReference<'a> {
    helper: CtHelper<'a>,
}

impl<'a> ObjectReference<'a> {
    pub(super) fn to(helper: CtHelper<'a>) -> Self {
        Self { helper }
    }
}

impl Expression for ObjectReference<'_> {
    fn to_expr(&self, _: &Rule<'_>) -> NonNull<sys::nftnl_expr> {
        const TYPE: u16 = attribute(sys::NFTNL_EXPR_OBJREF_IMM_TYPE);
        const NAME: u16 = attribute(sys::NFTNL_EXPR_OBJREF_IMM_NAME);
        // SAFETY: the name ends in NUL; null comes back where there is no memory.
        let expression = allocated(unsafe { sys::nftnl_expr_alloc(c"objref".as_ptr()) });
        // SAFETY: the expression is live and ours until it is returned; the name ends
        // in NUL and is copied.
        unsafe {
            sys::nftnl_expr_set_u32(expression.as_ptr(), TYPE, CT_HELPER);
            sys::nftnl_expr_set_str(expression.as_ptr(), NAME, self.helper.name.as_ptr());
        }
        expression
    }
}

/// What libnftnl allocated. Without memory for a few bytes the program ends, as
/// Rust's own allocations do and nftnl's.
fn allocated<T>(pointer: *mut T) -> NonNull<T> {
    NonNull::new(pointer).unwrap_or_else(|| std::process::abort())
}
