//! Rules into a namespace, and what they let through.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::listener::Listener;
use super::netns::{Namespace, succeed};

/// Loads nft text.
///
/// # Panics
/// Where nft refuses it.
pub(crate) fn nft(namespace: &Namespace, text: &str) {
    let output = namespace.feed("nft", &["-f", "-"], text);
    succeed(
        &format!("nft -f - in {}:\n{text}", namespace.name()),
        &output,
    );
}

/// A rule of a host's own firewall, in its input chain.
pub(crate) fn own_firewall(host: &Namespace, rule: &str) {
    nft(
        host,
        &format!(
            "table inet fw {{ chain in {{ type filter hook input priority 0; {rule}; }}; }}\n"
        ),
    );
}

/// Loads iptables-restore text with one of `iptables-nft-restore`,
/// `iptables-legacy-restore`, `ip6tables-nft-restore`, `ip6tables-legacy-restore`.
///
/// # Panics
/// Where it is refused.
pub(crate) fn restore(namespace: &Namespace, program: &str, arguments: &[&str], text: &str) {
    let output = namespace.feed(program, arguments, text);
    succeed(
        &format!(
            "{program} {} in {}:\n{text}",
            arguments.join(" "),
            namespace.name()
        ),
        &output,
    );
}

/// The live rules by `iptables-nft-save` and its like, without its comments,
/// which carry the time.
///
/// # Panics
/// Where it fails.
pub(crate) fn save(namespace: &Namespace, program: &str, arguments: &[&str]) -> String {
    let output = namespace.feed(program, arguments, "");
    let text = succeed(&format!("{program} in {}", namespace.name()), &output);
    text.split_inclusive('\n')
        .filter(|line| !line.starts_with('#'))
        .collect()
}

/// What a TCP connection meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Something accepts.
    Open,
    /// No answer: a firewall drops.
    Silent,
    /// RST.
    Refused,
    /// ICMP, or no route.
    Unreachable,
}

/// Listens on `port` in `server` and connects to `to` from `client`.
pub(crate) fn reach(client: &Namespace, to: IpAddr, server: &Namespace, port: u16) -> Reach {
    // Dual stack, on all addresses: DNAT may bring either.
    let _listener = Listener::on(server, (Ipv6Addr::UNSPECIFIED, port));
    connect(client, SocketAddr::new(to, port))
}

/// Connects to `to` from `client`.
pub(crate) fn connect(client: &Namespace, to: SocketAddr) -> Reach {
    // Two retransmissions of the SYN (after 1 s and 3 s) fit: loss is not silence.
    match client.inside(move || TcpStream::connect_timeout(&to, Duration::from_millis(3500))) {
        Ok(_) => Reach::Open,
        Err(error) => match error.kind() {
            ErrorKind::TimedOut => Reach::Silent,
            ErrorKind::ConnectionRefused => Reach::Refused,
            // EACCES: ICMPv6 "administratively prohibited".
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied => Reach::Unreachable,
            _ => panic!("connect to {to}: {error}"),
        },
    }
}
