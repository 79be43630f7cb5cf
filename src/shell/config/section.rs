//! One table of the file: reads its keys, notes what is wrong with them, and at the end what nobody asked for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use ::config::{Map, Value, ValueKind};

use crate::shell::config::catalogue::{Entry, Written};
use crate::shell::config::problem::Problems;
use crate::shell::config::values::{bytes_of, bytes_words, duration_of, duration_words};

/// Longest secret in a file of its own.
const SECRET_BYTES_MAX: u64 = 4096;

/// A table. Every key that is read is known from then on; [`Section::done`] says which are not.
pub(super) struct Section<'a> {
    path: String,
    table: Option<&'a Map<String, Value>>,
    known: RefCell<BTreeSet<String>>,
    problems: &'a Problems,
    dir: &'a Path,
    /// The path with `*` for names.
    pattern: String,
    /// Its keys are names.
    is_free: Cell<bool>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(table: &'a Map<String, Value>, problems: &'a Problems, dir: &'a Path) -> Section<'a> {
        Section { path: String::new(), table: Some(table), ..Section::below(problems, dir) }
    }

    fn below(problems: &'a Problems, dir: &'a Path) -> Section<'a> {
        let (known, is_free) = (RefCell::default(), Cell::new(false));
        Section { path: String::new(), table: None, known, problems, dir, pattern: String::new(), is_free }
    }

    /// Dotted path of `key`, with `*` if it is a name.
    fn pattern(&self, key: &str) -> String {
        let key = if self.is_free.get() { "*" } else { key };
        if self.pattern.is_empty() { key.to_owned() } else { format!("{}.{key}", self.pattern) }
    }

    /// Notes how a key is written.
    fn is(&self, key: &str, written: Written, more: impl FnOnce(&mut Entry)) {
        let entry = || {
            let mut entry = Entry { written, default: None, bounds: None, form: None };
            more(&mut entry);
            entry
        };
        self.problems.read_is(|| self.pattern(key), entry);
    }

    /// Dotted path of `key`.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// An error about `key`.
    pub(super) fn error(&self, key: &str, sentence: impl Into<String>) {
        self.problems.error(&self.path(key), sentence);
    }

    /// Something odd about `key`.
    pub(super) fn warn(&self, key: &str, sentence: impl Into<String>) {
        self.problems.warn(&self.path(key), sentence);
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The table itself is there.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    fn value(&self, key: &str) -> Option<&'a ValueKind> {
        self.known.borrow_mut().insert(key.to_owned());
        self.table?.get(key).map(|value| &value.kind)
    }

    /// A text. A number is taken as its digits, because codes and extensions are often written so.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.is(key, Written::Text, |_| {});
        self.noted_text(key)
    }

    /// A text of a key that has been noted.
    fn noted_text(&self, key: &str) -> Option<String> {
        let value = self.value(key)?;
        let text = text_of(value);
        if text.is_none() {
            self.error(key, format!("{} where a text belongs; put it in quotes", kind_words(value)));
        }
        text
    }

    /// A text that others should not see: `key` itself, or the file that `key_file` names, without the line's end.
    pub(super) fn secret(&self, key: &str) -> Option<String> {
        let in_file = format!("{key}_file");
        let (text, file) = (self.text(key), self.text(&in_file));
        let Some(file) = file else { return text };
        if text.is_some() {
            self.error(&in_file, format!("stands beside {key}; keep one of them"));
        }
        let path = self.dir.join(&file);
        let read = std::fs::File::open(&path).and_then(|file| {
            let mut text = String::new();
            file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text).map(|_| text)
        });
        match read {
            Ok(text) if text.len() as u64 > SECRET_BYTES_MAX => {
                self.error(&in_file, format!("{} is longer than {SECRET_BYTES_MAX} bytes", path.display()));
                None
            }
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                self.error(&in_file, format!("{} cannot be read: {error}", path.display()));
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn text_needed(&self, key: &str, example: &str) -> Option<String> {
        if !self.has(key) {
            self.error(key, format!("is missing; for example {key} = \"{example}\""));
        }
        self.text(key)
    }

    /// A text that `T` reads; `form` says what belongs there and gives an example.
    pub(super) fn parsed<T: FromStr>(&self, key: &str, form: &str) -> Option<T> {
        self.read(key, form, |text| text.parse().ok())
    }

    /// A text that must be there and that `T` reads.
    pub(super) fn parsed_needed<T: FromStr>(&self, key: &str, form: &str) -> Option<T> {
        if !self.has(key) {
            self.error(key, format!("is missing; {form}"));
        }
        self.parsed(key, form)
    }

    /// A text that `read` reads.
    pub(super) fn read<T>(&self, key: &str, form: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.is(key, Written::Text, |entry| entry.form = Some(form.to_owned()));
        self.noted_read(key, form, read)
    }

    /// A text of a key that has been noted, that `read` reads.
    fn noted_read<T>(&self, key: &str, form: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.noted_text(key)?;
        let value = read(&text);
        if value.is_none() {
            self.error(key, format!("{text:?} does not fit; {form}"));
        }
        value
    }

    /// A text that `read` reads or refuses with a sentence.
    pub(super) fn tried<T, E: Display>(&self, key: &str, read: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(key)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(key, format!("{text:?} does not fit; {error}"));
                None
            }
        }
    }

    /// True or false.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        self.is(key, Written::Flag, |entry| entry.default = Some(default.to_string()));
        match self.value(key) {
            None => default,
            Some(ValueKind::Boolean(value)) => *value,
            Some(other) => {
                self.error(key, format!("{} does not fit; write true or false", kind_words(other)));
                default
            }
        }
    }

    /// An integer within `range`.
    pub(super) fn integer<T>(&self, key: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Copy + PartialOrd + Display + TryFrom<i128>,
    {
        self.is(key, Written::Number, |entry| {
            entry.default = Some(default.to_string());
            entry.bounds = Some((range.start().to_string(), range.end().to_string()));
        });
        let Some(value) = self.value(key) else { return default };
        let number = match value {
            ValueKind::I64(n) => Some(i128::from(*n)),
            ValueKind::U64(n) => Some(i128::from(*n)),
            ValueKind::I128(n) => Some(*n),
            ValueKind::U128(n) => i128::try_from(*n).ok(),
            ValueKind::String(text) => text.parse().ok(),
            _ => None,
        };
        match number.and_then(|n| T::try_from(n).ok()).filter(|n| range.contains(n)) {
            Some(number) => number,
            None => {
                let (least, most) = (range.start(), range.end());
                self.error(
                    key,
                    format!(
                        "{} does not fit; write a whole number from {least} to {most}, for example {default}",
                        shown(value)
                    ),
                );
                default
            }
        }
    }

    /// A number with at most three decimals, times 1000.
    pub(super) fn thousandths(&self, key: &str, default: u32, most: u32) -> u32 {
        self.is(key, Written::Decimal, |entry| {
            entry.default = Some((f64::from(default) / 1000.0).to_string());
            entry.bounds = Some(("0".to_owned(), (most / 1000).to_string()));
        });
        let Some(value) = self.value(key) else { return default };
        let number = match value {
            ValueKind::I64(n) => Some(*n as f64),
            ValueKind::U64(n) => Some(*n as f64),
            ValueKind::Float(n) => Some(*n),
            _ => None,
        };
        match number.map(|n| (n * 1000.0).round()).filter(|n| (0.0..=f64::from(most)).contains(n)) {
            // In range by the filter above.
            Some(number) => number as u32,
            None => {
                let most = most / 1000;
                self.error(
                    key,
                    format!("{} does not fit; write a number from 0 to {most}, for example 2.5", shown(value)),
                );
                default
            }
        }
    }

    /// A duration such as `"20s"`, within `range`.
    pub(super) fn duration(&self, key: &str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        self.is(key, Written::Duration, |entry| {
            entry.default = Some(duration_words(default));
            entry.bounds = Some((duration_words(*range.start()), duration_words(*range.end())));
        });
        if !self.has(key) {
            return default;
        }
        let form = format!(
            "write a duration from {} to {}, for example \"{}\"",
            duration_words(*range.start()),
            duration_words(*range.end()),
            duration_words(if range.contains(&default) && !default.is_zero() { default } else { *range.end() })
        );
        self.noted_read(key, &form, |text| duration_of(text).filter(|d| range.contains(d))).unwrap_or(default)
    }

    /// A size such as `"64MB"`, within `range`.
    pub(super) fn bytes(&self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.is(key, Written::Size, |entry| {
            entry.default = Some(bytes_words(default));
            entry.bounds = Some((bytes_words(*range.start()), bytes_words(*range.end())));
        });
        if !self.has(key) {
            return default;
        }
        let form = format!(
            "write a size from {} to {}, for example \"{}\"",
            bytes_words(*range.start()),
            bytes_words(*range.end()),
            bytes_words(default)
        );
        self.noted_read(key, &form, |text| bytes_of(text).filter(|n| range.contains(n))).unwrap_or(default)
    }

    /// A list of texts that `T` reads; empty if it is absent.
    pub(super) fn list<T: FromStr>(&self, key: &str, form: &str) -> Vec<T> {
        self.list_read(key, form, |text| text.parse().ok())
    }

    /// A list of texts that `read` reads; empty if it is absent. One text alone is a list of one.
    pub(super) fn list_read<T>(&self, key: &str, form: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        self.is(key, Written::List, |entry| entry.form = Some(form.to_owned()));
        let values = match self.value(key) {
            None => return Vec::new(),
            Some(ValueKind::Array(values)) => values.iter().map(|v| &v.kind).collect(),
            Some(one) => vec![one],
        };
        let mut found = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            match text_of(value).as_deref().and_then(&read) {
                Some(value) => found.push(value),
                None => self.error(&format!("{key}[{at}]"), format!("{} does not fit; {form}", shown(value))),
            }
        }
        found
    }

    /// A table below this one; absent tables read as empty.
    pub(super) fn section(&self, key: &str) -> Section<'a> {
        let table = match self.value(key) {
            None => None,
            Some(ValueKind::Table(table)) => Some(table),
            Some(other) => {
                self.error(key, format!("{} where a table [{}] belongs", kind_words(other), self.path(key)));
                None
            }
        };
        self.is(key, Written::Table, |_| {});
        let pattern = self.pattern(key);
        Section { path: self.path(key), table, pattern, ..Section::below(self.problems, self.dir) }
    }

    /// The tables below `key`, by name, in the order of their names: `[queues.averias]`.
    pub(super) fn named(&self, key: &str) -> Vec<(String, Section<'a>)> {
        let all = self.section(key);
        all.names().into_iter().map(|name| (name.clone(), all.section(&name))).collect()
    }

    /// The keys of this table in alphabetical order.
    pub(super) fn names(&self) -> Vec<String> {
        self.is_free.set(true);
        self.all_names()
    }

    fn all_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.table.map(|table| table.keys().cloned().collect()).unwrap_or_default();
        names.sort();
        names
    }

    /// The tables of an array of tables: `[[routes]]`.
    pub(super) fn array(&self, key: &str) -> Vec<Section<'a>> {
        self.is(key, Written::Tables, |_| {});
        let values = match self.value(key) {
            None => return Vec::new(),
            Some(ValueKind::Array(values)) => values,
            Some(other) => {
                self.error(key, format!("{} where tables [[{}]] belong", kind_words(other), self.path(key)));
                return Vec::new();
            }
        };
        let mut found = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let path = format!("{}[{at}]", self.path(key));
            match &value.kind {
                ValueKind::Table(table) => {
                    let pattern = format!("{}[]", self.pattern(key));
                    let below = Section::below(self.problems, self.dir);
                    found.push(Section { path, table: Some(table), pattern, ..below });
                }
                other => self.problems.error(&path, format!("{} where a table belongs", kind_words(other))),
            }
        }
        found
    }

    /// Says which keys nobody asked for, with the nearest that exists.
    pub(super) fn done(&self) {
        let known = self.known.borrow();
        for name in self.all_names() {
            if known.contains(&name) {
                continue;
            }
            // Of equals the one that begins alike: people misspell the middle and the end.
            let rank = |k: &String| (distance(k, &name), k.chars().next() != name.chars().next());
            let nearest = known.iter().map(|k| (rank(k), k)).min().filter(|((d, _), k)| *d <= k.len().max(2) / 2);
            match nearest {
                Some((_, nearest)) => self.error(&name, format!("there is no such key; did you mean {nearest:?}?")),
                None => {
                    let all: Vec<&str> = known.iter().map(String::as_str).collect();
                    self.error(&name, format!("there is no such key; there are {}", all.join(", ")));
                }
            }
        }
    }
}

fn text_of(value: &ValueKind) -> Option<String> {
    match value {
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::I64(n) => Some(n.to_string()),
        ValueKind::U64(n) => Some(n.to_string()),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I128(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::Table(_)
        | ValueKind::Array(_) => None,
    }
}

fn shown(value: &ValueKind) -> String {
    match value {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::I64(n) => n.to_string(),
        ValueKind::U64(n) => n.to_string(),
        ValueKind::Float(n) => n.to_string(),
        other => kind_words(other).to_owned(),
    }
}

fn kind_words(value: &ValueKind) -> &'static str {
    match value {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a number",
        ValueKind::Float(_) => "a number with decimals",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}

/// How many letters must change (Levenshtein).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let cost = (diagonal + usize::from(from != *to)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, cost);
            left = cost;
        }
    }
    row.last().copied().unwrap_or(0)
}
