//! A store in a folder of its own: what comes back is what went in, and what is taken back is as before.

use turno_base::{E164, Wall};
use turno_customers::import::{Importer, Mapping, csv_rows};

use super::*;
use crate::shell::store::tests::Dir;

fn rows(csv: &str) -> Vec<Incoming> {
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
fn tables_of_another_version_are_refused_not_changed() {
    let dir = Dir::new("customers");
    drop(Customers::open(&dir.0).unwrap());
    let db = Connection::open(Customers::file(&dir.0)).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    drop(db);
    assert!(matches!(Customers::open(&dir.0), Err(StoreError::DatabaseVersion { found: 1, .. })));
    assert!(matches!(Customers::open_existing(&dir.0.join("none")), Err(StoreError::Missing(_))));
}
