//! A change of configuration while people wait: nobody loses his place, no conversation is touched. What nobody is
//! configured for any more goes in good order: agents when they are free, items by their queue's rule for empty queues.
//!
//! The one turn that looks at everything.

use std::collections::{BTreeMap, BTreeSet};

use turno_base::fact::AgentState;
use turno_base::{AgentId, Mono, Now, QueueId, Wall};

use crate::acd::Acd;
use crate::agent::{Agent, Doing, Misses, Next, Shown};
use crate::boundary::Decision;
use crate::config::{AcdConfig, RingNeed, SegmentRules};
use crate::doors::Presence;
use crate::holders::Holders;
use crate::item::{Announce, Stands};
use crate::limits::RINGS_MAX;
use crate::line::Line;
use crate::matching::Urgency;
use crate::need::Skills;
use crate::queue::{Asks, GroupKey, Listing, Profile, ProfileKey, Queue, Ring};
use crate::reserve::Reserve;
use crate::slab::{AgentIx, GroupIx, ItemIx, Ix, ProfileIx, QueueIx, Slab};
use crate::tables::Topic;
use crate::timers::Due;
use crate::why::Trigger;

impl Acd {
    /// New rules from now on; also the first. Decisions follow where they make a difference to somebody.
    pub fn configure(&mut self, config: AcdConfig, now: Now, out: &mut Vec<Decision>) {
        self.see_wall(now);
        self.config = config;
        self.reform(now.mono, out);
        self.settle(now.mono, out);
    }

    /// Everything anew by the configuration and by what agents know as of now.
    pub(crate) fn reform(&mut self, now: Mono, out: &mut Vec<Decision>) {
        self.configured += 1;
        self.arm_skills(now);
        self.keep_live_queues();
        let stood = self.take_lines_down();
        self.set_segments();
        self.set_queues();
        let gone = self.set_agents(now);
        self.set_profiles(now);
        self.set_demands();
        self.set_rings();
        self.set_topics(now);
        for (item, key, stands) in stood {
            let line = self.segment_of.get(&self.items[item].segment).copied().unwrap_or(0);
            let demands = self.demands_on(line);
            let plain = self.group(GroupKey { demands, ring: None, only: None, ..key });
            let waiting = &mut self.items[item];
            waiting.group = plain;
            waiting.line = line;
            self.stay_in_ring(item, now);
            self.take_place(item);
            match stands {
                Stands::Free => self.stand_free(item),
                Stands::Offered => self.stand_offered(item),
                Stands::Held => self.stand_held(item),
                Stands::Nowhere => {}
            }
            self.arm_wait(item);
            self.announce_anew(item, now);
        }
        for agent in gone {
            self.log_out(agent, now, out);
        }
        self.emergencies.retain(|queue| self.config.queues.contains_key(queue));
        self.set_emergencies();
        let queues: Vec<QueueIx> = self.queue_of.values().copied().collect();
        for queue in queues {
            self.look_at_hours(queue, now, out);
        }
        self.send_on(now, out);
        self.note_all_free();
        self.look_everywhere(now, out);
        self.forget_unused();
    }

    /// A waiting item stays with its own agent, and in the ring that it has reached if there are still so many.
    fn stay_in_ring(&mut self, item: ItemIx, now: Mono) {
        let waiting = &self.items[item];
        if waiting.only_until.is_some() && !waiting.own.is_some_and(|own| self.may_take(own, waiting.group)) {
            self.forget_own_wait(item);
        }
        let rings = self.queues[self.items[item].queue].rings_of[usize::from(self.items[item].line)].len();
        if self.items[item].ring.is_some_and(|(passed, _)| usize::from(passed) >= rings) {
            self.end_rings(item);
        }
        self.find_group(item, now);
    }

    /// Takes every item out of its line, in order of entering: what it needs and how it stood.
    fn take_lines_down(&mut self) -> Vec<(ItemIx, GroupKey, Stands)> {
        let mut stood = Vec::with_capacity(self.items.len());
        for (item, waiting) in self.items.iter_mut() {
            let stands = std::mem::replace(&mut waiting.stands, Stands::Nowhere);
            if let Some(at) = waiting.reserve_at.take() {
                self.timers.disarm(at, Due::Reserve(item));
            }
            stood.push((waiting.seq, item, self.groups[waiting.group].key.clone(), stands));
        }
        stood.sort_by_key(|&(seq, ..)| seq);
        self.groups = Slab::default();
        self.group_of.clear();
        self.groups_idle.clear();
        stood.into_iter().map(|(_, item, key, stands)| (item, key, stands)).collect()
    }

    /// Numbers the segments; those that nobody configured share the rules of a plain customer.
    fn set_segments(&mut self) {
        let rule = &self.config.rule;
        let top_pm = self.config.segments.values().map(|rules| rules.value_pm).max().unwrap_or(u32::MAX);
        self.urgencies = vec![Urgency::new(&SegmentRules::default(), rule, top_pm)];
        self.segment_of.clear();
        for (segment, rules) in &self.config.segments {
            let number = u16::try_from(self.urgencies.len()).unwrap_or(0);
            if number > 0 {
                self.segment_of.insert(*segment, number);
                self.urgencies.push(Urgency::new(rules, rule, top_pm));
            }
        }
    }

    fn set_queues(&mut self) {
        for (_, queue) in self.queues.iter_mut() {
            queue.lines = Vec::new();
            queue.rung.clear();
            queue.is_closing = !self.config.queues.contains_key(&queue.id);
        }
        for (id, rules) in &self.config.queues {
            match self.queue_of.get(id) {
                Some(&at) => self.queues[at].rules = rules.clone(),
                None => {
                    let at = self.queues.insert(Queue::new(*id, rules.clone()));
                    self.queue_of.insert(*id, at);
                }
            }
        }
    }

    /// Brings agents in line with the configuration; returns those who must go now. Who is at work goes when it is over.
    fn set_agents(&mut self, now: Mono) -> Vec<AgentIx> {
        for id in self.config.agents.keys() {
            self.agent_of.entry(*id).or_insert_with(|| {
                self.agents.insert(Agent {
                    id: *id,
                    profile: ProfileIx(0),
                    misses: Misses::default(),
                    tallies: BTreeMap::new(),
                    last: None,
                    station: None,
                    doing: Doing::LoggedOut,
                    next: None,
                    listed: None,
                    own: Listing::default(),
                    desk: Vec::new(),
                    works_on: None,
                    handling: None,
                    began: now,
                    busy_us: 0,
                    busy_since: None,
                    last_offer: None,
                    shown: Shown { state: AgentState::LoggedOut, station: None, item: None },
                    shown_since: now,
                })
            });
        }
        for (_, agent) in self.agents.iter_mut() {
            agent.own = Listing::default();
        }
        let mut gone = Vec::new();
        for (at, agent) in self.agents.iter_mut() {
            if self.config.agents.contains_key(&agent.id) || agent.doing == Doing::LoggedOut {
                continue;
            }
            if agent.doing.is_idle() {
                gone.push(at);
            } else {
                agent.next = Some(Next::Logout);
            }
        }
        gone
    }

    /// Numbers the skills and sorts agents into profiles anew. Who is no longer configured serves no queue.
    fn set_profiles(&mut self, now: Mono) {
        let wall = self.wall(now);
        self.profiles = Slab::default();
        self.profile_of.clear();
        self.holders = Holders::default();
        self.skills = Skills::default();
        for (_, queue) in self.queues.iter_mut() {
            queue.logged_in = 0;
            queue.seated.clear();
            queue.doors.nobody_counts();
            queue.ready = 0;
        }
        let agents: Vec<AgentIx> = self.agents.iter().map(|(at, _)| at).collect();
        for at in agents {
            let key = self.profile_key(self.agents[at].id, wall);
            let agent = &mut self.agents[at];
            for queue in &key.queues {
                let queue = &mut self.queues[*queue];
                queue.logged_in += u32::from(agent.doing != Doing::LoggedOut);
                queue.doors.count(None, Presence::of(agent.shown.state));
                queue.ready += u32::from(agent.listed.is_some());
            }
            agent.profile =
                *self.profile_of.entry(key.clone()).or_insert_with(|| self.profiles.insert(Profile::new(key)));
            let profile = &mut self.profiles[agent.profile];
            profile.agents += 1;
            profile.logged_in += u32::from(agent.doing != Doing::LoggedOut);
        }
        self.set_orders();
        let ready: Vec<AgentIx> = self.agents.iter().filter(|(_, a)| a.listed.is_some()).map(|(at, _)| at).collect();
        for agent in ready {
            self.sit(agent);
        }
        for (_, queue) in self.queues.iter_mut() {
            queue.lines.resize(self.urgencies.len(), Line::default());
            queue.judge = self.skills.judge(&queue.rules.need);
            queue.profiles.clear();
        }
        for (at, profile) in self.profiles.iter() {
            self.holders.add(at, &profile.key.levels);
            for queue in &profile.key.queues {
                let queue = &mut self.queues[*queue];
                if queue.judge.is_met(&profile.key.levels) {
                    queue.profiles.push(at);
                }
            }
        }
    }

    /// The rings of each queue, its own or else those of all, and which of them an item of a segment passes through.
    fn set_rings(&mut self) {
        let Acd { queues, skills, config, segment_of, urgencies, .. } = self;
        for (_, queue) in queues.iter_mut() {
            let rules = if queue.rules.rings.is_empty() { &config.rings } else { &queue.rules.rings };
            let rules = || rules.iter().take(RINGS_MAX);
            queue.rings = rules()
                .map(|ring| Ring {
                    asks: match &ring.need {
                        RingNeed::Need(need) => Asks::Judge(skills.judge(need)),
                        RingNeed::Level(level) => Asks::Level(*level),
                    },
                    length: ring.length,
                    skip_if_none_logged_in: ring.skip_if_none_logged_in,
                    widen_if_expected_over: ring.widen_if_expected_over,
                })
                .collect();
            queue.rings_of = vec![Vec::new(); urgencies.len()];
            for (number, ring) in (0u8..).zip(rules()) {
                for (line, own) in queue.rings_of.iter_mut().enumerate() {
                    let is_named =
                        || ring.segments.iter().any(|s| segment_of.get(s).is_some_and(|&at| usize::from(at) == line));
                    if ring.segments.is_empty() || is_named() {
                        own.push(number);
                    }
                }
            }
        }
    }

    /// Skills, and queues as skills, by number; what each profile has of them; reserves; the tables for all that.
    fn set_topics(&mut self, now: Mono) {
        let skills = self.skills.list();
        let queues: Vec<Option<QueueId>> =
            (0..self.queues.end()).map(|at| self.queues.get(QueueIx::of(at)).map(|queue| queue.id)).collect();
        let topics = skills.iter().copied().map(Topic::Skill);
        // A place that no queue has is nobody's topic; it keeps the numbers in step.
        let nobody = QueueId(crate::limits::reason("nobody"));
        let topics = topics.chain(queues.into_iter().map(|queue| Topic::Queue(queue.unwrap_or(nobody))));
        self.tables.set_topics(topics, &self.config, self.bounds.recipes_max);
        self.reserves.clear();
        for (skill, rules) in self.config.skills.iter().filter(|(_, rules)| rules.reserve > 0) {
            self.reserves.push(Reserve { skill: *skill, keeps: rules.reserve, ready: 0 });
        }
        let profiles: Vec<ProfileIx> = self.profiles.iter().map(|(at, _)| at).collect();
        for at in profiles {
            let mut profile = std::mem::replace(&mut self.profiles[at], Profile::new(ProfileKey::default()));
            self.find_topics(&mut profile);
            for &reserve in &profile.reserves {
                if let Some(reserve) = self.reserves.get_mut(reserve as usize) {
                    reserve.ready += u32::try_from(profile.ready.len()).unwrap_or(u32::MAX);
                }
            }
            self.profiles[at] = profile;
        }
        self.make_tables(now);
    }

    /// What agents of a profile have, as topics, and the reserves that they belong to.
    pub(crate) fn find_topics(&self, profile: &mut Profile) {
        let count = self.skills.count();
        let held = (0u32..).zip(&profile.key.levels).filter(|(_, level)| **level > 0).map(|(skill, _)| skill);
        profile.topics = held.chain(profile.key.queues.iter().map(|queue| count + queue.0)).collect();
        let is_of = |reserve: &Reserve| {
            self.skills.number(reserve.skill).is_some_and(|number| profile.topics.contains(&number))
        };
        profile.reserves =
            (0u32..).zip(&self.reserves).filter(|(_, reserve)| is_of(reserve)).map(|(at, _)| at).collect();
    }

    /// Numbers the agents of queues that go by order: as the queue names them, then the others by name.
    fn set_orders(&mut self) {
        let queues: Vec<QueueIx> = self.queues.iter().map(|(at, _)| at).collect();
        queues.into_iter().for_each(|queue| self.set_order(queue));
    }

    /// Numbers the agents of a queue, if it goes by order. Nobody may be seated by the numbers from before.
    pub(crate) fn set_order(&mut self, at: QueueIx) {
        let Acd { queues, agents, agent_of, profiles, .. } = self;
        let queue = &mut queues[at];
        queue.order.clear();
        if !queue.rules.strategy.is_ordered() {
            return;
        }
        let serves = |id: &AgentId| {
            let agent = agent_of.get(id).map(|&agent| &agents[agent]);
            agent.is_some_and(|agent| profiles[agent.profile].key.queues.contains(&at))
        };
        for id in queue.rules.order.iter().chain(agent_of.keys()).filter(|id| serves(id)) {
            let next = queue.order.len() as u64;
            queue.order.entry(*id).or_insert(next);
        }
    }

    /// Keeps the pace of announcements that run; begins and ends them where the rule did.
    fn announce_anew(&mut self, item: ItemIx, now: Mono) {
        let is_wanted = !self.queues[self.items[item].queue].rules.announce_every.is_zero();
        match self.items[item].announce {
            Announce::Off if is_wanted => self.arm_announce(item, now),
            Announce::At(_) if !is_wanted => self.arm_announce(item, now),
            Announce::Off | Announce::At(_) | Announce::Saying => {}
        }
    }

    /// Forgets agents and queues that are neither configured nor in use.
    fn forget_unused(&mut self) {
        let agents: Vec<AgentIx> = self
            .agents
            .iter()
            .filter(|(_, a)| a.doing == Doing::LoggedOut && !self.config.agents.contains_key(&a.id))
            .map(|(at, _)| at)
            .collect();
        for &at in &agents {
            if let Some(agent) = self.agents.remove(at) {
                self.agent_of.remove(&agent.id);
                self.profiles[agent.profile].agents -= 1;
            }
        }
        let apart: Vec<ItemIx> = self
            .items
            .iter()
            .filter(|(_, item)| item.apart.iter().any(|(from, _)| agents.contains(from)))
            .map(|(at, _)| at)
            .collect();
        for item in apart {
            let kept = self.items[item].apart.iter().copied().filter(|(from, _)| !agents.contains(from)).collect();
            self.set_apart(item, kept);
        }
        for (_, item) in self.items.iter_mut() {
            item.own = item.own.filter(|own| !agents.contains(own));
        }
        let kept_for_them = |only: Option<AgentIx>| only.is_some_and(|only| agents.contains(&only));
        self.forget_groups(|key| kept_for_them(key.only));
        let queues: Vec<QueueIx> =
            self.queues.iter().filter(|(_, q)| q.is_closing && q.waiting == 0).map(|(at, _)| at).collect();
        for at in queues {
            // Its groups are empty.
            self.forget_groups(|key| key.queue == at);
            self.forget_desk(at, self.queues[at].id);
            if let Some(queue) = self.queues.remove(at) {
                self.queue_of.remove(&queue.id);
            }
        }
        self.lessons.keep_queues(|queue| self.queue_of.contains_key(queue));
    }

    /// Forgets groups in which nobody is.
    fn forget_groups(&mut self, is_meant: impl Fn(&GroupKey) -> bool) {
        let meant = self.groups.iter().filter(|(_, group)| is_meant(&group.key));
        let groups: Vec<GroupIx> = meant.map(|(at, _)| at).collect();
        for at in groups {
            self.forget_group(at);
        }
    }

    /// Forgets a group in which nobody is.
    pub(crate) fn forget_group(&mut self, at: GroupIx) {
        if let Some(group) = self.groups.remove(at) {
            self.groups_idle.remove(&(group.emptied.unwrap_or(0), at));
            self.group_of.remove(&group.key);
            self.strike(&group);
        }
    }

    /// Rings the idle for those who may be served now, the longest idle first; then sends away whom no queue keeps, so that
    /// they take nobody's turn where they arrive.
    fn send_on(&mut self, now: Mono, out: &mut Vec<Decision>) {
        let mut ready: Vec<_> = self.agents.iter().filter_map(|(at, a)| Some((a.listed?, a.id, at))).collect();
        ready.sort();
        for (_, _, agent) in ready {
            self.seek_among(agent, Trigger::Agent, now, out);
        }
        let drained: Vec<QueueIx> = self
            .queues
            .iter()
            .filter(|(_, q)| q.is_closing || q.keeps_nobody() && q.waiting > 0)
            .map(|(at, _)| at)
            .collect();
        for queue in drained {
            self.drain(queue, now, out);
        }
    }

    /// Who is not configured knows nothing and serves no queue, and nobody serves a queue that is not configured.
    pub(crate) fn profile_key(&mut self, agent: AgentId, at: Wall) -> ProfileKey {
        let served = self.queues_served(agent);
        let placed = || served.iter().filter_map(|row| Some((*self.queue_of.get(&row.queue)?, row.rank)));
        let queues: BTreeSet<QueueIx> = placed().map(|(queue, _)| queue).collect();
        let ranks = placed().filter(|(_, rank)| *rank > 0).collect();
        let (skills, certified) = (self.skills_of(agent, at), self.certified(agent, at));
        ProfileKey { levels: self.skills.levels(&skills), certified: self.skills.levels(&certified), queues, ranks }
    }
}
