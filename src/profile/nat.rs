//! The `nat` section: what each mode needs, and what does not go with it.

use super::address;
use super::error::{Faults, Read, Refused};
use super::section::{Field, Section};
use super::value::{self, each, flag, interfaces, text, word};
use super::written::{ExternalAt, Mode, NatAt};
use super::{External, Internal, Nat};

const MODES: &[(&str, Mode)] = &[
    ("none", Mode::None),
    ("upstream", Mode::Upstream),
    ("dnat", Mode::Dnat),
    ("masquerade", Mode::Masquerade),
];

/// Reads the section; without one, nothing is translated.
pub(super) fn read(top: &Section<'_>, faults: &mut Faults) -> Read<NatAt> {
    let Some(field) = top.get("nat") else {
        return Ok(NatAt {
            mode: Ok(Mode::None),
            external: Ok(Vec::new()),
            nat: Ok(Nat::None),
        });
    };
    let section = &Section::open("nat", field, faults)?;
    let mode = section
        .get("mode")
        .map_or(Ok(Mode::None), |field| mode(field, faults));
    let external = each(section.get("external"), faults, external);
    let internal = section
        .get("internal")
        .map(|field| internal(field, faults))
        .transpose();
    let hairpin = flag(section, "hairpin", faults);
    let nat = mode.and_then(|mode| {
        let parts = Parts {
            section,
            external: &external,
            internal: &internal,
            hairpin,
        };
        match mode {
            Mode::None => parts.none(faults),
            Mode::Upstream => parts.upstream(faults),
            Mode::Dnat => parts.dnat(faults),
            Mode::Masquerade => parts.masquerade(faults),
        }
    });
    Ok(NatAt {
        mode,
        external,
        nat,
    })
}

fn mode(field: &Field<'_>, faults: &mut Faults) -> Read<Mode> {
    if text(field, faults)? == "container" {
        let help = "until then, publish the ports in the container's runtime and use mode none";
        return field.refuse(faults, "container is not built yet", help);
    }
    word(field, MODES, faults)
}

fn external(item: &Field<'_>, faults: &mut Faults) -> Read<ExternalAt> {
    let section = Section::open("nat.external", item, faults)?;
    let address = section
        .get("address")
        .map(|field| address::address(field, faults))
        .transpose();
    let interfaces = interfaces(section.get("interface"), faults);
    let port = section
        .get("port")
        .map(|field| value::port(field, faults))
        .transpose();
    let (address, interfaces, port) = (address?, interfaces?, port?);
    Ok(ExternalAt {
        value: External {
            address: address.as_ref().map(|at| at.value),
            interfaces,
            port: port.as_ref().map(|at| at.value),
        },
        span: section.at().clone(),
        address: address.map(|at| at.span),
        port: port.map(|at| at.span),
    })
}

fn internal(field: &Field<'_>, faults: &mut Faults) -> Read<Internal> {
    let section = Section::open("nat.internal", field, faults)?;
    let interfaces = interfaces(section.get("interface"), faults);
    let networks = each(section.get("networks"), faults, |item, faults| {
        let net = address::network(item, faults)?.value;
        if net.prefix_len() == 0 {
            let help = "write the networks behind this gateway, such as 10.77.0.0/24";
            return item.refuse(faults, &format!("{net} is everyone"), help);
        }
        Ok(net)
    });
    Ok(Internal {
        interfaces: interfaces?,
        networks: networks?,
    })
}

/// What was read, for one mode to judge.
struct Parts<'a> {
    section: &'a Section<'a>,
    external: &'a Read<Vec<ExternalAt>>,
    internal: &'a Read<Option<Internal>>,
    hairpin: Read<bool>,
}

impl Parts<'_> {
    fn none(&self, faults: &mut Faults) -> Read<Nat> {
        let key = |key| self.section.get(key);
        let mut verdict = Ok(Nat::None);
        for field in [key("external"), key("internal")].into_iter().flatten() {
            let help = "add mode: dnat (this host translates) or upstream (another does)";
            let message = format!("{} does not go with mode none", field.path);
            verdict = Err(faults.refuse(field.key, message, help));
        }
        self.no_hairpin("none", faults)?;
        verdict
    }

    fn upstream(&self, faults: &mut Faults) -> Read<Nat> {
        let help = "write external: { address: 203.0.113.10 }, the address that clients use";
        let external = self.externals(help, faults, |entry, faults| {
            if entry.value.address.is_some() {
                return Ok(());
            }
            let help = "mode upstream needs the address that clients connect to";
            Err(faults.refuse(&entry.span, "nat.external.address is missing", help))
        });
        let hairpin = self.no_hairpin("upstream", faults);
        let (external, ()) = (external?, hairpin?);
        Ok(Nat::Upstream {
            external,
            internal: self.internal.clone()?,
        })
    }

    fn dnat(&self, faults: &mut Faults) -> Read<Nat> {
        let help = "write external: { address: 203.0.113.10 } or { interface: eth0 }";
        let external = self.externals(help, faults, |entry, faults| {
            if entry.value.address.is_some() || !entry.value.interfaces.is_empty() {
                return Ok(());
            }
            let message = "nat.external has neither address nor interface";
            let help = "a dynamic address is known by its interface, a static one by itself";
            Err(faults.refuse(&entry.span, message, help))
        });
        let internal = self.internal.clone();
        let hairpin = self.hairpin;
        if let (Ok(true), Ok(internal)) = (hairpin, &internal)
            && internal
                .as_ref()
                .is_none_or(|internal| internal.networks.is_empty())
            && let Some(field) = self.section.get("hairpin")
        {
            let message = "nat.hairpin: true needs nat.internal.networks";
            let help = "write internal: { networks: [ 10.77.0.0/24 ] }, where inside clients are";
            return Err(faults.refuse(field.span(), message, help));
        }
        Ok(Nat::Dnat {
            external: external?,
            internal: internal?,
            hairpin: hairpin?,
        })
    }

    fn masquerade(&self, faults: &mut Faults) -> Read<Nat> {
        let help = "write external: { interface: eth0 }, where the clients' packets leave";
        let external = self.externals(help, faults, |entry, faults| {
            let mut verdict = Ok(());
            if entry.value.interfaces.is_empty() {
                let message = "nat.external.interface is missing";
                verdict = Err(faults.refuse(&entry.span, message, help));
            }
            if let Some(port) = &entry.port {
                let help = "the servers are elsewhere: their control ports go under control";
                let message = "nat.external.port does not go with mode masquerade";
                verdict = Err(faults.refuse(port, message, help));
            }
            verdict
        });
        let internal = self.inside_interface(faults);
        let hairpin = self.no_hairpin("masquerade", faults);
        let (external, internal, ()) = (external?, internal?, hairpin?);
        Ok(Nat::Masquerade { external, internal })
    }

    /// The entries of `nat.external`, each tried by `check`.
    fn externals(
        &self,
        help: &str,
        faults: &mut Faults,
        check: impl Fn(&ExternalAt, &mut Faults) -> Read<()>,
    ) -> Read<Vec<External>> {
        self.section.required("external", help, faults)?;
        let entries = self
            .external
            .as_ref()
            .map_err(|refused: &Refused| *refused)?;
        let checked: Vec<_> = entries
            .iter()
            .map(|entry| check(entry, faults).map(|()| entry.value.clone()))
            .collect();
        checked.into_iter().collect()
    }

    /// `nat.internal` of the clients' gateway.
    fn inside_interface(&self, faults: &mut Faults) -> Read<Internal> {
        let help = "write internal: { interface: eth1 }, where the clients are";
        let field = self.section.required("internal", help, faults)?;
        match self.internal.clone()? {
            Some(internal) if !internal.interfaces.is_empty() => Ok(internal),
            _ => Err(faults.refuse(field.key, "nat.internal.interface is missing", help)),
        }
    }

    /// Refuses `hairpin: true` where this host does not forward to the server.
    fn no_hairpin(&self, mode: &str, faults: &mut Faults) -> Read<()> {
        match (self.hairpin?, self.section.get("hairpin")) {
            (true, Some(field)) => {
                let message = format!("nat.hairpin does not go with mode {mode}");
                let help = "only the gateway in front of the server can do it: leave it out";
                Err(faults.refuse(field.span(), message, help))
            }
            _ => Ok(()),
        }
    }
}
