//! Real servers in place of the lab's own: clients see the same.

use std::process::Command;

use ftpnat::model::ftp::Tls;
use ftpnat::model::net::PortRange;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::support::server::{Config, Furnished, has_other_users, libraries};
use crate::support::{command, proftpd, pure_ftpd, vsftpd};

/// What each scene adds to a profile, and what the server announces there.
const SCENES: [(&str, &str, Option<&str>); 3] = [
    (
        "own",
        "server: { address: 198.51.100.1, software: SOFTWARE }\n",
        None,
    ),
    (
        "hairpin",
        "server: { address: 10.77.0.21, software: SOFTWARE }\n\
         nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n  \
         internal: { interface: eth1, networks: 10.77.0.0/24 }\n  hairpin: true\n",
        Some("198.51.100.1"),
    ),
    (
        "silent",
        "server: { address: 10.77.0.21, software: SOFTWARE }\n\
         nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n  \
         internal: { interface: eth1, networks: 10.77.0.0/24 }\n  hairpin: true\n",
        None,
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    if !has_other_users() {
        println!("ignored: vsftpd and Pure-FTPd become other users, and there are none here");
    }
    let mut trials = Vec::new();
    for software in ["proftpd", "vsftpd", "pure-ftpd"] {
        for scene in SCENES {
            let name = format!("servers/{software}/{}", scene.0);
            let trial = Trial::test(name, move || same(software, scene));
            // They change to another user.
            let is_possible = software == "proftpd" || has_other_users();
            trials.push(trial.with_ignored_flag(!is_possible));
        }
    }
    trials
}

fn same(software: &str, (_, text, announced): (&str, &str, Option<&str>)) -> Result<(), Failed> {
    let passive = announced.map_or_else(
        || "passive: { ports: 50000-50010 }\n".to_owned(),
        |address| format!("passive: {{ ports: 50000-50010, advertise: {address} }}\n"),
    );
    let text = text.replace("SOFTWARE", software);
    let profile = format!("name: a\nactive: true\n{passive}{text}");
    let config = Config {
        control: vec![(21, Tls::Optional)],
        passive: PortRange::new(50000, 50010),
        advertise: announced.map(|address| address.parse().expect("an address")),
    };
    let own = if text.contains("mode: dnat") {
        "10.77.0.21"
    } else {
        "198.51.100.1"
    };
    let (furnished, line, user) = match software {
        "proftpd" => {
            let furnished = proftpd::furnish(&[own.parse().expect("an address")], &config);
            let line = format!(
                "{} -n -c {}",
                proftpd::program().display(),
                furnished.at("proftpd.conf")
            );
            (furnished, line, proftpd::USER)
        }
        "vsftpd" => {
            let furnished = vsftpd::furnish(&config, false);
            let program = vsftpd::program();
            let line = format!("{} {}", program.display(), furnished.at("vsftpd.conf"));
            (furnished, line, "anonymous")
        }
        _ => {
            let furnished = Furnished::new();
            let line = pure_ftpd::line(&furnished, &config, "-4");
            (furnished, line, "anonymous")
        }
    };
    let line = format!("export LD_LIBRARY_PATH={}; {line}", libraries());
    let own = cells(&profile, &mut rehearse(&profile, &[]))?;
    let arguments = ["--server-command", &line, "--user", user];
    let mut real = rehearse(&profile, &arguments);
    real.env("FTPNAT_PASSWORD", &furnished.password);
    let real = cells(&profile, &mut real)?;
    for (own, real) in own.iter().zip(&real) {
        if own != real {
            return Err(format!("the lab's own server:\n{own}\n{software}:\n{real}").into());
        }
    }
    if own.len() == real.len() && own.len() >= 8 {
        Ok(())
    } else {
        Err(format!("{} cells and {}", own.len(), real.len()).into())
    }
}

fn rehearse(profile: &str, arguments: &[&str]) -> Command {
    let mut rehearse = command(env!("CARGO_BIN_EXE_ftpnat"));
    rehearse.args(["rehearse", "--usual", "--output", "json", "--profile", "-"]);
    rehearse.args(arguments);
    // The profile goes in by a shell: standard input is one thing less to do here.
    let mut shell = command("sh");
    shell
        .arg("-c")
        .arg("printf %s \"$PROFILE\" | \"$@\"")
        .arg("sh");
    shell.arg(rehearse.get_program()).args(rehearse.get_args());
    shell.env("PROFILE", profile);
    shell
}

/// The cells, and a fault where they are not as predicted.
fn cells(profile: &str, rehearse: &mut Command) -> Result<Vec<Value>, Failed> {
    let output = rehearse.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}{said}"))?;
    if report["agreed"] != true {
        return Err(format!("{profile}\n{report:#}\n{said}").into());
    }
    let cells = report["cells"].as_array().cloned();
    Ok(cells.unwrap_or_default())
}
