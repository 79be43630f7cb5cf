//! Problems of a configuration, each with its line.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::shell::config::catalogue::{Catalogue, Entry};
use crate::shell::config::source::{HELD, Source, Sources};
use crate::shell::live::document::LIVE;

/// Something that is wrong or odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File as it was named.
    pub file: String,
    /// 1-based; 0 if it is about no line.
    pub line: usize,
    /// Dotted key; empty if it is about none.
    pub key: String,
    /// What, and what to write instead.
    pub sentence: String,
    /// Odd, but it runs.
    pub warning: bool,
}

impl Problem {
    /// An error.
    pub fn error(file: &str, line: usize, key: &str, sentence: String) -> Problem {
        Problem { file: file.to_owned(), line, key: key.to_owned(), sentence, warning: false }
    }
}

/// `turno.toml:12: queues.averias.wrap_up: "soon" is no duration; …`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        f.write_str(": ")?;
        if self.warning {
            f.write_str("warning: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.sentence)
    }
}

/// Collects problems while the files are read, and knows the line of every key.
#[derive(Debug)]
pub struct Problems {
    files: Vec<String>,
    /// File and line of each key: of the last file that has it, which is the one that counts.
    lines: BTreeMap<String, At>,
    /// The same of the files alone, if a text stands above them.
    below: BTreeMap<String, At>,
    /// The live sections are held elsewhere: what has no line there has none.
    is_held: bool,
    found: RefCell<Vec<Problem>>,
    fatal: bool,
    /// What is read, if that is what matters.
    catalogue: Option<Catalogue>,
}

/// Which file, and the line.
type At = (usize, usize);

impl Problems {
    /// Indexes the keys of all texts; what is no TOML is a problem already.
    pub fn new(sources: &Sources) -> Problems {
        let mut problems = Problems {
            files: Vec::new(),
            lines: BTreeMap::new(),
            below: BTreeMap::new(),
            is_held: sources.held.is_some(),
            found: RefCell::default(),
            fatal: false,
            catalogue: None,
        };
        // Arrays of tables of several files follow one another.
        let mut arrays = BTreeMap::new();
        for (source, is_above) in sources.texts() {
            if is_above {
                problems.below = std::mem::take(&mut problems.lines);
                arrays.clear();
            }
            problems.take(source, &mut arrays);
        }
        if problems.is_held && sources.texts().all(|(_, is_above)| !is_above) {
            problems.below = std::mem::take(&mut problems.lines);
        }
        problems
    }

    /// Notes what is read besides.
    pub(super) fn cataloguing(sources: &Sources) -> Problems {
        Problems { catalogue: Some(Catalogue::default()), ..Problems::new(sources) }
    }

    /// What was read so far.
    pub(super) fn catalogue(&self) -> BTreeMap<String, Entry> {
        self.catalogue.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// Notes a key, if that is what matters; what is known of it more exactly stands above what is not.
    pub(super) fn read_is(&self, pattern: impl FnOnce() -> String, entry: impl FnOnce() -> Entry) {
        if let Some(catalogue) = &self.catalogue {
            catalogue.borrow_mut().insert(pattern(), entry());
        }
    }

    fn take(&mut self, source: &Source, arrays: &mut BTreeMap<String, usize>) {
        let file = self.files.len();
        self.files.push(source.name.clone());
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        // Looked up for every key: thousands of accounts must not count the lines before them each.
        let breaks: Vec<usize> =
            source.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect();
        let line_at = |byte: usize| breaks.partition_point(|at| *at < byte) + 1;
        Index { at: &|byte| (file, line_at(byte)), lines: &mut self.lines, arrays }.table(table.get_ref(), "");
        let found = errors.iter().map(|error| {
            let line = error.span().map_or(0, |span| line_at(span.start));
            Problem::error(&source.name, line, "", format!("this is no TOML: {}", error.message()))
        });
        self.found.borrow_mut().extend(found);
        self.fatal |= !errors.is_empty();
    }

    /// Nothing can be read from it.
    pub(super) fn is_fatal(&self) -> bool {
        self.fatal
    }

    /// An error about `key`.
    pub fn error(&self, key: &str, sentence: impl Into<String>) {
        let (file, line) = self.place_of(key);
        self.found.borrow_mut().push(Problem::error(file, line, key, sentence.into()));
    }

    /// Something odd about `key`.
    pub fn warn(&self, key: &str, sentence: impl Into<String>) {
        let (file, line) = self.place_of(key);
        let problem = Problem::error(file, line, key, sentence.into());
        self.found.borrow_mut().push(Problem { warning: true, ..problem });
    }

    /// Something odd about what the files say of `key`, whatever stands above them.
    pub(super) fn warn_in_files(&self, key: &str, sentence: impl Into<String>) {
        let (file, line) = nearest(&self.below, key).unwrap_or((0, 0));
        let problem = Problem::error(self.file(file), line, key, sentence.into());
        self.found.borrow_mut().push(Problem { warning: true, ..problem });
    }

    /// Whether something is wrong, not only odd.
    pub fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(|problem| !problem.warning)
    }

    /// All, in the order of the files.
    pub fn finish(&self) -> Vec<Problem> {
        let mut found = self.found.take();
        let at = |problem: &Problem| self.files.iter().position(|file| *file == problem.file);
        found.sort_by(|a, b| (at(a), a.line, &a.key).cmp(&(at(b), b.line, &b.key)));
        found
    }

    fn file(&self, number: usize) -> &str {
        self.files.get(number).map_or("", String::as_str)
    }

    /// The line of `key`, or of the section that it is missing from.
    fn place_of(&self, key: &str) -> (&str, usize) {
        let section = key.split(['.', '[']).next().unwrap_or_default();
        let is_live = LIVE.contains(&section);
        let lines = if self.is_held && !is_live { &self.below } else { &self.lines };
        match nearest(lines, key) {
            Some((file, line)) => (self.file(file), line),
            None if self.is_held && is_live => (HELD, 0),
            None => (self.file(0), 0),
        }
    }
}

fn nearest(lines: &BTreeMap<String, At>, key: &str) -> Option<At> {
    let mut key = key;
    loop {
        if let Some(at) = lines.get(key) {
            return Some(*at);
        }
        key = &key[..key.rfind(['.', '['])?];
    }
}

/// Notes where every key of a text stands.
struct Index<'a> {
    at: &'a dyn Fn(usize) -> At,
    lines: &'a mut BTreeMap<String, At>,
    /// Tables of each array of tables so far.
    arrays: &'a mut BTreeMap<String, usize>,
}

impl Index<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &str) {
        for (key, value) in table {
            let name = key.get_ref();
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            self.lines.insert(path.clone(), (self.at)(key.span().start));
            self.value(value, &path);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, path),
            DeValue::Array(array) => {
                let are_tables = array.iter().all(|element| matches!(element.get_ref(), DeValue::Table(_)));
                let first = if are_tables { self.arrays.get(path).copied().unwrap_or(0) } else { 0 };
                for (at, element) in (first..).zip(array.iter()) {
                    let path = format!("{path}[{at}]");
                    self.lines.insert(path.clone(), (self.at)(element.span().start));
                    self.value(element, &path);
                }
                if are_tables {
                    self.arrays.insert(path.to_owned(), first + array.len());
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}
