//! Rows of callbacks for people.

use serde::{Deserialize, Serialize};
use turno_base::fact::{CallbackAsked, CallbackResult};
use turno_base::{CallId, E164, Mono, Now, QueueId, SegmentId, Wall};

use super::{Callback, Standing};
use crate::acd::Acd;
use crate::matching;

/// One callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackRow {
    /// Whom to call.
    pub number: E164,
    /// Where its place is.
    pub queue: QueueId,
    /// Customer's segment.
    pub segment: SegmentId,
    /// By what it was taken.
    pub how: CallbackAsked,
    /// The call that asked for it; none: a person did.
    pub first: Option<CallId>,
    /// `offered`, `resting`, `waiting`, `dialling`, `seeking`, `connecting` or `waiting-again`.
    pub state: String,
    /// 1-based place in its queue while it is in line.
    pub position: Option<u32>,
    /// With all credits, ms: what the order goes by.
    pub waited_ms: u64,
    /// Since it was asked for, ms.
    pub age_ms: u64,
    /// Attempts made.
    pub attempts: u32,
    /// Result of the last.
    pub last: Option<CallbackResult>,
    /// While it rests: not before then.
    pub not_before: Option<Wall>,
}

impl Acd {
    /// All callbacks, by number.
    pub fn callbacks(&self, now: Now) -> Vec<CallbackRow> {
        self.callbacks.by_number.iter().map(|(number, callback)| self.callback_row(*number, callback, now)).collect()
    }

    /// Those of a queue that are still to be made.
    pub fn callbacks_due(&self, queue: QueueId) -> u32 {
        self.callbacks.desks.get(&queue).map_or(0, |desk| desk.told)
    }

    /// The callback of a number.
    pub fn callback(&self, number: E164, now: Now) -> Option<CallbackRow> {
        self.callbacks.by_number.get(&number).map(|callback| self.callback_row(number, callback, now))
    }

    fn callback_row(&self, number: E164, callback: &Callback, now: Now) -> CallbackRow {
        let item = self.item_of.get(&callback.item).copied();
        let v = item.map_or(callback.v, |at| self.items[at].v);
        let wall = |until: Mono| Wall(now.wall.0.saturating_add(us(until.0) - us(now.mono.0)));
        CallbackRow {
            number,
            queue: callback.queue,
            segment: callback.segment,
            how: callback.how,
            first: callback.first,
            state: match callback.standing {
                Standing::Unconfirmed { .. } => "offered",
                Standing::Resting { .. } => "resting",
                Standing::Waiting => "waiting",
                Standing::Dialling => "dialling",
                Standing::Seeking => "seeking",
                Standing::Connecting { .. } => "connecting",
                Standing::Live => "waiting-again",
            }
            .to_owned(),
            position: item.map(|at| self.position(at, now.mono)),
            waited_ms: matching::waited_us(v, now.mono.0) / 1000,
            age_ms: now.mono.0.saturating_sub(callback.asked_at.0) / 1000,
            attempts: callback.attempts,
            last: callback.last,
            not_before: match callback.standing {
                Standing::Resting { until, wall: by_wall } => {
                    let until = wall(until);
                    Some(callback.appointment.or(by_wall).map_or(until, |at| at.max(until)))
                }
                Standing::Unconfirmed { .. }
                | Standing::Waiting
                | Standing::Dialling
                | Standing::Seeking
                | Standing::Connecting { .. }
                | Standing::Live => None,
            },
        }
    }
}

fn us(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
