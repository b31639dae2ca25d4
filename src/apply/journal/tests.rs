//! Journals that are read again, and bytes that are none.

use super::*;
use proptest::prelude::*;

use crate::apply::record::Setting;

fn some() -> Journal {
    let save = "*filter\n:INPUT DROP [3:180]\n:FTPNAT-INPUT - [0:0]\n\
                [1:2] -A INPUT -j FTPNAT-INPUT\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n";
    let mut before = Before {
        nft: Some(Dump {
            tables: vec![0, 1, 0xfe, 0xff],
            ..Dump::default()
        }),
        modules: vec!["nf_nat_ftp".to_owned()],
        sysctls: vec![SysctlStep {
            key: "net.ipv4.ip_forward".to_owned(),
            from: "0".to_owned(),
            to: "1".to_owned(),
            why: "this host routes".to_owned(),
            overwrites: vec![Setting {
                key: "net/ipv4/conf/eth0/forwarding".to_owned(),
                value: "1".to_owned(),
            }],
            then: Vec::new(),
        }],
        ..Before::default()
    };
    before.add_save(Program::ALL[3], &Save::parse(save).expect("a save"));
    Journal {
        id: "1f-2".to_owned(),
        verb: Verb::Apply,
        epoch: "0d4a3f6e-0000-4000-8000-000000000000/3".to_owned(),
        pid: 77,
        since: 1_795_719_078,
        profiles: vec!["office-ftp".to_owned()],
        watch: Some(Watch {
            seconds: 60,
            pid: 78,
            started: 12_345,
            timer: Some("ftpnat-undo-1f-2".to_owned()),
        }),
        stage: Stage::Waiting { until: 99_000 },
        before,
    }
}

fn json(journal: &Journal) -> String {
    String::from_utf8(journal.to_json().expect("JSON")).expect("UTF-8")
}

fn refused(text: &str) -> String {
    let error = Journal::parse(text.as_bytes()).expect_err("no journal");
    error.to_string()
}

#[test]
fn what_is_written_is_read_again() {
    let stages = [
        Stage::Begun,
        Stage::Waiting { until: 1 },
        Stage::Kept,
        Stage::Undoing { why: String::new() },
        Stage::Undone {
            why: "nobody".to_owned(),
            at: 5,
        },
    ];
    for stage in stages {
        let journal = Journal { stage, ..some() };
        let read = Journal::parse(json(&journal).as_bytes()).expect("a journal");
        assert_eq!(read, journal);
    }
}

#[test]
fn tables_without_ours_are_left_out() {
    let (program, save) = &some().before.saves[0];
    assert_eq!(program.name(), "ip6tables-legacy");
    let names: Vec<&str> = save.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["filter"]);
}

#[test]
fn a_newer_journal_is_refused_with_words() {
    let newer = json(&some()).replace("journal/1", "journal/2");
    assert!(refused(&newer).contains("ftpnat.journal/2, which a newer ftpnat writes"));
    let other = json(&some()).replace("ftpnat.journal/1", "ftpnat.state/1");
    assert!(refused(&other).contains("its \"format\" is not ftpnat.journal/1"));
}

#[test]
fn what_root_would_obey_is_looked_at() {
    for (from, to, what) in [
        (
            "net.ipv4.ip_forward",
            "kernel.core_pattern",
            "sysctl that ftpnat sets",
        ),
        (
            "conf/eth0/forwarding",
            "conf/../../vm/panic",
            "sysctl that ftpnat sets",
        ),
        ("\"to\":\"1\"", "\"to\":\"|sh\"", "value of a sysctl"),
        ("nf_nat_ftp", "-r /tmp/x.ko", "module's name"),
        ("\"office-ftp\"", "\"../etc\"", "profile's name"),
        ("ip6tables-legacy", "/tmp/sh", "program of iptables"),
        (
            "*filter\\n",
            "!/bin/sh\\n",
            "text that iptables-save printed",
        ),
        ("0001feff", "0001fef", "row of hexadecimal digits"),
    ] {
        let text = json(&some());
        assert!(text.contains(from), "{from}");
        let words = refused(&text.replace(from, to));
        assert!(words.contains(what), "{to}: {words}");
    }
}

#[test]
fn a_journal_that_is_cut_off_is_damaged() {
    let text = json(&some());
    for length in 0..text.len() - 1 {
        Journal::parse(&text.as_bytes()[..length]).expect_err("cut off");
    }
}

proptest! {
    #[test]
    fn hostile_bytes_are_no_journal(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Journal::parse(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_is_no_fault_of_ours(at in 0..600_usize, byte in any::<u8>()) {
        let mut bytes = some().to_json().expect("JSON");
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = Journal::parse(&bytes).map(|journal| journal.before.ruleset());
    }
}
