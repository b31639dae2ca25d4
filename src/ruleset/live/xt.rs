//! Matches and targets of iptables, of either back end.
//!
//! iptables-nft holds them as blobs (`struct xt_*_info` of one name and revision),
//! iptables-legacy as the words of `iptables-save`; both become the same values.

use std::net::IpAddr;

use super::verdict::Verdict;
pub use super::xt_net::Net;

/// A match. Each may be negated as a whole (`!`) where its fields have no own sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// `-s`, `-d`, `-i`, `-o`, `-p`, `-f` of a saved rule: the header without a module.
    Header(Box<Header>),
    /// `tcp`.
    Tcp {
        /// Source ports.
        source: Ports,
        /// Destination ports.
        destination: Ports,
        /// `--tcp-flags`: of the mask, those that are set.
        flags: Option<Sign<(u8, u8)>>,
        /// `--tcp-option`.
        option: Option<Sign<u8>>,
    },
    /// `udp`.
    Udp {
        /// Source ports.
        source: Ports,
        /// Destination ports.
        destination: Ports,
    },
    /// `icmp` and `icmp6`: a type and codes from the first to the last; type 255 is any
    /// in `icmp`.
    Icmp {
        /// `icmp6`.
        v6: bool,
        /// The type.
        kind: u8,
        /// The codes.
        codes: (u8, u8),
        /// `!`
        negated: bool,
    },
    /// `multiport`.
    Multiport {
        /// Which ports.
        side: MultiportSide,
        /// The ranges.
        ranges: Vec<(u16, u16)>,
        /// `!`
        negated: bool,
    },
    /// `conntrack`, and `state`, which is its older name.
    Conntrack(Box<Conntrack>),
    /// `comment`.
    Comment(String),
    /// `addrtype`: masks of `1 << RTN_*`.
    Addrtype {
        /// Of the source.
        source: Option<Sign<u16>>,
        /// Of the destination.
        destination: Option<Sign<u16>>,
        /// `--limit-iface-in`
        limit_in: bool,
        /// `--limit-iface-out`
        limit_out: bool,
    },
    /// `iprange`.
    Iprange {
        /// Sources.
        source: Option<Sign<(IpAddr, IpAddr)>>,
        /// Destinations.
        destination: Option<Sign<(IpAddr, IpAddr)>>,
    },
    /// `mark`.
    Mark {
        /// The value.
        value: u32,
        /// Of these bits.
        mask: u32,
        /// `!`
        negated: bool,
    },
    /// `connmark`.
    Connmark {
        /// The value.
        value: u32,
        /// Of these bits.
        mask: u32,
        /// `!`
        negated: bool,
    },
    /// `pkttype` (`PACKET_*`).
    Pkttype {
        /// Which.
        kind: u32,
        /// `!`
        negated: bool,
    },
    /// `mac`.
    Mac {
        /// The source.
        source: [u8; 6],
        /// `!`
        negated: bool,
    },
    /// `helper`; an empty name is any.
    Helper {
        /// The name.
        name: String,
        /// `!`
        negated: bool,
    },
    /// `set`: an ipset, whose members are not read.
    Set {
        /// Its name, or its number where only that is known.
        name: String,
        /// `src` and `dst`, in order.
        sides: Vec<SetSide>,
        /// `!`
        negated: bool,
    },
    /// A match on a header that packets of TCP and UDP do not have, so that it holds for
    /// none of them, negated or not: `ah`, `esp`, `sctp`, `dccp`, `mh`, and the extension
    /// headers `rt`, `frag`, `hbh`, `dst`.
    OtherHeader {
        /// Its name.
        name: String,
        /// Its options, as saved; empty where only bytes are known.
        words: String,
    },
    /// A match that is known by name, and whose outcome the model cannot foresee: rates
    /// and amounts (`limit`, `hashlimit`, `recent`, `connlimit`, `quota`, `connbytes`),
    /// chance and time (`statistic`, `time`), sockets and devices (`owner`, `socket`,
    /// `cgroup`, `physdev`, `devgroup`), routes and `IPsec` (`rpfilter`, `realm`, `policy`),
    /// what the model of a packet does not hold (`string`, `ttl`, `hl`, `length`, `dscp`,
    /// `tos`, `ecn`, `tcpmss`, `u32`, `bpf`, `connlabel`, `ipv6header`).
    Unforeseen {
        /// Its name.
        name: String,
        /// Its options, in the words of `iptables-save`.
        words: String,
    },
    /// A match that is not understood.
    Opaque {
        /// Its name.
        name: String,
        /// Its revision; `None` in a saved text.
        revision: Option<u8>,
        /// Its options, as saved; empty where only bytes are known.
        words: String,
    },
}

/// A thing, or all but it (`!`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign<T> {
    /// All but it.
    pub negated: bool,
    /// The thing.
    pub value: T,
}

/// Ports from the first to the last, or all but those; `(0, 65535)` are all.
pub type Ports = Sign<(u16, u16)>;

/// What stands in the header of a rule (`struct ipt_ip`, `struct ip6t_ip6`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// `-s`
    pub source: Option<Sign<Net>>,
    /// `-d`
    pub destination: Option<Sign<Net>>,
    /// `-i`; ends in `+` for all that begin so.
    pub input: Option<Sign<String>>,
    /// `-o`
    pub output: Option<Sign<String>>,
    /// `-p`, `IPPROTO_*`.
    pub protocol: Option<Sign<u8>>,
    /// `-f`: second and further fragments.
    pub fragment: Option<Sign<()>>,
}

/// Which ports `multiport` looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MultiportSide {
    /// `--sports`
    Source,
    /// `--dports`
    Destination,
    /// `--ports`: either.
    Either,
}

/// Which address or port `set` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetSide {
    /// `src`
    Source,
    /// `dst`
    Destination,
}

/// What `conntrack` asks (`struct xt_conntrack_mtinfo3`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conntrack {
    /// It was written as `-m state`.
    pub is_state: bool,
    /// `--ctstate`: `XT_CONNTRACK_STATE_*`, INVALID 1, ESTABLISHED 2, RELATED 4, NEW 8,
    /// SNAT 64, DNAT 128, UNTRACKED 256.
    pub states: Option<Sign<u16>>,
    /// `--ctproto`
    pub protocol: Option<Sign<u16>>,
    /// `--ctorigsrc`
    pub original_source: Option<Sign<Net>>,
    /// `--ctorigdst`
    pub original_destination: Option<Sign<Net>>,
    /// `--ctreplsrc`
    pub reply_source: Option<Sign<Net>>,
    /// `--ctrepldst`
    pub reply_destination: Option<Sign<Net>>,
    /// `--ctorigsrcport`
    pub original_source_port: Option<Ports>,
    /// `--ctorigdstport`
    pub original_destination_port: Option<Ports>,
    /// `--ctreplsrcport`
    pub reply_source_port: Option<Ports>,
    /// `--ctrepldstport`
    pub reply_destination_port: Option<Ports>,
    /// `--ctstatus`: `IPS_EXPECTED` 1, `IPS_SEEN_REPLY` 2, `IPS_ASSURED` 4, `IPS_CONFIRMED` 8.
    pub status: Option<Sign<u16>>,
    /// `--ctexpire`: seconds.
    pub expires: Option<Sign<(u32, u32)>>,
    /// `--ctdir`: the reply's.
    pub reply: Option<bool>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `ACCEPT`, `DROP`, `RETURN`, a jump or goto, none at all (`Continue`), `QUEUE`.
    Verdict(Verdict),
    /// `LOG`, `NFLOG`: goes on.
    Log {
        /// `LOG` or `NFLOG`.
        name: String,
        /// Its options, in the words of `iptables-save`.
        words: String,
    },
    /// `REJECT`.
    Reject {
        /// The table is `ip6tables`'.
        v6: bool,
        /// `enum ipt_reject_with`, `enum ip6t_reject_with`.
        with: u32,
    },
    /// `DNAT`, `SNAT`, `MASQUERADE`, `REDIRECT`, `NETMAP`.
    Nat(Nat),
    /// `MARK`: `(mark & !mask) ^ value`.
    Mark {
        /// What is flipped.
        value: u32,
        /// What is cleared.
        mask: u32,
    },
    /// `CONNMARK`.
    Connmark {
        /// What it does.
        op: ConnmarkOp,
        /// What is flipped, in `set`.
        value: u32,
        /// `--ctmask`
        ct_mask: u32,
        /// `--nfmask`
        packet_mask: u32,
    },
    /// `TCPMSS`: goes on.
    Tcpmss {
        /// The size; `None` for `--clamp-mss-to-pmtu`.
        size: Option<u16>,
    },
    /// `CT`, and `NOTRACK`, which is its older name.
    Ct {
        /// `--notrack`
        notrack: bool,
        /// `--helper`
        helper: Option<String>,
        /// `--zone`, 0 for none.
        zone: u16,
        /// Its options, in the words of `iptables-save`.
        words: String,
    },
    /// `TPROXY`.
    Tproxy {
        /// To this address; unspecified for the interface's own.
        address: IpAddr,
        /// To this port; 0 for the packet's.
        port: u16,
        /// The mark's value.
        value: u32,
        /// The mark's bits.
        mask: u32,
    },
    /// `NFQUEUE`.
    Nfqueue {
        /// The first queue.
        first: u16,
        /// How many.
        total: u16,
        /// Lets packets pass where no program reads the queue.
        bypass: bool,
    },
    /// `SET`: adds to, or deletes from, an ipset; goes on.
    Set {
        /// Its options, in the words of `iptables-save`.
        words: String,
    },
    /// A target that changes or counts something that no rule of the packet filter asks,
    /// and goes on: `CLASSIFY`, `DSCP`, `TOS`, `TTL`, `HL`, `CHECKSUM`, `AUDIT`, `RATEEST`,
    /// `LED`, `IDLETIMER`, `TCPOPTSTRIP`, `TRACE`, `TEE`.
    Passes {
        /// Its name.
        name: String,
        /// Its options, as saved; empty where only bytes are known.
        words: String,
    },
    /// A target that is not understood.
    Opaque {
        /// Its name.
        name: String,
        /// Its revision; `None` in a saved text.
        revision: Option<u8>,
        /// Its options, as saved; empty where only bytes are known.
        words: String,
    },
}

/// A translation by a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// From the first address to the last.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// From the first port to the last.
    pub ports: Option<(u16, u16)>,
    /// `DNAT --to A:first-last/base`: the port of the first (`NF_NAT_RANGE_PROTO_OFFSET`).
    pub base: Option<u16>,
    /// `--random`
    pub random: bool,
    /// `--random-fully`
    pub fully_random: bool,
    /// `--persistent`
    pub persistent: bool,
}

/// Which translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NatKind {
    /// `DNAT`
    Dnat,
    /// `SNAT`
    Snat,
    /// `MASQUERADE`
    Masquerade,
    /// `REDIRECT`
    Redirect,
    /// `NETMAP`, which turns the network of the source (postrouting, input) or of the
    /// destination.
    Netmap,
}

/// What `CONNMARK` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnmarkOp {
    /// The connection's becomes `(ct & !ct_mask) ^ value`.
    Set,
    /// The connection's becomes `(ct & !ct_mask) ^ (packet & packet_mask)`.
    Save,
    /// The packet's becomes `(packet & !packet_mask) ^ (ct & ct_mask)`.
    Restore,
}
