//! From a figure to its calls: which of them it counts, a row for each, with what it counts of them.
//!
//! Figures of queues are sums over stays, or over calls where they first entered, as the law's are; of calls that entered no queue contacts
//! and records know. Figures of dispositions are sums over stays and contacts, those of repeat callers over contacts; those of agents and of
//! cost over records, which alone know every agent and every amount of a call.

mod cost;

use std::collections::BTreeMap;

use turno_base::fact::{OfferEnd, QueueLeft, Segment};
use turno_base::{AgentId, CallId, Name, QueueId, SegmentId, Wall};
use turno_report::kpi::{AGENT_FIGURES, Entry, Figure, Key, Quarter, Tally, Value, figure, is_settled, judge_each};
use turno_tariff::cdr::Record;

use super::sheet::{Cell, Column, Sheet};
use super::{Ask, Behind, ROWS_MAX, ReportError, calls};
use crate::shell::figures::FigureReader;
use crate::shell::store::{Filter, Order, Reader, StoreError};

/// A call of the period may have arrived so long before it, and wait on so long after it, µs.
const AROUND_US: i64 = 86_400_000_000;

pub(super) fn behind(reader: &FigureReader, ask: &Ask, of: Behind, name: &str) -> Result<Sheet, ReportError> {
    match of {
        Behind::Queues => queues(reader, ask, name),
        Behind::Law => law(reader, ask, name),
        Behind::Dispositions => dispositions(reader, ask, name),
        Behind::Repeat => repeat(reader, ask, name),
        Behind::Agents => agents(reader, ask, name),
        Behind::Cost => cost::cost(reader, ask, name),
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

/// What of the figure's numerator and of its denominator are this row's: over all rows they add up to it.
fn part_columns() -> Vec<Column> {
    vec![
        Column::new("part", "of the numerator: a count, per mille of value, or seconds"),
        Column::new("whole", "of the denominator: a count, or per mille of value"),
    ]
}

fn part_cells(of: Value) -> Vec<Cell> {
    let count = |count: u128| Cell::Value(Value::Count(u64::try_from(count).unwrap_or(u64::MAX)));
    match of {
        Value::Count(n) => vec![count(n.into()), Cell::Nothing],
        Value::Share(part, whole) => vec![count(part), count(whole)],
        Value::Mean(sum, n) => vec![Cell::Value(Value::Mean(sum, 1)), count(n)],
        // The row's wait or work is one of those that the bound is of.
        Value::Bound(_) => vec![Cell::Nothing, Cell::Nothing],
    }
}

fn queues(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    let figure: &Figure = figure(name).ok_or_else(|| ReportError::NoFigure(name.to_owned()))?;
    if let Some(by_call) = ByCall::of(name) {
        return calls_entering(reader, ask, (name, figure.formula), by_call);
    }
    let mut sheet = sheet_of(name, figure.formula, [stay_columns(), part_columns()].concat());
    let queue = ask.queue.map(|queue| queue.to_string());
    reader.each_entry(&ask.range(), queue.as_deref(), |entry| {
        if let Some(is) = entry.is_behind(figure).filter(|_| ask.wants(&entry.key)) {
            let cells = [stay_cells(&entry), part_cells((figure.of)(&entry.tally()))].concat();
            push(&mut sheet, of_entry(&entry), cells, is);
        }
    })?;
    // Agents also have calls that no queue gave.
    let is_of_work = ["handled", "aht", "tmo_sin_acw", "talk_mean"].contains(&name);
    if is_of_work && ask.queue.is_none() {
        each_direct(reader, ask, |record, did| {
            let value = (figure.of)(&tally_of(did));
            let Some(is) = value.is_counted() else { return };
            let agents: Vec<&str> =
                did.iter().filter(|(_, did)| did.handled()).map(|(agent, _)| agent.as_str()).collect();
            let who = [Cell::Text("direct".to_owned()), Cell::Text(agents.join(" ")), Cell::Nothing];
            let of = (record.call, record.arrived, None, record.segment);
            push(&mut sheet, of, [who.to_vec(), part_cells(value)].concat(), is);
        })?;
    }
    Ok(sheet)
}

/// What agents did at a call, as it is counted.
fn tally_of(did: &BTreeMap<AgentId, Did>) -> Tally {
    let mut tally = Tally::default();
    for did in did.values().filter(|did| did.handled()) {
        tally.counts.handled += 1;
        tally.talk.add(did.talk_ms);
        tally.hold.add(did.hold_ms);
        tally.wrap_up.add(did.wrap_ms);
    }
    tally
}

/// Calls `on` with each record of the days asked for whose call entered no queue and was an agent's, and with what each did at it.
fn each_direct(
    reader: &FigureReader,
    ask: &Ask,
    mut on: impl FnMut(&Record, &BTreeMap<AgentId, Did>),
) -> Result<(), ReportError> {
    let span = ask.zone.begins(ask.from)..ask.until();
    // Figures may be asked for where no records are kept.
    let found = each_record(reader, ask, |record| {
        if record.stays.is_empty() && span.contains(&record.arrived) && ask.wants(&key_of(record)) {
            let did = done_by(record);
            if did.values().any(Did::handled) {
                on(record, &did);
            }
        }
    });
    match found {
        Err(ReportError::Store(StoreError::Missing(_))) => Ok(()),
        found => found,
    }
}

/// Figures that count calls, each once, where it first entered a queue; it may have been answered in a later stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByCall {
    /// Those that entered no queue too.
    Calls,
    Queued,
    Answered,
    Disposed,
    FromQueue,
    FromArrival,
}

impl ByCall {
    fn of(name: &str) -> Option<ByCall> {
        Some(match name {
            "answered_rate_calls" => ByCall::Answered,
            "disposed" => ByCall::Disposed,
            "law_from_queue" => ByCall::FromQueue,
            "law_from_arrival" => ByCall::FromArrival,
            _ => return None,
        })
    }
}

/// What is known of a call from all of its stays.
#[derive(Clone, Copy, Debug, Default)]
struct Became {
    answered: bool,
    said: bool,
    from_queue: bool,
    from_arrival: bool,
    short: bool,
}

impl Became {
    fn add(&mut self, entry: &Entry) {
        self.answered |= entry.law_from_queue.is_some();
        self.said |= entry.disposition.is_some();
        self.from_queue |= entry.law_from_queue == Some(true);
        self.from_arrival |= entry.law_from_arrival == Some(true);
        self.short |= entry.n == 1 && entry.left == Some(QueueLeft::ShortAbandoned);
    }

    /// Numerator and denominator of a figure.
    fn share(self, of: ByCall) -> Value {
        let (part, whole) = match of {
            ByCall::Calls | ByCall::Queued => return Value::Count(1),
            ByCall::Answered => (self.answered, !self.short),
            ByCall::Disposed => (self.said, self.answered),
            ByCall::FromQueue => (self.from_queue, true),
            ByCall::FromArrival => (self.from_arrival, true),
        };
        Value::Share(part.into(), whole.into())
    }
}

fn calls_entering(
    reader: &FigureReader,
    ask: &Ask,
    (name, formula): (&str, &str),
    of: ByCall,
) -> Result<Sheet, ReportError> {
    let mut sheet = sheet_of(name, formula, [stay_columns(), part_columns()].concat());
    let (mut firsts, mut became) = (Vec::new(), BTreeMap::<CallId, Became>::new());
    let range = ask.range();
    reader.each_entry(&(range.start..Quarter(range.end.0 + AROUND_US / 900_000_000)), None, |entry| {
        became.entry(entry.call).or_default().add(&entry);
        if entry.n == 1 && entry.key.quarter < range.end && ask.wants(&entry.key) && firsts.len() <= ROWS_MAX {
            firsts.push(entry);
        }
    })?;
    for entry in firsts {
        let value = became.get(&entry.call).copied().unwrap_or_default().share(of);
        if let Some(is) = value.is_counted() {
            push(&mut sheet, of_entry(&entry), [stay_cells(&entry), part_cells(value)].concat(), is);
        }
    }
    // The law is about calls that wait for somebody.
    if ask.queue.is_none() && matches!(of, ByCall::Calls | ByCall::Answered | ByCall::Disposed) {
        reader.each_contact(ask.zone.begins(ask.from), ask.until(), |known| {
            let segment = Name::new(&known.segment).ok().map(SegmentId);
            if !known.queue.is_empty() || ask.segment.is_some_and(|only| segment != Some(only)) {
                return;
            }
            let contact = &known.contact;
            let became =
                Became { answered: contact.answered, said: contact.disposition.is_some(), ..Became::default() };
            let value = became.share(of);
            let Some(is) = value.is_counted() else { return };
            let who = vec![Cell::Text("direct".to_owned()), text(None::<Name>), Cell::Nothing];
            push(&mut sheet, (known.call, contact.at, None, segment), [who, part_cells(value)].concat(), is);
        })?;
    }
    Ok(sheet)
}

fn law(reader: &FigureReader, ask: &Ask, name: &str) -> Result<Sheet, ReportError> {
    let (formula, of) = match name {
        "calls" => ("calls that entered a queue", ByCall::Queued),
        "from_queue" => ("calls answered by a person within 180 s of entering / calls", ByCall::FromQueue),
        "from_arrival" => ("calls answered by a person within 180 s of the first INVITE / calls", ByCall::FromArrival),
        _ => return Err(ReportError::NoFigure(name.to_owned())),
    };
    calls_entering(reader, ask, (name, formula), of)
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
        "said" => "answered calls of which an agent said what came of them",
        "fcr_marked" => "settled by the agent's word / said",
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
            "said" => is_settled(&of.contact, &ask.settled).map(|_| true),
            "fcr_marked" => is_settled(&of.contact, &ask.settled),
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

#[cfg(test)]
mod tests;
