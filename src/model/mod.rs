//! The words of nft(8), iptables(8) and the FTP RFCs, as types.
//!
//! Everything above speaks in these; nothing here reads or decides.

pub mod check;
pub mod filter;
pub mod ftp;
pub mod host_port;
pub mod net;
pub mod time;
