//! What the operator configured about callbacks, and the hours in which customers may be called.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::CallbackResult;
use turno_base::{Name, Wall};

use crate::calendar::Calendar;

/// Callbacks of one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackRules {
    /// The key by which a caller takes one, while he waits or when an overflow offers it; none: an overflow to callback is
    /// taken without asking.
    pub key: Option<char>,
    /// The agent is rung before the customer is dialled; else the customer is dialled when an agent is about to be free.
    pub agent_first: bool,
    /// When customers may be called; none: at any hour.
    pub hours: Option<Hours>,
    /// Opening hours in which alone customers are called, holidays and all; none: `hours` alone count. One that is not
    /// configured is as none.
    pub calendar: Option<Name>,
    /// Most attempts at once.
    pub dials_max: u32,
    /// Most callbacks kept; one more drops the oldest that nobody is dialling.
    pub kept_max: u32,
    /// Attempts until it is given up.
    pub attempts_max: u32,
    /// Next attempt after busy.
    pub after_busy: Duration,
    /// Next attempt after no answer.
    pub after_no_answer: Duration,
    /// Next attempt after a failure.
    pub after_failed: Duration,
    /// Next attempt after an answer that was gone at once.
    pub after_unsure: Duration,
    /// Longest ring at the customer.
    pub ring_limit: Duration,
    /// A callback that nobody could serve is forgotten after this.
    pub keep_for: Duration,
}

impl Default for CallbackRules {
    fn default() -> CallbackRules {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        CallbackRules {
            key: None,
            agent_first: false,
            hours: None,
            calendar: None,
            dials_max: 5,
            kept_max: 500,
            attempts_max: 3,
            after_busy: minutes(2),
            after_no_answer: minutes(10),
            after_failed: minutes(5),
            after_unsure: minutes(15),
            ring_limit: Duration::from_secs(30),
            keep_for: minutes(24 * 60),
        }
    }
}

impl CallbackRules {
    /// When customers may be called again; none: they may be now. Hours and calendar that never meet are looked at again
    /// where the search gives up.
    pub(crate) fn opens(&self, at: Wall, zone: &Zone, calendars: &BTreeMap<Name, Calendar>) -> Option<Wall> {
        let calendar = self.calendar.and_then(|name| calendars.get(&name));
        let mut open = at;
        for _ in 0..OPENINGS_MAX {
            if let Some(hours) = self.hours.filter(|hours| !hours.is_open(open, zone)) {
                open = hours.opens_after(open, zone);
            } else if let Some(calendar) = calendar.filter(|calendar| !calendar.is_open(open)) {
                open = calendar.changes(open).unwrap_or(Wall(open.0.saturating_add(DAY_S * 1_000_000)));
            } else {
                break;
            }
        }
        (open > at).then_some(open)
    }

    /// How long to wait after an attempt with this result.
    pub(crate) fn back_off(&self, result: CallbackResult) -> Duration {
        match result {
            CallbackResult::Busy => self.after_busy,
            CallbackResult::NoAnswer => self.after_no_answer,
            CallbackResult::Failed => self.after_failed,
            CallbackResult::Unsure => self.after_unsure,
        }
    }
}

/// A daily window in local time; one that ends before it begins lasts over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// First minute of the day, 0..1440.
    pub from_min: u16,
    /// The minute of the day at which it ends, 1..=1440.
    pub to_min: u16,
}

/// Local time of the operator's zone, by its changes: from each instant on it is so many seconds ahead of UTC. Whoever
/// knows time zones fills it in; here it is a table, so that the same journal means the same hours everywhere.
pub type Zone = Vec<(Wall, i32)>;

const DAY_S: i64 = 86_400;
/// Openings of hours and calendar that are tried for one in which both are open.
const OPENINGS_MAX: u32 = 64;

impl Hours {
    /// Whether customers may be called at `at`.
    pub(crate) fn is_open(self, at: Wall, zone: &Zone) -> bool {
        let minute = local_s(at, zone).rem_euclid(DAY_S) / 60;
        let (from, to) = (i64::from(self.from_min), i64::from(self.to_min));
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }

    /// The first instant after `at` at which the window begins.
    pub(crate) fn opens_after(self, at: Wall, zone: &Zone) -> Wall {
        let midnight = local_s(at, zone).div_euclid(DAY_S) * DAY_S;
        let begins = (0..=2).map(|day| midnight + day * DAY_S + i64::from(self.from_min) * 60).map(|local| {
            // The offset that holds at the opening, which is not always that of now.
            let near = Wall::from_secs(local - i64::from(offset_s(at, zone)));
            Wall::from_secs(local - i64::from(offset_s(near, zone)))
        });
        begins.into_iter().find(|begin| *begin > at).unwrap_or(Wall(at.0.saturating_add(DAY_S * 1_000_000)))
    }
}

fn offset_s(at: Wall, zone: &Zone) -> i32 {
    let next = zone.partition_point(|(from, _)| *from <= at);
    next.checked_sub(1).and_then(|now| zone.get(now)).or(zone.first()).map_or(0, |(_, offset)| *offset)
}

fn local_s(at: Wall, zone: &Zone) -> i64 {
    at.as_secs() + i64::from(offset_s(at, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_and_hours_must_both_be_open() {
        use crate::calendar::{Day, Span};
        let office: Name = "office".parse().unwrap();
        let week = std::array::from_fn(|day| if day < 5 { vec![Span { from: 8 * 60, to: 18 * 60 }] } else { vec![] });
        // Friday 2026-12-25.
        let holidays = BTreeMap::from([(Day(20_812), "Christmas".to_owned())]);
        let calendar = Calendar { week, holidays, ..Calendar::default() };
        let calendars = BTreeMap::from([(office, calendar), ("never".parse().unwrap(), Calendar::default())]);
        let rules = CallbackRules {
            hours: Some(Hours { from_min: 9 * 60, to_min: 20 * 60 }),
            calendar: Some(office),
            ..CallbackRules::default()
        };
        let at = |day: i64, hour: i64| Wall::from_secs((20_812 + day) * DAY_S + hour * 3600);
        let opens = |rules: &CallbackRules, now: Wall| rules.opens(now, &Zone::new(), &calendars);
        for (now, want, why) in [
            (at(-1, 10), None, "Thursday: both"),
            (at(-1, 8), Some(at(-1, 9)), "the calendar alone"),
            (at(-1, 19), Some(at(3, 9)), "the hours alone, then a holiday and a week-end"),
            (at(0, 10), Some(at(3, 9)), "a holiday"),
            (at(3, 9), None, "Monday"),
        ] {
            assert_eq!(opens(&rules, now), want, "{why}");
        }
        let open = CallbackRules { hours: None, calendar: None, ..rules };
        assert_eq!(opens(&open, at(0, 3)), None, "at any hour");
        let gone = CallbackRules { hours: None, calendar: "gone".parse().ok(), ..rules };
        assert_eq!(opens(&gone, at(0, 3)), None, "a calendar that is not configured");
        let never = CallbackRules { hours: None, calendar: "never".parse().ok(), ..rules };
        assert!(opens(&never, at(0, 3)) > Some(at(7, 0)), "one that never opens");
    }

    #[test]
    fn hours_are_local_and_follow_the_clock_change() {
        // Madrid: +1 h, from 2026-03-29 01:00 UTC on +2 h.
        let change = Wall::from_secs(1_774_746_000);
        let zone = vec![(Wall::from_secs(0), 3600), (change, 7200)];
        let hours = Hours { from_min: 9 * 60, to_min: 20 * 60 };
        let night = Hours { from_min: 22 * 60, to_min: 6 * 60 };
        let at = |text: i64| Wall::from_secs(text);
        // 2026-03-28 (winter time), hours and minutes in UTC
        let day = 1_774_656_000;
        for (utc_min, open, open_at_night) in [
            (7 * 60 + 59, false, false),
            (8 * 60, true, false), // 09:00 in Madrid
            (18 * 60 + 59, true, false),
            (19 * 60, false, false), // 20:00
            (21 * 60, false, true),
            (4 * 60 + 59, false, true),
            (5 * 60, false, false),
        ] {
            let now = at(day + utc_min * 60);
            assert_eq!((hours.is_open(now, &zone), night.is_open(now, &zone)), (open, open_at_night), "{utc_min}");
        }
        // From the evening before the change, 9 o'clock of the next day is an hour earlier in UTC.
        assert_eq!(hours.opens_after(at(day + 20 * 3600), &zone), at(day + DAY_S + 7 * 3600));
        assert_eq!(hours.opens_after(at(day), &zone), at(day + 8 * 3600));
        assert_eq!(hours.opens_after(at(day + 8 * 3600), &zone), at(day + DAY_S + 7 * 3600), "it has just begun");
        assert_eq!(hours.opens_after(at(day), &Zone::new()), at(day + 9 * 3600), "without a table: UTC");
    }
}
