//! What was typed of a server that is called, and of who answers a sweep there.

use clap::Args;

/// `ftpnat probe`.
#[derive(Debug, Args)]
pub struct Probe {
    /// The server: a name, or an address.
    #[arg(value_name = "HOST")]
    pub host: String,

    /// The profile of the server: a YAML file, or `-` for standard input.
    #[arg(long, short = 'p', value_name = "P")]
    pub profile: Option<String>,

    /// Try every port of the passive range; `ftpnat answer` runs on the server's host.
    #[arg(long, requires_all = ["token", "profile"])]
    pub sweep: bool,

    /// What `ftpnat answer` printed.
    #[arg(long, value_name = "T", requires = "sweep")]
    pub token: Option<String>,
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
