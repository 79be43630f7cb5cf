//! What people ask of tasks: another one, done, moved; and rows of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turno_base::fact::{TaskChange, TaskKind};
use turno_base::{AgentId, CallId, ItemId, Mono, Name, Now, QueueId, SegmentId, Wall};

use super::{Class, NewTask, Place, Task};
use crate::acd::Acd;
use crate::boundary::Decision;
use crate::limits::{TASK_CUSTOMER_MAX, TASK_SUBJECT_MAX};
use crate::refusal::Refusal;

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Its id.
    pub task: ItemId,
    /// What kind of work.
    pub kind: TaskKind,
    /// Its queue.
    pub queue: QueueId,
    /// Segment of the customer it is about.
    pub segment: SegmentId,
    /// What it is about; data, never markup.
    pub subject: String,
    /// The customer's external id.
    pub customer: Option<String>,
    /// To be done before then.
    pub due: Wall,
    /// That has passed.
    pub is_late: bool,
    /// Where it stands.
    pub state: TaskState,
    /// Who has it in hand.
    pub agent: Option<AgentId>,
    /// Since it was entered, ms.
    pub age_ms: u64,
    /// How long it was worked on so far, ms.
    pub worked_ms: u64,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// At this place of its queue's tasks, 1-based, by due date.
    Waiting(u32),
    /// In somebody's hands, who works on something else.
    Held,
    /// Somebody works on it.
    WorkedOn,
}

impl Acd {
    pub(crate) fn add_task(&mut self, new: NewTask, now: Mono, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        let NewTask { kind, queue, need, segment, value_pm, due, priority, subject, customer, owner } = new;
        if !self.config.queues.contains_key(&queue) {
            return Err(Refusal::NoSuchQueue(queue));
        }
        if subject.len() > TASK_SUBJECT_MAX {
            return Err(Refusal::TaskTextLong { most: TASK_SUBJECT_MAX });
        }
        if customer.as_ref().is_some_and(|customer| customer.len() > TASK_CUSTOMER_MAX) {
            return Err(Refusal::TaskTextLong { most: TASK_CUSTOMER_MAX });
        }
        if self.tasks.len() >= self.bounds.tasks_max as usize {
            return Err(Refusal::TooManyTasks(self.bounds.tasks_max));
        }
        let wall = self.wall(now);
        let due = due.unwrap_or_else(|| wall + self.config.tasks.due_in(priority));
        let id = ItemId(CallId::mint(wall, &mut self.tasks.seeded));
        self.tasks.entered += 1;
        self.tasks.last = Some(id);
        let task = Task {
            queue,
            class: Class { kind, segment, need },
            place: Place { due, value_pm: Reverse(value_pm), seq: self.tasks.entered, task: id },
            subject: subject.into_boxed_str(),
            customer: customer.map(String::into_boxed_str),
            owner,
            added: now,
            waited_us: None,
            with: None,
            worked_us: 0,
            works_since: None,
        };
        self.tasks.by_id.insert(id, task);
        self.tasks.stand(id);
        self.tell_task(id, TaskChange::Added { due }, out);
        Ok(())
    }

    /// It is done, whether somebody has it in hand or not.
    pub(crate) fn finish_task(
        &mut self,
        id: ItemId,
        disposition: Option<Name>,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        if !self.tasks.by_id.contains_key(&id) {
            return Err(Refusal::NoSuchTask(id));
        }
        if let Some(unknown) = disposition.filter(|named| !self.config.dispositions.contains_key(named)) {
            return Err(Refusal::NoSuchDisposition(unknown));
        }
        self.stop_clock(id, now);
        let agent = self.tasks.by_id.get(&id).and_then(|task| task.with).map(|at| self.agents[at].id);
        if let Some(task) = self.tasks.by_id.get(&id) {
            let waited_us = task.waited_us.unwrap_or(now.0.saturating_sub(task.added.0));
            let done = TaskChange::Done {
                agent,
                disposition,
                worked_ms: task.worked_us / 1000,
                waited_ms: waited_us / 1000,
                is_late: task.place.due < self.wall(now),
            };
            self.tell_task(id, done, out);
        }
        self.tasks.step_out(id);
        self.take_from_hands(id, now, out);
        self.tasks.by_id.remove(&id);
        Ok(())
    }

    /// To another queue, out of the hands of whoever has it; its due date stays.
    pub(crate) fn move_task(
        &mut self,
        id: ItemId,
        to: QueueId,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let Some(from) = self.tasks.by_id.get(&id).map(|task| task.queue) else { return Err(Refusal::NoSuchTask(id)) };
        if !self.config.queues.contains_key(&to) {
            return Err(Refusal::NoSuchQueue(to));
        }
        if from == to {
            return Err(Refusal::AlreadyThere(to));
        }
        self.tasks.step_out(id);
        if let Some(task) = self.tasks.by_id.get_mut(&id) {
            task.queue = to;
        }
        // Before what follows from it: his next task begins when this one has gone.
        self.tell_task(id, TaskChange::Moved(from), out);
        self.take_from_hands(id, now, out);
        self.tasks.stand(id);
        Ok(())
    }

    /// The task that was entered last.
    pub fn task_entered(&self) -> Option<ItemId> {
        self.tasks.last
    }

    /// All tasks by queue and due date, or those of a queue, or in the hands of an agent.
    pub fn tasks(&self, queue: Option<QueueId>, agent: Option<AgentId>, now: Now) -> Vec<TaskRow> {
        let mut all: Vec<(&ItemId, &Task)> = self.tasks.by_id.iter().collect();
        all.sort_by_key(|(_, task)| (task.queue, task.place));
        let mut waiting: BTreeMap<QueueId, u32> = BTreeMap::new();
        let rows = all.into_iter().map(|(id, task)| {
            let state = match (task.with, task.works_since) {
                (None, _) => {
                    let place = waiting.entry(task.queue).or_default();
                    *place += 1;
                    TaskState::Waiting(*place)
                }
                (Some(_), None) => TaskState::Held,
                (Some(_), Some(_)) => TaskState::WorkedOn,
            };
            self.task_row(*id, task, state, now)
        });
        let is_asked = |row: &TaskRow| {
            queue.is_none_or(|queue| row.queue == queue) && agent.is_none_or(|agent| row.agent == Some(agent))
        };
        rows.filter(is_asked).collect()
    }

    /// One task.
    pub fn task(&self, id: ItemId, now: Now) -> Option<TaskRow> {
        let queue = self.tasks.by_id.get(&id)?.queue;
        self.tasks(Some(queue), None, now).into_iter().find(|row| row.task == id)
    }

    fn task_row(&self, id: ItemId, task: &Task, state: TaskState, now: Now) -> TaskRow {
        let working_us = task.works_since.map_or(0, |since| now.mono.0.saturating_sub(since.0));
        TaskRow {
            task: id,
            kind: task.class.kind,
            queue: task.queue,
            segment: task.class.segment,
            subject: task.subject.to_string(),
            customer: task.customer.as_deref().map(str::to_owned),
            due: task.place.due,
            is_late: task.place.due < now.wall,
            state,
            agent: task.with.and_then(|at| self.agents.get(at)).map(|agent| agent.id),
            age_ms: now.mono.0.saturating_sub(task.added.0) / 1000,
            worked_ms: (task.worked_us + working_us) / 1000,
        }
    }
}
