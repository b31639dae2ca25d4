//! Who misses which rule: one can read down here what each planned rule is for.

use ftpnat::model::ftp::ClientMode::{self, Epsv, Pasv, Port};

/// Where a client sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// Where the profile's clients are: outside; in masquerade, inside.
    Client,
    /// The same, with a path of 1280 bytes between it and the server, and much to send.
    Narrow,
    /// The same, with much to send over a link of the gateway's own of 1280 bytes.
    NarrowLink,
    /// Inside, at the external address.
    Inside,
    /// On the gateway itself.
    Gateway,
    /// The same, with a path of 1280 bytes, and much to send.
    GatewayNarrow,
}

impl Seat {
    /// Whether path MTU discovery has to work.
    pub(crate) fn is_narrow(self) -> bool {
        matches!(self, Self::Narrow | Self::NarrowLink | Self::GatewayNarrow)
    }
}

/// What a client does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sign {
    pub(crate) seat: Seat,
    pub(crate) mode: ClientMode,
    /// As under TLS: no helper reads the session.
    pub(crate) veiled: bool,
    /// Whether its ports are below 1024.
    pub(crate) privileged: bool,
}

const fn veiled(seat: Seat, mode: ClientMode) -> Sign {
    Sign {
        seat,
        mode,
        veiled: true,
        privileged: false,
    }
}

const fn plain(seat: Seat, mode: ClientMode) -> Sign {
    Sign {
        seat,
        mode,
        veiled: false,
        privileged: false,
    }
}

const fn privileged(seat: Seat, mode: ClientMode) -> Sign {
    Sign {
        privileged: true,
        ..veiled(seat, mode)
    }
}

/// The rule's name; whose session fails without it.
const MISSED: &[(&str, Sign)] = &[
    // The way in, and back.
    ("control", veiled(Seat::Client, Epsv)),
    ("passive-range", veiled(Seat::Client, Epsv)),
    ("control-replies", veiled(Seat::Client, Epsv)),
    ("passive-replies", veiled(Seat::Client, Epsv)),
    // The accept of active data has the answers to ports from 1024 on, too.
    ("control-replies", privileged(Seat::Client, Epsv)),
    ("passive-replies", privileged(Seat::Client, Epsv)),
    ("replies", veiled(Seat::Client, Epsv)),
    ("related-icmp", veiled(Seat::Narrow, Epsv)),
    ("gateway-icmp", veiled(Seat::NarrowLink, Epsv)),
    ("gateway-related-icmp", veiled(Seat::GatewayNarrow, Epsv)),
    // Translation.
    ("dnat-control", veiled(Seat::Client, Epsv)),
    ("dnat-passive", veiled(Seat::Client, Epsv)),
    ("masquerade", veiled(Seat::Client, Epsv)),
    ("hairpin-dnat-control", veiled(Seat::Inside, Epsv)),
    ("hairpin-dnat-passive", veiled(Seat::Inside, Epsv)),
    ("hairpin-snat", veiled(Seat::Inside, Epsv)),
    // Clients on the gateway.
    ("gateway-dnat-control", veiled(Seat::Gateway, Epsv)),
    ("gateway-dnat-passive", veiled(Seat::Gateway, Epsv)),
    ("gateway-replies", veiled(Seat::Gateway, Epsv)),
    ("gateway-to-server", veiled(Seat::Gateway, Epsv)),
    ("gateway-to-servers", veiled(Seat::Gateway, Epsv)),
    // The server opens data connections, to where no helper reads.
    ("active-data", veiled(Seat::Client, Port)),
    ("active-replies", veiled(Seat::Client, Port)),
    ("active-snat", veiled(Seat::Client, Port)),
    // Without `related`, a plain data connection comes a second late: its first packet is
    // dropped with the helper's expectation, and what the client sends again is NEW.
    // The helper reads, translates, and makes data connections RELATED.
    ("helper", plain(Seat::Client, Pasv)),
    ("helper", plain(Seat::Client, Port)),
    ("related", plain(Seat::Client, Epsv)),
    ("active-related", plain(Seat::Client, Port)),
    ("active-replies", plain(Seat::Client, Port)),
    ("gateway-helper", plain(Seat::Gateway, Port)),
    ("gateway-related", plain(Seat::Gateway, Epsv)),
    ("gateway-active-related", plain(Seat::Gateway, Port)),
    ("gateway-active-replies", plain(Seat::Gateway, Port)),
];

/// Who misses a rule of this name.
pub(crate) fn by(rule: &str) -> impl Iterator<Item = Sign> {
    MISSED
        .iter()
        .filter(move |(name, _)| *name == rule)
        .map(|(_, sign)| *sign)
}
