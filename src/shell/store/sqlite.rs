//! The consumer that fills the SQLite tables: always there, and what the log waits for. Its place is part of each transaction.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use turno_base::AgentId;

use super::StoreError;
use super::consumer::{Consumer, Pace, Trouble};
use super::feed::{Content, Item, Wants};
use super::log::Place;
use super::migrate;
use super::tables::{self, Inserted};

/// A busy database is waited for this long inside one statement.
const BUSY_FOR: Duration = Duration::from_millis(100);

/// Who looks for a call that has just ended finds it within a second.
const PACE: Pace = Pace { settle: Duration::from_millis(500), items_max: 4096 };

/// The tables of records, opened when they can be.
#[derive(Debug)]
pub(super) struct Tables {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    db: Connection,
    /// Which file it is: another one of this name is another database.
    inode: u64,
    /// Agents in wrap-up, as its rows have it.
    wrapping: BTreeSet<AgentId>,
}

impl Tables {
    /// Those at `path`. A database that is locked or cannot be read now is opened later; one of another version never.
    pub(super) fn open(path: &Path) -> Result<Tables, StoreError> {
        let mut tables = Tables { path: path.to_owned(), open: None };
        match tables.open_now() {
            Ok(()) => Ok(tables),
            Err(StoreError::Database { error, .. }) if is_passing(&error) => Ok(tables),
            Err(error) => Err(error),
        }
    }

    /// How far the log was taken, if that can be read now.
    pub(super) fn taken_to(&mut self) -> Option<Place> {
        self.place().ok()
    }

    fn open_now(&mut self) -> Result<(), StoreError> {
        let fail = |error| StoreError::Database { path: self.path.clone(), error };
        if !self.is_forward()? {
            migrate::set_aside(&self.path, tables::VERSION)?;
        }
        let db = Connection::open(&self.path).map_err(fail)?;
        db.busy_timeout(BUSY_FOR).map_err(fail)?;
        db.pragma_update(None, "journal_mode", "wal").map_err(fail)?;
        db.pragma_update(None, "synchronous", "normal").map_err(fail)?;
        db.set_prepared_statement_cache_capacity(32);
        if let Err(found) = tables::create(&db).map_err(fail)? {
            return Err(StoreError::DatabaseVersion { path: self.path.clone(), found });
        }
        let inode = inode(&self.path).unwrap_or(0);
        let wrapping = tables::wrapping(&db).map_err(fail)?;
        self.open = Some(Open { db, inode, wrapping });
        Ok(())
    }

    /// Whether the tables are of this version by now, or of none: what they have that the log no longer has is carried forward.
    fn is_forward(&self) -> Result<bool, StoreError> {
        let run = || {
            let mut db = Connection::open(&self.path)?;
            db.busy_timeout(BUSY_FOR)?;
            migrate::forward(&mut db, &self.path, tables::VERSION, tables::STEPS)
        };
        run().map_err(|error| StoreError::Database { path: self.path.clone(), error })
    }

    /// The database, opened anew if its file is another one by now or gone: what is written into a file without a name is
    /// lost.
    fn db(&mut self) -> Result<&mut Connection, Trouble> {
        Ok(&mut self.opened()?.db)
    }

    fn opened(&mut self) -> Result<&mut Open, Trouble> {
        if self.open.as_ref().is_some_and(|open| inode(&self.path) != Some(open.inode)) {
            self.open = None;
            return Err(Trouble::passing("the database was removed or replaced"));
        }
        if self.open.is_none() {
            self.open_now()?;
        }
        Ok(self.open.as_mut().expect("opened above"))
    }
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

impl Consumer for Tables {
    fn wants(&self) -> Wants {
        Wants { records: true, facts: true, beats: false }
    }

    fn pace(&self) -> Pace {
        PACE
    }

    fn place(&mut self) -> Result<Place, Trouble> {
        Ok(tables::cursor(self.db()?)?)
    }

    fn take(&mut self, items: &[Item]) -> Result<(), Trouble> {
        let open = self.opened()?;
        let mut wrapping = open.wrapping.clone();
        // Most facts are no news here; what is passed over is read again after a restart, which costs nothing.
        let is_news = |item: &Item| match &item.content {
            Content::Record { .. } => true,
            Content::Facts { facts, .. } => facts.iter().any(|fact| tables::is_news(fact, &wrapping)),
            Content::Beat(_) | Content::Unreadable(_) => false,
        };
        let Some(last) = items.last().filter(|_| items.iter().any(is_news)) else { return Ok(()) };
        let transaction = open.db.transaction()?;
        for item in items {
            match &item.content {
                Content::Record { seq, record } => match tables::insert(&transaction, *seq, record)? {
                    Inserted::New | Inserted::Again => {}
                    Inserted::Different => return Err(Trouble::Refused("the call has another record already".into())),
                },
                Content::Facts { facts, .. } => {
                    facts.iter().try_for_each(|fact| tables::learn(&transaction, fact, &mut wrapping))?;
                }
                Content::Beat(_) | Content::Unreadable(_) => {}
            }
        }
        tables::set_cursor(&transaction, last.at)?;
        transaction.commit()?;
        open.wrapping = wrapping;
        Ok(())
    }

    fn set_aside(&mut self, item: &Item, reason: &str) -> Result<(), Trouble> {
        let row = item.key().map(|(call, seq)| (call.to_string(), seq));
        let transaction = self.db()?.transaction()?;
        let row = row.as_ref().map(|(call, seq)| (call.as_str(), *seq));
        tables::refuse(&transaction, item.at, row, reason, &item.body)?;
        tables::set_cursor(&transaction, item.at)?;
        Ok(transaction.commit()?)
    }

    fn pass(&mut self, to: Place) -> Result<(), Trouble> {
        let db = self.db()?;
        // The log may forget what lies before: this commit, and with it all before it, survives a loss of power.
        db.pragma_update(None, "synchronous", "full")?;
        let set = tables::set_cursor(db, to);
        db.pragma_update(None, "synchronous", "normal")?;
        set?;
        // Readers may keep it from shrinking; it is tried again with the next segment.
        let _: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        Ok(())
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        match is_passing(&error) {
            true => Trouble::Passing(Box::new(error)),
            false => Trouble::Refused(Box::new(error)),
        }
    }
}

/// Time heals it: another process holds the lock, or the disk is full or failing.
fn is_passing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::ReadOnly
        )
    )
}
