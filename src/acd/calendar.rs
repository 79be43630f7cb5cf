//! Opening hours (R28): by weekday, with holidays and special days, in a time zone.
//!
//! A zone comes as the instants at which its offset from UTC changes, so that the same instant is open or closed on every
//! machine and in every replay, whatever time-zone data is installed there. Whether it is open is asked of the local clock:
//! in a night with a missing or doubled hour, hours that begin inside it begin when the clock has passed their beginning.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::Wall;

/// Days that a search for the next opening looks ahead.
pub const DAYS_AHEAD_MAX: i32 = 400;
/// Most spans of one day.
pub const SPANS_MAX: usize = 8;
/// Most changes of offset of one zone.
pub const OFFSETS_MAX: usize = 64;
/// Most holidays and special days of one calendar.
pub const DAYS_MAX: usize = 1000;

const DAY_S: i64 = 86_400;

/// A local date: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day(pub i32);

/// Part of a day: from this minute of the local day up to that, 0..=1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First minute.
    pub from: u16,
    /// First minute after it.
    pub to: u16,
}

/// When somebody is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// From when on the local clock is ahead of UTC by how much: seconds since 1970-01-01T00:00:00Z, seconds; ascending. Before
    /// the first its offset holds; none: UTC.
    pub offsets: Vec<(i64, i32)>,
    /// Hours from Monday to Sunday, ascending.
    pub week: [Vec<Span>; 7],
    /// Closed all day, with the name of the day.
    pub holidays: BTreeMap<Day, String>,
    /// Days with hours of their own, holiday or not.
    pub special: BTreeMap<Day, Vec<Span>>,
}

/// What a calendar says of an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Open.
    pub is_open: bool,
    /// The holiday it is, if it is one.
    pub holiday: Option<String>,
    /// When that ends: the next closing or opening; none: not within [`DAYS_AHEAD_MAX`].
    pub until: Option<Wall>,
    /// How far the local clock is ahead of UTC, s.
    pub offset_s: i32,
}

impl Calendar {
    /// How far the local clock is ahead of UTC, s.
    pub fn offset_s(&self, at: Wall) -> i32 {
        let secs = at.as_secs();
        let past = self.offsets.partition_point(|&(from, _)| from <= secs);
        self.offsets.get(past.saturating_sub(1)).map_or(0, |&(_, offset)| offset)
    }

    fn local(&self, at: Wall) -> (Day, i64) {
        let local = at.as_secs() + i64::from(self.offset_s(at));
        (Day(i32::try_from(local.div_euclid(DAY_S)).unwrap_or(i32::MAX)), local.rem_euclid(DAY_S))
    }

    fn spans(&self, day: Day) -> &[Span] {
        if let Some(spans) = self.special.get(&day) {
            return spans;
        }
        if self.holidays.contains_key(&day) {
            return &[];
        }
        // 1970-01-01 was a Thursday.
        let weekday = (i64::from(day.0) + 3).rem_euclid(7);
        usize::try_from(weekday).ok().and_then(|n| self.week.get(n)).map_or(&[], Vec::as_slice)
    }

    /// Somebody is there.
    pub fn is_open(&self, at: Wall) -> bool {
        let (day, second) = self.local(at);
        self.spans(day).iter().any(|span| (i64::from(span.from) * 60..i64::from(span.to) * 60).contains(&second))
    }

    /// The first instant after `at` at which it opens, if it is closed, or closes, if it is open; none within
    /// [`DAYS_AHEAD_MAX`].
    pub fn changes(&self, at: Wall) -> Option<Wall> {
        let now = self.is_open(at);
        let (today, _) = self.local(at);
        (0..=DAYS_AHEAD_MAX).find_map(|ahead| {
            let day = Day(today.0.saturating_add(ahead));
            // Where the clock jumps, what was open may be closed without any span having ended.
            let instants: BTreeSet<i64> = self.edges(day).chain(self.jumps(day)).collect();
            let later = instants.into_iter().map(Wall::from_secs).filter(|&edge| edge > at);
            later.into_iter().find(|&edge| self.is_open(edge) != now)
        })
    }

    /// Instants at which the spans of a day may begin or end, and midnight.
    fn edges(&self, day: Day) -> impl Iterator<Item = i64> {
        let midnight = i64::from(day.0) * DAY_S;
        let minutes = self.spans(day).iter().flat_map(|span| [span.from, span.to]).chain([0, 1440]);
        minutes.flat_map(move |minute| {
            let local = midnight + i64::from(minute) * 60;
            // A local time may stand for two instants, one for each offset around it, or in a night with an hour less for none.
            let around = [local - DAY_S, local + DAY_S].map(|utc| self.offset_s(Wall::from_secs(utc)));
            let instants = around.map(|offset| (local - i64::from(offset), offset));
            instants
                .into_iter()
                .filter(|&(utc, offset)| self.offset_s(Wall::from_secs(utc)) == offset)
                .map(|(utc, _)| utc)
        })
    }

    /// Instants of a day at which the offset changes.
    fn jumps(&self, day: Day) -> impl Iterator<Item = i64> {
        let instants = self.offsets.iter().map(|&(from, _)| from);
        instants.filter(move |&from| self.local(Wall::from_secs(from)).0 == day)
    }

    /// All about an instant.
    pub fn hours(&self, at: Wall) -> Hours {
        let (day, _) = self.local(at);
        Hours {
            is_open: self.is_open(at),
            holiday: self.holidays.get(&day).cloned(),
            until: self.changes(at),
            offset_s: self.offset_s(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-03-29T01:00:00Z and 2026-10-25T01:00:00Z: Madrid goes to summer time and back.
    const SUMMER: i64 = 1_774_746_000;
    const WINTER: i64 = 1_792_890_000;
    const HOUR: i64 = 3600;

    fn span(from_h: u16, to_h: u16) -> Span {
        Span { from: from_h * 60, to: to_h * 60 }
    }

    fn madrid(week: [Vec<Span>; 7]) -> Calendar {
        let offsets = vec![(0, 3600), (SUMMER, 7200), (WINTER, 3600)];
        Calendar { offsets, week, ..Calendar::default() }
    }

    fn day(utc: i64) -> Day {
        Day(i32::try_from(utc.div_euclid(DAY_S)).unwrap())
    }

    #[test]
    fn hours_follow_the_local_clock_through_summer_time_holidays_and_special_days() {
        // Monday to Friday 9 to 14 and 16 to 19.
        let weekday = vec![span(9, 14), span(16, 19)];
        let mut week: [Vec<Span>; 7] = Default::default();
        week[..5].fill(weekday);
        let mut calendar = madrid(week);
        let monday = SUMMER - HOUR - 6 * DAY_S; // 2026-03-23T00:00Z
        calendar.holidays.insert(day(monday + 4 * DAY_S), "a Friday off".to_owned());
        calendar.special.insert(day(monday + 5 * DAY_S), vec![span(10, 12)]);
        // days after Monday 23 March, hour UTC, open, the next change (days, hour UTC)
        for (d, h, open, then) in [
            (0, 7, false, (0, 8)), // 8 in Madrid
            (0, 8, true, (0, 13)),
            (0, 13, false, (0, 15)),
            (0, 18, false, (1, 8)), // evening
            (3, 18, false, (5, 9)), // the Friday is a holiday, the Saturday special
            (5, 9, true, (5, 11)),
            (5, 11, false, (7, 7)), // on Monday 30 March the clock is ahead by two hours
            (7, 7, true, (7, 12)),
        ] {
            let at = Wall::from_secs(monday + d * DAY_S + h * HOUR);
            let then = Wall::from_secs(monday + then.0 * DAY_S + then.1 * HOUR);
            assert_eq!((calendar.is_open(at), calendar.changes(at)), (open, Some(then)), "{d} {h}");
        }
        let friday = calendar.hours(Wall::from_secs(monday + 4 * DAY_S + 10 * HOUR));
        assert_eq!((friday.is_open, friday.holiday.as_deref(), friday.offset_s), (false, Some("a Friday off"), 3600));
    }

    #[test]
    fn the_missing_hour_and_the_doubled_one() {
        // Sundays 2:30 to 3:30, when there is no 2:30 in March and two of them in October.
        let mut week: [Vec<Span>; 7] = Default::default();
        week[6] = vec![Span { from: 150, to: 210 }];
        let calendar = madrid(week);
        let at = |utc: i64| Wall::from_secs(utc);
        assert_eq!(calendar.changes(at(SUMMER - 5 * HOUR)), Some(at(SUMMER)), "2:00 is 3:00 at once: inside");
        assert_eq!(calendar.changes(at(SUMMER)), Some(at(SUMMER + HOUR / 2)));
        assert_eq!(calendar.changes(at(WINTER - 5 * HOUR)), Some(at(WINTER - HOUR / 2)), "the first 2:30");
        assert_eq!(calendar.changes(at(WINTER - HOUR / 2)), Some(at(WINTER)), "3:00 is 2:00 again");
        assert_eq!(calendar.changes(at(WINTER)), Some(at(WINTER + HOUR / 2)), "the second 2:30");
        assert_eq!(calendar.changes(at(WINTER + HOUR / 2)), Some(at(WINTER + HOUR * 3 / 2)));
    }

    #[test]
    fn without_hours_it_never_opens_and_with_all_hours_it_never_closes() {
        let at = Wall::from_secs(SUMMER);
        let never = madrid(Default::default());
        let always = madrid(std::array::from_fn(|_| vec![span(0, 24)]));
        assert_eq!((never.is_open(at), never.changes(at)), (false, None));
        assert_eq!((always.is_open(at), always.changes(at)), (true, None));
    }

    proptest! {
        #[test]
        fn between_two_changes_nothing_changes(
            days in proptest::collection::vec(proptest::collection::vec((0u16..1440, 0u16..1440), 0..3), 7),
            closed in proptest::collection::vec(0i64..14, 0..4),
            from in -7i64 * DAY_S..7 * DAY_S,
            winter in any::<bool>(),
        ) {
            let mut week: [Vec<Span>; 7] = Default::default();
            for (spans, day) in week.iter_mut().zip(days) {
                *spans = day.into_iter().map(|(a, b)| Span { from: a.min(b), to: a.max(b) }).collect();
            }
            let mut calendar = madrid(week);
            let jump = if winter { WINTER } else { SUMMER };
            for ahead in closed {
                calendar.holidays.insert(day(jump + (ahead - 7) * DAY_S), String::new());
            }
            let mut at = Wall::from_secs(jump + from);
            for _ in 0..20 {
                let Some(next) = calendar.changes(at) else { break };
                prop_assert!(next > at && calendar.is_open(next) != calendar.is_open(at));
                let steps = (next.as_secs() - at.as_secs()).clamp(1, 200_000);
                for n in 0..steps.min(300) {
                    let between = Wall::from_secs(at.as_secs() + n * steps / steps.min(300));
                    prop_assert_eq!(calendar.is_open(between), calendar.is_open(at));
                }
                at = next;
            }
        }
    }
}
