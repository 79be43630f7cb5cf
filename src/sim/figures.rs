//! What a day came to.
//!
//! Who hung up within the short-abandon threshold is not counted anywhere. A wait runs from the call's arrival to the answer,
//! or to the moment its caller gave up: leaving out those who gave up would flatter whoever lets them.

use serde::{Deserialize, Serialize};

use crate::day::Centre;
use crate::draw::us;
use crate::scenario::Scenario;
use crate::world::{Ledger, Outcome};

/// One day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Calls counted.
    pub calls: u64,
    /// Of them not answered.
    pub abandoned: u64,
    /// Not counted: gave up within the short-abandon threshold.
    pub short: u64,
    /// Not counted: taken out by a rule or a person, as a journal tells it.
    pub sent_on: u64,
    /// Of the calls counted, answered within the threshold.
    pub answered_within: u64,
    /// Sum of waits of those answered, seconds.
    pub wait_answered_s: f64,
    /// Sum of the values of calls counted.
    pub value: f64,
    /// Sum of value × wait, seconds.
    pub value_wait_s: f64,
    /// Sum of the values of calls not answered.
    pub value_abandoned: f64,
    /// Calls counted that did not get an agent at once.
    pub delayed: u64,
    /// Worked ÷ logged in, all agents together.
    pub occupancy: f64,
    /// Coefficient of variation of occupancy among agents of one profile; mean over profiles by their agents.
    pub occupancy_spread: f64,
    /// By segment, in order of the scenario.
    pub segments: Vec<SegmentFigures>,
}

/// One segment's day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SegmentFigures {
    /// Calls counted.
    pub calls: u64,
    /// Of them not answered.
    pub abandoned: u64,
    /// Answered within the segment's own target.
    pub in_target: u64,
    /// Answered within the threshold.
    pub answered_within: u64,
    /// Sum of waits, seconds.
    pub wait_s: f64,
    /// Longest wait, seconds.
    pub longest_s: f64,
}

/// A figure that policies are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Wait, each call weighing as much as its customer's value; seconds.
    ValueWait,
    /// Abandonment, weighed alike; percent.
    ValueAbandoned,
    /// Abandonment; percent.
    Abandoned,
    /// Answered within the threshold; percent.
    AnsweredWithin,
    /// See [`Figures::occupancy_spread`]; percent.
    OccupancySpread,
    /// Longest wait of the segment of least value; seconds.
    LongestOfLowest,
    /// Mean wait of those answered; seconds.
    Asa,
    /// See [`Figures::occupancy`]; percent.
    Occupancy,
}

impl Measure {
    /// In the order of tables and pictures.
    pub const ALL: [Measure; 8] = [
        Measure::ValueWait,
        Measure::ValueAbandoned,
        Measure::Abandoned,
        Measure::AnsweredWithin,
        Measure::OccupancySpread,
        Measure::LongestOfLowest,
        Measure::Asa,
        Measure::Occupancy,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Measure::ValueWait => "value-weighted wait",
            Measure::ValueAbandoned => "value-weighted abandonment",
            Measure::Abandoned => "abandonment",
            Measure::AnsweredWithin => "answered within threshold",
            Measure::OccupancySpread => "occupancy spread",
            Measure::LongestOfLowest => "longest wait, lowest segment",
            Measure::Asa => "mean wait of answered",
            Measure::Occupancy => "occupancy",
        }
    }

    /// In JSON.
    pub fn key(self) -> &'static str {
        match self {
            Measure::ValueWait => "value_wait_s",
            Measure::ValueAbandoned => "value_abandoned_pct",
            Measure::Abandoned => "abandoned_pct",
            Measure::AnsweredWithin => "answered_within_pct",
            Measure::OccupancySpread => "occupancy_spread_pct",
            Measure::LongestOfLowest => "longest_lowest_s",
            Measure::Asa => "asa_s",
            Measure::Occupancy => "occupancy_pct",
        }
    }

    /// `s` or `%`.
    pub fn unit(self) -> &'static str {
        match self {
            Measure::ValueWait | Measure::LongestOfLowest | Measure::Asa => "s",
            Measure::ValueAbandoned
            | Measure::Abandoned
            | Measure::AnsweredWithin
            | Measure::OccupancySpread
            | Measure::Occupancy => "%",
        }
    }

    /// Differences are told in percentage points, not in percent of the other.
    pub fn is_in_points(self) -> bool {
        match self {
            Measure::AnsweredWithin | Measure::OccupancySpread | Measure::Occupancy => true,
            Measure::ValueWait
            | Measure::ValueAbandoned
            | Measure::Abandoned
            | Measure::LongestOfLowest
            | Measure::Asa => false,
        }
    }

    /// This figure of a day.
    pub fn of(self, day: &Figures, lowest: usize) -> f64 {
        let pct = |part: f64, whole: f64| if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
        let calls = day.calls as f64;
        match self {
            Measure::ValueWait => pct(day.value_wait_s, day.value) / 100.0,
            Measure::ValueAbandoned => pct(day.value_abandoned, day.value),
            Measure::Abandoned => pct(day.abandoned as f64, calls),
            Measure::AnsweredWithin => pct(day.answered_within as f64, calls),
            Measure::OccupancySpread => 100.0 * day.occupancy_spread,
            Measure::LongestOfLowest => day.segments.get(lowest).map_or(0.0, |segment| segment.longest_s),
            Measure::Asa => pct(day.wait_answered_s, calls - day.abandoned as f64) / 100.0,
            Measure::Occupancy => 100.0 * day.occupancy,
        }
    }
}

impl Figures {
    pub(crate) fn of(scenario: &Scenario, centre: &Centre, books: &Ledger) -> Figures {
        let mut figures =
            Figures { segments: vec![SegmentFigures::default(); scenario.segments.len()], ..Figures::default() };
        let (warm_up, short) = (us(scenario.warm_up_s), us(scenario.short_abandon_s));
        for call in books.calls.iter().filter(|call| call.arrived >= warm_up && call.arrived < centre.closes) {
            if call.answered_by.is_none() && !call.is_sent_on && call.wait <= short {
                figures.short += 1;
            } else if call.is_sent_on {
                figures.sent_on += 1;
            } else {
                figures.add(scenario, call);
            }
        }
        let (worked, logged) =
            books.agents.iter().fold((0, 0), |(worked, logged), agent| (worked + agent.0, logged + agent.1));
        figures.occupancy = if logged > 0 { worked as f64 / logged as f64 } else { 0.0 };
        figures.occupancy_spread = spread(centre, books);
        figures
    }

    fn add(&mut self, scenario: &Scenario, call: &Outcome) {
        let segment = &scenario.segments[call.segment];
        let mine = &mut self.segments[call.segment];
        let wait_s = call.wait as f64 / 1e6;
        self.calls += 1;
        self.value += segment.value;
        self.value_wait_s += segment.value * wait_s;
        self.delayed += u64::from(call.wait > 0);
        mine.calls += 1;
        mine.wait_s += wait_s;
        mine.longest_s = mine.longest_s.max(wait_s);
        if call.answered_by.is_none() {
            self.abandoned += 1;
            self.value_abandoned += segment.value;
            mine.abandoned += 1;
            return;
        }
        self.wait_answered_s += wait_s;
        mine.in_target += u64::from(wait_s <= segment.target_s);
        if wait_s <= scenario.answered_within_s {
            self.answered_within += 1;
            mine.answered_within += 1;
        }
    }
}

fn spread(centre: &Centre, books: &Ledger) -> f64 {
    let profiles = centre.seats.iter().map(|seat| seat.profile + 1).max().unwrap_or(0);
    let (mut sum, mut agents) = (0.0, 0.0);
    for profile in 0..profiles {
        let of_it = centre.seats.iter().zip(&books.agents).filter(|(seat, _)| seat.profile == profile);
        let all: Vec<f64> =
            of_it.filter(|(_, agent)| agent.1 > 0).map(|(_, agent)| agent.0 as f64 / agent.1 as f64).collect();
        let many = all.len() as f64;
        let mean = all.iter().sum::<f64>() / many.max(1.0);
        if all.len() > 1 && mean > 0.0 {
            let variance = all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (many - 1.0);
            sum += many * variance.sqrt() / mean;
            agents += many;
        }
    }
    if agents > 0.0 { sum / agents } else { 0.0 }
}
