//! Work without a caller on the line.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, QueueId};
use crate::name::Name;
use crate::time::Wall;

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
