//! What people and dashboards see of live calls: rows made on demand.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::Party;
use turno_base::{AgentId, CallId, LegId, Now, Number, QueueId};

use crate::call::{Call, Stage};
use crate::calls::Calls;

/// One live call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// The call.
    pub call: CallId,
    /// Who calls.
    pub ani: Number,
    /// What was dialled.
    pub dnis: Number,
    /// `arriving`, `waiting`, `offered`, `ringing`, `talking`, `transferring`, `calling-back`, `parked`, `menu`, `announcement`,
    /// `ending`.
    pub stage: String,
    /// The slot that it is parked in, for how long already, and how much longer before it goes back.
    pub parked: Option<(u32, Duration, Duration)>,
    /// The queue it waits in or came from.
    pub queue: Option<QueueId>,
    /// The agent in conversation.
    pub agent: Option<AgentId>,
    /// Since its first INVITE.
    pub age: Duration,
    /// Live legs.
    pub legs: u32,
}

/// Sizes of everything that could leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSizes {
    /// Live calls.
    pub calls: u64,
    /// Live legs, and ended ones whose figures are awaited.
    pub legs: u64,
    /// Pending deadlines.
    pub timers: u64,
    /// Events so far that came too late for what they named.
    pub stale: u64,
}

impl Calls {
    /// Live calls, oldest first.
    pub fn rows(&self, now: Now) -> impl Iterator<Item = CallRow> {
        self.calls.values().map(move |call| row(call, now))
    }

    /// One live call.
    pub fn row(&self, call: CallId, now: Now) -> Option<CallRow> {
        self.calls.get(&call).map(|call| row(call, now))
    }

    /// The call that a leg belongs to; also for a moment after its end.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.house.legs.get(&leg).copied()
    }

    /// Sizes of what is held.
    pub fn sizes(&self) -> CallSizes {
        CallSizes {
            calls: self.calls.len() as u64,
            legs: self.house.legs.len() as u64,
            timers: self.timers() as u64,
            stale: self.house.stale,
        }
    }
}

fn row(call: &Call, now: Now) -> CallRow {
    CallRow {
        call: call.id,
        ani: call.ani.clone(),
        dnis: call.dnis.clone(),
        stage: stage(call).to_owned(),
        parked: call.parked().map(|p| (p.slot, now.mono.since(p.since), p.until.since(now.mono))),
        queue: queue(call),
        agent: agent(call),
        age: now.mono.since(call.began),
        legs: u32::try_from(call.legs.len()).unwrap_or(u32::MAX),
    }
}

fn stage(call: &Call) -> &'static str {
    match &call.stage {
        Stage::Arriving { .. } => "arriving",
        Stage::Waiting(waiting) if waiting.offers.is_empty() => "waiting",
        Stage::Waiting(_) => "offered",
        Stage::Ringing(_) => "ringing",
        Stage::Talking(_) => "talking",
        Stage::Transferring(_) => "transferring",
        Stage::CallingBack(_) => "calling-back",
        Stage::Parked(_) => "parked",
        Stage::Choosing(_) => "menu",
        Stage::Saying { .. } | Stage::Coding { .. } => "announcement",
        Stage::Ending => "ending",
    }
}

fn queue(call: &Call) -> Option<QueueId> {
    match &call.stage {
        Stage::Waiting(waiting) => Some(waiting.queue),
        Stage::Arriving { .. }
        | Stage::Ringing(_)
        | Stage::Talking(_)
        | Stage::Transferring(_)
        | Stage::CallingBack(_)
        | Stage::Saying { .. }
        | Stage::Coding { .. }
        | Stage::Parked(_)
        | Stage::Choosing(_)
        | Stage::Ending => call.came.as_ref().map(|came| came.queue),
    }
}

fn agent(call: &Call) -> Option<AgentId> {
    match &call.stage {
        Stage::Talking(talk) => {
            let other = match call.legs.get(talk.other)?.party {
                Party::Agent(agent, _) => Some(agent),
                Party::Caller(_) | Party::Outside(_) | Party::Station(_) => None,
            };
            talk.agency.map(|agency| agency.agent).or(other)
        }
        Stage::Transferring(transferring) => transferring.agency.map(|agency| agency.agent),
        Stage::CallingBack(dialling) => dialling.agency.map(|agency| agency.agent),
        Stage::Arriving { .. }
        | Stage::Waiting(_)
        | Stage::Ringing(_)
        | Stage::Saying { .. }
        | Stage::Coding { .. }
        | Stage::Parked(_)
        | Stage::Choosing(_)
        | Stage::Ending => None,
    }
}
