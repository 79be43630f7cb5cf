//! Why calls were offered to whom, in words, kept as long as the records: the journal tells the same with all its parts and
//! forgets sooner.
//!
//! A thread of its own takes the sentences down, so that no call waits for the disk. What a crash, a full line or a disk that takes
//! nothing kept from it is made good from the journal at the next start, so nothing is lost while that reaches back so far.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use turno_acd::Why;
use turno_base::{AgentId, CallId, Wall};
use turno_engine::{Effect, OfferExplained};

use super::StoreError;
use crate::shell::journal::{Shown, walk_until};
use crate::shell::line::{LineIn, LineOut, line};

/// Of the tables.
const VERSION: u32 = 1;
/// Most that wait to be taken down; what comes beyond is read from the journal at the next start.
const WAITING_MAX: usize = 8192;
/// Most of one transaction.
const BATCH_MAX: usize = 512;
/// What comes within so long is taken down together.
const SETTLE: Duration = Duration::from_millis(200);
/// After a failure of the disk.
const AGAIN: Duration = Duration::from_secs(1);
/// Longest sentence, bytes; what is longer is cut.
pub const WORDS_BYTES_MAX: usize = 1000;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS decisions (
  call TEXT NOT NULL, epoch INTEGER NOT NULL, at_us INTEGER NOT NULL, agent TEXT NOT NULL, words TEXT NOT NULL,
  PRIMARY KEY (call, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY CHECK (id = 1), at_us INTEGER NOT NULL, is_whole INTEGER NOT NULL);
";

/// One decision, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The reservation's epoch, as in the record's offers.
    pub epoch: u64,
    /// When.
    pub at: Wall,
    /// To whom.
    pub agent: String,
    /// Why, as it is told; at most [`WORDS_BYTES_MAX`].
    pub words: String,
}

/// One decision on its way.
#[derive(Debug)]
struct Made {
    at: Wall,
    epoch: u64,
    offer: OfferExplained,
}

impl Made {
    fn words(&self) -> String {
        let mut words = self.offer.words();
        let end = words.floor_char_boundary(WORDS_BYTES_MAX);
        words.truncate(end);
        words
    }
}

/// Where decisions are handed in.
#[derive(Debug)]
pub struct Decisions {
    line: LineIn<Made>,
    /// Something was not taken.
    missed: Arc<AtomicBool>,
    dir: PathBuf,
}

impl Decisions {
    /// Opens or makes the tables in `dir`, and begins to take down what is handed in; first what `journal` has from the last
    /// process and they have not. The thread ends when all copies are gone.
    ///
    /// # Errors
    /// If the tables cannot be used, or the thread not be made.
    pub fn start(dir: &Path, journal: Option<&Path>, now: Wall) -> Result<(Decisions, JoinHandle<()>), StoreError> {
        let path = file(dir);
        let fault = |error| StoreError::Database { path: path.clone(), error };
        let db = match open(&path).map_err(fault)? {
            Ok(db) => db,
            Err(found) => return Err(StoreError::DatabaseVersion { path, found }),
        };
        let mark = begin(&db, now).map_err(fault)?;
        let (into, from) = line(WAITING_MAX);
        let missed = Arc::new(AtomicBool::new(false));
        let keeper =
            Keeper { db, path: path.clone(), missed: missed.clone(), mark: mark.unwrap_or(now), is_whole: true };
        let journal = journal.map(Path::to_owned).zip(mark);
        let thread =
            std::thread::Builder::new().name("decisions".into()).spawn(move || keeper.run(&from, journal, now));
        let thread = thread.map_err(|error| StoreError::Disk { what: "begin a thread for", path, error })?;
        Ok((Decisions { line: into, missed, dir: dir.to_owned() }, thread))
    }

    /// Takes one over; never waits.
    pub fn keep(&self, at: Wall, call: CallId, agent: AgentId, epoch: u64, why: Why) {
        let made = Made { at, epoch, offer: OfferExplained { call, agent, why } };
        if self.line.try_send(made).is_err() && !self.missed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                dir = %self.dir.display(),
                "decisions are made faster than they are written down: what is missing is read from the journal at the next start"
            );
        }
    }
}

/// The file below a store's directory.
pub fn file(dir: &Path) -> PathBuf {
    dir.join("decisions.sqlite")
}

/// What is kept of a call, in order; nothing where nothing is kept.
///
/// # Errors
/// If the tables cannot be read.
pub fn of_call(dir: &Path, call: CallId) -> Result<Vec<Decision>, StoreError> {
    let path = file(dir);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let run = || -> rusqlite::Result<Vec<Decision>> {
        let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(Duration::from_secs(5))?;
        let mut select =
            db.prepare("SELECT epoch, at_us, agent, words FROM decisions WHERE call = ? ORDER BY at_us, epoch")?;
        let rows = select.query_map([call.to_string()], |row| {
            let epoch = row.get::<_, i64>(0)? as u64;
            Ok(Decision { epoch, at: Wall(row.get(1)?), agent: row.get(2)?, words: row.get(3)? })
        })?;
        rows.collect()
    };
    run().map_err(|error| StoreError::Database { path: path.clone(), error })
}

/// Takes out those of these calls: their records have gone.
pub(super) fn forget(dir: &Path, calls: &[String]) -> rusqlite::Result<()> {
    let path = file(dir);
    if !path.exists() || calls.is_empty() {
        return Ok(());
    }
    let mut db = Connection::open(&path)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "secure_delete", "on")?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for call in calls {
        transaction.prepare_cached("DELETE FROM decisions WHERE call = ?")?.execute([call])?;
    }
    transaction.commit()?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// The version, if it is another.
fn open(path: &Path) -> rusqlite::Result<Result<Connection, u32>> {
    let db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "normal")?;
    let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != 0 && version != VERSION {
        return Ok(Err(version));
    }
    db.execute_batch(SCHEMA)?;
    db.pragma_update(None, "user_version", VERSION)?;
    Ok(Ok(db))
}

/// From where on the last process may have left something out; none: nowhere. From now on anything may be.
fn begin(db: &Connection, now: Wall) -> rusqlite::Result<Option<Wall>> {
    let found = db.query_row("SELECT at_us, is_whole FROM mark", [], |row| Ok((Wall(row.get(0)?), row.get(1)?)));
    let (at, is_whole): (Wall, bool) = found.optional()?.unwrap_or((now, true));
    db.execute("INSERT OR REPLACE INTO mark VALUES (1, ?, 0)", [if is_whole { now.0 } else { at.0 }])?;
    Ok((!is_whole).then_some(at))
}

/// Who takes them down.
struct Keeper {
    db: Connection,
    path: PathBuf,
    missed: Arc<AtomicBool>,
    /// Everything up to then is there.
    mark: Wall,
    /// Nothing has been left out since.
    is_whole: bool,
}

impl Keeper {
    fn run(mut self, from: &LineOut<Made>, journal: Option<(PathBuf, Wall)>, now: Wall) {
        if let Some((journal, mark)) = journal {
            self.make_good(&journal, mark, now);
        }
        loop {
            let (batch, is_over) = gather(from);
            if !batch.is_empty() && !self.take(&batch, is_over) {
                return;
            }
            if is_over {
                return self.end();
            }
        }
    }

    /// What the last process decided and did not take down.
    fn make_good(&mut self, journal: &Path, mark: Wall, until: Wall) {
        let mut found = Vec::new();
        let walked = walk_until(journal, mark, &mut |shown| {
            let Shown::Turn { now, effects, .. } = shown else { return ControlFlow::Continue(()) };
            if now.wall >= until {
                return ControlFlow::Break(());
            }
            for effect in effects.iter().filter(|_| now.wall >= mark) {
                if let Effect::Why { call, agent, epoch, why } = effect {
                    let offer = OfferExplained { call: *call, agent: *agent, why: why.clone() };
                    found.push(Made { at: now.wall, epoch: *epoch, offer });
                }
            }
            if found.len() >= BATCH_MAX {
                self.is_whole &= self.write(&found).is_ok();
                found.clear();
            }
            ControlFlow::Continue(())
        });
        let written = self.write(&found);
        if let Err(error) = &walked {
            tracing::warn!(%error, "decisions of the last process that were not written down cannot be read from its journal");
        }
        // A journal that cannot be read now cannot be later: it is not tried again.
        self.is_whole &= written.is_ok();
        if self.is_whole {
            self.mark = until;
        }
    }

    /// False: it cannot, and is to end.
    fn take(&mut self, batch: &[Made], is_over: bool) -> bool {
        let last = batch.iter().map(|made| made.at).max();
        self.is_whole &= !self.missed.load(Ordering::Relaxed);
        if let Some(last) = last.filter(|_| self.is_whole) {
            self.mark = self.mark.max(last);
        }
        let mut is_told = false;
        while let Err(error) = self.write(batch) {
            if !is_told {
                tracing::error!(%error, path = %self.path.display(), "decisions cannot be written down");
            }
            is_told = true;
            if is_over {
                return false;
            }
            std::thread::sleep(AGAIN);
        }
        true
    }

    fn write(&mut self, batch: &[Made]) -> rusqlite::Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?)")?;
            for made in batch {
                let (call, agent) = (made.offer.call.to_string(), made.offer.agent.as_str());
                insert.execute(params![call, made.epoch as i64, made.at.0, agent, made.words()])?;
            }
            transaction.execute("UPDATE mark SET at_us = ?", [self.mark.0])?;
        }
        transaction.commit()
    }

    /// Everything was handed in and taken down: the next start has nothing to make good.
    fn end(self) {
        if self.is_whole && !self.missed.load(Ordering::Relaxed) {
            let _ = self.db.execute("UPDATE mark SET is_whole = 1", []);
        }
    }
}

/// What comes within a moment of the first, and whether that was the last.
fn gather(from: &LineOut<Made>) -> (Vec<Made>, bool) {
    let mut batch = Vec::new();
    let Some(first) = from.recv() else { return (batch, true) };
    batch.push(first);
    let until = Instant::now() + SETTLE;
    while batch.len() < BATCH_MAX {
        match from.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(made) => batch.push(made),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return (batch, true),
        }
    }
    (batch, false)
}

#[cfg(test)]
pub(in crate::shell) mod tests;
