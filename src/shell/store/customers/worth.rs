//! Values renewed from what the call records tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use turno_base::{CallId, Name, SegmentId, Wall};
use turno_customers::Customer;
use turno_customers::value::{Fifths, History, Rule, renew};

use super::{Customers, bump, record, write};
use crate::shell::store::StoreError;

/// The call records' tables.
pub(super) const RECORDS: &str = "records.sqlite";
/// Decimals at which money of different scales is added up.
const SCALE: u32 = 4;

impl Customers {
    /// Renews value and segment of everybody by the records in `dir` and `rules`; gives how many changed. In a dry run it
    /// only counts.
    pub fn renew(&mut self, dir: &Path, rules: &[Rule], now: Wall, dry_run: bool) -> Result<u64, StoreError> {
        let path = dir.join(RECORDS);
        let histories = match path.exists() {
            true => histories(&path).map_err(|error| StoreError::Database { path, error })?,
            false => BTreeMap::new(),
        };
        let fifths = Fifths::of(&histories.values().copied().collect::<Vec<_>>());
        let scores = |id: &str| histories.get(id).map(|history| fifths.scores(history));
        let said = |id: &str| histories.get(id).and_then(|history| history.said);
        let mut due = Vec::new();
        self.each(|mut customer| {
            let (scores, said) = (scores(&customer.id), said(&customer.id));
            if renew(&mut customer, rules, scores, said, now) {
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
                    renew(&mut customer, rules, scores(id), said(id), now);
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

/// A customer whose value or segment is another now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// External id.
    pub id: String,
    /// Value, per mille; none: the segment's.
    pub value_pm: Option<u32>,
    /// Segment; none: the default.
    pub segment: Option<SegmentId>,
}

/// A call that has ended just now: its record may not be in the tables yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// External id of who called.
    pub customer: String,
    /// The call.
    pub call: CallId,
    /// When it ended, or was given its disposition.
    pub at: Wall,
    /// What its agent said of it.
    pub said: Option<Name>,
}

impl Customers {
    /// Where the fifths of the portfolio end, by the records in `dir`.
    pub fn fifths(&self, dir: &Path) -> Result<Fifths, StoreError> {
        let path = dir.join(RECORDS);
        let found = if path.exists() { histories(&path) } else { Ok(BTreeMap::new()) };
        let found = found.map_err(|error| StoreError::Database { path, error })?;
        Ok(Fifths::of(&found.into_values().collect::<Vec<_>>()))
    }

    /// Renews those whose calls have ended, by what the records in `dir` tell of each; gives who has changed. Who reads all
    /// customers is not told to read them again: a few changes are better told one by one.
    pub fn renew_ended(
        &mut self,
        dir: &Path,
        ended: &[Ended],
        rules: &[Rule],
        fifths: &Fifths,
    ) -> Result<Vec<Renewed>, StoreError> {
        let path = dir.join(RECORDS);
        let records = if path.exists() { open_records(&path).map(Some) } else { Ok(None) };
        let records = records.map_err(|error| StoreError::Database { path: path.clone(), error })?;
        let mut by_customer: BTreeMap<String, (Customer, Vec<&Ended>)> = BTreeMap::new();
        for one in ended {
            if let Some(customer) = self.get(&one.customer)? {
                by_customer.entry(customer.id.clone()).or_insert_with(|| (customer, Vec::new())).1.push(one);
            }
        }
        let mut found = Vec::new();
        for (mut customer, ended) in by_customer.into_values() {
            let history = history(records.as_ref(), &customer, &ended);
            let history = history.map_err(|error| StoreError::Database { path: path.clone(), error })?;
            let at = ended.iter().map(|one| one.at).max().unwrap_or_default();
            if renew(&mut customer, rules, Some(fifths.scores(&history)), history.said, at) {
                write(&self.db, &customer).map_err(|error| self.fault(error))?;
                let value_pm = customer.value.as_ref().map(|value| value.pm);
                found.push(Renewed { id: customer.id, value_pm, segment: customer.segment });
            }
        }
        Ok(found)
    }

    /// Whoever reads all customers is to read them again.
    pub fn stamp(&mut self) -> Result<(), StoreError> {
        bump(&self.db).map_err(|error| self.fault(error))
    }
}

pub(super) fn open_records(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(db)
}

/// Of one customer, by all the ids he has had, the calls included that have no record yet.
pub(super) fn history(
    records: Option<&Connection>,
    customer: &Customer,
    ended: &[&Ended],
) -> rusqlite::Result<History> {
    let mut history = History::default();
    let ids = customer.aliases.iter().map(String::as_str).chain([customer.id.as_str()]);
    for id in ids {
        let Some(db) = records else { break };
        let mut calls = db.prepare_cached("SELECT max(arrived_us), count(*) FROM calls WHERE customer = ?")?;
        let (last, contacts): (Option<i64>, u32) = calls.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        history.last = history.last.max(Wall(last.unwrap_or_default()));
        history.contacts += contacts;
        let mut said = db.prepare_cached(
            "SELECT disposition, max(arrived_us) FROM calls WHERE customer = ? AND disposition IS NOT NULL",
        )?;
        let last: Option<String> = said.query_row([id], |row| row.get(0))?;
        history.said = last.and_then(|name| Name::new(&name).ok()).or(history.said);
        let mut paid = db.prepare_cached(
            "SELECT charges.scale, sum(charges.net) FROM charges JOIN calls USING (call)
             WHERE calls.customer = ? AND charges.payer = 'caller' AND charges.net IS NOT NULL GROUP BY charges.scale",
        )?;
        let mut rows = paid.query([id])?;
        while let Some(row) = rows.next()? {
            history.money = history.money.saturating_add(at_scale(row.get(1)?, row.get(0)?));
        }
    }
    let mut fresh: BTreeSet<CallId> = BTreeSet::new();
    for one in ended {
        let is_there = match records {
            Some(db) => db.prepare_cached("SELECT 1 FROM calls WHERE call = ?")?.exists([one.call.to_string()])?,
            None => false,
        };
        history.last = history.last.max(one.at);
        // A call that ends and is given its disposition is one contact.
        history.contacts += u32::from(!is_there && fresh.insert(one.call));
        history.said = one.said.or(history.said);
    }
    Ok(history)
}

/// Units at [`SCALE`].
fn at_scale(units: i64, scale: u32) -> i64 {
    match scale > SCALE {
        true => units / 10_i64.pow((scale - SCALE).min(18)),
        false => units.saturating_mul(10_i64.pow(SCALE - scale)),
    }
}

/// By external id as of the calls: when last, how often, and what the callers paid.
fn histories(path: &Path) -> rusqlite::Result<BTreeMap<String, History>> {
    let db = open_records(path)?;
    let mut found: BTreeMap<String, History> = BTreeMap::new();
    let mut calls = db.prepare(
        "SELECT customer, max(arrived_us), count(*) FROM calls WHERE customer IS NOT NULL GROUP BY customer",
    )?;
    let mut rows = calls.query([])?;
    while let Some(row) = rows.next()? {
        let history = History { last: Wall(row.get(1)?), contacts: row.get(2)?, money: 0, said: None };
        found.insert(row.get(0)?, history);
    }
    let mut said = db.prepare(
        "SELECT customer, disposition, max(arrived_us) FROM calls
         WHERE customer IS NOT NULL AND disposition IS NOT NULL GROUP BY customer",
    )?;
    let mut rows = said.query([])?;
    while let Some(row) = rows.next()? {
        let (customer, said): (String, String) = (row.get(0)?, row.get(1)?);
        if let Some(history) = found.get_mut(&customer) {
            history.said = Name::new(&said).ok();
        }
    }
    let mut paid = db.prepare(
        "SELECT calls.customer, charges.scale, sum(charges.net) FROM charges JOIN calls USING (call)
         WHERE charges.payer = 'caller' AND charges.net IS NOT NULL AND calls.customer IS NOT NULL
         GROUP BY calls.customer, charges.scale",
    )?;
    let mut rows = paid.query([])?;
    while let Some(row) = rows.next()? {
        let (customer, scale, units): (String, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Some(history) = found.get_mut(&customer) {
            history.money = history.money.saturating_add(at_scale(units, scale));
        }
    }
    Ok(found)
}
