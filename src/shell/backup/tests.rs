//! Backups of a node that does not run, and what restoring refuses. Under calls: `tests/it/backup.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::*;
use crate::shell::entropy;
use crate::shell::live::decks;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let dir = std::env::temp_dir().join(format!("turno-backup-{:x}", entropy::draw()));
        fs::create_dir_all(&dir).unwrap();
        Folder(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A node's folder that looks like one that has run.
fn node() -> Folder {
    let folder = Folder::new();
    let config = "[node]\ndata_dir = \"data\"\n[[sip.listeners]]\ntransport = \"udp\"\naddress = \"127.0.0.1:0\"\n\
                  [customers]\ncountry = \"34\"\nfile = \"people/customers.csv\"\nsegment_default = \"standard\"\n[segments.standard]\nvalue = 1\n";
    put(&folder.path("etc/turno.toml"), config);
    put(&folder.path("etc/people/customers.csv"), "id,name,numbers\na,Ana,612045118\n");
    put(&folder.path("etc/data/identity"), &"x".repeat(40));
    put(&folder.path("etc/data/lock"), "");
    put(&folder.path("etc/data/records/log/00000001.log"), "a log");
    put(&folder.path("etc/data/journal/000000000001.journal"), "a journal");
    put(&folder.path("etc/data/voicemail/m.wav"), "a message");
    let db = Connection::open(folder.path("etc/data/records/records.sqlite")).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA user_version = 3; CREATE TABLE t (n); INSERT INTO t VALUES (7);",
    )
    .unwrap();
    // As after a kill: nobody has folded the write-ahead log in.
    std::mem::forget(db);
    folder
}

/// The nightly copy of a folder that nobody uses would be missed on the day it is needed.
#[test]
fn where_no_node_has_run_there_is_nothing_to_copy() {
    let node = node();
    fs::rename(node.path("etc/data"), node.path("etc/elsewhere")).unwrap();
    let refused = backup(&node.path("etc/turno.toml"), &node.path("copy"), || Ok(None));
    assert!(matches!(&refused, Err(Failure::NeverRan(dir)) if *dir == node.path("etc/data")), "{refused:?}");
    assert!(!node.path("copy").exists() && !node.path("etc/data").exists());
}

#[test]
fn what_is_kept_is_copied_and_put_back_as_it_was() {
    let (node, elsewhere) = (node(), Folder::new());
    let to = node.path("backup");
    let made = backup(&node.path("etc/turno.toml"), &to, || Ok(None)).unwrap();
    assert_eq!((made.files, made.still_us), (7, None));
    let names = fs::read_to_string(to.join(MANIFEST)).unwrap();
    assert!(!names.contains("lock") && !names.contains("-wal"), "{names}");
    let restored = restore(&to, &elsewhere.path("etc"), false).unwrap();
    assert_eq!((restored.files, restored.other_version), (7, None));
    for name in [
        "turno.toml",
        "people/customers.csv",
        "data/identity",
        "data/records/log/00000001.log",
        "data/journal/000000000001.journal",
        "data/voicemail/m.wav",
    ] {
        let (old, new) = (node.path("etc").join(name), elsewhere.path("etc").join(name));
        assert_eq!(fs::read(old).unwrap(), fs::read(new).unwrap(), "{name}");
    }
    // What lay in the write-ahead log alone is there as well.
    let db = Connection::open(elsewhere.path("etc/data/records/records.sqlite")).unwrap();
    let (n, version): (u32, u32) = db
        .query_row("SELECT n, (SELECT user_version FROM pragma_user_version) FROM t", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((n, version), (7, 3));
}

#[test]
fn nothing_is_written_over_unasked_and_what_is_damaged_is_not_restored() {
    let (node, elsewhere) = (node(), Folder::new());
    let (config, to) = (node.path("etc/turno.toml"), node.path("backup"));
    backup(&config, &to, || Ok(None)).unwrap();
    assert!(matches!(backup(&config, &to, || Ok(None)), Err(Failure::NotEmpty(_))));
    assert!(matches!(backup(&config, &node.path("etc/data/x"), || Ok(None)), Err(Failure::Inside(_))));
    let etc = elsewhere.path("etc");
    restore(&to, &etc, false).unwrap();
    assert!(matches!(restore(&to, &etc, false), Err(Failure::NotEmpty(_))));
    fs::remove_file(etc.join("turno.toml")).unwrap();
    assert!(matches!(restore(&to, &etc, false), Err(Failure::NotEmpty(dir)) if dir.ends_with("data")));
    // Segments of a later life would be taken for the backup's continuation.
    put(&etc.join("data/journal/000000000002.journal"), "later");
    restore(&to, &etc, true).unwrap();
    assert!(!etc.join("data/journal/000000000002.journal").exists());
    fs::write(to.join("data/identity"), "y".repeat(40)).unwrap();
    let again = elsewhere.path("again");
    assert!(matches!(restore(&to, &again, false), Err(Failure::Damaged(path)) if path.ends_with("data/identity")));
    assert!(!again.exists(), "nothing was written");
    assert!(matches!(restore(&elsewhere.0, &again, false), Err(Failure::NoBackup(_))));
}

#[test]
fn a_name_in_a_manifest_leads_nowhere_else() {
    let (node, elsewhere) = (node(), Folder::new());
    let to = node.path("backup");
    backup(&node.path("etc/turno.toml"), &to, || Ok(None)).unwrap();
    let text = fs::read_to_string(to.join(MANIFEST)).unwrap();
    fs::write(to.join(MANIFEST), text.replace("data/identity", "data/../data/identity")).unwrap();
    assert!(matches!(restore(&to, &elsewhere.path("etc"), false), Err(Failure::Damaged(_))));
}

#[test]
fn a_deck_that_the_store_holds_prices_in_the_restored_house_what_it_priced_before() {
    let (node, elsewhere) = (node(), Folder::new());
    let book = "valid_from,payer,b,rate,per_minute\n2026-01-01,company,34,any,0.10\n";
    let id = decks::id_of(book);
    decks::keep(&node.path("etc/data"), &id, book).unwrap();
    let config = node.path("etc/turno.toml");
    let text = fs::read_to_string(&config).unwrap();
    put(&config, &format!("{text}[decks.main]\ntexts = [\"{id}\"]\n[tariff]\nfile = \"deck:main\"\n"));
    let deck = |config: &Path| {
        let checked = crate::shell::live::load(config, None);
        checked.settings.unwrap_or_else(|| panic!("{:?}", checked.problems)).engine.deck
    };
    let before = deck(&config);
    assert_eq!(before.size(), (1, 1));
    let to = node.path("backup");
    backup(&config, &to, || Ok(None)).unwrap();
    let restored = restore(&to, &elsewhere.path("etc"), false).unwrap();
    assert_eq!(deck(&restored.config), before);
    // The text alone makes the difference: without it the configuration does not fit.
    fs::remove_file(elsewhere.path("etc/data").join(decks::FOLDER).join(&id)).unwrap();
    let checked = crate::shell::live::load(&restored.config, None);
    assert!(checked.settings.is_none(), "the deck came from the backup's folder and no other");
    // A text that was damaged in the backup is not put back.
    fs::write(to.join("data").join(decks::FOLDER).join(&id), book.replace("0.10", "0.01")).unwrap();
    assert!(
        matches!(restore(&to, &elsewhere.path("again"), false), Err(Failure::Damaged(path)) if path.ends_with(&id))
    );
}
