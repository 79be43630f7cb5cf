//! Which item goes first.
//!
//! 1. Guard: who has waited longer than his segment's `wait_max` is ahead of everybody else, the oldest first.
//! 2. Urgency: `value × g(w)`, with `w` the wait and `T` the segment's target: `g = 1/4 + w/T` up to the target, after it
//!    `5/4 + (w − T)/4T`. A caller worth ten times as much passes ahead; age makes up for it.
//! 3. Equal urgency: the older; of equally old ones the more valuable, then who entered first.
//!
//! Items of one segment differ in age only, and urgency never falls with age: the head of a line of one segment is its
//! best item at any instant, guarded ones stand at its front, and with a single class the order is first in, first out.

use std::cmp::Reverse;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::SegmentRules;
use crate::line::Place;

/// Longer waits count as this, µs (100 days): keeps the products below within 64 bits.
const WAIT_COUNTED_MAX_US: u64 = 100 * 86_400 * 1_000_000;
const MICRO: u64 = 1_000_000;

/// What a segment asks for, in the units of the formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Urgency {
    value_pm: u64,
    target_us: u64,
    /// None: no guard.
    guard_us: Option<u64>,
}

impl From<&SegmentRules> for Urgency {
    fn from(rules: &SegmentRules) -> Urgency {
        let us = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        Urgency {
            value_pm: u64::from(rules.value_pm),
            target_us: us(rules.wait_target).max(1000),
            guard_us: (!rules.wait_max.is_zero()).then(|| us(rules.wait_max)),
        }
    }
}

/// Orders items of all classes at one instant: the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Precedence {
    unguarded: bool,
    /// Equal for all guarded ones, whom age alone orders.
    score: Reverse<i64>,
    place: Place,
}

impl Precedence {
    /// Past the guard of its segment.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.unguarded
    }

    /// Whose it is.
    pub(crate) fn item(&self) -> crate::slab::ItemIx {
        self.place.item
    }
}

/// Where an item of a segment stands at `now_us`.
pub(crate) fn precedence(urgency: &Urgency, place: &Place, now_us: u64) -> Precedence {
    let waited_us = waited_us(place.v, now_us);
    let guarded = urgency.guard_us.is_some_and(|guard| waited_us > guard);
    let score = if guarded { i64::MAX } else { urgency.score(waited_us) };
    Precedence { unguarded: !guarded, score: Reverse(score), place: *place }
}

/// Wait with all credits, µs.
pub(crate) fn waited_us(v: i64, now_us: u64) -> u64 {
    u64::try_from(i128::from(now_us) - i128::from(v)).unwrap_or(0)
}

impl Urgency {
    /// `value × g(w)` in micro-units.
    pub(crate) fn score(&self, waited_us: u64) -> i64 {
        let w = waited_us.min(WAIT_COUNTED_MAX_US);
        let t = self.target_us;
        let g = match w.checked_sub(t) {
            None => MICRO / 4 + w * MICRO / t,
            Some(over) => MICRO + MICRO / 4 + over * MICRO / t / 4,
        };
        i64::try_from(self.value_pm.saturating_mul(g) / 1000).expect("a thousandth of 64 bits fits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::ItemIx;

    fn segment(value_pm: u32, target_s: u64, max_s: u64) -> Urgency {
        Urgency::from(&SegmentRules {
            value_pm,
            wait_target: Duration::from_secs(target_s),
            wait_max: Duration::from_secs(max_s),
        })
    }

    #[test]
    fn urgency_rises_by_value_and_age() {
        // value per mille, target s, waited ms, score in micro-units
        for (value_pm, target_s, waited_ms, score) in [
            (1000, 20, 0, 250_000),
            (1000, 20, 10_000, 750_000),
            (1000, 20, 20_000, 1_250_000),  // both branches meet at the target
            (1000, 20, 100_000, 2_250_000), // past it a quarter as steep
            (10_000, 10, 0, 2_500_000),     // ten times the value, just arrived: as urgent as 120 s over target
            (400, 60, 60_000, 500_000),
            (0, 20, 100_000, 0),
            (1000, 0, 1, 1_250_000),                                // no target given: 1 ms
            (u32::MAX, 0, u64::MAX / 1000, 18_446_744_073_709_551), // the far end is clamped
        ] {
            assert_eq!(
                segment(value_pm, target_s, 0).score(waited_ms * 1000),
                score,
                "{value_pm} {target_s} {waited_ms}"
            );
        }
    }

    #[test]
    fn the_guard_puts_the_oldest_ahead_of_the_dearest() {
        let (dear, cheap) = (segment(10_000, 10, 240), segment(400, 60, 240));
        let place = |v_s: i64, seq| Place { v: v_s * 1_000_000, value_pm: Reverse(0), seq, item: ItemIx(0) };
        let at = |urgency, v_s, seq, now_s: u64| precedence(urgency, &place(v_s, seq), now_s * 1_000_000);
        assert!(at(&dear, 200, 2, 240) < at(&cheap, 0, 1, 240), "not past the guard yet");
        assert!(at(&dear, 200, 2, 241) > at(&cheap, 0, 1, 241), "past it");
        assert!(at(&dear, 0, 1, 300) < at(&cheap, 1, 2, 300), "both past it: by age");
        assert!(at(&cheap, 0, 1, 300) < at(&dear, 1, 2, 300), "both past it: by age, whatever the value");
    }
}
