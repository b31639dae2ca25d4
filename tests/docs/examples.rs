//! Commands as documents show them.

use clap::Parser as _;
use ftpnat::cli::Cli;

/// The calls of ftpnat in a line of shell: what stands between pipes and `&&`,
/// without redirections.
pub(crate) fn ftpnat_parts(line: &str) -> Vec<String> {
    line.split(['|', '&', ';'])
        .map(str::trim)
        .map(|part| part.strip_prefix("sudo ").unwrap_or(part))
        .filter(|part| *part == "ftpnat" || part.starts_with("ftpnat "))
        .map(|part| {
            let end = part.find(['<', '>', '#']).unwrap_or(part.len());
            part[..end].trim().to_owned()
        })
        .collect()
}

/// Whether clap takes it: help and version are answers, too.
pub(crate) fn assert_parses(command: &str) {
    if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
        assert!(!error.use_stderr(), "`{command}` cannot be typed: {error}");
    }
}

#[test]
fn calls_are_found_in_a_line_of_shell() {
    assert_eq!(
        ftpnat_parts("iptables-save -c | sudo ftpnat emit iptables --base - -p a.yaml > after"),
        ["ftpnat emit iptables --base - -p a.yaml"]
    );
    assert_eq!(ftpnat_parts("ftpnat-other x | nft -f -"), [""; 0]);
}

#[test]
#[should_panic(expected = "cannot be typed")]
fn a_command_that_does_not_exist_is_found() {
    assert_parses("ftpnat emit pf --base none -p a.yaml");
}
