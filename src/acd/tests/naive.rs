//! The reference: a witness who sees only what goes in and what is decided, keeps plain lists, looks at everything each time,
//! and says what the rule (docs/decisions/0010) would have chosen. Shares no code with the machine but the need's meaning.

mod backs;
mod rings;
mod rule;
mod tasks;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use turno_base::fact::{AgentState, OfferEnd, QueueLeft, WaitingChange};
use turno_base::{AgentId, ItemId, Mono, QueueId, SegmentId, SkillId, Wall};

use backs::Backs;
use tasks::Work;

use crate::{Acd, AcdConfig, Command, Decision, Entry, Event, NewTask, Overflow, SkillChange, Strategy, TableRows};

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
    /// The place of the callback that he had.
    called: Option<i64>,
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
    /// Skills that anybody had or was certified for at the last change of configuration.
    numbered: BTreeSet<SkillId>,
    /// Skills changed live: the level, 0 if taken away, and until when.
    live: BTreeMap<(AgentId, SkillId), (u8, Option<Wall>)>,
    /// Queues changed for a shift: the rank, none if he does not serve it.
    served: BTreeMap<(AgentId, QueueId), Option<u8>>,
    pub(crate) tasks: BTreeMap<ItemId, Work>,
    /// Of them those that came in this turn.
    fresh: BTreeSet<ItemId>,
    pub(crate) backs: Backs,
    /// Entered and not yet told of.
    coming: Vec<NewTask>,
    /// As of the last look; scripts live where both clocks began together.
    wall: Wall,
    /// Of whom the machine knows at the end of the turn how long he would wait, and the rings he has passed.
    shown: BTreeMap<ItemId, rings::Shown>,
    /// Rings passed for the expected wait.
    pub(crate) outlasted: Cell<u64>,
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
    fn is_there(&self) -> bool {
        self.state != AgentState::LoggedOut
    }

    /// May be rung: a call interrupts a task.
    fn is_free(&self) -> bool {
        matches!(self.state, AgentState::Ready | AgentState::Task)
    }
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
    /// Its customer is not on the line, and no agent may be rung for him yet.
    is_held: bool,
    /// It was told to be in the queue.
    is_told: bool,
}

impl Waiting {
    fn at_the_door(entry: Entry, now: Mono) -> Waiting {
        Waiting {
            queue: entry.queue,
            v: now.0 as i64,
            order: 0,
            since: now,
            offered: Vec::new(),
            credited: now,
            apart: Vec::new(),
            own: None,
            only_until: None,
            ring: None,
            sudden: Mono(u64::MAX),
            tried: None,
            is_held: false,
            is_told: false,
            entry,
        }
    }
}

impl Witness {
    pub(crate) fn configure(&mut self, config: &AcdConfig, now: Mono) {
        self.config = config.clone();
        self.is_configuring = true;
        let AcdConfig { agents, queues, .. } = config;
        self.served.retain(|(agent, queue), _| agents.contains_key(agent) && queues.contains_key(queue));
        self.live.retain(|(agent, _), _| agents.contains_key(agent));
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
        for waiting in self.items.values_mut() {
            waiting.apart.retain(|(agent, _)| is_known(&self.agents, agent));
        }
        self.look_anew(now, |_| true);
        for waiting in self.items.values_mut() {
            waiting.own = waiting.own.filter(|own| is_known(&self.agents, own));
        }
        let known = self.config.agents.keys().flat_map(|agent| self.skills(*agent, None).into_keys());
        let certified = self.config.agents.values().flat_map(|rules| rules.certificates.keys().copied());
        self.numbered = known.chain(certified).collect();
    }

    /// What agents know has changed: who waits for his own agent alone does so only if that one may still take him, and those who
    /// need not wait for him begin their rings; of those who are being rung for the ones that `begins` names.
    fn look_anew(&mut self, now: Mono, begins: impl Fn(&Waiting) -> bool) {
        for id in self.items.keys().copied().collect::<Vec<_>>() {
            let mut waiting = self.items[&id].clone();
            let keeps = waiting.own.is_some_and(|own| self.could(own, waiting.queue, &waiting.entry));
            let is_released = waiting.only_until.is_some() && !keeps;
            waiting.only_until = waiting.only_until.filter(|_| keeps);
            let rings = self.rings(waiting.queue, &waiting).len();
            waiting.ring = waiting.ring.filter(|(passed, _)| *passed < rings);
            if is_released || begins(&waiting) {
                self.begin_ring(&mut waiting, now);
            }
            self.items.insert(id, waiting);
        }
    }

    /// A command was obeyed.
    pub(crate) fn obeyed(&mut self, command: &Command, now: Mono) {
        if let Command::TaskAdd(new) = command {
            self.coming.push((**new).clone());
        }
        self.backs_obeyed(command, now);
        match command {
            Command::Skill { agent, skill, change } => match change {
                SkillChange::Set { level, until } => drop(self.live.insert((*agent, *skill), (*level, *until))),
                SkillChange::Unset { until } => drop(self.live.insert((*agent, *skill), (0, *until))),
                SkillChange::AsConfigured => drop(self.live.remove(&(*agent, *skill))),
            },
            Command::Serve { agent, queue, rank, .. } => {
                if self.agents.get(agent).is_none_or(|seat| seat.state == AgentState::LoggedOut) {
                    let others = self.config.agents[agent].queues.clone();
                    self.served.extend(others.into_iter().map(|other| ((*agent, other), None)));
                }
                self.served.insert((*agent, *queue), Some(*rank));
            }
            Command::LeaveQueue { agent, queue } => drop(self.served.insert((*agent, *queue), None)),
            Command::Rank { agent, queue, rank } => drop(self.served.insert((*agent, *queue), Some(*rank))),
            _ => return,
        }
        self.relearn(now);
    }

    /// The first ever to have a skill changes what all needs that name it mean; else only who may take whom has changed.
    fn relearn(&mut self, now: Mono) {
        let mut known = self.config.agents.keys().flat_map(|agent| self.skills(*agent, None).into_keys());
        if known.all(|skill| self.numbered.contains(&skill)) {
            self.look_anew(now, |waiting| waiting.offered.is_empty());
        } else {
            self.configure(&self.config.clone(), now);
        }
    }

    /// What has expired since the last look counts no more.
    fn expire(&mut self, now: Mono) {
        let before = std::mem::replace(&mut self.wall, Wall(now.0 as i64));
        let certificates = self.config.agents.values().flat_map(|rules| rules.certificates.values());
        let ends: Vec<Wall> =
            certificates.filter_map(|c| c.until).chain(self.live.values().filter_map(|(_, until)| *until)).collect();
        if ends.iter().any(|end| before < *end && *end <= self.wall) {
            // What several know may change at the same instant.
            self.is_configuring = true;
            self.relearn(now);
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

    /// His rank in a queue; none if he does not serve it.
    fn rank_in(&self, agent: AgentId, queue: QueueId) -> Option<u8> {
        let rules = self.config.agents.get(&agent)?;
        let configured = || rules.queues.contains(&queue).then(|| rules.ranks.get(&queue).copied().unwrap_or(0));
        self.served.get(&(agent, queue)).copied().unwrap_or_else(configured)
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
        self.backs_before(event, now);
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
        let called = self.called_again(entry);
        v = called.map_or(v, |called| v.min(called));
        let only_until = (!waits.is_zero()).then(|| Mono(now.0 + waits.as_micros() as u64)).filter(|_| own.is_some());
        let coming = Coming { entry: entry.clone(), v, apart: Vec::new(), own, only_until, is_new: true, called };
        self.doors.insert(entry.item, coming);
    }

    /// What was decided; panics at the first thing that the rule would not have done.
    pub(crate) fn after(&mut self, out: &[Decision], now: Mono, acd: &Acd) {
        self.tables = Some(acd.tables());
        self.shown = rings::shown(acd, now);
        self.expire(now);
        self.progress(now);
        self.looks_due(now);
        if self.is_configuring {
            self.look_everywhere();
        }
        for (at, decision) in out.iter().enumerate() {
            self.see(decision, out.get(at + 1), now);
        }
        self.begin_rings(now);
        self.backs_after(out, now);
        self.is_configuring = false;
        self.moved = None;
        self.fresh.clear();
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
            let waiting = || self.items.values().filter(|i| i.queue == row.queue);
            let told = waiting().filter(|i| i.is_told).count() as u64 + self.connecting(row.queue);
            assert_eq!(entered, left.values().sum::<u64>() + told, "invariant 3: {}", row.queue);
            assert_eq!(row.waiting as usize, waiting().count());
        }
        let open = self.agents.values().filter(|seat| seat.offer.is_some()).count() as u64;
        assert_eq!(self.offers, self.offers_ended + open, "every offer ends once");
        assert_eq!(acd.counts().healed, 0);
    }

    /// `next` is what was decided after it.
    fn see(&mut self, decision: &Decision, next: Option<&Decision>, now: Mono) {
        match decision {
            Decision::Entered { item, queue, position } => {
                if self.back_entered(*item, *queue, *position, now) {
                    return;
                }
                let Coming { entry, v, apart, own, only_until, is_new, .. } =
                    self.doors.remove(item).expect("only who asked enters");
                self.entered += 1;
                let order = self.entered;
                if let Some(caller) = entry.caller.as_ref().filter(|_| is_new) {
                    self.kept(caller, entry.queue, now).map(|at| self.redials.remove(at));
                }
                let mut waiting =
                    Waiting { queue: *queue, v, order, apart, own, is_told: true, ..Waiting::at_the_door(entry, now) };
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
                if !self.back_left((*item, *queue, *how), *position, *wait_ms, now) {
                    let goes_on = matches!(next, Some(Decision::Overflow { item: other, to: Overflow::Queue(_) }) if other == item);
                    self.left((*item, *queue, *how), *position, *wait_ms, goes_on, now);
                }
            }
            Decision::Overflow { item, to } => self.offered_back(*item, to, now),
            Decision::Disposed { .. }
            | Decision::PauseTooLong { .. }
            | Decision::Serves { .. }
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
            Decision::LeavingByKey { .. }
            | Decision::CallbackTaken { .. }
            | Decision::CallbackRefused { .. }
            | Decision::CallBack { .. }
            | Decision::CallbackStop { .. }
            | Decision::CallbackEnded { .. }
            | Decision::CallbacksDue { .. } => self.see_back(decision, now),
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
                if *state == AgentState::LoggedOut {
                    self.served.retain(|(of, _), _| of != agent);
                }
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
                    self.back_connects(item, now);
                }
                if *state == AgentState::LoggedOut {
                    self.agents.get_mut(agent).expect("known").tallies.clear();
                    self.nobody_waits_for(*agent, now);
                }
            }
            Decision::Task { item, queue, change, .. } => self.see_task(*item, *queue, *change, now),
            Decision::Healed { reason } => panic!("a healthy run heals nothing: {reason:?}"),
        }
    }

    fn left(
        &mut self,
        (id, queue, how): (ItemId, QueueId, QueueLeft),
        position: u32,
        wait_ms: u64,
        goes_on: bool,
        now: Mono,
    ) {
        self.leaves(id, now);
        assert_eq!(position, self.place(id, now), "place on leaving");
        let gone = self.items.remove(&id).expect("exactly one leaving per entering");
        assert_eq!((gone.queue, (now.0 - gone.since.0) / 1000), (queue, wait_ms));
        assert!(gone.offered.is_empty(), "its offers ended before");
        if matches!(how, QueueLeft::Answered(_)) {
            self.came.insert(id, queue);
        }
        *self.flow.entry(queue).or_default().1.entry(how.as_str()).or_default() += 1;
        let is_called_again = self.departed(&gone, how, goes_on, now);
        let keeps = match how {
            _ if is_called_again => 0,
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
            let coming = Coming { entry, v, apart, own, only_until: None, is_new: false, called: None };
            self.doors.insert(id, coming);
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
