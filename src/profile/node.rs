//! YAML text to a tree in which every key and value knows its place.
//!
//! A derived `Deserialize` stops at the first fault and loses the place of what
//! it refuses, and YAML's own typing turns `name: 1e3` into a number. So this
//! tree keeps each scalar as it is written, and the meaning is given by the key
//! that it stands under.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned, Tagged};

use super::error::{Faults, Read};
use super::syntax::{NO_TAGS, WITHOUT_TAG, explain};

/// A value and its bytes in the text.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it is written; of a list or mapping, its first key or mark.
    pub(super) span: Range<usize>,
    /// What is written.
    pub(super) value: Value,
}

impl Node {
    /// The text of a scalar.
    pub(super) fn word(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// What YAML can say in a profile.
#[derive(Debug)]
pub(super) enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// A word, number or text.
    Scalar {
        /// As written, without quotes.
        text: String,
        /// Whether it stood in quotes or in a block, and so is text for certain.
        quoted: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file, with its duplicates.
    Map(Vec<(Node, Node)>),
}

/// Reads the one document of `text`. A syntax error is the only fault then:
/// what follows it would be guessing.
pub(super) fn read(text: &str, faults: &mut Faults) -> Read<Node> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: 10_000,
            max_depth: 16,
            max_anchors: 0,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Raw>(text, options) {
        Ok(raw) => Ok(raw.settle(text, faults)),
        Err(error) => {
            let span = error
                .location()
                .map_or(0..0, |location| place(&location, text));
            let (message, help) = explain(&error);
            Err(match help {
                Some(help) => faults.refuse(&span, message, help),
                None => faults.refuse_bare(&span, message),
            })
        }
    }
}

/// The bytes of a place. Syntax errors count it in characters only.
fn place(location: &Location, text: &str) -> Range<usize> {
    let span = location.span();
    let bytes = span.byte_offset().zip(span.byte_len());
    let exact = bytes.and_then(|(offset, len)| {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        text.get(start..end).map(|_| start..end)
    });
    exact.unwrap_or_else(|| {
        let characters = usize::try_from(span.offset()).unwrap_or(usize::MAX);
        let rest = text.char_indices().nth(characters);
        rest.map_or(text.len()..text.len(), |(at, c)| at..at + c.len_utf8())
    })
}

/// The tree as serde-saphyr hands it over.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Raw(Spanned<Tagged<RawValue>>);

enum RawValue {
    Null,
    Text(String),
    /// A boolean or number; its text is in the source.
    Typed,
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

impl Raw {
    /// Gives scalars their text, and refuses what a profile does not use.
    fn settle(self, text: &str, faults: &mut Faults) -> Node {
        let Spanned {
            value: Tagged(value, tag),
            defined,
            ..
        } = self.0;
        let mut span = place(&defined, text);
        if tag.is_some() {
            let start = tag_start(text, span.start);
            faults.refuse(&(start..span.end.max(start + 1)), NO_TAGS, WITHOUT_TAG);
        }
        let source = text[span.clone()].trim_end();
        let value = match value {
            RawValue::Null => Value::Null,
            RawValue::Typed => Value::Scalar {
                text: source.to_owned(),
                quoted: false,
            },
            RawValue::Text(text) => {
                let quoted = source.starts_with(['"', '\'', '|', '>']);
                Value::Scalar { text, quoted }
            }
            RawValue::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| item.settle(text, faults))
                    .collect(),
            ),
            RawValue::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.settle(text, faults), value.settle(text, faults)))
                    .collect(),
            ),
        };
        // A marker under trailing blanks or a whole block helps nobody.
        span.end = span.start + source.lines().next().unwrap_or_default().trim_end().len();
        Node { span, value }
    }
}

/// Where the tag before `at` begins; `at` itself where the span has it.
fn tag_start(text: &str, at: usize) -> usize {
    if text[at..].starts_with('!') {
        return at;
    }
    text[..at]
        .rfind('!')
        .map_or(at, |mark| text[..mark].trim_end_matches('!').len())
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Build)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }

    fn visit_i128<E>(self, _: i128) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }

    fn visit_u128<E>(self, _: u128) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }

    fn visit_str<E>(self, text: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(RawValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(RawValue::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in one line, each node with the text of its span.
    fn show(node: &Node, text: &str) -> String {
        let at = &text[node.span.clone()];
        match &node.value {
            Value::Null => format!("null@{at}"),
            Value::Scalar { text, quoted } => {
                format!("{}{text}@{at}", if *quoted { "q:" } else { "" })
            }
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|i| show(i, text)).collect();
                format!("[{}]@{at}", items.join(", "))
            }
            Value::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(k, v)| format!("{}: {}", show(k, text), show(v, text)))
                    .collect();
                format!("{{{}}}@{at}", entries.join(", "))
            }
        }
    }

    fn tree(text: &str) -> String {
        let mut faults = Faults::default();
        match read(text, &mut faults) {
            Ok(node) if faults.is_empty() => show(&node, text),
            _ => faults.locate("f", text).to_string(),
        }
    }

    #[test]
    fn scalars_stay_as_written() {
        for word in [
            "1e3",
            "0x10",
            "0o17",
            "017",
            "1_000",
            "on",
            "yes",
            "true",
            "True",
            ".nan",
            "-.inf",
            "12345678901234567890123",
            "99999999999999999999999999999999999999999999",
            "2001:db8::1",
            "::/0",
            "10.0.0.1",
            "1:2",
            "50000-51000",
            "+1",
            "-1",
            "21.0",
            "2024-01-01",
        ] {
            assert_eq!(
                tree(&format!("a: {word}   # x\n")),
                format!("{{a@a: {word}@{word}}}@")
            );
            assert_eq!(tree(&format!("[{word}]")), format!("[{word}@{word}]@["));
            assert_eq!(
                tree(&format!("[ {word}, 1 ]")),
                format!("[{word}@{word}, 1@1]@[")
            );
        }
    }

    #[test]
    fn quotes_and_folding_are_undone() {
        assert_eq!(tree("a: 'it''s'\n"), "{a@a: q:it's@'it''s'}@");
        assert_eq!(tree("a: \"b\\t\"\n"), "{a@a: q:b\t@\"b\\t\"}@");
        assert_eq!(tree("a: x\n  y\n"), "{a@a: x y@x}@");
        assert_eq!(tree("a:\r\n  b: 1\r\n"), "{a@a: {b@b: 1@1}@}@");
    }

    #[test]
    fn duplicates_and_nulls_are_seen() {
        assert_eq!(tree("a: 1\na: 2\n"), "{a@a: 1@1, a@a: 2@2}@");
        assert_eq!(
            tree("a: ~\nb: null\nc:\n"),
            "{a@a: null@~, b@b: null@null, c@c: null@}@"
        );
        assert_eq!(tree(""), "null@");
    }

    #[test]
    fn demands_on_types_are_tags() {
        for text in [
            "a: !!int x",
            "a: !!bool x",
            "a: !!binary x",
            "!!float a: b",
            "a: !t\n  b: 1",
        ] {
            assert!(tree(text).contains(NO_TAGS), "{text}");
        }
    }
}
