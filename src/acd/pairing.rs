//! Brings the matching rule its candidates: heads of lines for an agent who is free, heads of profiles for an item that is
//! free. Keeps the lines and the lists of ready agents.

use turno_base::Mono;

use crate::acd::Acd;
use crate::boundary::{Decision, Trigger, Why};
use crate::item::Stands;
use crate::line::{Line, Place};
use crate::matching::{self, Precedence};
use crate::need;
use crate::queue::{Group, GroupKey, list, unlist};
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

    fn agent_for(&self, item: ItemIx, trigger: Trigger, now: Mono) -> Option<Choice> {
        let waiting = &self.items[item];
        if self.queues[waiting.queue].ready == 0 {
            return None;
        }
        let group = &self.groups[waiting.group];
        let mut eligible = 0;
        let mut best: Option<(matching::Preference, AgentIx, ProfileIx, i64, Mono)> = None;
        for &(profile, fit) in &group.profiles {
            let ready = &self.profiles[profile].ready;
            eligible += ready.len();
            let head = ready.iter().find(|&&(_, _, agent)| !waiting.is_apart_from(agent, now));
            let Some(&(since, id, agent)) = head else { continue };
            let preference = matching::preference(fit, since, id, now);
            if best.as_ref().is_none_or(|(least, ..)| preference < *least) {
                best = Some((preference, agent, profile, fit, since));
            }
        }
        let (_, agent, profile, fit, idle_since) = best?;
        let others: u32 = self.profiles[profile].waiting.iter().map(|&group| self.groups[group].free).sum();
        let waited_us = matching::waited_us(waiting.v, now.0);
        let why = Why {
            trigger,
            item_score: self.urgencies[usize::from(waiting.line)].score(waited_us),
            fit,
            idle_ms: now.0.saturating_sub(idle_since.0) / 1000,
            waited_ms: waited_us / 1000,
            agents_eligible: count(eligible.saturating_sub(1)),
            items_eligible: others.saturating_sub(u32::from(waiting.stands == Stands::Free)),
        };
        Some(Choice { agent, why })
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
        let fit = group.profiles.binary_search_by_key(&seeker.profile, |&(p, _)| p);
        let why = Why {
            trigger,
            item_score: self.urgencies[usize::from(self.items[item].line)].score(waited_us),
            fit: fit.map_or(0, |n| group.profiles[n].1),
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
        let group = Group { key: key.clone(), lines, free: 0, offered: 0, profiles, emptied: None };
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
        }
        if group.free == 0 && group.offered == 0 {
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

    /// Who stands first in the queue, offered or not.
    pub(crate) fn first_in(&self, queue: QueueIx, now: Mono) -> Option<ItemIx> {
        let lines = self.urgencies.iter().zip(&self.queues[queue].lines);
        let heads = lines.filter_map(|(urgency, line)| Some(matching::precedence(urgency, line.first()?, now.0)));
        heads.min().map(|first| first.item())
    }

    /// Lists the agent among the ready since `since`, or takes him off.
    pub(crate) fn list_ready(&mut self, agent: AgentIx, since: Option<Mono>) {
        let a = &mut self.agents[agent];
        if a.listed == since {
            return;
        }
        let id = a.id;
        let profile = &mut self.profiles[a.profile];
        let was = std::mem::replace(&mut a.listed, since);
        if let Some(listed) = was {
            profile.ready.remove(&(listed, id, agent));
        }
        if let Some(since) = since {
            profile.ready.insert((since, id, agent));
        }
        for queue in &profile.key.queues {
            let ready = &mut self.queues[*queue].ready;
            match (was, since) {
                (None, Some(_)) => *ready += 1,
                (Some(_), None) => *ready -= 1,
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
