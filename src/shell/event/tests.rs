//! Names and fields of every event.

use super::*;
use turno_base::cause::{Cause, EndedBy, Outcome};
use turno_base::fact::{AgentState, CallbackAsked, CallbackEnd, DialogId, Note, OfferEnd, Quality, TaskKind};
use turno_base::{LegId, Now, Wall};

/// One of each kind, and of those that differ in themselves several.
pub(crate) fn facts() -> Vec<Fact> {
    let (call, leg) = (CallId(0xa1), LegId(7));
    let (queue, agent) = ("averias".parse().unwrap(), "anna".parse().unwrap());
    let number = |text: &str| Number { raw: text.to_owned(), e164: text.parse().ok(), withheld: false };
    let task = |change| What::Task { task: CallId(0xb2), queue, kind: TaskKind::Email, change };
    let name = |text: &str| text.parse().unwrap();
    let state = |state| What::AgentChanged {
        agent,
        station: Some("1001".parse().unwrap()),
        state,
        call: Some(call),
        is_paid: true,
    };
    let all = vec![
        What::CallArrived {
            call,
            ani: number("+34612045118"),
            dnis: number("900100101"),
            trunk: Some("carrier".parse().unwrap()),
        },
        What::CallArrived {
            call,
            ani: Number { withheld: true, ..number("+34612045118") },
            dnis: number("900100101"),
            trunk: None,
        },
        What::CustomerKnown { call, customer: Some("C-1001".into()), segment: "gold".parse().unwrap(), value_pm: 800 },
        What::LegBegan {
            call,
            leg,
            sip_call_id: "x@y".into(),
            a: number("+34612045118"),
            b: number("1001"),
            party: Party::Agent(agent, "1001".parse().unwrap()),
        },
        What::LegRinging { call, leg },
        What::LegAnswered { call, leg },
        What::SegmentBegan { call, leg, segment: Segment::Talk(agent) },
        What::SegmentBegan { call, leg, segment: Segment::Queue(queue) },
        What::LegQuality { call, leg, quality: Quality::default() },
        What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Caller },
        What::QueueEntered { call, queue, position: 3 },
        What::LeavingByKey { call, queue, key: '1' },
        What::QueueLeft { call, queue, left: QueueLeft::Answered(agent), position: 1, wait_ms: 9000 },
        What::QueueLeft { call, queue, left: QueueLeft::Abandoned, position: 1, wait_ms: 9000 },
        What::Offered { call, queue, agent, epoch: 5 },
        What::OfferEnded { call, agent, epoch: 5, end: OfferEnd::Accepted, ring_ms: 4000 },
        What::CallbackTaken { call, queue, how: CallbackAsked::Key },
        What::CallingBack { call, first: Some(CallId(0xa0)), attempt: 1 },
        What::CallbackEnded { first: Some(CallId(0xa0)), queue, end: CallbackEnd::Served, attempts: 1 },
        What::CallbacksDue { queue, due: 2 },
        What::WaitingChanged { call, change: WaitingChange::Bumped(60_000) },
        What::WaitingChanged { call, change: WaitingChange::Moved(queue, "ventas".parse().unwrap()) },
        What::WaitingChanged { call, change: WaitingChange::Needs(turno_acd::need::parse("catalan>=3").unwrap()) },
        What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller },
        state(AgentState::Talking),
        state(AgentState::Paused(name("lunch"))),
        What::PauseTooLong { agent, reason: name("lunch") },
        What::Disposed { call, agent, disposition: name("sale") },
        task(TaskChange::Added { due: Wall(1_773_100_800_000_000) }),
        task(TaskChange::Given(agent)),
        task(TaskChange::Moved(queue)),
        task(TaskChange::Done { agent: Some(agent), disposition: None, worked_ms: 1, waited_ms: 2, is_late: false }),
        What::Emergency { queue: None, on: true },
        What::QueueNoted {
            queue,
            note: Note { id: "NONE".into(), agent: "NONE".into(), event: "X".into(), text: "y".into() },
        },
        What::Configured { revision: 7 },
        What::AgentServes { agent, queue, rank: Some(2) },
        What::LegSilent { call, leg, heard: Now::from_ms(200) },
        What::LegDialog {
            call,
            leg,
            dialog: DialogId { call_id: "x@y".into(), local_tag: "ours".into(), remote_tag: "theirs".into() },
        },
    ];
    all.into_iter().map(|what| Fact { at: Now::from_ms(300), what }).collect()
}

#[test]
fn names_and_fields_are_what_they_were() {
    let lines: String = (1..).zip(facts()).map(|(seq, fact)| format!("{}\n", event(&fact).json(seq, &fact))).collect();
    expect_test::expect_file!["../../../tests/golden/events.txt"].assert_eq(&lines);
    let mut kinds: Vec<_> = facts().iter().map(|fact| event(fact).kind).collect();
    kinds.dedup();
    assert_eq!(kinds, KINDS);
}

#[test]
fn a_filter_lets_pass_what_names_what_it_names() {
    let passed = |filter: Filter| facts().iter().map(event).filter(|event| filter.wants(event)).count();
    let (anna, ventas) = (vec!["anna".parse().unwrap()], vec!["ventas".parse().unwrap()]);
    assert_eq!(passed(Filter::default()), facts().len());
    assert_eq!(passed(Filter { kinds: vec!["queue-left".into(), "offered".into()], ..Filter::default() }), 3);
    assert_eq!(passed(Filter { queues: ventas, ..Filter::default() }), 1);
    assert_eq!(passed(Filter { agents: anna.clone(), kinds: vec!["queue-left".into()], ..Filter::default() }), 1);
    assert_eq!(passed(Filter { agents: vec!["boris".parse().unwrap()], ..Filter::default() }), 0);
}
