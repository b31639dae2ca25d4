//! From a plan to what is in force on a host, and back without a trace.

pub mod perform;
pub mod ports;
pub mod record;
pub mod system;
