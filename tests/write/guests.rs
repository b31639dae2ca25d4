//! Rules in chains that are not ours.

use ftpnat::ruleset::change::{ChainAt, Operation};
use ftpnat::ruleset::live::Rule;
use ftpnat::ruleset::live::table::TableFamily;
use libtest_mimic::Trial;
use snapbox::{assert_data_eq, str};

use crate::host::Host;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("guests::stand where they are told to", || {
            stand_where_they_are_told_to();
            Ok(())
        }),
        Trial::test("guests::go without a trace", || {
            go_without_a_trace();
            Ok(())
        }),
    ]
}

const FOREIGN: &str = "table ip firewall {
	set ports { type inet_service; flags interval; elements = { 50000-50010 } }
	chain in {
		type filter hook input priority 0; policy drop;
		ct state established,related counter accept
		ip saddr 192.0.2.9 drop
		tcp dport 22 accept
		counter drop
	}
}
";

/// `tcp dport NUMBER accept`, as nft makes it of that text.
fn accept(what: &str, comment: &str) -> Rule {
    let host = Host::with(&format!(
        "table ip t {{
	set ports {{ type inet_service; flags interval; }}
	chain c {{ {what} accept comment \"{comment}\"; }}
}}"
    ));
    host.tables()[0].chains[0].rules[0].clone()
}

fn at() -> ChainAt {
    ChainAt {
        family: TableFamily::Ip,
        table: "firewall".to_owned(),
        chain: "in".to_owned(),
    }
}

fn insert(before: Option<u64>, rule: Rule) -> Operation {
    Operation::InsertRule {
        at: at(),
        before,
        rule,
    }
}

fn handle_of(host: &Host, text: &str) -> u64 {
    let listing = host.handles();
    let line = listing.lines().find(|line| line.contains(text));
    let handle = line.and_then(|line| line.rsplit(' ').next());
    handle.expect("a handle").parse().expect("a number")
}

/// Two before one handle keep their order; the foreign rules keep theirs, and their handles.
fn stand_where_they_are_told_to() {
    let host = Host::with(FOREIGN);
    let drop = handle_of(&host, "counter packets 0 bytes 0 drop");
    let first = handle_of(&host, "ct state");
    let operations = [
        insert(Some(drop), accept("tcp dport 21", "ftpnat:p:control")),
        insert(Some(drop), accept("tcp dport @ports", "ftpnat:p:passive")),
        insert(Some(first), accept("iifname \"eth*\"", "ftpnat:p:first")),
        insert(None, accept("tcp dport 990", "ftpnat:p:last")),
    ];
    let (before, generation) = host.read();
    host.commit(&operations, generation).expect("a commit");
    assert_data_eq!(
        host.handles(),
        str![[r#"
table ip firewall { # handle 1
	set ports { # handle 2
		type inet_service
		flags interval
		elements = { 50000-50010 }
	}

	chain in { # handle 1
		type filter hook input priority filter; policy drop;
		iifname "eth*" accept comment "ftpnat:p:first" # handle 9
		ct state established,related counter packets 0 bytes 0 accept # handle 3
		ip saddr 192.0.2.9 drop # handle 4
		tcp dport 22 accept # handle 5
		tcp dport 21 accept comment "ftpnat:p:control" # handle 7
		tcp dport @ports accept comment "ftpnat:p:passive" # handle 8
		counter packets 0 bytes 0 drop # handle 6
		tcp dport 990 accept comment "ftpnat:p:last" # handle 10
	}
}

"#]]
    );
    // The model foresaw it.
    let foreseen = before.changed_by(&operations);
    let (read, _) = host.read();
    let texts = |rules: &[Rule]| -> Vec<_> {
        rules
            .iter()
            .map(|rule| (rule.comment.clone(), rule.expressions.clone()))
            .collect()
    };
    assert_eq!(
        texts(&foreseen.tables[0].chains[0].rules),
        texts(&read.tables[0].chains[0].rules)
    );
}

fn go_without_a_trace() {
    let host = Host::with(FOREIGN);
    let before = host.handles();
    let drop = handle_of(&host, "counter packets 0 bytes 0 drop");
    let (_, generation) = host.read();
    let rule = accept("tcp dport 21", "ftpnat:p:control");
    host.commit(&[insert(Some(drop), rule)], generation)
        .expect("a commit");
    assert_ne!(host.handles(), before);
    let handle = handle_of(&host, "ftpnat:p:control");
    let (_, generation) = host.read();
    host.commit(&[Operation::DeleteRule { at: at(), handle }], generation)
        .expect("a commit");
    assert_eq!(host.handles(), before);
}
