//! Checks of a session from the client's seat, and how they judge one.

mod control;
mod data;
mod judge;
mod sweep;
mod tls;
mod transfer;

pub(super) use control::{
    CONTROL_REFUSED, CONTROL_REJECTED_BY_ICMP, CONTROL_SILENT, GREETING_NOT_READY,
    IDLE_CONTROL_CUT, LOGIN_REFUSED,
};
pub(super) use data::{
    DATA_PORT_OUTSIDE_RANGE, DATA_REFUSED, DATA_REJECTED_BY_ICMP, DATA_SILENT, EPSV_NOT_OFFERED,
    PART_OF_RANGE_BLOCKED, PASV_OTHER_ADDRESS, PASV_PRIVATE_ADDRESS, REPLY_REWRITTEN,
};
pub use judge::judge;
pub use sweep::{became, part_of_range_blocked};
pub(super) use tls::{
    AUTH_TLS_CUT, AUTH_TLS_REFUSED, CERTIFICATE_EXPIRED, CERTIFICATE_NAME_DIFFERS,
    CERTIFICATE_UNTRUSTED, TLS_SESSION_REUSE_DEMANDED, TLS_TOO_OLD,
};
pub(super) use transfer::{
    ACTIVE_REFUSED, DATA_PEER_DIFFERS, DATA_SOURCE_REJECTED, DATA_STALLS_AFTER_CONNECT,
    TRANSFER_NEVER_COMPLETES,
};
