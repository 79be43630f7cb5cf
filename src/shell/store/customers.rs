//! The portfolio at rest: `customers.sqlite` below the store's directory, a file of its own so that an import never waits for
//! records nor they for it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use turno_base::{E164, Name, SegmentId};
use turno_customers::{Customer, Packer, Portfolio};

use super::StoreError;

const VERSION: u32 = 1;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS customers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, segment TEXT, value_pm INTEGER, language TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS numbers_id ON numbers (id);
";

/// What an import did, or in a dry run would have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// New external ids.
    pub added: u64,
    /// Known ids with something else in them.
    pub changed: u64,
    /// Known ids as they were.
    pub same: u64,
    /// Numbers that another customer had and that moved to the one in the file.
    pub moved: u64,
}

/// The customers of the store.
#[derive(Debug)]
pub struct Customers {
    db: Connection,
    path: PathBuf,
}

impl Customers {
    /// Opens or makes the tables in `dir`.
    pub fn open(dir: &Path) -> Result<Customers, StoreError> {
        std::fs::create_dir_all(dir).map_err(|error| StoreError::Disk { what: "make", path: dir.to_owned(), error })?;
        let path = dir.join("customers.sqlite");
        let open = || -> rusqlite::Result<(Connection, u32)> {
            let db = Connection::open(&path)?;
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            db.pragma_update(None, "journal_mode", "wal")?;
            let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if version == 0 {
                db.execute_batch(SCHEMA)?;
                db.pragma_update(None, "user_version", VERSION)?;
            }
            Ok((db, version))
        };
        match open() {
            Ok((db, 0 | VERSION)) => Ok(Customers { db, path }),
            Ok((_, found)) => Err(StoreError::DatabaseVersion { path, found }),
            Err(error) => Err(StoreError::Database { path, error }),
        }
    }

    /// Takes over the customers of `portfolio`: new ids are added, known ones replaced, others stay. All or nothing; a second
    /// time changes nothing. In a dry run it only counts.
    pub fn import(&mut self, portfolio: &Portfolio, dry_run: bool) -> Result<Imported, StoreError> {
        let mut run = || {
            let transaction = self.db.transaction()?;
            let mut imported = Imported::default();
            for customer in portfolio.iter() {
                upsert(&transaction, &customer, &mut imported)?;
            }
            if dry_run {
                transaction.rollback()?
            } else {
                transaction.commit()?
            }
            Ok(imported)
        };
        run().map_err(|error| StoreError::Database { path: self.path.clone(), error })
    }

    /// All of them, packed for look-up. A row that somebody wrote by hand and that makes no sense is left out and counted.
    pub fn load(&self) -> Result<(Portfolio, u64), StoreError> {
        let run = || {
            let mut packer = Packer::default();
            let mut left_out = 0;
            let mut select =
                self.db.prepare("SELECT id, name, segment, value_pm, language FROM customers ORDER BY id")?;
            let mut numbers = self.db.prepare("SELECT number FROM numbers WHERE id = ? ORDER BY number")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let id: String = row.get(0)?;
                let own = numbers.query_map([&id], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<i64>, _>>()?;
                let named = |text: Option<String>| text.and_then(|text| Name::new(&text).ok());
                let customer = Customer {
                    id,
                    name: row.get(1)?,
                    numbers: own
                        .iter()
                        .filter_map(|number| E164::from_digits(number.to_string().as_bytes()).ok())
                        .collect(),
                    segment: named(row.get(2)?).map(SegmentId),
                    value_pm: row.get(3)?,
                    language: named(row.get(4)?),
                };
                left_out += u64::from(packer.push(&customer).is_err());
            }
            Ok((packer.finish(), left_out))
        };
        run().map_err(|error| StoreError::Database { path: self.path.clone(), error })
    }
}

fn upsert(db: &Connection, customer: &Customer, imported: &mut Imported) -> rusqlite::Result<()> {
    let before = db.total_changes();
    let known: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM customers WHERE id = ?)")?
        .query_row([&customer.id], |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO customers VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET
           name = ?2, segment = ?3, value_pm = ?4, language = ?5
         WHERE (name, segment, value_pm, language) IS NOT (?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        customer.id,
        customer.name,
        customer.segment.map(|segment| segment.to_string()),
        customer.value_pm,
        customer.language.map(|language| language.to_string()),
    ])?;
    let numbers: Vec<i64> = customer.numbers.iter().filter_map(|number| number.digits().parse().ok()).collect();
    let mut had = db.prepare_cached("SELECT number FROM numbers WHERE id = ?")?;
    let had = had.query_map([&customer.id], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    for gone in had.iter().filter(|number| !numbers.contains(number)) {
        db.prepare_cached("DELETE FROM numbers WHERE number = ?")?.execute([gone])?;
    }
    for new in numbers.iter().filter(|number| !had.contains(number)) {
        let taken = db.prepare_cached("DELETE FROM numbers WHERE number = ?")?.execute([new])?;
        imported.moved += taken as u64;
        db.prepare_cached("INSERT INTO numbers VALUES (?, ?)")?.execute(params![new, customer.id])?;
    }
    match (known, db.total_changes() != before) {
        (false, _) => imported.added += 1,
        (true, true) => imported.changed += 1,
        (true, false) => imported.same += 1,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portfolio(csv: &str) -> Portfolio {
        let (portfolio, errors) = Portfolio::parse_csv(csv.as_bytes(), "34");
        assert_eq!(errors, []);
        portfolio
    }

    #[test]
    fn an_import_is_idempotent_and_a_dry_run_changes_nothing() {
        let dir = super::super::tests::Dir::new("customers");
        let mut store = Customers::open(&dir.0).unwrap();
        let first = portfolio("id,name,numbers,segment,value\na,Ana,612345678;912345678,gold,4\nb,Luis,612345679,,\n");
        let counts = |added, changed, same, moved| Imported { added, changed, same, moved };
        assert_eq!(store.import(&first, true).unwrap(), counts(2, 0, 0, 0));
        assert!(store.load().unwrap().0.is_empty());
        assert_eq!(store.import(&first, false).unwrap(), counts(2, 0, 0, 0));
        assert_eq!(store.import(&first, false).unwrap(), counts(0, 0, 2, 0));
        assert_eq!(store.load().unwrap(), (first, 0));

        let second = portfolio("id,name,numbers,segment,value\na,Ana María,612345678;612345679,gold,4\nc,Pia,,,\n");
        assert_eq!(store.import(&second, false).unwrap(), counts(1, 1, 0, 1));
        let (loaded, _) = Customers::open(&dir.0).unwrap().load().unwrap();
        let owner = |number| loaded.by_number(E164::new(number).unwrap()).map(|known| known.id);
        assert_eq!((owner("+34612345679"), owner("+34912345678"), loaded.len()), (Some("a"), None, 3));
    }
}
