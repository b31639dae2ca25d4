//! One route, one routing rule: a line in ip-route(8)'s and ip-rule(8)'s words.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::Family;

/// What a route does with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Sends it out by one of these interfaces.
    Out(Vec<String>),
    /// Delivers it to this host.
    Local,
    /// Refuses or drops it.
    Refuse,
    /// Looks in the next table.
    Throw,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) table: String,
    pub(super) to: IpNet,
    /// The sources that it is for; IPv6 alone has that (`ip -6 route add … from …`).
    pub(super) from: Option<IpNet>,
    pub(super) metric: u32,
    pub(super) action: Action,
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) family: Family,
    pub(super) priority: u32,
    pub(super) not: bool,
    pub(super) from: Option<IpNet>,
    pub(super) to: Option<IpNet>,
    /// Tests something that a plain answer of a server does not have, such as a mark.
    pub(super) special: bool,
    /// The interface that packets come in by.
    pub(super) iif: Option<String>,
    /// Tests what is not understood.
    pub(super) unknown: bool,
    pub(super) table: Option<String>,
    pub(super) text: String,
}

/// `inet table main 198.51.100.0/24 dev eth0 metric 100`, with the route's type
/// before its destination where it is not unicast.
pub(super) fn route(line: &str) -> Option<Route> {
    let mut words = line.split_whitespace();
    let family = family(words.next()?)?;
    words.next().filter(|w| *w == "table")?;
    let table = words.next()?.to_owned();
    let text: Vec<&str> = words.collect();
    let mut rest = text.iter().copied();
    let mut word = rest.next()?;
    let kind = match word {
        "local" | "broadcast" | "anycast" | "multicast" | "unreachable" | "blackhole"
        | "prohibit" | "throw" | "unicast" => {
            let kind = word;
            word = rest.next()?;
            kind
        }
        _ => "unicast",
    };
    let to = if word == "default" {
        anywhere(family)
    } else {
        network(word)?
    };
    let (mut metric, mut from) = (0, None);
    let mut interfaces = Vec::new();
    while let Some(word) = rest.next() {
        match word {
            "dev" => interfaces.push(rest.next()?.to_owned()),
            "metric" => metric = rest.next()?.parse().ok()?,
            "from" => from = Some(network(rest.next()?)?),
            _ => {}
        }
    }
    let action = match kind {
        "local" | "broadcast" | "anycast" | "multicast" => Action::Local,
        "unreachable" | "blackhole" | "prohibit" => Action::Refuse,
        "throw" => Action::Throw,
        _ => Action::Out(interfaces),
    };
    Some(Route {
        table,
        to,
        from,
        metric,
        action,
        text: text.join(" "),
    })
}

/// `inet 100: from 198.51.100.1 lookup 100`.
pub(super) fn rule(line: &str) -> Option<Rule> {
    let (family_word, text) = line.split_once(' ')?;
    let family = family(family_word)?;
    let (priority, rest) = text.split_once(':')?;
    let mut rule = Rule {
        family,
        priority: priority.trim().parse().ok()?,
        not: false,
        from: None,
        to: None,
        special: false,
        iif: None,
        unknown: false,
        table: None,
        text: text.to_owned(),
    };
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "not" => rule.not = true,
            "from" | "to" => {
                let net = match words.next()? {
                    "all" => None,
                    net => Some(network(net)?),
                };
                if word == "from" {
                    rule.from = net;
                } else {
                    rule.to = net;
                }
            }
            "lookup" => rule.table = Some(words.next()?.to_owned()),
            // An answer has no mark.
            "fwmark" => {
                words.next();
                rule.special = true;
            }
            "iif" => rule.iif = Some(words.next()?.to_owned()),
            "unreachable" | "blackhole" | "prohibit" => rule.table = None,
            _ => rule.unknown = true,
        }
    }
    Some(rule)
}

fn family(word: &str) -> Option<Family> {
    match word {
        "inet" => Some(Family::Ipv4),
        "inet6" => Some(Family::Ipv6),
        _ => None,
    }
}

pub(super) fn anywhere(family: Family) -> IpNet {
    match family {
        Family::Ipv4 => IpNet::V4(ipnet::Ipv4Net::default()),
        Family::Ipv6 => IpNet::V6(ipnet::Ipv6Net::default()),
    }
}

fn network(word: &str) -> Option<IpNet> {
    word.parse()
        .ok()
        .or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))
}
