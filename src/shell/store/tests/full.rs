//! Disks that are full, databases that are locked or take not everything.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn rows_wait_in_memory_while_the_disk_is_full_and_none_is_lost() {
    let dir = Dir::new("full");
    let hour = Duration::from_secs(3600);
    let (store, _, stored) = open(&dir, Options { segment_bytes: 1, beat_every: hour, ..Options::default() });
    let next = append(&store, 0..1, 1);
    assert!(store.flush(LONG), "segments are ordinary files");
    // The next one lies on a full disk.
    let blocked = log::path(&dir.0.join("log"), store.shared.durable().segment + 1);
    symlink("/dev/full", &blocked).unwrap();
    let after = append(&store, 1..50, next);
    assert!(!store.flush(Duration::from_millis(300)), "nothing more becomes durable");
    let health = store.health();
    assert!(health.full && health.failing && health.spooled > 0, "{health:?}");
    assert_eq!((health.refused, health.stored), (0, next - 1));
    std::fs::remove_file(&blocked).unwrap();
    assert!(store.flush(LONG));
    let health = store.health();
    assert_eq!((health.failing, health.spooled, health.stored), (false, 0, after - 1));
    assert_eq!(stored.try_iter().last(), Some(after - 1));
    store.close(LONG);
    let calls = |records: &[Record]| records.iter().map(|record| record.call).collect::<Vec<_>>();
    let want: Vec<Record> = (0..50).map(record).collect();
    assert_eq!(calls(&all(&dir)), calls(&want));
    assert_eq!(all(&dir), want);
}

#[test]
fn at_every_bound_the_row_is_given_back() {
    let dir = Dir::new("bound");
    std::fs::create_dir_all(dir.0.join("log")).unwrap();
    let hour = Duration::from_secs(3600);
    let tiny = Options { segment_bytes: 1, spool_bytes_max: 1, beat_every: hour, ..Options::default() };
    let (store, ..) = open(&dir, tiny);
    append(&store, 0..1, 1);
    assert!(store.flush(LONG));
    let blocked = log::path(&dir.0.join("log"), store.shared.durable().segment + 1);
    symlink("/dev/full", &blocked).unwrap();
    let row = rows(1).remove(0);
    let mut seq = 100;
    let given_back = loop {
        match store.append(seq, row.clone()) {
            Ok(()) => seq += 1,
            Err(Full(row)) => break row,
        }
        assert!(seq < 200_000, "the bound is reached");
    };
    assert_eq!(*given_back, row);
    let health = store.health();
    assert!(health.full && health.refused == 1, "{health:?}");
    std::fs::remove_file(&blocked).unwrap();
    assert!(store.flush(LONG));
    assert_eq!(store.health().stored, seq - 1);
}

#[test]
fn a_disk_that_fills_up_raises_an_alarm_and_below_the_reserve_no_new_call_comes_in() {
    let state = |options| {
        let dir = Dir::new("space");
        let (store, ..) = open(&dir, options);
        assert!(store.flush(LONG), "by then the writer has looked");
        (store.health().disk_alarm, store.health().full)
    };
    let roomy = Options { disk_alarm_pct: 101, reserve_bytes: 0, ..Options::default() };
    assert_eq!(state(roomy), (false, false));
    assert_eq!(state(Options { disk_alarm_pct: 0, ..roomy }), (true, false));
    assert_eq!(state(Options { reserve_bytes: u64::MAX, ..roomy }), (false, true));
}

#[test]
fn a_locked_database_delays_no_row_and_gets_all_of_them_later() {
    let dir = Dir::new("locked");
    let (store, _, stored) = open(&dir, Options::default());
    let other = rusqlite::Connection::open(dir.0.join("records.sqlite")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let next = append(&store, 0..30, 1);
    let mut last = 0;
    while last < next - 1 {
        last = stored.recv_timeout(LONG).expect("rows become durable although the database is locked");
    }
    assert!(!store.flush(Duration::from_millis(400)));
    assert!(store.health().database_failing);
    assert!(!store.health().full);
    other.execute_batch("COMMIT").unwrap();
    assert!(store.flush(LONG));
    assert!(!store.health().database_failing);
    assert_eq!(all(&dir).len(), 30);
}

#[test]
fn a_record_that_the_tables_refuse_is_set_aside_and_blocks_nothing() {
    let dir = Dir::new("refused");
    let (store, ..) = open(&dir, Options::default());
    let other = rusqlite::Connection::open(dir.0.join("records.sqlite")).unwrap();
    let bad = call(3);
    other
        .execute_batch(&format!(
            "CREATE TRIGGER no BEFORE INSERT ON calls WHEN new.call = '{bad}' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        ))
        .unwrap();
    let next = append(&store, 0..10, 1);
    let mut twisted = rows(4).pop().unwrap();
    if let Kind::Close(record) = &mut twisted.kind {
        record.outcome = Outcome::Failed;
    }
    store.append(next, twisted).unwrap();
    store.close(LONG);
    assert_eq!(all(&dir).len(), 9);
    let refused = Reader::open(&dir.0).unwrap().refused().unwrap();
    let reasons: Vec<(Option<String>, &str)> = refused.iter().map(|r| (r.call.clone(), r.reason.as_str())).collect();
    let (bad, twice) = (Some(bad.to_string()), Some(call(4).to_string()));
    assert_eq!(reasons, [(bad, "not this one"), (twice, "the call has another record already")]);
}
