//! `ftpnat probe` at a client, and what it says.

use libtest_mimic::Failed;
use serde_json::Value;

use crate::support::netns::Namespace;
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
}

impl<'a> Probe<'a> {
    pub(crate) fn of(host: &'a str) -> Self {
        Self {
            host,
            login: None,
            arguments: &[],
            profile: None,
            is_trusting: true,
        }
    }

    /// Makes it there.
    pub(crate) fn at(&self, client: &Namespace) -> Said {
        let dir = directory();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect(name);
            path
        };
        let mut probe = client.command(env!("CARGO_BIN_EXE_ftpnat"));
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
