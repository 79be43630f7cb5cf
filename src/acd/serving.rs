//! Which queues an agent serves, and at which rank: as he is configured, or as it was changed during his shift, for programs that
//! put agents into queues and take them out again while everybody works. What was changed ends with the shift, so that the
//! next one begins as configured; a restart and a change of configuration keep it.
//!
//! Bounded by the configuration: only its agents have changes, and only of its queues.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Mono, QueueId, StationId};

use crate::acd::Acd;
use crate::agent::{Doing, Next};
use crate::boundary::Decision;
use crate::doors::Presence;
use crate::limits::RANK_MAX;
use crate::refusal::Refusal;
use crate::slab::{AgentIx, QueueIx};

/// What was changed: the rank in a queue that he serves, none in one that he does not.
pub(crate) type LiveQueues = BTreeMap<AgentId, BTreeMap<QueueId, Option<u8>>>;

/// A queue that an agent serves, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedRow {
    /// Which.
    pub queue: QueueId,
    /// His rank in it, 0..=[`RANK_MAX`].
    pub rank: u8,
    /// Until his shift ends only.
    pub is_live: bool,
}

impl Acd {
    /// He serves the queue from now on, until his shift ends. Who is not logged in sits down at the station and serves this
    /// queue alone.
    pub(crate) fn join_queue(
        &mut self,
        agent: AgentId,
        queue: QueueId,
        rank: u8,
        at: Option<StationId>,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let seated = self.configured(agent)?;
        if rank > RANK_MAX {
            return Err(Refusal::RankOut(rank));
        }
        if !self.config.queues.contains_key(&queue) {
            return Err(Refusal::NoSuchQueue(queue));
        }
        if self.agents[seated].doing == Doing::LoggedOut {
            let station = at.ok_or(Refusal::NotLoggedIn(agent))?;
            self.may_sit(seated, station)?;
            let others = self.queues_served(agent).into_iter().map(|row| (row.queue, None));
            let only = others.filter(|(of, _)| *of != queue).chain([(queue, Some(rank))]).collect();
            self.change_queues(seated, only, now, out);
            return self.login(agent, station, now, out);
        }
        if self.rank_in(agent, queue).is_some() {
            return Err(Refusal::AlreadyServes { agent, queue });
        }
        if self.agents[seated].next == Some(Next::Logout) {
            self.agents[seated].next = None;
        }
        self.change_queues(seated, vec![(queue, Some(rank))], now, out);
        Ok(())
    }

    /// He does not serve the queue any more until his shift ends. The shift of one who serves none ends, after what he does.
    pub(crate) fn leave_queue(
        &mut self,
        agent: AgentId,
        queue: QueueId,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let seated = self.logged_in(agent)?;
        self.rank_in(agent, queue).ok_or(Refusal::DoesNotServe { agent, queue })?;
        self.change_queues(seated, vec![(queue, None)], now, out);
        match self.queues_served(agent).is_empty() {
            true => self.logout(agent, now, out),
            false => Ok(()),
        }
    }

    /// His rank in a queue that he serves is this until his shift ends.
    pub(crate) fn set_rank(
        &mut self,
        agent: AgentId,
        queue: QueueId,
        rank: u8,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let seated = self.logged_in(agent)?;
        if rank > RANK_MAX {
            return Err(Refusal::RankOut(rank));
        }
        self.rank_in(agent, queue).ok_or(Refusal::DoesNotServe { agent, queue })?;
        self.change_queues(seated, vec![(queue, Some(rank))], now, out);
        Ok(())
    }

    /// The queues that an agent serves, by name.
    pub(crate) fn queues_served(&self, agent: AgentId) -> Vec<ServedRow> {
        let Some(rules) = self.config.agents.get(&agent) else { return Vec::new() };
        let live = self.live_queues.get(&agent);
        let changed = |queue: &QueueId| live.and_then(|live| live.get(queue));
        let configured = rules.queues.iter().filter(|queue| changed(queue).is_none()).map(|queue| ServedRow {
            queue: *queue,
            rank: rules.ranks.get(queue).copied().unwrap_or(0),
            is_live: false,
        });
        let live = live.into_iter().flatten();
        let live = live.filter_map(|(queue, rank)| Some(ServedRow { queue: *queue, rank: (*rank)?, is_live: true }));
        let mut rows: Vec<_> =
            configured.chain(live).filter(|row| self.config.queues.contains_key(&row.queue)).collect();
        rows.sort_by_key(|row| row.queue);
        rows.dedup_by_key(|row| row.queue);
        rows
    }

    /// His rank in a queue that he serves.
    fn rank_in(&self, agent: AgentId, queue: QueueId) -> Option<u8> {
        self.queues_served(agent).into_iter().find(|row| row.queue == queue).map(|row| row.rank)
    }

    /// Changes of agents or of queues that are not configured any more are forgotten.
    pub(crate) fn keep_live_queues(&mut self) {
        let (agents, queues) = (&self.config.agents, &self.config.queues);
        self.live_queues.retain(|agent, live| {
            live.retain(|queue, _| queues.contains_key(queue));
            !live.is_empty() && agents.contains_key(agent)
        });
    }

    /// A shift has ended: the next one begins as configured.
    pub(crate) fn forget_live_queues(&mut self, now: Mono, out: &mut Vec<Decision>) {
        for agent in std::mem::take(&mut self.gone) {
            let is_out = self.agent_of.get(&agent).copied().filter(|&at| self.agents[at].doing == Doing::LoggedOut);
            if let Some(at) = is_out
                && let Some(live) = self.live_queues.remove(&agent)
            {
                self.sort_anew(at, live.into_keys().collect(), now, out);
            }
        }
    }

    fn change_queues(
        &mut self,
        agent: AgentIx,
        changes: Vec<(QueueId, Option<u8>)>,
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let id = self.agents[agent].id;
        let live = self.live_queues.entry(id).or_default();
        for (queue, rank) in &changes {
            live.insert(*queue, *rank);
            out.push(Decision::Serves { agent: id, queue: *queue, rank: *rank });
        }
        self.sort_anew(agent, changes.into_iter().map(|(queue, _)| queue).collect(), now, out);
    }

    /// Brings the agent into the queues that he serves by now, and out of the others of `changed`.
    fn sort_anew(&mut self, agent: AgentIx, changed: Vec<QueueId>, now: Mono, out: &mut Vec<Decision>) {
        self.configured += 1;
        let changed: BTreeSet<QueueIx> = changed.iter().filter_map(|queue| self.queue_of.get(queue).copied()).collect();
        let ordered: Vec<QueueIx> =
            changed.iter().copied().filter(|queue| self.queues[*queue].rules.strategy.is_ordered()).collect();
        let was = self.profiles[self.agents[agent].profile].key.queues.clone();
        let key = self.profile_key(self.agents[agent].id, self.wall(now));
        // Who stands in a queue that goes by order is found there by his number, and numbers are given anew.
        let others: Vec<AgentIx> = match ordered.is_empty() {
            true => Vec::new(),
            false => {
                self.agents.iter().filter(|(at, a)| *at != agent && a.listed.is_some()).map(|(at, _)| at).collect()
            }
        };
        others.iter().chain([&agent]).for_each(|&at| self.rise(at));
        let is = key.queues.clone();
        let left = self.move_to_profile(agent, key);
        for queue in was.symmetric_difference(&is) {
            self.count_in_queue(agent, *queue, is.contains(queue));
        }
        for queue in ordered {
            self.set_order(queue);
        }
        others.iter().chain([&agent]).for_each(|&at| self.sit(at));
        self.ask_anew(&[agent], &left, now, out);
        for queue in was.difference(&is) {
            if self.queues[*queue].keeps_nobody() && self.queues[*queue].waiting > 0 {
                self.drain(*queue, now, out);
            }
        }
    }

    fn count_in_queue(&mut self, agent: AgentIx, queue: QueueIx, is_in: bool) {
        let agent = &self.agents[agent];
        let presence = Presence::of(agent.shown.state);
        let (here, ready) = (u32::from(agent.doing != Doing::LoggedOut), u32::from(agent.listed.is_some()));
        let queue = &mut self.queues[queue];
        if is_in {
            queue.logged_in += here;
            queue.ready += ready;
            queue.doors.count(None, presence);
        } else {
            queue.logged_in -= here;
            queue.ready -= ready;
            queue.doors.count(presence, None);
        }
    }
}
