//! Bands: which rate of a rule is in force at a time of a day, and which bands a deck may have (docs/reference/rating.md, S6, S10).

use serde::{Deserialize, Serialize};
use turno_base::Name;

use crate::civil::{DAY_MS, weekday};
use crate::code::Code;
use crate::deck::Rule;

/// Most bands of one rule.
pub const BANDS_MAX: usize = 64;

/// Days on which a band begins: 1 for Monday to 7 for Sunday, and H for holidays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Days(u8);

/// A date's class: its weekday, 1 to 7, or [`HOLIDAY`].
pub(crate) type Class = u8;
/// The class of holidays.
pub(crate) const HOLIDAY: Class = 0;

impl Days {
    /// Every weekday.
    pub(crate) const WEEK: Days = Days(0b1111_1110);

    /// With this class too.
    pub(crate) fn and(self, class: Class) -> Days {
        Days(self.0 | 1 << (class & 7))
    }

    pub(crate) fn has(self, class: Class) -> bool {
        self.0 >> (class & 7) & 1 == 1
    }
}

/// What a band is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Title {
    /// As the deck writes it.
    pub(crate) label: String,
    /// The same as records write it.
    pub(crate) name: Name,
}

/// A rate for some hours of some days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Band {
    /// What it is called, by its place in the version.
    pub(crate) title: u32,
    pub(crate) days: Days,
    /// Time of day, ms, 0..=86,400,000. Above `to_ms`: the band goes on past midnight.
    pub(crate) from_ms: u32,
    pub(crate) to_ms: u32,
    pub(crate) prio: i32,
    /// By its place in the version.
    pub(crate) rate: u32,
}

/// One part of a band: within a day, or the hours after midnight of the day after.
struct Span {
    /// In the day after the one that the band belongs to.
    after: bool,
    from_ms: u32,
    to_ms: u32,
}

impl Band {
    fn spans(&self) -> impl Iterator<Item = Span> {
        let wraps = self.from_ms > self.to_ms;
        let own_end = if wraps { DAY_MS } else { self.to_ms };
        let own = Span { after: false, from_ms: self.from_ms, to_ms: own_end };
        let after = wraps.then_some(Span { after: true, from_ms: 0, to_ms: self.to_ms });
        [Some(own), after].into_iter().flatten().filter(|span| span.from_ms < span.to_ms)
    }

    /// In force at this time of a day of class `today` after one of class `yesterday`.
    fn covers(&self, today: Class, yesterday: Class, time_ms: u32) -> bool {
        if self.from_ms <= self.to_ms {
            return self.days.has(today) && (self.from_ms..self.to_ms).contains(&time_ms);
        }
        self.days.has(today) && time_ms >= self.from_ms || self.days.has(yesterday) && time_ms < self.to_ms
    }

    fn meets(&self, other: &Band, follows: &impl Fn(Class, Class) -> bool) -> bool {
        self.spans().any(|one| {
            other.spans().any(|two| {
                let in_time = one.from_ms.max(two.from_ms) < one.to_ms.min(two.to_ms);
                // The classes of today and yesterday that put both spans into one day.
                let in_days = (0..8).any(|today| {
                    (0..8).any(|yesterday| {
                        let day = |span: &Span| if span.after { yesterday } else { today };
                        follows(yesterday, today) && self.days.has(day(&one)) && other.days.has(day(&two))
                    })
                });
                in_time && in_days
            })
        })
    }
}

/// The classes that follow one another in a calendar with these holidays: an overlap that no two days can have is none.
struct Calendar {
    follows: [[bool; 8]; 8],
}

impl Calendar {
    fn new(holidays: &[i32]) -> Calendar {
        let mut follows = [[false; 8]; 8];
        let mut note = |day: i32| {
            let (yesterday, today) = (class(day - 1, holidays), class(day, holidays));
            follows[usize::from(yesterday)][usize::from(today)] = true;
        };
        holidays.iter().for_each(|&day| {
            note(day);
            note(day + 1);
        });
        // All days but a bounded list are ordinary, so every pair of weekdays occurs.
        (1..8_u8)
            .for_each(|today| follows[usize::from(if today == 1 { 7 } else { today - 1 })][usize::from(today)] = true);
        Calendar { follows }
    }
}

/// The class of a date, for a rule that has bands of holidays.
pub(crate) fn class(day: i32, holidays: &[i32]) -> Class {
    if holidays.binary_search(&day).is_ok() { HOLIDAY } else { weekday(day) }
}

impl Rule {
    /// Puts the bands in order and refuses those that are never in force or leave open which one is (S10).
    pub(crate) fn settle_bands(&mut self, holidays: &[i32]) -> Result<(), (usize, Code)> {
        if let Some(at) =
            self.bands.iter().position(|band| band.days == Days::default() || band.spans().next().is_none())
        {
            return Err((at, Code::BandEmpty));
        }
        if self.bands.len() > BANDS_MAX {
            return Err((BANDS_MAX, Code::OutOfBounds));
        }
        self.with_holidays = self.bands.iter().any(|band| band.days.has(HOLIDAY));
        if self.bands.len() > 1 {
            let calendar = Calendar::new(if self.with_holidays { holidays } else { &[] });
            let follows = |yesterday: Class, today: Class| calendar.follows[usize::from(yesterday)][usize::from(today)];
            for (at, one) in self.bands.iter().enumerate() {
                if self.bands.iter().take(at).any(|two| one.prio == two.prio && one.meets(two, &follows)) {
                    return Err((at, Code::BandOverlap));
                }
            }
        }
        self.bands.sort_by_key(|band| std::cmp::Reverse(band.prio));
        Ok(())
    }

    /// The band in force (its place; none: the default rate) at this time of a day of class `today` after one of class `yesterday`.
    pub(crate) fn band_on(&self, today: Class, yesterday: Class, time_ms: u32) -> Option<u8> {
        // There are no more than 64.
        self.bands.iter().position(|band| band.covers(today, yesterday, time_ms)).map(|at| at as u8)
    }

    /// The next time of day, behind this one, at which another band may be in force; at the latest midnight.
    pub(crate) fn edge_after(&self, time_ms: u32) -> u32 {
        let edges = self.bands.iter().flat_map(|band| [band.from_ms, band.to_ms]);
        edges.filter(|edge| *edge > time_ms).min().unwrap_or(DAY_MS)
    }
}
