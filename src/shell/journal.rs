//! The journal: every input in the order in which the engine took it, with its instant and a hash of what came of it.
//!
//! A ring of segment files, bounded by size and age. Each segment begins with the clock's mark and the engine's state, so
//! that recovery and `turno replay` can begin at any of them: a process's first has the state within, those that follow get
//! it beside them, made by a thread that runs the segment before again. Frames are length, checksum and postcard; a torn tail is cut
//! at the last good frame. Files are readable by their owner only: they hold numbers and credentials.

mod carry;
mod export;
mod recover;
mod replay;
mod segment;
mod state_file;
mod transcript;
mod walk;
mod writer;

pub use export::export;
pub use recover::{Recovered, Recovery, recover};
pub use replay::{Replayed, replay};
pub use segment::{Begin, Record, Segment, Turn, frame_input, segments};
pub use transcript::{effect_line, input_line, message_words, shorten_numbers};
pub use walk::{Shown, reaches_back_to, walk, walk_between, walk_until};
pub use writer::{JournalSettings, SEGMENTS_BEHIND_MAX, Writer};

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use turno_engine::Effect;

/// Changes when the layout of frames or of anything inside them does.
pub const FORMAT: u32 = 18;

/// What the journal wants of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// The next segment; its state comes by itself.
    Next,
    /// The next segment with the whole state: nothing before it leads there.
    Whole,
}

/// Where the journal's threads leave their wish and the loop finds it.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Arc<AtomicU8>);

impl Wanted {
    /// Asks; the greater wish counts.
    pub fn ask(&self, wish: Wish) {
        self.0.fetch_max(wish as u8 + 1, Ordering::Relaxed);
    }

    /// The wish, if there is one; it is then granted.
    pub fn take(&self) -> Option<Wish> {
        // Looked at after every turn: a read leaves the line shared.
        if self.0.load(Ordering::Relaxed) == 0 {
            return None;
        }
        match self.0.swap(0, Ordering::Relaxed) {
            0 => None,
            1 => Some(Wish::Next),
            _ => Some(Wish::Whole),
        }
    }
}

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
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words.iter().fold(hash_began(bytes.len()), |state, word| hash_step(state, *word));
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    hash_ended(state, last)
}

/// What [`hash64`] multiplies by.
const K: u64 = 0x9fb2_1c65_1e98_df25;

/// The state of [`hash64`] before the first of so many bytes.
fn hash_began(length: usize) -> u64 {
    (length as u64).wrapping_mul(K)
}

fn hash_step(state: u64, word: [u8; 8]) -> u64 {
    (state ^ u64::from_le_bytes(word)).wrapping_mul(K).rotate_left(29)
}

/// The hash, of the bytes that fill no word and zeros behind them.
fn hash_ended(state: u64, last: [u8; 8]) -> u64 {
    let mut z = (state ^ u64::from_le_bytes(last)).wrapping_mul(K);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
