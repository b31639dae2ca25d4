//! What an evaluation has to know of the host besides its rules.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::facts::Facts;
use crate::facts::routes::{Address, Routing};

/// What is known of the host; `None` is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Its own addresses, all of them, those of an interface in the order of the kernel's
    /// dump: redirecting and masquerading take the first.
    pub addresses: Option<Vec<OwnAddress>>,
    /// Its routes of both families, all that count; those to its own addresses need not
    /// be among them.
    pub routes: Option<Vec<Route>>,
    /// Its interfaces with their numbers; `None` where not known.
    pub interfaces: Option<Vec<(u32, String)>>,
}

impl HostFacts {
    /// What is known of the host that `facts` describe.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let addresses = facts.addresses.as_ref();
        let routes = facts.routing.as_ref().and_then(Routing::plain);
        Self {
            addresses: addresses.map(|all| {
                let own = |a: &Address| OwnAddress {
                    interface: a.interface.clone(),
                    net: a.net,
                };
                all.iter().map(own).collect()
            }),
            routes: routes.map(|all| {
                let route = |(to, interface): (IpNet, Option<&str>)| Route {
                    to,
                    interface: interface.map(str::to_owned),
                };
                all.into_iter().map(route).collect()
            }),
            interfaces: facts.interfaces.clone(),
        }
    }
}

/// An address of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    /// The interface that has it.
    pub interface: String,
    /// The address and its network's size.
    pub net: IpNet,
}

impl OwnAddress {
    /// The address itself.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.net.addr()
    }
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub to: IpNet,
    /// By which interface; `None` where packets there are refused.
    pub interface: Option<String>,
}
