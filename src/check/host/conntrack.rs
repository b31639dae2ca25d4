//! The connection tracking table.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Finding, Severity};
use crate::facts::host::conntrack_counter;
use crate::facts::{Entries, Fact};
use crate::model::check::CONNTRACK_TABLE_NEARLY_FULL as ID;

use super::{command, seen, set_sysctl};

/// In a hundred: where so much is used, a busy minute uses the rest.
const NEARLY: u64 = 90;

check! {
    /// The connection tracking table has little room left.
    ///
    /// ## What happens
    /// Once `nf_conntrack_count` reaches `nf_conntrack_max`, the kernel drops packets that would
    /// open a connection and logs `nf_conntrack: table full, dropping packet`. Transfers that run
    /// go on, new data connections hang now and then.
    ///
    /// ## How it is judged
    /// More than 90 in a hundred entries are used. Each FTP transfer takes one entry beside its
    /// control connection, and for two minutes more after its end (TIME_WAIT).
    ///
    /// ## Cure
    /// A larger table; each entry takes about 300 bytes of memory. Find out what fills it:
    /// `conntrack -L | awk '{print $4}' | sort | uniq -c`.
    CONNTRACK_TABLE_NEARLY_FULL, Warning, moot by &[], Judge::Host {
        applies: |_| true,
        needs: &[Fact::ConntrackEntries],
        find: nearly_full,
    }
}

fn nearly_full(subject: &Subject) -> Verdict {
    let Some(Entries::Of { count, max }) = subject.facts.conntrack_entries else {
        return Verdict::Fine;
    };
    if max == 0 || count.saturating_mul(100) <= max.saturating_mul(NEARLY) {
        return Verdict::Fine;
    }
    let folder = "/proc/sys/net/netfilter";
    let mut evidence = vec![
        seen(format!("{folder}/nf_conntrack_count"), count.to_string()),
        seen(format!("{folder}/nf_conntrack_max"), max.to_string()),
    ];
    let stat = "/proc/net/stat/nf_conntrack";
    let dropped = subject
        .facts
        .snapshot
        .text(stat)
        .and_then(|text| conntrack_counter(text, "early_drop"));
    if let Some(dropped) = dropped.filter(|n| *n > 0) {
        evidence.push(seen(
            stat,
            format!("early_drop {dropped}: it was full before"),
        ));
    }
    let larger = max.saturating_mul(2).to_string();
    let mut remedy = set_sysctl(subject, "net.netfilter.nf_conntrack_max", &larger);
    remedy.insert(0, command("conntrack -S"));
    Verdict::Found(Finding {
        id: ID,
        severity: Severity::Warning,
        summary: format!("{count} of {max} connections are tracked: new ones will be dropped"),
        evidence,
        remedy,
    })
}
