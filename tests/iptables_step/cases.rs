//! Changes of what is installed, of others in the meantime, and of ours by hand.

use ftpnat::model::net::Family;
use ftpnat::render::restore::step::{back, removal};
use ftpnat::sys::iptables::BackEnd;
use libtest_mimic::{Failed, Trial};

use crate::bases::{banning, closed};
use crate::host::{Host, Mode, Play, planned};

const ONE: &str = "name: one\npassive: { ports: 50000-50010 }\n";
const ONE_WIDER: &str = "name: one\npassive: { ports: 50000-50020 }\n";
const TWO: &str = "name: two\ncontrol: { port: 2121 }\npassive: { ports: 51000-51010 }\n";
pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, Play); 8] = [
        ("several-profiles", several),
        ("change-and-back", change_and_back),
        ("back-among-changes", back_among_changes),
        ("insertion-meanwhile", insertion_meanwhile),
        ("deletion-meanwhile", deletion_meanwhile),
        ("moved-doubled-lost", by_hand),
        ("between-modes", between_modes),
        ("counters", counters),
    ];
    let mut trials = Vec::new();
    for (name, case) in cases {
        for back_end in [BackEnd::Nft, BackEnd::Legacy] {
            for family in [Family::Ipv4, Family::Ipv6] {
                // ip6tables-nft-restore 1.8.9 loads no counters.
                if (name, family, back_end) == ("counters", Family::Ipv6, BackEnd::Nft) {
                    continue;
                }
                let name = format!("{name}/{family:?}/{back_end:?}");
                trials.push(Trial::test(name, move || {
                    // In a closed one a profile's accepts could lean on the other's.
                    case(&Host::new(back_end, family, &closed()))?;
                    case(&Host::new(back_end, family, &banning(family)))
                }));
            }
        }
    }
    trials
}

fn take(host: &Host, mode: Mode, profiles: &[&str]) -> Result<(), Failed> {
    let plan = planned(profiles);
    let step = host.step(mode, &plan).ok_or("no step")?;
    host.take(&step)?;
    match host.step(mode, &plan) {
        None => Ok(()),
        Some(again) => Err(format!("again:\n{}", again.text).into()),
    }
}

fn remove(host: &Host, names: Option<&[&str]>) -> Result<(), Failed> {
    let step = removal(&host.save(), names, host.iptables.family).ok_or("nothing to remove")?;
    host.take(&step)
}

fn same(is: &str, wanted: &str) -> Result<(), Failed> {
    if is == wanted {
        Ok(())
    } else {
        Err(format!("wanted:\n{wanted}\nis:\n{is}").into())
    }
}

/// iptables by a line of words.
fn by_iptables(host: &Host, line: &str) {
    let program = host.iptables.restore_program();
    host.namespace
        .run(&format!("{} {line}", program.replace("-restore", "")));
}

/// One after the other is as both at once; taken out by name the other stays.
fn several(host: &Host) -> Result<(), Failed> {
    let before = host.text();
    for mode in Mode::BOTH {
        take(host, mode, &[TWO])?;
        let two = host.text();
        take(host, mode, &[ONE])?;
        let both = host.text();
        for again in [&[ONE, TWO][..], &[ONE], &[TWO]] {
            if let Some(step) = host.step(mode, &planned(again)) {
                return Err(format!("{mode:?}, again:\n{}\nof\n{both}", step.text).into());
            }
        }
        remove(host, Some(&["one"]))?;
        same(&host.text(), &two)?;
        if removal(&host.save(), Some(&["one"]), host.iptables.family).is_some() {
            return Err("one is there still".into());
        }
        remove(host, None)?;
        same(&host.counted(&host.text()), &host.counted(&before))?;
        if removal(&host.save(), None, host.iptables.family).is_some() {
            return Err("something is there still".into());
        }
    }
    Ok(())
}

/// A profile that changed replaces the old one; `back` undoes that, and the first too.
fn change_and_back(host: &Host) -> Result<(), Failed> {
    let family = host.iptables.family;
    // Like the rule that ours comes before.
    let log = "-m limit --limit 3/min -j LOG --log-prefix \"in: \"";
    host.load(&format!("*filter\n-I INPUT 1 {log}\nCOMMIT\n"))?;
    let nothing = (host.save(), host.text());
    for mode in Mode::BOTH {
        take(host, mode, &[ONE])?;
        let first = (host.save(), host.text());
        take(host, mode, &[ONE_WIDER])?;
        if host.text().contains("50000:50010") || !host.text().contains("50000:50020") {
            return Err(host.text().into());
        }
        for (save, text) in [&first, &nothing] {
            let step = back(&host.save(), save, family).ok_or("no way back")?;
            host.take(&step)?;
            same(&host.counted(&host.text()), &host.counted(text))?;
            if back(&host.save(), save, family).is_some() {
                return Err("back again".into());
            }
        }
    }
    Ok(())
}

/// `back` leaves what others did alone, and ours stand before the same rules.
fn back_among_changes(host: &Host) -> Result<(), Failed> {
    for mode in Mode::BOTH {
        take(host, mode, &[ONE])?;
        let first = host.save();
        take(host, mode, &[ONE_WIDER])?;
        by_iptables(host, "-I INPUT 1 -i test9 -j DROP");
        let step = back(&host.save(), &first, host.iptables.family).ok_or("no way back")?;
        host.take(&step)?;
        by_iptables(host, "-D INPUT -i test9 -j DROP");
        if let Some(what) = first.difference(&host.save()) {
            return Err(what.into());
        }
        remove(host, None)?;
    }
    Ok(())
}

/// A rule that came between save and load is there still, and ours comes to its place
/// with the next step.
fn insertion_meanwhile(host: &Host) -> Result<(), Failed> {
    meanwhile(
        host,
        "-I INPUT 1 -i test9 -j DROP",
        "-A INPUT -i test9 -j DROP",
    )
}

/// One that went is gone still.
fn deletion_meanwhile(host: &Host) -> Result<(), Failed> {
    by_iptables(host, "-I INPUT 1 -i test9 -j DROP");
    by_iptables(host, "-I INPUT 1 -i test8 -j DROP");
    meanwhile(
        host,
        "-D INPUT -i test9 -j DROP",
        "-A INPUT -i test8 -j DROP",
    )
}

fn meanwhile(host: &Host, change: &str, line: &str) -> Result<(), Failed> {
    let before = host.text();
    for mode in Mode::BOTH {
        let plan = planned(&[ONE]);
        let step = host.step(mode, &plan).ok_or("no step")?;
        by_iptables(host, change);
        let others = host.text();
        let loaded = host.load(&step.text);
        let now = host.save();
        let lines: Vec<&str> = now
            .tables
            .iter()
            .flat_map(|t| &t.rules)
            .map(|r| r.line.as_str())
            .collect();
        if !lines.contains(&line) {
            return Err(format!("{line} is lost: {loaded:?}\n{}", host.text()).into());
        }
        if step.after.difference(&now).is_none() {
            return Err("the change was not noticed".into());
        }
        if let Some(next) = host.step(mode, &plan) {
            host.take(&next)?;
        }
        remove(host, None)?;
        same(&host.counted(&host.text()), &host.counted(&others))?;
        let undo = if change.starts_with("-D") {
            change.replace("-D INPUT", "-I INPUT 2")
        } else {
            change.replace("-I INPUT 1", "-D INPUT")
        };
        by_iptables(host, &undo);
        let no_counters = |text: &str| host.counted(text).replace("[0:0] ", "");
        same(&no_counters(&host.text()), &no_counters(&before))?;
    }
    Ok(())
}

/// What somebody did to ours: a step puts it right.
fn by_hand(host: &Host) -> Result<(), Failed> {
    let jump = "-m comment --comment ftpnat::jump -j FTPNAT-INPUT";
    for (mode, changes) in [
        (
            Mode::Own,
            vec![
                format!("-I INPUT 1 {jump}"),
                format!("-A INPUT {jump}"),
                format!("-D INPUT {jump}"),
                "-F FTPNAT-INPUT".to_owned(),
                "-A FTPNAT-INPUT -j DROP".to_owned(),
                "-A FTPNAT-INPUT -p tcp -m tcp --dport 21 -m conntrack --ctstate \
                 NEW,ESTABLISHED -m comment --comment ftpnat:one:control -j ACCEPT"
                    .to_owned(),
                "-D FTPNAT-INPUT 1".to_owned(),
                "-N FTPNAT-POSTROUTING".to_owned(),
            ],
        ),
        (
            Mode::Guests,
            vec![
                "-A INPUT -m comment --comment ftpnat:one:passive -j ACCEPT".to_owned(),
                "-I f2b-ftp -m comment --comment ftpnat:one:gone -j ACCEPT".to_owned(),
                "-N FTPNAT-INPUT".to_owned(),
                "-N FTPNAT-FORWARD".to_owned(),
            ],
        ),
    ] {
        take(host, mode, &[ONE])?;
        let installed = host.text();
        for change in changes {
            by_iptables(host, &change);
            let at = |e: Failed| format!("{change}: {}", e.message().unwrap_or_default());
            take(host, mode, &[ONE]).map_err(at)?;
            same(&host.text(), &installed).map_err(at)?;
        }
        remove(host, None)?;
    }
    Ok(())
}

/// From chains of ours to guests and back: nothing of the other is left.
fn between_modes(host: &Host) -> Result<(), Failed> {
    let before = host.text();
    take(host, Mode::Own, &[ONE])?;
    let own = host.text();
    take(host, Mode::Guests, &[ONE])?;
    let guests = host.text();
    if guests.contains("FTPNAT-") || !guests.contains("ftpnat:one:") {
        return Err(guests.into());
    }
    take(host, Mode::Own, &[ONE])?;
    same(&host.text(), &own)?;
    remove(host, None)?;
    same(&host.counted(&host.text()), &host.counted(&before))
}

/// Our rules that do not change keep their counters, whatever else of ours changes.
fn counters(host: &Host) -> Result<(), Failed> {
    take(host, Mode::Own, &[ONE, TWO])?;
    let counted: String = host
        .text()
        .lines()
        .map(|line| {
            let line = if line.contains("ftpnat:two:") {
                line.replace("[0:0]", "[5:300]")
            } else {
                line.to_owned()
            };
            line + "\n"
        })
        .collect();
    let program = host.iptables.restore_program();
    crate::support::rules::restore(&host.namespace, &program, &["-c"], &counted);
    same(&host.text(), &counted)?;
    remove(host, Some(&["one"]))?;
    let left: String = host
        .text()
        .lines()
        .filter(|line| line.contains("ftpnat:two:") && !line.starts_with("[5:300]"))
        .collect();
    same(&left, "")
}
