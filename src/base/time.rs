//! The two clocks: [`Mono`] orders deadlines and measures durations, [`Wall`] is printed and billed.
//!
//! Both arrive in [`Now`], sampled once per input by the shell. A step of the wall clock changes no duration
//! (docs/records.md).

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Monotonic instant: microseconds since the engine's own origin. Never goes back, also not over a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mono(pub u64);

/// Wall-clock instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wall(pub i64);

/// Both clocks at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Now {
    /// Orders deadlines.
    pub mono: Mono,
    /// Is printed and billed.
    pub wall: Wall,
}

impl Mono {
    /// The instant `ms` milliseconds after the origin.
    pub const fn from_ms(ms: u64) -> Self {
        Mono(ms * 1000)
    }

    /// Whole milliseconds since the origin, rounded down.
    pub const fn as_ms(self) -> u64 {
        self.0 / 1000
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Mono) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Wall {
    /// The instant `secs` seconds after the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Wall(secs * 1_000_000)
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl Now {
    /// Both clocks `ms` milliseconds after their origins, for scripts in invented time.
    pub const fn from_ms(ms: u64) -> Self {
        Now { mono: Mono::from_ms(ms), wall: Wall(ms as i64 * 1000) }
    }

    /// Both clocks moved on by `by`.
    pub fn after(self, by: Duration) -> Self {
        Now { mono: self.mono + by, wall: self.wall + by }
    }

    /// Both clocks moved back by `by`; the monotonic one to its origin at most.
    pub fn before(self, by: Duration) -> Self {
        Now { mono: self.mono - by, wall: self.wall - by }
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, by: Duration) -> Mono {
        Mono(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Mono {
    type Output = Mono;
    fn sub(self, by: Duration) -> Mono {
        Mono(self.0.saturating_sub(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Wall {
    type Output = Wall;
    fn sub(self, by: Duration) -> Wall {
        Wall(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Add<Duration> for Wall {
    type Output = Wall;
    fn add(self, by: Duration) -> Wall {
        Wall(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// `2026-03-10T11:00:00.000000Z` (RFC 3339, always UTC, microseconds).
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.as_secs();
        let (days, second_of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
            second_of_day / 3600,
            second_of_day / 60 % 60,
            second_of_day % 60,
            self.0.rem_euclid(1_000_000)
        )
    }
}

/// Year, month and day of the proleptic Gregorian calendar, from days since 1970-01-01: the calendar repeats every
/// 400 years (146,097 days), and a year counted from 1 March puts the leap day last.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_instant_prints_as_rfc_3339() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"), // leap day of a century that has one
            (1_773_140_400_000_001, "2026-03-10T11:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Wall(micros).to_string(), text);
        }
    }

    #[test]
    fn a_duration_from_a_later_instant_is_zero() {
        assert_eq!(Mono::from_ms(5).since(Mono::from_ms(9)), Duration::ZERO);
        assert_eq!(Mono::from_ms(9).since(Mono::from_ms(5)), Duration::from_millis(4));
    }
}
