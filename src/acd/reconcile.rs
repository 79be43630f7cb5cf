//! The reconciler: looks at a part of all agents and items once a second while there are any at work, finds what nothing
//! backs any more, puts it right and counts it. A healthy run shows none: each of these would be a fault of this room.

use serde::{Deserialize, Serialize};
use turno_base::Mono;
use turno_base::fact::OfferEnd;

use crate::acd::Acd;
use crate::agent::Doing;
use crate::boundary::{Decision, Heal, Trigger};
use crate::item::{Held, Stands};
use crate::limits::{LEASE_SLACK, RECONCILE_EVERY, RECONCILE_PER_TURN};
use crate::slab::{AgentIx, ItemIx, Ix};
use crate::timers::Due;

/// How far the reconciler is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reconciler {
    /// When it looks next; none: there is nothing to look at.
    at: Option<Mono>,
    agents_seen: usize,
    items_seen: usize,
}

impl Acd {
    /// It looks while anything waits or is served.
    pub(crate) fn arm_reconciler(&mut self, now: Mono) {
        if self.reconciler.at.is_none() && (self.items.len() > 0 || !self.served.is_empty()) {
            let at = now + RECONCILE_EVERY;
            self.reconciler.at = Some(at);
            self.timers.arm(at, Due::Reconcile);
        }
    }

    pub(crate) fn reconcile(&mut self, now: Mono, out: &mut Vec<Decision>) {
        self.reconciler.at = None;
        for _ in 0..RECONCILE_PER_TURN.min(self.agents.end()) {
            self.reconciler.agents_seen = (self.reconciler.agents_seen + 1) % self.agents.end();
            let agent = AgentIx::of(self.reconciler.agents_seen);
            if let Some(reason) = self.fault_of_agent(agent, now) {
                self.heal_agent(agent, reason, now, out);
            }
        }
        for _ in 0..RECONCILE_PER_TURN.min(self.items.end()) {
            self.reconciler.items_seen = (self.reconciler.items_seen + 1) % self.items.end();
            let item = ItemIx::of(self.reconciler.items_seen);
            if self.is_lost(item) {
                self.healed(Heal::ItemLost, out);
                self.items[item].offers.clear();
                self.step_out(item);
                self.take_place(item);
                self.seek_agent(item, Trigger::Deadline, now, out);
            } else if self.items.get(item).is_some() {
                self.foresee(item, now);
            }
        }
    }

    fn healed(&mut self, reason: Heal, out: &mut Vec<Decision>) {
        self.counts.healed += 1;
        out.push(Decision::Healed { reason });
    }

    fn fault_of_agent(&self, agent: AgentIx, now: Mono) -> Option<Heal> {
        let a = self.agents.get(agent)?;
        let has_deadline = || a.doing.deadline().is_some_and(|at| self.timers.is_armed(at, Due::Agent(agent)));
        let is_backed = match &a.doing {
            Doing::Reserved { item, epoch, rings_until, .. } => {
                if now > *rings_until + LEASE_SLACK {
                    return Some(Heal::LeaseExpired);
                }
                let mine = Held { agent, epoch: *epoch };
                self.items.get(*item).is_some_and(|i| i.stands == Stands::Offered && i.offers.contains(&mine))
            }
            Doing::Serving { item, .. } => self.served.get(item).is_some_and(|s| s.agents.contains(&agent)),
            Doing::WrapUp { .. } | Doing::Resting { .. } => has_deadline(),
            Doing::LoggedOut => a.station.is_none(),
            Doing::Idle { .. } | Doing::Paused { .. } => a.station.is_some(),
        };
        (!is_backed).then_some(Heal::AgentStuck)
    }

    /// Whatever he did is over: his item, if it is still his, returns; he is idle, or logged out if he sits nowhere.
    fn heal_agent(&mut self, agent: AgentIx, reason: Heal, now: Mono, out: &mut Vec<Decision>) {
        self.healed(reason, out);
        if let Doing::Reserved { item, epoch, .. } = self.agents[agent].doing
            && self.items.get(item).is_some_and(|i| i.offers.contains(&Held { agent, epoch }))
            && let Some(ended) = self.withdraw(agent, OfferEnd::RingNoAnswer, now, out)
        {
            return self.after_failure(agent, ended, OfferEnd::RingNoAnswer, now, out);
        }
        if self.agents[agent].station.is_none() {
            self.return_tasks(agent, now, out);
            return self.turn(agent, Doing::LoggedOut, now, out);
        }
        if self.agents[agent].doing == Doing::LoggedOut {
            return self.log_out(agent, now, out);
        }
        self.free(agent, Doing::Idle { since: now }, now, out);
        self.after_free(agent, Trigger::Deadline, now, out);
    }

    /// The agent knows of this reservation.
    pub(crate) fn holds(&self, held: &Held, reserved: ItemIx) -> bool {
        self.agents.get(held.agent).is_some_and(
            |a| matches!(a.doing, Doing::Reserved { item, epoch, .. } if item == reserved && epoch == held.epoch),
        )
    }

    /// In no line, and with no agent.
    fn is_lost(&self, item: ItemIx) -> bool {
        let Some(waiting) = self.items.get(item) else { return false };
        let place = waiting.place(item);
        let line = usize::from(waiting.line);
        if !self.queues[waiting.queue].lines[line].contains(&place) {
            return true;
        }
        match waiting.stands {
            Stands::Nowhere => true,
            Stands::Held => !self.callbacks.is_held(waiting.id),
            Stands::Free => !self.groups[waiting.group].lines[line].contains(&place),
            Stands::Offered => !waiting.offers.iter().any(|held| self.holds(held, item)),
        }
    }
}
