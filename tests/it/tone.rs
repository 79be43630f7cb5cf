//! Pitch and level of what was heard.

use std::f64::consts::TAU;

/// Samples a second of everything measured here.
const RATE: f64 = 8000.0;

/// Amplitude of the part of `samples` that sounds at `hertz` (Goertzel), in units of a sample.
pub(crate) fn amplitude(samples: &[i16], hertz: f64) -> f64 {
    let step = TAU * hertz / RATE;
    let turn = 2.0 * step.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        (last, before) = (f64::from(sample) + turn * last - before, last);
    }
    let power = last * last + before * before - turn * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64
}

/// The root of the mean square.
fn level(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    (sum / samples.len() as f64).sqrt()
}

/// Whether `samples` are a sine of `hertz` and `peak`, within 1 dB, with nothing else louder than 20 dB below it, and not
/// another pitch 3 % away.
pub(crate) fn is_tone(samples: &[i16], hertz: f64, peak: f64) -> Result<(), String> {
    if samples.len() < 4000 {
        return Err(format!("only {} samples", samples.len()));
    }
    let heard = amplitude(samples, hertz);
    let off_db = 20.0 * (heard / peak).log10();
    let whole = level(samples) * std::f64::consts::SQRT_2;
    let beside = amplitude(samples, hertz * 0.97).max(amplitude(samples, hertz * 1.03));
    let rest = (whole * whole - heard * heard).max(0.0).sqrt();
    let said = format!("{hertz} Hz at {heard:.0} ({off_db:+.2} dB), beside it {beside:.0}, the rest {rest:.0}");
    match off_db.abs() < 1.0 && beside < heard / 10.0 && rest < heard / 10.0 {
        true => Ok(()),
        false => Err(said),
    }
}

/// A sine as linear samples.
pub(crate) fn sine(hertz: f64, peak: f64, samples: usize) -> Vec<i16> {
    (0..samples).map(|at| ((TAU * hertz * at as f64 / RATE).sin() * peak) as i16).collect()
}

#[test]
fn a_tone_is_told_from_others_and_from_noise() {
    let tone = sine(1004.0, 8000.0, 8000);
    assert_eq!(is_tone(&tone, 1004.0, 8000.0), Ok(()));
    assert!(is_tone(&tone, 1040.0, 8000.0).is_err(), "another pitch");
    assert!(is_tone(&tone, 1004.0, 6000.0).is_err(), "another level");
    let torn: Vec<i16> = tone.iter().enumerate().map(|(at, &s)| if at % 400 < 80 { 0 } else { s }).collect();
    assert!(is_tone(&torn, 1004.0, 8000.0).is_err(), "holes");
    let mixed: Vec<i16> = tone.iter().zip(sine(440.0, 3000.0, 8000)).map(|(a, b)| a + b).collect();
    assert!(is_tone(&mixed, 1004.0, 8000.0).is_err(), "another tone under it");
}
