//! Callbacks: the place of a caller who has hung up, until he is called back (E5, E6).
//!
//! One for each canonical number. A callback keeps the virtual entry time that the caller had, so it stands in the same order
//! as everybody else and never ahead of its place. Each attempt has an item, and later a call, of its own under one id;
//! the callback lives on between attempts. `asking`: how a place becomes one; `attempt`: from the first ring to the end;
//! `pace`: when what is done; `people`: commands; `rules`: what is configured.

mod asking;
mod attempt;
mod pace;
mod people;
mod rules;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{CallbackAsked, CallbackEnd, CallbackResult, QueueLeft};
use turno_base::{AgentId, CallId, E164, ItemId, Mono, Need, QueueId, Seeded, SegmentId, Wall};

pub(crate) use people::Wanted;
pub use rules::{CallbackRules, Hours, Zone};
pub use views::CallbackRow;

use crate::acd::Acd;
use crate::boundary::{Decision, Entry, Kind};
use crate::credits::{Credit, Credits};
use crate::expected::Promise;
use crate::item::{Announce, Item, Stands};
use crate::queue::GroupKey;
use crate::slab::{ItemIx, QueueIx};

/// All callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Callbacks {
    by_number: BTreeMap<E164, Callback>,
    /// By the item of the present attempt, or of the caller who has not yet said yes.
    by_item: BTreeMap<ItemId, E164>,
    desks: BTreeMap<QueueId, Desk>,
    /// Mints the ids of attempts.
    seeded: Seeded,
    /// No attempt is to begin: the process is about to end, or cannot keep records.
    is_paused: bool,
}

/// The callbacks of one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Desk {
    numbers: BTreeSet<E164>,
    /// How many were due as last told.
    told: u32,
    /// When its pace is looked at next.
    looks_at: Option<Mono>,
    /// Whether what is due must be told again.
    is_stale: bool,
    /// When an agent took somebody last.
    answered_at: Option<Mono>,
    /// Mean time between that, µs; 0: not known.
    interval_us: u64,
}

/// One callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Callback {
    /// The call that asked for it.
    first: Option<CallId>,
    how: CallbackAsked,
    /// Of its next or present attempt.
    item: ItemId,
    queue: QueueId,
    need: Need,
    segment: SegmentId,
    value_pm: u32,
    caller: Option<Box<str>>,
    /// Virtual entry time, µs; see [`crate::line::Place`]. While it is in line the item's is the true one.
    v: i64,
    credits: Credits,
    /// Order of entering.
    seq: u64,
    asked_at: Mono,
    /// What he had waited when he asked, µs; what an appointment counts with.
    waited_us: u64,
    attempts: u32,
    last: Option<CallbackResult>,
    /// What the customer asked for.
    appointment: Option<Wall>,
    standing: Standing,
}

/// Where a callback stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Standing {
    /// It was offered to a caller, whose item that is, and he has not said yes.
    Unconfirmed { by: ItemId, until: Mono },
    /// Out of line until then, by both clocks.
    Resting { until: Mono, wall: Option<Wall> },
    /// In line; no attempt has begun.
    Waiting,
    /// The customer is being dialled, and his place is held.
    Dialling,
    /// An attempt has begun with the agent: he is being rung, or another is sought.
    Seeking,
    /// The agent has it and the customer is being dialled.
    Connecting { agent: AgentId, entered: Mono, position: u32 },
    /// The customer has answered and waits for an agent like any caller.
    Live,
}

/// What an attempt needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBack {
    /// Whom to dial.
    pub number: E164,
    /// For which queue.
    pub queue: QueueId,
    /// Beyond the queue's own need.
    pub need: Need,
    /// The call that asked for it; none: a person did.
    pub first: Option<CallId>,
    /// 1 for the first.
    pub attempt: u32,
    /// The agent is rung before the customer.
    pub agent_first: bool,
    /// Longest ring at the customer.
    pub ring_limit: Duration,
    /// Customer's segment.
    pub segment: SegmentId,
    /// Customer's value, per mille.
    pub value_pm: u32,
    /// Customer: canonical number or external id.
    pub caller: Option<String>,
}

/// Somebody whose place becomes a callback.
struct Asker {
    number: E164,
    first: Option<CallId>,
    how: CallbackAsked,
    queue: QueueId,
    need: Need,
    segment: SegmentId,
    value_pm: u32,
    caller: Option<Box<str>>,
    v: i64,
    credits: Credits,
    seq: u64,
    appointment: Option<Wall>,
}

impl Callbacks {
    pub(crate) fn new(seed: u64) -> Callbacks {
        Callbacks {
            by_number: BTreeMap::new(),
            by_item: BTreeMap::new(),
            desks: BTreeMap::new(),
            is_paused: false,
            // Another future than that of the ids of calls that arrive, which have the same seed.
            seeded: Seeded::new(seed ^ 0x6361_6c6c_6261_636b),
        }
    }

    fn mint(&mut self, wall: Wall) -> ItemId {
        ItemId(CallId::mint(wall, &mut self.seeded))
    }

    /// Backs an item that no agent may have.
    pub(crate) fn is_held(&self, item: ItemId) -> bool {
        let found = self.by_item.get(&item).and_then(|number| self.by_number.get(number));
        found.is_some_and(|callback| matches!(callback.standing, Standing::Waiting | Standing::Dialling))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }

    fn stale(&mut self, queue: QueueId) {
        self.desks.entry(queue).or_default().is_stale = true;
    }
}

impl Standing {
    /// An attempt is under way and the customer has not been reached.
    fn is_attempt(self) -> bool {
        match self {
            Standing::Dialling | Standing::Seeking | Standing::Connecting { .. } => true,
            Standing::Unconfirmed { .. } | Standing::Resting { .. } | Standing::Waiting | Standing::Live => false,
        }
    }

    /// It has an item in a queue's line.
    fn is_in_line(self) -> bool {
        match self {
            Standing::Waiting | Standing::Dialling | Standing::Seeking => true,
            Standing::Unconfirmed { .. } | Standing::Resting { .. } | Standing::Connecting { .. } | Standing::Live => {
                false
            }
        }
    }

    /// It is still to be made.
    fn is_due(self) -> bool {
        match self {
            Standing::Unconfirmed { .. } | Standing::Live => false,
            Standing::Resting { .. }
            | Standing::Waiting
            | Standing::Dialling
            | Standing::Seeking
            | Standing::Connecting { .. } => true,
        }
    }
}

impl Acd {
    pub(crate) fn callback_rules(&self, queue: QueueId) -> CallbackRules {
        self.config.callbacks.get(&queue).copied().unwrap_or_default()
    }

    fn callback_of(&self, item: ItemId) -> Option<(E164, &Callback)> {
        let number = self.callbacks.by_item.get(&item)?;
        self.callbacks.by_number.get(number).map(|callback| (*number, callback))
    }

    /// Puts a resting callback in its queue's line, where no agent may have it yet.
    fn wake(&mut self, number: E164, now: Mono) {
        let Some(callback) = self.callbacks.by_number.get_mut(&number) else { return };
        let Some(&queue) = self.queue_of.get(&callback.queue) else { return };
        if callback.appointment.take().is_some() {
            // He did not want to wait meanwhile: his wait is what he had waited when he asked.
            let now_us = i64::try_from(now.0).unwrap_or(i64::MAX);
            callback.v = now_us.saturating_sub(i64::try_from(callback.waited_us).unwrap_or(i64::MAX));
            callback.credits = Credits::default();
        }
        callback.credits.reach(Credit::Callback, callback.v, now);
        callback.standing = Standing::Waiting;
        let Callback { item: id, segment, value_pm, v, credits, seq, .. } = *callback;
        let (need, caller) = (callback.need.clone(), callback.caller.clone());
        let line = self.segment_of.get(&segment).copied().unwrap_or(0);
        let demands = self.demands_on(line);
        let group = self.group(GroupKey { queue, need, demands, ring: None, only: None });
        let item = self.items.insert(Item {
            id,
            kind: Kind::Callback,
            queue,
            group,
            segment,
            line,
            v,
            credits,
            value_pm,
            seq,
            entered: now,
            stands: Stands::Nowhere,
            offers: Vec::new(),
            credited: now,
            asked: self.queues[queue].id,
            caller,
            callback_to: Some(number),
            wait_ends: None,
            is_overdue: false,
            announce: Announce::Off,
            promise: Promise::default(),
            apart: Vec::new(),
            ring: None,
            own: None,
            only_until: None,
            reserve_at: None,
            tried: None,
            hops: 0,
        });
        self.item_of.insert(id, item);
        self.queues[queue].waiting += 1;
        self.queues[queue].callbacks += 1;
        self.take_place(item);
        self.stand_held(item);
    }

    /// Takes a callback's item out of the line without a word; its offer has ended before. The callback keeps the place.
    fn leave_line(&mut self, item: ItemId, now: Mono) -> Option<(Mono, u32)> {
        let at = *self.item_of.get(&item)?;
        self.step_out(at);
        let position = self.position(at, now);
        self.give_place_up(at);
        self.set_apart(at, Vec::new());
        self.forget_own_wait(at);
        self.end_rings(at);
        let queue = self.items[at].queue;
        self.queues[queue].waiting -= 1;
        self.queues[queue].callbacks -= 1;
        let gone = self.items.remove(at)?;
        self.item_of.remove(&item);
        if let Some(number) = self.callbacks.by_item.get(&item)
            && let Some(callback) = self.callbacks.by_number.get_mut(number)
        {
            callback.v = gone.v;
            callback.credits = gone.credits;
        }
        Some((gone.entered, position))
    }

    /// Out of line until both clocks have come so far.
    fn rest(&mut self, number: E164, until: Mono, wall: Option<Wall>, now: Mono) {
        let Some(callback) = self.callbacks.by_number.get_mut(&number) else { return };
        let (item, standing) = (callback.item, callback.standing);
        callback.standing = Standing::Resting { until, wall };
        if standing.is_in_line() {
            self.leave_line(item, now);
        }
    }

    /// A caller enters `queue` whose number waits there for a callback: he has its place back, and it is over.
    pub(crate) fn take_place_over(&mut self, entry: &Entry, now: Mono, out: &mut Vec<Decision>) -> Option<i64> {
        let number = entry.callback_to?;
        let callback = self.callbacks.by_number.get(&number)?;
        let is_other = callback.item != entry.item;
        if callback.queue != entry.queue || callback.standing == Standing::Live || !is_other {
            return None;
        }
        let v = self.item_of.get(&callback.item).map_or(callback.v, |&at| self.items[at].v.min(callback.v));
        self.end_callback(number, CallbackEnd::CalledAgain, now, out);
        Some(v)
    }

    /// Whether a customer who was called back and goes like this will be called again: then his callback has his place, and
    /// a redial must not find it a second time.
    pub(crate) fn is_called_again(&self, item: ItemId, how: QueueLeft) -> bool {
        let is_live = self.callback_of(item).is_some_and(|(_, callback)| callback.standing == Standing::Live);
        is_live && matches!(how, QueueLeft::Failed | QueueLeft::ShortAbandoned)
    }

    /// An item has gone for good: if it was a customer called back, so has his callback, or it is tried again.
    pub(crate) fn callback_departed(&mut self, gone: &Item, how: QueueLeft, now: Mono, out: &mut Vec<Decision>) {
        let Some((number, callback)) = self.callback_of(gone.id) else { return };
        if callback.standing != Standing::Live {
            return;
        }
        // Whom agents let ring while he waited again has that time on his side at the next attempt too.
        if let Some(callback) = self.callbacks.by_number.get_mut(&number) {
            (callback.v, callback.credits) = (gone.v, gone.credits);
        }
        let end = match how {
            QueueLeft::Answered(_) => CallbackEnd::Served,
            QueueLeft::Abandoned => CallbackEnd::Abandoned,
            QueueLeft::ShortAbandoned => return self.retry(number, Some(CallbackResult::Unsure), now, out),
            QueueLeft::Failed => return self.retry(number, None, now, out),
            // It is about to be booked anew.
            QueueLeft::CallbackTaken => return,
            QueueLeft::Overflowed | QueueLeft::TimedOut | QueueLeft::Empty | QueueLeft::ExitKey => CallbackEnd::MovedOn,
            QueueLeft::Withdrawn => CallbackEnd::Cancelled,
        };
        self.end_callback(number, end, now, out);
    }

    /// The call of an attempt left, and nobody waits on the line.
    pub(crate) fn callback_left(&mut self, item: ItemId, how: QueueLeft, now: Mono, out: &mut Vec<Decision>) {
        let Some((number, _)) = self.callback_of(item) else { return };
        match how {
            // A person ended it.
            QueueLeft::Withdrawn => self.end_callback(number, CallbackEnd::Cancelled, now, out),
            QueueLeft::Failed
            | QueueLeft::Answered(_)
            | QueueLeft::Abandoned
            | QueueLeft::ShortAbandoned
            | QueueLeft::Overflowed
            | QueueLeft::TimedOut
            | QueueLeft::Empty
            | QueueLeft::CallbackTaken
            | QueueLeft::ExitKey => self.callback_failed(item, None, now, out),
        }
    }

    /// The process started again: attempts that were under way are made anew, and what is due is told. Nobody is rung or dialled
    /// for them in this turn: see [`Acd::hold_all`].
    pub(crate) fn cut_attempts(&mut self, now: Mono, out: &mut Vec<Decision>) {
        let cut: Vec<E164> = self
            .callbacks
            .by_number
            .iter()
            .filter(|(_, callback)| matches!(callback.standing, Standing::Dialling | Standing::Seeking))
            .map(|(number, _)| *number)
            .collect();
        for &number in &cut {
            self.stop_attempt(number, now, out);
            self.retry(number, None, now, out);
        }
        // They lose no time by it, so nobody passes them.
        for number in cut {
            self.rest(number, now, None, now);
        }
        self.callbacks.is_paused = false;
        for desk in self.callbacks.desks.values_mut() {
            (desk.is_stale, desk.told) = (true, 0);
        }
        self.look_later(now);
    }

    /// Whether attempts may begin. Those under way go on, places are kept.
    pub fn pause_callbacks(&mut self, paused: bool) {
        if std::mem::replace(&mut self.callbacks.is_paused, paused) == paused || !paused {
            return;
        }
        let waiting = self.callbacks.by_number.values().filter(|callback| callback.standing == Standing::Waiting);
        let waiting: Vec<ItemIx> = waiting.filter_map(|callback| self.item_of.get(&callback.item).copied()).collect();
        waiting.into_iter().for_each(|item| self.stand_held(item));
    }

    /// No agent may have one for whom nobody is being rung, until it is let go again.
    pub(crate) fn hold_all(&mut self) {
        let line = self.callbacks.by_number.values().filter(|callback| callback.standing.is_in_line());
        let line: Vec<ItemIx> = line.filter_map(|callback| self.item_of.get(&callback.item).copied()).collect();
        for item in line {
            if self.items[item].stands == Stands::Free {
                self.stand_held(item);
            }
        }
    }

    /// The callbacks of a queue that is no more, or that keeps nobody for now.
    pub(crate) fn clear_line(&mut self, queue: QueueIx, now: Mono, out: &mut Vec<Decision>) {
        let (id, is_closing) = (self.queues[queue].id, self.queues[queue].is_closing);
        let numbers: Vec<E164> =
            self.callbacks.desks.get(&id).map_or(Vec::new(), |desk| desk.numbers.iter().copied().collect());
        for number in numbers {
            let Some(callback) = self.callbacks.by_number.get(&number) else { continue };
            match callback.standing {
                Standing::Live => {}
                _ if is_closing => self.end_callback(number, CallbackEnd::QueueGone, now, out),
                Standing::Waiting => self.rest(number, now + crate::limits::CALLBACK_LOOK_MAX, None, now),
                // The agent whom it was offered to has gone.
                Standing::Seeking => {
                    let item = callback.item;
                    out.push(Decision::CallbackStop { item });
                    self.callback_failed(item, None, now, out);
                }
                Standing::Dialling
                | Standing::Connecting { .. }
                | Standing::Resting { .. }
                | Standing::Unconfirmed { .. } => {}
            }
        }
    }

    /// Says how many are due where that has changed.
    pub(crate) fn tell_due(&mut self, out: &mut Vec<Decision>) {
        let Callbacks { by_number, desks, .. } = &mut self.callbacks;
        for (queue, desk) in desks.iter_mut().filter(|(_, desk)| desk.is_stale) {
            desk.is_stale = false;
            let is_due = |number: &&E164| by_number.get(number).is_some_and(|callback| callback.standing.is_due());
            let due = u32::try_from(desk.numbers.iter().filter(is_due).count()).unwrap_or(u32::MAX);
            if due != desk.told {
                desk.told = due;
                out.push(Decision::CallbacksDue { queue: *queue, due });
            }
        }
    }
}
