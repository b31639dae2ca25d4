//! The firewall of this network namespace, of both back ends of iptables.

use std::io;

use nix::errno::Errno;

use super::{netlink, process};
use crate::facts::helper;
use crate::facts::snapshot::{Snapshot, State};
use crate::facts::sources::Asked;
use crate::ruleset::live::Ruleset;
use crate::ruleset::live::recorded::{self, NFTABLES, sources};

/// What is in force in this thread's network namespace, the same as is recorded by
/// [`record_into`], without holding it. `known`: the host's other sources.
#[must_use]
pub fn read(known: &Snapshot, may_load: bool) -> Ruleset {
    read_with_generation(known, may_load).0
}

/// The same with the number of the generation of `nf_tables`, which each change raises:
/// [`super::nft::commit`] takes it. `None` where there is no `nf_tables`, or it could not
/// be read.
#[must_use]
pub fn read_with_generation(known: &Snapshot, may_load: bool) -> (Ruleset, Option<u32>) {
    let mut held = Snapshot::default();
    let (nftables, generation) = match nftables(known, may_load, netlink::read_everything) {
        Ok((ruleset, generation)) => (Some(ruleset), Some(generation)),
        Err(state) => {
            silence(&mut held, &state);
            (None, None)
        }
    };
    record_legacy(&mut held);
    (recorded::joined(nftables, &held), generation)
}

/// Puts everything that is in force into a snapshot. Where that might make the kernel
/// load `nf_tables`, only where `may_load` allows it; iptables-legacy is asked for no
/// table that is not in force already, since that would put it in force.
pub fn record_into(snapshot: &mut Snapshot, may_load: bool) {
    match nftables(snapshot, may_load, netlink::dump_everything) {
        Ok(dump) => {
            for (asked, state) in sources(dump) {
                snapshot.insert(asked.to_string(), state);
            }
        }
        Err(state) => silence(snapshot, &state),
    }
    record_legacy(snapshot);
}

fn nftables<T>(known: &Snapshot, may_load: bool, read: fn() -> io::Result<T>) -> Result<T, State> {
    match helper::has_nf_tables(known) {
        Some(false) => Err(State::Absent),
        None if !may_load => Err(State::Unreadable(
            "to ask for it might make the kernel load nf_tables".to_owned(),
        )),
        Some(true) | None => read().map_err(|error| {
            if has_no_nftables(&error) {
                State::Absent
            } else {
                State::Unreadable(error.to_string())
            }
        }),
    }
}

/// Says the same of each part of `nf_tables`.
fn silence(snapshot: &mut Snapshot, state: &State) {
    for asked in NFTABLES {
        snapshot.insert(asked.to_string(), state.clone());
    }
}

fn record_legacy(snapshot: &mut Snapshot) {
    for (asked, names, program) in [
        (
            Asked::LegacySave,
            "/proc/thread-self/net/ip_tables_names",
            "iptables-legacy-save",
        ),
        (
            Asked::LegacySave6,
            "/proc/thread-self/net/ip6_tables_names",
            "ip6tables-legacy-save",
        ),
    ] {
        snapshot.insert(asked.to_string(), saved(names, program));
    }
}

/// A request to a subsystem of nfnetlink that is not there is refused with `EINVAL`
/// (`nfnetlink_rcv_msg`); without nfnetlink there is no such socket.
fn has_no_nftables(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| {
        [Errno::EINVAL as i32, Errno::EPROTONOSUPPORT as i32].contains(&number)
    })
}

/// The tables that are in force, of the network namespace that this thread is in, which
/// need not be the process's. Without the file of their names there is no
/// iptables-legacy, and with an empty one it does nothing.
fn saved(names: &str, program: &str) -> State {
    let tables = match std::fs::read_to_string(names) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return State::Absent,
        Err(error) => return State::Unreadable(format!("{names}: {error}")),
    };
    let mut all = String::new();
    for table in tables.lines() {
        match saved_table(program, table) {
            Ok(text) => all.push_str(&text),
            Err(why) => {
                return State::Unreadable(format!("table {table} by {program}: {why}"));
            }
        }
    }
    State::Held(all)
}

fn saved_table(program: &str, table: &str) -> Result<String, String> {
    let finished =
        process::run(program, &["-c", "-t", table]).map_err(|e| format!("cannot run it: {e}"))?;
    if !finished.success {
        return Err(format!("{}: {}", finished.status, finished.stderr));
    }
    String::from_utf8(finished.stdout).map_err(|_| "it printed bytes that are no UTF-8".to_owned())
}
