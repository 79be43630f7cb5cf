//! Brings the matching rule its candidates: heads of lines for an agent who is free, heads of profiles for an item that is
//! free. Keeps the lines and the lists of ready agents.

use turno_base::Mono;

use crate::acd::Acd;
use crate::agent::Agent;
use crate::boundary::{Decision, Kind, Trigger, Why};
use crate::item::Stands;
use crate::line::{Line, Place};
use crate::matching::{self, Bench, Pick, Precedence, Strategy};
use crate::need;
use crate::queue::{Group, GroupKey, Queue, list, unlist};
use crate::slab::{AgentIx, GroupIx, ItemIx, ProfileIx, QueueIx};

/// An agent chosen for an item.
pub(crate) struct Choice {
    pub(crate) agent: AgentIx,
    pub(crate) why: Why,
}

impl Acd {
    /// The item is free: rings the best agent for it, or lets it stand in line.
    pub(crate) fn seek_agent(&mut self, item: ItemIx, trigger: Trigger, now: Mono, out: &mut Vec<Decision>) {
        match self.agent_for(item, trigger, now) {
            Some(Choice { agent, why }) => self.reserve(item, agent, why, now, out),
            None => self.stand_free(item),
        }
    }

    /// The agent may be free: rings him for the item that goes first of those he may take.
    pub(crate) fn seek_item(&mut self, agent: AgentIx, trigger: Trigger, now: Mono, out: &mut Vec<Decision>) {
        if self.agents.get(agent).is_none_or(|a| a.listed.is_none()) {
            return;
        }
        if let Some((item, why)) = self.item_for(agent, trigger, now) {
            self.reserve(item, agent, why, now, out);
        }
    }

    fn agent_for(&mut self, item: ItemIx, trigger: Trigger, now: Mono) -> Option<Choice> {
        let queue = self.items[item].queue;
        if self.queues[queue].ready == 0 {
            return None;
        }
        let strategy = self.queues[queue].rules.strategy;
        let (agent, profile, idle_since) = match strategy {
            Strategy::Value => self.by_value(item, now)?,
            Strategy::LongestIdle
            | Strategy::RoundRobin
            | Strategy::RingAll
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::Linear
            | Strategy::Random
            | Strategy::WeightedRandom => self.by_strategy(item, strategy, now)?,
        };
        let waiting = &self.items[item];
        let group = &self.groups[waiting.group];
        let eligible: usize = group.profiles.iter().map(|&(profile, _)| self.profiles[profile].ready.len()).sum();
        let others: u32 = self.profiles[profile].waiting.iter().map(|&group| self.groups[group].free).sum();
        let waited_us = matching::waited_us(waiting.v, now.0);
        let why = Why {
            trigger,
            strategy,
            rank: self.profiles[profile].rank(queue),
            item_score: self.urgencies[usize::from(waiting.line)].score(waited_us),
            fit: group.fit(profile),
            idle_ms: now.0.saturating_sub(idle_since.0) / 1000,
            waited_ms: waited_us / 1000,
            agents_eligible: count(eligible.saturating_sub(1)),
            items_eligible: others.saturating_sub(u32::from(waiting.stands == Stands::Free)),
        };
        Some(Choice { agent, why })
    }

    /// The agent whom the value-rate rule prefers.
    fn by_value(&self, item: ItemIx, now: Mono) -> Option<Pick> {
        let waiting = &self.items[item];
        let heads = self.groups[waiting.group].profiles.iter().filter_map(|&(at, fit)| {
            let profile = &self.profiles[at];
            let &(since, id, agent) =
                profile.ready.iter().find(|&&(_, _, agent)| !waiting.is_apart_from(agent, now))?;
            let preference = matching::preference(fit, since, id, now);
            Some(((profile.rank(waiting.queue), preference), (agent, at, since)))
        });
        heads.min_by_key(|(order, _)| *order).map(|(_, pick)| pick)
    }

    /// The agent whom a classic strategy chooses.
    fn by_strategy(&mut self, item: ItemIx, strategy: Strategy, now: Mono) -> Option<Pick> {
        let waiting = &self.items[item];
        let queue = &self.queues[waiting.queue];
        let last = match strategy {
            Strategy::RoundRobin => queue.turn,
            Strategy::Linear => waiting.tried,
            Strategy::Value
            | Strategy::LongestIdle
            | Strategy::RingAll
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::Random
            | Strategy::WeightedRandom => None,
        };
        let turn = last.and_then(|agent| queue.order.get(&agent).copied());
        let is_apart = |agent| waiting.is_apart_from(agent, now);
        let mut dice = self.dice.clone();
        let pick = matching::choose(strategy, &self.benches(item), turn, is_apart, &mut dice);
        self.dice = dice;
        pick
    }

    /// The ready agents who may take the item, by profile.
    fn benches(&self, item: ItemIx) -> Vec<Bench<'_>> {
        let waiting = &self.items[item];
        let group = self.groups[waiting.group].profiles.iter();
        let bench = |&(at, _): &(ProfileIx, i64)| {
            let profile = &self.profiles[at];
            let seats = profile.seats.get(&waiting.queue);
            Bench { profile: at, rank: profile.rank(waiting.queue), ready: &profile.ready, seats }
        };
        group.map(bench).filter(|bench| !bench.ready.is_empty()).collect()
    }

    fn item_for(&self, agent: AgentIx, trigger: Trigger, now: Mono) -> Option<(ItemIx, Why)> {
        let seeker = &self.agents[agent];
        let mut eligible = 0;
        let mut best: Option<(Precedence, GroupIx)> = None;
        for &at in &self.profiles[seeker.profile].waiting {
            let group = &self.groups[at];
            eligible += group.free;
            for (urgency, line) in self.urgencies.iter().zip(&group.lines) {
                // A head that would lose needs no look at whether it may be had.
                for place in line.iter() {
                    let precedence = matching::precedence(urgency, place, now.0);
                    if best.as_ref().is_some_and(|(least, _)| *least < precedence) {
                        break;
                    }
                    if !self.items[place.item].is_apart_from(agent, now) {
                        best = Some((precedence, at));
                        break;
                    }
                }
            }
        }
        let (precedence, at) = best?;
        let group = &self.groups[at];
        let item = precedence.item();
        let waited_us = matching::waited_us(self.items[item].v, now.0);
        let agents = match self.queues[group.key.queue].ready {
            0 | 1 => 1,
            _ => group.profiles.iter().map(|&(p, _)| self.profiles[p].ready.len()).sum::<usize>(),
        };
        let why = Why {
            trigger,
            strategy: self.queues[group.key.queue].rules.strategy,
            rank: self.profiles[seeker.profile].rank(group.key.queue),
            item_score: self.urgencies[usize::from(self.items[item].line)].score(waited_us),
            fit: group.fit(seeker.profile),
            idle_ms: now.0.saturating_sub(seeker.listed.unwrap_or(now).0) / 1000,
            waited_ms: waited_us / 1000,
            agents_eligible: count(agents.saturating_sub(1)),
            items_eligible: eligible - 1,
        };
        Some((item, why))
    }

    /// The group of this key, made if new.
    pub(crate) fn group(&mut self, key: GroupKey) -> GroupIx {
        if let Some(&group) = self.group_of.get(&key) {
            return group;
        }
        let queue = &self.queues[key.queue].judge;
        let own = self.skills.judge(&key.need);
        let profiles = self
            .profiles
            .iter()
            .filter(|(_, p)| {
                p.key.queues.contains(&key.queue) && queue.is_met(&p.key.levels) && own.is_met(&p.key.levels)
            })
            .map(|(at, p)| (at, need::fit(queue, &own, &p.key.levels)))
            .collect();
        let lines = vec![Line::default(); self.urgencies.len()];
        let group = Group { key: key.clone(), lines, free: 0, offered: 0, held: 0, profiles, emptied: None };
        let at = self.groups.insert(group);
        self.group_of.insert(key, at);
        self.group_emptied(at);
        at
    }

    /// Puts the item in line for any agent.
    pub(crate) fn stand_free(&mut self, item: ItemIx) {
        if self.items[item].stands == Stands::Free {
            return;
        }
        self.step_out(item);
        let waiting = &mut self.items[item];
        waiting.stands = Stands::Free;
        let (at, line, place) = (waiting.group, usize::from(waiting.line), waiting.place(item));
        self.group_fills(at);
        let group = &mut self.groups[at];
        group.lines[line].insert(place);
        group.free += 1;
        if group.free == 1 {
            for &(profile, _) in &group.profiles {
                list(&mut self.profiles[profile].waiting, at);
            }
        }
    }

    /// Takes the item out of line: an agent is being rung for it.
    pub(crate) fn stand_offered(&mut self, item: ItemIx, agent: AgentIx, epoch: u64) {
        self.step_out(item);
        let waiting = &mut self.items[item];
        waiting.stands = Stands::Offered { agent, epoch };
        let at = waiting.group;
        self.group_fills(at);
        self.groups[at].offered += 1;
    }

    /// Keeps the item from agents; its place in its queue is its own.
    pub(crate) fn stand_held(&mut self, item: ItemIx) {
        self.step_out(item);
        let waiting = &mut self.items[item];
        waiting.stands = Stands::Held;
        let at = waiting.group;
        self.group_fills(at);
        self.groups[at].held += 1;
    }

    /// The item stands nowhere in its group. To be called before its place changes.
    pub(crate) fn step_out(&mut self, item: ItemIx) {
        let waiting = &mut self.items[item];
        let stood = std::mem::replace(&mut waiting.stands, Stands::Nowhere);
        let (at, line, place) = (waiting.group, usize::from(waiting.line), waiting.place(item));
        let group = &mut self.groups[at];
        match stood {
            Stands::Nowhere => return,
            Stands::Free => {
                group.lines[line].remove(&place);
                group.free -= 1;
                if group.free == 0 {
                    for &(profile, _) in &group.profiles {
                        unlist(&mut self.profiles[profile].waiting, &at);
                    }
                }
            }
            Stands::Offered { .. } => group.offered -= 1,
            Stands::Held => group.held -= 1,
        }
        if group.free == 0 && group.offered == 0 && group.held == 0 {
            self.group_emptied(at);
        }
    }

    fn group_fills(&mut self, at: GroupIx) {
        if let Some(emptied) = self.groups[at].emptied.take() {
            self.groups_idle.remove(&(emptied, at));
        }
    }

    /// Nobody is in the group any more; it is kept for the next, within bounds.
    fn group_emptied(&mut self, at: GroupIx) {
        self.emptied += 1;
        self.groups[at].emptied = Some(self.emptied);
        self.groups_idle.insert((self.emptied, at));
        // The one that emptied just now is about to be used by whoever asked for it.
        while self.groups_idle.len() > self.bounds.groups_idle_max as usize + 1
            && let Some((_, oldest)) = self.groups_idle.pop_first()
            && let Some(group) = self.groups.remove(oldest)
        {
            self.group_of.remove(&group.key);
        }
    }

    /// Gives the item its place in its queue; see [`Acd::position`].
    pub(crate) fn take_place(&mut self, item: ItemIx) {
        let waiting = &self.items[item];
        self.queues[waiting.queue].lines[usize::from(waiting.line)].insert(waiting.place(item));
    }

    /// Takes its place in its queue away. To be called before the place changes.
    pub(crate) fn give_place_up(&mut self, item: ItemIx) {
        let waiting = &self.items[item];
        self.queues[waiting.queue].lines[usize::from(waiting.line)].remove(&waiting.place(item));
    }

    /// The place of an item in its queue, 1-based, in the order in which an agent for all of them would be given them.
    pub(crate) fn position(&self, item: ItemIx, now: Mono) -> u32 {
        let waiting = &self.items[item];
        let mine = matching::precedence(&self.urgencies[usize::from(waiting.line)], &waiting.place(item), now.0);
        let lines = self.urgencies.iter().zip(&self.queues[waiting.queue].lines);
        let ahead = lines.map(|(urgency, line)| {
            line.count_ahead(|place: &Place| matching::precedence(urgency, place, now.0) < mine)
        });
        count(ahead.sum()) + 1
    }

    /// Which caller stands first in the queue, offered or not.
    pub(crate) fn first_caller_in(&self, queue: QueueIx, now: Mono) -> Option<ItemIx> {
        let lines = self.urgencies.iter().zip(&self.queues[queue].lines);
        let caller = |place: &&Place| self.items[place.item].kind == Kind::Call;
        let first = |line: &Line| line.iter().find(caller).copied();
        let heads = lines.filter_map(|(urgency, line)| Some(matching::precedence(urgency, &first(line)?, now.0)));
        heads.min().map(|first| first.item())
    }

    /// Lists the agent among the ready since `since`, or takes him off.
    pub(crate) fn list_ready(&mut self, agent: AgentIx, since: Option<Mono>) {
        let was = self.agents[agent].listed;
        if was == since {
            return;
        }
        self.rise(agent);
        self.agents[agent].listed = since;
        self.sit(agent);
        for queue in &self.profiles[self.agents[agent].profile].key.queues {
            let ready = &mut self.queues[*queue].ready;
            match (was, since) {
                (None, Some(_)) => *ready += 1,
                (Some(_), None) => *ready -= 1,
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }

    /// Puts a listed agent where the choices of an agent find him.
    pub(crate) fn sit(&mut self, agent: AgentIx) {
        let a = &self.agents[agent];
        let Some(since) = a.listed else { return };
        let seat = (since, a.id, agent);
        let profile = &mut self.profiles[a.profile];
        profile.ready.insert(seat);
        for &queue in &profile.key.queues {
            if let Some(number) = number_in(&self.queues[queue], a) {
                profile.seats.entry(queue).or_default().entry(number).or_default().insert(seat);
            }
        }
    }

    /// Takes him away from there. To be called before what he is found by changes: his tallies, the order.
    fn rise(&mut self, agent: AgentIx) {
        let a = &self.agents[agent];
        let Some(since) = a.listed else { return };
        let seat = (since, a.id, agent);
        let profile = &mut self.profiles[a.profile];
        profile.ready.remove(&seat);
        for &queue in &profile.key.queues {
            let Some(number) = number_in(&self.queues[queue], a) else { continue };
            let Some(seats) = profile.seats.get_mut(&queue) else { continue };
            if let Some(ready) = seats.get_mut(&number) {
                ready.remove(&seat);
                if ready.is_empty() {
                    seats.remove(&number);
                }
            }
        }
    }
}

/// What the queue's strategy goes by; none if by no number of his.
fn number_in(queue: &Queue, agent: &Agent) -> Option<u64> {
    let tally = || agent.tallies.get(&queue.id).copied().unwrap_or_default();
    match queue.rules.strategy {
        Strategy::RoundRobin | Strategy::Linear => queue.order.get(&agent.id).copied(),
        Strategy::FewestCalls => Some(tally().calls),
        Strategy::LeastTalk => Some(tally().talk_us),
        Strategy::Value | Strategy::LongestIdle | Strategy::RingAll | Strategy::Random | Strategy::WeightedRandom => {
            None
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
