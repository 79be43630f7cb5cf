//! Rings: at first only some of the agents may take an item, and the circle widens while it waits (R7, R8). Which group an
//! item stands in follows from its queue, its needs, its ring, and whether it waits for one agent alone.

use turno_base::Mono;

use crate::acd::Acd;
use crate::boundary::Decision;
use crate::item::Stands;
use crate::matching::{self, NEUTRAL};
use crate::queue::{Group, GroupKey, Listed, Profile};
use crate::slab::{GroupIx, ItemIx, ProfileIx};
use crate::timers::Due;
use crate::why::Trigger;

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
    /// ring, of which those are passed that ask for nobody who is logged in (also one that runs) or for which the line is too
    /// long when they begin.
    pub(crate) fn find_group(&mut self, item: ItemIx, now: Mono) {
        loop {
            let group = self.group_of(item);
            self.items[item].group = group;
            let waiting = &self.items[item];
            let (Some((passed, running)), None) = (waiting.ring, waiting.only_until) else { return };
            let queue = &self.queues[waiting.queue];
            let number = queue.rings_of[usize::from(waiting.line)].get(usize::from(passed)).copied();
            let Some(ring) = number.and_then(|number| queue.rings.get(usize::from(number))) else {
                self.end_rings(item);
                continue;
            };
            let is_empty = self.is_deserted(group);
            if running.is_some() && !is_empty {
                return;
            }
            let is_too_long = || {
                let most = ring.widen_if_expected_over?;
                Some(self.forecast(item, now)? > most)
            };
            if is_empty || is_too_long() == Some(true) {
                self.end_rings(item);
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

    /// Its ring is to be passed when it asks for nobody who is logged in, and so it is.
    fn is_deserted(&self, group: GroupIx) -> bool {
        let Group { key, profiles, .. } = &self.groups[group];
        let ring = key.ring.filter(|_| key.only.is_none());
        let ring = ring.and_then(|ring| self.queues[key.queue].rings.get(usize::from(ring)));
        ring.is_some_and(|ring| ring.skip_if_none_logged_in)
            && !profiles.iter().any(|fit| self.profiles[fit.profile].logged_in > 0)
    }

    /// Groups with somebody in them of whose rings this profile may have been the last; to be asked for when one of its
    /// agents has gone from it. Nobody else than the last of a profile can leave a ring to nobody.
    pub(crate) fn left_by(&self, profile: ProfileIx) -> Vec<Listed> {
        let Profile { logged_in: 0, listing, .. } = &self.profiles[profile] else { return Vec::new() };
        let has_somebody = |listed: &&Listed| {
            self.valid(listed).is_some_and(|group| group.key.ring.is_some() && group.free + group.offered > 0)
        };
        listing.groups.iter().filter(has_somebody).copied().collect()
    }

    /// Takes those who wait in such groups out of rings that ask for nobody any more. They are returned, the most urgent
    /// first: somebody of the next ring may be free, see [`Acd::ask_for`].
    pub(crate) fn pass_deserted(&mut self, left: &[Listed], now: Mono) -> Vec<ItemIx> {
        let mut passing = Vec::new();
        for listed in left {
            if self.valid(listed).is_none() || !self.is_deserted(listed.group) {
                continue;
            }
            let group = &self.groups[listed.group];
            let free = group.lines.iter().flat_map(|line| line.iter().map(|place| place.item));
            let rung = self.queues[group.key.queue].rung.iter().copied();
            let here: Vec<ItemIx> = free.chain(rung.filter(|&item| self.items[item].group == listed.group)).collect();
            for &item in &here {
                let stood = self.items[item].stands;
                self.step_out(item);
                self.find_group(item, now);
                match stood {
                    Stands::Free => self.stand_free(item),
                    Stands::Offered => self.stand_offered(item),
                    Stands::Held | Stands::Nowhere => {}
                }
            }
            passing.extend(here);
        }
        passing.sort_by_cached_key(|&item| {
            matching::precedence(self.urgency_of(item), NEUTRAL, &self.items[item].place(item), now.0)
        });
        passing
    }

    /// The last agent of a profile may have gone: whose ring asked for him and for nobody else who is there is for the next.
    pub(crate) fn leave_rings(&mut self, profile: ProfileIx, now: Mono, out: &mut Vec<Decision>) {
        let left = self.left_by(profile);
        for item in self.pass_deserted(&left, now) {
            self.ask_for(item, now, out);
        }
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
