//! A rule that behaves as Asterisk's `app_queue`, each queue with round robin and memory.
//!
//! What its users know it by: every caller asks for himself, once a second, whether it is his turn, which it is if fewer
//! callers stand before him than the queue has free agents, whoever those are; when it is, he tries the queue's agents by
//! penalty and turn; if none can be had (a queue of more weight with as many callers as free agents keeps them), or the one
//! who was rung lets it ring, he pauses for the retry time before he asks again. Nothing happens at the moment an agent
//! becomes free.

use std::collections::{BTreeMap, BTreeSet};

use turno_base::Mono;

use crate::day::Centre;
use crate::policy::floor::{Due, Floor};
use crate::policy::{Act, Arrival, Policy, value_order};
use crate::scenario::Scenario;

/// A waiting caller asks again this often.
const POLL_US: u64 = 1_000_000;
/// Pause after a try that found nobody: `retry` of queues.conf as it comes.
const RETRY_US: u64 = 5_000_000;
/// What one step of penalty weighs against any place in the turn.
const PENALTY: usize = 1_000_000;
/// What an agent who has had his turn weighs.
const HAD_TURN: usize = 1000;

#[derive(Clone, Debug, Default)]
struct Line {
    weight: u32,
    /// Agents in order of the file.
    agents: Vec<usize>,
    /// By priority, then order of entering.
    callers: BTreeSet<(u32, u64, u32)>,
    /// The place after that of the agent rung last.
    turn: usize,
}

#[derive(Clone, Copy, Debug)]
struct Caller {
    queue: usize,
    place: (u32, u64, u32),
    /// When he asks next; none while an agent is being rung for him.
    asks: Option<Mono>,
}

pub(super) struct AppQueue {
    floor: Floor,
    lines: Vec<Line>,
    callers: BTreeMap<u32, Caller>,
    asking: BTreeSet<(Mono, u32)>,
    /// Priority by segment; all equal unless the operator sets one.
    priority: Vec<u32>,
    entered: u64,
}

impl AppQueue {
    pub(super) fn new(scenario: &Scenario, centre: &Centre, by_segment: bool) -> AppQueue {
        let floor = Floor::new(scenario, centre);
        let line = |(at, queue): (usize, &crate::scenario::QueueMix)| Line {
            weight: queue.weight,
            agents: (0..centre.seats.len()).filter(|&agent| floor.serves(agent, at)).collect(),
            ..Line::default()
        };
        AppQueue {
            lines: scenario.queues.iter().enumerate().map(line).collect(),
            floor,
            callers: BTreeMap::new(),
            asking: BTreeSet::new(),
            priority: if by_segment { value_order(scenario) } else { vec![0; scenario.segments.len()] },
            entered: 0,
        }
    }

    /// Agents of the queue who could be rung, counted up to `most`.
    fn available(&self, queue: usize, most: usize) -> usize {
        self.lines[queue].agents.iter().filter(|&&agent| self.floor.is_free(agent)).take(most).count()
    }

    /// Fewer callers before him than free agents, those for whom an agent is being rung not counted.
    fn is_his_turn(&self, caller: &Caller) -> bool {
        let before = self.lines[caller.queue].callers.range(..caller.place);
        let asks = |&&(_, _, item): &&(u32, u64, u32)| self.callers[&item].asks.is_some();
        let ahead = before.filter(asks).count();
        self.available(caller.queue, ahead + 1) > ahead
    }

    /// A queue of more weight needs this agent: it has at least as many callers as free agents.
    fn is_kept(&self, agent: usize, queue: usize) -> bool {
        self.lines.iter().enumerate().any(|(other, line)| {
            line.weight > self.lines[queue].weight
                && !line.callers.is_empty()
                && self.floor.serves(agent, other)
                && line.callers.len() >= self.available(other, line.callers.len() + 1)
        })
    }

    fn ask(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) {
        let Some(&caller) = self.callers.get(&item) else { return };
        if !self.is_his_turn(&caller) {
            return self.ask_at(item, Some(Mono(now.0 + POLL_US)));
        }
        let line = &self.lines[caller.queue];
        let had_turn = |place: usize| if place < line.turn { HAD_TURN + place } else { place };
        let penalty = |agent: usize| PENALTY * usize::from(10 - self.floor.levels[agent][caller.queue].min(10));
        let best = (line.agents.iter().enumerate())
            .filter(|&(_, &agent)| self.floor.is_free(agent) && !self.is_kept(agent, caller.queue))
            .min_by_key(|&(place, &agent)| penalty(agent) + had_turn(place));
        match best {
            Some((place, &agent)) => {
                self.lines[caller.queue].turn = place + 1;
                self.ask_at(item, None);
                self.floor.ring(item, agent, now, out);
            }
            None => self.ask_at(item, Some(Mono(now.0 + RETRY_US))),
        }
    }

    fn ask_at(&mut self, item: u32, at: Option<Mono>) {
        let Some(caller) = self.callers.get_mut(&item) else { return };
        if let Some(old) = std::mem::replace(&mut caller.asks, at) {
            self.asking.remove(&(old, item));
        }
        if let Some(at) = at {
            self.asking.insert((at, item));
        }
    }

    fn leave(&mut self, item: u32) {
        self.ask_at(item, None);
        if let Some(caller) = self.callers.remove(&item) {
            self.lines[caller.queue].callers.remove(&caller.place);
        }
    }
}

impl Policy for AppQueue {
    fn enters(&mut self, call: Arrival, now: Mono, out: &mut Vec<Act>) {
        self.entered += 1;
        let place = (self.priority[call.segment], self.entered, call.item);
        self.lines[call.queue].callers.insert(place);
        self.callers.insert(call.item, Caller { queue: call.queue, place, asks: None });
        self.ask(call.item, now, out);
    }

    fn gives_up(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) {
        self.leave(item);
        self.floor.withdraw(item, now, out);
    }

    fn accepts(&mut self, item: u32, agent: usize, token: u64, _now: Mono, out: &mut Vec<Act>) {
        if self.floor.accept(item, agent, token, out) {
            self.leave(item);
        }
    }

    fn released(&mut self, _item: u32, agent: usize, wrap_up: u64, now: Mono, _out: &mut Vec<Act>) {
        self.floor.release(agent, wrap_up, now);
    }

    fn comes(&mut self, agent: usize, now: Mono, _out: &mut Vec<Act>) {
        self.floor.comes(agent, now);
    }

    fn goes(&mut self, agent: usize, _now: Mono, _out: &mut Vec<Act>) {
        self.floor.goes(agent);
    }

    fn is_back(&mut self, agent: usize, now: Mono, _out: &mut Vec<Act>) {
        self.floor.is_back(agent, now);
    }

    fn deadline(&self) -> Option<Mono> {
        let asks = self.asking.first().map(|&(at, _)| at);
        [self.floor.deadline(), asks].into_iter().flatten().min()
    }

    fn on_deadline(&mut self, now: Mono, out: &mut Vec<Act>) {
        while let Some(due) = self.floor.pop(now, out) {
            match due {
                Due::Missed { item, .. } => self.ask_at(item, Some(Mono(now.0 + RETRY_US))),
                Due::Free(_) => {}
            }
        }
        while let Some(&(at, item)) = self.asking.first().filter(|(at, _)| *at <= now) {
            self.asking.remove(&(at, item));
            self.ask(item, now, out);
        }
    }
}
