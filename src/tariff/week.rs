//! The ordinary week of a rule, worked out when its deck is loaded, and the way of a call along it (docs/reference/rating.md, S6).
//!
//! On days that neither are a holiday nor follow one, the band depends on the weekday and the time of day alone: a list of turns from
//! one band to the next says all of it, and rules with the same hours share one. A call looks its place up once. From there each
//! change of band is the next turn, until the clocks change or a holiday comes.

use serde::{Deserialize, Serialize};

use crate::band::class;
use crate::civil::{DAY_MS, day_of_ms, weekday};
use crate::deck::{BandPolicy, Rule};
use crate::rates::Once;
use crate::rating::Ruled;

const WEEK_MS: u32 = 7 * DAY_MS;

/// From a time of the week on, a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// Since Monday's midnight.
    at_ms: u32,
    /// Its place in the rule; none: the default rate.
    band: Option<u8>,
}

/// Turns in the order of the week, the first at its beginning, none to the band that is in force already.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Week(Vec<Turn>);

/// Weeks of the rules of a version while it is put together, each once.
#[derive(Debug, Default)]
pub(crate) struct Weeks {
    weeks: Once<Week>,
    edges: Vec<u32>,
    turns: Vec<Turn>,
}

impl Weeks {
    /// The place of a rule's week; its bands are in order (`Rule::settle_bands`).
    pub(crate) fn place(&mut self, rule: &Rule) -> u32 {
        self.edges.clear();
        self.edges.push(0);
        self.edges.extend(rule.bands.iter().flat_map(|band| [band.from_ms, band.to_ms]));
        self.edges.sort_unstable();
        self.edges.dedup();
        self.turns.clear();
        for day in 0..7_u8 {
            let (today, yesterday) = (day + 1, if day == 0 { 7 } else { day });
            for &time_ms in self.edges.iter().filter(|&&time_ms| time_ms < DAY_MS) {
                let band = rule.band_on(today, yesterday, time_ms);
                if self.turns.last().is_none_or(|turn| turn.band != band) {
                    self.turns.push(Turn { at_ms: u32::from(day) * DAY_MS + time_ms, band });
                }
            }
        }
        self.weeks.place(Week(self.turns.clone()))
    }

    /// All of them, by place.
    pub(crate) fn finish(self) -> Vec<Week> {
        self.weeks.finish()
    }
}

/// The band in force at some moment of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Its place in the rule; none: the default rate.
    pub(crate) band: Option<u8>,
    /// Until when that is sure, ms after the answer.
    pub(crate) until_ms: u64,
    /// Its place in the week, where the next turn follows it.
    turn: usize,
    /// Until when the turns of the week follow one another, ms after the answer.
    week_ms: u64,
}

impl<'d> Ruled<'d> {
    fn turns(&self) -> &'d [Turn] {
        self.version.weeks.get(self.rule.week as usize).map_or(&[], |week| week.0.as_slice())
    }

    /// The band in force so long after the answer.
    pub(crate) fn spot_at(&self, e_ms: u64) -> Spot {
        let (terms, rule, turns) = (self.terms, self.rule, self.turns());
        if turns.len() <= 1 && !rule.with_holidays {
            let band = turns.first().and_then(|turn| turn.band);
            return Spot { band, until_ms: u64::MAX, turn: 0, week_ms: u64::MAX };
        }
        // Bands begin and end on whole ms of local time and clocks change on whole seconds, so what of a ms has passed decides nothing.
        // A call lasts a year at most, so it fits.
        let at_ms = self.answer.0.div_euclid(1000).saturating_add(e_ms as i64);
        let (offset_ms, mut until_ms) = terms.zone.offset_ms(at_ms);
        let local_ms = at_ms.saturating_add(offset_ms);
        let day = day_of_ms(local_ms);
        // Below a day, so it fits.
        let time_ms = local_ms.rem_euclid(i64::from(DAY_MS)) as u32;
        let since_answer = |until_ms: i64| e_ms.saturating_add(until_ms.saturating_sub(at_ms).unsigned_abs());
        let mut spot = Spot::default();
        let next = if rule.with_holidays { terms.holiday_from(day - 1) } else { None };
        if next.is_some_and(|holiday| holiday <= day) {
            let (today, yesterday) = (class(day, &terms.holidays), class(day - 1, &terms.holidays));
            let sure_ms = at_ms + i64::from(rule.edge_after(time_ms) - time_ms);
            spot.band = rule.band_on(today, yesterday, time_ms);
            spot.until_ms = since_answer(until_ms.min(sure_ms));
        } else {
            if let Some(holiday) = next {
                until_ms = until_ms.min(i64::from(holiday) * i64::from(DAY_MS) - offset_ms);
            }
            let in_week_ms = u32::from(weekday(day) - 1) * DAY_MS + time_ms;
            spot.turn = turns.partition_point(|turn| turn.at_ms <= in_week_ms).saturating_sub(1);
            spot.band = turns.get(spot.turn).and_then(|turn| turn.band);
            spot.week_ms = since_answer(until_ms);
            spot.until_ms = (e_ms + u64::from(end_of(turns, spot.turn) - in_week_ms)).min(spot.week_ms);
        }
        match terms.policy {
            BandPolicy::Split => spot,
            BandPolicy::Start => Spot { until_ms: u64::MAX, ..spot },
        }
    }

    /// The band in force so long after the answer, which is at or behind the end of `before`.
    pub(crate) fn spot_after(&self, before: Spot, e_ms: u64) -> Spot {
        if e_ms < before.week_ms {
            let turns = self.turns();
            let at = if before.turn + 1 < turns.len() { before.turn + 1 } else { 0 };
            if let Some(turn) = turns.get(at) {
                let until_ms = before.until_ms + u64::from(end_of(turns, at) - turn.at_ms);
                // An increment may end behind several turns.
                if e_ms < until_ms {
                    return Spot { band: turn.band, until_ms: until_ms.min(before.week_ms), turn: at, ..before };
                }
            }
        }
        self.spot_at(e_ms)
    }
}

/// Where a turn ends, ms of the week.
fn end_of(turns: &[Turn], at: usize) -> u32 {
    turns.get(at + 1).map_or(WEEK_MS, |next| next.at_ms)
}
