//! Whose hands a task gets into, and the clock of the work on it.

use turno_base::fact::{TaskChange, TaskKind};
use turno_base::{AgentId, ItemId, Mono, QueueId};

use super::{Class, Place};
use crate::acd::Acd;
use crate::agent::Doing;
use crate::boundary::Decision;
use crate::matching::{self, Appeal, Preference};
use crate::need;
use crate::pairing::micros;
use crate::slab::{AgentIx, ProfileIx};

impl Acd {
    /// An agent can be rung from now on, so he has time for tasks if no call is for him.
    pub(crate) fn note_free(&mut self, agent: AgentIx) {
        if !self.tasks.lines.is_empty() {
            self.tasks.free.insert(agent);
        }
    }

    /// Everybody is asked again: what agents may do has changed.
    pub(crate) fn note_all_free(&mut self) {
        if !self.tasks.lines.is_empty() {
            self.tasks.free.extend(self.agents.iter().filter(|(_, agent)| agent.listed.is_some()).map(|(at, _)| at));
        }
    }

    /// When all calls of a turn have been looked after: tasks for those who came free, then hands for the tasks that came.
    pub(crate) fn settle_tasks(&mut self, now: Mono, out: &mut Vec<Decision>) {
        let free = std::mem::take(&mut self.tasks.free).into_iter().filter(|&at| self.agents.get(at).is_some());
        let mut free: Vec<_> = free.filter_map(|at| self.seat_of(at)).collect();
        free.sort_unstable();
        for (_, _, agent) in free {
            self.seek_task(agent, now, out);
        }
        while let Some(place) = self.tasks.loose.pop_first() {
            self.seek_hands(place, now, out);
        }
    }

    /// Gives the agent what is due first of the tasks that he may do, as many as he has room for.
    fn seek_task(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        while self.agents[agent].listed.is_some() {
            let key = &self.profiles[self.agents[agent].profile].key;
            let queues = key.queues.iter().map(|&queue| self.queues[queue].id);
            let classes = queues.filter_map(|queue| Some((queue, self.tasks.lines.get(&queue)?)));
            let heads =
                classes.flat_map(|(queue, classes)| classes.iter().map(move |(class, line)| (queue, class, line)));
            let his = heads.filter(|(queue, class, _)| {
                self.has_room(agent, class.kind) && self.may_do(self.agents[agent].profile, *queue, class).is_some()
            });
            let Some(first) = his.filter_map(|(_, _, line)| line.first()).min().copied() else { return };
            self.give(first.task, agent, now, out);
        }
    }

    /// Gives a task that nobody has in hand to the best of those who have room for it.
    fn seek_hands(&mut self, place: Place, now: Mono, out: &mut Vec<Decision>) {
        let Some(task) = self.tasks.by_id.get(&place.task).filter(|task| task.with.is_none()) else { return };
        let Some(&at) = self.queue_of.get(&task.queue) else { return };
        let owner = task.owner.and_then(|owner| self.agent_of.get(&owner)).copied();
        let mut best: Option<((u8, Preference), AgentIx)> = None;
        for &profile in &self.queues[at].profiles {
            let Some(level) = self.may_do(profile, task.queue, &task.class) else { continue };
            let rank = self.profiles[profile].rank(at);
            let mut see = |seat: &(Mono, AgentId, AgentIx), bonus: i64| {
                let &(since, id, agent) = seat;
                let fits = self.has_room(agent, task.class.kind);
                if fits {
                    let preference = self.preference_for(profile, level, bonus, (since, id), now);
                    let candidate = ((rank, preference), agent);
                    if best.as_ref().is_none_or(|(so_far, _)| candidate.0 < *so_far) {
                        best = Some(candidate);
                    }
                }
                fits
            };
            let own = owner.filter(|&own| self.agents.get(own).is_some_and(|a| a.profile == profile));
            if let Some(seat) = own.and_then(|own| self.seat_of(own)) {
                see(&seat, micros(self.config.rule.owner_bonus));
            }
            // The longest idle with room stands for his profile.
            let _ = self.profiles[profile].ready.iter().any(|seat| see(seat, 0));
        }
        if let Some((_, agent)) = best {
            self.give(place.task, agent, now, out);
        }
    }

    /// What speaks for an agent of this profile whose level counts for a task.
    fn preference_for(
        &self,
        profile: ProfileIx,
        level: u8,
        bonus: i64,
        (since, id): (Mono, AgentId),
        now: Mono,
    ) -> Preference {
        let rule = &self.config.rule;
        let fit = micros(rule.fit_per_level).saturating_mul(i64::from(level));
        let appeal = Appeal { fit, opportunity: self.profiles[profile].worth.max(0), bonus };
        matching::preference(appeal, since, id, now, rule.idle_counted)
    }

    /// Whether agents of a profile may do tasks of this class, and then the level that counts; 0: no skill counts.
    fn may_do(&self, profile: ProfileIx, queue: QueueId, class: &Class) -> Option<u8> {
        let at = *self.queue_of.get(&queue)?;
        let key = &self.profiles[profile].key;
        let judge = &self.queues[at].judge;
        let own = self.skills.judge(&class.need);
        let demands = self.demands_on(self.segment_of.get(&class.segment).copied().unwrap_or(0));
        let may = key.queues.contains(&at) && self.meets(key, demands, [judge, &own]);
        may.then(|| need::weakest(judge, &own, &self.counted_levels(key, demands)).unwrap_or(0))
    }

    /// He may have one more task, and one more of this kind.
    fn has_room(&self, agent: AgentIx, kind: TaskKind) -> bool {
        let me = &self.agents[agent];
        let Some(rules) = self.config.agents.get(&me.id) else { return false };
        let is_of_kind = |id: &&ItemId| self.tasks.by_id.get(id).is_some_and(|task| task.class.kind == kind);
        let of_kind = me.desk.iter().filter(is_of_kind).count();
        let most = rules.tasks.get(&kind).copied().unwrap_or(rules.tasks_max);
        me.desk.len() < usize::from(rules.tasks_max) && of_kind < usize::from(most)
    }

    fn give(&mut self, id: ItemId, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        self.tasks.step_out(id);
        let Some(task) = self.tasks.by_id.get_mut(&id) else { return };
        task.with = Some(agent);
        task.waited_us.get_or_insert(now.0.saturating_sub(task.added.0));
        self.tell_task(id, TaskChange::Given(self.agents[agent].id), out);
        let by_id = &self.tasks.by_id;
        let mut desk = self.agents[agent].desk.clone();
        desk.push(id);
        desk.sort_by_key(|id| by_id.get(id).map(|task| task.place));
        self.set_desk(agent, desk);
        self.show(agent, now, out);
    }

    /// What an agent has in hand; who has anything counts as not idle.
    fn set_desk(&mut self, agent: AgentIx, desk: Vec<ItemId>) {
        self.rise(agent);
        self.agents[agent].desk = desk;
        self.sit(agent);
    }

    /// Takes a task out of the hands of whoever has it.
    pub(super) fn take_from_hands(&mut self, id: ItemId, now: Mono, out: &mut Vec<Decision>) -> Option<AgentIx> {
        let agent = self.tasks.by_id.get_mut(&id)?.with.take()?;
        self.stop_clock(id, now);
        let mut desk = self.agents[agent].desk.clone();
        desk.retain(|other| *other != id);
        self.set_desk(agent, desk);
        match self.agents[agent].doing {
            // His work is over: he is idle from now on.
            Doing::Idle { .. } if self.agents[agent].desk.is_empty() => {
                self.turn(agent, Doing::Idle { since: now }, now, out);
            }
            Doing::Idle { .. }
            | Doing::LoggedOut
            | Doing::Resting { .. }
            | Doing::Paused { .. }
            | Doing::Reserved { .. }
            | Doing::Serving { .. }
            | Doing::WrapUp { .. } => self.show(agent, now, out),
        }
        self.note_free(agent);
        Some(agent)
    }

    /// His shift ends: what he had in hand waits again, in its old place.
    pub(crate) fn return_tasks(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        let held = self.agents[agent].desk.clone();
        if held.is_empty() {
            return;
        }
        self.set_desk(agent, Vec::new());
        self.agents[agent].works_on = None;
        for id in held {
            self.stop_clock(id, now);
            if let Some(task) = self.tasks.by_id.get_mut(&id) {
                task.with = None;
            }
            self.tasks.stand(id);
            self.tell_task(id, TaskChange::Returned(self.agents[agent].id), out);
        }
    }

    /// The agent works on this task from now on, or on none.
    pub(crate) fn work_on(&mut self, agent: AgentIx, task: Option<ItemId>, now: Mono, out: &mut Vec<Decision>) {
        let before = std::mem::replace(&mut self.agents[agent].works_on, task);
        if before == task {
            return;
        }
        let name = self.agents[agent].id;
        if let Some(before) = before
            && self.tasks.by_id.get(&before).is_some_and(|task| task.with == Some(agent))
        {
            self.stop_clock(before, now);
            self.tell_task(before, TaskChange::Held(name), out);
        }
        if let Some(id) = task {
            if let Some(task) = self.tasks.by_id.get_mut(&id) {
                task.works_since = Some(now);
            }
            self.tell_task(id, TaskChange::Begun(name), out);
        }
    }

    pub(super) fn stop_clock(&mut self, id: ItemId, now: Mono) {
        if let Some(task) = self.tasks.by_id.get_mut(&id)
            && let Some(since) = task.works_since.take()
        {
            task.worked_us = task.worked_us.saturating_add(now.0.saturating_sub(since.0));
        }
    }
}
