//! Number keys and the longest-prefix map: one binary search, then at most fifteen steps towards shorter prefixes, however
//! many prefixes there are.

use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::E164;

/// Digits of a number or prefix, 0 to 15, in one word: a nibble each from the top, digit + 1, zero behind the last. So the
/// order of the words is the order of the texts, a prefix right before what it begins.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(u64);

impl Key {
    /// The key of hidden and unparseable numbers, and the prefix of every number.
    pub const EMPTY: Key = Key(0);

    /// Parses 0 to 15 digits.
    pub fn new(digits: &str) -> Option<Key> {
        if digits.len() > 15 {
            return None;
        }
        let mut word = 0;
        for (at, digit) in digits.bytes().enumerate() {
            if !digit.is_ascii_digit() {
                return None;
            }
            word |= u64::from(digit - b'0' + 1) << (60 - 4 * at);
        }
        Some(Key(word))
    }

    /// How many digits.
    pub const fn len(self) -> u32 {
        16 - self.0.trailing_zeros() / 4
    }

    /// No digits.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// `number` begins with these digits.
    pub const fn begins(self, number: Key) -> bool {
        let mask = if self.is_empty() { 0 } else { u64::MAX << (64 - 4 * self.len()) };
        number.0 & mask == self.0
    }
}

impl From<E164> for Key {
    fn from(number: E164) -> Key {
        Key::new(number.digits()).unwrap_or(Key::EMPTY)
    }
}

impl From<Option<E164>> for Key {
    fn from(number: Option<E164>) -> Key {
        number.map_or(Key::EMPTY, Key::from)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.len()).try_for_each(|at| write!(f, "{}", (self.0 >> (60 - 4 * at) & 0xf) - 1))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const NO_PARENT: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry<T> {
    /// Where the longest other prefix of this one is.
    parent: u32,
    value: T,
}

/// Values by prefix. The keys lie together: a search among tens of thousands touches few lines of memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixMap<T> {
    keys: Vec<Key>,
    /// One for each key.
    entries: Vec<Entry<T>>,
}

impl<T> Default for PrefixMap<T> {
    fn default() -> PrefixMap<T> {
        PrefixMap { keys: Vec::new(), entries: Vec::new() }
    }
}

impl<T> PrefixMap<T> {
    /// From pairs in ascending order of key without duplicates, such as a `BTreeMap` yields.
    pub fn from_sorted(pairs: impl IntoIterator<Item = (Key, T)>) -> PrefixMap<T> {
        let (mut keys, mut entries): (Vec<Key>, Vec<Entry<T>>) = (Vec::new(), Vec::new());
        let mut open: Vec<(Key, u32)> = Vec::new(); // the chain of prefixes that the next key may continue
        for (key, value) in pairs {
            while open.last().is_some_and(|(longer, _)| !longer.begins(key)) {
                open.pop();
            }
            let parent = open.last().map_or(NO_PARENT, |&(_, at)| at);
            open.push((key, entries.len() as u32));
            keys.push(key);
            entries.push(Entry { parent, value });
        }
        keys.shrink_to_fit();
        entries.shrink_to_fit();
        PrefixMap { keys, entries }
    }

    /// Values of all prefixes of `number`, longest first.
    pub fn longest_first(&self, number: Key) -> impl Iterator<Item = &T> {
        // A prefix of `number` in the map is also a prefix of the greatest key that is not above it.
        let above = self.keys.partition_point(|key| *key <= number);
        let mut at = above.checked_sub(1);
        std::iter::from_fn(move || {
            while let Some((place, key)) = at.and_then(|at| Some((at, self.keys.get(at)?))) {
                let entry = self.entries.get(place)?;
                at = (entry.parent != NO_PARENT).then_some(entry.parent as usize);
                if key.begins(number) {
                    return Some(&entry.value);
                }
            }
            None
        })
    }

    /// All of them, by ascending prefix.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.keys.iter().copied().zip(self.entries.iter().map(|entry| &entry.value))
    }

    /// How many prefixes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// No prefixes.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn keys_order_like_their_texts_and_print_back() {
        let texts = ["", "3", "34", "349", "34900", "35", "4", "999999999999999"];
        let keys: Vec<Key> = texts.iter().map(|t| Key::new(t).unwrap()).collect();
        assert!(keys.is_sorted());
        assert_eq!(keys.iter().map(Key::to_string).collect::<Vec<_>>(), texts);
        assert_eq!(Key::new("1234567890123456"), None);
        assert_eq!(Key::new("+34"), None);
    }

    proptest! {
        #[test]
        fn the_longest_prefix_is_what_a_scan_finds(
            prefixes in prop::collection::btree_set("[0-3]{0,6}", 0..60),
            numbers in prop::collection::vec("[0-3]{0,15}", 1..40),
        ) {
            let map: BTreeMap<Key, String> = prefixes.iter().map(|p| (Key::new(p).unwrap(), p.clone())).collect();
            let map = PrefixMap::from_sorted(map);
            for number in numbers {
                let mut scan: Vec<&String> = prefixes.iter().filter(|p| number.starts_with(p.as_str())).collect();
                scan.sort_by_key(|p| std::cmp::Reverse(p.len()));
                prop_assert_eq!(map.longest_first(Key::new(&number).unwrap()).collect::<Vec<_>>(), scan);
            }
        }
    }
}
