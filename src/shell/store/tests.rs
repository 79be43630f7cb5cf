//! The record log and its tables: torn tails, kills, full disks, locked databases.

use std::path::PathBuf;
use std::sync::mpsc;

use turno_base::fact::{DialogId, Fact, Party, Segment, What};
use turno_base::number::normalise;
use turno_base::{AgentId, CallId, Cause, EndedBy, LegId, Now, Number, Outcome, QueueId, TrunkId, Wall};
use turno_tariff::Deck;
use turno_tariff::cdr::{Builder, Kind, Record};

use super::frame::{Entry, first};
use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A directory of this test's own, gone with it.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new(name: &str) -> Dir {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("turno-store-{}-{name}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn deck() -> Deck {
    Deck::parse_csv(include_str!("../../../config/tariff.csv")).unwrap()
}

fn number(raw: &str) -> Number {
    Number { raw: raw.to_owned(), e164: normalise(raw, "34"), withheld: false }
}

pub(crate) fn call(n: u64) -> CallId {
    CallId((u128::from(1_773_140_400_000 + n) << 80) | u128::from(n))
}

/// The `n`-th call: a freephone call of 10 s and n ms, in queue and then with an agent.
pub(crate) fn facts(n: u64) -> Vec<Fact> {
    let (call, leg) = (call(n), LegId::arrived(n));
    let (agent, queue) = (AgentId::new("anna").unwrap(), QueueId::new(["averias", "ventas"][n as usize % 2]).unwrap());
    let trunk = TrunkId::new("carrier").ok();
    let (a, b) = (number("612345678"), number("900123456"));
    let at = |ms: u64| {
        let start = Now { mono: turno_base::Mono::from_ms(n), wall: Wall::from_secs(1_773_140_400).plus_ms(n) };
        start.after(Duration::from_millis(ms))
    };
    let script = [
        (0, What::CallArrived { call, ani: a.clone(), dnis: b.clone(), trunk }),
        (0, What::LegBegan { call, leg, sip_call_id: format!("{n}@test"), a, b, party: Party::Caller(trunk) }),
        (0, What::LegDialog { call, leg, dialog: dialog(n) }),
        (5, What::LegAnswered { call, leg }),
        (5, What::QueueEntered { call, queue, position: 1 }),
        (5, What::SegmentBegan { call, leg, segment: Segment::Queue(queue) }),
        (4000, What::SegmentBegan { call, leg, segment: Segment::Talk(agent) }),
        (10_005 + n % 1000, What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Caller }),
        (10_005 + n % 1000, What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller }),
    ];
    script.into_iter().map(|(ms, what)| Fact { at: at(ms), what }).collect()
}

/// The names of its only dialog.
fn dialog(n: u64) -> DialogId {
    let [call_id, local_tag, remote_tag] = [format!("{n}@test"), format!("ours-{n}"), format!("theirs-{n}")];
    DialogId { call_id, local_tag, remote_tag }
}

/// Its record, as builds had it before legs had tags.
fn untagged(n: u64) -> Record {
    let mut record = record(n);
    for leg in &mut record.legs {
        (leg.local_tag, leg.remote_tag) = Default::default();
    }
    record
}

/// Its rows.
pub(crate) fn rows(n: u64) -> Vec<Row> {
    rows_of(&facts(n), &deck())
}

fn rows_of(facts: &[Fact], deck: &Deck) -> Vec<Row> {
    let (mut builder, mut out) = (Builder::default(), Vec::new());
    for fact in facts {
        // Each is a turn of its own.
        let mut turn = Vec::new();
        builder.on_fact(fact, deck, &mut turn);
        out.extend(turn);
    }
    out
}

trait PlusMs {
    fn plus_ms(self, ms: u64) -> Self;
}

impl PlusMs for Wall {
    fn plus_ms(self, ms: u64) -> Wall {
        self + Duration::from_millis(ms)
    }
}

fn open(dir: &Dir, options: Options) -> (Store, Recovered, mpsc::Receiver<u64>) {
    open_with(dir, options, Vec::new)
}

fn open_with(
    dir: &Dir,
    options: Options,
    consumers: impl Fn() -> Vec<(String, Box<dyn Consumer>)>,
) -> (Store, Recovered, mpsc::Receiver<u64>) {
    let until = Instant::now() + LONG;
    loop {
        let (told, stored) = mpsc::channel();
        let on_stored = move |seq| {
            let _ = told.send(seq);
        };
        match Store::open(&dir.0, options, consumers(), on_stored) {
            Ok((store, recovered)) => return (store, recovered, stored),
            // A process that another test begins holds our files for the blink before it becomes itself.
            Err(StoreError::InUse(_)) if Instant::now() < until => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn all(dir: &Dir) -> Vec<Record> {
    Reader::open(&dir.0).unwrap().list(&Filter::default(), Order::OldestFirst).unwrap()
}

/// Appends calls `from..to`, each row with the next number; returns the next number.
fn append(store: &Store, calls: std::ops::Range<u64>, mut seq: u64) -> u64 {
    for row in calls.flat_map(rows) {
        store.append(seq, row).unwrap();
        seq += 1;
    }
    seq
}

#[test]
fn what_was_stored_is_durable_and_in_the_tables_once() {
    let dir = Dir::new("once");
    let (store, recovered, stored) = open(&dir, Options::default());
    assert_eq!((recovered.rows, recovered.seq_last()), (0, None));
    let next = append(&store, 0..20, 1);
    assert!(store.flush(LONG));
    let told: Vec<u64> = stored.try_iter().collect();
    assert!(told.is_sorted());
    assert_eq!(told.last(), Some(&(next - 1)));
    store.close(LONG);
    assert_eq!(all(&dir).len(), 20);

    // A replay appends the last calls again; the tables have them already.
    let (store, recovered, _) = open(&dir, Options::default());
    assert_eq!((recovered.seq_last(), recovered.torn_bytes, recovered.damaged_bytes), (Some(next - 1), 0, 0));
    assert_eq!(recovered.recovery.open().count(), 0);
    append(&store, 15..25, next - 5);
    store.close(LONG);
    let records = all(&dir);
    assert_eq!(records.len(), 25);
    assert_eq!(Reader::open(&dir.0).unwrap().refused().unwrap(), []);
    let Some(Kind::Close(want)) = rows(7).pop().map(|row| row.kind) else { panic!("closed") };
    assert_eq!(records[7], *want);
}

#[test]
fn a_second_writer_is_refused() {
    let dir = Dir::new("lock");
    let (_store, ..) = open(&dir, Options::default());
    let second = Store::open(&dir.0, Options::default(), Vec::new(), |_| {});
    assert!(matches!(second, Err(StoreError::InUse(_))));
}

#[test]
fn a_filter_finds_the_records_it_names() {
    let dir = Dir::new("filter");
    let (store, ..) = open(&dir, Options::default());
    append(&store, 0..6, 1);
    store.close(LONG);
    let reader = Reader::open(&dir.0).unwrap();
    let count = |filter: Filter| reader.list(&filter, Order::NewestFirst).unwrap().len();
    let start = Wall::from_secs(1_773_140_400);
    assert_eq!(count(Filter::default()), 6);
    assert_eq!(count(Filter { queue: QueueId::new("averias").ok(), ..Filter::default() }), 3);
    assert_eq!(count(Filter { agent: AgentId::new("anna").ok(), ..Filter::default() }), 6);
    assert_eq!(count(Filter { agent: AgentId::new("boris").ok(), ..Filter::default() }), 0);
    assert_eq!(count(Filter { number: Some("+34612345678".into()), ..Filter::default() }), 6);
    assert_eq!(count(Filter { number: Some("' OR 1=1 --".into()), ..Filter::default() }), 0);
    assert_eq!(count(Filter { since: Some(start.plus_ms(4)), ..Filter::default() }), 2);
    assert_eq!(count(Filter { until: Some(start.plus_ms(4)), limit: Some(3), ..Filter::default() }), 3);
    let newest = reader.list(&Filter { limit: Some(1), ..Filter::default() }, Order::NewestFirst).unwrap();
    assert_eq!(newest[0].call, call(5));
    assert_eq!(reader.show(call(2)).unwrap().map(|record| record.call), Some(call(2)));
    assert_eq!(reader.show(call(99)).unwrap(), None);
    assert!(matches!(Reader::open(&dir.0.join("gone")), Err(StoreError::Missing(_))));
}

#[test]
fn segments_turn_and_those_that_nobody_needs_go() {
    let dir = Dir::new("segments");
    let small = Options { segment_bytes: 8_000, kept_for: Duration::ZERO, ..Options::default() };
    let (store, ..) = open(&dir, small);
    let held = rows(1000);
    store.append(1, held[0].clone()).unwrap();
    let mut next = 2;
    for calls in 0..12 {
        next = append(&store, calls * 5..calls * 5 + 5, next);
        assert!(store.flush(LONG));
    }
    let records = dir.0.join("log");
    let before = log::segments(&records).unwrap();
    assert_eq!(before[0], 1, "a call of the first segment is open");
    assert!(before.len() > 3, "{before:?}");
    for row in &held[1..] {
        store.append(next, row.clone()).unwrap();
        next += 1;
    }
    for calls in 12..24 {
        next = append(&store, calls * 5..calls * 5 + 5, next);
        assert!(store.flush(LONG));
    }
    let after = log::segments(&records).unwrap();
    assert!(after[0] > *before.last().unwrap(), "{before:?} {after:?}");
    store.close(LONG);
    let (store, recovered, _) = open(&dir, small);
    assert_eq!((recovered.seq_last(), recovered.recovery.open().count()), (Some(next - 1), 0));
    store.close(LONG);
    assert_eq!(all(&dir).len(), 121);
}

#[test]
fn a_crash_right_after_a_segment_turned_forgets_no_number() {
    let dir = Dir::new("turned");
    let (store, ..) = open(&dir, Options { segment_bytes: 1, ..Options::default() });
    let mut next = append(&store, 0..2, 1);
    assert!(store.flush(LONG));
    next = append(&store, 2..3, next);
    store.close(LONG);
    let records = dir.0.join("log");
    let last = *log::segments(&records).unwrap().last().unwrap();
    assert!(last > 1);
    let youngest = log::path(&records, last);
    let before = log::recover(&records).unwrap().seq_last();
    std::fs::File::options().write(true).open(&youngest).unwrap().set_len(log::HEADER_BYTES).unwrap();
    let after = log::recover(&records).unwrap().seq_last();
    assert_eq!(before, Some(next - 1));
    assert!(after.is_some_and(|after| after > 0), "{after:?}");
}

#[test]
fn a_log_without_its_tables_fills_new_ones_and_tables_outlive_their_log() {
    let dir = Dir::new("halves");
    let (store, ..) = open(&dir, Options::default());
    let next = append(&store, 0..5, 1);
    store.close(LONG);
    for name in ["records.sqlite", "records.sqlite-wal", "records.sqlite-shm"] {
        let _ = std::fs::remove_file(dir.0.join(name));
    }
    open(&dir, Options::default()).0.close(LONG);
    assert_eq!(all(&dir).len(), 5);

    std::fs::remove_dir_all(dir.0.join("log")).unwrap();
    let (store, ..) = open(&dir, Options::default());
    append(&store, 5..8, next);
    store.close(LONG);
    assert_eq!(all(&dir).len(), 8);
}

#[test]
fn a_log_cut_anywhere_keeps_every_whole_frame() {
    let dir = Dir::new("cut");
    let (store, ..) = open(&dir, Options::default());
    append(&store, 0..60, 1);
    store.close(LONG);
    let path = log::path(&dir.0.join("log"), 1);
    let bytes = std::fs::read(&path).unwrap();
    let mut ends = vec![log::HEADER_BYTES as usize];
    let good = log::scan(&bytes, log::HEADER_BYTES as usize, |_, end| ends.push(end));
    assert_eq!(good, bytes.len());
    let tail = bytes.len().saturating_sub(64 * 1024).max(log::HEADER_BYTES as usize);
    assert!(bytes.len() - tail >= 40_000, "{} bytes are too few to say something", bytes.len());
    for cut in tail..bytes.len() {
        let whole = ends.partition_point(|&end| end <= cut) - 1;
        // From two frames before: what lies earlier is the same in every cut.
        let from = ends[whole.saturating_sub(2)];
        assert_eq!(log::scan(&bytes[..cut], from, |_, _| {}), ends[whole], "cut at {cut}");
    }

    // Through the front door: cut, start, continue; every call is there once, priced alike.
    for cut in (tail..bytes.len()).step_by((bytes.len() - tail) / 12) {
        let dir = Dir::new("cut-open");
        std::fs::create_dir_all(dir.0.join("log")).unwrap();
        std::fs::write(log::path(&dir.0.join("log"), 1), &bytes[..cut]).unwrap();
        let (store, recovered, _) = open(&dir, Options::default());
        let whole = ends.partition_point(|&end| end <= cut) - 1;
        // Zeros at the end may be room that nobody used.
        let torn = bytes[ends[whole]..cut].iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
        assert_eq!(recovered.torn_bytes as usize, torn);
        let again = recovered.seq_last().unwrap_or(0);
        for (n, row) in (1..).zip((0..60).flat_map(rows)).filter(|(n, _)| *n > again) {
            store.append(n, row).unwrap();
        }
        store.close(LONG);
        let want: Vec<Record> = (0..60).map(record).collect();
        assert_eq!(all(&dir), want, "cut at {cut}");
    }
}

#[test]
fn room_is_written_ahead_of_the_rows_and_is_neither_damage_nor_a_torn_tail() {
    let dir = Dir::new("room");
    let path = log::path(&dir.0.join("log"), 1);
    let length = || std::fs::metadata(&path).unwrap().len();
    let (store, ..) = open(&dir, Options::default());
    append(&store, 0..3, 1);
    assert!(store.flush(LONG));
    let with_room = length();
    let killed = std::fs::read(&path).unwrap();
    let next = append(&store, 3..6, 100);
    assert!(store.flush(LONG));
    assert_eq!(length(), with_room, "rows that fit the room make the file no longer");
    store.close(LONG);
    assert!(length() < with_room, "a segment that is complete ends with its last row");

    let whole = length();
    std::fs::write(&path, [&std::fs::read(&path).unwrap()[..], &[0; 5000]].concat()).unwrap();
    let (store, recovered, _) = open(&dir, Options::default());
    assert_eq!((recovered.torn_bytes, recovered.seq_last(), length()), (0, Some(next - 1), whole));
    drop(store);

    // As a kill leaves it, and then a segment before the last.
    let dir = Dir::new("room-killed");
    let records = dir.0.join("log");
    std::fs::create_dir_all(&records).unwrap();
    std::fs::write(log::path(&records, 1), &killed).unwrap();
    std::fs::write(log::path(&records, 2), log::header(1)).unwrap();
    let (store, recovered, _) = open(&dir, Options::default());
    assert_eq!((recovered.rows, recovered.damaged_bytes), (rows(0).len() as u64 * 3, 0));
    append(&store, 3..5, 100);
    store.close(LONG);
    assert_eq!(all(&dir).len(), 5);
}

pub(crate) fn record(n: u64) -> Record {
    closed(rows(n))
}

fn closed(mut rows: Vec<Row>) -> Record {
    match rows.pop().map(|row| row.kind) {
        Some(Kind::Close(record)) => *record,
        other => panic!("a call ends with its record, not {other:?}"),
    }
}

/// Puts records into tables that nobody else has open, in their order.
pub(crate) fn fill(dir: &Path, records: impl Iterator<Item = Record>) -> rusqlite::Result<()> {
    drop(Tables::open(&dir.join("records.sqlite")).unwrap());
    let mut db = rusqlite::Connection::open(dir.join("records.sqlite"))?;
    let mut records = records.peekable();
    // In parts: ten million in one would lie on the disk twice.
    while records.peek().is_some() {
        let transaction = db.transaction()?;
        for record in records.by_ref().take(20_000) {
            tables::insert(&transaction, 3, &record)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

/// Puts the rows of so many calls into the table of calls of a store that nobody else has open, and into no other: it is all that rating
/// again reads, and ten million times the others would fill a disk. One thread makes the records, which costs as much as writing them.
pub(crate) fn fill_calls(dir: &Path, calls: u64) -> rusqlite::Result<()> {
    const TOGETHER: u64 = 10_000;
    drop(Tables::open(&dir.join("records.sqlite")).unwrap());
    let mut db = rusqlite::Connection::open(dir.join("records.sqlite"))?;
    // Nobody needs it after a loss of power, and no log of it is to lie on the disk.
    db.pragma_update(None, "journal_mode", "off")?;
    db.pragma_update(None, "synchronous", "off")?;
    let (made, to_write) = crossbeam_channel::bounded::<Vec<(Record, Vec<u8>)>>(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let deck = deck();
            for first in (0..calls).step_by(TOGETHER as usize) {
                let records = (first..calls.min(first + TOGETHER)).map(|n| {
                    let record = closed(rows_of(&facts(n), &deck));
                    let bytes = postcard::to_allocvec(&record).unwrap();
                    (record, bytes)
                });
                made.send(records.collect()).unwrap();
            }
        });
        for records in to_write {
            let transaction = db.transaction()?;
            for (record, bytes) in &records {
                assert!(tables::insert_call(&transaction, &record.call.to_string(), 3, record, bytes)?);
            }
            transaction.commit()?;
        }
        Ok::<_, rusqlite::Error>(())
    })?;
    db.pragma_update(None, "journal_mode", "wal")
}

#[test]
fn a_header_that_was_torn_or_damaged_stops_nothing() {
    let dir = Dir::new("header");
    let (store, ..) = open(&dir, Options::default());
    append(&store, 0..3, 1);
    store.close(LONG);
    let records = dir.0.join("log");
    std::fs::write(log::path(&records, 2), b"TURNO").unwrap();
    let (store, recovered, _) = open(&dir, Options::default());
    assert_eq!((recovered.rows, recovered.damaged_bytes), (rows(0).len() as u64 * 3, 0));
    store.close(LONG);
    std::fs::write(log::path(&records, 2), [7; 100]).unwrap();
    let (store, recovered, _) = open(&dir, Options::default());
    assert_eq!((recovered.rows, recovered.damaged_bytes), (rows(0).len() as u64 * 3, 100));
    append(&store, 3..5, 100);
    store.close(LONG);
    assert_eq!(all(&dir).len(), 5);
}

#[test]
fn an_idle_store_proves_that_the_process_lives() {
    let dir = Dir::new("beat");
    let (store, ..) = open(&dir, Options { beat_every: Duration::from_millis(5), ..Options::default() });
    store.append(1, rows(0).remove(0)).unwrap();
    assert!(store.flush(LONG));
    let path = log::path(&dir.0.join("log"), 1);
    let alive = || {
        let bytes = std::fs::read(&path).unwrap();
        let mut beats = 0;
        log::scan(&bytes, log::HEADER_BYTES as usize, |body, _| {
            // One from before the row proves nothing about after it.
            let is_beat = matches!(postcard::from_bytes(body), Ok(Entry::Beat(_)));
            beats = if is_beat { beats + 1 } else { 0 };
        });
        beats > 0
    };
    let until = Instant::now() + LONG;
    while !alive() {
        assert!(Instant::now() < until, "a heartbeat within {LONG:?}");
        std::thread::yield_now();
    }
    store.close(LONG);
    let (_, recovered, _) = open(&dir, Options::default());
    assert!(recovered.alive.is_some());
    assert_eq!(recovered.recovery.open().collect::<Vec<_>>(), [call(0)]);
}

#[test]
fn a_frame_is_what_the_reader_takes() {
    let mut bytes = Vec::new();
    for row in &rows(1) {
        assert!(frame::encode(frame::EntryRef::Row(1, row), &mut bytes));
    }
    let (body, length) = first(&bytes).unwrap();
    let Some(frame::EntryHead::Row(1, head)) = frame::head(body) else { panic!("the head is that of a row") };
    let row = rows(1).remove(0);
    assert_eq!((head.call, head.seq, head.at, head.kind), (row.call, row.seq, row.at, frame::KindHead::Open));
    assert_eq!(postcard::from_bytes::<Entry>(body), Ok(Entry::Row(1, rows(1).remove(0))));
    assert!(length < 400, "an open row takes {length} bytes");
}

mod again;
mod before;
mod consumers;
mod faults;
mod format;
mod full;
mod kill;
mod month;
mod outs;
mod postgres;
mod recovery;
mod secure;
