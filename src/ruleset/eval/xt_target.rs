//! The targets of iptables (`net/netfilter/xt_*.c`, `ipt_REJECT.c`).

use super::super::live::xt::{ConnmarkOp, Target};
use super::conntrack::Tracking;
use super::field::Field;
use super::meta::Seen;
use super::names::Next;
use super::outcome::Rejection;
use super::packet::TCP;
use super::run::{Flow, Run};

/// What `REJECT` sends.
enum With {
    /// ICMP unreachable, of this code.
    Code(u8),
    /// A TCP reset.
    Reset,
    /// Nothing: an echo reply was never sent.
    Nothing,
}

/// `enum ipt_reject_with`, with the codes of `linux/icmp.h`.
const REJECT4: [With; 9] = [
    With::Code(0),
    With::Code(1),
    With::Code(2),
    With::Code(3),
    With::Nothing,
    With::Code(9),
    With::Code(10),
    With::Reset,
    With::Code(13),
];

/// `enum ip6t_reject_with`, with the codes of `linux/icmpv6.h`.
const REJECT6: [With; 9] = [
    With::Code(0),
    With::Code(1),
    With::Code(2),
    With::Code(3),
    With::Code(4),
    With::Nothing,
    With::Reset,
    With::Code(5),
    With::Code(6),
];

impl Run<'_, '_> {
    /// Runs a target.
    pub(super) fn xt_target(&mut self, target: &Target) -> Flow {
        match target {
            Target::Reject { v6, with } => self.xt_reject(*v6, *with),
            Target::Nat(nat) => self.xt_nat(nat),
            Target::Mark { value, mask } => {
                self.mark = mixed(self.mark, *mask, Field::constant((*value).into(), 4));
                Flow::On
            }
            Target::Connmark {
                op,
                value,
                ct_mask,
                packet_mask,
            } => {
                self.connmark(*op, *value, *ct_mask, *packet_mask);
                Flow::On
            }
            Target::Ct {
                notrack,
                helper,
                zone,
                ..
            } => {
                self.xt_ct(*notrack, helper.as_deref(), *zone);
                Flow::On
            }
            Target::Tproxy { .. } => self.tproxy("TPROXY", Flow::Verdict(Next::Drop)),
            Target::Nfqueue { .. } => self.undecided("a program of the host decides"),
            Target::Opaque { .. } => self.undecided("a target that is not understood"),
            Target::Verdict(_)
            | Target::Log { .. }
            | Target::Tcpmss { .. }
            | Target::Set { .. }
            | Target::Passes { .. } => Flow::On,
        }
    }

    /// `reject_tg`, `reject_tg6`
    fn xt_reject(&self, v6: bool, with: u32) -> Flow {
        let (unreachable, kinds): (u8, &[With]) = if v6 { (1, &REJECT6) } else { (3, &REJECT4) };
        let kind = usize::try_from(with).ok().and_then(|at| kinds.get(at));
        match kind {
            Some(With::Code(code)) => self.reject(Rejection::Icmp {
                kind: unreachable,
                code: *code,
            }),
            Some(With::Reset) if self.packet.flow.protocol == TCP => self.reject(Rejection::Reset),
            Some(With::Reset | With::Nothing) => Flow::Verdict(Next::Drop),
            None => self.undecided("a rejection that is not understood"),
        }
    }

    /// `connmark_tg`
    fn connmark(&mut self, op: ConnmarkOp, value: u32, ct_mask: u32, packet_mask: u32) {
        if !matches!(self.seen(), Seen::Connection) {
            return;
        }
        let value = Field::constant(value.into(), 4);
        let ct = self.connection.mark;
        match op {
            ConnmarkOp::Set => self.connection.mark = mixed(ct, ct_mask, value),
            ConnmarkOp::Save => {
                self.connection.mark = mixed(ct, ct_mask, masked(self.mark, packet_mask));
            }
            ConnmarkOp::Restore => {
                self.mark = mixed(self.mark, packet_mask, masked(ct, ct_mask));
            }
        }
    }

    /// `xt_ct_target`: only a packet that was not seen by conntrack, nor has a template.
    fn xt_ct(&mut self, notrack: bool, helper: Option<&str>, zone: u16) {
        if self.tracking() != Tracking::Not {
            return;
        }
        if notrack {
            return self.untrack();
        }
        self.connection.tracking = Tracking::Template;
        if zone != 0 {
            self.connection.zone = Field::constant(zone.into(), 2);
        }
        if let Some(helper) = helper {
            self.connection.template_helper = self.assigned(helper);
        }
    }
}

/// `(field & !mask) ^ value`
fn mixed(field: Field, mask: u32, value: Field) -> Field {
    let mask = u128::from(mask);
    let unknown = (field.unknown & !mask) | value.unknown;
    Field {
        unknown,
        ..Field::constant(((field.value & !mask) ^ value.value) & !unknown, 4)
    }
}

fn masked(field: Field, mask: u32) -> Field {
    Field {
        value: field.value & u128::from(mask),
        unknown: field.unknown & u128::from(mask),
        ..field
    }
}
