//! Disks and logs that fail: truncation at every byte, file systems that are full, files that may not grow.

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

/// A log whose directory is a file: every attempt to write it is an error, and it heals.
#[test]
fn a_log_that_cannot_be_opened_is_tried_until_it_can() {
    let dir = Dir::new("eio");
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
