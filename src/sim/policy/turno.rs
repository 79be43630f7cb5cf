//! The ACD itself, driven through its front door by nothing but events, commands and deadlines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_acd::{
    Acd, AcdConfig, AgentRules, Command, Decision, Entry, Event, Overflow, QueueRules, SegmentRules, WrapUp, limits,
};
use turno_base::fact::{AgentState, QueueLeft};
use turno_base::{AgentId, CallId, ItemId, Mono, Need, Now, SkillId, StationId, Wall};

use crate::day::{ATTEMPTS_MAX, Centre};
use crate::policy::{Act, Arrival, Policy};
use crate::scenario::Scenario;

/// What an operator may turn. None: as the scenario, or the ACD's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knobs {
    /// Guard of every segment, ms; 0: none.
    pub guard_ms: Option<u64>,
}

pub(super) struct Turno {
    acd: Acd,
    names: Vec<AgentId>,
    index: BTreeMap<AgentId, usize>,
    queues: Vec<turno_base::QueueId>,
    segments: Vec<turno_base::SegmentId>,
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
        for decision in self.decisions.drain(..) {
            match decision {
                Decision::Offer { item, agent, epoch, .. } => {
                    out.push(Act::Ring { item: number(item), agent: self.index[&agent], token: epoch });
                }
                Decision::Withdraw { item, agent, .. } => {
                    out.push(Act::Stop { item: number(item), agent: self.index[&agent] });
                }
                Decision::Connect { item, agent, .. } => {
                    out.push(Act::Connect { item: number(item), agent: self.index[&agent] });
                }
                Decision::Agent { agent, state: AgentState::Paused(reason), .. }
                    if reason.as_str() == limits::REASON_NO_ANSWER =>
                {
                    out.push(Act::Away { agent: self.index[&agent] });
                }
                Decision::Agent { .. }
                | Decision::Entered { .. }
                | Decision::OfferEnded { .. }
                | Decision::Left { .. }
                | Decision::Overflow { .. }
                | Decision::Announce { .. }
                | Decision::Healed { .. } => {}
            }
        }
    }
}

fn now(mono: Mono) -> Now {
    Now { mono, wall: Wall(i64::try_from(mono.0).unwrap_or(i64::MAX)) }
}

fn id(item: u32) -> ItemId {
    ItemId(CallId(u128::from(item)))
}

fn number(item: ItemId) -> u32 {
    u32::try_from(item.0.0).unwrap_or(u32::MAX)
}

fn seconds(s: f64) -> Duration {
    Duration::from_micros(crate::draw::us(s))
}

fn config(scenario: &Scenario, centre: &Centre, knobs: &Knobs) -> AcdConfig {
    let queue = |queue: &crate::scenario::QueueMix| QueueRules {
        need: Need::AtLeast { skill: SkillId(queue.name.0), level: 1 },
        length_max: u32::MAX,
        ring_limit: seconds(scenario.ring.limit_s),
        wait_limit: Duration::ZERO,
        wrap_up: if queue.wrap_up_s > 0.0 { WrapUp::Fixed(seconds(queue.wrap_up_s)) } else { WrapUp::None },
        join_when_empty: true,
        leave_when_empty: false,
        on_full: Overflow::HangUp,
        on_wait: Overflow::HangUp,
        on_empty: Overflow::HangUp,
        short_abandon: seconds(scenario.short_abandon_s),
        announce_every: Duration::ZERO,
        service_level: seconds(scenario.answered_within_s),
        service_level_target_pct: 80,
        music: None,
        greeting: None,
    };
    let agent = |seat: &crate::day::Seat| {
        let serves = scenario.queues.iter().zip(&seat.levels).filter(|(_, level)| **level > 0);
        AgentRules {
            shown: seat.name.to_string(),
            skills: serves.clone().map(|(queue, &level)| (SkillId(queue.name.0), level)).collect(),
            queues: serves.map(|(queue, _)| queue.name).collect(),
            code: String::new(),
            station: None,
            no_answer_max: scenario.ring.misses_max,
        }
    };
    let segment = |segment: &crate::scenario::SegmentMix| SegmentRules {
        value_pm: (segment.value * 1000.0).round() as u32,
        wait_target: seconds(segment.target_s),
        wait_max: knobs.guard_ms.map_or(seconds(segment.guard_s), Duration::from_millis),
    };
    AcdConfig {
        queues: scenario.queues.iter().map(|one| (one.name, queue(one))).collect(),
        agents: centre.seats.iter().map(|seat| (seat.name, agent(seat))).collect(),
        segments: scenario.segments.iter().map(|one| (one.name, segment(one))).collect(),
        reasons: BTreeMap::new(),
        redial_keeps_place: seconds(scenario.redial.keeps_place_s),
    }
}

impl Policy for Turno {
    fn enters(&mut self, call: Arrival, now: Mono, out: &mut Vec<Act>) {
        let entry = Entry {
            item: id(call.item),
            queue: self.queues[call.queue],
            need: Need::Anyone,
            segment: self.segments[call.segment],
            value_pm: 1000,
            caller: (ATTEMPTS_MAX > 1).then(|| format!("+34{:09}", call.caller)),
            credit_ms: 0,
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

    fn released(&mut self, item: u32, agent: usize, now: Mono, out: &mut Vec<Act>) {
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
