//! Pages of the control connection.

use crate::check::definition::{Judge, check};

check! {
    /// The control port refuses connections.
    ///
    /// ## What happens
    /// `Connection refused`, at once. Where another address of the name answers this is a warning:
    /// clients go on to that one.
    ///
    /// ## Why
    /// The host answers, and nothing listens at this port there: the server is not running, it
    /// listens on another port or address, or DNAT leads to a host without one. A firewall that
    /// rejects with `tcp-reset` looks the same.
    ///
    /// ## Look
    /// On the server: `ss -ltnp`. On the gateway: `ftpnat check --profile P`.
    ///
    /// ## Cure
    /// Start the server, or call the port that it listens on.
    CONTROL_REFUSED, Error, moot by &[], Judge::Wire
}

check! {
    /// Nothing answers at the control port.
    ///
    /// ## What happens
    /// Clients wait, and then say `Connection timed out`; where the name has another address that
    /// answers, they may wait before each session.
    ///
    /// ## Why
    /// A firewall drops the connection: on the server, on a gateway, or a cloud's group in front
    /// of it. Or the answers take another way back, or there is no such host.
    ///
    /// ## Look
    /// On the server, while the client tries: `tcpdump -ni any tcp port 21`. Nothing comes: the
    /// fault is before it. It comes, and nothing is answered: `ftpnat check` on that host.
    ///
    /// ## Cure
    /// Let the control port in on every firewall on the way. `ftpnat plan` says what is to be
    /// opened upstream.
    CONTROL_SILENT, Error, moot by &[], Judge::Wire
}

check! {
    /// A firewall rejects the control connection with ICMP.
    ///
    /// ## What happens
    /// `Connection refused`, `No route to host` or `Permission denied`, at once. Where another
    /// address of the name answers this is a warning: clients go on to that one.
    ///
    /// ## Why
    /// A rule with the target REJECT, or a router without a way to the host, answers for it. The
    /// evidence names the address that answered.
    ///
    /// ## Cure
    /// On the box that answered: let the control port in, before the rule that rejects.
    CONTROL_REJECTED_BY_ICMP, Error, moot by &[], Judge::Wire
}

check! {
    /// The server does not greet as one that is ready.
    ///
    /// ## What happens
    /// The connection opens, and then: nothing, its end, `421`, or words that are not FTP.
    ///
    /// ## Why
    /// `421`: too many sessions, or the client's address is not welcome (the server's own limits
    /// or `/etc/hosts.deny`). Silence: the port speaks implicit TLS, where the client has to begin;
    /// or the server looks up the client's name and gets no answer; or NAT leads to another
    /// program. Words like `SSH-2.0`: SFTP is another protocol, of an SSH server.
    ///
    /// ## Cure
    /// Silence on port 990: `--tls implicit`. Otherwise the server's log says why.
    GREETING_NOT_READY, Error, moot by &[], Judge::Wire
}

check! {
    /// The server refuses the login.
    ///
    /// ## What happens
    /// `530 Login incorrect`, and nothing further can be tried.
    ///
    /// ## Why
    /// A wrong password, a user who may not, a shell that is not in `/etc/shells`, or a server
    /// that lets nobody in without TLS. It is no firewall.
    ///
    /// ## Cure
    /// `--user NAME` with `FTPNAT_PASSWORD` or `--password-file`, under TLS.
    LOGIN_REFUSED, Error, moot by &[], Judge::Wire
}

check! {
    /// The control connection is cut while it is idle.
    ///
    /// ## What happens
    /// A long transfer comes to its end, and its `226` never arrives: the client hangs at 100 %.
    ///
    /// ## Why
    /// During a transfer the control connection is silent. A firewall, NAT or load balancer on the
    /// way forgets it after a while, often a few minutes, and then drops or resets what follows.
    /// A server that ends an idle session itself says `421` first: that is not this fault.
    ///
    /// ## Look
    /// `ftpnat probe --idle 300` and other times narrow down how long the box waits.
    ///
    /// ## Cure
    /// TCP keepalive on the server, more often than the box forgets (ProFTPD: `SocketOptions
    /// keepalive on`), or a longer time on that box: `nf_conntrack_tcp_timeout_established`, or the
    /// idle timeout of the load balancer. In the client: send NOOP during transfers.
    IDLE_CONTROL_CUT, Warning, moot by &[], Judge::Wire
}
