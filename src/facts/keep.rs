//! How much of each source a snapshot keeps: what nobody needs is left out.

/// How much of a source's text is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    All,
    /// That it is there.
    Nothing,
    /// Lines whose first word is a module that matters here.
    ModuleLines,
    /// Lines about the file of such a module (`modules.dep`, `modules.builtin`).
    ModuleFiles,
    /// Lines of a kernel configuration about the options of such modules.
    NetfilterOptions,
    /// Symbols of the two FTP helpers.
    HelperSymbols,
    /// Listening sockets, and the head of the table.
    Listening,
    /// Of `/proc/version` the version of Debian's kernel, where it is one.
    DebianVersion,
    /// Lines that begin with one of these words.
    LinesOf(&'static [&'static str]),
    /// Lines that name such a module or a sysctl that is read here. Other lines are
    /// left empty: a line keeps its number.
    Settings,
}

/// The modules that matter here: the helpers by both names that they had, and what
/// the functional probes use.
const MODULES: [&str; 12] = [
    "nf_conntrack_ftp",
    "ip_conntrack_ftp",
    "nf_nat_ftp",
    "ip_nat_ftp",
    "nfnetlink",
    "nf_tables",
    "nf_conntrack",
    "nf_nat",
    "nft_ct",
    "nft_nat",
    "nft_chain_nat",
    "nft_chain_nat_ipv4",
];

/// The options that they are built by, and two that every configuration has.
const OPTIONS: [&str; 10] = [
    "CONFIG_MODULES",
    "CONFIG_NETFILTER",
    "CONFIG_NETFILTER_NETLINK",
    "CONFIG_NF_TABLES",
    "CONFIG_NF_CONNTRACK",
    "CONFIG_NF_CONNTRACK_FTP",
    "CONFIG_NF_NAT",
    "CONFIG_NF_NAT_FTP",
    "CONFIG_NFT_CT",
    "CONFIG_NFT_NAT",
];

/// Last parts of the sysctls that a file of settings may hold.
const SYSCTLS: [&str; 8] = [
    "accept_ra",
    "ip_forward",
    "forwarding",
    "rp_filter",
    "ip_local_port_range",
    "ip_local_reserved_ports",
    "nf_conntrack_helper",
    "nf_conntrack_max",
];

impl Keep {
    /// The part of `text` that is kept.
    #[must_use]
    pub fn of(self, text: &str) -> String {
        let first_word = |line: &str| is_module(line.split_whitespace().next().unwrap_or_default());
        match self {
            Self::All => text.to_owned(),
            Self::Nothing => String::new(),
            Self::ModuleLines => lines(text, first_word)
                .split_inclusive('\n')
                .map(without_address)
                .collect(),
            Self::ModuleFiles => lines(text, |line| module_file(line).is_some_and(is_module)),
            Self::NetfilterOptions => lines(text, |line| {
                let words = || line.split([' ', '=']);
                words().any(|word| OPTIONS.contains(&word))
            }),
            Self::HelperSymbols => {
                let of_helpers =
                    |line: &&str| line.contains("nf_nat_ftp") || line.contains("nf_conntrack_ftp");
                let symbols = text.lines().filter(of_helpers);
                let symbols = symbols.filter_map(|line| line.split_once(' '));
                symbols.fold(String::new(), |all, (_, symbol)| all + "0 " + symbol + "\n")
            }
            Self::Listening => {
                let state = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
                lines(text, |line| {
                    matches!(state(line).as_deref(), Some("0A" | "st")) || line.contains("st tx_")
                })
            }
            Self::DebianVersion => {
                let mut words = text.split_whitespace().skip_while(|word| *word != "Debian");
                words
                    .nth(1)
                    .map_or_else(String::new, |version| format!("Debian {version}\n"))
            }
            Self::LinesOf(words) => lines(text, |line| words.iter().any(|w| line.starts_with(w))),
            Self::Settings => {
                text.lines()
                    .map(|line| if is_setting(line) { line } else { "" })
                    .fold(String::new(), |all, line| all + line + "\n")
                    .trim_end()
                    .to_owned()
                    + "\n"
            }
        }
    }
}

/// A line of `/proc/modules` without where the module lies in memory, which root sees.
fn without_address(line: &str) -> String {
    match line.split_once(" 0x") {
        Some((line, _)) => format!("{line} 0x0\n"),
        None => line.to_owned(),
    }
}

fn lines(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    text.lines()
        .filter(|line| wanted(line))
        .fold(String::new(), |all, line| all + line + "\n")
}

/// Whether a module of this name matters here; `-` and `_` are the same to the
/// kernel.
#[must_use]
pub fn is_module(name: &str) -> bool {
    MODULES.contains(&name.replace('-', "_").as_str())
}

/// The name of the module that a line of `modules.dep` or `modules.builtin` is
/// about: the file before the colon, without its folders and endings.
#[must_use]
pub fn module_file(line: &str) -> Option<&str> {
    let path = line.split(':').next()?.trim();
    let file = path.rsplit('/').next()?;
    let (name, ending) = file.split_once('.')?;
    ending.starts_with("ko").then_some(name)
}

/// Whether a line of a settings file is about what is read here. Comments are not.
fn is_setting(line: &str) -> bool {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return false;
    }
    let words = || line.split([' ', '\t', '=', ',']).filter(|w| !w.is_empty());
    let sysctl = |word: &str| {
        let last = word.rsplit(['.', '/']).next().unwrap_or_default();
        SYSCTLS.contains(&last)
    };
    words().any(|word| is_module(word) || sysctl(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_is_kept() {
        for (keep, text, kept) in [
            (
                Keep::ModuleLines,
                "nf_nat_ftp 16384 0 - Live 0xffffffffc0a4b000\next4 1 1 - Live 0x0\n",
                "nf_nat_ftp 16384 0 - Live 0x0\n",
            ),
            (
                Keep::ModuleFiles,
                "kernel/net/netfilter/nf_nat_ftp.ko.zst: kernel/net/nf_nat.ko.zst\n\
                 kernel/fs/ext4.ko.zst: kernel/net/nf_nat.ko.zst\n",
                "kernel/net/netfilter/nf_nat_ftp.ko.zst: kernel/net/nf_nat.ko.zst\n",
            ),
            (
                Keep::NetfilterOptions,
                "CONFIG_EXT4_FS=y\n# CONFIG_NF_NAT_FTP is not set\n",
                "# CONFIG_NF_NAT_FTP is not set\n",
            ),
            (
                Keep::LinesOf(&["Uid:"]),
                "Name:\tx\nUid:\t0\t0\t0\t0\n",
                "Uid:\t0\t0\t0\t0\n",
            ),
            (
                Keep::Settings,
                "# nf_nat_ftp\nnet.ipv4.ip_forward = 1\nkernel.x=1\ninstall nf-nat-ftp /bin/false\n",
                "\nnet.ipv4.ip_forward = 1\n\ninstall nf-nat-ftp /bin/false\n",
            ),
            (Keep::Settings, "kernel.x=1\n", "\n"),
            (
                Keep::DebianVersion,
                "Linux version 6.1.0-56-amd64 (x@y) (gcc) #1 SMP Debian 6.1.192-2 (2026-10-01)\n",
                "Debian 6.1.192-2\n",
            ),
            (
                Keep::DebianVersion,
                "Linux version 6.18.44 (x@y) (gcc)\n",
                "",
            ),
            (Keep::Nothing, "anything", ""),
        ] {
            assert_eq!(keep.of(text), kept, "{keep:?}");
        }
    }

    #[test]
    fn the_head_of_the_socket_table_stays() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";
        let listens = "   0: 00000000:0015 00000000:0000 0A 00000000:00000000 00:00000000\n";
        let connected = "   1: 0100007F:0015 0100007F:8000 01 00000000:00000000 00:00000000\n";
        let text = format!("{head}{listens}{connected}");
        assert_eq!(Keep::Listening.of(&text), format!("{head}{listens}"));
    }

    #[test]
    fn the_module_of_a_file() {
        for (line, name) in [
            ("kernel/net/netfilter/nf_nat_ftp.ko", Some("nf_nat_ftp")),
            ("kernel/a/nf-x.ko.xz: kernel/b/c.ko.xz", Some("nf-x")),
            ("nf_nat_ftp.txt", None),
            ("", None),
        ] {
            assert_eq!(module_file(line), name, "{line}");
        }
    }
}
