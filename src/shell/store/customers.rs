//! Customers at rest: `customers.sqlite` below the store's directory, a file of its own so that an import never waits for
//! records nor they for it. Each customer is one row with everything in it; the engine reads all of them into memory and
//! never asks this file while a call waits.

mod care;
mod cases;
mod changes;
mod edit;
mod edits;
mod entered;
mod first;
mod merges;
mod worth;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use turno_base::Wall;
use turno_customers::import::Incoming;
use turno_customers::{Customer, Packer, Portfolio};

use super::{StoreError, migrate};

pub use care::{Erased, Lesson, Task};
pub use cases::CaseError;
pub use changes::{Import, Past, Undone};
pub use edit::{Edit, EditError, tag};
pub use entered::EntryError;
pub use merges::MergeError;
pub use worth::{Ended, Renewed};

const VERSION: u32 = 3;

/// Pages kept in memory, KiB.
const CACHE_KIB: i64 = 64 * 1024;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS customers (id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (alias TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS imports (
  n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, file TEXT NOT NULL, added INTEGER NOT NULL, changed INTEGER NOT NULL,
  same INTEGER NOT NULL, merged INTEGER NOT NULL, errors INTEGER NOT NULL, undone_us INTEGER);
CREATE TABLE IF NOT EXISTS import_changes (
  n INTEGER NOT NULL, id TEXT NOT NULL, before BLOB, PRIMARY KEY (n, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS merges (
  n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, by TEXT NOT NULL, kept TEXT NOT NULL, gone TEXT NOT NULL,
  kept_before BLOB NOT NULL, gone_before BLOB NOT NULL, undone_us INTEGER);
CREATE TABLE IF NOT EXISTS different (a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
  n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, number TEXT NOT NULL, done_us INTEGER);
CREATE TABLE IF NOT EXISTS stamp (id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL);
INSERT OR IGNORE INTO stamp VALUES (1, 0);
CREATE UNIQUE INDEX IF NOT EXISTS tasks_open ON tasks (kind, id, number) WHERE done_us IS NULL;
";

/// What an import did, or in a dry run would have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// New external ids.
    pub added: u64,
    /// Known ids with something else in them.
    pub changed: u64,
    /// Known ids as they were.
    pub same: u64,
    /// Ids of customers that were merged into another, left as they are.
    pub merged: u64,
}

/// The customers of the store.
#[derive(Debug)]
pub struct Customers {
    db: Connection,
    path: PathBuf,
    /// What the last change is told under.
    last_edit: Option<i64>,
}

impl Customers {
    /// The file below a store's directory.
    pub fn file(dir: &Path) -> PathBuf {
        dir.join("customers.sqlite")
    }

    /// Opens or makes the tables in `dir`.
    pub fn open(dir: &Path) -> Result<Customers, StoreError> {
        std::fs::create_dir_all(dir).map_err(|error| StoreError::Disk { what: "make", path: dir.to_owned(), error })?;
        let path = Customers::file(dir);
        let open = || -> rusqlite::Result<(Connection, u32)> {
            let mut db = Connection::open(&path)?;
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            db.pragma_update(None, "journal_mode", "wal")?;
            db.pragma_update(None, "synchronous", "normal")?;
            db.pragma_update(None, "cache_size", -CACHE_KIB)?;
            // What is forgotten, replaced or merged away must not lie in free pages until it is overwritten by chance.
            db.pragma_update(None, "secure_delete", "on")?;
            db.set_prepared_statement_cache_capacity(32);
            // If no way leads here, the version says so below.
            migrate::forward(&mut db, &path, VERSION, &[first::STEP, edits::STEP])?;
            let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if version == 0 {
                db.execute_batch(SCHEMA)?;
                db.execute_batch(edits::SCHEMA)?;
                db.pragma_update(None, "user_version", VERSION)?;
            }
            Ok((db, version))
        };
        match open() {
            Ok((db, 0 | VERSION)) => Ok(Customers { db, path, last_edit: None }),
            Ok((_, found)) => Err(StoreError::DatabaseVersion { path, found }),
            Err(error) => Err(StoreError::Database { path, error }),
        }
    }

    /// Opens what is there; refused if there is nothing.
    pub fn open_existing(dir: &Path) -> Result<Customers, StoreError> {
        match Customers::file(dir).exists() {
            true => Customers::open(dir),
            false => Err(StoreError::Missing(Customers::file(dir))),
        }
    }

    fn fault(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), error }
    }

    /// Changes with each change of what look-ups and searches find; a contact that is remembered is none.
    pub fn version(&self) -> Result<u64, StoreError> {
        let version = self.db.query_row("SELECT n FROM stamp", [], |row| row.get::<_, i64>(0));
        version.map(|version| version as u64).map_err(|error| self.fault(error))
    }

    /// How many.
    pub fn count(&self) -> Result<u64, StoreError> {
        let count = self.db.query_row("SELECT count(*) FROM customers", [], |row| row.get::<_, i64>(0));
        count.map(|count| count as u64).map_err(|error| self.fault(error))
    }

    /// The customer with this external id, or the one that it was merged into.
    pub fn get(&self, id: &str) -> Result<Option<Customer>, StoreError> {
        known(&self.db, id).map_err(|error| self.fault(error))
    }

    /// Keeps a customer as it is now.
    pub fn put(&mut self, customer: &Customer) -> Result<(), StoreError> {
        let put = || {
            write(&self.db, customer)?;
            bump(&self.db)
        };
        put().map_err(|error| self.fault(error))
    }

    /// Calls `on` with each customer, ascending by external id, one in memory at a time; gives how many rows made no sense.
    pub fn each(&self, mut on: impl FnMut(Customer)) -> Result<u64, StoreError> {
        let mut run = || -> rusqlite::Result<u64> {
            let mut left_out = 0;
            let mut select = self.db.prepare("SELECT record FROM customers ORDER BY id")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                match postcard::from_bytes(row.get_ref(0)?.as_blob().unwrap_or(&[])) {
                    Ok(customer) => on(customer),
                    Err(_) => left_out += 1,
                }
            }
            Ok(left_out)
        };
        run().map_err(|error| self.fault(error))
    }

    /// All of them, packed for look-up and search, with those of `others` whom the store does not have. What makes no sense
    /// is left out and counted.
    pub fn load(&self, others: &Portfolio) -> Result<(Portfolio, u64), StoreError> {
        let mut packer = Packer::default();
        let mut left_out = 0;
        let mut others = others.iter().peekable();
        let mut unpackable = 0;
        let broken = self.each(|customer| {
            while let Some(other) = others.next_if(|other| other.id < customer.id) {
                unpackable += u64::from(packer.push(&Customer::from(other)).is_err());
            }
            others.next_if(|other| other.id == customer.id);
            unpackable += u64::from(packer.push(&customer).is_err());
        })?;
        for other in others {
            unpackable += u64::from(packer.push(&Customer::from(other)).is_err());
        }
        left_out += broken + unpackable;
        Ok((packer.finish(), left_out))
    }

    /// Begins an import: rows go in one by one, and all of them count or none.
    pub fn begin_import(&mut self, file: &str, at: Wall) -> Result<Import<'_>, StoreError> {
        Import::begin(&mut self.db, &self.path, file, at)
    }

    /// Takes over all of `rows`. In a dry run it only counts.
    pub fn import(
        &mut self,
        file: &str,
        at: Wall,
        rows: impl IntoIterator<Item = Incoming>,
        dry_run: bool,
    ) -> Result<Imported, StoreError> {
        let mut import = self.begin_import(file, at)?;
        for row in rows {
            import.row(row)?;
        }
        import.finish(0, dry_run)
    }
}

fn read(bytes: &[u8]) -> rusqlite::Result<Customer> {
    let kind = rusqlite::types::Type::Blob;
    postcard::from_bytes(bytes).map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, kind, error.into()))
}

fn blob(customer: &Customer) -> rusqlite::Result<Vec<u8>> {
    postcard::to_allocvec(customer).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn record_bytes(db: &Connection, id: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    db.prepare_cached("SELECT record FROM customers WHERE id = ?")?.query_row([id], |row| row.get(0)).optional()
}

fn record(db: &Connection, id: &str) -> rusqlite::Result<Option<Customer>> {
    record_bytes(db, id)?.map(|bytes| read(&bytes)).transpose()
}

fn alias(db: &Connection, id: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT id FROM aliases WHERE alias = ?")?.query_row([id], |row| row.get(0)).optional()
}

/// Says that what look-ups find has changed.
/// The customer with this external id, or the one that it was merged into.
fn known(db: &Connection, id: &str) -> rusqlite::Result<Option<Customer>> {
    match record(db, id)? {
        Some(customer) => Ok(Some(customer)),
        None => alias(db, id)?.map_or(Ok(None), |id| record(db, &id)),
    }
}

fn bump(db: &Connection) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE stamp SET n = n + 1")?.execute([]).map(drop)
}

fn write(db: &Connection, customer: &Customer) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO customers VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET record = ?2")?
        .execute(params![customer.id, blob(customer)?])
        .map(drop)
}

#[cfg(test)]
mod tests;
