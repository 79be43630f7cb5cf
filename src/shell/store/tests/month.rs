//! A month of calls through the store, with its figures: answered, abandoned, overflowed, rung out and handed on. `scripts/full m1` is the
//! whole size, a million.

use super::*;
use std::collections::BTreeMap;
use std::sync::Mutex;

use nix::sys::time::TimeValLike;
use turno_base::fact::{AgentState, OfferEnd, QueueLeft};
use turno_base::{Mono, Name, SegmentId};
use turno_report::forecast::Date;
use turno_report::kpi::{KpiTerms, Quarter, Tally};

use crate::shell::figures::audit::audit_day;
use crate::shell::figures::{FigureReader, Figures, zone};
use crate::shell::store::audit::audit;
use crate::shell::store::feed::{Content, History, Item, Wants};
use crate::shell::store::log;

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

/// Calls of so many of which the second, the fourth and the third of ten are: overflowed, handed on, and rung out at an agent first.
fn of_ten(calls: u64) -> (u64, u64, u64) {
    let nth = |n: u64| (calls + 9 - n) / 10;
    (nth(1), nth(3), nth(2))
}

/// The facts of the `n`-th call, which arrives so many ms after the month began. Of ten one is abandoned, one overflows to the other queue,
/// one rings out at an agent before another takes it, and one is handed on to a second agent.
fn told(n: u64, arrives_ms: u64) -> Vec<Fact> {
    let (call, leg, kind) = (call(arrives_ms), LegId::arrived(arrives_ms), n % 10);
    let agent = |n: u64| AgentId::new(&format!("agent-{}", n % 60)).unwrap();
    let [here, there] = [n, n + 1].map(|n| QueueId::new(["averias", "ventas"][n as usize % 2]).unwrap());
    let (first, second, trunk) = (agent(n), agent(n + 30), TrunkId::new("carrier").ok());
    let (a, b) = (number(&format!("6{:08}", n % 300_000)), number("900123456"));
    let (segment, customer) =
        (SegmentId::new(["gold", "basic"][n as usize / 10 % 2]).unwrap(), Some(format!("c{}", n % 300_000)));
    let start = Now { mono: Mono::from_ms(arrives_ms), wall: Wall::from_secs(1_773_140_400).plus_ms(arrives_ms) };
    let mut facts = Vec::new();
    let mut tell = |ms: u64, what| facts.push(Fact { at: start.after(Duration::from_millis(ms)), what });
    let state = |agent, state, of| What::AgentChanged { agent, station: None, state, call: of, is_paid: true };
    let heard = |segment| What::SegmentBegan { call, leg, segment };
    tell(0, What::CallArrived { call, ani: a.clone(), dnis: b.clone(), trunk });
    tell(0, What::LegBegan { call, leg, sip_call_id: format!("{n}@test"), a, b, party: Party::Caller(trunk) });
    tell(0, What::LegDialog { call, leg, dialog: dialog(n) });
    tell(2, What::CustomerKnown { call, customer, segment, value_pm: 1000 });
    tell(5, What::LegAnswered { call, leg });
    tell(5, What::QueueEntered { call, queue: here, position: 1 });
    tell(5, heard(Segment::Queue(here)));
    let ended = 12_005 + n % 1000;
    if kind == 0 {
        tell(ended, What::QueueLeft { call, queue: here, left: QueueLeft::Abandoned, position: 1, wait_ms: ended - 5 });
        tell(ended, What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Caller });
        tell(ended, What::CallEnded { call, outcome: Outcome::Abandoned, by: EndedBy::Caller });
        return facts;
    }
    let (mut queue, mut entered, mut agent) = (here, 5, first);
    if kind == 1 {
        tell(1000, What::QueueLeft { call, queue, left: QueueLeft::Overflowed, position: 1, wait_ms: 995 });
        (queue, entered) = (there, 1000);
        tell(1000, What::QueueEntered { call, queue, position: 1 });
        tell(1000, heard(Segment::Queue(queue)));
    }
    let mut epoch = 2 * n;
    if kind == 2 {
        tell(1000, What::Offered { call, queue, agent, epoch });
        tell(1000, state(agent, AgentState::Ringing, Some(call)));
        tell(3000, What::OfferEnded { call, agent, epoch, end: OfferEnd::RingNoAnswer, ring_ms: 2000 });
        tell(3000, state(agent, AgentState::Ready, None));
        (agent, epoch) = (second, epoch + 1);
    }
    tell(4000, What::Offered { call, queue, agent, epoch });
    tell(4000, state(agent, AgentState::Ringing, Some(call)));
    tell(6000, What::OfferEnded { call, agent, epoch, end: OfferEnd::Accepted, ring_ms: 2000 });
    tell(6000, What::QueueLeft { call, queue, left: QueueLeft::Answered(agent), position: 1, wait_ms: 6000 - entered });
    tell(6000, state(agent, AgentState::Talking, Some(call)));
    tell(6000, heard(Segment::Talk(agent)));
    if kind == 3 {
        tell(9000, state(agent, AgentState::WrapUp, Some(call)));
        tell(9000, state(second, AgentState::Talking, Some(call)));
        tell(9000, heard(Segment::Talk(second)));
        tell(10_000, state(agent, AgentState::Ready, None));
        agent = second;
    }
    tell(ended, state(agent, AgentState::WrapUp, Some(call)));
    tell(ended, What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Caller });
    tell(ended, What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller });
    tell(ended + 1000, What::Disposed { call, agent, disposition: Name::new("sale").unwrap() });
    tell(ended + 5000, state(agent, AgentState::Ready, None));
    facts
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
    let apart_ms = MONTH_MS / calls;
    let (mut builder, mut ahead, mut entered) = (Builder::default(), Vec::new(), 0);
    for n in 0..calls {
        ahead.extend(told(n, n * apart_ms));
        if n % 1000 != 999 && n + 1 < calls {
            continue;
        }
        // Calls overlap: their facts come in the order of time. What is later than the last arrival waits.
        ahead.sort_by_key(|fact: &Fact| fact.at.mono);
        let last = Mono::from_ms(n * apart_ms);
        let whole = ahead.partition_point(|fact| fact.at.mono <= last || n + 1 == calls);
        let facts: Vec<Fact> = ahead.drain(..whole).collect();
        for turn in facts.chunk_by(|one, next| one.at.mono == next.at.mono) {
            let bytes = turn.iter().flat_map(|fact| postcard::to_allocvec(fact).unwrap()).collect();
            assert!(store.append_facts(number, turn.len() as u64, bytes));
            number += turn.len() as u64;
            let mut rows = Vec::new();
            turn.iter().for_each(|fact| builder.on_fact(fact, &deck, &mut rows));
            for row in rows {
                store.append(seq, row).unwrap();
                seq += 1;
            }
            entered += turn.iter().filter(|fact| matches!(fact.what, What::QueueEntered { .. })).count() as u64;
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
    assert_eq!(stays, entered);
    let first_quarter = 900_000 / apart_ms + 1;
    assert!(compared >= calls - first_quarter - 90_000 / apart_ms - 1, "{compared} of {calls}");
    let mut sum = Tally::default();
    let month = Quarter::of(Wall(0))..Quarter(i64::from(u32::MAX));
    FigureReader::open(&dir.0).unwrap().each_tally(&month, |_, tally| sum.merge(&tally)).unwrap();
    let c = sum.counts;
    let abandoned = calls.div_ceil(10);
    assert_eq!((c.calls, c.entered, c.answered, c.abandoned), (calls, entered, calls - abandoned, abandoned));
    assert_eq!((c.overflowed, c.handled - c.answered, c.offered.not_taken()), of_ten(calls));
    assert_eq!((c.disposed, c.completed, c.offered.accepted), (c.answered, c.answered, c.answered));
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
