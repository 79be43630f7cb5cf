//! Stays in queues, one by one: what figures are made of, and what a figure drills down to.

use serde::{Deserialize, Serialize};
use turno_base::fact::{OfferEnd, QueueLeft};
use turno_base::{AgentId, CallId, Name, Wall};

use super::formula::Figure;
use super::tally::{Key, Left, Tally};

/// Ends of offers that an entry keeps; later ones are counted in the tally alone.
pub(super) const MISSED_MAX: usize = 50;

/// One stay in one queue, as far as it has come: what a figure drills down to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The call.
    pub call: CallId,
    /// Which of the call's stays, from 1.
    pub n: u32,
    /// Where it is counted.
    pub key: Key,
    /// When it entered.
    pub entered: Wall,
    /// How it ended; none: it waits.
    pub left: Option<QueueLeft>,
    /// Entered → left, ms, ring time included.
    pub wait_ms: u64,
    /// Of it, an agent was being rung, ms.
    pub ring_ms: u64,
    /// It ended within the threshold.
    pub in_time: bool,
    /// Value as it entered, per mille.
    pub value_pm: u32,
    /// Offers that were not taken, by how they ended.
    pub missed: Vec<OfferEnd>,
    /// Who answered.
    pub agent: Option<AgentId>,
    /// Agents who talked.
    pub handled: u32,
    /// Talk of all of them, ms.
    pub talk_ms: u64,
    /// Hold and consultation, ms.
    pub hold_ms: u64,
    /// Wrap-up, ms.
    pub wrap_up_ms: u64,
    /// What talk, hold and wrap-up cost: units an hour · µs.
    pub agent_cost: u128,
    /// What came of the call, if the last word on it is that of an agent who had it here.
    pub disposition: Option<Name>,
    /// An agent answered, and is to say what came of it.
    pub disposition_due: bool,
    /// One has said it, whatever was said of the call since.
    pub disposition_said: bool,
    /// Within the law's limit of first entering a queue; none: no agent answered, or it is not the first answer.
    pub law_from_queue: Option<bool>,
    /// Within the law's limit of the first INVITE.
    pub law_from_arrival: Option<bool>,
}

impl Entry {
    /// What this stay adds to the counts of its key. Prices and what a call that entered several queues adds to the first of them
    /// are not in it.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        if let Some(how) = self.left {
            let Entry { wait_ms, ring_ms, value_pm, in_time, .. } = *self;
            tally.left(Left { how, wait_ms, ring_ms, value_pm, in_time });
        }
        for end in &self.missed {
            tally.counts.offered.on_end(*end);
        }
        let is_answered = self.agent.is_some();
        if is_answered {
            tally.counts.offered.on_end(OfferEnd::Accepted);
        }
        if self.handled > 0 {
            tally.talk.add(self.talk_ms);
            tally.hold.add(self.hold_ms);
            tally.wrap_up.add(self.wrap_up_ms);
        }
        tally.agent_cost = self.agent_cost;
        let c = &mut tally.counts;
        c.entered = 1;
        c.handled = u64::from(self.handled);
        c.completed = u64::from(is_answered && self.talk_ms + self.hold_ms > 0);
        c.calls = u64::from(self.n == 1);
        c.calls_queued = u64::from(self.n == 1);
        c.calls_answered = u64::from(self.law_from_queue.is_some());
        c.calls_short = u64::from(self.n == 1 && self.left == Some(QueueLeft::ShortAbandoned));
        c.law_from_queue = u64::from(self.law_from_queue == Some(true));
        c.law_from_arrival = u64::from(self.law_from_arrival == Some(true));
        c.disposed = u64::from(self.disposition.is_some());
        c.disposition_due = u64::from(self.disposition_due);
        c.disposition_said = u64::from(self.disposition_said);
        tally
    }

    /// Whether a figure counts this stay: in its numerator (true), in its denominator alone (false), or not at all (none).
    pub fn is_behind(&self, figure: &Figure) -> Option<bool> {
        (figure.of)(&self.tally()).is_counted()
    }
}
