//! The ledger's version 1, which did not say where its calls are counted.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};
use turno_base::CallId;

use crate::shell::store::migrate::Step;

pub(super) const STEP: Step = Step { from: 1, run: place };

/// Version 2, where this leads.
const SCHEMA: &str = "
CREATE TABLE postings (
  call TEXT NOT NULL, leg INTEGER NOT NULL, payer TEXT NOT NULL, revision INTEGER NOT NULL, difference INTEGER NOT NULL, net INTEGER NOT NULL,
  scale INTEGER NOT NULL, currency TEXT NOT NULL, valid_from_us INTEGER, tariff_revision INTEGER, posted_us INTEGER NOT NULL,
  arrived_us INTEGER NOT NULL, counted_us INTEGER NOT NULL, was_unrated INTEGER NOT NULL, queue TEXT, segment TEXT, number_type TEXT,
  PRIMARY KEY (call, leg, payer, revision)) WITHOUT ROWID;
CREATE INDEX postings_counted ON postings (counted_us);
";

/// Where the figures count a call.
#[derive(Default)]
struct Place {
    arrived_us: i64,
    counted_us: i64,
    queue: Option<String>,
    segment: Option<String>,
    number_type: Option<String>,
}

/// Rows keep their amounts. Where a call is counted is looked up in the records' tables; one that they have not got (any more) is
/// counted when it arrived, which its id tells, and in no queue.
fn place(tables: &Transaction<'_>) -> rusqlite::Result<()> {
    tables.execute_batch("ALTER TABLE postings RENAME TO before")?;
    tables.execute_batch(SCHEMA)?;
    let beside = tables.path().map(|path| Path::new(path).with_file_name("records.sqlite"));
    let records = beside.and_then(|path| Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok());
    {
        let mut before = tables.prepare("SELECT call, leg, payer, revision FROM before")?;
        let mut rows = before.query([])?;
        while let Some(row) = rows.next()? {
            let (call, name, payer): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let revision: u32 = row.get(3)?;
            let leg = leg_of(&name).ok_or(rusqlite::Error::InvalidQuery)?;
            let recorded = records.as_ref().and_then(|records| recorded(records, &call).ok().flatten());
            let Place { arrived_us, counted_us, queue, segment, number_type } =
                recorded.unwrap_or_else(|| told_by(&call));
            let was_unrated =
                revision == 0 && records.as_ref().is_some_and(|records| lacked(records, &call, leg, &payer));
            tables.execute(
                "INSERT INTO postings SELECT call, ?1, payer, revision, difference, net, scale, currency, valid_from_us, tariff_revision,
                   posted_us, ?2, ?3, ?4, ?5, ?6, ?7 FROM before WHERE call = ?8 AND leg = ?9 AND payer = ?10 AND revision = ?11",
                params![leg, arrived_us, counted_us, was_unrated, queue, segment, number_type, call, name, payer, revision],
            )?;
        }
    }
    tables.execute_batch("DROP TABLE before")
}

/// `b3`: the number of a leg as its name said it.
fn leg_of(name: &str) -> Option<i64> {
    let (side, nth) = name.split_at_checked(1)?;
    let twice = nth.parse::<u64>().ok()?.checked_mul(2)?;
    match side {
        "a" => Some(twice as i64),
        "b" => Some((twice + 1) as i64),
        _ => None,
    }
}

fn recorded(records: &Connection, call: &str) -> rusqlite::Result<Option<Place>> {
    let sql = "SELECT arrived_us, (SELECT entered_us FROM queue_entries q WHERE q.call = c.call ORDER BY n DESC LIMIT 1), queue, segment,
      number_type FROM calls c WHERE call = ?";
    let place = |row: &rusqlite::Row<'_>| {
        let (arrived_us, entered_us): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
        let counted_us = entered_us.unwrap_or(arrived_us);
        Ok(Place { arrived_us, counted_us, queue: row.get(2)?, segment: row.get(3)?, number_type: row.get(4)? })
    };
    records.query_row(sql, [call], place).optional()
}

/// The record has no amount for want of a rule.
fn lacked(records: &Connection, call: &str, leg: i64, payer: &str) -> bool {
    let sql = "SELECT status = 'unrated' FROM charges WHERE call = ? AND leg = ? AND payer = ?";
    records.query_row(sql, params![call, leg, payer], |row| row.get(0)).unwrap_or(false)
}

fn told_by(call: &str) -> Place {
    let ms = call.parse::<CallId>().map_or(0, |id| (id.0 >> 80) as i64);
    Place { arrived_us: ms * 1000, counted_us: ms * 1000, ..Place::default() }
}
