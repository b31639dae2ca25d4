//! A pair in a network: what `check` says of it, and what clients get.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ftpnat::model::ftp::ClientMode;
use ftpnat::model::net::Family;
use ftpnat::plan::predict::predictions;
use ftpnat::plan::{Cell, From, Outcome};
use libtest_mimic::Failed;
use serde_json::Value;

use crate::firewall::{Chain, Hook, Way, iptables, nft};
use crate::pair::{Mode, Pair};
use crate::session::{Listing, Server};
use crate::support::netns::Namespace;
use crate::support::rules::{nft as load_nft, restore};
use crate::support::scene::{
    BehindGateway, CLIENT, CLIENT6, Direct, Forwarding, INSIDE, PUBLIC, PUBLIC6, SERVER6,
};
use crate::support::{BackEnd, ftpnat_beside};

/// Silence after which a session hangs: one SYN is sent again.
const HANG: Duration = Duration::from_millis(1600);
/// The same where it was not expected to.
const PATIENCE: Duration = Duration::from_secs(7);
/// Ports that clients' systems pick.
const PICKED: (u16, u16) = (32768, 60999);
/// Data ports of one kind of session.
const MOST_PORTS: usize = 9;

/// A network with the pair's firewall and a server.
pub(crate) struct Stage<'p> {
    pair: &'p Pair,
    network: Network,
    _server: Server,
}

enum Network {
    Direct(Direct),
    Behind(BehindGateway),
}

/// What `check` says.
pub(crate) struct Said {
    /// The error-level findings, and warnings that name clients who do not get through.
    pub(crate) errors: Vec<String>,
    /// Their ids.
    pub(crate) ids: Vec<String>,
    /// What it cannot tell of the traffic.
    pub(crate) open: Vec<String>,
    /// All of its report.
    pub(crate) report: String,
}

impl<'p> Stage<'p> {
    pub(crate) fn of(pair: &'p Pair) -> Self {
        let network = match pair.mode {
            Mode::None => Network::Direct(Direct::new()),
            Mode::Upstream | Mode::Dnat | Mode::Masquerade => {
                let scene = BehindGateway::new(Forwarding::On);
                scene.gateway.ip(&to_the_internet());
                if pair.mode == Mode::Upstream {
                    scene.translate_one_to_one(front());
                }
                Network::Behind(scene)
            }
        };
        if let Network::Direct(scene) = &network {
            scene.server.ip(&to_the_internet());
        }
        let client = client(pair.mode, &network);
        // None of the ports that it listens on.
        client.sysctl("net.ipv4.ip_local_port_range", "20000 30000");
        let [_, far, elsewhere] = sources(pair.mode);
        for address in far.into_iter().chain(elsewhere) {
            let prefix = if address.is_ipv4() { 32 } else { 128 };
            let flags = if address.is_ipv4() { "" } else { "nodad" };
            client.ip(&format!("addr add {address}/{prefix} dev eth0 {flags}"));
        }
        if pair.mode == Mode::Masquerade
            && let Network::Behind(scene) = &network
        {
            // It is on the same Ethernet.
            scene
                .gateway
                .ip("route add 10.77.0.60/32 dev eth1\nroute add 10.77.0.70/32 dev eth1");
        }
        let own = own(pair.mode, &network);
        own.sysctl("net.ipv4.ip_local_reserved_ports", "50000-51000,60000");
        load(own, pair);
        let range = pair.profile.passive.ports;
        let data = ports(pair, (range.first(), range.last()));
        let host = match &network {
            Network::Direct(scene) => &scene.server,
            Network::Behind(scene) if pair.mode == Mode::Masquerade => &scene.client,
            Network::Behind(scene) => &scene.server,
        };
        let control: Vec<u16> = pair.profile.control.iter().map(|c| c.port).collect();
        let server = Server::start(host, &control, &data, pair.announced);
        Self {
            pair,
            network,
            _server: server,
        }
    }

    /// What `check` says of the profile here.
    pub(crate) fn check(&self) -> Result<Said, Failed> {
        let own = own(self.pair.mode, &self.network);
        let arguments = ["check", "--output", "json", "--profile", "-"];
        let run = ftpnat_beside(self.pair.way.back_end(), own, &arguments, &self.pair.text);
        if !matches!(run.status, 0 | 1 | 3) {
            return Err(format!("{run:?}").into());
        }
        let report: Value = serde_json::from_str(&run.stdout)?;
        let list = |key: &str| report[key].as_array().into_iter().flatten();
        let words = |said: &Value, what: &str| {
            format!("{} {}: {}", said["id"], said["severity"], said[what])
        };
        // Warnings of clients who are some only, and do not list: those of IPv6, those
        // without TLS.
        let is_of_some = |f: &Value| match f["id"].as_str() {
            Some("FN304") => !f["summary"].to_string().contains("a second later"),
            Some("FN315" | "FN320") => true,
            _ => false,
        };
        let helps = self.pair.chains.iter().any(|c| c.hook == Hook::Helper);
        let is_fault = |f: &Value| match f["severity"].as_str() {
            // The server here is this test, and listens for good. A profile that says
            // `helper: never` is told what comes of that, and a rule of others may help.
            Some("error") => f["id"] != "FN208" && !(helps && f["id"] == "FN102"),
            Some("warning") => is_of_some(f),
            _ => false,
        };
        let faults = || list("findings").filter(|f| is_fault(f));
        let id = |f: &Value| f["id"].as_str().unwrap_or_default().to_owned();
        let of_traffic = |f: &&Value| f["id"].as_str().is_some_and(|id| id.starts_with("FN3"));
        let open = list("not_checked").filter(of_traffic);
        Ok(Said {
            errors: faults().map(|f| words(f, "summary")).collect(),
            ids: faults().map(id).collect(),
            open: open.map(|f| words(f, "reason")).collect(),
            report: run.stdout,
        })
    }

    /// The sessions that the profile promises, with those that a finding says it promises in
    /// vain; and how those ended that fail.
    pub(crate) fn play(&self, said: &Said) -> (usize, Vec<String>) {
        let client = client(self.pair.mode, &self.network);
        let listings = self.listings(&said.ids);
        let mut failed = failing(client, &listings, HANG);
        if failed.is_empty() && self.pair.chains.iter().any(|c| c.hook == Hook::Raw) {
            // Of what is not tracked the helper still expects the first.
            failed = failing(client, &listings, HANG);
        }
        let failed = if said.errors.is_empty() {
            // The machine may have been slow.
            let again: Vec<Listing> = failed.into_iter().map(|(l, _)| l).collect();
            failing(client, &again, PATIENCE)
        } else {
            failed
        };
        let words = |(listing, why)| format!("{listing:?}: {why}");
        (listings.len(), failed.into_iter().map(words).collect())
    }

    fn listings(&self, said: &[String]) -> Vec<Listing> {
        let pair = self.pair;
        let cells = predictions(&pair.profile);
        // Who is on the gateway or beside the server is no client of every profile.
        let is_client = |c: &&Cell| match pair.mode {
            Mode::Masquerade => c.from != From::Gateway,
            _ => c.from == From::Outside,
        };
        let is_said = |c: &&Cell| {
            c.outcome == Outcome::Works
                || c.because.is_some_and(|id| said.contains(&id.to_string()))
        };
        let mut all = Vec::new();
        for cell in cells.iter().filter(is_client).filter(is_said) {
            let range = if cell.client.is_active() {
                PICKED
            } else {
                let range = pair.profile.passive.ports;
                (range.first(), range.last())
            };
            let mut wanted = ports(pair, range);
            if cell.client == ClientMode::Port {
                wanted.truncate(2);
            }
            let [near, far, elsewhere] = sources(pair.mode);
            let is_client = |a: &IpAddr| {
                let clients = pair.profile.clients_of(cell.family);
                clients.is_empty() || clients.iter().any(|net| net.contains(a))
            };
            let far = far.into_iter().filter(|_| !pair.bans_far);
            // Behind one address, several that name one port are in each other's way.
            let is_alone = pair.mode == Mode::Masquerade && cell.client.is_active();
            let sources = near.into_iter().chain(far).chain(elsewhere);
            let sources = sources
                .filter(is_client)
                .take(if is_alone { 1 } else { usize::MAX });
            for source in sources.filter(|a| Family::of(*a) == cell.family) {
                for port in &wanted {
                    all.push(Listing {
                        source,
                        called: SocketAddr::new(called(pair.mode, cell.family), cell.control_port),
                        mode: cell.client,
                        tls: cell.tls,
                        port: *port,
                    });
                }
            }
        }
        all
    }
}

/// Those that fail. Two kinds may ask for the same port of the client: one after another.
fn failing(client: &Namespace, all: &[Listing], patience: Duration) -> Vec<(Listing, String)> {
    let kind = |l: &Listing| l.mode.is_active().then_some((l.mode as u8, l.tls));
    let mut kinds: Vec<_> = all.iter().map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let of_kind = |wanted| {
        std::thread::scope(|scope| {
            let listings = all.iter().filter(|l| kind(l) == wanted);
            let played: Vec<_> = listings
                .map(|listing| scope.spawn(|| (*listing, listing.play(client, patience))))
                .collect();
            let ended = played.into_iter().map(|p| p.join().expect("a session"));
            ended
                .filter_map(|(listing, end)| end.err().map(|why| (listing, why)))
                .collect::<Vec<_>>()
        })
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

/// The ports of a range that rules tell apart, with its ends and its middle.
fn ports(pair: &Pair, (first, last): (u16, u16)) -> Vec<u16> {
    let mut all = vec![last, first];
    let control = pair.profile.control.iter().map(|c| c.port);
    let control: Vec<u16> = control.collect();
    let edges = pair.edges.iter().copied();
    all.extend(edges.filter(|port| (first..=last).contains(port) && !control.contains(port)));
    all.push(first + (last - first) / 2);
    let mut seen = Vec::new();
    all.retain(|port| {
        let is_new = !seen.contains(port);
        seen.push(*port);
        is_new
    });
    all.truncate(MOST_PORTS);
    all
}

/// Near clients, far ones, and those of no network that rules name.
fn sources(mode: Mode) -> [Vec<IpAddr>; 3] {
    let of = |texts: &[&str]| texts.iter().filter_map(|t| t.parse().ok()).collect();
    match mode {
        Mode::Masquerade => [vec![INSIDE], of(&["10.77.0.60"]), of(&["10.77.0.70"])],
        _ => [
            vec![CLIENT, CLIENT6],
            of(&["192.0.2.77", "2001:db8:52::77"]),
            of(&["203.0.113.77", "2001:db8:53::77"]),
        ],
    }
}

fn called(mode: Mode, family: Family) -> IpAddr {
    match (mode, family) {
        (Mode::None | Mode::Dnat, Family::Ipv4) => PUBLIC,
        (Mode::Upstream, _) => front(),
        (Mode::Masquerade, _) => CLIENT,
        (Mode::None, Family::Ipv6) => PUBLIC6,
        (Mode::Dnat, Family::Ipv6) => SERVER6,
    }
}

/// The address that a box in front of an upstream server translates.
fn front() -> IpAddr {
    IpAddr::from([203, 0, 113, 10])
}

fn to_the_internet() -> String {
    format!("route add default via {CLIENT}\nroute add default via {CLIENT6}")
}

fn own(mode: Mode, network: &Network) -> &Namespace {
    match network {
        Network::Direct(scene) => &scene.server,
        Network::Behind(scene) if mode == Mode::Upstream => &scene.server,
        Network::Behind(scene) => &scene.gateway,
    }
}

fn client(mode: Mode, network: &Network) -> &Namespace {
    match network {
        Network::Direct(scene) => &scene.client,
        Network::Behind(scene) if mode == Mode::Masquerade => &scene.inside,
        Network::Behind(scene) => &scene.client,
    }
}

fn load(host: &Namespace, pair: &Pair) {
    let is_second = |c: &&Chain| matches!(c.hook, Hook::Second(..));
    let (second, first): (Vec<&Chain>, Vec<&Chain>) = pair.chains.iter().partition(is_second);
    let of = |chains: &[&Chain]| chains.iter().map(|c| (*c).clone()).collect::<Vec<_>>();
    match pair.way {
        Way::Nft => load_nft(host, &nft(&pair.chains, pair.networks)),
        Way::Iptables(back_end) | Way::Both(back_end) => {
            load_iptables(host, pair, back_end, &of(&first));
            load_nft(host, &nft(&of(&second), pair.networks));
        }
    }
}

fn load_iptables(host: &Namespace, pair: &Pair, back_end: BackEnd, chains: &[Chain]) {
    for (iptables_, family) in [("iptables", Family::Ipv4), ("ip6tables", Family::Ipv6)] {
        let chains = match &pair.chains6 {
            Some(six) if family == Family::Ipv6 => six,
            _ => chains,
        };
        let text = iptables(chains, pair.networks, family);
        restore(host, &back_end.program(iptables_, "restore"), &[], &text);
    }
}

/// The pair as text: all that is needed to play it again.
pub(crate) fn shown(pair: &Pair) -> String {
    let rules = match pair.way {
        Way::Nft => nft(&pair.chains, pair.networks),
        Way::Iptables(_) | Way::Both(_) => format!(
            "{}{}",
            iptables(&pair.chains, pair.networks, Family::Ipv4),
            nft(
                &pair
                    .chains
                    .iter()
                    .filter(|c| matches!(c.hook, Hook::Second(..)))
                    .cloned()
                    .collect::<Vec<_>>(),
                pair.networks
            )
        ),
    };
    format!(
        "{} {:?}\n{}\n{rules}",
        pair.way.word(),
        pair.faults,
        pair.text
    )
}
