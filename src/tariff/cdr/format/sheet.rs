//! Records as CSV for spreadsheets: a call a line. Nothing in a cell can become a formula (spec/reliability.md, S7).

use std::borrow::Cow;

use super::{by, number};
use crate::cdr::record::Record;

/// The header, with its LF.
pub const CSV_HEADER: &str = "call,direction,purpose,from,to,trunk,customer,segment,value_per_mille,queue,agent,arrived,\
    ended,total_ms,wait_ms,talk_ms,hold_ms,offers,outcome,ended_by,sip,q850,reason,codec,mos,company_net,caller_net,currency,\
    unrated,recovered,estimated,callback_asked,callback_of,callback_attempt,disposition,wrap_ms,number_type\n";

/// One line with its LF. Numbers are printed without `+`: it would begin a formula.
pub fn csv(record: &Record) -> String {
    let caller = record.caller();
    let quality = caller.and_then(|leg| leg.quality);
    let cost = |payer: &str| record.costs.iter().find(|cost| cost.payer.0.as_str() == payer).and_then(|cost| cost.net);
    let mos = quality.map(|q| q.mos_x100).filter(|&mos| mos > 0);
    let codec = quality.and_then(|q| q.codec).map_or("", |codec| codec.as_str());
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let bare = |of| clean(number(of).trim_start_matches('+'));
    let fields: [String; 37] = [
        record.call.to_string(),
        record.direction.as_str().to_owned(),
        record.purpose.as_str().to_owned(),
        bare(&record.ani),
        bare(&record.dnis),
        text(record.trunk),
        clean(record.customer.as_deref().unwrap_or_default()),
        text(record.segment),
        text(record.value_pm),
        text(record.queue()),
        text(record.agent()),
        record.arrived.to_string(),
        record.ended.to_string(),
        record.total_ms.to_string(),
        record.wait_ms().to_string(),
        record.talk_ms().to_string(),
        record.hold_ms().to_string(),
        record.offers.len().to_string(),
        record.outcome.as_str().to_owned(),
        by(record.by).to_owned(),
        text(record.cause.map(|cause| cause.sip)),
        text(record.cause.map(|cause| cause.q850)),
        record.cause.map_or("", |cause| cause.reason.as_str()).to_owned(),
        codec.to_owned(),
        mos.map(|mos| format!("{}.{:02}", mos / 100, mos % 100)).unwrap_or_default(),
        text(cost("company")),
        text(cost("caller")),
        text(record.costs.iter().find_map(|cost| cost.net).map(|net| net.currency)),
        record.costs.iter().map(|cost| cost.unrated).sum::<u32>().to_string(),
        record.recovered.to_string(),
        record.estimated.to_string(),
        record.callback_asked.map_or("", |how| how.as_str()).to_owned(),
        text(record.calling_back.and_then(|back| back.first)),
        text(record.calling_back.map(|back| back.attempt)),
        text(record.disposition),
        record.wrap_ms().to_string(),
        record.dnis_type.map_or("", |kind| kind.as_str()).to_owned(),
    ];
    let cells: Vec<Cow<'_, str>> = fields.iter().map(|field| cell(field)).collect();
    cells.join(",") + "\n"
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
