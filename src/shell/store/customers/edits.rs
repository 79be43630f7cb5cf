//! What each change of a customer by a person or program changed, before and after, under a number that the audit log names. It is kept
//! here and not there, so that it is forgotten with him: whoever erases a customer erases this.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};
use serde_json::{Map, Value, json};
use turno_base::Wall;
use turno_customers::Customer;
use turno_customers::personal::Retention;

use super::Customers;
use crate::shell::clock::wall;
use crate::shell::store::StoreError;
use crate::shell::store::migrate::Step;

/// Changes that are kept; the oldest go. As many as the audit log has entries to name them.
pub(super) const EDITS_MAX: i64 = 200_000;

/// A number is never given twice, or an old line of the audit log would tell of somebody else.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS edits (
  n INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, id TEXT NOT NULL, other TEXT, keys TEXT NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS edits_id ON edits (id);
CREATE INDEX IF NOT EXISTS edits_other ON edits (other) WHERE other IS NOT NULL;
";

/// From version 2 to version 3.
pub(super) const STEP: Step = Step { from: 2, run: |db| db.execute_batch(SCHEMA) };

/// Keeps what is different of a customer, in the transaction that changes him; gives its number, none if nothing is. `other` is
/// somebody else of whom it tells something.
pub(super) fn keep(
    db: &Transaction<'_>,
    before: &Customer,
    after: &Customer,
    other: Option<&str>,
) -> rusqlite::Result<Option<i64>> {
    let (was, is) = different(&json!(before), &json!(after));
    let keys: Vec<&String> = was.keys().chain(is.keys()).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let keys = keys.iter().fold(" ".to_owned(), |keys, key| keys + key + " ");
    db.prepare_cached("INSERT INTO edits (at_us, id, other, keys, before, after) VALUES (?, ?, ?, ?, ?, ?)")?.execute(
        params![wall().0, after.id, other, keys, Value::Object(was).to_string(), Value::Object(is).to_string()],
    )?;
    let n = db.last_insert_rowid();
    db.prepare_cached("DELETE FROM edits WHERE n <= ?")?.execute([n.saturating_sub(EDITS_MAX)])?;
    Ok(Some(n))
}

/// Forgets changes of what is kept for a time alone, when that is over.
pub(super) fn retain(db: &Connection, retention: &Retention, now: Wall) -> rusqlite::Result<()> {
    let Retention { contacts_days, notes_days, consents_days } = retention;
    for (days, key) in [(contacts_days, " contacts "), (notes_days, " notes "), (consents_days, " consents ")] {
        if let Some(days) = days {
            let oldest = now.0.saturating_sub(i64::from(*days).saturating_mul(86_400_000_000));
            db.execute("DELETE FROM edits WHERE at_us < ? AND instr(keys, ?) > 0", params![oldest, key])?;
        }
    }
    Ok(())
}

impl Customers {
    /// The number of the last change that was made here; none: nothing was different after it.
    pub fn last_edit(&self) -> Option<i64> {
        self.last_edit
    }

    /// Before and after of those of these changes that are still known.
    pub fn edits(&self, numbers: impl IntoIterator<Item = i64>) -> Result<BTreeMap<i64, (Value, Value)>, StoreError> {
        let run = || -> rusqlite::Result<BTreeMap<i64, (Value, Value)>> {
            let mut select = self.db.prepare_cached("SELECT before, after FROM edits WHERE n = ?")?;
            let mut told = BTreeMap::new();
            for n in numbers {
                let mut rows = select.query([n])?;
                if let Some(row) = rows.next()? {
                    let value = |text: String| serde_json::from_str(&text).unwrap_or_default();
                    told.insert(n, (value(row.get(0)?), value(row.get(1)?)));
                }
            }
            Ok(told)
        };
        run().map_err(|error| self.fault(error))
    }

    /// Forgets changes from before that instant.
    pub fn forget_edits(&mut self, before: Wall) -> Result<(), StoreError> {
        let done = self.db.execute("DELETE FROM edits WHERE at_us < ?", [before.0]);
        done.map(drop).map_err(|error| self.fault(error))
    }
}

/// What is different, one level down; of a list what the other has not.
fn different(before: &Value, after: &Value) -> (Map<String, Value>, Map<String, Value>) {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return Default::default() };
    let (mut was, mut is) = (Map::new(), Map::new());
    for (key, old) in before {
        let new = after.get(key).unwrap_or(&Value::Null);
        if old == new {
            continue;
        }
        let (old, new) = match (old, new) {
            (Value::Array(old), Value::Array(new)) => (without(old, new), without(new, old)),
            (old, new) => (old.clone(), new.clone()),
        };
        was.insert(key.clone(), old);
        is.insert(key.clone(), new);
    }
    (was, is)
}

fn without(all: &[Value], others: &[Value]) -> Value {
    all.iter().filter(|value| !others.contains(value)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use turno_base::Wall;
    use turno_customers::customer::Note;

    use super::super::Edit;
    use super::super::tests::rows;
    use super::*;
    use crate::shell::store::tests::Dir;

    fn store(dir: &Dir) -> Customers {
        let mut store = Customers::open(&dir.0).unwrap();
        store.import("x", Wall(1), rows("id,name,numbers\na,Ana,612345678\nb,Ana R,612345678\n"), false).unwrap();
        store
    }

    fn named(store: &mut Customers, id: &str, name: &str) -> Option<i64> {
        let edit = Edit { name: Some(name.into()), ..Edit::default() };
        store.edit(id, &edit, None).unwrap();
        store.last_edit()
    }

    fn noted(store: &mut Customers, id: &str, text: &str) -> i64 {
        let note = Note { at: Wall(3), by: "anna".into(), text: text.into() };
        store.enter(id, |of| of.enter_note(note)).unwrap();
        store.last_edit().unwrap()
    }

    fn told(store: &Customers, n: i64) -> Option<(Value, Value)> {
        store.edits([n]).unwrap().remove(&n)
    }

    #[test]
    fn a_change_is_told_before_and_after_until_he_is_forgotten() {
        let dir = Dir::new("edits");
        let mut store = store(&dir);
        let name = named(&mut store, "a", "Xanthippe").unwrap();
        assert_eq!(told(&store, name), Some((json!({"name": "Ana"}), json!({"name": "Xanthippe"}))));
        assert_eq!(named(&mut store, "a", "Xanthippe"), None, "nothing is different");
        let note = noted(&mut store, "a", "asks for Alcibiades");
        let after = told(&store, note).unwrap();
        assert_eq!((&after.0, &after.1["notes"][0]["text"]), (&json!({"notes": []}), &json!("asks for Alcibiades")));
        let other = named(&mut store, "b", "Berta").unwrap();
        store.merge("b", "a", "clerk", Wall(4)).unwrap();
        let merge = store.last_edit().unwrap();
        assert_eq!(told(&store, merge).unwrap().1["aliases"], json!(["a"]));
        store.unmerge("b", Wall(5)).unwrap();
        let parting = store.last_edit().unwrap();
        assert_eq!(told(&store, parting).unwrap().0["aliases"], json!(["a"]));

        store.erase("a").unwrap();
        for n in [name, note, merge, parting] {
            assert_eq!(told(&store, n), None, "{n}");
        }
        assert!(told(&store, other).is_some(), "she is not forgotten");
        assert!(named(&mut store, "b", "Berta Ruiz").unwrap() > parting, "no number is given twice");
        drop(store);
        for entry in std::fs::read_dir(&dir.0).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for words in [b"Xanthippe".as_slice(), b"Alcibiades"] {
                assert!(!bytes.windows(words.len()).any(|window| window == words), "the disk remembers");
            }
        }
    }

    #[test]
    fn a_store_of_the_build_before_tells_changes_from_now_on() {
        let dir = Dir::new("edits");
        let store_before = store(&dir);
        store_before.db.execute_batch("DROP TABLE edits; PRAGMA user_version = 2;").unwrap();
        drop(store_before);
        let mut store = Customers::open(&dir.0).unwrap();
        let name = named(&mut store, "a", "Anna").unwrap();
        assert_eq!(told(&store, name), Some((json!({"name": "Ana"}), json!({"name": "Anna"}))));
    }

    #[test]
    fn changes_go_by_age_by_number_and_with_what_is_kept_for_a_time_alone() {
        let dir = Dir::new("edits");
        let mut store = store(&dir);
        let (name, note) = (named(&mut store, "a", "Anna").unwrap(), noted(&mut store, "a", "calls back"));
        let tomorrow = Wall(wall().0 + 86_400_000_000);
        let retention = |notes_days| Retention { notes_days: Some(notes_days), ..Retention::default() };
        store.retain(&retention(2), tomorrow, false).unwrap();
        assert!(told(&store, note).is_some(), "not old enough");
        store.retain(&retention(1), Wall(tomorrow.0 + 60_000_000), true).unwrap();
        assert!(told(&store, note).is_some(), "a dry run");
        store.retain(&retention(1), Wall(tomorrow.0 + 60_000_000), false).unwrap();
        assert_eq!((told(&store, note).is_some(), told(&store, name).is_some()), (false, true));
        store.forget_edits(tomorrow).unwrap();
        assert_eq!(told(&store, name), None);
        // As if so many had been made since.
        let kept = named(&mut store, "a", "Ana Roca").unwrap();
        store.db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'edits'", [kept + EDITS_MAX - 2]).unwrap();
        named(&mut store, "a", "Ana R").unwrap();
        assert!(told(&store, kept).is_some());
        named(&mut store, "a", "Ana Ro").unwrap();
        assert_eq!(told(&store, kept), None);
    }
}
