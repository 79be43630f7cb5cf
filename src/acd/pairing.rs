//! Brings the matching rule its candidates: heads of lines for an agent who is free, heads of profiles for an item that is
//! free. Who stands where is kept by `standing`.

use turno_base::{AgentId, Mono, SkillId};

use crate::acd::Acd;
use crate::boundary::Decision;
use crate::item::Stands;
use crate::limits::BLOCKED_MAX;
use crate::matching::{self, Appeal, Bench, NEUTRAL, Pick, Precedence, Preference, Strategy};
use crate::queue::{Fit, Listed};
use crate::slab::{AgentIx, ItemIx, ProfileIx};
use crate::why::{AgentTerms, Bar, Blocked, ItemTerms, RunnerUp, Trigger, Why};

/// An agent chosen for an item.
pub(crate) struct Choice {
    pub(crate) agent: AgentIx,
    pub(crate) why: Why,
}

/// An agent who could take an item.
#[derive(Clone, Copy)]
struct Candidate {
    /// In the item's queue: before all else.
    rank: u8,
    preference: Preference,
    agent: AgentIx,
    fit: Fit,
    appeal: Appeal,
    idle_since: Mono,
}

impl Candidate {
    fn is_before(&self, other: &Candidate) -> bool {
        (self.rank, self.preference) < (other.rank, other.preference)
    }
}

/// An item that an agent could take.
#[derive(Clone, Copy)]
struct Head {
    precedence: Precedence,
    listed: Listed,
}

/// What a look through the lines of an agent found.
struct Heads {
    podium: Podium<Head>,
    /// Items that he may take, whether or not now.
    eligible: u32,
    /// Those that would have gone first but are kept from him.
    blocked: Vec<Blocked>,
}

/// The best of those seen, and the next best.
struct Podium<T> {
    best: Option<T>,
    second: Option<T>,
}

impl<T: Copy> Podium<T> {
    fn new() -> Podium<T> {
        Podium { best: None, second: None }
    }

    fn see(&mut self, one: T, is_before: impl Fn(&T, &T) -> bool) {
        match &self.best {
            Some(best) if !is_before(&one, best) => {
                if self.second.as_ref().is_none_or(|second| is_before(&one, second)) {
                    self.second = Some(one);
                }
            }
            Some(_) | None => self.second = self.best.replace(one),
        }
    }
}

impl Acd {
    /// The item is free: rings the best agent for it, or lets it stand in line.
    pub(crate) fn seek_agent(&mut self, item: ItemIx, trigger: Trigger, now: Mono, out: &mut Vec<Decision>) {
        if self.items[item].stands == Stands::Nowhere {
            self.find_group(item, now);
        }
        if self.queues[self.items[item].queue].rules.strategy == Strategy::RingAll {
            return self.ring_all(item, trigger, now, out);
        }
        match self.agent_for(item, trigger, now) {
            Some(Choice { agent, why }) => self.reserve(item, agent, why, now, out),
            None => self.stand_free(item),
        }
    }

    /// The agent may be free: rings him for the item that goes first of those he may take. If all have somebody, he joins
    /// those who are being rung for the first that rings all.
    pub(crate) fn seek_item(&mut self, agent: AgentIx, trigger: Trigger, now: Mono, out: &mut Vec<Decision>) {
        if !self.reserves.is_empty() {
            return self.seek_among(agent, trigger, now, out);
        }
        if self.agents.get(agent).is_none_or(|a| a.listed.is_none()) {
            return;
        }
        match self.item_for(agent, trigger, now) {
            Some((item, why)) => self.reserve(item, agent, why, now, out),
            None => self.join_ring(agent, trigger, now, out),
        }
    }

    /// Like [`Acd::seek_item`] where others may be idle for whom the same items wait (reserves are kept, or the rules have
    /// changed): the item chooses among them, and if it is not he, he is asked again.
    pub(crate) fn seek_among(&mut self, agent: AgentIx, trigger: Trigger, now: Mono, out: &mut Vec<Decision>) {
        while self.agents.get(agent).is_some_and(|a| a.listed.is_some()) {
            let Some((item, why)) = self.item_for(agent, trigger, now) else {
                return self.join_ring(agent, trigger, now, out);
            };
            if self.queues[self.items[item].queue].rules.strategy == Strategy::RingAll {
                self.ring_all(item, trigger, now, out);
                if self.items[item].stands == Stands::Free {
                    return;
                }
                continue;
            }
            match self.agent_for(item, trigger, now) {
                Some(Choice { agent: other, why }) if other != agent => self.reserve(item, other, why, now, out),
                Some(_) | None => return self.reserve(item, agent, why, now, out),
            }
        }
    }

    fn agent_for(&mut self, item: ItemIx, trigger: Trigger, now: Mono) -> Option<Choice> {
        let queue = self.items[item].queue;
        if self.queues[queue].ready == 0 {
            return None;
        }
        let strategy = self.queues[queue].rules.strategy;
        let (blocked, podium) = match strategy {
            Strategy::Value => self.by_value(item, now),
            Strategy::LongestIdle
            | Strategy::RoundRobin
            | Strategy::RingAll
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::Linear
            | Strategy::Random
            | Strategy::WeightedRandom => {
                (Vec::new(), Podium { best: self.by_strategy(item, strategy, now), second: None })
            }
        };
        let best = podium.best?;
        Some(Choice { agent: best.agent, why: self.why(item, &best, podium.second, blocked, trigger, now) })
    }

    /// Why this agent, who is ready, is rung with others for this item; none if he may not take it.
    pub(crate) fn why_rung(
        &self,
        item: ItemIx,
        (agent, profile, since): Pick,
        trigger: Trigger,
        now: Mono,
    ) -> Option<Why> {
        let fit = *self.groups[self.items[item].group].fit(profile)?;
        let candidate = self.candidate(item, fit, (since, self.agents[agent].id, agent), now);
        Some(self.why(item, &candidate, None, Vec::new(), trigger, now))
    }

    /// Why this one, who is ready, is rung for this item.
    fn why(
        &self,
        item: ItemIx,
        best: &Candidate,
        second: Option<Candidate>,
        blocked: Vec<Blocked>,
        trigger: Trigger,
        now: Mono,
    ) -> Why {
        let waiting = &self.items[item];
        let queue = waiting.queue;
        let group = &self.groups[waiting.group];
        let eligible = match group.key.only {
            Some(_) => 1,
            None => self.seated(waiting.group).map(|fit| self.profiles[fit.profile].ready.len()).sum::<usize>(),
        };
        let listing = &self.profiles[best.fit.profile].listing.groups;
        let others: u32 = listing.iter().filter_map(|listed| self.valid(listed)).map(|group| group.free).sum();
        let runner_up = second
            .map(|second| RunnerUp::Agent { agent: self.agents[second.agent].id, terms: agent_terms(&second, now) });
        Why {
            seq: self.epoch + 1,
            at: now,
            trigger,
            strategy: self.queues[queue].rules.strategy,
            rank: best.rank,
            item: self.item_terms(item, best.fit.recipe, now),
            agent: agent_terms(best, now),
            runner_up,
            agents_eligible: count(eligible.saturating_sub(1)),
            items_eligible: others.saturating_sub(u32::from(waiting.stands == Stands::Free)),
            blocked,
            tables: self.tables.version,
            config: self.configured,
            revision: self.config.revision,
        }
    }

    /// The agent whom the value-rate rule prefers, the next, and who is kept apart.
    fn by_value(&self, item: ItemIx, now: Mono) -> (Vec<Blocked>, Podium<Candidate>) {
        let waiting = &self.items[item];
        let group = &self.groups[waiting.group];
        let mut blocked = Vec::new();
        let mut podium = Podium::new();
        for fit in self.seated(waiting.group) {
            let ready = &self.profiles[fit.profile].ready;
            if let Some(skill) = self.kept_from(item, fit.profile, now) {
                let left = BLOCKED_MAX.saturating_sub(blocked.len());
                let by = Bar::Reserve(skill);
                blocked.extend(ready.iter().take(left).map(|&(_, agent, _)| Blocked { item: waiting.id, agent, by }));
                continue;
            }
            // The longest idle stands for his profile; the customer's own agent for himself.
            let mut see = |seat: (Mono, AgentId, AgentIx)| match waiting.apart_until(seat.2, now) {
                Some(until) => {
                    if blocked.len() < BLOCKED_MAX {
                        blocked.push(Blocked { item: waiting.id, agent: seat.1, by: Bar::Apart { until } });
                    }
                    false
                }
                None => {
                    podium.see(self.candidate(item, fit, seat, now), Candidate::is_before);
                    true
                }
            };
            let own = waiting.own.filter(|&own| self.is_ready_in(own, fit.profile));
            if let Some(seat) = own.and_then(|own| self.seat_of(own)) {
                see(seat);
            }
            if group.key.only.is_none() {
                ready.iter().copied().filter(|&(_, _, agent)| own != Some(agent)).any(see);
            }
        }
        (blocked, podium)
    }

    /// The skill for which agents of this profile are kept from an item.
    pub(crate) fn kept_from(&self, item: ItemIx, profile: ProfileIx, now: Mono) -> Option<SkillId> {
        if self.reserves.is_empty() || self.groups[self.items[item].group].key.only.is_some() {
            return None;
        }
        self.reserved_for(profile).filter(|_| !self.passes_reserve(item, now))
    }

    /// The agent whom a classic strategy chooses.
    fn by_strategy(&mut self, item: ItemIx, strategy: Strategy, now: Mono) -> Option<Candidate> {
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
        let only = self.groups[waiting.group].key.only;
        let is_apart = |agent| waiting.is_apart_from(agent, now) || only.is_some_and(|only| only != agent);
        let mut dice = self.dice.clone();
        let pick = matching::choose(strategy, &self.benches(item, now), turn, is_apart, &mut dice);
        self.dice = dice;
        let (agent, profile, since) = pick?;
        let fit = *self.groups[self.items[item].group].fit(profile)?;
        Some(self.candidate(item, fit, (since, self.agents[agent].id, agent), now))
    }

    /// The ready agents who may take the item, by profile.
    pub(crate) fn benches(&self, item: ItemIx, now: Mono) -> Vec<Bench<'_>> {
        let waiting = &self.items[item];
        let fits = self.seated(waiting.group);
        let bench = |fit: Fit| {
            let profile = &self.profiles[fit.profile];
            let seats = profile.seats.get(&waiting.queue);
            Bench { profile: fit.profile, rank: profile.rank(waiting.queue), ready: &profile.ready, seats }
        };
        let free = |bench: &Bench<'_>| self.kept_from(item, bench.profile, now).is_none();
        fits.map(bench).filter(free).collect()
    }

    fn is_ready_in(&self, agent: AgentIx, profile: ProfileIx) -> bool {
        self.agents.get(agent).is_some_and(|a| a.profile == profile && a.listed.is_some())
    }

    fn candidate(&self, item: ItemIx, fit: Fit, (since, id, agent): (Mono, AgentId, AgentIx), now: Mono) -> Candidate {
        let waiting = &self.items[item];
        let rule = &self.config.rule;
        let root = self.urgencies[usize::from(waiting.line)].root_milli;
        let needed = self.tables.recipes.get(fit.recipe as usize).map_or(0, |recipe| recipe.needed);
        let bonus = if waiting.own == Some(agent) { micros(rule.owner_bonus) } else { 0 };
        let appeal = Appeal {
            fit: fit.fit.saturating_mul(root) / 1000,
            opportunity: self.profiles[fit.profile].worth.saturating_sub(needed).max(0),
            bonus,
        };
        let preference = matching::preference(appeal, since, id, now, rule.idle_counted);
        let rank = self.profiles[fit.profile].rank(waiting.queue);
        Candidate { rank, preference, agent, fit, appeal, idle_since: since }
    }

    /// The first and the second among the heads of all lines that the agent may serve.
    fn heads_for(&self, agent: AgentIx, now: Mono) -> Heads {
        let seeker = &self.agents[agent];
        let profile = &self.profiles[seeker.profile];
        let reserved = if self.reserves.is_empty() { None } else { self.reserved_for(seeker.profile) };
        let mut eligible = 0;
        let mut blocked = Vec::new();
        let mut podium: Podium<Head> = Podium::new();
        for listed in profile.listing.groups.iter().chain(&seeker.own.groups) {
            let Some(group) = self.valid(listed).filter(|group| group.free > 0) else { continue };
            let factor = self.tables.recipes.get(listed.recipe as usize).map_or(NEUTRAL, |recipe| recipe.factor);
            eligible += group.free;
            for (urgency, line) in self.urgencies.iter().zip(&group.lines) {
                // A head that would lose needs no look at whether it may be had.
                for place in line.iter() {
                    let precedence = matching::precedence(urgency, factor, place, now.0);
                    let head = Head { precedence, listed: *listed };
                    if podium.second.as_ref().is_some_and(|least| least.precedence < precedence) {
                        break;
                    }
                    let waiting = &self.items[place.item];
                    let bar = match reserved {
                        Some(skill) if group.key.only.is_none() && !self.passes_reserve(place.item, now) => {
                            Some(Bar::Reserve(skill))
                        }
                        Some(_) | None => waiting.apart_until(agent, now).map(|until| Bar::Apart { until }),
                    };
                    let Some(by) = bar else {
                        podium.see(head, |a, b| a.precedence < b.precedence);
                        // Whoever is behind the best may be second.
                        if podium.best.is_some_and(|best| best.precedence == precedence) {
                            continue;
                        }
                        break;
                    };
                    let is_final = matches!(by, Bar::Reserve(_));
                    if blocked.len() < BLOCKED_MAX {
                        blocked.push(Blocked { item: waiting.id, agent: seeker.id, by });
                    }
                    // The others in this line are younger still.
                    if is_final {
                        break;
                    }
                }
            }
        }
        Heads { podium, eligible, blocked }
    }

    fn item_for(&self, agent: AgentIx, trigger: Trigger, now: Mono) -> Option<(ItemIx, Why)> {
        let Heads { podium, eligible, blocked } = self.heads_for(agent, now);
        let head = podium.best?;
        let item = head.precedence.item();
        let group = &self.groups[head.listed.group];
        let agents = match self.queues[group.key.queue].ready {
            0 | 1 => 1,
            _ => group.profiles.iter().map(|fit| self.profiles[fit.profile].ready.len()).sum::<usize>(),
        };
        let fit = Fit { profile: self.agents[agent].profile, fit: head.listed.fit, recipe: head.listed.recipe };
        let me = self.candidate(item, fit, self.seat_of(agent)?, now);
        let runner_up = podium.second.map(|second| RunnerUp::Item {
            item: self.items[second.precedence.item()].id,
            terms: self.item_terms(second.precedence.item(), second.listed.recipe, now),
        });
        let why = Why {
            seq: self.epoch + 1,
            at: now,
            trigger,
            strategy: self.queues[group.key.queue].rules.strategy,
            rank: me.rank,
            item: self.item_terms(item, head.listed.recipe, now),
            agent: agent_terms(&me, now),
            runner_up,
            agents_eligible: count(agents.saturating_sub(1)),
            items_eligible: eligible - 1,
            blocked,
            tables: self.tables.version,
            config: self.configured,
            revision: self.config.revision,
        };
        Some((item, why))
    }

    /// The parts of an item's score for a profile with this recipe.
    pub(crate) fn item_terms(&self, item: ItemIx, recipe: u32, now: Mono) -> ItemTerms {
        let waiting = &self.items[item];
        let urgency = &self.urgencies[usize::from(waiting.line)];
        let waited_us = matching::waited_us(waiting.v, now.0);
        let recipe = self.tables.recipes.get(recipe as usize);
        ItemTerms {
            waited_ms: waited_us / 1000,
            is_guarded: urgency.is_guarded(waited_us),
            weight_micro: urgency.weight,
            handle_pm: recipe.map_or(1000, |recipe| recipe.handle_pm),
            pressure_pm: recipe.map_or(1000, |recipe| recipe.pressure_pm),
            urgency_micro: urgency.growth(waited_us),
            score: urgency.score(recipe.map_or(NEUTRAL, |recipe| recipe.factor), waited_us),
        }
    }
}

fn agent_terms(candidate: &Candidate, now: Mono) -> AgentTerms {
    AgentTerms {
        fit_ms: candidate.appeal.fit / 1000,
        opportunity_ms: candidate.appeal.opportunity / 1000,
        idle_ms: now.0.saturating_sub(candidate.idle_since.0) / 1000,
        bonus_ms: candidate.appeal.bonus / 1000,
        points_ms: candidate.preference.points() / 1000,
    }
}

pub(crate) fn micros(length: std::time::Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
