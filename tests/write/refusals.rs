//! What the kernel does not take leaves everything as it is, and is named.

use std::process::ExitCode;

use ftpnat::ruleset::change::{ChainAt, Operation};
use ftpnat::ruleset::live::expression::{Expression, ObjectRef, Verdict};
use ftpnat::ruleset::live::table::TableFamily;
use ftpnat::sys::nft::{Error, Part, Refused};
use libtest_mimic::Trial;
use nix::errno::Errno;

use crate::host::{Host, replaced};

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, run: fn()| {
        Trial::test(format!("refusals::{name}"), move || {
            run();
            Ok(())
        })
    };
    vec![
        trial("of another generation", of_another_generation),
        trial("tried out", tried_out),
        trial("named", named),
        trial("not even sent", not_even_sent),
        trial("without privilege", without_privilege),
    ]
}

const FOREIGN: &str = "table inet foreign {
	set banned { type ipv4_addr; elements = { 192.0.2.9 } }
	chain in {
		type filter hook input priority 0; policy drop;
		ip saddr @banned drop
		tcp dport 22 accept comment \"ssh\"
	}
}
";

const OURS: &str = "table inet ftpnat {
	ct helper ftp { type \"ftp\" protocol tcp; }
	set ports { type inet_service; elements = { 21 } }
	chain in {
		type filter hook input priority 0; policy accept;
		tcp dport 21 accept comment \"ftpnat:p:control\"
		tcp dport @ports ct helper set \"ftp\" comment \"ftpnat:p:helper\"
	}
}
";

/// Our table, and a guest in a chain of the foreign one.
fn change(host: &Host) -> Vec<Operation> {
    let mut operations = replaced(Host::with(OURS).tables());
    let Operation::ReplaceTable(ours) = &operations[0] else {
        unreachable!("a table")
    };
    let rule = ours.chains[0].rules[0].clone();
    operations.push(Operation::InsertRule {
        at: chain_in("foreign"),
        before: Some(host.tables()[0].chains[0].rules[1].handle),
        rule,
    });
    operations
}

fn chain_in(table: &str) -> ChainAt {
    ChainAt {
        family: TableFamily::Inet,
        table: table.to_owned(),
        chain: "in".to_owned(),
    }
}

fn of_another_generation() {
    let host = Host::with(FOREIGN);
    let change = change(&host);
    let (_, planned_on) = host.read();
    host.load("add element inet foreign banned { 192.0.2.10 }");
    let before = host.handles();
    for outcome in [
        host.commit(&change, planned_on),
        host.try_out(&change, planned_on),
    ] {
        assert!(matches!(outcome, Err(Error::Stale)), "{outcome:?}");
        assert_eq!(host.handles(), before);
    }
    let (_, generation) = host.read();
    assert_ne!(generation, planned_on);
    host.commit(&change, generation).expect("a commit");
    assert_ne!(host.read().1, generation, "a commit makes a generation");
}

/// A trial says what a commit would, and is none.
fn tried_out() {
    let host = Host::with(FOREIGN);
    let (before, (_, generation)) = (host.handles(), host.read());
    let good = change(&host);
    let bad = with_bad_rule(&good);
    host.try_out(&good, generation)
        .expect("it can be committed");
    let outcome = host.try_out(&bad, generation);
    assert!(matches!(outcome, Err(Error::Refused(_))), "{outcome:?}");
    assert_eq!(host.handles(), before);
    assert_eq!(host.read().1, generation);
    host.commit(&good, generation).expect("a commit");
}

/// The third rule's object is not there.
fn with_bad_rule(operations: &[Operation]) -> Vec<Operation> {
    let mut operations = operations.to_vec();
    let Operation::ReplaceTable(table) = &mut operations[0] else {
        unreachable!("a table")
    };
    let mut rule = table.chains[0].rules[1].clone();
    rule.comment = Some("ftpnat:p:bad".to_owned());
    for expression in &mut rule.expressions {
        if let Expression::Object { which, .. } = expression {
            *which = ObjectRef::Name("nothing".to_owned());
        }
    }
    table.chains[0].rules.push(rule);
    operations
}

fn refused(outcome: Result<(), Error>) -> Refused {
    match outcome {
        Err(Error::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

/// The first part that is refused, and nothing of the rest is left.
fn named() {
    let host = Host::with(FOREIGN);
    let (before, (_, generation)) = (host.handles(), host.read());
    let good = change(&host);
    let no_rule = Operation::DeleteRule {
        at: chain_in("foreign"),
        handle: 4711,
    };
    let no_table = Operation::DeleteTable {
        family: TableFamily::Ip6,
        name: "absent".to_owned(),
    };
    let mut no_helper = good.clone();
    if let Operation::ReplaceTable(table) = &mut no_helper[0] {
        let object = &mut table.objects[0];
        let kind = &mut object.what;
        if let ftpnat::ruleset::live::table::ObjectKind::Helper { helper, .. } = kind {
            "absent".clone_into(helper);
        }
    }
    let mut no_room = good.clone();
    if let Operation::ReplaceTable(table) = &mut no_room[0] {
        table.sets[0].size = Some(1);
        let mut second = table.sets[0].elements[0].clone();
        second.key = ftpnat::ruleset::live::table::Key::One([3, 222].into());
        table.sets[0].elements.push(second);
    }
    for (operations, operation, part, errno, what) in [
        (
            with_bad_rule(&good),
            0,
            Part::Rule,
            Errno::ENOENT,
            "rule 3 (\"ftpnat:p:bad\") of chain in of table inet ftpnat",
        ),
        (
            vec![good[0].clone(), no_rule],
            1,
            Part::Deletion,
            Errno::ENOENT,
            "the deletion of the rule with handle 4711 of chain in of table inet foreign",
        ),
        (
            vec![no_table],
            0,
            Part::Deletion,
            Errno::ENOENT,
            "the deletion of table ip6 absent",
        ),
        (
            no_helper,
            0,
            Part::Object,
            Errno::ENOENT,
            "object ftp of table inet ftpnat",
        ),
        (
            no_room,
            0,
            Part::Elements,
            Errno::ENFILE,
            "elements 1 to 2 of set ports of table inet ftpnat",
        ),
    ] {
        let refused = refused(host.commit(&operations, generation));
        assert_eq!(
            (
                refused.operation,
                refused.part,
                refused.errno,
                refused.what.as_str()
            ),
            (Some(operation), part, errno, what)
        );
        assert!(!refused.lacks_privilege());
        let is_made = part != Part::Deletion && errno == Errno::ENOENT;
        assert_eq!(refused.lacks_feature(), is_made, "{what}");
        assert_eq!(host.handles(), before);
    }
}

/// What has no meaning here is not left out: nothing is sent.
fn not_even_sent() {
    let host = Host::with(FOREIGN);
    let (before, (_, generation)) = (host.handles(), host.read());
    let good = change(&host);
    let with = |edit: fn(&mut ftpnat::ruleset::live::Table)| {
        let mut operations = good.clone();
        if let Operation::ReplaceTable(table) = &mut operations[0] {
            edit(table);
        }
        operations
    };
    for (operations, said) in [
        (
            with(|t| {
                t.chains[0].rules[0]
                    .expressions
                    .insert(0, Expression::Notrack);
            }),
            "rule 1 (\"ftpnat:p:control\") of chain in of table inet ftpnat: it has an \
             expression that is not written here",
        ),
        (
            with(|t| t.chains[0].rules[0].comment = Some("x".repeat(129))),
            "its comment is longer than 128 bytes or has a NUL in it",
        ),
        (with(|t| t.chains[0].name = "c".repeat(256)), "is too long"),
        (
            with(|t| t.sets[0].unread = Some("it was cut off".to_owned())),
            "set ports of table inet ftpnat: its elements are not known: it was cut off",
        ),
        (
            with(|t| t.owned = true),
            "table inet ftpnat: it belongs to the program that made it",
        ),
        (
            with(|t| {
                t.chains[0].rules[0].expressions = vec![Expression::Verdict(Verdict::Accept); 129];
            }),
            "it has too many expressions",
        ),
    ] {
        let outcome = host.commit(&operations, generation);
        let error = outcome.expect_err(said);
        assert!(matches!(error, Error::Unwritable { .. }), "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(host.handles(), before);
    }
}

/// Set where this program is to commit something at once, and to say what comes of it.
pub(crate) const AT_ONCE: &str = "FTPNAT_WRITE_AT_ONCE";

/// In a user namespace of its own a process has no privilege over a network namespace that
/// is older.
fn without_privilege() {
    let host = Host::with(FOREIGN);
    let before = host.handles();
    let mut command = host.namespace.command("unshare");
    command
        .args(["--user", "--"])
        .arg(std::env::current_exe().expect("this program's path"))
        .env(AT_ONCE, "1");
    let output = command.output().expect("this program");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "the kernel refused the batch: Operation not permitted; no privilege: true\n",
        "{output:?}"
    );
    assert_eq!(host.handles(), before);
}

pub(crate) fn commit_at_once() -> ExitCode {
    let delete = Operation::DeleteTable {
        family: TableFamily::Inet,
        name: "foreign".to_owned(),
    };
    let refused = refused(ftpnat::sys::nft::commit(&[delete], 0));
    println!("{refused}; no privilege: {}", refused.lacks_privilege());
    ExitCode::SUCCESS
}
