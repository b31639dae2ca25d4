//! Which packets an accept is for, as they are at its hook.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::filter::{CtState, Hook, Match, Rule};
use crate::model::net::{Family, InterfaceName, PortRange};
use crate::ruleset::eval::{Direction, Midway, Route, State};
use crate::ruleset::live::table as live;
use crate::ruleset::save::SavedRule;

use super::flow::{Flow, everyone};

/// `IPPROTO_TCP`
const TCP: u8 = 6;

/// The packets that an accept is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub(super) flows: Vec<Flow>,
}

/// The conditions of an accept; an empty list is no condition.
#[derive(Default)]
struct Conditions {
    protocol: Option<u8>,
    sources: Vec<IpNet>,
    destinations: Vec<IpNet>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    destination_ports: Vec<PortRange>,
    source_ports: Vec<PortRange>,
    states: Vec<State>,
    reply: bool,
    translated: bool,
    by_helper: bool,
}

impl Wanted {
    /// Those of one family that a rule of the plan accepts. `outside` is the interface by
    /// which clients in general come and go, where it is known and the rule names none.
    #[must_use]
    pub fn of_rule(rule: &Rule, family: Family, outside: Option<&str>) -> Self {
        let mut conditions = Conditions::default();
        let names = |all: &[InterfaceName]| all.iter().map(ToString::to_string).collect();
        let of_family = |nets: &[IpNet]| {
            let nets = nets.iter().filter(|net| Family::of_net(net) == family);
            nets.copied().collect()
        };
        for found in &rule.matches {
            match found {
                Match::InputInterface(all) => conditions.inputs = names(all),
                Match::OutputInterface(all) => conditions.outputs = names(all),
                Match::Source(nets) => conditions.sources = of_family(nets),
                Match::Destination(nets) => conditions.destinations = of_family(nets),
                Match::TcpDestinationPort(ports) => {
                    conditions.protocol = Some(TCP);
                    conditions.destination_ports.clone_from(ports);
                }
                Match::TcpSourcePort(ports) => {
                    conditions.protocol = Some(TCP);
                    conditions.source_ports.clone_from(ports);
                }
                Match::Icmp => conditions.protocol = Some(icmp(family)),
                Match::CtState(states) => {
                    conditions.states = states.iter().copied().map(state).collect();
                }
                Match::CtReply => conditions.reply = true,
                Match::CtDnat => conditions.translated = true,
                Match::CtHelperFtp => conditions.by_helper = true,
                // Exceptions are few among the packets, and this host's own addresses
                // are what an input hook sees.
                Match::NotDestination(_) | Match::DestinationIsLocal => {}
            }
        }
        if !rule.families.contains(&family) {
            return Self { flows: Vec::new() };
        }
        conditions.wanted(rule.chain.hook, family, outside)
    }

    /// Those that a saved line of iptables accepts, of the built-in chain that it is
    /// written for; `None` where that is no chain of iptables.
    #[must_use]
    pub fn of_line(line: &SavedRule, family: Family, outside: Option<&str>) -> Option<Self> {
        let hook = match line.chain.as_str() {
            "PREROUTING" => Hook::Prerouting,
            "INPUT" => Hook::Input,
            "FORWARD" => Hook::Forward,
            "OUTPUT" => Hook::Output,
            "POSTROUTING" => Hook::Postrouting,
            _ => return None,
        };
        let option = |name: &str| line.option(&[name]);
        let ports = |name: &str| option(name).and_then(port_range).into_iter().collect();
        let nets = |name: &str| option(name).and_then(network).into_iter().collect();
        let interface = |name: &str| option(name).map(str::to_owned).into_iter().collect();
        let conditions = Conditions {
            protocol: match option("-p") {
                Some("icmp" | "ipv6-icmp" | "icmpv6") => Some(icmp(family)),
                _ => Some(TCP),
            },
            sources: nets("-s"),
            destinations: nets("-d"),
            inputs: interface("-i"),
            outputs: interface("-o"),
            destination_ports: ports("--dport"),
            source_ports: ports("--sport"),
            states: option("--ctstate")
                .unwrap_or_default()
                .split(',')
                .filter_map(|word| match word {
                    "NEW" => Some(State::New),
                    "ESTABLISHED" => Some(State::Established),
                    "RELATED" => Some(State::Related),
                    _ => None,
                })
                .collect(),
            reply: option("--ctdir") == Some("REPLY"),
            translated: option("--ctstate").is_some_and(|s| s.split(',').any(|s| s == "DNAT")),
            by_helper: option("--helper") == Some("ftp"),
        };
        Some(conditions.wanted(hook, family, outside))
    }

    /// What goes through this host to one other, with the interface that the routes say it
    /// leaves by.
    #[must_use]
    pub fn by(mut self, routes: &[Route]) -> Self {
        for flow in &mut self.flows {
            let packets = &mut flow.packets;
            let (first, last) = packets.destination;
            if packets.hook == live::Hook::Forward && packets.output.is_none() && first == last {
                packets.output = way_to(first, routes);
            }
        }
        self
    }
}

/// The interface of the narrowest route to an address, where there is one alone.
fn way_to(address: IpAddr, routes: &[Route]) -> Option<String> {
    let leading = || routes.iter().filter(|route| route.to.contains(&address));
    let narrowest = leading().map(|route| route.to.prefix_len()).max()?;
    let mut found = leading().filter(|route| route.to.prefix_len() == narrowest);
    let interface = found.next()?.interface.clone()?;
    let is_alone = found.all(|route| route.interface.as_ref() == Some(&interface));
    is_alone.then_some(interface)
}

impl Conditions {
    fn wanted(self, hook: Hook, family: Family, outside: Option<&str>) -> Wanted {
        let states = or_one(self.states.clone(), State::New);
        let inputs = or_one(some(&self.inputs), self.input(hook, outside));
        let outputs = or_one(some(&self.outputs), self.output(hook, outside));
        let destinations = self
            .destinations
            .iter()
            .map(|n| (n.network(), n.broadcast()));
        let destinations = or_one(destinations.collect(), unicast(family));
        let pair = |range: &PortRange| (range.first(), range.last());
        let destination_ports = or_one(
            self.destination_ports.iter().map(pair).collect(),
            (0, u16::MAX),
        );
        let source_ports = self.source_ports.iter().map(|range| Some(pair(range)));
        let source_ports = or_one(source_ports.collect(), None);
        let is_for_everyone = self.sources.is_empty();
        let is_to_client = self.reply || self.is_active_data(hook);
        let sources = if is_for_everyone {
            everyone(family)
        } else {
            self.sources.clone()
        };
        let mut flows = Vec::new();
        for &state in &states {
            for input in &inputs {
                for output in &outputs {
                    for &destination in &destinations {
                        for &destination_ports in &destination_ports {
                            for &source_ports in &source_ports {
                                let packets = Midway {
                                    family,
                                    protocol: self.protocol.unwrap_or(TCP),
                                    hook: super::hook_here(hook),
                                    direction: if self.reply {
                                        Direction::Reply
                                    } else {
                                        Direction::Original
                                    },
                                    state,
                                    helper: self.by_helper.then(|| "ftp".to_owned()),
                                    input: input.clone(),
                                    output: output.clone(),
                                    source: None,
                                    source_ports,
                                    destination,
                                    destination_ports,
                                    translated: self.translated.then_some(true),
                                };
                                flows.push(Flow {
                                    packets,
                                    sources: sources.clone(),
                                    is_for_everyone,
                                    is_to_client,
                                });
                            }
                        }
                    }
                }
            }
        }
        Wanted { flows }
    }

    /// The interface that the packets come in by. Who forwards to one host, to other
    /// ports than a client's own, forwards what clients send; the way of other packets is
    /// not known.
    fn input(&self, hook: Hook, outside: Option<&str>) -> Option<String> {
        let arrives = match hook {
            Hook::Input => !self.destination_ports.is_empty(),
            Hook::Forward => self.is_to_server(),
            _ => false,
        };
        outside.filter(|_| arrives).map(str::to_owned)
    }

    /// The interface that the packets leave by: what this host sends goes to clients, but
    /// for what it sends to a server behind it.
    fn output(&self, hook: Hook, outside: Option<&str>) -> Option<String> {
        let leaves = hook == Hook::Output && !self.is_to_server();
        outside.filter(|_| leaves).map(str::to_owned)
    }

    /// Whether a server opens them: one on this host, or one behind it.
    fn is_active_data(&self, hook: Hook) -> bool {
        let is_host = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
        let of_server = match hook {
            Hook::Output => true,
            Hook::Forward => !self.sources.is_empty() && self.sources.iter().all(is_host),
            Hook::Prerouting | Hook::Input | Hook::Postrouting => false,
        };
        of_server && self.destinations.is_empty()
    }

    fn is_to_server(&self) -> bool {
        let is_host = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
        let to_hosts = !self.destinations.is_empty() && self.destinations.iter().all(is_host);
        let to_ports = !self.destination_ports.is_empty()
            && self.destination_ports != [PortRange::UNPRIVILEGED];
        to_hosts && to_ports
    }
}

fn or_one<T>(all: Vec<T>, one: T) -> Vec<T> {
    if all.is_empty() { vec![one] } else { all }
}

fn some(names: &[String]) -> Vec<Option<String>> {
    names.iter().cloned().map(Some).collect()
}

fn icmp(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 1,
        Family::Ipv6 => 58,
    }
}

fn state(state: CtState) -> State {
    match state {
        CtState::New => State::New,
        CtState::Established => State::Established,
        CtState::Related => State::Related,
    }
}

/// The addresses that one host has.
fn unicast(family: Family) -> (IpAddr, IpAddr) {
    match family {
        Family::Ipv4 => (
            Ipv4Addr::new(1, 0, 0, 0).into(),
            Ipv4Addr::new(223, 255, 255, 255).into(),
        ),
        Family::Ipv6 => {
            let last = (0xff << 120) - 1;
            (
                IpAddr::V6(Ipv6Addr::from(2_u128)),
                IpAddr::V6(Ipv6Addr::from(last)),
            )
        }
    }
}

fn port_range(text: &str) -> Option<PortRange> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    PortRange::new(first.parse().ok()?, last.parse().ok()?)
}

fn network(text: &str) -> Option<IpNet> {
    let one = || text.parse().ok().map(|a: IpAddr| IpNet::from(a));
    text.parse().ok().or_else(one)
}
