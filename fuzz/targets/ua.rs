//! A user agent among peers who bend what they say, and an engine that does anything with its legs: no panic, a bound on
//! what is remembered, the snapshot is the state, and after the peers have gone nothing is left of them.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use turno_base::{Cause, LegId, Now, Number};
use turno_fuzz::Choices;
use turno_fuzz::peers::{Peers, flow, local_media, sip_config, wait};
use turno_sip::config::Resolved;
use turno_sip::flow::Transport;
use turno_sip::message::Message;
use turno_sip::ua::{Dial, Load, SipEffect, SipEvent, Target, TransferProgress, Ua};

const STEPS_MAX: usize = 120;
const LEGS_MAX: u64 = 200;

struct World {
    ua: Ua,
    peers: Peers,
    now: Now,
    tokens: Vec<u64>,
    queries: Vec<u64>,
    dialled: u64,
    legs: Vec<LegId>,
    begun: usize,
    ended: usize,
}

impl World {
    fn does(&mut self, act: impl FnOnce(&mut Ua, Now, &mut Vec<SipEffect>)) {
        let mut out = Vec::new();
        act(&mut self.ua, self.now, &mut out);
        for effect in out {
            match effect {
                SipEffect::Send { to, bytes, token } => {
                    self.peers.hear(&to, &bytes);
                    self.tokens.push(token);
                }
                SipEffect::Resolve { query, .. } => self.queries.push(query),
                SipEffect::Close(_) => {}
                SipEffect::Event(SipEvent::Incoming(incoming)) => {
                    self.begun += 1;
                    self.legs.push(incoming.leg);
                }
                SipEffect::Event(SipEvent::Ended { .. }) => self.ended += 1,
                SipEffect::Event(_) => {}
            }
        }
    }

    fn pass(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(at) = self.ua.deadline().filter(|at| *at <= end.mono) {
            self.now = self.now.after(at.since(self.now.mono));
            self.does(|ua, now, out| ua.on_deadline(now, out));
            assert!(self.ua.deadline().is_none_or(|next| next > at), "a deadline that does not go");
        }
        self.now = end;
    }

    fn leg(&self, choices: &mut Choices<'_>) -> LegId {
        let nth = choices.below(self.legs.len().max(1) as u64) as usize;
        self.legs.get(nth).copied().unwrap_or(LegId::arrived(0))
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.below(20) {
            0..=9 => {
                let (flow, bytes) = self.peers.say(choices);
                match Message::parse(bytes.clone()) {
                    Ok(message) => self.does(|ua, now, out| ua.on_message(flow, &message, now, out)),
                    Err(rejected) => self.does(|ua, now, out| ua.on_unreadable(flow, &bytes, rejected, now, out)),
                }
            }
            10 | 11 => self.pass(wait(choices)),
            12 => self.does(|ua, now, out| ua.on_flow_closed(flow(2), now, out)),
            13 => {
                let nth = choices.below(self.tokens.len().max(1) as u64) as usize;
                let token = self.tokens.get(nth).copied().unwrap_or(9);
                self.does(|ua, now, out| ua.on_send_failed(token, now, out));
            }
            14 => {
                let at = Resolved { transport: Transport::Udp, peer: flow(0).peer };
                let (query, addresses) = (self.queries.pop().unwrap_or(7), [at, at]);
                let some = choices.below(3) as usize;
                self.does(|ua, now, out| ua.on_resolved(query, &addresses[..some], now, out));
            }
            15 => self.dial(choices),
            16..=18 => self.decide(choices),
            _ => match choices.below(4) {
                0 => self.does(|ua, now, out| ua.on_restart(now, out)),
                1 => self.does(|ua, now, out| ua.configure(sip_config(), now, out)),
                _ => {
                    let load = Load { draining: choices.below(4) == 1, store_full: choices.below(4) == 1 };
                    self.does(|ua, _, _| ua.on_load(load));
                }
            },
        }
    }

    fn dial(&mut self, choices: &mut Choices<'_>) {
        if self.dialled >= LEGS_MAX {
            return;
        }
        self.dialled += 1;
        let name = ["1001", "1002", "1003", "carrier", "named", "nobody"][choices.below(6) as usize];
        let to = match name {
            "carrier" | "named" => Target::Trunk { trunk: name.parse().expect("name"), number: "600".into() },
            _ => Target::Station(name.parse().expect("name")),
        };
        let leg = LegId::dialled(self.dialled);
        let from = Number { raw: "anna".into(), e164: None, withheld: choices.below(2) == 1 };
        let media = local_media(choices);
        let dial = Dial { leg, to, from, display: "A".into(), media, call_id: String::new(), headers: Vec::new() };
        self.legs.push(leg);
        self.begun += 1;
        self.does(|ua, now, out| ua.dial(dial, now, out));
    }

    fn decide(&mut self, choices: &mut Choices<'_>) {
        let (leg, media) = (self.leg(choices), local_media(choices));
        let what = choices.below(7);
        let progress = [TransferProgress::Trying, TransferProgress::Ringing, TransferProgress::Done];
        self.does(|ua, now, out| match what {
            0 => ua.ring(leg, now, out),
            1 => ua.progress(leg, media, now, out),
            2 | 3 => ua.answer(leg, media, now, out),
            4 => ua.reoffer(leg, media, now, out),
            5 => ua.transfer_progress(leg, progress[choices.below(3) as usize], now, out),
            _ => ua.end(leg, Cause::NORMAL, now, out),
        });
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let mut world = World {
        ua: Ua::new(sip_config(), 1),
        peers: Peers::default(),
        now: Now::from_ms(1_000_000),
        tokens: Vec::new(),
        queries: Vec::new(),
        dialled: 0,
        legs: Vec::new(),
        begun: 0,
        ended: 0,
    };
    world.does(|ua, now, out| ua.configure(sip_config(), now, out));
    for step in 1..=STEPS_MAX {
        if choices.is_over() {
            break;
        }
        world.step(&mut choices);
        let (dialogs, transactions, timers, bindings) = world.ua.sizes();
        assert!(dialogs <= step * 8 && transactions <= step * 40 && timers <= step * 50, "{:?}", world.ua.sizes());
        assert!(bindings <= 3 * 5, "{bindings}");
    }
    let state = postcard::to_allocvec(&world.ua).expect("plain data");
    assert!(postcard::from_bytes::<Ua>(&state).as_ref() == Ok(&world.ua), "the snapshot is not the state");

    for leg in world.legs.clone() {
        world.does(|ua, now, out| ua.end(leg, Cause::NORMAL, now, out));
    }
    world.pass(Duration::from_secs(2 * 3600));
    assert_eq!(world.ua.sizes(), (0, 0, 0, 0), "{:?}", world.ua);
    assert_eq!(world.begun, world.ended);
});
