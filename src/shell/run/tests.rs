//! The loop, driven by a machine that can be made to fail.

use super::*;
use crate::shell::inbox::{Inbox, inbox};
use crate::shell::turns::Turns;
use turno_base::fact::What;
use turno_base::{AgentId, Fact};
use turno_engine::Command;
use turno_sip::flow::{Destination, ListenerId, Transport};
use turno_sip::shed::Lane;

/// Echoes inputs as facts; panics on `Stored(13)` after having decided something, sends three messages on `Stored(33)`.
#[derive(Default)]
struct Fragile {
    deadline: Option<Mono>,
}

impl Machine for Fragile {
    fn handle(&mut self, input: &Input, now: Now, out: &mut Vec<Effect>) {
        match input {
            Input::Stored(13) => {
                out.push(Effect::WantPorts(13));
                panic!("thirteen");
            }
            Input::Stored(33) => out.extend([1, 2, 3].map(|token| {
                let peer = "192.0.2.1:5060".parse().unwrap();
                let (transport, listener) = (Transport::Udp, ListenerId(0));
                let to = Destination::Address { transport, listener, peer };
                Effect::Send { to, bytes: Vec::new(), token }
            })),
            Input::Stored(n) => out.push(Effect::WantPorts(u32::try_from(*n).unwrap())),
            Input::Deadline => self.deadline = None,
            Input::Command { command: Command::AgentReady(agent), .. } => {
                let state = turno_base::fact::AgentState::Ready;
                out.push(Effect::Fact(Fact {
                    at: now,
                    what: What::AgentChanged { agent: *agent, station: None, state, call: None, is_paid: true },
                }));
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.deadline
    }

    fn snapshot(&self) -> Vec<u8> {
        b"state".to_vec()
    }
}

/// Writes down what it is told.
#[derive(Default)]
struct Paper {
    lines: Vec<String>,
    full: bool,
    wants: Option<Wish>,
}

impl World for Paper {
    fn journal(&mut self, _: Now, input: &Input, effects: &[Effect]) {
        self.lines.push(format!("journal {} {}", kind(input), effects.len()));
    }

    fn perform(&mut self, effect: Effect) {
        if let Effect::WantPorts(n) = effect {
            self.lines.push(format!("ports {n}"));
        }
    }

    fn end_turn(&mut self) {
        self.lines.push("end".into());
    }

    fn wish(&mut self) -> Option<Wish> {
        self.wants.take()
    }

    fn segment(&mut self, _: Now, state: Option<Vec<u8>>) {
        self.lines.push(format!("segment {:?}", state.map(|state| state.len())));
    }

    fn tick(&mut self) {}

    fn store_full(&self) -> bool {
        self.full
    }
}

fn small() -> (Loop<Fragile, Paper>, Inbox, Arc<Metrics>, Arc<Gate>) {
    let clock = Clock::begin();
    let (inbox, outlet) = inbox(clock);
    let (metrics, gate) = (Arc::new(Metrics::new()), Arc::new(Gate::default()));
    let l = Loop::new(Fragile::default(), Paper::default(), outlet, clock, gate.clone(), metrics.clone());
    (l, inbox, metrics, gate)
}

#[test]
fn a_panic_costs_one_fault_and_what_was_decided_before_it_is_done() {
    let (mut l, inbox, metrics, _) = small();
    for n in [1, 13, 2] {
        inbox.house(Input::Stored(n));
    }
    l.turn();
    assert_eq!(
        l.world.lines,
        [
            "journal stored 1",
            "ports 1",
            "journal stored 1",
            "ports 13",
            "journal fault 0",
            "journal stored 1",
            "ports 2",
            "end"
        ]
    );
    assert_eq!(metrics.panics.get(), 1);
}

#[test]
fn a_flood_ends_its_turn_and_lets_the_deadline_and_the_house_in() {
    let (mut l, inbox, ..) = small();
    for _ in 0..1000 {
        inbox.datagram(Lane::Fresh, Mono(0), Input::Restarted { alive: Now::default() });
    }
    inbox.house(Input::Stored(7));
    l.machine.deadline = Some(Mono(0));
    l.turn();
    let lines = &l.world.lines;
    assert_eq!(lines[0], "journal deadline 0");
    assert!(lines[..4].contains(&"ports 7".to_owned()), "{lines:?}");
    assert_eq!(lines.iter().filter(|l| *l == "journal restarted 0").count(), TURN_INPUTS_MAX - 1);
}

#[test]
fn what_the_first_of_a_burst_caused_leaves_while_the_others_wait() {
    let (mut l, inbox, ..) = small();
    for _ in 0..7 {
        inbox.house(Input::Stored(33));
    }
    let turns: Vec<usize> = (0..4).map(|_| l.turn()).collect();
    assert_eq!(turns, [3, 3, 1, 0]);
}

#[test]
fn draining_and_a_full_store_reach_the_machine_once_and_at_once() {
    let (mut l, _, _, gate) = small();
    l.turn();
    gate.drain();
    l.turn();
    l.turn();
    l.world.full = true;
    l.turn();
    assert_eq!(l.world.lines.iter().filter(|l| *l == "journal load 0").count(), 2);
    assert!(l.told.draining && l.told.store_full);
}

#[test]
fn the_journal_gets_its_segments_and_the_loop_ends_when_asked() {
    let (mut l, inbox, _, gate) = small();
    l.begin(vec![Input::Restarted { alive: Now::default() }]);
    // The state is written by the loop only where nothing else leads to it.
    for wish in [Wish::Next, Wish::Whole] {
        l.world.wants = Some(wish);
        l.turn();
    }
    inbox.house(Input::Command { id: 1, command: Command::AgentReady(AgentId::new("anna").unwrap()) });
    gate.stop();
    let (outlet, clock) = (l.outlet.clone(), l.clock);
    let (_, paper) = Turns::new(l, outlet, clock, gate, inbox.hands()).run().unwrap();
    assert_eq!(
        paper.lines,
        ["segment Some(5)", "journal restarted 0", "end", "end", "segment None", "end", "segment Some(5)", "end"]
    );
}

#[test]
fn a_call_id_is_found_in_odd_messages() {
    for (bytes, found) in [
        (&b"INVITE sip:a SIP/2.0\r\nCall-ID : x@y\r\n\r\n"[..], "x@y"),
        (b"INVITE sip:a SIP/2.0\ni:z\n\nCall-ID: body", "z"),
        (b"INVITE\r\n\r\nCall-ID: body\r\n", ""),
        (b"", ""),
        (b"\xff\xfe:\n:\n", ""),
    ] {
        assert_eq!(header_of(bytes, &["call-id", "i"]), found);
    }
}

/// Does what the engine asks at once, and keeps what it sends.
struct Wire {
    inbox: Inbox,
    sent: Vec<String>,
    /// Records of calls that are over.
    closed: u32,
    full: bool,
}

impl World for Wire {
    fn journal(&mut self, _: Now, _: &Input, _: &[Effect]) {}

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { bytes, .. } => self.sent.push(String::from_utf8(bytes).unwrap()),
            Effect::Store { seq, row } => {
                self.closed += u32::from(matches!(row.kind, turno_tariff::cdr::Kind::Close(_)));
                self.inbox.house(Input::Stored(seq));
            }
            Effect::Media { leg, command: turno_media::MediaCommand::Close } => {
                let event = turno_media::MediaEvent::Closed { quality: Default::default(), silent: Duration::ZERO };
                self.inbox.house(Input::Media { leg, event });
            }
            Effect::LookUp { call, .. } => self.inbox.house(Input::Customer { call, customer: None }),
            Effect::WantPorts(_) => {
                let at = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
                let port = |n: u16| turno_media::Port { rtp: at(20_000 + 2 * n), rtcp: at(20_001 + 2 * n) };
                self.inbox.house(Input::Ports((0..100).map(port).collect()));
            }
            _ => {}
        }
    }

    fn end_turn(&mut self) {}

    fn wish(&mut self) -> Option<Wish> {
        None
    }

    fn segment(&mut self, _: Now, _: Option<Vec<u8>>) {}

    fn tick(&mut self) {}

    fn store_full(&self) -> bool {
        self.full
    }
}

/// The engine as no path of it can become: what it repeats itself overflows the clock, which panics in the user agent.
fn poisoned(engine: &Engine) -> Engine {
    use turno_sip::config::SipRules;
    let state = Machine::snapshot(engine);
    let sane = postcard::to_allocvec(&SipRules::default()).unwrap();
    let ill = postcard::to_allocvec(&SipRules { t1: Duration::MAX, ..SipRules::default() }).unwrap();
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(&byte) = state.get(at) {
        if state[at..].starts_with(&sane) {
            bytes.extend(&ill);
            at += sane.len();
        } else {
            bytes.push(byte);
            at += 1;
        }
    }
    assert_ne!(bytes, state);
    postcard::from_bytes(&bytes).unwrap()
}

fn from_carrier(method: &str, call: &str, to_tag: &str, seq: u32) -> Input {
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8\r\n";
    let (kind, body) = if method == "INVITE" { ("Content-Type: application/sdp\r\n", sdp) } else { ("", "") };
    let text = format!(
        "{method} sip:900100101@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bK{call}{seq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:612000001@127.0.0.9>;tag={call}\r\nTo: <sip:900100101@127.0.0.1>{to_tag}\r\n\
         Call-ID: {call}\r\nCSeq: {seq} {method}\r\nContact: <sip:127.0.0.9>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    use turno_sip::flow::{Flow, ListenerId, Transport};
    let peer = "127.0.0.9:5060".parse().unwrap();
    let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer, connection: 0 };
    Input::Sip { flow, message: turno_sip::message::Message::parse(text.into_bytes()).unwrap() }
}

/// The first line of each thing sent since, and what it has as its To tag.
fn said(l: &mut Loop<Engine, Wire>) -> (Vec<String>, String) {
    let sent = std::mem::take(&mut l.world.sent);
    let lines = sent.iter().map(|text| text.lines().next().unwrap().to_owned()).collect();
    let mut tags =
        sent.iter().filter_map(|text| text.lines().find(|line| line.starts_with("To:"))?.split_once(";tag="));
    (lines, tags.next_back().map(|(_, tag)| tag.to_owned()).unwrap_or_default())
}

/// A loop around a real engine with one trunk and one queue that nobody serves.
fn real() -> (Loop<Engine, Wire>, Arc<Metrics>) {
    let text = r#"
[sip]
domains = ["127.0.0.1"]
[[sip.listeners]]
transport = "udp"
address = "127.0.0.1:5060"
[trunks.pstn]
networks = ["127.0.0.9/32"]
hosts = ["127.0.0.9"]
codecs = ["pcma"]
[media]
codecs = ["pcma"]
[[routes]]
dnis = "*"
to = "queue:averias"
[queues.averias]
join_when_empty = true
[customers]
segment_default = "standard"
[segments.standard]
value = 1
"#;
    let checked = crate::shell::config::parse("test", text, std::path::Path::new("."), Some(Default::default()));
    let settings = checked.settings.unwrap_or_else(|| panic!("{:?}", checked.problems));
    let clock = Clock::begin();
    let (inbox, outlet) = inbox(clock);
    let (metrics, gate) = (Arc::new(Metrics::new()), Arc::new(Gate::default()));
    let wire = Wire { inbox: inbox.clone(), sent: Vec::new(), closed: 0, full: false };
    let mut l = Loop::new(Engine::new(), wire, outlet, clock, gate, metrics.clone());
    l.begin(vec![Input::Configure(Box::new(settings.engine))]);
    (l, metrics)
}

/// What is said to one more message.
fn play(l: &mut Loop<Engine, Wire>, input: Input) -> (Vec<String>, String) {
    l.world.inbox.datagram(Lane::Fresh, l.clock.mono(), input);
    for _ in 0..10 {
        l.turn();
    }
    said(l)
}

#[test]
fn a_panic_of_the_engine_in_one_call_refuses_that_call_and_no_other() {
    let (mut l, metrics) = real();
    let (lines, tag) = play(&mut l, from_carrier("INVITE", "a", "", 1));
    assert_eq!(lines, ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]);
    l.machine = poisoned(&l.machine);
    let (lines, _) = play(&mut l, from_carrier("INVITE", "b", "", 1));
    assert_eq!((lines.first().unwrap().as_str(), metrics.panics.get()), ("SIP/2.0 100 Trying", 1));
    assert_eq!(lines.get(1).unwrap(), "SIP/2.0 500 Server Internal Error", "{lines:?}");
    assert_eq!(l.world.closed, 1, "it has its record");
    let (lines, _) = play(&mut l, from_carrier("BYE", "a", &format!(";tag={tag}"), 2));
    assert_eq!(lines, ["SIP/2.0 200 OK"], "the other call was up until now");
}

#[test]
fn while_the_store_is_full_new_calls_are_refused_and_those_that_are_up_go_on() {
    let (mut l, _) = real();
    let (lines, tag) = play(&mut l, from_carrier("INVITE", "a", "", 1));
    assert_eq!(lines, ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]);
    l.world.full = true;
    l.turn();
    assert_eq!(play(&mut l, from_carrier("INVITE", "b", "", 1)).0, ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(play(&mut l, from_carrier("BYE", "a", &format!(";tag={tag}"), 2)).0, ["SIP/2.0 200 OK"]);
    l.world.full = false;
    l.turn();
    let (lines, _) = play(&mut l, from_carrier("INVITE", "c", "", 1));
    assert_eq!(lines, ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]);
}
