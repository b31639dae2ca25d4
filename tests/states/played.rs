//! A ruleset, a profile, three states.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

use ftpnat::model::ftp::{ClientMode, Tls};
use ftpnat::model::net::PortRange;
use ftpnat::profile::{Nat, Profile};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::host::{Host, read_profile, uncounted};
use crate::rulesets::{folders, load, name, texts};
use crate::support::client::{self, Session, SessionTls};
use crate::support::outcome::Outcome;
use crate::support::proftpd;
use crate::support::rules::{Reach, reach};
use crate::support::server::{Config, Server};
use crate::table;

/// The profiles, which have this range.
const PROFILES: [&str; 2] = ["own-firewall", "gateway"];
const RANGE: &str = "50000-51000";
/// What is opened of it by half.
const HALF: &str = "50000-50499";
/// A port of that half, and those of the other that the server uses.
const OPENED: u16 = 50100;
const USED: (u16, u16) = (50600, 50610);

/// Shuts out what the ruleset lets in.
const CLOSED: &str = "\
table inet closed {
    chain input {
        type filter hook input priority 20; policy drop;
        iifname lo accept
        meta l4proto ipv6-icmp accept
        ct state established accept
        tcp dport 22 accept
    }
    chain forward {
        type filter hook forward priority 20; policy drop;
        ct state established accept
    }
}
";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for folder in folders() {
        let name = name(&folder);
        trials.push(Trial::test(name, move || played(&folder)));
    }
    trials
}

fn played(folder: &Path) -> Result<(), Failed> {
    let mut found = String::new();
    let mut faults = String::new();
    for profile in PROFILES {
        if let Err(fault) = states(folder, profile, &mut found) {
            let _ = writeln!(faults, "{profile}: {}", fault.message().unwrap_or_default());
        }
    }
    if faults.is_empty() {
        table::agrees(&name(folder), &found, true)
    } else {
        Err(format!("{faults}\nso far:\n{found}").into())
    }
}

/// A host with its ruleset and a server.
struct Stage {
    host: Host,
    server: Server,
    profile: &'static str,
    yaml: String,
}

fn states(folder: &Path, profile: &'static str, found: &mut String) -> Result<(), Failed> {
    let (yaml, parsed) = read_profile(profile)?;
    let host = Host::new(&parsed);
    host.namespace
        .sysctl("net.ipv4.ip_local_reserved_ports", RANGE);
    load(&host.namespace, &texts(folder, None));
    let server = serve(&host, &parsed);
    let stage = Stage {
        host,
        server,
        profile,
        yaml,
    };
    let as_it_is = stage.check()?;
    let is_closed_by_itself = as_it_is.breaks();
    stage.agrees(&as_it_is, "as it is")?;
    if is_closed_by_itself {
        stage.note(found, "closed", &as_it_is);
    } else {
        stage.host.load("nft -f -", CLOSED);
        let closed = stage.check()?;
        stage.agrees(&closed, "closed")?;
        if !closed.breaks() {
            return Err(format!("closed, and no error: {closed:?}").into());
        }
        stage.note(found, "closed by another table", &closed);
        stage.host.load("nft -f -", "delete table inet closed\n");
    }
    for (state, range) in [("half", HALF), ("open", RANGE)] {
        let yaml = stage.yaml.replace(RANGE, range);
        let run = stage
            .host
            .ftpnat(&["apply", "--yes", "--profile", "-"], &yaml);
        if run.status == 3 {
            let _ = writeln!(found, "{profile}, {state}: apply refuses");
            continue;
        }
        if run.status != 0 {
            return Err(format!("apply: {run:?}").into());
        }
        let said = stage.check()?;
        stage.agrees(&said, state)?;
        if state == "open" && said.breaks() {
            return Err(format!("open, and an error: {said:?}").into());
        }
        stage.note(found, state, &said);
    }
    Ok(())
}

fn serve(host: &Host, profile: &Profile) -> Server {
    let advertise = matches!(profile.nat, Nat::Dnat { .. });
    let config = Config {
        control: vec![(21, Tls::Required)],
        passive: PortRange::new(USED.0, USED.1),
        advertise: advertise.then_some(Ipv4Addr::new(198, 51, 100, 1)),
    };
    proftpd::start(&host.server, &config)
}

impl Stage {
    fn check(&self) -> Result<Said, Failed> {
        let arguments = ["check", "--output", "json", "--profile", "-"];
        let run = self.host.ftpnat(&arguments, &self.yaml);
        if !matches!(run.status, 0 | 1 | 3) {
            return Err(format!("{run:?}").into());
        }
        Ok(Said(serde_json::from_str(&run.stdout)?))
    }

    /// Whether a client meets what was said; where there is no error it lists, and where
    /// there is one it does not, but for ports of the range that are open.
    fn agrees(&self, said: &Said, state: &str) -> Result<(), Failed> {
        let expected = if said.breaks() {
            Outcome::Hangs
        } else {
            Outcome::Works
        };
        let session = Session::new(ClientMode::Epsv, SessionTls::Explicit, self.host.called);
        let report = client::play(&self.host.client, &self.server, &session, &expected);
        let is_open = state == "half" || !said.breaks();
        let opened = reach(
            &self.host.client,
            self.host.called,
            &self.host.server,
            OPENED,
        );
        let agrees = (report.outcome == Outcome::Works) != said.breaks();
        if agrees && (!is_open || opened == Reach::Open) {
            return Ok(());
        }
        Err(format!("{state}: {said:?}\nport {OPENED}: {opened:?}\n{report}").into())
    }

    fn note(&self, found: &mut String, state: &str, said: &Said) {
        let _ = writeln!(found, "{}, {state}: {}", self.profile, said.session());
        for line in said.lines() {
            let _ = writeln!(found, "    {line}");
        }
    }
}

/// The report of a check.
#[derive(Debug)]
struct Said(Value);

impl Said {
    fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.0[key].as_array().into_iter().flatten()
    }

    /// Whether something breaks transfers.
    fn breaks(&self) -> bool {
        self.list("findings").any(|f| f["severity"] == "error")
    }

    fn session(&self) -> &'static str {
        if self.breaks() {
            "does not list"
        } else {
            "lists"
        }
    }

    fn lines(&self) -> Vec<String> {
        let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let is_of_rules = |f: &&Value| words(&f["id"]).starts_with("FN3");
        let mut lines = Vec::new();
        let grave = self.list("findings").filter(|f| f["severity"] != "note");
        for finding in grave.filter(|f| is_of_rules(f) || f["severity"] == "error") {
            let severity = words(&finding["severity"]);
            lines.push(format!(
                "{severity} {}: {}",
                words(&finding["id"]),
                words(&finding["summary"])
            ));
            let seen = &finding["evidence"][0];
            let seen = format!("    {}: {}", words(&seen["source"]), words(&seen["text"]));
            lines.push(uncounted(&seen).trim_end().to_owned());
        }
        for open in self.list("not_checked").filter(is_of_rules) {
            lines.push(format!(
                "open {}: {}",
                words(&open["id"]),
                words(&open["reason"])
            ));
        }
        lines
    }
}
