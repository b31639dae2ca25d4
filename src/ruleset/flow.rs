//! Whether a saved rule meets the packets that another rule would accept.
//!
//! The question is a coarse one on purpose: not what happens to one packet, but
//! whether a rule stands in the way of clients in general. What tests a source, a
//! set, a rate, a mark or a time is the administrator's will about some of them.

use ipnet::IpNet;

use crate::model::net::PortRange;

use super::save::SavedRule;

/// The packets that an accept of ours is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    protocol: Option<String>,
    source: Option<IpNet>,
    destination: Option<IpNet>,
    input: Option<String>,
    output: Option<String>,
    destination_ports: Option<PortRange>,
    source_ports: Option<PortRange>,
    state: String,
}

/// How the conditions of a rule fit a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Every packet of the flow meets them.
    All,
    /// Packets to some addresses or ports meet them.
    Some,
    /// Packets of some clients meet them, by a test that is the administrator's
    /// will; or it cannot be told.
    Will,
    /// Packets by one interface or to one address meet them, and it is not known
    /// whether clients in general come that way.
    Unknown,
    /// No packet does.
    Nothing,
}

impl Flow {
    /// The flows, one a connection state, of an accept rule of ours.
    /// `outside` is the interface by which clients in general come and go, where
    /// the rule names none and it is known.
    #[must_use]
    pub fn of_rule(rule: &SavedRule, outside: Option<&str>) -> Vec<Self> {
        let ports = |name: &str| rule.option(&[name]).and_then(port_range);
        let net = |name: &str| rule.option(&[name]).and_then(network);
        let destination_ports = ports("--dport");
        let source_ports = ports("--sport");
        let default = outside.map(str::to_owned);
        // Who forwards to one host, to other ports than a client's own, forwards
        // what clients send; the way of other packets is not known.
        let to_server = rule.chain == "FORWARD"
            && net("-d").is_some_and(|n| n.prefix_len() == n.max_prefix_len())
            && destination_ports != Some(PortRange::UNPRIVILEGED);
        let arrives = destination_ports.is_some() && (rule.chain == "INPUT" || to_server);
        let leaves = rule.chain == "OUTPUT";
        let flow = Self {
            protocol: rule.option(&["-p"]).map(str::to_owned),
            source: net("-s"),
            destination: net("-d"),
            input: rule
                .option(&["-i"])
                .map(str::to_owned)
                .or(default.clone().filter(|_| arrives)),
            output: rule
                .option(&["-o"])
                .map(str::to_owned)
                .or(default.filter(|_| leaves)),
            destination_ports,
            source_ports,
            state: String::new(),
        };
        let states = rule.option(&["--ctstate"]).unwrap_or("NEW");
        states
            .split(',')
            .map(|s| Self {
                state: s.to_owned(),
                ..flow.clone()
            })
            .collect()
    }

    /// Whether a rule names all of the flow's own sources.
    #[must_use]
    pub fn is_banned_whole(&self, rule: &SavedRule) -> bool {
        let named = rule.option(&["-s"]).and_then(network);
        let is_negated = rule.words.iter().any(|w| w == "!");
        let theirs = named.filter(|_| !is_negated && self.is_new());
        theirs
            .zip(self.source)
            .is_some_and(|(theirs, ours)| theirs.contains(&ours))
    }

    /// Whether these packets open connections.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.state == "NEW"
    }

    /// How the conditions of `rule` fit this flow.
    #[must_use]
    pub fn fit(&self, rule: &SavedRule) -> Fit {
        let mut worst = Fit::All;
        let mut words = rule.words.iter().map(String::as_str);
        let mut negated = false;
        while let Some(word) = words.next() {
            if word == "!" {
                negated = true;
                continue;
            }
            let fit = match word {
                // A module's name alone says nothing; its options do. Those with
                // no option of ours below are somebody's will.
                "-m" | "--match" => module_fit(words.next()),
                "-j" | "--jump" | "-g" | "--goto" => break,
                _ => self.option_fit(word, &mut words, negated),
            };
            negated = false;
            worst = worst.max(fit);
        }
        worst
    }

    fn option_fit<'a>(
        &self,
        option: &str,
        words: &mut impl Iterator<Item = &'a str>,
        negated: bool,
    ) -> Fit {
        let mut value = || words.next().unwrap_or_default();
        let fit = match option {
            "-p" => exact(self.protocol.as_deref() == Some(value())),
            // A test of the source is about some clients, also where the profile
            // serves no others.
            "-s" => match address_fit(self.source, value(), Fit::Will) {
                Fit::All => Fit::Will,
                fit => fit,
            },
            "-d" => address_fit(self.destination, value(), Fit::Unknown),
            "-i" => interface_fit(self.input.as_deref(), value()),
            "-o" => match self.output.as_deref() {
                // By which way packets leave for the server is the routes' affair.
                None => {
                    value();
                    Fit::Will
                }
                known => interface_fit(known, value()),
            },
            "--dport" | "--dports" => ports_fit(self.destination_ports, value(), Fit::Some),
            "--sport" | "--sports" => ports_fit(self.source_ports, value(), Fit::Will),
            "--ctstate" | "--state" => self.state_fit(value()),
            "--tcp-flags" => {
                // `--syn` as it is saved; other flags are traps for scans.
                match (value(), value(), self.state.as_str()) {
                    ("FIN,SYN,RST,ACK", "SYN", "NEW" | "RELATED") => Fit::All,
                    _ => return Fit::Will,
                }
            }
            "--comment" => {
                value();
                return Fit::All;
            }
            "--dst-type" => match value() {
                "LOCAL" | "UNICAST" => Fit::All,
                "BROADCAST" | "MULTICAST" | "ANYCAST" => Fit::Nothing,
                _ => return Fit::Will,
            },
            "--pkt-type" => exact(value() == "unicast"),
            // Values of unknown options come here too and are no worse.
            _ => return Fit::Will,
        };
        if negated { negate(fit) } else { fit }
    }

    fn state_fit(&self, states: &str) -> Fit {
        // DNAT and SNAT are states of the connection's translation, not known here.
        let translation = states.split(',').any(|s| s == "DNAT" || s == "SNAT");
        if states.split(',').any(|s| s == self.state) {
            Fit::All
        } else if translation {
            Fit::Will
        } else {
            Fit::Nothing
        }
    }
}

/// Modules whose every option is judged in `option_fit`, or that only carry
/// options of a protocol.
fn module_fit(name: Option<&str>) -> Fit {
    match name {
        Some(
            "tcp" | "udp" | "icmp" | "icmp6" | "ipv6-icmp" | "multiport" | "conntrack" | "state"
            | "comment" | "addrtype" | "pkttype",
        ) => Fit::All,
        _ => Fit::Will,
    }
}

fn exact(same: bool) -> Fit {
    if same { Fit::All } else { Fit::Nothing }
}

fn negate(fit: Fit) -> Fit {
    match fit {
        Fit::All => Fit::Nothing,
        Fit::Nothing => Fit::All,
        part => part,
    }
}

fn address_fit(ours: Option<IpNet>, theirs: &str, part: Fit) -> Fit {
    let Some(theirs) = network(theirs) else {
        return Fit::Will;
    };
    match ours {
        _ if theirs.prefix_len() == 0 => Fit::All,
        Some(ours) if theirs.contains(&ours) => Fit::All,
        Some(ours) if !ours.contains(&theirs) => Fit::Nothing,
        _ => part,
    }
}

fn interface_fit(ours: Option<&str>, theirs: &str) -> Fit {
    let covers = |name: &str| match theirs.strip_suffix('+') {
        Some(prefix) => name.starts_with(prefix),
        None => name == theirs,
    };
    match ours {
        Some(name) => exact(covers(name)),
        // Clients in general are not this host itself.
        None if theirs == "lo" => Fit::Nothing,
        None => Fit::Unknown,
    }
}

fn ports_fit(ours: Option<PortRange>, theirs: &str, part: Fit) -> Fit {
    let ranges: Vec<PortRange> = theirs.split(',').filter_map(port_range).collect();
    match ours {
        Some(ours) if ranges.iter().any(|r| r.covers(ours)) => Fit::All,
        Some(ours) if !ranges.iter().any(|r| r.overlaps(ours)) => Fit::Nothing,
        _ => part,
    }
}

fn port_range(text: &str) -> Option<PortRange> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    PortRange::new(first.parse().ok()?, last.parse().ok()?)
}

fn network(text: &str) -> Option<IpNet> {
    match text.parse() {
        Ok(net) => Some(net),
        Err(_) => text.parse().ok().map(|a: std::net::IpAddr| IpNet::from(a)),
    }
}
