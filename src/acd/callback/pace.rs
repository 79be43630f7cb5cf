//! When what is done: who comes back into line, who may be had by an agent, whom to dial.
//!
//! A queue's callbacks are looked at once a second while any is in line, else when the next is due. Of those in line the first
//! in order are let go, as many as may be under way at once: so none is dialled ahead of its place.
//!
//! With the agent first they stand free for any agent, as a call does. With the customer first one is dialled when the agents
//! who are ready or expected to be free within the ring limit suffice for it and for all ahead of it: so neither he
//! waits nor an agent. How soon an agent is free is what the queue's last answers say.

use turno_base::fact::CallbackEnd;
use turno_base::{E164, Mono, QueueId, Wall};

use super::{CallbackRules, Standing};
use crate::acd::Acd;
use crate::boundary::Decision;
use crate::item::Stands;
use crate::limits::{CALLBACK_LOOK_MAX, CALLBACK_PACE};
use crate::matching::{self, Precedence};
use crate::slab::{ItemIx, QueueIx};
use crate::timers::Due;
use crate::why::Trigger;

/// A new gap between answers moves their mean by one in so many.
const INTERVAL_WEIGHT: u64 = 8;

impl Acd {
    /// Looks at a queue's callbacks: what is due is done.
    pub(crate) fn look(&mut self, queue: QueueIx, now: Mono, out: &mut Vec<Decision>) {
        let Some(id) = self.queues.get(queue).map(|queue| queue.id) else { return };
        let rules = self.callback_rules(id);
        let numbers: Vec<E164> =
            self.callbacks.desks.get(&id).map_or(Vec::new(), |desk| desk.numbers.iter().copied().collect());
        let shut = self.shut_until(queue, &rules, now);
        for number in numbers {
            self.look_at(number, &rules, shut, now, out);
        }
        if shut.is_none() && !self.callbacks.is_paused {
            self.let_go(queue, &rules, now, out);
        }
        self.arm_look(queue, now);
    }

    /// Nobody is to be called now: until then.
    fn shut_until(&self, queue: QueueIx, rules: &CallbackRules, now: Mono) -> Option<(Mono, Option<Wall>)> {
        if self.queues[queue].keeps_nobody() {
            return Some((now + CALLBACK_LOOK_MAX, None));
        }
        let wall = self.wall(now);
        let opens = rules.opens(wall, &self.config.zone, &self.config.calendars)?;
        Some((now, Some(opens)))
    }

    fn look_at(
        &mut self,
        number: E164,
        rules: &CallbackRules,
        shut: Option<(Mono, Option<Wall>)>,
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let Some(callback) = self.callbacks.by_number.get(&number) else { return };
        let (standing, appointment) = (callback.standing, callback.appointment);
        let wall = self.wall(now);
        let is_expired = now.since(callback.asked_at) >= rules.keep_for && appointment.is_none();
        match standing {
            Standing::Unconfirmed { until, .. } if until <= now => self.forget(number),
            Standing::Resting { .. } | Standing::Waiting if is_expired => {
                self.end_callback(number, CallbackEnd::Expired, now, out);
            }
            Standing::Resting { until, wall: by_wall } => {
                if until > now || by_wall.is_some_and(|at| at > wall) {
                    return;
                }
                match (appointment.filter(|at| *at > wall), shut) {
                    (Some(at), _) => self.rest(number, now, Some(at), now),
                    (None, Some((until, by_wall))) => self.rest(number, until, by_wall, now),
                    (None, None) if self.items.len() >= self.bounds.items_max as usize => {
                        self.rest(number, now + CALLBACK_LOOK_MAX, None, now);
                    }
                    (None, None) => self.wake(number, now),
                }
            }
            Standing::Waiting => {
                if let Some((until, by_wall)) = shut {
                    self.rest(number, until, by_wall, now);
                }
            }
            Standing::Unconfirmed { .. }
            | Standing::Dialling
            | Standing::Seeking
            | Standing::Connecting { .. }
            | Standing::Live => {}
        }
    }

    /// Lets the first of those in line go, as many as may be under way.
    fn let_go(&mut self, queue: QueueIx, rules: &CallbackRules, now: Mono, out: &mut Vec<Decision>) {
        let id = self.queues[queue].id;
        let standing = |number: &E164| self.callbacks.by_number.get(number).map(|callback| callback.standing);
        let Some(desk) = self.callbacks.desks.get(&id) else { return };
        let under_way = desk.numbers.iter().filter(|number| standing(number).is_some_and(Standing::is_attempt)).count();
        let mut slots = (rules.dials_max as usize).saturating_sub(under_way);
        let mut dialling = desk.numbers.iter().filter(|number| standing(number) == Some(Standing::Dialling)).count();
        let mut line: Vec<(Precedence, E164, ItemIx)> = desk
            .numbers
            .iter()
            .filter_map(|number| {
                let callback = self.callbacks.by_number.get(number)?;
                let &item = self.item_of.get(&callback.item).filter(|_| callback.standing == Standing::Waiting)?;
                Some((self.precedence_of(item, now), *number, item))
            })
            .collect();
        line.sort();
        // Agents must know of all who are let go before the first of them is offered to one.
        let mut free = Vec::new();
        for (ahead, (_, number, item)) in line.into_iter().enumerate() {
            let goes = slots > 0 && (rules.agent_first || self.is_time_to_dial(item, ahead, dialling, rules, now));
            slots = if goes { slots - 1 } else { 0 };
            match (goes, rules.agent_first) {
                (true, true) => free.push(item),
                (true, false) => {
                    dialling += 1;
                    self.begin_attempt(number, false, now, out);
                }
                (false, _) if self.items[item].stands == Stands::Free => self.stand_held(item),
                (false, _) => {}
            }
        }
        let fresh: Vec<ItemIx> = free.into_iter().filter(|&item| self.items[item].stands != Stands::Free).collect();
        for item in fresh {
            self.step_out(item);
            self.seek_agent(item, Trigger::Deadline, now, out);
        }
    }

    fn precedence_of(&self, item: ItemIx, now: Mono) -> Precedence {
        let waiting = &self.items[item];
        matching::precedence(&self.urgencies[usize::from(waiting.line)], matching::NEUTRAL, &waiting.place(item), now.0)
    }

    /// Whether an agent is ready, or expected to be within the ring limit, for this one beside all who stand ahead of it
    /// and all who are being dialled. `ahead` of it are so many callbacks that are not.
    fn is_time_to_dial(&self, item: ItemIx, ahead: usize, dialling: usize, rules: &CallbackRules, now: Mono) -> bool {
        let queue = &self.queues[self.items[item].queue];
        if queue.logged_in == 0 {
            return false;
        }
        let before = (self.position(item, now) - 1) as usize;
        // Those being dialled stand before it or behind it; they want an agent in any case.
        let dialled_before = before.min(dialling);
        let wanted = before.saturating_sub(ahead).saturating_sub(dialled_before) + dialling;
        let ready = queue.ready as usize;
        if wanted < ready {
            return true;
        }
        let Some(desk) = self.callbacks.desks.get(&queue.id) else { return false };
        let (Some(answered_at), 1..) = (desk.answered_at, desk.interval_us) else { return false };
        // Nobody having been answered for longer than the mean says that it is longer now.
        let since_us = now.0.saturating_sub(answered_at.0);
        let interval_us = desk.interval_us.max(since_us);
        let turns = (wanted + 1 - ready) as u64;
        let limit_us = u64::try_from(rules.ring_limit.as_micros()).unwrap_or(u64::MAX);
        interval_us.saturating_mul(turns) <= limit_us
    }

    /// An agent took somebody of this queue.
    pub(crate) fn note_answer(&mut self, queue: Option<QueueId>, now: Mono) {
        let Some(queue) = queue.filter(|queue| self.config.callbacks.contains_key(queue)) else { return };
        let desk = self.callbacks.desks.entry(queue).or_default();
        if let Some(before) = desk.answered_at.replace(now) {
            let gap_us = now.0.saturating_sub(before.0).max(1);
            desk.interval_us = match desk.interval_us {
                0 => gap_us,
                mean => mean - mean / INTERVAL_WEIGHT + gap_us / INTERVAL_WEIGHT,
            }
            .max(1);
        }
    }

    /// The queue's callbacks are to be looked at in the next turn that time allows. A look that is due before stays: else attempts
    /// that fail one after the other would put it off for ever.
    pub(crate) fn look_soon(&mut self, queue: QueueId, now: Mono) {
        let Some(&at) = self.queue_of.get(&queue) else { return };
        let next = self.next_look(at, now);
        let before = self.callbacks.desks.get(&queue).and_then(|desk| desk.looks_at);
        self.look_at_next(at, before.into_iter().chain(next).min());
    }

    fn arm_look(&mut self, queue: QueueIx, now: Mono) {
        self.look_at_next(queue, self.next_look(queue, now));
    }

    /// When to look next: soon while any is in line, else when the first has rested.
    fn next_look(&self, queue: QueueIx, now: Mono) -> Option<Mono> {
        let ahead_us = self.wall_ahead;
        let desk = self.callbacks.desks.get(&self.queues[queue].id)?;
        let first = desk.numbers.iter().filter_map(|number| {
            let callback = self.callbacks.by_number.get(number)?;
            match callback.standing {
                Standing::Waiting | Standing::Dialling | Standing::Seeking | Standing::Connecting { .. } => {
                    Some(now + CALLBACK_PACE)
                }
                Standing::Unconfirmed { until, .. } => Some(until),
                Standing::Resting { until, wall } => {
                    let by_wall = wall.map(|at| Mono(u64::try_from(at.0.saturating_sub(ahead_us)).unwrap_or(0)));
                    Some(by_wall.unwrap_or(until).max(until).min(now + CALLBACK_LOOK_MAX))
                }
                Standing::Live => None,
            }
        });
        // What is due at this instant has been looked at.
        first.min().map(|at| at.max(now + std::time::Duration::from_millis(1)))
    }

    fn look_at_next(&mut self, queue: QueueIx, next: Option<Mono>) {
        let Some(desk) = self.callbacks.desks.get_mut(&self.queues[queue].id) else { return };
        if desk.looks_at == next {
            return;
        }
        if let Some(before) = std::mem::replace(&mut desk.looks_at, next) {
            self.timers.disarm(before, Due::Callbacks(queue));
        }
        if let Some(at) = next {
            self.timers.arm(at, Due::Callbacks(queue));
        }
    }

    /// The pace's deadline.
    pub(crate) fn look_due(&mut self, queue: QueueIx, now: Mono, out: &mut Vec<Decision>) {
        let Some(id) = self.queues.get(queue).map(|queue| queue.id) else { return };
        if let Some(desk) = self.callbacks.desks.get_mut(&id) {
            desk.looks_at = None;
        }
        self.look(queue, now, out);
    }

    /// Hours and paces may be others now.
    pub(crate) fn look_everywhere(&mut self, now: Mono, out: &mut Vec<Decision>) {
        let queues: Vec<QueueIx> =
            self.callbacks.desks.keys().filter_map(|queue| self.queue_of.get(queue).copied()).collect();
        for queue in queues {
            self.look(queue, now, out);
        }
    }

    /// Nothing is looked at before a pace has passed, whatever was due before.
    pub(crate) fn look_later(&mut self, now: Mono) {
        let Acd { callbacks, queue_of, timers, .. } = self;
        for (id, desk) in callbacks.desks.iter_mut().filter(|(_, desk)| !desk.numbers.is_empty()) {
            let Some(&queue) = queue_of.get(id) else { continue };
            let at = now + CALLBACK_PACE;
            if let Some(before) = desk.looks_at.replace(at) {
                timers.disarm(before, Due::Callbacks(queue));
            }
            timers.arm(at, Due::Callbacks(queue));
        }
    }

    /// A queue is forgotten: nothing is left of its callbacks.
    pub(crate) fn forget_desk(&mut self, queue: QueueIx, id: QueueId) {
        if let Some(desk) = self.callbacks.desks.get_mut(&id)
            && let Some(at) = desk.looks_at.take()
        {
            self.timers.disarm(at, Due::Callbacks(queue));
        }
    }
}
