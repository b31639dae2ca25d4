//! The login and the settings behind it.

use crate::probe::seen::{Encryption, Heard, Outcome, Sitting};

use super::client::Client;
use super::control::{is_in_session, lost};
use super::{Errand, User, words};

/// Logs in and sets the session up; whether it can go on. A secret is not sent where it is not
/// safe: the session ends here then.
pub(super) async fn log_in(client: &mut Client, errand: &Errand, sitting: &mut Sitting) -> bool {
    sitting.held = errand.held(sitting);
    if let Some(held) = sitting.held {
        client.end("login", Outcome::Skipped, words::held(held));
        return false;
    }
    client.begin("logging in").await;
    let User { name, password, .. } = &errand.user;
    let heard = client.log_in(name, password).await;
    let is_in = matches!(&heard, Ok(reply) if reply.code / 100 == 2);
    let detail = format!("{name}: {}", words::heard(&heard));
    // Beside one under TLS a plain session may well be refused.
    let outcome = match (is_in, sitting.is_compared && heard.is_ok()) {
        (false, true) => Outcome::Skipped,
        (is_in, _) => words::outcome(is_in),
    };
    client.end("login", outcome, detail);
    sitting.login = Some(heard);
    is_in && settings(client, sitting).await
}

/// `PBSZ` and `PROT` under TLS (RFC 4217, section 9), where one is, and the representation.
async fn settings(client: &mut Client, sitting: &mut Sitting) -> bool {
    client.begin("settings of the session").await;
    let mut told = Vec::new();
    for command in commands(sitting.encryption) {
        let heard = client.say(command).await;
        if !is_in_session(&heard) {
            let detail = format!("{command}: {}", words::heard(&heard));
            client.end("settings", Outcome::Failed, detail);
            sitting.lost = Some(((*command).to_owned(), lost(&heard)));
            return false;
        }
        let is_taken = matches!(&heard, Ok(reply) if reply.is_positive());
        if *command == "PROT P" {
            sitting.prot = Some(heard.clone());
            if !is_taken {
                let detail = format!("PROT P: {}", words::heard(&heard));
                client.end("settings", Outcome::Failed, detail);
                return false;
            }
        }
        told.push(match (command, is_taken) {
            (_, true) => (*command).to_owned(),
            (_, false) => format!("{command} refused ({})", words::heard(&heard)),
        });
    }
    client.end("settings", Outcome::Ok, told.join(", "));
    true
}

fn commands(encryption: Encryption) -> &'static [&'static str] {
    match encryption {
        Encryption::Plain => &["PWD", "TYPE I"],
        Encryption::Explicit | Encryption::Implicit => &["PBSZ 0", "PROT P", "PWD", "TYPE I"],
    }
}

/// The same again without steps: after a transfer that left the session in an unknown state.
pub(super) async fn again(client: &mut Client, errand: &Errand, sitting: &Sitting) -> bool {
    enter_again(client, errand, sitting).await.is_some()
}

async fn enter_again(client: &mut Client, errand: &Errand, sitting: &Sitting) -> Option<()> {
    client.call(sitting.called).await.ok()?;
    if sitting.encryption == Encryption::Implicit {
        secure_again(client, errand, sitting).await?;
    }
    positive(&client.hear_final(client.patience.reply).await)?;
    if sitting.encryption == Encryption::Explicit {
        positive(&client.say("AUTH TLS").await)?;
        secure_again(client, errand, sitting).await?;
    }
    let User { name, password, .. } = &errand.user;
    positive(&client.log_in(name, password).await).filter(|code| code / 100 == 2)?;
    for command in commands(sitting.encryption) {
        is_in_session(&client.say(command).await).then_some(())?;
    }
    Some(())
}

/// The second connection is not trusted because the first one was.
async fn secure_again(client: &mut Client, errand: &Errand, sitting: &Sitting) -> Option<()> {
    let mut now = sitting.clone();
    now.secured = Some(Ok(client.secure().await.ok()?));
    errand.held(&now).is_none().then_some(())
}

fn positive(heard: &Heard) -> Option<u16> {
    let reply = heard.as_ref().ok()?;
    reply.is_positive().then_some(reply.code)
}
