//! Tables and chains for `nft -f`.

use std::fmt::Write as _;

use super::Draw;

/// A kind of base chain: which statements its rules, and the chains they jump to, may
/// have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Ingress of a device, where connections are not yet tracked.
    Ingress,
    /// Prerouting and output before connection tracking.
    Raw,
    /// Prerouting and postrouting of type filter.
    Mangle,
    /// Input, forward and output of type filter.
    Filter,
    /// NAT in prerouting and output.
    Dnat,
    /// NAT in postrouting and input.
    Snat,
}

/// What rules of one table may name.
pub(super) struct Scope {
    /// `ip`, `ip6`, `inet`, `netdev`.
    pub(super) family: &'static str,
    /// Where the rules stand.
    pub(super) place: Place,
    /// The hook that leads to them.
    pub(super) hook: &'static str,
    /// Chains that may be jumped to.
    pub(super) chains: Vec<String>,
}

impl Scope {
    /// The short name of the place, which its chains begin with.
    fn prefix(&self) -> &'static str {
        match self.place {
            Place::Ingress => "ingress",
            Place::Raw => "raw",
            Place::Mangle => "mangle",
            Place::Filter => "filter",
            Place::Dnat => "dnat",
            Place::Snat => "snat",
        }
    }
}

impl Draw {
    /// One to three tables.
    pub(super) fn nft(&mut self) -> String {
        let mut text = String::new();
        for number in 0..self.dice.count(1, 3) {
            let family = self.dice.one(&["inet", "inet", "inet", "ip", "ip", "ip6"]);
            text += &self.table(family, number);
        }
        if self.dice.percent(10) {
            text += &self.ingress();
        }
        if self.dice.percent(10) {
            // What routed packets never meet.
            text +=
                "table arp a {\nchain c {\ntype filter hook input priority 0; policy drop;\n}\n}\n";
            text += "table bridge b {\nchain c {\ntype filter hook forward priority 0; policy drop;\n}\n}\n";
        }
        text
    }

    fn table(&mut self, family: &'static str, number: u64) -> String {
        let mut text = format!("table {family} t{number} {{\n{}", self.sets(family));
        if self.dice.percent(4) {
            text += "flags dormant;\n";
        }
        let mut bases = 0;
        let many = self.dice.count(1, 4);
        while bases < many {
            let place = match self.dice.next() % 16 {
                0 => Place::Raw,
                1..=3 => Place::Mangle,
                4..=11 => Place::Filter,
                12..=14 => Place::Dnat,
                _ => Place::Snat,
            };
            text += &self.group(family, place, bases);
            bases += 1;
        }
        text + "}\n"
    }

    /// A base chain, and chains for it.
    fn group(&mut self, family: &'static str, place: Place, number: u64) -> String {
        let (hooks, priorities): (&[&str], &[&str]) = match place {
            Place::Ingress => (&["ingress"], &["0"]),
            Place::Raw => (&["prerouting", "output"], &["-300", "-250"]),
            Place::Mangle => (
                &["prerouting", "prerouting", "postrouting"],
                &["-150", "-90", "0", "150"],
            ),
            Place::Filter => (
                &["input", "input", "forward", "forward", "output"],
                &["-150", "-10", "0", "10", "50", "120"],
            ),
            Place::Dnat => (
                &["prerouting", "prerouting", "output"],
                &["-100", "-110", "-90", "0"],
            ),
            Place::Snat => (
                &["postrouting", "postrouting", "input"],
                &["100", "90", "110", "0"],
            ),
        };
        let mut scope = Scope {
            family,
            place,
            hook: self.dice.one(hooks),
            chains: Vec::new(),
        };
        let mut text = String::new();
        // The last first: a chain only goes to those before it in this order.
        for inner in 0..self.dice.count(0, 3) {
            let name = format!("{}{number}_{inner}", scope.prefix());
            let _ = writeln!(text, "chain {name} {{\n{}}}", self.rules(&scope, 1, 4));
            scope.chains.push(name);
        }
        let kind = match place {
            Place::Dnat | Place::Snat => "nat",
            _ if scope.hook == "output" && self.dice.percent(15) => "route",
            _ => "filter",
        };
        let priority: i64 = self.dice.one(priorities).parse().expect("a number");
        // So that chains of one hook seldom share a priority, whose order is not known.
        let nudge = if self.dice.percent(90) {
            i64::try_from(self.dice.next() % 9).expect("small")
        } else {
            0
        };
        let dropping = place == Place::Filter && self.dice.percent(40);
        let policy = if dropping { "drop" } else { "accept" };
        let _ = writeln!(
            text,
            "chain {}{number} {{\ntype {kind} hook {} priority {}; policy {policy};\n{}}}",
            scope.prefix(),
            scope.hook,
            priority + nudge,
            self.rules(&scope, 1, 6)
        );
        text
    }

    fn rules(&mut self, scope: &Scope, least: u64, most: u64) -> String {
        (0..self.dice.count(least, most))
            .map(|_| self.nft_rule(scope) + "\n")
            .collect()
    }

    /// A table of a device, or a chain of `inet` there.
    fn ingress(&mut self) -> String {
        let device = self.dice.one(&["cli", "srv"]);
        let (family, hook) = match self.dice.next() % 4 {
            0 => ("inet", "ingress"),
            1 => ("netdev", "egress"),
            _ => ("netdev", "ingress"),
        };
        let scope = Scope {
            family,
            place: Place::Ingress,
            hook,
            chains: Vec::new(),
        };
        format!(
            "table {family} n {{\n{}chain c {{\ntype filter hook {hook} device \"{device}\" priority 0; policy accept;\n{}}}\n}}\n",
            self.sets(family),
            self.rules(&scope, 1, 3)
        )
    }

    /// The sets and maps of a table, of each form one.
    fn sets(&mut self, family: &str) -> String {
        let mut text = format!(
            "set ports {{\ntype inet_service; flags interval;\nelements = {{ {}, {} }}\n}}\n",
            self.dice.one(&["21", "80", "443-990"]),
            self.dice.one(&["2121", "50000-50010", "50011-65535"]),
        );
        let _ = writeln!(
            text,
            "set some {{\ntype inet_service; flags timeout;\nelements = {{ {} timeout 1h, 990 }}\n}}",
            self.dice.one(&["21", "50005"]),
        );
        let _ = writeln!(
            text,
            "map marks {{\ntype inet_service : mark;\nelements = {{ 21 : 1, 80 : 2, {} : 3 }}\n}}",
            self.dice.one(&["990", "50000"])
        );
        text += "set learnt4 {\ntype ipv4_addr; flags dynamic, timeout; timeout 1h;\n}\n";
        text += "set learnt6 {\ntype ipv6_addr; flags dynamic, timeout; timeout 1h;\n}\n";
        for (v6, suffix, kind) in [(false, "4", "ipv4_addr"), (true, "6", "ipv6_addr")] {
            let (net, range) = (self.net(v6), self.range(v6));
            let _ = writeln!(
                text,
                "set hosts{suffix} {{\ntype {kind}; elements = {{ {}, {} }}\n}}",
                HOST_PAIRS[usize::from(v6)][0],
                HOST_PAIRS[usize::from(v6)][1]
            );
            let _ = writeln!(
                text,
                "set nets{suffix} {{\ntype {kind}; flags interval; auto-merge;\nelements = {{ {net}, {range} }}\n}}"
            );
            let _ = writeln!(
                text,
                "set pairs{suffix} {{\ntype {kind} . inet_service; flags interval;\nelements = {{ {net} . {}, {} . {} }}\n}}",
                self.dice.one(&["50000-50010", "21", "0-1023"]),
                self.any_host(v6),
                self.dice.one(&["2121-2122", "1024-40000", "50011-65535"]),
            );
            let _ = writeln!(
                text,
                "map fates{suffix} {{\ntype {kind} : verdict; flags interval;\nelements = {{ {} : accept, {} : drop }}\n}}",
                NET_PAIRS[usize::from(v6)][0],
                NET_PAIRS[usize::from(v6)][1],
            );
            let _ = writeln!(
                text,
                "map servers{suffix} {{\ntype inet_service : {kind};\nelements = {{ 21 : {}, 80 : {}, 50000 : {} }}\n}}",
                self.any_host(v6),
                self.any_host(v6),
                self.any_host(v6),
            );
        }
        text += "counter seen {\n}\n";
        if family != "netdev" {
            text += "ct helper ftp {\ntype \"ftp\" protocol tcp;\n}\n";
        }
        text
    }
}

const HOST_PAIRS: [[&str; 2]; 2] = [
    ["10.77.1.2", "10.77.2.3"],
    ["2001:db8:1::2", "2001:db8:2::3"],
];

const NET_PAIRS: [[&str; 2]; 2] = [
    ["10.77.1.0/29", "10.77.1.64-10.77.2.2"],
    ["2001:db8:1::/126", "2001:db8:1::60-2001:db8:2::2"],
];
