//! Disks and logs that fail: truncation at every byte, file systems that are full, files that may not grow.

use std::process::Command;

use super::*;

/// Bytes of the tail that are cut away one by one, unless `TURNO_CUT_BYTES` says how many: 1048576 is the whole size.
const CUT_BYTES: usize = 96 << 10;
/// How many of those cuts go through the front door.
const OPENED: usize = 12;

const CHILD: &str = "TURNO_STORE_SIZE_TEST_DIR";

#[test]
fn whatever_the_byte_at_which_the_log_ends_every_whole_frame_is_kept_and_the_rest_written_once() {
    let asked = std::env::var("TURNO_CUT_BYTES").ok().and_then(|n| n.parse().ok());
    let tail: usize = asked.unwrap_or(CUT_BYTES);
    let dir = Dir::new("every-byte");
    // Calls of some 1 kB each, facts between them.
    let calls = (tail as u64 / 900).max(40);
    let (store, ..) = open(&dir, Options::default());
    let (deck, mut seq, mut number) = (deck(), 1, 1);
    let mut rows_all = Vec::new();
    for n in 0..calls {
        let facts = facts(n);
        let bytes = facts.iter().flat_map(|fact| postcard::to_allocvec(fact).unwrap()).collect();
        assert!(store.append_facts(number, facts.len() as u64, bytes));
        number += facts.len() as u64;
        for row in rows_of(&facts, &deck) {
            rows_all.push(row.clone());
            store.append(seq, row).unwrap();
            seq += 1;
        }
    }
    store.close(LONG);
    let bytes = std::fs::read(log::path(&dir.0.join("log"), 1)).unwrap();
    let mut ends = vec![log::HEADER_BYTES as usize];
    log::scan(&bytes, log::HEADER_BYTES as usize, |_, end| ends.push(end));
    let from = bytes.len().saturating_sub(tail).max(log::HEADER_BYTES as usize);
    for cut in from..bytes.len() {
        let whole = ends.partition_point(|&end| end <= cut) - 1;
        // From two frames before: what lies earlier is the same in every cut.
        assert_eq!(log::scan(&bytes[..cut], ends[whole.saturating_sub(2)], |_, _| {}), ends[whole], "cut at {cut}");
    }
    let want: Vec<Record> = (0..calls).map(record).collect();
    for cut in (from..bytes.len()).step_by(((bytes.len() - from) / OPENED).max(1)) {
        let dir = Dir::new("every-byte-open");
        std::fs::create_dir_all(dir.0.join("log")).unwrap();
        std::fs::write(log::path(&dir.0.join("log"), 1), &bytes[..cut]).unwrap();
        let (store, recovered, _) = open(&dir, Options::default());
        let has = recovered.seq_last().unwrap_or(0);
        let told = recovered.fact_last.unwrap_or(0);
        assert!(recovered.fact(told).unwrap().is_some() || told == 0);
        for (n, row) in (1..).zip(&rows_all).filter(|(n, _)| *n > has) {
            store.append(n, row.clone()).unwrap();
        }
        store.close(LONG);
        assert_eq!(all(&dir), want, "cut at {cut}");
    }
}

/// The process that the next test gives little room; does nothing when it runs as an ordinary test.
#[test]
fn writer_of_the_size_test() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let dir = Dir(PathBuf::from(dir));
    let (limit, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_FSIZE).unwrap();
    assert!(limit < 100_000, "the test below gives us little room");
    let (store, _, stored) = open(&dir, Options::default());
    let next = append(&store, 0..60, 1);
    let until = Instant::now() + LONG;
    while !(store.health().failing && store.health().full) {
        assert!(Instant::now() < until, "the log cannot grow past {limit} bytes: {:?}", store.health());
        std::thread::yield_now();
    }
    assert!(store.health().stored < next - 1);
    assert_eq!(store.health().refused, 0);
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    assert!(store.flush(LONG), "it can again");
    assert_eq!(stored.try_iter().last(), Some(next - 1));
    store.close(LONG);
    assert_eq!(all(&dir), (0..60).map(record).collect::<Vec<_>>());
    println!("all sixty");
    std::mem::forget(dir);
}

#[test]
fn files_that_may_grow_no_more_lose_nothing_and_all_is_written_once_when_they_may() {
    let dir = Dir::new("size");
    // Without the signal it is an error: what a file system says that lets a file grow no more.
    let little_room = "trap '' XFSZ; ulimit -S -f 80; exec \"$0\" \"$@\"";
    let done = Command::new("sh")
        .args(["-c", little_room])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "shell::store::tests::faults::writer_of_the_size_test", "--nocapture"])
        .env(CHILD, &dir.0)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("all sixty"), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
}

const EIO_CHILD: &str = "TURNO_STORE_EIO_TEST_DIR";
const EIO_TOLD: &str = "TURNO_EIO";

/// The process whose disk the next test breaks; does nothing when it runs as an ordinary test.
#[test]
fn writer_of_the_broken_disk_test() {
    let Some(dir) = std::env::var_os(EIO_CHILD) else { return };
    let (dir, told) = (Dir(PathBuf::from(dir)), PathBuf::from(std::env::var_os(EIO_TOLD).unwrap()));
    let the_disk = |does: &str| std::fs::write(&told, does).unwrap();
    let hour = Duration::from_secs(3600);
    // Small segments: the disk also breaks while one begins.
    let options = Options { segment_bytes: 9000, beat_every: hour, ..Options::default() };
    the_disk("0");
    let (store, _, stored) = open(&dir, options);
    let (mut seq, mut calls) = (1, 0);
    let mut some_calls = |store: &Store, seq: u64| {
        calls += 5;
        append(store, calls - 5..calls, seq)
    };
    for does in ["w", "s", "t", "s", "w"] {
        seq = some_calls(&store, seq);
        assert!(store.flush(LONG));
        the_disk(does);
        let durable = store.health().stored;
        seq = some_calls(&store, seq);
        let until = Instant::now() + LONG;
        while !(store.health().failing && store.health().full) {
            assert!(Instant::now() < until, "{does}: {:?}", store.health());
            std::thread::yield_now();
        }
        assert_eq!(store.health().stored, durable, "{does}: nothing is called stored that is not");
        the_disk("0");
        assert!(store.flush(LONG), "{does}: it is written when the disk takes it again");
        assert_eq!((store.health().refused, store.health().stored), (0, seq - 1), "{does}");
    }
    assert_eq!(stored.try_iter().last(), Some(seq - 1));
    // And it dies while the disk is broken: what was called stored is what the next life finds.
    the_disk("s");
    some_calls(&store, seq);
    let until = Instant::now() + LONG;
    while !store.health().failing {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    // In a line of its own, whatever the harness has printed.
    println!("\nstored {} of {calls} calls", store.health().stored);
    std::mem::forget(dir);
    std::process::abort();
}

#[test]
fn a_disk_that_fails_to_write_or_to_sync_loses_nothing_that_was_called_stored() {
    let dir = Dir::new("eio");
    let shim = dir.0.join("eio.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/eio.c");
    let made = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).status();
    assert!(made.expect("the compiler that built SQLite is there").success());
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "shell::store::tests::faults::writer_of_the_broken_disk_test", "--nocapture"])
        .env("LD_PRELOAD", &shim)
        .env(EIO_CHILD, &dir.0)
        .env(EIO_TOLD, dir.0.join("told"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let last = said.lines().rev().find(|line| line.starts_with("stored "));
    let rows_of_50 = rows(0).len() * 50;
    let want = format!("stored {rows_of_50} of 55 calls");
    assert_eq!(last, Some(want.as_str()), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    let (store, recovered, _) = open(&dir, Options::default());
    assert_eq!((recovered.seq_last(), recovered.damaged_bytes), (Some(rows_of_50 as u64), 0));
    append(&store, 50..55, rows_of_50 as u64 + 1);
    store.close(LONG);
    assert_eq!(all(&dir), (0..55).map(record).collect::<Vec<_>>());
}

/// A log whose directory is a file: every attempt to write it is an error, and it heals.
#[test]
fn a_log_that_cannot_be_opened_is_tried_until_it_can() {
    let dir = Dir::new("gone");
    let hour = Duration::from_secs(3600);
    let (store, _, stored) = open(&dir, Options { segment_bytes: 1, beat_every: hour, ..Options::default() });
    let next = append(&store, 0..1, 1);
    assert!(store.flush(LONG));
    let (records, away) = (dir.0.join("log"), dir.0.join("log.away"));
    std::fs::rename(&records, &away).unwrap();
    let after = append(&store, 1..20, next);
    assert!(!store.flush(Duration::from_millis(300)));
    assert!(store.health().failing && store.health().full);
    std::fs::rename(&away, &records).unwrap();
    assert!(store.flush(LONG));
    assert_eq!((store.health().refused, stored.try_iter().last()), (0, Some(after - 1)));
    store.close(LONG);
    assert_eq!(all(&dir).len(), 20);
}
