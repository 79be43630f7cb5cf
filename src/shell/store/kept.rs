//! Where else in the folder of records there are whole ones: what consumers refused, and copies of the tables as earlier builds had them. Who is
//! forgotten in the tables is so there too, and what is too old.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde_json::Value;
use turno_base::Wall;
use turno_tariff::cdr::{Kind, Purpose, Record};

use super::customers::Erased;
use super::frame::{self, Entry};
use super::retention::{Old, PARTS};
use super::{StoreError, log, migrate, outs};
use crate::shell::instant::wall_of;

/// A person is forgotten wherever a record of his calls is kept besides the tables.
pub(super) fn forget_person(dir: &Path, erased: &Erased) -> Result<(), StoreError> {
    let is_his =
        |number: &Value| number.as_str().is_some_and(|text| erased.numbers.iter().any(|his| his.to_string() == text));
    outs::forget(dir, |record| match record["customer"].as_str() {
        Some(id) => erased.ids.iter().any(|his| his == id),
        None => is_his(&record["from"]["e164"]) || is_his(&record["to"]["e164"]),
    })
    .map_err(disk(dir))?;
    // What nobody can read may be his.
    forget_refused(dir, |record| record.is_none_or(|record| is_of(record, erased)))?;
    copies(&dir.join("records.sqlite"), |db| {
        for id in &erased.ids {
            take_out(db, "customer = ?1", id)?;
        }
        for number in &erased.numbers {
            take_out(db, "customer IS NULL AND (ani = ?1 OR dnis = ?1)", &number.to_string())?;
        }
        Ok(())
    })
}

/// So are calls that are too old.
pub(super) fn forget_old(dir: &Path, old: Old) -> Result<(), StoreError> {
    let is_old = |arrived: Wall, purpose: &str| {
        arrived < old.before && old.purpose.is_none_or(|meant| meant.as_str() == purpose)
    };
    outs::forget(dir, |record| {
        let arrived = record["arrived"].as_str().and_then(|at| wall_of(at).ok());
        arrived.is_some_and(|arrived| is_old(arrived, record["purpose"].as_str().unwrap_or_default()))
    })
    .map_err(disk(dir))?;
    forget_refused(dir, |record| record.is_some_and(|record| is_old(record.arrived, record.purpose.as_str())))?;
    copies(&dir.join("records.sqlite"), |db| match old.purpose.map(Purpose::as_str) {
        None => take_out(db, "arrived_us < ?1", &old.before.0.to_string()),
        Some(purpose) => take_out(db, &format!("arrived_us < ?1 AND purpose = '{purpose}'"), &old.before.0.to_string()),
    })
}

fn is_of(record: &Record, erased: &Erased) -> bool {
    match &record.customer {
        Some(id) => erased.ids.contains(id),
        None => erased.numbers.iter().any(|his| [record.ani.e164, record.dnis.e164].contains(&Some(*his))),
    }
}

/// What the tables refused: that they did, and why, stays.
fn forget_refused(dir: &Path, is_meant: impl Fn(Option<&Record>) -> bool) -> Result<(), StoreError> {
    let path = dir.join("records.sqlite");
    let run = || -> rusqlite::Result<()> {
        let mut db = open(&path)?;
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut meant = Vec::new();
        {
            let mut select =
                transaction.prepare("SELECT segment, offset, frame FROM refused WHERE length(frame) > 0")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let body: Vec<u8> = row.get(2)?;
                if is_meant(record_of(&body).as_ref()) {
                    meant.push((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
                }
            }
        }
        for (segment, offset) in meant {
            let sql = "UPDATE refused SET frame = x'' WHERE segment = ? AND offset = ?";
            transaction.execute(sql, params![segment, offset])?;
        }
        transaction.commit()?;
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    };
    run().map_err(|error| StoreError::Database { path: path.clone(), error })
}

/// The record in a frame of any format that is read.
fn record_of(body: &[u8]) -> Option<Record> {
    let entry = [log::VERSION, log::OLDEST].into_iter().find_map(|format| frame::entry(format, body).ok())?;
    match entry {
        Entry::Row(_, row) | Entry::Recovered(row) => match row.kind {
            Kind::Close(record) => Some(*record),
            Kind::Open(_) | Kind::Interim(_) => None,
        },
        Entry::Beat(_) | Entry::Facts(..) => None,
    }
}

/// Does this in each copy of a database as earlier versions had it (`records.v1.sqlite`): a build that goes back to one finds nobody there who is
/// forgotten.
pub(super) fn copies(path: &Path, run: impl Fn(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
    for path in migrate::copies(path).map_err(disk(path))? {
        let go = |path: &PathBuf| {
            let mut db = open(path)?;
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            run(&transaction)?;
            transaction.commit()?;
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        go(&path).map_err(|error| StoreError::Database { path, error })?;
    }
    Ok(())
}

/// Whether a version had such a table.
pub(super) fn is_there(db: &Connection, table: &str) -> rusqlite::Result<bool> {
    let found = db.query_row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [table], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

/// Takes these calls out of a copy, with all their parts that there were then, and everything that was refused.
fn take_out(db: &Connection, which: &str, value: &str) -> rusqlite::Result<()> {
    if is_there(db, "refused")? {
        db.execute("DELETE FROM refused", [])?;
    }
    if !is_there(db, "calls")? {
        return Ok(());
    }
    for part in PARTS {
        if is_there(db, part)? {
            db.execute(&format!("DELETE FROM {part} WHERE call IN (SELECT call FROM calls WHERE {which})"), [value])?;
        }
    }
    db.execute(&format!("DELETE FROM calls WHERE {which}"), [value]).map(drop)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.pragma_update(None, "secure_delete", "on")?;
    Ok(db)
}

fn disk(dir: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = dir.to_owned();
    move |error| StoreError::Disk { what: "forget in", path: path.clone(), error }
}
