//! Where profiles come from: files, directories, standard input.

use std::time::{Duration, Instant};

use crate::{directory, ftpnat, ftpnat_reading, profile, read, write};

/// The names that `plan` puts before its verdicts.
fn planned(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter(|line| line.contains(": with these rules"))
        .filter_map(|line| line.split(':').next())
        .collect()
}

#[test]
fn a_profile_on_standard_input() {
    let text = read("profiles/own-firewall.yaml");
    let plan = ftpnat_reading(&["plan", "-p", "-"], &text).done();
    assert_eq!(planned(&plan), ["own-firewall"]);
    let rules = ["emit", "nft", "--base", "none", "-p"];
    assert_eq!(
        ftpnat_reading(&[&rules[..], &["-"]].concat(), &text).done(),
        ftpnat(&[&rules[..], &["profiles/own-firewall.yaml"]].concat()).done()
    );
}

#[test]
fn standard_input_is_one_profile() {
    let text = profile("a", 50000);
    let words = ftpnat_reading(&["plan", "-p", "-", "-p", "-"], &text).refused(2);
    assert!(words.contains("given twice"), "{words}");
}

#[test]
fn a_directory_is_sorted_and_not_recursive() {
    let directory = directory("sorted");
    // Only one server can hold a control port of a host.
    let other = |name: &str, port: u16, first: u16| {
        format!("{}control:\n  port: {port}\n", profile(name, first))
    };
    write(&directory.join("b.yml"), other("b-server", 2121, 51000));
    write(&directory.join("a.yaml"), other("a-server", 21, 50000));
    write(&directory.join("c.txt"), "not a profile");
    write(&directory.join("d.yaml.bak"), "not a profile");
    std::fs::create_dir(directory.join("e.yaml")).expect("made");
    write(&directory.join("e.yaml/f.yaml"), "not a profile");
    let path = directory.to_str().expect("UTF-8");
    let plan = ftpnat(&["plan", "-p", path]).done();
    assert_eq!(planned(&plan), ["a-server", "b-server"]);
}

#[test]
fn nothing_to_read_is_bad_usage() {
    let empty = directory("empty");
    let empty = empty.to_str().expect("UTF-8");
    for path in [empty, "no-such.yaml", "/dev/null", ""] {
        for arguments in [
            &["plan", "-p", path][..],
            &["emit", "nft", "--base", "none", "-p", path],
            &["emit", "iptables", "--base", "live", "-p", path],
        ] {
            let words = ftpnat(arguments).refused(2);
            assert!(words.starts_with("error"), "{words}");
            assert!(words.contains(path), "{words}");
        }
    }
}

#[test]
fn every_broken_profile_is_told() {
    let directory = directory("broken");
    let a = write(
        &directory.join("a.yaml"),
        "name: A\npassive:\n  ports: 1-2\n",
    );
    let b = write(&directory.join("b.yaml"), "nam: b\n");
    let good = write(&directory.join("c.yaml"), profile("c", 50000));
    let words = ftpnat(&["plan", "-p", &a, "-p", &good, "-p", &b]).refused(2);
    assert!(words.contains(&format!("{a}:1:7")), "{words}");
    assert!(words.contains(&format!("{b}:1:1")), "{words}");
    assert!(words.contains("2 profiles are not valid"), "{words}");
}

#[test]
fn profiles_that_conflict_are_both_named() {
    let directory = directory("conflict");
    let a = write(&directory.join("a.yaml"), profile("same", 50000));
    let b = write(&directory.join("b.yaml"), profile("same", 51000));
    let words = ftpnat(&["plan", "-p", &a, "-p", &b]).refused(2);
    assert!(words.contains(&a) && words.contains(&b), "{words}");
    assert!(words.contains("\nhelp: "), "{words}");
    ftpnat(&["emit", "nft", "--base", "none", "-p", &a, "-p", &b]).refused(2);
}

#[test]
fn a_huge_file_is_refused_fast() {
    let directory = directory("huge");
    let path = write(&directory.join("huge.yaml"), vec![b'#'; 10 << 20]);
    let start = Instant::now();
    let words = ftpnat(&["plan", "-p", &path]).refused(2);
    // Far above the 50 ms of the benchmark: this machine may be busy.
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(words.contains("at most 1 MiB"), "{words}");
    assert!(words.len() < 2000, "{} bytes", words.len());
}
