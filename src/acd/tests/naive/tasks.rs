//! What the witness knows of tasks: in whose hands they are, who has room for which, and what is due first.

use turno_base::fact::{AgentState, TaskChange};
use turno_base::{AgentId, ItemId, Mono, QueueId, Wall};

use super::{Waiting, Witness};
use crate::{Credits, Entry, Kind, NewTask};

impl Work {
    fn order(&self) -> (Wall, std::cmp::Reverse<u32>, u64) {
        (self.due, std::cmp::Reverse(self.new.value_pm), self.order)
    }
}

/// A task.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(super) new: NewTask,
    pub(super) order: u64,
    pub(super) due: Wall,
    pub(super) with: Option<AgentId>,
}

impl Witness {
    /// What he has in hand, the first due first.
    pub(super) fn desk(&self, agent: AgentId) -> Vec<ItemId> {
        let mut his: Vec<_> = self.tasks.iter().filter(|(_, task)| task.with == Some(agent)).collect();
        his.sort_by_key(|(_, task)| task.order());
        his.into_iter().map(|(id, _)| *id).collect()
    }

    /// Could this task be put into these hands?
    pub(super) fn may_have(&self, agent: AgentId, task: &Work) -> bool {
        let free = self.agents.get(&agent).is_some_and(|seat| seat.is_free() && seat.offer.is_none());
        let Some(rules) = self.config.agents.get(&agent) else { return false };
        let held: Vec<&Work> = self.tasks.values().filter(|task| task.with == Some(agent)).collect();
        let of_kind = held.iter().filter(|other| other.new.kind == task.new.kind).count();
        free && held.len() < usize::from(rules.tasks_max)
            && of_kind < usize::from(*rules.tasks.get(&task.new.kind).unwrap_or(&rules.tasks_max))
            && self.may_serve(agent, task.new.queue, &task.new.need, task.new.segment)
    }

    pub(super) fn check_tasks(&self) {
        for (agent, seat) in &self.agents {
            let desk = self.desk(*agent);
            match seat.state {
                AgentState::Task => assert_eq!(seat.about, desk.first().copied(), "{agent} works on the first due"),
                AgentState::Ready => assert!(desk.is_empty(), "{agent} has tasks in hand and does nothing"),
                AgentState::LoggedOut => assert!(desk.is_empty(), "{agent} has gone and has tasks in hand"),
                _ => {}
            }
        }
        for (id, task) in self.tasks.iter().filter(|(_, task)| task.with.is_none()) {
            let idle = self.agents.keys().find(|agent| self.may_have(**agent, task));
            assert!(idle.is_none(), "invariant 1: task {id:?} waits, {idle:?} has room");
        }
    }

    /// A task that has just come goes to the best of those who have room for it. One that is moved may go to who had it: he is free.
    fn check_hands(&self, agent: AgentId, task: &Work, now: Mono) {
        let NewTask { queue, need, segment, value_pm, owner, .. } = task.new.clone();
        let entry = Entry {
            item: ItemId(turno_base::CallId(0)),
            kind: Kind::Call,
            queue,
            need,
            segment,
            value_pm,
            caller: None,
            credits: Credits::default(),
            owner,
            last_agent: None,
            callback_to: None,
        };
        let waiting = Waiting::at_the_door(entry, now);
        let able = self.agents.keys().copied().filter(|other| self.may_have(*other, task));
        let suits = |other: &AgentId| {
            (std::cmp::Reverse(self.rank(*other, queue)), self.suits_task(*other, &waiting, owner, now))
        };
        assert_eq!(able.max_by_key(suits), Some(agent), "whose hands a task is put into");
    }

    pub(super) fn see_task(&mut self, id: ItemId, queue: QueueId, change: TaskChange, now: Mono) {
        match change {
            TaskChange::Added { due } => {
                let new = self.coming.remove(0);
                let order = self.tasks.values().map(|task| task.order + 1).max().unwrap_or(0);
                assert_eq!(due, new.due.unwrap_or(due));
                self.tasks.insert(id, Work { new, order, due, with: None });
                self.fresh.insert(id);
            }
            TaskChange::Given(agent) => {
                let task = self.tasks[&id].clone();
                assert!(task.with.is_none() && self.may_have(agent, &task), "{agent} may not have {id:?}");
                let waiting = self.tasks.values().filter(|other| other.with.is_none() && self.may_have(agent, other));
                let first = waiting.map(Work::order).min();
                assert_eq!(first, Some(task.order()), "{agent} is given what is due first");
                if self.fresh.contains(&id) {
                    self.check_hands(agent, &task, now);
                }
                self.tasks.get_mut(&id).expect("seen").with = Some(agent);
            }
            TaskChange::Begun(agent) => assert_eq!(self.desk(agent).first(), Some(&id), "the first due is worked on"),
            TaskChange::Held(agent) => assert!(self.desk(agent).contains(&id)),
            TaskChange::Returned(agent) => {
                let task = self.tasks.get_mut(&id).expect("seen");
                assert_eq!(task.with.take(), Some(agent));
            }
            TaskChange::Moved(from) => {
                let task = self.tasks.get_mut(&id).expect("seen");
                assert_eq!(task.new.queue, from);
                (task.new.queue, task.with) = (queue, None);
            }
            TaskChange::Done { agent, is_late, .. } => {
                let task = self.tasks.remove(&id).expect("done once");
                assert_eq!((task.with, task.due < Wall(now.0 as i64)), (agent, is_late));
            }
        }
    }
}
