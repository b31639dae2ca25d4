//! Profiles: those of the project, and some that look random and are the same on every machine.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::dice::Dice;

/// The profiles in a folder of the project, by their names.
///
/// # Panics
/// Where it has few: then they were not found.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).expect("profiles");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.sort();
    assert!(files.len() > 10, "the profiles were found");
    files
}

/// The name of such a file, without its end.
pub(crate) fn name_of(file: &Path) -> String {
    let name = file.file_stem().expect("a name");
    name.to_string_lossy().into_owned()
}

/// Whatever the profile language allows; the same for the same seed.
pub(crate) fn any(seed: u64) -> String {
    Dice(seed).any_profile()
}

/// One of several FTP servers behind the same gateway, which have much in common and
/// differ in what servers differ in. `number`: its own, below 60,000.
pub(crate) fn one_of_many(dice: &mut Dice, number: u64) -> String {
    let (high, low) = (number / 200, number % 200 + 20);
    let server = match dice.count(0, 9) {
        0 => "10.77.0.21".to_owned(),
        1 | 2 => format!("[ 10.77.{high}.{low}, \"2001:db8:77::{number:x}\" ]"),
        _ => format!("10.77.{high}.{low}"),
    };
    let mut text = format!("name: s{number}\nserver: {{ address: {server} }}\n");
    let one_port = dice.percent(70);
    let control = if one_port {
        dice.one(&["{ port: 21 }", "{ port: 2121, tls: none }"])
    } else {
        "[ { port: 21 }, { port: 990, tls: implicit } ]"
    };
    let first = 50000 + dice.count(0, 4) * 1000;
    let last = first + dice.count(0, 2) * 500 + 499;
    let _ = writeln!(
        text,
        "control: {control}\npassive: {{ ports: {first}-{last} }}"
    );
    let _ = writeln!(text, "active: {}", dice.percent(40));
    let _ = writeln!(
        text,
        "helper: {}",
        dice.one(&["auto", "auto", "always", "never"])
    );
    if dice.percent(20) {
        let clients = dice.one(&[
            "203.0.113.7",
            "203.0.113.0/24",
            "[ 203.0.113.0/25, 192.0.2.1 ]",
        ]);
        let _ = writeln!(text, "clients: {clients}");
    }
    let port = match dice.count(0, 3) {
        0 if one_port => format!(", port: {}", 4000 + number),
        _ => String::new(),
    };
    let interface = dice.one(&[
        "",
        ", interface: eth0",
        ", interface: eth0",
        ", interface: ppp0",
    ]);
    let external = match dice.count(0, 9) {
        0 => format!("{{ interface: ppp0{port} }}"),
        1..=3 => format!("{{ address: 198.51.100.1{interface}{port} }}"),
        4 => format!(
            "[ {{ address: 198.51.100.{low}, interface: eth0{port} }}, {{ address: 198.51.101.{low}, interface: ppp0 }} ]"
        ),
        _ => format!(
            "{{ address: 198.51.{}.{low}{interface}{port} }}",
            100 + high
        ),
    };
    let _ = writeln!(text, "nat:\n  mode: dnat\n  external: {external}");
    if dice.percent(70) {
        text.push_str("  internal: { interface: eth1, networks: 10.77.0.0/16 }\n");
        let _ = writeln!(text, "  hairpin: {}", dice.percent(60));
    }
    text
}

impl Dice {
    /// `[ a, b ]` of one to three different ones.
    fn some(&mut self, of: &[&str]) -> String {
        let mut chosen: Vec<&str> = (0..=self.next() % 3).map(|_| self.one(of)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        format!("[ {} ]", chosen.join(", "))
    }

    fn any_profile(&mut self) -> String {
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
