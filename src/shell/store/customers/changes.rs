//! Changes of many customers that can be taken back: imports and merges.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use turno_base::Wall;
use turno_customers::import::Incoming;

use super::{Customers, Imported, alias, bump, record_bytes, write};
use crate::shell::store::StoreError;

/// An import under way; dropped without [`Import::finish`], nothing of it counts.
#[derive(Debug)]
pub struct Import<'a> {
    transaction: Transaction<'a>,
    path: PathBuf,
    n: i64,
    counts: Imported,
}

/// What taking an import back did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Undone {
    /// Number of the import.
    pub import: i64,
    /// Customers as they were before, or gone again.
    pub restored: u64,
    /// Customers that something else has changed since: left as they are.
    pub kept: Vec<String>,
}

/// Customers of an undo's `kept` that are named.
const KEPT_NAMED_MAX: usize = 100;

/// One import that is remembered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Past {
    /// Number, to undo it by.
    pub import: i64,
    /// When, microseconds since 1970.
    pub at_us: i64,
    /// From which file.
    pub file: String,
    /// What it did.
    #[serde(flatten)]
    pub counts: Imported,
    /// Rows left out.
    pub errors: u64,
    /// It was taken back.
    pub undone: bool,
}

impl<'a> Import<'a> {
    pub(super) fn begin(db: &'a mut Connection, path: &Path, file: &str, at: Wall) -> Result<Import<'a>, StoreError> {
        let path = path.to_owned();
        match begun(db, file, at) {
            Ok((transaction, n)) => Ok(Import { transaction, path, n, counts: Imported::default() }),
            Err(error) => Err(StoreError::Database { path, error }),
        }
    }

    /// Takes one row over.
    pub fn row(&mut self, row: Incoming) -> Result<(), StoreError> {
        self.upsert(row).map_err(|error| StoreError::Database { path: self.path.clone(), error })
    }

    fn upsert(&mut self, row: Incoming) -> rusqlite::Result<()> {
        let db = &self.transaction;
        let id = row.customer.id.clone();
        let before = record_bytes(db, &id)?;
        if before.is_none() && alias(db, &id)?.is_some() {
            self.counts.merged += 1;
            return Ok(());
        }
        let known = before.as_deref().map(super::read).transpose()?;
        let next = row.onto(known.as_ref());
        if known.as_ref() == Some(&next) {
            self.counts.same += 1;
            return Ok(());
        }
        // Two files together may have more of something than one customer keeps; the row alone was within the bounds.
        if next.check().is_err() {
            self.counts.same += 1;
            return Ok(());
        }
        write(db, &next)?;
        db.prepare_cached("INSERT INTO import_changes VALUES (?, ?, ?)")?.execute(params![self.n, id, before])?;
        match known {
            None => self.counts.added += 1,
            Some(_) => self.counts.changed += 1,
        }
        Ok(())
    }

    /// Makes it count, with the number of rows that were left out; a dry run leaves everything as it was.
    pub fn finish(self, errors: u64, dry_run: bool) -> Result<Imported, StoreError> {
        let (path, counts, n) = (self.path, self.counts, self.n);
        let finish = || {
            let nothing = counts.added + counts.changed == 0;
            if dry_run || nothing {
                return self.transaction.rollback();
            }
            self.transaction.execute(
                "UPDATE imports SET added = ?, changed = ?, same = ?, merged = ?, errors = ? WHERE n = ?",
                params![int(counts.added), int(counts.changed), int(counts.same), int(counts.merged), int(errors), n],
            )?;
            bump(&self.transaction)?;
            self.transaction.commit()
        };
        finish().map(|()| counts).map_err(|error| StoreError::Database { path, error })
    }
}

fn begun<'a>(db: &'a mut Connection, file: &str, at: Wall) -> rusqlite::Result<(Transaction<'a>, i64)> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO imports (at_us, file, added, changed, same, merged, errors) VALUES (?, ?, 0, 0, 0, 0, 0)",
        params![at.0, file],
    )?;
    let n = transaction.last_insert_rowid();
    Ok((transaction, n))
}

impl Customers {
    /// Imports, newest first.
    pub fn imports(&self) -> Result<Vec<Past>, StoreError> {
        let run = || -> rusqlite::Result<Vec<Past>> {
            let mut select = self.db.prepare("SELECT * FROM imports ORDER BY n DESC LIMIT 100")?;
            let past = select.query_map([], |row| {
                let count = |at| row.get::<_, i64>(at).map(|count| count as u64);
                Ok(Past {
                    import: row.get(0)?,
                    at_us: row.get(1)?,
                    file: row.get(2)?,
                    counts: Imported { added: count(3)?, changed: count(4)?, same: count(5)?, merged: count(6)? },
                    errors: count(7)?,
                    undone: row.get::<_, Option<i64>>(8)?.is_some(),
                })
            })?;
            past.collect()
        };
        run().map_err(|error| self.fault(error))
    }

    /// Takes an import back, the last one if none is named: customers that it added go, changed ones are as before, but for what
    /// was said of them since. Those that a later import or merge has changed since stay and are named, and so do those whom it
    /// added and of whom somebody has entered a consent, a case or a note since. None: there is no such import, or it was taken back.
    pub fn undo(&mut self, import: Option<i64>, at: Wall) -> Result<Option<Undone>, StoreError> {
        let mut run = || -> rusqlite::Result<Option<Undone>> {
            let transaction = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let n: Option<i64> = transaction
                .query_row(
                    "SELECT n FROM imports WHERE undone_us IS NULL AND (?1 IS NULL OR n = ?1) ORDER BY n DESC LIMIT 1",
                    [import],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(n) = n else { return Ok(None) };
            let undone = undo(&transaction, n)?;
            transaction.execute("UPDATE imports SET undone_us = ? WHERE n = ?", params![at.0, n])?;
            bump(&transaction)?;
            transaction.commit()?;
            Ok(Some(undone))
        };
        run().map_err(|error| StoreError::Database { path: self.path.clone(), error })
    }
}

fn undo(db: &Connection, n: i64) -> rusqlite::Result<Undone> {
    let mut undone = Undone { import: n, ..Undone::default() };
    let mut select = db.prepare("SELECT id, before FROM import_changes WHERE n = ?")?;
    let mut rows = select.query([n])?;
    let mut later = db.prepare(
        "SELECT EXISTS (SELECT 1 FROM import_changes c JOIN imports i USING (n)
           WHERE c.id = ?1 AND c.n > ?2 AND i.undone_us IS NULL)
         OR EXISTS (SELECT 1 FROM merges WHERE (kept = ?1 OR gone = ?1) AND undone_us IS NULL)",
    )?;
    while let Some(row) = rows.next()? {
        let (id, before): (String, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
        if later.query_row(params![id, n], |row| row.get(0))? {
            if undone.kept.len() < KEPT_NAMED_MAX {
                undone.kept.push(id);
            }
            continue;
        }
        let now = record_bytes(db, &id)?.map(|bytes| super::read(&bytes)).transpose()?;
        let before = before.map(|bytes| super::read(&bytes)).transpose()?;
        match (before, now) {
            (Some(before), Some(now)) => write(db, &now.keeping_what_was_said(before))?,
            (Some(before), None) => write(db, &before)?,
            // A consent is a proof, and a case is waited for: they go with nothing but the person's own word.
            (None, Some(now)) if now.consents.len() + now.notes.len() + now.cases.len() > 0 => {
                if undone.kept.len() < KEPT_NAMED_MAX {
                    undone.kept.push(id);
                }
                continue;
            }
            (None, _) => drop(db.prepare_cached("DELETE FROM customers WHERE id = ?")?.execute([&id])?),
        }
        undone.restored += 1;
    }
    Ok(undone)
}

/// SQLite's integers have a sign; no count comes near it.
pub(super) fn int(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
