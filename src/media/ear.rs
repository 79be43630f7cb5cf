//! What arrives as samples at 8 kHz, for what listens itself: keys as tones, messages. A sample for each byte in all that is
//! understood: the clock of G.722 in RTP is that of 8 kHz (RFC 3551 §4.5.2).

use serde::{Deserialize, Serialize};
use turno_base::Codec;

use crate::g711::{A_TO_LINEAR, U_TO_LINEAR};
use crate::g722::LowBand;

/// Hears one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ear {
    wide: LowBand,
}

impl Ear {
    /// Whether it makes anything of this codec: Opus and G.729 are relayed only.
    pub(crate) fn knows(codec: Codec) -> bool {
        match codec {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => true,
            Codec::Opus | Codec::G729 => false,
        }
    }

    /// The samples of a payload that follows the one before it; none of a codec that it does not know.
    pub(crate) fn hear(&mut self, codec: Codec, payload: &[u8], sample: impl FnMut(i16)) {
        match codec {
            Codec::Pcma => payload.iter().map(|&byte| A_TO_LINEAR[usize::from(byte)]).for_each(sample),
            Codec::Pcmu => payload.iter().map(|&byte| U_TO_LINEAR[usize::from(byte)]).for_each(sample),
            Codec::G722 => payload.iter().map(|&byte| self.wide.sample(byte)).for_each(sample),
            Codec::Opus | Codec::G729 => {}
        }
    }
}
