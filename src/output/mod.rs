//! Results in words and in JSON. Judges nothing.

pub mod apply;
pub mod check;
pub mod cure;
mod failure;
pub mod history;
pub mod host;
pub mod human;
pub mod json;
pub mod managers;
pub mod path;
pub mod place;
pub mod probe;
pub mod refusal;
pub mod rehearse;
mod seen;
pub mod snapshot;
pub mod sweep;
pub mod symptom;
mod terminal;
mod words;

pub use failure::{Failure, Place};
pub use seen::Seen;
pub use terminal::one_line;
