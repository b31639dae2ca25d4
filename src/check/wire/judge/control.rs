//! The control connection and the login.

use crate::check::{Evidence, Finding, Severity};
use crate::model::check as id;
use crate::probe::reply::{Malformed, Reply};
use crate::probe::seen::{Encryption, Heard, Trouble};

use super::{Bench, all_of, error, in_words, who};

impl Bench<'_> {
    /// At most one finding: what fails first ends the session.
    pub(super) fn control(&self) -> Vec<Finding> {
        let idle = self.idle();
        let first = self.call().or_else(|| match self.wants_certificate() {
            Some(_) => None,
            None => self.greeting().or_else(|| self.login()),
        });
        let first = first.or_else(|| self.lost());
        first.into_iter().chain(idle).collect()
    }

    fn call(&self) -> Option<Finding> {
        let trouble = self.sitting.call.as_ref().err()?;
        let to = self.sitting.called;
        let evidence = self.step("connect");
        let found = match trouble {
            Trouble::NoWay(_) | Trouble::Late => return None,
            Trouble::Refused => error(
                id::CONTROL_REFUSED,
                format!("{to} refuses connections: the host answers, and no server listens there"),
                evidence,
                vec![in_words(
                    "on the server: `ss -ltnp` shows what listens; start the FTP server, or call \
                     the port that it listens on with --port",
                )],
            ),
            Trouble::Rejected { by, said } => {
                let by = who(*by);
                error(
                    id::CONTROL_REJECTED_BY_ICMP,
                    format!("{by} rejects connections to {to}: {said}"),
                    evidence,
                    self.on_the_firewall(&format!(
                        "on {by}: accept new connections to port {} before the rule that rejects",
                        to.port()
                    )),
                )
            }
            _ => error(
                id::CONTROL_SILENT,
                format!("nothing answers at {to}: a firewall drops it, or no host is there"),
                evidence,
                self.on_the_firewall(&format!(
                    "let port {} in on every firewall on the way, cloud groups included",
                    to.port()
                )),
            ),
        };
        Some(self.beside_another(found))
    }

    /// A name of which one address works and another does not. Who is refused there goes on to
    /// the next at once, and who gets no answer waits.
    fn beside_another(&self, found: Finding) -> Finding {
        let mut others = self.account.sittings.iter();
        let Some(other) = others.find(|o| o.called != self.sitting.called && o.call.is_ok()) else {
            return found;
        };
        let severity = if found.id == id::CONTROL_SILENT {
            Severity::Error
        } else {
            Severity::Warning
        };
        let mut remedy = found.remedy;
        remedy.push(in_words(&format!(
            "or take the address {} out of the name's: clients try it before {}, or after",
            self.called(),
            other.called.ip()
        )));
        Finding {
            severity,
            summary: format!("{}; {} answers", found.summary, other.called),
            remedy,
            ..found
        }
    }

    fn greeting(&self) -> Option<Finding> {
        let evidence = self.step("greeting");
        let (summary, cure) = match self.sitting.greeting.as_ref()? {
            Ok(reply) if reply.code / 100 == 2 => return None,
            Ok(reply) if reply.code == 421 => (
                format!("the server turns the client away: `{}`", reply.line()),
                "the server's own limits (sessions, hosts.deny, TCP wrappers): its log says which",
            ),
            Ok(reply) => (
                format!("the server is not ready: `{}`", reply.line()),
                "the server's log says why",
            ),
            Err(Trouble::Silent(_)) => (
                "the connection opens, and the server does not greet".to_owned(),
                "if this port is for implicit TLS: --tls implicit; otherwise the server may be \
                 looking up the client's name (ProFTPD: `UseReverseDNS off`), or its program hangs",
            ),
            Err(Trouble::Malformed(Malformed::NoCode(line))) if line.starts_with("SSH-") => (
                "an SSH server answers there: SFTP is another protocol than FTP, with TLS or without"
                    .to_owned(),
                "call the port of the FTP server: 21 by custom, 990 for implicit TLS",
            ),
            Err(Trouble::Malformed(_)) => (
                "what answers there does not speak FTP".to_owned(),
                "call the port of the FTP server, or see where NAT leads this one",
            ),
            Err(trouble) => (
                format!("the connection opens, and then: {trouble}"),
                "the server's log says why; TCP wrappers and per-client limits do this",
            ),
        };
        Some(error(
            id::GREETING_NOT_READY,
            summary,
            evidence,
            vec![in_words(cure)],
        ))
    }

    fn login(&self) -> Option<Finding> {
        let heard = self.sitting.login.as_ref()?;
        let is_plain = self.sitting.encryption == Encryption::Plain;
        let (summary, cure) = match heard {
            Ok(reply) if reply.code / 100 == 2 => return None,
            Ok(reply) if is_plain && demands_tls(reply) => (
                format!("the server lets nobody in without TLS: `{}`", reply.line()),
                "--tls explicit",
            ),
            Ok(reply) if self.account.is_anonymous => (
                format!(
                    "the server lets no anonymous user in, and no other was named: `{}`",
                    reply.line()
                ),
                "--user NAME, with the password in FTPNAT_PASSWORD or by --password-file: what \
                 comes behind the login is not tried without one",
            ),
            Ok(reply) => (
                format!("the server refuses the login: `{}`", reply.line()),
                "the name and password that the server knows; it is no firewall",
            ),
            Err(trouble) => (
                format!("the session ends at the login: {trouble}"),
                "the server's log says why",
            ),
        };
        Some(error(
            id::LOGIN_REFUSED,
            summary,
            self.step("login"),
            vec![in_words(cure)],
        ))
    }

    /// A session that ended where it should not have, before or after the login.
    fn lost(&self) -> Option<Finding> {
        let (command, trouble) = self.sitting.lost.as_ref()?;
        if matches!(trouble, Trouble::Late) {
            return None;
        }
        let seen = Evidence {
            source: format!("{}, {command}", self.session()),
            text: trouble.to_string(),
        };
        let id = if self.sitting.login.is_none() {
            id::GREETING_NOT_READY
        } else if self
            .sitting
            .tries
            .iter()
            .any(|tried| tried.opened.is_some())
        {
            // What became of the transfer says more.
            return None;
        } else {
            id::TRANSFER_NEVER_COMPLETES
        };
        Some(error(
            id,
            format!("the control connection does not go on at {command}: {trouble}"),
            vec![seen],
            vec![in_words(
                "the server's log says why, or a box on the way reads FTP and ends it",
            )],
        ))
    }

    fn idle(&self) -> Option<Finding> {
        let idle = self.sitting.idle.as_ref()?;
        let heard: &Heard = idle.meanwhile.as_ref().or(idle.after.as_ref())?;
        // A server that says so ends the session itself.
        let trouble = heard.as_ref().err()?;
        if matches!(trouble, Trouble::Late) {
            return None;
        }
        let time = idle.time.as_secs();
        let summary = match idle.meanwhile {
            Some(_) => format!("the control connection was cut within {time} s without a word"),
            None => format!("after {time} s of silence the control connection is dead: {trouble}"),
        };
        Some(Finding {
            severity: Severity::Warning,
            ..error(
                id::IDLE_CONTROL_CUT,
                summary,
                self.step("idle"),
                vec![in_words(
                    "keepalive on the server, more often than the box on the way forgets (ProFTPD: \
                     `SocketOptions keepalive on`), or a longer idle time on that box",
                )],
            )
        })
    }
}

/// Whether a refusal is about TLS: `550 SSL/TLS required`, `530 Non-anonymous sessions must use
/// encryption`, `421 ... cleartext sessions are not accepted`.
fn demands_tls(reply: &Reply) -> bool {
    let words = all_of(reply);
    ["ssl", "tls", "encrypt", "cleartext", "secure"]
        .iter()
        .any(|word| words.contains(word))
}
