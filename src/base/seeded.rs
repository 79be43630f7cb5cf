//! Repeatable randomness: ids, tags, branches and tie-breaks come from a seed that is part of the state.

use serde::{Deserialize, Serialize};

/// SplitMix64. Not for secrets: nonces and keys are keyed hashes over entropy that the shell hands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeded {
    state: u64,
}

impl Seeded {
    /// A generator whose whole future is named by `seed`.
    pub const fn new(seed: u64) -> Seeded {
        Seeded { state: seed }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound` (Lemire's multiply-shift; the bias is below 2^-32 for bounds below 2^32); 0 for bound 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A SIP token of 13 characters, 64 bits, for tags, branches and Call-IDs (RFC 3261 §19.3 wants 32 at least).
    pub fn token(&mut self) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut bits = self.next_u64();
        let mut text = String::with_capacity(13);
        for _ in 0..13 {
            text.push(char::from(ALPHABET[(bits & 31) as usize]));
            bits >>= 5;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_future() {
        let (mut a, mut b) = (Seeded::new(42), Seeded::new(42));
        assert_eq!((a.next_u64(), a.token(), a.below(10)), (b.next_u64(), b.token(), b.below(10)));
    }

    #[test]
    fn below_stays_below() {
        let mut seeded = Seeded::new(1);
        for bound in [1, 2, 3, 1000] {
            assert!((0..1000).all(|_| seeded.below(bound) < bound));
        }
        assert_eq!(seeded.below(0), 0);
    }
}
