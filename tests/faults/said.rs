//! What `ftpnat check` says of a stage.

use std::fmt;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::fault::{Fault, Says};
use crate::stage::Stage;

/// The report of one profile, and the exit status it came with.
pub(crate) struct Said {
    report: Value,
    status: i32,
}

impl Said {
    pub(crate) fn of(stage: &Stage) -> Result<Self, Failed> {
        let run = stage.ftpnat(&["check", "--output", "json", "--profile", stage.profile()]);
        if !matches!(run.status, 0 | 1 | 3) {
            return Err(format!("{run:?}").into());
        }
        Ok(Self {
            report: serde_json::from_str(&run.stdout)?,
            status: run.status,
        })
    }

    /// Whether the row's cause is said, first and alone.
    pub(crate) fn blames(&self, fault: &Fault) -> Result<(), Failed> {
        let wrong = |words: String| -> Failed { format!("{words}\n{self}").into() };
        let first = self.findings().next();
        let is_first =
            |id, severity| first.is_some_and(|f| f["id"] == id && f["severity"] == severity);
        match fault.says {
            Says::Error(id, also) => {
                if !is_first(id, "error") {
                    return Err(wrong(format!("{id} is not the first error")));
                }
                for other in self.errors().skip(1) {
                    if !also.iter().any(|a| other["id"] == *a) {
                        return Err(wrong(format!("{} is no cause of its own", other["id"])));
                    }
                }
            }
            Says::Warning(id) => {
                self.has_no_error()?;
                if !is_first(id, "warning") {
                    return Err(wrong(format!("{id} is not the first warning")));
                }
            }
            Says::Note(id) if !self.findings().any(|f| f["id"] == id) => {
                return Err(wrong(format!("{id} is not said")));
            }
            Says::Note(_) | Says::Nothing => {
                self.has_no_error()?;
                if first.is_some_and(|f| f["severity"] != "note") {
                    return Err(wrong("nothing is wrong there".to_owned()));
                }
            }
        }
        let first = match fault.says {
            Says::Note(id) => self.findings().find(|f| f["id"] == id),
            Says::Error(..) | Says::Warning(_) | Says::Nothing => first,
        };
        let first = first.unwrap_or(&Value::Null);
        let evidence = evidence(first);
        let mut rest = evidence.as_str();
        for words in fault.names {
            let (_, behind) = rest
                .split_once(words)
                .ok_or_else(|| wrong(format!("its evidence does not name `{words}` there")))?;
            rest = behind;
        }
        let all = format!("{}\n{evidence}", first["summary"]);
        match fault.tells.iter().find(|words| !all.contains(**words)) {
            None => Ok(()),
            Some(words) => Err(wrong(format!("it does not tell `{words}`"))),
        }
    }

    /// Fails where something breaks transfers.
    pub(crate) fn has_no_error(&self) -> Result<(), Failed> {
        match (self.errors().next(), self.status) {
            (None, 0 | 3) => Ok(()),
            _ => Err(format!("there is an error:\n{self}").into()),
        }
    }

    /// Fails where this check fired.
    pub(crate) fn is_silent_of(&self, id: &str) -> Result<(), Failed> {
        match self.findings().find(|f| f["id"] == id) {
            None => Ok(()),
            Some(_) => Err(format!("{id} is not silent:\n{self}").into()),
        }
    }

    /// The commands that cure what the row is about, without ftpnat's own, each once.
    pub(crate) fn commands(&self, says: Says) -> Vec<String> {
        let mut commands: Vec<String> = Vec::new();
        for text in self.remedies(says) {
            if !text.starts_with("ftpnat ") && !commands.iter().any(|c| c == text) {
                commands.push(text.to_owned());
            }
        }
        commands
    }

    /// Whether `ftpnat apply` is said to cure it.
    pub(crate) fn offers_apply(&self, says: Says) -> bool {
        let mut remedies = self.remedies(says);
        remedies.any(|text| text.starts_with("ftpnat apply"))
    }

    /// The commands that are said to cure the errors; of a warning its own.
    fn remedies(&self, says: Says) -> impl Iterator<Item = &str> {
        let is_meant = move |finding: &&Value| match says {
            Says::Error(..) => finding["severity"] == "error",
            Says::Warning(id) | Says::Note(id) => finding["id"] == id,
            Says::Nothing => false,
        };
        let remedies = self.findings().filter(is_meant);
        let commands = remedies
            .flat_map(|finding| list(&finding["remedy"]))
            .filter(|remedy| remedy["kind"] == "command");
        commands.filter_map(|remedy| remedy["text"].as_str())
    }

    fn findings(&self) -> impl Iterator<Item = &Value> {
        list(&self.report["findings"])
    }

    fn errors(&self) -> impl Iterator<Item = &Value> {
        self.findings().filter(|f| f["severity"] == "error")
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "check said, status {}:", self.status)?;
        for finding in self.findings() {
            let (id, severity) = (&finding["id"], &finding["severity"]);
            writeln!(f, "  {id} {severity}: {}", finding["summary"])?;
            for line in evidence(finding).lines() {
                writeln!(f, "      saw: {line}")?;
            }
            for remedy in list(&finding["remedy"]) {
                writeln!(f, "      {}: {}", remedy["kind"], remedy["text"])?;
            }
        }
        for open in list(&self.report["not_checked"]) {
            writeln!(f, "  {} not checked: {}", open["id"], open["reason"])?;
        }
        Ok(())
    }
}

/// Its pieces, one a line.
fn evidence(finding: &Value) -> String {
    let piece = |piece: &Value| {
        let part = |key| piece[key].as_str().unwrap_or_default().to_owned();
        format!("{}: {}\n", part("source"), part("text"))
    };
    list(&finding["evidence"]).map(piece).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
