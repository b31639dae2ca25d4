//! Cables, addresses and routes between network namespaces, over rtnetlink(7). All of it
//! needs `CAP_NET_ADMIN` in them.

use std::io;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use ipnet::IpNet;
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, InfoVeth, LinkFlags,
};
use rtnetlink::packet_route::route::RouteType;
use rtnetlink::{
    Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
};

use super::namespace::Namespace;
use super::routes::{run, said};

/// Added to the number of an interface, where the other end of its cable needs one: no kernel
/// has got that far by itself.
const ELSEWHERE: u32 = 100_000;

/// One end of a cable.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Where it is.
    pub namespace: &'a Namespace,
    /// The interface's name there.
    pub name: &'a str,
    /// Its number there; `None`: any.
    pub index: Option<u32>,
}

/// Where packets go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// To where.
    pub to: IpNet,
    /// By which interface; `None`: they are answered as unreachable.
    pub device: Option<String>,
    /// To which machine there; `None`: to the one of that address.
    pub via: Option<IpAddr>,
}

/// Connects two namespaces by a pair of veth(4), both ends up.
///
/// # Errors
/// As the kernel says, such as `AlreadyExists`.
pub fn cable(a: End<'_>, b: End<'_>) -> io::Result<()> {
    a.namespace.inside(|| {
        run(async |handle| {
            let peer = LinkUnspec::new_with_name(b.name).setns_by_fd(b.namespace.fd());
            let peer = b.index.into_iter().fold(peer, LinkMessageBuilder::index);
            let pair = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
                .name(a.name)
                .set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build())));
            // The kernel heeds the number of one end only where the other has one as well
            // (`veth_newlink`).
            let index = a
                .index
                .or(b.index.map(|index| index.saturating_add(ELSEWHERE)));
            let pair = index.into_iter().fold(pair, LinkMessageBuilder::index);
            handle
                .link()
                .add(pair.build())
                .execute()
                .await
                .map_err(said)?;
            up(&handle, a.name).await
        })
    })?;
    b.namespace
        .inside(|| run(async |handle| up(&handle, b.name).await))
}

/// Makes a bridge in a namespace, of interfaces that are there.
///
/// # Errors
/// As the kernel says; `Unsupported` where it has no bridges.
pub fn bridge(namespace: &Namespace, name: &str, ports: &[&str]) -> io::Result<()> {
    namespace.inside(|| {
        run(async |handle| {
            // Without STP a port forwards at once; without snooping, neighbour discovery
            // waits for no multicast querier.
            let bridge = LinkBridge::new(name)
                .stp_state(BridgeStpState::Disabled)
                .append_info_data(InfoBridge::MulticastSnooping(false))
                .up();
            handle
                .link()
                .add(bridge.build())
                .execute()
                .await
                .map_err(said)?;
            let master = index(&handle, name).await?;
            for port in ports {
                let port = LinkUnspec::new_with_name(port).controller(master).up();
                handle
                    .link()
                    .set(port.build())
                    .execute()
                    .await
                    .map_err(said)?;
            }
            Ok(())
        })
    })
}

/// Gives interfaces addresses, each with its network, then sets routes.
///
/// # Errors
/// As the kernel says.
pub fn configure(
    namespace: &Namespace,
    addresses: &[(String, IpNet)],
    routes: &[Route],
) -> io::Result<()> {
    namespace.inside(|| {
        run(async |handle| {
            for (name, net) in addresses {
                let link = index(&handle, name).await?;
                let request = handle.address().add(link, net.addr(), net.prefix_len());
                request.execute().await.map_err(said)?;
            }
            for route in routes {
                add_route(&handle, route).await?;
            }
            Ok(())
        })
    })
}

async fn add_route(handle: &Handle, route: &Route) -> io::Result<()> {
    let (to, length) = (route.to.network(), route.to.prefix_len());
    let builder = RouteMessageBuilder::<IpAddr>::new();
    let mut builder = builder
        .destination_prefix(to, length)
        .map_err(io::Error::other)?;
    match &route.device {
        Some(name) => builder = builder.output_interface(index(handle, name).await?),
        None => builder = builder.kind(RouteType::Unreachable),
    }
    match route.via {
        Some(via) => builder = builder.gateway(via).map_err(io::Error::other)?.onlink(),
        None if route.device.is_some() => {
            builder = builder.scope(rtnetlink::packet_route::route::RouteScope::Link);
        }
        None => {}
    }
    let added = handle.route().add(builder.build()).execute().await;
    added.map_err(said)
}

async fn up(handle: &Handle, name: &str) -> io::Result<()> {
    let up = LinkUnspec::new_with_name(name).up().build();
    handle.link().set(up).execute().await.map_err(said)
}

async fn index(handle: &Handle, name: &str) -> io::Result<u32> {
    let mut links = handle.link().get().match_name(name.to_owned()).execute();
    let link = links.try_next().await.map_err(said)?;
    link.map(|link| link.header.index)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Waits until every interface of a namespace carries packets and every address can be used,
/// so long at most.
///
/// # Errors
/// As the kernel says; `TimedOut`.
pub fn wait_for_carriers(namespace: &Namespace, patience: Duration) -> io::Result<()> {
    let deadline = Instant::now() + patience;
    namespace.inside(|| {
        loop {
            let are_up = run(async |handle| {
                let mut links = handle.link().get().execute();
                let mut are_up = true;
                while let Some(link) = links.try_next().await.map_err(said)? {
                    are_up &= link.header.flags.contains(LinkFlags::Running);
                }
                let mut addresses = handle.address().get().execute();
                while let Some(address) = addresses.try_next().await.map_err(said)? {
                    let is_tentative = AddressHeaderFlags::Tentative;
                    are_up &= !address.header.flags.contains(is_tentative);
                }
                Ok(are_up)
            })?;
            if are_up {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(2));
        }
    })
}
