//! The reading side, beside a running engine or without one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use turno_base::{AgentId, CallId, Currency, Name, QueueId, Wall};
use turno_report::kpi::{AgentTally, Contact, Entry, Key, Period, Quarter, Tally};

use super::tables::{House, VERSION, call_of, read};
use crate::shell::store::{Place, StoreError};

/// Read-only access to the figures.
#[derive(Debug)]
pub struct FigureReader {
    db: Connection,
    path: PathBuf,
}

/// A contact with the queue and segment that it is counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownContact {
    /// Who is a hash.
    pub contact: Contact,
    /// Which call it was.
    pub call: CallId,
    /// The first queue; empty for none.
    pub queue: String,
    /// Segment; empty for none.
    pub segment: String,
    /// Type of the dialled number; empty for none.
    pub number_type: String,
}

impl FigureReader {
    /// Opens the figures of the store in `dir`.
    pub fn open(dir: &Path) -> Result<FigureReader, StoreError> {
        let path = super::path(dir);
        if !path.exists() {
            return Err(StoreError::Missing(dir.to_owned()));
        }
        let open = || {
            let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            Ok((db, version))
        };
        match open() {
            Ok((db, VERSION)) => Ok(FigureReader { db, path }),
            Ok((_, found)) => Err(StoreError::DatabaseVersion { path, found }),
            Err(error) => Err(StoreError::Database { path, error }),
        }
    }

    /// The store's directory.
    pub fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// The instant of the last fact that is in the figures; none: there is none.
    pub fn as_of(&self) -> Result<Option<Wall>, StoreError> {
        let found = self.db.query_row("SELECT at_us FROM state", [], |row| row.get(0).map(Wall)).optional();
        found.map_err(|error| self.error(error))
    }

    /// What the engine that counts them was configured with; the usual if it has counted nothing yet.
    pub fn house(&self) -> Result<House, StoreError> {
        let found = self.db.query_row("SELECT currency, resolved_s, settled, zone FROM house", [], |row| {
            let currency = Currency::new(row.get_ref(0)?.as_str()?).unwrap_or(Currency::EUR);
            let settled = row.get_ref(2)?.as_str()?.split(' ').filter_map(|name| Name::new(name).ok()).collect();
            Ok(House { currency, resolved_s: row.get(1)?, settled, zone: row.get(3)? })
        });
        found.optional().map(Option::unwrap_or_default).map_err(|error| self.error(error))
    }

    /// How far in the log the figures are.
    pub fn place(&self) -> Result<Place, StoreError> {
        let found = self.db.query_row("SELECT segment, offset FROM state", [], |row| {
            let (segment, offset): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(Place { segment: segment as u64, offset: offset as u64 })
        });
        found.optional().map(Option::unwrap_or_default).map_err(|error| self.error(error))
    }

    /// Calls that are under way, that an agent works up, or that ended a moment ago.
    pub fn known(&self) -> Result<BTreeSet<CallId>, StoreError> {
        let mut known = BTreeSet::new();
        self.each("SELECT call FROM known", [], |row| {
            known.insert(call_of(row.get(0)?));
            Ok(())
        })?;
        Ok(known)
    }

    /// The quarter of the first count; none: there is none.
    pub fn since(&self) -> Result<Option<Quarter>, StoreError> {
        let found = self.db.query_row("SELECT MIN(quarter) FROM tallies", [], |row| row.get::<_, Option<i64>>(0));
        found.map(|quarter| quarter.map(Quarter)).map_err(|error| self.error(error))
    }

    /// Calls `on` with the counts of each key in a range of quarters, in order.
    pub fn each_tally(&self, range: &Range<Quarter>, mut on: impl FnMut(Key, Tally)) -> Result<(), StoreError> {
        let sql = "SELECT quarter, queue, segment, number_type, tally FROM tallies WHERE quarter >= ? AND quarter < ?
                   ORDER BY quarter";
        self.each(sql, params![range.start.0, range.end.0], |row| {
            let blob = row.get_ref(4)?.as_blob()?;
            on(key(row)?, read(blob)?);
            Ok(())
        })
    }

    /// The counts of a range, by key.
    pub fn tallies(&self, range: &Range<Quarter>) -> Result<BTreeMap<Key, Tally>, StoreError> {
        let mut tallies = BTreeMap::new();
        self.each_tally(range, |key, tally| drop(tallies.insert(key, tally)))?;
        Ok(tallies)
    }

    /// Calls `on` with the counts of each agent and quarter of a range, in order.
    pub fn each_agent(
        &self,
        range: &Range<Quarter>,
        mut on: impl FnMut(Quarter, AgentId, AgentTally),
    ) -> Result<(), StoreError> {
        let sql = "SELECT quarter, agent, tally FROM agents WHERE quarter >= ? AND quarter < ? ORDER BY quarter, agent";
        self.each(sql, params![range.start.0, range.end.0], |row| {
            let Ok(agent) = AgentId::new(row.get_ref(1)?.as_str()?) else { return Ok(()) };
            on(Quarter(row.get(0)?), agent, read(row.get_ref(2)?.as_blob()?)?);
            Ok(())
        })
    }

    /// The queues and the segments that something is counted of in a range.
    pub fn parts(&self, range: &Range<Quarter>) -> Result<[BTreeSet<String>; 2], StoreError> {
        let mut parts = [BTreeSet::new(), BTreeSet::new()];
        let sql = "SELECT DISTINCT queue, segment FROM tallies WHERE quarter >= ? AND quarter < ?";
        self.each(sql, params![range.start.0, range.end.0], |row| {
            for (n, names) in parts.iter_mut().enumerate() {
                names.insert(row.get(n)?);
            }
            Ok(())
        })?;
        for names in &mut parts {
            names.remove("");
        }
        Ok(parts)
    }

    /// Calls `on` with each stay that began in a range; none: of every queue.
    pub fn each_entry(
        &self,
        range: &Range<Quarter>,
        queue: Option<&str>,
        mut on: impl FnMut(Entry),
    ) -> Result<(), StoreError> {
        let sql = "SELECT entry FROM entries WHERE quarter >= ?1 AND quarter < ?2 AND (?3 IS NULL OR queue = ?3)
                   ORDER BY quarter, queue, call, n";
        self.each(sql, params![range.start.0, range.end.0, queue], |row| {
            on(read(row.get_ref(0)?.as_blob()?)?);
            Ok(())
        })
    }

    /// Calls `on` with the type of number under which each stay of some calls in a queue is counted, of the stays that began in a quarter,
    /// by call and stay. The calls ascend.
    pub fn number_types(
        &self,
        quarter: Quarter,
        queue: QueueId,
        calls: &[CallId],
        mut on: impl FnMut(CallId, Option<Name>),
    ) -> Result<(), StoreError> {
        let Some((first, last)) = calls.first().zip(calls.last()) else { return Ok(()) };
        let mut run = || {
            let mut select = self.db.prepare_cached(
                "SELECT call, entry FROM entries WHERE quarter = ? AND queue = ? AND call BETWEEN ? AND ? ORDER BY call, n",
            )?;
            let span = params![quarter.0, queue.as_str(), first.0.to_be_bytes(), last.0.to_be_bytes()];
            let mut rows = select.query(span)?;
            while let Some(row) = rows.next()? {
                let call = call_of(row.get(0)?);
                if calls.binary_search(&call).is_ok() {
                    let entry: Entry = read(row.get_ref(1)?.as_blob()?)?;
                    on(call, entry.key.number_type);
                }
            }
            Ok(())
        };
        run().map_err(|error| self.error(error))
    }

    /// Calls `on` with each contact in a span of time, by customer and time.
    pub fn each_contact(&self, from: Wall, until: Wall, mut on: impl FnMut(KnownContact)) -> Result<(), StoreError> {
        let sql = "SELECT who, at_us, answered, disposition, queue, segment, call, number_type FROM contacts
                   WHERE at_us >= ? AND at_us < ? ORDER BY who, at_us, call";
        self.each(sql, params![from.0, until.0], |row| {
            let disposition: Option<String> = row.get(3)?;
            let contact = Contact {
                who: row.get::<_, i64>(0)?.to_string(),
                at: Wall(row.get(1)?),
                answered: row.get(2)?,
                disposition: disposition.and_then(|name| Name::new(&name).ok()),
            };
            let (queue, segment, number_type) = (row.get(4)?, row.get(5)?, row.get(7)?);
            on(KnownContact { contact, queue, segment, number_type, call: call_of(row.get(6)?) });
            Ok(())
        })
    }

    /// What agents did, of states that have ended and touch a span of time.
    pub fn periods(&self, from: Wall, until: Wall) -> Result<Vec<Period>, StoreError> {
        let mut periods = Vec::new();
        let sql = "SELECT kept FROM periods WHERE from_us < ?2 AND from_us + us > ?1 ORDER BY agent, from_us";
        self.each(sql, params![from.0, until.0], |row| {
            periods.push(read(row.get_ref(0)?.as_blob()?)?);
            Ok(())
        })?;
        Ok(periods)
    }

    fn each(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        mut on: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let run = || {
            let mut statement = self.db.prepare(sql)?;
            let mut rows = statement.query(values)?;
            while let Some(row) = rows.next()? {
                on(row)?;
            }
            Ok(())
        };
        run().map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), error }
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    let name = |at: usize| Ok::<_, rusqlite::Error>(Name::new(row.get_ref(at)?.as_str()?).ok());
    Ok(Key {
        quarter: Quarter(row.get(0)?),
        queue: name(1)?.map(turno_base::QueueId),
        segment: name(2)?.map(turno_base::SegmentId),
        number_type: name(3)?,
    })
}
