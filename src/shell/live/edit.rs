//! Small changes of the live document: one object added, set or removed.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::document::{Document, toml_of_json};
use super::kind::{self, Kind, Shape};

/// A change of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// A word or section of [`kind::KINDS`].
    pub kind: String,
    /// Which object; empty for those that are one of their kind.
    pub name: String,
    /// What.
    pub act: Act,
}

/// What is done to an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Act {
    /// It must not be there yet. Keys are dotted, values as typed.
    Add(Vec<(String, String)>),
    /// It must be there.
    Set {
        /// Keys and their new values, as typed.
        set: Vec<(String, String)>,
        /// Keys that take their defaults again.
        unset: Vec<String>,
    },
    /// It must be there, and is no more.
    Remove,
    /// It is this from now on, there before or not.
    Put(serde_json::Value),
    /// It must be there; these keys change, and those that are null go.
    Patch(serde_json::Value),
}

/// Why an edit is no change of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// No such kind or object.
    Unknown {
        /// Kind of what is missing.
        what: String,
        /// Its name.
        name: String,
    },
    /// It is there already.
    Exists {
        /// Kind.
        what: String,
        /// Its name.
        name: String,
    },
    /// It cannot be read.
    Unreadable {
        /// What belongs there.
        sentence: String,
    },
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EditError::Unknown { what, name } => write!(f, "there is no {what} {name:?}"),
            EditError::Exists { what, name } => write!(f, "{what} {name:?} is there already; set what is to change"),
            EditError::Unreadable { sentence } => f.write_str(sentence),
        }
    }
}

impl std::error::Error for EditError {}

fn unreadable<T>(sentence: impl Into<String>) -> Result<T, EditError> {
    Err(EditError::Unreadable { sentence: sentence.into() })
}

/// The kind by its word or section.
pub fn kind_of(text: &str) -> Result<&'static Kind, EditError> {
    kind::named(text).ok_or_else(|| EditError::Unknown { what: "kind of object".to_owned(), name: text.to_owned() })
}

/// Kind and name of an object of a change.
pub fn place_of(object: &str) -> Option<(&'static Kind, &str)> {
    let (section, name) = object.split_once('.').unwrap_or((object, ""));
    kind::of_section(section).map(|kind| (kind, name))
}

/// The document with the change made. Whether it fits is for the check of the whole.
pub fn edited(document: &Document, edit: &Edit) -> Result<Document, EditError> {
    let kind = kind_of(&edit.kind)?;
    match (kind.shape, edit.name.is_empty()) {
        (Shape::Whole, false) => return unreadable(format!("there is only one {}; name none", kind.word)),
        (Shape::Named | Shape::Routes, true) => return unreadable(format!("name the {}", kind.word)),
        (Shape::Whole, true) | (Shape::Named | Shape::Routes, false) => {}
    }
    let mut document = document.clone();
    let before = object(&document, kind, &edit.name).cloned();
    let after = act(kind, &edit.name, before.as_ref(), &edit.act)?;
    put(&mut document, kind, &edit.name, after);
    Ok(document.changed())
}

/// An object of a document.
pub fn object<'a>(document: &'a Document, kind: &Kind, name: &str) -> Option<&'a Value> {
    let section = document.section(kind.section)?;
    match kind.shape {
        Shape::Whole => Some(section),
        Shape::Named => section.get(name),
        Shape::Routes => section.as_array()?.iter().find(|route| kind::route_name(route) == name),
    }
}

/// Puts an object into its place, or takes it out.
pub fn put(document: &mut Document, kind: &Kind, name: &str, value: Option<Value>) {
    match kind.shape {
        Shape::Whole => {
            *document.section_mut(kind.section, Value::Table(Table::new())) =
                value.unwrap_or(Value::Table(Table::new()))
        }
        Shape::Named => {
            let section = document.section_mut(kind.section, Value::Table(Table::new()));
            if let Value::Table(table) = section {
                match value {
                    Some(value) => drop(table.insert(name.to_owned(), value)),
                    None => drop(table.remove(name)),
                }
            }
        }
        Shape::Routes => {
            let section = document.section_mut(kind.section, Value::Array(Vec::new()));
            if let Value::Array(routes) = section {
                let at = routes.iter().position(|route| kind::route_name(route) == name);
                match (at, value) {
                    (Some(at), Some(value)) => routes[at] = value,
                    (Some(at), None) => drop(routes.remove(at)),
                    (None, Some(value)) => routes.push(value),
                    (None, None) => {}
                }
            }
        }
    }
}

fn act(kind: &Kind, name: &str, before: Option<&Value>, act: &Act) -> Result<Option<Value>, EditError> {
    let named = || (kind.word.to_owned(), name.to_owned());
    let known = || match (before, kind.shape) {
        (Some(before), _) => Ok(before.clone()),
        // What is one of its kind is always there, with defaults.
        (None, Shape::Whole) => Ok(Value::Table(Table::new())),
        (None, Shape::Named | Shape::Routes) => {
            let (what, name) = named();
            Err(EditError::Unknown { what, name })
        }
    };
    match act {
        Act::Add(keys) => {
            if before.is_some() {
                let (what, name) = named();
                return Err(EditError::Exists { what, name });
            }
            let mut object = fresh(kind, name);
            set_all(&mut object, keys)?;
            Ok(Some(object))
        }
        Act::Set { set, unset } => {
            let mut object = known()?;
            for key in unset {
                if !remove(&mut object, key) {
                    return Err(EditError::Unknown { what: format!("key of {} {name}", kind.word), name: key.clone() });
                }
            }
            set_all(&mut object, set)?;
            Ok(Some(object))
        }
        Act::Remove => known().map(|_| None),
        Act::Put(value) => match toml_of_json(value) {
            Some(Value::Table(given)) => {
                let mut object = fresh(kind, name);
                if let Value::Table(object) = &mut object {
                    object.extend(given);
                }
                Ok(Some(object))
            }
            _ => unreadable("an object of keys belongs there"),
        },
        Act::Patch(value) => {
            let mut object = known()?;
            if !value.is_object() {
                return unreadable("an object of keys belongs there");
            }
            patch(&mut object, value);
            Ok(Some(object))
        }
    }
}

/// An object of which nothing is said but its name.
fn fresh(kind: &Kind, name: &str) -> Value {
    let mut table = Table::new();
    if kind.shape == Shape::Routes {
        let (dnis, trunk) = name.split_once('@').map_or((name, None), |(dnis, trunk)| (dnis, Some(trunk)));
        table.insert("dnis".to_owned(), Value::String(dnis.to_owned()));
        table.extend(trunk.map(|trunk| ("trunk".to_owned(), Value::String(trunk.to_owned()))));
    }
    Value::Table(table)
}

fn set_all(object: &mut Value, keys: &[(String, String)]) -> Result<(), EditError> {
    for (key, text) in keys {
        set(object, key, text)?;
    }
    Ok(())
}

/// Sets a dotted key; tables on the way are made.
fn set(object: &mut Value, key: &str, text: &str) -> Result<(), EditError> {
    let (way, last) = key.rsplit_once('.').map_or((None, key), |(way, last)| (Some(way), last));
    let mut at = object;
    for part in way.into_iter().flat_map(|way| way.split('.')) {
        let Value::Table(table) = at else { return unreadable(format!("{key}: {part:?} is below no table")) };
        at = table.entry(part.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    }
    let Value::Table(table) = at else { return unreadable(format!("{key}: {last:?} is below no table")) };
    if last.is_empty() {
        return unreadable("a key before = is missing");
    }
    let value = typed(text, table.get(last))?;
    table.insert(last.to_owned(), value);
    Ok(())
}

fn remove(object: &mut Value, key: &str) -> bool {
    match (object, key.split_once('.')) {
        (Value::Table(table), None) => table.remove(key).is_some(),
        (Value::Table(table), Some((first, rest))) => table.get_mut(first).is_some_and(|below| remove(below, rest)),
        _ => false,
    }
}

fn patch(object: &mut Value, with: &serde_json::Value) {
    let (Value::Table(table), serde_json::Value::Object(with)) = (object, with) else { return };
    for (key, value) in with {
        match (value, table.get_mut(key)) {
            (serde_json::Value::Null, _) => drop(table.remove(key)),
            (serde_json::Value::Object(_), Some(before @ Value::Table(_))) => patch(before, value),
            _ => table.extend(toml_of_json(value).map(|value| (key.clone(), value))),
        }
    }
}

/// A value as somebody typed it: TOML where it can only be that, else a text. What was a text stays one: a code of digits is
/// no number.
fn typed(text: &str, before: Option<&Value>) -> Result<Value, EditError> {
    let first = text.chars().next().unwrap_or_default();
    let is_number = {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        are_digits(whole) && are_digits(decimals) && (whole == "0" || !whole.starts_with('0'))
    };
    let is_toml = matches!(first, '[' | '{' | '"' | '\'') || matches!(text, "true" | "false") || is_number;
    if !is_toml || is_number && before.is_some_and(Value::is_str) {
        return Ok(Value::String(text.to_owned()));
    }
    match format!("v = {text}").parse::<Table>().map(|mut table| table.remove("v")) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Ok(Value::String(text.to_owned())),
        Err(error) => unreadable(format!("{text:?} is no value: {}", error.message())),
    }
}

#[cfg(test)]
mod tests;
