//! Exact amounts: prices as integers at eight decimals, sums as integers over one common denominator, one rounding at
//! the end (docs/reference/rating.md, S1). No floating point.

use serde::{Deserialize, Serialize};
use turno_base::{Currency, Money};

use crate::decimal::{Decimal, Ratio};

/// Decimals of a price.
const PRICE_DECIMALS: u32 = 8;
/// Units of a [`Price`] in one unit of currency.
const PRICE_ONE: i64 = 100_000_000;
/// Every slot's `per` divides an hour (S10), so an hour of milliseconds is the common denominator of all sums.
pub(crate) const HOUR_MS: i128 = 3_600_000;
/// Decimals of a [`Share`].
const SHARE_DECIMALS: u32 = 6;
/// Units of a [`Share`] in one.
const SHARE_ONE: i128 = 1_000_000;
/// Highest price a deck may hold, in units of currency: what keeps a year-long call inside 64 bits at eight decimals.
const PRICE_MAX: i64 = 100_000;
/// Highest fee, minimum and maximum, in units of currency.
const FEE_MAX: i64 = 1_000_000_000;

/// A price or fee: `units · 10^-8`, at most 100,000 (a price of time) or 1,000,000,000 (a fee) in whole units of currency.
/// One that is below 0 pays back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Price(i64);

/// A share such as a tax rate: `units · 10^-6`, 0..=1.
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
    pub(crate) fn divide(self, numerator: i128, denominator: i128) -> i128 {
        // A division of 128 bits is a call of its own: one is enough.
        let whole = numerator.abs() / denominator;
        let rest = numerator.abs() - whole * denominator;
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

    /// A price of time: at most eight decimals, at most 100,000 in magnitude.
    pub(crate) fn of_time(amount: Decimal) -> Option<Price> {
        Price::within(amount, PRICE_MAX)
    }

    /// A fee, minimum or maximum: at most eight decimals, at most 1,000,000,000 in magnitude.
    pub(crate) fn of_fee(amount: Decimal) -> Option<Price> {
        Price::within(amount, FEE_MAX)
    }

    /// What one unit of currency is, in [`Price::units`].
    pub(crate) const ONE: i128 = PRICE_ONE as i128;

    /// As a whole number of `10^-8`.
    pub(crate) fn units(self) -> i128 {
        self.0.into()
    }

    /// Parses a fee such as `20.00`: at most eight decimals, 0 to 1,000,000,000.
    pub fn fee(text: &str) -> Option<Price> {
        Decimal::new(text).and_then(Price::of_fee).filter(|price| price.0 >= 0)
    }

    fn within(amount: Decimal, most: i64) -> Option<Price> {
        let units = i64::try_from(amount.at(PRICE_DECIMALS as u8)?).ok()?;
        (units.unsigned_abs() <= (most * PRICE_ONE).unsigned_abs()).then_some(Price(units))
    }
}

impl Share {
    /// Parses `0.21`: at most six decimals, at most 1.
    pub fn new(text: &str) -> Option<Share> {
        decimal(text, SHARE_DECIMALS).filter(|&units| i128::from(units) <= SHARE_ONE).map(Share)
    }

    /// At most six decimals, 0 to 1.
    pub(crate) fn of(share: Decimal) -> Option<Share> {
        let units = i64::try_from(share.at(SHARE_DECIMALS as u8)?).ok()?;
        (0..=SHARE_ONE).contains(&i128::from(units)).then_some(Share(units))
    }

    /// One and this share, over one.
    fn and_one(self) -> i128 {
        SHARE_ONE + i128::from(self.0)
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
pub(crate) struct Exact(pub(crate) i128);

/// How an [`Exact`] sum of prices becomes net and gross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taxed {
    pub(crate) share: Share,
    /// Prices have the tax in them.
    pub(crate) included: bool,
}

impl Exact {
    /// What one unit of currency is.
    pub(crate) const ONE: i128 = HOUR_MS * PRICE_ONE as i128;

    /// A whole fee.
    pub(crate) fn fee(price: Price) -> Exact {
        Exact(i128::from(price.0) * HOUR_MS)
    }

    /// `price` for each `per_ms` of `ms`. `per_ms` divides an hour.
    pub(crate) fn time(price: Price, per_ms: u64, ms: u64) -> Exact {
        // A year of ms by the ms of an hour fits 64 bits, and a division of 128 would take longer than all the rest.
        Exact(i128::from(price.0) * i128::from(ms * (HOUR_MS as u64 / per_ms.max(1))))
    }

    /// Adds what fits; a sum beyond 128 bits cannot be stored anyhow.
    pub(crate) fn add(&mut self, more: Exact) {
        self.0 = self.0.saturating_add(more.0);
    }

    /// Without tax, rounded once at `scale` 0..=8.
    pub(crate) fn net(self, taxed: Taxed, scale: u8, rounding: Rounding) -> Option<i64> {
        match taxed.included {
            true => self.over(SHARE_ONE, taxed.share.and_one(), scale, rounding),
            false => self.over(1, 1, scale, rounding),
        }
    }

    /// With tax, rounded once at `scale` 0..=8.
    pub(crate) fn gross(self, taxed: Taxed, scale: u8, rounding: Rounding) -> Option<i64> {
        match taxed.included {
            true => self.over(1, 1, scale, rounding),
            false => self.over(taxed.share.and_one(), SHARE_ONE, scale, rounding),
        }
    }

    /// Without tax and without rounding. None if it does not fit.
    pub(crate) fn net_ratio(self, taxed: Taxed) -> Option<Ratio> {
        let of_prices = Ratio::new(self.0, Exact::ONE)?;
        match taxed.included {
            true => of_prices.times(Ratio::new(SHARE_ONE, taxed.share.and_one())?),
            false => Some(of_prices),
        }
    }

    /// The greatest sum whose net is not above `budget`, neither exact nor rounded.
    pub(crate) fn most_within(budget: Ratio, taxed: Taxed, scale: u8, rounding: Rounding) -> Option<Exact> {
        let of_prices = match taxed.included {
            true => budget.times(Ratio::new(taxed.share.and_one(), SHARE_ONE)?)?,
            false => budget,
        };
        let most = of_prices.times(Ratio::new(Exact::ONE, 1)?)?.floor();
        let budget_units = budget.times(Ratio::new(10_i128.pow(u32::from(scale)), 1)?)?.floor();
        let fits =
            |sum: i128| Exact(sum).net(taxed, scale, rounding).is_some_and(|net| i128::from(net) <= budget_units);
        if fits(most) {
            return Some(Exact(most));
        }
        // Rounding moves by less than one unit of the scale, so two units below it surely fit.
        let unit = Exact::ONE / 10_i128.pow(u32::from(scale.min(8)));
        let (mut low, mut high) = (most - 4 * unit, most);
        if !fits(low) {
            return None;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(middle) { low = middle } else { high = middle }
        }
        Some(Exact(low))
    }

    /// This sum times `by / per`, rounded once at `scale`. None if it does not fit 64 bits.
    fn over(self, by: i128, per: i128, scale: u8, rounding: Rounding) -> Option<i64> {
        let denominator = HOUR_MS * 10_i128.pow(PRICE_DECIMALS - u32::from(scale.min(8))) * per;
        i64::try_from(rounding.divide(self.0.checked_mul(by)?, denominator)).ok()
    }
}

/// Units as money.
pub(crate) fn money(units: i64, scale: u8, currency: Currency) -> Money {
    Money { units, scale, currency }
}

/// Splits `total` units by `weights` so that the parts add up to it: largest remainder first, ties to the earlier part
/// (S9.4). Weights that are all zero give everything to the last part; no weights, no parts.
pub fn allocate(total: i64, weights: &[u64]) -> Vec<i64> {
    let weights: Vec<u128> = weights.iter().map(|&weight| weight.into()).collect();
    let parts = allocate_exact(total.into(), &weights).expect("64 bits times 64 bits fit");
    // Every part lies between 0 and the total, so it fits where the total does.
    parts.into_iter().map(|part| part as i64).collect()
}

/// The same for any amounts; none if a product does not fit 128 bits.
pub(crate) fn allocate_exact(total: i128, weights: &[u128]) -> Option<Vec<i128>> {
    let sum = weights.iter().try_fold(0_u128, |sum, &weight| sum.checked_add(weight))?;
    if sum == 0 {
        let last = weights.len().saturating_sub(1);
        return Some((0..weights.len()).map(|at| if at == last { total } else { 0 }).collect());
    }
    let magnitude = total.unsigned_abs();
    let exact: Option<Vec<u128>> = weights.iter().map(|weight| magnitude.checked_mul(*weight)).collect();
    let exact = exact?;
    let mut parts: Vec<u128> = exact.iter().map(|part| part / sum).collect();
    let left = magnitude - parts.iter().sum::<u128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(exact.get(at).map_or(0, |part| part % sum)), at));
    // What is left is less than one unit for each part.
    for at in order.into_iter().take(left as usize) {
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
        }
    }
    Some(parts.into_iter().map(|part| part as i128 * total.signum()).collect())
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
        fn parts_add_up(total in any::<i64>(), weights in prop::collection::vec(any::<u64>(), 1..20)) {
            let parts = allocate(total, &weights);
            prop_assert_eq!(parts.iter().map(|&p| i128::from(p)).sum::<i128>(), i128::from(total));
        }
    }
}
