//! What the witness knows of callbacks: whose place is kept for whom, when each queue's are looked at, which of them agents may
//! have, whom to dial, and how each ends. Its ids for those whose attempt has not begun are its own.

mod looks;

use std::collections::BTreeMap;
use std::time::Duration;

use turno_base::fact::{CallbackAsked, CallbackEnd, CallbackResult, QueueLeft};
use turno_base::{CallId, E164, ItemId, Mono, Need, QueueId, SegmentId, Wall};

use super::{Waiting, Witness};
use crate::{CallBack, CallbackRules, Command, Decision, Entry, Event, Kind, Overflow};

#[derive(Clone, Default)]
pub(crate) struct Backs {
    pub(crate) by_number: BTreeMap<E164, Back>,
    looks: BTreeMap<QueueId, Mono>,
    /// Looked at in this turn; where in it is seen by what is decided.
    due: Vec<(QueueId, bool)>,
    /// Whom the looks of this turn dial.
    dials: Vec<E164>,
    /// When each queue was answered last, and the mean time between answers, µs.
    answers: BTreeMap<QueueId, (Mono, u64)>,
    /// How many are due, as told.
    told: BTreeMap<QueueId, u32>,
    /// What must be told in this turn.
    ends: Vec<(Option<CallId>, QueueId, CallbackEnd, u32)>,
    stops: Vec<ItemId>,
    /// Attempts that have ended with an agent on the line: the stay is still to end.
    closing: BTreeMap<ItemId, Stay>,
    /// Of those who connect.
    stays: BTreeMap<ItemId, Stay>,
    /// Those who left their queue in this turn.
    gone: BTreeMap<ItemId, Waiting>,
    /// A key was pressed that takes a callback.
    pressed: Option<ItemId>,
    /// Attempts that a restart ends, the next first.
    cut: Vec<E164>,
    is_cut: bool,
    /// Decisions of each kind that were compared.
    pub(crate) seen: BTreeMap<&'static str, u64>,
}

/// A stay in a queue that ends apart from the line.
#[derive(Clone, Copy, Debug)]
struct Stay {
    queue: QueueId,
    since: Mono,
    position: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Back {
    first: Option<CallId>,
    how: CallbackAsked,
    queue: QueueId,
    need: Need,
    segment: SegmentId,
    value_pm: u32,
    caller: Option<String>,
    v: i64,
    order: u64,
    asked_at: Mono,
    waited: i64,
    attempts: u32,
    appointment: Option<Wall>,
    stands: Stands,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Unconfirmed { by: ItemId, until: Mono },
    Rests { until: Mono, wall: Option<Wall> },
    Waits,
    Dialled(ItemId),
    Sought(ItemId),
    Connects(ItemId),
    Live(ItemId),
}

impl Back {
    fn is_attempt(&self) -> bool {
        matches!(self.stands, Stands::Dialled(_) | Stands::Sought(_) | Stands::Connects(_))
    }

    /// Still to be made.
    fn is_due(&self) -> bool {
        !matches!(self.stands, Stands::Unconfirmed { .. } | Stands::Live(_))
    }

    fn item(&self) -> Option<ItemId> {
        match self.stands {
            Stands::Dialled(item) | Stands::Sought(item) | Stands::Connects(item) | Stands::Live(item) => Some(item),
            Stands::Unconfirmed { .. } | Stands::Rests { .. } | Stands::Waits => None,
        }
    }
}

/// The witness's id of one that waits.
fn unborn(number: E164) -> ItemId {
    ItemId(CallId(u128::MAX - number.digits().parse::<u128>().expect("digits")))
}

impl Witness {
    fn back_rules(&self, queue: QueueId) -> CallbackRules {
        self.config.callbacks.get(&queue).copied().unwrap_or_default()
    }

    fn back_of(&self, item: ItemId) -> Option<E164> {
        self.backs.by_number.iter().find(|(_, back)| back.item() == Some(item)).map(|(number, _)| *number)
    }

    pub(crate) fn is_connecting(&self, item: ItemId) -> bool {
        self.back_of(item).is_some_and(|number| self.backs.by_number[&number].stands == Stands::Connects(item))
    }

    fn unconfirmed_by(&self, item: ItemId) -> Option<E164> {
        let is = |back: &Back| matches!(back.stands, Stands::Unconfirmed { by, .. } if by == item);
        self.backs.by_number.iter().find(|(_, back)| is(back)).map(|(number, _)| *number)
    }

    /// An attempt that holds an agent or looks for one, and whose stay in the queue was told.
    pub(super) fn connecting(&self, queue: QueueId) -> u64 {
        let open = self.backs.by_number.values();
        open.filter(|back| back.queue == queue && matches!(back.stands, Stands::Connects(_))).count() as u64
    }

    fn count(&mut self, what: &'static str) {
        *self.backs.seen.entry(what).or_default() += 1;
    }

    // What goes in.

    /// The place of the callback that whoever enters has, which ends it.
    pub(super) fn called_again(&mut self, entry: &Entry) -> Option<i64> {
        let number = entry.callback_to?;
        let back = self.backs.by_number.get(&number)?;
        if back.queue != entry.queue || matches!(back.stands, Stands::Live(_)) {
            return None;
        }
        let v = self.place_of(number);
        self.end_back(number, CallbackEnd::CalledAgain);
        Some(v)
    }

    /// Its virtual entry time as of now.
    fn place_of(&self, number: E164) -> i64 {
        let back = &self.backs.by_number[&number];
        let item = if back.stands == Stands::Waits { Some(unborn(number)) } else { back.item() };
        item.and_then(|item| self.items.get(&item)).map_or(back.v, |waiting| waiting.v.min(back.v))
    }

    pub(super) fn backs_before(&mut self, event: &Event, now: Mono) {
        match event {
            Event::Key { item, key } => {
                let takes = |queue: QueueId| {
                    let rules = self.config.callbacks.get(&queue);
                    rules.is_some_and(|rules| rules.key == Some(*key))
                };
                let waits = self.items.get(item).filter(|waiting| waiting.entry.kind == Kind::Call);
                let waits = waits.is_some_and(|w| takes(w.queue) && w.entry.callback_to.is_some());
                let offered = self.unconfirmed_by(*item).is_some_and(|n| takes(self.backs.by_number[&n].queue));
                self.backs.pressed = (waits || offered).then_some(*item);
            }
            Event::CallbackAnswered { item } => {
                let Some(number) = self.back_of(*item) else { return };
                let back = self.backs.by_number.get_mut(&number).expect("found");
                match back.stands {
                    Stands::Dialled(_) => {
                        back.stands = Stands::Live(*item);
                        let waiting = self.items.get_mut(item).expect("who is dialled has a place");
                        (waiting.is_held, waiting.entry.kind, waiting.since) = (false, Kind::Call, now);
                    }
                    Stands::Connects(_) => self.end_back(number, CallbackEnd::Served),
                    Stands::Unconfirmed { .. }
                    | Stands::Rests { .. }
                    | Stands::Waits
                    | Stands::Sought(_)
                    | Stands::Live(_) => {}
                }
            }
            Event::CallbackFailed { item, result } => self.attempt_failed(*item, *result, now),
            Event::Leave { item, how } => {
                if let Some(number) = self.unconfirmed_by(*item) {
                    self.backs.by_number.remove(&number);
                }
                let is_call = self.items.get(item).is_some_and(|waiting| waiting.entry.kind == Kind::Call);
                match (self.back_of(*item), how) {
                    (Some(_), _) if is_call => {}
                    (Some(number), QueueLeft::Withdrawn) => self.end_back(number, CallbackEnd::Cancelled),
                    (Some(_), _) => self.attempt_failed(*item, None, now),
                    (None, _) => {}
                }
            }
            Event::Enter(_)
            | Event::Ringing { .. }
            | Event::Accept { .. }
            | Event::OfferFailed { .. }
            | Event::Released { .. }
            | Event::Phase { .. }
            | Event::Joined { .. }
            | Event::Station { .. }
            | Event::StationCalls { .. }
            | Event::Announced { .. } => {}
        }
    }

    fn attempt_failed(&mut self, item: ItemId, result: Option<CallbackResult>, now: Mono) {
        let Some(number) = self.back_of(item) else { return };
        if self.backs.by_number[&number].is_attempt() {
            self.stop(number);
            self.retry(number, result, now);
        }
    }

    /// People of the house.
    pub(super) fn backs_obeyed(&mut self, command: &Command, now: Mono) {
        match command {
            Command::CallbackAdd { number, queue, segment, value_pm, at } => {
                let has = self.backs.by_number.get(number).is_some_and(Back::is_due);
                if let (true, Some(at)) = (has, at) {
                    return self.appoint(*number, *at, now);
                }
                self.entered += 1;
                let asker = Back {
                    first: None,
                    how: CallbackAsked::Person,
                    queue: *queue,
                    need: Need::Anyone,
                    segment: *segment,
                    value_pm: *value_pm,
                    caller: Some(number.to_string()),
                    v: now.0 as i64,
                    order: self.entered,
                    asked_at: now,
                    waited: 0,
                    attempts: 0,
                    appointment: *at,
                    stands: Stands::Waits,
                };
                self.book(*number, asker, now);
                self.wanted(*number, now);
            }
            Command::CallbackCancel { number } => self.end_back(*number, CallbackEnd::Cancelled),
            Command::CallbackAppoint { number, at } => self.appoint(*number, *at, now),
            _ => {}
        }
    }

    fn appoint(&mut self, number: E164, at: Wall, now: Mono) {
        self.backs.by_number.get_mut(&number).expect("obeyed").appointment = Some(at);
        self.rest(number, now, None);
        self.wanted(number, now);
    }

    /// The process starts again: attempts begin anew, nobody is dialled or rung before the next look.
    pub(crate) fn cut(&mut self) {
        let ended = |back: &Back| matches!(back.stands, Stands::Dialled(_) | Stands::Sought(_));
        let numbers = self.backs.by_number.iter().filter(|(_, back)| ended(back)).map(|(number, _)| *number);
        self.backs.cut = numbers.collect();
        self.backs.is_cut = true;
        let line = self.items.values_mut().filter(|w| w.entry.kind == Kind::Callback && w.offered.is_empty());
        line.for_each(|waiting| waiting.is_held = true);
    }

    /// They end in the order of their numbers: up to this one's.
    pub(super) fn cut_to(&mut self, item: Option<ItemId>, now: Mono) {
        while !self.backs.cut.is_empty() {
            let number = self.backs.cut.remove(0);
            let is_last = self.backs.by_number[&number].item() == item;
            self.stop(number);
            self.rest(number, now, None);
            if is_last {
                return;
            }
        }
    }

    /// Somebody leaves his queue: if a restart ends his attempt, those before it have ended.
    pub(super) fn leaves(&mut self, item: ItemId, now: Mono) {
        let number = self.back_of(item).filter(|number| self.backs.cut.contains(number));
        if number.is_some() {
            self.cut_to(Some(item), now);
        }
    }

    // How places become callbacks, and what they come to.

    /// Booked, or one with the callback that the number has, at the older place.
    fn book(&mut self, number: E164, asker: Back, now: Mono) {
        let before = self.backs.by_number.get(&number).cloned();
        if let Some(before) = before.as_ref().filter(|back| !matches!(back.stands, Stands::Live(_))) {
            let item = if before.stands == Stands::Waits { Some(unborn(number)) } else { before.item() };
            if let Some(waiting) = item.and_then(|item| self.items.get_mut(&item)) {
                waiting.v = waiting.v.min(asker.v);
            }
            let back = self.backs.by_number.get_mut(&number).expect("there");
            back.v = back.v.min(asker.v);
            back.appointment = asker.appointment.or(back.appointment);
            return;
        }
        let most = self.back_rules(asker.queue).kept_max as usize;
        loop {
            let his = self.backs.by_number.iter().filter(|(_, back)| back.queue == asker.queue);
            if his.clone().count() < most {
                break;
            }
            let idle = his.filter(|(_, back)| !back.is_attempt() && !matches!(back.stands, Stands::Live(_)));
            let Some((_, oldest)) = idle.map(|(number, back)| (back.asked_at, *number)).min() else { break };
            self.end_back(oldest, CallbackEnd::Dropped);
        }
        let (first, how, attempts) =
            before.map_or((asker.first, asker.how, 0), |back| (back.first, back.how, back.attempts));
        let stands = Stands::Rests { until: now, wall: None };
        self.backs.by_number.insert(number, Back { first, how, attempts, stands, ..asker });
    }

    /// Said yes to: its queue is looked at in this turn.
    fn wanted(&mut self, number: E164, now: Mono) {
        let Some(back) = self.backs.by_number.get_mut(&number) else { return };
        if let Stands::Unconfirmed { .. } = back.stands {
            back.stands = Stands::Rests { until: now, wall: None };
        }
        let queue = back.queue;
        self.backs.due.push((queue, false));
    }

    fn rest(&mut self, number: E164, until: Mono, wall: Option<Wall>) {
        self.out_of_line(number);
        self.backs.by_number.get_mut(&number).expect("there").stands = Stands::Rests { until, wall };
    }

    fn out_of_line(&mut self, number: E164) {
        let back = self.backs.by_number.get_mut(&number).expect("there");
        if back.stands == Stands::Waits
            && let Some(waiting) = self.items.remove(&unborn(number))
        {
            back.v = waiting.v;
        }
    }

    /// An attempt ends; who was told to be in the queue leaves it by a decision.
    fn stop(&mut self, number: E164) {
        let back = self.backs.by_number.get_mut(&number).expect("there");
        match back.stands {
            Stands::Dialled(item) => back.v = self.items.remove(&item).expect("has a place").v,
            Stands::Sought(item) => back.v = self.items[&item].v,
            Stands::Connects(item) => {
                let stay = self.backs.stays.remove(&item).expect("begun");
                self.backs.closing.insert(item, stay);
            }
            Stands::Unconfirmed { .. } | Stands::Rests { .. } | Stands::Waits | Stands::Live(_) => {}
        }
        back.stands = Stands::Rests { until: Mono(0), wall: None };
    }

    fn retry(&mut self, number: E164, result: Option<CallbackResult>, now: Mono) {
        let back = self.backs.by_number.get_mut(&number).expect("there");
        back.attempts += u32::from(result.is_some());
        let (queue, attempts) = (back.queue, back.attempts);
        let rules = self.back_rules(queue);
        let pause = match result {
            None => Duration::from_secs(10),
            Some(CallbackResult::Busy) => rules.after_busy,
            Some(CallbackResult::NoAnswer) => rules.after_no_answer,
            Some(CallbackResult::Failed) => rules.after_failed,
            Some(CallbackResult::Unsure) => rules.after_unsure,
        };
        let back = self.backs.by_number.get_mut(&number).expect("there");
        back.stands = Stands::Rests { until: now, wall: None };
        if result.is_some() && attempts >= rules.attempts_max {
            return self.end_back(number, CallbackEnd::GaveUp);
        }
        back.stands = Stands::Rests { until: now + pause, wall: None };
        self.look_soon(queue, now);
    }

    fn end_back(&mut self, number: E164, end: CallbackEnd) {
        let back = self.backs.by_number[&number].clone();
        let counts = back.is_attempt() || matches!(back.stands, Stands::Live(_));
        match (back.is_attempt(), back.item()) {
            (true, Some(item)) => {
                self.stop(number);
                if end != CallbackEnd::Served {
                    self.backs.stops.push(item);
                }
            }
            _ => self.out_of_line(number),
        }
        self.backs.by_number.remove(&number);
        if !matches!(back.stands, Stands::Unconfirmed { .. }) {
            self.backs.ends.push((back.first, back.queue, end, back.attempts + u32::from(counts)));
        }
    }

    // What is decided.

    pub(super) fn see_back(&mut self, decision: &Decision, now: Mono) {
        match decision {
            Decision::LeavingByKey { .. } | Decision::CallbackRefused { .. } => {}
            Decision::CallbackTaken { item, queue, how } => self.taken(*item, *queue, *how, now),
            Decision::CallBack { item, back } => self.call_back(*item, back, now),
            Decision::CallbackStop { item } => {
                let at = self.backs.stops.iter().position(|stopped| stopped == item);
                self.backs.stops.remove(at.expect("only an attempt that ends is stopped"));
            }
            Decision::CallbackEnded { first, queue, end, attempts } => {
                let told = (*first, *queue, *end, *attempts);
                if !self.backs.ends.contains(&told) {
                    self.look_by_now(Some(*queue), now);
                }
                let at = self.backs.ends.iter().position(|due| *due == told);
                self.backs.ends.remove(at.unwrap_or_else(|| panic!("{told:?} ends, due: {:?}", self.backs.ends)));
                self.count(end.as_str());
            }
            Decision::CallbacksDue { queue, due } => drop(self.backs.told.insert(*queue, *due)),
            _ => unreachable!("asked for these alone"),
        }
    }

    fn asker(&self, item: ItemId, queue: QueueId, how: CallbackAsked, now: Mono) -> (E164, Back) {
        let (entry, v, order) = match (self.backs.gone.get(&item), self.doors.get(&item)) {
            (Some(gone), _) => (gone.entry.clone(), gone.v, gone.order),
            (None, Some(coming)) => {
                let v = now.0 as i64 - coming.entry.credits.total().as_micros() as i64;
                (coming.entry.clone(), coming.called.map_or(v, |called| v.min(called)), self.entered)
            }
            (None, None) => panic!("{item} neither waited nor came"),
        };
        let back = Back {
            first: Some(item.0),
            how,
            queue,
            need: entry.need,
            segment: entry.segment,
            value_pm: entry.value_pm,
            caller: entry.caller,
            v,
            order,
            asked_at: now,
            waited: (now.0 as i64 - v).max(0),
            attempts: 0,
            appointment: None,
            stands: Stands::Waits,
        };
        (entry.callback_to.expect("only who has a number"), back)
    }

    fn taken(&mut self, item: ItemId, queue: QueueId, how: CallbackAsked, now: Mono) {
        if self.backs.pressed.take_if(|pressed| *pressed == item).is_none() {
            let asks = self.back_rules(queue).key.is_some();
            assert_eq!(how, CallbackAsked::Overflow, "{item} pressed no key");
            let has = |(number, _): &(E164, Back)| self.backs.by_number.get(number).is_some_and(Back::is_due);
            assert!(!asks || has(&self.asker(item, queue, how, now)), "{item} was not asked");
        }
        self.count("taken");
        if let Some(number) = self.unconfirmed_by(item) {
            return self.wanted(number, now);
        }
        let comes = !self.backs.gone.contains_key(&item);
        self.entered += u64::from(comes);
        let (number, asker) = self.asker(item, queue, how, now);
        let is_with_another = how == CallbackAsked::Overflow && self.back_rules(queue).key.is_some();
        self.book(number, asker, now);
        if !is_with_another {
            self.wanted(number, now);
        }
    }

    /// A queue that does not keep him offers to call him back.
    pub(super) fn offered_back(&mut self, item: ItemId, to: &Overflow, now: Mono) {
        let Overflow::Callback = to else { return };
        let comes = self.doors.get(&item).filter(|_| !self.backs.gone.contains_key(&item));
        let queue = comes.map_or_else(|| self.backs.gone[&item].queue, |coming| coming.entry.queue);
        self.entered += u64::from(comes.is_some());
        let (number, asker) = self.asker(item, queue, CallbackAsked::Overflow, now);
        assert!(self.back_rules(queue).key.is_some(), "{queue} does not ask");
        match self.backs.by_number.get(&number) {
            Some(back) if matches!(back.stands, Stands::Unconfirmed { .. }) => {
                self.backs.by_number.remove(&number);
            }
            other => assert!(other.is_none_or(|back| !back.is_due()), "{number} has one"),
        }
        self.book(number, asker, now);
        let until = now + Duration::from_secs(120);
        self.backs.by_number.get_mut(&number).expect("booked").stands = Stands::Unconfirmed { by: item, until };
        self.look_soon(queue, now);
        self.count("offered");
    }

    fn call_back(&mut self, item: ItemId, told: &CallBack, now: Mono) {
        assert!(!self.backs.is_cut, "nobody is called back while the process starts");
        let number = told.number;
        let rules = self.back_rules(told.queue);
        let is_held = self.items.get(&unborn(number)).is_none_or(|waiting| waiting.is_held);
        if is_held || !rules.agent_first {
            self.look_by_now(Some(told.queue), now);
        }
        if !rules.agent_first {
            assert!(!self.backs.dials.is_empty(), "{number} is dialled too early");
            assert_eq!(self.backs.dials.remove(0), number, "whom to dial");
        }
        let back = self.backs.by_number.get_mut(&number).expect("wanted");
        assert_eq!(back.stands, Stands::Waits, "{number} is in line");
        let mut waiting = self.items.remove(&unborn(number)).expect("in line");
        assert!(!rules.agent_first || !waiting.is_held, "{number} was not let go");
        let want = CallBack {
            number,
            queue: back.queue,
            need: back.need.clone(),
            first: back.first,
            attempt: back.attempts + 1,
            agent_first: rules.agent_first,
            ring_limit: rules.ring_limit,
            segment: back.segment,
            value_pm: back.value_pm,
            caller: back.caller.clone(),
        };
        assert_eq!(*told, want);
        back.stands = if rules.agent_first { Stands::Sought(item) } else { Stands::Dialled(item) };
        (waiting.entry.item, waiting.is_held, waiting.since) = (item, !rules.agent_first, now);
        self.items.insert(item, waiting);
        self.count(if rules.agent_first { "agent first" } else { "customer first" });
    }

    /// Told to be in the queue; false if it is no callback.
    pub(super) fn back_entered(&mut self, item: ItemId, queue: QueueId, position: u32, now: Mono) -> bool {
        let told = self.back_of(item).filter(|_| !self.doors.contains_key(&item));
        let Some(back) = told.map(|number| &self.backs.by_number[&number]) else { return false };
        assert!(matches!(back.stands, Stands::Sought(_) | Stands::Live(_)), "{:?}", back.stands);
        let waiting = self.items.get_mut(&item).expect("in line");
        assert_eq!((waiting.queue, waiting.since, waiting.is_told), (queue, now, false));
        waiting.is_told = true;
        assert_eq!(position, self.place(item, now), "a callback's place");
        self.flow.entry(queue).or_default().0 += 1;
        true
    }

    /// An agent has it: the customer is being dialled, and nobody else may be rung for him.
    pub(super) fn back_connects(&mut self, item: ItemId, now: Mono) {
        let Some(number) = self.back_of(item) else { return };
        if self.backs.by_number[&number].stands != Stands::Sought(item) {
            return;
        }
        let position = self.place(item, now);
        let waiting = self.items.remove(&item).expect("in line");
        self.backs.stays.insert(item, Stay { queue: waiting.queue, since: waiting.since, position });
        let back = self.backs.by_number.get_mut(&number).expect("found");
        (back.stands, back.v) = (Stands::Connects(item), waiting.v);
        self.answered(waiting.queue, now);
        self.count("connects");
    }

    /// The stay of one whom an agent had; false if it is none such.
    pub(super) fn back_left(
        &mut self,
        (item, queue, how): (ItemId, QueueId, QueueLeft),
        position: u32,
        wait_ms: u64,
        now: Mono,
    ) -> bool {
        let Some(stay) = self.backs.closing.remove(&item) else { return false };
        assert!(matches!(how, QueueLeft::Answered(_) | QueueLeft::Withdrawn));
        let is_served = self.backs.ends.iter().any(|(_, _, end, _)| *end == CallbackEnd::Served);
        assert_eq!(matches!(how, QueueLeft::Answered(_)), is_served);
        assert_eq!((stay.queue, stay.position, (now.0 - stay.since.0) / 1000), (queue, position, wait_ms));
        *self.flow.entry(queue).or_default().1.entry(how.as_str()).or_default() += 1;
        true
    }

    /// Somebody left a queue. True if his callback keeps his place.
    pub(super) fn departed(&mut self, gone: &Waiting, how: QueueLeft, goes_on: bool, now: Mono) -> bool {
        let item = gone.entry.item;
        self.backs.gone.insert(item, gone.clone());
        if matches!(how, QueueLeft::Answered(_)) {
            self.answered(gone.queue, now);
        }
        let Some(number) = self.back_of(item).filter(|_| !goes_on) else { return false };
        match how {
            QueueLeft::Answered(_) => self.end_back(number, CallbackEnd::Served),
            QueueLeft::Abandoned => self.end_back(number, CallbackEnd::Abandoned),
            QueueLeft::ShortAbandoned | QueueLeft::Failed => {
                let back = self.backs.by_number.get_mut(&number).expect("found");
                back.v = back.v.min(gone.v);
                let result = (how == QueueLeft::ShortAbandoned).then_some(CallbackResult::Unsure);
                self.retry(number, result, now);
                return true;
            }
            QueueLeft::CallbackTaken => {}
            QueueLeft::Overflowed | QueueLeft::TimedOut | QueueLeft::Empty | QueueLeft::ExitKey => {
                self.end_back(number, CallbackEnd::MovedOn);
            }
            QueueLeft::Withdrawn => self.end_back(number, CallbackEnd::Cancelled),
        }
        false
    }
}
