//! The words of a probe's steps.

use crate::model::ftp::ClientMode;
use crate::model::time::utc;
use crate::probe::reply::Reply;
use crate::probe::seen::{
    Certificate, End, Fetched, Heard, Held, Idle, Outcome, Secured, Taken, Trouble, Try,
};

use super::Purpose;

/// The most of a reply that a step repeats, in characters.
const MOST: usize = 160;

pub(super) fn outcome(is_ok: bool) -> Outcome {
    if is_ok { Outcome::Ok } else { Outcome::Failed }
}

/// The first and the last line of what was heard say what it is about.
pub(super) fn heard(heard: &Heard) -> String {
    match heard {
        Ok(reply) => line(reply),
        Err(trouble) => trouble.to_string(),
    }
}

pub(super) fn line(reply: &Reply) -> String {
    let line = reply.line();
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// What of a server's features matters here.
pub(super) fn features(reply: &Reply) -> String {
    let has = |feature: &&str| {
        reply.lines.iter().any(|line| {
            let line = line.trim().to_ascii_uppercase();
            line.starts_with(*feature)
        })
    };
    let of_interest = ["AUTH TLS", "PBSZ", "PROT", "EPSV", "EPRT", "UTF8"];
    let found: Vec<&str> = of_interest.iter().filter(|f| has(f)).copied().collect();
    if found.is_empty() {
        "none that matter here".to_owned()
    } else {
        found.join(", ")
    }
}

pub(super) fn held(held: Held) -> String {
    let why = match held {
        Held::Plain => "the password would travel in plain",
        Held::Unverified => "the certificate does not verify",
    };
    format!("not sent: {why} (--insecure sends it)")
}

pub(super) fn certificate(certificate: &Certificate) -> String {
    let names = match &certificate.names[..] {
        [] => "no name".to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    };
    let until = certificate
        .valid
        .map(|(_, until)| format!(", until {}", day(until)));
    let doubts = [&certificate.name, &certificate.proof, &certificate.trust];
    let why = match doubts.into_iter().find_map(|doubt| doubt.as_ref().err()) {
        _ if !certificate.is_current() => ": not in its time".to_owned(),
        Some(why) => format!(": {why}"),
        None => String::new(),
    };
    format!("{names}{}{why}", until.unwrap_or_default())
}

/// A day as `2026-11-27`.
fn day(seconds: i64) -> String {
    let text = utc(u64::try_from(seconds).unwrap_or_default());
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// What is being done, for who waits.
pub(super) fn purpose(purpose: &Purpose) -> String {
    let what = match &purpose.fetched {
        Fetched::Listing => "a listing",
        Fetched::File(..) => "a file",
        Fetched::Nothing => "a connection",
    };
    let fresh = if purpose.resume {
        ""
    } else {
        " with a TLS session of its own"
    };
    format!("{what} by {}{fresh}", purpose.mode)
}

/// Whether a step that tries this is a good one. That a server refuses a TLS session of its own
/// is its right.
pub(super) fn is_as_wanted(tried: &Try) -> bool {
    let is_refused = !tried.resume && matches!(tried.opened, Some(Ok(_)));
    (tried.works() || is_refused) && (tried.mode != ClientMode::Pasv || tried.named == tried.to)
}

/// How a data connection went: as far as it came.
pub(super) fn tried(tried: &Try) -> String {
    let refused = |reply: &Reply| format!("{}: {}", tried.mode, line(reply));
    let port = match (&tried.asked, tried.named, tried.to) {
        (Err(trouble), ..) => return format!("{}: {trouble}", tried.mode),
        (Ok(reply), ..) if !reply.is_positive() => return refused(reply),
        (Ok(reply), None, _) => return format!("no address can be read in `{}`", line(reply)),
        (Ok(reply), Some(_), None) if !tried.mode.is_active() => return refused(reply),
        (Ok(_), Some(named), Some(to)) if named.ip() != to.ip() => {
            format!("the reply names {named}, tried {to}: ")
        }
        (Ok(_), _, Some(to)) => format!("port {}: ", to.port()),
        (Ok(_), Some(at), None) => match &tried.opened {
            Some(Ok(from)) => format!("{from} came to port {}: ", at.port()),
            _ => format!("port {} of this host: ", at.port()),
        },
    };
    port + &carried(tried)
}

fn carried(tried: &Try) -> String {
    if let Some(Err(trouble)) = &tried.opened {
        let ended = tried
            .ended
            .as_ref()
            .map(|ended| format!("; {}", heard(ended)));
        return format!("{trouble}{}", ended.unwrap_or_default());
    }
    match &tried.began {
        None => return "open".to_owned(),
        Some(Ok(reply)) if reply.code < 300 => {}
        Some(began) => return heard(began),
    }
    let demands = if tried.resume || tried.works() {
        ""
    } else {
        "refused: "
    };
    let parts = [
        tried.secured.as_ref().map(secured),
        tried.taken.as_ref().map(|taken| took(tried, taken)),
        tried.ended.as_ref().and_then(|ended| match ended {
            Ok(reply) if reply.is_positive() => None,
            ended => Some(heard(ended)),
        }),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{demands}{}", parts.join("; "))
}

fn secured(secured: &Result<Secured, Trouble>) -> String {
    match secured {
        Ok(secured) => secured.to_string(),
        Err(trouble) => format!("TLS on the data connection: {trouble}"),
    }
}

fn took(tried: &Try, taken: &Taken) -> String {
    let what = match &tried.fetched {
        Fetched::Listing => lines(&taken.bytes),
        _ => format!("{} bytes", taken.bytes.len()),
    };
    match &taken.end {
        Ok(End::Whole) => what,
        Ok(End::Enough) => format!("{what}, and enough"),
        Err(trouble) => format!("{what}, then {trouble}"),
    }
}

fn lines(bytes: &[u8]) -> String {
    match bytes.split(|byte| *byte == b'\n').count() - 1 {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

/// What became of connections alone, those that failed by how.
pub(super) fn ports(tried: &[Try]) -> String {
    let open = tried.iter().filter(|tried| tried.works()).count();
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    for one in tried {
        let (Some(Err(trouble)), Some(to)) = (&one.opened, one.to) else {
            continue;
        };
        let kind = kind(trouble);
        let port = to.port().to_string();
        match kinds.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, ports)) => ports.push(port),
            None => kinds.push((kind, vec![port])),
        }
    }
    let mut parts = vec![format!("{open} of {} open", tried.len())];
    let failed = kinds.iter();
    parts.extend(failed.map(|(kind, ports)| format!("{kind}: {}", ports.join(", "))));
    if let Some(Try {
        asked,
        opened: None,
        ..
    }) = tried.last()
    {
        parts.push(heard(asked));
    }
    parts.join("; ")
}

fn kind(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Silent(_) => "no answer",
        Trouble::Refused => "refused",
        Trouble::Rejected { .. } => "rejected by ICMP",
        _ => "failed",
    }
}

/// Whether an idle session was not cut by others.
pub(super) fn survived(idle: &Idle) -> bool {
    let said = idle.meanwhile.as_ref().or(idle.after.as_ref());
    matches!(said, Some(Ok(_)))
}

pub(super) fn idle(idle: &Idle) -> String {
    let time = idle.time.as_secs();
    match (&idle.meanwhile, &idle.after) {
        (Some(Ok(reply)), _) => format!("the server itself spoke within {time} s: {}", line(reply)),
        (Some(Err(trouble)), _) => format!("within {time} s: {trouble}"),
        (None, Some(Ok(reply))) => format!("after {time} s: {}", line(reply)),
        (None, Some(Err(trouble))) => format!("after {time} s: {trouble}"),
        (None, None) => format!("{time} s"),
    }
}
