//! A process that is killed at any instant.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use jiff::tz::TimeZone;
use turno_tariff::cdr::format::{self, QueueLog, Serving};

use super::outs::{file, hook, is_whole, key_of, server};
use super::*;
use crate::shell::store::feed::History;
use crate::shell::store::outs::{House, Lines, OutSettings, consumer};

const CHILD: &str = "TURNO_STORE_TEST_DIR";
/// Where the peer of the web hook listens.
const PEER: &str = "TURNO_STORE_TEST_PEER";

/// Everywhere that records go but PostgreSQL, which has a server to be killed in a test of its own.
fn outs(dir: &Path, port: u16) -> Vec<OutSettings> {
    vec![
        file("csv", Lines::Csv, &dir.join("calls.csv")),
        file("jsonl", Lines::Jsonl, &dir.join("calls.jsonl")),
        file("master", Lines::MasterCsv, &dir.join("Master.csv")),
        file("queue-log", Lines::QueueLog, &dir.join("queue_log")),
        hook(port),
    ]
}

fn consumers(dir: &Path, port: u16) -> Vec<(String, Box<dyn Consumer>)> {
    let house = Arc::new(House::new(Serving::new()));
    outs(dir, port).iter().map(|out| (out.name.clone(), consumer(out, &dir.join("out"), &house))).collect()
}

/// The process that the next test kills; does nothing when it runs as an ordinary test.
#[test]
fn writer_of_the_kill_test() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let dir = PathBuf::from(dir);
    let port = std::env::var(PEER).unwrap().parse().unwrap();
    let (store, recovered) =
        Store::open(&dir, Options { segment_bytes: 50_000, ..Options::default() }, consumers(&dir, port), |seq| {
            // Whole lines: the parent believes what it can read.
            let _ = std::io::stdout().write_all(format!("stored {seq}\n").as_bytes());
        })
        .unwrap();
    let mut number = recovered.fact_last.unwrap_or(0);
    let mut seq = recovered.seq_last().unwrap_or(0);
    for row in recovered.recovery.finish(&deck(), recovered.alive, |_| false) {
        store.append_recovered(row).unwrap();
    }
    for n in seq * 10.. {
        let facts = facts(n);
        let bytes = facts.iter().flat_map(|fact| postcard::to_allocvec(fact).unwrap()).collect();
        assert!(store.append_facts(number + 1, facts.len() as u64, bytes));
        number += facts.len() as u64;
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

/// What each consumer has when all is over: each record once, whatever it was doing when its process died.
fn check_outs(dir: &Path, records: &[Record], asked: &[String]) {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let all = |of: &dyn Fn(&Record) -> String| records.iter().map(of).collect::<String>();
    assert!(read("calls.csv") == format::CSV_HEADER.to_owned() + &all(&format::csv), "calls.csv");
    assert!(read("calls.jsonl") == all(&|record| format::json(record) + "\n"), "calls.jsonl");
    assert!(read("Master.csv") == all(&|record| format::master_csv(record, &TimeZone::UTC)), "Master.csv");
    // Each life begins it with a line of its own.
    let (mut fold, mut told) = (QueueLog::default(), String::new());
    let history = History::open(dir).unwrap();
    history.each_fact(|_, fact| fold.on_fact(fact, &Serving::new(), &mut told)).unwrap();
    let queue_log = read("queue_log");
    let lines = queue_log.lines().filter(|line| !line.contains("|QUEUESTART|"));
    assert!(lines.eq(told.lines()), "queue_log");
    assert!(told.contains("|ENTERQUEUE|"), "there was something to tell");
    // A peer may hear a record twice, one behind the other, and knows it by its key.
    let mut heard: Vec<&str> = asked.iter().filter(|asked| is_whole(asked)).map(|asked| key_of(asked)).collect();
    heard.dedup();
    let calls: Vec<String> = records.iter().map(|record| record.call.to_string()).collect();
    assert!(heard.iter().map(|key| key.split('-').next().unwrap()).eq(&calls), "the peer heard {heard:?}");
    assert_eq!(crate::shell::store::outs::refused(dir).unwrap(), []);
}

/// 20 times; `scripts/full d2` is the full size, a thousand.
#[test]
fn a_process_killed_at_any_instant_loses_nothing_that_it_called_stored() {
    let kills: u32 = std::env::var("TURNO_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let dir = Dir::new("kill");
    let (port, asks) = server(|_, _| Some("200 OK".to_owned()));
    let mut seeded = turno_base::Seeded::new(u64::from(std::process::id()));
    let (mut stored, mut lived) = (0, Duration::ZERO);
    for n in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shell::store::tests::kill::writer_of_the_kill_test", "--nocapture"])
            .env(CHILD, &dir.0)
            .env(PEER, port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut began = None;
        // Consumers take what is some 200 ms old: some lives are long enough for that, and all begin with what the one before left.
        let acknowledgements = 1 + seeded.below(if n % 4 == 0 { 120 } else { 12 });
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
    let (store, recovered, _) = open_with(&dir, Options::default(), || consumers(&dir.0, port));
    assert!(recovered.seq_last() >= Some(stored), "{:?} < {stored}", recovered.seq_last());
    assert_eq!(recovered.damaged_bytes, 0);
    for row in recovered.recovery.finish(&deck(), None, |_| false) {
        store.append_recovered(row).unwrap();
    }
    // The peer takes each record by itself, and at the full size there are a hundred thousand.
    assert!(store.flush_all(LONG * (1 + kills / 20)), "{:?}", store.consumers());
    store.close(LONG);
    let asked: Vec<String> = asks.try_iter().collect();
    check_outs(&dir.0, &all(&dir), &asked);

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
