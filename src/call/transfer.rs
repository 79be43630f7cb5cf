//! Transfers. Only the phone of a station may ask for one, and it leaves only by the class of service of that station
//! (S1); a trunk's REFER is refused. Blind: the target is called, the transferor told and, if it fails while he is
//! there, given his party back. Attended (Replaces): two conversations of one station become one, in the call that is
//! the customer's; the other call's record ends there, and the leg that moved goes on in the customer's record.

use turno_base::fact::{Party, What};
use turno_base::limits::LEGS_PER_CALL_MAX;
use turno_base::{Cause, EndedBy, LegId, Need, Outcome, Reason, StationId};

use crate::arrive::arrived_leg;
use crate::boundary::{Arrived, From, Transfer};
use crate::call::{Agency, Call, Record, Stage, Talk, Transferring, Waiting};
use crate::dial::{Callee, TRANSFERRED, status};
use crate::leg::{Leg, LegState};
use crate::park::park_digits;
use crate::turn::Turn;

/// What a transfer needs of the conversation it ends.
struct Parted {
    /// Stays.
    stays: LegId,
    agency: Option<Agency>,
}

impl Call {
    /// REFER without Replaces.
    pub(crate) fn on_transfer_asked(&mut self, by: LegId, to: &str, t: &mut Turn<'_>) {
        let Some(station) = self.legs.get(by).and_then(Leg::station) else { return self.refuse_transfer(by, 403, t) };
        if !self.is_conversing(by) {
            return self.transfer_once_talking(by, to, None, t);
        }
        if let Some(digits) = park_digits(&t.config.codes.park, to) {
            return self.on_park_asked(by, digits, t);
        }
        match t.callee(to, Some(station)) {
            Err(cause) => self.refuse_transfer(by, cause.sip, t),
            Ok(Callee::Queue(queue)) => {
                self.tell_transferor(by, Transfer::Done, t);
                let waiting = Waiting::new(queue, Need::Anyone, t);
                self.transfer_to_queue(by, waiting, t);
            }
            Ok(callee @ (Callee::Station(_) | Callee::Outside { .. })) => self.transfer_to(by, callee, t),
        }
    }

    fn transfer_to(&mut self, by: LegId, callee: Callee, t: &mut Turn<'_>) {
        let Some(Parted { stays, agency }) = self.part(by) else { return };
        self.caller = stays;
        match self.dial(callee, t) {
            Ok(dial) => self.stage = Stage::Transferring(Transferring { by: Some(by), agency, dial }),
            Err(cause) => {
                self.refuse_transfer(by, cause.sip, t);
                self.stage = Stage::Talking(Talk { other: by, agency, silent: None, briefing: Vec::new() });
            }
        }
    }

    /// Whoever asks again while his transfer is under way hears of that one alone: progress is told by leg.
    pub(crate) fn refuse_transfer(&mut self, by: LegId, status: u16, t: &mut Turn<'_>) {
        if matches!(&self.stage, Stage::Transferring(transferring) if transferring.by == Some(by)) {
            return t.stale();
        }
        self.tell_transferor(by, Transfer::Failed(status), t);
    }

    /// The transferor is released and ended; his party waits.
    fn transfer_to_queue(&mut self, by: LegId, waiting: Waiting, t: &mut Turn<'_>) {
        let Some(Parted { stays, agency }) = self.part(by) else { return };
        if let Some(agency) = agency {
            t.released(self.id, agency);
        }
        self.end_leg(by, TRANSFERRED, EndedBy::Agent, t);
        self.caller = stays;
        self.enter(waiting, t);
    }

    /// The transfer came to nothing: back to the transferor if he is there, else back to the queue, else the end.
    pub(crate) fn on_transfer_failed(&mut self, cause: Cause, t: &mut Turn<'_>) {
        let Stage::Transferring(Transferring { by, agency, .. }) = &mut self.stage else { return };
        let (by, agency) = (by.take(), agency.take());
        if let Some(by) = by {
            self.tell_transferor(by, Transfer::Failed(status(cause)), t);
            self.stage = Stage::Talking(Talk { other: by, agency, silent: None, briefing: Vec::new() });
            return;
        }
        let agent_waits = agency.is_some();
        if let Some(agency) = agency {
            t.released(self.id, agency);
        }
        match self.came.clone().filter(|_| !agent_waits) {
            Some(came) => self.enter_again(came, t),
            None if self.parker.is_some() && !agent_waits => self.go_back(t),
            None => self.finish(Outcome::Failed, EndedBy::Us, cause, t),
        }
    }

    /// Both parties are answered, and `leg` is one of them.
    pub(crate) fn is_conversing(&self, leg: LegId) -> bool {
        let Stage::Talking(talk) = &self.stage else { return false };
        (leg == self.caller || leg == talk.other) && self.legs.is_up(self.caller) && self.legs.is_up(talk.other)
    }

    /// Takes a conversation apart around `leaves`, who is in it: who stays, and the agent who had it.
    pub(crate) fn part_from(&mut self, leaves: LegId) -> Option<(LegId, Option<Agency>)> {
        self.part(leaves).map(|Parted { stays, agency }| (stays, agency))
    }

    fn part(&mut self, leaves: LegId) -> Option<Parted> {
        let Stage::Talking(Talk { other, agency, .. }) = &mut self.stage else { return None };
        let stays = if leaves == self.caller { *other } else { self.caller };
        Some(Parted { stays, agency: agency.take() })
    }

    /// Whether two legs are at one station: nobody transfers what is not his.
    fn station_of(&self, leg: LegId) -> Option<StationId> {
        self.legs.get(leg).filter(|leg| !leg.is_ending()).and_then(Leg::station)
    }

    /// A leg of another call goes on here, under this call's record. It stays in its station's count all the while: at
    /// nought for a moment the ACD would offer its agent another call.
    pub(crate) fn adopt(&mut self, id: LegId, from: &mut Call, t: &mut Turn<'_>) {
        let Some(leg) = from.legs.remove(id) else { return };
        // At once: whatever else may fail, the leg is somebody's.
        t.house.legs.insert(id, self.id);
        self.legs.push(Leg { segment: None, ..leg });
        t.fact(What::LegEnded { call: from.id, leg: id, cause: TRANSFERRED, by: EndedBy::Agent });
        let Some(leg) = self.legs.get(id) else { return };
        self.say_began(leg, t);
        if matches!(leg.state, LegState::Dialled { ringing: true }) {
            t.fact(What::LegRinging { call: self.id, leg: id });
        }
        if leg.is_up() {
            t.fact(What::LegAnswered { call: self.id, leg: id });
        }
    }

    /// Whether a new leg may take the place of this one (RFC 3891 §3): a confirmed conversation with room for it.
    pub(crate) fn is_replaceable(&self, leg: LegId) -> bool {
        self.is_conversing(leg) && self.legs.len() < LEGS_PER_CALL_MAX && self.record == Record::Durable
    }

    /// An INVITE with Replaces: the new leg takes the place of `replaced`.
    pub(crate) fn on_replaced(&mut self, arrived: Arrived, replaced: LegId, t: &mut Turn<'_>) {
        let Arrived { leg, sip_call_id, from, ani, display: _, dnis, kind: _, replaces: _ } = arrived;
        let From::Station(station, agent) = from else { return };
        let Some(Parted { stays, agency }) = self.part(replaced) else { return };
        let party = agent.map_or(Party::Station(station), |agent| Party::Agent(agent, station));
        self.begin_leg(arrived_leg(leg, sip_call_id, party, ani, dnis), t);
        self.end_leg(replaced, TRANSFERRED, EndedBy::Agent, t);
        self.caller = stays;
        self.hand_over(leg, agency, t);
    }
}

/// What the consultation is that an attended transfer names.
#[derive(Clone, Copy)]
enum Consultation {
    /// Its parties talk.
    Talks,
    /// Its party is still being called.
    Rings,
    /// It waits in a queue.
    Waits,
}

fn consultation(call: &Call, leg: LegId) -> Option<Consultation> {
    match &call.stage {
        Stage::Talking(_) => call.is_conversing(leg).then_some(Consultation::Talks),
        Stage::Ringing(_) => (call.caller == leg).then_some(Consultation::Rings),
        Stage::Waiting(waiting) => (call.caller == leg && !waiting.is_asking()).then_some(Consultation::Waits),
        Stage::Arriving { .. }
        | Stage::Transferring(_)
        | Stage::CallingBack(_)
        | Stage::Saying { .. }
        | Stage::Coding { .. }
        | Stage::Parked(_)
        | Stage::Choosing(_)
        | Stage::Leaving(_)
        | Stage::Ending => None,
    }
}

/// REFER with Replaces: `by`, in `asked`, wants his party there connected with the party of `named`, in `other`.
pub(crate) fn attend(asked: &mut Call, by: LegId, other: &mut Call, named: LegId, t: &mut Turn<'_>) {
    let (Some(mine), Some(his)) = (asked.station_of(by), other.station_of(named)) else {
        return asked.refuse_transfer(by, 403, t);
    };
    if mine != his {
        return asked.refuse_transfer(by, 403, t);
    }
    if !asked.is_conversing(by) {
        return asked.transfer_once_talking(by, "", Some(named), t);
    }
    let Some(kind) = consultation(other, named) else { return asked.refuse_transfer(by, 481, t) };
    if asked.legs.len() >= LEGS_PER_CALL_MAX || other.legs.len() >= LEGS_PER_CALL_MAX {
        return asked.refuse_transfer(by, 503, t);
    }
    asked.tell_transferor(by, Transfer::Done, t);
    match kind {
        // The customer's call goes on, whichever of its two calls the phone asked in.
        Consultation::Talks if other.is_customers() && !asked.is_customers() => join(other, named, asked, by, t),
        Consultation::Talks => join(asked, by, other, named, t),
        Consultation::Rings => join_ringing(asked, by, other, t),
        Consultation::Waits => join_waiting(asked, by, other, t),
    }
}

/// Both talk: the party of `gone` comes to the party of `kept`, and the station's two legs end.
fn join(kept: &mut Call, by: LegId, gone: &mut Call, named: LegId, t: &mut Turn<'_>) {
    let (Some(here), Some(there)) = (kept.part(by), gone.part(named)) else { return };
    kept.caller = here.stays;
    kept.end_leg(by, TRANSFERRED, EndedBy::Agent, t);
    gone.talked = true;
    kept.adopt(there.stays, gone, t);
    // An agent who came with the other call has this one before he is released from that.
    kept.hand_over(there.stays, here.agency, t);
    if let Some(agency) = there.agency {
        t.released(gone.id, agency);
    }
    gone.finish(Outcome::Answered, EndedBy::Agent, TRANSFERRED, t);
}

/// The consulted party still rings: it goes on ringing, for the other party, as in a blind transfer.
fn join_ringing(kept: &mut Call, by: LegId, gone: &mut Call, t: &mut Turn<'_>) {
    let Stage::Ringing(dial) = &gone.stage else { return };
    let dial = dial.clone();
    let Some(Parted { stays, agency }) = kept.part(by) else { return };
    kept.caller = stays;
    kept.end_leg(by, TRANSFERRED, EndedBy::Agent, t);
    kept.adopt(dial.leg, gone, t);
    kept.stage =
        Stage::Transferring(Transferring { by: None, agency: agency.filter(|agency| agency.leg == stays), dial });
    if let Some(agency) = agency.filter(|agency| agency.leg != stays) {
        t.released(kept.id, agency);
    }
    gone.finish(Outcome::Cancelled, EndedBy::Agent, TRANSFERRED, t);
}

/// The station waits in a queue for somebody to consult: its party waits there instead.
fn join_waiting(kept: &mut Call, by: LegId, gone: &mut Call, t: &mut Turn<'_>) {
    let Stage::Waiting(waiting) = &gone.stage else { return };
    let (queue, need) = (waiting.queue, waiting.need.clone());
    gone.finish(Outcome::Cancelled, EndedBy::Agent, TRANSFERRED, t);
    let waiting = Waiting::new(queue, need, t);
    kept.transfer_to_queue(by, waiting, t);
}

/// The refusal of an INVITE whose Replaces names no conversation (RFC 3891 §3).
pub(crate) const NO_SUCH_DIALOG: Cause = Cause::new(481, 1, Reason::NotFound);
