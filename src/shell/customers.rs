//! Who calls: the customers of the store and of the configured file, packed in memory outside the engine, so that no snapshot
//! carries them. A thread looks now and then whether the store has changed and packs anew; look-ups go on meanwhile.

mod callers;
pub mod crm;
pub mod file;
pub mod learn;
pub mod person;
pub mod rules;
pub(in crate::shell) mod signature;

pub use callers::{Callers, Card};

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use serde::{Deserialize, Serialize};
use turno_base::{E164, SegmentId};
use turno_call::Customer;
use turno_customers::Portfolio;
use turno_customers::value::Rule;

use crate::shell::clock::wall;
use crate::shell::config::Settings;
use crate::shell::store::StoreError;
use crate::shell::store::customers::{Customers as Kept, Renewed};

/// Renewed customers that are told one by one until the store is packed anew.
const RENEWED_MAX: usize = 50_000;
/// How soon a change of the store is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks customers up; all copies see a replacement.
#[derive(Clone, Debug)]
pub struct Customers {
    shared: Arc<RwLock<Known>>,
    dir: Arc<Path>,
}

#[derive(Debug)]
struct Known {
    /// Of the configured file.
    file: Portfolio,
    /// Of the store as well; none: it has none.
    all: Option<Portfolio>,
    segment_default: SegmentId,
    value_default_pm: u32,
    /// Completes national numbers.
    country: String,
    /// Value of each segment, for customers without one of their own.
    values: BTreeMap<SegmentId, u32>,
    /// By what values are renewed when calls end.
    rules: Option<Arc<Vec<Rule>>>,
    /// Who has been renewed since the store was packed, and as how many-th.
    renewed: BTreeMap<String, (u64, Renewed)>,
    /// How many have been.
    renewals: u64,
}

impl Known {
    fn new(settings: &Settings) -> Known {
        let engine = &settings.engine;
        Known {
            file: settings.portfolio.clone(),
            all: None,
            segment_default: engine.segment_default,
            value_default_pm: engine.value_default_pm,
            country: engine.country.clone(),
            values: engine.acd.segments.iter().map(|(segment, rules)| (*segment, rules.value_pm)).collect(),
            rules: settings.value_rules.clone().map(Arc::new),
            renewed: BTreeMap::new(),
            renewals: 0,
        }
    }

    fn portfolio(&self) -> &Portfolio {
        self.all.as_ref().unwrap_or(&self.file)
    }
}

/// A customer that a search found, as people and programs see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitView {
    /// External id.
    pub id: String,
    /// Name; data, never markup.
    pub name: String,
    /// The number with the part asked for.
    pub number: Option<E164>,
    /// Segment; none: the default.
    pub segment: Option<SegmentId>,
    /// Value, per mille; none: the segment's.
    pub value_pm: Option<u32>,
}

/// Who fits a question, best first.
pub fn search(portfolio: &Portfolio, question: &str, limit: usize) -> Vec<HitView> {
    let hits = portfolio.search(question, limit);
    let view = |hit: &turno_customers::Hit<'_>| HitView {
        id: hit.known.id.to_owned(),
        name: hit.known.name.to_owned(),
        number: hit.number,
        segment: hit.known.segment,
        value_pm: hit.known.value_pm,
    };
    hits.iter().map(view).collect()
}

impl Customers {
    /// The portfolio of `settings`; the store's customers are known after [`Customers::read`].
    pub fn new(settings: &Settings) -> Customers {
        Customers { shared: Arc::new(RwLock::new(Known::new(settings))), dir: settings.store.dir.clone().into() }
    }

    /// From now on the configured file of `settings`, and the store as it is.
    pub fn replace(&self, settings: &Settings) {
        self.set(Known::new(settings));
        self.read();
    }

    /// Packs the store's customers, if it has any. What cannot be read is logged, and those known before stay known.
    pub fn read(&self) {
        let (file, renewals) = {
            let known = self.known();
            (known.file.clone(), known.renewals)
        };
        match packed(&self.dir, &file) {
            Ok(None) if self.known().all.is_none() => {}
            Ok(None) => self.keep(file, None, renewals),
            Ok(Some((all, left_out))) => {
                if left_out > 0 {
                    tracing::error!(left_out, "customers of the store that make no sense are left out");
                }
                let (look_up, search) = all.bytes();
                tracing::info!(
                    customers = all.len(),
                    numbers = all.numbers_len(),
                    bytes = look_up + search,
                    "customers read"
                );
                self.keep(file, Some(all), renewals);
            }
            Err(error) => tracing::error!(%error, "the store's customers cannot be read; those known before stay"),
        }
    }

    /// Who has this number; none: nobody. Memory only: microseconds.
    pub fn look_up(&self, number: E164) -> Option<Customer> {
        let known = self.known();
        let found = known.portfolio().by_number(number)?;
        let renewed = known.renewed.get(found.id).map(|(_, renewed)| renewed);
        let (segment, value_pm) =
            renewed.map_or((found.segment, found.value_pm), |renewed| (renewed.segment, renewed.value_pm));
        let segment = segment.filter(|s| known.values.contains_key(s)).unwrap_or(known.segment_default);
        let value_pm = value_pm.or_else(|| known.values.get(&segment).copied()).unwrap_or(0);
        Some(Customer {
            id: Some(found.id.to_owned()),
            shown: found.name.to_owned(),
            segment,
            value_pm,
            language: found.language,
            owner: found.owner,
        })
    }

    /// Who else has this number, by external id.
    pub fn sharers(&self, number: E164) -> Vec<String> {
        self.known().portfolio().by_number_all(number).map(|known| known.id.to_owned()).collect()
    }

    /// Whom nobody knows.
    pub fn stranger(&self) -> Customer {
        let known = self.known();
        let (segment, value_pm) = (known.segment_default, known.value_default_pm);
        Customer { id: None, shown: String::new(), segment, value_pm, language: None, owner: None }
    }

    /// The segment if it is configured, else the default one.
    pub fn segment(&self, named: SegmentId) -> SegmentId {
        let known = self.known();
        if known.values.contains_key(&named) { named } else { known.segment_default }
    }

    /// Who fits a question, best first.
    pub fn search(&self, question: &str, limit: usize) -> Vec<HitView> {
        search(self.known().portfolio(), question, limit)
    }

    /// How many customers and numbers are known.
    pub fn counts(&self) -> (usize, usize) {
        let known = self.known();
        (known.portfolio().len(), known.portfolio().numbers_len())
    }

    /// Reads the store whenever somebody else has changed it, on a thread that ends with the returned watch.
    pub fn watch(&self) -> io::Result<Watch> {
        let (stop, stopped) = bounded::<()>(1);
        let customers = self.clone();
        let thread = std::thread::Builder::new().name("customers".into()).spawn(move || {
            let mut watched = Watched::default();
            customers.look(&mut watched);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK_EVERY) {
                customers.look(&mut watched);
            }
        })?;
        Ok(Watch { stop: Some(stop), thread: Some(thread) })
    }

    /// Looks whether the store has changed; what cannot be read is tried anew at the next look.
    fn look(&self, watched: &mut Watched) {
        if let Err(error) = self.look_at_store(watched) {
            tracing::error!(%error, "the store's customers cannot be read");
            watched.kept = None;
        }
        watched.is_begun = true;
    }

    /// The connection stays open: a change is seen by what the same connection said before.
    fn look_at_store(&self, watched: &mut Watched) -> Result<(), StoreError> {
        let Watched { is_begun, kept, import } = watched;
        if kept.is_none() {
            // What keeps it from being opened was said when it was read first.
            let Ok(store) = Kept::open_existing(&self.dir) else { return Ok(()) };
            // It may have changed, or come to be, since it was read last.
            *kept = Some((store, None));
        }
        let Some((store, version)) = kept else { return Ok(()) };
        if *version == Some(store.version()?) {
            return Ok(());
        }
        let newest = store.imports()?.first().map(|past| past.import);
        let is_imported = std::mem::replace(import, newest) != newest && *is_begun;
        if let Some(rules) = self.value_rules().filter(|_| is_imported) {
            match store.renew(&self.dir, &rules, wall(), false) {
                Ok(customers) => tracing::info!(customers, "values renewed after an import"),
                // They are renewed one by one as they call.
                Err(error) => tracing::error!(%error, "values cannot be renewed after an import"),
            }
        }
        *version = Some(store.version()?);
        self.read();
        Ok(())
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Country code without `+` that completes national numbers.
    pub fn country(&self) -> String {
        self.known().country.clone()
    }

    /// By what values are renewed when calls end; none: they are not.
    pub fn value_rules(&self) -> Option<Arc<Vec<Rule>>> {
        self.known().rules.clone()
    }

    /// Look-ups know of these from now on. False: too many to be told one by one; the store is to be packed anew.
    pub fn renewed(&self, these: Vec<Renewed>) -> bool {
        let mut known = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        if known.renewed.len() + these.len() > RENEWED_MAX {
            return false;
        }
        for one in these {
            known.renewals += 1;
            let turn = (known.renewals, one);
            known.renewed.insert(turn.1.id.clone(), turn);
        }
        true
    }

    /// What was renewed while the store was packed stays told.
    fn keep(&self, file: Portfolio, all: Option<Portfolio>, packed_at: u64) {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        let before = (std::mem::replace(&mut shared.file, file), std::mem::replace(&mut shared.all, all));
        shared.renewed.retain(|_, (turn, _)| *turn > packed_at);
        drop(shared);
        // Hundreds of megabytes go here, while look-ups go on.
        drop(before);
    }

    fn set(&self, known: Known) {
        let before = {
            let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *shared, known)
        };
        // Hundreds of megabytes go here, while look-ups go on.
        drop(before);
    }
}

/// None: there is no store of customers, or nobody in it.
fn packed(dir: &Path, file: &Portfolio) -> Result<Option<(Portfolio, u64)>, StoreError> {
    match Kept::open_existing(dir) {
        Ok(kept) if kept.count()? == 0 => Ok(None),
        Ok(kept) => kept.load(file).map(Some),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the thread that watches the store has seen of it.
#[derive(Debug, Default)]
struct Watched {
    /// It has looked before: what is new came while it watched.
    is_begun: bool,
    /// The store, and as of which change it was read.
    kept: Option<(Kept, Option<u64>)>,
    /// The newest import.
    import: Option<i64>,
}

/// Ends the thread that watches the store.
#[derive(Debug)]
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
