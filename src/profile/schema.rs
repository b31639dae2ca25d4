//! The profile as JSON Schema, for editors, and as a list of keys, for
//! ftpnat-profile(5).

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::section::{join, keys_of};
use super::wire::ProfileWire;

/// The JSON Schema (draft 2020-12) of a profile.
#[must_use]
pub fn json_schema() -> Value {
    let inline = |settings: &mut SchemaSettings| settings.inline_subschemas = true;
    let settings = SchemaSettings::draft2020_12().with(inline);
    settings
        .into_generator()
        .into_root_schema_for::<ProfileWire>()
        .to_value()
}

/// What the manual says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDoc {
    /// The key with its sections, such as `nat.external.port`.
    pub path: String,
    /// Whether its section cannot be without it.
    pub required: bool,
    /// Whether it takes a list as well as one value.
    pub list: bool,
    /// What holds where it is absent, as YAML.
    pub default: Option<String>,
    /// The words that it can be, with what they mean.
    pub words: Vec<(String, String)>,
    /// What it is for: a few sentences.
    pub text: String,
}

/// Every key of a profile in the order of the manual, a section before its keys.
#[must_use]
pub fn reference() -> Vec<KeyDoc> {
    let mut docs = Vec::new();
    describe("", &json_schema(), &mut docs);
    docs
}

fn describe(path: &str, section: &Value, docs: &mut Vec<KeyDoc>) {
    for key in keys_of(path) {
        let schema = &section["properties"][*key];
        let path = join(path, key);
        let one = one_of_list(schema);
        let required = section["required"].as_array();
        docs.push(KeyDoc {
            path: path.clone(),
            required: required.is_some_and(|keys| keys.iter().any(|name| name == key)),
            list: one.is_some(),
            default: schema.get("default").map(|value| match value {
                Value::String(word) => word.clone(),
                other => other.to_string(),
            }),
            words: words(schema),
            text: text_of(schema),
        });
        describe(&path, one.unwrap_or(schema), docs);
    }
}

/// The schema of one value, where `schema` is that or a list of it.
fn one_of_list(schema: &Value) -> Option<&Value> {
    let choices = schema["oneOf"].as_array()?;
    choices
        .iter()
        .any(|choice| choice["type"] == "array")
        .then(|| &choices[0])
}

fn words(schema: &Value) -> Vec<(String, String)> {
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    choices
        .filter_map(|choice| Some((choice["const"].as_str()?.to_owned(), text_of(choice))))
        .collect()
}

fn text_of(schema: &Value) -> String {
    schema["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key that the schema has, with its sections.
    fn paths(path: &str, section: &Value, found: &mut Vec<String>) {
        let Some(properties) = section["properties"].as_object() else {
            return;
        };
        assert_eq!(section["additionalProperties"], false, "{path}");
        for (key, schema) in properties {
            let path = join(path, key);
            found.push(path.clone());
            paths(&path, one_of_list(schema).unwrap_or(schema), found);
        }
    }

    /// Whether `value` has only keys and words that `schema` knows.
    fn known(value: &Value, schema: &Value, path: &str) {
        match value {
            Value::Object(entries) => {
                let section = one_of_list(schema).unwrap_or(schema);
                for (key, value) in entries {
                    let path = join(path, key);
                    let schema = section["properties"].get(key);
                    known(value, schema.unwrap_or_else(|| panic!("{path}")), &path);
                }
            }
            Value::Array(items) => {
                let one = one_of_list(schema).unwrap_or_else(|| panic!("{path} is no list"));
                for item in items {
                    known(item, one, path);
                }
            }
            Value::String(text) => {
                let words = words(schema);
                assert!(
                    words.is_empty() || words.iter().any(|(word, _)| word == text),
                    "{path}"
                );
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let mut in_schema = Vec::new();
        paths("", &json_schema(), &mut in_schema);
        let mut read: Vec<_> = reference().into_iter().map(|doc| doc.path).collect();
        assert_eq!(
            read[..4],
            ["name", "server", "server.address", "server.software"]
        );
        in_schema.sort();
        read.sort();
        assert_eq!(in_schema, read);
    }

    #[test]
    fn the_manual_has_a_text_for_everything() {
        for KeyDoc {
            path, text, words, ..
        } in reference()
        {
            assert!(
                text.ends_with('.') && !text.contains('\n'),
                "{path}: {text}"
            );
            assert!(
                words.iter().all(|(_, text)| text.ends_with('.')),
                "{path}: {words:?}"
            );
        }
        let docs = reference();
        let doc = |path| docs.iter().find(|doc| doc.path == path).expect("a key");
        assert!(doc("name").required && !doc("transfers").required);
        assert!(doc("nat.external").list && !doc("nat.internal").list);
        assert_eq!(doc("helper").default.as_deref(), Some("auto"));
        assert_eq!(
            doc("clients").default.as_deref(),
            Some(r#"["0.0.0.0/0","::/0"]"#)
        );
        assert_eq!(doc("control.tls").words.len(), 4);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests touch files")]
    fn shipped_profiles_have_only_keys_of_the_schema() {
        let schema = json_schema();
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
        for entry in std::fs::read_dir(directory).expect("profiles") {
            let text = std::fs::read_to_string(entry.expect("entry").path()).expect("text");
            let value: Value = serde_saphyr::from_str(&text).expect("YAML");
            known(&value, &schema, "");
        }
    }
}
