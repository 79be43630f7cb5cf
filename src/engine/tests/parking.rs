//! Calls that are parked and taken, whole, by what phones can do and by command.

use expect_test::expect;
use turno_base::CallId;
use turno_base::fact::What;

use super::world::{Act, Habit, Weather, World, name};
use crate::{Command, Refusal};

/// A caller who talks with the agent at the second party; the call.
fn talking() -> (World, CallId) {
    let mut world = World::open(2, Habit::Answers(500), Weather::default(), 1);
    world.call("+34612045118");
    world.run(3000);
    assert_eq!(world.parties[1].legs.len(), 1, "agent0 has it");
    let call = world.facts.iter().find_map(|fact| match fact.what {
        What::CallArrived { call, .. } => Some(call),
        _ => None,
    });
    world.said.clear();
    (world, call.unwrap())
}

fn words(world: &mut World, call: CallId) -> Vec<String> {
    match world.ask(Command::CallExplain(call)) {
        Some(crate::Answer::Explained(explained)) => explained.words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_phone_parks_by_refer_another_takes_by_code_and_the_card_says_where_it_is() {
    let (mut world, call) = talking();
    let leg = *world.parties[1].legs.first_key_value().unwrap().0;
    world.act(1, leg, Act::Transfer("*683"));
    world.run(6500);
    assert_eq!(words(&mut world, call)[0], "parked in slot 3 for 6 s; back to faults in 113 s");
    world.dial(2, "*693", "");
    world.run(5000);
    world.hang_up_all();
    world.run(60_000);
    expect![[r#"
        6100 c1 a0 Parked
        6100 agent0 is wrap-up
        11100 agent0 is ready
        12600 c2 arrives from 1002
        12600 c2 a1 Ivr(None)
        12600 agent1 is outbound
        12601 c1 a0 Talk(agent1)
        12601 c1 a1 Talk(agent1)
        12601 agent1 is talking
        12601 c2 ends: answered by Agent
        17600 agent1 is ready
        17601 c1 ends: answered by Caller
    "#]]
    .assert_eq(&world.said);
    let parked = world.records.iter().find(|record| record.trunk.is_some()).unwrap();
    assert_eq!(parked.agent().unwrap().to_string(), "agent1");
    assert!((6000..8000).contains(&parked.hold_ms()), "{}", parked.hold_ms());
    world.assert_drained();
}

#[test]
fn whom_nobody_takes_returns_to_the_agent_who_parked_him_before_others() {
    let (mut world, call) = talking();
    assert!(world.ask(Command::CallPark(call, None)).is_some());
    // The other agent has been idle for longer; both are free when the time is up.
    world.run(119_000);
    world.said.clear();
    world.run(5000);
    expect![[r#"
        126100 c1 a0 Ivr(None)
        126100 c1 enters faults at 1
        126100 c1 offered to agent0
        126100 agent0 is offered
        126100 c1 a0 Queue(faults)
        126100 c1 b2 Ring(agent0)
        126100 agent0 is ringing
        126600 c1 at agent0: accepted
        126600 c1 leaves faults: answered
        126600 agent0 is talking
        126600 c1 a0 Talk(agent0)
        126600 c1 b2 Talk(agent0)
    "#]]
    .assert_eq(&world.said);
    world.hang_up_all();
    world.run(60_000);
    world.assert_drained();
}

#[test]
fn a_supervisor_takes_a_waiting_call_for_an_agent_and_is_refused_what_cannot_be() {
    let (mut world, call) = talking();
    let sentence = |world: &mut World, command| match world.refused(command) {
        Some(Refusal::Conflict { sentence }) => sentence,
        other => panic!("{other:?}"),
    };
    let (agent0, agent1) = (name("agent0"), name("agent1"));
    assert!(sentence(&mut world, Command::CallPull(call, agent1)).ends_with("neither waits nor is parked"));
    assert!(sentence(&mut world, Command::CallPark(call, Some(99))).starts_with("there is no slot 99"));
    world.ask(Command::AgentPause(agent1, name("lunch")));
    world.call("+34612045119");
    world.run(2000);
    let waiting = world.facts.iter().rev().find_map(|fact| match fact.what {
        What::QueueEntered { call, .. } => Some(call),
        _ => None,
    });
    let waiting = waiting.unwrap();
    assert!(sentence(&mut world, Command::CallPull(waiting, agent0)).ends_with("is in a call"));
    world.said.clear();
    world.ask(Command::CallPull(waiting, agent1));
    world.run(4000);
    expect![[r#"
        8100 c2 a1 Ivr(None)
        8100 c2 b2 Ring(agent1)
        8100 c2 leaves faults: withdrawn
        8600 c2 a1 Talk(agent1)
        8600 c2 b2 Talk(agent1)
        8600 agent1 is talking
    "#]]
    .assert_eq(&world.said);
    world.hang_up_all();
    world.run(60_000);
    world.assert_drained();
}

#[test]
fn a_restart_ends_a_parked_call_with_its_record_and_frees_its_slot() {
    let (mut world, call) = talking();
    world.ask(Command::CallPark(call, Some(1)));
    world.run(1000);
    world.restart(500);
    world.run(60_000);
    assert_eq!(world.records.len(), 1);
    world.call("+34612045120");
    world.run(5000);
    let live = world.facts.iter().rev().find_map(|fact| match fact.what {
        What::CallArrived { call, .. } => Some(call),
        _ => None,
    });
    assert!(world.ask(Command::CallPark(live.unwrap(), Some(1))).is_some(), "the slot is free");
    world.hang_up_all();
    world.run(60_000);
    world.assert_drained();
}
