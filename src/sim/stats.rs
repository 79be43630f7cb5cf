//! Means and differences with 95 % confidence intervals. Days are the units: calls of one day depend on each other.

use serde::{Deserialize, Serialize};

/// An estimate and where the truth lies, 95 times in 100.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Best guess.
    pub mid: f64,
    /// Half the width; infinite if there is but one day.
    pub half: f64,
}

impl Interval {
    /// Lower end.
    pub fn low(self) -> f64 {
        self.mid - self.half
    }

    /// Upper end.
    pub fn high(self) -> f64 {
        self.mid + self.half
    }

    /// Does not contain zero.
    pub fn is_clear(self) -> bool {
        self.mid.abs() > self.half
    }
}

/// The mean over days.
pub fn mean(days: &[f64]) -> Interval {
    let many = days.len() as f64;
    let mid = days.iter().sum::<f64>() / many.max(1.0);
    if days.len() < 2 {
        return Interval { mid, half: f64::INFINITY };
    }
    let variance = days.iter().map(|x| (x - mid) * (x - mid)).sum::<f64>() / (many - 1.0);
    Interval { mid, half: t_975(days.len() - 1) * (variance / many).sqrt() }
}

/// The mean of `days` minus that of `base`, day by day.
///
/// # Panics
/// If the two are not of the same days.
pub fn difference(days: &[f64], base: &[f64]) -> Interval {
    assert_eq!(days.len(), base.len(), "the same days");
    let differences: Vec<f64> = days.iter().zip(base).map(|(x, y)| x - y).collect();
    mean(&differences)
}

/// The mean of `days` ÷ that of `base`, minus 1; by the delta method over paired days. Zero if the base is zero.
///
/// # Panics
/// If the two are not of the same days.
pub fn relative(days: &[f64], base: &[f64]) -> Interval {
    assert_eq!(days.len(), base.len(), "the same days");
    let under = mean(base).mid;
    if under == 0.0 {
        return Interval { mid: 0.0, half: f64::INFINITY };
    }
    let ratio = mean(days).mid / under;
    let residuals: Vec<f64> = days.iter().zip(base).map(|(x, y)| (x - ratio * y) / under).collect();
    Interval { mid: ratio - 1.0, half: mean(&residuals).half }
}

/// Student's t at 97.5 %: tabled where the series is poor, then Cornish and Fisher's expansion.
fn t_975(freedom: usize) -> f64 {
    const FEW: [f64; 6] = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469];
    if let Some(&t) = freedom.checked_sub(1).and_then(|at| FEW.get(at)) {
        return t;
    }
    let (z, n) = (1.959_964_f64, freedom as f64);
    let second = (z.powi(3) + z) / (4.0 * n);
    let third = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n);
    let fourth = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / (384.0 * n.powi(3));
    z + second + third + fourth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_t_is_the_tabled_one() {
        for (freedom, t) in
            [(1, 12.7062), (4, 2.7764), (7, 2.3646), (10, 2.2281), (29, 2.0452), (59, 2.0010), (1000, 1.9623)]
        {
            assert!((t_975(freedom) - t).abs() < 2e-3, "{freedom}: {}", t_975(freedom));
        }
    }

    #[test]
    fn a_mean_knows_how_sure_it_is() {
        let of_four = mean(&[1.0, 2.0, 3.0, 4.0]);
        // Standard deviation 1.291, of the mean 0.6455, t 3.1824.
        assert!((of_four.mid - 2.5).abs() < 1e-12 && (of_four.half - 2.0542).abs() < 1e-3, "{of_four:?}");
        assert!(!mean(&[1.0]).is_clear() && of_four.is_clear());
    }

    #[test]
    fn pairs_take_out_what_both_days_have_in_common() {
        // A good day for one is a good day for the other, a third better.
        let (base, better) = ([90.0, 30.0, 60.0, 120.0], [60.5, 19.9, 39.8, 80.1]);
        let (points, percent) = (difference(&better, &base), relative(&better, &base));
        assert!(percent.is_clear() && (percent.mid + 0.3323).abs() < 1e-3 && percent.half < 0.02, "{percent:?}");
        assert!(points.half > 10.0, "{points:?}");
    }
}
