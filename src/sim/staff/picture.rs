//! Required against scheduled over a day, drawn. Plain SVG, no script, light background.

use std::fmt::Write as _;

use crate::picture::text;
use crate::staff::{Goal, Requirement};

const WIDTH: f64 = 1240.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 1212.0;
const TOP: f64 = 118.0;
const BOTTOM: f64 = 452.0;
const OURS: &str = "#0b6e8a";
const SHORT: &str = "#c2410c";
const INK: &str = "#1d2730";
const FAINT: &str = "#5c6b77";
const GRID: &str = "#e3e8ec";
/// Most labels along the day.
const LABELS_MOST: usize = 16;

/// Draws the day.
pub fn draw(title: &str, goal: Goal, day: &[Requirement]) -> String {
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' \
         font-family='DejaVu Sans, Helvetica, Arial, sans-serif' font-size='13' fill='{INK}'>\n\
         <rect width='100%' height='100%' fill='#ffffff'/>\n"
    );
    text(&mut svg, 28.0, 40.0, "start", "font-size='21' font-weight='bold'", title);
    let goal = format!(
        "Agents with which every queue answers {:.0} % within {:.0} s, found by playing each interval under the ACD.",
        goal.answered_pct, goal.within_s
    );
    text(&mut svg, 28.0, 64.0, "start", &format!("fill='{FAINT}'"), &goal);
    legend(&mut svg);
    let most =
        day.iter().flat_map(|one| [one.agents(), Some(one.on_shift()), one.erlang_c]).flatten().max().unwrap_or(0);
    let step = grid_step(most);
    let top = (most / step + 1) * step;
    let y = |agents: u32| BOTTOM - (BOTTOM - TOP) * f64::from(agents) / f64::from(top);
    for line in (0..=top).step_by(step as usize) {
        let at = y(line);
        let _ = writeln!(svg, "<line x1='{LEFT}' y1='{at:.1}' x2='{RIGHT}' y2='{at:.1}' stroke='{GRID}'/>");
        text(&mut svg, LEFT - 10.0, at + 4.5, "end", &format!("fill='{FAINT}'"), &line.to_string());
    }
    let width = (RIGHT - LEFT) / day.len().max(1) as f64;
    for (n, one) in day.iter().enumerate() {
        let x = LEFT + n as f64 * width;
        bar(&mut svg, one, (x, width), &y);
        if n.is_multiple_of(day.len().div_ceil(LABELS_MOST)) {
            text(&mut svg, x, BOTTOM + 20.0, "middle", &format!("fill='{FAINT}'"), &clock(one.slot.from_s));
        }
    }
    steps(&mut svg, day, width, &y, |one| Some(one.on_shift()), &format!("stroke='{INK}' stroke-width='2.5'"));
    let dashed = format!("stroke='{FAINT}' stroke-width='1.5' stroke-dasharray='5 4'");
    steps(&mut svg, day, width, &y, |one| one.erlang_c, &dashed);
    let foot = "Erlang C: the sum over queues, each with agents of its own and callers who never give up.";
    text(&mut svg, 28.0, HEIGHT - 18.0, "start", &format!("fill='{FAINT}' font-size='12'"), foot);
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String) {
    for (x, colour, what) in [(28.0, OURS, "required"), (130.0, SHORT, "of them missing from the schedule")] {
        let _ = writeln!(svg, "<rect x='{x}' y='82' width='14' height='14' fill='{colour}'/>");
        text(svg, x + 21.0, 94.0, "start", "", what);
    }
    let _ = writeln!(svg, "<path d='M410 89h30' stroke='{INK}' stroke-width='2.5'/>");
    text(svg, 448.0, 94.0, "start", "", "scheduled");
    let _ = writeln!(svg, "<path d='M550 89h30' stroke='{FAINT}' stroke-width='1.5' stroke-dasharray='5 4'/>");
    text(svg, 588.0, 94.0, "start", "", "Erlang C");
}

/// What is required: up to the schedule calm, above it not. Nothing where no number would do, which is said.
fn bar(svg: &mut String, one: &Requirement, (x, width): (f64, f64), y: &impl Fn(u32) -> f64) {
    let Some(agents) = one.agents() else {
        text(svg, x + width / 2.0, BOTTOM - 8.0, "middle", &format!("fill='{SHORT}'"), "no number");
        return;
    };
    let there = agents.min(one.on_shift());
    for (from, to, colour) in [(0, there, OURS), (there, agents, SHORT)] {
        if to > from {
            let _ = writeln!(
                svg,
                "<rect x='{:.1}' y='{:.1}' width='{:.1}' height='{:.1}' fill='{colour}'/>",
                x + 1.5,
                y(to),
                width - 3.0,
                y(from) - y(to)
            );
        }
    }
    if width > 24.0 {
        text(svg, x + width / 2.0, y(agents) + 16.0, "middle", "fill='#ffffff' font-size='12'", &agents.to_string());
    }
}

/// A line in steps; interrupted where there is no figure.
fn steps(
    svg: &mut String,
    day: &[Requirement],
    width: f64,
    y: &impl Fn(u32) -> f64,
    of: impl Fn(&Requirement) -> Option<u32>,
    stroke: &str,
) {
    let mut path = String::new();
    let mut is_open = false;
    for (n, one) in day.iter().enumerate() {
        let Some(agents) = of(one) else {
            is_open = false;
            continue;
        };
        let x = LEFT + n as f64 * width;
        let _ = write!(path, "{}{x:.1} {:.1}H{:.1}", if is_open { "L" } else { "M" }, y(agents), x + width);
        is_open = true;
    }
    let _ = writeln!(svg, "<path d='{path}' fill='none' {stroke}/>");
}

/// Four to eight lines.
fn grid_step(most: u32) -> u32 {
    [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().find(|step| most / step < 8).unwrap_or(1000)
}

/// `08:30`.
pub(crate) fn clock(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u32;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}
