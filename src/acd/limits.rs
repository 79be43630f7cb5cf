//! Bounds and pauses of the ACD, each with what happens there.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Name;

/// Most hops an overflow may take an item through queues, at one door or over its life; then it is kept where it
/// waits, or at the door told good-bye.
pub const OVERFLOW_HOPS_MAX: u8 = 5;
/// Longest text of a need, bytes.
pub const NEED_BYTES_MAX: usize = 512;
/// Deepest nesting of a need.
pub const NEED_DEPTH_MAX: usize = 8;
/// Most skills named in one need.
pub const NEED_TERMS_MAX: usize = 32;
/// Most timers handled in one turn; the rest are due at once in the next.
pub const DUE_PER_TURN: usize = 256;
/// Most items sent away in one turn by a queue that lost its last agent or was removed.
pub const DRAIN_PER_TURN: usize = 256;
/// Agents, and items, that one turn of the reconciler looks at.
pub const RECONCILE_PER_TURN: usize = 64;
/// The reconciler's pace while there is anything to look at.
pub const RECONCILE_EVERY: Duration = Duration::from_secs(1);
/// A reservation lives at most this much longer than its ring limit.
pub const LEASE_SLACK: Duration = Duration::from_secs(5);
/// Most tasks that an agent may be configured to have in hand.
pub const TASKS_IN_HAND_MAX: u8 = 20;
/// Longest subject of a task, bytes; a longer one is refused.
pub const TASK_SUBJECT_MAX: usize = 200;
/// Longest customer id of a task, bytes; a longer one is refused.
pub const TASK_CUSTOMER_MAX: usize = 64;
/// Most skills of one agent that may be changed while he works; further ones are refused.
pub const SKILLS_LIVE_MAX: usize = 32;
/// The highest rank of an agent in a queue.
pub const RANK_MAX: u8 = 100;
/// Most rings of a queue; what is configured beyond them does not count.
pub const RINGS_MAX: usize = 16;
/// Blocked pairs named in one decision.
pub const BLOCKED_MAX: usize = 8;
/// What arrived fades within about this long.
pub const ARRIVALS_KEPT: Duration = Duration::from_secs(900);
/// Load is counted as if arrivals had been watched at least this long: the first callers of a day say little.
pub const ARRIVALS_SEEN_LEAST: Duration = Duration::from_secs(300);
/// The expected handle time counts like so many conversations.
pub const HANDLED_EXPECTED: u64 = 10;
/// At so many conversations counted, what is past counts half.
pub const HANDLED_COUNTED_MAX: u64 = 1000;
/// A longer conversation counts as this long: a forgotten call must not move the tables for days.
pub const HANDLE_COUNTED_MAX: Duration = Duration::from_secs(2 * 3600);
/// A restart keeps the places of those it cut off at least this long (docs/reliability.md C4).
pub const CUT_KEEPS_PLACE: Duration = Duration::from_secs(60);

/// The least that a pair stays apart after an offer that came to nothing.
pub const APART_LEAST: Duration = Duration::from_secs(1);
/// Most stations rung at once for one item by a queue that rings all; of more the longest idle, the others as these fail.
pub const RING_ALL_MAX: usize = 24;
/// Most agents an item is kept apart from; of more the one who would be free for it first is so at once.
pub const APART_MAX: usize = 64;
/// Reason shown after too many offers missed in a row; only the agent's `ready` ends it.
pub const REASON_NO_ANSWER: &str = "no-answer";
/// Reason shown while an agent rests after a decline, and after too many in a row.
pub const REASON_DECLINED: &str = "declined";
/// Reason shown while an agent rests after his line was busy.
pub const REASON_LINE_BUSY: &str = "line-busy";
/// Reason shown while the station cannot be reached, while an agent rests after that, and after too often in a row.
pub const REASON_UNREACHABLE: &str = "unreachable";

/// A caller to whom a callback was offered must have said yes within this.
pub const CALLBACK_CONFIRM: Duration = Duration::from_secs(120);
/// The pace of a queue's callbacks while any is in line.
pub const CALLBACK_PACE: Duration = Duration::from_secs(1);
/// The pace while all of them rest: steps of the wall clock are seen that soon.
pub const CALLBACK_LOOK_MAX: Duration = Duration::from_secs(60);
/// An attempt that came to nothing without the customer's doing is made again after this.
pub const CALLBACK_SOON: Duration = Duration::from_secs(10);
/// Most callbacks that a queue may be configured to keep; its pace looks at each.
pub const CALLBACKS_KEPT_MAX: u32 = 10_000;
/// How far ahead a customer may be called by appointment.
pub const APPOINTMENT_MAX: Duration = Duration::from_secs(31 * 86_400);

/// One of the reasons above as a name.
pub(crate) fn reason(text: &'static str) -> Name {
    Name::new(text).expect("the reasons above are written as names")
}

/// Bounds on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Most items waiting in all queues together; more are told good-bye at the door.
    pub items_max: u32,
    /// Most callers whose place is kept for a redial; the one that would expire first is forgotten.
    pub redials_max: u32,
    /// Most stations that something is known about; events about further ones are dropped and counted.
    pub stations_max: u32,
    /// Groups of items (one for each queue and need) that are kept while nobody waits in them; the one that emptied first is
    /// forgotten.
    pub groups_idle_max: u32,
    /// Classes (queue, need and segment) whose waits are remembered for forecasts; the one that was last answered longest ago
    /// is forgotten.
    pub classes_max: u32,
    /// Most combinations of skills and levels that the tables weigh; further ones count as average until the next change of
    /// configuration.
    pub recipes_max: u32,
    /// Most tasks that are not done; further ones are refused.
    pub tasks_max: u32,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            items_max: 200_000,
            redials_max: 50_000,
            stations_max: 200_000,
            groups_idle_max: 1024,
            classes_max: 4096,
            recipes_max: 65_536,
            tasks_max: 100_000,
        }
    }
}
