//! Both programs, and what they say.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::netns::Namespace;
use crate::support::server::listening;
use crate::support::{Run, directory, ftpnat, wait_until};

/// The range of most trials, as long as the one in the manuals of servers.
pub(crate) const RANGE: &str = "50000-51000";

/// A profile in a file.
pub(crate) struct Profile {
    dir: TempDir,
}

impl Profile {
    /// Of a server with this passive range.
    pub(crate) fn new(range: &str) -> Self {
        Self::of(&format!("name: office\npassive: {{ ports: {range} }}\n"))
    }

    /// With this text.
    pub(crate) fn of(text: &str) -> Self {
        let dir = directory();
        std::fs::write(dir.path().join("office.yaml"), text).expect("a profile");
        Self { dir }
    }

    /// Writes another file beside it, and gives its path.
    pub(crate) fn beside(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    /// Its path.
    pub(crate) fn path(&self) -> String {
        self.dir.path().join("office.yaml").display().to_string()
    }
}

/// `ftpnat answer`, running; ends with its owner.
pub(crate) struct Answer {
    child: Child,
    /// What it printed.
    pub(crate) token: String,
    stderr: ChildStderr,
}

impl Answer {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(host: &Namespace, profile: &Profile, more: &[&str]) -> Self {
        let mut command = host.command(env!("CARGO_BIN_EXE_ftpnat"));
        command
            .args(["answer", "--profile", &profile.path()])
            .args(more);
        Self::run(command)
    }

    /// The same with few descriptors.
    pub(crate) fn start_in_want(host: &Namespace, profile: &Profile, files: u32) -> Self {
        let mut command = host.command("sh");
        let line = format!("ulimit -n {files}; exec \"$@\"");
        command.args(["-c", &line, "sh", env!("CARGO_BIN_EXE_ftpnat")]);
        command.args(["answer", "--profile", &profile.path()]);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ftpnat answer");
        let mut stderr = child.stderr.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        if line.is_empty() {
            let mut said = String::new();
            let _ = stderr.read_to_string(&mut said);
            panic!("ftpnat answer printed no token: {said}");
        }
        // Nothing else comes there.
        std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = stdout.read_to_string(&mut rest);
            assert_eq!(rest, "");
        });
        Self {
            child,
            token: line.trim_end().to_owned(),
            stderr,
        }
    }

    /// A signal, as Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("interrupted");
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end: exit status, and what it said.
    pub(crate) fn ended(mut self) -> Result<(i32, String), Failed> {
        let child = &mut self.child;
        let is_over = wait_until(Duration::from_secs(20), || {
            matches!(child.try_wait(), Ok(Some(_)))
        });
        if !is_over {
            return Err("ftpnat answer does not end".into());
        }
        let status = child.wait()?.code().unwrap_or(-1);
        let mut said = String::new();
        self.stderr.read_to_string(&mut said)?;
        Ok((status, said))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ftpnat probe --sweep`, to its end.
pub(crate) fn sweep(
    client: &Namespace,
    host: &str,
    profile: &Profile,
    token: &str,
    more: &[&str],
) -> Run {
    let path = profile.path();
    let arguments = [
        "probe",
        "--sweep",
        "--token",
        token,
        host,
        "--profile",
        &path,
    ];
    ftpnat(client, &[&arguments, more].concat(), "")
}

/// A sweep to its good end: both end, nothing listens, and the JSON is of this status.
pub(crate) fn swept(
    (client, server): (&Namespace, &Namespace),
    host: &str,
    profile: &Profile,
    status: i32,
) -> Result<Value, Failed> {
    let answer = Answer::start(server, profile, &[]);
    let run = sweep(client, host, profile, &answer.token, &["--output", "json"]);
    if run.status != status {
        return Err(format!("{run:?}").into());
    }
    ends_well(answer, server)?;
    Ok(serde_json::from_str(&run.stdout)?)
}

/// It says that it was swept, and nothing listens any more.
pub(crate) fn ends_well(answer: Answer, server: &Namespace) -> Result<(), Failed> {
    let (status, said) = answer.ended()?;
    let open = listening(server);
    if status == 0 && said.contains("nothing listens any more") && open.is_empty() {
        Ok(())
    } else {
        Err(format!("{status}, {open:?}: {said}").into())
    }
}

/// The ports that the finding tells of, in its words.
pub(crate) fn closed(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().cloned().unwrap_or_default();
    let texts = findings.iter().flat_map(|finding| {
        assert_eq!(finding["id"], "FN424", "{report:#}");
        let evidence = finding["evidence"].as_array().cloned().unwrap_or_default();
        evidence
            .into_iter()
            .map(|e| e["text"].as_str().unwrap_or_default().to_owned())
    });
    texts.collect()
}

/// Fails unless both are alike.
pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(found: &T, wanted: &T) -> Result<(), Failed> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("found {found:#?}, expected {wanted:#?}").into())
    }
}
