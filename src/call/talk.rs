//! What happens on legs, and how conversations end: by hang-up, by silence, by a limit. When the agent's leg dies
//! without his wish, the caller goes back to the queue instead of being dropped (E10).

use turno_base::fact::{DialogId, OfferEnd, QueueLeft, What};
use turno_base::{Cause, Direction, EndedBy, LegId, Now, Outcome, Quality, Reason};

use crate::boundary::{LegCommand, LegEvent, Transfer};
use crate::call::{
    Agency, Call, Came, Choosing, Dialling, FIGURES_WAIT, Leaving, Place, RESCUE_GRACE, Record, Stage, Talk, Taping,
    Transferring,
};
use crate::leg::{Hears, Leg, LegState};
use crate::turn::Turn;
use crate::wait::{OVERFLOWED, offer_end};

impl Call {
    pub(crate) fn on_leg(&mut self, leg: LegId, event: LegEvent, t: &mut Turn<'_>) {
        match event {
            LegEvent::Named(dialog) => self.on_named(leg, dialog, t),
            LegEvent::Ringing => self.on_ringing(leg, t),
            LegEvent::Agreed { direction } => self.on_agreed(leg, direction, t),
            LegEvent::Answered => self.on_answered(leg, t),
            LegEvent::Ended { cause, by_peer } => self.on_ended(leg, cause, by_peer, t),
            LegEvent::TransferAsked { to, replaces: _ } => self.on_transfer_asked(leg, &to, t),
            LegEvent::PlayEnded => self.on_play_ended(leg, t),
            LegEvent::MediaSilent { heard } => self.on_silent(leg, heard, t),
            LegEvent::MediaFailed => self.on_media_failed(leg, t),
            LegEvent::NoPorts => self.on_no_ports(leg, t),
            LegEvent::Taped(end) => self.on_taped(end, t),
            LegEvent::Quality { quality, heard } => self.on_quality(leg, quality, heard, t),
            LegEvent::Key(key) => self.on_key(leg, key, t),
            // SIP ends a leg whose ACK never comes.
            LegEvent::Confirmed => {}
        }
    }

    fn on_named(&mut self, id: LegId, dialog: DialogId, t: &mut Turn<'_>) {
        let Some(leg) = self.legs.get_mut(id) else { return t.stale() };
        leg.dialog = Some(dialog.clone());
        t.fact(What::LegDialog { call: self.id, leg: id, dialog });
    }

    fn on_ringing(&mut self, id: LegId, t: &mut Turn<'_>) {
        let Some(leg) = self.legs.get_mut(id) else { return t.stale() };
        // Repeated 180s are ordinary.
        let LegState::Dialled { ringing: ringing @ false } = &mut leg.state else { return };
        *ringing = true;
        t.fact(What::LegRinging { call: self.id, leg: id });
        if self.is_dialling(id) {
            self.on_dial_ringing(t);
        } else {
            self.on_offer_ringing(id, t);
        }
    }

    fn on_agreed(&mut self, id: LegId, direction: Direction, t: &mut Turn<'_>) {
        let dialling = self.is_dialling(id);
        let Some(leg) = self.legs.get_mut(id) else { return t.stale() };
        leg.held = direction != Direction::SendRecv;
        if dialling && matches!(leg.state, LegState::Dialled { .. }) && !leg.early {
            leg.early = true;
            self.on_dial_early(t);
        }
    }

    fn on_answered(&mut self, id: LegId, t: &mut Turn<'_>) {
        let Some(leg) = self.legs.get_mut(id) else { return t.stale() };
        match &mut leg.state {
            LegState::Dialled { .. } => {
                leg.state = LegState::Up;
                t.fact(What::LegAnswered { call: self.id, leg: id });
                if self.is_dialling(id) {
                    self.on_dial_answered(id, t);
                } else {
                    self.on_offer_answered(id, t);
                }
            }
            // The answer crossed our CANCEL: it is a fact of the leg, and changes nothing (RFC 3261 §9.1).
            LegState::Ending { answered: answered @ false, .. } => {
                *answered = true;
                t.fact(What::LegAnswered { call: self.id, leg: id });
            }
            LegState::Arrived { .. } | LegState::Up | LegState::Ending { .. } | LegState::Lost { .. } => t.stale(),
        }
    }

    pub(crate) fn on_ended(&mut self, id: LegId, cause: Cause, by_peer: bool, t: &mut Turn<'_>) {
        if !self.is_lost_by(id, cause, by_peer, t) {
            self.on_over(id, cause, by_peer, t);
        }
    }

    /// A leg is no more, for its call too.
    pub(crate) fn on_over(&mut self, id: LegId, cause: Cause, by_peer: bool, t: &mut Turn<'_>) {
        let Some(leg) = self.legs.get(id) else { return t.stale() };
        let (by, expected) = match leg.state {
            LegState::Ending { by, .. } => (by, true),
            LegState::Arrived { .. } | LegState::Dialled { .. } | LegState::Up | LegState::Lost { .. } => {
                match (by_peer, id == self.caller) {
                    (true, true) => (EndedBy::Caller, false),
                    (true, false) => (EndedBy::Agent, false),
                    (false, _) => (EndedBy::Us, false),
                }
            }
        };
        let dialling = self.is_dialling(id);
        if let Some(leg) = self.remove_leg(id, cause, by, t) {
            if leg.owes_figures {
                self.figures.push((id, t.now.mono + FIGURES_WAIT));
            } else {
                t.house.legs.remove(&id);
            }
        }
        match expected {
            true => {}
            false if dialling => self.on_dial_failed(cause, t),
            false if id == self.caller => self.on_caller_gone(cause, by_peer, t),
            false => self.on_other_gone(id, cause, by_peer, t),
        }
    }

    /// The caller's leg ended by itself.
    fn on_caller_gone(&mut self, cause: Cause, by_peer: bool, t: &mut Turn<'_>) {
        let said = match &self.stage {
            Stage::Saying { outcome, .. } => *outcome,
            // Whoever speaks has left something.
            Stage::Leaving(Leaving { taping: Taping::Now | Taping::After, .. }) => Some(Outcome::NoAnswer),
            Stage::Arriving { .. }
            | Stage::Waiting(_)
            | Stage::Ringing(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => None,
        };
        if by_peer {
            self.finish(said.unwrap_or(Outcome::Abandoned), EndedBy::Caller, Cause::NORMAL, t);
        } else {
            self.finish(Outcome::Failed, EndedBy::Us, cause, t);
        }
    }

    /// A leg that is neither the caller's nor being dialled ended by itself.
    fn on_other_gone(&mut self, id: LegId, cause: Cause, by_peer: bool, t: &mut Turn<'_>) {
        match &mut self.stage {
            Stage::Waiting(_) => self.on_offer_failed(id, offer_end(cause), t),
            Stage::Talking(talk) if talk.other == id => self.on_partner_gone(cause, by_peer, t),
            Stage::Transferring(transferring) if transferring.by == Some(id) => self.on_transferor_gone(t),
            Stage::CallingBack(dialling) if dialling.agency.is_some_and(|agency| agency.leg == id) => {
                self.on_agent_left(cause, by_peer, t);
            }
            Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => {}
        }
    }

    /// The other party of a conversation is gone: by its wish, the conversation is over; against it, a caller who came
    /// from a queue returns there.
    fn on_partner_gone(&mut self, cause: Cause, by_peer: bool, t: &mut Turn<'_>) {
        // Who hangs up before he has heard the caller has not served him.
        let is_heard = matches!(&self.stage, Stage::Talking(talk) if talk.briefing.is_empty());
        if (!by_peer || !is_heard)
            && let Some(came) = self.rescuable()
        {
            self.leave_acd(QueueLeft::Failed, t);
            return self.rescue(came, t);
        }
        match by_peer {
            true => self.finish(Outcome::NoAnswer, EndedBy::Agent, Cause::NORMAL, t),
            false => self.finish(Outcome::Failed, EndedBy::Us, cause, t),
        }
    }

    /// Where a caller whose agent's leg dies goes back to.
    pub(crate) fn rescuable(&self) -> Option<Came> {
        let Stage::Talking(Talk { other, agency: Some(agency), .. }) = &self.stage else { return None };
        let waits = self.legs.get(self.caller).is_some_and(|leg| !leg.is_ending());
        self.came.clone().filter(|_| agency.leg == *other && waits)
    }

    pub(crate) fn on_transferor_gone(&mut self, t: &mut Turn<'_>) {
        let Stage::Transferring(Transferring { by, agency, .. }) = &mut self.stage else { return };
        *by = None;
        let left = |agency: &Agency| self.caller != agency.leg;
        if let Some(agency) = agency.take_if(|agency| left(agency)) {
            t.released(self.id, agency);
        }
    }

    fn on_play_ended(&mut self, leg: LegId, t: &mut Turn<'_>) {
        let Some(what) = self.after_speech(leg, t) else { return t.stale() };
        match &mut self.stage {
            Stage::Waiting(_) => self.on_waiting_said(what, t),
            Stage::CallingBack(dialling) => dialling.whisper.clear(),
            Stage::Talking(talk) if talk.other == leg => talk.briefing.clear(),
            Stage::Choosing(_) => self.on_menu_said(t),
            Stage::Leaving(_) => self.on_mailbox_said(t),
            Stage::Saying { then, outcome, .. } => {
                let (then, outcome) = (*then, outcome.unwrap_or(Outcome::Cancelled));
                self.finish(outcome, EndedBy::Us, then, t);
            }
            Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Ending => {}
        }
    }

    fn on_silent(&mut self, id: LegId, heard: Now, t: &mut Turn<'_>) {
        if !self.legs.is_up(id) {
            return t.stale();
        }
        if id == self.caller {
            return self.clear(heard, t);
        }
        if matches!(self.stage, Stage::CallingBack(_)) {
            t.fact(What::LegSilent { call: self.id, leg: id, heard });
            return self.on_agent_left(SILENT, false, t);
        }
        let rescuable = self.rescuable().is_some();
        match &mut self.stage {
            Stage::Talking(talk) if talk.other == id && rescuable => {
                talk.silent.get_or_insert((t.now.mono + RESCUE_GRACE, heard));
            }
            Stage::Talking(talk) if talk.other == id => self.clear(heard, t),
            Stage::Transferring(transferring) if transferring.by == Some(id) => {
                t.fact(What::LegSilent { call: self.id, leg: id, heard });
                self.end_leg(id, SILENT, EndedBy::Us, t);
                self.on_transferor_gone(t);
            }
            Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Waiting(_)
            | Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => t.stale(),
        }
    }

    /// Nothing is heard of the call any more: it is over for everybody who was in it since something was heard last.
    fn clear(&mut self, heard: Now, t: &mut Turn<'_>) {
        for leg in self.legs.iter().filter(|leg| leg.is_up()) {
            t.fact(What::LegSilent { call: self.id, leg: leg.id, heard });
        }
        self.finish(Outcome::Failed, EndedBy::Us, SILENT, t);
    }

    fn on_media_failed(&mut self, id: LegId, t: &mut Turn<'_>) {
        if self.legs.get(id).is_none_or(Leg::is_ending) {
            return t.stale();
        }
        let dialling = self.is_dialling(id);
        if id == self.caller && !dialling {
            return self.finish(Outcome::Failed, EndedBy::Us, MEDIA_FAILED, t);
        }
        self.end_leg(id, MEDIA_FAILED, EndedBy::Us, t);
        if dialling {
            return self.on_dial_failed(MEDIA_FAILED, t);
        }
        match &self.stage {
            Stage::Waiting(_) => self.on_offer_failed(id, OfferEnd::Unreachable, t),
            Stage::Talking(talk) if talk.other == id => self.on_partner_gone(MEDIA_FAILED, false, t),
            Stage::Transferring(transferring) if transferring.by == Some(id) => self.on_transferor_gone(t),
            Stage::CallingBack(_) => self.on_agent_left(MEDIA_FAILED, false, t),
            Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => {}
        }
    }

    /// All ports are in use: whoever calls is refused as by any other overload, and comes back when there is room.
    fn on_no_ports(&mut self, id: LegId, t: &mut Turn<'_>) {
        let Some(leg) = self.legs.get_mut(id).filter(|leg| !leg.is_ending()) else { return t.stale() };
        leg.state = LegState::Arrived { ringing: true };
        leg.early = false;
        leg.owes_figures = false;
        if id == self.caller {
            return self.finish(Outcome::Failed, EndedBy::Us, NO_PORTS, t);
        }
        self.end_leg(id, NO_PORTS, EndedBy::Us, t);
        if matches!(&self.stage, Stage::Talking(talk) if talk.other == id) {
            self.on_partner_gone(NO_PORTS, false, t);
        }
    }

    fn on_quality(&mut self, id: LegId, quality: Quality, heard: Now, t: &mut Turn<'_>) {
        self.on_lost(id, Some(heard), t);
        let awaited = match self.figures.iter().position(|&(leg, _)| leg == id) {
            Some(at) => {
                self.figures.swap_remove(at);
                t.house.legs.remove(&id);
                true
            }
            None => self.legs.get_mut(id).is_some_and(|leg| std::mem::take(&mut leg.owes_figures)),
        };
        if awaited {
            self.on_stuck(id, heard, t);
        }
        match awaited {
            true => t.fact(What::LegQuality { call: self.id, leg: id, quality }),
            false => t.stale(),
        }
    }

    /// The process is new: media is gone, and every party is told good-bye.
    pub(crate) fn on_restarted(&mut self, t: &mut Turn<'_>) {
        for (leg, _) in self.figures.drain(..) {
            t.house.legs.remove(&leg);
        }
        for leg in self.legs.iter_mut() {
            leg.owes_figures = false;
        }
        self.let_go(None, t);
        self.finish(Outcome::Failed, EndedBy::Us, Cause::new(503, 41, Reason::Restart), t);
    }

    /// A fault was contained to this call; what it was doing is not known to be whole.
    pub(crate) fn on_fault(&mut self, t: &mut Turn<'_>) {
        self.let_go(None, t);
        self.finish(Outcome::Failed, EndedBy::Us, FAULT, t);
        self.end_all(FAULT, EndedBy::Us, t);
    }

    pub(crate) fn on_deadline(&mut self, t: &mut Turn<'_>) {
        let now = t.now.mono;
        self.on_leg_deadlines(t);
        if matches!(self.stage, Stage::Ending) {
            return;
        }
        if matches!(self.record, Record::Asked { give_up_at } if give_up_at <= now) {
            return self.finish(Outcome::Failed, EndedBy::Us, UNRECORDED, t);
        }
        if self.ends_at <= now {
            return self.on_duration_limit(t);
        }
        if self.early_until().is_some_and(|until| until <= now) {
            return self.on_early_limit(t);
        }
        if self.asked_ahead.as_ref().is_some_and(|asked| asked.give_up_at <= now) {
            return self.give_up_ahead(t);
        }
        match &self.stage {
            Stage::Arriving { known_by, .. } if *known_by <= now => {
                self.finish(Outcome::Failed, EndedBy::Us, UNRECORDED, t)
            }
            Stage::Waiting(waiting) => match waiting.place {
                Place::Asking { known_by } if known_by <= now => {
                    self.finish(Outcome::Failed, EndedBy::Us, UNRECORDED, t)
                }
                Place::Out { since } if since <= now => self.finish(Outcome::NoAnswer, EndedBy::Us, OVERFLOWED, t),
                Place::Asking { .. } | Place::Out { .. } | Place::Entering | Place::In => {}
            },
            Stage::Ringing(dial)
            | Stage::Transferring(Transferring { dial, .. })
            | Stage::CallingBack(Dialling { dial, .. })
                if dial.ring_until <= now =>
            {
                self.on_dial_limit(t);
            }
            Stage::Choosing(Choosing { until: Some(until), .. }) if *until <= now => self.on_menu_limit(t),
            Stage::Parked(parked) if parked.until <= now => self.on_park_limit(t),
            Stage::Talking(Talk { other, silent: Some((until, heard)), .. }) if *until <= now => {
                let (other, heard) = (*other, *heard);
                if self.legs.is_up(other) {
                    t.fact(What::LegSilent { call: self.id, leg: other, heard });
                }
                self.end_leg(other, SILENT, EndedBy::Us, t);
                self.on_partner_gone(SILENT, false, t);
            }
            Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => {}
        }
    }

    fn on_leg_deadlines(&mut self, t: &mut Turn<'_>) {
        let now = t.now.mono;
        let given_up = |leg: &Leg| leg.give_up_at().is_some_and(|at| at <= now);
        while let Some(id) = self.legs.find(|leg| matches!(leg.state, LegState::Ending { .. }) && given_up(leg)) {
            self.on_ended(id, Cause::new(408, 102, Reason::Unreachable), false, t);
        }
        while let Some(id) = self.legs.find(|leg| matches!(leg.state, LegState::Lost { .. }) && given_up(leg)) {
            self.on_lost(id, None, t);
        }
        if self.stuck_until().is_some_and(|until| until <= now) {
            self.let_go(None, t);
        }
        let said = |hears: Hears| matches!(hears, Hears::Speech { until, .. } if until <= now);
        if let Some(id) = self.legs.find(|leg| !leg.is_ending() && said(leg.hears)) {
            self.on_play_ended(id, t);
        }
        let Call { figures, .. } = self;
        figures.retain(|&(leg, until)| {
            if until <= now {
                t.house.legs.remove(&leg);
            }
            until > now
        });
    }

    /// What the transferor is told when he is still there.
    pub(crate) fn tell_transferor(&mut self, by: LegId, transfer: Transfer, t: &mut Turn<'_>) {
        if self.legs.get(by).is_some_and(|leg| !leg.is_ending()) {
            t.leg(by, LegCommand::TransferProgress(transfer));
        }
    }
}

/// No media from the peer.
const SILENT: Cause = Cause::new(480, 41, Reason::MediaSilent);
/// A fault of ours.
const FAULT: Cause = Cause::new(500, 41, Reason::Fault);
/// No media session for the peer (Q.850 41): it did not open, or broke. Who is not answered yet may come back (503).
const MEDIA_FAILED: Cause = Cause::new(503, 41, Reason::Fault);
/// No port is free (Q.850 47, resource unavailable).
const NO_PORTS: Cause = Cause::new(503, 47, Reason::Overload);
/// The store or the look-up is silent: refused before a record is lost.
const UNRECORDED: Cause = Cause::new(503, 41, Reason::Overload);
