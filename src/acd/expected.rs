//! Expected wait (E3): how long those in front of whom nobody is free will wait, by class, or nothing if we are often wrong.
//!
//! A class is a queue, a need and a segment. Each answered item teaches its class what a place in line cost: its wait in
//! agent-seconds (wait × agents logged in) over the place it began at. The wait of somebody at place `p` with `a` agents is
//! then `p × cost / a + ring`. So the delay of the last to enter service is corrected by how long the line has become and how
//! many agents have come or gone since; who overtakes, abandons or is served elsewhere is in the measured cost. A class that
//! has taught too little goes by its queue.
//!
//! What a caller is told never grows: each look keeps the least so far. When the figure of the moment has left that behind,
//! or too few recent forecasts of the class came true, there is no answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{ItemId, Mono, Need, QueueId, SegmentId};

use crate::acd::Acd;
use crate::boundary::Decision;
use crate::item::Stands;
use crate::slab::ItemIx;

/// Answered items before a class or queue says anything.
pub const FORECAST_AFTER: u32 = 8;
/// Forecasts that must have been compared with what came before one is told.
pub const SURE_AFTER: u32 = 20;
/// Of the recent forecasts so many per mille must have come true, else nothing is told.
pub const SURE_WITHIN_PM: u32 = 600;
/// A forecast came true if it was off by no more than this, ms, or than a third of itself.
pub const WITHIN_LEAST_MS: u64 = 30_000;
/// Means of costs and rings go over about so many answered items.
const COST_OVER: i64 = 16;
/// Means of errors go over about so many forecasts.
const ERROR_OVER: i64 = 64;
/// Fixed point of the means.
const ONE: i64 = 1024;
/// Longer waits count as this, ms (100 days): keeps the products below within 64 bits.
const WAIT_COUNTED_MAX_MS: i64 = 100 * 86_400_000;
/// More agents count as this.
const AGENTS_COUNTED_MAX: i64 = 100_000;

/// What an item was promised; empty while it need not wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Promise {
    /// Of this stay, when nobody was free for it first.
    began: Option<Began>,
    /// The least forecast so far, ms, over all its stays.
    least_ms: Option<u64>,
    /// The last forecast, ms.
    last_ms: u64,
}

/// How the wait of a stay began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Began {
    at: Mono,
    place: u32,
    /// As of then: rings may weaken it.
    need: Need,
    /// The forecast, ms, told or not; none: too little was known.
    expected_ms: Option<u64>,
}

/// What classes and queues have taught.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lessons {
    classes: BTreeMap<(QueueId, SegmentId), BTreeMap<Need, Lesson>>,
    queues: BTreeMap<QueueId, Lesson>,
    /// Classes, the one that taught least recently first.
    aged: BTreeSet<(u64, QueueId, SegmentId, Need)>,
    taught: u64,
}

/// What one class or queue has taught. Means are in 1024ths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lesson {
    answered: u32,
    /// Mean of wait before the last ring × agents, ms.
    work: i64,
    /// Mean place at which those waits began.
    places: i64,
    /// Mean ring of the accepted offer, ms.
    ring: i64,
    judged: u32,
    /// Mean of 1 for a forecast that came true and 0 for one that did not.
    within: i64,
    /// Mean of how far forecasts were off, ms.
    error: i64,
    /// When it last taught.
    taught: u64,
}

/// How right the forecasts of a queue have been of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Forecasts that were compared with what came, up to a large number.
    pub judged: u32,
    /// How far they were off, mean, ms.
    pub error_mean_ms: u64,
    /// How many came true, per mille: off by at most 30 s or a third of the forecast.
    pub within_pm: u32,
}

/// Whether a forecast came true: off by no more than [`WITHIN_LEAST_MS`] or a third of itself.
pub fn came_true(expected_ms: u64, waited_ms: u64) -> bool {
    expected_ms.abs_diff(waited_ms) <= WITHIN_LEAST_MS.max(expected_ms / 3)
}

fn mean(old: i64, new: i64, count: u32, over: i64) -> i64 {
    old + (new.saturating_mul(ONE) - old) / i64::from(count).clamp(1, over)
}

impl Lesson {
    fn learn(&mut self, wait_ms: i64, ring_ms: i64, place: u32, agents: i64) {
        self.answered = self.answered.saturating_add(1);
        self.work = mean(self.work, wait_ms * agents, self.answered, COST_OVER);
        self.places = mean(self.places, i64::from(place), self.answered, COST_OVER);
        self.ring = mean(self.ring, ring_ms, self.answered, COST_OVER);
    }

    fn judge(&mut self, expected_ms: u64, waited_ms: u64) {
        let error = i64::try_from(expected_ms.abs_diff(waited_ms)).unwrap_or(WAIT_COUNTED_MAX_MS);
        self.judged = self.judged.saturating_add(1);
        self.within = mean(self.within, i64::from(came_true(expected_ms, waited_ms)), self.judged, ERROR_OVER);
        self.error = mean(self.error, error.min(WAIT_COUNTED_MAX_MS), self.judged, ERROR_OVER);
    }

    /// Wait at this place with so many agents, ms; none: too little is known.
    fn wait_ms(&self, place: u32, agents: i64) -> Option<u64> {
        if self.answered < FORECAST_AFTER || self.places <= 0 || agents <= 0 {
            return None;
        }
        let waits = i128::from(self.work) * i128::from(place) / i128::from(self.places) / i128::from(agents);
        let ms = waits + i128::from(self.ring / ONE);
        Some(u64::try_from(ms.clamp(0, i128::from(WAIT_COUNTED_MAX_MS))).unwrap_or(0))
    }

    fn is_sure(&self) -> bool {
        self.judged >= SURE_AFTER && self.within * 1000 >= i64::from(SURE_WITHIN_PM) * ONE
    }

    fn accuracy(&self) -> Accuracy {
        Accuracy {
            judged: self.judged,
            error_mean_ms: u64::try_from(self.error / ONE).unwrap_or(0),
            within_pm: u32::try_from(self.within * 1000 / ONE).unwrap_or(0),
        }
    }
}

impl Lessons {
    fn class(&self, queue: QueueId, segment: SegmentId, need: &Need) -> Option<&Lesson> {
        self.classes.get(&(queue, segment))?.get(need)
    }

    /// The lesson of the class if it has taught enough, else its queue's.
    fn best(&self, queue: QueueId, segment: SegmentId, need: &Need) -> Option<&Lesson> {
        let class = self.class(queue, segment, need).filter(|lesson| lesson.answered >= FORECAST_AFTER);
        class.or_else(|| self.queues.get(&queue))
    }

    /// Whether forecasts for the class may be told: by its own record, or its queue's while it has none.
    fn is_sure(&self, queue: QueueId, segment: SegmentId, need: &Need) -> bool {
        let class = self.class(queue, segment, need).filter(|lesson| lesson.judged >= SURE_AFTER);
        class.or_else(|| self.queues.get(&queue)).is_some_and(Lesson::is_sure)
    }

    /// Teaches class and queue; at `most` classes the one that taught least recently is forgotten.
    fn teach(&mut self, queue: QueueId, segment: SegmentId, need: Need, most: u32, teach: impl Fn(&mut Lesson)) {
        teach(self.queues.entry(queue).or_default());
        self.taught += 1;
        let lesson = self.classes.entry((queue, segment)).or_default().entry(need.clone()).or_default();
        let before = std::mem::replace(&mut lesson.taught, self.taught);
        teach(lesson);
        self.aged.remove(&(before, queue, segment, need.clone()));
        self.aged.insert((self.taught, queue, segment, need));
        while self.aged.len() > most as usize
            && let Some((_, queue, segment, need)) = self.aged.pop_first()
        {
            self.forget(queue, segment, &need);
        }
    }

    fn forget(&mut self, queue: QueueId, segment: SegmentId, need: &Need) {
        if let Some(needs) = self.classes.get_mut(&(queue, segment)) {
            needs.remove(need);
            if needs.is_empty() {
                self.classes.remove(&(queue, segment));
            }
        }
    }

    /// Forgets all about queues that are no more.
    pub(crate) fn keep_queues(&mut self, is_known: impl Fn(&QueueId) -> bool) {
        self.queues.retain(|queue, _| is_known(queue));
        self.classes.retain(|(queue, _), _| is_known(queue));
        self.aged.retain(|(_, queue, ..)| is_known(queue));
    }

    pub(crate) fn len(&self) -> usize {
        self.aged.len()
    }
}

impl Acd {
    /// How long the item will wait from now on. None: it need not wait, it does not wait, or we are not sure. For a given item
    /// it never grows.
    pub fn expected_wait(&self, item: ItemId) -> Option<Duration> {
        let waiting = &self.items[*self.item_of.get(&item)?];
        let began = waiting.promise.began.as_ref()?;
        let least_ms = waiting.promise.least_ms?;
        // A promise that no longer holds is not repeated.
        let holds = waiting.promise.last_ms <= least_ms.saturating_mul(2).saturating_add(WITHIN_LEAST_MS);
        let queue = self.queues[waiting.queue].id;
        let is_sure = holds && self.lessons.is_sure(queue, waiting.segment, &began.need);
        is_sure.then(|| Duration::from_millis(least_ms))
    }

    /// How long somebody who enters the queue now would wait, whatever his segment and need: nothing if an agent is ready for
    /// him. None: not sure, or no such queue.
    pub fn expected_wait_of_next(&self, queue: QueueId) -> Option<Duration> {
        let at = &self.queues[*self.queue_of.get(&queue)?];
        if at.ready > at.waiting {
            return Some(Duration::ZERO);
        }
        let lesson = self.lessons.queues.get(&queue).filter(|lesson| lesson.is_sure())?;
        lesson.wait_ms(at.waiting.saturating_add(1), agents_of(at.logged_in)).map(Duration::from_millis)
    }

    /// How right the forecasts of a queue have been of late.
    pub fn forecast_accuracy(&self, queue: QueueId) -> Accuracy {
        self.lessons.queues.get(&queue).map(Lesson::accuracy).unwrap_or_default()
    }

    /// Looks at the item's expected wait anew; the first look that finds nobody free for it begins its promise.
    pub(crate) fn foresee(&mut self, item: ItemIx, now: Mono) {
        let waiting = &self.items[item];
        if waiting.promise.began.is_none() && waiting.stands != Stands::Free {
            return;
        }
        let place = self.position(item, now);
        let queue = &self.queues[waiting.queue];
        let need = match &waiting.promise.began {
            Some(began) => &began.need,
            None => &self.groups[waiting.group].key.need,
        };
        let lesson = self.lessons.best(queue.id, waiting.segment, need);
        let expected_ms = lesson.and_then(|lesson| lesson.wait_ms(place, agents_of(queue.logged_in)));
        let began = waiting.promise.began.is_none().then(|| Began { at: now, place, need: need.clone(), expected_ms });
        let promise = &mut self.items[item].promise;
        if began.is_some() {
            promise.began = began;
        }
        if let Some(ms) = expected_ms {
            promise.last_ms = ms;
            promise.least_ms = Some(promise.least_ms.map_or(ms, |least| least.min(ms)));
        }
    }

    /// How long an item at its place would wait, if its class is surely known; looks at nothing that it was promised.
    pub(crate) fn forecast(&self, item: ItemIx, now: Mono) -> Option<Duration> {
        let waiting = &self.items[item];
        let queue = &self.queues[waiting.queue];
        let need = &self.groups[waiting.group].key.need;
        if !self.lessons.is_sure(queue.id, waiting.segment, need) {
            return None;
        }
        let lesson = self.lessons.best(queue.id, waiting.segment, need)?;
        lesson.wait_ms(self.position(item, now), agents_of(queue.logged_in)).map(Duration::from_millis)
    }

    /// The stay is over or goes on elsewhere: what was told holds, what began there does not.
    pub(crate) fn forget_stay(&mut self, item: ItemIx) {
        self.items[item].promise.began = None;
    }

    /// The item was answered after its last ring of `rang_us`: compares what was forecast with what came, and learns.
    pub(crate) fn learn_wait(&mut self, item: ItemIx, rang_us: u64, now: Mono, out: &mut Vec<Decision>) {
        let waiting = &self.items[item];
        let Some(Began { at, place, need, expected_ms }) = waiting.promise.began.clone() else { return };
        let queue = &self.queues[waiting.queue];
        let (id, segment, agents) = (queue.id, waiting.segment, agents_of(queue.logged_in).max(1));
        let waited_ms = now.0.saturating_sub(at.0) / 1000;
        if let Some(expected_ms) = expected_ms {
            out.push(Decision::Foreseen { item: waiting.id, queue: id, expected_ms, waited_ms });
        }
        let counted = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).min(WAIT_COUNTED_MAX_MS);
        let ring_ms = counted((rang_us / 1000).min(waited_ms));
        let wait_ms = counted(waited_ms) - ring_ms;
        self.lessons.teach(id, segment, need, self.bounds.classes_max, |lesson| {
            if let Some(expected_ms) = expected_ms {
                lesson.judge(expected_ms, waited_ms);
            }
            lesson.learn(wait_ms, ring_ms, place, agents);
        });
    }
}

fn agents_of(logged_in: u32) -> i64 {
    i64::from(logged_in).min(AGENTS_COUNTED_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_place_cost_is_what_a_place_will_cost() {
        let mut lesson = Lesson::default();
        for _ in 0..FORECAST_AFTER {
            assert_eq!(lesson.wait_ms(1, 10), None);
            lesson.learn(60_000, 4000, 2, 10);
        }
        // place, agents, wait ms
        for (place, agents, ms) in [
            (2, 10, Some(64_000)),
            (4, 10, Some(124_000)), // a line twice as long
            (2, 5, Some(124_000)),  // half of them went home
            (2, 20, Some(34_000)),
            (2, 0, None), // nobody is there
            (u32::MAX, 1, Some(8_640_000_000)),
        ] {
            assert_eq!(lesson.wait_ms(place, agents), ms, "{place} {agents}");
        }
        // Times change: the last dozen or so count.
        for _ in 0..40 {
            lesson.learn(20_000, 4000, 2, 10);
        }
        assert!(lesson.wait_ms(2, 10).is_some_and(|ms| (24_000..32_000).contains(&ms)));
    }

    #[test]
    fn at_its_bound_the_class_that_taught_least_recently_is_forgotten() {
        let queue = QueueId::new("q").unwrap();
        let teach = |lessons: &mut Lessons, segment| {
            let segment = SegmentId::new(segment).unwrap();
            lessons.teach(queue, segment, Need::Anyone, 2, |lesson| lesson.learn(1000, 0, 1, 1));
        };
        let mut lessons = Lessons::default();
        for segment in ["a", "b", "a", "c"] {
            teach(&mut lessons, segment);
        }
        let known = |segment| lessons.class(queue, SegmentId::new(segment).unwrap(), &Need::Anyone).is_some();
        assert_eq!((lessons.len(), known("a"), known("b"), known("c")), (2, true, false, true));
        lessons.keep_queues(|_| false);
        assert_eq!(lessons, Lessons { taught: 4, ..Lessons::default() });
    }

    #[test]
    fn right_is_within_half_a_minute_or_a_third() {
        for (expected_s, waited_s, right) in
            [(10, 40, true), (10, 41, false), (60, 30, true), (60, 29, false), (300, 400, true), (300, 401, false)]
        {
            assert_eq!(came_true(expected_s * 1000, waited_s * 1000), right, "{expected_s} {waited_s}");
        }
    }
}
