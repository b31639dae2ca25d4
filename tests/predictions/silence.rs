//! What `ftpnat check` says of the rules that ftpnat itself made: nothing.

use libtest_mimic::Failed;
use serde_json::Value;

use crate::support::netns::Namespace;
use crate::support::scene::{CLIENT, CLIENT6};
use crate::support::{BackEnd, ftpnat_beside};
use crate::{Load, Way};

/// Puts a host on the Internet: clients of anywhere have a way back.
pub(crate) fn connect(host: &Namespace) {
    host.ip(&format!(
        "route add default via {CLIENT}\nroute add default via {CLIENT6}"
    ));
}

/// Fails where a check of the rules finds fault on this host with what was loaded.
pub(crate) fn kept(host: &Namespace, way: &Way, profile: &str) -> Result<(), Failed> {
    let back_end = match way.load {
        Load::Iptables(back_end) => back_end,
        Load::Nft => BackEnd::Nft,
    };
    let arguments = ["check", "--output", "json", "--profile", "-"];
    let run = ftpnat_beside(back_end, host, &arguments, profile);
    if !matches!(run.status, 0 | 1 | 3) {
        return Err(format!("{run:?}").into());
    }
    let report: Value = serde_json::from_str(&run.stdout)?;
    let list = |kind: &str| report[kind].as_array().into_iter().flatten();
    let is_of_rules = |said: &&Value| said["id"].as_str().is_some_and(|id| id.starts_with("FN3"));
    let open = list("not_checked").filter(is_of_rules);
    let said = list("findings").filter(is_of_rules);
    // Notes are of what somebody wanted, such as the ban of one client.
    let is_fault = |said: &&Value| said["severity"] != "note" && !is_of_what_was_there(said, way);
    let faults: Vec<String> = said
        .filter(is_fault)
        .chain(open)
        .map(|said| format!("{said:#}"))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("check says of ftpnat's own rules:\n{}", faults.join("\n")).into())
    }
}

/// A firewall as most have it accepts all that is RELATED, for whatever helper.
fn is_of_what_was_there(said: &Value, way: &Way) -> bool {
    let evidence = &said["evidence"][0]["text"];
    let evidence = evidence.as_str().unwrap_or_default();
    said["id"] == "FN306" && way.before.lines().any(|line| line == evidence)
}
