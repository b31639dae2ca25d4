//! What a snapshot holds, in words.

use std::fmt::Write as _;

use crate::facts::snapshot::{Snapshot, State};

use super::words::{BOLD, dimmed, hanging, heading, wrapped};

/// What was saved where, and what was left out.
#[must_use]
pub fn saved(directory: &str, snapshot: &Snapshot) -> String {
    let mut held = Vec::new();
    let mut unreadable = Vec::new();
    for (name, state) in snapshot.iter() {
        match state {
            State::Held(_) | State::Raw(_) => held.push(name),
            State::Unreadable(why) => unreadable.push((name, why)),
            State::Absent => {}
        }
    }
    let mut text = format!(
        "{BOLD}{directory}{BOLD:#}: {} sources of this host\n",
        held.len()
    );
    text.push_str(&wrapped(
        "  ",
        "the firewall's rules and sets, addresses, routes and interfaces, listening sockets with \
         their programs, sysctls of netfilter and of routing, kernel modules and their settings, \
         SELinux booleans, firewall programs, what ftpnat installed, the profiles in \
         /etc/ftpnat/profiles. No keys, no passwords, no environments, no names of users, and of \
         no process more than its name and program. Read it before you send it: MANIFEST lists \
         every file.",
    ));
    if !unreadable.is_empty() {
        text.push_str(&heading("Not readable", "as root more is held"));
        for (name, why) in unreadable {
            text.push_str(&hanging("  ", "    ", &format!("{name}: {why}")));
        }
    }
    text.push_str(&heading("Next", "on any machine"));
    let _ = writeln!(
        text,
        "  ftpnat check --snapshot {directory} --profile PROFILE"
    );
    text.push_str(&dimmed("  # prints what it prints here\n"));
    text
}
