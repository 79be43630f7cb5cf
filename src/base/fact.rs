//! The event line: every fact of a call's life, once, in order. Records, figures, `queue_log`, metrics and the
//! wallboard are folds over it, so they cannot disagree (spec/cdr.md, spec/kpi.md).

use serde::{Deserialize, Serialize};

use crate::cause::{Cause, EndedBy, Outcome};
use crate::id::{AgentId, CallId, LegId, PromptId, QueueId, SegmentId, StationId, TrunkId};
use crate::name::Name;
use crate::need::Need;
use crate::number::Number;
use crate::stream::Codec;
use crate::time::{Now, Wall};

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
            | What::CallbackTaken { call, .. }
            | What::CallingBack { call, .. }
            | What::WaitingChanged { call, .. }
            | What::CallEnded { call, .. }
            | What::Disposed { call, .. } => Some(*call),
            What::CallbackEnded { .. }
            | What::CallbacksDue { .. }
            | What::QueueNoted { .. }
            | What::AgentChanged { .. }
            | What::PauseTooLong { .. }
            | What::Task { .. }
            | What::Emergency { .. }
            | What::Configured { .. } => None,
        }
    }
}

/// What kind of work a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Work of the house.
    Admin,
    /// A mail to answer.
    Email,
    /// A fax to answer.
    Fax,
    /// A complaint.
    Complaint,
}

impl TaskKind {
    /// All there are.
    pub const ALL: [TaskKind; 4] = [TaskKind::Admin, TaskKind::Email, TaskKind::Fax, TaskKind::Complaint];

    /// The word in commands, rows and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            TaskKind::Admin => "admin",
            TaskKind::Email => "email",
            TaskKind::Fax => "fax",
            TaskKind::Complaint => "complaint",
        }
    }
}

/// What may become of a task. Entered once, done once; between that given, begun, held and returned in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskChange {
    /// Somebody entered it.
    Added {
        /// To be done before then.
        due: Wall,
    },
    /// The agent has it in hand.
    Given(AgentId),
    /// The agent works on it, for the first time or again.
    Begun(AgentId),
    /// The agent works on something else, which may be a call; it stays in his hands.
    Held(AgentId),
    /// The agent has it no more, and it waits again.
    Returned(AgentId),
    /// It waits in another queue, of which this fact tells; it came from this one.
    Moved(QueueId),
    /// It is done.
    Done {
        /// Who had it in hand; none: nobody.
        agent: Option<AgentId>,
        /// What came of it, if that was said.
        disposition: Option<Name>,
        /// How long it was worked on, ms.
        worked_ms: u64,
        /// How long it waited until somebody had it first, ms; until now, if nobody ever did.
        waited_ms: u64,
        /// Later than it was due.
        is_late: bool,
    },
}

impl TaskChange {
    /// The label in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            TaskChange::Added { .. } => "added",
            TaskChange::Given(_) => "given",
            TaskChange::Begun(_) => "begun",
            TaskChange::Held(_) => "held",
            TaskChange::Returned(_) => "returned",
            TaskChange::Moved(_) => "moved",
            TaskChange::Done { .. } => "done",
        }
    }
}

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

/// Whom a leg connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// The customer, by this trunk (none: by a station).
    Caller(Option<TrunkId>),
    /// An agent at a station.
    Agent(AgentId, StationId),
    /// Somebody outside, by this trunk.
    Outside(TrunkId),
    /// A station without an agent logged in.
    Station(StationId),
}

/// An ordered, gap-free partition of each leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// Before anything else, and between stages: routing, announcements outside a queue.
    Ivr(Option<PromptId>),
    /// Waiting.
    Queue(QueueId),
    /// An agent's station rings (on the agent's leg).
    Ring(AgentId),
    /// In conversation with this agent.
    Talk(AgentId),
    /// In conversation with somebody who is no agent.
    TalkOutside,
    /// Held by this agent.
    Hold(AgentId),
    /// The agent asks a colleague.
    Consult(AgentId),
    /// Put aside by an agent, for whoever takes it.
    Parked,
    /// Leaving a message.
    Voicemail,
}

/// How an entry of a queue ended (spec/kpi.md).
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
    /// The outcome label of spec/kpi.md.
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

/// Media figures of one leg, both directions as we saw them (RFC 3550 §6.4, §A.8; ITU-T G.107).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// What the peer sent.
    pub codec: Option<Codec>,
    /// Packets that arrived.
    pub received: u64,
    /// Packets that we sent.
    pub sent: u64,
    /// Packets missing by sequence number.
    pub lost: u64,
    /// Interarrival jitter, µs.
    pub jitter_us: u32,
    /// Round trip from RTCP, µs; 0 if unknown.
    pub round_trip_us: u32,
    /// Mean opinion score estimate × 100, 100..=450; 0 if nothing arrived.
    pub mos_x100: u16,
}
