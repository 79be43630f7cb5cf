//! Exact amounts: prices as integers at eight decimals, sums as integers over one common denominator, one rounding at
//! the end (spec/tariff.md, S1). No floating point.

use serde::{Deserialize, Serialize};
use turno_base::{Currency, Money};

/// Decimals of a price.
const PRICE_DECIMALS: u32 = 8;
/// Units of a [`Price`] in one unit of currency.
const PRICE_ONE: i64 = 100_000_000;
/// Every slot's `per` divides an hour (S10), so an hour of milliseconds is the common denominator of all sums.
pub(crate) const HOUR_MS: i128 = 3_600_000;
/// Units of a [`Share`] in one.
const SHARE_ONE: i128 = 10_000;
/// Highest price a deck may hold, in units of currency: what keeps a year-long call inside 64 bits at eight decimals.
const PRICE_MAX: i64 = 100_000;

/// A price or fee: `units · 10^-8`, 0..=100,000 in whole units of currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Price(i64);

/// A share such as a tax rate: `units · 10^-4`, 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share(i64);

/// How an amount that lies between two representable ones is stored; acts on the magnitude (S1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// The nearer one, the upper one from the middle on.
    #[default]
    HalfUp,
    /// The nearer one, the even one in the middle.
    HalfEven,
    /// Away from zero.
    Up,
    /// Towards zero.
    Down,
}

impl Rounding {
    /// Parses `half_up`, `half_even`, `up` or `down`.
    pub fn new(text: &str) -> Option<Rounding> {
        Some(match text {
            "half_up" => Rounding::HalfUp,
            "half_even" => Rounding::HalfEven,
            "up" => Rounding::Up,
            "down" => Rounding::Down,
            _ => return None,
        })
    }

    /// `numerator / denominator` as an integer; `denominator` > 0.
    fn divide(self, numerator: i128, denominator: i128) -> i128 {
        let (whole, rest) = (numerator.abs() / denominator, numerator.abs() % denominator);
        let up = match self {
            Rounding::HalfUp => rest * 2 >= denominator,
            Rounding::HalfEven => rest * 2 > denominator || (rest * 2 == denominator && whole % 2 == 1),
            Rounding::Up => rest > 0,
            Rounding::Down => false,
        };
        (whole + i128::from(up)) * numerator.signum()
    }
}

impl Price {
    /// Parses `0.0215` or `0,0215`: at most eight decimals, no sign, at most 100,000.
    pub fn new(text: &str) -> Option<Price> {
        let price = decimal(text, PRICE_DECIMALS)?;
        (price <= PRICE_MAX * PRICE_ONE).then_some(Price(price))
    }
}

impl Share {
    /// Parses `0.21`: at most four decimals, at most 1.
    pub fn new(text: &str) -> Option<Share> {
        decimal(text, 4).filter(|&units| i128::from(units) <= SHARE_ONE).map(Share)
    }
}

/// Digits with at most `decimals` behind a point or comma, scaled by `10^decimals`.
pub(crate) fn decimal(text: &str, decimals: u32) -> Option<i64> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > decimals as usize || !digits(whole) || !digits(part) {
        return None;
    }
    let scaled_part =
        if part.is_empty() { 0 } else { part.parse::<i64>().ok()? * 10_i64.pow(decimals - part.len() as u32) };
    whole.parse::<i64>().ok()?.checked_mul(10_i64.pow(decimals))?.checked_add(scaled_part)
}

/// An exact sum: `numerator / (10^8 · 3,600,000)` units of currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exact(i128);

impl Exact {
    /// A whole fee.
    pub(crate) fn fee(price: Price) -> Exact {
        Exact(i128::from(price.0) * HOUR_MS)
    }

    /// Adds `price` for each `per_ms` of `ms`. `per_ms` divides an hour.
    pub(crate) fn add_time(&mut self, price: Price, per_ms: u64, ms: u64) {
        self.0 += i128::from(price.0) * i128::from(ms) * (HOUR_MS / i128::from(per_ms.max(1)));
    }

    /// Rounded once, at `scale` 0..=8. None if it does not fit 64 bits, which no checked deck reaches.
    pub(crate) fn stored(self, scale: u8, rounding: Rounding, currency: Currency) -> Option<Money> {
        let units = rounding.divide(self.0, HOUR_MS * 10_i128.pow(PRICE_DECIMALS - u32::from(scale.min(8))));
        i64::try_from(units).ok().map(|units| Money { units, scale, currency })
    }

    /// The same with tax on it, rounded once.
    pub(crate) fn stored_with(self, tax: Share, scale: u8, rounding: Rounding, currency: Currency) -> Option<Money> {
        let denominator = HOUR_MS * 10_i128.pow(PRICE_DECIMALS - u32::from(scale.min(8))) * SHARE_ONE;
        let units = rounding.divide(self.0.checked_mul(SHARE_ONE + i128::from(tax.0))?, denominator);
        i64::try_from(units).ok().map(|units| Money { units, scale, currency })
    }
}

/// Splits `total` units by `weights` so that the parts add up to it: largest remainder first, ties to the earlier part
/// (S9.4). Weights that are all zero give everything to the last part; no weights, no parts.
pub fn allocate(total: i64, weights: &[u64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|&w| i128::from(w)).sum();
    if sum == 0 {
        let mut parts = vec![0; weights.len()];
        if let Some(last) = parts.last_mut() {
            *last = total;
        }
        return parts;
    }
    let magnitude = i128::from(total.unsigned_abs());
    let exact = |&weight: &u64| magnitude * i128::from(weight);
    let mut parts: Vec<i128> = weights.iter().map(|w| exact(w) / sum).collect();
    let mut left = magnitude - parts.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(weights.get(at).map_or(0, |w| exact(w) % sum)), at));
    for at in order {
        if left == 0 {
            break;
        }
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
            left -= 1;
        }
    }
    // Every part lies between 0 and the total, so it fits where the total does.
    parts.into_iter().map(|part| (part * i128::from(total.signum())) as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        for (text, units) in [
            ("0.02", Some(2_000_000)),
            ("0,02", Some(2_000_000)),
            ("1", Some(100_000_000)),
            ("0.00000001", Some(1)),
            ("0.000000001", None), // nine decimals
            ("100000", Some(10_000_000_000_000)),
            ("100000.1", None),
            ("-1", None),
            ("", None),
            (".5", None),
            ("1e3", None),
        ] {
            assert_eq!(Price::new(text), units.map(Price), "{text}");
        }
    }

    #[test]
    fn rounding_acts_on_the_magnitude_once() {
        // half_up, half_even, up, down of n / 10
        for (numerator, want) in [
            (25, [3, 2, 3, 2]),
            (35, [4, 4, 4, 3]),
            (21, [2, 2, 3, 2]),
            (-25, [-3, -2, -3, -2]),
            (-20, [-2, -2, -2, -2]),
        ] {
            let modes = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Down];
            assert_eq!(modes.map(|mode| mode.divide(numerator, 10)), want, "{numerator}");
        }
    }

    #[test]
    fn parts_of_an_amount() {
        for (total, weights, parts) in [
            (100, &[1, 2][..], &[33, 67][..]),
            (100, &[1, 1, 1], &[34, 33, 33]), // ties to the earlier
            (-100, &[1, 1, 1], &[-34, -33, -33]),
            (5, &[0, 0], &[0, 5]), // a fee without any time
            (5, &[], &[]),
        ] {
            assert_eq!(allocate(total, weights), parts);
        }
    }

    proptest! {
        #[test]
        fn parts_add_up(total in any::<i64>(), weights in prop::collection::vec(0..u64::MAX / 64, 1..20)) {
            let parts = allocate(total, &weights);
            prop_assert_eq!(parts.iter().map(|&p| i128::from(p)).sum::<i128>(), i128::from(total));
        }
    }
}
