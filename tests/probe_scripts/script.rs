//! A server that does what it is told: well-behaved, but for what its script overrides.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::wire::Wire;

/// Something that the server does in place of what it should.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Says this; `{hp}`, `{p1}`, `{p2}` and `{port}` are its data port, `{pass}` the password.
    Say(Vec<u8>),
    /// The same, a byte at a time.
    Drip(Vec<u8>),
    /// Says it again and again, until nobody listens.
    Endless(Vec<u8>),
    /// Ends the connection.
    Close,
    /// Resets it.
    Reset,
    /// Does nothing at all.
    Silent,
    /// What it should do.
    Usual,
}

/// What the data connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// Carries what was asked for.
    Usual,
    /// Is never taken.
    NotTaken,
    /// Carries it, and stays open.
    Open,
    /// Never ends.
    Endless,
    /// A byte at a time, for long.
    Drip,
    /// Is reset halfway.
    Reset,
    /// Is in plain, where TLS was agreed.
    Plain,
    /// Is taken, and then nothing: no TLS, no data.
    Dead,
}

/// How a server behaves.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) overrides: Vec<(&'static str, Vec<Act>)>,
    pub(crate) data: Data,
    pub(crate) is_implicit: bool,
    /// Whether the reply behind the data is said before the data ends.
    pub(crate) says_end_first: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            overrides: Vec::new(),
            data: Data::Usual,
            is_implicit: false,
            says_end_first: false,
        }
    }
}

impl Script {
    /// At a command, at `CONNECT`, behind `AUTH` (`TLS`), behind the data (`END`).
    pub(crate) fn on(mut self, at: &'static str, acts: Vec<Act>) -> Self {
        self.overrides.push((at, acts));
        self
    }

    pub(crate) fn data(self, data: Data) -> Self {
        Self { data, ..self }
    }

    fn acts(&self, at: &str) -> Vec<Act> {
        let found = self.overrides.iter().find(|(name, _)| *name == at);
        found.map_or(vec![Act::Usual], |(_, acts)| acts.clone())
    }
}

/// A running server; ends with its owner.
pub(crate) struct Server {
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Starts it in this thread's namespace.
    pub(crate) fn start(script: Script) -> Self {
        let listener = TcpListener::bind(("198.51.100.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its port").port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        listener.set_nonblocking(true).expect("no waiting");
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let (script, stopped) = (script.clone(), Arc::clone(&stopped));
                        thread::spawn(move || drop(Session::new(script, stopped).hold(stream)));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self { port, stop }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A session that is to end here.
fn over() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

struct Session {
    script: Script,
    stop: Arc<AtomicBool>,
    data: Option<TcpListener>,
    is_protected: bool,
    password: String,
}

impl Session {
    fn new(script: Script, stop: Arc<AtomicBool>) -> Self {
        Self {
            script,
            stop,
            data: None,
            is_protected: false,
            password: String::new(),
        }
    }

    fn hold(mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        let mut wire = Wire::Plain(stream);
        if self.script.is_implicit {
            wire = wire.secured()?;
        }
        self.act(&mut wire, "CONNECT", "220 ready\r\n")?;
        let mut held = Vec::new();
        let mut bytes = [0; 2048];
        loop {
            while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = held.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                wire = self.command(wire, &line)?;
            }
            match wire.hear(&mut bytes)? {
                0 => return Ok(()),
                length => held.extend_from_slice(&bytes[..length]),
            }
        }
    }

    fn command(&mut self, mut wire: Wire, line: &str) -> io::Result<Wire> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "AUTH" => {
                self.act(&mut wire, verb, "234 go\r\n")?;
                let says_no = |act: &Act| matches!(act, Act::Say(bytes) if bytes[0] == b'5');
                if self.script.acts(verb).iter().any(says_no) {
                    return Ok(wire);
                }
                self.act(&mut wire, "TLS", "")?;
                return wire.secured();
            }
            "EPSV" | "PASV" => {
                let listener = TcpListener::bind(("198.51.100.1", 0))?;
                self.data = Some(listener);
                let usual = match verb {
                    "EPSV" => "229 Extended (|||{port}|)\r\n",
                    _ => "227 Entering Passive Mode ({hp}).\r\n",
                };
                self.act(&mut wire, verb, usual)?;
            }
            "LIST" | "RETR" => self.transfer(&mut wire, verb)?,
            "PROT" => {
                self.is_protected = rest == "P";
                self.act(&mut wire, verb, "200 ok\r\n")?;
            }
            "PASS" => {
                rest.clone_into(&mut self.password);
                self.act(&mut wire, verb, "230 in\r\n")?;
            }
            _ => self.act(&mut wire, verb, usual(verb))?,
        }
        Ok(wire)
    }

    fn transfer(&mut self, wire: &mut Wire, verb: &str) -> io::Result<()> {
        let acts = self.script.acts(verb);
        if !acts.iter().any(|act| matches!(act, Act::Usual)) {
            return self.act(wire, verb, "");
        }
        self.act(wire, verb, "150 here\r\n")?;
        let Some(listener) = self.data.take() else {
            return wire.say(b"425 no data connection\r\n");
        };
        if self.script.data == Data::NotTaken {
            return self.wait();
        }
        let (stream, _) = listener.accept()?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut data = Wire::Plain(stream);
        if self.script.data == Data::Dead {
            return self.wait();
        }
        if self.is_protected && self.script.data != Data::Plain {
            data = data.secured()?;
        }
        if self.script.says_end_first {
            wire.say(b"226 done\r\n")?;
            thread::sleep(Duration::from_millis(100));
        }
        self.carry(data, verb)?;
        if !self.script.says_end_first {
            self.act(wire, "END", "226 done\r\n")?;
        }
        Ok(())
    }

    fn carry(&self, mut data: Wire, verb: &str) -> io::Result<()> {
        let bytes = match verb {
            "LIST" => b"-rw-r--r--   1 ftp ftp 5000 Nov 23  2025 long.bin\r\n".to_vec(),
            _ => vec![b'x'; 5000],
        };
        match self.script.data {
            Data::Endless => {
                let more = bytes.repeat(100);
                while !self.is_over() && data.say(&more).is_ok() {}
            }
            Data::Drip => {
                for byte in bytes.iter().cycle() {
                    if self.is_over() || data.say(&[*byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Data::Open => {
                data.say(&bytes)?;
                self.wait()?;
            }
            Data::Reset => {
                data.say(&bytes[..bytes.len() / 2])?;
                thread::sleep(Duration::from_millis(50));
                reset(data.socket());
            }
            _ => {
                data.say(&bytes)?;
                data.close();
            }
        }
        Ok(())
    }

    /// What the script says for this place, or what is usual.
    fn act(&self, wire: &mut Wire, at: &str, usual: &str) -> io::Result<()> {
        for act in self.script.acts(at) {
            match act {
                Act::Usual => wire.say(&self.filled(usual.as_bytes()))?,
                Act::Say(bytes) => wire.say(&self.filled(&bytes))?,
                Act::Drip(bytes) => {
                    for byte in bytes {
                        if self.is_over() {
                            break;
                        }
                        wire.say(&[byte])?;
                        thread::sleep(Duration::from_millis(50));
                    }
                }
                Act::Endless(bytes) => {
                    let many = bytes.repeat(1000);
                    while !self.is_over() {
                        wire.say(&many)?;
                    }
                }
                Act::Close => return Err(over()),
                Act::Reset => {
                    reset(wire.socket());
                    return Err(over());
                }
                Act::Silent => self.wait()?,
            }
        }
        Ok(())
    }

    fn filled(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return bytes.to_vec();
        };
        let port = self.data.as_ref().and_then(|data| data.local_addr().ok());
        let port = port.map_or(0, |at| at.port());
        let [high, low] = port.to_be_bytes();
        text.replace("{hp}", &format!("198,51,100,1,{high},{low}"))
            .replace("{p1}", &high.to_string())
            .replace("{p2}", &low.to_string())
            .replace("{port}", &port.to_string())
            .replace("{pass}", &self.password)
            .into_bytes()
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Until the test is over.
    fn wait(&self) -> io::Result<()> {
        let begun = Instant::now();
        while !self.is_over() && begun.elapsed() < Duration::from_secs(60) {
            thread::sleep(Duration::from_millis(20));
        }
        Err(over())
    }
}

fn usual(verb: &str) -> &'static str {
    match verb {
        "USER" => "331 password\r\n",
        "FEAT" => "211-Features:\r\n AUTH TLS\r\n EPSV\r\n211 End\r\n",
        "PWD" => "257 \"/\" is it\r\n",
        "TYPE" | "PBSZ" | "NOOP" => "200 ok\r\n",
        "QUIT" => "221 bye\r\n",
        _ => "502 what?\r\n",
    }
}

/// Closing then resets (socket(7), `SO_LINGER`).
fn reset(stream: &TcpStream) {
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ = nix::sys::socket::setsockopt(stream, nix::sys::socket::sockopt::Linger, &linger);
    // The session keeps the socket a moment more: what counts is that both ends go.
    let _ = stream.shutdown(std::net::Shutdown::Read);
}
