//! A caller at the carrier, or a phone, in this process: it speaks a tone, and tells what it hears.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use turno::demo::party::{Party, PartyEvent, Voice, wait};
use turno_base::{Cause, LegId};

use crate::house::{House, PASSWORD, SOON, account};

/// Level of [`Voice::Tone`], peak.
pub(crate) const PEAK: f64 = 10_000.0;

/// A party and what has happened to it.
pub(crate) struct Caller {
    pub(crate) party: Party,
    /// Every event so far.
    pub(crate) events: Vec<PartyEvent>,
}

impl Caller {
    /// At the carrier.
    pub(crate) fn at_carrier(house: &House, hertz: u32) -> Caller {
        let local = (house.ip(2), 5060).into();
        Caller::of(Party::open(local, house.sip(), None, 7, Voice::Tone(hertz)).unwrap())
    }

    /// The phone of agent `at`; it registers.
    pub(crate) fn phone(house: &House, at: usize, hertz: u32) -> Caller {
        Caller::phone_from((house.phone(at), 5060).into(), house.sip(), at, hertz)
    }

    /// The same from somewhere else, and at another address of the engine.
    pub(crate) fn phone_from(local: SocketAddr, engine: SocketAddr, at: usize, hertz: u32) -> Caller {
        let account = account(at);
        let seed = 100 + at as u64;
        let login = Some((account.as_str(), PASSWORD));
        Caller::of(Party::open(local, engine, login, seed, Voice::Tone(hertz)).unwrap())
    }

    fn of(party: Party) -> Caller {
        Caller { party, events: Vec::new() }
    }

    /// Calls and waits for the answer.
    pub(crate) fn call(&mut self, number: &str) -> LegId {
        let leg = self.party.dial(number, "612345678", "").unwrap();
        self.until("the call is answered", |caller| {
            caller.events.iter().any(|event| matches!(event, PartyEvent::Answered(answered) if *answered == leg))
        });
        leg
    }

    /// Hangs up and waits until that is known.
    pub(crate) fn hang_up(&mut self, leg: LegId) {
        self.party.end(leg, Cause::NORMAL);
        self.until("the leg has ended", |caller| caller.has_ended(leg));
    }

    pub(crate) fn has_ended(&self, leg: LegId) -> bool {
        self.events.iter().any(|event| matches!(event, PartyEvent::Ended(ended, _) if *ended == leg))
    }

    /// Lives on until something holds, at most [`SOON`].
    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Caller) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < SOON, "{what}: not within {SOON:?}; {:?}", self.events);
            self.live();
        }
    }

    /// Speaks and listens for so long.
    pub(crate) fn listen(&mut self, how_long: Duration) {
        let began = Instant::now();
        while began.elapsed() < how_long {
            self.live();
        }
    }

    fn live(&mut self) {
        wait(std::iter::once(&self.party), Duration::from_millis(20)).unwrap();
        self.look();
    }

    /// Does what is due without waiting.
    pub(crate) fn look(&mut self) {
        let events: Vec<PartyEvent> = self.party.pump().collect();
        self.events.extend(events);
    }
}
