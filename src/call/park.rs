//! Parking (R31): an agent puts his party into a slot, with music; anybody takes it from there, or it goes back to whoever
//! parked it when it has waited long enough. A call that waits in a queue can be taken in the same way.
//!
//! A slot is this room's alone: for the ACD a parked call is nobody's until somebody has it again.

use serde::{Deserialize, Serialize};
use turno_base::fact::{OfferEnd, QueueLeft};
use turno_base::limits::LEGS_PER_CALL_MAX;
use turno_base::{AgentId, CallId, Cause, EndedBy, LegId, Outcome, Reason};

use crate::boundary::Transfer;
use crate::call::{Call, Parked, Parker, Place, Stage, Transferring};
use crate::calls::Calls;
use crate::dial::{Callee, TRANSFERRED};
use crate::leg::Leg;
use crate::turn::{House, Turn};
use crate::wait::withdrawn;

/// Most slots that may be configured.
pub const PARK_SLOTS_MAX: u32 = 1000;

/// Why a call is not parked or not taken. The sentence is for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParkRefusal {
    /// No such live call.
    NoSuchCall(CallId),
    /// It is in no conversation of one of our stations.
    NotTalking(CallId),
    /// There is no slot of this number.
    NoSuchSlot(u32),
    /// Another call is in that slot.
    SlotTaken(u32),
    /// Every slot is taken.
    Full,
    /// It neither waits nor is parked.
    NotToBeTaken(CallId),
    /// The agent sits nowhere.
    NotSeated(AgentId),
    /// The agent's station has another call.
    Busy(AgentId),
}

impl std::fmt::Display for ParkRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ParkRefusal::NoSuchCall(call) => write!(f, "there is no live call {call}"),
            ParkRefusal::NotTalking(call) => {
                write!(f, "call {call} is in no conversation; only such a call can be parked")
            }
            ParkRefusal::NoSuchSlot(slot) => {
                write!(f, "there is no slot {slot}; calls.park_slots says how many there are")
            }
            ParkRefusal::SlotTaken(slot) => write!(f, "slot {slot} is taken; name another, or none"),
            ParkRefusal::Full => f.write_str("every slot is taken; calls.park_slots says how many there are"),
            ParkRefusal::NotToBeTaken(call) => write!(f, "call {call} neither waits nor is parked"),
            ParkRefusal::NotSeated(agent) => write!(f, "agent {agent} sits at no station; he must log in first"),
            ParkRefusal::Busy(agent) => write!(f, "agent {agent} is in a call"),
        }
    }
}

impl std::error::Error for ParkRefusal {}

impl House {
    /// The slot asked for, or the first that is free.
    fn slot(&self, asked: Option<u32>, slots: u32) -> Result<u32, ParkRefusal> {
        match asked {
            Some(slot) if !(1..=slots).contains(&slot) => Err(ParkRefusal::NoSuchSlot(slot)),
            Some(slot) if self.parked.contains_key(&slot) => Err(ParkRefusal::SlotTaken(slot)),
            Some(slot) => Ok(slot),
            None => (1..=slots).find(|slot| !self.parked.contains_key(slot)).ok_or(ParkRefusal::Full),
        }
    }
}

impl Calls {
    /// Whether [`crate::CallEvent::Park`] would be done.
    pub fn may_park(&self, call: CallId, slot: Option<u32>) -> Result<(), ParkRefusal> {
        let found = self.calls.get(&call).ok_or(ParkRefusal::NoSuchCall(call))?;
        found.parking_leg().ok_or(ParkRefusal::NotTalking(call))?;
        self.house.slot(slot, self.config.park.slots).map(drop)
    }

    /// Whether [`crate::CallEvent::Pull`] would be done.
    pub fn may_pull(&self, call: CallId, agent: AgentId) -> Result<(), ParkRefusal> {
        let found = self.calls.get(&call).ok_or(ParkRefusal::NoSuchCall(call))?;
        if !found.is_to_be_taken() {
            return Err(ParkRefusal::NotToBeTaken(call));
        }
        let station = self.house.seats.get(&agent).ok_or(ParkRefusal::NotSeated(agent))?;
        if self.house.talks.contains_key(station) || self.house.is_private(*station) {
            return Err(ParkRefusal::Busy(agent));
        }
        Ok(())
    }

    /// The call in a slot; without a number the one that has been parked the longest.
    pub fn parked_in(&self, slot: Option<u32>) -> Option<CallId> {
        match slot {
            Some(slot) => self.house.parked.get(&slot).copied(),
            None => self.house.parked.values().copied().min_by_key(|call| {
                let parked = self.calls.get(call).and_then(Call::parked);
                (parked.map(|parked| parked.since), *call)
            }),
        }
    }
}

impl Call {
    pub(crate) fn parked(&self) -> Option<Parked> {
        if let Stage::Parked(parked) = self.stage { Some(parked) } else { None }
    }

    /// The leg of ours that leaves if the call is parked by command.
    fn parking_leg(&self) -> Option<LegId> {
        let Stage::Talking(talk) = &self.stage else { return None };
        let by_acd = talk.agency.map(|agency| agency.leg);
        let mut ours = [by_acd, Some(talk.other), Some(self.caller)].into_iter().flatten();
        let is_station = |leg: &LegId| self.legs.get(*leg).and_then(Leg::station).is_some();
        ours.find(is_station).filter(|leg| self.is_conversing(*leg))
    }

    /// Somebody on the line waits for whoever takes him.
    pub(crate) fn is_to_be_taken(&self) -> bool {
        let waits = match &self.stage {
            Stage::Parked(_) => true,
            Stage::Waiting(waiting) => {
                matches!(waiting.place, Place::In) && waiting.offers.iter().all(|offer| !offer.accepted)
            }
            Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Choosing(_)
            | Stage::Ending => false,
        };
        waits && self.legs.is_up(self.caller) && self.legs.len() < LEGS_PER_CALL_MAX
    }

    /// REFER to the park code: the digits after it name the slot, none: the first that is free.
    pub(crate) fn on_park_asked(&mut self, by: LegId, digits: &str, t: &mut Turn<'_>) {
        let asked = match digits {
            "" => None,
            digits => match digits.parse() {
                Ok(slot) => Some(slot),
                Err(_) => return self.refuse_transfer(by, 404, t),
            },
        };
        match t.house.slot(asked, t.config.park.slots) {
            Ok(slot) => {
                self.tell_transferor(by, Transfer::Done, t);
                self.park(by, slot, t);
            }
            Err(ParkRefusal::NoSuchSlot(_)) => self.refuse_transfer(by, 404, t),
            Err(_) => self.refuse_transfer(by, 486, t),
        }
    }

    /// By command; late is too late.
    pub(crate) fn on_park(&mut self, slot: Option<u32>, t: &mut Turn<'_>) {
        match (self.parking_leg(), t.house.slot(slot, t.config.park.slots)) {
            (Some(by), Ok(slot)) => self.park(by, slot, t),
            (None, _) | (_, Err(_)) => t.stale(),
        }
    }

    fn park(&mut self, by: LegId, slot: u32, t: &mut Turn<'_>) {
        let Some(station) = self.legs.get(by).and_then(Leg::station) else { return };
        let agent = self.party_agent(by).map(|(agent, _)| agent);
        let Some((stays, agency)) = self.part_from(by) else { return };
        if let Some(agency) = agency {
            t.released(self.id, agency);
        }
        self.end_leg(by, TRANSFERRED, EndedBy::Agent, t);
        self.caller = stays;
        self.consult = None;
        self.parker = Some(Parker { station, agent });
        self.into_slot(slot, t);
    }

    fn into_slot(&mut self, slot: u32, t: &mut Turn<'_>) {
        t.house.parked.insert(slot, self.id);
        let since = t.now.mono;
        self.stage = Stage::Parked(Parked { slot, since, until: since + t.config.park.limit });
    }

    /// Nobody took it: to the queue that it came from, where whoever parked it is asked first; else to his phone.
    pub(crate) fn on_park_limit(&mut self, t: &mut Turn<'_>) {
        self.leave_acd(QueueLeft::Withdrawn, t);
        match (self.came.clone(), self.parker) {
            (Some(came), _) => self.enter_again(came, t),
            (None, Some(parker)) => self.ring(Callee::Station(parker.station), t),
            (None, None) => self.finish(Outcome::NoAnswer, EndedBy::Us, NOBODY_TOOK_IT, t),
        }
    }

    /// Out of its slot or its queue, into the hands of somebody. `is_agent`: the ACD will hear who has it.
    fn come_out(&mut self, is_agent: bool, t: &mut Turn<'_>) {
        if let Stage::Waiting(waiting) = &mut self.stage {
            for offer in std::mem::take(&mut waiting.offers) {
                self.end_leg(offer.leg, withdrawn(OfferEnd::LostRace), EndedBy::Us, t);
            }
            if is_agent {
                return;
            }
        }
        self.leave_acd(QueueLeft::Withdrawn, t);
    }

    /// By command: the agent's station is called for it. If it does not answer, the call is where it was.
    pub(crate) fn on_pull(&mut self, agent: AgentId, t: &mut Turn<'_>) {
        let station = t.house.seats.get(&agent).copied().filter(|_| self.is_to_be_taken());
        let Some(station) = station else { return t.stale() };
        self.come_out(false, t);
        match self.dial(Callee::Station(station), t) {
            Ok(dial) => self.stage = Stage::Transferring(Transferring { by: None, agency: None, dial }),
            Err(_) => self.go_back(t),
        }
    }

    /// What was to be taken was not: back to its queue, or to a slot.
    pub(crate) fn go_back(&mut self, t: &mut Turn<'_>) {
        if let Some(came) = self.came.clone() {
            return self.enter_again(came, t);
        }
        match t.house.slot(None, t.config.park.slots).ok().filter(|_| self.parker.is_some()) {
            Some(slot) => self.into_slot(slot, t),
            None => self.finish(Outcome::Failed, EndedBy::Us, NOBODY_TOOK_IT, t),
        }
    }
}

/// Somebody at a phone has dialled for the party of `kept`: his leg goes on there, and his own call is over.
pub(crate) fn take(kept: &mut Call, gone: &mut Call, leg: LegId, t: &mut Turn<'_>) {
    let is_dialling_code = matches!(gone.stage, Stage::Coding { asked: true, .. }) && gone.caller == leg;
    if !is_dialling_code || !gone.legs.is_up(leg) {
        return t.stale();
    }
    if !kept.is_to_be_taken() {
        return gone.on_code_done(false, t);
    }
    kept.come_out(gone.party_agent(leg).is_some(), t);
    kept.adopt(leg, gone, t);
    kept.hand_over(leg, None, t);
    gone.finish(Outcome::Answered, EndedBy::Agent, TRANSFERRED, t);
}

/// The digits after the park code; none: it is another number.
pub(crate) fn park_digits<'a>(code: &str, dialled: &'a str) -> Option<&'a str> {
    dialled.strip_prefix(code).filter(|_| !code.is_empty())
}

/// No answer from whoever parked it (Q.850 19).
const NOBODY_TOOK_IT: Cause = Cause::new(480, 19, Reason::RingLimit);
