//! Faults of a server's TLS and of its certificate.

use ftpnat::model::ftp::Tls;
use libtest_mimic::{Failed, Trial};

use crate::old;
use crate::seat::{Probe, curl, lftp};
use crate::setup::{Kind, NAME, Setup, Versions, certificate, trial};
use crate::support::certificates::{self, Wanted};
use crate::support::scene::Direct;

const HOST: &str = "198.51.100.1";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("fault/FN404", Kind::Vsftpd, auth_refused),
        trial("fault/FN406/tls1.0", Kind::Proftpd, || {
            old("TLSv1", Tls::Required)
        }),
        trial("fault/FN406/tls1.1", Kind::Proftpd, || {
            old("TLSv1_1", Tls::Required)
        }),
        trial("fault/FN406/tls1.1-implicit", Kind::Proftpd, || {
            old("TLSv1_1", Tls::Implicit)
        }),
        trial("fault/FN406/old-ciphers", Kind::Proftpd, || {
            old("CIPHERS", Tls::Required)
        }),
        trial("fault/FN406/others-take-it", Kind::Proftpd, others_take_it),
        trial("fault/FN407", Kind::Vsftpd, || {
            certificate_fault(&["FN407"], &[], &expired())
        }),
        trial("fault/FN408", Kind::Vsftpd, || {
            certificate_fault(&["FN408"], &[], &certificate(&["other.example"]))
        }),
        trial("fault/FN409", Kind::Vsftpd, || {
            certificate_fault(&[], &["FN409"], &self_signed())
        }),
        trial("fault/FN418-demanded", Kind::Vsftpd, demanded),
    ];
    for kind in [Kind::Proftpd, Kind::Vsftpd] {
        for (name, versions) in [
            ("tls1.2", Versions::OnlyTls12),
            ("tls1.3", Versions::OnlyTls13),
        ] {
            for (way, tls) in [("auth", Tls::Required), ("implicit", Tls::Implicit)] {
                let name = format!("fault/FN404-client/{}/{way}/{name}", kind.word());
                trials.push(trial(name, kind, move || {
                    wants_certificate(kind, tls, versions)
                }));
            }
        }
    }
    trials
}

fn auth_refused() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        tls: Tls::None,
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    let arguments = &["--tls", "explicit"];
    Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client)
    .finds(&["FN404"])
}

/// A server that wants to see a certificate of the client's.
fn wants_certificate(kind: Kind, tls: Tls, versions: Versions) -> Result<(), Failed> {
    let scene = Direct::new();
    let setup = Setup {
        tls,
        versions,
        more: match kind {
            Kind::Proftpd => "TLSVerifyClient on",
            _ => "require_cert=YES",
        },
        ..Setup::new(kind)
    };
    let server = setup.start(&scene.server);
    let probe = Probe::of(HOST).with(&setup, &server);
    let said = probe.at(&scene.client);
    said.finds(&["FN404"])?;
    if said.text.contains("demands a certificate of the client") {
        Ok(())
    } else {
        Err(format!("the client's certificate is not told:\n{said}").into())
    }
}

/// A server of old TLS alone; that it is one is shown by a client that takes it.
fn old(version: &'static str, tls: Tls) -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = old::start(&scene.server, version, tls);
    if !old::handshakes(&scene.client, version, tls) {
        return Err("an old client does not handshake with it either".into());
    }
    let port = if tls == Tls::Implicit { "990" } else { "21" };
    let arguments = &["--port", port];
    let said = Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client);
    said.finds(&["FN406"])?;
    let (words, status) = match version {
        "TLSv1" => ("picks TLS 1.0 with", 1),
        "TLSv1_1" => ("picks TLS 1.1 with", 1),
        _ => ("picks TLS 1.2 with AES128-SHA: clients with", 3),
    };
    said.has_status(status)?;
    if said.text.contains(words) {
        Ok(())
    } else {
        Err(format!("`{words}` is not said:\n{said}").into())
    }
}

/// A whole server of ciphers that rustls has given up, and the clients that have not.
fn others_take_it() -> Result<(), Failed> {
    let scene = Direct::new();
    let setup = Setup {
        tls: Tls::Required,
        versions: Versions::OnlyTls12,
        more: "TLSCipherSuite AES128-SHA:AES256-SHA",
        ..Setup::new(Kind::Proftpd)
    };
    let server = setup.start(&scene.server);
    let said = Probe::of(HOST).with(&setup, &server).at(&scene.client);
    said.finds(&["FN406"])?;
    said.has_status(3)?;
    let user = format!("{}:{}", server.user, server.password);
    let by_curl = curl(
        &scene.client,
        &format!("ftp://{HOST}/"),
        &["--ssl-reqd", "--user", &user],
    );
    let by_lftp = lftp(&scene.client, &format!("ftp://{user}@{HOST}/"));
    if by_curl && by_lftp {
        Ok(())
    } else {
        Err(format!("curl lists: {by_curl}, lftp lists: {by_lftp}").into())
    }
}

fn expired() -> String {
    certificates::pem(&Wanted {
        names: &[NAME, HOST],
        years: (2020, 2021),
        is_vouched_for: true,
    })
}

fn self_signed() -> String {
    certificates::pem(&Wanted {
        names: &[NAME, HOST],
        years: (2020, 2090),
        is_vouched_for: false,
    })
}

fn certificate_fault(finds: &[&str], notes: &[&str], pem: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        certificate: Some(pem.to_owned()),
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    // Anonymous: nothing is at stake, and all is tried.
    let said = Probe::of(HOST).at(&scene.client);
    said.finds(finds)?;
    said.notes(notes)?;
    said.ok(&["epsv-list", "pasv-list"])
}

fn demanded() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        demands_reuse: true,
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    let said = Probe::of(HOST).at(&scene.client);
    said.finds(&[])?;
    said.notes(&["FN418"])
}
