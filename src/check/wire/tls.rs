//! Pages of TLS and certificates.

use crate::check::definition::{Judge, check};

check! {
    /// The server does not begin TLS when it is asked to.
    ///
    /// ## What happens
    /// `AUTH TLS` is answered by `500`, `502`, `530` or `534`; or by `234`, and then the server
    /// speaks on in plain; or `PROT P` is refused.
    ///
    /// ## Why
    /// TLS is not built in or not switched on, the server cannot read its certificate or key, or
    /// a firewall that looks into FTP forbids the command.
    ///
    /// ## Cure
    /// Switch TLS on in the server and read its log. From a host beside the server `ftpnat probe`
    /// tells whether a box on the way forbids it.
    AUTH_TLS_REFUSED, Error, moot by &[], Judge::Wire
}

check! {
    /// The connection ends, or falls silent, as TLS begins.
    ///
    /// ## What happens
    /// `AUTH TLS` is sent, and then comes a reset, an end, or nothing: before or in the handshake.
    ///
    /// ## Why
    /// A firewall with an FTP inspection or a proxy ends sessions that it can no longer read. The
    /// server itself does so where its certificate cannot be used. Silence in the handshake alone:
    /// the certificate is the first large packet, and large packets may not pass (path MTU).
    ///
    /// ## Look
    /// The same from a host beside the server: if it works there, it is a box on the way.
    ///
    /// ## Cure
    /// Switch off the FTP inspection (ALG) of that box, or use implicit TLS or another port, which
    /// it does not inspect.
    AUTH_TLS_CUT, Error, moot by &[], Judge::Wire
}

check! {
    /// The server speaks no TLS that is still in use.
    ///
    /// ## What happens
    /// `handshake failure`, `protocol version` or `unsupported protocol` in current clients; old
    /// ones still work.
    ///
    /// ## Why
    /// TLS 1.0 and 1.1 are withdrawn (RFC 8996), and the ciphers of their time with them: CBC,
    /// static RSA, finite-field Diffie-Hellman. The probe asks which of those the server picks;
    /// TLS 1.2 with ciphers that clients with OpenSSL or GnuTLS take is a warning, and the probe
    /// goes no further.
    ///
    /// ## Cure
    /// ProFTPD: `TLSProtocol TLSv1.2 TLSv1.3`. vsftpd: `ssl_tlsv1_2=YES`, `ssl_ciphers=HIGH`.
    /// Pure-FTPd: `TLSCipherSuite HIGH`. Or a server of this decade.
    TLS_TOO_OLD, Error, moot by &[], Judge::Wire
}

check! {
    /// The time of the certificate is over, or has not begun.
    ///
    /// ## What happens
    /// Clients refuse the session, or ask their user.
    ///
    /// ## Why
    /// The certificate was not renewed, or the server was not told to read the new one. Where the
    /// dates look right, the clock of this host is wrong.
    ///
    /// ## Cure
    /// Renew it, and restart the server: most read the file once.
    CERTIFICATE_EXPIRED, Error, moot by &[], Judge::Wire
}

check! {
    /// The certificate is for another name.
    ///
    /// ## What happens
    /// Clients that verify refuse the session; others ask their user.
    ///
    /// ## Why
    /// The name that was called is not among the certificate's subject alternative names. An
    /// address matches only where the certificate holds that address.
    ///
    /// ## Cure
    /// Call the server by a name of its certificate, or get a certificate with this name.
    CERTIFICATE_NAME_DIFFERS, Warning, moot by &[], Judge::Wire
}

check! {
    /// No authority that this host trusts vouches for the certificate.
    ///
    /// ## What happens
    /// Clients ask whether to trust it, or refuse.
    ///
    /// ## Why
    /// It is self-signed, its authority is a private one, or the server does not send the
    /// certificates between. Or its key is one of which ftpnat cannot check that the server has
    /// it: RSA below 2048 bits, which many clients refuse, or a rare curve such as P-521.
    ///
    /// ## Cure
    /// `--ca-file FILE` with the authority's certificate, or the self-signed one. A server with a
    /// public certificate is to send the whole chain.
    CERTIFICATE_UNTRUSTED, Note, moot by &[], Judge::Wire
}

check! {
    /// The server demands that data connections resume the TLS session.
    ///
    /// ## What happens
    /// Login works, and each listing fails: `522 SSL connection failed: session reuse required`
    /// (vsftpd), `425 Unable to build data connection: Operation not permitted` (ProFTPD),
    /// `425 … TLS session of data connection not resumed` (FileZilla Server). It looks like a
    /// firewall and is none.
    ///
    /// ## Why
    /// Resumption proves that both connections are of one client. Clients that cannot resume, or
    /// that lose the session, get no data.
    ///
    /// ## Cure
    /// A client that resumes. Where that cannot be: vsftpd `require_ssl_reuse=NO`, ProFTPD
    /// `TLSOptions NoSessionReuseRequired`; others may then take over data connections.
    TLS_SESSION_REUSE_DEMANDED, Note, moot by &[], Judge::Wire
}
