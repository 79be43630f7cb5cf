//! What people and dashboards see of the state: plain rows, made on demand.

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, CallId, QueueId, StationId, TrunkId, Wall};

/// Answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Done; nothing to show.
    Done,
    /// Queues.
    Queues(Vec<QueueView>),
    /// Agents.
    Agents(Vec<AgentView>),
    /// Live calls.
    Calls(Vec<CallView>),
    /// Registrations and trunks.
    Reachable {
        /// Stations.
        stations: Vec<StationView>,
        /// Trunks.
        trunks: Vec<TrunkView>,
    },
    /// Sizes.
    Sizes(Sizes),
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    /// Name.
    pub queue: QueueId,
    /// Who waits, in the order in which an agent for all of them would be given them.
    pub waiting: Vec<WaitingView>,
    /// Agents who serve it and are logged in.
    pub logged_in: u32,
    /// Of them ready.
    pub ready: u32,
}

/// One waiting call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// The call.
    pub call: CallId,
    /// Calling number.
    pub ani: String,
    /// Segment.
    pub segment: String,
    /// So far, ms.
    pub waited_ms: u64,
    /// Agent it is offered to.
    pub offered_to: Option<AgentId>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// Name.
    pub agent: AgentId,
    /// Shown name.
    pub shown: String,
    /// Where he sits.
    pub station: Option<StationId>,
    /// Label of [`turno_base::fact::AgentState`].
    pub state: String,
    /// Reason if paused.
    pub reason: Option<String>,
    /// For how long, ms.
    pub since_ms: u64,
    /// About which call.
    pub call: Option<CallId>,
}

/// One live call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// Calling number.
    pub ani: String,
    /// Dialled number.
    pub dnis: String,
    /// What it does: `arriving`, `waiting`, `offered`, `talking`, `announcement`, `ending`.
    pub stage: String,
    /// Queue, if it waits or came from one.
    pub queue: Option<QueueId>,
    /// Agent who talks.
    pub agent: Option<AgentId>,
    /// Since its first INVITE, ms.
    pub age_ms: u64,
    /// Live legs.
    pub legs: u32,
}

/// One station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationView {
    /// Name.
    pub station: StationId,
    /// Bound contacts, with transport.
    pub contacts: Vec<String>,
    /// When the last of them expires.
    pub expires: Option<Wall>,
    /// Reachable.
    pub reachable: bool,
}

/// One trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkView {
    /// Name.
    pub trunk: TrunkId,
    /// Usable.
    pub up: bool,
    /// Calls now.
    pub calls: u32,
}

/// Sizes of everything that could leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Live calls.
    pub calls: u64,
    /// Live legs.
    pub legs: u64,
    /// SIP dialogs.
    pub dialogs: u64,
    /// SIP transactions.
    pub transactions: u64,
    /// Pending deadlines.
    pub timers: u64,
    /// Registered contacts.
    pub bindings: u64,
    /// Waiting items.
    pub waiting: u64,
    /// Free media ports.
    pub ports_free: u64,
    /// Records not yet durable.
    pub records_pending: u64,
}
