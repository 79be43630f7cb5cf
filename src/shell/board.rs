//! The event line outside the engine: counts facts for Prometheus, keeps what dashboards show, and passes facts on to
//! whoever listens.
//!
//! Runs on a thread of its own behind a bounded channel; a listener that falls behind misses facts, is told so by its
//! receiver, and begins again from [`Board::view`].

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::broadcast;
use turno_base::fact::{AgentState, QueueLeft, What};
use turno_base::{AgentId, CallId, Fact, Mono, QueueId, Redacted, SegmentId};

use crate::shell::metrics::Metrics;

/// Facts that wait for the board; more are dropped and counted.
const FACTS_MAX: usize = 65_536;
/// Facts that one listener may be behind.
const LISTENER_FACTS_MAX: usize = 4096;

/// A fact with its number in this process, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// From 1.
    pub seq: u64,
    /// What.
    pub fact: Fact,
}

/// The engine thread's end.
#[derive(Clone, Debug)]
pub struct FactLine {
    facts: Sender<Fact>,
    metrics: Arc<Metrics>,
}

impl FactLine {
    /// Passes a fact on; never waits.
    pub fn tell(&self, fact: Fact) {
        if let Err(TrySendError::Full(_)) = self.facts.try_send(fact) {
            self.metrics.facts_dropped.inc();
        }
    }
}

/// What dashboards read.
#[derive(Debug)]
pub struct Board {
    feed: broadcast::Sender<Arc<Numbered>>,
    fold: Mutex<Fold>,
}

/// What is remembered between facts.
#[derive(Debug, Default)]
struct Fold {
    seq: u64,
    segments: HashMap<CallId, SegmentId>,
    queues: HashMap<CallId, QueueId>,
    agents: HashMap<AgentId, (AgentState, Mono)>,
}

impl Board {
    /// Starts the board's thread; it ends when the last [`FactLine`] is gone.
    pub fn start(metrics: Arc<Metrics>) -> io::Result<(Arc<Board>, FactLine)> {
        let (facts, incoming) = bounded(FACTS_MAX);
        let board = Arc::new(Board { feed: broadcast::Sender::new(LISTENER_FACTS_MAX), fold: Mutex::default() });
        let (folding, counting) = (board.clone(), metrics.clone());
        std::thread::Builder::new().name("board".into()).spawn(move || folding.run(&incoming, &counting))?;
        Ok((board, FactLine { facts, metrics }))
    }

    /// From now on every fact; a receiver that lags is told how many it missed.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Numbered>> {
        self.feed.subscribe()
    }

    fn run(&self, incoming: &Receiver<Fact>, metrics: &Metrics) {
        for fact in incoming {
            log_life(&fact);
            let seq = {
                let mut fold = self.fold.lock().unwrap_or_else(PoisonError::into_inner);
                fold.take(&fact, metrics);
                fold.seq
            };
            // Nobody listening is fine.
            let _ = self.feed.send(Arc::new(Numbered { seq, fact }));
        }
    }
}

/// Life events of calls and agents, for the log: who reads it at night follows one call by its id.
fn log_life(fact: &Fact) {
    match &fact.what {
        What::CallArrived { call, ani, dnis, trunk } => {
            let trunk = trunk.map(|t| t.to_string()).unwrap_or_default();
            tracing::info!(%call, from = %Redacted(&ani.raw), to = %Redacted(&dnis.raw), trunk, "call arrived");
        }
        What::LegBegan { call, leg, sip_call_id, .. } => tracing::debug!(%call, %leg, sip_call_id, "leg began"),
        What::LegEnded { call, leg, cause, .. } => {
            tracing::debug!(%call, %leg, sip = cause.sip, reason = cause.reason.as_str(), "leg ended");
        }
        What::QueueEntered { call, queue, position } => tracing::info!(%call, %queue, position, "call waits"),
        What::QueueLeft { call, queue, left, wait_ms, .. } => {
            tracing::info!(%call, %queue, outcome = left.as_str(), wait_ms, "call left its queue");
        }
        What::OfferEnded { call, agent, end, ring_ms, .. } => {
            tracing::debug!(%call, %agent, outcome = end.as_str(), ring_ms, "offer ended");
        }
        What::CallEnded { call, outcome, .. } => tracing::info!(%call, outcome = outcome.as_str(), "call ended"),
        What::AgentChanged { agent, state, station, .. } => match state {
            AgentState::LoggedOut => tracing::info!(%agent, "agent logged out"),
            AgentState::Ready | AgentState::Paused(_) => {
                let station = station.map(|s| s.to_string()).unwrap_or_default();
                tracing::info!(%agent, state = state.as_str(), station, "agent changed");
            }
            AgentState::Offered
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::Holding
            | AgentState::Consulting
            | AgentState::WrapUp
            | AgentState::Outbound => tracing::debug!(%agent, state = state.as_str(), "agent changed"),
        },
        What::CustomerKnown { .. }
        | What::LegRinging { .. }
        | What::LegAnswered { .. }
        | What::SegmentBegan { .. }
        | What::LegQuality { .. }
        | What::Offered { .. } => {}
    }
}

impl Fold {
    fn take(&mut self, fact: &Fact, metrics: &Metrics) {
        self.seq += 1;
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
                    | QueueLeft::Withdrawn
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
            What::LegBegan { .. }
            | What::LegRinging { .. }
            | What::LegAnswered { .. }
            | What::SegmentBegan { .. }
            | What::LegQuality { .. }
            | What::LegEnded { .. }
            | What::Offered { .. } => {}
        }
    }

    fn agent(&mut self, agent: AgentId, state: AgentState, call: Option<CallId>, at: Mono, metrics: &Metrics) {
        metrics.agents.with_label_values(&[state.as_str()]).inc();
        let before = match state {
            AgentState::LoggedOut => self.agents.remove(&agent),
            _ => self.agents.insert(agent, (state, at)),
        };
        let Some((was, since)) = before else { return };
        metrics.agents.with_label_values(&[was.as_str()]).dec();
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
            | AgentState::Outbound => {}
        }
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}
