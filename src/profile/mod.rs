//! The profile of an FTP server: YAML in, a [`Profile`] that is valid by
//! construction out, or every error at once with its place.

mod address;
mod claim;
mod conflict;
mod convert;
mod error;
mod nat;
mod node;
mod render;
mod rules;
pub mod schema;
mod section;
mod syntax;
mod value;
mod wire;
mod written;

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::model::ftp::{Software, Tls};
use crate::model::net::{Family, InterfaceName, PortRange};

use error::Faults;

pub use conflict::{Claimant, Conflict, conflicts};
pub use error::{ProfileError, ProfileErrors, Related};

/// The largest file that is read; a profile is some hundred bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Reads a profile. `file` is only a label for its places, such as
/// `office.yaml` or `<stdin>`.
///
/// # Errors
///
/// Every fault of the profile at once; a YAML syntax error alone, because what
/// follows one cannot be read.
pub fn parse(file: &str, text: &[u8]) -> Result<Profile, ProfileErrors> {
    let mut faults = Faults::default();
    let text = decode(text, &mut faults);
    let profile = if faults.is_empty() {
        node::read(text, &mut faults)
            .and_then(|root| convert::profile(&root, file, &mut faults))
            .ok()
    } else {
        None
    };
    match profile {
        Some(profile) if faults.is_empty() => Ok(profile),
        _ => Err(faults.locate(file, text)),
    }
}

/// The text of a file as far as it is text, without the mark that Windows
/// editors put before it.
fn decode<'a>(bytes: &'a [u8], faults: &mut Faults) -> &'a str {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file is {} bytes long", bytes.len());
        faults.refuse(&(0..0), message, "a profile has at most 1 MiB");
        return "";
    }
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let text = valid.trim_start_matches('\u{feff}');
    if valid.len() < bytes.len() {
        let end = text.len();
        let what = if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            "the file is UTF-16"
        } else {
            "what follows is not UTF-8 text"
        };
        faults.refuse(&(end..end), what, "save the file as UTF-8");
    }
    text
}

/// One FTP server as its administrator describes it. Every rule of
/// ftpnat-profile(5) holds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// `[a-z0-9][a-z0-9-]{0,31}`; travels in rule comments.
    pub name: String,
    /// The file that it came from, as the user named it; `<stdin>` for `-`.
    pub file: String,
    /// The server itself.
    pub server: Server,
    /// Control ports, at least one, all different.
    pub control: Vec<Control>,
    /// Passive data connections.
    pub passive: Passive,
    /// Whether PORT and EPRT are served too.
    pub active: bool,
    /// Where the translation happens.
    pub nat: Nat,
    /// Who may connect; at least one network, none with host bits.
    pub clients: Vec<IpNet>,
    /// Peak of simultaneous data connections, at least 1.
    pub transfers: Option<u32>,
    /// When the conntrack helper is assigned.
    pub helper: HelperPolicy,
}

/// The FTP server program and its own addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// At most one per family; not empty where `nat` is [`Nat::Dnat`].
    pub addresses: Vec<IpAddr>,
    /// Which program it is.
    pub software: Software,
}

/// A control port and its TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// The port that the server listens on, 1 to 65535.
    pub port: u16,
    /// What it offers.
    pub tls: Tls,
}

/// Passive data connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passive {
    /// The ports that the server picks from; 1024 or higher, no control port
    /// among them (except the default 1024-65535 of masquerade).
    pub ports: PortRange,
    /// What PASV replies announce; `None`: the server's own address.
    pub advertise: Option<Advertise>,
}

/// The address that 227 replies carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advertise {
    /// A literal IPv4 address.
    Address(Ipv4Addr),
    /// A host name, which the server resolves (RFC 1123 characters).
    Name(String),
}

/// `nat.mode`, one host's point of view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nat {
    /// The server runs here and its address is public.
    None,
    /// The server runs here and someone else translates.
    Upstream {
        /// The addresses that clients use; each has an address.
        external: Vec<External>,
        /// The private network around the server, where described.
        internal: Option<Internal>,
    },
    /// This host is the gateway and forwards to the server.
    Dnat {
        /// What clients use; each has an address or an interface.
        external: Vec<External>,
        /// The inside network, where described.
        internal: Option<Internal>,
        /// Inside clients may use the external address; then `internal` has
        /// networks.
        hairpin: bool,
    },
    /// This host is the gateway of the FTP clients.
    Masquerade {
        /// Where the clients leave to; each has an interface.
        external: Vec<External>,
        /// Where the clients are; has an interface.
        internal: Internal,
    },
}

/// An address, interface and port that clients use from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The address; `None` where it is dynamic.
    pub address: Option<IpAddr>,
    /// The interfaces that face the outside; may be empty where `address` is given.
    pub interfaces: Vec<InterfaceName>,
    /// The control port that clients use; `None`: the server's own. Only where
    /// there is one control port.
    pub port: Option<u16>,
}

/// The inside network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Internal {
    /// The interfaces that face it.
    pub interfaces: Vec<InterfaceName>,
    /// Its networks, none with host bits.
    pub networks: Vec<IpNet>,
}

/// When the conntrack helper is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperPolicy {
    /// Only where a served client needs it.
    Auto,
    /// On every control port.
    Always,
    /// Nowhere.
    Never,
}

impl Profile {
    /// The server's own address of `family`, where given.
    #[must_use]
    pub fn server_address(&self, family: Family) -> Option<IpAddr> {
        self.server
            .addresses
            .iter()
            .copied()
            .find(|a| Family::of(*a) == family)
    }

    /// The client networks of `family`, none within another.
    #[must_use]
    pub fn clients_of(&self, family: Family) -> Vec<IpNet> {
        of_family(&self.clients, family)
    }
}

impl Internal {
    /// The inside networks of `family`, none within another.
    #[must_use]
    pub fn networks_of(&self, family: Family) -> Vec<IpNet> {
        of_family(&self.networks, family)
    }
}

/// Merged where they touch: a set of nft with overlapping networks does not load.
fn of_family(networks: &[IpNet], family: Family) -> Vec<IpNet> {
    let of_family = networks
        .iter()
        .copied()
        .filter(|n| Family::of_net(n) == family);
    IpNet::aggregate(&of_family.collect())
}
