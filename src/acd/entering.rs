//! The door of a queue, the ways out of it, and what an item hears while it waits.

use std::time::Duration;

use turno_base::fact::{OfferEnd, QueueLeft};
use turno_base::{ItemId, Mono, QueueId};

use crate::acd::Acd;
use crate::boundary::{Decision, Entry, Kind, Overflow};
use crate::credits::Credit;
use crate::expected::Promise;
use crate::item::{Announce, Item, Stands};
use crate::limits::{CUT_KEEPS_PLACE, DRAIN_PER_TURN, OVERFLOW_HOPS_MAX};
use crate::queue::GroupKey;
use crate::slab::{ItemIx, QueueIx};
use crate::timers::Due;
use crate::why::Trigger;

/// Where a way through doors and overflows ends.
enum Way {
    /// This queue lets it in, after so many hops.
    In(QueueIx, u8),
    /// It leaves the ACD.
    Out(Overflow),
    /// More hops than [`OVERFLOW_HOPS_MAX`].
    Loop,
}

impl Acd {
    pub(crate) fn enter(&mut self, entry: Entry, now: Mono, out: &mut Vec<Decision>) {
        if self.item_of.contains_key(&entry.item) {
            self.counts.stale += 1;
            return;
        }
        let (id, asked) = (entry.item, entry.queue);
        let called = self.take_place_over(&entry, now, out);
        let (queue, hops) = match self.way(Overflow::Queue(asked), 0, now) {
            Way::In(..) if self.items.len() >= self.bounds.items_max as usize => {
                self.counts.dropped += 1;
                return out.push(Decision::Overflow { item: id, to: Overflow::HangUp });
            }
            Way::In(queue, hops) => (queue, hops),
            Way::Out(Overflow::Callback) if self.door_to_callback(&entry, called, now, out) => return,
            Way::Out(Overflow::Callback) => return out.push(Decision::Overflow { item: id, to: Overflow::HangUp }),
            Way::Out(to) => return out.push(Decision::Overflow { item: id, to }),
            Way::Loop => return out.push(Decision::Overflow { item: id, to: Overflow::HangUp }),
        };
        if self.queues[queue].id != asked {
            out.push(Decision::Overflow { item: id, to: Overflow::Queue(self.queues[queue].id) });
        }
        let Entry { kind, need, segment, value_pm, caller, owner, last_agent, mut credits, callback_to, .. } = entry;
        let caller = caller.map(String::into_boxed_str);
        let own = self.own_agent(owner, last_agent, caller.as_deref(), &mut credits, now);
        let kept = caller.as_deref().and_then(|caller| self.redials.take(asked, caller, now));
        for (credit, v) in [(Credit::Redial, kept), (Credit::Callback, called)] {
            if let Some(v) = v {
                credits.reach(credit, v, now);
            }
        }
        let v = i64::try_from(now.0).unwrap_or(i64::MAX).saturating_sub(micros(credits.total()));
        let line = self.segment_of.get(&segment).copied().unwrap_or(0);
        let demands = self.demands_on(line);
        let group = self.group(GroupKey { queue, need, demands, ring: None, only: None });
        let item = self.items.insert(Item {
            id,
            kind,
            queue,
            group,
            segment,
            line,
            v,
            credits,
            value_pm,
            seq: 0,
            entered: now,
            stands: Stands::Nowhere,
            offers: Vec::new(),
            credited: now,
            asked,
            caller,
            callback_to,
            wait_ends: None,
            is_overdue: false,
            announce: Announce::Off,
            promise: Promise::default(),
            apart: Vec::new(),
            ring: None,
            own: own.agent,
            only_until: None,
            reserve_at: None,
            tried: None,
            hops,
        });
        self.item_of.insert(id, item);
        self.wait_for_own(item, own.waits, now);
        self.admit(item, now, out);
    }

    /// The item is in its queue from now on.
    pub(crate) fn admit(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        self.seq += 1;
        let waiting = &mut self.items[item];
        waiting.seq = self.seq;
        waiting.entered = now;
        waiting.tried = None;
        let (id, queue) = (waiting.id, waiting.queue);
        self.queues[queue].waiting += 1;
        let group = &self.groups[self.items[item].group];
        for &(topic, share) in &group.asks {
            self.tables.arrived(topic, share);
        }
        self.begin_rings(item);
        self.take_place(item);
        self.arm_wait(item);
        self.arm_announce(item, now);
        let position = self.position(item, now);
        out.push(Decision::Entered { item: id, queue: self.queues[queue].id, position });
        self.seek_agent(item, Trigger::Item, now, out);
        self.foresee(item, now);
    }

    /// Follows doors and overflows from `to` on. A queue whose door refuses sends on by its own rule.
    fn way(&self, mut to: Overflow, mut hops: u8, now: Mono) -> Way {
        loop {
            let Overflow::Queue(id) = &to else { return Way::Out(to) };
            if hops > OVERFLOW_HOPS_MAX {
                return Way::Loop;
            }
            hops += 1;
            let Some(&at) = self.queue_of.get(id) else { return Way::Out(Overflow::HangUp) };
            match self.refused_at(at, now) {
                Some(sent_on) => to = sent_on.clone(),
                None => return Way::In(at, hops),
            }
        }
    }

    pub(crate) fn arm_wait(&mut self, item: ItemIx) {
        let waiting = &self.items[item];
        let limit = self.queues[waiting.queue].rules.wait_limit;
        let is_on_line = waiting.kind == Kind::Call;
        let ends = (is_on_line && !limit.is_zero() && !waiting.is_overdue).then(|| waiting.entered + limit);
        if let Some(old) = std::mem::replace(&mut self.items[item].wait_ends, ends) {
            self.timers.disarm(old, Due::Wait(item));
        }
        if let Some(at) = ends {
            self.timers.arm(at, Due::Wait(item));
        }
    }

    pub(crate) fn arm_announce(&mut self, item: ItemIx, now: Mono) {
        let every = self.queues[self.items[item].queue].rules.announce_every;
        let is_on_line = self.items[item].kind == Kind::Call;
        let next = if every.is_zero() || !is_on_line { Announce::Off } else { Announce::At(now + every) };
        self.set_announce(item, next);
    }

    fn set_announce(&mut self, item: ItemIx, next: Announce) {
        if let Announce::At(old) = std::mem::replace(&mut self.items[item].announce, next) {
            self.timers.disarm(old, Due::Announce(item));
        }
        if let Announce::At(at) = next {
            self.timers.arm(at, Due::Announce(item));
        }
    }

    /// Time to say the place; not while an agent's station rings: the answer would cut it off.
    pub(crate) fn announce(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        if self.items[item].stands == Stands::Offered {
            return self.arm_announce(item, now);
        }
        self.items[item].announce = Announce::Saying;
        self.foresee(item, now);
        let id = self.items[item].id;
        let expected_ms = self.expected_wait(id).map(crate::views::ms);
        out.push(Decision::Announce { item: id, position: self.position(item, now), expected_ms });
    }

    pub(crate) fn announced(&mut self, item: ItemId, now: Mono) {
        let Some(&item) = self.item_of.get(&item) else { return };
        if self.items[item].announce == Announce::Saying {
            self.arm_announce(item, now);
        }
    }

    /// The item is gone, from its queue or from its conversation.
    pub(crate) fn leave(&mut self, id: ItemId, how: QueueLeft, now: Mono, out: &mut Vec<Decision>) {
        let Some(&item) = self.item_of.get(&id).filter(|&&item| self.items[item].kind == Kind::Call) else {
            self.decline_callback(id);
            self.callback_left(id, how, now, out);
            while let Some(&agent) = self.served.get(&id).and_then(|served| served.agents.first()) {
                self.release(id, agent, now, out);
            }
            return;
        };
        let waiting = &self.items[item];
        let waited = now.since(waiting.entered);
        let how = match how {
            QueueLeft::Abandoned | QueueLeft::ShortAbandoned => {
                let is_short = waited <= self.queues[waiting.queue].rules.short_abandon;
                if is_short { QueueLeft::ShortAbandoned } else { QueueLeft::Abandoned }
            }
            QueueLeft::Failed | QueueLeft::TimedOut => how,
            // The rest is not for others to say: somebody took it out.
            QueueLeft::Withdrawn
            | QueueLeft::Answered(_)
            | QueueLeft::Overflowed
            | QueueLeft::Empty
            | QueueLeft::CallbackTaken
            | QueueLeft::ExitKey => QueueLeft::Withdrawn,
        };
        self.keep_place(item, how, now);
        self.take_out(item, how, now, out);
    }

    /// Who hung up, or was cut off by us, finds his place again if he redials in time.
    fn keep_place(&mut self, item: ItemIx, how: QueueLeft, now: Mono) {
        let set = self.config.redial_keeps_place;
        let length = match how {
            QueueLeft::Abandoned | QueueLeft::ShortAbandoned => set,
            QueueLeft::Failed => set.max(CUT_KEEPS_PLACE),
            QueueLeft::Answered(_)
            | QueueLeft::Overflowed
            | QueueLeft::TimedOut
            | QueueLeft::Empty
            | QueueLeft::CallbackTaken
            | QueueLeft::ExitKey
            | QueueLeft::Withdrawn => return,
        };
        let waiting = &self.items[item];
        if self.is_called_again(waiting.id, how) {
            return;
        }
        if let Some(caller) = waiting.caller.clone()
            && !length.is_zero()
        {
            let until = now + length;
            self.redials.keep(waiting.asked, caller, waiting.v, until, now, self.bounds.redials_max);
        }
    }

    /// Takes a waiting item out: its offer is withdrawn in this turn, and its agent is free for the next.
    pub(crate) fn take_out(&mut self, item: ItemIx, how: QueueLeft, now: Mono, out: &mut Vec<Decision>) {
        let end = match how {
            QueueLeft::Abandoned
            | QueueLeft::ShortAbandoned
            | QueueLeft::Failed
            | QueueLeft::CallbackTaken
            | QueueLeft::ExitKey => OfferEnd::CallerLeft,
            QueueLeft::Answered(_)
            | QueueLeft::Overflowed
            | QueueLeft::TimedOut
            | QueueLeft::Empty
            | QueueLeft::Withdrawn => OfferEnd::LostRace,
        };
        let freed = self.withdraw_all(item, end, now, out);
        self.depart(item, how, now, out);
        self.free_again(freed, now, out);
    }

    /// The stay in the queue is over, and the item forgotten. Its offer has ended before.
    pub(crate) fn depart(&mut self, item: ItemIx, how: QueueLeft, now: Mono, out: &mut Vec<Decision>) {
        self.end_stay(item, how, now, out);
        self.set_apart(item, Vec::new());
        self.forget_own_wait(item);
        self.end_rings(item);
        if let Some(gone) = self.items.remove(item) {
            self.item_of.remove(&gone.id);
            self.callback_departed(&gone, how, now, out);
        }
    }

    pub(crate) fn end_stay(&mut self, item: ItemIx, how: QueueLeft, now: Mono, out: &mut Vec<Decision>) {
        self.step_out(item);
        let position = self.position(item, now);
        self.give_place_up(item);
        let waiting = &self.items[item];
        let wait_ms = now.0.saturating_sub(waiting.entered.0) / 1000;
        let queue = waiting.queue;
        out.push(Decision::Left { item: waiting.id, queue: self.queues[queue].id, how, position, wait_ms });
        self.forget_stay(item);
        if let QueueLeft::Answered(_) = how {
            self.note_answer(Some(self.queues[queue].id), now);
        }
        self.queues[queue].note_service(how, wait_ms, now);
        self.queues[queue].waiting -= 1;
        self.set_announce(item, Announce::Off);
        if let Some(at) = self.items[item].wait_ends.take() {
            self.timers.disarm(at, Due::Wait(item));
        }
    }

    /// The wait limit passed. An agent who is being rung may still answer: then it goes when that fails.
    pub(crate) fn wait_ended(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        self.items[item].wait_ends = None;
        self.items[item].is_overdue = true;
        if self.items[item].stands == Stands::Free {
            self.overflow_on_wait(item, now, out);
        }
    }

    /// Where the rule says. A way that leads back here, or round in circles, ends here: the item is kept and asks no more.
    pub(crate) fn overflow_on_wait(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        self.items[item].is_overdue = false;
        let waiting = &self.items[item];
        let to = self.queues[waiting.queue].rules.on_wait.clone();
        match self.way(to, waiting.hops, now) {
            Way::In(queue, _) if queue == waiting.queue => self.seek_agent(item, Trigger::Deadline, now, out),
            Way::Loop => self.seek_agent(item, Trigger::Deadline, now, out),
            Way::In(queue, hops) => self.go_on(item, (queue, hops), QueueLeft::Overflowed, now, out),
            Way::Out(Overflow::Callback) if self.overflow_to_callback(item, now, out) => {}
            // Who cannot be called back is kept.
            Way::Out(Overflow::Callback) => self.seek_agent(item, Trigger::Deadline, now, out),
            Way::Out(to) => self.go_out(item, to, QueueLeft::TimedOut, now, out),
        }
    }

    /// Nobody is there for it, and nobody will be: a way round in circles ends with good-bye.
    fn overflow_on_empty(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        let waiting = &self.items[item];
        let to = self.queues[waiting.queue].way_out().clone();
        match self.way(to, waiting.hops, now) {
            Way::In(queue, hops) => self.go_on(item, (queue, hops), QueueLeft::Overflowed, now, out),
            Way::Out(Overflow::Callback) if self.overflow_to_callback(item, now, out) => {}
            Way::Out(Overflow::Callback) => self.go_out(item, Overflow::HangUp, QueueLeft::Empty, now, out),
            Way::Out(to) => self.go_out(item, to, QueueLeft::Empty, now, out),
            Way::Loop => self.go_out(item, Overflow::HangUp, QueueLeft::Empty, now, out),
        }
    }

    /// He pressed a key that leads elsewhere (E4). Where it would keep him here, or cannot be, he waits on. An agent who was
    /// being rung for him is free.
    pub(crate) fn leave_by_key(
        &mut self,
        item: ItemIx,
        (key, to): (char, Overflow),
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let (id, here) = (self.items[item].id, self.items[item].queue);
        let leaving = Decision::LeavingByKey { item: id, queue: self.queues[here].id, key };
        match self.way(to, self.items[item].hops, now) {
            Way::Loop => {}
            Way::In(queue, _) if queue == here => {}
            Way::In(queue, hops) => {
                out.push(leaving);
                let freed = self.withdraw_all(item, OfferEnd::CallerLeft, now, out);
                self.go_on(item, (queue, hops), QueueLeft::ExitKey, now, out);
                self.free_again(freed, now, out);
            }
            Way::Out(Overflow::Callback) => self.ask_callback(item, key, now, out),
            Way::Out(to) => {
                out.push(leaving);
                self.take_out(item, QueueLeft::ExitKey, now, out);
                out.push(Decision::Overflow { item: id, to });
            }
        }
    }

    /// To another queue, with its age; still apart from an agent who has just let it ring.
    fn go_on(
        &mut self,
        item: ItemIx,
        (queue, hops): (QueueIx, u8),
        how: QueueLeft,
        now: Mono,
        out: &mut Vec<Decision>,
    ) {
        let GroupKey { need, demands, .. } = self.groups[self.items[item].group].key.clone();
        self.end_stay(item, how, now, out);
        let id: QueueId = self.queues[queue].id;
        out.push(Decision::Overflow { item: self.items[item].id, to: Overflow::Queue(id) });
        let group = self.group(GroupKey { queue, need, demands, ring: None, only: None });
        self.forget_own_wait(item);
        let waiting = &mut self.items[item];
        waiting.queue = queue;
        waiting.group = group;
        waiting.hops = hops;
        waiting.is_overdue = false;
        self.admit(item, now, out);
    }

    /// Out of the ACD. `plain` is how it left if nothing but good-bye follows.
    fn go_out(&mut self, item: ItemIx, to: Overflow, plain: QueueLeft, now: Mono, out: &mut Vec<Decision>) {
        let id = self.items[item].id;
        let how = match to {
            Overflow::HangUp => plain,
            Overflow::Queue(_)
            | Overflow::Number(_)
            | Overflow::Prompt(_)
            | Overflow::Callback
            | Overflow::Menu(_)
            | Overflow::Voicemail(_) => QueueLeft::Overflowed,
        };
        self.take_out(item, how, now, out);
        out.push(Decision::Overflow { item: id, to });
    }

    /// Sends away those whom their queue no longer keeps, in order, so many in a turn.
    pub(crate) fn drain(&mut self, queue: QueueIx, now: Mono, out: &mut Vec<Decision>) {
        if let Some(at) = self.queues[queue].drains_at.take() {
            self.timers.disarm(at, Due::Drain(queue));
        }
        self.clear_line(queue, now, out);
        // Agents who were being rung are free when all have gone, so that none of these is offered to them.
        let mut freed = Vec::new();
        for _ in 0..DRAIN_PER_TURN {
            if !self.queues[queue].keeps_nobody() {
                break;
            }
            let Some(item) = self.first_caller_in(queue, now) else { break };
            freed.extend(self.withdraw_all(item, OfferEnd::LostRace, now, out));
            self.overflow_on_empty(item, now, out);
        }
        self.free_again(freed, now, out);
        if !self.queues[queue].keeps_nobody() {
            return;
        }
        if self.queues[queue].waiting > self.queues[queue].callbacks {
            self.queues[queue].drains_at = Some(now);
            self.timers.arm(now, Due::Drain(queue));
        }
    }

    /// We are about to lose every waiting caller (the process started again): all leave as failed, their places kept for a
    /// redial, counted from their first arrival (C4). Callbacks stay, those under way begin anew. Conversations are not
    /// touched.
    pub fn cut_waiting(&mut self, now: turno_base::Now, out: &mut Vec<Decision>) {
        // Those being offered last, and attempts after them, so that no agent who comes free is rung for one who is about to go.
        self.see_wall(now);
        self.hold_all();
        let callers = self.item_of.values().filter(|&&item| self.items[item].kind == Kind::Call);
        let (free, offered): (Vec<ItemIx>, Vec<ItemIx>) =
            callers.partition(|&&item| self.items[item].stands == Stands::Free);
        for (_, queue) in self.queues.iter_mut() {
            queue.rung.clear();
        }
        for item in free.into_iter().chain(offered) {
            self.keep_place(item, QueueLeft::Failed, now.mono);
            self.take_out(item, QueueLeft::Failed, now.mono, out);
        }
        self.cut_attempts(now.mono, out);
        self.settle(now.mono, out);
    }
}

/// A length as the difference of two virtual entry times.
pub(crate) fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}
