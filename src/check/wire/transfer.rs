//! Pages of what a data connection carries, and of active mode.

use crate::check::definition::{Judge, check};

check! {
    /// The data connection comes from another address than the server's.
    ///
    /// ## What happens
    /// Clients refuse the data connection, or ask their user.
    ///
    /// ## Why
    /// In active mode the server connects to the client. Where the server has several addresses,
    /// or stands behind a gateway that does not translate its connections, or to another address,
    /// the client sees a stranger.
    ///
    /// ## Cure
    /// On the gateway: SNAT of the server's outgoing connections to the address that clients call.
    /// `ftpnat plan` with `active: true` plans it. On a server with several addresses: bind it to
    /// the one that clients call.
    DATA_PEER_DIFFERS, Warning, moot by &[], Judge::Wire
}

check! {
    /// The server refuses a data connection from another address than the control connection's.
    ///
    /// ## What happens
    /// `425 Security: Bad IP connecting` (vsftpd), or the data connection is closed at once
    /// (Pure-FTPd, FileZilla Server).
    ///
    /// ## Why
    /// One of the two connections is translated on its way and the other is not, or to another
    /// address: hairpin for one of them only, a proxy, two ways out.
    ///
    /// ## Cure
    /// Let both take the same way: EPSV for inside clients, hairpin for both connections. The
    /// server's switch for it (`pasv_promiscuous`) lets others take over data connections.
    DATA_SOURCE_REJECTED, Error, moot by &[], Judge::Wire
}

check! {
    /// A transfer comes to no good end: no 226.
    ///
    /// ## What happens
    /// The data arrives, and then the client waits for the reply behind it, or gets `426` or `451`.
    ///
    /// ## Why
    /// The server failed: a full disk, a file that it may not read, a crash. Where it says nothing,
    /// the control connection was cut meanwhile: see FN423.
    ///
    /// ## Cure
    /// The reply and the server's log say why.
    TRANSFER_NEVER_COMPLETES, Error, moot by &[], Judge::Wire
}

check! {
    /// Active mode does not work.
    ///
    /// ## What happens
    /// `PORT` or `EPRT` is refused, or the server says `425 Can't open data connection`, or the
    /// client waits for a connection that does not come.
    ///
    /// ## Why
    /// The client's firewall drops the connection, the server's does not let it out, or the
    /// client's private address stands in the command: only a helper can translate it, in plain
    /// sessions. `500 Illegal PORT command`: the server sees another address than the one named.
    ///
    /// ## Cure
    /// Use passive mode. Under TLS with a client behind NAT nothing else can work.
    ACTIVE_REFUSED, Error, moot by &[], Judge::Wire
}

check! {
    /// The data connection opens, and then nothing comes.
    ///
    /// ## What happens
    /// The data connection is there, the server says `150`, and the TLS handshake, the listing or
    /// the file stops. Small directories may work.
    ///
    /// ## Why
    /// Large packets do not pass: a tunnel or PPPoE has a smaller packet size, and the ICMP message
    /// that says so is dropped. Or the server waits for the client's TLS and the client for plain
    /// data.
    ///
    /// ## Look
    /// `ping -M do -s 1472 HOST`; `ftpnat check` on the gateway (FN323).
    ///
    /// ## Cure
    /// Let ICMP `fragmentation needed` and ICMPv6 `packet too big` through, or clamp the segment
    /// size on the gateway: `tcp flags syn tcp option maxseg size set rt mtu`.
    DATA_STALLS_AFTER_CONNECT, Error, moot by &[], Judge::Wire
}
