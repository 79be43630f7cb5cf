//! A month of calls through the store. `TURNO_MONTH_CALLS=1000000 cargo test --release --lib store::tests::month -- --nocapture`
//! is the whole size.

use super::*;
use crate::shell::store::audit::audit;
use crate::shell::store::feed::History;

/// Calls unless `TURNO_MONTH_CALLS` says how many.
const CALLS: u64 = 1500;
/// Least bytes of a call that the log and the tables together must do with.
const BYTES_MAX: u64 = 12_000;

fn size_of(dir: &std::path::Path, starts: &str) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(starts));
    named.map(|entry| entry.metadata().unwrap().len()).sum()
}

#[test]
fn a_month_of_calls_is_sound_to_the_last_and_says_what_a_call_takes_on_disk() {
    let asked = std::env::var("TURNO_MONTH_CALLS").ok().and_then(|n| n.parse().ok());
    let calls: u64 = asked.unwrap_or(CALLS);
    let dir = Dir::new("month");
    let (store, ..) = open(&dir, Options { kept_bytes_max: 1 << 40, ..Options::default() });
    let (deck, began) = (deck(), Instant::now());
    let (mut seq, mut number) = (1, 1);
    for n in 0..calls {
        let facts = facts(n);
        let bytes = facts.iter().flat_map(|fact| postcard::to_allocvec(fact).unwrap()).collect();
        assert!(store.append_facts(number, facts.len() as u64, bytes));
        number += facts.len() as u64;
        for row in rows_of(&facts, &deck) {
            store.append(seq, row).unwrap();
            seq += 1;
        }
        // The store is given what it can take; how fast that is is the figure.
        while seq > store.health().stored + 20_000 {
            std::thread::yield_now();
        }
    }
    assert!(store.flush(Duration::from_secs(3600)));
    let took = began.elapsed();
    store.close(LONG);
    let tables = size_of(&dir.0, "records.sqlite");
    let log = size_of(&dir.0.join("log"), "0");
    let began = Instant::now();
    let report = audit(&dir.0).unwrap();
    let audited = began.elapsed();
    assert_eq!((report.records, report.logged, report.wrong), (calls, calls, 0), "{:?}", report.told);
    let began = Instant::now();
    let mut told = 0;
    History::open(&dir.0).unwrap().each_fact(|_, _| told += 1).unwrap();
    assert_eq!(told, number - 1);
    println!(
        "{calls} calls of {} facts: {:.0} calls/s in, {} bytes of tables and {} bytes of log a call; audited in {:.1} s, facts read back in {:.1} s",
        (number - 1) / calls,
        calls as f64 / took.as_secs_f64(),
        tables / calls,
        log / calls,
        audited.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
    assert!((tables + log) / calls < BYTES_MAX, "{tables} {log}");
}
