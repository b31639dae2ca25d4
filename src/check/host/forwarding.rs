//! Whether a gateway routes.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Finding, Severity};
use crate::facts::sysctl;
use crate::model::check::IP_FORWARDING_OFF as ID;
use crate::plan::forwarding::{self, Switch};
use crate::plan::served_families;

use super::{seen, server_is_here, set_sysctl};

check! {
    /// This host must route between clients and server, and does not.
    ///
    /// ## What happens
    /// Connections from outside time out: the packet is translated, and then dropped, because it
    /// is not for this host. The gateway's own clients get through.
    ///
    /// ## How it is judged
    /// `net.ipv4.ip_forward` and the `forwarding` of the interfaces that the profile names; for
    /// IPv6 `net.ipv6.conf.all.forwarding`. Firewall programs and container runtimes set these
    /// behind one's back, in both directions.
    ///
    /// ## Cure
    /// The sysctl, now and in a file below /etc/sysctl.d. With IPv6, forwarding makes the host
    /// deaf to router advertisements: set `accept_ra=2` where its own address comes by them.
    IP_FORWARDING_OFF, Error, moot by &[], Judge::Host {
        applies: |subject| !server_is_here(subject.profile),
        needs: &[],
        find: forwarding_off,
    }
}

fn forwarding_off(subject: &Subject) -> Verdict {
    let snapshot = &subject.facts.snapshot;
    let mut evidence = Vec::new();
    let mut remedy = Vec::new();
    let mut silent = None;
    let mut off_for = Vec::new();
    for family in served_families(subject.profile) {
        for Switch { key, is_on } in forwarding::switches(subject.profile, family, snapshot) {
            let path = sysctl::path(&key);
            match is_on {
                Some(true) => {}
                None => silent = silent.or_else(|| Some(snapshot.why_silent(&path))),
                Some(false) => {
                    evidence.push(seen(path, "0"));
                    remedy.extend(set_sysctl(subject, &key, "1"));
                    off_for.push(family);
                }
            }
        }
    }
    off_for.dedup();
    if let (true, Some(why)) = (evidence.is_empty(), silent) {
        return Verdict::Unknown(why);
    }
    for family in &off_for {
        let at_boot = sysctl::at_boot(snapshot, forwarding::general(*family));
        evidence.extend(
            at_boot
                .filter(|s| s.value == "0")
                .map(|s| seen(s.place, s.text)),
        );
    }
    let families: Vec<String> = off_for.iter().map(ToString::to_string).collect();
    Verdict::from((!evidence.is_empty()).then(|| Finding {
        id: ID,
        severity: Severity::Error,
        summary: format!(
            "this host does not route {}: what clients send ends here",
            families.join(" and ")
        ),
        evidence,
        remedy,
    }))
}
