//! How many agents an interval needs: the fewest of each group with which every queue meets its goal, found by playing the
//! interval under the ACD itself. Formulas answer for one queue of alike agents; who serves two queues is worth more than one
//! and less than two, and only the matcher knows how much.
//!
//! An interval is judged as if it went on for `LASTS_S`, after a warm-up. First the whole mix of groups is made just large
//! enough, then each group gives back whom it can spare, the largest first. [`carry`] then goes through the day in order and
//! plays each interval as it begins: with whom the ones before it left waiting and talking.

mod carried;
pub mod picture;

pub use carried::carry;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use turno_base::QueueId;
use turno_report::erlang::{self, Load};

use crate::day::{Centre, Day};
use crate::draw::us;
use crate::policy::Named;
use crate::scenario::{AGENTS_MAX, Scenario, clock};
use crate::world::{Outcome, ledger};

/// An interval is played for so long, seconds, the warm-up not counted.
const LASTS_S: f64 = 4.0 * 3600.0;
/// Before calls count, seconds: the centre begins empty.
const WARM_UP_S: f64 = 1800.0;

/// What every queue must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// Calls answered within `within_s`, percent of those counted.
    pub answered_pct: f64,
    /// Seconds.
    pub within_s: f64,
}

/// Calls of one interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slot {
    /// Since midnight, seconds.
    pub from_s: f64,
    /// Length, seconds.
    pub lasts_s: f64,
    /// Expected calls by index of the scenario's queues.
    pub calls: Vec<f64>,
}

/// What an interval needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Requirement {
    /// The interval.
    pub slot: Slot,
    /// Offered work, Erlang, wrap-up included.
    pub erlangs: f64,
    /// Agents that Erlang C asks for if every queue had its own; none if it has no answer.
    pub erlang_c: Option<u32>,
    /// Agents by index of the scenario's groups; none if no number in this mix does it.
    pub groups: Option<Vec<u32>>,
    /// Answered in time with them, percent, in the queue where it is least.
    pub answered_pct: f64,
    /// Agents on shift at the interval's middle, by index of group.
    pub scheduled: Vec<u32>,
}

impl Requirement {
    /// Agents of all groups.
    pub fn agents(&self) -> Option<u32> {
        self.groups.as_ref().map(|groups| groups.iter().sum())
    }

    /// On shift.
    pub fn on_shift(&self) -> u32 {
        self.scheduled.iter().sum()
    }
}

/// Splits the scenario's own day into intervals of `lasts_s`: its profile, surges and shares say how many calls each has.
pub fn slots(scenario: &Scenario, lasts_s: f64) -> Vec<Slot> {
    let length = scenario.hours * 3600.0;
    let opens = clock("opens", &scenario.opens).unwrap_or(0.0);
    let parts = scenario.profile.len() as f64;
    let profile: f64 = scenario.profile.iter().sum();
    let shares: f64 = scenario.queues.iter().map(|queue| queue.share).sum();
    let many = (length / lasts_s).ceil().max(1.0) as usize;
    (0..many)
        .map(|n| {
            let (from, to) = (n as f64 * lasts_s, ((n + 1) as f64 * lasts_s).min(length));
            // How much of each part of the profile the interval covers.
            let part = |at: usize| {
                let (begins, ends) = (at as f64 * length / parts, (at + 1) as f64 * length / parts);
                ((to.min(ends) - from.max(begins)).max(0.0) / (ends - begins)) * scenario.profile[at] / profile
            };
            let share: f64 = (0..scenario.profile.len()).map(part).sum();
            let middle = opens + (from + to) / 2.0;
            let calls = scenario.queues.iter().map(|queue| {
                scenario.calls_expected() * share * queue.share / shares * surge(scenario, queue.name, middle)
            });
            Slot { from_s: opens + from, lasts_s: to - from, calls: calls.collect() }
        })
        .collect()
}

/// A forecast of whole days, as intervals of the scenario's opening hours. A queue that the scenario does not have is named.
pub fn forecast(scenario: &Scenario, expected: &BTreeMap<QueueId, Vec<f64>>) -> Result<Vec<Slot>, QueueId> {
    let known = |queue: &QueueId| scenario.queues.iter().any(|of| of.name == *queue);
    if let Some(unknown) = expected.keys().find(|queue| !known(queue)) {
        return Err(*unknown);
    }
    let intervals = expected.values().map(Vec::len).max().unwrap_or(0);
    let lasts_s = 86_400.0 / intervals.max(1) as f64;
    let opens = clock("opens", &scenario.opens).unwrap_or(0.0);
    let is_open = |from: f64| from + lasts_s > opens && from < opens + scenario.hours * 3600.0;
    let slot = |n: usize| {
        let calls = |queue: QueueId| expected.get(&queue).and_then(|calls| calls.get(n)).copied().unwrap_or(0.0);
        let calls = scenario.queues.iter().map(|queue| calls(queue.name)).collect();
        Slot { from_s: n as f64 * lasts_s, lasts_s, calls }
    };
    Ok((0..intervals).map(slot).filter(|slot| is_open(slot.from_s)).collect())
}

/// How many times as many calls of a queue come at this second of the day, over its segments.
fn surge(scenario: &Scenario, queue: QueueId, at: f64) -> f64 {
    let all: f64 = scenario.segments.iter().map(|segment| segment.share).sum();
    let of_segment = |segment: &crate::scenario::SegmentMix| {
        let surges = scenario.surges.iter().filter(|surge| {
            surge.queue.is_none_or(|of| of == queue)
                && surge.segment.is_none_or(|of| of == segment.name)
                && clock("from", &surge.from).is_ok_and(|from| from <= at)
                && clock("to", &surge.to).is_ok_and(|to| at < to)
        });
        segment.share / all * surges.map(|surge| surge.factor).product::<f64>()
    };
    scenario.segments.iter().map(of_segment).sum()
}

/// What one interval needs, over `days` plays of it. The scenario has passed [`Scenario::check`].
pub fn require(scenario: &Scenario, slot: &Slot, goal: Goal, days: u32) -> Requirement {
    let held = Held::new(scenario, slot, goal, days);
    let work = |(queue, calls): (&crate::scenario::QueueMix, &f64)| Load {
        rate: calls / slot.lasts_s,
        handle_s: queue.handle_s + queue.wrap_up_s,
    };
    let loads: Vec<Load> = scenario.queues.iter().zip(&slot.calls).map(work).filter(|load| load.rate > 0.0).collect();
    let erlangs = loads.iter().map(|load| load.erlangs()).sum();
    let erlang_c = loads.iter().map(|&load| erlang::agents_for(load, goal.answered_pct / 100.0, goal.within_s)).sum();
    let found = if loads.is_empty() { Some(vec![0; scenario.groups.len()]) } else { held.fewest(erlangs) };
    let answered_pct = found.as_ref().map_or(0.0, |groups| held.worst(groups));
    Requirement {
        slot: slot.clone(),
        erlangs,
        erlang_c,
        groups: found,
        answered_pct,
        scheduled: scheduled(scenario, slot.from_s + slot.lasts_s / 2.0),
    }
}

/// Agents on shift at this second of the day, by group.
fn scheduled(scenario: &Scenario, at: f64) -> Vec<u32> {
    let edge = |time: &Option<String>, else_: f64| time.as_ref().and_then(|t| clock("shift", t).ok()).unwrap_or(else_);
    let on = |group: &crate::scenario::Group| edge(&group.from, 0.0) <= at && at < edge(&group.to, 86_400.0);
    scenario.groups.iter().map(|group| if on(group) { group.agents } else { 0 }).collect()
}

/// The scenario as if the interval went on for so many seconds, with everybody there.
fn still(scenario: &Scenario, slot: &Slot, goal: Goal, lasts_s: f64) -> Scenario {
    let mut still = scenario.clone();
    still.hours = lasts_s / 3600.0;
    still.warm_up_s = WARM_UP_S;
    still.load = None;
    still.calls_per_day = Some(slot.calls.iter().sum::<f64>() * lasts_s / slot.lasts_s);
    still.profile = vec![1.0];
    still.answered_within_s = goal.within_s;
    (still.absences, still.surges) = (Vec::new(), Vec::new());
    for (queue, calls) in still.queues.iter_mut().zip(&slot.calls) {
        queue.share = *calls;
    }
    for group in &mut still.groups {
        (group.from, group.to) = (None, None);
    }
    still
}

/// One interval, held still.
struct Held<'a> {
    scenario: &'a Scenario,
    still: Scenario,
    goal: Goal,
    days: u32,
}

impl<'a> Held<'a> {
    fn new(scenario: &'a Scenario, slot: &Slot, goal: Goal, days: u32) -> Held<'a> {
        Held { scenario, still: still(scenario, slot, goal, WARM_UP_S + LASTS_S), goal, days: days.max(1) }
    }

    /// Fewest agents by group.
    fn fewest(&self, erlangs: f64) -> Option<Vec<u32>> {
        let all = f64::from(self.scenario.agents()).max(1.0);
        let mix = |times: f64| -> Vec<u32> {
            self.scenario.groups.iter().map(|group| (f64::from(group.agents) * times).ceil() as u32).collect()
        };
        // Fewer agents than work never do.
        let (mut low, mut high) = (0.0, (erlangs / all).max(0.5 / all));
        while !self.is_met(&mix(high)) {
            if is_hopeless(&mix(high), erlangs) {
                return None;
            }
            (low, high) = (high, high * 1.5);
        }
        while mix(high) != mix(low) && high - low > 0.5 / all {
            let middle = (low + high) / 2.0;
            if self.is_met(&mix(middle)) { high = middle } else { low = middle }
        }
        let mut groups = mix(high);
        for step in [8, 4, 2, 1] {
            spare(&mut groups, step, |groups| self.is_met(groups));
        }
        Some(groups)
    }

    fn is_met(&self, groups: &[u32]) -> bool {
        groups.iter().sum::<u32>() > 0 && self.worst(groups) >= self.goal.answered_pct
    }

    /// Answered in time with these agents, percent, in the queue where it is least.
    fn worst(&self, groups: &[u32]) -> f64 {
        let mut still = self.still.clone();
        for (group, &agents) in still.groups.iter_mut().zip(groups) {
            group.agents = agents;
        }
        let centre = Centre::new(&still);
        let mut tally = Tally::default();
        for n in 0..self.days {
            let day = Day::draw(&still, &centre, still.seed, n);
            let mut policy = Named::Turno(still.turno.clone()).build(&still, &centre, still.seed);
            let calls = ledger(&still, &centre, &day, policy.as_mut()).calls;
            tally.count(&still, &calls, us(WARM_UP_S)..centre.closes);
        }
        tally.worst()
    }
}

/// Calls, and of them answered in time, by index of queue.
#[derive(Default)]
struct Tally(BTreeMap<usize, (u64, u64)>);

impl Tally {
    /// Counts the calls that arrived in these µs, without those who gave up early.
    fn count(&mut self, still: &Scenario, calls: &[Outcome], arrived: std::ops::Range<u64>) {
        let (within, short) = (us(still.answered_within_s), us(still.short_abandon_s));
        for call in calls.iter().filter(|call| arrived.contains(&call.arrived)) {
            if call.answered_by.is_some() || call.wait > short {
                let (calls, in_time) = self.0.entry(call.queue).or_default();
                *calls += 1;
                *in_time += u64::from(call.answered_by.is_some() && call.wait <= within);
            }
        }
    }

    /// Answered in time, percent, in the queue where it is least.
    fn worst(&self) -> f64 {
        let shares = self.0.values().map(|&(calls, in_time)| 100.0 * in_time as f64 / calls as f64);
        shares.fold(100.0, f64::min)
    }
}

/// Each group in turn, the largest first, gives back `step` agents as long as the goal is still met.
fn spare(groups: &mut [u32], step: u32, is_met: impl Fn(&[u32]) -> bool) {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(groups[at]));
    for at in order {
        while groups[at] >= step {
            groups[at] -= step;
            if !is_met(groups) {
                groups[at] += step;
                break;
            }
        }
    }
}

/// Far more agents than work, and still not: ringing or skills stand in the way, not their number.
fn is_hopeless(groups: &[u32], erlangs: f64) -> bool {
    let agents = f64::from(groups.iter().sum::<u32>());
    agents >= f64::from(AGENTS_MAX) || agents > 8.0 * erlangs + 20.0 * groups.len() as f64
}

/// For a terminal: an interval a line, groups in columns.
pub fn table(scenario: &Scenario, goal: Goal, day: &[Requirement]) -> String {
    let mut text = format!(
        "{}: agents with which every queue answers {:.0} % within {:.0} s\n\n",
        scenario.name, goal.answered_pct, goal.within_s
    );
    let _ = write!(
        text,
        "{:5} {:>7} {:>7} {:>8} {:>8} {:>9} {:>5}",
        "from", "calls", "Erlang", "Erlang C", "required", "scheduled", "gap"
    );
    for group in &scenario.groups {
        let _ = write!(text, "  {}", group.name);
    }
    text.push('\n');
    for one in day {
        let calls: f64 = one.slot.calls.iter().sum();
        let or_none = |number: Option<u32>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
        let gap = one.agents().map(|agents| i64::from(one.on_shift()) - i64::from(agents));
        let _ = write!(
            text,
            "{:5} {calls:>7.0} {:>7.1} {:>8} {:>8} {:>9} {:>5}",
            picture::clock(one.slot.from_s),
            one.erlangs,
            or_none(one.erlang_c),
            or_none(one.agents()),
            one.on_shift(),
            gap.map_or_else(|| "-".to_owned(), |gap| format!("{gap:+}")),
        );
        for (at, group) in scenario.groups.iter().enumerate() {
            let agents = one.groups.as_ref().map_or_else(|| "-".to_owned(), |groups| groups[at].to_string());
            let _ = write!(text, "  {agents:>width$}", width = group.name.to_string().len());
        }
        text.push('\n');
    }
    text
}
