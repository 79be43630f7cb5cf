//! Phones that answer by themselves and transfer in the same breath.

use turno_base::LegId;

use super::world::{Act, Habit, Weather, World};

/// 1001 has called 1002 a millisecond ago: its phone rings, and the record is not on the disk yet.
fn called() -> (World, LegId) {
    let mut world = World::open(3, Habit::Answers(60_000), Weather::default(), 1);
    world.dial(1, "1002", "");
    world.run(1);
    let leg = *world.parties[2].legs.first_key_value().expect("it rings").0;
    (world, leg)
}

/// 1002 has asked for 1003 in place of itself: it comes to be.
fn connects(mut world: World) {
    world.run(100);
    let ringing = *world.parties[3].legs.first_key_value().expect("1003 rings").0;
    world.act(3, ringing, Act::Answer);
    world.run(100);
    let up = |party: usize| world.parties[party].legs.values().copied().collect::<Vec<_>>();
    assert_eq!([up(1), up(2), up(3)], [vec!["up"], vec![], vec!["up"]]);
    world.hang_up_all();
    world.run(60_000);
    world.assert_drained();
}

#[test]
fn a_transfer_in_the_instant_of_the_answer_waits_for_the_record() {
    let (mut world, leg) = called();
    world.act(2, leg, Act::Answer);
    world.act(2, leg, Act::Transfer("1003"));
    assert!(!world.parties[1].legs.values().any(|state| *state == "up"), "1001 is answered when the record is there");
    connects(world);
}

#[test]
fn a_transfer_that_overtakes_the_answer_waits_for_it() {
    let (mut world, leg) = called();
    world.run(100);
    world.weather.late_ms = 80;
    world.act(2, leg, Act::Answer);
    world.weather = Weather::default();
    world.act(2, leg, Act::Transfer("1003"));
    world.run(0);
    assert!(world.parties[3].legs.is_empty(), "the answer is still on its way");
    connects(world);
}
