//! Addresses, networks and host names: scalars of a profile as typed values.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use super::Advertise;
use super::error::{Faults, Read, quote};
use super::section::Field;
use super::value::{At, text};

/// The address of one host.
pub(super) fn address(field: &Field<'_>, faults: &mut Faults) -> Read<At<IpAddr>> {
    let text = text(field, faults)?;
    let address = text.parse::<IpAddr>().or_else(|_| {
        let what = format!("{} is not an IP address", quote(text));
        field.refuse(faults, &what, &address_help(text))
    })?;
    check_host(field, address, faults)?;
    Ok(At::new(field, address))
}

/// What the author of a wrong address may have meant.
fn address_help(text: &str) -> String {
    if let Ok(net) = text.parse::<IpNet>() {
        return format!("write the address alone: {}", net.addr());
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return format!("write the address alone: {}", socket.ip());
    }
    if let Some((address, _)) = text.split_once('%')
        && let Ok(address) = address.parse::<IpAddr>()
    {
        return format!("write it without the zone: {address}");
    }
    let numeric = |c: char| c.is_ascii_digit() || c == '.';
    if text.chars().all(numeric) {
        "an IPv4 address is four numbers, 0 to 255, such as 192.0.2.10".to_owned()
    } else if text.contains(':') {
        "an IPv6 address is written like 2001:db8::10".to_owned()
    } else {
        "names are not looked up here: write the address, such as 192.0.2.10".to_owned()
    }
}

/// Refuses addresses that no host can be reached by.
fn check_host(field: &Field<'_>, address: IpAddr, faults: &mut Faults) -> Read<()> {
    let kind = match address {
        IpAddr::V4(v4) if v4.octets()[0] == 0 => "stands for no host",
        IpAddr::V4(v4) if v4.is_broadcast() => "is the broadcast address",
        IpAddr::V6(v6) if v6.is_unspecified() => "stands for no host",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            let what = format!("{address} is an IPv4 address written as IPv6");
            return field.refuse(faults, &what, &format!("write {}", address.to_canonical()));
        }
        other if other.is_loopback() => "is a loopback address",
        other if other.is_multicast() => "is a multicast address",
        _ => return Ok(()),
    };
    let help = "write an address that other hosts can connect to";
    field.refuse(faults, &format!("{address} {kind}"), help)
}

/// A network in CIDR notation; a bare address is the network of that one host.
pub(super) fn network(field: &Field<'_>, faults: &mut Faults) -> Read<At<IpNet>> {
    let text = text(field, faults)?;
    let net = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let net = net.or_else(|_| {
        let what = format!("{} is not a network", quote(text));
        field.refuse(faults, &what, &network_help(text))
    })?;
    if let IpAddr::V6(v6) = net.addr()
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        let what = format!("{net} is an IPv4 network written as IPv6");
        let help = format!("write {v4} and a prefix of 0 to 32");
        return field.refuse(faults, &what, &help);
    }
    if net.trunc() != net {
        let (network, host) = (net.trunc(), IpNet::from(net.addr()));
        let what = format!("{net} has bits set behind its prefix");
        let help = format!("write {network} for the network, or {host} for the host");
        return field.refuse(faults, &what, &help);
    }
    Ok(At::new(field, net))
}

/// What the author of a wrong network may have meant.
fn network_help(text: &str) -> String {
    if let Some((address, mask)) = text.split_once('/')
        && let (Ok(address), Ok(mask)) = (address.parse(), mask.parse())
        && let Ok(net) = IpNet::with_netmask(address, mask)
    {
        return format!("write {}", net.trunc());
    }
    if ["any", "all", "anyone", "everyone", "*"].contains(&text) {
        return "write [ 0.0.0.0/0, \"::/0\" ] for anyone".to_owned();
    }
    "write an address and a prefix, such as 10.77.0.0/24".to_owned()
}

/// What PASV replies carry: an IPv4 address, or a name that the server resolves.
pub(super) fn advertise(field: &Field<'_>, faults: &mut Faults) -> Read<Advertise> {
    let text = text(field, faults)?;
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => {
            let help = "a PASV reply can carry IPv4 only; EPSV serves IPv6 without it";
            return field.refuse(faults, &format!("{} is IPv6", quote(text)), help);
        }
        Ok(IpAddr::V4(v4)) => {
            check_host(field, IpAddr::V4(v4), faults)?;
            return Ok(Advertise::Address(v4));
        }
        Err(_) => {}
    }
    if is_host_name(text) {
        return Ok(Advertise::Name(text.to_owned()));
    }
    let bare = text.trim_end_matches('.');
    let help = if text.parse::<IpNet>().is_ok() || text.parse::<SocketAddr>().is_ok() {
        address_help(text)
    } else if bare != text && (is_host_name(bare) || bare.parse::<Ipv4Addr>().is_ok()) {
        format!("write it without the last dot: {bare}")
    } else {
        "write an IPv4 address or a host name, such as ftp.example.com".to_owned()
    };
    field.refuse(
        faults,
        &format!("{} is no address or host name", quote(text)),
        &help,
    )
}

/// Whether `text` is a host name (RFC 1123, section 2.1). A name whose last
/// label is a number would be read as a broken IPv4 address.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_follow_rfc_1123() {
        for name in [
            "ftp",
            "ftp.example.com",
            "3com.example",
            "a-b.c",
            &"a".repeat(63),
        ] {
            assert!(is_host_name(name), "{name}");
        }
        let long = [
            "a".repeat(63),
            "b".repeat(63),
            "c".repeat(63),
            "d".repeat(62),
        ]
        .join(".");
        for bad in [
            "",
            ".",
            "a..b",
            "-a",
            "a-",
            "a_b",
            "a b",
            "203.0.113.300",
            "a.1",
            &"a".repeat(64),
            &long,
        ] {
            assert!(!is_host_name(bad), "{bad}");
        }
    }
}
