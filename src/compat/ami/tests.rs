//! Facts in, events out; lists as of then.

mod steering;

use std::time::Duration;

use expect_test::{expect, expect_file};
use turno_acd::{AcdConfig, AgentRules, QueueRules, ReasonRules, TooLong, WrapUp};
use turno_base::fact::{AgentState, OfferEnd, Party, QueueLeft, Segment, What};
use turno_base::{
    AgentId, CallId, Cause, EndedBy, Fact, LegId, Mono, Name, Now, Number, Outcome, QueueId, Reason, SegmentId,
    StationId, TrunkId, Wall,
};
use turno_tariff::cdr::format::{QueueLog, Serving};

use super::exchange::Sitting;
use super::wire::{Reader, Request};
use super::{Event, Exchange, cli, lists};

/// 2026-03-10T11:00:00Z.
const EPOCH_MS: i64 = 1_773_140_400_000;
const CALL: CallId = CallId(0x019c_d77b_3a80_0000_0000_0000_0000_0001);
const A: LegId = LegId::arrived(1);
const B: LegId = LegId::dialled(7);

fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

fn queue(name: &str) -> QueueId {
    QueueId::new(name).unwrap()
}

fn station(name: &str) -> StationId {
    StationId::new(name).unwrap()
}

fn at(ms: u64) -> Now {
    Now { mono: Mono(ms * 1000), wall: Wall((EPOCH_MS + ms as i64) * 1000) }
}

fn number(raw: &str) -> Number {
    Number { raw: raw.to_owned(), e164: None, withheld: false }
}

/// Two agents, two queues.
fn house() -> AcdConfig {
    let mut config = AcdConfig::default();
    let averias = QueueRules {
        service_level: Duration::from_secs(20),
        wrap_up: WrapUp::AtMost(Duration::from_secs(30)),
        length_max: 50,
        ..QueueRules::default()
    };
    config.queues = [(queue("averias"), averias), (queue("ventas"), QueueRules::default())].into();
    let of = |queues: &[&str], place: &str| AgentRules {
        queues: queues.iter().map(|name| queue(name)).collect(),
        station: Some(station(place)),
        ..AgentRules::default()
    };
    let mut boris = of(&["averias"], "1002");
    boris.ranks.insert(queue("averias"), 1);
    config.agents = [(agent("anna"), of(&["averias", "ventas"], "1001")), (agent("boris"), boris)].into();
    for name in ["break", "lunch"] {
        let rules = ReasonRules { paid: true, longest: Duration::ZERO, then: TooLong::Warn };
        config.reasons.insert(Name::new(name).unwrap(), rules);
    }
    config
}

type Script = Vec<(u64, What)>;

fn is(name: &str, state: AgentState) -> What {
    let place = if name == "anna" { "1001" } else { "1002" };
    What::AgentChanged { agent: agent(name), station: Some(station(place)), state, call: None, is_paid: true }
}

fn arrives() -> Script {
    let trunk = TrunkId::new("pbx").ok();
    let (a, b) = (number("612345678"), number("900123456"));
    let party = Party::Caller(trunk);
    vec![
        (0, What::CallArrived { call: CALL, ani: a.clone(), dnis: b.clone(), trunk }),
        (0, What::LegBegan { call: CALL, leg: A, sip_call_id: "x".into(), a, b, party }),
        (0, began(A, Segment::Ivr(None))),
    ]
}

fn known(name: &str) -> What {
    let segment = SegmentId::new("gold").unwrap();
    What::CustomerKnown { call: CALL, customer: Some(name.to_owned()), segment, value_pm: 4000 }
}

fn began(leg: LegId, segment: Segment) -> What {
    What::SegmentBegan { call: CALL, leg, segment }
}

fn dials(leg: LegId, name: &str, place: &str) -> What {
    let party = Party::Agent(agent(name), station(place));
    What::LegBegan { call: CALL, leg, sip_call_id: String::new(), a: number("612345678"), b: number(place), party }
}

fn leg_ends(leg: LegId, cause: Cause) -> What {
    What::LegEnded { call: CALL, leg, cause, by: EndedBy::Agent }
}

fn offered(name: &str) -> What {
    What::Offered { call: CALL, queue: queue("averias"), agent: agent(name), epoch: 1 }
}

fn offer_ends(name: &str, end: OfferEnd, ring_ms: u64) -> What {
    What::OfferEnded { call: CALL, agent: agent(name), epoch: 1, end, ring_ms }
}

fn enters(position: u32) -> What {
    What::QueueEntered { call: CALL, queue: queue("averias"), position }
}

fn leaves(left: QueueLeft, wait_ms: u64) -> What {
    What::QueueLeft { call: CALL, queue: queue("averias"), left, position: 1, wait_ms }
}

fn ends(outcome: Outcome, by: EndedBy) -> What {
    What::CallEnded { call: CALL, outcome, by }
}

/// Entered averias after a second; anna is rung from 3 s on.
fn is_offered() -> Script {
    let mut script = arrives();
    script.extend([
        (0, known("C-1")),
        (1000, enters(1)),
        (1000, What::LegAnswered { call: CALL, leg: A }),
        (1000, began(A, Segment::Queue(queue("averias")))),
        (3000, offered("anna")),
        (3000, dials(B, "anna", "1001")),
        (3000, began(B, Segment::Ring(agent("anna")))),
        (3000, is("anna", AgentState::Offered)),
        (3100, What::LegRinging { call: CALL, leg: B }),
        (3100, is("anna", AgentState::Ringing)),
    ]);
    script
}

fn talks() -> Script {
    let mut script = is_offered();
    script.extend([
        (6000, What::LegAnswered { call: CALL, leg: B }),
        (6000, offer_ends("anna", OfferEnd::Accepted, 3000)),
        (6000, leaves(QueueLeft::Answered(agent("anna")), 5000)),
        (6000, began(A, Segment::Talk(agent("anna")))),
        (6000, began(B, Segment::Talk(agent("anna")))),
        (6000, is("anna", AgentState::Talking)),
    ]);
    script
}

fn run(exchange: &mut Exchange, script: &[(u64, What)]) -> Vec<Event> {
    let mut out = Vec::new();
    for (ms, what) in script {
        exchange.on_fact(&Fact { at: at(*ms), what: what.clone() }, &mut out);
    }
    out
}

/// With anna and boris logged in, unheard.
fn open() -> Exchange {
    let mut exchange = Exchange::new(house());
    run(&mut exchange, &[(0, is("anna", AgentState::Ready)), (0, is("boris", AgentState::Ready))]);
    exchange
}

/// The names of events, with what of their lines is asked for.
fn told(events: &[Event], lines: &[&str]) -> String {
    let shown = events.iter().map(|event| {
        let of = |name: &&str| {
            let found = event.text.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n == name));
            found.map(|(name, value)| format!(" {name}={value}"))
        };
        format!("{}{}\n", event.name, lines.iter().filter_map(of).collect::<String>())
    });
    shown.collect()
}

fn request(text: &str) -> Request {
    let mut reader = Reader::default();
    reader.push(text.replace('\n', "\r\n").as_bytes());
    reader.push(b"\r\n\r\n");
    reader.next_request().unwrap().unwrap()
}

#[test]
fn a_call_as_asterisk_tells_it() {
    let mut script = talks();
    script.extend([
        (20_000, began(A, Segment::Hold(agent("anna")))),
        (20_000, began(B, Segment::Hold(agent("anna")))),
        (25_000, began(A, Segment::Talk(agent("anna")))),
        (25_000, began(B, Segment::Talk(agent("anna")))),
        (66_000, leg_ends(A, Cause::NORMAL)),
        (66_000, is("anna", AgentState::WrapUp)),
        (66_010, leg_ends(B, Cause::NORMAL)),
        (66_010, ends(Outcome::Answered, EndedBy::Caller)),
        (70_000, is("anna", AgentState::Ready)),
    ]);
    let mut exchange = open();
    let events = run(&mut exchange, &script);
    let text: String = events.into_iter().map(|event| event.text).collect();
    expect_file!["../../../tests/golden/ami-call.txt"].assert_eq(&text.replace("\r\n", "\n"));
    assert!(exchange.legs.is_empty() && exchange.calls.is_empty());
}

#[test]
fn a_caller_who_hangs_up_abandons_and_then_leaves_and_whoever_rang_is_cancelled() {
    let mut script = is_offered();
    script.extend([
        (9000, leg_ends(A, Cause::NORMAL)),
        (9000, leaves(QueueLeft::Abandoned, 8000)),
        (9000, leg_ends(B, Cause::new(487, 16, Reason::Normal))),
        (9000, offer_ends("anna", OfferEnd::CallerLeft, 6000)),
        (9000, is("anna", AgentState::Ready)),
        (9000, ends(Outcome::Abandoned, EndedBy::Caller)),
    ]);
    let mut exchange = open();
    let before = is_offered().len();
    run(&mut exchange, &script[..before]);
    let lines = ["Channel", "DestChannel", "DialStatus", "Position", "OriginalPosition", "HoldTime", "Count", "Status"];
    expect![[r#"
        QueueCallerAbandon Channel=PJSIP/pbx-00000002 Position=1 OriginalPosition=1 HoldTime=8
        QueueCallerLeave Channel=PJSIP/pbx-00000002 Position=1 Count=0
        Hangup Channel=PJSIP/pbx-00000002
        DialEnd DestChannel=PJSIP/1001-0000000f DialStatus=CANCEL
        Hangup Channel=PJSIP/1001-0000000f
        QueueMemberStatus Status=1
        QueueMemberStatus Status=1
    "#]]
    .assert_eq(&told(&run(&mut exchange, &script[before..]), &lines));
    let stand = &exchange.queues[&queue("averias")];
    assert_eq!((stand.abandoned, stand.abandoned_in_level, stand.completed), (1, 1, 0));
}

#[test]
fn who_does_not_answer_is_told_of_with_the_leg_that_rang() {
    let mut script = is_offered();
    script.extend([
        (23_000, leg_ends(B, Cause::new(487, 19, Reason::RingLimit))),
        (23_000, offer_ends("anna", OfferEnd::RingNoAnswer, 20_000)),
    ]);
    let mut exchange = open();
    let before = is_offered().len();
    run(&mut exchange, &script[..before]);
    expect![[r#"
        DialEnd DestChannel=PJSIP/1001-0000000f DialStatus=NOANSWER
        AgentRingNoAnswer DestChannel=PJSIP/1001-0000000f Interface=PJSIP/1001 RingTime=20000
        Hangup
    "#]]
    .assert_eq(&told(&run(&mut exchange, &script[before..]), &["DestChannel", "DialStatus", "Interface", "RingTime"]));
}

#[test]
fn agents_come_pause_and_go_queue_by_queue() {
    let mut exchange = Exchange::new(house());
    let lunch = AgentState::Paused(Name::new("lunch").unwrap());
    let script = [
        (0, is("anna", AgentState::LoggedOut)),
        (1000, is("anna", AgentState::Ready)),
        (2000, is("boris", lunch)),
        (3000, is("anna", lunch)),
        (4000, is("anna", AgentState::Ready)),
        (5000, is("anna", AgentState::Outbound)),
        (6000, is("anna", AgentState::LoggedOut)),
    ];
    expect![[r#"
        QueueMemberAdded Queue=averias MemberName=anna Penalty=0 LoginTime=1773140401 Status=1 Paused=0 PausedReason=
        QueueMemberAdded Queue=ventas MemberName=anna Penalty=0 LoginTime=1773140401 Status=1 Paused=0 PausedReason=
        QueueMemberAdded Queue=averias MemberName=boris Penalty=1 LoginTime=1773140402 Status=1 Paused=1 PausedReason=lunch
        QueueMemberPause Queue=averias MemberName=anna Penalty=0 LoginTime=1773140401 Status=1 Paused=1 PausedReason=lunch
        QueueMemberPause Queue=ventas MemberName=anna Penalty=0 LoginTime=1773140401 Status=1 Paused=1 PausedReason=lunch
        QueueMemberPause Queue=averias MemberName=anna Penalty=0 LoginTime=1773140401 Status=1 Paused=0 PausedReason=
        QueueMemberPause Queue=ventas MemberName=anna Penalty=0 LoginTime=1773140401 Status=1 Paused=0 PausedReason=
        QueueMemberStatus Queue=averias MemberName=anna Penalty=0 LoginTime=1773140401 Status=2 Paused=0 PausedReason=
        QueueMemberStatus Queue=ventas MemberName=anna Penalty=0 LoginTime=1773140401 Status=2 Paused=0 PausedReason=
        QueueMemberRemoved Queue=averias MemberName=anna Penalty=0 LoginTime=1773140401 Status=5 Paused=0 PausedReason=
        QueueMemberRemoved Queue=ventas MemberName=anna Penalty=0 LoginTime=1773140401 Status=5 Paused=0 PausedReason=
    "#]]
    .assert_eq(&told(
        &run(&mut exchange, &script),
        &["Queue", "MemberName", "Penalty", "LoginTime", "Status", "Paused", "PausedReason"],
    ));
}

#[test]
fn who_is_put_into_queues_is_shown_there_until_his_shift_ends() {
    let mut exchange = open();
    let serves = |name: &str, of: &str, rank| What::AgentServes { agent: agent(name), queue: queue(of), rank };
    let script = [
        (0, serves("boris", "ventas", Some(2))),
        (10, serves("boris", "ventas", Some(5))),
        (20, serves("boris", "averias", None)),
        (30, is("boris", AgentState::LoggedOut)),
        (40, is("boris", AgentState::Ready)),
    ];
    expect![[r#"
        QueueMemberAdded Queue=ventas MemberName=boris Penalty=2
        QueueMemberPenalty Queue=ventas MemberName=boris Penalty=5
        QueueMemberRemoved Queue=averias MemberName=boris Penalty=1
        QueueMemberRemoved Queue=ventas MemberName=boris Penalty=0
        QueueMemberAdded Queue=averias MemberName=boris Penalty=1
    "#]]
    .assert_eq(&told(&run(&mut exchange, &script), &["Queue", "MemberName", "Penalty"]));
    // Whoever comes in later, or missed some of it, sees the same.
    let sitting = Sitting {
        agent: agent("boris"),
        station: Some(station("1002")),
        state: AgentState::Ready,
        call: None,
        since_ms: 0,
        serves: vec![(queue("ventas"), 7)],
    };
    let mut late = Exchange::new(house());
    late.seat(&[sitting], Now::from_ms(0));
    let ranks: Vec<_> =
        late.queues_of(agent("boris")).into_iter().map(|of| (of, late.rank_of(agent("boris"), of))).collect();
    assert_eq!(ranks, [(queue("ventas"), 7)]);
}

#[test]
fn a_changed_configuration_moves_agents_between_queues() {
    let mut exchange = open();
    let mut config = house();
    config.agents.get_mut(&agent("anna")).unwrap().queues = vec![queue("averias")];
    let boris = config.agents.get_mut(&agent("boris")).unwrap();
    boris.queues.push(queue("ventas"));
    boris.ranks.insert(queue("averias"), 3);
    let mut events = Vec::new();
    exchange.configure(config, &mut events);
    expect![[r#"
        QueueMemberRemoved Queue=ventas MemberName=anna Penalty=0
        QueueMemberPenalty Queue=averias MemberName=boris Penalty=3
        QueueMemberAdded Queue=ventas MemberName=boris Penalty=0
    "#]]
    .assert_eq(&told(&events, &["Queue", "MemberName", "Penalty"]));
}

#[test]
fn lists_are_as_asterisk_writes_them() {
    let mut exchange = open();
    run(&mut exchange, &is_offered());
    let now = at(8000).wall;
    let asked = request("Action: X\nActionID: 7");
    let text = [
        lists::queue_status(&exchange, &asked, now),
        lists::queue_summary(&exchange, &asked, now),
        lists::channels(&exchange, &asked, now),
        cli::lines(&exchange, "queue show", now, at(0).wall, at(4000).wall).unwrap().join("\n") + "\n",
        cli::lines(&exchange, "core show channels concise", now, at(0).wall, at(4000).wall).unwrap().join("\n") + "\n",
        cli::lines(&exchange, "core show uptime", now, at(0).wall, at(4000).wall).unwrap().join("\n") + "\n",
    ];
    expect_file!["../../../tests/golden/ami-lists.txt"].assert_eq(&text.concat().replace("\r\n", "\n"));
    let only = request("Action: QueueStatus\nQueue: VENTAS\nMember: PJSIP/1001");
    let names = |text: &str| text.matches("Event: ").count();
    assert_eq!(names(&lists::queue_status(&exchange, &only, now)), 3, "parameters, anna, the end");
    assert!(lists::queue_summary(&exchange, &request("Queue: none"), now).ends_with("ListItems: 0\r\n\r\n"));
    for command in ["core restart now", "queue", "queue show a b", "core show channels", "!ls"] {
        assert_eq!(cli::lines(&exchange, command, now, now, now), None, "{command}");
    }
    assert_eq!(cli::lines(&exchange, "queue show none", now, now, now).unwrap(), ["No such queue: none."]);
}

#[test]
fn counters_are_those_of_queue_log_and_begin_again_when_they_are_reset() {
    let mut exchange = open();
    let mut script = talks();
    script.extend([
        (66_000, leg_ends(A, Cause::NORMAL)),
        (66_000, leg_ends(B, Cause::NORMAL)),
        (66_000, ends(Outcome::Answered, EndedBy::Agent)),
    ]);
    run(&mut exchange, &script);
    let stand = exchange.queues[&queue("averias")].clone();
    assert_eq!((stand.completed, stand.completed_in_level, stand.hold_s, stand.talk_s), (1, 1, 5, 60));
    assert_eq!((stand.level_pm(), stand.level2_pm()), (1000, 1000));
    let (mut fold, mut out, serving) = (QueueLog::default(), String::new(), Serving::new());
    script.iter().for_each(|(ms, what)| {
        fold.on_fact(&Fact { at: at(*ms), what: what.clone() }, &serving, &mut out);
    });
    assert!(out.contains("|COMPLETEAGENT|5|60|1"), "{out}");
    assert!(!exchange.reset(Some(queue("none"))) && exchange.reset(Some(queue("averias"))));
    assert_eq!(exchange.queues[&queue("averias")].completed, 0);
}

#[test]
fn what_was_missed_is_made_up_for() {
    let mut exchange = open();
    run(&mut exchange, &talks());
    let sits = |name: &str, place: &str, state| Sitting {
        agent: agent(name),
        station: Some(station(place)),
        state,
        call: None,
        since_ms: 0,
        serves: match name {
            "anna" => vec![(queue("averias"), 0), (queue("ventas"), 0)],
            _ => vec![(queue("averias"), 1)],
        },
    };
    let mut events = Vec::new();
    let agents = [sits("anna", "1001", AgentState::WrapUp), sits("boris", "1002", AgentState::LoggedOut)];
    exchange.catch_up(&[], &agents, at(90_000), &mut events);
    expect![[r#"
        BridgeLeave BridgeNumChannels=1
        BridgeLeave BridgeNumChannels=0
        AgentComplete TalkTime=84 Reason=agent
        Hangup
        Hangup
        QueueMemberStatus Status=3
        QueueMemberStatus Status=3
        QueueMemberRemoved Status=5
    "#]]
    .assert_eq(&told(&events, &["BridgeNumChannels", "TalkTime", "Reason", "Status"]));
    assert!(exchange.legs.is_empty() && exchange.calls.is_empty());

    let mut fresh = Exchange::new(house());
    run(&mut fresh, &arrives());
    let mut pausing = sits("anna", "1001", AgentState::Paused(Name::new("lunch").unwrap()));
    pausing.since_ms = 60_000;
    fresh.seat(&[pausing], at(90_000));
    assert_eq!(fresh.calls.len(), 1, "what has come since this began stays");
    let seat = &fresh.seats[&agent("anna")];
    assert_eq!((seat.paused_at(), seat.login_at()), (at(30_000).wall, at(30_000).wall));
    assert_eq!(
        run(&mut fresh, &[(91_000, is("anna", AgentState::Ready))]).len(),
        2,
        "unpaused in both queues, not added"
    );
}

#[test]
fn a_place_without_a_caller_on_the_line_is_a_channel_too() {
    let mut exchange = open();
    let (ani, dnis) = (number("900100101"), number("612345678"));
    let script = [
        (0, What::CallArrived { call: CALL, ani, dnis, trunk: None }),
        (0, What::CallingBack { call: CALL, first: None, attempt: 1 }),
        (0, enters(1)),
    ];
    let events = run(&mut exchange, &script);
    assert_eq!(told(&events, &["Channel"]), "QueueCallerJoin Channel=Local/900100101@turno-00000001\n");
    let list = lists::queue_status(&exchange, &request("Action: QueueStatus"), at(1000).wall);
    assert!(list.contains("Channel: Local/900100101@turno-00000001\r\n"), "{list}");
}

#[test]
fn more_calls_than_are_followed_have_no_events() {
    let mut exchange = Exchange::new(house());
    let arrive = |n: usize| {
        let what = What::CallArrived { call: CallId(n as u128), ani: number("1"), dnis: number("2"), trunk: None };
        Fact { at: at(0), what }
    };
    let mut out = Vec::new();
    (0..=super::exchange::CALLS_MAX).for_each(|n| exchange.on_fact(&arrive(n), &mut out));
    assert_eq!(exchange.calls.len(), super::exchange::CALLS_MAX);
    let call = CallId(super::exchange::CALLS_MAX as u128);
    let entered = What::QueueEntered { call, queue: queue("averias"), position: 1 };
    exchange.on_fact(&Fact { at: at(0), what: entered }, &mut out);
    assert!(exchange.queues[&queue("averias")].waiting.is_empty());
}
