//! One call: its stages, its legs, and how both end. What legs hear and how time is divided follows from the stage
//! (`settle`); who decides what is in `arrive`, `wait`, `dial`, `talk`, `transfer`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{AgentState, Party, QueueLeft, What};
use turno_base::limits::LEGS_PER_CALL_MAX;
use turno_base::{
    AgentId, CallId, Cause, EndedBy, LegId, Mono, Name, Need, Now, Number, Outcome, PromptId, QueueId, Reason,
    StationId, TrunkId,
};

use crate::ahead::AskedAhead;
use crate::boundary::{AcdTell, Code, Customer, DialTo, From, LegCommand};
use crate::early::Early;
use crate::leg::{Announced, Hears, Leg, LegState, Legs};
use crate::lost::Stuck;
use crate::plan::Plan;
use crate::turn::{Turn, count};

/// The open record must be durable within this, else the call is refused (docs/records.md).
pub const RECORD_WAIT: Duration = Duration::from_secs(4);
/// Who calls must be known within this; the engine's own default comes long before.
pub const KNOWN_WAIT: Duration = Duration::from_secs(4);
/// A leg told to end must be gone within this: 64·T1 for its transaction, and as much again for one under way.
pub const ENDED_WAIT: Duration = Duration::from_secs(64);
/// Media figures come within this after the leg's end, or not at all.
pub const FIGURES_WAIT: Duration = Duration::from_secs(2);
/// A prompt without an end is taken as ended after this.
pub const SPEECH_MAX: Duration = Duration::from_secs(300);
/// When the agent's media falls silent, the customer's may be about to: only after this is the customer rescued.
pub const RESCUE_GRACE: Duration = Duration::from_secs(2);

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    /// None: we call a customer back.
    pub(crate) from: Option<From>,
    pub(crate) ani: Number,
    pub(crate) display: String,
    pub(crate) dnis: Number,
    pub(crate) began: Mono,
    pub(crate) ends_at: Mono,
    /// The party that is served: the leg that arrived, until a transfer leaves another in its place.
    pub(crate) caller: LegId,
    pub(crate) legs: Legs,
    /// Ended legs whose media figures are awaited, and until when.
    pub(crate) figures: Vec<(LegId, Mono)>,
    /// A limit ended it, and it is not yet known when the caller was heard last.
    pub(crate) stuck: Option<Stuck>,
    pub(crate) record: Record,
    pub(crate) customer: Option<Customer>,
    /// The queue it was in last, to come back to.
    pub(crate) came: Option<Came>,
    /// Since when it wants an agent: what it waited counts when it enters again.
    pub(crate) wants_since: Option<Mono>,
    /// When its caller is answered.
    pub(crate) early: Early,
    /// The music of its queue.
    pub(crate) music: Option<PromptId>,
    /// The agent who asks a colleague while his customer is held.
    pub(crate) consult: Option<AgentId>,
    /// It calls a customer back.
    pub(crate) back: Option<Back>,
    /// A message of it is being taken down.
    pub(crate) is_taped: bool,
    /// Menus it has passed through.
    pub(crate) menus: u8,
    /// Who parked it last.
    pub(crate) parker: Option<Parker>,
    /// A transfer asked for before its conversation began.
    pub(crate) asked_ahead: Option<AskedAhead>,
    /// A conversation took place.
    pub(crate) talked: bool,
    pub(crate) verdict: Option<(Outcome, EndedBy)>,
    pub(crate) stage: Stage,
}

/// Whether the open record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// The call is refused or over before anything is answered.
    Unasked,
    Asked {
        give_up_at: Mono,
    },
    Durable,
}

/// A queue and what was needed there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Came {
    pub(crate) queue: QueueId,
    pub(crate) need: Need,
}

/// What a call does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Who calls is asked; then the plan.
    Arriving { plan: Plan, known_by: Mono },
    /// In a queue, or about to be.
    Waiting(Waiting),
    /// A party that no queue gave is called.
    Ringing(Dial),
    /// Caller and another party, in conversation.
    Talking(Talk),
    /// The caller is being connected elsewhere.
    Transferring(Transferring),
    /// A customer who is called back is dialled.
    CallingBack(Dialling),
    /// A prompt, then good-bye; `asks`: keys meanwhile are the ACD's to hear.
    Saying { prompt: PromptId, then: Cause, outcome: Option<Outcome>, asks: bool },
    /// A feature code is carried out.
    Coding { station: StationId, code: Code, asked: bool },
    /// It is put where anybody may take it, with music.
    Parked(Parked),
    /// A menu.
    Choosing(Choosing),
    /// A mailbox.
    Leaving(Leaving),
    /// Every leg was told to end.
    Ending,
}

/// A caller who leaves a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leaving {
    pub(crate) mailbox: Name,
    pub(crate) taping: Taping,
}

/// How far he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Taping {
    /// He hears what the mailbox says.
    Before,
    /// He speaks.
    Now,
    /// It is over.
    After,
}

/// A caller in a menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choosing {
    pub(crate) menu: Name,
    /// How often it has been said, with the present time.
    pub(crate) round: u8,
    /// It was said, and a key is waited for.
    pub(crate) until: Option<Mono>,
}

/// A call that an agent has put aside (R31).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parked {
    /// 1-based.
    pub(crate) slot: u32,
    pub(crate) since: Mono,
    /// Then it goes back.
    pub(crate) until: Mono,
}

/// Who parked a call last: it goes back to him if nobody takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parker {
    pub(crate) station: StationId,
    pub(crate) agent: Option<AgentId>,
}

/// A stay in queues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) queue: QueueId,
    pub(crate) need: Need,
    pub(crate) place: Place,
    /// To be said once on entering; empty once said.
    pub(crate) greeting: Vec<PromptId>,
    /// The place to be said, or being said.
    pub(crate) announced: Option<Announced>,
    /// Greet on entering: not somebody who comes back.
    pub(crate) greets: bool,
    /// Its agent's leg died.
    pub(crate) rescued: bool,
    pub(crate) offers: Vec<Offer>,
}

/// How a call stands with the ACD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// Who calls is asked before entering.
    Asking { known_by: Mono },
    /// The ACD was told.
    Entering,
    /// It waits.
    In,
    /// The ACD let it go at this instant; where to comes in the same turn, or nothing comes.
    Out { since: Mono },
}

/// An agent's station that is called for a waiting call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) agent: AgentId,
    pub(crate) station: StationId,
    pub(crate) epoch: u64,
    pub(crate) leg: LegId,
    /// Answered, and the ACD was told.
    pub(crate) accepted: bool,
    /// The phone was told to answer by itself.
    pub(crate) by_itself: bool,
}

/// How a leg is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rings {
    /// For a queue, or outside.
    Plainly,
    /// For a queue, at a phone that answers by itself.
    ByItself,
    /// At a station, for nobody's queue: it counts among its private calls.
    Privately,
}

/// A party that is called without a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dial {
    pub(crate) leg: LegId,
    /// The number outside; empty for a station.
    pub(crate) number: String,
    /// Trunks still to be tried.
    pub(crate) rest: Vec<TrunkId>,
    pub(crate) charged: Option<StationId>,
    pub(crate) ring_until: Mono,
}

/// A call back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Back {
    pub(crate) agent_first: bool,
    pub(crate) ring_limit: Duration,
    /// The customer has answered.
    pub(crate) is_reached: bool,
}

/// A customer who is dialled, with the agent who waits for him or without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dialling {
    pub(crate) dial: Dial,
    pub(crate) agency: Option<Agency>,
    /// To be said to the agent, or being said; empty once said.
    pub(crate) whisper: Vec<PromptId>,
    /// The ACD knows how it ended.
    pub(crate) is_told: bool,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Talk {
    /// The party beside the caller.
    pub(crate) other: LegId,
    pub(crate) agency: Option<Agency>,
    /// The agent's media is silent; until then the caller's may follow. And when something was heard of him last.
    pub(crate) silent: Option<(Mono, Now)>,
    /// Being said to the other party, before they hear each other; empty once said.
    pub(crate) briefing: Vec<PromptId>,
}

/// The agent who has the conversation as the ACD knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agency {
    pub(crate) agent: AgentId,
    pub(crate) station: StationId,
    pub(crate) leg: LegId,
    /// What the ACD was told last.
    pub(crate) phase: AgentState,
}

/// A blind transfer under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transferring {
    /// Who asked for it, while he is there: to be told, and to come back to.
    pub(crate) by: Option<LegId>,
    pub(crate) agency: Option<Agency>,
    pub(crate) dial: Dial,
}

impl Call {
    /// A call as it begins: its caller's leg is named but not there yet, nothing was asked and nothing is decided.
    pub(crate) fn new(
        id: CallId,
        from: Option<From>,
        (ani, dnis): (Number, Number),
        caller: LegId,
        stage: Stage,
        t: &Turn<'_>,
    ) -> Call {
        Call {
            id,
            from,
            ani,
            display: String::new(),
            dnis,
            began: t.now.mono,
            ends_at: t.now.mono + t.config.duration_limit,
            caller,
            legs: Legs::default(),
            figures: Vec::new(),
            stuck: None,
            record: Record::Unasked,
            customer: None,
            came: None,
            wants_since: None,
            early: Early::default(),
            music: None,
            consult: None,
            back: None,
            is_taped: false,
            menus: 0,
            parker: None,
            asked_ahead: None,
            talked: false,
            verdict: None,
            stage,
        }
    }

    /// Whether it serves somebody from outside, or somebody who asked a queue for an agent.
    pub(crate) fn is_customers(&self) -> bool {
        self.came.is_some() || matches!(self.from, Some(From::Trunk(_)))
    }

    pub(crate) fn party_agent(&self, leg: LegId) -> Option<(AgentId, StationId)> {
        match self.legs.get(leg)?.party {
            Party::Agent(agent, station) => Some((agent, station)),
            Party::Caller(_) | Party::Outside(_) | Party::Station(_) => None,
        }
    }

    /// Adds a leg and says so on the event line.
    pub(crate) fn begin_leg(&mut self, leg: Leg, t: &mut Turn<'_>) {
        t.house.legs.insert(leg.id, self.id);
        self.say_began(&leg, t);
        if let Some(station) = leg.private {
            t.private(station, true);
        }
        if let Some(station) = leg.charged {
            count(&mut t.house.outside, station, true);
        }
        self.legs.push(leg);
    }

    pub(crate) fn say_began(&self, leg: &Leg, t: &mut Turn<'_>) {
        t.fact(What::LegBegan {
            call: self.id,
            leg: leg.id,
            sip_call_id: leg.sip_call_id.clone(),
            a: leg.a.clone(),
            b: leg.b.clone(),
            party: leg.party,
        });
        if let Some(dialog) = leg.dialog.clone() {
            t.fact(What::LegDialog { call: self.id, leg: leg.id, dialog });
        }
    }

    /// Dials a leg; none at the bound of legs.
    pub(crate) fn dial_leg(
        &mut self,
        to: DialTo,
        party: Party,
        charged: Option<StationId>,
        rings: Rings,
        t: &mut Turn<'_>,
    ) -> Option<LegId> {
        if self.legs.len() >= LEGS_PER_CALL_MAX {
            return None;
        }
        t.house.dialled += 1;
        let id = LegId::dialled(t.house.dialled);
        let raw = match &to {
            DialTo::Station(station) => station.to_string(),
            DialTo::Trunk(_, number) => number.clone(),
        };
        let e164 = raw.parse().ok();
        let b = Number { raw, e164, withheld: false };
        let mut leg = Leg::new(id, party, self.ani.clone(), b, LegState::Dialled { ringing: false });
        leg.private = leg.station().filter(|_| rings == Rings::Privately);
        leg.charged = charged;
        let sip_call_id = t.house.sip_call_id();
        leg.sip_call_id.clone_from(&sip_call_id);
        self.begin_leg(leg, t);
        let like = self.legs.get(self.caller).filter(|leg| !leg.is_ending()).map(|leg| leg.id);
        let (from, display) = (self.ani.clone(), self.display.clone());
        let by_itself = rings == Rings::ByItself;
        t.leg(id, LegCommand::Dial { to, from, display, sip_call_id, like, by_itself });
        Some(id)
    }

    /// A leg no longer counts among a station's private calls: a queue's conversation has come to it.
    pub(crate) fn make_public(&mut self, leg: LegId, t: &mut Turn<'_>) {
        if let Some(station) = self.legs.get_mut(leg).and_then(|leg| leg.private.take()) {
            t.private(station, false);
        }
    }

    /// Tells a leg to end, once. What an unanswered leg is told follows from who dialled it.
    pub(crate) fn end_leg(&mut self, id: LegId, cause: Cause, by: EndedBy, t: &mut Turn<'_>) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let (answered, cause) = match leg.state {
            LegState::Ending { .. } | LegState::Lost { .. } => return,
            LegState::Up => (true, Cause { sip: 200, ..cause }),
            LegState::Arrived { .. } => (false, Cause { sip: if cause.sip < 400 { 480 } else { cause.sip }, ..cause }),
            // RFC 3326: only a CANCEL of what another took says 200.
            LegState::Dialled { .. } if cause.reason == Reason::CompletedElsewhere => {
                (false, Cause { sip: 200, ..cause })
            }
            LegState::Dialled { .. } => (false, Cause { sip: 487, ..cause }),
        };
        leg.state = LegState::Ending { by, answered, give_up_at: t.now.mono + ENDED_WAIT };
        t.leg(id, LegCommand::End(cause));
    }

    /// Takes a leg that is gone out of the call, with its last facts.
    pub(crate) fn remove_leg(&mut self, id: LegId, cause: Cause, by: EndedBy, t: &mut Turn<'_>) -> Option<Leg> {
        let leg = self.legs.remove(id)?;
        t.fact(What::LegEnded { call: self.id, leg: id, cause, by });
        if let Some(station) = leg.private {
            t.private(station, false);
        }
        if let Some(station) = leg.charged {
            count(&mut t.house.outside, station, false);
        }
        Some(leg)
    }

    /// Stops the ACD from dealing with this call: out of the queue, or the agent released. Says nothing twice.
    pub(crate) fn leave_acd(&mut self, how: QueueLeft, t: &mut Turn<'_>) {
        match &mut self.stage {
            Stage::Waiting(waiting) => match waiting.place {
                Place::Entering | Place::In => {
                    waiting.place = Place::Out { since: t.now.mono };
                    t.acd(self.id, AcdTell::Leave(how));
                }
                Place::Asking { .. } | Place::Out { .. } => {}
            },
            Stage::Talking(Talk { agency, .. }) | Stage::Transferring(Transferring { agency, .. }) => {
                if let Some(agency) = agency.take() {
                    t.released(self.id, agency);
                }
            }
            Stage::CallingBack(Dialling { is_told, .. }) => {
                if !std::mem::replace(is_told, true) {
                    let tell = match how {
                        QueueLeft::Withdrawn => AcdTell::Leave(how),
                        QueueLeft::Answered(_)
                        | QueueLeft::Abandoned
                        | QueueLeft::ShortAbandoned
                        | QueueLeft::Overflowed
                        | QueueLeft::TimedOut
                        | QueueLeft::Empty
                        | QueueLeft::CallbackTaken
                        | QueueLeft::ExitKey
                        | QueueLeft::Failed => AcdTell::CallbackFailed(None),
                    };
                    t.acd(self.id, tell);
                }
            }
            Stage::Saying { asks: asks @ true, .. } => {
                *asks = false;
                t.acd(self.id, AcdTell::Leave(how));
            }
            Stage::Parked(parked) => drop(t.house.parked.remove(&parked.slot)),
            Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Saying { asks: false, .. }
            | Stage::Coding { .. }
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => {}
        }
    }

    /// Ends the whole call: the ACD first, so that no offer outlives it, then every leg. A call that talked was
    /// answered, whatever ends it.
    pub(crate) fn finish(&mut self, outcome: Outcome, by: EndedBy, cause: Cause, t: &mut Turn<'_>) {
        if matches!(self.stage, Stage::Ending) {
            return;
        }
        let how = match (by, cause.reason) {
            (EndedBy::Caller, _) => QueueLeft::Abandoned,
            (EndedBy::Us, Reason::Operator | Reason::DurationLimit) | (EndedBy::Agent, _) => QueueLeft::Withdrawn,
            (EndedBy::Us, _) => QueueLeft::Failed,
        };
        self.leave_acd(how, t);
        self.verdict = Some((if self.talked { Outcome::Answered } else { outcome }, by));
        self.stage = Stage::Ending;
        self.end_all(cause, by, t);
    }

    pub(crate) fn end_all(&mut self, cause: Cause, by: EndedBy, t: &mut Turn<'_>) {
        let mut at = 0;
        while let Some(id) = self.legs.nth(at).map(|leg| leg.id) {
            self.end_leg(id, cause, by, t);
            at += 1;
        }
    }

    /// When the call wants `on_deadline` next.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        let record = match self.record {
            Record::Asked { give_up_at } => Some(give_up_at),
            Record::Unasked | Record::Durable => None,
        };
        let stage = match &self.stage {
            Stage::Arriving { known_by, .. } => Some(*known_by),
            Stage::Waiting(waiting) => match waiting.place {
                Place::Asking { known_by } => Some(known_by),
                Place::Out { since } => Some(since),
                Place::Entering | Place::In => None,
            },
            Stage::Ringing(dial)
            | Stage::Transferring(Transferring { dial, .. })
            | Stage::CallingBack(Dialling { dial, .. }) => Some(dial.ring_until),
            Stage::Talking(talk) => talk.silent.map(|(until, _)| until),
            Stage::Parked(parked) => Some(parked.until),
            Stage::Choosing(choosing) => choosing.until,
            Stage::Saying { .. } | Stage::Coding { .. } | Stage::Leaving(_) | Stage::Ending => None,
        };
        let longest = if matches!(self.stage, Stage::Ending) { None } else { Some(self.ends_at) };
        let record = if matches!(self.stage, Stage::Ending) { None } else { record };
        let legs = self.legs.iter().filter_map(|leg| match (leg.state, leg.hears) {
            (LegState::Ending { .. } | LegState::Lost { .. }, _) => leg.give_up_at(),
            (LegState::Arrived { .. } | LegState::Dialled { .. } | LegState::Up, Hears::Speech { until, .. }) => {
                Some(until)
            }
            (LegState::Arrived { .. } | LegState::Dialled { .. } | LegState::Up, _) => None,
        });
        let figures = self.figures.iter().map(|&(_, until)| until);
        let early = if matches!(self.stage, Stage::Ending) { None } else { self.early_until() };
        let ahead = self.asked_ahead.as_ref().map(|asked| asked.give_up_at);
        [record, stage, longest, early, ahead, self.stuck_until()]
            .into_iter()
            .flatten()
            .chain(legs)
            .chain(figures)
            .min()
    }

    /// Nothing is left of it but to say so.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ending) && self.legs.is_empty() && self.figures.is_empty() && self.stuck.is_none()
    }
}

impl Turn<'_> {
    /// The conversation of this agent is over.
    pub(crate) fn released(&mut self, call: CallId, agency: Agency) {
        self.acd(call, AcdTell::Released(agency.agent));
        if self.house.talks.get(&agency.station) == Some(&call) {
            self.house.talks.remove(&agency.station);
        }
    }
}
