//! The control connection: from its first packet to TLS.

use crate::probe::hello::{Spoken, hello, spoken};
use crate::probe::reply::Reply;
use crate::probe::seen::{Encryption, Heard, Outcome, Secured, Sitting, TlsTrouble, Trouble};

use super::client::Client;
use super::{Errand, words};

/// In how many pieces a server's hello, which fits into a packet, may come.
const MOST_PIECES: usize = 8;

/// Calls the server and begins the session; whether it can go on.
pub(super) async fn begin(client: &mut Client, errand: &Errand, sitting: &mut Sitting) -> bool {
    if !connect(client, sitting).await {
        return false;
    }
    if sitting.encryption == Encryption::Implicit && !secure(client, errand, sitting).await {
        return false;
    }
    if !greeting(client, sitting).await {
        return false;
    }
    if sitting.is_compared {
        return true;
    }
    features(client, sitting).await
        && (sitting.encryption != Encryption::Explicit || auth(client, errand, sitting).await)
}

async fn connect(client: &mut Client, sitting: &mut Sitting) -> bool {
    let to = sitting.called;
    client.begin(format!("calling {to}")).await;
    sitting.call = client.call(to).await;
    match &sitting.call {
        Ok(()) => client.end("connect", Outcome::Ok, to.to_string()),
        // A name may have an address of a family that this host does not speak.
        Err(Trouble::NoWay(said)) => {
            let why = format!("{to}: this host has no way there ({said})");
            client.end("connect", Outcome::Skipped, why);
        }
        Err(trouble) => client.end("connect", Outcome::Failed, format!("{to}: {trouble}")),
    }
    sitting.call.is_ok()
}

async fn greeting(client: &mut Client, sitting: &mut Sitting) -> bool {
    client.begin("waiting for the greeting").await;
    let heard = client.hear_final(client.patience.reply).await;
    let is_ready = matches!(&heard, Ok(reply) if reply.code / 100 == 2);
    client.end("greeting", words::outcome(is_ready), words::heard(&heard));
    sitting.greeting = Some(heard);
    is_ready
}

/// What the server has to offer; many say it after the login only, so that a no is no fault.
async fn features(client: &mut Client, sitting: &mut Sitting) -> bool {
    client.begin("asking what the server offers").await;
    let heard = client.say("FEAT").await;
    let goes_on = is_in_session(&heard);
    let detail = match &heard {
        Ok(reply) if reply.code == 211 => words::features(reply),
        Ok(reply) => format!("not told: {}", words::line(reply)),
        Err(trouble) => trouble.to_string(),
    };
    client.end("features", words::outcome(goes_on), detail);
    if !goes_on {
        sitting.lost = Some(("FEAT".to_owned(), lost(&heard)));
    }
    sitting.features = Some(heard);
    goes_on
}

async fn auth(client: &mut Client, errand: &Errand, sitting: &mut Sitting) -> bool {
    client.begin("AUTH TLS").await;
    let heard = client.say("AUTH TLS").await;
    let is_taken = matches!(&heard, Ok(reply) if reply.is_positive());
    let is_refused = matches!(&heard, Ok(reply) if reply.code != 421);
    sitting.auth = Some(heard.clone());
    if is_taken {
        return secure(client, errand, sitting).await;
    }
    if is_refused && errand.encryption.is_none() {
        let detail = format!("not offered: {}", words::heard(&heard));
        client.end("auth-tls", Outcome::Skipped, detail);
        sitting.encryption = Encryption::Plain;
        return true;
    }
    client.end("auth-tls", Outcome::Failed, words::heard(&heard));
    false
}

/// The handshake, as a step of its own where no command went before.
async fn secure(client: &mut Client, errand: &Errand, sitting: &mut Sitting) -> bool {
    let step = if sitting.encryption == Encryption::Implicit {
        client.begin("TLS").await;
        "tls"
    } else {
        "auth-tls"
    };
    let secured = client.secure().await;
    let is_secured = secured.is_ok();
    let detail = match &secured {
        Ok(secured) => secured.version.clone(),
        Err(trouble) => trouble.to_string(),
    };
    client.end(step, words::outcome(is_secured), detail);
    if let Ok(secured) = &secured {
        certificate(client, errand, secured);
    }
    let is_older = matches!(&secured, Err(Trouble::Tls(TlsTrouble::TooOld(_))));
    sitting.secured = Some(secured);
    if is_older {
        client.begin("asking what TLS the server speaks").await;
        sitting.older = older(client, sitting).await;
        if let Some(spoken) = &sitting.older {
            client.end("older-tls", Outcome::Ok, spoken.to_string());
        }
    }
    is_secured
}

/// What the server answers to a hello of older TLS, in a session of its own.
async fn older(client: &mut Client, sitting: &Sitting) -> Option<Spoken> {
    client.call(sitting.called).await.ok()?;
    if sitting.encryption == Encryption::Explicit {
        let greeting = client.hear_final(client.patience.reply).await;
        let auth = match greeting {
            Ok(reply) if reply.is_positive() => client.say("AUTH TLS").await,
            _ => return None,
        };
        auth.ok().filter(Reply::is_positive)?;
    }
    client.send(hello()).await.ok()?;
    let mut bytes = Vec::new();
    for _ in 0..MOST_PIECES {
        bytes.extend(client.raw().await.ok()?);
        if let Some(spoken) = spoken(&bytes).ok()? {
            return Some(spoken);
        }
    }
    None
}

/// A step of its own; that it does not verify ends the session only where a secret is at stake.
fn certificate(client: &mut Client, errand: &Errand, secured: &Secured) {
    if let Some(certificate) = &secured.certificate {
        let goes_on = errand.insecure || !errand.user.is_secret;
        let is_fine = certificate.is_verified() || certificate.is_current() && goes_on;
        let outcome = words::outcome(is_fine);
        client.end("certificate", outcome, words::certificate(certificate));
    }
}

/// Whether the session goes on after a reply, whatever it says.
pub(super) fn is_in_session(heard: &Heard) -> bool {
    matches!(heard, Ok(reply) if reply.code != 421)
}

/// Why it does not.
pub(super) fn lost(heard: &Heard) -> Trouble {
    match heard {
        Ok(reply) => Trouble::Other(format!("the server says `{}`", words::line(reply))),
        Err(trouble) => trouble.clone(),
    }
}
