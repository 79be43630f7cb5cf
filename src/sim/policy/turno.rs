//! The ACD itself, driven through its front door by nothing but events, commands and deadlines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_acd::{
    Acd, AcdConfig, AgentRules, Command, Credits, Decision, Entry, Event, Kind, QueueRules, RingNeed, RingRules, Rule,
    SegmentRules, WrapUp, limits,
};
use turno_base::fact::{AgentState, QueueLeft};
use turno_base::{AgentId, CallId, ItemId, Mono, Need, Now, QueueId, SegmentId, SkillId, StationId, Wall};

use crate::day::{ATTEMPTS_MAX, Centre};
use crate::policy::{Act, Arrival, Policy};
use crate::scenario::Scenario;

/// What an operator may turn; what is not said is as the ACD comes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knobs {
    /// Weight of a customer: value to this power, 0..=2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_exponent: Option<f64>,
    /// Weight of a skill: its pressure to this power, 0..=2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pressure_exponent: Option<f64>,
    /// What an agent is worth elsewhere, seconds of idle time for each unit of pressure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opportunity_s: Option<f64>,
    /// What a level of a needed skill is worth, seconds of idle time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit_per_level_s: Option<f64>,
    /// Lengths of all rings, times this; 0: no rings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_scale: Option<f64>,
    /// Guard of every segment, seconds; 0: none. If absent, that of each segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_s: Option<f64>,
}

impl Knobs {
    /// These, and where they say nothing, those.
    pub fn or(&self, those: &Knobs) -> Knobs {
        Knobs {
            value_exponent: self.value_exponent.or(those.value_exponent),
            pressure_exponent: self.pressure_exponent.or(those.pressure_exponent),
            opportunity_s: self.opportunity_s.or(those.opportunity_s),
            fit_per_level_s: self.fit_per_level_s.or(those.fit_per_level_s),
            ring_scale: self.ring_scale.or(those.ring_scale),
            guard_s: self.guard_s.or(those.guard_s),
        }
    }

    fn rule(&self) -> Rule {
        let plain = Rule::default();
        let pm = |given: Option<f64>, plain: u32| given.map_or(plain, |power| (power * 1000.0).round() as u32);
        Rule {
            value_exponent_pm: pm(self.value_exponent, plain.value_exponent_pm),
            pressure_exponent_pm: pm(self.pressure_exponent, plain.pressure_exponent_pm),
            opportunity: self.opportunity_s.map_or(plain.opportunity, seconds),
            fit_per_level: self.fit_per_level_s.map_or(plain.fit_per_level, seconds),
            ..plain
        }
    }
}

pub(super) struct Turno {
    acd: Acd,
    names: Vec<AgentId>,
    index: BTreeMap<AgentId, usize>,
    queues: Vec<QueueId>,
    segments: Vec<SegmentId>,
    decisions: Vec<Decision>,
}

impl Turno {
    pub(super) fn new(scenario: &Scenario, centre: &Centre, knobs: &Knobs, seed: u64) -> Turno {
        let names: Vec<AgentId> = centre.seats.iter().map(|seat| seat.name).collect();
        Turno {
            acd: Acd::new(config(scenario, centre, knobs), seed),
            index: names.iter().enumerate().map(|(at, &name)| (name, at)).collect(),
            names,
            queues: scenario.queues.iter().map(|queue| queue.name).collect(),
            segments: scenario.segments.iter().map(|segment| segment.name).collect(),
            decisions: Vec::new(),
        }
    }

    fn tell(&mut self, event: Event, at: Mono, out: &mut Vec<Act>) {
        self.acd.on_event(event, now(at), &mut self.decisions);
        self.done(out);
    }

    fn ask(&mut self, command: Command, at: Mono, out: &mut Vec<Act>) {
        // Who asks to be ready while he talks is told that he is busy; nothing is lost by it.
        let refused = self.acd.on_command(command, now(at), &mut self.decisions);
        debug_assert!(refused.is_ok(), "{refused:?}");
        self.done(out);
    }

    /// Translates what was decided.
    fn done(&mut self, out: &mut Vec<Act>) {
        out.extend(self.decisions.drain(..).filter_map(|decision| act(&decision, &self.index)));
    }
}

/// What the world has to do for a decision, if anything.
pub(super) fn act(decision: &Decision, index: &BTreeMap<AgentId, usize>) -> Option<Act> {
    match *decision {
        Decision::Offer { item, agent, epoch, .. } => {
            Some(Act::Ring { item: number(item), agent: index[&agent], token: epoch })
        }
        Decision::Withdraw { item, agent, .. } => Some(Act::Stop { item: number(item), agent: index[&agent] }),
        Decision::Connect { item, agent, .. } => Some(Act::Connect { item: number(item), agent: index[&agent] }),
        Decision::Agent { agent, state: AgentState::Paused(reason), .. }
            if reason.as_str() == limits::REASON_NO_ANSWER =>
        {
            Some(Act::Away { agent: index[&agent] })
        }
        Decision::Agent { .. }
        | Decision::Entered { .. }
        | Decision::OfferEnded { .. }
        | Decision::Left { .. }
        | Decision::Overflow { .. }
        | Decision::Announce { .. }
        | Decision::Foreseen { .. }
        | Decision::Disposed { .. }
        | Decision::Task { .. }
        | Decision::PauseTooLong { .. }
        | Decision::Serves { .. }
        | Decision::Emergency { .. }
        | Decision::Changed { .. }
        | Decision::LeavingByKey { .. }
        | Decision::CallbackTaken { .. }
        | Decision::CallbackRefused { .. }
        | Decision::CallBack { .. }
        | Decision::CallbackStop { .. }
        | Decision::CallbackEnded { .. }
        | Decision::CallbacksDue { .. }
        | Decision::Healed { .. } => None,
    }
}

pub(super) fn now(mono: Mono) -> Now {
    Now { mono, wall: Wall(i64::try_from(mono.0).unwrap_or(i64::MAX)) }
}

pub(super) fn id(item: u32) -> ItemId {
    ItemId(CallId(u128::from(item)))
}

fn number(item: ItemId) -> u32 {
    u32::try_from(item.0.0).unwrap_or(u32::MAX)
}

fn seconds(s: f64) -> Duration {
    Duration::from_micros(crate::draw::us(s))
}

pub(crate) fn config(scenario: &Scenario, centre: &Centre, knobs: &Knobs) -> AcdConfig {
    let knobs = &knobs.or(&scenario.turno);
    let queue = |queue: &crate::scenario::QueueMix| QueueRules {
        need: Need::AtLeast { skill: SkillId(queue.name.0), level: 1 },
        length_max: u32::MAX,
        ring_limit: seconds(scenario.ring.limit_s),
        wrap_up: if queue.wrap_up_s > 0.0 { WrapUp::Fixed(seconds(queue.wrap_up_s)) } else { WrapUp::None },
        short_abandon: seconds(scenario.short_abandon_s),
        service_level: seconds(scenario.answered_within_s),
        ..QueueRules::default()
    };
    let scale = knobs.ring_scale.unwrap_or(1.0);
    let ring = |segment: SegmentId, ring: &crate::scenario::Widening| RingRules {
        segments: vec![segment],
        need: RingNeed::Level(ring.level),
        length: seconds(ring.for_s * scale),
        skip_if_none_logged_in: true,
        // Who will wait longer than the ring lasts waits in it for nothing.
        widen_if_expected_over: Some(seconds(ring.for_s * scale)),
    };
    let rings = scenario.segments.iter().flat_map(|one| one.rings.iter().map(|widens| ring(one.name, widens)));
    let agent = |seat: &crate::day::Seat| {
        let serves = scenario.queues.iter().zip(&seat.levels).filter(|(_, level)| **level > 0);
        AgentRules {
            shown: seat.name.to_string(),
            skills: serves.clone().map(|(queue, &level)| (SkillId(queue.name.0), level)).collect(),
            queues: serves.map(|(queue, _)| queue.name).collect(),
            no_answer_max: scenario.ring.misses_max,
            ..AgentRules::default()
        }
    };
    let segment = |segment: &crate::scenario::SegmentMix| SegmentRules {
        value_pm: (segment.value * 1000.0).round() as u32,
        wait_target: seconds(segment.target_s),
        wait_max: seconds(knobs.guard_s.unwrap_or(segment.guard_s)),
    };
    AcdConfig {
        queues: scenario.queues.iter().map(|one| (one.name, queue(one))).collect(),
        agents: centre.seats.iter().map(|seat| (seat.name, agent(seat))).collect(),
        segments: scenario.segments.iter().map(|one| (one.name, segment(one))).collect(),
        redial_keeps_place: seconds(scenario.redial.keeps_place_s),
        rule: knobs.rule(),
        rings: rings.filter(|ring| !ring.length.is_zero()).collect(),
        ..AcdConfig::default()
    }
}

impl Policy for Turno {
    fn enters(&mut self, call: Arrival, now: Mono, out: &mut Vec<Act>) {
        let entry = Entry {
            item: id(call.item),
            kind: Kind::Call,
            queue: self.queues[call.queue],
            need: Need::Anyone,
            segment: self.segments[call.segment],
            value_pm: 1000,
            caller: (ATTEMPTS_MAX > 1).then(|| format!("+34{:09}", call.caller)),
            credits: Credits::default(),
            owner: None,
            last_agent: None,
            callback_to: None,
        };
        self.tell(Event::Enter(entry), now, out);
    }

    fn gives_up(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) {
        self.tell(Event::Leave { item: id(item), how: QueueLeft::Abandoned }, now, out);
    }

    fn accepts(&mut self, item: u32, agent: usize, token: u64, now: Mono, out: &mut Vec<Act>) {
        let agent = self.names[agent];
        self.tell(Event::Accept { item: id(item), agent, epoch: token }, now, out);
    }

    fn released(&mut self, item: u32, agent: usize, _wrap_up: u64, now: Mono, out: &mut Vec<Act>) {
        let agent = self.names[agent];
        self.tell(Event::Released { item: id(item), agent }, now, out);
    }

    fn comes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        let agent = self.names[agent];
        self.ask(Command::Login { agent, station: StationId(agent.0) }, now, out);
    }

    fn goes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        let agent = self.names[agent];
        self.ask(Command::Logout { agent }, now, out);
    }

    fn is_back(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        let agent = self.names[agent];
        self.ask(Command::Ready { agent }, now, out);
    }

    fn deadline(&self) -> Option<Mono> {
        self.acd.deadline()
    }

    fn on_deadline(&mut self, at: Mono, out: &mut Vec<Act>) {
        self.acd.on_deadline(now(at), &mut self.decisions);
        self.done(out);
    }
}
