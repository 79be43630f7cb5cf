//! The reference: a witness who sees only what goes in and what is decided, keeps plain lists, looks at everything each time,
//! and says what the rule of spec/routing.md would have chosen. Shares no code with the machine but the need's meaning.

use std::collections::BTreeMap;

use turno_base::fact::{AgentState, OfferEnd, QueueLeft, TaskChange, WaitingChange};
use turno_base::{AgentId, ItemId, Mono, Need, QueueId, SegmentId, SkillId, Wall};

use crate::need::is_met;
use crate::{
    Acd, AcdConfig, Command, Decision, Entry, Event, NewTask, RingNeed, RingRules, SkillChange, Strategy, TableRows,
    Topic,
};

/// Somebody at a door.
#[derive(Clone, Debug)]
struct Coming {
    entry: Entry,
    v: i64,
    apart: Apart,
    own: Option<AgentId>,
    only_until: Option<Mono>,
    /// Not on its way from another queue.
    is_new: bool,
}

/// Whom an item is kept apart from, and until when.
type Apart = Vec<(AgentId, Mono)>;

#[derive(Clone, Default)]
pub(crate) struct Witness {
    config: AcdConfig,
    pub(crate) agents: BTreeMap<AgentId, Seat>,
    pub(crate) items: BTreeMap<ItemId, Waiting>,
    /// Entries at the door, and items on their way to another queue.
    doors: BTreeMap<ItemId, Coming>,
    redials: Vec<(QueueId, String, i64, Mono)>,
    /// Who talked to whom last, and until when that is remembered.
    last_agents: BTreeMap<String, (AgentId, Mono)>,
    /// As the machine shows them: what they are made of is a test of its own.
    tables: Option<TableRows>,
    entered: u64,
    /// Entered, and left by outcome, per queue.
    pub(crate) flow: BTreeMap<QueueId, (u64, BTreeMap<&'static str, u64>)>,
    pub(crate) offers: u64,
    pub(crate) offers_ended: u64,
    /// A change of configuration may find many idle for many, so only the choice of an agent is the rule's there.
    is_configuring: bool,
    /// Whom a supervisor moves to another queue.
    moved: Option<ItemId>,
    /// Whom each queue rang last.
    turns: BTreeMap<QueueId, AgentId>,
    /// Where conversations came from.
    came: BTreeMap<ItemId, QueueId>,
    /// Skills changed live: the level, 0 if taken away, and until when.
    live: BTreeMap<(AgentId, SkillId), (u8, Option<Wall>)>,
    pub(crate) tasks: BTreeMap<ItemId, Work>,
    /// Entered and not yet told of.
    coming: Vec<NewTask>,
    /// As of the last look; scripts live where both clocks began together.
    wall: Wall,
}

#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) state: AgentState,
    /// What he is shown to have before him.
    about: Option<ItemId>,
    idle_since: Mono,
    /// When the shift began, time worked in it, µs, and since when he works.
    began: Mono,
    worked: u64,
    works_since: Option<Mono>,
    pub(crate) offer: Option<(ItemId, u64, Mono)>,
    keeps_idle_time: bool,
    /// Calls accepted and time talked, µs, by queue, during the shift.
    tallies: BTreeMap<QueueId, (u64, u64)>,
    /// The conversation, and since when.
    talks: Option<(ItemId, Mono)>,
}

impl Seat {
    /// May be rung: a call interrupts a task.
    fn is_free(&self) -> bool {
        matches!(self.state, AgentState::Ready | AgentState::Task)
    }
}

impl Work {
    fn order(&self) -> (Wall, std::cmp::Reverse<u32>, u64) {
        (self.due, std::cmp::Reverse(self.new.value_pm), self.order)
    }
}

/// A task.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    new: NewTask,
    order: u64,
    due: Wall,
    with: Option<AgentId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    entry: Entry,
    queue: QueueId,
    v: i64,
    order: u64,
    since: Mono,
    pub(crate) offered: Vec<AgentId>,
    /// Ring time is credited up to here.
    credited: Mono,
    apart: Apart,
    own: Option<AgentId>,
    only_until: Option<Mono>,
    /// Rings passed, and when the present one ends; none: through all of them.
    ring: Option<(usize, Option<Mono>)>,
    /// When it last was there for more agents than before.
    sudden: Mono,
    tried: Option<AgentId>,
}

impl Witness {
    pub(crate) fn configure(&mut self, config: &AcdConfig, now: Mono) {
        self.config = config.clone();
        self.is_configuring = true;
        // Forgotten with an agent who is no longer configured and not at work.
        let is_known = |agents: &BTreeMap<AgentId, Seat>, agent: &AgentId| {
            config.agents.contains_key(agent)
                || agents.get(agent).is_some_and(|seat| {
                    !matches!(
                        seat.state,
                        AgentState::LoggedOut
                            | AgentState::Ready
                            | AgentState::Task
                            | AgentState::Paused(_)
                            | AgentState::Outbound
                    )
                })
        };
        for id in self.items.keys().copied().collect::<Vec<_>>() {
            let mut waiting = self.items[&id].clone();
            waiting.apart.retain(|(agent, _)| is_known(&self.agents, agent));
            let keeps = waiting.own.is_some_and(|own| self.could(own, waiting.queue, &waiting.entry));
            waiting.only_until = waiting.only_until.filter(|_| keeps);
            waiting.own = waiting.own.filter(|own| is_known(&self.agents, own));
            let rings = self.rings(waiting.queue, &waiting).len();
            waiting.ring = waiting.ring.filter(|(passed, _)| *passed < rings);
            self.begin_ring(&mut waiting, now);
            self.items.insert(id, waiting);
        }
    }

    /// A command was obeyed.
    pub(crate) fn obeyed(&mut self, command: &Command, now: Mono) {
        if let Command::TaskAdd(new) = command {
            self.coming.push((**new).clone());
        }
        let Command::Skill { agent, skill, change } = command else { return };
        match change {
            SkillChange::Set { level, until } => drop(self.live.insert((*agent, *skill), (*level, *until))),
            SkillChange::Unset { until } => drop(self.live.insert((*agent, *skill), (0, *until))),
            SkillChange::AsConfigured => drop(self.live.remove(&(*agent, *skill))),
        }
        self.configure(&self.config.clone(), now);
    }

    /// What has expired since the last look counts no more.
    fn expire(&mut self, now: Mono) {
        let before = std::mem::replace(&mut self.wall, Wall(now.0 as i64));
        let certificates = self.config.agents.values().flat_map(|rules| rules.certificates.values());
        let ends: Vec<Wall> =
            certificates.filter_map(|c| c.until).chain(self.live.values().filter_map(|(_, until)| *until)).collect();
        if ends.iter().any(|end| before < *end && *end <= self.wall) {
            self.configure(&self.config.clone(), now);
        }
    }

    /// What an agent knows; for items of a segment without what it demands a certificate for and he lacks.
    fn skills(&self, agent: AgentId, segment: Option<SegmentId>) -> BTreeMap<SkillId, u8> {
        let Some(rules) = self.config.agents.get(&agent) else { return BTreeMap::new() };
        let mut skills = rules.skills.clone();
        for ((_, skill), (level, _)) in
            self.live.iter().filter(|((a, _), (_, until))| *a == agent && until.is_none_or(|until| self.wall < until))
        {
            skills.insert(*skill, *level);
        }
        let demanded = segment.and_then(|segment| self.config.certified.get(&segment));
        let is_configured = segment.is_some_and(|segment| self.config.segments.contains_key(&segment));
        skills.retain(|skill, level| {
            let least = demanded.and_then(|demanded| demanded.get(skill)).copied().filter(|_| is_configured);
            let held = rules.certificates.get(skill).filter(|c| c.until.is_none_or(|until| self.wall < until));
            *level > 0 && least.is_none_or(|least| held.is_some_and(|held| held.level >= least))
        });
        skills
    }

    /// The rings of a queue that an item of this segment passes through.
    fn rings(&self, queue: QueueId, item: &Waiting) -> Vec<RingRules> {
        let Some(rules) = self.config.queues.get(&queue) else { return Vec::new() };
        let rings = if rules.rings.is_empty() { &self.config.rings } else { &rules.rings };
        let is_configured = self.config.segments.contains_key(&item.entry.segment);
        let is_meant = |ring: &&RingRules| {
            ring.segments.is_empty() || is_configured && ring.segments.contains(&item.entry.segment)
        };
        rings.iter().filter(is_meant).cloned().collect()
    }

    /// Begins the ring that is next, if none runs and it waits for nobody in particular.
    fn begin_ring(&self, item: &mut Waiting, now: Mono) {
        while let (Some((passed, None)), None) = (item.ring, item.only_until) {
            let rings = self.rings(item.queue, item);
            let Some(ring) = rings.get(passed) else {
                item.ring = None;
                return;
            };
            let is_there = |(agent, seat): (&AgentId, &Seat)| {
                seat.state != AgentState::LoggedOut
                    && self.could(*agent, item.queue, &item.entry)
                    && self.is_in_ring(*agent, item, ring)
            };
            if ring.skip_if_none_logged_in && !self.agents.iter().any(is_there) {
                item.ring = Some((passed + 1, None));
            } else {
                item.ring = Some((passed, Some(Mono(now.0 + ring.length.as_micros() as u64))));
            }
        }
    }

    /// Those who returned from an offer go on, when what followed from its end has happened.
    fn begin_rings(&mut self, now: Mono) {
        for id in self.items.keys().copied().collect::<Vec<_>>() {
            let mut item = self.items[&id].clone();
            if item.offered.is_empty() && item.ring.is_some_and(|(_, until)| until.is_none()) {
                self.begin_ring(&mut item, now);
                self.items.insert(id, item);
            }
        }
    }

    /// Time passes for those who wait: own agents are waited for no longer, rings widen.
    fn progress(&mut self, now: Mono) {
        // What rings everybody goes on to the next ring while it rings.
        let queues = self.config.queues.clone();
        let rings_all = |item: &Waiting| queues.get(&item.queue).is_some_and(|q| q.strategy == Strategy::RingAll);
        let is_rung = |item: &Waiting| !item.offered.is_empty() && !rings_all(item);
        for id in self.items.keys().copied().collect::<Vec<_>>() {
            let mut item = self.items[&id].clone();
            loop {
                if item.only_until.is_some_and(|until| until <= now) {
                    item.only_until = None;
                    item.sudden = now;
                }
                match item.ring {
                    Some((passed, Some(until))) if until <= now => {
                        item.ring = Some((passed + 1, None));
                        item.sudden = now;
                    }
                    Some(_) | None => break,
                }
                if is_rung(&item) {
                    break;
                }
                self.begin_ring(&mut item, now);
            }
            if !is_rung(&item) {
                self.begin_ring(&mut item, now);
            }
            self.items.insert(id, item);
        }
    }

    /// Which place is kept for who asks for a queue now: his place there, else the oldest of his places.
    fn kept(&self, caller: &str, asked: QueueId, now: Mono) -> Option<usize> {
        let mine = |at: &usize| self.redials[*at].1 == caller && self.redials[*at].3 >= now;
        (0..self.redials.len()).filter(mine).min_by_key(|at| {
            let (queue, _, v, _) = &self.redials[*at];
            (*queue != asked, *v, *queue)
        })
    }

    /// What goes in.
    pub(crate) fn before(&mut self, event: &Event, now: Mono) {
        let Event::Enter(entry) = event else { return };
        if self.items.contains_key(&entry.item) {
            return;
        }
        let is_there = |agent: &AgentId| self.agents.get(agent).is_some_and(|seat| seat.state != AgentState::LoggedOut);
        let rule = self.config.rule;
        let talked = entry.caller.as_ref().and_then(|caller| self.last_agents.get(caller));
        let last = talked.filter(|(_, until)| *until >= now).map(|(agent, _)| *agent).or(entry.last_agent);
        let (own, waits) = match entry.owner.filter(is_there) {
            Some(owner) => (Some(owner), rule.owner_waits),
            None => (last.filter(is_there), rule.last_agent_waits),
        };
        let absent = entry.owner.is_some_and(|owner| !is_there(&owner));
        let absent = if absent { rule.owner_absent_credit.as_micros() as i64 } else { 0 };
        let mut v = now.0 as i64 - absent - entry.credits.total().as_micros() as i64;
        if let Some(caller) = &entry.caller {
            v = self.kept(caller, entry.queue, now).map_or(v, |at| v.min(self.redials[at].2));
        }
        let only_until = (!waits.is_zero()).then(|| Mono(now.0 + waits.as_micros() as u64)).filter(|_| own.is_some());
        let coming = Coming { entry: entry.clone(), v, apart: Vec::new(), own, only_until, is_new: true };
        self.doors.insert(entry.item, coming);
    }

    /// What was decided; panics at the first thing that the rule would not have done.
    pub(crate) fn after(&mut self, out: &[Decision], now: Mono, acd: &Acd) {
        self.tables = Some(acd.tables());
        self.expire(now);
        self.progress(now);
        for decision in out {
            self.see(decision, now);
        }
        self.begin_rings(now);
        self.is_configuring = false;
        self.moved = None;
        self.doors.clear();
        self.check_tasks();
        for (agent, seat) in self.agents.iter().filter(|(_, seat)| seat.is_free()) {
            let missed = self
                .items
                .iter()
                .find(|(_, i)| self.is_pair(*agent, i, now) && (i.offered.is_empty() || self.could_join(*agent, i)));
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

    /// What he has in hand, the first due first.
    fn desk(&self, agent: AgentId) -> Vec<ItemId> {
        let mut his: Vec<_> = self.tasks.iter().filter(|(_, task)| task.with == Some(agent)).collect();
        his.sort_by_key(|(_, task)| task.order());
        his.into_iter().map(|(id, _)| *id).collect()
    }

    /// Could this task be put into these hands?
    fn may_have(&self, agent: AgentId, task: &Work) -> bool {
        let free = self.agents.get(&agent).is_some_and(|seat| seat.is_free() && seat.offer.is_none());
        let Some(rules) = self.config.agents.get(&agent) else { return false };
        let held: Vec<&Work> = self.tasks.values().filter(|task| task.with == Some(agent)).collect();
        let of_kind = held.iter().filter(|other| other.new.kind == task.new.kind).count();
        free && held.len() < usize::from(rules.tasks_max)
            && of_kind < usize::from(*rules.tasks.get(&task.new.kind).unwrap_or(&rules.tasks_max))
            && self.may_serve(agent, task.new.queue, &task.new.need, task.new.segment)
    }

    fn check_tasks(&self) {
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

    fn see_task(&mut self, id: ItemId, queue: QueueId, change: TaskChange, now: Mono) {
        match change {
            TaskChange::Added { due } => {
                let new = self.coming.remove(0);
                let order = self.tasks.values().map(|task| task.order + 1).max().unwrap_or(0);
                assert_eq!(due, new.due.unwrap_or(due));
                self.tasks.insert(id, Work { new, order, due, with: None });
            }
            TaskChange::Given(agent) => {
                let task = self.tasks[&id].clone();
                assert!(task.with.is_none() && self.may_have(agent, &task), "{agent} may not have {id:?}");
                let waiting = self.tasks.values().filter(|other| other.with.is_none() && self.may_have(agent, other));
                let first = waiting.map(Work::order).min();
                assert_eq!(first, Some(task.order()), "{agent} is given what is due first");
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

    /// A queue that rings all rings him too, if no better rank is being rung; where there is a wait limit, only before it. Who
    /// is kept in reserve is not called to a ring that runs when the item comes to pass reserves.
    fn could_join(&self, agent: AgentId, item: &Waiting) -> bool {
        let queue = &self.config.queues[&item.queue];
        queue.strategy == Strategy::RingAll
            && queue.wait_limit.is_zero()
            && self.config.skills.values().all(|rules| rules.reserve == 0)
            && item.offered.iter().all(|a| self.rank(agent, item.queue) <= self.rank(*a, item.queue))
    }

    /// Does this agent serve the queue, and know what is needed, with and without what he lacks certificates for?
    fn could(&self, agent: AgentId, queue: QueueId, entry: &Entry) -> bool {
        self.may_serve(agent, queue, &entry.need, entry.segment)
    }

    fn may_serve(&self, agent: AgentId, queue: QueueId, need: &Need, segment: SegmentId) -> bool {
        let Some(rules) = self.config.agents.get(&agent) else { return false };
        let Some(asked) = self.config.queues.get(&queue) else { return false };
        let knows = |skills: &BTreeMap<SkillId, u8>| is_met(&asked.need, skills) && is_met(need, skills);
        rules.queues.contains(&queue) && knows(&self.skills(agent, None)) && knows(&self.skills(agent, Some(segment)))
    }

    fn is_in_ring(&self, agent: AgentId, item: &Waiting, ring: &RingRules) -> bool {
        let skills = self.skills(agent, Some(item.entry.segment));
        match &ring.need {
            RingNeed::Need(need) => is_met(need, &skills) && is_met(need, &self.skills(agent, None)),
            RingNeed::Level(least) => self.level(agent, item).is_none_or(|level| level >= *least),
        }
    }

    /// The level that counts of this agent for this item.
    fn level(&self, agent: AgentId, item: &Waiting) -> Option<u8> {
        let skills = self.skills(agent, Some(item.entry.segment));
        let needs = [&self.config.queues[&item.queue].need, &item.entry.need];
        needs.into_iter().filter_map(|need| level(need, &skills)).min()
    }

    /// May this agent be rung for this item, all else aside?
    fn is_pair(&self, agent: AgentId, item: &Waiting, now: Mono) -> bool {
        if !self.could(agent, item.queue, &item.entry) {
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
    fn is_reserved(&self, agent: AgentId) -> bool {
        let has = |agent: &AgentId, skill| self.skills(*agent, None).contains_key(skill);
        self.config.skills.iter().any(|(skill, rules)| {
            let ready = self.agents.iter().filter(|(_, seat)| seat.is_free() && seat.offer.is_none());
            has(&agent, skill) && ready.filter(|(agent, _)| has(agent, skill)).count() as u32 <= rules.reserve
        })
    }

    fn passes_reserve(&self, item: &Waiting, now: Mono) -> bool {
        let rules = self.config.segments.get(&item.entry.segment).copied().unwrap_or_default();
        let top = self.config.segments.values().map(|rules| rules.value_pm).max();
        let waited = (now.0 as i128 - item.v as i128).max(0);
        let half = (rules.wait_target.as_micros() as i128).max(1000) / 2;
        let guard = rules.wait_max.as_micros() as i128;
        Some(rules.value_pm) == top || waited >= half || guard > 0 && waited >= guard
    }

    /// The topics that count of this agent for this item, with his levels.
    fn topics(&self, agent: AgentId, item: &Waiting) -> Vec<(Topic, u8)> {
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
    fn factor(&self, agent: AgentId, item: &Waiting) -> i128 {
        let tables = self.tables.as_ref().expect("seen before");
        let row = |topic: Topic| tables.topics.iter().find(|row| row.topic == topic).expect("a topic has a row");
        let topics = self.topics(agent, item);
        let slowest = topics.iter().map(|(topic, level)| row(*topic).handle[usize::from(*level)].2).max();
        let reference = self.config.rule.handle_reference.as_millis() as u64;
        let handle = (reference * 1000 / slowest.expect("at least the queue")).clamp(700, 1400);
        let pressure = topics.iter().map(|(topic, _)| row(*topic).weight_pm).max().expect("at least the queue");
        i128::from(handle * pressure)
    }

    /// Larger goes first; spec/routing.md, and the module `matching::item` in words. Without an agent: as one would choose who
    /// does all equally well.
    fn urgency(&self, item: &Waiting, agent: Option<AgentId>, now: Mono) -> (bool, i128, i64, u32, i128) {
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

    fn place(&self, id: ItemId, now: Mono) -> u32 {
        let mine = &self.items[&id];
        let ahead = self.items.values().filter(|i| i.queue == mine.queue);
        1 + ahead.filter(|i| self.urgency(i, None, now) > self.urgency(mine, None, now)).count() as u32
    }

    /// Larger is preferred.
    fn suits(&self, agent: AgentId, item: &Waiting, now: Mono) -> (i128, i128, std::cmp::Reverse<AgentId>) {
        let rule = &self.config.rule;
        let rules = self.config.segments.get(&item.entry.segment).copied().unwrap_or_default();
        let root = i128::from((u64::from(rules.value_pm) * 1000).isqrt());
        let level = i128::from(self.level(agent, item).unwrap_or(0));
        let fit = level * rule.fit_per_level.as_micros() as i128 * root / 1000;
        // What he is worth with all he has, less what the item itself needs.
        let tables = self.tables.as_ref().expect("seen before");
        let (him, skills) = (&self.config.agents[&agent], self.skills(agent, None));
        let has = |topic: &Topic| match topic {
            Topic::Skill(skill) => skills.contains_key(skill),
            Topic::Queue(queue) => him.queues.contains(queue),
        };
        let needed: Vec<Topic> = self.topics(agent, item).into_iter().map(|(topic, _)| topic).collect();
        let worth = |counts: &dyn Fn(&Topic) -> bool| {
            let rows = tables.topics.iter().filter(|row| counts(&row.topic));
            let sum: i128 = rows.map(|row| i128::from(row.pressure_micro)).sum();
            rule.opportunity.as_micros() as i128 * sum / 1_000_000
        };
        let opportunity = (worth(&has) - worth(&|topic| needed.contains(topic))).max(0);
        let bonus = if item.own == Some(agent) { rule.owner_bonus.as_micros() as i128 } else { 0 };
        let idle = i128::from(now.0) - i128::from(self.ready_since(agent));
        let points = fit - opportunity + idle.clamp(0, rule.idle_counted.as_micros() as i128) + bonus;
        (points, idle, std::cmp::Reverse(agent))
    }

    /// Since when he counts as idle: later the more of his shift he has worked.
    fn ready_since(&self, agent: AgentId) -> u64 {
        let seat = &self.agents[&agent];
        let shift = seat.idle_since.0 - seat.began.0;
        let share = (seat.worked * 1000).checked_div(shift).unwrap_or(0).min(1000);
        let since = seat.idle_since.0 + self.config.rule.occupancy.as_micros() as u64 * share / 1000;
        // Who has a task in hand comes after all who have none.
        if self.desk(agent).is_empty() { since } else { since + (1 << 62) }
    }

    /// It became this agent's to take at this very instant, when others may have been dealt with before it.
    fn is_sudden(&self, item: &Waiting, now: Mono) -> bool {
        let rules = self.config.segments.get(&item.entry.segment).copied().unwrap_or_default();
        let waited = (now.0 as i128 - item.v as i128).max(0);
        let half = (rules.wait_target.as_micros() as i128).max(1000) / 2;
        item.sudden == now || waited == half || waited == rules.wait_max.as_micros() as i128
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
            Strategy::LongestIdle => of.min_by_key(|a| (self.ready_since(*a), *a)),
            Strategy::FewestCalls => of.min_by_key(|a| (tally(a).0, self.ready_since(*a), *a)),
            Strategy::LeastTalk => of.min_by_key(|a| (tally(a).1, self.ready_since(*a), *a)),
            Strategy::RoundRobin => of.min_by_key(|a| place(a, self.turns.get(&item.queue).copied())),
            Strategy::Linear => of.min_by_key(|a| place(a, item.tried)),
            Strategy::RingAll | Strategy::Random | Strategy::WeightedRandom => None,
        }
    }

    fn check_choice(&self, agent: AgentId, id: ItemId, now: Mono) {
        let item = &self.items[&id];
        assert!(self.is_pair(agent, item, now), "{agent} may not take {id}");
        assert!(self.agents[&agent].is_free(), "only who is ready is rung");
        let strategy = self.config.queues[&item.queue].strategy;
        assert!(self.agents[&agent].offer.is_none(), "invariant 2");
        assert!(item.offered.is_empty() || strategy == Strategy::RingAll, "invariant 2");
        let free = self.items.iter().filter(|(_, i)| i.offered.is_empty() && self.is_pair(agent, i, now));
        let settled = free.filter(|(other, i)| **other == id || !self.is_sudden(i, now));
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

    fn see(&mut self, decision: &Decision, now: Mono) {
        match decision {
            Decision::Entered { item, queue, position } => {
                let Coming { entry, v, apart, own, only_until, is_new } =
                    self.doors.remove(item).expect("only who asked enters");
                self.entered += 1;
                let order = self.entered;
                if let Some(caller) = entry.caller.as_ref().filter(|_| is_new) {
                    self.kept(caller, entry.queue, now).map(|at| self.redials.remove(at));
                }
                let mut waiting = Waiting {
                    entry,
                    queue: *queue,
                    v,
                    order,
                    since: now,
                    offered: Vec::new(),
                    credited: now,
                    apart,
                    own,
                    only_until: None,
                    ring: None,
                    sudden: Mono(u64::MAX),
                    tried: None,
                };
                waiting.ring = (!self.rings(*queue, &waiting).is_empty()).then_some((0, None));
                let own_may = own.is_some_and(|own| self.could(own, *queue, &waiting.entry));
                waiting.only_until = only_until.filter(|_| own_may);
                self.begin_ring(&mut waiting, now);
                assert!(self.items.insert(*item, waiting).is_none(), "nobody waits twice");
                self.flow.entry(*queue).or_default().0 += 1;
                assert_eq!(*position, self.place(*item, now), "place on entering");
            }
            Decision::Offer { item, agent, epoch, .. } => {
                self.begin_rings(now);
                self.check_choice(*agent, *item, now);
                self.offers += 1;
                let waiting = self.items.get_mut(item).expect("waits");
                waiting.offered.push(*agent);
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
                let kept = self.config.rule.last_agent_kept.as_micros() as u64;
                if let Some(caller) = self.items[item].entry.caller.clone().filter(|_| kept > 0) {
                    self.last_agents.insert(caller, (*agent, Mono(now.0 + kept)));
                }
                let queue = self.items[item].queue;
                self.agents.get_mut(agent).expect("known").tallies.entry(queue).or_default().0 += 1;
            }
            Decision::OfferEnded { item, agent, epoch, end, ring_ms } => {
                self.offers_ended += 1;
                let seat = self.agents.get_mut(agent).expect("known");
                let (i, e, began) = seat.offer.take().expect("open");
                assert_eq!((i, e, (now.0 - began.0) / 1000), (*item, *epoch, *ring_ms));
                seat.keeps_idle_time = matches!(end, OfferEnd::CallerLeft | OfferEnd::LostRace);
                let waiting = self.items.get_mut(item).expect("waits");
                let rings_all = self.config.queues.get(&waiting.queue).is_some_and(|q| q.strategy == Strategy::RingAll);
                let apart_s = match end {
                    OfferEnd::RingNoAnswer if rings_all => self.config.back_off.apart_ring_all.as_secs(),
                    OfferEnd::RingNoAnswer => self.config.back_off.apart_no_answer.as_secs(),
                    OfferEnd::Declined => self.config.back_off.apart_declined.as_secs(),
                    OfferEnd::Busy => self.config.back_off.apart_busy.as_secs(),
                    OfferEnd::Unreachable => self.config.back_off.apart_unreachable.as_secs(),
                    OfferEnd::Accepted | OfferEnd::CallerLeft | OfferEnd::LostRace => 0,
                };
                waiting.offered.retain(|rung| rung != agent);
                if apart_s > 0 {
                    let from = began.max(waiting.credited);
                    waiting.v -= (now.0 - from.0) as i64;
                    waiting.credited = now;
                    waiting.apart.retain(|(from, _)| rings_all && from != agent);
                    waiting.apart.push((*agent, Mono(now.0 + apart_s * 1_000_000)));
                    waiting.only_until = None;
                }
            }
            Decision::Left { item, queue, how, position, wait_ms } => {
                self.left(*item, *queue, *how, *position, *wait_ms, now)
            }
            Decision::Overflow { .. }
            | Decision::Disposed { .. }
            | Decision::PauseTooLong { .. }
            | Decision::Announce { .. }
            | Decision::Foreseen { .. }
            | Decision::Emergency { .. } => {}
            Decision::Changed { item, change } => {
                let waiting = self.items.get_mut(item).expect("only who waits is changed");
                match change {
                    WaitingChange::Bumped(ms) => waiting.v -= *ms as i64 * 1000,
                    WaitingChange::Moved(from, _) => {
                        assert_eq!(waiting.queue, *from);
                        self.moved = Some(*item);
                    }
                    WaitingChange::Needs(need) => {
                        waiting.entry.need = need.clone();
                        waiting.only_until = None;
                    }
                }
            }
            Decision::CallbackTaken { .. }
            | Decision::CallbackRefused { .. }
            | Decision::CallBack { .. }
            | Decision::CallbackStop { .. }
            | Decision::CallbackEnded { .. }
            | Decision::CallbacksDue { .. } => panic!("nobody asks for a callback here"),
            Decision::Agent { agent, state, item, .. } => {
                let fresh = Seat {
                    state: AgentState::LoggedOut,
                    about: None,
                    idle_since: now,
                    began: now,
                    worked: 0,
                    works_since: None,
                    offer: None,
                    keeps_idle_time: false,
                    tallies: BTreeMap::new(),
                    talks: None,
                };
                let seat = self.agents.entry(*agent).or_insert(fresh);
                let (was, is) = (seat.is_free(), matches!(state, AgentState::Ready | AgentState::Task));
                let ends_tasks = seat.state == AgentState::Task && *state == AgentState::Ready;
                if is && (!was && !seat.keeps_idle_time || ends_tasks) {
                    seat.idle_since = now;
                }
                seat.about = *item;
                seat.keeps_idle_time = false;
                if seat.state == AgentState::LoggedOut && *state != AgentState::LoggedOut {
                    (seat.began, seat.worked) = (now, 0);
                }
                seat.state = *state;
                let works = matches!(
                    state,
                    AgentState::Talking | AgentState::Holding | AgentState::Consulting | AgentState::WrapUp
                );
                if !works {
                    seat.worked += seat.works_since.take().map_or(0, |since| now.0 - since.0);
                } else if seat.works_since.is_none() {
                    seat.works_since = Some(now);
                }
                let talks = matches!(state, AgentState::Talking | AgentState::Holding | AgentState::Consulting);
                let talked = talks.then_some(*item).flatten();
                if let Some((before, since)) = seat.talks.filter(|(before, _)| Some(*before) != talked) {
                    if let Some(queue) = self.came.get(&before) {
                        seat.tallies.entry(*queue).or_default().1 += now.0 - since.0;
                    }
                    seat.talks = None;
                    if !self.agents.values().any(|seat| seat.talks.is_some_and(|(item, _)| item == before)) {
                        self.came.remove(&before);
                    }
                }
                let seat = self.agents.get_mut(agent).expect("known");
                if let Some(item) = talked
                    && seat.talks.is_none()
                {
                    seat.talks = Some((item, now));
                    // Whoever joins a caller who waits takes him from his queue.
                    if let Some(waiting) = self.items.get(&item) {
                        self.came.insert(item, waiting.queue);
                    }
                }
                if *state == AgentState::LoggedOut {
                    seat.tallies.clear();
                    self.nobody_waits_for(*agent, now);
                }
            }
            Decision::Task { item, queue, change, .. } => self.see_task(*item, *queue, *change, now),
            Decision::Healed { reason } => panic!("a healthy run heals nothing: {reason:?}"),
        }
    }

    fn left(&mut self, id: ItemId, queue: QueueId, how: QueueLeft, position: u32, wait_ms: u64, now: Mono) {
        assert_eq!(position, self.place(id, now), "place on leaving");
        let gone = self.items.remove(&id).expect("exactly one leaving per entering");
        assert_eq!((gone.queue, (now.0 - gone.since.0) / 1000), (queue, wait_ms));
        assert!(gone.offered.is_empty(), "its offers ended before");
        if matches!(how, QueueLeft::Answered(_)) {
            self.came.insert(id, queue);
        }
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
        if how == QueueLeft::Overflowed || self.moved == Some(id) {
            let (entry, v, apart, own) = (gone.entry, gone.v, gone.apart, gone.own);
            self.doors.insert(id, Coming { entry, v, apart, own, only_until: None, is_new: false });
        }
    }

    /// He has gone: those who waited for him alone are for anybody.
    fn nobody_waits_for(&mut self, agent: AgentId, now: Mono) {
        for id in self.items.keys().copied().collect::<Vec<_>>() {
            let mut item = self.items[&id].clone();
            if item.own == Some(agent) && item.only_until.take().is_some() {
                item.sudden = now;
                self.begin_ring(&mut item, now);
                self.items.insert(id, item);
            }
        }
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
