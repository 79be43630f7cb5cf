//! From a figure to its calls: which of them it counts, a row for each, with what it counts of them.
//!
//! Figures of queues and the law are sums over stays, those of dispositions over stays and contacts, those of repeat callers over contacts;
//! those of agents and of cost over records, which alone know every agent and every amount of a call.

use std::collections::{BTreeMap, BTreeSet};

use turno_base::fact::{OfferEnd, Segment};
use turno_base::{AgentId, CallId, Money, Name, QueueId, SegmentId, Wall};
use turno_report::kpi::{AGENT_FIGURES, Entry, Figure, Key, Quarter, Value, figure, judge_each};
use turno_tariff::cdr::Record;

use super::sheet::{Cell, Column, Sheet};
use super::{Ask, Behind, ROWS_MAX, ReportError, calls};
use crate::shell::figures::FigureReader;
use crate::shell::store::ledger::Ledger;
use crate::shell::store::{Filter, Order, Reader};

/// A call of the period may have arrived so long before it, and wait on so long after it, µs.
const AROUND_US: i64 = 86_400_000_000;

pub(super) fn behind(reader: &FigureReader, ask: &Ask, of: Behind, name: &str) -> Result<Sheet, ReportError> {
    match of {
        Behind::Queues => queues(reader, ask, name),
        Behind::Law => law(reader, ask, name),
        Behind::Dispositions => dispositions(reader, ask, name),
        Behind::Repeat => repeat(reader, ask, name),
        Behind::Agents => agents(reader, ask, name),
        Behind::Cost => cost(reader, ask, name),
    }
}

fn text<T: ToString>(of: Option<T>) -> Cell {
    Cell::Text(of.map_or_else(|| "-".to_owned(), |of| of.to_string()))
}

fn lasting(ms: u64) -> Cell {
    Cell::Value(Value::Mean(ms.into(), 1))
}

fn counted(is: bool) -> Cell {
    Cell::Text(if is { "yes" } else { "no" }.to_owned())
}

const COUNTED: &str = "yes: in the numerator; no: only in the denominator";

/// A sheet that says whose calls these are.
fn sheet_of(name: &str, formula: &str, more: Vec<Column>) -> Sheet {
    let mut columns =
        vec![Column::plain("call"), Column::plain("entered"), Column::plain("queue"), Column::plain("segment")];
    columns.extend(more);
    columns.push(Column::new("counted", COUNTED));
    let mut sheet = Sheet::new(&format!("Calls behind {name}"), columns);
    sheet.notes.push(format!("{name} = {formula}"));
    sheet
}

/// Adds a row; one more than may be tells that there are too many.
fn push(sheet: &mut Sheet, of: (CallId, Wall, Option<QueueId>, Option<SegmentId>), more: Vec<Cell>, is: bool) {
    if sheet.rows.len() > ROWS_MAX {
        return;
    }
    let (call, at, queue, segment) = of;
    let mut row = vec![Cell::Text(call.to_string()), Cell::Text(at.to_string()), text(queue), text(segment)];
    row.extend(more);
    row.push(counted(is));
    sheet.rows.push(row);
}

fn of_entry(entry: &Entry) -> (CallId, Wall, Option<QueueId>, Option<SegmentId>) {
    (entry.call, entry.entered, entry.key.queue, entry.key.segment)
}

/// How a stay ended, who answered, how long it waited.
fn stay_columns() -> Vec<Column> {
    vec![Column::plain("outcome"), Column::plain("agent"), Column::new("wait", "entered to left")]
}

fn stay_cells(entry: &Entry) -> Vec<Cell> {
    let outcome = entry.left.map_or("waiting", |left| left.as_str());
    vec![Cell::Text(outcome.to_owned()), text(entry.agent), lasting(entry.wait_ms)]
}

fn queues(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    let figure: &Figure = figure(name).ok_or_else(|| ReportError::NoFigure(name.to_owned()))?;
    let mut sheet = sheet_of(name, figure.formula, stay_columns());
    let queue = ask.queue.map(|queue| queue.to_string());
    reader.each_entry(&ask.range(), queue.as_deref(), |entry| {
        if let Some(is) = entry.is_behind(figure).filter(|_| ask.wants(&entry.key)) {
            push(&mut sheet, of_entry(&entry), stay_cells(&entry), is);
        }
    })?;
    Ok(sheet)
}

/// Each call once, where it first entered; it may have been answered in a later stay.
fn law(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    type Kept = fn(&Entry) -> bool;
    let (formula, kept): (&str, Kept) = match name {
        "calls" => ("calls that entered a queue", |_| true),
        "from_queue" => {
            ("calls answered by a person within 180 s of entering / calls", |entry| entry.law_from_queue == Some(true))
        }
        "from_arrival" => ("calls answered by a person within 180 s of the first INVITE / calls", |entry| {
            entry.law_from_arrival == Some(true)
        }),
        _ => return Err(ReportError::NoFigure(name.to_owned())),
    };
    let mut sheet = sheet_of(name, formula, stay_columns());
    let (mut firsts, mut in_time) = (Vec::new(), BTreeSet::new());
    let range = ask.range();
    reader.each_entry(&(range.start..Quarter(range.end.0 + AROUND_US / 900_000_000)), None, |entry| {
        if kept(&entry) {
            in_time.insert(entry.call);
        }
        if entry.n == 1 && entry.key.quarter < range.end && ask.wants(&entry.key) && firsts.len() <= ROWS_MAX {
            firsts.push(entry);
        }
    })?;
    for entry in firsts {
        push(&mut sheet, of_entry(&entry), stay_cells(&entry), in_time.contains(&entry.call));
    }
    Ok(sheet)
}

/// Calls of which this, or what is below it, was the last word.
fn dispositions(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    let fits =
        |said: &Name| said.as_str().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let mut columns = stay_columns();
    columns.insert(0, Column::plain("disposition"));
    let mut sheet = sheet_of(name, "calls of which it was the last word / calls with a disposition", columns);
    let queue = ask.queue.map(|queue| queue.to_string());
    reader.each_entry(&ask.range(), queue.as_deref(), |entry| {
        let Some(said) = entry.disposition.filter(|_| ask.wants(&entry.key)) else { return };
        let mut cells = stay_cells(&entry);
        cells.insert(0, Cell::Text(said.to_string()));
        push(&mut sheet, of_entry(&entry), cells, fits(&said));
    })?;
    // Calls that entered no queue.
    let from = ask.zone.begins(ask.from);
    reader.each_contact(from, ask.until(), |known| {
        let segment = Name::new(&known.segment).ok().map(SegmentId);
        let key = Key { quarter: Quarter::of(known.contact.at), queue: None, segment, number_type: None };
        let Some(said) = known.contact.disposition.filter(|_| known.queue.is_empty() && ask.wants(&key)) else {
            return;
        };
        let cells = vec![Cell::Text(said.to_string()), text(None::<Name>), text(None::<Name>), Cell::Nothing];
        push(&mut sheet, (known.call, known.contact.at, None, segment), cells, fits(&said));
    })?;
    Ok(sheet)
}

fn repeat(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    let formula = match name {
        "calls" => "calls from outside",
        "redials" | "repeat_rate" => "by somebody who had called within 24 h before / calls",
        "contacts" => "answered calls whose time for a further contact has passed",
        "fcr" => "without a further contact about the same in time / contacts",
        _ => return Err(ReportError::NoFigure(name.to_owned())),
    };
    let more = vec![Column::plain("disposition"), Column::plain("redial"), Column::plain("resolved")];
    let mut sheet = sheet_of(name, formula, more);
    let known = reader.as_of()?.unwrap_or(Wall(0));
    judge_each(calls::contacts(reader, ask)?, known, ask.windows, |of, judged| {
        let Some(of) = of else { return };
        let is = match name {
            "redials" | "repeat_rate" => Some(judged.is_redial),
            "contacts" => judged.is_resolved.map(|_| true),
            "fcr" => judged.is_resolved,
            _ => Some(true),
        };
        let Some(is) = is else { return };
        let said = |is: Option<bool>| Cell::Text(is.map_or("-", |is| if is { "yes" } else { "no" }).to_owned());
        let cells = vec![text(of.contact.disposition), said(Some(judged.is_redial)), said(judged.is_resolved)];
        let named = |name: &str| Name::new(name).ok();
        let at = (of.call, of.contact.at, named(&of.queue).map(QueueId), named(&of.segment).map(SegmentId));
        push(&mut sheet, at, cells, is);
    });
    Ok(sheet)
}

/// What one agent did at one call.
#[derive(Debug, Default)]
struct Did {
    /// His first instant at it.
    at: Option<Wall>,
    talk_ms: u64,
    hold_ms: u64,
    wrap_ms: u64,
    ring_ms: u64,
    ends: Vec<OfferEnd>,
}

impl Did {
    fn began(&mut self, at: Wall) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }

    fn handled(&self) -> bool {
        self.talk_ms + self.hold_ms > 0
    }

    /// Whether a figure counts it: in its numerator, in its denominator alone, or not at all.
    fn is_behind(&self, name: &str) -> Option<bool> {
        let of = |ms: u64| (ms > 0).then_some(true);
        let missed = |how: &[OfferEnd]| (!self.ends.is_empty()).then(|| self.ends.iter().any(|end| how.contains(end)));
        match name {
            "ring" => of(self.ring_ms),
            "talk" | "talk_mean" => of(self.talk_ms),
            "hold" => of(self.hold_ms),
            "wrap_up" => of(self.wrap_ms),
            "handled" => self.handled().then_some(true),
            "aht" => of(self.talk_ms + self.hold_ms + self.wrap_ms),
            "tmo_sin_acw" => of(self.talk_ms + self.hold_ms),
            "occupancy" | "utilisation" | "availability" => {
                of(self.ring_ms + self.talk_ms + self.hold_ms + self.wrap_ms)
            }
            "occupancy_unrung" => of(self.talk_ms + self.hold_ms + self.wrap_ms),
            "offers" => (!self.ends.is_empty()).then_some(true),
            "no_answer" => (!self.ends.is_empty()).then(|| self.ends.iter().any(|end| *end != OfferEnd::Accepted)),
            "no_answer_agent" => missed(&[OfferEnd::Declined, OfferEnd::RingNoAnswer, OfferEnd::Busy]),
            _ => None,
        }
    }
}

/// What each agent did at a call.
fn done_by(record: &Record) -> BTreeMap<AgentId, Did> {
    let mut by: BTreeMap<AgentId, Did> = BTreeMap::new();
    for stage in record.caller().map_or(&[][..], |leg| &leg.stages) {
        let (agent, is_talk) = match stage.segment {
            Segment::Talk(agent) => (agent, true),
            Segment::Hold(agent) | Segment::Consult(agent) => (agent, false),
            Segment::Ivr(_)
            | Segment::Queue(_)
            | Segment::Ring(_)
            | Segment::TalkOutside
            | Segment::Parked
            | Segment::Voicemail => continue,
        };
        let did = by.entry(agent).or_default();
        did.began(stage.at);
        *if is_talk { &mut did.talk_ms } else { &mut did.hold_ms } += stage.ms;
    }
    for offer in &record.offers {
        let did = by.entry(offer.agent).or_default();
        did.began(offer.at);
        did.ring_ms += offer.ring_ms;
        did.ends.extend(offer.end);
    }
    for wrap in &record.wraps {
        let did = by.entry(wrap.agent).or_default();
        did.began(wrap.at);
        did.wrap_ms += wrap.ms.unwrap_or(0);
    }
    by
}

fn key_of(record: &Record) -> Key {
    let counted = record.stays.last().map_or(record.arrived, |stay| stay.entered);
    Key {
        quarter: Quarter::of(counted),
        queue: record.queue(),
        segment: record.segment,
        number_type: record.dnis_type.and_then(|kind| Name::new(kind.as_str()).ok()),
    }
}

/// Calls with `on` each record that may have to do with the days asked for.
fn each_record(reader: &FigureReader, ask: &Ask, on: impl FnMut(&Record)) -> Result<(), ReportError> {
    let since = Some(Wall(ask.zone.begins(ask.from).0 - AROUND_US));
    let filter = Filter { since, until: Some(ask.until()), ..Filter::default() };
    Ok(Reader::open(reader.dir())?.each(&filter, Order::OldestFirst, on)?)
}

/// A row for each call and agent, on the day on which he began with it.
fn agents(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    let figure = AGENT_FIGURES.iter().find(|figure| figure.name == name);
    let figure = figure.ok_or_else(|| ReportError::NoFigure(name.to_owned()))?;
    if ["logged_in", "ready", "paid", "not_ready", "outbound", "task"].contains(&name) {
        return Err(ReportError::NotOfCalls(name.to_owned()));
    }
    let more = vec![
        Column::plain("agent"),
        Column::new("ring", "rang at his station"),
        Column::new("talk", "in conversation"),
        Column::new("hold", "customer on hold, or a colleague asked"),
        Column::new("wrap_up", "after-call work"),
        Column::plain("offers"),
    ];
    let mut sheet = sheet_of(name, figure.formula, more);
    sheet.notes.push(
        "of calls that have ended; time is that of the whole call, also where a quarter of an hour ends".to_owned(),
    );
    let span = ask.zone.begins(ask.from)..ask.until();
    each_record(reader, ask, |record| {
        if !ask.wants(&key_of(record)) {
            return;
        }
        for (agent, did) in done_by(record) {
            let Some(at) = did.at.filter(|at| span.contains(at)) else { continue };
            let Some(is) = did.is_behind(name).filter(|_| ask.agent.is_none_or(|only| only == agent)) else { continue };
            let ends: Vec<&str> = did.ends.iter().map(|end| end.as_str()).collect();
            let cells = vec![
                Cell::Text(agent.to_string()),
                lasting(did.ring_ms),
                lasting(did.talk_ms),
                lasting(did.hold_ms),
                lasting(did.wrap_ms),
                Cell::Text(ends.join(" ")),
            ];
            push(&mut sheet, (record.call, at, record.queue(), record.segment), cells, is);
        }
    })?;
    Ok(sheet)
}

/// A row for each call and currency that a payer pays in, or for each call that has legs without an amount.
fn cost(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    if Name::new(name).is_err() {
        return Err(ReportError::NoFigure(name.to_owned()));
    }
    let is_unrated = name == "unrated";
    let formula = if is_unrated {
        "legs and parties without an amount"
    } else {
        "rated legs that this party pays, as rated last"
    };
    let more = vec![
        Column::new("ended_with", "as rated when the call ended"),
        Column::new("rated_again", "what rating again posted"),
        Column::new("net", "ended_with + rated_again"),
        Column::plain("currency"),
    ];
    let mut sheet = sheet_of(name, formula, more);
    let ledger = Ledger::read(reader.dir())?;
    let range = ask.range();
    let mut failed = None;
    each_record(reader, ask, |record| {
        let key = key_of(record);
        if !range.contains(&key.quarter) || !ask.wants(&key) {
            return;
        }
        let posted = match ledger.as_ref().map(|ledger| ledger.of_record(record)).transpose() {
            Ok(posted) => posted.unwrap_or_default(),
            Err(error) => return failed = Some(error),
        };
        let at = record.stays.last().map_or(record.arrived, |stay| stay.entered);
        let of = (record.call, at, key.queue, key.segment);
        if is_unrated {
            let firsts = posted.iter().filter(|entry| entry.was_unrated).count();
            let legs: usize = record.costs.iter().map(|cost| cost.unrated as usize).sum();
            if legs > firsts {
                push(&mut sheet, of, vec![Cell::Nothing, Cell::Nothing, Cell::Nothing, text(None::<Name>)], true);
            }
            return;
        }
        let mut sums: BTreeMap<_, [i128; 2]> = BTreeMap::new();
        let amounts = record.costs.iter().filter(|cost| cost.payer.0.as_str() == name).filter_map(|cost| cost.net);
        let again = posted.iter().map(|entry| entry.posting).filter(|posting| posting.of.payer.0.as_str() == name);
        let all = amounts.map(|net| (0, net)).chain(again.map(|posting| (1, posting.difference)));
        for (n, Money { units, scale, currency }) in all {
            if let Some(sum) = sums.entry((currency, scale)).or_default().get_mut(n) {
                *sum += i128::from(units);
            }
        }
        for ((currency, scale), [ended, again]) in sums {
            let money = |units: i128| Cell::Money { units, scale, currency };
            let cells = vec![money(ended), money(again), money(ended + again), Cell::Text(currency.to_string())];
            push(&mut sheet, of, cells, true);
        }
    })?;
    failed.map_or(Ok(sheet), |error| Err(error.into()))
}

#[cfg(test)]
mod tests;
