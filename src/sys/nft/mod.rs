//! Writing `nf_tables`: one batch, one send, one commit.
//!
//! libnftnl makes the messages. What goes beyond nftnl's safe functions, which is most of
//! them, is in `libnftnl`, the only folder here with `unsafe`.

mod batch;
mod expression;
mod held;
#[expect(
    unsafe_code,
    reason = "nftnl has safe functions for few of libnftnl's things"
)]
mod libnftnl;
mod set;
mod write;

pub use batch::{Error, Part, Refused};

use crate::ruleset::change::Operation;
use crate::ruleset::replay::{self, Message};
use batch::{About, End};

/// Has the kernel commit the operations, whole or not at all, if the ruleset's generation
/// is still `generation`; 0 is no generation, and any will do. In the network namespace of
/// the calling thread, where it needs `CAP_NET_ADMIN`. Of no operations nothing is sent.
///
/// A rule of a [`Operation::ReplaceTable`] names anonymous sets of its table as the model
/// does; the kernel gives them numbers of its own. May make the kernel load modules:
/// `nfnetlink`, `nf_tables`, and those of expressions, chain types and objects.
///
/// # Errors
/// [`Error::Stale`] where the ruleset changed meanwhile, [`Error::Refused`] with the first
/// part that was refused, [`Error::Unwritable`] with what the kernel was not even asked
/// for: in each case nothing changed. See [`Error`] for the rest.
pub fn commit(operations: &[Operation], generation: u32) -> Result<(), Error> {
    write::written(operations)?.send(generation, End::Commit)
}

/// Has the kernel make what messages of a dump say, whole or not at all, in the network
/// namespace of the calling thread. Of no messages nothing is sent.
///
/// # Errors
/// As [`commit`]; [`Refused::what`] is that of the message.
pub fn replay(messages: &[Message]) -> Result<(), Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let about: Vec<About> = messages
        .iter()
        .map(|message| About {
            operation: 0,
            part: Part::Table,
            what: message.what.clone(),
        })
        .collect();
    batch::transmit(replay::batch(messages), &about, 0, End::Commit)
}

/// The kernel checks all of it and changes nothing; it may load the modules.
///
/// # Errors
/// As [`commit`].
pub fn try_out(operations: &[Operation], generation: u32) -> Result<(), Error> {
    write::written(operations)?.send(generation, End::TakeBack)
}
