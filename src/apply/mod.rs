//! Puts a plan into the kernel, and takes it out again.
//!
//! - [`ours`] says what of a ruleset is ours, by names and comments.
//! - [`intent`] goes from the ruleset that is in force to the one that a plan wants, as a
//!   value: operations of `nf_tables`, texts for iptables, with the [`guests`] in their
//!   place; `removal` does where a profile that stays has no place any more.
//! - [`managers`] knows the programs that would undo a rule of ours.
//! - [`difference`] and [`drift`] say what differs, for people.
//! - [`system`] has modules and sysctls, [`record`] what is kept of all this.
//! - [`lockout`] keeps who administers the host from being locked out.
//! - [`journal`] is written before a change, and says how it is taken back.
//! - [`sight`] looks at the host, [`mod@before`] sets down what of ours is there, [`install`]
//!   and [`perform`] carry the change out, [`self_check`] calls the server over it, [`mod@undo`]
//!   takes it back; these alone touch it.

pub mod before;
pub mod difference;
pub mod drift;
pub mod guests;
pub mod install;
pub mod intent;
pub mod journal;
pub mod lockout;
pub mod managers;
pub mod ours;
pub mod perform;
pub mod record;
mod removal;
pub mod self_check;
pub mod sight;
pub mod system;
pub mod undo;
