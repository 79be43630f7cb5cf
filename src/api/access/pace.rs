//! How often somebody may do something: a bucket for each, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets of one generation. Two are kept: who was not seen while so many others were begins again.
const BUCKETS_MAX: usize = 4096;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// One more each.
    pub(super) every: Duration,
    /// At most so many at once. 0: no limit.
    pub(super) burst: u32,
}

impl Turn {
    /// So many a second, twice as many at once; 0: no limit.
    pub(super) fn a_second(rate: u32) -> Turn {
        let every = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
        Turn { every, burst: rate.saturating_mul(2) }
    }
}

/// Buckets by whom they are for: until when each is used up, had everybody come at the pace.
#[derive(Debug)]
pub(super) struct Pace<K> {
    // The younger generation first.
    spent: Mutex<(HashMap<K, Instant>, HashMap<K, Instant>)>,
}

impl<K> Default for Pace<K> {
    fn default() -> Pace<K> {
        Pace { spent: Mutex::new((HashMap::new(), HashMap::new())) }
    }
}

impl<K: Hash + Eq + Clone> Pace<K> {
    /// Takes a turn, or says how long to wait for the next.
    pub(super) fn take(&self, key: K, turn: Turn) -> Result<(), Duration> {
        self.take_at(key, turn, Instant::now())
    }

    fn take_at(&self, key: K, turn: Turn, now: Instant) -> Result<(), Duration> {
        if turn.burst == 0 {
            return Ok(());
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let (young, old) = &mut *spent;
        let known = young.get(&key).or_else(|| old.get(&key)).copied();
        let until = known.map_or(now, |until| until.max(now)) + turn.every;
        let ahead = until.saturating_duration_since(now);
        let room = turn.every * turn.burst;
        if ahead > room {
            return Err(ahead - room);
        }
        if young.len() >= BUCKETS_MAX && !young.contains_key(&key) {
            *old = std::mem::take(young);
        }
        young.insert(key, until);
        Ok(())
    }

    #[cfg(test)]
    fn buckets(&self) -> usize {
        let spent = self.spent.lock().unwrap();
        spent.0.len() + spent.1.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_each_turn() {
        let (pace, now) = (Pace::default(), Instant::now());
        let turn = Turn::a_second(10);
        for n in 0..20 {
            assert_eq!(pace.take_at("anna", turn, now), Ok(()), "{n}");
        }
        assert_eq!(pace.take_at("anna", turn, now), Err(Duration::from_millis(100)));
        assert_eq!(pace.take_at("boris", turn, now), Ok(()), "each has his own");
        let later = now + Duration::from_millis(100);
        assert_eq!(pace.take_at("anna", turn, later), Ok(()));
        assert!(pace.take_at("anna", turn, later).is_err());
        assert_eq!(pace.take_at("anna", Turn::a_second(0), later), Ok(()), "0 is no limit");
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let (pace, now) = (Pace::default(), Instant::now());
        for n in 0..100_000_u32 {
            let _ = pace.take_at(n, Turn::a_second(1), now);
        }
        assert!(pace.buckets() <= 2 * BUCKETS_MAX, "{}", pace.buckets());
    }
}
