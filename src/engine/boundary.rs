//! Everything that goes into the engine and comes out of it. Inputs are what the journal holds.

use serde::{Deserialize, Serialize};
use turno_acd::{Heal, SkillChange, Why};
use turno_base::fact::Note;
use turno_base::{AgentId, CallId, E164, Fact, LegId, Name, Need, Now, QueueId, SkillId, StationId, TrunkId, Wall};
use turno_call::Customer;
use turno_media::{MediaCommand, MediaEvent, Port};
use turno_sip::config::{HostPort, Resolved};
use turno_sip::flow::{Destination, Flow, Transport};
use turno_sip::message::{Message, Rejected};
use turno_sip::ua::{Count, Load};

use crate::acd_tasks::TaskEntry;
use crate::config::EngineConfig;
use crate::rehearsal::Rehearsal;
use crate::views::Answer;

/// What goes in, in the order in which the loop took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// First input of a life, and each change of configuration. Calls, places and agents stay.
    Configure(Box<EngineConfig>),
    /// A message that a socket task has read.
    Sip {
        /// Where from.
        flow: Flow,
        /// The message; journalled as its bytes.
        message: Message,
    },
    /// Bytes that are no message; a request among them may still deserve its 400.
    Unreadable {
        /// Where from.
        flow: Flow,
        /// At most the first 4 KiB.
        #[serde(with = "turno_base::bytes")]
        bytes: Vec<u8>,
        /// Why.
        rejected: Rejected,
    },
    /// A stream connection is gone.
    FlowClosed(Flow),
    /// What was sent with this token did not leave.
    SendFailed(u64),
    /// Answer to [`Effect::Resolve`]; empty: the name does not resolve.
    Resolved {
        /// The question.
        query: u64,
        /// In order of preference.
        addresses: Vec<Resolved>,
    },
    /// A media session saw something.
    Media {
        /// Whose.
        leg: LegId,
        /// What.
        event: MediaEvent,
    },
    /// Answer to [`Effect::LookUp`]; none: nobody by that number.
    Customer {
        /// The call.
        call: CallId,
        /// Who calls.
        customer: Option<Customer>,
    },
    /// Ports that legs may use: newly bound, or free again.
    Ports(Vec<Port>),
    /// Every record up to this sequence number is durable.
    Stored(u64),
    /// From the API or the command line; answered by [`Effect::Reply`] with the same id.
    Command {
        /// Names the answer.
        id: u64,
        /// What.
        command: Command,
    },
    /// How loaded the process is; about every 100 ms and at each change of `draining` or `store_full`.
    Load(Load),
    /// The process started again with this state: sockets, media and stream connections are new.
    Restarted {
        /// When the process before is last known to have lived: what its death ended, ended then.
        alive: Now,
    },
    /// Handling the previous input panicked; end the call it was about, keep the others.
    Fault {
        /// That input, if it was a message.
        message: Option<Box<(Flow, Message)>>,
    },
    /// The deadline passed.
    Deadline,
}

/// What a person or program may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// All queues, or one, with who waits.
    QueueShow(Option<QueueId>),
    /// How long the next to enter each queue would wait.
    QueueExpected,
    /// All agents, or one.
    AgentShow(Option<AgentId>),
    /// Sit down.
    AgentLogin(AgentId, Option<StationId>),
    /// End the shift.
    AgentLogout(AgentId),
    /// Not ready.
    AgentPause(AgentId, Name),
    /// Ready.
    AgentReady(AgentId),
    /// The work after the call is saved.
    AgentSaved(AgentId),
    /// A longer wrap-up.
    AgentExtend(AgentId),
    /// What came of the agent's present or last call.
    AgentDisposition(AgentId, Name),
    /// A skill of an agent changes, or is again as configured.
    AgentSkill(AgentId, SkillId, SkillChange),
    /// An agent serves a queue until his shift ends, at this rank. Who is not logged in sits down, at the station or at his own,
    /// and serves this queue alone.
    AgentServe(AgentId, QueueId, u8, Option<StationId>),
    /// He does not serve a queue until his shift ends; with the last one it does.
    AgentLeave(AgentId, QueueId),
    /// His rank in a queue until his shift ends.
    AgentRank(AgentId, QueueId, u8),
    /// A task is to be done; answered with it.
    TaskAdd(Box<TaskEntry>),
    /// Tasks by queue and due date: all, of a queue, in the hands of an agent.
    TaskShow(Option<QueueId>, Option<AgentId>),
    /// A task is done, and what came of it.
    TaskDone(CallId, Option<Name>),
    /// A task is for another queue.
    TaskMove(CallId, QueueId),
    /// All live calls, or one.
    CallShow(Option<CallId>),
    /// End a call.
    CallHangUp(CallId),
    /// Put a conversation into a slot; none: into the first that is free.
    CallPark(CallId, Option<u32>),
    /// Take a waiting or parked call for an agent, whose station is called.
    CallPull(CallId, AgentId),
    /// Connect a station with a number: the station is called first. Answered with the new call.
    CallPlace(StationId, String),
    /// All callbacks, or that of a number.
    CallbackShow(Option<E164>),
    /// Somebody is to be called back.
    CallbackAdd {
        /// Whom.
        number: E164,
        /// For which queue.
        queue: QueueId,
        /// Not before then; none: as soon as it is his turn.
        at: Option<Wall>,
    },
    /// Somebody is not to be called back.
    CallbackCancel(E164),
    /// Somebody is to be called back at another time.
    CallbackAppoint {
        /// Whom.
        number: E164,
        /// When.
        at: Wall,
    },
    /// Make a waiting call count as this much older, s.
    CallBump(CallId, u32),
    /// Move a waiting call to another queue, with its age.
    CallMove(CallId, QueueId),
    /// Why a call waits, or was offered to whom it was.
    CallExplain(CallId),
    /// Why an agent gets what he gets, or nothing.
    AgentExplain(AgentId),
    /// Change what a waiting call needs beyond what its queue needs.
    CallNeeds(CallId, Need),
    /// A line of its own in `queue_log`, for a program outside.
    QueueNote(QueueId, Note),
    /// The emergency switch of a queue, or of all; on or off.
    Emergency(Option<QueueId>, bool),
    /// All calendars, or one, as of an instant; none: now.
    CalendarShow(Option<Name>, Option<Wall>),
    /// Registrations and trunks.
    RegShow,
    /// Sizes of everything, for metrics.
    Sizes,
    /// The legs of a live call, those that have ended too.
    CallLegs(CallId),
    /// What would become of a call; nothing changes.
    RouteTest(Box<Rehearsal>),
}

/// What comes out, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Send SIP bytes; a failure on a stream comes back as [`Input::SendFailed`] unless the token is 0.
    Send {
        /// Where.
        to: Destination,
        /// Whole message.
        #[serde(with = "turno_base::bytes")]
        bytes: Vec<u8>,
        /// Names a failure.
        token: u64,
    },
    /// Close a stream connection.
    Close(Flow),
    /// Resolve by RFC 3263; answered by [`Input::Resolved`].
    Resolve {
        /// Names the answer.
        query: u64,
        /// What.
        host: HostPort,
        /// Transport if fixed.
        transport: Option<Transport>,
    },
    /// Command a media session.
    Media {
        /// Whose.
        leg: LegId,
        /// What.
        command: MediaCommand,
    },
    /// About a message that a caller leaves.
    Mail(Mail),
    /// Who calls? Answered by [`Input::Customer`]; silence is covered by a deadline and the default segment.
    LookUp {
        /// The call.
        call: CallId,
        /// Canonical number.
        number: E164,
    },
    /// The free ports run low: bind about this many more pairs; answered by [`Input::Ports`].
    WantPorts(u32),
    /// Append to the record log; [`Input::Stored`] reports durability.
    Store {
        /// Sequence number, ascending by one.
        seq: u64,
        /// The row.
        row: turno_tariff::cdr::Row,
    },
    /// Answer to a command.
    Reply {
        /// Which.
        id: u64,
        /// The answer, or a refusal with a sentence.
        answer: Result<Answer, Refusal>,
    },
    /// Something happened; dashboards, metrics and `queue_log` fold these.
    Fact(Fact),
    /// Something countable happened in signalling.
    Count(Count),
    /// A trunk's state changed.
    Trunk {
        /// The trunk.
        trunk: TrunkId,
        /// Usable; none: nothing is known of it any more.
        up: Option<bool>,
    },
    /// Why this agent is offered this call.
    Why {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
        /// The parts of the choice.
        why: Why,
    },
    /// A wait that had been forecast is over.
    Foreseen {
        /// The queue.
        queue: QueueId,
        /// The forecast, ms, told or not.
        expected_ms: u64,
        /// What came, ms.
        waited_ms: u64,
    },
    /// The reconciler healed something; a healthy run has none.
    Healed(Heal),
}

/// What is to be done with a message. Its sound comes from the media session of the leg; a failure to keep it is told as
/// [`MediaEvent::Taped`] of that leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mail {
    /// It begins: what the leg's session takes down belongs to it.
    Open {
        /// Who speaks.
        leg: LegId,
        /// The call, whose id is the message's.
        call: CallId,
        /// Where, who and how long.
        message: Box<turno_call::Message>,
    },
    /// It is whole; a message shorter than its least is nothing.
    Done {
        /// The call.
        call: CallId,
    },
}

/// Why a command is not done. The sentence is for a person: lower case, names the object and the fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// No such object.
    Unknown {
        /// Kind of object.
        what: String,
        /// As given.
        name: String,
    },
    /// Not possible in this state.
    Conflict {
        /// Why, and what to do.
        sentence: String,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Unknown { what, name } => write!(f, "there is no {what} {name:?}"),
            Refusal::Conflict { sentence } => f.write_str(sentence),
        }
    }
}

impl std::error::Error for Refusal {}
