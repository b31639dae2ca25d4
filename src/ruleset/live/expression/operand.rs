//! What expressions work with: registers, operators.

/// One of the sixteen registers of four bytes (`NFT_REG32_00` is 0); a longer value also
/// fills those after it. The old ones of sixteen bytes (`NFT_REG_1` to 4) are 0, 4, 8, 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register(pub u8);

/// Where a lookup's value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupTo {
    /// Into a register.
    Register(Register),
    /// It is the verdict.
    Verdict,
}

/// Which object a rule uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectRef {
    /// This one.
    Name(String),
    /// That which a map has for a key.
    Map {
        /// The map's name.
        set: String,
        /// The key.
        key: Register,
    },
}

/// From where bytes of a packet are counted (`NFT_PAYLOAD_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadBase {
    /// The link layer's header.
    Link,
    /// IP's.
    Network,
    /// TCP's, UDP's, ICMP's.
    Transport,
    /// What follows that.
    Inner,
    /// The header within a tunnel's.
    Tunnel,
}

/// How bytes are compared, as memcmp(3) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CmpOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What is computed of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BitwiseOp {
    /// `(x & mask) ^ xor`
    MaskXor {
        /// The mask.
        mask: Box<[u8]>,
        /// What is flipped.
        xor: Box<[u8]>,
    },
    /// `x << n`, of a number in the host's order.
    ShiftLeft(u32),
    /// `x >> n`
    ShiftRight(u32),
    /// With another register (Linux 6.15): `and` 3, `or` 4, `xor` 5.
    Registers {
        /// `NFT_BITWISE_*`.
        op: u32,
        /// The other.
        other: Register,
    },
}

/// A rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub rate: u64,
    /// In so many seconds.
    pub unit: u64,
    /// So many more at once.
    pub burst: u32,
    /// Of bytes, not packets.
    pub bytes: bool,
    /// Matches over it.
    pub over: bool,
}

/// A translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// `NFPROTO_*` of the address; `None` where the rule's own counts.
    pub family: Option<u32>,
    /// The first and, of a range, the last address.
    pub address: Option<(Register, Option<Register>)>,
    /// The first and, of a range, the last port.
    pub port: Option<(Register, Option<Register>)>,
    /// `NF_NAT_RANGE_*`: random 4, persistent 8, fully random 16, netmap 64.
    pub flags: u32,
}

/// Which translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NatKind {
    /// The source, to an address.
    Snat,
    /// The destination, to an address.
    Dnat,
    /// The source, to that of the interface it leaves by.
    Masquerade,
    /// The destination, to this host.
    Redirect,
}
