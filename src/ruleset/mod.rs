//! The firewall that is in force, as its own tools and the kernel tell it.

pub mod change;
pub mod difference;
pub mod eval;
pub mod hexadecimal;
pub mod live;
pub mod made;
pub mod native;
mod native_rule;
pub mod netlink;
pub mod owner;
pub mod placement;
pub mod posted;
pub mod replay;
mod rewrite;
pub mod save;
