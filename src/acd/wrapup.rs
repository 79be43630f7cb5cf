//! Wrap-up and results: what an agent does after a conversation, and what he says came of it.
//!
//! A wrap-up belongs to the agent's shift: its rule is that of the queue his conversation came from when it began, whatever
//! became of the caller since; the agent's own rule stands above it, that of the result he chose above both.

use turno_base::{AgentId, ItemId, Mono, Name, QueueId};

use crate::acd::Acd;
use crate::agent::{Doing, Last};
use crate::boundary::Decision;
use crate::config::WrapUp;
use crate::refusal::Refusal;
use crate::slab::AgentIx;
use crate::why::Trigger;

impl Acd {
    /// The conversation is over for this agent: wrap-up, or what comes after it.
    pub(crate) fn release(&mut self, item: ItemId, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        let of_queue = self.unserve(item, agent, now);
        let rule = self.wrap_up_of(agent, of_queue);
        // What came of it is said already: there is nothing left to save.
        let is_saved = self.agents[agent].last.is_some_and(|last| last.item == item && last.disposition.is_some());
        match rule.length() {
            None => self.wrap_up_ended(agent, now, out),
            Some(_) if is_saved && matches!(rule, WrapUp::UntilSaved(_)) => self.wrap_up_ended(agent, now, out),
            Some(length) => {
                let doing = Doing::WrapUp { item, since: now, until: now + length, rule, extended: 0 };
                self.turn(agent, doing, now, out);
            }
        }
    }

    /// The rule for an agent after a conversation of a queue with this rule.
    fn wrap_up_of(&self, agent: AgentIx, of_queue: WrapUp) -> WrapUp {
        let a = &self.agents[agent];
        let chosen = a.last.and_then(|last| last.disposition).and_then(|chosen| self.config.dispositions.get(&chosen));
        let own = self.config.agents.get(&a.id).and_then(|rules| rules.wrap_up);
        chosen.and_then(|rules| rules.wrap_up).or(own).unwrap_or(of_queue)
    }

    /// The agent has done what was to be done: what he asked for, or ready.
    pub(crate) fn wrap_up_ended(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        self.free(agent, Doing::Idle { since: now }, now, out);
        self.after_free(agent, Trigger::Agent, now, out);
    }

    /// The queue that wants to know what came of the conversation that he wraps up, and was not told.
    pub(crate) fn word_due(&self, agent: AgentIx) -> Option<QueueId> {
        let a = &self.agents[agent];
        let Doing::WrapUp { item, .. } = a.doing else { return None };
        let last = a.last.filter(|last| last.item == item && last.disposition.is_none())?;
        last.queue.filter(|queue| self.config.queues.get(queue).is_some_and(|rules| rules.disposition_required))
    }

    /// His work on the last call is saved: ends a wrap-up, unless its length is fixed or its queue is to be told what came of it.
    pub(crate) fn saved(&mut self, agent: AgentId, now: Mono, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        let at = self.logged_in(agent)?;
        match self.agents[at].doing {
            Doing::WrapUp { rule: WrapUp::Fixed(_), until, .. } => Err(fixed(agent, until, now)),
            Doing::WrapUp { rule: WrapUp::None | WrapUp::AtMost(_) | WrapUp::UntilSaved(_), .. } => {
                if let Some(queue) = self.word_due(at) {
                    return Err(Refusal::DispositionDue { agent, queue });
                }
                self.wrap_up_ended(at, now, out);
                Ok(())
            }
            Doing::LoggedOut
            | Doing::Idle { .. }
            | Doing::Resting { .. }
            | Doing::Paused { .. }
            | Doing::Reserved { .. }
            | Doing::Serving { .. } => Err(Refusal::NoWrapUp(agent)),
        }
    }

    /// He needs longer.
    pub(crate) fn extend(&mut self, agent: AgentId, now: Mono, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        let at = self.logged_in(agent)?;
        let most = self.config.wrap_up_extensions_max;
        match self.agents[at].doing {
            Doing::WrapUp { extended, .. } if extended >= most => Err(Refusal::WrapUpExtended { agent, most }),
            Doing::WrapUp { item, since, until, rule, extended } => {
                let until = until + self.config.wrap_up_extension;
                self.turn(at, Doing::WrapUp { item, since, until, rule, extended: extended + 1 }, now, out);
                Ok(())
            }
            Doing::LoggedOut
            | Doing::Idle { .. }
            | Doing::Resting { .. }
            | Doing::Paused { .. }
            | Doing::Reserved { .. }
            | Doing::Serving { .. } => Err(Refusal::NoWrapUp(agent)),
        }
    }

    /// What came of his present or last call. It may be said anew until the next begins. In a wrap-up it saves the call, and
    /// a result with a rule of its own replaces that of the wrap-up, counted from its beginning.
    pub(crate) fn dispose(
        &mut self,
        agent: AgentId,
        disposition: Name,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let at = self.logged_in(agent)?;
        let Some(rules) = self.config.dispositions.get(&disposition) else {
            return Err(Refusal::NoSuchDisposition(disposition));
        };
        let own = rules.wrap_up;
        let Some(Last { item, queue, .. }) = self.agents[at].last else { return Err(Refusal::NoCallYet(agent)) };
        let elsewhere = |queue: &QueueId| self.config.queues.get(queue).is_some_and(|rules| !rules.admits(disposition));
        if let Some(queue) = queue.filter(elsewhere) {
            return Err(Refusal::DispositionElsewhere { disposition, queue });
        }
        self.agents[at].last = Some(Last { item, queue, disposition: Some(disposition) });
        out.push(Decision::Disposed { item, agent, disposition });
        let Doing::WrapUp { item: wrapped, since, rule, extended, .. } = self.agents[at].doing else { return Ok(()) };
        if wrapped != item {
            return Ok(());
        }
        match (own, rule) {
            (Some(own), _) => match own.length().map(|length| since + length).filter(|until| *until > now) {
                Some(until) => {
                    self.turn(at, Doing::WrapUp { item, since, until, rule: own, extended }, now, out);
                }
                None => self.wrap_up_ended(at, now, out),
            },
            (None, WrapUp::UntilSaved(_)) => self.wrap_up_ended(at, now, out),
            (None, WrapUp::None | WrapUp::Fixed(_) | WrapUp::AtMost(_)) => {}
        }
        Ok(())
    }
}

/// Why a wrap-up of fixed length does not end yet.
pub(crate) fn fixed(agent: AgentId, until: Mono, now: Mono) -> Refusal {
    let left_s = until.since(now).as_millis().div_ceil(1000);
    Refusal::WrapUpFixed { agent, left_s: u64::try_from(left_s).unwrap_or(u64::MAX) }
}
