//! Random valid profiles: whatever the profile language allows, every program must
//! take what we print. Seeded: a seed that fails fails again.

use std::fmt::Write as _;

use ftpnat::facts::Facts;
use ftpnat::model::net::Family;
use ftpnat::plan::plan;
use ftpnat::profile::parse;
use ftpnat::render::nftables::own_table;
use ftpnat::render::restore::alone;
use libtest_mimic::{Failed, Trial};

use crate::support::dice::Dice;
use crate::support::netns::Namespace;
use crate::support::rules::{nft, restore};
use crate::support::{BackEnd, directory};

/// Profiles a trial.
const EACH: u64 = 25;

pub(crate) fn trials() -> Vec<Trial> {
    let trials: u64 = if std::env::var_os("FTPNAT_LONG").is_some() {
        120
    } else {
        6
    };
    (0..trials)
        .map(|block| {
            let first = block * EACH;
            let name = format!("generated/{first}-{}", first + EACH - 1);
            Trial::test(name, move || (first..first + EACH).try_for_each(loads))
        })
        .collect()
}

fn loads(seed: u64) -> Result<(), Failed> {
    let text = Dice(seed).profile();
    let refused = |e: &dyn std::fmt::Display| Failed::from(format!("seed {seed}: {e}\n{text}"));
    let profile =
        parse("generated.yaml", text.as_bytes()).map_err(|e| refused(&e.render(false)))?;
    let plan = plan(&[profile], &Facts::default());
    if plan.rules().any(|r| r.comment().len() > 120) {
        return Err(refused(&"a comment is too long"));
    }
    let dir = directory();
    let host = Namespace::new("host", dir.path());
    let native = own_table(&plan);
    nft(&host, &native);
    nft(&host, &native);
    for (family, iptables) in [(Family::Ipv4, "iptables"), (Family::Ipv6, "ip6tables")] {
        let fragment = alone(&plan, family);
        for back_end in BackEnd::BOTH {
            restore(
                &host,
                &back_end.program(iptables, "restore"),
                &["--noflush"],
                &fragment,
            );
        }
    }
    Ok(())
}

impl Dice {
    /// `[ a, b ]` of one to three different ones.
    fn some(&mut self, of: &[&str]) -> String {
        let mut chosen: Vec<&str> = (0..=self.next() % 3).map(|_| self.one(of)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        format!("[ {} ]", chosen.join(", "))
    }

    fn profile(&mut self) -> String {
        let mut text = format!(
            "name: {}\n",
            self.one(&["a", "office-ftp", "x2345678901234567890123456789012"])
        );
        let mode = self.one(&["none", "upstream", "dnat", "masquerade"]);
        let address = match mode {
            "dnat" => self.one(&[
                "10.77.0.21",
                "[ 10.77.0.21, \"2001:db8:77::21\" ]",
                "[ 10.77.0.21 ]",
            ]),
            "masquerade" => self.one(&["", "198.51.100.10"]),
            _ => self.one(&[
                "",
                "10.77.0.21",
                "[ 10.77.0.21, \"2001:db8:77::21\" ]",
                "\"2001:db8:77::21\"",
            ]),
        };
        // Behind an upstream translation, the family outside must be there inside.
        let address = if mode == "upstream" && address.starts_with('"') {
            "10.77.0.21"
        } else {
            address
        };
        if !address.is_empty() {
            let _ = writeln!(
                text,
                "server: {{ address: {address}, software: {} }}",
                self.one(&["proftpd", "vsftpd", "pure-ftpd", "filezilla", "other"])
            );
        }
        let one_port = self.chance();
        let controls = if one_port {
            self.one(&[
                "{ port: 21, tls: none }",
                "{ port: 2121, tls: required }",
                "{ port: 990, tls: implicit }",
            ])
        } else {
            "[ { port: 21, tls: optional }, { port: 990, tls: implicit } ]"
        };
        let _ = writeln!(text, "control: {controls}");
        let passive = self.one(&[
            "50000-51000",
            "40000-40000",
            "1024-2000",
            "65535",
            "60000-65535",
        ]);
        let advertise = self.one(&[
            "",
            ", advertise: 198.51.100.1",
            ", advertise: ftp.example.com",
            ", advertise: 10.77.0.21",
        ]);
        if mode != "masquerade" || self.chance() {
            let _ = writeln!(text, "passive: {{ ports: {passive}{advertise} }}");
        }
        let _ = writeln!(text, "active: {}", self.chance());
        let _ = writeln!(text, "helper: {}", self.one(&["auto", "always", "never"]));
        if self.chance() {
            // Overlapping and touching networks on purpose.
            let networks = [
                "198.51.100.0/24",
                "198.51.100.128/25",
                "203.0.113.7",
                "0.0.0.0/0",
                "\"::/0\"",
                "\"2001:db8::/32\"",
                "10.0.0.0/8",
                "10.77.0.0/16",
            ];
            let _ = writeln!(
                text,
                "clients: [ 192.0.2.0/25, 192.0.2.128/25, {}",
                self.some(&networks).trim_start_matches('[')
            );
        }
        text + &self.nat(mode, one_port, address.contains("2001"))
    }

    fn nat(&mut self, mode: &str, one_port: bool, dual: bool) -> String {
        let mut text = format!("nat:\n  mode: {mode}\n");
        let interfaces = self
            .one(&["eth0", "[ eth0, ppp0 ]", "[ \"wan.100@x\" ]"])
            .to_owned();
        let internal = self.one(&[
            "  internal: { interface: eth1, networks: 10.77.0.0/24 }\n",
            "  internal: { interface: [ eth1, br-lan ], networks: [ 10.77.0.0/24, 10.77.0.0/25, 10.77.1.0/24, \"2001:db8:77::/64\" ] }\n",
        ]);
        let port = if one_port {
            self.one(&["", ", port: 4021"])
        } else {
            ""
        };
        match mode {
            "upstream" => {
                let _ = writeln!(text, "  external: {{ address: 198.51.100.1{port} }}");
            }
            "dnat" => {
                let external = match self.next() % 4 {
                    0 => format!("{{ interface: {interfaces}{port} }}"),
                    1 => format!("{{ address: 198.51.100.1{port} }}"),
                    2 if dual => format!(
                        "[ {{ address: 198.51.100.1, interface: {interfaces}{port} }}, {{ address: \"2001:db8:51::1\" }} ]"
                    ),
                    2 => format!(
                        "[ {{ address: 198.51.100.1, interface: {interfaces} }}, {{ address: 198.51.100.2{port} }} ]"
                    ),
                    _ => format!("{{ address: 198.51.100.1, interface: {interfaces}{port} }}"),
                };
                let _ = writeln!(text, "  external: {external}");
                if self.chance() {
                    text.push_str(internal);
                    let _ = writeln!(text, "  hairpin: {}", self.chance());
                }
            }
            "masquerade" => {
                let address = self.one(&["", ", address: 198.51.100.1"]);
                let _ = writeln!(text, "  external: {{ interface: {interfaces}{address} }}");
                text.push_str(internal);
            }
            _ => {}
        }
        text
    }
}
