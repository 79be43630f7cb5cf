//! What the ACD is told and what it decides. The ACD is the single owner of every (item, agent) pair: nothing else
//! may ring an agent (docs/explanation/routing.md).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{
    AgentState, CallbackAsked, CallbackEnd, CallbackResult, OfferEnd, QueueLeft, TaskChange, TaskKind, WaitingChange,
};
use turno_base::{AgentId, CallId, E164, ItemId, Name, Need, PromptId, QueueId, SegmentId, SkillId, StationId, Wall};

use crate::callback::CallBack;
use crate::credits::Credits;
use crate::skills::SkillChange;
use crate::tasks::NewTask;
use crate::why::Why;

/// What happened. Anything that can arrive late carries the epoch of what it answers; a stale one is counted and dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// An item wants an agent of `queue`. Refused at the door by a decision ([`Decision::Left`] or `Overflow`) if the
    /// queue is full or nobody is there, as its rules say.
    Enter(Entry),
    /// The item is gone (hang-up, transfer, operator): every open offer is withdrawn in this turn. If it no longer waits but
    /// is in conversation, its agents are released.
    Leave {
        /// The item.
        item: ItemId,
        /// `Abandoned` (the ACD decides whether it was short), `Withdrawn` or `Failed`.
        how: QueueLeft,
    },
    /// The agent's station rings.
    Ringing {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
    },
    /// The agent's station answered. First wins: answered by [`Decision::Connect`], or `Withdraw` with `LostRace`.
    Accept {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
    },
    /// The offer failed on the wire: `Declined`, `Busy`, `Unreachable`, or `RingNoAnswer` (the station's own 480/408).
    OfferFailed {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
        /// Cause.
        end: OfferEnd,
    },
    /// The conversation of this agent with this item is over: wrap-up begins. Idempotent.
    Released {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
    },
    /// The talking agent put the customer on hold, took him back, or consults.
    Phase {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
        /// `Talking`, `Holding` or `Consulting`.
        state: AgentState,
    },
    /// A consultation or transfer moved the conversation to this agent without an offer (attended transfer): he is
    /// talking from now on. Needs no reservation.
    Joined {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
    },
    /// The station is reachable or not: registration, probe (S9). An open offer there fails as `Unreachable`. A station that
    /// was never told about counts as reachable.
    Station {
        /// The station.
        station: StationId,
        /// Reachable.
        reachable: bool,
    },
    /// Calls at the station that no queue gave it: busy while not 0 (S10).
    StationCalls {
        /// The station.
        station: StationId,
        /// How many.
        calls: u32,
    },
    /// Announcement to the item has ended (paces the position announcements).
    Announced {
        /// The item.
        item: ItemId,
    },
    /// A waiting caller, or one to whom a callback was offered, pressed a key.
    Key {
        /// The item.
        item: ItemId,
        /// `0`..`9`, `*`, `#`, `A`..`D`.
        key: char,
    },
    /// The customer whom an attempt dialled has answered.
    CallbackAnswered {
        /// The item of the attempt.
        item: ItemId,
    },
    /// An attempt has come to nothing.
    CallbackFailed {
        /// The item of the attempt.
        item: ItemId,
        /// How; none: by no doing of the customer's, so that it does not count.
        result: Option<CallbackResult>,
    },
}

/// A person's command; refused with a sentence ([`crate::Refusal`]) or done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Sit down at a station; begins the shift, ready, or not ready if the configuration says so. Whoever sat there is logged out if idle (ready, resting or paused),
    /// else it is refused. Who is idle elsewhere moves, and keeps his pause.
    Login {
        /// The agent.
        agent: AgentId,
        /// Where.
        station: StationId,
    },
    /// End the shift; during an offer, a call or a wrap-up after it.
    Logout {
        /// The agent.
        agent: AgentId,
    },
    /// Not ready with a reason; during an offer, a call or a wrap-up after it (S4).
    Pause {
        /// The agent.
        agent: AgentId,
        /// Configured reason.
        reason: Name,
    },
    /// Ready; ends pause, rest and a wrap-up of at most so long; during a call it takes back what was asked for after it (S4).
    Ready {
        /// The agent.
        agent: AgentId,
    },
    /// The work after the call is saved: ends a wrap-up, unless its length is fixed.
    Saved {
        /// The agent.
        agent: AgentId,
    },
    /// A longer wrap-up, as often as the configuration allows.
    Extend {
        /// The agent.
        agent: AgentId,
    },
    /// What came of his present call, or of his last. It may be said anew until the next begins.
    Dispose {
        /// The agent.
        agent: AgentId,
        /// Configured result.
        disposition: Name,
    },
    /// Somebody is to be called back. A number that has a callback keeps its place.
    CallbackAdd {
        /// Whom.
        number: E164,
        /// For which queue.
        queue: QueueId,
        /// Customer's segment.
        segment: SegmentId,
        /// Customer's value, per mille.
        value_pm: u32,
        /// Not before then; none: as soon as it is his turn.
        at: Option<Wall>,
    },
    /// Somebody is not to be called back.
    CallbackCancel {
        /// Whom.
        number: E164,
    },
    /// Somebody is to be called back at another time. Then he counts as having waited as long as when he asked.
    CallbackAppoint {
        /// Whom.
        number: E164,
        /// When.
        at: Wall,
    },
    /// The emergency switch of a queue, or of all queues together; switching all off switches each off.
    Emergency {
        /// None: all.
        queue: Option<QueueId>,
        /// On.
        on: bool,
    },
    /// Make a waiting item count as this much older (R29).
    Bump {
        /// The item.
        item: ItemId,
        /// So much.
        by: Duration,
    },
    /// To another queue, past its door, with its age (R29).
    Move {
        /// The item.
        item: ItemId,
        /// Where to.
        queue: QueueId,
    },
    /// Something else is needed beyond what the queue needs (R29).
    Needs {
        /// The item.
        item: ItemId,
        /// What.
        need: Need,
    },
    /// A task is to be done.
    TaskAdd(Box<NewTask>),
    /// A task is done.
    TaskDone {
        /// Which.
        task: ItemId,
        /// What came of it, configured.
        disposition: Option<Name>,
    },
    /// A task is for another queue, with its due date.
    TaskMove {
        /// Which.
        task: ItemId,
        /// Where to.
        queue: QueueId,
    },
    /// A skill of an agent changes while he works (S14), or is again as configured.
    Skill {
        /// The agent, logged in or not.
        agent: AgentId,
        /// One that the configuration names.
        skill: SkillId,
        /// How.
        change: SkillChange,
    },
    /// An agent serves a queue, whatever he is configured for, until his shift ends. Who is not logged in sits down and serves
    /// this queue alone.
    Serve {
        /// The agent.
        agent: AgentId,
        /// One that he does not serve yet.
        queue: QueueId,
        /// His rank in it, 0..=[`crate::limits::RANK_MAX`].
        rank: u8,
        /// Where he sits down, if he is not logged in.
        at: Option<StationId>,
    },
    /// He does not serve a queue any more until his shift ends; with the last one it does.
    LeaveQueue {
        /// The agent, logged in.
        agent: AgentId,
        /// One that he serves.
        queue: QueueId,
    },
    /// His rank in a queue until his shift ends.
    Rank {
        /// The agent, logged in.
        agent: AgentId,
        /// One that he serves.
        queue: QueueId,
        /// 0..=[`crate::limits::RANK_MAX`].
        rank: u8,
    },
}

/// What an item is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A caller who waits on the line.
    #[default]
    Call,
    /// The place of a caller who has hung up and will be called back.
    Callback,
}

impl Kind {
    /// The word in rows and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Call => "call",
            Kind::Callback => "callback",
        }
    }
}

/// Something to serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The item.
    pub item: ItemId,
    /// What it is.
    pub kind: Kind,
    /// The queue.
    pub queue: QueueId,
    /// What it needs beyond what the queue needs.
    pub need: Need,
    /// Customer's segment.
    pub segment: SegmentId,
    /// Customer's value, per mille of the segment's unit; orders within the room that the value-rate rule leaves.
    pub value_pm: u32,
    /// Who, to regain a place on redial (C4): a name that the call room gives him.
    pub caller: Option<String>,
    /// It counts as this much older, and why.
    pub credits: Credits,
    /// The agent who looks after this customer: waited for and preferred.
    pub owner: Option<AgentId>,
    /// The agent whom this customer talked to last, as others know it; what the ACD remembers itself is later and counts first.
    pub last_agent: Option<AgentId>,
    /// Where he may be called back: his canonical number, if the dial plan lets us; none: nowhere.
    pub callback_to: Option<E164>,
}

/// What the ACD wants done. Order is part of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// The item entered a queue at this place.
    Entered {
        /// The item.
        item: ItemId,
        /// The queue.
        queue: QueueId,
        /// 1-based.
        position: u32,
    },
    /// Ring this agent for this item, until withdrawn.
    Offer {
        /// The item.
        item: ItemId,
        /// The queue it waits in.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// Where he sits.
        station: StationId,
        /// The reservation's epoch.
        epoch: u64,
        /// Why this pair.
        why: Box<Why>,
    },
    /// Stop ringing; the reservation is gone.
    Withdraw {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
        /// Why.
        end: OfferEnd,
    },
    /// The accepted pair may talk: bridge them.
    Connect {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
    },
    /// An offer ended (also accepted ones), for records.
    OfferEnded {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
        /// How.
        end: OfferEnd,
        /// How long it rang, ms.
        ring_ms: u64,
    },
    /// The item's stay in a queue is over; exactly one per `Entered`.
    Left {
        /// The item.
        item: ItemId,
        /// The queue.
        queue: QueueId,
        /// How.
        how: QueueLeft,
        /// Place on leaving, 1-based.
        position: u32,
        /// Entered → left, ms.
        wait_ms: u64,
    },
    /// The item goes on elsewhere; its stay here ended with a `Left` before (or, refused at the door, never began).
    Overflow {
        /// The item.
        item: ItemId,
        /// Where. `Queue` has already been done by the ACD, with its age kept; the rest is the call's to do.
        to: Overflow,
    },
    /// Say the item's place.
    Announce {
        /// The item.
        item: ItemId,
        /// 1-based.
        position: u32,
        /// How long it will wait, ms; none: not sure.
        expected_ms: Option<u64>,
    },
    /// An item was answered whose wait had been forecast when nobody was free for it first.
    Foreseen {
        /// The item.
        item: ItemId,
        /// The queue.
        queue: QueueId,
        /// The forecast, ms, told or not.
        expected_ms: u64,
        /// What came, ms.
        waited_ms: u64,
    },
    /// He leaves the queue by this key; how is told next.
    LeavingByKey {
        /// The item.
        item: ItemId,
        /// Which queue.
        queue: QueueId,
        /// What he pressed.
        key: char,
    },
    /// The caller hangs up, or is told good-bye, and his place stays.
    CallbackTaken {
        /// The item.
        item: ItemId,
        /// Where his place is.
        queue: QueueId,
        /// By what.
        how: CallbackAsked,
    },
    /// The caller pressed the key for a callback and cannot be called back. He waits on.
    CallbackRefused {
        /// The item.
        item: ItemId,
    },
    /// An attempt to call somebody back begins, as a call of the item's id. Answered by [`Event::CallbackAnswered`] or
    /// [`Event::CallbackFailed`]; or, with the agent first, an offer of the item follows.
    CallBack {
        /// The item.
        item: ItemId,
        /// Whom, and for what.
        back: Box<CallBack>,
    },
    /// The attempt's call is to end: its callback is over, or begins anew.
    CallbackStop {
        /// The item.
        item: ItemId,
    },
    /// A callback is over.
    CallbackEnded {
        /// The call that asked for it; none: a person did.
        first: Option<CallId>,
        /// The queue.
        queue: QueueId,
        /// Why.
        end: CallbackEnd,
        /// Attempts that were made.
        attempts: u32,
    },
    /// How many callbacks of a queue are still to be made has changed.
    CallbacksDue {
        /// The queue.
        queue: QueueId,
        /// How many.
        due: u32,
    },
    /// An agent's state changed.
    Agent {
        /// The agent.
        agent: AgentId,
        /// Where he sits.
        station: Option<StationId>,
        /// New state.
        state: AgentState,
        /// About which item.
        item: Option<ItemId>,
        /// Time in it is paid: all of a shift but the not-ready reasons that say otherwise.
        is_paid: bool,
    },
    /// Which queues an agent serves was changed for his shift; told before a login that it comes with. At its end all is as
    /// configured, which is not told.
    Serves {
        /// The agent.
        agent: AgentId,
        /// The queue.
        queue: QueueId,
        /// His rank in it; none: he does not serve it.
        rank: Option<u8>,
    },
    /// An agent has been not ready for longer than his reason allows; told once for each time.
    PauseTooLong {
        /// The agent.
        agent: AgentId,
        /// The reason.
        reason: Name,
    },
    /// The agent said what came of a call; the last word counts.
    Disposed {
        /// The item.
        item: ItemId,
        /// The agent.
        agent: AgentId,
        /// The result.
        disposition: Name,
    },
    /// The emergency switch was used, whether it changed anything or not.
    Emergency {
        /// None: all queues.
        queue: Option<QueueId>,
        /// On.
        on: bool,
    },
    /// Somebody changed how an item waits, or where.
    Changed {
        /// The item.
        item: ItemId,
        /// What.
        change: WaitingChange,
    },
    /// Something became of a task.
    Task {
        /// Which.
        item: ItemId,
        /// Its queue, after the change.
        queue: QueueId,
        /// What kind of work.
        kind: TaskKind,
        /// What.
        change: TaskChange,
    },
    /// The reconciler healed something; a healthy run has none.
    Healed {
        /// What, as a metric label.
        reason: Heal,
    },
}

/// What the reconciler may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heal {
    /// An agent in a state that neither a deadline nor an item backs.
    AgentStuck,
    /// A reservation past its lease.
    LeaseExpired,
    /// An item that is neither waiting nor reserved nor with an agent.
    ItemLost,
}

/// Where an item goes that its queue does not keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overflow {
    /// Another queue.
    Queue(QueueId),
    /// A number outside, by the dial plan.
    Number(String),
    /// A prompt, then good-bye.
    Prompt(PromptId),
    /// He hangs up and his place stays: he is called back. Good-bye to whom that cannot be offered.
    Callback,
    /// A menu of the dial plan.
    Menu(Name),
    /// A mailbox, where he leaves a message.
    Voicemail(Name),
    /// Good-bye at once.
    HangUp,
}
