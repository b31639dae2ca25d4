//! vsftpd, which takes data connections from the control connection's peer alone.

use std::fmt::Write as _;
use std::path::PathBuf;

use ftpnat::model::ftp::Tls;

use super::netns::Namespace;
use super::server::{Config, Furnished, Server};

/// The server program.
pub(crate) fn program() -> PathBuf {
    super::fetched().join("usr/sbin/vsftpd")
}

/// Starts a server for anonymous users on the first control port of `config`.
/// Needs more users than root (see [`super::server::has_other_users`]).
pub(crate) fn start(namespace: &Namespace, config: &Config) -> Server {
    start_on(namespace, config, config.advertise.is_none())
}

/// The same, on an IPv6 socket, which takes IPv4 as well, or on an IPv4 socket.
pub(crate) fn start_on(namespace: &Namespace, config: &Config, ipv6: bool) -> Server {
    run(namespace, furnish(config, ipv6), config)
}

/// Starts one that is furnished.
pub(crate) fn run(namespace: &Namespace, furnished: Furnished, config: &Config) -> Server {
    let mut command = namespace.command(program());
    command.arg(furnished.at("vsftpd.conf"));
    furnished.start(namespace, command, "anonymous", config)
}

/// A directory with its configuration, as `vsftpd.conf`.
pub(crate) fn furnish(config: &Config, ipv6: bool) -> Furnished {
    let furnished = Furnished::new();
    std::fs::create_dir(furnished.dir.path().join("empty")).expect("the secure chroot");
    furnished.write("vsftpd.conf", &settings(&furnished, config, ipv6));
    furnished
}

fn settings(furnished: &Furnished, config: &Config, ipv6: bool) -> String {
    let (port, tls) = config.control[0];
    let yes = |is: bool| if is { "YES" } else { "NO" };
    let mut text = format!(
        "listen={ipv4}\nlisten_ipv6={ipv6}\nbackground=NO\nlisten_port={port}\n\
         anonymous_enable=YES\nlocal_enable=NO\nno_anon_password=YES\nanon_root={home}\n\
         ftp_username=daemon\nnopriv_user=nobody\nsecure_chroot_dir={empty}\n\
         xferlog_enable=NO\nport_enable=YES\n\
         ssl_enable={ssl}\nallow_anon_ssl={ssl}\nimplicit_ssl={implicit}\n\
         force_anon_logins_ssl={required}\nforce_anon_data_ssl={required}\n\
         require_ssl_reuse=NO\nssl_ciphers=HIGH\n\
         rsa_cert_file={certificate}\nrsa_private_key_file={certificate}\n",
        ipv4 = yes(!ipv6),
        ipv6 = yes(ipv6),
        home = furnished.at("home"),
        empty = furnished.at("empty"),
        certificate = furnished.at("certificate.pem"),
        ssl = yes(tls.offers_tls()),
        implicit = yes(tls == Tls::Implicit),
        required = yes(!tls.offers_plain()),
    );
    if let Some(range) = config.passive {
        let _ = write!(
            text,
            "pasv_min_port={}\npasv_max_port={}\n",
            range.first(),
            range.last()
        );
    }
    if let Some(address) = config.advertise {
        let _ = writeln!(text, "pasv_address={address}");
    }
    text
}
