//! Tasks: work without a caller on the line (B1, B4). An agent has some in hand beside his one call (R33).
//!
//! A task waits in its queue for an agent who meets what queue and task need, as a call does, but by due date; calls go first:
//! a free agent gets a task only when no call is for him. Who works on a task may be rung for a call like an agent who has only
//! just come free; the task is held meanwhile and goes on when call and wrap-up are over. Nothing rings for a task: it is put
//! into the hands of the agent and stays there until it is done, moved, or his shift ends; then it is back in its place.
//!
//! `desk`: whose hands a task gets into; `people`: commands and rows.

mod desk;
mod people;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{TaskChange, TaskKind};
use turno_base::{AgentId, ItemId, Mono, Need, QueueId, Seeded, SegmentId, Wall};

pub use people::{TaskRow, TaskState};

use crate::acd::Acd;
use crate::boundary::Decision;
use crate::slab::AgentIx;

/// A task as somebody enters it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// What kind of work.
    pub kind: TaskKind,
    /// The queue.
    pub queue: QueueId,
    /// What it needs beyond what the queue needs.
    pub need: Need,
    /// Segment of the customer it is about.
    pub segment: SegmentId,
    /// That customer's value, per mille; of tasks due at the same instant the more valuable goes first.
    pub value_pm: u32,
    /// To be done before this instant; none: after the usual time of its priority.
    pub due: Option<Wall>,
    /// How urgent, if it does not say when it is due.
    pub priority: Priority,
    /// What it is about, for people; at most [`crate::limits::TASK_SUBJECT_MAX`] bytes.
    pub subject: String,
    /// The customer's external id; at most [`crate::limits::TASK_CUSTOMER_MAX`] bytes.
    pub customer: Option<String>,
    /// The agent who looks after this customer, preferred.
    pub owner: Option<AgentId>,
}

/// How urgent a task is that does not say when it is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Before most.
    Urgent,
    /// As usual.
    #[default]
    Medium,
    /// When there is time.
    Low,
}

/// When tasks are due that do not say so, after they were entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRules {
    /// Urgent ones.
    pub due_urgent: Duration,
    /// The usual.
    pub due_medium: Duration,
    /// Those that may wait.
    pub due_low: Duration,
}

impl Default for TaskRules {
    fn default() -> TaskRules {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        TaskRules { due_urgent: hours(4), due_medium: hours(24), due_low: hours(72) }
    }
}

impl TaskRules {
    fn due_in(&self, priority: Priority) -> Duration {
        match priority {
            Priority::Urgent => self.due_urgent,
            Priority::Medium => self.due_medium,
            Priority::Low => self.due_low,
        }
    }
}

/// All tasks that are not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tasks {
    by_id: BTreeMap<ItemId, Task>,
    /// Those that nobody has in hand: by queue and what they ask for, then by due date.
    lines: BTreeMap<QueueId, BTreeMap<Class, BTreeSet<Place>>>,
    /// Came into line in this turn.
    loose: BTreeSet<Place>,
    /// Agents who in this turn came to have room for a task.
    free: BTreeSet<AgentIx>,
    /// Mints their ids.
    seeded: Seeded,
    entered: u64,
    /// The one that was entered last.
    last: Option<ItemId>,
}

/// Tasks for which the same agents will do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Class {
    kind: TaskKind,
    segment: SegmentId,
    need: Need,
}

/// The order of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place {
    due: Wall,
    value_pm: Reverse<u32>,
    /// Order of entering; unique.
    seq: u64,
    task: ItemId,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Task {
    queue: QueueId,
    class: Class,
    place: Place,
    subject: Box<str>,
    customer: Option<Box<str>>,
    owner: Option<AgentId>,
    added: Mono,
    /// How long it waited until somebody took it first, µs; none: nobody has.
    waited_us: Option<u64>,
    /// Who has it in hand.
    with: Option<AgentIx>,
    /// How long it was worked on, µs.
    worked_us: u64,
    /// Since when it is; none: it is not.
    works_since: Option<Mono>,
}

impl Tasks {
    pub(crate) fn new(seed: u64) -> Tasks {
        Tasks {
            by_id: BTreeMap::new(),
            lines: BTreeMap::new(),
            loose: BTreeSet::new(),
            free: BTreeSet::new(),
            // Its own ids, apart from those of callbacks, which are minted from the same seed.
            seeded: Seeded::new(seed ^ TASK_IDS),
            entered: 0,
            last: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many of a queue nobody has in hand.
    pub(crate) fn waiting_in(&self, queue: QueueId) -> usize {
        self.lines.get(&queue).map_or(0, |classes| classes.values().map(BTreeSet::len).sum())
    }

    /// Puts a task into its line.
    fn stand(&mut self, id: ItemId) {
        if let Some(task) = self.by_id.get(&id) {
            self.lines.entry(task.queue).or_default().entry(task.class.clone()).or_default().insert(task.place);
            self.loose.insert(task.place);
        }
    }

    fn step_out(&mut self, id: ItemId) {
        let Some(task) = self.by_id.get(&id) else { return };
        let Some(classes) = self.lines.get_mut(&task.queue) else { return };
        if let Some(line) = classes.get_mut(&task.class) {
            line.remove(&task.place);
            if line.is_empty() {
                classes.remove(&task.class);
            }
        }
        if classes.is_empty() {
            self.lines.remove(&task.queue);
        }
    }
}

/// Tells the ids of tasks from others that the same seed makes.
const TASK_IDS: u64 = 0x7461_736b;

impl Acd {
    fn tell_task(&self, id: ItemId, change: TaskChange, out: &mut Vec<Decision>) {
        if let Some(task) = self.tasks.by_id.get(&id) {
            out.push(Decision::Task { item: id, queue: task.queue, kind: task.class.kind, change });
        }
    }
}
