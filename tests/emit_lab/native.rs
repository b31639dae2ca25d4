//! Rules of nft among those of iptables-nft: either `emit` refuses the table, or
//! what `iptables-save` prints of it loads to the very same rules. The kernel says.

use libtest_mimic::{Failed, Trial};

use crate::support::netns::Namespace;
use crate::support::rules::restore;
use crate::support::{BackEnd, Run, directory, ftpnat_beside};

/// As nft writes them, in a table that iptables made.
const NATIVE: &[&str] = &[
    "add rule ip filter INPUT ip saddr 192.0.2.1-192.0.2.9 counter drop",
    "add rule ip filter INPUT ip saddr 192.0.2.0/24 ip saddr != 192.0.2.1 counter accept",
    "add rule ip filter INPUT ip saddr > 192.0.2.1 counter accept",
    "add rule ip filter INPUT ip saddr 192.0.2.1 ip saddr 192.0.2.2 counter accept",
    "add rule ip filter INPUT tcp dport 21 tcp dport 22 counter accept",
    "add rule ip filter INPUT tcp dport != 21 tcp dport != 22 counter accept",
    "add rule ip filter INPUT tcp sport 1-9 tcp sport 5-7 counter accept",
    "add rule ip filter INPUT iifname != \"a\" iifname != \"b\" counter accept",
    "add rule ip filter INPUT iifname > \"eth0\" counter accept",
    "add rule ip filter INPUT oif lo counter accept",
    "add rule ip filter INPUT tcp flags & fin == fin tcp flags & syn == syn counter accept",
    "add rule ip filter INPUT meta l4proto 6-17 counter accept",
    "add rule ip filter INPUT meta l4proto > 6 counter accept",
    "add rule ip filter INPUT ip protocol 6-17 counter accept",
    "add rule ip filter INPUT ip saddr set 192.0.2.1 counter accept",
    "add rule ip filter INPUT tcp dport 21 tcp dport set 2121 counter accept",
    "add rule ip filter INPUT ip frag-off & 0x4000 != 0 counter drop",
    "add rule ip filter INPUT meta l4proto udp @th,104,8 2 counter drop",
    "add rule ip filter INPUT @nh,100,12 0x123 counter drop",
    "add rule ip filter INPUT ip ttl 1 counter drop",
    "add rule ip filter INPUT ip dscp 8 counter drop",
    "add rule ip filter INPUT log group 3 prefix \"a b\" counter drop",
    "add rule ip filter INPUT counter log prefix \"a b\" drop",
    "add rule ip filter INPUT limit rate 10/week counter accept",
    "add rule ip filter INPUT limit rate over 10/second counter accept",
    "add rule ip filter INPUT limit rate 100000/second counter accept",
    "add rule ip filter INPUT meta mark set 3 counter accept",
    "add rule ip filter INPUT meta skuid 0 counter accept",
    "add rule ip filter INPUT ct mark 3 counter accept",
    "add rule ip filter INPUT tcp dport { 21, 22 } counter accept",
    "add rule ip filter INPUT tcp dport vmap { 21 : accept, 22 : drop } counter",
    "add rule ip filter INPUT fib saddr type local counter drop",
    "add rule ip filter INPUT meta pkttype broadcast counter drop",
    "add rule ip filter INPUT reject",
    "add rule ip filter INPUT accept",
    "add rule ip filter INPUT ip saddr 192.0.2.0/25 counter accept",
    "add rule ip filter INPUT tcp dport 50000-51000 counter accept",
    "add rule ip filter INPUT tcp dport != 50000-51000 counter accept",
    "add rule ip filter INPUT meta mark 3 counter accept",
    "add rule ip filter INPUT ip saddr & 255.0.255.0 == 192.0.2.0 counter accept",
    "delete chain ip filter FORWARD; add chain ip filter FORWARD { type filter hook forward priority 10; policy drop; }",
    "delete chain ip filter OUTPUT; add chain ip filter OUTPUT",
    "add chain ip filter PREROUTING { type filter hook prerouting priority -300; }",
    "add chain ip filter early { type filter hook input priority -5; }",
    "add chain ip filter a2345678901234567890123456789",
    "add chain ip filter ACCEPT",
    "add table ip filter { flags dormant; }",
    "add set ip filter banned { type ipv4_addr; }",
    "add counter ip filter seen",
];

/// As an administrator gives them to iptables: none may be refused.
const OWN: &[&str] = &[
    "-s 192.0.2.0/255.0.255.0 -j DROP",
    "! -s 192.0.2.0/25 ! -d 198.51.100.1 ! -i eth0 -p tcp -j ACCEPT",
    "-s 192.0.0.0/8 -d 198.51.100.0/24 -i eth+ -p udp -j ACCEPT",
    "-f -j DROP",
    "! -p tcp -j ACCEPT",
    "-p 47 -j ACCEPT",
    "-p tcp --tcp-flags ALL NONE -j DROP",
    "-p tcp ! --syn -m conntrack --ctstate NEW -j DROP",
    "-p tcp --sport 1:1023 --dport 21 -j ACCEPT",
    "-p tcp ! --dport 21:22 -j ACCEPT",
    "-p tcp --sport 20 --dport 21 -j ACCEPT",
    "-p tcp -m multiport --dports 21,990,50000:51000 -j ACCEPT",
    "-p udp --dport 53 -m limit --limit 7/hour --limit-burst 9 -j ACCEPT",
    "-m limit --limit 10000/second -j ACCEPT",
    "-p icmp --icmp-type echo-request -j ACCEPT",
    "-m mark --mark 0x1/0xff -j MARK --set-mark 0x2",
    "-m hashlimit --hashlimit-above 5/min --hashlimit-name x -j DROP",
    "-m recent --name y --set",
    "-m addrtype --dst-type BROADCAST -j DROP",
    "-m iprange --src-range 192.0.2.1-192.0.2.9 -j DROP",
    "-m state --state INVALID -j LOG --log-prefix \"bad: \" --log-level 4",
    "-j NFLOG --nflog-group 3 --nflog-prefix x",
    "-m statistic --mode random --probability 0.5 -j ACCEPT",
    "-m owner --uid-owner 0 -j ACCEPT",
    "-m mac --mac-source 02:00:00:00:00:01 -j ACCEPT",
    "-m ttl --ttl-eq 1 -j DROP",
    "-p tcp -j REJECT --reject-with tcp-reset",
    "-m comment --comment \"; flush ruleset\"",
    "-m connlimit --connlimit-above 9 -j DROP",
];

/// The same for ip6tables.
const OWN6: &[&str] = &[
    "-s 2001:db8::/33 ! -d 2001:db8::1 -i eth0 -p tcp --dport 21 -j ACCEPT",
    "-s 2001:db8::/64 -j DROP",
    "-p ipv6-icmp --icmpv6-type neighbour-solicitation -j ACCEPT",
    "-m rt --rt-type 0 -j DROP",
    "-m frag --fragmore -j DROP",
    "! -p udp -j ACCEPT",
    "-p udp --sport 547 --dport 546 -j ACCEPT",
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("native/refused-or-unchanged", || {
        NATIVE.iter().try_for_each(refused_or_unchanged)
    })];
    for (iptables, rules) in [("iptables", OWN), ("ip6tables", OWN6)] {
        trials.push(Trial::test(
            format!("native/{iptables}-rules-pass"),
            move || rules.iter().try_for_each(|rule| passes(iptables, rule)),
        ));
    }
    trials
}

const EMPTY: &str =
    "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";

fn emit(host: &Namespace, iptables: &str) -> Run {
    let profile = "name: lab\npassive: { ports: 50000-50010 }\n";
    ftpnat_beside(BackEnd::Nft, host, &["emit", iptables, "-p", "-"], profile)
}

fn refused_or_unchanged(native: &&str) -> Result<(), Failed> {
    let dir = directory();
    let host = Namespace::new("host", dir.path());
    restore(&host, "iptables-nft-restore", &[], EMPTY);
    let loaded = host.feed(
        "nft",
        &["-f", "-"],
        &format!("{}\n", native.replace("; add", "\nadd")),
    );
    if !loaded.status.success() {
        let why = String::from_utf8_lossy(&loaded.stderr).into_owned();
        return Err(format!("nft does not take `{native}`: {why}").into());
    }
    let run = emit(&host, "iptables");
    if run.status == 3 && run.stdout.is_empty() {
        return Ok(());
    }
    let list = || host.run("nft --stateless list ruleset");
    let before = list();
    let saved = host.run("iptables-nft-save");
    restore(&host, "iptables-nft-restore", &[], &saved);
    let after = list();
    if run.status == 0 && before == after {
        return Ok(());
    }
    Err(format!("`{native}` is taken:\n{run:?}\nbefore:\n{before}\nafter:\n{after}").into())
}

fn passes(iptables: &str, rule: &&str) -> Result<(), Failed> {
    let dir = directory();
    let host = Namespace::new("host", dir.path());
    let text = EMPTY.replace("COMMIT", &format!("-A OUTPUT {rule}\nCOMMIT"));
    let chain = if rule.contains("-i eth") || rule.contains("--mac") {
        "INPUT"
    } else {
        "OUTPUT"
    };
    let text = text.replace("-A OUTPUT", &format!("-A {chain}"));
    restore(&host, &format!("{iptables}-nft-restore"), &[], &text);
    let run = emit(&host, iptables);
    if run.status == 0 {
        Ok(())
    } else {
        Err(format!("`{rule}` is refused: {run:?}").into())
    }
}
