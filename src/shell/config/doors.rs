//! Doors of queues: opening hours, holidays, and where those go whom a door refuses.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use turno_acd::calendar::{Calendar, DAYS_MAX, Day, OFFSETS_MAX, SPANS_MAX, Span};
use turno_acd::{DoorRules, Ignored, Presence};
use turno_base::Name;

use crate::shell::config::acd::{DAY, ZERO, overflow};
use crate::shell::config::section::Section;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const HOURS_FORM: &str = "write hours such as \"09:00-14:00\", at most 24:00";
const DATE_FORM: &str = "write a date such as \"2026-12-24\"";
const PRESENCE_FORM: &str = "name presences: ready, ringing, in-call, wrap-up, paused, unreachable, private-call";

/// National holidays that ship with the program, by country: `date,name`, with their sources.
const HOLIDAYS: [(&str, &str); 5] = [
    ("ar", include_str!("../../../config/holidays/ar.csv")),
    ("cl", include_str!("../../../config/holidays/cl.csv")),
    ("co", include_str!("../../../config/holidays/co.csv")),
    ("es", include_str!("../../../config/holidays/es.csv")),
    ("mx", include_str!("../../../config/holidays/mx.csv")),
];

/// The calendars below `calendars`.
pub(super) fn calendar(section: &Section<'_>, _: &str) -> Calendar {
    let form = "write a time zone, for example \"Europe/Madrid\"";
    let zone = section.read("zone", form, |text| TimeZone::get(text).ok());
    if !section.has("zone") {
        section.error("zone", "is missing; for example zone = \"Europe/Madrid\"");
    }
    let mut holidays = BTreeMap::new();
    let countries = "name a country whose holidays ship with the program: ar, cl, co, es, mx";
    let country = section.read("country", countries, |text| HOLIDAYS.into_iter().find(|(country, _)| *country == text));
    if let Some((_, rows)) = country {
        holidays.extend(rows.lines().filter_map(holiday));
    }
    for day in section.list_read("holidays", DATE_FORM, date) {
        holidays.insert(day, String::new());
    }
    let calendar = Calendar {
        offsets: offsets(&zone.unwrap_or(TimeZone::UTC)),
        week: week(&section.section("hours")),
        holidays,
        special: special(&section.section("special")),
    };
    if calendar.holidays.len() > DAYS_MAX || calendar.special.len() > DAYS_MAX {
        section.error("holidays", format!("and special days may be {DAYS_MAX} each at most"));
    }
    if calendar.week.iter().all(Vec::is_empty) && calendar.special.is_empty() {
        section.warn("hours", "are empty: it never opens");
    }
    calendar
}

/// Where the offset of a zone changes from 2020 on, for a quarter of a century.
pub fn offsets(zone: &TimeZone) -> Vec<(i64, i32)> {
    let first = Timestamp::from_second(1_577_836_800).unwrap_or_default();
    let last = Timestamp::from_second(2_366_841_600).unwrap_or_default();
    let changes = zone.following(first).take_while(|change| change.timestamp() < last);
    let changes = changes.map(|change| (change.timestamp().as_second(), change.offset().seconds()));
    std::iter::once((first.as_second(), zone.to_offset(first).seconds())).chain(changes).take(OFFSETS_MAX).collect()
}

/// A row of a holidays file; none for comments and the header.
fn holiday(row: &str) -> Option<(Day, String)> {
    let (day, name) = row.split_once(',')?;
    Some((date(day)?, name.to_owned()))
}

fn date(text: &str) -> Option<Day> {
    let date: Date = text.parse().ok()?;
    let days = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second().div_euclid(86_400);
    i32::try_from(days).ok().map(Day)
}

/// `mon = [..]`, or several days at once: `mon-fri = [..]`.
fn week(section: &Section<'_>) -> [Vec<Span>; 7] {
    let mut week: [Vec<Span>; 7] = Default::default();
    for key in section.names() {
        let spans = spans(section, &key);
        let (from, to) = key.split_once('-').unwrap_or((&key, &key));
        let number = |name: &str| WEEKDAYS.iter().position(|day| *day == name);
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => {
                for day in week.iter_mut().take(to + 1).skip(from) {
                    day.extend(&spans);
                    day.sort();
                }
            }
            _ => section.error(&key, "is no weekday; write mon, tue, wed, thu, fri, sat, sun, or two of them: mon-fri"),
        }
    }
    week
}

fn special(section: &Section<'_>) -> BTreeMap<Day, Vec<Span>> {
    let mut special = BTreeMap::new();
    for key in section.names() {
        let spans = spans(section, &key);
        match date(&key) {
            Some(day) => drop(special.insert(day, spans)),
            None => section.error(&key, format!("is no date; {DATE_FORM}")),
        }
    }
    special
}

fn spans(section: &Section<'_>, key: &str) -> Vec<Span> {
    let spans = section.list_read(key, HOURS_FORM, span);
    if spans.len() > SPANS_MAX {
        section.error(key, format!("has more than {SPANS_MAX} spans"));
    }
    spans
}

fn span(text: &str) -> Option<Span> {
    let minute = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let two = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 2);
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        (minutes < 60 && hours * 60 + minutes <= 1440).then_some(hours * 60 + minutes)
    };
    let (from, to) = text.split_once('-')?;
    let span = Span { from: minute(from.trim())?, to: minute(to.trim())? };
    (span.from < span.to).then_some(span)
}

/// The doors of a queue.
pub(super) fn doors(section: &Section<'_>) -> DoorRules {
    let leave_ignores = ignored(section, "leave_ignores");
    if leave_ignores.contains(&Presence::Ringing) {
        section.error("leave_ignores", "cannot name ringing: who is rung may answer; remove it");
    }
    DoorRules {
        join_ignores: Ignored::these(ignored(section, "join_ignores")),
        leave_ignores: Ignored::these(leave_ignores),
        expected_limit: section.duration("expected_limit", ZERO, ZERO..=DAY),
        on_expected: overflow(section, "on_expected"),
        level_min_pct: section.integer("service_level_min", 0, 0..=100),
        on_level: overflow(section, "on_level"),
        calendar: section.parsed::<Name>("calendar", "name a calendar of [calendars]"),
        leave_when_closed: section.flag("leave_when_closed", false),
        on_closed: overflow(section, "on_closed"),
        on_emergency: overflow(section, "on_emergency"),
    }
}

fn ignored(section: &Section<'_>, key: &str) -> Vec<Presence> {
    let named = |text: &str| Presence::ALL.into_iter().find(|presence| presence.as_str() == text);
    section.list_read(key, PRESENCE_FORM, named)
}

#[cfg(test)]
mod tests {
    use turno_base::Wall;

    use super::*;

    #[test]
    fn the_holidays_that_ship_are_dates_of_2026_and_2027_in_order_with_a_source() {
        for (country, text) in HOLIDAYS {
            assert!(text.starts_with("# "), "{country} names its source");
            let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
            let days: Vec<Day> = rows.iter().filter_map(|row| holiday(row)).map(|(day, _)| day).collect();
            assert!(days.len() == rows.len() && days.is_sorted() && days.len() >= 14, "{country}");
            let (first, last) = (date("2026-01-01"), date("2027-12-25"));
            assert_eq!((days.first().copied(), days.last().copied()), (first, last), "{country}");
        }
        let has = |country: &str, day: &str| HOLIDAYS.iter().any(|(c, text)| *c == country && text.contains(day));
        // Good Friday; a Monday by Ley 51; moved by Ley 27.399; a third Monday; a Friday before a Saturday.
        for (country, day) in [
            ("es", "2027-03-26"),
            ("co", "2026-11-16"),
            ("ar", "2026-06-15"),
            ("mx", "2027-11-15"),
            ("cl", "2027-09-17"),
        ] {
            assert!(has(country, day), "{country} {day}");
        }
    }

    #[test]
    fn zones_change_their_offset_when_the_clocks_there_do() {
        let of = |zone: &str| Calendar { offsets: offsets(&TimeZone::get(zone).unwrap()), ..Calendar::default() };
        // 2026-01-15 and 2026-07-15, noon UTC; Santiago has its summer in January, Bogotá and Buenos Aires none.
        for (zone, january_h, july_h) in [
            ("Europe/Madrid", 1, 2),
            ("America/Santiago", -3, -4),
            ("America/Bogota", -5, -5),
            ("America/Argentina/Buenos_Aires", -3, -3),
            ("America/Mexico_City", -6, -6),
            ("Atlantic/Canary", 0, 1),
            ("UTC", 0, 0),
        ] {
            let calendar = of(zone);
            assert!(calendar.offsets.len() < OFFSETS_MAX, "{zone}");
            let at = |secs| calendar.offset_s(Wall::from_secs(secs)) / 3600;
            assert_eq!((at(1_768_478_400), at(1_784_116_800)), (january_h, july_h), "{zone}");
        }
    }

    #[test]
    fn spans_are_read_strictly() {
        for (text, read) in [
            ("09:00-14:00", Some((540, 840))),
            ("00:00 - 24:00", Some((0, 1440))),
            ("9:00-14:00", None),
            ("14:00-09:00", None), // over midnight: two spans, one on each day
            ("09:00-24:01", None),
            ("09:60-10:00", None),
            ("09:00", None),
        ] {
            assert_eq!(span(text), read.map(|(from, to)| Span { from, to }), "{text}");
        }
    }
}
