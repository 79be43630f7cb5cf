//! One attempt, from its beginning to the answer or the failure; and the end of the callback.

use turno_base::fact::{CallbackEnd, CallbackResult, OfferEnd, QueueLeft};
use turno_base::{AgentId, E164, ItemId, Mono};

use super::{CallBack, Standing};
use crate::acd::Acd;
use crate::agent::Doing;
use crate::boundary::{Decision, Kind};
use crate::limits::CALLBACK_SOON;
use crate::slab::ItemIx;
use crate::why::Trigger;

impl Acd {
    /// The attempt that begins; its call is to be made.
    pub(super) fn begin_attempt(&mut self, number: E164, agent_first: bool, now: Mono, out: &mut Vec<Decision>) {
        let Some(callback) = self.callbacks.by_number.get_mut(&number) else { return };
        callback.standing = if agent_first { Standing::Seeking } else { Standing::Dialling };
        let callback = callback.clone();
        let back = CallBack {
            number,
            queue: callback.queue,
            need: callback.need,
            first: callback.first,
            attempt: callback.attempts + 1,
            agent_first,
            ring_limit: self.callback_rules(callback.queue).ring_limit,
            segment: callback.segment,
            value_pm: callback.value_pm,
            caller: callback.caller.map(String::from),
        };
        out.push(Decision::CallBack { item: callback.item, back: Box::new(back) });
        if agent_first && let Some(&at) = self.item_of.get(&callback.item) {
            self.items[at].entered = now;
            let position = self.position(at, now);
            out.push(Decision::Entered { item: callback.item, queue: callback.queue, position });
        }
    }

    /// An agent is about to be rung for this item: the attempt begins, if it has not.
    pub(crate) fn callback_offered(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        let id = self.items[item].id;
        if let Some((number, callback)) = self.callback_of(id)
            && callback.standing == Standing::Waiting
        {
            self.begin_attempt(number, true, now, out);
        }
    }

    /// The agent has it: he hears the customer being dialled. His reservation has ended.
    pub(crate) fn callback_accepted(&mut self, item: ItemIx, agent: AgentId, now: Mono) {
        let id = self.items[item].id;
        let Some((entered, position)) = self.leave_line(id, now) else { return };
        self.note_answer(self.callback_of(id).map(|(_, callback)| callback.queue), now);
        if let Some(number) = self.callbacks.by_item.get(&id)
            && let Some(callback) = self.callbacks.by_number.get_mut(number)
        {
            callback.standing = Standing::Connecting { agent, entered, position };
        }
    }

    /// The customer has answered.
    pub(crate) fn callback_answered(&mut self, item: ItemId, now: Mono, out: &mut Vec<Decision>) {
        let Some((number, callback)) = self.callback_of(item) else {
            self.counts.stale += 1;
            return;
        };
        let queue = callback.queue;
        match callback.standing {
            Standing::Connecting { agent, entered, position } => {
                let wait_ms = now.0.saturating_sub(entered.0) / 1000;
                out.push(Decision::Left { item, queue, how: QueueLeft::Answered(agent), position, wait_ms });
                self.end_callback(number, CallbackEnd::Served, now, out);
            }
            Standing::Dialling => {
                let Some(&at) = self.item_of.get(&item) else { return };
                if let Some(callback) = self.callbacks.by_number.get_mut(&number) {
                    callback.standing = Standing::Live;
                }
                self.callbacks.stale(queue);
                self.step_out(at);
                let waiting = &mut self.items[at];
                waiting.kind = Kind::Call;
                waiting.entered = now;
                self.queues[waiting.queue].callbacks -= 1;
                self.arm_wait(at);
                self.arm_announce(at, now);
                let position = self.position(at, now);
                out.push(Decision::Entered { item, queue, position });
                self.seek_agent(at, Trigger::Item, now, out);
                self.foresee(at, now);
            }
            Standing::Unconfirmed { .. }
            | Standing::Resting { .. }
            | Standing::Waiting
            | Standing::Seeking
            | Standing::Live => self.counts.stale += 1,
        }
    }

    /// The attempt came to nothing; without a result it was our doing and does not count.
    pub(crate) fn callback_failed(
        &mut self,
        item: ItemId,
        result: Option<CallbackResult>,
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let Some((number, callback)) = self.callback_of(item) else { return };
        if callback.standing.is_attempt() {
            self.stop_attempt(number, now, out);
            self.retry(number, result, now, out);
        }
    }

    /// Ends what an attempt holds: the place in line, the offer, the agent.
    pub(super) fn stop_attempt(&mut self, number: E164, now: Mono, out: &mut Vec<Decision>) {
        let Some(callback) = self.callbacks.by_number.get_mut(&number) else { return };
        let (item, queue, standing) = (callback.item, callback.queue, callback.standing);
        callback.standing = Standing::Resting { until: now, wall: None };
        match standing {
            Standing::Connecting { entered, position, .. } => {
                let wait_ms = now.0.saturating_sub(entered.0) / 1000;
                out.push(Decision::Left { item, queue, how: QueueLeft::Withdrawn, position, wait_ms });
                self.free_without_wrap_up(item, now, out);
            }
            Standing::Seeking => {
                let at = self.item_of.get(&item).copied();
                let freed = at.map(|at| self.withdraw_all(at, OfferEnd::CallerLeft, now, out)).unwrap_or_default();
                if let Some((entered, position)) = self.leave_line(item, now) {
                    let wait_ms = now.0.saturating_sub(entered.0) / 1000;
                    out.push(Decision::Left { item, queue, how: QueueLeft::Withdrawn, position, wait_ms });
                }
                self.free_again(freed, now, out);
            }
            Standing::Dialling | Standing::Waiting => {
                self.leave_line(item, now);
            }
            Standing::Unconfirmed { .. } | Standing::Resting { .. } | Standing::Live => {}
        }
    }

    /// Nobody was reached, so there is nothing to wrap up.
    pub(super) fn free_without_wrap_up(&mut self, item: ItemId, now: Mono, out: &mut Vec<Decision>) {
        while let Some(&agent) = self.served.get(&item).and_then(|served| served.agents.first()) {
            self.unserve(item, agent, now);
            self.free(agent, Doing::Idle { since: now }, now, out);
            self.after_free(agent, Trigger::Agent, now, out);
        }
    }

    /// Another attempt later, or none.
    pub(super) fn retry(&mut self, number: E164, result: Option<CallbackResult>, now: Mono, out: &mut Vec<Decision>) {
        let wall = self.wall(now);
        let item = self.callbacks.mint(wall);
        let Some(callback) = self.callbacks.by_number.get_mut(&number) else { return };
        let before = std::mem::replace(&mut callback.item, item);
        let queue = callback.queue;
        callback.last = result.or(callback.last);
        callback.attempts += u32::from(result.is_some());
        // Counted just now: who was on the line is so no more.
        callback.standing = Standing::Resting { until: now, wall: None };
        let attempts = callback.attempts;
        let rules = self.callback_rules(queue);
        let wait = result.map_or(CALLBACK_SOON, |result| rules.back_off(result));
        self.callbacks.by_item.remove(&before);
        self.callbacks.by_item.insert(item, number);
        self.callbacks.stale(queue);
        if attempts >= rules.attempts_max && result.is_some() {
            return self.end_callback(number, CallbackEnd::GaveUp, now, out);
        }
        if let Some(callback) = self.callbacks.by_number.get_mut(&number) {
            callback.standing = Standing::Resting { until: now + wait, wall: None };
        }
        self.look_soon(queue, now);
    }

    /// It is over. What it holds goes with it.
    pub(super) fn end_callback(&mut self, number: E164, end: CallbackEnd, now: Mono, out: &mut Vec<Decision>) {
        let Some(callback) = self.callbacks.by_number.get(&number) else { return };
        let (item, standing, is_served) = (callback.item, callback.standing, end == CallbackEnd::Served);
        let gone = callback.clone();
        if standing.is_attempt() && !is_served {
            // Before its call is told: what that answers finds nothing any more.
            self.stop_attempt(number, now, out);
            out.push(Decision::CallbackStop { item });
        } else if standing.is_in_line() {
            self.leave_line(item, now);
        }
        self.forget(number);
        if !matches!(standing, Standing::Unconfirmed { .. }) {
            let attempts = gone.attempts + u32::from(standing.is_attempt() || standing == Standing::Live);
            out.push(Decision::CallbackEnded { first: gone.first, queue: gone.queue, end, attempts });
        }
    }

    pub(super) fn forget(&mut self, number: E164) {
        let Some(gone) = self.callbacks.by_number.remove(&number) else { return };
        self.callbacks.by_item.remove(&gone.item);
        if let Standing::Unconfirmed { by, .. } = gone.standing {
            self.callbacks.by_item.remove(&by);
        }
        self.callbacks.stale(gone.queue);
        if let Some(desk) = self.callbacks.desks.get_mut(&gone.queue) {
            desk.numbers.remove(&number);
        }
    }
}
