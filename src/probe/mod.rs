//! An FTP session from the client's seat.
//!
//! - [`reply`] takes replies out of bytes.
//! - [`session`] is the session as a state machine: what happened goes in, what to do comes
//!   out. It has no socket and no clock.
//! - [`tls`] is the client's side of TLS.
//! - [`runner`] plays a session over sockets.
//! - [`sweep`] tries every port of the passive range.

pub mod reply;
pub mod runner;
pub mod session;
pub mod sweep;
pub mod tls;
