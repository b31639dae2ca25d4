//! Checks of a session from the client's seat.

use super::CheckId;

/// The control port refuses connections.
pub const CONTROL_REFUSED: CheckId = CheckId::new(
    401,
    "control-refused",
    "nothing accepts connections at the control port, or a firewall answers in its place",
);
/// Nothing answers at the control port.
pub const CONTROL_SILENT: CheckId = CheckId::new(
    402,
    "control-silent",
    "connections to the control port get no answer: a firewall drops them, or no host is there",
);
/// The server does not greet as one that is ready.
pub const GREETING_NOT_READY: CheckId = CheckId::new(
    403,
    "greeting-not-ready",
    "a client may log in only after the server said 220",
);
/// The server does not begin TLS when it is asked to.
pub const AUTH_TLS_REFUSED: CheckId = CheckId::new(
    404,
    "auth-tls-refused",
    "TLS is wanted, and the server does not begin it",
);
/// The connection ends, or falls silent, as TLS begins.
pub const AUTH_TLS_CUT: CheckId = CheckId::new(
    405,
    "auth-tls-cut",
    "something on the way, or the server, ends the connection where TLS begins",
);
/// The server speaks no TLS that is still in use.
pub const TLS_TOO_OLD: CheckId = CheckId::new(
    406,
    "tls-too-old",
    "current clients speak TLS 1.2 and 1.3 with current ciphers, and nothing older",
);
/// The time of the certificate is over, or has not begun.
pub const CERTIFICATE_EXPIRED: CheckId = CheckId::new(
    407,
    "certificate-expired",
    "clients refuse a certificate outside its time",
);
/// The certificate is for another name.
pub const CERTIFICATE_NAME_DIFFERS: CheckId = CheckId::new(
    408,
    "certificate-name-differs",
    "clients compare the name that they called with those in the certificate",
);
/// No authority that this host trusts vouches for the certificate.
pub const CERTIFICATE_UNTRUSTED: CheckId = CheckId::new(
    409,
    "certificate-untrusted",
    "clients ask their user, or end the session, where they cannot verify a certificate",
);
/// The server refuses the login.
pub const LOGIN_REFUSED: CheckId =
    CheckId::new(410, "login-refused", "without a login there is no listing");
/// PASV replies name a private address to a client outside.
pub const PASV_PRIVATE_ADDRESS: CheckId = CheckId::new(
    411,
    "pasv-private-address",
    "outside clients cannot reach the private address that the PASV reply names",
);
/// PASV replies name another address than the one that was called.
pub const PASV_OTHER_ADDRESS: CheckId = CheckId::new(
    412,
    "pasv-other-address",
    "clients that obey the PASV reply connect to another address than the one that they called",
);
/// The server picks a data port outside the range of the profile.
pub const DATA_PORT_OUTSIDE_RANGE: CheckId = CheckId::new(
    413,
    "data-port-outside-range",
    "firewall and NAT let the range of the profile through, and the server uses other ports",
);
/// Nothing answers at the data port: a firewall drops the connection.
pub const DATA_SILENT: CheckId = CheckId::new(
    414,
    "data-silent",
    "a firewall on the way, or on the server, drops the connections to the passive range",
);
/// The data port refuses connections.
pub const DATA_REFUSED: CheckId = CheckId::new(
    415,
    "data-refused",
    "the connection comes to a host, and nothing listens there: NAT leads elsewhere, or shifts ports",
);
/// The data connection comes from another address than the server's.
pub const DATA_PEER_DIFFERS: CheckId = CheckId::new(
    416,
    "data-peer-differs",
    "clients refuse a data connection of another peer than the control connection's",
);
/// Something on the way rewrites the server's replies.
pub const REPLY_REWRITTEN: CheckId = CheckId::new(
    417,
    "reply-rewritten",
    "a box on the way rewrites addresses or ports in plain replies, which it cannot do under TLS",
);
/// The server demands that data connections resume the TLS session.
pub const TLS_SESSION_REUSE_DEMANDED: CheckId = CheckId::new(
    418,
    "tls-session-reuse-demanded",
    "clients that do not resume the TLS session get no data; it looks like a firewall, and is none",
);
/// The server does not offer EPSV.
pub const EPSV_NOT_OFFERED: CheckId = CheckId::new(
    419,
    "epsv-not-offered",
    "clients over IPv6, and those that avoid the address in PASV replies, have no passive mode",
);
/// The server refuses a data connection from another address than the control's.
pub const DATA_SOURCE_REJECTED: CheckId = CheckId::new(
    420,
    "data-source-rejected",
    "the data connection reaches the server from another address than the control connection",
);
/// A transfer comes to no good end: no 226.
pub const TRANSFER_NEVER_COMPLETES: CheckId = CheckId::new(
    421,
    "transfer-never-completes",
    "clients wait for the 226 behind the data, and give up without it",
);
/// Active mode does not work.
pub const ACTIVE_REFUSED: CheckId = CheckId::new(
    422,
    "active-refused",
    "the server does not come to the port that the client names",
);
/// The control connection is cut while it is idle.
pub const IDLE_CONTROL_CUT: CheckId = CheckId::new(
    423,
    "idle-control-cut",
    "a box on the way forgets idle connections: long transfers end without their 226",
);
/// Some ports of the passive range get through, and others do not.
pub const PART_OF_RANGE_BLOCKED: CheckId = CheckId::new(
    424,
    "part-of-range-blocked",
    "the firewall, NAT or cloud group opens another range than the server uses",
);
/// A firewall rejects the data connection with ICMP.
pub const DATA_REJECTED_BY_ICMP: CheckId = CheckId::new(
    425,
    "data-rejected-by-icmp",
    "a box on the way answers for the data port: rejected, not dropped",
);
/// A firewall rejects the control connection with ICMP.
pub const CONTROL_REJECTED_BY_ICMP: CheckId = CheckId::new(
    426,
    "control-rejected-by-icmp",
    "a box on the way answers for the control port: rejected, not dropped",
);
/// The data connection opens, and then nothing comes.
pub const DATA_STALLS_AFTER_CONNECT: CheckId = CheckId::new(
    427,
    "data-stalls-after-connect",
    "small packets pass and large ones do not: the path's packet size is not told to the sender",
);
