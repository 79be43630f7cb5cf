//! Keys as tones in the sound (ITU-T Q.23, Q.24), for peers without telephone-event.
//!
//! Blocks of 102 samples at 8 kHz; a key is the same pair of tones in three blocks running (38 ms, of the 40 that
//! Q.24 demands), and ends with two blocks without it.

use serde::{Deserialize, Serialize};
use turno_base::Codec;

use crate::ear::Ear;
use crate::key::Press;
use crate::sound::goertzel;

const BLOCK: usize = 102;
const LOW_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [&[u8; 4]; 4] = [b"123A", b"456B", b"789C", b"*0#D"];
/// Blocks that make a key, and that end it.
const BLOCKS_ON: u32 = 3;
const BLOCKS_OFF: u32 = 2;
/// Squared amplitude below which a tone is none: -36 dBm0 or so.
const LEAST: f32 = 250.0 * 250.0;
/// Each of the two tones against the others of its group: 8 dB.
const ALONE: f32 = 6.3;
/// How much louder one tone may be than the other: 8 dB the low, 4 dB and a margin for lines the high.
const TWIST: f32 = 6.3;
/// Share of the block's energy that the two tones must be, against speech that happens to hold them.
const PURE: f32 = 0.7;

/// Listens for keys in one stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Inband {
    ear: Ear,
    block: Vec<f32>,
    pressed: Option<u8>,
    candidate: Option<u8>,
    blocks: u32,
    misses: u32,
}

impl Inband {
    /// Takes a payload; gives a press that has ended in it. Opus and G.729 hold no tones that we can hear.
    pub(crate) fn on_payload(&mut self, codec: Codec, payload: &[u8]) -> Option<Press> {
        let (mut ear, mut over) = (std::mem::take(&mut self.ear), None);
        ear.hear(codec, payload, |sample| {
            self.block.push(f32::from(sample));
            if self.block.len() >= BLOCK {
                let heard = tones(&self.block);
                self.block.clear();
                over = self.on_block(heard).or(over.take());
            }
        });
        self.ear = ear;
        over
    }

    fn on_block(&mut self, heard: Option<u8>) -> Option<Press> {
        if let Some(key) = self.pressed {
            if heard == Some(key) {
                self.blocks += 1 + std::mem::take(&mut self.misses);
                return None;
            }
            self.misses += 1;
            if self.misses < BLOCKS_OFF {
                return None;
            }
            let ms = self.blocks * BLOCK as u32 / 8;
            (self.pressed, self.candidate, self.blocks, self.misses) = (None, heard, u32::from(heard.is_some()), 0);
            return Some(Press { key: char::from(key), ms });
        }
        self.blocks =
            if heard.is_some() && heard == self.candidate { self.blocks + 1 } else { u32::from(heard.is_some()) };
        self.candidate = heard;
        if self.blocks >= BLOCKS_ON {
            (self.pressed, self.misses) = (heard, 0);
        }
        None
    }
}

/// The key whose tones this block is.
fn tones(block: &[f32]) -> Option<u8> {
    let energy: f32 = block.iter().map(|s| s * s).sum();
    let len = block.len() as f32;
    // A pair of tones of amplitude a has an energy of a² a sample.
    if energy < LEAST * len {
        return None;
    }
    let power = |hz: f32| goertzel(block.iter().copied(), std::f32::consts::TAU * hz / 8000.0);
    let (low, low_power) = loudest(LOW_HZ.map(power))?;
    let (high, high_power) = loudest(HIGH_HZ.map(power))?;
    let twisted = low_power > high_power * TWIST || high_power > low_power * TWIST;
    // A tone of amplitude a gives (a·len/2)², and its energy is a²·len/2.
    let pure = (low_power + high_power) * 2.0 / len >= PURE * energy;
    if twisted || !pure {
        return None;
    }
    KEYS.get(low).and_then(|row| row.get(high)).copied()
}

/// The loudest of a group, if it stands alone.
fn loudest(group: [f32; 4]) -> Option<(usize, f32)> {
    let (at, most) = group.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let alone = group.iter().enumerate().all(|(other, power)| other == at || power * ALONE < most);
    alone.then_some((at, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::a_encode;
    use turno_base::Seeded;

    fn pair(low: f32, high: f32, ms: usize, low_peak: f32, high_peak: f32) -> Vec<i16> {
        let tone = |hz: f32, n: usize| (std::f32::consts::TAU * hz * n as f32 / 8000.0).sin();
        (0..ms * 8).map(|n| (low_peak * tone(low, n) + high_peak * tone(high, n)) as i16).collect()
    }

    fn keys(samples: &[i16]) -> String {
        let mut inband = Inband::default();
        let payload: Vec<u8> = samples.iter().map(|&s| a_encode(s)).collect();
        payload.chunks(160).filter_map(|p| inband.on_payload(Codec::Pcma, p)).map(|press| press.key).collect()
    }

    #[test]
    fn all_sixteen_keys_are_heard_at_the_lengths_and_levels_of_q24() {
        for (peak, on_ms, off_ms) in [(8000.0, 60, 60), (8000.0, 55, 45), (600.0, 100, 100), (14_000.0, 300, 50)] {
            let mut samples = Vec::new();
            for (low, row) in LOW_HZ.iter().zip(KEYS) {
                for (high, _) in HIGH_HZ.iter().zip(row) {
                    // Q.24: up to 1.5 % beside the nominal frequency is still the key.
                    samples.extend(pair(low * 1.01, high * 0.99, on_ms, peak, peak * 0.8));
                    samples.extend(vec![0; off_ms * 8]);
                }
            }
            assert_eq!(keys(&samples), "123A456B789C*0#D", "{peak} {on_ms}/{off_ms}");
        }
    }

    #[test]
    fn what_is_no_key_is_not_heard_as_one() {
        let mut seeded = Seeded::new(5);
        let noise: Vec<i16> = (0..80_000).map(|_| (seeded.below(20_000) as i32 - 10_000) as i16).collect();
        // A voice: a pitch that glides with eight harmonics.
        let voice: Vec<i16> = (0..80_000)
            .map(|n| {
                let t = n as f32 / 8000.0;
                let pitch = 120.0 + 40.0 * (t * 2.0).sin();
                (1..9).map(|h| 2500.0 / h as f32 * (std::f32::consts::TAU * pitch * h as f32 * t).sin()).sum::<f32>()
                    as i16
            })
            .collect();
        for (name, samples) in [
            ("noise", noise),
            ("voice", voice),
            ("one tone", pair(697.0, 1209.0, 500, 8000.0, 0.0)),
            ("ringback", pair(425.0, 1209.0, 500, 8000.0, 0.0)),
            ("too short", [pair(697.0, 1209.0, 20, 8000.0, 8000.0), vec![0; 800]].concat()),
            ("too quiet", pair(697.0, 1209.0, 500, 30.0, 30.0)),
            ("twisted", [pair(697.0, 1209.0, 500, 10_000.0, 1000.0), vec![0; 800]].concat()),
            ("beside the grid", [pair(730.0, 1209.0, 500, 8000.0, 8000.0), vec![0; 800]].concat()),
        ] {
            assert_eq!(keys(&samples), "", "{name}");
        }
    }

    #[test]
    fn a_gap_of_one_block_is_one_press() {
        let tone = pair(852.0, 1336.0, 60, 8000.0, 8000.0);
        assert_eq!(keys(&[tone.clone(), vec![0; 80], tone, vec![0; 800]].concat()), "8");
    }

    #[test]
    fn keys_are_heard_in_both_laws_and_g722_and_in_nothing_else() {
        use ezk_g722::libg722::{Bitrate, encoder::Encoder};
        let narrow = [pair(770.0, 1336.0, 100, 8000.0, 8000.0), vec![0; 800]].concat();
        let tone = |hz: f32, n: usize| 8000.0 * (std::f32::consts::TAU * hz * n as f32 / 16_000.0).sin();
        let mut wide: Vec<i16> = (0..1600).map(|n| (tone(770.0, n) + tone(1336.0, n)) as i16).collect();
        wide.extend([0; 1600]);
        let wide = Encoder::new(Bitrate::Mode1_64000, false, false).encode(&wide);
        let of_a: Vec<u8> = narrow.iter().map(|&s| a_encode(s)).collect();
        let of_u: Vec<u8> = narrow.iter().map(|&s| crate::g711::u_encode(s)).collect();
        for (codec, bytes, expected) in [
            (Codec::Pcma, &of_a, "5"),
            (Codec::Pcmu, &of_u, "5"),
            (Codec::G722, &wide, "5"),
            (Codec::Opus, &of_a, ""),
            (Codec::G729, &of_a, ""),
        ] {
            let mut inband = Inband::default();
            let heard = bytes.chunks(160).filter_map(|payload| inband.on_payload(codec, payload));
            assert_eq!(heard.map(|press| press.key).collect::<String>(), expected, "{codec:?}");
        }
    }
}
