//! Tables of every version before the present one: nothing of them is read, they stay beside, and the log tells all again.

use rusqlite::Connection;

use super::*;

#[test]
fn records_of_each_version_before_are_made_again_from_the_log() {
    for before in 1..tables::VERSION {
        let dir = Dir::new("before");
        let (store, ..) = open(&dir, Options::default());
        append(&store, 0..7, 1);
        store.close(LONG);
        let written = all(&dir);
        assert_eq!(written.len(), 7);
        let db = Connection::open(dir.0.join("records.sqlite")).unwrap();
        // As another build would have it: not what this one could read.
        db.execute_batch("DROP TABLE legs; DROP TABLE offers; UPDATE calls SET record = x'00'").unwrap();
        db.pragma_update(None, "user_version", before).unwrap();
        drop(db);
        let (store, ..) = open(&dir, Options::default());
        store.close(LONG);
        assert_eq!(all(&dir), written, "of version {before}");
        let aside = Connection::open(dir.0.join(format!("records.v{before}.sqlite"))).unwrap();
        assert_eq!(aside.query_row("SELECT count(*) FROM calls", [], |row| row.get::<_, u32>(0)).unwrap(), 7);
    }
    let dir = Dir::new("later");
    let (store, ..) = open(&dir, Options::default());
    append(&store, 0..2, 1);
    store.close(LONG);
    let db = Connection::open(dir.0.join("records.sqlite")).unwrap();
    db.pragma_update(None, "user_version", tables::VERSION + 1).unwrap();
    drop(db);
    let refused = Store::open(&dir.0, Options::default(), Vec::new(), |_| {}).err();
    assert!(
        matches!(refused, Some(StoreError::DatabaseVersion { found, .. }) if found == tables::VERSION + 1),
        "{refused:?}"
    );
}
