//! How waiting calls and offers end, and what may be changed meanwhile.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, QueueId};
use crate::need::Need;

/// A line of its own that a program outside wants in `queue_log`, as it gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The call id; `NONE`: about no call.
    pub id: String,
    /// The agent; `NONE`: about none.
    pub agent: String,
    /// The word for it: none of those that stand for what happens in queues.
    pub event: String,
    /// What it says.
    pub text: String,
}

/// What may be changed about a waiting call (R29).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitingChange {
    /// It counts as this much older, ms.
    Bumped(u64),
    /// From this queue to that.
    Moved(QueueId, QueueId),
    /// It needs this now, beyond what its queue needs.
    Needs(Need),
}

/// How an entry of a queue ended (docs/figures.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueLeft {
    /// An agent answered and media is bridged.
    Answered(AgentId),
    /// The caller left later than the short-abandon threshold.
    Abandoned,
    /// The caller left within it.
    ShortAbandoned,
    /// A rule moved it to another queue, number or prompt.
    Overflowed,
    /// The wait limit passed and nothing was configured to follow.
    TimedOut,
    /// Nobody is there to serve it.
    Empty,
    /// The caller hung up and is called back; his place stays.
    CallbackTaken,
    /// An operator or a transfer took it out.
    Withdrawn,
    /// A failure of ours.
    Failed,
    /// The caller left by a key that leads elsewhere.
    ExitKey,
}

impl QueueLeft {
    /// The outcome label of docs/figures.md.
    pub const fn as_str(self) -> &'static str {
        match self {
            QueueLeft::Answered(_) => "answered",
            QueueLeft::Abandoned => "abandoned",
            QueueLeft::ShortAbandoned => "short_abandoned",
            QueueLeft::Overflowed => "overflowed",
            QueueLeft::TimedOut => "timed_out",
            QueueLeft::Empty => "empty",
            QueueLeft::CallbackTaken => "callback_taken",
            QueueLeft::Withdrawn => "withdrawn",
            QueueLeft::Failed => "failed",
            QueueLeft::ExitKey => "exit_key",
        }
    }
}

/// How an offer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// Taken.
    Accepted,
    /// The agent said no.
    Declined,
    /// The ring limit passed.
    RingNoAnswer,
    /// His line was busy.
    Busy,
    /// His station could not be reached.
    Unreachable,
    /// The caller left first.
    CallerLeft,
    /// Another agent was faster, or a rule took the call elsewhere.
    LostRace,
}

impl OfferEnd {
    /// The label in metrics and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            OfferEnd::Accepted => "accepted",
            OfferEnd::Declined => "declined",
            OfferEnd::RingNoAnswer => "ring_no_answer",
            OfferEnd::Busy => "busy",
            OfferEnd::Unreachable => "unreachable",
            OfferEnd::CallerLeft => "caller_left",
            OfferEnd::LostRace => "lost_race",
        }
    }
}
