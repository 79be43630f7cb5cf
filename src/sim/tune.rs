//! A search over the few knobs of the rule for what an operator wants: one knob at a time over its steps, the best kept, until a
//! round over all knobs changes nothing or [`ROUNDS_MAX`] is reached. Whoever runs it plays the days; here is only what to
//! try next.

mod trade;

use serde::Serialize;

use crate::figures::{Figures, Measure};
use crate::policy::Knobs;
use crate::stats::mean;
pub use trade::{Marked, trade};

/// Rounds over all knobs.
pub const ROUNDS_MAX: usize = 3;

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// This as good as can be.
    pub measure: Measure,
    /// While the longest wait of the lowest segment is at most this on a mean day, seconds.
    pub longest_max_s: Option<f64>,
}

/// A setting and what it came to on the training days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// Setting.
    pub knobs: Knobs,
    /// Value-weighted wait, seconds.
    pub value_wait_s: f64,
    /// Longest wait of the lowest segment, seconds.
    pub longest_s: f64,
    /// What is made small: the objective, and a thousand for each second above its bound.
    pub cost: f64,
}

/// The search.
#[derive(Clone, Debug)]
pub struct Search {
    objective: Objective,
    lowest: usize,
    best: Option<Tried>,
    tried: Vec<Tried>,
    pending: Vec<Knobs>,
    knob: usize,
    round: usize,
    has_improved: bool,
}

const KNOBS: usize = 4;

/// The steps of one knob around a setting.
fn steps(knob: usize, at: &Knobs) -> Vec<Knobs> {
    let with = |values: &[f64], set: fn(&mut Knobs, f64)| {
        let one = |&value: &f64| {
            let mut knobs = at.clone();
            set(&mut knobs, value);
            knobs
        };
        values.iter().map(one).collect::<Vec<Knobs>>()
    };
    match knob {
        0 => with(&[0.0, 0.25, 0.5, 0.75, 1.0, 1.25], |knobs, value| knobs.value_exponent = Some(value)),
        1 => with(&[0.0, 250.0, 500.0, 1000.0, 2000.0], |knobs, value| knobs.opportunity_s = Some(value)),
        2 => with(&[0.0, 0.5, 1.0, 1.5], |knobs, value| knobs.ring_scale = Some(value)),
        _ => with(&[90.0, 150.0, 240.0, 360.0, 0.0], |knobs, value| knobs.guard_s = Some(value)),
    }
}

impl Search {
    /// From these settings on.
    pub fn new(objective: Objective, lowest: usize, start: &Knobs) -> Search {
        Search {
            objective,
            lowest,
            best: None,
            tried: Vec::new(),
            pending: vec![start.clone()],
            knob: 0,
            round: 0,
            has_improved: true,
        }
    }

    /// Settings to play over the training days; none: the search is over.
    pub fn next(&self) -> &[Knobs] {
        &self.pending
    }

    /// What they came to, in the same order.
    pub fn take(&mut self, played: &[Vec<Figures>]) {
        for (knobs, days) in std::mem::take(&mut self.pending).into_iter().zip(played) {
            let of =
                |measure: Measure| mean(&days.iter().map(|day| measure.of(day, self.lowest)).collect::<Vec<f64>>()).mid;
            let (value_wait_s, longest_s) = (of(Measure::ValueWait), of(Measure::LongestOfLowest));
            let wanted = of(self.objective.measure);
            let wanted = if self.objective.measure == Measure::AnsweredWithin { -wanted } else { wanted };
            let above = self.objective.longest_max_s.map_or(0.0, |most| (longest_s - most).max(0.0));
            let tried = Tried { knobs, value_wait_s, longest_s, cost: wanted + 1000.0 * above };
            if self.best.as_ref().is_none_or(|best| tried.cost < best.cost) {
                self.has_improved |= self.best.is_some();
                self.best = Some(tried.clone());
            }
            self.tried.push(tried);
        }
        self.plan();
    }

    /// The next knob whose steps have not all been played.
    fn plan(&mut self) {
        while let Some(best) = &self.best {
            if self.knob == KNOBS || self.round == 0 {
                if self.round == ROUNDS_MAX || !self.has_improved {
                    return;
                }
                (self.knob, self.round, self.has_improved) = (0, self.round + 1, false);
            }
            let new = steps(self.knob, &best.knobs);
            self.knob += 1;
            self.pending =
                new.into_iter().filter(|knobs| self.tried.iter().all(|tried| tried.knobs != *knobs)).collect();
            if !self.pending.is_empty() {
                return;
            }
        }
    }

    /// The best so far.
    pub fn best(&self) -> Option<&Tried> {
        self.best.as_ref()
    }

    /// All of them, in order.
    pub fn tried(&self) -> &[Tried] {
        &self.tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::SegmentFigures;

    /// A day whose value-weighted wait and longest wait are these.
    fn day(value_wait_s: f64, longest_s: f64) -> Vec<Figures> {
        let lowest = SegmentFigures { longest_s, ..SegmentFigures::default() };
        vec![Figures { value: 1.0, value_wait_s, segments: vec![lowest], ..Figures::default() }]
    }

    /// Best at exponent 1, opportunity 250, rings half as long; the guard costs, and without it nobody is safe.
    fn valley(knobs: &Knobs) -> Vec<Figures> {
        let wait = 10.0
            + (knobs.value_exponent.unwrap_or(0.75) - 1.0).abs()
            + (knobs.opportunity_s.unwrap_or(500.0) - 250.0).abs() / 1000.0
            + (knobs.ring_scale.unwrap_or(1.0) - 0.5).abs()
            + knobs.guard_s.filter(|guard| *guard > 0.0).map_or(0.0, |guard| 100.0 / guard);
        let longest = if knobs.guard_s == Some(0.0) { 900.0 } else { knobs.guard_s.unwrap_or(240.0) };
        day(wait, longest)
    }

    fn search(longest_max_s: Option<f64>) -> Search {
        let objective = Objective { measure: Measure::ValueWait, longest_max_s };
        let mut search = Search::new(objective, 0, &Knobs { guard_s: Some(240.0), ..Knobs::default() });
        while !search.next().is_empty() {
            let played: Vec<Vec<Figures>> = search.next().iter().map(valley).collect();
            search.take(&played);
        }
        search
    }

    #[test]
    fn the_search_finds_the_bottom_and_ends() {
        let found = search(None);
        let best = &found.best().unwrap().knobs;
        assert_eq!((best.value_exponent, best.opportunity_s), (Some(1.0), Some(250.0)));
        assert_eq!((best.ring_scale, best.guard_s), (Some(0.5), Some(0.0)));
        assert!(found.tried().len() < 60, "{}", found.tried().len());
    }

    #[test]
    fn a_bound_on_the_longest_wait_is_kept() {
        let best = search(Some(200.0)).best().unwrap().clone();
        assert_eq!((best.knobs.guard_s, best.longest_s), (Some(150.0), 150.0));
    }
}
