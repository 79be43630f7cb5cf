//! Problems of a configuration, each with its line.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

/// Collects problems while the file is read, and knows the line of every key.
#[derive(Debug)]
pub struct Problems {
    file: String,
    lines: BTreeMap<String, usize>,
    found: RefCell<Vec<Problem>>,
    fatal: bool,
}

impl Problems {
    /// Indexes the keys of `text`; what is no TOML is a problem already.
    pub fn new(file: &str, text: &str) -> Problems {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut lines = BTreeMap::new();
        // Looked up for every key: thousands of accounts must not count the lines before them each.
        let breaks: Vec<usize> = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect();
        let line_at = |byte: usize| breaks.partition_point(|at| *at < byte) + 1;
        index(table.get_ref(), "", &line_at, &mut lines);
        let found = errors
            .iter()
            .map(|error| {
                let line = error.span().map_or(0, |span| line_at(span.start));
                Problem::error(file, line, "", format!("this is no TOML: {}", error.message()))
            })
            .collect::<Vec<_>>();
        Problems { file: file.to_owned(), lines, fatal: !found.is_empty(), found: RefCell::new(found) }
    }

    /// Nothing can be read from it.
    pub(super) fn is_fatal(&self) -> bool {
        self.fatal
    }

    /// An error about `key`.
    pub fn error(&self, key: &str, sentence: impl Into<String>) {
        self.found.borrow_mut().push(Problem::error(&self.file, self.line_of(key), key, sentence.into()));
    }

    /// Something odd about `key`.
    pub fn warn(&self, key: &str, sentence: impl Into<String>) {
        let problem = Problem::error(&self.file, self.line_of(key), key, sentence.into());
        self.found.borrow_mut().push(Problem { warning: true, ..problem });
    }

    /// Whether something is wrong, not only odd.
    pub fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(|problem| !problem.warning)
    }

    /// All, in the order of the file.
    pub fn finish(&self) -> Vec<Problem> {
        let mut found = self.found.take();
        found.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
        found
    }

    /// The line of `key`, or of the section that it is missing from.
    fn line_of(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return *line;
            }
            match key.rfind(['.', '[']) {
                Some(at) => key = &key[..at],
                None => return 0,
            }
        }
    }
}

fn index(table: &DeTable<'_>, path: &str, line_at: &impl Fn(usize) -> usize, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        lines.insert(path.clone(), line_at(key.span().start));
        index_value(value, &path, line_at, lines);
    }
}

fn index_value(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    line_at: &impl Fn(usize) -> usize,
    lines: &mut BTreeMap<String, usize>,
) {
    match value.get_ref() {
        DeValue::Table(table) => index(table, path, line_at, lines),
        DeValue::Array(array) => {
            for (at, element) in array.iter().enumerate() {
                let path = format!("{path}[{at}]");
                lines.insert(path.clone(), line_at(element.span().start));
                index_value(element, &path, line_at, lines);
            }
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}
