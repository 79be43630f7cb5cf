//! The event line: every fact of a call's life, once, in order. Records, figures, `queue_log`, metrics and the
//! wallboard are folds over it, so they cannot disagree (docs/records.md, docs/figures.md).

mod agent;
mod callback;
mod leg;
mod queue;
mod task;

use serde::{Deserialize, Serialize};

use crate::cause::{Cause, EndedBy, Outcome};
use crate::id::{AgentId, CallId, LegId, QueueId, SegmentId, StationId, TrunkId};
use crate::name::Name;
use crate::number::Number;
use crate::time::Now;

pub use agent::AgentState;
pub use callback::{CallbackAsked, CallbackEnd, CallbackResult};
pub use leg::{DialogId, Party, Quality, Segment};
pub use queue::{Note, OfferEnd, QueueLeft, WaitingChange};
pub use task::{TaskChange, TaskKind};

/// Something that happened, to one call or one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When.
    pub at: Now,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// The first INVITE of a call.
    CallArrived {
        /// Minted now.
        call: CallId,
        /// Who calls.
        ani: Number,
        /// What they dialled.
        dnis: Number,
        /// The trunk it came by; none for a call from one of our own stations.
        trunk: Option<TrunkId>,
    },
    /// The caller was recognised, or the default applied.
    CustomerKnown {
        /// The call.
        call: CallId,
        /// Customer's external id; none if unknown.
        customer: Option<String>,
        /// Segment as of the call.
        segment: SegmentId,
        /// Value as of the call, per mille.
        value_pm: u32,
    },
    /// A leg began: it arrived or we dialled it.
    LegBegan {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// SIP Call-ID of its dialog; empty until known for legs that we dial.
        sip_call_id: String,
        /// Calling number on this leg.
        a: Number,
        /// Called number on this leg.
        b: Number,
        /// Whom it connects.
        party: Party,
    },
    /// A leg that we dialled rings.
    LegRinging {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// 200 OK, sent or received.
    LegAnswered {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// From now on the leg is in this segment; the one before ends.
    SegmentBegan {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// What it is now.
        segment: Segment,
    },
    /// Media figures of a leg, once, at its end.
    LegQuality {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// The figures.
        quality: Quality,
    },
    /// A leg ended.
    LegEnded {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
        /// By whom.
        by: EndedBy,
    },
    /// The call entered a queue.
    QueueEntered {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// Place on entering, 1-based.
        position: u32,
    },
    /// The call left a queue; exactly one per entry.
    QueueLeft {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// How.
        left: QueueLeft,
        /// Place on leaving, 1-based.
        position: u32,
        /// Entered → left, ms; ring time included.
        wait_ms: u64,
    },
    /// An agent was reserved and his station rings.
    Offered {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
    },
    /// An offer ended; exactly one per offer.
    OfferEnded {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
        /// How.
        end: OfferEnd,
        /// How long it rang, ms.
        ring_ms: u64,
    },
    /// The caller hangs up and his place stays: he will be called back.
    CallbackTaken {
        /// The call.
        call: CallId,
        /// Where his place is.
        queue: QueueId,
        /// By what he took it.
        how: CallbackAsked,
    },
    /// This call is an attempt to call somebody back.
    CallingBack {
        /// The call.
        call: CallId,
        /// The call that asked for it; none: a person did.
        first: Option<CallId>,
        /// 1 for the first.
        attempt: u32,
    },
    /// A callback is over; exactly one for each that was taken by key, overflow or person and joined no other.
    CallbackEnded {
        /// The call that asked for it; none: a person did.
        first: Option<CallId>,
        /// Where its place was.
        queue: QueueId,
        /// Why.
        end: CallbackEnd,
        /// Attempts that were made.
        attempts: u32,
    },
    /// How many callbacks of a queue are still to be made, whenever that changes.
    CallbacksDue {
        /// The queue.
        queue: QueueId,
        /// How many.
        due: u32,
    },
    /// Somebody changed how a waiting call waits, or where.
    WaitingChanged {
        /// The call.
        call: CallId,
        /// What.
        change: WaitingChange,
    },
    /// A program outside wants a line of its own in `queue_log`.
    QueueNoted {
        /// The queue.
        queue: QueueId,
        /// The line; the call it is about is in its words alone.
        note: Note,
    },
    /// The call ended; exactly one per call, the last fact of the call but for wrap-up.
    CallEnded {
        /// The call.
        call: CallId,
        /// Result.
        outcome: Outcome,
        /// By whom.
        by: EndedBy,
    },
    /// An agent changed state.
    AgentChanged {
        /// The agent.
        agent: AgentId,
        /// Where he sits, if logged in.
        station: Option<StationId>,
        /// The new state.
        state: AgentState,
        /// The call that the state is about, if any.
        call: Option<CallId>,
        /// Time in this state is paid: all of a shift but the not-ready reasons that say otherwise.
        is_paid: bool,
    },
    /// An agent has been not ready for longer than his reason allows; once for each time.
    PauseTooLong {
        /// The agent.
        agent: AgentId,
        /// The reason.
        reason: Name,
    },
    /// An agent said what came of a call, which may have ended before; his last word counts.
    Disposed {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The result.
        disposition: Name,
    },
    /// Something became of a task: work without a caller on the line. In an agent's facts his present task stands as the call.
    Task {
        /// The task; an id of the same form as those of calls.
        task: CallId,
        /// Its queue, after the change.
        queue: QueueId,
        /// What kind of work.
        kind: TaskKind,
        /// What.
        change: TaskChange,
    },
    /// The emergency switch was used.
    Emergency {
        /// None: all queues.
        queue: Option<QueueId>,
        /// On.
        on: bool,
    },
    /// This revision of the configuration is in force from now on.
    Configured {
        /// As the log of changes numbers it.
        revision: u64,
    },
    /// Which queues an agent serves was changed for his shift; before his login if it comes with that. At the end of the shift
    /// all is as configured, which is not told.
    AgentServes {
        /// The agent.
        agent: AgentId,
        /// The queue.
        queue: QueueId,
        /// His rank in it; none: he does not serve it.
        rank: Option<u8>,
    },
    /// The caller leaves the queue by a key, for elsewhere or to be called back: [`What::QueueLeft`] follows.
    LeavingByKey {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// What he pressed.
        key: char,
    },
    /// Nothing is heard of a conversation any more, and the leg is ended for it: [`What::LegEnded`] follows; of a leg that a limit
    /// ended it went before. Whatever it was in ended, and is paid, when something was heard last (docs/records.md).
    LegSilent {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// When something was heard last, by media or by what was agreed about it.
        heard: Now,
    },
    /// The names of a leg's dialog: when it arrives, when what we dialled is answered, or as it is refused or given up. The last
    /// one holds.
    LegDialog {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// The names.
        dialog: DialogId,
    },
}

impl What {
    /// The call that it is about; none for what agents, queues, tasks and the house do. A callback that is over tells of a
    /// place in a queue: the call that asked for it has its record already.
    pub const fn call(&self) -> Option<CallId> {
        match self {
            What::CallArrived { call, .. }
            | What::CustomerKnown { call, .. }
            | What::LegBegan { call, .. }
            | What::LegRinging { call, .. }
            | What::LegAnswered { call, .. }
            | What::SegmentBegan { call, .. }
            | What::LegQuality { call, .. }
            | What::LegEnded { call, .. }
            | What::QueueEntered { call, .. }
            | What::QueueLeft { call, .. }
            | What::Offered { call, .. }
            | What::OfferEnded { call, .. }
            | What::LeavingByKey { call, .. }
            | What::LegSilent { call, .. }
            | What::LegDialog { call, .. }
            | What::CallbackTaken { call, .. }
            | What::CallingBack { call, .. }
            | What::WaitingChanged { call, .. }
            | What::CallEnded { call, .. }
            | What::Disposed { call, .. } => Some(*call),
            What::CallbackEnded { .. }
            | What::CallbacksDue { .. }
            | What::QueueNoted { .. }
            | What::AgentChanged { .. }
            | What::AgentServes { .. }
            | What::PauseTooLong { .. }
            | What::Task { .. }
            | What::Emergency { .. }
            | What::Configured { .. } => None,
        }
    }
}
