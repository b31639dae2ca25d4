//! The trial before the load: it says no to what would be refused, and changes nothing.

use ftpnat::model::net::Family;
use ftpnat::render::restore::step::Step;
use ftpnat::ruleset::save::{Save, SavedRule};
use ftpnat::sys::iptables::{BackEnd, Error, Tried};
use libtest_mimic::{Failed, Trial};

use crate::bases::{Base, banning};
use crate::host::{Host, Mode, Play, planned};

const PROFILE: &str = "name: one\npassive: { ports: 50000-50010 }\n";

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, Play); 4] = [
        ("refused", refused),
        ("otherwise", otherwise),
        ("on-stubs", on_stubs),
        ("tables-of-others", tables_of_others),
    ];
    let mut trials = Vec::new();
    for (name, case) in cases {
        for back_end in [BackEnd::Nft, BackEnd::Legacy] {
            let name = format!("trial/{name}/{back_end:?}");
            trials.push(Trial::test(name, move || {
                case(&Host::new(back_end, Family::Ipv4, &banning(Family::Ipv4)))
            }));
        }
    }
    trials.push(Trial::test("nothing-put-in-force", nothing_put_in_force));
    trials.push(Trial::test("incompatible-elsewhere", incompatible));
    trials
}

fn step(host: &Host) -> (Save, Step) {
    let step = host.step(Mode::Own, &planned(&[PROFILE]));
    (host.save(), step.expect("a step"))
}

fn unchanged(host: &Host, text: &str) -> Result<(), Failed> {
    let now = host.text();
    if now == text {
        Ok(())
    } else {
        Err(format!("before:\n{text}\nnow:\n{now}").into())
    }
}

/// The last table's last line is one that the kernel or the program refuses: on the host
/// the tables before it would be changed by then.
fn refused(host: &Host) -> Result<(), Failed> {
    let text = host.text();
    for line in [
        "-A FTPNAT-INPUT -j NONESUCH",
        "-D INPUT -i nosuch -j ACCEPT",
        "-I INPUT 99 -j ACCEPT",
        "-X f2b-ftp",
    ] {
        let (save, mut step) = step(host);
        let more = format!(
            "*raw\n-A PREROUTING -i test0 -j ACCEPT\nCOMMIT\n{}",
            step.text
        );
        step.text = more.replace("-I INPUT", &format!("{line}\n-I INPUT"));
        match host.try_step(&save, &step) {
            Err(error @ Error::Refused { .. }) => {
                let said = error.to_string();
                let names =
                    line.contains("NONESUCH") || said.contains(line) || said.contains("COMMIT");
                if !names || !said.contains("-restore refuses") {
                    return Err(said.into());
                }
            }
            other => return Err(format!("{line}: {other:?}").into()),
        }
        unchanged(host, &text)?;
    }
    Ok(())
}

/// A step that loads and does something else than it says.
fn otherwise(host: &Host) -> Result<(), Failed> {
    let text = host.text();
    let (save, mut step) = step(host);
    step.text
        .push_str("*filter\n-A INPUT -i test0 -j ACCEPT\nCOMMIT\n");
    match host.try_step(&save, &step) {
        Err(Error::Otherwise { what, .. }) if what.contains("-A INPUT -i test0 -j ACCEPT") => {}
        other => return Err(format!("{other:?}").into()),
    }
    unchanged(host, &text)
}

/// A rule of others that cannot be had in the namespace made for it: the step is tried
/// all the same, and its faults are seen.
fn on_stubs(host: &Host) -> Result<(), Failed> {
    let text = host.text();
    let (before, whole) = step(host);
    let with = |line: &str| {
        let (mut save, mut step) = (before.clone(), whole.clone());
        for save in [&mut save, &mut step.after] {
            let table = save.tables.iter_mut().find(|t| t.name == "filter");
            let rules = &mut table.expect("filter").rules;
            rules[0] = SavedRule::parse(line).expect("a rule");
        }
        (save, step)
    };
    for (line, said) in [
        ("-A INPUT -i test0 -j NONESUCH", "NONESUCH"),
        // Saved as `192.0.2.9/32`: by another version of the program, say.
        ("-A INPUT -s 192.0.2.9 -j DROP", "192.0.2.9/32"),
    ] {
        let (save, step) = with(line);
        match host.try_step(&save, &step) {
            Ok(Tried::OnStubs { why }) if why.contains(said) => {}
            other => return Err(format!("{line}: {other:?}").into()),
        }
    }
    let (save, mut step) = with("-A INPUT -i test0 -j NONESUCH");
    step.text = step.text.replace("-I INPUT", "-I INPUT 9");
    match host.try_step(&save, &step) {
        Err(Error::Refused { .. }) => {}
        other => return Err(format!("{other:?}").into()),
    }
    unchanged(host, &text)
}

/// Only the tables asked for.
fn tables_of_others(host: &Host) -> Result<(), Failed> {
    let iptables = host.iptables.clone();
    let saved = host
        .namespace
        .inside(move || iptables.save(Some(&["filter", "nat"])));
    let names: Vec<String> = saved?.tables.into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["filter"]);
    Ok(())
}

/// Reading puts no table of iptables-legacy in force, and makes none in `nf_tables`.
fn nothing_put_in_force() -> Result<(), Failed> {
    for back_end in [BackEnd::Nft, BackEnd::Legacy] {
        let host = Host::new(back_end, Family::Ipv4, &Base::default());
        assert_eq!(host.save(), Save::default());
        assert_eq!(host.namespace.run("cat /proc/net/ip_tables_names"), "");
        assert_eq!(host.listing(), "");
        let (save, step) = step(&host);
        assert_eq!(host.try_step(&save, &step)?, Tried::OnAll);
        assert_eq!(host.namespace.run("cat /proc/net/ip_tables_names"), "");
        assert_eq!(host.listing(), "");
    }
    Ok(())
}

/// A native rule makes iptables-nft-save leave out its table; that is an error where the
/// table matters, and only there.
fn incompatible() -> Result<(), Failed> {
    let host = Host::new(BackEnd::Nft, Family::Ipv4, &banning(Family::Ipv4));
    host.namespace
        .run("nft add rule ip mangle FORWARD ct state new tcp dport 80 accept");
    let iptables = host.iptables.clone();
    let (all, some) = host.namespace.inside(move || {
        (
            iptables.save(None),
            iptables.save(Some(&["raw", "nat", "filter"])),
        )
    });
    let said = match all {
        Err(error @ Error::Save { .. }) => format!("{:#}", anyhow_like(&error)),
        other => return Err(format!("{other:?}").into()),
    };
    assert!(said.contains("mangle"), "{said}");
    let names: Vec<String> = some?.tables.into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["filter"]);
    Ok(())
}

/// An error with what caused it.
fn anyhow_like(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}
