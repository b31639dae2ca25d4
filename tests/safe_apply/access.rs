//! Who administers the host is not locked out, and a server that does not answer any more
//! ends the change.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::process::{Child, ExitCode, Stdio};
use std::thread::sleep;
use std::time::Duration;

use libtest_mimic::Trial;

use crate::host::{Host, Kind, finished};
use crate::support::Run;
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("access/ssh-beside-the-range", beside),
        trial("access/sshd-behind-sudo", behind_sudo),
        trial("access/by-a-rule-of-ours", by_ours),
        trial("self-check/the-server-goes", server_goes),
        trial("self-check/the-server-stays", server_stays),
    ];
    for kind in Kind::ALL {
        let name = format!("access/own-connection/{}", kind.word());
        trials.push(trial(&name, move || own_connection(kind)));
        let name = format!("access/listener/{}", kind.word());
        trials.push(trial(&name, move || listener(kind)));
    }
    trials
}

/// Listens on a port of all addresses until it is killed, or called so often.
pub(crate) fn listen(port: u16) -> ExitCode {
    let times = std::env::var("FTPNAT_TEST_CALLS").ok();
    let times: usize = times.and_then(|t| t.parse().ok()).unwrap_or(usize::MAX);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("it listens");
    println!("listens");
    for _ in 0..times {
        drop(listener.accept());
    }
    drop(listener);
    sleep(Duration::from_secs(60));
    ExitCode::SUCCESS
}

/// A process of this name that listens, killed when it is dropped.
struct Listener(Child);

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listening(host: &Host, name: &str, port: u16, calls: Option<u32>) -> Listener {
    let link = host.dir().join(name);
    symlink(std::env::current_exe().expect("this program"), &link).expect("a link");
    let mut command = host.command(&link.display().to_string());
    command.env(crate::ACT, format!("listen {port}"));
    if let Some(calls) = calls {
        command.env("FTPNAT_TEST_CALLS", calls.to_string());
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut word = [0; 7];
    let stdout = child.stdout.as_mut().expect("a pipe");
    stdout.read_exact(&mut word).expect("it listens");
    Listener(child)
}

fn said(run: &Run) -> String {
    run.stderr.replace("\n  ", " ")
}

/// An apply by who comes from there to that port.
fn apply_over_ssh(host: &Host, port: u16) -> Run {
    let folder = host.folder();
    let mut command = host.ftpnat(&host.apply(&["--yes"], &folder));
    let connection = format!("203.0.113.9 40000 198.51.100.1 {port}");
    finished(command.env("SSH_CONNECTION", connection))
}

/// A firewall that accepts SSH on a port of the range.
fn accept(host: &Host, port: u16) {
    match host.kind {
        Kind::Nft => {
            host.namespace.run(&format!(
                "nft insert rule inet filter input tcp dport {port} accept"
            ));
        }
        Kind::Iptables(back_end) => {
            let word = back_end.word();
            host.namespace.run(&format!(
                "iptables-{word} -I INPUT -p tcp --dport {port} -j ACCEPT"
            ));
        }
    }
}

fn own_connection(kind: Kind) {
    let host = Host::new(kind);
    // Not let in now: there is nothing to lose.
    let run = apply_over_ssh(&host, 50_500);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(host.run(&["remove"]).status, 0);
    accept(&host, 50_500);
    let before = host.seen();
    let run = apply_over_ssh(&host, 50_500);
    assert_eq!(run.status, 3, "{run:?}");
    let words = "this could lock you out: SSH from 203.0.113.9 to 198.51.100.1:50500 is let in \
                 now, and would be led elsewhere by";
    assert!(said(&run).contains(words), "{run:?}");
    assert!(said(&run).contains("take port 50500 out"), "{run:?}");
    assert_eq!(host.seen(), before, "nothing was changed");
}

fn listener(kind: Kind) {
    let host = Host::new(kind);
    accept(&host, 50_500);
    let before = host.seen();
    let sshd = listening(&host, "sshd", 50_500, None);
    let run = host.run_apply(&["--yes"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(
        said(&run).contains("SSH to 198.51.100.1:50500 is let in now"),
        "{run:?}"
    );
    assert_eq!(host.seen(), before, "nothing was changed");
    drop(sshd);
    assert_eq!(host.run_apply(&["--yes"]).status, 0);
}

fn beside() {
    let host = Host::new(Kind::Nft);
    let _sshd = listening(&host, "sshd", 22, None);
    let run = apply_over_ssh(&host, 22);
    assert_eq!(run.status, 0, "{run:?}");
}

/// sudo does not hand `SSH_CONNECTION` on: who called it has it.
fn behind_sudo() {
    let host = Host::new(Kind::Nft);
    accept(&host, 50_500);
    let folder = host.folder();
    let line = format!(
        "env -u SSH_CONNECTION {} {} --state-dir {}; exit $?",
        env!("CARGO_BIN_EXE_ftpnat"),
        host.apply(&["--yes"], &folder).join(" "),
        host.state()
    );
    let mut command = host.command("sh");
    command
        .args(["-c", &line])
        .env("SSH_CONNECTION", "203.0.113.9 40000 198.51.100.1 50500");
    let run = finished(&mut command);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(said(&run).contains("SSH from 203.0.113.9"), "{run:?}");
}

/// Let in by nothing but a rule of ours, SSH would go with it.
fn by_ours() {
    let host = Host::new(Kind::Nft);
    assert_eq!(host.run_apply(&["--yes"]).status, 0);
    let before = host.seen();
    let sshd = listening(&host, "sshd", 40_050, None);
    let run = host.run(&["remove"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(said(&run).contains("would be dropped by"), "{run:?}");
    assert!(said(&run).contains("by a rule of your own"), "{run:?}");
    assert_eq!(host.seen(), before, "nothing was changed");
    drop(sshd);
    assert_eq!(host.run(&["remove"]).status, 0);
}

/// It answers once, and not again: what is in force then is undone at once.
fn server_goes() {
    for kind in Kind::ALL {
        let host = Host::new(kind);
        let before = host.seen();
        let _server = listening(&host, "ftpd", 2121, Some(1));
        let run = host.run_apply(&["--confirm", "60"]);
        assert_eq!(run.status, 4, "{run:?}");
        let words = "here: no answer from 198.51.100.1:2121";
        assert!(said(&run).contains(words), "{run:?}");
        assert!(said(&run).contains("it answered before"), "{run:?}");
        assert_eq!(host.seen(), before, "undone");
        assert!(!std::path::Path::new(&host.state()).exists(), "no trace");
    }
}

fn server_stays() {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let _server = listening(&host, "ftpd", 2121, None);
    let run = host.run_apply(&["--confirm", "1"]);
    assert_eq!(run.status, 4, "{run:?}");
    assert!(said(&run).contains("nobody confirmed it"), "{run:?}");
    assert_eq!(host.seen(), before, "undone");
}
