//! The scripts: what each server does, and what is to be found.

use ftpnat::probe::seen::Encryption;

use crate::script::{Act, Data, Script};

/// A script and what a probe is to make of it.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    /// `None`: as the server offers it.
    pub(crate) encryption: Option<Encryption>,
    /// The errors and warnings.
    pub(crate) finds: &'static [&'static str],
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = greetings();
    rows.extend(logins());
    rows.extend(named());
    rows.extend(transfers());
    rows.extend(tls());
    rows
}

fn say(text: &str) -> Vec<Act> {
    vec![Act::Say(text.as_bytes().to_vec())]
}

fn plain(
    name: &'static str,
    at: &'static str,
    acts: Vec<Act>,
    finds: &'static [&'static str],
) -> Row {
    Row {
        name,
        script: Script::default().on(at, acts),
        encryption: Some(Encryption::Plain),
        finds,
    }
}

const GOOD: &[&str] = &[];
const GREETING: &[&str] = &["FN403"];
const LOGIN: &[&str] = &["FN410"];
const ADDRESS: &[&str] = &["FN412"];
const EPSV: &[&str] = &["FN419"];
const TRANSFER: &[&str] = &["FN421"];
const STALLS: &[&str] = &["FN427"];
const REFUSED: &[&str] = &["FN404"];
const CUT: &[&str] = &["FN405"];

fn greetings() -> Vec<Row> {
    let at = |name, acts, finds| plain(name, "CONNECT", acts, finds);
    let long = |length: usize| format!("220 {}\r\n", "x".repeat(length));
    vec![
        at("healthy", vec![Act::Usual], GOOD),
        at("greeting/silent", vec![Act::Silent], GREETING),
        at("greeting/close", vec![Act::Close], GREETING),
        at("greeting/reset", vec![Act::Reset], GREETING),
        at("greeting/421", say("421 too many\r\n"), GREETING),
        at("greeting/500", say("500 no\r\n"), GREETING),
        at(
            "greeting/120-then-220",
            say("120 soon\r\n220 now\r\n"),
            GOOD,
        ),
        at(
            "greeting/120-for-ever",
            vec![Act::Endless(b"120 soon\r\n".to_vec())],
            GREETING,
        ),
        at("greeting/ssh", say("SSH-2.0-OpenSSH_9.2\r\n"), GREETING),
        at(
            "greeting/http",
            say("HTTP/1.1 400 Bad Request\r\n\r\n"),
            GREETING,
        ),
        at(
            "greeting/endless",
            vec![Act::Endless(b"220-more\r\n".to_vec())],
            GREETING,
        ),
        at(
            "greeting/endless-line",
            vec![Act::Endless(b"220 more".to_vec())],
            GREETING,
        ),
        at(
            "greeting/empty-lines",
            vec![Act::Endless(b"\r\n".to_vec())],
            GREETING,
        ),
        at(
            "greeting/drip",
            vec![Act::Drip(
                b"220 0123456789012345678901234567890\r\n".to_vec(),
            )],
            GREETING,
        ),
        at(
            "greeting/many-lines",
            say("220-a\r\n b\r\n220-c\r\n220 d\r\n"),
            GOOD,
        ),
        at(
            "greeting/other-code-inside",
            say("220-a\r\n230 b\r\n220 c\r\n"),
            GOOD,
        ),
        at(
            "greeting/telnet",
            vec![Act::Say(b"\xff\xfb\x01220 hi\xff\xff\r\n".to_vec())],
            GOOD,
        ),
        at("greeting/line-feed", say("220 hi\n"), GOOD),
        at(
            "greeting/no-end",
            vec![Act::Say(b"220 hi".to_vec()), Act::Close],
            GREETING,
        ),
        at("greeting/nul", say("220 a\0b\r\n"), GOOD),
        at(
            "greeting/latin-1",
            vec![Act::Say(b"220 gr\xfc\xdfe\r\n".to_vec())],
            GOOD,
        ),
        at(
            "greeting/escapes",
            say("220 \u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}hi\r\n"),
            GOOD,
        ),
        at("greeting/empty-line-first", say("\r\n220 hi\r\n"), GOOD),
        at("greeting/long", say(&long(60_000)), GOOD),
        at("greeting/too-long", say(&long(70_000)), GREETING),
        at("greeting/two-digits", say("22 hi\r\n"), GREETING),
        at("greeting/four-digits", say("2200 hi\r\n"), GREETING),
        at("greeting/999", say("999 hi\r\n"), GREETING),
        at("greeting/no-blank", say("220hi\r\n"), GREETING),
        at("greeting/code-alone", say("220\r\n"), GOOD),
        at("greeting/mail", say("220 mail.example ESMTP\r\n"), GOOD),
    ]
}

fn logins() -> Vec<Row> {
    vec![
        plain("feat/530", "FEAT", say("530 log in first\r\n"), GOOD),
        plain("feat/500", "FEAT", say("500 what?\r\n"), GOOD),
        plain(
            "feat/long",
            "FEAT",
            say(&format!("211-F\r\n{}211 End\r\n", " X\r\n".repeat(10_000))),
            GOOD,
        ),
        plain(
            "feat/too-long",
            "FEAT",
            vec![Act::Endless(b"211-F\r\n".to_vec())],
            GREETING,
        ),
        plain("feat/close", "FEAT", vec![Act::Close], GREETING),
        plain("feat/silent", "FEAT", vec![Act::Silent], GREETING),
        plain("feat/421", "FEAT", say("421 bye\r\n"), GREETING),
        plain("user/230", "USER", say("230 in\r\n"), GOOD),
        plain("user/530", "USER", say("530 no\r\n"), LOGIN),
        plain("user/332", "USER", say("332 account?\r\n"), LOGIN),
        plain("user/421", "USER", say("421 bye\r\n"), LOGIN),
        plain(
            "user/tls",
            "USER",
            say("550 SSL/TLS required on the control channel\r\n"),
            LOGIN,
        ),
        plain(
            "user/mail",
            "USER",
            say("500 5.5.1 Invalid command\r\n"),
            LOGIN,
        ),
        plain("user/close", "USER", vec![Act::Close], LOGIN),
        plain("pass/331", "PASS", say("331 again\r\n"), LOGIN),
        plain("pass/332", "PASS", say("332 account?\r\n"), LOGIN),
        plain("pass/530", "PASS", say("530 Login incorrect.\r\n"), LOGIN),
        plain("pass/close", "PASS", vec![Act::Close], LOGIN),
        plain("pass/reset", "PASS", vec![Act::Reset], LOGIN),
        plain("pass/silent", "PASS", vec![Act::Silent], LOGIN),
        plain(
            "pass/garbage",
            "PASS",
            say("your password is {pass}\r\n"),
            LOGIN,
        ),
        plain(
            "pass/echoed-530",
            "PASS",
            say("530 {pass} is wrong\r\n"),
            LOGIN,
        ),
        plain(
            "pass/echoed-230",
            "PASS",
            say("230-{pass}\r\n230 welcome {pass}\r\n"),
            GOOD,
        ),
        plain(
            "pass/421-behind",
            "PASS",
            say("230 in\r\n421 bye\r\n"),
            TRANSFER,
        ),
        plain("pwd/550", "PWD", say("550 no\r\n"), GOOD),
        plain("pwd/close", "PWD", vec![Act::Close], TRANSFER),
        plain("pwd/garbage", "PWD", say("hello\r\n"), TRANSFER),
        plain("type/504", "TYPE", say("504 no\r\n"), GOOD),
        plain("type/silent", "TYPE", vec![Act::Silent], TRANSFER),
        plain("quit/silent", "QUIT", vec![Act::Silent], GOOD),
        plain("quit/reset", "QUIT", vec![Act::Reset], GOOD),
    ]
}

fn named() -> Vec<Row> {
    let pasv = |name, text: &str, finds| plain(name, "PASV", say(text), finds);
    let epsv = |name, text: &str, finds| plain(name, "EPSV", say(text), finds);
    vec![
        pasv(
            "pasv/no-brackets",
            "227 Entering Passive Mode {hp}\r\n",
            GOOD,
        ),
        pasv("pasv/equals", "227 ={hp}\r\n", GOOD),
        pasv(
            "pasv/blanks",
            "227 ok (198, 51, 100, 1, {p1}, {p2})\r\n",
            GOOD,
        ),
        pasv("pasv/zeros", "227 ok (198,051,100,001,{p1},{p2})\r\n", GOOD),
        pasv("pasv/number-before", "227 Mode 2 is on ({hp})\r\n", GOOD),
        pasv("pasv/many-lines", "227-wait\r\n227 ok ({hp})\r\n", GOOD),
        pasv(
            "pasv/five-numbers",
            "227 ok (198,51,100,1,{p1})\r\n",
            ADDRESS,
        ),
        pasv(
            "pasv/over-255",
            "227 ok (198,51,100,1,195,300)\r\n",
            ADDRESS,
        ),
        pasv("pasv/port-0", "227 ok (198,51,100,1,0,0)\r\n", ADDRESS),
        pasv("pasv/words", "227 ok\r\n", ADDRESS),
        pasv("pasv/empty", "227\r\n", ADDRESS),
        pasv("pasv/loopback", "227 ok (127,0,0,1,{p1},{p2})\r\n", ADDRESS),
        pasv("pasv/nobody", "227 ok (0,0,0,0,{p1},{p2})\r\n", ADDRESS),
        pasv(
            "pasv/everybody",
            "227 ok (255,255,255,255,{p1},{p2})\r\n",
            ADDRESS,
        ),
        pasv(
            "pasv/multicast",
            "227 ok (224,0,0,1,{p1},{p2})\r\n",
            ADDRESS,
        ),
        pasv(
            "pasv/private",
            "227 ok (10,77,0,21,{p1},{p2})\r\n",
            &["FN411"],
        ),
        pasv("pasv/other", "227 ok (203,0,113,9,{p1},{p2})\r\n", ADDRESS),
        pasv("pasv/500", "500 what?\r\n", GOOD),
        pasv("pasv/425", "425 no port\r\n", GOOD),
        pasv("pasv/421", "421 bye\r\n", TRANSFER),
        plain("pasv/close", "PASV", vec![Act::Close], TRANSFER),
        plain("pasv/reset", "PASV", vec![Act::Reset], TRANSFER),
        plain("pasv/silent", "PASV", vec![Act::Silent], TRANSFER),
        epsv("epsv/delimiter", "229 ok (!!!{port}!)\r\n", GOOD),
        epsv("epsv/port-0", "229 ok (|||0|)\r\n", EPSV),
        epsv("epsv/70000", "229 ok (|||70000|)\r\n", EPSV),
        epsv("epsv/no-brackets", "229 ok |||{port}|\r\n", EPSV),
        epsv("epsv/words", "229 ok\r\n", EPSV),
        epsv("epsv/502", "502 what?\r\n", EPSV),
        epsv("epsv/shut", "229 ok (|||9|)\r\n", &["FN415"]),
        plain("epsv/close", "EPSV", vec![Act::Close], TRANSFER),
        Row {
            name: "epsv/neither",
            script: Script::default()
                .on("EPSV", say("502 what?\r\n"))
                .on("PASV", say("502 what?\r\n")),
            encryption: Some(Encryption::Plain),
            finds: EPSV,
        },
    ]
}

fn transfers() -> Vec<Row> {
    let list = |name, text: &str, finds| plain(name, "LIST", say(text), finds);
    let data = |name, data, finds| Row {
        name,
        script: Script::default().data(data),
        encryption: Some(Encryption::Plain),
        finds,
    };
    vec![
        list("list/425", "425 Can't open data connection.\r\n", TRANSFER),
        list("list/426", "426 Failure.\r\n", TRANSFER),
        list("list/450", "450 Busy.\r\n", TRANSFER),
        list("list/451", "451 Disk.\r\n", TRANSFER),
        list("list/522", "522 Protection level.\r\n", TRANSFER),
        list("list/550", "550 No.\r\n", TRANSFER),
        list(
            "list/bad-ip",
            "425 Security: Bad IP connecting.\r\n",
            &["FN420"],
        ),
        list("list/garbage", "what?\r\n", TRANSFER),
        plain("list/close", "LIST", vec![Act::Close], TRANSFER),
        plain("list/reset", "LIST", vec![Act::Reset], TRANSFER),
        plain("list/silent", "LIST", vec![Act::Silent], TRANSFER),
        data("data/not-taken", Data::NotTaken, STALLS),
        data("data/dead", Data::Dead, STALLS),
        data("data/stays-open", Data::Open, STALLS),
        data("data/endless", Data::Endless, GOOD),
        data("data/drip", Data::Drip, STALLS),
        data("data/reset", Data::Reset, TRANSFER),
        plain("end/missing", "END", vec![Act::Silent], TRANSFER),
        plain("end/close", "END", vec![Act::Close], TRANSFER),
        plain("end/426", "END", say("426 Broken pipe.\r\n"), TRANSFER),
        plain("end/451", "END", say("451 Disk.\r\n"), TRANSFER),
        plain(
            "end/many-lines",
            "END",
            say("226-done\r\n226 really\r\n"),
            GOOD,
        ),
        plain("retr/550", "RETR", say("550 Permission denied.\r\n"), GOOD),
        plain("retr/close", "RETR", vec![Act::Close], TRANSFER),
        Row {
            name: "end/first",
            script: Script {
                says_end_first: true,
                ..Script::default()
            },
            encryption: Some(Encryption::Plain),
            finds: GOOD,
        },
    ]
}

/// As `FileZilla` Server has it.
const NOT_MATCHED: &str = "450 TLS session of data connection has not resumed or the session \
                           does not match the control connection\r\n";

fn tls() -> Vec<Row> {
    let on = |name, at, acts, finds| Row {
        encryption: Some(Encryption::Explicit),
        ..plain(name, at, acts, finds)
    };
    let data = |name, data, finds| Row {
        name,
        script: Script::default().data(data),
        encryption: Some(Encryption::Explicit),
        finds,
    };
    let implicit = |name, is_implicit, finds| Row {
        name,
        script: Script {
            is_implicit,
            ..Script::default()
        },
        encryption: Some(Encryption::Implicit),
        finds,
    };
    vec![
        on("tls/healthy", "CONNECT", vec![Act::Usual], GOOD),
        implicit("tls/implicit", true, GOOD),
        implicit("tls/implicit-plain", false, REFUSED),
        on("auth/502", "AUTH", say("502 what?\r\n"), REFUSED),
        on("auth/530", "AUTH", say("530 no\r\n"), REFUSED),
        on("auth/close", "AUTH", vec![Act::Close], CUT),
        on("auth/reset", "AUTH", vec![Act::Reset], CUT),
        on("auth/silent", "AUTH", vec![Act::Silent], CUT),
        on(
            "tls/garbage",
            "TLS",
            vec![Act::Say(vec![0x80; 300])],
            REFUSED,
        ),
        on(
            "tls/plain",
            "TLS",
            say("500 OOPS: cannot load the key\r\n"),
            REFUSED,
        ),
        on("tls/close", "TLS", vec![Act::Close], CUT),
        on("tls/reset", "TLS", vec![Act::Reset], CUT),
        on("tls/silent", "TLS", vec![Act::Silent], CUT),
        on(
            "tls/alert",
            "TLS",
            vec![Act::Say(vec![21, 3, 3, 0, 2, 2, 70])],
            &["FN406"],
        ),
        on(
            "auth/injected",
            "AUTH",
            say("234 go\r\n530 injected\r\n"),
            GOOD,
        ),
        on("pbsz/close", "PBSZ", vec![Act::Close], TRANSFER),
        on("prot/refused", "PROT", say("536 no\r\n"), REFUSED),
        on(
            "list/reuse",
            "LIST",
            say("522 SSL connection failed: session reuse required\r\n"),
            &["FN418"],
        ),
        Row {
            name: "list/not-matched",
            script: Script {
                is_implicit: true,
                ..Script::default().on("END", say(NOT_MATCHED))
            },
            encryption: Some(Encryption::Implicit),
            finds: TRANSFER,
        },
        on(
            "list/not-resumed",
            "LIST",
            say("425 TLS session of data connection not resumed\r\n"),
            &["FN418"],
        ),
        data("tls-data/plain", Data::Plain, TRANSFER),
        data("tls-data/dead", Data::Dead, STALLS),
        data("tls-data/reset", Data::Reset, TRANSFER),
        Row {
            encryption: None,
            ..on("auto/none", "AUTH", say("502 what?\r\n"), GOOD)
        },
    ]
}
