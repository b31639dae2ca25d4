//! Faults of a server and of its own firewall.

use libtest_mimic::{Failed, Trial};

use ftpnat::model::ftp::Tls;

use crate::seat::{Probe, curl};
use crate::setup::{Kind, Setup, trial};
use crate::support::rules::{nft, own_firewall};
use crate::support::scene::Direct;

/// The server, over IPv4 and IPv6.
const HOSTS: [&str; 2] = ["198.51.100.1", "2001:db8:51::1"];
const HOST: &str = HOSTS[0];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("fault/FN403-too-many", Kind::Vsftpd, too_many),
        trial("fault/FN410", Kind::Proftpd, wrong_password),
        trial("fault/FN410-plain", Kind::Vsftpd, plain_refused),
        trial("fault/FN412", Kind::Vsftpd, other_address),
        trial("fault/FN413", Kind::Vsftpd, || outside_range("accept")),
        trial("fault/FN413-dropped", Kind::Vsftpd, || {
            outside_range("drop")
        }),
        trial("fault/FN413-refused", Kind::Vsftpd, || {
            outside_range("reject with tcp reset")
        }),
        trial("fault/FN413-rejected", Kind::Vsftpd, || {
            outside_range("reject")
        }),
        trial("fault/FN401-one-family", Kind::Vsftpd, || {
            listens_on_one_family("accept", "FN401", 0)
        }),
        trial("fault/FN402-one-family", Kind::Vsftpd, || {
            listens_on_one_family("meta nfproto ipv6 tcp dport 21 drop", "FN402", 1)
        }),
        trial("fault/FN414-epsv", Kind::Vsftpd, reads_pasv_only),
        trial("fault/FN414-one-family", Kind::Vsftpd, one_family),
        trial("fault/FN419", Kind::Proftpd, no_epsv),
        trial("fault/FN422-client", Kind::Vsftpd, active_dropped),
        trial("fault/FN422-server", Kind::Vsftpd, active_refused),
    ];
    for host in HOSTS {
        let family = if host.contains(':') { "ipv6" } else { "ipv4" };
        for (name, id, rule) in firewalls() {
            let name = format!("fault/{name}/{family}");
            trials.push(Trial::test(name, move || firewall(host, &[id], rule)));
        }
        trials.push(Trial::test(format!("fault/FN401/{family}"), move || {
            let scene = Direct::new();
            let said = Probe::of(host).at(&scene.client);
            said.finds(&["FN401"])?;
            said.has_status(1)
        }));
    }
    trials
}

/// What the server's own firewall does, by the check that finds it.
fn firewalls() -> [(&'static str, &'static str, &'static str); 8] {
    [
        ("FN402", "FN402", "tcp dport 21 drop"),
        ("FN414", "FN414", "tcp dport 50000-50010 drop"),
        (
            "FN415",
            "FN415",
            "tcp dport 50000-50010 reject with tcp reset",
        ),
        ("FN424-silent", "FN424", "tcp dport 50004-50010 drop"),
        (
            "FN424-refused",
            "FN424",
            "tcp dport 50000-50005 reject with tcp reset",
        ),
        ("FN425-port", "FN425", "tcp dport 50000-50010 reject"),
        (
            "FN425-prohibited",
            "FN425",
            "tcp dport 50000-50010 reject with icmpx type admin-prohibited",
        ),
        (
            "FN426",
            "FN426",
            "tcp dport 21 reject with icmpx type admin-prohibited",
        ),
    ]
}

fn firewall(host: &str, finds: &[&str], rule: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let server = Setup::new(Kind::Proftpd).start(&scene.server);
    own_firewall(&scene.server, rule);
    let login = Some((server.user, server.password.as_str()));
    let probe = Probe {
        login,
        ..Probe::of(host)
    };
    let said = probe.until_mixed(&scene.client, finds == ["FN424"]);
    said.finds(finds)?;
    said.has_status(1)?;
    // Of a range that is half open curl may be lucky.
    let user = format!("{}:{}", server.user, server.password);
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let arguments = ["--ssl-reqd", "--user", &user];
    if finds != ["FN424"] && curl(&scene.client, &format!("ftp://{shown}/"), &arguments) {
        return Err("curl gets its listing all the same".into());
    }
    Ok(())
}

fn too_many() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        more: "max_clients=1",
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    let held = scene.client.inside(|| {
        let stream = std::net::TcpStream::connect(("198.51.100.1", 21));
        let mut stream = stream.expect("the first session");
        std::io::Read::read(&mut stream, &mut [0; 100]).expect("its greeting");
        stream
    });
    let said = Probe::of(HOST).at(&scene.client);
    drop(held);
    said.finds(&["FN403"])
}

fn wrong_password() -> Result<(), Failed> {
    let scene = Direct::new();
    let server = Setup::new(Kind::Proftpd).start(&scene.server);
    let login = Some((server.user, "swordfish-and-more"));
    let said = Probe {
        login,
        ..Probe::of(HOST)
    }
    .at(&scene.client);
    if said.text.contains("swordfish") {
        return Err(format!("the password is shown:\n{said}").into());
    }
    said.finds(&["FN410"])
}

fn plain_refused() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        tls: Tls::Required,
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    let arguments = &["--tls", "none"];
    Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client)
    .finds(&["FN410"])
}

fn other_address() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        advertise: Some([203, 0, 113, 9].into()),
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    let said = Probe::of(HOST).at(&scene.client);
    said.finds(&["FN412"])?;
    // The data port is tried all the same, at the host that was named.
    said.ok(&["epsv-list", "more-ports"])
}

/// The server uses other ports than the profile and its firewall have: one cause.
fn outside_range(verdict: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    own_firewall(&scene.server, &format!("tcp dport 50000-50010 {verdict}"));
    let _server = Setup::new(Kind::Vsftpd).start(&scene.server);
    let profile = "name: a\npassive: { ports: 51000-51010 }\n";
    let profile = Some(profile);
    Probe {
        profile,
        ..Probe::of(HOST)
    }
    .at(&scene.client)
    .finds(&["FN413"])
}

/// A name with an address of each family.
fn by_name() -> Probe<'static> {
    let hosts = "198.51.100.1 ftp.example\n2001:db8:51::1 ftp.example\n";
    Probe {
        bound: Some(("/etc/hosts", hosts)),
        ..Probe::of("ftp.example")
    }
}

/// A server that has no IPv6, and a name that has: clients that are refused there go on to IPv4.
fn listens_on_one_family(rule: &str, finds: &str, status: i32) -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup::new(Kind::Vsftpd).on_ipv4().start(&scene.server);
    own_firewall(&scene.server, rule);
    let said = by_name().at(&scene.client);
    said.finds(&[finds])?;
    said.has_status(status)?;
    said.ok(&["epsv-list", "pasv-list"])
}

/// IPv6's rules are forgotten.
fn one_family() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup::new(Kind::Vsftpd).start(&scene.server);
    let rule = "meta nfproto ipv6 tcp dport 50000-50010 drop";
    own_firewall(&scene.server, rule);
    let said = by_name().at(&scene.client);
    said.finds(&["FN414"])?;
    if said.text.contains("over IPv4 they open") {
        Ok(())
    } else {
        Err(format!("the family is not told:\n{said}").into())
    }
}

/// A firewall with a helper of its own kind: behind each 227 it lets one connection in, and it
/// has never heard of 229. The reply begins behind a TCP header with timestamps.
fn reads_pasv_only() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        tls: Tls::None,
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    nft(
        &scene.server,
        "table ip fw {
            set expected { type ipv4_addr; flags dynamic; timeout 10s; }
            chain out { type filter hook output priority 0;
                tcp sport 21 @th,256,32 0x32323720 add @expected { ip daddr }
            }
            chain in { type filter hook input priority 0;
                ct state established accept
                tcp dport 50000-50010 ip saddr @expected delete @expected { ip saddr } accept
                tcp dport 50000-50010 drop
            }
        }\n",
    );
    let said = Probe::of(HOST).at(&scene.client);
    said.finds(&["FN414"])?;
    if said.text.contains("those by PASV open") {
        Ok(())
    } else {
        Err(format!("EPSV is not told:\n{said}").into())
    }
}

fn no_epsv() -> Result<(), Failed> {
    let scene = Direct::new();
    let server = Setup {
        more: "<Limit EPSV>\nDenyAll\n</Limit>",
        ..Setup::new(Kind::Proftpd)
    }
    .start(&scene.server);
    let login = Some((server.user, server.password.as_str()));
    let said = Probe {
        login,
        ..Probe::of(HOST)
    }
    .at(&scene.client);
    said.finds(&["FN419"])?;
    said.ok(&["pasv-list"])
}

fn active_dropped() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        more: "port_enable=YES\nconnect_timeout=2",
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    nft(
        &scene.client,
        "table inet fw { chain in { type filter hook input priority 0; policy drop; \
         ct state established accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }; }\n",
    );
    let arguments = &["--active"];
    Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client)
    .finds(&["FN422"])
}

fn active_refused() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup {
        more: "port_enable=NO",
        ..Setup::new(Kind::Vsftpd)
    }
    .start(&scene.server);
    let arguments = &["--active"];
    Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client)
    .finds(&["FN422"])
}
