//! How many calls to expect on a day, by queue and interval, from days gone by.
//!
//! A day is like the same weekday of the weeks before it, the nearest weighing most; a holiday is like the holidays before it,
//! or like a Sunday while none is known. Days that are nothing like their kind (an outage, a flood of calls) are left out and
//! named. How far off such forecasts were is found by forecasting the last weeks from what was known before them.
//!
//! Floating point: these are estimates for people, never an input to a decision about a call.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::QueueId;

/// Days that a forecast looks back on.
pub const LOOK_BACK_DAYS: i64 = 26 * 7;
/// A day so much older weighs half as much.
pub const HALF_LIFE_DAYS: f64 = 28.0;
/// Fewest days of a kind that a forecast rests on.
pub const DAYS_LEAST: usize = 2;
/// Days whose total is this many times the median of their kind, or one part in so many of it, are left out.
pub const ODD_FACTOR: f64 = 3.0;
/// Holidays that a forecast of a holiday looks back on, at most.
const HOLIDAYS_MOST: usize = 12;

/// A day by the local calendar, as days since 1970-01-01 (a Thursday).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Date(pub i64);

impl Date {
    /// 0: Monday.
    pub fn weekday(self) -> i64 {
        (self.0 + 3).rem_euclid(7)
    }
}

/// Calls that entered, by day, queue and interval of the day.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    intervals: usize,
    days: BTreeMap<Date, BTreeMap<QueueId, Vec<u32>>>,
    holidays: BTreeSet<Date>,
}

/// What to expect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Expected calls by interval of the day.
    pub queues: BTreeMap<QueueId, Vec<f64>>,
    /// Days that it rests on.
    pub rests_on: Vec<Date>,
    /// Days of the same kind that were left out as odd.
    pub odd: Vec<Date>,
}

/// How far off forecasts were.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Error {
    /// Days that could be forecast from those before them.
    pub days: usize,
    /// Sum of absolute errors of the days' totals ÷ calls, percent.
    pub by_day_pct: f64,
    /// The same by queue and interval, percent.
    pub by_interval_pct: f64,
}

impl History {
    /// Nothing yet; a day has so many intervals (at least one).
    pub fn new(intervals: usize, holidays: BTreeSet<Date>) -> History {
        History { intervals: intervals.max(1), days: BTreeMap::new(), holidays }
    }

    /// A day of which everything is known, whether anybody called or not.
    pub fn open(&mut self, day: Date) {
        self.days.entry(day).or_default();
    }

    /// A call entered `queue` on `day` at this second of the day. A second past the day's end (a day that a clock change made
    /// longer) counts in its last interval.
    pub fn count(&mut self, day: Date, queue: QueueId, second: u32) {
        let of_day = self.days.entry(day).or_default();
        let calls = of_day.entry(queue).or_insert_with(|| vec![0; self.intervals]);
        let at = (second as usize * self.intervals / 86_400).min(self.intervals - 1);
        calls[at] = calls[at].saturating_add(1);
    }

    /// First and last day.
    pub fn span(&self) -> Option<(Date, Date)> {
        Some((*self.days.first_key_value()?.0, *self.days.last_key_value()?.0))
    }

    /// Calls of a day.
    pub fn total(&self, day: Date) -> u64 {
        let of_day = self.days.get(&day).into_iter().flat_map(BTreeMap::values);
        of_day.flatten().map(|&calls| u64::from(calls)).sum()
    }

    /// What to expect on `day`, from the days before it; none if there are too few of its kind.
    pub fn forecast(&self, day: Date) -> Option<Forecast> {
        let alike = self.alike(day);
        let (rests_on, odd) = self.without_odd(&alike);
        if rests_on.len() < DAYS_LEAST {
            return None;
        }
        let weight = |of: Date| (-((day.0 - of.0) as f64) / HALF_LIFE_DAYS).exp2();
        let weights: f64 = rests_on.iter().map(|&of| weight(of)).sum();
        let mut queues: BTreeMap<QueueId, Vec<f64>> = BTreeMap::new();
        for &of in &rests_on {
            for (queue, calls) in &self.days[&of] {
                let expected = queues.entry(*queue).or_insert_with(|| vec![0.0; self.intervals]);
                for (sum, &many) in expected.iter_mut().zip(calls) {
                    *sum += weight(of) * f64::from(many) / weights;
                }
            }
        }
        Some(Forecast { queues, rests_on, odd })
    }

    /// Days before `day` that are of its kind.
    fn alike(&self, day: Date) -> Vec<Date> {
        let before = || self.days.range(Date(day.0 - LOOK_BACK_DAYS)..day).map(|(&of, _)| of);
        if !self.holidays.contains(&day) {
            return before().filter(|of| of.weekday() == day.weekday() && !self.holidays.contains(of)).collect();
        }
        let mut holidays: Vec<Date> = before().filter(|of| self.holidays.contains(of)).collect();
        if holidays.len() < DAYS_LEAST {
            holidays = before().filter(|of| of.weekday() == 6).collect();
        }
        holidays.split_off(holidays.len().saturating_sub(HOLIDAYS_MOST))
    }

    fn without_odd(&self, days: &[Date]) -> (Vec<Date>, Vec<Date>) {
        let mut totals: Vec<u64> = days.iter().map(|&day| self.total(day)).collect();
        totals.sort_unstable();
        let median = totals.get(totals.len() / 2).copied().unwrap_or(0) as f64;
        days.iter().partition(|&&day| {
            let total = self.total(day) as f64;
            total <= median * ODD_FACTOR && total * ODD_FACTOR >= median
        })
    }

    /// Forecasts each of the last so many days from those before it.
    pub fn error(&self, last: usize) -> Option<Error> {
        let (mut days, mut calls, mut by_day, mut by_interval) = (0, 0.0, 0.0, 0.0);
        for (&day, actual) in self.days.iter().rev().take(last) {
            let Some(forecast) = self.forecast(day) else { continue };
            days += 1;
            let expected: f64 = forecast.queues.values().flatten().sum();
            by_day += (expected - self.total(day) as f64).abs();
            calls += self.total(day) as f64;
            let queues: BTreeSet<QueueId> = forecast.queues.keys().chain(actual.keys()).copied().collect();
            for queue in queues {
                for at in 0..self.intervals {
                    let expected = forecast.queues.get(&queue).map_or(0.0, |calls| calls[at]);
                    let came = actual.get(&queue).map_or(0, |calls| calls[at]);
                    by_interval += (expected - f64::from(came)).abs();
                }
            }
        }
        (days > 0 && calls > 0.0).then(|| Error {
            days,
            by_day_pct: 100.0 * by_day / calls,
            by_interval_pct: 100.0 * by_interval / calls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02, a Monday.
    const MONDAY: i64 = 20_514;

    fn queue() -> QueueId {
        QueueId::new("ventas").unwrap()
    }

    /// Days from [`MONDAY`] on with so many calls each, all at noon.
    fn history(days: &[u32], holidays: &[i64]) -> History {
        let mut history = History::new(24, holidays.iter().map(|&n| Date(MONDAY + n)).collect());
        for (n, &calls) in days.iter().enumerate() {
            let day = Date(MONDAY + n as i64);
            history.open(day);
            for _ in 0..calls {
                history.count(day, queue(), 12 * 3600);
            }
        }
        history
    }

    fn noon(history: &History, n: i64) -> Option<f64> {
        Some(history.forecast(Date(MONDAY + n))?.queues[&queue()][12])
    }

    #[test]
    fn the_calendar_begins_on_a_thursday() {
        // 2026-11-21 is a Saturday, 1969-12-31 was a Wednesday.
        for (days, weekday) in [(0, 3), (MONDAY, 0), (20_778, 5), (-1, 2)] {
            assert_eq!(Date(days).weekday(), weekday, "{days}");
        }
    }

    #[test]
    fn a_day_is_like_its_weekday_and_the_nearest_weigh_most() {
        let week = |monday: u32| [monday, 10, 10, 10, 10, 0, 0];
        let history = history(&[week(100), week(200)].concat(), &[]);
        let expected = noon(&history, 14).unwrap();
        // Weights 2^(-14/28) and 2^(-7/28).
        let (old, new) = (0.5_f64.sqrt(), 0.5_f64.sqrt().sqrt());
        assert!((expected - (100.0 * old + 200.0 * new) / (old + new)).abs() < 1e-9, "{expected}");
        assert_eq!(noon(&history, 15), Some(10.0));
        // Of one Monday alone nothing follows.
        assert_eq!(noon(&history, 7), None);
        // A closed Sunday is expected to be closed.
        assert_eq!(history.forecast(Date(MONDAY + 20)).unwrap().queues, BTreeMap::new());
    }

    #[test]
    fn an_outage_and_a_flood_are_left_out_and_named() {
        let mut days = vec![0; 7 * 6];
        for (week, calls) in [100, 110, 2, 90, 900, 105].into_iter().enumerate() {
            days[week * 7] = calls;
        }
        let forecast = history(&days, &[]).forecast(Date(MONDAY + 42)).unwrap();
        assert_eq!(forecast.odd, [Date(MONDAY + 14), Date(MONDAY + 28)]);
        let noon = forecast.queues[&queue()][12];
        assert!((95.0..106.0).contains(&noon), "{noon}");
    }

    #[test]
    fn a_holiday_is_like_holidays_or_else_like_a_sunday() {
        let days: Vec<u32> = (0..21).map(|n| if n % 7 == 6 { 7 } else { 50 }).collect();
        // Only the coming day is a holiday: like a Sunday.
        let none_known = history(&days, &[22]);
        assert_eq!(noon(&none_known, 22), Some(7.0));
        // Two holidays are known, and a weekday does not learn from them.
        let mut days = days;
        (days[3], days[10]) = (20, 20);
        let two_known = history(&days, &[3, 10, 22]);
        assert_eq!(noon(&two_known, 22), Some(20.0));
        assert_eq!(noon(&two_known, 24), None, "of the three Thursdays two are holidays");
    }

    #[test]
    fn the_error_is_found_on_days_that_the_forecast_had_not_seen() {
        let steady = history(&[100; 35], &[]);
        let error = steady.error(7).unwrap();
        assert!(error.days == 7 && error.by_day_pct < 1e-9 && error.by_interval_pct < 1e-9, "{error:?}");
        // The last week is a quarter busier than anything before it: off by a fifth of it.
        let mut days = vec![100; 35];
        days[28..].fill(125);
        let error = history(&days, &[]).error(7).unwrap();
        assert!((error.by_day_pct - 20.0).abs() < 1e-9, "{error:?}");
        assert_eq!(history(&[100; 8], &[]).error(7), None, "one day of each kind is not enough");
    }

    #[test]
    fn calls_fall_into_their_interval() {
        let mut history = History::new(48, BTreeSet::new());
        for second in [0, 1799, 1800, 86_399, 90_000] {
            history.count(Date(MONDAY), queue(), second);
        }
        let calls = &history.days[&Date(MONDAY)][&queue()];
        assert_eq!((calls[0], calls[1], calls[47]), (2, 1, 2));
        assert_eq!((history.total(Date(MONDAY)), history.span()), (5, Some((Date(MONDAY), Date(MONDAY)))));
    }
}
