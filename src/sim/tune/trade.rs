//! What a search found, as one picture: what the best pays with.

use std::fmt::Write as _;

use serde::Serialize;

use super::Tried;
use crate::picture::{short, text};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 600.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 200.0;
const TOP: f64 = 110.0;
const BOTTOM: f64 = 70.0;

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
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' \
         font-family='DejaVu Sans, Helvetica, Arial, sans-serif' font-size='13' fill='#1d2730'>\n\
         <rect width='100%' height='100%' fill='#ffffff'/>\n"
    );
    text(&mut svg, 28.0, 38.0, "start", "font-size='20' font-weight='bold'", title);
    text(&mut svg, 28.0, 62.0, "start", "fill='#5c6b77'", subtitle);
    let plane = Plane::of(tried, marked);
    plane.axes(&mut svg);
    for one in tried {
        let (x, y) = (plane.x(one.longest_s), plane.y(one.value_wait_s));
        let _ = writeln!(svg, "<circle cx='{x:.1}' cy='{y:.1}' r='4' fill='#b9c3cb' fill-opacity='0.8'/>");
    }
    plane.marks(&mut svg, marked);
    svg.push_str("</svg>\n");
    svg
}

/// Where a longest wait and a value-weighted wait, both in seconds, lie on the sheet.
struct Plane {
    x_ticks: Vec<f64>,
    y_ticks: Vec<f64>,
}

impl Plane {
    /// Large enough for all of them.
    fn of(tried: &[Tried], marked: &[Marked]) -> Plane {
        let of_tried = tried.iter().map(|one| (one.longest_s, one.value_wait_s));
        let all = of_tried.chain(marked.iter().map(|one| (one.longest_s, one.value_wait_s)));
        let (x_most, y_most) = all.fold((1e-9, 1e-9), |(x, y), one| (f64::max(x, one.0), f64::max(y, one.1)));
        Plane { x_ticks: ticks(x_most), y_ticks: ticks(y_most) }
    }

    fn x_end(&self) -> f64 {
        self.x_ticks[self.x_ticks.len() - 1]
    }

    fn y_end(&self) -> f64 {
        self.y_ticks[self.y_ticks.len() - 1]
    }

    fn x(&self, longest_s: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * longest_s / self.x_end()
    }

    fn y(&self, value_wait_s: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value_wait_s / self.y_end()
    }

    /// The grid, its numbers and what they are of.
    fn axes(&self, svg: &mut String) {
        let (left, right, floor, top) = (self.x(0.0), self.x(self.x_end()), self.y(0.0), self.y(self.y_end()));
        for tick in &self.x_ticks {
            let x = self.x(*tick);
            let _ = writeln!(svg, "<line x1='{x:.1}' y1='{floor:.1}' x2='{x:.1}' y2='{top:.1}' stroke='#e3e8ec'/>");
            text(svg, x, floor + 20.0, "middle", "fill='#5c6b77'", &format!("{tick:.0}"));
        }
        for tick in &self.y_ticks {
            let y = self.y(*tick);
            let _ = writeln!(svg, "<line x1='{left:.1}' y1='{y:.1}' x2='{right:.1}' y2='{y:.1}' stroke='#e3e8ec'/>");
            text(svg, left - 8.0, y + 4.0, "end", "fill='#5c6b77'", &format!("{tick:.0}"));
        }
        let of_x = "longest wait of the lowest segment, s (mean of the days)";
        text(svg, self.x(self.x_end() / 2.0), HEIGHT - 22.0, "middle", "", of_x);
        text(svg, left - 4.0, top - 12.0, "start", "", "value-weighted wait, s");
    }

    /// Names stand beside their marks, one below the other where marks are close.
    fn marks(&self, svg: &mut String, marked: &[Marked]) {
        let mut order: Vec<&Marked> = marked.iter().collect();
        order.sort_by(|a, b| self.y(a.value_wait_s).total_cmp(&self.y(b.value_wait_s)));
        let mut lowest_name = f64::NEG_INFINITY;
        for one in order {
            let (x, y) = (self.x(one.longest_s), self.y(one.value_wait_s));
            let colour = if one.name.starts_with("turno") { "#0b6e8a" } else { "#b4552d" };
            let name_y = (y + 4.0).max(lowest_name + 17.0);
            lowest_name = name_y;
            let _ = writeln!(svg, "<circle cx='{x:.1}' cy='{y:.1}' r='6.5' fill='{colour}'/>");
            let (from, to, line_y) = (x + 9.0, x + 21.0, name_y - 4.0);
            let _ = writeln!(
                svg,
                "<line x1='{from:.1}' y1='{y:.1}' x2='{to:.1}' y2='{line_y:.1}' stroke='{colour}' stroke-opacity='0.5'/>"
            );
            let label = format!("{}: {} s, {} s", one.name, short(one.value_wait_s), short(one.longest_s));
            // A white rim keeps the name readable above the marks behind it.
            let look = format!(
                "fill='{colour}' font-weight='bold' font-size='12' paint-order='stroke' stroke='#ffffff' \
                 stroke-width='4' stroke-linejoin='round'"
            );
            text(svg, from + 16.0, name_y, "start", &look, &label);
        }
    }
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

    #[test]
    fn ticks_are_round_and_reach() {
        assert_eq!(ticks(12.3), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(ticks(600.0), [0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0]);
    }

    #[test]
    fn all_that_was_played_is_in_the_picture_and_no_name_lies_over_another() {
        let tried = [(10.0, 90.0), (20.0, 300.0)].map(|(value_wait_s, longest_s)| Tried {
            knobs: crate::policy::Knobs::default(),
            value_wait_s,
            longest_s,
            cost: value_wait_s,
        });
        let marked = [("fifo", 19.9), ("turno", 20.0), ("turno tuned", 20.1)].map(|(name, value_wait_s)| Marked {
            name: name.to_owned(),
            value_wait_s,
            longest_s: 200.0,
        });
        let svg = trade("Trade", "two settings", &tried, &marked);
        assert_eq!(svg.matches("<circle").count(), tried.len() + marked.len());
        let mut names: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains("paint-order"))
            .map(|line| line.split("y='").nth(1).unwrap().split('\'').next().unwrap().parse().unwrap())
            .collect();
        names.sort_by(f64::total_cmp);
        assert_eq!(names.len(), marked.len());
        assert!(names.windows(2).all(|pair| pair[1] - pair[0] >= 16.9), "{names:?}");
    }
}
