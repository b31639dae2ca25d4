//! The firewall of this network namespace, of both back ends of iptables.

use std::io;

use nix::errno::Errno;

use super::{netlink, process};
use crate::model::net::Family;
use crate::ruleset::live::decode::Dump;
use crate::ruleset::live::{Recorded, Unread};

/// Everything that is in force; what cannot be had is said in it.
#[must_use]
pub fn record() -> Recorded {
    let mut recorded = Recorded::default();
    match netlink::dump_everything() {
        Ok(dump) => recorded.nftables = dump,
        Err(error) if has_no_nftables(&error) => recorded.nftables = Dump::default(),
        Err(error) => recorded.unread.push(Unread {
            what: "nf_tables".to_owned(),
            why: error.to_string(),
        }),
    }
    // Of this thread: its namespace need not be that of the process, which `/proc/net` shows.
    for (family, file, program) in [
        (
            Family::Ipv4,
            "/proc/thread-self/net/ip_tables_names",
            "iptables-legacy-save",
        ),
        (
            Family::Ipv6,
            "/proc/thread-self/net/ip6_tables_names",
            "ip6tables-legacy-save",
        ),
    ] {
        for table in legacy_tables(file, &mut recorded.unread) {
            match saved(program, &table) {
                Ok(text) => recorded.legacy.push((family, text)),
                Err(why) => recorded.unread.push(Unread {
                    what: format!("table {table} of {program}"),
                    why,
                }),
            }
        }
    }
    recorded
}

/// A request to a subsystem of nfnetlink that is not there is refused with `EINVAL`
/// (`nfnetlink_rcv_msg`); without nfnetlink there is no such socket.
fn has_no_nftables(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| {
        [Errno::EINVAL as i32, Errno::EPROTONOSUPPORT as i32].contains(&number)
    })
}

/// Tables that are there already: to ask for another would put it in force. Without the
/// file there is no iptables-legacy.
fn legacy_tables(file: &str, unread: &mut Vec<Unread>) -> Vec<String> {
    match std::fs::read_to_string(file) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            unread.push(Unread {
                what: format!("{file}, which names the tables of iptables-legacy"),
                why: error.to_string(),
            });
            Vec::new()
        }
    }
}

fn saved(program: &str, table: &str) -> Result<String, String> {
    let finished =
        process::run(program, &["-c", "-t", table]).map_err(|e| format!("cannot run it: {e}"))?;
    if !finished.success {
        return Err(format!("{}: {}", finished.status, finished.stderr));
    }
    String::from_utf8(finished.stdout).map_err(|_| "it printed bytes that are no UTF-8".to_owned())
}
