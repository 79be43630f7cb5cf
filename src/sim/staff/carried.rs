//! What an interval inherits: callers who still wait, and agents who still talk, when it begins. After a peak it needs more agents
//! than by itself, and after a quiet time sometimes fewer.
//!
//! The intervals before it are played with the agents that were found for them; their agents stay as long as they are asked for,
//! and who is not needed any more ends the call he has.

use std::ops::Range;

use super::{Goal, LASTS_S, Requirement, Slot, Tally, WARM_UP_S, is_hopeless, spare, still};
use crate::day::{Centre, Day, Move};
use crate::draw::{stream, us};
use crate::policy::Named;
use crate::scenario::Scenario;
use crate::world::ledger;

/// At least so much before an interval is played as it was planned, seconds, if there is as much.
const LEAD_S: f64 = 1800.0;

/// Goes through the requirements of a day in order and gives each interval whom it needs as it really begins. What no number
/// of agents reached stays so, and an interval that follows on none, or on such a one, stays as it was found. `done` is
/// told of each.
pub fn carry(scenario: &Scenario, day: &mut [Requirement], goal: Goal, days: u32, mut done: impl FnMut()) {
    for at in 0..day.len() {
        let from = first_of_lead(day, at);
        let is_called = day[at].slot.calls.iter().sum::<f64>() > 0.0;
        if from < at
            && is_called
            && let Some(groups) = day[at].groups.clone()
        {
            let run = Run::new(scenario, &day[from..=at], goal, days);
            if let Some(found) = run.fewest(groups, day[at].erlangs) {
                day[at].answered_pct = run.worst(&found);
                day[at].groups = Some(found);
            }
        }
        done();
    }
}

/// The first of the intervals without a gap that are played before one.
fn first_of_lead(day: &[Requirement], at: usize) -> usize {
    let mut from = at;
    while from > 0 && day[at].slot.from_s - day[from].slot.from_s < LEAD_S {
        let (before, first) = (&day[from - 1], &day[from].slot);
        let is_next = (before.slot.from_s + before.slot.lasts_s - first.from_s).abs() < 1e-6;
        if !is_next || before.groups.is_none() {
            break;
        }
        from -= 1;
    }
    from
}

/// An interval and those before it, of which the first goes on for a warm-up longer.
struct Run<'a> {
    scenario: &'a Scenario,
    goal: Goal,
    /// With the agents found for them; of the last those that are tried.
    before: Vec<(Range<u64>, Vec<u32>)>,
    /// The one that is judged, µs since the play began.
    judged: Range<u64>,
    /// Callers of each play.
    plays: Vec<Day>,
    whole: Scenario,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, lead: &[Requirement], goal: Goal, days: u32) -> Run<'a> {
        let mut spans: Vec<(f64, &Slot, &[u32])> = Vec::new();
        let mut at_s = 0.0;
        for (n, one) in lead.iter().enumerate() {
            let lasts_s = one.slot.lasts_s + if n == 0 { WARM_UP_S } else { 0.0 };
            spans.push((lasts_s, &one.slot, one.groups.as_deref().unwrap_or(&[])));
            at_s += lasts_s;
        }
        let judged_s = lead.last().map_or(0.0, |one| one.slot.lasts_s);
        let many = (f64::from(days.max(1)) * LASTS_S / judged_s.max(1.0)).ceil() as u32;
        let plays = (0..many).map(|n| callers(scenario, &spans, goal, n)).collect();
        let mut whole = still(scenario, &Slot { calls: Vec::new(), ..lead[0].slot.clone() }, goal, at_s);
        whole.calls_per_day = Some(1.0);
        let mut from = 0.0;
        let mut before = Vec::new();
        for (lasts_s, _, groups) in spans {
            before.push((us(from)..us(from + lasts_s), groups.to_vec()));
            from += lasts_s;
        }
        let judged = before.pop().map_or(0..0, |(span, _)| span);
        Run { scenario, goal, before, judged, plays, whole }
    }

    /// Fewest agents by group, from those on that the interval needs by itself; none if no number in this mix does it.
    fn fewest(&self, alone: Vec<u32>, erlangs: f64) -> Option<Vec<u32>> {
        let all = f64::from(self.scenario.agents()).max(1.0);
        let with = |more: u32| -> Vec<u32> {
            let share = |agents: u32| (f64::from(agents) / all * f64::from(more)).ceil() as u32;
            alone.iter().zip(&self.scenario.groups).map(|(&has, group)| has + share(group.agents)).collect()
        };
        let mut more = 0;
        while !self.is_met(&with(more)) {
            if is_hopeless(&with(more), erlangs) {
                return None;
            }
            more = (more * 2).max(1);
        }
        let mut groups = with(more);
        for step in [4, 2, 1] {
            spare(&mut groups, step, |groups| self.is_met(groups));
        }
        Some(groups)
    }

    fn is_met(&self, groups: &[u32]) -> bool {
        groups.iter().sum::<u32>() > 0 && self.worst(groups) >= self.goal.answered_pct
    }

    /// Answered in time with these agents, percent, in the queue where it is least.
    fn worst(&self, groups: &[u32]) -> f64 {
        let mut whole = self.whole.clone();
        let most = |at: usize| self.before.iter().map(|(_, groups)| groups[at]).chain([groups[at]]).max().unwrap_or(0);
        for (at, group) in whole.groups.iter_mut().enumerate() {
            group.agents = most(at);
        }
        let mut centre = Centre::new(&whole);
        // They come and go by the interval.
        centre.seats.iter_mut().for_each(|seat| seat.shift = (0, 0));
        let moves = self.moves(&whole, groups);
        let mut tally = Tally::default();
        for day in &self.plays {
            let day = Day { moves: moves.clone(), ..day.clone() };
            let mut policy = Named::Turno(whole.turno.clone()).build(&whole, &centre, whole.seed);
            let calls = ledger(&whole, &centre, &day, policy.as_mut()).calls;
            tally.count(&whole, &calls, self.judged.clone());
        }
        tally.worst()
    }

    /// The first agents of each group are there: as many as an interval has.
    fn moves(&self, whole: &Scenario, groups: &[u32]) -> Vec<(u64, usize, Move)> {
        let mut moves = Vec::new();
        let mut first = 0;
        for (at, group) in whole.groups.iter().enumerate() {
            let asked = self.before.iter().map(|(span, groups)| (span.start, groups[at]));
            let mut there = 0;
            for (when, asked) in asked.chain([(self.judged.start, groups[at])]) {
                moves.extend((there..asked).map(|n| (when, first + n as usize, Move::In)));
                moves.extend((asked..there).map(|n| (when, first + n as usize, Move::Out)));
                there = asked;
            }
            first += group.agents as usize;
        }
        moves.sort_by_key(|&(when, agent, _)| (when, agent));
        moves
    }
}

/// The callers of one play: those of each interval drawn as if it stood alone, so that they are the same whatever came before.
fn callers(scenario: &Scenario, spans: &[(f64, &Slot, &[u32])], goal: Goal, n: u32) -> Day {
    let mut day = Day { callers: Vec::new(), absent: Vec::new(), moves: Vec::new(), deaf: Vec::new() };
    let mut from_s = 0.0;
    for (lasts_s, slot, _) in spans {
        if slot.calls.iter().sum::<f64>() > 0.0 {
            let still = still(scenario, slot, goal, *lasts_s);
            let seed = stream(still.seed, slot.from_s.to_bits()).next_u64();
            let drawn = Day::draw(&still, &Centre { seats: Vec::new(), closes: us(*lasts_s) }, seed, n);
            day.callers.extend(drawn.callers.into_iter().map(|mut caller| {
                caller.at += us(from_s);
                caller
            }));
        }
        from_s += lasts_s;
    }
    day
}
