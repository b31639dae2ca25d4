//! A step tried before it is loaded: a refused line leaves nothing half done then.
//!
//! `iptables-restore --test` is no such trial: that of iptables-nft says yes to what the
//! kernel then refuses.

use std::collections::BTreeSet;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use super::{Error, Iptables, WAIT, start};
use crate::model::net::Family;
use crate::ruleset::save::{Save, SavedRule};
use crate::sys::process;

/// How a step was tried that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// On the saved ruleset.
    OnAll,
    /// On the saved ruleset, with empty sets of the names that its rules have.
    WithEmptySets(Vec<String>),
    /// On rules that stand in the place of the saved ones.
    OnStubs {
        /// Why not on the ruleset itself.
        why: String,
    },
    /// Not at all.
    Not {
        /// Why.
        why: String,
    },
}

/// What is tried: the text for `iptables-restore --noflush`, and the rulesets before and
/// after it; on stubs where the ruleset itself cannot be loaded.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// The step.
    pub text: &'a str,
    /// The saved ruleset, and what is to come of it.
    pub all: (&'a Save, &'a Save),
    /// The same with stubs for rules of others.
    pub stubs: (&'a Save, &'a Save),
}

impl Iptables {
    /// Loads the saved ruleset in a network namespace of its own, then the step, and looks
    /// whether that gives what it should. Nothing of this namespace is changed. Where the
    /// rules name sets, empty ones are made there; where the ruleset still does not load,
    /// the step is tried on stubs.
    ///
    /// # Errors
    /// [`enum@Error`]: the step is not to be loaded here.
    pub fn try_step(&self, trial: &Trial<'_>) -> Result<Tried, Error> {
        let sets = set_names(trial.all.0);
        let whole = in_new_namespace(|| {
            make_sets(&sets, self.family)?;
            self.play(trial.text, trial.all)
        });
        let why = match whole {
            Played::Unmade(why) => return Ok(Tried::Not { why }),
            Played::Done(Ok(())) if sets.is_empty() => return Ok(Tried::OnAll),
            Played::Done(Ok(())) => {
                return Ok(Tried::WithEmptySets(sets.into_iter().collect()));
            }
            Played::Done(Err(Fault::Step(error))) => return Err(error),
            Played::Done(Err(Fault::Base(error))) => error.to_string(),
        };
        match in_new_namespace(|| self.play(trial.text, trial.stubs)) {
            Played::Unmade(why) => Ok(Tried::Not { why }),
            Played::Done(Ok(())) => Ok(Tried::OnStubs { why }),
            Played::Done(Err(Fault::Step(error) | Fault::Base(error))) => Err(error),
        }
    }

    fn play(&self, text: &str, (base, after): (&Save, &Save)) -> Result<(), Fault> {
        self.restore(&["-c", "-w", WAIT], &base.text())
            .map_err(Fault::Base)?;
        // What this version saves otherwise than that which wrote the text is no fault of
        // the step.
        let found = self.save(None).map_err(Fault::Base)?;
        if let Some(what) = base.difference(&found) {
            return Err(Fault::Base(self.otherwise(what)));
        }
        self.load(text).map_err(Fault::Step)?;
        let found = self.save(None).map_err(Fault::Step)?;
        match after.difference(&found) {
            None => Ok(()),
            Some(what) => Err(Fault::Step(self.otherwise(what))),
        }
    }

    fn otherwise(&self, what: String) -> Error {
        Error::Otherwise {
            program: self.restore_program(),
            what,
        }
    }
}

enum Played {
    /// There is no namespace to play in.
    Unmade(String),
    Done(Result<(), Fault>),
}

enum Fault {
    /// What is before the step cannot be had.
    Base(Error),
    Step(Error),
}

/// Calls `work` in a thread that enters a new network namespace; programs that it
/// starts are there too. The namespace is gone with the last of them.
fn in_new_namespace(work: impl FnOnce() -> Result<(), Fault> + Send) -> Played {
    thread::scope(|scope| {
        let played = scope.spawn(|| match unshare(CloneFlags::CLONE_NEWNET) {
            Ok(()) => Played::Done(work()),
            Err(errno) => Played::Unmade(format!(
                "no network namespace can be made to try it: {}",
                errno.desc()
            )),
        });
        played.join().unwrap_or_else(|_| {
            Played::Unmade("the thread that was to try it ended early".to_owned())
        })
    })
}

/// The sets that rules name, of `-m set` and `-j SET`.
fn set_names(save: &Save) -> BTreeSet<String> {
    let options = ["--match-set", "--add-set", "--del-set", "--map-set"];
    let names = |rule: &SavedRule| -> Vec<String> {
        let pairs = rule.words.iter().zip(rule.words.iter().skip(1));
        pairs
            .filter(|(option, _)| options.contains(&option.as_str()))
            .map(|(_, name)| name.clone())
            .collect()
    };
    let rules = save.tables.iter().flat_map(|table| &table.rules);
    rules.flat_map(names).collect()
}

/// A rule asks only that there is a set of that name and of its family; what kind of
/// members it has matters to packets, and there are none here.
fn make_sets(names: &BTreeSet<String>, family: Family) -> Result<(), Fault> {
    let family = match family {
        Family::Ipv4 => "inet",
        Family::Ipv6 => "inet6",
    };
    for name in names {
        let arguments = ["create", name, "hash:ip", "family", family];
        let made = process::run("ipset", &arguments)
            .map_err(|source| Fault::Base(start("ipset", source)))?;
        if !made.success {
            return Err(Fault::Base(Error::Failed {
                program: "ipset".to_owned(),
                status: made.status,
                said: made.stderr,
            }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_found_wherever_a_rule_names_them() {
        let save = Save::parse(
            "*filter\n:INPUT ACCEPT [0:0]\n\
             -A INPUT -m set ! --match-set a src -m set --match-set b src,dst -j DROP\n\
             -A INPUT -j SET --add-set c src\nCOMMIT\n",
        );
        let names = set_names(&save.expect("a save"));
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
