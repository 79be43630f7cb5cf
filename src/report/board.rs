//! The live board: a fold over facts, and a view of it at any instant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{AgentState, Fact, OfferEnd, QueueLeft, What};
use turno_base::{AgentId, CallId, Mono, Now, QueueId, SegmentId};

use crate::figures::{Figures, per_mille};
use crate::view::{AgentRow, BoardView, Longest, QueueRow, SegmentRow, Totals};

/// Calls remembered at once; beyond it the oldest is forgotten, whose figures then lack their segment.
pub const CALLS_MAX: usize = 200_000;
/// Minutes of the line that shows how many waited.
const MINUTES: usize = 60;
const MINUTE_US: u64 = 60_000_000;

/// What the board must know of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Queues; others that facts name are shown by their name, with a threshold of 20 s.
    pub queues: BTreeMap<QueueId, QueueTerms>,
    /// Shown names of agents.
    pub agents: BTreeMap<AgentId, String>,
}

/// What the board must know of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueTerms {
    /// Shown name.
    pub shown: String,
    /// Service-level threshold.
    pub threshold: Duration,
    /// Service-level target, percent.
    pub target_pct: u8,
    /// Who serves it.
    pub agents: Vec<AgentId>,
}

impl QueueTerms {
    fn unknown(queue: QueueId) -> QueueTerms {
        let (shown, threshold) = (queue.to_string(), Duration::from_secs(20));
        QueueTerms { shown, threshold, target_pct: 80, agents: Vec::new() }
    }
}

/// Everything dashboards show, folded from facts. A restart that folds the facts of the day again shows the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    terms: Terms,
    queues: BTreeMap<QueueId, QueueBoard>,
    segments: BTreeMap<SegmentId, Figures>,
    agents: BTreeMap<AgentId, AgentBoard>,
    /// Queues that agents serve for the length of a shift, or do not, whatever they are configured for.
    served: BTreeMap<AgentId, BTreeMap<QueueId, bool>>,
    calls: BTreeMap<CallId, CallBoard>,
    waiting: u32,
    waiting_peak: u32,
    minutes: Minutes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct QueueBoard {
    today: Figures,
    /// By entered-at, so that the oldest comes first.
    waiting: BTreeSet<(Mono, CallId)>,
    /// Callbacks still to be made.
    callbacks: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct CallBoard {
    segment: Option<SegmentId>,
    /// The last queue it entered.
    queue: Option<QueueId>,
    /// Since when it waits there.
    since: Option<Mono>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AgentBoard {
    state: AgentState,
    since: Mono,
    call: Option<CallId>,
    work: Work,
}

/// The conversation that an agent has or works up: where its times are counted when they are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Work {
    queue: Option<QueueId>,
    segment: Option<SegmentId>,
    talk_us: u64,
    hold_us: u64,
}

/// Most that waited, minute by minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Minutes {
    /// The minute of the last entry.
    now: u64,
    most: VecDeque<u32>,
}

impl Minutes {
    /// Moves on to the minute of `at`, in which `waiting` calls wait from the beginning.
    fn move_to(&mut self, at: Mono, waiting: u32) {
        let minute = at.0 / MINUTE_US;
        if self.most.is_empty() {
            self.now = minute;
            self.most.push_back(waiting);
        }
        let passed = minute.saturating_sub(self.now).min(MINUTES as u64);
        for _ in 0..passed {
            self.most.push_back(waiting);
        }
        self.now = self.now.max(minute);
        let excess = self.most.len().saturating_sub(MINUTES);
        self.most.drain(..excess);
    }

    fn see(&mut self, waiting: u32) {
        if let Some(last) = self.most.back_mut() {
            *last = waiting.max(*last);
        }
    }
}

impl Board {
    /// An empty board.
    pub fn new(terms: Terms) -> Board {
        Board { terms, ..Board::default() }
    }

    /// The configuration changed; counts stay.
    pub fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// A new day begins (local midnight, which the caller knows): counts start from zero, who waits keeps waiting.
    pub fn begin_day(&mut self) {
        for queue in self.queues.values_mut() {
            queue.today = Figures::default();
        }
        self.segments.clear();
        self.waiting_peak = self.waiting;
    }

    /// Takes one fact.
    pub fn on_fact(&mut self, fact: &Fact) {
        let at = fact.at.mono;
        self.minutes.move_to(at, self.waiting);
        match &fact.what {
            What::CustomerKnown { call, segment, .. } => self.call(*call).segment = Some(*segment),
            What::QueueEntered { call, queue, .. } => self.entered(*call, *queue, at),
            What::QueueLeft { call, queue, left, wait_ms, .. } => self.left(*call, *queue, *left, *wait_ms),
            What::Offered { call, queue, .. } => {
                self.count(Some(*queue), self.segment_of(*call), |figures| figures.offered += 1);
            }
            What::OfferEnded { call, end, .. } => self.offer_ended(*call, *end),
            What::CallEnded { call, .. } => {
                self.stop_waiting(*call);
                self.calls.remove(call);
            }
            What::AgentChanged { agent, state, call, .. } => self.agent(*agent, *state, *call, at),
            What::CallbacksDue { queue, due } => self.queues.entry(*queue).or_default().callbacks = *due,
            What::AgentServes { agent, queue, rank } => {
                self.served.entry(*agent).or_default().insert(*queue, rank.is_some());
            }
            What::CallArrived { .. }
            | What::PauseTooLong { .. }
            | What::Disposed { .. }
            | What::Task { .. }
            | What::CallbackTaken { .. }
            | What::LeavingByKey { .. }
            | What::CallingBack { .. }
            | What::CallbackEnded { .. }
            | What::WaitingChanged { .. }
            | What::QueueNoted { .. }
            | What::Emergency { .. }
            | What::Configured { .. }
            | What::LegBegan { .. }
            | What::LegRinging { .. }
            | What::LegAnswered { .. }
            | What::SegmentBegan { .. }
            | What::LegQuality { .. }
            | What::LegSilent { .. }
            | What::LegDialog { .. }
            | What::LegEnded { .. } => {}
        }
    }

    fn call(&mut self, call: CallId) -> &mut CallBoard {
        if !self.calls.contains_key(&call) && self.calls.len() >= CALLS_MAX {
            // Ids ascend with time: the first is the oldest.
            if let Some((&oldest, _)) = self.calls.first_key_value() {
                self.stop_waiting(oldest);
                self.calls.remove(&oldest);
            }
        }
        self.calls.entry(call).or_default()
    }

    fn segment_of(&self, call: CallId) -> Option<SegmentId> {
        self.calls.get(&call).and_then(|call| call.segment)
    }

    /// Counts in today's figures of the queue and of the segment.
    fn count(&mut self, queue: Option<QueueId>, segment: Option<SegmentId>, count: impl Fn(&mut Figures)) {
        if let Some(queue) = queue {
            count(&mut self.queues.entry(queue).or_default().today);
        }
        if let Some(segment) = segment {
            count(self.segments.entry(segment).or_default());
        }
    }

    fn entered(&mut self, call: CallId, queue: QueueId, at: Mono) {
        self.stop_waiting(call);
        let seen = self.call(call);
        seen.queue = Some(queue);
        seen.since = Some(at);
        let segment = seen.segment;
        self.queues.entry(queue).or_default().waiting.insert((at, call));
        self.waiting += 1;
        self.waiting_peak = self.waiting_peak.max(self.waiting);
        self.minutes.see(self.waiting);
        self.count(Some(queue), segment, |figures| figures.entered += 1);
    }

    fn left(&mut self, call: CallId, queue: QueueId, left: QueueLeft, wait_ms: u64) {
        self.stop_waiting(call);
        let threshold = self.terms.queues.get(&queue).map_or(Duration::from_secs(20), |terms| terms.threshold);
        let threshold_ms = u64::try_from(threshold.as_millis()).unwrap_or(u64::MAX);
        self.count(Some(queue), self.segment_of(call), |figures| figures.left(left, wait_ms, threshold_ms));
    }

    fn offer_ended(&mut self, call: CallId, end: OfferEnd) {
        let queue = self.calls.get(&call).and_then(|call| call.queue);
        self.count(queue, self.segment_of(call), |figures| figures.offer_ended(end));
    }

    fn stop_waiting(&mut self, call: CallId) {
        let Some(seen) = self.calls.get_mut(&call) else { return };
        let (Some(queue), Some(since)) = (seen.queue, seen.since.take()) else { return };
        if let Some(queue) = self.queues.get_mut(&queue)
            && queue.waiting.remove(&(since, call))
        {
            self.waiting -= 1;
        }
    }

    fn agent(&mut self, agent: AgentId, state: AgentState, call: Option<CallId>, at: Mono) {
        let before = self.agents.get(&agent).copied();
        let mut work = before.map_or(Work::default(), |before| before.work);
        if let Some(before) = before {
            let lasted_us = at.0.saturating_sub(before.since.0);
            match before.state {
                AgentState::Talking => work.talk_us += lasted_us,
                AgentState::Holding | AgentState::Consulting => work.hold_us += lasted_us,
                AgentState::WrapUp => {
                    self.count(work.queue, work.segment, |figures| figures.wrap_up.add(lasted_us / 1000));
                }
                AgentState::LoggedOut
                | AgentState::Ready
                | AgentState::Offered
                | AgentState::Ringing
                | AgentState::Paused(_)
                | AgentState::Outbound
                | AgentState::Task => {}
            }
            if in_conversation(before.state) && !in_conversation(state) {
                self.count(work.queue, work.segment, |figures| {
                    figures.talk.add(work.talk_us / 1000);
                    if work.hold_us > 0 {
                        figures.hold.add(work.hold_us / 1000);
                    }
                });
            }
        }
        if in_conversation(state) && !before.is_some_and(|before| in_conversation(before.state)) {
            let seen = call.and_then(|call| self.calls.get(&call)).copied().unwrap_or_default();
            work = Work { queue: seen.queue, segment: seen.segment, ..Work::default() };
        }
        if state == AgentState::LoggedOut {
            self.agents.remove(&agent);
            self.served.remove(&agent);
        } else {
            self.agents.insert(agent, AgentBoard { state, since: at, call, work });
        }
    }

    /// What the board shows at `now`.
    pub fn snapshot(&self, now: Now) -> BoardView {
        let mut minutes = self.minutes.clone();
        minutes.move_to(now.mono, self.waiting);
        let mut all = Figures::default();
        self.queues.values().for_each(|queue| all.merge(&queue.today));
        let mut states: BTreeMap<&'static str, u32> = BTreeMap::new();
        for agent in self.agents.values() {
            *states.entry(agent.state.as_str()).or_default() += 1;
        }
        // A queue that only the configuration knows is shown too, with nothing in it.
        let names: BTreeSet<QueueId> = self.queues.keys().chain(self.terms.queues.keys()).copied().collect();
        BoardView {
            at: now.wall,
            waiting: self.waiting,
            callbacks: self.queues.values().map(|queue| queue.callbacks).sum(),
            waiting_peak: self.waiting_peak,
            waiting_minutes: minutes.most.into(),
            longest: self.longest(now),
            level: all.service_level(),
            level_pm: per_mille(all.service_level()),
            logged_in: self.agents.len() as u32,
            states: states.into_iter().map(|(state, count)| (state.to_owned(), count)).collect(),
            queues: names.into_iter().map(|queue| self.queue_row(queue, now)).collect(),
            agents: self.agents.iter().map(|(agent, board)| self.agent_row(*agent, board, now)).collect(),
            segments: self.segments.iter().map(|(segment, figures)| segment_row(*segment, figures)).collect(),
            totals: totals(&all),
        }
    }

    /// Today's figures of a queue, with their histograms.
    pub fn figures(&self, queue: QueueId) -> Option<&Figures> {
        self.queues.get(&queue).map(|queue| &queue.today)
    }

    fn longest(&self, now: Now) -> Option<Longest> {
        let oldest = self.queues.iter().filter_map(|(queue, board)| board.waiting.first().map(|first| (first, *queue)));
        let (&(since, call), queue) = oldest.min()?;
        Some(Longest { call, queue, wait_ms: ms(now.mono.since(since)) })
    }

    fn queue_row(&self, queue: QueueId, now: Now) -> QueueRow {
        let empty = QueueBoard::default();
        let board = self.queues.get(&queue).unwrap_or(&empty);
        let unknown = QueueTerms::unknown(queue);
        let terms = self.terms.queues.get(&queue).unwrap_or(&unknown);
        let changed = |agent: &AgentId| self.served.get(agent).and_then(|served| served.get(&queue)).copied();
        let configured = || terms.agents.iter().filter(|agent| changed(agent) != Some(false));
        let joined = || {
            let all = self.served.keys().filter(|agent| changed(agent) == Some(true));
            all.filter(|agent| !terms.agents.contains(agent))
        };
        let logged_in = || configured().chain(joined()).filter_map(|agent| self.agents.get(agent));
        QueueRow {
            queue,
            shown: terms.shown.clone(),
            waiting: board.waiting.len() as u32,
            callbacks: board.callbacks,
            longest_ms: board.waiting.first().map(|(since, _)| ms(now.mono.since(*since))),
            threshold_s: u32::try_from(terms.threshold.as_secs()).unwrap_or(u32::MAX),
            target_pct: terms.target_pct,
            level: board.today.service_level(),
            level_pm: per_mille(board.today.service_level()),
            abandoned_pm: per_mille(board.today.abandonment()),
            totals: totals(&board.today),
            ready: logged_in().filter(|agent| agent.state == AgentState::Ready).count() as u32,
            logged_in: logged_in().count() as u32,
        }
    }

    fn agent_row(&self, agent: AgentId, board: &AgentBoard, now: Now) -> AgentRow {
        AgentRow {
            agent,
            shown: self.terms.agents.get(&agent).cloned().unwrap_or_else(|| agent.to_string()),
            state: board.state.as_str().to_owned(),
            reason: board.state.reason(),
            since_ms: ms(now.mono.since(board.since)),
            call: board.call,
        }
    }
}

fn in_conversation(state: AgentState) -> bool {
    matches!(state, AgentState::Talking | AgentState::Holding | AgentState::Consulting)
}

fn segment_row(segment: SegmentId, figures: &Figures) -> SegmentRow {
    SegmentRow {
        segment,
        level: figures.service_level(),
        level_pm: per_mille(figures.service_level()),
        abandoned_pm: per_mille(figures.abandonment()),
        totals: totals(figures),
    }
}

fn totals(figures: &Figures) -> Totals {
    Totals {
        entered: figures.entered,
        answered: figures.answered,
        abandoned: figures.abandoned,
        short_abandoned: figures.short_abandoned,
        flowed: figures.flowed(),
        wait_mean_ms: figures.wait_answered.mean_ms(),
        talk_mean_ms: figures.talk.mean_ms(),
        handle_mean_ms: figures.handle_mean_ms(),
    }
}

fn ms(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
