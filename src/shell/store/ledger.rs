//! What rating again posted: `ledger.sqlite` below the store's directory. Rows are only ever added; the amount of a leg is its record's, or
//! that of its last row here. Each row says where the figures count its call, so that they need not look for it.
//!
//! Rows lie in the order in which rating again reads records, by arrival and call: what a part of a run looks up lies together, what it
//! posts is appended, and no index beside costs as much again.

mod first;
mod second;
mod write;

use std::ops::Range;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Row};
use serde_json::json;
use turno_base::{Currency, LegId, Money, Name, QueueId, SegmentId, Wall};
use turno_tariff::Payer;
use turno_tariff::again::{LegPayer, Posting};
use turno_tariff::cdr::{Record, format};

use super::{StoreError, migrate};

pub(in crate::shell) use write::LOCK;
pub use write::{Part, PostedBefore, Postings};

const VERSION: u32 = 3;
/// A call enters its last queue within this of arriving, by a wall clock that may be set back meanwhile.
const ENTERS_WITHIN_US: i64 = 86_400_000_000;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS postings (
  arrived_us INTEGER NOT NULL, call TEXT NOT NULL, leg INTEGER NOT NULL, payer TEXT NOT NULL, revision INTEGER NOT NULL,
  difference INTEGER NOT NULL, net INTEGER NOT NULL, scale INTEGER NOT NULL, currency TEXT NOT NULL, valid_from_us INTEGER,
  tariff_revision INTEGER, posted_us INTEGER NOT NULL, counted_us INTEGER NOT NULL, was_unrated INTEGER NOT NULL, queue TEXT, segment TEXT,
  number_type TEXT, PRIMARY KEY (arrived_us, call, leg, payer, revision)) WITHOUT ROWID;
";

const COLUMNS: &str = "arrived_us, call, leg, payer, revision, difference, net, scale, currency, valid_from_us, tariff_revision, posted_us,
  counted_us, was_unrated, queue, segment, number_type";

/// The ledger of a store.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    path: PathBuf,
}

/// A row of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was posted.
    pub posting: Posting,
    /// When.
    pub posted: Wall,
    /// When its call arrived.
    pub arrived: Wall,
    /// When it entered the queue that figures count its cost in, or arrived if it entered none.
    pub counted: Wall,
    /// It is the first amount of a leg that the record has none of for want of a rule.
    pub was_unrated: bool,
    /// That queue.
    pub queue: Option<QueueId>,
    /// Segment of the customer.
    pub segment: Option<SegmentId>,
    /// Type of the dialled number, as figures count the call; of rows of version 1 as in the record.
    pub number_type: Option<Name>,
}

impl Ledger {
    /// Opens the ledger in `dir`, or makes one.
    pub fn open(dir: &Path) -> Result<Ledger, StoreError> {
        let path = dir.join("ledger.sqlite");
        let open = || -> rusqlite::Result<(Connection, u32)> {
            let mut db = Connection::open(&path)?;
            db.busy_timeout(std::time::Duration::from_secs(30))?;
            db.pragma_update(None, "journal_mode", "wal")?;
            migrate::forward(&mut db, &path, VERSION, &[first::STEP, second::STEP])?;
            let version = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if version == 0 {
                db.execute_batch(SCHEMA)?;
                db.pragma_update(None, "user_version", VERSION)?;
            }
            Ok((db, version))
        };
        match open() {
            Ok((db, 0 | VERSION)) => Ok(Ledger { db, path }),
            Ok((_, found)) => Err(StoreError::DatabaseVersion { path, found }),
            Err(error) => Err(StoreError::Database { path, error }),
        }
    }

    /// Opens the ledger in `dir` to read it; none: nothing was ever posted.
    pub fn read(dir: &Path) -> Result<Option<Ledger>, StoreError> {
        let path = dir.join("ledger.sqlite");
        if !path.exists() {
            return Ok(None);
        }
        let open = || -> rusqlite::Result<(Connection, u32)> {
            let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            let version = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((db, version))
        };
        match open() {
            Ok((db, VERSION)) => Ok(Some(Ledger { db, path })),
            // Somebody else is making it.
            Ok((_, 0)) => Ok(None),
            Ok((_, found)) if found < VERSION => Ledger::open(dir).map(Some),
            Ok((_, found)) => Err(StoreError::DatabaseVersion { path, found }),
            Err(error) => Err(StoreError::Database { path, error }),
        }
    }

    /// The rows of one call, by leg, payer and revision.
    pub fn of_record(&self, record: &Record) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        let sql =
            format!("SELECT {COLUMNS} FROM postings WHERE arrived_us = ? AND call = ? ORDER BY leg, payer, revision");
        self.each(&sql, (record.arrived.0, record.call.to_string()), |entry| found.push(entry))?;
        Ok(found)
    }

    /// Calls `on` with the rows of calls that arrived in a span of time, by arrival, call, leg, payer and revision.
    pub fn each_arrived(&self, span: &Range<Wall>, on: impl FnMut(Entry)) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM postings WHERE arrived_us >= ? AND arrived_us < ?
             ORDER BY arrived_us, call, leg, payer, revision"
        );
        self.each(&sql, [span.start.0, span.end.0], on)
    }

    /// Calls `on` with the rows of calls whose cost figures count in a span of time.
    pub fn each_counted(&self, span: &Range<Wall>, on: impl FnMut(Entry)) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM postings WHERE arrived_us >= ?1 AND arrived_us < ?4 AND counted_us >= ?2 AND counted_us < ?3"
        );
        let (from, to) = (span.start.0, span.end.0);
        let around = (from.saturating_sub(ENTERS_WITHIN_US), to.saturating_add(ENTERS_WITHIN_US));
        self.each(&sql, [around.0, from, to, around.1], on)
    }

    fn each(&self, sql: &str, values: impl rusqlite::Params, mut on: impl FnMut(Entry)) -> Result<(), StoreError> {
        let run = || {
            let mut select = self.db.prepare(sql)?;
            let mut rows = select.query(values)?;
            while let Some(row) = rows.next()? {
                on(entry(row)?);
            }
            Ok(())
        };
        run().map_err(|error| StoreError::Database { path: self.path.clone(), error })
    }
}

/// A record as JSON with what rating again posted to it, `rated_again`; empty: nothing.
pub fn json(record: &Record, entries: &[Entry]) -> String {
    let object = format::json(record);
    let row = |entry: &Entry| {
        let Posting { of, revision, difference, net, version } = entry.posting;
        json!({
            "leg": of.leg.to_string(),
            "payer": of.payer.to_string(),
            "revision": revision,
            "difference": difference.to_string(),
            "net": net.to_string(),
            "currency": net.currency.as_str(),
            "valid_from": version.map(|(valid_from, _)| valid_from.to_string()),
            "tariff_revision": version.map(|(_, revision)| revision),
            "posted": entry.posted.to_string(),
        })
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    let fields = object.strip_suffix('}').expect("a record is an object");
    format!("{fields},\"rated_again\":{}}}", json!(rows))
}

/// The same for people, a line for each posting, with LF at the end.
pub fn shown(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let Posting { of, revision, difference, net, .. } = entry.posting;
        let (leg, sign) = (of.leg, if difference.units < 0 { "" } else { "+" });
        format!(
            "again     {}: leg {leg} {sign}{difference} = {net} {} {} (posting {revision})\n",
            entry.posted, net.currency, of.payer
        )
    };
    entries.iter().map(line).collect()
}

/// A row of [`COLUMNS`].
fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let bad = |at: usize, what: &str| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(at, kind, format!("{what} that is none").into())
    };
    let name = |at: usize| -> rusqlite::Result<Option<Name>> {
        let text: Option<String> = row.get(at)?;
        text.map(|text| Name::new(&text).map_err(|_| bad(at, "a name"))).transpose()
    };
    let call = row.get_ref(1)?.as_str()?.parse().map_err(|_| bad(1, "the id of a call"))?;
    let payer = Payer(name(3)?.ok_or_else(|| bad(3, "a payer"))?);
    let currency = Currency::new(row.get_ref(8)?.as_str()?).ok_or_else(|| bad(8, "a currency"))?;
    let money = |units: i64| -> rusqlite::Result<Money> { Ok(Money { units, scale: row.get(7)?, currency }) };
    let version: (Option<i64>, Option<u32>) = (row.get(9)?, row.get(10)?);
    let posting = Posting {
        of: LegPayer { call, leg: LegId(row.get::<_, i64>(2)? as u64), payer },
        revision: row.get(4)?,
        difference: money(row.get(5)?)?,
        net: money(row.get(6)?)?,
        version: version.0.map(Wall).zip(version.1),
    };
    Ok(Entry {
        posting,
        posted: Wall(row.get(11)?),
        arrived: Wall(row.get(0)?),
        counted: Wall(row.get(12)?),
        was_unrated: row.get(13)?,
        queue: name(14)?.map(QueueId),
        segment: name(15)?.map(SegmentId),
        number_type: name(16)?,
    })
}
