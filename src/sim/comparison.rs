//! Policies side by side over the same days: what tables, JSON and pictures are made of.

use std::fmt::Write as _;

use serde::Serialize;

use crate::figures::{Figures, Measure};
use crate::scenario::Scenario;
use crate::stats::{Interval, difference, mean, relative};

/// Policies over the same days; the first is what the others are held against.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Scenario.
    pub scenario: String,
    /// For people.
    pub title: String,
    /// Seeds that were played.
    pub seeds: Vec<u64>,
    /// Days of each.
    pub days: u32,
    /// Calls counted on a mean day under the first policy.
    pub calls_per_day: f64,
    /// The threshold of "answered within", seconds.
    pub answered_within_s: f64,
    /// One for each policy.
    pub policies: Vec<Row>,
    /// Days are draws of what one stretch of a journal does not tell.
    #[serde(skip)]
    pub(crate) are_draws: bool,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Policy.
    pub policy: String,
    /// In the order of [`Measure::ALL`].
    pub measures: Vec<Compared>,
    /// In the order of the scenario.
    pub segments: Vec<SegmentRow>,
}

/// One figure of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Which.
    pub measure: Measure,
    /// Mean of the days.
    pub value: Interval,
    /// Difference to the first policy, day by day: percentage points, or percent of it; see [`Measure::is_in_points`].
    pub against_first: Option<Interval>,
}

/// One segment under one policy; sums over all days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentRow {
    /// Segment.
    pub segment: String,
    /// Calls counted.
    pub calls: u64,
    /// Answered within the segment's target, percent.
    pub in_target_pct: f64,
    /// Answered within the threshold, percent.
    pub answered_within_pct: f64,
    /// Percent.
    pub abandoned_pct: f64,
    /// Mean wait, of those who gave up too, seconds.
    pub wait_s: f64,
    /// Longest wait of a day; mean over days, seconds.
    pub longest_s: f64,
}

impl Comparison {
    /// Of the same days under each policy.
    pub fn of(scenario: &Scenario, seeds: &[u64], days: u32, played: &[(String, Vec<Figures>)]) -> Comparison {
        let lowest = scenario.lowest_segment();
        let by_day = |figures: &[Figures], measure: Measure| -> Vec<f64> {
            figures.iter().map(|day| measure.of(day, lowest)).collect()
        };
        let row = |at: usize, (policy, figures): &(String, Vec<Figures>)| {
            let compared = |measure: Measure| {
                let mine = by_day(figures, measure);
                let against_first = (at > 0).then(|| {
                    let first = by_day(&played[0].1, measure);
                    if measure.is_in_points() {
                        return difference(&mine, &first);
                    }
                    let ratio = relative(&mine, &first);
                    Interval { mid: ratio.mid * 100.0, half: ratio.half * 100.0 }
                });
                Compared { measure, value: mean(&mine), against_first }
            };
            Row {
                policy: policy.clone(),
                measures: Measure::ALL.into_iter().map(compared).collect(),
                segments: (0..scenario.segments.len()).map(|n| segment(scenario, figures, n)).collect(),
            }
        };
        let calls = played.first().map_or(0, |(_, figures)| figures.iter().map(|day| day.calls).sum::<u64>());
        Comparison {
            scenario: scenario.name.to_string(),
            title: scenario.title.clone(),
            seeds: seeds.to_vec(),
            days,
            calls_per_day: calls as f64 / (seeds.len() as f64 * f64::from(days)).max(1.0),
            answered_within_s: scenario.answered_within_s,
            policies: played.iter().enumerate().map(|(at, one)| row(at, one)).collect(),
            are_draws: false,
        }
    }

    /// How a measure is called here, its threshold said.
    pub fn title_of(&self, measure: Measure) -> String {
        match measure {
            Measure::AnsweredWithin => format!("answered within {:.0} s", self.answered_within_s),
            Measure::ValueWait
            | Measure::ValueAbandoned
            | Measure::Abandoned
            | Measure::OccupancySpread
            | Measure::LongestOfLowest
            | Measure::Asa
            | Measure::Occupancy => measure.title().to_owned(),
        }
    }

    /// `60 days, seed 1, 6004 calls a day`.
    pub fn subtitle(&self) -> String {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let many = if self.seeds.len() == 1 { "seed" } else { "seeds" };
        let days = match (self.are_draws, self.days) {
            (false, 1) => "day",
            (false, _) => "days",
            (true, 1) => "draw",
            (true, _) => "draws",
        };
        let each = if self.seeds.len() == 1 { "" } else { " each" };
        let named =
            if seeds.len() > 6 { format!("{} ... {}", seeds[0], seeds[seeds.len() - 1]) } else { seeds.join(", ") };
        let calls = if self.are_draws { "calls in each" } else { "calls a day" };
        format!("{} {days}{each}, {many} {named}, {:.0} {calls}", self.days, self.calls_per_day)
    }

    /// For a terminal.
    pub fn table(&self) -> String {
        let mut text = format!("{}: {}\n{}; 95 % confidence\n", self.scenario, self.title, self.subtitle());
        let width = self.policies.iter().map(|row| row.policy.len()).max().unwrap_or(0);
        for (at, measure) in Measure::ALL.into_iter().enumerate() {
            let _ = writeln!(text, "\n{}", self.title_of(measure));
            for row in &self.policies {
                let one = &row.measures[at];
                let unit = measure.unit();
                let _ =
                    write!(text, "  {:width$}  {:8.2} {unit} {}", row.policy, one.value.mid, spread(one.value.half));
                if let Some(change) = one.against_first {
                    let in_what = if measure.is_in_points() { "points" } else { "%" };
                    let sure = if change.is_clear() { "" } else { "  (not sure)" };
                    let _ = write!(text, "  {:+8.2} {in_what} {}{sure}", change.mid, spread(change.half));
                }
                text.push('\n');
            }
        }
        let _ = writeln!(
            text,
            "\n{:width$}  {:12} {:>9} {:>10} {:>10} {:>9} {:>9}",
            "", "segment", "calls", "in target", "abandoned", "wait", "longest"
        );
        for row in &self.policies {
            for one in &row.segments {
                let _ = writeln!(
                    text,
                    "{:width$}  {:12} {:>9} {:>8.1} % {:>8.1} % {:>7.1} s {:>7.0} s",
                    row.policy, one.segment, one.calls, one.in_target_pct, one.abandoned_pct, one.wait_s, one.longest_s
                );
            }
        }
        text
    }
}

fn spread(half: f64) -> String {
    if half.is_finite() { format!("± {half:.2}") } else { String::new() }
}

fn segment(scenario: &Scenario, figures: &[Figures], n: usize) -> SegmentRow {
    let of =
        |of: fn(&crate::figures::SegmentFigures) -> u64| figures.iter().map(|day| of(&day.segments[n])).sum::<u64>();
    let calls = of(|one| one.calls);
    let pct = |part: u64| if calls > 0 { 100.0 * part as f64 / calls as f64 } else { 0.0 };
    SegmentRow {
        segment: scenario.segments[n].name.to_string(),
        calls,
        in_target_pct: pct(of(|one| one.in_target)),
        answered_within_pct: pct(of(|one| one.answered_within)),
        abandoned_pct: pct(of(|one| one.abandoned)),
        wait_s: figures.iter().map(|day| day.segments[n].wait_s).sum::<f64>() / (calls as f64).max(1.0),
        longest_s: mean(&figures.iter().map(|day| day.segments[n].longest_s).collect::<Vec<f64>>()).mid,
    }
}
