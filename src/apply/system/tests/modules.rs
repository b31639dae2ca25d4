//! Modules that come and go.

use super::{Host, gateway};
use crate::apply::record::{Backend, Changed, InstalledProfile, Record};
use crate::apply::system::{ModuleStep, SystemChange, Wanted, change, modules_needed};
use crate::plan;

fn load(name: &str, is_missing: bool) -> (String, bool) {
    (name.to_owned(), is_missing)
}

fn loads(change: &SystemChange) -> Vec<(String, bool)> {
    let of = |step: &ModuleStep| match step {
        ModuleStep::Load {
            name, is_missing, ..
        } => (name.clone(), *is_missing),
        ModuleStep::Unload { name, .. } => panic!("{name} is unloaded"),
    };
    change.modules.iter().map(of).collect()
}

#[test]
fn modules_come_where_they_are_missing() {
    let both = |is_missing| {
        [
            load("nf_conntrack_ftp", is_missing),
            load("nf_nat_ftp", is_missing),
        ]
    };
    let mut host = Host::new();
    let planned = |host: &Host| host.change(&[gateway()], &Changed::default());
    assert_eq!(loads(&planned(&host)), both(true));
    host.put("/etc/modprobe.d/x.conf", "blacklist nf_nat_ftp\n");
    assert_eq!(loads(&planned(&host)), both(true));
    assert!(planned(&host).warnings[0].contains("/etc/modprobe.d/x.conf:1"));
    host.put("/etc/modprobe.d/x.conf", "install nf_nat_ftp /bin/false\n");
    assert_eq!(loads(&planned(&host)), both(true)[..1]);
    assert!(planned(&host).obstacles[0].contains("/bin/false"));
    host.put("/proc/sys/kernel/modules_disabled", "1\n");
    assert_eq!(planned(&host).obstacles.len(), 2);
    host.put(
        "/proc/modules",
        "nf_conntrack_ftp 1 0 - Live 0x0\nnf_nat_ftp 1 0 - Live 0x0\n",
    );
    assert_eq!(planned(&host).modules, []);
    assert_eq!(planned(&host).obstacles, [""; 0]);
    // Nothing tells: tried, and a failure is no fault.
    host.0.remove("/proc/modules");
    host.0.remove("/lib/modules/6.1.0-18-amd64/modules.dep");
    assert_eq!(loads(&planned(&host)), both(false));
}

#[test]
fn modules_go_that_ftpnat_loaded() {
    let mut host = Host::new();
    let first = host.change(&[gateway()], &Changed::default());
    // nf_conntrack_ftp was there when modprobe came to it.
    let made = first.recorded(&["nf_nat_ftp".to_owned()]);
    assert_eq!(made.modules, ["nf_nat_ftp"]);
    host.put(
        "/proc/modules",
        "nf_conntrack_ftp 1 0 - Live 0x0\nnf_nat_ftp 1 0 - Live 0x0\n",
    );
    assert_eq!(host.change(&[gateway()], &made).modules, []);
    let facts = host.facts();
    let back = |elsewhere: &[String]| {
        let wanted = Wanted {
            profiles: &[],
            plan: &plan::plan(&[], &facts),
            modules_elsewhere: elsewhere,
        };
        change(&wanted, &facts, &made)
    };
    let gone = back(&[]);
    let unloads =
        |name: &str| matches!(&gone.modules[..], [ModuleStep::Unload { name: n, .. }] if n == name);
    assert!(unloads("nf_nat_ftp"), "{:?}", gone.modules);
    assert_eq!(gone.recorded(&[]).modules, [""; 0]);
    let stays = back(&["nf_nat_ftp".to_owned()]);
    assert_eq!(stays.modules, []);
}

#[test]
fn what_other_namespaces_need() {
    let record = |boot: &str, yaml: &str| Record {
        backend: Backend::Nft,
        epoch: boot.to_owned(),
        profiles: vec![InstalledProfile {
            name: "x".to_owned(),
            yaml: yaml.to_owned(),
        }],
        changed: Changed::default(),
        iptables_tables: Vec::new(),
    };
    let plain = "name: x\npassive: { ports: 50000-51000 }\n";
    let gateway = "name: x\nserver: { address: 10.77.0.21 }\npassive: { ports: 50000-51000 }\n\
                   nat: { mode: dnat, external: { address: 198.51.100.1 } }\n";
    let of = |boot, yaml| modules_needed(&[record(boot, yaml), record("now", "not one")], "now");
    assert_eq!(of("now", gateway), ["nf_conntrack_ftp", "nf_nat_ftp"]);
    assert_eq!(of("before", gateway), [""; 0]);
    assert_eq!(of("now", plain), [""; 0]);
}
