//! A call that waits for an agent: what the ACD is told and what its decisions make of the legs. The ACD decides who
//! is rung; this only carries out.

use turno_base::fact::{AgentState, OfferEnd, Party, QueueLeft};
use turno_base::{AgentId, Cause, E164, EndedBy, LegId, Need, Number, QueueId, Reason, SkillId, StationId};

use crate::boundary::{AcdEvent, AcdTell, CallEffect, Customer, DialTo, Elsewhere, From};
use crate::call::{Agency, Call, Came, KNOWN_WAIT, Offer, Place, Rings, Stage, Talk, Waiting};
use crate::dialplan;
use crate::leg::{Announced, Leg, LegState, Speech};
use crate::plan::{CallConfig, Goal};
use crate::settle::place_prompts;
use crate::turn::Turn;

impl Waiting {
    pub(crate) fn new(queue: QueueId, need: Need, t: &Turn<'_>) -> Waiting {
        let place = Place::Asking { known_by: t.now.mono + KNOWN_WAIT };
        Waiting {
            queue,
            need,
            place,
            greeting: Vec::new(),
            announced: None,
            greets: true,
            rescued: false,
            offers: Vec::new(),
        }
    }

    pub(crate) fn is_asking(&self) -> bool {
        matches!(self.place, Place::Asking { .. })
    }

    /// The ACD deals with it, and may be told of it.
    pub(crate) fn is_in_acd(&self) -> bool {
        matches!(self.place, Place::Entering | Place::In)
    }

    fn take_offer(&mut self, agent: AgentId, epoch: u64) -> Option<Offer> {
        let at = self.offers.iter().position(|offer| (offer.agent, offer.epoch) == (agent, epoch))?;
        Some(self.offers.remove(at))
    }

    pub(crate) fn take_offer_of(&mut self, leg: LegId) -> Option<Offer> {
        let at = self.offers.iter().position(|offer| offer.leg == leg)?;
        Some(self.offers.remove(at))
    }
}

impl Call {
    /// Goes to a queue: at once if we know who calls, else when we do.
    pub(crate) fn enter(&mut self, waiting: Waiting, t: &mut Turn<'_>) {
        self.stage = Stage::Waiting(waiting);
        if self.customer.is_some() {
            return self.tell_enter(t);
        }
        let ani = self.legs.get(self.caller).map_or_else(|| self.ani.clone(), Call::number_of);
        t.out.push(CallEffect::LookUp { call: self.id, ani });
    }

    fn number_of(leg: &Leg) -> Number {
        match leg.state {
            LegState::Arrived { .. } => leg.a.clone(),
            LegState::Dialled { .. } | LegState::Up | LegState::Ending { .. } | LegState::Lost { .. }
                if leg.id.0.is_multiple_of(2) =>
            {
                leg.a.clone()
            }
            LegState::Dialled { .. } | LegState::Up | LegState::Ending { .. } | LegState::Lost { .. } => leg.b.clone(),
        }
    }

    /// Back to the queue it came from, with its age: its agent is gone, it is not.
    pub(crate) fn enter_again(&mut self, came: Came, t: &mut Turn<'_>) {
        let waiting = Waiting { greets: false, ..Waiting::new(came.queue, came.need, t) };
        self.enter(waiting, t);
    }

    /// Like [`Call::enter_again`], to the front, and told why: the conversation broke off through no fault of the caller's.
    pub(crate) fn rescue(&mut self, came: Came, t: &mut Turn<'_>) {
        let greeting = t.config.prompts.rescued.into_iter().collect();
        let waiting = Waiting { greets: false, greeting, rescued: true, ..Waiting::new(came.queue, came.need, t) };
        self.enter(waiting, t);
    }

    pub(crate) fn tell_enter(&mut self, t: &mut Turn<'_>) {
        let (Stage::Waiting(waiting), Some(customer)) = (&mut self.stage, &self.customer) else { return };
        waiting.place = Place::Entering;
        let (queue, wanted) = (waiting.queue, waiting.need.clone());
        self.came = Some(Came { queue, need: wanted.clone() });
        let need = need_for(t.config, wanted, customer);
        let since = *self.wants_since.get_or_insert(t.now.mono);
        let tell = AcdTell::Enter {
            queue,
            need,
            segment: customer.segment,
            value_pm: customer.value_pm,
            caller: customer.caller(&self.ani),
            credit_ms: u64::try_from(t.now.mono.since(since).as_millis()).unwrap_or(u64::MAX),
            rescued: waiting.rescued,
            owner: self.parker.and_then(|parker| parker.agent).or(customer.owner),
            callback_to: self.callback_to(t),
        };
        t.acd(self.id, tell);
    }

    /// Where he may be called back: only at the number that a trunk brought him by, and if the dial plan carries it.
    fn callback_to(&self, t: &Turn<'_>) -> Option<E164> {
        let comes_from_outside = match self.from {
            Some(From::Trunk(_)) | None => true,
            Some(From::Station(..)) => false,
        };
        let number = self.ani.e164.filter(|_| !self.ani.withheld && comes_from_outside)?;
        dialplan::may_call_back(t.config, number).then_some(number)
    }

    pub(crate) fn on_acd(&mut self, event: AcdEvent, t: &mut Turn<'_>) {
        if event == AcdEvent::CallbackTaken {
            return self.on_callback_taken(t);
        }
        let Stage::Waiting(waiting) = &mut self.stage else { return on_acd_late(&event, t) };
        if waiting.is_asking() {
            return on_acd_late(&event, t);
        }
        match event {
            AcdEvent::Entered { queue, position: _, music, greeting } => {
                if matches!(waiting.place, Place::In) {
                    return t.stale();
                }
                waiting.place = Place::In;
                waiting.queue = queue;
                waiting.announced = None;
                if self.back.is_some() {
                    // He heard it when he called.
                } else if waiting.greets {
                    waiting.greeting.extend(greeting);
                } else {
                    waiting.greets = true;
                }
                self.music = music;
                self.came = Some(Came { queue, need: waiting.need.clone() });
            }
            AcdEvent::Offer { queue, agent, station, epoch } => self.on_offer(queue, (agent, station), epoch, t),
            AcdEvent::Withdraw { agent, epoch, end } => match waiting.take_offer(agent, epoch) {
                Some(offer) => self.end_leg(offer.leg, withdrawn(end), EndedBy::Us, t),
                None => t.stale(),
            },
            AcdEvent::Connect { agent, epoch } => self.on_connect(agent, epoch, t),
            AcdEvent::Left { queue: _, how } => {
                if waiting.is_in_acd() && !matches!(how, QueueLeft::Answered(_)) {
                    waiting.place = Place::Out { since: t.now.mono };
                }
            }
            AcdEvent::Overflow(elsewhere) => self.on_overflow(elsewhere, t),
            AcdEvent::Announce { position, expected_ms } => self.on_announce(position, expected_ms, t),
            AcdEvent::CallbackRefused => self.on_callback_refused(t),
            AcdEvent::CallbackTaken => {}
        }
    }

    fn on_offer(&mut self, queue: QueueId, (agent, station): (AgentId, StationId), epoch: u64, t: &mut Turn<'_>) {
        let Stage::Waiting(waiting) = &self.stage else { return };
        let known = waiting.offers.iter().any(|offer| (offer.agent, offer.epoch) == (agent, epoch));
        if known || !waiting.is_in_acd() {
            return t.stale();
        }
        let by_itself = t.config.briefing.by_itself(queue, agent, station);
        let rings = if by_itself { Rings::ByItself } else { Rings::Plainly };
        match self.dial_leg(DialTo::Station(station), Party::Agent(agent, station), None, rings, t) {
            Some(leg) => {
                if let Stage::Waiting(waiting) = &mut self.stage {
                    waiting.offers.push(Offer { agent, station, epoch, leg, accepted: false, by_itself });
                }
            }
            None => t.acd(self.id, AcdTell::OfferFailed(agent, epoch, OfferEnd::Unreachable)),
        }
    }

    fn on_connect(&mut self, agent: AgentId, epoch: u64, t: &mut Turn<'_>) {
        let Stage::Waiting(waiting) = &self.stage else { return };
        if !waiting.is_in_acd() {
            return t.stale();
        }
        let accepted = |offer: &Offer| (offer.agent, offer.epoch, offer.accepted) == (agent, epoch, true);
        let Some(&won) = waiting.offers.iter().find(|offer| accepted(offer)) else { return t.stale() };
        let lost: Vec<LegId> = waiting.offers.iter().map(|offer| offer.leg).filter(|&leg| leg != won.leg).collect();
        for leg in lost {
            self.end_leg(leg, withdrawn(OfferEnd::LostRace), EndedBy::Us, t);
        }
        if self.is_to_dial() {
            return self.dial_for(won, t);
        }
        let briefing = self.briefing(&won, t);
        self.talk_with(won.leg, Some((agent, won.station)), t);
        if let Stage::Talking(talk) = &mut self.stage {
            talk.briefing = briefing;
        }
    }

    /// The caller and `other` are in conversation; the agent, if the ACD has him in it.
    pub(crate) fn talk_with(&mut self, other: LegId, agent: Option<(AgentId, StationId)>, t: &mut Turn<'_>) {
        let agency = agent.map(|(agent, station)| {
            t.house.talks.insert(station, self.id);
            Agency { agent, station, leg: other, phase: AgentState::Talking }
        });
        self.stage = Stage::Talking(Talk { other, agency, silent: None, briefing: Vec::new() });
    }

    fn on_overflow(&mut self, elsewhere: Elsewhere, t: &mut Turn<'_>) {
        let Stage::Waiting(waiting) = &mut self.stage else { return };
        let offers = std::mem::take(&mut waiting.offers);
        // The ACD let it go already: nothing more is to be told of this stay.
        waiting.place = Place::Out { since: t.now.mono };
        for offer in offers {
            self.end_leg(offer.leg, Cause::new(487, 16, Reason::Overflow), EndedBy::Us, t);
        }
        match elsewhere {
            Elsewhere::HangUp => self.go(Goal::HangUp, t),
            Elsewhere::Prompt(prompt) => self.go(Goal::Prompt(prompt), t),
            Elsewhere::Voicemail(mailbox) => self.go(Goal::Voicemail(mailbox), t),
            Elsewhere::Menu(menu) => self.go(Goal::Menu(menu), t),
            Elsewhere::Number(number) => self.go(Goal::Number(number), t),
            Elsewhere::Callback => self.offer_callback(t),
        }
    }

    fn on_announce(&mut self, position: u32, expected_ms: Option<u64>, t: &mut Turn<'_>) {
        let minutes = expected_ms.map(|ms| u32::try_from((ms + 30_000) / 60_000).unwrap_or(u32::MAX).max(1));
        let announced = Announced { position, minutes };
        let sayable = !place_prompts(announced, t).is_empty();
        let up = self.is_open(self.caller);
        let Stage::Waiting(waiting) = &mut self.stage else { return };
        if !matches!(waiting.place, Place::In) {
            return t.stale();
        }
        match (sayable && up, waiting.announced) {
            // While the last place is still being said, a newer one need not be.
            (_, Some(_)) => t.stale(),
            (true, None) => waiting.announced = Some(announced),
            (false, None) => t.acd(self.id, AcdTell::Announced),
        }
    }

    /// Something said to a waiting caller has ended.
    pub(crate) fn on_waiting_said(&mut self, what: Speech, t: &mut Turn<'_>) {
        let Stage::Waiting(waiting) = &mut self.stage else { return };
        match what {
            Speech::Greeting => waiting.greeting.clear(),
            Speech::Place(_) => {
                if waiting.announced.take().is_some() && matches!(waiting.place, Place::In) {
                    t.acd(self.id, AcdTell::Announced);
                }
            }
            Speech::Prompt(_) | Speech::Menu(_) | Speech::Mailbox | Speech::Briefing => {}
        }
    }

    pub(crate) fn on_offer_ringing(&mut self, leg: LegId, t: &mut Turn<'_>) {
        let Stage::Waiting(waiting) = &self.stage else { return };
        if let Some(offer) = waiting.offers.iter().find(|offer| offer.leg == leg && waiting.is_in_acd()) {
            t.acd(self.id, AcdTell::Ringing(offer.agent, offer.epoch));
        }
    }

    pub(crate) fn on_offer_answered(&mut self, leg: LegId, t: &mut Turn<'_>) {
        let Stage::Waiting(waiting) = &mut self.stage else { return };
        let told = waiting.is_in_acd();
        if let Some(offer) = waiting.offers.iter_mut().find(|offer| offer.leg == leg && told) {
            offer.accepted = true;
            t.acd(self.id, AcdTell::Accept(offer.agent, offer.epoch));
        }
    }

    /// The leg of an offer is gone, or useless, before its agent was connected.
    pub(crate) fn on_offer_failed(&mut self, leg: LegId, end: OfferEnd, t: &mut Turn<'_>) {
        let Stage::Waiting(waiting) = &mut self.stage else { return };
        let told = waiting.is_in_acd();
        if let Some(offer) = waiting.take_offer_of(leg)
            && told
        {
            t.acd(self.id, AcdTell::OfferFailed(offer.agent, offer.epoch, end));
        }
    }
}

/// No circuit, no agent: what an unanswered caller is refused with when his queue does not keep him (Q.850 31).
pub(crate) const OVERFLOWED: Cause = Cause::new(480, 31, Reason::Overflow);

/// The ACD's echo of what it was told is no news; anything else came too late.
fn on_acd_late(event: &AcdEvent, t: &mut Turn<'_>) {
    match event {
        AcdEvent::Left { .. } | AcdEvent::Withdraw { .. } => {}
        AcdEvent::Entered { .. }
        | AcdEvent::Offer { .. }
        | AcdEvent::Connect { .. }
        | AcdEvent::Overflow(_)
        | AcdEvent::Announce { .. }
        | AcdEvent::CallbackTaken
        | AcdEvent::CallbackRefused => t.stale(),
    }
}

/// What a queued call needs of an agent: what its route wants, and where it is so configured the customer's language.
pub(crate) fn need_for(config: &CallConfig, wanted: Need, customer: &Customer) -> Need {
    match customer.language {
        Some(language) if config.need_language => with_language(wanted, SkillId(language)),
        Some(_) | None => wanted,
    }
}

fn with_language(need: Need, language: SkillId) -> Need {
    let spoken = Need::AtLeast { skill: language, level: 1 };
    match need {
        Need::Anyone => spoken,
        Need::AtLeast { .. } | Need::All(_) | Need::Any(_) | Need::Not(_) => Need::All(vec![need, spoken]),
    }
}

/// What an agent's phone is told when his offer is withdrawn.
pub(crate) fn withdrawn(end: OfferEnd) -> Cause {
    match end {
        OfferEnd::LostRace | OfferEnd::Accepted => Cause::new(200, 26, Reason::CompletedElsewhere),
        OfferEnd::RingNoAnswer => Cause::new(487, 19, Reason::RingLimit),
        OfferEnd::Unreachable => Cause::new(487, 20, Reason::Unreachable),
        OfferEnd::CallerLeft | OfferEnd::Declined | OfferEnd::Busy => Cause::new(487, 16, Reason::Normal),
    }
}

/// How an offer whose leg ended by itself has failed.
pub(crate) fn offer_end(cause: Cause) -> OfferEnd {
    match (cause.sip, cause.reason) {
        (_, Reason::Unreachable) | (404 | 410 | 500..=599, _) => OfferEnd::Unreachable,
        (486 | 600, _) => OfferEnd::Busy,
        (408 | 480 | 487, _) => OfferEnd::RingNoAnswer,
        _ => OfferEnd::Declined,
    }
}
