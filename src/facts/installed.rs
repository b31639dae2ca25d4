//! What is installed here by ftpnat, and what became of it: what `ftpnat status` says.
//!
//! It is worked out where the host is read, from the record of what was installed and the
//! rules in force, and kept in a snapshot as text: so a saved host says the same.

use std::fmt::{self, Write as _};

use serde::Serialize;

/// What is installed, and what of it is not as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// The names of the profiles.
    pub profiles: Vec<String>,
    /// The rules that are not as they were installed.
    pub drift: Vec<Drift>,
}

/// What became of a rule since it was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is gone.
    Missing,
    /// It is another, or one was added to ours.
    Changed,
    /// It stands in another place than it should, and still does its work.
    Moved,
    /// It is there, and a drop comes before it.
    Shadowed,
}

impl State {
    const ALL: [Self; 4] = [Self::Missing, Self::Changed, Self::Moved, Self::Shadowed];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::Shadowed => "shadowed",
        })
    }
}

/// A rule that is not as it was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The profile; empty where the rule serves several.
    pub profile: String,
    /// The rule's name, such as `passive-range`; empty of one that is not ftpnat's.
    pub rule: String,
    /// What became of it.
    pub state: State,
    /// It, as it should be; of one that was added, or of a drop before ours: that one.
    pub text: String,
    /// Where.
    pub place: String,
}

impl Installed {
    /// The drift that a profile's clients may feel: that of its own rules, and of those
    /// that serve several. `None`: the profile is not installed.
    #[must_use]
    pub fn drift_of(&self, profile: &str) -> Option<Vec<&Drift>> {
        let concerns = |drift: &&Drift| drift.profile == profile || drift.profile.is_empty();
        let is_installed = self.profiles.iter().any(|name| name == profile);
        is_installed.then(|| self.drift.iter().filter(concerns).collect())
    }

    /// A line each, fields between tabs: `profile NAME`, and `drift STATE PROFILE RULE PLACE
    /// TEXT`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let clean = |field: &str| field.replace(char::is_control, " ");
        let mut text = String::new();
        // Writing to a string cannot fail.
        for name in &self.profiles {
            let _ = writeln!(text, "profile\t{}", clean(name));
        }
        for drift in &self.drift {
            let fields = [&drift.profile, &drift.rule, &drift.place, &drift.text];
            let fields = fields.map(|field| clean(field)).join("\t");
            let _ = writeln!(text, "drift\t{}\t{fields}", drift.state);
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote; `None` where a line is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut installed = Self::default();
        for line in text.lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["profile", name] => installed.profiles.push(name.to_owned()),
                ["drift", state, profile, rule, place, text] => installed.drift.push(Drift {
                    profile: profile.to_owned(),
                    rule: rule.to_owned(),
                    state: State::ALL.into_iter().find(|s| s.to_string() == state)?,
                    text: text.to_owned(),
                    place: place.to_owned(),
                }),
                _ => return None,
            }
        }
        Some(installed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drift(profile: &str, state: State) -> Drift {
        Drift {
            profile: profile.to_owned(),
            rule: "control".to_owned(),
            state,
            text: "tcp dport 21 accept".to_owned(),
            place: "table inet ftpnat, chain input".to_owned(),
        }
    }

    fn some() -> Installed {
        let states = State::ALL.into_iter();
        Installed {
            profiles: vec!["a".to_owned(), "b".to_owned()],
            drift: states
                .zip(["a", "b", "", "c"])
                .map(|(s, p)| drift(p, s))
                .collect(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(Installed::parse(&some().to_text()), Some(some()));
        assert_eq!(Installed::parse(""), Some(Installed::default()));
    }

    #[test]
    fn a_rule_stays_on_its_line() {
        let mut hostile = some();
        hostile.drift[0].text = "a\tb\ndrift".to_owned();
        let read = Installed::parse(&hostile.to_text()).expect("as it was written");
        assert_eq!(read.drift[0].text, "a b drift");
        assert_eq!(read.drift[1..], some().drift[1..]);
    }

    #[test]
    fn whose_drift_it_is() {
        let of = |name: &str| {
            let installed = some();
            let drift = installed.drift_of(name)?;
            Some(drift.iter().map(|d| d.state).collect::<Vec<_>>())
        };
        assert_eq!(of("a"), Some(vec![State::Missing, State::Moved]));
        assert_eq!(of("b"), Some(vec![State::Changed, State::Moved]));
        assert_eq!(of("c"), None);
    }

    #[test]
    fn another_format_is_not_taken_for_nothing() {
        for text in ["drift\tgone\ta\tb\tc\td\n", "profile\n", "profiles: a\n"] {
            assert_eq!(Installed::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn hostile_lines_do_no_harm(text in ".{0,300}") {
            let _ = Installed::parse(&text);
        }
    }
}
