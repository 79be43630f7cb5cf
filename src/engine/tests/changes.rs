//! What a changed configuration or a lost registration does to calls under way.

use expect_test::expect;

use super::world::{self, Habit, Weather, World, config};
use crate::{Command, Input};

#[test]
fn the_same_configuration_again_changes_nothing_for_anybody() {
    let mut world = World::open(3, Habit::Answers(2000), Weather::default(), 1);
    world.call("+34612045118");
    world.run(1000);
    world.call("+34612045119");
    world.run(4000);
    // One talks, one rings or talks, one is free.
    world.said.clear();
    let views = |world: &mut World| {
        let mut out = Vec::new();
        for command in [Command::AgentShow(None), Command::QueueShow(None), Command::CallShow(None), Command::RegShow] {
            world.engine.handle(&Input::Command { id: 1, command }, world.now, &mut out);
        }
        out
    };
    let before = views(&mut world);
    let mut out = Vec::new();
    world.engine.handle(&Input::Configure(Box::new(config(3))), world.now, &mut out);
    assert_eq!(out, [], "and nothing is sent");
    assert_eq!(views(&mut world), before);
}

#[test]
fn an_agent_whose_phone_signs_off_while_it_rings_or_talks() {
    for (habit, runs) in [(Habit::Answers(90_000), "rings"), (Habit::Answers(1000), "talks")] {
        let mut world = World::open(2, habit, Weather::default(), 1);
        let caller = world.call("+34612045118");
        world.run(3000);
        world.said.clear();
        world.sign_off(0);
        world.run(2000);
        world.hang_up(0, caller);
        world.run(30_000);
        match runs {
            "rings" => expect![[r#"
                6100 c1 at agent0: unreachable
                6100 agent0 is paused
                6100 c1 offered to agent1
                6100 agent1 is offered
                6100 c1 b2 Ring(agent1)
                6100 agent1 is ringing
                8100 c1 at agent1: caller_left
                8100 c1 leaves faults: short_abandoned
                8100 agent1 is ready
                8101 c1 ends: abandoned by Caller
            "#]]
            .assert_eq(&world.said),
            _ => expect![[r#"
                8100 agent0 is wrap-up
                8101 c1 ends: answered by Caller
                13100 agent0 is paused
            "#]]
            .assert_eq(&world.said),
        }
    }
}

#[test]
fn a_phone_whose_account_is_no_longer_configured_is_offered_nothing() {
    let mut world = World::open(2, Habit::Answers(2000), Weather::default(), 1);
    world.said.clear();
    let mut changed = config(2);
    changed.sip.accounts.remove(0);
    world.input(Input::Configure(Box::new(changed)));
    world.call("+34612045118");
    world.run(4000);
    expect![[r#"
        3100 agent0 is paused
        3100 c1 arrives from +34612045118
        3100 c1 a0 Ivr(None)
        3100 c1 enters faults at 1
        3100 c1 offered to agent1
        3100 agent1 is offered
        3100 c1 a0 Queue(faults)
        3100 c1 b1 Ring(agent1)
        3100 agent1 is ringing
        5100 c1 at agent1: accepted
        5100 c1 leaves faults: answered
        5100 agent1 is talking
        5100 c1 a0 Talk(agent1)
        5100 c1 b1 Talk(agent1)
    "#]]
    .assert_eq(&world.said);
    let before = world.said.clone();
    world.input(Input::Configure(Box::new(config(2))));
    world.run(1000);
    assert_eq!(world.said, before, "it has to register again");
}

#[test]
fn a_queue_and_an_agent_that_are_no_longer_configured_go_in_good_order() {
    let mut world = World::open(1, Habit::Answers(90_000), Weather::default(), 1);
    world.said.clear();
    world.call("+34612045118");
    world.run(1000);
    let mut changed = config(1);
    changed.acd.agents.clear();
    changed.acd.queues.remove(&world::name("faults"));
    world.input(Input::Configure(Box::new(changed)));
    world.run(30_000);
    expect![[r#"
        3100 c1 arrives from +34612045118
        3100 c1 a0 Ivr(None)
        3100 c1 enters faults at 1
        3100 c1 offered to agent0
        3100 agent0 is offered
        3100 c1 a0 Queue(faults)
        3100 c1 b1 Ring(agent0)
        3100 agent0 is ringing
        4100 c1 at agent0: lost_race
        4100 c1 leaves faults: empty
        4100 agent0 is logged-out
        4101 c1 ends: no-answer by Us
    "#]]
    .assert_eq(&world.said);
}

#[test]
fn records_and_offers_name_the_revision_that_decided_them() {
    let under = |revision: u64| {
        let mut config = config(1);
        config.revision = revision;
        Input::Configure(Box::new(config))
    };
    let mut world = World::open(1, Habit::Answers(2000), Weather::default(), 1);
    world.input(under(3));
    let talks = world.call("+34612045118");
    world.run(4000);
    // Waits while the one agent talks, and is offered to him under the next revision.
    let waits = world.call("+34612045119");
    world.run(1000);
    world.input(under(4));
    world.input(under(4));
    world.run(1000);
    world.hang_up(0, talks);
    world.run(20_000);
    world.hang_up(0, waits);
    world.run(20_000);
    let told: Vec<(u64, Vec<u64>)> = world
        .records
        .iter()
        .map(|record| (record.config_revision, record.offers.iter().map(|offer| offer.config_revision).collect()))
        .collect();
    assert_eq!(told, [(3, vec![3]), (3, vec![4])]);
    assert_eq!(world.said.matches("configured").collect::<Vec<_>>().len(), 2, "{}", world.said);
}
