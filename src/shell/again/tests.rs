//! Rating a period again, by runs that end, are killed, meet each other, and go beside a node.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;

use turno_report::kpi;

use super::*;
use crate::shell::figures;
use crate::shell::store::audit::{audit, audit_span};
use crate::shell::store::tests::{Dir, call, fill, fill_calls, record, rows};
use crate::shell::store::{Options, Store};

/// Bounds a failure.
const LONG: Duration = Duration::from_secs(60);

/// The records of the tests are of 0.1620 a minute.
fn book(per_minute: &str) -> Deck {
    let text = format!("valid_from,payer,b,rate,per_minute\n2026-01-01,company,34900,freephone,{per_minute}\n");
    Deck::parse_csv(&text).unwrap()
}

fn all(dry_run: bool) -> Wanted {
    Wanted { from: Wall(0), to: Wall(i64::MAX), dry_run, now: Wall::from_secs(1_800_000_000) }
}

/// How many rows the ledger has, and of how many calls.
fn posted(dir: &Path) -> (u64, u64) {
    let counts = "SELECT count(*), count(DISTINCT call) FROM postings";
    let db = Connection::open(dir.join("ledger.sqlite")).unwrap();
    db.query_row(counts, [], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))).unwrap()
}

#[test]
fn a_period_is_rated_again_once_and_a_dry_run_posts_nothing() {
    let dir = Dir::new("again");
    let (store, _) = Store::open(&dir.0, Options::default(), Vec::new(), |_| {}).unwrap();
    for (seq, row) in (1..).zip((0..3).flat_map(rows)) {
        store.append(seq, row).unwrap();
    }
    store.close(LONG);
    let deck = book("0.60");
    let (from, now) = (Wall::from_secs(1_773_140_400), Wall::from_secs(1_800_000_000));
    let wanted = |to, dry_run| Wanted { from, to, dry_run, now };
    let (first_two, later) = (from + Duration::from_millis(2), from + Duration::from_secs(1));
    let said = |wanted: Wanted| {
        let run = run(&dir.0, &deck, wanted, |_| {}).unwrap();
        let sums: Vec<String> = run.sums().map(|(payer, net, currency)| format!("{payer} {net} {currency}")).collect();
        (run.again.records, run.again.changed, run.again.same, sums.join(", "))
    };
    let both = (2, 2, 0, "company 0.1533 EUR".to_owned());
    assert_eq!(said(wanted(first_two, true)), both);
    assert!(!dir.0.join("ledger.sqlite").exists(), "who only asks writes nothing");
    assert_eq!(said(wanted(first_two, false)), both);
    assert_eq!(said(wanted(first_two, true)), (2, 0, 2, String::new()));
    assert_eq!(said(wanted(first_two, false)), (2, 0, 2, String::new()));
    assert_eq!(said(wanted(later, false)).1, 1, "the third, and only that");
    assert_eq!(said(wanted(later, false)).1, 0);
    assert_eq!(records(&dir.0, from, first_two).unwrap(), 2);
}

#[test]
fn pages_end_between_calls_of_one_instant_and_none_is_read_twice_or_left_out() {
    let dir = Dir::new("again-pages");
    // Five calls at one instant, then two.
    let together = |n: u64| {
        let (mut record, arrived) = (record(n), record(0).arrived);
        record.arrived = if n < 5 { arrived } else { arrived + Duration::from_millis(1) };
        record
    };
    fill(&dir.0, [3, 0, 4, 1, 6, 2, 5].into_iter().map(together)).unwrap();
    for part in 1..=8 {
        let run = run_in_parts(&dir.0, &book("0.60"), None, all(true), part, |_| {}).unwrap();
        assert_eq!((run.again.records, run.again.changed), (7, 7), "{part} a page");
    }
    let (progress, run_of_twos) = (Cell::new(0), book("0.60"));
    run_in_parts(&dir.0, &run_of_twos, None, all(false), 2, |done| {
        progress.set(progress.get() + 1);
        assert_eq!(posted(&dir.0).0, done.changed, "what is told is durable");
    })
    .unwrap();
    assert_eq!((progress.get(), posted(&dir.0)), (4, (7, 7)));
}

const CHILD: &str = "TURNO_AGAIN_TEST_DIR";
/// Records of a part in the kill test.
const KILL_PART: u64 = 50;

/// The run that the next test kills; does nothing when it runs as an ordinary test. For each part that it posted it reads a line.
#[test]
fn run_of_the_kill_test() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let told = Cell::new(0);
    run_in_parts(Path::new(&dir), &book("0.60"), None, all(false), KILL_PART as usize, |done| {
        if done.changed > told.replace(done.changed) {
            // Whole lines: the parent believes what it can read.
            std::io::stdout().write_all(format!("posted {}\n", done.changed).as_bytes()).unwrap();
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
    })
    .unwrap();
}

#[test]
fn a_run_that_is_killed_has_posted_whole_parts_and_the_next_goes_on_to_the_last() {
    const KILLS: u64 = 4;
    const PARTS_MOST: u64 = 15;
    /// It is killed within so many parts of the last that it told.
    const PARTS_MORE: u64 = 3;
    const RECORDS: u64 = (KILLS * (PARTS_MOST + PARTS_MORE) + 1) * KILL_PART;
    let dir = Dir::new("again-kill");
    Store::open(&dir.0, Options::default(), Vec::new(), |_| {}).unwrap().0.close(LONG);
    fill(&dir.0, (0..RECORDS).map(record)).unwrap();
    let mut seeded = turno_base::Seeded::new(u64::from(std::process::id()));
    let mut before = 0;
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shell::again::tests::run_of_the_kill_test", "--nocapture"])
            .env(CHILD, &dir.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let parts = 1 + seeded.below(PARTS_MOST);
        let leave = "\n".repeat((parts + PARTS_MORE - 1) as usize);
        child.stdin.as_mut().unwrap().write_all(leave.as_bytes()).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let told = lines.filter_map(|line| line.rsplit_once("posted ")?.1.parse::<u64>().ok());
        let told = told.take(parts as usize).last();
        child.kill().unwrap();
        child.wait().unwrap();
        // It began where the one before was killed: those parts had nothing to post.
        assert_eq!(told, Some(parts * KILL_PART));
        let (rows, calls) = posted(&dir.0);
        let (least, most) = (before + parts * KILL_PART, before + (parts + PARTS_MORE) * KILL_PART);
        assert!((least..=most).contains(&rows) && rows == calls, "{rows} of {calls} calls, {least} to {most}");
        assert_eq!(rows % KILL_PART, 0, "whole parts");
        before = rows;
    }
    let rest = run(&dir.0, &book("0.60"), all(false), |_| {}).unwrap().again;
    assert_eq!((rest.changed, rest.same, posted(&dir.0)), (RECORDS - before, before, (RECORDS, RECORDS)));
    let report = audit_span(&dir.0, &(Wall(0)..Wall(i64::MAX)), |_| {}).unwrap();
    assert_eq!((report.told, report.postings), (vec![], RECORDS));
}

#[test]
fn while_a_run_posts_another_is_refused_and_one_that_asks_is_answered() {
    let dir = Dir::new("again-two");
    fill(&dir.0, (0..20).map(record)).unwrap();
    let (refused, asked) = (Cell::new(0), Cell::new(0));
    run_in_parts(&dir.0, &book("0.60"), None, all(false), 5, |done| {
        let other = run(&dir.0, &book("0.90"), all(false), |_| {});
        assert!(matches!(&other, Err(StoreError::Posting(_))), "{other:?}");
        refused.set(refused.get() + 1);
        let asking = run(&dir.0, &book("0.60"), all(true), |_| {}).unwrap().again;
        assert_eq!((asking.same, asking.changed), (done.records, 20 - done.records));
        asked.set(asked.get() + 1);
    })
    .unwrap();
    assert_eq!((refused.get(), asked.get(), posted(&dir.0)), (4, 4, (20, 20)));
    assert_eq!(run(&dir.0, &book("0.90"), all(false), |_| {}).unwrap().again.changed, 20, "now it may");
}

#[test]
fn a_node_beside_a_run_writes_its_records_and_empties_the_log_of_its_tables() {
    let dir = Dir::new("again-beside");
    let (store, _) = Store::open(&dir.0, Options::default(), Vec::new(), |_| {}).unwrap();
    let append = |calls: std::ops::Range<u64>, seq: &Cell<u64>| {
        for row in calls.flat_map(rows) {
            seq.set(seq.get() + 1);
            store.append(seq.get(), row).unwrap();
        }
        assert!(store.flush(LONG), "the tables take what ends meanwhile");
    };
    let (seq, calls) = (Cell::new(0), Cell::new(40));
    append(0..40, &seq);
    // It has read as far ahead as it may, and waits.
    let run = run_in_parts(&dir.0, &book("0.60"), None, all(false), 4, |_| {
        append(calls.get()..calls.get() + 1, &seq);
        calls.set(calls.get() + 1);
        let db = Connection::open(dir.0.join("records.sqlite")).unwrap();
        db.busy_timeout(LONG).unwrap();
        let is_busy: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        assert!(!is_busy, "a reader holds on to what was before");
    })
    .unwrap();
    store.close(LONG);
    assert!(run.again.records >= 40, "{}", run.again.records);
    assert_eq!(posted(&dir.0).0, run.again.changed);
    let report = audit(&dir.0).unwrap();
    assert_eq!((report.told, report.records), (vec![], calls.get()));
}

/// Records that are rated again unless `TURNO_AGAIN_RECORDS` says how many; `scripts/full t1` is the whole size, ten million.
const RECORDS: u64 = 12_000;
/// From so many on, in the release build, each record may take so much of the two cores: ten million in a minute.
const WHOLE: (u64, u64) = (1_000_000, 12_000);

#[test]
fn a_period_of_many_parts_is_rated_again_to_the_last_record_and_says_how_fast() {
    let asked = std::env::var("TURNO_AGAIN_RECORDS").ok().and_then(|n| n.parse().ok());
    let records: u64 = asked.unwrap_or(RECORDS);
    let dir = Dir::new("again-many");
    let timed = |what: &str, done: &mut dyn FnMut() -> (u64, u64)| {
        let (began, cpu_before) = (std::time::Instant::now(), cpu_ms());
        let counts = done();
        let (wall_ms, cpu_ms) = ((began.elapsed().as_millis() as u64).max(1), cpu_ms() - cpu_before);
        let ns_each = cpu_ms * 1_000_000 / records;
        println!(
            "{records} records {what}: {}/s by the clock, {}.{:02} s of CPU, {}.{} us of it each",
            records * 1000 / wall_ms,
            cpu_ms / 1000,
            cpu_ms % 1000 / 10,
            ns_each / 1000,
            ns_each % 1000 / 100
        );
        assert!(records < WHOLE.0 || what == "made" || ns_each <= WHOLE.1, "{what}: {ns_each} ns of CPU a record");
        counts
    };
    // Straight into the table: the way through the log is measured elsewhere.
    timed("made", &mut || {
        fill_calls(&dir.0, records).unwrap();
        fill_stays(&dir.0, records).unwrap();
        (0, 0)
    });
    let dearer = book("0.60");
    let rated = |dry_run| {
        let again = run(&dir.0, &dearer, all(dry_run), |_| {}).unwrap().again;
        (again.changed, again.same)
    };
    assert_eq!(timed("asked", &mut || rated(true)), (records, 0));
    assert_eq!(timed("with a difference to post for each", &mut || rated(false)), (records, 0));
    assert_eq!(timed("found as posted", &mut || rated(false)), (0, records));
    let bytes = |name: &str| std::fs::metadata(dir.0.join(name)).map_or(0, |metadata| metadata.len()) / records;
    println!("on disk: {} bytes of calls and {} of ledger each", bytes("records.sqlite"), bytes("ledger.sqlite"));
    let db = Connection::open(dir.0.join("ledger.sqlite")).unwrap();
    let kinds = "SELECT count(*), min(number_type), max(number_type) FROM postings";
    let kinds: (i64, String, String) =
        db.query_row(kinds, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    assert_eq!(kinds, (records as i64, "counted".to_owned(), "counted".to_owned()), "as the figures count them");
}

/// Puts the last stays of the calls of [`fill_calls`] into figures, counted under a type of number that their records do not have.
fn fill_stays(dir: &Path, calls: u64) -> rusqlite::Result<()> {
    let path = figures::path(dir);
    drop(figures::FigureTables::open(&path).unwrap());
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "synchronous", "off")?;
    let first = record(0);
    let stay = first.stays[0];
    let queues = [stay.queue, record(1).stays[0].queue];
    let mut stayed = figures_entry(first.call, stay);
    for together in (0..calls).step_by(10_000) {
        let transaction = db.transaction()?;
        let mut insert = transaction.prepare("INSERT INTO entries VALUES (?, ?, ?, ?, ?)")?;
        for n in together..calls.min(together + 10_000) {
            stayed.call = call(n);
            stayed.entered = stay.entered + Duration::from_millis(n);
            (stayed.key.queue, stayed.key.quarter) = (Some(queues[n as usize % 2]), Quarter::of(stayed.entered));
            let (queue, call) = (queues[n as usize % 2], stayed.call.0.to_be_bytes());
            let bytes = postcard::to_allocvec(&stayed).unwrap();
            insert.execute(rusqlite::params![stayed.key.quarter.0, queue.as_str(), call, stayed.n, bytes])?;
        }
        drop(insert);
        transaction.commit()?;
    }
    Ok(())
}

fn figures_entry(call: CallId, stay: Stay) -> kpi::Entry {
    kpi::Entry {
        call,
        n: 1,
        key: kpi::Key {
            quarter: Quarter::of(stay.entered),
            queue: Some(stay.queue),
            segment: None,
            number_type: "counted".parse().ok(),
        },
        entered: stay.entered,
        left: Some(stay.left),
        wait_ms: stay.wait_ms,
        ring_ms: 0,
        in_time: true,
        value_pm: 1000,
        missed: Vec::new(),
        agent: "anna".parse().ok(),
        handled: 1,
        talk_ms: 6000,
        hold_ms: 0,
        wrap_up_ms: 0,
        agent_cost: 0,
        disposition: None,
        disposition_due: false,
        disposition_said: false,
        law_from_queue: Some(true),
        law_from_arrival: Some(true),
    }
}

/// What this process has had of all cores, ms: of the kernel and of itself.
fn cpu_ms() -> u64 {
    const MS_A_TICK: u64 = 10;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit_once(") ").unwrap().1;
    behind_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap() * MS_A_TICK).sum()
}
