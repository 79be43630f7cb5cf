//! Powers of ratios in integers, equal on every machine: the weights of customers and skills.

/// Bits after the point of a logarithm.
const LOG_BITS: u32 = 40;
/// Bits after the point of a mantissa.
const ONE_BITS: u32 = 62;

/// `(base / 1000) ^ (exponent / 1000)` in micro-units, to the nearest. Base 0 gives 0. Errors stay below one in a million.
pub(crate) fn power(base_pm: u64, exponent_pm: u32) -> u64 {
    if base_pm == 0 {
        return 0;
    }
    let log = (log2(base_pm) - log2(1000)) * i128::from(exponent_pm) / 1000;
    exp2_micro(log)
}

/// Logarithm to base 2 of an integer from 1 on, with [`LOG_BITS`] bits after the point: each squaring gives one more.
fn log2(x: u64) -> i128 {
    let whole = x.ilog2();
    let mut mantissa = u128::from(x) << (ONE_BITS - whole.min(ONE_BITS)) >> whole.saturating_sub(ONE_BITS);
    let mut log = i128::from(whole);
    for _ in 0..LOG_BITS {
        mantissa = (mantissa * mantissa) >> ONE_BITS;
        log <<= 1;
        if mantissa >= 2 << ONE_BITS {
            mantissa >>= 1;
            log += 1;
        }
    }
    log
}

/// 2 to the power of such a logarithm, in micro-units: a product of roots of roots of 2.
fn exp2_micro(log: i128) -> u64 {
    let whole = log >> LOG_BITS;
    let mut product = 1u128 << ONE_BITS;
    let mut root = 2u128 << ONE_BITS;
    for bit in (0..LOG_BITS).rev() {
        root = (root << ONE_BITS).isqrt();
        if log >> bit & 1 == 1 {
            product = (product * root) >> ONE_BITS;
        }
    }
    // At most 2^41 for the largest value with the largest exponent.
    let shift = i128::from(ONE_BITS) - whole.clamp(-60, 41);
    let shift = u32::try_from(shift).unwrap_or(0);
    let micro = (product * 1_000_000 + (1 << shift >> 1)) >> shift;
    u64::try_from(micro).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ratios() {
        // base and exponent per mille, micro-units
        for (base, exponent, expected) in [
            (1000, 750, 1_000_000u64),
            (10_000, 750, 5_623_413),
            (4000, 750, 2_828_427),
            (2000, 750, 1_681_793),
            (400, 750, 502_973),
            (300, 750, 405_360),
            (20_000, 750, 9_457_416),
            (1, 750, 5623),
            (0, 750, 0),
            (10_000, 1000, 10_000_000),
            (10_000, 0, 1_000_000),
            (3000, 500, 1_732_051),
            (3000, 2000, 9_000_000),
            (500, 1000, 500_000),
            (1_000_000_000, 750, 31_622_776_602),
            (1_000_000_000, 2000, 1_000_000_000_000_000_000),
        ] {
            let got = power(base, exponent);
            assert!(got.abs_diff(expected) <= 1 + expected / 1_000_000, "{base} {exponent}: {got}, not {expected}");
        }
    }

    #[test]
    fn a_larger_base_never_weighs_less() {
        let mut last = 0;
        for base in (0..30_000).step_by(7) {
            let weight = power(base, 750);
            assert!(weight >= last, "{base}");
            last = weight;
        }
    }
}
