//! How offers ended: counted alike of queues and of agents.

use serde::{Deserialize, Serialize};
use turno_base::fact::OfferEnd;

use super::formula::Value;

/// Offers, and how each ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Offers to agents.
    pub offers: u64,
    /// Taken.
    pub accepted: u64,
    /// Refused by the agent.
    pub declined: u64,
    /// Rung out.
    pub ring_no_answer: u64,
    /// To a busy line.
    pub busy: u64,
    /// To a station that was not there.
    pub unreachable: u64,
    /// Ended because the caller left.
    pub caller_left: u64,
    /// Taken away by another agent or a rule.
    pub lost_race: u64,
}

impl Offered {
    pub(super) fn on_end(&mut self, end: OfferEnd) {
        let count = match end {
            OfferEnd::Accepted => &mut self.accepted,
            OfferEnd::Declined => &mut self.declined,
            OfferEnd::RingNoAnswer => &mut self.ring_no_answer,
            OfferEnd::Busy => &mut self.busy,
            OfferEnd::Unreachable => &mut self.unreachable,
            OfferEnd::CallerLeft => &mut self.caller_left,
            OfferEnd::LostRace => &mut self.lost_race,
        };
        *count += 1;
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Offered) {
        let Offered { offers, accepted, declined, ring_no_answer, busy, unreachable, caller_left, lost_race } = other;
        self.offers += offers;
        self.accepted += accepted;
        self.declined += declined;
        self.ring_no_answer += ring_no_answer;
        self.busy += busy;
        self.unreachable += unreachable;
        self.caller_left += caller_left;
        self.lost_race += lost_race;
    }

    /// Each with its name, in a fixed order.
    pub fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("offers", self.offers),
            ("accepted", self.accepted),
            ("declined", self.declined),
            ("ring_no_answer", self.ring_no_answer),
            ("busy", self.busy),
            ("unreachable", self.unreachable),
            ("caller_left", self.caller_left),
            ("lost_race", self.lost_race),
        ]
    }

    /// Offers that ended, however.
    pub fn ended(&self) -> u64 {
        self.accepted + self.not_taken()
    }

    /// Ended otherwise than taken.
    pub fn not_taken(&self) -> u64 {
        self.not_taken_by_agent() + self.unreachable + self.caller_left + self.lost_race
    }

    /// Of those, where it was the agent's doing.
    pub fn not_taken_by_agent(&self) -> u64 {
        self.declined + self.ring_no_answer + self.busy
    }

    /// So many of the offers that ended.
    pub(super) fn share(&self, count: u64) -> Value {
        Value::Share(count.into(), self.ended().into())
    }
}
