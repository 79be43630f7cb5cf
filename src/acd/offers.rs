//! Reservations and offers, from the first ring to the answer or the failure, and the conversation that follows.

use std::time::Duration;

use turno_base::fact::{AgentState, OfferEnd, QueueLeft};
use turno_base::{AgentId, ItemId, Mono, QueueId};

use crate::acd::{Acd, Served};
use crate::agent::{Doing, Last, Misses, Next, Phase, Rest};
use crate::boundary::{Decision, Kind};
use crate::config::WrapUp;
use crate::credits::Credit;
use crate::entering::micros;
use crate::item::Held;
use crate::limits::{APART_MAX, REASON_DECLINED, REASON_NO_ANSWER, REASON_UNREACHABLE, reason};
use crate::matching::Strategy;
use crate::slab::{AgentIx, ItemIx};
use crate::tables::{Handling, Topic};
use crate::timers::Due;
use crate::why::{Trigger, Why};

/// A reservation that has just ended, as its agent held it.
pub(crate) struct Ended {
    pub(crate) item: ItemIx,
    pub(crate) idle_since: Mono,
    pub(crate) since: Mono,
}

impl Acd {
    /// Reserves the agent for the item and rings him.
    pub(crate) fn reserve(&mut self, item: ItemIx, agent: AgentIx, why: Why, now: Mono, out: &mut Vec<Decision>) {
        let Some(station) = self.agents[agent].station else { return self.stand_free(item) };
        self.callback_offered(item, now, out);
        self.epoch += 1;
        let epoch = self.epoch;
        let queue = &self.queues[self.items[item].queue];
        let rings_until = now + queue.rules.ring_limit;
        let id = self.items[item].id;
        match &mut self.agents[agent].last_offer {
            Some(last) => **last = (id, why.clone()),
            none => *none = Some(Box::new((id, why.clone()))),
        }
        out.push(Decision::Offer {
            item: id,
            queue: queue.id,
            agent: self.agents[agent].id,
            station,
            epoch,
            why: Box::new(why),
        });
        let idle_since = self.agents[agent].listed.unwrap_or(now);
        self.note_turn(item, agent);
        self.stand_offered(item);
        self.items[item].offers.push(Held { agent, epoch });
        let reserved = Doing::Reserved { item, epoch, since: now, rings_until, idle_since, is_ringing: false };
        self.turn(agent, reserved, now, out);
    }

    /// Queues that go round, and items that go on from agent to agent, remember whom they rang.
    fn note_turn(&mut self, item: ItemIx, agent: AgentIx) {
        let id = self.agents[agent].id;
        let queue = &mut self.queues[self.items[item].queue];
        match queue.rules.strategy {
            Strategy::RoundRobin => queue.turn = Some(id),
            Strategy::Linear => self.items[item].tried = Some(id),
            Strategy::Value
            | Strategy::LongestIdle
            | Strategy::RingAll
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::Random
            | Strategy::WeightedRandom => {}
        }
    }

    /// The agent who holds exactly this reservation, and its item.
    fn holder(&self, item: ItemId, agent: AgentId, epoch: u64) -> Option<(AgentIx, ItemIx)> {
        let agent = *self.agent_of.get(&agent)?;
        match self.agents[agent].doing {
            Doing::Reserved { item: held, epoch: current, .. }
                if current == epoch && self.items.get(held).is_some_and(|i| i.id == item) =>
            {
                Some((agent, held))
            }
            Doing::Reserved { .. }
            | Doing::LoggedOut
            | Doing::Idle { .. }
            | Doing::Resting { .. }
            | Doing::Paused { .. }
            | Doing::Serving { .. }
            | Doing::WrapUp { .. } => None,
        }
    }

    pub(crate) fn ringing(&mut self, item: ItemId, agent: AgentId, epoch: u64, now: Mono, out: &mut Vec<Decision>) {
        let Some((agent, _)) = self.holder(item, agent, epoch) else {
            self.counts.stale += 1;
            return;
        };
        if let Doing::Reserved { is_ringing, .. } = &mut self.agents[agent].doing {
            *is_ringing = true;
        }
        self.show(agent, now, out);
    }

    /// First wins. Who comes too late is told to stop, and counted.
    pub(crate) fn accept(&mut self, item: ItemId, agent: AgentId, epoch: u64, now: Mono, out: &mut Vec<Decision>) {
        let Some((at, held)) = self.holder(item, agent, epoch) else {
            self.counts.stale += 1;
            let told_twice = self.agent_of.get(&agent).is_some_and(|&a| {
                matches!(self.agents[a].doing, Doing::Serving { item: i, epoch: e, .. } if i == item && e == Some(epoch))
            });
            if !told_twice {
                let is_alive = self.item_of.contains_key(&item) || self.served.contains_key(&item);
                let end = if is_alive { OfferEnd::LostRace } else { OfferEnd::CallerLeft };
                out.push(Decision::Withdraw { item, agent, epoch, end });
            }
            return;
        };
        out.push(Decision::Connect { item, agent, epoch });
        let ended = self.end_reservation(at, OfferEnd::Accepted, now, out);
        let lost = self.withdraw_all(held, OfferEnd::LostRace, now, out);
        let queue = &self.queues[self.items[held].queue];
        let (queue, wrap_up) = (queue.id, queue.rules.wrap_up);
        let parts = self.parts_of(at, held);
        self.keep_last_agent(held, agent, now);
        match self.items[held].kind {
            Kind::Call => {
                self.learn_wait(held, ended.map_or(0, |ended| now.0.saturating_sub(ended.since.0)), now, out);
                self.depart(held, QueueLeft::Answered(agent), now, out);
            }
            Kind::Callback => self.callback_accepted(held, agent, now),
        }
        self.agents[at].misses = Misses::default();
        self.agents[at].tallies.entry(queue).or_default().calls += 1;
        self.serve(item, at, Some(epoch), (Some(queue), wrap_up), now, out);
        self.agents[at].handling = Some(Handling { since: now, parts });
        self.free_again(lost, now, out);
    }

    /// What this item asks of this agent, for the tables.
    fn parts_of(&self, agent: AgentIx, item: ItemIx) -> Vec<(Topic, u8)> {
        let group = &self.groups[self.items[item].group];
        group.fit(self.agents[agent].profile).map_or_else(Vec::new, |fit| self.tables.named(fit.recipe))
    }

    /// The agent has the conversation from now on.
    fn serve(
        &mut self,
        item: ItemId,
        agent: AgentIx,
        epoch: Option<u64>,
        (queue, wrap_up): (Option<QueueId>, WrapUp),
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let served = self.served.entry(item).or_insert(Served { agents: Vec::new() });
        if !served.agents.contains(&agent) {
            served.agents.push(agent);
        }
        self.agents[agent].last = Some(Last { item, queue, disposition: None });
        let doing = Doing::Serving { item, epoch, phase: Phase::Talking, since: now, queue, wrap_up };
        self.turn(agent, doing, now, out);
    }

    /// Ends the agent's reservation in the books, and says so. The item stands nowhere unless others are being rung for it,
    /// the agent does nothing yet: the caller decides about both.
    pub(crate) fn end_reservation(
        &mut self,
        agent: AgentIx,
        end: OfferEnd,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Option<Ended> {
        let Doing::Reserved { item, epoch, since, idle_since, .. } = self.agents[agent].doing else { return None };
        let id = self.items[item].id;
        let ring_ms = now.0.saturating_sub(since.0) / 1000;
        let name = self.agents[agent].id;
        out.push(Decision::OfferEnded { item: id, agent: name, epoch, end, ring_ms });
        self.items[item].offers.retain(|held| held.agent != agent);
        if self.items[item].offers.is_empty() {
            self.step_out(item);
        }
        Some(Ended { item, idle_since, since })
    }

    /// Stops the ringing of an open offer, then as [`Acd::end_reservation`].
    pub(crate) fn withdraw(
        &mut self,
        agent: AgentIx,
        end: OfferEnd,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Option<Ended> {
        let Doing::Reserved { item, epoch, .. } = self.agents[agent].doing else { return None };
        out.push(Decision::Withdraw { item: self.items[item].id, agent: self.agents[agent].id, epoch, end });
        self.end_reservation(agent, end, now, out)
    }

    /// Stops the ringing of all open offers of an item; who held them since when he was idle, the longest idle first.
    pub(crate) fn withdraw_all(
        &mut self,
        item: ItemIx,
        end: OfferEnd,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Vec<(Mono, AgentId, AgentIx)> {
        let mut freed = Vec::new();
        for held in self.items[item].offers.clone() {
            let agent = held.agent;
            if self.holds(&held, item)
                && let Some(ended) = self.withdraw(agent, end, now, out)
            {
                freed.push((ended.idle_since, self.agents[agent].id, agent));
            }
        }
        freed.sort();
        freed
    }

    /// They are as idle as before they were rung.
    pub(crate) fn free_again(&mut self, freed: Vec<(Mono, AgentId, AgentIx)>, now: Mono, out: &mut Vec<Decision>) {
        for (since, _, agent) in freed {
            self.free(agent, Doing::Idle { since }, now, out);
            self.after_free(agent, Trigger::Agent, now, out);
        }
    }

    /// The offer failed on the wire.
    pub(crate) fn offer_failed(
        &mut self,
        item: ItemId,
        agent: AgentId,
        epoch: u64,
        end: OfferEnd,
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let Some((agent, _)) = self.holder(item, agent, epoch) else {
            self.counts.stale += 1;
            return;
        };
        if let Some(ended) = self.end_reservation(agent, end, now, out) {
            self.after_failure(agent, ended, end, now, out);
        }
    }

    /// The ring limit passed.
    pub(crate) fn ring_ended(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        if let Some(ended) = self.withdraw(agent, OfferEnd::RingNoAnswer, now, out) {
            self.after_failure(agent, ended, OfferEnd::RingNoAnswer, now, out);
        }
    }

    /// The item returns to its place, its ring time credited and apart from this agent; the agent's fate follows the cause.
    pub(crate) fn after_failure(
        &mut self,
        agent: AgentIx,
        ended: Ended,
        end: OfferEnd,
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let Ended { item, idle_since, since } = ended;
        self.credit_ring(item, since, now);
        let rings_all = self.queues[self.items[item].queue].rules.strategy == Strategy::RingAll;
        let apart_for = self.config.back_off.apart(end, rings_all);
        self.keep_apart(item, agent, now + apart_for, rings_all);
        self.forget_own_wait(item);
        let otherwise = self.fate(agent, end, idle_since, now);
        self.free(agent, otherwise, now, out);
        let others_ring = !self.items[item].offers.is_empty();
        if others_ring && rings_all && !self.items[item].is_overdue {
            self.ring_all(item, Trigger::Item, now, out);
        } else if others_ring {
            // It waits for these rings alone.
        } else if self.items[item].is_overdue {
            self.overflow_on_wait(item, now, out);
        } else {
            self.seek_agent(item, Trigger::Item, now, out);
            self.foresee(item, now);
        }
        self.after_free(agent, Trigger::Agent, now, out);
    }

    /// What an agent does after an offer that he did not take: by cause he rests, or after too many in a row is not ready.
    fn fate(&mut self, agent: AgentIx, end: OfferEnd, idle_since: Mono, now: Mono) -> Doing {
        let back_off = self.config.back_off;
        let rest = |cause: Rest| match back_off.rest(cause) {
            Duration::ZERO => Doing::Idle { since: now },
            length => Doing::Resting { cause, until: now + length },
        };
        let a = &mut self.agents[agent];
        let most = self.config.agents.get(&a.id).map(|r| (r.no_answer_max, r.declined_max, r.unreachable_max));
        let (no_answer_max, declined_max, unreachable_max) = most.unwrap_or_default();
        let too_many = |count: &mut u32, most: u32| {
            *count += 1;
            most > 0 && *count >= most
        };
        let not_ready = |text| Doing::Paused { reason: reason(text), longest: None };
        match end {
            OfferEnd::RingNoAnswer if too_many(&mut a.misses.no_answer, no_answer_max) => not_ready(REASON_NO_ANSWER),
            OfferEnd::RingNoAnswer => Doing::Idle { since: now },
            OfferEnd::Declined if too_many(&mut a.misses.declined, declined_max) => not_ready(REASON_DECLINED),
            OfferEnd::Declined => rest(Rest::Declined),
            OfferEnd::Busy => rest(Rest::LineBusy),
            OfferEnd::Unreachable if too_many(&mut a.misses.unreachable, unreachable_max) => {
                not_ready(REASON_UNREACHABLE)
            }
            OfferEnd::Unreachable => rest(Rest::Unreachable),
            // Not his doing: as if he had not been rung.
            OfferEnd::Accepted | OfferEnd::CallerLeft | OfferEnd::LostRace => Doing::Idle { since: idle_since },
        }
    }

    /// Makes the item as much older as an offer that failed rang, but for what another that rang with it has given already.
    fn credit_ring(&mut self, item: ItemIx, since: Mono, now: Mono) {
        let from = since.max(self.items[item].credited);
        self.items[item].credited = now.max(from);
        self.credit(item, Credit::Rings, now.since(from));
    }

    /// Makes the item count as this much older. It stands in no group's line.
    pub(crate) fn credit(&mut self, item: ItemIx, credit: Credit, much: Duration) {
        self.give_place_up(item);
        let waiting = &mut self.items[item];
        waiting.credits.add(credit, much);
        waiting.v = waiting.v.saturating_sub(micros(much));
        self.take_place(item);
    }

    /// Keeps the pair apart. Where one agent is rung at a time, another has been tried now and those before may be again.
    fn keep_apart(&mut self, item: ItemIx, agent: AgentIx, until: Mono, with_others: bool) {
        let mut apart = if with_others { self.items[item].apart.clone() } else { Vec::new() };
        apart.retain(|&(from, _)| from != agent);
        if apart.len() >= APART_MAX
            && let Some(first) = (0..apart.len()).min_by_key(|&n| apart[n].1)
        {
            apart.remove(first);
            self.counts.dropped += 1;
        }
        apart.push((agent, until));
        self.set_apart(item, apart);
    }

    pub(crate) fn set_apart(&mut self, item: ItemIx, apart: Vec<(AgentIx, Mono)>) {
        for &(_, until) in &self.items[item].apart {
            self.timers.disarm(until, Due::Apart(item));
        }
        for &(_, until) in &apart {
            self.timers.arm(until, Due::Apart(item));
        }
        self.items[item].apart = apart;
    }

    /// Pairs may meet again: nobody else could take the item, so it is the agent who chooses; of several the best rank first.
    pub(crate) fn apart_ended(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        let (ended, kept) = self.items[item].apart.iter().copied().partition(|&(_, until)| until <= now);
        self.set_apart(item, kept);
        let ended: Vec<(AgentIx, Mono)> = ended;
        let queue = self.items[item].queue;
        let mut free: Vec<_> = ended
            .into_iter()
            .filter_map(|(at, _)| {
                self.agents.get(at).map(|a| (self.profiles[a.profile].rank(queue), a.listed, a.id, at))
            })
            .collect();
        free.sort();
        for (.., agent) in free {
            self.seek_item(agent, Trigger::Deadline, now, out);
        }
    }

    /// Puts an agent whose work is over where he asked to be, or else into `otherwise`. Others may be waiting for what
    /// follows: that is [`Acd::after_free`], when whatever he held has been looked after.
    pub(crate) fn free(&mut self, agent: AgentIx, otherwise: Doing, now: Mono, out: &mut Vec<Decision>) {
        match self.agents[agent].next.take() {
            None => self.turn(agent, otherwise, now, out),
            Some(Next::Pause(reason)) => self.turn(agent, self.paused(reason, now), now, out),
            Some(Next::Logout) => self.end_shift(agent, now, out),
        }
    }

    /// The next item for who is ready; for who has gone, the end of waiting where nobody else serves.
    pub(crate) fn after_free(&mut self, agent: AgentIx, trigger: Trigger, now: Mono, out: &mut Vec<Decision>) {
        if self.agents[agent].doing == Doing::LoggedOut {
            self.shift_ended(agent, now, out);
        } else {
            self.seek_item(agent, trigger, now, out);
        }
    }

    /// His conversation with this item is over. Told twice it does nothing.
    pub(crate) fn released(&mut self, item: ItemId, agent: AgentId, now: Mono, out: &mut Vec<Decision>) {
        let Some(&agent) = self.agent_of.get(&agent) else { return };
        if matches!(self.agents[agent].doing, Doing::Serving { item: held, .. } if held == item) {
            self.release(item, agent, now, out);
        }
    }

    /// Takes the agent out of the conversation's books; the wrap-up of the queue it came from.
    pub(crate) fn unserve(&mut self, item: ItemId, agent: AgentIx, now: Mono) -> WrapUp {
        if let Some(served) = self.served.get_mut(&item) {
            served.agents.retain(|&a| a != agent);
            if served.agents.is_empty() {
                self.served.remove(&item);
            }
        }
        let Doing::Serving { queue, since, wrap_up, .. } = self.agents[agent].doing else { return WrapUp::None };
        if let Some(queue) = queue {
            let talked_us = now.0.saturating_sub(since.0);
            self.agents[agent].tallies.entry(queue).or_default().talk_us += talked_us;
        }
        wrap_up
    }

    pub(crate) fn phase(
        &mut self,
        item: ItemId,
        agent: AgentId,
        state: AgentState,
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let Some(&agent) = self.agent_of.get(&agent) else { return };
        let Some(new) = Phase::of(state) else { return };
        if let Doing::Serving { item: held, phase, .. } = &mut self.agents[agent].doing
            && *held == item
        {
            *phase = new;
            self.show(agent, now, out);
        }
    }

    /// The queue that a conversation came from, and its wrap-up, as the agent knows them who has had it longest.
    fn came_from(&self, item: ItemId) -> (Option<QueueId>, WrapUp) {
        let first = self.served.get(&item).and_then(|served| served.agents.first());
        match first.map(|&agent| &self.agents[agent].doing) {
            Some(Doing::Serving { queue, wrap_up, .. }) => (*queue, *wrap_up),
            Some(
                Doing::LoggedOut
                | Doing::Idle { .. }
                | Doing::Resting { .. }
                | Doing::Paused { .. }
                | Doing::Reserved { .. }
                | Doing::WrapUp { .. },
            )
            | None => (None, WrapUp::None),
        }
    }

    /// The agent has this conversation without an offer. Whatever he did before gives way: an open offer of something else is
    /// withdrawn with its place kept, another conversation counts as released. Who was paused is paused again after it.
    pub(crate) fn joined(&mut self, item: ItemId, agent: AgentId, now: Mono, out: &mut Vec<Decision>) {
        let Some(&at) = self.agent_of.get(&agent) else { return };
        let mut returns = None;
        match self.agents[at].doing {
            Doing::LoggedOut => return,
            Doing::Serving { item: held, .. } if held == item => return,
            Doing::Serving { item: held, .. } => {
                self.unserve(held, at, now);
            }
            Doing::Reserved { .. } => {
                if let Some(ended) = self.withdraw(at, OfferEnd::LostRace, now, out) {
                    returns = Some(ended.item);
                }
            }
            Doing::Paused { reason, .. } => {
                self.agents[at].next.get_or_insert(Next::Pause(reason));
            }
            Doing::Idle { .. } | Doing::Resting { .. } | Doing::WrapUp { .. } => {}
        }
        let mut from = self.came_from(item);
        if let Some(&waiting) = self.item_of.get(&item) {
            let queue = &self.queues[self.items[waiting].queue];
            from = (Some(queue.id), queue.rules.wrap_up);
        }
        self.serve(item, at, None, from, now, out);
        if let Some(waiting) = returns
            && self.items[waiting].id != item
            && self.items[waiting].offers.is_empty()
        {
            self.seek_agent(waiting, Trigger::Item, now, out);
        }
        // It has an agent now, so it waits no longer.
        if let Some(&waiting) = self.item_of.get(&item) {
            self.take_out(waiting, QueueLeft::Withdrawn, now, out);
        }
    }
}
