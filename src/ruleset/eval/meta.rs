//! What is known about the packet and its connection, for rules to load
//! (`nft_meta.c`, `nft_ct.c`).

use crate::model::net::Family;

use super::super::live::table::{Hook, TableFamily};
use super::conntrack::{DST_NAT, SRC_NAT, Tracking};
use super::device::{Device, NAME};
use super::field::Field;
use super::packet::{Direction, State};
use super::run::{Flow, Run};

/// `enum nft_meta_keys`
mod of_packet {
    pub(super) const PROTOCOL: u32 = 1;
    pub(super) const MARK: u32 = 3;
    pub(super) const IIF: u32 = 4;
    pub(super) const OIF: u32 = 5;
    pub(super) const IIFNAME: u32 = 6;
    pub(super) const OIFNAME: u32 = 7;
    pub(super) const IIFTYPE: u32 = 8;
    pub(super) const OIFTYPE: u32 = 9;
    pub(super) const SKUID: u32 = 10;
    pub(super) const SKGID: u32 = 11;
    pub(super) const NFPROTO: u32 = 15;
    pub(super) const L4PROTO: u32 = 16;
    pub(super) const BRI_IIFNAME: u32 = 17;
    pub(super) const BRI_OIFNAME: u32 = 18;
    pub(super) const PKTTYPE: u32 = 19;
    pub(super) const IIFGROUP: u32 = 21;
    pub(super) const OIFGROUP: u32 = 22;
    pub(super) const CGROUP: u32 = 23;
    pub(super) const IIFKIND: u32 = 26;
    pub(super) const OIFKIND: u32 = 27;
}

/// `enum nft_ct_keys`
mod of_connection {
    pub(super) const STATE: u32 = 0;
    pub(super) const DIRECTION: u32 = 1;
    pub(super) const STATUS: u32 = 2;
    pub(super) const MARK: u32 = 3;
    pub(super) const EXPIRATION: u32 = 5;
    pub(super) const HELPER: u32 = 6;
    pub(super) const L3PROTOCOL: u32 = 7;
    pub(super) const SRC: u32 = 8;
    pub(super) const DST: u32 = 9;
    pub(super) const PROTOCOL: u32 = 10;
    pub(super) const PROTO_SRC: u32 = 11;
    pub(super) const PROTO_DST: u32 = 12;
    pub(super) const LABELS: u32 = 13;
    pub(super) const PKTS: u32 = 14;
    pub(super) const AVGPKT: u32 = 16;
    pub(super) const ZONE: u32 = 17;
    pub(super) const SRC_IP: u32 = 19;
    pub(super) const DST_IP: u32 = 20;
    pub(super) const SRC_IP6: u32 = 21;
    pub(super) const DST_IP6: u32 = 22;
    pub(super) const ID: u32 = 23;
}

/// `NF_CT_STATE_INVALID_BIT`
pub(super) const INVALID: u32 = 1;
/// `NF_CT_STATE_UNTRACKED_BIT`
pub(super) const UNTRACKED: u32 = 1 << 6;
/// `NF_CT_STATE_BIT` of established, related, new.
pub(super) const ESTABLISHED: u32 = 1 << 1;
pub(super) const RELATED: u32 = 1 << 2;
pub(super) const NEW: u32 = 1 << 3;

/// What a rule finds where it looks for the connection.
pub(super) enum Seen {
    /// None: the rule does not match.
    Nothing,
    /// One that a rule attached before tracking, of which nothing else is known.
    Template,
    /// The packet's.
    Connection,
}

impl Run<'_, '_> {
    /// `nft_meta_get_eval`
    pub(super) fn load_meta(&mut self, key: u32, to: u8) -> Flow {
        let (input, output) = (self.input, self.output);
        match key {
            of_packet::PROTOCOL => {
                let ethertype: u16 = match self.family {
                    Family::Ipv4 => 0x0800,
                    Family::Ipv6 => 0x86dd,
                };
                self.registers.store(to, &ethertype.to_be_bytes());
            }
            of_packet::NFPROTO => self.registers.store(to, &[self.nfproto()]),
            of_packet::L4PROTO => self.registers.store(to, &[self.packet.flow.protocol]),
            of_packet::MARK => self.load_number(to, self.mark),
            of_packet::IIFNAME => self.load_device_name(to, input),
            of_packet::OIFNAME => self.load_device_name(to, output),
            of_packet::IIF => self.load_device_number(to, input),
            of_packet::OIF => self.load_device_number(to, output),
            of_packet::IIFTYPE => return self.load_of_device(to, input, 2, 772),
            of_packet::OIFTYPE => return self.load_of_device(to, output, 2, 772),
            of_packet::IIFGROUP => return self.load_of_device(to, input, 4, 0),
            of_packet::OIFGROUP => return self.load_of_device(to, output, 4, 0),
            of_packet::IIFKIND | of_packet::OIFKIND => {
                let device = if key == of_packet::IIFKIND {
                    input
                } else {
                    output
                };
                if device == Device::None {
                    return Flow::Break;
                }
                self.registers.store_unknown(to, NAME);
            }
            of_packet::BRI_IIFNAME | of_packet::BRI_OIFNAME => {
                // An interface that is a port of a bridge hands its packets to the bridge.
                if self.choose(2, "whether the interface is a port of a bridge") == 0 {
                    return Flow::Break;
                }
                self.registers.store_unknown(to, NAME);
            }
            of_packet::SKUID | of_packet::SKGID | of_packet::CGROUP => {
                if !self.may_have_socket() {
                    return if key == of_packet::CGROUP {
                        self.registers.store(to, &[0; 4]);
                        Flow::On
                    } else {
                        Flow::Break
                    };
                }
                if self.choose(2, "whether the packet is of a socket, and whose") == 0 {
                    return Flow::Break;
                }
                self.registers.store_unknown(to, 4);
            }
            of_packet::PKTTYPE => {
                if self.is_unicast() == Some(true) {
                    self.registers.store(to, &[0]);
                } else {
                    self.registers.store_unknown(to, 1);
                }
            }
            _ => self.registers.store_unknown(to, NAME),
        }
        Flow::On
    }

    /// `nft_pf`: in `netdev` that of the hook.
    pub(super) fn nfproto(&self) -> u8 {
        match (self.table, self.family) {
            (TableFamily::Netdev, _) => 5,
            (_, Family::Ipv4) => 2,
            (_, Family::Ipv6) => 10,
        }
    }

    /// Whether a packet may have a socket here: those made by this host, and those of
    /// a connection that has one (`tcp_v4_early_demux`).
    pub(super) fn may_have_socket(&self) -> bool {
        match self.hook {
            Hook::Output => true,
            Hook::Postrouting | Hook::Egress => self.input == Device::None,
            Hook::Input => self.packet.state != State::New,
            _ => false,
        }
    }

    /// A number in the host's order.
    fn load_number(&mut self, to: u8, field: Field) {
        let number = |value: u128| u32::try_from(value).unwrap_or(0).to_ne_bytes();
        if field.unknown == 0 {
            self.registers.store(to, &number(field.value));
        } else {
            self.registers
                .store_partly(to, &number(field.value), &number(field.unknown));
        }
    }

    pub(super) fn load_device_name(&mut self, to: u8, device: Device<'_>) {
        let mut bytes = [0; NAME];
        match device {
            Device::Unknown | Device::Foreign => return self.registers.store_unknown(to, NAME),
            Device::None => {}
            Device::Named(name) => {
                for (slot, byte) in bytes[..NAME - 1].iter_mut().zip(name.bytes()) {
                    *slot = byte;
                }
            }
        }
        self.registers.store(to, &bytes);
    }

    /// `nft_meta_store_ifindex`: 0 where there is none; `lo` is always 1.
    pub(super) fn load_device_number(&mut self, to: u8, device: Device<'_>) {
        let number = match device {
            Device::None => Some(0),
            Device::Unknown | Device::Foreign => None,
            Device::Named("lo") => Some(1),
            Device::Named(name) => self.prepared.facts.interfaces.as_ref().and_then(|all| {
                all.iter()
                    .find(|(_, known)| known == name)
                    .map(|(number, _)| *number)
            }),
        };
        match number {
            Some(number) => self.registers.store(to, &number.to_ne_bytes()),
            None => self.registers.store_unknown(to, 4),
        }
    }

    /// Something about a device: known of `lo`, and no match where there is none.
    fn load_of_device(&mut self, to: u8, device: Device<'_>, length: usize, of_lo: u32) -> Flow {
        match device {
            Device::None => return Flow::Break,
            Device::Named("lo") if length == 2 => {
                let number = u16::try_from(of_lo).unwrap_or(0);
                self.registers.store(to, &number.to_ne_bytes());
            }
            _ => self.registers.store_unknown(to, length),
        }
        Flow::On
    }

    /// `nft_meta_set_eval`: the mark; the others no rule asks for.
    pub(super) fn set_meta(&mut self, key: u32, from: u8) -> Flow {
        if key == of_packet::MARK {
            self.mark = self.number(from);
        }
        Flow::On
    }

    /// A number in the host's order.
    fn number(&mut self, from: u8) -> Field {
        let view = self.registers.view(from, 4, &mut self.space);
        view.collapse(&mut self.space);
        let number = |bytes: &[u8]| {
            <[u8; 4]>::try_from(bytes).map_or(0, |bytes| u32::from_ne_bytes(bytes).into())
        };
        let unknown = number(view.unknown);
        Field {
            unknown,
            ..Field::constant(number(view.bytes) & !unknown, 4)
        }
    }

    /// What `ct state` is here.
    pub(super) fn ct_state(&self) -> u32 {
        match self.tracking() {
            Tracking::Not => INVALID,
            Tracking::Untracked => UNTRACKED,
            Tracking::Template => NEW,
            Tracking::Tracked(state) => match state {
                State::New => NEW,
                State::Established => ESTABLISHED,
                State::Related => RELATED,
                State::Invalid => INVALID,
                State::Untracked => UNTRACKED,
            },
        }
    }

    pub(super) fn seen(&self) -> Seen {
        match self.tracking() {
            Tracking::Not | Tracking::Untracked => Seen::Nothing,
            Tracking::Template => Seen::Template,
            Tracking::Tracked(_) => Seen::Connection,
        }
    }

    /// `nft_ct_get_eval`
    pub(super) fn load_ct(&mut self, key: u32, direction: Option<u8>, to: u8) -> Flow {
        if key == of_connection::STATE {
            let state = self.ct_state().to_ne_bytes();
            self.registers.store(to, &state);
            return Flow::On;
        }
        match self.seen() {
            Seen::Nothing => return Flow::Break,
            Seen::Template => return self.undecided("a packet that is not tracked yet"),
            Seen::Connection => {}
        }
        let tuple = match direction {
            Some(1) => self.connection.reply,
            _ => self.connection.original,
        };
        let is_v4 = self.family == Family::Ipv4;
        match key {
            of_connection::DIRECTION => {
                let reply = u8::from(self.packet.direction == Direction::Reply);
                self.registers.store(to, &[reply]);
            }
            of_connection::STATUS => {
                let (status, unknown) = self.connection.status();
                self.registers
                    .store_partly(to, &status.to_ne_bytes(), &unknown.to_ne_bytes());
            }
            of_connection::MARK => self.load_number(to, self.connection.mark),
            of_connection::HELPER => {
                let Some(helper) = &self.packet.master_helper else {
                    return Flow::Break;
                };
                let mut name = [0; NAME];
                for (slot, byte) in name[..NAME - 1].iter_mut().zip(helper.bytes()) {
                    *slot = byte;
                }
                self.registers.store(to, &name);
            }
            of_connection::L3PROTOCOL => self.registers.store(to, &[if is_v4 { 2 } else { 10 }]),
            of_connection::PROTOCOL => self.registers.store(to, &[self.packet.flow.protocol]),
            of_connection::SRC_IP | of_connection::DST_IP if !is_v4 => return Flow::Break,
            of_connection::SRC_IP6 | of_connection::DST_IP6 if is_v4 => return Flow::Break,
            of_connection::SRC | of_connection::SRC_IP | of_connection::SRC_IP6 => {
                self.registers
                    .store_whole(to, tuple.source, &mut self.space);
            }
            of_connection::DST | of_connection::DST_IP | of_connection::DST_IP6 => {
                self.registers
                    .store_whole(to, tuple.destination, &mut self.space);
            }
            of_connection::PROTO_SRC => {
                self.registers
                    .store_whole(to, tuple.source_port, &mut self.space);
            }
            of_connection::PROTO_DST => {
                self.registers
                    .store_whole(to, tuple.destination_port, &mut self.space);
            }
            of_connection::LABELS if !self.connection.confirmed && !self.connection.labelled => {
                self.registers.store(to, &[0; NAME]);
            }
            of_connection::ZONE => {
                if let Some(number) = self.zone() {
                    self.registers.store(to, &number.to_ne_bytes());
                } else {
                    self.registers.store_unknown(to, 2);
                }
            }
            of_connection::EXPIRATION
            | of_connection::LABELS
            | of_connection::PKTS..=of_connection::AVGPKT
            | of_connection::ID => {
                self.registers.store_unknown(to, NAME);
            }
            _ => self.registers.store_unknown(to, NAME),
        }
        Flow::On
    }

    /// `nft_ct_set_eval`, `nft_ct_set_zone_eval`
    pub(super) fn set_ct(&mut self, key: u32, from: u8) -> Flow {
        match (key, self.seen()) {
            (of_connection::MARK, Seen::Connection) => self.connection.mark = self.number(from),
            (of_connection::LABELS, Seen::Connection) => self.connection.labelled = true,
            (of_connection::ZONE, Seen::Nothing) => {
                let view = self.registers.view(from, 2, &mut self.space);
                view.collapse(&mut self.space);
                let known = view.is_known();
                let number = <[u8; 2]>::try_from(view.bytes).map_or(0, u16::from_ne_bytes);
                self.connection.zone = if known {
                    Field::constant(number.into(), 2)
                } else {
                    Field::unknown(2)
                };
                self.connection.tracking = Tracking::Template;
            }
            _ => {}
        }
        Flow::On
    }

    /// Whether `XT_CONNTRACK_STATE_*` here has one of these bits.
    pub(super) fn xt_state_has(&self, asked: u16) -> Option<bool> {
        /// `XT_CONNTRACK_STATE_SNAT`, `_DNAT`, `_UNTRACKED`
        const SNAT: u16 = 1 << 6;
        const DNAT: u16 = 1 << 7;
        const XT_UNTRACKED: u16 = 1 << 8;
        let state = self.ct_state();
        let mut bits = match state {
            UNTRACKED => XT_UNTRACKED,
            state => u16::try_from(state).unwrap_or(0),
        };
        if self.connection.is_tracked() {
            if self.connection.status & SRC_NAT != 0 {
                bits |= SNAT;
            }
            if self.connection.status & DST_NAT != 0 {
                bits |= DNAT;
            }
        }
        if bits & asked != 0 {
            return Some(true);
        }
        let unknown = self.connection.status_unknown;
        let maybe = asked & SNAT != 0 && unknown & SRC_NAT != 0
            || asked & DNAT != 0 && unknown & DST_NAT != 0;
        (!maybe).then_some(false)
    }
}
