//! Matches and targets of iptables: the blobs of iptables-nft and the saved text of
//! iptables-legacy give the same values for the same rules.

use std::fmt::Write;

use ftpnat::ruleset::live::Ruleset;
use ftpnat::ruleset::live::expression::Expression;
use ftpnat::ruleset::live::table::Maker;
use ftpnat::ruleset::live::xt::{Match, Target};
use libtest_mimic::Trial;

use crate::agreement;
use crate::held::{Held, is_opaque};
use crate::support::server::has_other_users;

pub(crate) fn trials() -> Vec<Trial> {
    let trials: [(&str, fn()); 3] = [
        ("IPv4, blobs and saved text agree", || agree("iptables", V4)),
        ("IPv6, blobs and saved text agree", || {
            agree("ip6tables", V6);
        }),
        (OWNERS, || agree("iptables", OWNED)),
    ];
    let named = trials.into_iter();
    named
        .map(|(name, play)| {
            Trial::test(format!("xtables::{name}"), move || {
                play();
                Ok(())
            })
            // A user namespace of one id knows no others to name.
            .with_ignored_flag(name == OWNERS && !has_other_users())
        })
        .collect()
}

const OWNERS: &str = "other users, blobs and saved text agree";
const OWNED: &[(&str, &str, &str)] = &[
    (
        "filter",
        "OUTPUT",
        "-m owner --uid-owner 0-99 ! --gid-owner 5",
    ),
    ("filter", "OUTPUT", "-m owner --gid-owner 7 --suppl-groups"),
];

/// Tables, chains and the rest of rules.
const V4: &[(&str, &str, &str)] = &[
    (
        "filter",
        "INPUT",
        "-p tcp -m tcp ! --sport 1000:2000 --dport 21 --tcp-flags SYN,ACK SYN --tcp-option 8",
    ),
    ("filter", "INPUT", "-p udp -m udp --sport 53 ! --dport 1:9"),
    ("filter", "INPUT", "-p icmp -m icmp --icmp-type 8/0"),
    ("filter", "INPUT", "-p icmp -m icmp ! --icmp-type 3"),
    ("filter", "INPUT", "-p icmp -m icmp --icmp-type any"),
    (
        "filter",
        "INPUT",
        "-p tcp -m multiport ! --dports 21,990,50000:51000",
    ),
    ("filter", "INPUT", "-p tcp -m multiport --ports 21"),
    ("filter", "INPUT", "-p udp -m multiport --sports 21:22"),
    (
        "filter",
        "INPUT",
        "-m conntrack --ctstate NEW,UNTRACKED,DNAT",
    ),
    (
        "filter",
        "INPUT",
        "-m conntrack ! --ctstate INVALID --ctproto 6 --ctorigsrc 10.77.0.0/24 ! --ctorigdst 10.77.1.1 --ctreplsrc 10.77.2.0/25 --ctrepldst 10.77.3.0/26",
    ),
    (
        "filter",
        "INPUT",
        "-p tcp -m conntrack --ctorigsrcport 1:1023 ! --ctorigdstport 21 --ctreplsrcport 22 --ctrepldstport 23 --ctstatus ASSURED,CONFIRMED ! --ctexpire 1:100 --ctdir REPLY",
    ),
    (
        "filter",
        "INPUT",
        "-m conntrack --ctdir ORIGINAL --ctstatus NONE",
    ),
    ("filter", "INPUT", "-m state --state RELATED,ESTABLISHED"),
    (
        "filter",
        "INPUT",
        "-m comment --comment \"it's -j \\\"quoted\\\"\"",
    ),
    (
        "filter",
        "INPUT",
        "-m addrtype ! --src-type LOCAL,UNICAST --dst-type BROADCAST --limit-iface-in",
    ),
    (
        "filter",
        "INPUT",
        "-m iprange --src-range 10.77.0.1-10.77.0.9 ! --dst-range 10.77.1.1-10.77.1.2",
    ),
    ("filter", "INPUT", "-m mark ! --mark 0x1/0xff"),
    ("filter", "INPUT", "-m connmark --mark 0x7"),
    ("filter", "INPUT", "-m connmark ! --mark 0x7/0xf"),
    ("filter", "INPUT", "-m limit --limit 3/hour --limit-burst 9"),
    (
        "filter",
        "INPUT",
        "-p tcp -m hashlimit --hashlimit-upto 10/min --hashlimit-burst 7 --hashlimit-mode srcip,dstport --hashlimit-name a --hashlimit-srcmask 24",
    ),
    (
        "filter",
        "INPUT",
        "-m hashlimit --hashlimit-above 512kb/s --hashlimit-mode srcip --hashlimit-name b --hashlimit-htable-expire 5000",
    ),
    (
        "filter",
        "INPUT",
        "-m hashlimit --hashlimit-upto 1mb/s --hashlimit-burst 2mb --hashlimit-name c --hashlimit-htable-size 9 --hashlimit-htable-max 10",
    ),
    (
        "filter",
        "INPUT",
        "-m hashlimit --hashlimit-upto 7/day --hashlimit-mode dstip,srcport --hashlimit-name d -p tcp",
    ),
    (
        "filter",
        "INPUT",
        "-m recent --set --name r --mask 255.255.255.0 --rdest",
    ),
    (
        "filter",
        "INPUT",
        "-m recent ! --update --seconds 60 --hitcount 4 --rttl --name r --rsource",
    ),
    (
        "filter",
        "INPUT",
        "-m recent --rcheck --seconds 60 --reap --name r --rsource",
    ),
    ("filter", "INPUT", "-m recent --remove --name r"),
    (
        "filter",
        "INPUT",
        "-p tcp -m connlimit --connlimit-above 4 --connlimit-mask 24 --connlimit-saddr",
    ),
    (
        "filter",
        "INPUT",
        "-p tcp -m connlimit --connlimit-upto 4 --connlimit-daddr",
    ),
    ("filter", "INPUT", "-m set --match-set first src"),
    ("filter", "INPUT", "-m set ! --match-set second src,dst"),
    ("filter", "OUTPUT", "-m owner ! --socket-exists"),
    ("filter", "INPUT", "-m pkttype ! --pkt-type broadcast"),
    ("filter", "INPUT", "-m mac ! --mac-source 00:11:22:33:44:55"),
    (
        "filter",
        "FORWARD",
        "-m physdev --physdev-in eth0 ! --physdev-is-bridged",
    ),
    (
        "filter",
        "FORWARD",
        "-m physdev ! --physdev-out eth+ --physdev-is-in --physdev-is-bridged",
    ),
    ("filter", "INPUT", "-m helper ! --helper ftp"),
    (
        "mangle",
        "PREROUTING",
        "-m socket --transparent --nowildcard",
    ),
    ("mangle", "PREROUTING", "-m socket"),
    (
        "filter",
        "INPUT",
        "-m string --string \"he said \\\"hi\\\"\" --algo bm --to 100",
    ),
    ("filter", "INPUT", "-m string --string hello --algo kmp"),
    (
        "filter",
        "INPUT",
        "-m string ! --hex-string |00ff| --algo kmp --from 4 --icase",
    ),
    (
        "filter",
        "INPUT",
        "-m time --timestart 08:00 --timestop 17:30:01 --weekdays Mon,Tue --monthdays 1,2 --datestart 2026-01-02T03:04:05 --kerneltz",
    ),
    (
        "filter",
        "INPUT",
        "-m time --timestart 22:00 --timestop 06:00 --contiguous --datestop 2028-02-29T23:59:59",
    ),
    (
        "filter",
        "INPUT",
        "-m statistic --mode random --probability 0.25",
    ),
    (
        "filter",
        "INPUT",
        "-m statistic --mode nth ! --every 3 --packet 1",
    ),
    ("raw", "PREROUTING", "-p tcp --dport 21 -j CT --helper ftp"),
    ("raw", "PREROUTING", "-j CT --notrack"),
    ("raw", "PREROUTING", "-j NOTRACK"),
    ("raw", "PREROUTING", "-j CT --zone 4 --ctevents new,destroy"),
    (
        "filter",
        "INPUT",
        "-j LOG --log-prefix in: --log-level 6 --log-uid --log-ip-options",
    ),
    (
        "filter",
        "INPUT",
        "-p tcp -j LOG --log-tcp-sequence --log-tcp-options --log-macdecode",
    ),
    (
        "filter",
        "INPUT",
        "-j NFLOG --nflog-prefix in: --nflog-group 3 --nflog-size 40 --nflog-threshold 5",
    ),
    (
        "filter",
        "INPUT",
        "-p tcp -j REJECT --reject-with tcp-reset",
    ),
    (
        "filter",
        "INPUT",
        "-j REJECT --reject-with icmp-admin-prohibited",
    ),
    (
        "filter",
        "INPUT",
        "-j REJECT --reject-with icmp-port-unreachable",
    ),
    (
        "nat",
        "PREROUTING",
        "-p tcp -j DNAT --to-destination 10.77.0.1",
    ),
    (
        "nat",
        "PREROUTING",
        "-p tcp -j DNAT --to-destination 10.77.0.1-10.77.0.9:21-29 --random --persistent",
    ),
    (
        "nat",
        "PREROUTING",
        "-p tcp -j DNAT --to-destination 10.77.0.1:5000-5009/6000",
    ),
    ("nat", "PREROUTING", "-p tcp -j DNAT --to-destination :21"),
    (
        "nat",
        "POSTROUTING",
        "-p tcp -j SNAT --to-source 10.77.0.1-10.77.0.2:1000-2000 --random-fully",
    ),
    (
        "nat",
        "POSTROUTING",
        "-j SNAT --to-source 10.77.0.1 --persistent",
    ),
    ("nat", "POSTROUTING", "-j MASQUERADE --random"),
    ("nat", "POSTROUTING", "-j MASQUERADE --random-fully"),
    (
        "nat",
        "POSTROUTING",
        "-p tcp -j MASQUERADE --to-ports 1000-2000",
    ),
    ("nat", "PREROUTING", "-p tcp -j REDIRECT --to-ports 2121"),
    (
        "nat",
        "PREROUTING",
        "-p tcp -j REDIRECT --to-ports 2121-2129 --random",
    ),
    (
        "nat",
        "PREROUTING",
        "-d 10.77.3.0/24 -j NETMAP --to 10.77.4.0/24",
    ),
    ("mangle", "PREROUTING", "-j MARK --set-xmark 0x1/0xff"),
    ("mangle", "PREROUTING", "-j MARK --or-mark 0x10"),
    ("mangle", "PREROUTING", "-j CONNMARK --save-mark"),
    (
        "mangle",
        "PREROUTING",
        "-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xf0",
    ),
    ("mangle", "PREROUTING", "-j CONNMARK --set-mark 0x7/0xf"),
    (
        "mangle",
        "FORWARD",
        "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
    ),
    (
        "mangle",
        "FORWARD",
        "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400",
    ),
    (
        "mangle",
        "PREROUTING",
        "-p tcp -j TPROXY --on-port 3128 --on-ip 10.77.0.1 --tproxy-mark 0x1/0x3",
    ),
    (
        "filter",
        "INPUT",
        "-j NFQUEUE --queue-balance 0:3 --queue-bypass",
    ),
    ("filter", "INPUT", "-j NFQUEUE --queue-num 3"),
    ("mangle", "PREROUTING", "-j SET --add-set first src --exist"),
    ("mangle", "PREROUTING", "-j SET --del-set second src,dst"),
    ("mangle", "POSTROUTING", "-j CLASSIFY --set-class 1:2"),
    ("mangle", "POSTROUTING", "-j DSCP --set-dscp 0x0a"),
    ("mangle", "POSTROUTING", "-j TOS --set-tos 0x10/0x3f"),
    ("mangle", "POSTROUTING", "-j TTL --ttl-set 64"),
    (
        "mangle",
        "POSTROUTING",
        "-p udp -j CHECKSUM --checksum-fill",
    ),
    ("mangle", "POSTROUTING", "-j AUDIT --type accept"),
    (
        "mangle",
        "POSTROUTING",
        "-p tcp -j TCPOPTSTRIP --strip-options sack-permitted",
    ),
    ("raw", "PREROUTING", "-j TRACE"),
    ("mangle", "PREROUTING", "-j TEE --gateway 10.77.0.9"),
    (
        "filter",
        "INPUT",
        "-s 10.77.0.0/255.0.255.0 ! -i eth+ -p gre -j DROP",
    ),
    ("filter", "FORWARD", "! -d 10.77.0.1 -o lo -f -j ACCEPT"),
    ("filter", "OUTPUT", "-j RETURN"),
    ("mangle", "PREROUTING", "-m rpfilter --loose --invert"),
    ("filter", "INPUT", "-m policy --dir in --pol ipsec"),
    ("filter", "FORWARD", "-m policy --dir out --pol none"),
    ("filter", "INPUT", "-m ttl --ttl-gt 4"),
    ("filter", "INPUT", "-m ttl ! --ttl-eq 4"),
    ("filter", "INPUT", "-m length ! --length 1:100"),
    ("filter", "INPUT", "-m dscp ! --dscp 4"),
    ("filter", "INPUT", "-m tos --tos 0x10/0x3f"),
    ("filter", "INPUT", "-p esp -m esp --espspi 5"),
    ("filter", "INPUT", "-p ah -m ah --ahspi 5"),
    ("filter", "INPUT", "-p sctp -m sctp --dport 5"),
];

/// The same of IPv6.
const V6: &[(&str, &str, &str)] = &[
    ("filter", "INPUT", "-p ipv6-icmp -m icmp6 --icmpv6-type 128"),
    (
        "filter",
        "INPUT",
        "-p ipv6-icmp -m icmp6 ! --icmpv6-type 1/4",
    ),
    (
        "filter",
        "INPUT",
        "-m conntrack --ctorigsrc fd77::/64 ! --ctrepldst fd77::1",
    ),
    ("filter", "INPUT", "-m iprange --src-range fd77::1-fd77::9"),
    (
        "filter",
        "INPUT",
        "-m recent --set --name r --mask ffff:ffff:: --rsource",
    ),
    (
        "filter",
        "INPUT",
        "-p tcp -m connlimit --connlimit-above 4 --connlimit-mask 64",
    ),
    (
        "filter",
        "INPUT",
        "-m hashlimit --hashlimit-upto 10/min --hashlimit-mode srcip --hashlimit-name v6 --hashlimit-srcmask 64",
    ),
    (
        "filter",
        "INPUT",
        "-j REJECT --reject-with icmp6-adm-prohibited",
    ),
    (
        "filter",
        "INPUT",
        "-p tcp -j REJECT --reject-with tcp-reset",
    ),
    (
        "nat",
        "PREROUTING",
        "-p tcp -j DNAT --to-destination [fd77::1]:21",
    ),
    (
        "nat",
        "PREROUTING",
        "-p tcp -j DNAT --to-destination fd77::1-fd77::9",
    ),
    ("nat", "POSTROUTING", "-j SNAT --to-source fd77::1"),
    ("nat", "POSTROUTING", "-p tcp -j MASQUERADE --to-ports 1-9"),
    ("nat", "PREROUTING", "-p tcp -j REDIRECT --to-ports 2121"),
    (
        "nat",
        "PREROUTING",
        "-d fd77:3::/64 -j NETMAP --to fd77:4::/64",
    ),
    (
        "mangle",
        "PREROUTING",
        "-p tcp -j TPROXY --on-port 3128 --on-ip fd77::1 --tproxy-mark 0x1",
    ),
    ("mangle", "PREROUTING", "-j TEE --gateway fd77::9"),
    ("mangle", "POSTROUTING", "-j HL --hl-set 64"),
    (
        "filter",
        "INPUT",
        "-s fd77::/48 -d fd77::1 -i lo -p tcp -j ACCEPT",
    ),
    ("filter", "INPUT", "-m rt --rt-type 0"),
    ("filter", "INPUT", "-m hl --hl-eq 255"),
    ("filter", "INPUT", "-m frag --fragid 1"),
    ("filter", "INPUT", "-m hbh --hbh-len 8"),
    ("filter", "INPUT", "-m dst --dst-len 8"),
    (
        "raw",
        "PREROUTING",
        "-m rpfilter --validmark --accept-local",
    ),
];

fn agree(iptables: &str, rules: &[(&str, &str, &str)]) {
    let held = Held::new();
    for line in [
        "ipset create first hash:ip",
        "ipset create second hash:ip,port",
    ] {
        held.namespace.run(line);
    }
    for back_end in ["nft", "legacy"] {
        held.load(&format!("{iptables}-{back_end}-restore"), &text(rules));
    }
    let ruleset = held.recorded();
    assert_eq!(ruleset.unread, []);
    let mut faults = Vec::new();
    for (table, chain, wanted) in numbered(rules) {
        let of = |maker| expressions(&ruleset, maker, table, chain.0, chain.1);
        let (blobs, saved) = (of(Maker::IptablesNft), of(Maker::IptablesLegacy));
        let opaque = blobs.iter().chain(&saved).any(is_opaque);
        let (blobs, mut saved) = (comparable(&blobs), comparable(&saved));
        if !blobs.iter().any(may_be_native) {
            saved.retain(|expression| !may_be_native(expression));
        }
        if opaque || blobs != saved {
            faults.push(format!("{wanted}\n  nft    {blobs:?}\n  legacy {saved:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    agreement::agree(&held, &ruleset, iptables);
}

/// A text to restore.
fn text(rules: &[(&str, &str, &str)]) -> String {
    let mut text = String::new();
    for table in ["raw", "mangle", "nat", "filter"] {
        let _ = writeln!(text, "*{table}");
        for (_, chain, rest) in rules.iter().filter(|(t, ..)| *t == table) {
            let _ = writeln!(text, "-A {chain} {rest}");
        }
        text.push_str("COMMIT\n");
    }
    text
}

/// Each rule with its number in its chain.
fn numbered<'a>(
    rules: &'a [(&'a str, &'a str, &'a str)],
) -> impl Iterator<Item = (&'a str, (&'a str, usize), &'a str)> {
    rules
        .iter()
        .enumerate()
        .map(|(index, (table, chain, rest))| {
            let before = rules[..index].iter();
            let number = before.filter(|(t, c, _)| t == table && c == chain).count();
            (*table, (*chain, number), *rest)
        })
}

fn expressions(
    ruleset: &Ruleset,
    maker: Maker,
    table: &str,
    chain: &str,
    number: usize,
) -> Vec<Expression> {
    let found = ruleset.tables.iter();
    let found = found
        .filter(|t| t.maker == maker && t.name == table)
        .flat_map(|t| &t.chains)
        .find(|c| c.name == chain);
    let chain = found.unwrap_or_else(|| panic!("{maker:?} table {table} chain {chain}"));
    chain.rules[number].expressions.clone()
}

/// Matches that iptables-nft writes natively, where it can.
fn may_be_native(expression: &Expression) -> bool {
    match expression {
        Expression::Match(Match::Tcp { .. } | Match::Udp { .. } | Match::Mark { .. }) => true,
        Expression::Match(Match::Unforeseen { name, .. }) => name == "limit",
        _ => false,
    }
}

/// What both back ends hold in the same form: iptables-nft writes the header and some
/// targets natively.
fn comparable(expressions: &[Expression]) -> Vec<Expression> {
    let mut kept = Vec::new();
    for expression in expressions {
        let mut expression = expression.clone();
        match &mut expression {
            Expression::Match(Match::Header(_)) | Expression::Target(Target::Verdict(_)) => {
                continue;
            }
            Expression::Target(Target::Log { name, .. }) if name == "NFLOG" => continue,
            Expression::Target(Target::Passes { name, .. }) if name == "TRACE" => continue,
            // Blobs have the numbers of sets, and the words of these targets are not read.
            Expression::Match(Match::Set { name, .. }) => *name = numbers(name),
            Expression::Target(Target::Set { words }) => *words = numbers(words),
            Expression::Target(Target::Passes { words, .. })
            | Expression::Match(Match::OtherHeader { words, .. }) => words.clear(),
            Expression::Match(_) | Expression::Target(_) => {}
            _ => continue,
        }
        kept.push(expression);
    }
    kept
}

fn numbers(words: &str) -> String {
    words.replace("first", "0").replace("second", "1")
}
