//! Results in words and in JSON. Judges nothing.

mod failure;
pub mod human;
pub mod json;
mod terminal;
mod words;

pub use failure::{Failure, Place};
pub use terminal::one_line;
