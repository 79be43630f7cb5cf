//! The agent's side: shifts, pauses, stations, wrap-up. Every change of an agent's state goes through [`Acd::turn`].

use turno_base::fact::{AgentState, OfferEnd};
use turno_base::{AgentId, ItemId, Mono, Name, StationId};

use crate::acd::Acd;
use crate::agent::{Doing, Misses, Next, Rest, Shown, Station};
use crate::boundary::Decision;
use crate::config::{TooLong, WrapUp};
use crate::limits::{REASON_UNREACHABLE, reason};
use crate::refusal::Refusal;
use crate::slab::{AgentIx, ProfileIx};
use crate::timers::Due;
use crate::why::Trigger;
use crate::wrapup::fixed;

impl Acd {
    /// The agent does this from now on: his deadline, his place among the ready and what is shown of him follow.
    pub(crate) fn turn(&mut self, agent: AgentIx, doing: Doing, now: Mono, out: &mut Vec<Decision>) {
        let old = std::mem::replace(&mut self.agents[agent].doing, doing);
        if let Some(at) = old.deadline() {
            self.timers.disarm(at, Due::Agent(agent));
        }
        if let Some(at) = self.agents[agent].doing.deadline() {
            self.timers.arm(at, Due::Agent(agent));
        }
        if self.agents[agent].doing == Doing::LoggedOut && self.live_queues.contains_key(&self.agents[agent].id) {
            self.gone.push(self.agents[agent].id);
        }
        self.measure(agent, old == Doing::LoggedOut, now);
        self.show(agent, now, out);
    }

    /// Lists the agent among the ready if he can be rung, and tells of a state that differs from what was told last.
    pub(crate) fn show(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        let a = &self.agents[agent];
        let (state, item) = self.state_of(agent);
        let since = match a.doing {
            Doing::Idle { since } if matches!(state, AgentState::Ready | AgentState::Task) => Some(since),
            Doing::Idle { .. }
            | Doing::LoggedOut
            | Doing::Resting { .. }
            | Doing::Paused { .. }
            | Doing::Reserved { .. }
            | Doing::Serving { .. }
            | Doing::WrapUp { .. } => None,
        };
        let shown = Shown { state, station: a.station, item };
        let is_paid = self.is_paid(state);
        self.list_ready(agent, since);
        let a = &mut self.agents[agent];
        if a.shown != shown {
            let was = std::mem::replace(&mut a.shown, shown).state;
            a.shown_since = now;
            out.push(Decision::Agent { agent: a.id, station: a.station, state, item, is_paid });
            self.count_presence(agent, was, state, now);
        }
        self.work_on(agent, if state == AgentState::Task { item } else { None }, now, out);
    }

    /// Time in a state is paid unless the reason says otherwise; reasons of the machine's own are no break.
    fn is_paid(&self, state: AgentState) -> bool {
        match state {
            AgentState::LoggedOut => false,
            AgentState::Paused(reason) => self.config.reasons.get(&reason).is_none_or(|rules| rules.paid),
            AgentState::Ready
            | AgentState::Offered
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::Holding
            | AgentState::Consulting
            | AgentState::WrapUp
            | AgentState::Outbound
            | AgentState::Task => true,
        }
    }

    fn state_of(&self, agent: AgentIx) -> (AgentState, Option<ItemId>) {
        let a = &self.agents[agent];
        match &a.doing {
            Doing::LoggedOut => (AgentState::LoggedOut, None),
            Doing::Idle { .. } => {
                let station = a.station.and_then(|s| self.stations.get(&s)).copied().unwrap_or_default();
                if !station.reachable {
                    (AgentState::Paused(reason(REASON_UNREACHABLE)), None)
                } else if station.calls > 0 {
                    (AgentState::Outbound, None)
                } else if let Some(task) = a.desk.first() {
                    (AgentState::Task, Some(*task))
                } else {
                    (AgentState::Ready, None)
                }
            }
            Doing::Resting { cause, .. } => (AgentState::Paused(cause.reason()), None),
            Doing::Paused { reason, .. } => (AgentState::Paused(*reason), None),
            Doing::Reserved { item, is_ringing, .. } => {
                let state = if *is_ringing { AgentState::Ringing } else { AgentState::Offered };
                (state, self.items.get(*item).map(|i| i.id))
            }
            Doing::Serving { item, phase, .. } => (phase.state(), Some(*item)),
            Doing::WrapUp { item, .. } => (AgentState::WrapUp, Some(*item)),
        }
    }

    /// An agent's state has reached its end.
    pub(crate) fn agent_due(&mut self, agent: AgentIx, at: Mono, now: Mono, out: &mut Vec<Decision>) {
        if self.agents.get(agent).is_none_or(|a| a.doing.deadline() != Some(at)) {
            return;
        }
        match self.agents[agent].doing {
            Doing::Reserved { .. } => self.ring_ended(agent, now, out),
            Doing::WrapUp { .. } => self.wrap_up_ended(agent, now, out),
            Doing::Resting { .. } => {
                self.turn(agent, Doing::Idle { since: now }, now, out);
                self.seek_item(agent, Trigger::Deadline, now, out);
            }
            Doing::Paused { reason, .. } => self.paused_too_long(agent, reason, now, out),
            Doing::LoggedOut | Doing::Idle { .. } | Doing::Serving { .. } => {}
        }
    }

    /// Not ready with a reason from now on.
    pub(crate) fn paused(&self, reason: Name, now: Mono) -> Doing {
        let longest = self.config.reasons.get(&reason).map(|rules| rules.longest).filter(|longest| !longest.is_zero());
        Doing::Paused { reason, longest: longest.map(|longest| now + longest) }
    }

    /// Not ready for longer than the reason allows: told once, and what the reason says becomes of him.
    fn paused_too_long(&mut self, agent: AgentIx, reason: Name, now: Mono, out: &mut Vec<Decision>) {
        out.push(Decision::PauseTooLong { agent: self.agents[agent].id, reason });
        match self.config.reasons.get(&reason).map(|rules| rules.then).unwrap_or_default() {
            TooLong::Warn => self.turn(agent, Doing::Paused { reason, longest: None }, now, out),
            TooLong::Ready => {
                self.agents[agent].misses = Misses::default();
                self.turn(agent, Doing::Idle { since: now }, now, out);
                self.seek_item(agent, Trigger::Deadline, now, out);
            }
            TooLong::Logout => self.log_out(agent, now, out),
        }
    }

    /// The agent of that name, configured.
    pub(crate) fn configured(&self, agent: AgentId) -> Result<AgentIx, Refusal> {
        match self.agent_of.get(&agent) {
            Some(&at) if self.config.agents.contains_key(&agent) => Ok(at),
            Some(_) | None => Err(Refusal::NoSuchAgent(agent)),
        }
    }

    /// The agent of that name, logged in.
    pub(crate) fn logged_in(&self, agent: AgentId) -> Result<AgentIx, Refusal> {
        let at = self.configured(agent)?;
        match self.agents[at].doing {
            Doing::LoggedOut => Err(Refusal::NotLoggedIn(agent)),
            Doing::Idle { .. }
            | Doing::Resting { .. }
            | Doing::Paused { .. }
            | Doing::Reserved { .. }
            | Doing::Serving { .. }
            | Doing::WrapUp { .. } => Ok(at),
        }
    }

    pub(crate) fn login(
        &mut self,
        agent: AgentId,
        station: StationId,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let at = self.configured(agent)?;
        let sits_at = self.agents[at].station;
        if sits_at == Some(station) {
            // He is here already; if he had asked to go, he stays.
            if self.agents[at].next == Some(Next::Logout) {
                self.agents[at].next = None;
            }
            return Ok(());
        }
        let other = self.may_sit(at, station)?;
        if let Some(other) = other {
            self.end_shift(other, now, out);
        }
        match sits_at {
            // The shift goes on at another station.
            Some(elsewhere) => self.stand_up(elsewhere),
            None => {
                self.agents[at].misses = Misses::default();
                self.agents[at].tallies.clear();
                self.agents[at].last = None;
                self.count_in(self.agents[at].profile);
            }
        }
        self.stations.entry(station).or_default().agent = Some(at);
        self.agents[at].station = Some(station);
        // His pause goes with him, and his idle time if he could be rung where he sat.
        let doing = match self.agents[at].doing {
            Doing::Paused { reason, longest } => Doing::Paused { reason, longest },
            Doing::Idle { since } if self.agents[at].listed.is_some() => Doing::Idle { since },
            Doing::LoggedOut => match self.config.login_reason {
                Some(reason) => self.paused(reason, now),
                None => Doing::Idle { since: now },
            },
            Doing::Idle { .. }
            | Doing::Resting { .. }
            | Doing::Reserved { .. }
            | Doing::Serving { .. }
            | Doing::WrapUp { .. } => Doing::Idle { since: now },
        };
        self.turn(at, doing, now, out);
        self.seek_item(at, Trigger::Agent, now, out);
        // Not before: an item that arrives elsewhere could be offered to an agent who is just sitting down.
        if let Some(other) = other {
            self.shift_ended(other, now, out);
        }
        Ok(())
    }

    /// He may sit down there; then whoever sits there now goes.
    pub(crate) fn may_sit(&self, agent: AgentIx, station: StationId) -> Result<Option<AgentIx>, Refusal> {
        let me = &self.agents[agent];
        if let Some(elsewhere) = me.station
            && !me.doing.is_idle()
        {
            return Err(Refusal::AtWorkElsewhere { agent: me.id, station: elsewhere });
        }
        let there = self.stations.get(&station).copied();
        if there.is_none() && self.stations.len() >= self.bounds.stations_max as usize {
            return Err(Refusal::TooManyStations);
        }
        match there.and_then(|s| s.agent) {
            Some(other) if !self.agents[other].doing.is_idle() => {
                Err(Refusal::StationTaken { station, by: self.agents[other].id })
            }
            other => Ok(other),
        }
    }

    pub(crate) fn logout(&mut self, agent: AgentId, now: Mono, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        let at = self.logged_in(agent)?;
        if self.agents[at].doing.is_idle() {
            self.log_out(at, now, out);
        } else {
            self.agents[at].next = Some(Next::Logout);
        }
        Ok(())
    }

    pub(crate) fn pause(
        &mut self,
        agent: AgentId,
        reason: Name,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let at = self.logged_in(agent)?;
        if !self.config.reasons.contains_key(&reason) {
            return Err(Refusal::NoSuchReason(reason));
        }
        if self.agents[at].doing.is_idle() {
            self.turn(at, self.paused(reason, now), now, out);
        } else {
            self.agents[at].next = Some(Next::Pause(reason));
        }
        Ok(())
    }

    pub(crate) fn ready(&mut self, agent: AgentId, now: Mono, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        let at = self.logged_in(agent)?;
        match self.agents[at].doing {
            Doing::Reserved { .. } | Doing::Serving { .. } => {
                self.agents[at].next = None;
                return Ok(());
            }
            Doing::WrapUp { rule: rule @ (WrapUp::Fixed(_) | WrapUp::UntilSaved(_)), until, .. } => {
                // It takes back what was asked for after the wrap-up; the wrap-up itself it cannot shorten.
                return match (self.agents[at].next.take(), rule) {
                    (Some(_), _) => Ok(()),
                    (None, WrapUp::UntilSaved(_)) => Err(Refusal::WrapUpUnsaved(agent)),
                    (None, WrapUp::None | WrapUp::Fixed(_) | WrapUp::AtMost(_)) => Err(fixed(agent, until, now)),
                };
            }
            Doing::Idle { .. } | Doing::LoggedOut => return Ok(()),
            Doing::Resting { .. } | Doing::Paused { .. } | Doing::WrapUp { .. } => {}
        }
        if let Some(queue) = self.word_due(at) {
            return Err(Refusal::DispositionDue { agent, queue });
        }
        self.agents[at].next = None;
        self.agents[at].misses = Misses::default();
        self.turn(at, Doing::Idle { since: now }, now, out);
        self.seek_item(at, Trigger::Agent, now, out);
        Ok(())
    }

    /// Ends the shift of an agent who holds no reservation and no conversation.
    pub(crate) fn log_out(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        self.end_shift(agent, now, out);
        self.shift_ended(agent, now, out);
    }

    /// What the end of his shift means for those who wait.
    pub(crate) fn shift_ended(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        self.release_own(agent, now, out);
        self.leave_rings(self.agents[agent].profile, now, out);
        self.send_away(self.agents[agent].profile, now, out);
    }

    /// Ends the shift; what that means for those who wait is for [`Acd::shift_ended`].
    pub(crate) fn end_shift(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        self.return_tasks(agent, now, out);
        if let Some(station) = self.agents[agent].station.take() {
            self.stand_up(station);
        }
        let profile = self.agents[agent].profile;
        self.profiles[profile].logged_in -= 1;
        for queue in &self.profiles[profile].key.queues {
            self.queues[*queue].logged_in -= 1;
        }
        self.agents[agent].next = None;
        self.turn(agent, Doing::LoggedOut, now, out);
    }

    /// Queues of the profile that have lost their last agent may keep nobody.
    pub(crate) fn send_away(&mut self, profile: ProfileIx, now: Mono, out: &mut Vec<Decision>) {
        let queues: Vec<_> = self.profiles[profile].key.queues.iter().copied().collect();
        for queue in queues {
            if self.queues[queue].keeps_nobody() && self.queues[queue].waiting > 0 {
                self.drain(queue, now, out);
            }
        }
    }

    fn stand_up(&mut self, station: StationId) {
        if let Some(s) = self.stations.get_mut(&station) {
            s.agent = None;
        }
        self.forget_plain(station);
    }

    fn count_in(&mut self, profile: ProfileIx) {
        self.profiles[profile].logged_in += 1;
        for queue in &self.profiles[profile].key.queues {
            self.queues[*queue].logged_in += 1;
        }
    }

    /// A station about which nothing is known but what counts anyway is forgotten.
    fn forget_plain(&mut self, station: StationId) {
        if self.stations.get(&station).is_some_and(|s| *s == Station::default()) {
            self.stations.remove(&station);
        }
    }

    /// The station, if it is known or there is room for one more.
    fn known(&mut self, station: StationId) -> Option<&mut Station> {
        if !self.stations.contains_key(&station) && self.stations.len() >= self.bounds.stations_max as usize {
            self.counts.dropped += 1;
            return None;
        }
        Some(self.stations.entry(station).or_default())
    }

    /// The station can be reached, or not: then an open offer there fails at once, and nothing more is offered.
    pub(crate) fn station(&mut self, station: StationId, reachable: bool, now: Mono, out: &mut Vec<Decision>) {
        let Some(known) = self.known(station) else { return };
        let changed = known.reachable != reachable;
        known.reachable = reachable;
        if let Some(agent) = known.agent
            && changed
        {
            if reachable {
                self.station_freed(agent, Rest::Unreachable, now, out);
            } else if let Some(ended) = self.withdraw(agent, OfferEnd::Unreachable, now, out) {
                self.after_failure(agent, ended, OfferEnd::Unreachable, now, out);
            } else {
                self.show(agent, now, out);
            }
        }
        self.forget_plain(station);
    }

    /// Private calls at the station: while there are any, nothing is offered.
    pub(crate) fn station_calls(&mut self, station: StationId, calls: u32, now: Mono, out: &mut Vec<Decision>) {
        let Some(known) = self.known(station) else { return };
        let was = std::mem::replace(&mut known.calls, calls);
        if let Some(agent) = known.agent {
            if was > 0 && calls == 0 {
                self.station_freed(agent, Rest::LineBusy, now, out);
            } else {
                self.show(agent, now, out);
            }
        }
        self.forget_plain(station);
    }

    /// The station can take calls again: who waited for that, idle or at rest for this cause, is idle from now on.
    fn station_freed(&mut self, agent: AgentIx, ended: Rest, now: Mono, out: &mut Vec<Decision>) {
        match self.agents[agent].doing {
            Doing::Idle { .. } => self.turn(agent, Doing::Idle { since: now }, now, out),
            Doing::Resting { cause, .. } if cause == ended => {
                self.turn(agent, Doing::Idle { since: now }, now, out);
            }
            Doing::Resting { .. }
            | Doing::LoggedOut
            | Doing::Paused { .. }
            | Doing::Reserved { .. }
            | Doing::Serving { .. }
            | Doing::WrapUp { .. } => {}
        }
        self.seek_item(agent, Trigger::Agent, now, out);
    }
}
