//! All sessions that one thread owns. Two bridged legs live in one shard, so relaying needs no lock.
//!
//! Wake-ups lie on a wheel of 5 ms: one turn of it sends to all whose packet is due. What is slow (reports, the limit of
//! silence) is looked at once a second, a twentieth of the sessions at a time.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use turno_base::{LegId, Mono, Now, Quality, Seeded, TapeEnd};

use crate::boundary::{MediaCommand, MediaEvent};
use crate::limits::{GRID_US, PACKET_BYTES_MAX};
use crate::prompt::Library;
use crate::rtp;
use crate::session::{Rules, Session};

/// Place of a port among those of its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u32);

/// Where effects go. A trait and not a list of values, because packets are sent from the buffer that they arrived in.
pub trait Out {
    /// Send from the slot's RTP socket.
    fn rtp(&mut self, slot: Slot, to: SocketAddr, packet: &[u8]);
    /// Send from the slot's RTCP socket.
    fn rtcp(&mut self, slot: Slot, to: SocketAddr, packet: &[u8]);
    /// What a peer said while it is taken down: 16 bit, 8 kHz.
    fn samples(&mut self, leg: LegId, samples: Vec<i16>);
    /// Tell the engine.
    fn event(&mut self, leg: LegId, event: MediaEvent);
    /// How to listen on the slot from now on.
    fn listen(&mut self, slot: Slot, how: Listening);
    /// Read now what waits on the slot's RTP socket.
    fn read(&mut self, slot: Slot);
}

/// How a slot's sockets are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// Nobody is there: not at all. What still arrives is of an old call.
    Closed,
    /// Each packet as it arrives.
    Prompt,
    /// RTP in batches when [`Out::read`] says so; RTCP as it arrives.
    Unhurried,
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Packets and other things by what became of them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)* }
        impl Counts {
            /// Names and values, for metrics.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
            /// Sums two shards.
            pub fn add(&mut self, other: &Counts) { $(self.$name += other.$name;)* }
        }
    };
}

counts! {
    /// RTP packets taken from peers.
    received,
    /// RTP packets sent on to a bridged leg.
    relayed,
    /// RTP packets of music and prompts.
    played,
    /// Dropped: not RTP or RTCP.
    malformed,
    /// Dropped: from another address than the peer's (M1).
    stranger,
    /// Dropped: from a peer behind NAT that is not known yet.
    learning,
    /// Dropped: before any terms were agreed, or on a port without a session.
    unready,
    /// Dropped: more than a peer may send in a second, as when two peers name each other's ports here as their own address.
    excess,
    /// Dropped: the agreed direction does not receive.
    not_agreed,
    /// Dropped: a payload type that was not agreed.
    unknown_payload,
    /// Dropped: far out of sequence, or from before a bridge.
    out_of_sequence,
    /// Not relayed: the bridged leg hears something else, or is on hold.
    masked,
    /// Not relayed: the bridged leg does not take this codec, or no keys.
    no_common_codec,
    /// Packets of playing that were skipped after a stall.
    skipped,
    /// Keys that could not be sent.
    keys_unsent,
    /// Prompts that the library lacks.
    prompts_missing,
    /// Commands to legs that are not here.
    unknown_leg,
}

/// Turns of the wheel; must exceed the longest packet time.
const WHEEL: u64 = 16;
/// Parts into which a second of slow work is cut.
const PARTS: u64 = 20;
const PART_US: u64 = 1_000_000 / PARTS;

/// Sessions, their bridges and their time.
#[derive(Debug)]
pub struct Shard {
    rules: Rules,
    library: Library,
    sessions: Vec<Option<Box<Session>>>,
    legs: BTreeMap<LegId, Slot>,
    /// Who wakes, by turn modulo [`WHEEL`]; entries lie less than a whole wheel ahead of `last_turn`.
    wheel: Vec<Vec<Slot>>,
    awake: u64,
    /// Kept for its allocation.
    due: Vec<Slot>,
    last_turn: u64,
    last_part: u64,
    dice: Seeded,
    counts: Counts,
    /// Whose turn it is, for [`Shard::fail`].
    busy: Option<Slot>,
}

/// A session on its way to another shard.
#[derive(Debug)]
pub struct Moving {
    leg: LegId,
    session: Box<Session>,
}

impl Moving {
    /// Whose session it is.
    pub fn leg(&self) -> LegId {
        self.leg
    }
}

impl Shard {
    /// An empty shard; `seed` names all its SSRCs.
    pub fn new(rules: Rules, library: Library, seed: u64) -> Shard {
        Shard {
            rules,
            library,
            sessions: Vec::new(),
            legs: BTreeMap::new(),
            wheel: vec![Vec::new(); WHEEL as usize],
            awake: 0,
            due: Vec::new(),
            last_turn: 0,
            last_part: 0,
            dice: Seeded::new(seed),
            counts: Counts::default(),
            busy: None,
        }
    }

    /// What became of packets so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Open sessions.
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// No session is open.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// How often a prompt was encoded.
    pub fn encodings(&self) -> u64 {
        self.library.encodings()
    }

    /// Where a leg is.
    pub fn slot_of(&self, leg: LegId) -> Option<Slot> {
        self.legs.get(&leg).copied()
    }

    /// The figures of a leg so far.
    pub fn quality(&self, leg: LegId) -> Option<Quality> {
        self.session(self.slot_of(leg)?).map(Session::quality)
    }

    fn session(&self, slot: Slot) -> Option<&Session> {
        self.sessions.get(slot.0 as usize)?.as_deref()
    }

    fn session_mut(&mut self, slot: Slot) -> Option<&mut Session> {
        self.sessions.get_mut(slot.0 as usize)?.as_deref_mut()
    }

    // ---- commands ----

    /// Begins a leg's session on a slot. A leg that is open already, or a slot that is taken, fails.
    pub fn open(&mut self, leg: LegId, slot: Slot, now: Now, out: &mut impl Out) {
        if self.legs.contains_key(&leg) || self.session(slot).is_some() {
            out.event(leg, MediaEvent::Failed);
            return;
        }
        let seed = self.dice.next_u64();
        self.place(leg, slot, Box::new(Session::new(leg, seed, now)), now.mono, out);
    }

    fn place(&mut self, leg: LegId, slot: Slot, session: Box<Session>, now: Mono, out: &mut impl Out) {
        let index = slot.0 as usize;
        if self.sessions.len() <= index {
            self.sessions.resize_with(index + 1, || None);
        }
        if let Some(place) = self.sessions.get_mut(index) {
            *place = Some(session);
        }
        self.legs.insert(leg, slot);
        out.listen(slot, Listening::Prompt);
        self.settle(slot, now, out);
    }

    /// Takes a command for a leg that is open here; `Open` is [`Shard::open`], because only the sockets' owner knows the
    /// slot of a port.
    pub fn on_command(&mut self, leg: LegId, command: &MediaCommand, now: Now, out: &mut impl Out) {
        let Some(slot) = self.slot_of(leg) else {
            self.counts.unknown_leg += 1;
            return;
        };
        self.busy = Some(slot);
        let Some(session) = self.sessions.get_mut(slot.0 as usize).and_then(Option::as_deref_mut) else { return };
        match command {
            MediaCommand::Open(_) => out.event(leg, MediaEvent::Failed),
            MediaCommand::Agree(agreement) => {
                session.agree(agreement, &self.rules, now.mono);
                session.prepare(&mut self.library);
            }
            MediaCommand::Play(play, number) => {
                session.play(play, *number, &mut self.library, &mut self.counts, now.mono)
            }
            MediaCommand::Quiet => session.quiet(),
            MediaCommand::Bridge(other) => self.bridge(leg, *other, now.mono, out),
            MediaCommand::Unbridge => self.unbridge(slot, now.mono, out),
            MediaCommand::Key { key, ms } => session.press(*key, *ms, &mut self.counts),
            MediaCommand::Pressed { key, ms } => self.pass_key(slot, *key, *ms, now.mono, out),
            MediaCommand::Held(held) => session.hold(*held, now.mono),
            MediaCommand::Tape(rules) => session.tape(*rules, now.mono, out),
            MediaCommand::EndTape => session.end_tape(TapeEnd::Told, out),
            MediaCommand::Close => {
                let silent = session.silent(now.mono);
                self.unbridge(slot, now.mono, out);
                if let Some(mut session) = self.remove(leg, slot) {
                    let quality = session.close(slot, now.mono, out);
                    out.listen(slot, Listening::Closed);
                    out.event(leg, MediaEvent::Closed { quality, silent });
                }
                return;
            }
        }
        self.settle(slot, now.mono, out);
    }

    fn remove(&mut self, leg: LegId, slot: Slot) -> Option<Box<Session>> {
        self.legs.remove(&leg);
        self.sessions.get_mut(slot.0 as usize).and_then(Option::take)
    }

    fn bridge(&mut self, leg: LegId, other: LegId, now: Mono, out: &mut impl Out) {
        let (Some(here), Some(there)) = (self.slot_of(leg), self.slot_of(other)) else {
            self.counts.unknown_leg += 1;
            return;
        };
        if here == there {
            return;
        }
        for slot in [here, there] {
            self.unbridge(slot, now, out);
        }
        for (slot, peer) in [(here, (other, there)), (there, (leg, here))] {
            if let Some(session) = self.session_mut(slot) {
                session.quiet();
                session.bridged = Some(peer);
                // Carriers send nothing before the answer: silence counts from when somebody listens.
                session.alive(now);
            }
            self.settle(slot, now, out);
        }
    }

    fn unbridge(&mut self, slot: Slot, now: Mono, out: &mut impl Out) {
        let Some((_, there)) = self.session_mut(slot).and_then(|session| session.bridged.take()) else { return };
        if let Some(session) = self.session_mut(there) {
            session.bridged = None;
        }
        self.settle(there, now, out);
    }

    /// A key of this session's peer that came by signalling, for whom it is bridged with; nobody else waits for it here.
    fn pass_key(&mut self, slot: Slot, key: char, ms: u32, now: Mono, out: &mut impl Out) {
        let Some((_, there)) = self.session(slot).and_then(|session| session.bridged) else { return };
        let Shard { sessions, counts, .. } = self;
        if let Some(session) = sessions.get_mut(there.0 as usize).and_then(Option::as_deref_mut) {
            session.press(key, ms, counts);
            self.settle(there, now, out);
        }
    }

    /// After a caught fault of ours: the session whose turn it was is given up, the others stay (reliability.md P5).
    /// Gives its slot.
    pub fn fail(&mut self, now: Mono, out: &mut impl Out) -> Option<Slot> {
        let slot = self.busy.take()?;
        let leg = self.session(slot)?.leg;
        self.unbridge(slot, now, out);
        self.remove(leg, slot);
        out.listen(slot, Listening::Closed);
        out.event(leg, MediaEvent::Failed);
        Some(slot)
    }

    /// Takes a leg out, to be placed in another shard; its bridge ends.
    pub fn release(&mut self, leg: LegId, now: Mono, out: &mut impl Out) -> Option<Moving> {
        let slot = self.slot_of(leg)?;
        self.unbridge(slot, now, out);
        let session = self.remove(leg, slot)?;
        out.listen(slot, Listening::Closed);
        Some(Moving { leg, session })
    }

    /// Takes a leg in.
    pub fn adopt(&mut self, moving: Moving, slot: Slot, now: Mono, out: &mut impl Out) {
        let Moving { leg, mut session } = moving;
        session.wake_at = None;
        session.unhurried = false;
        session.prepare(&mut self.library);
        self.place(leg, slot, session, now, out);
    }

    // ---- packets ----

    /// Takes a datagram from a slot's RTP socket; RTCP on the same port is found (RFC 5761).
    pub fn on_rtp(&mut self, slot: Slot, source: SocketAddr, packet: &mut [u8], now: Mono, out: &mut impl Out) {
        if packet.len() > PACKET_BYTES_MAX {
            self.counts.malformed += 1;
            return;
        }
        if rtp::is_rtcp(packet) {
            return self.on_rtcp(slot, source, packet, now);
        }
        self.busy = Some(slot);
        let Some(session) = self.sessions.get_mut(slot.0 as usize).and_then(Option::as_deref_mut) else {
            self.counts.unready += 1;
            return;
        };
        let heard = session.on_rtp(source, packet, now, &mut self.counts, out);
        let unsettled = std::mem::take(&mut session.unsettled);
        let bridged = session.bridged;
        if let (Some(heard), Some((_, there))) = (heard, bridged)
            && let Some(other) = self.sessions.get_mut(there.0 as usize).and_then(Option::as_deref_mut)
        {
            other.relay(there, &heard, packet, now, &mut self.counts, out);
        }
        if unsettled {
            self.settle(slot, now, out);
        }
    }

    /// Takes a datagram from a slot's RTCP socket.
    pub fn on_rtcp(&mut self, slot: Slot, source: SocketAddr, packet: &[u8], now: Mono) {
        self.busy = Some(slot);
        match self.sessions.get_mut(slot.0 as usize).and_then(Option::as_deref_mut) {
            Some(session) => session.on_rtcp(source, packet, now, &mut self.counts),
            None => self.counts.unready += 1,
        }
    }

    // ---- time ----

    /// After anything happened to a session: how it listens, and when it is woken.
    fn settle(&mut self, slot: Slot, now: Mono, out: &mut impl Out) {
        let Some(session) = self.sessions.get_mut(slot.0 as usize).and_then(Option::as_deref_mut) else { return };
        let unhurried = session.may_be_unhurried();
        if session.unhurried != unhurried {
            session.unhurried = unhurried;
            out.listen(slot, if unhurried { Listening::Unhurried } else { Listening::Prompt });
        }
        let Some(due) = session.deadline() else { return };
        if session.wake_at.is_some_and(|at| at <= due) {
            return;
        }
        if self.awake == 0 {
            self.last_turn = self.last_turn.max((now.0 / GRID_US).saturating_sub(1));
        }
        // Rounded up to the grid, and no further than the wheel reaches: a longer wait is taken in turns.
        let turn = due.0.div_ceil(GRID_US).clamp(self.last_turn + 1, self.last_turn + WHEEL - 1);
        session.wake_at = Some(Mono(turn * GRID_US));
        if let Some(place) = self.wheel.get_mut((turn % WHEEL) as usize) {
            place.push(slot);
            self.awake += 1;
        }
    }

    /// When [`Shard::on_tick`] is wanted next.
    pub fn deadline(&self) -> Option<Mono> {
        if self.awake > 0 {
            let ahead = (1..=WHEEL).find(|ahead| {
                self.wheel.get(((self.last_turn + ahead) % WHEEL) as usize).is_some_and(|turn| !turn.is_empty())
            })?;
            return Some(Mono((self.last_turn + ahead) * GRID_US));
        }
        (!self.legs.is_empty()).then(|| Mono((self.last_part + 1) * PART_US))
    }

    /// Does what is due by now.
    pub fn on_tick(&mut self, now: Now, out: &mut impl Out) {
        let turn = now.mono.0 / GRID_US;
        let mut due = std::mem::take(&mut self.due);
        // After a pause longer than the wheel every place of it is due, once: all entries lie within one turn of it.
        for at in self.last_turn + 1..=turn.min(self.last_turn + WHEEL) {
            if let Some(place) = self.wheel.get_mut((at % WHEEL) as usize) {
                due.append(place);
            }
        }
        self.awake -= due.len() as u64;
        self.last_turn = self.last_turn.max(turn);
        for slot in due.drain(..) {
            self.wake(slot, now.mono, out);
        }
        self.due = due;
        let part = now.mono.0 / PART_US;
        for at in (self.last_part + 1).max((part + 1).saturating_sub(PARTS))..=part {
            for index in (at % PARTS..self.sessions.len() as u64).step_by(PARTS as usize) {
                if let Some(session) = self.sessions.get_mut(index as usize).and_then(Option::as_deref_mut) {
                    self.busy = Some(Slot(index as u32));
                    session.on_second(Slot(index as u32), now.mono, &self.rules, out);
                }
            }
        }
        self.last_part = self.last_part.max(part);
    }

    fn wake(&mut self, slot: Slot, now: Mono, out: &mut impl Out) {
        let Some(session) = self.sessions.get_mut(slot.0 as usize).and_then(Option::as_deref_mut) else { return };
        // An entry that an earlier one has overtaken, or of a session that is gone.
        if session.wake_at.is_none_or(|at| at > now) {
            return;
        }
        session.wake_at = None;
        self.busy = Some(slot);
        session.on_deadline(slot, now, &self.library, &mut self.counts, out);
        self.settle(slot, now, out);
    }
}
