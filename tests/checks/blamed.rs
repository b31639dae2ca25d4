//! What stands in the way, as rulesets of iptables-legacy on the saved host: each check of
//! what gets through fires on one, first, and on its repaired twin no error is left.

use std::fmt::Write as _;

use ftpnat::check::{CHECKS, Judge, Severity};
use ftpnat::facts::snapshot::{Snapshot, State};

use crate::host::healthy;
use crate::{finding, report};

const OWN: &str = "name: t\nserver: { address: 203.0.113.10, software: proftpd }\n\
                   control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const BOTH: &str = "name: t\nserver: { address: [203.0.113.10, \"2001:db8:113::10\"] }\n\
                    control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const PLAIN: &str = "name: t\nserver: { address: 203.0.113.10 }\n\
                     control: { port: 21, tls: none }\npassive: { ports: 50000-51000 }\n";
const ACTIVE: &str = "name: t\nserver: { address: 203.0.113.10 }\nactive: true\n\
                      control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const DNAT: &str = "name: t\nserver: { address: 10.77.0.21, software: proftpd }\n\
                    control: { port: 21, tls: required }\n\
                    passive: { ports: 50000-51000, advertise: 203.0.113.10 }\n\
                    nat:\n  mode: dnat\n  external: { address: 203.0.113.10, interface: eth0 }\n";
const ACTIVE_DNAT: &str = "name: t\nserver: { address: 10.77.0.21, software: proftpd }\n\
                           control: { port: 21, tls: required }\nactive: true\n\
                           passive: { ports: 50000-51000, advertise: 203.0.113.10 }\nnat:\n  \
                           mode: dnat\n  external: { address: 203.0.113.10, interface: eth0 }\n";
const HAIRPIN: &str = "name: t\nserver: { address: 10.77.0.21, software: proftpd }\n\
                       control: { port: 21, tls: required }\n\
                       passive: { ports: 50000-51000, advertise: 203.0.113.10 }\nnat:\n  \
                       mode: dnat\n  external: { address: 203.0.113.10, interface: eth0 }\n  \
                       internal: { interface: eth1, networks: [ 10.77.0.0/24 ] }\n  \
                       hairpin: true\n";

/// Rules as lines `table: rule` or `table: :CHAIN POLICY`, of IPv4 or of IPv6.
struct Rules {
    ipv4: &'static [&'static str],
    ipv6: &'static [&'static str],
}

const fn ipv4(ipv4: &'static [&'static str]) -> Rules {
    Rules { ipv4, ipv6: &[] }
}

struct Case {
    id: &'static str,
    severity: Severity,
    profile: &'static str,
    /// Words of the summary.
    says: &'static str,
    /// Words of the evidence, in this order.
    seen: &'static [&'static str],
    fires: Rules,
    silent: Rules,
}

const DROP: &str = "filter: :INPUT DROP";
const ESTABLISHED: &str = "filter: -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT";
const RELATED: &str = "filter: -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";
const CONTROL: &str = "filter: -A INPUT -p tcp -m tcp --dport 21 -j ACCEPT";
const RANGE: &str = "filter: -A INPUT -p tcp -m tcp --dport 50000:51000 -j ACCEPT";
const LED: &[&str] = &[
    "nat: -A PREROUTING -d 203.0.113.10/32 -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.77.0.21",
    "nat: -A PREROUTING -d 203.0.113.10/32 -p tcp -m tcp --dport 50000:51000 -j DNAT --to-destination 10.77.0.21",
    OUT,
];
const OUT: &str = "nat: -A OUTPUT -d 203.0.113.10/32 -p tcp -m multiport --dports 21,50000:51000 \
                   -j DNAT --to-destination 10.77.0.21";
const IN_CONTROL: &str = LED[0];
const IN_RANGE: &str = LED[1];

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let own = |id, says, seen, fires, silent| Case {
        id,
        severity: Severity::Error,
        profile: OWN,
        says,
        seen,
        fires: ipv4(fires),
        silent: ipv4(silent),
    };
    let open: &[&str] = &[DROP, ESTABLISHED, CONTROL, RANGE];
    vec![
        own(
            "FN301",
            "control port 21 are dropped",
            &["iptables-legacy filter, chain INPUT: policy drop"],
            &[DROP, ESTABLISHED, RANGE],
            open,
        ),
        own(
            "FN302",
            "passive ports 50000-50039, 50061-50099 are dropped",
            &[
                "rule 3, for ports 50000-50039: -A INPUT -p tcp -m tcp --dport 50000:50039 -j DROP",
                "rule 4, for ports 50061-50099: -A INPUT -p tcp -m tcp --dport 50061:50099",
            ],
            &[
                ESTABLISHED,
                CONTROL,
                "filter: -A INPUT -p tcp -m tcp --dport 50000:50039 -j DROP",
                "filter: -A INPUT -p tcp -m tcp --dport 50061:50099 -j REJECT --reject-with tcp-reset",
            ],
            &[ESTABLISHED, CONTROL],
        ),
        own(
            "FN303",
            "what follows the first packet is dropped",
            &["chain OUTPUT"],
            &["filter: :OUTPUT DROP", DROP, ESTABLISHED, CONTROL, RANGE],
            open,
        ),
        Case {
            profile: PLAIN,
            ..own(
                "FN304",
                "passive ports 50000-51000 are RELATED",
                &["chain INPUT: policy drop"],
                &[
                    "raw: -A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp",
                    DROP,
                    ESTABLISHED,
                    CONTROL,
                ],
                &[
                    "raw: -A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp",
                    DROP,
                    ESTABLISHED,
                    CONTROL,
                    "filter: -A INPUT -p tcp -m conntrack --ctstate NEW,RELATED -m tcp --dport 50000:51000 -j ACCEPT",
                ],
            )
        },
        own(
            "FN305",
            "accepted in one base chain and dropped in a later one",
            &[
                "iptables-legacy mangle, chain INPUT, rule 1, in vain",
                "policy drop",
            ],
            &[
                "mangle: -A INPUT -p tcp -m tcp --dport 50000:51000 -j ACCEPT",
                DROP,
                ESTABLISHED,
                CONTROL,
            ],
            open,
        ),
        own(
            "FN307",
            "dropped by a rule before the one that accepts them",
            &["rule 3: -A INPUT -j REJECT", "rule 4, in vain"],
            &[
                ESTABLISHED,
                CONTROL,
                "filter: -A INPUT -j REJECT --reject-with icmp-host-prohibited",
                RANGE,
            ],
            &[
                ESTABLISHED,
                CONTROL,
                RANGE,
                "filter: -A INPUT -j REJECT --reject-with icmp-host-prohibited",
            ],
        ),
        Case {
            profile: DNAT,
            ..own(
                "FN308",
                "passive ports 50000-51000 are not led to the server",
                &["iptables-legacy nat, chain PREROUTING: no rule of it translates them"],
                &[IN_CONTROL, OUT],
                LED,
            )
        },
        Case {
            profile: DNAT,
            ..own(
                "FN309",
                "passive ports 50000-51000 are led to the server, but to other ports",
                &["--to-destination 10.77.0.21:40000-41000"],
                &[
                    IN_CONTROL,
                    "nat: -A PREROUTING -d 203.0.113.10/32 -p tcp -m tcp --dport 50000:51000 -j DNAT --to-destination 10.77.0.21:40000-41000",
                    OUT,
                ],
                LED,
            )
        },
        Case {
            profile: DNAT,
            ..own(
                "FN310",
                "passive ports 50000-51000 are dropped",
                &["chain FORWARD: policy drop"],
                &[
                    IN_CONTROL,
                    IN_RANGE,
                    OUT,
                    "filter: :FORWARD DROP",
                    "filter: -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT",
                    "filter: -A FORWARD -p tcp -m tcp --dport 21 -j ACCEPT",
                ],
                LED,
            )
        },
        Case {
            profile: HAIRPIN,
            severity: Severity::Warning,
            ..own(
                "FN311",
                "from inside to the external address are not turned back to the server",
                &["no rule of it translates them"],
                &[
                    "nat: -A PREROUTING -i eth0 -p tcp -m multiport --dports 21,50000:51000 -j DNAT --to-destination 10.77.0.21",
                    OUT,
                ],
                &[
                    IN_CONTROL,
                    IN_RANGE,
                    OUT,
                    "nat: -A POSTROUTING -s 10.77.0.0/24 -d 10.77.0.21/32 -j MASQUERADE",
                ],
            )
        },
        Case {
            profile: ACTIVE_DNAT,
            ..own(
                "FN312",
                "with a source that is not the client's",
                &["rule 1, for ports 21, 50000-51000: -A POSTROUTING -j MASQUERADE"],
                &[
                    IN_CONTROL,
                    IN_RANGE,
                    OUT,
                    "nat: -A POSTROUTING -j MASQUERADE",
                ],
                &[
                    IN_CONTROL,
                    IN_RANGE,
                    OUT,
                    "nat: -A POSTROUTING -o eth0 -j MASQUERADE",
                ],
            )
        },
        Case {
            id: "FN315",
            severity: Severity::Warning,
            profile: BOTH,
            says: "passive ports 50000-51000 over IPv6 are dropped",
            seen: &["ip6tables-legacy filter, chain INPUT"],
            fires: Rules {
                ipv4: &[DROP, RELATED, CONTROL, RANGE],
                ipv6: &[DROP, RELATED, CONTROL],
            },
            silent: Rules {
                ipv4: &[DROP, RELATED, CONTROL, RANGE],
                ipv6: &[DROP, RELATED, CONTROL, RANGE],
            },
        },
        Case {
            profile: ACTIVE,
            ..own(
                "FN318",
                "(active data) are dropped",
                &["chain OUTPUT: policy drop"],
                &[
                    "filter: :OUTPUT DROP",
                    "filter: -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
                ],
                &[
                    "filter: :OUTPUT DROP",
                    "filter: -A OUTPUT -m conntrack --ctstate ESTABLISHED,NEW -j ACCEPT",
                ],
            )
        },
        own(
            "FN320",
            "control port 21 are not tracked",
            &["raw, chain PREROUTING, rule 1", "policy drop"],
            &[
                "raw: -A PREROUTING -p tcp -m tcp --dport 21 -j CT --notrack",
                DROP,
                ESTABLISHED,
                "filter: -A INPUT -p tcp -m conntrack --ctstate NEW -m multiport --dports 21,50000:51000 -j ACCEPT",
            ],
            &[
                DROP,
                ESTABLISHED,
                "filter: -A INPUT -p tcp -m conntrack --ctstate NEW -m multiport --dports 21,50000:51000 -j ACCEPT",
            ],
        ),
        Case {
            profile: ACTIVE_DNAT,
            ..own(
                "FN321",
                "(active data) leave with an address that the client did not call",
                &["chain POSTROUTING: no rule of it translates them"],
                LED,
                &[
                    IN_CONTROL,
                    IN_RANGE,
                    OUT,
                    "nat: -A POSTROUTING -s 10.77.0.21/32 -o eth0 -j SNAT --to-source 203.0.113.10",
                ],
            )
        },
        Case {
            profile: DNAT,
            ..own(
                "FN322",
                "led to another host by a rule of others",
                &["rule 1, for ports 21, 50000-51000: -A PREROUTING -i eth0"],
                &[
                    "nat: -A PREROUTING -i eth0 -j DNAT --to-destination 10.77.0.99",
                    IN_CONTROL,
                    IN_RANGE,
                    OUT,
                ],
                LED,
            )
        },
    ]
}

/// The healthy host with these rules and no others.
fn host(rules: &Rules) -> Snapshot {
    let mut host = healthy();
    for (asked, rules) in [
        ("asked:iptables-legacy-save", rules.ipv4),
        ("asked:ip6tables-legacy-save", rules.ipv6),
    ] {
        host.insert(asked, State::Held(saved(rules)));
    }
    host
}

fn saved(rules: &[&str]) -> String {
    let mut text = String::new();
    for (table, chains) in [
        ("raw", &["PREROUTING", "OUTPUT"][..]),
        ("mangle", &["INPUT"]),
        ("nat", &["PREROUTING", "OUTPUT", "POSTROUTING"]),
        ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ] {
        let of_table: Vec<&str> = rules
            .iter()
            .filter_map(|rule| rule.strip_prefix(table)?.strip_prefix(": "))
            .collect();
        if of_table.is_empty() {
            continue;
        }
        let _ = writeln!(text, "*{table}");
        for chain in chains {
            let policy = format!(":{chain} DROP");
            let policy = if of_table.contains(&policy.as_str()) {
                "DROP"
            } else {
                "ACCEPT"
            };
            let _ = writeln!(text, ":{chain} {policy} [0:0]");
        }
        for rule in of_table.iter().filter(|rule| rule.starts_with("-A")) {
            let _ = writeln!(text, "{rule}");
        }
        text.push_str("COMMIT\n");
    }
    text
}

#[test]
fn every_check_of_what_gets_through_fires_and_its_twin_does_not() {
    for case in cases() {
        let fires = report(case.profile, host(&case.fires));
        let found = finding(&fires, case.id).unwrap_or_else(|| panic!("{}: {fires:#?}", case.id));
        assert_eq!(fires.findings[0].id, found.id, "{}: {fires:#?}", case.id);
        assert_eq!(found.severity, case.severity, "{}", case.id);
        assert!(
            found.summary.contains(case.says),
            "{}: {}",
            case.id,
            found.summary
        );
        let seen = found.evidence.iter().fold(String::new(), |all, seen| {
            format!("{all}{}: {}\n", seen.source, seen.text)
        });
        let mut rest = seen.as_str();
        for words in case.seen {
            let at = rest
                .find(words)
                .unwrap_or_else(|| panic!("{}: {words} is not in {seen}", case.id));
            rest = &rest[at + words.len()..];
        }
        assert!(!found.remedy.is_empty(), "{}", case.id);

        let silent = report(case.profile, host(&case.silent));
        let bad = silent
            .findings
            .iter()
            .find(|f| f.severity == Severity::Error || f.id.to_string() == case.id);
        assert_eq!(bad, None, "{}", case.id);
        let open = silent
            .not_checked
            .iter()
            .any(|n| n.id.to_string() == case.id);
        assert!(!open, "{}: {silent:#?}", case.id);
    }
}

#[test]
fn every_check_of_what_gets_through_has_a_case() {
    for check in CHECKS {
        let of_traffic = matches!(check.judge, Judge::Blame { .. });
        let has = cases().iter().any(|case| case.id == check.id.to_string());
        assert_eq!(of_traffic, has, "{}", check.id);
    }
}
