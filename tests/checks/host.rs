//! A healthy host, made up: an FTP server with two addresses on one interface.

use std::path::Path;

use ftpnat::facts::snapshot::{Snapshot, State};
use ftpnat::ruleset::live::recorded::{LEGACY, NFTABLES};

/// The head of `/proc/net/tcp`.
pub(crate) const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when \
                               retrnsmt   uid  timeout inode\n";

/// A listening socket on an IPv4 address in hexadecimal, with its inode.
pub(crate) fn listening(address: &str, port: u16, inode: u64) -> String {
    format!(
        "   0: {address}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0  \
         0 {inode} 1 0000000000000000 100 0 0 10 0\n"
    )
}

/// Any address, as it stands in `/proc/net/tcp`.
pub(crate) const ANY: &str = "00000000";
/// 127.0.0.1 there.
pub(crate) const LOOPBACK: &str = "0100007F";
/// `::` in `/proc/net/tcp6`.
pub(crate) const ANY6: &str = "00000000000000000000000000000000";

/// Sets the text of a source.
pub(crate) fn set(snapshot: &mut Snapshot, name: &str, text: impl Into<String>) {
    snapshot.insert(name, State::Held(text.into()));
}

/// The host: Linux 6.1 with modules, `ProFTPD` on ports 21 and 990 of both families.
pub(crate) fn healthy() -> Snapshot {
    let mut host = Snapshot::default();
    for (name, text) in SOURCES {
        set(&mut host, name, *text);
    }
    for name in ABSENT {
        host.insert(*name, State::Absent);
    }
    let tcp = HEAD.to_owned() + &listening(ANY, 21, 100) + &listening(ANY, 990, 101);
    let tcp6 = HEAD.to_owned() + &listening(ANY6, 21, 102) + &listening(ANY6, 990, 103);
    set(&mut host, "/proc/net/tcp", tcp);
    set(&mut host, "/proc/net/tcp6", tcp6);
    for interface in ["all", "default", "lo", "eth0", "eth1"] {
        let of = |name: &str| format!("/proc/sys/net/ipv4/conf/{interface}/{name}");
        set(&mut host, &of("forwarding"), "1\n");
        set(&mut host, &of("rp_filter"), "0\n");
    }
    host
}

/// What it lacks, as a Debian does.
const ABSENT: &[&str] = &[
    "/proc/config.gz",
    "/sys/fs/selinux/enforce",
    "/sys/fs/selinux/booleans/ftpd_use_passive_mode",
    "/sys/module/nf_conntrack_ftp/parameters/loose",
    "/proc/sys/net/netfilter/nf_conntrack_helper",
    "/etc/ftpnat/profiles",
    "/.dockerenv",
    "/run/.containerenv",
    "/run/systemd/container",
    "asked:nft-tables",
    "asked:installed-rules",
];

const SOURCES: &[(&str, &str)] = &[
    ("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n"),
    ("/proc/sys/kernel/modules_disabled", "0\n"),
    (
        "/proc/modules",
        "nf_nat_ftp 16384 0 - Live 0x0000000000000000\n\
         nf_conntrack_ftp 24576 1 nf_nat_ftp, Live 0x0000000000000000\n\
         nf_conntrack 188416 4 nf_nat_ftp,nf_conntrack_ftp, Live 0x0000000000000000\n",
    ),
    (
        "/lib/modules/6.1.0-18-amd64/modules.dep",
        "kernel/net/netfilter/nf_conntrack_ftp.ko: kernel/net/netfilter/nf_conntrack.ko\n\
         kernel/net/netfilter/nf_nat_ftp.ko: kernel/net/netfilter/nf_conntrack_ftp.ko\n",
    ),
    ("/lib/modules/6.1.0-18-amd64/modules.builtin", "\n"),
    (
        "/boot/config-6.1.0-18-amd64",
        "CONFIG_NETFILTER=y\nCONFIG_NF_CONNTRACK_FTP=m\nCONFIG_NF_NAT_FTP=m\n",
    ),
    ("/etc/modules-load.d/ftp.conf", "nf_nat_ftp\n"),
    ("/proc/sys/net/ipv4/ip_forward", "1\n"),
    ("/proc/sys/net/ipv6/conf/all/forwarding", "1\n"),
    ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
    (
        "/proc/sys/net/ipv4/ip_local_reserved_ports",
        "50000-51000\n",
    ),
    ("/proc/sys/net/ipv6/bindv6only", "0\n"),
    ("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n"),
    ("/proc/sys/net/netfilter/nf_conntrack_count", "1200\n"),
    (
        "/proc/self/status",
        "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
    ),
    (
        "asked:listeners",
        "100 700 proftpd /usr/sbin/proftpd\n101 700 proftpd /usr/sbin/proftpd\n\
         102 700 proftpd /usr/sbin/proftpd\n103 700 proftpd /usr/sbin/proftpd\n",
    ),
    (
        "asked:addresses",
        "lo inet 127.0.0.1/8 scope host\neth0 inet 203.0.113.10/24 scope global\n\
         eth0 inet6 2001:db8:113::10/64 scope global\neth1 inet 10.77.0.1/24 scope global\n",
    ),
    (
        "asked:routes",
        "inet table main default via 203.0.113.1 dev eth0\n\
         inet table main 203.0.113.0/24 dev eth0 src 203.0.113.10\n\
         inet table main 10.77.0.0/24 dev eth1 src 10.77.0.1\n\
         inet6 table main default via 2001:db8:113::1 dev eth0 metric 1024\n",
    ),
    (
        "asked:rules",
        "inet 0: from all lookup local\ninet 32766: from all lookup main\n\
         inet6 32766: from all lookup main\n",
    ),
    ("asked:namespaces", "user initial\nnet host\n"),
    ("asked:links", "1 lo\n2 eth0\n3 eth1\n"),
    ("asked:devices", ""),
    ("asked:iptables-legacy-save", ASSIGNS),
    ("asked:ip6tables-legacy-save", ASSIGNS),
];

/// A rule that assigns the helper, as iptables-legacy saves it.
pub(crate) const ASSIGNS: &str = "*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
-A OUTPUT -p tcp -m tcp --dport 21 -j CT --helper ftp
COMMIT
";

/// Puts a ruleset that was dumped by a kernel in the place of all others: a folder in
/// tests/data/rulesets/dumps. Empty parts are not kept.
pub(crate) fn load(snapshot: &mut Snapshot, dump: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rulesets/dumps");
    for asked in NFTABLES {
        let name = asked.to_string();
        let file = name.trim_start_matches("asked:");
        let bytes = std::fs::read(folder.join(dump).join(file)).unwrap_or_default();
        snapshot.insert(name, State::Raw(bytes));
    }
    for (_, asked) in LEGACY {
        snapshot.insert(asked.to_string(), State::Absent);
    }
}
