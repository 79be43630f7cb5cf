//! A scenario from call records (`turno cdr export`): arrivals by half hour, mix of queues and segments, handle times, patience,
//! and the agents who answered.
//!
//! What records do not hold is left as a plain centre has it, for the operator to fill in: wrap-up, wait targets, levels of
//! skill, shifts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use turno_base::{AgentId, Name, QueueId, SegmentId};

use crate::policy::Knobs;
use crate::scenario::{Group, QueueMix, Redial, Rings, Scenario, SegmentMix};

/// Parts of a day that arrivals are counted by, seconds.
const PART_S: f64 = 1800.0;
/// Fewest calls in queues that a fit is made of.
pub const CALLS_MIN: usize = 50;

/// The columns that are read; see `cdr.csv`.
#[derive(Clone, Debug, Deserialize)]
struct Line {
    direction: String,
    segment: String,
    value_per_mille: Option<u32>,
    queue: String,
    agent: String,
    arrived: String,
    wait_ms: u64,
    talk_ms: u64,
    hold_ms: u64,
    outcome: String,
}

/// Why there is no scenario.
#[derive(Debug)]
pub enum FitError {
    /// Not the format of `turno cdr export`.
    Format(csv::Error),
    /// An arrival that is no time.
    Time(String),
    /// Fewer than [`CALLS_MIN`] calls in queues.
    TooFew(usize),
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FitError::Format(error) => write!(f, "not as turno cdr export writes it: {error}"),
            FitError::Time(text) => write!(f, "{text:?} is no time of arrival"),
            FitError::TooFew(calls) => write!(f, "{calls} calls in queues; at least {CALLS_MIN} are needed"),
        }
    }
}

impl std::error::Error for FitError {}

/// A fit, and how well it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The scenario.
    pub scenario: Scenario,
    /// Days with calls.
    pub days: usize,
    /// By segment.
    pub patience: Vec<Patience>,
}

/// How a segment gives up: what is left of it by Kaplan and Meier (who is answered leaves without having given up), beside the
/// exponential that the scenario has.
#[derive(Clone, Debug, PartialEq)]
pub struct Patience {
    /// Segment.
    pub segment: SegmentId,
    /// Calls that gave up.
    pub abandoned: usize,
    /// At so many seconds: share that would still wait, as observed and as fitted.
    pub left: Vec<(f64, f64, f64)>,
}

struct Call {
    line: Line,
    day: i64,
    second: f64,
}

impl Call {
    fn is_answered(&self) -> bool {
        self.line.outcome == "answered"
    }

    fn segment(&self) -> SegmentId {
        SegmentId::new(&self.line.segment).unwrap_or_else(|_| SegmentId(plain("all")))
    }
}

fn plain(text: &str) -> Name {
    Name::new(text).expect("a name in lower case")
}

/// `local` turns an arrival into a number of a day and a second of it, in the centre's time zone. `wrap_up_s` is what
/// records do not say.
pub fn fit(csv: &[u8], wrap_up_s: f64, local: &dyn Fn(&str) -> Option<(i64, f64)>) -> Result<Fit, FitError> {
    let mut calls = Vec::new();
    for line in csv::Reader::from_reader(csv).deserialize() {
        let line: Line = line.map_err(FitError::Format)?;
        if line.direction == "inbound" && QueueId::new(&line.queue).is_ok() {
            let (day, second) = local(&line.arrived).ok_or_else(|| FitError::Time(line.arrived.clone()))?;
            calls.push(Call { line, day, second });
        }
    }
    if calls.len() < CALLS_MIN {
        return Err(FitError::TooFew(calls.len()));
    }
    let days = calls.iter().map(|call| call.day).collect::<BTreeSet<i64>>().len();
    let (opens, profile) = arrivals(&calls);
    let segments = segments(&calls);
    let patience = segments.iter().map(|segment| patience(&calls, segment)).collect();
    let scenario = Scenario {
        name: plain("fitted"),
        title: format!("fitted to {} calls of {days} days", calls.len()),
        opens: format!("{:02}:{:02}", opens as u32 / 3600, opens as u32 / 60 % 60),
        hours: profile.len() as f64 * PART_S / 3600.0,
        days: 20,
        seed: 1,
        warm_up_s: 0.0,
        load: None,
        calls_per_day: Some(round(calls.len() as f64 / days as f64)),
        profile,
        short_abandon_s: 5.0,
        answered_within_s: 20.0,
        ring: Rings::default(),
        redial: Redial::default(),
        turno: Knobs::default(),
        levels: Vec::new(),
        queues: queues(&calls, wrap_up_s),
        segments,
        groups: groups(&calls, days),
        absences: Vec::new(),
        surges: Vec::new(),
    };
    Ok(Fit { scenario, days, patience })
}

/// When the doors open, seconds since midnight, and calls by half hour: the span that holds all but the first and last half
/// percent of the calls.
fn arrivals(calls: &[Call]) -> (f64, Vec<f64>) {
    let mut seconds: Vec<f64> = calls.iter().map(|call| call.second).collect();
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| seconds[((seconds.len() - 1) as f64 * share) as usize];
    let from = (at(0.005) / PART_S).floor() as usize;
    let to = (at(0.995) / PART_S).floor() as usize;
    let mut profile = vec![0.0; to - from + 1];
    for second in seconds {
        let part = (second / PART_S) as usize;
        if (from..=to).contains(&part) {
            profile[part - from] += 1.0;
        }
    }
    (from as f64 * PART_S, profile)
}

fn queues(calls: &[Call], wrap_up_s: f64) -> Vec<QueueMix> {
    let names: BTreeSet<&str> = calls.iter().map(|call| call.line.queue.as_str()).collect();
    let mix = |name: &&str| {
        let of_it = || calls.iter().filter(|call| call.line.queue == **name);
        let handled: Vec<f64> = of_it()
            .filter(|call| call.is_answered())
            .map(|call| (call.line.talk_ms + call.line.hold_ms) as f64 / 1000.0)
            .collect();
        let many = handled.len() as f64;
        let mean = handled.iter().sum::<f64>() / many.max(1.0);
        let variance = handled.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (many - 1.0).max(1.0);
        QueueMix {
            name: QueueId(plain(name)),
            share: of_it().count() as f64,
            // Nobody was answered: as an average conversation.
            handle_s: if mean > 0.0 { round(mean.max(1.0)) } else { 330.0 },
            handle_cv: Some(if mean > 0.0 { round((variance.sqrt() / mean).min(10.0)) } else { 0.8 }),
            wrap_up_s,
            weight: 0,
        }
    };
    names.iter().map(mix).collect()
}

fn segments(calls: &[Call]) -> Vec<SegmentMix> {
    let names: BTreeSet<SegmentId> = calls.iter().map(Call::segment).collect();
    let mix = |&name: &SegmentId| {
        let of_it = || calls.iter().filter(|call| call.segment() == name);
        let values: Vec<f64> =
            of_it().filter_map(|call| call.line.value_per_mille).map(|pm| f64::from(pm) / 1000.0).collect();
        let value = values.iter().sum::<f64>() / (values.len() as f64).max(1.0);
        let waited: f64 = of_it().map(|call| call.line.wait_ms as f64 / 1000.0).sum();
        let gave_up = of_it().filter(|call| !call.is_answered()).count();
        SegmentMix {
            name,
            share: of_it().count() as f64,
            value: if value >= 0.001 { round(value) } else { 1.0 },
            target_s: 20.0,
            guard_s: 240.0,
            // The likeliest exponential: all the waiting there was for each who gave up.
            patience_s: if gave_up > 0 { round((waited / gave_up as f64).max(1.0)) } else { 0.0 },
            base_score_s: 0.0,
            rings: Vec::new(),
        }
    };
    names.iter().map(mix).collect()
}

fn patience(calls: &[Call], segment: &SegmentMix) -> Patience {
    let mut waits: Vec<(u64, bool)> = (calls.iter().filter(|call| call.segment() == segment.name))
        .map(|call| (call.line.wait_ms, call.is_answered()))
        .collect();
    waits.sort_unstable();
    let observed = |second: f64| {
        let (mut left, mut at_risk) = (1.0, waits.len() as f64);
        for &(wait_ms, is_answered) in &waits {
            if wait_ms as f64 > second * 1000.0 {
                break;
            }
            if !is_answered {
                left *= 1.0 - 1.0 / at_risk;
            }
            at_risk -= 1.0;
        }
        left
    };
    let fitted = |second: f64| if segment.patience_s > 0.0 { (-second / segment.patience_s).exp() } else { 1.0 };
    Patience {
        segment: segment.name,
        abandoned: waits.iter().filter(|(_, is_answered)| !is_answered).count(),
        left: [15.0, 30.0, 60.0, 120.0].into_iter().map(|second| (second, observed(second), fitted(second))).collect(),
    }
}

/// Agents who answered the same queues are a group; as many as answered on a mean day.
fn groups(calls: &[Call], days: usize) -> Vec<Group> {
    let mut serves: BTreeMap<AgentId, BTreeSet<QueueId>> = BTreeMap::new();
    let mut present: BTreeMap<AgentId, BTreeSet<i64>> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.is_answered()) {
        if let (Ok(agent), Ok(queue)) = (AgentId::new(&call.line.agent), QueueId::new(&call.line.queue)) {
            serves.entry(agent).or_default().insert(queue);
            present.entry(agent).or_default().insert(call.day);
        }
    }
    let mut days_of: BTreeMap<BTreeSet<QueueId>, usize> = BTreeMap::new();
    for (agent, queues) in serves {
        *days_of.entry(queues).or_default() += present.get(&agent).map_or(0, BTreeSet::len);
    }
    let group = |(n, (queues, agent_days)): (usize, (BTreeSet<QueueId>, usize))| Group {
        name: plain(&format!("group-{}", n + 1)),
        agents: (agent_days as f64 / days as f64).round().max(1.0) as u32,
        skills: queues.into_iter().map(|queue| (queue, vec![1])).collect(),
        from: None,
        to: None,
    };
    days_of.into_iter().enumerate().map(group).collect()
}

/// Two digits after the point: more would look like knowledge.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
