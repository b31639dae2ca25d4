//! What was typed of a server that is called, and of who answers a sweep there.

use clap::{Args, ValueEnum};

/// `ftpnat probe`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that was typed"
)]
pub struct Probe {
    /// The server: a name or an address. Of a name, one address of each family is tried.
    #[arg(value_name = "HOST")]
    pub host: String,

    /// What the server is meant to be: range, announced address and TLS are compared.
    #[arg(long, short = 'p', value_name = "P")]
    pub profile: Option<String>,

    /// The control port; without it that of the profile, or 21, or 990 for implicit TLS.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// How TLS begins; `auto`: by AUTH TLS where the server offers it, on port 990 from the
    /// first byte.
    #[arg(long, value_enum, default_value_t = ProbeTls::Auto, value_name = "TLS")]
    pub tls: ProbeTls,

    /// Who logs in. The password is in the variable `FTPNAT_PASSWORD`, or is asked for.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// A file with the password in its first line.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<String>,

    /// Trust the certificates in this PEM file besides those that this system trusts.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,

    /// Send the password in plain, or under a certificate that does not verify, too.
    #[arg(long)]
    pub insecure: bool,

    /// Try active mode (PORT, EPRT) as well: the server connects to this host.
    #[arg(long)]
    pub active: bool,

    /// Leave the control connection idle for so long, to see whether something cuts it.
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub idle: Option<u64>,

    /// Connect to the address that a PASV reply names, even where it is another host.
    #[arg(long)]
    pub follow: bool,

    /// Try every port of the passive range instead; `ftpnat answer` runs on the server's host.
    #[arg(
        long,
        requires_all = ["token", "profile"],
        conflicts_with_all = ["port", "user", "active", "idle", "follow"]
    )]
    pub sweep: bool,

    /// What `ftpnat answer` printed.
    #[arg(long, value_name = "T", requires = "sweep")]
    pub token: Option<String>,

    /// Show what client and server said as well. JSON is the same with it.
    #[arg(long)]
    pub verbose: bool,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProbeTls {
    /// Not at all.
    None,
    /// By AUTH TLS.
    Explicit,
    /// From the first byte.
    Implicit,
    /// As the server offers it.
    Auto,
}

/// `ftpnat answer`.
#[derive(Debug, Args)]
pub struct Answer {
    /// The profile of the server: a YAML file, or `-` for standard input.
    #[arg(long, short = 'p', value_name = "P")]
    pub profile: String,

    /// Also beside a server in use: while a port is held, the server cannot use it. vsftpd
    /// answers 500 then where it finds no other.
    #[arg(long)]
    pub force: bool,
}
