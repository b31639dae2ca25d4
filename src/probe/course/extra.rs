//! What a session tries once it knows whether listings arrive: a file, a TLS session that is
//! not resumed, more ports, active mode, idleness.

use std::time::Duration;

use crate::model::ftp::ClientMode;
use crate::probe::seen::{Fetched, Idle, Outcome, Sitting, Trouble, Try};

use super::client::Client;
use super::control::is_in_session;
use super::data::{self, listing, transfer};
use super::{Errand, Purpose, words};

/// How many ports of the range are tried in all: of a range that is half open, each finds the
/// open half by chance.
const PORTS: usize = 8;
/// A file that is more than a packet.
const LONG: u64 = 4096;

/// All of them, one after the other, as long as the session stands. What servers end sessions
/// for comes last.
pub(super) async fn all(client: &mut Client, errand: &Errand, sitting: &mut Sitting) {
    let works = sitting.tries.iter().find(|tried| tried.works());
    let mode = works.map(|tried| tried.mode);
    if let Some(mode) = mode
        && !file(client, errand, sitting, mode).await
    {
        return;
    }
    if !more_ports(client, errand, sitting).await {
        return;
    }
    if errand.active && !active(client, errand, sitting).await {
        return;
    }
    if let Some(time) = errand.idle
        && !idle(client, sitting, time).await
    {
        return;
    }
    if let Some(mode) = mode
        && sitting.is_secured()
    {
        afresh(client, errand, sitting, mode).await;
    }
}

/// A transfer that is long enough for large packets.
async fn file(
    client: &mut Client,
    errand: &Errand,
    sitting: &mut Sitting,
    mode: ClientMode,
) -> bool {
    let found = listing(sitting).and_then(|taken| long_file(&taken.bytes));
    let Some((size, name)) = found else {
        let why = "no file of 4 KiB or more is listed: not seen whether large packets pass";
        client.end("file", Outcome::Skipped, why);
        return true;
    };
    let purpose = Purpose {
        step: "file",
        mode,
        fetched: Fetched::File(size, name),
        resume: true,
    };
    transfer(client, errand, sitting, purpose).await
}

/// The file of a listing that is long enough and no longer than need be: its size and name.
/// `ls -l` is what nearly all servers imitate; of another form nothing is taken.
fn long_file(listing: &[u8]) -> Option<(u64, String)> {
    let text = String::from_utf8_lossy(listing);
    let files = text.lines().filter_map(|line| {
        let (size, name) = entry(line)?;
        let is_sound =
            !name.is_empty() && !name.contains(|c: char| c.is_control() || c == '\u{fffd}');
        (size >= LONG && is_sound).then(|| (size, name.to_owned()))
    });
    files.min()
}

/// `-rw-r--r--   1 user group 12345 Nov 23 20:16 name`.
fn entry(line: &str) -> Option<(u64, &str)> {
    let mut rest = line.strip_prefix('-')?;
    let mut size = None;
    for number in 0..8 {
        let (field, behind) = rest.split_once(' ')?;
        if number == 4 {
            size = field.parse().ok();
        }
        // The name alone may begin with blanks.
        rest = if number < 7 {
            behind.trim_start()
        } else {
            behind
        };
    }
    Some((size?, rest))
}

/// A listing with a TLS session that is not resumed, to learn whether the server demands that.
async fn afresh(client: &mut Client, errand: &Errand, sitting: &mut Sitting, mode: ClientMode) {
    let purpose = Purpose {
        step: "new-tls-session",
        mode,
        fetched: Fetched::Listing,
        resume: false,
    };
    transfer(client, errand, sitting, purpose).await;
}

/// Connections to more ports of the range, where any was named at all.
async fn more_ports(client: &mut Client, errand: &Errand, sitting: &mut Sitting) -> bool {
    let modes = differing_modes(sitting);
    let mut modes = modes.iter().cycle();
    let begun = sitting.tries.len();
    client.begin("trying more ports of the passive range").await;
    let mut stands = true;
    while stands && sitting.tries.len() < PORTS {
        let Some(mode) = modes.next() else {
            return true;
        };
        let purpose = Purpose {
            step: "more-ports",
            mode: *mode,
            fetched: Fetched::Nothing,
            resume: true,
        };
        let tried = data::passive(client, errand, sitting, &purpose).await;
        stands = is_in_session(&tried.asked);
        let is_refused = tried.to.is_none();
        sitting.tries.push(tried);
        if is_refused {
            break;
        }
    }
    let tried = &sitting.tries[begun..];
    let outcome = words::outcome(tried.iter().all(Try::works));
    client.end("more-ports", outcome, words::ports(tried));
    stands
}

/// The modes in which ports were called; the first one alone, unless one opened and another did
/// not: a box on the way may read the replies to one of them only.
fn differing_modes(sitting: &Sitting) -> Vec<ClientMode> {
    let called = sitting.tries.iter().filter_map(|tried| {
        let opened = tried.opened.as_ref()?;
        Some((tried.mode, opened.is_ok()))
    });
    let mut modes: Vec<(ClientMode, bool)> = Vec::new();
    for (mode, is_open) in called {
        if modes.iter().all(|(_, other)| *other != is_open) {
            modes.push((mode, is_open));
        }
    }
    modes.into_iter().map(|(mode, _)| mode).collect()
}

async fn active(client: &mut Client, errand: &Errand, sitting: &mut Sitting) -> bool {
    let active = [
        ("port-list", ClientMode::Port),
        ("eprt-list", ClientMode::Eprt),
    ];
    data::list(client, errand, sitting, &active).await
}

/// Silence on the control connection, and then a word; whether it stands behind that.
async fn idle(client: &mut Client, sitting: &mut Sitting, time: Duration) -> bool {
    client.begin(format!("idle for {} s", time.as_secs())).await;
    let meanwhile = match client.hear_for(time).await {
        Err(Trouble::Silent(_)) => None,
        heard => Some(heard),
    };
    let after = match &meanwhile {
        None => Some(client.say("NOOP").await),
        Some(_) => None,
    };
    let idle = Idle {
        time,
        meanwhile,
        after,
    };
    client.end(
        "idle",
        words::outcome(words::survived(&idle)),
        words::idle(&idle),
    );
    let stands = matches!(&idle.after, Some(heard) if is_in_session(heard));
    sitting.idle = Some(idle);
    stands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_of_the_long_files_is_taken() {
        let listing = b"total 3\r\n\
            drwxr-xr-x   2 ftp ftp 8192 Nov 23 20:16 folder\r\n\
            -rw-r--r--   1 ftp ftp  900 Nov 23 20:16 short\r\n\
            -rw-r--r--   1 ftp ftp 99999 Nov 23 20:16 longer\r\n\
            -rw-r--r--   1 ftp ftp 5000 Nov 23  2025 annual report.pdf\r\n\
            -rw-r--r--   1 ftp ftp 4999 Nov 23  2025 a\x1b[2J\r\n";
        assert_eq!(
            long_file(listing),
            Some((5000, "annual report.pdf".to_owned()))
        );
        for none in [
            &b""[..],
            b"-\r\n",
            b"11-23-25 08:16PM 5000 x\r\n",
            b"- - - - x - - - n",
        ] {
            assert_eq!(long_file(none), None);
        }
    }
}
