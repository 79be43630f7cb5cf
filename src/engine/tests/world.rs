//! A world around the engine in invented time: a carrier and phones, each a user agent of its own, a network between
//! them, a store that is durable after a millisecond, media that does what it is told.

mod party;
mod settings;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use turno_base::fact::{DialogId, What};
use turno_base::{CallId, Cause, LegId, Mono, Now, Seeded, Wall};
use turno_media::{MediaCommand, MediaEvent, Play, Port};
use turno_sip::config::SipConfig;
use turno_sip::flow::{Destination, Flow, ListenerId, Transport};
use turno_sip::message::Message;
use turno_sip::ua::Ua;
use turno_tariff::cdr::{Kind, Record};

use super::audit::Audit;
use super::refer::Dialogs;
use crate::{Answer, Command, Effect, Engine, EngineConfig, Input, Mail, Refusal, Sizes};
pub(super) use settings::{config, name};

/// Where the engine listens.
pub(super) const ENGINE: &str = "10.0.0.1:5060";
/// Of the engine and of every party.
pub(super) const NONCE_KEY: [u8; 32] = [7; 32];
/// The carrier, by whose address the trunk is known.
const CARRIER: &str = "10.0.0.2:5060";

/// How the network treats datagrams, in per mille.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// Delay up to this, ms; more than the least gap between datagrams reorders them.
    pub(super) late_ms: u64,
}

enum Arrives {
    Datagram {
        to: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Engine(Box<Input>),
    /// The media limit of everything that talked with this address before that instant.
    Silence {
        ip: IpAddr,
        since: Mono,
    },
}

/// What a party does by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Rings and answers after this many ms.
    Answers(u64),
    /// Does what people do, by the party's own dice.
    Person,
    /// Is a customer called back: busy, not there, or answers and hangs up after a while.
    Customer,
}

/// What somebody at a party does with a leg.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Answer,
    /// Hangs up or, if it still rings, rejects with this status.
    End(u16),
    Hold(bool),
    /// REFER to an extension.
    Transfer(&'static str),
    /// Calls this extension and hands over, attended, once it talks.
    Consult(&'static str),
    /// Hands this leg over to the one that was dialled for it.
    HandOver(LegId),
}

pub(super) struct Party {
    at: SocketAddr,
    ua: Ua,
    pub(super) habit: Habit,
    dialled: u64,
    todo: BTreeMap<(Mono, u64), (LegId, Act)>,
    /// Its REGISTERs ask for nothing any more.
    signs_off: bool,
    /// Legs that are up or on the way.
    pub(super) legs: BTreeMap<LegId, &'static str>,
    dice: Seeded,
    config: SipConfig,
    /// Without power or network until then.
    dark_until: Option<Mono>,
    pub(super) dialogs: Dialogs,
    /// Calls that were ever up.
    pub(super) ever_up: u64,
}

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Now,
    pub(super) parties: Vec<Party>,
    pub(super) said: String,
    pub(super) facts: Vec<turno_base::Fact>,
    /// Closed records, in the order in which they were written.
    pub(super) records: Vec<Record>,
    /// How long calls had waited when they were offered, ms.
    pub(super) waited_ms: Vec<(CallId, u64)>,
    pub(super) audit: Audit,
    /// Why legs ended, as their parties were told.
    pub(super) ends: Vec<(usize, Cause)>,
    pub(super) weather: Weather,
    /// A second engine, made of the first one's snapshot, that must decide the same for so many inputs more.
    shadow: Option<(Engine, u32)>,
    /// Whether the media threads say when nothing is heard of a party.
    pub(super) hears_silence: bool,
    /// Remote address of the audio of the engine's open legs, and since when.
    talks_with: BTreeMap<LegId, (IpAddr, Mono)>,
    /// The names of their dialogs, as parties have them.
    pub(super) named: Vec<(usize, DialogId)>,
    /// The media threads say nothing of what they close.
    pub(super) is_media_mute: bool,
    /// Parties that send nothing, and since when.
    pub(super) fell_silent: BTreeMap<IpAddr, Mono>,
    ports_open: BTreeMap<LegId, Port>,
    ports_given: u64,
    /// The range of ports holds no more than so many pairs.
    pub(super) ports_max: u64,
    replies: BTreeMap<u64, Answer>,
    refusals: BTreeMap<u64, Refusal>,
    /// What was said about messages.
    pub(super) mail: Vec<Mail>,
    seeded: Seeded,
    air: BTreeMap<(Mono, u64), Arrives>,
    sent: u64,
    names: BTreeMap<CallId, usize>,
    /// Panics that are expected; each is followed by `Input::Fault`, as the loop does.
    pub(super) faults_allowed: u32,
    /// The next message panics before anything is made of it.
    pub(super) fault_instead: bool,
    /// Sounds that legs were told to hear.
    pub(super) played: u32,
    /// The INVITE that came to a party last.
    pub(super) last_invite: String,
}

impl World {
    /// An engine with `phones` registered phones at which agents have logged in, and a carrier.
    pub(super) fn open(phones: usize, habit: Habit, weather: Weather, seed: u64) -> World {
        World::open_with(config(phones), phones, habit, weather, seed)
    }

    pub(super) fn open_with(config: EngineConfig, phones: usize, habit: Habit, weather: Weather, seed: u64) -> World {
        let mut world = World {
            engine: Engine::new(),
            now: Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_773_140_400) },
            parties: Vec::new(),
            said: String::new(),
            facts: Vec::new(),
            records: Vec::new(),
            waited_ms: Vec::new(),
            audit: Audit::default(),
            ends: Vec::new(),
            weather: Weather::default(),
            shadow: None,
            hears_silence: true,
            talks_with: BTreeMap::new(),
            named: Vec::new(),
            is_media_mute: false,
            fell_silent: BTreeMap::new(),
            ports_open: BTreeMap::new(),
            ports_given: 0,
            ports_max: 10_000,
            replies: BTreeMap::new(),
            refusals: BTreeMap::new(),
            mail: Vec::new(),
            seeded: Seeded::new(seed),
            air: BTreeMap::new(),
            sent: 0,
            names: BTreeMap::new(),
            faults_allowed: 0,
            fault_instead: false,
            played: 0,
            last_invite: String::new(),
        };
        world.input(Input::Configure(Box::new(config)));
        world.add_party(CARRIER, None, habit);
        for n in 0..phones {
            world.add_party(&format!("10.0.1.{}:5060", n + 1), Some(&format!("{}", 1001 + n)), habit);
        }
        world.run(2000);
        for n in 0..phones {
            let agent = name(&format!("agent{n}"));
            world.input(Input::Command { id: 1, command: Command::AgentLogin(agent, None) });
        }
        world.run(100);
        world.said.clear();
        world.weather = weather;
        world
    }

    /// What the media threads will say of a party that sends nothing from now on.
    fn silence(&mut self, party: usize, ms: u64) {
        let (ip, since) = (self.parties[party].at.ip(), self.now.mono);
        self.fell_silent.insert(ip, since);
        self.put_in_air(since + Duration::from_millis(ms), Arrives::Silence { ip, since });
    }

    /// For how long nothing has been heard of a leg, as its media thread will say when it closes it.
    fn silent_for(&self, leg: LegId) -> Duration {
        let Some((at, began)) = self.talks_with.get(&leg) else { return Duration::ZERO };
        let since = self.fell_silent.get(at).map_or(self.now.mono, |since| *since.max(began));
        self.now.mono.since(since)
    }

    fn on_silence(&mut self, ip: IpAddr, since: Mono) {
        let is_dark = self.parties.iter().any(|p| p.at.ip() == ip && p.dark_until.is_some());
        let is_rebooted = self.parties.iter().any(|p| p.at.ip() == ip && p.legs.is_empty());
        let silent: Vec<LegId> = self
            .talks_with
            .iter()
            .filter(|(_, (at, began))| *at == ip && *began <= since)
            .map(|(leg, _)| *leg)
            .collect();
        if self.hears_silence && (is_dark || is_rebooted) {
            for leg in silent {
                self.input(Input::Media { leg, event: MediaEvent::Silent(self.now.mono.since(since)) });
            }
        }
    }

    /// The process is killed and starts again with the state it had; what was in the sockets is lost, and nothing is
    /// heard or sent for `ms`. Media sessions are gone. Gives when it is known to have lived: no whole millisecond.
    pub(super) fn restart(&mut self, ms: u64) -> Now {
        let state = postcard::to_allocvec(&self.engine).unwrap();
        self.shadow = None;
        self.air.retain(|_, what| match what {
            Arrives::Datagram { to, .. } => *to != ENGINE.parse().unwrap(),
            Arrives::Engine(input) => matches!(**input, Input::Command { .. }),
            Arrives::Silence { .. } => true,
        });
        self.engine = Engine::new();
        let alive = self.now.after(Duration::from_micros(300));
        self.run(ms);
        self.talks_with.clear();
        self.ports_open.clear();
        self.ports_given = 0;
        self.engine = postcard::from_bytes(&state).unwrap();
        let pending = self.engine.stored_to();
        self.input(Input::Restarted { alive });
        self.input(Input::Stored(pending));
        alive
    }

    /// From now on a second engine, read back from the first one's snapshot, must decide as the first for so many inputs.
    pub(super) fn shadow(&mut self, inputs: u32) {
        let state = postcard::to_allocvec(&self.engine).unwrap();
        let engine: Engine = postcard::from_bytes(&state).unwrap();
        assert_eq!(postcard::to_allocvec(&engine).unwrap(), state, "a snapshot that is read back is the same snapshot");
        self.shadow = Some((engine, inputs));
    }

    pub(super) fn ask(&mut self, command: Command) -> Option<Answer> {
        self.input(Input::Command { id: 99, command });
        self.replies.remove(&99)
    }

    pub(super) fn refused(&mut self, command: Command) -> Option<Refusal> {
        self.ask(command);
        self.refusals.remove(&99)
    }

    pub(super) fn sizes(&mut self) -> Sizes {
        match self.ask(Command::Sizes) {
            Some(Answer::Sizes(sizes)) => sizes,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing is left of any call, at the engine or at a party; and once every phone is off and its registration over, no
    /// transaction and no timer. Every port is free again.
    pub(super) fn assert_drained(&mut self) {
        for (at, party) in self.parties.iter().enumerate() {
            assert!(party.legs.is_empty(), "party {at} is left with {:?}", party.legs);
        }
        self.audit.assert_over();
        let sizes = self.sizes();
        assert_eq!(
            (sizes.calls, sizes.legs, sizes.dialogs, sizes.waiting),
            (0, 0, 0, 0),
            "something is left: {sizes:?}"
        );
        assert!(self.talks_with.is_empty(), "media sessions are left: {:?}", self.talks_with);
        self.parties.clear();
        self.run(900_000);
        let sizes = self.sizes();
        assert_eq!(Sizes { ports_free: 0, ..sizes }, Sizes::default(), "something is left");
        assert_eq!(sizes.ports_free, self.ports_given, "ports are missing");
    }

    /// Lets `ms` milliseconds pass.
    pub(super) fn run(&mut self, ms: u64) {
        let end = self.now.mono + Duration::from_millis(ms);
        while let Some(at) = self.next_instant().filter(|at| *at <= end) {
            let step = at.since(self.now.mono);
            self.now = self.now.after(step);
            self.step();
        }
        self.now = self.now.after(end.since(self.now.mono));
    }

    fn next_instant(&self) -> Option<Mono> {
        let air = self.air.first_key_value().map(|((at, _), _)| *at);
        let parties = self
            .parties
            .iter()
            .flat_map(|p| [p.ua.deadline(), p.todo.first_key_value().map(|((at, _), _)| *at), p.dark_until]);
        parties.chain([air, self.engine.deadline()]).flatten().min()
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(entry) = self.air.first_entry().filter(|entry| entry.key().0 <= now.mono) {
            match entry.remove() {
                Arrives::Engine(input) => self.input(*input),
                Arrives::Datagram { to, from, bytes } => self.deliver(to, from, bytes),
                Arrives::Silence { ip, since } => self.on_silence(ip, since),
            }
        }
        if self.engine.deadline().is_some_and(|at| at <= now.mono) {
            self.input(Input::Deadline);
        }
        for at in 0..self.parties.len() {
            if self.parties[at].ua.deadline().is_some_and(|due| due <= now.mono) {
                self.with(at, |ua, out| ua.on_deadline(now, out));
            }
            while let Some(entry) = self.parties[at].todo.first_entry().filter(|entry| entry.key().0 <= now.mono) {
                let (leg, act) = entry.remove();
                self.act(at, leg, act);
            }
            if self.parties[at].dark_until.is_some_and(|until| until <= now.mono) {
                self.parties[at].dark_until = None;
                self.fell_silent.remove(&self.parties[at].at.ip());
            }
        }
    }

    fn deliver(&mut self, to: SocketAddr, from: SocketAddr, bytes: Vec<u8>) {
        let is_dark = |party: &Party| party.dark_until.is_some();
        if self.parties.iter().any(|p| is_dark(p) && (p.at == to || p.at == from)) {
            return;
        }
        let bytes = match self.parties.iter().find(|p| p.at == to) {
            Some(party) => party.dialogs.inward(bytes),
            None => bytes,
        };
        if to != ENGINE.parse().unwrap() && bytes.starts_with(b"INVITE") {
            self.last_invite = String::from_utf8_lossy(&bytes).into_owned();
        }
        let message = Message::parse(bytes).expect("both sides write messages that can be read");
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer: from, connection: 0 };
        if to == ENGINE.parse().unwrap() {
            return self.input(Input::Sip { flow, message });
        }
        let now = self.now;
        if let Some(at) = self.parties.iter().position(|p| p.at == to) {
            self.parties[at].dialogs.learn(&message);
            self.with(at, |ua, out| ua.on_message(flow, &message, now, out));
        }
    }

    fn send(&mut self, from: SocketAddr, to: Destination, bytes: Vec<u8>) {
        let to = match to {
            Destination::Flow(flow) => flow.peer,
            Destination::Address { peer, .. } => peer,
        };
        let copies = if self.seeded.below(1000) < self.weather.doubled { 2 } else { 1 };
        for _ in 0..copies {
            if self.seeded.below(1000) < self.weather.lost {
                continue;
            }
            let delay = Duration::from_micros(200 + self.seeded.below(self.weather.late_ms * 1000 + 1));
            let datagram = Arrives::Datagram { to, from, bytes: bytes.clone() };
            self.put_in_air(self.now.mono + delay, datagram);
        }
    }

    fn put_in_air(&mut self, at: Mono, what: Arrives) {
        self.sent += 1;
        self.air.insert((at, self.sent), what);
    }

    fn later(&mut self, ms: u64, input: Input) {
        self.put_in_air(self.now.mono + Duration::from_millis(ms), Arrives::Engine(Box::new(input)));
    }

    /// Hands the engine one input and does what it says.
    pub(super) fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        let (engine, now) = (&mut self.engine, self.now);
        let is_early = matches!(input, Input::Sip { .. }) && std::mem::take(&mut self.fault_instead);
        let handled = catch_unwind(AssertUnwindSafe(|| match is_early {
            true => panic!("before anything was made of it"),
            false => engine.handle(&input, now, &mut out),
        }));
        if let Err(panic) = handled {
            match self.faults_allowed.checked_sub(1) {
                Some(left) => self.faults_allowed = left,
                None => resume_unwind(panic),
            }
            let message = match &input {
                Input::Sip { flow, message } => Some(Box::new((*flow, message.clone()))),
                _ => None,
            };
            self.engine.handle(&Input::Fault { message }, now, &mut out);
        }
        if let Some((shadow, left)) = self.shadow.take() {
            self.follow(shadow, left, &input, &out);
        }
        self.audit.on_effects(&out);
        for effect in out {
            self.perform(effect);
        }
        let is_up = self.engine.config().is_some();
        assert!(!is_up || self.engine.told_to() == self.facts.len() as u64, "every fact has its number");
    }

    fn follow(&mut self, mut shadow: Engine, left: u32, input: &Input, decided: &[Effect]) {
        let mut out = Vec::new();
        shadow.handle(input, self.now, &mut out);
        assert_eq!(out, decided, "after a snapshot {input:?} has other effects");
        assert_eq!(shadow.deadline(), self.engine.deadline(), "after a snapshot the next deadline is another");
        self.shadow = (left > 1).then_some((shadow, left - 1));
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, bytes, .. } => self.send(ENGINE.parse().unwrap(), to, bytes),
            Effect::Media { leg, command } => match command {
                MediaCommand::Close => {
                    let silent = self.silent_for(leg);
                    self.talks_with.remove(&leg);
                    // Of what was open before a restart the media threads know nothing.
                    let Some(port) = self.ports_open.remove(&leg) else { return };
                    let closed = MediaEvent::Closed { quality: Default::default(), silent };
                    if !self.is_media_mute {
                        self.later(1, Input::Media { leg, event: closed });
                    }
                    self.later(1000, Input::Ports(vec![port]));
                }
                MediaCommand::Open(port) => {
                    assert!(!self.ports_open.values().any(|open| *open == port), "{port:?} is given twice");
                    self.ports_open.insert(leg, port);
                }
                MediaCommand::Agree(agreement) => {
                    self.talks_with.entry(leg).or_insert((agreement.remote.ip(), self.now.mono)).0 =
                        agreement.remote.ip();
                }
                MediaCommand::Play(Play::Once(_) | Play::OnceThenLoop(..), number) => {
                    self.played += 1;
                    self.later(1500, Input::Media { leg, event: MediaEvent::PlayEnded(number) });
                }
                MediaCommand::Play(Play::Loop(_) | Play::Ringback, _) => self.played += 1,
                MediaCommand::Quiet
                | MediaCommand::Bridge(_)
                | MediaCommand::Unbridge
                | MediaCommand::Key { .. }
                | MediaCommand::Pressed { .. }
                | MediaCommand::Held(_)
                | MediaCommand::EndTape => {}
                MediaCommand::Tape(_) => {
                    let event = MediaEvent::Taped { ms: 4000, end: turno_base::TapeEnd::Silence };
                    self.later(4000, Input::Media { leg, event });
                }
            },
            Effect::WantPorts(more) => {
                let more = u64::from(more).min(self.ports_max.saturating_sub(self.ports_given));
                let base = 10_000 + u16::try_from(self.ports_given).unwrap() * 2;
                let ports: Vec<Port> = (0..u16::try_from(more).unwrap()).map(|n| port(base + n * 2)).collect();
                self.ports_given += ports.len() as u64;
                self.later(0, Input::Ports(ports));
            }
            Effect::LookUp { call, .. } => self.later(0, Input::Customer { call, customer: None }),
            Effect::Store { seq, row } => {
                if let Kind::Close(record) = row.kind {
                    self.records.push(*record);
                }
                self.later(1, Input::Stored(seq));
            }
            Effect::Fact(fact) => {
                self.tell(&fact.what);
                self.facts.push(fact);
            }
            Effect::Healed(reason) => {
                let _ = writeln!(self.said, "{} HEALED {reason:?}", self.now.mono.as_ms());
            }
            Effect::Reply { id, answer: Ok(answer) } => {
                self.replies.insert(id, answer);
            }
            Effect::Reply { id, answer: Err(refusal) } => {
                self.refusals.insert(id, refusal);
            }
            Effect::Why { call, why, .. } => self.waited_ms.push((call, why.item.waited_ms)),
            Effect::Mail(mail) => self.mail.push(mail),
            Effect::Close(_)
            | Effect::Resolve { .. }
            | Effect::Count(_)
            | Effect::Foreseen { .. }
            | Effect::Trunk { .. } => {}
        }
    }

    fn tell(&mut self, what: &What) {
        let ms = self.now.mono.as_ms();
        let next = self.names.len() + 1;
        let mut named = |call: &CallId| format!("c{}", self.names.entry(*call).or_insert(next));
        let line = match what {
            What::CallArrived { call, ani, .. } => format!("{} arrives from {}", named(call), ani.raw),
            What::QueueEntered { call, queue, position } => format!("{} enters {queue} at {position}", named(call)),
            What::QueueLeft { call, queue, left, .. } => format!("{} leaves {queue}: {}", named(call), left.as_str()),
            What::Offered { call, agent, .. } => format!("{} offered to {agent}", named(call)),
            What::OfferEnded { call, agent, end, .. } => format!("{} at {agent}: {}", named(call), end.as_str()),
            What::SegmentBegan { call, leg, segment } => format!("{} {leg} {segment:?}", named(call)),
            What::CallEnded { call, outcome, by } => format!("{} ends: {} by {by:?}", named(call), outcome.as_str()),
            What::AgentServes { agent, queue, rank } => format!("{agent} serves {queue}: {rank:?}"),
            What::PauseTooLong { agent, reason } => format!("{agent} is too long in {reason}"),
            What::Disposed { call, agent, disposition } => format!("{} was {disposition}, says {agent}", named(call)),
            What::Task { task, queue, kind, change } => {
                format!("{} ({} for {queue}) {}", named(task), kind.as_str(), change.as_str())
            }
            What::AgentChanged { agent, state, .. } => format!("{agent} is {}", state.as_str()),
            What::LeavingByKey { call, queue, key } => format!("{} presses {key} to leave {queue}", named(call)),
            What::CallbackTaken { call, queue, how } => {
                format!("{} will be called back for {queue}: {}", named(call), how.as_str())
            }
            What::CallingBack { call, first, attempt } => {
                let of = first.map_or(String::new(), |first| format!(" of {}", named(&first)));
                format!("{} calls back{of}, attempt {attempt}", named(call))
            }
            What::CallbackEnded { queue, end, attempts, .. } => {
                format!("a callback of {queue} is over: {} after {attempts}", end.as_str())
            }
            What::CallbacksDue { queue, due } => format!("{queue} has {due} to call back"),
            What::WaitingChanged { call, change } => format!("{} changed: {change:?}", named(call)),
            What::Configured { revision } => format!("configured {revision}"),
            What::QueueNoted { queue, note } => format!("{queue} noted {} {}", note.event, note.text),
            What::Emergency { queue, on } => format!("emergency {on} {queue:?}"),
            What::CustomerKnown { .. }
            | What::LegBegan { .. }
            | What::LegRinging { .. }
            | What::LegAnswered { .. }
            | What::LegQuality { .. }
            | What::LegSilent { .. }
            | What::LegDialog { .. }
            | What::LegEnded { .. } => return,
        };
        let _ = writeln!(self.said, "{ms} {line}");
    }
}

fn port(rtp: u16) -> Port {
    let at = |port| SocketAddr::new(IpAddr::from([10, 0, 0, 1]), port);
    Port { rtp: at(rtp), rtcp: at(rtp + 1) }
}
