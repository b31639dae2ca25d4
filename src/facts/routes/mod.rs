//! Addresses, routes and routing policy, in the words of ip-address(8),
//! ip-route(8) and ip-rule(8); and by which way an answer leaves.

mod line;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::{Family, InterfaceName};

use line::{Action, Route, Rule, anywhere, route, rule};

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The interface.
    pub interface: String,
    /// The address with its network.
    pub net: IpNet,
    /// Whether it is of global scope.
    pub is_global: bool,
}

/// `eth0 inet 198.51.100.1/24 scope global` a line. Lines that are none are left
/// out.
#[must_use]
pub fn addresses(text: &str) -> Vec<Address> {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let interface = words.next()?.to_owned();
        words.next().filter(|w| *w == "inet" || *w == "inet6")?;
        let net = words.next()?.parse().ok()?;
        let scope = words.skip_while(|w| *w != "scope").nth(1);
        Some(Address {
            interface,
            net,
            is_global: scope == Some("global"),
        })
    };
    text.lines().filter_map(of_line).collect()
}

/// `2 eth0` a line. Lines that are none are left out.
#[must_use]
pub fn links(text: &str) -> Vec<(u32, String)> {
    let of_line = |line: &str| {
        let (index, name) = line.split_once(' ')?;
        Some((index.parse().ok()?, name.to_owned()))
    };
    text.lines().filter_map(of_line).collect()
}

/// The routes of every table and the rules that choose among the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    routes: Vec<Route>,
    rules: Vec<Rule>,
}

/// Where a packet goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Out by one of these interfaces (several: multipath), by this route.
    Out {
        /// The interfaces.
        interfaces: Vec<String>,
        /// The route in ip-route(8)'s words.
        route: String,
    },
    /// It is for this host itself.
    Local,
    /// No route, or one that refuses: its words where there is one.
    Nowhere(Option<String>),
    /// A rule that is not understood decides: its words.
    Unclear(String),
}

impl Routing {
    /// Routing from the text of both sources; lines that are none are left out.
    #[must_use]
    pub fn parse(routes: &str, rules: &str) -> Self {
        let mut rules: Vec<Rule> = rules.lines().filter_map(rule).collect();
        rules.sort_by_key(|r| r.priority);
        Self {
            routes: routes.lines().filter_map(route).collect(),
            rules,
        }
    }

    /// The way of a packet without a mark (`fib_rules_lookup`, `fib_table_lookup`):
    /// one that this host itself sends, from one of its addresses, or one that came in
    /// by one of the given interfaces, of which none means that it is not known which.
    #[must_use]
    pub fn way(&self, from: IpAddr, to: IpAddr, came_in: Option<&[InterfaceName]>) -> Way {
        let family = Family::of(to);
        for rule in self.rules.iter().filter(|r| r.family == family) {
            match rule.fits(from, to, came_in) {
                Some(true) => {}
                Some(false) => continue,
                None => return Way::Unclear(rule.text.clone()),
            }
            let Some(table) = &rule.table else {
                return Way::Nowhere(Some(rule.text.clone()));
            };
            let Some(best) = self.best(table, from, to) else {
                continue;
            };
            return match &best.action {
                Action::Out(interfaces) => Way::Out {
                    interfaces: interfaces.clone(),
                    route: best.text.clone(),
                },
                Action::Local => Way::Local,
                Action::Refuse => Way::Nowhere(Some(best.text.clone())),
                Action::Throw => continue,
            };
        }
        Way::Nowhere(None)
    }

    /// The routes that count, the longest prefix first, each with the interface it leaves
    /// by, or none where it refuses; those to this host's own addresses left out. `None`
    /// where more than their prefix decides: policy, several ways, sources.
    #[must_use]
    pub fn plain(&self) -> Option<Vec<(IpNet, Option<&str>)>> {
        let is_usual = |rule: &Rule| {
            let table = rule.table.as_deref();
            let usual = format!(": from all lookup {}", table.unwrap_or_default());
            rule.text.ends_with(&usual) && matches!(table, Some("local" | "main" | "default"))
        };
        if !self.rules.iter().all(is_usual) {
            return None;
        }
        let mut counted: Vec<&Route> = self.routes.iter().filter(|r| r.table == "main").collect();
        counted.sort_by_key(|r| (std::cmp::Reverse(r.to.prefix_len()), r.to, r.metric));
        counted.dedup_by_key(|r| r.to);
        counted.into_iter().map(Route::plain).collect()
    }

    /// Whether any route leaves by an interface.
    #[must_use]
    pub fn leaves_by(&self, interface: &str) -> bool {
        let by = |r: &Route| matches!(&r.action, Action::Out(names) if names.iter().any(|n| n == interface));
        self.routes.iter().any(by)
    }

    /// The router of a default route by an interface, in any table.
    #[must_use]
    pub fn gateway_by(&self, family: Family, interface: &str) -> Option<String> {
        let by = |r: &&Route| {
            r.to == anywhere(family)
                && matches!(&r.action, Action::Out(names) if names[..] == [interface.to_owned()])
        };
        let route = self.routes.iter().find(by)?;
        let mut words = route.text.split_whitespace().skip_while(|w| *w != "via");
        words.nth(1).map(str::to_owned)
    }

    /// The interfaces of default routes that came by router advertisements (RFC 4861),
    /// each once.
    #[must_use]
    pub fn by_router_advertisements(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .routes
            .iter()
            .filter(|r| r.to == anywhere(Family::Ipv6) && r.text.contains(" proto ra"))
            .filter_map(|r| match &r.action {
                Action::Out(interfaces) => Some(interfaces),
                Action::Local | Action::Refuse | Action::Throw => None,
            })
            .flatten()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The first table from 100 on that no route and no rule names.
    #[must_use]
    pub fn free_table(&self) -> u32 {
        let used = |table: &str| {
            self.routes.iter().any(|r| r.table == table)
                || self.rules.iter().any(|r| r.table.as_deref() == Some(table))
        };
        // From 253 on the tables have names (iproute2's rt_tables).
        (100..253).find(|n| !used(&n.to_string())).unwrap_or(100)
    }

    /// The longest prefix, then the longest of the sources, then the lowest metric.
    fn best(&self, table: &str, from: IpAddr, to: IpAddr) -> Option<&Route> {
        let sources = |r: &Route| r.from.map_or(0, |net| net.prefix_len());
        self.routes
            .iter()
            .filter(|r| r.table == table && r.to.contains(&to))
            .filter(|r| r.from.is_none_or(|net| net.contains(&from)))
            .min_by_key(|r| (u8::MAX - r.to.prefix_len(), u8::MAX - sources(r), r.metric))
    }
}

impl Route {
    /// Where to and by which interface; `None` where it is more than that.
    fn plain(&self) -> Option<(IpNet, Option<&str>)> {
        match &self.action {
            Action::Out(interfaces) if self.from.is_none() => match interfaces.as_slice() {
                [one] => Some((self.to, Some(one))),
                _ => None,
            },
            Action::Refuse => Some((self.to, None)),
            Action::Out(_) | Action::Local | Action::Throw => None,
        }
    }
}

impl Rule {
    /// Whether the rule is for a packet; `None` where that cannot be told.
    fn fits(&self, from: IpAddr, to: IpAddr, came_in: Option<&[InterfaceName]>) -> Option<bool> {
        let within = |net: &Option<IpNet>, address| net.is_none_or(|n| n.contains(&address));
        if !within(&self.from, from) || !within(&self.to, to) || self.special {
            return Some(self.not);
        }
        let iif = match (&self.iif, came_in) {
            (None, _) => Some(true),
            // What this host sends itself comes in by `lo`, as the kernel has it.
            (Some(wanted), None) => Some(wanted == "lo"),
            (Some(_), Some([])) => None,
            (Some(wanted), Some(names)) => Some(names.iter().any(|n| n.as_str() == wanted)),
        };
        match iif {
            Some(false) => Some(self.not),
            None => None,
            Some(true) if self.unknown => None,
            Some(true) => Some(!self.not),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROUTES: &str = "\
inet table main default via 198.51.100.254 dev eth0 metric 100
inet table main default via 192.0.2.254 dev eth1 metric 200
inet table main 198.51.100.0/24 dev eth0 src 198.51.100.1
inet table main 10.77.8.0/24 nexthop via 198.51.100.2 dev eth0 nexthop via 192.0.2.2 dev eth1
inet table main unreachable 10.0.0.0/8
inet table local local 198.51.100.1 dev eth0 src 198.51.100.1
inet table 100 default via 192.0.2.254 dev eth1
inet6 table main 2001:db8:51::/64 dev eth0
inet6 table main 2001:db8:8000::/33 via fe80::9 dev eth0 metric 1
inet6 table main 2001:db8:8000::/33 from 2001:db8:52::/64 via fe80::9 dev eth1 metric 1024
nonsense
";

    const RULES: &str = "\
inet 0: from all lookup local
inet 32766: from all lookup main
inet 100: from 192.0.2.1 lookup 100
inet 50: from all fwmark 0x1/0xff lookup 7
inet 60: from 203.0.113.0/24 uidrange 0-99 unknown lookup 7
inet6 32766: from all lookup main
";

    fn by(from: &str, to: &str) -> Way {
        let address = |text: &str| text.parse().expect("an address");
        Routing::parse(ROUTES, RULES).way(address(from), address(to), None)
    }

    fn out(way: &Way) -> Vec<String> {
        match way {
            Way::Out { interfaces, .. } => interfaces.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_way_of_an_answer() {
        assert_eq!(out(&by("198.51.100.1", "203.0.113.9")), ["eth0"]);
        assert_eq!(out(&by("192.0.2.1", "203.0.113.9")), ["eth1"]);
        assert_eq!(out(&by("198.51.100.1", "10.77.8.1")), ["eth0", "eth1"]);
        assert_eq!(by("198.51.100.1", "198.51.100.1"), Way::Local);
        assert_eq!(
            by("198.51.100.1", "10.0.0.1"),
            Way::Nowhere(Some("unreachable 10.0.0.0/8".to_owned()))
        );
        assert_eq!(by("2001:db8:51::1", "2001:db8:1::1"), Way::Nowhere(None));
        assert_eq!(out(&by("2001:db8:51::1", "2001:db8:ffff::1")), ["eth0"]);
        assert_eq!(out(&by("2001:db8:52::1", "2001:db8:ffff::1")), ["eth1"]);
        assert!(matches!(by("203.0.113.1", "198.51.100.7"), Way::Unclear(_)));
    }

    #[test]
    fn what_routers_told() {
        let routes = "\
inet6 table main default via fe80::1 dev eth2 proto ra metric 1024
inet6 table main default proto ra metric 512 nexthop via fe80::1 dev eth1 nexthop via fe80::2 dev eth2
inet6 table main 2001:db8:9::/64 via fe80::1 dev eth3 proto ra metric 1024
inet6 table main default via fe80::1 dev eth4 metric 1024
";
        let routing = Routing::parse(routes, "");
        assert_eq!(routing.by_router_advertisements(), ["eth1", "eth2"]);
    }

    #[test]
    fn addresses_of_interfaces() {
        let text = "eth0 inet 198.51.100.1/24 scope global\neth0 inet6 fe80::1/64 scope link\nx\n";
        let found = addresses(text);
        assert_eq!(found.len(), 2);
        assert!(found[0].is_global && !found[1].is_global);
        assert_eq!(found[0].net.addr().to_string(), "198.51.100.1");
    }

    proptest! {
        #[test]
        fn hostile_words_do_no_harm(routes in ".{0,200}", rules in ".{0,200}") {
            let routing = Routing::parse(&format!("inet table main {routes}"), &format!("inet 1: {rules}"));
            let address = IpAddr::from([192, 0, 2, 1]);
            let _ = routing.way(address, address, None);
            let _ = addresses(&routes);
        }
    }
}
