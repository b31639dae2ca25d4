//! Verdicts: those of `nf_tables`, which targets of iptables also come to.

/// What a rule or an element says about a packet (`NFT_GOTO`, `NF_DROP`, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Leaves this base chain.
    Accept,
    /// Ends the packet.
    Drop,
    /// To a program of the host, for the packet's whole way (`NF_QUEUE`).
    Queue,
    /// The next rule.
    Continue,
    /// Back to the chain that jumped here; in a base chain, its policy.
    Return,
    /// Into another chain, and back.
    Jump(String),
    /// Into another chain; its end is that of this one.
    Goto(String),
    /// A number without a name here.
    Other(i32),
}
