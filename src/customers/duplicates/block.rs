//! Which pairs are compared at all: those who have one of a few keys in common.

use crate::duplicates::profile::Profile;
use crate::text::sound;

/// Most customers with the same key who are all compared with each other; a key more common than that says too little.
pub const BLOCK_MAX: usize = 40;

/// Kinds of keys, each customer with at most one of a kind.
pub(super) const KINDS: usize = 18;

/// Keys of all customers; 0: none of this kind.
pub(super) struct Blocks {
    keys: Vec<[u64; KINDS]>,
}

impl Blocks {
    pub(super) fn new(profiles: &[Profile]) -> Blocks {
        Blocks { keys: profiles.iter().map(keys).collect() }
    }

    /// Calls `on` with each pair that has a key of this kind in common, and none of a kind before: so each pair comes once.
    /// Gives how many keys were too common.
    pub(super) fn pairs(&mut self, kind: usize, mut on: impl FnMut(u32, u32)) -> u64 {
        let of = |keys: &[u64; KINDS]| keys.get(kind).copied().unwrap_or(0);
        let mut all: Vec<(u64, u32)> = self.keys.iter().zip(0..).map(|(keys, at)| (of(keys), at)).collect();
        all.retain(|(key, _)| *key != 0);
        all.sort_unstable();
        let mut too_common = 0;
        for block in all.chunk_by(|a, b| a.0 == b.0) {
            if block.len() > BLOCK_MAX {
                too_common += 1;
                block.iter().for_each(|&(_, at)| self.clear(kind, at));
                continue;
            }
            for (at, &(_, a)) in block.iter().enumerate() {
                for &(_, b) in block.iter().skip(at + 1) {
                    if !self.met_before(kind, a, b) {
                        on(a, b);
                    }
                }
            }
        }
        too_common
    }

    /// Nobody met by a key that was too common: another must bring them together.
    fn clear(&mut self, kind: usize, at: u32) {
        if let Some(key) = self.keys.get_mut(at as usize).and_then(|keys| keys.get_mut(kind)) {
            *key = 0;
        }
    }

    fn met_before(&self, kind: usize, a: u32, b: u32) -> bool {
        let (Some(a), Some(b)) = (self.keys.get(a as usize), self.keys.get(b as usize)) else { return true };
        a.iter().zip(b).take(kind).any(|(a, b)| *a != 0 && a == b)
    }
}

/// FNV-1a of the parts; none if one is empty.
fn key(kind: usize, parts: &[&str]) -> u64 {
    if parts.iter().any(|part| part.is_empty()) {
        return 0;
    }
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ kind as u64;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash | 1
}

fn keys(of: &Profile) -> [u64; KINDS] {
    let word = |text: &str, at: usize| text.split(' ').nth(at).map(sound).unwrap_or_default();
    let (given, first, second) = (word(&of.given, 0), word(&of.surnames, 0), word(&of.surnames, 1));
    let number = |at: usize| of.numbers.get(at).map(u64::to_string).unwrap_or_default();
    let email = |at: usize| of.emails.get(at).map(|email| &**email).unwrap_or("");
    let id = |at: usize| of.ids().get(at).map(|id| id.text()).unwrap_or("");
    // Sorted, so that names given in the wrong column meet.
    let (low, high) = if given <= first { (&given, &first) } else { (&first, &given) };
    let (low_surname, high_surname) = if first <= second { (&first, &second) } else { (&second, &first) };
    let street = sorted_words(&of.street);
    let more = sorted_words(&of.more);
    let id_start = id(0).get(..4).unwrap_or("");
    let id_end = id(0).get(id(0).len().saturating_sub(4)..).unwrap_or("");
    let month = of.born.get(..6).unwrap_or("");
    let day = of.born.get(4..).unwrap_or("");
    let all: [&[&str]; KINDS] = [
        &[id(0)],
        &[id(1)],
        &[&number(0)],
        &[&number(1)],
        &[email(0)],
        &[&of.born, &first],
        &[&of.born, &given],
        &[low, high, &second],
        &[low, high, month],
        &[low_surname, high_surname, &given],
        &[&of.postcode, &first, &given],
        &[&street, &of.postcode],
        &[&street, &first],
        &[&of.born, &of.postcode],
        &[id_start, &first],
        &[id_end, &given],
        &[&more, &street],
        &[&of.postcode, day],
    ];
    let mut keys = [0; KINDS];
    for (kind, parts) in all.iter().enumerate() {
        keys[kind] = key(kind, parts);
    }
    // With one surname the pair of surnames is no key, but both names together are.
    if second.is_empty() {
        keys[7] = key(7, &[low, high]);
    }
    keys
}

fn sorted_words(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    words.sort_unstable();
    words.join(" ")
}
