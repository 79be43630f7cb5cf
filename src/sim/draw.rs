//! Distributions over a seeded stream.

use turno_base::Seeded;

/// A stream of its own for `part` of what `seed` names.
pub(crate) fn stream(seed: u64, part: u64) -> Seeded {
    let mut mixed = Seeded::new(seed ^ part.wrapping_mul(0xd134_2543_de82_ef95));
    Seeded::new(mixed.next_u64())
}

/// Uniform in `(0, 1]`: its logarithm is finite.
pub(crate) fn unit(stream: &mut Seeded) -> f64 {
    ((stream.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
}

/// Exponential with this mean.
pub(crate) fn exponential(stream: &mut Seeded, mean: f64) -> f64 {
    -mean * unit(stream).ln()
}

/// Lognormal with mean 1 and this coefficient of variation.
pub(crate) fn lognormal(stream: &mut Seeded, cv: f64) -> f64 {
    let variance = (1.0 + cv * cv).ln();
    (variance.sqrt() * normal(stream) - variance / 2.0).exp()
}

/// Standard normal, by Box and Muller.
fn normal(stream: &mut Seeded) -> f64 {
    let (radius, turn) = (unit(stream), unit(stream));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
}

/// The index that `share` of the whole, `0..=1`, falls on among `weights`; the last if all are zero.
pub(crate) fn pick(weights: impl Iterator<Item = f64> + Clone, share: f64) -> usize {
    let mut left = share * weights.clone().sum::<f64>();
    let mut last = 0;
    for (at, weight) in weights.enumerate() {
        if weight > 0.0 {
            last = at;
            if left <= weight {
                return at;
            }
            left -= weight;
        }
    }
    last
}

/// Seconds as microseconds; never negative.
pub(crate) fn us(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e6).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_and_spread_that_they_are_asked_for() {
        let mut dice = Seeded::new(7);
        let of = |draw: &mut dyn FnMut() -> f64| {
            let all: Vec<f64> = (0..200_000).map(|_| draw()).collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / all.len() as f64;
            (mean, variance.sqrt() / mean)
        };
        let (mean, cv) = of(&mut || exponential(&mut dice, 180.0));
        assert!((mean - 180.0).abs() < 1.5 && (cv - 1.0).abs() < 0.01, "{mean} {cv}");
        let (mean, cv) = of(&mut || lognormal(&mut dice, 0.8));
        assert!((mean - 1.0).abs() < 0.01 && (cv - 0.8).abs() < 0.02, "{mean} {cv}");
    }

    #[test]
    fn a_share_falls_where_its_weight_is() {
        let weights = [1.0, 0.0, 3.0];
        let picked = |share| pick(weights.iter().copied(), share);
        assert_eq!([picked(0.0), picked(0.25), picked(0.26), picked(1.0)], [0, 0, 2, 2]);
    }
}
