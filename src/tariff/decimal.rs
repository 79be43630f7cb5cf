//! Decimal numbers as people and programs write them, and exact fractions of them. Whole numbers only.

use std::cmp::Ordering;

use crate::amount::Rounding;

/// A decimal number as written, such as `-0.0215`: at most 18 digits before the point and 18 behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    units: i128,
    decimals: u8,
}

/// Most digits behind the point.
const DECIMALS_MAX: usize = 18;
/// Most digits before it.
const WHOLE_MAX: usize = 18;

impl Decimal {
    /// Nothing.
    pub(crate) const ZERO: Decimal = Decimal { units: 0, decimals: 0 };

    /// Parses digits with an optional sign, point and exponent.
    pub fn new(text: &str) -> Option<Decimal> {
        Decimal::plain(text.as_bytes()).or_else(|| Decimal::any(text))
    }

    /// What nearly every number is: a few digits, a sign perhaps, a point perhaps. None: look closer.
    fn plain(text: &[u8]) -> Option<Decimal> {
        let (negative, digits) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, text),
        };
        if digits.is_empty() || digits.len() > DECIMALS_MAX {
            return None;
        }
        let (mut units, mut point) = (0_i64, None);
        for (at, byte) in digits.iter().enumerate() {
            match byte {
                b'0'..=b'9' => units = units * 10 + i64::from(byte - b'0'),
                b'.' if point.is_none() && digits.len() > 1 => point = Some(at),
                _ => return None,
            }
        }
        let decimals = point.map_or(0, |at| digits.len() - at - 1);
        let units = i128::from(if negative { -units } else { units });
        Some(Decimal { units, decimals: u8::try_from(decimals).ok()? })
    }

    fn any(text: &str) -> Option<Decimal> {
        let (sign, magnitude) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match magnitude.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| (-18..=18).contains(e))?),
            None => (magnitude, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let part = if part.len() > DECIMALS_MAX { part.trim_end_matches('0') } else { part };
        if whole.len() + part.len() == 0 || part.len() > DECIMALS_MAX || whole.len() > WHOLE_MAX {
            return None;
        }
        let mut units: i128 = 0;
        for digit in whole.bytes().chain(part.bytes()) {
            units = units * 10 + i128::from(char::from(digit).to_digit(10)?);
        }
        let decimals = part.len() as i32 - exponent;
        if decimals < 0 {
            let scaled = units.checked_mul(10_i128.checked_pow(decimals.unsigned_abs())?)?;
            return Some(Decimal { units: sign * scaled, decimals: 0 });
        }
        Some(Decimal { units: sign * units, decimals: u8::try_from(decimals).ok()? })
    }

    /// How many digits stand behind the point.
    pub fn decimals(self) -> u8 {
        self.decimals
    }

    /// As a whole number of `10^-scale`; none if it lies between two.
    pub fn at(self, scale: u8) -> Option<i128> {
        if scale == self.decimals {
            return Some(self.units);
        }
        if scale > self.decimals {
            return self.units.checked_mul(10_i128.checked_pow(u32::from(scale - self.decimals))?);
        }
        let power = 10_i128.checked_pow(u32::from(self.decimals - scale))?;
        (self.units % power == 0).then_some(self.units / power)
    }

    /// As a fraction.
    pub(crate) fn ratio(self) -> Option<Ratio> {
        Ratio::new(self.units, 10_i128.checked_pow(u32::from(self.decimals))?)
    }
}

/// Writes `units · 10^-scale` with every decimal: `-0.0300`.
pub(crate) fn push(out: &mut String, units: i128, scale: u8) {
    if units < 0 {
        out.push('-');
    }
    // 39 digits, the point and zeros before a small number.
    let mut digits = [b'0'; 64];
    let mut at = digits.len();
    let mut written = 0;
    let mut write = |digit: u8| {
        if written == scale && scale > 0 {
            at -= 1;
            digits[at] = b'.';
        }
        at -= 1;
        digits[at] = b'0' + digit;
        written += 1;
        written
    };
    let mut wide = units.unsigned_abs();
    // A division of 128 bits is a hundred instructions, and hardly any amount needs one.
    while wide > u128::from(u64::MAX) {
        write((wide % 10) as u8);
        wide /= 10;
    }
    let mut rest = wide as u64;
    while write((rest % 10) as u8) <= scale || rest >= 10 {
        rest /= 10;
    }
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or(""));
}

/// An exact fraction in lowest terms, its denominator above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl Ratio {
    /// None if the denominator is not above 0 or the numerator is the least number there is.
    pub(crate) fn new(numerator: i128, denominator: i128) -> Option<Ratio> {
        if denominator <= 0 || numerator == i128::MIN {
            return None;
        }
        let common = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()) as i128;
        Some(Ratio { numerator: numerator / common, denominator: denominator / common })
    }

    /// None if it does not fit 128 bits.
    pub(crate) fn times(self, other: Ratio) -> Option<Ratio> {
        let (left, right) =
            (Ratio::new(self.numerator, other.denominator)?, Ratio::new(other.numerator, self.denominator)?);
        Some(Ratio {
            numerator: left.numerator.checked_mul(right.numerator)?,
            denominator: left.denominator.checked_mul(right.denominator)?,
        })
    }

    /// None if it does not fit 128 bits.
    pub(crate) fn plus(self, other: Ratio) -> Option<Ratio> {
        let common = gcd(self.denominator.unsigned_abs(), other.denominator.unsigned_abs()) as i128;
        let (left, right) = (other.denominator / common, self.denominator / common);
        let numerator = self.numerator.checked_mul(left)?.checked_add(other.numerator.checked_mul(right)?)?;
        Ratio::new(numerator, self.denominator.checked_mul(left)?)
    }

    /// As a whole number of `10^-scale`, rounded once.
    pub(crate) fn rounded(self, scale: u8, rounding: Rounding) -> Option<i128> {
        let scaled = self.times(Ratio::new(10_i128.checked_pow(u32::from(scale))?, 1)?)?;
        // Twice the rest is compared with the denominator.
        (scaled.denominator < i128::MAX / 2).then(|| rounding.divide(scaled.numerator, scaled.denominator))
    }

    /// The greatest whole number not above it.
    pub(crate) fn floor(self) -> i128 {
        self.numerator.div_euclid(self.denominator)
    }

    /// Below 0.
    pub(crate) fn is_negative(self) -> bool {
        self.numerator < 0
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Ratio) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    /// By whole parts, then by the reciprocals of what is left: no product that could overflow.
    fn cmp(&self, other: &Ratio) -> Ordering {
        let (mut left, mut right, mut swapped) = (*self, *other, false);
        loop {
            let by_whole = left.floor().cmp(&right.floor());
            let rest = |r: Ratio| r.numerator.rem_euclid(r.denominator);
            let ordered = match by_whole {
                Ordering::Less | Ordering::Greater => by_whole,
                Ordering::Equal => match (rest(left), rest(right)) {
                    (0, 0) => return Ordering::Equal,
                    (0, _) => Ordering::Less,
                    (_, 0) => Ordering::Greater,
                    (of_left, of_right) => {
                        left = Ratio { numerator: left.denominator, denominator: of_left };
                        right = Ratio { numerator: right.denominator, denominator: of_right };
                        swapped = !swapped;
                        continue;
                    }
                },
            };
            return if swapped { ordered.reverse() } else { ordered };
        }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_decimal_is_what_was_written_and_prints_back() {
        for (text, scale, units, printed) in [
            ("0.02", 4, Some(200), "0.0200"),
            ("-0.5", 2, Some(-50), "-0.50"),
            ("12", 0, Some(12), "12"),
            ("1e-3", 4, Some(10), "0.0010"),
            ("2.5E2", 0, Some(250), "250"),
            (".5", 1, Some(5), "0.5"),
            ("0.0200000000000000000000", 4, Some(200), "0.0200"), // zeros beyond every bound
            ("0.025", 2, None, ""),                               // lies between two
        ] {
            let got = Decimal::new(text).unwrap().at(scale);
            assert_eq!(got, units, "{text}");
            let mut out = String::new();
            if let Some(units) = got {
                push(&mut out, units, scale);
            }
            assert_eq!(out, printed, "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "1,5",
            "0x1",
            "1e99",
            "1.0000000000000000001",
            "1234567890123456789",
            "NaN",
            "1 ",
            "1e-2147483648",
        ] {
            assert_eq!(Decimal::new(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_reading_is_the_thorough_one(text in "-?[0-9.]{0,21}") {
            let quick = Decimal::plain(text.as_bytes());
            prop_assert!(quick.is_none() || quick == Decimal::any(&text), "{quick:?}");
        }

        #[test]
        fn a_number_of_any_size_prints_all_its_digits(units in any::<i128>(), less in 0_u32..127, scale in 0_u8..19) {
            let units = (units >> less).max(-i128::MAX);
            let mut out = String::new();
            push(&mut out, units, scale);
            let digits = format!("{:0>width$}", units.unsigned_abs().to_string(), width = usize::from(scale) + 1);
            let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
            let (sign, point) = (if units < 0 { "-" } else { "" }, if scale > 0 { "." } else { "" });
            prop_assert_eq!(out, format!("{sign}{whole}{point}{part}"));
        }

        #[test]
        fn fractions_compare_and_add_as_their_cross_products(
            a in -5000_i128..5000, b in 1_i128..700, c in -5000_i128..5000, d in 1_i128..700,
        ) {
            let (left, right) = (Ratio::new(a, b).unwrap(), Ratio::new(c, d).unwrap());
            prop_assert_eq!(left.cmp(&right), (a * d).cmp(&(c * b)));
            prop_assert_eq!(left.plus(right), Ratio::new(a * d + c * b, b * d));
            prop_assert_eq!(left.times(right), Ratio::new(a * c, b * d));
        }
    }
}
