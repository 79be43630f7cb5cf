//! What the rule promises against what shops run today, at a size that every build can afford. The full size is a command
//! (docs/simulation.md).

use super::{days, named};
use crate::figures::Measure;
use crate::policy::{Knobs, Named};
use crate::stats::{difference, relative};

const DAYS: u32 = 6;

#[test]
fn the_reference_centre_gains_where_managers_pay() {
    let mid = named("mid");
    let lowest = mid.lowest_segment();
    let turno = days(&mid, &Named::Turno(Knobs::default()), 99, DAYS);
    let fifo = days(&mid, &Named::FifoRoundRobin, 99, DAYS);
    let gain = |measure: Measure| {
        let of = |days: &[crate::Figures]| -> Vec<f64> { days.iter().map(|day| measure.of(day, lowest)).collect() };
        let (turno, fifo) = (of(&turno), of(&fifo));
        if measure.is_in_points() { difference(&turno, &fifo) } else { relative(&turno, &fifo) }
    };
    for (measure, most) in [
        (Measure::ValueWait, -0.15),
        (Measure::ValueAbandoned, -0.2),
        (Measure::Abandoned, 0.0),
        (Measure::OccupancySpread, 1.0),
    ] {
        assert!(gain(measure).high() < most, "{}: {:?}", measure.title(), gain(measure));
    }
    let within = gain(Measure::AnsweredWithin);
    assert!(within.low() > 1.0, "{within:?}");
}
