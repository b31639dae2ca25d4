//! The words of a probe's steps.

use crate::model::ftp::ClientMode;
use crate::model::time::utc;
use crate::probe::reply::Reply;
use crate::probe::seen::{Certificate, End, Fetched, Heard, Held, Idle, Outcome, Trouble, Try};

use super::data::Purpose;

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
    let mut text = names;
    if let Some((_, until)) = certificate.valid {
        text += &format!(", until {}", day(until));
    }
    if !certificate.is_current() {
        text += ": not in its time";
    } else if let Err(why) = &certificate.name {
        text += &format!(": {why}");
    } else if let Err(why) = &certificate.trust {
        text += &format!(": {why}");
    }
    text
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
    let mut text = demands.to_owned();
    text += &match &tried.secured {
        None => String::new(),
        Some(Ok(secured)) if secured.resumed => format!("{}, resumed; ", secured.version),
        Some(Ok(secured)) => format!("{}, a new session; ", secured.version),
        Some(Err(trouble)) => format!("TLS on the data connection: {trouble}"),
    };
    if let Some(taken) = &tried.taken {
        let what = match &tried.fetched {
            Fetched::Listing => lines(&taken.bytes),
            _ => format!("{} bytes", taken.bytes.len()),
        };
        text += &match &taken.end {
            Ok(End::Whole) => what,
            Ok(End::Enough) => format!("{what}, and enough"),
            Err(trouble) => format!("{what}, then {trouble}"),
        };
    }
    match &tried.ended {
        Some(Ok(reply)) if reply.is_positive() => {}
        Some(ended) => text += &format!("; {}", heard(ended)),
        None => {}
    }
    text
}

fn lines(bytes: &[u8]) -> String {
    let count = bytes.iter().filter(|byte| **byte == b'\n').count();
    match count {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

/// What became of connections alone.
pub(super) fn ports(tried: &[Try]) -> String {
    let ports = |wanted: fn(&Trouble) -> bool| -> Vec<String> {
        let failed = |tried: &&Try| matches!(&tried.opened, Some(Err(trouble)) if wanted(trouble));
        let to = |tried: &Try| tried.to.map(|to| to.port().to_string());
        tried.iter().filter(failed).filter_map(to).collect()
    };
    let open = tried.iter().filter(|tried| tried.works()).count();
    let mut text = format!("{open} of {} open", tried.len());
    let kinds: [(&str, fn(&Trouble) -> bool); 4] = [
        ("no answer", |t| matches!(t, Trouble::Silent(_))),
        ("refused", |t| matches!(t, Trouble::Refused)),
        ("rejected by ICMP", |t| {
            matches!(t, Trouble::Rejected { .. })
        }),
        ("failed", |t| {
            !matches!(
                t,
                Trouble::Silent(_) | Trouble::Refused | Trouble::Rejected { .. }
            )
        }),
    ];
    for (words, wanted) in kinds {
        let ports = ports(wanted);
        if !ports.is_empty() {
            text += &format!("; {words}: {}", ports.join(", "));
        }
    }
    if let Some(Try {
        asked,
        opened: None,
        ..
    }) = tried.last()
    {
        text += &format!("; {}", heard(asked));
    }
    text
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
