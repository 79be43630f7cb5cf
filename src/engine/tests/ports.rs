//! When every media port is in use.

use turno_base::Outcome;

use super::world::{Habit, Weather, World, config, name};

/// Pairs that the engine is given before it has asked for more.
const GIVEN: usize = 256;

#[test]
fn a_caller_for_whom_no_port_is_left_gets_503_and_is_recorded_as_not_answered() {
    let mut config = config(0);
    config.acd.queues.get_mut(&name("faults")).unwrap().length_max = 1000;
    let mut world = World::open_with(config, 0, Habit::Answers(500), Weather::default(), 1);
    world.ports_max = 0;
    for n in 0..GIVEN {
        world.call(&format!("+3461204{n:04}"));
        world.run(50);
    }
    assert_eq!((world.parties[0].legs.len(), world.sizes().ports_free), (GIVEN, 0));
    world.call("+34612055555");
    world.run(2000);
    assert_eq!(world.ends.len(), 1);
    assert_eq!(world.ends[0].1.sip, 503, "{:?}", world.ends);
    let record = &world.records[0];
    assert_eq!((world.records.len(), record.outcome), (1, Outcome::Failed));
    assert_eq!(record.legs[0].answered, None, "he never heard us");
    assert_eq!(world.parties[0].legs.len(), GIVEN, "the others wait on");

    // A port that comes back serves the next one.
    let leaves = *world.parties[0].legs.first_key_value().unwrap().0;
    world.hang_up(0, leaves);
    world.run(5000);
    world.call("+34612055556");
    world.run(2000);
    assert_eq!((world.ends.len(), world.parties[0].legs.len()), (2, GIVEN));
    world.hang_up_all();
    world.run(60_000);
    world.assert_drained();
}
