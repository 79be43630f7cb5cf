//! Databases of earlier builds are carried forward when they are opened: automatically, in one transaction, after a copy of
//! the file as it was has been put beside it (`NAME.v1.sqlite`). Databases of later builds are refused, unchanged.
//!
//! Tables whose content exists nowhere else have a step for each version. Those that are made from the record log are set
//! aside and made again from it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::{Connection, Transaction};

use super::StoreError;

/// Makes the tables of version `from + 1` of those of version `from`.
#[derive(Clone, Copy, Debug)]
pub(in crate::shell) struct Step {
    /// The version it begins with.
    pub(in crate::shell) from: u32,
    /// What it does.
    pub(in crate::shell) run: fn(&Transaction<'_>) -> rusqlite::Result<()>,
}

/// Brings `db`, which lies at `path`, from its version to `to`; a new one (version 0) is left to its maker. False: it has a
/// version from which no steps lead there, a later one for example, and is as it was.
pub(in crate::shell) fn forward(db: &mut Connection, path: &Path, to: u32, steps: &[Step]) -> rusqlite::Result<bool> {
    let found = version(db)?;
    if found == 0 || found == to {
        return Ok(true);
    }
    let way: Vec<&Step> = (found..to).map_while(|from| steps.iter().find(|step| step.from == from)).collect();
    if found > to || way.len() != (to - found) as usize {
        return Ok(false);
    }
    keep_copy(db, &beside(path, found))?;
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Somebody else may have done it meanwhile.
    if version(&transaction)? == found {
        for step in way {
            (step.run)(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", to)?;
    }
    transaction.commit()?;
    tracing::info!(path = %path.display(), from = found, to, "tables carried forward; a copy as they were is beside them");
    Ok(true)
}

/// Puts a database of an earlier version aside if it is made from the record log: what the log still holds is taken in again.
/// Gives its new name if it was put aside.
pub(in crate::shell) fn set_aside(path: &Path, to: u32) -> Result<Option<PathBuf>, StoreError> {
    let fail = |error| StoreError::Database { path: path.to_owned(), error };
    if !path.exists() {
        return Ok(None);
    }
    let read = || {
        let db = Connection::open(path)?;
        let found = version(&db)?;
        if found > 0 && found < to {
            // Nothing of it stays in the write-ahead log, which is not moved.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(found)
    };
    let found = match read() {
        Ok(found) => found,
        // Locked or damaged: that is for who opens it to say.
        Err(rusqlite::Error::SqliteFailure(..)) => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    if found == 0 || found >= to {
        return Ok(None);
    }
    let aside = beside(path, found);
    let disk = |error| StoreError::Disk { what: "put aside", path: path.to_owned(), error };
    fs::rename(path, &aside).map_err(disk)?;
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(PathBuf::from(format!("{}{ending}", path.display())));
    }
    tracing::warn!(
        from = found,
        to,
        aside = %aside.display(),
        "tables of an earlier build are put aside and made again from the record log, as far as it reaches"
    );
    Ok(Some(aside))
}

/// The copies of earlier versions that lie beside a database.
pub(in crate::shell) fn copies(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(dir), Some(stem)) = (path.parent(), path.file_stem().and_then(OsStr::to_str)) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let version = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix(".v"));
        let version = version.and_then(|rest| rest.strip_suffix(".sqlite"));
        if version.is_some_and(|version| version.parse::<u32>().is_ok()) {
            found.push(path);
        }
    }
    Ok(found)
}

fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// `customers.v1.sqlite` beside `customers.sqlite`.
fn beside(path: &Path, version: u32) -> PathBuf {
    path.with_extension(format!("v{version}.sqlite"))
}

fn keep_copy(db: &Connection, to: &Path) -> rusqlite::Result<()> {
    // Of an attempt that did not end; the tables are still as they were.
    let _ = fs::remove_file(to);
    db.execute("VACUUM INTO ?", [to.to_string_lossy()]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::store::customers::Customers;
    use crate::shell::store::tests::Dir;

    /// `customers.sqlite` as the first build made it.
    fn customers_of_the_first_build(dir: &Path) -> PathBuf {
        fs::create_dir_all(dir).unwrap();
        let path = Customers::file(dir);
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = wal;
             CREATE TABLE customers (
               id TEXT PRIMARY KEY, name TEXT NOT NULL, segment TEXT, value_pm INTEGER, language TEXT) WITHOUT ROWID;
             CREATE TABLE numbers (number INTEGER PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
             CREATE INDEX numbers_id ON numbers (id);
             INSERT INTO customers VALUES ('a', 'Ana', 'gold', 4000, 'catalan'), ('b', 'Luis', NULL, NULL, NULL);
             INSERT INTO numbers VALUES (34612345678, 'a'), (34912345678, 'a'), (34612345679, 'b');
             PRAGMA user_version = 1;",
        )
        .unwrap();
        path
    }

    #[test]
    fn customers_of_the_first_build_are_there_in_this_one_and_a_copy_stays() {
        let dir = Dir::new("migrate");
        let path = customers_of_the_first_build(&dir.0);
        let store = Customers::open(&dir.0).unwrap();
        let ana = store.get("a").unwrap().unwrap();
        let numbers: Vec<String> = ana.lines.iter().map(|line| line.number.to_string()).collect();
        assert_eq!((ana.name.as_str(), numbers), ("Ana", vec!["+34612345678".to_owned(), "+34912345678".to_owned()]));
        assert_eq!(ana.segment, Some("gold".parse().unwrap()));
        assert_eq!(ana.value.map(|value| value.pm), Some(4000));
        assert_eq!(ana.language, Some("catalan".parse().unwrap()));
        assert_eq!(store.count().unwrap(), 2);
        drop(store);
        let kept = Connection::open(beside(&path, 1)).unwrap();
        let names: u32 = kept.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&kept).unwrap(), names), (1, 3));
        // A second time there is nothing to do.
        assert_eq!(Customers::open(&dir.0).unwrap().count().unwrap(), 2);
    }

    #[test]
    fn who_is_forgotten_is_so_in_the_copy_of_an_earlier_build_too() {
        let dir = Dir::new("migrate-erase");
        let path = customers_of_the_first_build(&dir.0);
        let mut store = Customers::open(&dir.0).unwrap();
        store.erase("a").unwrap().unwrap();
        let kept = Connection::open(beside(&path, 1)).unwrap();
        let left = "SELECT (SELECT group_concat(id) FROM customers) || (SELECT group_concat(number) FROM numbers)";
        assert_eq!(kept.query_row(left, [], |row| row.get::<_, String>(0)).unwrap(), "b34612345679");
        // Nor is it in a page that nothing points to.
        let bytes = fs::read(beside(&path, 1)).unwrap();
        assert!(!bytes.windows(3).any(|word| word == b"Ana"));
    }

    #[test]
    fn a_step_that_fails_changes_nothing_and_a_later_version_is_refused() {
        let dir = Dir::new("migrate-fails");
        let path = customers_of_the_first_build(&dir.0);
        let mut db = Connection::open(&path).unwrap();
        let half = Step {
            from: 1,
            run: |db| {
                db.execute_batch("DROP TABLE numbers")?;
                db.execute_batch("this is no SQL")
            },
        };
        assert!(forward(&mut db, &path, 2, &[half]).is_err());
        let count: u32 = db.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&db).unwrap(), count), (1, 3));
        assert!(!forward(&mut db, &path, 3, &[half]).unwrap(), "no way leads there");
        db.pragma_update(None, "user_version", 9).unwrap();
        assert!(!forward(&mut db, &path, 2, &[half]).unwrap());
        drop(db);
        assert!(matches!(Customers::open(&dir.0), Err(StoreError::DatabaseVersion { found: 9, .. })));
    }

    #[test]
    fn tables_made_from_the_log_are_put_aside_and_those_of_this_build_or_a_later_one_are_not() {
        let dir = Dir::new("aside");
        fs::create_dir_all(&dir.0).unwrap();
        let path = dir.0.join("records.sqlite");
        assert_eq!(set_aside(&path, 3).unwrap(), None);
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE calls (call); INSERT INTO calls VALUES (7);")
            .unwrap();
        for (version, is_aside) in [(3, false), (4, false), (2, true)] {
            db.pragma_update(None, "user_version", version).unwrap();
            assert_eq!(set_aside(&path, 3).unwrap(), is_aside.then(|| dir.0.join("records.v2.sqlite")));
        }
        drop(db);
        assert!(!path.exists());
        let kept = Connection::open(dir.0.join("records.v2.sqlite")).unwrap();
        assert_eq!(kept.query_row("SELECT call FROM calls", [], |row| row.get::<_, u32>(0)).unwrap(), 7);
    }
}
