//! Which protocols a rule has matched, and which of those matches a later one implies:
//! `nft` leaves `meta l4proto tcp` out before `tcp dport 21` (`payload_dependency_kill` of
//! `payload.c`, `meta_may_dependency_kill` of `netlink_delinearize.c`).

use super::fields::Header;
use super::term::Term;
use super::values::{Order, number};
use crate::ruleset::live::expression::PayloadBase;
use crate::ruleset::live::table::TableFamily;

const IP: u64 = 2;
const IP6: u64 = 10;

/// What is known of the packet where a rule has come to.
#[derive(Debug)]
pub(super) struct Context {
    family: TableFamily,
    network: Option<Header>,
    transport: Option<u8>,
    /// The match that says the network protocol, and that which says the transport's.
    on_network: Option<Dependency>,
    on_transport: Option<Dependency>,
}

/// A match that later ones may imply.
#[derive(Debug, Clone, Copy)]
struct Dependency {
    /// Its place among what is printed.
    at: usize,
    /// It looks at the network header (`ip protocol`), not at `meta`.
    by_header: bool,
    /// For the network protocol: which, as `NFPROTO_*`.
    family: u64,
}

impl Context {
    pub(super) fn new(family: TableFamily) -> Self {
        Self {
            family,
            network: match family {
                TableFamily::Ip => Some(Header::Ip),
                TableFamily::Ip6 => Some(Header::Ip6),
                TableFamily::Arp => Some(Header::Arp),
                _ => None,
            },
            transport: None,
            on_network: None,
            on_transport: None,
        }
    }

    /// The header that a base stands for.
    pub(super) fn header(&self, base: PayloadBase) -> Option<Header> {
        match base {
            PayloadBase::Link => Some(Header::Ether),
            PayloadBase::Network => self.network,
            PayloadBase::Transport => Some(self.transport.map_or(Header::Ports, Header::Transport)),
            PayloadBase::Inner | PayloadBase::Tunnel => None,
        }
    }

    /// `NFPROTO_*` of the packets, where it is known.
    pub(super) fn nfproto(&self) -> Option<u64> {
        match self.network {
            Some(Header::Ip) => Some(IP),
            Some(Header::Ip6) => Some(IP6),
            _ => None,
        }
    }

    /// The table sees more than one network protocol.
    pub(super) fn is_mixed(&self) -> bool {
        matches!(
            self.family,
            TableFamily::Inet | TableFamily::Bridge | TableFamily::Netdev
        )
    }

    /// Forgets the matches that might have been implied: another statement stands between.
    pub(super) fn reset(&mut self) {
        self.on_network = None;
        self.on_transport = None;
    }

    /// The place of the match that a field of this header implies, which is forgotten.
    pub(super) fn implied(&mut self, base: PayloadBase) -> Option<usize> {
        match base {
            PayloadBase::Network => self.on_network.take(),
            PayloadBase::Transport => {
                // `ip protocol tcp` also says that it is IPv4.
                if self.is_mixed() && self.on_transport.is_some_and(|d| d.by_header) {
                    return None;
                }
                self.on_transport.take()
            }
            _ => None,
        }
        .map(|dependency| dependency.at)
    }

    /// Takes note of `term == data`, printed at place `at`. Gives the place of a match that
    /// this one implies.
    pub(super) fn matched(&mut self, term: &Term, data: &[u8], at: usize) -> Option<usize> {
        let dependency = |by_header, family| Dependency {
            at,
            by_header,
            family,
        };
        match term {
            // NFT_META_NFPROTO
            Term::Meta(15) => {
                let family = number(data, Order::Host)?;
                self.network_is(family);
                self.on_network = Some(dependency(false, family));
                None
            }
            // NFT_META_PROTOCOL, `ether type`
            Term::Meta(1) | Term::Payload(PayloadBase::Link, 96, 16) => {
                let family = match number(data, Order::Wire)? {
                    0x0800 => IP,
                    0x86dd => IP6,
                    _ => 0,
                };
                self.network_is(family);
                self.on_network = Some(dependency(false, family));
                None
            }
            // NFT_META_L4PROTO
            Term::Meta(16) => {
                let &[protocol] = data else { return None };
                let implied = self.on_network.filter(|network| {
                    if self.is_mixed() {
                        matches!((network.family, protocol), (IP, 1) | (IP6, 58))
                    } else {
                        self.nfproto() == Some(network.family)
                    }
                });
                if implied.is_some() {
                    self.on_network = None;
                }
                self.transport = Some(protocol);
                self.on_transport = Some(dependency(false, 0));
                implied.map(|network| network.at)
            }
            // NFT_CT_PROTOCOL: nft takes it for the packet's protocol, and for one that is of
            // any network protocol.
            Term::Ct(10, _) => {
                let &[protocol] = data else { return None };
                let implied = self.on_network.take();
                self.transport = Some(protocol);
                self.on_transport = Some(dependency(false, 0));
                implied.map(|network| network.at)
            }
            // `ip protocol`, `ip6 nexthdr`
            Term::Payload(PayloadBase::Network, first, 8)
                if (self.network == Some(Header::Ip) && *first == 72)
                    || (self.network == Some(Header::Ip6) && *first == 48) =>
            {
                let &[protocol] = data else { return None };
                self.transport = Some(protocol);
                self.on_transport = Some(dependency(true, 0));
                None
            }
            _ => None,
        }
    }

    /// The place of the match that a refusal implies (`stmt_reject_postprocess`). `reset`:
    /// by a TCP reset.
    pub(super) fn refused(&mut self, reset: bool) -> Option<usize> {
        let implied = if self.is_mixed() {
            self.on_network.take()
        } else if reset {
            self.on_transport.take()
        } else {
            None
        };
        implied.map(|dependency| dependency.at)
    }

    fn network_is(&mut self, family: u64) {
        self.network = match family {
            IP => Some(Header::Ip),
            IP6 => Some(Header::Ip6),
            _ => None,
        };
    }
}
