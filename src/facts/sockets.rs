//! Listening TCP sockets and whose they are.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use procfs::net::{TcpNetEntries, TcpState};
use procfs::{ExplicitSystemInfo, FromBufReadSI as _};

use crate::model::net::Family;

/// A listening TCP socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address that it is bound to; unspecified for all. An IPv4 address on an
    /// IPv6 socket is given as IPv4.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Whose it is; `None` where the process could not be seen.
    pub process: Option<Process>,
    /// The file that tells of it.
    pub source: &'static str,
}

/// A process that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name, of at most 15 bytes (`/proc/PID/comm`).
    pub name: String,
    /// Its program's path, where it may be read.
    pub program: Option<String>,
}

impl Listener {
    /// Whether a client that calls `address` on its port gets this socket. A socket
    /// on `::` takes IPv4 as well unless it asked not to be bothered (ipv6(7),
    /// `IPV6_V6ONLY`); that cannot be seen, and `v6only` is the host's default.
    #[must_use]
    pub fn serves(&self, address: IpAddr, v6only: bool) -> bool {
        self.address == address || self.serves_all(Family::of(address), v6only)
    }

    /// Whether it takes calls to every address of a family.
    #[must_use]
    pub fn serves_all(&self, family: Family, v6only: bool) -> bool {
        self.address.is_unspecified()
            && (Family::of(self.address) == family || self.address.is_ipv6() && !v6only)
    }
}

/// The listeners of `/proc/net/tcp` and `tcp6`, with the processes of
/// `asked:listeners` where there are any. `None` where a table is none.
#[must_use]
pub fn listeners(tables: &[(&'static str, &str)], processes: &str) -> Option<Vec<Listener>> {
    let known = owners(processes);
    let mut found = Vec::new();
    for (source, text) in tables {
        let table = TcpNetEntries::from_buf_read(text.as_bytes(), &HOST).ok()?;
        let listening = table.0.into_iter().filter(|e| e.state == TcpState::Listen);
        for entry in listening {
            let process = known.iter().find(|(inode, _)| *inode == entry.inode);
            found.push(Listener {
                address: unmapped(entry.local_address),
                port: entry.local_address.port(),
                process: process.map(|(_, process)| process.clone()),
                source,
            });
        }
    }
    Some(found)
}

/// The connections that others have to these ports of this host, in tables as
/// `/proc/net/tcp` has them whole: who, and to which address. An IPv4 address on an IPv6
/// socket is given as IPv4.
#[must_use]
pub fn connections_to(
    tables: &[(&'static str, &str)],
    is_wanted: impl Fn(u16) -> bool,
) -> Vec<(SocketAddr, SocketAddr)> {
    let mut found = Vec::new();
    for (_, text) in tables {
        let table = TcpNetEntries::from_buf_read(text.as_bytes(), &HOST);
        let plain = |address: SocketAddr| SocketAddr::new(unmapped(address), address.port());
        let entries = table.map(|table| table.0).unwrap_or_default().into_iter();
        let open = entries
            .filter(|e| e.state == TcpState::Established && is_wanted(e.local_address.port()));
        found.extend(open.map(|e| (plain(e.remote_address), plain(e.local_address))));
    }
    found
}

/// Only the byte order matters to the tables of sockets.
const HOST: ExplicitSystemInfo = ExplicitSystemInfo {
    boot_time_secs: 0,
    ticks_per_second: 100,
    page_size: 4096,
    is_little_endian: cfg!(target_endian = "little"),
};

fn unmapped(address: SocketAddr) -> IpAddr {
    let mapped = |v6: Ipv6Addr| v6.to_ipv4_mapped().map(IpAddr::V4);
    match address.ip() {
        IpAddr::V6(v6) => mapped(v6).unwrap_or(IpAddr::V6(v6)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// `INODE PID NAME PROGRAM` a line; a name may have spaces, so both ends count.
fn owners(text: &str) -> Vec<(u64, Process)> {
    let of_line = |line: &str| {
        let (inode, rest) = line.split_once(' ')?;
        let (pid, rest) = rest.split_once(' ')?;
        let (name, program) = rest.rsplit_once(' ')?;
        let process = Process {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            program: (program != "-").then(|| program.to_owned()),
        };
        Some((inode.parse().ok()?, process))
    };
    text.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when \
                        retrnsmt   uid  timeout inode\n";

    fn line(local: &str, state: &str, inode: u64) -> String {
        format!(
            "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        \
             0 {inode} 1 0000000000000000 100 0 0 10 0\n"
        )
    }

    #[test]
    fn listeners_and_their_processes() {
        let tcp = format!(
            "{HEAD}{}{}{}",
            line("016433C6:0015", "0A", 7),
            line("0100007F:C350", "0A", 8),
            line("016433C6:0016", "01", 9)
        );
        let v6 = "00000000000000000000000000000000:0015";
        let mapped = "0000000000000000FFFF00000A4D0015:0016";
        let tcp6 = format!("{HEAD}{}{}", line(v6, "0A", 10), line(mapped, "0A", 11));
        let found = listeners(
            &[("/proc/net/tcp", &tcp), ("/proc/net/tcp6", &tcp6)],
            "7 300 proftpd: (accepting) /usr/sbin/proftpd\n10 301 in et -\nnonsense\n",
        )
        .expect("tables");
        let shown: Vec<_> = found
            .iter()
            .map(|l| (l.address.to_string(), l.port))
            .collect();
        assert_eq!(shown[0], ("198.51.100.1".to_owned(), 21));
        assert_eq!(shown[1], ("127.0.0.1".to_owned(), 50000));
        assert_eq!(shown[2], ("::".to_owned(), 21));
        assert!(found[3].address.is_ipv4(), "{found:?}");
        assert_eq!(found.len(), 4);
        let process = found[0].process.as_ref().expect("seen");
        assert_eq!(
            (process.pid, process.name.as_str()),
            (300, "proftpd: (accepting)")
        );
        assert_eq!(process.program.as_deref(), Some("/usr/sbin/proftpd"));
        let other = found[2].process.as_ref().expect("seen");
        assert_eq!((other.name.as_str(), &other.program), ("in et", &None));
        assert_eq!(found[1].process, None);
        assert_eq!(
            listeners(&[("/proc/net/tcp", "head\nnonsense\n")], ""),
            None
        );
    }

    #[test]
    fn who_is_served() {
        let on = |address: &str| Listener {
            address: address.parse().expect("an address"),
            port: 21,
            process: None,
            source: "/proc/net/tcp6",
        };
        let v4: IpAddr = "198.51.100.1".parse().expect("an address");
        assert!(on("0.0.0.0").serves(v4, false) && on("198.51.100.1").serves(v4, true));
        assert!(on("::").serves(v4, false) && !on("::").serves(v4, true));
        assert!(
            !on("127.0.0.1").serves(v4, false) && !on("0.0.0.0").serves_all(Family::Ipv6, false)
        );
    }

    proptest! {
        #[test]
        fn hostile_tables_do_no_harm(table in ".{0,300}", owners in ".{0,100}") {
            let text = format!("{HEAD}{table}");
            let _ = listeners(&[("/proc/net/tcp", &text), ("/proc/net/tcp6", &table)], &owners);
        }
    }
}
