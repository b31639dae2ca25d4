//! Wrong addresses and ports in the server's replies.

use crate::model::check::{
    ADVERTISE_MISSING, DATA_PORT_OUTSIDE_RANGE, DATA_SILENT, DATA_SOURCE_REJECTED,
    EPSV_NOT_OFFERED, HAIRPIN_MISSING, HELPER_CONFLICTS_WITH_ADVERTISE, HELPER_NOT_ASSIGNED,
    INBOUND_SNAT_HIDES_CLIENTS, PASSIVE_RANGE_TOO_SMALL, PASV_OTHER_ADDRESS, PASV_PRIVATE_ADDRESS,
    REPLY_REWRITTEN,
};

use super::{CHECK, PLAN, PROBE, Symptom};

pub(super) const SYMPTOMS: &[Symptom] = &[
    Symptom {
        texts: &[
            "Server sent passive reply with unroutable address. Using server address instead.",
            "Server sent passive reply with unroutable address. Passive mode failed.",
        ],
        causes: &[
            "the server stands behind NAT or in a container and announces its private address",
        ],
        is_network: true,
        cure: &[
            "announce the public address: MasqueradeAddress (ProFTPD), pasv_address (vsftpd), \
             ForcePassiveIP (Pure-FTPd)",
        ],
        checks: &[PASV_PRIVATE_ADDRESS, ADVERTISE_MISSING],
        next: &[PROBE, PLAN],
        source: "stilliard/docker-pure-ftpd#39; fauria/docker-vsftpd#51; ftp-srv#157",
    },
    Symptom {
        texts: &["227 Entering Passive Mode"],
        causes: &[
            "an address of 10., 172.16-31. or 192.168. in the reply is private: outside clients \
             time out behind it, and nothing translates it under TLS",
            "in plain FTP the helper that would translate it is not loaded, or not assigned",
            "an address that is right, and a range that no firewall lets in",
            "in Kubernetes and Docker it is the pod's or container's address",
        ],
        is_network: true,
        cure: &[
            "announce the public address and open the passive range on every firewall on the way",
        ],
        checks: &[PASV_PRIVATE_ADDRESS, HELPER_NOT_ASSIGNED, DATA_SILENT],
        next: &[PROBE, CHECK],
        source: "minio/minio#17457; million12/docker-vsftpd#6; pyftpdlib#39; NethServer/dev#5279; \
                 bfren/docker-ftps#160",
    },
    Symptom {
        texts: &[
            "ftp: connect: No route to host",
            "connect: No route to host",
        ],
        causes: &[
            "the PASV reply names a container's or inside address, to which this host has no way",
            "a firewall rejects the data connection with ICMP",
            "the limits of the range are swapped, so that the server falls back to any port",
        ],
        is_network: true,
        cure: &["announce the public address; the smaller port first in the server's range"],
        checks: &[PASV_PRIVATE_ADDRESS, PASV_OTHER_ADDRESS],
        next: &[PROBE],
        source: "fauria/docker-vsftpd#1",
    },
    Symptom {
        texts: &[
            "ECONNABORTED - Connection aborted",
            "Failed to retrieve directory listing",
        ],
        causes: &[
            "the passive range is not open: the login works and the listing hangs (UFW, iptables, \
             a cloud's security group)",
            "the announced address is not the public one of the cloud's machine; 0.0.0.0 and \
             127.0.0.1 do not work",
        ],
        is_network: true,
        cure: &[
            "a fixed passive range in the server, let in by every firewall on the way",
            "pasv_address with the public address, or pasv_addr_resolve=YES with a name",
        ],
        checks: &[DATA_SILENT, PASV_PRIVATE_ADDRESS, PASV_OTHER_ADDRESS],
        next: &[PROBE, PLAN, super::SWEEP],
        source: "fauria/docker-vsftpd#18; aif#71; arakasi72/rtinst#499",
    },
    Symptom {
        texts: &[
            "Timeout detected. (control connection)",
            "Could not retrieve directory listing",
            "Timeout detected. (data connection)",
        ],
        causes: &[
            "the passive range is not open somewhere on the way",
            "the server announces 0.0.0.0 (the default of some images: pasv_address=0.0.0.0)",
        ],
        is_network: true,
        cure: &[
            "open the range; announce the real address, without pasv_addr_resolve for a number",
        ],
        checks: &[DATA_SILENT, PASV_OTHER_ADDRESS],
        next: &[PROBE],
        source: "garethflowers/docker-ftp-server#67, #117",
    },
    Symptom {
        texts: &[
            "500 OOPS: invalid pasv_address",
            "421 Service not available",
        ],
        causes: &["quotes around the value: pasv_address='203.0.113.10'"],
        is_network: false,
        cure: &["pasv_address=203.0.113.10, without quotes and blanks"],
        checks: &[],
        next: &[PLAN],
        source: "hestiacp/hestiacp#4591",
    },
    Symptom {
        texts: &["425 Security: Bad IP connecting."],
        causes: &[
            "the data connection comes to the server from another address than the control \
             connection: hairpin, Docker's proxy, a node's SNAT in Kubernetes, two ways out",
        ],
        is_network: true,
        cure: &[
            "keep the source address of both connections (no SNAT, externalTrafficPolicy: Local); \
             pasv_promiscuous=YES only where others cannot reach the range",
        ],
        checks: &[DATA_SOURCE_REJECTED, INBOUND_SNAT_HIDES_CLIENTS],
        next: &[PROBE, CHECK],
        source: "delfer/docker-alpine-ftp-server#69; bfren/docker-ftps#160; vsftpd.conf(5)",
    },
    Symptom {
        texts: &[
            "data connection ip address does not match control connection ip address",
            "data connection security requirements not met",
        ],
        causes: &["the PROXY protocol, or a load balancer, stands before the control port only"],
        is_network: true,
        cure: &["the same way for data ports, or the server's check of the address relaxed"],
        checks: &[DATA_SOURCE_REJECTED],
        next: &[PROBE],
        source: "drakkan/sftpgo#1013; ftpserverlib#251",
    },
    Symptom {
        texts: &[
            "PASV returned a different IP address than the one the client connected to",
            "PASV IP differs from IP client connected to",
        ],
        causes: &["several public addresses for one name (load balancers), and one is announced"],
        is_network: true,
        cure: &["announce per listener, or one address for the name; EPSV names none"],
        checks: &[PASV_OTHER_ADDRESS],
        next: &[PROBE],
        source: "fclairamb/ftpserverlib#54; pure-ftpd#54",
    },
    Symptom {
        texts: &[
            "PASV gives wrong port",
            "passive port in reply differs from the listening port",
            "227 Entering Passive Mode",
        ],
        causes: &[
            "in plain FTP a helper or ALG on the way puts a port of its own into the reply; under \
             TLS it cannot",
        ],
        is_network: true,
        cure: &["take the helper off on that box, or use TLS with a fixed range that is open"],
        checks: &[REPLY_REWRITTEN, DATA_PORT_OUTSIDE_RANGE],
        next: &["ftpnat probe HOST --profile P"],
        source: "delfer/docker-alpine-ftp-server#9; drakkan/sftpgo#1853",
    },
    Symptom {
        texts: &["Refused 227 reply, plain PASV refused though helper is active, EPSV works"],
        causes: &["the server announces the public address while a helper is at work"],
        is_network: true,
        cure: &["either the helper or an announced address with a fixed range: not half of each"],
        checks: &[HELPER_CONFLICTS_WITH_ADVERTISE],
        next: &[CHECK],
        source: "shorewall docs/FTP.xml",
    },
    Symptom {
        texts: &[
            "425 You cannot use PASV on IPv6 connections. Use EPSV instead.",
            "You cannot use PASV on IPv6 connections",
        ],
        causes: &["PASV can name no IPv6 address"],
        is_network: false,
        cure: &["a client that uses EPSV; and the range open in ip6tables too"],
        checks: &[],
        next: &[PROBE],
        source: "suppaftp#28; pure-ftpd messages_en.h",
    },
    Symptom {
        texts: &[
            "502 Command not recognized",
            "500 EPSV not understood",
            "502 EPSV not implemented",
        ],
        causes: &["the server lacks RFC 2428 (EPSV, EPRT), which IPv6 needs"],
        is_network: false,
        cure: &["another version of the server, or IPv4"],
        checks: &[EPSV_NOT_OFFERED],
        next: &[PROBE],
        source: "swiftp#53",
    },
    Symptom {
        texts: &[
            "MasqueradeAddress resolves to LAN address",
            "227 with LAN IP although MasqueradeAddress is a DNS name",
        ],
        causes: &["the name resolves to the inside address there (split DNS), once, at the start"],
        is_network: true,
        cure: &["the address itself in place of its name"],
        checks: &[PASV_PRIVATE_ADDRESS],
        next: &[PROBE],
        source: "proftpd howto/NAT.html",
    },
    Symptom {
        texts: &[
            "LAN clients hang on public address, works outside",
            "works from outside but not from inside network",
        ],
        causes: &["one announced address for all, and nothing turns inside clients back (hairpin)"],
        is_network: true,
        cure: &["`nat: { hairpin: true }` in the profile, or EPSV or split DNS inside"],
        checks: &[HAIRPIN_MISSING],
        next: &[CHECK, PLAN],
        source: "proftpd howto/NAT.html; serverfault 55611; foomuuri FAQ",
    },
    Symptom {
        texts: &["unable to find open port in PassivePorts range 50000-50010"],
        causes: &[
            "the range is too small for the load; ProFTPD then takes any port, which is shut",
        ],
        is_network: true,
        cure: &["a larger range, in the server and in every firewall: twice the clients at least"],
        checks: &[PASSIVE_RANGE_TOO_SMALL, DATA_PORT_OUTSIDE_RANGE],
        next: &[PLAN, "ftpnat probe HOST --profile P"],
        source: "proftpd mod_core.c, howto/NAT.html; pure-ftpd FAQ",
    },
];
