//! `explain TEXT`: the words that clients, servers and kernels print.

use clap::Parser as _;
use ftpnat::check::symptom::all;

use crate::golden::Golden;
use crate::{ftpnat, program, ran, read};

/// What a tired administrator is told to run is there.
#[test]
fn each_command_in_the_table_is_one_that_ftpnat_has() {
    let mut seen = 0;
    for symptom in all() {
        let parts = symptom.next.iter().chain(symptom.cure);
        for command in parts.flat_map(|words| words.split('`')) {
            if !command.starts_with("ftpnat ") {
                continue;
            }
            let words = command.split_whitespace();
            let parsed = ftpnat::cli::Cli::try_parse_from(words);
            assert!(parsed.is_ok(), "{command}: {:?}", parsed.err());
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Texts, and the files that hold what is said of them.
const ASKED: &[(&str, &str)] = &[
    ("425 Unable to build data connection", "session-reuse"),
    ("425 Security: Bad IP connecting.", "bad-ip"),
    ("227 Entering Passive Mode (10,1,2,3,195,80)", "passive"),
    ("421 Service not available", "service-not-available"),
    ("522", "code-522"),
    ("500", "code-500"),
    (
        "Nov 27 02:13:07 gw kernel: nf_ct_ftp: dropping packet",
        "kernel-log",
    ),
];

#[test]
fn what_is_said_of_messages() {
    let mut golden = Golden::default();
    for (text, file) in ASKED {
        let said = ftpnat(&["explain", text]).done();
        golden.compare(&format!("explain/{file}.txt"), &said);
    }
    let unknown = ftpnat(&["explain", "segmentation fault"]).refused(2);
    golden.compare("explain/unknown.txt", &unknown);
    golden.finish();
}

#[test]
fn every_answer_fits_a_terminal() {
    for symptom in all() {
        for text in symptom.texts {
            for line in ftpnat(&["explain", text]).done().lines() {
                assert!(line.chars().count() <= 80, "{text}: {line}");
            }
        }
    }
}

#[test]
fn a_reply_code_that_is_a_check_is_its_page_and_one_line_more() {
    let page = ftpnat(&["explain", "FN425"]).done();
    let both = ftpnat(&["explain", "425"]).done();
    let more = both.strip_prefix(&page).expect("the page comes first");
    assert_eq!(
        more.trim(),
        "425 is a reply of FTP servers too: \
         ftpnat explain \"425 Unable to build data connection: Operation not permitted\""
    );
}

#[test]
fn a_whole_log_is_no_trouble_and_no_echo() {
    let log = "\u{1b}]0;x\u{7}\u{202e}".repeat(9_000);
    let said = ftpnat(&["explain", &log]).refused(2);
    assert!(said.len() < 2_000, "{}", said.len());
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'));
    ftpnat(&["explain", "", "  "]).refused(2);
    ftpnat(&["explain", " FN206 "]).done();
    let json = ftpnat(&["explain", "522", "--output", "json"]);
    assert_eq!(json.status, 2);
    assert!(json.stdout.contains("has no JSON output"), "{json:?}");
}

/// Clients of other languages print other bytes than UTF-8.
#[test]
fn bytes_of_another_language_do_not_hide_the_message() {
    use std::os::unix::ffi::OsStrExt as _;
    let bytes = b"Verbindung zur\xfcckgesetzt: 522 SSL connection failed; session reuse required";
    let said = ran(program()
        .arg("explain")
        .arg(std::ffi::OsStr::from_bytes(bytes)));
    assert!(said.done().contains("FN418"));
}

#[test]
fn the_readme_shows_what_is_said() {
    let asked = "522 SSL connection failed; session reuse required";
    let said = ftpnat(&["explain", asked]).done();
    let readme = read("README.md");
    assert!(readme.contains(&format!("$ ftpnat explain \"{asked}\"\n")));
    assert!(readme.contains(&format!("```\n{said}```\n")), "{said}");
}
