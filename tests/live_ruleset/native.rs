//! What nft loads.

use ftpnat::ruleset::live::expression::{
    BitwiseOp, CmpOp, Expression as E, Limit, LookupTo, Nat, NatKind, ObjectRef, PayloadBase,
    Register, Verdict,
};
use ftpnat::ruleset::live::table::{
    Hook, Key, Kind, Maker, ObjectKind, Policy, TableFamily, Value,
};
use libtest_mimic::Trial;

use crate::held::{Held, chain, rules, set, table};

pub(crate) fn trials() -> Vec<Trial> {
    let trials: [(&str, fn()); 3] = [
        ("expressions are what was loaded", expressions),
        ("sets hold what was loaded", sets),
        ("tables of every family", families),
    ];
    let named = trials.into_iter();
    named
        .map(|(name, play)| {
            Trial::test(format!("native::{name}"), move || {
                play();
                Ok(())
            })
        })
        .collect()
}

fn ports(bytes: u16) -> Box<[u8]> {
    bytes.to_be_bytes().into()
}

fn one(bytes: impl AsRef<[u8]>) -> Key {
    Key::One(bytes.as_ref().into())
}

fn range(first: impl AsRef<[u8]>, last: impl AsRef<[u8]>) -> Key {
    Key::Range(first.as_ref().into(), last.as_ref().into())
}

const EXPRESSIONS: &str = r#"
table ip t {
  comment "the table"
  counter hits { comment "an object"
    packets 3 bytes 7
  }
  quota much { over 5 mbytes used 1 kbytes
  }
  limit slow { rate over 7/minute burst 9 packets
  }
  ct helper ftp-standard { type "ftp" protocol tcp
  }
  ct timeout long { protocol tcp; l3proto ip; policy = { established : 100 }
  }
  ct expectation later { protocol tcp; dport 21; timeout 1h; size 12; l3proto ip
  }
  synproxy shield { mss 1460; wscale 7; timestamp sack-perm
  }
  set seen { type ipv4_addr; size 100; flags dynamic,timeout; timeout 1m
  }
  map counters { type ipv4_addr : counter; elements = { 10.77.0.1 : "hits" }
  }
  chain input { comment "of the chain"
    type filter hook input priority 10; policy drop;
    ip saddr 10.77.0.1 tcp dport 21 accept comment "a rule"
    meta mark and 0xff00 == 0x1200 drop
    ct state established,related accept
    ct original ip daddr 10.77.0.9 ct helper "ftp" ct status dnat ct zone 3 return
    tcp dport 50000-51000 accept
    ip saddr != 10.77.0.0-10.77.0.9 drop
    iifname "lo" meta l4proto { tcp, udp } jump other
    meta mark set mark << 4
    ct mark set meta mark or 0x7
    fib daddr type local accept
    add @seen { ip saddr limit rate 3/second burst 4 packets } continue
    limit rate over 1 mbytes/hour burst 2 kbytes drop
    quota over 10 mbytes drop
    ct count over 4 drop
    counter packets 1 bytes 2
    log prefix "seen: " level info flags ip options
    log group 3 snaplen 60 queue-threshold 2
    reject with tcp reset
    reject with icmp type admin-prohibited
    counter name "hits"
    counter name ip saddr map @counters
    ct helper set "ftp-standard"
    ct timeout set "long"
    ct expectation set "later"
    synproxy mss 1460 wscale 7
    meta mark set numgen inc mod 2
    meta mark set jhash ip saddr mod 4
    osf name "Linux" accept
    socket transparent 1 accept
    tcp option maxseg size 1460 accept
    tcp option maxseg size set 1400
    tcp flags & (syn | ack) == syn accept
    ip option rr exists drop
    rt classid 3 accept
    ipsec in reqid 4 accept
    meta time > 100000 accept
    meta nftrace set 1
    ip ttl set 64
    notrack
    ip dscp vmap { cs1 : drop, cs2 : goto other }
  }
  chain other {
  }
  chain forward { type filter hook forward priority 0
    dup to 10.77.0.8
    rt mtu 1000 accept
  }
  chain dstnat { type nat hook prerouting priority -100
    tcp dport 21 dnat to 10.77.0.21
    tcp dport 22 dnat to 10.77.0.22-10.77.0.29:50000-50009 random,persistent
    tcp dport 23 redirect to :2323
    dnat ip to tcp dport map { 80 : 10.77.0.80, 81 : 10.77.0.81 }
    dnat ip addr . port to tcp dport map { 90 : 10.77.0.80 . 8080 }
  }
  chain srcnat { type nat hook postrouting priority 100
    ip saddr 10.77.0.0/24 snat to 10.77.9.9
    masquerade fully-random
    tcp sport 1 masquerade to :4000-5000
    snat ip prefix to ip saddr map { 10.77.1.0/24 : 10.77.2.0/24 }
  }
  chain divert { type filter hook prerouting priority -150
    tcp dport 80 tproxy to 10.77.0.1:3128 accept
    tcp dport 81 tproxy to :3129 accept
  }
}
"#;

fn expressions() {
    let held = Held::new();
    held.load("nft", EXPRESSIONS);
    let ruleset = held.understood();
    println!("{ruleset:#?}");
}

fn sets() {
    let held = Held::new();
    held.load(
        "nft",
        r#"
table inet t {
  set plain { type ipv4_addr; elements = { 10.77.0.2 comment "two", 10.77.0.1 }
  }
  set ranges { type inet_service; flags interval; elements = { 1-10, 20, 21-22, 60000-65535, 0 }
  }
  set whole { type ipv4_addr; flags interval; elements = { 0.0.0.0/1, 128.0.0.0/1 }
  }
  set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.77.0.0/24 . 21 comment "x", 10.77.1.1 . 100-200 }
  }
  set timed { type ipv4_addr; flags timeout; timeout 1h; elements = { 10.77.0.1, 10.77.0.2 timeout 10m }
  }
  set counted { type ipv4_addr; counter; size 9; comment "a set"; elements = { 10.77.0.1 counter packets 1 bytes 2, * counter packets 3 bytes 4 }
  }
  map verdicts { type ipv4_addr : verdict; flags interval; elements = { 10.77.0.0/24 : accept, 10.77.1.0-10.77.1.9 : jump x, * : drop }
  }
  map adjacent { type inet_service : inet_service; flags interval; elements = { 1-10 : 1, 11-20 : 2, 30 : 3 }
  }
  set empty { type ipv4_addr; flags interval
  }
  set names { type ifname; flags interval; elements = { "eth*", "lo" }
  }
  chain x {
    tcp dport { 21, 30-40 } accept
  }
}
"#,
    );
    let ruleset = held.understood();
    println!("{ruleset:#?}");
}

fn families() {
    let held = Held::new();
    held.load(
        "nft",
        r#"
table ip6 t { chain c { type filter hook input priority -5; ip6 saddr fd77::/64 accept
 meta l4proto icmpv6 icmpv6 type echo-request accept
 exthdr hbh exists drop
 reject with icmpv6 type no-route
 }
}
table inet t { chain c { type filter hook ingress device lo priority 0
 reject with icmpx type admin-prohibited
 }
}
table arp t { chain c { type filter hook input priority 0
 arp operation request accept
 }
 chain o { type filter hook output priority 0
 }
}
table bridge t { chain c { type filter hook forward priority 0
 ether saddr 00:11:22:33:44:55 drop
 }
}
table netdev t { chain c { type filter hook ingress device lo priority 0
 fwd to lo
 }
 chain e { type filter hook egress device lo priority 0
 dup to lo
 }
}
table ip dormant { flags dormant
 chain c { type filter hook input priority 0
 }
}
"#,
    );
    let ruleset = held.understood();
    println!("{ruleset:#?}");
}
