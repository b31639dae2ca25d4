//! Pure-FTPd.

use std::path::PathBuf;

use super::netns::Namespace;
use super::server::{Config, Furnished, Server};

/// The server program.
pub(crate) fn program() -> PathBuf {
    super::fetched().join("usr/sbin/pure-ftpd")
}

/// Starts it and waits until it listens; `more`: further options. It has no implicit TLS.
pub(crate) fn start(
    namespace: &Namespace,
    furnished: Furnished,
    config: &Config,
    more: &str,
) -> Server {
    let mut command = namespace.command("unshare");
    // The mount is seen by the server alone.
    let line = line(&furnished, config, more);
    command.args(["--mount", "--", "sh", "-c", &line]);
    furnished.start(namespace, command, "anonymous", config)
}

/// The command line that starts it. Anonymous clients are taken to the home of the user `ftp`,
/// so that it stands in a `passwd` that is mounted over the machine's: to be run in a mount
/// namespace.
pub(crate) fn line(furnished: &Furnished, config: &Config, more: &str) -> String {
    furnished.write(
        "passwd",
        &format!(
            "root:x:0:0::/root:/bin/sh\nftp:x:65534:65534::{}:/bin/false\n",
            furnished.at("home")
        ),
    );
    let (port, tls) = config.control[0];
    let tls = match (tls.offers_tls(), tls.offers_plain()) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => 3,
    };
    let range = config
        .passive
        .map(|range| format!("-p {}:{}", range.first(), range.last()));
    let force = config.advertise.map(|address| format!("-P {address}"));
    format!(
        "mount --bind {passwd} /etc/passwd; exec {program} -e -H -S ,{port} -Y {tls} \
         -2 {certificate} {range} {force} {more}",
        passwd = furnished.at("passwd"),
        program = program().display(),
        certificate = furnished.at("certificate.pem"),
        range = range.unwrap_or_default(),
        force = force.unwrap_or_default(),
    )
}
