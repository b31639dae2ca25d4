//! A rule as people write it, in the words of one that `iptables-save` printed.
//!
//! Rules that are loaded from a file need no `-m tcp` behind `-p tcp` (`command_default`,
//! `xshared.c`), name ports, and may have the `!` of old behind an option; what is saved
//! has none of that.

/// Options of the match that a protocol implies, whatever match they stand behind.
const IMPLIED: [&str; 9] = [
    "--dport",
    "--destination-port",
    "--sport",
    "--source-port",
    "--tcp-flags",
    "--syn",
    "--tcp-option",
    "--icmp-type",
    "--icmpv6-type",
];

/// Options whose values are ports.
const PORTS: [&str; 10] = [
    "--dport",
    "--destination-port",
    "--sport",
    "--source-port",
    "--dports",
    "--destination-ports",
    "--sports",
    "--source-ports",
    "--ports",
    "--port",
];

/// Long options of the header, which no match has.
const HEADER: [&str; 8] = [
    "--source",
    "--src",
    "--destination",
    "--dst",
    "--in-interface",
    "--out-interface",
    "--protocol",
    "--fragment",
];

/// Services that firewalls name, as `/etc/services` has them.
const SERVICES: [(&str, u16); 18] = [
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("www", 80),
    ("pop3", 110),
    ("ntp", 123),
    ("imap", 143),
    ("imap2", 143),
    ("https", 443),
    ("submission", 587),
    ("ftps-data", 989),
    ("ftps", 990),
    ("imaps", 993),
    ("pop3s", 995),
];

/// The same rule in the words of a saved one.
pub(super) fn as_saved(words: &[String]) -> Vec<String> {
    let mut words = signs_first(words);
    for at in 1..words.len() {
        if PORTS.contains(&words[at - 1].as_str()) {
            words[at] = numbers(&words[at]);
        } else if ["-p", "--protocol"].contains(&words[at - 1].as_str()) {
            words[at] = words[at].to_ascii_lowercase();
        }
    }
    match protocol(&words) {
        Some(protocol) => with_match(&words, &protocol),
        None => words,
    }
}

/// `--dport ! 21` is `! --dport 21`.
fn signs_first(words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    for at in 1..words.len() {
        let has_value = words.get(at + 1).is_some_and(|w| !w.starts_with('-'));
        if words[at] == "!" && words[at - 1].starts_with('-') && has_value {
            words.swap(at - 1, at);
        }
    }
    words
}

/// `ftp-data,ftp,50000:51000` with numbers; what is no known name stays.
fn numbers(value: &str) -> String {
    let mut all = String::new();
    for part in value.split_inclusive([',', ':']) {
        let name = part.trim_end_matches([',', ':']);
        match SERVICES.iter().find(|(known, _)| *known == name) {
            Some((_, port)) => all += &port.to_string(),
            None => all += name,
        }
        all += &part[name.len()..];
    }
    all
}

/// The match that `-p` implies, where there is one.
fn protocol(words: &[String]) -> Option<String> {
    let at = words.iter().position(|w| w == "-p" || w == "--protocol")?;
    let negated = at.checked_sub(1).and_then(|before| words.get(before));
    let name = match words.get(at + 1)?.as_str() {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" | "ipv6-icmp" | "icmpv6" => "icmp6",
        name => name,
    };
    let known = ["tcp", "udp", "icmp", "icmp6", "sctp", "dccp", "udplite"];
    (negated.is_none_or(|w| w != "!") && known.contains(&name)).then(|| name.to_owned())
}

/// The options that the protocol's match has stand behind it.
fn with_match(words: &[String], protocol: &str) -> Vec<String> {
    let mut rest: Vec<String> = Vec::new();
    let mut implied: Vec<String> = Vec::new();
    // The match or target that options stand behind; none: the header.
    let mut group: Option<&str> = None;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let name = word.as_str();
        let is_sign = name == "!";
        let option = if is_sign {
            words.get(at + 1).map_or("", String::as_str)
        } else {
            name
        };
        let begins_group = ["-m", "--match", "-j", "--jump", "-g", "--goto"].contains(&option);
        if begins_group {
            group = words.get(at + 1).map(String::as_str);
        }
        let in_header = group.is_none() && option.starts_with("--") && !HEADER.contains(&option);
        let is_implied =
            !begins_group && group != Some(protocol) && (in_header || IMPLIED.contains(&option));
        let first = at + usize::from(is_sign) + 1;
        let is_value = |w: &&String| *w != "!" && !w.starts_with('-');
        let values = words.get(first..).unwrap_or_default();
        let end = match option {
            "--comment" | "--log-prefix" => first + 1,
            _ => first + values.iter().take_while(is_value).count(),
        };
        let taken = words.get(at..end.min(words.len())).unwrap_or_default();
        if is_implied { &mut implied } else { &mut rest }.extend_from_slice(taken);
        at = end.max(at + 1);
    }
    if implied.is_empty() {
        return words.to_vec();
    }
    let mut pairs = rest.windows(2);
    let named = pairs.position(|pair| pair[0] == "-m" && pair[1] == protocol);
    let place = if let Some(at) = named {
        at + 2
    } else {
        implied.splice(0..0, ["-m".to_owned(), protocol.to_owned()]);
        let target = |w: &String| ["-j", "--jump", "-g", "--goto"].contains(&w.as_str());
        rest.iter().position(target).unwrap_or(rest.len())
    };
    rest.splice(place..place, implied);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn saved(text: &str) -> String {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        as_saved(&words).join(" ")
    }

    #[test]
    fn rules_that_were_written_are_as_if_they_were_saved() {
        for (written, expected) in [
            (
                "-p tcp --dport 21 -j ACCEPT",
                "-p tcp -m tcp --dport 21 -j ACCEPT",
            ),
            (
                "-p TCP --dport ftp -j ACCEPT",
                "-p tcp -m tcp --dport 21 -j ACCEPT",
            ),
            (
                "-m state --state NEW -p tcp --dport 21 -j ACCEPT",
                "-m state --state NEW -p tcp -m tcp --dport 21 -j ACCEPT",
            ),
            (
                "-p tcp -m tcp -m state --state NEW --dport 21 -j ACCEPT",
                "-p tcp -m tcp --dport 21 -m state --state NEW -j ACCEPT",
            ),
            (
                "-p tcp -m multiport --dports ftp-data,ftp,50000:50100 -j ACCEPT",
                "-p tcp -m multiport --dports 20,21,50000:50100 -j ACCEPT",
            ),
            (
                "-p 6 --dport 21 ! --syn -s 192.0.2.1 -j DROP",
                "-p 6 -s 192.0.2.1 -m tcp --dport 21 ! --syn -j DROP",
            ),
            (
                "-i ! lo -p tcp --dport ! 21 -j DROP",
                "! -i lo -p tcp -m tcp ! --dport 21 -j DROP",
            ),
            (
                "-p icmp --icmp-type echo-request -j DROP",
                "-p icmp -m icmp --icmp-type echo-request -j DROP",
            ),
            (
                "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
                "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
            ),
        ] {
            assert_eq!(saved(written), expected, "{written}");
        }
    }

    /// Nor is anything moved in one that was saved.
    #[test]
    fn a_saved_rule_stays_as_it_is() {
        for rule in [
            "-p tcp -m tcp --dport 21 -j ACCEPT",
            "-s 10.77.0.0/16 ! -i lo -p tcp -m state --state NEW -m tcp --dport 21 -j ACCEPT",
            "-p tcp -m tcp ! --dport 21 -m comment --comment --dport -j DROP",
            "! -p tcp -j DROP",
            "-m conntrack ! --ctstate NEW -j DROP",
            "-p tcp -m tcp --dport 21 -j DNAT --to-destination 10.77.0.21:21",
            "-p udp -m udp --dport 53 -j ACCEPT",
            "-j LOG --log-prefix x",
        ] {
            assert_eq!(saved(rule), rule);
        }
    }

    proptest! {
        #[test]
        fn no_word_is_lost(words in prop::collection::vec("(!|-p|tcp|-m|-j|--dport|--syn|21|-s|x)", 0..12)) {
            let mut before: Vec<String> = words.clone();
            let mut after = as_saved(&words);
            if after.len() > before.len() {
                before.extend(["-m".to_owned(), "tcp".to_owned()]);
            }
            before.sort();
            after.sort();
            prop_assert_eq!(before, after);
        }
    }
}
