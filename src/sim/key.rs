//! Keys of a scenario file: what a fault calls them, and on which line of the file they stand.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// A key of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    told: String,
    way: Vec<Step>,
}

/// One step from the top of the file to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Named(String),
    Nth(usize),
}

impl Key {
    /// `of` of the `n`-th `[[list]]`, which is called `name`, or by nothing.
    pub(crate) fn nth(list: &str, n: usize, name: Option<&str>, of: &str) -> Key {
        let told = name.map_or_else(|| format!("{list}.{of}"), |name| format!("{list} {name}: {of}"));
        let mut way = vec![Step::Named(list.to_owned()), Step::Nth(n)];
        way.extend(of.split('.').map(|part| Step::Named(part.to_owned())));
        Key { told, way }
    }

    /// The same key, which stands elsewhere in its table than it is told.
    pub(crate) fn through(mut self, steps: &[&str]) -> Key {
        self.way.truncate(2);
        self.way.extend(steps.iter().map(|part| Step::Named((*part).to_owned())));
        self
    }

    /// The `n`-th of the list that the last step but one names.
    pub(crate) fn at(mut self, n: usize) -> Key {
        let last = self.way.len().saturating_sub(1);
        self.way.insert(last, Step::Nth(n));
        self
    }

    /// The line of `text` on which it stands, from 1: that of its table where the table does not have it; none: neither
    /// stands there.
    pub(crate) fn line_in(&self, text: &str) -> Option<usize> {
        let whole = DeTable::parse(text).ok()?;
        let whole = DeValue::Table(whole.into_inner());
        let (mut value, mut begins) = (&whole, None);
        for step in &self.way {
            let found = match (step, value) {
                (Step::Named(name), DeValue::Table(table)) => table
                    .iter()
                    .find(|(key, _)| key.get_ref() == name)
                    .map(|(key, value)| (value.get_ref(), key.span().start)),
                (Step::Nth(n), DeValue::Array(list)) => list.get(*n).map(|value| (value.get_ref(), value.span().start)),
                _ => None,
            };
            let Some((next, at)) = found else { break };
            (value, begins) = (next, Some(at));
        }
        begins.map(|at| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count())
    }
}

impl From<&str> for Key {
    /// One outside all lists: `hours`, `ring.limit_s`.
    fn from(told: &str) -> Key {
        Key { told: told.to_owned(), way: told.split('.').map(|part| Step::Named(part.to_owned())).collect() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}
