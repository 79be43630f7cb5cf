//! Customers of the first build: name, segment, value, language and numbers in columns. Each becomes one record.

use rusqlite::{Transaction, params};
use turno_base::{E164, Wall};
use turno_customers::Customer;
use turno_customers::customer::{Line, Value, ValueSource};

use super::{SCHEMA, blob};
use crate::shell::store::migrate::Step;

/// From version 1 to version 2.
pub(super) const STEP: Step = Step { from: 1, run };

fn run(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "ALTER TABLE customers RENAME TO first_customers; ALTER TABLE numbers RENAME TO first_numbers;
         DROP INDEX IF EXISTS numbers_id;",
    )?;
    db.execute_batch(SCHEMA)?;
    let mut numbers = db.prepare("SELECT number FROM first_numbers WHERE id = ? ORDER BY number")?;
    let mut rows = db.prepare("SELECT id, name, segment, value_pm, language FROM first_customers")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let lines = numbers.query_map([&id], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
        let lines = lines.into_iter().filter_map(|number| E164::new(&format!("+{number}")).ok()).map(Line::new);
        let (segment, language): (Option<String>, Option<String>) = (row.get(2)?, row.get(4)?);
        // When it was imported was not kept.
        let value = |pm| Value { pm, source: ValueSource::Import, at: Wall(0) };
        let customer = Customer {
            id,
            name: row.get(1)?,
            lines: lines.collect(),
            segment: segment.and_then(|segment| segment.parse().ok()),
            value: row.get::<_, Option<u32>>(3)?.map(value),
            language: language.and_then(|language| language.parse().ok()),
            ..Customer::default()
        };
        db.execute("INSERT INTO customers VALUES (?, ?)", params![customer.id, blob(&customer)?])?;
    }
    drop(rows);
    drop(numbers);
    db.execute_batch("DROP TABLE first_customers; DROP TABLE first_numbers;")
}
