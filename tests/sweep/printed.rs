//! What people read, as recorded, at 80 columns.

use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::pair::{Answer, Profile, RANGE, expect, sweep};
use crate::support::scene::Direct;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("printed/part", || recorded("part", "50500-50521")),
        Trial::test("printed/all", || recorded("all", "60000")),
        Trial::test("printed/nobody", || recorded("nobody", RANGE)),
    ]
}

fn recorded(name: &str, dropped: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    crate::closed::drop_ports(&scene.server, dropped);
    let profile = Profile::new(RANGE);
    let answer = Answer::start(&scene.server, &profile, &[]);
    let token = answer.token.clone();
    let run = sweep(&scene.client, "198.51.100.1", &profile, &token, &[]);
    if name == "nobody" {
        answer.interrupt();
    }
    let (_, said) = answer.ended()?;
    let text = format!("{}{}-- answer\n{said}", run.stdout, run.stderr)
        .replace(&profile.path(), "office.yaml")
        .replace(&token, "6f1c0d9ab2e4387755aa10c3de92b4f8");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/sweep/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &text)?;
    }
    // What is copied is copied whole, and errors are not wrapped.
    let is_whole = |line: &&str| {
        let starts = ["  ftpnat probe", "error: ", "help: "];
        starts.iter().any(|start| line.starts_with(start))
    };
    let mut lines = text.lines().filter(|line| !is_whole(line));
    let wide = lines.find(|line| line.chars().count() > 80);
    expect(&wide, &None)?;
    expect(&text, &std::fs::read_to_string(&golden).unwrap_or_default())
}
