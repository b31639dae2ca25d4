//! What people reported, in the very words that they posted, against the table.

use super::like;

/// The number of a report, its words, and a part of the source that the symptom names.
const REPORTED: &[(u8, &str, &str)] = &[
    (
        1,
        "Server sent passive reply with unroutable address. Using server address instead.",
        "docker-pure-ftpd#39",
    ),
    (
        2,
        "227 Entering Passive Mode (172,18,0,2,117,51)",
        "minio#17457",
    ),
    (
        3,
        "ftp: connect: No route to host",
        "fauria/docker-vsftpd#1",
    ),
    (
        4,
        "ECONNABORTED - Connection aborted",
        "fauria/docker-vsftpd#18",
    ),
    (
        4,
        "Failed to retrieve directory listing",
        "fauria/docker-vsftpd#18",
    ),
    (
        5,
        "Timeout detected. (control connection)",
        "docker-ftp-server#67, #117",
    ),
    (
        5,
        "Could not retrieve directory listing",
        "docker-ftp-server#67, #117",
    ),
    (6, "500 OOPS: invalid pasv_address", "hestiacp#4591"),
    (6, "421 Service not available", "hestiacp#4591"),
    (
        7,
        "425 Security: Bad IP connecting.",
        "docker-alpine-ftp-server#69",
    ),
    (8, "425 Security: Bad IP connecting.", "docker-ftps#160"),
    (
        8,
        "227 Entering Passive Mode (10,42,10,140,195,80)",
        "docker-ftps#160",
    ),
    (
        9,
        "data connection ip address 10.0.0.9 does not match control connection ip address 203.0.113.5",
        "sftpgo#1013",
    ),
    (
        9,
        "data connection security requirements not met",
        "sftpgo#1013",
    ),
    (10, "Reading remote directory", "kubernetes-ftp#3"),
    (11, "EPSV takes 3 minutes, then works", "kubernetes#40137"),
    (
        12,
        "PASV IP differs from IP client connected to",
        "ftpserverlib#54",
    ),
    (
        13,
        "PASV gives wrong port 59261",
        "docker-alpine-ftp-server#9",
    ),
    (13, "PASV gives wrong port", "sftpgo#1853"),
    (
        14,
        "227 Entering Passive Mode (192,168,5,129,118,209)",
        "NethServer/dev#5279",
    ),
    (
        15,
        "nf_conntrack: default automatic helper assignment has been turned off for security \
         reasons and CT-based firewall rule not found. Use the iptables CT target",
        "firehol#241; aif#35",
    ),
    (
        16,
        "active FTP dead after upgrade to 6.x though lsmod shows nf_conntrack_ftp",
        "firewalld#1049",
    ),
    (
        17,
        "rule looks right, conntrack -L expect empty",
        "firewalld#453",
    ),
    (
        18,
        "CT target: only valid in raw table, not filter",
        "fwbuilder#34",
    ),
    (19, "xt_CT: No such helper \"sip\"", "openwrt#9574"),
    (
        19,
        "RULE_APPEND failed (No such file or directory)",
        "openwrt#9574",
    ),
    (
        20,
        "421 Service not available, remote server has closed connection.",
        "90918e3b6404",
    ),
    (
        20,
        "Missing nfct_seqadj_ext_add() setup call",
        "90918e3b6404",
    ),
    (
        21,
        "conntrack_ftp: partial PORT 715014972+1",
        "shorewall docs/FTP.xml",
    ),
    (21, "nf_ct_ftp: dropping packet", "shorewall docs/FTP.xml"),
    (
        22,
        "plain PASV refused though helper active; EPSV works",
        "shorewall docs/FTP.xml",
    ),
    (
        23,
        "[UFW BLOCK] IN=ens3 OUT= MAC=aa:bb SRC=198.51.100.7 DST=10.1.2.3 LEN=60 TTL=51 PROTO=TCP \
         SPT=50123 DPT=8190 WINDOW=64240 SYN",
        "rtinst#499",
    ),
    (24, "Error: Failed to retrieve directory listing", "aif#71"),
    (
        25,
        "unable to accept TLS connection: received EOF that violates protocol",
        "proftpd howto/TLS.html",
    ),
    (
        26,
        "522 SSL connection failed; session reuse required: see require_ssl_reuse option in \
         vsftpd.conf man page",
        "suppaftp#55",
    ),
    (
        27,
        "425 Unable to build data connection: TLS session of data connection not resumed",
        "jlaffaye/ftp#342",
    ),
    (
        28,
        "450 TLS session of data connection has not resumed or the session does not match the \
         control connection",
        "flysystem#704",
    ),
    (
        29,
        "client did not reuse SSL session, rejecting data connection (see the \
         NoSessionReuseRequired TLSOptions parameter)",
        "mod_proxy#55",
    ),
    (
        30,
        "GnuTLS error -110: The TLS connection was non-properly terminated.",
        "proftpd#1825",
    ),
    (
        31,
        "GnuTLS error -15: An unexpected TLS packet was received.",
        "app-ftp#7",
    ),
    (30, "GnuTLS error -110", "proftpd#1825"),
    (31, "GnuTLS error -15", "app-ftp#7"),
    (
        32,
        "500 I won't open a connection to 10.28.14.115 (only to XX)",
        "pure-ftpd#55",
    ),
    (
        33,
        "Refused PORT 192,168,1,2,193,116 (address mismatch)",
        "proftpd howto/NAT.html",
    ),
    (34, "500 Illegal PORT command.", "fauria/docker-vsftpd#21"),
    (34, "425 Use PORT or PASV first.", "flysystem#1002"),
    (
        35,
        "425 You cannot use PASV on IPv6 connections. Use EPSV instead.",
        "suppaftp#28",
    ),
    (36, "502 Command not recognized", "swiftp#53"),
    (37, "Failed EPSV attempt. Disabling EPSV", "git-ftp#492"),
    (
        38,
        "227 with LAN IP although MasqueradeAddress is a DNS name",
        "proftpd howto/NAT.html",
    ),
    (
        39,
        "works outside, LAN clients hang on public address",
        "serverfault 55611",
    ),
    (40, "AWS: login ok, data hangs", "proftpd howto/AWS.html"),
    (
        41,
        "unable to find open port in PassivePorts range 40000-40020",
        "proftpd mod_core.c",
    ),
    (
        42,
        "docker host out of memory, minutes to start, large passive port range published",
        "moby#11185",
    ),
    (
        43,
        "file complete, client hangs at 100 %, 226 never arrives",
        "zio-ftp#514",
    ),
    (
        44,
        "container published, host rules accept, still blocked",
        "netavark#977",
    ),
    (
        45,
        "FTP works after boot, fails after firewall restart",
        "firehol#376",
    ),
    (
        46,
        "WAN to LAN FTP on OpenWrt: no helper rules for wan",
        "openwrt#13009",
    ),
    (
        47,
        "nf_ct_ftp: dropping packet: cannot add expectation IN= OUT=eth0 SRC=10.0.0.5",
        "ftpnat's lab",
    ),
    (
        47,
        "227 and 229 never arrive after a failed PASV, plain FTP with a helper",
        "ftpnat's lab",
    ),
];

#[test]
fn each_report_finds_its_row_first_or_among_equals() {
    let mut faults = Vec::new();
    for (row, text, source) in REPORTED {
        for printed in [
            (*text).to_owned(),
            text.to_uppercase(),
            format!("Nov 27 02:13:07 web01 vsftpd[812]: {text}"),
            format!("[02:13:07] 198.51.100.7:21 < {text}"),
        ] {
            let found = like(&printed);
            let best = found.first().map_or(0.0, |first| first.score);
            let is_found = found
                .iter()
                .take_while(|one| one.score >= best - 1e-9)
                .any(|one| one.symptom.source.contains(source));
            if !is_found {
                let said: Vec<_> = found
                    .iter()
                    .map(|one| (one.score, one.symptom.source))
                    .collect();
                faults.push(format!("{row}: {printed}: {said:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_row_of_the_reports_is_there() {
    for row in 1..=47 {
        assert!(REPORTED.iter().any(|(number, ..)| *number == row), "{row}");
    }
}

/// What any program prints, and what has a few words of FTP in it.
const UNRELATED: &[&str] = &[
    "segmentation fault",
    "hello world",
    "GnuTLS error -53: Error in the push function.",
    "error 15",
    "disk full",
    "no space left on device",
    "No such file or directory",
    "550 No such file or directory",
    "bash: vsftpd: command not found",
    "Permission denied",
    "550 Permission denied.",
    "Operation not permitted",
    "530 Login incorrect.",
    "530 Please login with USER and PASS.",
    "Permission denied (publickey,password).",
    "Out of memory: Killed process 812 (mysqld)",
    "220 ProFTPD Server ready.",
    "230 User logged in",
    "226 Transfer complete.",
    "150 Opening BINARY mode data connection for a.txt (12 bytes).",
    "the connection",
    "data connection",
    "server address",
    "the server is not in the table",
    "use the following command instead",
    "docker: command not found",
    "kernel panic - not syncing: VFS: unable to mount root fs",
    "error: could not find `Cargo.toml` in this directory or any parent directory",
    "rule 5 in chain INPUT",
    "name or service not known",
    "firewall",
    "works for me",
    "minutes",
    "TLS",
    "certificate has expired",
    "cannot open shared object file",
    "it does not work",
    "how do I open a port in the firewall",
    "the directory listing",
    "port range",
    "error: remote directory not found",
    "iptables: No chain/target/match by that name.",
    "modprobe: FATAL: Module nf_conntrack_ftp not found",
    "nf_conntrack: nf_conntrack: table full, dropping packet",
    "connection reset by peer",
];

#[test]
fn what_is_like_nothing_is_not_guessed() {
    let mut faults = Vec::new();
    for text in UNRELATED {
        for one in like(text) {
            let known = one.symptom.texts[one.text];
            faults.push(format!("{text}: {:.2} {known}", one.score));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
