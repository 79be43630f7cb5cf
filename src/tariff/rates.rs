//! Rates: a fee at the answer and what time costs from when on (docs/reference/rating.md, S5, S10).

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::amount::Price;
use crate::code::Code;
use crate::rating::CALL_MS_MAX;

/// A fee at the answer, and what time costs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) setup: Price,
    /// Ascending by `at_ms`, the first at 0.
    pub(crate) slots: Slots,
}

/// Slots of a rate, up to two beside it: so many nearly every rate has, and whoever found the rate has found them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Slots {
    One([Slot; 1]),
    Two([Slot; 2]),
    More(Vec<Slot>),
}

impl From<Vec<Slot>> for Slots {
    fn from(slots: Vec<Slot>) -> Slots {
        match *slots.as_slice() {
            [one] => Slots::One([one]),
            [one, two] => Slots::Two([one, two]),
            _ => Slots::More(slots),
        }
    }
}

impl Deref for Slots {
    type Target = [Slot];

    fn deref(&self) -> &[Slot] {
        match self {
            Slots::One(slots) => slots,
            Slots::Two(slots) => slots,
            Slots::More(slots) => slots,
        }
    }
}

/// From `at_ms` after the answer on, each begun `inc_ms` costs `price · inc_ms / per_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) at_ms: u64,
    pub(crate) price: Price,
    pub(crate) per_ms: u64,
    pub(crate) inc_ms: u64,
}

impl Rate {
    /// Most slots of one rate.
    pub(crate) const SLOTS_MAX: usize = 64;

    /// Refuses what the walk over increments could not do exactly (S10), in the order of the codes there.
    pub(crate) fn check(&self) -> Result<(), Code> {
        let follow = || self.slots.iter().zip(self.slots.iter().skip(1));
        if self.slots.first().is_none_or(|slot| slot.at_ms != 0) {
            return Err(Code::SlotFirstNotZero);
        }
        if follow().any(|(slot, next)| next.at_ms <= slot.at_ms) {
            return Err(Code::SlotOrder);
        }
        if self.slots.iter().any(|slot| slot.inc_ms == 0 || slot.per_ms == 0) {
            return Err(Code::SlotNonpositive);
        }
        if follow().any(|(slot, next)| !(next.at_ms - slot.at_ms).is_multiple_of(slot.inc_ms)) {
            return Err(Code::SlotMisaligned);
        }
        if self.slots.iter().any(|slot| 3_600_000 % slot.per_ms != 0) {
            return Err(Code::SlotPerNotDivisorOfHour);
        }
        let far = |slot: &Slot| slot.at_ms > CALL_MS_MAX || slot.inc_ms > CALL_MS_MAX;
        if self.slots.len() > Rate::SLOTS_MAX || self.slots.iter().any(far) {
            return Err(Code::OutOfBounds);
        }
        Ok(())
    }
}

/// Things of which many are alike, each once.
#[derive(Debug)]
pub(crate) struct Once<T> {
    places: BTreeMap<T, u32>,
}

impl<T> Default for Once<T> {
    fn default() -> Once<T> {
        Once { places: BTreeMap::new() }
    }
}

impl<T: Ord> Once<T> {
    /// Its place among them.
    pub(crate) fn place(&mut self, thing: T) -> u32 {
        // Rules are bounded, and so is what each of them has.
        let next = self.places.len() as u32;
        *self.places.entry(thing).or_insert(next)
    }

    /// All of them, by place.
    pub(crate) fn finish(self) -> Vec<T> {
        let mut all: Vec<(u32, T)> = self.places.into_iter().map(|(thing, at)| (at, thing)).collect();
        all.sort_unstable_by_key(|&(at, _)| at);
        all.into_iter().map(|(_, thing)| thing).collect()
    }
}
