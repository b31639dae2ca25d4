//! What a profile needs besides rules: modules, sysctls, server settings, and
//! what others must open.

use crate::model::ftp::Software;
use crate::model::net::{Family, PortRange};
use crate::profile::{Advertise, External, Nat, Profile};

use super::families::{served_families, translated};
use super::helper::helper_ports;

/// The kernel's default `net.ipv4.ip_local_port_range` (ip-sysctl.rst).
const EPHEMERAL: (u16, u16) = (32768, 60999);

/// A sysctl to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysctl {
    /// Its dotted name.
    pub key: &'static str,
    /// The value to set.
    pub value: String,
    /// Why.
    pub why: &'static str,
}

/// A setting of the FTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSetting {
    /// The file that it stands in, where the program has a usual one.
    pub file: Option<&'static str>,
    /// The line or lines, as the file wants them.
    pub text: String,
    /// Why.
    pub why: &'static str,
}

/// What must be opened or forwarded on a box that is not this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequirement {
    /// TCP ports.
    pub ports: PortRange,
    /// From where.
    pub sources: Vec<String>,
    /// To which address and port of this host; `None`: this host, same port.
    pub to: Option<String>,
    /// Why.
    pub why: &'static str,
}

/// Modules that nothing loads by itself: `nf_nat_ftp` is never autoloaded
/// (only Open vSwitch asks for it, `nf_conntrack_ovs.c`), and iptables-legacy loads no helper in every setup.
pub(super) fn modules(profile: &Profile) -> Vec<&'static str> {
    let helped: Vec<Family> = served_families(profile)
        .into_iter()
        .filter(|f| !helper_ports(profile, *f).is_empty())
        .collect();
    let mut modules = Vec::new();
    if !helped.is_empty() {
        modules.push("nf_conntrack_ftp");
    }
    let translates_here = matches!(profile.nat, Nat::Dnat { .. } | Nat::Masquerade { .. });
    if translates_here && helped.iter().any(|f| translated(profile, *f)) {
        modules.push("nf_nat_ftp");
    }
    modules
}

/// Sysctls of this host.
pub(super) fn sysctls(profile: &Profile) -> Vec<Sysctl> {
    match profile.nat {
        Nat::None | Nat::Upstream { .. } => reserve_range(profile).into_iter().collect(),
        Nat::Dnat { .. } | Nat::Masquerade { .. } => served_families(profile)
            .into_iter()
            .map(forwarding)
            .collect(),
    }
}

fn forwarding(family: Family) -> Sysctl {
    let key = match family {
        Family::Ipv4 => "net.ipv4.ip_forward",
        Family::Ipv6 => "net.ipv6.conf.all.forwarding",
    };
    Sysctl {
        key,
        value: "1".to_owned(),
        why: "this host routes between clients and server",
    }
}

fn reserve_range(profile: &Profile) -> Option<Sysctl> {
    let range = profile.passive.ports;
    let overlaps = range.first() <= EPHEMERAL.1 && range.last() >= EPHEMERAL.0;
    overlaps.then(|| Sysctl {
        key: "net.ipv4.ip_local_reserved_ports",
        value: range.to_string(),
        why: "keeps this host's outgoing connections off the range; replaces the list, so join it with what is there",
    })
}

/// What the server's configuration must say.
pub(super) fn server_settings(profile: &Profile) -> Vec<ServerSetting> {
    if matches!(profile.nat, Nat::Masquerade { .. }) {
        // The servers are other people's.
        return Vec::new();
    }
    let software = profile.server.software;
    let address = profile.passive.advertise.as_ref();
    let address = address.map(|advertise| announce(software, advertise));
    std::iter::once(passive_ports(software, profile.passive.ports))
        .chain(address)
        .collect()
}

/// The setting that keeps data connections to a range.
#[must_use]
pub fn passive_ports(software: Software, range: PortRange) -> ServerSetting {
    ServerSetting {
        file: ports_file(software),
        text: ports_text(software, range),
        why: "data connections come to these ports and no others",
    }
}

/// The setting that makes PASV replies name an address.
#[must_use]
pub fn announce(software: Software, address: &Advertise) -> ServerSetting {
    ServerSetting {
        file: address_file(software),
        text: address_text(software, address),
        why: address_why(software),
    }
}

fn ports_file(software: Software) -> Option<&'static str> {
    match software {
        Software::PureFtpd => Some("/etc/pure-ftpd/conf/PassivePortRange"),
        other => config_file(other),
    }
}

fn address_file(software: Software) -> Option<&'static str> {
    match software {
        Software::PureFtpd => Some("/etc/pure-ftpd/conf/ForcePassiveIP"),
        other => config_file(other),
    }
}

fn config_file(software: Software) -> Option<&'static str> {
    match software {
        Software::Proftpd => Some("/etc/proftpd/proftpd.conf"),
        Software::Vsftpd => Some("/etc/vsftpd.conf"),
        Software::PureFtpd | Software::Filezilla | Software::Other => None,
    }
}

fn ports_text(software: Software, range: PortRange) -> String {
    let (first, last) = (range.first(), range.last());
    match software {
        Software::Proftpd => format!("PassivePorts {first} {last}"),
        Software::Vsftpd => format!("pasv_min_port={first}\npasv_max_port={last}"),
        Software::PureFtpd => format!("{first} {last}"),
        Software::Filezilla => {
            format!("Passive mode: use custom port range, from {first} to {last}")
        }
        Software::Other => format!("passive ports from {first} to {last}"),
    }
}

fn address_text(software: Software, advertise: &Advertise) -> String {
    let value = match advertise {
        Advertise::Address(address) => address.to_string(),
        Advertise::Name(name) => name.clone(),
    };
    let is_name = matches!(advertise, Advertise::Name(_));
    match software {
        Software::Proftpd => format!("MasqueradeAddress {value}"),
        Software::Vsftpd => {
            let resolve = if is_name {
                "pasv_addr_resolve=YES\n"
            } else {
                ""
            };
            format!("pasv_address={value}\n{resolve}listen=YES\nlisten_ipv6=NO")
        }
        Software::PureFtpd => value,
        Software::Filezilla => format!("Passive mode: public IP or hostname {value}"),
        Software::Other => format!("announce {value} in PASV replies"),
    }
}

fn address_why(software: Software) -> &'static str {
    match software {
        // Played in tests/lab.rs.
        Software::Vsftpd => {
            "PASV replies name the address that clients can reach; on an IPv6 socket \
             (listen_ipv6) vsftpd names 0.0.0.0 instead, so IPv6 needs an instance of its own"
        }
        Software::Proftpd | Software::PureFtpd | Software::Filezilla | Software::Other => {
            "PASV replies name the address that clients can reach"
        }
    }
}

/// What the translator in front of this host must forward.
pub(super) fn upstream(profile: &Profile) -> Vec<UpstreamRequirement> {
    let Nat::Upstream { external, .. } = &profile.nat else {
        return Vec::new();
    };
    served_families(profile)
        .into_iter()
        .flat_map(|family| upstream_of(profile, external, family))
        .collect()
}

fn upstream_of(
    profile: &Profile,
    external: &[External],
    family: Family,
) -> Vec<UpstreamRequirement> {
    let sources: Vec<String> = profile
        .clients_of(family)
        .iter()
        .map(ToString::to_string)
        .collect();
    let server = profile.server_address(family);
    let to = |port: Option<u16>| {
        server.map(|address| match port {
            Some(port) => std::net::SocketAddr::new(address, port).to_string(),
            None => address.to_string(),
        })
    };
    let outside_port = external
        .iter()
        .filter(|e| e.address.is_some_and(|a| Family::of(a) == family))
        .find_map(|e| e.port);
    let mut needed: Vec<UpstreamRequirement> = profile
        .control
        .iter()
        .map(|control| UpstreamRequirement {
            ports: PortRange::one(outside_port.unwrap_or(control.port)),
            sources: sources.clone(),
            to: to(Some(control.port)),
            why: "control connections",
        })
        .collect();
    needed.push(UpstreamRequirement {
        ports: profile.passive.ports,
        sources,
        to: to(None),
        why: "passive data connections, port for port",
    });
    needed
}
