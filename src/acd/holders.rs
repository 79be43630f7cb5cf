//! Which profiles hold which skill at which level, as sets of bits: a need that nobody had before finds its profiles without a
//! look at each of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::need::Judge;
use crate::slab::{Ix, ProfileIx};

/// A set of profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profiles {
    words: Vec<u64>,
}

/// Profiles by number of skill and the very level at which they hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holders {
    by: BTreeMap<(u32, u8), Profiles>,
}

const BITS: usize = u64::BITS as usize;

impl Profiles {
    pub(crate) fn of(profiles: impl Iterator<Item = ProfileIx>) -> Profiles {
        let mut set = Profiles::default();
        profiles.for_each(|profile| set.insert(profile));
        set
    }

    fn insert(&mut self, profile: ProfileIx) {
        let at = profile.at() / BITS;
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        self.words[at] |= 1 << (profile.at() % BITS);
    }

    fn remove(&mut self, profile: ProfileIx) {
        if let Some(word) = self.words.get_mut(profile.at() / BITS) {
            *word &= !(1 << (profile.at() % BITS));
        }
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Those in both.
    fn and(&self, other: &Profiles) -> Profiles {
        Profiles { words: self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect() }
    }

    /// Those not in the other.
    fn without(&self, other: &Profiles) -> Profiles {
        let other = other.words.iter().copied().chain(std::iter::repeat(0));
        Profiles { words: self.words.iter().zip(other).map(|(a, b)| a & !b).collect() }
    }

    fn add(&mut self, other: &Profiles) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ProfileIx> {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let rest = |word: &u64| Some(word & (word - 1)).filter(|rest| *rest > 0);
            let bits = std::iter::successors(Some(word).filter(|word| *word > 0), rest);
            bits.map(move |bits| ProfileIx::of(at * BITS + bits.trailing_zeros() as usize))
        })
    }
}

impl Holders {
    pub(crate) fn add(&mut self, profile: ProfileIx, levels: &[u8]) {
        for (skill, &level) in (0u32..).zip(levels).filter(|(_, level)| **level > 0) {
            self.by.entry((skill, level)).or_default().insert(profile);
        }
    }

    pub(crate) fn remove(&mut self, profile: ProfileIx, levels: &[u8]) {
        for (skill, &level) in (0u32..).zip(levels).filter(|(_, level)| **level > 0) {
            if let Some(holders) = self.by.get_mut(&(skill, level)) {
                holders.remove(profile);
                if holders.is_empty() {
                    self.by.remove(&(skill, level));
                }
            }
        }
    }

    /// Those of `among` that meet a need by what they hold.
    pub(crate) fn meeting(&self, need: &Judge, among: &Profiles) -> Profiles {
        match need {
            Judge::Anyone => among.clone(),
            Judge::AtLeast { skill, level } => {
                let mut holders = Profiles::default();
                self.by.range((*skill, *level)..=(*skill, u8::MAX)).for_each(|(_, some)| holders.add(some));
                holders.and(among)
            }
            Judge::All(parts) => parts.iter().fold(among.clone(), |left, part| self.meeting(part, &left)),
            Judge::Any(parts) => parts.iter().fold(Profiles::default(), |mut some, part| {
                some.add(&self.meeting(part, among));
                some
            }),
            Judge::Not(part) => among.without(&self.meeting(part, among)),
        }
    }
}
