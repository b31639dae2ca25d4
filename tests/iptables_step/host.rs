//! A host in a namespace of its own, with the iptables of one back end and family.

use ftpnat::facts::Facts;
use ftpnat::facts::snapshot::Snapshot;
use ftpnat::model::net::Family;
use ftpnat::plan::{Plan, plan};
use ftpnat::profile::parse;
use ftpnat::render::restore::Onto;
use ftpnat::render::restore::step::{self, Step};
use ftpnat::ruleset::change::Operation;
use ftpnat::ruleset::live::Ruleset;
use ftpnat::ruleset::live::table::TableFamily;
use ftpnat::ruleset::made::unmake;
use ftpnat::ruleset::save::Save;
use ftpnat::sys::iptables::{BackEnd, Error, Iptables, Trial, Tried};
use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::bases::Base;
use crate::support::directory;
use crate::support::netns::Namespace;
use crate::support::rules;

/// Where the rules go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Own,
    Guests,
}

impl Mode {
    pub(crate) const BOTH: [Self; 2] = [Self::Own, Self::Guests];
}

/// What a trial does with a host.
pub(crate) type Play = fn(&Host) -> Result<(), Failed>;

pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    pub(crate) iptables: Iptables,
    _dir: TempDir,
}

impl Host {
    /// With that ruleset loaded.
    pub(crate) fn new(back_end: BackEnd, family: Family, base: &Base) -> Self {
        let dir = directory();
        let host = Self {
            namespace: Namespace::new("host", dir.path()),
            iptables: Iptables::find(back_end, family).expect("the programs"),
            _dir: dir,
        };
        if !base.sets.is_empty() {
            let made = host.namespace.feed("ipset", &["restore"], &base.sets);
            assert!(made.status.success(), "{made:?}");
        }
        if !base.text.is_empty() {
            let program = host.iptables.restore_program();
            rules::restore(&host.namespace, &program, &["-c"], &base.text);
        }
        host
    }

    pub(crate) fn save(&self) -> Save {
        let iptables = self.iptables.clone();
        let saved = self.namespace.inside(move || iptables.save(None));
        saved.expect("a save")
    }

    /// As the program prints it, with counters.
    pub(crate) fn text(&self) -> String {
        rules::save(&self.namespace, &self.iptables.save_program(), &["-c"])
    }

    /// A text of [`Host::text`] without what no change leaves as it was: whatever changes
    /// a table by iptables-legacy, also a plain `iptables -A`, has its policies count
    /// anew (libiptc maps those counters as zeroed).
    pub(crate) fn counted(&self, text: &str) -> String {
        let legacy = self.iptables.back_end == BackEnd::Legacy;
        let line = |line: &str| match line.split_once(" [") {
            Some((policy, _)) if legacy && policy.starts_with(':') => format!("{policy} [0:0]\n"),
            _ => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    pub(crate) fn listing(&self) -> String {
        self.namespace.run("nft -a list ruleset")
    }

    pub(crate) fn ruleset(&self) -> Ruleset {
        let read = || ftpnat::sys::ruleset::read(&Snapshot::default(), true);
        self.namespace.inside(read)
    }

    pub(crate) fn load(&self, text: &str) -> Result<(), Error> {
        let (iptables, text) = (self.iptables.clone(), text.to_owned());
        self.namespace.inside(move || iptables.load(&text))
    }

    pub(crate) fn try_step(&self, before: &Save, step: &Step) -> Result<Tried, Error> {
        let (iptables, before, step) = (self.iptables.clone(), before.clone(), step.clone());
        self.namespace.inside(move || {
            let stubs = step.on_stubs(&before);
            iptables.try_step(&Trial {
                text: &step.text,
                all: (&before, &step.after),
                stubs: (&stubs.0, &stubs.1),
            })
        })
    }

    /// Loads a step and compares what there is then.
    pub(crate) fn take(&self, step: &Step) -> Result<(), Failed> {
        self.load(&step.text)
            .map_err(|e| format!("{e}\n{}", step.text))?;
        match step.after.difference(&self.save()) {
            None => Ok(()),
            Some(what) => Err(format!("{what}\n{}\n{}", step.text, self.text()).into()),
        }
    }

    /// Takes away what iptables-nft made for us.
    pub(crate) fn unmake(&self, before: &Ruleset, after: &Ruleset) {
        let made = ftpnat::ruleset::made::made(before, after);
        let unmaking = unmake(&self.ruleset(), &made);
        for (family, text) in unmaking.chains {
            assert_eq!(family, self.iptables.family);
            self.load(&text).expect("base chains go");
        }
        for table in unmaking.tables {
            let Operation::DeleteTable { family, name } = table else {
                panic!("{table:?}");
            };
            let family = if family == TableFamily::Ip6 {
                "ip6"
            } else {
                "ip"
            };
            self.namespace
                .run(&format!("nft delete table {family} {name}"));
        }
    }

    /// The step that this host needs now.
    pub(crate) fn step(&self, mode: Mode, plan: &Plan) -> Option<Step> {
        step_of(mode, &self.save(), plan, self.iptables.family).expect("a place")
    }
}

pub(crate) fn step_of(
    mode: Mode,
    save: &Save,
    plan: &Plan,
    family: Family,
) -> Result<Option<Step>, ftpnat::render::restore::NoPlace> {
    match mode {
        Mode::Own => step::own(save, plan, family, Onto::default()),
        Mode::Guests => step::guests(save, plan, family, Onto::default()),
    }
}

pub(crate) fn planned(texts: &[&str]) -> Plan {
    let profiles: Vec<_> = texts
        .iter()
        .map(|text| {
            parse("lab.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{}", e.render(false)))
        })
        .collect();
    plan(&profiles, &Facts::default())
}

/// The save's text of the tables that `of` has, without lines of ours.
pub(crate) fn of_others(text: &str, of: &str) -> String {
    let mut kept = String::new();
    let mut within = false;
    for line in text.lines() {
        if line.starts_with('*') {
            within = of.lines().any(|l| l == line);
        }
        if within && !line.to_ascii_lowercase().contains("ftpnat") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}
