//! Data connections: asked for, opened, used.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use crate::model::ftp::ClientMode;
use crate::model::host_port::{extended, host_port, parse_extended_passive, parse_host_port};
use crate::probe::reply::Reply;
use crate::probe::seen::{End, Fetched, Heard, Sitting, Taken, Trouble, Try};

use super::client::Client;
use super::control::lost;
use super::{Errand, Purpose, login, words};

/// The longest listing, and the most of a file, that is taken.
pub(super) const MOST_BYTES: u64 = 1024 * 1024;
/// How long a server is listened to for why a transfer failed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A listing in each passive mode; whether the session can go on.
pub(super) async fn listings(client: &mut Client, errand: &Errand, sitting: &mut Sitting) -> bool {
    let passive = [
        ("epsv-list", ClientMode::Epsv),
        ("pasv-list", ClientMode::Pasv),
    ];
    list(client, errand, sitting, &passive).await
}

/// A listing in each of these modes that the address allows: `PASV` and `PORT` can name none of
/// IPv6.
pub(super) async fn list(
    client: &mut Client,
    errand: &Errand,
    sitting: &mut Sitting,
    modes: &[(&'static str, ClientMode)],
) -> bool {
    let is_ipv4 = sitting.called.is_ipv4();
    for (step, mode) in modes.iter().copied() {
        let purpose = Purpose {
            step,
            mode,
            fetched: Fetched::Listing,
            resume: true,
        };
        let is_possible = is_ipv4 || !mode.is_ipv4_only();
        if is_possible && !transfer(client, errand, sitting, purpose).await {
            return false;
        }
    }
    true
}

/// One data connection as a step; whether the session can go on behind it.
pub(super) async fn transfer(
    client: &mut Client,
    errand: &Errand,
    sitting: &mut Sitting,
    purpose: Purpose,
) -> bool {
    let what = words::purpose(&purpose);
    client.begin(what).await;
    let tried = if purpose.mode.is_active() {
        active(client, sitting, &purpose).await
    } else {
        passive(client, errand, sitting, &purpose).await
    };
    let outcome = words::outcome(words::is_as_wanted(&tried));
    client.end(purpose.step, outcome, words::tried(&tried));
    let goes_on = goes_on(client, errand, sitting, &tried).await;
    if !goes_on {
        let (command, why) = fault_of_control(&tried);
        sitting.lost = Some((command, why));
    }
    sitting.tries.push(tried);
    goes_on
}

/// Whether the next command can be sent; where what the server will say next cannot be known,
/// in a session that begins anew.
async fn goes_on(client: &mut Client, errand: &Errand, sitting: &Sitting, tried: &Try) -> bool {
    let last = tried.ended.as_ref().or(tried.began.as_ref());
    let last = last.unwrap_or(&tried.asked);
    match last {
        Err(Trouble::Late) => false,
        // Between LIST and the reply behind it anything may still come.
        Ok(reply) if reply.code != 421 && !reply.is_preliminary() => true,
        _ => login::again(client, errand, sitting).await,
    }
}

/// At which command the control connection was lost, and how.
fn fault_of_control(tried: &Try) -> (String, Trouble) {
    let command = match (&tried.ended, &tried.began) {
        (Some(_), _) => "the end of the transfer".to_owned(),
        (None, Some(_)) => "LIST".to_owned(),
        (None, None) => tried.mode.to_string(),
    };
    let heard = tried.ended.as_ref().or(tried.began.as_ref());
    (command, lost(heard.unwrap_or(&tried.asked)))
}

/// A data connection that the client opens.
pub(super) async fn passive(
    client: &mut Client,
    errand: &Errand,
    sitting: &Sitting,
    purpose: &Purpose,
) -> Try {
    let asked = client.say(&purpose.mode.to_string()).await;
    let mut tried = Try::asked(purpose.mode, asked);
    tried.resume = purpose.resume;
    let called = sitting.called;
    let is_taken = matches!(&tried.asked, Ok(reply) if reply.is_positive());
    let reply = client.heard().filter(|_| is_taken);
    tried.named = reply.and_then(|reply| named(reply, purpose.mode, called));
    let Some(named) = tried.named.filter(|named| named.port() != 0) else {
        return tried;
    };
    // A reply that points elsewhere is not obeyed unless that is wished for.
    let to = if errand.follow {
        named
    } else {
        SocketAddr::new(called.ip(), named.port())
    };
    tried.to = Some(to);
    let opened = client.open(to, patience(client, sitting)).await;
    let opened = opened.map(|()| to);
    let is_open = opened.is_ok();
    tried.opened = Some(opened);
    if is_open {
        tried.fetched = purpose.fetched.clone();
        carry(client, sitting, &mut tried).await;
    }
    client.close_data().await;
    tried
}

/// How long a connection is waited for: where silence is known already, not as long.
fn patience(client: &Client, sitting: &Sitting) -> Duration {
    let is_silent = |tried: &Try| matches!(tried.opened, Some(Err(Trouble::Silent(_))));
    let before = client
        .account
        .sittings
        .iter()
        .flat_map(|other| &other.tries);
    let mut all = before.chain(&sitting.tries);
    if all.any(is_silent) {
        client.patience.again
    } else {
        client.patience.connect
    }
}

/// A data connection that the server opens.
async fn active(client: &mut Client, sitting: &Sitting, purpose: &Purpose) -> Try {
    let at = match client.listen().await {
        Ok(at) => at,
        Err(trouble) => return Try::asked(purpose.mode, Err(trouble)),
    };
    let asked = client.say(&offer(purpose.mode, at)).await;
    let is_taken = matches!(&asked, Ok(reply) if reply.is_positive());
    let mut tried = Try::asked(purpose.mode, asked);
    tried.named = Some(at);
    if is_taken {
        tried.fetched = purpose.fetched.clone();
        carry(client, sitting, &mut tried).await;
    }
    client.close_data().await;
    tried
}

/// `PORT` names addresses of IPv4 only; one that is mapped into IPv6 is one.
pub(super) fn offer(mode: ClientMode, at: SocketAddr) -> String {
    match SocketAddr::new(at.ip().to_canonical(), at.port()) {
        SocketAddr::V4(at) if mode == ClientMode::Port => format!("PORT {}", host_port(at)),
        at => format!("EPRT {}", extended(at)),
    }
}

/// Asks for the data and takes it.
async fn carry(client: &mut Client, sitting: &Sitting, tried: &mut Try) {
    let command = match &tried.fetched {
        Fetched::Listing => "LIST".to_owned(),
        Fetched::File(_, name) => format!("RETR {name}"),
        Fetched::Nothing => return,
    };
    let began = client.say(&command).await;
    let goes_on = matches!(&began, Ok(reply) if reply.code < 300);
    let is_over = matches!(&began, Ok(reply) if !reply.is_preliminary());
    let is_silent = matches!(&began, Err(Trouble::Silent(_)));
    tried.began = Some(began.clone());
    if tried.mode.is_active() && (goes_on || is_silent) {
        let opened = client.accept().await;
        let is_open = opened.is_ok();
        tried.opened = Some(opened);
        if !is_open {
            tried.ended = last_words(client, goes_on).await;
            return;
        }
    }
    if !goes_on {
        return;
    }
    if sitting.is_secured() {
        let secured = client.secure_data(tried.resume).await;
        let is_secured = secured.is_ok();
        tried.secured = Some(secured);
        if !is_secured {
            tried.ended = last_words(client, !is_over).await;
            return;
        }
    }
    let taken = client.take(MOST_BYTES).await;
    client.close_data().await;
    let is_whole = taken.end.is_ok();
    tried.taken = Some(taken);
    tried.ended = if is_over {
        Some(began)
    } else if is_whole {
        Some(client.hear_final(client.patience.data).await)
    } else {
        last_words(client, true).await
    };
}

/// What the server says of a transfer that failed, if it says anything.
async fn last_words(client: &mut Client, is_awaited: bool) -> Option<Heard> {
    client.close_data().await;
    if !is_awaited {
        return None;
    }
    let patience = client.patience.data.min(LAST_WORDS);
    match client.hear_final(patience).await {
        Err(Trouble::Silent(_)) => None,
        heard => Some(heard),
    }
}

/// The address that a reply names: in its last line, as clients take it.
pub(super) fn named(reply: &Reply, mode: ClientMode, called: SocketAddr) -> Option<SocketAddr> {
    let text = reply.lines.last()?;
    match mode {
        ClientMode::Epsv => {
            let port = parse_extended_passive(text)?;
            Some(SocketAddr::new(called.ip(), port))
        }
        _ => parse_host_port(text).map(SocketAddrV4::into),
    }
}

/// The listing that a session got.
pub(super) fn listing(sitting: &Sitting) -> Option<&Taken> {
    let of_listing = |tried: &&Try| tried.fetched == Fetched::Listing && tried.works();
    let tried = sitting.tries.iter().find(of_listing)?;
    tried
        .taken
        .as_ref()
        .filter(|taken| taken.end == Ok(End::Whole))
}
