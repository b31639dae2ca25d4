//! Servers of TLS that is withdrawn: a few lines of Python, whose OpenSSL still speaks it when
//! it is told to.

use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use ftpnat::model::ftp::Tls;
use tempfile::TempDir;

use crate::setup::certificate;
use crate::support::netns::Namespace;
use crate::support::{directory, wait_until};

/// A server that runs; ends with its owner.
pub(crate) struct Old {
    child: Child,
    _dir: TempDir,
}

/// `version`: `TLSv1`, `TLSv1_1`, or `CIPHERS` for TLS 1.2 with CBC and static RSA alone.
pub(crate) fn start(namespace: &Namespace, version: &str, tls: Tls) -> Old {
    let dir = directory();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("certificate.pem"), certificate(&["198.51.100.1"])).expect("it");
    std::fs::write(path("server.py"), SERVER).expect("the server");
    let port = port(tls);
    let child = namespace
        .command("/usr/bin/python3")
        .arg(path("server.py"))
        .arg(path("certificate.pem"))
        .args([version, &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Python");
    let listens = wait_until(Duration::from_secs(20), || {
        namespace.inside(move || TcpStream::connect(("127.0.0.1", port)).is_ok())
    });
    assert!(listens, "the server does not listen");
    Old { child, _dir: dir }
}

/// Whether OpenSSL's client handshakes with it: told to be as old, and by itself with old
/// ciphers.
pub(crate) fn handshakes(client: &Namespace, version: &str, tls: Tls) -> bool {
    let mut openssl = client.command("openssl");
    openssl.args(["s_client", "-connect"]);
    openssl.arg(format!("198.51.100.1:{}", port(tls)));
    let is_told = ["-cipher", "ALL:@SECLEVEL=0"];
    match version {
        "TLSv1" => openssl.arg("-tls1").args(is_told),
        "TLSv1_1" => openssl.arg("-tls1_1").args(is_told),
        _ => &mut openssl,
    };
    if tls != Tls::Implicit {
        openssl.args(["-starttls", "ftp"]);
    }
    let output = openssl.output().expect("openssl");
    output.status.success()
}

fn port(tls: Tls) -> u16 {
    if tls == Tls::Implicit { 990 } else { 21 }
}

impl Drop for Old {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SERVER: &str = r#"
import socket, ssl, sys, threading, warnings
warnings.simplefilter("ignore")
certificate, version, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
if version == "CIPHERS":
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:AES256-SHA:@SECLEVEL=0")
else:
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
context.load_cert_chain(certificate)

def session(plain):
    try:
        if port == 990:
            plain = context.wrap_socket(plain, server_side=True)
        plain.sendall(b"220 old\r\n")
        for line in plain.makefile("rb"):
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"AUTH":
                plain.sendall(b"234 go\r\n")
                plain = context.wrap_socket(plain, server_side=True)
                plain.recv(100)
                return
            plain.sendall(b"500 what?\r\n" if verb != b"QUIT" else b"221 bye\r\n")
    except (OSError, ssl.SSLError):
        pass
    finally:
        plain.close()

listener = socket.create_server(("", port), backlog=50)
while True:
    threading.Thread(target=session, args=(listener.accept()[0],), daemon=True).start()
"#;
