//! Queues: who waits in which order, what is counted, and the events that lines of `queue_log` stand for.

use turno_base::fact::What;
use turno_base::{AgentId, CallId, LegId, QueueId, Wall};
use turno_tariff::cdr::format::QueueLogLine;

use super::super::wire::Block;
use super::{Event, Exchange, peer};
use crate::shell::config::ami::Classes;

/// One queue, with the counters that Asterisk keeps of it. They begin at zero with the process, as there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Stand {
    /// In the order of their places.
    pub(in super::super) waiting: Vec<CallId>,
    pub(in super::super) completed: u64,
    pub(in super::super) completed_in_level: u64,
    pub(in super::super) abandoned: u64,
    pub(in super::super) abandoned_in_level: u64,
    /// Moving means, s.
    pub(in super::super) hold_s: u64,
    pub(in super::super) talk_s: u64,
}

/// Asterisk's moving mean: a fourth of the new.
fn mean(old: u64, new: u64, is_first: bool) -> u64 {
    if is_first { new } else { (3 * old + new) / 4 }
}

impl Stand {
    fn served(&mut self, hold_s: u64) {
        self.hold_s = mean(self.hold_s, hold_s, self.completed + self.abandoned == 0);
    }

    fn complete(&mut self, hold_s: u64, talk_s: u64, level_s: u64) {
        self.completed += 1;
        self.completed_in_level += u64::from(hold_s <= level_s);
        self.talk_s = mean(self.talk_s, talk_s, self.completed == 1);
    }

    fn abandon(&mut self, wait_s: u64, level_s: u64) {
        self.abandoned += 1;
        self.abandoned_in_level += u64::from(wait_s <= level_s);
    }

    /// Answered within the level, per mille of those answered.
    pub(in super::super) fn level_pm(&self) -> u64 {
        share_pm(self.completed_in_level, self.completed)
    }

    /// Answered or given up within the level, per mille of all.
    pub(in super::super) fn level2_pm(&self) -> u64 {
        share_pm(self.completed_in_level + self.abandoned_in_level, self.completed + self.abandoned)
    }
}

fn share_pm(part: u64, of: u64) -> u64 {
    (1000 * part + of / 2).checked_div(of).unwrap_or(0)
}

impl Exchange {
    /// Counts from zero: one queue, or all; whether there is such a queue.
    pub fn reset(&mut self, queue: Option<QueueId>) -> bool {
        let mut any = false;
        for (of, stand) in &mut self.queues {
            if queue.is_none_or(|queue| queue == *of) {
                *stand = Stand { waiting: std::mem::take(&mut stand.waiting), ..Stand::default() };
                any = true;
            }
        }
        any
    }

    pub(super) fn on_entered(&mut self, call: CallId, queue: QueueId, position: u32, at: Wall) {
        let Some(of) = self.calls.get_mut(&call) else { return };
        (of.waits, of.queue) = (Some((queue, at)), Some(queue));
        let waiting = &mut self.queues.entry(queue).or_default().waiting;
        waiting.retain(|other| *other != call);
        let place = usize::try_from(position).unwrap_or(usize::MAX).saturating_sub(1).min(waiting.len());
        waiting.insert(place, call);
    }

    pub(super) fn on_left(&mut self, what: &What, out: &mut Vec<Event>) {
        if let What::QueueLeft { call, queue, position, .. } = what {
            self.leave(*call, *queue, *position, out);
        }
    }

    pub(super) fn leave(&mut self, call: CallId, queue: QueueId, position: u32, out: &mut Vec<Event>) {
        let Some(of) = self.calls.get_mut(&call) else { return };
        of.waits = None;
        let Some(stand) = self.queues.get_mut(&queue) else { return };
        stand.waiting.retain(|other| *other != call);
        let count = stand.waiting.len();
        let body = self.pair(call, None).with("Queue", queue).with("Position", position).with("Count", count);
        out.push(Event::new("QueueCallerLeave", Classes::AGENT, &body));
    }

    /// What a line of `queue_log` is as an event.
    pub(super) fn on_line(&mut self, line: &QueueLogLine, call: Option<CallId>, at: Wall, out: &mut Vec<Event>) {
        let Ok(queue) = line.queue.parse::<QueueId>() else { return };
        let agent = line.agent.parse::<AgentId>().ok();
        let of = |n: usize| line.of.get(n).map_or("", String::as_str);
        match (line.event.as_str(), call, agent) {
            ("ENTERQUEUE", Some(call), _) => {
                let count = self.queues.get(&queue).map_or(0, |stand| stand.waiting.len());
                let body = self.pair(call, None).with("Queue", queue).with("Position", of(2)).with("Count", count);
                out.push(Event::new("QueueCallerJoin", Classes::AGENT, &body));
            }
            ("ABANDON", Some(call), _) => {
                let level_s = self.level_s(queue);
                self.queues.entry(queue).or_default().abandon(number(of(2)), level_s);
                let body = self.pair(call, None).with("Queue", queue).with("Position", of(0));
                let body = body.with("OriginalPosition", of(1)).with("HoldTime", of(2));
                out.push(Event::new("QueueCallerAbandon", Classes::AGENT, &body));
            }
            ("CONNECT", Some(call), Some(agent)) => {
                self.queues.entry(queue).or_default().served(number(of(0)));
                if let Some(seat) = self.seats.get_mut(&agent) {
                    seat.talks = Some(queue);
                }
                if let Some(of) = self.calls.get_mut(&call) {
                    of.talks = Some(agent);
                }
                let body = self.given(call, queue, agent).with("HoldTime", of(0)).with("RingTime", of(2));
                out.push(Event::new("AgentConnect", Classes::AGENT, &body));
            }
            ("RINGNOANSWER", Some(call), Some(agent)) => {
                let body = self.given(call, queue, agent).with("RingTime", of(0));
                out.push(Event::new("AgentRingNoAnswer", Classes::AGENT, &body));
            }
            ("COMPLETECALLER", Some(call), Some(agent)) => self.complete(line, call, queue, agent, "caller", at, out),
            ("COMPLETEAGENT", Some(call), Some(agent)) => self.complete(line, call, queue, agent, "agent", at, out),
            ("BLINDTRANSFER" | "ATTENDEDTRANSFER", Some(call), Some(agent)) => {
                self.complete(line, call, queue, agent, "transfer", at, out);
            }
            ("ADDMEMBER", _, Some(agent)) => self.tell_member("QueueMemberAdded", agent, queue, out),
            ("PENALTY", _, Some(agent)) => self.tell_member("QueueMemberPenalty", agent, queue, out),
            ("REMOVEMEMBER", _, Some(agent)) => self.tell_member("QueueMemberRemoved", agent, queue, out),
            ("PAUSE" | "UNPAUSE", _, Some(agent)) => self.tell_member("QueueMemberPause", agent, queue, out),
            _ => {}
        }
    }

    /// A conversation that a queue gave is over; hold and talk stand before the original position, which is last.
    #[expect(clippy::too_many_arguments, reason = "what a line says, taken apart once")]
    fn complete(
        &mut self,
        line: &QueueLogLine,
        call: CallId,
        queue: QueueId,
        agent: AgentId,
        reason: &str,
        at: Wall,
        out: &mut Vec<Event>,
    ) {
        let last = |n: usize| line.of.len().checked_sub(n).and_then(|n| line.of.get(n)).map_or("", String::as_str);
        let (hold, talk) = (last(3), last(2));
        let level_s = self.level_s(queue);
        self.queues.entry(queue).or_default().complete(number(hold), number(talk), level_s);
        let body = self.given(call, queue, agent).with("HoldTime", hold).with("TalkTime", talk).with("Reason", reason);
        out.push(Event::new("AgentComplete", Classes::AGENT, &body));
        if let Some(seat) = self.seats.get_mut(&agent) {
            seat.talks = None;
            *seat.taken.entry(queue).or_default() += 1;
            seat.last.insert(queue, at);
        }
        if let Some(of) = self.calls.get_mut(&call) {
            of.talks = None;
        }
    }

    /// The caller and the agent whom the queue gave or offers him, and how Asterisk calls the latter.
    fn given(&self, call: CallId, queue: QueueId, agent: AgentId) -> Block {
        let leg = self.leg_of(call, agent);
        let party = leg.and_then(|leg| Some(self.legs.get(&leg)?.party));
        let interface = match (self.seats.get(&agent), party) {
            (Some(seat), _) => seat.interface(),
            (None, Some(party)) => peer(party),
            (None, None) => String::new(),
        };
        self.pair(call, leg).with("Queue", queue).with("Interface", interface).with("MemberName", agent)
    }

    /// The agent's last leg in the call, also one that has just ended.
    fn leg_of(&self, call: CallId, agent: AgentId) -> Option<LegId> {
        let of = self.calls.get(&call)?;
        let is_his = |party| matches!(party, turno_base::fact::Party::Agent(who, _) if who == agent);
        let live = of.legs.iter().rev().copied().find(|id| self.legs.get(id).is_some_and(|leg| is_his(leg.party)));
        live.or_else(|| of.gone.iter().rev().find(|(_, (leg, _))| is_his(leg.party)).map(|(id, _)| *id))
    }

    pub(in super::super) fn level_s(&self, queue: QueueId) -> u64 {
        self.config().queues.get(&queue).map_or(20, |rules| rules.service_level.as_secs())
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}
