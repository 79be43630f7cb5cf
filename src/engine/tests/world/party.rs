//! The parties of the world: what phones, callers and the carrier do by themselves or are made to do.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use turno_base::{Cause, Codec, Direction, LegId, Number, Seeded, TrunkId};
use turno_sip::ua::{Dial, LocalMedia, SipEffect, SipEvent, Target, Ua};

use super::settings::{name, sip_config, trunk};
use super::{Act, Arrives, Dialogs, ENGINE, Habit, Party, World};

impl World {
    pub(super) fn add_party(&mut self, at: &str, account: Option<&str>, habit: Habit) {
        let config = sip_config(at, Vec::new(), vec![trunk("engine", ENGINE, account)]);
        let mut party = Party {
            at: at.parse().unwrap(),
            ua: Ua::new(config.clone(), self.seeded.next_u64()),
            habit,
            dialled: 0,
            todo: BTreeMap::new(),
            signs_off: false,
            legs: BTreeMap::new(),
            dice: Seeded::new(self.seeded.next_u64()),
            config: config.clone(),
            dark_until: None,
            dialogs: Dialogs::default(),
            ever_up: 0,
        };
        let mut out = Vec::new();
        party.ua.configure(config, self.now, &mut out);
        self.parties.push(party);
        self.perform_party(self.parties.len() - 1, out);
    }

    /// The carrier brings a call from `ani`.
    pub(in crate::tests) fn call(&mut self, ani: &str) -> LegId {
        self.dial(0, "910000001", ani)
    }

    pub(in crate::tests) fn dial(&mut self, party: usize, number: &str, ani: &str) -> LegId {
        self.parties[party].dialled += 1;
        let leg = LegId::dialled(self.parties[party].dialled);
        let dial = Dial {
            leg,
            to: Target::Trunk { trunk: name::<TrunkId>("engine"), number: number.into() },
            from: Number { raw: ani.into(), e164: ani.parse().ok(), withheld: ani.is_empty() },
            display: String::new(),
            media: local_media(self.parties[party].at.ip()),
            call_id: String::new(),
            headers: Vec::new(),
        };
        self.parties[party].legs.insert(leg, "dialled");
        let now = self.now;
        self.parties[party].dialogs.expect(leg);
        self.with(party, |ua, out| ua.dial(dial, now, out));
        leg
    }

    /// A party loses its network for a while.
    pub(in crate::tests) fn darken(&mut self, party: usize, ms: u64) {
        let until = self.now.mono + Duration::from_millis(ms);
        self.parties[party].dark_until = Some(until);
        self.silence(party, 30_000);
    }

    /// A phone loses its power and comes back as new: what it talked about it has forgotten.
    pub(in crate::tests) fn reboot(&mut self, party: usize, ms: u64) {
        self.darken(party, ms);
        let seed = self.seeded.next_u64();
        let (now, p) = (self.now, &mut self.parties[party]);
        self.audit.on_reboot(p.at);
        p.ua = Ua::new(p.config.clone(), seed);
        p.todo.clear();
        p.legs.clear();
        p.dialogs = Dialogs::default();
        let config = p.config.clone();
        self.with(party, |ua, out| ua.configure(config, now, out));
    }

    pub(in crate::tests) fn do_later(&mut self, party: usize, ms: u64, leg: LegId, act: Act) {
        self.sent += 1;
        let at = self.now.mono + Duration::from_millis(ms);
        self.parties[party].todo.insert((at, self.sent), (leg, act));
    }

    pub(in crate::tests) fn act(&mut self, party: usize, leg: LegId, act: Act) {
        let now = self.now;
        match act {
            Act::Answer => {
                let media = local_media(self.parties[party].at.ip());
                self.with(party, |ua, out| ua.answer(leg, media, now, out));
                if self.parties[party].legs.get(&leg) == Some(&"called") {
                    self.parties[party].legs.insert(leg, "answering");
                }
            }
            Act::End(status) => {
                let cause = match status {
                    200 => Cause::NORMAL,
                    _ => Cause::new(status, 0, turno_base::Reason::Normal),
                };
                self.with(party, |ua, out| ua.end(leg, cause, now, out));
            }
            Act::Hold(hold) => self.hold(party, leg, hold),
            Act::Transfer(to) => self.refer(party, leg, to, None),
            Act::Consult(to) => {
                if self.parties[party].legs.get(&leg) == Some(&"up") {
                    self.hold(party, leg, true);
                    let second = self.dial(party, to, "");
                    self.do_later(party, 5000, leg, Act::HandOver(second));
                    self.do_later(party, 40_000, second, Act::End(200));
                }
            }
            Act::HandOver(second) => {
                if self.parties[party].legs.get(&second) == Some(&"up") {
                    self.refer(party, leg, "1", Some(second));
                } else {
                    self.hang_up(party, second);
                    self.hold(party, leg, false);
                }
            }
        }
    }

    fn refer(&mut self, party: usize, leg: LegId, to: &str, replaces: Option<LegId>) {
        let branch = self.seeded.token();
        let from = self.parties[party].at;
        let Some(bytes) = self.parties[party].dialogs.refer(from, leg, to, replaces, &branch) else { return };
        // Nobody stands behind this request to repeat it, so it is repeated blindly.
        for (at, ms) in [0, 500, 1500, 3500].into_iter().enumerate() {
            let datagram = Arrives::Datagram { to: ENGINE.parse().unwrap(), from, bytes: bytes.clone() };
            if at == 3 || self.seeded.below(1000) >= self.weather.lost {
                self.put_in_air(self.now.mono + Duration::from_millis(ms), datagram);
            }
        }
    }

    /// A party hangs up.
    pub(in crate::tests) fn hang_up(&mut self, party: usize, leg: LegId) {
        let now = self.now;
        self.with(party, |ua, out| ua.end(leg, Cause::NORMAL, now, out));
    }

    /// A party holds or resumes.
    pub(in crate::tests) fn hold(&mut self, party: usize, leg: LegId, hold: bool) {
        let mut media = local_media(self.parties[party].at.ip());
        media.direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let now = self.now;
        self.with(party, |ua, out| ua.reoffer(leg, media, now, out));
    }

    /// The phone of an agent takes its registration back.
    pub(in crate::tests) fn sign_off(&mut self, agent: usize) {
        let party = agent + 1;
        let (at, now, user) = (self.parties[party].at.to_string(), self.now, format!("{}", 1001 + agent));
        self.parties[party].signs_off = true;
        // A trunk that is new is registered at, at once.
        for account in [None, Some(user.as_str())] {
            let config = sip_config(&at, Vec::new(), vec![trunk("engine", ENGINE, account)]);
            self.with(party, |ua, out| ua.configure(config, now, out));
        }
    }

    /// Everybody hangs up everything.
    pub(in crate::tests) fn hang_up_all(&mut self) {
        for party in 0..self.parties.len() {
            let legs: Vec<LegId> = self.parties[party].legs.keys().copied().collect();
            for leg in legs {
                self.hang_up(party, leg);
            }
        }
    }

    pub(super) fn with(&mut self, party: usize, act: impl FnOnce(&mut Ua, &mut Vec<SipEffect>)) {
        let mut out = Vec::new();
        act(&mut self.parties[party].ua, &mut out);
        self.perform_party(party, out);
    }

    pub(super) fn perform_party(&mut self, at: usize, effects: Vec<SipEffect>) {
        for effect in effects {
            match effect {
                SipEffect::Send { to, bytes, .. } => {
                    let from = self.parties[at].at;
                    let text = String::from_utf8_lossy(&bytes);
                    let bytes = match self.parties[at].signs_off && text.starts_with("REGISTER") {
                        true => text.replace("Expires: 750", "Expires: 0").into_bytes(),
                        false => bytes,
                    };
                    let bytes = self.parties[at].dialogs.outward(bytes);
                    self.audit.on_sent(from, &bytes);
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
                self.parties[at].dialogs.name(leg, &incoming.sip_call_id);
                match self.parties[at].habit {
                    Habit::Answers(ms) => {
                        self.with(at, |ua, out| ua.ring(leg, now, out));
                        self.do_later(at, ms, leg, Act::Answer);
                    }
                    Habit::Person => self.on_called(at, leg),
                    Habit::Customer => self.on_called_back(at, leg),
                }
            }
            SipEvent::Answered { leg } | SipEvent::Confirmed { leg } => {
                if self.parties[at].legs.insert(leg, "up") != Some("up") {
                    self.parties[at].ever_up += 1;
                }
            }
            SipEvent::Ended { leg, cause, .. } => {
                self.ends.push((at, cause));
                self.parties[at].legs.remove(&leg);
                self.parties[at].todo.retain(|_, (about, _)| *about != leg);
            }
            SipEvent::Named { dialog, .. } => self.named.push((at, dialog)),
            SipEvent::Progress { .. }
            | SipEvent::Agreed { .. }
            | SipEvent::Dtmf { .. }
            | SipEvent::TransferAsked { .. }
            | SipEvent::Station { .. }
            | SipEvent::Trunk { .. }
            | SipEvent::Counted(_) => {}
        }
    }

    /// What a person does when the phone rings.
    fn on_called(&mut self, at: usize, leg: LegId) {
        let now = self.now;
        let mut dice = self.parties[at].dice.clone();
        if dice.below(20) > 0 {
            self.with(at, |ua, out| ua.ring(leg, now, out));
        }
        let answer = match dice.below(100) {
            0..9 => None,
            9..17 => return self.end_call_later(at, leg, dice, [486, 603, 480, 503, 404]),
            17..22 => Some(14_950 + dice.below(100)), // as the ring limit ends
            22..27 => Some(0),
            _ => Some(500 + dice.below(6000)),
        };
        let Some(answer) = answer else {
            self.do_later(at, 90_000, leg, Act::End(480));
            self.parties[at].dice = dice;
            return;
        };
        self.do_later(at, answer, leg, Act::Answer);
        let ends = answer + 1000 + dice.below(60_000);
        match dice.below(12) {
            0 | 1 => {
                self.do_later(at, answer + dice.below(4000), leg, Act::Hold(true));
                self.do_later(at, answer + 4000 + dice.below(9000), leg, Act::Hold(false));
            }
            2 => {
                let to = ["700", "1001", "1002", "1003", "9", "600000000"][dice.below(6) as usize];
                self.do_later(at, answer + 1000 + dice.below(5000), leg, Act::Transfer(to));
            }
            3 => {
                let to = ["1001", "1002", "1003", "700"][dice.below(4) as usize];
                self.do_later(at, answer + 1000 + dice.below(5000), leg, Act::Consult(to));
            }
            _ => {}
        }
        if dice.below(3) > 0 {
            self.do_later(at, ends, leg, Act::End(200));
        } else {
            // Callers mostly hang up, but nobody talks for ever.
            self.do_later(at, answer + 150_000, leg, Act::End(200));
        }
        self.parties[at].dice = dice;
    }

    fn on_called_back(&mut self, at: usize, leg: LegId) {
        let now = self.now;
        let mut dice = self.parties[at].dice.clone();
        match dice.below(100) {
            0..12 => self.do_later(at, 300, leg, Act::End(486)),
            12..15 => self.do_later(at, 300, leg, Act::End(503)),
            15..27 => self.with(at, |ua, out| ua.ring(leg, now, out)),
            _ => {
                self.with(at, |ua, out| ua.ring(leg, now, out));
                let answer = 1000 + dice.below(9000);
                self.do_later(at, answer, leg, Act::Answer);
                let stays = if dice.below(20) == 0 { dice.below(3000) } else { 15_000 + dice.below(60_000) };
                self.do_later(at, answer + stays, leg, Act::End(200));
            }
        }
        self.parties[at].dice = dice;
    }

    fn end_call_later(&mut self, at: usize, leg: LegId, mut dice: Seeded, statuses: [u16; 5]) {
        let status = statuses[dice.below(5) as usize];
        self.do_later(at, dice.below(4000), leg, Act::End(status));
        self.parties[at].dice = dice;
    }
}

fn local_media(ip: IpAddr) -> LocalMedia {
    let rtp = SocketAddr::new(ip, 4000);
    LocalMedia { rtp, rtcp: SocketAddr::new(ip, 4001), codecs: vec![Codec::Pcma], direction: Direction::SendRecv }
}
