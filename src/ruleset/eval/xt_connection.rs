//! The connection in matches of iptables (`xt_conntrack.c`, `xt_helper.c`).

use super::super::live::xt::Conntrack;
use super::meta::Seen;
use super::packet::Direction;
use super::run::Run;
use super::xt_answer::{Answer, and, signed};

impl Run<'_, '_> {
    /// `conntrack_mt`
    pub(super) fn conntrack(&mut self, asked: &Conntrack) -> Answer {
        let state = asked.states.map_or(Some(true), |states| {
            signed(self.xt_state_has(states.value), states.negated)
        });
        if state == Some(false) {
            return state;
        }
        match self.seen() {
            // `return info->match_flags & XT_CONNTRACK_STATE`
            Seen::Nothing => return Some(asked.states.is_some()),
            Seen::Template if is_about_state(asked) => return state,
            Seen::Template => return None,
            Seen::Connection => {}
        }
        let (original, reply) = (self.connection.original, self.connection.reply);
        let mut answer = state;
        answer = and(
            answer,
            asked.reply.map_or(Some(true), |wanted| {
                Some((self.packet.direction == Direction::Reply) == wanted)
            }),
        );
        for (field, net) in [
            (original.source, asked.original_source),
            (original.destination, asked.original_destination),
            (reply.source, asked.reply_source),
            (reply.destination, asked.reply_destination),
        ] {
            if answer == Some(false) {
                return answer;
            }
            answer = and(answer, self.net(field, net));
        }
        answer = and(
            answer,
            asked.protocol.map_or(Some(true), |protocol| {
                let same = u16::from(self.packet.flow.protocol) == protocol.value;
                signed(Some(same), protocol.negated)
            }),
        );
        for (field, ports) in [
            (original.source_port, asked.original_source_port),
            (original.destination_port, asked.original_destination_port),
            (reply.source_port, asked.reply_source_port),
            (reply.destination_port, asked.reply_destination_port),
        ] {
            if answer == Some(false) {
                return answer;
            }
            if let Some(ports) = ports {
                answer = and(answer, self.ports(field, ports));
            }
        }
        if let Some(status) = asked.status {
            let (bits, unknown) = self.connection.status();
            let wanted = u32::from(status.value);
            let any = if bits & !unknown & wanted != 0 {
                Some(true)
            } else if unknown & wanted == 0 {
                Some(false)
            } else {
                None
            };
            answer = and(answer, signed(any, status.negated));
        }
        if asked.expires.is_some() {
            answer = and(answer, None);
        }
        answer
    }

    /// `helper_mt`: that of the connection that this one was expected from.
    pub(super) fn helper_is(&self, name: &str, negated: bool) -> Answer {
        let same = match (&self.packet.master_helper, self.seen()) {
            (_, Seen::Nothing) | (None, _) => return Some(negated),
            (_, Seen::Template) => return None,
            (Some(has), Seen::Connection) => name.is_empty() || has == name,
        };
        signed(Some(same), negated)
    }
}

/// Whether nothing but the state is asked for.
fn is_about_state(asked: &Conntrack) -> bool {
    let state_only = Conntrack {
        is_state: asked.is_state,
        states: asked.states,
        ..Conntrack::default()
    };
    *asked == state_only
}
