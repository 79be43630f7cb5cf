//! Live configuration: the sections that change while calls run, held by a small database of their own from the first change
//! by command on, each change a revision with who, when, why and what was before.
//!
//! Before that change the files hold them. The static sections always stay in the files. What is in force is checked as one
//! whole wherever its parts are from; who brings it into the running node is [`crate::shell::reload::Reloader`].

pub mod archive;
pub mod decks;
pub mod diff;
pub mod document;
pub mod edit;
pub mod kind;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use turno_base::Wall;
use turno_engine::EngineConfig;

use crate::shell::config::source::{Held, Sources};
use crate::shell::config::{self, Checked, Problem};
use archive::{Archive, ArchiveError};
use diff::{Change, diff};
use document::Document;

/// How a revision came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The process started with other files than before.
    Start,
    /// Changed files were read again.
    Reload,
    /// A document was taken.
    Apply,
    /// One object was changed.
    Edit,
    /// A price book was imported.
    Import,
    /// A change was taken back.
    Undo,
}

impl How {
    /// All there are.
    pub const ALL: [How; 6] = [How::Start, How::Reload, How::Apply, How::Edit, How::Import, How::Undo];

    /// The word in lists and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            How::Start => "start",
            How::Reload => "reload",
            How::Apply => "apply",
            How::Edit => "edit",
            How::Import => "import",
            How::Undo => "undo",
        }
    }

    /// Whether it is a change by command, after which the store holds the live sections.
    const fn is_command(self) -> bool {
        match self {
            How::Apply | How::Edit | How::Import | How::Undo => true,
            How::Start | How::Reload => false,
        }
    }
}

/// Who changes the configuration, how and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// An account of the machine, a token, a signal.
    pub who: String,
    /// How.
    pub how: How,
    /// In words of whoever changed it; may be empty.
    pub why: String,
}

/// A revision, as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Counts from 1 over the life of the data folder.
    pub revision: u64,
    /// When it came into force.
    pub at: Wall,
    /// Who.
    pub who: String,
    /// How.
    pub how: How,
    /// Why.
    pub why: String,
    /// What became of the live sections; empty if only static ones or files they name changed.
    pub changes: Vec<Change>,
}

/// The live configuration of a node: what is in force, and how it came about.
#[derive(Debug)]
pub struct Live {
    archive: Archive,
    revision: u64,
    document: Document,
    fingerprint: String,
    held_since: Option<u64>,
}

impl Live {
    /// That of a data folder.
    pub fn open(dir: &Path) -> Result<Live, ArchiveError> {
        Live::over(Archive::open(&dir.join(archive::FILE))?)
    }

    /// One that nobody keeps.
    pub fn fleeting() -> Result<Live, ArchiveError> {
        Live::over(Archive::in_memory()?)
    }

    fn over(archive: Archive) -> Result<Live, ArchiveError> {
        let last = archive.last()?.unwrap_or_default();
        let held_since = archive.held_since()?;
        Ok(Live {
            archive,
            revision: last.revision,
            document: last.document,
            fingerprint: last.fingerprint,
            held_since,
        })
    }

    /// The revision in force; 0 before the first.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The live sections in force.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The document, if the store holds it.
    pub fn held(&self) -> Option<Held> {
        self.held_since.map(|since| Held { document: self.document.clone(), source: None, since })
    }

    /// As of which revision the store would hold it if it were changed now.
    pub fn would_hold_since(&self) -> u64 {
        self.held_since.unwrap_or(self.revision + 1)
    }

    /// Whether a configuration is another one than that in force.
    pub fn is_news(&self, document: &Document, fingerprint: &str) -> bool {
        self.revision == 0 || self.document != *document || self.fingerprint != fingerprint
    }

    /// A configuration comes into force; durable when this returns. Gives its revision: that in force if it is the same.
    pub fn note(&mut self, by: &By, at: Wall, document: &Document, fingerprint: &str) -> Result<u64, ArchiveError> {
        let takes_hold = by.how.is_command() && self.held_since.is_none();
        if !self.is_news(document, fingerprint) && !takes_hold {
            return Ok(self.revision);
        }
        let revision = Revision {
            revision: self.revision + 1,
            at,
            who: by.who.clone(),
            how: by.how,
            why: by.why.clone(),
            changes: diff(&self.document, document),
        };
        let text = (self.revision == 0 || self.document != *document).then(|| document.text());
        self.archive.append(&revision, text.as_deref(), fingerprint)?;
        self.revision = revision.revision;
        self.document.clone_from(document);
        fingerprint.clone_into(&mut self.fingerprint);
        if takes_hold {
            self.held_since = Some(self.revision);
        }
        let objects: Vec<&str> = revision.changes.iter().map(|change| change.object.as_str()).collect();
        tracing::info!(
            revision = self.revision,
            who = by.who,
            how = by.how.as_str(),
            why = by.why,
            changed = objects.join(" "),
            "configuration changed"
        );
        Ok(self.revision)
    }

    /// The last revisions, the youngest first.
    pub fn log(&self, last: u32) -> Result<Vec<Revision>, ArchiveError> {
        self.archive.log(last)
    }

    /// A revision; none: there is none of that number, or it is no longer kept.
    pub fn entry(&self, revision: u64) -> Result<Option<Revision>, ArchiveError> {
        self.archive.entry(revision)
    }

    /// Whether a document that is kept has this in it.
    pub fn mentions(&self, text: &str) -> Result<bool, ArchiveError> {
        self.archive.mentions(text)
    }

    /// The live sections as of a revision; none: there is none of that number, or it is no longer kept.
    pub fn as_of(&self, revision: u64) -> Result<Option<Document>, ArchiveError> {
        self.archive.document(revision)
    }
}

/// What the engine is told, in a few letters: two configurations with the same are the same to it. Identity and revision are
/// not part of it.
pub fn fingerprint(config: &EngineConfig) -> String {
    let mut plain = config.clone();
    plain.seed = 0;
    plain.revision = 0;
    plain.sip.nonce_key = [0; 32];
    let bytes = postcard::to_allocvec(&plain).expect("plain data always serialises");
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that a node with this file would read at its start.
pub fn sources(file: &Path, environment: Option<&BTreeMap<String, String>>) -> Result<Sources, Problem> {
    let mut sources = Sources::open(file)?;
    let Some(data_dir) = config::data_dir(&sources, environment.cloned()) else { return Ok(sources) };
    let archive = data_dir.join(archive::FILE);
    let held = Archive::peek(&archive).map_err(|error| {
        let sentence =
            format!("{error}; it holds the live configuration: bring it back from a backup, or move it away");
        Problem::error(&archive.display().to_string(), 0, "", sentence)
    })?;
    sources.held = held.map(|(since, document)| Held { document, source: None, since });
    Ok(sources)
}

/// Reads and checks what a node with this file would run: the files, and the live sections where the store holds them.
pub fn load(file: &Path, environment: Option<BTreeMap<String, String>>) -> Checked {
    match sources(file, environment.as_ref()) {
        Ok(sources) => config::check(&sources, environment),
        Err(problem) => Checked { settings: None, problems: vec![problem] },
    }
}

#[cfg(test)]
mod tests;
