//! What follows the first packet of a connection, what helpers expect, and what nobody
//! tracks.

use crate::check::definition::{Judge, check};

use super::nothing_foreseen;

check! {
    /// What follows the first packet of a connection is dropped.
    ///
    /// ## What happens
    /// The connection is opened and nothing comes: a client waits for the greeting, or for the
    /// first line of a listing.
    ///
    /// ## Why
    /// A rule for NEW lets in one packet. Those that follow, and the answers, are ESTABLISHED;
    /// so each chain that drops by default needs a rule for them, in both directions.
    ///
    /// ## How it is judged
    /// Where the first packet gets through, its answer and a later packet are sent through the
    /// live ruleset as well, as packets of an established connection.
    ///
    /// ## Cure
    /// `ct state established accept` (`-m conntrack --ctstate ESTABLISHED -j ACCEPT`) in that
    /// chain; the finding prints rules for FTP alone.
    ESTABLISHED_NOT_ACCEPTED, Error, moot by &[], Judge::Blame {
        applies: |_| true,
        foreseen: nothing_foreseen,
    }
}

check! {
    /// Data connections that the helper expects are not let through.
    ///
    /// ## What happens
    /// Clients without TLS log in and hang on the listing, although the helper is assigned;
    /// where a rule rejects what it does not accept they are refused. Where a rule accepts the
    /// passive range as NEW each listing waits a second.
    ///
    /// ## Why
    /// Once the helper has read the port out of a reply, the data connection is RELATED and no
    /// longer NEW. A rule must accept it as that. Dropped, it is no longer expected: sent again
    /// after a second, it is NEW.
    ///
    /// ## How it is judged
    /// Where a rule assigns the helper to the control connection, and where the profile's
    /// clients are behind this gateway and active: the data connection, expected by the helper,
    /// is sent through the live ruleset.
    ///
    /// ## Cure
    /// The rule `related` that the finding prints: RELATED by the helper, to the ports that it
    /// may use.
    RELATED_NOT_ACCEPTED, Error, moot by &[], Judge::Blame {
        applies: |_| true,
        foreseen: nothing_foreseen,
    }
}

check! {
    /// A rule keeps the connections from being tracked.
    ///
    /// ## What happens
    /// Rules for NEW and ESTABLISHED are there and never match; nothing is translated.
    ///
    /// ## Why
    /// `notrack` (`-j CT --notrack`, `-j NOTRACK`) takes packets out of connection tracking:
    /// they have no state, no NAT chain sees them, and what a helper expects never comes: a
    /// second listing on the same port hangs.
    ///
    /// ## How it is judged
    /// A packet of the profile's connections is dropped, or not translated, and a rule before
    /// had it go untracked.
    ///
    /// ## Cure
    /// Take that rule out, or have it spare these ports.
    TRAFFIC_UNTRACKED, Error, moot by &[], Judge::Blame {
        applies: |_| true,
        foreseen: nothing_foreseen,
    }
}
