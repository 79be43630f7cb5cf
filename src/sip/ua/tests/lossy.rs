//! Two user agents over datagrams that are lost, doubled and overtaken (docs/reliability.md N1, X1), in invented time.
//!
//! `TURNO_LOSSY_SEEDS` sets how many seeds run; 1,000 take some seconds in release.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use turno_base::{Cause, Codec, Direction, LegId, Mono, Now, Number, Seeded, StreamAgreement, TrunkId};

use crate::config::{Cidr, HostPort, SipConfig, SipRules, Trunk};
use crate::flow::{Destination, Flow, Listener, ListenerId, Transport};
use crate::message::Message;
use crate::ua::{Dial, LocalMedia, SipEffect, SipEvent, Target, Ua};

/// Of a hundred datagrams so many are lost, and so many arrive twice.
const LOST: u64 = 20;
const DOUBLED: u64 = 10;

fn address(side: usize) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1 + side as u8].into(), 5060)
}

fn config(side: usize) -> SipConfig {
    let other = address(1 - side);
    SipConfig {
        listeners: vec![Listener { transport: Transport::Udp, local: address(side), external: None }],
        local_networks: Vec::new(),
        domains: Vec::new(),
        nonce_key: [7; 32],
        accounts: Vec::new(),
        trunks: vec![Trunk {
            id: TrunkId::new("other").unwrap(),
            networks: vec![Cidr { address: other.ip(), prefix: 32 }],
            hosts: vec![HostPort { host: other.ip().to_string(), port: Some(5060) }],
            transport: Some(Transport::Udp),
            listener: ListenerId(0),
            credentials: None,
            register: None,
            digest_user: None,
            codecs: vec![Codec::Pcma],
            calls_max: 0,
            calls_per_second_max: 0,
            probe: None,
            trusted: true,
        }],
        rules: SipRules { session_expires: Duration::from_secs(90), ..SipRules::default() },
    }
}

fn media(side: usize, port: u16, direction: Direction) -> LocalMedia {
    let rtp = SocketAddr::new(address(side).ip(), port);
    LocalMedia { rtp, rtcp: SocketAddr::new(rtp.ip(), port + 1), codecs: vec![Codec::Pcma], direction }
}

#[derive(Clone, Debug)]
enum Happening {
    Arrive { to: usize, bytes: Vec<u8> },
    Dial,
    Ring(LegId),
    Progress(LegId),
    Answer(LegId),
    Refuse(LegId),
    Reoffer { side: usize, direction: Direction },
    End { side: usize },
}

struct World {
    uas: [Ua; 2],
    dice: Seeded,
    now: Mono,
    agenda: BTreeMap<(Mono, u64), Happening>,
    serial: u64,
    legs: [Option<LegId>; 2],
    agreed: [Option<StreamAgreement>; 2],
    ended: [Vec<Cause>; 2],
    answered: bool,
    confirmed: bool,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64) -> World {
        let uas = [0, 1].map(|side| {
            let mut ua = Ua::new(config(side), seed * 2 + side as u64);
            ua.configure(config(side), Now::default(), &mut Vec::new());
            ua
        });
        World {
            uas,
            dice: Seeded::new(seed),
            now: Mono::from_ms(0),
            agenda: BTreeMap::new(),
            serial: 0,
            legs: [None; 2],
            agreed: [None, None],
            ended: [Vec::new(), Vec::new()],
            answered: false,
            confirmed: false,
            log: Vec::new(),
        }
    }

    fn plan(&mut self, after_ms: u64, what: Happening) {
        self.serial += 1;
        self.agenda.insert((self.now + Duration::from_millis(after_ms), self.serial), what);
    }

    fn run(&mut self) {
        self.plan(0, Happening::Dial);
        for _ in 0..100_000 {
            let next = self.agenda.keys().next().map(|(at, _)| *at);
            let Some(at) = [next, self.uas[0].deadline(), self.uas[1].deadline()].into_iter().flatten().min() else {
                return;
            };
            self.now = self.now.max(at);
            if next == Some(at)
                && let Some((_, what)) = self.agenda.pop_first()
            {
                self.happen(what);
                continue;
            }
            for side in [0, 1] {
                if self.uas[side].deadline().is_some_and(|due| due <= self.now) {
                    self.with(side, |ua, now, out| ua.on_deadline(now, out));
                }
            }
        }
        panic!("it never ends: {}", self.log.join("\n"));
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Arrive { to, bytes } => {
                let peer = address(1 - to);
                let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer, connection: 0 };
                let message = Message::parse(bytes).unwrap();
                assert_eq!(message.check(), Ok(()), "{message:?}");
                self.with(to, |ua, now, out| ua.on_message(flow, &message, now, out));
            }
            Happening::Dial => {
                let leg = LegId::dialled(1);
                self.legs[0] = Some(leg);
                let to = Target::Trunk { trunk: TrunkId::new("other").unwrap(), number: "900".to_owned() };
                let from = Number { raw: "612".to_owned(), e164: None, withheld: false };
                let media = media(0, 4000, Direction::SendRecv);
                let dial = Dial {
                    leg,
                    to,
                    from,
                    display: "Ana".to_owned(),
                    media,
                    call_id: String::new(),
                    headers: Vec::new(),
                };
                self.with(0, |ua, now, out| ua.dial(dial, now, out));
                // Some callers hang up before, or just as, the call is answered.
                if self.dice.below(4) == 0 {
                    let after = self.dice.below(6000);
                    self.plan(after, Happening::End { side: 0 });
                }
            }
            Happening::Ring(leg) => self.with(1, |ua, now, out| ua.ring(leg, now, out)),
            Happening::Progress(leg) => {
                self.with(1, |ua, now, out| ua.progress(leg, media(1, 4000, Direction::SendRecv), now, out));
            }
            Happening::Answer(leg) => {
                self.with(1, |ua, now, out| ua.answer(leg, media(1, 4000, Direction::SendRecv), now, out));
            }
            Happening::Refuse(leg) => {
                let busy = Cause::new(486, 17, turno_base::Reason::Normal);
                self.with(1, |ua, now, out| ua.end(leg, busy, now, out));
            }
            Happening::Reoffer { side, direction } => {
                let Some(leg) = self.legs[side] else { return };
                let media = media(side, 4000 + 2 * self.dice.below(3) as u16, direction);
                self.with(side, |ua, now, out| ua.reoffer(leg, media, now, out));
            }
            Happening::End { side } => {
                let Some(leg) = self.legs[side] else { return };
                self.with(side, |ua, now, out| ua.end(leg, Cause::NORMAL, now, out));
            }
        }
    }

    fn with(&mut self, side: usize, act: impl FnOnce(&mut Ua, Now, &mut Vec<SipEffect>)) {
        let mut out = Vec::new();
        let now = Now::from_ms(self.now.as_ms());
        let now = Now { mono: self.now, ..now };
        act(&mut self.uas[side], now, &mut out);
        for effect in out {
            match effect {
                SipEffect::Send { to, bytes, .. } => self.send(side, to, bytes),
                SipEffect::Event(event) => self.on_event(side, event),
                SipEffect::Close(_) | SipEffect::Resolve { .. } => panic!("{effect:?}"),
            }
        }
    }

    fn send(&mut self, side: usize, to: Destination, bytes: Vec<u8>) {
        let peer = match to {
            Destination::Flow(flow) => flow.peer,
            Destination::Address { peer, .. } => peer,
        };
        assert_eq!(peer, address(1 - side));
        let first = String::from_utf8_lossy(&bytes).lines().next().unwrap_or("").to_owned();
        let copies = match self.dice.below(100) {
            n if n < LOST => 0,
            n if n < LOST + DOUBLED => 2,
            _ => 1,
        };
        self.log.push(format!("{:>7} {side} sends {first} x{copies}", self.now.as_ms()));
        for _ in 0..copies {
            let after = 2 + self.dice.below(80);
            self.plan(after, Happening::Arrive { to: 1 - side, bytes: bytes.clone() });
        }
    }

    fn on_event(&mut self, side: usize, event: SipEvent) {
        self.log.push(format!("{:>7} {side} {event:?}", self.now.as_ms()));
        match event {
            SipEvent::Incoming(incoming) => {
                assert!(side == 1 && self.legs[1].is_none(), "one call, one leg: {}", self.log.join("\n"));
                let leg = incoming.leg;
                self.legs[1] = Some(leg);
                for what in [Happening::Ring(leg), Happening::Progress(leg)] {
                    if self.dice.below(3) > 0 {
                        let after = self.dice.below(1500);
                        self.plan(after, what);
                    }
                }
                let after = self.dice.below(5000);
                let is_refused = self.dice.below(6) == 0;
                self.plan(after, if is_refused { Happening::Refuse(leg) } else { Happening::Answer(leg) });
            }
            SipEvent::Agreed { agreement, .. } => self.agreed[side] = Some(agreement),
            SipEvent::Answered { .. } => {
                assert!(!self.answered);
                self.answered = true;
                self.talk();
            }
            SipEvent::Confirmed { .. } => {
                assert!(!self.confirmed);
                self.confirmed = true;
            }
            SipEvent::Ended { leg, cause, .. } => {
                assert_eq!(self.legs[side], Some(leg));
                self.ended[side].push(cause);
            }
            SipEvent::Named { .. } | SipEvent::Progress { .. } | SipEvent::Counted(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Changes from both sides, sometimes at the same moment, then an end from one or both.
    fn talk(&mut self) {
        for _ in 0..self.dice.below(4) {
            let direction = if self.dice.below(2) == 0 { Direction::SendOnly } else { Direction::SendRecv };
            let (side, after) = (self.dice.below(2) as usize, self.dice.below(20_000));
            self.plan(after, Happening::Reoffer { side, direction });
            if self.dice.below(2) == 0 {
                let shift = self.dice.below(30);
                self.plan(after + shift, Happening::Reoffer { side: 1 - side, direction });
            }
        }
        let length = if self.dice.below(2) == 0 { self.dice.below(200) } else { self.dice.below(200_000) };
        let side = self.dice.below(2) as usize;
        self.plan(length, Happening::End { side });
        if self.dice.below(4) == 0 {
            let shift = self.dice.below(50);
            self.plan(length + shift, Happening::End { side: 1 - side });
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how many seeds run is for whoever runs them to say")]
fn seeds() -> u64 {
    std::env::var("TURNO_LOSSY_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(100)
}

#[test]
fn every_call_is_set_up_and_ended_on_both_sides_of_a_bad_network() {
    let seeds: u64 = seeds();
    let (mut answered, mut confirmed) = (0, 0);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        world.run();
        let log = || format!("seed {seed}\n{}", world.log.join("\n"));
        for side in [0, 1] {
            assert_eq!(world.ended[side].len(), usize::from(world.legs[side].is_some()), "{}", log());
            assert_eq!(world.uas[side].sizes(), (0, 0, 0, 0), "{}", log());
            assert_eq!(world.uas[side].deadline(), None, "{}", log());
        }
        for cause in world.ended.iter().flatten() {
            // Nothing ends by silence or by a timer, and nothing for want of agreement.
            assert!(matches!(cause.sip, 200 | 481 | 486 | 487), "{cause:?} {}", log());
        }
        if let ([Some(a), Some(b)], true) = (&world.agreed, world.confirmed) {
            assert_eq!(a.direction, b.direction.mirrored(), "{}", log());
        }
        answered += u64::from(world.answered);
        confirmed += u64::from(world.confirmed);
    }
    // A quarter of the callers hang up early, a sixth of the calls is refused.
    assert!(answered * 2 > seeds && confirmed * 2 > seeds, "{answered} {confirmed}");
}
