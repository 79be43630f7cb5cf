//! Queues that ring all: everybody who may take an item is rung for it at once, each with a reservation of his own.

use turno_base::Mono;

use crate::acd::Acd;
use crate::boundary::Decision;
use crate::item::Stands;
use crate::limits::RING_ALL_MAX;
use crate::matching::{self, NEUTRAL, Pick, Strategy};
use crate::slab::{AgentIx, ItemIx, ProfileIx};
use crate::why::Trigger;

impl Acd {
    /// Rings everybody of the best rank for the item, or lets it stand in line. While some are being rung, those for whom
    /// there was no room or who are of no worse rank join them.
    pub(crate) fn ring_all(&mut self, item: ItemIx, trigger: Trigger, now: Mono, out: &mut Vec<Decision>) {
        let waiting = &self.items[item];
        let only = self.groups[waiting.group].key.only;
        let is_apart = |agent| waiting.is_apart_from(agent, now) || only.is_some_and(|only| only != agent);
        let mut picks: Vec<Pick> = matching::everybody(&self.benches(item, now), is_apart);
        picks.retain(|&(_, profile, _)| self.is_of_rank(item, profile));
        picks.truncate(RING_ALL_MAX.saturating_sub(waiting.offers.len()));
        for pick in picks {
            // Each one who is rung may leave a reserve with no more than it keeps.
            if self.kept_from(item, pick.1, now).is_none()
                && let Some(why) = self.why_rung(item, pick, trigger, now)
            {
                self.reserve(item, pick.0, why, now, out);
            }
        }
        if self.items[item].offers.is_empty() {
            self.stand_free(item);
        }
    }

    /// More agents may take the item than when it began to ring: where all are rung they join.
    pub(crate) fn widen_ringing(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        let waiting = &self.items[item];
        let rings_all = self.queues[waiting.queue].rules.strategy == Strategy::RingAll;
        if waiting.stands != Stands::Offered || !rings_all {
            return;
        }
        self.step_out(item);
        self.find_group(item, now);
        self.stand_offered(item);
        if !self.items[item].is_overdue {
            self.ring_all(item, Trigger::Deadline, now, out);
        }
    }

    /// Nobody of a better rank than this profile's is being rung for the item.
    fn is_of_rank(&self, item: ItemIx, profile: ProfileIx) -> bool {
        let waiting = &self.items[item];
        let rank = |at: ProfileIx| self.profiles[at].rank(waiting.queue);
        waiting.offers.iter().all(|held| rank(profile) <= rank(self.agents[held.agent].profile))
    }

    /// Rings the agent with others for the first of the items that ring all and whose ring he may join: nobody of a better
    /// rank is being rung for it, and it does not only wait for these rings to end.
    pub(crate) fn join_ring(&mut self, agent: AgentIx, trigger: Trigger, now: Mono, out: &mut Vec<Decision>) {
        let seeker = &self.agents[agent];
        let (at, since) = (seeker.profile, seeker.listed.unwrap_or(now));
        let queues = self.profiles[at].key.queues.iter();
        let rung = queues.flat_map(|queue| &self.queues[*queue].rung).filter(|&&item| {
            let waiting = &self.items[item];
            let group = &self.groups[waiting.group];
            !waiting.is_overdue
                && waiting.offers.len() < RING_ALL_MAX
                && waiting.apart_until(agent, now).is_none()
                && group.fit(at).is_some()
                && group.key.only.is_none_or(|only| only == agent)
                && self.kept_from(item, at, now).is_none()
                && self.is_of_rank(item, at)
        });
        let standing = rung.map(|&item| {
            let waiting = &self.items[item];
            matching::precedence(&self.urgencies[usize::from(waiting.line)], NEUTRAL, &waiting.place(item), now.0)
        });
        let Some(item) = standing.min().map(|first| first.item()) else { return };
        if let Some(why) = self.why_rung(item, (agent, at, since), trigger, now) {
            self.reserve(item, agent, why, now, out);
        }
    }
}
