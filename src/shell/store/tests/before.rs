//! Tables of every version before the present one. Records of the version before are carried forward, as the ledger is; of those before it,
//! which the log tells again, nothing is read: they stay beside.

use rusqlite::Connection;
use turno_base::{Currency, Money};
use turno_tariff::Payer;
use turno_tariff::again::{LegPayer, Posting};

use super::*;
use crate::shell::store::customers::Erased;
use crate::shell::store::ledger::{Entry, Ledger, Postings};
use crate::shell::store::pseudonym::pseudonymise;

#[test]
fn records_of_each_version_before_the_last_are_made_again_from_the_log() {
    for before in 1..tables::VERSION - 1 {
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

/// The log forgets after days; what is billed is kept for years. The records of the golden log of format 7 as the tables of then had
/// them, and no log from which they could be made again.
#[test]
fn records_of_the_version_before_are_carried_forward_though_the_log_has_forgotten_them() {
    let dir = Dir::new("before-forward");
    let log = dir.0.join("log");
    std::fs::create_dir_all(&log).unwrap();
    let golden = format!("{}/tests/golden/record-log-7/00000001.log", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(golden).unwrap();
    std::fs::write(log::path(&log, 1), &bytes).unwrap();
    let (store, ..) = open(&dir, Options::default());
    store.close(LONG);
    let written = all(&dir);
    assert_eq!(written[..], [0, 1, 2].map(untagged));

    let path = dir.0.join("records.sqlite");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("ALTER TABLE legs DROP COLUMN local_tag; ALTER TABLE legs DROP COLUMN remote_tag").unwrap();
    log::scan(&bytes, log::HEADER_BYTES as usize, |body, _| {
        let Ok((frame::EntryHead::Row(_, row), record)) = postcard::take_from_bytes::<frame::EntryHead>(body) else {
            return;
        };
        if row.kind == frame::KindHead::Close {
            let sql = "UPDATE calls SET version = 5, record = ? WHERE call = ?";
            assert_eq!(db.execute(sql, rusqlite::params![record, row.call.to_string()]).unwrap(), 1);
        }
    });
    db.pragma_update(None, "user_version", 5).unwrap();
    drop(db);
    std::fs::remove_dir_all(&log).unwrap();

    let (store, ..) = open(&dir, Options::default());
    // The same once more, as a replay after a crash has it, and a new one.
    append(&store, 3..4, 1);
    store.close(LONG);
    assert_eq!(all(&dir), [written, vec![record(3)]].concat());
    let tags = |call: u64| {
        let db = Connection::open(&path).unwrap();
        let sql = "SELECT local_tag || '/' || remote_tag FROM legs WHERE call = ?";
        db.query_row(sql, [self::call(call).to_string()], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!((tags(0), tags(3)), ("/".to_owned(), "ours-3/theirs-3".to_owned()));
    let kept = || {
        let db = Connection::open(dir.0.join("records.v5.sqlite")).unwrap();
        db.query_row("SELECT count(*) FROM calls", [], |row| row.get::<_, u32>(0)).unwrap()
    };
    assert_eq!(kept(), 3);
    // Who is forgotten is so in records of either version, and those can still be read.
    let erased = Erased { ids: Vec::new(), numbers: vec!["+34612345678".parse().unwrap()] };
    assert_eq!(pseudonymise(&dir.0, &erased, "erased-x").unwrap(), 4);
    assert!(all(&dir).iter().all(|record| record.ani.raw == "+34612000000" && record.legs[0].sip_call_id.is_empty()));
    assert_eq!(kept(), 0, "nor in the copy of the tables as they were");
}

/// What was posted is money, and lies nowhere else.
#[test]
fn a_ledger_of_each_version_before_keeps_its_amounts_and_learns_where_its_calls_are_counted() {
    let dir = Dir::new("ledger-before");
    let (store, ..) = open(&dir, Options::default());
    append(&store, 0..7, 1);
    store.close(LONG);
    let records = all(&dir);
    let euro = |units| Money { units, scale: 4, currency: Currency::EUR };
    let mut postings = Postings::open(&dir.0).unwrap();
    let part = postings.part().unwrap();
    for (record, n) in records.iter().zip(1..) {
        for (leg, revision) in record.legs.iter().zip(0..) {
            let of = LegPayer { call: record.call, leg: leg.leg, payer: Payer::company() };
            let version = (n % 2 == 0).then_some((record.arrived, 3));
            let stay = record.stays.last();
            let entry = Entry {
                posting: Posting { of, revision, difference: euro(-n), net: euro(n * 100), version },
                posted: Wall(n),
                arrived: record.arrived,
                counted: stay.map_or(record.arrived, |stay| stay.entered),
                was_unrated: false,
                queue: stay.map(|stay| stay.queue),
                segment: record.segment,
                number_type: record.dnis_type.map(|kind| kind.as_str().parse().unwrap()),
            };
            part.post(&[entry]).unwrap();
        }
    }
    part.keep().unwrap();
    drop(postings);
    let ledger = Ledger::read(&dir.0).unwrap().unwrap();
    let entries = |ledger: &Ledger| -> Vec<Entry> {
        records.iter().flat_map(|record| ledger.of_record(record).unwrap()).collect()
    };
    let written = entries(&ledger);
    assert!(written.len() >= 7 && written.iter().any(|entry| entry.queue.is_some()), "{written:?}");
    drop(ledger);

    // As the version before had it.
    let path = dir.0.join("ledger.sqlite");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "ALTER TABLE postings RENAME TO now;
         CREATE TABLE postings (
           call TEXT NOT NULL, leg INTEGER NOT NULL, payer TEXT NOT NULL, revision INTEGER NOT NULL, difference INTEGER NOT NULL,
           net INTEGER NOT NULL, scale INTEGER NOT NULL, currency TEXT NOT NULL, valid_from_us INTEGER, tariff_revision INTEGER,
           posted_us INTEGER NOT NULL, arrived_us INTEGER NOT NULL, counted_us INTEGER NOT NULL, was_unrated INTEGER NOT NULL, queue TEXT,
           segment TEXT, number_type TEXT, PRIMARY KEY (call, leg, payer, revision)) WITHOUT ROWID;
         CREATE INDEX postings_counted ON postings (counted_us);
         INSERT INTO postings SELECT call, leg, payer, revision, difference, net, scale, currency, valid_from_us, tariff_revision, posted_us,
           arrived_us, counted_us, was_unrated, queue, segment, number_type FROM now;
         DROP TABLE now; PRAGMA user_version = 2;",
    )
    .unwrap();
    drop(db);
    assert_eq!(entries(&Ledger::read(&dir.0).unwrap().expect("there is one")), written);
    assert!(dir.0.join("ledger.v2.sqlite").exists());

    // As the first had it; with a call that the records no longer have.
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "ALTER TABLE postings RENAME TO now;
         CREATE TABLE postings (
           call TEXT NOT NULL, leg TEXT NOT NULL, payer TEXT NOT NULL, revision INTEGER NOT NULL, difference INTEGER NOT NULL, net INTEGER NOT NULL,
           scale INTEGER NOT NULL, currency TEXT NOT NULL, valid_from_us INTEGER, tariff_revision INTEGER, posted_us INTEGER NOT NULL,
           PRIMARY KEY (call, leg, payer, revision)) WITHOUT ROWID;
         INSERT INTO postings SELECT call, CASE leg % 2 WHEN 0 THEN 'a' ELSE 'b' END || (leg / 2), payer, revision, difference, net, scale,
           currency, valid_from_us, tariff_revision, posted_us FROM now;
         INSERT INTO postings VALUES ('019d2b8c1a0000000000000000000001', 'b0', 'company', 0, 5, 5, 4, 'EUR', NULL, NULL, 9);
         DROP TABLE now; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(db);
    let ledger = Ledger::read(&dir.0).unwrap().expect("there is one");
    assert_eq!(entries(&ledger), written);
    let arrived = Wall(0x019d_2b8c_1a00 * 1000);
    let mut alone = Vec::new();
    ledger.each_arrived(&(arrived..Wall(arrived.0 + 1)), |entry| alone.push(entry)).unwrap();
    assert_eq!((alone.len(), alone[0].posting.net, alone[0].counted, alone[0].queue), (1, euro(5), arrived, None));
    assert!(dir.0.join("ledger.v1.sqlite").exists());
}
