//! The ledger's version 2, whose rows lay by call alone, with an index by the instant that figures count.

use rusqlite::Transaction;

use super::{COLUMNS, SCHEMA};
use crate::shell::store::migrate::Step;

pub(super) const STEP: Step = Step { from: 2, run: by_arrival };

/// The same rows in their present order.
fn by_arrival(tables: &Transaction<'_>) -> rusqlite::Result<()> {
    tables.execute_batch("ALTER TABLE postings RENAME TO before; DROP INDEX IF EXISTS postings_counted")?;
    tables.execute_batch(SCHEMA)?;
    tables.execute_batch(&format!(
        "INSERT INTO postings ({COLUMNS}) SELECT {COLUMNS} FROM before ORDER BY arrived_us, call, leg, payer, revision;
         DROP TABLE before;"
    ))
}
