//! The conntrack helper: not loaded, not assigned, in the wrong place.

use crate::model::check::{
    CONNTRACK_HELPER_MISSING, HELPER_ASSIGNED_AFTER_DNAT, HELPER_ASSIGNED_TOO_EARLY,
    HELPER_NOT_ASSIGNED, RELATED_NOT_ACCEPTED,
};

use super::{CHECK, PLAN, Symptom};

pub(super) const SYMPTOMS: &[Symptom] = &[
    Symptom {
        texts: &[
            "nf_conntrack: default automatic helper assignment has been turned off for security \
             reasons and CT-based firewall rule not found. Use the iptables CT target to attach \
             helpers instead.",
        ],
        causes: &["kernels since 4.7 assign no helper by themselves, and no rule does"],
        is_network: true,
        cure: &[
            "a rule that assigns it to the control port: `ftpnat plan --profile P` says whether one is needed",
        ],
        checks: &[HELPER_NOT_ASSIGNED],
        next: &[CHECK, PLAN],
        source: "firehol#241; aif#35",
    },
    Symptom {
        texts: &[
            "active FTP dead after upgrade to kernel 6, lsmod shows nf_conntrack_ftp",
            "sysctl: cannot stat /proc/sys/net/netfilter/nf_conntrack_helper: No such file or \
             directory",
        ],
        causes: &[
            "the sysctl is gone since Linux 6.0: a module without an assignment does nothing",
        ],
        is_network: true,
        cure: &["a CT rule or `ct helper set`, in output too where this host is a client"],
        checks: &[HELPER_NOT_ASSIGNED],
        next: &[CHECK],
        source: "firewalld#1049, #185, #600",
    },
    Symptom {
        texts: &["conntrack -L expect is empty though the rule looks right"],
        causes: &[
            "`ct helper \"ftp\"` matches and does not assign: `ct helper set \"ftp\"` does",
            "the chain's priority is -200 or less: conntrack has not seen the packet there",
        ],
        is_network: true,
        cure: &["`ct helper set`, in a chain of priority -150"],
        checks: &[HELPER_ASSIGNED_TOO_EARLY, HELPER_NOT_ASSIGNED],
        next: &[CHECK],
        source: "firewalld#453; vyos-1x#3037",
    },
    Symptom {
        texts: &["CT target: only valid in raw table, not filter"],
        causes: &["the rule that assigns the helper stands in the wrong table"],
        is_network: true,
        cure: &["iptables -t raw -A PREROUTING (and OUTPUT) ... -j CT --helper ftp"],
        checks: &[HELPER_NOT_ASSIGNED],
        next: &["ftpnat emit iptables --profile P"],
        source: "fwbuilder#34",
    },
    Symptom {
        texts: &[
            "xt_CT: No such helper \"ftp\"",
            "RULE_APPEND failed (No such file or directory)",
            "iptables: RULE_APPEND failed (No such file or directory): rule in chain PREROUTING",
        ],
        causes: &["the helper's module is not installed or not loaded"],
        is_network: true,
        cure: &["modprobe nf_conntrack_ftp; OpenWrt: kmod-nf-nathelper"],
        checks: &[CONNTRACK_HELPER_MISSING],
        next: &[CHECK],
        source: "openwrt#9574",
    },
    Symptom {
        texts: &[
            "421 Service not available",
            "421 Service not available, remote server has closed connection.",
            "Missing nfct_seqadj_ext_add() setup call",
        ],
        causes: &[
            "behind a 227: the helper is assigned after DNAT on a kernel that then loses count of \
             what it rewrites",
            "otherwise the server ended the session: its limits, its log",
        ],
        is_network: true,
        cure: &["the helper assigned before DNAT (priority -150), or a kernel with the fix"],
        checks: &[HELPER_ASSIGNED_AFTER_DNAT],
        next: &[CHECK],
        source: "Linux commit 90918e3b6404",
    },
    Symptom {
        texts: &[
            "conntrack_ftp: partial PORT 715014972+1",
            "nf_ct_ftp: dropping packet",
        ],
        causes: &["the command came in two segments, and the helper drops what it cannot read"],
        is_network: true,
        cure: &["accept the range itself, and do without the helper"],
        checks: &[HELPER_NOT_ASSIGNED],
        next: &[PLAN],
        source: "shorewall docs/FTP.xml",
    },
    Symptom {
        texts: &[
            "nf_ct_ftp: dropping packet: cannot add expectation",
            "helper ftp dropping packet: cannot add expectation",
            "227 and 229 never arrive after a failed PASV, plain FTP with a helper",
            "the reply to EPSV or PASV never arrives after a failed PASV, plain FTP with a helper",
        ],
        causes: &[
            "an expectation that a failed transfer left keeps the same port from the client's next \
             session: the helper drops the 227 or 229",
        ],
        is_network: true,
        cure: &[
            "wait until it expires (300 s), or `conntrack -F expect`; a range that is open needs \
             no helper",
        ],
        checks: &[RELATED_NOT_ACCEPTED],
        next: &["conntrack -L expect", CHECK],
        source: "measured in ftpnat's lab; Linux nf_conntrack_ftp.c",
    },
    Symptom {
        texts: &["OpenWrt: no FTP helper rules for wan, auto_helper"],
        causes: &["`auto_helper` is off on zones that masquerade"],
        is_network: true,
        cure: &["`option helper ftp` in the zone, or an nft file of one's own"],
        checks: &[HELPER_NOT_ASSIGNED],
        next: &["ftpnat emit nft --profile P --base none"],
        source: "openwrt#13009; fw4.uc",
    },
];
