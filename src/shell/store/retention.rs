//! Records that are older than they may be: taken out of the tables, and why their calls went where they went with them. The log forgets by its own bounds, files by their owners.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};
use turno_base::Wall;
use turno_tariff::cdr::Purpose;

use super::{StoreError, decisions, kept};

/// Calls of one transaction: the writer of records waits for no longer than that.
const BATCH: u32 = 500;
pub(super) const PARTS: [&str; 7] =
    ["legs", "segments", "charges", "segment_shares", "offers", "queue_entries", "wraps"];

/// Longest age in days that can be asked for.
pub const DAYS_MAX: u32 = 36_500;

/// The instant so many days before another.
pub fn days_before(now: Wall, days: u32) -> Wall {
    Wall(now.0.saturating_sub(i64::from(days) * 86_400_000_000))
}

/// Which records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Old {
    /// Calls that arrived before.
    pub before: Wall,
    /// Only those for this purpose; none: all.
    pub purpose: Option<Purpose>,
}

/// Takes them out of the store in `dir`, or only counts them; gives how many.
pub fn retain(dir: &Path, old: Old, dry_run: bool) -> Result<u64, StoreError> {
    let path = dir.join("records.sqlite");
    if !path.exists() {
        return Err(StoreError::Missing(dir.to_owned()));
    }
    let purpose = old.purpose.map(Purpose::as_str);
    let run = || -> rusqlite::Result<u64> {
        let mut db = Connection::open(&path)?;
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        db.pragma_update(None, "secure_delete", "on")?;
        let which = "arrived_us < ?1 AND (?2 IS NULL OR purpose = ?2)";
        if dry_run {
            let count = format!("SELECT count(*) FROM calls WHERE {which}");
            return db.query_row(&count, params![old.before.0, purpose], |row| row.get::<_, i64>(0)).map(|n| n as u64);
        }
        let mut gone = 0;
        loop {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut calls: Vec<String> = Vec::new();
            {
                let select = format!("SELECT call FROM calls WHERE {which} ORDER BY arrived_us LIMIT {BATCH}");
                let mut select = transaction.prepare(&select)?;
                let rows = select.query_map(params![old.before.0, purpose], |row| row.get(0))?;
                for call in rows {
                    calls.push(call?);
                }
            }
            for call in &calls {
                for part in PARTS {
                    transaction.prepare_cached(&format!("DELETE FROM {part} WHERE call = ?"))?.execute([call])?;
                }
                transaction.prepare_cached("DELETE FROM calls WHERE call = ?")?.execute([call])?;
            }
            transaction.commit()?;
            decisions::forget(dir, &calls)?;
            gone += calls.len() as u64;
            if calls.len() < BATCH as usize {
                db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                return Ok(gone);
            }
        }
    };
    let gone = run().map_err(|error| StoreError::Database { path: path.clone(), error })?;
    if !dry_run {
        kept::forget_old(dir, old)?;
    }
    Ok(gone)
}
