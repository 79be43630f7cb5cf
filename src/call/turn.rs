//! What one turn has at hand: the configuration, the clock, the list of effects, and what all calls share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turno_base::fact::What;
use turno_base::{AgentId, CallId, LegId, Now, Seeded, StationId};

use crate::boundary::{AcdTell, CallEffect, LegCommand, Sound};
use crate::dialplan::DialPlan;
use crate::plan::CallConfig;

/// What all calls share: whose leg is whose, and what goes on at the stations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct House {
    pub(crate) seeded: Seeded,
    /// For Call-IDs of dialled legs.
    dials: Seeded,
    /// Legs dialled so far.
    pub(crate) dialled: u64,
    /// Live legs, and ended ones whose figures are awaited.
    pub(crate) legs: BTreeMap<LegId, CallId>,
    /// Legs at a station that no queue gave it (S10); a station without any is absent.
    pub(crate) private: BTreeMap<StationId, u32>,
    /// Outside legs on a station's account (S1); absent: none.
    pub(crate) outside: BTreeMap<StationId, u32>,
    /// The customer's conversation that the agent at a station has.
    pub(crate) talks: BTreeMap<StationId, CallId>,
    /// Where agents sit.
    pub(crate) seats: BTreeMap<AgentId, StationId>,
    /// Who sits at a station.
    pub(crate) sitters: BTreeMap<StationId, AgentId>,
    /// Calls whose agent's station saw another call begin or end in this turn.
    pub(crate) touched: Vec<CallId>,
    /// Calls in slots.
    pub(crate) parked: BTreeMap<u32, CallId>,
    /// Two calls of which one goes on in the other, in the turn under way.
    pub(crate) joining: Option<(CallId, CallId)>,
    /// Events that named a leg, call or offer which is no more.
    pub(crate) stale: u64,
}

impl House {
    pub(crate) fn new(seed: u64) -> House {
        House {
            seeded: Seeded::new(seed),
            dials: Seeded::new(!seed),
            dialled: 0,
            legs: BTreeMap::new(),
            private: BTreeMap::new(),
            outside: BTreeMap::new(),
            talks: BTreeMap::new(),
            seats: BTreeMap::new(),
            sitters: BTreeMap::new(),
            touched: Vec::new(),
            parked: BTreeMap::new(),
            joining: None,
            stale: 0,
        }
    }

    /// A Call-ID for a leg to be dialled: 128 random bits.
    pub(crate) fn sip_call_id(&mut self) -> String {
        format!("{}{}", self.dials.token(), self.dials.token())
    }

    pub(crate) fn seat(&mut self, agent: AgentId, station: Option<StationId>) {
        if let Some(before) = self.seats.remove(&agent)
            && self.sitters.get(&before) == Some(&agent)
        {
            self.sitters.remove(&before);
        }
        let Some(station) = station else { return };
        self.seats.insert(agent, station);
        if let Some(before) = self.sitters.insert(station, agent)
            && before != agent
        {
            self.seats.remove(&before);
        }
    }

    /// No leg is counted anywhere.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.legs.is_empty()
            && self.private.is_empty()
            && self.outside.is_empty()
            && self.talks.is_empty()
            && self.touched.is_empty()
            && self.parked.is_empty()
            && self.joining.is_none()
    }

    pub(crate) fn is_private(&self, station: StationId) -> bool {
        self.private.contains_key(&station)
    }
}

pub(crate) fn count(counts: &mut BTreeMap<StationId, u32>, station: StationId, more: bool) -> u32 {
    let now = counts.get(&station).copied().unwrap_or(0);
    let then = if more { now.saturating_add(1) } else { now.saturating_sub(1) };
    if then == 0 {
        counts.remove(&station);
    } else {
        counts.insert(station, then);
    }
    then
}

/// One turn of one call.
pub(crate) struct Turn<'a> {
    pub(crate) config: &'a CallConfig,
    pub(crate) plan: &'a DialPlan,
    pub(crate) house: &'a mut House,
    pub(crate) now: Now,
    pub(crate) out: &'a mut Vec<CallEffect>,
}

impl Turn<'_> {
    pub(crate) fn fact(&mut self, what: What) {
        self.out.push(CallEffect::Fact(what));
    }

    pub(crate) fn leg(&mut self, leg: LegId, command: LegCommand) {
        self.out.push(CallEffect::Leg { leg, command });
    }

    pub(crate) fn sound(&mut self, leg: LegId, sound: Sound) {
        self.out.push(CallEffect::Sound { leg, sound });
    }

    pub(crate) fn acd(&mut self, call: CallId, tell: AcdTell) {
        self.out.push(CallEffect::Acd { call, tell });
    }

    /// A leg that no queue gave began or ended at a station.
    pub(crate) fn private(&mut self, station: StationId, more: bool) {
        let calls = count(&mut self.house.private, station, more);
        self.out.push(CallEffect::StationCalls { station, calls });
        if let Some(&talk) = self.house.talks.get(&station) {
            self.house.touched.push(talk);
        }
    }

    /// An event came too late for what it names.
    pub(crate) fn stale(&mut self) {
        self.house.stale = self.house.stale.saturating_add(1);
    }
}
