//! Where a configuration comes from: the file, those of `conf.d` beside it, the live document and the environment; and how
//! they become one tree.
//!
//! Tables of several files are put together key by key, and a later file stands above an earlier one. Arrays of tables
//! (`[[routes]]`) follow one another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::config::{Config, ConfigError, Environment, File, FileFormat, Map, Source as ConfigSource, Value, ValueKind};

use crate::shell::config::problem::{Problem, Problems};
use crate::shell::live::document::{Document, LIVE};

/// Files of `conf.d` that are read; a folder with more is refused.
pub const FILES_MAX: usize = 1000;
/// Where the live sections are if no file has them.
pub const HELD: &str = "live configuration";

/// A text of configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the file was named.
    pub name: String,
    /// TOML.
    pub text: String,
}

/// The live document as it is to be, instead of what the files say of its sections.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The whole of it.
    pub document: Document,
    /// The text that parts of it were just read from, which says the lines of problems.
    pub source: Option<Source>,
    /// The revision from which on the store holds it.
    pub since: u64,
}

/// Everything that a configuration is read from but the environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sources {
    /// What paths are relative to.
    pub dir: PathBuf,
    /// The file, then those of `conf.d` in the order of their names.
    pub files: Vec<Source>,
    /// The live document; none: the files hold it.
    pub held: Option<Held>,
    /// Texts of price books that are about to be kept, by their ids.
    pub decks: BTreeMap<String, String>,
}

impl Sources {
    /// One text called `name`.
    pub fn text(name: &str, text: &str, dir: &Path) -> Sources {
        let files = vec![Source { name: name.to_owned(), text: text.to_owned() }];
        Sources { dir: dir.to_owned(), files, held: None, decks: BTreeMap::new() }
    }

    /// The file at `path`, and `conf.d/*.toml` beside it.
    pub fn open(path: &Path) -> Result<Sources, Problem> {
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut files = vec![read(path)?];
        let more = beside(&dir.join("conf.d"))?;
        for path in &more {
            files.push(read(path)?);
        }
        Ok(Sources { dir, files, held: None, decks: BTreeMap::new() })
    }

    /// All texts, those with lines to speak of.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&Source, bool)> {
        let held = self.held.as_ref().and_then(|held| held.source.as_ref());
        self.files.iter().map(|source| (source, false)).chain(held.map(|source| (source, true)))
    }

    /// The tree without the environment. `problems` is told of live sections that nobody reads.
    pub(super) fn tree(&self, problems: &Problems) -> Result<Map<String, Value>, ConfigError> {
        let mut tree = Map::new();
        for source in &self.files {
            merge(&mut tree, File::from_str(&source.text, FileFormat::Toml).collect()?);
        }
        if let Some(held) = &self.held {
            for section in LIVE {
                if tree.remove(section).is_some() {
                    let sentence = format!(
                        "is not read here: the store has held it since revision {}; change it by command, or take this \
                         file again with `turno apply`",
                        held.since
                    );
                    problems.warn_in_files(section, sentence);
                }
            }
            tree.extend(held.document.values());
        }
        Ok(tree)
    }
}

/// The environment above a tree. A key's variable names its table before two underscores; `TURNO_SOCKET` and the like are
/// the command line's.
pub(super) fn above(
    tree: Map<String, Value>,
    environment: Option<BTreeMap<String, String>>,
) -> Result<Map<String, Value>, ConfigError> {
    let given = environment.unwrap_or_else(|| std::env::vars().collect());
    let given: Map<_, _> = given.into_iter().filter(|(name, _)| name.contains("__")).collect();
    if !given.keys().any(|name| name.to_ascii_uppercase().starts_with("TURNO_")) {
        // Merging copies the whole several times, which thousands of accounts feel.
        return Ok(tree);
    }
    let variables = Environment::with_prefix("TURNO").prefix_separator("_").separator("__").try_parsing(true);
    let merged = Config::builder().add_source(Tree(tree)).add_source(variables.source(Some(given))).build()?;
    merged.collect()
}

#[derive(Clone, Debug)]
struct Tree(Map<String, Value>);

impl ConfigSource for Tree {
    fn clone_into_box(&self) -> Box<dyn ConfigSource + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

fn read(path: &Path) -> Result<Source, Problem> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => Err(Problem::error(&name, 0, "", format!("cannot be read: {error}; name a file that exists"))),
    }
}

/// The files of a folder that need not be there, by name.
fn beside(dir: &Path) -> Result<Vec<PathBuf>, Problem> {
    let problem = |sentence: String| Problem::error(&dir.display().to_string(), 0, "", sentence);
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(problem(format!("cannot be read: {error}"))),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| problem(format!("cannot be read: {error}")))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            return Err(problem(format!("has more than {FILES_MAX} files; put some together")));
        }
    }
    found.sort();
    Ok(found)
}

/// Puts `more` into `tree`, above what is there.
fn merge(tree: &mut Map<String, Value>, more: Map<String, Value>) {
    let mut more: Vec<(String, Value)> = more.into_iter().collect();
    more.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (key, value) in more {
        let Some(before) = tree.get_mut(&key) else {
            tree.insert(key, value);
            continue;
        };
        match (&mut before.kind, value.kind) {
            (ValueKind::Table(before), ValueKind::Table(more)) => merge(before, more),
            (ValueKind::Array(before), ValueKind::Array(more)) if are_tables(before) && are_tables(&more) => {
                before.extend(more);
            }
            (before, kind) => *before = kind,
        }
    }
}

fn are_tables(values: &[Value]) -> bool {
    values.iter().all(|value| matches!(value.kind, ValueKind::Table(_)))
}

#[cfg(test)]
mod tests;
