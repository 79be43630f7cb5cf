//! Where stations can be reached: REGISTER and the bindings it makes (RFC 3261 §10.3), flows (RFC 5626), Path (RFC
//! 3327), and probes that tell a dead phone from a quiet one.
//!
//! Calls only ever go to the address that authenticated: over its flow, or to its Contact where that has the same
//! address. So a phone behind NAT is reached, `.invalid` hosts need no resolving, and nobody can aim our calls at third
//! parties. Not here: who may register ([`crate::auth`]), and sending.

mod binding;
mod probe;
mod request;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, Now, StationId};

use crate::config::SipRules;
use crate::flow::Flow;
use crate::message::Uri;

pub use binding::{Binding, BindingId};
pub use probe::{PROBE_EVERY, PROBE_FIRST, PROBE_MISSES_MAX, PROBE_SLOT, PROBE_WAIT, PROBES_PER_SLOT_MAX, Reach};
pub use request::{CONTACTS_PER_REQUEST_MAX, RECORD_BYTES_MAX, Refusal, RegisterRequest, Wanted, Wish};
pub use write::{refusal_response, register_response};

/// Granted when a REGISTER names no time (RFC 3261 §10.2.1.1 leaves it to the registrar).
pub const EXPIRES_DEFAULT: Duration = Duration::from_secs(3600);
/// Expiries handled in one turn; what is left is due at once.
pub const PER_TURN_MAX: usize = 256;

/// What the registrar wants done or known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrarEffect {
    /// Whether a station can be reached has changed.
    Station {
        /// The station.
        station: StationId,
        /// A contact is bound and answers.
        reachable: bool,
    },
    /// Send OPTIONS to this binding, once: the registrar sends again itself. Any answer goes to
    /// [`Registrar::on_probe_answered`].
    Probe(BindingId),
}

/// All bindings. Every look-up is logarithmic; nothing is scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registrar {
    bindings: BTreeMap<BindingId, Binding>,
    by_station: BTreeMap<StationId, Vec<BindingId>>,
    by_flow: BTreeSet<(Flow, BindingId)>,
    expiries: BTreeSet<(Mono, BindingId)>,
    probes: BTreeSet<(Mono, BindingId)>,
    /// The last slot was full: no probe before this.
    probes_from: Mono,
    minted: u64,
}

impl Registrar {
    /// Carries out a REGISTER whose sender is known to be `station`: wholly or, refused, not at all.
    pub fn register(
        &mut self,
        station: StationId,
        request: &RegisterRequest<'_>,
        flow: Flow,
        rules: &SipRules,
        now: Now,
        out: &mut Vec<RegistrarEffect>,
    ) -> Result<(), Refusal> {
        let wishes = match &request.wanted {
            Wanted::List => return Ok(()),
            Wanted::RemoveAll => {
                let all = self.by_station.get(&station).cloned().unwrap_or_default();
                all.iter().try_for_each(|id| self.in_order(*id, request))?;
                self.changing(station, out, |registrar| all.iter().for_each(|id| registrar.remove(*id)));
                return Ok(());
            }
            Wanted::Set(wishes) => wishes,
        };
        let mut plan = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let expires = request.granted(wish, rules)?;
            let found = self.matching(station, wish);
            if let Some(id) = found {
                self.in_order(id, request)?;
            }
            plan.push((wish, expires, found));
        }
        let room = self.room_for(station, &plan, rules)?;
        self.changing(station, out, |registrar| {
            room.into_iter().for_each(|id| registrar.remove(id));
            for (wish, expires, found) in plan {
                match (found, expires) {
                    (Some(id), None) => registrar.remove(id),
                    (Some(id), Some(expires)) => registrar.refresh(id, wish, expires, request, flow, now),
                    (None, Some(expires)) => registrar.bind(station, wish, expires, request, flow, now),
                    (None, None) => {}
                }
            }
        });
        Ok(())
    }

    /// The bindings of a station, best `q` first, of equals the newest; those that answer no probes last.
    pub fn targets(&self, station: StationId) -> Vec<&Binding> {
        let mut targets: Vec<&Binding> = self.bindings_of(station).collect();
        targets.sort_by_key(|b| (!b.reach.is_reachable(), std::cmp::Reverse(b.q), std::cmp::Reverse(b.id)));
        targets
    }

    /// The bindings of a station in the order they were made.
    pub fn bindings_of(&self, station: StationId) -> impl Iterator<Item = &Binding> {
        let ids = self.by_station.get(&station).into_iter().flatten();
        ids.filter_map(|id| self.bindings.get(id))
    }

    /// At least one contact is bound and answers.
    pub fn is_reachable(&self, station: StationId) -> bool {
        self.bindings_of(station).any(|binding| binding.reach.is_reachable())
    }

    /// A phone is registered over this flow: what comes by it is a phone's, also from within a trunk's network.
    pub fn has_flow(&self, flow: Flow) -> bool {
        self.over(flow).next().is_some()
    }

    /// A binding by its id, if it still is.
    pub fn binding(&self, id: BindingId) -> Option<&Binding> {
        self.bindings.get(&id)
    }

    /// All bindings, for views and after a restart.
    pub fn iter(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.values()
    }

    /// Bindings in all.
    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }

    /// Stations with a binding.
    pub fn stations(&self) -> usize {
        self.by_station.len()
    }

    /// A stream has ended: what was bound over it can no longer be reached (RFC 5626 §4.2.1 makes the phone come again).
    pub fn on_flow_closed(&mut self, flow: Flow, out: &mut Vec<RegistrarEffect>) {
        let ids: Vec<BindingId> = self.over(flow).collect();
        for id in ids {
            self.changing_of(id, out, |registrar| registrar.remove(id));
        }
    }

    /// A station that is no longer configured is gone with all its bindings: its phone is not rung any more.
    pub fn keep(&mut self, is_configured: impl Fn(StationId) -> bool, out: &mut Vec<RegistrarEffect>) {
        let gone: Vec<StationId> = self.by_station.keys().copied().filter(|&station| !is_configured(station)).collect();
        for station in gone {
            let all: Vec<BindingId> = self.bindings_of(station).map(|binding| binding.id).collect();
            self.changing(station, out, |registrar| all.into_iter().for_each(|id| registrar.remove(id)));
        }
    }

    /// The process started again with this state: no stream of before is left. Who listens at its Contact is called
    /// there, over a new connection; the others are gone until they register.
    pub fn on_restart(&mut self, out: &mut Vec<RegistrarEffect>) {
        let is_stream = |(flow, _): &&(Flow, BindingId)| flow.transport.is_reliable();
        let gone: Vec<(Flow, BindingId)> = self.by_flow.iter().filter(is_stream).copied().collect();
        for (flow, id) in gone {
            self.by_flow.remove(&(flow, id));
            let listens = self.bindings.get_mut(&id).is_some_and(Binding::leave_stream);
            if !listens {
                self.changing_of(id, out, |registrar| registrar.remove(id));
            }
        }
    }

    /// The phone answered a probe, with whatever status.
    pub fn on_probe_answered(&mut self, id: BindingId, now: Now, out: &mut Vec<RegistrarEffect>) {
        self.changing_of(id, out, |registrar| {
            let Some(binding) = registrar.bindings.get_mut(&id) else { return };
            binding.reach = binding.reach.on_answer();
            binding.awaits_answer = false;
            registrar.probe_at(id, now.mono + PROBE_EVERY);
        });
    }

    /// A probe could not be sent.
    pub fn on_probe_failed(&mut self, id: BindingId, now: Now, out: &mut Vec<RegistrarEffect>) {
        self.changing_of(id, out, |registrar| {
            let Some(binding) = registrar.bindings.get_mut(&id) else { return };
            binding.reach = binding.reach.on_miss();
            binding.awaits_answer = false;
            let wait = if binding.reach.is_in_doubt() { PROBE_WAIT } else { PROBE_EVERY };
            registrar.probe_at(id, now.mono + wait);
        });
    }

    /// When to call [`Registrar::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        let first = |set: &BTreeSet<(Mono, BindingId)>| set.first().map(|(at, _)| *at);
        let probes = first(&self.probes).map(|at| at.max(self.probes_from));
        [first(&self.expiries), probes].into_iter().flatten().min()
    }

    /// Ends what has expired, and probes what is due.
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<RegistrarEffect>) {
        for _ in 0..PER_TURN_MAX {
            let Some((at, id)) = self.expiries.first().copied() else { break };
            if at > now.mono {
                break;
            }
            self.changing_of(id, out, |registrar| registrar.remove(id));
        }
        if now.mono < self.probes_from {
            return;
        }
        for _ in 0..PROBES_PER_SLOT_MAX {
            let Some((at, id)) = self.probes.first().copied() else { return };
            if at > now.mono {
                return;
            }
            self.probe(id, now, out);
        }
        self.probes_from = now.mono + PROBE_SLOT;
    }

    fn over(&self, flow: Flow) -> impl Iterator<Item = BindingId> {
        let range = (flow, BindingId(0))..=(flow, BindingId(u64::MAX));
        self.by_flow.range(range).map(|(_, id)| *id)
    }

    fn probe(&mut self, id: BindingId, now: Now, out: &mut Vec<RegistrarEffect>) {
        self.changing_of(id, out, |registrar| {
            let Some(binding) = registrar.bindings.get_mut(&id) else { return };
            if binding.awaits_answer {
                binding.reach = binding.reach.on_miss();
            }
            // The dead are asked at the common pace, those that may be dying at once.
            let settled = binding.awaits_answer && !binding.reach.is_in_doubt();
            binding.awaits_answer = !settled;
            registrar.probe_at(id, now.mono + if settled { PROBE_EVERY - PROBE_WAIT } else { PROBE_WAIT });
        });
        if self.bindings.get(&id).is_some_and(|binding| binding.awaits_answer) {
            out.push(RegistrarEffect::Probe(id));
        }
    }

    /// The binding that a wish means: by instance and flow number (RFC 5626 §6), else by its URI (RFC 3261 §10.3).
    fn matching(&self, station: StationId, wish: &Wish<'_>) -> Option<BindingId> {
        let same = |binding: &&Binding| match wish.outbound() {
            Some((instance, reg_id)) => binding.is_flow_of(instance, reg_id),
            None => {
                Uri::parse(&binding.uri).is_some_and(|bound| bound.is_same(&wish.uri)) || binding.uri == wish.uri.text
            }
        };
        self.bindings_of(station).find(same).map(|binding| binding.id)
    }

    /// A REGISTER overtaken by a later one of the same Call-ID changes nothing (RFC 3261 §10.3, step 7).
    fn in_order(&self, id: BindingId, request: &RegisterRequest<'_>) -> Result<(), Refusal> {
        let overtaken = self.bindings.get(&id).is_some_and(|b| b.call_id == request.call_id && b.cseq >= request.cseq);
        if overtaken { Err(Refusal::OutOfOrder) } else { Ok(()) }
    }

    /// Makes sure that the bound holds after the plan; the bindings that must go for it are dead ones.
    fn room_for(
        &self,
        station: StationId,
        plan: &[(&Wish<'_>, Option<Duration>, Option<BindingId>)],
        rules: &SipRules,
    ) -> Result<Vec<BindingId>, Refusal> {
        let bound = self.by_station.get(&station).map_or(0, Vec::len);
        let new = plan.iter().filter(|(_, expires, found)| expires.is_some() && found.is_none()).count();
        let ended = plan.iter().filter(|(_, expires, found)| expires.is_none() && found.is_some()).count();
        let over = (bound + new).saturating_sub(ended).saturating_sub(rules.bindings_max as usize);
        let dead =
            self.bindings_of(station).filter(|b| !b.reach.is_reachable() && plan.iter().all(|p| p.2 != Some(b.id)));
        let room: Vec<BindingId> = dead.map(|binding| binding.id).take(over).collect();
        if room.len() < over { Err(Refusal::TooMany) } else { Ok(room) }
    }

    fn bind(
        &mut self,
        station: StationId,
        wish: &Wish<'_>,
        expires: Duration,
        request: &RegisterRequest<'_>,
        flow: Flow,
        now: Now,
    ) {
        self.minted += 1;
        let id = BindingId(self.minted);
        let binding = Binding::new(id, station, wish, request, flow, now.mono + expires);
        self.expiries.insert((binding.expires_at, id));
        self.by_flow.insert((flow, id));
        self.bindings.insert(id, binding);
        self.by_station.entry(station).or_default().push(id);
        if request.answers_options {
            self.probe_at(id, now.mono + PROBE_FIRST);
        }
    }

    fn refresh(
        &mut self,
        id: BindingId,
        wish: &Wish<'_>,
        expires: Duration,
        request: &RegisterRequest<'_>,
        flow: Flow,
        now: Now,
    ) {
        let Some(binding) = self.bindings.get_mut(&id) else { return };
        self.expiries.remove(&(binding.expires_at, id));
        self.by_flow.remove(&(binding.flow, id));
        let station = binding.station;
        let moved = binding.flow != flow;
        let mut fresh = Binding::new(id, station, wish, request, flow, now.mono + expires);
        // A phone at another address may be another phone: what it answers is to be learned anew.
        if !moved {
            fresh.reach = binding.reach.on_register();
            fresh.awaits_answer = binding.awaits_answer;
        }
        fresh.probe_at = binding.probe_at;
        *binding = fresh;
        self.expiries.insert((binding.expires_at, id));
        self.by_flow.insert((flow, id));
        if moved && request.answers_options {
            self.probe_at(id, now.mono + PROBE_FIRST);
        }
    }

    fn remove(&mut self, id: BindingId) {
        let Some(binding) = self.bindings.remove(&id) else { return };
        self.expiries.remove(&(binding.expires_at, id));
        self.by_flow.remove(&(binding.flow, id));
        if let Some(at) = binding.probe_at {
            self.probes.remove(&(at, id));
        }
        if let Some(ids) = self.by_station.get_mut(&binding.station) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_station.remove(&binding.station);
            }
        }
    }

    fn probe_at(&mut self, id: BindingId, at: Mono) {
        let Some(binding) = self.bindings.get_mut(&id) else { return };
        if let Some(before) = binding.probe_at.replace(at) {
            self.probes.remove(&(before, id));
        }
        self.probes.insert((at, id));
    }

    fn changing_of(&mut self, id: BindingId, out: &mut Vec<RegistrarEffect>, change: impl FnOnce(&mut Registrar)) {
        if let Some(station) = self.bindings.get(&id).map(|binding| binding.station) {
            self.changing(station, out, change);
        }
    }

    /// Does `change` and tells if the station came or went by it.
    fn changing(&mut self, station: StationId, out: &mut Vec<RegistrarEffect>, change: impl FnOnce(&mut Registrar)) {
        let before = self.is_reachable(station);
        change(self);
        let reachable = self.is_reachable(station);
        if before != reachable {
            out.push(RegistrarEffect::Station { station, reachable });
        }
    }
}
