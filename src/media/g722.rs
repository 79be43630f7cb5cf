//! The lower half of G.722's band at 64 kbit/s (ITU-T G.722 §3, §4): 8 kHz out of a byte for each sample, for whoever keeps what
//! was said and needs no more than telephones carry. Plain state, so that a session with it can be written down.

use serde::{Deserialize, Serialize};

/// What the six bits of the lower band mean, in steps of the scale.
const FINE: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// What the upper four of them mean: by these both ends adapt, also where the others are lost.
const COARSE: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// How each of these four-bit words moves the logarithm of the scale.
const LOUDER: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// 2048 · 2^(n/32).
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// A decoder. Whatever the bytes, no sum in it leaves 32 bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LowBand {
    /// Logarithm of the scale, 0 to 18,432, and the scale.
    log: i32,
    scale: i32,
    /// What is expected next, and the part of it that the differences foretell.
    expected: i32,
    by_differences: i32,
    /// The last two of what was made of the coarse differences.
    made: [i32; 2],
    partly: [i32; 2],
    poles: [i32; 2],
    differences: [i32; 6],
    zeros: [i32; 6],
}

/// As at the beginning of a stream.
impl Default for LowBand {
    fn default() -> LowBand {
        LowBand {
            log: 0,
            scale: 32,
            expected: 0,
            by_differences: 0,
            made: [0; 2],
            partly: [0; 2],
            poles: [0; 2],
            differences: [0; 6],
            zeros: [0; 6],
        }
    }
}

impl LowBand {
    /// The sample of a byte, at 8 kHz.
    pub(crate) fn sample(&mut self, byte: u8) -> i16 {
        let (fine, coarse) = (usize::from(byte & 0x3f), usize::from(byte >> 2 & 0xf));
        let sample = (self.expected + times(self.scale, FINE[fine])).clamp(-16_384, 16_383) << 1;
        let difference = times(self.scale, COARSE[coarse]);
        self.log = (((self.log * 127) >> 7) + LOUDER[coarse]).clamp(0, 18_432);
        let power = POWERS[(self.log >> 6 & 31) as usize];
        let down = 8 - (self.log >> 11);
        self.scale = (if down < 0 { power << -down } else { power >> down }) << 2;
        self.adapt(difference);
        i16::try_from(sample).expect("twice what lies within 15 bits")
    }

    /// The predictor learns from a difference and foretells the next sample (§3.6).
    fn adapt(&mut self, difference: i32) {
        let alike = |a: i32, b: i32| (a < 0) == (b < 0);
        let made = within(self.expected + difference);
        let partly = within(self.by_differences + difference);
        let turned = within(self.poles[0] << 2);
        let turned = if alike(partly, self.partly[0]) { (-turned).min(32_767) } else { turned };
        let pulled = if alike(partly, self.partly[1]) { 128 } else { -128 };
        let second = ((turned >> 7) + pulled + times(self.poles[1], 32_512)).clamp(-12_288, 12_288);
        let moved = if alike(partly, self.partly[0]) { 192 } else { -192 };
        let most = 15_360 - second;
        let first = within(moved + times(self.poles[0], 32_640)).clamp(-most, most);
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let moved = if alike(before, difference) { step } else { -step };
            *zero = within(moved + times(*zero, 32_640));
        }
        self.poles = [first, second];
        self.made = [made, self.made[0]];
        self.partly = [partly, self.partly[0]];
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        let twice = |of: i32, by: i32| times(by, within(of + of));
        let by_made = within(twice(self.made[0], first) + twice(self.made[1], second));
        let by_differences = self.differences.iter().zip(self.zeros).map(|(of, by)| twice(*of, by)).sum();
        self.by_differences = within(by_differences);
        self.expected = within(by_made + self.by_differences);
    }
}

/// A product of two of which one is in units of 2^-15.
fn times(a: i32, b: i32) -> i32 {
    (a * b) >> 15
}

/// Sixteen bits, as the arithmetic of the recommendation has them.
fn within(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

#[cfg(test)]
mod tests {
    use ezk_g722::libg722::{Bitrate, decoder::Decoder, encoder::Encoder};
    use turno_base::Seeded;

    use super::*;
    use crate::Sound;

    /// Another's decoder, which begins at a scale of 0.
    #[test]
    fn sample_by_sample_it_is_what_another_decoder_makes_of_it() {
        let mut seeded = Seeded::new(7);
        let noise: Vec<u8> = (0..200_000).map(|_| seeded.below(256) as u8).collect();
        let tone =
            Encoder::new(Bitrate::Mode1_64000, false, false).encode(&Sound::tone(16_000, 440.0, 30_000, 1000).samples);
        for bytes in [noise, tone, vec![0; 8000], vec![0xff; 8000], [0x04, 0x24].repeat(4000)] {
            let mut band = LowBand { scale: 0, ..LowBand::default() };
            let ours: Vec<i16> = bytes.iter().map(|&byte| band.sample(byte)).collect();
            assert!(ours == Decoder::new(Bitrate::Mode1_64000, false, true).decode(&bytes));
        }
    }

    #[test]
    fn tones_of_a_telephone_keep_their_level() {
        for (hz, least) in [(300.0, 0.99), (1004.0, 0.99), (2000.0, 0.99), (3000.0, 0.98), (3400.0, 0.93)] {
            let tone = Sound::tone(16_000, hz, 8_000, 1000).samples;
            let mut band = LowBand::default();
            let bytes = Encoder::new(Bitrate::Mode1_64000, false, false).encode(&tone);
            let heard: Vec<i16> = bytes.iter().map(|&byte| band.sample(byte)).collect();
            let level = Sound::level_of(&heard[800..7200], 8000, hz) / 8_000.0;
            assert!((least..1.01).contains(&level), "{hz}: {level}");
        }
    }
}
