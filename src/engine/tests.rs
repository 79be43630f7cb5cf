//! Whole calls through the engine, in invented time.

mod ahead;
mod audit;
mod callbacks;
mod changes;
mod clock;
mod day;
mod fault;
mod heard;
mod limits;
mod live;
mod names;
mod parking;
mod placing;
mod ports;
mod prices;
mod queue_log;
mod refer;
mod rehearsal;
mod restart;
mod ring_all;
mod seeds;
mod serving;
mod skills_and_tasks;
mod stuck;
mod voicemail;
mod world;
mod wrapup;

use expect_test::expect;
use world::{Act, Habit, Weather, World};

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

#[test]
fn an_agent_asks_a_colleague_and_hands_the_customer_over() {
    let mut world = World::open(2, Habit::Answers(1000), Weather::default(), 1);
    let caller = world.call("+34612045118");
    world.run(5000);
    world.said.clear();
    let (party, leg) = (1..=2).find_map(|p| Some((p, *world.parties[p].legs.first_key_value()?.0))).unwrap();
    let colleague = if party == 1 { "1002" } else { "1001" };
    world.act(party, leg, Act::Consult(colleague));
    world.run(20_000);
    world.hang_up(0, caller);
    world.run(60_000);
    expect![[r#"
        8100 c1 a0 Hold(agent0)
        8100 c1 b1 Hold(agent0)
        8100 agent0 is holding
        8100 c2 arrives from 1001
        8100 c2 a1 Ivr(None)
        8100 c2 b2 Ring(agent1)
        8100 c1 b1 Consult(agent0)
        8100 agent1 is outbound
        8100 agent0 is consulting
        9100 c2 a1 Consult(agent0)
        9100 c2 b2 Consult(agent0)
        13100 c1 a0 Talk(agent1)
        13100 c1 b2 Talk(agent1)
        13100 agent1 is talking
        13100 agent0 is wrap-up
        13101 c2 ends: answered by Agent
        18100 agent0 is ready
        28100 agent1 is wrap-up
        28101 c1 ends: answered by Caller
        33100 agent1 is ready
    "#]]
    .assert_eq(&world.said);
    world.assert_drained();
}

#[test]
fn an_agent_hands_the_customer_to_another_queue() {
    let mut world = World::open(2, Habit::Answers(1000), Weather::default(), 1);
    let caller = world.call("+34612045118");
    world.run(5000);
    world.said.clear();
    let (party, leg) = (1..=2).find_map(|p| Some((p, *world.parties[p].legs.first_key_value()?.0))).unwrap();
    world.act(party, leg, Act::Transfer("700"));
    world.run(20_000);
    world.hang_up(0, caller);
    world.run(60_000);
    expect![[r#"
        8100 c1 a0 Ivr(None)
        8100 agent0 is wrap-up
        8100 c1 enters general at 1
        8100 c1 offered to agent1
        8100 agent1 is offered
        8100 c1 a0 Queue(general)
        8100 c1 b2 Ring(agent1)
        8100 agent1 is ringing
        9100 c1 at agent1: accepted
        9100 c1 leaves general: answered
        9100 agent1 is talking
        9100 c1 a0 Talk(agent1)
        9100 c1 b2 Talk(agent1)
        13100 agent0 is ready
        28100 agent1 is wrap-up
        28101 c1 ends: answered by Caller
        33100 agent1 is ready
    "#]]
    .assert_eq(&world.said);
    world.assert_drained();
}
