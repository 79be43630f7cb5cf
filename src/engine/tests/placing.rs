//! Calls that are placed for somebody by command, whole; and notes of programs outside.

use expect_test::expect;

use super::world::{Habit, Weather, World, name};
use crate::{Answer, Command, Refusal};

#[test]
fn an_agent_is_rung_and_then_the_colleague_whom_he_wants() {
    let mut world = World::open(2, Habit::Answers(500), Weather::default(), 1);
    world.run(1000);
    world.said.clear();
    let Some(Answer::Calls(calls)) = world.ask(Command::CallPlace(name("desk0"), "1002".to_owned())) else {
        panic!("it is answered with the call")
    };
    assert_eq!((calls[0].stage.as_str(), calls[0].ani.as_str(), calls[0].dnis.as_str()), ("ringing", "1001", "1002"));
    world.run(5000);
    world.hang_up_all();
    world.run(60_000);
    expect![[r#"
        4100 c1 arrives from 1001
        4100 c1 b1 Ring(agent0)
        4100 agent0 is outbound
        4600 c1 b1 Ivr(None)
        4600 c1 b2 Ring(agent1)
        4600 agent1 is outbound
        5100 c1 b1 Talk(agent1)
        5100 c1 b2 Talk(agent1)
        9100 agent0 is ready
        9100 agent1 is ready
        9101 c1 ends: answered by Caller
    "#]]
    .assert_eq(&world.said);
    world.assert_drained();
}

#[test]
fn what_cannot_be_placed_is_refused_with_a_sentence() {
    let mut world = World::open(1, Habit::Answers(500), Weather::default(), 1);
    world.run(1000);
    let mut said = |station: &str, number: &str| match world.refused(Command::CallPlace(name(station), number.into())) {
        Some(refusal @ (Refusal::Conflict { .. } | Refusal::Unknown { .. })) => refusal.to_string(),
        None => "done".to_owned(),
    };
    assert_eq!(said("9999", "1001"), "there is no station \"9999\"");
    assert_eq!(said("desk0", "4711"), "the dial plan knows no such number");
    for number in ["", "*45", "sip:x@y", "0123456789012345678901234567890123"] {
        assert!(said("desk0", number).ends_with("write at most 32 digits"), "{number}");
    }
}

#[test]
fn a_note_is_a_fact_and_no_note_stands_for_what_happens_in_queues() {
    let mut world = World::open(1, Habit::Answers(500), Weather::default(), 1);
    world.run(1000);
    world.said.clear();
    let note = |event: &str, text: &str| turno_base::fact::Note {
        id: "NONE".into(),
        agent: "NONE".into(),
        event: event.into(),
        text: text.into(),
    };
    assert!(world.ask(Command::QueueNote(name("faults"), note("INFO", "ticket 7"))).is_some());
    assert_eq!(world.said.trim_start_matches(|c: char| c.is_ascii_digit()), " faults noted INFO ticket 7\n");
    let long = "x".repeat(257);
    for (queue, of) in [
        ("none", note("INFO", "")),
        ("faults", note("", "")),
        ("faults", note("abandon", "")),
        ("faults", note("CONNECT", "")),
        ("faults", note("INFO", &long)),
    ] {
        assert!(world.refused(Command::QueueNote(name(queue), of.clone())).is_some(), "{queue} {of:?}");
    }
}
