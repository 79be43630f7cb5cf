//! A month of calls through the store, with its figures. `scripts/full m1` is the whole size, a million.

use super::*;
use std::collections::BTreeMap;
use std::sync::Mutex;

use turno_report::forecast::Date;
use turno_report::kpi::KpiTerms;

use crate::shell::figures::audit::audit_day;
use crate::shell::figures::{Figures, zone};
use crate::shell::store::audit::audit;
use crate::shell::store::feed::{Content, History, Item, Wants};
use crate::shell::store::log;
use nix::sys::time::TimeValLike;

/// Calls unless `TURNO_MONTH_CALLS` says how many.
const CALLS: u64 = 1500;
/// The month, ms.
const MONTH_MS: u64 = 30 * 86_400_000;
/// Least bytes of a call that the log and the tables together must do with.
const BYTES_MAX: u64 = 12_000;

fn size_of(dir: &std::path::Path, starts: &str) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(starts));
    named.map(|entry| entry.metadata().unwrap().len()).sum()
}

/// The files of a month are not all of today: each is as old as the last of what it holds.
fn date_segments(dir: &std::path::Path) {
    let mut written = BTreeMap::new();
    let wants = Wants { records: false, facts: true, beats: false };
    let note = |item: &Item| {
        if let Content::Facts { facts, .. } = &item.content {
            written.extend(facts.last().map(|fact| (item.at.segment, fact.at.wall)));
        }
    };
    History::open(dir).unwrap().each(wants, note).unwrap();
    for (segment, Wall(us)) in written {
        let file = std::fs::File::options().write(true).open(log::path(&dir.join("log"), segment)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_micros(us as u64)).unwrap();
    }
}

/// What this process has had of a core, s: what the clock says on a busy machine says little.
fn cpu_s() -> f64 {
    let used = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    (used.user_time().num_milliseconds() + used.system_time().num_milliseconds()) as f64 / 1000.0
}

#[test]
fn a_month_of_calls_is_sound_to_the_last_and_says_what_a_call_takes_on_disk() {
    let asked = std::env::var("TURNO_MONTH_CALLS").ok().and_then(|n| n.parse().ok());
    let calls: u64 = asked.unwrap_or(CALLS);
    let dir = Dir::new("month");
    let figures = || -> Vec<(String, Box<dyn Consumer>)> {
        let terms = Arc::new(Mutex::new(KpiTerms::default()));
        vec![("figures".to_owned(), Box::new(Figures::new(&dir.0, terms, Duration::from_secs(400 * 86_400))))]
    };
    let (store, ..) = open_with(&dir, Options { kept_bytes_max: 1 << 40, ..Options::default() }, figures);
    let (deck, began) = (deck(), Instant::now());
    let (mut seq, mut number) = (1, 1);
    // An odd number of ms apart: every other call is of the other queue.
    let apart_ms = (MONTH_MS / calls) | 1;
    for n in 0..calls {
        let facts = facts(n * apart_ms);
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
    date_segments(&dir.0);
    let tables = size_of(&dir.0, "records.sqlite");
    let log = size_of(&dir.0.join("log"), "0");
    let (began, before) = (Instant::now(), cpu_s());
    let report = audit(&dir.0).unwrap();
    let (audited, audited_cpu) = (began.elapsed(), cpu_s() - before);
    assert_eq!((report.records, report.logged, report.wrong), (calls, calls, 0), "{:?}", report.told);
    let (mut compared, mut stays) = (0, 0);
    let (utc, began, before) = (zone("UTC").unwrap(), Instant::now(), cpu_s());
    let first = utc.date(Wall::from_secs(1_773_140_400));
    // Each day as the night after it would, and one more for what is left over.
    for day in (first.0..=first.0 + 31).map(Date) {
        let audit = audit_day(&dir.0, &utc, day, utc.begins(Date(day.0 + 1)) + Duration::from_secs(4 * 3600)).unwrap();
        assert_eq!(audit.differences, [], "day {}", day.0 - first.0);
        (compared, stays) = (compared + audit.calls, stays + audit.entries);
    }
    let (nights, nights_cpu) = (began.elapsed(), cpu_s() - before);
    // The first quarter may lack calls from before the figures began, and the last minute is not settled.
    assert_eq!(stays, calls);
    let first_quarter = 900_000 / apart_ms + 1;
    assert!(compared >= calls - first_quarter - 60_000 / apart_ms - 1, "{compared} of {calls}");
    let began = Instant::now();
    let mut told = 0;
    History::open(&dir.0).unwrap().each_fact(|_, _| told += 1).unwrap();
    assert_eq!(told, number - 1);
    println!(
        "{calls} calls of {} facts: {:.0} calls/s in, {} bytes of tables and {} bytes of log a call; audited in {:.1} s ({audited_cpu:.1} s of a core), by nights in {:.1} s ({nights_cpu:.1} s), facts read back in {:.1} s",
        (number - 1) / calls,
        calls as f64 / took.as_secs_f64(),
        tables / calls,
        log / calls,
        audited.as_secs_f64(),
        nights.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
    assert!((tables + log) / calls < BYTES_MAX, "{tables} {log}");
}
