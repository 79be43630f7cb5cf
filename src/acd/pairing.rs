//! Brings the matching rule its candidates: heads of classes for an agent who is free, heads of profiles for an item that is
//! free. Keeps the lines and the lists of ready agents.

use turno_base::{AgentId, Mono};

use crate::acd::Acd;
use crate::boundary::{Decision, Trigger, Why};
use crate::item::Stands;
use crate::line::Place;
use crate::matching::{self, Precedence};
use crate::need;
use crate::queue::{Class, ClassKey, list, unlist};
use crate::slab::{AgentIx, ClassIx, ItemIx, ProfileIx};

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
        let class = &self.classes[waiting.class];
        let mut eligible = 0;
        let mut best: Option<(matching::Preference, AgentIx, ProfileIx, i64, Mono)> = None;
        for &(profile, fit) in &class.profiles {
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
        let others = self.profiles[profile].waiting.iter().map(|&c| self.classes[c].free.len()).sum::<usize>();
        let waited_us = matching::waited_us(waiting.v, now.0);
        let why = Why {
            trigger,
            item_score: class.urgency.score(waited_us),
            fit,
            idle_ms: millis(now, idle_since),
            waited_ms: waited_us / 1000,
            agents_eligible: count(eligible.saturating_sub(1)),
            // Not in line while it seeks, unless it was.
            items_eligible: count(others.saturating_sub(usize::from(waiting.stands == Stands::Free))),
        };
        Some(Choice { agent, why })
    }

    fn item_for(&self, agent: AgentIx, trigger: Trigger, now: Mono) -> Option<(ItemIx, Why)> {
        let seeker = &self.agents[agent];
        let mut eligible = 0;
        let mut best: Option<(Precedence, ClassIx)> = None;
        for &at in &self.profiles[seeker.profile].waiting {
            let class = &self.classes[at];
            eligible += class.free.len();
            let head = class.free.iter().find(|place| !self.items[place.item].is_apart_from(agent, now));
            let Some(head) = head else { continue };
            let precedence = matching::precedence(&class.urgency, head, now.0);
            if best.as_ref().is_none_or(|(least, _)| precedence < *least) {
                best = Some((precedence, at));
            }
        }
        let (precedence, at) = best?;
        let class = &self.classes[at];
        let item = precedence.item();
        let waited_us = matching::waited_us(self.items[item].v, now.0);
        let agents = class.profiles.iter().map(|&(p, _)| self.profiles[p].ready.len()).sum::<usize>();
        let fit = class.profiles.iter().find(|&&(p, _)| p == seeker.profile).map_or(0, |&(_, fit)| fit);
        let why = Why {
            trigger,
            item_score: class.urgency.score(waited_us),
            fit,
            idle_ms: millis(now, seeker.listed.unwrap_or(now)),
            waited_ms: waited_us / 1000,
            agents_eligible: count(agents.saturating_sub(1)),
            items_eligible: count(eligible - 1),
        };
        Some((item, why))
    }

    /// The class of this key, made if new.
    pub(crate) fn class(&mut self, key: ClassKey) -> ClassIx {
        if let Some(&class) = self.class_of.get(&key) {
            return class;
        }
        let own = &self.queues[key.queue].rules.need;
        let profiles = self
            .profiles
            .iter()
            .filter(|(_, p)| {
                p.key.queues.contains(&key.queue)
                    && need::is_met(own, &p.key.skills)
                    && need::is_met(&key.need, &p.key.skills)
            })
            .map(|(at, p)| (at, need::fit_of_both(own, &key.need, &p.key.skills)))
            .collect();
        let urgency = (&self.segment_rules(&key.segment)).into();
        let class = Class {
            key: key.clone(),
            urgency,
            free: Default::default(),
            offered: Default::default(),
            profiles,
            emptied: None,
        };
        let at = self.classes.insert(class);
        self.class_of.insert(key, at);
        self.class_emptied(at);
        at
    }

    /// Puts the item in line for any agent.
    pub(crate) fn stand_free(&mut self, item: ItemIx) {
        if self.items[item].stands == Stands::Free {
            return;
        }
        let (at, place) = self.step_out(item);
        self.class_fills(at);
        let class = &mut self.classes[at];
        class.free.insert(place);
        if class.free.len() == 1 {
            for &(profile, _) in &class.profiles {
                list(&mut self.profiles[profile].waiting, at);
            }
        }
        self.items[item].stands = Stands::Free;
    }

    /// Puts the item in line with an agent being rung for it.
    pub(crate) fn stand_offered(&mut self, item: ItemIx, agent: AgentIx, epoch: u64) {
        let (at, place) = self.step_out(item);
        self.class_fills(at);
        self.classes[at].offered.insert(place);
        self.items[item].stands = Stands::Offered { agent, epoch };
    }

    /// Takes the item out of its line. To be called before its place changes.
    pub(crate) fn step_out(&mut self, item: ItemIx) -> (ClassIx, Place) {
        let stood = std::mem::replace(&mut self.items[item].stands, Stands::Nowhere);
        let at = self.items[item].class;
        let place = self.items[item].place(item);
        let class = &mut self.classes[at];
        match stood {
            Stands::Nowhere => return (at, place),
            Stands::Free => {
                class.free.remove(&place);
                if class.free.is_empty() {
                    for &(profile, _) in &class.profiles {
                        unlist(&mut self.profiles[profile].waiting, &at);
                    }
                }
            }
            Stands::Offered { .. } => {
                class.offered.remove(&place);
            }
        }
        if self.classes[at].is_empty() {
            self.class_emptied(at);
        }
        (at, place)
    }

    fn class_fills(&mut self, at: ClassIx) {
        let class = &mut self.classes[at];
        if let Some(emptied) = class.emptied.take() {
            self.classes_idle.remove(&(emptied, at));
            let queue = class.key.queue;
            list(&mut self.queues[queue].classes, at);
        }
    }

    /// Nobody is in the class any more; it is kept for the next, within bounds.
    fn class_emptied(&mut self, at: ClassIx) {
        self.emptied += 1;
        self.classes[at].emptied = Some(self.emptied);
        let queue = self.classes[at].key.queue;
        unlist(&mut self.queues[queue].classes, &at);
        self.classes_idle.insert((self.emptied, at));
        // The one that emptied just now is about to be used by whoever asked for it.
        while self.classes_idle.len() > self.bounds.classes_idle_max as usize + 1
            && let Some((_, oldest)) = self.classes_idle.pop_first()
            && let Some(class) = self.classes.remove(oldest)
        {
            self.class_of.remove(&class.key);
        }
    }

    /// The place of an item in its queue, 1-based, in the order in which an agent for all of them would be given them.
    pub(crate) fn position(&self, item: ItemIx, now: Mono) -> u32 {
        let waiting = &self.items[item];
        let mine = matching::precedence(&self.classes[waiting.class].urgency, &waiting.place(item), now.0);
        let mut ahead = 0;
        for &at in &self.queues[waiting.queue].classes {
            let class = &self.classes[at];
            let is_ahead = |place: &Place| matching::precedence(&class.urgency, place, now.0) < mine;
            ahead += class.free.count_ahead(is_ahead) + class.offered.count_ahead(is_ahead);
        }
        count(ahead) + 1
    }

    /// Lists the agent among the ready since `since`, or takes him off.
    pub(crate) fn list_ready(&mut self, agent: AgentIx, since: Option<Mono>) {
        let a = &mut self.agents[agent];
        if a.listed == since {
            return;
        }
        let id: AgentId = a.id;
        let ready = &mut self.profiles[a.profile].ready;
        if let Some(listed) = a.listed {
            ready.remove(&(listed, id, agent));
        }
        if let Some(since) = since {
            ready.insert((since, id, agent));
        }
        a.listed = since;
    }
}

fn millis(now: Mono, since: Mono) -> u64 {
    now.0.saturating_sub(since.0) / 1000
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
