//! How a place becomes a callback: by the key, by an overflow that offers it, at the door.

use std::time::Duration;

use turno_base::fact::{CallbackAsked, CallbackEnd, QueueLeft};
use turno_base::{E164, ItemId, Mono, QueueId};

use super::{Asker, Callback, Standing};
use crate::acd::Acd;
use crate::boundary::{Decision, Entry, Kind, Overflow};
use crate::credits::Credit;
use crate::entering::micros;
use crate::item::Stands;
use crate::limits::CALLBACK_CONFIRM;
use crate::slab::ItemIx;

impl Acd {
    /// A caller pressed a key: one who waits takes a callback by it, one whom a callback was offered says yes.
    pub(crate) fn key(&mut self, id: ItemId, key: char, now: Mono, out: &mut Vec<Decision>) {
        if let Some(&at) = self.item_of.get(&id) {
            let queue = self.queues[self.items[at].queue].id;
            let rules = self.config.callbacks.get(&queue);
            if self.items[at].kind == Kind::Call && rules.is_some_and(|rules| rules.key == Some(key)) {
                self.ask_callback(at, key, now, out);
            } else if self.items[at].kind == Kind::Call
                && let Some(to) = self.queues[self.items[at].queue].rules.keys.get(&key).cloned()
            {
                self.leave_by_key(at, (key, to), now, out);
            }
            return;
        }
        let Some((number, callback)) = self.callback_of(id) else { return };
        let (queue, how) = (callback.queue, callback.how);
        if matches!(callback.standing, Standing::Unconfirmed { .. }) && self.callback_rules(queue).key == Some(key) {
            out.push(Decision::CallbackTaken { item: id, queue, how });
            self.callbacks.by_item.remove(&id);
            self.confirm(number, now, out);
        }
    }

    pub(crate) fn ask_callback(&mut self, at: ItemIx, key: char, now: Mono, out: &mut Vec<Decision>) {
        let waiting = &self.items[at];
        let (item, queue) = (waiting.id, self.queues[waiting.queue].id);
        let Some(asker) = self.asker(at, CallbackAsked::Key) else {
            return out.push(Decision::CallbackRefused { item });
        };
        out.push(Decision::LeavingByKey { item, queue, key });
        self.take_out(at, QueueLeft::CallbackTaken, now, out);
        out.push(Decision::CallbackTaken { item, queue, how: CallbackAsked::Key });
        let number = self.register(asker, now, out);
        self.confirm(number, now, out);
    }

    pub(super) fn asker(&self, at: ItemIx, how: CallbackAsked) -> Option<Asker> {
        let waiting = &self.items[at];
        Some(Asker {
            number: waiting.callback_to?,
            first: Some(waiting.id.0),
            how,
            queue: self.queues[waiting.queue].id,
            need: self.groups[waiting.group].key.need.clone(),
            segment: waiting.segment,
            value_pm: waiting.value_pm,
            caller: waiting.caller.clone(),
            v: waiting.v,
            credits: waiting.credits,
            seq: waiting.seq,
            appointment: None,
        })
    }

    /// A waiting item whose queue does not keep it is to be called back. False if it cannot be: then nothing was done.
    pub(crate) fn overflow_to_callback(&mut self, at: ItemIx, now: Mono, out: &mut Vec<Decision>) -> bool {
        let queue = self.queues[self.items[at].queue].id;
        if !self.config.callbacks.contains_key(&queue) {
            return false;
        }
        let Some(asker) = self.asker(at, CallbackAsked::Overflow) else { return false };
        let item = self.items[at].id;
        let asks = self.callback_rules(queue).key.is_some();
        self.take_out(at, if asks { QueueLeft::Overflowed } else { QueueLeft::CallbackTaken }, now, out);
        self.offer_callback(item, asker, now, out);
        true
    }

    /// The door keeps a caller out and offers to call him back. False if he cannot be. `called`: the place of the callback that
    /// he had.
    pub(crate) fn door_to_callback(
        &mut self,
        entry: &Entry,
        called: Option<i64>,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> bool {
        let Some(number) = entry.callback_to.filter(|_| self.config.callbacks.contains_key(&entry.queue)) else {
            return false;
        };
        let mut credits = entry.credits;
        if let Some(v) = called {
            credits.reach(Credit::Callback, v, now);
        }
        self.seq += 1;
        let asker = Asker {
            number,
            first: Some(entry.item.0),
            how: CallbackAsked::Overflow,
            queue: entry.queue,
            need: entry.need.clone(),
            segment: entry.segment,
            value_pm: entry.value_pm,
            caller: entry.caller.clone().map(String::into_boxed_str),
            v: i64::try_from(now.0).unwrap_or(i64::MAX).saturating_sub(micros(credits.total())),
            credits,
            seq: self.seq,
            appointment: None,
        };
        self.offer_callback(entry.item, asker, now, out);
        true
    }

    /// Where there is a key the caller must say yes by it.
    pub(super) fn offer_callback(&mut self, item: ItemId, asker: Asker, now: Mono, out: &mut Vec<Decision>) {
        let (queue, how) = (asker.queue, asker.how);
        if self.callback_rules(queue).key.is_none() {
            out.push(Decision::CallbackTaken { item, queue, how });
            let number = self.register(asker, now, out);
            return self.confirm(number, now, out);
        }
        let number = asker.number;
        let standing = self.callbacks.by_number.get(&number).map(|callback| callback.standing);
        if standing.is_some_and(Standing::is_due) {
            // He has one already, of another queue.
            self.register(asker, now, out);
            return out.push(Decision::CallbackTaken { item, queue, how });
        }
        if matches!(standing, Some(Standing::Unconfirmed { .. })) {
            self.forget(number);
        }
        out.push(Decision::Overflow { item, to: Overflow::Callback });
        self.register(asker, now, out);
        self.callbacks.by_item.insert(item, number);
        if let Some(callback) = self.callbacks.by_number.get_mut(&number) {
            callback.standing = Standing::Unconfirmed { by: item, until: now + CALLBACK_CONFIRM };
        }
        self.look_soon(queue, now);
    }

    /// Whoever hung up without saying yes.
    pub(crate) fn decline_callback(&mut self, item: ItemId) {
        let Some((number, callback)) = self.callback_of(item) else { return };
        if matches!(callback.standing, Standing::Unconfirmed { by, .. } if by == item) {
            self.forget(number);
        }
    }

    /// Books a callback, or joins the one that its number has and keeps the older place.
    pub(super) fn register(&mut self, asker: Asker, now: Mono, out: &mut Vec<Decision>) -> E164 {
        let number = asker.number;
        if let Some(callback) = self.callbacks.by_number.get(&number)
            && callback.standing != Standing::Live
        {
            let (item, standing) = (callback.item, callback.standing);
            if let (true, Some(&at)) = (standing.is_in_line(), self.item_of.get(&item)) {
                let older = u64::try_from(self.items[at].v.saturating_sub(asker.v)).unwrap_or(0);
                let older = Duration::from_micros(older);
                match self.items[at].stands {
                    Stands::Free => {
                        self.step_out(at);
                        self.credit(at, Credit::Callback, older);
                        self.stand_free(at);
                    }
                    Stands::Held | Stands::Offered | Stands::Nowhere => self.credit(at, Credit::Callback, older),
                }
            }
            if let Some(callback) = self.callbacks.by_number.get_mut(&number) {
                callback.v = callback.v.min(asker.v);
                callback.appointment = asker.appointment.or(callback.appointment);
            }
            return number;
        }
        self.make_room(asker.queue, now, out);
        let wall = self.wall(now);
        let item = self.callbacks.mint(wall);
        let waited_us = crate::matching::waited_us(asker.v, now.0);
        // Who was called back, waited again and asked again has the same callback still.
        let before =
            self.callbacks.by_number.get(&number).map(|callback| (callback.first, callback.how, callback.attempts));
        self.forget(number);
        let (first, how, attempts) = before.unwrap_or((asker.first, asker.how, 0));
        let callback = Callback {
            first,
            how,
            item,
            queue: asker.queue,
            need: asker.need,
            segment: asker.segment,
            value_pm: asker.value_pm,
            caller: asker.caller,
            v: asker.v,
            credits: asker.credits,
            seq: asker.seq,
            asked_at: now,
            waited_us,
            attempts,
            last: None,
            appointment: asker.appointment,
            standing: Standing::Resting { until: now, wall: None },
        };
        self.callbacks.by_item.insert(item, number);
        self.callbacks.desks.entry(callback.queue).or_default().numbers.insert(number);
        self.callbacks.stale(callback.queue);
        self.callbacks.by_number.insert(number, callback);
        number
    }

    /// It is wanted: it takes its place in line, now or when it may.
    pub(super) fn confirm(&mut self, number: E164, now: Mono, out: &mut Vec<Decision>) {
        let Some(callback) = self.callbacks.by_number.get_mut(&number) else { return };
        let queue = callback.queue;
        if let Standing::Unconfirmed { by, .. } = callback.standing {
            callback.standing = Standing::Resting { until: now, wall: None };
            // Whoever confirmed it: what that caller does from now on says nothing about it.
            self.callbacks.by_item.remove(&by);
        }
        self.callbacks.stale(queue);
        if let Some(&at) = self.queue_of.get(&queue) {
            self.look(at, now, out);
        }
    }

    /// At its bound the queue drops the callback that was asked for first, of those that nobody is dialling.
    pub(super) fn make_room(&mut self, queue: QueueId, now: Mono, out: &mut Vec<Decision>) {
        let most = self.callback_rules(queue).kept_max as usize;
        while self.callbacks.desks.get(&queue).is_some_and(|desk| desk.numbers.len() >= most) {
            let kept = &self.callbacks.desks[&queue].numbers;
            let idle = kept.iter().filter_map(|number| {
                let callback = self.callbacks.by_number.get(number)?;
                let idle = !callback.standing.is_attempt() && callback.standing != Standing::Live;
                idle.then_some((callback.asked_at, *number))
            });
            let Some((_, oldest)) = idle.min() else { return };
            self.end_callback(oldest, CallbackEnd::Dropped, now, out);
        }
    }
}
