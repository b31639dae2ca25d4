//! What was typed. Decides nothing.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// FTP with TLS behind Linux firewalls and NAT: from a profile of the server to
/// the netfilter rules that make its listings arrive.
#[derive(Debug, Parser)]
#[command(
    name = "ftpnat",
    version,
    max_term_width = 80,
    arg_required_else_help = true,
    after_help = "Exit status: 0 done or healthy, 1 problems found, 2 bad usage or invalid \
                  profile, 3 could not look or act."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// How to print results.
    #[arg(long, global = true, value_enum, default_value_t = Output::Human)]
    pub output: Output,

    /// When to use colours; the variable `NO_COLOR` counts too.
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub color: When,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what stands between this host and working FTP: helpers, kernel, sysctls,
    /// listeners, addresses.
    ///
    /// Changes nothing: loads no module, makes no table. Works without root as far as
    /// it can and says what it could not see. Exit status: 0 healthy, 1 a fault that
    /// breaks transfers, 3 no such fault found, but not all could be looked at.
    Check(Check),
    /// Say what a profile needs and why, and what each kind of client will see.
    Plan(Profiles),
    /// Print the rules for another program to load.
    Emit(Emit),
    /// Say what a check finds, why it happens, and the cure.
    Explain {
        /// A check's number or name, such as FN206 or ip-forwarding-off.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Save what `check` reads of this host to a directory, for a bug report.
    Snapshot {
        /// The directory: a new one, or an empty one.
        #[arg(value_name = "DIR")]
        directory: String,
    },
    /// Print the JSON Schema of the profile.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Try the FTP helpers in a network namespace of its own; `check` runs this.
    #[command(hide = true)]
    ScratchProbe,
}

/// The profiles to work on.
#[derive(Debug, Args)]
pub struct Profiles {
    /// A profile: a YAML file, `-` for standard input, or a directory of them.
    #[arg(long = "profile", short = 'p', value_name = "P", required = true)]
    pub profiles: Vec<String>,
}

/// `ftpnat check`.
#[derive(Debug, Args)]
pub struct Check {
    /// A profile: a YAML file, `-` for standard input, or a directory of them. Without
    /// one: those in /etc/ftpnat/profiles.
    #[arg(long = "profile", short = 'p', value_name = "P")]
    pub profiles: Vec<String>,

    /// Check a host whose facts `ftpnat snapshot` saved to this directory.
    #[arg(long, value_name = "DIR")]
    pub snapshot: Option<String>,

    /// Let functional probes make the kernel load the modules that they ask for.
    #[arg(long, conflicts_with = "snapshot")]
    pub probe: bool,
}

/// `ftpnat emit`.
#[derive(Debug, Args)]
pub struct Emit {
    /// The program that will load the rules.
    #[arg(value_enum)]
    pub format: Format,

    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,

    /// What the rules go into: `live` for what this host has loaded, `none`, a file
    /// that iptables-save wrote, or `-` for such a text on standard input.
    #[arg(long, value_name = "BASE", default_value = "live")]
    pub base: String,
}

/// Programs that load rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For `nft -f`.
    Nft,
    /// For `iptables-restore` (IPv4), of either back end.
    Iptables,
    /// For `ip6tables-restore` (IPv6), of either back end.
    Ip6tables,
}

/// How to print results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Human,
    /// For programs: JSON, one object a profile.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
