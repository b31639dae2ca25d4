//! `ftpnat probe --sweep`: every port of the passive range, through every firewall on the way.

use std::net::IpAddr;

use crate::check::part_of_range_blocked;
use crate::cli::Output;
use crate::model::net::Family;
use crate::output::sweep::{Sweep, reasons};
use crate::output::{self, Failure, one_line};
use crate::plan::served_families;
use crate::probe::sweep::ask::runner::{Fault, Progress, Target, sweep};
use crate::probe::sweep::token::{NoToken, Token};
use crate::probe::sweep::{Swept, ports};
use crate::profile::{Nat, Profile};
use crate::sys::terminal::{Color, show_progress, write_stdout};
use crate::sys::{calls, clock};

/// Sweeps, prints what came of it, and gives the exit status that says it.
pub(super) fn run(
    host: &str,
    profile: &Profile,
    token: &str,
    format: Output,
    color: Color,
) -> anyhow::Result<u8> {
    refuse_without_server(profile)?;
    let token: Token = token.parse().map_err(|error: NoToken| {
        Failure::usage(error.to_string()).help("ftpnat probe --sweep --token T HOST --profile P")
    })?;
    let target = Target {
        addresses: &addresses(host, profile)?,
        range: profile.passive.ports,
        token: &token,
    };
    let begun = clock::since_boot();
    let swept = sweep(target, &mut |progress| {
        if format == Output::Human {
            show_progress(&words(progress, target), color);
        }
    });
    show_progress("", color);
    let told = Sweep {
        host,
        profile,
        swept: &swept.map_err(|fault| unswept(&fault, host, target, profile))?,
        took: clock::since_boot().saturating_sub(begun),
    };
    let found = part_of_range_blocked(profile, told.swept);
    let text = match format {
        Output::Human => output::sweep::human(&told, found.as_ref()),
        Output::Json => output::sweep::json(&told, found.as_ref()),
    };
    write_stdout(&text, color)?;
    Ok(status(told.swept, found.is_some()))
}

fn words(progress: Progress, target: Target) -> String {
    match progress {
        Progress::Looking(left) => {
            let left = left.as_secs();
            format!("looking for `ftpnat answer`, {left} s at most")
        }
        Progress::Tried(tried) => format!("{tried} of {} ports tried", target.range.count()),
    }
}

/// A port that was not tried is not known to be open.
fn status(swept: &[Swept], is_found: bool) -> u8 {
    let is_whole = swept.iter().all(|swept| swept.busy().is_empty());
    match (is_found, is_whole) {
        (true, _) => 1,
        (false, true) => 0,
        (false, false) => 3,
    }
}

/// Where clients only are behind the host, there is no server whose range could be swept.
pub(super) fn refuse_without_server(profile: &Profile) -> Result<(), Failure> {
    match profile.nat {
        Nat::Masquerade { .. } => Err(Failure::usage(format!(
            "{} describes the gateway of FTP clients (nat.mode masquerade): there is no range of \
             a server to sweep",
            profile.name
        ))
        .help("name the profile of the server")),
        Nat::None | Nat::Upstream { .. } | Nat::Dnat { .. } => Ok(()),
    }
}

/// The first address of each family that the profile serves and that this host has a way to.
fn addresses(host: &str, profile: &Profile) -> Result<Vec<IpAddr>, Failure> {
    let shown = one_line(host);
    let found = calls::resolve(host)
        .map_err(|error| Failure::cannot(format!("cannot find the address of {shown}: {error}")))?;
    let first_of = |family: &Family| found.iter().copied().find(|a| Family::of(*a) == *family);
    let served = served_families(profile);
    let wanted: Vec<IpAddr> = served.iter().filter_map(first_of).collect();
    if wanted.is_empty() {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!(
            "{shown} is {}, and {} serves no client there",
            found.join(" and "),
            profile.name
        ))
        .help("see `server`, `nat` and `clients` in the profile"));
    }
    let reached: Vec<IpAddr> = wanted
        .iter()
        .copied()
        .filter(|a| calls::has_route(*a))
        .collect();
    if reached.is_empty() {
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        return Err(Failure::cannot(format!(
            "this host has no route to {}",
            wanted.join(" and ")
        ))
        .help("`ip route` and `ip -6 route` show those that it has"));
    }
    Ok(reached)
}

fn unswept(fault: &Fault, host: &str, target: Target, profile: &Profile) -> Failure {
    let (host, name) = (one_line(host), &profile.name);
    match fault {
        Fault::Nobody(swept) => {
            let tried = match (
                &ports::looked_at(target.range)[..],
                ports::turns(target.range),
            ) {
                ([one], _) => format!("port {one} of {host} does not answer"),
                (_, 2..) => format!("no port of {} answers at {host}", target.range),
                (many, _) => format!(
                    "none of the {} ports of {} that `ftpnat answer` holds at first answers at {host}",
                    many.len(),
                    target.range
                ),
            };
            Failure::cannot(format!("{tried}: {}", reasons(swept))).help(
                "run `ftpnat answer --profile P` on the server's host. Where it runs, a firewall \
                 on the way lets none of these ports in: `ftpnat check --profile P` on each \
                 host, `ftpnat plan --profile P` for what a router or cloud in front must open",
            )
        }
        Fault::OtherToken(at) => Failure::cannot(format!(
            "`ftpnat answer` at {at} has another token"
        ))
        .help("give the one that it printed when it was started: it makes a new one each time"),
        Fault::OtherRange(theirs) => Failure::cannot(format!(
            "`ftpnat answer` on {host} holds ports of {theirs}, and the range of {name} is {}",
            target.range
        ))
        .help("give both the same profile"),
        Fault::Lost { .. } => Failure::cannot(format!("the sweep of {host} broke off: {fault}"))
            .help("run it again; `ftpnat answer` waits for it, unless it was ended"),
        Fault::Calls(_) => Failure::cannot(format!("the sweep of {host} is not possible: {fault}"))
            .help("`ulimit -n` says how many connections there can be at once"),
    }
}
