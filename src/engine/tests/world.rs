//! A world around the engine in invented time: a carrier and phones, each a user agent of its own, a network between
//! them, a store that is durable after a millisecond, media that does what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use turno_acd::{AcdConfig, AgentRules, Overflow, QueueRules, SegmentRules, WrapUp};
use turno_base::fact::What;
use turno_base::{
    AgentId, Cause, Codec, Direction, LegId, Mono, Need, Now, Number, QueueId, Seeded, SegmentId, SkillId,
};
use turno_base::{StationId, TrunkId, Wall};
use turno_call::{CallConfig, Codes, Extension, Plan, Route, SystemPrompts};
use turno_media::{MediaCommand, MediaEvent, Play, Port};
use turno_sip::config::{Account, Cidr, Credentials, HostPort, Secret, SipConfig, SipRules, Trunk};
use turno_sip::flow::{Destination, Flow, Listener, ListenerId, Transport};
use turno_sip::message::Message;
use turno_sip::ua::{Dial, LocalMedia, SipEffect, SipEvent, Target, Ua};

use crate::{Command, Effect, Engine, EngineConfig, Input, MediaConfig};

/// Where the engine listens.
const ENGINE: &str = "10.0.0.1:5060";
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
    Datagram { to: SocketAddr, from: SocketAddr, bytes: Vec<u8> },
    Engine(Box<Input>),
}

/// What a party does by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Rings and answers after this many ms.
    Answers(u64),
    /// Rings and never answers.
    Ignores,
    /// Rejects with this status.
    Rejects(u16),
}

pub(super) struct Party {
    at: SocketAddr,
    ua: Ua,
    habit: Habit,
    dialled: u64,
    todo: BTreeSet<(Mono, LegId)>,
    /// Legs that are up or on the way.
    pub(super) legs: BTreeMap<LegId, &'static str>,
}

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Now,
    pub(super) parties: Vec<Party>,
    pub(super) said: String,
    pub(super) facts: Vec<turno_base::Fact>,
    pub(super) rows: usize,
    /// A party whose network is cut: nothing reaches it or comes from it.
    pub(super) gone: Option<usize>,
    weather: Weather,
    seeded: Seeded,
    air: BTreeMap<(Mono, u64), Arrives>,
    sent: u64,
    names: BTreeMap<turno_base::CallId, usize>,
}

pub(super) fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn host(ip: &str) -> Cidr {
    Cidr { address: ip.parse().unwrap(), prefix: 32 }
}

fn sip_config(local: &str, accounts: Vec<Account>, trunks: Vec<Trunk>) -> SipConfig {
    let local: SocketAddr = local.parse().unwrap();
    SipConfig {
        listeners: vec![Listener { transport: Transport::Udp, local, external: None }],
        local_networks: Vec::new(),
        domains: vec![local.ip().to_string()],
        nonce_key: [7; 32],
        accounts,
        trunks,
        rules: SipRules::default(),
    }
}

fn trunk(id: &str, at: &str, account: Option<&str>) -> Trunk {
    let at: SocketAddr = at.parse().unwrap();
    Trunk {
        id: name(id),
        networks: vec![host(&at.ip().to_string())],
        hosts: vec![HostPort { host: at.ip().to_string(), port: Some(at.port()) }],
        transport: Some(Transport::Udp),
        listener: ListenerId(0),
        credentials: account.map(|user| Credentials { user: user.into(), password: "secret".into(), realm: None }),
        register: account.map(|_| Duration::from_secs(600)),
        digest_user: None,
        codecs: vec![Codec::Pcma],
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: true,
    }
}

fn queue() -> QueueRules {
    QueueRules {
        need: Need::AtLeast { skill: name("faults"), level: 1 },
        length_max: 100,
        ring_limit: Duration::from_secs(15),
        wait_limit: Duration::from_secs(120),
        wrap_up: WrapUp::AtMost(Duration::from_secs(5)),
        join_when_empty: true,
        leave_when_empty: false,
        on_full: Overflow::HangUp,
        on_wait: Overflow::Queue(name("general")),
        on_empty: Overflow::HangUp,
        short_abandon: Duration::from_secs(5),
        announce_every: Duration::ZERO,
        service_level: Duration::from_secs(20),
        service_level_target_pct: 80,
        music: None,
        greeting: None,
    }
}

pub(super) fn config(phones: usize) -> EngineConfig {
    let mut acd = AcdConfig { redial_keeps_place: Duration::from_secs(60), ..AcdConfig::default() };
    acd.queues.insert(name("faults"), queue());
    acd.queues.insert(name("general"), QueueRules { need: Need::Anyone, ..queue() });
    for (segment, value_pm) in [("platinum", 10_000), ("standard", 1000)] {
        let rules = SegmentRules { value_pm, wait_target: Duration::from_secs(20), wait_max: Duration::from_secs(240) };
        acd.segments.insert(name::<SegmentId>(segment), rules);
    }
    let mut accounts = Vec::new();
    let mut extensions = BTreeMap::new();
    extensions.insert("700".to_owned(), Extension::Queue(name("general")));
    for n in 0..phones {
        let (user, station) = (format!("{}", 1001 + n), format!("desk{n}"));
        let agent = AgentRules {
            shown: format!("Agent {n}"),
            skills: [(name::<SkillId>("faults"), 3)].into(),
            queues: vec![name::<QueueId>("faults"), name("general")],
            code: user.clone(),
            station: Some(name(&station)),
            no_answer_max: 2,
        };
        acd.agents.insert(name::<AgentId>(&format!("agent{n}")), agent);
        extensions.insert(user.clone(), Extension::Station(name(&station)));
        let secret = Secret::Password("secret".into());
        accounts.push(Account { user, secret, station: name::<StationId>(&station), fixed: None, codecs: vec![] });
    }
    let plan = Plan::Queue { queue: name("faults"), need: Need::Anyone, prompts: Vec::new() };
    EngineConfig {
        seed: 1,
        sip: sip_config(ENGINE, accounts, vec![trunk("pstn", CARRIER, None)]),
        media: MediaConfig { external: None, local_networks: Vec::new(), codecs: vec![Codec::Pcma, Codec::Pcmu] },
        call: CallConfig {
            routes: vec![Route { dnis: "*".into(), trunk: None, plan }],
            extensions,
            codes: Codes { in_out: "*45".into(), pause: "*46".into() },
            outside: BTreeMap::new(),
            station_class: BTreeMap::new(),
            overflow_class: None,
            prompts: SystemPrompts::default(),
            ring_limit: Duration::from_secs(30),
            duration_limit: Duration::from_secs(7200),
            need_language: false,
        },
        acd,
        segment_default: name("standard"),
        value_default_pm: 1000,
        deck: turno_tariff::Deck::default(),
        country: "34".into(),
    }
}

impl World {
    /// An engine with `phones` registered phones at which agents have logged in, and a carrier.
    pub(super) fn open(phones: usize, habit: Habit, weather: Weather, seed: u64) -> World {
        let mut world = World {
            engine: Engine::new(),
            now: Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_773_140_400) },
            parties: Vec::new(),
            said: String::new(),
            facts: Vec::new(),
            rows: 0,
            gone: None,
            weather: Weather::default(),
            seeded: Seeded::new(seed),
            air: BTreeMap::new(),
            sent: 0,
            names: BTreeMap::new(),
        };
        world.input(Input::Configure(Box::new(config(phones))));
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

    fn add_party(&mut self, at: &str, account: Option<&str>, habit: Habit) {
        let config = sip_config(at, Vec::new(), vec![trunk("engine", ENGINE, account)]);
        let mut party = Party {
            at: at.parse().unwrap(),
            ua: Ua::new(config.clone(), self.seeded.next_u64()),
            habit,
            dialled: 0,
            todo: BTreeSet::new(),
            legs: BTreeMap::new(),
        };
        let mut out = Vec::new();
        party.ua.configure(config, self.now, &mut out);
        self.parties.push(party);
        self.perform_party(self.parties.len() - 1, out);
    }

    /// The carrier brings a call from `ani`.
    pub(super) fn call(&mut self, ani: &str) -> LegId {
        self.dial(0, "910000001", ani)
    }

    pub(super) fn dial(&mut self, party: usize, number: &str, ani: &str) -> LegId {
        self.parties[party].dialled += 1;
        let leg = LegId::dialled(self.parties[party].dialled);
        let dial = Dial {
            leg,
            to: Target::Trunk { trunk: name::<TrunkId>("engine"), number: number.into() },
            from: Number { raw: ani.into(), e164: ani.parse().ok(), withheld: false },
            display: String::new(),
            media: local_media(self.parties[party].at.ip()),
            headers: Vec::new(),
        };
        self.parties[party].legs.insert(leg, "dialled");
        let now = self.now;
        self.with(party, |ua, out| ua.dial(dial, now, out));
        leg
    }

    /// A party hangs up.
    pub(super) fn hang_up(&mut self, party: usize, leg: LegId) {
        let now = self.now;
        self.with(party, |ua, out| ua.end(leg, Cause::NORMAL, now, out));
    }

    /// A party holds or resumes.
    pub(super) fn hold(&mut self, party: usize, leg: LegId, hold: bool) {
        let mut media = local_media(self.parties[party].at.ip());
        media.direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let now = self.now;
        self.with(party, |ua, out| ua.reoffer(leg, media, now, out));
    }

    /// Everybody hangs up everything.
    pub(super) fn hang_up_all(&mut self) {
        for party in 0..self.parties.len() {
            let legs: Vec<LegId> = self.parties[party].legs.keys().copied().collect();
            for leg in legs {
                self.hang_up(party, leg);
            }
        }
    }

    pub(super) fn party_of(&self, agent: usize) -> &Party {
        &self.parties[agent + 1]
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
        let parties = self.parties.iter().flat_map(|p| [p.ua.deadline(), p.todo.first().map(|(at, _)| *at)]);
        parties.chain([air, self.engine.deadline()]).flatten().min()
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(entry) = self.air.first_entry().filter(|entry| entry.key().0 <= now.mono) {
            match entry.remove() {
                Arrives::Engine(input) => self.input(*input),
                Arrives::Datagram { to, from, bytes } => self.deliver(to, from, bytes),
            }
        }
        if self.engine.deadline().is_some_and(|at| at <= now.mono) {
            self.input(Input::Deadline);
        }
        for at in 0..self.parties.len() {
            if self.parties[at].ua.deadline().is_some_and(|due| due <= now.mono) {
                self.with(at, |ua, out| ua.on_deadline(now, out));
            }
            while let Some(&(due, leg)) = self.parties[at].todo.first().filter(|(due, _)| *due <= now.mono) {
                self.parties[at].todo.remove(&(due, leg));
                let media = local_media(self.parties[at].at.ip());
                self.with(at, |ua, out| ua.answer(leg, media, now, out));
            }
        }
    }

    fn deliver(&mut self, to: SocketAddr, from: SocketAddr, bytes: Vec<u8>) {
        if self.gone.is_some_and(|gone| [to, from].contains(&self.parties[gone].at)) {
            return;
        }
        let message = Message::parse(bytes).expect("both sides write messages that can be read");
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer: from, connection: 0 };
        if to == ENGINE.parse().unwrap() {
            return self.input(Input::Sip { flow, message });
        }
        let now = self.now;
        if let Some(at) = self.parties.iter().position(|p| p.at == to) {
            self.with(at, |ua, out| ua.on_message(flow, &message, now, out));
        }
    }

    fn with(&mut self, party: usize, act: impl FnOnce(&mut Ua, &mut Vec<SipEffect>)) {
        let mut out = Vec::new();
        act(&mut self.parties[party].ua, &mut out);
        self.perform_party(party, out);
    }

    fn perform_party(&mut self, at: usize, effects: Vec<SipEffect>) {
        for effect in effects {
            match effect {
                SipEffect::Send { to, bytes, .. } => {
                    let from = self.parties[at].at;
                    self.send(from, to, bytes);
                }
                SipEffect::Event(event) => self.on_party_event(at, event),
                SipEffect::Close(_) | SipEffect::Resolve { .. } => {}
            }
        }
    }

    fn on_party_event(&mut self, at: usize, event: SipEvent) {
        let now = self.now;
        match event {
            SipEvent::Incoming(incoming) => {
                let leg = incoming.leg;
                self.parties[at].legs.insert(leg, "called");
                match self.parties[at].habit {
                    Habit::Answers(ms) => {
                        self.with(at, |ua, out| ua.ring(leg, now, out));
                        self.parties[at].todo.insert((now.mono + Duration::from_millis(ms), leg));
                    }
                    Habit::Ignores => self.with(at, |ua, out| ua.ring(leg, now, out)),
                    Habit::Rejects(status) => {
                        let cause = Cause::new(status, 0, turno_base::Reason::Normal);
                        self.with(at, |ua, out| ua.end(leg, cause, now, out));
                    }
                }
            }
            SipEvent::Answered { leg } | SipEvent::Confirmed { leg } => {
                self.parties[at].legs.insert(leg, "up");
            }
            SipEvent::Ended { leg, .. } => {
                self.parties[at].legs.remove(&leg);
                self.parties[at].todo.retain(|(_, todo)| *todo != leg);
            }
            SipEvent::Progress { .. }
            | SipEvent::Agreed { .. }
            | SipEvent::Dtmf { .. }
            | SipEvent::TransferAsked { .. }
            | SipEvent::Station { .. }
            | SipEvent::Trunk { .. }
            | SipEvent::Counted(_) => {}
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
        self.engine.handle(&input, self.now, &mut out);
        for effect in out {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, bytes, .. } => self.send(ENGINE.parse().unwrap(), to, bytes),
            Effect::Media { leg, command } => match command {
                MediaCommand::Close => {
                    self.later(1, Input::Media { leg, event: MediaEvent::Closed(Default::default()) })
                }
                MediaCommand::Play(Play::Once(_) | Play::OnceThenLoop(..)) => {
                    self.later(1500, Input::Media { leg, event: MediaEvent::PlayEnded });
                }
                MediaCommand::Open(_)
                | MediaCommand::Agree(_)
                | MediaCommand::Play(Play::Loop(_) | Play::Ringback)
                | MediaCommand::Quiet
                | MediaCommand::Bridge(_)
                | MediaCommand::Unbridge
                | MediaCommand::Key { .. }
                | MediaCommand::Held(_) => {}
            },
            Effect::WantPorts(more) => {
                let base = 10_000 + u16::try_from(self.sent % 20_000).unwrap() * 2;
                let ports = (0..more as u16).map(|n| port(base.wrapping_add(n * 2))).collect();
                self.later(0, Input::Ports(ports));
            }
            Effect::LookUp { call, .. } => self.later(0, Input::Customer { call, customer: None }),
            Effect::Store { seq, .. } => {
                self.rows += 1;
                self.later(1, Input::Stored(seq));
            }
            Effect::Fact(fact) => {
                self.tell(&fact.what);
                self.facts.push(fact);
            }
            Effect::Healed(reason) => {
                let _ = writeln!(self.said, "{} HEALED {reason:?}", self.now.mono.as_ms());
            }
            Effect::Close(_)
            | Effect::Resolve { .. }
            | Effect::Reply { .. }
            | Effect::Count(_)
            | Effect::Trunk { .. }
            | Effect::Why { .. } => {}
        }
    }

    fn tell(&mut self, what: &What) {
        let ms = self.now.mono.as_ms();
        let next = self.names.len() + 1;
        let mut named = |call: &turno_base::CallId| format!("c{}", self.names.entry(*call).or_insert(next));
        let line = match what {
            What::CallArrived { call, ani, .. } => format!("{} arrives from {}", named(call), ani.raw),
            What::QueueEntered { call, queue, position } => format!("{} enters {queue} at {position}", named(call)),
            What::QueueLeft { call, queue, left, .. } => format!("{} leaves {queue}: {}", named(call), left.as_str()),
            What::Offered { call, agent, .. } => format!("{} offered to {agent}", named(call)),
            What::OfferEnded { call, agent, end, .. } => format!("{} at {agent}: {}", named(call), end.as_str()),
            What::SegmentBegan { call, leg, segment } => format!("{} {leg} {segment:?}", named(call)),
            What::CallEnded { call, outcome, by } => format!("{} ends: {} by {by:?}", named(call), outcome.as_str()),
            What::AgentChanged { agent, state, .. } => format!("{agent} is {}", state.as_str()),
            What::CustomerKnown { .. }
            | What::LegBegan { .. }
            | What::LegRinging { .. }
            | What::LegAnswered { .. }
            | What::LegQuality { .. }
            | What::LegEnded { .. } => return,
        };
        let _ = writeln!(self.said, "{ms} {line}");
    }
}

fn port(rtp: u16) -> Port {
    let at = |port| SocketAddr::new(IpAddr::from([10, 0, 0, 1]), port);
    Port { rtp: at(rtp), rtcp: at(rtp + 1) }
}

fn local_media(ip: IpAddr) -> LocalMedia {
    let rtp = SocketAddr::new(ip, 4000);
    LocalMedia { rtp, rtcp: SocketAddr::new(ip, 4001), codecs: vec![Codec::Pcma], direction: Direction::SendRecv }
}
