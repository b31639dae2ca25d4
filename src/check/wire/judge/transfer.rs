//! What data connections carry once they are open; and active mode.

use crate::check::{Finding, Severity};
use crate::model::check as id;
use crate::model::ftp::Software;
use crate::probe::reply::Reply;
use crate::probe::seen::{Fetched, Taken, TlsTrouble, Trouble, Try};

use super::data::said;
use super::{Bench, all_of, error, in_words};

impl Bench<'_> {
    /// Passive transfers that fail though the connection opens.
    pub(super) fn transfers(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = self.ended_at_command().into_iter().collect();
        for tried in self.passive().filter(|tried| is_carried(tried)) {
            found.extend(
                self.transfer(tried)
                    .filter(|one| found.iter().all(|other| other.id != one.id)),
            );
        }
        found
    }

    /// `EPSV` or `PASV` ends the session.
    fn ended_at_command(&self) -> Option<Finding> {
        let ends = |tried: &&Try| match &tried.asked {
            Ok(reply) => reply.code == 421,
            Err(trouble) => *trouble != Trouble::Late,
        };
        let tried = self.passive().find(ends)?;
        Some(error(
            id::TRANSFER_NEVER_COMPLETES,
            format!("the control connection does not go on at {}", said(tried)),
            vec![self.seen(said(tried))],
            vec![in_words(
                "the server's log says why, or a box on the way reads FTP and ends it",
            )],
        ))
    }

    fn transfer(&self, tried: &Try) -> Option<Finding> {
        if tried.works() || is_over(tried) {
            return None;
        }
        // A file that may not be read is nobody's fault on the way.
        if let (Fetched::File(..), Some(Ok(reply))) = (&tried.fetched, &tried.began)
            && reply.code >= 500
        {
            return None;
        }
        let evidence = vec![self.seen(told(tried))];
        let words = refusal(tried).map(all_of).unwrap_or_default();
        if self.is_about_reuse(tried, &words) {
            return Some(self.reuse(tried));
        }
        if is_about_source(&words) {
            return Some(error(
                id::DATA_SOURCE_REJECTED,
                "the server refuses the data connection because of the address that it comes from"
                    .to_owned(),
                evidence,
                vec![in_words(
                    "let control and data connections take the same way: no SNAT, proxy or load \
                     balancer for one of them only",
                )],
            ));
        }
        if let Some(what) = stalled(tried) {
            return Some(error(
                id::DATA_STALLS_AFTER_CONNECT,
                format!("the data connection opens, and then {what}"),
                evidence,
                self.on_the_firewall(&format!(
                    "large packets do not pass: let ICMP `fragmentation needed` and ICMPv6 `packet \
                     too big` through, or clamp the segment size on the gateway{}",
                    if has_come(tried) {
                        ""
                    } else {
                        ". Or what took the connection is not the FTP server: see where the \
                         gateway's DNAT leads the passive range"
                    }
                )),
            ));
        }
        Some(error(
            id::TRANSFER_NEVER_COMPLETES,
            incomplete(tried),
            evidence,
            vec![in_words("the reply and the server's log say why")],
        ))
    }

    /// A server that demands resumption says so, or fails just where none was.
    fn is_about_reuse(&self, tried: &Try, words: &str) -> bool {
        if tried.is_resumed() {
            return false;
        }
        let says = ["reuse", "resum"].iter().any(|word| words.contains(word));
        if says || !self.sitting.is_secured() {
            return says;
        }
        // ProFTPD says no more than that.
        let is_proftpd = words.contains("operation not permitted");
        let does_otherwise = || {
            let mut others = self.passive().filter(|other| is_carried(other));
            others.any(|other| other.works() && other.is_resumed())
        };
        is_proftpd || !tried.resume && does_otherwise()
    }

    fn reuse(&self, tried: &Try) -> Finding {
        let mut others = self.passive().filter(|other| is_carried(other));
        let works = others.any(|other| other.works() && other.is_resumed());
        let setting = no_reuse(self.software());
        let (severity, summary, remedy) = if works {
            (
                Severity::Note,
                "the server demands that data connections resume the TLS session: this client \
                 does, and those that do not are refused",
                in_words(&format!(
                    "none, but for clients that cannot resume: {setting}; others may then take \
                     over data connections"
                )),
            )
        } else {
            (
                Severity::Error,
                "the server demands that data connections resume the TLS session, and gives none \
                 that can be resumed; it is no firewall",
                in_words(&format!(
                    "a server that lets its sessions be resumed; or {setting}, and others may \
                     take over data connections"
                )),
            )
        };
        Finding {
            severity,
            ..error(
                id::TLS_SESSION_REUSE_DEMANDED,
                summary.to_owned(),
                vec![self.seen(told(tried))],
                vec![remedy],
            )
        }
    }

    /// Active mode, where it was asked for.
    pub(super) fn active(&self) -> Vec<Finding> {
        let tries = || {
            self.sitting
                .tries
                .iter()
                .filter(|tried| tried.mode.is_active())
        };
        let mut found: Vec<Finding> = Vec::new();
        if let Some(tried) = tries().find(|tried| !is_carried(tried) && !is_over(tried)) {
            let works = tries().any(Try::works);
            found.push(Finding {
                severity: if works {
                    Severity::Warning
                } else {
                    Severity::Error
                },
                ..error(
                    id::ACTIVE_REFUSED,
                    format!("active mode does not work: {}", not_active(tried)),
                    tries().map(|tried| self.seen(told(tried))).collect(),
                    vec![in_words(
                        "use passive mode: under TLS nothing can translate PORT or EPRT",
                    )],
                )
            });
        }
        let stranger =
            |tried: &&Try| matches!(tried.opened, Some(Ok(from)) if from.ip() != self.called());
        if let Some(tried) = tries().find(stranger) {
            found.push(Finding {
                severity: Severity::Warning,
                ..error(
                    id::DATA_PEER_DIFFERS,
                    format!(
                        "the data connection comes from {}, and the server was called at {}",
                        tried
                            .opened
                            .as_ref()
                            .and_then(|o| o.as_ref().ok())
                            .map_or(String::new(), |from| from.ip().to_string()),
                        self.called()
                    ),
                    vec![self.seen(told(tried))],
                    self.on_the_firewall(
                        "SNAT of the server's outgoing connections to the address that clients \
                         call",
                    ),
                )
            });
        }
        found.extend(
            tries()
                .filter(|tried| is_carried(tried))
                .find_map(|tried| self.transfer(tried)),
        );
        found
    }
}

/// Whether it was open and something was to come over it.
fn is_carried(tried: &Try) -> bool {
    tried.fetched != Fetched::Nothing && matches!(tried.opened, Some(Ok(_)))
}

/// Whether the time of the probe ended it.
fn is_over(tried: &Try) -> bool {
    let ends = [&tried.began, &tried.ended];
    ends.into_iter()
        .flatten()
        .any(|heard| matches!(heard, Err(Trouble::Late)))
        || matches!(tried.opened, Some(Err(Trouble::Late)))
        || matches!(tried.asked, Err(Trouble::Late))
}

/// The server's no.
fn refusal(tried: &Try) -> Option<&Reply> {
    let heard = [&tried.ended, &tried.began];
    let replies = heard
        .into_iter()
        .flatten()
        .filter_map(|heard| heard.as_ref().ok());
    replies.into_iter().find(|reply| reply.code >= 400)
}

/// `425 Security: Bad IP connecting.` (vsftpd), and what others say; but not `450 TLS session of
/// data connection has not resumed or the session does not match the control connection`
/// (`FileZilla` Server).
fn is_about_source(words: &str) -> bool {
    let about = [
        "bad ip",
        "ip address",
        "address mismatch",
        "does not match",
        "peer address",
        "security requirements",
    ];
    !words.contains("tls session") && about.iter().any(|word| words.contains(word))
}

/// What did not come over a connection that stays open.
fn stalled(tried: &Try) -> Option<String> {
    if let Some(Err(trouble @ Trouble::Silent(_))) = &tried.secured {
        return Some(format!("TLS does not begin: {trouble}"));
    }
    let taken = tried.taken.as_ref()?;
    let Err(trouble @ Trouble::Silent(_)) = &taken.end else {
        return None;
    };
    Some(format!("{} bytes came: {trouble}", taken.bytes.len()))
}

/// Whether anything came over the data connection, of TLS or of the listing.
fn has_come(tried: &Try) -> bool {
    let is_secured = matches!(tried.secured, Some(Ok(_)));
    let taken = tried.taken.as_ref();
    is_secured || taken.is_some_and(|taken| !taken.bytes.is_empty())
}

fn incomplete(tried: &Try) -> String {
    if let Some(reply) = refusal(tried) {
        return format!("the transfer fails: the server says `{}`", reply.line());
    }
    match (&tried.began, &tried.secured, &tried.taken, &tried.ended) {
        (Some(Err(trouble)), ..) => format!("the data connection opens, and then: {trouble}"),
        (_, Some(Err(Trouble::Tls(TlsTrouble::Garbage(_)))), ..) => {
            "the server agreed to TLS on data connections, and speaks plain on them".to_owned()
        }
        (_, Some(Err(trouble)), ..) => format!("TLS on the data connection fails: {trouble}"),
        (
            ..,
            Some(Taken {
                bytes,
                end: Err(trouble),
            }),
            _,
        ) => {
            format!(
                "the data connection breaks off after {} bytes: {trouble}",
                bytes.len()
            )
        }
        (.., Some(Err(trouble))) => {
            format!("the data came, and the reply behind it did not: {trouble}")
        }
        _ => "the data came, and no reply behind it".to_owned(),
    }
}

fn not_active(tried: &Try) -> String {
    match (&tried.asked, refusal(tried), &tried.opened) {
        (Err(trouble), ..) => trouble.to_string(),
        (Ok(reply), ..) if !reply.is_positive() => format!("the server says `{}`", reply.line()),
        (_, Some(reply), _) => format!("the server says `{}`", reply.line()),
        (_, None, Some(Err(trouble))) => format!("the server does not come: {trouble}"),
        _ => "the server does not come".to_owned(),
    }
}

/// A data connection as evidence has it.
fn told(tried: &Try) -> String {
    let mut words = vec![said(tried)];
    if let Some(Err(trouble)) = &tried.opened {
        words.push(format!("the connection: {trouble}"));
    }
    for (what, heard) in [("LIST", &tried.began), ("then", &tried.ended)] {
        match heard {
            Some(Ok(reply)) => words.push(format!("{what}: `{}`", reply.line())),
            Some(Err(trouble)) => words.push(format!("{what}: {trouble}")),
            None => {}
        }
        if what == "LIST" {
            words.extend(carried(tried));
        }
    }
    words.join("; ")
}

fn carried(tried: &Try) -> Vec<String> {
    let mut words = Vec::new();
    match &tried.secured {
        Some(Ok(secured)) => words.push(secured.to_string()),
        Some(Err(trouble)) => words.push(format!("TLS on it: {trouble}")),
        None => {}
    }
    if let Some(taken) = &tried.taken {
        let end = taken.end.as_ref().err();
        let end = end
            .map(|trouble| format!(", then {trouble}"))
            .unwrap_or_default();
        words.push(format!("{} bytes{end}", taken.bytes.len()));
    }
    words
}

/// The setting that does without resumption.
fn no_reuse(software: Software) -> &'static str {
    match software {
        Software::Proftpd => "`TLSOptions NoSessionReuseRequired` in ProFTPD's tls.conf",
        Software::Vsftpd => "`require_ssl_reuse=NO` in vsftpd.conf",
        _ => "the server's switch for it",
    }
}
