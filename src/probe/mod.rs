//! An FTP session from the client's seat.
//!
//! - [`reply`] takes replies out of bytes.
//! - [`course`] is what a probe tries of a server, and in which order. It is written as it
//!   runs, and [`engine`] makes a state machine of it: what happened goes in, what to do comes
//!   out. Neither has a socket or a clock.
//! - [`seen`] is what was seen: facts for `check` to judge, and steps for people.
//! - [`tls`] is the client's side of TLS, [`certificate`] what it thinks of a certificate, and
//!   [`hello`] asks what TLS a server speaks that has none in common with it.
//! - [`runner`] plays them over sockets.
//! - [`sweep`] tries every port of the passive range.

pub mod certificate;
pub mod course;
pub mod engine;
pub mod hello;
pub mod reply;
pub mod runner;
pub mod seen;
pub mod sweep;
pub mod tls;
mod trouble;

#[cfg(test)]
mod scripted;
