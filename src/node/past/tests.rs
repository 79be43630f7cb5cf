//! What a crash left in journal and record log, put together again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::shell::config;
use crate::shell::inbox::inbox;
use crate::shell::store::tests::{Dir, rows};
use crate::shell::store::{Filter, Order, Reader};
use turno_base::Mono;
use turno_tariff::cdr::Record;

fn settings(dir: &Dir) -> Settings {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = fs::read_to_string(files.join("turno.toml")).unwrap();
    let mut settings = config::parse("turno.toml", &text, &files, Some(BTreeMap::new())).settings.unwrap();
    settings.store.dir.clone_from(&dir.0);
    settings
}

/// Starts the store over `log`, as a process that replayed `replayed` from its journal; the records, and rows refused.
fn over(log: &[(u64, Row)], replayed: Vec<(u64, Row)>) -> (Vec<Record>, usize) {
    let dir = Dir::new("serve");
    let (before, _) = Store::open(&dir.0, store::Options::default(), Vec::new(), |_| {}).unwrap();
    for (seq, row) in log {
        before.append(*seq, row.clone()).unwrap();
    }
    before.close(Duration::from_secs(20));
    let mut past = Past {
        engine: Engine::new(),
        clock: Clock::begin(),
        next_segment: 0,
        alive: Some(Now::default()),
        facts: Vec::new(),
        rows: replayed,
        board: turno_report::Board::default(),
    };
    let (inbox, _outlet) = inbox(past.clock);
    let again = store(
        &settings(&dir),
        &mut past,
        ReadBack::read(&settings(&dir).store.dir).unwrap(),
        &inbox,
        &SharedTerms::default(),
        &Arc::default(),
    )
    .unwrap();
    again.close(Duration::from_secs(20));
    let reader = Reader::open(&dir.0).unwrap();
    (reader.list(&Filter::default(), Order::OldestFirst).unwrap(), reader.refused().unwrap().len())
}

fn numbered(from: u64, rows: Vec<Row>) -> Vec<(u64, Row)> {
    (from..).zip(rows).collect()
}

#[test]
fn the_last_process_lived_until_its_last_input_or_its_last_heartbeat() {
    let last = Now { mono: Mono::from_ms(5000), wall: Wall::from_secs(1000) };
    let at = |secs: i64| Wall::from_secs(1000 + secs);
    let now = Now { mono: Mono::from_ms(25_000), wall: at(20) };
    for (beat, ms) in [
        (None, 0),                // it wrote something after each of them
        (Some(at(-1)), 0),        // the input came after it
        (Some(at(2)), 2000),      // nothing came after it
        (Some(at(7200)), 20_000), // the wall clock was set on between both
    ] {
        assert_eq!(lived_until(last, beat, now), last.after(Duration::from_millis(ms)), "{beat:?}");
    }
}

#[test]
fn a_record_closed_by_the_replay_is_not_closed_a_second_time_as_lost() {
    let all = numbered(1, rows(0));
    let (records, refused) = over(&all[..3], all.clone());
    assert_eq!((records.len(), records[0].recovered, refused), (1, false, 0));
}

#[test]
fn rows_of_a_life_that_began_afresh_are_not_taken_for_those_of_the_one_before() {
    let before: Vec<Row> = (0..3).flat_map(rows).collect();
    let (records, refused) = over(&numbered(1, before), numbered(1, rows(7)));
    assert_eq!((records.len(), refused), (4, 0));
}

#[test]
fn facts_that_the_crash_kept_from_the_store_are_told_again_and_no_others() {
    let fact = |n: u64| Fact {
        at: Now::from_ms(n),
        what: turno_base::fact::What::Emergency { queue: None, on: n.is_multiple_of(2) },
    };
    let facts: Vec<Fact> = (7..=10).map(fact).collect();
    for (last, is_ours, has) in [
        (None, true, 0),       // nothing is there
        (Some(6), true, 0),    // it ends right before
        (Some(8), true, 2),    // it has some
        (Some(10), true, 4),   // it has all
        (Some(12), true, 4),   // it has more: the journal lost its tail
        (Some(8), false, 0),   // of another life
        (Some(500), false, 0), // of another, longer life
    ] {
        let stored = |n| Some(fact(if is_ours { n } else { 99 }));
        assert_eq!(untold(10, &facts, last, stored), (7 + has as u64, &facts[has..]), "{last:?}");
    }
    assert_eq!(untold(0, &[], None, |_| None), (1, &[][..]));
}
