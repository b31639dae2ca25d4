//! Addresses, routes and routing policy over rtnetlink(7), told in the
//! words of ip(8). Needs no privilege.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;

use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteNextHop, RouteProtocol, RouteType,
};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use rtnetlink::{Handle, IpVersion, LinkUnspec};

/// Where a router holds the routes of the whole Internet, they are not all read.
const MOST_ROUTES: usize = 100_000;

/// What the kernel tells of the network, one text each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// `2 eth0` a line.
    pub links: String,
    /// `eth0 inet 198.51.100.1/24 scope global` a line.
    pub addresses: String,
    /// `inet table main default via 198.51.100.254 dev eth0` a line.
    pub routes: String,
    /// `inet 32766: from all lookup main` a line.
    pub rules: String,
}

/// Asks the kernel, in the network namespace of the calling thread.
///
/// # Errors
/// As the kernel says; also where there are more than 100,000 routes.
pub fn network() -> io::Result<Network> {
    run(async |handle| ask(&handle).await)
}

/// Sets an interface up, in the network namespace of the calling thread. Needs
/// `CAP_NET_ADMIN` there.
///
/// # Errors
/// As the kernel says, such as `NotFound` where there is no such interface.
pub fn set_up(interface: &str) -> io::Result<()> {
    run(async |handle| {
        let up = LinkUnspec::new_with_name(interface).up().build();
        handle.link().set(up).execute().await.map_err(said)
    })
}

/// Asks the kernel from this thread alone, and waits for the answer.
pub(super) fn run<T>(work: impl AsyncFnOnce(Handle) -> io::Result<T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        // It ends when the last handle is gone, or with the runtime.
        drop(tokio::spawn(connection));
        work(handle).await
    })
}

async fn ask(handle: &Handle) -> io::Result<Network> {
    let mut network = Network::default();
    let mut names = BTreeMap::new();
    let mut links = handle.link().get().execute();
    while let Some(link) = links.try_next().await.map_err(said)? {
        let name = link.attributes.iter().find_map(|a| match a {
            LinkAttribute::IfName(name) => Some(name.clone()),
            _ => None,
        });
        names.extend(name.map(|name| (link.header.index, name)));
    }
    for (index, name) in &names {
        // Writing to a string cannot fail.
        let _ = writeln!(network.links, "{index} {name}");
    }
    let mut addresses = handle.address().get().execute();
    while let Some(message) = addresses.try_next().await.map_err(said)? {
        network.addresses.extend(address(&message, &names));
    }
    for version in [IpVersion::V4, IpVersion::V6] {
        network.rules += &rules(handle, version.clone()).await?;
        network.routes += &routes(handle, version, &names).await?;
    }
    Ok(network)
}

/// A kernel without IPv6, or without policy routing, has no rules of it.
async fn rules(handle: &Handle, version: IpVersion) -> io::Result<String> {
    let word = word(&version);
    let mut text = String::new();
    let mut rules = handle.rule().get(version).execute();
    loop {
        match rules.try_next().await.map_err(said) {
            Ok(Some(message)) => text += &rule(word, &message),
            Ok(None) => return Ok(text),
            Err(error) if error.raw_os_error() == Some(EAFNOSUPPORT) => return Ok(text),
            Err(error) if error.raw_os_error() == Some(EOPNOTSUPP) => return Ok(text),
            Err(error) => return Err(error),
        }
    }
}

const EOPNOTSUPP: i32 = 95;
const EAFNOSUPPORT: i32 = 97;

async fn routes(
    handle: &Handle,
    version: IpVersion,
    names: &BTreeMap<u32, String>,
) -> io::Result<String> {
    let word = word(&version);
    let family = match version {
        IpVersion::V4 => AddressFamily::Inet,
        IpVersion::V6 => AddressFamily::Inet6,
    };
    let mut question = RouteMessage::default();
    question.header.address_family = family;
    let mut text = String::new();
    let mut count = 0;
    let mut routes = handle.route().get(question).execute();
    while let Some(message) = routes.try_next().await.map_err(said)? {
        count += 1;
        if count > MOST_ROUTES {
            return Err(io::Error::other(format!("more than {MOST_ROUTES} routes")));
        }
        text += &route(word, &message, names);
    }
    Ok(text)
}

fn word(version: &IpVersion) -> &'static str {
    match version {
        IpVersion::V4 => "inet",
        IpVersion::V6 => "inet6",
    }
}

fn address(message: &AddressMessage, names: &BTreeMap<u32, String>) -> Option<String> {
    // Where both are there (point to point), the local one is this host's.
    let of = |local: bool| {
        message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Local(address) if local => Some(*address),
            AddressAttribute::Address(address) if !local => Some(*address),
            _ => None,
        })
    };
    let address = of(true).or_else(|| of(false))?;
    let name = names.get(&message.header.index)?;
    let family = if address.is_ipv4() { "inet" } else { "inet6" };
    let scope = match message.header.scope {
        AddressScope::Universe => "global",
        AddressScope::Site => "site",
        AddressScope::Link => "link",
        AddressScope::Host => "host",
        _ => "nowhere",
    };
    let length = message.header.prefix_len;
    Some(format!(
        "{name} {family} {address}/{length} scope {scope}\n"
    ))
}

fn route(family: &str, message: &RouteMessage, names: &BTreeMap<u32, String>) -> String {
    let find =
        |wanted: fn(&RouteAttribute) -> Option<u32>| message.attributes.iter().find_map(wanted);
    let table = find(|a| match a {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    let table = table.unwrap_or_else(|| u32::from(message.header.table));
    let kind = match message.header.kind {
        RouteType::Unicast => "",
        RouteType::Local => "local ",
        RouteType::Broadcast => "broadcast ",
        RouteType::Anycast => "anycast ",
        RouteType::Multicast => "multicast ",
        RouteType::BlackHole => "blackhole ",
        RouteType::Unreachable => "unreachable ",
        RouteType::Prohibit => "prohibit ",
        RouteType::Throw => "throw ",
        _ => "unknown ",
    };
    let to = message.attributes.iter().find_map(|a| match a {
        RouteAttribute::Destination(address) => ip(address),
        _ => None,
    });
    let to = match to {
        Some(address) => format!("{address}/{}", message.header.destination_prefix_length),
        None => "default".to_owned(),
    };
    let mut line = format!("{family} table {} {kind}{to}", table_name(table));
    let from = message.attributes.iter().find_map(|a| match a {
        RouteAttribute::Source(address) => ip(address),
        _ => None,
    });
    if let Some(address) = from {
        let _ = write!(
            line,
            " from {address}/{}",
            message.header.source_prefix_length
        );
    }
    line += &hop(&message.attributes, names);
    // Learned from a router, which a host that forwards is deaf to.
    if message.header.protocol == RouteProtocol::Ra {
        line += " proto ra";
    }
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::PrefSource(address) => {
                line.extend(ip(address).map(|a| format!(" src {a}")));
            }
            RouteAttribute::Priority(metric) => drop(write!(line, " metric {metric}")),
            RouteAttribute::MultiPath(hops) => {
                line.extend(hops.iter().map(|hop| next_hop(hop, names)));
            }
            _ => {}
        }
    }
    line + "\n"
}

/// ` via A dev B`.
fn hop(attributes: &[RouteAttribute], names: &BTreeMap<u32, String>) -> String {
    attributes.iter().fold(String::new(), |line, a| match a {
        RouteAttribute::Gateway(address) => match ip(address) {
            Some(address) => format!("{line} via {address}"),
            None => line,
        },
        RouteAttribute::Oif(index) => match names.get(index) {
            Some(name) => format!("{line} dev {name}"),
            None => line,
        },
        _ => line,
    })
}

fn next_hop(next: &RouteNextHop, names: &BTreeMap<u32, String>) -> String {
    let via = hop(&next.attributes, names);
    let device = names.get(&next.interface_index).map(String::as_str);
    format!(" nexthop{via} dev {}", device.unwrap_or("unknown"))
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

/// The names that the kernel's own tables have (`/etc/iproute2/rt_tables`).
fn table_name(table: u32) -> String {
    match table {
        255 => "local".to_owned(),
        254 => "main".to_owned(),
        253 => "default".to_owned(),
        number => number.to_string(),
    }
}

fn rule(family: &str, message: &RuleMessage) -> String {
    let header = &message.header;
    let (mut priority, mut table) = (0, u32::from(header.table));
    let (mut from, mut rest) = ("all".to_owned(), String::new());
    let (mut mark, mut of_bits) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(number) => priority = *number,
            RuleAttribute::Table(number) => table = *number,
            RuleAttribute::Source(address) => from = format!("{address}/{}", header.src_len),
            RuleAttribute::Destination(address) => {
                let _ = write!(rest, " to {address}/{}", header.dst_len);
            }
            RuleAttribute::Iifname(name) => drop(write!(rest, " iif {name}")),
            RuleAttribute::Oifname(name) => drop(write!(rest, " oif {name}")),
            RuleAttribute::FwMark(number) => mark = Some(*number),
            RuleAttribute::FwMask(number) => of_bits = Some(*number),
            // Who made it; and -1, which suppresses nothing.
            RuleAttribute::Protocol(_) | RuleAttribute::SuppressPrefixLen(u32::MAX) => {}
            _ => rest += " unknown",
        }
    }
    if let Some(mark) = mark.filter(|mark| *mark != 0) {
        let _ = write!(rest, " fwmark {mark:#x}/{:#x}", of_bits.unwrap_or(u32::MAX));
    }
    if header.tos != 0 {
        rest += " unknown";
    }
    let action = match header.action {
        RuleAction::ToTable => format!("lookup {}", table_name(table)),
        RuleAction::Blackhole => "blackhole".to_owned(),
        RuleAction::Unreachable => "unreachable".to_owned(),
        RuleAction::Prohibit => "prohibit".to_owned(),
        _ => "unknown".to_owned(),
    };
    let not = if header.flags.contains(RuleFlags::Invert) {
        "not "
    } else {
        ""
    };
    format!("{family} {priority}: {not}from {from}{rest} {action}\n")
}

/// The kernel's `errno` where it gave one.
pub(super) fn said(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(refusal) => refusal.to_io(),
        other => io::Error::other(other),
    }
}
