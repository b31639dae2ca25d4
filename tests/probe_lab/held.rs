//! What a probe does not do: send a secret where it is not safe, wait without end.

use ftpnat::model::ftp::Tls;
use libtest_mimic::{Failed, Trial};

use crate::seat::Probe;
use crate::setup::{Kind, Setup, trial};
use crate::support::rules::own_firewall;
use crate::support::scene::Direct;

const HOST: &str = "198.51.100.1";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("held/no-name", no_name),
        trial("held/plain", Kind::Proftpd, in_plain),
        trial("held/unverified", Kind::Proftpd, unverified),
    ]
}

/// A name server that never answers, of a resolver that would wait for minutes.
fn no_name() -> Result<(), Failed> {
    let scene = Direct::new();
    own_firewall(&scene.server, "udp dport 53 drop");
    let resolver = "nameserver 198.51.100.1\noptions timeout:30 attempts:5\n";
    let bound = Some(("/etc/resolv.conf", resolver));
    let said = Probe {
        bound,
        ..Probe::of("ftp.example")
    }
    .at(&scene.client);
    said.has_status(3)?;
    let wanted = "cannot find the address of ftp.example: no name server answers within 20 s";
    if said.text.contains(wanted) {
        Ok(())
    } else {
        Err(format!("`{wanted}` is not said:\n{said}").into())
    }
}

/// A password is not sent in plain: the session stops there and says so.
fn in_plain() -> Result<(), Failed> {
    let scene = Direct::new();
    let server = Setup {
        tls: Tls::None,
        ..Setup::new(Kind::Proftpd)
    }
    .start(&scene.server);
    let login = Some((server.user, server.password.as_str()));
    let probe = Probe {
        login,
        ..Probe::of(HOST)
    };
    let said = probe.at(&scene.client);
    said.finds(&[])?;
    said.has_status(3)?;
    if said
        .step("login")
        .is_none_or(|(outcome, _)| outcome != "skipped")
    {
        return Err(format!("the login is not held:\n{said}").into());
    }
    let arguments = &["--insecure"];
    Probe { arguments, ..probe }.at(&scene.client).has_status(0)
}

/// Nor under a certificate that nobody vouches for.
fn unverified() -> Result<(), Failed> {
    let scene = Direct::new();
    let server = Setup::new(Kind::Proftpd).start(&scene.server);
    let login = Some((server.user, server.password.as_str()));
    let probe = Probe {
        login,
        is_trusting: false,
        ..Probe::of(HOST)
    };
    let said = probe.at(&scene.client);
    said.notes(&["FN409"])?;
    said.has_status(3)?;
    let arguments = &["--insecure"];
    Probe { arguments, ..probe }.at(&scene.client).has_status(0)
}
