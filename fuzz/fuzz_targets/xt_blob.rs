//! Matches and targets of iptables in their blobs. The input: revision, family, length of
//! the name, name, blob.
#![no_main]

use ftpnat::ruleset::live::table::TableFamily;
use ftpnat::ruleset::live::xt_blob::{read_match, read_target};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [revision, family, length, rest @ ..] = data else {
        return;
    };
    let family = match family % 3 {
        0 => TableFamily::Ip,
        1 => TableFamily::Ip6,
        _ => TableFamily::Inet,
    };
    let (name, info) = rest.split_at(usize::from(*length).min(rest.len()));
    let name = String::from_utf8_lossy(name);
    let _ = read_match(&name, *revision, info, family);
    let _ = read_target(&name, *revision, info, family);
});
