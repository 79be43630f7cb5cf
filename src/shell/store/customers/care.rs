//! What calls teach, what people are to do about it, and forgetting.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;
use turno_base::{E164, Wall};
use turno_customers::customer::{Contact, Validity};
use turno_customers::hygiene::{Learned, Shown, on_call};
use turno_customers::personal::{Retention, retain};

use super::{Customers, alias, blob, bump, edits, record, write};
use crate::shell::store::{StoreError, kept};

/// Tasks in one list.
const TASKS_MAX: u32 = 1000;

/// Something for people to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Number, to say by that it is done.
    pub task: i64,
    /// Since when, microseconds since 1970.
    pub at_us: i64,
    /// `wrong_number` or `inactive_number`.
    pub kind: String,
    /// Whose.
    pub customer: String,
    /// Which number.
    pub number: String,
}

/// What a call showed of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// External id.
    pub customer: String,
    /// Which of the numbers.
    pub number: E164,
    /// What.
    pub shown: Shown,
    /// When.
    pub at: Wall,
    /// To be remembered as a contact.
    pub contact: Option<Contact>,
}

/// What is left of a customer who was forgotten: enough to find his calls in the records, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// All external ids he had.
    pub ids: Vec<String>,
    /// All numbers he had and nobody else has.
    pub numbers: Vec<E164>,
}

impl Customers {
    /// Takes in what calls have shown, all of it at once; gives how many tasks came of it.
    pub fn learn(&mut self, lessons: &[Lesson]) -> Result<u64, StoreError> {
        let run = |db: &mut Connection| -> rusqlite::Result<u64> {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut tasks = 0;
            for lesson in lessons {
                tasks += u64::from(learn(&transaction, lesson)?);
            }
            transaction.commit()?;
            Ok(tasks)
        };
        run(&mut self.db).map_err(|error| self.fault(error))
    }

    /// What is to be done, oldest first.
    pub fn tasks(&self) -> Result<Vec<Task>, StoreError> {
        let run = || -> rusqlite::Result<Vec<Task>> {
            let mut select = self
                .db
                .prepare("SELECT n, at_us, kind, id, number FROM tasks WHERE done_us IS NULL ORDER BY n LIMIT ?")?;
            let task = |row: &rusqlite::Row<'_>| {
                Ok(Task {
                    task: row.get(0)?,
                    at_us: row.get(1)?,
                    kind: row.get(2)?,
                    customer: row.get(3)?,
                    number: row.get(4)?,
                })
            };
            select.query_map([TASKS_MAX], task)?.collect()
        };
        run().map_err(|error| self.fault(error))
    }

    /// A task is done. False: there is no such task, or it was done.
    pub fn finish_task(&mut self, task: i64, at: Wall) -> Result<bool, StoreError> {
        let done = self.db.execute("UPDATE tasks SET done_us = ? WHERE n = ? AND done_us IS NULL", params![at.0, task]);
        done.map(|done| done > 0).map_err(|error| self.fault(error))
    }

    /// Forgets a customer: the row, everything kept to take changes back, tasks, and the pages they were on. None: there is
    /// nobody with this id.
    pub fn erase(&mut self, id: &str) -> Result<Option<Erased>, StoreError> {
        let Some(customer) = self.get(id)? else { return Ok(None) };
        let mut ids = customer.aliases.clone();
        ids.push(customer.id.clone());
        let mut numbers: Vec<E164> = customer.lines.iter().map(|line| line.number).collect();
        self.each(|other| {
            if other.id != customer.id {
                numbers.retain(|number| !other.lines.iter().any(|line| line.number == *number));
            }
        })?;
        let run = |db: &mut Connection| -> rusqlite::Result<()> {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for id in &ids {
                forget(&transaction, id)?;
            }
            bump(&transaction)?;
            transaction.commit()?;
            // What was deleted is still in the write-ahead log until that is taken in.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        run(&mut self.db).map_err(|error| self.fault(error))?;
        kept::copies(&self.path, |db| ids.iter().try_for_each(|id| forget(db, id)))?;
        Ok(Some(Erased { ids, numbers }))
    }

    /// Takes out of every customer what is older than it may be, and out of what is kept of him to take imports and merges back;
    /// gives how many had such. In a dry run it only counts.
    pub fn retain(&mut self, retention: &Retention, now: Wall, dry_run: bool) -> Result<u64, StoreError> {
        let run = |db: &mut Connection| -> rusqlite::Result<u64> {
            let due = KEPT_IN.iter().map(|of| of.due(db, retention, now)).collect::<rusqlite::Result<Vec<_>>>()?;
            let had: BTreeSet<&String> = due.iter().flatten().map(|(id, _)| id).collect();
            if dry_run {
                return Ok(had.len() as u64);
            }
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (of, due) in KEPT_IN.iter().zip(&due) {
                of.retain(&transaction, due, retention, now)?;
            }
            edits::retain(&transaction, retention, now)?;
            transaction.commit()?;
            // What was taken out is still in the write-ahead log until that is taken in.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(had.len() as u64)
        };
        run(&mut self.db).map_err(|error| self.fault(error))
    }
}

/// Where something of a person is, and how it is taken out by an external id; `numbers` had the first build.
const OF_A_PERSON: [(&str, &str); 8] = [
    ("customers", "id = ?1"),
    ("aliases", "alias = ?1 OR id = ?1"),
    ("import_changes", "id = ?1"),
    ("merges", "kept = ?1 OR gone = ?1"),
    ("different", "a = ?1 OR b = ?1"),
    ("tasks", "id = ?1"),
    ("edits", "id = ?1 OR other = ?1"),
    ("numbers", "id = ?1"),
];

/// Takes out all that is kept under an external id, by this build or an earlier one.
fn forget(db: &Connection, id: &str) -> rusqlite::Result<()> {
    for (table, whose) in OF_A_PERSON {
        if kept::is_there(db, table)? {
            db.execute(&format!("DELETE FROM {table} WHERE {whose}"), [id])?;
        }
    }
    Ok(())
}

/// Where customers lie: a column of a table, whose rows an id and a number name. The present first, then the past by which
/// changes are taken back.
struct KeptIn {
    table: &'static str,
    id: &'static str,
    n: &'static str,
    column: &'static str,
}

const KEPT_IN: [KeptIn; 4] = [
    KeptIn { table: "customers", id: "id", n: "0", column: "record" },
    KeptIn { table: "import_changes", id: "id", n: "n", column: "before" },
    KeptIn { table: "merges", id: "kept", n: "n", column: "kept_before" },
    KeptIn { table: "merges", id: "gone", n: "n", column: "gone_before" },
];

impl KeptIn {
    /// The rows with something that is too old.
    fn due(&self, db: &Connection, retention: &Retention, now: Wall) -> rusqlite::Result<Vec<(String, i64)>> {
        let KeptIn { table, id, n, column } = self;
        let mut select = db.prepare(&format!("SELECT {id}, {n}, {column} FROM {table} WHERE {column} IS NOT NULL"))?;
        let (mut rows, mut due) = (select.query([])?, Vec::new());
        while let Some(row) = rows.next()? {
            if retain(&mut super::read(&row.get::<_, Vec<u8>>(2)?)?, retention, now) {
                due.push((row.get(0)?, row.get(1)?));
            }
        }
        Ok(due)
    }

    /// Takes it out of these rows, as they are now.
    fn retain(&self, db: &Connection, due: &[(String, i64)], retention: &Retention, now: Wall) -> rusqlite::Result<()> {
        let KeptIn { table, id, n, column } = self;
        let row = format!("WHERE {id} = ?1 AND {n} = ?2");
        let mut select = db.prepare(&format!("SELECT {column} FROM {table} {row}"))?;
        let mut change = db.prepare(&format!("UPDATE {table} SET {column} = ?3 {row}"))?;
        for (id, n) in due {
            let kept: Option<Vec<u8>> = select.query_row(params![id, n], |row| row.get(0)).optional()?;
            let Some(mut customer) = kept.map(|bytes| super::read(&bytes)).transpose()? else { continue };
            retain(&mut customer, retention, now);
            change.execute(params![id, n, blob(&customer)?])?;
        }
        Ok(())
    }
}

/// True: a task came of it. A customer that the store does not have teaches nothing.
fn learn(db: &Connection, lesson: &Lesson) -> rusqlite::Result<bool> {
    let known = match record(db, &lesson.customer)? {
        Some(known) => Some(known),
        None => alias(db, &lesson.customer)?.map(|id| record(db, &id)).transpose()?.flatten(),
    };
    let Some(mut customer) = known else { return Ok(false) };
    let wrong =
        |of: &turno_customers::Customer| of.lines.iter().filter(|line| line.validity == Validity::Wrong).count();
    let wrong_before = wrong(&customer);
    let learned = on_call(&mut customer, lesson.number, lesson.shown, lesson.at);
    if let Some(contact) = &lesson.contact {
        customer.add_contact(contact.clone());
    }
    if learned == Learned::Nothing && lesson.contact.is_none() {
        return Ok(false);
    }
    write(db, &customer)?;
    if wrong(&customer) != wrong_before {
        bump(db)?;
    }
    let number = lesson.number.to_string();
    match learned {
        Learned::Nothing | Learned::Changed => Ok(false),
        Learned::Task(kind) => {
            let made = db
                .prepare_cached("INSERT OR IGNORE INTO tasks (at_us, kind, id, number) VALUES (?, ?, ?, ?)")?
                .execute(params![lesson.at.0, kind.as_str(), customer.id, number])?;
            Ok(made > 0)
        }
        Learned::Settled => {
            db.prepare_cached("UPDATE tasks SET done_us = ? WHERE id = ? AND number = ? AND done_us IS NULL")?
                .execute(params![lesson.at.0, customer.id, number])?;
            Ok(false)
        }
    }
}
