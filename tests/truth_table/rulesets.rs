//! The rules, written by hand as an administrator writes them.

/// A server's input chain that drops what `accepts` do not name.
pub(crate) fn input(accepts: &[&str]) -> String {
    format!(
        "table inet filter {{
            chain input {{
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                {}
            }}
        }}
        ",
        accepts.join("\n                ")
    )
}

/// Assigns the helper, between conntrack and DNAT.
pub(crate) const HELPER: &str = r#"
table inet helper {
    ct helper ftp-standard {
        type "ftp" protocol tcp
    }
    chain prerouting {
        type filter hook prerouting priority -150;
        tcp dport 21 ct helper set "ftp-standard"
    }
}
"#;

/// What administrators try first: an accept in a table of its own.
pub(crate) const EARLIER_TABLE: &str = "
table inet earlier {
    chain input {
        type filter hook input priority -10; policy accept;
        ct state new tcp dport { 21, 50000-50010 } accept
    }
}
";

/// The control port.
pub(crate) const CONTROL: &str = "21";
/// The control port and the passive range.
pub(crate) const AND_RANGE: &str = "{ 21, 50000-50010 }";

/// A gateway that translates and lets through these ports.
pub(crate) fn gateway(translated: &str, accepted: &str) -> String {
    format!(
        r#"table inet nat {{
            chain prerouting {{
                type nat hook prerouting priority -100;
                iifname "eth0" ip daddr 198.51.100.1 tcp dport {translated} dnat ip to 10.77.0.21
            }}
        }}
        table inet filter {{
            chain forward {{
                type filter hook forward priority 0; policy drop;
                ct state established,related accept
                iifname "eth0" ip daddr 10.77.0.21 tcp dport {accepted} ct state new accept
            }}
        }}
        "#
    )
}
