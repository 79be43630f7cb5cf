//! An agent: what he does, what he asked to do next, and how that looks from outside.

use std::collections::BTreeMap;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::AgentState;
use turno_base::{AgentId, ItemId, Mono, Name, QueueId, StationId};

use crate::config::WrapUp;
use crate::limits;
use crate::queue::Listing;
use crate::slab::{ItemIx, ProfileIx};
use crate::tables::Handling;
use crate::why::Why;

/// A person who takes calls. Only a configured one can log in; one whom the configuration has dropped finishes his call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) profile: ProfileIx,
    /// Offers in a row that came to nothing.
    pub(crate) misses: Misses,
    /// What he did for each queue since he logged in.
    pub(crate) tallies: BTreeMap<QueueId, Tally>,
    /// His last conversation of this shift.
    pub(crate) last: Option<Last>,
    pub(crate) station: Option<StationId>,
    pub(crate) doing: Doing,
    pub(crate) next: Option<Next>,
    /// Since when he stands among the ready of his profile; none: he does not.
    pub(crate) listed: Option<Mono>,
    /// Groups of items that wait for him alone.
    pub(crate) own: Listing,
    /// Tasks in his hands, the first due first: on that he works when he is free.
    pub(crate) desk: Vec<ItemId>,
    /// The task that he works on.
    pub(crate) works_on: Option<ItemId>,
    /// The conversation he has or wraps up, for the tables.
    pub(crate) handling: Option<Handling>,
    /// When his shift began.
    pub(crate) began: Mono,
    /// How long he talked and wrapped up in it, µs.
    pub(crate) busy_us: u64,
    /// Since when he does; none: he does not.
    pub(crate) busy_since: Option<Mono>,
    /// The last thing he was rung for, and why.
    pub(crate) last_offer: Option<Box<(ItemId, Why)>>,
    /// As last told to the outside.
    pub(crate) shown: Shown,
    pub(crate) shown_since: Mono,
}

/// Offers in a row that came to nothing, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Misses {
    pub(crate) no_answer: u32,
    pub(crate) declined: u32,
    pub(crate) unreachable: u32,
}

/// A conversation that an agent had, and what he says came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) item: ItemId,
    /// Where it came from, as when he got it.
    pub(crate) queue: Option<QueueId>,
    pub(crate) disposition: Option<Name>,
}

/// What an agent did for a queue during his shift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Offers accepted.
    pub(crate) calls: u64,
    /// In conversation with its items, µs.
    pub(crate) talk_us: u64,
}

/// What an agent does. Each of these ends by a command, or has a deadline or an item behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Doing {
    LoggedOut,
    /// Ready; offered to if his station is reachable and has no private calls.
    Idle {
        since: Mono,
    },
    /// Gets nothing for a while by cause of a failed offer; then ready by himself.
    Resting {
        cause: Rest,
        until: Mono,
    },
    Paused {
        reason: Name,
        /// When it has been too long; none: never, or it was told.
        longest: Option<Mono>,
    },
    /// The reservation: this item is his alone until it ends.
    Reserved {
        item: ItemIx,
        epoch: u64,
        since: Mono,
        rings_until: Mono,
        /// Restored if the caller leaves first.
        idle_since: Mono,
        is_ringing: bool,
    },
    /// In conversation.
    Serving {
        item: ItemId,
        /// The reservation it came from; none: he joined it.
        epoch: Option<u64>,
        phase: Phase,
        since: Mono,
        /// The queue it came from; none: from none.
        queue: Option<QueueId>,
        /// Of that queue when it began.
        wrap_up: WrapUp,
    },
    WrapUp {
        item: ItemId,
        since: Mono,
        until: Mono,
        rule: WrapUp,
        /// How often it was made longer.
        extended: u8,
    },
}

/// Why an agent rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rest {
    Declined,
    LineBusy,
    Unreachable,
}

/// Part of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Talking,
    Holding,
    Consulting,
}

/// What an agent asked to do when he is free (S4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// Not ready.
    Pause(Name),
    /// End the shift.
    Logout,
}

/// An agent as records and dashboards see him.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) state: AgentState,
    pub(crate) station: Option<StationId>,
    pub(crate) item: Option<ItemId>,
}

impl Agent {
    /// Since when he counts as ready: who has worked for a larger part of his shift counts as ready for less long, by up to
    /// `most` (R20); who has a task in hand, later than everybody.
    pub(crate) fn ready_since(&self, since: Mono, most: Duration) -> Mono {
        let shift_us = since.0.saturating_sub(self.began.0);
        let share_pm = (u128::from(self.busy_us) * 1000).checked_div(u128::from(shift_us)).unwrap_or(0).min(1000);
        let later = most.as_micros() * share_pm / 1000;
        let since = since.0.saturating_add(u64::try_from(later).unwrap_or(u64::MAX));
        Mono(if self.desk.is_empty() { since } else { since | AT_TASK })
    }
}

/// Later than any instant: who works on a task is not idle at all, and of those like him the last to be rung.
const AT_TASK: u64 = 1 << 62;

impl Doing {
    /// When it ends by itself.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        match self {
            Doing::LoggedOut | Doing::Idle { .. } | Doing::Serving { .. } => None,
            Doing::Paused { longest, .. } => *longest,
            Doing::Resting { until, .. } | Doing::WrapUp { until, .. } => Some(*until),
            Doing::Reserved { rings_until, .. } => Some(*rings_until),
        }
    }

    /// Nobody would miss him at his station: ready, resting or paused.
    pub(crate) fn is_idle(&self) -> bool {
        match self {
            Doing::Idle { .. } | Doing::Resting { .. } | Doing::Paused { .. } => true,
            Doing::LoggedOut | Doing::Reserved { .. } | Doing::Serving { .. } | Doing::WrapUp { .. } => false,
        }
    }
}

impl Rest {
    pub(crate) fn reason(self) -> Name {
        limits::reason(match self {
            Rest::Declined => limits::REASON_DECLINED,
            Rest::LineBusy => limits::REASON_LINE_BUSY,
            Rest::Unreachable => limits::REASON_UNREACHABLE,
        })
    }
}

impl Phase {
    /// None if the state is no part of a conversation.
    pub(crate) fn of(state: AgentState) -> Option<Phase> {
        match state {
            AgentState::Talking => Some(Phase::Talking),
            AgentState::Holding => Some(Phase::Holding),
            AgentState::Consulting => Some(Phase::Consulting),
            AgentState::LoggedOut
            | AgentState::Ready
            | AgentState::Offered
            | AgentState::Ringing
            | AgentState::WrapUp
            | AgentState::Paused(_)
            | AgentState::Outbound
            | AgentState::Task => None,
        }
    }

    pub(crate) fn state(self) -> AgentState {
        match self {
            Phase::Talking => AgentState::Talking,
            Phase::Holding => AgentState::Holding,
            Phase::Consulting => AgentState::Consulting,
        }
    }
}

/// A station that something is known about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Station {
    /// Until told otherwise a station counts as reachable: a PBX extension never registers, and a station that is not
    /// there shows itself by the first failed offer.
    pub(crate) reachable: bool,
    /// Calls that no queue gave it.
    pub(crate) calls: u32,
    /// Who sits there.
    pub(crate) agent: Option<crate::slab::AgentIx>,
}

impl Default for Station {
    fn default() -> Station {
        Station { reachable: true, calls: 0, agent: None }
    }
}
