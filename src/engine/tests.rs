//! Whole calls through the engine, in invented time.

mod world;

use expect_test::expect;
use world::{Habit, Weather, World};

#[test]
fn a_call_is_queued_offered_answered_and_ended() {
    let mut world = World::open(1, Habit::Answers(2000), Weather::default(), 1);
    let caller = world.call("+34612045118");
    world.run(10_000);
    world.hang_up(0, caller);
    world.run(60_000);
    expect![[r#"
        3100 c1 arrives from +34612045118
        3100 c1 a0 Ivr(None)
        3100 c1 enters faults at 1
        3100 c1 offered to agent0
        3100 agent0 is offered
        3100 c1 a0 Queue(faults)
        3100 c1 b1 Ring(agent0)
        3100 agent0 is ringing
        5100 c1 at agent0: accepted
        5100 c1 leaves faults: answered
        5100 agent0 is talking
        5100 c1 a0 Talk(agent0)
        5100 c1 b1 Talk(agent0)
        13100 agent0 is wrap-up
        13101 c1 ends: answered by Caller
        18100 agent0 is ready
    "#]]
    .assert_eq(&world.said);
}

/// The caller's network falls away in the middle of the talk: his session expires, the record closes, the agent is free.
#[test]
fn a_caller_who_vanished_is_let_go_when_his_session_expires() {
    let mut world = World::open(1, Habit::Answers(2000), Weather::default(), 1);
    world.call("+34612045118");
    world.run(10_000);
    world.said.clear();
    world.gone = Some(0);
    world.run(1_900_000);
    expect![[r#"
        1771101 agent0 is wrap-up
        1771102 c1 ends: answered by Us
        1776101 agent0 is ready
    "#]]
    .assert_eq(&world.said);
    assert!(world.party_of(0).legs.is_empty(), "the agent's phone heard the end");
}
