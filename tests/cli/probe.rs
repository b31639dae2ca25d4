//! `probe` and `explain`, as far as they need no network.

use crate::ftpnat;

#[test]
fn what_a_client_printed_is_explained() {
    let message = "425 Unable to build data connection: Operation not permitted";
    let text = ftpnat(&["explain", message]).done();
    for part in [
        "It is no firewall",
        "NoSessionReuseRequired",
        "FN418",
        "ftpnat probe HOST",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Only its ending tells; the network is not ruled out.
    for ending in [
        "",
        ": Connection timed out",
        ": Connection refused",
        ": No route to host",
    ] {
        let message = format!("425 Unable to build data connection{ending}");
        let text = ftpnat(&["explain", &message]).done();
        let first = text.split("\n425 ").next().unwrap_or_default();
        assert!(!first.contains("It is no firewall"), "{message}: {text}");
        assert!(first.contains("FN414"), "{message}: {text}");
    }
    // Quotes are not needed, case and numbers do not count.
    let words = ["explain", "entering", "PASSIVE", "mode", "(10,9,8,7,6,5)"];
    let text = ftpnat(&words).done();
    assert!(text.contains("FN411"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_number_is_the_check_and_the_reply_is_mentioned() {
    let page = ftpnat(&["explain", "425"]).done();
    assert!(page.starts_with("FN425 data-rejected-by-icmp"), "{page}");
    assert!(page.contains("is a reply of FTP servers too"), "{page}");
    let page = ftpnat(&["explain", "206"]).done();
    assert!(!page.contains("is a reply"), "{page}");
    let all = ftpnat(&["explain", "500"]).done();
    assert!(all.contains("It may be any of these"), "{all}");
}

#[test]
fn what_is_not_known_is_not_guessed_and_is_harmless() {
    let said = ftpnat(&["explain", "segmentation fault\u{1b}[2J"]).refused(2);
    assert!(said.contains("no message like it"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn what_cannot_be_a_server_or_a_login_is_refused_before_anything_is_sent() {
    for host in ["ftp://ftp.example", "a b", "", "host:21"] {
        let said = ftpnat(&["probe", host]).refused(2);
        assert!(said.contains("is no host"), "{said}");
    }
    let said = ftpnat(&["probe", "192.0.2.1", "--user", "tester"]).refused(2);
    assert!(said.contains("FTPNAT_PASSWORD"), "{said}");
    let said = ftpnat(&["probe", "192.0.2.1", "--user", "a\r\nDELE x"]).refused(2);
    assert!(said.contains("password"), "{said}");
    ftpnat(&["probe", "192.0.2.1", "--sweep"]).refused(2);
    ftpnat(&["probe", "192.0.2.1", "--port", "0"]).refused(2);
    ftpnat(&["probe", "192.0.2.1", "--ca-file", "/nonexistent"]).refused(2);
    ftpnat(&["probe", "192.0.2.1", "--profile", "/nonexistent"]).refused(2);
}
