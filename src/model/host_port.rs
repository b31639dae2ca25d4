//! Addresses and ports as FTP writes them: HOST-PORT of RFC 959 (`PORT`, `227`), and those
//! of RFC 2428 (`EPRT`, `229`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

/// `h1,h2,h3,h4,p1,p2` (RFC 959, section 4.1.2, `PORT`).
#[must_use]
pub fn host_port(address: SocketAddrV4) -> String {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

/// The first six numbers with commas between in a text, as clients take a `227` reply: with
/// brackets or without (RFC 1123, section 4.1.2.6). `None` where a number is over 255 or one is
/// missing.
#[must_use]
pub fn parse_host_port(text: &str) -> Option<SocketAddrV4> {
    // A number begins where no digit, comma or sign is before it.
    let mut before = ' ';
    let starts = text.char_indices().filter(|(_, c)| {
        let begins = c.is_ascii_digit() && !before.is_ascii_digit() && !",-".contains(before);
        before = *c;
        begins
    });
    let starts: Vec<usize> = starts.map(|(start, _)| start).collect();
    starts
        .into_iter()
        .find_map(|start| six_numbers(&text[start..]))
}

fn six_numbers(text: &str) -> Option<SocketAddrV4> {
    let mut parts = text.splitn(6, ',').map(str::trim);
    let mut next = || parts.next()?.parse::<u8>().ok();
    let ip = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    let high = next()?;
    // Behind the last one anything may follow.
    let last = parts.next()?;
    let end = last.find(|c: char| !c.is_ascii_digit());
    let low = last[..end.unwrap_or(last.len())].parse().ok()?;
    Some(SocketAddrV4::new(ip, u16::from_be_bytes([high, low])))
}

/// `|1|192.0.2.1|50000|` (RFC 2428, section 2).
#[must_use]
pub fn extended(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { 1 } else { 2 };
    format!("|{family}|{}|{}|", address.ip(), address.port())
}

/// The address of an `EPRT` command. `None` where the family does not go with the address.
#[must_use]
pub fn parse_extended(text: &str) -> Option<SocketAddr> {
    let mut parts = delimited(text)?;
    let family = parts.next()?;
    let ip: IpAddr = parts.next()?.parse().ok()?;
    let port = parts.next()?.parse().ok()?;
    let fits = if ip.is_ipv4() { "1" } else { "2" };
    (family == fits).then(|| SocketAddr::new(ip, port))
}

/// The port of a `229` reply: `(|||50000|)` (RFC 2428, section 3).
#[must_use]
pub fn parse_extended_passive(text: &str) -> Option<u16> {
    let (_, inner) = text.split_once('(')?;
    let mut parts = delimited(inner)?;
    (parts.next()?.is_empty() && parts.next()?.is_empty())
        .then(|| parts.next()?.parse().ok().filter(|port| *port != 0))?
}

/// What stands between delimiters; the first character says which one.
fn delimited(text: &str) -> Option<impl Iterator<Item = &str>> {
    let delimiter = text.chars().next().filter(|c| !c.is_alphanumeric())?;
    Some(text[delimiter.len_utf8()..].split(delimiter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_227_reply_is_read_as_clients_read_it() {
        let wanted = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 10), 50001);
        for text in [
            "Entering Passive Mode (203,0,113,10,195,81).",
            "203,0,113,10,195,81",
            "=203,0,113,10,195,81 is it",
            "ok (203, 0, 113, 10, 195, 81)",
            "Mode 2 is on (203,0,113,10,195,81)",
        ] {
            assert_eq!(parse_host_port(text), Some(wanted), "{text}");
        }
        for text in [
            "",
            "none",
            "(203,0,113,10,195)",
            "(203,0,113,10,195,256)",
            "(300,203,0,113,10,195,81)",
            "(-3,203,0,113,10,195)",
            "(1,,2,3,4,5)",
        ] {
            assert_eq!(parse_host_port(text), None, "{text}");
        }
        assert_eq!(parse_host_port(&host_port(wanted)), Some(wanted));
    }

    #[test]
    fn extended_addresses_have_their_own_delimiter() {
        for text in ["192.0.2.1:50000", "[2001:db8::1]:21"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(parse_extended(&extended(address)), Some(address));
        }
        assert_eq!(parse_extended("|2|192.0.2.1|1|"), None);
        assert_eq!(parse_extended("|1|192.0.2.1|70000|"), None);
        assert_eq!(parse_extended(""), None);
        for text in ["Entering (|||50000|)", "x (!!!50000!) y"] {
            assert_eq!(parse_extended_passive(text), Some(50000), "{text}");
        }
        for text in ["(|||0|)", "(||x|50000|)", "(50000)", "()", "|||50000|"] {
            assert_eq!(parse_extended_passive(text), None, "{text}");
        }
    }
}
