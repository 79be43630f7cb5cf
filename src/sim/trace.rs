//! A day as a journal tells it: who called when, for what, how long he would wait; what agents did. The recorder folds the
//! event line and the entries of the ACD; the trace is what [`crate::whatif`] plays again.
//!
//! What a journal cannot tell is drawn: how much longer somebody who was answered would have waited (the likeliest exponential
//! of his segment, given that he waited so long), and how long a call that was given up would have lasted (as one of its queue
//! that was not).

mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use turno_acd::{AcdConfig, AgentRow, Entry, Kind};
use turno_base::fact::{AgentState, OfferEnd, QueueLeft, What};
use turno_base::{AgentId, CallId, Fact, Mono, Now, Wall};

pub use told::{LeftOut, Trace};

/// Most stays in queues that one trace holds; later ones are left out and counted.
pub const STAYS_MAX: usize = 1_000_000;

/// Why there is nothing to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceError {
    /// No call came into a queue and left it.
    NoCalls,
    /// No agent was there.
    NoAgents,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TraceError::NoCalls => "no call came into a queue and left it again",
            TraceError::NoAgents => "no configured agent was logged in",
        })
    }
}

impl std::error::Error for TraceError {}

/// One stay in a queue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stay {
    pub(crate) entry: Entry,
    pub(crate) at: Mono,
    pub(crate) left: Option<(Mono, QueueLeft)>,
    /// How long the offer rang that was accepted, or that the caller did not wait for.
    pub(crate) rings: Option<u64>,
    /// Of the agent who answered; filled in when his work for it ends.
    pub(crate) talk: Option<u64>,
    pub(crate) wrap_up: Option<u64>,
}

/// What an agent was seen in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Mono,
    pub(crate) state: AgentState,
    pub(crate) call: Option<CallId>,
}

/// Collects a stretch of a journal without gaps.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    from: Option<Now>,
    until: Option<Now>,
    stays: Vec<Stay>,
    /// The present or last stay of a call.
    stay_of: BTreeMap<CallId, usize>,
    called_back: BTreeSet<CallId>,
    /// When an offer that is open was made, by call and agent.
    offered: BTreeMap<(CallId, AgentId), Mono>,
    /// When agents let it ring.
    deaf: BTreeMap<AgentId, Vec<(Mono, Mono)>>,
    agents: BTreeMap<AgentId, Vec<Seen>>,
    left_out: LeftOut,
}

impl Recorder {
    /// The stretch begins with agents who stand like this.
    pub fn begin(&mut self, now: Now, agents: &[AgentRow]) {
        self.from = Some(now);
        self.until = Some(now);
        for row in agents {
            self.agents.entry(row.agent).or_default().push(Seen {
                at: now.mono,
                state: row.state,
                call: row.item.map(|item| item.0),
            });
        }
    }

    /// Time has passed.
    pub fn until(&mut self, now: Now) {
        self.until = Some(now);
    }

    /// Something happened. `entry` tells as whom a call waits at the end of the turn.
    pub fn on_fact(&mut self, fact: &Fact, entry: impl FnOnce(CallId) -> Option<Entry>) {
        let at = fact.at.mono;
        match &fact.what {
            What::QueueEntered { call, .. } => self.entered(*call, at, entry(*call)),
            What::QueueLeft { call, left, .. } => {
                if let Some(stay) = self.open(*call) {
                    stay.left = Some((at, *left));
                }
            }
            What::Offered { call, agent, .. } => {
                self.offered.insert((*call, *agent), at);
            }
            What::OfferEnded { call, agent, end, .. } => self.offer_ended(*call, *agent, *end, at),
            What::CallingBack { call, .. } => {
                self.called_back.insert(*call);
            }
            What::AgentChanged { agent, state, call, .. } => {
                self.agents.entry(*agent).or_default().push(Seen { at, state: *state, call: *call });
            }
            What::CallEnded { call, .. } => {
                self.stay_of.remove(call);
                self.called_back.remove(call);
            }
            What::CallArrived { .. }
            | What::CustomerKnown { .. }
            | What::LegBegan { .. }
            | What::LegRinging { .. }
            | What::LegAnswered { .. }
            | What::SegmentBegan { .. }
            | What::LegQuality { .. }
            | What::LegSilent { .. }
            | What::LegDialog { .. }
            | What::LegEnded { .. }
            | What::CallbackTaken { .. }
            | What::LeavingByKey { .. }
            | What::CallbackEnded { .. }
            | What::CallbacksDue { .. }
            | What::WaitingChanged { .. }
            | What::AgentServes { .. }
            | What::PauseTooLong { .. }
            | What::Task { .. }
            | What::Disposed { .. }
            | What::QueueNoted { .. }
            | What::Emergency { .. }
            | What::Configured { .. } => {}
        }
    }

    fn entered(&mut self, call: CallId, at: Mono, entry: Option<Entry>) {
        self.stay_of.remove(&call);
        match entry {
            Some(entry) if entry.kind == Kind::Call && !self.called_back.contains(&call) => {
                if self.stays.len() >= STAYS_MAX {
                    self.left_out.too_many += 1;
                    return;
                }
                self.stay_of.insert(call, self.stays.len());
                self.stays.push(Stay { entry, at, left: None, rings: None, talk: None, wrap_up: None });
            }
            Some(_) => self.left_out.callbacks += 1,
            // It left in the turn in which it came.
            None => self.left_out.at_once += 1,
        }
    }

    /// The stay of a call that has not ended.
    fn open(&mut self, call: CallId) -> Option<&mut Stay> {
        let at = *self.stay_of.get(&call)?;
        Some(&mut self.stays[at]).filter(|stay| stay.left.is_none())
    }

    fn offer_ended(&mut self, call: CallId, agent: AgentId, end: OfferEnd, at: Mono) {
        let Some(since) = self.offered.remove(&(call, agent)) else { return };
        match end {
            OfferEnd::Accepted | OfferEnd::CallerLeft => {
                if let Some(&stay) = self.stay_of.get(&call) {
                    self.stays[stay].rings = Some(at.0 - since.0);
                }
            }
            OfferEnd::Declined | OfferEnd::RingNoAnswer | OfferEnd::Busy | OfferEnd::Unreachable => {
                self.deaf.entry(agent).or_default().push((since, at));
            }
            OfferEnd::LostRace => {}
        }
    }

    /// When the stretch began, by the wall.
    pub fn began(&self) -> Option<Wall> {
        self.from.map(|now| now.wall)
    }

    /// The trace, as far as this configuration knows its queues, segments and agents.
    pub fn finish(self, config: &AcdConfig) -> Result<Trace, TraceError> {
        Trace::of(self, config)
    }
}
