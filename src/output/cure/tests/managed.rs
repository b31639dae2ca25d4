//! What managers are told.

use crate::check::{Finding, Remedy, Severity};
use crate::model::check::PASSIVE_RANGE_BLOCKED;
use crate::output::words::{self, Shown};

use super::{OWN, advice, at, commands, end, guest, input, native, rule, said};
use crate::check::{RuleAt, RuleChange};
use crate::ruleset::live::table::{Maker, TableFamily};
use crate::ruleset::owner::Manager;

fn managed(at: RuleAt, manager: Manager) -> RuleAt {
    RuleAt {
        manager: Some(manager),
        way_in: Some(manager),
        ..at
    }
}

#[test]
fn what_firewalld_is_told() {
    let place = managed(native(0), Manager::Firewalld);
    let changes = [
        guest(rule(OWN, "control"), place.clone()),
        guest(rule(OWN, "related-icmp"), place.clone()),
        guest(rule(OWN, "control"), end(place.clone())),
    ];
    let rich = |source: &str| {
        format!(
            "firewall-cmd --permanent --add-rich-rule='rule family=\"ipv4\" source \
             address=\"{source}\" port port=\"21\" protocol=\"tcp\" accept'"
        )
    };
    assert_eq!(
        commands(&changes).lines().collect::<Vec<_>>(),
        [
            rich("192.0.2.0/24"),
            rich("198.51.100.0/24"),
            "firewall-cmd --reload".to_owned()
        ]
    );
    let text = advice(&[RuleChange::Delete(place)]);
    assert!(
        text.starts_with("firewalld made this rule and makes it anew"),
        "{text}"
    );
}

#[test]
fn what_ufw_is_told() {
    let behind_ufw = RuleAt {
        way_in: Some(Manager::Ufw),
        ..end(input(6))
    };
    let lines = "ufw allow proto tcp from 192.0.2.0/24 to any port 50000:50010\n\
                 ufw allow proto tcp from 198.51.100.0/24 to any port 50000:50010";
    let range = || rule(OWN, "passive-range");
    assert_eq!(commands(&[guest(range(), behind_ufw.clone())]), lines);
    // It has no words for ICMP: that goes among its jumps.
    assert_eq!(
        commands(&[guest(rule(OWN, "related-icmp"), behind_ufw)])
            .split(" -m ")
            .next(),
        Some("iptables-nft -A INPUT -p icmp")
    );
    let in_chain = |chain: &str| {
        let place = at(Maker::IptablesNft, TableFamily::Ip, "filter", chain, 1);
        managed(place, Manager::Ufw)
    };
    let changes = [guest(range(), in_chain("ufw-reject-input"))];
    assert_eq!(commands(&changes), lines);
    let text = advice(&[guest(range(), in_chain("ufw-user-input"))]);
    assert!(
        text.contains("\n  ufw insert N allow proto tcp from 192.0.2.0/24"),
        "{text}"
    );
    let paste = &said(&[guest(range(), in_chain("ufw-before-input"))])[0];
    assert_eq!(paste.file.as_deref(), Some("/etc/ufw/before.rules"));
    assert!(
        paste
            .text
            .contains("\n-A ufw-before-input -s 192.0.2.0/24 -p tcp")
    );
}

#[test]
fn chains_of_those_who_cannot_be_told() {
    let of = |manager, chain: &str| {
        let place = at(Maker::IptablesNft, TableFamily::Ip, "filter", chain, 1);
        let place = managed(place, manager);
        advice(&[guest(rule(OWN, "passive-range"), place)])
    };
    let text = of(Manager::Docker, "DOCKER");
    assert!(
        text.contains("docker run -p 50000-50010:50000-50010 "),
        "{text}"
    );
    let text = of(Manager::Kubernetes, "KUBE-FORWARD");
    assert!(
        text.starts_with("chain KUBE-FORWARD is written anew by Kubernetes"),
        "{text}"
    );
    let place = managed(native(3), Manager::Owner);
    let text = advice(&[guest(rule(OWN, "passive-range"), place)]);
    assert!(
        text.starts_with(
            "chain input of table inet filter belongs to the program that made its table: the \
             kernel lets nobody else change it. Have that program put in, before the rule with \
             handle 30:\n  ip saddr 192.0.2.0/24 tcp dport 50000-50010 "
        ),
        "{text}"
    );
}

#[test]
fn a_person_sees_one_block() {
    let kube = managed(native(3), Manager::Kubernetes);
    let changes = vec![
        guest(rule(OWN, "passive-range"), kube),
        RuleChange::Delete(input(1)),
        RuleChange::Delete(input(0)),
    ];
    let finding = Finding {
        id: PASSIVE_RANGE_BLOCKED,
        severity: Severity::Error,
        summary: "it hangs".to_owned(),
        evidence: Vec::new(),
        remedy: vec![Remedy::Rules(changes)],
    };
    let text = words::finding(&finding, Shown::Cure);
    let block: Vec<&str> = text.lines().skip_while(|l| *l != "  cure:").collect();
    assert_eq!(
        block[..7],
        [
            "  cure:",
            "    iptables-nft -D INPUT 2",
            "    iptables-nft -D INPUT 1",
            "    # chain input of table inet filter is written anew by Kubernetes",
            "    # (kube-proxy, or the network plugin), and what others put there does not",
            "    # last: have the cluster let it in (a Service, hostPort, a NetworkPolicy or",
            "    # the plugin's own policy). It is this that has to pass:",
        ]
    );
    // What is copied is whole.
    assert!(block[7].starts_with("    #   ip saddr 192.0.2.0/24 tcp dport 50000-50010 "));
    assert!(block[7].ends_with(" comment \"ftpnat:x:passive-range\""));
    assert_eq!(block.len(), 9);
}
