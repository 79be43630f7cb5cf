//! The whole story of one call, from what is kept of it: its messages from the journal, what was decided and why, what was
//! heard. Where the journal is gone, or was written by another version, the facts of the record log tell it without messages.

mod past;
#[cfg(test)]
mod tests;
mod words;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;
use turno_base::fact::{Party, What};
use turno_base::{CallId, Fact, LegId, Wall};
use turno_engine::{Effect, Input};
use turno_sip::flow::Destination;
use turno_tariff::cdr::format::party_parts;

use crate::shell::journal::{Shown, shorten_numbers, walk_until};
use crate::shell::run::header_of;
use crate::shell::store::feed::History;

pub use past::{Past, past};

/// Messages of dialogs that are not known yet: the challenge before the call, its repetitions.
const HELD_MAX: usize = 500;
/// Steps told of one call; what comes after them is counted.
pub const STEPS_MAX: usize = 10_000;
/// How long after a call's end its last messages may come: a BYE is repeated for 32 s.
const LINGER_US: i64 = 40_000_000;
/// Width of a leg's lane.
const LANE: usize = 30;

/// What is known of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The call.
    pub call: CallId,
    /// Its legs, in the order in which they began.
    pub legs: Vec<LegTold>,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// Steps that were left out at [`STEPS_MAX`].
    pub left_out: u64,
    /// Why there are no messages, if there are none.
    pub without_messages: Option<String>,
}

/// One leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegTold {
    /// The leg.
    pub leg: LegId,
    /// Call-ID of its dialog.
    pub sip_call_id: String,
    /// Whom it connects.
    pub party: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When.
    pub at: String,
    /// On which leg, from 1; none: on the call.
    pub leg: Option<usize>,
    /// What it is.
    pub kind: StepKind,
    /// In words.
    pub text: String,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// A message that we read.
    Received,
    /// A message that we sent.
    Sent,
    /// A fact.
    Fact,
    /// A decision with its reasons.
    Decision,
}

/// Gathers what is said of one call.
struct Teller {
    story: Story,
    ended: Option<Wall>,
    held: VecDeque<(String, Step)>,
}

/// Reads the story of `call` from the journal and the log of records; none: neither knows it.
///
/// # Errors
/// None of its own: what cannot be read is not told, and `without_messages` says so.
pub fn story(call: CallId, journal: Option<&Path>, records: &Path) -> Option<Story> {
    let began = began(call);
    let mut teller = Teller::new(call);
    let why = match journal {
        None => Some("no journal is kept".to_owned()),
        Some(dir) => match walk_until(dir, began, &mut |shown| teller.see(&shown)) {
            Err(error) => Some(error.to_string()),
            Ok(()) if teller.story.legs.is_empty() => Some("the journal does not reach back to it".to_owned()),
            Ok(()) => None,
        },
    };
    if teller.story.legs.is_empty() {
        teller = Teller::new(call);
        if let Ok(history) = History::open(records) {
            // A log that is damaged tells what it can.
            let _ = history.each_fact(|_, fact| teller.on_fact(fact));
        }
        teller.story.without_messages = why;
    }
    (!teller.story.steps.is_empty()).then_some(teller.story)
}

/// An id holds its own instant.
fn began(call: CallId) -> Wall {
    Wall(i64::try_from(call.0 >> 80).unwrap_or(0) * 1000)
}

impl Teller {
    fn new(call: CallId) -> Teller {
        let story = Story { call, legs: Vec::new(), steps: Vec::new(), left_out: 0, without_messages: None };
        Teller { story, ended: None, held: VecDeque::new() }
    }

    fn see(&mut self, shown: &Shown<'_>) -> ControlFlow<()> {
        let Shown::Turn { now, input, effects, .. } = shown else { return ControlFlow::Continue(()) };
        if self.ended.is_some_and(|ended| now.wall.0 > ended.0 + LINGER_US) {
            return ControlFlow::Break(());
        }
        // Legs that begin in this turn own the messages of this turn.
        for effect in *effects {
            if let Effect::Fact(Fact { what: What::LegBegan { .. }, .. }) = effect {
                self.leg_of_effect(effect);
            }
        }
        if let Input::Sip { flow, message } = input {
            self.on_message(now.wall, StepKind::Received, flow.peer.to_string(), message.bytes());
        }
        for effect in *effects {
            if let Effect::Send { to, bytes, .. } = effect {
                let peer = match to {
                    Destination::Flow(flow) => flow.peer,
                    Destination::Address { peer, .. } => *peer,
                };
                self.on_message(now.wall, StepKind::Sent, peer.to_string(), bytes);
            }
            if let Effect::Fact(fact) = effect {
                self.on_fact(fact);
            }
            if let Effect::Why { call, agent, why, .. } = effect
                && *call == self.story.call
            {
                self.add(now.wall, None, StepKind::Decision, format!("{agent} is chosen: {why}"));
            }
        }
        ControlFlow::Continue(())
    }

    fn leg_of_effect(&mut self, effect: &Effect) {
        if let Effect::Fact(fact) = effect {
            self.begin_leg(fact);
        }
    }

    /// A leg of the call, once.
    fn begin_leg(&mut self, fact: &Fact) {
        let What::LegBegan { call, leg, sip_call_id, party, .. } = &fact.what else { return };
        if *call != self.story.call || self.leg(*leg).is_some() {
            return;
        }
        let party = party_words(*party);
        self.story.legs.push(LegTold { leg: *leg, sip_call_id: sip_call_id.clone(), party });
        let at = self.story.legs.len();
        let held = std::mem::take(&mut self.held);
        for (dialog, step) in held {
            if dialog == *sip_call_id {
                self.keep(Step { leg: Some(at), ..step });
            } else {
                self.held.push_back((dialog, step));
            }
        }
        // What was held is older than what was told meanwhile; instants are written so that their text sorts.
        self.story.steps.sort_by(|a, b| a.at.cmp(&b.at));
    }

    fn on_fact(&mut self, fact: &Fact) {
        self.begin_leg(fact);
        let Some((call, leg, text)) = words::of(&fact.what) else { return };
        if call != self.story.call {
            return;
        }
        if matches!(fact.what, What::CallEnded { .. }) {
            self.ended = Some(fact.at.wall);
        }
        let leg = leg.and_then(|leg| self.leg(leg));
        self.add(fact.at.wall, leg, StepKind::Fact, text);
    }

    fn on_message(&mut self, at: Wall, kind: StepKind, peer: String, bytes: &[u8]) {
        let dialog = header_of(bytes, &["call-id", "i"]);
        let text = format!("{} ({peer})", message_line(bytes));
        match self.story.legs.iter().position(|leg| leg.sip_call_id == dialog) {
            Some(leg) => self.add(at, Some(leg + 1), kind, text),
            None => {
                if self.held.len() >= HELD_MAX {
                    self.held.pop_front();
                }
                self.held.push_back((dialog, Step { at: at.to_string(), leg: None, kind, text }));
            }
        }
    }

    fn leg(&self, leg: LegId) -> Option<usize> {
        self.story.legs.iter().position(|told| told.leg == leg).map(|at| at + 1)
    }

    fn add(&mut self, at: Wall, leg: Option<usize>, kind: StepKind, text: String) {
        self.keep(Step { at: at.to_string(), leg, kind, text });
    }

    fn keep(&mut self, step: Step) {
        if self.story.steps.len() < STEPS_MAX {
            self.story.steps.push(step);
        } else {
            self.story.left_out += 1;
        }
    }
}

fn party_words(party: Party) -> String {
    let parts = party_parts(party);
    let mut words = parts.kind.to_owned();
    for part in
        [parts.agent.map(|a| a.to_string()), parts.station.map(|s| s.to_string()), parts.trunk.map(|t| t.to_string())]
    {
        words.extend(part.map(|part| format!(" {part}")));
    }
    words
}

/// `INVITE`, `180 Ringing`, with what its CSeq belongs to where that is not the same.
fn message_line(bytes: &[u8]) -> String {
    let first = bytes.split(|&b| b == b'\r' || b == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    match first.strip_prefix("SIP/2.0 ") {
        None => first.split(' ').next().unwrap_or_default().to_owned(),
        Some(status) => {
            let cseq = header_of(bytes, &["cseq"]);
            match cseq.split_whitespace().nth(1).filter(|method| *method != "INVITE") {
                Some(method) => format!("{status} ({method})"),
                None => status.to_owned(),
            }
        }
    }
}

impl Story {
    /// Only the last four digits of every number stay.
    #[must_use]
    pub fn without_numbers(mut self) -> Story {
        for step in &mut self.steps {
            step.text = shorten_numbers(&step.text);
        }
        self
    }
}

/// A picture: a lane for each leg, in which `-->` comes to us and `<--` goes from us; what concerns the call stands before them.
impl std::fmt::Display for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "call {}", self.call)?;
        for (at, leg) in self.legs.iter().enumerate() {
            writeln!(f, "  leg {}  {}  {}", at + 1, leg.party, clean(&leg.sip_call_id))?;
        }
        if let Some(why) = &self.without_messages {
            writeln!(f, "  no messages: {why}")?;
        }
        let mut day = "";
        for step in &self.steps {
            let (date, time) = step.at.split_at_checked(11).unwrap_or(("", step.at.as_str()));
            if date != day {
                writeln!(f, "{}", date.trim_end_matches('T'))?;
                day = date;
            }
            let time = time.get(..12).unwrap_or(time);
            let text = clean(&step.text);
            let lane = " ".repeat(LANE * step.leg.unwrap_or(1).saturating_sub(1));
            match (step.kind, step.leg) {
                (StepKind::Received, Some(leg)) => writeln!(f, "{time} {leg} {lane}--> {text}")?,
                (StepKind::Sent, Some(leg)) => writeln!(f, "{time} {leg} {lane}<-- {text}")?,
                (StepKind::Fact | StepKind::Decision, Some(leg)) => writeln!(f, "{time} {leg} {lane}    {text}")?,
                (StepKind::Received | StepKind::Sent | StepKind::Fact | StepKind::Decision, None) => {
                    writeln!(f, "{time}   * {text}")?;
                }
            }
        }
        if self.left_out > 0 {
            writeln!(f, "and {} steps more", self.left_out)?;
        }
        Ok(())
    }
}

/// Nothing from outside moves the cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
