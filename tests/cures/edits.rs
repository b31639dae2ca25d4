//! Rules that go, rules that change, and names that are a snare.

use std::path::Path;

use ftpnat::check::{Replacement, RuleChange};
use ftpnat::ruleset::change::Operation;
use ftpnat::ruleset::live::expression::{Expression, Verdict};
use ftpnat::ruleset::live::table::{Base, Hook, Kind as ChainKind, Maker, Policy, TableFamily};
use ftpnat::ruleset::live::xt::{Match, MultiportSide, Target};
use ftpnat::ruleset::live::{self, Rule, Table};
use ftpnat::sys::netlink::read_everything;
use ftpnat::sys::nft::commit;
use libtest_mimic::{Failed, Trial};

use crate::guests::{PROFILE, same};
use crate::host::{Kind, everything, saves_and_reloads};
use crate::pasted::{Chain, advice, commands, expect, paste, rule, ruleset};
use crate::support::BackEnd;
use crate::support::netns::{Namespace, succeed};
use crate::support::rules::Reach::{Open, Silent};
use crate::support::rules::{nft, restore, save};
use crate::support::scene::{Direct, PUBLIC};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("edits/native", native),
        Trial::test("edits/native/names", native_names),
    ];
    for back_end in BackEnd::BOTH {
        let word = back_end.word();
        trials.push(Trial::test(format!("edits/{word}"), move || {
            in_iptables(back_end)
        }));
        trials.push(Trial::test(format!("edits/{word}/names"), move || {
            names_in_iptables(back_end)
        }));
    }
    trials
}

/// A word that runs something, wherever a shell reads it.
const SNARE: &str = "it's $(touch snare) `touch snare`; flush ruleset";

/// What it would leave.
fn unsprung() -> Result<(), Failed> {
    if Path::new("snare").exists() {
        return Err("a name was run".into());
    }
    Ok(())
}

const INPUT: Chain = Chain {
    kind: Kind::Native,
    family: TableFamily::Inet,
    table: "filter",
    name: "input",
};

/// The rule with that number, changed.
fn replacement(
    host: &Namespace,
    chain: Chain,
    index: usize,
    change: impl Fn(&mut Expression),
) -> Result<RuleChange, Failed> {
    let ruleset = ruleset(host);
    let (table, number) = chain.numbers(&ruleset)?;
    let mut rule = ruleset.tables[table].chains[number].rules[index].clone();
    rule.expressions.iter_mut().for_each(change);
    let to = Replacement::new(&ruleset, rule, table);
    Ok(RuleChange::Replace(
        chain.at(&ruleset, index)?,
        Box::new(to),
    ))
}

fn deletion(host: &Namespace, chain: Chain, index: usize) -> Result<RuleChange, Failed> {
    Ok(RuleChange::Delete(chain.at(&ruleset(host), index)?))
}

fn accepted(expression: &mut Expression) {
    if let Expression::Verdict(verdict) | Expression::Target(Target::Verdict(verdict)) = expression
    {
        *verdict = Verdict::Accept;
    }
}

fn native() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(
        &scene.server,
        &format!(
            "table inet filter {{
                chain input {{ type filter hook input priority 0; policy drop;
                    ct state established counter accept
                    tcp dport 50000-50010 drop
                    tcp dport {{ 21, 50000-50005 }} ip saddr != 192.0.2.7 drop comment \"{SNARE}\"
                    tcp dport 50011 drop
                }}
            }}"
        ),
    );
    let meets =
        |port: u16, expected| expect(&scene.client, PUBLIC, &scene.server, &[(port, expected)]);
    meets(50000, Silent)?;
    let ruleset = ruleset(&scene.server);
    let guest = INPUT.guest(&ruleset, &rule(PROFILE, "control")?, 3)?;
    paste(
        &scene.server,
        vec![
            deletion(&scene.server, INPUT, 1)?,
            replacement(&scene.server, INPUT, 2, accepted)?,
            guest,
        ],
    )?;
    meets(50000, Open)?;
    meets(990, Open)?;
    meets(50010, Silent)?;
    let listing = scene.server.run("nft list chain inet filter input");
    let kept =
        format!("tcp dport {{ 21, 50000-50005 }} ip saddr != 192.0.2.7 accept comment \"{SNARE}\"");
    if !listing.contains(&kept) {
        return Err(listing.into());
    }
    unsprung()
}

/// nft cannot be told of names that only netlink can give.
fn native_names() -> Result<(), Failed> {
    let scene = Direct::new();
    for (table, chain) in [
        ("t", "fwd"),
        ("t", "in\nflush ruleset"),
        ("it's $(touch snare)", "input"),
    ] {
        let mut made = Table::new(TableFamily::Inet, table, Maker::Nft);
        made.chains.push(live::Chain {
            name: chain.to_owned(),
            handle: 0,
            base: Some(Base {
                hook: Hook::Input,
                priority: 0,
                kind: ChainKind::Filter,
                policy: Policy::Drop,
                devices: Vec::new(),
            }),
            comment: None,
            rules: vec![Rule {
                handle: 0,
                comment: None,
                expressions: vec![Expression::Verdict(Verdict::Drop)],
                line: String::new(),
            }],
        });
        scene.server.inside(move || {
            let (_, generation) = read_everything().expect("the ruleset");
            commit(&[Operation::ReplaceTable(made)], generation).expect("a table");
        });
        let at = Chain {
            kind: Kind::Native,
            family: TableFamily::Inet,
            table,
            name: chain,
        };
        let guest = at.guest(&ruleset(&scene.server), &rule(PROFILE, "control")?, 0)?;
        for change in [guest, deletion(&scene.server, at, 0)?] {
            let text = advice(vec![change])?;
            if !text.starts_with("nft reads no chain of the name `inet ") {
                return Err(text.into());
            }
        }
        scene.server.run("nft flush ruleset");
    }
    unsprung()
}

fn filter(back_end: BackEnd, chain: &str) -> Chain<'_> {
    Chain {
        kind: Kind::Iptables(back_end),
        family: TableFamily::Ip,
        table: "filter",
        name: chain,
    }
}

/// Two rules go, one changes, and accepts come, all in one chain and by the numbers that it
/// had before.
fn in_iptables(back_end: BackEnd) -> Result<(), Failed> {
    let scene = Direct::new();
    let saver = back_end.program("iptables", "save");
    let quoted = r#"it's \"q\" \\ $(touch snare)"#;
    restore(
        &scene.server,
        &back_end.program("iptables", "restore"),
        &[],
        &format!(
            "*filter\n:INPUT DROP [0:0]\n\
             -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 21 -j DROP\n\
             -A INPUT -p tcp -m multiport --ports 50000:50010 -m comment --comment \"{quoted}\" -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 990 -j REJECT --reject-with icmp-port-unreachable\n\
             -A INPUT -s 192.0.2.7/32 -j DROP\n\
             COMMIT\n"
        ),
    );
    let chain = filter(back_end, "INPUT");
    let host = &scene.server;
    let ruleset = ruleset(host);
    let destination = |expression: &mut Expression| {
        if let Expression::Match(Match::Multiport { side, .. }) = expression {
            *side = MultiportSide::Destination;
        }
    };
    let control = rule(PROFILE, "control")?;
    let range = rule(PROFILE, "passive-range")?;
    let changes = vec![
        deletion(host, chain, 1)?,
        chain.guest(&ruleset, &control, 3)?,
        deletion(host, chain, 3)?,
        chain.guest(&ruleset, &range, 5)?,
        replacement(host, chain, 2, destination)?,
    ];
    paste(host, changes)?;
    let after = save(host, &saver, &[]);
    let lines: Vec<String> = after
        .lines()
        .filter(|line| line.starts_with("-A"))
        .map(str::to_owned)
        .collect();
    let ours = |source: &str, ports: &str, name: &str| {
        format!(
            "-A INPUT -s {source} -p tcp -m tcp --dport {ports} -m conntrack --ctstate \
             NEW,ESTABLISHED -m comment --comment \"ftpnat:lab:{name}\" -j ACCEPT"
        )
    };
    // iptables-save escapes single quotes as well.
    let quoted = quoted.replace('\'', r"\'");
    let expected = [
        "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT".to_owned(),
        format!(
            "-A INPUT -p tcp -m multiport --dports 50000:50010 -m comment --comment \
             \"{quoted}\" -j ACCEPT"
        ),
        ours("192.0.2.0/24", "21", "control"),
        ours("192.0.2.0/24", "990", "control"),
        ours("198.51.100.0/25", "21", "control"),
        ours("198.51.100.0/25", "990", "control"),
        "-A INPUT -s 192.0.2.7/32 -j DROP".to_owned(),
        ours("192.0.2.0/24", "50000:50010", "passive-range"),
        ours("198.51.100.0/25", "50000:50010", "passive-range"),
    ];
    if lines != expected {
        return Err(format!("{lines:#?}\n{expected:#?}").into());
    }
    let ports = [(21, Open), (990, Open), (50005, Open), (50011, Silent)];
    expect(&scene.client, PUBLIC, host, &ports)?;
    saves_and_reloads(host, back_end, &after)?;
    unsprung()
}

fn names_in_iptables(back_end: BackEnd) -> Result<(), Failed> {
    let scene = Direct::new();
    let host = &scene.server;
    let name = match back_end {
        BackEnd::Nft => "it's\"$(touch>snare)`",
        // Its save does not put quotes around the names of targets: that text cannot be read.
        BackEnd::Legacy => "its;$(touch>snare)`&",
    };
    let iptables = format!("iptables-{}", back_end.word());
    for arguments in [
        ["-P", "INPUT", "DROP"].as_slice(),
        &["-N", name],
        &["-A", "INPUT", "-j", name],
        &["-A", name, "-j", "DROP"],
    ] {
        let output = host.feed(&iptables, arguments, "");
        succeed(&format!("{iptables} {arguments:?}"), &output);
    }
    let before = everything(host);
    let chain = filter(back_end, name);
    let guest = chain.guest(&ruleset(host), &rule(PROFILE, "control")?, 0)?;
    expect(&scene.client, PUBLIC, host, &[(21, Silent)])?;
    paste(host, vec![guest])?;
    expect(&scene.client, PUBLIC, host, &[(21, Open)])?;
    let ours: Result<Vec<RuleChange>, Failed> =
        (0..4).map(|index| deletion(host, chain, index)).collect();
    let text = commands(ours?)?;
    paste(
        host,
        (0..4)
            .map(|i| deletion(host, chain, i))
            .collect::<Result<_, _>>()?,
    )?;
    same(&before, &everything(host)).map_err(|e| format!("{text}\n{e:?}"))?;
    unsprung()
}
