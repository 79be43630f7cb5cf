//! Agents: their time, split where quarters meet, and their conversations, counted where the call is.

use turno_base::fact::AgentState;
use turno_base::{AgentId, CallId, Mono, Now, Wall};

use super::{Agent, Changes, Fold, KpiTerms, Period, Work};
use crate::kpi::quarter::Quarter;

fn is_conversation(state: AgentState) -> bool {
    matches!(state, AgentState::Talking | AgentState::Holding | AgentState::Consulting)
}

impl Agent {
    fn new(at: Now) -> Agent {
        Agent { state: AgentState::LoggedOut, is_paid: false, since: at, counted: at.mono, work: None, last: None }
    }

    /// Adds his time up to `until` to the quarters that it lies in, as labelled from the state's beginning: a step of the
    /// wall clock inside the state moves none of it.
    pub(super) fn count(&mut self, id: AgentId, until: Mono, rate: u64, out: &mut Changes) {
        if self.state == AgentState::LoggedOut {
            return;
        }
        self.each_quarter(self.counted, until, |quarter, us| {
            let tally = out.agents.entry((quarter, id)).or_default();
            tally.times.add(self.state, self.is_paid, us);
            let cost = u128::from(rate) * u128::from(us);
            tally.cost += cost;
            tally.cost_ready += if self.state == AgentState::Ready { cost } else { 0 };
        });
        self.counted = self.counted.max(until);
    }

    /// The quarters between two instants of his state, and how much of each lies there.
    fn each_quarter(&self, from: Mono, until: Mono, mut on: impl FnMut(Quarter, u64)) {
        let mut at = from;
        while at < until {
            let label = Wall(self.since.wall.0.saturating_add_unsigned(at.0.saturating_sub(self.since.mono.0)));
            let quarter = Quarter::of(label);
            let rest = Quarter(quarter.0 + 1).begins().0.abs_diff(label.0);
            let step = rest.min(until.0 - at.0);
            on(quarter, step);
            at.0 += step;
        }
    }
}

impl Fold {
    pub(super) fn agent_changed(
        &mut self,
        id: AgentId,
        (state, is_paid): (AgentState, bool),
        call: Option<CallId>,
        at: Now,
        terms: &KpiTerms,
        out: &mut Changes,
    ) {
        let mut agent = self.agents.remove(&id).unwrap_or_else(|| Agent::new(at));
        let rate = terms.rate(id);
        agent.count(id, at.mono, rate, out);
        let us = at.mono.0.saturating_sub(agent.since.mono.0);
        if agent.state != AgentState::LoggedOut && us > 0 {
            out.periods.push(Period { agent: id, from: agent.since.wall, us, state: agent.state });
        }
        let other_call =
            is_conversation(state) && call.is_some() && agent.work.is_some_and(|work| Some(work.call) != call);
        if let Some(work) = agent.work.as_mut() {
            match agent.state {
                AgentState::Talking => work.talk_us += us,
                AgentState::Holding | AgentState::Consulting => work.hold_us += us,
                AgentState::WrapUp => self.wrapped_up(*work, us, rate, out),
                AgentState::LoggedOut
                | AgentState::Ready
                | AgentState::Offered
                | AgentState::Ringing
                | AgentState::Paused(_)
                | AgentState::Outbound
                | AgentState::Task => {}
            }
        }
        if is_conversation(agent.state)
            && (!is_conversation(state) || other_call)
            && let Some(work) = agent.work
        {
            self.talked(work, rate, out);
        }
        if is_conversation(state) && (!is_conversation(agent.state) || other_call) {
            agent.work = call.and_then(|call| self.begins(call, out));
            agent.last = agent.work.map(|work| (work.call, work.n));
            out.agents.entry((Quarter::of(at.wall), id)).or_default().handled += 1;
        }
        if state != AgentState::LoggedOut {
            let work = agent.work.filter(|_| is_conversation(state) || state == AgentState::WrapUp);
            self.agents.insert(id, Agent { state, is_paid, since: at, counted: at.mono, work, last: agent.last });
        }
    }

    /// Nothing was heard of a call since `heard`, and it is ended for it: whoever had it talked until then, and was neither in
    /// conversation nor ready until he is free. His state follows; what was counted of it already is taken back.
    pub(super) fn unheard(&mut self, call: CallId, heard: Mono, at: Now, terms: &KpiTerms, out: &mut Changes) {
        let had = |agent: &Agent| is_conversation(agent.state) && agent.work.is_some_and(|work| work.call == call);
        for (&id, agent) in self.agents.iter_mut().filter(|(_, agent)| had(agent)) {
            agent.count(id, at.mono, terms.rate(id), out);
            let until = heard.clamp(agent.since.mono, at.mono);
            let (lasted, silent) = (until.0 - agent.since.mono.0, at.mono.0 - until.0);
            let is_talk = agent.state == AgentState::Talking;
            agent.each_quarter(until, at.mono, |quarter, us| {
                let unheard = out.unheard.entry((quarter, id)).or_default();
                *if is_talk { &mut unheard.talk } else { &mut unheard.hold } += us;
            });
            if let Some(work) = agent.work.as_mut() {
                *if is_talk { &mut work.talk_us } else { &mut work.hold_us } += lasted;
            }
            out.periods.push(Period { agent: id, from: agent.since.wall, us: lasted + silent, state: agent.state });
            (agent.since, agent.counted) = (at, at.mono);
        }
    }

    /// An agent has the call from now on: handled once for each.
    fn begins(&mut self, id: CallId, out: &mut Changes) -> Option<Work> {
        let Some(call) = self.call(id) else {
            self.late += 1;
            return None;
        };
        let key = call.key();
        out.tally(key).counts.handled += 1;
        let mut n = 0;
        match call.entries.last_mut() {
            Some(stay) => {
                n = stay.entry.n;
                stay.entry.handled += 1;
                out.entries.insert((id, n), stay.entry.clone());
            }
            // A call that no queue gave is answered when an agent has it.
            None => call.answered = true,
        }
        Some(Work { call: id, key, n, talk_us: 0, hold_us: 0 })
    }

    fn talked(&mut self, work: Work, rate: u64, out: &mut Changes) {
        let tally = out.tally(work.key);
        let (talk_ms, hold_ms) = (work.talk_us / 1000, work.hold_us / 1000);
        tally.talk.add(talk_ms);
        if work.hold_us > 0 {
            tally.hold.add(hold_ms);
        }
        let cost = u128::from(rate) * u128::from(work.talk_us + work.hold_us);
        tally.agent_cost += cost;
        let Some(stay) = self.call(work.call).and_then(|call| call.stay(work.n)) else { return };
        stay.entry.talk_ms += talk_ms;
        stay.entry.hold_ms += hold_ms;
        stay.entry.agent_cost += cost;
        if stay.entry.agent.is_some() && !stay.completed {
            stay.completed = true;
            tally.counts.completed += 1;
        }
        out.entries.insert((work.call, work.n), stay.entry.clone());
    }

    fn wrapped_up(&mut self, work: Work, us: u64, rate: u64, out: &mut Changes) {
        let tally = out.tally(work.key);
        tally.wrap_up.add(us / 1000);
        let cost = u128::from(rate) * u128::from(us);
        tally.agent_cost += cost;
        let Some(stay) = self.call(work.call).and_then(|call| call.stay(work.n)) else { return };
        stay.entry.wrap_up_ms += us / 1000;
        stay.entry.agent_cost += cost;
        out.entries.insert((work.call, work.n), stay.entry.clone());
    }
}
