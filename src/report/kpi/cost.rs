//! Amounts of reports: whole units, made from sums at the very end, and shared out so that the parts add up.

/// µs of an hour.
const HOUR_US: u128 = 3_600_000_000;

/// Units that a sum of units an hour · µs comes to, the middle up. Sums are rounded here once, never their parts.
pub fn of_hours(unit_us: u128) -> i128 {
    i128::try_from((2 * unit_us + HOUR_US) / (2 * HOUR_US)).unwrap_or(i128::MAX)
}

/// Shares `total` out by `weights`: each gets what is due rounded down, and the units left go to the largest remainders, the
/// first of equal ones. The shares add up to `total`; without any weight the first gets all of it.
pub fn share_out(total: i128, weights: &[u128]) -> Vec<i128> {
    let whole: u128 = weights.iter().sum();
    let amount = total.unsigned_abs();
    if whole == 0 {
        let mut shares = vec![0; weights.len()];
        if let Some(first) = shares.first_mut() {
            *first = total;
        }
        return shares;
    }
    // Quotient and remainder of amount · weight / whole without a product that could overflow.
    let due = |weight: u128| {
        let (each, rest) = (amount / whole, amount % whole);
        let of_rest = rest.checked_mul(weight).map(|product| (product / whole, product % whole));
        let (quotient, remainder) = of_rest.unwrap_or((0, 0));
        (each * weight + quotient, remainder)
    };
    let dues: Vec<(u128, u128)> = weights.iter().map(|&weight| due(weight)).collect();
    let given: u128 = dues.iter().map(|(quotient, _)| quotient).sum();
    let mut order: Vec<usize> = (0..dues.len()).collect();
    order.sort_by_key(|&n| std::cmp::Reverse(dues.get(n).map_or(0, |(_, remainder)| *remainder)));
    let mut left = amount.saturating_sub(given);
    let mut shares: Vec<u128> = dues.into_iter().map(|(quotient, _)| quotient).collect();
    for n in order {
        if left == 0 {
            break;
        }
        if let Some(share) = shares.get_mut(n) {
            *share += 1;
            left -= 1;
        }
    }
    let sign = if total < 0 { -1 } else { 1 };
    shares.into_iter().map(|share| sign * i128::try_from(share).unwrap_or(i128::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_go_down_and_the_rest_to_the_largest_remainders() {
        for (total, weights, shares) in [
            (100, &[1, 1, 1][..], &[34, 33, 33][..]),
            (5, &[3, 3, 1], &[2, 2, 1]),
            (7, &[1, 2], &[2, 5]), // 2.33 and 4.67
            (-100, &[1, 1, 1], &[-34, -33, -33]),
            (9, &[0, 0], &[9, 0]),
            (0, &[4, 5], &[0, 0]),
        ] {
            assert_eq!(share_out(total, weights), shares, "{total} by {weights:?}");
        }
    }

    #[test]
    fn a_cent_a_second_for_an_hour() {
        assert_eq!(of_hours(360_000 * 1_000_000), 100); // 36 an hour at four decimals, one second
        assert_eq!(of_hours(1_800_000_000), 1); // half a unit goes up
        assert_eq!(of_hours(1_799_999_999), 0);
    }

    proptest! {
        #[test]
        fn parts_add_up(total in -1_000_000_000_i64..1_000_000_000, weights in prop::collection::vec(0_u64..u64::MAX / 64, 1..40)) {
            let weights: Vec<u128> = weights.into_iter().map(u128::from).collect();
            let shares = share_out(total.into(), &weights);
            prop_assert_eq!(shares.iter().sum::<i128>(), i128::from(total));
        }
    }
}
