//! The consumer that folds the event line into the tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use turno_base::{CallId, Fact, Money, Mono, Name};
use turno_report::kpi::{Changes, Fold, KpiTerms, NumberRange, Quarter};
use turno_tariff::Numbering;
use turno_tariff::cdr::Record;

use super::tables::{FigureTables, House, Kept, Mark};
use crate::shell::store::consumer::{Consumer, Pace, Trouble};
use crate::shell::store::feed::{Content, Item, Wants};
use crate::shell::store::{Place, StoreError};

/// Agents' time is counted this often as facts come: each time touches a row of everybody.
const TIME_EVERY: Duration = Duration::from_secs(10);

/// A quarter of an hour is the least that anybody asks for, and dashboards have a fold of their own: two seconds late is soon. A
/// batch touches rows of every agent and queue that did anything.
const PACE: Pace = Pace { settle: Duration::from_secs(2), items_max: 16_384 };

/// What the fold must know, as of the last configuration.
pub type SharedTerms = Arc<Mutex<KpiTerms>>;

/// See the module.
#[derive(Debug)]
pub struct Figures {
    path: PathBuf,
    terms: SharedTerms,
    /// Stays and contacts are kept so long.
    kept: Duration,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    tables: FigureTables,
    fold: Fold,
    mark: Mark,
    /// When agents' time was counted.
    counted: Mono,
    /// Older rows were removed up to here.
    forgotten: Quarter,
    /// As the tables have it.
    house: Option<House>,
}

impl Figures {
    /// Of the store in `dir`; the tables are opened when they can be.
    pub fn new(dir: &Path, terms: SharedTerms, kept: Duration) -> Figures {
        Figures { path: super::path(dir), terms, kept, open: None }
    }

    fn open(&mut self) -> Result<&mut Open, Trouble> {
        // A state whose changes were not taken is gone with the failure that dropped it.
        if self.open.is_none() {
            let tables = FigureTables::open(&self.path)?;
            let Kept { mark, fold } = tables.kept()?;
            self.open = Some(Open { tables, fold, mark, counted: Mono(0), forgotten: Quarter(0), house: None });
        }
        Ok(self.open.as_mut().expect("opened above"))
    }

    fn take_now(&mut self, items: &[Item]) -> Result<(), Trouble> {
        let terms = self.terms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let kept = self.kept;
        let open = self.open()?;
        let mut changes = Changes::default();
        for item in items {
            match &item.content {
                Content::Facts { first, facts } => open.facts(*first, facts, &terms, &mut changes)?,
                Content::Record { record, .. } => open.cost(record, &mut changes)?,
                Content::Beat(_) | Content::Unreadable(_) => continue,
            }
            (open.mark.segment, open.mark.offset) = (item.at.segment, item.at.offset);
        }
        open.tables.take(open.mark, &mut open.fold, &changes)?;
        let house = House::of(&terms);
        if open.house.as_ref() != Some(&house) {
            open.tables.put_house(&house)?;
            open.house = Some(house);
        }
        // The tables have them: at a hundred calls a second minutes of them would be memory that is hardly ever looked at.
        open.fold.sleep(open.counted);
        // Once a day is often enough.
        let oldest = Quarter(Quarter::of(turno_base::Wall(open.mark.at_us)).0 - (kept.as_secs() / 900) as i64);
        if oldest.0 >= open.forgotten.0 + 96 {
            open.tables.forget(oldest)?;
            open.forgotten = oldest;
        }
        Ok(())
    }
}

impl Open {
    fn facts(&mut self, first: u64, facts: &[Fact], terms: &KpiTerms, changes: &mut Changes) -> rusqlite::Result<()> {
        if first == 1 && self.mark.fact > 0 {
            // A life of the engine that began afresh knows no call of the one before.
            self.fold.begin_life();
            self.mark.fact = 0;
            self.counted = Mono(0);
        }
        for (number, fact) in (first..).zip(facts) {
            // After a crash the replay may say again what the log has.
            if number <= self.mark.fact {
                continue;
            }
            self.wake(self.fold.sleeper_of(&fact.what))?;
            self.fold.on_fact(fact, terms, changes);
            (self.mark.fact, self.mark.at_us) = (number, fact.at.wall.0);
            if fact.at.mono.since(self.counted) >= TIME_EVERY {
                self.fold.on_time(fact.at.mono, terms, changes);
                self.counted = fact.at.mono;
            }
        }
        Ok(())
    }

    fn wake(&mut self, sleeper: Option<CallId>) -> rusqlite::Result<()> {
        if let Some(call) = sleeper
            && let Some(kept) = self.tables.known(call)?
        {
            self.fold.wake(call, kept);
        }
        Ok(())
    }

    fn cost(&mut self, record: &Record, changes: &mut Changes) -> rusqlite::Result<()> {
        let charges: Vec<(Name, Option<Money>)> = charges(record).collect();
        let call: CallId = record.call;
        self.wake(self.fold.is_asleep(call).then_some(call))?;
        self.fold.on_cost(call, &charges, changes);
        Ok(())
    }
}

/// Who pays what of a record; without an amount where one is missing.
pub fn charges(record: &Record) -> impl Iterator<Item = (Name, Option<Money>)> {
    record.costs.iter().flat_map(|cost| {
        let amount = cost.net.map(|net| (cost.payer.0, Some(net)));
        amount.into_iter().chain((0..cost.unrated).map(|_| (cost.payer.0, None)))
    })
}

impl Consumer for Figures {
    fn wants(&self) -> Wants {
        Wants { records: true, facts: true, beats: false }
    }

    fn pace(&self) -> Pace {
        PACE
    }

    fn place(&mut self) -> Result<Place, Trouble> {
        let mark = self.open()?.mark;
        Ok(Place { segment: mark.segment, offset: mark.offset })
    }

    fn take(&mut self, items: &[Item]) -> Result<(), Trouble> {
        let taken = self.take_now(items);
        if taken.is_err() {
            self.open = None;
        }
        taken
    }

    fn set_aside(&mut self, item: &Item, reason: &str) -> Result<(), Trouble> {
        // What cannot be read is in the log, and was named there; the figures go on behind it.
        tracing::error!(
            segment = item.at.segment,
            offset = item.at.offset,
            reason,
            "the figures miss a piece of the event line"
        );
        self.pass(item.at)
    }

    fn pass(&mut self, to: Place) -> Result<(), Trouble> {
        let open = self.open()?;
        (open.mark.segment, open.mark.offset) = (to.segment, to.offset);
        let passed = open.tables.take(open.mark, &mut open.fold, &Changes::default());
        if passed.is_err() {
            self.open = None;
        }
        Ok(passed?)
    }
}

/// What the fold must know of a configuration.
pub fn terms(settings: &crate::shell::config::Settings) -> KpiTerms {
    let queues = settings.engine.acd.queues.iter();
    let ms = |of: Duration| u64::try_from(of.as_millis()).unwrap_or(u64::MAX);
    KpiTerms {
        thresholds: queues.map(|(queue, rules)| (*queue, ms(rules.service_level))).collect(),
        number_types: settings.figures.number_types.clone(),
        number_plan: number_plan(),
        rates: settings.figures.agent_costs.clone(),
        rate: settings.figures.cost_per_hour,
        currency: settings.figures.currency,
        windows: settings.figures.windows,
        settled: settings.figures.settled.clone(),
        zone: settings.node.zone.iana_name().unwrap_or("UTC").to_owned(),
        needs_disposition: settings
            .engine
            .acd
            .queues
            .iter()
            .filter(|(_, rules)| rules.disposition_required)
            .map(|(queue, _)| *queue)
            .collect(),
        ..KpiTerms::default()
    }
}

/// The numbering plans that come along: the same types as in records.
fn number_plan() -> BTreeMap<String, Vec<NumberRange>> {
    let mut plan = BTreeMap::<String, Vec<NumberRange>>::new();
    for (key, digits, kind) in Numbering::shipped().ranges() {
        let kind = Name::new(kind.as_str()).expect("the word of a kind is a name");
        plan.entry(key.to_string()).or_default().push(NumberRange { digits, kind });
    }
    plan
}

/// The error of a store that does not open, for those who cannot wait.
pub fn opens(dir: &Path) -> Result<(), StoreError> {
    FigureTables::open(&super::path(dir)).map(drop)
}
