//! The wall clock is set while calls are up (reliability C9): no timer comes early or late, no duration changes.

use turno_base::Wall;
use turno_tariff::cdr::{Record, verify};

use super::world::{Habit, Weather, World};

const HOUR_US: i64 = 3_600_000_000;

/// Durations of a record, in the order in which they are billed: all that a step of the clock must not touch.
fn durations(record: &Record) -> Vec<u64> {
    let legs = record.legs.iter().flat_map(|leg| {
        let stages = leg.stages.iter().map(|stage| stage.ms);
        [leg.ring_ms, leg.talk_ms, leg.total_ms].into_iter().chain(stages).collect::<Vec<_>>()
    });
    let billed = record.legs.iter().flat_map(|leg| &leg.charges).map(|charge| charge.rated.billed_ms);
    let waits = record.stays.iter().map(|stay| stay.wait_ms);
    let rings = record.offers.iter().map(|offer| offer.ring_ms);
    [record.total_ms].into_iter().chain(legs.collect::<Vec<_>>()).chain(billed).chain(waits).chain(rings).collect()
}

/// Calls that wait, ring and talk while the clock is set by `steps`, each ten seconds after the one before.
fn play(steps: [i64; 3]) -> (String, Vec<Vec<u64>>) {
    let mut world = World::open(2, Habit::Answers(1000), Weather::default(), 1);
    for (n, step) in steps.into_iter().enumerate() {
        for caller in 0..2 {
            world.call(&format!("+346120451{n}{caller}"));
            world.run(700);
        }
        world.now.wall = Wall(world.now.wall.0 + step);
        world.run(10_000);
    }
    world.hang_up_all();
    world.run(120_000);
    world.assert_drained();
    for record in &world.records {
        assert_eq!(verify(record), [], "{}", record.call);
    }
    let durations = world.records.iter().map(durations).collect();
    (world.said, durations)
}

#[test]
fn a_clock_that_is_set_by_an_hour_a_day_or_a_leap_second_changes_no_timer_and_no_duration() {
    let (said, want) = play([0; 3]);
    assert!(want.len() >= 6 && want.iter().flatten().any(|&ms| ms > 10_000), "{want:?}");
    for steps in [
        [HOUR_US, -HOUR_US, HOUR_US],
        [-HOUR_US, -HOUR_US, 0],
        [24 * HOUR_US, 0, -48 * HOUR_US],
        [1_000_000, -1_000_000, 1_000_000], // a leap second, taken back, and another
        [-500_000, 0, 500_000],             // smeared
    ] {
        let (now_said, now) = play(steps);
        assert_eq!(now, want, "{steps:?}");
        assert_eq!(now_said, said, "{steps:?}");
    }
}
