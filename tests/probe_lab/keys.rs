//! Servers with keys and certificates that rustls takes for none, and other clients take: they
//! are healthy, and a secret is not sent to them all the same.

use libtest_mimic::{Failed, Trial};

use crate::seat::{Probe, curl};
use crate::setup::{Kind, Setup, Versions, trial};
use crate::support::netns::succeed;
use crate::support::scene::Direct;
use crate::support::{command, directory};

const HOST: &str = "198.51.100.1";

/// A key, the certificate's form, and what is found.
#[derive(Debug, Clone, Copy)]
struct Row {
    name: &'static str,
    /// Of `openssl genpkey`.
    key: &'static [&'static str],
    /// X.509 version 1, as `openssl x509 -req` makes it without more words.
    is_old_form: bool,
    finds: &'static [&'static str],
    notes: &'static [&'static str],
    says: &'static str,
}

const ROWS: [Row; 5] = [
    Row {
        name: "x509v1",
        key: &["-algorithm", "RSA"],
        is_old_form: true,
        finds: &["FN408"],
        notes: &[],
        says: "X.509 version 1",
    },
    Row {
        name: "rsa-1024",
        key: &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
        is_old_form: false,
        finds: &[],
        notes: &["FN409"],
        says: "1024 bits",
    },
    Row {
        name: "p-521",
        key: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
        is_old_form: false,
        finds: &[],
        notes: &["FN409"],
        says: "of a kind that ftpnat cannot check",
    },
    // These are as usual as RSA: given as --ca-file they are verified.
    Row {
        name: "p-384",
        key: &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        is_old_form: false,
        finds: &[],
        notes: &[],
        says: "198.51.100.1, until",
    },
    Row {
        name: "ed25519",
        key: &["-algorithm", "ED25519"],
        is_old_form: false,
        finds: &[],
        notes: &[],
        says: "198.51.100.1, until",
    },
];

pub(crate) fn trials() -> Vec<Trial> {
    let play = |row: Row| {
        let name = format!("keys/{}", row.name);
        trial(name, Kind::Vsftpd, move || healthy(row))
    };
    ROWS.into_iter().map(play).collect()
}

fn healthy(row: Row) -> Result<(), Failed> {
    let scene = Direct::new();
    let (pem, certificate) = made(row);
    let server = Setup {
        certificate: Some(pem),
        takes_short_keys: true,
        versions: Versions::OnlyTls13,
        // Its own list has fewer.
        more: "ssl_ciphers=DEFAULT@SECLEVEL=0",
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    let dir = directory();
    let file = dir.path().join("its-own.pem");
    std::fs::write(&file, certificate)?;
    let file = file.display().to_string();
    let arguments = &["--ca-file", &*file];
    // Anonymous: nothing is at stake, and all is tried.
    let anonymous = Probe {
        arguments,
        is_trusting: false,
        ..Probe::of(HOST)
    };
    let said = anonymous.at(&scene.client);
    let with_log = |failed: Failed| -> Failed {
        let words = failed.message().unwrap_or_default().to_owned();
        format!("{words}\n{}", server.log()).into()
    };
    said.finds(row.finds).map_err(with_log)?;
    said.notes(row.notes)?;
    said.has_status(0)?;
    said.ok(&["epsv-list", "pasv-list", "file", "new-tls-session"])?;
    if !said
        .step("certificate")
        .is_some_and(|(_, d)| d.contains(row.says))
    {
        return Err(format!("`{}` is not said:\n{said}", row.says).into());
    }
    let tls = [
        "--ssl-reqd",
        "--user",
        "anonymous:x",
        "--ciphers",
        "DEFAULT@SECLEVEL=0",
    ];
    if !curl(&scene.client, &format!("ftp://{HOST}/"), &tls) {
        return Err("curl gets no listing".into());
    }
    let is_verified = row.finds.is_empty() && row.notes.is_empty();
    let said = Probe {
        login: Some(("somebody", "secret")),
        ..anonymous
    }
    .at(&scene.client);
    let held = said.step("login").map(|(outcome, _)| outcome == "skipped");
    if held == Some(!is_verified) {
        Ok(())
    } else {
        Err(format!("the login, held or not:\n{said}").into())
    }
}

/// Key and certificate in one text, and the certificate alone.
fn made(row: Row) -> (String, String) {
    let dir = directory();
    let openssl = |arguments: &[&str]| {
        let mut openssl = command("openssl");
        let output = openssl.args(arguments).current_dir(dir.path()).output();
        succeed(&format!("openssl {arguments:?}"), &output.expect("openssl"));
    };
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect(name);
    openssl(&[&["genpkey", "-quiet", "-out", "key"], row.key].concat());
    let of_key = ["req", "-new", "-key", "key", "-subj", "/CN=ftp.example"];
    if row.is_old_form {
        openssl(&[&of_key[..], &["-out", "request"]].concat());
        let sign = ["x509", "-req", "-in", "request", "-days", "1000"];
        openssl(&[&sign[..], &["-signkey", "key", "-out", "certificate"]].concat());
    } else {
        let names = [
            "-x509",
            "-days",
            "1000",
            "-addext",
            "subjectAltName=IP:198.51.100.1",
        ];
        openssl(&[&of_key[..], &names, &["-out", "certificate"]].concat());
    }
    (read("key") + &read("certificate"), read("certificate"))
}
