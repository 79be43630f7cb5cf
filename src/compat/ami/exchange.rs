//! The engine as Asterisk would show it: a fold of the event line that tells at each fact which events Asterisk would raise.
//!
//! What happens in queues is taken from the lines of `queue_log` ([`turno_tariff::cdr::format::QueueLog`]), so that the events,
//! the counters and that file cannot disagree. A leg is a channel of Asterisk's; a call that several legs talk in is a bridge.

mod legs;
mod originated;
mod people;
mod queues;

use std::collections::{BTreeMap, VecDeque};

use turno_acd::AcdConfig;
use turno_base::fact::{AgentState, Fact, Party, Segment, What};
use turno_base::{AgentId, CallId, Cause, EndedBy, LegId, Now, Number, Outcome, QueueId, StationId, Wall};
use turno_tariff::cdr::format::{QueueLog, Serving, asterisk_id};

use super::wire::Block;
use crate::shell::config::ami::Classes;
pub(super) use legs::{Leg, bridge_id};
#[cfg(test)]
pub(super) use originated::ORIGINATED_MAX;
pub(super) use originated::Originated;
pub(super) use people::Seat;
pub(super) use queues::Stand;

/// Calls at once that are shown; of more there are no events.
pub(super) const CALLS_MAX: usize = 100_000;

/// An event on its way to those who may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// Who may see it.
    pub class: Classes,
    /// All of it, with the empty line.
    pub text: String,
}

impl Event {
    pub(super) fn new(name: &'static str, class: Classes, body: &Block) -> Event {
        let text = Block::item(name).with("Privilege", class).and(body).end();
        Event { name, class, text }
    }
}

/// What Asterisk would know.
#[derive(Debug, Default)]
pub struct Exchange {
    config: AcdConfig,
    serving: Serving,
    log: QueueLog,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) legs: BTreeMap<LegId, Leg>,
    pub(super) queues: BTreeMap<QueueId, Stand>,
    pub(super) seats: BTreeMap<AgentId, Seat>,
    /// Calls that clients placed and want to hear of.
    originated: BTreeMap<CallId, Originated>,
    /// The last calls that ended, at most `ORIGINATED_MAX`.
    ended: VecDeque<CallId>,
    /// Calls that ended.
    pub(super) processed: u64,
}

/// A call in progress.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) unique: String,
    pub(super) number: String,
    pub(super) name: String,
    pub(super) dialled: String,
    /// The customer's leg.
    pub(super) caller: Option<LegId>,
    /// Those that are up or on their way.
    legs: Vec<LegId>,
    is_callback: bool,
    /// Where it waits, since when, and what to say of it.
    pub(super) waits: Option<(QueueId, Wall)>,
    /// Where it was last: for what comes after the wait.
    pub(super) queue: Option<QueueId>,
    /// The agent that the queue gave it.
    talks: Option<AgentId>,
    /// Agents who are offered it, each with his leg once it is dialled.
    offers: Vec<(AgentId, Option<LegId>)>,
    /// Legs that talk.
    pub(super) bridged: Vec<LegId>,
    /// Legs that ended and are still to be named in events of the queue, with their hang-up.
    gone: BTreeMap<LegId, (Leg, Event)>,
}

/// What `queue_log` says before it is told.
enum After {
    Nothing,
    Segment(LegId, Segment),
    OfferEnded(CallId, AgentId),
    LegEnded(CallId, LegId, Cause),
    CallEnded(CallId),
    Status(AgentId),
}

impl Exchange {
    /// Of this configuration, with nobody in it.
    pub fn new(config: AcdConfig) -> Exchange {
        let mut exchange = Exchange::default();
        exchange.configure(config, &mut Vec::new());
        exchange
    }

    /// Takes a fact and appends the events that Asterisk would raise.
    pub fn on_fact(&mut self, fact: &Fact, out: &mut Vec<Event>) {
        let after = self.begins(fact, out);
        let mut lines = Vec::new();
        self.log.lines(fact, &self.serving, &mut lines);
        let left = matches!(fact.what, What::QueueLeft { .. });
        let call = fact.what.call();
        // Who is served has left the queue before he talks; whoever hung up did so before he left it.
        let served = lines.iter().any(|line| line.event == "CONNECT");
        if left && served {
            self.on_left(&fact.what, out);
        }
        for line in &lines {
            self.on_line(line, call, fact.at.wall, out);
        }
        if left && !served {
            self.on_left(&fact.what, out);
        }
        if let Some(call) = call {
            self.part(call, out);
        }
        self.ends(after, out);
    }

    /// What a fact begins or changes, before `queue_log` has its say, and what is to be told after it.
    fn begins(&mut self, fact: &Fact, out: &mut Vec<Event>) -> After {
        match &fact.what {
            What::CallArrived { call, ani, dnis, .. } => self.on_arrived(*call, ani, dnis),
            What::CustomerKnown { call, customer, .. } => self.on_known(*call, customer.as_deref()),
            What::CallingBack { call, .. } => {
                if let Some(call) = self.calls.get_mut(call) {
                    call.is_callback = true;
                }
            }
            What::LegBegan { call, leg, b, party, .. } => self.on_leg(*call, *leg, b, *party, fact.at.wall, out),
            What::LegRinging { leg, .. } => self.on_ringing(*leg, out),
            What::LegAnswered { leg, .. } => self.on_answered(*leg, out),
            What::QueueEntered { call, queue, position } => self.on_entered(*call, *queue, *position, fact.at.wall),
            What::Offered { call, agent, .. } => {
                if let Some(call) = self.calls.get_mut(call) {
                    call.offers.push((*agent, None));
                }
            }
            What::AgentChanged { agent, station, state, .. } => {
                self.on_agent(*agent, *station, *state, fact.at.wall);
                return After::Status(*agent);
            }
            What::SegmentBegan { leg, segment, .. } => return After::Segment(*leg, *segment),
            What::OfferEnded { call, agent, .. } => return After::OfferEnded(*call, *agent),
            What::LegEnded { call, leg, cause, .. } => return After::LegEnded(*call, *leg, *cause),
            What::CallEnded { call, .. } => return After::CallEnded(*call),
            What::AgentServes { .. }
            | What::LegQuality { .. }
            | What::LegSilent { .. }
            | What::LegDialog { .. }
            | What::QueueLeft { .. }
            | What::CallbackTaken { .. }
            | What::LeavingByKey { .. }
            | What::CallbackEnded { .. }
            | What::CallbacksDue { .. }
            | What::WaitingChanged { .. }
            | What::PauseTooLong { .. }
            | What::Disposed { .. }
            | What::Task { .. }
            | What::QueueNoted { .. }
            | What::Emergency { .. }
            | What::Configured { .. } => {}
        }
        After::Nothing
    }

    fn ends(&mut self, after: After, out: &mut Vec<Event>) {
        match after {
            After::Nothing => {}
            After::Segment(leg, segment) => self.on_segment(leg, segment, out),
            After::OfferEnded(call, agent) => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.offers.retain(|(of, _)| *of != agent);
                }
                self.part(call, out);
            }
            After::LegEnded(call, leg, cause) => self.on_leg_ended(call, leg, cause, out),
            After::CallEnded(call) => self.on_ended(call, out),
            After::Status(agent) => self.tell_status(agent, out),
        }
    }

    fn on_arrived(&mut self, call: CallId, ani: &Number, dnis: &Number) {
        if self.calls.len() >= CALLS_MAX {
            return;
        }
        self.calls.entry(call).or_insert_with(|| Call {
            unique: asterisk_id(call),
            number: if ani.withheld { "anonymous".to_owned() } else { legs::bare(ani) },
            name: String::new(),
            dialled: legs::bare(dnis),
            caller: None,
            legs: Vec::new(),
            is_callback: false,
            waits: None,
            queue: None,
            talks: None,
            offers: Vec::new(),
            bridged: Vec::new(),
            gone: BTreeMap::new(),
        });
    }

    fn on_known(&mut self, call: CallId, customer: Option<&str>) {
        let Some(call) = self.calls.get_mut(&call) else { return };
        call.name = customer.unwrap_or_default().to_owned();
        if let Some(leg) = call.caller.and_then(|id| self.legs.get_mut(&id)) {
            leg.name.clone_from(&call.name);
        }
    }

    fn on_ended(&mut self, call: CallId, out: &mut Vec<Event>) {
        // Nothing says that a call left its queue which was forgotten in between.
        if let Some((queue, _)) = self.calls.get(&call).and_then(|call| call.waits) {
            self.leave(call, queue, 1, out);
        }
        self.tell_originated(call, None, out);
        self.note_end(call);
        let Some(ended) = self.calls.remove(&call) else { return };
        for leg in &ended.legs {
            self.legs.remove(leg);
        }
        out.extend(ended.gone.into_values().map(|(_, hang_up)| hang_up));
        self.processed += 1;
    }

    /// Some facts were missed: ends what is over by now and seats everybody as he sits, with the events of both.
    pub fn catch_up(&mut self, live: &[CallId], agents: &[Sitting], now: Now, out: &mut Vec<Event>) {
        let over: Vec<CallId> = self.calls.keys().filter(|call| !live.contains(call)).copied().collect();
        for call in over {
            for leg in self.calls.get(&call).map_or_else(Vec::new, |of| of.legs.clone()) {
                let cause = Cause::NORMAL;
                self.on_fact(&Fact { at: now, what: What::LegEnded { call, leg, cause, by: EndedBy::Us } }, out);
            }
            let what = What::CallEnded { call, outcome: Outcome::Failed, by: EndedBy::Us };
            self.on_fact(&Fact { at: now, what }, out);
        }
        self.sit(agents, now, out);
    }

    fn sit(&mut self, agents: &[Sitting], now: Now, out: &mut Vec<Event>) {
        for sitting in agents {
            let Sitting { agent, station, state, call, .. } = *sitting;
            self.sit_in(sitting, now, out);
            if self.seats.get(&agent).map(|seat| (seat.station, seat.state)) == Some((station, state)) {
                continue;
            }
            let what = What::AgentChanged { agent, station, state, call, is_paid: true };
            self.on_fact(&Fact { at: now, what }, out);
        }
    }

    /// Where others than the configured queues are his, nobody may have said so.
    fn sit_in(&mut self, sitting: &Sitting, now: Now, out: &mut Vec<Event>) {
        let agent = sitting.agent;
        if sitting.state == AgentState::LoggedOut {
            return;
        }
        let shown: BTreeMap<QueueId, u8> =
            self.queues_of(agent).into_iter().map(|queue| (queue, self.rank_of(agent, queue))).collect();
        let is: BTreeMap<QueueId, u8> = sitting.serves.iter().copied().collect();
        let left = shown.keys().filter(|queue| !is.contains_key(queue)).map(|queue| (*queue, None));
        let serves = is.iter().filter(|(queue, rank)| shown.get(queue) != Some(rank));
        for (queue, rank) in left.chain(serves.map(|(queue, rank)| (*queue, Some(*rank)))) {
            self.on_fact(&Fact { at: now, what: What::AgentServes { agent, queue, rank } }, out);
        }
    }

    /// Everybody who is logged in already when this begins; `since` in his state, of which alone is known when it began.
    pub fn seat(&mut self, agents: &[Sitting], now: Now) {
        self.sit(agents, now, &mut Vec::new());
        for sitting in agents {
            if let Some(seat) = self.seats.get_mut(&sitting.agent) {
                seat.since(Wall(now.wall.0.saturating_sub(sitting.since_ms.saturating_mul(1000))));
            }
        }
    }

    /// Who is logged in and serves the queue.
    pub(super) fn members(&self, queue: QueueId) -> impl Iterator<Item = (AgentId, &Seat)> {
        let serves = move |agent: &AgentId| self.queues_of(*agent).contains(&queue);
        self.seats.iter().filter(move |(agent, _)| serves(agent)).map(|(agent, seat)| (*agent, seat))
    }

    pub(super) fn config(&self) -> &AcdConfig {
        &self.config
    }
}

/// How an agent sits when nobody has said so on the event line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sitting {
    /// Who.
    pub agent: AgentId,
    /// Where.
    pub station: Option<StationId>,
    /// What he does.
    pub state: AgentState,
    /// About which call.
    pub call: Option<CallId>,
    /// For how long, ms.
    pub since_ms: i64,
    /// In which queues, and at which rank.
    pub serves: Vec<(QueueId, u8)>,
}

/// Asterisk's name of who is at the other end: an extension or a trunk.
pub(super) fn peer(party: Party) -> String {
    match party {
        Party::Agent(_, station) | Party::Station(station) => format!("PJSIP/{station}"),
        Party::Caller(Some(trunk)) | Party::Outside(trunk) => format!("PJSIP/{trunk}"),
        Party::Caller(None) => "PJSIP/station".to_owned(),
    }
}
