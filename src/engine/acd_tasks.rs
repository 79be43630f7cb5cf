//! Seam: what people ask of tasks becomes commands of the ACD, and its rows become views.

use turno_acd::{Command, NewTask, Priority, TaskRow, TaskState};
use turno_base::fact::TaskKind;
use turno_base::{AgentId, CallId, ItemId, Need, Now, QueueId, SegmentId, Wall};

use serde::{Deserialize, Serialize};

use crate::Rooms;
use crate::boundary::Refusal;
use crate::commands::{no_agent, no_queue};
use crate::turn::Turn;
use crate::views::{Answer, ROWS_MAX, TaskView};

/// A task as a person or program enters it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEntry {
    /// What kind of work.
    pub kind: TaskKind,
    /// The queue.
    pub queue: QueueId,
    /// What it needs beyond what the queue needs; none: nothing.
    pub need: Option<Need>,
    /// To be done before then; none: after the usual time of its priority.
    pub due: Option<Wall>,
    /// How urgent, if it does not say when it is due.
    pub priority: Priority,
    /// What it is about.
    pub subject: String,
    /// The customer's external id.
    pub customer: Option<String>,
    /// The customer's segment; none: that of somebody nobody knows.
    pub segment: Option<SegmentId>,
    /// The agent who looks after this customer.
    pub owner: Option<AgentId>,
}

impl Rooms {
    /// The answer is the new task.
    pub(crate) fn add_task(&mut self, entry: &TaskEntry, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        if !self.config.acd.queues.contains_key(&entry.queue) {
            return Err(no_queue(entry.queue));
        }
        let new = NewTask {
            kind: entry.kind,
            queue: entry.queue,
            need: entry.need.clone().unwrap_or(Need::Anyone),
            segment: entry.segment.unwrap_or(self.config.segment_default),
            value_pm: self.config.value_default_pm,
            due: entry.due,
            priority: entry.priority,
            subject: entry.subject.clone(),
            customer: entry.customer.clone(),
            owner: entry.owner,
        };
        self.tell_acd_command(Command::TaskAdd(Box::new(new)), turn)?;
        let row = self.acd.task_entered().and_then(|task| self.acd.task(task, turn.now));
        Ok(Answer::Tasks(row.into_iter().map(|row| task_view(row, turn.now)).collect()))
    }

    pub(crate) fn tell_task(&mut self, task: CallId, command: Command, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        self.acd.task(ItemId(task), turn.now).ok_or_else(|| no_task(task))?;
        self.tell_acd_command(command, turn)
    }

    pub(crate) fn tasks(
        &self,
        queue: Option<QueueId>,
        agent: Option<AgentId>,
        now: Now,
    ) -> Result<Vec<TaskView>, Refusal> {
        if let Some(queue) = queue.filter(|queue| !self.config.acd.queues.contains_key(queue)) {
            return Err(no_queue(queue));
        }
        if let Some(agent) = agent.filter(|agent| !self.config.acd.agents.contains_key(agent)) {
            return Err(no_agent(agent));
        }
        Ok(self.acd.tasks(queue, agent, now).into_iter().take(ROWS_MAX).map(|row| task_view(row, now)).collect())
    }
}

fn no_task(task: CallId) -> Refusal {
    Refusal::Unknown { what: "task".to_owned(), name: task.to_string() }
}

fn task_view(row: TaskRow, now: Now) -> TaskView {
    let (state, position) = match row.state {
        TaskState::Waiting(position) => ("waiting", Some(position)),
        TaskState::Held => ("held", None),
        TaskState::WorkedOn => ("worked-on", None),
    };
    TaskView {
        task: row.task.0,
        kind: row.kind.as_str().to_owned(),
        queue: row.queue,
        segment: row.segment.to_string(),
        subject: row.subject,
        customer: row.customer,
        due: row.due.to_string(),
        due_in_s: row.due.0.saturating_sub(now.wall.0).div_euclid(1_000_000),
        is_late: row.is_late,
        state: state.to_owned(),
        position,
        agent: row.agent,
        age_ms: row.age_ms,
        worked_ms: row.worked_ms,
    }
}
