//! The packets that an accept is for, one state of their connection at a time.

use ipnet::IpNet;

use crate::ruleset::eval::{Midway, State};

/// Packets that are alike in state, ports and destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    /// What they are like at the hook; their source is open.
    pub(super) packets: Midway,
    /// The clients that the accept is for; empty: everyone.
    pub(super) sources: Vec<IpNet>,
}

impl Flow {
    /// Whether they open connections.
    pub(super) fn is_new(&self) -> bool {
        self.packets.state == State::New
    }
}
