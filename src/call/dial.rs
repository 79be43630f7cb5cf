//! Calling a party that no queue gave: a station, an agent where he sits, a number outside by the class of service of
//! whoever asks for it (S1: nobody who is not named), trunk after trunk.

use turno_base::fact::Party;
use turno_base::{Cause, EndedBy, LegId, Name, Outcome, QueueId, Reason, StationId, TrunkId};

use crate::arrive::{NOT_FOUND, NOT_SEATED};
use crate::boundary::{AcdTell, DialTo, LegCommand, Transfer};
use crate::call::{Agency, Call, Dial, Dialling, Rings, Stage, Transferring};
use crate::dialplan;
use crate::leg::LegState;
use crate::plan::Extension;
use crate::turn::Turn;

/// What a dialled number means.
pub(crate) enum Callee {
    Queue(QueueId),
    Station(StationId),
    Outside { number: String, trunks: Vec<TrunkId>, charged: Option<StationId> },
}

const FORBIDDEN: Cause = Cause::new(403, 21, Reason::Forbidden);
/// No trunk is named for the number (Q.850 34, no circuit).
const NO_TRUNK: Cause = Cause::new(503, 34, Reason::Unreachable);
const LEGS_FULL: Cause = Cause::new(503, 42, Reason::Overload);

impl Turn<'_> {
    /// What `dialled` means for somebody at `station`: an extension, else a number outside.
    pub(crate) fn callee(&self, dialled: &str, station: Option<StationId>) -> Result<Callee, Cause> {
        match self.config.extensions.get(dialled) {
            Some(Extension::Queue(queue)) => Ok(Callee::Queue(*queue)),
            Some(Extension::Station(station)) => Ok(Callee::Station(*station)),
            Some(Extension::Agent(agent)) => {
                self.house.seats.get(agent).copied().map(Callee::Station).ok_or(NOT_SEATED)
            }
            None => {
                let class = station.and_then(|station| self.config.station_class.get(&station));
                self.callee_outside(dialled, class, station)
            }
        }
    }

    /// A number outside by a class of service; refused as unknown if no class at all could call it.
    pub(crate) fn callee_outside(
        &self,
        number: &str,
        class: Option<&Name>,
        charged: Option<StationId>,
    ) -> Result<Callee, Cause> {
        let class = class.and_then(|name| self.config.outside.get(name));
        let Some((class, trunks)) = class.and_then(|class| Some((class, dialplan::trunks(class, number)?))) else {
            let exists = self.config.outside.values().any(|class| dialplan::trunks(class, number).is_some());
            return Err(if exists { FORBIDDEN } else { NOT_FOUND });
        };
        let calls = charged.and_then(|station| self.house.outside.get(&station)).copied().unwrap_or(0);
        if charged.is_some() && calls >= class.calls_max {
            return Err(FORBIDDEN);
        }
        if trunks.is_empty() {
            return Err(NO_TRUNK);
        }
        Ok(Callee::Outside { number: number.to_owned(), trunks: trunks.to_vec(), charged })
    }

    pub(crate) fn party_at(&self, station: StationId) -> Party {
        self.house.sitters.get(&station).map_or(Party::Station(station), |&agent| Party::Agent(agent, station))
    }
}

impl Call {
    /// Calls a party for the caller, who is not in a conversation.
    pub(crate) fn ring(&mut self, callee: Callee, t: &mut Turn<'_>) {
        match self.dial(callee, t) {
            Ok(dial) => self.stage = Stage::Ringing(dial),
            Err(cause) => self.finish(Outcome::Failed, EndedBy::Us, cause, t),
        }
    }

    pub(crate) fn dial(&mut self, callee: Callee, t: &mut Turn<'_>) -> Result<Dial, Cause> {
        let ring_until = t.now.mono + t.config.ring_limit;
        match callee {
            Callee::Queue(_) => Err(NOT_FOUND),
            Callee::Station(station) => {
                let party = t.party_at(station);
                let leg = self.dial_leg(DialTo::Station(station), party, None, Rings::Privately, t).ok_or(LEGS_FULL)?;
                Ok(Dial { leg, number: String::new(), rest: Vec::new(), charged: None, ring_until })
            }
            Callee::Outside { number, mut trunks, charged } => {
                if trunks.is_empty() {
                    return Err(NO_TRUNK);
                }
                let first = trunks.remove(0);
                let to = DialTo::Trunk(first, number.clone());
                let leg = self.dial_leg(to, Party::Outside(first), charged, Rings::Plainly, t).ok_or(LEGS_FULL)?;
                Ok(Dial { leg, number, rest: trunks, charged, ring_until })
            }
        }
    }

    fn dialling(&mut self) -> Option<&mut Dial> {
        match &mut self.stage {
            Stage::Ringing(dial)
            | Stage::Transferring(Transferring { dial, .. })
            | Stage::CallingBack(Dialling { dial, .. }) => Some(dial),
            Stage::Arriving { .. }
            | Stage::Waiting(_)
            | Stage::Talking(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => None,
        }
    }

    pub(crate) fn is_dialling(&mut self, leg: LegId) -> bool {
        self.dialling().is_some_and(|dial| dial.leg == leg)
    }

    /// The called party rings: so does the caller's phone, and whoever transferred him hears of it.
    pub(crate) fn on_dial_ringing(&mut self, t: &mut Turn<'_>) {
        if let Some(caller) = self.legs.get_mut(self.caller)
            && let LegState::Arrived { ringing: ringing @ false } = &mut caller.state
        {
            *ringing = true;
            t.leg(self.caller, LegCommand::Ring);
        }
        if let Stage::Transferring(Transferring { by: Some(by), .. }) = self.stage {
            self.tell_transferor(by, Transfer::Ringing, t);
        }
    }

    /// The called party sends audio before the answer: an unanswered caller may hear it.
    pub(crate) fn on_dial_early(&mut self, t: &mut Turn<'_>) {
        self.open_early(self.caller, t);
    }

    pub(crate) fn on_dial_answered(&mut self, leg: LegId, t: &mut Turn<'_>) {
        if matches!(self.stage, Stage::CallingBack(_)) {
            return self.on_customer_answered(t);
        }
        if leg == self.caller {
            // His call was placed for him: from now on he has dialled.
            return self.decide(t);
        }
        let taken = match &mut self.stage {
            Stage::Transferring(Transferring { by, agency, .. }) => Some((by.take(), agency.take())),
            Stage::Ringing(_)
            | Stage::Arriving { .. }
            | Stage::Waiting(_)
            | Stage::Talking(_)
            | Stage::CallingBack(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => None,
        };
        let Some((by, agency)) = taken else { return self.talk_with(leg, None, t) };
        if let Some(by) = by {
            self.tell_transferor(by, Transfer::Done, t);
            self.end_leg(by, TRANSFERRED, EndedBy::Agent, t);
        }
        self.hand_over(leg, agency, t);
    }

    /// The conversation goes on with `other`. If its agent remains as the caller, he keeps it; else the agent at the new
    /// leg has it from now on, if it is a customer's, and the one before is released. In this order: the new agent's
    /// station is not free of private calls before he has the conversation, or he would be offered another; and his
    /// wrap-up is that of the conversation, which must not be over in between.
    pub(crate) fn hand_over(&mut self, other: LegId, agency: Option<Agency>, t: &mut Turn<'_>) {
        self.consult = None;
        let stays = agency.filter(|agency| agency.leg == self.caller);
        let joins = self.party_agent(other).filter(|_| stays.is_none() && self.is_customers());
        let left = agency.filter(|agency| agency.leg != self.caller);
        // Who only took another phone has it still.
        let same = left.map(|left| left.agent) == joins.map(|(agent, _)| agent);
        if let Some((agent, _)) = joins.filter(|_| !same) {
            t.acd(self.id, AcdTell::Joined(agent));
        }
        if let Some(left) = left.filter(|_| !same) {
            t.released(self.id, left);
        }
        self.talk_with(other, joins, t);
        if joins.is_some() {
            self.make_public(other, t);
        }
        if let (Some(stays), Stage::Talking(talk)) = (stays, &mut self.stage) {
            talk.agency = Some(stays);
        }
    }

    /// The called party cannot be had: the next trunk, the way back, or the end.
    pub(crate) fn on_dial_failed(&mut self, cause: Cause, t: &mut Turn<'_>) {
        if matches!(self.stage, Stage::CallingBack(_)) {
            return self.on_attempt_failed(cause, is_worth_another_trunk(cause), t);
        }
        let Some(dial) = self.dialling() else { return };
        if is_worth_another_trunk(cause) && !dial.rest.is_empty() {
            let (trunk, number, charged) = (dial.rest.remove(0), dial.number.clone(), dial.charged);
            let to = DialTo::Trunk(trunk, number);
            if let Some(leg) = self.dial_leg(to, Party::Outside(trunk), charged, Rings::Plainly, t)
                && let Some(dial) = self.dialling()
            {
                dial.leg = leg;
                return;
            }
        }
        match self.stage {
            Stage::Transferring(_) => self.on_transfer_failed(cause, t),
            Stage::Ringing(_)
            | Stage::Arriving { .. }
            | Stage::Waiting(_)
            | Stage::Talking(_)
            | Stage::CallingBack(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => {
                let (outcome, by) = verdict_of(cause);
                self.finish(outcome, by, Cause { sip: status(cause), ..cause }, t);
            }
        }
    }

    /// The ring limit passed.
    pub(crate) fn on_dial_limit(&mut self, t: &mut Turn<'_>) {
        let Some(dial) = self.dialling() else { return };
        dial.rest.clear();
        let leg = dial.leg;
        let cause = Cause::new(480, 19, Reason::RingLimit);
        self.end_leg(leg, cause, EndedBy::Us, t);
        self.on_dial_failed(cause, t);
    }
}

/// Handed on.
pub(crate) const TRANSFERRED: Cause = Cause::new(200, 16, Reason::Transferred);

/// The trunk is at fault, not the number (RFC 3261 §21.5; 408 is what an unanswered transaction ends as, §8.1.3.1).
fn is_worth_another_trunk(cause: Cause) -> bool {
    cause.reason == Reason::Unreachable || matches!(cause.sip, 408 | 500..=599)
}

/// What the one who asked is told: the party's own final status, if it was one.
pub(crate) fn status(cause: Cause) -> u16 {
    if (400..=699).contains(&cause.sip) { cause.sip } else { 480 }
}

pub(crate) fn verdict_of(cause: Cause) -> (Outcome, EndedBy) {
    match (cause.sip, cause.reason) {
        (_, Reason::RingLimit) => (Outcome::NoAnswer, EndedBy::Us),
        (_, Reason::Unreachable | Reason::Fault) => (Outcome::Failed, EndedBy::Us),
        (486 | 600, _) => (Outcome::Busy, EndedBy::Agent),
        (408 | 480 | 487, _) => (Outcome::NoAnswer, EndedBy::Agent),
        (500..=599, _) => (Outcome::Failed, EndedBy::Us),
        _ => (Outcome::Rejected, EndedBy::Agent),
    }
}
