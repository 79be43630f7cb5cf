//! The thread that takes the durable log into SQLite. The cursor is part of each transaction, so every record takes effect
//! exactly once; a record that SQLite refuses is set aside with the reason and blocks nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender};
use rusqlite::{Connection, ErrorCode};
use turno_tariff::cdr::{Kind, Row};

use super::frame::Entry;
use super::log::{self, HEADER_BYTES, Place};
use super::tables::{self, Inserted};
use super::{Shared, StoreError, writer};
use crate::shell::line::LineOut;

/// Records of one transaction.
const BATCH_RECORDS_MAX: usize = 512;
/// Bytes of the log read at a time.
const READ_BYTES_MAX: u64 = 4 << 20;
/// Records of so long share a transaction: each one costs a copy of every page that it touches.
const SETTLE: Duration = Duration::from_millis(200);
/// After SQLite was locked or failed.
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// A busy database is waited for this long inside one statement.
const BUSY_FOR: Duration = Duration::from_millis(100);
/// Consumed segments that are kept for whoever wants to read the log itself.
const SEGMENTS_KEPT: u64 = 2;

/// Why the consumer wakes up.
#[derive(Debug)]
pub(super) enum Wake {
    /// More rows are durable.
    Rows,
    /// Answer when everything durable was taken in.
    Flush(Sender<()>),
}

#[derive(Debug)]
pub(super) struct Consumer {
    dir: PathBuf,
    db: Connection,
    shared: Arc<Shared>,
    /// Behind the last frame that was taken in.
    cursor: Place,
}

/// One frame to take in.
struct Pending {
    at: Place,
    frame: Vec<u8>,
    entry: Result<Row, postcard::Error>,
}

impl Consumer {
    pub(super) fn open(database: &Path, dir: PathBuf, shared: Arc<Shared>) -> Result<Consumer, StoreError> {
        let fail = |error| StoreError::Database { path: database.to_owned(), error };
        let db = Connection::open(database).map_err(fail)?;
        db.busy_timeout(BUSY_FOR).map_err(fail)?;
        db.pragma_update(None, "journal_mode", "wal").map_err(fail)?;
        db.pragma_update(None, "synchronous", "normal").map_err(fail)?;
        db.set_prepared_statement_cache_capacity(32);
        if let Err(found) = tables::create(&db).map_err(fail)? {
            return Err(StoreError::DatabaseVersion { path: database.to_owned(), found });
        }
        let cursor = tables::cursor(&db).map_err(fail)?;
        Ok(Consumer { dir, db, shared, cursor })
    }

    /// How far the log was taken in.
    pub(super) fn cursor(&self) -> Place {
        self.cursor
    }

    /// Until the writer is gone and everything durable was taken in, or cannot be.
    pub(super) fn run(mut self, wakes: &LineOut<Wake>) {
        let mut flushes: Vec<Sender<()>> = Vec::new();
        let mut open = true;
        loop {
            self.shared.told.store(false, Ordering::Release);
            let done = self.catch_up();
            if done {
                for flush in flushes.drain(..) {
                    let _ = flush.send(());
                }
                if !open {
                    return;
                }
            } else if !open && self.shared.closing_for_good.load(Ordering::Relaxed) {
                return;
            }
            let wake = match done {
                true => wakes.recv().ok_or(RecvTimeoutError::Disconnected),
                false if open => wakes.recv_timeout(RETRY_EVERY),
                false => {
                    std::thread::sleep(RETRY_EVERY);
                    Err(RecvTimeoutError::Timeout)
                }
            };
            match wake {
                Ok(Wake::Flush(flush)) => flushes.push(flush),
                Ok(Wake::Rows) => open = settle(wakes, &mut flushes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
        }
    }

    /// Takes in all that is durable. False: the database does not let it, try again.
    fn catch_up(&mut self) -> bool {
        loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) => {
                    self.shared.consumer_failing.store(false, Ordering::Relaxed);
                    return true;
                }
                Err(error) => {
                    if !self.shared.consumer_failing.swap(true, Ordering::Relaxed) {
                        tracing::warn!(%error, "the database of records does not take them; they wait in the log");
                    }
                    return false;
                }
            }
        }
    }

    /// One transaction. False: nothing is left to do.
    fn step(&mut self) -> Result<bool, StoreError> {
        let durable = self.shared.durable();
        let Some(start) = self.start(durable)? else { return Ok(false) };
        let end = if start.segment == durable.segment { Some(durable.offset) } else { None };
        let read = |to| {
            let path = log::path(&self.dir, start.segment);
            log::read_range(&self.dir, start, to).map_err(|error| StoreError::Disk { what: "read", path, error })
        };
        let part = end.map_or(start.offset + READ_BYTES_MAX, |end| end.min(start.offset + READ_BYTES_MAX));
        let length = self.length(start.segment)?;
        let mut bytes = read(Some(part.min(length)))?;
        let (mut pending, mut good) = pending(start, &bytes);
        if good == 0 && part < length {
            // One frame is longer than what is read at a time.
            bytes = read(end)?;
            (pending, good) = self::pending(start, &bytes);
        }
        if good == 0 {
            // What is left of a segment before the last is damage; recovery counted it.
            let next = Place { segment: start.segment + 1, offset: HEADER_BYTES };
            return if start.segment < durable.segment { self.advance(next).map(|()| true) } else { Ok(false) };
        }
        let to = Place { segment: start.segment, offset: start.offset + good as u64 };
        self.take(&pending, to)?;
        Ok(true)
    }

    /// Where to read on; none: everything durable was read.
    fn start(&mut self, durable: Place) -> Result<Option<Place>, StoreError> {
        if durable.segment == 0 {
            return Ok(None);
        }
        if self.cursor.segment == 0 {
            let first = log::segments(&self.dir).map_err(|error| StoreError::Disk {
                what: "list",
                path: self.dir.clone(),
                error,
            })?;
            let Some(&segment) = first.first() else { return Ok(None) };
            self.cursor = Place { segment, offset: HEADER_BYTES };
        }
        while self.cursor.segment < durable.segment && !log::path(&self.dir, self.cursor.segment).exists() {
            self.cursor = Place { segment: self.cursor.segment + 1, offset: HEADER_BYTES };
        }
        let there = self.cursor < durable && log::path(&self.dir, self.cursor.segment).exists();
        Ok(there.then_some(self.cursor))
    }

    fn length(&self, segment: u64) -> Result<u64, StoreError> {
        let path = log::path(&self.dir, segment);
        let length = std::fs::metadata(&path).map(|metadata| metadata.len());
        length.map_err(|error| StoreError::Disk { what: "read", path, error })
    }

    /// The next segment; those that nobody needs any more are removed once what they held is safe in the database file.
    fn advance(&mut self, to: Place) -> Result<(), StoreError> {
        self.cursor = to;
        self.guarded(|db| tables::set_cursor(db, to))?;
        let busy: i64 = self.guarded(|db| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)))?;
        if busy == 0 {
            let needed = self.shared.needed.load(Ordering::Relaxed).min(to.segment.saturating_sub(SEGMENTS_KEPT));
            let removed = writer::remove_before(&self.dir, needed);
            removed.map_err(|error| StoreError::Disk { what: "remove", path: self.dir.clone(), error })?;
        }
        Ok(())
    }

    /// All of them in one transaction; if one is refused, each in its own so that the others get in.
    fn take(&mut self, pending: &[Pending], to: Place) -> Result<(), StoreError> {
        for batch in pending.chunks(BATCH_RECORDS_MAX) {
            let at = batch.last().map_or(to, |last| last.at);
            match self.take_batch(batch, at) {
                Ok(()) => {}
                Err(error) if is_passing(&error) => return Err(self.database(error)),
                Err(_) => {
                    for one in batch {
                        self.take_or_refuse(one)?;
                    }
                }
            }
        }
        // Frames without a record behind the last one are read again after a restart, which costs nothing; a heartbeat a
        // second would cost a transaction a second.
        self.cursor = to;
        Ok(())
    }

    fn take_batch(&mut self, batch: &[Pending], at: Place) -> rusqlite::Result<()> {
        let transaction = self.db.transaction()?;
        for one in batch {
            take_one(&transaction, one)?;
        }
        tables::set_cursor(&transaction, at)?;
        transaction.commit()?;
        self.cursor = at;
        Ok(())
    }

    fn take_or_refuse(&mut self, one: &Pending) -> Result<(), StoreError> {
        let Err(error) = self.take_batch(std::slice::from_ref(one), one.at) else { return Ok(()) };
        if is_passing(&error) {
            return Err(self.database(error));
        }
        let call = one.entry.as_ref().ok().map(|row| (row.call.to_string(), row.seq));
        tracing::error!(%error, call = call.as_ref().map(|(call, _)| call.as_str()), "a record was refused and set aside");
        self.guarded(|db| {
            let transaction = db.transaction()?;
            let row = call.as_ref().map(|(call, seq)| (call.as_str(), *seq));
            tables::refuse(&transaction, one.at, row, &error.to_string(), &one.frame)?;
            tables::set_cursor(&transaction, one.at)?;
            transaction.commit()
        })?;
        self.cursor = one.at;
        Ok(())
    }

    fn guarded<T>(&mut self, run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        run(&mut self.db).map_err(|error| self.database(error))
    }

    fn database(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.db.path().map_or_else(PathBuf::new, PathBuf::from), error }
    }
}

/// Lets more rows come, unless somebody waits for those that are there. False: the writer is gone.
fn settle(wakes: &LineOut<Wake>, flushes: &mut Vec<Sender<()>>) -> bool {
    let until = Instant::now() + SETTLE;
    loop {
        match wakes.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Wake::Rows) => {}
            Ok(Wake::Flush(flush)) => {
                flushes.push(flush);
                return true;
            }
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// The frames that say something to the tables, and how many bytes all good frames take.
fn pending(start: Place, bytes: &[u8]) -> (Vec<Pending>, usize) {
    let mut pending = Vec::new();
    let good = log::scan(bytes, 0, |body, behind| {
        let at = Place { segment: start.segment, offset: start.offset + behind as u64 };
        let entry = match postcard::from_bytes(body) {
            Ok(Entry::Row(_, row) | Entry::Recovered(row)) if matches!(row.kind, Kind::Close(_)) => Ok(row),
            Ok(Entry::Row(..) | Entry::Recovered(_) | Entry::Beat(_)) => return,
            Err(error) => Err(error),
        };
        pending.push(Pending { at, frame: body.to_vec(), entry });
    });
    (pending, good)
}

fn take_one(db: &Connection, one: &Pending) -> rusqlite::Result<()> {
    let row = match &one.entry {
        Ok(row) => row,
        Err(error) => return tables::refuse(db, one.at, None, &error.to_string(), &one.frame),
    };
    let Kind::Close(record) = &row.kind else { return Ok(()) };
    match tables::insert(db, row.seq, record)? {
        Inserted::New | Inserted::Again => Ok(()),
        Inserted::Different => {
            let call = row.call.to_string();
            tables::refuse(db, one.at, Some((&call, row.seq)), "the call has another record already", &one.frame)
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
