//! Facts folded into records, whole and after a crash.

use expect_test::expect;
use proptest::prelude::*;
use turno_base::fact::{CallbackAsked, DialogId, Fact, OfferEnd, Party, QueueLeft, Segment, What};
use turno_base::number::normalise;
use turno_base::{
    AgentId, CallId, Cause, Codec, E164, EndedBy, LegId, Name, Now, Number, Outcome, Quality, QueueId, Reason,
    SegmentId, StationId, TrunkId,
};

use super::*;
use crate::Deck;

pub(super) const CALL: CallId = CallId(0x019d_2b8c_1a00_0000_0000_0000_0000_0001);
const A: LegId = LegId::arrived(1);

fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

fn queue(name: &str) -> QueueId {
    QueueId::new(name).unwrap()
}

fn trunk() -> TrunkId {
    TrunkId::new("carrier").unwrap()
}

pub(super) fn number(raw: &str) -> Number {
    Number { raw: raw.to_owned(), e164: normalise(raw, "34"), withheld: false }
}

pub(super) fn deck() -> Deck {
    Deck::parse_csv(include_str!("../../../config/tariff.csv")).unwrap()
}

/// 2026-03-10T11:00:00Z plus `ms`.
pub(super) fn at(ms: u64) -> Now {
    let start = Now { mono: turno_base::Mono(0), wall: turno_base::Wall::from_secs(1_773_140_400) };
    start.after(std::time::Duration::from_millis(ms))
}

fn station(name: &str) -> StationId {
    StationId::new(name).unwrap()
}

fn began(leg: LegId, party: Party) -> What {
    let (a, b) = match party {
        Party::Caller(_) => (number("612345678"), number("900123456")),
        Party::Outside(_) => (number("910020000"), number("622333444")),
        Party::Agent(_, station) | Party::Station(station) => (number("612345678"), number(station.as_str())),
    };
    What::LegBegan { call: CALL, leg, sip_call_id: format!("{leg}@x"), a, b, party }
}

fn segment(leg: LegId, segment: Segment) -> What {
    What::SegmentBegan { call: CALL, leg, segment }
}

fn ended(leg: LegId, cause: Cause, by: EndedBy) -> What {
    What::LegEnded { call: CALL, leg, cause, by }
}

fn silent(leg: LegId, heard_ms: u64) -> What {
    What::LegSilent { call: CALL, leg, heard: at(heard_ms) }
}

fn dialog(leg: LegId, call_id: &str, local_tag: &str, remote_tag: &str) -> What {
    let [call_id, local_tag, remote_tag] = [call_id, local_tag, remote_tag].map(str::to_owned);
    What::LegDialog { call: CALL, leg, dialog: DialogId { call_id, local_tag, remote_tag } }
}

fn arrived() -> What {
    What::CallArrived { call: CALL, ani: number("612345678"), dnis: number("900123456"), trunk: Some(trunk()) }
}

fn customer() -> What {
    let (segment, customer) = (SegmentId::new("gold").unwrap(), Some("C-1".to_owned()));
    What::CustomerKnown { call: CALL, customer, segment, value_pm: 4000 }
}

/// A freephone call: greeting, queue, one agent misses it, another talks, holds, talks; the caller hangs up.
pub(super) fn a_queued_call() -> Vec<(u64, What)> {
    let (anna, boris) = (agent("anna"), agent("boris"));
    let (b1, b2) = (LegId::dialled(1), LegId::dialled(2));
    let offered = |agent, epoch| What::Offered { call: CALL, queue: queue("averias"), agent, epoch };
    let offer_ended = |agent, epoch, end, ring_ms| What::OfferEnded { call: CALL, agent, epoch, end, ring_ms };
    let left = QueueLeft::Answered(boris);
    let quality = Quality {
        codec: Some(Codec::Pcma),
        received: 4000,
        sent: 4100,
        lost: 12,
        jitter_us: 900,
        round_trip_us: 0,
        mos_x100: 421,
    };
    vec![
        (0, arrived()),
        (0, began(A, Party::Caller(Some(trunk())))),
        (2, customer()),
        (10, What::LegAnswered { call: CALL, leg: A }),
        (10, segment(A, Segment::Ivr(turno_base::PromptId::new("welcome").ok()))),
        (3010, What::QueueEntered { call: CALL, queue: queue("averias"), position: 2 }),
        (3010, segment(A, Segment::Queue(queue("averias")))),
        (8000, offered(anna, 7)),
        (8000, began(b1, Party::Agent(anna, station("1001")))),
        (8100, What::LegRinging { call: CALL, leg: b1 }),
        (28_100, offer_ended(anna, 7, OfferEnd::RingNoAnswer, 20_000)),
        (28_100, ended(b1, Cause::new(487, 19, Reason::RingLimit), EndedBy::Us)),
        (28_100, offered(boris, 8)),
        (28_100, began(b2, Party::Agent(boris, station("1002")))),
        (28_200, What::LegRinging { call: CALL, leg: b2 }),
        (30_000, dialog(b2, "b2@x-2", "ours", "his-second-phone")),
        (30_000, What::LegAnswered { call: CALL, leg: b2 }),
        (30_010, offer_ended(boris, 8, OfferEnd::Accepted, 1810)),
        (30_010, What::QueueLeft { call: CALL, queue: queue("averias"), left, position: 1, wait_ms: 27_000 }),
        (30_010, segment(A, Segment::Talk(boris))),
        (30_010, segment(b2, Segment::Talk(boris))),
        (50_010, segment(A, Segment::Hold(boris))),
        (50_010, segment(b2, Segment::Hold(boris))),
        (60_010, segment(A, Segment::Talk(boris))),
        (60_010, segment(b2, Segment::Talk(boris))),
        (90_010, ended(A, Cause::new(200, 16, Reason::Peer), EndedBy::Caller)),
        (90_010, ended(b2, Cause::NORMAL, EndedBy::Caller)),
        (90_015, What::LegQuality { call: CALL, leg: A, quality }),
        (90_020, What::CallEnded { call: CALL, outcome: Outcome::Answered, by: EndedBy::Caller }),
    ]
}

pub(super) fn rows(script: &[(u64, What)]) -> Vec<Row> {
    let (mut builder, deck, mut out) = (Builder::default(), deck(), Vec::new());
    for (ms, what) in script {
        while builder.deadline().is_some_and(|due| due <= at(*ms).mono) {
            let due = builder.deadline().unwrap();
            builder.on_deadline(at(due.as_ms()), &mut out);
        }
        // Each is a turn of its own.
        let mut turn = Vec::new();
        builder.on_fact(&Fact { at: at(*ms), what: what.clone() }, &deck, &mut turn);
        out.extend(turn);
    }
    out
}

pub(super) fn record(script: &[(u64, What)]) -> Record {
    match rows(script).pop().map(|row| row.kind) {
        Some(Kind::Close(record)) => *record,
        other => panic!("the script ends with a closed call, not {other:?}"),
    }
}

fn transcript(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let kind = match &row.kind {
            Kind::Open(facts) => format!("open {}", facts.len()),
            Kind::Interim(facts) => format!("interim {}", facts.len()),
            Kind::Close(record) => format!("close {}", record.outcome.as_str()),
        };
        out.push_str(&format!("{} {} {kind}\n", row.at.mono.as_ms(), row.seq));
    }
    out
}

#[test]
fn each_change_of_segment_and_each_half_minute_writes_a_row() {
    expect![[r#"
        0 0 open 1
        10 1 interim 3
        10 2 interim 1
        3010 3 interim 2
        28100 4 interim 5
        30000 5 interim 5
        30010 6 interim 2
        30010 7 interim 1
        30010 8 interim 1
        50010 9 interim 1
        50010 10 interim 1
        60010 11 interim 1
        60010 12 interim 1
        90010 13 interim 0
        90010 14 interim 1
        90010 15 interim 1
        90020 16 close answered
    "#]]
    .assert_eq(&transcript(&rows(&a_queued_call())));
}

#[test]
fn a_quiet_call_proves_its_life_every_half_minute() {
    let quiet =
        [(0, arrived()), (100_000, What::CallEnded { call: CALL, outcome: Outcome::Abandoned, by: EndedBy::Caller })];
    expect![[r#"
        0 0 open 1
        30000 1 interim 0
        60000 2 interim 0
        90000 3 interim 0
        100000 4 close abandoned
    "#]]
    .assert_eq(&transcript(&rows(&quiet)));
}

#[test]
fn a_missed_ring_is_a_segment_of_its_own_leg_and_not_a_call() {
    let record = record(&a_queued_call());
    let missed = &record.legs[1];
    assert_eq!(missed.stages.len(), 1);
    assert_eq!((missed.stages[0].segment, missed.stages[0].ms), (Segment::Ring(agent("anna")), 20_100));
    assert_eq!((missed.ring_ms, missed.talk_ms, missed.charges.len()), (20_100, 0, 0));
    assert_eq!((record.wait_ms(), record.talk_ms(), record.hold_ms()), (27_000, 50_000, 10_000));
    assert_eq!((record.agent(), record.queue()), (Some(agent("boris")), Some(queue("averias"))));
}

#[test]
fn the_inbound_clock_starts_at_our_answer_and_each_segment_bears_its_share() {
    let record = record(&a_queued_call());
    let company = &record.legs[0].charges[1];
    // 90 s from a mobile at 0.162 a minute
    assert_eq!((company.payer, company.rated.net.unwrap().to_string()), (crate::Payer::company(), "0.2430".to_owned()));
    let shares: Vec<i64> = record.legs[0].stages.iter().map(|stage| stage.shares[1]).collect();
    assert_eq!(shares, [0, 81, 729, 540, 270, 810]); // before the answer, greeting, queue, talk, hold, talk
    assert_eq!(record.costs[1].net, company.rated.net);
}

#[test]
fn a_step_of_the_wall_clock_changes_no_duration() {
    let mut script: Vec<Fact> = a_queued_call().into_iter().map(|(ms, what)| Fact { at: at(ms), what }).collect();
    for fact in script.iter_mut().filter(|fact| fact.at.mono >= at(40_000).mono) {
        fact.at.wall.0 -= 3_600_000_000;
    }
    let (mut builder, mut out) = (Builder::default(), Vec::new());
    script.iter().for_each(|fact| builder.on_fact(fact, &deck(), &mut out));
    let Some(Kind::Close(stepped)) = out.pop().map(|row| row.kind) else { panic!("closed") };
    let straight = record(&a_queued_call());
    assert_eq!(stepped.total_ms, straight.total_ms);
    assert_eq!(stepped.costs, straight.costs);
}

#[test]
fn a_call_that_went_out_is_priced_on_the_leg_outside() {
    let b = LegId::dialled(1);
    let record = record(&[
        (0, What::CallArrived { call: CALL, ani: number("1001"), dnis: number("622333444"), trunk: None }),
        (0, began(A, Party::Caller(None))),
        (0, began(b, Party::Outside(trunk()))),
        (5000, What::LegAnswered { call: CALL, leg: b }),
        (5000, segment(b, Segment::TalkOutside)),
        (36_000, ended(b, Cause::NORMAL, EndedBy::Agent)),
        (36_000, What::CallEnded { call: CALL, outcome: Outcome::Answered, by: EndedBy::Agent }),
    ]);
    assert_eq!(record.direction, Direction::Outbound);
    assert_eq!(record.legs[0].charges, []);
    let [charge] = &record.legs[1].charges[..] else { panic!("the company pays, the caller does not") };
    // 31 s as 36 s at 0.06 a minute, and 0.005
    assert_eq!((charge.rated.net.unwrap().to_string(), charge.rated.billed_ms), ("0.0410".to_owned(), 36_000));
}

#[test]
fn a_callback_is_chained_to_the_call_that_asked_and_priced_on_the_customers_leg() {
    let (b, c, first) = (LegId::dialled(1), LegId::dialled(2), CallId(7));
    let record = record(&[
        (0, What::CallArrived { call: CALL, ani: number("910020000"), dnis: number("622333444"), trunk: None }),
        (0, What::CallingBack { call: CALL, first: Some(first), attempt: 2 }),
        (0, began(c, Party::Agent(agent("anna"), station("1001")))),
        (2000, What::LegAnswered { call: CALL, leg: c }),
        (2000, began(b, Party::Outside(trunk()))),
        (5000, What::LegAnswered { call: CALL, leg: b }),
        (5000, segment(b, Segment::Talk(agent("anna")))),
        (36_000, ended(b, Cause::NORMAL, EndedBy::Caller)),
        (36_000, ended(c, Cause::NORMAL, EndedBy::Caller)),
        (36_000, What::CallEnded { call: CALL, outcome: Outcome::Answered, by: EndedBy::Caller }),
    ]);
    assert_eq!((record.direction, record.purpose), (Direction::Outbound, Purpose::Callback));
    assert_eq!(record.calling_back, Some(CallingBack { first: Some(first), attempt: 2 }));
    assert_eq!((record.agent(), record.talk_ms()), (Some(agent("anna")), 31_000));
    assert_eq!(record.costs[0].net.unwrap().to_string(), "0.0410");
    assert_eq!(record.costs.len(), 1, "the customer who is called pays nothing");
}

#[test]
fn a_caller_who_left_to_be_called_back_says_by_what() {
    let record = record(&[
        (0, arrived()),
        (4000, What::CallbackTaken { call: CALL, queue: queue("averias"), how: CallbackAsked::Key }),
        (5000, What::CallEnded { call: CALL, outcome: Outcome::Callback, by: EndedBy::Caller }),
    ]);
    assert_eq!((record.callback_asked, record.outcome), (Some(CallbackAsked::Key), Outcome::Callback));
}

#[test]
fn what_one_turn_says_of_a_call_is_one_row_and_tells_a_recovery_the_same() {
    let (mut builder, mut out, deck) = (Builder::default(), Vec::new(), deck());
    let script = a_queued_call();
    for turn in script.chunk_by(|(a, _), (b, _)| a == b) {
        let mut rows = Vec::new();
        turn.iter().for_each(|(ms, what)| {
            builder.on_fact(&Fact { at: at(*ms), what: what.clone() }, &deck, &mut rows);
        });
        assert!(rows.len() <= 1, "{rows:?}");
        out.extend(rows);
    }
    let each = rows(&script);
    assert!(out.len() < each.len(), "{} rows, {} with a turn for each fact", out.len(), each.len());
    let close = |rows: &[Row]| match rows.last().map(|row| row.kind.clone()) {
        Some(Kind::Close(record)) => record,
        other => panic!("a record, not {other:?}"),
    };
    assert_eq!(close(&out), close(&each));
    assert!(out.iter().enumerate().all(|(n, row)| row.seq as usize == n), "numbers ascend by one");
    // A crash after each row leaves what a turn for each fact would have left by then.
    for (n, row) in out.iter().enumerate().take(out.len() - 1) {
        let by_then = each.iter().filter(|other| other.at <= row.at).cloned().collect::<Vec<Row>>();
        let record_of = |rows: &[Row]| match &recover(rows, &deck)[..] {
            [Row { kind: Kind::Close(record), .. }] => record.clone(),
            other => panic!("one close: {other:?}"),
        };
        assert_eq!(record_of(&out[..=n]), record_of(&by_then), "after row {n}");
    }
}

#[test]
fn facts_about_calls_that_are_over_are_counted_and_dropped() {
    let (mut builder, mut out) = (Builder::default(), Vec::new());
    let mut script = a_queued_call();
    script.push((90_030, segment(A, Segment::Ivr(None))));
    script.push((90_031, What::CallEnded { call: CALL, outcome: Outcome::Failed, by: EndedBy::Us }));
    for (ms, what) in script {
        builder.on_fact(&Fact { at: at(ms), what }, &deck(), &mut out);
    }
    assert_eq!(builder.sizes(), Sizes { calls: 0, legs: 0, pending: 0, stale: 2 });
    assert_eq!(builder.deadline(), None);
    assert_eq!(out.iter().filter(|row| matches!(row.kind, Kind::Close(_))).count(), 1);
}

#[test]
fn a_call_open_at_a_crash_is_closed_once_at_the_last_sign_of_life() {
    let rows = rows(&a_queued_call());
    let recovered = recover(&rows[..10], &deck());
    let [Row { seq: 10, kind: Kind::Close(record), .. }] = &recovered[..] else { panic!("one close: {recovered:?}") };
    assert!(record.recovered && record.estimated);
    assert_eq!(
        (record.total_ms, record.outcome, record.legs[0].cause.reason),
        (50_010, Outcome::Answered, Reason::Restart)
    );
    assert_eq!(record.costs[1].net.unwrap().to_string(), "0.1350"); // 50 s
    assert_eq!(recover(&rows, &deck()), []);
}

#[test]
fn rows_appended_a_second_time_by_a_replay_count_once() {
    let rows = rows(&a_queued_call());
    let twice: Vec<Row> = rows[..10].iter().chain(&rows[3..11]).cloned().collect();
    assert_eq!(recover(&twice, &deck()), recover(&rows[..11], &deck()));
    let after_the_end: Vec<Row> = rows.iter().chain(&rows[..5]).cloned().collect();
    assert_eq!(recover(&after_the_end, &deck()), []);
}

#[test]
fn a_heartbeat_moves_the_estimated_end_and_a_call_that_goes_on_stays_open() {
    let rows = rows(&a_queued_call());
    let recovery = || {
        let mut recovery = Recovery::default();
        rows[..10].iter().for_each(|row| recovery.on_row(row));
        recovery
    };
    let closed = recovery().finish(&deck(), Some(at(55_000).wall), |_| false);
    let [Row { kind: Kind::Close(record), .. }] = &closed[..] else { panic!("one close") };
    assert_eq!(record.total_ms, 55_000);
    assert_eq!(recovery().open().collect::<Vec<_>>(), [CALL]);
    assert_eq!(recovery().finish(&deck(), None, |_| true), []);
}

#[test]
fn a_crash_of_a_life_that_began_afresh_is_dated_by_its_own_rows() {
    // The life before wrote an hour by the clock that the next one begins again at 0.
    let earlier = Now { mono: turno_base::Mono::from_ms(3_600_000), wall: at(0).wall };
    let mut recovery = Recovery::default();
    recovery.on_proof(earlier);
    rows(&a_queued_call())[..10].iter().for_each(|row| recovery.on_row(row));
    let closed = recovery.finish(&deck(), None, |_| false);
    let [Row { kind: Kind::Close(record), .. }] = &closed[..] else { panic!("one close") };
    assert_eq!(record.total_ms, 50_010);
}

#[test]
fn what_exceeds_a_record_is_counted_and_a_leg_stays_whole() {
    let mut script = vec![(0, arrived()), (0, began(A, Party::Caller(None)))];
    for n in 0..=LEGS_MAX as u64 {
        script.push((n, began(LegId::dialled(n), Party::Station(station("1001")))));
    }
    for n in 0..=STAGES_MAX as u64 {
        let one = if n % 2 == 0 { Segment::Talk(agent("anna")) } else { Segment::Hold(agent("anna")) };
        script.push((5000 + n, segment(A, one)));
    }
    for n in 0..=OFFERS_MAX as u64 {
        script.push((6000 + n, What::Offered { call: CALL, queue: queue("x"), agent: agent("anna"), epoch: n }));
    }
    for n in 0..=STAYS_MAX as u32 {
        script.push((8000, What::QueueEntered { call: CALL, queue: queue("x"), position: n }));
    }
    script.push((9000, What::CallEnded { call: CALL, outcome: Outcome::Failed, by: EndedBy::Us }));
    let record = record(&script);
    assert_eq!((record.legs.len(), record.legs[0].stages.len()), (LEGS_MAX, STAGES_MAX));
    assert_eq!((record.offers.len(), record.stays.len()), (OFFERS_MAX, STAYS_MAX));
    assert_eq!(record.left_out, 2 + 1 + 1);
    whole(&record).unwrap();
    // The pending bound wrote rows although no milestone passed.
    assert!(rows(&script).iter().all(|row| !matches!(&row.kind, Kind::Interim(facts) if facts.len() > PENDING_MAX)));
}

/// Segments partition each leg; parts add up to wholes, to the last decimal.
fn whole(record: &Record) -> Result<(), TestCaseError> {
    for leg in &record.legs {
        prop_assert!(!leg.stages.is_empty());
        prop_assert_eq!(leg.stages.iter().map(|stage| stage.ms).sum::<u64>(), leg.total_ms);
        for (n, charge) in leg.charges.iter().enumerate() {
            let shares: i64 = leg.stages.iter().map(|stage| stage.shares[n]).sum();
            prop_assert_eq!(shares, charge.rated.net.map_or(0, |net| net.units));
        }
    }
    for cost in &record.costs {
        let charges = record.legs.iter().flat_map(|leg| &leg.charges).filter(|charge| charge.payer == cost.payer);
        let sum: i64 = charges.filter_map(|charge| charge.rated.net).map(|net| net.units).sum();
        prop_assert_eq!(cost.net.map_or(0, |net| net.units), sum);
    }
    Ok(())
}

#[expect(clippy::disallowed_types, reason = "proptest's unions share their parts")]
fn any_fact() -> impl Strategy<Value = What> {
    let leg = || (0..5_u64).prop_map(LegId);
    let who = || prop::sample::select(vec![agent("anna"), agent("boris")]);
    let place = || prop::sample::select(vec![queue("averias"), queue("ventas")]);
    let stage = prop_oneof![
        Just(Segment::Ivr(None)),
        place().prop_map(Segment::Queue),
        who().prop_map(Segment::Ring),
        who().prop_map(Segment::Talk),
        Just(Segment::TalkOutside),
        who().prop_map(Segment::Hold),
    ];
    let party = prop_oneof![
        Just(Party::Caller(Some(trunk()))),
        Just(Party::Caller(None)),
        who().prop_map(|who| Party::Agent(who, station("1001"))),
        Just(Party::Outside(trunk())),
    ];
    let quit = prop::sample::select(vec![QueueLeft::Abandoned, QueueLeft::Overflowed, QueueLeft::TimedOut]);
    prop_oneof![
        Just(customer()),
        (leg(), party).prop_map(|(leg, party)| began(leg, party)),
        leg().prop_map(|leg| What::LegRinging { call: CALL, leg }),
        leg().prop_map(|leg| What::LegAnswered { call: CALL, leg }),
        (leg(), stage).prop_map(|(leg, stage)| segment(leg, stage)),
        leg().prop_map(|leg| ended(leg, Cause::NORMAL, EndedBy::Caller)),
        (leg(), 0..600_000_u64).prop_map(|(leg, heard)| silent(leg, heard)),
        place().prop_map(|queue| What::QueueEntered { call: CALL, queue, position: 1 }),
        (place(), quit).prop_map(|(queue, left)| What::QueueLeft { call: CALL, queue, left, position: 1, wait_ms: 5 }),
        (place(), who(), 0..3_u64).prop_map(|(queue, agent, epoch)| What::Offered { call: CALL, queue, agent, epoch }),
        (who(), 0..3_u64).prop_map(|(agent, epoch)| {
            What::OfferEnded { call: CALL, agent, epoch, end: OfferEnd::Declined, ring_ms: 9 }
        }),
        Just(arrived()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_happens_there_is_one_whole_record(
        facts in prop::collection::vec((0..40_000_u64, any_fact()), 0..60),
        crash in any::<prop::sample::Index>(),
    ) {
        let mut ms = 0;
        let mut script = vec![(0, arrived())];
        for (step, what) in facts {
            ms += step;
            script.push((ms, what));
        }
        script.push((ms + 1, What::CallEnded { call: CALL, outcome: Outcome::Answered, by: EndedBy::Caller }));
        let rows = rows(&script);
        prop_assert!(rows.iter().enumerate().all(|(n, row)| row.seq as usize == n), "seq ascends by one");
        let closes: Vec<&Record> = rows.iter().filter_map(|row| match &row.kind {
            Kind::Close(record) => Some(&**record),
            Kind::Open(_) | Kind::Interim(_) => None,
        }).collect();
        prop_assert_eq!(closes.len(), 1);
        whole(closes[0])?;
        brief::is_of(closes[0])?;
        prop_assert_eq!(recover(&rows, &deck()), vec![]);

        let cut = 1 + crash.index(rows.len() - 1);
        let recovered = recover(&rows[..cut], &deck());
        prop_assert_eq!(recovered.len(), 1);
        prop_assert_eq!(recovered[0].seq as usize, cut);
        let Kind::Close(record) = &recovered[0].kind else { panic!("recovery closes") };
        whole(record)?;
        // What is seen to have been silent later is not known yet.
        prop_assert!(record.total_ms <= ms + 1);
        let silent = script.iter().any(|(_, what)| matches!(what, What::LegSilent { .. }));
        prop_assert!(silent || record.total_ms <= closes[0].total_ms);
        let mut all = rows[..cut].to_vec();
        all.extend(recovered);
        prop_assert_eq!(recover(&all, &deck()), vec![], "a second recovery finds nothing open");

        let bytes = postcard::to_allocvec(&rows).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Vec<Row>>(&bytes).unwrap(), rows);
    }
}

mod brief;
mod died;
mod stuck;

#[test]
fn a_draft_survives_a_snapshot() {
    let (mut builder, mut out) = (Builder::default(), Vec::new());
    for (ms, what) in a_queued_call().into_iter().take(15) {
        builder.on_fact(&Fact { at: at(ms), what }, &deck(), &mut out);
    }
    let bytes = postcard::to_allocvec(&builder).unwrap();
    assert_eq!(postcard::from_bytes::<Builder>(&bytes).unwrap(), builder);
}

#[test]
fn the_name_of_a_hidden_caller_prices_as_no_origin() {
    let mut script = a_queued_call();
    if let What::LegBegan { a, .. } = &mut script[1].1 {
        a.withheld = true;
    }
    assert_eq!(record(&script).legs[0].charges[1].rated.rate, Name::new("freephone").ok());
    assert_eq!(number("612345678").e164, E164::new("+34612345678").ok());
}

#[test]
fn a_recovered_record_names_the_revisions_that_decided_it() {
    let mut builder = Builder::default();
    let mut rows = Vec::new();
    let configured = |revision| What::Configured { revision };
    let mut tell = |ms, what| builder.on_fact(&Fact { at: at(ms), what }, &deck(), &mut rows);
    tell(0, configured(6));
    for (ms, what) in a_queued_call() {
        // Between its two offers the configuration changes, twice.
        if ms == 28_100 && matches!(what, What::LegEnded { .. }) {
            tell(ms, configured(7));
            tell(ms, configured(8));
        }
        tell(ms, what);
    }
    let told = |record: &Record| {
        (record.config_revision, record.offers.iter().map(|offer| offer.config_revision).collect::<Vec<_>>())
    };
    let whole = rows.iter().find_map(|row| match &row.kind {
        Kind::Close(record) => Some(told(record)),
        Kind::Open(_) | Kind::Interim(_) => None,
    });
    assert_eq!(whole, Some((6, vec![6, 8])));
    let open: Vec<Row> = rows.into_iter().filter(|row| !matches!(row.kind, Kind::Close(_))).collect();
    let closed = recovery::recover(&open, &deck());
    let Kind::Close(record) = &closed[0].kind else { panic!("{closed:?}") };
    assert_eq!(told(record), (6, vec![6, 8]));
}

#[test]
fn the_last_names_told_of_a_leg_are_those_of_its_record() {
    let mut script = a_queued_call();
    script.insert(2, (1, dialog(A, "a1@x", "one", "")));
    script.insert(4, (8, dialog(A, "a1@x", "two", "theirs")));
    let names = |leg: &Leg| [&leg.sip_call_id, &leg.local_tag, &leg.remote_tag].map(String::clone).join(" ");
    let told = record(&script);
    assert_eq!(
        told.legs.iter().map(names).collect::<Vec<_>>(),
        ["a1@x two theirs", "b1@x  ", "b2@x-2 ours his-second-phone"]
    );
    // A crash before the end changes nothing of it.
    let rows = rows(&script);
    let [Row { kind: Kind::Close(record), .. }] = &recover(&rows[..rows.len() - 1], &deck())[..] else { panic!("one") };
    assert_eq!(record.legs.iter().map(names).collect::<Vec<_>>(), told.legs.iter().map(names).collect::<Vec<_>>());
}
