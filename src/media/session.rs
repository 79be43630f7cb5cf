//! One leg's media session: what comes in from its peer, and the one stream that goes out to it.

mod sending;

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Codec, LegId, Mono, Now, Quality, Seeded, StreamAgreement, TapeEnd};

use crate::boundary::{MediaEvent, Play};
use crate::inband::Inband;
use crate::key::{KeysIn, KeysOut, Press};
use crate::latch::{Admission, Latch, Network};
use crate::limits::{CODECS_MAX, GRID_US, KEY_TYPES_MAX, PACKETS_A_SECOND_MAX};
use crate::mos;
use crate::outgoing::Outgoing;
use crate::play::Player;
use crate::prompt::Library;
use crate::reception::{Arrival, Reception, ticks};
use crate::reports::Reports;
use crate::rtcp::{self, Part};
use crate::rtp::{self, Header};
use crate::shard::{Counts, Out, Slot};
use crate::tape::{Tape, TapeRules};

/// What an operator sets for all sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Neither RTP nor RTCP for this long is [`MediaEvent::Silent`] (reliability.md N2).
    pub silent_limit: Duration,
    /// The same while held.
    pub silent_limit_held: Duration,
    /// Networks reached without NAT.
    pub direct: Vec<Network>,
    /// Listen for tones of keys on legs without telephone-event, while they are not bridged.
    pub inband_keys: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            silent_limit: Duration::from_secs(30),
            silent_limit_held: Duration::from_secs(30 * 60),
            direct: Vec::new(),
            inband_keys: true,
        }
    }
}

/// Everything about one leg's sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) leg: LegId,
    /// The leg it is bridged with, and where that one is.
    pub(crate) bridged: Option<(LegId, Slot)>,
    /// Until when this session has asked to be woken; the wheel holds at most one true entry.
    pub(crate) wake_at: Option<Mono>,
    /// As last told to the sockets.
    pub(crate) unhurried: bool,
    /// A packet has changed when this session wants to be woken, or how it listens.
    pub(crate) unsettled: bool,
    terms: Option<Terms>,
    reception: Reception,
    outgoing: Outgoing,
    keys_in: KeysIn,
    keys_out: KeysOut,
    inband: Option<Box<Inband>>,
    playing: Option<Playing>,
    held: bool,
    heard_at: Mono,
    /// Packets of the peer in this second.
    taken: u32,
    silence_told: bool,
    heard_codec: Option<Codec>,
    reports: Reports,
    tape: Option<Box<Tape>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Terms {
    agreement: StreamAgreement,
    latch: Latch,
    /// Where the peer's RTCP came from, if not from where it was agreed.
    rtcp_from: Option<SocketAddr>,
    /// What arrived last, of all that may.
    heard: Option<(Codec, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Playing {
    player: Player,
    /// By which its end is told.
    number: u32,
    /// Packet `n` is due at `start + n · ptime`: rounding and late wake-ups never add up. None until terms are agreed.
    start: Option<Mono>,
    n: u64,
}

/// A packet that the peer sent and the bridged leg should get.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) header: Header,
    pub(crate) payload: Range<usize>,
    pub(crate) kind: Kind,
}

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sound(Codec),
    Key,
}

impl Session {
    pub(crate) fn new(leg: LegId, seed: u64, now: Now) -> Session {
        let mut dice = Seeded::new(seed);
        let (ssrc, sequence, timestamp) = (dice.next_u64() as u32, dice.next_u64() as u16, dice.next_u64() as u32);
        Session {
            leg,
            bridged: None,
            wake_at: None,
            unhurried: false,
            unsettled: false,
            terms: None,
            reception: Reception::default(),
            // Well below the wrap at first (RFC 3550 §5.1; peers that mishandle an early wrap are common).
            outgoing: Outgoing::new(ssrc, sequence & 0x7fff, timestamp),
            keys_in: KeysIn::default(),
            keys_out: KeysOut::default(),
            inband: None,
            playing: None,
            held: false,
            heard_at: now.mono,
            taken: 0,
            silence_told: false,
            heard_codec: None,
            reports: Reports::new(dice, now),
            tape: None,
        }
    }

    // ---- commands ----

    pub(crate) fn agree(&mut self, agreement: &StreamAgreement, rules: &Rules, now: Mono) {
        let mut agreement = agreement.clone();
        agreement.receive.truncate(CODECS_MAX);
        agreement.dtmf_receive.truncate(KEY_TYPES_MAX);
        agreement.ptime_ms = agreement.ptime_ms.clamp(10, 60);
        let old = self.terms.take();
        if let Some(playing) = &mut self.playing
            && old.as_ref().is_none_or(|old| old.agreement.ptime_ms != agreement.ptime_ms)
        {
            // With another packet time the schedule begins anew; what was played stays played.
            playing.begin(now);
        }
        let kept = old.filter(|old| old.latch.remote() == agreement.remote);
        let (latch, rtcp_from) = match kept {
            Some(old) => (old.latch, old.rtcp_from.filter(|_| old.agreement.remote_rtcp == agreement.remote_rtcp)),
            None => (Latch::new(agreement.remote, &rules.direct), None),
        };
        self.inband = (rules.inband_keys && agreement.dtmf.is_none()).then(Box::default);
        if agreement.dtmf.is_none() {
            self.keys_out.clear();
        }
        self.terms = Some(Terms { agreement, latch, rtcp_from, heard: None });
        self.alive(now);
        self.reports.begin(now);
    }

    pub(crate) fn play(&mut self, play: &Play, number: u32, library: &mut Library, counts: &mut Counts, now: Mono) {
        let (player, missing) = Player::new(play, library);
        counts.prompts_missing += missing;
        let mut playing = Playing { player, number, start: None, n: 0 };
        if self.terms.is_some() {
            playing.begin(now);
        }
        self.playing = Some(playing);
        self.outgoing.interrupt();
        self.prepare(library);
    }

    /// Sees that all that plays is encoded in the agreed codec.
    pub(crate) fn prepare(&self, library: &mut Library) {
        if let (Some(playing), Some(terms)) = (&self.playing, &self.terms) {
            for clip in playing.player.clips() {
                library.prepare(clip, terms.agreement.send.0);
            }
        }
    }

    pub(crate) fn quiet(&mut self) {
        self.playing = None;
    }

    pub(crate) fn hold(&mut self, held: bool, now: Mono) {
        if self.held != held {
            self.held = held;
            // The short limit counts from the retrieval, not from the last packet before the hold.
            self.alive(now);
        }
    }

    pub(crate) fn press(&mut self, key: char, ms: u32, counts: &mut Counts) {
        let agreed = self.terms.as_ref().is_some_and(|terms| terms.agreement.dtmf.is_some());
        if !agreed || !self.keys_out.push(key, ms) {
            counts.keys_unsent += 1;
        }
    }

    /// Takes down what the peer says from now on.
    pub(crate) fn tape(&mut self, rules: TapeRules, now: Mono, out: &mut impl Out) {
        self.end_tape(TapeEnd::Told, out);
        self.tape = Some(Box::new(Tape::new(rules, now)));
    }

    /// What is not out yet of what was taken down goes out, and that was it.
    pub(crate) fn end_tape(&mut self, end: TapeEnd, out: &mut impl Out) {
        let Some(mut tape) = self.tape.take() else { return };
        let rest = tape.take();
        if !rest.is_empty() {
            out.samples(self.leg, rest);
        }
        out.event(self.leg, MediaEvent::Taped { ms: tape.length_ms(), end });
    }

    /// Says goodbye and gives the figures.
    pub(crate) fn close(&mut self, slot: Slot, now: Mono, out: &mut impl Out) -> Quality {
        self.end_tape(TapeEnd::Closed, out);
        self.report(slot, true, now, out);
        self.quality()
    }

    /// Takes a datagram from the RTP socket. What it gives is for the bridged leg.
    pub(crate) fn on_rtp(
        &mut self,
        source: SocketAddr,
        packet: &[u8],
        now: Mono,
        counts: &mut Counts,
        out: &mut impl Out,
    ) -> Option<Heard> {
        let Ok((header, payload)) = rtp::parse(packet) else {
            counts.malformed += 1;
            return None;
        };
        let Some(terms) = &mut self.terms else {
            counts.unready += 1;
            return None;
        };
        match terms.latch.on_packet(source, header.ssrc, header.sequence, now) {
            Admission::Peer => {}
            Admission::Latched => {
                self.unsettled = true;
                out.event(self.leg, MediaEvent::Latched(source));
            }
            Admission::Learning => {
                counts.learning += 1;
                return None;
            }
            Admission::Stranger => {
                counts.stranger += 1;
                return None;
            }
        }
        (self.heard_at, self.silence_told) = (now, false);
        self.taken += 1;
        if self.taken > PACKETS_A_SECOND_MAX {
            counts.excess += 1;
            return None;
        }
        let agreement = &terms.agreement;
        if !agreement.direction.receives() {
            counts.not_agreed += 1;
            return None;
        }
        counts.received += 1;
        let key = agreement.dtmf_receive.contains(&header.payload_type);
        let codec = terms.codec_of(header.payload_type);
        let clock_hz = codec.unwrap_or(terms.agreement.send.0).clock_hz();
        // Read in batches, the packets' arrival is not known well enough to measure jitter by.
        let arrival = (!key && !self.unhurried).then(|| ticks(now, clock_hz));
        match self.reception.on_packet(&header, arrival) {
            Arrival::First => self.reports.forget_sender(),
            Arrival::Next => {}
            Arrival::Suspect => {
                counts.out_of_sequence += 1;
                return None;
            }
        }
        let sound = packet.get(payload.clone()).unwrap_or_default();
        if key {
            let press = self.keys_in.on_packet(&header, sound, clock_hz, now);
            self.unsettled = true;
            self.tell(press, out);
            return Some(Heard { header, payload, kind: Kind::Key });
        }
        let Some(codec) = codec else {
            counts.unknown_payload += 1;
            return None;
        };
        self.heard_codec = Some(codec);
        self.listen(&header, codec, sound, now, out);
        Some(Heard { header, payload, kind: Kind::Sound(codec) })
    }

    /// What the peer says is taken down, or searched for tones of keys.
    fn listen(&mut self, header: &Header, codec: Codec, sound: &[u8], now: Mono, out: &mut impl Out) {
        if let Some(tape) = &mut self.tape
            && let Some(piece) = tape.on_packet(header, codec, sound, now)
        {
            out.samples(self.leg, piece);
        }
        if let Some(inband) = &mut self.inband
            && self.bridged.is_none()
        {
            let press = inband.on_payload(codec, sound);
            self.tell(press, out);
        }
    }

    fn tell(&self, press: Option<Press>, out: &mut impl Out) {
        if let Some(Press { key, ms }) = press {
            out.event(self.leg, MediaEvent::Key { key, ms });
        }
    }

    /// Takes a datagram of RTCP, from either socket.
    pub(crate) fn on_rtcp(&mut self, source: SocketAddr, packet: &[u8], now: Mono, counts: &mut Counts) {
        let Ok(parts) = rtcp::parse(packet) else {
            counts.malformed += 1;
            return;
        };
        let Some(terms) = &mut self.terms else {
            counts.unready += 1;
            return;
        };
        if !terms.latch.admits_rtcp(source, terms.agreement.remote_rtcp) {
            counts.stranger += 1;
            return;
        }
        if source != terms.agreement.remote_rtcp {
            terms.rtcp_from = Some(source);
        }
        (self.heard_at, self.silence_told) = (now, false);
        for part in parts {
            if let Part::Report { ssrc, sent, blocks } = part {
                let sent = sent.filter(|_| self.reception.ssrc().is_none_or(|heard| heard == ssrc));
                self.reports.on_report(self.outgoing.ssrc(), sent, blocks, now);
            }
        }
    }

    /// When there is something to do.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        let ptime_ms = self.terms.as_ref().map(|terms| terms.agreement.ptime_ms);
        let play = self.playing.as_ref().and_then(|playing| playing.due(ptime_ms?));
        let key = ptime_ms.and_then(|ptime_ms| self.keys_out.deadline(ptime_ms));
        [play, key, self.keys_in.deadline()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn on_deadline(
        &mut self,
        slot: Slot,
        now: Mono,
        library: &Library,
        counts: &mut Counts,
        out: &mut impl Out,
    ) {
        let clock_hz = self.terms.as_ref().map_or(8000, |terms| terms.agreement.send.0.clock_hz());
        let press = self.keys_in.on_deadline(clock_hz, now);
        self.tell(press, out);
        self.send_keys(slot, now, counts, out);
        self.send_played(slot, now, library, counts, out);
    }

    /// About once a second: reports and the limit of silence.
    pub(crate) fn on_second(&mut self, slot: Slot, now: Mono, rules: &Rules, out: &mut impl Out) {
        self.taken = 0;
        if self.reports.is_due(now) {
            self.report(slot, false, now, out);
        }
        if let Some(end) = self.tape.as_ref().and_then(|tape| tape.ends(now)) {
            self.end_tape(end, out);
        }
        let Some(terms) = &self.terms else { return };
        let held = self.held || !terms.agreement.direction.receives();
        let limit = if held { rules.silent_limit_held } else { rules.silent_limit };
        let silent = self.silent(now);
        if !self.silence_told && silent >= limit {
            self.silence_told = true;
            out.event(self.leg, MediaEvent::Silent(silent));
        }
    }

    /// For how long nothing was heard: neither by media nor of what was agreed about it.
    pub(crate) fn silent(&self, now: Mono) -> Duration {
        now.since(self.heard_at)
    }

    pub(crate) fn alive(&mut self, now: Mono) {
        (self.heard_at, self.silence_told) = (now, false);
    }

    /// Whether the peer's packets may be read in batches: it is known, and nobody waits for what it says.
    pub(crate) fn may_be_unhurried(&self) -> bool {
        let known =
            self.terms.as_ref().is_some_and(|terms| terms.latch.peer().is_some() && terms.agreement.direction.sends());
        known && self.bridged.is_none() && self.playing.is_some()
    }

    pub(crate) fn quality(&self) -> Quality {
        let codec = self.heard_codec;
        let (received, lost) = (self.reception.received(), self.reception.lost());
        let clock_hz = codec.map_or(8000, Codec::clock_hz);
        let jitter_us = (u64::from(self.reception.jitter()) * 1_000_000 / u64::from(clock_hz)) as u32;
        let ptime_ms = self.terms.as_ref().map_or(20, |terms| terms.agreement.ptime_ms);
        let share = lost as f32 / (received + lost).max(1) as f32;
        let round_trip_us = self.reports.round_trip_us();
        let mos_x100 = match codec {
            Some(codec) if received > 0 => mos::estimate_x100(codec, share, round_trip_us, jitter_us, ptime_ms),
            Some(_) | None => 0,
        };
        Quality { codec, received, sent: self.outgoing.packets(), lost, jitter_us, round_trip_us, mos_x100 }
    }
}

impl Terms {
    /// What the peer means by a payload type. Nearly every packet is of the codec that it was heard in last.
    fn codec_of(&mut self, payload_type: u8) -> Option<Codec> {
        if self.heard.is_none_or(|(_, last)| last != payload_type) {
            self.heard = self.agreement.receive.iter().find(|(_, pt)| *pt == payload_type).copied();
        }
        self.heard.map(|(codec, _)| codec)
    }
}

impl Playing {
    fn begin(&mut self, now: Mono) {
        // On the grid, so that one wake-up serves many listeners.
        self.start = Some(Mono(now.0.div_ceil(GRID_US) * GRID_US));
        self.n = 0;
    }

    fn due(&self, ptime_ms: u8) -> Option<Mono> {
        self.start.map(|start| Mono(start.0 + self.n * u64::from(ptime_ms) * 1000))
    }

    /// Packets that are due by now and not sent.
    fn late(&self, ptime_ms: u8, now: Mono) -> u64 {
        let Some(due) = self.due(ptime_ms).filter(|&due| due <= now) else { return 0 };
        (now.0 - due.0) / (u64::from(ptime_ms) * 1000) + 1
    }
}
