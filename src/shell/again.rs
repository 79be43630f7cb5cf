//! Rating a period again: its records priced by the book of today, differences posted to the ledger beside them.

use std::collections::BTreeMap;
use std::path::Path;

use crossbeam_channel::{Sender, bounded};
use turno_base::{Currency, Money, Name, Wall};
use turno_report::kpi::{KpiTerms, Quarter};
use turno_tariff::again::{Again, Posting};
use turno_tariff::cdr::Record;
use turno_tariff::{Deck, Payer};

use crate::shell::figures::FigureReader;
use crate::shell::store::ledger::Ledger;
use crate::shell::store::{Reader, StoreError};

/// Records whose differences become durable together.
const PART: usize = 5000;
/// Parts that were read and not rated yet.
const PARTS_AHEAD: usize = 4;

/// What a run came to.
#[derive(Debug, Default)]
pub struct Run {
    /// How many of what.
    pub again: Again,
    /// By payer and currency: the sum of what was posted, and its decimals.
    sums: BTreeMap<(Payer, Currency, u8), i128>,
}

/// Which records, and whether anything is posted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Arrived at or after.
    pub from: Wall,
    /// Arrived before.
    pub to: Wall,
    /// Only say what would be posted.
    pub dry_run: bool,
    /// When it is posted.
    pub now: Wall,
}

/// Rates the records of a period in `dir` again, part by part: a run that is broken off has posted whole parts, and the next goes on.
/// One thread reads ahead of the one that rates. `progress` hears how many records are done.
pub fn run(dir: &Path, deck: &Deck, wanted: Wanted, progress: impl Fn(u64)) -> Result<Run, StoreError> {
    run_as_counted(dir, deck, None, wanted, progress)
}

/// The same; what entered no queue is posted under the type of number by which figures under these terms count it.
pub fn run_as_counted(
    dir: &Path,
    deck: &Deck,
    terms: Option<&KpiTerms>,
    wanted: Wanted,
    progress: impl Fn(u64),
) -> Result<Run, StoreError> {
    let reader = Reader::open(dir)?;
    let mut ledger = Ledger::open(dir)?;
    let mut run = Run::default();
    // A store whose figures were never counted has none.
    let counted = Counted { figures: FigureReader::open(dir).ok(), terms };
    // Who reads waits while so many parts are ahead.
    let (parts, coming) = bounded(PARTS_AHEAD);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read(&reader, wanted, &parts));
        for part in coming {
            run.part(&mut ledger, &part, deck, &counted, wanted)?;
            progress(run.again.records);
        }
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    Ok(run)
}

fn read(reader: &Reader, wanted: Wanted, parts: &Sender<Vec<Record>>) -> Result<(), StoreError> {
    let mut part = Vec::with_capacity(PART);
    reader.each_closed_in(wanted.from, wanted.to, |record| {
        part.push(record);
        // Nobody takes it any more: the other end says why.
        part.len() < PART || parts.send(std::mem::replace(&mut part, Vec::with_capacity(PART))).is_ok()
    })?;
    let _ = parts.send(part);
    Ok(())
}

/// How figures count the calls.
struct Counted<'a> {
    figures: Option<FigureReader>,
    terms: Option<&'a KpiTerms>,
}

impl Counted<'_> {
    /// The type of number under which the cost of a call is counted: as its last stay was; without one as the terms say; else as in its
    /// record.
    fn number_type(&self, record: &Record) -> Result<Option<Name>, StoreError> {
        let stay = match (&self.figures, record.stays.last()) {
            (Some(figures), Some(stay)) => figures.stay(record.call, stay.queue, Quarter::of(stay.entered))?,
            (Some(_) | None, _) => None,
        };
        let recorded = || record.dnis_type.and_then(|kind| Name::new(kind.as_str()).ok());
        let digits = record.dnis.e164.map(|number| number.digits().to_owned()).unwrap_or_default();
        Ok(match (stay, self.terms) {
            (Some(stay), _) => stay.key.number_type,
            (None, Some(terms)) => terms.number_type(&digits),
            (None, None) => recorded(),
        })
    }
}

impl Run {
    fn part(
        &mut self,
        ledger: &mut Ledger,
        records: &[Record],
        deck: &Deck,
        counted: &Counted<'_>,
        wanted: Wanted,
    ) -> Result<(), StoreError> {
        let calls = records.iter().map(|record| record.call);
        let Some((first, last)) = calls.clone().min().zip(calls.max()) else { return Ok(()) };
        let part = ledger.part()?;
        let before = part.posted(first, last)?;
        let mut postings: Vec<(&Record, Posting)> = Vec::new();
        for record in records {
            self.again.record(record, deck, |of| before.of(of), |posting| postings.push((record, posting)));
        }
        for (record, posting) in &postings {
            let Money { units, scale, currency } = posting.difference;
            *self.sums.entry((posting.of.payer, currency, scale)).or_default() += i128::from(units);
            if !wanted.dry_run {
                part.post(posting, record, counted.number_type(record)?, wanted.now)?;
            }
        }
        part.keep()
    }

    /// Sums of the differences as they print, by payer.
    pub fn sums(&self) -> impl Iterator<Item = (Payer, String, Currency)> {
        self.sums.iter().map(|(&(payer, currency, scale), &units)| {
            let units = i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX });
            (payer, Money { units, scale, currency }.to_string(), currency)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::shell::store::tests::{Dir, fill, record, rows};
    use crate::shell::store::{Options, Store};

    /// Bounds a failure.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_period_is_rated_again_once_and_a_dry_run_posts_nothing() {
        let dir = Dir::new("again");
        let (store, _) = Store::open(&dir.0, Options::default(), Vec::new(), |_| {}).unwrap();
        for (seq, row) in (1..).zip((0..3).flat_map(rows)) {
            store.append(seq, row).unwrap();
        }
        store.close(LONG);
        // The records are of 0.1620 a minute for ten seconds.
        let book = "valid_from,payer,b,rate,per_minute\n2026-01-01,company,34900,freephone,0.60\n";
        let deck = Deck::parse_csv(book).unwrap();
        let (from, now) = (Wall::from_secs(1_773_140_400), Wall::from_secs(1_800_000_000));
        let wanted = |to, dry_run| Wanted { from, to, dry_run, now };
        let (first_two, later) = (from + Duration::from_millis(2), from + Duration::from_secs(1));
        let said = |wanted: Wanted| {
            let run = run(&dir.0, &deck, wanted, |_| {}).unwrap();
            let sums: Vec<String> =
                run.sums().map(|(payer, net, currency)| format!("{payer} {net} {currency}")).collect();
            (run.again.records, run.again.changed, run.again.same, sums.join(", "))
        };
        let both = (2, 2, 0, "company 0.1533 EUR".to_owned());
        assert_eq!(said(wanted(first_two, true)), both);
        assert_eq!(said(wanted(first_two, false)), both);
        assert_eq!(said(wanted(first_two, false)), (2, 0, 2, String::new()));
        assert_eq!(said(wanted(later, false)).1, 1, "the third, and only that");
        assert_eq!(said(wanted(later, false)).1, 0);
    }

    /// Records that are rated again unless `TURNO_AGAIN_RECORDS` says how many; `scripts/full t1` is the whole size, ten million.
    const RECORDS: u64 = 12_000;

    #[test]
    fn a_period_of_many_parts_is_rated_again_to_the_last_record_and_says_how_fast() {
        let asked = std::env::var("TURNO_AGAIN_RECORDS").ok().and_then(|n| n.parse().ok());
        let records: u64 = asked.unwrap_or(RECORDS);
        let dir = Dir::new("again-many");
        // Straight into the tables: the way through the log is measured elsewhere.
        fill(&dir.0, (0..records).map(record)).unwrap();
        let book = |per_minute: &str| {
            let text = format!("valid_from,payer,b,rate,per_minute\n2026-01-01,company,34900,freephone,{per_minute}\n");
            Deck::parse_csv(&text).unwrap()
        };
        let all = |dry_run| Wanted { from: Wall(0), to: Wall(i64::MAX), dry_run, now: Wall::from_secs(1_800_000_000) };
        let timed = |deck: &Deck, wanted: Wanted| {
            let began = std::time::Instant::now();
            let again = run(&dir.0, deck, wanted, |_| {}).unwrap().again;
            (again.changed, again.same, records * 1000 / (began.elapsed().as_millis() as u64).max(1))
        };
        let dearer = book("0.60");
        let (changed, _, asking) = timed(&dearer, all(true));
        assert_eq!(changed, records);
        let (changed, _, posting) = timed(&dearer, all(false));
        assert_eq!(changed, records);
        let (changed, same, checking) = timed(&dearer, all(false));
        assert_eq!((changed, same), (0, records));
        println!(
            "{records} records again: {asking}/s asked, {posting}/s with a difference to post for each, {checking}/s found as posted"
        );
    }
}
