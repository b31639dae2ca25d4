//! What of this host goes into the lab, where its own firewall is the one to begin with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::apply::record::Backend;
use crate::cli::StateDirectory;
use crate::facts::Facts;
use crate::facts::routes::Way;
use crate::facts::sources::Asked;
use crate::lab::live::Live;
use crate::output::Failure;
use crate::profile::Profile;
use crate::sys::collect::{self, About};
use crate::sys::{host, ruleset};

use super::super::installation;

/// This host.
pub(super) struct Host {
    facts: Facts,
    /// The interface of its way to everyone.
    pub(super) outside: Option<String>,
    /// Its firewall.
    pub(super) live: Box<Live>,
    /// Labels and texts of the profiles that are installed, by their names.
    installed: Vec<(String, String)>,
    /// The back end that rules are in already.
    pub(super) back_end: Option<Backend>,
}

impl Host {
    /// Looks at it.
    pub(super) fn look(state: &StateDirectory) -> Result<Self, Failure> {
        let mut snapshot = collect::snapshot(About::Change { helper: false });
        // The lab makes the kernel load it in any case.
        ruleset::record_into(&mut snapshot, true);
        let live = Live::of_host(&snapshot).map_err(|why| {
            Failure::cannot(format!("cannot read this host's firewall: {why}"))
                .help("run it as root, or begin with a firewall as most have it: --usual")
        })?;
        let installation = installation::read(&installation::sub_state(state)?)?;
        let installed = installation.installed().iter();
        Ok(Self {
            facts: Facts::of(snapshot),
            outside: host::default_interface(),
            live: Box::new(live),
            installed: installed
                .map(|p| (p.name.clone(), p.yaml.clone()))
                .collect(),
            back_end: installation.back_end(),
        })
    }

    /// The installed profiles that stay beside those of these names.
    pub(super) fn others(&self, names: &[&str]) -> Vec<(String, String)> {
        let others = self.installed.iter();
        others
            .filter(|(name, _)| !names.contains(&name.as_str()))
            .map(|(name, text)| (format!("installed profile {name}"), text.clone()))
            .collect()
    }

    /// What a source says; nothing where it is silent.
    pub(super) fn text(&self, asked: Asked) -> String {
        let text = self.facts.snapshot.text(&asked.to_string());
        text.unwrap_or_default().to_owned()
    }

    /// The interface of the way to a profile's server, where that is another machine.
    pub(super) fn toward_server(&self, profile: &Profile) -> Option<String> {
        let routing = self.facts.routing.as_ref()?;
        let to = *profile.server.addresses.first()?;
        let from = match to {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        match routing.way(from, to, None) {
            Way::Out { interfaces, .. } => interfaces.into_iter().next(),
            Way::Local | Way::Nowhere(_) | Way::Unclear(_) => None,
        }
    }
}
