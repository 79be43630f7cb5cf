//! Calls: their stays in queues, offers, answers and ends.

use std::time::Duration;

use turno_base::fact::{OfferEnd, QueueLeft};
use turno_base::{AgentId, CallId, Mono, Name, Now, Number, QueueId};

use super::{CALLS_MAX, Call, Changes, ENTRIES_MAX, Fold, KEPT, KEPT_ALONE, KpiTerms, Stay};
use crate::kpi::contact::Contact;
use crate::kpi::entry::{Entry, MISSED_MAX};
use crate::kpi::quarter::Quarter;
use crate::kpi::tally::{Key, Left};

/// Value of a call whose customer nobody looked up, per mille.
const VALUE_UNKNOWN_PM: u32 = 1000;

fn ms(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

impl Call {
    /// Where the call is counted now: in its last stay, or where it arrived.
    pub(super) fn key(&self) -> Key {
        self.entries.last().map_or(
            Key {
                quarter: Quarter::of(self.arrived.wall),
                queue: None,
                segment: self.segment,
                number_type: self.number_type,
            },
            |stay| stay.entry.key,
        )
    }

    pub(super) fn stay(&mut self, n: u32) -> Option<&mut Stay> {
        self.entries.iter_mut().find(|stay| stay.entry.n == n)
    }

    fn had_agent(&self) -> bool {
        self.answered || self.entries.iter().any(|stay| stay.entry.handled > 0)
    }

    /// When nothing more is expected to be said of it; none: it has not ended.
    pub(super) fn forgotten_at(&self) -> Option<Mono> {
        self.ended.map(|ended| ended + if self.had_agent() { KEPT } else { KEPT_ALONE })
    }

    /// When it need not be in memory any more though it is not forgotten yet; none: it is until then.
    pub(super) fn sleeps_at(&self) -> Option<Mono> {
        self.ended.filter(|_| self.had_agent()).map(|ended| ended + KEPT_ALONE)
    }

    fn contact(&self) -> Contact {
        Contact {
            who: self.customer.clone().unwrap_or_else(|| self.ani.clone()),
            at: self.arrived.wall,
            answered: self.answered,
            disposition: self.disposition.map(|(name, ..)| name),
        }
    }
}

impl Stay {
    /// Time in which at least one agent was being rung.
    fn rung_us(&self, at: Mono) -> u64 {
        let open = if self.offers > 0 { at.0.saturating_sub(self.rung_since.0) } else { 0 };
        self.rung_us + open
    }
}

impl Fold {
    pub(super) fn arrived(
        &mut self,
        call: CallId,
        ani: &Number,
        dnis: &Number,
        from_outside: bool,
        at: Now,
        terms: &KpiTerms,
    ) {
        if self.calls.len() + self.asleep.len() >= CALLS_MAX {
            // Ids ascend with time: the first is the oldest.
            let firsts = self.calls.keys().next().into_iter().chain(self.asleep.first());
            if let Some(oldest) = firsts.min().copied() {
                self.drop_call(oldest);
            }
        }
        let digits = dnis.e164.map(|number| number.digits().to_owned()).unwrap_or_default();
        let fresh = Call {
            arrived: at,
            ended: None,
            number_type: terms.number_type(&digits),
            from_outside,
            ani: ani.e164.map_or_else(|| ani.raw.clone(), |number| number.to_string()),
            customer: None,
            segment: None,
            value_pm: VALUE_UNKNOWN_PM,
            first: None,
            entries: Vec::new(),
            entered: 0,
            answered: false,
            disposition: None,
        };
        self.calls.insert(call, Box::new(fresh));
        self.touched.insert(call);
    }

    pub(super) fn entered(&mut self, id: CallId, queue: QueueId, at: Now, out: &mut Changes) {
        let Some(call) = self.call(id) else {
            self.late += 1;
            return;
        };
        let (segment, number_type) = (call.segment, call.number_type);
        let key = Key { quarter: Quarter::of(at.wall), queue: Some(queue), segment, number_type };
        call.entered += 1;
        let entry = Entry {
            call: id,
            n: call.entered,
            key,
            entered: at.wall,
            left: None,
            wait_ms: 0,
            ring_ms: 0,
            in_time: false,
            value_pm: call.value_pm,
            missed: Vec::new(),
            agent: None,
            handled: 0,
            talk_ms: 0,
            hold_ms: 0,
            wrap_up_ms: 0,
            agent_cost: 0,
            disposition: None,
            disposition_due: false,
            disposition_said: false,
            law_from_queue: None,
            law_from_arrival: None,
        };
        out.entries.insert((id, entry.n), entry.clone());
        // Most calls enter one queue, and many are kept.
        call.entries.reserve_exact(1);
        call.entries.push(Stay { entry, offers: 0, rung_since: Mono(0), rung_us: 0, completed: false });
        let excess = call.entries.len().saturating_sub(ENTRIES_MAX);
        call.entries.drain(..excess);
        let counts = &mut out.tally(key).counts;
        counts.entered += 1;
        if call.first.is_none() {
            call.first = Some((key, at.mono));
            counts.calls += 1;
            counts.calls_queued += 1;
        }
    }

    pub(super) fn left(
        &mut self,
        id: CallId,
        how: QueueLeft,
        wait_ms: u64,
        at: Now,
        terms: &KpiTerms,
        out: &mut Changes,
    ) {
        let Some(call) = self.call(id) else {
            self.late += 1;
            return;
        };
        let (arrived, first, was_answered) = (call.arrived.mono, call.first, call.answered);
        let Some(stay) = call.entries.last_mut().filter(|stay| stay.entry.left.is_none()) else {
            self.late += 1;
            return;
        };
        let ring_ms = (stay.rung_us(at.mono) / 1000).min(wait_ms);
        let entry = &mut stay.entry;
        let queue = entry.key.queue;
        entry.left = Some(how);
        entry.wait_ms = wait_ms;
        entry.ring_ms = ring_ms;
        entry.in_time = queue.is_some_and(|queue| wait_ms <= terms.threshold_ms(queue));
        let value_pm = entry.value_pm;
        out.tally(entry.key).left(Left { how, wait_ms, ring_ms, value_pm, in_time: entry.in_time });
        if let (QueueLeft::Answered(agent), Some((key, entered))) = (how, first) {
            entry.agent = Some(agent);
            entry.disposition_due = queue.is_some_and(|queue| terms.needs_disposition.contains(&queue));
            out.tally(entry.key).counts.disposition_due += u64::from(entry.disposition_due);
            if !was_answered {
                let within = |since: Mono| ms(at.mono.since(since)) <= terms.law_ms;
                let (from_queue, from_arrival) = (within(entered), within(arrived));
                (entry.law_from_queue, entry.law_from_arrival) = (Some(from_queue), Some(from_arrival));
                let counts = &mut out.tally(key).counts;
                counts.calls_answered += 1;
                counts.law_from_queue += u64::from(from_queue);
                counts.law_from_arrival += u64::from(from_arrival);
            }
            call.answered = true;
        }
        out.entries.insert((id, stay.entry.n), stay.entry.clone());
    }

    pub(super) fn offered(&mut self, call: CallId, agent: AgentId, at: Now, out: &mut Changes) {
        out.agents.entry((Quarter::of(at.wall), agent)).or_default().offered.offers += 1;
        let Some(call) = self.call(call) else {
            self.late += 1;
            return;
        };
        out.tally(call.key()).counts.offered.offers += 1;
        if let Some(stay) = call.entries.last_mut() {
            if stay.offers == 0 {
                stay.rung_since = at.mono;
            }
            stay.offers += 1;
        }
    }

    pub(super) fn offer_ended(&mut self, id: CallId, agent: AgentId, end: OfferEnd, at: Now, out: &mut Changes) {
        out.agents.entry((Quarter::of(at.wall), agent)).or_default().offered.on_end(end);
        let Some(call) = self.call(id) else {
            self.late += 1;
            return;
        };
        out.tally(call.key()).counts.offered.on_end(end);
        let Some(stay) = call.entries.last_mut() else { return };
        let rung_us = stay.rung_us(at.mono);
        stay.offers = stay.offers.saturating_sub(1);
        (stay.rung_us, stay.rung_since) = (rung_us, at.mono);
        if end != OfferEnd::Accepted {
            if stay.entry.missed.len() < MISSED_MAX {
                stay.entry.missed.push(end);
            }
            out.entries.insert((id, stay.entry.n), stay.entry.clone());
        }
    }

    pub(super) fn ended(&mut self, id: CallId, at: Now, out: &mut Changes) {
        let Some(call) = self.call(id) else {
            self.late += 1;
            return;
        };
        call.ended = Some(at.mono);
        let last = call.entries.last().and_then(|stay| stay.entry.left);
        match call.first {
            Some((key, _)) => {
                // Who waited in another queue before was not short.
                let only_short = call.entered == 1 && last == Some(QueueLeft::ShortAbandoned);
                out.tally(key).counts.calls_short += u64::from(only_short);
            }
            None if call.from_outside => {
                let counts = &mut out.tally(call.key()).counts;
                counts.calls += 1;
                counts.calls_answered += u64::from(call.answered);
            }
            None => {}
        }
        if call.from_outside {
            out.contacts.insert(id, (call.first.map_or_else(|| call.key(), |(key, _)| key), call.contact()));
        }
        let (forgotten_at, sleeps_at) = (call.forgotten_at(), call.sleeps_at());
        self.ended.extend(forgotten_at.map(|at| (at, id)));
        self.awake.extend(sleeps_at.map(|at| (at, id)));
    }

    /// An agent says what came of a call: the last word on it is counted where he had it, and no more where it was said before.
    pub(super) fn disposed(&mut self, id: CallId, by: AgentId, disposition: Name, out: &mut Changes) {
        let had = self.agents.get(&by).and_then(|agent| agent.last).filter(|(call, _)| *call == id);
        let Some(call) = self.call(id) else {
            self.late += 1;
            return;
        };
        let n = had.map(|(_, n)| n).or_else(|| call.entries.last().map(|stay| stay.entry.n)).unwrap_or(0);
        let (from_outside, now_in) = (call.from_outside, call.key());
        let of_call = call.first.map_or(now_in, |(key, _)| key);
        let key = call.stay(n).map_or(now_in, |stay| stay.entry.key);
        match call.disposition.replace((disposition, key, n)) {
            Some((before, counted_in, of)) => {
                out.tally(counted_in).disposed(before, -1);
                if let Some(stay) = call.stay(of).filter(|_| of != n) {
                    stay.entry.disposition = None;
                    out.entries.insert((id, of), stay.entry.clone());
                }
            }
            // Of calls, as their answers are: where they first entered.
            None => out.tally(of_call).counts.disposed += 1,
        }
        out.tally(key).disposed(disposition, 1);
        if let Some(stay) = call.stay(n) {
            stay.entry.disposition = Some(disposition);
            if stay.entry.disposition_due && !stay.entry.disposition_said {
                stay.entry.disposition_said = true;
                out.tally(key).counts.disposition_said += 1;
            }
            out.entries.insert((id, n), stay.entry.clone());
        }
        if from_outside {
            out.contacts.insert(id, (of_call, call.contact()));
        }
    }

    /// Calls that ended long enough ago are known no more.
    pub(super) fn forget(&mut self, now: Mono) {
        while let Some(&(_, call)) = self.ended.first().filter(|(at, _)| *at <= now) {
            self.ended.pop_first();
            self.drop_call(call);
        }
    }

    /// It is known no more.
    fn drop_call(&mut self, id: CallId) {
        if let Some(at) = self.calls.remove(&id).and_then(|call| call.sleeps_at()) {
            self.awake.remove(&(at, id));
        }
        self.asleep.remove(&id);
        self.touched.insert(id);
    }
}
