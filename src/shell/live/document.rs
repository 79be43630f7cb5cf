//! The live document: the sections of the configuration that change while calls run, as one tree with the same keys as in
//! the file, and as TOML in a stable order.

use std::collections::BTreeMap;

use ::config::{Map, Value, ValueKind};
use toml::Table;

/// The sections of the live document, in the order in which they are written. All others are static: they stay in the file.
pub const LIVE: [&str; 19] = [
    "accounts",
    "acd",
    "agents",
    "calendars",
    "calls",
    "codes",
    "decks",
    "dispositions",
    "extensions",
    "mailboxes",
    "menus",
    "outside",
    "queues",
    "reasons",
    "routes",
    "segments",
    "skills",
    "stations",
    "tariff",
];

/// Largest document as text; a larger one is refused.
pub const DOCUMENT_BYTES_MAX: usize = 8 << 20;

/// Keys whose values are not shown.
const SECRETS: [&str; 3] = ["md5", "password", "sha256"];
/// Stands for a secret that stays as it is.
pub const KEPT: &str = "(kept)";

const HEAD: &str = "\
# Live configuration, as written by `turno export`: everything that changes while calls run. `turno apply FILE` takes it
# again, whole or not at all. \"(kept)\" stands for a secret that stays as it is.

";

/// The live sections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(Table);

impl Document {
    /// The live sections of a whole configuration.
    pub fn of(tree: &Map<String, Value>) -> Document {
        let live = LIVE.into_iter().filter_map(|section| {
            let value = toml_of(&tree.get(section)?.kind)?;
            Some((section.to_owned(), value))
        });
        Document(live.collect()).settled()
    }

    /// Those of a text, and the names of its other sections.
    pub fn parse(text: &str) -> Result<(Document, Vec<String>), String> {
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let others: Vec<String> = table.keys().filter(|key| !LIVE.contains(&key.as_str())).cloned().collect();
        others.iter().for_each(|key| drop(table.remove(key)));
        table.iter_mut().for_each(|(_, value)| plain(value));
        Ok((Document(table), others))
    }

    /// An empty section says what no section says.
    fn settled(mut self) -> Document {
        self.0.retain(|_, value| match value {
            toml::Value::Table(table) => !table.is_empty(),
            toml::Value::Array(array) => !array.is_empty(),
            _ => true,
        });
        self
    }

    /// Names of its sections.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// This document with the sections of `other` instead of its own.
    pub fn with(mut self, other: Document) -> Document {
        self.0.extend(other.0);
        self.settled()
    }

    /// Without a section.
    pub fn without(mut self, section: &str) -> Document {
        self.0.remove(section);
        self
    }

    /// A section.
    pub fn section(&self, section: &str) -> Option<&toml::Value> {
        self.0.get(section)
    }

    /// A section to change; made as `empty` if it is not there.
    pub(super) fn section_mut(&mut self, section: &str, empty: toml::Value) -> &mut toml::Value {
        self.0.entry(section.to_owned()).or_insert(empty)
    }

    /// After changes of sections.
    pub fn changed(self) -> Document {
        self.settled()
    }

    /// As TOML: sections and keys by name, lists in their order.
    pub fn text(&self) -> String {
        let body = toml::to_string_pretty(&self.0).expect("a tree of TOML values is TOML");
        format!("{HEAD}{body}")
    }

    /// As the configuration reads it.
    pub fn values(&self) -> Map<String, Value> {
        self.0.iter().map(|(key, value)| (key.clone(), value_of(value))).collect()
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::Value::Object(self.0.iter().map(|(key, value)| (key.clone(), json_of(value))).collect())
    }

    /// With [`KEPT`] instead of every secret.
    pub fn masked(&self) -> Document {
        let mut masked = self.clone();
        masked.0.iter_mut().for_each(|(_, value)| mask(value));
        masked
    }

    /// Puts the secrets of `from` where this has [`KEPT`]. Gives the keys that `from` has no secret for.
    pub fn unmask(&mut self, from: &Document) -> Vec<String> {
        let mut missing = Vec::new();
        for (key, value) in &mut self.0 {
            unmask(value, from.0.get(key), key, &mut missing);
        }
        missing
    }

    /// Its objects by their names, such as `queues.averias`; those of one of a kind by their section.
    pub fn objects(&self) -> BTreeMap<String, &toml::Value> {
        let mut found = BTreeMap::new();
        for (section, value) in &self.0 {
            match (super::kind::of_section(section).map(|kind| kind.shape), value) {
                (Some(super::kind::Shape::Named), toml::Value::Table(table)) => {
                    found.extend(table.iter().map(|(name, value)| (format!("{section}.{name}"), value)));
                }
                (Some(super::kind::Shape::Routes), toml::Value::Array(routes)) => {
                    for route in routes {
                        let name = format!("{section}.{}", super::kind::route_name(route));
                        // Two of one name are refused by the check; until then both are seen.
                        let again = found.keys().filter(|key| **key == name || key.starts_with(&format!("{name}#")));
                        let name = match again.count() {
                            0 => name,
                            n => format!("{name}#{}", n + 1),
                        };
                        found.insert(name, route);
                    }
                }
                _ => drop(found.insert(section.clone(), value)),
            }
        }
        found
    }
}

/// Whether the value of a key is not shown.
pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

fn mask(value: &mut toml::Value) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                if is_secret(key) && value.is_str() {
                    *value = toml::Value::String(KEPT.to_owned());
                } else {
                    mask(value);
                }
            }
        }
        toml::Value::Array(array) => array.iter_mut().for_each(mask),
        _ => {}
    }
}

fn unmask(value: &mut toml::Value, from: Option<&toml::Value>, path: &str, missing: &mut Vec<String>) {
    let toml::Value::Table(table) = value else { return };
    for (key, value) in table {
        let from = from.and_then(|from| from.get(key));
        let path = format!("{path}.{key}");
        if is_secret(key) && value.as_str() == Some(KEPT) {
            match from {
                Some(from) => *value = from.clone(),
                None => missing.push(path),
            }
        } else {
            unmask(value, from, &path, missing);
        }
    }
}

/// Dates without quotes are read as their text, as the file's are.
fn plain(value: &mut toml::Value) {
    match value {
        toml::Value::Datetime(date) => *value = toml::Value::String(date.to_string()),
        toml::Value::Array(array) => array.iter_mut().for_each(plain),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| plain(value)),
        toml::Value::String(_) | toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {}
    }
}

fn toml_of(kind: &ValueKind) -> Option<toml::Value> {
    Some(match kind {
        ValueKind::Nil => return None,
        ValueKind::Boolean(value) => toml::Value::Boolean(*value),
        ValueKind::I64(value) => toml::Value::Integer(*value),
        ValueKind::I128(value) => toml::Value::Integer(i64::try_from(*value).ok()?),
        ValueKind::U64(value) => toml::Value::Integer(i64::try_from(*value).ok()?),
        ValueKind::U128(value) => toml::Value::Integer(i64::try_from(*value).ok()?),
        ValueKind::Float(value) => toml::Value::Float(*value),
        ValueKind::String(value) => toml::Value::String(value.clone()),
        ValueKind::Table(table) => {
            let values = table.iter().filter_map(|(key, value)| Some((key.clone(), toml_of(&value.kind)?)));
            toml::Value::Table(values.collect())
        }
        ValueKind::Array(array) => toml::Value::Array(array.iter().filter_map(|value| toml_of(&value.kind)).collect()),
    })
}

fn value_of(value: &toml::Value) -> Value {
    let kind = match value {
        toml::Value::String(text) => ValueKind::String(text.clone()),
        toml::Value::Integer(number) => ValueKind::I64(*number),
        toml::Value::Float(number) => ValueKind::Float(*number),
        toml::Value::Boolean(flag) => ValueKind::Boolean(*flag),
        toml::Value::Datetime(date) => ValueKind::String(date.to_string()),
        toml::Value::Array(array) => ValueKind::Array(array.iter().map(value_of).collect()),
        toml::Value::Table(table) => {
            ValueKind::Table(table.iter().map(|(key, value)| (key.clone(), value_of(value))).collect())
        }
    };
    Value::new(None, kind)
}

/// A value as JSON.
pub fn json_of(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.clone().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(array) => array.iter().map(json_of).collect(),
        toml::Value::Table(table) => {
            serde_json::Value::Object(table.iter().map(|(key, value)| (key.clone(), json_of(value))).collect())
        }
    }
}

/// JSON as a value of the document; none for null, and for numbers that are none of ours.
pub(super) fn toml_of_json(value: &serde_json::Value) -> Option<toml::Value> {
    Some(match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(flag) => toml::Value::Boolean(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => toml::Value::Integer(number),
            None => toml::Value::Float(number.as_f64()?),
        },
        serde_json::Value::String(text) => toml::Value::String(text.clone()),
        serde_json::Value::Array(array) => toml::Value::Array(array.iter().filter_map(toml_of_json).collect()),
        serde_json::Value::Object(object) => {
            let values = object.iter().filter_map(|(key, value)| Some((key.clone(), toml_of_json(value)?)));
            toml::Value::Table(values.collect())
        }
    })
}
