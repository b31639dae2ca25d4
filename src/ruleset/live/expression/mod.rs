//! What a rule of `nf_tables` is made of: a program for registers.
//!
//! Values are in the bytes that registers hold (`net/netfilter/nft_*.c`): addresses and
//! ports as on the wire, numbers such as marks in the host's order.

mod operand;

pub use operand::{
    BitwiseOp, CmpOp, Limit, LookupTo, Nat, NatKind, ObjectRef, PayloadBase, Register,
};

pub use super::verdict::Verdict;
use super::xt;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Loads bytes of the packet.
    Payload {
        /// From where.
        base: PayloadBase,
        /// Bytes from there.
        offset: u32,
        /// How many.
        length: u32,
        /// Where to.
        to: Register,
    },
    /// Writes bytes of the packet.
    PayloadSet {
        /// From where.
        base: PayloadBase,
        /// Bytes from there.
        offset: u32,
        /// How many.
        length: u32,
        /// Where they come from.
        from: Register,
    },
    /// Loads something about the packet.
    Meta {
        /// What (`NFT_META_*`).
        key: u32,
        /// Where to.
        to: Register,
    },
    /// Changes it.
    MetaSet {
        /// What (`NFT_META_*`).
        key: u32,
        /// Where it comes from.
        from: Register,
    },
    /// Loads something about the connection.
    Ct {
        /// What (`NFT_CT_*`).
        key: u32,
        /// `IP_CT_DIR_ORIGINAL` 0 or `IP_CT_DIR_REPLY` 1, where it matters.
        direction: Option<u8>,
        /// Where to.
        to: Register,
    },
    /// Changes it.
    CtSet {
        /// What (`NFT_CT_*`).
        key: u32,
        /// As above.
        direction: Option<u8>,
        /// Where it comes from.
        from: Register,
    },
    /// Compares; the rule ends where it does not hold.
    Cmp {
        /// What is compared.
        from: Register,
        /// How.
        op: CmpOp,
        /// With what.
        data: Box<[u8]>,
    },
    /// Compares with a range.
    Range {
        /// What is compared.
        from: Register,
        /// Must be outside.
        negated: bool,
        /// The first.
        first: Box<[u8]>,
        /// The last.
        last: Box<[u8]>,
    },
    /// Computes.
    Bitwise {
        /// What with.
        from: Register,
        /// Where to.
        to: Register,
        /// How many bytes.
        length: u32,
        /// How.
        op: BitwiseOp,
    },
    /// Changes the order of bytes (`hton` and `ntoh` are the same on any machine).
    Byteorder {
        /// What.
        from: Register,
        /// Where to.
        to: Register,
        /// How many bytes.
        length: u32,
        /// Of each number.
        size: u32,
    },
    /// Looks up in a set or map; the rule ends where it is not there.
    Lookup {
        /// Its name.
        set: String,
        /// The key.
        from: Register,
        /// Where the value goes; [`Register`] is none for a verdict map, whose value is
        /// the rule's verdict.
        to: Option<LookupTo>,
        /// Must not be there.
        negated: bool,
    },
    /// Loads a value.
    Immediate {
        /// Where to.
        to: Register,
        /// It.
        data: Box<[u8]>,
    },
    /// Says the verdict.
    Verdict(Verdict),
    /// Asks the routes.
    Fib {
        /// What is wanted: `NFT_FIB_RESULT_*` (interface 1, its name 2, address type 3).
        result: u32,
        /// `NFTA_FIB_F_*`.
        flags: u32,
        /// Where to.
        to: Register,
    },
    /// Adds, changes or deletes an element; where that fails (full, or its expressions
    /// do not match), the rule ends, or goes on where negated.
    Dynset {
        /// The set's name.
        set: String,
        /// `NFT_DYNSET_OP_*`.
        op: u32,
        /// The key.
        key: Register,
        /// The value.
        value: Option<Register>,
        /// Milliseconds.
        timeout: Option<u64>,
        /// `NFT_DYNSET_F_INV`.
        negated: bool,
        /// What the element carries.
        expressions: Vec<Expression>,
    },
    /// Matches up to a rate, or over it.
    Limit(Limit),
    /// Matches up to an amount, or over it.
    Quota {
        /// Over it.
        over: bool,
        /// How many.
        bytes: u64,
        /// How many of them are used.
        used: u64,
    },
    /// Matches up to a number of connections, or over it.
    Connlimit {
        /// How many.
        count: u32,
        /// Over it (`NFT_CONNLIMIT_F_INV`).
        over: bool,
    },
    /// Counts.
    Counter {
        /// Packets.
        packets: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Remembers when it was last met.
    Last,
    /// Logs.
    Log {
        /// The prefix.
        prefix: Option<String>,
        /// The group of `nfnetlink_log`.
        group: Option<u16>,
        /// syslog(2)'s level; 8 is audit.
        level: Option<u32>,
        /// `NF_LOG_*`.
        flags: Option<u32>,
        /// Bytes of the packet.
        snaplen: Option<u32>,
        /// Packets together.
        threshold: Option<u16>,
    },
    /// Keeps the packet from connection tracking.
    Notrack,
    /// To a program of the host.
    Queue {
        /// The first queue.
        first: u16,
        /// How many.
        total: u16,
        /// `NFT_QUEUE_FLAG_*`.
        flags: u16,
        /// By a register, where given.
        from: Option<Register>,
    },
    /// Refuses.
    Reject {
        /// `NFT_REJECT_*`: ICMP unreachable 0, TCP reset 1, ICMPX unreachable 2.
        kind: u32,
        /// The ICMP code.
        code: u8,
    },
    /// Translates.
    Nat(Nat),
    /// Hands to a local socket.
    Tproxy {
        /// `NFPROTO_*`.
        family: u32,
        /// The address.
        address: Option<Register>,
        /// The port.
        port: Option<Register>,
    },
    /// Uses an object.
    Object {
        /// `NFT_OBJECT_*`; 0 where a map has it and the map is not there.
        kind: u32,
        /// Which.
        which: ObjectRef,
    },
    /// Puts the connection into a flowtable.
    FlowOffload(String),
    /// Loads a number, such as of `numgen` or `jhash`: not known.
    Unforeseen {
        /// The expression's name.
        name: String,
        /// Where to.
        to: Register,
    },
    /// Loads what a TCP option, an IPv6 or another extension header holds, or whether it
    /// is there.
    Exthdr {
        /// `NFT_EXTHDR_OP_*`.
        op: u32,
        /// Which header or option.
        kind: u8,
        /// Bytes in it.
        offset: u32,
        /// How many.
        length: u32,
        /// `NFT_EXTHDR_F_*`; 1 asks whether it is there.
        flags: u32,
        /// Where to; `None` where it writes.
        to: Option<Register>,
    },
    /// Loads something about the route (`NFT_RT_*`).
    Rt {
        /// What.
        key: u32,
        /// Where to.
        to: Register,
    },
    /// Copies or sends the packet elsewhere: `dup` goes on, `fwd` ends.
    Elsewhere {
        /// `dup` or `fwd`.
        name: String,
    },
    /// Answers for a server (`synproxy`).
    Synproxy,
    /// A match of iptables.
    Match(xt::Match),
    /// A target of iptables.
    Target(xt::Target),
    /// An expression that is not understood.
    Opaque {
        /// Its name.
        name: String,
    },
}
