//! How callbacks are asked for, tried and over.

use serde::{Deserialize, Serialize};

/// By what a callback was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallbackAsked {
    /// The waiting caller pressed the key.
    Key,
    /// The queue did not keep him and offered it.
    Overflow,
    /// Somebody of the house entered it.
    Person,
}

impl CallbackAsked {
    /// The word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            CallbackAsked::Key => "key",
            CallbackAsked::Overflow => "overflow",
            CallbackAsked::Person => "person",
        }
    }
}

/// How an attempt to call back failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallbackResult {
    /// 486, 600.
    Busy,
    /// It rang and nobody answered.
    NoAnswer,
    /// It could not be set up, or was refused.
    Failed,
    /// It was answered and gone at once: a voicemail, or somebody who hung up.
    Unsure,
}

impl CallbackResult {
    /// The word in rows and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            CallbackResult::Busy => "busy",
            CallbackResult::NoAnswer => "no-answer",
            CallbackResult::Failed => "failed",
            CallbackResult::Unsure => "unsure",
        }
    }
}

/// Why a callback is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackEnd {
    /// The customer talks with an agent.
    Served,
    /// Called back, the customer left before an agent had him.
    Abandoned,
    /// Every attempt was made.
    GaveUp,
    /// A person took it out.
    Cancelled,
    /// The customer called again and waits in its place.
    CalledAgain,
    /// The queue keeps no more, and this one was the oldest.
    Dropped,
    /// Kept for as long as callbacks are kept.
    Expired,
    /// The queue is no more.
    QueueGone,
    /// Called back, the customer was sent elsewhere by a rule of the queue.
    MovedOn,
}

impl CallbackEnd {
    /// The label in metrics and on dashboards.
    pub const fn as_str(self) -> &'static str {
        match self {
            CallbackEnd::Served => "served",
            CallbackEnd::Abandoned => "abandoned",
            CallbackEnd::GaveUp => "gave_up",
            CallbackEnd::Cancelled => "cancelled",
            CallbackEnd::CalledAgain => "called_again",
            CallbackEnd::Dropped => "dropped",
            CallbackEnd::Expired => "expired",
            CallbackEnd::QueueGone => "queue_gone",
            CallbackEnd::MovedOn => "moved_on",
        }
    }
}
