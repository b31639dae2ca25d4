//! What was typed. Decides nothing.

mod probe;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use probe::{Answer, Probe, ProbeTls};

/// FTP with TLS behind Linux firewalls and NAT: from a profile of the server to
/// the netfilter rules that make its listings arrive.
#[derive(Debug, Parser)]
#[command(
    name = "ftpnat",
    version,
    max_term_width = 80,
    arg_required_else_help = true,
    after_help = "Exit status: 0 done or healthy, 1 problems found, 2 bad usage or invalid \
                  profile, 3 could not look or act, 4 failed and undone, 5 failed and left \
                  something."
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
    /// Say what a profile needs and why, what each kind of client will see, and what this
    /// host lacks.
    ///
    /// Reads the rules that are in force, as root, and sends the profile's connections
    /// through them; changes nothing. What it says of clients holds once the rules are in
    /// force.
    Plan(Profiles),
    /// Print the rules for another program to load.
    Emit(Emit),
    /// Prove a profile with real packets before this host is touched.
    ///
    /// Builds clients, the firewall, the translation and an FTP server in network namespaces
    /// that nobody else sees, plays FTP sessions as it is, applies the plan there by the code
    /// of `apply`, and plays them again. Needs no root where this system lets users make
    /// namespaces. Exit status: 0 as predicted, 1 otherwise (a fault of ftpnat), 3 it could
    /// not be played, or the plan could not be applied.
    Rehearse(Rehearse),
    /// Put the rules that profiles need into the kernel, exactly where they work.
    ///
    /// Profiles that are installed already stay, unless one of their names is given: that
    /// is replaced. Applied again it changes nothing. On a terminal the change is shown
    /// and asked about first; then it is in force for 60 seconds, and is undone by itself
    /// unless it is confirmed, by `y` or by `ftpnat confirm` from another login. Exit
    /// status: 0 done or nothing to do, 3 the rules cannot be put where they would work,
    /// and nothing was changed, 4 it failed or was not confirmed, and the host is as it
    /// was, 5 it failed and something is left.
    Apply(Apply),
    /// Keep what `apply` changed: it is not undone any more.
    ///
    /// Exit status: 0 kept, or nothing waits for it; 3 it could not be kept; 4 it is undone
    /// already.
    Confirm(StateDirectory),
    /// Undo the last `apply`, confirmed or not; or end what one that was killed left.
    ///
    /// Rules, modules and sysctls of ftpnat are as they were before it; what others changed
    /// since stays. Exit status: 0 undone, or nothing to undo; 5 something is left.
    Rollback(StateDirectory),
    /// Take the rules of profiles, or everything of ftpnat's, off this host.
    ///
    /// Sysctls and modules that apply set are put back, where nobody changed them since.
    Remove(Remove),
    /// Show what is installed, and where it differs from what was installed.
    ///
    /// Exit status: 0 as it was installed, or nothing is; 1 rules are missing, changed,
    /// moved, or a drop stands before them.
    Status(Status),
    /// Hold an FTP session with a server as a strict client does, and name the step that
    /// fails and why.
    ///
    /// Connects to the host that is named and to no other. A password is sent under TLS with
    /// a certificate that verifies, and not otherwise. Exit status: 0 listings arrive, 1 a
    /// fault that breaks transfers, 3 it could not be told.
    Probe(Probe),
    /// On the server's host: answer `ftpnat probe --sweep`, so that it can try every port of
    /// the passive range.
    ///
    /// Prints a token, the only thing on standard output, and listens on ports of the range
    /// until the sweep has ended: on one in twenty at once at most, for the server needs the
    /// others. Without the token a caller learns no more than that ftpnat listens, and can do
    /// nothing. Ends by itself where nobody with the token comes for 10 minutes. Exit status:
    /// 0 swept, 3 not.
    Answer(Answer),
    /// Say what a check finds, why it happens, and the cure; or what an error message comes
    /// from.
    Explain {
        /// A check's number or name, such as FN206 or ip-forwarding-off; or the words that a
        /// client, a server or a kernel printed, such as "425 Unable to build data
        /// connection". They need not be exact.
        #[arg(
            value_name = "ID|TEXT",
            num_args(1..),
            required = true,
            value_parser = OsStringValueParser::new().map(|text| text.to_string_lossy().into_owned())
        )]
        asked: Vec<String>,
    },
    /// Save what `check` reads of this host to a directory, for a bug report.
    Snapshot {
        /// The directory: a new one, or an empty one.
        #[arg(value_name = "DIR")]
        directory: String,

        /// Where it is kept what is installed.
        #[command(flatten)]
        state: StateDirectory,
    },
    /// Print the JSON Schema of the profile.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Undo an unconfirmed change when its time is over; `apply` runs this.
    #[command(hide = true)]
    Watchdog(Watchdog),
    /// Play a rehearsal apart from the host; `rehearse` runs this.
    #[command(hide = true)]
    Rehearsal {
        /// The namespaces are made.
        #[arg(long)]
        within: bool,
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
    #[arg(long, value_name = "DIR", conflicts_with = "state_dir")]
    pub snapshot: Option<String>,

    /// Judge rules that `iptables-save` or `ip6tables-save` printed on a host of which
    /// nothing else is known: a file, or `-` for standard input. What `iptables -S` prints
    /// will do. What has to be assumed of that host is said. Needs a profile.
    #[arg(
        long,
        value_name = "FILE",
        requires = "profiles",
        conflicts_with_all = ["snapshot", "probe"]
    )]
    pub rules: Option<String>,

    /// Let functional probes make the kernel load the modules that they ask for.
    #[arg(long, conflicts_with = "snapshot")]
    pub probe: bool,

    /// Draw the way of the connections through this host as well: hooks, chains, and the
    /// rule that ends each. JSON is the same with it.
    #[arg(long)]
    pub verbose: bool,

    /// Where it is kept what is installed.
    #[command(flatten)]
    pub state: StateDirectory,
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

/// `ftpnat rehearse`.
#[derive(Debug, Args)]
pub struct Rehearse {
    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,

    /// Begin with this host's own firewall, replayed in the namespaces; as root that is the
    /// default.
    #[arg(long, conflicts_with = "usual")]
    pub live: bool,

    /// Begin with a firewall as most have it: what is established and the control ports
    /// get in, the rest is dropped.
    #[arg(long)]
    pub usual: bool,

    /// A command line that starts the real FTP server, in place of one that behaves like
    /// it, such as "proftpd -n -c /etc/proftpd/proftpd.conf".
    #[arg(long, value_name = "CMD")]
    pub server_command: Option<String>,

    /// Who logs in to that server. The password is in the variable `FTPNAT_PASSWORD`.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "anonymous",
        requires = "server_command"
    )]
    pub user: String,

    /// What the rules are put into, as with `apply`.
    #[arg(long, value_enum, default_value_t = BackEnd::Auto, value_name = "BACKEND")]
    pub backend: BackEnd,
}

/// `ftpnat apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,

    /// Show what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Rehearse it first, on this host's own firewall in network namespaces; where packets
    /// do not do what was predicted, nothing is changed (status 1).
    #[arg(long)]
    pub rehearse: bool,

    /// Do not ask, and undo nothing.
    #[arg(long, short = 'y')]
    pub yes: bool,

    /// Do not ask; undo the change after so many seconds, unless `ftpnat confirm` comes
    /// before.
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        conflicts_with = "yes"
    )]
    pub confirm: Option<u64>,

    /// What the rules are put into; `auto`: what is in use already, else nft where the
    /// kernel has `nf_tables`.
    #[arg(long, value_enum, default_value_t = BackEnd::Auto, value_name = "BACKEND")]
    pub backend: BackEnd,

    /// Where it is kept what was done.
    #[command(flatten)]
    pub state: StateDirectory,
}

/// `ftpnat remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// The names of the profiles; without one: everything.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Show what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Where it is kept what was done.
    #[command(flatten)]
    pub state: StateDirectory,
}

/// `ftpnat status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Where it is kept what was done.
    #[command(flatten)]
    pub state: StateDirectory,
}

/// `ftpnat watchdog`.
#[derive(Debug, Args)]
pub struct Watchdog {
    /// The change that it is about.
    #[arg(long)]
    pub id: String,

    /// Undo it now, where it is not confirmed.
    #[arg(long)]
    pub at_once: bool,

    /// Where it is kept what was done.
    #[command(flatten)]
    pub state: StateDirectory,
}

/// Where ftpnat keeps what it did on this host.
#[derive(Debug, Default, Args)]
pub struct StateDirectory {
    /// The directory of what ftpnat did on this host; the variable `FTPNAT_STATE_DIR`
    /// counts too. Without either: /var/lib/ftpnat.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<String>,
}

/// What rules are put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackEnd {
    /// What fits.
    Auto,
    /// A table of our own in `nf_tables`.
    Nft,
    /// Chains of our own in the tables of iptables-nft.
    IptablesNft,
    /// Chains of our own in the tables of iptables-legacy.
    IptablesLegacy,
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
