//! Dialogues, line by line.

use super::*;
use crate::probe::engine::Engine;
use crate::probe::scripted::Scripted;

fn wanted(mode: ClientMode, encryption: Encryption) -> Wanted {
    Wanted {
        mode,
        encryption,
        called: "192.0.2.1:21".parse().expect("an address"),
        user: "ftp".to_owned(),
        password: "x".to_owned(),
        data_port: None,
        patience: Duration::from_secs(2),
    }
}

fn server(says: &[(&'static str, &'static str)]) -> Scripted {
    let usual = [
        ("USER", "331 password"),
        ("PASS", "230 in"),
        ("PASV", "227 Entering (198,51,100,1,195,81)"),
        ("EPSV", "229 ok (|||50001|)"),
        ("LIST", "150 here"),
    ];
    Scripted {
        says: says.iter().copied().chain(usual).collect(),
        carries: b"file",
        ..Scripted::default()
    }
}

fn listed(server: &mut Scripted, wanted: Wanted) -> Listed {
    server.play(Engine::new(|asker| list(asker, wanted)))
}

#[test]
fn a_passive_listing_under_tls() {
    let mut server = server(&[]);
    let came = listed(&mut server, wanted(ClientMode::Pasv, Encryption::Explicit));
    assert_eq!(came.listing, Ok(b"file".to_vec()));
    assert_eq!(came.stage, Stage::Completion);
    assert_eq!(
        server.heard,
        [
            "AUTH TLS",
            "USER ftp",
            "PASS x",
            "PBSZ 0",
            "PROT P",
            "TYPE A",
            "PASV",
            "-> 198.51.100.1:50001",
            "LIST",
            "QUIT",
        ]
    );
}

#[test]
fn an_active_listing_in_plain() {
    // Both replies in one segment.
    let mut server = server(&[("USER", "230 in"), ("LIST", "150 here\r\n226 done")]);
    let came = listed(&mut server, wanted(ClientMode::Port, Encryption::Plain));
    assert_eq!(came.listing, Ok(b"file".to_vec()));
    assert_eq!(
        server.heard,
        [
            "USER ftp",
            "TYPE A",
            "PORT 198,51,100,10,156,64",
            "LIST",
            "QUIT"
        ]
    );
}

#[test]
fn the_port_is_the_servers_to_pick_where_it_does_not_know_the_command() {
    for (reply, word) in [("200 s1", Some("data: s1")), ("500 what?", None)] {
        let mut server = server(&[("SITE DATA-PORT 50001", reply)]);
        let wanted = Wanted {
            data_port: Some(50001),
            ..wanted(ClientMode::Epsv, Encryption::Plain)
        };
        let came = listed(&mut server, wanted);
        assert!(came.listing.is_ok(), "{reply}");
        let said = server.heard.iter().find(|line| line.starts_with("data: "));
        assert_eq!(said.map(String::as_str), word);
    }
}

#[test]
fn what_the_server_refuses_is_told_with_its_words() {
    let mut server = server(&[("AUTH", "502 no TLS")]);
    let came = listed(&mut server, wanted(ClientMode::Epsv, Encryption::Explicit));
    let fault = came.listing.expect_err("refused");
    assert_eq!(fault.to_string(), "the server says `502 no TLS`");
    assert_eq!(came.stage, Stage::Tls);
}

#[test]
fn plain_words_before_the_handshake_are_forgotten() {
    let mut server = server(&[("AUTH", "234 go\r\n530 injected"), ("USER", "230 in")]);
    let came = listed(&mut server, wanted(ClientMode::Epsv, Encryption::Explicit));
    assert!(came.listing.is_ok(), "{came:?}");
}

#[test]
fn a_shut_port_is_a_fault_of_the_data_connection() {
    let mut server = server(&[]);
    server.shut = vec![(50001, Trouble::Silent(Duration::from_secs(2)))];
    let came = listed(&mut server, wanted(ClientMode::Epsv, Encryption::Plain));
    assert_eq!(came.stage, Stage::DataConnect);
    assert_eq!(
        came.listing.expect_err("shut").to_string(),
        "the data connection to 192.0.2.1:50001: no answer in 2 s"
    );
}
