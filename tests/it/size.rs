//! A full house: very many registrations and records. How long a restart takes (reliability C2), that the engine never stands
//! still for the journal, and that phones are not all asked at once.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use turno::shell::store::{Options, Store};
use turno_base::fact::{Party, Segment, What};
use turno_base::{CallId, Cause, EndedBy, Fact, LegId, Mono, Now, Number, Outcome, Wall};
use turno_tariff::Deck;
use turno_tariff::cdr::Builder;

use super::crowd::Crowd;
use super::gun::percentile;
use super::rig::{Plan, Rig, goal, options_from};

/// Unless `TURNO_HOUSE_PHONES`, `TURNO_HOUSE_RECORDS` and `TURNO_HOUSE_KILLS` say.
const PHONES: u64 = 400;
const RECORDS: u64 = 2000;
const KILLS: u64 = 3;
/// Longest that nobody may answer OPTIONS after a kill, of 95 in 100.
const BACK: Duration = Duration::from_secs(2);
/// Registering so many takes a while in a build that is not optimised.
const GATHERED: Duration = Duration::from_secs(120);

fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Records of calls long over, as the engine would have written them.
fn write_records(rig: &Rig, count: u64) {
    let dir = rig.dir.join("data/records");
    std::fs::create_dir_all(&dir).unwrap();
    let (store, _) = Store::open(&dir, Options::default(), Vec::new(), |_| {}).unwrap();
    let (mut builder, deck, mut seq) = (Builder::default(), Deck::default(), 1);
    for n in 0..count {
        let (call, leg) = (CallId((u128::from(1_700_000_000_000 + n) << 80) | u128::from(n)), LegId::arrived(n));
        let number = |raw: &str| Number { raw: raw.to_owned(), e164: raw.parse().ok(), withheld: false };
        let (a, b) = (number(&format!("+34699{n:06}")), number("+34900100101"));
        let trunk = "pstn".parse().ok();
        let begun = Now { mono: Mono::from_ms(n), wall: Wall::from_secs(1_700_000_000 + n as i64) };
        let script = [
            (0, What::CallArrived { call, ani: a.clone(), dnis: b.clone(), trunk }),
            (0, What::LegBegan { call, leg, sip_call_id: format!("{n}@old"), a, b, party: Party::Caller(trunk) }),
            (5, What::LegAnswered { call, leg }),
            (5, What::SegmentBegan { call, leg, segment: Segment::Queue("averias".parse().unwrap()) }),
            (9000, What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Caller }),
            (9000, What::CallEnded { call, outcome: Outcome::Abandoned, by: EndedBy::Caller }),
        ];
        let mut rows = Vec::new();
        for (ms, what) in script {
            builder.on_fact(&Fact { at: begun.after(Duration::from_millis(ms)), what }, &deck, &mut rows);
        }
        for row in rows {
            // The store takes rows as fast as its disk.
            while store.append(seq, row.clone()).is_err() {
                std::thread::sleep(Duration::from_millis(5));
            }
            seq += 1;
        }
    }
    store.close(Duration::from_secs(120));
}

fn metric(rig: &Rig, name: &str) -> u64 {
    let page = rig.http("/metrics").unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.trim().parse::<f64>().ok()).map_or(0, |value| value as u64)
}

#[test]
fn a_full_house_is_back_in_two_seconds_and_never_stands_still_for_its_journal() {
    let (phones, records, kills) =
        (asked("TURNO_HOUSE_PHONES", PHONES), asked("TURNO_HOUSE_RECORDS", RECORDS), asked("TURNO_HOUSE_KILLS", KILLS));
    // Small segments, so that many begin while somebody looks.
    let plan = Plan { phones: 2, accounts: phones as usize, journal: "segment_size = \"1MB\"", ..Plan::default() };
    let mut rig = Rig::build(&plan);
    write_records(&rig, records);
    rig.start();
    rig.seat();
    let crowd = Crowd::gather(&rig, phones as usize);
    rig.until_in(GATHERED, "everybody is registered", |_| crowd.registered() >= phones);
    assert_eq!(rig.sizes().bindings, phones + 2);

    stand(&rig, &crowd);

    let mut back = Vec::new();
    for _ in 0..kills {
        rig.play(Duration::from_millis(300));
        rig.kill();
        back.push(rig.start());
        assert_eq!(rig.sizes().bindings, phones + 2, "nobody has to register again");
        let taken = rig.taken();
        rig.call(Duration::from_secs(1));
        rig.until("a call reaches an agent", |rig| rig.taken() > taken);
    }
    rig.until("everybody has gone", |rig| rig.is_quiet());
    println!(
        "C2: {phones} registrations, {records} records, {kills} kills: OPTIONS after p50 {:?}, p95 {:?}",
        percentile(&back, 50),
        percentile(&back, 95)
    );
    assert!(percentile(&back, 95) <= goal("TURNO_HOUSE_PHONES", BACK), "{back:?}");
    // The first probes after a restart are all due at once.
    let before = crowd.probed();
    rig.play(Duration::from_secs(1));
    let probed = crowd.probed() - before;
    println!("{probed} phones were asked within a second");
    assert!(probed <= 2000, "{probed} phones were asked within a second");
}

/// Somebody asks OPTIONS all the time while the phones' REGISTERs fill one segment of the journal after the other.
fn stand(rig: &Rig, crowd: &Crowd) {
    let over = Arc::new(AtomicBool::new(false));
    let (ended, from, to) = (over.clone(), rig.ip(201), rig.sip());
    let asker = std::thread::spawn(move || {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        let (mut took, mut missed) = (Vec::new(), 0);
        while !ended.load(Ordering::Relaxed) {
            let at = Instant::now();
            match options_from(&socket, to, goal("TURNO_HOUSE_PHONES", Duration::from_secs(2))) {
                Some(_) => took.push(at.elapsed()),
                None => missed += 1,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        (took, missed)
    });
    let segments = || {
        let names = std::fs::read_dir(rig.dir.join("data/journal")).unwrap();
        names.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "journal")).count()
    };
    let (first, began) = (segments(), Instant::now());
    crowd.register_again(true);
    while segments() < first + 4 || began.elapsed() < Duration::from_secs(3) {
        assert!(began.elapsed() < GATHERED, "the journal does not grow");
        std::thread::sleep(Duration::from_millis(20));
    }
    crowd.register_again(false);
    over.store(true, Ordering::Relaxed);
    let (took, missed) = asker.join().unwrap();
    println!(
        "{} segments began in {:?}: {} OPTIONS, p50 {:?}, p99 {:?}, p99.9 {:?}, worst {:?}; {missed} missed",
        segments() - first,
        began.elapsed(),
        took.len(),
        percentile(&took, 50),
        percentile(&took, 99),
        per_mille(&took, 999),
        percentile(&took, 100)
    );
    assert_eq!(metric(rig, "turno_journal_state_failures_total"), 0);
    assert_eq!(missed, 0);
}

fn per_mille(of: &[Duration], share: usize) -> Duration {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * share / 1000).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
