//! The event line as programs outside get it, over WebSocket and web hook: one JSON object for each fact, with names that
//! stay (tests/golden/events.txt).

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use turno_base::fact::{DialogId, Party, QueueLeft, Segment, TaskChange, WaitingChange, What};
use turno_base::{AgentId, CallId, Fact, Number, QueueId};

/// Every kind of event, in the order of [`What`].
pub const KINDS: [&str; 29] = [
    "call-arrived",
    "customer-known",
    "leg-began",
    "leg-ringing",
    "leg-answered",
    "segment-began",
    "leg-quality",
    "leg-ended",
    "queue-entered",
    "leaving-by-key",
    "queue-left",
    "offered",
    "offer-ended",
    "callback-taken",
    "calling-back",
    "callback-ended",
    "callbacks-due",
    "waiting-changed",
    "call-ended",
    "agent-changed",
    "pause-too-long",
    "disposed",
    "task",
    "emergency",
    "queue-noted",
    "configured",
    "agent-serves",
    "leg-silent",
    "leg-dialog",
];

/// What somebody wants to hear of; empty: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of [`KINDS`].
    pub kinds: Vec<String>,
    /// Events that name one of these queues.
    pub queues: Vec<QueueId>,
    /// Events that name one of these agents.
    pub agents: Vec<AgentId>,
}

impl Filter {
    /// Whether the event is wanted. One that names no queue has nothing to do with any.
    pub fn wants(&self, event: &Event) -> bool {
        let named = |key: &str| event.told.get(key).and_then(Value::as_str);
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind))
            && (self.queues.is_empty() || self.queues.iter().any(|queue| named("queue") == Some(queue.as_str())))
            && (self.agents.is_empty() || self.agents.iter().any(|agent| named("agent") == Some(agent.as_str())))
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Of [`KINDS`].
    pub kind: &'static str,
    /// Whose call it is about.
    pub call: Option<CallId>,
    /// The fields besides those that every event has.
    told: Map<String, Value>,
}

impl Event {
    /// The agent that it names.
    pub fn agent(&self) -> Option<&str> {
        self.told.get("agent").and_then(Value::as_str)
    }

    /// As it goes out: `seq` is its number in the event line.
    pub fn json(self, seq: u64, fact: &Fact) -> Value {
        let at = Timestamp::from_microsecond(fact.at.wall.0).map(|at| at.to_string()).unwrap_or_default();
        let mut all = json!({"type": "event", "seq": seq, "id": id(seq, fact), "at": at, "kind": self.kind});
        if let Some(all) = all.as_object_mut() {
            if let Some(call) = self.call {
                all.insert("call".to_owned(), json!(call));
            }
            all.extend(self.told);
        }
        all
    }
}

/// Names one event for `?after=`: its number and its instant, because numbers begin again where the engine begins afresh.
pub fn id(seq: u64, fact: &Fact) -> String {
    format!("{seq}.{}", fact.at.wall.0)
}

/// A number that the network was asked not to show is not shown.
fn number(number: &Number) -> Value {
    match (&number.e164, number.withheld) {
        (_, true) => Value::Null,
        (Some(e164), false) => json!(e164),
        (None, false) => json!(number.raw),
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The event of a fact.
pub fn event(fact: &Fact) -> Event {
    let (kind, call, told) = match &fact.what {
        What::CallArrived { call, ani, dnis, trunk } => (
            "call-arrived",
            Some(*call),
            json!({"ani": number(ani), "withheld": ani.withheld, "dnis": number(dnis), "trunk": trunk}),
        ),
        What::CustomerKnown { call, customer, segment, value_pm } => {
            ("customer-known", Some(*call), json!({"customer": customer, "segment": segment, "value_pm": value_pm}))
        }
        What::LegBegan { call, leg, sip_call_id, a, b, party } => {
            let mut told = json!({"leg": leg.to_string(), "sip_call_id": sip_call_id, "a": number(a), "b": number(b)});
            with_party(&mut told, party);
            ("leg-began", Some(*call), told)
        }
        What::LegRinging { call, leg } => ("leg-ringing", Some(*call), json!({"leg": leg.to_string()})),
        What::LegAnswered { call, leg } => ("leg-answered", Some(*call), json!({"leg": leg.to_string()})),
        What::SegmentBegan { call, leg, segment } => {
            ("segment-began", Some(*call), with_segment(leg.to_string(), segment))
        }
        What::LegQuality { call, leg, quality } => {
            ("leg-quality", Some(*call), json!({"leg": leg.to_string(), "quality": quality}))
        }
        What::LegEnded { call, leg, cause, by } => (
            "leg-ended",
            Some(*call),
            json!({"leg": leg.to_string(), "sip": cause.sip, "q850": cause.q850, "reason": cause.reason, "by": by}),
        ),
        What::QueueEntered { call, queue, position } => {
            ("queue-entered", Some(*call), json!({"queue": queue, "position": position}))
        }
        What::QueueLeft { call, queue, left, position, wait_ms } => {
            let agent = match left {
                QueueLeft::Answered(agent) => Some(agent),
                QueueLeft::Abandoned
                | QueueLeft::ShortAbandoned
                | QueueLeft::Overflowed
                | QueueLeft::TimedOut
                | QueueLeft::Empty
                | QueueLeft::CallbackTaken
                | QueueLeft::Withdrawn
                | QueueLeft::Failed
                | QueueLeft::ExitKey => None,
            };
            let told = json!({"queue": queue, "outcome": left.as_str(), "agent": agent, "position": position, "wait_ms": wait_ms});
            ("queue-left", Some(*call), told)
        }
        What::Offered { call, queue, agent, epoch } => {
            ("offered", Some(*call), json!({"queue": queue, "agent": agent, "epoch": epoch}))
        }
        What::OfferEnded { call, agent, epoch, end, ring_ms } => (
            "offer-ended",
            Some(*call),
            json!({"agent": agent, "epoch": epoch, "outcome": end.as_str(), "ring_ms": ring_ms}),
        ),
        What::LeavingByKey { call, queue, key } => ("leaving-by-key", Some(*call), json!({"queue": queue, "key": key})),
        What::CallbackTaken { call, queue, how } => {
            ("callback-taken", Some(*call), json!({"queue": queue, "by": how.as_str()}))
        }
        What::CallingBack { call, first, attempt } => {
            ("calling-back", Some(*call), json!({"first": first, "attempt": attempt}))
        }
        What::CallbackEnded { first, queue, end, attempts } => {
            ("callback-ended", *first, json!({"queue": queue, "outcome": end.as_str(), "attempts": attempts}))
        }
        What::CallbacksDue { queue, due } => ("callbacks-due", None, json!({"queue": queue, "due": due})),
        What::WaitingChanged { call, change } => ("waiting-changed", Some(*call), waiting(change)),
        What::CallEnded { call, outcome, by } => {
            ("call-ended", Some(*call), json!({"outcome": outcome.as_str(), "by": by}))
        }
        What::AgentChanged { agent, station, state, call, is_paid } => {
            let (state, reason) = (state.as_str(), state.reason());
            let told =
                json!({"agent": agent, "station": station, "state": state, "reason": reason, "is_paid": is_paid});
            ("agent-changed", *call, told)
        }
        What::AgentServes { agent, queue, rank } => {
            ("agent-serves", None, json!({"agent": agent, "queue": queue, "rank": rank}))
        }
        What::PauseTooLong { agent, reason } => ("pause-too-long", None, json!({"agent": agent, "reason": reason})),
        What::Disposed { call, agent, disposition } => {
            ("disposed", Some(*call), json!({"agent": agent, "disposition": disposition}))
        }
        What::Task { task, queue, kind, change } => ("task", None, {
            let mut told = json!({"task": task, "queue": queue, "work": kind.as_str(), "change": change.as_str()});
            with_change(&mut told, change);
            told
        }),
        What::Emergency { queue, on } => ("emergency", None, json!({"queue": queue, "on": on})),
        What::QueueNoted { queue, note } => ("queue-noted", None, json!({"queue": queue, "note": note})),
        What::LegSilent { call, leg, heard } => {
            let heard = Timestamp::from_microsecond(heard.wall.0).map(|at| at.to_string()).unwrap_or_default();
            ("leg-silent", Some(*call), json!({"leg": leg.to_string(), "heard": heard}))
        }
        What::LegDialog { call, leg, dialog } => {
            let DialogId { call_id, local_tag, remote_tag } = dialog;
            let told = json!({"leg": leg.to_string(), "sip_call_id": call_id, "local_tag": local_tag, "remote_tag": remote_tag});
            ("leg-dialog", Some(*call), told)
        }
        What::Configured { revision } => ("configured", None, json!({"revision": revision})),
    };
    Event { kind, call, told: fields(told) }
}

fn with_party(told: &mut Value, party: &Party) {
    let (word, trunk, agent, station) = match party {
        Party::Caller(trunk) => ("caller", *trunk, None, None),
        Party::Agent(agent, station) => ("agent", None, Some(*agent), Some(*station)),
        Party::Outside(trunk) => ("outside", Some(*trunk), None, None),
        Party::Station(station) => ("station", None, None, Some(*station)),
    };
    told["party"] = json!(word);
    (told["trunk"], told["agent"], told["station"]) = (json!(trunk), json!(agent), json!(station));
}

fn with_segment(leg: String, segment: &Segment) -> Value {
    let (word, queue, agent, prompt) = match segment {
        Segment::Ivr(prompt) => ("ivr", None, None, *prompt),
        Segment::Queue(queue) => ("queue", Some(*queue), None, None),
        Segment::Ring(agent) => ("ring", None, Some(*agent), None),
        Segment::Talk(agent) => ("talk", None, Some(*agent), None),
        Segment::TalkOutside => ("talk-outside", None, None, None),
        Segment::Hold(agent) => ("hold", None, Some(*agent), None),
        Segment::Consult(agent) => ("consult", None, Some(*agent), None),
        Segment::Parked => ("parked", None, None, None),
        Segment::Voicemail => ("voicemail", None, None, None),
    };
    json!({"leg": leg, "segment": word, "queue": queue, "agent": agent, "prompt": prompt})
}

fn waiting(change: &WaitingChange) -> Value {
    match change {
        WaitingChange::Bumped(ms) => json!({"change": "bumped", "older_ms": ms}),
        WaitingChange::Moved(from, to) => json!({"change": "moved", "from": from, "queue": to}),
        WaitingChange::Needs(need) => json!({"change": "needs", "need": turno_acd::need::text(need)}),
    }
}

fn with_change(told: &mut Value, change: &TaskChange) {
    match change {
        TaskChange::Added { due } => {
            told["due"] = json!(Timestamp::from_microsecond(due.0).map(|at| at.to_string()).unwrap_or_default());
        }
        TaskChange::Given(agent) | TaskChange::Begun(agent) | TaskChange::Held(agent) | TaskChange::Returned(agent) => {
            told["agent"] = json!(agent);
        }
        TaskChange::Moved(from) => told["from"] = json!(from),
        TaskChange::Done { agent, disposition, worked_ms, waited_ms, is_late } => {
            (told["agent"], told["disposition"]) = (json!(agent), json!(disposition));
            (told["worked_ms"], told["waited_ms"], told["is_late"]) =
                (json!(worked_ms), json!(waited_ms), json!(is_late));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
