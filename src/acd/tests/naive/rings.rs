//! Rings: which an item passes, when each begins and ends. Whether one is passed for the expected wait the witness takes from the
//! machine, whose estimate a test of its own holds; what follows from it is the rule's again.

use std::collections::BTreeMap;

use turno_base::fact::AgentState;
use turno_base::{AgentId, ItemId, Mono, QueueId};

use super::{Seat, Waiting, Witness};
use crate::{Acd, RingRules, Strategy};

/// How many rings an item has passed, none being all of them, if the machine knows how long it would wait.
pub(super) type Shown = Option<usize>;

/// Those of which the machine knows how long they would wait: nobody else passes a ring for it.
pub(super) fn shown(acd: &Acd, now: Mono) -> BTreeMap<ItemId, Shown> {
    let foreseen = acd.item_of.iter().filter(|(_, at)| acd.forecast(**at, now).is_some());
    foreseen.map(|(item, at)| (*item, acd.items[*at].ring.map(|(passed, _)| usize::from(passed)))).collect()
}

impl Witness {
    /// The rings of a queue that an item of this segment passes through.
    pub(super) fn rings(&self, queue: QueueId, item: &Waiting) -> Vec<RingRules> {
        let Some(rules) = self.config.queues.get(&queue) else { return Vec::new() };
        let rings = if rules.rings.is_empty() { &self.config.rings } else { &rules.rings };
        let is_configured = self.config.segments.contains_key(&item.entry.segment);
        let is_meant = |ring: &&RingRules| {
            ring.segments.is_empty() || is_configured && ring.segments.contains(&item.entry.segment)
        };
        rings.iter().filter(is_meant).cloned().collect()
    }

    /// Begins the ring that is next, if none runs or nobody is there for the one that runs, and it waits for nobody in particular.
    pub(super) fn begin_ring(&self, item: &mut Waiting, now: Mono) {
        while let (Some((passed, running)), None) = (item.ring, item.only_until) {
            let rings = self.rings(item.queue, item);
            let Some(ring) = rings.get(passed) else {
                item.ring = None;
                return;
            };
            let is_there = |(agent, seat): (&AgentId, &Seat)| {
                seat.state != AgentState::LoggedOut
                    && self.could(*agent, item.queue, &item.entry)
                    && self.is_in_ring(*agent, item, ring)
            };
            if ring.skip_if_none_logged_in && !self.agents.iter().any(is_there) {
                item.ring = Some((passed + 1, None));
                if running.is_some() {
                    item.sudden = now;
                }
            } else if running.is_some() {
                return;
            } else if self.is_outlasted(item, passed, ring) {
                item.ring = Some((passed + 1, None));
            } else {
                item.ring = Some((passed, Some(Mono(now.0 + ring.length.as_micros() as u64))));
            }
        }
    }

    /// Those who returned from an offer go on, when what followed from its end has happened, and those whom nobody is there for.
    pub(super) fn begin_rings(&mut self, now: Mono) {
        for id in self.items.keys().copied().collect::<Vec<_>>() {
            let mut item = self.items[&id].clone();
            let rings_all = self.config.queues.get(&item.queue).is_some_and(|q| q.strategy == Strategy::RingAll);
            let is_running = item.ring.is_some_and(|(_, until)| until.is_some());
            if item.offered.is_empty() || rings_all && is_running {
                self.begin_ring(&mut item, now);
                self.items.insert(id, item);
            }
        }
    }

    /// Whether the machine passed a ring that was to begin, as only the expected wait could make it.
    fn is_outlasted(&self, item: &Waiting, passed: usize, ring: &RingRules) -> bool {
        let shown = self.shown.get(&item.entry.item);
        let is = ring.widen_if_expected_over.is_some()
            && shown.is_some_and(|shown| shown.is_none_or(|machine| machine > passed));
        self.outlasted.set(self.outlasted.get() + u64::from(is));
        is
    }
}
