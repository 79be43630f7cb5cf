//! Records and the event line on disk (docs/records.md): an append-only log that one thread makes durable in groups,
//! and consumers that take it from there, each on a thread of its own. One of them fills SQLite tables.
//!
//! Whoever appends never waits for the disk. While the disk takes nothing, rows wait in memory, [`Health::full`] says so
//! and new calls are refused, before a record is lost. Below the directory given: `log/<n>.log`, `records.sqlite`, `decisions.sqlite`.

pub mod audit;
pub mod consumer;
pub mod customers;
pub mod decisions;
pub mod feed;
mod frame;
mod kept;
pub mod ledger;
mod log;
pub(in crate::shell) mod migrate;
pub mod outs;
pub mod parquet;
pub mod pseudonym;
mod reader;
pub mod retention;
pub mod since;
mod sqlite;
mod tables;
mod writer;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{TrySendError, bounded};
use turno_tariff::cdr::Row;

pub use log::{Place, Recovered};
pub use reader::{Filter, Order, Page, PageEnd, Reader, Refused};

use crate::shell::host;
use crate::shell::line::{LineIn, line};
use consumer::{Bells, Consumer, ConsumerHealth, Desk, Runner, Wake};
use sqlite::Tables;
use writer::{Message, Writer};

/// Rows on the way to the writer; more are given back. Half of it, and new calls are refused.
const ROWS_MAX: usize = 65_536;

/// The consumer that is always there.
const TABLES: &str = "sqlite";

/// Sizes that an operator or a test may want otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment of the log ends behind this many bytes.
    pub segment_bytes: u64,
    /// Rows that the disk did not take wait in memory up to this many bytes: 256 MiB are some hundred thousand rows.
    pub spool_bytes_max: usize,
    /// Below this much free space new calls are refused, so that those in progress can be recorded to their end.
    pub reserve_bytes: u64,
    /// From this use of the disk on, percent, an alarm is raised.
    pub disk_alarm_pct: u64,
    /// A process in which nothing happens proves this often that it lives.
    pub beat_every: Duration,
    /// What every consumer has taken is kept so long for folds that are made anew, while the disk is not short of room...
    pub kept_for: Duration,
    /// ...and while the log is not larger than this.
    pub kept_bytes_max: u64,
    /// A log larger than this no longer waits for consumers other than the tables.
    pub held_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes: 64 << 20,
            spool_bytes_max: 256 << 20,
            reserve_bytes: 64 << 20,
            disk_alarm_pct: 80,
            beat_every: Duration::from_secs(1),
            kept_for: Duration::from_secs(8 * 86_400),
            kept_bytes_max: 2 << 30,
            held_bytes_max: 16 << 30,
        }
    }
}

/// How the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// New calls must be refused: the disk fails or is about to be full, or the writer is far behind.
    pub full: bool,
    /// The last write or sync failed.
    pub failing: bool,
    /// Rows in memory that the disk did not take.
    pub spooled: u64,
    /// Rows given back because everything was full, or larger than a frame: each is an alarm.
    pub refused: u64,
    /// Use of the disk, percent.
    pub disk_used_pct: u64,
    /// The use reached [`Options::disk_alarm_pct`].
    pub disk_alarm: bool,
    /// The database takes nothing: locked, full or failing. Records wait in the log.
    pub database_failing: bool,
    /// Highest number of a row that is durable.
    pub stored: u64,
}

/// Everything was full; the row is given back.
#[derive(Debug)]
pub struct Full(pub Box<Row>);

/// Why a store does not open or a query fails.
#[derive(Debug)]
pub enum StoreError {
    /// Another process writes there.
    InUse(PathBuf),
    /// Another run of rating again posts to the ledger there.
    Posting(PathBuf),
    /// There is no store.
    Missing(PathBuf),
    /// Files.
    Disk {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What came of it.
        error: io::Error,
    },
    /// Tables.
    Database {
        /// Which.
        path: PathBuf,
        /// What came of it.
        error: rusqlite::Error,
    },
    /// Tables of another version.
    DatabaseVersion {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::InUse(path) => write!(f, "another process writes records in {}", path.display()),
            StoreError::Posting(path) => {
                write!(f, "another run posts to the ledger in {}: wait until it has ended", path.display())
            }
            StoreError::Missing(path) => write!(f, "there are no records in {}", path.display()),
            StoreError::Disk { what, path, error } => write!(f, "cannot {what} {}: {error}", path.display()),
            StoreError::Database { path, error } => write!(f, "cannot use {}: {error}", path.display()),
            StoreError::DatabaseVersion { path, found } => {
                write!(f, "{} has version {found}, which this build does not know", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// What the threads know of each other.
#[derive(Debug, Default)]
struct Shared {
    failing: AtomicBool,
    short: AtomicBool,
    spooled: AtomicU64,
    refused: AtomicU64,
    disk_used_pct: AtomicU64,
    disk_alarm: AtomicBool,
    stored: AtomicU64,
    /// Oldest segment that a restart needs.
    needed: AtomicU64,
    closing: AtomicBool,
    closing_for_good: AtomicBool,
    durable: Mutex<Place>,
    options: Options,
    /// Of the tables first.
    desks: Vec<Arc<Desk>>,
    /// Only one thread removes segments at a time.
    sweeping: Mutex<()>,
}

impl Shared {
    fn durable(&self) -> Place {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_durable(&self, place: Place) {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// Removes the segments that neither a restart nor a consumer needs and nobody may ask for any more.
    fn sweep(&self, dir: &Path) {
        let _one = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.sweep_now(dir) {
            tracing::warn!(%error, "segments of the record log that nobody needs cannot be removed");
        }
    }

    fn sweep_now(&self, dir: &Path) -> io::Result<()> {
        let mut found = Vec::new();
        for segment in log::segments(dir)? {
            let metadata = fs::metadata(log::path(dir, segment))?;
            let age = metadata.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
            found.push((segment, metadata.len(), age));
        }
        let mut total: u64 = found.iter().map(|(_, bytes, _)| bytes).sum();
        let (mut needed, mut wanted) = (self.needed.load(Ordering::Relaxed), u64::MAX);
        for (segment, is_essential) in self.desks.iter().map(|desk| desk.needs()) {
            wanted = wanted.min(segment);
            if is_essential {
                needed = needed.min(segment);
            }
        }
        let short = self.short.load(Ordering::Relaxed);
        for (segment, bytes, age) in found {
            let is_wanted = segment >= wanted && total <= self.options.held_bytes_max;
            let is_kept = age < self.options.kept_for && total <= self.options.kept_bytes_max && !short;
            if segment >= needed || is_wanted || is_kept {
                break;
            }
            fs::remove_file(log::path(dir, segment))?;
            total -= bytes;
        }
        Ok(())
    }
}

/// A store that was read back and not opened yet: that takes time with a large log, and needs nothing but the folder.
#[derive(Debug)]
pub struct ReadBack {
    dir: PathBuf,
    recovered: Recovered,
    tables: Tables,
    lock: File,
}

impl ReadBack {
    /// Makes or reads the store in `dir` and cuts a torn tail.
    pub fn read(dir: &Path) -> Result<ReadBack, StoreError> {
        let records = dir.join("log");
        fs::create_dir_all(&records).map_err(disk("make", &records))?;
        let lock_path = dir.join("lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(disk("open", &lock_path))?;
        lock.try_lock().map_err(|_| StoreError::InUse(dir.to_owned()))?;
        let mut recovered = log::recover(&records).map_err(disk("read back", &records))?;

        let mut tables = Tables::open(&dir.join("records.sqlite"))?;
        if let Some(taken) = tables.taken_to().filter(|taken| recovered.end < *taken) {
            // Somebody removed the log but not the tables: go on behind what they have seen, or they would skip it.
            recovered.end = Place { segment: taken.segment, offset: u64::MAX };
        }
        Ok(ReadBack { dir: dir.to_owned(), recovered, tables, lock })
    }

    /// As [`Store::open`].
    pub fn open(
        self,
        options: Options,
        consumers: Vec<(String, Box<dyn Consumer>)>,
        on_stored: impl Fn(u64) + Send + 'static,
    ) -> Result<(Store, Recovered), StoreError> {
        let ReadBack { dir, recovered, tables, lock } = self;
        let (dir, records) = (dir.as_path(), dir.join("log"));
        let mut all: Vec<(Arc<Desk>, Box<dyn Consumer>)> = vec![(Desk::new(TABLES, true), Box::new(tables))];
        all.extend(consumers.into_iter().map(|(name, consumer)| (Desk::new(&name, false), consumer)));
        let desks = all.iter().map(|(desk, _)| desk.clone()).collect();
        let shared = Arc::new(Shared { options, desks, ..Shared::default() });
        shared.set_durable(recovered.end);
        let oldest = recovered.open().values().copied().min().unwrap_or(recovered.end.segment);
        shared.needed.store(oldest, Ordering::Relaxed);
        shared.stored.store(recovered.seq_last().unwrap_or(0), Ordering::Relaxed);
        let (mut wakes, mut bells, mut threads) = (Vec::new(), Bells::default(), Vec::new());
        for (desk, consumer) in all {
            let (wake, woken) = line(16);
            let thread = format!("to-{}", desk.health().name);
            wakes.push(wake.clone());
            bells.0.push((wake, desk.clone()));
            let runner = Runner::new(&records, consumer, shared.clone(), desk);
            let run = move || {
                host::step_back();
                runner.run(&woken);
            };
            threads.push(spawn(&thread, run).map_err(disk("start a thread for", dir))?);
        }
        let (rows, incoming) = line(ROWS_MAX);
        let writer = Writer::new(records.clone(), options, &recovered, shared.clone(), on_stored, bells);
        threads.push(spawn("records", move || writer.run(&incoming)).map_err(disk("start a thread for", dir))?);
        Ok((Store { rows: Some(rows), wakes, shared, dir: records, threads, _lock: lock }, recovered))
    }
}

fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Disk { what, path, error }
}

/// The writing end. Dropping it makes everything durable first; [`Store::close`] also waits for the tables.
#[derive(Debug)]
pub struct Store {
    rows: Option<LineIn<Message>>,
    /// Of the consumers, the tables first.
    wakes: Vec<LineIn<Wake>>,
    shared: Arc<Shared>,
    /// Of the log.
    dir: PathBuf,
    threads: Vec<JoinHandle<()>>,
    /// Held as long as the store is.
    _lock: File,
}

impl Store {
    /// Opens or makes the store in `dir`, cuts a torn tail and says what a crash left open. `consumers` take the log besides
    /// the tables, by names that are theirs alone. `on_stored` is called on the writer's thread with the highest number that
    /// became durable; it must not block.
    pub fn open(
        dir: &Path,
        options: Options,
        consumers: Vec<(String, Box<dyn Consumer>)>,
        on_stored: impl Fn(u64) + Send + 'static,
    ) -> Result<(Store, Recovered), StoreError> {
        ReadBack::read(dir)?.open(options, consumers, on_stored)
    }

    /// Sends a row on its way; never waits. Numbers ascend. Given back when 65,536 rows wait for the writer, which begins to
    /// happen only after the spool is full too; [`Health::full`] is true long before.
    pub fn append(&self, seq: u64, row: Row) -> Result<(), Full> {
        self.send(Message::Row(seq, row)).or_else(|full| full.map_or(Ok(()), Err))
    }

    /// Sends a row that closes a call after a crash; it has no number.
    pub fn append_recovered(&self, row: Row) -> Result<(), Full> {
        self.send(Message::Recovered(row)).or_else(|full| full.map_or(Ok(()), Err))
    }

    /// Sends a piece of the event line on its way: the number of its first fact, how many, and their postcards one behind the
    /// other. Sent before the rows of the same turn, it is durable no later than they are. False: lost, everything was full.
    pub fn append_facts(&self, first: u64, count: u64, bytes: Vec<u8>) -> bool {
        self.send(Message::Facts(first, count, bytes)).is_ok()
    }

    fn send(&self, message: Message) -> Result<(), Option<Full>> {
        let Some(rows) = &self.rows else { return Ok(()) };
        match rows.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => match message {
                Message::Row(_, row) | Message::Recovered(row) => {
                    self.shared.refused.fetch_add(1, Ordering::Relaxed);
                    Err(Some(Full(Box::new(row))))
                }
                Message::Facts(..) => Err(None),
                Message::Flush(_) => Ok(()),
            },
        }
    }

    /// How it is; cheap enough for each turn of the loop.
    pub fn health(&self) -> Health {
        let shared = &self.shared;
        let failing = shared.failing.load(Ordering::Relaxed);
        let behind = self.rows.as_ref().is_some_and(|rows| rows.len() > ROWS_MAX / 2);
        Health {
            full: failing || behind || shared.short.load(Ordering::Relaxed),
            failing,
            spooled: shared.spooled.load(Ordering::Relaxed),
            refused: shared.refused.load(Ordering::Relaxed),
            disk_used_pct: shared.disk_used_pct.load(Ordering::Relaxed),
            disk_alarm: shared.disk_alarm.load(Ordering::Relaxed),
            database_failing: shared.desks.first().is_some_and(|desk| desk.is_failing()),
            stored: shared.stored.load(Ordering::Relaxed),
        }
    }

    /// How each consumer is, the tables first.
    pub fn consumers(&self) -> Vec<ConsumerHealth> {
        self.shared.desks.iter().map(|desk| desk.health()).collect()
    }

    /// Waits until all that was appended before is durable, at most `patience`. False: it is not.
    pub fn durable(&self, patience: Duration) -> bool {
        self.flush_to(0, patience)
    }

    /// The newest segment of the log, and how far it is durable.
    pub fn durable_to(&self) -> (PathBuf, u64) {
        let place = self.shared.durable();
        (log::path(&self.dir, place.segment), place.offset)
    }

    /// Waits until all that was appended before is durable and in the tables, at most `patience`. False: it is not.
    pub fn flush(&self, patience: Duration) -> bool {
        self.flush_to(1, patience)
    }

    /// Waits until all that was appended before is durable and every consumer has taken it, at most `patience`.
    pub fn flush_all(&self, patience: Duration) -> bool {
        self.flush_to(self.wakes.len(), patience)
    }

    fn flush_to(&self, consumers: usize, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let Some(rows) = &self.rows else { return false };
        let (done, durable) = bounded(1);
        if !rows.send_deadline(Message::Flush(done), until) || durable.recv_deadline(until).is_err() {
            return false;
        }
        let (done, taken) = bounded(consumers);
        let asked = self.wakes.iter().take(consumers);
        asked.filter(|wakes| wakes.send_deadline(Wake::Flush(done.clone()), until)).count() == consumers
            && (0..consumers).all(|_| taken.recv_deadline(until).is_ok())
    }

    /// Ends, as a node does: everything becomes durable, and gets to the consumers if that takes no longer than `patience`; the
    /// rest does at the next start.
    pub fn close(self, patience: Duration) {
        self.flush_all(patience);
    }

    fn end(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.rows = None;
        self.shared.closing_for_good.store(true, Ordering::Relaxed);
        self.wakes.clear();
        for thread in self.threads.drain(..) {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

#[cfg(test)]
pub(crate) mod tests;
