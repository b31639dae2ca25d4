//! `check`, `explain` and `snapshot`, as far as they need no root and no namespace.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::json::{documented_finding, keys, list, text};
use crate::{directory, ftpnat, ftpnat_reading, program, ran, read, write};

const RECORDED: &str = "tests/data/snapshots/debian12-gateway";
/// A server whose firewall is open for it.
const OPEN: &str = "tests/data/snapshots/debian12-ufw";

/// Arguments for `check` on a recorded host.
fn recorded<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["check", "--snapshot", RECORDED][..], more].concat()
}

#[test]
fn a_report_has_exactly_the_documented_keys() {
    let arguments = recorded(&[
        "--output",
        "json",
        "-p",
        "profiles/legacy-active.yaml",
        "-p",
        "profiles/masquerade.yaml",
    ]);
    let ran = ftpnat(&arguments);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""), "{ran:#?}");
    let names: Vec<String> = ran.stdout.lines().map(documented_report).collect();
    assert_eq!(names, ["legacy-active", "masquerade"]);
}

/// The profile's name.
fn documented_report(line: &str) -> String {
    let report: Value = serde_json::from_str(line).expect("JSON");
    keys(&report, &["format", "profile", "findings", "not_checked"]);
    assert_eq!(report["format"], "ftpnat.check/1");
    let findings = list(&report, "findings");
    assert!(!findings.is_empty(), "{report}");
    findings.iter().for_each(documented_finding);
    let order = |finding: &Value| {
        let words = ["error", "warning", "note"];
        words.iter().position(|w| finding["severity"] == *w)
    };
    assert!(findings.is_sorted_by_key(order), "{report}");
    for open in list(&report, "not_checked") {
        keys(open, &["id", "reason"]);
        assert!(text(&open["id"]).starts_with("FN") && !text(&open["reason"]).is_empty());
    }
    text(&report["profile"]).to_owned()
}

/// An error in one profile counts before what was not looked at in another.
#[test]
fn the_worst_profile_gives_the_status() {
    for (profiles, status) in [
        (&["-p", "profiles/masquerade.yaml"][..], 1),
        (&["-p", "profiles/own-firewall.yaml"], 0),
        (
            &[
                "-p",
                "profiles/own-firewall.yaml",
                "-p",
                "profiles/masquerade.yaml",
            ],
            1,
        ),
    ] {
        let arguments = [&["check", "--snapshot", OPEN][..], profiles].concat();
        assert_eq!(ftpnat(&arguments).status, status, "{profiles:?}");
    }
}

#[test]
fn without_a_profile_it_says_to_pass_one() {
    let words = ftpnat(&recorded(&[])).refused(3);
    assert!(words.contains("--profile"), "{words}");
    let ran = ftpnat(&recorded(&["--output", "json"]));
    let error: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((ran.status, &error["status"]), (3, &3.into()));
}

/// Installed profiles stand in the snapshot.
#[test]
fn the_hosts_own_profiles_are_checked() {
    let host = directory("own-profiles").join("host");
    copy(Path::new(OPEN), &host);
    let folder = host.join("files/etc/ftpnat/profiles");
    std::fs::create_dir_all(&folder).expect("made");
    write(&folder.join("a.yaml"), read("profiles/own-firewall.yaml"));
    let manifest = host.join("MANIFEST");
    let listed = read(manifest.to_str().expect("UTF-8")).replace(
        "absent\t/etc/ftpnat/profiles\n",
        "held\t/etc/ftpnat/profiles/a.yaml\n",
    );
    write(&manifest, listed);
    let host = host.to_str().expect("UTF-8");
    let ran = ftpnat(&["check", "--snapshot", host]);
    assert_eq!(ran.status, 0, "{ran:#?}");
    assert!(ran.stdout.starts_with("own-firewall: "), "{ran:#?}");
    // Another one that claims the same.
    let same = read("profiles/own-firewall.yaml").replace("name: own-firewall", "name: second");
    let ran = ftpnat_reading(&["check", "--snapshot", host, "-p", "-"], &same);
    assert_eq!(ran.status, 1, "{ran:#?}");
    assert!(ran.stdout.contains("FN109"), "{ran:#?}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn what_is_no_snapshot_is_refused() {
    let directory = directory("no-snapshot");
    let of = |name: &str, manifest: &str| {
        let folder = directory.join(name);
        std::fs::create_dir_all(&folder).expect("made");
        write(&folder.join("MANIFEST"), manifest);
        folder.to_str().expect("UTF-8").to_owned()
    };
    let head = "ftpnat.snapshot/1\n";
    for host in [
        of("newer", "ftpnat.snapshot/2\n"),
        of("empty", ""),
        of("outside", &format!("{head}held\t/../../../etc/passwd\n")),
        of("missing", &format!("{head}held\t/proc/modules\n")),
        "no-such-directory".to_owned(),
        "README.md".to_owned(),
        "profiles".to_owned(),
    ] {
        let arguments = ["check", "--snapshot", &host, "-p", "profiles/gateway.yaml"];
        let words = ftpnat(&arguments).refused(2);
        assert!(words.contains("no snapshot"), "{words}");
    }
    // A link may lead anywhere, a pipe may never end.
    let linked = of("linked", &format!("{head}held\t/proc/modules\n"));
    let place = Path::new(&linked).join("files/proc");
    std::fs::create_dir_all(&place).expect("made");
    std::os::unix::fs::symlink("/etc/passwd", place.join("modules")).expect("a link");
    ftpnat(&[
        "check",
        "--snapshot",
        &linked,
        "-p",
        "profiles/gateway.yaml",
    ])
    .refused(2);
}

#[test]
fn a_snapshot_is_its_owners_and_holds_no_environment() {
    let directory = directory("snapshot");
    let path = directory.join("host");
    let path = path.to_str().expect("UTF-8");
    let secret = "correct-horse-battery";
    let ran = ran(program()
        .args(["snapshot", path])
        .env("FTPNAT_PASSWORD", secret));
    let said = ran.done();
    assert!(said.contains("MANIFEST") && said.contains(path), "{said}");
    for line in said.lines() {
        assert!(line.chars().count() <= 80 || line.contains(path), "{line}");
    }
    let mut files = 0;
    let mut folders = vec![Path::new(path).to_owned()];
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry").path();
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            files += 1;
            assert_eq!(mode(&entry), 0o600, "{}", entry.display());
            let bytes = std::fs::read(&entry).expect("bytes");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(secret), "{}", entry.display());
        }
    }
    let listed = read(&format!("{path}/MANIFEST"));
    let is_held = |l: &&str| l.starts_with("held\t") || l.starts_with("raw\t");
    let held = listed.lines().filter(is_held).count();
    assert_eq!(files, held + 1, "every file is listed");

    // Nothing is written over.
    let words = ftpnat(&["snapshot", path]).refused(2);
    assert!(words.contains("not an empty directory"), "{words}");
    let file = write(&directory.join("file"), "mine");
    ftpnat(&["snapshot", &file]).refused(2);
    assert_eq!(read(&file), "mine");
    assert_eq!(ftpnat(&["snapshot", "/proc/no/such"]).status, 3);
    assert_eq!(ftpnat(&["snapshot", path, "--output", "json"]).status, 2);

    // What is live says the same as what was saved.
    for format in ["human", "json"] {
        let with = ["--output", format, "-p", "profiles/own-firewall.yaml"];
        let live = ftpnat(&[&["check"][..], &with].concat());
        let saved = ftpnat(&[&["check", "--snapshot", path][..], &with].concat());
        assert_eq!(live.status, saved.status);
        assert_eq!(live.stdout, saved.stdout);
    }
}

fn mode(path: &Path) -> u32 {
    let permissions = std::fs::metadata(path).expect("there").permissions();
    permissions.mode() & 0o777
}

#[test]
fn a_page_by_number_and_by_name() {
    let page = ftpnat(&["explain", "FN206"]).done();
    assert!(
        page.starts_with("FN206 ip-forwarding-off (error)\n"),
        "{page}"
    );
    for name in ["fn206", "206", "ip-forwarding-off", "IP-Forwarding-Off"] {
        assert_eq!(ftpnat(&["explain", name]).done(), page);
    }
    let near = ftpnat(&["explain", "ip-forwarding"]).refused(2);
    assert!(near.contains("FN206"), "{near}");
    let none = ftpnat(&["explain", "FN999"]).refused(2);
    assert!(!none.contains("did you mean"), "{none}");
    ftpnat(&["explain"]).refused(2);
    assert_eq!(ftpnat(&["explain", "FN206", "--output", "json"]).status, 2);
}

#[test]
fn every_page_fits_a_terminal() {
    for check in ftpnat::check::CHECKS {
        let page = ftpnat(&["explain", &check.id.to_string()]).done();
        for line in page.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            assert!(!line.contains('`'), "{line}");
        }
    }
}
