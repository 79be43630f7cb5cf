//! A queue that rings all its agents at once: one of them has the call, whatever crosses on the wire.

use expect_test::expect;
use turno_acd::Strategy;
use turno_base::Reason;

use super::world::{Habit, Weather, World, config};

fn open(phones: usize, answers_after_ms: u64, weather: Weather) -> World {
    let mut config = config(phones);
    for queue in config.acd.queues.values_mut() {
        queue.strategy = Strategy::RingAll;
    }
    World::open_with(config, phones, Habit::Answers(answers_after_ms), weather, 1)
}

#[test]
fn three_phones_answer_at_once_and_one_has_the_call() {
    let mut world = open(3, 2000, Weather::default());
    let caller = world.call("+34612045118");
    world.run(10_000);
    let talking = world.parties.iter().skip(1).filter(|party| !party.legs.is_empty()).count();
    assert_eq!(talking, 1, "the late ones are sent away at once");
    let told: Vec<_> = world.ends.iter().map(|(party, cause)| (*party, cause.reason)).collect();
    world.hang_up(0, caller);
    world.run(60_000);
    assert_eq!(told, [(2, Reason::CompletedElsewhere), (3, Reason::CompletedElsewhere)]);
    expect![[r#"
        3100 c1 arrives from +34612045118
        3100 c1 a0 Ivr(None)
        3100 c1 enters faults at 1
        3100 c1 offered to agent0
        3100 agent0 is offered
        3100 c1 offered to agent1
        3100 agent1 is offered
        3100 c1 offered to agent2
        3100 agent2 is offered
        3100 c1 a0 Queue(faults)
        3100 c1 b1 Ring(agent0)
        3100 c1 b2 Ring(agent1)
        3100 c1 b3 Ring(agent2)
        3100 agent0 is ringing
        3100 agent1 is ringing
        3100 agent2 is ringing
        5100 c1 at agent0: accepted
        5100 c1 at agent1: lost_race
        5100 c1 at agent2: lost_race
        5100 c1 leaves faults: answered
        5100 agent0 is talking
        5100 agent1 is ready
        5100 agent2 is ready
        5100 c1 a0 Talk(agent0)
        5100 c1 b1 Talk(agent0)
        13100 agent0 is wrap-up
        13101 c1 ends: answered by Caller
        18100 agent0 is ready
    "#]]
    .assert_eq(&world.said);
    world.assert_drained();
    let outcomes: Vec<_> = world.records.iter().map(|record| record.outcome).collect();
    expect!["[Answered]"].assert_eq(&format!("{outcomes:?}"));
}

#[test]
fn a_phone_that_still_rings_when_another_answers_hears_that_the_call_was_taken() {
    let mut world = open(2, 4000, Weather::default());
    let caller = world.call("+34612045118");
    world.run(1500);
    let (party, leg) = (2, *world.parties[2].legs.first_key_value().unwrap().0);
    world.act(party, leg, super::world::Act::Answer);
    world.run(10_000);
    let told: Vec<_> = world.ends.iter().map(|(party, cause)| (*party, cause.sip, cause.reason)).collect();
    assert_eq!(told, [(1, 487, Reason::CompletedElsewhere)]);
    world.hang_up(0, caller);
    world.run(60_000);
    world.assert_drained();
    let ends = |end: &str| world.said.lines().filter(|line| line.ends_with(end)).count();
    assert_eq!((ends(": accepted"), ends(": lost_race"), ends("leaves faults: answered")), (1, 1, 1), "{}", world.said);
}

#[test]
fn a_caller_who_hangs_up_stops_all_phones() {
    let mut world = open(3, 60_000, Weather::default());
    let caller = world.call("+34612045118");
    world.run(5000);
    world.hang_up(0, caller);
    world.run(1000);
    assert!(world.parties.iter().all(|party| party.legs.is_empty()), "nothing rings");
    let ends = |end: &str| world.said.lines().filter(|line| line.ends_with(end)).count();
    assert_eq!(ends(": caller_left"), 3, "{}", world.said);
    world.run(60_000);
    world.assert_drained();
}
