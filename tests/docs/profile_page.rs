//! ftpnat-profile(5): the keys from the schema, put into
//! `man/ftpnat-profile.5.in`.

use ftpnat::profile::schema::{KeyDoc, reference};

use crate::roff::{filled, literal, tagged};

/// The whole page.
pub(crate) fn page() -> String {
    let keys = reference();
    let modes = keys.iter().find(|key| key.path == "nat.mode");
    let modes: String = modes
        .expect("nat.mode is a key")
        .words
        .iter()
        .map(|(word, text)| tagged(&format!("`{word}`"), text))
        .collect();
    let keys: String = keys.iter().map(key).collect();
    let example = crate::read(&crate::root().join("profiles/own-firewall.yaml"));
    filled(
        &crate::read(&crate::root().join("man/ftpnat-profile.5.in")),
        &[
            ("VERSION", env!("CARGO_PKG_VERSION")),
            ("KEYS", &keys),
            ("MODES", &modes),
            ("EXAMPLE", &literal(&example)),
        ],
    )
}

fn key(key: &KeyDoc) -> String {
    let mut kind = Vec::new();
    if key.required {
        kind.push("required");
    }
    if key.list {
        kind.push("one or a list");
    }
    let kind = if kind.is_empty() {
        String::new()
    } else {
        format!(" ({})", kind.join(", "))
    };
    let mut text = key.text.clone();
    if let Some(default) = &key.default {
        text = format!("{text} Default: `{}`.", as_in_yaml(default));
    }
    let mut entry = tagged(&format!("`{}`{kind}", key.path), &text);
    if key.path == "nat.mode" {
        // Their meaning has a section of its own.
        let words: Vec<_> = key.words.iter().map(|(w, _)| format!("`{w}`")).collect();
        entry += &crate::roff::prose(&format!("One of {}; see below.", words.join(", ")));
    } else if !key.words.is_empty() {
        entry += ".RS\n";
        for (word, text) in &key.words {
            entry += &tagged(&format!("`{word}`"), text);
        }
        entry += ".RE\n";
    }
    entry
}

/// JSON is YAML, but nobody writes a profile like that.
fn as_in_yaml(json: &str) -> String {
    match serde_json::from_str(json) {
        Ok(serde_json::Value::Object(entries)) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| format!("{key}: {}", value.to_string().trim_matches('"')))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Ok(serde_json::Value::Array(items)) => {
            let items: Vec<_> = items.iter().map(ToString::to_string).collect();
            format!("[ {} ]", items.join(", "))
        }
        _ => json.to_owned(),
    }
}
