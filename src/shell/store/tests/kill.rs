//! A process that is killed at any instant.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const CHILD: &str = "TURNO_STORE_TEST_DIR";

/// The process that the next test kills; does nothing when it runs as an ordinary test.
#[test]
fn writer_of_the_kill_test() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let dir = PathBuf::from(dir);
    let (store, recovered) =
        Store::open(&dir, Options { segment_bytes: 50_000, ..Options::default() }, Vec::new(), |seq| {
            // Whole lines: the parent believes what it can read.
            let _ = std::io::stdout().write_all(format!("stored {seq}\n").as_bytes());
        })
        .unwrap();
    let mut seq = recovered.seq_last().unwrap_or(0);
    for row in recovered.recovery.finish(&deck(), recovered.alive, |_| false) {
        store.append_recovered(row).unwrap();
    }
    for n in seq * 10.. {
        for row in rows(n) {
            seq += 1;
            while store.append(seq, row.clone()).is_err() {
                std::thread::yield_now();
            }
        }
        // Few rows a commit, so that kills hit between all of them.
        while seq > store.health().stored + 60 {
            std::thread::yield_now();
        }
    }
}

/// 20 times; `scripts/full d2` is the full size, a thousand.
#[test]
fn a_process_killed_at_any_instant_loses_nothing_that_it_called_stored() {
    let kills: u32 = std::env::var("TURNO_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let dir = Dir::new("kill");
    let mut seeded = turno_base::Seeded::new(u64::from(std::process::id()));
    let (mut stored, mut lived) = (0, Duration::ZERO);
    for _ in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shell::store::tests::kill::writer_of_the_kill_test", "--nocapture"])
            .env(CHILD, &dir.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut began = None;
        let acknowledgements = 1 + seeded.below(12);
        for _ in 0..acknowledgements {
            stored = stored.max(next_stored(&mut lines).expect("the writer goes on until it is killed"));
            began.get_or_insert_with(Instant::now);
        }
        lived += began.map_or(Duration::ZERO, |began| began.elapsed());
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(seq) = next_stored(&mut lines) {
            stored = stored.max(seq);
        }
    }
    let (store, recovered, _) = open(&dir, Options::default());
    assert!(recovered.seq_last() >= Some(stored), "{:?} < {stored}", recovered.seq_last());
    assert_eq!(recovered.damaged_bytes, 0);
    for row in recovered.recovery.finish(&deck(), None, |_| false) {
        store.append_recovered(row).unwrap();
    }
    store.close(LONG);

    // Each number that was called stored belongs to one call of the script; its record is there once and priced alike.
    let reader = Reader::open(&dir.0).unwrap();
    assert_eq!(reader.refused().unwrap(), []);
    let mut seen = BTreeMap::new();
    reader
        .each(&Filter::default(), Order::OldestFirst, |record| {
            assert!(seen.insert(record.call, record.estimated).is_none(), "{} twice", record.call);
            if !record.estimated {
                assert_eq!(*record, self::record(record.call.0 as u64));
            }
        })
        .unwrap();
    let cut_off = seen.values().filter(|estimated| **estimated).count();
    assert!(cut_off <= kills as usize, "one call at most is in progress at a kill");
    assert!(seen.len() as u64 >= stored / rows(0).len() as u64, "{} records of {stored} rows", seen.len());
    let (calls, lived_ms) = (seen.len() as u64, lived.as_millis().max(1) as u64);
    println!(
        "{kills} kills, {calls} calls ({} a second), {cut_off} cut off: none lost, none twice, no cent of difference",
        calls * 1000 / lived_ms
    );
}

fn next_stored(lines: &mut impl BufRead) -> Option<u64> {
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line).ok()? == 0 {
            return None;
        }
        // The harness prints before it; a line without its end was cut by the kill.
        if let Some((_, seq)) = line.rsplit_once("stored ") {
            return seq.strip_suffix('\n')?.parse().ok();
        }
    }
}
