//! Who did what: each command and change that a person or program asked for, with who, when and by which door, and what it was
//! about as it stood just before and just after.
//!
//! `audit.sqlite` in the data folder; whoever has an answer stands in it already. Bounded by number ([`ENTRIES_MAX`]) and by age
//! (`node.audit_kept`). Numbers of callers are shortened to what is recognised, so that nothing here has to be forgotten with a
//! customer. What a change of the configuration changed is in its revision, which is named ([`crate::shell::live`]). What cannot
//! be written is said in the log, with everything that would have been written: nobody is refused for it.

mod words;

use std::fmt;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use turno_base::Wall;
use turno_engine::{Answer, Command};

use crate::shell::asker::{Asker, Unanswered};
use crate::shell::clock::wall;

/// Its name in the data folder.
pub const FILE: &str = "audit.sqlite";
/// Entries that are kept; the oldest go.
pub const ENTRIES_MAX: u64 = 200_000;
/// Entries that one question shows.
pub const SHOWN_MAX: u32 = 1000;
/// Entries looked at for their age with each new one: more than come, so that they never pile up.
const AGED_AT_ONCE: u32 = 64;
/// Longest text of one part of an entry, characters; what is longer is cut.
const TEXT_MAX: usize = 400;

const VERSION: u32 = 1;
/// How long another process (a backup) may hold the file.
const BUSY_LIMIT: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS entries (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, who TEXT NOT NULL, door TEXT NOT NULL, what TEXT NOT NULL,
  about TEXT NOT NULL, more TEXT NOT NULL, refused TEXT, before TEXT, after TEXT);
";

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// The control socket.
    Socket,
    /// HTTP.
    Rest,
    /// The manager interface.
    Ami,
}

impl Door {
    const ALL: [Door; 3] = [Door::Socket, Door::Rest, Door::Ami];

    /// The word in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Door::Socket => "socket",
            Door::Rest => "rest",
            Door::Ami => "ami",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Account of the machine, token, person or login.
    pub who: Arc<str>,
    /// How he came in.
    pub door: Door,
}

/// What was done, or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    /// In words of the command line, or method of HTTP.
    pub what: String,
    /// `agent/anna`, `queue/averias`, or a path.
    pub about: String,
    /// What else was said.
    pub more: String,
    /// Why not; none: it was done.
    pub refused: Option<String>,
    /// What is different, as it was.
    pub before: Option<Value>,
    /// And as it is.
    pub after: Option<Value>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up over the life of the data folder.
    pub number: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// Account of the machine, token, person or login.
    pub who: String,
    /// How he came in.
    pub door: Door,
    /// In words of the command line, or method of HTTP.
    pub what: String,
    /// `agent/anna`, `queue/averias`, or a path.
    pub about: String,
    /// What else was said.
    pub more: String,
    /// Why not; none: it was done.
    pub refused: Option<String>,
    /// What is different, as it was; none: nothing was looked at.
    pub before: Option<Value>,
    /// And as it is.
    pub after: Option<Value>,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The last so many, at most [`SHOWN_MAX`].
    pub last: u32,
    /// Of this account, token, person or login.
    pub who: Option<String>,
    /// About this, or what it begins with: `agent/`.
    pub about: Option<String>,
}

/// The log; clones write the same.
#[derive(Clone)]
pub struct Audit {
    asker: Arc<Asker>,
    db: Arc<Mutex<Connection>>,
    /// Older entries go, µs.
    kept: i64,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audit(…)")
    }
}

impl Audit {
    /// In `dir`, where entries are kept for so long, of commands that `asker` brings to the engine. A file that cannot be used is
    /// named in the log, and entries are in memory then.
    pub fn open(asker: Arc<Asker>, dir: &Path, kept: Duration) -> Audit {
        let path = dir.join(FILE);
        let db = open(&path).unwrap_or_else(|error| {
            tracing::error!(path = %path.display(), %error, "cannot be used: who does what is known until the process ends");
            in_memory()
        });
        Audit { asker, db: Arc::new(Mutex::new(db)), kept: i64::try_from(kept.as_micros()).unwrap_or(i64::MAX) }
    }

    /// What brings commands to the engine that change nothing.
    pub fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Asks the engine; what changes something is written down before it is answered.
    pub async fn ask(&self, by: &Author, command: Command) -> Result<Answer, Unanswered> {
        let Some(told) = words::told(&command) else { return self.asker.ask(command).await };
        let around = self.asker.ask_around(told.look.clone(), command).await;
        let refused = around.answer.as_ref().err().map(ToString::to_string);
        let before = around.before.as_ref().map(|answer| words::seen(answer, &told));
        let after = match (&around.after, &around.answer) {
            (Some(answer), _) => Some(words::seen(answer, &told)),
            // What is new was not there to be looked at.
            (None, Ok(answer @ (Answer::Calls(_) | Answer::Tasks(_)))) => Some(words::made(answer)),
            (None, Ok(_) | Err(_)) => None,
        };
        let (before, after) = words::different(before, after);
        let deed = Deed { what: told.what.to_owned(), about: told.about, more: told.more, refused, before, after };
        self.note(by, deed).await;
        around.answer
    }

    /// Writes down what was done otherwise; durable when this returns.
    pub async fn note(&self, by: &Author, deed: Deed) {
        let (audit, by) = (self.clone(), by.clone());
        // It waits for the disk.
        let written = tokio::task::spawn_blocking(move || audit.write(&by, &deed, wall()));
        if let Err(error) = written.await {
            tracing::error!(%error, "what was done is not in the audit log");
        }
    }

    fn write(&self, by: &Author, deed: &Deed, at: Wall) {
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.write_now(&mut db, by, deed, at) {
            tracing::error!(%error, who = %by.who, door = by.door.as_str(), ?deed, "this is not in the audit log");
        }
    }

    fn write_now(&self, db: &mut Connection, by: &Author, deed: &Deed, at: Wall) -> rusqlite::Result<()> {
        let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let transaction = db.transaction()?;
        transaction.execute(
            "INSERT INTO entries (at_us, who, door, what, about, more, refused, before, after)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                at.0,
                cut(&by.who),
                by.door.as_str(),
                cut(&deed.what),
                cut(&deed.about),
                cut(&deed.more),
                deed.refused.as_deref().map(cut),
                text(&deed.before),
                text(&deed.after),
            ],
        )?;
        let number = transaction.last_insert_rowid();
        let most = i64::try_from(ENTRIES_MAX).unwrap_or(i64::MAX);
        transaction.execute("DELETE FROM entries WHERE number <= ?", [number.saturating_sub(most)])?;
        let oldest = at.0.saturating_sub(self.kept);
        transaction.execute(
            "DELETE FROM entries WHERE number IN (SELECT number FROM
             (SELECT number, at_us FROM entries ORDER BY number LIMIT ?1) WHERE at_us < ?2)",
            params![AGED_AT_ONCE, oldest],
        )?;
        transaction.commit()
    }

    /// The youngest first. Reads the disk.
    pub fn list(&self, wanted: &Wanted) -> rusqlite::Result<Vec<Entry>> {
        let db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let mut select = db.prepare_cached(
            "SELECT number, at_us, who, door, what, about, more, refused, before, after FROM entries
             WHERE (?1 IS NULL OR who = ?1) AND (?2 IS NULL OR substr(about, 1, length(?2)) = ?2)
             ORDER BY number DESC LIMIT ?3",
        )?;
        let rows = select.query_map(params![wanted.who, wanted.about, wanted.last.min(SHOWN_MAX)], entry)?;
        rows.collect()
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    // What was answered survives a loss of power.
    db.pragma_update(None, "synchronous", "full")?;
    if let Err(error) = std::fs::set_permissions(path, Permissions::from_mode(0o600)) {
        tracing::warn!(path = %path.display(), %error, "others may be able to read who did what");
    }
    db.busy_timeout(BUSY_LIMIT)?;
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
    Ok(db)
}

fn in_memory() -> Connection {
    let db = Connection::open_in_memory().expect("a database in memory needs nothing but memory");
    db.execute_batch(SCHEMA).expect("the schema is sound, or no file of it would open");
    db
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
    })
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(TEXT_MAX).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
