//! Prompts: loaded once, encoded once per codec, heard by as many as wait.
//!
//! G.711 and G.722 all carry 8 bytes a millisecond, so one encoding is one run of bytes that every listener reads from
//! its own place, in packets of its own size. A thousand waiting callers cost a thousand copies of 160 bytes, and no
//! encoding. A G.722 decoder that joins in the middle adapts within a few milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turno_base::{Codec, PromptId};

use crate::g711::{A_SILENCE, U_SILENCE, a_encode, u_encode};
use crate::limits::PROMPT_S_MAX;
use crate::sound::Sound;

/// Bytes a millisecond of every codec that prompts are encoded in.
pub(crate) const BYTES_PER_MS: usize = 8;

/// Place of a clip in its library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClipId(u32);

/// All sounds that can be played.
#[derive(Debug, Default)]
pub struct Library {
    clips: Vec<Clip>,
    by_name: BTreeMap<PromptId, ClipId>,
    ringback: Option<ClipId>,
    encodings: u64,
}

#[derive(Debug)]
struct Clip {
    sound: Sound,
    /// Length of every encoding, bytes; whole milliseconds.
    len: usize,
    pcma: Option<Vec<u8>>,
    pcmu: Option<Vec<u8>>,
    g722: Option<Vec<u8>>,
}

/// Why a sound cannot be a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplayable {
    /// Not 8000 or 16000 Hz.
    Rate(u32),
    /// No sample.
    Empty,
    /// Longer than [`PROMPT_S_MAX`] seconds.
    TooLong,
}

impl std::fmt::Display for Unplayable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unplayable::Rate(hz) => write!(f, "sampled at {hz} Hz; prompts are 8000 or 16000 Hz"),
            Unplayable::Empty => f.write_str("without a single sample"),
            Unplayable::TooLong => write!(f, "longer than {PROMPT_S_MAX} s"),
        }
    }
}

impl std::error::Error for Unplayable {}

impl Library {
    /// A library with nothing but ringback: 425 Hz, 1.5 s on, 3 s off (Spain; ETSI TS 101 041).
    pub fn new() -> Library {
        let mut library = Library::default();
        let mut sound = Sound::tone(8000, 425.0, 5_000, 1_500);
        sound.samples.extend(Sound::silence(8000, 3_000).samples);
        library.ringback = Some(library.insert(sound));
        library
    }

    /// Adds a prompt, or puts it in the place of the one with its name. Listeners of the old one go on with the new.
    pub fn add(&mut self, name: PromptId, sound: Sound) -> Result<(), Unplayable> {
        if !matches!(sound.rate_hz, 8_000 | 16_000) {
            return Err(Unplayable::Rate(sound.rate_hz));
        }
        if sound.samples.is_empty() {
            return Err(Unplayable::Empty);
        }
        if sound.samples.len() > PROMPT_S_MAX * sound.rate_hz as usize {
            return Err(Unplayable::TooLong);
        }
        match self.by_name.get(&name).and_then(|id| self.clips.get_mut(id.0 as usize)) {
            Some(clip) => *clip = Clip::new(sound),
            None => {
                let id = self.insert(sound);
                self.by_name.insert(name, id);
            }
        }
        Ok(())
    }

    fn insert(&mut self, sound: Sound) -> ClipId {
        let id = ClipId(self.clips.len() as u32);
        self.clips.push(Clip::new(sound));
        id
    }

    pub(crate) fn find(&self, name: PromptId) -> Option<ClipId> {
        self.by_name.get(&name).copied()
    }

    pub(crate) fn ringback(&self) -> Option<ClipId> {
        self.ringback
    }

    /// How often a sound was encoded since the start: once per prompt and codec, however many listen.
    pub fn encodings(&self) -> u64 {
        self.encodings
    }

    /// Bytes of the clip in any encoding; 0 if there is no such clip.
    pub(crate) fn len(&self, id: ClipId) -> usize {
        self.clips.get(id.0 as usize).map_or(0, |clip| clip.len)
    }

    /// Makes sure that the clip is encoded in this codec, if prompts can be.
    pub(crate) fn prepare(&mut self, id: ClipId, codec: Codec) {
        if let Some(clip) = self.clips.get_mut(id.0 as usize) {
            self.encodings += u64::from(clip.prepare(codec));
        }
    }

    /// Copies what is encoded from byte `from` on; gives the count. Nothing if it is not prepared.
    pub(crate) fn copy(&self, id: ClipId, codec: Codec, from: usize, to: &mut [u8]) -> usize {
        let encoded = self.clips.get(id.0 as usize).and_then(|clip| clip.encoded(codec)).unwrap_or_default();
        let rest = encoded.get(from..).unwrap_or_default();
        let count = rest.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        count
    }
}

/// The byte that fills a packet beyond a prompt's end.
pub(crate) const fn silence(codec: Codec) -> Option<u8> {
    match codec {
        Codec::Pcma => Some(A_SILENCE),
        Codec::Pcmu => Some(U_SILENCE),
        // The smallest step up in the low band, the smallest in the high one: a decoder comes to rest on it.
        Codec::G722 => Some(0xfc),
        Codec::Opus | Codec::G729 => None,
    }
}

impl Clip {
    fn new(sound: Sound) -> Clip {
        let per_ms = sound.rate_hz as usize / 1000;
        let len = sound.samples.len().div_ceil(per_ms.max(1)) * BYTES_PER_MS;
        Clip { sound, len, pcma: None, pcmu: None, g722: None }
    }

    fn encoded(&self, codec: Codec) -> Option<&[u8]> {
        match codec {
            Codec::Pcma => self.pcma.as_deref(),
            Codec::Pcmu => self.pcmu.as_deref(),
            Codec::G722 => self.g722.as_deref(),
            Codec::Opus | Codec::G729 => None,
        }
    }

    fn prepare(&mut self, codec: Codec) -> bool {
        let (place, rate_hz) = match codec {
            Codec::Pcma => (&mut self.pcma, 8_000),
            Codec::Pcmu => (&mut self.pcmu, 8_000),
            Codec::G722 => (&mut self.g722, 16_000),
            Codec::Opus | Codec::G729 => return false,
        };
        if place.is_some() {
            return false;
        }
        let mut linear = self.sound.at_rate(rate_hz).samples;
        linear.resize(self.len * (rate_hz as usize / 8_000), 0);
        *place = Some(match codec {
            Codec::Pcma => linear.into_iter().map(a_encode).collect(),
            Codec::Pcmu => linear.into_iter().map(u_encode).collect(),
            Codec::G722 | Codec::Opus | Codec::G729 => encode_g722(&linear),
        });
        true
    }
}

/// G.722 at 64 kbit/s: one byte for two samples at 16 kHz.
fn encode_g722(linear: &[i16]) -> Vec<u8> {
    use ezk_g722::libg722::{Bitrate, encoder::Encoder};
    Encoder::new(Bitrate::Mode1_64000, false, false).encode(linear)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUSIC: &str = "music";

    fn library(sound: Sound) -> (Library, ClipId) {
        let mut library = Library::new();
        let name = PromptId::new(MUSIC).unwrap();
        library.add(name, sound).unwrap();
        let id = library.find(name).unwrap();
        (library, id)
    }

    fn decoded(library: &Library, id: ClipId, codec: Codec) -> Sound {
        let mut bytes = vec![0; library.len(id)];
        assert_eq!(library.copy(id, codec, 0, &mut bytes), bytes.len());
        decode(&bytes, codec)
    }

    pub(crate) fn decode(bytes: &[u8], codec: Codec) -> Sound {
        use crate::g711::{A_TO_LINEAR, U_TO_LINEAR};
        use ezk_g722::libg722::{Bitrate, decoder::Decoder};
        match codec {
            Codec::Pcma => {
                Sound { rate_hz: 8000, samples: bytes.iter().map(|&b| A_TO_LINEAR[usize::from(b)]).collect() }
            }
            Codec::Pcmu => {
                Sound { rate_hz: 8000, samples: bytes.iter().map(|&b| U_TO_LINEAR[usize::from(b)]).collect() }
            }
            Codec::G722 => {
                Sound { rate_hz: 16_000, samples: Decoder::new(Bitrate::Mode1_64000, false, false).decode(bytes) }
            }
            Codec::Opus | Codec::G729 => panic!("relayed only"),
        }
    }

    #[test]
    fn a_tone_keeps_its_frequency_and_level_in_every_codec() {
        for rate_hz in [8_000, 16_000] {
            for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
                let (mut library, id) = library(Sound::tone(rate_hz, 1004.0, 10_000, 1000));
                library.prepare(id, codec);
                let sound = decoded(&library, id, codec);
                let middle = &sound.samples[sound.samples.len() / 4..sound.samples.len() * 3 / 4];
                let level = Sound::level_of(middle, sound.rate_hz, 1004.0);
                assert!((level - 10_000.0).abs() < 500.0, "{codec:?} from {rate_hz}: {level}");
                for other in [700.0, 1500.0, 3000.0] {
                    assert!(Sound::level_of(middle, sound.rate_hz, other) < 150.0, "{codec:?} {other}");
                }
            }
        }
    }

    #[test]
    fn a_prompt_is_encoded_once_per_codec() {
        let (mut library, id) = library(Sound::tone(8_000, 440.0, 1000, 100));
        for _ in 0..1000 {
            for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus, Codec::G729] {
                library.prepare(id, codec);
            }
        }
        assert_eq!(library.encodings(), 3);
    }

    #[test]
    fn odd_lengths_are_filled_with_silence_to_whole_milliseconds() {
        let (mut library, id) = library(Sound { rate_hz: 16_000, samples: vec![5; 17] });
        for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
            library.prepare(id, codec);
            let mut bytes = [0; 32];
            assert_eq!((library.len(id), library.copy(id, codec, 0, &mut bytes)), (16, 16), "{codec:?}");
        }
    }

    #[test]
    fn what_cannot_be_played_says_why() {
        let mut library = Library::new();
        let name = PromptId::new(MUSIC).unwrap();
        for (rate_hz, samples, error) in [
            (44_100, 10, Unplayable::Rate(44_100)),
            (8_000, 0, Unplayable::Empty),
            (8_000, PROMPT_S_MAX * 8_000 + 1, Unplayable::TooLong),
        ] {
            assert_eq!(library.add(name, Sound { rate_hz, samples: vec![0; samples] }), Err(error));
        }
    }

    #[test]
    fn loud_noise_does_not_break_the_wide_band_encoder() {
        let mut seeded = turno_base::Seeded::new(3);
        let noise = (0..32_000).map(|_| if seeded.below(2) == 0 { i16::MIN } else { i16::MAX }).collect();
        let (mut library, id) = library(Sound { rate_hz: 16_000, samples: noise });
        library.prepare(id, Codec::G722);
        assert_eq!(library.copy(id, Codec::G722, 0, &mut [0; 160]), 160);
    }

    #[test]
    fn the_byte_beyond_the_end_sounds_like_nothing() {
        for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
            let heard = decode(&[silence(codec).unwrap(); 800], codec);
            assert!(heard.samples.iter().all(|s| s.unsigned_abs() <= 8), "{codec:?}");
        }
    }
}
