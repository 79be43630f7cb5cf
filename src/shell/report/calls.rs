//! Sheets over calls: who calls again, and which calls a figure is made of.

use turno_base::Wall;
use turno_report::kpi::{Value, Windows, figure, judge};

use super::sheet::{Cell, Column, Sheet};
use super::{Ask, ReportError, Split};
use crate::shell::figures::FigureReader;

pub(super) fn repeat(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let windows = Windows::default();
    let columns = vec![
        Column::plain(ask.time_name()),
        Column::plain(ask.part_name()),
        Column::new("calls", "calls from outside"),
        Column::new("redials", "of them, by somebody who had called within 24 h before"),
        Column::new("repeat_rate", "redials / calls"),
        Column::new("contacts", "answered calls whose 7 days have passed"),
        Column::new("fcr", "without a further contact of the same customer and reason family within 7 days / contacts"),
    ];
    let mut sheet = Sheet::new("Repeat callers and first-contact resolution", columns);
    sheet.notes.push(
        "a customer is the one of the card, else the number; a reason family is a disposition up to its first dot"
            .to_owned(),
    );
    let (from, until) = (ask.zone.begins(ask.from), ask.until());
    let (before, after) = (windows.redial_s * 1_000_000, windows.resolved_s * 1_000_000);
    let mut contacts = Vec::new();
    reader.each_contact(Wall(from.0 - before), Wall(until.0 + after), |known| {
        let at = known.contact.at;
        let is_asked = ask.queue.is_none_or(|queue| queue.as_str() == known.queue)
            && ask.segment.is_none_or(|segment| segment.as_str() == known.segment);
        let group = (at >= from && at < until && is_asked).then(|| {
            let part = match ask.split {
                Split::Queue => known.queue,
                Split::Segment => known.segment,
                Split::NumberType | Split::Nothing => "all".to_owned(),
            };
            (ask.label(turno_report::kpi::Quarter::of(at)), if part.is_empty() { "-".to_owned() } else { part })
        });
        contacts.push((group, known.contact));
    })?;
    let known = reader.as_of()?.unwrap_or(Wall(0));
    for ((time, part), repeats) in judge(contacts, known, windows) {
        let count = |count| Cell::Value(Value::Count(count));
        let share = |part: u64, whole: u64| Cell::Value(Value::Share(part.into(), whole.into()));
        sheet.rows.push(vec![
            Cell::Text(time),
            Cell::Text(part),
            count(repeats.calls),
            count(repeats.redials),
            share(repeats.redials, repeats.calls),
            count(repeats.contacts),
            share(repeats.resolved, repeats.contacts),
        ]);
    }
    Ok(sheet)
}

pub(super) fn behind(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    let figure = figure(name).ok_or_else(|| ReportError::NoFigure(name.to_owned()))?;
    let columns = vec![
        Column::plain("call"),
        Column::plain("entered"),
        Column::plain("queue"),
        Column::plain("segment"),
        Column::plain("outcome"),
        Column::plain("agent"),
        Column::new("wait", "entered to left"),
        Column::new("counted", "yes: in the numerator; no: only in the denominator"),
    ];
    let mut sheet = Sheet::new(&format!("Calls behind {name}"), columns);
    sheet.notes.push(format!("{name} = {}", figure.formula));
    let queue = ask.queue.map(|queue| queue.to_string());
    reader.each_entry(&ask.range(), queue.as_deref(), |entry| {
        let Some(counted) = entry.is_behind(figure).filter(|_| ask.wants(&entry.key)) else { return };
        if sheet.rows.len() > super::ROWS_MAX {
            return;
        }
        let text = |text: Option<String>| Cell::Text(text.unwrap_or_else(|| "-".to_owned()));
        sheet.rows.push(vec![
            Cell::Text(entry.call.to_string()),
            Cell::Text(entry.entered.to_string()),
            text(entry.key.queue.map(|queue| queue.to_string())),
            text(entry.key.segment.map(|segment| segment.to_string())),
            Cell::Text(entry.left.map_or("waiting", |left| left.as_str()).to_owned()),
            text(entry.agent.map(|agent| agent.to_string())),
            Cell::Value(Value::Mean(entry.wait_ms.into(), 1)),
            Cell::Text(if counted { "yes" } else { "no" }.to_owned()),
        ]);
    })?;
    Ok(sheet)
}
