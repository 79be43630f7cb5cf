//! The self-audit of one day: stored figures against the stays that they keep and against the records; the records in themselves, with the
//! log and with what rating again posted.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use turno_base::fact::QueueLeft;
use turno_base::{CallId, Wall};
use turno_report::forecast::Date;
use turno_report::kpi::{Audited, CALLS_NAMED_MAX, Difference, Identity, Quarter, Recorded, Zone, audit};
use turno_tariff::cdr::Record;

use super::reader::FigureReader;
use crate::shell::store::audit::{Report, audit_span};
use crate::shell::store::{Reader, StoreError};

/// A call of the day may enter queues for so long after it.
const LATER_QUARTERS: i64 = 24 * 4;
/// Records and figures are taken by different threads: what ended this recently is not compared, µs.
const SETTLED_US: i64 = 60_000_000;

/// A call that waited since has its record: `turno cdr retain` takes none of the last day, of which an hour is for what a call did
/// before it waited.
const KEPT_US: i64 = 23 * 3_600_000_000;

/// What an audit came to.
#[derive(Debug)]
pub struct Audit {
    /// Calls whose record was compared.
    pub calls: u64,
    /// Stays that were compared.
    pub entries: u64,
    /// What does not hold.
    pub differences: Vec<Difference>,
}

/// Audits a local day of the store in `dir`; `now` says what records may have been taken out since.
pub fn audit_day(dir: &Path, zone: &Zone, day: Date, now: Wall) -> Result<Audit, StoreError> {
    let figures = FigureReader::open(dir)?;
    // In this order: whatever waited before that instant and is not known behind it is over.
    let as_of = figures.as_of()?.unwrap_or(Wall(0));
    let known = figures.known()?;
    let range = zone.quarters(day);
    let mut audited = Audited { tallies: figures.tallies(&range)?, ..Audited::default() };
    figures.each_entry(&range, None, |entry| audited.entries.push(entry))?;
    let after = range.end..Quarter(range.end.0 + LATER_QUARTERS);
    figures.each_entry(&after, None, |entry| audited.later.push(entry))?;
    let seen = seen_whole(&figures)?;
    let records = audit_span(dir, &(range.start.begins()..range.end.begins()), |record| {
        if seen(record) {
            audited.recorded.insert(record.call, recorded(record));
        }
    })?;
    audited.owing = owing(dir, &audited, as_of, &known, now)?;
    let (calls, entries) = (audited.recorded.len() as u64, audited.entries.len() as u64);
    let mut differences = audit(&audited);
    differences.extend(unsound(&records));
    Ok(Audit { calls, entries, differences })
}

/// Flaws of records that are told in one difference.
const FLAWS_TOLD_MAX: usize = 5;

/// What the audit of the records found, in the words of it.
fn unsound(records: &Report) -> Option<Difference> {
    let told: Vec<&str> = records.told.iter().take(FLAWS_TOLD_MAX).map(String::as_str).collect();
    let what = format!("{} flaws, such as {}", records.wrong, told.join("; "));
    let calls = records.calls.iter().copied().take(CALLS_NAMED_MAX).collect();
    (records.wrong > 0).then_some(Difference {
        identity: Identity::RecordsAreSound,
        quarter: None,
        queue: None,
        what,
        calls,
    })
}

/// Whether the figures have seen the call of a record from its beginning to its end.
fn seen_whole(figures: &FigureReader) -> Result<impl Fn(&Record) -> bool, StoreError> {
    let until = figures.as_of()?.map_or(0, |at| at.0 - SETTLED_US);
    // The quarter in which the figures began may lack its first calls.
    let from = figures.since()?.map_or(i64::MAX, |quarter| Quarter(quarter.0 + 1).begins().0);
    Ok(move |record: &Record| record.arrived.0 >= from && record.ended.0 < until && record.left_out == 0)
}

/// Calls of the day's stays that must have a record. What is older than a day cannot be told from what was taken out.
fn owing(
    dir: &Path,
    audited: &Audited,
    as_of: Wall,
    known: &BTreeSet<CallId>,
    now: Wall,
) -> Result<BTreeSet<CallId>, StoreError> {
    let reader = Reader::open(dir)?;
    let since = Wall(now.0 - KEPT_US);
    // Records come in the order in which calls end: what ended after the last of them may be on its way.
    let Some(taken) = reader.last_ended(since)? else { return Ok(BTreeSet::new()) };
    let until = Wall(taken.min(as_of).0 - SETTLED_US);
    let mut owing = BTreeSet::new();
    for entry in &audited.entries {
        let over =
            entry.entered + Duration::from_millis(entry.wait_ms + entry.talk_ms + entry.hold_ms + entry.wrap_up_ms);
        let is_due = entry.entered >= since && over < until && !known.contains(&entry.call);
        if is_due && (audited.recorded.contains_key(&entry.call) || !reader.has(entry.call)?) {
            owing.insert(entry.call);
        }
    }
    Ok(owing)
}

fn recorded(record: &Record) -> Recorded {
    let is_whole = |leg: &turno_tariff::cdr::Leg| leg.stages.iter().map(|stage| stage.ms).sum::<u64>() == leg.total_ms;
    Recorded {
        stays: u32::try_from(record.stays.len()).unwrap_or(u32::MAX),
        answered: record.stays.iter().any(|stay| matches!(stay.left, QueueLeft::Answered(_))),
        is_partitioned: record.legs.iter().all(is_whole),
        adds_up: record.costs == Record::costs_of(&record.legs),
    }
}
