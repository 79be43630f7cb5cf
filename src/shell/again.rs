//! Rating a period again: its records priced by the book of today, differences posted to the ledger beside them.
//!
//! Three threads work at a time: one reads records, one rates them, and who called looks up what was posted and posts. Nothing of the
//! records' tables is held between two pages, and of the ledger nothing between two parts: a node that serves calls beside it goes on.

mod counted;

use std::collections::BTreeMap;
use std::path::Path;

use crossbeam_channel::{Receiver, Sender, bounded};
use turno_base::{CallId, Currency, E164, Money, SegmentId, Wall};
use turno_report::kpi::{KpiTerms, Quarter};
use turno_tariff::again::{Again, Amount, Posting, amounts};
use turno_tariff::cdr::{Brief, Stay};
use turno_tariff::{Deck, NumberType, Payer};

use crate::shell::store::ledger::{Entry, Ledger, PostedBefore, Postings};
use crate::shell::store::{Page, Reader, StoreError};
use counted::{Counted, Stayed};

/// Records whose differences become durable together. Each part costs a sync of the disk; what is ahead of it is held in memory.
const PART: usize = 10_000;
/// Parts that were read and not rated yet, and that were rated and not posted yet.
const PARTS_AHEAD: usize = 2;

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
/// `progress` hears what is done, after each part.
pub fn run(dir: &Path, deck: &Deck, wanted: Wanted, progress: impl Fn(&Again)) -> Result<Run, StoreError> {
    run_as_counted(dir, deck, None, wanted, progress)
}

/// The same; what entered no queue is posted under the type of number by which figures under these terms count it.
pub fn run_as_counted(
    dir: &Path,
    deck: &Deck,
    terms: Option<&KpiTerms>,
    wanted: Wanted,
    progress: impl Fn(&Again),
) -> Result<Run, StoreError> {
    run_in_parts(dir, deck, terms, wanted, PART, progress)
}

/// How many records of a period there are.
pub fn records(dir: &Path, from: Wall, to: Wall) -> Result<u64, StoreError> {
    Reader::open(dir)?.count(&(from..to))
}

fn run_in_parts(
    dir: &Path,
    deck: &Deck,
    terms: Option<&KpiTerms>,
    wanted: Wanted,
    part: usize,
    progress: impl Fn(&Again),
) -> Result<Run, StoreError> {
    let reader = Reader::open(dir)?;
    let mut book = Book::open(dir, wanted.dry_run)?;
    let mut counted = Counted::new(dir, terms);
    let mut run = Run::default();
    // Who is ahead waits. Nobody takes it any more: the last of the line says why.
    let (pages, to_rate) = bounded(PARTS_AHEAD);
    let (parts, to_post) = bounded(PARTS_AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || read(&reader, wanted, part, &pages));
        scope.spawn(move || rate(&to_rate, deck, &parts));
        for part in to_post {
            run.part(&mut book, &part?, &mut counted, wanted)?;
            progress(&run.again);
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(run)
}

fn read(reader: &Reader, wanted: Wanted, records: usize, pages: &Sender<Result<Page, StoreError>>) {
    let mut after = None;
    loop {
        let page = reader.page(&(wanted.from..wanted.to), after.as_ref(), records);
        after = page.as_ref().ok().and_then(|page| page.end().cloned());
        if page.as_ref().is_ok_and(|page| page.count() == 0) || pages.send(page).is_err() || after.is_none() {
            return;
        }
    }
}

fn rate(pages: &Receiver<Result<Page, StoreError>>, deck: &Deck, parts: &Sender<Result<Part, StoreError>>) {
    for page in pages {
        if parts.send(page.and_then(|page| Part::rated(&page, deck))).is_err() {
            return;
        }
    }
}

/// Records that were read and rated, in the order of their arrival.
#[derive(Debug)]
struct Part {
    told: Vec<Told>,
    /// Each with the place of its record above.
    amounts: Vec<(usize, Amount)>,
}

/// What a posting says of its call.
#[derive(Debug)]
struct Told {
    call: CallId,
    arrived: Wall,
    dnis: Option<E164>,
    dnis_type: Option<NumberType>,
    segment: Option<SegmentId>,
    stay: Option<Stay>,
}

impl Part {
    fn rated(page: &Page, deck: &Deck) -> Result<Part, StoreError> {
        let mut part = Part { told: Vec::with_capacity(page.count()), amounts: Vec::with_capacity(page.count()) };
        for brief in page.briefs() {
            let brief = brief?;
            let record = part.told.len();
            amounts(&brief, deck, |amount| part.amounts.push((record, amount)));
            let Brief { call, arrived, dnis, dnis_type, segment, stay, .. } = brief;
            part.told.push(Told { call, arrived, dnis, dnis_type, segment, stay });
        }
        Ok(part)
    }

    /// When the first and the last of its calls arrived.
    fn span(&self) -> Option<(Wall, Wall)> {
        self.told.first().zip(self.told.last()).map(|(first, last)| (first.arrived, last.arrived))
    }
}

/// Where differences go.
#[derive(Debug)]
enum Book {
    /// Nowhere; none: nothing was ever posted.
    Asked(Option<Ledger>),
    Posted(Postings),
}

impl Book {
    fn open(dir: &Path, dry_run: bool) -> Result<Book, StoreError> {
        if dry_run { Ledger::read(dir).map(Book::Asked) } else { Postings::open(dir).map(Book::Posted) }
    }
}

impl Run {
    fn part(
        &mut self,
        book: &mut Book,
        part: &Part,
        counted: &mut Counted<'_>,
        wanted: Wanted,
    ) -> Result<(), StoreError> {
        let Some((first, last)) = part.span() else { return Ok(()) };
        match book {
            Book::Asked(ledger) => {
                let before = ledger.as_ref().map(|ledger| ledger.posted(first, last)).transpose()?;
                self.differences(part, &before.unwrap_or_default());
                Ok(())
            }
            Book::Posted(postings) => {
                let rows = postings.part()?;
                let differences = self.differences(part, &rows.posted(first, last)?);
                counted.look_up(differences.iter().map(|difference| difference.told))?;
                let entries = differences.iter().map(|difference| difference.entry(counted, wanted.now));
                rows.post(&entries.collect::<Vec<Entry>>())?;
                rows.keep()
            }
        }
    }

    /// Counts the amounts of a part; what is to be posted for them.
    fn differences<'p>(&mut self, part: &'p Part, before: &PostedBefore) -> Vec<Difference<'p>> {
        self.again.records += part.told.len() as u64;
        let mut differences = Vec::new();
        for (record, amount) in &part.amounts {
            let Some(posting) = self.again.amount(amount, before.of(amount.of)) else { continue };
            let Money { units, scale, currency } = posting.difference;
            *self.sums.entry((posting.of.payer, currency, scale)).or_default() += i128::from(units);
            let told = part.told.get(*record).expect("an amount names a record of its part");
            differences.push(Difference { told, posting, was_unrated: amount.was_unrated });
        }
        differences
    }

    /// Sums of the differences as they print, by payer.
    pub fn sums(&self) -> impl Iterator<Item = (Payer, String, Currency)> {
        self.sums.iter().map(|(&(payer, currency, scale), &units)| {
            let units = i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX });
            (payer, Money { units, scale, currency }.to_string(), currency)
        })
    }
}

/// A difference with its call.
#[derive(Debug)]
struct Difference<'p> {
    told: &'p Told,
    posting: Posting,
    /// The record has no amount for want of a rule.
    was_unrated: bool,
}

impl Difference<'_> {
    /// The row that posts it.
    fn entry(&self, counted: &Counted<'_>, now: Wall) -> Entry {
        let told = self.told;
        Entry {
            posting: self.posting,
            posted: now,
            arrived: told.arrived,
            counted: told.stay.map_or(told.arrived, |stay| stay.entered),
            was_unrated: self.posting.revision == 0 && self.was_unrated,
            queue: told.stay.map(|stay| stay.queue),
            segment: told.segment,
            number_type: counted.number_type(told),
        }
    }
}

impl Told {
    fn stayed(&self) -> Option<Stayed> {
        self.stay.map(|stay| (Quarter::of(stay.entered), stay.queue, self.call))
    }
}

#[cfg(test)]
mod tests;
