//! Whether the log, the tables and the files say the same, and whether every record is sound in itself: `turno cdr verify`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params_from_iter};
use turno_base::{CallId, Wall};
use turno_tariff::again::{Posting, unbalanced};
use turno_tariff::cdr::{Record, format, verify};

use super::feed::{Content, History, Wants};
use super::ledger::{Entry, Ledger};
use super::{Reader, StoreError, outs};

/// Differences that are told; more are counted.
pub const SHOWN_MAX: usize = 100;

/// Identities between the tables: what each query finds is wrong. `k` are the calls that are looked at, `SPAN` says which.
const IDENTITIES: [(&str, &str); 4] = [
    (
        "segments of a leg last as long as the leg",
        "SELECT l.call, l.name FROM calls k JOIN legs l ON l.call = k.call LEFT JOIN segments s ON s.call = l.call AND s.leg = l.leg
         WHERE SPAN GROUP BY l.call, l.leg HAVING coalesce(sum(s.ms), 0) <> l.total_ms",
    ),
    (
        "shares of a charge are the charge",
        "SELECT c.call, c.payer FROM calls k JOIN charges c ON c.call = k.call LEFT JOIN segment_shares s
         ON s.call = c.call AND s.leg = c.leg AND s.payer = c.payer
         WHERE SPAN GROUP BY c.call, c.leg, c.payer HAVING coalesce(sum(s.net), 0) <> coalesce(c.net, 0)",
    ),
    (
        "the wait of a call is that of its stays",
        "SELECT k.call, '' FROM calls k LEFT JOIN queue_entries q ON q.call = k.call
         WHERE SPAN GROUP BY k.call HAVING coalesce(sum(q.wait_ms), 0) <> k.wait_ms",
    ),
    (
        "net and tax are gross",
        "SELECT c.call, c.payer FROM calls k JOIN charges c ON c.call = k.call WHERE SPAN AND c.net + c.tax <> c.gross",
    ),
];

/// One of whole tables: what it finds is of no call, and so of no day.
const PARTS: (&str, &str) = (
    "each part belongs to a call",
    "SELECT call, 'leg' FROM legs WHERE call NOT IN (SELECT call FROM calls)
     UNION ALL SELECT call, 'offer' FROM offers WHERE call NOT IN (SELECT call FROM calls)
     UNION ALL SELECT call, 'stay' FROM queue_entries WHERE call NOT IN (SELECT call FROM calls)",
);

const ALWAYS: Range<Wall> = Wall(i64::MIN)..Wall(i64::MAX);

/// What was looked at and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records in the tables.
    pub records: u64,
    /// Records in the part of the log that is kept.
    pub logged: u64,
    /// Of those, what the tables have not taken yet.
    pub coming: u64,
    /// Records that consumers set aside.
    pub refused: u64,
    /// Postings of rating again.
    pub postings: u64,
    /// Lines of files that were compared.
    pub lines: u64,
    /// Differences.
    pub wrong: u64,
    /// The first of them, in words, with their calls.
    pub told: Vec<String>,
    /// The calls of those.
    pub calls: Vec<CallId>,
}

impl Report {
    fn tell(&mut self, call: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.wrong += 1;
        if self.told.len() < SHOWN_MAX {
            let call = call.to_string();
            self.told.push(format!("{call}: {what}"));
            self.calls.extend(call.parse::<CallId>().ok().filter(|call| !self.calls.contains(call)));
        }
    }
}

/// Checks every record by itself and with what rating again posted to it, the tables among themselves, and the log against the tables.
pub fn audit(dir: &Path) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let reader = Reader::open(dir)?;
    soundness(dir, &reader, None, &mut report, |_| {})?;
    let mut refused: BTreeSet<String> = reader.refused()?.into_iter().filter_map(|refused| refused.call).collect();
    report.refused = refused.len() as u64;
    let aside = outs::refused(dir);
    let aside = aside.map_err(|error| StoreError::Disk { what: "read", path: dir.join("out"), error })?;
    report.refused += aside.len() as u64;
    log_against_tables(dir, &reader, &mut refused, &mut report)?;
    Ok(report)
}

/// The same of the calls that arrived in a span of time. Records that the tables do not have are not missed: those of yesterday
/// may have been taken out since. Calls `on` with each record, as it was when its call ended.
pub fn audit_span(dir: &Path, span: &Range<Wall>, on: impl FnMut(&Record)) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let reader = Reader::open(dir)?;
    soundness(dir, &reader, Some(span), &mut report, on)?;
    let refused: BTreeSet<Option<String>> = reader.refused()?.into_iter().map(|refused| refused.call).collect();
    let (mut failed, mut met) = (None, BTreeSet::new());
    let wants = Wants { records: true, facts: false, beats: false };
    // A record is written when its call has ended, which is after it arrived. What the log has behind the last record of the tables
    // is nothing to compare.
    History::open(dir)?.each_since(span.start, wants, |item| {
        let Content::Record { record, .. } = &item.content else { return true };
        if span.contains(&record.arrived) && !refused.contains(&Some(record.call.to_string())) {
            report.logged += 1;
            match is_kept(&reader, record) {
                Ok(Some(is_same)) => {
                    met.insert(record.call);
                    if !is_same {
                        report.tell(record.call, "the tables say something else than the log");
                    }
                }
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        (met.len() as u64) < report.records && failed.is_none()
    })?;
    failed.map_or(Ok(report), Err)
}

fn soundness(
    dir: &Path,
    reader: &Reader,
    span: Option<&Range<Wall>>,
    report: &mut Report,
    mut on: impl FnMut(&Record),
) -> Result<(), StoreError> {
    let always = ALWAYS;
    let Range { start, end } = span.unwrap_or(&always);
    reader.each_closed_in(*start, *end, |record| {
        report.records += 1;
        verify(&record).into_iter().for_each(|flaw| report.tell(record.call, flaw));
        on(&record);
    })?;
    identities(&dir.join("records.sqlite"), span, report)?;
    postings(dir, reader, span, report)
}

/// What rating again posted leads from the amounts of the records to the last.
fn postings(dir: &Path, reader: &Reader, span: Option<&Range<Wall>>, report: &mut Report) -> Result<(), StoreError> {
    let Some(ledger) = Ledger::read(dir)? else { return Ok(()) };
    let always = ALWAYS;
    let (mut of_call, mut failed): (Vec<Entry>, Option<StoreError>) = (Vec::new(), None);
    let mut check = |of_call: &mut Vec<Entry>| {
        let Some((call, arrived)) = of_call.first().map(|entry| (entry.posting.of.call, entry.arrived)) else { return };
        report.postings += of_call.len() as u64;
        match reader.show(call) {
            // Its record is too old to be kept.
            Ok(None) => {}
            Ok(Some(record)) => {
                if record.arrived != arrived {
                    report.tell(call, format_args!("its postings lie at {arrived}, where nobody looks for them"));
                }
                let postings: Vec<Posting> = of_call.iter().map(|entry| entry.posting).collect();
                for of in unbalanced(&record, &postings) {
                    let what = format_args!("leg {}: postings for {} do not lead to its amount", of.leg, of.payer);
                    report.tell(call, what);
                }
            }
            Err(error) => failed = Some(error),
        }
        of_call.clear();
    };
    ledger.each_arrived(span.unwrap_or(&always), |entry| {
        let of = |entry: &Entry| (entry.arrived, entry.posting.of.call);
        if of_call.first().is_some_and(|first| of(first) != of(&entry)) {
            check(&mut of_call);
        }
        of_call.push(entry);
    })?;
    check(&mut of_call);
    failed.map_or(Ok(()), Err)
}

fn identities(path: &Path, span: Option<&Range<Wall>>, report: &mut Report) -> Result<(), StoreError> {
    let (which, values) = match span {
        None => ("1", vec![]),
        Some(span) => ("k.arrived_us >= ? AND k.arrived_us < ?", vec![span.start.0, span.end.0]),
    };
    let of_calls = IDENTITIES.map(|(holds, query)| (holds, query.replace("SPAN", which), values.clone()));
    let whole = span.is_none().then(|| (PARTS.0, PARTS.1.to_owned(), vec![]));
    let run = |report: &mut Report| -> rusqlite::Result<()> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        for (holds, query, values) in of_calls.into_iter().chain(whole) {
            let mut select = db.prepare(&query)?;
            let mut rows = select.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                let (call, of): (String, String) = (row.get(0)?, row.get(1)?);
                report.tell(call, format_args!("it does not hold that {holds} ({of})"));
            }
        }
        Ok(())
    };
    run(report).map_err(|error| StoreError::Database { path: path.to_owned(), error })
}

fn log_against_tables(
    dir: &Path,
    reader: &Reader,
    refused: &mut BTreeSet<String>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let taken = reader.taken_to()?;
    let mut failed = None;
    let mut seen = BTreeSet::new();
    History::open(dir)?.each(Wants { records: true, facts: false, beats: false }, |item| {
        let Content::Record { record, .. } = &item.content else {
            return report.tell("the log", "a frame cannot be read");
        };
        // A replay after a crash may append a record a second time.
        if !seen.insert(record.call) {
            return;
        }
        report.logged += 1;
        match is_kept(reader, record) {
            Ok(Some(true)) => {}
            Ok(Some(false)) if refused.remove(&record.call.to_string()) => {}
            Ok(Some(false)) => report.tell(record.call, "the tables say something else than the log"),
            Ok(None) if item.at > taken => report.coming += 1,
            Ok(None) if refused.remove(&record.call.to_string()) => {}
            Ok(None) if reader.oldest().is_some_and(|oldest| record.arrived < oldest) => {}
            Ok(None) => report.tell(record.call, "it is in the log and not in the tables"),
            Err(error) => failed = Some(error),
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// Whether the tables have the record as the log has it; none: they do not have it.
fn is_kept(reader: &Reader, logged: &Record) -> Result<Option<bool>, StoreError> {
    match reader.closed(logged.call)? {
        None => Ok(None),
        Some(kept) if kept == *logged => Ok(Some(true)),
        Some(_) => Ok(reader.show(logged.call)?.map(|kept| is_same(&kept, logged))),
    }
}

/// The same call, though an agent said more of it since, or its customer was forgotten.
fn is_same(kept: &Record, logged: &Record) -> bool {
    let bare = |record: &Record| Record { disposition: None, wraps: Vec::new(), ..record.clone() };
    let (kept, logged) = (bare(kept), bare(logged));
    kept == logged || kept.legs.iter().all(|leg| leg.sip_call_id.is_empty()) && nobody(kept) == nobody(logged)
}

fn nobody(mut record: Record) -> Record {
    record.customer = None;
    (record.ani, record.dnis) = Default::default();
    for leg in &mut record.legs {
        (leg.a, leg.b, leg.sip_call_id, leg.local_tag, leg.remote_tag) = Default::default();
    }
    record
}

/// Compares a file of lines with the records: each line is that of one record, each record has one line.
pub fn audit_file(
    dir: &Path,
    path: &Path,
    header: &str,
    line_of: impl Fn(&Record) -> String,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut lines: Lines = BTreeMap::new();
    // Files have what was known when the call ended; of what came of it the tables have the last word.
    Reader::open(dir)?.each_as_closed(|record| {
        lines.insert(line_of(record), (record.call, 0));
    })?;
    let disk = |error| StoreError::Disk { what: "read", path: path.to_owned(), error };
    let mut reader = BufReader::new(std::fs::File::open(path).map_err(disk)?);
    let mut line = String::new();
    while reader.read_line(&mut line).map_err(disk)? > 0 {
        if line != header {
            tick(&mut lines, &line, path, report);
        }
        line.clear();
    }
    untold(&lines, path, report);
    Ok(())
}

/// Compares Parquet files with the records, all of them together: each row is that of one record, each record has one row.
/// What the log has behind the last of their rows is on its way while a file in the making (`.part`) lies beside them: records come
/// into the files in the order of the log.
pub fn audit_parquet(dir: &Path, paths: &[PathBuf], report: &mut Report) -> Result<(), StoreError> {
    let Some(last) = paths.last() else { return Ok(()) };
    let mut lines: Lines = BTreeMap::new();
    Reader::open(dir)?.each_as_closed(|record| {
        lines.insert(format::json(record), (record.call, 0));
    })?;
    for path in paths {
        let bad = |error: ::parquet::errors::ParquetError| StoreError::Disk {
            what: "read",
            path: path.to_owned(),
            error: io::Error::new(io::ErrorKind::InvalidData, error),
        };
        for row in super::parquet::records(path).map_err(bad)? {
            tick(&mut lines, &row, path, report);
        }
    }
    if paths.iter().any(|path| has_part_beside(path)) {
        let coming = behind_the_last(dir, &lines)?;
        report.coming += coming.len() as u64;
        lines.retain(|_, (call, _)| !coming.contains(call));
    }
    untold(&lines, last, report);
    Ok(())
}

/// Whether a file in the making lies in the folder of this one.
fn has_part_beside(path: &Path) -> bool {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_part = |entry: io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".parquet.part"))
    };
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.any(is_part))
}

/// Calls whose records the log has behind the last one that was found.
fn behind_the_last(dir: &Path, lines: &Lines) -> Result<BTreeSet<CallId>, StoreError> {
    let found: BTreeSet<CallId> = lines.values().filter(|(_, count)| *count > 0).map(|(call, _)| *call).collect();
    let (mut seen, mut behind) = (BTreeSet::new(), BTreeSet::new());
    History::open(dir)?.each(Wants { records: true, facts: false, beats: false }, |item| {
        let Content::Record { record, .. } = &item.content else { return };
        // A replay after a crash may append a record a second time: its place is the first.
        if !seen.insert(record.call) {
            return;
        }
        match found.contains(&record.call) {
            true => behind.clear(),
            false => drop(behind.insert(record.call)),
        }
    })?;
    Ok(behind)
}

/// What is expected, of which call, and how often it was found.
type Lines = BTreeMap<String, (CallId, u32)>;

fn tick(lines: &mut Lines, line: &str, path: &Path, report: &mut Report) {
    report.lines += 1;
    match lines.get_mut(line) {
        Some((_, count)) => *count += 1,
        None => report.tell(path.display(), format_args!("no record says {:?}", line.trim_end())),
    }
}

fn untold(lines: &Lines, path: &Path, report: &mut Report) {
    for (call, count) in lines.values() {
        match count {
            0 => report.tell(call, format_args!("it is not in {}", path.display())),
            1 => {}
            more => report.tell(call, format_args!("it is {more} times in {}", path.display())),
        }
    }
}
