//! What follows from a call's stage: who is answered, what each leg hears, and which segment of its time it is in.
//! Derived after every event and said only when it differs, so that no path can leave a leg in a segment, a bridge
//! or a loop that its call has left.

use turno_base::fact::{AgentState, Segment, What};
use turno_base::{LegId, PromptId};

use crate::boundary::{AcdTell, CallEffect, LegCommand, Sound};
use crate::call::{Agency, Call, Choosing, Place, Record, SPEECH_MAX, Stage, Talk, Taping, Transferring, Waiting};
use crate::leg::{Announced, Hears, Leg, LegState, Speech, Want};
use crate::turn::Turn;

impl Call {
    pub(crate) fn settle(&mut self, t: &mut Turn<'_>) {
        if matches!(self.stage, Stage::Ending) {
            // A leg that is refused in the turn it arrives was in a segment none the less.
            return self.settle_segments(t);
        }
        self.settle_answers(t);
        self.settle_code(t);
        self.settle_talk(t);
        self.settle_segments(t);
        self.settle_sounds(t);
    }

    /// A leg that arrived is answered when its stage has something to say to it and its record is durable.
    fn settle_answers(&mut self, t: &mut Turn<'_>) {
        if self.record != Record::Durable {
            return;
        }
        let second = match &self.stage {
            Stage::Waiting(Waiting { place: Place::In, .. }) | Stage::Saying { .. } | Stage::Talking(_)
                if self.is_kept_early(t) =>
            {
                return self.hear_early(t);
            }
            Stage::Waiting(Waiting { place: Place::In, .. })
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Choosing(_)
            | Stage::Leaving(_) => None,
            Stage::Talking(talk) => Some(talk.other),
            Stage::Waiting(_)
            | Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Parked(_)
            | Stage::Ending => {
                return;
            }
        };
        for id in [Some(self.caller), second].into_iter().flatten() {
            let Some(leg) = self.legs.get_mut(id) else { continue };
            if matches!(leg.state, LegState::Arrived { .. }) {
                leg.state = LegState::Up;
                leg.owes_figures = true;
                t.leg(id, LegCommand::Answer);
                t.fact(What::LegAnswered { call: self.id, leg: id });
            }
        }
    }

    /// A feature code is carried out once its caller hears us.
    fn settle_code(&mut self, t: &mut Turn<'_>) {
        let up = self.legs.is_up(self.caller);
        if let Stage::Coding { station, code, asked } = &mut self.stage
            && up
            && !*asked
        {
            *asked = true;
            t.out.push(CallEffect::Code { leg: self.caller, station: *station, code: code.clone() });
        }
    }

    /// Whether they talk, and how the ACD should see the agent.
    fn settle_talk(&mut self, t: &mut Turn<'_>) {
        let Stage::Talking(Talk { other, agency, briefing, .. }) = &mut self.stage else { return };
        if briefing.is_empty() && self.legs.is_up(self.caller) && self.legs.is_up(*other) {
            self.talked = true;
        }
        let Some(Agency { agent, station, leg, phase }) = agency else { return };
        let held = self.legs.get(*leg).is_some_and(|leg| leg.held);
        let now = match (held, t.house.is_private(*station)) {
            (true, true) => AgentState::Consulting,
            (true, false) => AgentState::Holding,
            (false, _) => AgentState::Talking,
        };
        if *phase != now {
            *phase = now;
            t.acd(self.id, AcdTell::Phase(*agent, now));
        }
    }

    fn settle_segments(&mut self, t: &mut Turn<'_>) {
        let mut at = 0;
        while let Some(leg) = self.legs.nth(at) {
            at += 1;
            let (id, segment) = (leg.id, self.segment_of(leg, t));
            if leg.segment == Some(segment) || leg.is_ending() && leg.segment.is_some() {
                continue;
            }
            t.fact(What::SegmentBegan { call: self.id, leg: id, segment });
            if let Some(leg) = self.legs.get_mut(id) {
                leg.segment = Some(segment);
            }
        }
    }

    fn segment_of(&self, leg: &Leg, t: &Turn<'_>) -> Segment {
        let now = leg.segment.unwrap_or(Segment::Ivr(None));
        let ring = |leg: &Leg| match self.party_agent(leg.id) {
            Some((agent, _)) => Segment::Ring(agent),
            None => Segment::Ivr(None),
        };
        match &self.stage {
            Stage::Arriving { .. } | Stage::Coding { .. } => Segment::Ivr(None),
            Stage::Choosing(choosing) => {
                let menu = t.config.menus.get(&choosing.menu);
                Segment::Ivr(menu.and_then(|menu| menu.prompts.first()).copied())
            }
            Stage::Leaving(_) => Segment::Voicemail,
            Stage::Parked(_) => Segment::Parked,
            Stage::Saying { prompt, .. } => Segment::Ivr(Some(*prompt)),
            Stage::Waiting(waiting) => {
                if leg.id != self.caller {
                    return ring(leg);
                }
                match waiting.place {
                    Place::In => Segment::Queue(waiting.queue),
                    Place::Asking { .. } | Place::Entering => Segment::Ivr(None),
                    // Where to comes in the same turn.
                    Place::Out { .. } => now,
                }
            }
            Stage::Ringing(dial) if dial.leg == leg.id => ring(leg),
            Stage::Ringing(_) => Segment::Ivr(None),
            // The agent's leg rings on for the record: nobody talks with him yet.
            Stage::CallingBack(_) => now,
            Stage::Transferring(transferring) => {
                match (transferring.dial.leg == leg.id, transferring.by == Some(leg.id)) {
                    (true, _) => ring(leg),
                    (false, true) => self.party_agent(leg.id).map_or(now, |(agent, _)| Segment::Hold(agent)),
                    (false, false) => Segment::Ivr(None),
                }
            }
            Stage::Talking(talk) => self.talk_segment(talk, leg, t).unwrap_or(now),
            Stage::Ending => now,
        }
    }

    /// None until both are answered and hear each other.
    fn talk_segment(&self, talk: &Talk, leg: &Leg, t: &Turn<'_>) -> Option<Segment> {
        if !talk.briefing.is_empty() || !self.legs.is_up(self.caller) || !self.legs.is_up(talk.other) {
            return None;
        }
        if let Some(agent) = self.consult {
            return Some(Segment::Consult(agent));
        }
        let of = |id: LegId| self.party_agent(id).map(|(agent, station)| (agent, station, id));
        let by_acd = talk.agency.map(|agency| (agency.agent, agency.station, agency.leg));
        let Some((agent, station, at)) = by_acd.or_else(|| of(talk.other)).or_else(|| of(self.caller)) else {
            return Some(Segment::TalkOutside);
        };
        if !self.legs.get(at).is_some_and(|leg| leg.held) {
            return Some(Segment::Talk(agent));
        }
        let consulting = leg.id == at && leg.private.is_none() && t.house.is_private(station);
        Some(if consulting { Segment::Consult(agent) } else { Segment::Hold(agent) })
    }

    fn settle_sounds(&mut self, t: &mut Turn<'_>) {
        let mut at = 0;
        while let Some(leg) = self.legs.nth(at) {
            at += 1;
            if !leg.is_open() {
                continue;
            }
            let (id, hears) = (leg.id, leg.hears);
            let Some(want) = self.want_of(leg, t) else { continue };
            if hears.is(want) {
                continue;
            }
            let was_bridged = self.unbridge(id, t);
            self.let_hear(id, want, was_bridged || hears == Hears::Nothing, t);
        }
    }

    fn let_hear(&mut self, id: LegId, want: Want, silent: bool, t: &mut Turn<'_>) {
        let until = t.now.mono + SPEECH_MAX;
        let hears = match want {
            Want::Nothing => {
                if !silent {
                    t.sound(id, Sound::Quiet);
                }
                Hears::Nothing
            }
            Want::Music(music) => {
                t.sound(id, Sound::Loop(music));
                Hears::Music(music)
            }
            Want::Ringback => {
                t.sound(id, Sound::Ringback);
                Hears::Ringback
            }
            Want::Speech(what) => {
                t.sound(id, self.speech(what, t));
                Hears::Speech { what, until }
            }
            Want::With(other) => {
                self.unbridge(other, t);
                t.sound(id, Sound::Bridge(other));
                if let Some(leg) = self.legs.get_mut(other) {
                    leg.hears = Hears::With(id);
                }
                Hears::With(other)
            }
        };
        if let Some(leg) = self.legs.get_mut(id) {
            leg.hears = hears;
        }
    }

    /// Takes a leg out of its bridge; whether it was in one.
    fn unbridge(&mut self, id: LegId, t: &mut Turn<'_>) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let Hears::With(other) = leg.hears else { return false };
        leg.hears = Hears::Nothing;
        t.sound(id, Sound::Unbridge);
        if let Some(other) = self.legs.get_mut(other)
            && other.hears == Hears::With(id)
        {
            other.hears = Hears::Nothing;
        }
        true
    }

    /// What a leg should hear; none: whatever it hears.
    fn want_of(&self, leg: &Leg, t: &Turn<'_>) -> Option<Want> {
        let music = || self.music(t).map_or(Want::Nothing, Want::Music);
        let is_caller = leg.id == self.caller;
        match &self.stage {
            Stage::Arriving { .. } | Stage::Coding { .. } | Stage::Ending => None,
            Stage::Parked(_) => is_caller.then(music),
            Stage::Choosing(Choosing { round, until: None, .. }) => {
                is_caller.then_some(Want::Speech(Speech::Menu(u16::from(self.menus) << 8 | u16::from(*round))))
            }
            Stage::Choosing(_) => is_caller.then_some(Want::Nothing),
            Stage::Leaving(leaving) => is_caller.then_some(match leaving.taping {
                Taping::Before => Want::Speech(Speech::Mailbox),
                Taping::Now | Taping::After => Want::Nothing,
            }),
            Stage::Saying { prompt, .. } => is_caller.then_some(Want::Speech(Speech::Prompt(*prompt))),
            Stage::Waiting(waiting) if is_caller => match (waiting.place, waiting.announced) {
                (Place::In, _) if !waiting.greeting.is_empty() => Some(Want::Speech(Speech::Greeting)),
                (Place::In, Some(announced)) => Some(Want::Speech(Speech::Place(announced))),
                (Place::In | Place::Asking { .. } | Place::Entering, _) => Some(music()),
                (Place::Out { .. }, _) => None,
            },
            Stage::Waiting(_) => None,
            Stage::CallingBack(_) if is_caller => None,
            Stage::CallingBack(dialling) if !dialling.whisper.is_empty() => Some(Want::Speech(Speech::Briefing)),
            Stage::CallingBack(_) => Some(Want::Ringback),
            // He is being called himself.
            Stage::Ringing(dial) if dial.leg == self.caller => None,
            Stage::Ringing(dial) | Stage::Transferring(Transferring { dial, .. }) => {
                let early = self.legs.get(dial.leg).is_some_and(|leg| leg.early) && self.is_open(self.caller);
                match (is_caller, leg.id == dial.leg, early) {
                    (true, _, true) => Some(Want::With(dial.leg)),
                    (true, _, false) => Some(Want::Ringback),
                    (false, true, true) => Some(Want::With(self.caller)),
                    (false, true, false) => None,
                    (false, false, _) => Some(Want::Nothing),
                }
            }
            // The caller hears on what he hears.
            Stage::Talking(talk) if !talk.briefing.is_empty() => {
                (leg.id == talk.other).then_some(Want::Speech(Speech::Briefing))
            }
            Stage::Talking(talk) => {
                let (caller, other) = (self.legs.get(self.caller)?, self.legs.get(talk.other)?);
                if !is_caller && leg.id != talk.other {
                    return Some(Want::Nothing);
                }
                if !caller.is_up() || !other.is_up() {
                    return None;
                }
                let partner = if is_caller { other } else { caller };
                Some(match (leg.held, partner.held) {
                    (false, false) => Want::With(partner.id),
                    (false, true) if talk.agency.is_none_or(|agency| agency.leg == partner.id) => music(),
                    (true, _) | (false, true) => Want::Nothing,
                })
            }
        }
    }

    pub(crate) fn is_open(&self, id: LegId) -> bool {
        self.legs.get(id).is_some_and(Leg::is_open)
    }

    pub(crate) fn music(&self, t: &Turn<'_>) -> Option<PromptId> {
        self.music.or(t.config.prompts.hold_music)
    }

    /// How something is said: in a queue its music comes back by itself.
    fn speech(&self, what: Speech, t: &Turn<'_>) -> Sound {
        let said = match (what, &self.stage) {
            (Speech::Greeting, Stage::Waiting(waiting)) => waiting.greeting.clone(),
            (Speech::Greeting, _) => Vec::new(),
            (Speech::Place(announced), _) => place_prompts(announced, t),
            // Time to find the key.
            (Speech::Prompt(prompt), Stage::Saying { asks: true, .. }) => vec![prompt, prompt],
            (Speech::Prompt(prompt), _) => vec![prompt],
            (Speech::Menu(_), Stage::Choosing(choosing)) => {
                t.config.menus.get(&choosing.menu).map_or_else(Vec::new, |menu| menu.prompts.clone())
            }
            (Speech::Mailbox, Stage::Leaving(leaving)) => {
                t.config.mailboxes.get(&leaving.mailbox).map_or_else(Vec::new, |mailbox| mailbox.prompts.clone())
            }
            (Speech::Briefing, Stage::CallingBack(dialling)) => dialling.whisper.clone(),
            (Speech::Briefing, Stage::Talking(talk)) => talk.briefing.clone(),
            (Speech::Menu(_) | Speech::Mailbox | Speech::Briefing, _) => Vec::new(),
        };
        match (self.music(t), what) {
            (Some(music), Speech::Greeting | Speech::Place(_)) => Sound::OnceThenLoop(said, music),
            (None, Speech::Greeting | Speech::Place(_))
            | (_, Speech::Prompt(_) | Speech::Menu(_) | Speech::Mailbox | Speech::Briefing) => Sound::Once(said),
        }
    }

    /// What a leg hears by itself after something said has ended.
    pub(crate) fn after_speech(&mut self, id: LegId, t: &Turn<'_>) -> Option<Speech> {
        let music = self.music(t);
        let leg = self.legs.get_mut(id).filter(|leg| !leg.is_ending())?;
        let Hears::Speech { what, .. } = leg.hears else { return None };
        leg.hears = match (what, music) {
            (Speech::Greeting | Speech::Place(_), Some(music)) => Hears::Music(music),
            (Speech::Greeting | Speech::Place(_), None)
            | (Speech::Prompt(_) | Speech::Menu(_) | Speech::Mailbox | Speech::Briefing, _) => Hears::Nothing,
        };
        Some(what)
    }
}

/// "You are number" and the number, then "the wait is about" and the minutes: each part for which all prompts exist.
pub(crate) fn place_prompts(announced: Announced, t: &Turn<'_>) -> Vec<PromptId> {
    let prompts = &t.config.prompts;
    let number = |n: u32| prompts.digits.get(usize::try_from(n).ok()?.checked_sub(1)?).copied();
    let place = || Some([prompts.position?, number(announced.position)?]);
    let mut said: Vec<PromptId> = place().into_iter().flatten().collect();
    match (announced.minutes, prompts.wait_minute) {
        (None, _) => {}
        (Some(1), Some(minute)) => said.push(minute),
        (Some(minutes), _) => {
            let wait = || Some([prompts.wait?, number(minutes)?, prompts.wait_minutes?]);
            said.extend(wait().into_iter().flatten());
        }
    }
    said
}
