//! Agents who are logged in as the members of the queues that they serve.

use std::collections::BTreeMap;

use turno_acd::{AcdConfig, WrapUp};
use turno_base::fact::AgentState;
use turno_base::{AgentId, QueueId, StationId, Wall};
use turno_tariff::cdr::format::Serving;

use super::super::wire::Block;
use super::{Event, Exchange};
use crate::shell::config::ami::Classes;

/// An agent who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Seat {
    pub(in super::super) station: Option<StationId>,
    pub(in super::super) state: AgentState,
    login: Wall,
    paused: Option<Wall>,
    /// Talks with a caller of this queue.
    pub(super) talks: Option<QueueId>,
    pub(super) taken: BTreeMap<QueueId, u32>,
    pub(super) last: BTreeMap<QueueId, Wall>,
    /// The device state that everybody was told of last.
    told: Option<u8>,
}

impl Seat {
    /// Extension and technology; a reader takes it for the address of a phone.
    pub(in super::super) fn interface(&self) -> String {
        self.station.map_or_else(String::new, |station| format!("PJSIP/{station}"))
    }

    /// Asterisk's device state: 1 not in use, 2 in use, 3 busy, 6 ringing, 8 on hold. Who works up a call is busy: he can
    /// take none, and there is no other word for it.
    pub(in super::super) fn status(&self) -> u8 {
        match self.state {
            AgentState::Ready | AgentState::Paused(_) | AgentState::Task => 1,
            AgentState::Talking | AgentState::Consulting | AgentState::Outbound => 2,
            AgentState::WrapUp => 3,
            AgentState::LoggedOut => 5,
            AgentState::Offered | AgentState::Ringing => 6,
            AgentState::Holding => 8,
        }
    }

    /// Could be given a call now.
    pub(in super::super) fn is_available(&self) -> bool {
        matches!(self.state, AgentState::Ready | AgentState::Task)
    }

    pub(in super::super) fn talks_in(&self, queue: QueueId) -> bool {
        self.talks == Some(queue)
    }

    /// How many callers of the queue he has had, and when the last one went.
    pub(in super::super) fn taken_in(&self, queue: QueueId) -> Option<(u32, Wall)> {
        Some((*self.taken.get(&queue)?, *self.last.get(&queue)?))
    }

    pub(in super::super) fn login_at(&self) -> Wall {
        self.login
    }

    pub(in super::super) fn paused_at(&self) -> Wall {
        self.paused.unwrap_or(self.login)
    }

    fn reason(&self) -> String {
        self.state.reason().map_or_else(String::new, |reason| reason.to_string())
    }

    /// In his state since then, and logged in at least as long.
    pub(super) fn since(&mut self, at: Wall) {
        self.login = self.login.min(at);
        if self.paused.is_some() {
            self.paused = Some(at);
        }
    }
}

impl Exchange {
    /// The configuration is this from now on: tells who serves which queue now, who no more, and at which rank.
    pub fn configure(&mut self, config: AcdConfig, out: &mut Vec<Event>) {
        let ranks = |exchange: &Exchange, agent: &AgentId| -> BTreeMap<QueueId, u8> {
            exchange.queues_of(*agent).into_iter().map(|queue| (queue, exchange.rank_of(*agent, queue))).collect()
        };
        let before: BTreeMap<AgentId, _> = self.seats.keys().map(|agent| (*agent, ranks(self, agent))).collect();
        self.serving = serving(&config);
        self.config = config;
        for queue in self.config.queues.keys() {
            self.queues.entry(*queue).or_default();
        }
        let gone = |queue: &QueueId| !self.config.queues.contains_key(queue);
        self.queues.retain(|queue, stand| !gone(queue) || !stand.waiting.is_empty());
        for (agent, was) in &before {
            let is = ranks(self, agent);
            for queue in was.keys().filter(|queue| !is.contains_key(queue)) {
                self.tell_member("QueueMemberRemoved", *agent, *queue, out);
            }
            for (queue, rank) in &is {
                match was.get(queue) {
                    None => self.tell_member("QueueMemberAdded", *agent, *queue, out),
                    Some(before) if before != rank => self.tell_member("QueueMemberPenalty", *agent, *queue, out),
                    Some(_) => {}
                }
            }
        }
    }

    /// The queues that he serves, of those that are configured.
    pub(in super::super) fn queues_of(&self, agent: AgentId) -> Vec<QueueId> {
        let mut queues = self.log.queues_of(agent, &self.serving);
        queues.retain(|queue| self.config.queues.contains_key(queue));
        queues
    }

    /// His rank in a queue that he serves.
    pub(in super::super) fn rank_of(&self, agent: AgentId, queue: QueueId) -> u8 {
        let rules = self.config.agents.get(&agent);
        let configured = || rules.and_then(|rules| rules.ranks.get(&queue)).copied().unwrap_or(0);
        self.log.rank_changed(agent, queue).unwrap_or_else(configured)
    }

    pub(super) fn on_agent(&mut self, agent: AgentId, station: Option<StationId>, state: AgentState, at: Wall) {
        if state == AgentState::LoggedOut && !self.seats.contains_key(&agent) {
            return;
        }
        let seat = self.seats.entry(agent).or_insert_with(|| Seat {
            station,
            state,
            login: at,
            paused: None,
            talks: None,
            taken: BTreeMap::new(),
            last: BTreeMap::new(),
            told: None,
        });
        let is_new = seat.told.is_none() || seat.state != state;
        if is_new && matches!(state, AgentState::Paused(_)) {
            seat.paused = Some(at);
        }
        seat.state = state;
        seat.station = station.or(seat.station);
    }

    /// After the lines about him: his device state, if it is another, and good-bye.
    pub(super) fn tell_status(&mut self, agent: AgentId, out: &mut Vec<Event>) {
        let Some(seat) = self.seats.get_mut(&agent) else { return };
        if seat.state == AgentState::LoggedOut {
            self.seats.remove(&agent);
            return;
        }
        let status = seat.status();
        let told = seat.told.replace(status);
        if told.is_some_and(|told| told != status) {
            for queue in self.queues_of(agent) {
                self.tell_member("QueueMemberStatus", agent, queue, out);
            }
        }
    }

    pub(super) fn tell_member(&self, name: &'static str, agent: AgentId, queue: QueueId, out: &mut Vec<Event>) {
        if let Some(seat) = self.seats.get(&agent) {
            let lines = self.member(agent, seat, queue, true);
            out.push(Event::new(name, Classes::AGENT, &lines));
        }
    }

    /// The lines about an agent in a queue, by the names of events or by those of lists.
    pub(in super::super) fn member(&self, agent: AgentId, seat: &Seat, queue: QueueId, in_event: bool) -> Block {
        let rules = self.config.agents.get(&agent);
        let rank = self.rank_of(agent, queue);
        let wrap_up = rules.and_then(|rules| rules.wrap_up);
        let wrap_up = wrap_up.or_else(|| self.config.queues.get(&queue).map(|queue| queue.wrap_up));
        let (name, location) = if in_event { ("MemberName", "Interface") } else { ("Name", "Location") };
        let mut block = Block::new();
        block.add("", "Queue", queue);
        block.add("", name, agent);
        block.add("", location, seat.interface());
        block.add("", "StateInterface", seat.interface());
        block.add("", "Membership", "dynamic");
        block.add("", "Penalty", rank);
        block.add("", "CallsTaken", seat.taken.get(&queue).copied().unwrap_or(0));
        block.add("", "LastCall", seat.last.get(&queue).map_or(0, |at| at.as_secs()));
        block.add("", "LastPause", seat.paused.map_or(0, |at| at.as_secs()));
        block.add("", "LoginTime", seat.login.as_secs());
        block.add("", "InCall", u8::from(seat.talks == Some(queue)));
        block.add("", "Status", seat.status());
        block.add("", "Paused", u8::from(matches!(seat.state, AgentState::Paused(_))));
        block.add("", "PausedReason", seat.reason());
        if in_event {
            block.add("", "Ringinuse", 0);
        }
        block.add("", "Wrapuptime", wrap_up.map_or(0, wrap_up_s));
        block
    }
}

fn serving(config: &AcdConfig) -> Serving {
    config.agents.iter().map(|(agent, rules)| (*agent, rules.queues.clone())).collect()
}

fn wrap_up_s(rule: WrapUp) -> u64 {
    match rule {
        WrapUp::None => 0,
        WrapUp::Fixed(length) | WrapUp::AtMost(length) | WrapUp::UntilSaved(length) => length.as_secs(),
    }
}
