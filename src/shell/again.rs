//! Rating a period again: its records priced by the book of today, differences posted to the ledger beside them.

use std::collections::BTreeMap;
use std::path::Path;

use turno_base::{Currency, Money, Wall};
use turno_tariff::again::{Again, Posting};
use turno_tariff::cdr::Record;
use turno_tariff::{Deck, Payer};

use crate::shell::store::ledger::Ledger;
use crate::shell::store::{Filter, Order, Reader, StoreError};

/// Records whose differences become durable together.
const PART: usize = 5000;

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
/// `progress` hears how many records are done.
pub fn run(dir: &Path, deck: &Deck, wanted: Wanted, progress: impl Fn(u64)) -> Result<Run, StoreError> {
    let reader = Reader::open(dir)?;
    let mut ledger = Ledger::open(dir)?;
    let (mut run, mut part, mut failed) = (Run::default(), Vec::with_capacity(PART), None);
    let filter = Filter { since: Some(wanted.from), until: Some(wanted.to), ..Filter::default() };
    reader.each(&filter, Order::OldestFirst, |record| {
        if failed.is_some() {
            return;
        }
        part.push(record.clone());
        if part.len() >= PART {
            failed = run.part(&mut ledger, &part, deck, wanted).err();
            part.clear();
            progress(run.again.records);
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    run.part(&mut ledger, &part, deck, wanted)?;
    Ok(run)
}

impl Run {
    fn part(&mut self, ledger: &mut Ledger, records: &[Record], deck: &Deck, wanted: Wanted) -> Result<(), StoreError> {
        let part = ledger.part()?;
        let (mut postings, mut failed): (Vec<Posting>, _) = (Vec::new(), None);
        for record in records {
            let posted = |of| {
                part.posted(of).unwrap_or_else(|error| {
                    failed = Some(error);
                    None
                })
            };
            self.again.record(record, deck, posted, |posting| postings.push(posting));
        }
        if let Some(error) = failed {
            return Err(error);
        }
        for posting in &postings {
            let Money { units, scale, currency } = posting.difference;
            *self.sums.entry((posting.of.payer, currency, scale)).or_default() += i128::from(units);
            if !wanted.dry_run {
                part.post(posting, wanted.now)?;
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
    use crate::shell::store::tests::{Dir, rows};
    use crate::shell::store::{Options, Store};

    /// Bounds a failure.
    const LONG: Duration = Duration::from_secs(20);

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
}
