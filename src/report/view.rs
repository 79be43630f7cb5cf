//! What a wallboard shows at one instant: plain rows. Names are data, never markup; per mille so that nothing is rounded twice.

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, CallId, Name, QueueId, SegmentId, Wall};

/// The whole board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardView {
    /// Of this instant.
    pub at: Wall,
    /// Calls that wait now.
    pub waiting: u32,
    /// Callbacks still to be made.
    pub callbacks: u32,
    /// Most that waited at once today.
    pub waiting_peak: u32,
    /// Most that waited in each of the last minutes, oldest first; the last one is the current minute.
    pub waiting_minutes: Vec<u32>,
    /// Who waits longest.
    pub longest: Option<Longest>,
    /// All queues together, each by its own threshold: answered in time, of those that count.
    pub level: (u64, u64),
    /// The same in per mille; none before the first entry ended.
    pub level_pm: Option<u32>,
    /// Agents logged in.
    pub logged_in: u32,
    /// Agents by state: the labels of `AgentState`, logged-out ones not among them.
    pub states: Vec<(String, u32)>,
    /// By name.
    pub queues: Vec<QueueRow>,
    /// Logged-in agents, by name.
    pub agents: Vec<AgentRow>,
    /// By name.
    pub segments: Vec<SegmentRow>,
    /// Today, all queues.
    pub totals: Totals,
}

/// Who waits longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Longest {
    /// The call.
    pub call: CallId,
    /// Where.
    pub queue: QueueId,
    /// For how long.
    pub wait_ms: u64,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Name.
    pub queue: QueueId,
    /// Shown name.
    pub shown: String,
    /// Calls that wait now.
    pub waiting: u32,
    /// Callbacks still to be made.
    pub callbacks: u32,
    /// Wait of the oldest of them.
    pub longest_ms: Option<u64>,
    /// Service-level threshold.
    pub threshold_s: u32,
    /// Service-level target.
    pub target_pct: u8,
    /// Answered in time, of those that count.
    pub level: (u64, u64),
    /// In per mille.
    pub level_pm: Option<u32>,
    /// Abandoned, of those that count, per mille.
    pub abandoned_pm: Option<u32>,
    /// Today's counts.
    pub totals: Totals,
    /// Agents of the queue who are ready.
    pub ready: u32,
    /// Agents of the queue who are logged in.
    pub logged_in: u32,
}

/// One segment of customers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// Name.
    pub segment: SegmentId,
    /// Answered in time, of those that count.
    pub level: (u64, u64),
    /// In per mille.
    pub level_pm: Option<u32>,
    /// Abandoned, of those that count, per mille.
    pub abandoned_pm: Option<u32>,
    /// Today's counts.
    pub totals: Totals,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Name.
    pub agent: AgentId,
    /// Shown name.
    pub shown: String,
    /// Label of `AgentState`.
    pub state: String,
    /// Reason if paused.
    pub reason: Option<Name>,
    /// For how long.
    pub since_ms: u64,
    /// About which call.
    pub call: Option<CallId>,
}

/// Counts of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Entries.
    pub entered: u64,
    /// Answered.
    pub answered: u64,
    /// Abandoned later than the short-abandon threshold.
    pub abandoned: u64,
    /// Abandoned within it.
    pub short_abandoned: u64,
    /// Everything else: overflow, limits, nobody there, failures.
    pub flowed: u64,
    /// Mean wait of the answered.
    pub wait_mean_ms: Option<u64>,
    /// Mean talk.
    pub talk_mean_ms: Option<u64>,
    /// Mean of talk, hold and wrap-up.
    pub handle_mean_ms: Option<u64>,
}
