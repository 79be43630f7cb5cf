//! What the death of a process ended: when that was, and for how long it lasted.

use turno_base::fact::{Fact, What};
use turno_base::{CallId, Now};

use super::Builder;

impl Builder {
    /// A fact told `now`, while what the process that `died` then had is ended: of then, if it is about a call that it had, which
    /// lasted no longer, in whatever it was; any other of now.
    pub fn dated(&self, what: What, died: Option<Now>, now: Now) -> Fact {
        let Some(died) = died.filter(|died| died.mono <= now.mono) else { return Fact { at: now, what } };
        let had = |call: CallId| self.arrived(call).is_some_and(|arrived| arrived.mono <= died.mono);
        // Rounded up: no part lasts longer than its call.
        let away_ms = u64::try_from(now.mono.since(died.mono).as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let (is_of_then, what) = match what {
            What::AgentChanged { call, .. } => (call.is_none_or(had), what),
            What::QueueLeft { call, queue, left, position, wait_ms } if had(call) => {
                (true, What::QueueLeft { call, queue, left, position, wait_ms: wait_ms.saturating_sub(away_ms) })
            }
            What::OfferEnded { call, agent, epoch, end, ring_ms } if had(call) => {
                (true, What::OfferEnded { call, agent, epoch, end, ring_ms: ring_ms.saturating_sub(away_ms) })
            }
            other => (other.call().is_some_and(had), other),
        };
        Fact { at: if is_of_then { died } else { now }, what }
    }
}
