//! Large rulesets, as text that nft(8) or iptables-restore(8) loads.

use std::fmt::Write as _;

/// What forwards FTP and assigns the helper on the gateway of [`super::PROFILE`].
const GATEWAY: &str = "\
table ip ftp {
\tct helper ftp { type \"ftp\" protocol tcp; }
\tchain helper {
\t\ttype filter hook prerouting priority -150; policy accept;
\t\tip daddr 198.51.100.1 tcp dport 21 ct helper set \"ftp\"
\t}
\tchain pre {
\t\ttype nat hook prerouting priority dstnat; policy accept;
\t\tip daddr 198.51.100.1 tcp dport { 21, 50000-51000 } dnat to 10.77.0.21
\t}
}
";

/// So many rules in the way of what is forwarded, a hundred chains of them, all of which
/// look at a source and a port, or a state.
pub(crate) fn nft_rules(count: u32) -> String {
    const CHAINS: u32 = 100;
    let mut text = GATEWAY.to_owned();
    text.push_str("table inet filter {\n");
    for chain in 0..CHAINS {
        line(&mut text, &format!("\tchain part{chain} {{"));
        for number in (chain..count).step_by(CHAINS as usize) {
            // 198.18.0.0/15 is for benchmarks (RFC 2544).
            let source = address(0xc612_0000 + number);
            let port = 1024 + number % 30_000;
            let rule = match number / CHAINS % 4 {
                0 => format!("ip saddr {source} tcp dport {port} counter accept"),
                1 => format!("ip saddr {source} drop comment \"entry {number}\""),
                2 => format!("tcp dport {port} ip saddr {source} ct state new accept"),
                _ => format!("iifname \"eth2\" ip daddr {source} udp dport {port} accept"),
            };
            line(&mut text, &format!("\t\t{rule}"));
        }
        text.push_str("\t}\n");
    }
    text.push_str(
        "\tchain forward {\n\t\ttype filter hook forward priority 0; policy drop;\n\t\tct \
         state established,related accept\n",
    );
    for chain in 0..CHAINS {
        line(&mut text, &format!("\t\tjump part{chain}"));
    }
    text.push_str("\t\tip daddr 10.77.0.21 ct state new accept\n\t}\n}\n");
    text
}

/// A set of so many ranges of addresses that what is forwarded is looked up in.
pub(crate) fn nft_ranges(count: u32) -> String {
    let mut text = GATEWAY.to_owned();
    text.push_str(
        "table inet filter {\n\tset blocked {\n\t\ttype ipv4_addr; flags interval;\n\
         \t\telements = {\n",
    );
    for number in 0..count {
        let first = 0x0a80_0000 + number * 16;
        let (first, last) = (address(first), address(first + number % 7 + 1));
        line(&mut text, &format!("\t\t\t{first}-{last},"));
    }
    text.push_str(
        "\t\t}\n\t}\n\tchain forward {\n\t\ttype filter hook forward priority 0; policy drop;\n\
         \t\tip saddr @blocked drop\n\t\tct state established,related,new accept\n\t}\n}\n",
    );
    text
}

/// So many rules as kube-proxy writes them in its iptables mode, eight for a service of
/// two endpoints; see `tests/data/rulesets/real/kube-proxy-iptables`.
pub(crate) fn kubernetes(rules: u32) -> String {
    let services = rules / 8;
    let mut chains = String::new();
    let [mut entries, mut service_rules, mut endpoint_rules] = [const { String::new() }; 3];
    for service in 0..services {
        let cluster = address(0xc612_0000 + service);
        let (name, to) = (
            format!("ns{}/svc{service}:p80", service % 50),
            format!("KUBE-SVC-{}", hash(service)),
        );
        line(&mut chains, &format!(":{to} - [0:0]"));
        line(
            &mut entries,
            &format!(
                "-A KUBE-SERVICES -d {cluster}/32 -p tcp -m comment --comment \"{name} cluster \
                 IP\" -m tcp --dport 80 -j {to}"
            ),
        );
        line(
            &mut service_rules,
            &format!(
                "-A {to} ! -s 10.77.0.0/16 -d {cluster}/32 -p tcp -m comment --comment \"{name} \
                 cluster IP\" -m tcp --dport 80 -j KUBE-MARK-MASQ"
            ),
        );
        for (number, chance) in [
            (0, "-m statistic --mode random --probability 0.50000000000 "),
            (1, ""),
        ] {
            let endpoint = address(0xc613_0000 + service * 2 + number);
            let chain = format!("KUBE-SEP-{}", hash(0x1000_0000 + service * 2 + number));
            line(&mut chains, &format!(":{chain} - [0:0]"));
            line(
                &mut service_rules,
                &format!(
                    "-A {to} -m comment --comment \"{name} -> {endpoint}:8080\" {chance}-j {chain}"
                ),
            );
            line(
                &mut endpoint_rules,
                &format!(
                    "-A {chain} -s {endpoint}/32 -m comment --comment \"{name}\" -j \
                     KUBE-MARK-MASQ\n-A {chain} -p tcp -m comment --comment \"{name}\" -m tcp -j \
                     DNAT --to-destination {endpoint}:8080"
                ),
            );
        }
    }
    format!(
        "{KUBE_FILTER}{KUBE_NAT_CHAINS}{chains}{KUBE_NAT}{entries}{KUBE_NODEPORTS}{service_rules}{endpoint_rules}COMMIT\n"
    )
}

const KUBE_FILTER: &str = "\
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 198.51.100.1/32 -p tcp -m tcp --dport 21 -j CT --helper ftp
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-FORWARD - [0:0]
-A INPUT -j KUBE-FIREWALL
-A FORWARD -m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD
-A FORWARD -d 10.77.0.21/32 -m conntrack --ctstate NEW -j ACCEPT
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment \"block incoming \
localnet connections\" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark \
0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack \
--ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
";
const KUBE_NAT_CHAINS: &str = "\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
";
const KUBE_NAT: &str = "\
-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES
-A PREROUTING -d 198.51.100.1/32 -p tcp -m multiport --dports 21,50000:51000 -j DNAT \
--to-destination 10.77.0.21
-A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j \
MASQUERADE --random-fully
";
/// The last rule of `KUBE-SERVICES`.
const KUBE_NODEPORTS: &str = "\
-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the \
last rule in this chain\" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
";

/// A host of so many rules, a hundred of which part the passive range.
pub(crate) fn split_host(rules: u32) -> String {
    const PARTS: u32 = 100;
    let mut text = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; \
                    policy drop;\n\t\tct state established,related accept\n"
        .to_owned();
    let others = rules.saturating_sub(PARTS + 1);
    for number in 0..others {
        let source = address(0xc612_0000 + number);
        let port = 1024 + number * 7;
        let rule = match number % 3 {
            0 => format!("tcp dport {port} counter accept"),
            1 => format!("udp dport {port} ip saddr {source} accept"),
            _ => format!("iifname \"eth2\" tcp dport {port} ip saddr {source} drop"),
        };
        line(&mut text, &format!("\t\t{rule}"));
    }
    for part in 0..PARTS {
        let first = 50_000 + part * 10;
        let verdict = if part % 2 == 0 { "accept" } else { "drop" };
        line(
            &mut text,
            &format!("\t\ttcp dport {first}-{} counter {verdict}", first + 9),
        );
    }
    text.push_str("\t}\n}\n");
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn address(number: u32) -> std::net::Ipv4Addr {
    number.into()
}

/// Sixteen letters, as kube-proxy's chains have them.
fn hash(number: u32) -> String {
    let mut mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let letter = |_| {
        mixed = mixed.rotate_left(5);
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::try_from(mixed % 32).unwrap_or(0)])
    };
    (0..16).map(letter).collect()
}
