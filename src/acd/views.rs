//! What people see of queues and agents: rows made on demand.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::AgentState;
use turno_base::{AgentId, E164, ItemId, Mono, Now, QueueId, SegmentId, StationId};

use crate::acd::Acd;
use crate::agent::{Doing, Next};
use crate::boundary::Kind;
use crate::expected::Accuracy;
use crate::matching::{self, NEUTRAL, Precedence};
use crate::serving::ServedRow;
use crate::skills::SkillRow;
use crate::slab::{AgentIx, ItemIx, QueueIx};

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Name.
    pub queue: QueueId,
    /// No longer configured; sends away those who are left.
    pub is_closing: bool,
    /// Items in it, offered ones and callbacks among them.
    pub waiting: u32,
    /// Callbacks still to be made, those that rest among them.
    pub callbacks: u32,
    /// Tasks that nobody has in hand.
    pub tasks: u32,
    /// Agents who serve it and are logged in.
    pub logged_in: u32,
    /// Of them ready, or at a task that a call interrupts.
    pub ready: u32,
    /// The longest wait so far in this queue or before it, ms.
    pub waited_max_ms: u64,
    /// The emergency switch is on, for it or for all.
    pub is_emergency: bool,
    /// How long the next to enter would wait, ms; none: not sure.
    pub expected_ms: Option<u64>,
    /// How right forecasts have been of late.
    pub accuracy: Accuracy,
}

/// One waiting item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    /// The item.
    pub item: ItemId,
    /// What it is.
    pub kind: Kind,
    /// Its queue.
    pub queue: QueueId,
    /// Where it may be called back.
    pub callback_to: Option<E164>,
    /// Customer's segment.
    pub segment: SegmentId,
    /// 1-based place in its queue.
    pub position: u32,
    /// In this queue, ms.
    pub stayed_ms: u64,
    /// With all credits, ms: what the order goes by.
    pub waited_ms: u64,
    /// Past its segment's guard: ahead of everything else.
    pub is_guarded: bool,
    /// How long it will wait, ms; none: not sure. For a given item it never grows.
    pub expected_ms: Option<u64>,
    /// Agents it is offered to, in the order in which they were rung.
    pub offered_to: Vec<AgentId>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Name.
    pub agent: AgentId,
    /// Shown name; data, never markup.
    pub shown: String,
    /// Where he sits.
    pub station: Option<StationId>,
    /// What he does.
    pub state: AgentState,
    /// Since when.
    pub since: Mono,
    /// About which item.
    pub item: Option<ItemId>,
    /// What he asked to do when he is free.
    pub next: Option<Next>,
    /// Longer than his not-ready reason allows.
    pub is_overdue: bool,
    /// What he knows as of now, by name.
    pub skills: Vec<SkillRow>,
    /// The queues that he serves as of now, by name.
    pub serves: Vec<ServedRow>,
}

/// Sizes of everything that could leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcdSizes {
    /// Items in queues.
    pub waiting: u64,
    /// Of them being offered.
    pub offered: u64,
    /// Conversations.
    pub served: u64,
    /// Agents known.
    pub agents: u64,
    /// Groups of items that the same agents may take, those with nobody in them among them.
    pub groups: u64,
    /// Profiles of agents.
    pub profiles: u64,
    /// Stations that something is known about.
    pub stations: u64,
    /// Places kept for a redial.
    pub redials: u64,
    /// Agents remembered as the last whom a caller talked to.
    pub last_agents: u64,
    /// Combinations of skills and levels that the tables weigh.
    pub recipes: u64,
    /// Classes whose waits are remembered.
    pub classes: u64,
    /// Callbacks kept.
    pub callbacks: u64,
    /// Tasks that are not done.
    pub tasks: u64,
    /// Pending deadlines.
    pub timers: u64,
}

impl Acd {
    /// All queues, by name.
    pub fn queues(&self, now: Now) -> Vec<QueueRow> {
        self.queue_of.values().filter_map(|&at| self.queue_row(at, now.mono)).collect()
    }

    /// One queue.
    pub fn queue(&self, queue: QueueId, now: Now) -> Option<QueueRow> {
        self.queue_row(*self.queue_of.get(&queue)?, now.mono)
    }

    /// The first `most` of those who wait in a queue, in the order in which an agent for all of them would be given them.
    pub fn waiting(&self, queue: QueueId, most: usize, now: Now) -> Vec<ItemRow> {
        let Some(&at) = self.queue_of.get(&queue) else { return Vec::new() };
        let lines = self.urgencies.iter().zip(&self.queues[at].lines);
        let mut lines: Vec<_> = lines
            .map(|(urgency, line)| {
                line.iter().map(|place| matching::precedence(urgency, NEUTRAL, place, now.mono.0)).peekable()
            })
            .collect();
        let mut rows = Vec::new();
        while rows.len() < most {
            let heads = lines.iter_mut().enumerate().filter_map(|(n, line)| line.peek().map(|head| (*head, n)));
            let Some((first, n)) = heads.min() else { break };
            lines[n].next();
            let position = u32::try_from(rows.len() + 1).unwrap_or(u32::MAX);
            rows.push(self.item_row(first, position, now.mono));
        }
        rows
    }

    /// One waiting item; none if it does not wait.
    pub fn item(&self, item: ItemId, now: Now) -> Option<ItemRow> {
        let &at = self.item_of.get(&item)?;
        let waiting = &self.items[at];
        let urgency = &self.urgencies[usize::from(waiting.line)];
        let precedence = matching::precedence(urgency, NEUTRAL, &waiting.place(at), now.mono.0);
        Some(self.item_row(precedence, self.position(at, now.mono), now.mono))
    }

    /// All agents, by name.
    pub fn agents(&self, now: Now) -> Vec<AgentRow> {
        self.agent_of.values().filter_map(|&at| self.agent_row(at, now.mono)).collect()
    }

    /// One agent.
    pub fn agent(&self, agent: AgentId, now: Now) -> Option<AgentRow> {
        self.agent_row(*self.agent_of.get(&agent)?, now.mono)
    }

    /// Who sits at a station.
    pub fn agent_at(&self, station: StationId) -> Option<AgentId> {
        let agent = self.stations.get(&station)?.agent?;
        self.agents.get(agent).map(|a| a.id)
    }

    /// Sizes of everything that could leak.
    pub fn sizes(&self) -> AcdSizes {
        let offered: u32 = self.groups.iter().map(|(_, group)| group.offered).sum();
        AcdSizes {
            waiting: self.items.len() as u64,
            offered: u64::from(offered),
            served: self.served.len() as u64,
            agents: self.agents.len() as u64,
            groups: self.groups.len() as u64,
            profiles: self.profiles.len() as u64,
            stations: self.stations.len() as u64,
            redials: self.redials.len() as u64,
            last_agents: self.last_agents.len() as u64,
            recipes: self.tables.recipes.len() as u64,
            classes: self.lessons.len() as u64,
            callbacks: self.callbacks.len() as u64,
            tasks: self.tasks.len() as u64,
            timers: self.timers.len() as u64,
        }
    }

    /// None for a queue that is no more but has not been forgotten yet.
    fn queue_row(&self, at: QueueIx, now: Mono) -> Option<QueueRow> {
        let queue = &self.queues[at];
        if queue.is_closing && queue.waiting == 0 {
            return None;
        }
        let heads = queue.lines.iter().filter_map(|line| line.first());
        let waited_max_us = heads.map(|place| matching::waited_us(place.v, now.0)).max().unwrap_or(0);
        Some(QueueRow {
            queue: queue.id,
            is_closing: queue.is_closing,
            waiting: queue.waiting,
            callbacks: self.callbacks_due(queue.id),
            tasks: u32::try_from(self.tasks.waiting_in(queue.id)).unwrap_or(u32::MAX),
            logged_in: queue.logged_in,
            ready: queue.ready,
            waited_max_ms: waited_max_us / 1000,
            is_emergency: queue.doors.is_emergency,
            expected_ms: self.expected_wait_of_next(queue.id).map(ms),
            accuracy: self.forecast_accuracy(queue.id),
        })
    }

    fn item_row(&self, standing: Precedence, position: u32, now: Mono) -> ItemRow {
        let at: ItemIx = standing.item();
        let waiting = &self.items[at];
        let offered_to = waiting.offers.iter().filter_map(|held| self.agents.get(held.agent)).map(|a| a.id).collect();
        ItemRow {
            item: waiting.id,
            kind: waiting.kind,
            queue: self.queues[waiting.queue].id,
            callback_to: waiting.callback_to,
            segment: waiting.segment,
            position,
            stayed_ms: now.0.saturating_sub(waiting.entered.0) / 1000,
            waited_ms: matching::waited_us(waiting.v, now.0) / 1000,
            is_guarded: standing.is_guarded(),
            expected_ms: self.expected_wait(waiting.id).map(ms),
            offered_to,
        }
    }

    /// None for an agent who is no more but has not been forgotten yet.
    fn agent_row(&self, at: AgentIx, now: Mono) -> Option<AgentRow> {
        let agent = &self.agents[at];
        let rules = self.config.agents.get(&agent.id);
        if rules.is_none() && agent.doing == Doing::LoggedOut {
            return None;
        }
        let longest =
            agent.shown.state.reason().and_then(|reason| self.config.reasons.get(&reason)).map(|rules| rules.longest);
        Some(AgentRow {
            agent: agent.id,
            shown: rules.map_or_else(String::new, |rules| rules.shown.clone()),
            station: agent.station,
            state: agent.shown.state,
            since: agent.shown_since,
            item: agent.shown.item,
            next: agent.next,
            is_overdue: longest.is_some_and(|most| !most.is_zero() && now.since(agent.shown_since) > most),
            skills: self.skill_rows(agent.id, now),
            serves: self.queues_served(agent.id),
        })
    }
}

/// Whole milliseconds.
pub(crate) fn ms(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
