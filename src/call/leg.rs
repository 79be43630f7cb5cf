//! One party's side of a call: what the call layer keeps of it.

use serde::{Deserialize, Serialize};
use turno_base::fact::{DialogId, Party, Segment};
use turno_base::{Cause, EndedBy, LegId, Mono, Now, Number, PromptId, StationId};

use crate::call::FIGURES_WAIT;

/// A live leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) sip_call_id: String,
    /// The names of its dialog, once known: another call that it goes on in has them too.
    pub(crate) dialog: Option<DialogId>,
    pub(crate) party: Party,
    pub(crate) a: Number,
    pub(crate) b: Number,
    pub(crate) state: LegState,
    /// Audio terms met before the answer.
    pub(crate) early: bool,
    /// The peer holds us: the terms are not both ways.
    pub(crate) held: bool,
    /// The station whose private calls it counts among.
    pub(crate) private: Option<StationId>,
    /// The station on whose account it calls outside.
    pub(crate) charged: Option<StationId>,
    pub(crate) hears: Hears,
    pub(crate) segment: Option<Segment>,
    /// It has a media session, whose figures come at its end: from the dialling on, or from our first SDP.
    pub(crate) owes_figures: bool,
}

/// How far a leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LegState {
    /// It arrived and is not answered.
    Arrived {
        /// 180 was sent.
        ringing: bool,
    },
    /// We dialled it and it is not answered.
    Dialled {
        /// 180 came.
        ringing: bool,
    },
    /// Answered.
    Up,
    /// `End` was commanded; `Ended` must come before `give_up_at`.
    Ending { by: EndedBy, answered: bool, give_up_at: Mono },
    /// Its end was not seen but found: its peer no longer answered. It ends by this cause when media has said when it was heard
    /// last, or [`FIGURES_WAIT`] after it was found.
    Lost { cause: Cause, found: Now },
}

/// What a leg hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Hears {
    Nothing,
    /// Something with an end, which `PlayEnded` reports; past `until` it is taken as ended.
    Speech {
        what: Speech,
        until: Mono,
    },
    Music(PromptId),
    Ringback,
    With(LegId),
}

/// Something said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Speech {
    /// The plan's prompts and the queue's greeting.
    Greeting,
    /// The place in the queue, and how long it takes.
    Place(Announced),
    /// One prompt.
    Prompt(PromptId),
    /// A menu, for the so-many-th time of all menus and times.
    Menu(u16),
    /// What the mailbox says.
    Mailbox,
    /// What an agent hears before his caller.
    Briefing,
}

/// What a waiting caller is told, as far as there are prompts for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announced {
    /// 1-based.
    pub(crate) position: u32,
    /// Expected wait, to the nearest minute, at least one; none: not sure.
    pub(crate) minutes: Option<u32>,
}

/// What a leg should hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Nothing,
    Speech(Speech),
    Music(PromptId),
    Ringback,
    With(LegId),
}

impl Hears {
    pub(crate) fn is(self, want: Want) -> bool {
        match (self, want) {
            (Hears::Nothing, Want::Nothing) | (Hears::Ringback, Want::Ringback) => true,
            (Hears::Speech { what, .. }, Want::Speech(wanted)) => what == wanted,
            (Hears::Music(now), Want::Music(wanted)) => now == wanted,
            (Hears::With(now), Want::With(wanted)) => now == wanted,
            (Hears::Nothing | Hears::Ringback | Hears::Speech { .. } | Hears::Music(_) | Hears::With(_), _) => false,
        }
    }
}

impl Leg {
    pub(crate) fn new(id: LegId, party: Party, a: Number, b: Number, state: LegState) -> Leg {
        Leg {
            id,
            sip_call_id: String::new(),
            dialog: None,
            party,
            a,
            b,
            state,
            early: false,
            held: false,
            private: None,
            charged: None,
            hears: Hears::Nothing,
            segment: None,
            owes_figures: matches!(state, LegState::Dialled { .. }),
        }
    }

    pub(crate) fn station(&self) -> Option<StationId> {
        match self.party {
            Party::Agent(_, station) | Party::Station(station) => Some(station),
            Party::Caller(_) | Party::Outside(_) => None,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, LegState::Up)
    }

    /// When it is over whatever is still awaited of it.
    pub(crate) fn give_up_at(&self) -> Option<Mono> {
        match self.state {
            LegState::Ending { give_up_at, .. } => Some(give_up_at),
            LegState::Lost { found, .. } => Some(found.mono + FIGURES_WAIT),
            LegState::Arrived { .. } | LegState::Dialled { .. } | LegState::Up => None,
        }
    }

    /// It is on its way out.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.state, LegState::Ending { .. } | LegState::Lost { .. })
    }

    /// It can hear something.
    pub(crate) fn is_open(&self) -> bool {
        match self.state {
            LegState::Up => true,
            LegState::Arrived { .. } | LegState::Dialled { .. } => self.early,
            LegState::Ending { .. } | LegState::Lost { .. } => false,
        }
    }
}

/// The live legs of a call: few, so a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Legs(Vec<Leg>);

impl Legs {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, leg: Leg) {
        self.0.push(leg);
    }

    pub(crate) fn get(&self, id: LegId) -> Option<&Leg> {
        self.0.iter().find(|leg| leg.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.0.iter_mut().find(|leg| leg.id == id)
    }

    pub(crate) fn find(&self, which: impl Fn(&Leg) -> bool) -> Option<LegId> {
        self.0.iter().find(|leg| which(leg)).map(|leg| leg.id)
    }

    pub(crate) fn nth(&self, at: usize) -> Option<&Leg> {
        self.0.get(at)
    }

    pub(crate) fn remove(&mut self, id: LegId) -> Option<Leg> {
        let at = self.0.iter().position(|leg| leg.id == id)?;
        Some(self.0.remove(at))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.0.iter_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Leg> {
        self.0.iter()
    }

    pub(crate) fn is_up(&self, id: LegId) -> bool {
        self.get(id).is_some_and(Leg::is_up)
    }
}
