//! A line of waiting items in order, which knows how many stand ahead of any place.
//!
//! Sorted chunks: insert and remove are a binary search and a move inside one chunk; a rank adds up chunk lengths.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::slab::ItemIx;

/// Most places in a chunk before it splits.
const CHUNK_MAX: usize = 128;

/// Where an item stands among those of its class: by virtual entry time, then value, then order of entering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Virtual entry time, µs of [`turno_base::Mono`]; credits may take it below zero.
    pub(crate) v: i64,
    /// Customer's value, per mille.
    pub(crate) value_pm: Reverse<u32>,
    /// Order of entering; unique.
    pub(crate) seq: u64,
    /// Who stands here.
    pub(crate) item: ItemIx,
}

/// Places in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    chunks: Vec<Vec<Place>>,
}

impl Line {
    pub(crate) fn first(&self) -> Option<&Place> {
        self.chunks.first()?.first()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.chunks.iter().flatten()
    }

    /// The chunk that holds `place`, or would.
    fn chunk_of(&self, place: &Place) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| last < place))
    }

    pub(crate) fn contains(&self, place: &Place) -> bool {
        self.chunks.get(self.chunk_of(place)).is_some_and(|chunk| chunk.binary_search(place).is_ok())
    }

    pub(crate) fn insert(&mut self, place: Place) {
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let at = self.chunk_of(&place).min(self.chunks.len() - 1);
        let chunk = &mut self.chunks[at];
        let Err(inside) = chunk.binary_search(&place) else { return };
        chunk.insert(inside, place);
        if chunk.len() > CHUNK_MAX {
            let second = chunk.split_off(CHUNK_MAX / 2);
            self.chunks.insert(at + 1, second);
        }
    }

    /// False if nobody stands there.
    pub(crate) fn remove(&mut self, place: &Place) -> bool {
        let at = self.chunk_of(place);
        let Some(chunk) = self.chunks.get_mut(at) else { return false };
        let Ok(inside) = chunk.binary_search(place) else { return false };
        chunk.remove(inside);
        let left = chunk.len();
        if left == 0 {
            self.chunks.remove(at);
        } else if left < CHUNK_MAX / 4 && self.chunks.get(at + 1).is_some_and(|next| next.len() + left <= CHUNK_MAX / 2)
        {
            let next = self.chunks.remove(at + 1);
            self.chunks[at].extend(next);
        }
        true
    }

    /// How many places at the front satisfy `ahead`, which holds for a front part of the line and for nothing after it.
    pub(crate) fn count_ahead(&self, ahead: impl Fn(&Place) -> bool) -> usize {
        let at = self.chunks.partition_point(|chunk| chunk.last().is_some_and(&ahead));
        let before: usize = self.chunks.iter().take(at).map(Vec::len).sum();
        before + self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(ahead))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_an_ordered_set_that_can_count(steps in proptest::collection::vec((0i64..400, 0u64..4, any::<bool>()), 0..1500)) {
            let (mut line, mut set) = (Line::default(), BTreeSet::new());
            for (v, seq, add) in steps {
                let place = Place { v, value_pm: Reverse(0), seq, item: ItemIx(0) };
                if add {
                    line.insert(place);
                    set.insert(place);
                } else {
                    prop_assert_eq!(line.remove(&place), set.remove(&place));
                }
                prop_assert_eq!(line.contains(&place), set.contains(&place));
                prop_assert_eq!(line.count_ahead(|p| *p < place), set.range(..place).count());
            }
            prop_assert_eq!(line.iter().count(), set.len());
            prop_assert_eq!(line.first(), set.first());
            prop_assert!(line.iter().eq(set.iter()));
        }
    }
}
