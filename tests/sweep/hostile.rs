//! Callers that have no token and mean harm neither stop nor hang it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::pair::{Answer, Profile, RANGE, ends_well, expect, sweep};
use crate::support::netns::Namespace;
use crate::support::scene::{Direct, PUBLIC};
use crate::support::server::listening;

/// More than are heard at once: two crowds at a time, beside the files of other trials.
const CROWD: usize = 700;
const FILES: u64 = 4096;

/// Lets this process have that many files, where a user may. A usual limit is 1,024.
pub(crate) fn allow_crowds() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < FILES
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, FILES.min(hard), hard);
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("hostile/crowd", || {
            among(|server, profile| Answer::start(server, profile, &[]))
        }),
        Trial::test("hostile/few-descriptors", || {
            among(|server, profile| Answer::start_in_want(server, profile, 150))
        }),
    ]
}

/// Silent ones, garbage, an endless line, an order without proof; and among them a sweep.
fn among(start: fn(&Namespace, &Profile) -> Answer) -> Result<(), Failed> {
    let scene = Direct::new();
    let profile = Profile::new(RANGE);
    let mut answer = start(&scene.server, &profile);
    let held = listening(&scene.server);
    let ports = held.clone();
    let crowd = scene.client.inside(move || {
        let silent: Vec<TcpStream> = (0..CROWD)
            .filter_map(|n| call(ports[n % ports.len()]))
            .collect();
        for said in [
            &b"\xff\x00garbage\n"[..],
            b"done\n",
            b"hold 50000\n",
            b"\n",
            &b"x".repeat(100_000),
        ] {
            let ended = call(ports[0]).is_some_and(|stream| is_ended(stream, said));
            assert!(ended, "{:?} is heard on", &said[..said.len().min(20)]);
        }
        silent
    });
    if !answer.runs() || listening(&scene.server) != held {
        return Err("a stranger ended it, or made it hold other ports".into());
    }
    let run = sweep(&scene.client, "198.51.100.1", &profile, &answer.token, &[]);
    expect(&(run.status, run.stderr), &(0, String::new()))?;
    drop(crowd);
    ends_well(answer, &scene.server)
}

fn call(port: u16) -> Option<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&SocketAddr::new(PUBLIC, port), Duration::from_secs(20));
    let stream = stream.ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .ok()?;
    Some(stream)
}

/// Whether the server ends a connection that says this, and says nothing.
fn is_ended(mut stream: TcpStream, said: &[u8]) -> bool {
    let _ = stream.write_all(said);
    match stream.read(&mut [0; 64]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}
