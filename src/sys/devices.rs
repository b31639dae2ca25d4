//! What packets meet on interfaces besides the packet filter, over rtnetlink(7), told as
//! [`crate::facts::devices`] reads it. Needs no privilege.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use futures_util::{Stream, TryStreamExt as _};
use rtnetlink::Handle;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkXdp, XdpAttached};
use rtnetlink::packet_route::tc::{TcAttribute, TcMessage};

use super::routes::{run, said};

/// `eth0 xdp driver 17` and its like, one a line.
///
/// # Errors
/// As the kernel says.
pub fn features() -> io::Result<String> {
    run(async |handle| ask(&handle).await)
}

async fn ask(handle: &Handle) -> io::Result<String> {
    let mut links = BTreeMap::new();
    let mut answers = handle.link().get().execute();
    while let Some(link) = answers.try_next().await.map_err(said)? {
        links.insert(link.header.index, link.attributes);
    }
    let mut text = String::new();
    for (index, attributes) in &links {
        let Some(name) = name(attributes) else {
            continue;
        };
        for feature in of_link(*index, attributes, &links) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {feature}");
        }
    }
    for (index, ways) in with_filters(handle).await? {
        let number = u32::try_from(index).unwrap_or_default();
        let Some(name) = links.get(&number).and_then(|attributes| name(attributes)) else {
            continue;
        };
        for way in ways {
            for kind in filters(handle, index, way).await? {
                let _ = writeln!(text, "{name} filter {way} {kind}");
            }
        }
    }
    Ok(text)
}

fn name(attributes: &[LinkAttribute]) -> Option<&str> {
    attributes.iter().find_map(|a| match a {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// What the kernel says of one interface, without its name.
fn of_link(
    index: u32,
    attributes: &[LinkAttribute],
    links: &BTreeMap<u32, Vec<LinkAttribute>>,
) -> Vec<String> {
    let named = |index: &u32| links.get(index).and_then(|attributes| name(attributes));
    let infos = attributes.iter().filter_map(|a| match a {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    let kind = infos.flatten().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    // Two ends of one cable: neither travels over the other.
    let is_pair = matches!(
        kind,
        Some(InfoKind::Veth | InfoKind::Netkit | InfoKind::Vxcan)
    );
    let is_elsewhere = attributes
        .iter()
        .any(|a| matches!(a, LinkAttribute::LinkNetNsId(_)));
    let mut features = Vec::new();
    if kind == Some(&InfoKind::Bridge) {
        features.push("bridge".to_owned());
    }
    if is_pair && is_elsewhere {
        features.push("leads elsewhere".to_owned());
    }
    for attribute in attributes {
        match attribute {
            LinkAttribute::Xdp(xdp) => features.extend(attached(xdp)),
            LinkAttribute::Controller(upper) => {
                features.extend(named(upper).map(|upper| format!("port of {upper}")));
            }
            LinkAttribute::Link(lower) if !is_pair && !is_elsewhere && *lower != index => {
                features.extend(named(lower).map(|lower| format!("over {lower}")));
            }
            _ => {}
        }
    }
    features
}

/// `IFLA_XDP`: where the program is attached, and its number.
fn attached(xdp: &[LinkXdp]) -> Option<String> {
    let mode = xdp.iter().find_map(|x| match x {
        LinkXdp::Attached(mode) => Some(mode),
        _ => None,
    })?;
    let mode = match mode {
        XdpAttached::None => return None,
        XdpAttached::Driver => "driver",
        XdpAttached::SocketBuffer => "generic",
        XdpAttached::Hardware => "hardware",
        XdpAttached::Multiple => "several",
        _ => "unknown",
    };
    let program = xdp.iter().find_map(|x| match x {
        LinkXdp::ProgId(id) => Some(format!(" {id}")),
        _ => None,
    });
    Some(format!("xdp {mode}{}", program.unwrap_or_default()))
}

/// What a `clsact` qdisc has filters for, the older `ingress` its first only.
const WAYS: [&str; 2] = ["ingress", "egress"];

/// The interfaces that have a qdisc for filters, and of which ways.
async fn with_filters(handle: &Handle) -> io::Result<Vec<(i32, &'static [&'static str])>> {
    let ways = |a: &TcAttribute| match a {
        TcAttribute::Kind(kind) if kind == "clsact" => Some(&WAYS[..]),
        TcAttribute::Kind(kind) if kind == "ingress" => Some(&WAYS[..1]),
        _ => None,
    };
    let mut found = Vec::new();
    for message in all(handle.qdisc().get().execute()).await? {
        if let Some(ways) = message.attributes.iter().find_map(ways) {
            found.push((message.header.index, ways));
        }
    }
    Ok(found)
}

/// The kinds of the filters there, each once. The first message of each has its kind alone,
/// so that it can be read whatever the filter is.
async fn filters(handle: &Handle, index: i32, way: &str) -> io::Result<Vec<String>> {
    let question = handle.traffic_filter(index).get();
    let question = match way {
        "ingress" => question.ingress(),
        _ => question.egress(),
    };
    let mut kinds = Vec::new();
    for message in all(question.execute()).await? {
        for attribute in message.attributes {
            match attribute {
                TcAttribute::Kind(kind) if !kinds.contains(&kind) => kinds.push(kind),
                _ => {}
            }
        }
    }
    Ok(kinds)
}

/// A kernel without traffic control has none of it.
async fn all(
    answers: impl Stream<Item = Result<TcMessage, rtnetlink::Error>>,
) -> io::Result<Vec<TcMessage>> {
    let answers: Result<Vec<TcMessage>, _> = answers.try_collect().await;
    match answers.map_err(said) {
        Err(error) if error.raw_os_error() == Some(EOPNOTSUPP) => Ok(Vec::new()),
        answers => answers,
    }
}

const EOPNOTSUPP: i32 = 95;
