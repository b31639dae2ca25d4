//! What stands in the way of new connections on this host or on its gateway.

use crate::check::definition::{Judge, check};
use crate::plan::served_families;
use crate::profile::{Nat, Profile};

use super::{gateway_active, nothing_foreseen};

check! {
    /// The control port of the server on this host is not let in.
    ///
    /// ## What happens
    /// Clients cannot connect at all: they hang where packets are dropped, and are refused or
    /// told that the host cannot be reached where they are rejected.
    ///
    /// ## How it is judged
    /// The first packet of a control connection, from each client of the profile, is sent
    /// through the live ruleset as the kernel would. The rules and policies that stop it are the
    /// evidence, in the order in which it meets them. A rule that drops some clients only (a
    /// ban, a limit, a mark) is somebody's will, and a note.
    ///
    /// ## Look
    /// `nft list ruleset`; `iptables -L INPUT -n -v --line-numbers`.
    ///
    /// ## Cure
    /// An accept of the control port directly before the rule or the policy that drops it, in
    /// the same chain: the finding prints it. `ftpnat apply` puts it there.
    CONTROL_PORT_BLOCKED, Error, moot by &[], Judge::Blame {
        applies: |subject| is_here(subject.profile),
        foreseen: nothing_foreseen,
    }
}

check! {
    /// Ports of the passive range are not let in to the server on this host.
    ///
    /// ## What happens
    /// Clients log in. The directory listing hangs, always or now and then where only a part
    /// of the range is shut.
    ///
    /// ## Why
    /// Under TLS nothing can read the port out of the server's reply, so each data connection
    /// is NEW. Only a rule that accepts the whole passive range as NEW lets it in.
    ///
    /// ## How it is judged
    /// The first packet of a data connection to each port of the range, from each client, is
    /// sent through the live ruleset. Every rule that drops a part of them is named, with the
    /// ports that it drops.
    ///
    /// ## Look
    /// `nft list ruleset`; `iptables -L INPUT -n -v --line-numbers`.
    ///
    /// ## Cure
    /// An accept of exactly the range before what drops it; and the same range in the server's
    /// configuration.
    PASSIVE_RANGE_BLOCKED, Error, moot by &[], Judge::Blame {
        applies: |subject| is_here(subject.profile),
        foreseen: nothing_foreseen,
    }
}

check! {
    /// A later base chain drops what one accepted.
    ///
    /// ## What happens
    /// The rule is there, its counter counts, and the connection hangs all the same.
    ///
    /// ## Why
    /// `accept` ends one base chain, `drop` ends the packet. Each table may have a chain at the
    /// same hook; all of them are asked, by priority. iptables and nft each bring their own.
    ///
    /// ## How it is judged
    /// A packet that a rule accepted in one base chain is dropped in a later one of the same
    /// hook. Both are named.
    ///
    /// ## Cure
    /// An accept in the chain that drops, too.
    ACCEPT_OVERRULED_BY_LATER_DROP, Error, moot by &[], Judge::Blame {
        applies: |_| true,
        foreseen: nothing_foreseen,
    }
}

check! {
    /// A rule accepts what a rule before it in the chain has dropped.
    ///
    /// ## What happens
    /// The rule is there, and its counter stays at zero.
    ///
    /// ## Why
    /// Rules are asked in order and the first verdict counts. `iptables -A` puts a rule at the
    /// end, behind the REJECT that many distributions end their chains with.
    ///
    /// ## How it is judged
    /// The packet is sent through the same chain once more, as if the rules that drop it were
    /// not there: another rule of that chain then accepts it.
    ///
    /// ## Cure
    /// The accept before the drop: `iptables -I` with a number, `nft insert rule … position`.
    ACCEPT_AFTER_DROP, Error, moot by &[], Judge::Blame {
        applies: |_| true,
        foreseen: nothing_foreseen,
    }
}

check! {
    /// This gateway does not forward what the profile needs.
    ///
    /// ## What happens
    /// Clients hang, or are told that the host cannot be reached: at once where the control
    /// port is shut, at the directory listing where only ports of the passive range are.
    ///
    /// ## Why
    /// What a gateway translates it must also forward. DNAT comes first: rules in `forward` see
    /// the server's own address and port.
    ///
    /// ## How it is judged
    /// The first packet of each connection is sent through the live ruleset, translated where a
    /// rule translates it. The rules and policies that stop it are the evidence.
    ///
    /// ## Cure
    /// An accept in the chain that drops, with the server's inside address: the finding prints
    /// it. `ftpnat apply` puts it there.
    FORWARD_BLOCKED, Error, moot by &[], Judge::Blame {
        applies: |subject| !is_here(subject.profile),
        foreseen: nothing_foreseen,
    }
}

check! {
    /// Over IPv6 the firewall does not let through what it does over IPv4.
    ///
    /// ## What happens
    /// Some clients hang and others do not: those that have IPv6 try it first.
    ///
    /// ## Why
    /// `iptables` rules are for IPv4 alone, `ip6tables` for IPv6; tables `ip` and `ip6` of nft
    /// as well. Only `inet` tables see both.
    ///
    /// ## How it is judged
    /// The profile serves both families, everything is let through over IPv4, and something is
    /// not over IPv6.
    ///
    /// ## Cure
    /// The same rules for IPv6; or no AAAA record, and `server.address` of the profile with the
    /// IPv4 address only.
    IPV6_DIFFERS_FROM_IPV4, Warning, moot by &[], Judge::Blame {
        applies: |subject| served_families(subject.profile).len() > 1,
        foreseen: nothing_foreseen,
    }
}

check! {
    /// The server's data connection to the client is not let through.
    ///
    /// ## What happens
    /// In active mode the server opens the data connection, to a high port of the client. Where
    /// no rule accepts that and no helper expects it, it is dropped.
    ///
    /// ## How it is judged
    /// The profile says `active: true`: the server's new connection, from any port to any high
    /// port of a client, is sent through the live ruleset. `ftpnat plan` says it as well of
    /// clients on the gateway itself, whose high ports no rule opens.
    ///
    /// ## Cure
    /// The rule that the finding prints, or passive mode in the client. Rules that open every
    /// high port of a host to servers are not worth it.
    ACTIVE_DATA_BLOCKED, Error, moot by &[], Judge::Blame {
        applies: |subject| subject.profile.active,
        foreseen: gateway_active,
    }
}

fn is_here(profile: &Profile) -> bool {
    matches!(profile.nat, Nat::None | Nat::Upstream { .. })
}
