//! The lab: machines made of network namespaces on this kernel, an FTP server, and clients.
//! What `ftpnat rehearse` stands on.
//!
//! - [`scene`] makes machines, cables and addresses of a profile, as a value.
//! - [`machines`] makes network namespaces of a scene.
//! - [`rules`] has what firewalls there hold before the plan; [`live`] lays the host's own.
//! - [`server`] is an FTP server that behaves as the profile's software does.
//! - [`play`] plays sessions from every seat, and [`verdict`] compares them with the
//!   predictions.
//! - [`rehearsal`] does all of it, and [`account`] is what is told of it.

pub mod account;
pub mod live;
pub mod machines;
pub mod play;
mod pool;
pub mod rehearsal;
pub mod rules;
pub mod scene;
pub mod server;
pub mod verdict;
