//! Whole calls through the engine: by the trunk, queued, offered, bridged, ended by the caller. The peers are text.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use turno_acd::{AcdConfig, AgentRules};
use turno_base::{AgentId, Codec, Mono, Need, Now, QueueId, SegmentId, StationId, Wall};
use turno_call::{CallConfig, Codes, Plan, Route};
use turno_engine::{Command, Effect, Engine, EngineConfig, Input, MediaConfig};
use turno_media::{MediaCommand, MediaEvent, Port};
use turno_sip::config::{Account, Cidr, FixedContact, HostPort, Secret, SipConfig, SipRules, Trunk};
use turno_sip::flow::{Destination, Flow, Listener, ListenerId, Transport};
use turno_sip::message::Message;

use crate::floor::{queue_rules, segment_rules};
use crate::measured;

const ENGINE: &str = "10.0.0.1:5060";
const CARRIER: &str = "10.0.0.2:5060";
const PHONES: &str = "10.0.0.4:5060";
const AGENTS: usize = 50;
/// Calls before the measured ones, so that tables have the size they have in service.
const WARM_UP: u64 = 50;

fn sdp(ip: &str) -> String {
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    );
    format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const NOTHING: &str = "Content-Length: 0\r\n\r\n";

fn request(method: &str, uri: &str, n: u64, tag: &str, seq: u32, more: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bK-{n}-{method}\r\n\
         From: <sip:+346{n:08}@{CARRIER}>;tag=c{n}\r\nTo: <sip:+34900100101@{ENGINE}>{tag}\r\nCall-ID: {n}-4711@10.0.0.2\r\n\
         CSeq: {seq} {method}\r\nContact: <sip:c@{CARRIER};transport=UDP>\r\nMax-Forwards: 70\r\n{more}"
    )
}

pub(crate) fn invite(n: u64) -> String {
    let more = format!("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n{}", sdp("10.0.0.2"));
    request("INVITE", "sip:+34900100101@10.0.0.1:5060", n, "", 1, &more)
}

pub(crate) fn ok(n: u64) -> String {
    let rest = request("INVITE", "", n, ";tag=e1", 1, &sdp("10.0.0.2"));
    let (_, rest) = rest.split_once("\r\n").expect("lines");
    format!("SIP/2.0 200 OK\r\n{rest}")
}

pub(crate) fn ack(n: u64) -> String {
    request("ACK", "sip:10.0.0.1:5060", n, ";tag=e1", 1, NOTHING)
}

pub(crate) fn bye(n: u64) -> String {
    request("BYE", "sip:10.0.0.1:5060", n, ";tag=e1", 2, NOTHING)
}

/// So many calls, one after the other; gives how many were answered and ended.
pub(crate) fn calls(count: u64) -> u64 {
    let mut world = World::open();
    for n in 0..WARM_UP {
        world.call(n, false);
    }
    for n in WARM_UP..WARM_UP + count {
        world.call(n, true);
    }
    assert_eq!(world.ended, WARM_UP + count, "calls ended");
    count
}

struct World {
    engine: Engine,
    now: Now,
    /// What is on its way to the engine, with the peer it comes from.
    wire: VecDeque<Arrives>,
    /// Contact and tag of the engine towards the caller, from its 200.
    answer: Option<(String, String)>,
    ended: u64,
    counted: bool,
}

enum Arrives {
    From(&'static str, String),
    House(Input),
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default()
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    text.split_once(open).and_then(|(_, rest)| rest.split(close).next()).unwrap_or_default()
}

/// A phone's response.
fn response(request: &str, status: &str, tag: &str, more: &str) -> String {
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}",
        header(request, "Via"),
        header(request, "From"),
        header(request, "To"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
    )
}

impl World {
    fn open() -> World {
        let mut world = World {
            engine: Engine::new(),
            now: Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_773_140_400) },
            wire: VecDeque::new(),
            answer: None,
            ended: 0,
            counted: false,
        };
        world.input(Input::Configure(Box::new(config())));
        world.settle();
        for n in 0..AGENTS {
            world.input(Input::Command { id: 1, command: Command::AgentLogin(agent(n), None) });
        }
        world
    }

    fn call(&mut self, n: u64, counted: bool) {
        self.counted = counted;
        self.answer = None;
        self.wire.push_back(Arrives::From(CARRIER, invite(n)));
        self.settle();
        let (uri, tag) = self.answer.take().expect("an answer");
        self.now = self.now.after(Duration::from_millis(100));
        self.wire.push_back(Arrives::From(CARRIER, request("BYE", &uri, n, &format!(";tag={tag}"), 2, NOTHING)));
        self.settle();
        // What a call leaves behind ends within 32 s (64·T1) of others' calls.
        self.now = self.now.after(Duration::from_millis(400));
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            while let Some(arrives) = self.wire.pop_front() {
                self.now = self.now.after(Duration::from_micros(50));
                match arrives {
                    Arrives::House(input) => self.input(input),
                    Arrives::From(peer, text) => self.message(peer, text),
                }
            }
            match self.engine.deadline() {
                Some(at) if at <= self.now.mono => self.input(Input::Deadline),
                _ => return,
            }
        }
    }

    fn message(&mut self, peer: &str, text: String) {
        let peer: SocketAddr = peer.parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer, connection: 0 };
        let bytes = text.into_bytes();
        let parse = || Message::parse(bytes).expect("well-formed");
        let message = if self.counted { measured(parse) } else { parse() };
        self.input(Input::Sip { flow, message });
    }

    fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        if self.counted {
            measured(|| self.engine.handle(&input, self.now, &mut out));
        } else {
            self.engine.handle(&input, self.now, &mut out);
        }
        for effect in out {
            self.perform(effect);
        }
    }

    fn house(&mut self, input: Input) {
        self.wire.push_back(Arrives::House(input));
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, bytes, .. } => {
                let peer = match to {
                    Destination::Flow(flow) => flow.peer,
                    Destination::Address { peer, .. } => peer,
                };
                let text = String::from_utf8(bytes).expect("text");
                if peer.to_string() == CARRIER { self.on_carrier(&text) } else { self.on_phone(&text) }
            }
            Effect::Media { leg, command: MediaCommand::Close } => {
                self.house(Input::Media {
                    leg,
                    event: MediaEvent::Closed { quality: Default::default(), silent: Default::default() },
                });
            }
            Effect::WantPorts(more) => {
                let at = |port| SocketAddr::from(([10, 0, 0, 1], port));
                let ports = (0..more as u16).map(|n| 10_000 + n * 2);
                self.house(Input::Ports(ports.map(|n| Port { rtp: at(n), rtcp: at(n + 1) }).collect()));
            }
            Effect::LookUp { call, .. } => self.house(Input::Customer { call, customer: None }),
            Effect::Store { seq, .. } => self.house(Input::Stored(seq)),
            Effect::Media { .. }
            | Effect::Fact(_)
            | Effect::Mail(_)
            | Effect::Foreseen { .. }
            | Effect::Healed(_)
            | Effect::Close(_)
            | Effect::Resolve { .. }
            | Effect::Reply { .. }
            | Effect::Count(_)
            | Effect::Trunk { .. }
            | Effect::Why { .. } => {}
        }
    }

    fn on_carrier(&mut self, text: &str) {
        if !text.starts_with("SIP/2.0 200") {
            return;
        }
        if header(text, "CSeq").ends_with("BYE") {
            self.ended += 1;
        } else if self.answer.is_none() {
            let (uri, tag) = (between(header(text, "Contact"), "<", ">"), between(header(text, "To"), ";tag=", ";"));
            let n = between(header(text, "Call-ID"), "", "-").parse().unwrap_or(0);
            self.wire.push_back(Arrives::From(CARRIER, request("ACK", uri, n, &format!(";tag={tag}"), 1, NOTHING)));
            self.answer = Some((uri.to_owned(), tag.to_owned()));
        }
    }

    fn on_phone(&mut self, text: &str) {
        let contact = format!("Contact: <sip:agent@{PHONES};transport=UDP>\r\n");
        let tag = format!(";tag=p{}", header(text, "Call-ID").len());
        let mut say = |status: &str, tag: &str, more: &str| {
            self.wire.push_back(Arrives::From(PHONES, response(text, status, tag, more)));
        };
        if text.starts_with("INVITE ") {
            say("180 Ringing", &tag, &format!("{contact}{NOTHING}"));
            say("200 OK", &tag, &format!("{contact}{}", sdp("10.0.0.4")));
        } else if text.starts_with("BYE ") {
            say("200 OK", "", NOTHING);
        }
    }
}

fn agent(n: usize) -> AgentId {
    AgentId::new(&format!("a{n}")).expect("a name")
}

fn sip() -> SipConfig {
    let account = |n: usize| Account {
        user: format!("{}", 1000 + n),
        secret: Secret::Hashes { md5: String::new(), sha256: String::new() },
        station: StationId::new(&format!("s{n}")).expect("a name"),
        fixed: Some(FixedContact { uri: format!("sip:{}@{PHONES}", 1000 + n), transport: Transport::Udp, trunk: None }),
        codecs: Vec::new(),
        auto_answer: Vec::new(),
    };
    let trunk = Trunk {
        id: "carrier".parse().expect("a name"),
        networks: vec![Cidr { address: "10.0.0.2".parse().expect("an address"), prefix: 32 }],
        hosts: vec![HostPort { host: "10.0.0.2".into(), port: Some(5060) }],
        transport: Some(Transport::Udp),
        listener: ListenerId(0),
        credentials: None,
        register: None,
        digest_user: None,
        codecs: Vec::new(),
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: true,
    };
    SipConfig {
        listeners: vec![Listener {
            transport: Transport::Udp,
            local: ENGINE.parse().expect("an address"),
            external: None,
        }],
        local_networks: Vec::new(),
        domains: vec!["10.0.0.1".into()],
        nonce_key: [7; 32],
        accounts: (0..AGENTS).map(account).collect(),
        trunks: vec![trunk],
        rules: SipRules::default(),
    }
}

fn config() -> EngineConfig {
    let queue = QueueId::new("sales").expect("a name");
    let standard = SegmentId::new("standard").expect("a name");
    let mut acd = AcdConfig { redial_keeps_place: Duration::from_secs(60), ..AcdConfig::default() };
    acd.queues.insert(queue, queue_rules(Need::Anyone));
    acd.segments.insert(standard, segment_rules());
    for n in 0..AGENTS {
        let rules = AgentRules {
            shown: format!("Agent {n}"),
            queues: vec![queue],
            code: format!("{}", 1000 + n),
            station: StationId::new(&format!("s{n}")).ok(),
            ..AgentRules::default()
        };
        acd.agents.insert(agent(n), rules);
    }
    let plan = Plan::Queue { queue, need: Need::Anyone, prompts: Vec::new() };
    EngineConfig {
        seed: 1,
        sip: sip(),
        media: MediaConfig { external: None, local_networks: Vec::new(), codecs: vec![Codec::Pcma] },
        call: CallConfig {
            routes: vec![Route { dnis: "*".into(), trunk: None, plan, answer: None }],
            extensions: BTreeMap::new(),
            codes: Codes { emergency: "*47".into(), ..Codes::default() },
            callback_shows: turno_base::Number::default(),
            duration_limit: Duration::from_secs(7200),
            ..CallConfig::default()
        },
        acd,
        segment_default: standard,
        value_default_pm: 1000,
        revision: 0,
        deck: turno_tariff::Deck::default(),
        country: "34".into(),
    }
}
