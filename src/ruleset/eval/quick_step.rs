//! Quick tests, run on a packet.

use super::field::Field;
use super::packet::{TCP, UDP};
use super::quick::{Asks, Quick, Subject};
use super::run::{Flow, Run};

impl Run<'_, '_> {
    /// Runs a quick test; `None` where the packet has something else at that place.
    pub(super) fn quick(&mut self, quick: &Quick<'_>) -> Option<Flow> {
        let holds = match quick.asks {
            Asks::Protocol(protocol) => Some(self.packet.flow.protocol == protocol),
            Asks::State(mask) => Some(self.ct_state() & mask != 0),
            Asks::Input(name) => Some(self.input.begins_with(name)?),
            Asks::Output(name) => Some(self.output.begins_with(name)?),
            Asks::Within(subject, first, last) => {
                let field = self.subject(subject)?;
                field.is_within(first, last, &mut self.space)
            }
        };
        if holds.is_none() {
            // The doubt is about the comparison, which is the last of them.
            let before = quick.plain.len().saturating_sub(1);
            self.expression = self.expression.map(|number| number + before);
        }
        Some(self.test(
            holds.map(|holds| holds != quick.negated),
            "it compares something that is not known",
        ))
    }

    fn subject(&self, subject: Subject) -> Option<Field> {
        let ports = matches!(self.packet.flow.protocol, TCP | UDP);
        match subject {
            Subject::Source(family) => (family == self.family).then_some(self.ends.source),
            Subject::Destination(family) => {
                (family == self.family).then_some(self.ends.destination)
            }
            Subject::SourcePort => ports.then_some(self.ends.source_port),
            Subject::DestinationPort => ports.then_some(self.ends.destination_port),
        }
    }
}
