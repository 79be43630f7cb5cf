//! The agents as a baseline sees them: who can be rung, who rings, whose wrap-up ends when.

use std::collections::BTreeSet;

use turno_base::Mono;

use crate::day::Centre;
use crate::draw::us;
use crate::policy::Act;
use crate::scenario::Scenario;

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Out,
    /// Can be rung, since then.
    Free(Mono),
    Rung {
        item: u32,
        token: u64,
        until: Mono,
        free_since: Mono,
    },
    Talks,
    WrapsUp(Mono),
    Away,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Desk {
    pub(super) at: At,
    goes: bool,
    misses: u32,
    /// When he was last rung, if ever.
    pub(super) last_offer: Option<Mono>,
}

/// What the floor has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// Nobody answered; the agent is free again unless he has missed too many.
    Missed { item: u32, agent: usize },
    /// The wrap-up is over.
    Free(usize),
}

#[derive(Debug)]
pub(super) struct Floor {
    pub(super) desks: Vec<Desk>,
    /// Level by agent and queue.
    pub(super) levels: Vec<Vec<u8>>,
    limit: u64,
    misses_max: u32,
    due: BTreeSet<(Mono, usize)>,
    token: u64,
}

impl Floor {
    pub(super) fn new(scenario: &Scenario, centre: &Centre) -> Floor {
        let desk = Desk { at: At::Out, goes: false, misses: 0, last_offer: None };
        Floor {
            desks: vec![desk; centre.seats.len()],
            levels: centre.seats.iter().map(|seat| seat.levels.clone()).collect(),
            limit: us(scenario.ring.limit_s),
            misses_max: scenario.ring.misses_max,
            due: BTreeSet::new(),
            token: 0,
        }
    }

    pub(super) fn is_free(&self, agent: usize) -> bool {
        matches!(self.desks[agent].at, At::Free(_))
    }

    pub(super) fn serves(&self, agent: usize, queue: usize) -> bool {
        self.levels[agent][queue] > 0
    }

    /// Since when he can be rung; the latest possible if he cannot.
    pub(super) fn free_since(&self, agent: usize) -> Mono {
        match self.desks[agent].at {
            At::Free(since) => since,
            At::Out | At::Rung { .. } | At::Talks | At::WrapsUp(_) | At::Away => Mono(u64::MAX),
        }
    }

    pub(super) fn ring(&mut self, item: u32, agent: usize, now: Mono, out: &mut Vec<Act>) {
        let free_since = self.free_since(agent);
        self.token += 1;
        let until = Mono(now.0 + self.limit);
        self.set(agent, At::Rung { item, token: self.token, until, free_since });
        self.desks[agent].last_offer = Some(now);
        out.push(Act::Ring { item, agent, token: self.token });
    }

    /// The agent who is being rung for `item` is free again, as if he had not been.
    pub(super) fn withdraw(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) -> Option<usize> {
        let is_rung = |desk: &Desk| matches!(desk.at, At::Rung { item: held, .. } if held == item);
        let agent = self.desks.iter().position(is_rung)?;
        if let At::Rung { free_since, .. } = self.desks[agent].at {
            out.push(Act::Stop { item, agent });
            self.frees(agent, free_since, now);
        }
        Some(agent)
    }

    /// False if the offer is no more.
    pub(super) fn accept(&mut self, item: u32, agent: usize, token: u64, out: &mut Vec<Act>) -> bool {
        let At::Rung { item: held, token: own, .. } = self.desks[agent].at else { return false };
        if (held, own) != (item, token) {
            return false;
        }
        self.set(agent, At::Talks);
        self.desks[agent].misses = 0;
        out.push(Act::Connect { item, agent });
        true
    }

    /// True if he is free at once.
    pub(super) fn release(&mut self, agent: usize, wrap_up: u64, now: Mono) -> bool {
        if wrap_up == 0 {
            return self.frees(agent, now, now);
        }
        self.set(agent, At::WrapsUp(Mono(now.0 + wrap_up)));
        false
    }

    pub(super) fn comes(&mut self, agent: usize, now: Mono) {
        self.desks[agent].goes = false;
        if self.desks[agent].at == At::Out {
            self.set(agent, At::Free(now));
        }
    }

    pub(super) fn goes(&mut self, agent: usize) {
        match self.desks[agent].at {
            At::Out | At::Free(_) | At::Away => self.set(agent, At::Out),
            At::Rung { .. } | At::Talks | At::WrapsUp(_) => self.desks[agent].goes = true,
        }
    }

    pub(super) fn is_back(&mut self, agent: usize, now: Mono) {
        self.desks[agent].misses = 0;
        if self.desks[agent].at == At::Away {
            self.set(agent, At::Free(now));
        }
    }

    /// True if he is free now.
    fn frees(&mut self, agent: usize, since: Mono, now: Mono) -> bool {
        let at = if std::mem::take(&mut self.desks[agent].goes) { At::Out } else { At::Free(since.min(now)) };
        self.set(agent, at);
        at != At::Out
    }

    fn set(&mut self, agent: usize, at: At) {
        if let Some(old) = deadline(self.desks[agent].at) {
            self.due.remove(&(old, agent));
        }
        if let Some(new) = deadline(at) {
            self.due.insert((new, agent));
        }
        self.desks[agent].at = at;
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due.first().map(|&(at, _)| at)
    }

    /// The next that is due.
    pub(super) fn pop(&mut self, now: Mono, out: &mut Vec<Act>) -> Option<Due> {
        let &(at, agent) = self.due.first()?;
        if at > now {
            return None;
        }
        match self.desks[agent].at {
            At::Rung { item, .. } => {
                out.push(Act::Stop { item, agent });
                self.desks[agent].misses += 1;
                self.frees(agent, now, now);
                if self.is_free(agent) && self.misses_max > 0 && self.desks[agent].misses >= self.misses_max {
                    self.set(agent, At::Away);
                    out.push(Act::Away { agent });
                }
                Some(Due::Missed { item, agent })
            }
            At::WrapsUp(_) => {
                self.frees(agent, now, now);
                Some(Due::Free(agent))
            }
            At::Out | At::Free(_) | At::Talks | At::Away => None,
        }
    }
}

fn deadline(at: At) -> Option<Mono> {
    match at {
        At::Rung { until, .. } | At::WrapsUp(until) => Some(until),
        At::Out | At::Free(_) | At::Talks | At::Away => None,
    }
}
