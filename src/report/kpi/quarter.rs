//! Quarters of an hour, and the local days and months that they make up.
//!
//! A quarter is one of UTC: every zone in use is ahead of it by whole quarters, so that a local day is 92, 96 or 100 of them.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use turno_base::Wall;

use crate::forecast::Date;

/// Length, s.
pub const QUARTER_S: i64 = 900;
const DAY_S: i64 = 86_400;

/// A quarter of an hour: its number since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Quarter(pub i64);

impl Quarter {
    /// The one that an instant is in.
    pub const fn of(at: Wall) -> Quarter {
        Quarter(at.as_secs().div_euclid(QUARTER_S))
    }

    /// Its first instant.
    pub const fn begins(self) -> Wall {
        Wall::from_secs(self.0 * QUARTER_S)
    }
}

/// How reports group quarters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Each for itself.
    Interval,
    /// By local day.
    Day,
    /// By local month.
    Month,
    /// By local year.
    Year,
    /// All together.
    Total,
}

/// A time zone as the instants at which its offset changes (decision 0008).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Its IANA name, for people.
    pub name: String,
    /// From when on the local clock is ahead of UTC by how much: seconds since 1970-01-01T00:00:00Z, seconds; ascending.
    /// Before the first its offset holds; none: UTC.
    pub offsets: Vec<(i64, i32)>,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Zone {
        Zone { name: "UTC".to_owned(), offsets: Vec::new() }
    }

    fn offset_s(&self, at_s: i64) -> i64 {
        let past = self.offsets.partition_point(|&(from, _)| from <= at_s);
        self.offsets.get(past.saturating_sub(1)).map_or(0, |&(_, offset)| i64::from(offset))
    }

    /// The local day of an instant.
    pub fn date(&self, at: Wall) -> Date {
        let secs = at.as_secs();
        Date((secs + self.offset_s(secs)).div_euclid(DAY_S))
    }

    /// The first instant of a local day: where the night has no midnight, the first after it.
    pub fn begins(&self, day: Date) -> Wall {
        let midnight = day.0 * DAY_S;
        let around = [midnight - DAY_S, midnight + DAY_S].map(|at| midnight - self.offset_s(at));
        let jumps = self.offsets.iter().map(|&(from, _)| from);
        let near = jumps.filter(|from| (midnight - 2 * DAY_S..midnight + 2 * DAY_S).contains(from));
        let first = around.into_iter().chain(near).filter(|&at| self.date(Wall::from_secs(at)) >= day).min();
        Wall::from_secs(first.unwrap_or(midnight))
    }

    /// The quarters of a local day.
    pub fn quarters(&self, day: Date) -> Range<Quarter> {
        Quarter::of(self.begins(day))..Quarter::of(self.begins(Date(day.0 + 1)))
    }

    /// Instants after `from` and before `until` at which the offset changes, with the change, s.
    pub fn changes(&self, from: Wall, until: Wall) -> Vec<(Wall, i32)> {
        let pairs = self.offsets.windows(2).filter_map(|pair| match pair {
            [(_, before), (at, after)] => Some((Wall::from_secs(*at), after - before)),
            _ => None,
        });
        pairs.filter(|&(at, by)| by != 0 && at > from && at < until).collect()
    }

    /// What a quarter is called in its group: `2026-03-10 09:15`, `2026-03-10`, `2026-03`, `2026`, `all`. In the night with a
    /// doubled hour its quarters carry the offset as well.
    pub fn label(&self, quarter: Quarter, by: By) -> String {
        let at = quarter.begins().as_secs();
        let offset = self.offset_s(at);
        let local = Wall::from_secs(at + offset).to_string();
        let part = |len: usize| local.get(..len).unwrap_or("").to_owned();
        match by {
            By::Interval => {
                let doubled = [at - 3600, at + 3600].iter().any(|&other| self.offset_s(other) + other == offset + at);
                let zone = if doubled { format!(" {}", Ahead(offset)) } else { String::new() };
                format!("{} {}{zone}", part(10), local.get(11..16).unwrap_or(""))
            }
            By::Day => part(10),
            By::Month => part(7),
            By::Year => part(4),
            By::Total => "all".to_owned(),
        }
    }
}

/// `+02:00`.
struct Ahead(i64);

impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let minutes = self.0.abs() / 60;
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Madrid in 2026: winter, summer from 29 March, winter from 25 October.
    fn madrid() -> Zone {
        let offsets = vec![(0, 3600), (1_774_746_000, 7200), (1_792_890_000, 3600)];
        Zone { name: "Europe/Madrid".to_owned(), offsets }
    }

    fn day(year_day: i64) -> Date {
        Date(20_454 + year_day - 1) // 20454: 2026-01-01
    }

    #[test]
    fn a_day_has_92_96_or_100_quarters_and_they_meet() {
        let zone = madrid();
        let len = |day: Date| zone.quarters(day).end.0 - zone.quarters(day).start.0;
        for (of, quarters, first, last) in [
            (69, 96, "2026-03-10 00:00", "2026-03-10 23:45"),
            (88, 92, "2026-03-29 00:00", "2026-03-29 23:45"),
            (298, 100, "2026-10-25 00:00", "2026-10-25 23:45"),
        ] {
            let range = zone.quarters(day(of));
            assert_eq!(len(day(of)), quarters, "day {of}");
            assert_eq!(zone.label(range.start, By::Interval), first);
            assert_eq!(zone.label(Quarter(range.end.0 - 1), By::Interval), last);
            assert_eq!(range.end, zone.quarters(Date(day(of).0 + 1)).start);
            assert!((range.start.0..range.end.0).all(|q| zone.date(Quarter(q).begins()) == day(of)));
        }
        let year: i64 = (1..=365).map(|n| len(day(n))).sum();
        assert_eq!(year, 365 * 96);
    }

    #[test]
    fn quarters_of_the_doubled_hour_are_told_apart() {
        let zone = madrid();
        let start = zone.quarters(day(298)).start.0;
        let labels: Vec<String> = (start..start + 100).map(|q| zone.label(Quarter(q), By::Interval)).collect();
        assert_eq!(labels[8], "2026-10-25 02:00 +02:00");
        assert_eq!(labels[12], "2026-10-25 02:00 +01:00");
        assert_eq!(labels[16], "2026-10-25 03:00");
        let different: std::collections::BTreeSet<&String> = labels.iter().collect();
        assert_eq!(different.len(), 100);
    }

    #[test]
    fn a_night_without_midnight_begins_where_the_clock_lands() {
        // Santiago, 6 September 2026: at midnight the clock goes to one.
        let offsets = vec![(0, -4 * 3600), (1_788_667_200, -3 * 3600)];
        let zone = Zone { name: "America/Santiago".to_owned(), offsets };
        let of = zone.date(Wall::from_secs(1_788_667_200));
        assert_eq!(zone.begins(of), Wall::from_secs(1_788_667_200));
        assert_eq!(zone.quarters(of).end.0 - zone.quarters(of).start.0, 92);
    }
}
