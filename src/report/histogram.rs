//! Durations by bucket, mergeable.

use serde::{Deserialize, Serialize};

/// Upper bounds of waits, s.
pub const WAIT_BUCKETS_S: &[u32] = &[1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800];
/// Upper bounds of talk, hold and wrap-up, s.
pub const WORK_BUCKETS_S: &[u32] = &[1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800, 3600];

/// Which bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// [`WAIT_BUCKETS_S`].
    Wait,
    /// [`WORK_BUCKETS_S`].
    Work,
}

impl Scale {
    /// The upper bounds, s; beyond the last one there is one more bucket.
    pub const fn bounds_s(self) -> &'static [u32] {
        match self {
            Scale::Wait => WAIT_BUCKETS_S,
            Scale::Work => WORK_BUCKETS_S,
        }
    }
}

/// How many durations fell where, and their sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    scale: Scale,
    /// Per bucket, not cumulative; the last one is above every bound.
    counts: Vec<u64>,
    sum_ms: u64,
}

impl Histogram {
    /// Empty.
    pub fn new(scale: Scale) -> Histogram {
        Histogram { scale, counts: vec![0; scale.bounds_s().len() + 1], sum_ms: 0 }
    }

    /// Adds one duration; a bound belongs to its bucket.
    pub fn add(&mut self, ms: u64) {
        let bucket = self.scale.bounds_s().partition_point(|&bound| u64::from(bound) * 1000 < ms);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_ms += ms;
    }

    /// Adds all of another of the same scale.
    pub fn merge(&mut self, other: &Histogram) {
        debug_assert_eq!(self.scale, other.scale, "waits do not merge with work");
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum_ms += other.sum_ms;
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum, ms.
    pub fn sum_ms(&self) -> u64 {
        self.sum_ms
    }

    /// Per bucket, the last one above every bound.
    pub fn buckets(&self) -> &[u64] {
        &self.counts
    }

    /// Their mean, ms, the middle up; none if there are none.
    pub fn mean_ms(&self) -> Option<u64> {
        let count = self.count();
        (count > 0).then(|| (self.sum_ms + count / 2) / count)
    }

    /// The bound, s, that at least `percent` of them do not exceed; none if there are none or it lies above every bound.
    pub fn quantile_s(&self, percent: u8) -> Option<u32> {
        let wanted = (self.count() * u64::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        self.scale.bounds_s().get(bucket).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_bucket_whose_bound_it_does_not_exceed() {
        for (ms, bucket) in [(0, 0), (1000, 0), (1001, 1), (20_000, 5), (20_001, 6), (1_800_000, 16), (1_800_001, 17)] {
            let mut waits = Histogram::new(Scale::Wait);
            waits.add(ms);
            assert_eq!(waits.buckets().iter().position(|&count| count == 1), Some(bucket), "{ms}");
        }
    }

    #[test]
    fn mean_and_quantiles_come_from_counts() {
        let mut waits = Histogram::new(Scale::Wait);
        assert_eq!((waits.mean_ms(), waits.quantile_s(50)), (None, None));
        for s in [1, 2, 3, 4, 4000] {
            waits.add(s * 1000);
        }
        assert_eq!((waits.mean_ms(), waits.quantile_s(50), waits.quantile_s(80)), (Some(802_000), Some(5), Some(5)));
        assert_eq!(waits.quantile_s(90), None);
    }
}
