//! Mappings with known keys.

use std::ops::Range;

use super::error::{Faults, Read, quote};
use super::node::{Node, Value};

/// Every mapping of a profile and its keys, in the order of the manual.
pub(super) const SECTIONS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "name",
            "server",
            "control",
            "passive",
            "active",
            "nat",
            "clients",
            "transfers",
            "helper",
        ],
    ),
    ("server", &["address", "software"]),
    ("control", &["port", "tls"]),
    ("passive", &["ports", "advertise"]),
    ("nat", &["mode", "external", "internal", "hairpin"]),
    ("nat.external", &["address", "interface", "port"]),
    ("nat.internal", &["interface", "networks"]),
];

/// How a section is written, for those who gave it one value.
const EXAMPLES: &[(&str, &str)] = &[
    ("server", "{ address: 10.77.0.21 }"),
    ("control", "{ port: 21, tls: required }"),
    ("passive", "{ ports: 50000-51000 }"),
    ("nat", "{ mode: dnat, external: { interface: eth0 } }"),
    ("nat.external", "{ address: 203.0.113.10, interface: eth0 }"),
    (
        "nat.internal",
        "{ interface: eth1, networks: [ 10.77.0.0/24 ] }",
    ),
];

/// A key that was found, and what stands under it.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    /// The key with its sections, such as `nat.external.port`.
    pub(super) path: String,
    /// Where the key is written.
    pub(super) key: &'a Range<usize>,
    /// Its value.
    pub(super) node: &'a Node,
}

impl<'a> Field<'a> {
    /// Where the value is written; the key, where a value has no place.
    pub(super) fn span(&self) -> &'a Range<usize> {
        if self.node.span.is_empty() {
            self.key
        } else {
            &self.node.span
        }
    }

    /// Refuses the value: `what` follows the key, as in `passive.ports: …`.
    pub(super) fn refuse<T>(&self, faults: &mut Faults, what: &str, help: &str) -> Read<T> {
        Err(faults.refuse(self.span(), format!("{}: {what}", self.path), help))
    }

    /// The values of a key that takes one or a list of them; at least one.
    pub(super) fn one_or_list(&self, faults: &mut Faults) -> Read<Vec<Field<'a>>> {
        let Value::List(items) = &self.node.value else {
            return Ok(vec![self.clone()]);
        };
        if items.is_empty() {
            return self.refuse(
                faults,
                "the list is empty",
                "leave the key out, or fill the list",
            );
        }
        let each = |node| Field {
            path: self.path.clone(),
            key: self.key,
            node,
        };
        Ok(items.iter().map(each).collect())
    }

    /// Refuses a missing value.
    pub(super) fn refuse_null<T>(&self, faults: &mut Faults) -> Read<T> {
        let help = "give it a value; a key that is not needed is left out";
        Err(faults.refuse(self.span(), format!("{} has no value", self.path), help))
    }
}

/// A mapping whose keys are known.
#[derive(Debug)]
pub(super) struct Section<'a> {
    path: &'static str,
    at: Range<usize>,
    fields: Vec<Field<'a>>,
}

impl<'a> Section<'a> {
    /// The whole document.
    pub(super) fn top(root: &'a Node, faults: &mut Faults) -> Read<Self> {
        match &root.value {
            Value::Map(entries) => Ok(Self::read("", &root.span, entries, faults)),
            Value::Null => Err(faults.refuse(
                &root.span,
                "the profile is empty",
                "it needs at least a name and passive.ports; ftpnat init writes one",
            )),
            Value::List(_) | Value::Scalar { .. } => Err(faults.refuse(
                &root.span,
                "a profile is a mapping, such as \"name: office-ftp\"",
                "one file is one server: begin its lines with keys",
            )),
        }
    }

    /// The mapping under a key.
    pub(super) fn open(path: &'static str, field: &Field<'a>, faults: &mut Faults) -> Read<Self> {
        match &field.node.value {
            Value::Map(entries) => Ok(Self::read(path, field.span(), entries, faults)),
            Value::Null => field.refuse_null(faults),
            Value::List(_) | Value::Scalar { .. } => {
                let example = EXAMPLES.iter().find(|(section, _)| *section == path);
                let (_, example) = example.copied().unwrap_or_default();
                let key = path.rsplit('.').next().unwrap_or_default();
                let help = format!("write {key}: {example}");
                field.refuse(faults, "keys are expected here", &help)
            }
        }
    }

    fn read(
        path: &'static str,
        at: &Range<usize>,
        entries: &'a [(Node, Node)],
        faults: &mut Faults,
    ) -> Self {
        let mut section = Self {
            path,
            at: at.clone(),
            fields: Vec::new(),
        };
        let mut unknown = Vec::new();
        for (key, node) in entries {
            let Some(word) = key.word() else {
                let help = format!("known keys here: {}", keys_of(path).join(", "));
                faults.refuse(&key.span, "a key is one word", help);
                continue;
            };
            if !keys_of(path).contains(&word) {
                unknown.push((word, key, node));
            } else if let Some(first) = section.get(word) {
                let message = format!("{} is written twice", first.path);
                let help = "keep one; where a list is allowed, write [ first, second ]";
                faults.refuse_second(&key.span, (first.key, "first"), message, help);
            } else {
                section.fields.push(Field {
                    path: join(path, word),
                    key: &key.span,
                    node,
                });
            }
        }
        for (word, key, node) in unknown {
            refuse_key(path, word, &key.span, faults);
            // Read on under the key that was meant: it is not missing, and its
            // own faults are to be seen too.
            if let Some(meant) = nearest(word, keys_of(path).iter().copied())
                && section.get(meant).is_none()
            {
                section.fields.push(Field {
                    path: join(path, meant),
                    key: &key.span,
                    node,
                });
            }
        }
        section
    }

    /// What stands under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Field<'a>> {
        let path = join(self.path, key);
        self.fields.iter().find(|field| field.path == path)
    }

    /// What stands under a key that must be there; `help` says what to write.
    pub(super) fn required(&self, key: &str, help: &str, faults: &mut Faults) -> Read<&Field<'a>> {
        self.get(key).ok_or_else(|| {
            let message = format!("{} is missing", join(self.path, key));
            faults.refuse(&self.at, message, help)
        })
    }

    /// Where the mapping begins.
    pub(super) fn at(&self) -> &Range<usize> {
        &self.at
    }
}

/// The keys of a section.
pub(super) fn keys_of(path: &str) -> &'static [&'static str] {
    SECTIONS
        .iter()
        .find(|(section, _)| *section == path)
        .map_or(&[], |(_, keys)| keys)
}

/// The path of a key in a section.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn refuse_key(path: &str, key: &str, span: &Range<usize>, faults: &mut Faults) {
    if key == "<<" {
        let help = "write out the keys that the server needs";
        faults.refuse(span, "merge keys are not used in a profile", help);
        return;
    }
    let elsewhere = || {
        let homes: Vec<&str> = SECTIONS
            .iter()
            .filter(|(_, keys)| keys.contains(&key))
            .map(|(section, _)| {
                if section.is_empty() {
                    "the top level"
                } else {
                    section
                }
            })
            .collect();
        (!homes.is_empty()).then(|| format!("\"{key}\" is a key of {}", homes.join(" and of ")))
    };
    let help = did_you_mean(key, keys_of(path).iter().copied())
        .or_else(elsewhere)
        .unwrap_or_else(|| format!("known keys here: {}", keys_of(path).join(", ")));
    let place = if path.is_empty() {
        String::new()
    } else {
        format!(" in {path}")
    };
    faults.refuse(span, format!("unknown key {}{place}", quote(key)), help);
}

/// A question that names the candidate nearest to `word`, if one is near.
pub(super) fn did_you_mean(
    word: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean \"{candidate}\"?"))
}

/// The candidate nearest to `word`, if one is near.
fn nearest(word: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let word: String = word
        .chars()
        .take(40)
        .collect::<String>()
        .to_lowercase()
        .replace('_', "-");
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let of = |word| did_you_mean(word, keys_of("").iter().copied());
        assert_eq!(of("pasive").as_deref(), Some("did you mean \"passive\"?"));
        assert_eq!(of("Name").as_deref(), Some("did you mean \"name\"?"));
        assert_eq!(of("firewall"), None);
        assert_eq!(of(&"x".repeat(100_000)), None);
    }
}
