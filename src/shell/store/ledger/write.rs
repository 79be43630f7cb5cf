//! The writing side of the ledger: one run at a time, whole parts.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, Statement, Transaction, TransactionBehavior, ffi, params};
use turno_base::{Currency, LegId, Money, Wall};
use turno_tariff::Payer;
use turno_tariff::again::{LegPayer, Posted};

use super::{Entry, Ledger};
use crate::shell::store::{StoreError, disk};

/// Below the directory of the store; held by the run that posts. SQLite's own locks are let go between parts.
pub(in crate::shell) const LOCK: &str = "ledger.lock";
/// SQLite's log of what was committed lies on the disk beside the ledger until nobody reads what was before; a run waits rather than
/// let it outgrow this.
const WAL_BYTES_MAX: u64 = 64 << 20;
/// The log is taken into the ledger whenever it has so many pages of 4 KiB.
const WAL_PAGES: u32 = 4096;
/// Rows of one statement: most of what SQLite does for a row that is appended it does once a statement.
const ROWS_TOGETHER: usize = 64;
const COLUMNS: usize = 17;

/// The ledger of a store, for the run that posts to it. While it is held no other run posts.
#[derive(Debug)]
pub struct Postings {
    ledger: Ledger,
    /// Adds [`ROWS_TOGETHER`] rows.
    together: String,
    wal_bytes_max: u64,
    _lock: File,
}

/// A part of a run: all of it is posted, or nothing.
#[derive(Debug)]
pub struct Part<'l> {
    rows: Transaction<'l>,
    together: &'l str,
    path: &'l Path,
}

/// What was posted last, by call, leg and payer.
#[derive(Debug, Default)]
pub struct PostedBefore(Vec<(LegPayer, Posted)>);

impl PostedBefore {
    /// None: the amount is its record's.
    pub fn of(&self, of: LegPayer) -> Option<Posted> {
        let at = self.0.binary_search_by(|(known, _)| known.cmp(&of)).ok()?;
        self.0.get(at).map(|(_, posted)| *posted)
    }
}

impl Ledger {
    /// What was posted last for the amounts of the calls that arrived from `first` to `last`, both included.
    pub fn posted(&self, first: Wall, last: Wall) -> Result<PostedBefore, StoreError> {
        posted(&self.db, first, last).map_err(|error| failed(&self.path, error))
    }
}

impl Postings {
    /// Opens the ledger in `dir`, or makes one, and posts alone from now on.
    ///
    /// # Errors
    /// [`StoreError::Posting`] while another run does.
    pub fn open(dir: &Path) -> Result<Postings, StoreError> {
        let path = dir.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(disk("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Posting(dir.to_owned())),
            Err(TryLockError::Error(error)) => return Err(disk("lock", &path)(error)),
        }
        let ledger = Ledger::open(dir)?;
        let tune = || {
            ledger.db.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
            ledger.db.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX as i64)
        };
        tune().map_err(|error| failed(&ledger.path, error))?;
        Ok(Postings { ledger, together: insert(ROWS_TOGETHER), wal_bytes_max: WAL_BYTES_MAX, _lock: lock })
    }

    /// Begins a part.
    pub fn part(&mut self) -> Result<Part<'_>, StoreError> {
        self.bound_log()?;
        let Postings { ledger: Ledger { db, path }, together, .. } = self;
        match db.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(rows) => Ok(Part { rows, together, path }),
            Err(error) => Err(failed(path, error)),
        }
    }

    /// Takes a log that has outgrown its bound into the ledger; that waits for whoever reads.
    fn bound_log(&self) -> Result<(), StoreError> {
        let Ledger { db, path } = &self.ledger;
        let log = PathBuf::from(format!("{}-wal", path.display()));
        if fs::metadata(log).map_or(0, |metadata| metadata.len()) <= self.wal_bytes_max {
            return Ok(());
        }
        let is_busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        match is_busy {
            Ok(false) => Ok(()),
            Ok(true) => {
                let why = "it is read for so long that what was posted meanwhile would fill the disk".to_owned();
                let busy = ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: ffi::SQLITE_BUSY };
                Err(failed(path, rusqlite::Error::SqliteFailure(busy, Some(why))))
            }
            Err(error) => Err(failed(path, error)),
        }
    }
}

impl Part<'_> {
    /// What was posted last for the amounts of the calls that arrived from `first` to `last`, both included.
    pub fn posted(&self, first: Wall, last: Wall) -> Result<PostedBefore, StoreError> {
        posted(&self.rows, first, last).map_err(|error| failed(self.path, error))
    }

    /// Adds rows. In the order of arrivals and calls they are appended, which is quickest.
    pub fn post(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let run = || {
            let (together, rest) = entries.as_chunks::<ROWS_TOGETHER>();
            let mut insert_together = self.rows.prepare_cached(self.together)?;
            for entries in together {
                add(&mut insert_together, entries)?;
            }
            let mut insert_one = self.rows.prepare_cached(&insert(1))?;
            rest.chunks(1).try_for_each(|entries| add(&mut insert_one, entries))
        };
        run().map_err(|error| failed(self.path, error))
    }

    /// Makes the part durable; without this, nothing of it was.
    pub fn keep(self) -> Result<(), StoreError> {
        let path = self.path;
        self.rows.commit().map_err(|error| failed(path, error))
    }
}

fn failed(path: &Path, error: rusqlite::Error) -> StoreError {
    StoreError::Database { path: path.to_owned(), error }
}

/// Inserts so many rows. A row that is there already ends the part: without a way back to before the statement, SQLite keeps no copies
/// of the pages that it changes.
fn insert(rows: usize) -> String {
    let row = format!("({})", ["?"; COLUMNS].join(", "));
    format!("INSERT OR ROLLBACK INTO postings ({}) VALUES {}", super::COLUMNS, vec![row; rows].join(", "))
}

fn add(statement: &mut Statement<'_>, entries: &[Entry]) -> rusqlite::Result<()> {
    for (entry, before) in entries.iter().zip((0..).step_by(COLUMNS)) {
        let posting = &entry.posting;
        let call = posting.of.call.to_string();
        let mut at = before;
        let mut bind = |value: &dyn rusqlite::ToSql| {
            at += 1;
            statement.raw_bind_parameter(at, value)
        };
        bind(&entry.arrived.0)?;
        bind(&call)?;
        bind(&(posting.of.leg.0 as i64))?;
        bind(&posting.of.payer.0.as_str())?;
        bind(&posting.revision)?;
        bind(&posting.difference.units)?;
        bind(&posting.net.units)?;
        bind(&posting.net.scale)?;
        bind(&posting.net.currency.as_str())?;
        bind(&posting.version.map(|(valid_from, _)| valid_from.0))?;
        bind(&posting.version.map(|(_, revision)| revision))?;
        bind(&entry.posted.0)?;
        bind(&entry.counted.0)?;
        bind(&entry.was_unrated)?;
        bind(&entry.queue.as_ref().map(|queue| queue.as_str()))?;
        bind(&entry.segment.as_ref().map(|segment| segment.as_str()))?;
        bind(&entry.number_type.as_ref().map(|kind| kind.as_str()))?;
    }
    statement.raw_execute().map(drop)
}

/// Only what tells the last amounts is read: most rows of a run that finds nothing to post are read for this alone.
fn posted(db: &Connection, first: Wall, last: Wall) -> rusqlite::Result<PostedBefore> {
    let mut select = db.prepare_cached(
        "SELECT call, leg, payer, revision, net, scale, currency FROM postings WHERE arrived_us BETWEEN ? AND ?
         ORDER BY arrived_us, call, leg, payer, revision",
    )?;
    let mut rows = select.query(params![first.0, last.0])?;
    let bad = |at: usize, what: &str| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(at, kind, format!("{what} that is none").into())
    };
    let mut found: Vec<(LegPayer, Posted)> = Vec::new();
    while let Some(row) = rows.next()? {
        let call = row.get_ref(0)?.as_str()?.parse().map_err(|_| bad(0, "the id of a call"))?;
        let payer = Payer(row.get_ref(2)?.as_str()?.parse().map_err(|_| bad(2, "a payer"))?);
        let of = LegPayer { call, leg: LegId(row.get::<_, i64>(1)? as u64), payer };
        let currency = Currency::new(row.get_ref(6)?.as_str()?).ok_or_else(|| bad(6, "a currency"))?;
        let net = Money { units: row.get(4)?, scale: row.get(5)?, currency };
        let posted = Posted { revision: row.get(3)?, net };
        match found.last_mut() {
            Some((known, last)) if *known == of => *last = posted,
            Some(_) | None => found.push((of, posted)),
        }
    }
    // Calls of one instant may lie in another order than their ids; nearly always there is nothing to do.
    found.sort_by_key(|(of, _)| *of);
    Ok(PostedBefore(found))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use turno_base::CallId;
    use turno_tariff::again::Posting;

    use super::*;
    use crate::shell::store::tests::Dir;

    /// Postings of calls that arrived one after the other.
    fn entries(calls: std::ops::Range<i64>) -> Vec<Entry> {
        let of = |n: i64| LegPayer { call: CallId(n as u128), leg: LegId(2), payer: Payer::company() };
        let euro = |units| Money { units, scale: 4, currency: Currency::EUR };
        let entry = |n: i64| Entry {
            posting: Posting {
                of: of(n),
                revision: 1,
                difference: euro(n),
                net: euro(n + 1),
                version: Some((Wall(n), 7)),
            },
            posted: Wall(9),
            arrived: Wall(n),
            counted: Wall(n + 5),
            was_unrated: n % 2 == 0,
            queue: (n % 3 == 0).then(|| "averias".parse().unwrap()),
            segment: (n % 5 == 0).then(|| "gold".parse().unwrap()),
            number_type: (n % 7 == 0).then(|| "freephone".parse().unwrap()),
        };
        calls.map(entry).collect()
    }

    fn all(dir: &Path) -> Vec<Entry> {
        let mut all = Vec::new();
        let ledger = Ledger::read(dir).unwrap().unwrap();
        ledger.each_arrived(&(Wall(0)..Wall(i64::MAX)), |entry| all.push(entry)).unwrap();
        all
    }

    #[test]
    fn rows_are_read_as_they_were_posted_however_many_go_together() {
        let dir = Dir::new("postings");
        let mut postings = Postings::open(&dir.0).unwrap();
        let together = ROWS_TOGETHER as i64;
        for calls in [0..1, 1..together, together..2 * together, 2 * together..4 * together + 3] {
            let part = postings.part().unwrap();
            part.post(&entries(calls)).unwrap();
            part.keep().unwrap();
        }
        let posted = entries(0..4 * together + 3);
        assert_eq!(all(&dir.0), posted);
        let before = postings.part().unwrap().posted(Wall(5), Wall(6)).unwrap();
        let of = |n: usize| before.of(posted[n].posting.of).map(|posted| (posted.revision, posted.net.units));
        assert_eq!([4, 5, 6, 7].map(of), [None, Some((1, 6)), Some((1, 7)), None]);
    }

    #[test]
    fn a_part_that_would_post_a_row_twice_posts_nothing() {
        let dir = Dir::new("postings-twice");
        let mut postings = Postings::open(&dir.0).unwrap();
        let part = postings.part().unwrap();
        part.post(&entries(0..3)).unwrap();
        part.keep().unwrap();
        let part = postings.part().unwrap();
        assert!(part.post(&entries(3..200)).and_then(|()| part.post(&entries(2..3))).is_err());
        drop(part);
        assert_eq!(all(&dir.0), entries(0..3));
        let part = postings.part().unwrap();
        part.post(&entries(3..200)).unwrap();
        part.keep().unwrap();
        assert_eq!(all(&dir.0), entries(0..200));
    }

    #[test]
    fn a_run_ends_rather_than_fill_the_disk_beside_a_reader_who_does_not_end() {
        const BOUND: u64 = 200_000;
        let dir = Dir::new("postings-log");
        let mut postings = Postings::open(&dir.0).unwrap();
        postings.wal_bytes_max = BOUND;
        postings.ledger.db.busy_timeout(Duration::from_millis(20)).unwrap();
        let log = || fs::metadata(dir.0.join("ledger.sqlite-wal")).unwrap().len();
        let post = |postings: &mut Postings, n: i64| {
            let part = postings.part()?;
            part.post(&entries(n * 100..n * 100 + 100)).unwrap();
            part.keep()
        };
        post(&mut postings, 0).unwrap();
        let a_part = log();
        let mut reader = Connection::open(dir.0.join("ledger.sqlite")).unwrap();
        let reading = reader.transaction().unwrap();
        let _: i64 = reading.query_row("SELECT count(*) FROM postings", [], |row| row.get(0)).unwrap();
        let error = (1..1000).find_map(|n| post(&mut postings, n).err()).expect("the log is bounded");
        assert!(error.to_string().contains("read for so long"), "{error}");
        assert!(log() <= BOUND + 2 * a_part, "{} bytes", log());
        drop(reading);
        post(&mut postings, 2000).unwrap();
        assert!(log() <= 2 * a_part, "{} bytes after the reader has ended", log());
    }
}
