//! A plan and a failure in words, for someone tired, at 80 columns: what will
//! work, what will not and why, then what to load.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use crate::check::Finding;
use crate::model::check::CheckId;
use crate::model::filter::{Demand, Rule};
use crate::model::ftp::ClientMode;
use crate::model::net::Family;
use crate::plan::{Cell, Outcome, ProfilePlan};
use crate::profile::Profile;
use crate::render::nftables;

use super::Failure;
use super::host::Now;
use super::terminal::{harmless, shell_word};
use super::words::{
    self, BAD, BOLD, CAREFUL, GOOD, Shown, WIDTH, dimmed, hanging, heading, trim_lines, wrapped,
};

/// A plan, for a host where the connections that it is for stand so now.
#[must_use]
pub fn plan(profile: &Profile, plan: &ProfilePlan, findings: &[Finding], now: Now) -> String {
    let mut text = verdict(profile, plan);
    text.push_str(&predictions(plan));
    for finding in findings {
        text.push_str(&words::finding(finding, Shown::Cure));
    }
    text.push_str(&rules(plan));
    text.push_str(&super::host::host(profile, now));
    text.push_str(&host(plan));
    text.push_str(&server(profile, plan));
    text.push_str(&upstream(plan));
    text.push_str(&next(profile, plan));
    text
}

/// A failure, as `error: …` and what to do.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    match &failure.rendered {
        Some(rendered) => rendered.clone(),
        None => error(&failure.message, failure.help.as_deref()),
    }
}

/// `error: …` and what to do.
#[must_use]
pub fn error(message: &str, help: Option<&str>) -> String {
    let mut text = format!("{BAD}error{BAD:#}: {}\n", harmless(message));
    if let Some(help) = help {
        let _ = writeln!(text, "{BOLD}help{BOLD:#}: {}", harmless(help));
    }
    text
}

/// Something to know about a result that is right.
#[must_use]
pub fn warning(words: &str) -> String {
    format!("ftpnat: {CAREFUL}warning{CAREFUL:#}: {}\n", harmless(words))
}

/// Something that is worth knowing.
#[must_use]
pub fn note(words: &str) -> String {
    words::hanging(
        &format!("ftpnat: {BOLD}note{BOLD:#}: "),
        "  ",
        &harmless(words),
    )
}

fn verdict(profile: &Profile, plan: &ProfilePlan) -> String {
    let failing = plan
        .predictions
        .iter()
        .filter(|c| c.outcome == Outcome::Fails)
        .count();
    let offered = plan
        .predictions
        .iter()
        .filter(|c| c.outcome != Outcome::NotOffered)
        .count();
    let (style, words) = match (offered, failing) {
        (0, _) => (CAREFUL, "serves nobody".to_owned()),
        (_, 0) => (
            GOOD,
            "with these rules every kind of client gets its listing".to_owned(),
        ),
        (all, bad) => (
            CAREFUL,
            format!("with these rules {bad} of {all} kinds of client still fail"),
        ),
    };
    format!(
        "{BOLD}{}{BOLD:#}: {style}{words}{style:#}\n{}",
        profile.name,
        words::described(profile)
    )
}

/// One line an origin, port and encryption; a column a client mode. Lines in which
/// nothing is offered are left out.
fn predictions(plan: &ProfilePlan) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([" client", "PASV", "EPSV", "PORT", "EPRT"]);
    let shown: Vec<&[Cell]> = plan
        .predictions
        .chunks(ClientMode::ALL.len())
        .filter(|line| line.iter().any(|c| c.outcome != Outcome::NotOffered))
        .collect();
    for line in &shown {
        let mut cells = vec![who(&line[0])];
        cells.extend(line.iter().map(outcome));
        table.add_row(cells);
    }
    let mut text = format!("\n{}\n", trim_lines(&table.to_string()));
    let missing = |c: &Cell| c.outcome == Outcome::NotOffered;
    if shown.iter().any(|line| line.iter().any(missing)) {
        text.push_str("  -: not offered\n");
    }
    let mut causes: Vec<CheckId> = plan.predictions.iter().filter_map(|c| c.because).collect();
    causes.sort_unstable();
    causes.dedup();
    for cause in causes {
        let fails = format!("  {cause}: fails, because ");
        text.push_str(&hanging(&fails, "    ", cause.cause()));
    }
    text
}

pub(super) fn who(cell: &Cell) -> String {
    let family = match cell.family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    };
    let encryption = if cell.tls { "TLS" } else { "plain" };
    format!(
        " {}, {family}, port {}, {encryption}",
        cell.from, cell.control_port
    )
}

fn outcome(cell: &Cell) -> String {
    match (cell.outcome, cell.because) {
        (Outcome::Works, _) => "works".to_owned(),
        (Outcome::Fails, Some(check)) => format!("{check}"),
        (Outcome::Fails, None) => "fails".to_owned(),
        (Outcome::NotOffered, _) => "-".to_owned(),
    }
}

fn rules(plan: &ProfilePlan) -> String {
    let rules: Vec<&Rule> = plan
        .rules
        .iter()
        .filter(|r| r.demand == Demand::Always)
        .collect();
    let mut text = heading("Rules", "in nft's words; FTP needs them on this host");
    let mut chain = None;
    for rule in &rules {
        if chain != Some(rule.chain) {
            let _ = writeln!(text, "  {BOLD}{}{BOLD:#}", nftables::chain_name(rule.chain));
            chain = Some(rule.chain);
        }
        text.push_str(&hanging("    ", "        ", &nftables::rule_text(rule)));
        text.push_str(&dimmed(&wrapped("      # ", &rule.why)));
    }
    let others = plan.rules.len() - rules.len();
    if others > 0 {
        text.push_str(&wrapped(
            "  ",
            &format!("and {others} that let replies through, where a chain would drop them"),
        ));
    }
    text
}

fn host(plan: &ProfilePlan) -> String {
    if plan.modules.is_empty() && plan.sysctls.is_empty() {
        return String::new();
    }
    let mut text = heading("Kernel", "on this host");
    for module in &plan.modules {
        let _ = writeln!(text, "    modprobe {module}");
    }
    for sysctl in &plan.sysctls {
        let _ = writeln!(text, "    sysctl -w {}={}", sysctl.key, sysctl.value);
        text.push_str(&dimmed(&wrapped("      # ", sysctl.why)));
    }
    text
}

fn server(profile: &Profile, plan: &ProfilePlan) -> String {
    if plan.server.is_empty() {
        return String::new();
    }
    let mut text = heading(
        "Server",
        &format!("what {} must be set to", profile.server.software),
    );
    let mut named = None;
    for setting in &plan.server {
        if let Some(file) = setting.file.filter(|file| named != Some(*file)) {
            let _ = writeln!(text, "  {file}");
        }
        named = setting.file;
        for line in setting.text.lines() {
            let _ = writeln!(text, "    {line}");
        }
        text.push_str(&dimmed(&wrapped("      # ", setting.why)));
    }
    text
}

fn upstream(plan: &ProfilePlan) -> String {
    if plan.upstream.is_empty() {
        return String::new();
    }
    let mut text = heading("Upstream", "what the router or cloud in front must let in");
    for needed in &plan.upstream {
        let to = needed
            .to
            .as_ref()
            .map_or_else(|| "this host".to_owned(), Clone::clone);
        text.push_str(&wrapped(
            "    ",
            &format!(
                "tcp {} from {} to {to}",
                needed.ports,
                sources(&needed.sources)
            ),
        ));
        text.push_str(&dimmed(&wrapped("      # ", needed.why)));
    }
    text
}

fn sources(networks: &[String]) -> String {
    if networks.iter().any(|n| n.ends_with("/0")) {
        "anyone".to_owned()
    } else {
        networks.join(", ")
    }
}

fn next(profile: &Profile, plan: &ProfilePlan) -> String {
    let mut text = heading("Next", "as root, on this host");
    let file = if profile.file == "<stdin>" {
        "PROFILE".to_owned()
    } else {
        shell_word(&profile.file)
    };
    let _ = writeln!(text, "  ftpnat apply --profile {file}");
    text.push_str("  or, to load them by another program:\n");
    for (family, program) in [(Family::Ipv4, "iptables"), (Family::Ipv6, "ip6tables")] {
        if plan.rules.iter().any(|r| r.families.contains(&family)) {
            let emit = format!("  ftpnat emit {program} --profile {file} |");
            let load = format!("{program}-restore -c");
            // A shell reads on behind a pipe.
            let fits = emit.chars().count() + 1 + load.len() <= WIDTH;
            let between = if fits { " " } else { "\n      " };
            let _ = writeln!(text, "{emit}{between}{load}");
        }
    }
    text
}
