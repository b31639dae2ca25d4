//! Killed at each system call of apply, rollback and remove: what is not ours is as it was,
//! ours is all there or not at all wherever it is changed at once, `status` says what is
//! true, and one command ends the matter.

use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Failed, Trial};

use crate::host::{Host, Kind};
use crate::seen::Seen;
use crate::support::Run;
use crate::support::dice::Dice;
use crate::trace::{self, Traced, Until};
use crate::trial;

/// Points of a usual run, over all trials.
const POINTS: u64 = 204;
/// Of those of one trial, one in so many is before anything changes.
const EARLY: u64 = 6;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// Nothing was installed.
    Apply,
    /// The same profiles were, with another range.
    Replace,
    Remove,
    Rollback,
}

impl Verb {
    const ALL: [Self; 4] = [Self::Apply, Self::Replace, Self::Remove, Self::Rollback];

    fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Replace => "replace",
            Self::Remove => "remove",
            Self::Rollback => "rollback",
        }
    }
}

static KILLED: AtomicUsize = AtomicUsize::new(0);
static LEFT: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let all = Kind::ALL.len() * Verb::ALL.len();
    LEFT.store(all, Ordering::SeqCst);
    for kind in Kind::ALL {
        for verb in Verb::ALL {
            let name = format!("kill/{}/{}", verb.name(), kind.word());
            trials.push(trial(&name, move || {
                let points = POINTS / u64::try_from(all).expect("few");
                let played = play(kind, verb, points);
                if LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
                    let killed = KILLED.load(Ordering::SeqCst);
                    eprintln!("all in all killed at {killed} system calls");
                }
                played
            }));
        }
    }
    trials
}

/// One host for all points of a trial: each ends where it began.
struct Scene {
    host: Host,
    verb: Verb,
    folder: String,
    before: Seen,
    after: Seen,
}

fn play(kind: Kind, verb: Verb, points: u64) -> Result<(), Failed> {
    let mut scene = Scene::new(kind, verb)?;
    let whole = scene.traced(Until::End)?;
    if whole.status != Some(0) {
        return Err(format!("{whole:?}").into());
    }
    scene.after = scene.host.seen();
    // The first run has caches to fill, and more to do.
    scene.reset()?;
    let whole = scene.traced(Until::End)?;
    if scene.after.ours == scene.before.ours {
        return Err("nothing changes".into());
    }
    let is_long = std::env::var_os("FTPNAT_LONG").is_some();
    let chosen: Vec<Until> = if is_long {
        let behind = 0..=whole.calls - whole.first_change;
        let before = (1..whole.first_change).map(Until::Call);
        behind.map(Until::Behind).chain(before).collect()
    } else {
        chosen(&whole, points, kind, verb)
    };
    let name = format!("{}/{}", verb.name(), kind.word());
    eprintln!(
        "{name}: {} calls of {}, {} of them before anything changes",
        chosen.len(),
        whole.calls,
        whole.first_change - 1
    );
    let mut late = 0;
    for (number, at) in chosen.iter().enumerate() {
        scene.reset()?;
        let traced = scene.traced(*at)?;
        if traced.status.is_none() {
            let killed = KILLED.fetch_add(1, Ordering::SeqCst) + 1;
            if is_long && killed.is_multiple_of(500) {
                eprintln!("killed at {killed} system calls so far");
            }
        } else {
            late += 1;
        }
        let is_again = number % 2 == 1;
        let judged = scene
            .judge(&traced)
            .and_then(|found| scene.end(is_again, &found));
        judged.map_err(|e| format!("killed at {at:?} of {whole:?}: {}", words(&e)))?;
    }
    // The number of calls differs by a few from run to run.
    if late * 10 > chosen.len() + 10 {
        return Err(format!("{late} of {} were not killed", chosen.len()).into());
    }
    Ok(())
}

fn chosen(whole: &Traced, points: u64, kind: Kind, verb: Verb) -> Vec<Until> {
    let seed = std::env::var("FTPNAT_KILL_SEED").ok();
    let seed: u64 = seed.and_then(|text| text.parse().ok()).unwrap_or(7);
    let own = kind.word().len() * 16 + verb.name().len();
    let mut dice = Dice(seed * 1000 + u64::try_from(own).expect("few"));
    let point = |number: u64| {
        if number.is_multiple_of(EARLY) {
            Until::Call(dice.count(1, whole.first_change))
        } else {
            Until::Behind(dice.count(0, whole.calls - whole.first_change))
        }
    };
    (0..points).map(point).collect()
}

impl Scene {
    fn new(kind: Kind, verb: Verb) -> Result<Self, Failed> {
        let host = Host::new(kind);
        let clean = host.seen();
        let mut scene = Self {
            folder: host.folder(),
            before: clean.clone(),
            after: clean,
            host,
            verb,
        };
        scene.reset()?;
        scene.before = scene.host.seen();
        scene.host.other_range(verb == Verb::Replace);
        Ok(scene)
    }

    /// As it is before the verb.
    fn reset(&self) -> Result<(), Failed> {
        done(&self.host.run(&["remove"]))?;
        if self.verb != Verb::Apply {
            self.host.other_range(false);
            done(&self.host.run_apply(&["--yes"]))?;
            self.host.other_range(self.verb == Verb::Replace);
        }
        Ok(())
    }

    fn traced(&self, until: Until) -> Result<Traced, Failed> {
        let apply = self.host.apply(&["--yes"], &self.folder);
        let arguments: &[&str] = match self.verb {
            Verb::Apply | Verb::Replace => &apply,
            Verb::Remove => &["remove"],
            Verb::Rollback => &["rollback"],
        };
        let traced = trace::ftpnat(&self.host, arguments, until);
        self.host.settle();
        match traced.status {
            None | Some(0) => Ok(traced),
            Some(_) => Err(format!("{traced:?}").into()),
        }
    }

    /// What is there after the kill, and whether the matter is open.
    fn judge(&self, traced: &Traced) -> Result<(Seen, bool), Failed> {
        let now = self.host.seen();
        let status = self.host.run(&["status"]);
        let fault = |what: &str| -> Failed {
            format!(
                "{what}: {traced:?} {status:?}\nbefore: {:#?}\nafter: {:#?}\nnow: {now:#?}",
                self.before, self.after
            )
            .into()
        };
        if now.foreign != self.before.foreign {
            return Err(fault("the rules of others changed"));
        }
        let parts = self.before.ours.keys().chain(self.after.ours.keys());
        for part in parts {
            let is = now.part(part);
            if is != self.before.part(part) && is != self.after.part(part) {
                return Err(fault(&format!("half of {part} is there")));
            }
        }
        let is_open = status.stdout.contains("cut short");
        let is_said = if is_open {
            status.status == 1
        } else {
            let is_one = now == self.before || now == self.after;
            is_one && status.status == 0
        };
        if is_said {
            Ok((now, is_open))
        } else {
            Err(fault("status does not say so"))
        }
    }

    /// One command ends it, and what was before can be had again. `found`: what is there,
    /// and whether the matter is open.
    fn end(&self, is_again: bool, found: &(Seen, bool)) -> Result<(), Failed> {
        let (now, is_open) = found;
        match (self.verb, is_again) {
            (Verb::Apply | Verb::Replace, true) => {
                done(&self.host.run_apply(&["--yes"]))?;
                self.is_as(&self.after, "applied again")?;
                done(&self.host.run(&["rollback"]))?;
                self.is_as(&self.before, "rolled back")
            }
            (Verb::Apply | Verb::Replace, false) => {
                // Killed before it was written down, what is rolled back is the apply before.
                let is_earlier = !is_open && *now == self.before;
                done(&self.host.run(&["rollback"]))?;
                if is_earlier && self.verb == Verb::Replace {
                    self.is_clean()
                } else {
                    self.is_as(&self.before, "rolled back")
                }
            }
            (Verb::Rollback, _) => {
                done(&self.host.run(&["rollback"]))?;
                self.is_as(&self.after, "rolled back")
            }
            (Verb::Remove, true) => {
                done(&self.host.run(&["remove"]))?;
                self.is_as(&self.after, "removed again")
            }
            (Verb::Remove, false) => {
                done(&self.host.run(&["rollback"]))?;
                if *is_open {
                    self.is_as(&self.before, "the removal undone")
                } else {
                    // Of the apply that was before; or there is nothing any more.
                    self.is_clean()
                }
            }
        }
    }

    fn is_clean(&self) -> Result<(), Failed> {
        let now = self.host.seen();
        if now.is_clean() && now.foreign == self.before.foreign {
            return Ok(());
        }
        Err(format!("rolled back to nothing: {now:#?}").into())
    }

    fn is_as(&self, wanted: &Seen, what: &str) -> Result<(), Failed> {
        let now = self.host.seen();
        let status = self.host.run(&["status"]);
        if now == *wanted && status.status == 0 && !status.stdout.contains("cut short") {
            return Ok(());
        }
        Err(format!("{what}: {status:?}\nwanted: {wanted:#?}\nnow: {now:#?}").into())
    }
}

fn done(run: &Run) -> Result<(), Failed> {
    if run.status == 0 {
        Ok(())
    } else {
        Err(format!("{run:?}").into())
    }
}

fn words(error: &Failed) -> String {
    error.message().unwrap_or_default().to_owned()
}
