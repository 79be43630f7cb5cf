//! Sheets over the counts of queues.

use std::collections::BTreeMap;

use turno_report::kpi::{By, FIGURES, Figure, LAW_PER_MILLE, Tally, Value, figure, law as law_of};

use super::sheet::{Cell, Column, Sheet};
use super::{Ask, ReportError, Split, Time};
use crate::shell::figures::FigureReader;

/// Columns if nobody asks for others.
const USUAL: [&str; 12] = [
    "entered",
    "answered",
    "abandoned",
    "short_abandoned",
    "sl_std",
    "answered_rate",
    "abandonment",
    "asa",
    "wait_p90",
    "aht",
    "no_answer_agent",
    "sl_value",
];

/// The counts of each row: time, then what it is about.
pub(super) fn grouped(reader: &FigureReader, ask: &Ask) -> Result<BTreeMap<(Time, String), Tally>, ReportError> {
    let mut rows: BTreeMap<(Time, String), Tally> = BTreeMap::new();
    // Quarters come in order: their labels are made once for each.
    let (mut last, mut time) = (None, Time::default());
    reader.each_tally(&ask.range(), |key, tally| {
        if !ask.wants(&key) {
            return;
        }
        if last != Some(key.quarter) {
            (last, time) = (Some(key.quarter), ask.time(key.quarter));
        }
        rows.entry((time.clone(), ask.part(&key))).or_default().merge(&tally);
    })?;
    Ok(rows)
}

fn chosen(ask: &Ask) -> Result<Vec<&'static Figure>, ReportError> {
    if ask.figures.iter().any(|name| name == "all") {
        return Ok(FIGURES.iter().collect());
    }
    let names: Vec<&str> = match ask.figures.is_empty() {
        true => USUAL.to_vec(),
        false => ask.figures.iter().map(String::as_str).collect(),
    };
    names.into_iter().map(|name| figure(name).ok_or_else(|| ReportError::NoFigure(name.to_owned()))).collect()
}

pub(super) fn queues(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let figures = chosen(ask)?;
    let mut columns = vec![Column::plain(ask.time_name()), Column::plain(ask.part_name())];
    columns.extend(figures.iter().map(|figure| Column::new(figure.name, figure.formula)));
    let mut sheet = Sheet::new("Queues", columns);
    sheet.notes.push("T is the service-level threshold of each queue; an entry belongs to when it entered".to_owned());
    let rows = grouped(reader, ask)?;
    let mut all = Tally::default();
    for ((time, part), tally) in &rows {
        all.merge(tally);
        sheet.rows.push(row(vec![time.label.clone(), part.clone()], &figures, tally));
    }
    if rows.len() > 1 {
        sheet.rows.push(row(vec!["total".to_owned(), "all".to_owned()], &figures, &all));
    }
    Ok(sheet)
}

fn row(names: Vec<String>, figures: &[&Figure], tally: &Tally) -> Vec<Cell> {
    let names = names.into_iter().map(Cell::Text);
    names.chain(figures.iter().map(|figure| Cell::Value((figure.of)(tally)))).collect()
}

/// Always by month and year, whatever was asked: that is what the law asks.
pub(super) fn law(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let columns = vec![
        Column::plain("period"),
        Column::plain(ask.part_name()),
        Column::new("calls", "calls that entered a queue"),
        Column::new("from_queue", "calls answered by a person within 180 s of entering / calls"),
        Column::new("kept_from_queue", "that is 95.0 % or more"),
        Column::new("missing_from_queue", "further calls that would have had to be"),
        Column::new("from_arrival", "calls answered by a person within 180 s of the first INVITE / calls"),
        Column::new("kept_from_arrival", "that is 95.0 % or more"),
        Column::new("missing_from_arrival", "further calls that would have had to be"),
    ];
    let mut sheet = Sheet::new("95 in 180 (Law 10/2025)", columns);
    sheet.notes.push(format!("{} in 1000 calls are to be answered by a person within 180 s", LAW_PER_MILLE));
    for by in [By::Month, By::Year] {
        // All together first. A queue may be called "all".
        let mut rows: BTreeMap<(Time, bool, String), Tally> = BTreeMap::new();
        for ((time, part), tally) in grouped(reader, &Ask { by, ..ask.clone() })? {
            // A call without a queue asked for nobody in particular.
            if law_of(&tally).calls == 0 {
                continue;
            }
            if ask.split != Split::Nothing {
                rows.entry((time.clone(), true, part)).or_default().merge(&tally);
            }
            rows.entry((time, false, "all".to_owned())).or_default().merge(&tally);
        }
        for ((time, _, part), tally) in rows {
            let law = law_of(&tally);
            let kept =
                |kept: Option<bool>| Cell::Text(kept.map_or("-", |kept| if kept { "yes" } else { "no" }).to_owned());
            let share = |part: u64| Cell::Value(Value::Share(part.into(), law.calls.into()));
            let count = |count: u64| Cell::Value(Value::Count(count));
            sheet.rows.push(vec![
                Cell::Text(time.label),
                Cell::Text(part),
                count(law.calls),
                share(law.from_queue),
                kept(law.is_kept_from_queue()),
                count(law.missing(law.from_queue)),
                share(law.from_arrival),
                kept(law.is_kept_from_arrival()),
                count(law.missing(law.from_arrival)),
            ]);
        }
    }
    Ok(sheet)
}

pub(super) fn dispositions(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let columns = vec![
        Column::plain(ask.time_name()),
        Column::plain(ask.part_name()),
        Column::plain("disposition"),
        Column::new("calls", "calls of which it was the last word"),
        Column::new("share", "calls of it / calls with a disposition"),
    ];
    let mut sheet = Sheet::new("Dispositions", columns);
    for ((time, part), tally) in grouped(reader, ask)? {
        let all: u64 = tally.dispositions.values().filter_map(|calls| u64::try_from(*calls).ok()).sum();
        for (name, calls) in &tally.dispositions {
            let calls = u64::try_from(*calls).unwrap_or(0);
            sheet.rows.push(vec![
                Cell::Text(time.label.clone()),
                Cell::Text(part.clone()),
                Cell::Text(name.to_string()),
                Cell::Value(Value::Count(calls)),
                Cell::Value(Value::Share(calls.into(), all.into())),
            ]);
        }
    }
    Ok(sheet)
}
