//! Records as CSV for spreadsheets: a call a line. Nothing in a cell can become a formula (docs/reliability.md, S7).

use std::borrow::Cow;

use turno_base::{Money, Quality, Wall};

use super::{by, number};
use crate::cdr::record::Record;

/// The header, with its LF.
pub const CSV_HEADER: &str = "call,direction,purpose,from,to,trunk,customer,segment,value_per_mille,queue,agent,arrived,\
    ended,total_ms,wait_ms,talk_ms,hold_ms,offers,outcome,ended_by,sip,q850,reason,codec,mos,company_net,caller_net,currency,\
    unrated,recovered,estimated,callback_asked,callback_of,callback_attempt,disposition,wrap_ms,number_type,\
    config_revision\n";

/// What a column holds of a record. Whoever has types takes the value, CSV its text.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Words; empty: none.
    Text(fn(&Record) -> String),
    /// A telephone number, canonical with `+`, else as it was received; empty: none.
    Number(fn(&Record) -> String),
    /// A count, or a duration in ms.
    Whole(fn(&Record) -> Option<u64>),
    /// A number of hundredths.
    Hundredths(fn(&Record) -> Option<u16>),
    /// An instant.
    Instant(fn(&Record) -> Wall),
    /// Yes or no.
    Flag(fn(&Record) -> bool),
    /// An amount; its currency is a column of its own.
    Amount(fn(&Record) -> Option<Money>),
}

/// The columns of a call, by their names in [`CSV_HEADER`] and in its order.
pub const COLUMNS: [(&str, Column); 38] = [
    ("call", Column::Text(|of| of.call.to_string())),
    ("direction", Column::Text(|of| of.direction.as_str().to_owned())),
    ("purpose", Column::Text(|of| of.purpose.as_str().to_owned())),
    ("from", Column::Number(|of| number(&of.ani))),
    ("to", Column::Number(|of| number(&of.dnis))),
    ("trunk", Column::Text(|of| text(of.trunk))),
    ("customer", Column::Text(|of| of.customer.clone().unwrap_or_default())),
    ("segment", Column::Text(|of| text(of.segment))),
    ("value_per_mille", Column::Whole(|of| of.value_pm.map(u64::from))),
    ("queue", Column::Text(|of| text(of.queue()))),
    ("agent", Column::Text(|of| text(of.agent()))),
    ("arrived", Column::Instant(|of| of.arrived)),
    ("ended", Column::Instant(|of| of.ended)),
    ("total_ms", Column::Whole(|of| Some(of.total_ms))),
    ("wait_ms", Column::Whole(|of| Some(of.wait_ms()))),
    ("talk_ms", Column::Whole(|of| Some(of.talk_ms()))),
    ("hold_ms", Column::Whole(|of| Some(of.hold_ms()))),
    ("offers", Column::Whole(|of| Some(of.offers.len() as u64))),
    ("outcome", Column::Text(|of| of.outcome.as_str().to_owned())),
    ("ended_by", Column::Text(|of| by(of.by).to_owned())),
    ("sip", Column::Whole(|of| of.cause.map(|cause| u64::from(cause.sip)))),
    ("q850", Column::Whole(|of| of.cause.map(|cause| u64::from(cause.q850)))),
    ("reason", Column::Text(|of| of.cause.map_or("", |cause| cause.reason.as_str()).to_owned())),
    ("codec", Column::Text(|of| quality(of).and_then(|q| q.codec).map_or("", |codec| codec.as_str()).to_owned())),
    ("mos", Column::Hundredths(|of| quality(of).map(|q| q.mos_x100).filter(|&mos| mos > 0))),
    ("company_net", Column::Amount(|of| cost(of, "company"))),
    ("caller_net", Column::Amount(|of| cost(of, "caller"))),
    ("currency", Column::Text(|of| text(of.costs.iter().find_map(|cost| cost.net).map(|net| net.currency)))),
    ("unrated", Column::Whole(|of| Some(of.costs.iter().map(|cost| u64::from(cost.unrated)).sum()))),
    ("recovered", Column::Flag(|of| of.recovered)),
    ("estimated", Column::Flag(|of| of.estimated)),
    ("callback_asked", Column::Text(|of| of.callback_asked.map_or("", |how| how.as_str()).to_owned())),
    ("callback_of", Column::Text(|of| text(of.calling_back.and_then(|back| back.first)))),
    ("callback_attempt", Column::Whole(|of| of.calling_back.map(|back| u64::from(back.attempt)))),
    ("disposition", Column::Text(|of| text(of.disposition))),
    ("wrap_ms", Column::Whole(|of| Some(of.wrap_ms()))),
    ("number_type", Column::Text(|of| of.dnis_type.map_or("", |kind| kind.as_str()).to_owned())),
    ("config_revision", Column::Whole(|of| Some(of.config_revision).filter(|&revision| revision > 0))),
];

impl Column {
    /// As a cell of CSV has it, before [`cell`]. Numbers go without `+`: it would begin a formula.
    fn text(self, record: &Record) -> String {
        match self {
            Column::Text(of) => clean(&of(record)),
            Column::Number(of) => clean(of(record).trim_start_matches('+')),
            Column::Whole(of) => text(of(record)),
            Column::Hundredths(of) => of(record).map(|n| format!("{}.{:02}", n / 100, n % 100)).unwrap_or_default(),
            Column::Instant(of) => of(record).to_string(),
            Column::Flag(of) => of(record).to_string(),
            Column::Amount(of) => text(of(record)),
        }
    }
}

/// One line with its LF.
pub fn csv(record: &Record) -> String {
    let mut line = String::with_capacity(512);
    for (at, (_, column)) in COLUMNS.iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        line.push_str(&cell(&column.text(record)));
    }
    line.push('\n');
    line
}

fn quality(record: &Record) -> Option<Quality> {
    record.caller().and_then(|leg| leg.quality)
}

fn cost(record: &Record, payer: &str) -> Option<Money> {
    record.costs.iter().find(|cost| cost.payer.0.as_str() == payer).and_then(|cost| cost.net)
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A cell as it may stand in a CSV file. Text that a spreadsheet would take for a formula gets an apostrophe and quotes;
/// what holds a separator, a quote or a line break gets quotes. A plain negative number stays one.
pub fn cell(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text);
    if !formula && !text.contains([',', ';', '"', '\n', '\r', '\t']) {
        return Cow::Borrowed(text);
    }
    let guard = if formula { "'" } else { "" };
    Cow::Owned(format!("\"{guard}{}\"", text.replace('"', "\"\"")))
}

fn is_number(text: &str) -> bool {
    let (whole, part) =
        text.strip_prefix('-').unwrap_or(text).split_once('.').unwrap_or((text.trim_start_matches('-'), "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(part)
}

fn text(of: Option<impl ToString>) -> String {
    of.map_or(String::new(), |value| value.to_string())
}
