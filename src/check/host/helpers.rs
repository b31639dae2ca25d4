//! Whether the kernel has what a profile's helper needs.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Finding, Remedy, Severity};
use crate::facts::Fact;
use crate::facts::helper::{
    Availability, CONNTRACK_FTP, Module, NAT_FTP, PROBE, Stage, modprobe_files,
};
use crate::facts::modules::{Obstacle, Setting, loaded_at_boot, obstacle};
use crate::model::check::{
    CONNTRACK_HELPER_MISSING as MISSING, CheckId, HELPER_CONFLICTS_WITH_ADVERTISE as CONFLICT,
    MODULES_NOT_PERSISTENT as NOT_PERSISTENT, NAT_HELPER_MISSING as NAT_MISSING,
};
use crate::model::net::Family;
use crate::plan::flows::{Purpose, connections};
use crate::plan::{From, helper_ports};
use crate::ruleset::eval::{Axis, Outcome, Piece, Place};

use super::super::profile;
use super::super::ruleset::{PIECES, place, unread};
use super::{command, lines, seen, server_is_here};

/// Where modules are named that load at boot (modules-load.d(5)).
const LOAD: &str = "/etc/modules-load.d/ftpnat.conf";

check! {
    /// The helper and the announced address work against one another.
    ///
    /// ## What happens
    /// PASV hangs now and then for plain clients that open several sessions, while EPSV and TLS
    /// work.
    ///
    /// ## Why
    /// The helper compares the address in a 227 reply with the server's own. Where
    /// `passive.advertise` names another one, it records nothing (`nf_conntrack_ftp.c`, `help`), and
    /// only the accept of the passive range lets the data connection in. With the module's parameter
    /// `loose` on the server's own host it records an expectation for the announced address,
    /// which never comes here; each one lasts 300 s, and the next 227 reply with the same port is
    /// dropped for it.
    ///
    /// ## How it is judged
    /// The profile assigns the helper on a plain port and announces another address; and the server
    /// runs here with `loose` on, or the live ruleset drops data connections to the range for
    /// most clients. Where it accepts them the two do no harm.
    ///
    /// ## Cure
    /// The accept of the passive range; `helper: auto`; `loose` off.
    HELPER_CONFLICTS_WITH_ADVERTISE, Warning, moot by &[], Judge::Host {
        applies: helper_and_advertise,
        needs: &[],
        find: helper_conflicts,
    }
}

check! {
    /// The kernel has no ftp conntrack helper, or cannot load it.
    ///
    /// ## What happens
    /// The rule that assigns the helper is refused: `No such file or directory` (nft,
    /// iptables-nft), `No chain/target/match by that name` (iptables-legacy). Plain FTP through a
    /// NAT then fails in PASV and PORT.
    ///
    /// ## How it is judged
    /// Only where the profile needs the helper. `lsmod` does not answer: it lacks what is built
    /// in, and in a container it shows the host's. Modules, built-in lists and the configuration
    /// of the running kernel are read, modprobe.d too; then the kernel itself is asked in a
    /// network namespace of its own, where that loads no module.
    ///
    /// ## Cure
    /// The package that has the module (RHEL: kernel-modules; OpenWrt: kmod-nf-nathelper), or the line
    /// of modprobe.d that stands in the way. Or no helper: with EPSV and an announced address
    /// (`passive.advertise`) no client needs one.
    CONNTRACK_HELPER_MISSING, Error, moot by &[], Judge::Host {
        applies: |subject| needs(subject, &CONNTRACK_FTP),
        needs: &[Fact::ConntrackFtp],
        find: conntrack_helper_missing,
    }
}

check! {
    /// Nothing in the kernel translates what the helper reads.
    ///
    /// ## What happens
    /// The helper is assigned, an expectation appears, and the 227 reply still names the server's
    /// inside address; a PORT command keeps the client's inside address.
    ///
    /// ## Why
    /// Reading and translating are two modules. A rule that assigns the helper makes the kernel load
    /// `nf_conntrack_ftp`; nothing ever loads `nf_nat_ftp` by itself.
    ///
    /// ## Cure
    /// `modprobe nf_nat_ftp`, and a line in /etc/modules-load.d. Sessions that began before must
    /// log in anew.
    NAT_HELPER_MISSING, Error, moot by &[MISSING], Judge::Host {
        applies: |subject| needs(subject, &NAT_FTP),
        needs: &[Fact::NatFtp],
        find: nat_helper_missing,
    }
}

check! {
    /// A module is loaded now, and nothing loads it at boot.
    ///
    /// ## What happens
    /// FTP works until the next restart of the host.
    ///
    /// ## How it is judged
    /// The profile needs `nf_nat_ftp` (or `nf_conntrack_ftp`, and it is blacklisted, so that no rule
    /// loads it), it is loaded as a module, and no file of modules-load.d, /etc/modules or
    /// modprobe.d names it. A script that runs modprobe is not seen.
    ///
    /// ## Cure
    /// A line in /etc/modules-load.d.
    MODULES_NOT_PERSISTENT, Warning, moot by &[MISSING, NAT_MISSING], Judge::Host {
        applies: |subject| !subject.plan.modules.is_empty(),
        needs: &[Fact::ConntrackFtp, Fact::NatFtp],
        find: not_persistent,
    }
}

/// Whether the plan asks for a module.
fn needs(subject: &Subject, module: &Module) -> bool {
    subject.plan.modules.contains(&module.name())
}

fn helper_and_advertise(subject: &Subject) -> bool {
    let helped = helper_ports(subject.profile, Family::Ipv4);
    let plain = |port: &u16| {
        let control = subject.profile.control.iter().find(|c| c.port == *port);
        control.is_some_and(|c| c.tls.offers_plain())
    };
    subject.profile.passive.advertise.is_some() && helped.iter().any(plain)
}

fn helper_conflicts(subject: &Subject) -> Verdict {
    let loose = "/sys/module/nf_conntrack_ftp/parameters/loose";
    let snapshot = &subject.facts.snapshot;
    let is_loose = match snapshot.text(loose).map(str::trim) {
        Some("Y" | "1") => true,
        Some(_) => false,
        // Without the module nothing is recorded at all.
        None if snapshot.is_absent(loose) => false,
        None => return Verdict::Unknown(snapshot.why_silent(loose)),
    };
    if !is_loose || !server_is_here(subject.profile) {
        return nothing_recorded(subject);
    }
    Verdict::Found(Finding {
        id: CONFLICT,
        severity: Severity::Warning,
        summary: "the helper expects data connections to the announced address, which never \
                  come here; the next reply with the same port is dropped for it"
            .to_owned(),
        evidence: vec![
            seen(loose, "Y"),
            profile::evidence(subject.profile, "helper, and passive.advertise"),
        ],
        remedy: vec![
            profile::in_profile(subject.profile, "helper: auto"),
            command(format!("echo N > {loose}")),
        ],
    })
}

/// With `loose` off nothing of such a reply is recorded: it works where the range is open
/// by itself.
fn nothing_recorded(subject: &Subject) -> Verdict {
    if let Some(unknown) = unread(subject) {
        return unknown;
    }
    let mut all = connections(subject.profile, subject.facts);
    // PASV is of IPv4 alone.
    all.retain(|c| {
        c.purpose == Purpose::PassiveData
            && c.from == From::Outside
            && c.opening.flow.family() == Family::Ipv4
    });
    for connections in all {
        let pieces = connections.open(&subject.firewall.prepared, PIECES);
        for piece in &pieces {
            match &piece.evaluation.outcome {
                Outcome::Undecided(doubt) => return Verdict::Unknown(doubt.why.to_owned()),
                Outcome::Drop { by: Some(by) }
                | Outcome::Reject { by, .. }
                | Outcome::Elsewhere { by, .. }
                    if !is_open_to_most(&pieces, piece) =>
                {
                    return Verdict::Found(unrecorded(subject, *by));
                }
                _ => {}
            }
        }
    }
    Verdict::Fine
}

/// Whether the ports of a piece are open to more sources than not: a drop of a few is the
/// administrator's will.
fn is_open_to_most(pieces: &[Piece], closed: &Piece) -> bool {
    let range = closed.region.span(Axis::DestinationPort);
    let (mut open, mut shut) = (0, 0);
    for piece in pieces {
        let its = piece.region.span(Axis::DestinationPort);
        if its.first <= range.last && range.first <= its.last {
            let sources = piece.region.span(Axis::Source);
            let count = sources.last - sources.first;
            match piece.evaluation.outcome {
                Outcome::Accept => open += count,
                _ => shut += count,
            }
        }
    }
    open > shut
}

fn unrecorded(subject: &Subject, by: Place) -> Finding {
    Finding {
        id: CONFLICT,
        severity: Severity::Warning,
        summary: "the helper records nothing of replies that announce another address, and a rule \
                  drops the data connections"
            .to_owned(),
        evidence: vec![
            place(subject, by),
            profile::evidence(subject.profile, "helper, and passive.advertise"),
        ],
        remedy: vec![command(format!(
            "ftpnat plan --profile {}   # its rules for the passive range",
            subject.profile.file
        ))],
    }
}

/// A rule that assigns the helper makes the kernel load it, where it can be loaded.
fn conntrack_helper_missing(subject: &Subject) -> Verdict {
    let known = subject.facts.conntrack_ftp.as_ref();
    let missing = known.filter(|a| !a.stage.is_present() && a.stage != Stage::Loadable);
    let effect = "no rule can assign the ftp helper";
    missing_module(subject, MISSING, missing, &CONNTRACK_FTP, effect)
}

fn nat_helper_missing(subject: &Subject) -> Verdict {
    let missing = subject.facts.nat_ftp.as_ref();
    let missing = missing.filter(|a| !a.stage.is_present());
    let effect = "what the helper reads is not translated";
    missing_module(subject, NAT_MISSING, missing, &NAT_FTP, effect)
}

fn missing_module(
    subject: &Subject,
    id: CheckId,
    missing: Option<&Availability>,
    module: &Module,
    effect: &str,
) -> Verdict {
    // The one loads the other.
    let wanted = if needs(subject, &NAT_FTP) {
        &NAT_FTP
    } else {
        module
    };
    Verdict::from(missing.map(|availability| {
        let mut evidence = vec![seen(&availability.source, &availability.text)];
        if availability.stage == Stage::Loadable {
            evidence.insert(0, seen("/proc/modules", format!("no {}", module.name())));
        }
        Finding {
            id,
            severity: Severity::Error,
            summary: format!("{effect}: {}", why(availability, module)),
            evidence,
            remedy: cure(availability, wanted),
        }
    }))
}

fn why(availability: &Availability, module: &Module) -> String {
    let name = module.name();
    match availability.stage {
        Stage::Works | Stage::Loaded | Stage::BuiltIn => format!("{name} is there"),
        Stage::Loadable => format!("{name} is not loaded, and nothing loads it by itself"),
        Stage::Blacklisted => format!("{name} is blacklisted, so no rule loads it"),
        Stage::Replaced => format!("modprobe.d puts a command in the place of {name}"),
        Stage::Sealed => format!("{name} is not loaded, and this kernel loads no more modules"),
        Stage::Absent if availability.source == PROBE => {
            format!("the kernel's {name} does not do its work")
        }
        Stage::Absent => format!("this kernel has no {name}"),
    }
}

fn cure(availability: &Availability, module: &Module) -> Vec<Remedy> {
    let name = module.name();
    let now = || vec![command(format!("modprobe {name}")), lines(LOAD, name)];
    match availability.stage {
        Stage::Works | Stage::Loaded | Stage::BuiltIn => Vec::new(),
        Stage::Loadable => now(),
        Stage::Blacklisted | Stage::Replaced => {
            let without = format!("# remove: {}", availability.text);
            let mut all = vec![lines(&availability.source, without)];
            all.extend(now());
            all
        }
        Stage::Sealed => vec![
            lines(LOAD, name),
            command("reboot   # modules_disabled cannot be taken back before"),
        ],
        // Loaded with `ports=`, a helper has another name for each port.
        Stage::Absent if availability.source == PROBE => vec![
            command("modprobe -r nf_nat_ftp nf_conntrack_ftp"),
            command(format!("modprobe {name}   # and no ports= in modprobe.d")),
        ],
        Stage::Absent => vec![command(format!(
            "modprobe {name}   # once the package that has it is installed"
        ))],
    }
}

fn not_persistent(subject: &Subject) -> Verdict {
    let snapshot = &subject.facts.snapshot;
    let loads = |setting: Option<Setting>| setting.is_some();
    let is_forgotten = |known: &Option<Availability>, module: &Module| {
        let loaded = known.as_ref().is_some_and(|a| a.stage == Stage::Loaded);
        let files = [
            "/etc/modules-load.d/",
            "/run/modules-load.d/",
            "/usr/lib/modules-load.d/",
            "/lib/modules-load.d/",
        ]
        .into_iter()
        .flat_map(|folder| snapshot.below(folder))
        .chain(
            snapshot
                .text("/etc/modules")
                .map(|text| ("/etc/modules", text)),
        )
        .chain(modprobe_files(snapshot));
        let by_itself = *module == CONNTRACK_FTP
            && !matches!(
                obstacle(modprobe_files(snapshot).into_iter(), module.names),
                Some(Obstacle::Blacklist(_))
            );
        needs(subject, module)
            && loaded
            && !by_itself
            && !loads(loaded_at_boot(files, module.names))
    };
    let facts = subject.facts;
    let forgotten: Vec<&str> = [
        (&facts.conntrack_ftp, &CONNTRACK_FTP),
        (&facts.nat_ftp, &NAT_FTP),
    ]
    .into_iter()
    .filter(|(known, module)| is_forgotten(known, module))
    .map(|(_, module)| module.name())
    .collect();
    Verdict::from((!forgotten.is_empty()).then(|| {
        Finding {
            id: NOT_PERSISTENT,
            severity: Severity::Warning,
            summary: format!("after a restart nothing loads {}", forgotten.join(" and ")),
            evidence: forgotten
                .iter()
                .map(|name| seen("/proc/modules", *name))
                .chain([seen(
                    "modules-load.d, /etc/modules, modprobe.d",
                    "no line loads it",
                )])
                .collect(),
            remedy: vec![lines(LOAD, forgotten.join("\n"))],
        }
    }))
}
