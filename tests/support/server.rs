//! A real FTP server in a namespace: Debian's programs, unpacked, never installed.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use ftpnat::model::ftp::Tls;
use ftpnat::model::net::PortRange;
use tempfile::TempDir;

use super::netns::{Namespace, succeed};

/// How a server is set up.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Control ports and what TLS each offers.
    pub(crate) control: Vec<(u16, Tls)>,
    /// `PassivePorts`; `None`: the kernel's ephemeral ports.
    pub(crate) passive: Option<PortRange>,
    /// `MasqueradeAddress`: what 227 replies announce.
    pub(crate) advertise: Option<Ipv4Addr>,
}

impl Default for Config {
    /// One port for plain and TLS sessions, 50000-50010, its own address.
    fn default() -> Self {
        Self {
            control: vec![(21, Tls::Optional)],
            passive: PortRange::new(50000, 50010),
            advertise: None,
        }
    }
}

/// A running server; ends with its owner.
pub(crate) struct Server {
    child: Child,
    dir: TempDir,
    /// Who may log in.
    pub(crate) user: &'static str,
    /// The password.
    pub(crate) password: String,
    /// The name of the one file in the directory. Who knows it saw the listing.
    pub(crate) listing: String,
}

/// A server's directory before it runs.
pub(crate) struct Furnished {
    /// The directory.
    pub(crate) dir: TempDir,
    /// The password to be.
    pub(crate) password: String,
    listing: String,
}

impl Furnished {
    /// A directory `home` with one file in it, and a certificate beside.
    pub(crate) fn new() -> Self {
        let dir = super::directory();
        let (password, listing) = (super::secret(), super::secret());
        let home = dir.path().join("home");
        std::fs::create_dir(&home).expect("the user's directory");
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755))
            .expect("its permissions");
        std::fs::write(home.join(&listing), "").expect("the file to list");
        let furnished = Self {
            dir,
            password,
            listing,
        };
        furnished.write("certificate.pem", certificate());
        furnished
    }

    /// The path of a file in the directory.
    pub(crate) fn at(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Writes a file that its owner alone may read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect(name);
    }

    /// Writes more at the end of a file.
    pub(crate) fn append(&self, name: &str, text: &str) {
        let before = std::fs::read_to_string(self.at(name)).expect(name);
        self.write(name, &(before + text));
    }

    /// Starts `command` in the namespace and waits until its control ports listen.
    pub(crate) fn start(
        self,
        namespace: &Namespace,
        mut command: Command,
        user: &'static str,
        config: &Config,
    ) -> Server {
        let log = std::fs::File::create(self.dir.path().join("server.log")).expect("server.log");
        let child = command
            .env("LD_LIBRARY_PATH", libraries())
            .env("OPENSSL_CONF", self.at("openssl.cnf"))
            .stdout(log.try_clone().expect("server.log twice"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("the server");
        let Self {
            dir,
            password,
            listing,
        } = self;
        let mut server = Server {
            child,
            dir,
            user,
            password,
            listing,
        };
        let ready = super::wait_until(Duration::from_secs(20), || {
            let ended = server
                .child
                .try_wait()
                .expect("the server's state")
                .is_some();
            assert!(!ended, "the server ended:\n{}", server.log());
            let open = listening(namespace);
            config.control.iter().all(|(port, _)| open.contains(port))
        });
        assert!(ready, "the server does not listen:\n{}", server.log());
        server
    }
}

impl Server {
    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        format!("{}{}", read("server.log"), read("tls.log"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, not SIGKILL: it ends its sessions too.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGTERM,
            );
        }
        let ended = super::wait_until(Duration::from_secs(3), || {
            matches!(self.child.try_wait(), Ok(Some(_)))
        });
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Whether other users than root exist here: a user namespace of one id has none.
pub(crate) fn has_other_users() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let ids: u64 = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok())
        .sum();
    ids > 65534
}

/// The TCP ports that something in the namespace listens on.
pub(crate) fn listening(namespace: &Namespace) -> Vec<u16> {
    let tables = namespace.inside(|| {
        let read = |name| {
            std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
        };
        read("tcp") + &read("tcp6")
    });
    // "sl local_address rem_address st": 0A is LISTEN.
    let port = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = fields.get(1)?.rsplit(':').next()?;
        (*fields.get(3)? == "0A").then(|| u16::from_str_radix(local, 16).ok())?
    };
    tables.lines().filter_map(port).collect()
}

/// Where the unpacked libraries are: Debian has a directory for each architecture.
pub(crate) fn libraries() -> String {
    let lib = super::fetched().join("usr/lib");
    let mut directories: Vec<String> = std::fs::read_dir(&lib)
        .expect("unpacked libraries")
        .filter_map(|entry| Some(entry.ok()?.path().display().to_string()))
        .filter(|path| path.contains("linux"))
        .collect();
    directories.push(lib.display().to_string());
    directories.join(":")
}

/// A key and its certificate in PEM, made once in a run.
fn certificate() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        let dir = super::directory();
        let (key, certificate) = (dir.path().join("key"), dir.path().join("certificate"));
        let output = super::command("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=ftp.example",
            ])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl");
        succeed("openssl req", &output);
        let read = |path| std::fs::read_to_string(path).expect("what openssl wrote");
        read(key) + &read(certificate)
    })
}
