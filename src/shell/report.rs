//! Reports over the stored figures: what is asked, and the sheet that answers it. The command line, REST and scheduled
//! exports ask here, so that they cannot disagree.

mod agents;
mod calls;
mod cost;
mod drill;
mod ledger;
mod queues;
pub mod sheet;

use std::fmt;
use std::ops::Range;

use jiff::civil;
use turno_base::{AgentId, Currency, Name, QueueId, SegmentId, Wall};
use turno_report::forecast::Date;
use turno_report::kpi::{By, Due, Key, Quarter, Windows, Zone};

use crate::shell::figures::FigureReader;
use crate::shell::store::StoreError;
use sheet::Sheet;

/// Most days of one report.
pub const DAYS_MAX: i64 = 3660;
/// Most rows of one report; a longer one is refused with the advice to ask for less.
pub const ROWS_MAX: usize = 100_000;

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Entries, service levels, waits and handle times by queue.
    Queues,
    /// Time, occupancy and offers by agent.
    Agents,
    /// 95 in 180, both clocks.
    Law,
    /// What came of calls, by segment.
    Dispositions,
    /// Repeat callers and first-contact resolution by queue.
    Repeat,
    /// Telephony, agents' time and margin.
    Cost,
    /// What rating again posted.
    Ledger,
    /// The calls behind a figure.
    Calls(Behind, String),
    /// Time at work against a schedule.
    Adherence(Vec<Due>),
}

/// Whose figures have calls behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Behind {
    /// A figure of queues.
    Queues,
    /// A figure of agents, of all or of one.
    Agents,
    /// `calls`, `from_queue`, `from_arrival`.
    Law,
    /// A disposition, or what is above some.
    Dispositions,
    /// `calls`, `redials`, `repeat_rate`, `contacts`, `fcr`.
    Repeat,
    /// A payer, `unrated`.
    Cost,
}

/// By what a row is told from the next, beside its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// By queue.
    Queue,
    /// By segment.
    Segment,
    /// By type of the dialled number.
    NumberType,
    /// All together.
    Nothing,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What.
    pub subject: Subject,
    /// First local day.
    pub from: Date,
    /// Last local day.
    pub to: Date,
    /// How long a row is.
    pub by: By,
    /// Whose days.
    pub zone: Zone,
    /// What a row is about.
    pub split: Split,
    /// Only this queue.
    pub queue: Option<QueueId>,
    /// Only this segment.
    pub segment: Option<SegmentId>,
    /// Columns; empty: the usual ones.
    pub figures: Vec<String>,
    /// Agents' idle time is shared out to the rows by their handling time.
    pub with_idle: bool,
    /// Only this agent.
    pub agent: Option<AgentId>,
    /// Currency of agents' cost.
    pub currency: Currency,
    /// Within what further contacts count.
    pub windows: Windows,
    /// What an agent says of a call whose matter is settled.
    pub settled: Vec<Name>,
}

/// Why there is no sheet.
#[derive(Debug)]
pub enum ReportError {
    /// The tables.
    Store(StoreError),
    /// No such figure.
    NoFigure(String),
    /// A figure that is no sum over calls.
    NotOfCalls(String),
    /// Agents' time by queue or segment.
    OfNoQueue,
    /// The period ends before it begins, or is longer than [`DAYS_MAX`].
    Period,
    /// More than [`ROWS_MAX`] rows.
    TooLong,
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReportError::Store(error) => error.fmt(f),
            ReportError::NoFigure(name) => {
                write!(f, "there is no figure {name:?}; docs/figures.md and `turno report formulas` list them")
            }
            ReportError::NotOfCalls(name) => {
                write!(f, "{name} is time in which there is no call: no call is behind it")
            }
            ReportError::OfNoQueue => {
                f.write_str("an agent's time is of no queue and no segment; the calls behind a figure of agents can be asked for by them")
            }
            ReportError::Period => write!(f, "a report is of 1 to {DAYS_MAX} days, the first of them first"),
            ReportError::TooLong => {
                write!(f, "that are more than {ROWS_MAX} rows; ask for fewer days or longer intervals")
            }
        }
    }
}

impl std::error::Error for ReportError {}

impl From<StoreError> for ReportError {
    fn from(error: StoreError) -> ReportError {
        ReportError::Store(error)
    }
}

/// Answers a question from the figures of a store.
pub fn report(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    if ask.to < ask.from || ask.to.0 - ask.from.0 >= DAYS_MAX {
        return Err(ReportError::Period);
    }
    let is_of_agents = matches!(ask.subject, Subject::Agents | Subject::Adherence(_));
    if is_of_agents && (ask.queue.is_some() || ask.segment.is_some()) {
        return Err(ReportError::OfNoQueue);
    }
    let mut sheet = match &ask.subject {
        Subject::Queues => queues::queues(reader, ask),
        Subject::Law => queues::law(reader, ask),
        Subject::Dispositions => queues::dispositions(reader, ask),
        Subject::Agents => agents::agents(reader, ask),
        Subject::Adherence(due) => agents::adhered(reader, ask, due),
        Subject::Repeat => calls::repeat(reader, ask),
        Subject::Calls(of, figure) => drill::behind(reader, ask, *of, figure),
        Subject::Cost => cost::cost(reader, ask),
        Subject::Ledger => ledger::ledger(reader, ask),
    }?;
    if sheet.rows.len() > ROWS_MAX {
        return Err(ReportError::TooLong);
    }
    let days = format!("{} to {}", day_text(ask.from), day_text(ask.to));
    sheet.notes.insert(0, format!("days {days}, time zone {}", ask.zone.name));
    if sheet.rows.is_empty() {
        sheet.notes.push(nothing(reader, ask)?);
    }
    if let Some(at) = reader.as_of()?.filter(|at| *at < ask.until()) {
        sheet.notes.push(format!("figures as of {at}"));
    }
    Ok(sheet)
}

/// Why a sheet has no rows, as far as that can be seen.
fn nothing(reader: &FigureReader, ask: &Ask) -> Result<String, ReportError> {
    let [queues, segments] = reader.parts(&ask.range())?;
    let asked = [("queue", ask.queue.map(|queue| queue.0), queues), ("segment", ask.segment.map(|of| of.0), segments)];
    for (what, name, known) in asked {
        if let Some(name) = name.filter(|name| !known.contains(name.as_str())) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            let there = if known.is_empty() { "none" } else { known.as_str() };
            return Ok(format!("nothing of {what} {name} in these days; there are figures of: {there}"));
        }
    }
    Ok("nothing in these days".to_owned())
}

/// A subject by its word; those that ask for more than a period are not among them.
pub fn subject_of(word: &str) -> Option<Subject> {
    match word {
        "queues" => Some(Subject::Queues),
        "agents" => Some(Subject::Agents),
        "law" => Some(Subject::Law),
        "dispositions" => Some(Subject::Dispositions),
        "repeat" => Some(Subject::Repeat),
        "cost" => Some(Subject::Cost),
        "ledger" => Some(Subject::Ledger),
        _ => None,
    }
}

impl Subject {
    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Subject::Queues => "queues",
            Subject::Agents => "agents",
            Subject::Law => "law",
            Subject::Dispositions => "dispositions",
            Subject::Repeat => "repeat",
            Subject::Cost => "cost",
            Subject::Ledger => "ledger",
            Subject::Calls(..) => "calls",
            Subject::Adherence(_) => "adherence",
        }
    }
}

/// A local day as people write it: `2026-03-10`.
pub fn day_of(text: &str) -> Result<Date, String> {
    let date: civil::Date = text.parse().map_err(|_| "write a day such as 2026-03-10".to_owned())?;
    let since = date.since(civil::date(1970, 1, 1)).map_err(|error| error.to_string())?;
    Ok(Date(since.get_days().into()))
}

/// `2026-03-10`.
pub fn day_text(day: Date) -> String {
    Wall::from_secs(day.0.saturating_mul(86_400)).to_string().get(..10).unwrap_or("").to_owned()
}

/// When a row is: in the order of time. By their labels the quarters of a doubled hour would be shuffled.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Time {
    order: i64,
    label: String,
}

impl Ask {
    /// The quarters that it is about.
    pub fn range(&self) -> Range<Quarter> {
        Quarter::of(self.zone.begins(self.from))..Quarter::of(self.until())
    }

    fn until(&self) -> Wall {
        self.zone.begins(Date(self.to.0 + 1))
    }

    fn time(&self, quarter: Quarter) -> Time {
        let order = if self.by == By::Interval { quarter.0 } else { 0 };
        Time { order, label: self.zone.label(quarter, self.by) }
    }

    /// It is about what is counted there.
    fn wants(&self, key: &Key) -> bool {
        self.queue.is_none_or(|queue| key.queue == Some(queue))
            && self.segment.is_none_or(|segment| key.segment == Some(segment))
    }

    /// What a row of this key is about.
    fn part(&self, key: &Key) -> String {
        let name = match self.split {
            Split::Queue => key.queue.map(|queue| queue.to_string()),
            Split::Segment => key.segment.map(|segment| segment.to_string()),
            Split::NumberType => key.number_type.map(|name| name.to_string()),
            Split::Nothing => Some("all".to_owned()),
        };
        name.unwrap_or_else(|| "-".to_owned())
    }

    fn part_name(&self) -> &'static str {
        match self.split {
            Split::Queue => "queue",
            Split::Segment => "segment",
            Split::NumberType => "number_type",
            Split::Nothing => "of",
        }
    }

    fn time_name(&self) -> &'static str {
        match self.by {
            By::Interval => "interval",
            By::Day => "day",
            By::Month => "month",
            By::Year => "year",
            By::Total => "period",
        }
    }
}

#[cfg(test)]
mod tests;
