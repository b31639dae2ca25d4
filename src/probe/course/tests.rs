//! Courses against a server of words.

use proptest::prelude::*;

use super::*;
use crate::probe::engine::{Engine, Event, Happened, Move, Next};
use crate::probe::scripted::Scripted;
use crate::probe::seen::{Certificate, End, Secured, Taken};

fn errand(user: User, encryption: Option<Encryption>) -> Errand {
    Errand {
        addresses: vec![([192, 0, 2, 1], 21).into()],
        encryption,
        user,
        insecure: false,
        active: false,
        idle: None,
        follow: false,
        patience: Patience::default(),
    }
}

fn tester() -> User {
    User {
        name: "tester".to_owned(),
        password: "swordfish".to_owned(),
        is_secret: true,
    }
}

fn server(says: &[(&'static str, &'static str)]) -> Scripted {
    let usual = [
        ("FEAT", "211 none"),
        ("AUTH", "234 go"),
        ("USER", "331 password"),
        ("PASS", "230 in"),
        ("PASV", "227 ok (192,0,2,1,195,81)"),
        ("EPSV", "229 ok (|||50001|)"),
        ("LIST", "150 here"),
        ("RETR", "150 here"),
    ];
    Scripted {
        says: says.iter().copied().chain(usual).collect(),
        carries: b"-rw-r--r--   1 ftp ftp 5000 Nov 23  2025 a\r\n",
        resumes: true,
        certificate: Some(certificate()),
        ..Scripted::default()
    }
}

fn certificate() -> Certificate {
    Certificate {
        names: vec!["ftp.example".to_owned()],
        issuer: "CN=x".to_owned(),
        valid: Some((0, 2)),
        now: 1,
        name: Ok(()),
        trust: Ok(()),
        proof: Ok(()),
    }
}

fn examined(server: &mut Scripted, errand: &Errand) -> Account {
    server.play(Engine::new(|asker| examine(asker, errand.clone())))
}

#[test]
fn all_is_tried_in_its_order_and_a_plain_session_beside_it() {
    let mut server = server(&[]);
    let account = examined(&mut server, &errand(User::anonymous(), None));
    let steps: Vec<&str> = account.steps.iter().map(|step| step.step).collect();
    let first = [
        "connect",
        "greeting",
        "features",
        "auth-tls",
        "certificate",
        "login",
        "settings",
        "epsv-list",
        "pasv-list",
        "file",
        "more-ports",
        "new-tls-session",
    ];
    let beside = [
        "connect",
        "greeting",
        "login",
        "settings",
        "epsv-list",
        "pasv-list",
    ];
    assert_eq!(steps, [&first[..], &beside[..]].concat());
    assert!(account.steps.iter().all(|step| step.outcome == Outcome::Ok));
}

#[test]
fn a_secret_is_sent_under_a_certificate_that_verifies_and_not_otherwise() {
    type Change = fn(&mut Certificate);
    let faults: [Change; 3] = [
        |c| c.now = 3,
        |c| c.name = Err("other".to_owned()),
        |c| c.trust = Err("unknown".to_owned()),
    ];
    for fault in faults {
        let mut server = server(&[]);
        server.certificate.as_mut().map(fault);
        let account = examined(&mut server, &errand(tester(), None));
        assert_eq!(account.sittings[0].held, Some(Held::Unverified));
        assert!(!server.heard.iter().any(|line| line.contains("USER")));
        let insecure = Errand {
            insecure: true,
            ..errand(tester(), None)
        };
        assert!(examined(&mut server, &insecure).sittings[0].is_logged_in());
    }
    let mut server = server(&[]);
    let account = examined(&mut server, &errand(tester(), None));
    assert!(account.sittings[0].is_logged_in());
    // The plain session that is to compare is not held either.
    assert_eq!(account.sittings.len(), 1);
    assert!(
        server
            .heard
            .iter()
            .filter(|line| line.starts_with("PASS"))
            .count()
            == 1
    );
}

#[test]
fn a_secret_is_not_sent_where_the_server_has_no_tls() {
    let mut server = server(&[("AUTH", "502 what?")]);
    let account = examined(&mut server, &errand(tester(), None));
    assert_eq!(account.sittings[0].held, Some(Held::Plain));
    assert!(!server.heard.iter().any(|line| line.starts_with("PASS")));
}

#[test]
fn a_secret_is_nowhere_in_what_is_told() {
    let says = [
        ("PASS", "530 swordfish is wrong"),
        ("LIST", "550 swordfish"),
    ];
    let mut server = server(&says);
    let account = examined(&mut server, &errand(tester(), None));
    assert!(!format!("{account:?}").contains("swordfish"));
}

#[test]
fn only_the_host_that_was_named_is_connected_to() {
    let elsewhere = [("PASV", "227 ok (203,0,113,9,195,81)")];
    let mut server = server(&elsewhere);
    examined(&mut server, &errand(User::anonymous(), None));
    let mut opened = server.heard.iter().filter(|line| line.starts_with("->"));
    assert!(opened.all(|line| line == "-> 192.0.2.1:50001"));
    let follow = Errand {
        follow: true,
        ..errand(User::anonymous(), None)
    };
    examined(&mut server, &follow);
    assert!(server.heard.contains(&"-> 203.0.113.9:50001".to_owned()));
}

proptest! {
    /// As `fuzz/fuzz_targets/course.rs` does it for longer.
    #[test]
    fn a_course_ends_whatever_the_server_says(
        said in proptest::collection::vec(
            prop_oneof![
                any::<Vec<u8>>(),
                "[12345][0-9]{2}[ -].{0,20}\r\n".prop_map(String::into_bytes),
                Just(b"229 ok (|||50001|)\r\n".to_vec()),
                Just(b"150 here\r\n226 done\r\n".to_vec()),
            ],
            0..80,
        ),
        encryption in prop_oneof![
            Just(None),
            Just(Some(Encryption::Plain)),
            Just(Some(Encryption::Implicit)),
        ],
    ) {
        let mut said = said.into_iter();
        let errand = Errand { active: true, ..errand(User::anonymous(), encryption) };
        let mut engine = Engine::new(|asker| examine(asker, errand));
        let mut next = engine.begin();
        let mut moves = 0;
        while let Next::Move(asked) = next {
            moves += 1;
            prop_assert!(moves < 100_000, "it does not end");
            let event = match asked {
                Move::Hear(_) => said.next().map_or(Event::Failed(Trouble::Ended), Event::Bytes),
                Move::Secure(_) | Move::SecureData { .. } => Event::Secured(Box::new(Secured {
                    version: String::new(),
                    resumed: false,
                    certificate: None,
                })),
                Move::Listen | Move::Accept(_) => Event::At(([192, 0, 2, 2], 40000).into()),
                Move::Take { .. } => Event::Taken(Taken {
                    bytes: said.next().unwrap_or_default(),
                    end: Ok(End::Whole),
                }),
                _ => Event::Done,
            };
            next = engine.after(Happened { event, took: Duration::from_millis(100) });
        }
    }
}
