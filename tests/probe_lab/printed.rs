//! What people read: of the hang that this program is for, and of a healthy server.

use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::setup::{Kind, NAME, Setup, certificate, trial};
use crate::support::rules::nft;
use crate::support::scene::Direct;
use crate::support::{certificates, directory};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("printed/hang", Kind::Vsftpd, || {
            recorded("hang", crate::gateway::HELPER, &[])
        }),
        trial("printed/verbose", Kind::Vsftpd, || {
            recorded("verbose", "", &["--verbose"])
        }),
    ]
}

fn recorded(name: &str, rules: &str, arguments: &[&str]) -> Result<(), Failed> {
    let scene = Direct::new();
    let setup = Setup {
        certificate: Some(certificate(&[NAME, "198.51.100.1"])),
        ..Setup::new(Kind::Vsftpd)
    };
    let _server = setup.start(&scene.server);
    if !rules.is_empty() {
        nft(&scene.server, rules);
    }
    let dir = directory();
    std::fs::write(dir.path().join("ca.pem"), certificates::authority())?;
    let mut probe = scene.client.command(env!("CARGO_BIN_EXE_ftpnat"));
    probe.args(["probe", "198.51.100.1", "--ca-file"]);
    probe.arg(dir.path().join("ca.pem")).args(arguments);
    let text = String::from_utf8(probe.output()?.stdout)?;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/probe/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &text)?;
    }
    let wide = text.lines().find(|line| line.chars().count() > 80);
    if let Some(line) = wide {
        return Err(format!("wider than 80 columns: {line}").into());
    }
    let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
    if without_numbers(&text) == without_numbers(&wanted) {
        Ok(())
    } else {
        Err(format!("rerun with UPDATE_GOLDEN=1, then read it:\n{text}").into())
    }
}

/// Times and ports differ from run to run, and with them where lines break.
fn without_numbers(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word: String = word
            .chars()
            .map(|c| if c.is_ascii_digit() { '#' } else { c })
            .collect();
        let mut short = word.clone();
        while short.contains("##") {
            short = short.replace("##", "#");
        }
        let short = short.trim_end_matches(',').to_owned();
        if words.last() != Some(&short) {
            words.push(short);
        }
    }
    words
        .join(" ")
        .replace("# #", "#")
        .replace("(port #", "(ports #")
}
