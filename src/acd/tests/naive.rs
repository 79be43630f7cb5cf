//! The reference: a witness who sees only what goes in and what is decided, keeps plain lists, looks at everything each time,
//! and says what the rule of spec/routing.md would have chosen. Shares no code with the machine but the need's meaning.

use std::collections::BTreeMap;

use turno_base::fact::{AgentState, OfferEnd, QueueLeft};
use turno_base::{AgentId, ItemId, Mono, Need, QueueId, SkillId};

use crate::need::is_met;
use crate::{Acd, AcdConfig, Decision, Entry, Event, Strategy};

/// Somebody at a door.
#[derive(Clone, Debug)]
struct Coming {
    entry: Entry,
    v: i64,
    apart: Apart,
    /// Not on its way from another queue.
    is_new: bool,
}

/// Whom an item is kept apart from, and until when.
type Apart = Option<(AgentId, Mono)>;

#[derive(Clone, Default)]
pub(crate) struct Witness {
    config: AcdConfig,
    pub(crate) agents: BTreeMap<AgentId, Seat>,
    pub(crate) items: BTreeMap<ItemId, Waiting>,
    /// Entries at the door, and items on their way to another queue.
    doors: BTreeMap<ItemId, Coming>,
    redials: Vec<(QueueId, String, i64, Mono)>,
    entered: u64,
    /// Entered, and left by outcome, per queue.
    pub(crate) flow: BTreeMap<QueueId, (u64, BTreeMap<&'static str, u64>)>,
    pub(crate) offers: u64,
    pub(crate) offers_ended: u64,
    /// A change of configuration rings agents in their order, so only the item's choice is the rule's there.
    is_configuring: bool,
    /// Whom each queue rang last.
    turns: BTreeMap<QueueId, AgentId>,
    /// Where conversations came from.
    came: BTreeMap<ItemId, QueueId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) state: AgentState,
    idle_since: Mono,
    pub(crate) offer: Option<(ItemId, u64, Mono)>,
    keeps_idle_time: bool,
    /// Calls accepted and time talked, µs, by queue, during the shift.
    tallies: BTreeMap<QueueId, (u64, u64)>,
    /// The conversation, and since when.
    talks: Option<(ItemId, Mono)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    entry: Entry,
    queue: QueueId,
    v: i64,
    order: u64,
    since: Mono,
    pub(crate) offered: Option<AgentId>,
    apart: Apart,
    tried: Option<AgentId>,
}

impl Witness {
    pub(crate) fn configure(&mut self, config: &AcdConfig) {
        self.config = config.clone();
        self.is_configuring = true;
        for (_, waiting) in self.items.iter_mut() {
            // Forgotten with an agent who is no longer configured and not at work.
            waiting.apart = waiting.apart.filter(|(agent, _)| {
                config.agents.contains_key(agent)
                    || self.agents.get(agent).is_some_and(|seat| {
                        !matches!(
                            seat.state,
                            AgentState::LoggedOut | AgentState::Ready | AgentState::Paused(_) | AgentState::Outbound
                        )
                    })
            });
        }
    }

    /// What goes in.
    pub(crate) fn before(&mut self, event: &Event, now: Mono) {
        let Event::Enter(entry) = event else { return };
        if self.items.contains_key(&entry.item) {
            return;
        }
        let mut v = now.0 as i64 - entry.credits.total().as_micros() as i64;
        if let Some(caller) = &entry.caller {
            let kept = self.redials.iter().position(|(q, c, ..)| *q == entry.queue && c == caller);
            if let Some((_, _, kept, until)) = kept.map(|at| self.redials[at].clone())
                && until >= now
            {
                v = v.min(kept);
            }
        }
        self.doors.insert(entry.item, Coming { entry: entry.clone(), v, apart: None, is_new: true });
    }

    /// What was decided; panics at the first thing that the rule would not have done.
    pub(crate) fn after(&mut self, out: &[Decision], now: Mono, acd: &Acd) {
        for decision in out {
            self.see(decision, now);
        }
        self.is_configuring = false;
        self.doors.clear();
        for (agent, seat) in self.agents.iter().filter(|(_, seat)| seat.state == AgentState::Ready) {
            let missed = self.items.iter().find(|(_, i)| i.offered.is_none() && self.is_pair(*agent, i, now));
            assert!(missed.is_none(), "invariant 1: {agent} is idle, {:?} waits", missed.map(|(id, _)| id));
            assert!(seat.offer.is_none(), "a ready agent has no offer");
        }
        for row in acd.queues(turno_base::Now { mono: now, ..Default::default() }) {
            let (entered, left) = self.flow.get(&row.queue).cloned().unwrap_or_default();
            let waiting = self.items.values().filter(|i| i.queue == row.queue).count() as u64;
            assert_eq!(entered, left.values().sum::<u64>() + waiting, "invariant 3: {}", row.queue);
            assert_eq!(u64::from(row.waiting), waiting);
        }
        let open = self.agents.values().filter(|seat| seat.offer.is_some()).count() as u64;
        assert_eq!(self.offers, self.offers_ended + open, "every offer ends once");
        assert_eq!(acd.counts().healed, 0);
    }

    /// May this agent be rung for this item, all else aside?
    fn is_pair(&self, agent: AgentId, item: &Waiting, now: Mono) -> bool {
        let Some(rules) = self.config.agents.get(&agent) else { return false };
        let Some(queue) = self.config.queues.get(&item.queue) else { return false };
        rules.queues.contains(&item.queue)
            && is_met(&queue.need, &rules.skills)
            && is_met(&item.entry.need, &rules.skills)
            && item.apart.is_none_or(|(from, until)| from != agent || until <= now)
    }

    /// Larger goes first; spec/routing.md, and the module `matching::item` in words.
    fn urgency(&self, item: &Waiting, now: Mono) -> (bool, i128, i64, u32, i128) {
        let rules = self.config.segments.get(&item.entry.segment).copied().unwrap_or_default();
        let waited = (now.0 as i128 - item.v as i128).max(0);
        let target = (rules.wait_target.as_micros() as i128).max(1000);
        let guarded = !rules.wait_max.is_zero() && waited > rules.wait_max.as_micros() as i128;
        let g = if waited < target {
            250_000 + waited * 1_000_000 / target
        } else {
            1_250_000 + (waited - target) * 1_000_000 / target / 4
        };
        let score = if guarded { 0 } else { i128::from(rules.value_pm) * g / 1000 };
        (guarded, score, -item.v, item.entry.value_pm, -i128::from(item.order))
    }

    fn place(&self, id: ItemId, now: Mono) -> u32 {
        let mine = &self.items[&id];
        let ahead = self.items.values().filter(|i| i.queue == mine.queue);
        1 + ahead.filter(|i| self.urgency(i, now) > self.urgency(mine, now)).count() as u32
    }

    /// Larger is preferred.
    fn suits(&self, agent: AgentId, item: &Waiting, now: Mono) -> (i128, i128, std::cmp::Reverse<AgentId>) {
        let skills = &self.config.agents[&agent].skills;
        let needs = [&self.config.queues[&item.queue].need, &item.entry.need];
        let level = needs.into_iter().filter_map(|need| level(need, skills)).min().unwrap_or(0);
        let fit = i64::from(level) * 40_000_000;
        let idle = i128::from(now.0 - self.agents[&agent].idle_since.0);
        (i128::from(fit) + idle.min(600_000_000), idle, std::cmp::Reverse(agent))
    }

    fn rank(&self, agent: AgentId, queue: QueueId) -> u8 {
        self.config.agents[&agent].ranks.get(&queue).copied().unwrap_or(0)
    }

    /// Whom the queue's strategy chooses of these; none if the dice do.
    fn best(
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
            let serves = |a: &AgentId| self.config.agents.get(a).is_some_and(|r| r.queues.contains(&item.queue));
            (last.filter(serves).is_some_and(|last| at(*a) <= at(last)), at(*a))
        };
        match strategy {
            Strategy::Value => of.max_by_key(|a| self.suits(*a, item, now)),
            Strategy::LongestIdle | Strategy::RingAll => of.min_by_key(|a| (seat(a).idle_since, *a)),
            Strategy::FewestCalls => of.min_by_key(|a| (tally(a).0, seat(a).idle_since, *a)),
            Strategy::LeastTalk => of.min_by_key(|a| (tally(a).1, seat(a).idle_since, *a)),
            Strategy::RoundRobin => of.min_by_key(|a| place(a, self.turns.get(&item.queue).copied())),
            Strategy::Linear => of.min_by_key(|a| place(a, item.tried)),
            Strategy::Random | Strategy::WeightedRandom => None,
        }
    }

    fn check_choice(&self, agent: AgentId, id: ItemId, now: Mono) {
        let item = &self.items[&id];
        assert!(self.is_pair(agent, item, now), "{agent} may not take {id}");
        assert_eq!(self.agents[&agent].state, AgentState::Ready, "only who is ready is rung");
        assert!(self.agents[&agent].offer.is_none() && item.offered.is_none(), "invariant 2");
        let free = self.items.iter().filter(|(_, i)| i.offered.is_none() && self.is_pair(agent, i, now));
        let first = free.max_by_key(|(_, i)| self.urgency(i, now)).map(|(id, _)| *id);
        assert_eq!(first, Some(id), "invariant 4: {agent} is due another item");
        let ready = self.agents.iter().filter(|(_, seat)| seat.state == AgentState::Ready && seat.offer.is_none());
        let able: Vec<AgentId> = ready.map(|(a, _)| *a).filter(|a| self.is_pair(*a, item, now)).collect();
        let strategy = self.config.queues[&item.queue].strategy;
        let best_rank = able.iter().map(|a| self.rank(*a, item.queue)).min();
        if strategy != Strategy::WeightedRandom {
            assert_eq!(Some(self.rank(agent, item.queue)), best_rank, "{agent} is of a rank that waits");
        }
        let ranked = able.iter().copied().filter(|a| Some(self.rank(*a, item.queue)) == best_rank);
        let best = self.best(strategy, ranked, item, now);
        assert!(self.is_configuring || best.is_none_or(|best| best == agent), "{id} is due to {best:?}, not {agent}");
    }

    fn see(&mut self, decision: &Decision, now: Mono) {
        match decision {
            Decision::Entered { item, queue, position } => {
                let Coming { entry, v, apart, is_new } = self.doors.remove(item).expect("only who asked enters");
                self.entered += 1;
                let order = self.entered;
                if let Some(caller) = entry.caller.as_ref().filter(|_| is_new) {
                    self.redials.retain(|(q, c, ..)| *q != entry.queue || c != caller);
                }
                let waiting = Waiting { entry, queue: *queue, v, order, since: now, offered: None, apart, tried: None };
                assert!(self.items.insert(*item, waiting).is_none(), "nobody waits twice");
                self.flow.entry(*queue).or_default().0 += 1;
                assert_eq!(*position, self.place(*item, now), "place on entering");
            }
            Decision::Offer { item, agent, epoch, .. } => {
                self.check_choice(*agent, *item, now);
                self.offers += 1;
                let waiting = self.items.get_mut(item).expect("waits");
                waiting.offered = Some(*agent);
                waiting.tried = Some(*agent);
                self.turns.insert(waiting.queue, *agent);
                self.agents.get_mut(agent).expect("known").offer = Some((*item, *epoch, now));
            }
            Decision::Withdraw { item, agent, epoch, .. } => {
                let open = self.agents.get(agent).and_then(|seat| seat.offer);
                let is_late = open.is_none_or(|(_, current, _)| *epoch < current);
                assert!(is_late || open.is_some_and(|(i, e, _)| i == *item && e == *epoch));
            }
            Decision::Connect { item, agent, epoch } => {
                let open = self.agents[agent].offer.map(|(i, e, _)| (i, e));
                assert_eq!(open, Some((*item, *epoch)), "only the holder of the reservation is connected");
                let queue = self.items[item].queue;
                self.agents.get_mut(agent).expect("known").tallies.entry(queue).or_default().0 += 1;
            }
            Decision::OfferEnded { item, agent, epoch, end, ring_ms } => {
                self.offers_ended += 1;
                let seat = self.agents.get_mut(agent).expect("known");
                let (i, e, began) = seat.offer.take().expect("open");
                assert_eq!((i, e, (now.0 - began.0) / 1000), (*item, *epoch, *ring_ms));
                seat.keeps_idle_time = matches!(end, OfferEnd::CallerLeft | OfferEnd::LostRace);
                let apart_s = match end {
                    OfferEnd::RingNoAnswer => 20,
                    OfferEnd::Declined => 30,
                    OfferEnd::Busy | OfferEnd::Unreachable => 10,
                    OfferEnd::Accepted | OfferEnd::CallerLeft | OfferEnd::LostRace => 0,
                };
                let waiting = self.items.get_mut(item).expect("waits");
                waiting.offered = None;
                if apart_s > 0 {
                    waiting.v -= (now.0 - began.0) as i64;
                    waiting.apart = Some((*agent, Mono(now.0 + apart_s * 1_000_000)));
                }
            }
            Decision::Left { item, queue, how, position, wait_ms } => {
                self.left(*item, *queue, *how, *position, *wait_ms, now)
            }
            Decision::Overflow { .. }
            | Decision::Announce { .. }
            | Decision::Foreseen { .. }
            | Decision::Emergency { .. }
            | Decision::Changed { .. } => {}
            Decision::CallbackTaken { .. }
            | Decision::CallbackRefused { .. }
            | Decision::CallBack { .. }
            | Decision::CallbackStop { .. }
            | Decision::CallbackEnded { .. }
            | Decision::CallbacksDue { .. } => panic!("nobody asks for a callback here"),
            Decision::Agent { agent, state, item, .. } => {
                let fresh = Seat {
                    state: AgentState::LoggedOut,
                    idle_since: now,
                    offer: None,
                    keeps_idle_time: false,
                    tallies: BTreeMap::new(),
                    talks: None,
                };
                let seat = self.agents.entry(*agent).or_insert(fresh);
                if *state == AgentState::Ready && seat.state != AgentState::Ready && !seat.keeps_idle_time {
                    seat.idle_since = now;
                }
                seat.keeps_idle_time = false;
                seat.state = *state;
                let talks = matches!(state, AgentState::Talking | AgentState::Holding | AgentState::Consulting);
                let talked = talks.then_some(*item).flatten();
                if let Some((before, since)) = seat.talks.filter(|(before, _)| Some(*before) != talked) {
                    if let Some(queue) = self.came.get(&before) {
                        seat.tallies.entry(*queue).or_default().1 += now.0 - since.0;
                    }
                    seat.talks = None;
                }
                if let Some(item) = talked
                    && seat.talks.is_none()
                {
                    seat.talks = Some((item, now));
                }
                if *state == AgentState::LoggedOut {
                    seat.tallies.clear();
                }
            }
            Decision::Healed { reason } => panic!("a healthy run heals nothing: {reason:?}"),
        }
    }

    fn left(&mut self, id: ItemId, queue: QueueId, how: QueueLeft, position: u32, wait_ms: u64, now: Mono) {
        assert_eq!(position, self.place(id, now), "place on leaving");
        let gone = self.items.remove(&id).expect("exactly one leaving per entering");
        assert_eq!((gone.queue, (now.0 - gone.since.0) / 1000), (queue, wait_ms));
        assert!(gone.offered.is_none(), "its offer ended before");
        self.came.insert(id, queue);
        *self.flow.entry(queue).or_default().1.entry(how.as_str()).or_default() += 1;
        let keeps = match how {
            QueueLeft::Abandoned | QueueLeft::ShortAbandoned => self.config.redial_keeps_place.as_micros() as u64,
            QueueLeft::Failed => (self.config.redial_keeps_place.as_micros() as u64).max(60_000_000),
            _ => 0,
        };
        if let Some(caller) = gone.entry.caller.clone().filter(|_| keeps > 0) {
            self.redials.retain(|(q, c, ..)| *q != gone.entry.queue || *c != caller);
            self.redials.push((gone.entry.queue, caller, gone.v, Mono(now.0 + keeps)));
        }
        if how == QueueLeft::Overflowed {
            self.doors.insert(id, Coming { entry: gone.entry, v: gone.v, apart: gone.apart, is_new: false });
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
