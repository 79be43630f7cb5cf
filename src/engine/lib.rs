//! Composition: one pure function with memory. Translates between rooms, decides nothing.
//!
//! [`Engine::handle`] takes one input and appends effects; [`Engine::deadline`] says when it wants to be called next.
//! Each seam is one file: an `if` there that depends on a business fact belongs in a room.

mod acd_agents;
mod acd_tasks;
mod boundary;
mod call_acd;
mod call_back;
mod call_cdr;
mod call_cost;
mod call_customer;
mod call_media;
mod commands;
mod config;
mod notes;
mod parking;
mod placing;
mod rehearsal;
mod sip_call;
mod turn;
mod views;
mod voicemail;

#[cfg(test)]
mod tests;

pub use acd_tasks::TaskEntry;
pub use boundary::{Command, Effect, Input, Mail, Refusal};
pub use config::{EngineConfig, MediaConfig};
pub use rehearsal::{Rehearsal, Rehearsed, RehearsedOffer, RehearsedPrice};
pub use views::{
    AgentView, Answer, CalendarView, CallView, CallbackView, Explained, LegView, OfferExplained, QueueView, ServedView,
    Sizes, SkillView, TaskView, WaitingView,
};

use serde::{Deserialize, Serialize};
use turno_acd::{Acd, AgentRow, Entry};
use turno_base::fact::What;
use turno_base::{CallId, ItemId, Mono, Now};
use turno_call::{CallEvent, Calls};
use turno_sip::flow::Flow;
use turno_sip::message::Message;
use turno_sip::ua::Ua;
use turno_tariff::cdr;
use turno_tariff::guard::Guard;

use call_cdr::Records;
use call_customer::LookUps;
use call_media::Audio;
use turn::{Step, Turn};

/// The engine: every room and what lies between them. Serialising it is the snapshot that a restart begins from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Engine {
    rooms: Option<Box<Rooms>>,
}

/// The rooms and the little that the seams must remember.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rooms {
    config: EngineConfig,
    ua: Ua,
    calls: Calls,
    acd: Acd,
    cdr: cdr::Builder,
    audio: Audio,
    records: Records,
    look_ups: LookUps,
    guard: Guard,
    /// The call that the current turn is about, for [`Input::Fault`].
    about: Option<CallId>,
}

impl Engine {
    /// An engine that waits for [`Input::Configure`]; until then every other input is dropped.
    pub fn new() -> Engine {
        Engine::default()
    }

    /// Takes one input and appends what should be done to `out`, in order.
    pub fn handle(&mut self, input: &Input, now: Now, out: &mut Vec<Effect>) {
        match (&mut self.rooms, input) {
            (None, Input::Configure(config)) => {
                let mut rooms = Box::new(Rooms::new((**config).clone()));
                rooms.begin(now, out);
                self.rooms = Some(rooms);
            }
            (None, _) => {}
            (Some(rooms), input) => rooms.handle(input, now, out),
        }
    }

    /// When the engine wants [`Input::Deadline`] next.
    pub fn deadline(&self) -> Option<Mono> {
        self.rooms.as_ref().and_then(|rooms| rooms.deadline())
    }

    /// The configuration in force.
    pub fn config(&self) -> Option<&EngineConfig> {
        self.rooms.as_ref().map(|rooms| &rooms.config)
    }

    /// As whom a waiting call entered its queue; none if it does not wait.
    pub fn entry(&self, call: CallId) -> Option<Entry> {
        self.rooms.as_ref()?.acd.entry(ItemId(call))
    }

    /// How every agent stands.
    pub fn agents(&self, now: Now) -> Vec<AgentRow> {
        self.rooms.as_ref().map_or_else(Vec::new, |rooms| rooms.acd.agents(now))
    }

    /// Sequence number of the last record row that went out; 0: none.
    pub fn stored_to(&self) -> u64 {
        self.rooms.as_ref().map_or(0, |rooms| rooms.records.seq())
    }

    /// Number of the last fact that went out; 0: none. Facts are numbered from 1, in the order of their effects.
    pub fn told_to(&self) -> u64 {
        self.rooms.as_ref().map_or(0, |rooms| rooms.records.facts())
    }
}

impl Rooms {
    fn new(mut config: EngineConfig) -> Rooms {
        config.settle_codecs();
        config.acd.revision = config.revision;
        Rooms {
            ua: Ua::new(config.sip.clone(), config.seed),
            calls: Calls::new(config.call.clone(), config.seed),
            acd: Acd::new(config.acd.clone(), config.seed),
            cdr: cdr::Builder::default(),
            audio: Audio::default(),
            records: Records::default(),
            look_ups: LookUps::default(),
            guard: Guard::default(),
            about: None,
            config,
        }
    }

    fn begin(&mut self, now: Now, out: &mut Vec<Effect>) {
        let mut turn = Turn::new(now, out);
        self.tell_revision(0, &mut turn);
        self.ua.configure(self.config.sip.clone(), now, turn.sip());
        self.tell_stations(&mut turn);
        self.settle(&mut turn);
        self.want_ports(&mut turn);
    }

    fn handle(&mut self, input: &Input, now: Now, out: &mut Vec<Effect>) {
        let mut turn = Turn::new(now, out);
        let panicked = if matches!(input, Input::Fault { .. }) { self.about.take() } else { None };
        self.about = None;
        match input {
            Input::Configure(config) => self.reconfigure(config, &mut turn),
            Input::Sip { flow, message } => self.ua.on_message(*flow, message, now, turn.sip()),
            Input::Unreadable { flow, bytes, rejected } => {
                self.ua.on_unreadable(*flow, bytes, *rejected, now, turn.sip());
            }
            Input::FlowClosed(flow) => self.ua.on_flow_closed(*flow, now, turn.sip()),
            Input::SendFailed(token) => self.ua.on_send_failed(*token, now, turn.sip()),
            Input::Resolved { query, addresses } => self.ua.on_resolved(*query, addresses, now, turn.sip()),
            Input::Media { leg, event } => self.on_media(*leg, event, &mut turn),
            Input::Customer { call, customer } => self.on_customer(*call, customer.as_ref(), &mut turn),
            Input::Ports(ports) => self.audio.on_ports(ports),
            Input::Stored(seq) => self.on_stored(*seq, &mut turn),
            Input::Command { id, command } => self.on_command(*id, command, &mut turn),
            Input::Load(load) => {
                self.ua.on_load(*load);
                self.acd.pause_callbacks(load.draining || load.store_full);
            }
            Input::Restarted { alive } => self.on_restarted(*alive, &mut turn),
            Input::Fault { message } => self.on_fault(panicked, message.as_deref(), &mut turn),
            Input::Deadline => self.on_deadline(&mut turn),
        }
        self.settle(&mut turn);
    }

    /// Passes effects of rooms on to other rooms until all is said, and puts on record what was.
    fn settle(&mut self, turn: &mut Turn<'_>) {
        loop {
            match turn.next() {
                Some(Step::Sip(effect)) => self.on_sip(effect, turn),
                Some(Step::Call(effect)) => self.on_call(effect, turn),
                Some(Step::Acd(decision)) => self.on_decision(decision, turn),
                None => match turn.next_ending() {
                    Some(ended) => self.fact(ended, turn),
                    None => return self.store(turn),
                },
            }
        }
    }

    fn reconfigure(&mut self, config: &EngineConfig, turn: &mut Turn<'_>) {
        let mut config = config.clone();
        config.settle_codecs();
        let now = turn.now;
        let before = std::mem::replace(&mut self.config, config);
        // Before anything is decided by it.
        self.tell_revision(before.revision, turn);
        self.ua.configure(self.config.sip.clone(), now, turn.sip());
        self.calls.configure(self.config.call.clone());
        self.acd.configure(self.config.acd.clone(), now, turn.acd());
        self.tell_stations(turn);
        self.tell_stations_gone(&before.sip, turn);
    }

    /// The event line says from when on which revision decides.
    fn tell_revision(&mut self, before: u64, turn: &mut Turn<'_>) {
        let revision = self.config.revision;
        if revision != before {
            self.fact(What::Configured { revision }, turn);
        }
    }

    /// The process started again: streams, media and the loads measured before are gone, calls that were up are ended
    /// with a record, those who waited may redial to their place (reliability C1, C4, C5). On the event line they ended when the
    /// process did, as far as is known: nobody talked, waited or paid for as long as it was away.
    fn on_restarted(&mut self, alive: Now, turn: &mut Turn<'_>) {
        let now = turn.now;
        turn.died = Some(alive);
        self.ua.on_restart(now, turn.sip());
        self.acd.cut_waiting(now, turn.acd());
        self.settle(turn);
        self.tell_call(CallEvent::Restarted, turn);
        self.settle(turn);
        self.audio = Audio::default();
        self.want_ports(turn);
        self.records.forget_waiting();
        turn.died = None;
    }

    /// Ends the call that the failed turn was about: the one that the call room was last told of, else that of the message.
    /// What signalling had in hand ends as well, whosever it was (reliability P5).
    fn on_fault(&mut self, told: Option<CallId>, message: Option<&(Flow, Message)>, turn: &mut Turn<'_>) {
        let leg = message.and_then(|(_, message)| self.ua.leg_of(message));
        if let Some(call) = told.or_else(|| self.calls.call_of(leg?)) {
            self.tell_call(CallEvent::Fault { call }, turn);
            self.settle(turn);
        }
        let now = turn.now;
        self.ua.on_fault(message.map(|(flow, message)| (*flow, message)), now, turn.sip());
    }

    fn on_deadline(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let due = |at: Option<Mono>| at.is_some_and(|at| at <= now.mono);
        if due(self.ua.deadline()) {
            self.ua.on_deadline(now, turn.sip());
        }
        if due(self.acd.deadline()) {
            self.acd.on_deadline(now, turn.acd());
        }
        if due(self.calls.deadline()) {
            self.calls.on_deadline(now, turn.call());
        }
        if due(self.cdr.deadline()) {
            self.on_records_deadline(turn);
        }
        if due(self.guard.deadline()) {
            self.on_costs_deadline(turn);
        }
        self.on_look_up_deadline(turn);
    }

    fn deadline(&self) -> Option<Mono> {
        let of_rooms = [self.ua.deadline(), self.acd.deadline(), self.calls.deadline(), self.cdr.deadline()];
        of_rooms.into_iter().chain([self.look_ups.deadline(), self.guard.deadline()]).flatten().min()
    }

    /// Tells the call room, remembering which call the turn is about.
    pub(crate) fn tell_call(&mut self, event: CallEvent, turn: &mut Turn<'_>) {
        self.about = match &event {
            CallEvent::Known { call, .. }
            | CallEvent::Acd { call, .. }
            | CallEvent::Recorded { call }
            | CallEvent::HangUp { call }
            | CallEvent::Spent { call }
            | CallEvent::Park { call, .. }
            | CallEvent::Pull { call, .. }
            | CallEvent::Take { call, .. }
            | CallEvent::Fault { call } => Some(*call),
            CallEvent::Leg { leg, .. } | CallEvent::CodeDone { leg, .. } => self.calls.call_of(*leg),
            CallEvent::CallBack(back) => Some(back.call),
            CallEvent::Place(placed) => Some(placed.call),
            CallEvent::Arrived(_) | CallEvent::Seat { .. } | CallEvent::Restarted => None,
        };
        self.calls.on_event(event, turn.now, turn.call());
    }
}
