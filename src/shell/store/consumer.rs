//! Consumers of the log: each on a thread of its own, each with its own durable place, so that one that hangs or fails delays
//! neither the others nor the log.
//!
//! At least once, effective exactly once: a consumer makes its place durable together with what it took, or knows what it
//! took already by its key. What it refuses is set aside with the reason and blocks nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender};

use super::feed::{self, Item, Next, Wants};
use super::log::{self, HEADER_BYTES, Place};
use super::{Shared, StoreError};
use crate::shell::line::{LineIn, LineOut};

/// Between two tries of what a consumer is to be given once more and that cannot be.
const AGAIN_EVERY: Duration = Duration::from_secs(10);
/// After the first failure; twice as long after each further one.
const RETRY_FIRST: Duration = Duration::from_millis(100);

/// How much a consumer is given at once. Each batch costs a copy of every page of a database that it touches, whatever is in
/// it: who is not waited for takes more of it, less often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// What becomes durable within so long is taken together.
    pub settle: Duration,
    /// Items of one batch.
    pub items_max: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { settle: Duration::from_millis(200), items_max: 512 }
    }
}

/// Takes what the log holds to where somebody wants it.
pub trait Consumer: Send + fmt::Debug {
    /// What it asks for.
    fn wants(&self) -> Wants;

    /// Where it goes on; asked before the first batch and after a failure. The default place: at the oldest there is.
    fn place(&mut self) -> Result<Place, Trouble>;

    /// Takes all of `items` and the place behind the last, durably, or nothing.
    fn take(&mut self, items: &[Item]) -> Result<(), Trouble>;

    /// Keeps an item that it refused, with the reason and the place behind it, where a person finds it.
    fn set_aside(&mut self, item: &Item, reason: &str) -> Result<(), Trouble>;

    /// Everything before `to` was taken: goes on there, durably. Nothing before it is asked for again.
    fn pass(&mut self, to: Place) -> Result<(), Trouble>;

    /// Takes some of what it refused and a person wants taken once more. `log`: where that lies. Whether there is more of it.
    fn again(&mut self, _log: &Path) -> Result<bool, Trouble> {
        Ok(false)
    }

    /// How much it is given at once.
    fn pace(&self) -> Pace {
        Pace::default()
    }

    /// What it may ask for again after a crash begins here, `at` being where it goes on now.
    fn needs(&self, at: Place) -> Place {
        at
    }

    /// Longest wait between two tries after failures.
    fn retry_max(&self) -> Duration {
        RETRY_FIRST
    }
}

/// Why a consumer did not take something.
#[derive(Debug)]
pub enum Trouble {
    /// Time heals it: a lock, a full disk, a peer that does not answer. Tried again.
    Passing(Box<dyn std::error::Error + Send + Sync>),
    /// It is about the item: the same again would be refused again.
    Refused(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Passing(error) | Trouble::Refused(error) => error.fmt(f),
        }
    }
}

impl Trouble {
    /// Of the file system.
    pub fn passing(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Trouble {
        Trouble::Passing(error.into())
    }
}

/// How a consumer is, for metrics and for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerHealth {
    /// Its name.
    pub name: String,
    /// It takes nothing at the moment.
    pub failing: bool,
    /// Items set aside since the start.
    pub refused: u64,
    /// Bytes of the log that it has not taken, about; as of its last batch.
    pub behind_bytes: u64,
    /// Segments that were removed before it had taken them.
    pub missed_segments: u64,
}

/// What others know of a consumer.
#[derive(Debug, Default)]
pub(super) struct Desk {
    name: String,
    failing: AtomicBool,
    refused: AtomicU64,
    behind: AtomicU64,
    missed: AtomicU64,
    /// It knows of rows that it has not looked at yet.
    told: AtomicBool,
    /// Oldest segment that it may still ask for.
    segment: AtomicU64,
    /// The log waits for it however far behind it is.
    essential: bool,
}

impl Desk {
    pub(super) fn new(name: &str, essential: bool) -> Arc<Desk> {
        Arc::new(Desk { name: name.to_owned(), essential, ..Desk::default() })
    }

    pub(super) fn health(&self) -> ConsumerHealth {
        ConsumerHealth {
            name: self.name.clone(),
            failing: self.failing.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            behind_bytes: self.behind.load(Ordering::Relaxed),
            missed_segments: self.missed.load(Ordering::Relaxed),
        }
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Oldest segment that it may ask for, and whether the log waits for it.
    pub(super) fn needs(&self) -> (u64, bool) {
        (self.segment.load(Ordering::Relaxed), self.essential)
    }
}

/// Why a consumer wakes up.
#[derive(Debug)]
pub(super) enum Wake {
    /// More is durable.
    More,
    /// Answer when everything durable was taken.
    Flush(Sender<()>),
}

/// The writer's end of all consumers.
#[derive(Debug, Default)]
pub(super) struct Bells(pub(super) Vec<(LineIn<Wake>, Arc<Desk>)>);

impl Bells {
    pub(super) fn ring(&self) {
        for (wakes, desk) in &self.0 {
            if !desk.told.swap(true, Ordering::AcqRel) {
                // Full of flushes: any of them has it look.
                let _ = wakes.try_send(Wake::More);
            }
        }
    }
}

/// The thread of a consumer.
#[derive(Debug)]
pub(super) struct Runner {
    dir: PathBuf,
    consumer: Box<dyn Consumer>,
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    /// Behind the last item taken; none: the consumer is to be asked.
    place: Option<Place>,
    retry: Duration,
    /// When what it is to be given once more is tried again, because it could not be.
    again_at: Option<Instant>,
}

/// What one look at the log came to.
enum Step {
    Taken,
    Done,
}

impl Runner {
    pub(super) fn new(dir: &Path, consumer: Box<dyn Consumer>, shared: Arc<Shared>, desk: Arc<Desk>) -> Runner {
        Runner { dir: dir.to_owned(), consumer, shared, desk, place: None, retry: RETRY_FIRST, again_at: None }
    }

    /// Until the writer is gone and everything durable was taken, or the store is closed for good.
    pub(super) fn run(mut self, wakes: &LineOut<Wake>) {
        let mut flushes: Vec<Sender<()>> = Vec::new();
        let mut open = true;
        loop {
            self.desk.told.store(false, Ordering::Release);
            let done = self.catch_up() && self.again();
            if done {
                for flush in flushes.drain(..) {
                    let _ = flush.send(());
                }
            }
            if !open && (done || self.is_over()) {
                return;
            }
            let wake = match (done, open) {
                (true, _) => wakes.recv().ok_or(RecvTimeoutError::Disconnected),
                (false, true) => wakes.recv_timeout(self.retry),
                (false, false) => {
                    std::thread::sleep(RETRY_FIRST);
                    Err(RecvTimeoutError::Timeout)
                }
            };
            match wake {
                Ok(Wake::Flush(flush)) => flushes.push(flush),
                Ok(Wake::More) => open = settle(self.consumer.pace().settle, wakes, &mut flushes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.shared.closing_for_good.load(Ordering::Relaxed)
    }

    /// Takes all that is durable. False: it could not, try again.
    fn catch_up(&mut self) -> bool {
        loop {
            match self.step() {
                Ok(Step::Taken) if self.is_over() => return false,
                Ok(Step::Taken) => self.is_well(),
                Ok(Step::Done) => {
                    self.is_well();
                    return true;
                }
                Err(trouble) => {
                    if self.desk.failing.swap(true, Ordering::Relaxed) {
                        self.retry = (self.retry * 2).min(self.consumer.retry_max());
                    } else {
                        self.retry = RETRY_FIRST;
                        let consumer = &self.desk.name;
                        tracing::warn!(consumer, %trouble, "a consumer takes no records; they wait in the log");
                    }
                    // What it did of the last batch is for it to say.
                    self.place = None;
                    return false;
                }
            }
        }
    }

    /// Takes once more what a person wants, a part at a time, and what is new in between. That it cannot says nothing of what is new; it
    /// is tried again in a while. False: what is new could not be taken.
    fn again(&mut self) -> bool {
        while self.again_at.is_none_or(|at| at <= Instant::now()) {
            match self.consumer.again(&self.dir) {
                Ok(false) => {
                    self.again_at = None;
                    return true;
                }
                Ok(true) if self.is_over() || !self.catch_up() => return false,
                Ok(true) => {}
                Err(trouble) => {
                    if self.again_at.is_none() {
                        let consumer = &self.desk.name;
                        tracing::warn!(consumer, %trouble, "what a consumer is to be given once more waits");
                    }
                    self.again_at = Some(Instant::now() + AGAIN_EVERY);
                }
            }
        }
        true
    }

    fn is_well(&mut self) {
        self.retry = RETRY_FIRST;
        if self.desk.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(consumer = self.desk.name, "the consumer takes records again");
        }
    }

    fn step(&mut self) -> Result<Step, Trouble> {
        let place = match self.place {
            Some(place) => place,
            None => self.begin()?,
        };
        let durable = self.shared.durable();
        let next = feed::next(&self.dir, place, durable, self.consumer.wants()).map_err(Trouble::passing)?;
        match next {
            Next::Nothing => {
                self.desk.behind.store(0, Ordering::Relaxed);
                return Ok(Step::Done);
            }
            Next::Turned(to) => {
                self.consumer.pass(to)?;
                self.arrive(to);
                self.shared.sweep(&self.dir);
            }
            Next::Items(items, to) => {
                for batch in items.chunks(self.consumer.pace().items_max.max(1)) {
                    // Who ends waits for no more than the batch in hand; what is left is taken at the next start.
                    if self.is_over() {
                        self.place = None;
                        return Ok(Step::Taken);
                    }
                    self.take(batch)?;
                }
                // Frames that it does not want are read again after a restart, which costs nothing; a heartbeat a second
                // would cost a transaction a second.
                self.arrive(to);
            }
        }
        let at = self.place.unwrap_or_default();
        let segments = durable.segment.saturating_sub(at.segment).saturating_mul(self.shared.options.segment_bytes);
        let behind = segments.saturating_add(durable.offset).saturating_sub(at.offset);
        self.desk.behind.store(behind, Ordering::Relaxed);
        Ok(Step::Taken)
    }

    /// Where the consumer goes on. One that knows less than the log holds begins with the oldest there is.
    fn begin(&mut self) -> Result<Place, Trouble> {
        let mut place = self.consumer.place()?;
        let oldest = log::segments(&self.dir).map_err(Trouble::passing)?.first().copied().unwrap_or(0);
        if place.segment < oldest {
            if place.segment > 0 {
                let missed = oldest - place.segment;
                self.desk.missed.fetch_add(missed, Ordering::Relaxed);
                let consumer = &self.desk.name;
                tracing::error!(consumer, missed, "segments of the record log were gone before the consumer took them");
            }
            place = Place { segment: oldest, offset: HEADER_BYTES };
        }
        self.arrive(place);
        Ok(place)
    }

    fn arrive(&mut self, at: Place) {
        self.place = Some(at);
        self.desk.segment.store(self.consumer.needs(at).segment, Ordering::Relaxed);
    }

    /// All of them at once; if one is refused, each by itself so that the others get in.
    fn take(&mut self, batch: &[Item]) -> Result<(), Trouble> {
        let readable = batch.iter().all(|item| !matches!(item.content, feed::Content::Unreadable(_)));
        let taken = if readable { self.consumer.take(batch) } else { Err(unreadable()) };
        match taken {
            Ok(()) => Ok(()),
            Err(Trouble::Passing(error)) => Err(Trouble::Passing(error)),
            Err(Trouble::Refused(_)) => batch.iter().try_for_each(|item| self.take_or_set_aside(item)),
        }
    }

    fn take_or_set_aside(&mut self, item: &Item) -> Result<(), Trouble> {
        let taken = match &item.content {
            feed::Content::Unreadable(error) => Err(Trouble::Refused(error.to_string().into())),
            feed::Content::Record { .. } | feed::Content::Facts { .. } | feed::Content::Beat(_) => {
                self.consumer.take(std::slice::from_ref(item))
            }
        };
        let reason = match taken {
            Ok(()) => return Ok(()),
            Err(Trouble::Passing(error)) => return Err(Trouble::Passing(error)),
            Err(Trouble::Refused(reason)) => reason.to_string(),
        };
        let (consumer, call) = (&self.desk.name, item.key().map(|(call, _)| call.to_string()).unwrap_or_default());
        tracing::error!(consumer, call, reason, "a record was refused and set aside");
        self.consumer.set_aside(item, &reason)?;
        self.desk.refused.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn unreadable() -> Trouble {
    Trouble::Refused("one of them cannot be read".into())
}

/// Lets more come, unless somebody waits for what is there. False: the writer is gone.
fn settle(patience: Duration, wakes: &LineOut<Wake>, flushes: &mut Vec<Sender<()>>) -> bool {
    let until = Instant::now() + patience;
    loop {
        match wakes.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Wake::More) => {}
            Ok(Wake::Flush(flush)) => {
                flushes.push(flush);
                return true;
            }
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Passing(Box::new(error))
    }
}
