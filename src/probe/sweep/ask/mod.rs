//! The client's side.
//!
//! - [`calls`] calls ports, many at once.
//! - [`runner`] leads the sweep.

pub mod calls;
pub mod runner;
