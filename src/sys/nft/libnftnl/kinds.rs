//! What libnftnl has: its structs, the attributes of each with the types of their values,
//! and the messages that are made of them.

use std::ffi::c_void;
use std::marker::PhantomData;

use nftnl::nftnl_sys::{self as sys, libc};

use super::value::{Data, Name, Parts, UserData};
use super::{Attribute, Kind, Request};

/// An attribute's number: bindgen makes all constants 32 bits wide, libnftnl's functions
/// take 16.
const fn short(number: u32) -> u16 {
    assert!(number <= u16::MAX as u32);
    #[expect(clippy::cast_possible_truncation, reason = "the line above")]
    {
        number as u16
    }
}

/// What a function of libnftnl's says of a value that it was given.
trait Answer {
    fn taken(self) -> bool;
}

impl Answer for libc::c_int {
    fn taken(self) -> bool {
        self >= 0
    }
}

/// That for objects says nothing.
impl Answer for () {
    fn taken(self) -> bool {
        true
    }
}

/// `Kind: struct, how it is allocated, freed and set { its attributes }`
macro_rules! kinds {
    ($(
        $kind:ident: $raw:ident, $allocate:expr, $free:ident, $set:ident
        { $($attribute:ident: $value:ty = $number:ident,)* }
    )*) => {$(
        #[derive(Debug)]
        pub(in crate::sys::nft) enum $kind {}

        // SAFETY: the names of the functions have that of the struct in them.
        unsafe impl Kind for $kind {
            type Raw = sys::$raw;

            fn allocate() -> *mut Self::Raw {
                // SAFETY: it takes nothing but a name that ends in NUL, and what it allocated.
                unsafe { $allocate }
            }

            unsafe fn free(raw: *mut Self::Raw) {
                // SAFETY: the caller's.
                unsafe { sys::$free(raw) };
            }

            unsafe fn set(
                raw: *mut Self::Raw,
                attribute: u16,
                data: *const c_void,
                length: u32,
            ) -> bool {
                // SAFETY: the caller's.
                unsafe { sys::$set(raw, attribute, data, length) }.taken()
            }
        }

        impl $kind {$(
            pub(in crate::sys::nft) const $attribute: Attribute<Self, $value> =
                Attribute(short(sys::$number), PhantomData);
        )*}
    )*};
}

kinds! {
    Table: nftnl_table, sys::nftnl_table_alloc(), nftnl_table_free, nftnl_table_set_data {
        NAME: Name = NFTNL_TABLE_NAME,
        FLAGS: u32 = NFTNL_TABLE_FLAGS,
        USER_DATA: UserData = NFTNL_TABLE_USERDATA,
    }
    Chain: nftnl_chain, sys::nftnl_chain_alloc(), nftnl_chain_free, nftnl_chain_set_data {
        TABLE: Name = NFTNL_CHAIN_TABLE,
        NAME: Name = NFTNL_CHAIN_NAME,
        HOOK: u32 = NFTNL_CHAIN_HOOKNUM,
        PRIORITY: i32 = NFTNL_CHAIN_PRIO,
        POLICY: u32 = NFTNL_CHAIN_POLICY,
        TYPE: Name = NFTNL_CHAIN_TYPE,
        USER_DATA: UserData = NFTNL_CHAIN_USERDATA,
    }
    Rule: nftnl_rule, sys::nftnl_rule_alloc(), nftnl_rule_free, nftnl_rule_set_data {
        TABLE: Name = NFTNL_RULE_TABLE,
        CHAIN: Name = NFTNL_RULE_CHAIN,
        HANDLE: u64 = NFTNL_RULE_HANDLE,
        POSITION: u64 = NFTNL_RULE_POSITION,
        USER_DATA: UserData = NFTNL_RULE_USERDATA,
    }
    Set: nftnl_set, sys::nftnl_set_alloc(), nftnl_set_free, nftnl_set_set_data {
        TABLE: Name = NFTNL_SET_TABLE,
        NAME: Name = NFTNL_SET_NAME,
        ID: u32 = NFTNL_SET_ID,
        FLAGS: u32 = NFTNL_SET_FLAGS,
        KEY_TYPE: u32 = NFTNL_SET_KEY_TYPE,
        KEY_LENGTH: u32 = NFTNL_SET_KEY_LEN,
        DATA_TYPE: u32 = NFTNL_SET_DATA_TYPE,
        DATA_LENGTH: u32 = NFTNL_SET_DATA_LEN,
        OBJECT_TYPE: u32 = NFTNL_SET_OBJ_TYPE,
        SIZE: u32 = NFTNL_SET_DESC_SIZE,
        PARTS: Parts = NFTNL_SET_DESC_CONCAT,
        TIMEOUT: u64 = NFTNL_SET_TIMEOUT,
        USER_DATA: UserData = NFTNL_SET_USERDATA,
    }
    Element: nftnl_set_elem, sys::nftnl_set_elem_alloc(), nftnl_set_elem_free, nftnl_set_elem_set {
        FLAGS: u32 = NFTNL_SET_ELEM_FLAGS,
        KEY: Data<'static> = NFTNL_SET_ELEM_KEY,
        KEY_END: Data<'static> = NFTNL_SET_ELEM_KEY_END,
        DATA: Data<'static> = NFTNL_SET_ELEM_DATA,
        OBJECT: Name = NFTNL_SET_ELEM_OBJREF,
        TIMEOUT: u64 = NFTNL_SET_ELEM_TIMEOUT,
        USER_DATA: UserData = NFTNL_SET_ELEM_USERDATA,
    }
    // An object has the attributes of a type once it has that type.
    Helper: nftnl_obj, {
        let object = sys::nftnl_obj_alloc();
        if !object.is_null() {
            sys::nftnl_obj_set_u32(object, short(sys::NFTNL_OBJ_TYPE), CT_HELPER);
        }
        object
    }, nftnl_obj_free, nftnl_obj_set_data {
        TABLE: Name = NFTNL_OBJ_TABLE,
        NAME: Name = NFTNL_OBJ_NAME,
        USER_DATA: UserData = NFTNL_OBJ_USERDATA,
        HELPER: Name = NFTNL_OBJ_CT_HELPER_NAME,
        FAMILY: u16 = NFTNL_OBJ_CT_HELPER_L3PROTO,
        PROTOCOL: u8 = NFTNL_OBJ_CT_HELPER_L4PROTO,
    }
}

/// `NFT_OBJECT_CT_HELPER` (`linux/netfilter/nf_tables.h`).
const CT_HELPER: u32 = 3;

/// A kind of expressions.
pub(in crate::sys::nft) trait Expression: Kind<Raw = sys::nftnl_expr> {}

/// `Kind: name { its attributes }`
macro_rules! expressions {
    ($(
        $kind:ident: $name:literal { $($attribute:ident: $value:ty = $number:ident,)* }
    )*) => {
        kinds! {$(
            $kind: nftnl_expr, sys::nftnl_expr_alloc($name.as_ptr()), nftnl_expr_free, nftnl_expr_set
            { $($attribute: $value = $number,)* }
        )*}

        $(impl Expression for $kind {})*
    };
}

expressions! {
    Payload: c"payload" {
        TO: u32 = NFTNL_EXPR_PAYLOAD_DREG,
        BASE: u32 = NFTNL_EXPR_PAYLOAD_BASE,
        OFFSET: u32 = NFTNL_EXPR_PAYLOAD_OFFSET,
        LENGTH: u32 = NFTNL_EXPR_PAYLOAD_LEN,
    }
    Meta: c"meta" {
        KEY: u32 = NFTNL_EXPR_META_KEY,
        TO: u32 = NFTNL_EXPR_META_DREG,
    }
    Ct: c"ct" {
        KEY: u32 = NFTNL_EXPR_CT_KEY,
        DIRECTION: u8 = NFTNL_EXPR_CT_DIR,
        TO: u32 = NFTNL_EXPR_CT_DREG,
    }
    Cmp: c"cmp" {
        FROM: u32 = NFTNL_EXPR_CMP_SREG,
        OP: u32 = NFTNL_EXPR_CMP_OP,
        DATA: Data<'static> = NFTNL_EXPR_CMP_DATA,
    }
    Range: c"range" {
        FROM: u32 = NFTNL_EXPR_RANGE_SREG,
        OP: u32 = NFTNL_EXPR_RANGE_OP,
        FIRST: Data<'static> = NFTNL_EXPR_RANGE_FROM_DATA,
        LAST: Data<'static> = NFTNL_EXPR_RANGE_TO_DATA,
    }
    Bitwise: c"bitwise" {
        FROM: u32 = NFTNL_EXPR_BITWISE_SREG,
        TO: u32 = NFTNL_EXPR_BITWISE_DREG,
        LENGTH: u32 = NFTNL_EXPR_BITWISE_LEN,
        MASK: Data<'static> = NFTNL_EXPR_BITWISE_MASK,
        XOR: Data<'static> = NFTNL_EXPR_BITWISE_XOR,
    }
    Lookup: c"lookup" {
        FROM: u32 = NFTNL_EXPR_LOOKUP_SREG,
        TO: u32 = NFTNL_EXPR_LOOKUP_DREG,
        SET: Name = NFTNL_EXPR_LOOKUP_SET,
        SET_ID: u32 = NFTNL_EXPR_LOOKUP_SET_ID,
        FLAGS: u32 = NFTNL_EXPR_LOOKUP_FLAGS,
    }
    Immediate: c"immediate" {
        TO: u32 = NFTNL_EXPR_IMM_DREG,
        DATA: Data<'static> = NFTNL_EXPR_IMM_DATA,
        VERDICT: u32 = NFTNL_EXPR_IMM_VERDICT,
        CHAIN: Name = NFTNL_EXPR_IMM_CHAIN,
    }
    Nat: c"nat" {
        TYPE: u32 = NFTNL_EXPR_NAT_TYPE,
        FAMILY: u32 = NFTNL_EXPR_NAT_FAMILY,
        ADDRESS: u32 = NFTNL_EXPR_NAT_REG_ADDR_MIN,
        LAST_ADDRESS: u32 = NFTNL_EXPR_NAT_REG_ADDR_MAX,
        PORT: u32 = NFTNL_EXPR_NAT_REG_PROTO_MIN,
        LAST_PORT: u32 = NFTNL_EXPR_NAT_REG_PROTO_MAX,
        FLAGS: u32 = NFTNL_EXPR_NAT_FLAGS,
    }
    Masquerade: c"masq" {
        FLAGS: u32 = NFTNL_EXPR_MASQ_FLAGS,
        PORT: u32 = NFTNL_EXPR_MASQ_REG_PROTO_MIN,
        LAST_PORT: u32 = NFTNL_EXPR_MASQ_REG_PROTO_MAX,
    }
    ObjectReference: c"objref" {
        TYPE: u32 = NFTNL_EXPR_OBJREF_IMM_TYPE,
        NAME: Name = NFTNL_EXPR_OBJREF_IMM_NAME,
        FROM: u32 = NFTNL_EXPR_OBJREF_SET_SREG,
        SET: Name = NFTNL_EXPR_OBJREF_SET_NAME,
        SET_ID: u32 = NFTNL_EXPR_OBJREF_SET_ID,
    }
    Counter: c"counter" {
        PACKETS: u64 = NFTNL_EXPR_CTR_PACKETS,
        BYTES: u64 = NFTNL_EXPR_CTR_BYTES,
    }
    Fib: c"fib" {
        TO: u32 = NFTNL_EXPR_FIB_DREG,
        RESULT: u32 = NFTNL_EXPR_FIB_RESULT,
        FLAGS: u32 = NFTNL_EXPR_FIB_FLAGS,
    }
}

/// `NAME: of what, its type with these flags beside NLM_F_REQUEST, by which function`
macro_rules! requests {
    ($($name:ident: $kind:ident, $number:ident, $flags:expr, $build:ident;)*) => {$(
        pub(in crate::sys::nft) static $name: Request<$kind> = Request {
            kind: short(libc::$number.unsigned_abs()),
            flags: short($flags.unsigned_abs()),
            // SAFETY: the caller gives a header with room behind it, and a live struct of
            // the type that the function is for.
            build: |header, raw| unsafe { sys::$build(header, raw) },
        };
    )*};
}

use libc::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};

requests! {
    ADD_TABLE: Table, NFT_MSG_NEWTABLE, NLM_F_CREATE, nftnl_table_nlmsg_build_payload;
    DELETE_TABLE: Table, NFT_MSG_DELTABLE, 0_i32, nftnl_table_nlmsg_build_payload;
    ADD_CHAIN: Chain, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, nftnl_chain_nlmsg_build_payload;
    // At the end, or behind the rule at its position.
    APPEND_RULE: Rule, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, nftnl_rule_nlmsg_build_payload;
    // At the head, or before the rule at its position.
    INSERT_RULE: Rule, NFT_MSG_NEWRULE, NLM_F_CREATE, nftnl_rule_nlmsg_build_payload;
    DELETE_RULE: Rule, NFT_MSG_DELRULE, 0_i32, nftnl_rule_nlmsg_build_payload;
    ADD_SET: Set, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, nftnl_set_nlmsg_build_payload;
    ADD_ELEMENTS: Set, NFT_MSG_NEWSETELEM, NLM_F_CREATE, nftnl_set_elems_nlmsg_build_payload;
    ADD_HELPER: Helper, NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL, nftnl_obj_nlmsg_build_payload;
}
