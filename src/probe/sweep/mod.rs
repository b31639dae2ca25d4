//! A sweep: every port of the passive range is tried through every firewall on the way.
//!
//! `ftpnat answer` listens on the server's side, on few ports at once, and `ftpnat probe
//! --sweep` tells it which ones, and calls those.
//!
//! - [`token`] is the secret that both have, and the proof of it.
//! - [`message`] has the lines that they say.
//! - [`ports`] picks the ports that are held and tried together.
//! - [`answer`] and [`ask`] are the two ends; their runners have the sockets.

pub mod answer;
pub mod ask;
pub mod message;
pub mod ports;
pub mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What became of a call to a port that the server held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The call arrived, at this port.
    Open,
    /// It arrived at another port of the server, so many higher.
    Shifted(i32),
    /// Nothing came back.
    Silent,
    /// It was refused (RST).
    Refused,
    /// It was rejected, by ICMP or by this host itself.
    Rejected {
        /// Who said so, where that is known.
        by: Option<IpAddr>,
        /// The system's words for it.
        error: String,
    },
    /// It connects, and not to `ftpnat answer`.
    Stranger,
}

/// The ports at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The address that was called.
    pub address: IpAddr,
    /// Ports that were called, and what became of it.
    tried: BTreeMap<u16, Outcome>,
    /// Ports that the server could not hold: something else has them.
    busy: BTreeSet<u16>,
}

impl Swept {
    /// Nothing is tried yet.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            tried: BTreeMap::new(),
            busy: BTreeSet::new(),
        }
    }

    /// Notes what became of a port; what was noted of it before does not count.
    pub fn note(&mut self, port: u16, outcome: Outcome) {
        self.busy.remove(&port);
        self.tried.insert(port, outcome);
    }

    /// Notes that the server could not hold a port. What became of a call to it before says
    /// nothing then, unless it arrived.
    pub fn note_busy(&mut self, port: u16) {
        if !self.is_proven(port) {
            self.tried.remove(&port);
            self.busy.insert(port);
        }
    }

    /// Whether a call of this port arrived at the server.
    #[must_use]
    pub fn is_proven(&self, port: u16) -> bool {
        matches!(
            self.tried.get(&port),
            Some(Outcome::Open | Outcome::Shifted(_))
        )
    }

    /// How many ports were tried.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.tried.len()
    }

    /// How many get through.
    #[must_use]
    pub fn open(&self) -> usize {
        self.with(&Outcome::Open).len()
    }

    /// Ports that were not tried, because something else has them on the server.
    #[must_use]
    pub fn busy(&self) -> Vec<u16> {
        self.busy.iter().copied().collect()
    }

    /// Ports with that outcome.
    #[must_use]
    pub fn with(&self, outcome: &Outcome) -> Vec<u16> {
        let alike = self.tried.iter().filter(|(_, other)| *other == outcome);
        alike.map(|(port, _)| *port).collect()
    }

    /// The ports that do not get through, by what became of them; those with the lowest port
    /// first.
    #[must_use]
    pub fn closed(&self) -> Vec<(Outcome, Vec<u16>)> {
        let mut closed: Vec<(Outcome, Vec<u16>)> = Vec::new();
        for (port, outcome) in &self.tried {
            if *outcome == Outcome::Open {
                continue;
            }
            match closed.iter_mut().find(|(known, _)| known == outcome) {
                Some((_, ports)) => ports.push(*port),
                None => closed.push((outcome.clone(), vec![*port])),
            }
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_by_what_became_of_them() {
        let mut swept = Swept::new([198, 51, 100, 1].into());
        for (port, outcome) in [
            (50003, Outcome::Silent),
            (50000, Outcome::Open),
            (50001, Outcome::Refused),
            (50002, Outcome::Silent),
            (50004, Outcome::Silent),
        ] {
            swept.note(port, outcome);
        }
        swept.note(50004, Outcome::Open);
        // It was called before the server said that it does not hold it.
        swept.note(50005, Outcome::Stranger);
        swept.note_busy(50005);
        swept.note_busy(50000);
        assert_eq!((swept.tried(), swept.open()), (5, 2));
        assert_eq!(swept.busy(), [50005]);
        assert_eq!(
            swept.closed(),
            [
                (Outcome::Refused, vec![50001]),
                (Outcome::Silent, vec![50002, 50003]),
            ]
        );
    }
}
