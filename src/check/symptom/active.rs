//! Active mode.

use crate::model::check::{
    ACTIVE_DATA_BLOCKED, ACTIVE_REFUSED, ACTIVE_WITH_TLS_BEHIND_NAT, DATA_SILENT, EPSV_NOT_OFFERED,
    TLS_SESSION_REUSE_DEMANDED,
};

use super::{PROBE, Symptom};

pub(super) const SYMPTOMS: &[Symptom] = &[
    Symptom {
        texts: &["500 I won't open a connection to 10.28.14.115 (only to 203.0.113.5)"],
        causes: &["active mode: the client behind NAT names its private address in PORT"],
        is_network: true,
        cure: &["passive mode; under TLS no box can rewrite the address"],
        checks: &[ACTIVE_REFUSED, ACTIVE_WITH_TLS_BEHIND_NAT],
        next: &[PROBE],
        source: "pure-ftpd#55; stilliard/docker-pure-ftpd#196",
    },
    Symptom {
        texts: &["Refused PORT 192,168,1,2,193,116 (address mismatch)"],
        causes: &["active mode: the client behind NAT names its private address in PORT"],
        is_network: true,
        cure: &["passive mode with MasqueradeAddress"],
        checks: &[ACTIVE_REFUSED, ACTIVE_WITH_TLS_BEHIND_NAT],
        next: &[PROBE],
        source: "proftpd howto/NAT.html",
    },
    Symptom {
        texts: &["500 Illegal PORT command.", "425 Use PORT or PASV first."],
        causes: &[
            "the client fell back to active mode: PASV is switched off or its range not published",
            "the address in PORT is not the one that the server sees",
        ],
        is_network: true,
        cure: &["passive mode, its range published (Docker swarm, Kubernetes: host network)"],
        checks: &[ACTIVE_REFUSED, EPSV_NOT_OFFERED],
        next: &[PROBE],
        source: "fauria/docker-vsftpd#21; flysystem#1002",
    },
    Symptom {
        texts: &[
            "425 Can't open data connection.",
            "425 Failed to establish connection.",
        ],
        causes: &[
            "active mode: the client's firewall drops the server's connection, or the server's \
             does not let it out",
            "passive mode: the client never came to the data port, which is shut on the way",
        ],
        is_network: true,
        cure: &["passive mode, with its range open on every firewall on the way"],
        checks: &[ACTIVE_REFUSED, ACTIVE_DATA_BLOCKED],
        next: &[PROBE, "ftpnat probe HOST --user NAME --active"],
        source: "vsftpd, ProFTPD",
    },
    Symptom {
        texts: &[
            "425 Unable to build data connection",
            "425 Unable to build data connection: Connection timed out",
            "425 Unable to build data connection: Connection refused",
            "425 Unable to build data connection: No route to host",
        ],
        causes: &[
            "the ending tells: `Operation not permitted` and `not resumed` are TLS session reuse, \
             and no firewall",
            "`Connection timed out`, `refused` and `No route to host` are the network: the \
             server's connection to the client (active), or the client's to the range",
        ],
        is_network: true,
        cure: &[
            "session reuse: a client that resumes, or TLSOptions NoSessionReuseRequired (ProFTPD)",
            "the network: passive mode, with its range open on every firewall on the way",
        ],
        checks: &[
            TLS_SESSION_REUSE_DEMANDED,
            DATA_SILENT,
            ACTIVE_REFUSED,
            ACTIVE_DATA_BLOCKED,
        ],
        next: &[PROBE, "ftpnat probe HOST --user NAME --active"],
        source: "proftpd howto/TLS.html",
    },
];
