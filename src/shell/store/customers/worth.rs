//! Values renewed from what the call records tell.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use turno_base::Wall;
use turno_customers::value::{Fifths, History, Rule, renew};

use super::{Customers, bump, record, write};
use crate::shell::store::StoreError;

/// Decimals at which money of different scales is added up.
const SCALE: u32 = 4;

impl Customers {
    /// Renews value and segment of everybody by the records in `dir` and `rules`; gives how many changed. In a dry run it
    /// only counts.
    pub fn renew(&mut self, dir: &Path, rules: &[Rule], now: Wall, dry_run: bool) -> Result<u64, StoreError> {
        let path = dir.join("records.sqlite");
        let histories = match path.exists() {
            true => histories(&path).map_err(|error| StoreError::Database { path, error })?,
            false => BTreeMap::new(),
        };
        let fifths = Fifths::of(&histories.values().copied().collect::<Vec<_>>());
        let scores = |id: &str| histories.get(id).map(|history| fifths.scores(history));
        let mut due = Vec::new();
        self.each(|mut customer| {
            let scores = scores(&customer.id);
            if renew(&mut customer, rules, scores, now) {
                due.push(customer.id);
            }
        })?;
        if dry_run || due.is_empty() {
            return Ok(due.len() as u64);
        }
        let run = |db: &mut Connection| -> rusqlite::Result<()> {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for id in &due {
                if let Some(mut customer) = record(&transaction, id)? {
                    renew(&mut customer, rules, scores(id), now);
                    write(&transaction, &customer)?;
                }
            }
            bump(&transaction)?;
            transaction.commit()
        };
        run(&mut self.db).map_err(|error| self.fault(error))?;
        Ok(due.len() as u64)
    }
}

/// By external id as of the calls: when last, how often, and what the callers paid.
fn histories(path: &Path) -> rusqlite::Result<BTreeMap<String, History>> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    let mut found: BTreeMap<String, History> = BTreeMap::new();
    let mut calls = db.prepare(
        "SELECT customer, max(arrived_us), count(*) FROM calls WHERE customer IS NOT NULL GROUP BY customer",
    )?;
    let mut rows = calls.query([])?;
    while let Some(row) = rows.next()? {
        let history = History { last: Wall(row.get(1)?), contacts: row.get(2)?, money: 0 };
        found.insert(row.get(0)?, history);
    }
    let mut paid = db.prepare(
        "SELECT calls.customer, charges.scale, sum(charges.net) FROM charges JOIN calls USING (call)
         WHERE charges.payer = 'caller' AND charges.net IS NOT NULL AND calls.customer IS NOT NULL
         GROUP BY calls.customer, charges.scale",
    )?;
    let mut rows = paid.query([])?;
    while let Some(row) = rows.next()? {
        let (customer, scale, units): (String, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let units = match scale > SCALE {
            true => units / 10_i64.pow((scale - SCALE).min(18)),
            false => units.saturating_mul(10_i64.pow(SCALE - scale)),
        };
        if let Some(history) = found.get_mut(&customer) {
            history.money = history.money.saturating_add(units);
        }
    }
    Ok(found)
}
