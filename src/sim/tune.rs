//! A search over the few knobs of the rule for what an operator wants: one knob at a time over its steps, the best kept, until a
//! round over all knobs changes nothing or [`ROUNDS_MAX`] is reached. Whoever runs it plays the days; here is only what to
//! try next.

use std::fmt::Write as _;

use serde::Serialize;

use crate::figures::{Figures, Measure};
use crate::picture::{short, text};
use crate::policy::Knobs;
use crate::stats::mean;

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

/// A policy on the days that the search has not seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Marked {
    /// Name.
    pub name: String,
    /// Value-weighted wait, seconds.
    pub value_wait_s: f64,
    /// Longest wait of the lowest segment, seconds.
    pub longest_s: f64,
}

/// The trade: value-weighted wait against the longest wait of the lowest segment. Small dots: settings on the training days;
/// marked: policies on days that the search has not seen.
pub fn trade(title: &str, subtitle: &str, tried: &[Tried], marked: &[Marked]) -> String {
    const WIDTH: f64 = 900.0;
    const HEIGHT: f64 = 600.0;
    const LEFT: f64 = 90.0;
    const RIGHT: f64 = 200.0;
    const TOP: f64 = 110.0;
    const BOTTOM: f64 = 70.0;
    let all = || {
        let of_tried = tried.iter().map(|one| (one.longest_s, one.value_wait_s));
        of_tried.chain(marked.iter().map(|one| (one.longest_s, one.value_wait_s)))
    };
    let (x_most, y_most) = all().fold((1e-9, 1e-9), |(x, y), one| (f64::max(x, one.0), f64::max(y, one.1)));
    let (x_ticks, y_ticks) = (ticks(x_most), ticks(y_most));
    let (x_end, y_end) = (x_ticks[x_ticks.len() - 1], y_ticks[y_ticks.len() - 1]);
    let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * value / x_end;
    let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / y_end;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' \
         font-family='DejaVu Sans, Helvetica, Arial, sans-serif' font-size='13' fill='#1d2730'>\n\
         <rect width='100%' height='100%' fill='#ffffff'/>\n"
    );
    text(&mut svg, 28.0, 38.0, "start", "font-size='20' font-weight='bold'", title);
    text(&mut svg, 28.0, 62.0, "start", "fill='#5c6b77'", subtitle);
    for tick in x_ticks {
        let _ = writeln!(
            svg,
            "<line x1='{0:.1}' y1='{1:.1}' x2='{0:.1}' y2='{2:.1}' stroke='#e3e8ec'/>",
            x(tick),
            y(0.0),
            y(y_end)
        );
        text(&mut svg, x(tick), y(0.0) + 20.0, "middle", "fill='#5c6b77'", &format!("{tick:.0}"));
    }
    for tick in y_ticks {
        let _ = writeln!(
            svg,
            "<line x1='{1:.1}' y1='{0:.1}' x2='{2:.1}' y2='{0:.1}' stroke='#e3e8ec'/>",
            y(tick),
            x(0.0),
            x(x_end)
        );
        text(&mut svg, x(0.0) - 8.0, y(tick) + 4.0, "end", "fill='#5c6b77'", &format!("{tick:.0}"));
    }
    text(
        &mut svg,
        x(x_end / 2.0),
        HEIGHT - 22.0,
        "middle",
        "",
        "longest wait of the lowest segment, s (mean of the days)",
    );
    text(&mut svg, x(0.0) - 4.0, y(y_end) - 12.0, "start", "", "value-weighted wait, s");
    for one in tried {
        let _ = writeln!(
            svg,
            "<circle cx='{:.1}' cy='{:.1}' r='4' fill='#b9c3cb' fill-opacity='0.8'/>",
            x(one.longest_s),
            y(one.value_wait_s)
        );
    }
    // Names stand beside their marks, one below the other where marks are close.
    let mut order: Vec<&Marked> = marked.iter().collect();
    order.sort_by(|a, b| y(a.value_wait_s).total_cmp(&y(b.value_wait_s)));
    let mut lowest_name = f64::NEG_INFINITY;
    for one in order {
        let (at_x, at_y) = (x(one.longest_s), y(one.value_wait_s));
        let colour = if one.name.starts_with("turno") { "#0b6e8a" } else { "#b4552d" };
        let name_y = (at_y + 4.0).max(lowest_name + 17.0);
        lowest_name = name_y;
        let _ = writeln!(svg, "<circle cx='{at_x:.1}' cy='{at_y:.1}' r='6.5' fill='{colour}'/>");
        let from = at_x + 9.0;
        let _ = writeln!(
            svg,
            "<line x1='{from:.1}' y1='{at_y:.1}' x2='{:.1}' y2='{:.1}' stroke='{colour}' stroke-opacity='0.5'/>",
            from + 12.0,
            name_y - 4.0
        );
        let label = format!("{}: {} s, {} s", one.name, short(one.value_wait_s), short(one.longest_s));
        text(
            &mut svg,
            from + 16.0,
            name_y,
            "start",
            // A white rim keeps the name readable above the marks behind it.
            &format!(
                "fill='{colour}' font-weight='bold' font-size='12' paint-order='stroke' stroke='#ffffff' \
                 stroke-width='4' stroke-linejoin='round'"
            ),
            &label,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Round numbers from zero to the first that is above `most`.
fn ticks(most: f64) -> Vec<f64> {
    let power = 10f64.powf((most / 6.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| most / step <= 6.0).unwrap_or(most);
    (0..=(most / step).ceil() as u32).map(|n| f64::from(n) * step).collect()
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

    #[test]
    fn ticks_are_round_and_reach() {
        assert_eq!(ticks(12.3), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(ticks(600.0), [0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0]);
    }
}
