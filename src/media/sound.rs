//! Linear sound: resampling between 8 and 16 kHz, tones, and measuring a tone's level (Goertzel).

use std::f32::consts::PI;

/// 16-bit mono sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// 8000 or 16000.
    pub rate_hz: u32,
    /// The samples.
    pub samples: Vec<i16>,
}

/// Half the length of the half-band filter; odd, so that the outermost tap is not zero.
const REACH: usize = 23;

/// Half-band low pass, windowed sinc (Blackman), cut at a quarter of the higher rate; the taps sum to one.
fn half_band() -> [f32; 2 * REACH + 1] {
    let mut taps = [0.0; 2 * REACH + 1];
    for (n, tap) in taps.iter_mut().enumerate() {
        let x = n as f32 - REACH as f32;
        let sinc = if x == 0.0 { 0.5 } else { (PI * x / 2.0).sin() / (PI * x) };
        let phase = PI * (n as f32 + 1.0) / (REACH as f32 + 1.0);
        *tap = sinc * (0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos());
    }
    let sum: f32 = taps.iter().sum();
    taps.map(|tap| tap / sum)
}

fn clamp(value: f32) -> i16 {
    value.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
}

impl Sound {
    /// The same sound at 8000 or 16000 Hz; any other rate leaves it as it is.
    pub fn at_rate(&self, rate_hz: u32) -> Sound {
        let samples = match (self.rate_hz, rate_hz) {
            (16_000, 8_000) => self.halved(),
            (8_000, 16_000) => self.doubled(),
            _ => return self.clone(),
        };
        Sound { rate_hz, samples }
    }

    fn sample(&self, at: usize) -> f32 {
        at.checked_sub(REACH).and_then(|at| self.samples.get(at)).map_or(0.0, |&s| f32::from(s))
    }

    fn halved(&self) -> Vec<i16> {
        let taps = half_band();
        let filtered = |at: usize| taps.iter().enumerate().map(|(n, tap)| tap * self.sample(at + n)).sum::<f32>();
        (0..self.samples.len()).step_by(2).map(|at| clamp(filtered(at))).collect()
    }

    fn doubled(&self) -> Vec<i16> {
        let taps = half_band();
        // Between the samples lie zeros: only every other tap meets a sample, and the gain is two.
        let filtered = |at: usize| {
            let met = taps.iter().enumerate().filter(|(n, _)| (at + n + REACH).is_multiple_of(2));
            met.map(|(n, tap)| {
                let source = (at + n).checked_sub(REACH).map(|from| from / 2);
                2.0 * tap * source.and_then(|s| self.samples.get(s)).map_or(0.0, |&s| f32::from(s))
            })
            .sum::<f32>()
        };
        (0..self.samples.len() * 2).map(|at| clamp(filtered(at))).collect()
    }

    /// A tone of `hz` with its peak at `peak`, for `ms`.
    pub fn tone(rate_hz: u32, hz: f32, peak: i16, ms: u32) -> Sound {
        let step = 2.0 * std::f64::consts::PI * f64::from(hz) / f64::from(rate_hz);
        let count = u64::from(rate_hz) * u64::from(ms) / 1000;
        let samples = (0..count).map(|n| clamp((n as f64 * step).sin() as f32 * f32::from(peak))).collect();
        Sound { rate_hz, samples }
    }

    /// Silence of `ms`.
    pub fn silence(rate_hz: u32, ms: u32) -> Sound {
        Sound { rate_hz, samples: vec![0; (u64::from(rate_hz) * u64::from(ms) / 1000) as usize] }
    }

    /// Peak amplitude of the part of these samples that is a tone of `hz`.
    pub fn level_of(samples: &[i16], rate_hz: u32, hz: f32) -> f32 {
        if samples.is_empty() {
            return 0.0;
        }
        let power = goertzel(samples.iter().map(|&s| f32::from(s)), 2.0 * PI * hz / rate_hz as f32);
        2.0 * power.max(0.0).sqrt() / samples.len() as f32
    }
}

/// Squared magnitude of the samples' component at `angle` radians a sample.
pub(crate) fn goertzel(samples: impl Iterator<Item = f32>, angle: f32) -> f32 {
    let coefficient = 2.0 * angle.cos();
    let (mut s1, mut s2) = (0.0f32, 0.0f32);
    for sample in samples {
        (s1, s2) = (sample + coefficient * s1 - s2, s1);
    }
    s1 * s1 + s2 * s2 - coefficient * s1 * s2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_keeps_tones_and_removes_images() {
        for (from, to, hz, expected) in [
            (16_000, 8_000, 1000.0, 1.0),
            (8_000, 16_000, 1000.0, 1.0),
            (16_000, 8_000, 3000.0, 1.0),
            (8_000, 16_000, 3000.0, 1.0),
            (16_000, 8_000, 5500.0, 0.0), // would fold to 2500 Hz
            (8_000, 8_000, 700.0, 1.0),
        ] {
            let sound = Sound::tone(from, hz, 10_000, 500).at_rate(to);
            assert_eq!(sound.samples.len(), to as usize / 2);
            let middle = &sound.samples[400..sound.samples.len() - 400];
            let heard = if hz < 4000.0 { hz } else { to as f32 - hz };
            let level = Sound::level_of(middle, to, heard) / 10_000.0;
            assert!((level - expected).abs() < 0.03, "{from} to {to}, {hz} Hz: {level}");
        }
        let image = Sound::tone(8_000, 1000.0, 10_000, 500).at_rate(16_000);
        assert!(Sound::level_of(&image.samples, 16_000, 7000.0) < 100.0);
    }

    #[test]
    fn full_scale_does_not_wrap() {
        let square: Vec<i16> = (0..800).map(|n| if n / 8 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let sound = Sound { rate_hz: 8000, samples: square }.at_rate(16_000);
        // Where the square is high for four samples on either side, so is the result.
        assert!(sound.samples.iter().skip(8).step_by(32).take(40).all(|&s| s > 20_000));
    }
}
