//! Reverse path filtering: which of two sysctls counts, the kernel decides.

use std::net::{SocketAddr, TcpListener};

use libtest_mimic::Failed;

use crate::paths::{SECOND, TwoUplinks};
use crate::support::rules::{Reach, connect};
use crate::{Played, Said, same};

pub(crate) fn trials() -> [Played; 4] {
    [
        ("rp-filter-strict-by-all", || played(&[("1", "0")], true)),
        ("rp-filter-strict-by-its-own", || {
            played(&[("0", "1")], true)
        }),
        ("rp-filter-strict-by-both", || played(&[("1", "1")], true)),
        ("rp-filter-loose", || {
            let loose = [("0", "0"), ("0", "2"), ("2", "0"), ("2", "1"), ("1", "2")];
            played(&loose, false)
        }),
    ]
}

/// `all` and the interface's own value; whether the kernel drops what comes in.
fn played(values: &[(&str, &str)], drops: bool) -> Result<(), Failed> {
    let yaml =
        format!("name: lab\nserver: {{ address: {SECOND} }}\npassive: {{ ports: 50000-50010 }}\n");
    for (all, own) in values {
        let scene = TwoUplinks::new();
        scene.server.sysctl("net.ipv4.conf.all.rp_filter", all);
        scene.server.sysctl("net.ipv4.conf.eth1.rp_filter", own);
        let control = SocketAddr::new(SECOND, 21);
        let _listener = scene
            .server
            .inside(move || TcpListener::bind(control).expect("bound"));
        let (reach, fires, moot) = if drops {
            (Reach::Silent, "FN213", "FN212")
        } else {
            (Reach::Open, "FN212", "FN213")
        };
        let words = format!("all {all}, eth1 {own}");
        same(&words, &connect(&scene.client, control), &reach)?;
        let said = Said::of(&scene.server, &yaml)?;
        said.fires(fires)?;
        said.silent(moot)?;
    }
    Ok(())
}
