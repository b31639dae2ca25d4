//! Who listens where, and which ports are kept free.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Finding, Severity};
use crate::facts::Fact;
use crate::facts::sockets::{Listener, Process};
use crate::model::check::{
    CONTROL_PORT_NOT_LISTENING as NOT_LISTENING, FOREIGN_LISTENER_IN_PASSIVE_RANGE as FOREIGN,
    PASSIVE_RANGE_IN_EPHEMERAL_RANGE as EPHEMERAL,
};
use crate::model::ftp::Software;
use crate::model::net::{Family, PortRange};
use crate::plan::served_families;

use super::{command, in_profile_range, seen, server_is_here, set_sysctl};

check! {
    /// Outgoing connections of this host may take ports of the passive range.
    ///
    /// ## What happens
    /// Now and then a data connection fails: an outgoing connection of the host (to a database, a
    /// mail server) has the very port that the server wants, so it cannot bind it. ProFTPD
    /// then takes a port outside the range, others answer 425.
    ///
    /// ## How it is judged
    /// The range overlaps `ip_local_port_range` (32768-60999 unless changed), and
    /// `ip_local_reserved_ports` does not hold the overlap.
    ///
    /// ## Cure
    /// Reserve the range. The sysctl replaces its whole list, so the remedy names what is there
    /// as well. A server binds reserved ports all the same.
    PASSIVE_RANGE_IN_EPHEMERAL_RANGE, Warning, moot by &[], Judge::Host {
        applies: |subject| server_is_here(subject.profile),
        needs: &[Fact::EphemeralPorts],
        find: in_ephemeral_range,
    }
}

check! {
    /// Another program listens on a port of the passive range.
    ///
    /// ## What happens
    /// The server cannot use that port. Worse: the accept of the range opens the other program
    /// to everyone who may be a client.
    ///
    /// ## How it is judged
    /// A listening TCP socket in the range, on an address that clients reach, whose process is not
    /// the FTP server: neither by its name nor by the program that listens on a control port.
    /// Where the process cannot be seen (without root, with /proc mounted hidepid), or systemd or
    /// inetd holds the control port for a server that the profile does not name
    /// (`server.software`), nothing is said of it.
    ///
    /// ## Cure
    /// Move the program, bind it to 127.0.0.1, or take another range in profile, server and
    /// firewall.
    FOREIGN_LISTENER_IN_PASSIVE_RANGE, Error, moot by &[], Judge::Host {
        applies: |subject| server_is_here(subject.profile),
        needs: &[Fact::Listeners],
        find: foreign_listener,
    }
}

check! {
    /// No server listens on the control port.
    ///
    /// ## What happens
    /// Clients get `Connection refused`, or a time-out where the firewall drops.
    ///
    /// ## How it is judged
    /// For each family that is served and that this host has an address of, a socket must listen
    /// on all addresses, on the profile's `server.address`, or, where that is not given, on any
    /// address but loopback. A server in a container or another network namespace does not
    /// count: it is not this one.
    ///
    /// ## Cure
    /// Start the server; look at its `Port`, `listen_address`, `DefaultAddress`.
    CONTROL_PORT_NOT_LISTENING, Error, moot by &[], Judge::Host {
        applies: |subject| server_is_here(subject.profile),
        needs: &[Fact::Listeners],
        find: not_listening,
    }
}

fn in_ephemeral_range(subject: &Subject) -> Verdict {
    let facts = subject.facts;
    let (Some(ephemeral), Some(reserved)) = (facts.ephemeral_ports, &facts.reserved_ports) else {
        return Verdict::Fine;
    };
    let range = subject.profile.passive.ports;
    let taken = |port: u16| ephemeral.contains(port) && !reserved.iter().any(|r| r.contains(port));
    let open = (range.first()..=range.last())
        .filter(|port| taken(*port))
        .count();
    if open == 0 {
        return Verdict::Fine;
    }
    let folder = "/proc/sys/net/ipv4";
    let listed = words(reserved);
    let joined = if reserved.is_empty() {
        range.to_string()
    } else {
        format!("{listed},{range}")
    };
    Verdict::Found(Finding {
        id: EPHEMERAL,
        severity: Severity::Warning,
        summary: format!(
            "{open} of {} ports of the range may be taken by outgoing connections",
            range.count()
        ),
        evidence: vec![
            seen(
                format!("{folder}/ip_local_port_range"),
                ephemeral.to_string(),
            ),
            seen(
                format!("{folder}/ip_local_reserved_ports"),
                if listed.is_empty() {
                    "empty".to_owned()
                } else {
                    listed
                },
            ),
            in_profile_range(subject.profile),
        ],
        remedy: set_sysctl(subject, "net.ipv4.ip_local_reserved_ports", &joined),
    })
}

fn words(ranges: &[PortRange]) -> String {
    let words: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    words.join(",")
}

fn foreign_listener(subject: &Subject) -> Verdict {
    let listeners = subject.facts.listeners.as_deref().unwrap_or_default();
    let range = subject.profile.passive.ports;
    let exposed: Vec<&Listener> = listeners
        .iter()
        .filter(|l| range.contains(l.port) && is_exposed(subject, l))
        .collect();
    let foreign: Vec<(&Listener, &Process)> = exposed
        .iter()
        .filter_map(|l| Some((*l, l.process.as_ref()?)))
        .filter(|(_, process)| !is_server(subject, listeners, process))
        .collect();
    let unseen = exposed.iter().find(|l| l.process.is_none());
    let Some((first, process)) = foreign.first() else {
        return match unseen {
            Some(listener) => Verdict::Unknown(unseen_words(subject, listener.port)),
            None => Verdict::Fine,
        };
    };
    if software_is_unknown(subject, listeners) {
        return Verdict::Unknown(format!(
            "{} listens on port {} of the range, and which program the server is cannot be \
             told: name it (server.software)",
            process.name, first.port
        ));
    }
    let more = match foreign.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Verdict::Found(Finding {
        id: FOREIGN,
        severity: Severity::Error,
        summary: format!(
            "{} listens on port {} of the range, which the firewall opens to clients{more}",
            process.name, first.port
        ),
        evidence: foreign
            .iter()
            .map(|(listener, process)| {
                let program = process.program.as_deref().unwrap_or("program not readable");
                seen(
                    listener.source,
                    format!(
                        "{} listens: process {} ({}, {program})",
                        socket(listener),
                        process.pid,
                        process.name
                    ),
                )
            })
            .collect(),
        remedy: vec![command(format!("ss -ltnp 'sport = :{}'", first.port))],
    })
}

/// An FTP server by its name, as the profile has it or as such servers are called; or
/// the program that listens on a control port, unless that listens for others.
fn is_server(subject: &Subject, listeners: &[Listener], process: &Process) -> bool {
    let by_control = control_owners(subject, listeners).any(|owner| {
        let same = owner.program.is_some() && owner.program == process.program;
        let forwards = FORWARDERS.contains(&owner.name.as_str()) && owner.name == process.name;
        let serves_others = SERVE_OTHERS.contains(&owner.name.as_str());
        forwards || !serves_others && (owner.pid == process.pid || same)
    });
    is_known_server(process) || by_control
}

/// Names of FTP servers' processes begin so.
const SERVERS: [&str; 6] = [
    "proftpd",
    "vsftpd",
    "pure-ftpd",
    "filezilla-serve",
    "in.ftpd",
    "ftpd",
];
/// Programs that listen for those that they start.
const SERVE_OTHERS: [&str; 4] = ["systemd", "inetd", "xinetd", "tcpserver"];
/// Programs that listen for a container, one process a port: those of the range belong to
/// what they publish the control port of.
const FORWARDERS: [&str; 2] = ["docker-proxy", "rootlessport"];

/// Whether a process is called as FTP servers are.
pub(super) fn is_known_server(process: &Process) -> bool {
    SERVERS.iter().any(|name| process.name.starts_with(name))
}

/// The processes that listen on the control ports.
pub(super) fn control_owners<'a>(
    subject: &'a Subject,
    listeners: &'a [Listener],
) -> impl Iterator<Item = &'a Process> {
    let is_control = |port| subject.profile.control.iter().any(|c| c.port == port);
    let held = listeners.iter().filter(move |l| is_control(l.port));
    held.filter_map(|l| l.process.as_ref())
}

/// Behind a program that listens for others, a server of no known name starts.
fn software_is_unknown(subject: &Subject, listeners: &[Listener]) -> bool {
    let mut owners = control_owners(subject, listeners);
    subject.profile.server.software == Software::Other
        && owners.any(|owner| SERVE_OTHERS.contains(&owner.name.as_str()))
}

/// Whether the accept of the range reaches a listener: on every address, or on the one
/// that the profile names.
fn is_exposed(subject: &Subject, listener: &Listener) -> bool {
    let address = listener.address;
    let named = subject.profile.server_address(Family::of(address));
    !address.is_loopback() && (address.is_unspecified() || named.is_none_or(|own| own == address))
}

fn unseen_words(subject: &Subject, port: u16) -> String {
    let is_root = subject
        .facts
        .privileges()
        .is_some_and(|p| p.sees_processes());
    let why = if is_root {
        "belongs to no process that can be seen here: a service of the kernel's, or a process \
         in another PID namespace"
    } else {
        "belongs to a process that cannot be seen; run as root"
    };
    format!("the listener on port {port} of the range {why}")
}

fn not_listening(subject: &Subject) -> Verdict {
    let listeners = subject.facts.listeners.as_deref().unwrap_or_default();
    let mut evidence = Vec::new();
    let mut missing: Vec<String> = Vec::new();
    for control in &subject.profile.control {
        let on_port: Vec<&Listener> = listeners
            .iter()
            .filter(|l| l.port == control.port)
            .collect();
        let deaf: Vec<String> = served_families(subject.profile)
            .into_iter()
            .filter(|family| has_family(subject, *family))
            .filter(|family| !on_port.iter().any(|l| serves(subject, l, *family)))
            .map(|family| family.to_string())
            .collect();
        if deaf.is_empty() {
            continue;
        }
        missing.push(format!("port {} ({})", control.port, deaf.join(", ")));
        if on_port.is_empty() {
            let text = format!("no socket listens on port {}", control.port);
            evidence.push(seen("/proc/net/tcp, tcp6", text));
        }
        evidence.extend(
            on_port
                .iter()
                .map(|l| seen(l.source, format!("{} listens", socket(l)))),
        );
    }
    Verdict::from((!missing.is_empty()).then(|| Finding {
        id: NOT_LISTENING,
        severity: Severity::Error,
        summary: format!("nothing listens for clients on {}", missing.join(" and ")),
        evidence,
        remedy: vec![command(start(subject.profile.server.software))],
    }))
}

/// Whether clients can call this host by a family: the profile names an address of it,
/// or the host has one. IPv4 counts where nothing is known.
fn has_family(subject: &Subject, family: Family) -> bool {
    let Some(addresses) = &subject.facts.addresses else {
        return family == Family::Ipv4;
    };
    let mut global = addresses.iter().filter(|a| a.is_global);
    subject.profile.server_address(family).is_some()
        || global.any(|a| Family::of(a.net.addr()) == family)
}

fn serves(subject: &Subject, listener: &Listener, family: Family) -> bool {
    let v6only = subject.facts.v6only();
    if let Some(address) = subject.profile.server_address(family) {
        return listener.serves(address, v6only);
    }
    let is_own = Family::of(listener.address) == family
        && !listener.address.is_loopback()
        && !listener.address.is_unspecified();
    listener.serves_all(family, v6only) || is_own
}

/// `198.51.100.1:21`, `[::]:21`.
fn socket(listener: &Listener) -> String {
    std::net::SocketAddr::new(listener.address, listener.port).to_string()
}

fn start(software: Software) -> String {
    match software {
        Software::Proftpd => "systemctl status proftpd",
        Software::Vsftpd => "systemctl status vsftpd",
        Software::PureFtpd => "systemctl status pure-ftpd",
        Software::Filezilla => "systemctl status filezilla-server",
        Software::Other => "ss -ltnp",
    }
    .to_owned()
}
