//! What is not known is never "ok": without a source, every check that needs it says
//! so, with the reason.

use ftpnat::check::{CHECKS, Judge};
use ftpnat::facts::snapshot::{Snapshot, State};

use crate::cases::PLAIN_DNAT;
use crate::host::healthy;
use crate::{finding, report};

const OWN: &str = "name: t\nserver: { address: 203.0.113.10 }\n\
                   control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const DNAT: &str = "name: t\nserver: { address: 10.77.0.21 }\npassive: { ports: 50000-51000 }\n\
                    nat:\n  mode: dnat\n  external: { address: 203.0.113.10, interface: eth0 }\n";

/// Sources, a profile that asks of them, and the checks that then have no answer.
const NEEDED: &[(&[&str], &str, &[&str])] = &[
    (&["/proc/net/tcp"], OWN, &["FN208", "FN209"]),
    (&["/proc/net/tcp6"], OWN, &["FN208", "FN209"]),
    (&["/proc/sys/net/ipv4/ip_local_port_range"], OWN, &["FN207"]),
    (
        &["/proc/sys/net/ipv4/ip_local_reserved_ports"],
        OWN,
        &["FN207"],
    ),
    (
        &["asked:addresses"],
        OWN,
        &[
            "FN212", "FN213", "FN301", "FN302", "FN303", "FN304", "FN305", "FN307", "FN309",
            "FN312", "FN320", "FN322",
        ],
    ),
    (&["asked:routes"], OWN, &["FN212", "FN213"]),
    (&["asked:rules"], OWN, &["FN212", "FN213"]),
    (
        &["/proc/sys/net/netfilter/nf_conntrack_count"],
        OWN,
        &["FN210"],
    ),
    (
        &["/proc/sys/net/netfilter/nf_conntrack_max"],
        OWN,
        &["FN210"],
    ),
    (&["/sys/fs/selinux/enforce"], OWN, &["FN214"]),
    (&["/proc/sys/net/ipv4/ip_forward"], DNAT, &["FN206"]),
    (
        &["asked:nft-tables", "asked:iptables-legacy-save"],
        PLAIN_DNAT,
        &[
            "FN203", "FN204", "FN205", "FN303", "FN304", "FN305", "FN306", "FN307", "FN308",
            "FN309", "FN310", "FN311", "FN312", "FN313", "FN314", "FN316", "FN319", "FN320",
            "FN322", "FN323", "FN324",
        ],
    ),
    (&["asked:installed-rules"], OWN, &["FN317"]),
    (&["asked:devices"], OWN, &["FN324"]),
    (&["/etc/ftpnat/profiles"], OWN, &["FN109"]),
    (&["/etc/ftpnat/profiles/other.yaml"], OWN, &["FN109"]),
    (
        &[
            "/proc/modules",
            "/lib/modules/6.1.0-18-amd64/modules.dep",
            "/boot/config-6.1.0-18-amd64",
        ],
        DNAT,
        &["FN201", "FN202", "FN211"],
    ),
];

/// The healthy host with some sources made unreadable.
fn without(names: &[&str]) -> Snapshot {
    let mut host = healthy();
    for name in names {
        host.insert(
            *name,
            State::Unreadable("Permission denied (os error 13)".to_owned()),
        );
    }
    host
}

#[test]
fn a_source_that_cannot_be_read_leaves_its_checks_open() {
    for (names, yaml, ids) in NEEDED {
        let report = report(yaml, without(names));
        for id in *ids {
            assert_eq!(finding(&report, id), None, "{names:?}");
            let open = report.not_checked.iter().find(|n| n.id.to_string() == *id);
            let open = open.unwrap_or_else(|| panic!("{id} is ok without {names:?}"));
            assert!(!open.reason.is_empty(), "{id}");
        }
        let open = report.not_checked.iter().map(|n| n.id.to_string());
        assert_eq!(open.collect::<Vec<_>>(), *ids, "{names:?}");
    }
}

#[test]
fn every_need_of_a_check_is_among_them() {
    for check in CHECKS {
        if let Judge::Host { needs, .. } = check.judge {
            let id = check.id.to_string();
            let times = NEEDED
                .iter()
                .filter(|(_, _, ids)| ids.contains(&id.as_str()))
                .count();
            assert!(times >= usize::from(!needs.is_empty()), "{id}");
        }
    }
}

/// Without anything at all: no finding of the host, no panic, status 3.
#[test]
fn of_an_empty_snapshot_nothing_is_said() {
    for yaml in [OWN, DNAT] {
        let report = report(yaml, Snapshot::default());
        let of_host = report
            .findings
            .iter()
            .find(|f| f.id.to_string().starts_with("FN2"));
        assert_eq!(of_host, None);
        assert_eq!(
            report.status(),
            if yaml == OWN { 3 } else { report.status() }
        );
    }
}

/// Without the sysctls conntrack may be at work all the same: in a namespace that
/// belongs to an unprivileged user.
#[test]
fn missing_counters_are_not_an_empty_table() {
    let open = |modules: &str| {
        let mut host = healthy();
        host.insert("/proc/modules", State::Held(modules.to_owned()));
        for name in ["nf_conntrack_count", "nf_conntrack_max"] {
            host.insert(format!("/proc/sys/net/netfilter/{name}"), State::Absent);
        }
        let report = report(OWN, host);
        report
            .not_checked
            .iter()
            .any(|n| n.id.to_string() == "FN210")
    };
    assert!(open("nf_conntrack 188416 0 - Live 0x0000000000000000\n"));
    assert!(!open("nf_tables 188416 0 - Live 0x0000000000000000\n"));
}

/// A listener in the range whose process is hidden may be the server's own.
#[test]
fn a_hidden_process_is_not_accused() {
    let mut host = healthy();
    let tcp = host.text("/proc/net/tcp").unwrap_or_default().to_owned();
    let line = crate::host::listening(crate::host::ANY, 50010, 200);
    host.insert("/proc/net/tcp", State::Held(tcp + &line));
    let report = report(OWN, host);
    assert_eq!(finding(&report, "FN208"), None);
    let open = report
        .not_checked
        .iter()
        .find(|n| n.id.to_string() == "FN208");
    assert!(
        open.is_some_and(|n| n.reason.contains("50010")),
        "{report:#?}"
    );
}

/// The probe's word counts before the files'.
#[test]
fn what_the_probe_saw() {
    let with = |helper: &str, nat: &str| {
        let mut host = without(&[
            "/proc/modules",
            "/lib/modules/6.1.0-18-amd64/modules.dep",
            "/boot/config-6.1.0-18-amd64",
        ]);
        let text = format!(
            "namespace: made\nnf_tables: works\nnft_ct: works\nnf_conntrack_ftp: {helper}\n\
             nf_nat_ftp: {nat}\n"
        );
        host.insert("asked:probe", State::Held(text));
        report(DNAT, host)
    };
    let works = with("works", "works");
    let open = works
        .not_checked
        .iter()
        .any(|n| n.id.to_string() == "FN201");
    assert!(finding(&works, "FN201").is_none() && !open);
    let missing = with("missing No such file or directory", "unknown no helper");
    let found = finding(&missing, "FN201").expect("the probe says so");
    assert!(found.evidence[0].source.contains("probe"), "{found:#?}");
    let half = with("works", "missing the reply was not rewritten");
    assert!(finding(&half, "FN202").is_some());
    let untold = with("unknown timed out", "unknown timed out");
    assert!(
        untold
            .not_checked
            .iter()
            .any(|n| n.id.to_string() == "FN201")
    );

    // Loaded, by the files, and of no use: another name by `ports=`.
    let mut host = healthy();
    let text = "namespace: made\nnf_tables: works\nnft_ct: works\nnf_conntrack_ftp: missing No \
                such file or directory\nnf_nat_ftp: unknown no helper\n";
    host.insert("asked:probe", State::Held(text.to_owned()));
    let found = report(DNAT, host);
    let found = finding(&found, "FN201").expect("the probe says so");
    assert!(
        found.evidence[0].text.contains("although /proc/modules"),
        "{found:#?}"
    );
}
