//! Profiles and firewalls that several trials use.

/// Every back end.
pub(crate) const BACK_ENDS: [&str; 3] = ["nft", "iptables-nft", "iptables-legacy"];

pub(crate) const OFFICE: &str = "name: office
control: { port: 21, tls: required }
passive: { ports: 50000-51000 }
nat: { mode: none }
";

/// The same name, another range.
pub(crate) const OFFICE_CHANGED: &str = "name: office
control: { port: 21, tls: required }
passive: { ports: 53000-53100 }
nat: { mode: none }
";

/// Goes with it.
pub(crate) const SHOP: &str = "name: shop
control: { port: 990, tls: implicit }
passive: { ports: 52000-52100 }
nat: { mode: none }
";

/// Does not: the ranges overlap.
pub(crate) const RIVAL: &str = "name: rival
control: { port: 2121, tls: required }
passive: { ports: 50500-50600 }
nat: { mode: none }
";

/// A firewall that drops, as administrators have it; for nft with a ban and a rule behind
/// which a guest may stand.
pub(crate) const NFT: &str = "table inet filter {
	chain input {
		type filter hook input priority 0; policy drop;
		ct state established,related accept
		iifname \"lo\" accept
		ip saddr 192.0.2.99 drop
		tcp dport 22 accept
		counter drop
	}
	chain forward {
		type filter hook forward priority 0; policy drop;
	}
}
";

pub(crate) const IPTABLES: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -j DROP
COMMIT
";

/// The programs and texts of a firewall that drops, for a back end.
pub(crate) fn dropping(back_end: &str) -> Vec<(String, &'static str)> {
    match back_end.strip_prefix("iptables-") {
        None => vec![("nft -f -".to_owned(), NFT)],
        Some(word) => ["iptables", "ip6tables"]
            .into_iter()
            .map(|program| (format!("{program}-{word}-restore"), IPTABLES))
            .collect(),
    }
}
