//! Event-driven rules without memory of value: an order of calls and a choice of agents. Each pair is looked at, so no call
//! that a free agent cannot take delays one that he can. A call that was not answered keeps its place and is kept apart from
//! the agent who let it ring.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use turno_base::Mono;

use crate::day::Centre;
use crate::draw::us;
use crate::policy::floor::{Due, Floor};
use crate::policy::{Act, Arrival, Policy, value_order};
use crate::scenario::Scenario;

/// The pair stays apart this long after no answer, as in the ACD.
const APART_US: u64 = 20_000_000;

/// Which call goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Age,
    ValueThenAge,
    WaitOverTarget,
}

/// Which agent is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    InTurn,
    LongestIdle,
    BestSkill,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    queue: usize,
    segment: usize,
    since: Mono,
    is_rung: bool,
    apart: Option<(usize, Mono)>,
}

pub(super) struct Plain {
    order: Order,
    choice: Choice,
    floor: Floor,
    /// By order of entering.
    waiting: BTreeMap<(Mono, u32), Waiting>,
    entered: BTreeMap<u32, Mono>,
    apart: BTreeSet<(Mono, u32)>,
    value_order: Vec<u32>,
    targets: Vec<u64>,
    /// By queue: the agent after the one who was rung last.
    turns: Vec<usize>,
}

impl Plain {
    pub(super) fn new(scenario: &Scenario, centre: &Centre, order: Order, choice: Choice) -> Plain {
        Plain {
            order,
            choice,
            floor: Floor::new(scenario, centre),
            waiting: BTreeMap::new(),
            entered: BTreeMap::new(),
            apart: BTreeSet::new(),
            value_order: value_order(scenario),
            targets: scenario.segments.iter().map(|segment| us(segment.target_s)).collect(),
            turns: vec![0; scenario.queues.len()],
        }
    }

    fn place(&self, item: u32) -> Option<(Mono, u32)> {
        self.entered.get(&item).map(|&since| (since, item))
    }

    fn may(&self, waiting: &Waiting, agent: usize, now: Mono) -> bool {
        self.floor.serves(agent, waiting.queue)
            && waiting.apart.is_none_or(|(from, until)| from != agent || until <= now)
    }

    fn seek_agent(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) {
        let Some(place) = self.place(item) else { return };
        let waiting = self.waiting[&place];
        let seats = self.floor.desks.len();
        let free = (0..seats).filter(|&agent| self.floor.is_free(agent) && self.may(&waiting, agent, now));
        let turn = self.turns[waiting.queue];
        let best = match self.choice {
            Choice::InTurn => free.min_by_key(|&agent| (agent + seats - turn) % seats),
            Choice::LongestIdle => free.min_by_key(|&agent| (self.floor.free_since(agent), agent)),
            Choice::BestSkill => free.min_by_key(|&agent| {
                let level = self.floor.levels[agent][waiting.queue];
                (std::cmp::Reverse(level), self.floor.free_since(agent), agent)
            }),
        };
        if let Some(agent) = best {
            self.ring(place, agent, now, out);
        }
    }

    fn seek_item(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        if !self.floor.is_free(agent) {
            return;
        }
        let may = |(_, waiting): &(&(Mono, u32), &Waiting)| !waiting.is_rung && self.may(waiting, agent, now);
        let best = self.waiting.iter().filter(may).min_by(|a, b| self.before(a.1, b.1, now).then(a.0.cmp(b.0)));
        if let Some((&place, _)) = best {
            self.ring(place, agent, now, out);
        }
    }

    fn before(&self, a: &Waiting, b: &Waiting, now: Mono) -> Ordering {
        match self.order {
            Order::Age => Ordering::Equal,
            Order::ValueThenAge => self.value_order[a.segment].cmp(&self.value_order[b.segment]),
            Order::WaitOverTarget => {
                let over = |one: &Waiting, other: &Waiting| {
                    u128::from(now.0 - one.since.0) * u128::from(self.targets[other.segment])
                };
                over(b, a).cmp(&over(a, b))
            }
        }
    }

    fn ring(&mut self, place: (Mono, u32), agent: usize, now: Mono, out: &mut Vec<Act>) {
        if let Some(waiting) = self.waiting.get_mut(&place) {
            waiting.is_rung = true;
            self.turns[waiting.queue] = (agent + 1) % self.floor.desks.len();
            if let Some((_, until)) = waiting.apart.take() {
                self.apart.remove(&(until, place.1));
            }
        }
        self.floor.ring(place.1, agent, now, out);
    }

    fn forget(&mut self, item: u32) {
        if let Some(place) = self.place(item)
            && let Some(waiting) = self.waiting.remove(&place)
            && let Some((_, until)) = waiting.apart
        {
            self.apart.remove(&(until, item));
        }
        self.entered.remove(&item);
    }

    fn missed(&mut self, item: u32, agent: usize, now: Mono, out: &mut Vec<Act>) {
        let Some(place) = self.place(item) else { return };
        if let Some(waiting) = self.waiting.get_mut(&place) {
            waiting.is_rung = false;
            let until = Mono(now.0 + APART_US);
            waiting.apart = Some((agent, until));
            self.apart.insert((until, item));
        }
        self.seek_agent(item, now, out);
        self.seek_item(agent, now, out);
    }
}

impl Policy for Plain {
    fn enters(&mut self, call: Arrival, now: Mono, out: &mut Vec<Act>) {
        let waiting = Waiting { queue: call.queue, segment: call.segment, since: now, is_rung: false, apart: None };
        self.waiting.insert((now, call.item), waiting);
        self.entered.insert(call.item, now);
        self.seek_agent(call.item, now, out);
    }

    fn gives_up(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) {
        self.forget(item);
        if let Some(agent) = self.floor.withdraw(item, now, out) {
            self.seek_item(agent, now, out);
        }
    }

    fn accepts(&mut self, item: u32, agent: usize, token: u64, _now: Mono, out: &mut Vec<Act>) {
        if self.floor.accept(item, agent, token, out) {
            self.forget(item);
        }
    }

    fn released(&mut self, _item: u32, agent: usize, wrap_up: u64, now: Mono, out: &mut Vec<Act>) {
        if self.floor.release(agent, wrap_up, now) {
            self.seek_item(agent, now, out);
        }
    }

    fn comes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        self.floor.comes(agent, now);
        self.seek_item(agent, now, out);
    }

    fn goes(&mut self, agent: usize, _now: Mono, _out: &mut Vec<Act>) {
        self.floor.goes(agent);
    }

    fn is_back(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        self.floor.is_back(agent, now);
        self.seek_item(agent, now, out);
    }

    fn deadline(&self) -> Option<Mono> {
        let apart = self.apart.first().map(|&(at, _)| at);
        [self.floor.deadline(), apart].into_iter().flatten().min()
    }

    fn on_deadline(&mut self, now: Mono, out: &mut Vec<Act>) {
        while let Some(&(until, item)) = self.apart.first().filter(|(until, _)| *until <= now) {
            self.apart.remove(&(until, item));
            if let Some(place) = self.place(item)
                && let Some(waiting) = self.waiting.get_mut(&place)
            {
                waiting.apart = None;
                if !waiting.is_rung {
                    self.seek_agent(item, now, out);
                }
            }
        }
        while let Some(due) = self.floor.pop(now, out) {
            match due {
                Due::Missed { item, agent } => self.missed(item, agent, now, out),
                Due::Free(agent) => self.seek_item(agent, now, out),
            }
        }
    }
}
