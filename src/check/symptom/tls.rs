//! TLS: sessions that are not resumed, connections that are cut.

use crate::model::check::{
    AUTH_TLS_CUT, AUTH_TLS_REFUSED, TLS_SESSION_REUSE_DEMANDED, TLS_TOO_OLD,
    TRANSFER_NEVER_COMPLETES,
};

use super::{PROBE, Symptom};

/// What all servers that demand it have in common.
const DEMANDED: &[&str] = &[
    "the server demands that data connections resume the TLS session of the control connection, \
     and this client does not: login works, every listing fails",
];

pub(super) const SYMPTOMS: &[Symptom] = &[
    Symptom {
        texts: &["425 Unable to build data connection: Operation not permitted"],
        causes: DEMANDED,
        is_network: false,
        cure: &["a client that resumes; else in ProFTPD's TLS: TLSOptions NoSessionReuseRequired"],
        checks: &[TLS_SESSION_REUSE_DEMANDED],
        next: &[PROBE],
        source: "proftpd howto/TLS.html",
    },
    Symptom {
        texts: &[
            "522 SSL connection failed; session reuse required: see require_ssl_reuse option in \
             vsftpd.conf man page",
            "522 SSL connection failed: session reuse required",
        ],
        causes: DEMANDED,
        is_network: false,
        cure: &["a client that resumes; else in vsftpd.conf: require_ssl_reuse=NO"],
        checks: &[TLS_SESSION_REUSE_DEMANDED],
        next: &[PROBE],
        source: "suppaftp#55; FluentFTP#951, #1283; vscode-sftp#1; vsftpd.conf(5)",
    },
    Symptom {
        texts: &[
            "425 Unable to build data connection: TLS session of data connection not resumed",
            "425 Unable to build data connection: TLS session of data connection not resumed.",
        ],
        causes: &[
            "one cache of TLS sessions for several control connections in the client; FileZilla \
             Server 1.x insists on resumption",
        ],
        is_network: false,
        cure: &["a cache of its own for each control connection: a newer client"],
        checks: &[TLS_SESSION_REUSE_DEMANDED],
        next: &[PROBE],
        source: "jlaffaye/ftp#342; rclone#7234; FluentFTP#1738, #311",
    },
    Symptom {
        texts: &[
            "450 TLS session of data connection has not resumed or the session does not match the \
             control connection",
        ],
        causes: DEMANDED,
        is_network: false,
        cure: &["a newer client; FileZilla Server 0.9 has a switch for it"],
        checks: &[TLS_SESSION_REUSE_DEMANDED],
        next: &[PROBE],
        source: "thephpleague/flysystem#704",
    },
    Symptom {
        texts: &[
            "client did not reuse SSL session, rejecting data connection (see the \
             NoSessionReuseRequired TLSOptions parameter)",
        ],
        causes: &[
            "the client does not resume the TLS session",
            "after more than five minutes even a good client cannot: the server's cache of \
             sessions forgot it",
        ],
        is_network: false,
        cure: &["TLSOptions NoSessionReuseRequired, or a longer TLSSessionCache"],
        checks: &[TLS_SESSION_REUSE_DEMANDED],
        next: &[PROBE],
        source: "proftpd howto/TLS.html; mod_proxy#55",
    },
    Symptom {
        texts: &[
            "GnuTLS error -110: The TLS connection was non-properly terminated.",
            "GnuTLS error -110",
            "GnuTLS error -110 in gnutls_record_recv: The TLS connection was non-properly \
             terminated.",
        ],
        causes: &[
            "the server refused TLS on the data connection (session reuse); the client may then \
             fall back to active mode with its private address: 500 Illegal PORT command",
            "the server ends connections without TLS's own end, which is harmless behind a 226",
        ],
        is_network: false,
        cure: &["passive mode, and the cure for session reuse"],
        checks: &[TLS_SESSION_REUSE_DEMANDED, TRANSFER_NEVER_COMPLETES],
        next: &[PROBE],
        source: "proftpd#1825, #619",
    },
    Symptom {
        texts: &[
            "GnuTLS error -15: An unexpected TLS packet was received.",
            "GnuTLS error -15",
        ],
        causes: &[
            "plain words came where TLS was expected: an error that the server says in plain",
        ],
        is_network: false,
        cure: &["the server's log; with vsftpd often `500 OOPS: ...`"],
        checks: &[AUTH_TLS_REFUSED],
        next: &["ftpnat probe HOST --verbose"],
        source: "hassio-addons/app-ftp#7 (cause not settled there)",
    },
    Symptom {
        texts: &["unable to accept TLS connection: received EOF that violates protocol"],
        causes: &["a box on the way that reads FTP ends the session at AUTH TLS"],
        is_network: true,
        cure: &["switch its FTP inspection off, or use another port or implicit TLS"],
        checks: &[AUTH_TLS_CUT],
        next: &[PROBE],
        source: "proftpd howto/TLS.html",
    },
    Symptom {
        texts: &[
            "SSL routines: unsupported protocol",
            "tlsv1 alert protocol version",
            "sslv3 alert handshake failure",
        ],
        causes: &["the server speaks no version or cipher of TLS that is still in use"],
        is_network: false,
        cure: &["TLS 1.2 and 1.3 in the server"],
        checks: &[TLS_TOO_OLD],
        next: &[PROBE],
        source: "RFC 8996",
    },
];
