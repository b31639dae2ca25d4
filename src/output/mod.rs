//! Results in words and in JSON. Judges nothing.

mod failure;
pub mod human;
pub mod json;

pub use failure::{Failure, Place};
