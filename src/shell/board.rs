//! The event line outside the engine: folds facts into what dashboards show, counts them for Prometheus, logs life events,
//! and passes facts on to whoever listens.
//!
//! Runs on a thread of its own behind a bounded channel; a listener that falls behind misses facts, is told so by its
//! receiver, and begins again from [`Board::view`]. With each journal segment the fold is kept beside it, so that a restart
//! shows the same day.

mod life;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, TrySendError};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::broadcast;
use turno_base::fact::{AgentState, QueueLeft, What};
use turno_base::{AgentId, CallId, Fact, Mono, QueueId, SegmentId, Wall};
use turno_report::{BoardView, QueueTerms, Terms};

use crate::shell::clock::Clock;
use crate::shell::config::Settings;
use crate::shell::event::{Event, event};
use crate::shell::journal::FORMAT;
use crate::shell::line::{LineIn, LineOut, line};
use crate::shell::metrics::Metrics;

/// Turns whose facts wait for the board; those of more are dropped and counted.
const TURNS_MAX: usize = 65_536;
/// Facts that one listener may be behind.
const LISTENER_FACTS_MAX: usize = 4096;
/// Turns taken before the clock is looked at.
const BATCH_MAX: usize = 1024;
/// Between batches: nobody sees a dashboard change faster, and to wake up for each fact costs more than to fold it.
const BREATH: Duration = Duration::from_millis(20);
/// How late midnight may be noticed when nothing happens.
const DAY_POLL: Duration = Duration::from_secs(1);

/// A fact with its number in the event line, as the record log has it. A gap is what the board's own line had no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// From 1 where the engine began afresh.
    pub seq: u64,
    /// What.
    pub fact: Fact,
    told: OnceLock<(Event, String)>,
}

impl Numbered {
    /// Fact number `seq`.
    pub fn new(seq: u64, fact: Fact) -> Numbered {
        Numbered { seq, fact, told: OnceLock::new() }
    }

    /// As programs outside get it, and as the text that goes to them: made once, for whoever asks first, and the same for all.
    pub fn told(&self) -> (&Event, &str) {
        let (event, text) = self.told.get_or_init(|| {
            let event = event(&self.fact);
            let text = event.clone().json(self.seq, &self.fact).to_string();
            (event, text)
        });
        (event, text)
    }
}

#[derive(Debug)]
enum Told {
    /// Of one turn, and the number of the first.
    Facts(u64, Vec<Fact>),
    /// Keep the fold beside this journal segment.
    Segment(u64),
}

/// The engine thread's end.
#[derive(Clone, Debug)]
pub struct FactLine {
    told: LineIn<Told>,
    metrics: Arc<Metrics>,
}

impl FactLine {
    /// Passes a turn's facts on, the first of which has this number; never waits.
    pub fn tell(&self, first: u64, facts: Vec<Fact>) {
        self.send(Told::Facts(first, facts));
    }

    /// Journal segment `number` begins here in the line.
    pub fn segment(&self, number: u64) {
        self.send(Told::Segment(number));
    }

    fn send(&self, told: Told) {
        if let Err(TrySendError::Full(Told::Facts(_, facts))) = self.told.try_send(told) {
            self.metrics.facts_dropped.inc_by(facts.len() as u64);
        }
    }
}

/// What dashboards read.
#[derive(Debug)]
pub struct Board {
    feed: broadcast::Sender<Arc<Numbered>>,
    seq: AtomicU64,
    fold: Mutex<turno_report::Board>,
    clock: Clock,
}

/// Where the fold is kept and when its day begins.
#[derive(Clone, Debug)]
pub struct BoardSettings {
    /// Folder of the journal; none: a restart begins an empty day.
    pub dir: Option<PathBuf>,
    /// Whose midnight it is.
    pub zone: TimeZone,
    /// Number of the last fact before the first that it will be told.
    pub told_to: u64,
}

impl Board {
    /// Starts the board's thread from what the last process had; it ends when the last [`FactLine`] is gone.
    pub fn start(
        fold: turno_report::Board,
        settings: BoardSettings,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Arc<Board>, FactLine)> {
        let (told, incoming) = line(TURNS_MAX);
        let feed = broadcast::Sender::new(LISTENER_FACTS_MAX);
        let board = Arc::new(Board { feed, seq: AtomicU64::new(settings.told_to), fold: Mutex::new(fold), clock });
        let mut thread = Thread { board: board.clone(), metrics: metrics.clone(), settings, counts: Counts::default() };
        std::thread::Builder::new().name("board".into()).spawn(move || thread.run(&incoming))?;
        Ok((board, FactLine { told, metrics }))
    }

    /// From now on every fact; a receiver that lags is told how many it missed.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Numbered>> {
        self.feed.subscribe()
    }

    /// Everything as of now, and the number of the last fact in it.
    pub fn view(&self) -> (u64, BoardView) {
        let fold = self.fold();
        (self.seq.load(Ordering::Relaxed), fold.snapshot(self.clock.now()))
    }

    /// The configuration changed.
    pub fn set_terms(&self, terms: Terms) {
        self.fold().set_terms(terms);
    }

    fn fold(&self) -> MutexGuard<'_, turno_report::Board> {
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the board must know of a configuration.
pub fn terms(settings: &Settings) -> Terms {
    let acd = &settings.engine.acd;
    let serving = |queue: &QueueId| {
        let agents = acd.agents.iter().filter(|(_, rules)| rules.queues.contains(queue));
        agents.map(|(agent, _)| *agent).collect()
    };
    let queues = acd.queues.iter().map(|(queue, rules)| {
        let terms = QueueTerms {
            shown: settings.wall.shown(queue.as_str()),
            threshold: rules.service_level,
            target_pct: rules.service_level_target_pct,
            agents: serving(queue),
        };
        (*queue, terms)
    });
    Terms {
        queues: queues.collect(),
        agents: acd.agents.iter().map(|(agent, rules)| (*agent, rules.shown.clone())).collect(),
    }
}

/// The fold kept beside segment `number`; empty if there is none that this build reads.
pub fn kept(dir: &Path, number: u64) -> turno_report::Board {
    let read = || {
        let bytes = fs::read(path_of(dir, number)).ok()?;
        let (format, version, fold) = postcard::from_bytes::<(u32, String, turno_report::Board)>(&bytes).ok()?;
        (format == FORMAT && version == env!("CARGO_PKG_VERSION")).then_some(fold)
    };
    read().unwrap_or_default()
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.board"))
}

struct Thread {
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    settings: BoardSettings,
    counts: Counts,
}

impl Thread {
    fn run(&mut self, incoming: &LineOut<Told>) {
        let mut day = self.day(self.board.clock.now().wall);
        loop {
            match incoming.recv_timeout(DAY_POLL) {
                Ok(told) => {
                    self.take(told);
                    (1..BATCH_MAX).map_while(|_| incoming.try_recv().ok()).for_each(|told| self.take(told));
                    std::thread::sleep(BREATH);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let today = self.day(self.board.clock.now().wall);
            if today > day {
                day = today;
                self.board.fold().begin_day();
            }
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Facts(first, facts) => (first..).zip(facts).for_each(|(seq, fact)| self.on_fact(seq, fact)),
            Told::Segment(number) => self.keep(number),
        }
    }

    fn on_fact(&mut self, seq: u64, fact: Fact) {
        self.counts.take(&fact, &self.metrics);
        life::log_life(&fact);
        {
            let mut fold = self.board.fold();
            fold.on_fact(&fact);
            // Under the lock: a view and its number belong together.
            self.board.seq.store(seq, Ordering::Relaxed);
        }
        // Nobody listening is fine, and the rule.
        if self.board.feed.receiver_count() > 0 {
            let _ = self.board.feed.send(Arc::new(Numbered::new(seq, fact)));
        }
    }

    fn day(&self, wall: Wall) -> Option<Date> {
        let instant = Timestamp::from_microsecond(wall.0).ok()?;
        Some(instant.to_zoned(self.settings.zone.clone()).date())
    }

    fn keep(&self, number: u64) {
        let Some(dir) = &self.settings.dir else { return };
        let version = env!("CARGO_PKG_VERSION");
        let bytes =
            postcard::to_allocvec(&(FORMAT, version, &*self.board.fold())).expect("plain data always serialises");
        let path = path_of(dir, number);
        if let Err(error) = fs::write(&path, bytes) {
            tracing::warn!(%error, path = %path.display(), "today's figures are not kept for a restart");
        }
    }
}

/// What counting must remember between facts.
#[derive(Debug, Default)]
struct Counts {
    segments: HashMap<CallId, SegmentId>,
    queues: HashMap<CallId, QueueId>,
    agents: HashMap<AgentId, (AgentState, Mono)>,
}

impl Counts {
    fn take(&mut self, fact: &Fact, metrics: &Metrics) {
        match &fact.what {
            What::CallArrived { .. } => metrics.calls_arrived.inc(),
            What::CustomerKnown { call, segment, .. } => {
                self.segments.insert(*call, *segment);
            }
            What::QueueEntered { call, queue, .. } => {
                self.queues.insert(*call, *queue);
                metrics.queue_entered.with_label_values(&[queue.as_str()]).inc();
            }
            What::QueueLeft { call, queue, left, wait_ms, .. } => {
                metrics.queue_left.with_label_values(&[queue.as_str(), left.as_str()]).inc();
                let outcome = match left {
                    QueueLeft::Answered(_) => "answered",
                    QueueLeft::Abandoned | QueueLeft::ShortAbandoned => "abandoned",
                    QueueLeft::Overflowed
                    | QueueLeft::TimedOut
                    | QueueLeft::Empty
                    | QueueLeft::CallbackTaken
                    | QueueLeft::Withdrawn
                    | QueueLeft::ExitKey
                    | QueueLeft::Failed => return,
                };
                let segment = self.segments.get(call).map_or("", |s| s.as_str());
                let labels = [queue.as_str(), segment, outcome];
                metrics.queue_wait.with_label_values(&labels).observe(seconds(*wait_ms));
            }
            What::OfferEnded { call, end, .. } => {
                let queue = self.queues.get(call).map_or("", |q| q.as_str());
                metrics.offers_ended.with_label_values(&[queue, end.as_str()]).inc();
            }
            What::CallEnded { call, outcome, .. } => {
                self.segments.remove(call);
                self.queues.remove(call);
                metrics.calls_ended.with_label_values(&[outcome.as_str()]).inc();
            }
            What::AgentChanged { agent, state, call, .. } => self.agent(*agent, *state, *call, fact.at.mono, metrics),
            What::PauseTooLong { reason, .. } => metrics.pauses_too_long.with_label_values(&[reason.as_str()]).inc(),
            What::Task { queue, kind, change, .. } => {
                metrics.tasks.with_label_values(&[queue.as_str(), kind.as_str(), change.as_str()]).inc();
            }
            What::Disposed { disposition, .. } => metrics.dispositions.with_label_values(&[disposition.as_str()]).inc(),
            What::CallbackTaken { queue, how, .. } => {
                metrics.callbacks_taken.with_label_values(&[queue.as_str(), how.as_str()]).inc();
            }
            What::CallingBack { .. } => metrics.callback_attempts.inc(),
            What::CallbackEnded { queue, end, .. } => {
                metrics.callbacks_ended.with_label_values(&[queue.as_str(), end.as_str()]).inc();
            }
            What::AgentServes { .. }
            | What::LeavingByKey { .. }
            | What::CallbacksDue { .. }
            | What::LegBegan { .. }
            | What::WaitingChanged { .. }
            | What::QueueNoted { .. }
            | What::Emergency { .. }
            | What::Configured { .. }
            | What::LegRinging { .. }
            | What::LegAnswered { .. }
            | What::SegmentBegan { .. }
            | What::LegQuality { .. }
            | What::LegSilent { .. }
            | What::LegEnded { .. }
            | What::Offered { .. } => {}
        }
    }

    fn agent(&mut self, agent: AgentId, state: AgentState, call: Option<CallId>, at: Mono, metrics: &Metrics) {
        let before = match state {
            AgentState::LoggedOut => self.agents.remove(&agent),
            _ => self.agents.insert(agent, (state, at)),
        };
        let Some((was, since)) = before else { return };
        let lasted = at.since(since).as_secs_f64();
        let queue = call.and_then(|call| self.queues.get(&call)).map_or("", |q| q.as_str());
        match was {
            AgentState::Talking => metrics.talk.with_label_values(&[queue]).observe(lasted),
            AgentState::Holding => metrics.hold.with_label_values(&[queue]).observe(lasted),
            AgentState::WrapUp => metrics.wrap_up.observe(lasted),
            AgentState::LoggedOut
            | AgentState::Ready
            | AgentState::Offered
            | AgentState::Ringing
            | AgentState::Consulting
            | AgentState::Paused(_)
            | AgentState::Outbound
            | AgentState::Task => {}
        }
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}
