//! What stands in a rule without a module: `-s`, `-d`, `-i`, `-o`, `-p`, `-f`
//! (`save_ipv4_addr`, `save_rule_details` of `iptables/nft-shared.c`, `print_rule4` of
//! `iptables/iptables.c`).

use super::words::{net, option};
use crate::ruleset::live::saved::protocol_name;
use crate::ruleset::live::xt::Header;

/// Adds the header to a line.
pub(super) fn print(line: &mut String, header: &Header) {
    option(line, "-s", header.source.as_ref(), net);
    option(line, "-d", header.destination.as_ref(), net);
    option(line, "-i", header.input.as_ref(), Clone::clone);
    option(line, "-o", header.output.as_ref(), Clone::clone);
    option(line, "-p", header.protocol.as_ref(), |number| {
        protocol_name(*number).map_or_else(|| number.to_string(), str::to_owned)
    });
    if let Some(fragment) = header.fragment {
        line.push_str(if fragment.negated { " ! -f" } else { " -f" });
    }
}
