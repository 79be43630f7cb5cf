//! Taking down what a peer says, as 16-bit samples at 8 kHz: for voicemail. The two laws of G.711 and the lower half of G.722's
//! band are understood; what else arrives is silence. The samples go out in pieces of a second, so that a long message needs
//! no more room here than a short one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Codec, Mono, TapeEnd};

use crate::ear::Ear;
use crate::rtp::Header;

/// Samples of a piece: a second.
pub const PIECE_SAMPLES: usize = 8000;
/// A gap in the timestamps up to this is silence that was not sent; a longer one is another stream.
const GAP_SAMPLES_MAX: u32 = 80_000;
/// A packet whose samples are louder than this on average is no silence; of 32,767, about -40 dB.
const LOUD: u32 = 330;

/// What to take down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeRules {
    /// No longer than this.
    pub longest: Duration,
    /// Ended by so much silence.
    pub silence: Duration,
}

/// A recording under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tape {
    rules: TapeRules,
    started: Mono,
    /// When something was heard last.
    loud_at: Mono,
    /// The peer's stream, and the timestamp that follows what was taken of it.
    next: Option<(u32, u32)>,
    samples: u64,
    piece: Vec<i16>,
    /// Has heard what is before `next`.
    ear: Ear,
}

impl Tape {
    pub(crate) fn new(rules: TapeRules, now: Mono) -> Tape {
        Tape { rules, started: now, loud_at: now, next: None, samples: 0, piece: Vec::new(), ear: Ear::default() }
    }

    /// Takes a packet; gives a piece when it is full. A packet that comes too late for its place is left out.
    pub(crate) fn on_packet(&mut self, header: &Header, codec: Codec, payload: &[u8], now: Mono) -> Option<Vec<i16>> {
        if !Ear::knows(codec) {
            return None;
        }
        let gap = match self.next {
            Some((ssrc, next)) if ssrc == header.ssrc => {
                let gap = header.timestamp.wrapping_sub(next);
                if gap > u32::MAX - GAP_SAMPLES_MAX {
                    return None;
                }
                if gap <= GAP_SAMPLES_MAX { gap } else { 0 }
            }
            Some(_) | None => 0,
        };
        if gap > 0 {
            self.ear = Ear::default();
        }
        let unsent = self.room(gap as usize);
        self.piece.extend(std::iter::repeat_n(0, unsent));
        let mut heard = Vec::with_capacity(payload.len());
        self.ear.hear(codec, payload, |sample| heard.push(sample));
        let length = u32::try_from(heard.len()).unwrap_or(u32::MAX);
        self.next = Some((header.ssrc, header.timestamp.wrapping_add(length)));
        heard.truncate(self.room(heard.len()));
        let sum: u32 = heard.iter().map(|sample| u32::from(sample.unsigned_abs())).sum();
        if sum > LOUD.saturating_mul(u32::try_from(heard.len()).unwrap_or(u32::MAX)) {
            self.loud_at = now;
        }
        self.piece.append(&mut heard);
        if self.piece.len() < PIECE_SAMPLES {
            return None;
        }
        Some(self.take())
    }

    /// So many of `wanted` fit within the longest length; they count as taken.
    fn room(&mut self, wanted: usize) -> usize {
        let most = u64::try_from(self.rules.longest.as_millis()).unwrap_or(u64::MAX).saturating_mul(8);
        let fits = wanted.min(usize::try_from(most.saturating_sub(self.samples)).unwrap_or(usize::MAX));
        self.samples += fits as u64;
        fits
    }

    /// Whether it has to end, about once a second.
    pub(crate) fn ends(&self, now: Mono) -> Option<TapeEnd> {
        if now.since(self.started) >= self.rules.longest {
            Some(TapeEnd::Longest)
        } else if now.since(self.loud_at) >= self.rules.silence {
            Some(TapeEnd::Silence)
        } else {
            None
        }
    }

    /// What has not gone out yet.
    pub(crate) fn take(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.piece)
    }

    /// So much was taken down, ms.
    pub(crate) fn length_ms(&self) -> u32 {
        u32::try_from(self.samples / 8).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use ezk_g722::libg722::{Bitrate, encoder::Encoder};

    use super::*;
    use crate::g711::{A_SILENCE, a_encode};

    fn tape() -> Tape {
        let rules = TapeRules { longest: Duration::from_secs(3), silence: Duration::from_secs(2) };
        Tape::new(rules, Mono::from_ms(0))
    }

    fn header(timestamp: u32, ssrc: u32) -> Header {
        Header { marker: false, payload_type: 8, sequence: 0, timestamp, ssrc }
    }

    /// Packets of 20 ms, by timestamp and source; what was taken down of them, in packets: `x` sound, `.` silence.
    fn taken(packets: &[(u32, u32)]) -> String {
        let mut tape = tape();
        let mut all = Vec::new();
        for &(timestamp, ssrc) in packets {
            let packet = [a_encode(8000); 160];
            all.extend(
                tape.on_packet(&header(timestamp, ssrc), Codec::Pcma, &packet, Mono::from_ms(1)).unwrap_or_default(),
            );
        }
        all.extend(tape.take());
        assert_eq!(tape.length_ms() as usize, all.len() / 8);
        all.chunks(160).map(|packet| if packet[0].unsigned_abs() > 1000 { 'x' } else { '.' }).collect()
    }

    #[test]
    fn packets_stand_at_their_time_whatever_order_they_come_in() {
        for (packets, got) in [
            (&[(0, 1), (160, 1), (320, 1)][..], "xxx"),
            (&[(0, 1), (480, 1)], "x..x"),                     // two lost, or not sent
            (&[(0, 1), (320, 1), (160, 1), (480, 1)], "x.xx"), // too late for its place
            (&[(0, 1), (0, 1), (160, 1)], "xx"),               // twice
            (&[(u32::MAX - 159, 1), (0, 1)], "xx"),            // wrapped
            (&[(0, 1), (5_000_000, 1)], "xx"),                 // the sender set its clock anew
            (&[(0, 1), (7, 2)], "xx"),                         // another sender
        ] {
            assert_eq!(taken(packets), got, "{packets:?}");
        }
    }

    #[test]
    fn both_laws_and_g722_are_understood_and_nothing_else() {
        for (codec, byte, heard) in [
            (Codec::Pcma, crate::g711::a_encode(5000), true),
            (Codec::Pcmu, crate::g711::u_encode(5000), true),
            (Codec::Opus, 0x33, false),
            (Codec::G729, 0x33, false),
        ] {
            let mut tape = tape();
            tape.on_packet(&header(0, 1), codec, &[byte; 160], Mono::from_ms(1));
            let samples = tape.take();
            assert_eq!(samples.len() == 160 && samples.iter().all(|s| (*s - 5000).abs() < 200), heard, "{codec:?}");
        }
    }

    /// What G.722 makes of a tone of 1004 Hz whose packets arrive one by one, those of `lost` not at all.
    fn wide(lost: impl Fn(u32) -> bool) -> Vec<i16> {
        use crate::Sound;
        let tone = Sound::tone(16_000, 1004.0, 8_000, 1000).samples;
        let encoded = Encoder::new(Bitrate::Mode1_64000, false, false).encode(&tone);
        let mut tape = tape();
        let mut all = Vec::new();
        for (n, packet) in (0u32..).zip(encoded.chunks(160)).filter(|(n, _)| !lost(*n)) {
            all.extend(tape.on_packet(&header(n * 160, 1), Codec::G722, packet, Mono::from_ms(1)).unwrap_or_default());
        }
        all.extend(tape.take());
        all
    }

    #[test]
    fn a_tone_in_g722_is_taken_down_at_its_level_without_seams_between_its_packets() {
        use crate::Sound;
        let whole = wide(|_| false);
        assert_eq!(whole.len(), 8000);
        let middle = &whole[1600..7200];
        let level = Sound::level_of(middle, 8000, 1004.0);
        assert!((level - 8_000.0).abs() < 400.0, "{level}");
        for other in [50.0, 500.0, 1500.0, 2008.0, 3012.0] {
            assert!(Sound::level_of(middle, 8000, other) < 80.0, "{other}");
        }
        let holes = wide(|n| (20..22).contains(&n));
        assert!(holes[3200..3520].iter().all(|sample| *sample == 0), "what was lost is silence");
        let after = Sound::level_of(&holes[4160..7200], 8000, 1004.0);
        assert!((after - 8_000.0).abs() < 400.0, "and the tone goes on behind it: {after}");
    }

    #[test]
    fn bytes_of_chance_are_taken_down_as_some_sound() {
        let mut seeded = turno_base::Seeded::new(11);
        let rules = TapeRules { longest: Duration::from_secs(3600), silence: Duration::from_secs(3600) };
        let mut tape = Tape::new(rules, Mono::from_ms(0));
        let mut at = 0u32;
        for _ in 0..1000 {
            let length = seeded.below(1400) as usize;
            let noise: Vec<u8> = (0..length).map(|_| seeded.below(256) as u8).collect();
            tape.on_packet(&header(at, 1), Codec::G722, &noise, Mono::from_ms(1));
            at += length as u32;
        }
        assert_eq!(tape.length_ms(), at / 8);
    }

    #[test]
    fn it_ends_after_the_longest_length_and_after_silence_and_takes_no_more_than_that() {
        let mut tape = tape();
        let mut pieces = 0;
        for n in 0..400u32 {
            let piece = tape.on_packet(
                &header(n * 160, 1),
                Codec::Pcma,
                &[a_encode(9000); 160],
                Mono::from_ms(u64::from(n) * 20),
            );
            pieces += piece.map_or(0, |piece| piece.len());
        }
        assert_eq!((pieces + tape.take().len(), tape.length_ms()), (24_000, 3000));
        assert_eq!(tape.ends(Mono::from_ms(2999)), None);
        assert_eq!(tape.ends(Mono::from_ms(3000)), Some(TapeEnd::Longest));

        let mut tape = self::tape();
        tape.on_packet(&header(0, 1), Codec::Pcma, &[a_encode(9000); 160], Mono::from_ms(500));
        for n in 1..100u32 {
            tape.on_packet(&header(n * 160, 1), Codec::Pcma, &[A_SILENCE; 160], Mono::from_ms(500 + u64::from(n) * 20));
        }
        assert_eq!(tape.ends(Mono::from_ms(2499)), None);
        assert_eq!(tape.ends(Mono::from_ms(2500)), Some(TapeEnd::Silence), "counted from the last sound");
    }
}
