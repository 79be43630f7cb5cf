//! Reading records back, beside a running store or without one.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row as SqlRow, params, params_from_iter, types::Value};
use turno_base::{AgentId, CallId, E164, QueueId, Wall};
use turno_tariff::cdr::{Brief, Record};

use super::{Place, StoreError, tables};

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Arrived at or after.
    pub since: Option<Wall>,
    /// Arrived before.
    pub until: Option<Wall>,
    /// Entered this queue.
    pub queue: Option<QueueId>,
    /// Talked with this agent.
    pub agent: Option<AgentId>,
    /// Called from or to this number: canonical, or as it was received.
    pub number: Option<String>,
    /// At most so many; none: all.
    pub limit: Option<u32>,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// For people: what just happened.
    #[default]
    NewestFirst,
    /// For exports.
    OldestFirst,
}

/// A row that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Whose, if that much could be read.
    pub call: Option<String>,
    /// Why.
    pub reason: String,
}

/// Read-only access to the tables.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
}

/// Records as their bytes lie in the tables, one behind the other.
#[derive(Debug)]
pub struct Page {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Version and end of each.
    records: Vec<(u32, usize)>,
    end: Option<PageEnd>,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEnd {
    arrived_us: i64,
    call: String,
}

impl Page {
    /// Behind what the next page begins; none: there is none.
    pub fn end(&self) -> Option<&PageEnd> {
        self.end.as_ref()
    }

    /// How many records.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// Each record as far as rating again goes.
    pub fn briefs(&self) -> impl Iterator<Item = Result<Brief, StoreError>> {
        let starts = std::iter::once(0).chain(self.records.iter().map(|&(_, end)| end));
        starts.zip(&self.records).map(|(start, &(version, end))| {
            let bytes = self.bytes.get(start..end).unwrap_or(&[]);
            let unreadable = || StoreError::Database { path: self.path.clone(), error: unknown(version) };
            tables::brief(version, bytes).ok_or_else(unreadable)
        })
    }
}

impl Reader {
    /// Opens the tables of the store in `dir`.
    pub fn open(dir: &Path) -> Result<Reader, StoreError> {
        let path = dir.join("records.sqlite");
        if !path.exists() {
            return Err(StoreError::Missing(dir.to_owned()));
        }
        let open = || {
            let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            Ok(db)
        };
        match open() {
            Ok(db) => Ok(Reader { db, path }),
            Err(error) => Err(StoreError::Database { path, error }),
        }
    }

    /// The records that match.
    pub fn list(&self, filter: &Filter, order: Order) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        self.each(filter, order, |record| records.push(record.clone()))?;
        Ok(records)
    }

    /// Calls `on` with each record that matches, one in memory at a time.
    pub fn each(&self, filter: &Filter, order: Order, mut on: impl FnMut(&Record)) -> Result<(), StoreError> {
        let (sql, values) = query(filter, order);
        let mut run = || {
            let mut statement = self.db.prepare(&sql)?;
            let mut rows = statement.query(params_from_iter(values.iter()))?;
            while let Some(row) = rows.next()? {
                on(&record(&self.db, row)?);
            }
            Ok(())
        };
        run().map_err(|error| self.error(error))
    }

    /// Calls `on` with every record as it was when its call ended, without what was said and done after.
    pub fn each_as_closed(&self, mut on: impl FnMut(&Record)) -> Result<(), StoreError> {
        let mut run = || {
            let mut statement = self.db.prepare("SELECT version, record FROM calls ORDER BY arrived_us, call")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let bytes: Vec<u8> = row.get(1)?;
                if let Some(record) = tables::read(row.get(0)?, &bytes) {
                    on(&record);
                }
            }
            Ok(())
        };
        run().map_err(|error| self.error(error))
    }

    /// Calls `on` with the records of calls that arrived at or after `since` and before `until`, oldest first, as they were when
    /// their calls ended.
    pub fn each_closed_in(&self, since: Wall, until: Wall, mut on: impl FnMut(Record)) -> Result<(), StoreError> {
        let mut run = || {
            let sql =
                "SELECT version, record FROM calls WHERE arrived_us >= ? AND arrived_us < ? ORDER BY arrived_us, call";
            let mut statement = self.db.prepare(sql)?;
            let mut rows = statement.query([since.0, until.0])?;
            while let Some(row) = rows.next()? {
                let version = row.get(0)?;
                let record = tables::read(version, row.get_ref(1)?.as_blob()?);
                on(record.ok_or_else(|| unknown(version))?);
            }
            Ok(())
        };
        run().map_err(|error| self.error(error))
    }

    /// The next records of calls that arrived in a span of time, at most so many, oldest first and behind `after`, as they were when
    /// their calls ended. Between two pages nothing of the tables is held: whoever writes them may go on, and their log may be emptied.
    pub fn page(&self, span: &Range<Wall>, after: Option<&PageEnd>, limit: usize) -> Result<Page, StoreError> {
        // No call is before the empty one.
        let start = PageEnd { arrived_us: span.start.0, call: String::new() };
        let after = after.unwrap_or(&start);
        let mut page = Page { path: self.path.clone(), bytes: Vec::new(), records: Vec::new(), end: None };
        let mut run = || {
            let mut statement = self.db.prepare_cached(
                "SELECT version, record, arrived_us, call FROM calls
                 WHERE (arrived_us, call) > (?, ?) AND arrived_us < ? ORDER BY arrived_us, call LIMIT ?",
            )?;
            let mut rows = statement.query(params![after.arrived_us, after.call, span.end.0, limit as i64])?;
            while let Some(row) = rows.next()? {
                page.bytes.extend_from_slice(row.get_ref(1)?.as_blob()?);
                page.records.push((row.get(0)?, page.bytes.len()));
                // Only the last says where to go on.
                if page.records.len() == limit {
                    page.end = Some(PageEnd { arrived_us: row.get(2)?, call: row.get(3)? });
                }
            }
            Ok(())
        };
        run().map_err(|error| self.error(error))?;
        Ok(page)
    }

    /// How many calls arrived in a span of time.
    pub fn count(&self, span: &Range<Wall>) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM calls WHERE arrived_us >= ? AND arrived_us < ?";
        let found = self.db.query_row(sql, [span.start.0, span.end.0], |row| row.get::<_, i64>(0));
        found.map(i64::unsigned_abs).map_err(|error| self.error(error))
    }

    /// The record of one call.
    pub fn show(&self, call: CallId) -> Result<Option<Record>, StoreError> {
        let mut select = self
            .db
            .prepare_cached("SELECT version, record, disposition FROM calls WHERE call = ?")
            .map_err(|e| self.error(e))?;
        select.query_row([call.to_string()], |row| record(&self.db, row)).optional().map_err(|error| self.error(error))
    }

    /// The record of one call as it was when the call ended.
    pub fn closed(&self, call: CallId) -> Result<Option<Record>, StoreError> {
        let run = || {
            let mut select = self.db.prepare_cached("SELECT version, record FROM calls WHERE call = ?")?;
            let read = |row: &SqlRow<'_>| {
                let version = row.get(0)?;
                tables::read(version, row.get_ref(1)?.as_blob()?).ok_or_else(|| unknown(version))
            };
            select.query_row([call.to_string()], read).optional()
        };
        run().map_err(|error| self.error(error))
    }

    /// Whether there is a record of a call, whatever build wrote it.
    pub fn has(&self, call: CallId) -> Result<bool, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT 1 FROM calls WHERE call = ?").map_err(|error| self.error(error))?;
        select.exists([call.to_string()]).map_err(|error| self.error(error))
    }

    /// When the last of the calls ended that arrived at or after `since`; none: none did.
    pub fn last_ended(&self, since: Wall) -> Result<Option<Wall>, StoreError> {
        let sql = "SELECT max(ended_us) FROM calls WHERE arrived_us >= ?";
        let found = self.db.query_row(sql, [since.0], |row| row.get::<_, Option<i64>>(0));
        found.map(|at| at.map(Wall)).map_err(|error| self.error(error))
    }

    /// How far the tables have taken the log.
    pub fn taken_to(&self) -> Result<Place, StoreError> {
        tables::cursor(&self.db).map_err(|error| self.error(error))
    }

    /// When the oldest call that is kept arrived.
    pub fn oldest(&self) -> Option<Wall> {
        self.db.query_row("SELECT min(arrived_us) FROM calls", [], |row| row.get(0)).ok().flatten().map(Wall)
    }

    /// Rows that were set aside, newest last.
    pub fn refused(&self) -> Result<Vec<Refused>, StoreError> {
        let run = || {
            let mut select = self.db.prepare("SELECT call, reason FROM refused ORDER BY segment, offset")?;
            select
                .query_map([], |row| Ok(Refused { call: row.get(0)?, reason: row.get(1)? }))?
                .collect::<Result<Vec<_>, _>>()
        };
        run().map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), error }
    }
}

fn record(db: &Connection, row: &SqlRow<'_>) -> rusqlite::Result<Record> {
    let (version, bytes): (u32, Vec<u8>) = (row.get(0)?, row.get(1)?);
    let mut record = tables::read(version, &bytes).ok_or_else(|| unknown(version))?;
    tables::complete(db, &mut record, row.get(2)?)?;
    Ok(record)
}

fn unknown(version: u32) -> rusqlite::Error {
    let sentence = format!("a record of version {version}, which this build does not know");
    rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Blob, sentence.into())
}

/// Values are bound, never written into the text (docs/reliability.md, S7).
fn query(filter: &Filter, order: Order) -> (String, Vec<Value>) {
    let mut sql = String::from("SELECT version, record, disposition FROM calls WHERE 1");
    let mut values = Vec::new();
    let mut also = |condition: &str, value: Value| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(since) = filter.since {
        also("arrived_us >= ?", Value::Integer(since.0));
    }
    if let Some(until) = filter.until {
        also("arrived_us < ?", Value::Integer(until.0));
    }
    if let Some(queue) = filter.queue {
        let condition = "EXISTS (SELECT 1 FROM queue_entries q WHERE q.call = calls.call AND q.queue = ?)";
        also(condition, Value::Text(queue.to_string()));
    }
    if let Some(agent) = filter.agent {
        let condition =
            "EXISTS (SELECT 1 FROM segments s WHERE s.call = calls.call AND s.agent = ? AND s.kind = 'talk')";
        also(condition, Value::Text(agent.to_string()));
    }
    if let Some(number) = &filter.number {
        // Both columns hold the canonical form where there is one.
        let text = E164::new(number).map_or_else(|_| number.clone(), |number| number.to_string());
        also("(ani = ?", Value::Text(text.clone()));
        sql.push_str(" OR dnis = ?)");
        values.push(Value::Text(text));
    }
    sql.push_str(match order {
        Order::NewestFirst => " ORDER BY arrived_us DESC, call DESC",
        Order::OldestFirst => " ORDER BY arrived_us, call",
    });
    if let Some(limit) = filter.limit {
        sql.push_str(" LIMIT ?");
        values.push(Value::Integer(i64::from(limit)));
    }
    (sql, values)
}
