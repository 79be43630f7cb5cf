//! How long a call may last on a budget, and how several calls share one (docs/reference/rating.md, S9.1, S9.3).

use turno_base::Wall;

use crate::amount::Exact;
use crate::decimal::{Decimal, Ratio};
use crate::deck::{AtMaximum, Deck, DurationMode, Payer};
use crate::prefix::Key;
use crate::rating::{CALL_MS_MAX, Ruled, counted_ms, ruled};
use crate::walk::Go;

/// The longest a call from `a` to `b` answered then may last so that neither its exact nor its stored net ever goes beyond
/// `budget`: at most `cap_ms`, in ms; 0 if not even its first increment fits or no rule prices it. Increments are atomic: one
/// that has begun is paid whole.
pub fn max_duration_ms(
    deck: &Deck,
    (a, b): (Key, Key),
    answer: Wall,
    payer: Payer,
    budget: Decimal,
    cap_ms: u64,
) -> u64 {
    let Some(budget) = budget.ratio() else { return 0 };
    ruled(deck, a, b, answer, payer).map_or(0, |by| by.longest_ms(budget, cap_ms))
}

impl Ruled<'_> {
    pub(crate) fn longest_ms(&self, budget: Ratio, cap_ms: u64) -> u64 {
        let (terms, rule, cap_ms) = (self.terms, self.rule, cap_ms.min(CALL_MS_MAX));
        if budget.is_negative() {
            return 0;
        }
        let Some(most) = Exact::most_within(budget, self.taxed, terms.scale, terms.rounding) else { return 0 };
        if rule.charge_min.is_some_and(|least| Exact::fee(least) > most) {
            return 0;
        }
        let limit = match (rule.charge_max.map(Exact::fee), rule.at_maximum) {
            (Some(max), AtMaximum::Free) if max <= most => None,
            (Some(max), AtMaximum::Disconnect) => Some(max.min(most)),
            (Some(_), AtMaximum::Free) | (None, AtMaximum::Free | AtMaximum::Disconnect) => Some(most),
        };
        let mut total = self.setup();
        if limit.is_some_and(|limit| total > limit) {
            return 0;
        }
        // Where the first increment begins that does not fit.
        let mut beyond_ms = None;
        let d_ms = counted_ms(cap_ms, terms.duration).max(rule.duration_min_ms).max(1);
        self.walk(d_ms, |step| {
            let one = step.cost_of_one();
            let fit = match limit {
                Some(limit) if one > Exact::default() => {
                    u64::try_from((limit.0 - total.0) / one.0).unwrap_or(u64::MAX).min(step.increments)
                }
                Some(_) | None => step.increments,
            };
            if fit < step.increments {
                beyond_ms = Some(step.from_ms + fit * step.slot.inc_ms);
                return Go::Stop;
            }
            total.add(step.cost());
            Go::On
        });
        match beyond_ms {
            None => cap_ms,
            Some(at_ms) if at_ms < rule.duration_min_ms.max(1) => 0,
            Some(at_ms) => longest_counted(at_ms, terms.duration).min(cap_ms),
        }
    }
}

/// The longest elapsed time that counts as `d_ms` at most.
fn longest_counted(d_ms: u64, mode: DurationMode) -> u64 {
    match mode {
        DurationMode::Exact => d_ms,
        DurationMode::Floor => d_ms / 1000 * 1000 + 999,
        DurationMode::HalfUp => d_ms / 1000 * 1000 + 499,
    }
}

/// When each of several calls on one budget is cut, ms on the clock of the answers, and how many increments they got: each call reserves
/// its next increment when that begins, in the order of those instants, ties to the earlier answer, then to the earlier place.
/// `increments` is how many the budget holds, `increment_ms` > 0.
pub fn concurrent(increments: u64, increment_ms: u64, answers_ms: &[u64]) -> Vec<u64> {
    let step = increment_ms.max(1);
    let begun = |until_ms: u64| -> u128 {
        answers_ms.iter().filter(|at| **at < until_ms).map(|at| u128::from((until_ms - at).div_ceil(step))).sum()
    };
    // The latest instant before which the budget holds all that begins.
    let (mut low, mut high) = (0, u64::MAX / 2);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if begun(middle) <= u128::from(increments) { low = middle } else { high = middle }
    }
    let mut left = u128::from(increments) - begun(low).min(u128::from(increments));
    let mut counts: Vec<u64> = answers_ms.iter().map(|at| low.saturating_sub(*at).div_ceil(step)).collect();
    let mut order: Vec<usize> = (0..answers_ms.len()).collect();
    order.sort_by_key(|&at| (answers_ms.get(at).copied(), at));
    for at in order {
        if let (Some(answer), Some(count)) = (answers_ms.get(at), counts.get_mut(at))
            && *answer <= low
            && (low - answer).is_multiple_of(step)
            && left > 0
        {
            *count += 1;
            left -= 1;
        }
    }
    answers_ms.iter().zip(counts).map(|(answer, count)| answer.saturating_add(count.saturating_mul(step))).collect()
}

#[cfg(test)]
mod tests;
