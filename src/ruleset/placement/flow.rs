//! The packets that an accept is for, one state of their connection at a time.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::net::Family;
use crate::ruleset::eval::{Midway, State};

use super::about::Seen;

/// Packets that are alike in state, ports and destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    /// What they are like at the hook; their source is open.
    pub(super) packets: Midway,
    /// The clients that the accept is for.
    pub(super) sources: Vec<IpNet>,
    /// They are all that there may be.
    pub(super) is_for_everyone: bool,
    /// Their destination is the client: the answers to what clients send, and active data.
    pub(super) is_to_client: bool,
}

/// Whatever host may be a client: unicast, and not this host itself.
const EVERYONE4: [(Ipv4Addr, u8); 9] = [
    (Ipv4Addr::new(192, 0, 0, 0), 3),
    (Ipv4Addr::new(128, 0, 0, 0), 2),
    (Ipv4Addr::UNSPECIFIED, 2),
    (Ipv4Addr::new(64, 0, 0, 0), 3),
    (Ipv4Addr::new(96, 0, 0, 0), 4),
    (Ipv4Addr::new(112, 0, 0, 0), 5),
    (Ipv4Addr::new(120, 0, 0, 0), 6),
    (Ipv4Addr::new(124, 0, 0, 0), 7),
    (Ipv4Addr::new(126, 0, 0, 0), 8),
];
/// The same of IPv6: global, behind NAT64 (RFC 6052), unique local, link-local.
const EVERYONE6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
];

/// The networks of everyone who may be a client.
pub(super) fn everyone(family: Family) -> Vec<IpNet> {
    let of = |net: Result<IpNet, ipnet::PrefixLenError>| net.ok();
    match family {
        Family::Ipv4 => {
            let all = EVERYONE4.iter();
            all.filter_map(|&(address, length)| of(IpNet::new(address.into(), length)))
                .collect()
        }
        Family::Ipv6 => {
            let all = EVERYONE6.iter();
            all.filter_map(|&(address, length)| of(IpNet::new(address.into(), length)))
                .collect()
        }
    }
}

impl Flow {
    /// Whether they open connections.
    pub(super) fn is_new(&self) -> bool {
        self.packets.state == State::New
    }

    /// Which of their ends is the client.
    pub(super) fn seen(&self) -> Seen {
        Seen {
            family: self.packets.family,
            is_to_client: self.is_to_client,
        }
    }
}
