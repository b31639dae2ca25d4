//! The machines of a scene, as network namespaces of this kernel.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::sys::links::{self, End};
use crate::sys::namespace::Namespace;
use crate::sys::nft;

use super::rules::translator;
use super::scene::{Cable, HostId, Scene};

/// How long a cable may take until it carries packets: it is a matter of milliseconds.
const CARRIER: Duration = Duration::from_secs(5);

/// The namespaces, by the places of their hosts. They are gone with this value.
#[derive(Debug)]
pub struct Machines {
    namespaces: Vec<Namespace>,
}

/// What this system does not do.
#[derive(Debug, Error)]
pub enum Unmade {
    /// A step of the network failed.
    #[error("cannot make {what}: {source}")]
    Network {
        /// The step.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The rules of the box in front were refused.
    #[error("cannot translate in front of the server: {0}")]
    Rules(#[from] nft::Error),
}

impl Machines {
    /// Makes all of them, with addresses, routes, and what the box in front translates. The
    /// firewall under test has no rules yet. `numbers`: those of the host's own interfaces.
    ///
    /// # Errors
    /// [`Unmade`].
    pub fn of(scene: &Scene, numbers: &[(u32, String)]) -> Result<Self, Unmade> {
        let mut namespaces = Vec::new();
        for host in &scene.hosts {
            let what = || format!("a network namespace for the {}", host.name);
            namespaces.push(Namespace::new().map_err(step(what))?);
        }
        let machines = Self { namespaces };
        for cable in &scene.cables {
            machines.connect(scene, cable, numbers)?;
        }
        for (place, host) in scene.hosts.iter().enumerate() {
            let namespace = machines.host(place);
            if host.is_switch {
                let ports: Vec<&str> = ports(scene, place).collect();
                let what = || "a switch".to_owned();
                links::bridge(namespace, "br0", &ports).map_err(step(what))?;
            }
            if host.forwards {
                forward(namespace).map_err(step(|| format!("the {} forward", host.name)))?;
            }
            let what = || format!("addresses and routes of the {}", host.name);
            links::configure(namespace, &host.addresses, &host.routes).map_err(step(what))?;
        }
        for (host, namespace) in scene.hosts.iter().zip(&machines.namespaces) {
            let what = || format!("the cables of the {} carry packets", host.name);
            links::wait_for_carriers(namespace, CARRIER).map_err(step(what))?;
        }
        if let Some((host, outside, pairs)) = &scene.translator {
            let operations = translator(outside, pairs);
            let front = machines.host(*host);
            front
                .inside(|| Ok(nft::commit(&operations, 0)))
                .map_err(step(|| "the box in front".to_owned()))??;
        }
        Ok(machines)
    }

    /// A machine.
    #[must_use]
    pub fn host(&self, id: HostId) -> &Namespace {
        &self.namespaces[id]
    }

    /// Interfaces of the firewall under test have the numbers that they have on the host:
    /// some rules name them so.
    fn connect(
        &self,
        scene: &Scene,
        cable: &Cable,
        numbers: &[(u32, String)],
    ) -> Result<(), Unmade> {
        let end = |(host, name): &'_ (HostId, String)| {
            let number = numbers.iter().find(|(_, other)| other == name);
            let number = number.filter(|_| *host == scene.firewall).map(|(n, _)| *n);
            (*host, name.clone(), number)
        };
        let ends = [end(&cable.a), end(&cable.b)];
        let [a, b] = ends.each_ref().map(|(host, name, index)| End {
            namespace: &self.namespaces[*host],
            name,
            index: *index,
        });
        let what = || format!("a cable from {} to {}", cable.a.1, cable.b.1);
        links::cable(a, b).map_err(step(what))
    }
}

/// Has a machine forward packets of both families.
///
/// # Errors
/// As `write(2)`.
pub fn forward(namespace: &Namespace) -> io::Result<()> {
    namespace.set("net.ipv4.ip_forward", "1")?;
    // A kernel without IPv6 has not that file.
    drop(namespace.set("net.ipv6.conf.all.forwarding", "1"));
    Ok(())
}

fn ports(scene: &Scene, host: HostId) -> impl Iterator<Item = &str> {
    let ends = scene.cables.iter().flat_map(|cable| [&cable.a, &cable.b]);
    ends.filter(move |end| end.0 == host)
        .map(|end| end.1.as_str())
}

fn step(what: impl FnOnce() -> String) -> impl FnOnce(io::Error) -> Unmade {
    move |source| Unmade::Network {
        what: what(),
        source,
    }
}
