//! The journal: every input in the order in which the engine took it, with its [`Now`] and a hash of what came of it.
//!
//! A ring of segment files, bounded by size and age. Each segment begins with the clock's mark and the engine's state, so
//! that recovery and `turno replay` can begin at any of them. Frames are length, checksum and postcard; a torn tail is cut
//! at the last good frame. Files are readable by their owner only: they hold numbers and credentials.

mod export;
mod recover;
mod replay;
mod segment;
mod transcript;
mod writer;

pub use export::export;
pub use recover::{Recovered, Recovery, recover};
pub use replay::{Replayed, replay};
pub use segment::{Begin, Record, Segment, Turn, frame_input, segments};
pub use transcript::{effect_line, input_line, shorten_numbers};
pub use writer::{JournalSettings, Writer};

use turno_engine::Effect;

/// Changes when the layout of frames or of anything inside them does.
pub const FORMAT: u32 = 3;

/// Hash of a turn's effects, equal on every machine.
pub fn effects_hash(effects: &[Effect], scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    let bytes = postcard::to_extend(effects, std::mem::take(scratch)).expect("plain data in memory always serialises");
    let hash = hash64(&bytes);
    *scratch = bytes;
    hash
}

/// A fast 64-bit hash with a fixed result: eight bytes a step, every step reversible, so that no input is lost before the
/// final avalanche (SplitMix64's). Not for secrets.
pub fn hash64(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9fb2_1c65_1e98_df25;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut state = (bytes.len() as u64).wrapping_mul(K);
    for word in words {
        state = (state ^ u64::from_le_bytes(*word)).wrapping_mul(K).rotate_left(29);
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let mut z = (state ^ u64::from_le_bytes(last)).wrapping_mul(K);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
