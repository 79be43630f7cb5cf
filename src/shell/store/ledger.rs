//! What rating again posted: `ledger.sqlite` below the store's directory. Rows are only ever added; the amount of a leg is its record's, or
//! that of its last row here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use turno_base::{CallId, Currency, Money, Wall};
use turno_tariff::again::{LegPayer, Posted, Posting};

use super::StoreError;

const VERSION: u32 = 1;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS postings (
  call TEXT NOT NULL, leg TEXT NOT NULL, payer TEXT NOT NULL, revision INTEGER NOT NULL, difference INTEGER NOT NULL, net INTEGER NOT NULL,
  scale INTEGER NOT NULL, currency TEXT NOT NULL, valid_from_us INTEGER, tariff_revision INTEGER, posted_us INTEGER NOT NULL,
  PRIMARY KEY (call, leg, payer, revision)) WITHOUT ROWID;
";

/// The ledger of a store.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    path: PathBuf,
}

/// A part of a run: all of it is posted, or nothing. While it is open no other run posts.
#[derive(Debug)]
pub struct Part<'l> {
    rows: Transaction<'l>,
    path: &'l Path,
}

/// What was posted last, by call, leg and payer.
#[derive(Debug, Default)]
pub struct PostedBefore(BTreeMap<(String, String, String), Posted>);

impl PostedBefore {
    /// None: the amount is its record's.
    pub fn of(&self, of: LegPayer) -> Option<Posted> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(of.call.to_string(), of.leg.to_string(), of.payer.to_string())).copied()
    }
}

impl Ledger {
    /// Opens or makes the ledger in `dir`.
    pub fn open(dir: &Path) -> Result<Ledger, StoreError> {
        let path = dir.join("ledger.sqlite");
        let open = || -> rusqlite::Result<(Connection, u32)> {
            let db = Connection::open(&path)?;
            db.busy_timeout(std::time::Duration::from_secs(30))?;
            db.pragma_update(None, "journal_mode", "wal")?;
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

    /// Begins a part.
    pub fn part(&mut self) -> Result<Part<'_>, StoreError> {
        match self.db.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(rows) => Ok(Part { rows, path: &self.path }),
            Err(error) => Err(StoreError::Database { path: self.path.clone(), error }),
        }
    }
}

impl Part<'_> {
    /// What was posted last for the amounts of the calls from `first` to `last`.
    pub fn posted(&self, first: CallId, last: CallId) -> Result<PostedBefore, StoreError> {
        let run = || {
            let mut select = self.rows.prepare_cached(
                "SELECT call, leg, payer, revision, net, scale, currency FROM postings WHERE call BETWEEN ? AND ?
                 ORDER BY call, leg, payer, revision",
            )?;
            let mut rows = select.query([first.to_string(), last.to_string()])?;
            let mut last_of = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let currency: String = row.get(6)?;
                let currency = Currency::new(&currency).unwrap_or(Currency::EUR);
                let net = Money { units: row.get(4)?, scale: row.get(5)?, currency };
                last_of.insert((row.get(0)?, row.get(1)?, row.get(2)?), Posted { revision: row.get(3)?, net });
            }
            Ok(PostedBefore(last_of))
        };
        run().map_err(|error| self.error(error))
    }

    /// Adds a row.
    pub fn post(&self, posting: &Posting, now: Wall) -> Result<(), StoreError> {
        let run = || {
            let mut insert =
                self.rows.prepare_cached("INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
            insert.execute(params![
                posting.of.call.to_string(),
                posting.of.leg.to_string(),
                posting.of.payer.to_string(),
                posting.revision,
                posting.difference.units,
                posting.net.units,
                posting.net.scale,
                posting.net.currency.as_str(),
                posting.version.map(|(valid_from, _)| valid_from.0),
                posting.version.map(|(_, revision)| revision),
                now.0,
            ])
        };
        run().map(|_| ()).map_err(|error| self.error(error))
    }

    /// Makes the part durable; without this, nothing of it was.
    pub fn keep(self) -> Result<(), StoreError> {
        let path = self.path;
        self.rows.commit().map_err(|error| StoreError::Database { path: path.to_owned(), error })
    }

    fn error(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.to_owned(), error }
    }
}
