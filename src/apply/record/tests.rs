//! Records that are read again, and bytes that are none.

use super::*;
use proptest::prelude::*;

fn some() -> Record {
    let setting = |key: &str, value: &str| Setting {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    Record {
        backend: Backend::IptablesNft,
        epoch: "0d4a3f6e-0000-4000-8000-000000000000".to_owned(),
        profiles: vec![InstalledProfile {
            name: "office-ftp".to_owned(),
            yaml: "# \"office\"\nname: office-ftp\n".to_owned(),
        }],
        changed: Changed {
            sysctls: vec![
                ChangedSysctl {
                    key: "net.ipv4.ip_forward".to_owned(),
                    from: "0".to_owned(),
                    to: "1".to_owned(),
                    added: Vec::new(),
                    overwrote: vec![setting("net/ipv4/conf/eth0.7/forwarding", "1")],
                },
                ChangedSysctl {
                    key: "net.ipv4.ip_local_reserved_ports".to_owned(),
                    from: String::new(),
                    to: "50000-51000".to_owned(),
                    added: vec![PortRange::new(50000, 51000).expect("in order")],
                    overwrote: Vec::new(),
                },
            ],
            modules: vec!["nf_conntrack_ftp".to_owned(), "nf_nat_ftp".to_owned()],
        },
        iptables_tables: vec!["ip raw".to_owned()],
    }
}

fn json(record: &Record) -> String {
    String::from_utf8(record.to_json().expect("JSON")).expect("UTF-8")
}

#[test]
fn what_is_written_is_read_again() {
    let read = Record::parse(json(&some()).as_bytes()).expect("a record");
    assert_eq!(read, some());
    assert!(json(&some()).contains("\"added\": \"50000-51000\""));
}

#[test]
fn what_was_changed_is_gone_with_its_boot() {
    assert_eq!(some().changed_in(&some().epoch), some().changed);
    assert_eq!(some().changed_in("another"), Changed::default());
}

#[test]
fn a_newer_record_is_refused_with_words() {
    let newer = json(&some()).replace("state/1", "state/2");
    let error = Record::parse(newer.as_bytes()).expect_err("newer");
    assert!(matches!(error, RecordError::Newer(_)), "{error}");
    assert!(error.to_string().contains("ftpnat.state/2"), "{error}");
    assert!(error.to_string().contains("newer ftpnat"), "{error}");
}

#[test]
fn what_is_no_record_is_refused() {
    for (bytes, words) in [
        (&b""[..], "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"{", "damaged"),
        (b"{}", "it is not ftpnat's"),
        (b"[1]", "it is not ftpnat's"),
        (b"{\"format\": 1}", "it is not ftpnat's"),
        (b"{\"format\": \"ftpnat.state/0\"}", "it is not ftpnat's"),
        (b"{\"format\": \"ftpnat.state/1\"}", "damaged"),
    ] {
        let error = Record::parse(bytes).expect_err("no record");
        assert!(error.to_string().contains(words), "{error}");
    }
    let more = json(&some()).replacen('{', "{\"more\": 1,", 1);
    let error = Record::parse(more.as_bytes()).expect_err("an unknown field");
    assert!(matches!(error, RecordError::Damaged(_)), "{error}");
}

#[test]
fn root_obeys_no_record_that_ftpnat_did_not_write() {
    for (good, bad) in [
        ("net.ipv4.ip_forward", "kernel.core_pattern"),
        ("net.ipv4.ip_forward", "net/ipv4/conf/../forwarding"),
        ("net.ipv4.ip_forward", "net/ipv4/conf/a/b/forwarding"),
        ("net.ipv4.ip_forward", "net/ipv4/conf/eth0/accept_ra"),
        ("eth0.7/forwarding", "eth0 7/forwarding"),
        ("eth0.7/forwarding", "/forwarding"),
        ("\"0\"", "\"|/bin/sh\""),
        ("\"0\"", "\"0\\n\""),
        ("nf_nat_ftp", "-r"),
        ("nf_nat_ftp", "/tmp/x.ko"),
        ("nf_nat_ftp", ""),
        ("\"name\": \"office-ftp\"", "\"name\": \"Office\""),
        ("ip raw", "ip raw; x"),
    ] {
        let text = json(&some());
        let changed = text.replace(good, bad);
        assert_ne!(text, changed, "{good} stands in it");
        let error = Record::parse(changed.as_bytes()).expect_err(bad);
        assert!(matches!(error, RecordError::Value(..)), "{bad}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Record::parse(&bytes);
    }

    /// A record with a byte of it changed is read as another record or refused.
    #[test]
    fn a_damaged_record_does_no_harm(at in 0_usize..900, byte in any::<u8>()) {
        let mut bytes = some().to_json().expect("JSON");
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Record::parse(&bytes);
        let _ = Record::parse(&bytes[..at]);
    }
}
