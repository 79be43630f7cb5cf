//! Rates per source: how often something may happen, in one number per source (a virtual scheduling meter), and a
//! bounded table of such meters. Shared by guesses, strangers, SUBSCRIBEs and trunk capacity.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

/// How often something may happen: once every `every`, and up to `burst` at once after a pause.
///
/// In any window of length `w` at most `burst + w / every` pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    every: Duration,
    burst: u32,
}

impl Pace {
    /// `rate` a second with `burst` at once; a rate or burst of 0 counts as 1.
    pub const fn per_second(rate: u32, burst: u32) -> Pace {
        Pace::over(Duration::from_secs(1), rate, burst)
    }

    /// At most `most` in any minute: half of them at once, the others spread.
    pub const fn most_per_minute(most: u32) -> Pace {
        Pace::over(Duration::from_secs(60), most - most / 2, most / 2)
    }

    const fn over(span: Duration, rate: u32, burst: u32) -> Pace {
        let rate = if rate == 0 { 1 } else { rate };
        let burst = if burst == 0 { 1 } else { burst };
        Pace { every: Duration::from_nanos(span.as_nanos() as u64 / rate as u64), burst }
    }

    fn tolerance(self) -> Duration {
        self.every.saturating_mul(self.burst.saturating_sub(1))
    }
}

/// What one source has used of a [`Pace`]: the instant at which it will have used nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    idle_at: Mono,
}

impl Meter {
    /// Whether one more may happen now.
    pub fn has_room(self, pace: Pace, now: Mono) -> bool {
        self.idle_at <= now + pace.tolerance()
    }

    /// Counts one if there is room for it.
    pub fn take(&mut self, pace: Pace, now: Mono) -> bool {
        let room = self.has_room(pace, now);
        if room {
            self.idle_at = self.idle_at.max(now) + pace.every;
        }
        room
    }

    /// When one more may happen; `now` if at once.
    pub fn next_room(self, pace: Pace, now: Mono) -> Mono {
        now.max(self.idle_at - pace.tolerance())
    }
}

/// Meters by source, at most `max` of them. A meter that has recovered is as good as none, so those go first; at the
/// bound the one nearest to recovery makes room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meters<K: Ord> {
    max: u32,
    meters: BTreeMap<K, Meter>,
    by_idle: BTreeSet<(Mono, K)>,
}

impl<K: Ord + Copy> Meters<K> {
    /// An empty table.
    pub const fn new(max: u32) -> Meters<K> {
        Meters { max, meters: BTreeMap::new(), by_idle: BTreeSet::new() }
    }

    /// Whether one more of `key` may happen now.
    pub fn has_room(&self, key: K, pace: Pace, now: Mono) -> bool {
        self.meters.get(&key).copied().unwrap_or_default().has_room(pace, now)
    }

    /// Counts one of `key` if there is room for it.
    pub fn take(&mut self, key: K, pace: Pace, now: Mono) -> bool {
        let before = self.meters.get(&key).copied();
        let mut meter = before.unwrap_or_default();
        if !meter.take(pace, now) {
            return false;
        }
        match before {
            Some(old) => {
                self.by_idle.remove(&(old.idle_at, key));
            }
            None => self.make_room(now),
        }
        self.meters.insert(key, meter);
        self.by_idle.insert((meter.idle_at, key));
        true
    }

    /// Sources known at present.
    pub fn len(&self) -> usize {
        self.meters.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.meters.is_empty()
    }

    // Two recovered meters go for each that comes, so that a table swollen by a flood shrinks afterwards.
    fn make_room(&mut self, now: Mono) {
        for _ in 0..2 {
            match self.by_idle.first().copied() {
                Some((idle_at, key)) if idle_at <= now || self.meters.len() >= self.max as usize => {
                    self.by_idle.remove(&(idle_at, key));
                    self.meters.remove(&key);
                }
                Some(_) | None => return,
            }
        }
    }
}

/// What counts as one source: an IPv4 address, or an IPv6 /64, since whoever has one address of it has them all.
pub fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_then_the_pace() {
        let pace = Pace::per_second(2, 3);
        let mut meter = Meter::default();
        let got: Vec<bool> = [0, 0, 0, 0, 400, 500, 600, 1000, 9000, 9000, 9000, 9000]
            .map(|ms| meter.take(pace, Mono::from_ms(ms)))
            .into();
        let t = true;
        let f = false;
        assert_eq!(got, [t, t, t, f, f, t, f, t, t, t, t, f]);
        assert_eq!(meter.next_room(pace, Mono::from_ms(9000)), Mono::from_ms(9500));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_recovered() {
        let pace = Pace::per_second(1, 2);
        let mut meters = Meters::new(100);
        for n in 0..1000_u32 {
            assert!(meters.take(n, pace, Mono::from_ms(0)));
            assert!(meters.len() <= 100);
        }
        assert_eq!(meters.len(), 100);
        for n in 2000..2060_u32 {
            assert!(meters.take(n, pace, Mono::from_ms(5000)));
        }
        assert_eq!(meters.len(), 60, "the recovered are gone");
    }

    #[test]
    fn a_v6_network_is_one_source() {
        for (address, source) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ] {
            assert_eq!(source_of(address.parse().unwrap()), source.parse::<IpAddr>().unwrap(), "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_window_passes_more_than_burst_and_rate(rate in 1_u32..50, burst in 1_u32..20, gaps in prop::collection::vec(0_u64..300, 1..200)) {
            let pace = Pace::per_second(rate, burst);
            let mut meter = Meter::default();
            let mut at = 0;
            let passed: Vec<u64> = gaps.iter().filter_map(|gap| { at += gap; meter.take(pace, Mono::from_ms(at)).then_some(at) }).collect();
            for (first, &from) in passed.iter().enumerate() {
                let in_window = passed.iter().skip(first).take_while(|&&to| to < from + 1000).count();
                prop_assert!(in_window as u32 <= rate + burst);
            }
        }

        #[test]
        fn at_most_thirty_in_any_minute(gaps in prop::collection::vec(0_u64..5000, 1..300)) {
            let pace = Pace::most_per_minute(30);
            let mut meter = Meter::default();
            let mut at = 0;
            let passed: Vec<u64> = gaps.iter().filter_map(|gap| { at += gap; meter.take(pace, Mono::from_ms(at)).then_some(at) }).collect();
            for (first, &from) in passed.iter().enumerate() {
                prop_assert!(passed.iter().skip(first).take_while(|&&to| to < from + 60_000).count() <= 30);
            }
        }
    }
}
