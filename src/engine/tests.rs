//! Whole calls through the engine, in invented time.

mod fault;
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
        3100 c1 b1 Ivr(None)
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
