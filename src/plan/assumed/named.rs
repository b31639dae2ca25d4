//! What rules name: interfaces and addresses of their host, and which of them FTP comes by.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::{Family, PortRange, is_public};
use crate::profile::Profile;
use crate::ruleset::posted::Posted;
use crate::ruleset::save::SavedRule;

/// Interfaces that lead to guests and tunnels of the host, as their makers name them.
const GUESTS: [&str; 9] = [
    "docker", "br-", "virbr", "veth", "lxc", "cni", "tun", "wg", "tap",
];

/// A profile, and the rules that may name what it leaves out.
pub(super) struct Names<'a> {
    pub(super) profile: &'a Profile,
    pub(super) posted: &'a Posted,
}

impl<'a> Names<'a> {
    fn rules(&self) -> impl Iterator<Item = &'a SavedRule> {
        Family::BOTH
            .into_iter()
            .flat_map(|f| self.posted.rules_of(f))
    }

    /// The interface that faces the outside: that of a rule about FTP; else the one that
    /// connections are masqueraded by; else the only one that is not trusted as a whole.
    pub(super) fn outer(&self) -> Option<String> {
        let about_ftp = self.rules().filter(|r| self.is_about_ftp(r));
        let masqueraded = self
            .rules()
            .filter(|r| matches!(r.target(), Some("MASQUERADE" | "SNAT")) && !is_guest(r, "-o"));
        about_ftp
            .filter_map(|r| interface(r, "-i"))
            .chain(masqueraded.filter_map(|r| interface(r, "-o")))
            .next()
            .or_else(|| self.only_untrusted())
    }

    /// The one that faces the inside: that of a rule about the server; else the only other.
    pub(super) fn inner(&self, outer: &str) -> Option<String> {
        let servers = &self.profile.server.addresses;
        let leads = |r: &SavedRule, address: &str, by: &str| {
            let is_server = one_address(r, address).is_some_and(|a| servers.contains(&a));
            interface(r, by).filter(|name| is_server && name != outer)
        };
        self.rules()
            .find_map(|r| leads(r, "-d", "-o").or_else(|| leads(r, "-s", "-i")))
            .or_else(|| self.only_beside(outer, false))
            .or_else(|| self.only_beside(outer, true))
    }

    /// The only interface that packets come in by, but for those that are trusted as a
    /// whole and those of guests: nobody trusts the outside.
    fn only_untrusted(&self) -> Option<String> {
        let rules = self.rules().filter(|r| !is_guest(r, "-i"));
        let mut names: Vec<String> = rules.filter_map(|r| interface(r, "-i")).collect();
        names.retain(|name| !self.is_trusted(name));
        only(names)
    }

    /// The only interface beside that one, of guests or of others.
    fn only_beside(&self, outer: &str, guests: bool) -> Option<String> {
        let of = |rule: &SavedRule| {
            let named = ["-i", "-o"]
                .map(|option| interface(rule, option).filter(|_| is_guest(rule, option) == guests));
            named.into_iter().flatten().collect::<Vec<_>>()
        };
        let mut names: Vec<String> = self.rules().flat_map(of).collect();
        names.retain(|name| name != outer);
        only(names)
    }

    fn is_trusted(&self, name: &str) -> bool {
        let trusts = |r: &SavedRule| is_trusting(r) && interface(r, "-i").as_deref() == Some(name);
        self.rules().any(trusts)
    }

    /// `eth0`, or the first of its kind that is not trusted: for the outside.
    pub(super) fn untrusted_name(&self) -> String {
        let mut names = (0..u8::MAX).map(|n| format!("eth{n}"));
        let found = names.find(|name| !self.is_trusted(name));
        found.unwrap_or_else(|| "eth0".to_owned())
    }

    /// The address of that family that a rule about the control port is for.
    pub(super) fn called(&self, family: Family) -> Option<IpAddr> {
        let servers = &self.profile.server.addresses;
        let address = |r: &SavedRule| one_address(r, "-d").filter(|a| !servers.contains(a));
        let about = self
            .posted
            .rules_of(family)
            .filter(|r| self.is_about_control(r));
        about.filter_map(address).find(|a| Family::of(*a) == family)
    }

    fn is_about_control(&self, rule: &SavedRule) -> bool {
        let control = self.profile.control.iter();
        ports(rule)
            .iter()
            .any(|p| control.clone().any(|c| p.contains(c.port)))
    }

    fn is_about_ftp(&self, rule: &SavedRule) -> bool {
        let data = self.profile.passive.ports;
        self.is_about_control(rule) || ports(rule).contains(&data)
    }
}

/// The one that all of these names are.
fn only(mut names: Vec<String>) -> Option<String> {
    names.sort_unstable();
    names.dedup();
    (names.len() == 1).then(|| names.remove(0))
}

/// The value of an option that is not negated.
fn option<'r>(rule: &'r SavedRule, name: &str) -> Option<&'r str> {
    let at = rule.words.iter().position(|w| w == name)?;
    let negated = at.checked_sub(1).and_then(|before| rule.words.get(before));
    let value = rule.words.get(at + 1)?;
    (negated.is_none_or(|w| w != "!") && value != "!").then_some(value)
}

/// The interface that an option names, `ppp+` being `ppp0`; not loopback.
fn interface(rule: &SavedRule, name: &str) -> Option<String> {
    let value = option(rule, name)?;
    match value.strip_suffix('+') {
        Some("") => None,
        Some(kind) => Some(format!("{kind}0")),
        None => (value != "lo").then(|| value.to_owned()),
    }
}

fn is_guest(rule: &SavedRule, name: &str) -> bool {
    option(rule, name).is_some_and(|value| GUESTS.iter().any(|guest| value.starts_with(guest)))
}

/// Whether it accepts everything of an interface, or of a private network behind it.
fn is_trusting(rule: &SavedRule) -> bool {
    let words: Vec<&str> = rule.words.iter().map(String::as_str).collect();
    let tests = words.iter().filter(|w| w.starts_with('-'));
    let mut tests = tests.filter(|w| !["-m", "--comment"].contains(w));
    let source = option(rule, "-s").and_then(|s| s.split('/').next()?.parse().ok());
    rule.target() == Some("ACCEPT")
        && option(rule, "-i").is_some()
        && source.is_none_or(|address: IpAddr| !is_public(address))
        && tests.all(|w| ["-i", "-o", "-s", "-j"].contains(w))
}

/// One address that an option names.
fn one_address(rule: &SavedRule, name: &str) -> Option<IpAddr> {
    let value = option(rule, name)?;
    let net: IpNet = match value.parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => value.parse().ok()?,
    };
    (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())
}

/// The destination ports that a rule names.
fn ports(rule: &SavedRule) -> Vec<PortRange> {
    let values = ["--dport", "--dports"]
        .into_iter()
        .filter_map(|name| option(rule, name));
    values
        .flat_map(|v| v.split(','))
        .filter_map(range)
        .collect()
}

/// `21`, `50000:51000`, `ftp`.
fn range(text: &str) -> Option<PortRange> {
    let port = |text: &str| match text {
        "ftp" => Some(21),
        "ftps" => Some(990),
        number => number.parse().ok(),
    };
    match text.split_once(':') {
        Some((first, last)) => PortRange::new(port(first)?, port(last)?),
        None => port(text).map(PortRange::one),
    }
}
