//! ufw. It empties its own chains whenever it starts anew, and leaves `INPUT` and
//! `FORWARD` as they are but for its jumps, which stay.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::installed::{Host, ON_GATEWAY, ON_SERVER, config, list, run, same};
use crate::paste::{commands, paste};
use crate::seclude::{absent, is_long, python};
use crate::support::netns::{Namespace, succeed};
use crate::support::outcome::Outcome;
use crate::support::outcome::Outcome::{Hangs, Refused, Works};
use crate::support::scene::{BehindGateway, Direct, Forwarding};
use crate::support::{BackEnd, directory, fetched, proftpd};

/// What the trials need and is not there.
pub(crate) fn missing() -> Option<String> {
    absent(&["usr/sbin/ufw"])
}

pub(crate) fn trials() -> Vec<Trial> {
    type Play = fn(BackEnd) -> Result<(), Failed>;
    let plays: [(&str, Play); 8] = [
        ("server", on_server),
        ("checked", checked),
        ("rejecting-server", on_rejecting_server),
        ("own-way", its_own_way),
        ("denied-range", denied_range),
        ("denied-ports", denied_ports),
        ("gateway", on_gateway),
        ("denied-gateway", denied_gateway),
    ];
    let mut trials = Vec::new();
    for (name, play) in plays {
        // Most have it in nf_tables; to ufw both are iptables.
        let is_played = |back_end: &BackEnd| {
            is_long() || *back_end == BackEnd::Nft || ["server", "denied-range"].contains(&name)
        };
        for back_end in BackEnd::BOTH.into_iter().filter(is_played) {
            let name = format!("ufw/{name}/{}", back_end.word());
            trials.push(Trial::test(name, move || play(back_end)));
        }
    }
    trials
}

/// A ufw with files of its own.
struct Ufw<'a> {
    host: &'a Namespace,
    back_end: BackEnd,
    root: TempDir,
}

impl<'a> Ufw<'a> {
    /// As it is after its installation, and then told these things. It is not enabled.
    fn new(host: &'a Namespace, back_end: BackEnd, told: &[&str]) -> Self {
        let root = directory();
        furnish(root.path());
        let ufw = Self {
            host,
            back_end,
            root,
        };
        for line in told {
            ufw.tell(line);
        }
        ufw
    }

    fn command(&self) -> Command {
        // The programs of both back ends are two, with many names each.
        let mount = match self.back_end {
            BackEnd::Nft => "",
            BackEnd::Legacy => {
                "mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi &&"
            }
        };
        let mut command = python(self.host, mount, "usr/sbin/ufw");
        let root = self.root.path().display();
        command
            .arg(format!("--rootdir={root}"))
            .arg(format!("--datadir={root}"));
        command
    }

    /// One command line, without the program's name.
    fn tell(&self, line: &str) {
        let mut command = self.command();
        command.args(line.split_whitespace());
        run(command);
    }

    /// The number of the first rule of these words, as its `status numbered` has it.
    fn number_of(&self, words: &str) -> String {
        let mut command = self.command();
        let shown = run({
            command.args(["status", "numbered"]);
            command
        });
        let line = shown.lines().find(|line| line.contains(words));
        let number = line.and_then(|line| line.split(['[', ']']).nth(1));
        let number = number.unwrap_or_else(|| panic!("no {words}:\n{shown}"));
        number.trim().to_owned()
    }

    fn enable(&self) {
        self.tell("--force enable");
    }
}

/// ufw's files below `root`, as its packages install them; the one place of the program's
/// parts and of its configuration, for its `--rootdir` and `--datadir` agree nowhere else.
fn furnish(root: &Path) {
    let from = fetched();
    let parts = if from.join("usr/lib/ufw").exists() {
        "usr/lib/ufw"
    } else {
        "lib/ufw"
    };
    let copy = |from: &Path, to: &str| {
        let to = root.join(to);
        let parent = to.parent().expect("a folder below the root");
        std::fs::create_dir_all(parent).expect("a folder");
        let mut command = crate::support::command("cp");
        command.args(["--recursive", "--dereference"]);
        let output = command.arg(from).arg(to).output().expect("cp");
        succeed("cp", &output);
    };
    copy(&from.join(parts), "usr/lib/ufw");
    copy(&from.join("usr/share/ufw"), "usr/share/ufw");
    copy(&from.join("etc/ufw"), "etc/ufw");
    copy(&from.join("etc/default/ufw"), "etc/default/ufw");
    std::os::unix::fs::symlink("usr/lib", root.join("lib")).expect("a link");
    // What its installation does.
    for name in ["before", "before6", "after", "after6", "user", "user6"] {
        let rules = format!("{name}.rules");
        copy(
            &from.join("usr/share/ufw/iptables").join(&rules),
            &format!("etc/ufw/{rules}"),
        );
    }
    copy(&from.join("usr/share/ufw/ufw.conf"), "etc/ufw/ufw.conf");
    edit(root, "etc/default/ufw", |text| {
        let sysctl = root.join("etc/ufw/sysctl.conf").display().to_string();
        text.replace("/etc/ufw/sysctl.conf", &sysctl)
    });
}

fn edit(root: &Path, file: &str, change: impl Fn(&str) -> String) {
    let path = root.join(file);
    let text = std::fs::read_to_string(&path).expect(file);
    std::fs::write(path, change(&text)).expect(file);
}

/// Someone else than the client is banned, as on most hosts.
const ON_HOST: [&str; 3] = [
    "allow 22/tcp",
    "allow 21/tcp",
    "insert 1 deny from 198.51.100.66",
];

/// Hang, apply, listing; then ufw starts anew, bans the client, and lets it in again; and
/// ftpnat goes without a trace.
fn on_server(back_end: BackEnd) -> Result<(), Failed> {
    let scene = Direct::new();
    let ufw = Ufw::new(&scene.server, back_end, &ON_HOST);
    ufw.enable();
    hang_apply_list(&scene, &ufw, &Hangs)
}

/// The same where the default is to reject: what does that is a chain of ufw's.
fn on_rejecting_server(back_end: BackEnd) -> Result<(), Failed> {
    let scene = Direct::new();
    let told = [&ON_HOST[..], &["default reject"]].concat();
    let ufw = Ufw::new(&scene.server, back_end, &told);
    ufw.enable();
    hang_apply_list(&scene, &ufw, &Refused)
}

fn hang_apply_list(scene: &Direct, ufw: &Ufw, before: &Outcome) -> Result<(), Failed> {
    let host = Host::new(&scene.server, ON_SERVER);
    let server = proftpd::start(&scene.server, &config(None));
    list(&scene.client, &server, before)?;
    let without = host.listing();
    let said = host.apply()?;
    list(&scene.client, &server, &Works)?;
    if said.stderr.contains("reload") {
        return Err(format!("a warning without need: {said:?}").into());
    }

    ufw.tell("reload");
    list(&scene.client, &server, &Works)?;
    host.expect_no_drift()?;
    ufw.tell("insert 1 deny from 198.51.100.10");
    list(&scene.client, &server, &Hangs)?;
    ufw.tell("reload");
    list(&scene.client, &server, &Hangs)?;
    ufw.tell("delete deny from 198.51.100.10");
    list(&scene.client, &server, &Works)?;

    host.remove()?;
    list(&scene.client, &server, before)?;
    same("removed", &without, &host.listing())
}

/// What `check` prints for it, pasted.
fn checked(back_end: BackEnd) -> Result<(), Failed> {
    let scene = Direct::new();
    let ufw = Ufw::new(&scene.server, back_end, &ON_HOST);
    ufw.enable();
    let host = Host::new(&scene.server, ON_SERVER);
    let server = proftpd::start(&scene.server, &config(None));
    list(&scene.client, &server, &Hangs)?;
    let lines = commands(&host.check()?, "ufw")?;
    paste(ufw.host, "ufw", &ufw.command(), &lines);
    list(&scene.client, &server, &Works)?;
    ufw.tell("reload");
    list(&scene.client, &server, &Works)?;
    ufw.tell("insert 1 deny from 198.51.100.10");
    list(&scene.client, &server, &Hangs)
}

/// Where ufw opens the range by itself there is nothing for a guest to do.
fn its_own_way(back_end: BackEnd) -> Result<(), Failed> {
    let scene = Direct::new();
    let told = [&ON_HOST[..], &["allow 50000:50010/tcp"]].concat();
    let ufw = Ufw::new(&scene.server, back_end, &told);
    ufw.enable();
    let host = Host::new(&scene.server, ON_SERVER);
    let server = proftpd::start(&scene.server, &config(None));
    list(&scene.client, &server, &Works)?;
    host.apply()?;
    host.expect_own_table_alone()?;
    ufw.tell("reload");
    list(&scene.client, &server, &Works)?;
    host.expect_no_drift()
}

/// A rule of ufw's drops the range for everyone, so that a guest must stand in a chain that
/// ufw empties: that is said, and the way in that stays.
fn denied_range(back_end: BackEnd) -> Result<(), Failed> {
    denied("50000:50010/tcp", back_end)
}

/// The same of a rule that is about more ports.
fn denied_ports(back_end: BackEnd) -> Result<(), Failed> {
    denied("1024:65535/tcp", back_end)
}

fn denied(ports: &str, back_end: BackEnd) -> Result<(), Failed> {
    let scene = Direct::new();
    let deny = format!("deny {ports}");
    let told = [&ON_HOST[..], &[&deny]].concat();
    let ufw = Ufw::new(&scene.server, back_end, &told);
    ufw.enable();
    let host = Host::new(&scene.server, ON_SERVER);
    let server = proftpd::start(&scene.server, &config(None));
    let listing = |expected: &Outcome| list(&scene.client, &server, expected);
    undone_and_printed(&ufw, &host, ports, &listing)
}

/// `rule`: words of the rule of ufw's that drops.
fn undone_and_printed(
    ufw: &Ufw,
    host: &Host,
    rule: &str,
    list: &impl Fn(&Outcome) -> Result<(), Failed>,
) -> Result<(), Failed> {
    list(&Hangs)?;
    let said = host.apply()?.stderr;
    list(&Works)?;
    ufw.tell("reload");
    list(&Hangs)?;
    host.expect_drift("missing")?;

    let number = ufw.number_of(rule);
    let lines: Vec<String> = commands(&said, "ufw")?
        .iter()
        .map(|line| line.replace(" N ", &format!(" {number} ")))
        .collect();
    paste(ufw.host, "ufw", &ufw.command(), &lines);
    list(&Works)?;
    host.apply()?;
    host.expect_own_table_alone()?;
    ufw.tell("reload");
    list(&Works)?;
    host.expect_no_drift()
}

/// The server behind ufw: its `before.rules` translate the control port, and a `route`
/// rule forwards it.
fn gateway<'a>(scene: &'a BehindGateway, back_end: BackEnd, told: &[&str]) -> Ufw<'a> {
    let ufw = Ufw::new(&scene.gateway, back_end, told);
    edit(ufw.root.path(), "etc/ufw/before.rules", |text| {
        format!(
            "*nat\n:PREROUTING ACCEPT [0:0]\n-F PREROUTING\n-A PREROUTING -d 198.51.100.1 \
             -i eth0 -p tcp --dport 21 -j DNAT --to-destination 10.77.0.21\nCOMMIT\n{text}"
        )
    });
    ufw.enable();
    ufw
}

const ON_GATEWAY_HOST: [&str; 2] = [
    "allow 22/tcp",
    "route allow proto tcp from any to 10.77.0.21 port 21",
];

/// What the server behind the gateway announces.
const ADVERTISED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A rule for what is forwarded drops the range.
fn denied_gateway(back_end: BackEnd) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let denies = [
        "route deny proto tcp from any to 10.77.0.21 port 1024:65535",
        "route insert 1 deny from 198.51.100.66",
    ];
    let told = [&ON_GATEWAY_HOST[..], &denies].concat();
    let ufw = gateway(&scene, back_end, &told);
    let host = Host::new(&scene.gateway, ON_GATEWAY);
    let server = proftpd::start(&scene.server, &config(Some(ADVERTISED)));
    let listing = |expected: &Outcome| list(&scene.client, &server, expected);
    undone_and_printed(&ufw, &host, "1024:65535/tcp", &listing)
}

fn on_gateway(back_end: BackEnd) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let ufw = gateway(&scene, back_end, &ON_GATEWAY_HOST);
    let host = Host::new(&scene.gateway, ON_GATEWAY);
    let server = proftpd::start(&scene.server, &config(Some(ADVERTISED)));
    list(&scene.client, &server, &Hangs)?;
    let without = host.listing();
    host.apply()?;
    list(&scene.client, &server, &Works)?;

    ufw.tell("reload");
    list(&scene.client, &server, &Works)?;
    host.expect_no_drift()?;
    ufw.tell("route insert 1 deny from 198.51.100.10");
    list(&scene.client, &server, &Hangs)?;
    ufw.tell("route delete deny from 198.51.100.10");

    host.remove()?;
    list(&scene.client, &server, &Hangs)?;
    same("removed", &without, &host.listing())
}
