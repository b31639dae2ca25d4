//! One case a check: what makes it fire, and a twin, close by, where it does not.

use ftpnat::check::{CHECKS, Judge, Severity};
use ftpnat::facts::snapshot::Snapshot;
use ftpnat::output::cure::pastes;

use crate::host::{ANY, ASSIGNS, HEAD, LOOPBACK, healthy, listening, load, set};
use crate::{finding, report};

/// A profile and what is changed about the healthy host.
struct Side {
    profile: &'static str,
    change: fn(&mut Snapshot),
}

/// A check's two sides.
struct Case {
    id: &'static str,
    severity: Severity,
    /// Words that the finding's summary must have.
    says: &'static str,
    /// Words that one of its remedies must have.
    cure: &'static str,
    fires: Side,
    silent: Side,
}

const OWN: &str = "name: t\nserver: { address: [203.0.113.10, \"2001:db8:113::10\"] }\n\
                   control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const DNAT: &str = "name: t\nserver: { address: 10.77.0.21 }\npassive: { ports: 50000-51000 }\n\
                    nat:\n  mode: dnat\n  external: { address: 203.0.113.10, interface: eth0 }\n";
const UPSTREAM: &str = "name: t\npassive: { ports: 50000-51000, advertise: 203.0.113.10 }\n\
                        nat: { mode: upstream, external: { address: 203.0.113.10 } }\n";

fn nothing(_: &mut Snapshot) {}

/// Two uplinks: eth1 has a public address too, and no default route.
pub(crate) fn two_uplinks(host: &mut Snapshot) {
    set(
        host,
        "asked:addresses",
        "eth0 inet 203.0.113.10/24 scope global\neth1 inet 198.51.100.10/24 scope global\n",
    );
}

const SECOND: &str = "name: t\nserver: { address: 198.51.100.10 }\n\
                      control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let side = |profile, change| Side { profile, change };
    vec![
        Case {
            id: "FN101",
            severity: Severity::Warning,
            says: "11 ports for 20",
            cure: "ports: 50000-50019",
            fires: side(
                "name: t\npassive: { ports: 50000-50010 }\ntransfers: 20\nserver: { software: proftpd }\n",
                nothing,
            ),
            silent: side(
                "name: t\npassive: { ports: 50000-50010 }\ntransfers: 11\nserver: { software: proftpd }\n",
                nothing,
            ),
        },
        Case {
            id: "FN102",
            severity: Severity::Error,
            says: "announces its inside address",
            cure: "advertise: 203.0.113.10",
            fires: side(
                "name: t\npassive: { ports: 50000-51000 }\nnat: { mode: upstream, external: { address: 203.0.113.10 } }\n",
                nothing,
            ),
            silent: side(UPSTREAM, nothing),
        },
        Case {
            id: "FN103",
            severity: Severity::Error,
            says: "192.168.1.5 is a private address",
            cure: "advertise: 203.0.113.10",
            fires: side(
                "name: t\npassive: { ports: 50000-51000, advertise: 192.168.1.5 }\nnat: { mode: upstream, external: { address: 203.0.113.10 } }\n",
                nothing,
            ),
            silent: side(UPSTREAM, nothing),
        },
        Case {
            id: "FN104",
            severity: Severity::Error,
            says: "192.0.2.7 is not the address",
            cure: "advertise: 203.0.113.10",
            fires: side(
                "name: t\npassive: { ports: 50000-51000, advertise: 192.0.2.7 }\nnat: { mode: upstream, external: { address: 203.0.113.10 } }\n",
                nothing,
            ),
            silent: side(UPSTREAM, nothing),
        },
        Case {
            id: "FN105",
            severity: Severity::Warning,
            says: "never come here",
            cure: "helper: auto",
            fires: side(HELPED_UPSTREAM, |host| set(host, LOOSE, "Y\n")),
            silent: side(UPSTREAM, |host| set(host, LOOSE, "Y\n")),
        },
        Case {
            id: "FN106",
            severity: Severity::Note,
            says: "port 21, which speaks TLS only",
            cure: "helper: auto",
            fires: side(
                "name: t\ncontrol: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\nhelper: always\n",
                nothing,
            ),
            silent: side(OWN, nothing),
        },
        Case {
            id: "FN107",
            severity: Severity::Error,
            says: "active mode under TLS fails",
            cure: "passive mode",
            fires: side(CLIENTS_ACTIVE, nothing),
            silent: side(CLIENTS, nothing),
        },
        Case {
            id: "FN108",
            severity: Severity::Warning,
            says: "port 21 has no TLS",
            cure: "tls: required",
            fires: side(
                "name: t\ncontrol: { port: 21, tls: none }\npassive: { ports: 50000-51000 }\n",
                nothing,
            ),
            silent: side(
                "name: t\ncontrol: { port: 21, tls: optional }\npassive: { ports: 50000-51000 }\n",
                nothing,
            ),
        },
        Case {
            id: "FN109",
            severity: Severity::Error,
            says: "other",
            cure: "ftpnat plan --profile /etc/ftpnat/profiles/other.yaml",
            fires: side(OWN, |host| {
                set(host, OTHER, OWN.replace("name: t", "name: other"));
            }),
            // The same profile, installed: its own older copy.
            silent: side(OWN, |host| set(host, OTHER, OWN)),
        },
        Case {
            id: "FN201",
            severity: Severity::Error,
            says: "no rule can assign the ftp helper",
            cure: "modprobe nf_nat_ftp",
            fires: side(PLAIN_DNAT, |host| {
                unloaded(host);
                set(
                    host,
                    "/etc/modprobe.d/x.conf",
                    "install nf_conntrack_ftp /bin/false\n",
                );
            }),
            // A rule loads it.
            silent: side(PLAIN_DNAT, unloaded),
        },
        Case {
            id: "FN202",
            severity: Severity::Error,
            says: "nothing loads it by itself",
            cure: "modprobe nf_nat_ftp",
            fires: side(PLAIN_DNAT, unloaded),
            silent: side(PLAIN_DNAT, nothing),
        },
        Case {
            id: "FN203",
            severity: Severity::Error,
            says: "control connections to 203.0.113.10 port 21 get no helper",
            cure: "ct helper set",
            fires: side(PLAIN_DNAT, |host| {
                // Only what comes in by the other interface.
                set(
                    host,
                    LEGACY,
                    ASSIGNS.replace("PREROUTING -p", "PREROUTING -i eth1 -p"),
                );
            }),
            silent: side(PLAIN_DNAT, |host| {
                set(
                    host,
                    LEGACY,
                    ASSIGNS.replace("PREROUTING -p", "PREROUTING -i eth+ -p"),
                );
            }),
        },
        Case {
            id: "FN204",
            severity: Severity::Error,
            says: "where no connection is known yet",
            cure: "ct helper set",
            fires: side(PLAIN_DNAT, |host| load(host, "helper-early")),
            silent: side(PLAIN_DNAT, |host| load(host, "helper-late")),
        },
        Case {
            id: "FN205",
            severity: Severity::Warning,
            says: "port 21 get the helper after DNAT",
            cure: "ct helper set",
            fires: side(PLAIN_DNAT, |host| load(host, "helper-late")),
            silent: side(PLAIN_DNAT, |host| {
                load(host, "helper-late");
                set(host, "/proc/version", "Debian 6.1.192-2\n");
            }),
        },
        Case {
            id: "FN206",
            severity: Severity::Error,
            says: "does not route IPv4",
            cure: "net.ipv4.ip_forward=1",
            fires: side(DNAT, |host| {
                set(host, "/proc/sys/net/ipv4/ip_forward", "0\n");
                set(host, "/proc/sys/net/ipv4/conf/eth1/forwarding", "0\n");
            }),
            silent: side(DNAT, |host| {
                set(host, "/proc/sys/net/ipv6/conf/all/forwarding", "0\n");
            }),
        },
        Case {
            id: "FN207",
            severity: Severity::Warning,
            says: "1000 of 1001 ports",
            cure: "ip_local_reserved_ports=8080,50500,50000-51000",
            fires: side(OWN, |host| set(host, RESERVED, "8080,50500\n")),
            silent: side(OWN, |host| {
                set(host, RESERVED, "\n");
                set(
                    host,
                    "/proc/sys/net/ipv4/ip_local_port_range",
                    "20000\t49999\n",
                );
            }),
        },
        Case {
            id: "FN208",
            severity: Severity::Error,
            says: "java listens on port 50010",
            cure: "ss -ltnp",
            fires: side(OWN, |host| in_range(host, ANY, "900 java /usr/bin/java")),
            silent: side(OWN, |host| {
                in_range(host, LOOPBACK, "900 java /usr/bin/java");
            }),
        },
        Case {
            id: "FN209",
            severity: Severity::Error,
            says: "port 21 (IPv4, IPv6)",
            cure: "ss -ltnp",
            fires: side(OWN, |host| {
                set(
                    host,
                    "/proc/net/tcp",
                    HEAD.to_owned() + &listening(LOOPBACK, 21, 100),
                );
                set(host, "/proc/net/tcp6", HEAD);
            }),
            // `::` takes IPv4 as well.
            silent: side(OWN, |host| set(host, "/proc/net/tcp", HEAD)),
        },
        Case {
            id: "FN210",
            severity: Severity::Warning,
            says: "250000 of 262144",
            cure: "nf_conntrack_max=524288",
            fires: side(OWN, |host| set(host, COUNT, "250000\n")),
            silent: side(OWN, |host| set(host, COUNT, "200000\n")),
        },
        Case {
            id: "FN211",
            severity: Severity::Warning,
            says: "nothing loads nf_nat_ftp",
            cure: "nf_nat_ftp",
            fires: side(PLAIN_DNAT, |host| {
                set(host, "/etc/modules-load.d/ftp.conf", "# nf_nat_ftp\n");
            }),
            silent: side(PLAIN_DNAT, |host| {
                set(host, "/etc/modules-load.d/ftp.conf", "\n");
                set(
                    host,
                    "/etc/modprobe.d/f.conf",
                    "softdep nf_conntrack_ftp post: nf_nat_ftp\n",
                );
            }),
        },
        Case {
            id: "FN212",
            severity: Severity::Warning,
            says: "come in by eth1, and answers from 198.51.100.10 leave by eth0",
            cure: "ip rule add from 198.51.100.10 lookup 100",
            fires: side(SECOND, two_uplinks),
            silent: side(SECOND, |host| {
                two_uplinks(host);
                set(
                    host,
                    "asked:rules",
                    "inet 100: from 198.51.100.10 lookup 100\ninet 32766: from all lookup main\n",
                );
                let routes = host.text("asked:routes").unwrap_or_default().to_owned();
                set(
                    host,
                    "asked:routes",
                    routes + "inet table 100 default dev eth1\n",
                );
            }),
        },
        Case {
            id: "FN213",
            severity: Severity::Warning,
            says: "by eth1 are dropped: answers from 198.51.100.10 would leave by eth0",
            cure: "conf/eth1/rp_filter=2",
            fires: side(SECOND, |host| {
                two_uplinks(host);
                set(host, "/proc/sys/net/ipv4/conf/all/rp_filter", "1\n");
            }),
            // Loose wins: the kernel takes the higher number.
            silent: side(SECOND, |host| {
                two_uplinks(host);
                set(host, "/proc/sys/net/ipv4/conf/all/rp_filter", "1\n");
                set(host, "/proc/sys/net/ipv4/conf/eth1/rp_filter", "2\n");
            }),
        },
        Case {
            id: "FN214",
            severity: Severity::Error,
            says: "SELinux lets an FTP server bind 32768-60999 only",
            cure: "setsebool -P ftpd_use_passive_mode on",
            fires: side(LOW, |host| selinux(host, "1", "0 0")),
            silent: side(OWN, |host| selinux(host, "1", "0 0")),
        },
        Case {
            id: "FN313",
            severity: Severity::Note,
            says: "IPv4 packets pass rules of iptables-legacy and rules of nf_tables",
            cure: "iptables-legacy-save; nft list ruleset",
            fires: side(OWN, |host| {
                load(host, "helper-late");
                set(host, LEGACY, ASSIGNS);
            }),
            // Tables that hold nothing are none.
            silent: side(OWN, |host| {
                load(host, "helper-late");
                set(host, LEGACY, EMPTY_TABLES);
            }),
        },
        Case {
            id: "FN317",
            severity: Severity::Warning,
            says: "2 rules are not as they were installed",
            cure: "ftpnat apply --profile test.yaml",
            fires: side(OWN, |host| set(host, INSTALLED, DRIFTED)),
            // Another profile's drift.
            silent: side(OWN, |host| {
                let others = DRIFTED.replace("missing\tt\t", "missing\tother\t");
                set(
                    host,
                    INSTALLED,
                    others.replace("changed\t\t", "changed\tother\t"),
                );
            }),
        },
        Case {
            id: "FN324",
            severity: Severity::Note,
            says: "XDP on eth0, tc filters on eth0",
            cure: "bpftool prog show id 17",
            fires: side(OWN, |host| set(host, "asked:devices", ON_ETH0)),
            // No client comes by that one.
            silent: side(OWN, |host| {
                set(host, "asked:devices", ON_ETH0.replace("eth0", "eth1"));
            }),
        },
        Case {
            id: "FN306",
            severity: Severity::Warning,
            says: "ports 1-20, 22-49999, 51001-65535, which no data connection may use",
            cure: "-R INPUT 1 -m conntrack --ctstate ESTABLISHED -j ACCEPT",
            fires: side(PLAIN, |host| {
                filter(
                    host,
                    &["-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
                    OPENS,
                );
            }),
            // Bounded, or nothing is expected.
            silent: side(PLAIN, |host| {
                filter(
                    host,
                    &[
                        "-m conntrack --ctstate ESTABLISHED -j ACCEPT",
                        "-p icmp -m conntrack --ctstate RELATED -j ACCEPT",
                        "-p ipv6-icmp -m conntrack --ctstate RELATED -j ACCEPT",
                        "-p tcp -m tcp --dport 50000:51000 -m conntrack --ctstate RELATED \
                         -m helper --helper ftp -j ACCEPT",
                    ],
                    OPENS,
                );
            }),
        },
        Case {
            id: "FN314",
            severity: Severity::Warning,
            says: "ports 51001-60000",
            cure: "-p tcp -m multiport --dports 21,50000:51000 -j ACCEPT",
            fires: side(OWN, |host| {
                filter(
                    host,
                    KEEPS,
                    &["-p tcp -m multiport --dports 21,50000:60000 -j ACCEPT"],
                );
            }),
            silent: side(OWN, |host| {
                filter(
                    host,
                    KEEPS,
                    &["-p tcp -m multiport --dports 21,22,80,443,50000:51000 -j ACCEPT"],
                );
            }),
        },
        Case {
            id: "FN316",
            severity: Severity::Warning,
            says: "a client has at most 4 connections at once",
            cure: "! --dport 50000:51000",
            fires: side(OWN, |host| {
                let limit = "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN \
                             -m connlimit --connlimit-above 4 -j REJECT";
                filter(host, &[KEEPS[0], KEEPS[1], KEEPS[2], limit], OPENS);
            }),
            // That of logins.
            silent: side(OWN, |host| {
                let limit = "-p tcp -m tcp --dport 21 -m connlimit --connlimit-above 4 -j REJECT";
                filter(host, &[KEEPS[0], KEEPS[1], KEEPS[2], limit], OPENS);
            }),
        },
        Case {
            id: "FN319",
            severity: Severity::Warning,
            says: "source port 50000-51000 gets to ports that are shut to all others",
            cure: "-m multiport --dports 50000:51000 -j ACCEPT",
            fires: side(OWN, |host| {
                filter(
                    host,
                    KEEPS,
                    &[
                        "-p tcp -m state --state NEW -m multiport --ports 50000:51000 -j ACCEPT",
                        "-p tcp -m tcp --dport 21 -j ACCEPT",
                    ],
                );
            }),
            silent: side(OWN, |host| {
                filter(
                    host,
                    KEEPS,
                    &[
                        "-p tcp -m state --state NEW -m multiport --dports 50000:51000 -j ACCEPT",
                        "-p tcp -m tcp --sport 20 -m state --state ESTABLISHED -j ACCEPT",
                        "-p tcp -m tcp --dport 21 -j ACCEPT",
                    ],
                );
            }),
        },
        Case {
            id: "FN323",
            severity: Severity::Warning,
            says: "ICMP \"fragmentation needed\" and ICMPv6 \"packet too big\"",
            cure: "ftpnat:t:related-icmp",
            fires: side(OWN, |host| {
                filter(
                    host,
                    &["-m conntrack --ctstate ESTABLISHED -j ACCEPT"],
                    OPENS,
                );
            }),
            silent: side(OWN, |host| {
                filter(
                    host,
                    &[
                        "-m conntrack --ctstate ESTABLISHED -j ACCEPT",
                        "-p icmp -m icmp --icmp-type 3/4 -j ACCEPT",
                        "-p ipv6-icmp -m icmp6 --icmpv6-type 2 -j ACCEPT",
                    ],
                    OPENS,
                );
            }),
        },
    ]
}

/// What belongs to connections that are there.
const KEEPS: &[&str] = &[
    "-m conntrack --ctstate ESTABLISHED -j ACCEPT",
    "-p icmp -m conntrack --ctstate RELATED -j ACCEPT",
    "-p ipv6-icmp -m conntrack --ctstate RELATED -j ACCEPT",
];
/// What the profiles need.
const OPENS: &[&str] = &[
    "-p tcp -m tcp --dport 21 -j ACCEPT",
    "-p tcp -m tcp --dport 50000:51000 -j ACCEPT",
];
/// With a port for plain sessions.
const PLAIN: &str = "name: t\nserver: { address: [203.0.113.10, \"2001:db8:113::10\"] }\n\
                     passive: { ports: 50000-51000 }\n";

/// Rules at the input hook, of both families, whose policy drops; the helper is assigned.
pub(crate) fn filter(host: &mut Snapshot, first: &[&str], then: &[&str]) {
    let of = |ipv4: bool| {
        let other = if ipv4 { "-p ipv6-icmp" } else { "-p icmp" };
        let rules = first.iter().chain(then).filter(|r| !r.starts_with(other));
        let rules = rules.fold(String::new(), |all, rule| all + "-A INPUT " + rule + "\n");
        format!("{ASSIGNS}*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n{rules}COMMIT\n")
    };
    set(host, LEGACY, of(true));
    set(host, "asked:ip6tables-legacy-save", of(false));
}

/// iptables-legacy, with nothing in it that stops or lets through.
const EMPTY_TABLES: &str = "*filter\n:INPUT ACCEPT [9:540]\n:FORWARD ACCEPT [0:0]\n\
                            :OUTPUT ACCEPT [7:420]\n:DOCKER - [0:0]\nCOMMIT\n";
const INSTALLED: &str = "asked:installed-rules";
const DRIFTED: &str = "profile\tother\nprofile\tt\n\
                       drift\tmissing\tt\tcontrol\ttable inet ftpnat, chain input\ttcp dport 21 accept\n\
                       drift\tchanged\t\t\ttable inet ftpnat, chain input\ttcp dport 23 accept\n";
const ON_ETH0: &str = "eth0 xdp driver 17\neth0 filter ingress bpf\n";

const HELPED_UPSTREAM: &str = "name: t\npassive: { ports: 50000-51000, advertise: 203.0.113.10 }\n\
                               nat: { mode: upstream, external: { address: 203.0.113.10 } }\n\
                               helper: always\n";
const LOW: &str = "name: t\npassive: { ports: 20000-21000 }\n";
const CLIENTS: &str = "name: t\nnat:\n  mode: masquerade\n  external: { interface: eth0 }\n  \
                       internal: { interface: eth1, networks: [ 10.77.0.0/24 ] }\n";
const CLIENTS_ACTIVE: &str = "name: t\nactive: true\nnat:\n  mode: masquerade\n  \
                              external: { interface: eth0 }\n  \
                              internal: { interface: eth1, networks: [ 10.77.0.0/24 ] }\n";
/// No `advertise`, so plain PASV needs both helpers.
pub(crate) const PLAIN_DNAT: &str = "name: t\nserver: { address: 10.77.0.21 }\ncontrol: { port: 21, tls: none }\n\
                          passive: { ports: 50000-51000 }\nnat:\n  mode: dnat\n  \
                          external: { address: 203.0.113.10, interface: eth0 }\n";
const LOOSE: &str = "/sys/module/nf_conntrack_ftp/parameters/loose";
const OTHER: &str = "/etc/ftpnat/profiles/other.yaml";
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";
pub(crate) const LEGACY: &str = "asked:iptables-legacy-save";
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

fn unloaded(host: &mut Snapshot) {
    set(
        host,
        "/proc/modules",
        "nf_conntrack 188416 0 - Live 0x0000000000000000\n",
    );
}

pub(crate) fn in_range(host: &mut Snapshot, address: &str, owner: &str) {
    let tcp = host.text("/proc/net/tcp").unwrap_or_default().to_owned();
    set(host, "/proc/net/tcp", tcp + &listening(address, 50010, 200));
    let owners = host.text("asked:listeners").unwrap_or_default().to_owned();
    set(host, "asked:listeners", format!("{owners}200 {owner}\n"));
}

fn selinux(host: &mut Snapshot, enforce: &str, boolean: &str) {
    set(host, "/sys/fs/selinux/enforce", enforce);
    set(
        host,
        "/sys/fs/selinux/booleans/ftpd_use_passive_mode",
        boolean,
    );
}

#[test]
fn every_check_fires_and_its_twin_does_not() {
    for case in cases() {
        let mut host = healthy();
        (case.fires.change)(&mut host);
        let fires = report(case.fires.profile, host);
        let found = finding(&fires, case.id).unwrap_or_else(|| panic!("{}: {fires:#?}", case.id));
        assert_eq!(found.severity, case.severity, "{}", case.id);
        assert!(
            found.summary.contains(case.says),
            "{}: {}",
            case.id,
            found.summary
        );
        let mut pasted = found.remedy.iter().flat_map(pastes);
        let cured = pasted.any(|paste| paste.text.contains(case.cure));
        assert!(cured, "{}: {:#?}", case.id, found.remedy);
        assert!(!found.evidence.is_empty(), "{}", case.id);

        let mut host = healthy();
        (case.silent.change)(&mut host);
        let silent = report(case.silent.profile, host);
        assert_eq!(finding(&silent, case.id), None, "{}: {silent:#?}", case.id);
        let open = silent
            .not_checked
            .iter()
            .find(|n| n.id.to_string() == case.id);
        assert_eq!(open, None, "{}", case.id);
    }
}

/// The table above leaves none out that has an answer.
#[test]
fn every_check_that_answers_has_a_case() {
    let cases = cases();
    for check in CHECKS {
        let answers = matches!(check.judge, Judge::Profile(_) | Judge::Host { .. });
        let has = cases.iter().any(|case| case.id == check.id.to_string());
        assert_eq!(answers, has, "{}", check.id);
    }
}

/// Errors and warnings would be faults of ours there.
#[test]
fn a_healthy_host_has_no_error_and_no_warning() {
    for yaml in [OWN, UPSTREAM] {
        let report = report(yaml, healthy());
        let bad = report
            .findings
            .iter()
            .find(|f| f.severity != Severity::Note);
        assert_eq!(bad, None, "{yaml}");
        let open: Vec<String> = report
            .not_checked
            .iter()
            .map(|n| n.id.to_string())
            .collect();
        assert_eq!(open, [""; 0], "{yaml}");
        assert_eq!(report.status(), 0, "{yaml}");
    }
}

/// One cause, one finding.
#[test]
fn what_another_finding_explains_is_left_out() {
    for case in cases() {
        let mut host = healthy();
        (case.fires.change)(&mut host);
        let report = report(case.fires.profile, host);
        for found in &report.findings {
            let check = CHECKS
                .iter()
                .find(|c| c.id == found.id)
                .expect("registered");
            let other = check
                .moot_by
                .iter()
                .find(|id| finding(&report, &id.to_string()).is_some());
            assert_eq!(other, None, "{} beside {}", found.id, case.id);
        }
    }
    let mut host = healthy();
    unloaded(&mut host);
    set(
        &mut host,
        "/etc/modprobe.d/x.conf",
        "install nf_conntrack_ftp /bin/false\n",
    );
    let report = report(PLAIN_DNAT, host);
    assert!(finding(&report, "FN201").is_some() && finding(&report, "FN202").is_none());
    assert!(
        !report
            .not_checked
            .iter()
            .any(|n| n.id.to_string() == "FN203"),
        "moot as well"
    );
}

/// The order is that of what to mend first.
#[test]
fn errors_come_before_warnings() {
    let mut host = healthy();
    set(&mut host, COUNT, "250000\n");
    set(&mut host, RESERVED, "\n");
    in_range(&mut host, ANY, "900 java /usr/bin/java");
    let report = report(OWN, host);
    let ids: Vec<String> = report.findings.iter().map(|f| f.id.to_string()).collect();
    assert_eq!(ids, ["FN208", "FN207", "FN210"]);
    assert_eq!(report.status(), 1);
}

/// The server's own sockets are none of another's: by its name, or as the program that
/// holds a control port.
#[test]
fn whose_a_listener_is() {
    let own = |owner: &str, control: &str| {
        let mut host = healthy();
        in_range(&mut host, ANY, owner);
        let owners = host
            .text("asked:listeners")
            .unwrap_or_default()
            .replace("700 proftpd /usr/sbin/proftpd", control);
        set(&mut host, "asked:listeners", owners);
        finding(&report(OWN, host), "FN208").is_none()
    };
    assert!(own(
        "900 vsftpd /usr/sbin/vsftpd",
        "700 proftpd /usr/sbin/proftpd"
    ));
    assert!(own(
        "900 ftpserver /opt/f/ftpserver",
        "700 ftpserver /opt/f/ftpserver"
    ));
    assert!(!own(
        "900 java /usr/bin/java",
        "700 proftpd /usr/sbin/proftpd"
    ));
}
