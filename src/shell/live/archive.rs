//! The database of revisions, `config.sqlite` in the data folder: one writer, each change one transaction.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use turno_base::Wall;

use super::document::Document;
use super::{How, Revision};

/// Its name in the data folder.
pub const FILE: &str = "config.sqlite";
/// Revisions that are kept; the oldest go.
pub const REVISIONS_MAX: u64 = 10_000;
/// Revisions whose whole document is kept; of older ones only what changed.
pub const DOCUMENTS_MAX: u64 = 500;

/// Of the tables.
const VERSION: u32 = 1;
/// A reader from outside, such as a backup, is waited for this long.
const BUSY_FOR: Duration = Duration::from_secs(2);
const PLAIN: &str = "plain data always serialises";

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS revisions (
  revision INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, who TEXT NOT NULL, how TEXT NOT NULL, why TEXT NOT NULL,
  changes TEXT NOT NULL, document TEXT, fingerprint TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holds (id INTEGER PRIMARY KEY CHECK (id = 1), since INTEGER NOT NULL);
";

/// Why the archive cannot be used.
#[derive(Debug)]
pub enum ArchiveError {
    /// The database.
    Database {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: rusqlite::Error,
    },
    /// It was written by another version of the program.
    Version {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// What is in it is no document or change.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Database { path, error } => write!(f, "{}: {error}", path.display()),
            ArchiveError::Version { path, found } => {
                write!(f, "{} is of version {found}, and this program writes {VERSION}", path.display())
            }
            ArchiveError::Unreadable { path, why } => write!(f, "{} cannot be read: {why}", path.display()),
        }
    }
}

impl std::error::Error for ArchiveError {}

/// The revision in force.
#[derive(Debug, Default)]
pub(super) struct Last {
    pub(super) revision: u64,
    pub(super) document: Document,
    pub(super) fingerprint: String,
}

/// The database.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    db: Connection,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Archive, ArchiveError> {
        let fail = |error| ArchiveError::Database { path: path.to_owned(), error };
        let db = Connection::open(path).map_err(fail)?;
        db.pragma_update(None, "journal_mode", "wal").map_err(fail)?;
        // A change that was answered survives a loss of power.
        db.pragma_update(None, "synchronous", "full").map_err(fail)?;
        Archive::over(path, db)
    }

    pub(super) fn in_memory() -> Result<Archive, ArchiveError> {
        let path = PathBuf::from("in memory");
        let db = Connection::open_in_memory();
        let db = db.map_err(|error| ArchiveError::Database { path: path.clone(), error })?;
        Archive::over(&path, db)
    }

    fn over(path: &Path, db: Connection) -> Result<Archive, ArchiveError> {
        let archive = Archive { path: path.to_owned(), db };
        let fail = |error| archive.fail(error);
        archive.db.busy_timeout(BUSY_FOR).map_err(fail)?;
        match archive.version()? {
            0 => {
                archive.db.execute_batch(SCHEMA).map_err(fail)?;
                archive.db.pragma_update(None, "user_version", VERSION).map_err(fail)?;
            }
            VERSION => {}
            found => return Err(ArchiveError::Version { path: archive.path, found }),
        }
        Ok(archive)
    }

    /// The document that a data folder holds, and since which revision; none: its files hold it. Changes nothing.
    pub(super) fn peek(path: &Path) -> Result<Option<(u64, Document)>, ArchiveError> {
        if !path.exists() {
            return Ok(None);
        }
        let fail = |error| ArchiveError::Database { path: path.to_owned(), error };
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(fail)?;
        db.busy_timeout(BUSY_FOR).map_err(fail)?;
        let archive = Archive { path: path.to_owned(), db };
        match archive.version()? {
            // Made and not yet filled.
            0 => return Ok(None),
            VERSION => {}
            found => return Err(ArchiveError::Version { path: archive.path, found }),
        }
        let Some(since) = archive.held_since()? else { return Ok(None) };
        Ok(archive.last()?.map(|last| (since, last.document)))
    }

    fn fail(&self, error: rusqlite::Error) -> ArchiveError {
        ArchiveError::Database { path: self.path.clone(), error }
    }

    fn version(&self) -> Result<u32, ArchiveError> {
        self.db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| self.fail(error))
    }

    pub(super) fn last(&self) -> Result<Option<Last>, ArchiveError> {
        let newest = "SELECT revision, fingerprint FROM revisions ORDER BY revision DESC LIMIT 1";
        let newest = self.db.query_row(newest, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        let Some((revision, fingerprint)) = newest.optional().map_err(|error| self.fail(error))? else {
            return Ok(None);
        };
        let revision = revision.unsigned_abs();
        let document = self.document(revision)?.unwrap_or_default();
        Ok(Some(Last { revision, document, fingerprint }))
    }

    /// Since which revision the store holds the live sections; none: the files do.
    pub(super) fn held_since(&self) -> Result<Option<u64>, ArchiveError> {
        let since = self.db.query_row("SELECT since FROM holds", [], |row| row.get::<_, i64>(0));
        let since = since.optional().map_err(|error| self.fail(error))?;
        Ok(since.map(i64::unsigned_abs))
    }

    /// Adds a revision; `document` if it is another one than that of the revision before.
    pub(super) fn append(
        &mut self,
        revision: &Revision,
        document: Option<&str>,
        fingerprint: &str,
    ) -> Result<(), ArchiveError> {
        self.append_now(revision, document, fingerprint).map_err(|error| self.fail(error))
    }

    fn append_now(
        &mut self,
        revision: &Revision,
        document: Option<&str>,
        fingerprint: &str,
    ) -> Result<(), rusqlite::Error> {
        let number = i64::try_from(revision.revision).unwrap_or(i64::MAX);
        let changes = serde_json::to_string(&revision.changes).expect(PLAIN);
        let how = revision.how.as_str();
        let transaction = self.db.transaction()?;
        transaction.execute(
            "INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![number, revision.at.0, revision.who, how, revision.why, changes, document, fingerprint],
        )?;
        if revision.how.is_command() {
            transaction.execute("INSERT OR IGNORE INTO holds VALUES (1, ?)", [number])?;
        }
        // The document in force may be older than those that are kept: a thousand restarts do not change it.
        transaction.execute(
            "UPDATE revisions SET document = NULL WHERE document IS NOT NULL AND revision <= ?1 AND revision <
             (SELECT max(revision) FROM revisions WHERE document IS NOT NULL AND revision <= ?1)",
            [number - limit(DOCUMENTS_MAX)],
        )?;
        transaction.execute(
            "DELETE FROM revisions WHERE revision <= ?1 AND revision <
             (SELECT max(revision) FROM revisions WHERE document IS NOT NULL)",
            [number - limit(REVISIONS_MAX)],
        )?;
        transaction.commit()
    }

    pub(super) fn log(&self, last: u32) -> Result<Vec<Revision>, ArchiveError> {
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT revision, at_us, who, how, why, changes FROM revisions ORDER BY revision DESC LIMIT ?",
            )
            .map_err(|error| self.fail(error))?;
        let rows = statement.query_map([last], raw).map_err(|error| self.fail(error))?;
        rows.map(|row| row.map_err(|error| self.fail(error)).and_then(|row| self.revision(row))).collect()
    }

    pub(super) fn entry(&self, revision: u64) -> Result<Option<Revision>, ArchiveError> {
        let number = i64::try_from(revision).unwrap_or(i64::MAX);
        let select = "SELECT revision, at_us, who, how, why, changes FROM revisions WHERE revision = ?";
        let row = self.db.query_row(select, [number], raw).optional().map_err(|error| self.fail(error))?;
        row.map(|row| self.revision(row)).transpose()
    }

    fn revision(&self, (number, at, who, how, why, changes): Raw) -> Result<Revision, ArchiveError> {
        let unreadable = |why: String| ArchiveError::Unreadable { path: self.path.clone(), why };
        let known = How::ALL.into_iter().find(|known| known.as_str() == how);
        Ok(Revision {
            revision: number.unsigned_abs(),
            at: Wall(at),
            who,
            how: known.ok_or_else(|| unreadable(format!("revision {number} came about by {how:?}")))?,
            why,
            changes: serde_json::from_str(&changes)
                .map_err(|error| unreadable(format!("what changed in revision {number}: {error}")))?,
        })
    }

    /// Whether a document that is kept has this in it.
    pub(super) fn mentions(&self, text: &str) -> Result<bool, ArchiveError> {
        let any = "SELECT EXISTS (SELECT 1 FROM revisions WHERE instr(document, ?) > 0)";
        self.db.query_row(any, [text], |row| row.get(0)).map_err(|error| self.fail(error))
    }

    /// The document as of a revision; none: there is none of that number, or it is no longer kept.
    pub(super) fn document(&self, revision: u64) -> Result<Option<Document>, ArchiveError> {
        let number = i64::try_from(revision).unwrap_or(i64::MAX);
        // Revisions without one have that of the one before them.
        let text = self.db.query_row(
            "SELECT document FROM revisions WHERE revision <= ?1 AND document IS NOT NULL
             AND EXISTS (SELECT 1 FROM revisions WHERE revision = ?1) ORDER BY revision DESC LIMIT 1",
            [number],
            |row| row.get::<_, String>(0),
        );
        let Some(text) = text.optional().map_err(|error| self.fail(error))? else { return Ok(None) };
        let parsed = Document::parse(&text);
        let unreadable =
            |why| ArchiveError::Unreadable { path: self.path.clone(), why: format!("the document of {number}: {why}") };
        parsed.map(|(document, _)| Some(document)).map_err(unreadable)
    }
}

type Raw = (i64, i64, String, String, String, String);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn limit(most: u64) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
