//! Calls that ended a while ago: of whom hardly anything is said any more need not be in memory while it may be.
//!
//! Whoever keeps beside [`Fold::head`] what [`Fold::take_touched`] told has every call; such a keeper lets the fold sleep and gives
//! a call back before the next fact or price about it. Without one nothing ever sleeps.

use std::collections::BTreeSet;

use turno_base::fact::What;
use turno_base::{CallId, Mono};

use super::{Call, Fold};

impl Fold {
    /// Lets go of calls that an agent had and that ended [`super::KEPT_ALONE`] before `now`, but for those that an agent still works
    /// on or of which something is left to be told.
    pub fn sleep(&mut self, now: Mono) {
        let worked_on: BTreeSet<CallId> =
            self.agents.values().filter_map(|agent| agent.work.map(|work| work.call)).collect();
        let mut stay = Vec::new();
        while let Some(&(at, id)) = self.awake.first().filter(|(at, _)| *at <= now) {
            self.awake.pop_first();
            if worked_on.contains(&id) || self.touched.contains(&id) {
                stay.push((at, id));
            } else if self.calls.remove(&id).is_some() {
                self.asleep.insert(id);
            }
        }
        self.awake.extend(stay);
    }

    /// The call that a fact is about, if it sleeps: it must be woken first.
    pub fn sleeper_of(&self, what: &What) -> Option<CallId> {
        let call = match what {
            What::CallArrived { call, .. }
            | What::CustomerKnown { call, .. }
            | What::QueueEntered { call, .. }
            | What::QueueLeft { call, .. }
            | What::Offered { call, .. }
            | What::OfferEnded { call, .. }
            | What::CallEnded { call, .. }
            | What::Disposed { call, .. } => *call,
            What::AgentChanged { call, .. } => (*call)?,
            What::AgentServes { .. }
            | What::CallbackEnded { .. }
            | What::PauseTooLong { .. }
            | What::Task { .. }
            | What::CallbackTaken { .. }
            | What::CallingBack { .. }
            | What::CallbacksDue { .. }
            | What::WaitingChanged { .. }
            | What::LeavingByKey { .. }
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
            | What::LegEnded { .. } => return None,
        };
        self.is_asleep(call).then_some(call)
    }

    /// Whether a call sleeps: it must be woken before its price is taken.
    pub fn is_asleep(&self, call: CallId) -> bool {
        self.asleep.contains(&call)
    }

    /// Gives a call back that sleeps, as it was told last.
    pub fn wake(&mut self, id: CallId, call: Call) {
        if self.asleep.remove(&id) {
            self.awake.extend(call.sleeps_at().map(|at| (at, id)));
            self.calls.insert(id, Box::new(call));
        }
    }

    /// Calls in memory.
    pub fn awake(&self) -> usize {
        self.calls.len()
    }
}
