//! Seam: what calls out may cost. A limit may forbid a leg before it is dialled, and ends its call when the budget is spent.

use turno_base::number::normalise;
use turno_base::{Cause, LegId, Number, Reason, TrunkId};
use turno_call::{CallEvent, LegEvent};
use turno_tariff::Key;

use crate::Rooms;
use crate::turn::Turn;

impl Rooms {
    /// False if a limit forbids the leg, which has ended then.
    pub(crate) fn may_cost(
        &mut self,
        leg: LegId,
        trunk: TrunkId,
        from: &Number,
        number: &str,
        turn: &mut Turn<'_>,
    ) -> bool {
        let b = Key::from(normalise(number, &self.config.country));
        let now = turn.now.wall;
        if self.guard.admit(&self.config.deck, leg, (trunk, from, b), now).is_ok() {
            return true;
        }
        // The UA never heard of the leg, so its end is ours to tell. Q.850 21: call rejected.
        let cause = Cause::new(403, 21, Reason::Forbidden);
        self.tell_leg(leg, LegEvent::Ended { cause, by_peer: false }, turn);
        false
    }

    pub(crate) fn on_costs_deadline(&mut self, turn: &mut Turn<'_>) {
        let mut spent = Vec::new();
        self.guard.on_deadline(&self.config.deck, turn.now, &mut spent);
        for leg in spent {
            if let Some(call) = self.calls.call_of(leg) {
                self.tell_call(CallEvent::Spent { call }, turn);
            }
        }
    }
}
