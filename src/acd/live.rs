//! What a supervisor may change about somebody who waits (R29): his priority, his queue, what he needs. His age stays.

use std::time::Duration;

use turno_base::fact::{OfferEnd, QueueLeft, WaitingChange};
use turno_base::{ItemId, Mono, Need, QueueId};

use crate::acd::Acd;
use crate::boundary::{Credit, Decision, Kind, Overflow, Trigger};
use crate::item::Stands;
use crate::queue::GroupKey;
use crate::refusal::Refusal;
use crate::slab::ItemIx;

impl Acd {
    fn waits(&self, item: ItemId) -> Result<ItemIx, Refusal> {
        let at = self.item_of.get(&item).copied().filter(|&at| self.items[at].kind == Kind::Call);
        at.ok_or(Refusal::NotWaiting(item))
    }

    /// Makes the item count as this much older. An agent who is being rung for it goes on ringing.
    pub(crate) fn bump(&mut self, id: ItemId, by: Duration, now: Mono, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        let item = self.waits(id)?;
        out.push(Decision::Changed { item: id, change: WaitingChange::Bumped(crate::views::ms(by)) });
        let is_free = self.items[item].stands == Stands::Free;
        if is_free {
            self.step_out(item);
        }
        self.credit(item, Credit::Bump, by);
        if is_free {
            // Old enough now, it may take an agent from a reserve.
            self.seek_agent(item, Trigger::Item, now, out);
        }
        self.foresee(item, now);
        Ok(())
    }

    /// To another queue, past its door: who moves it knows why. Whoever is rung for it is withdrawn.
    pub(crate) fn move_to(
        &mut self,
        id: ItemId,
        to: QueueId,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let item = self.waits(id)?;
        let known = self.queue_of.get(&to).copied().filter(|_| self.config.queues.contains_key(&to));
        let queue = known.ok_or(Refusal::NoSuchQueue(to))?;
        let from = self.items[item].queue;
        if from == queue {
            return Err(Refusal::AlreadyThere(to));
        }
        out.push(Decision::Changed { item: id, change: WaitingChange::Moved(self.queues[from].id, to) });
        let freed = self.withdraw_all(item, OfferEnd::LostRace, now, out);
        let GroupKey { need, demands, .. } = self.groups[self.items[item].group].key.clone();
        self.end_stay(item, QueueLeft::Withdrawn, now, out);
        out.push(Decision::Overflow { item: id, to: Overflow::Queue(to) });
        self.forget_own_wait(item);
        let group = self.group(GroupKey { queue, need, demands, ring: None, only: None });
        let waiting = &mut self.items[item];
        waiting.queue = queue;
        waiting.group = group;
        waiting.is_overdue = false;
        self.admit(item, now, out);
        self.free_again(freed, now, out);
        Ok(())
    }

    /// Something else is needed beyond what its queue needs. Whoever is rung for it is withdrawn: he may not meet it.
    pub(crate) fn need_anew(
        &mut self,
        id: ItemId,
        need: Need,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let item = self.waits(id)?;
        out.push(Decision::Changed { item: id, change: WaitingChange::Needs(need.clone()) });
        let freed = self.withdraw_all(item, OfferEnd::LostRace, now, out);
        self.step_out(item);
        let (queue, demands) = (self.items[item].queue, self.demands_on(self.items[item].line));
        self.forget_own_wait(item);
        let group = self.group(GroupKey { queue, need, demands, ring: None, only: None });
        self.items[item].group = group;
        self.seek_agent(item, Trigger::Item, now, out);
        self.foresee(item, now);
        self.free_again(freed, now, out);
        Ok(())
    }
}
