//! Firewalls, cloud groups, containers, idle connections.

use crate::model::check::{
    ACCEPT_OVERRULED_BY_LATER_DROP, CONTROL_REFUSED, CONTROL_SILENT, DATA_REFUSED, DATA_SILENT,
    IDLE_CONTROL_CUT, PART_OF_RANGE_BLOCKED, PASSIVE_RANGE_BLOCKED, PASV_PRIVATE_ADDRESS,
};

use super::{CHECK, PLAN, PROBE, SWEEP, Symptom};

pub(super) const SYMPTOMS: &[Symptom] = &[
    Symptom {
        texts: &[
            "Connection timed out",
            "Operation timed out",
            "Timeout while connecting",
        ],
        causes: &[
            "at the login: the control port is dropped on the way, or no host is there",
            "at the listing: the passive range is dropped on the way",
        ],
        is_network: true,
        cure: &["let the control port and the whole passive range in on every firewall on the way"],
        checks: &[CONTROL_SILENT, DATA_SILENT],
        next: &[PROBE, CHECK],
        source: "field reports",
    },
    Symptom {
        texts: &[
            "Connection refused",
            "connect: Connection refused",
            "ECONNREFUSED",
        ],
        causes: &[
            "at the login: no server listens there, or a firewall rejects",
            "at the listing: NAT leads the control port to the server and not the range, or it \
             shifts ports",
        ],
        is_network: true,
        cure: &["start the server; DNAT of the whole range to the same ports"],
        checks: &[CONTROL_REFUSED, DATA_REFUSED],
        next: &[PROBE, CHECK],
        source: "field reports",
    },
    Symptom {
        texts: &[
            "Reading remote directory timed out",
            "Reading remote directory",
        ],
        causes: &[
            "in Kubernetes: a NodePort for 21 alone, or each connection comes to another pod",
            "elsewhere: the passive range is not open",
        ],
        is_network: true,
        cure: &["publish the whole range, one replica or session affinity"],
        checks: &[DATA_SILENT, DATA_REFUSED],
        next: &[PROBE, SWEEP],
        source: "aledv/kubernetes-ftp#3; stilliard/docker-pure-ftpd#119",
    },
    Symptom {
        texts: &[
            "EPSV takes minutes, then works",
            "Failed EPSV attempt. Disabling EPSV",
        ],
        causes: &[
            "the port of the 229 reply is dropped by a firewall that does not know EPSV, and the \
             client waits before it falls back to PASV",
        ],
        is_network: true,
        cure: &["open the passive range; until then `curl --disable-epsv`"],
        checks: &[DATA_SILENT, PART_OF_RANGE_BLOCKED],
        next: &[PROBE],
        source: "kubernetes/kubernetes#40137; git-ftp#492, #56; goftp#21",
    },
    Symptom {
        texts: &["[UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.5 DST=10.0.0.5 PROTO=TCP DPT=8190"],
        causes: &["under TLS the data port is any port of the server, and only 21 is open"],
        is_network: true,
        cure: &["a fixed passive range in the server, and `ufw allow 50000:51000/tcp`"],
        checks: &[PASSIVE_RANGE_BLOCKED, DATA_SILENT],
        next: &[CHECK, "ftpnat apply --profile P"],
        source: "arakasi72/rtinst#499",
    },
    Symptom {
        texts: &[
            "AWS EC2: login ok, data hangs",
            "Azure VM: login ok, directory listing hangs",
        ],
        causes: &[
            "the security group lacks the passive range",
            "the private address is announced: one-to-one NAT is invisible on the host",
        ],
        is_network: true,
        cure: &["the range in the group; the public address as the announced one"],
        checks: &[DATA_SILENT, PASV_PRIVATE_ADDRESS],
        next: &[PROBE, SWEEP],
        source: "proftpd howto/AWS.html; metasploit#11798",
    },
    Symptom {
        texts: &["docker host OOM, minutes to start with a large passive port range published"],
        causes: &["Docker makes a rule and a proxy process for each published port"],
        is_network: true,
        cure: &["a small range, `userland-proxy: false`, or one DNAT rule for the whole range"],
        checks: &[],
        next: &[PLAN],
        source: "moby#11185, #14288, #19017; bambuddy#1646",
    },
    Symptom {
        texts: &[
            "file complete, client hangs at 100 %, 226 never arrives",
            "upload hangs at 100%",
            "transfer complete but client waits for 226",
        ],
        causes: &["a NAT or firewall forgot the idle control connection during the long transfer"],
        is_network: true,
        cure: &[
            "TCP keepalive on the server (ProFTPD: SocketOptions keepalive on), NOOP in the \
             client, a longer time on that box",
        ],
        checks: &[IDLE_CONTROL_CUT],
        next: &["ftpnat probe HOST --user NAME --idle 300"],
        source: "zio-ftp#514; basic-ftp#20, #123; lftp#346",
    },
    Symptom {
        texts: &["container published, host rules accept, still blocked"],
        causes: &["another table's base chain drops what the first one accepts"],
        is_network: true,
        cure: &["the accept in that very chain: `ftpnat apply --profile P` puts it there"],
        checks: &[ACCEPT_OVERRULED_BY_LATER_DROP],
        next: &[CHECK],
        source: "netavark#977; podman#28973; libnetwork#2496; miniupnp#422; firewalld#397",
    },
    Symptom {
        texts: &["works after boot, fails after firewall restart"],
        causes: &["rules or modules of the helper come from a place that the restart does not run"],
        is_network: true,
        cure: &[
            "`ftpnat status` after the reload says what is gone; a service that applies it again",
        ],
        checks: &[],
        next: &[CHECK, "ftpnat status"],
        source: "firehol#376 (cause not settled there)",
    },
];
