//! Debian's real `ProFTPD`, unpacked and never installed.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use ftpnat::model::ftp::Tls;
use ftpnat::model::net::PortRange;
use tempfile::TempDir;

use super::netns::{Namespace, succeed};

/// The server program.
pub(crate) fn program() -> PathBuf {
    super::fetched().join("usr/sbin/proftpd")
}

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
pub(crate) struct Proftpd {
    child: Child,
    dir: TempDir,
    /// The password of the user `tester`.
    pub(crate) password: String,
    /// The name of the one file in the directory. Who knows it saw the listing.
    pub(crate) listing: String,
}

impl Proftpd {
    /// Starts a server on every global address of the namespace and waits until
    /// it listens.
    pub(crate) fn start(namespace: &Namespace, config: &Config) -> Self {
        let dir = super::directory();
        let (password, listing) = (super::secret(), super::secret());
        furnish(dir.path(), &password, &listing);
        let file = dir.path().join("proftpd.conf");
        std::fs::write(&file, directives(dir.path(), &addresses(namespace), config))
            .expect("proftpd.conf");

        let log = std::fs::File::create(dir.path().join("server.log")).expect("server.log");
        let child = namespace
            .command(program())
            .arg("-n")
            .arg("-c")
            .arg(&file)
            .env("LD_LIBRARY_PATH", libraries())
            .stdout(log.try_clone().expect("server.log twice"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("proftpd");
        let mut server = Self {
            child,
            dir,
            password,
            listing,
        };
        let ports: Vec<u16> = config.control.iter().map(|(port, _)| *port).collect();
        let ready = super::wait_until(Duration::from_secs(20), || {
            let ended = server.child.try_wait().expect("proftpd's state").is_some();
            assert!(!ended, "proftpd ended:\n{}", server.log());
            let open = listening(namespace);
            ports.iter().all(|port| open.contains(port))
        });
        assert!(ready, "proftpd does not listen:\n{}", server.log());
        server
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        format!("{}{}", read("server.log"), read("tls.log"))
    }
}

impl Drop for Proftpd {
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

/// The user, the certificate and the directory with its one file.
fn furnish(dir: &Path, password: &str, listing: &str) {
    let home = dir.join("home");
    std::fs::create_dir(&home).expect("the user's directory");
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755))
        .expect("its permissions");
    std::fs::write(home.join(listing), "").expect("the file to list");
    let hash = super::command("openssl")
        .args(["passwd", "-6", password])
        .output()
        .expect("openssl");
    let hash = succeed("openssl passwd", &hash);
    let id = session_user().1;
    let secrets = [
        (
            "passwd",
            format!(
                "tester:{}:{id}:{id}::{}:/bin/false\n",
                hash.trim(),
                home.display()
            ),
        ),
        ("group", format!("tester:x:{id}:\n")),
        ("certificate.pem", certificate().to_owned()),
    ];
    for (name, text) in secrets {
        let path = dir.join(name);
        std::fs::write(&path, text).expect(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect(name);
    }
}

/// The user and group that sessions run as, and their id. A user namespace of
/// one id has nobody but root.
fn session_user() -> (&'static str, u32) {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let ids: u64 = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok())
        .sum();
    if ids > 65534 {
        ("User nobody\nGroup nogroup", 65534)
    } else {
        ("User root\nGroup root\nRootLogin on", 0)
    }
}

/// The configuration. What stands in `<Global>` would otherwise count for the
/// main server alone, which listens nowhere.
fn directives(dir: &Path, addresses: &[IpAddr], config: &Config) -> String {
    let at = |name: &str| dir.join(name).display().to_string();
    let modules = super::fetched().join("usr/lib/proftpd");
    let (user, _) = session_user();
    let mut text = format!(
        "ServerType standalone\n\
         ServerName lab\n\
         ModulePath {modules}\n\
         LoadModule mod_tls.c\n\
         # Nothing of this machine is read or written.\n\
         ControlsEngine off\n\
         PidFile {pid}\n\
         ScoreboardFile {scoreboard}\n\
         UseReverseDNS off\n\
         UseIPv6 on\n\
         DefaultAddress 127.0.0.1\n\
         Port 0\n\
         {user}\n\
         AuthOrder mod_auth_file.c\n\
         <Global>\n\
         # PAM, where asked, waits two seconds for a user that it does not know.\n\
         AuthPAM off\n\
         AuthUserFile {passwd}\n\
         AuthGroupFile {group}\n\
         RequireValidShell off\n\
         {root_login}\
         DelayEngine off\n\
         TransferLog none\n\
         WtmpLog off\n\
         TLSRSACertificateFile {certificate}\n\
         TLSRSACertificateKeyFile {certificate}\n\
         TLSLog {tls_log}\n",
        modules = modules.display(),
        pid = at("pid"),
        scoreboard = at("scoreboard"),
        user = user.replace("\nRootLogin on", ""),
        root_login = if user.contains("RootLogin") {
            "RootLogin on\n"
        } else {
            ""
        },
        passwd = at("passwd"),
        group = at("group"),
        certificate = at("certificate.pem"),
        tls_log = at("tls.log"),
    );
    if let Some(range) = config.passive {
        let _ = writeln!(text, "PassivePorts {} {}", range.first(), range.last());
    }
    if let Some(address) = config.advertise {
        let _ = writeln!(text, "MasqueradeAddress {address}");
    }
    text += "</Global>\n";
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    for (port, tls) in &config.control {
        let tls = match tls {
            Tls::None => "TLSEngine off",
            Tls::Optional => "TLSEngine on\nTLSRequired off",
            Tls::Required => "TLSEngine on\nTLSRequired on",
            Tls::Implicit => "TLSEngine on\nTLSRequired on\nTLSOptions UseImplicitSSL",
        };
        let _ = writeln!(
            text,
            "<VirtualHost {}>\nPort {port}\n{tls}\n</VirtualHost>",
            addresses.join(" ")
        );
    }
    text
}

/// The global addresses of the namespace.
fn addresses(namespace: &Namespace) -> Vec<IpAddr> {
    let listing = namespace.run("ip -oneline addr show scope global");
    let address = |line: &str| {
        line.split_whitespace()
            .nth(3)?
            .split('/')
            .next()?
            .parse()
            .ok()
    };
    listing.lines().filter_map(address).collect()
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
fn libraries() -> String {
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
