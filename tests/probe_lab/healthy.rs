//! Healthy servers of every kind: no error and no warning, and curl agrees.

use ftpnat::model::ftp::Tls;
use libtest_mimic::{Failed, Trial};

use crate::seat::{Probe, curl, lftp};
use crate::setup::{Kind, Setup, Versions, trial};
use crate::support::scene::Direct;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in Kind::ALL {
        for setup in variants(kind) {
            for host in ["198.51.100.1", "2001:db8:51::1"] {
                let name = name(&setup, host);
                let setup = setup.clone();
                trials.push(trial(name, kind, move || healthy(&setup, host)));
            }
        }
    }
    trials
}

fn name(setup: &Setup, host: &str) -> String {
    let tls = setup.tls_word();
    let versions = match setup.versions {
        Versions::All => "",
        Versions::OnlyTls12 => "/tls1.2",
        Versions::OnlyTls13 => "/tls1.3",
    };
    let reuse = if setup.demands_reuse { "/reuse" } else { "" };
    let family = if host.contains(':') { "ipv6" } else { "ipv4" };
    format!(
        "healthy/{}/{tls}{versions}{reuse}/{family}",
        setup.kind.word()
    )
}

/// Plain; TLS in each way that the server has; each version; resumption demanded and not.
fn variants(kind: Kind) -> Vec<Setup> {
    let of = |tls: Tls, versions: Versions, demands_reuse: bool| Setup {
        tls,
        versions,
        demands_reuse,
        ..Setup::new(kind)
    };
    let mut all = vec![
        of(Tls::None, Versions::All, false),
        of(Tls::Optional, Versions::All, false),
        of(Tls::Required, Versions::OnlyTls12, false),
        of(Tls::Required, Versions::OnlyTls13, false),
    ];
    if kind.has_implicit() {
        all.push(of(Tls::Implicit, Versions::All, false));
    }
    if kind.can_demand_reuse() {
        all.push(of(Tls::Required, Versions::OnlyTls12, true));
        all.push(of(Tls::Required, Versions::OnlyTls13, true));
        all.push(of(Tls::Implicit, Versions::All, true));
    }
    all
}

fn healthy(setup: &Setup, host: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let server = setup.start(&scene.server);
    let is_plain = setup.tls == Tls::None;
    let probe = Probe::of(host).with(setup, &server);
    let said = probe.at(&scene.client);
    let context = |failed: Failed| -> Failed {
        let words = failed.message().unwrap_or_default().to_owned();
        format!("{words}\n{}", server.log()).into()
    };
    said.finds(&[]).map_err(context)?;
    said.notes(if setup.demands_reuse { &["FN418"] } else { &[] })
        .map_err(context)?;
    said.has_status(0).map_err(context)?;
    said.has_its_shape(host)?;
    said.ok(&[
        "connect",
        "greeting",
        "login",
        "epsv-list",
        "file",
        "more-ports",
    ])
    .map_err(context)?;
    if !host.contains(':') {
        said.ok(&["pasv-list"]).map_err(context)?;
    }
    if !is_plain {
        said.ok(&["certificate", "new-tls-session"])
            .map_err(context)?;
    }
    let version = said.step(if setup.tls == Tls::Implicit {
        "tls"
    } else {
        "auth-tls"
    });
    let wanted = match setup.versions {
        Versions::OnlyTls12 => "TLS 1.2",
        Versions::OnlyTls13 => "TLS 1.3",
        Versions::All => "",
    };
    if version.is_none_or(|(_, detail)| !detail.contains(wanted)) {
        return Err(format!("{wanted} is not named:\n{said}").into());
    }
    agrees(setup, host, &scene, probe.login)
}

/// Another client gets its listing too.
fn agrees(
    setup: &Setup,
    host: &str,
    scene: &Direct,
    login: Option<(&str, &str)>,
) -> Result<(), Failed> {
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let (scheme, tls): (&str, &[&str]) = match setup.tls {
        Tls::None => ("ftp", &[]),
        Tls::Implicit => ("ftps", &[]),
        Tls::Optional | Tls::Required => ("ftp", &["--ssl-reqd"]),
    };
    let user = login.map_or("anonymous:x".to_owned(), |(user, password)| {
        format!("{user}:{password}")
    });
    let mut arguments = vec!["--user", &user];
    arguments.extend(tls);
    // pyftpdlib resets a data connection on which curl resumes its session.
    if setup.kind == Kind::Pyftpdlib && setup.tls != Tls::None {
        return if lftp(&scene.client, &format!("ftp://{shown}/")) {
            Ok(())
        } else {
            Err("lftp gets no listing".into())
        };
    }
    if curl(&scene.client, &format!("{scheme}://{shown}/"), &arguments) {
        Ok(())
    } else {
        Err("curl gets no listing".into())
    }
}
