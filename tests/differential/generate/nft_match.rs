//! What rules of nft compare.

use super::Draw;
use super::nft::{Place, Scope};

impl Draw {
    /// A comparison whose outcome can be told.
    pub(super) fn nft_match(&mut self, scope: &Scope, v6: bool) -> String {
        match self.dice.next() % 20 {
            0..=5 => self.ports_match(),
            6..=10 => self.address_match(v6),
            11 | 12 => self.interface_match(scope),
            13 | 14 => self.meta_match(scope, v6),
            15..=17 if !matches!(scope.place, Place::Ingress) => self.ct_match(v6),
            18 if scope.place != Place::Ingress => self.fib_match(scope),
            _ => self.pair_match(v6),
        }
    }

    fn ports_match(&mut self) -> String {
        let sign = self.sign();
        match self.dice.next() % 13 {
            0..=2 => format!("tcp dport {sign}{}", self.port()),
            3 | 4 => format!("tcp dport {sign}{}", self.port_range()),
            5 => format!(
                "tcp dport {sign}{{ {}, 50000-50010 }}",
                self.dice.one(&["21", "80", "990"])
            ),
            6 => format!("tcp dport {sign}@ports"),
            7 => format!("tcp dport {sign}@some"),
            8 => format!("tcp sport {sign}{}", self.port_range()),
            9 => format!("th dport {sign}{}", self.port()),
            10 => format!(
                "tcp dport {} {}",
                self.dice.one(&["<", ">", "<=", ">="]),
                self.port()
            ),
            11 => self
                .dice
                .one(&[
                    "tcp flags syn",
                    "tcp flags & (fin | syn | rst | ack) == syn",
                    "tcp flags & (fin | syn) == (fin | syn)",
                    "tcp flags ack",
                    "tcp flags != syn",
                    "tcp flags syn / fin,syn,rst,ack",
                ])
                .to_owned(),
            _ => self
                .dice
                .one(&[
                    "meta l4proto tcp",
                    "meta l4proto != udp",
                    "meta l4proto != tcp",
                ])
                .to_owned(),
        }
    }

    fn address_match(&mut self, v6: bool) -> String {
        let (ip, suffix) = if v6 { ("ip6", 6) } else { ("ip", 4) };
        let side = self.dice.one(&["saddr", "daddr"]);
        let sign = self.sign();
        match self.dice.next() % 8 {
            0 | 1 => format!("{ip} {side} {sign}{}", self.any_host(v6)),
            2 | 3 => format!("{ip} {side} {sign}{}", self.net(v6)),
            4 => format!("{ip} {side} {sign}{}", self.range(v6)),
            5 => format!("{ip} {side} {sign}@hosts{suffix}"),
            6 => format!("{ip} {side} {sign}@nets{suffix}"),
            _ if v6 => self
                .dice
                .one(&[
                    "ip6 nexthdr tcp",
                    "ip6 saddr & ::ff == ::2",
                    "ip6 version 6",
                ])
                .to_owned(),
            _ => self
                .dice
                .one(&[
                    "ip protocol tcp",
                    "ip saddr & 0.0.0.255 == 0.0.0.2",
                    "ip daddr & 255.255.0.255 == 10.77.0.3",
                    "ip protocol != udp",
                    "ip version 4",
                    "ip frag-off & 0x1fff == 0",
                    "ip hdrlength 5",
                ])
                .to_owned(),
        }
    }

    fn interface_match(&mut self, scope: &Scope) -> String {
        let sign = self.sign();
        let which = if scope.place == Place::Ingress {
            "iifname"
        } else {
            self.dice.one(&["iifname", "oifname"])
        };
        match self.dice.next() % 5 {
            0 | 1 => format!("{which} {sign}\"{}\"", self.dice.one(&["cli", "srv"])),
            2 => format!("{which} {sign}\"{}\"", self.dice.one(&["c*", "sr*", "e*"])),
            3 => format!(
                "{which} {sign}{{ \"{}\", \"eth0\" }}",
                self.dice.one(&["cli", "srv", "lo"])
            ),
            _ => format!(
                "{} {sign}\"{}\"",
                &which[..3],
                self.dice.one(&["cli", "srv"])
            ),
        }
    }

    fn meta_match(&mut self, scope: &Scope, v6: bool) -> String {
        match self.dice.next() % 8 {
            0..=3 => self
                .dice
                .one(&[
                    "meta mark 0",
                    "meta mark 1",
                    "meta mark != 1",
                    "meta mark & 0x3 == 0x2",
                    "meta mark { 1, 3-7 }",
                    "meta mark > 1",
                    "meta mark & 0x1 != 0",
                ])
                .to_owned(),
            4 if scope.family == "inet" => {
                format!("meta nfproto {}", if v6 { "ipv6" } else { "ipv4" })
            }
            5 => self
                .dice
                .one(&[
                    "meta pkttype host",
                    "meta pkttype != broadcast",
                    "meta pkttype multicast",
                ])
                .to_owned(),
            6 => self
                .dice
                .one(&["meta l4proto tcp", "meta l4proto 6"])
                .to_owned(),
            _ => format!("meta protocol {}", if v6 { "ip6" } else { "ip" }),
        }
    }

    fn ct_match(&mut self, v6: bool) -> String {
        let ip = if v6 { "ip6" } else { "ip" };
        match self.dice.next() % 14 {
            0..=5 => self
                .dice
                .one(&[
                    "ct state new",
                    "ct state established,related",
                    "ct state != new",
                    "ct state invalid",
                    "ct state { new, established }",
                    "ct state untracked",
                    "ct state != invalid",
                ])
                .to_owned(),
            6 => self
                .dice
                .one(&[
                    "ct status dnat",
                    "ct status snat",
                    "ct status != dnat",
                    "ct status & (dnat | snat) == 0",
                    "ct status ! dnat",
                ])
                .to_owned(),
            7 => self
                .dice
                .one(&["ct direction original", "ct direction reply"])
                .to_owned(),
            8 => format!("ct original {ip} saddr {}", self.net(v6)),
            9 => format!(
                "ct original {ip} daddr {}{}",
                self.sign(),
                self.any_host(v6)
            ),
            10 => format!(
                "meta l4proto tcp ct original proto-dst {}{}",
                self.sign(),
                self.port()
            ),
            11 => format!("ct reply {ip} saddr {}", self.any_host(v6)),
            12 => self
                .dice
                .one(&[
                    "ct mark 0",
                    "ct mark 1",
                    "ct mark != 0",
                    "ct mark & 0x2 == 0x2",
                    "ct mark < 2",
                    "ct zone 0",
                ])
                .to_owned(),
            _ => self
                .dice
                .one(&[
                    "ct helper \"ftp\"",
                    "ct protocol tcp",
                    "ct state new ct direction original",
                ])
                .to_owned(),
        }
    }

    fn fib_match(&mut self, scope: &Scope) -> String {
        let anywhere = [
            "fib daddr type local",
            "fib daddr type != local",
            "fib saddr type unicast",
            "fib daddr type { local, broadcast }",
        ];
        // `nft_fib_validate`: interfaces before the packet has one to leave by.
        if matches!(scope.hook, "prerouting" | "input" | "forward") && self.dice.percent(40) {
            return self
                .dice
                .one(&[
                    "fib saddr oif exists",
                    "fib saddr . iif oif missing",
                    "fib daddr oifname \"srv\"",
                ])
                .to_owned();
        }
        self.dice.one(&anywhere).to_owned()
    }

    fn pair_match(&mut self, v6: bool) -> String {
        let (ip, suffix) = if v6 { ("ip6", 6) } else { ("ip", 4) };
        let side = self.dice.one(&["saddr", "daddr"]);
        let sign = self.sign();
        match self.dice.next() % 4 {
            0 | 1 => format!("{ip} {side} . tcp dport {sign}@pairs{suffix}"),
            2 => format!(
                "{ip} saddr . {ip} daddr . tcp dport {sign}{{ {} . {} . {}, {} . {} . 50000-50010 }}",
                self.net(v6),
                self.any_host(v6),
                // Beside the other range: elements must not overlap.
                self.dice.one(&["21", "80", "990", "51000"]),
                self.any_host(v6),
                self.net(v6),
            ),
            _ => format!(
                "tcp dport . {ip} {side} {sign}{{ 21 . {}, 80 . {} }}",
                self.any_host(v6),
                self.any_host(v6)
            ),
        }
    }

    /// A comparison or statement that nobody can foresee.
    pub(super) fn nft_unforeseen(&mut self, scope: &Scope) -> String {
        let anywhere = [
            "limit rate 3/second",
            "limit rate over 2/minute burst 1 packets",
            "numgen inc mod 2 == 0",
            "numgen random mod 3 1",
            "meta random < 1000000000",
            "quota over 100 bytes",
            "meta length < 50",
            "tcp option maxseg exists",
        ];
        if scope.place != Place::Ingress && scope.place != Place::Raw && self.dice.percent(20) {
            return "ct bytes > 1000".to_owned();
        }
        self.dice.one(&anywhere).to_owned()
    }
}
