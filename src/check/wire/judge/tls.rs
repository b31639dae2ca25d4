//! TLS on the control connection, and the certificate.

use crate::check::{Finding, Severity};
use crate::model::check as id;
use crate::model::time::utc;
use crate::probe::seen::{Certificate, Encryption, TlsTrouble, Trouble};

use super::{Bench, error, in_words};

impl Bench<'_> {
    pub(super) fn tls(&self) -> Vec<Finding> {
        let found = self.wants_certificate();
        let found = found
            .or_else(|| self.refused())
            .or_else(|| self.handshake());
        if let Some(found) = found {
            return vec![found];
        }
        let secured = self.sitting.secured.as_ref().and_then(|s| s.as_ref().ok());
        let certificate = secured.and_then(|secured| secured.certificate.as_ref());
        let found = certificate.and_then(|certificate| self.certificate(certificate));
        found.into_iter().chain(self.unprotected()).collect()
    }

    /// The server demands what no FTP client has by itself. In TLS 1.3 the client takes the
    /// handshake for done, and hears of it with the first reply that it waits for.
    pub(super) fn wants_certificate(&self) -> Option<Finding> {
        let sitting = self.sitting;
        let secured = sitting.secured.as_ref().and_then(|s| s.as_ref().err());
        let heard = [&sitting.greeting, &sitting.login].into_iter().flatten();
        let heard = heard.filter_map(|heard| heard.as_ref().err());
        let mut troubles = secured.into_iter().chain(heard);
        let trouble = troubles
            .find(|trouble| matches!(trouble, Trouble::Tls(TlsTrouble::WantsCertificate(_))))?;
        Some(error(
            id::AUTH_TLS_REFUSED,
            "the server demands a certificate of the client, and this one has none".to_owned(),
            vec![self.seen(trouble.to_string())],
            vec![in_words(
                "a client with a certificate that the server knows; or a server that does not \
                 demand one: ProFTPD `TLSVerifyClient off`, vsftpd `require_cert=NO`",
            )],
        ))
    }

    fn refused(&self) -> Option<Finding> {
        let summary = match self.sitting.auth.as_ref()? {
            Ok(reply) if reply.is_positive() => return None,
            // Where TLS was only asked for if it is there, none is no fault. Pure-FTPd lists
            // `AUTH TLS` among its features even where TLS is switched off.
            Ok(_) if self.sitting.encryption == Encryption::Plain => return None,
            Ok(reply) => format!("the server refuses `AUTH TLS`: `{}`", reply.line()),
            Err(trouble) => return Some(self.cut(trouble)),
        };
        Some(error(
            id::AUTH_TLS_REFUSED,
            summary,
            self.step("auth-tls"),
            vec![in_words(
                "switch TLS on in the server, with a certificate and key that it can read; its \
                 log says what it lacks",
            )],
        ))
    }

    fn handshake(&self) -> Option<Finding> {
        let trouble = self.sitting.secured.as_ref()?.as_ref().err()?;
        let step = if self.sitting.encryption == Encryption::Implicit {
            "tls"
        } else {
            "auth-tls"
        };
        Some(match trouble {
            Trouble::Tls(TlsTrouble::TooOld(_)) => self.too_old(step),
            Trouble::Tls(TlsTrouble::Garbage(_)) => {
                let summary = if self.sitting.encryption == Encryption::Implicit {
                    "this port does not speak TLS from the first byte"
                } else {
                    "the server agrees to `AUTH TLS`, and then does not speak TLS"
                };
                let cure = if self.sitting.encryption == Encryption::Implicit {
                    "--tls explicit, or the port that is for implicit TLS (990 by custom)"
                } else {
                    "the server's log says what its TLS lacks: a certificate, a key, a module"
                };
                error(
                    id::AUTH_TLS_REFUSED,
                    summary.to_owned(),
                    self.step(step),
                    vec![in_words(cure)],
                )
            }
            Trouble::Tls(TlsTrouble::Broken(said)) => error(
                id::AUTH_TLS_REFUSED,
                format!("the TLS handshake fails: {said}"),
                self.step(step),
                vec![in_words("the server's log says what its TLS lacks")],
            ),
            trouble => self.cut(trouble),
        })
    }

    /// Nothing in common. Where OpenSSL and GnuTLS have, it is not broken for their clients.
    fn too_old(&self, step: &str) -> Finding {
        let (severity, summary) = match self.sitting.older {
            Some(older) if older.is_taken_elsewhere() => (
                Severity::Warning,
                format!(
                    "the server has no current TLS, and picks {older}: clients with OpenSSL or \
                     GnuTLS (curl, lftp, FileZilla) still take that, newer ones and ftpnat do not"
                ),
            ),
            Some(older) => (
                Severity::Error,
                format!(
                    "the server has no current TLS, and picks {older}, which current clients refuse"
                ),
            ),
            None => (
                Severity::Error,
                "the server speaks no version or cipher of TLS that current clients speak"
                    .to_owned(),
            ),
        };
        Finding {
            severity,
            ..error(
                id::TLS_TOO_OLD,
                summary,
                self.step(step),
                vec![in_words(
                    "let the server speak TLS 1.2 and 1.3 with current ciphers (ECDHE with \
                     AES-GCM); ProFTPD: `TLSProtocol TLSv1.2 TLSv1.3`, vsftpd: `ssl_ciphers=HIGH`",
                )],
            )
        }
    }

    fn cut(&self, trouble: &Trouble) -> Finding {
        let step = if self.sitting.encryption == Encryption::Implicit {
            "tls"
        } else {
            "auth-tls"
        };
        let (summary, cure) = match trouble {
            Trouble::Silent(_) => (
                "TLS begins, and then nothing comes back",
                "from a host beside the server: if it works there, a box on the way drops TLS (its \
                 FTP inspection), or large packets (ICMP `fragmentation needed` must pass)",
            ),
            _ => (
                "the connection ends as TLS begins",
                "from a host beside the server: if it works there, switch off the FTP inspection of \
                 the box on the way; if not, the server's log says what its TLS lacks",
            ),
        };
        error(
            id::AUTH_TLS_CUT,
            format!("{summary}: {trouble}"),
            self.step(step),
            vec![in_words(cure)],
        )
    }

    /// The gravest thing that is wrong with it.
    fn certificate(&self, certificate: &Certificate) -> Option<Finding> {
        let evidence = || {
            let mut seen = vec![self.seen(format!(
                "certificate for {}; issued by {}",
                certificate.names.join(", "),
                certificate.issuer
            ))];
            if let Some((from, until)) = certificate.valid {
                let time = |at: i64| utc(u64::try_from(at).unwrap_or_default());
                seen.push(self.seen(format!(
                    "certificate valid from {} until {}",
                    time(from),
                    time(until)
                )));
            }
            seen
        };
        let Certificate {
            name, proof, trust, ..
        } = certificate;
        let (id, severity, summary, cure) = match (name, proof, trust) {
            _ if !certificate.is_current() => (
                id::CERTIFICATE_EXPIRED,
                Severity::Error,
                match certificate.valid {
                    Some((from, _)) if certificate.now < from => {
                        "the certificate's time has not begun".to_owned()
                    }
                    Some(_) => "the certificate's time is over".to_owned(),
                    None => "the certificate's dates cannot be read".to_owned(),
                },
                "renew the certificate and restart the server; or set the clock of this host",
            ),
            (Err(why), ..) => (
                id::CERTIFICATE_NAME_DIFFERS,
                Severity::Warning,
                format!("the certificate does not fit the name that was called: {why}"),
                "call the server by a name of its certificate, or get one for this name",
            ),
            (_, Err(why), _) => (
                id::CERTIFICATE_UNTRUSTED,
                Severity::Note,
                format!("this client cannot check that the certificate is the server's: {why}"),
                "a certificate with a usual key (RSA of 2048 to 8192 bits, P-256, P-384, Ed25519); \
                 --insecure logs in all the same",
            ),
            (.., Err(why)) => (
                id::CERTIFICATE_UNTRUSTED,
                Severity::Note,
                format!("this host does not trust the certificate: {why}"),
                "--ca-file FILE with the certificate of its authority, or its own where it is \
                 self-signed",
            ),
            (Ok(()), Ok(()), Ok(())) => return None,
        };
        Some(Finding {
            severity,
            ..error(id, summary, evidence(), vec![in_words(cure)])
        })
    }

    /// TLS for the control connection alone.
    fn unprotected(&self) -> Option<Finding> {
        match self.sitting.prot.as_ref()? {
            Ok(reply) if !reply.is_positive() => Some(error(
                id::AUTH_TLS_REFUSED,
                format!(
                    "the server refuses TLS on data connections: `{}`",
                    reply.line()
                ),
                self.step("settings"),
                vec![in_words("let the server accept `PROT P`")],
            )),
            _ => None,
        }
    }
}
