//! The ledger: what rating again posted about the calls of some days, a row for each posting.

use std::collections::BTreeMap;

use turno_report::kpi::{Key, Quarter, Value};

use super::sheet::{Cell, Column, Sheet};
use super::{Ask, ROWS_MAX, ReportError};
use crate::shell::figures::FigureReader;
use crate::shell::store::ledger::Ledger;

pub(super) fn ledger(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let columns = vec![
        Column::plain("call"),
        Column::plain("leg"),
        Column::plain("payer"),
        Column::plain("arrived"),
        Column::plain("queue"),
        Column::plain("segment"),
        Column::plain("posted"),
        Column::plain("book"),
        Column::new("revision", "counts the postings of an amount; 0: the first amount of a leg that had none"),
        Column::new("difference", "net - the net before: the record's own, or that of the posting before"),
        Column::new("net", "the amount from now on, without tax"),
        Column::plain("currency"),
    ];
    let mut sheet = Sheet::new("Rated again", columns);
    sheet
        .notes
        .push("calls that arrived in these days; records stay as they are, and each row is added to them".to_owned());
    let Some(ledger) = Ledger::read(reader.dir())? else { return Ok(sheet) };
    let mut sums: BTreeMap<_, i128> = BTreeMap::new();
    ledger.each_arrived(&(ask.zone.begins(ask.from)..ask.until()), |entry| {
        let key = Key {
            quarter: Quarter::of(entry.counted),
            queue: entry.queue,
            segment: entry.segment,
            number_type: entry.number_type,
        };
        // One more than is allowed tells that there are too many.
        if !ask.wants(&key) || sheet.rows.len() > ROWS_MAX {
            return;
        }
        let posting = entry.posting;
        let (of, net) = (posting.of, posting.net);
        *sums.entry((of.payer, net.currency, net.scale)).or_default() += i128::from(posting.difference.units);
        let text = |text: Option<String>| Cell::Text(text.unwrap_or_else(|| "-".to_owned()));
        let money = |units: i64| Cell::Money { units: units.into(), scale: net.scale, currency: net.currency };
        sheet.rows.push(vec![
            Cell::Text(of.call.to_string()),
            Cell::Text(of.leg.to_string()),
            Cell::Text(of.payer.to_string()),
            Cell::Text(entry.arrived.to_string()),
            text(entry.queue.map(|queue| queue.to_string())),
            text(entry.segment.map(|segment| segment.to_string())),
            Cell::Text(entry.posted.to_string()),
            text(posting.version.map(|(valid_from, revision)| format!("{valid_from}/{revision}"))),
            Cell::Value(Value::Count(posting.revision.into())),
            money(posting.difference.units),
            money(net.units),
            Cell::Text(net.currency.to_string()),
        ]);
    })?;
    for ((payer, currency, scale), units) in sums {
        let sum = Cell::Money { units, scale, currency };
        sheet.notes.push(format!("{payer}: {} {currency} in all", sum.plain()));
    }
    Ok(sheet)
}

#[cfg(test)]
mod tests;
