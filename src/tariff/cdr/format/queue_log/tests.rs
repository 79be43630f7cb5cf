//! Scripts of facts in, lines of `queue_log` out.

use std::fmt::Write;

use expect_test::expect;
use turno_base::fact::OfferEnd;
use turno_base::{Cause, Name, Outcome, StationId, TrunkId};

use super::*;
use crate::cdr::tests::{CALL, a_queued_call, at, number};

const A: LegId = LegId::arrived(1);

fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

fn queue(name: &str) -> QueueId {
    QueueId::new(name).unwrap()
}

fn run(script: &[(u64, What)]) -> String {
    let serving = [("anna", &["averias", "ventas"][..]), ("boris", &["averias"])];
    let serving: Serving =
        serving.iter().map(|(name, queues)| (agent(name), queues.iter().map(|q| queue(q)).collect())).collect();
    let (mut fold, mut out) = (QueueLog::default(), String::new());
    for (ms, what) in script {
        let fact = Fact { at: at(*ms), what: what.clone() };
        // Whatever is written of what happens is no word for others.
        let mut lines = Vec::new();
        fold.clone().lines(&fact, &serving, &mut lines);
        let is_note = matches!(what, What::QueueNoted { .. });
        assert!(lines.iter().all(|line| is_note || note::is_taken(&line.event)), "{lines:?}");
        // What is remembered outlives a restart at any place.
        let kept = postcard::to_allocvec(&fold).unwrap();
        fold = postcard::from_bytes(&kept).unwrap();
        fold.on_fact(&fact, &serving, &mut out);
    }
    assert_eq!(fold.calls.len(), 0, "a call that ended is forgotten");
    out
}

fn arrives() -> Vec<(u64, What)> {
    let trunk = TrunkId::new("carrier").ok();
    let (ani, dnis) = (number("612345678"), number("900123456"));
    let began = What::LegBegan {
        call: CALL,
        leg: A,
        sip_call_id: "x".into(),
        a: ani.clone(),
        b: dnis.clone(),
        party: Party::Caller(trunk),
    };
    vec![(0, What::CallArrived { call: CALL, ani, dnis, trunk }), (0, began)]
}

fn enters(name: &str, position: u32) -> What {
    What::QueueEntered { call: CALL, queue: queue(name), position }
}

fn leaves(name: &str, left: QueueLeft, position: u32, wait_ms: u64) -> What {
    What::QueueLeft { call: CALL, queue: queue(name), left, position, wait_ms }
}

fn is(segment: Segment) -> What {
    What::SegmentBegan { call: CALL, leg: A, segment }
}

fn dials(leg: u64, to: &str, party: Party) -> What {
    let (a, b) = (number("612345678"), number(to));
    What::LegBegan { call: CALL, leg: LegId::dialled(leg), sip_call_id: String::new(), a, b, party }
}

fn anna() -> Party {
    Party::Agent(agent("anna"), StationId::new("1001").unwrap())
}

fn ends(by: EndedBy) -> What {
    What::CallEnded { call: CALL, outcome: Outcome::Answered, by }
}

fn leg_ends(leg: LegId) -> What {
    What::LegEnded { call: CALL, leg, cause: Cause::NORMAL, by: EndedBy::Agent }
}

/// Entered averias, taken by anna after 5 s of which she rang for 3, in conversation from then on.
fn talks() -> Vec<(u64, What)> {
    let mut script = arrives();
    let taken = What::OfferEnded { call: CALL, agent: agent("anna"), epoch: 1, end: OfferEnd::Accepted, ring_ms: 3000 };
    script.extend([
        (1000, enters("averias", 2)),
        (1000, is(Segment::Queue(queue("averias")))),
        (3000, dials(7, "1001", anna())),
        (6000, taken),
        (6000, leaves("averias", QueueLeft::Answered(agent("anna")), 1, 5000)),
        (6000, is(Segment::Talk(agent("anna")))),
    ]);
    script
}

fn with(mut script: Vec<(u64, What)>, more: impl IntoIterator<Item = (u64, What)>) -> Vec<(u64, What)> {
    script.extend(more);
    script
}

#[test]
fn a_missed_ring_and_a_conversation_that_the_caller_ended() {
    expect![[r#"
        1773140403|1774552095.1|NONE|NONE|DID|34900123456
        1773140403|1774552095.1|averias|NONE|ENTERQUEUE||34612345678|2|C-1
        1773140428|1774552095.1|averias|anna|RINGNOANSWER|20000
        1773140430|1774552095.1|averias|boris|CONNECT|27|1773140428.5|1
        1773140490|1774552095.1|averias|boris|COMPLETECALLER|27|60|2
    "#]]
    .assert_eq(&run(&a_queued_call()));
}

#[test]
fn an_overflow_writes_an_exit_in_the_first_queue_and_an_entry_with_the_same_id_in_the_second() {
    let lost = What::OfferEnded { call: CALL, agent: agent("anna"), epoch: 3, end: OfferEnd::LostRace, ring_ms: 1200 };
    expect![[r#"
        1773140401|1774552095.1|NONE|NONE|DID|34900123456
        1773140401|1774552095.1|averias|NONE|ENTERQUEUE||34612345678|3|
        1773140461|1774552095.1|averias|NONE|EXITWITHTIMEOUT|2|3|60
        1773140461|1774552095.1|ventas|NONE|ENTERQUEUE||34612345678|1|
        1773140462|1774552095.1|ventas|anna|RINGCANCELED|1200
        1773140470|1774552095.1|ventas|NONE|ABANDON|1|1|9
    "#]]
    .assert_eq(&run(&with(
        arrives(),
        [
            (1000, enters("averias", 3)),
            (61_000, leaves("averias", QueueLeft::Overflowed, 2, 60_000)),
            (61_000, enters("ventas", 1)),
            (62_200, lost),
            (70_000, leaves("ventas", QueueLeft::Abandoned, 1, 9000)),
            (70_000, ends(EndedBy::Caller)),
        ],
    )));
}

#[test]
fn every_way_out_of_a_queue_has_its_event() {
    let asked = |how| What::CallbackTaken { call: CALL, queue: queue("averias"), how };
    let presses = |key| What::LeavingByKey { call: CALL, queue: queue("averias"), key };
    let mut got = String::new();
    for (before, left) in [
        (None, QueueLeft::Abandoned),
        (None, QueueLeft::ShortAbandoned),
        (None, QueueLeft::Overflowed),
        (None, QueueLeft::TimedOut),
        (None, QueueLeft::Empty),
        (None, QueueLeft::Withdrawn),
        (None, QueueLeft::Failed),
        (Some(presses('5')), QueueLeft::ExitKey),
        (Some(presses('*')), QueueLeft::CallbackTaken),
        // Before the key was told.
        (None, QueueLeft::ExitKey),
        (Some(asked(CallbackAsked::Overflow)), QueueLeft::CallbackTaken),
        (Some(asked(CallbackAsked::Person)), QueueLeft::CallbackTaken),
    ] {
        let before = before.map(|what| (8000, what));
        let script = with(arrives(), [(1000, enters("averias", 4))].into_iter().chain(before));
        let out = run(&with(script, [(9000, leaves("averias", left, 2, 8000)), (9000, ends(EndedBy::Us))]));
        let last = out.lines().last().unwrap().strip_prefix("1773140409|1774552095.1|averias|NONE|").unwrap();
        let _ = writeln!(got, "{}: {last}", left.as_str());
    }
    expect![[r#"
        abandoned: ABANDON|2|4|8
        short_abandoned: ABANDON|2|4|8
        overflowed: EXITWITHTIMEOUT|2|4|8
        timed_out: EXITWITHTIMEOUT|2|4|8
        empty: EXITEMPTY|2|4|8
        withdrawn: WITHDRAW|2|4|8|
        failed: WITHDRAW|2|4|8|failed
        exit_key: EXITWITHKEY|5|2|4|8
        callback_taken: EXITWITHKEY|*|2|4|8
        exit_key: EXITWITHKEY|NONE|2|4|8
        callback_taken: EXITWITHTIMEOUT|2|4|8
        callback_taken: WITHDRAW|2|4|8|callback
    "#]]
    .assert_eq(&got);
}

#[test]
fn a_blind_transfer_ends_the_agents_part_when_he_lets_go() {
    let outside = Party::Outside(TrunkId::new("carrier").unwrap());
    let script = with(
        talks(),
        [
            (26_000, dials(8, "622333444", outside)),
            (26_000, is(Segment::Ivr(None))),
            (26_010, leg_ends(LegId::dialled(7))),
            (30_000, is(Segment::TalkOutside)),
            (90_000, ends(EndedBy::Caller)),
        ],
    );
    let last = "1773140430|1774552095.1|averias|anna|BLINDTRANSFER|34622333444|turno|5|20|2";
    assert_eq!(run(&script).lines().last(), Some(last));
}

#[test]
fn a_blind_transfer_that_comes_back_was_none() {
    let outside = Party::Outside(TrunkId::new("carrier").unwrap());
    let script = with(
        talks(),
        [
            (26_000, dials(8, "622333444", outside)),
            (26_000, is(Segment::Ivr(None))),
            (40_000, is(Segment::Talk(agent("anna")))),
            (50_000, leg_ends(LegId::dialled(7))),
            (50_900, ends(EndedBy::Agent)),
        ],
    );
    let last = "1773140450|1774552095.1|averias|anna|COMPLETEAGENT|5|44|2";
    assert_eq!(run(&script).lines().last(), Some(last));
}

#[test]
fn an_agent_who_takes_the_caller_with_him_to_another_phone_talks_on() {
    let script = with(
        talks(),
        [
            (16_000, is(Segment::Hold(agent("anna")))),
            (16_000, dials(8, "1003", anna())),
            (20_000, leg_ends(LegId::dialled(7))),
            (20_000, is(Segment::Talk(agent("anna")))),
            (50_000, leg_ends(LegId::dialled(8))),
            (50_900, ends(EndedBy::Agent)),
        ],
    );
    let last = "1773140450|1774552095.1|averias|anna|COMPLETEAGENT|5|44|2";
    assert_eq!(run(&script).lines().last(), Some(last));
}

#[test]
fn an_attended_transfer_names_the_colleague() {
    let boris = Party::Agent(agent("boris"), StationId::new("1002").unwrap());
    let script = with(
        talks(),
        [
            (16_000, is(Segment::Consult(agent("anna")))),
            (26_000, dials(9, "1002", boris)),
            (26_000, is(Segment::Talk(agent("boris")))),
            (26_010, leg_ends(LegId::dialled(7))),
            (60_000, ends(EndedBy::Caller)),
        ],
    );
    let last = "1773140426|1774552095.1|averias|anna|ATTENDEDTRANSFER|AGENT|boris|5|20|2";
    assert_eq!(run(&script).lines().last(), Some(last));
}

#[test]
fn a_caller_who_comes_into_the_same_queue_again_is_a_call_of_his_own_there() {
    let script = with(
        talks(),
        [
            (16_000, leg_ends(LegId::dialled(7))),
            (16_010, enters("averias", 1)),
            (20_010, leaves("averias", QueueLeft::Abandoned, 1, 4000)),
            (20_010, ends(EndedBy::Caller)),
        ],
    );
    expect![[r#"
        1773140406|1774552095.1|averias|anna|CONNECT|5|1773140403.15|3
        1773140416|1774552095.1|averias|anna|COMPLETEAGENT|5|10|2
        1773140416|1773140416.1|averias|NONE|ENTERQUEUE||34612345678|1|
        1773140420|1773140416.1|averias|NONE|ABANDON|1|1|4
    "#]]
    .assert_eq(&run(&script).lines().skip(2).fold(String::new(), |text, line| text + line + "\n"));
}

#[test]
fn agents_come_pause_and_go_in_each_of_their_queues() {
    let changes =
        |name, state| What::AgentChanged { agent: agent(name), station: None, state, call: None, is_paid: true };
    let lunch = AgentState::Paused(Name::new("lunch").unwrap());
    expect![[r#"
        1773140400|NONE|averias|anna|ADDMEMBER|
        1773140400|NONE|ventas|anna|ADDMEMBER|
        1773140401|NONE|averias|boris|ADDMEMBER|PAUSED
        1773140404|NONE|NONE|anna|PAUSEALL|lunch
        1773140404|NONE|averias|anna|PAUSE|lunch
        1773140404|NONE|ventas|anna|PAUSE|lunch
        1773140406|NONE|NONE|anna|UNPAUSEALL|
        1773140406|NONE|averias|anna|UNPAUSE|
        1773140406|NONE|ventas|anna|UNPAUSE|
        1773140407|NONE|averias|anna|REMOVEMEMBER|
        1773140407|NONE|ventas|anna|REMOVEMEMBER|
    "#]]
    .assert_eq(&run(&[
        (0, changes("anna", AgentState::Ready)),
        (1000, changes("boris", lunch)),
        (2000, changes("anna", AgentState::Talking)),
        (3000, changes("anna", AgentState::WrapUp)),
        (4000, changes("anna", lunch)),
        (5000, changes("anna", AgentState::Outbound)),
        (6000, changes("anna", AgentState::Ready)),
        (7000, changes("anna", AgentState::LoggedOut)),
        (7000, changes("carla", AgentState::LoggedOut)),
    ]));
}

#[test]
fn nothing_that_came_over_the_network_makes_a_field_or_a_line() {
    let evil = Number { raw: "1|COMPLETEAGENT|9\n77|x".to_owned(), e164: None, withheld: false };
    let mut script = arrives();
    script[0].1 = What::CallArrived { call: CALL, ani: evil.clone(), dnis: evil, trunk: None };
    let out = run(&with(script, [(1, enters("averias", 1)), (2, ends(EndedBy::Caller))]));
    let fields: Vec<usize> = out.lines().map(|line| line.split('|').count()).collect();
    assert_eq!(fields, [6, 9]);
    let start = queue_start(Wall::from_secs(1_773_140_400)) + &config_reload(Wall::from_secs(1_773_140_401));
    assert_eq!(start, "1773140400|NONE|NONE|NONE|QUEUESTART|\n1773140401|NONE|NONE|NONE|CONFIGRELOAD|\n");
    let id = asterisk_id(CallId(u128::MAX));
    assert!(id.len() <= 30, "{id}");
}

#[test]
fn past_the_bound_calls_are_not_followed_and_those_that_are_go_on() {
    let (mut fold, mut out) = (QueueLog::default(), String::new());
    let mut tell = |what: What| fold.on_fact(&Fact { at: at(0), what }, &Serving::new(), &mut out);
    let call = |n: usize| CallId(n as u128);
    for n in 0..=CALLS_MAX {
        tell(What::CallArrived { call: call(n), ani: number("1"), dnis: number("2"), trunk: None });
    }
    for n in [0, CALLS_MAX] {
        tell(What::QueueEntered { call: call(n), queue: queue("averias"), position: 1 });
    }
    assert_eq!((fold.calls.len(), out.matches("ENTERQUEUE").count()), (CALLS_MAX, 1));
}

#[test]
fn what_a_program_notes_is_a_line_and_no_more_than_one() {
    let note = Note {
        id: "1774552095.1".into(),
        agent: "an|na".into(),
        event: "CRM\nFORGED".into(),
        text: "ticket 7|x\r\n1|NONE|NONE|NONE|QUEUESTART|".into(),
    };
    let noted = What::QueueNoted { queue: queue("averias"), note };
    expect![[r#"
        1773140401|1774552095.1|averias|anna|CRMFORGED|ticket 7x1NONENONENONEQUEUESTART
    "#]]
    .assert_eq(&run(&[(1000, noted)]));
}

#[test]
fn a_note_is_short_and_stands_for_nothing_that_happens_in_queues() {
    let (long, longest) = ("x".repeat(NOTE_FIELD_BYTES_MAX + 1), "x".repeat(NOTE_FIELD_BYTES_MAX));
    for (id, agent, event, text, may) in [
        ("NONE", "NONE", "INFO", "ticket 7", Ok(())),
        ("", "", "I", "", Ok(())),
        (&longest, &longest, &longest, &longest, Ok(())),
        (&long, "", "INFO", "", Err(NoteRefusal::TooLong)),
        ("", &long, "INFO", "", Err(NoteRefusal::TooLong)),
        ("", "", &long, "", Err(NoteRefusal::TooLong)),
        ("", "", "INFO", &long, Err(NoteRefusal::TooLong)),
        ("", "", "", "", Err(NoteRefusal::Taken(""))),
        ("", "", "abandon", "", Err(NoteRefusal::Taken("abandon"))),
        ("", "", "CONNECT", "", Err(NoteRefusal::Taken("CONNECT"))),
        ("", "", "CONNECTED", "", Ok(())), // no reader knows it
        ("", "", "ABAN|DON", "", Err(NoteRefusal::Taken("ABAN|DON"))), // the line would say ABANDON
        ("", "", "CON\u{1}NECT\n", "", Err(NoteRefusal::Taken("CON\u{1}NECT\n"))),
        ("", "", " DID ", "", Err(NoteRefusal::Taken(" DID "))),
        ("", "", "|", "", Err(NoteRefusal::Taken("|"))),
    ] {
        let note = Note { id: id.into(), agent: agent.into(), event: event.into(), text: text.into() };
        assert_eq!(may_note(&note), may, "{note:?}");
    }
    let start = queue_start(Wall(0)) + &config_reload(Wall(0));
    let words = start.lines().filter_map(|line| line.split('|').nth(4));
    assert_eq!(words.filter(|word| note::is_taken(word)).count(), 2, "{start}");
}

#[test]
fn who_is_cleared_for_silence_talked_until_something_was_heard_last() {
    let silent = What::LegSilent { call: CALL, leg: A, heard: at(26_000) };
    let script = with(
        talks(),
        [
            (56_000, What::LegSilent { call: CALL, leg: LegId::dialled(7), heard: at(26_000) }),
            (56_000, silent.clone()),
            (56_010, leg_ends(LegId::dialled(7))),
            (88_000, leg_ends(A)),
            (88_000, ends(EndedBy::Us)),
        ],
    );
    // 20 s of talk, in a line that stands where it was written.
    let last = "1773140488|1774552095.1|averias|anna|COMPLETEAGENT|5|20|2";
    assert_eq!(run(&script).lines().last(), Some(last));
    // He was on his way to somebody else when that was seen.
    let script = with(
        talks(),
        [(40_000, is(Segment::Ivr(None))), (56_000, silent), (88_000, leg_ends(A)), (88_000, ends(EndedBy::Us))],
    );
    let last = "1773140488|1774552095.1|averias|anna|BLINDTRANSFER|";
    let run = run(&script);
    let told = run.lines().last().unwrap();
    assert!(told.starts_with(last) && told.ends_with("|5|20|2"), "{told}");
}

/// A limit ends everybody at once, and media says afterwards when the caller was heard last.
#[test]
fn who_is_cut_by_a_limit_after_he_fell_silent_talked_until_something_was_heard_last() {
    let silent = |leg| What::LegSilent { call: CALL, leg, heard: at(26_000) };
    let script = with(
        talks(),
        [
            (56_000, leg_ends(A)),
            (56_000, leg_ends(LegId::dialled(7))),
            (56_020, silent(A)),
            (56_020, silent(LegId::dialled(7))),
            (56_030, ends(EndedBy::Us)),
        ],
    );
    let last = "1773140456|1774552095.1|averias|anna|COMPLETEAGENT|5|20|2";
    assert_eq!(run(&script).lines().last(), Some(last));
}

/// The customer is there, and waits again.
#[test]
fn a_phone_of_which_nothing_is_heard_had_the_customer_until_something_was() {
    let silent = |leg| What::LegSilent { call: CALL, leg, heard: at(26_000) };
    for (leg, talk_s) in [(LegId::dialled(7), 20), (LegId::dialled(99), 52)] {
        let script = with(
            talks(),
            [
                (58_000, silent(leg)),
                (58_000, leg_ends(LegId::dialled(7))),
                (58_000, is(Segment::Ivr(None))),
                (58_010, enters("averias", 1)),
                (60_000, leaves("averias", QueueLeft::Abandoned, 1, 2000)),
                (60_000, ends(EndedBy::Caller)),
            ],
        );
        let line = format!("1773140458|1774552095.1|averias|anna|COMPLETEAGENT|5|{talk_s}|2");
        assert!(run(&script).lines().any(|told| told == line), "{}", run(&script));
    }
}
