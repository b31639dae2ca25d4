//! Rules between the parts of one profile.

use std::net::IpAddr;

use ipnet::IpNet;

use super::error::Faults;
use super::section::Section;
use super::value::At;
use super::written::{ControlAt, ExternalAt, Mode, NatAt};
use crate::model::net::{Family, PortRange};

/// `server.address` has one address of each family: DNAT needs to know where to.
pub(super) fn one_address_per_family(addresses: &[At<IpAddr>], faults: &mut Faults) {
    for (index, at) in addresses.iter().enumerate() {
        let family = Family::of(at.value);
        let first = addresses[..index]
            .iter()
            .find(|other| Family::of(other.value) == family);
        if let Some(first) = first {
            let message = format!("server.address: {} is a second {family} address", at.value);
            let help = "one file is one server, with one address of each family";
            faults.refuse_second(&at.span, (&first.span, "first"), message, help);
        }
    }
}

/// Control ports differ from one another.
pub(super) fn different_control_ports(control: &[ControlAt], faults: &mut Faults) {
    for (index, at) in control.iter().enumerate() {
        let port = at.value.port;
        if let Some(first) = control[..index]
            .iter()
            .find(|other| other.value.port == port)
        {
            let message = format!("control.port: {port} is taken");
            let help = "each entry of control has a port of its own";
            faults.refuse_second(&at.span, (&first.span, "first"), message, help);
        }
    }
}

/// A control port in the passive range would be taken for data, and the server
/// would sometimes announce it.
pub(super) fn range_holds_no_control_port(
    ports: &At<PortRange>,
    control: &[ControlAt],
    nat: &NatAt,
    faults: &mut Faults,
) {
    let control = control
        .iter()
        .map(|at| (at.value.port, &at.span, "control port"));
    let external = nat.external.iter().flatten().filter_map(|entry| {
        Some((
            entry.value.port?,
            entry.port.as_ref()?,
            "external control port",
        ))
    });
    for (port, span, what) in control.chain(external) {
        if ports.value.contains(port) {
            let message = format!("passive.ports: {} holds the {what} {port}", ports.value);
            let help = format!("choose a range without {port}, such as {}", beside(port));
            if span.start < ports.span.start {
                faults.refuse_second(&ports.span, (span, what), message, help);
            } else {
                faults.refuse_second(span, (&ports.span, "passive range"), message, help);
            }
        }
    }
}

/// A usual range that does not hold `port`.
fn beside(port: u16) -> &'static str {
    if (50000..=51000).contains(&port) {
        "52000-53000"
    } else {
        "50000-51000"
    }
}

/// What the entries of `nat.external` must be to one another, to the control
/// ports and to the server's addresses.
pub(super) fn external(
    nat: &NatAt,
    addresses: Option<&[At<IpAddr>]>,
    control: Option<&[ControlAt]>,
    faults: &mut Faults,
) {
    let Ok(entries) = &nat.external else { return };
    for (index, entry) in entries.iter().enumerate() {
        if let Some(first) = entries[..index]
            .iter()
            .find(|other| same_claim(entry, other))
        {
            let message = "nat.external: this entry says the same as an earlier one";
            let help = "keep one of them";
            faults.refuse_second(&entry.span, (&first.span, "first"), message, help);
        }
        if nat.mode.is_ok_and(|mode| mode != Mode::Masquerade) {
            port_leads_to_one(entry, control, faults);
        }
        family_is_served(nat, entry, addresses, faults);
    }
}

fn same_claim(one: &ExternalAt, other: &ExternalAt) -> bool {
    let (one, other) = (&one.value, &other.value);
    let share = one
        .interfaces
        .iter()
        .any(|interface| other.interfaces.contains(interface));
    one.address == other.address && one.port == other.port && (one.address.is_some() || share)
}

fn port_leads_to_one(entry: &ExternalAt, control: Option<&[ControlAt]>, faults: &mut Faults) {
    let (Some(port), Some(span), Some(control)) = (entry.value.port, &entry.port, control) else {
        return;
    };
    if control.len() > 1 {
        let ports: Vec<_> = control.iter().map(|at| at.value.port.to_string()).collect();
        let message = format!(
            "nat.external.port: {port} could lead to any of the control ports {}",
            ports.join(", ")
        );
        let help = "leave it out, or give the profile one control port";
        faults.refuse(span, message, help);
    }
}

fn family_is_served(
    nat: &NatAt,
    entry: &ExternalAt,
    addresses: Option<&[At<IpAddr>]>,
    faults: &mut Faults,
) {
    let (Some(address), Some(span), Some(addresses)) =
        (entry.value.address, &entry.address, addresses)
    else {
        return;
    };
    let family = Family::of(address);
    let translated = nat
        .mode
        .is_ok_and(|mode| matches!(mode, Mode::Upstream | Mode::Dnat));
    let served = addresses.iter().any(|at| Family::of(at.value) == family);
    // Without any server address, upstream leaves it to the other box, and dnat
    // is refused for that already.
    if translated && !served && !addresses.is_empty() {
        let message =
            format!("nat.external.address: {address}, but the server has no {family} address");
        let help = format!("add its {family} address to server.address, or leave this one out");
        faults.refuse(span, message, help);
    }
}

/// What mode dnat needs of the server and its clients.
pub(super) fn dnat_server(
    top: &Section<'_>,
    addresses: &[At<IpAddr>],
    clients: Option<&[At<IpNet>]>,
    faults: &mut Faults,
) {
    if addresses.is_empty() {
        let at = top.get("server").map_or(top.at(), |field| field.key);
        let help = "mode dnat forwards to it: write server: { address: 10.77.0.21 }";
        faults.refuse(at, "server.address is missing", help);
        return;
    }
    let served = |net: &IpNet| {
        addresses
            .iter()
            .any(|at| Family::of(at.value) == Family::of_net(net))
    };
    if let (Some(clients), Some(field)) = (clients, top.get("clients"))
        && !clients.iter().any(|at| served(&at.value))
    {
        let family = Family::of(addresses[0].value);
        let message = format!("clients: no network is {family}, as the server's address is");
        let help = format!("add {family} networks, or leave clients out for anyone");
        faults.refuse(field.span(), message, help);
    }
}
