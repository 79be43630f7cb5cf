//! What a session sends to its peer: what a bridged leg's peer said, keys, prompts, reports.

use std::net::SocketAddr;

use turno_base::{Codec, Mono, StreamAgreement};

use super::{Heard, Kind, Session, Terms};
use crate::boundary::MediaEvent;
use crate::g711::{A_TO_U, U_TO_A, convert};
use crate::limits::{CATCH_UP_PACKETS, UNHURRIED_PACKETS};
use crate::prompt::{BYTES_PER_MS, Library};
use crate::rtcp::{Block, Report, Sent};
use crate::rtp::HEADER_BYTES;
use crate::shard::{Counts, Out, Slot};

/// Largest payload that playing makes: 60 ms.
const PLAYED_BYTES_MAX: usize = 60 * BYTES_PER_MS;
/// A whole Opus packet of 20 ms of silence (RFC 6716 §3.1: CELT, full band, one frame).
const OPUS_SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

impl Session {
    /// Where sound goes; none while nothing may be sent.
    fn send_to(&self) -> Option<(&Terms, SocketAddr)> {
        let terms = self.terms.as_ref().filter(|terms| terms.agreement.direction.sends())?;
        let to = terms.latch.send_to();
        (!to.ip().is_unspecified() && to.port() != 0).then_some((terms, to))
    }

    /// Sends what a bridged leg's peer has sent, under our own header, converted between the laws of G.711 if needed.
    pub(crate) fn relay(
        &mut self,
        slot: Slot,
        heard: &Heard,
        packet: &mut [u8],
        now: Mono,
        counts: &mut Counts,
        out: &mut impl Out,
    ) {
        let Some((terms, to)) = self.send_to().filter(|_| self.playing.is_none() && !self.keys_out.is_sending()) else {
            counts.masked += 1;
            return;
        };
        let agreement = &terms.agreement;
        let clock_hz = agreement.send.0.clock_hz();
        let (payload_type, table) = match heard.kind {
            Kind::Key => (agreement.dtmf, None),
            Kind::Sound(codec) => passage(codec, agreement),
        };
        let Some(payload_type) = payload_type else {
            counts.no_common_codec += 1;
            return;
        };
        if let (Some(table), Some(sound)) = (table, packet.get_mut(heard.payload.clone())) {
            convert(sound, table);
        }
        let Some(header) = self.outgoing.relayed(&heard.header, payload_type, heard.payload.len(), now, clock_hz)
        else {
            counts.out_of_sequence += 1;
            return;
        };
        if let Some(written) = header.write_before(packet, &heard.payload) {
            counts.relayed += 1;
            out.rtp(slot, to, written);
        }
    }

    pub(super) fn send_keys(&mut self, slot: Slot, now: Mono, counts: &mut Counts, out: &mut impl Out) {
        let Some(agreement) = self.terms.as_ref().map(|terms| &terms.agreement) else { return };
        let (ptime_ms, clock_hz) = (agreement.ptime_ms, agreement.send.0.clock_hz());
        let Some(payload_type) = agreement.dtmf else { return };
        while let Some(key) = self.keys_out.on_deadline(ptime_ms, clock_hz, now) {
            let Some((_, to)) = self.send_to() else {
                counts.keys_unsent += u64::from(key.first);
                continue;
            };
            let header = self.outgoing.key(payload_type, key.first, key.ticks, now, clock_hz);
            let mut packet = [0; HEADER_BYTES + 4];
            let (head, body) = packet.split_at_mut(HEADER_BYTES);
            head.copy_from_slice(&header.to_bytes());
            body.copy_from_slice(&key.payload);
            out.rtp(slot, to, &packet);
        }
    }

    pub(super) fn send_played(
        &mut self,
        slot: Slot,
        now: Mono,
        library: &Library,
        counts: &mut Counts,
        out: &mut impl Out,
    ) {
        let Some(terms) = &self.terms else { return };
        let ((codec, payload_type), ptime_ms) = (terms.agreement.send, terms.agreement.ptime_ms);
        let (clock_hz, bytes) = (codec.clock_hz(), usize::from(ptime_ms) * BYTES_PER_MS);
        let step = clock_hz / 1000 * u32::from(ptime_ms);
        let to = self.send_to().map(|(_, to)| to).filter(|_| !self.keys_out.is_sending());
        let mut packet = [0; HEADER_BYTES + PLAYED_BYTES_MAX];
        while let Some(playing) = self.playing.as_mut().filter(|p| p.due(ptime_ms).is_some_and(|at| at <= now)) {
            let late = playing.late(ptime_ms, now);
            if late > CATCH_UP_PACKETS {
                // After a stall the sound goes on where it was, and the peer sees the time that passed.
                let skipped = late - CATCH_UP_PACKETS;
                playing.n += skipped;
                counts.skipped += skipped;
                self.outgoing.skip(step.wrapping_mul(skipped as u32));
            }
            playing.n += 1;
            let read_peer = self.unhurried && playing.n.is_multiple_of(UNHURRIED_PACKETS);
            let Some(body) = packet.get_mut(HEADER_BYTES..HEADER_BYTES + bytes) else { return };
            let stepped = playing.player.step(library, codec, body);
            if let Some(to) = to {
                let len = match codec {
                    Codec::Pcma | Codec::Pcmu | Codec::G722 => bytes,
                    Codec::Opus => OPUS_SILENCE.len(),
                    // No silence can be said without an encoder: time passes unheard.
                    Codec::G729 => 0,
                };
                if let Codec::Opus = codec
                    && let Some(start) = body.first_chunk_mut()
                {
                    *start = OPUS_SILENCE;
                }
                if len > 0
                    && let Some(whole) = packet.get_mut(..HEADER_BYTES + len)
                {
                    let header = self.outgoing.own(payload_type, step, len, now, clock_hz);
                    if let Some(head) = whole.first_chunk_mut() {
                        *head = header.to_bytes();
                    }
                    counts.played += 1;
                    out.rtp(slot, to, whole);
                }
            }
            let number = playing.number;
            if stepped.over {
                self.playing = None;
            }
            if stepped.ended {
                out.event(self.leg, MediaEvent::PlayEnded(number));
            }
            if read_peer {
                out.read(slot);
            }
        }
    }

    pub(super) fn report(&mut self, slot: Slot, goodbye: bool, now: Mono, out: &mut impl Out) {
        let Some(terms) = &self.terms else { return };
        let agreement = &terms.agreement;
        let shared = agreement.remote_rtcp == agreement.remote;
        let to = match terms.rtcp_from {
            Some(from) => from,
            None if shared => terms.latch.send_to(),
            None => agreement.remote_rtcp,
        };
        if to.ip().is_unspecified() || to.port() == 0 {
            return;
        }
        let clock_hz = agreement.send.0.clock_hz();
        let sent = self.outgoing.timestamp_at(now, clock_hz).map(|timestamp| Sent {
            ntp: self.reports.ntp(now),
            timestamp,
            packets: self.outgoing.packets() as u32,
            octets: self.outgoing.octets() as u32,
        });
        let block = self.reception.ssrc().zip(self.reception.report()).map(|(ssrc, (highest, fraction_lost))| {
            let (last_report, since_last_report) = self.reports.last_sender(now);
            let lost = i32::try_from(self.reception.lost()).unwrap_or(i32::MAX);
            let jitter = self.reception.jitter();
            Block { ssrc, fraction_lost, lost, highest, jitter, last_report, since_last_report }
        });
        let mut packet = Vec::with_capacity(96);
        Report { ssrc: self.outgoing.ssrc(), sent, block, cname: self.reports.cname(), goodbye }.write(&mut packet);
        if shared {
            out.rtp(slot, to, &packet);
        } else {
            out.rtcp(slot, to, &packet);
        }
    }
}

/// How a codec reaches a peer: its payload type there, and the table that converts it if it must be.
fn passage(codec: Codec, agreement: &StreamAgreement) -> (Option<u8>, Option<&'static [u8; 256]>) {
    let (send, payload_type) = agreement.send;
    if codec == send {
        return (Some(payload_type), None);
    }
    let table = match (codec, send) {
        (Codec::Pcma, Codec::Pcmu) => Some(&A_TO_U),
        (Codec::Pcmu, Codec::Pcma) => Some(&U_TO_A),
        _ => None,
    };
    if table.is_some() {
        return (Some(payload_type), table);
    }
    // Any other codec that the peer named may be sent to it as well (RFC 3264 §6.1), if the clock stays the same.
    let other = agreement.receive.iter().find(|(c, _)| *c == codec && c.clock_hz() == send.clock_hz());
    (other.map(|(_, payload_type)| *payload_type), None)
}
