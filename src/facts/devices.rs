//! What stands on interfaces before the packet filter, or beside it: XDP programs, tc
//! filters, bridges, ends in other network namespaces.

/// What is known of interfaces besides their addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices {
    features: Vec<(String, Feature)>,
}

/// Something that packets of an interface meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feature {
    /// An XDP program (`IFLA_XDP`), before all else.
    Xdp {
        /// Where it is attached, such as `driver`.
        mode: String,
        /// Its number; `None` where there are several.
        program: Option<u32>,
    },
    /// A filter of tc(8) on a `clsact` or `ingress` qdisc.
    Filter {
        /// Whether what comes in meets it, or else what goes out.
        ingress: bool,
        /// Its kind, such as `bpf`.
        kind: String,
    },
    /// It is a bridge.
    Bridge,
    /// It is a port of this one: of a bridge, a bond, a VRF.
    PortOf(String),
    /// Its packets travel over this one, as those of a VLAN.
    Over(String),
    /// A veth whose other end is in another network namespace.
    LeadsElsewhere,
}

impl Devices {
    /// One feature a line: `eth0 xdp driver 17`, `eth0 filter ingress bpf`, `br0 bridge`,
    /// `eth1 port of br0`, `eth0.7 over eth0`, `veth0 leads elsewhere`. Lines that are none
    /// are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let of_line = |line: &str| {
            let (name, rest) = line.split_once(' ')?;
            let words: Vec<&str> = rest.split(' ').collect();
            let feature = match words[..] {
                ["xdp", mode] => Feature::Xdp {
                    mode: mode.to_owned(),
                    program: None,
                },
                ["xdp", mode, program] => Feature::Xdp {
                    mode: mode.to_owned(),
                    program: Some(program.parse().ok()?),
                },
                ["filter", way @ ("ingress" | "egress"), kind] => Feature::Filter {
                    ingress: way == "ingress",
                    kind: kind.to_owned(),
                },
                ["bridge"] => Feature::Bridge,
                ["port", "of", other] => Feature::PortOf(other.to_owned()),
                ["over", other] => Feature::Over(other.to_owned()),
                ["leads", "elsewhere"] => Feature::LeadsElsewhere,
                _ => return None,
            };
            Some((name.to_owned(), feature))
        };
        Self {
            features: text.lines().filter_map(of_line).collect(),
        }
    }

    /// What packets of an interface meet there.
    pub fn of<'a>(&'a self, interface: &'a str) -> impl Iterator<Item = &'a Feature> {
        let of = move |(name, _): &&(String, Feature)| name == interface;
        self.features.iter().filter(of).map(|(_, feature)| feature)
    }

    /// The interfaces that packets of one pass on their way to it or from it: itself, its
    /// ports, what it travels over, and theirs. Of a bridge's ports it is not known which.
    #[must_use]
    pub fn below<'a>(&'a self, interface: &'a str) -> Vec<&'a str> {
        let mut found = vec![interface];
        let mut next = 0;
        while let Some(&upper) = found.get(next) {
            next += 1;
            for (name, feature) in &self.features {
                let lower = match feature {
                    Feature::PortOf(of) if of == upper => name,
                    Feature::Over(other) if name == upper => other,
                    _ => continue,
                };
                if !found.contains(&lower.as_str()) {
                    found.push(lower);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "eth0 xdp driver 17\neth0 filter ingress u32\nbr0 bridge\n\
                        eth0 port of br0\nbr0.7 over br0\nveth0 leads elsewhere\n\
                        eth1 filter sideways u32\neth1 xdp driver many\nnonsense\n";

    #[test]
    fn features_of_an_interface() {
        let devices = Devices::parse(TEXT);
        let of: Vec<&Feature> = devices.of("eth0").collect();
        let xdp = Feature::Xdp {
            mode: "driver".to_owned(),
            program: Some(17),
        };
        let filter = Feature::Filter {
            ingress: true,
            kind: "u32".to_owned(),
        };
        assert_eq!(of, [&xdp, &filter, &Feature::PortOf("br0".to_owned())]);
        assert_eq!(
            devices.of("veth0").collect::<Vec<_>>(),
            [&Feature::LeadsElsewhere]
        );
        assert_eq!(devices.of("eth1").count(), 0);
    }

    #[test]
    fn a_way_goes_down_to_the_cable() {
        let devices = Devices::parse(TEXT);
        assert_eq!(devices.below("br0.7"), ["br0.7", "br0", "eth0"]);
        assert_eq!(devices.below("eth0"), ["eth0"]);
        assert_eq!(devices.below("ppp0"), ["ppp0"]);
    }

    #[test]
    fn a_circle_ends() {
        let devices = Devices::parse("a over b\nb over a\na port of a\n");
        assert_eq!(devices.below("a"), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn hostile_lines_do_no_harm(text in ".{0,300}") {
            let _ = Devices::parse(&text).below("eth0");
        }
    }
}
