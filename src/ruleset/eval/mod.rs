//! What the firewall that is in force makes of a packet.
//!
//! - [`Prepared`] is a ruleset made ready, on a host of which [`HostFacts`] are known.
//! - [`Packet`] is the packet; [`Prepared::evaluate`] sends it through the hooks as
//!   `net/netfilter/core.c` and `nf_tables_core.c` do, and tells its [`Outcome`].
//! - [`Prepared::partition`] does so for all flows of a [`Region`]: which ports from which
//!   sources come to what.
//!
//! What is not known or not understood is never guessed. Where a test asks for it, both
//! answers are tried; only where they come to different ends is the end undecided. Left
//! out: fragments, packets that a bridge forwards, sources' ports that are taken.

mod alone;
mod chain;
mod choice;
mod compare;
mod compute;
mod conntrack;
mod device;
mod facts;
mod field;
mod hooks;
mod keys;
mod meta;
mod names;
mod nat;
mod needs;
mod outcome;
mod own;
mod packet;
mod part;
mod partition;
mod payload;
mod prepare;
mod quick;
mod quick_step;
mod region;
mod registers;
mod routes;
mod routine;
mod run;
mod sets;
mod step;
mod way;
mod xt_address;
mod xt_answer;
mod xt_connection;
mod xt_match;
mod xt_target;

#[cfg(test)]
mod tests;

pub use alone::{Does, Midway, Piece as Part};
pub use facts::{HostFacts, OwnAddress, Route};
pub use outcome::{Assigned, Doubt, Evaluation, Met, Nat, Outcome, Place, Rejection, Told, Where};
pub use packet::{Address, Direction, Flow, Packet, Path, Port, State, Translation, Translations};
pub use partition::Piece;
pub use prepare::Prepared;
pub use region::{Axis, Region, Span, address, number};
