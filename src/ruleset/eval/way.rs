//! The hooks that a packet meets, and what they call, in order
//! (`net/netfilter/core.c`, `nf_nat_core.c`).

use crate::model::net::Family;

use super::super::live::table::Hook;
use super::conntrack::Tracking;
use super::device::{Device, named_or_not};
use super::hooks::{Call, Level};
use super::outcome::{Doubt, Outcome, Where};
use super::packet::{Path, State};
use super::run::Run;

impl Run<'_, '_> {
    /// All hooks on the packet's path.
    pub(super) fn path(&mut self) -> Result<(), Outcome> {
        if self.prepared.unread {
            return Err(Outcome::Undecided(Doubt {
                at: None,
                expression: None,
                why: "a part of the firewall could not be read",
            }));
        }
        match self.packet.path {
            Path::Arrives => {
                self.input = named_or_not(self.packet.input.as_deref());
                self.arrive(false)
            }
            Path::Leaves => {
                self.leave(false)?;
                // The output hook may have turned it to this host itself.
                if self.output == Device::Named("lo") {
                    self.come_back()
                } else {
                    Ok(())
                }
            }
            Path::Loops => {
                self.leave(true)?;
                self.come_back()
            }
        }
    }

    /// By `lo`.
    fn come_back(&mut self) -> Result<(), Outcome> {
        self.input = Device::Named("lo");
        self.output = Device::None;
        self.arrive(true)
    }

    fn arrive(&mut self, loops: bool) -> Result<(), Outcome> {
        self.hook(Hook::Ingress)?;
        self.hook(Hook::Prerouting)?;
        let to = if loops { None } else { self.route_arrived()? };
        match to {
            None => {
                self.to = Some(Where::Local);
                self.hook(Hook::Input)
            }
            Some(device) => {
                self.output = device;
                self.to = Some(out_by(device));
                self.hook(Hook::Forward)?;
                self.hook(Hook::Postrouting)?;
                // nf_hook_egress names the device that it leaves by only.
                self.input = Device::None;
                self.hook(Hook::Egress)
            }
        }
    }

    fn leave(&mut self, loops: bool) -> Result<(), Outcome> {
        let lo = Device::Named("lo");
        self.output = if loops { lo } else { self.route_leaving() };
        let before = self.ends.destination;
        self.hook(Hook::Output)?;
        // ip_route_me_harder: a new destination is routed anew.
        if !loops && before != self.ends.destination {
            self.output = self.route_leaving();
        }
        self.to = Some(out_by(self.output));
        self.hook(Hook::Postrouting)?;
        self.hook(Hook::Egress)?;
        self.connection.confirm();
        Ok(())
    }

    /// Everything that one hook calls.
    fn hook(&mut self, hook: Hook) -> Result<(), Outcome> {
        let prepared = self.prepared;
        let hooks = match self.family {
            Family::Ipv4 => &prepared.ipv4,
            Family::Ipv6 => &prepared.ipv6,
        };
        let Some(calls) = hooks.at(hook) else {
            return Ok(());
        };
        self.hook = hook;
        self.at = None;
        self.expression = None;
        for level in &calls.levels {
            self.level(level, &calls.nat, false)?;
        }
        Ok(())
    }

    /// What is called at one priority, in one of the orders that may be.
    fn level(&mut self, level: &Level, nat: &[Level], of_nat: bool) -> Result<(), Outcome> {
        let idle = |run: &Self, call: Call| match call {
            Call::Nat => !run.connection.may_translate(!nat.is_empty()),
            Call::Conntrack | Call::Chain(_) => false,
        };
        if let [strand] = &level.strands[..] {
            for &call in strand {
                self.call(call, level.priority, nat)?;
                if of_nat && self.connection.is_bound(self.hook) {
                    break;
                }
            }
            return Ok(());
        }
        let mut left: Vec<&[Call]> = level
            .strands
            .iter()
            .map(|strand| &strand[..])
            .filter(|strand| !(strand.len() == 1 && idle(self, strand[0])))
            .collect();
        while !left.is_empty() {
            let at = if left.len() == 1 {
                0
            } else {
                self.at = None;
                self.expression = None;
                self.choose(
                    left.len(),
                    "base chains of the same priority, whose order is not known",
                )
            };
            if let [first, rest @ ..] = left[at] {
                self.call(*first, level.priority, nat)?;
                if of_nat && self.connection.is_bound(self.hook) {
                    break;
                }
                left[at] = rest;
            }
            if left[at].is_empty() {
                left.remove(at);
            }
        }
        Ok(())
    }

    fn call(&mut self, call: Call, priority: i32, nat: &[Level]) -> Result<(), Outcome> {
        match call {
            Call::Chain(chain) => self.base_chain(chain, priority),
            Call::Conntrack => {
                self.track();
                Ok(())
            }
            Call::Nat => self.call_nat(nat),
        }
    }

    /// `nf_conntrack_in`.
    fn track(&mut self) {
        match self.connection.tracking {
            Tracking::Untracked | Tracking::Tracked(_) => return,
            Tracking::Not | Tracking::Template => {}
        }
        if self.may_go_untracked()
            && self.choose(
                2,
                "whether connections are tracked without a rule that wants it",
            ) == 0
        {
            return;
        }
        self.connection.tracking = match self.packet.state {
            State::Invalid => Tracking::Not,
            State::Untracked => Tracking::Untracked,
            state => Tracking::Tracked(state),
        };
        let assigned = self.connection.template_helper.take();
        if self.connection.is_tracked() && !self.connection.confirmed && self.helper.is_none() {
            self.helper = assigned;
        }
    }

    /// Whether nobody may have wanted tracking, and NAT chains would show it: they are
    /// called for connections only.
    fn may_go_untracked(&self) -> bool {
        let prepared = self.prepared;
        let (tracks, hooks) = match self.family {
            Family::Ipv4 => (prepared.tracks_ipv4, &prepared.ipv4),
            Family::Ipv6 => (prepared.tracks_ipv6, &prepared.ipv6),
        };
        let first = self.packet.state == State::New && self.packet.settled.is_none();
        first && !tracks && hooks.have_nat()
    }

    /// `nf_nat_inet_fn`: the NAT chains see a connection's first packet, and the first of
    /// them that maps it ends the search.
    fn call_nat(&mut self, nat: &[Level]) -> Result<(), Outcome> {
        if !self.connection.is_tracked() {
            return Ok(());
        }
        if self.connection.asks_nat_chains(self.hook) {
            for level in nat {
                self.level(level, &[], true)?;
                if self.connection.is_bound(self.hook) {
                    break;
                }
            }
            self.connection.bind(self.hook);
        }
        self.translate();
        Ok(())
    }
}

fn out_by(device: Device<'_>) -> Where {
    match device {
        Device::Named(name) => Where::Out(Some(name.to_owned())),
        Device::None | Device::Unknown | Device::Foreign => Where::Out(None),
    }
}
