//! Dialogues, step by step.

use super::*;

fn wanted(mode: ClientMode, encryption: Encryption) -> Wanted {
    Wanted {
        mode,
        encryption,
        called: "192.0.2.1:21".parse().expect("an address"),
        user: "ftp".to_owned(),
        password: "x".to_owned(),
        data_port: None,
    }
}

fn says(session: &mut Session, line: &str) -> Step {
    let bytes = format!("{line}\r\n");
    session
        .after(Event::Bytes(bytes.as_bytes()))
        .expect("a step")
}

fn sends(line: &str) -> Step {
    Step::Send(line.to_owned())
}

#[test]
fn a_passive_listing_under_tls() {
    let mut session = Session::new(wanted(ClientMode::Pasv, Encryption::Explicit));
    assert_eq!(session.after(Event::Connected), Ok(Step::Read));
    assert_eq!(says(&mut session, "220 ready"), sends("AUTH TLS"));
    assert_eq!(says(&mut session, "234 go"), Step::Secure);
    assert_eq!(session.after(Event::Secured), Ok(sends("USER ftp")));
    assert_eq!(says(&mut session, "331 password"), sends("PASS x"));
    assert_eq!(says(&mut session, "230 in"), sends("PBSZ 0"));
    assert_eq!(says(&mut session, "200 ok"), sends("PROT P"));
    assert_eq!(says(&mut session, "200 ok"), sends("TYPE A"));
    assert_eq!(says(&mut session, "200 ok"), sends("PASV"));
    let named = "198.51.100.1:50001".parse().expect("an address");
    assert_eq!(
        says(&mut session, "227 Entering (198,51,100,1,195,81)"),
        Step::Connect(named)
    );
    assert_eq!(session.stage(), Stage::DataConnect);
    assert_eq!(session.after(Event::DataConnected), Ok(sends("LIST")));
    assert_eq!(says(&mut session, "150 here"), Step::Transfer(None));
    assert_eq!(session.after(Event::Transferred), Ok(Step::Read));
    assert_eq!(says(&mut session, "226 done"), Step::Done);
}

#[test]
fn an_active_listing_in_plain() {
    let mut session = Session::new(wanted(ClientMode::Port, Encryption::Plain));
    assert_eq!(session.after(Event::Connected), Ok(Step::Read));
    assert_eq!(says(&mut session, "220 ready"), sends("USER ftp"));
    assert_eq!(says(&mut session, "230 in"), sends("TYPE A"));
    assert_eq!(says(&mut session, "200 ok"), Step::Listen);
    let at = "[::ffff:198.51.100.10]:40000".parse().expect("an address");
    assert_eq!(
        session.after(Event::Listening(at)),
        Ok(sends("PORT 198,51,100,10,156,64"))
    );
    assert_eq!(says(&mut session, "200 ok"), sends("LIST"));
    // Both replies in one segment.
    assert_eq!(
        says(&mut session, "150 here\r\n226 done"),
        Step::Transfer(None)
    );
    assert_eq!(session.after(Event::Transferred), Ok(Step::Done));
}

#[test]
fn the_port_is_the_servers_to_pick_where_it_does_not_know_the_command() {
    for (reply, word) in [("200 s1", Some("s1".to_owned())), ("500 what?", None)] {
        let wanted = Wanted {
            data_port: Some(50001),
            ..wanted(ClientMode::Epsv, Encryption::Plain)
        };
        let mut session = Session::new(wanted);
        session.after(Event::Connected).expect("a step");
        says(&mut session, "220 ready");
        says(&mut session, "230 in");
        assert_eq!(says(&mut session, "200 ok"), sends("SITE DATA-PORT 50001"));
        assert_eq!(says(&mut session, reply), sends("EPSV"));
        let named = "192.0.2.1:50001".parse().expect("an address");
        assert_eq!(
            says(&mut session, "229 ok (|||50001|)"),
            Step::Connect(named)
        );
        session.after(Event::DataConnected).expect("a step");
        assert_eq!(says(&mut session, "150 here"), Step::Transfer(word));
    }
}

#[test]
fn what_the_server_refuses_is_told_with_its_words() {
    let mut session = Session::new(wanted(ClientMode::Epsv, Encryption::Explicit));
    session.after(Event::Connected).expect("a step");
    says(&mut session, "220 ready");
    let refused = session
        .after(Event::Bytes(b"502 no TLS\r\n"))
        .expect_err("refused");
    assert_eq!(refused.to_string(), "the server says `502 no TLS`");
    assert_eq!(session.stage(), Stage::Tls);
}

#[test]
fn plain_words_before_the_handshake_are_forgotten() {
    let mut session = Session::new(wanted(ClientMode::Epsv, Encryption::Explicit));
    session.after(Event::Connected).expect("a step");
    says(&mut session, "220 ready");
    assert_eq!(says(&mut session, "234 go\r\n230 injected"), Step::Secure);
    assert_eq!(session.after(Event::Secured), Ok(sends("USER ftp")));
    assert_eq!(says(&mut session, "331 password"), sends("PASS x"));
}
