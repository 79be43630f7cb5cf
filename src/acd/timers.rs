//! All deadlines of the ACD in one ordered index. Each owner keeps the instant it armed and takes exactly that one out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::slab::{AgentIx, ItemIx, QueueIx};

/// What is due; of equal instants the first named goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Due {
    /// A certificate or a change of skills expires: all else of that instant goes by what holds then.
    Skills,
    /// The tables of the rule are made anew. Decides nothing, so whatever is decided at that instant goes by the new ones.
    Tables,
    /// The item waits for its own agent no longer.
    Owner(ItemIx),
    /// The item's ring widens.
    Ring(ItemIx),
    /// The item may take agents from reserves.
    Reserve(ItemIx),
    /// The item may be offered again to the agent it was kept apart from. With those above before all else, so that whatever else happens at
    /// that instant finds all possible pairs made.
    Apart(ItemIx),
    /// The agent's state ends: ring limit, wrap-up or rest.
    Agent(AgentIx),
    /// The item's wait limit.
    Wait(ItemIx),
    /// The item hears its place.
    Announce(ItemIx),
    /// The queue sends away the next of those it does not keep.
    Drain(QueueIx),
    /// The queue's callbacks are looked at.
    Callbacks(QueueIx),
    /// The queue opens or closes.
    Hours(QueueIx),
    /// The reconciler looks.
    Reconcile,
}

/// Deadlines in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Timers {
    due: BTreeSet<(Mono, Due)>,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Mono, due: Due) {
        self.due.insert((at, due));
    }

    pub(crate) fn disarm(&mut self, at: Mono, due: Due) {
        self.due.remove(&(at, due));
    }

    pub(crate) fn first(&self) -> Option<Mono> {
        self.due.first().map(|&(at, _)| at)
    }

    pub(crate) fn is_armed(&self, at: Mono, due: Due) -> bool {
        self.due.contains(&(at, due))
    }

    /// The next that is due at `now`, taken out.
    pub(crate) fn pop(&mut self, now: Mono) -> Option<(Mono, Due)> {
        if self.first()? > now { None } else { self.due.pop_first() }
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
