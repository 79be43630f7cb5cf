//! Where items and agents stand: lines of groups and queues, lists of those who are ready, and the places in them.

use turno_base::{AgentId, Mono};

use crate::acd::Acd;
use crate::agent::Agent;
use crate::boundary::Kind;
use crate::holders::Profiles;
use crate::item::Stands;
use crate::line::{Line, Place};
use crate::matching::{self, NEUTRAL, Strategy};
use crate::need::{self, Judge};
use crate::pairing::{count, micros};
use crate::queue::{Asks, Fit, Group, GroupKey, Listed, Queue, list, unlist};
use crate::slab::{AgentIx, GroupIx, ItemIx, ProfileIx, QueueIx};

impl Acd {
    /// The group of a listing; none: it is no more.
    pub(crate) fn valid(&self, listed: &Listed) -> Option<&Group> {
        self.groups.get(listed.group).filter(|group| group.made == listed.made)
    }

    /// The group of this key, made if new.
    pub(crate) fn group(&mut self, key: GroupKey) -> GroupIx {
        if let Some(&group) = self.group_of.get(&key) {
            return group;
        }
        self.made += 1;
        let own = self.skills.judge(&key.need);
        let profiles = self.fits(&key, &own);
        let queue = &self.queues[key.queue];
        let mut asks = Vec::new();
        queue.judge.asking(ARRIVAL, &mut asks);
        own.asking(ARRIVAL, &mut asks);
        if asks.is_empty() {
            asks.push((self.queue_topic(key.queue), ARRIVAL));
        }
        let lines = vec![Line::default(); self.urgencies.len()];
        let only = key.only;
        let group = Group {
            key: key.clone(),
            lines,
            free: 0,
            offered: 0,
            held: 0,
            profiles,
            asks,
            made: self.made,
            emptied: None,
        };
        let at = self.groups.insert(group);
        self.group_of.insert(key, at);
        for fit in &self.groups[at].profiles {
            let listed = Listed { group: at, made: self.made, fit: fit.fit, recipe: fit.recipe };
            match only {
                None => self.profiles[fit.profile].listing.add(listed),
                Some(only) => self.agents[only].own.add(listed),
            }
        }
        self.group_emptied(at);
        at
    }

    /// The profiles whose agents may take the items of a group, in order.
    fn fits(&mut self, key: &GroupKey, own: &Judge) -> Vec<Fit> {
        let only = key.only.and_then(|only| self.agents.get(only)).map(|agent| agent.profile);
        let of_queue = self.queues[key.queue].profiles.iter().copied();
        let profiles: Vec<ProfileIx> = match only {
            Some(only) => of_queue.filter(|&at| only == at).collect(),
            None => self.holders.meeting(own, &Profiles::of(of_queue)).iter().collect(),
        };
        profiles.into_iter().filter_map(|profile| self.fit_of(profile, key, own)).collect()
    }

    /// The profiles with ready agents who may take the items of a group, in order. Looks at no more than serve its queue and have
    /// somebody ready.
    pub(crate) fn seated(&self, group: GroupIx) -> impl Iterator<Item = Fit> {
        let group = &self.groups[group];
        let seated = &self.queues[group.key.queue].seated;
        seated.iter().filter_map(|&profile| group.fit(profile)).copied()
    }

    /// How a profile that meets the need of a group's queue fits the group; none: its agents may not take its items.
    pub(crate) fn fit_of(&mut self, profile: ProfileIx, key: &GroupKey, own: &Judge) -> Option<Fit> {
        let queue = &self.queues[key.queue];
        let profile_key = &self.profiles[profile].key;
        if !own.is_met(&profile_key.levels) {
            return None;
        }
        let counted;
        let levels = match key.demands {
            0 => &profile_key.levels,
            demands => {
                counted = self.counted_levels(profile_key, demands);
                if !queue.judge.is_met(&counted) || !own.is_met(&counted) {
                    return None;
                }
                &counted
            }
        };
        let weakest = need::weakest(&queue.judge, own, levels);
        let ring = key.ring.and_then(|ring| queue.rings.get(usize::from(ring)));
        let is_asked_for = match ring.map(|ring| &ring.asks) {
            None => true,
            Some(Asks::Judge(judge)) => judge.is_met(&profile_key.levels) && judge.is_met(levels),
            Some(Asks::Level(level)) => weakest.is_none_or(|weakest| weakest >= *level),
        };
        if !is_asked_for {
            return None;
        }
        let mut parts = Vec::new();
        queue.judge.counting(levels, &mut parts);
        own.counting(levels, &mut parts);
        if parts.is_empty() {
            parts.push((self.queue_topic(key.queue), 0));
        }
        parts.sort_unstable();
        let recipe = self.tables.recipe(parts);
        let per_level = micros(self.config.rule.fit_per_level);
        Some(Fit { profile, fit: per_level.saturating_mul(i64::from(weakest.unwrap_or(0))), recipe })
    }

    /// The number of a queue as a topic: those of skills come before.
    pub(crate) fn queue_topic(&self, queue: QueueIx) -> u32 {
        self.skills.count() + queue.0
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
        self.arm_reserve(item);
    }

    /// Takes the item out of line: agents are being rung for it.
    pub(crate) fn stand_offered(&mut self, item: ItemIx) {
        if self.items[item].stands == Stands::Offered {
            return;
        }
        self.step_out(item);
        let waiting = &mut self.items[item];
        waiting.stands = Stands::Offered;
        let (at, queue) = (waiting.group, &mut self.queues[waiting.queue]);
        if queue.rules.strategy == Strategy::RingAll {
            list(&mut queue.rung, item);
        }
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
            }
            Stands::Offered => {
                group.offered -= 1;
                unlist(&mut self.queues[waiting.queue].rung, &item);
            }
            Stands::Held => group.held -= 1,
        }
        if group.free == 0 && group.offered == 0 && group.held == 0 {
            self.group_emptied(at);
        }
        if stood == Stands::Free {
            self.disarm_reserve(item);
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
            self.strike(&group);
        }
    }

    /// Nobody may serve this group any more: it is gone.
    pub(crate) fn strike(&mut self, group: &Group) {
        let groups = &self.groups;
        let is_valid = |listed: &Listed| groups.get(listed.group).is_some_and(|group| group.made == listed.made);
        if let Some(only) = group.key.only {
            if let Some(agent) = self.agents.get_mut(only) {
                agent.own.strike(is_valid);
            }
            return;
        }
        for fit in &group.profiles {
            self.profiles[fit.profile].listing.strike(is_valid);
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
        let mine =
            matching::precedence(&self.urgencies[usize::from(waiting.line)], NEUTRAL, &waiting.place(item), now.0);
        let lines = self.urgencies.iter().zip(&self.queues[waiting.queue].lines);
        let ahead = lines.map(|(urgency, line)| {
            line.count_ahead(|place: &Place| matching::precedence(urgency, NEUTRAL, place, now.0) < mine)
        });
        count(ahead.sum()) + 1
    }

    /// Which caller stands first in the queue, offered or not.
    pub(crate) fn first_caller_in(&self, queue: QueueIx, now: Mono) -> Option<ItemIx> {
        let lines = self.urgencies.iter().zip(&self.queues[queue].lines);
        let caller = |place: &&Place| self.items[place.item].kind == Kind::Call;
        let first = |line: &Line| line.iter().find(caller).copied();
        let heads =
            lines.filter_map(|(urgency, line)| Some(matching::precedence(urgency, NEUTRAL, &first(line)?, now.0)));
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
        let at = self.agents[agent].profile;
        for queue in &self.profiles[at].key.queues {
            let ready = &mut self.queues[*queue].ready;
            match (was, since) {
                (None, Some(_)) => *ready += 1,
                (Some(_), None) => *ready -= 1,
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        if was.is_some() != since.is_some() {
            self.count_reserves(at, since.is_some());
        }
        if since.is_some() {
            self.note_free(agent);
        }
    }

    /// Where a listed agent stands among the ready.
    pub(crate) fn seat_of(&self, agent: AgentIx) -> Option<(Mono, AgentId, AgentIx)> {
        let a = &self.agents[agent];
        Some((a.ready_since(a.listed?, self.config.rule.occupancy), a.id, agent))
    }

    /// Puts a listed agent where the choices of an agent find him.
    pub(crate) fn sit(&mut self, agent: AgentIx) {
        let Some(seat) = self.seat_of(agent) else { return };
        let a = &self.agents[agent];
        let profile = &mut self.profiles[a.profile];
        let is_first = profile.ready.is_empty();
        profile.ready.insert(seat);
        for &queue in &profile.key.queues {
            if is_first {
                list(&mut self.queues[queue].seated, a.profile);
            }
            if let Some(number) = number_in(&self.queues[queue], a) {
                profile.seats.entry(queue).or_default().entry(number).or_default().insert(seat);
            }
        }
    }

    /// Takes him away from there. To be called before what he is found by changes: his tallies, the order.
    pub(crate) fn rise(&mut self, agent: AgentIx) {
        let Some(seat) = self.seat_of(agent) else { return };
        let a = &self.agents[agent];
        let profile = &mut self.profiles[a.profile];
        profile.ready.remove(&seat);
        for &queue in &profile.key.queues {
            if profile.ready.is_empty() {
                unlist(&mut self.queues[queue].seated, &a.profile);
            }
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

/// One arrival, in the units of the tables.
const ARRIVAL: u64 = 1_000_000;
