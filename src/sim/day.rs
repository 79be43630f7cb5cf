//! One day's callers and agents, drawn before anybody is served.
//!
//! Each caller has a stream of his own: his patience, his matter and the phones that ring for him are the same under every
//! policy, whatever it does with others (common random numbers).

use turno_base::{AgentId, Seeded};

use crate::draw::{exponential, lognormal, pick, stream, unit, us};
use crate::scenario::{Scenario, clock};

/// Most calls of one caller: the first and his redials.
pub(crate) const ATTEMPTS_MAX: u32 = 4;

/// A caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// First call, µs since the doors opened.
    pub at: u64,
    /// Index of the queue.
    pub queue: usize,
    /// Index of the segment.
    pub segment: usize,
    pub(crate) story: Story,
}

/// What is in a caller's calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Story {
    /// Drawn by this seed.
    Drawn(u64),
    /// As a journal tells it; he calls but once.
    Told(Told),
}

/// One call as a journal tells it, µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Leaves after waiting so long; none: never.
    pub(crate) patience: Option<u64>,
    /// A rule of the queue or a person took him out then, not his patience.
    pub(crate) is_sent_on: bool,
    pub(crate) talk: u64,
    pub(crate) wrap_up: u64,
    /// Until an agent answers who is there.
    pub(crate) rings: u64,
}

/// What one call of a caller has in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Attempt {
    /// Hangs up after waiting so long, µs; none: never.
    pub(crate) patience: Option<u64>,
    /// Talk time ÷ its mean.
    pub(crate) handle: f64,
    /// Of the agent who has it, µs.
    pub(crate) wrap_up: u64,
    /// Calls again after giving up, µs.
    pub(crate) redials_after: Option<u64>,
}

/// What an agent does when rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rung {
    /// Answers after so many µs.
    Answers(u64),
    /// Lets it ring.
    Misses,
}

impl Caller {
    pub(crate) fn attempt(&self, scenario: &Scenario, n: u32) -> Attempt {
        let wrap_up = us(scenario.queues[self.queue].wrap_up_s);
        let seed = match self.story {
            Story::Drawn(seed) => seed,
            Story::Told(told) => {
                let handle = told.talk as f64 / 1e6 / scenario.queues[self.queue].handle_s;
                return Attempt { patience: told.patience, handle, wrap_up: told.wrap_up, redials_after: None };
            }
        };
        let mut dice = stream(seed, u64::from(n));
        let patience_s = scenario.segments[self.segment].patience_s;
        let patience = us(exponential(&mut dice, patience_s));
        let handle = match scenario.queues[self.queue].handle_cv {
            Some(cv) => lognormal(&mut dice, cv),
            None => exponential(&mut dice, 1.0),
        };
        let redials = unit(&mut dice) * 100.0 <= scenario.redial.pct && n + 1 < ATTEMPTS_MAX;
        let after = us(exponential(&mut dice, scenario.redial.after_s));
        let patience = (patience_s > 0.0).then_some(patience);
        Attempt { patience, handle, wrap_up, redials_after: redials.then_some(after) }
    }

    /// The `offer`-th phone that rings for his `n`-th call.
    pub(crate) fn rung(&self, scenario: &Scenario, n: u32, offer: u32) -> Rung {
        let seed = match self.story {
            Story::Drawn(seed) => seed,
            Story::Told(told) => return Rung::Answers(told.rings),
        };
        let mut dice = stream(seed, (u64::from(offer) + 1) << 32 | u64::from(n));
        let ring = &scenario.ring;
        if unit(&mut dice) * 100.0 <= ring.no_answer_pct {
            return Rung::Misses;
        }
        Rung::Answers(us(ring.answer_min_s + (ring.answer_max_s - ring.answer_min_s) * unit(&mut dice)))
    }
}

/// An agent of the centre.
#[derive(Clone, Debug, PartialEq)]
pub struct Seat {
    /// Group and number.
    pub name: AgentId,
    /// Level by index of queue; 0: does not serve it.
    pub levels: Vec<u8>,
    /// Agents with equal levels have equal numbers.
    pub profile: usize,
    /// Shift, µs since the doors opened.
    pub shift: (u64, u64),
}

/// What is the same every day.
#[derive(Clone, Debug, PartialEq)]
pub struct Centre {
    /// Agents.
    pub seats: Vec<Seat>,
    /// When the doors close, µs.
    pub closes: u64,
}

impl Centre {
    /// The agents of a scenario that passed [`Scenario::check`].
    pub fn new(scenario: &Scenario) -> Centre {
        let closes = us(scenario.hours * 3600.0);
        let mut profiles: Vec<Vec<u8>> = Vec::new();
        let mut seats = Vec::new();
        for group in &scenario.groups {
            let time = |text: &Option<String>, otherwise: u64| match text {
                Some(text) => since_opening(scenario, text).min(closes),
                None => otherwise,
            };
            let shift = (time(&group.from, 0), time(&group.to, closes));
            for n in 0..group.agents {
                let level = |levels: &Vec<u8>| levels[n as usize % levels.len()];
                let queues = scenario.queues.iter();
                let levels: Vec<u8> = queues.map(|q| group.skills.get(&q.name).map_or(0, level)).collect();
                let profile = profiles.iter().position(|known| *known == levels).unwrap_or_else(|| {
                    profiles.push(levels.clone());
                    profiles.len() - 1
                });
                let name = format!("{:.19}-{}", group.name.as_str(), n + 1);
                let name = AgentId::new(&name).expect("a name, a dash and a number of four digits is a name");
                seats.push(Seat { name, levels, profile, shift });
            }
        }
        Centre { seats, closes }
    }
}

/// µs since the doors opened; what lies before is the next day's.
fn since_opening(scenario: &Scenario, text: &str) -> u64 {
    let opens = clock("opens", &scenario.opens).unwrap_or(0.0);
    let at = clock("time", text).unwrap_or(opens);
    us(if at < opens { at + 86_400.0 - opens } else { at - opens })
}

/// A day.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    /// By time of first call.
    pub callers: Vec<Caller>,
    /// Who leaves early: agent, when, and when he is back.
    pub absent: Vec<(usize, u64, Option<u64>)>,
    /// Agents who come, go and pause otherwise than by shift, as a journal tells it: when, who, how. By time.
    pub(crate) moves: Vec<(u64, usize, Move)>,
    /// By agent: from when to when he lets it ring. By time; empty: never.
    pub(crate) deaf: Vec<Vec<(u64, u64)>>,
}

/// How an agent stands from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Ready, or at work for a call of the day.
    In,
    /// Not ready.
    Paused,
    /// Not at work.
    Out,
}

impl Day {
    /// The `n`-th day of `seed`.
    pub fn draw(scenario: &Scenario, centre: &Centre, seed: u64, n: u32) -> Day {
        let day = stream(seed, u64::from(n)).next_u64();
        let absent = absent(scenario, centre, day);
        Day { callers: callers(scenario, day), absent, moves: Vec::new(), deaf: Vec::new() }
    }

    /// He lets a phone ring that rings at this instant.
    pub(crate) fn is_deaf(&self, agent: usize, at: u64) -> bool {
        let Some(spans) = self.deaf.get(agent) else { return false };
        let begun = spans.partition_point(|&(from, _)| from <= at);
        begun > 0 && at < spans[begun - 1].1
    }
}

/// A Poisson process whose rate follows profile and surges: candidates at the highest rate, thinned.
fn callers(scenario: &Scenario, day: u64) -> Vec<Caller> {
    let length = scenario.hours * 3600.0;
    let parts = scenario.profile.len() as f64;
    let mean = scenario.profile.iter().sum::<f64>() / parts;
    let base = scenario.calls_expected() / length;
    let surges: Vec<(f64, f64, usize)> = scenario
        .surges
        .iter()
        .enumerate()
        .map(|(at, s)| (since_opening(scenario, &s.from) as f64 / 1e6, since_opening(scenario, &s.to) as f64 / 1e6, at))
        .collect();
    let kinds: Vec<(usize, usize, f64)> = (0..scenario.queues.len())
        .flat_map(|q| (0..scenario.segments.len()).map(move |s| (q, s)))
        .map(|(q, s)| (q, s, scenario.queues[q].share * scenario.segments[s].share))
        .collect();
    let whole: f64 = kinds.iter().map(|(_, _, share)| share).sum();
    let weight = |&(q, s, share): &(usize, usize, f64), t: f64| {
        let factors = surges.iter().filter(|(from, to, _)| t >= *from && t < *to).map(|&(_, _, at)| {
            let surge = &scenario.surges[at];
            let is_meant = surge.queue.is_none_or(|name| name == scenario.queues[q].name)
                && surge.segment.is_none_or(|name| name == scenario.segments[s].name);
            if is_meant { surge.factor } else { 1.0 }
        });
        share / whole * factors.product::<f64>()
    };
    let highest = scenario.profile.iter().copied().fold(0.0, f64::max) / mean;
    let surged: f64 = scenario.surges.iter().map(|surge| surge.factor.max(1.0)).product();
    let rate_max = base * highest * surged;
    let mut dice = stream(day, 1);
    let mut found = Vec::new();
    let mut t = 0.0;
    loop {
        t += exponential(&mut dice, 1.0 / rate_max);
        if t >= length {
            return found;
        }
        let part = scenario.profile[((t / length * parts) as usize).min(scenario.profile.len() - 1)] / mean;
        let now: f64 = kinds.iter().map(|kind| weight(kind, t)).sum();
        let (keep, which) = (unit(&mut dice), unit(&mut dice));
        if keep * rate_max <= base * part * now {
            let (queue, segment, _) = kinds[pick(kinds.iter().map(|kind| weight(kind, t)), which)];
            let seed = stream(day, 1000 + found.len() as u64).next_u64();
            found.push(Caller { at: us(t), queue, segment, story: Story::Drawn(seed) });
        }
    }
}

fn absent(scenario: &Scenario, centre: &Centre, day: u64) -> Vec<(usize, u64, Option<u64>)> {
    let mut dice: Seeded = stream(day, 2);
    let mut gone = Vec::new();
    for absence in &scenario.absences {
        let at = since_opening(scenario, &absence.at);
        let back = (absence.for_s > 0.0).then(|| at + us(absence.for_s));
        let mut present: Vec<usize> = (0..centre.seats.len()).collect();
        let many = (present.len() as f64 * absence.pct / 100.0).round() as usize;
        for _ in 0..many {
            let at_random = dice.below(present.len() as u64) as usize;
            gone.push((present.swap_remove(at_random), at, back));
        }
    }
    gone
}
