//! Sheets over contacts: who calls again, and whose reason was settled at the first.

use turno_base::Wall;
use turno_report::kpi::{Contact, Quarter, Value, judge};

use super::sheet::{Cell, Column, Sheet};
use super::{Ask, ReportError, Split};
use crate::shell::figures::{FigureReader, KnownContact};

/// The contacts of the period, those that are asked for, and around it those that they are compared with: none.
pub(super) fn contacts(reader: &FigureReader, ask: &Ask) -> Result<Vec<(Option<KnownContact>, Contact)>, ReportError> {
    let (from, until) = (ask.zone.begins(ask.from), ask.until());
    let (before, after) = (ask.windows.redial_s * 1_000_000, ask.windows.resolved_s * 1_000_000);
    let mut contacts = Vec::new();
    reader.each_contact(Wall(from.0 - before), Wall(until.0 + after), |known| {
        let at = known.contact.at;
        let is_asked = ask.queue.is_none_or(|queue| queue.as_str() == known.queue)
            && ask.segment.is_none_or(|segment| segment.as_str() == known.segment);
        let contact = known.contact.clone();
        contacts.push(((at >= from && at < until && is_asked).then_some(known), contact));
    })?;
    Ok(contacts)
}

pub(super) fn repeat(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let days = days_of(ask.windows.resolved_s);
    let columns = vec![
        Column::plain(ask.time_name()),
        Column::plain(ask.part_name()),
        Column::new("calls", "calls from outside"),
        Column::new("redials", "of them, by somebody who had called within 24 h before"),
        Column::new("repeat_rate", "redials / calls"),
        Column::new("contacts", &format!("answered calls whose {days} have passed")),
        Column::new(
            "fcr",
            &format!("without a further contact of the same customer and reason family within {days} / contacts"),
        ),
        Column::new("said", "answered calls of which an agent said what came of them"),
        Column::new("fcr_marked", "of them, settled by the agent's word / said"),
    ];
    let mut sheet = Sheet::new("Repeat callers and first-contact resolution", columns);
    sheet.notes.push(
        "a customer is the one of the card, else the number; a reason family is a disposition up to its first dot"
            .to_owned(),
    );
    let settled: Vec<String> = ask.settled.iter().map(ToString::to_string).collect();
    sheet.notes.push(match settled.is_empty() {
        true => "no disposition says that a matter is settled (figures.settled)".to_owned(),
        false => format!("an agent says that a matter is settled by: {}", settled.join(", ")),
    });
    let grouped = contacts(reader, ask)?.into_iter().map(|(known, contact)| {
        let group = known.map(|known| {
            let part = match ask.split {
                Split::Queue => known.queue,
                Split::Segment => known.segment,
                Split::NumberType => known.number_type,
                Split::Nothing => "all".to_owned(),
            };
            (ask.time(Quarter::of(contact.at)), if part.is_empty() { "-".to_owned() } else { part })
        });
        (group, contact)
    });
    let known = reader.as_of()?.unwrap_or(Wall(0));
    for ((time, part), repeats) in judge(grouped, known, ask.windows, &ask.settled) {
        let count = |count| Cell::Value(Value::Count(count));
        let share = |part: u64, whole: u64| Cell::Value(Value::Share(part.into(), whole.into()));
        sheet.rows.push(vec![
            Cell::Text(time.label),
            Cell::Text(part),
            count(repeats.calls),
            count(repeats.redials),
            share(repeats.redials, repeats.calls),
            count(repeats.contacts),
            share(repeats.resolved, repeats.contacts),
            count(repeats.said),
            share(repeats.settled, repeats.said),
        ]);
    }
    Ok(sheet)
}

/// `7 days`, or hours where it is no whole number of days.
fn days_of(s: i64) -> String {
    match (s / 86_400, s % 86_400) {
        (1, 0) => "day".to_owned(),
        (days, 0) => format!("{days} days"),
        _ => format!("{} h", s / 3600),
    }
}
