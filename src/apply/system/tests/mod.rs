//! There and back, on a made-up host that does with a written sysctl what the kernel does;
//! `tests/apply_system` has the same of the kernel itself.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::facts::ports;
use crate::facts::ports::tests::{lists, set};
use crate::facts::snapshot::{Snapshot, State};
use crate::facts::sysctl;
use crate::model::net::PortRange;
use crate::plan;
use crate::profile::parse;

mod modules;

const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";
const FORWARD: &str = "net.ipv4.ip_forward";
const FORWARD6: &str = "net.ipv6.conf.all.forwarding";
const REDIRECTS: &str = "net.ipv4.conf.all.accept_redirects";

const INTERFACES: [&str; 4] = ["default", "lo", "eth0", "eth1.7"];

/// Sources by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host(BTreeMap<String, String>);

impl Host {
    /// One that does not forward, with its IPv6 route by router advertisements on eth0, and
    /// helpers that can be loaded.
    fn new() -> Self {
        let mut host = Self(BTreeMap::new());
        for (key, value) in [
            (RESERVED, ""),
            (FORWARD, "0"),
            (FORWARD6, "0"),
            (REDIRECTS, "1"),
        ] {
            host.put(&sysctl::path(key), value);
        }
        for interface in INTERFACES {
            host.put(&sysctl::of_interface("ipv4", interface, "forwarding"), "0");
            host.put(&sysctl::of_interface("ipv6", interface, "forwarding"), "0");
            host.put(&sysctl::of_interface("ipv6", interface, "accept_ra"), "1");
        }
        host.put("asked:rules", "inet6 32766: from all lookup main\n");
        host.put(
            "asked:routes",
            "inet6 table main default via fe80::1 dev eth0 proto ra metric 1024\n",
        );
        host.put("/proc/modules", "x 1 0 - Live 0x0\n");
        host.put("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
        host.put(
            "/lib/modules/6.1.0-18-amd64/modules.dep",
            "kernel/nf_conntrack_ftp.ko:\nkernel/nf_nat_ftp.ko:\n",
        );
        host
    }

    fn put(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), text.to_owned());
    }

    fn value(&self, key: &str) -> &str {
        &self.0[&sysctl::path(key)]
    }

    /// Writes as the kernel does: `inet_forward_change`, `addrconf_fixup_forwarding`.
    fn write(&mut self, key: &str, value: &str) {
        let is_new = self.value(key) != value;
        self.put(&sysctl::path(key), value);
        let version = match key {
            FORWARD => "ipv4",
            FORWARD6 => "ipv6",
            _ => return,
        };
        if !is_new {
            return;
        }
        for interface in INTERFACES {
            self.put(
                &sysctl::of_interface(version, interface, "forwarding"),
                value,
            );
        }
        if key == FORWARD {
            let inverted = if value == "0" { "1" } else { "0" };
            self.put(&sysctl::path(REDIRECTS), inverted);
        }
    }

    fn facts(&self) -> Facts {
        let mut snapshot = Snapshot::default();
        for (name, text) in &self.0 {
            snapshot.insert(name, State::Held(text.clone()));
        }
        Facts::of(snapshot)
    }

    fn change(&self, profiles: &[Profile], made: &Changed) -> SystemChange {
        let facts = self.facts();
        let wanted = Wanted {
            profiles,
            plan: &plan::plan(profiles, &facts),
            modules_elsewhere: &[],
        };
        change(&wanted, &facts, made)
    }

    fn perform(&mut self, steps: &[SysctlStep]) {
        for step in steps {
            assert_eq!(self.value(&step.key), step.from, "{}", step.key);
            self.write(&step.key, &step.to);
            for setting in &step.then {
                self.write(&setting.key, &setting.value);
            }
        }
    }

    /// Changes the host to serve `profiles`, and gives the record after it.
    fn serve(&mut self, profiles: &[Profile], made: &Changed) -> Changed {
        let change = self.change(profiles, made);
        assert_eq!(change.obstacles, [""; 0]);
        self.perform(&change.sysctls);
        let again = self.change(profiles, &change.recorded(&[]));
        assert_eq!(again.sysctls, [], "again is no change");
        assert_eq!(again.recorded(&[]), change.recorded(&[]));
        change.recorded(&[])
    }
}

fn profile(name: &str, body: &str) -> Profile {
    let text = format!("name: {name}\n{body}");
    parse("p.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

/// A server on this host.
fn own(name: &str, ports: &str) -> Profile {
    profile(name, &format!("passive: {{ ports: {ports} }}\n"))
}

/// A gateway of both families that needs both helpers.
fn gateway() -> Profile {
    profile(
        "gateway",
        "server: { address: [10.77.0.21, \"2001:db8:77::21\"] }\npassive: { ports: 50000-51000 }\n\
         nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }\n",
    )
}

fn keys(change: &SystemChange) -> Vec<String> {
    let word = |s: &SysctlStep| format!("{}={}", s.key, s.to);
    change.sysctls.iter().map(word).collect()
}

#[test]
fn a_gateway_and_back() {
    let before = Host::new();
    let mut host = before.clone();
    let change = host.change(&[gateway()], &Changed::default());
    assert_eq!(
        keys(&change),
        [
            "net.ipv4.ip_forward=1",
            "net/ipv6/conf/eth0/accept_ra=2",
            "net.ipv6.conf.all.forwarding=1",
        ]
    );
    assert!(change.warnings[0].contains("eth0"), "{:?}", change.warnings);
    assert_eq!(change.warnings.len(), 1);
    let made = host.serve(&[gateway()], &Changed::default());
    let back = host.change(&[], &made);
    assert_eq!(
        keys(&back),
        [
            "net.ipv6.conf.all.forwarding=0",
            "net/ipv6/conf/eth0/accept_ra=1",
            "net.ipv4.ip_forward=0",
        ]
    );
    assert_eq!(host.serve(&[], &made), Changed::default());
    assert_eq!(host, before);
}

#[test]
fn a_value_that_somebody_changed_is_left() {
    let mut host = Host::new();
    let made = host.serve(&[gateway()], &Changed::default());
    host.write(FORWARD, "0");
    host.write("net/ipv6/conf/eth0/accept_ra", "0");
    let back = host.change(&[], &made);
    assert_eq!(keys(&back), ["net.ipv6.conf.all.forwarding=0"]);
    assert_eq!(back.warnings.len(), 1, "{:?}", back.warnings);
    assert!(back.warnings[0].contains("accept_ra is left as it is: it is 0"));
}

#[test]
fn what_the_host_sets_at_boot_is_wanted() {
    let mut host = Host::new();
    let made = host.serve(&[gateway(), own("own", "52000-52010")], &Changed::default());
    host.put(
        "/etc/sysctl.d/60-router.conf",
        "net.ipv6.conf.all.forwarding = 1\nnet.ipv4.ip_local_reserved_ports = 52005-52010\n",
    );
    let back = host.change(&[], &made);
    assert_eq!(
        keys(&back),
        [
            "net.ipv4.ip_forward=0",
            "net.ipv4.ip_local_reserved_ports=52005-52010"
        ]
    );
    let words = back.warnings.join("\n");
    assert!(words.contains("/etc/sysctl.d/60-router.conf:1"), "{words}");
    // It forwards on: without accept_ra=2 it would lose its route.
    assert!(words.contains("accept_ra"), "{words}");
    // The same by another name.
    let mut same = host.clone();
    same.put("/etc/sysctl.conf", "net/ipv4/conf/all/forwarding = 1\n");
    assert_eq!(keys(&same.change(&[], &made)).len(), 1);
    // Another namespace's files say nothing of this one.
    host.put("asked:namespaces", "user initial\nnet other\n");
    assert_eq!(host.change(&[], &made).sysctls.len(), 4);
}

#[test]
fn what_remaining_profiles_need_stays() {
    let mut host = Host::new();
    let all = [gateway(), own("a", "52000-52010"), own("b", "52005-52020")];
    let made = host.serve(&all, &Changed::default());
    assert_eq!(host.value(RESERVED), "52000-52020");
    let made = host.serve(&all[2..], &made);
    assert_eq!(host.value(RESERVED), "52005-52020");
    assert_eq!(host.value(FORWARD), "0");
    assert_eq!(host.serve(&[], &made), Changed::default());
    assert_eq!(host, Host::new());
}

#[test]
fn a_host_that_routes_already_is_not_touched() {
    let mut host = Host::new();
    host.write(FORWARD, "1");
    host.write(FORWARD6, "1");
    let change = host.change(&[gateway()], &Changed::default());
    assert_eq!(change.sysctls, []);
    assert_eq!(change.warnings, [""; 0]);
    assert_eq!(change.recorded(&[]), Changed::default());
}

#[test]
fn one_interface_that_does_not_forward() {
    let before = {
        let mut host = Host::new();
        host.write(FORWARD, "1");
        host.write(FORWARD6, "1");
        host.write("net/ipv4/conf/eth0/forwarding", "0");
        host
    };
    let mut host = before.clone();
    let change = host.change(&[gateway()], &Changed::default());
    assert_eq!(keys(&change), ["net/ipv4/conf/eth0/forwarding=1"]);
    let made = host.serve(&[gateway()], &Changed::default());
    host.serve(&[], &made);
    assert_eq!(host, before);
}

#[test]
fn routes_by_other_means_are_no_reason() {
    let mut host = Host::new();
    // A program that listens to routers itself keeps the kernel from it.
    host.write("net/ipv6/conf/eth0/accept_ra", "0");
    let keys_of = |host: &Host| keys(&host.change(&[gateway()], &Changed::default()));
    assert_eq!(keys_of(&host).len(), 2);
    host.write("net/ipv6/conf/eth0/accept_ra", "2");
    assert_eq!(keys_of(&host).len(), 2);
    host.write("net/ipv6/conf/eth0/accept_ra", "1");
    host.put(
        "asked:routes",
        "inet6 table main default via fe80::1 dev eth0\n",
    );
    assert_eq!(keys_of(&host).len(), 2);
    // Not known is not no.
    host.0.remove("asked:routes");
    let change = host.change(&[gateway()], &Changed::default());
    assert_eq!(change.warnings.len(), 1, "{:?}", change.warnings);
}

#[test]
fn what_cannot_be_read_is_no_guess() {
    let mut host = Host::new();
    host.0.remove(&sysctl::path(FORWARD6));
    host.0.remove(&sysctl::path(RESERVED));
    let change = host.change(&[gateway(), own("own", "52000-52010")], &Changed::default());
    assert_eq!(keys(&change), ["net.ipv4.ip_forward=1"]);
    assert_eq!(change.obstacles.len(), 1, "{:?}", change.obstacles);
    assert!(
        change.warnings[0].contains(RESERVED),
        "{:?}",
        change.warnings
    );
}

/// Any state of the sysctls that forwarding has to do with, as the kernel can have it.
fn any_forwarding() -> impl Strategy<Value = Host> {
    let bits = prop::collection::vec(any::<bool>(), 3 + 2 * INTERFACES.len());
    bits.prop_map(|bits| {
        let bit = |at: usize| if bits[at] { "1" } else { "0" };
        let mut host = Host::new();
        host.write(FORWARD, bit(0));
        host.write(FORWARD6, bit(1));
        host.write(REDIRECTS, bit(2));
        for (at, interface) in INTERFACES.iter().enumerate() {
            let key = |version| sysctl::key_of_interface(version, interface, "forwarding");
            host.write(&key("ipv4"), bit(3 + 2 * at));
            host.write(&key("ipv6"), bit(4 + 2 * at));
        }
        host
    })
}

fn any_range() -> impl Strategy<Value = PortRange> {
    (50000_u16..50040, 1_u16..20).prop_filter_map("in order", |(first, length)| {
        PortRange::new(first, first + length)
    })
}

proptest! {
    #[test]
    fn forwarding_is_put_back_with_all_that_the_kernel_overwrote(before in any_forwarding()) {
        let mut host = before.clone();
        let made = host.serve(&[gateway()], &Changed::default());
        prop_assert_eq!(host.serve(&[], &made), Changed::default());
        prop_assert_eq!(&host, &before);
    }

    #[test]
    fn steps_taken_back_leave_the_host_as_it_was(before in any_forwarding()) {
        let mut host = before.clone();
        let change = host.change(&[gateway()], &Changed::default());
        host.perform(&change.sysctls);
        let undo: Vec<SysctlStep> = change.sysctls.iter().rev().map(SysctlStep::undone).collect();
        host.perform(&undo);
        prop_assert_eq!(&host, &before);
        // The same of the way back, half done.
        let made = host.serve(&[gateway()], &Changed::default());
        let served = host.clone();
        let back = host.change(&[], &made).sysctls;
        host.perform(&back);
        let undo: Vec<SysctlStep> = back.iter().rev().map(SysctlStep::undone).collect();
        host.perform(&undo);
        prop_assert_eq!(host, served);
    }

    /// Of the list only the ports go that ftpnat added and that nobody needs, whatever
    /// others did to it in between.
    #[test]
    fn reserved_ports_of_others_stay(
        admins in lists(),
        (first, second) in (any_range(), any_range()),
        (added, removed) in (lists(), lists()),
    ) {
        let mut host = Host::new();
        host.write(RESERVED, &ports::words(&ports::merged(&admins)));
        let profiles = [
            own("a", &first.to_string()),
            profile("b", &format!(
                "control: {{ port: 2121 }}\npassive: {{ ports: {second} }}\n"
            )),
        ];
        let made = host.serve(&profiles, &Changed::default());
        let listed = |host: &Host| set(&sysctl::list(host.value(RESERVED)).expect("a list"));
        let (one, other) = (set(&[first]), set(&[second]));
        prop_assert_eq!(listed(&host), &(&set(&admins) | &one) | &other);
        // Somebody else changes it.
        let changed = sysctl::list(host.value(RESERVED)).expect("a list");
        let changed = ports::without(&ports::union(&changed, &added), &removed);
        host.write(RESERVED, &ports::words(&changed));
        let ours = &(&one | &other) - &set(&admins);
        // One profile goes: the other has what it needs.
        let made = host.serve(&profiles[1..], &made);
        let expected = &(&set(&changed) - &(&ours - &other)) | &other;
        prop_assert_eq!(listed(&host), expected.clone());
        // The last one goes.
        prop_assert_eq!(host.serve(&[], &made), Changed::default());
        let added_again = &other - &set(&changed);
        let expected = &expected - &(&(&ours & &other) | &added_again);
        prop_assert_eq!(listed(&host), expected);
    }
}
