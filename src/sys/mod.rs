//! The only code that touches the host: files, processes, netlink, terminals.
//!
//! Nothing here judges; it fetches bytes for the core and carries bytes away.

#![allow(
    clippy::disallowed_methods,
    reason = "this is where the effects live that are disallowed elsewhere"
)]

pub mod administrator;
pub mod apart;
pub mod calls;
pub mod clock;
pub mod collect;
pub mod connect;
pub mod devices;
pub mod files;
pub mod host;
pub mod icmp;
pub mod iptables;
pub mod kmod;
pub mod links;
pub mod namespace;
pub mod netlink;
pub mod nft;
pub mod process;
pub mod processes;
pub mod random;
pub mod routes;
pub mod ruleset;
pub mod scratch;
pub mod state;
pub mod sysctls;
pub mod systemd;
pub mod terminal;
pub mod trust;
pub mod wake;
pub mod watchdog;

/// An error with its causes, in one line.
#[must_use]
pub fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
