//! A store in a folder of its own: what comes back is what went in, and what is taken back is as before.

use turno_base::{E164, Name, Wall};
use turno_customers::customer::Case;
use turno_customers::import::{Importer, Mapping, csv_rows};
use turno_customers::value::{Rule, When};

use super::*;
use crate::shell::store::tests::Dir;

pub(super) fn rows(csv: &str) -> Vec<Incoming> {
    let (mut importer, mut rows) = (None, Vec::new());
    csv_rows(csv, b',', |line, cells| {
        match importer.as_mut() {
            None => importer = Some(Importer::new(Mapping::of_country("34"), cells).unwrap()),
            Some(importer) => rows.extend(importer.on_row(line, cells, Wall(0)).unwrap()),
        }
        true
    })
    .unwrap();
    rows
}

fn counts(added: u64, changed: u64, same: u64) -> Imported {
    Imported { added, changed, same, merged: 0 }
}

const FIRST: &str = "id,name,numbers,segment,value\na,Ana,612345678;912345678,gold,4\nb,Luis,612345679,,\n";

#[test]
fn an_import_is_idempotent_and_a_dry_run_changes_nothing() {
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    let none = Portfolio::default();
    assert_eq!(store.import("x", Wall(1), rows(FIRST), true).unwrap(), counts(2, 0, 0));
    assert!(store.load(&none).unwrap().0.is_empty());
    assert_eq!(store.import("x", Wall(1), rows(FIRST), false).unwrap(), counts(2, 0, 0));
    assert_eq!(store.import("x", Wall(2), rows(FIRST), false).unwrap(), counts(0, 0, 2));
    assert_eq!(store.load(&none).unwrap(), (Portfolio::parse_csv(FIRST.as_bytes(), "34").0, 0));

    let second = rows("id,name,numbers,segment,value\na,Ana María,612345678;612345679,gold,4\nc,Pia,,,\n");
    assert_eq!(store.import("y", Wall(3), second, false).unwrap(), counts(1, 1, 0));
    let (loaded, _) = Customers::open_existing(&dir.0).unwrap().load(&none).unwrap();
    let owner = |number| loaded.by_number(E164::new(number).unwrap()).map(|known| known.id);
    assert_eq!((owner("+34612345678"), owner("+34912345678"), loaded.len()), (Some("a"), None, 3));
    let past = store.imports().unwrap();
    assert_eq!(
        past.iter().map(|past| (past.file.as_str(), past.counts.added)).collect::<Vec<_>>(),
        [("y", 1), ("x", 2)]
    );
}

#[test]
fn an_import_is_taken_back_but_not_over_what_came_after() {
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    store.import("x", Wall(1), rows(FIRST), false).unwrap();
    store.import("y", Wall(2), rows("id,name\na,Ana María\nc,Pia\nd,Leo\n"), false).unwrap();
    store.import("z", Wall(3), rows("id,name\nd,Leonor\n"), false).unwrap();
    let undone = store.undo(Some(2), Wall(4)).unwrap().unwrap();
    assert_eq!((undone.restored, undone.kept), (2, vec!["d".to_owned()]));
    assert_eq!(store.get("a").unwrap().unwrap().name, "Ana");
    assert_eq!(store.get("c").unwrap(), None);
    assert_eq!(store.get("d").unwrap().unwrap().name, "Leonor");
    assert_eq!(store.undo(Some(2), Wall(5)).unwrap(), None, "once");
    // Without a number the newest that still counts.
    assert_eq!(store.undo(None, Wall(6)).unwrap().unwrap().import, 3);
    assert_eq!(store.undo(None, Wall(7)).unwrap().unwrap().import, 1);
    assert_eq!(store.get("a").unwrap(), None);
    assert_eq!(store.undo(None, Wall(8)).unwrap(), None);
}

#[test]
fn an_import_that_ends_halfway_counts_for_nothing() {
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    let mut import = store.begin_import("x", Wall(1)).unwrap();
    rows(FIRST).into_iter().for_each(|row| import.row(row).unwrap());
    drop(import);
    assert_eq!((store.count().unwrap(), store.imports().unwrap()), (0, Vec::new()));
}

#[test]
fn the_stores_customers_stand_before_those_of_the_file() {
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    store.import("x", Wall(1), rows("id,name\nb,Store\nd,Store\n"), false).unwrap();
    let file = Portfolio::parse_csv(b"id,name\na,File\nb,File\nc,File\ne,File\n", "34").0;
    let (all, left_out) = store.load(&file).unwrap();
    let named: Vec<String> = all.iter().map(|one| format!("{} {}", one.id, one.name)).collect();
    assert_eq!((named.join(", ").as_str(), left_out), ("a File, b Store, c File, d Store, e File", 0));
}

#[test]
fn tables_of_a_later_version_are_refused_not_changed() {
    let dir = Dir::new("customers");
    drop(Customers::open(&dir.0).unwrap());
    let db = Connection::open(Customers::file(&dir.0)).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert!(matches!(Customers::open(&dir.0), Err(StoreError::DatabaseVersion { found: 99, .. })));
    assert!(matches!(Customers::open_existing(&dir.0.join("none")), Err(StoreError::Missing(_))));
}

#[test]
fn merged_customers_answer_to_both_ids_and_part_again() {
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    store.import("x", Wall(1), rows(FIRST), false).unwrap();
    let before = (store.get("a").unwrap().unwrap(), store.get("b").unwrap().unwrap());
    store.merge("a", "b", "clerk", Wall(2)).unwrap();
    assert_eq!(store.get("b").unwrap().unwrap().id, "a");
    assert_eq!(store.get("b").unwrap().unwrap().lines.len(), 3);
    // The file that they came from does not part them.
    let again = store.import("x", Wall(3), rows("id,name\nb,Luis\n"), false).unwrap();
    assert_eq!((again.merged, again.added, store.count().unwrap()), (1, 0, 1));
    let undone = store.undo(Some(1), Wall(4)).unwrap().unwrap();
    assert_eq!((undone.restored, undone.kept.len()), (0, 2), "nor is their import taken back over it");
    assert_eq!(store.unmerge("a", Wall(5)).unwrap(), before);
    assert_eq!((store.get("a").unwrap().unwrap(), store.get("b").unwrap().unwrap()), before);
    for (kept, gone, sentence) in
        [("a", "z", "there is no customer \"z\""), ("a", "a", "they are the same customer already")]
    {
        assert_eq!(store.merge(kept, gone, "clerk", Wall(6)).unwrap_err().to_string(), sentence);
    }
    assert_eq!(store.unmerge("a", Wall(7)).unwrap_err().to_string(), "nothing was merged into \"a\"");
    store.set_different("b", "a").unwrap();
    assert_eq!(store.different().unwrap(), [("a".to_owned(), "b".to_owned())].into());
}

#[test]
fn calls_teach_and_tasks_come_of_it() {
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    store.import("x", Wall(1), rows(FIRST), false).unwrap();
    let version = store.version().unwrap();
    let number = E164::new("+34612345678").unwrap();
    let lesson = |shown, at: i64| Lesson { customer: "a".into(), number, shown, at: Wall(at), contact: None };
    use turno_customers::hygiene::Shown::{NoAnswer, NoSuchNumber, Reached};
    assert_eq!(store.learn(&[lesson(NoAnswer, 2), lesson(NoAnswer, 3)]).unwrap(), 0);
    assert_eq!(store.version().unwrap(), version, "nothing that a look-up finds has changed");
    assert_eq!(store.learn(&[lesson(NoSuchNumber, 4), lesson(NoSuchNumber, 5)]).unwrap(), 1);
    assert!(store.version().unwrap() > version);
    let tasks = store.tasks().unwrap();
    assert_eq!((tasks.len(), tasks[0].kind.as_str(), tasks[0].number.as_str()), (1, "wrong_number", "+34612345678"));
    store.learn(&[lesson(Reached, 6)]).unwrap();
    assert_eq!(store.tasks().unwrap(), [], "the customer answered on it after all");
    store.learn(&[lesson(NoSuchNumber, 7)]).unwrap();
    let task = store.tasks().unwrap()[0].task;
    assert_eq!((store.finish_task(task, Wall(8)).unwrap(), store.finish_task(task, Wall(9)).unwrap()), (true, false));
    assert_eq!(store.learn(&[Lesson { customer: "nobody".into(), ..lesson(NoSuchNumber, 10) }]).unwrap(), 0);
}

#[test]
fn nothing_is_left_of_who_is_forgotten() {
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    let file = "id,name,numbers\na,Xanthippe Ruiz,612345678;912345678\nb,Luis,912345678\nc,Xanthippe Roca,688000000\n";
    store.import("x", Wall(1), rows(file), false).unwrap();
    store.import("y", Wall(2), rows("id,name\na,Xanthippe R\n"), false).unwrap();
    store.merge("a", "c", "clerk", Wall(3)).unwrap();
    let erased = store.erase("c").unwrap().unwrap();
    assert_eq!(erased.ids, ["c", "a"]);
    let numbers: Vec<String> = erased.numbers.iter().map(ToString::to_string).collect();
    assert_eq!(numbers, ["+34612345678", "+34688000000"], "the shared one is still another's");
    assert_eq!((store.get("a").unwrap(), store.get("c").unwrap(), store.count().unwrap()), (None, None, 1));
    assert_eq!(store.erase("a").unwrap(), None);
    drop(store);
    for entry in std::fs::read_dir(&dir.0).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"Xanthippe"), "the disk remembers");
    }
}

#[test]
fn what_is_too_old_is_taken_out_of_everybody() {
    use turno_customers::customer::Note;
    use turno_customers::personal::Retention;
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    for (id, day) in [("a", 1), ("b", 90)] {
        let mut one = Customer { id: id.into(), ..Customer::default() };
        one.add_note(Note { at: Wall(day * 86_400_000_000), by: "x".into(), text: "y".into() });
        store.put(&one).unwrap();
    }
    let retention = Retention { notes_days: Some(30), ..Retention::default() };
    let now = Wall(100 * 86_400_000_000);
    assert_eq!(store.retain(&retention, now, true).unwrap(), 1);
    assert_eq!(store.get("a").unwrap().unwrap().notes.len(), 1, "a dry run");
    assert_eq!(store.retain(&retention, now, false).unwrap(), 1);
    assert_eq!((store.get("a").unwrap().unwrap().notes.len(), store.get("b").unwrap().unwrap().notes.len()), (0, 1));
}

#[test]
fn what_is_too_old_is_taken_out_of_what_takes_imports_and_merges_back_too() {
    use turno_customers::customer::Note;
    use turno_customers::personal::Retention;
    let dir = Dir::new("customers");
    let mut store = Customers::open(&dir.0).unwrap();
    store.import("first", Wall(1), rows("id,name\na,Ana\nb,Ana B\n"), false).unwrap();
    let note = |day: i64, text: &str| Note { at: Wall(day * 86_400_000_000), by: "x".into(), text: text.into() };
    for id in ["a", "b"] {
        store.enter(id, |of| of.enter_note(note(1, "stale"))).unwrap();
        store.enter(id, |of| of.enter_note(note(95, "fresh"))).unwrap();
    }
    store.import("second", Wall(2), rows("id,name\na,Ana C\n"), false).unwrap();
    store.merge("a", "b", "x", Wall(3)).unwrap();
    let retention = Retention { notes_days: Some(30), ..Retention::default() };
    let now = Wall(100 * 86_400_000_000);
    assert_eq!(store.retain(&retention, now, true).unwrap(), 2, "a and what was b");
    assert_eq!(store.retain(&retention, now, false).unwrap(), 2);
    assert_eq!(store.retain(&retention, now, false).unwrap(), 0, "nothing of it is left");
    let (one, other) = store.unmerge("a", Wall(4)).unwrap();
    for (of, notes) in [(&one, &one.notes), (&other, &other.notes)] {
        assert_eq!(notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["fresh"], "{}", of.id);
    }
}

#[test]
fn values_are_renewed_by_what_the_records_tell() {
    let dir = Dir::new("worth");
    let mut store = Customers::open(&dir.0).unwrap();
    store.import("x", Wall(1), rows("id,name\na,Ana\nb,Luis\nc,Pia\n"), false).unwrap();
    assert_eq!(store.renew(&dir.0, &[], Wall(2), false).unwrap(), 0, "no record tells anything");
    let db = Connection::open(dir.0.join("records.sqlite")).unwrap();
    let tables = "CREATE TABLE calls (call TEXT, customer TEXT, arrived_us INTEGER, disposition TEXT);
                  CREATE TABLE charges (call TEXT, payer TEXT, net INTEGER, scale INTEGER);
                  INSERT INTO calls VALUES ('1', 'a', 10, NULL), ('2', 'a', 90, 'sale'), ('3', 'b', 20, 'sale'),
                                           ('4', NULL, 30, NULL), ('5', 'b', 40, 'no-interest');
                  INSERT INTO charges VALUES ('1', 'caller', 5000, 4), ('2', 'caller', 70, 2), ('3', 'caller', 1, 4), ('3', 'company', 999, 0);";
    db.execute_batch(tables).unwrap();
    assert_eq!(store.renew(&dir.0, &[], Wall(3), true).unwrap(), 2, "a dry run");
    assert_eq!(store.renew(&dir.0, &[], Wall(3), false).unwrap(), 2);
    let value = |id: &str| store.get(id).unwrap().unwrap().value.map(|value| value.pm);
    let (a, b) = (value("a"), value("b"));
    assert!(a > b && b.is_some() && value("c").is_none(), "{a:?} {b:?}");
    assert_eq!(store.renew(&dir.0, &[], Wall(4), false).unwrap(), 0, "as they were");
    let rule = |when| Rule { name: Name::new("rule").unwrap(), when, value_pm: Some(9000), segment: None };
    let rules = [rule(When { said: Name::new("sale").ok(), ..When::default() })];
    assert_eq!(store.renew(&dir.0, &rules, Wall(5), false).unwrap(), 1, "b's last call came to another end");
    let value = |store: &Customers, id: &str| store.get(id).unwrap().unwrap().value.map(|value| value.pm);
    assert_eq!(value(&store, "a"), Some(9000));
    let rules = [rule(When { cases: 1, ..When::default() })];
    let case = |reference: &str| Case { reference: reference.into(), title: "no dial tone".into(), opened: Wall(6) };
    store.open_case("c", case("T-1")).unwrap();
    assert!(matches!(store.open_case("c", case("T-1")), Err(CaseError::IsOpen(_))));
    assert!(matches!(store.open_case("x", case("T-1")), Err(CaseError::NoCustomer(_))));
    assert!(store.renew_one(&dir.0, "c", &rules, Wall(7)).unwrap());
    assert_eq!(value(&store, "c"), Some(9000), "he waits for something, though he never called");
    let stamp = store.version().unwrap();
    assert!(!store.renew_one(&dir.0, "c", &rules, Wall(8)).unwrap(), "as he was");
    assert_eq!(store.version().unwrap(), stamp);
    assert!(matches!(store.close_case("c", "T-2"), Err(CaseError::NotOpen(_))));
    store.close_case("c", "T-1").unwrap();
    store.open_case("b", case("T-3")).unwrap();
    assert!(store.renew_one(&dir.0, "b", &rules, Wall(9)).unwrap());
    store.close_case("b", "T-3").unwrap();
    assert!(store.renew_one(&dir.0, "b", &rules, Wall(10)).unwrap());
    assert_eq!(value(&store, "b"), b, "by the scores again");
}

#[test]
fn of_two_who_open_or_close_the_same_case_at_once_one_is_told_so_and_of_two_cases_none_is_lost() {
    let dir = Dir::new("cases");
    Customers::open(&dir.0).unwrap().import("x", Wall(1), rows(FIRST), false).unwrap();
    // How many of two processes succeed.
    let both = |act: fn(&mut Customers, usize) -> Result<(), CaseError>| {
        let at_once = std::sync::Barrier::new(2);
        let act = |n: usize| {
            let mut store = Customers::open(&dir.0).unwrap();
            at_once.wait();
            act(&mut store, n).is_ok()
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(|| act(1));
            usize::from(act(0)) + usize::from(other.join().unwrap())
        })
    };
    let cases = || Customers::open(&dir.0).unwrap().get("a").unwrap().unwrap().cases.len();
    fn opened(reference: &str) -> Case {
        Case { reference: reference.into(), title: "no dial tone".into(), opened: Wall(6) }
    }
    for _ in 0..20 {
        assert_eq!((both(|store, _| store.open_case("a", opened("T-1"))), cases()), (1, 1));
        assert_eq!((both(|store, _| store.close_case("a", "T-1")), cases()), (1, 0));
        assert_eq!((both(|store, n| store.open_case("a", opened(["T-1", "T-2"][n]))), cases()), (2, 2));
        assert_eq!((both(|store, n| store.close_case("a", ["T-1", "T-2"][n])), cases()), (2, 0));
    }
}
