//! YAML's syntax errors in the words of a profile's author.

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

use super::error::escape;

/// What the scanner says, by a piece of it, in the words of a profile's author:
/// the fault, and what would be right. What is not listed is passed on.
const SYNTAX: &[(&str, &str, &str)] = &[
    ("recursion limit", TOO_DEEP, FOUR_LEVELS),
    (
        "tabs disallowed",
        "a tab in the indentation",
        "indent with spaces",
    ),
    (
        "unclosed bracket '['",
        "the list is not closed",
        "close it with ]",
    ),
    (
        "unclosed bracket '{'",
        "the mapping is not closed",
        "close it with }",
    ),
    (
        "unclosed quote",
        "the quote is not closed",
        "close it at the end of the value",
    ),
    (
        "mapping values are not allowed",
        "a second key on one line",
        "give it a line of its own, or put text with a colon in quotes",
    ),
    (
        "anchor or alias",
        NO_ALIASES,
        "write the value out, or put text with * or & in quotes",
    ),
    (
        "unexpected character: `@'",
        "a value cannot begin with @",
        "put it in quotes",
    ),
    (
        "unexpected character: ``'",
        "a value cannot begin with `",
        "put it in quotes",
    ),
    (
        "unexpected character: `%'",
        "a value cannot begin with %",
        "put it in quotes",
    ),
];

/// What is said of a mapping in a mapping in a mapping, and so on.
const TOO_DEEP: &str = "nested deeper than 16 levels";
const FOUR_LEVELS: &str = "a profile has at most 4 levels";
/// What is said of an alias.
const NO_ALIASES: &str = "aliases are not used in a profile";
/// What is said of a tag.
pub(super) const NO_TAGS: &str = "tags are not used in a profile";
/// What is right instead of a tag.
pub(super) const WITHOUT_TAG: &str = "leave the tag out: the key says what the value is";

/// A syntax error in the words of a profile's author.
pub(super) fn explain(error: &Error) -> (String, Option<&'static str>) {
    let refused = |message: &str, help| (message.to_owned(), Some(help));
    match error.without_snippet() {
        Error::MultipleDocuments { .. } => refused(
            "a second document begins here",
            "one file is one server: put the second profile into its own file",
        ),
        Error::Budget {
            breach: BudgetBreach::Anchors { .. },
            ..
        } => refused(
            "anchors are not used in a profile",
            "write the value out where it is needed",
        ),
        Error::UnknownAnchor { .. } => refused(
            NO_ALIASES,
            "write the value out, or put text with * in quotes",
        ),
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => refused(TOO_DEEP, FOUR_LEVELS),
        Error::Budget {
            breach: BudgetBreach::Nodes { .. },
            ..
        } => refused("more than 10,000 values", "one file is one server"),
        // Untyped scalars are never wrong, so a type was demanded by a tag.
        Error::InvalidScalar { .. }
        | Error::InvalidBooleanStrict { .. }
        | Error::InvalidBinaryBase64 { .. }
        | Error::BinaryNotUtf8 { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. } => refused(NO_TAGS, WITHOUT_TAG),
        Error::ExternalMessage { msg, .. } | Error::Message { msg, .. } => {
            match SYNTAX.iter().find(|(piece, ..)| msg.contains(piece)) {
                Some((_, message, help)) => refused(message, help),
                None => (format!("not valid YAML: {}", escape(msg)), None),
            }
        }
        other => {
            let text = other.to_string();
            (
                format!(
                    "not valid YAML: {}",
                    escape(text.lines().next().unwrap_or_default())
                ),
                None,
            )
        }
    }
}
