//! The rule as the specification has it: who may serve whom, what goes first, and who is preferred.

use std::collections::BTreeMap;

use turno_base::{AgentId, ItemId, Mono, Need, QueueId, SegmentId, SkillId};

use super::{Waiting, Witness};
use crate::need::is_met;
use crate::{Entry, RingNeed, RingRules, Strategy, Topic};

impl Witness {
    /// A queue that rings all rings him too, if no better rank is being rung; where there is a wait limit, only before it. Who
    /// is kept in reserve is not called to a ring that runs when the item comes to pass reserves.
    pub(super) fn could_join(&self, agent: AgentId, item: &Waiting) -> bool {
        let queue = &self.config.queues[&item.queue];
        queue.strategy == Strategy::RingAll
            && queue.wait_limit.is_zero()
            && self.config.skills.values().all(|rules| rules.reserve == 0)
            && item.offered.iter().all(|a| self.rank(agent, item.queue) <= self.rank(*a, item.queue))
    }

    /// Does this agent serve the queue, and know what is needed, with and without what he lacks certificates for?
    pub(super) fn could(&self, agent: AgentId, queue: QueueId, entry: &Entry) -> bool {
        self.may_serve(agent, queue, &entry.need, entry.segment)
    }

    pub(super) fn may_serve(&self, agent: AgentId, queue: QueueId, need: &Need, segment: SegmentId) -> bool {
        let Some(asked) = self.config.queues.get(&queue) else { return false };
        let knows = |skills: &BTreeMap<SkillId, u8>| is_met(&asked.need, skills) && is_met(need, skills);
        self.rank_in(agent, queue).is_some()
            && knows(&self.skills(agent, None))
            && knows(&self.skills(agent, Some(segment)))
    }

    pub(super) fn is_in_ring(&self, agent: AgentId, item: &Waiting, ring: &RingRules) -> bool {
        let skills = self.skills(agent, Some(item.entry.segment));
        match &ring.need {
            RingNeed::Need(need) => is_met(need, &skills) && is_met(need, &self.skills(agent, None)),
            RingNeed::Level(least) => self.level(agent, item).is_none_or(|level| level >= *least),
        }
    }

    /// The level that counts of this agent for this item.
    pub(super) fn level(&self, agent: AgentId, item: &Waiting) -> Option<u8> {
        let skills = self.skills(agent, Some(item.entry.segment));
        let needs = [&self.config.queues[&item.queue].need, &item.entry.need];
        needs.into_iter().filter_map(|need| level(need, &skills)).min()
    }

    /// May this agent be rung for this item, all else aside?
    pub(super) fn is_pair(&self, agent: AgentId, item: &Waiting, now: Mono) -> bool {
        if item.is_held || !self.could(agent, item.queue, &item.entry) {
            return false;
        }
        if item.apart.iter().any(|(from, until)| *from == agent && *until > now) {
            return false;
        }
        if item.only_until.is_some() {
            return item.own == Some(agent);
        }
        let rings = self.rings(item.queue, item);
        let ring = item.ring.and_then(|(passed, _)| rings.get(passed));
        ring.is_none_or(|ring| self.is_in_ring(agent, item, ring))
            && (self.passes_reserve(item, now) || !self.is_reserved(agent))
    }

    /// Is he one of the few idle agents who are kept for others?
    pub(super) fn is_reserved(&self, agent: AgentId) -> bool {
        let has = |agent: &AgentId, skill| self.skills(*agent, None).contains_key(skill);
        self.config.skills.iter().any(|(skill, rules)| {
            let ready = self.agents.iter().filter(|(_, seat)| seat.is_free() && seat.offer.is_none());
            has(&agent, skill) && ready.filter(|(agent, _)| has(agent, skill)).count() as u32 <= rules.reserve
        })
    }

    pub(super) fn passes_reserve(&self, item: &Waiting, now: Mono) -> bool {
        let rules = self.config.segments.get(&item.entry.segment).copied().unwrap_or_default();
        let top = self.config.segments.values().map(|rules| rules.value_pm).max();
        let waited = (now.0 as i128 - item.v as i128).max(0);
        let half = (rules.wait_target.as_micros() as i128).max(1000) / 2;
        let guard = rules.wait_max.as_micros() as i128;
        Some(rules.value_pm) == top || waited >= half || guard > 0 && waited >= guard
    }

    /// The topics that count of this agent for this item, with his levels.
    pub(super) fn topics(&self, agent: AgentId, item: &Waiting) -> Vec<(Topic, u8)> {
        let skills = self.skills(agent, Some(item.entry.segment));
        let mut found = BTreeMap::new();
        for need in [&self.config.queues[&item.queue].need, &item.entry.need] {
            counting(need, &skills, &mut found);
        }
        if found.is_empty() {
            return vec![(Topic::Queue(item.queue), 0)];
        }
        found.into_iter().map(|(skill, level)| (Topic::Skill(skill), level)).collect()
    }

    /// M x K, millionths.
    pub(super) fn factor(&self, agent: AgentId, item: &Waiting) -> i128 {
        let tables = self.tables.as_ref().expect("seen before");
        let row = |topic: Topic| tables.topics.iter().find(|row| row.topic == topic).expect("a topic has a row");
        let topics = self.topics(agent, item);
        let slowest = topics.iter().map(|(topic, level)| row(*topic).handle[usize::from(*level)].2).max();
        let reference = self.config.rule.handle_reference.as_millis() as u64;
        let handle = (reference * 1000 / slowest.expect("at least the queue")).clamp(700, 1400);
        let pressure = topics.iter().map(|(topic, _)| row(*topic).weight_pm).max().expect("at least the queue");
        i128::from(handle * pressure)
    }

    /// Larger goes first: the module `matching::item` in words. Without an agent: as one would choose who
    /// does all equally well.
    pub(super) fn urgency(&self, item: &Waiting, agent: Option<AgentId>, now: Mono) -> (bool, i128, i64, u32, i128) {
        let rules = self.config.segments.get(&item.entry.segment).copied().unwrap_or_default();
        let waited = (now.0 as i128 - item.v as i128).max(0);
        let target = (rules.wait_target.as_micros() as i128).max(1000);
        let guarded = !rules.wait_max.is_zero() && waited > rules.wait_max.as_micros() as i128;
        let g = if waited < target {
            250_000 + waited * 1_000_000 / target
        } else {
            1_250_000 + (waited - target) * 1_000_000 / target / 4
        };
        let factor = agent.map_or(1_000_000, |agent| self.factor(agent, item));
        let score = if guarded { 0 } else { weight(rules.value_pm) * factor / 1_000_000 * g / 1_000_000 };
        (guarded, score, -item.v, item.entry.value_pm, -i128::from(item.order))
    }

    pub(super) fn place(&self, id: ItemId, now: Mono) -> u32 {
        let mine = &self.items[&id];
        let ahead = self.items.values().filter(|i| i.queue == mine.queue);
        1 + ahead.filter(|i| self.urgency(i, None, now) > self.urgency(mine, None, now)).count() as u32
    }

    /// Larger is preferred.
    pub(super) fn suits(&self, agent: AgentId, item: &Waiting, now: Mono) -> (i128, i128, std::cmp::Reverse<AgentId>) {
        let rule = &self.config.rule;
        let rules = self.config.segments.get(&item.entry.segment).copied().unwrap_or_default();
        let root = i128::from((u64::from(rules.value_pm) * 1000).isqrt());
        let level = i128::from(self.level(agent, item).unwrap_or(0));
        let fit = level * rule.fit_per_level.as_micros() as i128 * root / 1000;
        // What he is worth with all he has, less what the item itself needs.
        let skills = self.skills(agent, None);
        let has = |topic: &Topic| self.has(agent, &skills, topic);
        let needed: Vec<Topic> = self.topics(agent, item).into_iter().map(|(topic, _)| topic).collect();
        let opportunity = (self.worth(&has) - self.worth(&|topic| needed.contains(topic))).max(0);
        let bonus = if item.own == Some(agent) { rule.owner_bonus.as_micros() as i128 } else { 0 };
        let idle = i128::from(now.0) - i128::from(self.ready_since(agent));
        let points = fit - opportunity + idle.clamp(0, rule.idle_counted.as_micros() as i128) + bonus;
        (points, idle, std::cmp::Reverse(agent))
    }

    fn has(&self, agent: AgentId, skills: &BTreeMap<SkillId, u8>, topic: &Topic) -> bool {
        match topic {
            Topic::Skill(skill) => skills.contains_key(skill),
            Topic::Queue(queue) => self.rank_in(agent, *queue).is_some(),
        }
    }

    /// What these topics are worth together, µs of idle time.
    fn worth(&self, counts: &dyn Fn(&Topic) -> bool) -> i128 {
        let rows = self.tables.as_ref().expect("seen before").topics.iter().filter(|row| counts(&row.topic));
        let sum: i128 = rows.map(|row| i128::from(row.pressure_micro)).sum();
        self.config.rule.opportunity.as_micros() as i128 * sum / 1_000_000
    }

    /// Larger is preferred for a task, which has no value that counts and takes all that he knows from the others.
    pub(super) fn suits_task(
        &self,
        agent: AgentId,
        task: &Waiting,
        owner: Option<AgentId>,
        now: Mono,
    ) -> (i128, i128, std::cmp::Reverse<AgentId>) {
        let rule = &self.config.rule;
        let skills = self.skills(agent, None);
        let fit = i128::from(self.level(agent, task).unwrap_or(0)) * rule.fit_per_level.as_micros() as i128;
        let bonus = if owner == Some(agent) { rule.owner_bonus.as_micros() as i128 } else { 0 };
        let idle = i128::from(now.0) - i128::from(self.ready_since(agent));
        let counted = idle.clamp(0, rule.idle_counted.as_micros() as i128);
        let worth = self.worth(&|topic| self.has(agent, &skills, topic)).max(0);
        (fit - worth + counted + bonus, idle, std::cmp::Reverse(agent))
    }

    /// Since when he counts as idle: later the more of his shift he has worked.
    pub(super) fn ready_since(&self, agent: AgentId) -> u64 {
        let seat = &self.agents[&agent];
        let shift = seat.idle_since.0 - seat.began.0;
        let share = (seat.worked * 1000).checked_div(shift).unwrap_or(0).min(1000);
        let since = seat.idle_since.0 + self.config.rule.occupancy.as_micros() as u64 * share / 1000;
        // Who has a task in hand comes after all who have none.
        if self.desk(agent).is_empty() { since } else { since + (1 << 62) }
    }

    /// It became this agent's to take at this very instant, when others may have been dealt with before it.
    pub(super) fn is_sudden(&self, agent: AgentId, item: &Waiting, now: Mono) -> bool {
        let rules = self.config.segments.get(&item.entry.segment).copied().unwrap_or_default();
        let waited = (now.0 as i128 - item.v as i128).max(0);
        let half = (rules.wait_target.as_micros() as i128).max(1000) / 2;
        let was_apart = item.apart.iter().any(|(from, until)| *from == agent && *until == now);
        was_apart || item.sudden == now || waited == half || waited == rules.wait_max.as_micros() as i128
    }

    pub(super) fn rank(&self, agent: AgentId, queue: QueueId) -> u8 {
        self.rank_in(agent, queue).unwrap_or(0)
    }

    /// Whom the queue's strategy chooses of these; none if the dice do.
    pub(super) fn best(
        &self,
        strategy: Strategy,
        of: impl Iterator<Item = AgentId>,
        item: &Waiting,
        now: Mono,
    ) -> Option<AgentId> {
        let seat = |a: &AgentId| &self.agents[a];
        let tally = |a: &AgentId| seat(a).tallies.get(&item.queue).copied().unwrap_or_default();
        // Those after `last` in the queue's order, then the others.
        let place = |a: &AgentId, last: Option<AgentId>| {
            let named = &self.config.queues[&item.queue].order;
            let at = |a: AgentId| (named.iter().position(|n| *n == a).unwrap_or(usize::MAX), a);
            let serves = |a: &AgentId| self.rank_in(*a, item.queue).is_some();
            (last.filter(serves).is_some_and(|last| at(*a) <= at(last)), at(*a))
        };
        match strategy {
            Strategy::Value => of.max_by_key(|a| self.suits(*a, item, now)),
            Strategy::LongestIdle => of.min_by_key(|a| (self.ready_since(*a), *a)),
            Strategy::FewestCalls => of.min_by_key(|a| (tally(a).0, self.ready_since(*a), *a)),
            Strategy::LeastTalk => of.min_by_key(|a| (tally(a).1, self.ready_since(*a), *a)),
            Strategy::RoundRobin => of.min_by_key(|a| place(a, self.turns.get(&item.queue).copied())),
            Strategy::Linear => of.min_by_key(|a| place(a, item.tried)),
            Strategy::RingAll | Strategy::Random | Strategy::WeightedRandom => None,
        }
    }

    pub(super) fn check_choice(&self, agent: AgentId, id: ItemId, now: Mono) {
        let item = &self.items[&id];
        assert!(self.is_pair(agent, item, now), "{agent} may not take {id}");
        assert!(self.agents[&agent].is_free(), "only who is ready is rung");
        let strategy = self.config.queues[&item.queue].strategy;
        assert!(self.agents[&agent].offer.is_none(), "invariant 2");
        assert!(item.offered.is_empty() || strategy == Strategy::RingAll, "invariant 2");
        let free = self.items.iter().filter(|(_, i)| i.offered.is_empty() && self.is_pair(agent, i, now));
        let settled = free.filter(|(other, i)| **other == id || !self.is_sudden(agent, i, now));
        let first = settled.max_by_key(|(_, i)| self.urgency(i, Some(agent), now)).map(|(id, _)| *id);
        // Where reserves are kept or rules change several may be idle while something waits, and the item chooses. An agent
        // joins others only if nobody waits for him alone.
        let is_kept = self.config.skills.values().any(|rules| rules.reserve > 0);
        let due = item.offered.is_empty().then_some(id);
        assert!(is_kept || self.is_configuring || first == due, "invariant 4: {agent} is due {first:?}, not {id}");
        let ready = self.agents.iter().filter(|(_, seat)| seat.is_free() && seat.offer.is_none());
        let able: Vec<AgentId> = ready.map(|(a, _)| *a).filter(|a| self.is_pair(*a, item, now)).collect();
        let best_rank = able.iter().chain(&item.offered).map(|a| self.rank(*a, item.queue)).min();
        if strategy != Strategy::WeightedRandom {
            assert_eq!(Some(self.rank(agent, item.queue)), best_rank, "{agent} is of a rank that waits");
        }
        let ranked = able.iter().copied().filter(|a| Some(self.rank(*a, item.queue)) == best_rank);
        let best = self.best(strategy, ranked, item, now);
        assert!(best.is_none_or(|best| best == agent), "{id} is due to {best:?}, not {agent}");
    }
}

/// Value to the power 0.75, millionths: the values of the tests' segments.
fn weight(value_pm: u32) -> i128 {
    match value_pm {
        10_000 => 5_623_413,
        4000 => 2_828_427,
        2000 => 1_681_793,
        1000 => 1_000_000,
        400 => 502_973,
        300 => 405_360,
        other => panic!("no weight for {other}"),
    }
}

/// The skills that count: all that are needed together, of alternatives the best that is met, the first of equals.
fn counting(need: &Need, skills: &BTreeMap<SkillId, u8>, found: &mut BTreeMap<SkillId, u8>) {
    match need {
        Need::Anyone | Need::Not(_) => {}
        Need::AtLeast { skill, .. } => {
            found.extend(skills.get(skill).map(|level| (*skill, *level)));
        }
        Need::All(parts) => parts.iter().for_each(|part| counting(part, skills, found)),
        Need::Any(parts) => {
            let mut best: Option<(Option<u8>, &Need)> = None;
            for part in parts.iter().filter(|part| is_met(part, skills)) {
                let at = level(part, skills);
                if best.is_none_or(|(so_far, _)| at > so_far) {
                    best = Some((at, part));
                }
            }
            if let Some((_, part)) = best {
                counting(part, skills, found);
            }
        }
    }
}

/// The level that counts for a need: the weakest of what is all needed, the best of what is enough.
fn level(need: &Need, skills: &BTreeMap<SkillId, u8>) -> Option<u8> {
    match need {
        Need::AtLeast { skill, .. } => skills.get(skill).copied(),
        Need::All(parts) => parts.iter().filter_map(|part| level(part, skills)).min(),
        Need::Any(parts) => parts.iter().filter(|p| is_met(p, skills)).filter_map(|part| level(part, skills)).max(),
        Need::Anyone | Need::Not(_) => None,
    }
}
