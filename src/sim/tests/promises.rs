//! What the rule promises against what shops run today: all six figures of the reference centre, and more still where agents are
//! more cross-trained. A few days here, at a size that every build can afford; `scripts/full sim` plays the whole size.
//!
//! `TURNO_PROMISE_DAYS` says how many days, `TURNO_PROMISE_SEEDS` which seeds besides that of the file.

use super::{days, named};
use crate::Figures;
use crate::figures::Measure;
use crate::policy::{Knobs, Named};
use crate::scenario::Scenario;
use crate::stats::{Interval, difference, relative};

/// What is promised against first come first served with agents in turn: at most this, or at least, if the figure is to rise. The
/// last two may get worse, but by no more than this.
const GOALS: [(Measure, f64, Kind); 6] = [
    (Measure::ValueWait, -0.30, Kind::Falls),
    (Measure::ValueAbandoned, -0.36, Kind::Falls),
    (Measure::Abandoned, -0.12, Kind::Falls),
    (Measure::AnsweredWithin, 4.0, Kind::Rises),
    (Measure::OccupancySpread, 1.0, Kind::Bounded),
    (Measure::LongestOfLowest, 0.30, Kind::Bounded),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Falls,
    Rises,
    Bounded,
}

#[expect(clippy::disallowed_methods, reason = "the size is for who runs the tests to say")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn how_many(few: u32) -> u32 {
    asked("TURNO_PROMISE_DAYS").map_or(few, |text| text.parse().expect("a number of days"))
}

/// Besides the scenario's own.
fn fresh() -> Vec<u64> {
    let listed = asked("TURNO_PROMISE_SEEDS").unwrap_or_default();
    listed.split(',').filter(|text| !text.is_empty()).map(|text| text.parse().expect("a seed")).collect()
}

fn gain(scenario: &Scenario, measure: Measure, ours: &[Figures], theirs: &[Figures]) -> Interval {
    let lowest = scenario.lowest_segment();
    let of = |days: &[Figures]| -> Vec<f64> { days.iter().map(|day| measure.of(day, lowest)).collect() };
    let (ours, theirs) = (of(ours), of(theirs));
    if measure.is_in_points() { difference(&ours, &theirs) } else { relative(&ours, &theirs) }
}

/// Whether a goal is met: the interval is clear of zero, and the days of the file's own seed reach it by their mean. Of seeds
/// drawn afresh each has its luck: there it is enough that the goal lies within what their days leave open.
fn is_met(found: Interval, goal: f64, kind: Kind, is_own: bool) -> bool {
    let (least, most) = if is_own { (found.mid, found.mid) } else { (found.low(), found.high()) };
    match kind {
        Kind::Falls => least <= goal && found.high() < 0.0,
        Kind::Rises => most >= goal && found.low() > 0.0,
        Kind::Bounded => least <= goal,
    }
}

#[test]
fn the_reference_centre_keeps_all_six_promises() {
    let mid = named("mid");
    let many = how_many(8);
    let seeds: Vec<u64> = std::iter::once(mid.seed).chain(fresh()).collect();
    for (at, seed) in seeds.into_iter().enumerate() {
        let turno = days(&mid, &Named::Turno(Knobs::default()), seed, many);
        let fifo = days(&mid, &Named::FifoRoundRobin, seed, many);
        for (measure, goal, kind) in GOALS {
            let found = gain(&mid, measure, &turno, &fifo);
            println!(
                "mid, seed {seed}, {many} days, {}: {:+.3} ± {:.3}, promised {goal:+}",
                measure.title(),
                found.mid,
                found.half
            );
            assert!(is_met(found, goal, kind, at == 0), "{}, seed {seed}: {found:?}", measure.title());
        }
    }
}

#[test]
fn more_cross_training_gains_more_still_and_the_lowest_wait_half_as_long_as_under_strict_priority() {
    let (mid, crossed) = (named("mid"), named("crosstrained-75"));
    assert_eq!(crossed.agents(), 75);
    assert!(crossed.segments.iter().any(|segment| segment.value == 20.0));
    let many = how_many(4);
    let seeds: Vec<u64> = std::iter::once(crossed.seed).chain(fresh()).collect();
    for seed in seeds {
        let played = |scenario: &Scenario, policy: &Named| days(scenario, policy, seed, many);
        let (turno, fifo) = (Named::Turno(Knobs::default()), Named::FifoRoundRobin);
        let (ours, theirs) = (played(&crossed, &turno), played(&crossed, &fifo));
        let (mid_ours, mid_theirs) = (played(&mid, &turno), played(&mid, &fifo));
        for (measure, goal) in [(Measure::ValueWait, -0.44), (Measure::ValueAbandoned, -0.5)] {
            let found = gain(&crossed, measure, &ours, &theirs);
            let less = gain(&mid, measure, &mid_ours, &mid_theirs);
            println!(
                "crosstrained-75, seed {seed}, {many} days, {}: {:+.3} ± {:.3}; mid {:+.3}",
                measure.title(),
                found.mid,
                found.half,
                less.mid
            );
            assert!(found.low() <= goal, "{}: {found:?}", measure.title());
            assert!(found.mid < less.mid, "more still: {}: {found:?} {less:?}", measure.title());
        }
        let strict = played(&crossed, &Named::PriorityBestSkill);
        let longest = gain(&crossed, Measure::LongestOfLowest, &ours, &strict);
        println!(
            "crosstrained-75, seed {seed}: longest wait of the lowest against strict priority {:+.3} ± {:.3}",
            longest.mid, longest.half
        );
        assert!(longest.mid < -0.4, "{longest:?}");
    }
}
