//! Rings: at first only some of the agents may take an item, and the circle widens while it waits (R7, R8). Which group an
//! item stands in follows from its queue, its needs, its ring, and whether it waits for one agent alone.

use turno_base::Mono;

use crate::acd::Acd;
use crate::boundary::{Decision, Trigger};
use crate::item::Stands;
use crate::queue::GroupKey;
use crate::slab::{GroupIx, ItemIx};
use crate::timers::Due;

impl Acd {
    /// An item that is new in its queue begins with the first of its rings.
    pub(crate) fn begin_rings(&mut self, item: ItemIx) {
        self.end_rings(item);
        let waiting = &self.items[item];
        if !self.queues[waiting.queue].rings_of[usize::from(waiting.line)].is_empty() {
            self.items[item].ring = Some((0, None));
        }
    }

    /// It passes through no rings any more.
    pub(crate) fn end_rings(&mut self, item: ItemIx) {
        if let Some((_, Some(until))) = self.items[item].ring.take() {
            self.timers.disarm(until, Due::Ring(item));
        }
    }

    /// Puts an item that stands nowhere into the group where it belongs: that of the agent it waits for alone, else of its
    /// ring, of which those are passed that ask for nobody who is logged in or for which the line is too long.
    pub(crate) fn find_group(&mut self, item: ItemIx, now: Mono) {
        loop {
            let group = self.group_of(item);
            self.items[item].group = group;
            let waiting = &self.items[item];
            let (Some((passed, None)), None) = (waiting.ring, waiting.only_until) else { return };
            let queue = &self.queues[waiting.queue];
            let number = queue.rings_of[usize::from(waiting.line)].get(usize::from(passed)).copied();
            let Some(ring) = number.and_then(|number| queue.rings.get(usize::from(number))) else {
                self.items[item].ring = None;
                continue;
            };
            let is_empty = ring.skip_if_none_logged_in && !self.is_anybody_logged_in(group);
            let is_too_long = || {
                let most = ring.widen_if_expected_over?;
                Some(self.forecast(item, now)? > most)
            };
            if is_empty || is_too_long() == Some(true) {
                self.items[item].ring = Some((passed + 1, None));
                continue;
            }
            let until = now + ring.length;
            self.items[item].ring = Some((passed, Some(until)));
            self.timers.arm(until, Due::Ring(item));
            return;
        }
    }

    fn group_of(&mut self, item: ItemIx) -> GroupIx {
        let waiting = &self.items[item];
        let only = waiting.own.filter(|_| waiting.only_until.is_some());
        let rings = &self.queues[waiting.queue].rings_of[usize::from(waiting.line)];
        let ring = match (only, waiting.ring) {
            (None, Some((passed, _))) => rings.get(usize::from(passed)).copied(),
            (Some(_), _) | (None, None) => None,
        };
        let present = &self.groups[waiting.group];
        if present.key.queue == waiting.queue && present.key.ring == ring && present.key.only == only {
            return waiting.group;
        }
        let key =
            GroupKey { queue: waiting.queue, need: present.key.need.clone(), demands: present.key.demands, ring, only };
        self.group(key)
    }

    pub(crate) fn is_anybody_logged_in(&self, group: GroupIx) -> bool {
        self.groups[group].profiles.iter().any(|fit| self.profiles[fit.profile].logged_in > 0)
    }

    /// The present ring's time is up. While an agent is being rung the next begins when that fails.
    pub(crate) fn ring_widens(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        let Some((passed, Some(_))) = self.items[item].ring else { return };
        self.items[item].ring = Some((passed + 1, None));
        if self.items[item].stands == Stands::Free {
            self.step_out(item);
            self.seek_agent(item, Trigger::Deadline, now, out);
        } else {
            self.widen_ringing(item, now, out);
        }
    }
}
