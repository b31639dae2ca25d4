//! `ProFTPD`.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

use ftpnat::model::ftp::Tls;

use super::netns::{Namespace, succeed};
use super::server::{Config, Furnished, Server, has_other_users};

/// The server program.
pub(crate) fn program() -> PathBuf {
    super::fetched().join("usr/sbin/proftpd")
}

/// Starts a server on every global address of the namespace and waits until it
/// listens.
pub(crate) fn start(namespace: &Namespace, config: &Config) -> Server {
    run(namespace, furnish(&addresses(namespace), config), config)
}

/// Starts one that is furnished.
pub(crate) fn run(namespace: &Namespace, furnished: Furnished, config: &Config) -> Server {
    let mut command = namespace.command(program());
    command
        .arg("-n")
        .arg("-c")
        .arg(furnished.at("proftpd.conf"));
    furnished.start(namespace, command, USER, config)
}

/// Who logs in.
pub(crate) const USER: &str = "tester";

/// A directory with its configuration, for a host of these addresses, as `proftpd.conf`.
pub(crate) fn furnish(addresses: &[IpAddr], config: &Config) -> Furnished {
    let furnished = Furnished::new();
    let hash = super::command("openssl")
        .args(["passwd", "-6", &furnished.password])
        .output()
        .expect("openssl");
    let hash = succeed("openssl passwd", &hash);
    let id = session_user().1;
    furnished.write(
        "passwd",
        &format!(
            "{USER}:{}:{id}:{id}::{}:/bin/false\n",
            hash.trim(),
            furnished.at("home")
        ),
    );
    furnished.write("group", &format!("{USER}:x:{id}:\n"));
    furnished.write("proftpd.conf", &directives(&furnished, addresses, config));
    furnished
}

/// The user and group that sessions run as, and their id.
fn session_user() -> (&'static str, u32) {
    if has_other_users() {
        ("User nobody\nGroup nogroup", 65534)
    } else {
        ("User root\nGroup root\nRootLogin on", 0)
    }
}

/// The configuration. What stands in `<Global>` would otherwise count for the
/// main server alone, which listens nowhere.
fn directives(furnished: &Furnished, addresses: &[IpAddr], config: &Config) -> String {
    let at = |name: &str| furnished.at(name);
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
pub(crate) fn addresses(namespace: &Namespace) -> Vec<IpAddr> {
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
