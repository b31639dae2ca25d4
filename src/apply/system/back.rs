//! Sysctls that a change set, taken back from wherever it was cut short.

use crate::apply::record::Setting;
use crate::facts::{ports, sysctl};

use super::SysctlStep;
use super::put_back::{RESERVED_PORTS, follows};

/// The steps by which `steps` are undone, the last one first, whichever of them were done;
/// and a sentence about each that somebody else has changed since, which is left. `now`: the
/// value of a sysctl, `None` where there is none, as of an interface that is gone.
#[must_use]
pub fn back(
    steps: &[SysctlStep],
    now: impl Fn(&str) -> Option<String>,
) -> (Vec<SysctlStep>, Vec<String>) {
    let mut undo = Vec::new();
    let mut left = Vec::new();
    for step in steps.iter().rev() {
        let Some(current) = now(&step.key) else {
            continue;
        };
        let to = if step.key == RESERVED_PORTS {
            ports_back(step, &current)
        } else if current == step.to || current == step.from {
            Some(step.from.clone())
        } else {
            None
        };
        let Some(to) = to else {
            left.push(format!(
                "{} is left as it is: it is {current}, which is not what ftpnat set ({})",
                step.key, step.to
            ));
            continue;
        };
        // What the kernel set with it, where nobody has set it since; and what it sets when
        // it goes back.
        let is_written = to != current;
        let untouched = |s: &&Setting| {
            let value = now(&s.key);
            value == Some(follows(&s.key, &current))
                && (is_written || value.as_ref() != Some(&s.value))
        };
        let then: Vec<Setting> = step.overwrites.iter().filter(untouched).cloned().collect();
        if is_written || !then.is_empty() {
            undo.push(SysctlStep {
                key: step.key.clone(),
                from: current,
                to,
                why: "as it was before the change".to_owned(),
                overwrites: Vec::new(),
                then,
            });
        }
    }
    (undo, left)
}

/// The list without what the step put in, and with what it took out; what others changed of
/// it stays.
fn ports_back(step: &SysctlStep, current: &str) -> Option<String> {
    let list = |text: &str| sysctl::list(text);
    let (from, to, current) = (list(&step.from)?, list(&step.to)?, list(current)?);
    let left = ports::without(&current, &ports::without(&to, &from));
    Some(ports::words(&ports::union(
        &left,
        &ports::without(&from, &to),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn step(key: &str, from: &str, to: &str) -> SysctlStep {
        SysctlStep {
            key: key.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            why: String::new(),
            overwrites: Vec::new(),
            then: Vec::new(),
        }
    }

    fn undone(steps: &[SysctlStep], now: &[(&str, &str)]) -> (Vec<String>, usize) {
        let now: BTreeMap<&str, &str> = now.iter().copied().collect();
        let (undo, left) = back(steps, |key| now.get(key).map(|v| (*v).to_owned()));
        let words = |s: &SysctlStep| {
            let then: Vec<String> = s.then.iter().map(|t| format!(" {}", t.key)).collect();
            format!("{}={}{}", s.key, s.to, then.concat())
        };
        (undo.iter().map(words).collect(), left.len())
    }

    const FORWARD: &str = "net.ipv4.ip_forward";

    #[test]
    fn what_was_set_goes_back_and_what_was_not_is_left() {
        let steps = [step("accept_ra", "1", "2"), step(FORWARD, "0", "1")];
        let both = undone(&steps, &[("accept_ra", "2"), (FORWARD, "1")]);
        assert_eq!(both.0, ["net.ipv4.ip_forward=0", "accept_ra=1"]);
        let first = undone(&steps, &[("accept_ra", "2"), (FORWARD, "0")]);
        assert_eq!(first.0, ["accept_ra=1"]);
        assert_eq!(undone(&steps, &[(FORWARD, "0")]), (vec![], 0));
        // Somebody else's.
        assert_eq!(undone(&steps[..1], &[("accept_ra", "0")]), (vec![], 1));
    }

    #[test]
    fn an_undo_that_was_cut_short_is_finished() {
        let mut of = step(FORWARD, "0", "1");
        let key = "net/ipv4/conf/eth0/forwarding";
        of.overwrites = vec![Setting {
            key: key.to_owned(),
            value: "1".to_owned(),
        }];
        for (now, its, expected) in [
            ("1", "1", &[format!("{FORWARD}=0 {key}")][..]),
            ("0", "0", &[format!("{FORWARD}=0 {key}")]),
            ("0", "1", &[]),
            ("1", "0", &[format!("{FORWARD}=0")]),
        ] {
            // The switch set it to its own value.
            let found = undone(std::slice::from_ref(&of), &[(FORWARD, now), (key, its)]);
            assert_eq!(found.0, expected, "{now} {its}");
        }
    }

    #[test]
    fn of_the_ports_only_ours_go() {
        let of = step(RESERVED_PORTS, "8080", "8080,50000-51000");
        for (now, then) in [
            ("8080,50000-51000", "8080"),
            ("50000-51000,9999", "9999"),
            ("8080,50000-51000,60000", "8080,60000"),
        ] {
            let found = undone(std::slice::from_ref(&of), &[(RESERVED_PORTS, now)]);
            assert_eq!(found.0, [format!("{RESERVED_PORTS}={then}")], "{now}");
        }
        let (none, _) = undone(std::slice::from_ref(&of), &[(RESERVED_PORTS, "8080")]);
        assert_eq!(none, [""; 0]);
    }
}
