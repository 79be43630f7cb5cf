//! One line of Asterisk's `Master.csv` (docs/records.md).
//!
//! Asterisk's words keep Asterisk's meaning: the call is `ANSWERED` when the caller's leg was, also by a queue in which nobody
//! took it, and Asterisk's `billsec` is counted from there. Our own outcome stands in `userfield`.

use turno_base::fact::Party;
use turno_base::{CallId, Outcome, Wall};

use super::party_parts;
use crate::cdr::record::{Leg, Record};

/// The unique id that Asterisk's readers expect, also in `queue_log`: `<epoch>.<n>`, at most 26 characters.
pub fn asterisk_id(call: CallId) -> String {
    let epoch = (call.0 >> 80) / 1000;
    format!("{epoch}.{}", call.0 & 0xffff_ffff_ffff)
}

/// The line with its LF. Instants are printed in `zone`.
pub fn master_csv(record: &Record, zone: &jiff::tz::TimeZone) -> String {
    let caller = record.caller();
    let answered = caller.and_then(|leg| leg.answered);
    let (last_app, last_data) = match record.queue() {
        Some(queue) => ("Queue", queue.to_string()),
        None => ("Dial", String::new()),
    };
    let mut line = Line::default();
    line.text(record.customer.as_deref().unwrap_or(""));
    line.text(&bare(&super::number(&record.ani)));
    line.text(&bare(&super::number(&record.dnis)));
    line.text(record.direction.as_str());
    line.text(&caller_id(record));
    line.text(&caller.map_or(String::new(), channel));
    line.text(&far_leg(record).map_or(String::new(), channel));
    line.text(last_app);
    line.text(&last_data);
    line.text(&local(record.arrived, zone));
    match answered {
        Some(at) => line.text(&local(at, zone)),
        None => line.bare(""),
    }
    line.text(&local(record.ended, zone));
    line.bare(&(record.total_ms / 1000).to_string());
    line.bare(&(caller.map_or(0, |leg| leg.talk_ms) / 1000).to_string());
    line.text(disposition(record.outcome, answered.is_some()));
    line.text("DOCUMENTATION");
    line.text(&asterisk_id(record.call));
    line.text(record.outcome.as_str());
    line.text.push('\n');
    line.text
}

fn disposition(outcome: Outcome, answered: bool) -> &'static str {
    match outcome {
        _ if answered => "ANSWERED",
        Outcome::Answered => "ANSWERED",
        Outcome::Busy => "BUSY",
        Outcome::NoAnswer | Outcome::Cancelled | Outcome::Abandoned | Outcome::Callback => "NO ANSWER",
        Outcome::Rejected | Outcome::Failed => "FAILED",
    }
}

#[derive(Default)]
struct Line {
    text: String,
}

impl Line {
    fn bare(&mut self, field: &str) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(field);
    }

    /// In quotes, those inside doubled. A line is a record to its readers, so no line break gets through.
    fn text(&mut self, field: &str) {
        let clean: String = field.chars().filter(|c| !c.is_control()).collect();
        self.bare(&format!("\"{}\"", clean.replace('"', "\"\"")));
    }
}

/// Asterisk shows numbers as they were dialled, without `+`.
fn bare(number: &str) -> String {
    number.strip_prefix('+').unwrap_or(number).to_owned()
}

fn caller_id(record: &Record) -> String {
    let shown = if record.ani.withheld { "anonymous".to_owned() } else { bare(&super::number(&record.ani)) };
    if shown.is_empty() { shown } else { format!("\"{shown}\" <{shown}>") }
}

/// The leg that the caller talked with last, else the last one that rang.
fn far_leg(record: &Record) -> Option<&Leg> {
    let far = || record.legs.iter().rev().filter(|leg| !matches!(leg.party, Party::Caller(_)));
    far().find(|leg| leg.answered.is_some()).or_else(|| far().next())
}

fn channel(leg: &Leg) -> String {
    let parts = party_parts(leg.party);
    let peer = parts.station.map(|s| s.0).or(parts.trunk.map(|t| t.0));
    format!("PJSIP/{}-{:08x}", peer.map_or("station".to_owned(), |name| name.to_string()), leg.leg.0)
}

/// `2026-03-10 12:00:00`, as Asterisk prints it.
fn local(at: Wall, zone: &jiff::tz::TimeZone) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
