//! What is printed for the shipped profiles, whole.

use std::path::Path;

use crate::{ftpnat, root};

/// The names of the shipped profiles, sorted.
pub(crate) fn shipped() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("profiles")).expect("profiles");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    assert!(names.len() >= 11, "{names:?}");
    names
}

/// A plan without what it says of the host that the test runs on.
fn of_any_host(plan: &str) -> String {
    let (before, now) = plan.split_once("\nThis host (").expect("this host");
    let (_, after) = now.split_once("\n\n").expect("what comes next");
    format!("{before}\n{after}")
}

/// Texts that differ from their files; all are told at once.
#[derive(Default)]
pub(crate) struct Golden(Vec<String>);

impl Golden {
    pub(crate) fn compare(&mut self, file: &str, text: &str) {
        let path = root().join("tests/data").join(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("made");
            std::fs::write(&path, text).expect("written");
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
            self.0.push(format!("--- {}\n{text}", path.display()));
        }
    }

    #[track_caller]
    pub(crate) fn finish(self) {
        assert!(
            self.0.is_empty(),
            "these differ; read them, then rerun with UPDATE_GOLDEN=1\n{}",
            self.0.join("\n")
        );
    }
}

#[test]
fn plans_of_the_shipped_profiles() {
    let mut golden = Golden::default();
    for name in shipped() {
        let plan = ftpnat(&["plan", "--profile", &format!("profiles/{name}.yaml")]).done();
        for line in plan.lines() {
            let width = line.chars().count();
            let words = line.split_whitespace().count();
            assert!(width <= 80 || words == 1, "{name}: {width} columns: {line}");
            assert!(!line.contains(char::is_control), "{name}: {line:?}");
            assert_eq!(line, line.trim_end(), "{name}");
        }
        golden.compare(&format!("plan/{name}.txt"), &of_any_host(&plan));
    }
    golden.finish();
}

#[test]
fn rules_of_the_shipped_profiles() {
    let mut golden = Golden::default();
    for name in shipped() {
        let path = format!("profiles/{name}.yaml");
        for format in ["nft", "iptables", "ip6tables"] {
            let text = ftpnat(&["emit", format, "--base", "none", "-p", &path]).done();
            golden.compare(&format!("emit/{name}.{format}"), &text);
        }
    }
    golden.finish();
}

#[test]
fn rules_of_two_servers_together() {
    let mut golden = Golden::default();
    for format in ["nft", "iptables", "ip6tables"] {
        let (a, b) = ("profiles/two-servers-a.yaml", "profiles/two-servers-b.yaml");
        let text = ftpnat(&["emit", format, "--base", "none", "-p", a, "-p", b]).done();
        let turned = ftpnat(&["emit", format, "--base", "none", "-p", b, "-p", a]).done();
        assert_eq!(text, turned, "the order of profiles does not matter");
        golden.compare(&format!("emit/two-servers.{format}"), &text);
    }
    golden.finish();
}

#[test]
fn words_are_the_same_every_time() {
    let arguments = ["plan", "-p", "profiles"];
    let first = ftpnat(&["plan", "-p", "profiles/gateway.yaml"]).done();
    let second = ftpnat(&["plan", "-p", "profiles/gateway.yaml"]).done();
    assert_eq!(first, second);
    // The shipped profiles are alternatives for one host, so they conflict.
    ftpnat(&arguments).refused(2);
}
