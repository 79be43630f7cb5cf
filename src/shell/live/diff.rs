//! What is different between two live documents, object by object and key by key, for people and for the audit. Secrets are
//! not told, only that they changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::document::{Document, KEPT, is_secret};

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Other than before.
    Changed,
}

/// A changed object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Such as `queues.averias`.
    pub object: String,
    /// What became of it.
    pub sign: Sign,
    /// Its keys that are different.
    pub keys: Vec<KeyChange>,
}

/// A changed key, its values as TOML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// Dotted, below the object.
    pub key: String,
    /// None: it was not there.
    pub before: Option<String>,
    /// None: it is not there any more.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sign {
            Sign::Added => '+',
            Sign::Removed => '-',
            Sign::Changed => '~',
        };
        write!(f, "{sign} {}", self.object)?;
        for change in &self.keys {
            match (&change.before, &change.after) {
                (Some(before), Some(after)) => write!(f, "\n    ~ {} = {before} -> {after}", change.key)?,
                (None, Some(after)) => write!(f, "\n    + {} = {after}", change.key)?,
                (Some(before), None) => write!(f, "\n    - {} = {before}", change.key)?,
                (None, None) => {}
            }
        }
        Ok(())
    }
}

/// What became of each object that is different, by name.
pub fn diff(before: &Document, after: &Document) -> Vec<Change> {
    let (before, after) = (before.objects(), after.objects());
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let (before, after) = (before.get(name).copied(), after.get(name).copied());
        let sign = match (before, after) {
            (None, _) => Sign::Added,
            (_, None) => Sign::Removed,
            (Some(before), Some(after)) if before == after => continue,
            (Some(_), Some(_)) => Sign::Changed,
        };
        changes.push(Change { object: name.clone(), sign, keys: keys(before, after) });
    }
    changes
}

fn keys(before: Option<&toml::Value>, after: Option<&toml::Value>) -> Vec<KeyChange> {
    let leaves = |value: Option<&toml::Value>| {
        let mut found = BTreeMap::new();
        if let Some(value) = value {
            leaves(value, "", &mut found);
        }
        found
    };
    let (before, after) = (leaves(before), leaves(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let different = names.into_iter().filter(|key| before.get(*key) != after.get(*key));
    different
        .map(|key| {
            let secret = is_secret(key.rsplit('.').next().unwrap_or(key));
            let shown = |value: Option<&String>| if secret { value.map(|_| KEPT.to_owned()) } else { value.cloned() };
            let (before, after) = (shown(before.get(key)), shown(after.get(key)));
            let after =
                if secret && before.is_some() && after.is_some() { Some("(changed)".to_owned()) } else { after };
            KeyChange { key: key.clone(), before, after }
        })
        .collect()
}

/// The values below `value` that are no tables, by their dotted keys.
fn leaves(value: &toml::Value, path: &str, found: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Table(table) if !table.is_empty() => {
            table.iter().for_each(|(key, value)| leaves(value, &below(key), found));
        }
        toml::Value::Array(array) if !array.is_empty() && array.iter().all(toml::Value::is_table) => {
            array.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}[{at}]"), found));
        }
        // An empty object is there all the same, without a key of its own.
        toml::Value::Table(_) if path.is_empty() => {}
        _ => drop(found.insert(path.to_owned(), value.to_string())),
    }
}
