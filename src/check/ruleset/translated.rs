//! Where this host leads connections, and with which source.

use crate::check::definition::{Judge, Subject, check};
use crate::model::check as id;
use crate::profile::Nat;

use super::{hairpin_missing, nothing_foreseen};

check! {
    /// Nothing on this gateway leads connections to the server.
    ///
    /// ## What happens
    /// Clients are refused: the gateway answers for ports that it does not translate. With DNAT
    /// for port 21 alone they log in, and each listing is refused.
    ///
    /// ## Why
    /// Under TLS no helper sees the port of the data connection: the whole passive range needs
    /// DNAT, port by port the same.
    ///
    /// ## How it is judged
    /// The first packet of each connection is sent through the live ruleset, and no rule
    /// translates it. Clients on this host itself need DNAT in the output hook.
    ///
    /// ## Cure
    /// The rules that the finding prints, or `ftpnat apply`.
    DNAT_MISSING, Error, moot by &[], Judge::Blame {
        applies: is_gateway_of_server,
        foreseen: nothing_foreseen,
    }
}

check! {
    /// DNAT leads connections to other ports than they were made to.
    ///
    /// ## What happens
    /// Clients log in, and each listing is refused.
    ///
    /// ## Why
    /// The server listens on the very port that it announced; under TLS nobody can translate
    /// that number on its way back. Passive ports must stay what they are.
    ///
    /// ## Look
    /// `--to-destination ADDRESS:PORT` or `dnat to ADDRESS:PORT` on a rule for the range.
    ///
    /// ## Cure
    /// The same rule without ports. Only the control port may differ (`nat.external.port`).
    DNAT_SHIFTS_PORTS, Error, moot by &[], Judge::Blame {
        applies: |_| true,
        foreseen: nothing_foreseen,
    }
}

check! {
    /// Inside clients use the external address, and nothing turns them back.
    ///
    /// ## What happens
    /// The server works from outside. From its own network, by the name that everyone uses,
    /// clients hang or are refused.
    ///
    /// ## Why
    /// The gateway translates what comes in from outside. An inside client's packet must be
    /// translated as well, and its source too: else the server answers it directly, from an
    /// address that the client did not call.
    ///
    /// ## How it is judged
    /// Where the profile has `nat.hairpin`, inside clients' connections to the external address
    /// are sent through the live ruleset. `ftpnat plan` says it of a profile without.
    ///
    /// ## Cure
    /// `nat.hairpin: true` and the rules that `ftpnat plan` then prints; or a name that resolves
    /// to the inside address inside (split DNS) and EPSV.
    HAIRPIN_MISSING, Warning, moot by &[id::DNAT_MISSING], Judge::Blame {
        applies: is_gateway_of_server,
        foreseen: hairpin_missing,
    }
}

check! {
    /// The server sees this gateway's address in place of its clients'.
    ///
    /// ## What happens
    /// The server's log shows one address for everyone; bans by address ban everyone. Active
    /// mode is refused, as the client's address in PORT is not the one that the server sees.
    /// Where only one of the two connections is translated, servers refuse the other
    /// (`425 Security: Bad IP connecting`).
    ///
    /// ## Why
    /// A rule masquerades whatever leaves the gateway, inbound connections to the server too:
    /// `-j MASQUERADE` without `-o` and an outside interface.
    ///
    /// ## How it is judged
    /// A connection from outside is sent through the live ruleset, and its source is
    /// translated. A warning where passive mode works all the same.
    ///
    /// ## Cure
    /// Bind that rule to the outside interface (`-o`, `oifname`).
    INBOUND_SNAT_HIDES_CLIENTS, Error, moot by &[], Judge::Blame {
        applies: |_| true,
        foreseen: nothing_foreseen,
    }
}

check! {
    /// The server's active data connections leave with its inside address.
    ///
    /// ## What happens
    /// In active mode the listing hangs: the data connection comes to the client from a private
    /// address, if at all, or from another one than it called.
    ///
    /// ## Why
    /// The server opens it itself, and under TLS no helper knows that it belongs to a
    /// translated connection. Only a rule translates its source.
    ///
    /// ## How it is judged
    /// The profile says `active: true`: the server's new connection to a client is sent through
    /// the live ruleset, and does not get the external address.
    ///
    /// ## Cure
    /// SNAT of what the server opens, to the external address: the rule `active-snat`.
    SNAT_MISSING_FOR_ACTIVE, Error, moot by &[], Judge::Blame {
        applies: |subject| subject.profile.active && is_gateway_of_server(subject),
        foreseen: nothing_foreseen,
    }
}

check! {
    /// Another rule leads the connections somewhere else.
    ///
    /// ## What happens
    /// Clients reach another machine or another program than the server: no greeting, another
    /// greeting, or a refusal.
    ///
    /// ## Why
    /// The first NAT rule that matches counts: by priority of the chains, then by order. A
    /// general rule (a DMZ host, a transparent proxy, a container's published port) takes
    /// everything.
    ///
    /// ## Cure
    /// DNAT of our own before that one: `ftpnat apply` puts it at priority -110, or first in
    /// iptables' chain. On the server itself: take that rule out.
    DNAT_TAKEN_BY_ANOTHER_RULE, Error, moot by &[], Judge::Blame {
        applies: |subject| !matches!(subject.profile.nat, Nat::Masquerade { .. }),
        foreseen: nothing_foreseen,
    }
}

fn is_gateway_of_server(subject: &Subject) -> bool {
    matches!(subject.profile.nat, Nat::Dnat { .. })
}
