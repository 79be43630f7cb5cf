//! One picture for each scenario: small multiples, a bar for each policy with its 95 % interval, and who of which segment was
//! answered in time. Plain SVG, no script, light background.

use std::fmt::Write as _;

use crate::comparison::Comparison;
use crate::figures::Measure;

const WIDTH: f64 = 1240.0;
const MARGIN: f64 = 28.0;
/// Policy names stand left of each row of panels.
const NAMES: f64 = 118.0;
const GAP: f64 = 26.0;
const BAR: f64 = 22.0;
const PANELS: [Measure; 6] = [
    Measure::ValueWait,
    Measure::ValueAbandoned,
    Measure::Abandoned,
    Measure::AnsweredWithin,
    Measure::LongestOfLowest,
    Measure::OccupancySpread,
];
const OURS: &str = "#0b6e8a";
const OTHERS: &str = "#b9c3cb";
const FIRST: &str = "#8796a1";
const INK: &str = "#1d2730";
const FAINT: &str = "#5c6b77";

/// Draws a comparison.
pub fn draw(of: &Comparison) -> String {
    let rows = of.policies.len() as f64;
    let panel_height = rows * BAR + 44.0;
    let table_height = rows * BAR + 52.0;
    let height = 92.0 + 2.0 * (panel_height + 18.0) + table_height + 56.0;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0}' width='{WIDTH}' height='{height:.0}' \
         font-family='DejaVu Sans, Helvetica, Arial, sans-serif' font-size='13' fill='{INK}'>\n\
         <rect width='100%' height='100%' fill='#ffffff'/>\n"
    );
    text(
        &mut svg,
        MARGIN,
        40.0,
        "start",
        "font-size='21' font-weight='bold'",
        &format!("{}: {}", of.scenario, of.title),
    );
    let first = of.policies.first().map_or("", |row| row.policy.as_str());
    let subtitle =
        format!("{}. Bars: mean of the days with its 95 % interval; in brackets: against {first}.", of.subtitle());
    text(&mut svg, MARGIN, 64.0, "start", &format!("fill='{FAINT}'"), &subtitle);
    for (at, measure) in PANELS.into_iter().enumerate() {
        let (column, line) = ((at % 3) as f64, (at / 3) as f64);
        let top = 92.0 + line * (panel_height + 18.0);
        if at % 3 == 0 {
            names(&mut svg, of, top + 34.0);
        }
        let room = (WIDTH - 2.0 * MARGIN - NAMES - 2.0 * GAP) / 3.0;
        panel(&mut svg, of, measure, MARGIN + NAMES + column * (room + GAP), top, room);
    }
    segments(&mut svg, of, 92.0 + 2.0 * (panel_height + 18.0) + 6.0);
    let foot = "Abandoned calls count with the time they waited; who gave up within the short-abandon threshold is not counted.";
    text(&mut svg, MARGIN, height - 20.0, "start", &format!("fill='{FAINT}' font-size='12'"), foot);
    svg.push_str("</svg>\n");
    svg
}

fn names(svg: &mut String, of: &Comparison, top: f64) {
    for (n, row) in of.policies.iter().enumerate() {
        let weight = if row.policy == "turno" { "font-weight='bold'" } else { "" };
        text(svg, MARGIN + NAMES - 10.0, top + n as f64 * BAR + 15.0, "end", weight, &row.policy);
    }
}

fn panel(svg: &mut String, of: &Comparison, measure: Measure, left: f64, top: f64, room: f64) {
    let better = if measure == Measure::AnsweredWithin { "more is better" } else { "less is better" };
    text(svg, left, top + 14.0, "start", "font-weight='bold'", &of.title_of(measure));
    text(svg, left + room, top + 14.0, "end", &format!("fill='{FAINT}' font-size='11'"), better);
    let values = of.policies.iter().filter_map(|row| row.measures.iter().find(|one| one.measure == measure));
    let end = |one: &crate::comparison::Compared| {
        one.value.mid + if one.value.half.is_finite() { one.value.half } else { 0.0 }
    };
    let most = values.clone().map(end).fold(1e-9, f64::max);
    // The label stands right of the longest whisker.
    let scale = (room - 142.0) / most;
    let _ = writeln!(
        svg,
        "<line x1='{left:.1}' y1='{:.1}' x2='{left:.1}' y2='{:.1}' stroke='{FAINT}'/>",
        top + 30.0,
        top + 38.0 + of.policies.len() as f64 * BAR
    );
    for (n, one) in values.enumerate() {
        let y = top + 34.0 + n as f64 * BAR;
        let policy = &of.policies[n].policy;
        let colour = if policy == "turno" {
            OURS
        } else if n == 0 {
            FIRST
        } else {
            OTHERS
        };
        let length = (one.value.mid * scale).max(0.0);
        let _ =
            writeln!(svg, "<rect x='{left:.1}' y='{:.1}' width='{length:.1}' height='15' fill='{colour}'/>", y + 3.0);
        if one.value.half.is_finite() {
            let (from, to) = (left + (one.value.low() * scale).max(0.0), left + one.value.high() * scale);
            let middle = y + 10.5;
            let _ = writeln!(
                svg,
                "<path d='M{from:.1} {middle:.1}H{to:.1}M{from:.1} {:.1}v6M{to:.1} {:.1}v6' stroke='{INK}' fill='none'/>",
                middle - 3.0,
                middle - 3.0
            );
        }
        let mut label = format!("{} {}", short(one.value.mid), measure.unit());
        if let Some(change) = one.against_first {
            let in_what = if measure.is_in_points() { " pt" } else { " %" };
            let _ = write!(label, " ({:+.1}{in_what})", change.mid);
        }
        let weight = if policy == "turno" { "font-weight='bold'" } else { "" };
        text(
            svg,
            left + end(one).max(one.value.mid) * scale + 8.0,
            y + 15.0,
            "start",
            &format!("font-size='12' {weight}"),
            &label,
        );
    }
}

/// Who was answered in time: a cell for each policy and segment.
fn segments(svg: &mut String, of: &Comparison, top: f64) {
    let Some(first) = of.policies.first() else { return };
    text(
        svg,
        MARGIN + NAMES,
        top + 14.0,
        "start",
        "font-weight='bold'",
        "answered within the segment's own target; mean wait",
    );
    let room = (WIDTH - 2.0 * MARGIN - NAMES) / first.segments.len().max(1) as f64;
    for (n, segment) in first.segments.iter().enumerate() {
        let middle = MARGIN + NAMES + (n as f64 + 0.5) * room;
        text(svg, middle, top + 34.0, "middle", &format!("fill='{FAINT}'"), &segment.segment);
    }
    names(svg, of, top + 40.0);
    for (line, row) in of.policies.iter().enumerate() {
        let y = top + 40.0 + line as f64 * BAR;
        for (n, one) in row.segments.iter().enumerate() {
            let x = MARGIN + NAMES + n as f64 * room;
            let share = one.in_target_pct.clamp(0.0, 100.0) / 100.0;
            // From a warm white at nothing to a calm green at all.
            let mix = |from: f64, to: f64| (from + (to - from) * share * share) as u32;
            let colour = format!("#{:02x}{:02x}{:02x}", mix(253.0, 151.0), mix(240.0, 211.0), mix(228.0, 176.0));
            let _ = writeln!(
                svg,
                "<rect x='{:.1}' y='{y:.1}' width='{:.1}' height='{:.1}' fill='{colour}'/>",
                x + 1.0,
                room - 2.0,
                BAR - 2.0
            );
            let cell = format!("{:.1} % · {} s", one.in_target_pct, short(one.wait_s));
            text(svg, x + room / 2.0, y + 15.0, "middle", "font-size='12'", &cell);
        }
    }
}

/// Three digits are enough.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        big if big >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn text(svg: &mut String, x: f64, y: f64, anchor: &str, more: &str, what: &str) {
    let safe = what.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(svg, "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}' {more}>{safe}</text>");
}
