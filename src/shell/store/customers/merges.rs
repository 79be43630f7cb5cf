//! Two customers made one, and two again; pairs that people say are two.

use std::collections::BTreeSet;
use std::fmt;

use rusqlite::{OptionalExtension, TransactionBehavior, params};
use turno_base::Wall;
use turno_customers::Customer;
use turno_customers::duplicates::{Unmergeable, merge, unmerge};

use super::{Customers, blob, bump, edits, read, record, write};
use crate::shell::store::StoreError;

/// Why customers are not merged or unmerged.
#[derive(Debug)]
pub enum MergeError {
    /// The store.
    Store(StoreError),
    /// There is nobody with this id.
    NoCustomer(String),
    /// They stay two.
    Unmergeable(Unmergeable),
    /// Nothing was merged into this one.
    NotMerged(String),
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MergeError::Store(error) => error.fmt(f),
            MergeError::NoCustomer(id) => write!(f, "there is no customer {id:?}"),
            MergeError::Unmergeable(why) => why.fmt(f),
            MergeError::NotMerged(id) => write!(f, "nothing was merged into {id:?}"),
        }
    }
}

impl std::error::Error for MergeError {}

/// The tables' fault or the person's.
enum Fault {
    Tables(rusqlite::Error),
    Person(MergeError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Tables(error)
    }
}

impl Customers {
    /// Makes one customer of two: `gone` becomes another id of `kept`, remembered so that it can be taken back.
    pub fn merge(&mut self, kept: &str, gone: &str, by: &str, at: Wall) -> Result<Customer, MergeError> {
        let run = |of: &mut Customers| -> Result<Customer, Fault> {
            let transaction = of.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let one = |id: &str| match record(&transaction, id)? {
                Some(customer) => Ok(customer),
                None => Err(Fault::Person(MergeError::NoCustomer(id.to_owned()))),
            };
            let (kept, gone) = (one(kept)?, one(gone)?);
            let merged = merge(&kept, &gone).map_err(|why| Fault::Person(MergeError::Unmergeable(why)))?;
            transaction.execute(
                "INSERT INTO merges (at_us, by, kept, gone, kept_before, gone_before) VALUES (?, ?, ?, ?, ?, ?)",
                params![at.0, by, kept.id, gone.id, blob(&kept)?, blob(&gone)?],
            )?;
            transaction.execute("DELETE FROM customers WHERE id = ?", [&gone.id])?;
            transaction.execute("UPDATE aliases SET id = ? WHERE id = ?", [&kept.id, &gone.id])?;
            transaction.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?)", [&gone.id, &kept.id])?;
            transaction
                .execute("UPDATE OR REPLACE tasks SET id = ? WHERE id = ? AND done_us IS NULL", [&kept.id, &gone.id])?;
            write(&transaction, &merged)?;
            bump(&transaction)?;
            let told = edits::keep(&transaction, &kept, &merged, Some(&gone.id))?;
            transaction.commit()?;
            of.last_edit = told;
            Ok(merged)
        };
        run(self).map_err(|fault| self.sorted(fault))
    }

    /// Takes back the last merge into `kept`; gives both as they are now.
    pub fn unmerge(&mut self, kept: &str, at: Wall) -> Result<(Customer, Customer), MergeError> {
        let run = |of: &mut Customers| -> Result<(Customer, Customer), Fault> {
            let transaction = of.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let last: Option<(i64, Vec<u8>, Vec<u8>)> = transaction
                .query_row(
                    "SELECT n, kept_before, gone_before FROM merges WHERE kept = ? AND undone_us IS NULL ORDER BY n DESC LIMIT 1",
                    [kept],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()?;
            let Some((n, before, gone)) = last else {
                return Err(Fault::Person(MergeError::NotMerged(kept.to_owned())));
            };
            let Some(now) = record(&transaction, kept)? else {
                return Err(Fault::Person(MergeError::NoCustomer(kept.to_owned())));
            };
            let (one, other) = unmerge(&now, &read(&before)?, &read(&gone)?);
            write(&transaction, &one)?;
            write(&transaction, &other)?;
            transaction.execute("DELETE FROM aliases WHERE alias = ?", [&other.id])?;
            for alias in &other.aliases {
                transaction.execute("UPDATE aliases SET id = ? WHERE alias = ?", [&other.id, alias])?;
            }
            transaction.execute("UPDATE merges SET undone_us = ? WHERE n = ?", params![at.0, n])?;
            bump(&transaction)?;
            let told = edits::keep(&transaction, &now, &one, Some(&other.id))?;
            transaction.commit()?;
            of.last_edit = told;
            Ok((one, other))
        };
        run(self).map_err(|fault| self.sorted(fault))
    }

    /// A person says that these two are two: no search for duplicates names them again.
    pub fn set_different(&mut self, a: &str, b: &str) -> Result<(), StoreError> {
        let (a, b) = if a < b { (a, b) } else { (b, a) };
        self.db
            .execute("INSERT OR IGNORE INTO different VALUES (?, ?)", [a, b])
            .map(drop)
            .map_err(|error| self.fault(error))
    }

    /// Pairs that people said are two, each in the order of ids.
    pub fn different(&self) -> Result<BTreeSet<(String, String)>, StoreError> {
        let run = || -> rusqlite::Result<BTreeSet<(String, String)>> {
            let mut select = self.db.prepare("SELECT a, b FROM different")?;
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        run().map_err(|error| self.fault(error))
    }

    fn sorted(&self, fault: Fault) -> MergeError {
        match fault {
            Fault::Tables(error) => MergeError::Store(self.fault(error)),
            Fault::Person(error) => error,
        }
    }
}
