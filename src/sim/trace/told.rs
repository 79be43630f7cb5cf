//! The trace: a centre and a day as the world plays them, made of what was recorded.

use std::collections::BTreeMap;

use turno_acd::limits::{REASON_DECLINED, REASON_NO_ANSWER};
use turno_acd::need::is_met;
use turno_acd::{AcdConfig, AgentRules, Entry, SegmentRules};
use turno_base::fact::{AgentState, QueueLeft};
use turno_base::{AgentId, CallId, Name, Need, QueueId, Wall};

use crate::day::{Caller, Centre, Day, Move, Seat, Story, Told};
use crate::draw::{exponential, stream, us};
use crate::figures::Figures;
use crate::policy::{Knobs, Live, Named, Policy, playable};
use crate::scenario::{QueueMix, Redial, Rings, Scenario, SegmentMix};
use crate::trace::{Recorder, Seen, Stay, TraceError};
use crate::world::{Ledger, Outcome, ledger};

/// Who missed too many calls is back after, if the journal has nobody who was, seconds.
const BACK_AFTER_S: f64 = 120.0;
/// A call that was given up in a queue that answered none would have lasted, µs.
const TALK_US: u64 = 180_000_000;

/// What of a journal is not played, or does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Callers who were called back.
    pub callbacks: u64,
    /// Came and left in one instant.
    pub at_once: u64,
    /// Still waited at the end: they are played until then, and do not count unless they are answered.
    pub still_waiting: u64,
    /// A queue, segment or agent that the configuration does not have.
    pub unknown: u64,
    /// Beyond [`crate::trace::STAYS_MAX`].
    pub too_many: u64,
}

impl LeftOut {
    /// These and those.
    pub(crate) fn add(&mut self, those: LeftOut) {
        self.callbacks += those.callbacks;
        self.at_once += those.at_once;
        self.still_waiting += those.still_waiting;
        self.unknown += those.unknown;
        self.too_many += those.too_many;
    }

    /// All that are not played.
    pub fn all(&self) -> u64 {
        self.callbacks + self.at_once + self.unknown + self.too_many
    }
}

/// One call of the trace.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Call {
    at: u64,
    class: usize,
    segment: usize,
    waited: u64,
    left: QueueLeft,
    answered_by: Option<usize>,
    rings: Option<u64>,
    talk: u64,
    wrap_up: u64,
}

/// A stretch of a journal that can be played again.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(crate) scenario: Scenario,
    centre: Centre,
    config: AcdConfig,
    began: Wall,
    /// Queue and what else is needed, by index of the scenario's queues.
    classes: Vec<(QueueId, Need)>,
    calls: Vec<Call>,
    entries: Vec<Entry>,
    moves: Vec<(u64, usize, Move)>,
    deaf: Vec<Vec<(u64, u64)>>,
    /// Middle of the rings that were answered.
    rings: u64,
    /// Talk and wrap-up of what was answered, by queue.
    handled: BTreeMap<QueueId, Vec<(u64, u64)>>,
    left_out: LeftOut,
}

/// What an agent did, and for which stays.
#[derive(Default)]
struct Shift {
    moves: Vec<(u64, Move)>,
    deaf: Vec<(u64, u64)>,
    away: Vec<u64>,
}

impl Trace {
    pub(super) fn of(recorder: Recorder, config: &AcdConfig) -> Result<Trace, TraceError> {
        let Recorder { from, until, mut stays, agents, deaf, mut left_out, .. } = recorder;
        let (Some(from), Some(until)) = (from, until) else { return Err(TraceError::NoCalls) };
        let origin = from.mono.0;
        let closes = until.mono.0 - origin;
        let mut answered: BTreeMap<(AgentId, CallId), Vec<usize>> = BTreeMap::new();
        for (at, stay) in stays.iter().enumerate() {
            if let Some((_, QueueLeft::Answered(agent))) = stay.left {
                answered.entry((agent, stay.entry.item.0)).or_default().push(at);
            }
        }
        let (mut seats, mut moves, mut deaf_of, mut away) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (agent, seen) in &agents {
            let mut shift = shift(*agent, seen, &answered, &mut stays, origin, closes);
            if !config.agents.contains_key(agent) || shift.moves.iter().all(|(_, how)| *how != Move::In) {
                continue;
            }
            shift.deaf.extend(deaf.get(agent).into_iter().flatten().map(|(a, b)| (a.0 - origin, b.0 - origin)));
            moves.extend(shift.moves.iter().map(|&(at, how)| (at, seats.len(), how)));
            deaf_of.push(merged(shift.deaf));
            away.extend(shift.away);
            seats.push(*agent);
        }
        moves.sort_by_key(|&(at, agent, _)| (at, agent));
        if seats.is_empty() {
            return Err(TraceError::NoAgents);
        }
        let mut classes: Vec<(QueueId, Need)> = Vec::new();
        let (mut calls, mut entries) = (Vec::new(), Vec::new());
        for mut stay in stays {
            // Who still waits stands in the way of others as he did; what became of him nobody knows.
            let is_waiting = stay.left.is_none();
            stay.left = stay.left.or(Some((until.mono, QueueLeft::Withdrawn)));
            let Some(call) = call(&stay, &mut classes, &seats, config, origin) else {
                left_out.unknown += 1;
                continue;
            };
            left_out.still_waiting += u64::from(is_waiting);
            calls.push(call);
            entries.push(stay.entry);
        }
        if calls.is_empty() {
            return Err(TraceError::NoCalls);
        }
        let answered = calls.iter().filter(|call| call.answered_by.is_some());
        let mut rings: Vec<u64> = answered.filter_map(|call| call.rings).collect();
        rings.sort_unstable();
        let mut handled: BTreeMap<QueueId, Vec<(u64, u64)>> = BTreeMap::new();
        for call in calls.iter().filter(|call| call.answered_by.is_some()) {
            handled.entry(classes[call.class].0).or_default().push((call.talk, call.wrap_up));
        }
        let scenario = scenario(config, &classes, &calls, closes, &away);
        let seat = |name: &AgentId| Seat { name: *name, levels: Vec::new(), profile: 0, shift: (0, 0) };
        let centre = Centre { seats: seats.iter().map(seat).collect(), closes };
        let mut trace = Trace {
            scenario,
            centre,
            config: config.clone(),
            began: from.wall,
            classes,
            calls,
            entries,
            moves,
            deaf: deaf_of,
            rings: rings.get(rings.len() / 2).copied().unwrap_or(0),
            handled,
            left_out,
        };
        trace.centre = trace.centre_of(config);
        Ok(trace)
    }

    /// Calls that are played.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Agents.
    pub fn agents(&self) -> usize {
        self.centre.seats.len()
    }

    /// When it began, and how many seconds it lasts.
    pub fn span(&self) -> (Wall, f64) {
        (self.began, self.centre.closes as f64 / 1e6)
    }

    /// What is not played.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The configuration that was in force.
    pub fn config(&self) -> &AcdConfig {
        &self.config
    }

    /// The first queue that calls came into and this configuration does not have.
    pub fn missing_queue(&self, config: &AcdConfig) -> Option<QueueId> {
        self.classes.iter().map(|(queue, _)| *queue).find(|queue| !config.queues.contains_key(queue))
    }

    /// The agents of the trace, as this configuration has them.
    fn centre_of(&self, config: &AcdConfig) -> Centre {
        let mut profiles: Vec<Vec<u8>> = Vec::new();
        let seat = |seat: &Seat| {
            let rules = config.agents.get(&seat.name);
            let level = |(queue, need): &(QueueId, Need)| rules.map_or(0, |rules| level(rules, *queue, need, config));
            let levels: Vec<u8> = self.classes.iter().map(level).collect();
            let profile = profiles.iter().position(|known| *known == levels).unwrap_or_else(|| {
                profiles.push(levels.clone());
                profiles.len() - 1
            });
            Seat { levels, profile, ..seat.clone() }
        };
        Centre { seats: self.centre.seats.iter().map(seat).collect(), closes: self.centre.closes }
    }

    /// The `n`-th draw of what the journal does not tell.
    fn day(&self, seed: u64, n: u32) -> Day {
        let caller = |(at, call): (usize, &Call)| {
            let mut dice = stream(stream(seed, u64::from(n)).next_u64(), at as u64);
            let mean_s = self.scenario.segments[call.segment].patience_s;
            let longer = us(exponential(&mut dice, mean_s));
            let (talk, wrap_up) = match call.answered_by {
                Some(_) => (call.talk, call.wrap_up),
                None => match self.handled.get(&self.classes[call.class].0) {
                    Some(known) => known[dice.below(known.len() as u64) as usize],
                    None => (TALK_US, 0),
                },
            };
            let patience = match call.answered_by {
                Some(_) => (mean_s > 0.0).then_some(call.waited + longer),
                None => Some(call.waited),
            };
            let rings = match (call.answered_by, call.rings) {
                (Some(_), Some(rang)) => rang,
                // It would have rung for longer than he waited for it.
                (None, Some(rang)) => self.rings.max(rang + 1),
                (Some(_) | None, None) => self.rings,
            };
            let told = Told { patience, is_sent_on: is_sent_on(call.left), talk, wrap_up, rings };
            Caller { at: call.at, queue: call.class, segment: call.segment, story: Story::Told(told) }
        };
        Day {
            callers: self.calls.iter().enumerate().map(caller).collect(),
            absent: Vec::new(),
            moves: self.moves.clone(),
            deaf: self.deaf.clone(),
        }
    }

    /// One draw under a whole configuration.
    pub(crate) fn under(&self, config: &AcdConfig, seed: u64, n: u32) -> Ledger {
        let centre = self.centre_of(config);
        let is_sent_on = self.calls.iter().map(|call| is_sent_on(call.left)).collect();
        let mut policy =
            Live::new(&playable(config), &centre, &self.entries, is_sent_on, seed.wrapping_add(u64::from(n)));
        self.play(&centre, seed, n, &mut policy)
    }

    /// One draw under a baseline.
    pub(crate) fn under_named(&self, policy: &Named, seed: u64, n: u32) -> Ledger {
        let mut policy = policy.build(&self.scenario, &self.centre, seed.wrapping_add(u64::from(n)));
        self.play(&self.centre, seed, n, policy.as_mut())
    }

    fn play(&self, centre: &Centre, seed: u64, n: u32, policy: &mut dyn Policy) -> Ledger {
        ledger(&self.scenario, centre, &self.day(seed, n), policy)
    }

    /// What it came to.
    pub(crate) fn figures(&self, books: &Ledger) -> Figures {
        Figures::of(&self.scenario, &self.centre, books)
    }

    /// What really happened.
    pub(crate) fn really(&self) -> Ledger {
        let mut agents = vec![(0, 0); self.centre.seats.len()];
        let closes = self.centre.closes;
        let mut since = vec![None; agents.len()];
        for &(at, agent, how) in &self.moves {
            match how {
                Move::In => since[agent] = Some(at),
                Move::Paused | Move::Out => {
                    agents[agent].1 += since[agent].take().map_or(0, |since: u64| at.min(closes) - since.min(closes));
                }
            }
        }
        for (agent, since) in since.into_iter().enumerate() {
            agents[agent].1 += since.map_or(0, |since| closes.saturating_sub(since));
        }
        let outcome = |(at, call): (usize, &Call)| {
            if let Some(agent) = call.answered_by {
                agents[agent].0 += call.talk + call.wrap_up;
            }
            Outcome {
                item: u32::try_from(at).unwrap_or(u32::MAX).saturating_mul(crate::day::ATTEMPTS_MAX),
                queue: call.class,
                segment: call.segment,
                arrived: call.at,
                wait: call.waited,
                answered_by: call.answered_by,
                is_sent_on: is_sent_on(call.left),
            }
        };
        let calls = self.calls.iter().enumerate().map(outcome).collect();
        Ledger { calls, agents }
    }
}

/// Not by his own will.
fn is_sent_on(left: QueueLeft) -> bool {
    match left {
        QueueLeft::Answered(_) | QueueLeft::Abandoned | QueueLeft::ShortAbandoned => false,
        QueueLeft::Overflowed
        | QueueLeft::TimedOut
        | QueueLeft::Empty
        | QueueLeft::CallbackTaken
        | QueueLeft::ExitKey
        | QueueLeft::Withdrawn
        | QueueLeft::Failed => true,
    }
}

/// How well an agent serves a queue: the least level among the skills that count; 0 if he does not serve it.
fn level(rules: &AgentRules, queue: QueueId, need: &Need, config: &AcdConfig) -> u8 {
    let Some(of_queue) = config.queues.get(&queue).map(|queue| &queue.need) else { return 0 };
    if !rules.queues.contains(&queue) || !is_met(of_queue, &rules.skills) || !is_met(need, &rules.skills) {
        return 0;
    }
    [of_queue, need].into_iter().filter_map(|need| held(need, rules)).min().unwrap_or(1)
}

/// None: the need names no skill that he must have.
fn held(need: &Need, rules: &AgentRules) -> Option<u8> {
    match need {
        Need::Anyone | Need::Not(_) => None,
        Need::AtLeast { skill, .. } => rules.skills.get(skill).copied(),
        Need::All(parts) => parts.iter().filter_map(|part| held(part, rules)).min(),
        Need::Any(parts) => {
            parts.iter().filter(|part| is_met(part, &rules.skills)).filter_map(|part| held(part, rules)).max()
        }
    }
}

fn call(
    stay: &Stay,
    classes: &mut Vec<(QueueId, Need)>,
    seats: &[AgentId],
    config: &AcdConfig,
    origin: u64,
) -> Option<Call> {
    let (left_at, left) = stay.left?;
    let entry = &stay.entry;
    let segment = config.segments.keys().position(|known| *known == entry.segment)?;
    let mut answered_by = None;
    if let QueueLeft::Answered(agent) = left {
        answered_by = Some(seats.iter().position(|known| *known == agent)?);
    }
    if !config.queues.contains_key(&entry.queue) {
        return None;
    }
    let class = (entry.queue, entry.need.clone());
    let class = classes.iter().position(|known| *known == class).unwrap_or_else(|| {
        classes.push(class);
        classes.len() - 1
    });
    Some(Call {
        at: stay.at.0 - origin,
        class,
        segment,
        waited: left_at.0 - stay.at.0,
        left,
        answered_by,
        rings: stay.rings,
        talk: stay.talk.unwrap_or(0),
        wrap_up: stay.wrap_up.unwrap_or(0),
    })
}

/// Follows one agent: when he was there for calls of the trace, and how long each that he answered kept him.
fn shift(
    agent: AgentId,
    seen: &[Seen],
    answered: &BTreeMap<(AgentId, CallId), Vec<usize>>,
    stays: &mut [Stay],
    origin: u64,
    closes: u64,
) -> Shift {
    let mut shift = Shift::default();
    let mut serves: Option<usize> = None;
    let mut is_at_work = false;
    for (n, now) in seen.iter().enumerate() {
        let at = now.at.0 - origin;
        let until = seen.get(n + 1).map_or(closes, |next| next.at.0 - origin);
        let how = match now.state {
            AgentState::Talking | AgentState::Holding | AgentState::Consulting => {
                let of_call = now.call.and_then(|call| answered.get(&(agent, call))).into_iter().flatten();
                serves = of_call.copied().rfind(|&stay| stays[stay].left.is_some_and(|(left, _)| left <= now.at));
                match serves {
                    Some(stay) => {
                        let answered_at = stays[stay].left.map_or(at, |(left, _)| left.0 - origin);
                        stays[stay].talk = Some(until - answered_at);
                        Move::In
                    }
                    // With somebody who is not of the trace.
                    None => Move::Paused,
                }
            }
            AgentState::WrapUp => match serves {
                Some(stay) => {
                    stays[stay].wrap_up = Some(stays[stay].wrap_up.unwrap_or(0) + until - at);
                    Move::In
                }
                None => Move::Paused,
            },
            // A call interrupts a task.
            AgentState::Ready | AgentState::Offered | AgentState::Ringing | AgentState::Task => Move::In,
            AgentState::Paused(reason) if [REASON_NO_ANSWER, REASON_DECLINED].contains(&reason.as_str()) => {
                shift.deaf.push((at, until));
                if reason.as_str() == REASON_NO_ANSWER {
                    shift.away.push(until - at);
                }
                Move::In
            }
            AgentState::Paused(_) | AgentState::Outbound => Move::Paused,
            AgentState::LoggedOut => Move::Out,
        };
        // Who goes or pauses from his work asked for it before: he must not be rung in between.
        let at = if is_at_work && how != Move::In { at.saturating_sub(1) } else { at };
        is_at_work = matches!(
            now.state,
            AgentState::Talking | AgentState::Holding | AgentState::Consulting | AgentState::WrapUp
        );
        match shift.moves.last_mut() {
            Some(last) if last.0 == at => last.1 = how,
            Some(last) if last.1 == how => {}
            _ => shift.moves.push((at, how)),
        }
    }
    shift
}

/// By time, those that touch as one.
fn merged(mut spans: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    spans.sort_unstable();
    let mut whole: Vec<(u64, u64)> = Vec::new();
    for (from, to) in spans {
        match whole.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => whole.push((from, to)),
        }
    }
    whole
}

/// The scenario in whose terms baselines and figures speak.
fn scenario(config: &AcdConfig, classes: &[(QueueId, Need)], calls: &[Call], closes: u64, away: &[u64]) -> Scenario {
    let busiest = config.queues.iter().max_by_key(|(queue, _)| {
        let of_it = |call: &&Call| classes[call.class].0 == **queue;
        (calls.iter().filter(of_it).count(), std::cmp::Reverse(**queue))
    });
    let rules = busiest.map(|(_, rules)| rules.clone()).unwrap_or_default();
    let ring_limit = config.queues.values().map(|rules| rules.ring_limit).max().unwrap_or(rules.ring_limit);
    let segment = |(at, (name, rules)): (usize, (&turno_base::SegmentId, &SegmentRules))| {
        let of_it = || calls.iter().filter(|call| call.segment == at);
        let waited: f64 = of_it().map(|call| call.waited as f64 / 1e6).sum();
        let gave_up = of_it().filter(|call| call.answered_by.is_none() && !is_sent_on(call.left)).count();
        SegmentMix {
            name: *name,
            share: of_it().count() as f64,
            value: f64::from(rules.value_pm) / 1000.0,
            target_s: rules.wait_target.as_secs_f64(),
            guard_s: rules.wait_max.as_secs_f64(),
            patience_s: if gave_up > 0 { (waited / gave_up as f64).max(1.0) } else { 0.0 },
            base_score_s: 0.0,
            rings: Vec::new(),
        }
    };
    let queue = |(queue, _): &(QueueId, Need)| QueueMix {
        name: *queue,
        share: 1.0,
        handle_s: 1.0,
        handle_cv: None,
        wrap_up_s: 0.0,
        weight: 0,
    };
    let back_after_s = if away.is_empty() {
        BACK_AFTER_S
    } else {
        away.iter().map(|&us| us as f64 / 1e6).sum::<f64>() / away.len() as f64
    };
    Scenario {
        name: Name::new("journal").expect("a word in lower case"),
        title: String::new(),
        opens: "00:00".to_owned(),
        hours: closes as f64 / 3.6e9,
        days: 1,
        seed: 1,
        warm_up_s: 0.0,
        load: None,
        calls_per_day: Some(calls.len() as f64),
        profile: vec![1.0],
        short_abandon_s: rules.short_abandon.as_secs_f64(),
        answered_within_s: rules.service_level.as_secs_f64(),
        ring: Rings {
            limit_s: ring_limit.as_secs_f64(),
            misses_max: config.agents.values().map(|agent| agent.no_answer_max).max().unwrap_or(0),
            back_after_s,
            ..Rings::default()
        },
        redial: Redial::default(),
        turno: Knobs::default(),
        levels: Vec::new(),
        queues: classes.iter().map(queue).collect(),
        segments: config.segments.iter().enumerate().map(segment).collect(),
        groups: Vec::new(),
        absences: Vec::new(),
        surges: Vec::new(),
    }
}
