//! How long a log takes to be read back. `scripts/full d3` is the whole size, a gigabyte.

use super::*;

/// Megabytes unless `TURNO_LOG_MB` says how many.
const MEGABYTES: u64 = 16;
/// Beyond every machine that this may run on: the figure is printed, the goal of 2 s a GB is for a quiet one and the release build.
const SECONDS_A_GB_MAX: u64 = 120;

#[test]
fn a_log_that_a_long_call_keeps_whole_is_read_back_in_time_and_says_how_long_that_took() {
    let asked = std::env::var("TURNO_LOG_MB").ok().and_then(|n| n.parse().ok());
    let wanted: u64 = asked.unwrap_or(MEGABYTES) << 20;
    let dir = Dir::new("recovery");
    let (store, ..) = open(&dir, Options { held_bytes_max: 1 << 40, ..Options::default() });
    // It began first and does not end: a restart needs everything since.
    store.append(1, rows(0).remove(0)).unwrap();
    let (deck, mut seq, mut number, mut calls, mut bytes) = (deck(), 2, 1, 1, 0);
    while bytes < wanted {
        let facts = facts(calls);
        let of_line: Vec<u8> = facts.iter().flat_map(|fact| postcard::to_allocvec(fact).unwrap()).collect();
        bytes += of_line.len() as u64;
        assert!(store.append_facts(number, facts.len() as u64, of_line));
        number += facts.len() as u64;
        for row in rows_of(&facts, &deck) {
            bytes += postcard::to_allocvec(&row).unwrap().len() as u64;
            store.append(seq, row).unwrap();
            seq += 1;
        }
        calls += 1;
        while seq > store.health().stored + 20_000 {
            std::thread::yield_now();
        }
    }
    drop(store);
    let log = dir.0.join("log");
    let on_disk: u64 = log::segments(&log).unwrap().iter().map(|&n| log::path(&log, n).metadata().unwrap().len()).sum();
    let (began, of_core) = (Instant::now(), of_core());
    let recovered = log::recover(&log).unwrap();
    let (took, of_core) = (began.elapsed(), self::of_core() - of_core);
    assert_eq!(recovered.seq_last(), Some(seq - 1));
    assert_eq!(recovered.recovery.open().collect::<Vec<_>>(), [call(0)]);
    let a_gb_ms = took.as_millis() as u64 * (1 << 30) / on_disk.max(1);
    println!(
        "{} MB, {} rows, {calls} calls: {} ms, {a_gb_ms} ms a GB; of a core {} ms, {} ms a GB",
        on_disk >> 20,
        recovered.rows,
        took.as_millis(),
        of_core.as_millis(),
        of_core.as_millis() as u64 * (1 << 30) / on_disk.max(1)
    );
    assert!(a_gb_ms < SECONDS_A_GB_MAX * 1000, "{a_gb_ms} ms a GB");
}

/// What this thread has used of a core: unlike the time that passes, others on the machine do not lengthen it.
fn of_core() -> Duration {
    let used = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    used.into()
}
