//! Beside a server in use: refused, and with `--force` the sweep goes on around it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use ftpnat::model::ftp::Tls;
use ftpnat::model::net::PortRange;
use libtest_mimic::{Failed, Trial};

use crate::pair::{Answer, Profile, expect, sweep};
use crate::support::netns::Namespace;
use crate::support::scene::{Direct, PUBLIC};
use crate::support::server::{Config, Server, has_other_users};
use crate::support::{ftpnat, proftpd, vsftpd};

pub(crate) fn trials() -> Vec<Trial> {
    if !has_other_users() {
        println!("ignored: vsftpd becomes another user, and there is none here");
    }
    vec![
        Trial::test("busy/proftpd", || beside(proftpd::start)),
        // It changes to another user.
        Trial::test("busy/vsftpd", || beside(vsftpd::start)).with_ignored_flag(!has_other_users()),
        Trial::test("busy/listener", listener),
    ]
}

fn config() -> Config {
    Config {
        control: vec![(21, Tls::Optional)],
        passive: PortRange::new(50000, 50999),
        advertise: None,
    }
}

/// With a session open, which waits for its data connection.
fn beside(start: fn(&Namespace, &Config) -> Server) -> Result<(), Failed> {
    let scene = Direct::new();
    let server = start(&scene.server, &config());
    let profile = Profile::new("50000-50999");
    let (user, password) = (server.user, server.password.clone());
    let mut session = scene
        .client
        .inside(move || Session::open(user, &password))?;
    let waiting = session.passive()?;
    let refused = ftpnat(&scene.server, &["answer", "--profile", &profile.path()], "");
    if refused.status != 3
        || !refused.stderr.contains("is connected to port 21")
        || !refused.stderr.contains("--force")
        || !refused.stdout.is_empty()
    {
        return Err(format!("{refused:?}").into());
    }
    let answer = Answer::start(&scene.server, &profile, &["--force"]);
    // The server still has ports enough.
    session.passive()?;
    let waiting = session.passive().or(Ok::<_, Failed>(waiting))?;
    let run = sweep(&scene.client, "198.51.100.1", &profile, &answer.token, &[]);
    // What the server has was not tried, and nothing is held to be closed.
    let wanted = format!("not tried: {waiting}: `ftpnat answer` could not hold them");
    if run.status != 3 || !run.stdout.contains(&wanted) || run.stdout.contains("FN424") {
        return Err(format!("{waiting}: {run:?}").into());
    }
    expect(&answer.ended()?.0, &0)?;
    session.passive()?;
    Ok(())
}

/// Another program in the range, on a port that is called before it is known that it is
/// not held.
fn listener() -> Result<(), Failed> {
    let scene = Direct::new();
    let profile = Profile::new("50000-50999");
    let held = scene
        .server
        .inside(|| TcpListener::bind("127.0.0.1:50010"))?;
    let refused = ftpnat(&scene.server, &["answer", "--profile", &profile.path()], "");
    if refused.status != 3 || !refused.stderr.contains("listens on port 50010") {
        return Err(format!("{refused:?}").into());
    }
    let answer = Answer::start(&scene.server, &profile, &["--force"]);
    let run = sweep(&scene.client, "198.51.100.1", &profile, &answer.token, &[]);
    drop(held);
    let said = run.stdout.contains("999 ports tried, all get through")
        && run.stdout.contains("not tried: 50010: ");
    if run.status != 3 || !said {
        return Err(format!("{run:?}").into());
    }
    expect(&answer.ended()?.0, &0)
}

/// A plain FTP session.
struct Session {
    lines: BufReader<TcpStream>,
}

impl Session {
    fn open(user: &str, password: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(SocketAddr::new(PUBLIC, 21)).map_err(|e| e.to_string())?;
        let mut session = Self {
            lines: BufReader::new(stream),
        };
        session.reply()?;
        session.say(&format!("USER {user}"))?;
        session.say(&format!("PASS {password}"))?;
        Ok(session)
    }

    /// The port that the server listens on for the next transfer.
    fn passive(&mut self) -> Result<u16, Failed> {
        let reply = self.say("EPSV")?;
        let port = reply.split('|').nth(3).and_then(|port| port.parse().ok());
        port.ok_or_else(|| reply.into())
    }

    fn say(&mut self, line: &str) -> Result<String, String> {
        let sent = self
            .lines
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes());
        sent.map_err(|e| e.to_string())?;
        self.reply()
    }

    fn reply(&mut self) -> Result<String, String> {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).map_err(|e| e.to_string())?;
            match line.as_bytes() {
                [b'2' | b'3', _, _, b' ', ..] => return Ok(line),
                [b'2' | b'3', _, _, b'-', ..] | [b' ', ..] => {}
                _ => return Err(line),
            }
        }
    }
}
