//! What is counted of one quarter, queue, segment and number type: it merges, and nothing in it is a mean or a percentage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turno_base::fact::{CallbackEnd, QueueLeft};
use turno_base::{Currency, Money, Name, QueueId, SegmentId};

use super::offered::Offered;
use super::quarter::Quarter;
use crate::histogram::{Histogram, Scale};

/// Where a count belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// When the entry entered, or a call without one arrived.
    pub quarter: Quarter,
    /// Which queue; none: the call entered none.
    pub queue: Option<QueueId>,
    /// Segment as of the call.
    pub segment: Option<SegmentId>,
    /// Type of the number that was dialled.
    pub number_type: Option<Name>,
}

macro_rules! counts {
    ($($(#[$doc:meta])+ $name:ident,)* offered, $($(#[$doc_after:meta])+ $after:ident,)*) => {
        /// Plain counts.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Counts {
            $($(#[$doc])+ pub $name: u64,)*
            /// Offers to agents.
            pub offered: Offered,
            $($(#[$doc_after])+ pub $after: u64,)*
        }

        impl Counts {
            /// Adds all of another.
            pub fn merge(&mut self, other: &Counts) {
                $(self.$name += other.$name;)*
                self.offered.merge(&other.offered);
                $(self.$after += other.$after;)*
            }

            /// Each with its name, in a fixed order.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                let mut named = vec![$((stringify!($name), self.$name)),*];
                named.extend(self.offered.named());
                named.extend([$((stringify!($after), self.$after)),*]);
                named
            }
        }
    };
}

counts! {
    /// Entries, those that still wait among them.
    entered,
    /// A: answered by an agent.
    answered,
    /// A_T: of those, within the threshold.
    answered_in_time,
    /// B: left later than the short-abandon threshold.
    abandoned,
    /// B_T: of those, within the threshold.
    abandoned_in_time,
    /// S: left within the short-abandon threshold.
    short_abandoned,
    /// F: a rule moved it on.
    overflowed,
    /// F: hung up and is called back.
    callback_taken,
    /// Of those, within the threshold.
    callback_in_time,
    /// F: the wait limit passed.
    timed_out,
    /// F: taken out.
    withdrawn,
    /// F: nobody was there.
    empty,
    /// F: a failure of ours.
    failed,
    /// F: left by a key that leads elsewhere.
    exit_key,
    /// F_T: all of F within the threshold.
    flowed_in_time,
    /// Answered entries whose conversation is over.
    completed,
    offered,
    /// Conversations of agents: one for each agent who had the call.
    handled,
    /// Calls, where they first entered a queue (or arrived, if they entered none).
    calls,
    /// Of those, calls that entered one.
    calls_queued,
    /// Of those, answered by an agent.
    calls_answered,
    /// Calls that entered one queue and left it within the short-abandon threshold.
    calls_short,
    /// Of those that entered a queue, answered by an agent within the law's limit of first entering one.
    law_from_queue,
    /// The same from the first INVITE.
    law_from_arrival,
    /// Calls with a disposition.
    disposed,
    /// A in queues in which an agent is to say what came of it.
    disposition_due,
    /// Of those, where one has said it.
    disposition_said,
    /// Callbacks that reached the customer and an agent.
    callbacks_served,
    /// Callbacks that ended otherwise.
    callbacks_lost,
    /// Legs and parties without an amount.
    unrated,
    /// Σ value (per mille) of entries in N − S.
    value_offered,
    /// Σ value of A.
    value_answered,
    /// Σ value of A_T.
    value_in_time,
    /// Σ value of B.
    value_abandoned,
}

/// A payer's amounts of one currency and scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PurseKey {
    /// Who pays.
    pub payer: Name,
    /// In what.
    pub currency: Currency,
    /// Decimals of the units.
    pub scale: u8,
}

/// Sums of amounts, in units of their scale: never averaged, never converted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse(pub BTreeMap<PurseKey, i128>);

impl Purse {
    /// Adds an amount.
    pub fn add(&mut self, payer: Name, money: Money) {
        let key = PurseKey { payer, currency: money.currency, scale: money.scale };
        *self.0.entry(key).or_default() += i128::from(money.units);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Purse) {
        for (key, units) in &other.0 {
            *self.0.entry(*key).or_default() += units;
        }
    }
}

/// Everything that is counted of one [`Key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Counts.
    pub counts: Counts,
    /// Waits of answered entries, ring time included.
    pub wait_answered: Histogram,
    /// The same without the time in which an agent was being rung.
    pub wait_unrung: Histogram,
    /// Waits of abandoned entries, short ones too.
    pub wait_abandoned: Histogram,
    /// Talk per conversation.
    pub talk: Histogram,
    /// Hold and consultation per conversation that had any.
    pub hold: Histogram,
    /// Wrap-up per conversation that had any.
    pub wrap_up: Histogram,
    /// Σ value · wait of answered entries, per mille · ms.
    pub value_wait: u128,
    /// What calls cost and earn by telephony.
    pub telephony: Purse,
    /// Agents' handling time at their cost: units an hour · µs.
    pub agent_cost: u128,
    /// Calls by their last disposition. A later word takes one away, so that a change may be below zero.
    pub dispositions: BTreeMap<Name, i64>,
}

impl Default for Tally {
    fn default() -> Tally {
        let (wait, work) = (Histogram::new(Scale::Wait), Histogram::new(Scale::Work));
        Tally {
            counts: Counts::default(),
            wait_answered: wait.clone(),
            wait_unrung: wait.clone(),
            wait_abandoned: wait,
            talk: work.clone(),
            hold: work.clone(),
            wrap_up: work,
            value_wait: 0,
            telephony: Purse::default(),
            agent_cost: 0,
            dispositions: BTreeMap::new(),
        }
    }
}

/// How an entry ended, with what the figures need to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) how: QueueLeft,
    pub(super) wait_ms: u64,
    /// Of it, the time in which an agent was being rung.
    pub(super) ring_ms: u64,
    pub(super) value_pm: u32,
    pub(super) in_time: bool,
}

impl Tally {
    pub(super) fn left(&mut self, left: Left) {
        let Left { how, wait_ms, ring_ms, value_pm, in_time } = left;
        let (timely, value) = (u64::from(in_time), u64::from(value_pm));
        let c = &mut self.counts;
        match how {
            QueueLeft::Answered(_) => {
                c.answered += 1;
                c.answered_in_time += timely;
                c.value_offered += value;
                c.value_answered += value;
                c.value_in_time += value * timely;
                self.value_wait += u128::from(value) * u128::from(wait_ms);
                self.wait_answered.add(wait_ms);
                self.wait_unrung.add(wait_ms.saturating_sub(ring_ms));
            }
            QueueLeft::Abandoned => {
                c.abandoned += 1;
                c.abandoned_in_time += timely;
                c.value_offered += value;
                c.value_abandoned += value;
                self.wait_abandoned.add(wait_ms);
            }
            QueueLeft::ShortAbandoned => {
                c.short_abandoned += 1;
                self.wait_abandoned.add(wait_ms);
            }
            QueueLeft::Overflowed
            | QueueLeft::TimedOut
            | QueueLeft::Empty
            | QueueLeft::CallbackTaken
            | QueueLeft::Withdrawn
            | QueueLeft::ExitKey
            | QueueLeft::Failed => {
                c.flowed_in_time += timely;
                c.value_offered += value;
                match how {
                    QueueLeft::Overflowed => c.overflowed += 1,
                    QueueLeft::TimedOut => c.timed_out += 1,
                    QueueLeft::Empty => c.empty += 1,
                    QueueLeft::CallbackTaken => {
                        c.callback_taken += 1;
                        c.callback_in_time += timely;
                    }
                    QueueLeft::Withdrawn => c.withdrawn += 1,
                    QueueLeft::Failed => c.failed += 1,
                    QueueLeft::ExitKey => c.exit_key += 1,
                    QueueLeft::Answered(_) | QueueLeft::Abandoned | QueueLeft::ShortAbandoned => {}
                }
            }
        }
    }

    pub(super) fn callback_ended(&mut self, end: CallbackEnd) {
        match end {
            CallbackEnd::Served => self.counts.callbacks_served += 1,
            CallbackEnd::Abandoned
            | CallbackEnd::GaveUp
            | CallbackEnd::Cancelled
            | CallbackEnd::CalledAgain
            | CallbackEnd::Dropped
            | CallbackEnd::Expired
            | CallbackEnd::QueueGone
            | CallbackEnd::MovedOn => self.counts.callbacks_lost += 1,
        }
    }

    /// The last disposition of so many more calls is this.
    pub(super) fn disposed(&mut self, name: Name, calls: i64) {
        *self.dispositions.entry(name).or_default() += calls;
        self.dispositions.retain(|_, calls| *calls != 0);
    }

    /// F: entries that ended neither answered nor abandoned.
    pub fn flowed(&self) -> u64 {
        let c = &self.counts;
        c.overflowed + c.callback_taken + c.timed_out + c.withdrawn + c.empty + c.failed + c.exit_key
    }

    /// N: entries that ended. What still waits is in no denominator yet.
    pub fn ended(&self) -> u64 {
        self.counts.answered + self.counts.abandoned + self.counts.short_abandoned + self.flowed()
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Tally) {
        let Tally {
            counts,
            wait_answered,
            wait_unrung,
            wait_abandoned,
            talk,
            hold,
            wrap_up,
            value_wait,
            telephony,
            agent_cost,
            dispositions,
        } = other;
        self.counts.merge(counts);
        self.wait_answered.merge(wait_answered);
        self.wait_unrung.merge(wait_unrung);
        self.wait_abandoned.merge(wait_abandoned);
        self.talk.merge(talk);
        self.hold.merge(hold);
        self.wrap_up.merge(wrap_up);
        self.value_wait += value_wait;
        self.telephony.merge(telephony);
        self.agent_cost += agent_cost;
        for (name, calls) in dispositions {
            *self.dispositions.entry(*name).or_default() += calls;
        }
        self.dispositions.retain(|_, calls| *calls != 0);
    }
}
