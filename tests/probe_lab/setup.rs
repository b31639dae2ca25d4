//! Real servers in every variant that a probe meets.

use std::net::Ipv4Addr;

use ftpnat::model::ftp::Tls;
use ftpnat::model::net::PortRange;
use libtest_mimic::{Failed, Trial};

use crate::support::certificates::{self, Wanted};
use crate::support::netns::Namespace;
use crate::support::server::{Config, Furnished, Server, has_other_users};
use crate::support::{proftpd, pure_ftpd, pyftpdlib, vsftpd};

/// The name that certificates of the lab are for.
pub(crate) const NAME: &str = "ftp.example";

/// A server program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Proftpd,
    Vsftpd,
    PureFtpd,
    Pyftpdlib,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Proftpd, Self::Vsftpd, Self::PureFtpd, Self::Pyftpdlib];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Proftpd => "proftpd",
            Self::Vsftpd => "vsftpd",
            Self::PureFtpd => "pure-ftpd",
            Self::Pyftpdlib => "pyftpdlib",
        }
    }

    /// Whether it becomes other users, which a user namespace of one id has not.
    pub(crate) fn needs_others(self) -> bool {
        matches!(self, Self::Vsftpd | Self::PureFtpd)
    }

    /// Whether it can begin TLS with the first byte.
    pub(crate) fn has_implicit(self) -> bool {
        matches!(self, Self::Proftpd | Self::Vsftpd)
    }

    /// Whether it can demand that TLS sessions are resumed.
    pub(crate) fn can_demand_reuse(self) -> bool {
        matches!(self, Self::Proftpd | Self::Vsftpd)
    }
}

/// A trial with a server of this kind; ignored, and said aloud, where it cannot run.
pub(crate) fn trial(
    name: impl Into<String>,
    kind: Kind,
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    Trial::test(name, test).with_ignored_flag(kind.needs_others() && !has_other_users())
}

/// The versions of TLS that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    All,
    OnlyTls12,
    OnlyTls13,
}

/// A server to be.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) kind: Kind,
    pub(crate) tls: Tls,
    pub(crate) versions: Versions,
    pub(crate) demands_reuse: bool,
    pub(crate) advertise: Option<Ipv4Addr>,
    /// Key and certificate; `None`: by the lab's authority, for [`NAME`] and all addresses.
    pub(crate) certificate: Option<String>,
    /// Whether its OpenSSL takes keys that it finds too short otherwise.
    pub(crate) takes_short_keys: bool,
    /// Further lines of its configuration.
    pub(crate) more: &'static str,
    /// The size of the file in its directory.
    pub(crate) file: usize,
    /// Whether vsftpd listens on an IPv6 socket too; there it does not announce an address.
    pub(crate) ipv6: bool,
}

impl Setup {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            tls: Tls::Optional,
            versions: Versions::All,
            demands_reuse: false,
            advertise: None,
            certificate: None,
            takes_short_keys: false,
            more: "",
            file: 20_000,
            ipv6: true,
        }
    }

    pub(crate) fn tls_word(&self) -> &'static str {
        match self.tls {
            Tls::None => "plain",
            Tls::Optional => "optional",
            Tls::Required => "required",
            Tls::Implicit => "implicit",
        }
    }

    /// The same on IPv4 alone.
    pub(crate) fn on_ipv4(self) -> Self {
        Self {
            ipv6: false,
            ..self
        }
    }

    /// Starts it on all addresses of the namespace, with passive ports 50000 to 50010.
    pub(crate) fn start(&self, namespace: &Namespace) -> Server {
        let port = if self.tls == Tls::Implicit { 990 } else { 21 };
        let config = Config {
            control: vec![(port, self.tls)],
            passive: PortRange::new(50000, 50010),
            advertise: self.advertise,
        };
        match self.kind {
            Kind::Proftpd => {
                let furnished = proftpd::furnish(&proftpd::addresses(namespace), &config);
                self.furnish(&furnished);
                furnished.append("proftpd.conf", &self.proftpd());
                proftpd::run(namespace, furnished, &config)
            }
            Kind::Vsftpd => {
                // On an IPv6 socket it takes IPv4 as well, and then announces 0.0.0.0.
                let furnished = vsftpd::furnish(&config, self.ipv6 && self.advertise.is_none());
                self.furnish(&furnished);
                furnished.append("vsftpd.conf", &self.vsftpd());
                vsftpd::run(namespace, furnished, &config)
            }
            Kind::PureFtpd => {
                let furnished = Furnished::new();
                self.furnish(&furnished);
                pure_ftpd::start(namespace, furnished, &config, self.more)
            }
            Kind::Pyftpdlib => {
                let furnished = Furnished::new();
                self.furnish(&furnished);
                pyftpdlib::start(namespace, furnished, &config, self.more)
            }
        }
    }

    fn furnish(&self, furnished: &Furnished) {
        let usual = || certificate(&[NAME, "198.51.100.1", "10.77.0.21", "2001:db8:51::1"]);
        let certificate = self.certificate.clone().unwrap_or_else(usual);
        furnished.write("certificate.pem", &certificate);
        // Not every server has a setting for the versions; OpenSSL has.
        let limits = match self.versions {
            Versions::All => "",
            Versions::OnlyTls12 => "MaxProtocol = TLSv1.2\n",
            Versions::OnlyTls13 => "MinProtocol = TLSv1.3\n",
        };
        let level = if self.takes_short_keys {
            "CipherString = DEFAULT@SECLEVEL=0\n"
        } else {
            ""
        };
        furnished.write(
            "openssl.cnf",
            &format!(
                "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = limits\n\
                 [limits]\n{limits}{level}"
            ),
        );
        if self.file > 0 {
            let path = std::path::PathBuf::from(furnished.at("home")).join("long.bin");
            std::fs::write(path, vec![b'x'; self.file]).expect("the file");
        }
    }

    fn proftpd(&self) -> String {
        let versions = match self.versions {
            Versions::All => "",
            Versions::OnlyTls12 => "TLSProtocol TLSv1.2\n",
            Versions::OnlyTls13 => "TLSProtocol TLSv1.3\n",
        };
        // One line of options replaces another.
        let options = match (self.tls == Tls::Implicit, self.demands_reuse) {
            (false, true) => "",
            (true, true) => "TLSOptions UseImplicitSSL\n",
            (false, false) => "TLSOptions NoSessionReuseRequired\n",
            (true, false) => "TLSOptions UseImplicitSSL NoSessionReuseRequired\n",
        };
        format!("<Global>\n{versions}{options}{}\n</Global>\n", self.more)
    }

    fn vsftpd(&self) -> String {
        let reuse = if self.demands_reuse { "YES" } else { "NO" };
        format!("require_ssl_reuse={reuse}\n{}\n", self.more)
    }
}

/// A certificate by the lab's authority, in its time.
pub(crate) fn certificate(names: &[&str]) -> String {
    certificates::pem(&Wanted {
        names,
        years: (2020, 2090),
        is_vouched_for: true,
    })
}
