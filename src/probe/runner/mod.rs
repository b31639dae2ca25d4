//! Plays courses over sockets.

mod wire;
mod world;

pub use world::{Caller, drive};
