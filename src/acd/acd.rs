//! The machine's front door: what comes in goes to the part that knows about it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, ItemId, Mono, Now, QueueId, Seeded, SegmentId, StationId};

use crate::agent::{Agent, Station};
use crate::boundary::{Command, Decision, Event};
use crate::callback::{Callbacks, Wanted};
use crate::config::AcdConfig;
use crate::expected::Lessons;
use crate::holders::Holders;
use crate::item::Item;
use crate::limits::{Bounds, DUE_PER_TURN};
use crate::matching::Urgency;
use crate::need::Skills;
use crate::owner::LastAgents;
use crate::queue::{Group, GroupKey, Profile, ProfileKey, Queue};
use crate::reconcile::Reconciler;
use crate::redial::Redials;
use crate::refusal::Refusal;
use crate::reserve::Reserve;
use crate::serving::LiveQueues;
use crate::skills::{Demands, LiveSkills};
use crate::slab::{AgentIx, GroupIx, ItemIx, ProfileIx, QueueIx, Slab};
use crate::tables::Tables;
use crate::tasks::Tasks;
use crate::timers::{Due, Timers};

/// Queues and agents, and who serves whom. The whole state serialises; two equal states fed equally decide equally.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acd {
    pub(crate) config: AcdConfig,
    pub(crate) bounds: Bounds,
    pub(crate) queues: Slab<QueueIx, Queue>,
    pub(crate) queue_of: BTreeMap<QueueId, QueueIx>,
    pub(crate) agents: Slab<AgentIx, Agent>,
    pub(crate) agent_of: BTreeMap<AgentId, AgentIx>,
    pub(crate) stations: BTreeMap<StationId, Station>,
    pub(crate) profiles: Slab<ProfileIx, Profile>,
    pub(crate) profile_of: BTreeMap<ProfileKey, ProfileIx>,
    /// Which of them hold what.
    pub(crate) holders: Holders,
    pub(crate) skills: Skills,
    pub(crate) live_skills: LiveSkills,
    pub(crate) live_queues: LiveQueues,
    /// Whose shifts ended in this turn.
    pub(crate) gone: Vec<AgentId>,
    /// Certificates that items demand, by number; 0 is none.
    pub(crate) demands: Vec<Demands>,
    /// Which of them, by number of segment.
    pub(crate) demands_of: Vec<u16>,
    /// By number; 0 is the one of all that are not configured.
    pub(crate) urgencies: Vec<Urgency>,
    pub(crate) segment_of: BTreeMap<SegmentId, u16>,
    pub(crate) groups: Slab<GroupIx, Group>,
    pub(crate) group_of: BTreeMap<GroupKey, GroupIx>,
    /// Groups with nobody in them, the first emptied first.
    pub(crate) groups_idle: BTreeSet<(u64, GroupIx)>,
    pub(crate) items: Slab<ItemIx, Item>,
    pub(crate) item_of: BTreeMap<ItemId, ItemIx>,
    pub(crate) served: BTreeMap<ItemId, Served>,
    pub(crate) redials: Redials,
    pub(crate) last_agents: LastAgents,
    pub(crate) tables: Tables,
    pub(crate) reserves: Vec<Reserve>,
    pub(crate) lessons: Lessons,
    pub(crate) callbacks: Callbacks,
    pub(crate) tasks: Tasks,
    /// The emergency switch of all queues.
    pub(crate) is_emergency: bool,
    /// Queues whose own is on.
    pub(crate) emergencies: BTreeSet<QueueId>,
    /// How far the wall clock is ahead of the monotonic one, µs.
    pub(crate) wall_ahead: i64,
    pub(crate) timers: Timers,
    pub(crate) reconciler: Reconciler,
    pub(crate) counts: Counts,
    /// The last reservation's.
    pub(crate) epoch: u64,
    /// The last entry's.
    pub(crate) seq: u64,
    /// Counts groups that emptied.
    pub(crate) emptied: u64,
    /// Counts groups that were made.
    pub(crate) made: u64,
    /// Counts configurations.
    pub(crate) configured: u64,
    /// A reserve has more agents than it keeps, and others have not been asked since.
    pub(crate) is_reserve_open: bool,
    /// For strategies that draw.
    pub(crate) dice: Seeded,
}

/// A conversation: the item no longer waits, these agents have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) agents: Vec<AgentIx>,
}

/// What was counted since the machine began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events about a reservation, item or agent that is no more, or told twice; dropped.
    pub stale: u64,
    /// Events dropped at a bound.
    pub dropped: u64,
    /// Things the reconciler healed; a healthy run has none.
    pub healed: u64,
}

impl Acd {
    /// A machine with nobody logged in. `seed` places the first epoch, so that events of another life are not taken for
    /// this one's.
    pub fn new(config: AcdConfig, seed: u64) -> Acd {
        Acd::with_bounds(config, seed, Bounds::default())
    }

    /// Like [`Acd::new`], with other bounds on memory.
    pub fn with_bounds(config: AcdConfig, seed: u64, bounds: Bounds) -> Acd {
        let mut acd = Acd {
            config: AcdConfig::default(),
            bounds,
            queues: Slab::default(),
            queue_of: BTreeMap::new(),
            agents: Slab::default(),
            agent_of: BTreeMap::new(),
            stations: BTreeMap::new(),
            profiles: Slab::default(),
            profile_of: BTreeMap::new(),
            holders: Holders::default(),
            skills: Skills::default(),
            live_skills: LiveSkills::default(),
            live_queues: LiveQueues::new(),
            gone: Vec::new(),
            demands: Vec::new(),
            demands_of: Vec::new(),
            urgencies: Vec::new(),
            segment_of: BTreeMap::new(),
            groups: Slab::default(),
            group_of: BTreeMap::new(),
            groups_idle: BTreeSet::new(),
            items: Slab::default(),
            item_of: BTreeMap::new(),
            served: BTreeMap::new(),
            redials: Redials::default(),
            last_agents: LastAgents::default(),
            tables: Tables::default(),
            reserves: Vec::new(),
            lessons: Lessons::default(),
            callbacks: Callbacks::new(seed),
            tasks: Tasks::new(seed),
            is_emergency: false,
            emergencies: BTreeSet::new(),
            wall_ahead: 0,
            timers: Timers::default(),
            reconciler: Reconciler::default(),
            counts: Counts::default(),
            epoch: Seeded::new(seed).below(1 << 40),
            seq: 0,
            emptied: 0,
            made: 0,
            configured: 0,
            is_reserve_open: false,
            dice: Seeded::new(seed),
        };
        // Nobody is there yet, so nothing is decided and the instant does not matter.
        acd.configure(config, Now::default(), &mut Vec::new());
        acd
    }

    /// Something happened.
    pub fn on_event(&mut self, event: Event, now: Now, out: &mut Vec<Decision>) {
        self.see_wall(now);
        let now = now.mono;
        match event {
            Event::Enter(entry) => self.enter(entry, now, out),
            Event::Leave { item, how } => self.leave(item, how, now, out),
            Event::Ringing { item, agent, epoch } => self.ringing(item, agent, epoch, now, out),
            Event::Accept { item, agent, epoch } => self.accept(item, agent, epoch, now, out),
            Event::OfferFailed { item, agent, epoch, end } => {
                self.offer_failed(item, agent, epoch, end, now, out);
            }
            Event::Released { item, agent } => self.released(item, agent, now, out),
            Event::Phase { item, agent, state } => self.phase(item, agent, state, now, out),
            Event::Joined { item, agent } => self.joined(item, agent, now, out),
            Event::Station { station, reachable } => self.station(station, reachable, now, out),
            Event::StationCalls { station, calls } => self.station_calls(station, calls, now, out),
            Event::Announced { item } => self.announced(item, now),
            Event::Key { item, key } => self.key(item, key, now, out),
            Event::CallbackAnswered { item } => self.callback_answered(item, now, out),
            Event::CallbackFailed { item, result } => self.callback_failed(item, result, now, out),
        }
        self.settle(now, out);
    }

    /// Somebody asks for something: done, or refused with nothing changed.
    pub fn on_command(&mut self, command: Command, now: Now, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        self.see_wall(now);
        let now = now.mono;
        let done = match command {
            Command::Login { agent, station } => self.login(agent, station, now, out),
            Command::Logout { agent } => self.logout(agent, now, out),
            Command::Pause { agent, reason } => self.pause(agent, reason, now, out),
            Command::Ready { agent } => self.ready(agent, now, out),
            Command::Saved { agent } => self.saved(agent, now, out),
            Command::Extend { agent } => self.extend(agent, now, out),
            Command::Dispose { agent, disposition } => self.dispose(agent, disposition, now, out),
            Command::CallbackAdd { number, queue, segment, value_pm, at } => {
                self.add_callback(Wanted { number, queue, segment, value_pm, at }, now, out)
            }
            Command::CallbackCancel { number } => self.cancel_callback(number, now, out),
            Command::CallbackAppoint { number, at } => self.appoint_callback(number, at, now, out),
            Command::Emergency { queue, on } => self.emergency(queue, on, now, out),
            Command::Bump { item, by } => self.bump(item, by, now, out),
            Command::Move { item, queue } => self.move_to(item, queue, now, out),
            Command::Needs { item, need } => self.need_anew(item, need, now, out),
            Command::TaskAdd(new) => self.add_task(*new, now, out),
            Command::TaskDone { task, disposition } => self.finish_task(task, disposition, now, out),
            Command::TaskMove { task, queue } => self.move_task(task, queue, now, out),
            Command::Skill { agent, skill, change } => self.change_skill(agent, skill, change, now, out),
            Command::Serve { agent, queue, rank, at } => self.join_queue(agent, queue, rank, at, now, out),
            Command::LeaveQueue { agent, queue } => self.leave_queue(agent, queue, now, out),
            Command::Rank { agent, queue, rank } => self.set_rank(agent, queue, rank, now, out),
        };
        self.settle(now, out);
        done
    }

    /// When [`Acd::on_deadline`] wants to be called; read it again after every call.
    pub fn deadline(&self) -> Option<Mono> {
        self.timers.first()
    }

    /// Does what is due. A call before the deadline does nothing.
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<Decision>) {
        self.see_wall(now);
        let now = now.mono;
        for _ in 0..DUE_PER_TURN {
            let Some((at, due)) = self.timers.pop(now) else { break };
            match due {
                Due::Skills => self.skills_due(now, out),
                Due::Agent(agent) => self.agent_due(agent, at, now, out),
                Due::Wait(item) => self.wait_ended(item, now, out),
                Due::Apart(item) => self.apart_ended(item, now, out),
                Due::Announce(item) => self.announce(item, now, out),
                Due::Drain(queue) => self.drain(queue, now, out),
                Due::Callbacks(queue) => self.look_due(queue, now, out),
                Due::Reserve(item) => self.reserve_passed(item, now, out),
                Due::Owner(item) => self.own_wait_ended(item, now, out),
                Due::Ring(item) => self.ring_widens(item, now, out),
                Due::Hours(queue) => self.look_at_hours(queue, now, out),
                Due::Reconcile => self.reconcile(now, out),
                Due::Tables => self.tables_due(now),
            }
        }
        self.settle(now, out);
    }

    /// The end of every turn.
    pub(crate) fn settle(&mut self, now: Mono, out: &mut Vec<Decision>) {
        self.forget_live_queues(now, out);
        if self.skills_overdue(now) {
            self.expire_skills(now, out);
        }
        self.open_reserves(now, out);
        self.settle_tasks(now, out);
        self.tell_due(out);
        self.arm_reconciler(now);
        self.arm_tables(now);
    }

    /// What was counted since the machine began.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
