//! Asterisk's `queue_log` as a fold over the event line (docs/records.md): `epoch|callid|queue|agent|EVENT|p1|p2|…`.
//!
//! For each call id and queue there is one ENTERQUEUE and one final event; a call that enters the same queue again gets a call
//! id of its own for that. Readers match ENTERQUEUE, CONNECT and COMPLETE* by call id and queue, in this order.

mod note;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::fact::{AgentState, CallbackAsked, Fact, Note, OfferEnd, Party, QueueLeft, Segment, What};
use turno_base::{AgentId, CallId, EndedBy, LegId, Now, Number, QueueId, Wall};

use super::asterisk::asterisk_id;
pub use note::{NOTE_FIELD_BYTES_MAX, NoteRefusal, may_note};

/// Calls at once that are followed; the lines of more are not written.
const CALLS_MAX: usize = 100_000;

/// Which queues each agent serves: AgentChanged does not say, ADDMEMBER must.
pub type Serving = BTreeMap<AgentId, Vec<QueueId>>;

/// What must be remembered between facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueLog {
    calls: BTreeMap<CallId, Caller>,
    /// Who is logged in, and whether he is paused.
    agents: BTreeMap<AgentId, bool>,
    /// What was changed for a shift: the rank in a queue that an agent serves, none in one that he does not.
    served: BTreeMap<AgentId, BTreeMap<QueueId, Option<u8>>>,
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Caller {
    number: String,
    dialled: String,
    name: String,
    /// The customer's.
    leg: Option<LegId>,
    is_callback: bool,
    /// Queues that it has been in.
    entered: BTreeSet<QueueId>,
    stay: Option<Stay>,
    talk: Option<Talk>,
    /// The agents' legs: unique ids in CONNECT.
    legs: Vec<(AgentId, LegId, Wall)>,
    /// Called number of the last leg that we dialled: where a transfer goes.
    dialled_last: String,
    /// Ring time of the offer that was taken, ms.
    rang_ms: u64,
    /// The key by which he is about to leave.
    key: Option<char>,
    /// By what he asked to be called back.
    asked: Option<CallbackAsked>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stay {
    queue: QueueId,
    id: String,
    original: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Talk {
    agent: AgentId,
    since: Now,
    hold_s: u64,
    /// The caller is on his way to somebody else.
    leaving: Option<Now>,
    /// The caller's or the agent's leg has ended.
    gone: Option<Now>,
}

/// The line that Asterisk writes when it starts.
pub fn queue_start(at: Wall) -> String {
    line(at, "NONE", "NONE", "NONE", "QUEUESTART", &[]).to_string()
}

/// The line that Asterisk writes when its configuration was read again.
pub fn config_reload(at: Wall) -> String {
    line(at, "NONE", "NONE", "NONE", "CONFIGRELOAD", &[]).to_string()
}

impl QueueLog {
    /// Takes a fact and appends its lines, each with its LF.
    pub fn on_fact(&mut self, fact: &Fact, serving: &Serving, out: &mut String) {
        let mut lines = Vec::new();
        self.lines(fact, serving, &mut lines);
        lines.iter().for_each(|line| out.push_str(&line.to_string()));
    }

    /// Takes a fact and appends its lines taken apart, for those who tell the same in another form.
    pub fn lines(&mut self, fact: &Fact, serving: &Serving, out: &mut Vec<Line>) {
        let at = fact.at;
        match &fact.what {
            What::CallArrived { call, ani, dnis, .. } => self.on_arrived(*call, ani, dnis),
            What::CallEnded { call, by, .. } => {
                if let Some(mut caller) = self.calls.remove(call) {
                    caller.on_ended(at, *by, out);
                }
            }
            What::AgentChanged { agent, state, .. } => self.on_agent(*agent, *state, at.wall, serving, out),
            What::AgentServes { agent, queue, rank } => self.on_serves(*agent, *queue, *rank, at.wall, serving, out),
            What::CustomerKnown { call, customer, .. } => {
                self.with(call, |caller| caller.name = customer.clone().unwrap_or_default());
            }
            What::CallingBack { call, .. } => self.with(call, |caller| caller.is_callback = true),
            What::LegBegan { call, leg, b, party, .. } => {
                self.with(call, |caller| caller.on_leg(*leg, b, *party, at.wall));
            }
            What::LegEnded { call, leg, .. } => self.with(call, |caller| caller.on_leg_ended(*leg, at)),
            What::LegSilent { call, leg, heard } => self.with(call, |caller| caller.on_leg_silent(*leg, *heard)),
            What::SegmentBegan { call, leg, segment } => self.with(call, |caller| {
                if caller.leg == Some(*leg) {
                    caller.on_segment(*segment, at, out);
                }
            }),
            What::QueueEntered { call, queue, position } => {
                self.with(call, |caller| caller.on_entered(*call, *queue, *position, at, out));
            }
            What::LeavingByKey { call, key, .. } => self.with(call, |caller| caller.key = Some(*key)),
            What::QueueLeft { call, left, position, wait_ms, .. } => {
                self.with(call, |caller| caller.on_left(*left, *position, *wait_ms, at, out));
            }
            What::OfferEnded { call, agent, end, ring_ms, .. } => {
                self.with(call, |caller| caller.on_offer_ended(*agent, *end, *ring_ms, at.wall, out));
            }
            What::QueueNoted { queue, note } => {
                let Note { id, agent, event, text } = note;
                out.push(line(at.wall, id, queue.as_str(), agent, event, &[text]));
            }
            What::CallbackTaken { call, how, .. } => self.with(call, |caller| caller.asked = Some(*how)),
            What::LegRinging { .. }
            | What::LegAnswered { .. }
            | What::LegQuality { .. }
            | What::LegDialog { .. }
            | What::Offered { .. }
            | What::CallbackEnded { .. }
            | What::CallbacksDue { .. }
            | What::WaitingChanged { .. }
            | What::PauseTooLong { .. }
            | What::Task { .. }
            | What::Disposed { .. }
            | What::Emergency { .. }
            | What::Configured { .. } => {}
        }
    }

    fn with(&mut self, call: &CallId, change: impl FnOnce(&mut Caller)) {
        if let Some(caller) = self.calls.get_mut(call) {
            change(caller);
        }
    }

    fn on_arrived(&mut self, call: CallId, ani: &Number, dnis: &Number) {
        if self.calls.len() >= CALLS_MAX {
            return;
        }
        let bare = |number: &Number| super::number(number).trim_start_matches('+').to_owned();
        let caller = Caller {
            number: if ani.withheld { "anonymous".to_owned() } else { bare(ani) },
            dialled: bare(dnis),
            name: String::new(),
            leg: None,
            is_callback: false,
            entered: BTreeSet::new(),
            stay: None,
            talk: None,
            legs: Vec::new(),
            dialled_last: String::new(),
            rang_ms: 0,
            key: None,
            asked: None,
        };
        self.calls.entry(call).or_insert(caller);
    }

    /// The queues that an agent serves, of those that he is configured for and those changed for his shift.
    pub fn queues_of(&self, agent: AgentId, serving: &Serving) -> Vec<QueueId> {
        let configured = serving.get(&agent).map_or(&[][..], |queues| queues);
        let Some(changed) = self.served.get(&agent) else { return configured.to_vec() };
        let kept = configured.iter().filter(|queue| !matches!(changed.get(queue), Some(None)));
        let joined = changed.iter().filter(|(queue, rank)| rank.is_some() && !configured.contains(queue));
        kept.chain(joined.map(|(queue, _)| queue)).copied().collect()
    }

    /// The rank of an agent in a queue, if it was changed for his shift.
    pub fn rank_changed(&self, agent: AgentId, queue: QueueId) -> Option<u8> {
        *self.served.get(&agent)?.get(&queue)?
    }

    fn on_serves(
        &mut self,
        agent: AgentId,
        queue: QueueId,
        rank: Option<u8>,
        at: Wall,
        serving: &Serving,
        out: &mut Vec<Line>,
    ) {
        let did = self.queues_of(agent, serving).contains(&queue);
        self.served.entry(agent).or_default().insert(queue, rank);
        let Some(is_paused) = self.agents.get(&agent) else { return };
        let paused = if *is_paused { "PAUSED" } else { "" };
        let mut tell = |event, of: &str| out.push(line(at, "NONE", queue.as_str(), agent.as_str(), event, &[of]));
        match (did, rank) {
            (false, Some(_)) => tell("ADDMEMBER", paused),
            (true, Some(rank)) => tell("PENALTY", &rank.to_string()),
            (true, None) => tell("REMOVEMEMBER", ""),
            (false, None) => {}
        }
    }

    fn on_agent(&mut self, agent: AgentId, state: AgentState, at: Wall, serving: &Serving, out: &mut Vec<Line>) {
        let queues = self.queues_of(agent, serving);
        let mut each = |event: &str, of: &[&str], all: bool| {
            if all {
                let event = format!("{event}ALL");
                out.push(line(at, "NONE", "NONE", agent.as_str(), &event, of));
            }
            for queue in &queues {
                out.push(line(at, "NONE", queue.as_str(), agent.as_str(), event, of));
            }
        };
        let was = self.agents.get(&agent).copied();
        match (was, state) {
            (Some(_), AgentState::LoggedOut) => {
                each("REMOVEMEMBER", &[""], false);
                self.agents.remove(&agent);
                self.served.remove(&agent);
            }
            (None, AgentState::LoggedOut) => {}
            (None, AgentState::Paused(_)) => {
                each("ADDMEMBER", &["PAUSED"], false);
                self.agents.insert(agent, true);
            }
            (Some(_), AgentState::Paused(reason)) => {
                each("PAUSE", &[reason.as_str()], true);
                self.agents.insert(agent, true);
            }
            (Some(true), AgentState::Ready | AgentState::Offered | AgentState::Ringing) => {
                each("UNPAUSE", &[""], true);
                self.agents.insert(agent, false);
            }
            (Some(_), _) => {}
            (None, _) => {
                each("ADDMEMBER", &[""], false);
                self.agents.insert(agent, false);
            }
        }
    }
}

impl Caller {
    fn on_leg(&mut self, leg: LegId, b: &Number, party: Party, at: Wall) {
        match party {
            Party::Caller(_) => self.leg = Some(leg),
            Party::Outside(_) if self.is_callback => self.leg = Some(leg),
            Party::Agent(agent, _) => self.legs.push((agent, leg, at)),
            Party::Outside(_) | Party::Station(_) => {}
        }
        if self.leg != Some(leg) {
            self.dialled_last = super::number(b).trim_start_matches('+').to_owned();
        }
    }

    fn on_entered(&mut self, call: CallId, queue: QueueId, position: u32, at: Now, out: &mut Vec<Line>) {
        self.end_talk(queue.as_str(), at, out);
        // The same call in the same queue once more is a call of its own to readers.
        let id = match self.entered.contains(&queue) {
            false => asterisk_id(call),
            true => format!("{}.{}", at.wall.as_secs(), asterisk_id(call).rsplit('.').next().unwrap_or("0")),
        };
        if self.entered.is_empty() {
            out.push(line(at.wall, &id, "NONE", "NONE", "DID", &[&self.dialled]));
        }
        self.entered.insert(queue);
        let of = ["", &self.number, &position.to_string(), &self.name];
        out.push(line(at.wall, &id, queue.as_str(), "NONE", "ENTERQUEUE", &of));
        self.stay = Some(Stay { queue, id, original: position });
    }

    fn on_left(&mut self, left: QueueLeft, position: u32, wait_ms: u64, at: Now, out: &mut Vec<Line>) {
        if let QueueLeft::Answered(agent) = left {
            return self.connect(agent, wait_ms, at, out);
        }
        let Some(stay) = self.stay.take() else { return };
        let (place, first, wait) = (position.to_string(), stay.original.to_string(), (wait_ms / 1000).to_string());
        let has_key = self.key.is_some();
        let key = self.key.take().map_or_else(|| "NONE".to_owned(), String::from);
        let (event, before, after) = match left {
            QueueLeft::Answered(_) => return,
            QueueLeft::Abandoned | QueueLeft::ShortAbandoned => ("ABANDON", None, None),
            QueueLeft::Overflowed | QueueLeft::TimedOut => ("EXITWITHTIMEOUT", None, None),
            QueueLeft::Empty => ("EXITEMPTY", None, None),
            QueueLeft::ExitKey => ("EXITWITHKEY", Some(&*key), None),
            // What he took it by is told behind this; a key before it.
            QueueLeft::CallbackTaken if has_key => ("EXITWITHKEY", Some(&*key), None),
            QueueLeft::CallbackTaken => match self.asked {
                Some(CallbackAsked::Overflow | CallbackAsked::Key) | None => ("EXITWITHTIMEOUT", None, None),
                Some(CallbackAsked::Person) => ("WITHDRAW", None, Some("callback")),
            },
            QueueLeft::Withdrawn => ("WITHDRAW", None, Some("")),
            QueueLeft::Failed => ("WITHDRAW", None, Some("failed")),
        };
        let of: Vec<&str> = before.into_iter().chain([&*place, &*first, &*wait]).chain(after).collect();
        out.push(line(at.wall, &stay.id, stay.queue.as_str(), "NONE", event, &of));
    }

    fn connect(&mut self, agent: AgentId, wait_ms: u64, at: Now, out: &mut Vec<Line>) {
        let Some(stay) = &self.stay else { return };
        let leg = self.legs.iter().rev().find(|(of, ..)| *of == agent);
        let unique = leg.map_or_else(|| "NONE".to_owned(), |(_, leg, at)| format!("{}.{}", at.as_secs(), leg.0));
        let hold_s = wait_ms / 1000;
        let of = [&*hold_s.to_string(), &unique, &(self.rang_ms / 1000).to_string()];
        out.push(line(at.wall, &stay.id, stay.queue.as_str(), agent.as_str(), "CONNECT", &of));
        self.talk = Some(Talk { agent, since: at, hold_s, leaving: None, gone: None });
    }

    fn on_offer_ended(&mut self, agent: AgentId, end: OfferEnd, ring_ms: u64, at: Wall, out: &mut Vec<Line>) {
        let event = match end {
            OfferEnd::Accepted => {
                self.rang_ms = ring_ms;
                return;
            }
            OfferEnd::Declined | OfferEnd::RingNoAnswer | OfferEnd::Busy | OfferEnd::Unreachable => "RINGNOANSWER",
            OfferEnd::CallerLeft | OfferEnd::LostRace => "RINGCANCELED",
        };
        if let Some(stay) = &self.stay {
            let ms = ring_ms.to_string();
            out.push(line(at, &stay.id, stay.queue.as_str(), agent.as_str(), event, &[&ms]));
        }
    }

    fn on_leg_ended(&mut self, leg: LegId, at: Now) {
        let whose = self.legs.iter().find(|(_, known, _)| *known == leg).map(|(agent, ..)| *agent);
        self.legs.retain(|(_, known, _)| *known != leg);
        let Some(talk) = &mut self.talk else { return };
        // He may have moved to another telephone of his.
        let is_gone = whose == Some(talk.agent) && !self.legs.iter().any(|(agent, ..)| *agent == talk.agent);
        if self.leg == Some(leg) || is_gone {
            talk.gone.get_or_insert(at);
        }
    }

    /// They talked for as long as something was heard of both; the line is written when it is over. A limit ends legs before it is
    /// known when they were heard last.
    fn on_leg_silent(&mut self, leg: LegId, heard: Now) {
        let is_customer = self.leg == Some(leg);
        let Some(talk) = &mut self.talk else { return };
        let mut his = self.legs.iter().filter(|(agent, ..)| *agent == talk.agent);
        let is_agent = his.next().is_some_and(|(_, of, _)| *of == leg) && his.next().is_none();
        if !is_customer && !is_agent {
            return;
        }
        let gone = talk.gone.get_or_insert(heard);
        if gone.mono > heard.mono {
            *gone = heard;
        }
        if let Some(leaving) = talk.leaving.as_mut().filter(|leaving| leaving.mono > heard.mono) {
            *leaving = heard;
        }
    }

    /// With whom the customer is now says whether the agent of the queue still has him.
    fn on_segment(&mut self, segment: Segment, at: Now, out: &mut Vec<Line>) {
        let Some(talk) = &mut self.talk else { return };
        match segment {
            Segment::Talk(agent) | Segment::Hold(agent) | Segment::Consult(agent) if agent == talk.agent => {
                talk.leaving = None;
            }
            // His phone is gone: nobody sends the customer back to the queue.
            Segment::Ivr(_) | Segment::Parked | Segment::Voicemail if talk.gone.is_some() => {}
            // Announcements and ringing on the way to somebody else, or put aside for whoever takes it.
            Segment::Ivr(_) | Segment::Parked | Segment::Voicemail => {
                talk.leaving.get_or_insert(at);
            }
            Segment::Talk(agent) | Segment::Hold(agent) | Segment::Consult(agent) | Segment::Ring(agent) => {
                self.end_talk(agent.as_str(), at, out);
            }
            Segment::TalkOutside => {
                let to = self.dialled_last.clone();
                self.end_talk(&to, at, out);
            }
            // The fact of the entry ends it.
            Segment::Queue(_) => {}
        }
    }

    /// The customer goes on without the agent of the queue.
    fn end_talk(&mut self, to: &str, at: Now, out: &mut Vec<Line>) {
        let (Some(talk), Some(stay)) = (self.talk.take(), self.stay.take()) else { return };
        let left = talk.leaving.or(talk.gone).unwrap_or(at);
        let (hold, seconds, first) = talk.figures(left, &stay);
        let (event, of) = match (talk.leaving, talk.gone) {
            (Some(_), _) => {
                let to = if self.dialled_last.is_empty() { to } else { &self.dialled_last };
                ("BLINDTRANSFER", vec![to, "turno"])
            }
            // His phone is gone and the customer waits again.
            (None, Some(_)) => ("COMPLETEAGENT", vec![]),
            (None, None) => ("ATTENDEDTRANSFER", vec!["AGENT", to]),
        };
        let of: Vec<&str> = of.into_iter().chain([&*hold, &*seconds, &*first]).collect();
        out.push(line(at.wall, &stay.id, stay.queue.as_str(), talk.agent.as_str(), event, &of));
    }

    fn on_ended(&mut self, at: Now, by: EndedBy, out: &mut Vec<Line>) {
        if self.talk.as_ref().is_some_and(|talk| talk.leaving.is_some()) {
            return self.end_talk("", at, out);
        }
        let (Some(talk), Some(stay)) = (self.talk.take(), self.stay.take()) else { return };
        let (hold, seconds, first) = talk.figures(talk.gone.unwrap_or(at), &stay);
        let event = match by {
            EndedBy::Caller => "COMPLETECALLER",
            EndedBy::Agent | EndedBy::Us => "COMPLETEAGENT",
        };
        let of = [&*hold, &*seconds, &*first];
        out.push(line(at.wall, &stay.id, stay.queue.as_str(), talk.agent.as_str(), event, &of));
    }
}

impl Talk {
    /// Hold and talk seconds, original position.
    fn figures(&self, until: Now, stay: &Stay) -> (String, String, String) {
        let seconds = until.mono.0.saturating_sub(self.since.mono.0) / 1_000_000;
        (self.hold_s.to_string(), seconds.to_string(), stay.original.to_string())
    }
}

/// A line taken apart: five fields and the event's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Wall,
    /// The call id, `<epoch>.<n>`; `NONE`: about no call.
    pub id: String,
    /// The queue; `NONE`: about none.
    pub queue: String,
    /// The agent; `NONE`: about none.
    pub agent: String,
    /// Asterisk's word for it.
    pub event: String,
    /// The event's own fields.
    pub of: Vec<String>,
}

/// With its LF. Nothing in a field can end it or the line.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { at, id, queue, agent, event, of } = self;
        write!(f, "{}|{}|{queue}|{}|{}|", at.as_secs(), clean(id), clean(agent), clean(event))?;
        for (n, field) in of.iter().enumerate() {
            write!(f, "{}{}", if n > 0 { "|" } else { "" }, clean(field))?;
        }
        f.write_str("\n")
    }
}

/// What stays of a field.
fn clean(text: &str) -> String {
    text.chars().filter(|c| *c != '|' && !c.is_control()).collect()
}

fn line(at: Wall, id: &str, queue: &str, agent: &str, event: &str, of: &[&str]) -> Line {
    Line {
        at,
        id: id.to_owned(),
        queue: queue.to_owned(),
        agent: agent.to_owned(),
        event: event.to_owned(),
        of: of.iter().map(|&field| field.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests;
