//! The whole engine: any inputs in any order, from peers who bend what they say, from the shell that answers or does not, and
//! from the journal's format. No panic, and the snapshot is the state.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use turno_base::{AgentId, CallId, LegId, Mono, Need, Now, TapeEnd};
use turno_engine::{Command, Effect, Engine, Input};
use turno_fuzz::Choices;
use turno_fuzz::house::{DIALLED, config, name};
use turno_fuzz::peers::{Peers, flow, wait};
use turno_media::{MediaCommand, MediaEvent, Port};
use turno_sip::message::Message;
use turno_sip::ua::Load;

const STEPS_MAX: usize = 120;

struct World {
    engine: Engine,
    peers: Peers,
    now: Now,
    /// What the shell owes the engine.
    owed: Vec<Input>,
    legs: Vec<LegId>,
    calls: Vec<CallId>,
    tokens: Vec<u64>,
    ports: u16,
}

impl World {
    fn input(&mut self, input: &Input) {
        let mut out = Vec::new();
        self.engine.handle(input, self.now, &mut out);
        for effect in out {
            match effect {
                Effect::Send { to, bytes, token } => {
                    self.peers.hear(&to, &bytes);
                    self.tokens.push(token);
                }
                Effect::Media { leg, command } => {
                    if !self.legs.contains(&leg) {
                        self.legs.push(leg);
                    }
                    if command == MediaCommand::Close {
                        let event = MediaEvent::Closed { quality: Default::default(), silent: Default::default() };
                        self.owed.push(Input::Media { leg, event });
                    }
                }
                Effect::LookUp { call, .. } => self.owed.push(Input::Customer { call, customer: None }),
                Effect::WantPorts(more) => {
                    let ports = (0..more.min(8)).map(|_| self.port()).collect();
                    self.owed.push(Input::Ports(ports));
                }
                Effect::Store { seq, .. } => self.owed.push(Input::Stored(seq)),
                Effect::Resolve { query, .. } => self.owed.push(Input::Resolved { query, addresses: Vec::new() }),
                Effect::Fact(fact) => {
                    if let turno_base::fact::What::CallArrived { call, .. } = fact.what {
                        self.calls.push(call);
                    }
                }
                Effect::Close(_)
                | Effect::Reply { .. }
                | Effect::Count(_)
                | Effect::Trunk { .. }
                | Effect::Why { .. }
                | Effect::Foreseen { .. }
                | Effect::Mail(_)
                | Effect::Healed(_) => {}
            }
        }
    }

    fn port(&mut self) -> Port {
        self.ports = self.ports.wrapping_add(2);
        let at = |port| std::net::SocketAddr::from(([192, 0, 2, 10], port));
        Port { rtp: at(self.ports), rtcp: at(self.ports | 1) }
    }

    fn pass(&mut self, by: Duration) {
        let end = self.now.after(by);
        for _ in 0..20_000 {
            let Some(at) = self.engine.deadline().filter(|at| *at <= end.mono) else { break };
            self.now = self.now.after(at.since(self.now.mono));
            self.input(&Input::Deadline);
        }
        assert!(self.engine.deadline().is_none_or(|at| at > end.mono), "a deadline that does not go");
        self.now = end;
    }

    /// The shell does what it owes.
    fn pay(&mut self) {
        for _ in 0..50 {
            for input in std::mem::take(&mut self.owed) {
                self.input(&input);
            }
        }
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let pick = |from: usize, choices: &mut Choices<'_>| choices.below(from.max(1) as u64) as usize;
        match choices.below(24) {
            0..=9 => {
                let (flow, bytes) = self.peers.say(choices);
                match Message::parse(bytes.clone()) {
                    Ok(message) => self.input(&Input::Sip { flow, message }),
                    Err(rejected) => self.input(&Input::Unreadable { flow, bytes, rejected }),
                }
            }
            10 | 11 => self.pass(wait(choices)),
            12..=14 => self.pay(),
            15 => self.input(&Input::FlowClosed(flow(2))),
            16 => {
                let nth = pick(self.tokens.len(), choices);
                self.input(&Input::SendFailed(self.tokens.get(nth).copied().unwrap_or(3)));
            }
            17 | 18 => {
                let nth = pick(self.legs.len(), choices);
                let leg = self.legs.get(nth).copied().unwrap_or(LegId::arrived(0));
                let event = match choices.below(9) {
                    0 => MediaEvent::Latched(flow(0).peer),
                    1..=3 => MediaEvent::Key { key: ['1', '2', '3', '*', '#'][choices.below(5) as usize], ms: 100 },
                    4 => MediaEvent::PlayEnded(choices.below(4) as u32),
                    5 => MediaEvent::Silent(wait(choices)),
                    6 => MediaEvent::Closed { quality: Default::default(), silent: wait(choices) },
                    7 => {
                        let end = [TapeEnd::Silence, TapeEnd::Longest][choices.below(2) as usize];
                        MediaEvent::Taped { ms: choices.below(40_000) as u32, end }
                    }
                    _ => MediaEvent::Failed,
                };
                self.input(&Input::Media { leg, event });
            }
            19 | 20 => {
                let command = self.command(choices);
                self.input(&Input::Command { id: 5, command });
            }
            21 => match choices.below(5) {
                0 => self.input(&Input::Restarted { alive: self.now }),
                1 => self.input(&Input::Fault { message: None }),
                2 => self.input(&Input::Configure(Box::new(config()))),
                3 => self.input(&Input::Deadline),
                _ => {
                    let load = Load { store_full: choices.below(2) == 1, ..Load::default() };
                    self.input(&Input::Load(load));
                }
            },
            // As the journal holds them.
            _ => {
                if let Ok((input, rest)) = postcard::take_from_bytes::<Input>(choices.rest()) {
                    choices.go_on(rest);
                    // Ports come from our own sockets and configurations from our own reader: those are trusted.
                    if !matches!(input, Input::Configure(_) | Input::Ports(_)) {
                        self.input(&input);
                    }
                }
            }
        }
    }

    fn command(&self, choices: &mut Choices<'_>) -> Command {
        let agent: AgentId = name(["anna", "boris", "carla", "nobody"][choices.below(4) as usize]);
        let call = self.calls.get(choices.below(self.calls.len().max(1) as u64) as usize).copied();
        let of = |command: fn(CallId) -> Command| call.map_or(Command::CallShow(None), command);
        match choices.below(28) {
            0 => Command::QueueShow(None),
            1 => Command::AgentShow(Some(agent)),
            2..=4 => Command::AgentLogin(agent, [None, Some(name("1002"))][choices.below(2) as usize]),
            5 => Command::AgentLogout(agent),
            6 => Command::AgentPause(agent, name("lunch")),
            7 | 8 => Command::AgentReady(agent),
            9 => of(Command::CallHangUp),
            10 => Command::RegShow,
            11 => of(|call| Command::CallPark(call, None)),
            12 => call.map_or(Command::CallShow(None), |call| Command::CallPull(call, agent)),
            13 | 14 => {
                let station = ["1001", "1002", "1003"][choices.below(3) as usize];
                let number = DIALLED[choices.below(DIALLED.len() as u64) as usize];
                Command::CallPlace(name(station), number.into())
            }
            15 | 16 => {
                let number = name(["+34600111222", "+34600111223"][choices.below(2) as usize]);
                let queue = name(["a", "b", "none"][choices.below(3) as usize]);
                Command::CallbackAdd { number, queue, at: None }
            }
            17 => Command::CallbackCancel(name("+34600111222")),
            18 => of(|call| Command::CallBump(call, 60)),
            19 => of(|call| Command::CallMove(call, name("b"))),
            20 => of(|call| Command::CallNeeds(call, Need::Anyone)),
            21 => of(Command::CallExplain),
            22 => of(Command::CallLegs),
            23 => Command::AgentExplain(agent),
            24 => Command::Emergency(None, choices.below(2) == 1),
            25 => Command::AgentSaved(agent),
            26 => Command::AgentDisposition(agent, name("sold")),
            _ => Command::Sizes,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let mut world = World {
        engine: Engine::new(),
        peers: Peers::default(),
        now: Now { mono: Mono::from_ms(1_000_000), wall: turno_base::Wall::from_secs(1_773_140_400) },
        owed: Vec::new(),
        legs: Vec::new(),
        calls: Vec::new(),
        tokens: Vec::new(),
        ports: 4000,
    };
    world.input(&Input::Configure(Box::new(config())));
    world.pay();
    world.input(&Input::Command { id: 1, command: Command::AgentLogin(name("carla"), None) });
    for _ in 0..STEPS_MAX {
        if choices.is_over() {
            break;
        }
        world.step(&mut choices);
    }
    let state = postcard::to_allocvec(&world.engine).expect("plain data");
    let again: Engine = postcard::from_bytes(&state).expect("the snapshot can be read");
    assert!(postcard::to_allocvec(&again).expect("plain data") == state, "the snapshot is not the state");
});
