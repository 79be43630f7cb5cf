//! What agents do.

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// What an agent does, as records and dashboards see it (S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentState {
    /// Not at work.
    LoggedOut,
    /// Free to take an offer.
    Ready,
    /// Reserved; his station is being called.
    Offered,
    /// His station rings.
    Ringing,
    /// In conversation.
    Talking,
    /// The customer is on hold.
    Holding,
    /// Asks a colleague while the customer is on hold.
    Consulting,
    /// After-call work.
    WrapUp,
    /// Not ready, with the reason's name.
    Paused(Name),
    /// On a call that the queue did not give him.
    Outbound,
    /// Works on a task; a call may interrupt it.
    Task,
}

impl AgentState {
    /// The label in metrics and on dashboards.
    pub const fn as_str(self) -> &'static str {
        match self {
            AgentState::LoggedOut => "logged-out",
            AgentState::Ready => "ready",
            AgentState::Offered => "offered",
            AgentState::Ringing => "ringing",
            AgentState::Talking => "talking",
            AgentState::Holding => "holding",
            AgentState::Consulting => "consulting",
            AgentState::WrapUp => "wrap-up",
            AgentState::Paused(_) => "paused",
            AgentState::Outbound => "outbound",
            AgentState::Task => "task",
        }
    }

    /// Why he is not ready; none in any other state.
    pub const fn reason(self) -> Option<Name> {
        match self {
            AgentState::Paused(reason) => Some(reason),
            AgentState::LoggedOut
            | AgentState::Ready
            | AgentState::Offered
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::Holding
            | AgentState::Consulting
            | AgentState::WrapUp
            | AgentState::Outbound
            | AgentState::Task => None,
        }
    }
}
