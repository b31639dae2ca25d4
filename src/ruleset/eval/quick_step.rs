//! Quick tests, run on a packet.

use super::field::Field;
use super::packet::{TCP, UDP};
use super::quick::{Asks, Quick, Subject};
use super::routine::Step;
use super::run::{Flow, Run};

impl Run<'_, '_> {
    /// Runs a quick test; `None` where the packet has something else at that place.
    pub(super) fn quick(&mut self, quick: &Quick<'_>) -> Option<Flow> {
        let holds = match quick.asks {
            Asks::Family(family) => Some(self.nfproto() == family),
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

    /// Whether one of the tests that a rule begins with fails for every flow of the space.
    /// What the others ask makes no difference then, and does not part the flows.
    pub(super) fn is_ruled_out(&self, steps: &[(usize, Step<'_>)]) -> bool {
        let mut leading = steps.iter().map_while(|(_, step)| match step {
            Step::Quick(quick) => Some(quick),
            _ => None,
        });
        leading.any(|quick| self.holds_for_all(quick) == Some(quick.negated))
    }

    /// What a quick test comes to before it is negated, where that is the same for every
    /// flow of the space.
    fn holds_for_all(&self, quick: &Quick<'_>) -> Option<bool> {
        match quick.asks {
            Asks::Family(family) => Some(self.nfproto() == family),
            Asks::Protocol(protocol) => Some(self.packet.flow.protocol == protocol),
            Asks::State(mask) => Some(self.ct_state() & mask != 0),
            Asks::Input(name) => self.input.begins_with(name),
            Asks::Output(name) => self.output.begins_with(name),
            Asks::Within(subject, first, last) => {
                self.subject(subject)?
                    .is_within_for_all(first, last, &self.space)
            }
        }
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
