//! `ftpnat probe` at a client, and what it says.

use ftpnat::model::ftp::Tls;
use libtest_mimic::Failed;
use serde_json::Value;

use crate::setup::Setup;
use crate::support::netns::Namespace;
use crate::support::server::Server;
use crate::support::{certificates, directory};

/// A probe to be made.
pub(crate) struct Probe<'a> {
    pub(crate) host: &'a str,
    /// Who logs in with which password; `None`: anonymous.
    pub(crate) login: Option<(&'a str, &'a str)>,
    pub(crate) arguments: &'a [&'a str],
    /// The profile that it compares with.
    pub(crate) profile: Option<&'a str>,
    /// Whether the lab's authority is trusted.
    pub(crate) is_trusting: bool,
    /// A file of the client's host that has this text in place of its own.
    pub(crate) bound: Option<(&'a str, &'a str)>,
}

impl<'a> Probe<'a> {
    pub(crate) fn of(host: &'a str) -> Self {
        Self {
            host,
            login: None,
            arguments: &[],
            profile: None,
            is_trusting: true,
            bound: None,
        }
    }

    /// Of a server that was set up so.
    pub(crate) fn with(self, setup: &Setup, server: &'a Server) -> Self {
        let is_anonymous = server.user == "anonymous";
        Self {
            login: (!is_anonymous).then_some((server.user, server.password.as_str())),
            arguments: match setup.tls {
                Tls::Implicit => &["--port", "990"],
                Tls::None => &["--insecure"],
                Tls::Optional | Tls::Required => &[],
            },
            ..self
        }
    }

    /// Makes it there; of a range that `is_half` open again, while the server happened to pick
    /// all of its ports from one half: eight ports, so that five times in a row is no chance.
    pub(crate) fn until_mixed(&self, client: &Namespace, is_half: bool) -> Said {
        let mut said = self.at(client);
        for _ in 0..4 {
            if !is_half || said.is_mixed() {
                break;
            }
            said = self.at(client);
        }
        said
    }

    /// Makes it there.
    pub(crate) fn at(&self, client: &Namespace) -> Said {
        let dir = directory();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect(name);
            path
        };
        let program = env!("CARGO_BIN_EXE_ftpnat");
        let mut probe = match self.bound {
            None => client.command(program),
            Some((path, text)) => {
                let mut shell = client.command("unshare");
                let line = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
                shell.args(["--mount", "sh", "-c", line]);
                shell.arg(file("bound", text)).args([path, program]);
                shell
            }
        };
        probe.args(["probe", self.host, "--output", "json"]);
        probe.args(self.arguments);
        // This machine's authorities are none of the lab's.
        probe.env("SSL_CERT_FILE", file("none.pem", ""));
        if self.is_trusting {
            probe
                .arg("--ca-file")
                .arg(file("ca.pem", &certificates::authority()));
        }
        if let Some(profile) = self.profile {
            probe.arg("--profile").arg(file("profile.yaml", profile));
        }
        if let Some((user, password)) = self.login {
            probe
                .args(["--user", user])
                .env("FTPNAT_PASSWORD", password);
        }
        let output = probe.output().expect("the probe");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Said {
            status: output.status.code().unwrap_or(-1),
            report: serde_json::from_str(&text).unwrap_or(Value::Null),
            text: text + &String::from_utf8_lossy(&output.stderr),
        }
    }
}

/// What it said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) report: Value,
    pub(crate) text: String,
}

impl Said {
    /// The ids of findings of these severities, in their order.
    fn found(&self, severities: &[&str]) -> Vec<String> {
        let all = self.report["findings"].as_array();
        let is_meant = |finding: &&Value| {
            finding["severity"]
                .as_str()
                .is_some_and(|severity| severities.contains(&severity))
        };
        let id = |finding: &Value| finding["id"].as_str().unwrap_or_default().to_owned();
        all.into_iter().flatten().filter(is_meant).map(id).collect()
    }

    /// Exactly these errors and warnings, the first of them first.
    pub(crate) fn finds(&self, wanted: &[&str]) -> Result<(), Failed> {
        let mut found = self.found(&["error", "warning"]);
        let first_is_right = found.first().map(String::as_str) == wanted.first().copied();
        found.sort_unstable();
        let mut sorted = wanted.to_vec();
        sorted.sort_unstable();
        if found == sorted && first_is_right {
            return Ok(());
        }
        Err(format!("wanted {wanted:?}, found {found:?}:\n{self}").into())
    }

    /// These notes.
    pub(crate) fn notes(&self, wanted: &[&str]) -> Result<(), Failed> {
        let found = self.found(&["note"]);
        if found == wanted {
            return Ok(());
        }
        Err(format!("wanted notes {wanted:?}, found {found:?}:\n{self}").into())
    }

    /// How a step went, and its words.
    pub(crate) fn step(&self, name: &str) -> Option<(&str, &str)> {
        let steps = self.report["steps"].as_array()?;
        let step = steps.iter().find(|step| step["step"] == name)?;
        Some((step["outcome"].as_str()?, step["detail"].as_str()?))
    }

    /// Whether some data ports were open, and some not.
    fn is_mixed(&self) -> bool {
        let listings = ["epsv-list", "pasv-list"].map(|step| self.step(step));
        let more = self.step("more-ports");
        let some = |wanted: &str| {
            let mut listings = listings.iter().flatten();
            listings.any(|(outcome, _)| *outcome == wanted)
        };
        let is_none = more.is_some_and(|(_, detail)| detail.starts_with("0 of "));
        let is_all = more.is_some_and(|(outcome, _)| outcome == "ok");
        (some("ok") || !is_none) && (some("failed") || !is_all)
    }

    /// Whether steps of these names are all there and good.
    pub(crate) fn ok(&self, names: &[&str]) -> Result<(), Failed> {
        for name in names {
            if !matches!(self.step(name), Some(("ok", _))) {
                return Err(format!("step {name} is not ok:\n{self}").into());
            }
        }
        Ok(())
    }

    /// The object is one of `ftpnat.probe/1`.
    pub(crate) fn has_its_shape(&self, target: &str) -> Result<(), Failed> {
        let steps = self.report["steps"].as_array().into_iter().flatten();
        let is_step = |step: &Value| {
            let outcomes = ["ok", "failed", "skipped"];
            step["step"].is_string()
                && step["outcome"]
                    .as_str()
                    .is_some_and(|o| outcomes.contains(&o))
                && step["ms"].is_u64()
                && step["detail"].is_string()
                && step["session"].is_string()
        };
        let is_one = self.report["format"] == "ftpnat.probe/1" && self.report["target"] == target;
        if is_one
            && self.report["findings"].is_array()
            && steps.clone().count() > 0
            && steps.clone().all(is_step)
        {
            return Ok(());
        }
        Err(format!("no object of ftpnat.probe/1:\n{self}").into())
    }

    pub(crate) fn has_status(&self, wanted: i32) -> Result<(), Failed> {
        if self.status == wanted {
            return Ok(());
        }
        Err(format!("status {}, wanted {wanted}:\n{self}", self.status).into())
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "status {}\n{:#}\n{}",
            self.status,
            self.report,
            if self.report.is_null() {
                &self.text
            } else {
                ""
            }
        )
    }
}

/// Whether curl gets a listing there.
pub(crate) fn curl(client: &Namespace, url: &str, arguments: &[&str]) -> bool {
    let mut curl = client.command("curl");
    curl.args(["--silent", "--max-time", "10", "--insecure", url]);
    curl.args(arguments);
    curl.output().is_ok_and(|output| output.status.success())
}

/// Whether lftp does, with TLS on both connections.
pub(crate) fn lftp(client: &Namespace, url: &str) -> bool {
    let script = format!(
        "set net:timeout 10; set net:max-retries 1; set ssl:verify-certificate no; \
         set ftp:ssl-allow-anonymous true; set ftp:ssl-force true; \
         set ftp:ssl-protect-data true; open {url}; ls; exit"
    );
    let mut lftp = client.command("lftp");
    lftp.args(["-c", &script]);
    lftp.output()
        .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}
