//! Callbacks of queues: `[queues.NAME.callback]`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use turno_acd::{CallbackRules, Hours, Zone};
use turno_base::limits::RING_LIMIT_MAX_S;
use turno_base::{QueueId, Wall};

use crate::shell::config::section::Section;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Most callbacks of a queue.
const KEPT_MAX: u32 = 10_000;
/// Changes of the clock that are known ahead of time: some twenty-five years of two a year.
const CHANGES_MAX: usize = 50;
/// Whence the changes are listed: 2020-01-01, before anything that runs.
const ZONE_FROM_S: i64 = 1_577_836_800;

pub(super) fn callbacks(root: &Section<'_>) -> BTreeMap<QueueId, CallbackRules> {
    let mut found = BTreeMap::new();
    for (name, queue) in root.named("queues") {
        let section = queue.section("callback");
        if section.is_present()
            && let Ok(queue) = name.parse()
        {
            found.insert(queue, rules(&section));
            section.done();
        }
    }
    found
}

fn rules(section: &Section<'_>) -> CallbackRules {
    let default = CallbackRules::default();
    let attempt = SECOND..=24 * HOUR;
    let ring = 5 * SECOND..=Duration::from_secs(u64::from(RING_LIMIT_MAX_S));
    CallbackRules {
        key: section.read("key", "write one of 0 to 9, * and #", |text| {
            let mut keys = text.chars();
            let key = keys.next().filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#'))?;
            keys.next().is_none().then_some(key)
        }),
        agent_first: section.read("first", "write \"agent\" or \"customer\"", first).unwrap_or(default.agent_first),
        hours: section.read("hours", "write local times, for example \"09:00-20:00\"", hours),
        calendar: section.parsed("calendar", "name a calendar of [calendars]"),
        dials_max: section.integer("dials_max", default.dials_max, 1..=1000),
        kept_max: section.integer("kept_max", default.kept_max, 1..=KEPT_MAX),
        attempts_max: section.integer("attempts_max", default.attempts_max, 1..=20),
        after_busy: section.duration("after_busy", default.after_busy, attempt.clone()),
        after_no_answer: section.duration("after_no_answer", default.after_no_answer, attempt.clone()),
        after_failed: section.duration("after_failed", default.after_failed, attempt.clone()),
        after_unsure: section.duration("after_unsure", default.after_unsure, attempt),
        ring_limit: section.duration("ring_limit", default.ring_limit, ring),
        keep_for: section.duration("keep_for", default.keep_for, 60 * SECOND..=31 * 24 * HOUR),
    }
}

fn first(text: &str) -> Option<bool> {
    match text {
        "agent" => Some(true),
        "customer" => Some(false),
        _ => None,
    }
}

fn hours(text: &str) -> Option<Hours> {
    let (from, to) = text.split_once('-')?;
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
    };
    let (from_min, to_min) = (minute(from)?, minute(to)?);
    (from_min < 24 * 60 && to_min > 0 && from_min != to_min).then_some(Hours { from_min, to_min })
}

/// The changes of a zone's clock, for rooms that know no time zones.
pub(super) fn zone_table(zone: &TimeZone) -> Zone {
    let Ok(begin) = Timestamp::from_second(ZONE_FROM_S) else { return Zone::new() };
    let mut table = vec![(Wall::from_secs(ZONE_FROM_S), zone.to_offset(begin).seconds())];
    let changes = zone.following(begin).take(CHANGES_MAX);
    table.extend(changes.map(|change| (Wall::from_secs(change.timestamp().as_second()), change.offset().seconds())));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_two_times_of_a_day() {
        for (text, minutes) in [
            ("09:00-20:00", Some((540, 1200))),
            ("22:30-6:00", Some((1350, 360))),
            ("00:00-24:00", Some((0, 1440))),
            ("9-20", None),
            ("09:60-20:00", None),
            ("24:00-24:00", None),
            ("09:00-09:00", None),
        ] {
            assert_eq!(hours(text).map(|h| (h.from_min, h.to_min)), minutes, "{text}");
        }
    }

    #[test]
    fn the_table_of_a_zone_has_its_changes() {
        let table = zone_table(&TimeZone::get("Europe/Madrid").unwrap());
        // 2026-03-29 and 2026-10-25, 01:00 UTC.
        assert!(table.contains(&(Wall::from_secs(1_774_746_000), 7200)), "{table:?}");
        assert!(table.contains(&(Wall::from_secs(1_792_890_000), 3600)));
        assert_eq!(table.len(), CHANGES_MAX + 1);
        assert_eq!(zone_table(&TimeZone::UTC).len(), 1);
    }
}
