//! Calls that call a customer back. The ACD says when, and holds his place; this room has the legs.
//!
//! With the agent first the call begins as a waiting one without a caller: offers ring agents, and whoever is connected hears
//! the customer being dialled. With the customer first he is dialled at once, and his answer makes it a waiting call
//! like any other. Only the customer's canonical number is ever dialled, by the class of service of callbacks.

use turno_base::fact::{CallbackResult, Party, What};
use turno_base::limits::LEGS_PER_CALL_MAX;
use turno_base::{Cause, EndedBy, LegId, Number, Outcome, Reason};

use crate::boundary::{AcdTell, CallEffect, CallingBack, DialTo, LegCommand};
use crate::call::{Agency, Back, Call, Came, Dial, Dialling, Offer, Place, RECORD_WAIT, Record, Stage, Waiting};
use crate::dial::{Callee, verdict_of};
use crate::leg::{Leg, LegState};
use crate::turn::Turn;
use crate::wait::OVERFLOWED;

impl Call {
    /// A new call that nobody has made: the ACD wants a customer called back.
    pub(crate) fn begin_back(back: CallingBack, t: &mut Turn<'_>) -> Call {
        let CallingBack { call: id, number, queue, need, first, attempt, agent_first, ring_limit, customer } = back;
        let number = Number { raw: number.to_string(), e164: Some(number), withheld: false };
        let shown = t.config.callback_shows.clone();
        t.fact(What::CallArrived { call: id, ani: shown.clone(), dnis: number.clone(), trunk: None });
        t.fact(What::CallingBack { call: id, first, attempt });
        t.fact(What::CustomerKnown {
            call: id,
            customer: customer.id.clone(),
            segment: customer.segment,
            value_pm: customer.value_pm,
        });
        t.out.push(CallEffect::Record { call: id });
        t.house.dialled += 1;
        let waiting = Waiting { place: Place::Entering, ..Waiting::new(queue, need.clone(), t) };
        let caller = LegId::dialled(t.house.dialled);
        Call {
            display: customer.shown.clone(),
            record: Record::Asked { give_up_at: t.now.mono + RECORD_WAIT },
            customer: Some(customer),
            came: Some(Came { queue, need }),
            wants_since: Some(t.now.mono),
            back: Some(Back { agent_first, ring_limit, is_reached: false }),
            ..Call::new(id, None, (number, shown), caller, Stage::Waiting(waiting), t)
        }
    }

    /// With the customer first he is dialled now; else an offer comes.
    pub(crate) fn call_back(&mut self, t: &mut Turn<'_>) {
        if self.back.is_some_and(|back| !back.agent_first) {
            self.dial_customer(None, t);
        }
    }

    /// An agent is to be connected with somebody who is still to be dialled.
    pub(crate) fn is_to_dial(&self) -> bool {
        self.back.is_some_and(|back| back.agent_first && !back.is_reached)
    }

    /// The agent has it: he hears that a customer is being called back.
    pub(crate) fn dial_for(&mut self, offer: Offer, t: &mut Turn<'_>) {
        let agency = Agency {
            agent: offer.agent,
            station: offer.station,
            leg: offer.leg,
            phase: turno_base::fact::AgentState::Talking,
        };
        self.dial_customer(Some(agency), t);
    }

    fn dial_customer(&mut self, agency: Option<Agency>, t: &mut Turn<'_>) {
        let number = self.ani.raw.clone();
        let found = t.callee_outside(&number, t.config.callback_class.as_ref(), None);
        let ring_until = t.now.mono + self.back.map_or(t.config.ring_limit, |back| back.ring_limit);
        let dial = Dial { leg: self.caller, number, rest: Vec::new(), charged: None, ring_until };
        let whisper = t.config.prompts.callback_whisper;
        self.stage = Stage::CallingBack(Dialling { dial, agency, whisper, is_told: false });
        match found {
            Ok(Callee::Outside { trunks, .. }) => {
                if let Stage::CallingBack(dialling) = &mut self.stage {
                    dialling.dial.rest = trunks;
                }
                self.dial_next(self.caller, Cause::new(503, 34, Reason::Unreachable), t);
            }
            Ok(Callee::Queue(_) | Callee::Station(_)) => self.attempt_failed(Cause::new(403, 21, Reason::Forbidden), t),
            Err(cause) => self.attempt_failed(cause, t),
        }
    }

    /// By the next trunk, as leg `id`; if there is none the attempt ends with `cause`.
    fn dial_next(&mut self, id: LegId, cause: Cause, t: &mut Turn<'_>) {
        let Stage::CallingBack(Dialling { dial, agency, .. }) = &mut self.stage else { return };
        if dial.rest.is_empty() || self.legs.len() >= LEGS_PER_CALL_MAX {
            return self.attempt_failed(cause, t);
        }
        let trunk = dial.rest.remove(0);
        let (number, like) = (dial.number.clone(), agency.map(|agency| agency.leg));
        dial.leg = id;
        self.caller = id;
        let (shown, asked) = (self.dnis.clone(), self.ani.clone());
        let mut leg = Leg::new(id, Party::Outside(trunk), shown.clone(), asked, LegState::Dialled { ringing: false });
        let sip_call_id = t.house.sip_call_id();
        leg.sip_call_id.clone_from(&sip_call_id);
        self.begin_leg(leg, t);
        let to = DialTo::Trunk(trunk, number);
        t.leg(id, LegCommand::Dial { to, from: shown, display: String::new(), sip_call_id, like });
    }

    /// The customer cannot be had by this trunk.
    pub(crate) fn on_attempt_failed(&mut self, cause: Cause, is_worth_another: bool, t: &mut Turn<'_>) {
        let Stage::CallingBack(Dialling { dial, .. }) = &self.stage else { return };
        if is_worth_another && !dial.rest.is_empty() {
            t.house.dialled += 1;
            let id = LegId::dialled(t.house.dialled);
            return self.dial_next(id, cause, t);
        }
        self.attempt_failed(cause, t);
    }

    fn attempt_failed(&mut self, cause: Cause, t: &mut Turn<'_>) {
        let (outcome, by) = verdict_of(cause);
        let result = match outcome {
            Outcome::Busy => CallbackResult::Busy,
            Outcome::NoAnswer => CallbackResult::NoAnswer,
            Outcome::Answered
            | Outcome::Rejected
            | Outcome::Cancelled
            | Outcome::Failed
            | Outcome::Abandoned
            | Outcome::Callback => CallbackResult::Failed,
        };
        // It is the customer who did not answer, not another party of his.
        let by = if by == EndedBy::Agent { EndedBy::Caller } else { by };
        self.tell_failed(Some(result), t);
        self.finish(outcome, by, cause, t);
    }

    fn tell_failed(&mut self, result: Option<CallbackResult>, t: &mut Turn<'_>) {
        if let Stage::CallingBack(dialling) = &mut self.stage
            && !std::mem::replace(&mut dialling.is_told, true)
        {
            t.acd(self.id, AcdTell::CallbackFailed(result));
        }
    }

    /// The agent hung up before the customer answered: another attempt, at nobody's cost.
    pub(crate) fn on_agent_left(&mut self, cause: Cause, by_peer: bool, t: &mut Turn<'_>) {
        self.tell_failed(None, t);
        let by = if by_peer { EndedBy::Agent } else { EndedBy::Us };
        self.finish(Outcome::Cancelled, by, cause, t);
    }

    /// The customer has answered: he talks with the agent who waits for him, or waits for one in his place.
    pub(crate) fn on_customer_answered(&mut self, t: &mut Turn<'_>) {
        let Stage::CallingBack(Dialling { agency, .. }) = &mut self.stage else { return };
        let agency = agency.take();
        if let Some(back) = &mut self.back {
            back.is_reached = true;
        }
        match agency {
            Some(agency) => self.talk_with(agency.leg, Some((agency.agent, agency.station)), t),
            None => {
                let Some(Came { queue, need }) = self.came.clone() else { return };
                let greeting = t.config.prompts.callback_hello.into_iter().collect();
                let place = Place::Entering;
                self.stage = Stage::Waiting(Waiting { place, greeting, ..Waiting::new(queue, need, t) });
            }
        }
        t.acd(self.id, AcdTell::CallbackAnswered);
    }

    /// A key of the caller: what it means is for the ACD.
    pub(crate) fn on_key(&mut self, leg: LegId, key: char, t: &mut Turn<'_>) {
        if matches!(self.stage, Stage::Choosing(_)) && leg == self.caller {
            return self.on_menu_key(key, t);
        }
        if matches!(self.stage, Stage::Leaving(_)) && leg == self.caller {
            return self.on_mailbox_key(key, t);
        }
        let listens = match &self.stage {
            Stage::Waiting(waiting) => matches!(waiting.place, Place::In),
            Stage::Saying { asks, .. } => *asks,
            Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => false,
        };
        if listens && leg == self.caller {
            t.acd(self.id, AcdTell::Key(key));
        }
    }

    /// His place stays and he may hang up.
    pub(crate) fn on_callback_taken(&mut self, t: &mut Turn<'_>) {
        match &mut self.stage {
            Stage::Waiting(waiting) => waiting.place = Place::Out { since: t.now.mono },
            Stage::Saying { asks, .. } => *asks = false,
            Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => return t.stale(),
        }
        match t.config.prompts.callback_taken {
            Some(prompt) => {
                let outcome = Some(Outcome::Callback);
                self.stage = Stage::Saying { prompt, then: OVERFLOWED_TO_BACK, outcome, asks: false };
            }
            None => self.finish(Outcome::Callback, EndedBy::Us, OVERFLOWED_TO_BACK, t),
        }
    }

    /// He asked for it and cannot be called: he hears so and waits on.
    pub(crate) fn on_callback_refused(&mut self, t: &mut Turn<'_>) {
        let Stage::Waiting(waiting) = &mut self.stage else { return t.stale() };
        if waiting.greeting.is_empty() {
            waiting.greeting.extend(t.config.prompts.callback_refused);
        }
    }

    /// His queue does not keep him and offers to call him back: he says yes by a key while he hears the offer.
    pub(crate) fn offer_callback(&mut self, t: &mut Turn<'_>) {
        match t.config.prompts.callback_offer {
            Some(prompt) => {
                let outcome = Some(Outcome::NoAnswer);
                self.stage = Stage::Saying { prompt, then: OVERFLOWED, outcome, asks: true };
            }
            None => {
                t.acd(self.id, AcdTell::Leave(turno_base::fact::QueueLeft::Abandoned));
                self.finish(Outcome::NoAnswer, EndedBy::Us, OVERFLOWED, t);
            }
        }
    }
}

/// We hang up on a caller who is called back: nothing failed.
const OVERFLOWED_TO_BACK: Cause = Cause::NORMAL;
