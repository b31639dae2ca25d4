//! Tables and what stands in them (nft(8); `linux/netfilter/nf_tables.h`).

use super::expression::{Expression, Verdict};
use super::xt::Match;

/// The packets that a table sees (`NFPROTO_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableFamily {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Both, and by the ingress hook everything.
    Inet,
    /// ARP.
    Arp,
    /// What a bridge forwards.
    Bridge,
    /// What a device receives or sends.
    Netdev,
}

impl TableFamily {
    /// Its word in nft(8).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
        }
    }
}

/// Which program a table belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Maker {
    /// `nft`, or another that writes `nf_tables` natively.
    Nft,
    /// iptables-nft: a table with iptables' name and chains, its rules with xt matches
    /// and targets or as iptables-nft writes them.
    IptablesNft,
    /// iptables-legacy: not in `nf_tables` at all.
    IptablesLegacy,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The packets that it sees.
    pub family: TableFamily,
    /// Its name.
    pub name: String,
    /// `NFTA_TABLE_HANDLE`; 0 in iptables-legacy.
    pub handle: u64,
    /// Who made it, as far as its form tells.
    pub maker: Maker,
    /// Its chains are not in force (`NFT_TABLE_F_DORMANT`).
    pub dormant: bool,
    /// Only the socket that made it may change it (`NFT_TABLE_F_OWNER`).
    pub owned: bool,
    /// Its comment.
    pub comment: Option<String>,
    /// Its chains, in the order of the dump (that of their making).
    pub chains: Vec<Chain>,
    /// Its sets and maps, anonymous ones too.
    pub sets: Vec<Set>,
    /// Its stateful objects.
    pub objects: Vec<Object>,
    /// Its flowtables.
    pub flowtables: Vec<Flowtable>,
}

impl Table {
    /// A table that holds nothing, with handle 0.
    #[must_use]
    pub fn new(family: TableFamily, name: impl Into<String>, maker: Maker) -> Self {
        Self {
            family,
            name: name.into(),
            handle: 0,
            maker,
            dormant: false,
            owned: false,
            comment: None,
            chains: Vec::new(),
            sets: Vec::new(),
            objects: Vec::new(),
            flowtables: Vec::new(),
        }
    }
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// `NFTA_CHAIN_HANDLE`; 0 in iptables-legacy.
    pub handle: u64,
    /// Where the kernel enters it; `None` where only rules do.
    pub base: Option<Base>,
    /// Its comment.
    pub comment: Option<String>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// What makes a chain a base chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Where.
    pub hook: Hook,
    /// In which order among those of the hook: lower ones first. For a NAT chain this
    /// orders only NAT chains among themselves.
    pub priority: i32,
    /// Its type.
    pub kind: Kind,
    /// What happens to a packet that no rule of it decides on.
    pub policy: Policy,
    /// The devices of an ingress or egress chain.
    pub devices: Vec<String>,
}

/// A netfilter hook (`NF_INET_*`, `NF_NETDEV_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// As a device receives it.
    Ingress,
    /// Before routing.
    Prerouting,
    /// For this host.
    Input,
    /// Routed by this host.
    Forward,
    /// Made by this host.
    Output,
    /// After routing.
    Postrouting,
    /// As a device sends it.
    Egress,
    /// A number without a name here.
    Other(u32),
}

/// A base chain's type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `filter`.
    Filter,
    /// `nat`: sees the first packet of a connection only.
    Nat,
    /// `route`: has a changed packet routed anew.
    Route,
    /// Another, by its name.
    Other(String),
}

/// A base chain's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Goes on to the next base chain.
    Accept,
    /// Is dropped.
    Drop,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `NFTA_RULE_HANDLE`; in iptables-legacy its number in the chain, from 1.
    pub handle: u64,
    /// Its comment: of `nft`, or of iptables' `comment` match.
    pub comment: Option<String>,
    /// What it is made of, in order: each tests, and ends the rule where that fails, or
    /// acts.
    pub expressions: Vec<Expression>,
    /// iptables-legacy, or read from a file: the line as saved, from `-A` on. Empty in
    /// what netlink dumped.
    pub line: String,
}

/// A set, a map, or a verdict map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name; `__set0`, `__map0` where anonymous.
    pub name: String,
    /// `NFTA_SET_HANDLE`.
    pub handle: u64,
    /// `NFTA_SET_FLAGS` (`NFT_SET_*`).
    pub flags: SetFlags,
    /// The type of keys, as nft has it (`NFTA_SET_KEY_TYPE`); concatenations have six
    /// bits for each part.
    pub key_type: u32,
    /// Bytes of a key (`NFTA_SET_KEY_LEN`).
    pub key_length: u32,
    /// Bytes of each part of a concatenation (`NFTA_SET_DESC_CONCAT`); empty in others.
    pub parts: Vec<u32>,
    /// The type of values of a map.
    pub data_type: Option<u32>,
    /// The type of objects of a map of objects (`NFTA_SET_OBJ_TYPE`).
    pub object_type: Option<u32>,
    /// Milliseconds after which an element goes, where it has no own time.
    pub timeout: Option<u64>,
    /// How many elements fit, where that is bounded.
    pub size: Option<u32>,
    /// Its comment.
    pub comment: Option<String>,
    /// What each element carries, such as a counter or a limit.
    pub expressions: Vec<Expression>,
    /// Its elements, ordered by the first key of each; that for all other keys (`*`) last.
    pub elements: Vec<Element>,
    /// Why its elements could not be read, where they could not: then it is not known
    /// what is in it.
    pub unread: Option<String>,
}

/// What kind of set it is (`enum nft_set_flags`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the kernel's flags, one each"
)]
pub struct SetFlags {
    /// Of one rule, without a name.
    pub anonymous: bool,
    /// Cannot change.
    pub constant: bool,
    /// Keys are ranges.
    pub interval: bool,
    /// A map.
    pub map: bool,
    /// Elements go after a time.
    pub timeout: bool,
    /// Rules add elements.
    pub dynamic: bool,
    /// A map of objects.
    pub object: bool,
    /// Keys are concatenations.
    pub concat: bool,
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// What it is for.
    pub key: Key,
    /// What a map gives for it.
    pub value: Option<Value>,
    /// Milliseconds that it lives.
    pub timeout: Option<u64>,
    /// Milliseconds that are left of them.
    pub expires: Option<u64>,
    /// Its comment.
    pub comment: Option<String>,
    /// What it carries: where these fail to match, as a limit does, so does the lookup.
    pub expressions: Vec<Expression>,
}

/// The keys that an element is for, in the bytes that registers hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// One key.
    One(Box<[u8]>),
    /// From the first to the last, both in it; in a concatenation part by part. The
    /// kernel's pairs of a start and an end (`NFT_SET_ELEM_INTERVAL_END`) are joined.
    Range(Box<[u8]>, Box<[u8]>),
    /// All that no other element is for (`NFT_SET_ELEM_CATCHALL`).
    CatchAll,
}

/// What a map gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Bytes for a register.
    Data(Box<[u8]>),
    /// A verdict, in a verdict map.
    Verdict(Verdict),
    /// The name of an object.
    Object(String),
}

/// A stateful object (`NFT_OBJECT_*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// `NFTA_OBJ_HANDLE`.
    pub handle: u64,
    /// Its comment.
    pub comment: Option<String>,
    /// What it is.
    pub what: ObjectKind,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectKind {
    /// `counter`.
    Counter,
    /// `quota`.
    Quota {
        /// Matches above the quota, not up to it.
        over: bool,
        /// How many.
        bytes: u64,
        /// How many of them are used.
        used: u64,
    },
    /// `ct helper`.
    Helper {
        /// The kernel's name, such as `ftp`.
        helper: String,
        /// `NFPROTO_*` that it is for.
        family: u16,
        /// `IPPROTO_*` that it is for.
        protocol: u8,
    },
    /// `limit`.
    Limit(super::expression::Limit),
    /// `ct timeout`.
    Timeout,
    /// `ct expectation`.
    Expectation,
    /// `secmark`.
    Secmark,
    /// `synproxy`.
    Synproxy,
    /// `tunnel`.
    Tunnel,
    /// A type without a name here (`NFTA_OBJ_TYPE`).
    Other(u32),
}

/// A flowtable: connections in it pass by the forward hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flowtable {
    /// Its name.
    pub name: String,
    /// `NFTA_FLOWTABLE_HANDLE`.
    pub handle: u64,
    /// Its priority at the ingress hook.
    pub priority: i32,
    /// Its devices.
    pub devices: Vec<String>,
    /// `NFTA_FLOWTABLE_FLAGS`.
    pub flags: u32,
}

/// The number means another hook in each family (`enum nf_inet_hooks`,
/// `enum nf_dev_hooks`, `linux/netfilter_arp.h`).
pub(super) fn hook_of(number: u32, family: TableFamily) -> Hook {
    match (family, number) {
        (TableFamily::Netdev, 0) | (TableFamily::Inet, 5) => Hook::Ingress,
        (TableFamily::Netdev, 1) => Hook::Egress,
        (TableFamily::Arp, 0) => Hook::Input,
        (TableFamily::Arp, 1) => Hook::Output,
        (TableFamily::Arp, 2) => Hook::Forward,
        (TableFamily::Netdev | TableFamily::Arp, other) => Hook::Other(other),
        (_, 0) => Hook::Prerouting,
        (_, 1) => Hook::Input,
        (_, 2) => Hook::Forward,
        (_, 3) => Hook::Output,
        (_, 4) => Hook::Postrouting,
        (_, other) => Hook::Other(other),
    }
}

/// A base chain's type by its name.
pub(super) fn kind_of(name: &str) -> Kind {
    match name {
        "filter" => Kind::Filter,
        "nat" => Kind::Nat,
        "route" => Kind::Route,
        other => Kind::Other(other.to_owned()),
    }
}

/// The comment in a rule's `comment` match of iptables.
pub(super) fn comment_of(expressions: &[Expression]) -> Option<String> {
    expressions.iter().find_map(|expression| match expression {
        Expression::Match(Match::Comment(text)) => Some(text.clone()),
        _ => None,
    })
}
