//! A plan as text that another program loads.

pub mod iptables;
mod keywords;
pub mod native;
pub mod nftables;
pub mod restore;
