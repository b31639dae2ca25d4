//! The table.

mod active;
mod chains;
mod expected;
mod gateway;
mod iptables;
mod mixed;
mod others;
mod server;
mod six;
mod tests_of_rules;
mod translation;
mod warnings;

use ftpnat::model::ftp::Tls;

use crate::fault::{Applied, Cure, Ends, Fault, Play, Says, Scene, Serves};
use crate::support::client::SessionTls;
use crate::support::scene::CLIENT;

/// Every row.
pub(crate) fn all() -> impl Iterator<Item = &'static Fault> {
    let server = [
        server::ROWS,
        chains::ROWS,
        tests_of_rules::ROWS,
        iptables::ROWS,
    ];
    let gateway = [
        gateway::ROWS,
        translation::ROWS,
        others::ROWS,
        expected::ROWS,
    ];
    let rest = [mixed::ROWS, six::ROWS, active::ROWS, warnings::ROWS];
    let all = server.into_iter().chain(gateway).chain(rest);
    all.flat_map(|rows| rows.iter().copied().flatten())
}

/// Rows that have something in common.
type Rows = &'static [&'static [Fault]];

/// `ProFTPD` with the whole range.
const PROFTPD: Serves = Serves {
    needs_users: false,
    tls: Tls::Optional,
    ports: (50000, 50100),
    announces: false,
};

/// The same with a part of the range: each of its sessions meets what that part meets.
const fn within(first: u16, last: u16) -> Serves {
    Serves {
        ports: (first, last),
        ..PROFTPD
    }
}

/// A server with a firewall of its own.
const SERVER: Fault = Fault {
    name: "",
    scene: Scene::Server,
    profile: "name: lab\nserver: { software: proftpd }\npassive: { ports: 50000-50100 }\n",
    firewall: &[],
    serves: PROFTPD,
    says: Says::Nothing,
    names: &[],
    tells: &[],
    play: Play::EPSV,
    ends: Ends::Lists,
    meanwhile: &[],
    cure: Cure::Pasted,
    applied: Applied::Cures,
};

/// A gateway before the server.
const GATEWAY: Fault = Fault {
    scene: Scene::Gateway,
    profile: "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
              passive: { ports: 50000-50100, advertise: 198.51.100.1 }\n\
              nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }\n",
    serves: ANNOUNCING,
    play: Play::PASV,
    ..SERVER
};

const ANNOUNCING: Serves = Serves {
    announces: true,
    ..PROFTPD
};

/// The same with a part of the range.
const fn announcing(first: u16, last: u16) -> Serves {
    Serves {
        announces: true,
        ..within(first, last)
    }
}

/// A gateway of FTP clients that all speak TLS or EPSV.
const CLIENTS: Fault = Fault {
    scene: Scene::Clients,
    profile: "name: lab\nnat:\n  mode: masquerade\n  external: { interface: eth0 }\n  \
              internal: { interface: eth1, networks: 10.77.0.0/24 }\n",
    play: Play::EPSV.to(CLIENT),
    ..SERVER
};

/// Without TLS.
const PLAIN: Serves = Serves {
    tls: Tls::None,
    ..PROFTPD
};

/// A session without TLS, by PASV.
const PLAIN_PASV: Play = Play {
    tls: SessionTls::Plain,
    ..Play::PASV
};

/// Text for `iptables-restore`: a filter table of which one chain has rules.
macro_rules! filter {
    (INPUT $policy:literal $($rule:literal)*) => {
        concat!("*filter\n:INPUT ", $policy, " [0:0]\n:FORWARD ACCEPT [0:0]\n",
            ":OUTPUT ACCEPT [0:0]\n", $("-A INPUT ", $rule, "\n",)* "COMMIT\n")
    };
    (OUTPUT $policy:literal $($rule:literal)*) => {
        concat!("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n",
            ":OUTPUT ", $policy, " [0:0]\n", $("-A OUTPUT ", $rule, "\n",)* "COMMIT\n")
    };
    (FORWARD $policy:literal $($rule:literal)*) => {
        concat!("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ", $policy, " [0:0]\n",
            ":OUTPUT ACCEPT [0:0]\n", $("-A FORWARD ", $rule, "\n",)* "COMMIT\n")
    };
}
use filter;
