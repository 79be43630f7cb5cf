//! Call records of a customer who was forgotten: the bill stays, the person goes.
//!
//! Amounts, durations, destinations and times stay as they were. The customer becomes a pseudonym, the same in all his calls, and
//! his number loses its last digits, so that its destination can still be told and the subscriber cannot.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};
use turno_base::{E164, Number};
use turno_tariff::cdr::{Record, format};

use super::customers::Erased;
use super::{StoreError, kept, tables};

/// Digits that a number loses.
const DIGITS_LOST: usize = 6;

/// Puts `pseudonym` in the place of an erased customer in the records in `dir`; gives how many calls that were. Calls of
/// other customers from the same numbers stay as they are.
pub fn pseudonymise(dir: &Path, erased: &Erased, pseudonym: &str) -> Result<u64, StoreError> {
    let path = dir.join("records.sqlite");
    if !path.exists() {
        return Ok(0);
    }
    let run = || -> rusqlite::Result<u64> {
        let mut db = Connection::open(&path)?;
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        db.pragma_update(None, "secure_delete", "on")?;
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut changed = 0;
        for (call, version, bytes) in calls(&transaction, erased)? {
            let Some(mut record) = tables::read(version, &bytes) else { continue };
            forget(&mut record, erased, pseudonym);
            rewrite(&transaction, &call, &record)?;
            changed += 1;
        }
        transaction.commit()?;
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(changed)
    };
    let changed = run().map_err(|error| StoreError::Database { path: path.clone(), error })?;
    kept::forget_person(dir, erased)?;
    Ok(changed)
}

fn calls(db: &Connection, erased: &Erased) -> rusqlite::Result<Vec<(String, u32, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut of = |condition: &str, value: &str| -> rusqlite::Result<()> {
        let mut select = db.prepare(&format!("SELECT call, version, record FROM calls WHERE {condition}"))?;
        let rows = select.query_map([value], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        for row in rows {
            found.push(row?);
        }
        Ok(())
    };
    for id in &erased.ids {
        of("customer = ?", id)?;
    }
    for number in &erased.numbers {
        of("customer IS NULL AND ani = ?", &number.to_string())?;
        of("customer IS NULL AND dnis = ?", &number.to_string())?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn forget(record: &mut Record, erased: &Erased, pseudonym: &str) {
    let is_his = |number: E164| erased.numbers.contains(&number);
    // The caller of his own call is he, also from a number that nobody knew as his.
    let own = record.customer.is_some().then_some(record.ani.e164).flatten();
    let mask = |number: &mut Number| {
        if number.e164.is_some_and(|e164| is_his(e164) || own == Some(e164)) {
            let masked = number.e164.and_then(masked);
            *number = Number { raw: masked.map(|m| m.to_string()).unwrap_or_default(), e164: masked, ..*number };
        }
    };
    record.customer = record.customer.as_ref().map(|_| pseudonym.to_owned());
    mask(&mut record.ani);
    mask(&mut record.dnis);
    for leg in &mut record.legs {
        mask(&mut leg.a);
        mask(&mut leg.b);
        // Phones and carriers put addresses and numbers into it.
        (leg.sip_call_id, leg.local_tag, leg.remote_tag) = Default::default();
    }
}

fn masked(number: E164) -> Option<E164> {
    let digits = number.digits();
    let kept = digits.get(..digits.len().saturating_sub(DIGITS_LOST))?;
    E164::from_digits(format!("{kept:0<width$}", width = digits.len()).as_bytes()).ok()
}

fn rewrite(db: &Connection, call: &str, record: &Record) -> rusqlite::Result<()> {
    let bytes = postcard::to_allocvec(record).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    db.execute(
        "UPDATE calls SET customer = ?, ani = ?, dnis = ?, version = ?, record = ? WHERE call = ?",
        params![
            record.customer,
            format::number(&record.ani),
            format::number(&record.dnis),
            tables::VERSION,
            bytes,
            call
        ],
    )?;
    for (n, leg) in (0_i64..).zip(&record.legs) {
        db.execute(
            "UPDATE legs SET a = ?, b = ?, sip_call_id = '', local_tag = '', remote_tag = '' WHERE call = ? AND leg = ?",
            params![format::number(&leg.a), format::number(&leg.b), call, n],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::shell::store::tests::{Dir, rows};
    use crate::shell::store::{Filter, Options, Order, Reader, Store};

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_number_loses_its_subscriber_and_keeps_its_destination() {
        for (number, want) in [("+34612345678", "+34612000000"), ("+12125550123", "+12125000000"), ("+112", "")] {
            let masked = masked(E164::new(number).unwrap());
            assert_eq!(masked.map(|masked| masked.to_string()).unwrap_or_default(), want, "{number}");
        }
    }

    #[test]
    fn the_bill_stays_and_the_person_goes() {
        let dir = Dir::new("pseudonym");
        let (store, _) = Store::open(&dir.0, Options::default(), Vec::new(), |_| ()).unwrap();
        for (seq, row) in (1..).zip((0..3).flat_map(rows)) {
            store.append(seq, row).unwrap();
        }
        store.close(LONG);
        let all = || Reader::open(&dir.0).unwrap().list(&Filter::default(), Order::OldestFirst).unwrap();
        let before = all();
        let other = Erased { ids: vec!["C-1".into()], numbers: vec![E164::new("+34699999999").unwrap()] };
        assert_eq!(pseudonymise(&dir.0, &other, "erased-x").unwrap(), 0);
        assert_eq!(all(), before);
        let erased = Erased { ids: vec!["C-1".into()], numbers: vec![E164::new("+34612345678").unwrap()] };
        assert_eq!(pseudonymise(&dir.0, &erased, "erased-x").unwrap(), 3);
        for (now, before) in all().iter().zip(&before) {
            assert_eq!(
                (now.ani.raw.as_str(), &now.costs, now.total_ms),
                ("+34612000000", &before.costs, before.total_ms)
            );
            assert_eq!(now.legs[0].charges, before.legs[0].charges);
            assert_eq!((now.legs[0].a.raw.as_str(), now.legs[0].sip_call_id.as_str()), ("+34612000000", ""));
            assert_eq!(now.dnis, before.dnis);
        }
        let tags = |column| {
            let sql = format!("SELECT count(*) FROM legs WHERE {column} <> ''");
            Connection::open(dir.0.join("records.sqlite"))
                .unwrap()
                .query_row(&sql, [], |row| row.get::<_, u32>(0))
                .unwrap()
        };
        assert_eq!((tags("local_tag"), tags("remote_tag"), tags("sip_call_id")), (0, 0, 0));
        let tables = std::fs::read(dir.0.join("records.sqlite")).unwrap();
        for gone in ["34612345678", "612345678", "@test", "theirs-"] {
            assert!(!tables.windows(gone.len()).any(|window| window == gone.as_bytes()), "{gone} is still there");
        }
        assert_eq!(pseudonymise(&dir.0, &erased, "erased-x").unwrap(), 0, "once");
    }
}
