//! Pages of how a passive data connection is named and opened.

use crate::check::definition::{Judge, check};

check! {
    /// PASV replies name a private address to a client outside.
    ///
    /// ## What happens
    /// `227 Entering Passive Mode (192,168,…)`, and then `Connection timed out`. Some clients see
    /// it and take the address that they called: `Server sent passive reply with unroutable
    /// address`.
    ///
    /// ## Why
    /// The server stands behind NAT and does not know its public address. In plain FTP a helper
    /// in the gateway rewrites the reply; under TLS nothing can.
    ///
    /// ## Cure
    /// ProFTPD: `MasqueradeAddress`; vsftpd: `pasv_address`; Pure-FTPd: `ForcePassiveIP`. In the
    /// profile: `passive.advertise`; `ftpnat plan` prints the line.
    PASV_PRIVATE_ADDRESS, Error, moot by &[], Judge::Wire
}

check! {
    /// PASV replies name another address than the one that was called.
    ///
    /// ## What happens
    /// Clients that obey the reply connect elsewhere; others see a wrong address and do not.
    ///
    /// ## Why
    /// The announced address is outdated, `0.0.0.0` or of another interface; a name in the server's
    /// configuration was resolved inside; or there are several ways in and the server announces
    /// one. Inside clients may see the external address, which then needs hairpin NAT.
    ///
    /// ## Look
    /// `--follow` connects there, and shows whether that works.
    ///
    /// ## Cure
    /// Announce the address that clients call. Clients inside: EPSV, which names no address.
    PASV_OTHER_ADDRESS, Error, moot by &[], Judge::Wire
}

check! {
    /// The server picks a data port outside the range of the profile.
    ///
    /// ## What happens
    /// Some or all transfers hang: firewalls let the profile's range in, and no more.
    ///
    /// ## Why
    /// The server's range is not set, is another one, or is so small that the server falls back
    /// to any port when it is used up (ProFTPD does).
    ///
    /// ## Cure
    /// The same range in the server and in the profile: ProFTPD `PassivePorts`, vsftpd
    /// `pasv_min_port` and `pasv_max_port`, Pure-FTPd `PassivePortRange`. Restart the server.
    DATA_PORT_OUTSIDE_RANGE, Error, moot by &[], Judge::Wire
}

check! {
    /// Nothing answers at the data port: a firewall drops the connection.
    ///
    /// ## What happens
    /// The login works, and the listing hangs until the client gives up.
    ///
    /// ## Why
    /// The passive range is not open in some firewall on the way. In plain FTP a helper reads the
    /// port out of the reply and lets the connection in; under TLS it cannot, so the range has to
    /// be open. Some boxes read the replies to PASV and not those to EPSV, which clients try
    /// first.
    ///
    /// ## Look
    /// On the server, while the client tries: `tcpdump -ni any 'tcp[tcpflags] & tcp-syn != 0'`.
    /// Nothing comes: the fault is before it. It comes: `ftpnat check --profile P` there.
    ///
    /// ## Cure
    /// Accept NEW connections to the range of the server on every firewall on the way, cloud
    /// groups included: `ftpnat plan`, `ftpnat apply`.
    DATA_SILENT, Error, moot by &[], Judge::Wire
}

check! {
    /// The data port refuses connections.
    ///
    /// ## What happens
    /// `Connection refused` at each listing.
    ///
    /// ## Why
    /// The connection comes to a host that does not listen at that port: the gateway itself, where
    /// DNAT leads only the control port inside; another host; or the server, where NAT shifts
    /// ports. A firewall that rejects with `tcp-reset` looks the same.
    ///
    /// ## Cure
    /// On the gateway: DNAT of the whole range, to the same ports. `ftpnat check --profile P` there
    /// names the rule.
    DATA_REFUSED, Error, moot by &[], Judge::Wire
}

check! {
    /// A firewall rejects the data connection with ICMP.
    ///
    /// ## What happens
    /// `Connection refused`, `No route to host` or `Permission denied` at each listing.
    ///
    /// ## Why
    /// A rule with the target REJECT answers for the passive range. The evidence names the address
    /// that answered: the box to look at.
    ///
    /// ## Cure
    /// On that box: accept NEW connections to the passive range before the rule that rejects.
    DATA_REJECTED_BY_ICMP, Error, moot by &[], Judge::Wire
}

check! {
    /// Some ports of the passive range get through, and others do not.
    ///
    /// ## What happens
    /// Some listings work and others hang, by chance.
    ///
    /// ## Why
    /// A firewall, a DNAT rule or a cloud group has another range than the server: an older one,
    /// a typing error, or a limit on the number of ports in a rule.
    ///
    /// ## Look
    /// `ftpnat answer --profile P` on the server and `ftpnat probe --sweep` try every port.
    ///
    /// ## Cure
    /// The same range everywhere.
    PART_OF_RANGE_BLOCKED, Error, moot by &[], Judge::Wire
}

check! {
    /// Something on the way rewrites the server's replies.
    ///
    /// ## What happens
    /// Plain sessions name another address or port than sessions under TLS.
    ///
    /// ## Why
    /// A helper or ALG reads `227` and `229` in plain sessions and puts its own address, or a port
    /// of its own, into them. Under TLS it cannot. So plain sessions seem healthy while the server
    /// announces a wrong address, or plain sessions get ports that no firewall lets in.
    ///
    /// ## Cure
    /// Let the server announce the right address, give it a fixed range that is open everywhere,
    /// and take the helper or ALG off this port.
    REPLY_REWRITTEN, Warning, moot by &[], Judge::Wire
}

check! {
    /// The server does not offer EPSV.
    ///
    /// ## What happens
    /// `500` or `502` to `EPSV`. Over IPv6 there is no passive mode at all; over IPv4 some clients
    /// wait before they try `PASV`.
    ///
    /// ## Why
    /// An old server (RFC 2428 is of 1998), a server that is told to refuse it, or a box on the way
    /// that forbids it.
    ///
    /// ## Cure
    /// Switch it on in the server. Over IPv6 nothing else will do.
    EPSV_NOT_OFFERED, Warning, moot by &[], Judge::Wire
}
