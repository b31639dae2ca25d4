//! The tree of a profile to a [`Profile`]. Every part is read, whatever the
//! others said, so that all faults are seen at once.

use std::net::IpAddr;

use ipnet::IpNet;

use super::error::{Faults, Read};
use super::nat;
use super::node::Node;
use super::section::{Field, Section};
use super::value::{self, At, each, flag, word};
use super::written::{ControlAt, Mode};
use super::{Advertise, Control, HelperPolicy, Passive, Profile, Server, address, rules};
use crate::model::ftp::{Software, Tls};
use crate::model::net::PortRange;

const SOFTWARE: &[(&str, Software)] = &[
    ("proftpd", Software::Proftpd),
    ("vsftpd", Software::Vsftpd),
    ("pure-ftpd", Software::PureFtpd),
    ("filezilla", Software::Filezilla),
    ("other", Software::Other),
];

const TLS: &[(&str, Tls)] = &[
    ("none", Tls::None),
    ("optional", Tls::Optional),
    ("required", Tls::Required),
    ("implicit", Tls::Implicit),
];

const HELPER: &[(&str, HelperPolicy)] = &[
    ("auto", HelperPolicy::Auto),
    ("always", HelperPolicy::Always),
    ("never", HelperPolicy::Never),
];

/// Reads the whole profile.
pub(super) fn profile(root: &Node, file: &str, faults: &mut Faults) -> Read<Profile> {
    let top = &Section::top(root, faults)?;
    let name = top
        .required(
            "name",
            "it travels in rule comments: write name: office-ftp",
            faults,
        )
        .and_then(|field| value::name(field, faults));
    let (addresses, software) = server(top, faults);
    let control = control(top, faults);
    let nat = nat::read(top, faults);
    let mode = nat
        .as_ref()
        .map_err(|refused| *refused)
        .and_then(|nat| nat.mode);
    let (ports, advertise) = passive(top, mode, faults);
    let active = flag(top, "active", faults);
    let clients = clients(top, faults);
    let number =
        |field: &Field<'_>, faults: &mut Faults| value::number(field, &(1..=u32::MAX), faults);
    let transfers = top
        .get("transfers")
        .map(|field| number(field, faults))
        .transpose();
    let helper = top
        .get("helper")
        .map_or(Ok(HelperPolicy::Auto), |field| word(field, HELPER, faults));

    if let Ok(addresses) = &addresses {
        rules::one_address_per_family(addresses, faults);
    }
    if let Ok(control) = &control {
        rules::different_control_ports(control, faults);
    }
    if let Ok(nat) = &nat {
        rules::external(
            nat,
            addresses.as_deref().ok(),
            control.as_deref().ok(),
            faults,
        );
        if let (Ok(Some(ports)), Ok(control)) = (&ports, &control) {
            rules::range_holds_no_control_port(ports, control, nat, faults);
        }
    }
    if mode.is_ok_and(|mode| mode == Mode::Dnat)
        && let Ok(addresses) = &addresses
    {
        rules::dnat_server(top, addresses, clients.as_deref().ok(), faults);
    }

    Ok(Profile {
        name: name?,
        file: file.to_owned(),
        server: Server {
            addresses: values(addresses?),
            software: software?,
        },
        control: values(control?),
        passive: Passive {
            ports: ports?.map_or(PortRange::UNPRIVILEGED, |ports| ports.value),
            advertise: advertise?,
        },
        active: active?,
        nat: nat?.nat?,
        clients: values(clients?),
        transfers: transfers?,
        helper: helper?,
    })
}

fn values<T>(placed: Vec<At<T>>) -> Vec<T> {
    placed.into_iter().map(|at| at.value).collect()
}

fn server(top: &Section<'_>, faults: &mut Faults) -> (Read<Vec<At<IpAddr>>>, Read<Software>) {
    let Some(field) = top.get("server") else {
        return (Ok(Vec::new()), Ok(Software::Other));
    };
    match Section::open("server", field, faults) {
        Err(refused) => (Err(refused), Err(refused)),
        Ok(section) => {
            let addresses = each(section.get("address"), faults, address::address);
            let software = section
                .get("software")
                .map_or(Ok(Software::Other), |field| word(field, SOFTWARE, faults));
            (addresses, software)
        }
    }
}

fn control(top: &Section<'_>, faults: &mut Faults) -> Read<Vec<ControlAt>> {
    let Some(field) = top.get("control") else {
        let value = Control {
            port: 21,
            tls: Tls::Optional,
        };
        return Ok(vec![At {
            value,
            span: top.at().clone(),
        }]);
    };
    each(Some(field), faults, |item, faults| {
        let section = Section::open("control", item, faults)?;
        let tls = section
            .get("tls")
            .map_or(Ok(Tls::Optional), |field| word(field, TLS, faults));
        let port = section
            .get("port")
            .map(|field| value::port(field, faults))
            .transpose();
        let (tls, port) = (tls?, port?);
        // RFC 4217 has 21 for AUTH TLS; IANA has ftps, TLS from the start, at 990.
        let usual = if tls == Tls::Implicit { 990 } else { 21 };
        let port = port.unwrap_or_else(|| At::new(item, usual));
        Ok(At {
            value: Control {
                port: port.value,
                tls,
            },
            span: port.span,
        })
    })
}

/// The range, `None` where masquerade leaves it open; and what is announced.
fn passive(
    top: &Section<'_>,
    mode: Read<Mode>,
    faults: &mut Faults,
) -> (Read<Option<At<PortRange>>>, Read<Option<Advertise>>) {
    let section = match top
        .get("passive")
        .map(|field| Section::open("passive", field, faults))
    {
        None => None,
        Some(Ok(section)) => Some(section),
        Some(Err(refused)) => return (Err(refused), Err(refused)),
    };
    let find = |key| section.as_ref().and_then(|section| section.get(key));
    let ports = match (find("ports"), mode) {
        (Some(field), _) => value::ports(field, faults).map(Some),
        (None, Ok(Mode::Masquerade)) => Ok(None),
        // A mode that was refused may have been meant as masquerade.
        (None, Err(refused)) => Err(refused),
        (None, Ok(_)) => {
            let at = section.as_ref().map_or(top.at(), Section::at);
            let help = "write passive: { ports: 50000-51000 }, as the server's own setting has it";
            Err(faults.refuse(at, "passive.ports is missing", help))
        }
    };
    let advertise = find("advertise")
        .map(|field| address::advertise(field, faults))
        .transpose();
    (ports, advertise)
}

fn clients(top: &Section<'_>, faults: &mut Faults) -> Read<Vec<At<IpNet>>> {
    if top.get("clients").is_some() {
        return each(top.get("clients"), faults, address::network);
    }
    let anyone = [
        IpNet::V4(ipnet::Ipv4Net::default()),
        IpNet::V6(ipnet::Ipv6Net::default()),
    ];
    Ok(anyone
        .into_iter()
        .map(|value| At {
            value,
            span: top.at().clone(),
        })
        .collect())
}
