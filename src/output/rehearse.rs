//! What packets did, before and with the plan.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::lab::account::{Account, CellSeen, KeptSeen, Shown};
use crate::lab::play::Seen;
use crate::model::ftp::ClientMode;
use crate::plan::predict::predictions;
use crate::plan::{Cell, Outcome};
use crate::profile::Profile;

use super::human::who;
use super::words::{self, BAD, BOLD, GOOD, hanging, heading, trim_lines, wrapped};

#[derive(Serialize)]
struct RehearseV1<'a> {
    format: &'static str,
    profile: &'a str,
    cells: Vec<CellV1<'a>>,
    agreed: bool,
}

#[derive(Serialize)]
struct CellV1<'a> {
    #[serde(flatten)]
    cell: &'a Cell,
    before: Seen,
    after: Seen,
}

/// `ftpnat.rehearse/1`, one line.
#[must_use]
pub fn json(profile: &Profile, account: &Account) -> String {
    let cells = predictions(profile);
    let cells = cells.iter().zip(&account.cells);
    super::json::line(&RehearseV1 {
        format: "ftpnat.rehearse/1",
        profile: &profile.name,
        cells: cells
            .map(|(cell, seen)| CellV1 {
                cell,
                before: seen.before,
                after: seen.after,
            })
            .collect(),
        agreed: account.agrees(),
    })
}

/// The same for people.
#[must_use]
pub fn human(profile: &Profile, account: &Account) -> String {
    let cells = predictions(profile);
    let all: Vec<(&Cell, &CellSeen)> = cells.iter().zip(&account.cells).collect();
    let mut text = verdict(profile, account, &all);
    for modes in [
        [ClientMode::Pasv, ClientMode::Epsv],
        [ClientMode::Port, ClientMode::Eprt],
    ] {
        text.push_str(&table(&all, modes));
    }
    text.push_str(&cured(&all));
    text.push_str(&failing(&all));
    if account.cells.iter().any(|cell| cell.is_kept_out) {
        let words = "a rule of this host's own keeps a client out that does not get its \
                     listing here; ftpnat does not overrule it";
        text.push_str(&wrapped("  ", words));
    }
    text.push_str(&kept(account));
    text.push_str(&faults(profile, account, &all));
    text
}

fn verdict(profile: &Profile, account: &Account, all: &[(&Cell, &CellSeen)]) -> String {
    let offered = |(cell, _): &&(&Cell, &CellSeen)| cell.outcome != Outcome::NotOffered;
    let offered: Vec<&(&Cell, &CellSeen)> = all.iter().filter(offered).collect();
    let count = |seen: fn(&CellSeen) -> Seen| {
        let works = offered.iter().filter(|(_, cell)| seen(cell) == Seen::Works);
        works.count()
    };
    let (before, after) = (count(|c| c.before), count(|c| c.after));
    let (style, words) = if account.agrees() {
        let words = format!(
            "{after} of {} kinds of client get their listing, {before} before; as predicted",
            offered.len()
        );
        (GOOD, words)
    } else {
        (BAD, "packets do not do what ftpnat predicted".to_owned())
    };
    format!(
        "{BOLD}{}{BOLD:#}: {style}{words}{style:#}\n{}",
        profile.name,
        words::described(profile)
    )
}

/// A line an origin, port and encryption, of those that one of these modes is offered to.
fn table(all: &[(&Cell, &CellSeen)], modes: [ClientMode; 2]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        " client".to_owned(),
        modes[0].to_string(),
        modes[1].to_string(),
    ]);
    let mut is_empty = true;
    for line in all.chunks(ClientMode::ALL.len()) {
        let of = |mode| line.iter().find(|(cell, _)| cell.client == mode);
        let shown: Vec<&(&Cell, &CellSeen)> = modes.into_iter().filter_map(of).collect();
        if shown
            .iter()
            .all(|(cell, _)| cell.outcome == Outcome::NotOffered)
        {
            continue;
        }
        is_empty = false;
        let mut row = vec![who(line[0].0)];
        row.extend(shown.iter().map(|(_, seen)| change(seen)));
        table.add_row(row);
    }
    if is_empty {
        return String::new();
    }
    format!("\n{}\n", trim_lines(&table.to_string()))
}

fn change(seen: &CellSeen) -> String {
    if seen.before == seen.after {
        seen.after.to_string()
    } else {
        format!("{} -> {}", seen.before, seen.after)
    }
}

/// Where it ended before, of the first client that is helped.
fn cured(all: &[(&Cell, &CellSeen)]) -> String {
    let is_cured = |seen: &CellSeen| seen.after == Seen::Works && seen.before != Seen::Works;
    let first = all.iter().find(|(_, seen)| is_cured(seen));
    let shown = first.and_then(|(cell, seen)| Some((cell, seen.showed.as_ref()?)));
    shown.map_or_else(String::new, |(cell, shown)| {
        let words = format!(
            "before, {}, {}: {}",
            who(cell).trim(),
            cell.client,
            happened(shown)
        );
        hanging("  ", "    ", &words)
    })
}

/// What fails as it was predicted to, a cause at a time.
fn failing(all: &[(&Cell, &CellSeen)]) -> String {
    let mut text = String::new();
    let mut told = Vec::new();
    for (cell, seen) in all {
        let Some(cause) = cell.because.filter(|_| seen.agrees) else {
            continue;
        };
        if seen.after == Seen::Works || told.contains(&cause) {
            continue;
        }
        told.push(cause);
        let head = format!("  {cause}: still fails, because ");
        text.push_str(&hanging(&head, "    ", cause.cause()));
        if let Some(shown) = &seen.shows {
            let words = format!("{}, {}: {}", who(cell).trim(), cell.client, happened(shown));
            text.push_str(&wrapped("    ", &words));
        }
    }
    text
}

/// Where it ended, once, and how.
fn happened(shown: &Shown) -> String {
    if shown.words.starts_with(&shown.stage) {
        shown.words.clone()
    } else {
        format!("{}: {}", shown.stage, shown.words)
    }
}

/// What was tried and stayed out.
fn kept(account: &Account) -> String {
    let closed = |kept: &&KeptSeen| kept.after != Seen::Works;
    let mut beside: Vec<u16> = account
        .kept
        .iter()
        .filter(|kept| kept.is_client)
        .filter(closed)
        .map(|kept| kept.port)
        .collect();
    beside.sort_unstable();
    beside.dedup();
    let mut others: Vec<&str> = account
        .kept
        .iter()
        .filter(|kept| !kept.is_client)
        .filter(closed)
        .filter_map(|kept| kept.source.as_deref())
        .collect();
    others.sort_unstable();
    others.dedup();
    let mut text = String::new();
    if !beside.is_empty() {
        let ports: Vec<String> = beside.iter().map(ToString::to_string).collect();
        let words = format!(
            "the ports beside the range stay closed: {}",
            ports.join(", ")
        );
        text.push_str(&wrapped("  ", &words));
    }
    if !others.is_empty() {
        let words = format!(
            "{} is no client, and does not get to the data ports",
            others.join(", ")
        );
        text.push_str(&wrapped("  ", &words));
    }
    if !text.is_empty() {
        text.insert(0, '\n');
    }
    text
}

/// What is a fault of ftpnat, with all that is needed to report it.
fn faults(profile: &Profile, account: &Account, all: &[(&Cell, &CellSeen)]) -> String {
    if account.agrees() {
        return String::new();
    }
    let mut text = heading("Otherwise than predicted", "a fault of ftpnat");
    for (cell, seen) in all.iter().filter(|(_, seen)| !seen.agrees) {
        let predicted = match (cell.outcome, cell.because) {
            (Outcome::Fails, Some(cause)) => format!("fails ({cause})"),
            (Outcome::Fails, None) => "fails".to_owned(),
            (Outcome::Works, _) => "works".to_owned(),
            (Outcome::NotOffered, _) => "not offered".to_owned(),
        };
        let mut words = format!(
            "{}, {}: predicted {predicted}, seen {}",
            who(cell).trim(),
            cell.client,
            seen.after
        );
        if let Some(shown) = &seen.shows {
            let _ = write!(
                words,
                ": {} from {}{} to {}{}",
                happened(shown),
                shown.client,
                shown
                    .source
                    .as_ref()
                    .map(|s| format!(" ({s})"))
                    .unwrap_or_default(),
                shown.called,
                shown
                    .data
                    .map(|p| format!(", data port {p}"))
                    .unwrap_or_default(),
            );
        }
        text.push_str(&hanging("  ", "    ", &words));
    }
    for kept in account.opened() {
        let words = format!(
            "port {} of {} was closed and is open now, to {}",
            kept.port,
            kept.called,
            kept.source.as_deref().unwrap_or("this host")
        );
        text.push_str(&hanging("  ", "    ", &words));
    }
    let words = format!(
        "Do not apply it. Please report it with what stands here, the profile {}, `ftpnat \
         --version`, `uname -r`, and with --live what `ftpnat snapshot` saves.",
        profile.file
    );
    text.push_str(&wrapped("  ", &words));
    text
}
