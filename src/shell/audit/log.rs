//! The file of the audit log: tables, bounds, and what is read from them. A node and commands beside it write the same file: SQLite
//! lets one at a time, and the other waits.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Row, Transaction, params};
use serde_json::Value;
use turno_base::Wall;

use super::{Author, Deed, Door, Entry, FILE, SHOWN_MAX, Wanted};
use crate::shell::store::migrate::{self, Step};

/// Entries that are kept; the oldest go.
pub const ENTRIES_MAX: u64 = 200_000;
/// Entries looked at for their age with each new one: more than come, so that they never pile up.
const AGED_AT_ONCE: u32 = 64;
/// Longest text of one part of an entry, characters; what is longer is cut.
pub(super) const TEXT_MAX: usize = 400;

pub(super) const VERSION: u32 = 2;
/// How long another process (a backup, a command) may hold the file.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS entries (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, who TEXT NOT NULL, door TEXT NOT NULL, what TEXT NOT NULL,
  about TEXT NOT NULL, more TEXT NOT NULL, refused TEXT, before TEXT, after TEXT, edit INTEGER);
";

/// The first build knew of no values that lie elsewhere.
const STEP: Step = Step { from: 1, run: |db| db.execute_batch("ALTER TABLE entries ADD COLUMN edit INTEGER") };

/// One deed, before it is written.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) by: Author,
    pub(super) deed: Deed,
    pub(super) at: Wall,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) db: Connection,
}

impl Log {
    /// That of the data folder `dir`.
    pub(super) fn open(dir: &Path) -> rusqlite::Result<Log> {
        let path = dir.join(FILE);
        let is_new = !path.exists();
        let mut db = Connection::open(&path)?;
        if is_new {
            keep_to_owner(&path, dir);
        }
        db.busy_timeout(BUSY_LIMIT)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        // What was answered survives a loss of power.
        db.pragma_update(None, "synchronous", "full")?;
        // If no way leads here, the version says so below.
        migrate::forward(&mut db, &path, VERSION, &[STEP])?;
        match db.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))? {
            0 => {
                db.execute_batch(SCHEMA)?;
                db.pragma_update(None, "user_version", VERSION)?;
            }
            VERSION => {}
            found => {
                let why = format!("it is of version {found}, and this program writes {VERSION}");
                return Err(rusqlite::Error::ToSqlConversionFailure(why.into()));
            }
        }
        Ok(Log { db })
    }

    /// One that ends with the process.
    pub(super) fn in_memory() -> Log {
        let db = Connection::open_in_memory().expect("a database in memory needs nothing but memory");
        db.execute_batch(SCHEMA).expect("the schema is sound, or no file of it would open");
        Log { db }
    }

    /// All of them or none, durable when this returns. Entries older than `kept` (µs) go; none: that is for another to see to.
    pub(super) fn write(&mut self, lines: &[Line], kept: Option<i64>) -> rusqlite::Result<()> {
        let transaction = self.db.transaction()?;
        for line in lines {
            write(&transaction, line)?;
            if let Some(kept) = kept {
                let oldest = line.at.0.saturating_sub(kept);
                transaction
                    .prepare_cached(
                        "DELETE FROM entries WHERE number IN (SELECT number FROM
                         (SELECT number, at_us FROM entries ORDER BY number LIMIT ?1) WHERE at_us < ?2)",
                    )?
                    .execute(params![AGED_AT_ONCE, oldest])?;
            }
        }
        transaction.commit()
    }

    /// The youngest first.
    pub(super) fn list(&self, wanted: &Wanted) -> rusqlite::Result<Vec<Entry>> {
        let mut select = self.db.prepare_cached(
            "SELECT number, at_us, who, door, what, about, more, refused, before, after, edit FROM entries
             WHERE (?1 IS NULL OR who = ?1) AND (?2 IS NULL OR substr(about, 1, length(?2)) = ?2)
             ORDER BY number DESC LIMIT ?3",
        )?;
        let rows = select.query_map(params![wanted.who, wanted.about, wanted.last.min(SHOWN_MAX)], entry)?;
        rows.collect()
    }
}

fn write(transaction: &Transaction<'_>, Line { by, deed, at }: &Line) -> rusqlite::Result<()> {
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    transaction
        .prepare_cached(
            "INSERT INTO entries (at_us, who, door, what, about, more, refused, before, after, edit)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            at.0,
            cut(&by.who),
            by.door.as_str(),
            cut(&deed.what),
            cut(&deed.about),
            cut(&deed.more),
            deed.refused.as_deref().map(cut),
            text(&deed.before),
            text(&deed.after),
            deed.edit,
        ])?;
    let number = transaction.last_insert_rowid();
    let most = i64::try_from(ENTRIES_MAX).unwrap_or(i64::MAX);
    transaction
        .prepare_cached("DELETE FROM entries WHERE number <= ?")?
        .execute([number.saturating_sub(most)])
        .map(drop)
}

/// What an administrator makes in the folder of the engine's account is that account's, or the engine could not write it.
fn keep_to_owner(path: &Path, dir: &Path) {
    let kept = fs::set_permissions(path, Permissions::from_mode(0o600)).and_then(|()| {
        let (folder, file) = (fs::metadata(dir)?, fs::metadata(path)?);
        if folder.uid() == file.uid() {
            return Ok(());
        }
        chown(path, Some(folder.uid()), Some(folder.gid()))
    });
    if let Err(error) = kept {
        tracing::warn!(path = %path.display(), %error, "others may be able to read who did what, or the engine not");
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let at: i64 = row.get(1)?;
    let door: String = row.get(3)?;
    let value = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(Entry {
        number: row.get::<_, i64>(0)?.unsigned_abs(),
        at: jiff::Timestamp::from_microsecond(at).map(|at| at.to_string()).unwrap_or_default(),
        who: row.get(2)?,
        door: Door::ALL.into_iter().find(|known| known.as_str() == door).unwrap_or(Door::Socket),
        what: row.get(4)?,
        about: row.get(5)?,
        more: row.get(6)?,
        refused: row.get(7)?,
        before: value(row.get(8)?),
        after: value(row.get(9)?),
        edit: row.get(10)?,
    })
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(TEXT_MAX).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}
