//! Prompts from WAV files.

use std::fmt;
use std::path::Path;

use turno_media::{Sound, Unplayable};

/// Why a file is no prompt.
#[derive(Debug)]
pub enum WavFault {
    /// Not there, not readable, or not a WAV file.
    Unreadable(hound::Error),
    /// Not one channel of 16-bit integers at 8 or 16 kHz.
    Format(hound::WavSpec),
    /// Its sound cannot be a prompt.
    Unplayable(Unplayable),
}

impl fmt::Display for WavFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WavFault::Unreadable(error) => write!(f, "{error}; it must be a WAV file that this process may read"),
            WavFault::Format(spec) => {
                let kind = match spec.sample_format {
                    hound::SampleFormat::Int => "integer",
                    hound::SampleFormat::Float => "floating point",
                };
                let (channels, hz, bits) = (spec.channels, spec.sample_rate, spec.bits_per_sample);
                write!(
                    f,
                    "has {channels} channel(s), {hz} Hz, {bits} bit {kind}; prompts are 1 channel, 8000 or 16000 Hz, \
                     16 bit integer: convert it with `sox IN.wav -c 1 -r 16000 -b 16 -e signed OUT.wav`"
                )
            }
            WavFault::Unplayable(why) => write!(f, "is {why}"),
        }
    }
}

impl std::error::Error for WavFault {}

/// Reads a file.
pub(crate) fn load(path: &Path) -> Result<Sound, WavFault> {
    let reader = hound::WavReader::open(path).map_err(WavFault::Unreadable)?;
    let spec = reader.spec();
    let fits = spec.channels == 1
        && spec.bits_per_sample == 16
        && spec.sample_format == hound::SampleFormat::Int
        && matches!(spec.sample_rate, 8_000 | 16_000);
    if !fits {
        return Err(WavFault::Format(spec));
    }
    let samples = reader.into_samples::<i16>().collect::<Result<_, _>>().map_err(WavFault::Unreadable)?;
    Ok(Sound { rate_hz: spec.sample_rate, samples })
}
