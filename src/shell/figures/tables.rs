//! The writing side: one thread, one transaction for each batch.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use turno_base::fact::AgentState;
use turno_base::{AgentId, CallId, Currency, Name};
use turno_report::kpi::{AgentTally, Call, Changes, Contact, Entry, Fold, Key, KpiTerms, Period, Quarter, Tally};

use crate::shell::store::{StoreError, migrate};

/// Raised with every change of what a row holds.
pub(super) const VERSION: u32 = 4;
/// A busy database is waited for this long inside one statement.
const BUSY_FOR: Duration = Duration::from_millis(100);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS state (
  id INTEGER PRIMARY KEY CHECK (id = 1), segment INTEGER NOT NULL, offset INTEGER NOT NULL, fact INTEGER NOT NULL,
  at_us INTEGER NOT NULL, head BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS salt (id INTEGER PRIMARY KEY CHECK (id = 1), salt BLOB NOT NULL);
INSERT OR IGNORE INTO salt VALUES (1, randomblob(32));
CREATE TABLE IF NOT EXISTS house (id INTEGER PRIMARY KEY CHECK (id = 1), currency TEXT NOT NULL, resolved_s INTEGER NOT NULL,
  settled TEXT NOT NULL, zone TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS known (call BLOB PRIMARY KEY, kept BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tallies (
  quarter INTEGER NOT NULL, queue TEXT NOT NULL, segment TEXT NOT NULL, number_type TEXT NOT NULL, tally BLOB NOT NULL,
  PRIMARY KEY (quarter, queue, segment, number_type)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS agents (
  quarter INTEGER NOT NULL, agent TEXT NOT NULL, tally BLOB NOT NULL, PRIMARY KEY (quarter, agent)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
  quarter INTEGER NOT NULL, queue TEXT NOT NULL, call BLOB NOT NULL, n INTEGER NOT NULL, entry BLOB NOT NULL,
  PRIMARY KEY (quarter, queue, call, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contacts (
  who INTEGER NOT NULL, at_us INTEGER NOT NULL, call BLOB NOT NULL, answered INTEGER NOT NULL, disposition TEXT,
  queue TEXT NOT NULL, segment TEXT NOT NULL, number_type TEXT NOT NULL, PRIMARY KEY (who, at_us, call)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS periods (
  agent TEXT NOT NULL, from_us INTEGER NOT NULL, us INTEGER NOT NULL, state TEXT NOT NULL, kept BLOB NOT NULL,
  PRIMARY KEY (agent, from_us, us, state)) WITHOUT ROWID;
";

/// How far the event line was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Segment of the log.
    pub segment: u64,
    /// Offset in it, behind what was taken.
    pub offset: u64,
    /// Number of the last fact in its life of the engine.
    pub fact: u64,
    /// Its instant, µs since 1970-01-01T00:00:00Z.
    pub at_us: i64,
}

/// What reports of a house need to know that does not lie in its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct House {
    /// In what agents cost.
    pub currency: Currency,
    /// A further contact within this counts against the first, s.
    pub resolved_s: i64,
    /// What an agent says of a call whose matter is settled, also what is below it.
    pub settled: Vec<Name>,
    /// Whose days reports are of.
    pub zone: String,
}

impl Default for House {
    fn default() -> House {
        House::of(&KpiTerms::default())
    }
}

impl House {
    /// As configured.
    pub fn of(terms: &KpiTerms) -> House {
        let KpiTerms { currency, windows, settled, zone, .. } = terms;
        House { currency: *currency, resolved_s: windows.resolved_s, settled: settled.clone(), zone: zone.clone() }
    }
}

/// What was kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// How far.
    pub mark: Mark,
    /// The state to go on with.
    pub fold: Fold,
}

/// The tables, to be written.
#[derive(Debug)]
pub struct FigureTables {
    db: Connection,
    path: PathBuf,
    salt: Vec<u8>,
}

impl FigureTables {
    /// Opens or makes the tables at `path`. Tables of another version are refused, not changed.
    pub fn open(path: &Path) -> Result<FigureTables, StoreError> {
        let fail = |error| StoreError::Database { path: path.to_owned(), error };
        migrate::set_aside(path, VERSION)?;
        let open = || {
            let db = Connection::open(path)?;
            db.busy_timeout(BUSY_FOR)?;
            db.pragma_update(None, "journal_mode", "wal")?;
            db.pragma_update(None, "synchronous", "normal")?;
            db.set_prepared_statement_cache_capacity(32);
            let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if version != 0 && version != VERSION {
                return Ok(Err(version));
            }
            db.execute_batch(SCHEMA)?;
            db.pragma_update(None, "user_version", VERSION)?;
            let salt = db.query_row("SELECT salt FROM salt", [], |row| row.get(0))?;
            Ok(Ok((db, salt)))
        };
        match open().map_err(fail)? {
            Ok((db, salt)) => Ok(FigureTables { db, path: path.to_owned(), salt }),
            Err(found) => Err(StoreError::DatabaseVersion { path: path.to_owned(), found }),
        }
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept; nothing yet: the beginning.
    pub fn kept(&self) -> rusqlite::Result<Kept> {
        let state = self.db.query_row("SELECT segment, offset, fact, at_us, head FROM state", [], |row| {
            let (segment, offset, fact): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let mark = Mark { segment: segment as u64, offset: offset as u64, fact: fact as u64, at_us: row.get(3)? };
            Ok((mark, row.get::<_, Vec<u8>>(4)?))
        });
        let Some((mark, head)) = state.optional()? else { return Ok(Kept::default()) };
        let mut select = self.db.prepare("SELECT call, kept FROM known")?;
        let rows = select.query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let calls = rows.map(|row| row.and_then(|(call, kept)| Ok((call_of(call), read::<Call>(&kept)?))));
        let calls: Vec<(CallId, Call)> = calls.collect::<rusqlite::Result<_>>()?;
        Ok(Kept { mark, fold: Fold::whole(read(&head)?, calls) })
    }

    /// A call as it was kept, for a fold that let it sleep; none: it is not known.
    pub fn known(&self, call: CallId) -> rusqlite::Result<Option<Call>> {
        let mut select = self.db.prepare_cached("SELECT kept FROM known WHERE call = ?")?;
        let kept = select.query_row([call.0.to_be_bytes()], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        kept.map(|kept| read(&kept)).transpose()
    }

    /// Takes what facts changed, with the state behind them, durably or not at all. A state whose changes were not taken
    /// must not be gone on with: [`FigureTables::kept`] is the one to go on with then.
    pub fn take(&mut self, mark: Mark, fold: &mut Fold, changes: &Changes) -> rusqlite::Result<()> {
        let salt = self.salt.clone();
        let transaction = self.db.transaction()?;
        for (key, tally) in &changes.tallies {
            merge_tally(&transaction, key, tally)?;
        }
        for ((quarter, agent), tally) in &changes.agents {
            change_agent(&transaction, *quarter, *agent, |sum| sum.merge(tally))?;
        }
        for ((quarter, agent), unheard) in &changes.unheard {
            change_agent(&transaction, *quarter, *agent, |sum| sum.unheard(unheard))?;
        }
        for entry in changes.entries.values() {
            put_entry(&transaction, entry)?;
        }
        for (call, (key, contact)) in &changes.contacts {
            put_contact(&transaction, &salt, *call, key, contact)?;
        }
        for period in &changes.periods {
            put_period(&transaction, period)?;
        }
        for (call, kept) in fold.take_touched() {
            let id = call.0.to_be_bytes();
            match kept {
                Some(kept) => transaction
                    .prepare_cached("INSERT OR REPLACE INTO known VALUES (?, ?)")?
                    .execute(params![id, bytes(kept)?])?,
                None => transaction.prepare_cached("DELETE FROM known WHERE call = ?")?.execute([id])?,
            };
        }
        transaction.prepare_cached("INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?)")?.execute(params![
            mark.segment as i64,
            mark.offset as i64,
            mark.fact as i64,
            mark.at_us,
            bytes(&fold.head())?
        ])?;
        transaction.commit()
    }

    /// Keeps what reports need to know, for those that are asked for without a configuration.
    pub fn put_house(&mut self, house: &House) -> rusqlite::Result<()> {
        let settled = house.settled.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let values = params![house.currency.as_str(), house.resolved_s, settled, house.zone];
        self.db.execute("INSERT OR REPLACE INTO house VALUES (1, ?, ?, ?, ?)", values).map(drop)
    }

    /// Removes what is older than `before`: contacts and stays name calls, counts do not and remain.
    pub fn forget(&mut self, before: Quarter) -> rusqlite::Result<u64> {
        let transaction = self.db.transaction()?;
        let us = before.begins().0;
        let mut gone = transaction.execute("DELETE FROM entries WHERE quarter < ?", [before.0])?;
        gone += transaction.execute("DELETE FROM contacts WHERE at_us < ?", [us])?;
        gone += transaction.execute("DELETE FROM periods WHERE from_us < ?", [us])?;
        transaction.commit()?;
        Ok(gone as u64)
    }
}

fn merge_tally(db: &Connection, key: &Key, tally: &Tally) -> rusqlite::Result<()> {
    let (queue, segment, number_type) = (text(key.queue), text(key.segment), text(key.number_type));
    let place = params![key.quarter.0, queue, segment, number_type];
    let before: Option<Vec<u8>> = db
        .prepare_cached(
            "SELECT tally FROM tallies WHERE quarter = ? AND queue = ? AND segment = ? AND number_type = ?",
        )?
        .query_row(place, |row| row.get(0))
        .optional()?;
    let mut sum: Tally = before.map_or_else(|| Ok(Tally::default()), |before| read(&before))?;
    sum.merge(tally);
    db.prepare_cached("INSERT OR REPLACE INTO tallies VALUES (?, ?, ?, ?, ?)")?
        .execute(params![key.quarter.0, queue, segment, number_type, bytes(&sum)?])
        .map(drop)
}

fn change_agent(
    db: &Connection,
    quarter: Quarter,
    agent: AgentId,
    change: impl FnOnce(&mut AgentTally),
) -> rusqlite::Result<()> {
    let before: Option<Vec<u8>> = db
        .prepare_cached("SELECT tally FROM agents WHERE quarter = ? AND agent = ?")?
        .query_row(params![quarter.0, agent.as_str()], |row| row.get(0))
        .optional()?;
    let mut sum: AgentTally = before.map_or_else(|| Ok(AgentTally::default()), |before| read(&before))?;
    change(&mut sum);
    db.prepare_cached("INSERT OR REPLACE INTO agents VALUES (?, ?, ?)")?
        .execute(params![quarter.0, agent.as_str(), bytes(&sum)?])
        .map(drop)
}

fn put_entry(db: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)")?
        .execute(params![
            entry.key.quarter.0,
            text(entry.key.queue),
            entry.call.0.to_be_bytes(),
            entry.n,
            bytes(entry)?
        ])
        .map(drop)
}

/// Who called is kept as a salted hash: enough to see that it is the same again.
fn put_contact(db: &Connection, salt: &[u8], call: CallId, key: &Key, contact: &Contact) -> rusqlite::Result<()> {
    let digest = Sha256::new().chain_update(salt).chain_update(contact.who.as_bytes()).finalize();
    let who = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) as i64;
    let disposition = contact.disposition.map(|disposition| disposition.to_string());
    db.prepare_cached("INSERT OR REPLACE INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            who,
            contact.at.0,
            call.0.to_be_bytes(),
            contact.answered,
            disposition,
            text(key.queue),
            text(key.segment),
            text(key.number_type)
        ])
        .map(drop)
}

fn put_period(db: &Connection, period: &Period) -> rusqlite::Result<()> {
    let state: AgentState = period.state;
    db.prepare_cached("INSERT OR REPLACE INTO periods VALUES (?, ?, ?, ?, ?)")?
        .execute(params![
            period.agent.as_str(),
            period.from.0,
            i64::try_from(period.us).unwrap_or(i64::MAX),
            state.as_str(),
            bytes(period)?
        ])
        .map(drop)
}

/// A name, or nothing for none: NULL is not equal to itself in a key.
fn text<T: ToString>(of: Option<T>) -> String {
    of.map(|of| of.to_string()).unwrap_or_default()
}

pub(super) fn call_of(bytes: [u8; 16]) -> CallId {
    CallId(u128::from_be_bytes(bytes))
}

pub(super) fn bytes<T: Serialize>(of: &T) -> rusqlite::Result<Vec<u8>> {
    postcard::to_allocvec(of).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> rusqlite::Result<T> {
    postcard::from_bytes(bytes)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error.into()))
}
