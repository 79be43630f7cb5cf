//! Which item goes first.
//!
//! 1. Guard: who has waited longer than his segment's `wait_max` is ahead of everybody else, the oldest first.
//! 2. Score: `W x M x K x g(w)`. W is the segment's value to a power below 1; M and K, how fast the agent handles what the
//!    item needs and how scarce that is, come from the tables and are one factor for a group and a profile; g is urgency, with
//!    `w` the wait and `T` the segment's target: `1/4 + w/T` up to the target, after it `5/4 + (w - T)/4T`. A caller worth ten
//!    times as much passes ahead; age makes up for it.
//! 3. Equal score: the older; of equally old ones the more valuable, then who entered first.
//!
//! Items of one segment in one group differ in age only, and urgency never falls with age: the head of a line of one segment
//! is its best item at any instant, guarded ones stand at its front, and with a single class the order is first in, first out.

use std::cmp::Reverse;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Rule, SegmentRules};
use crate::line::Place;
use crate::matching::power;

/// Longer waits count as this, µs (100 days): keeps the products below within 64 bits.
const WAIT_COUNTED_MAX_US: u64 = 100 * 86_400 * 1_000_000;
const MICRO: u64 = 1_000_000;

/// The factor of an average skill handled in the reference time, micro-units.
pub(crate) const NEUTRAL: u64 = MICRO;

/// What a segment asks for, in the units of the formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Urgency {
    /// W, micro-units.
    pub(crate) weight: u64,
    /// Root of the value, thousandths: how much fit counts.
    pub(crate) root_milli: i64,
    target_us: u64,
    /// None: no guard.
    guard_us: Option<u64>,
    /// Of the highest value configured.
    pub(crate) is_top: bool,
}

impl Urgency {
    /// `top_pm`: the highest value configured, per mille.
    pub(crate) fn new(rules: &SegmentRules, rule: &Rule, top_pm: u32) -> Urgency {
        let us = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        let value_pm = u64::from(rules.value_pm);
        Urgency {
            weight: power(value_pm, rule.value_exponent_pm),
            root_milli: i64::try_from((value_pm * 1000).isqrt()).unwrap_or(i64::MAX),
            target_us: us(rules.wait_target).max(1000),
            guard_us: (!rules.wait_max.is_zero()).then(|| us(rules.wait_max)),
            is_top: rules.value_pm == top_pm,
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

/// Where an item of a segment stands at `now_us`, with this factor for M and K.
pub(crate) fn precedence(urgency: &Urgency, factor: u64, place: &Place, now_us: u64) -> Precedence {
    let waited_us = waited_us(place.v, now_us);
    let guarded = urgency.is_guarded(waited_us);
    let score = if guarded { i64::MAX } else { urgency.score(factor, waited_us) };
    Precedence { unguarded: !guarded, score: Reverse(score), place: *place }
}

/// Wait with all credits, µs.
pub(crate) fn waited_us(v: i64, now_us: u64) -> u64 {
    u64::try_from(i128::from(now_us) - i128::from(v)).unwrap_or(0)
}

impl Urgency {
    /// Past the guard.
    pub(crate) fn is_guarded(&self, waited_us: u64) -> bool {
        self.guard_us.is_some_and(|guard| waited_us > guard)
    }

    /// Served also by agents who are kept in reserve: of top value, or past half the target.
    pub(crate) fn passes_reserve(&self, waited_us: u64) -> bool {
        self.is_top || waited_us >= self.reserve_wait_us()
    }

    /// When an item of this virtual entry time passes reserves, µs.
    pub(crate) fn passes_reserve_at(&self, v: i64) -> u64 {
        u64::try_from(v.saturating_add_unsigned(self.reserve_wait_us())).unwrap_or(0)
    }

    /// Whom the guard lets pass, passes.
    fn reserve_wait_us(&self) -> u64 {
        self.guard_us.unwrap_or(u64::MAX).min(self.target_us / 2)
    }

    /// `g(w)`, micro-units.
    pub(crate) fn growth(&self, waited_us: u64) -> u64 {
        let w = waited_us.min(WAIT_COUNTED_MAX_US);
        let t = self.target_us;
        match w.checked_sub(t) {
            None => MICRO / 4 + w * MICRO / t,
            Some(over) => MICRO + MICRO / 4 + over * MICRO / t / 4,
        }
    }

    /// `W x M x K x g(w)`, micro-units.
    pub(crate) fn score(&self, factor: u64, waited_us: u64) -> i64 {
        let pull = self.weight.saturating_mul(factor) / MICRO;
        let g = self.growth(waited_us);
        match pull.checked_mul(g) {
            Some(product) => i64::try_from(product / MICRO).unwrap_or(i64::MAX),
            None => {
                let product = u128::from(pull) * u128::from(g) / u128::from(MICRO);
                i64::try_from(product).unwrap_or(i64::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::ItemIx;

    /// With weights that are values.
    fn segment(value_pm: u32, target_s: u64, max_s: u64) -> Urgency {
        let rules =
            SegmentRules { value_pm, wait_target: Duration::from_secs(target_s), wait_max: Duration::from_secs(max_s) };
        Urgency::new(&rules, &Rule { value_exponent_pm: 1000, ..Rule::default() }, 0)
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
            (1000, 0, 1, 1_250_000),                  // no target given: 1 ms
            (u32::MAX, 0, u64::MAX / 1000, i64::MAX), // the far end is clamped
        ] {
            assert_eq!(
                segment(value_pm, target_s, 0).score(NEUTRAL, waited_ms * 1000),
                score,
                "{value_pm} {target_s} {waited_ms}"
            );
        }
    }

    #[test]
    fn the_factor_of_the_tables_multiplies() {
        let gold = segment(4000, 20, 0);
        assert_eq!(gold.score(1_400_000, 20_000_000), 7_000_000);
        assert_eq!(gold.score(350_000, 20_000_000), 1_750_000);
        assert_eq!(gold.score(0, 20_000_000), 0);
    }

    #[test]
    fn half_the_target_passes_reserves() {
        let plain = segment(1000, 20, 0);
        assert!(!plain.passes_reserve(9_999_999) && plain.passes_reserve(10_000_000));
        assert_eq!(plain.passes_reserve_at(5_000_000), 15_000_000);
        let strict = segment(1000, 20, 4);
        assert!(strict.passes_reserve(4_000_000), "whom the guard lets pass, passes");
        assert_eq!(strict.passes_reserve_at(-1_000_000), 3_000_000);
    }

    #[test]
    fn the_guard_puts_the_oldest_ahead_of_the_dearest() {
        let (dear, cheap) = (segment(10_000, 10, 240), segment(400, 60, 240));
        let place = |v_s: i64, seq| Place { v: v_s * 1_000_000, value_pm: Reverse(0), seq, item: ItemIx(0) };
        let at = |urgency, v_s, seq, now_s: u64| precedence(urgency, NEUTRAL, &place(v_s, seq), now_s * 1_000_000);
        assert!(at(&dear, 200, 2, 240) < at(&cheap, 0, 1, 240), "not past the guard yet");
        assert!(at(&dear, 200, 2, 241) > at(&cheap, 0, 1, 241), "past it");
        assert!(at(&dear, 0, 1, 300) < at(&cheap, 1, 2, 300), "both past it: by age");
        assert!(at(&cheap, 0, 1, 300) < at(&dear, 1, 2, 300), "both past it: by age, whatever the value");
    }
}
