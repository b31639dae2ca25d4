//! README.md: its commands can be typed and its links lead somewhere.

use crate::examples;

fn readme() -> String {
    crate::read(&crate::root().join("README.md"))
}

/// What is typed in ```` ```console ```` blocks.
fn typed(readme: &str) -> Vec<&str> {
    let mut console = false;
    let mut lines = Vec::new();
    for line in readme.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            console = !console && language.trim() == "console";
        } else if console && let Some(command) = line.trim_start().strip_prefix("$ ") {
            lines.push(command);
        }
    }
    lines
}

/// The targets of links and images that are no addresses, without `#…`.
fn relative_links(readme: &str) -> Vec<&str> {
    readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|target| !target.contains("://") && !target.starts_with(['#', '<']))
        .filter(|target| !target.starts_with("mailto:"))
        .map(|target| target.split('#').next().unwrap_or(target))
        .collect()
}

#[test]
fn every_command_of_the_readme_can_be_typed() {
    let readme = readme();
    let commands: Vec<String> = typed(&readme)
        .iter()
        .flat_map(|line| examples::ftpnat_parts(line))
        .collect();
    assert!(!commands.is_empty(), "README.md shows no command");
    for command in commands {
        examples::assert_parses(&command);
    }
}

/// Between its marks stands what the checks say of themselves.
#[test]
fn the_table_of_checks_is_that_of_the_registry() {
    let (begin, end) = (
        "<!-- checks: made by tests/docs -->\n",
        "<!-- end of checks -->",
    );
    let readme = readme();
    let (before, rest) = readme.split_once(begin).expect("the mark that begins it");
    let (table, after) = rest.split_once(end).expect("the mark that ends it");
    let made = crate::checks_page::table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}{begin}{made}{end}{after}");
        std::fs::write(crate::root().join("README.md"), text).expect("written");
    } else {
        assert_eq!(table, made, "rerun with UPDATE_DOCS=1, then read it");
    }
}

/// What `check` prints there is what `tests/checks` sees it print.
#[test]
fn the_report_in_the_readme_is_a_recorded_one() {
    let golden = crate::root().join("tests/data/check/debian12-gateway-range.txt");
    let golden = crate::read(&golden);
    assert!(
        readme().contains(&golden),
        "README.md shows another report than:\n{golden}"
    );
}

/// And what it draws of a host, and `plan` says of it, is what `tests/pictures` sees.
#[test]
fn the_picture_in_the_readme_is_a_played_one() {
    let golden = crate::read(&crate::root().join("tests/data/pictures/second-chain.txt"));
    let (drawn, now) = golden.split_once("\n\nThis host").expect("both");
    for part in [
        format!("```\n{drawn}\n```\n"),
        format!("```\nThis host{now}```\n"),
    ] {
        assert!(readme().contains(&part), "README.md does not show:\n{part}");
    }
}

/// And what `rehearse` prints there is what `tests/rehearse` sees it print.
#[test]
fn the_rehearsal_in_the_readme_is_a_played_one() {
    let golden = crate::read(&crate::root().join("tests/data/rehearse/own-firewall.txt"));
    assert!(
        readme().contains(&format!("```\n{golden}```\n")),
        "README.md does not show:\n{golden}"
    );
}

/// And what `probe` prints there is what `tests/probe_lab` saw it print.
#[test]
fn the_probe_in_the_readme_is_a_played_one() {
    let golden = crate::read(&crate::root().join("tests/data/probe/hang.txt"));
    assert!(
        readme().contains(&format!("```\n{golden}```\n")),
        "README.md does not show:\n{golden}"
    );
}

/// And what a sweep prints there is what `tests/sweep` sees it print.
#[test]
fn the_sweep_in_the_readme_is_a_played_one() {
    let golden = crate::read(&crate::root().join("tests/data/sweep/part.txt"));
    let (client, _) = golden.split_once("-- answer\n").expect("both ends");
    assert!(
        readme().contains(&format!("```\n{client}```\n")),
        "README.md does not show:\n{client}"
    );
}

#[test]
fn every_link_of_the_readme_leads_somewhere() {
    for link in relative_links(&readme()) {
        let target = crate::root().join(link);
        assert!(
            target.exists(),
            "README.md links to {link}, which is not there"
        );
    }
}

#[test]
fn commands_and_links_are_found() {
    let readme = "[a](man/a.8) [b](https://b) [c](#c) [d](LICENSE#x)\n\
                  ```sh\n$ ftpnat no\n```\n```console\n$ ftpnat schema\noutput\n```\n$ ftpnat no\n";
    assert_eq!(typed(readme), ["ftpnat schema"]);
    assert_eq!(relative_links(readme), ["man/a.8", "LICENSE"]);
}
