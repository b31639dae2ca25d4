//! firewalld. Its table holds nothing but what it wrote itself: what others put there is
//! gone at its next reload, so that it must open by itself what is needed.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ftpnat::model::ftp::ClientMode::Epsv;
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::installed::{Host, ON_GATEWAY, ON_SERVER, config, list, play, run, same};
use crate::paste::{commands, paste};
use crate::seclude::{absent, python, secluded};
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome;
use crate::support::outcome::Outcome::{Refused, Unreachable, Works};
use crate::support::scene::{BehindGateway, Direct, Forwarding, SERVER6};
use crate::support::{directory, fetched, proftpd, wait_until};

/// What the trials need and is not there.
pub(crate) fn missing() -> Option<String> {
    absent(&[
        "usr/sbin/firewalld",
        "usr/bin/firewall-cmd",
        "usr/bin/dbus-daemon",
        "usr/lib/python3/dist-packages/firewall",
        "usr/lib/python3/dist-packages/nftables",
        "usr/lib/python3/dist-packages/dbus",
        "usr/lib/python3/dist-packages/gi",
    ])
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("firewalld/server/nftables", || on_server("nftables")),
        Trial::test("firewalld/server/iptables", || on_server("iptables")),
        Trial::test("firewalld/checked/nftables", || checked("nftables")),
        Trial::test("firewalld/checked/iptables", || checked("iptables")),
        Trial::test("firewalld/gateway-translated/nftables", translated),
        Trial::test("firewalld/gateway-routed/nftables", routed),
        Trial::test("firewalld/gateway/iptables", in_iptables),
    ]
}

/// What the server behind the gateway announces.
const ADVERTISED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A process that ends with its owner.
struct Daemon(Child);

impl Daemon {
    fn start(mut command: Command, log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log twice"))
            .stderr(log)
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A firewalld with a bus and files of its own.
struct Firewalld<'a> {
    host: &'a Namespace,
    // Ends before its bus.
    _daemon: Daemon,
    _bus: Daemon,
    dir: TempDir,
}

impl<'a> Firewalld<'a> {
    /// With Debian's configuration but for the back end; zone `public` is the default.
    fn start(host: &'a Namespace, back_end: &str) -> Self {
        let dir = directory();
        let at = |name: &str| dir.path().join(name);
        furnish(dir.path(), back_end);

        let mut bus = secluded(host, "", &fetched().join("usr/bin/dbus-daemon"));
        bus.arg(format!("--config-file={}", at("bus.conf").display()));
        bus.args(["--nofork", "--nopidfile"]);
        let bus = Daemon::start(bus, &at("bus.log"));
        let listens = wait_until(Duration::from_secs(20), || at("bus").exists());
        assert!(listens, "no bus: {}", log(dir.path(), "bus.log"));

        let mut command = python(host, "", "usr/sbin/firewalld");
        on_bus(&mut command, dir.path());
        command.args(["--nofork", "--nopid", "--log-target", "console"]);
        command.arg("--system-config").arg(at("etc"));
        command.arg("--default-config");
        command.arg(fetched().join("usr/lib/firewalld"));
        let daemon = Daemon::start(command, &at("firewalld.log"));
        let firewalld = Self {
            host,
            _daemon: daemon,
            _bus: bus,
            dir,
        };
        let runs = wait_until(Duration::from_secs(60), || {
            let mut state = firewalld.command();
            let output = state.arg("--state").output().expect("firewall-cmd");
            output.status.success()
        });
        assert!(runs, "it does not run: {}", firewalld.log());
        firewalld
    }

    fn log(&self) -> String {
        log(self.dir.path(), "bus.log") + &log(self.dir.path(), "firewalld.log")
    }

    /// `firewall-cmd`.
    fn command(&self) -> Command {
        let mut command = python(self.host, "", "usr/bin/firewall-cmd");
        on_bus(&mut command, self.dir.path());
        command
    }

    fn tell(&self, line: &str) {
        let mut command = self.command();
        command.args(line.split_whitespace());
        run(command);
    }
}

fn on_bus(command: &mut Command, dir: &Path) {
    let address = format!("unix:path={}", dir.join("bus").display());
    command.env("DBUS_SYSTEM_BUS_ADDRESS", address);
}

fn log(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_default()
}

fn furnish(dir: &Path, back_end: &str) {
    let etc = dir.join("etc");
    std::fs::create_dir(&etc).expect("a folder");
    let text = std::fs::read_to_string(fetched().join("etc/firewalld/firewalld.conf"));
    let text = text.expect("firewalld.conf");
    let chosen = text.replace(
        "FirewallBackend=nftables",
        &format!("FirewallBackend={back_end}"),
    );
    std::fs::write(etc.join("firewalld.conf"), chosen).expect("firewalld.conf");
    let bus = format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
         <busconfig><listen>unix:path={}</listen><auth>EXTERNAL</auth>\n\
         <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>\n\
         <allow send_destination=\"*\"/><allow send_type=\"signal\"/>\n\
         <allow receive_sender=\"*\"/></policy></busconfig>\n",
        dir.join("bus").display()
    );
    std::fs::write(dir.join("bus.conf"), bus).expect("bus.conf");
}

/// How a zone rejects.
fn rejected(back_end: &str) -> Outcome {
    if back_end == "iptables" {
        Refused
    } else {
        Unreachable
    }
}

/// The server's own firewall, with the service ftp: the control port, and the helper.
fn on_server(back_end: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let firewalld = Firewalld::start(&scene.server, back_end);
    firewalld.tell("--permanent --add-service=ftp");
    firewalld.tell("--reload");
    let host = Host::new(&scene.server, ON_SERVER);
    let server = proftpd::start(&scene.server, &config(None));
    list(&scene.client, &server, &rejected(back_end))?;
    cure(&firewalld, &host, || list(&scene.client, &server, &Works))?;
    banned(&firewalld, |expected| {
        list(&scene.client, &server, &expected)
    })
}

/// What `check` prints for it, pasted.
fn checked(back_end: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let firewalld = Firewalld::start(&scene.server, back_end);
    firewalld.tell("--permanent --add-service=ftp");
    firewalld.tell("--reload");
    let host = Host::new(&scene.server, ON_SERVER);
    let server = proftpd::start(&scene.server, &config(None));
    list(&scene.client, &server, &rejected(back_end))?;
    let lines = commands(&host.check()?, "firewall-cmd")?;
    paste(firewalld.host, "firewall-cmd", &firewalld.command(), &lines);
    list(&scene.client, &server, &Works)?;
    firewalld.tell("--reload");
    list(&scene.client, &server, &Works)
}

/// The server behind it, in another zone; the control port is forwarded.
fn gateway<'a>(scene: &'a BehindGateway, back_end: &str) -> Firewalld<'a> {
    let firewalld = Firewalld::start(&scene.gateway, back_end);
    firewalld.tell("--permanent --zone=internal --add-interface=eth1");
    firewalld.tell(
        "--permanent --zone=public --add-forward-port=port=21:proto=tcp:toport=21:toaddr=10.77.0.21",
    );
    firewalld.tell("--reload");
    firewalld
}

/// What this host translates its table lets through, so that our own table is enough.
fn translated() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let firewalld = gateway(&scene, "nftables");
    let host = Host::new(&scene.gateway, ON_GATEWAY);
    let server = proftpd::start(&scene.server, &config(Some(ADVERTISED)));
    list(&scene.client, &server, &Unreachable)?;
    let without = host.listing();
    host.apply()?;
    host.expect_own_table_alone()?;
    list(&scene.client, &server, &Works)?;
    firewalld.tell("--reload");
    list(&scene.client, &server, &Works)?;
    host.expect_no_drift()?;
    host.remove()?;
    same("removed", &without, &host.listing())
}

/// A server of both families: what is translated, and what is routed.
const OF_BOTH_FAMILIES: &str = "name: lab
server: { address: [ 10.77.0.21, \"2001:db8:77::21\" ], software: proftpd }
control: { port: 21, tls: required }
passive: { ports: 50000-50010, advertise: 198.51.100.1 }
nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }
";

/// IPv6 is routed: that must be opened.
fn routed() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let firewalld = gateway(&scene, "nftables");
    let host = Host::new(&scene.gateway, OF_BOTH_FAMILIES);
    let server = proftpd::start(&scene.server, &config(Some(ADVERTISED)));
    let session = Session::new(Epsv, Explicit, SERVER6);
    play(&scene.client, &server, &session, &Unreachable)?;
    cure(&firewalld, &host, || {
        list(&scene.client, &server, &Works)?;
        play(&scene.client, &server, &session, &Works)
    })
}

/// Its tables of iptables, in which no guest lasts.
fn in_iptables() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let firewalld = gateway(&scene, "iptables");
    let host = Host::new(&scene.gateway, ON_GATEWAY);
    let server = proftpd::start(&scene.server, &config(Some(ADVERTISED)));
    list(&scene.client, &server, &Refused)?;
    cure(&firewalld, &host, || list(&scene.client, &server, &Works))
}

/// `apply` refuses and prints; pasted, it may; then firewalld loads everything anew.
fn cure(
    firewalld: &Firewalld,
    host: &Host,
    works: impl Fn() -> Result<(), Failed>,
) -> Result<(), Failed> {
    let said = host.refuse()?;
    let lines = commands(&said, "firewall-cmd")?;
    paste(firewalld.host, "firewall-cmd", &firewalld.command(), &lines);
    // Again they change nothing, and fail nowhere.
    if said.contains("--new-policy") {
        paste(firewalld.host, "firewall-cmd", &firewalld.command(), &lines);
    }
    let opened = host.listing();
    host.apply()?;
    host.expect_own_table_alone()?;
    works()?;
    firewalld.tell("--reload");
    works()?;
    host.expect_no_drift()?;
    host.remove()?;
    same("removed", &opened, &host.listing())?;
    host.apply()?;
    works()
}

/// Who is banned by firewalld stays out.
fn banned(
    firewalld: &Firewalld,
    list: impl Fn(Outcome) -> Result<(), Failed>,
) -> Result<(), Failed> {
    firewalld.tell("--zone=drop --add-source=198.51.100.10");
    list(Outcome::Hangs)?;
    firewalld.tell("--zone=drop --remove-source=198.51.100.10");
    list(Works)
}
