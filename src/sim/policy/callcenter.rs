//! A rule that behaves as FreeSWITCH's `mod_callcenter` with the strategy `longest-idle-agent`.
//!
//! One thread looks ten times a second at all waiting callers of all queues by score, which is base score plus whole seconds
//! of waiting, and gives each the first agent of his queue who can be had: by tier, then by the time of his last offer, then
//! by position. Skill levels are tiers, the best first; tier rules (waiting before the next tier) are off, as they come.

use std::collections::{BTreeMap, BTreeSet};

use turno_base::Mono;

use crate::day::Centre;
use crate::draw::us;
use crate::policy::floor::{Due, Floor};
use crate::policy::{Act, Arrival, Policy};
use crate::scenario::Scenario;

/// Time between two looks.
const LOOK_US: u64 = 100_000;

#[derive(Clone, Copy, Debug)]
struct Caller {
    queue: usize,
    /// Second of joining.
    joined_s: u64,
    base_s: u64,
    is_rung: bool,
}

pub(super) struct CallCenter {
    floor: Floor,
    /// In order of entering.
    callers: BTreeMap<u64, (u32, Caller)>,
    number: BTreeMap<u32, u64>,
    base_s: Vec<u64>,
    entered: u64,
    /// The next look that can find something new.
    looks: Option<Mono>,
}

impl CallCenter {
    pub(super) fn new(scenario: &Scenario, centre: &Centre) -> CallCenter {
        CallCenter {
            floor: Floor::new(scenario, centre),
            callers: BTreeMap::new(),
            number: BTreeMap::new(),
            base_s: scenario.segments.iter().map(|segment| us(segment.base_score_s) / 1_000_000).collect(),
            entered: 0,
            looks: None,
        }
    }

    /// Something changed; ages grow alike, so nothing else makes a look differ from the one before.
    fn stirs(&mut self, now: Mono) {
        if self.looks.is_none() {
            self.looks = Some(Mono((now.0 / LOOK_US + 1) * LOOK_US));
        }
    }

    fn look(&mut self, now: Mono, out: &mut Vec<Act>) {
        let now_s = now.0 / 1_000_000;
        let mut order: BTreeSet<(std::cmp::Reverse<u64>, u64)> = BTreeSet::new();
        for (&number, (_, caller)) in &self.callers {
            if !caller.is_rung {
                order.insert((std::cmp::Reverse(now_s - caller.joined_s + caller.base_s), number));
            }
        }
        for (_, number) in order {
            let (item, caller) = self.callers[&number];
            let free = (0..self.floor.desks.len())
                .filter(|&agent| self.floor.is_free(agent) && self.floor.serves(agent, caller.queue));
            let first = free.min_by_key(|&agent| {
                let tier = 10 - self.floor.levels[agent][caller.queue].min(10);
                (tier, self.floor.desks[agent].last_offer.map(|at| at.0 / 1_000_000), agent)
            });
            if let Some(agent) = first {
                self.floor.ring(item, agent, now, out);
                self.callers.insert(number, (item, Caller { is_rung: true, ..caller }));
            }
        }
    }

    fn leave(&mut self, item: u32) -> Option<Caller> {
        let number = self.number.remove(&item)?;
        self.callers.remove(&number).map(|(_, caller)| caller)
    }
}

impl Policy for CallCenter {
    fn enters(&mut self, call: Arrival, now: Mono, _out: &mut Vec<Act>) {
        self.entered += 1;
        let base_s = self.base_s[call.segment];
        let caller = Caller { queue: call.queue, joined_s: now.0 / 1_000_000, base_s, is_rung: false };
        self.callers.insert(self.entered, (call.item, caller));
        self.number.insert(call.item, self.entered);
        self.stirs(now);
    }

    fn gives_up(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) {
        self.leave(item);
        if self.floor.withdraw(item, now, out).is_some() {
            self.stirs(now);
        }
    }

    fn accepts(&mut self, item: u32, agent: usize, token: u64, _now: Mono, out: &mut Vec<Act>) {
        if self.floor.accept(item, agent, token, out) {
            self.leave(item);
        }
    }

    fn released(&mut self, _item: u32, agent: usize, wrap_up: u64, now: Mono, _out: &mut Vec<Act>) {
        self.floor.release(agent, wrap_up, now);
        self.stirs(now);
    }

    fn comes(&mut self, agent: usize, now: Mono, _out: &mut Vec<Act>) {
        self.floor.comes(agent, now);
        self.stirs(now);
    }

    fn goes(&mut self, agent: usize, _now: Mono, _out: &mut Vec<Act>) {
        self.floor.goes(agent);
    }

    fn is_back(&mut self, agent: usize, now: Mono, _out: &mut Vec<Act>) {
        self.floor.is_back(agent, now);
        self.stirs(now);
    }

    fn deadline(&self) -> Option<Mono> {
        [self.floor.deadline(), self.looks].into_iter().flatten().min()
    }

    fn on_deadline(&mut self, now: Mono, out: &mut Vec<Act>) {
        while let Some(due) = self.floor.pop(now, out) {
            if let Due::Missed { item, .. } = due
                && let Some(number) = self.number.get(&item)
                && let Some((_, caller)) = self.callers.get_mut(number)
            {
                caller.is_rung = false;
            }
            self.stirs(now);
        }
        if self.looks.is_some_and(|at| at <= now) {
            self.looks = None;
            self.look(now, out);
        }
    }
}
